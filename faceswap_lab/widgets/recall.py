"""A lesson's recall questions with their answers folded away; both stand in docs/teaching/answers.md, and nowhere else."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from pathlib import Path

from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import _
from faceswap_lab.course.samples import ROOT

PAGE = ROOT / "docs" / "teaching" / "answers.md"
_SUMMARY = '<summary style="display:list-item; cursor:pointer">'  # the classic notebook hides the triangle otherwise
_ANSWER = re.compile(r"^\d+\. \*\*(.+?)\*\* (.+)\n   - \*Tempting\*: (.+)$", re.M)


def questions(lesson: str, page: Path = PAGE) -> list[tuple[str, str, str]]:
    """The recall questions of a lesson.

    Args:
        lesson: its number, such as "02".
        page: the answer key.

    Returns:
        (question, answer, the wrong answer that tempts and why it is wrong) each, in Markdown.

    Raises:
        LabError: when the page is missing or has no questions for this lesson.
    """
    if not page.exists():
        raise LabError(f"{page}: the answers are not here. Fetch the lab again, with its folder docs/.")
    section = re.search(rf"^## {lesson} .*?(?=^## |\Z)", page.read_text(encoding="utf-8"), re.M | re.S)
    found = _ANSWER.findall(section[0]) if section else []
    if not found:
        raise LabError(f"{page}: it has no questions for lesson {lesson!r}. Name one that has, such as '02'.")
    return found


def _inline(question: str) -> str:
    """Emphasis and code as HTML, since Markdown inside of a summary is shown as it is written."""
    marked = re.sub(r"\*([^*]+)\*", r"<em>\1</em>", html.escape(question, quote=False))
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", marked)


@dataclass(frozen=True)
class Answers:
    """Folded answers for `display`: a question opens with a click.

    Args:
        lesson: its number, such as "02".
    """

    lesson: str

    def _repr_markdown_(self) -> str:
        folds = [
            f"<details>{_SUMMARY}{number}. {_inline(question)}</summary>\n\n{answer}\n\n*{_('Tempting')}*: {wrong}\n\n</details>"
            for number, (question, answer, wrong) in enumerate(questions(self.lesson), 1)
        ]
        return "\n\n".join(folds)

    def __repr__(self) -> str:
        said = _("{count} answers, folded: docs/teaching/answers.md, lesson {lesson}")
        return said.format(count=len(questions(self.lesson)), lesson=self.lesson)
