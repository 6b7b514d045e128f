"""The command `grade`: the verdicts on a student's notebook, or on a folder of them; the ranking of a challenge's clips."""

from __future__ import annotations

import argparse
import csv
import io
import json
from pathlib import Path

from faceswap_lab.base.messages import _


def grade_options(grade: argparse.ArgumentParser) -> None:
    """Runs the exercises of a copy of a lesson, each in a process of its own, and says what is right.

    With --challenge it ranks swapped clips instead. The exit code is 0 when every notebook could be graded, every clip ranked.
    """
    grade.add_argument(
        "place",
        type=Path,
        metavar="NOTEBOOK_OR_FOLDER",
        help="an .ipynb file, or a folder of them; of clips with --challenge",
    )
    grade.add_argument("--json", action="store_true", help="print what was found as JSON")
    grade.add_argument(
        "--csv", type=Path, metavar="FILE", help="write a line for each notebook or clip to this file, too"
    )
    grade.add_argument(
        "--calibration",
        type=Path,
        metavar="FILE.png",
        help="how sure the class was and how often right: a figure, and FILE.json",
    )
    grade.add_argument(
        "--challenge",
        type=Path,
        metavar="HIDDEN",
        help="rank clips against the true swap in this folder of make_challenge.py",
    )
    grade.add_argument("--seconds", type=float, default=30, help="that each answer may take (30)")
    grade.add_argument("--memory", type=float, default=4, metavar="GB", help="that each answer may take (4)")


def grade_command(options: argparse.Namespace) -> int:
    """`grade`: 0 when every notebook could be read and is one of the course's, or every clip has a rank, else 1."""
    from faceswap_lab.base.errors import LabError, check_number

    check_number("--seconds", options.seconds, 1, 3600, "how long an answer may take")
    check_number("--memory", options.memory, 0.5, 1024, "gigabytes that an answer may take")
    if not options.place.exists():
        raise LabError(f"{options.place}: no such file. Give a student's .ipynb file, or a folder of them.")
    if options.challenge and options.calibration:
        raise LabError("--calibration: it is of notebooks' predictions, and --challenge ranks clips. Give one of them.")
    return _rank(options) if options.challenge else _grade(options)


def _grade(options: argparse.Namespace) -> int:
    from faceswap_lab.base import files
    from faceswap_lab.base.errors import LabError
    from faceswap_lab.course import class_predictions, grading

    paths = [options.place]
    if options.place.is_dir():
        paths = sorted(path for path in options.place.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)
    if not paths:
        raise LabError(f"{options.place}: no notebook lies here. Give an .ipynb file, or a folder of them.")
    limits = grading.Limits(options.seconds, int(options.memory * 2**30))
    students, grades = class_predictions.of_class(options.place), []
    if options.calibration:
        class_predictions.draw(students, options.calibration)
        files.write_json(options.calibration.with_suffix(".json"), class_predictions.facts(students))
    for path in paths:
        grades.append(grading.grade_notebook(path, limits))
        if not options.json:
            print(told(grades[-1]), end="\n\n", flush=True)
        if options.csv:  # each time, so that a stop leaves what was found
            files.write_text(options.csv, as_csv(grades))
    if options.json:
        print(json.dumps([grade.facts() for grade in grades], indent=2, ensure_ascii=False))
    elif students:
        print(class_predictions.told(students))
    return 0 if all(grade.lesson for grade in grades) else 1


def _rank(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from faceswap_lab.base import files
    from faceswap_lab.base.errors import LabError
    from faceswap_lab.course import challenge

    if not options.place.is_dir():
        raise LabError(f"{options.place}: this is no folder. Give the folder of the students' clips.")
    hidden, found = challenge.Challenge(options.challenge), challenge.submissions(options.place)
    entries = challenge.ranked([hidden.judged(path) for path in tqdm(found, unit="clip", disable=None)])
    if options.csv:
        files.write_text(options.csv, table_of(challenge.ranking_table(entries)))
    if options.json:
        print(json.dumps([entry.facts() for entry in entries], indent=2, ensure_ascii=False))
    else:
        print(challenge.told(entries))
    return 0 if all(entry.rank for entry in entries) else 1


def told(grade) -> str:
    """A grade for people to read."""
    said = _("{file}: lesson {lesson}, {right} of {count} right")
    lines = [
        said.format(file=grade.file, lesson=grade.lesson or "?", right=grade.count("right"), count=len(grade.verdicts))
    ]
    look = _("look: {remark}")
    width = max(map(len, grade.verdicts), default=0)
    for name, verdict in grade.verdicts.items():
        lines.append(f"  {name:<{width}}  {_(verdict.word)}: {verdict.reason}")
        lines += [f"  {'':<{width}}  {look.format(remark=remark)}" for remark in grade.remarks.get(name, [])]
    return "\n".join(lines + [f"  {look.format(remark=remark)}" for remark in grade.remarks.get("", [])])


def as_csv(grades: list) -> str:
    """A table of grades: a line a notebook, a column an exercise."""
    names = list(dict.fromkeys(name for grade in grades for name in grade.verdicts))
    rows = [["file", "lesson", "right", "of", *names, "look at"]]
    for grade in grades:
        words = [grade.verdicts[name].word if name in grade.verdicts else "" for name in names]
        remarks = "; ".join(
            f"{name}: {said}" if name else said for name, some in grade.remarks.items() for said in some
        )
        rows.append([grade.file, grade.lesson, grade.count("right"), len(grade.verdicts), *words, remarks])
    return table_of(rows)


def table_of(rows: list[list]) -> str:
    """Rows as CSV. No cell that a student wrote begins a formula when a spreadsheet opens it."""
    written = io.StringIO()
    table = csv.writer(written, lineterminator="\n")
    for row in rows:
        unsafe = [isinstance(cell, str) and cell.startswith(("=", "+", "-", "@")) for cell in row]
        table.writerow([f"'{cell}" if hidden else cell for cell, hidden in zip(row, unsafe, strict=True)])
    return written.getvalue()
