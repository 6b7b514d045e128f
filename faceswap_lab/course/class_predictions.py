"""A class's predictions: which questions it guessed right, and how far its "90 % sure" can be trusted.

They come with what students hand in: the last cell of a notebook that was run carries them beside the lines that it shows
(`predictions.show`), and a run's predictions.json may lie next to it. Numbers of thirty students on ten questions are not three
hundred independent ones, so that the intervals are a little too narrow.

G. Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review 78, 1950: the score, 0 for always
certain and right, 0.25 for always "50 %". A. Murphy and R. Winkler, "Reliability of subjective probability forecasts", Applied
Statistics 26, 1977: the diagram.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import _, english, ngettext, retold
from faceswap_lab.course import notebooks, predictions

_NAME = re.compile(r"[0-9]{2} .{1,60}")
_MOST = 200  # predictions of one student; the lessons ask for some forty
BINS = (0, 25, 50, 60, 70, 80, 90, 100)  # per cent: the ends of the table's rows, the upper one included


@dataclass(frozen=True)
class Guess:
    """One prediction whose result has come.

    Args:
        hit: whether it came true.
        sure: in per cent, over 0 to 100; None where it was not said.
    """

    hit: bool
    sure: float | None


@dataclass(frozen=True)
class Row:
    """A line of a table: a question, or a range of confidence.

    Args:
        name: the question, or the range in words.
        right, of: how many came true, of how many.
        sure: mean confidence in per cent; NaN where nobody said one.
    """

    name: str
    right: int
    of: int
    sure: float

    @property
    def share(self) -> float:
        """How many came true, in per cent."""
        return 100 * self.right / self.of

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the share, in per cent."""
        found = stats.binomtest(self.right, self.of).proportion_ci(method="wilson")
        return 100 * float(found.low), 100 * float(found.high)


def guesses(entries: object) -> dict[str, Guess]:
    """What a stranger's predictions say, by question: those with a result, typed before it. What is no such entry is left out."""
    found = {}
    for name, entry in list(entries.items())[:_MOST] if isinstance(entries, dict) else ():
        if not (_NAME.fullmatch(name) and name.isprintable() and isinstance(entry, dict)):
            continue
        sure, late = entry.get("sure"), entry.get("late")
        if (
            isinstance(entry.get("hit"), bool)
            and not late
            and (sure is None or (type(sure) in (int, float) and 0 < sure <= 100))
        ):
            found[name] = Guess(entry["hit"], sure)
    return found


def of_notebook(content: dict) -> dict[str, Guess]:
    """The predictions that an executed notebook carries, the last output's of a question."""
    found: dict[str, Guess] = {}
    for cell in content["cells"]:
        for output in cell.get("outputs", []) if cell.get("cell_type") == "code" else ():
            data = output.get("data") if isinstance(output, dict) else None
            found |= guesses(data.get(predictions.MIME)) if isinstance(data, dict) else {}
    return found


def of_class(place: Path) -> list[dict[str, Guess]]:
    """The predictions of each student who made some.

    Args:
        place: a notebook, or a folder of them: what lies in one of its folders is one student's, however deep; a file that lies in
            it is a student's, too.
    """
    students: dict[str, dict[str, Guess]] = {}
    paths = [place] if place.is_file() else sorted([*place.rglob(predictions.FILE), *place.rglob("*.ipynb")])
    for path in paths:
        try:
            is_notebook = path.suffix == ".ipynb"
            found = of_notebook(notebooks.read_notebook(path)) if is_notebook else guesses(files.read_json(path))
        except (LabError, OSError, AttributeError, KeyError, TypeError):
            continue  # a notebook that cannot be read is named by its grade
        own = students.setdefault(path.name if path == place else path.relative_to(place).parts[0], {})
        own |= {name: guess for name, guess in found.items() if name not in own}
    return [own for own in students.values() if own]


def _row(name: str, some: list[Guess]) -> Row:
    sure = [guess.sure for guess in some if guess.sure is not None]
    return Row(name, sum(guess.hit for guess in some), len(some), float(np.mean(sure)) if sure else float("nan"))


def questions(students: list[dict[str, Guess]]) -> list[Row]:
    """Each question of the class, in the lessons' order."""
    names = sorted({name for own in students for name in own})
    return [_row(name, [own[name] for own in students if name in own]) for name in names]


