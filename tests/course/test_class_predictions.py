"""What a class predicted: carried by the notebooks that are handed in, counted by question and by confidence."""

import json
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

from faceswap_lab.__main__ import main
from faceswap_lab.base.errors import LabError
from faceswap_lab.course import class_predictions, predictions
from faceswap_lab.course.class_predictions import Guess

ROOT = Path(__file__).resolve().parents[2]
CELLS = """from pathlib import Path
from faceswap_lab.course import predictions
run = Path("run")
predictions.predict(run, "02 boxes", 60, sure=80)
predictions.came(run, "02 boxes", 63)
predictions.predict(run, "02 IoU", "1/2", sure=90, choices=("1/2", "1/3"))
predictions.came(run, "02 IoU", "1/3")
predictions.came(run, "02 times as fast", float("inf"))
predictions.predict(run, "02 times as fast", 3, sure=70)
predictions.came(run, "02 times as fast", float("inf"))
predictions.predict(run, "03 shape", 3)"""


def handed_in(path: Path, entries: dict) -> Path:
    """A notebook of lesson 01 that carries these predictions."""
    cell = nbformat.v4.new_code_cell("def psnr(first, second):\n    return None")
    cell.outputs = [nbformat.v4.new_output("display_data", data={"text/plain": "said", predictions.MIME: entries})]
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# 01 Frames"), cell]), path)
    return path


def test_a_notebook_that_was_run_carries_its_predictions(tmp_path):
    last = "predictions.show(run, '02')\npredictions.show(run, '04')"
    notebook = nbformat.v4.new_notebook(cells=list(map(nbformat.v4.new_code_cell, (CELLS, last))))
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    nbformat.validate(notebook)
    nbformat.write(notebook, tmp_path / "02.ipynb")
    shown = notebook.cells[1].outputs
    assert len(shown) == 1 and "1 of 3 came true in this lesson." in shown[0].data["text/plain"]
    expected = {
        "02 boxes": Guess(True, 80),
        "02 IoU": Guess(False, 90),
    }  # not the one typed late, nor the one without a result
    assert class_predictions.of_class(tmp_path / "02.ipynb") == [expected]
    assert class_predictions.of_class(tmp_path) == [expected, expected], (
        "the run lies there, too: another file, another student"
    )
    (tmp_path / "anna").mkdir()
    for name in ("02.ipynb", "run"):
        (tmp_path / name).rename(tmp_path / "anna" / name)
    assert class_predictions.of_class(tmp_path) == [expected], "one folder, one student"


def test_questions_and_calibration_of_a_class(tmp_path, capsys):
    for number in range(10):  # all say 90 %, six are right; and every other one 50 %, of whom two are right
        entries = {"01 waves left": {"hit": number < 6, "sure": 90, "late": False}}
        if number % 2:
            entries["02 boxes"] = {"hit": number < 4, "sure": 50, "late": False}
        if number == 0:
            entries["02 IoU"] = {"hit": True, "sure": None, "late": False}
        handed_in(tmp_path / f"student_{number}" / "01.ipynb", entries)
    handed_in(tmp_path / "student_0" / "a copy.ipynb", {"01 waves left": {"hit": False, "sure": 90}})
    students = class_predictions.of_class(tmp_path)
    assert [(row.name, row.right, row.of) for row in class_predictions.questions(students)] == [
        ("01 waves left", 6, 10), ("02 IoU", 1, 1), ("02 boxes", 2, 5),
    ]  # fmt: skip
    rows = class_predictions.reliability(students)
    assert [(row.name, row.sure, row.share) for row in rows] == [
        ("25 to 50 % sure", 50, 40), ("80 to 90 % sure", 90, 60),
    ]  # fmt: skip
    assert rows[1].interval == pytest.approx((31.3, 83.2), abs=0.1)  # Wilson's of 6 out of 10
    assert class_predictions.brier(students) == pytest.approx((6 * 0.1**2 + 4 * 0.9**2 + 5 * 0.25) / 15)

    figure = tmp_path / "out" / "class.png"
    assert main(["grade", str(tmp_path), "--calibration", str(figure)]) == 0
    told = capsys.readouterr().out
    assert "Predictions of 10 students: 9 of 16 right" in told
    assert re.search(r"01 waves left +6 of  10 right \(60 %\), 90 % sure on average", told)
    assert re.search(r"80 to 90 % sure +6 of  10 right \(60 %, 95 % interval 31 to 83\), 90 % sure", told)
    assert figure.read_bytes()[:4] == b"\x89PNG" and figure.stat().st_size > 10_000
    kept = json.loads(figure.with_suffix(".json").read_text())
    assert kept["students"] == 10 and kept["questions"][0] == {
        "name": "01 waves left", "right": 6, "of": 10, "sure": 90, "interval": [31.27, 83.18],
    }  # fmt: skip
    assert "student" not in json.dumps(kept["questions"])


def test_nothing_predicted_and_a_figure_that_cannot_be(tmp_path, capsys):
    handed_in(tmp_path / "one.ipynb", {})
    assert main(["grade", str(tmp_path)]) == 0 and "Predictions" not in capsys.readouterr().out
    with pytest.raises(LabError, match="nobody said how sure"):
        class_predictions.draw([{"02 boxes": Guess(True, None)}], tmp_path / "class.png")
    with pytest.raises(LabError, match="class.pdf: the figure is a PNG"):
        class_predictions.draw([{"02 boxes": Guess(True, 50)}], tmp_path / "class.pdf")
    assert np.isnan(class_predictions.brier([{"02 boxes": Guess(True, None)}]))


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("02 boxes", {"hit": 1, "sure": 80}),
        ("02 boxes", {"hit": "yes", "sure": 80}),
        ("02 boxes", {"hit": True, "sure": float("nan")}),
        ("02 boxes", {"hit": True, "sure": 1e9}),
        ("02 boxes", {"hit": True, "sure": True}),
        ("02 boxes", {"hit": True, "sure": "80"}),
        ("02 boxes", {"hit": True, "sure": 80, "late": True}),
        ("02 boxes", [True, 80]),
        ("02 bo\nxes", {"hit": True, "sure": 80}),
        ("02 \x1b[2J", {"hit": True, "sure": 80}),
        ("02 " + "x" * 1000, {"hit": True, "sure": 80}),
        ("boxes", {"hit": True, "sure": 80}),
    ],
)
def test_what_is_no_prediction_does_not_count(name, entry):
    good = {"02 IoU": {"hit": True, "sure": 80}}
    assert class_predictions.guesses({name: entry, **good}) == {"02 IoU": Guess(True, 80)}


def test_a_flood_or_another_kind_of_file(tmp_path):
    assert len(class_predictions.guesses({f"02 {n}": {"hit": True, "sure": 80} for n in range(10_000)})) == 200
    assert class_predictions.guesses([1, 2]) == class_predictions.guesses(None) == {}
    (tmp_path / "predictions.json").write_text("[" * 100_000)
    (tmp_path / "broken.ipynb").write_text('{"cells": [{"cell_type": "code", "outputs": 7}, 3]}')
    (tmp_path / "empty.ipynb").touch()
    assert class_predictions.of_class(tmp_path) == []


def test_every_question_of_the_lessons_can_be_counted():
    asked = {
        name
        for path in (ROOT / "notebooks" / "text").glob("*.py")
        for name in re.findall(r'run\.predict\(\s*"([^"]+)"', path.read_text(encoding="utf-8"))
    }
    assert len(asked) > 40
    assert set(class_predictions.guesses({name: {"hit": True, "sure": 80} for name in asked})) == asked
