"""Folded answers: every recall question of every lesson, word by word, from the one page that has them."""

import re
from pathlib import Path

import pytest

from faceswap_lab.base.errors import LabError
from faceswap_lab.widgets.recall import Answers, questions

LESSONS = sorted((Path(__file__).resolve().parents[2] / "notebooks" / "text").glob("[0-9][0-9]_*.py"))


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem[:2])
def test_a_lesson_folds_the_answers_to_its_own_questions(path):
    number, text = path.stem[:2], path.read_text(encoding="utf-8")
    recap = text[text.index("# ## Recap") :]
    asked = re.findall(r"^# \d+\. (.+)$", recap, re.M)
    assert [question for question, _, _ in questions(number)] == asked and len(asked) >= 5
    assert recap.count(f'Answers("{number}")') == 1
    shown = Answers(number)._repr_markdown_()
    assert shown.count("<details>") == shown.count("</details>") == shown.count("*Tempting*") == len(asked)
    summaries = re.findall(r"<summary [^>]*>(.+?)</summary>", shown)
    assert shown.count("display:list-item") == len(asked), "each has its triangle, in the classic notebook and on Colab too"
    assert not any(re.search(r"[*`]|<-", summary) for summary in summaries), "no Markdown inside of a summary"


def test_no_lesson_and_no_page_are_said(tmp_path):
    with pytest.raises(LabError, match="no questions for lesson '77'"):
        questions("77")
    with pytest.raises(LabError, match="Fetch the lab again"):
        questions("02", tmp_path / "answers.md")