def reliability(students: list[dict[str, Guess]]) -> list[Row]:
    """How often the class was right, by how sure it was; ranges in which nobody was are left out."""
    every = [guess for own in students for guess in own.values()]
    rows = []
    for low, high in itertools.pairwise(BINS):
        if some := [guess for guess in every if guess.sure is not None and low < guess.sure <= high]:
            rows.append(_row(english("{low} to {high} % sure", low=low, high=high), some))
    return rows


def brier(students: list[dict[str, Guess]]) -> float:
    """Brier's score of all that were said with a confidence; NaN where none was."""
    said = [(guess.sure / 100 - guess.hit) ** 2 for own in students for guess in own.values() if guess.sure is not None]
    return float(np.mean(said)) if said else float("nan")


def told(students: list[dict[str, Guess]]) -> str:
    """Both tables for people to read; "" where nobody predicted anything."""
    if not students:
        return ""
    rows = questions(students)
    width = max(len(row.name) for row in rows)
    head = ngettext(
        "Predictions of {count} student: {right} of {all} right",
        "Predictions of {count} students: {right} of {all} right",
        len(students),
    )
    right, every = (sum(getattr(row, name) for row in rows) for name in ("right", "of"))
    lines = [head.format(count=len(students), right=right, all=every)]
    average = ", " + _("{sure:.0f} % sure on average")
    for row in rows:
        sure = "" if np.isnan(row.sure) else average.format(sure=row.sure)
        share = _("{right:3d} of {all:3d} right ({share:.0f} %)").format(right=row.right, all=row.of, share=row.share)
        lines.append(f"  {row.name:<{width}}  {share}{sure}")
    if table := reliability(students):
        score = _("How sure, and how often right (Brier score {score:.3f}; 0 is best, 0.25 is always saying 50 %)")
        lines.append(score.format(score=brier(students)))
        for row in table:
            low, high = row.interval
            share = _("{right:3d} of {all:3d} right ({share:.0f} %, 95 % interval {low:.0f} to {high:.0f})").format(
                right=row.right, all=row.of, share=row.share, low=low, high=high
            )
            lines.append(f"  {retold(row.name):<{width}}  {share}{average.format(sure=row.sure)}")
    return "\n".join(lines)


def facts(students: list[dict[str, Guess]]) -> dict:
    """Both tables as JSON can hold them; nobody is named in them."""

    def listed(rows: list[Row]) -> list[dict]:
        found = []
        for row in rows:
            sure = None if np.isnan(row.sure) else round(row.sure, 2)
            interval = [round(end, 2) for end in row.interval]
            found.append({"name": row.name, "right": row.right, "of": row.of, "sure": sure, "interval": interval})
        return found

    score = brier(students)
    found = {"students": len(students), "questions": listed(questions(students))}
    return found | {"reliability": listed(reliability(students)), "brier": None if np.isnan(score) else round(score, 4)}


def draw(students: list[dict[str, Guess]], picture: Path) -> None:
    """The reliability diagram: how sure against how often right, a dot a range with its interval and its number of predictions.

    Raises:
        LabError: when nobody said how sure, it is to be no PNG, or the place cannot be written to.
    """
    from matplotlib.figure import Figure

    rows = reliability(students)
    if picture.suffix.lower() != ".png":
        raise LabError(f"{picture}: the figure is a PNG. Give a name that ends in .png.")
    if not rows:
        raise LabError(
            f"{picture}: nobody said how sure, so that there is no curve to draw. Ask for predictions with sure=80."
        )
    sure, share = (np.array([getattr(row, name) for row in rows]) for name in ("sure", "share"))
    ends = np.array([row.interval for row in rows]).T
    figure = Figure(figsize=(5, 5), dpi=130, layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 100], [0, 100], "--", color="grey", linewidth=1)
    axes.errorbar(sure, share, np.clip([share - ends[0], ends[1] - share], 0, None), fmt="o-", color="C0", capsize=3)
    for row in rows:
        axes.annotate(f"{row.of}", (row.sure, row.share), textcoords="offset points", xytext=(6, -12), fontsize=8)
    axes.set(xlim=(0, 107), ylim=(-3, 107), xlabel=_("how sure (%)"), ylabel=_("how often right (%)"))
    title = ngettext(
        "{count} student. Below the dashed line: surer than right",
        "{count} students. Below the dashed line: surer than right",
        len(students),
    )
    axes.set_title(title.format(count=len(students)), fontsize=9)
    axes.grid(alpha=0.25)
    with files.atomic_path(picture) as temporary:
        figure.savefig(temporary)
