"""Predictions: written down before the result, kept, set beside what came, and silent where nothing is typed."""

import ast
import json
import re
from pathlib import Path

import numpy as np
import pytest

from faceswap_lab.course import predictions, runtime

ROOT = Path(__file__).resolve().parents[2]
LESSONS = sorted((ROOT / "notebooks" / "text").glob("[0-9][0-9]_*.py"))


@pytest.fixture(autouse=True)
def fresh_kernel(monkeypatch):
    monkeypatch.setattr(predictions, "_seen", set())


@pytest.fixture
def run(tmp_path):
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).write_bytes(b"x")
    return runtime.prepare(out=tmp_path / "run", source=tmp_path / "b.mp4", target=tmp_path / "a.mp4")


def test_nothing_typed_says_and_writes_nothing(run, capsys):
    assert run.predict("02 boxes", None, sure=None) is None
    run.came("02 boxes", 63)
    capsys.readouterr()
    run.finish("02_face_alignment", "faces")
    assert capsys.readouterr().out == "02_face_alignment: faces\n"
    assert not (run.out / predictions.FILE).exists()


def test_a_prediction_stands_beside_what_came_and_survives_running_again(run, capsys):
    run.predict("02 boxes", 60, sure=80, unit="boxes")
    assert "Written down: 60 boxes, 80 % sure." in capsys.readouterr().out
    run.came("02 boxes", 63)
    assert "hit" in capsys.readouterr().out
    assert run.predict("02 boxes", None) == 60, "the notebook opened again, with nothing typed"
    run.came("02 boxes", 63)
    run.predict("02 boxes", 63, sure=100, unit="boxes")
    assert "60 boxes stays, since the result has been seen" in capsys.readouterr().out
    run.finish("02_face_alignment", "faces")
    told = capsys.readouterr().out
    assert "you said 60, 80 % sure; it came to 63 boxes (3 too low)" in told and "1 of 1 came true" in told
    run.finish("03_autoencoder", "models")
    assert "boxes" not in capsys.readouterr().out, "each lesson shows its own"


def test_what_is_typed_after_the_result_does_not_count(run, capsys):
    run.came("02 boxes", 63)
    run.predict("02 boxes", 63, sure=100)
    run.came("02 boxes", 63)
    assert "typed after the result" in capsys.readouterr().out
    assert predictions.calibration(run.out) == {}


@pytest.mark.parametrize(
    ("value", "result", "options", "hit", "said"),
    [
        (80, 100, {}, True, "20 too low"),
        (70, 100, {}, False, "30 too low"),
        (130, 100, {"within": 0.5}, True, "30 too high"),
        (0.1, 0.0, {"least": 0.15}, True, "0.1 too high"),
        ((20, 70), np.int64(63), {}, True, "inside"),
        ((20, 60), 63.0, {}, False, "3 outside"),
        ("1/3 ", "1/3", {}, True, ""),
        ("a", "b", {}, False, ""),
        ((8, 4, 4, 1024), (8, 4, 4, 1024), {}, True, "4 of 4 in place"),
        ([10, 15, 21], [10, 15, 20], {}, False, "2 of 3 in place"),
        ([0.5, 0.9], [0.51, 0.93], {"within": 0.1}, True, "2 of 2 in place"),
        ([[1, 2], [3, 4]], [(1, 2), (3, 4)], {}, True, "2 of 2 in place"),
        ([6, 1], {1, 6}, {}, True, "2 of 2"),
        ([1, 2], {1, 6}, {}, False, "1 of 2"),
        (40, float("inf"), {}, False, "inf too low"),
        (float("inf"), float("inf"), {}, True, "exact"),
        (10**400, 63, {}, False, "another kind of answer than 63"),
        ("many", 63, {}, False, "another kind of answer than 63"),
    ],
)
def test_hits_and_misses(tmp_path, value, result, options, hit, said):
    predictions.predict(tmp_path, "02 x", value)
    predictions.came(tmp_path, "02 x", result, **options)
    entry = predictions.read(tmp_path)["02 x"]
    assert (entry["hit"], entry["said"]) == (hit, said)


def test_what_cannot_be_is_said_and_not_written(tmp_path, capsys):
    predictions.predict(tmp_path, "02 IoU", "1/5", choices=("1/2", "1/3"))
    assert "'1/5' is no answer. Choose from 1/2, 1/3." in capsys.readouterr().out
    predictions.predict(tmp_path, "02 IoU", "1/3", sure=0)
    assert "Write per cent" in capsys.readouterr().out
    predictions.came(tmp_path, "02 IoU", float("nan"))
    assert predictions.read(tmp_path) == {}
    (tmp_path / predictions.FILE).write_text("[1, 2")
    assert predictions.read(tmp_path) == {} and predictions.summary(tmp_path, "02") == ""


@pytest.mark.parametrize(
    "damage", [{"sure": "very"}, {"sure": [80]}, {"unit": None}, {"came": 3}, {"value": {}, "came": 3, "hit": None, "sure": None}]
)
def test_a_damaged_entry_stops_no_lesson_and_stays_in_the_file(tmp_path, damage, capsys):
    whole = {"value": 3, "sure": 80, "unit": "", "came": 3, "hit": True, "said": ""}
    bad = {name: value for name, value in (whole | damage).items() if damage != {"came": 3} or name != "hit"}
    (tmp_path / predictions.FILE).write_text(json.dumps({"02 x": whole, "02 bad": bad}))
    assert "1 of" in predictions.summary(tmp_path, "02") and predictions.calibration(tmp_path) == {80: (1, 1)}
    predictions.predict(tmp_path, "02 y", 5)
    predictions.came(tmp_path, "02 y", 5)
    assert json.loads((tmp_path / predictions.FILE).read_text())["02 bad"] == bad


def test_a_damaged_file_is_put_aside_and_not_written_over(tmp_path, capsys):
    (tmp_path / predictions.FILE).write_text('{"02 x": {"value": 3,')
    predictions.predict(tmp_path, "02 y", 5)
    assert (tmp_path / "predictions.damaged.json").read_text().startswith('{"02 x"')
    assert "not a JSON file any more" in capsys.readouterr().out and list(predictions.read(tmp_path)) == ["02 y"]


def test_calibration_counts_over_the_whole_run(tmp_path):
    for number, result in enumerate((10, 10, 99, 10)):
        predictions.predict(tmp_path, f"0{number} x", 10, sure=90)
        predictions.came(tmp_path, f"0{number} x", result)
    predictions.predict(tmp_path, "05 y", 10, sure=60)
    assert predictions.calibration(tmp_path) == {90: (3, 4)}, "without a result nothing counts"
    assert "of 4 that you were 90 % sure of, 3 came true (75%)" in predictions.summary(tmp_path, "02")


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem[:2])
def test_every_prediction_of_a_lesson_is_asked_in_a_cell_before_its_result(path):
    text = path.read_text(encoding="utf-8")
    asked_in_words = [found.start() for found in re.finditer(r"\*\*[Pp]redict\*\*", text)]
    asked = [(found.start(), found[1]) for found in re.finditer(r'run\.predict\(\s*"(.+?)"', text)]
    came = {found[1]: found.start() for found in re.finditer(r'run\.came\("(.+?)"', text)}
    assert len(asked) == len(asked_in_words) and {name for _, name in asked} == set(came)
    for words, (place, name) in zip(asked_in_words, asked, strict=True):
        assert name.startswith(f"{path.stem[:2]} ") and words < place < came[name], name
    for cell in re.findall(r'^# %% tags=\["predict"\]\n(.*?)(?=^# %%|\Z)', text, re.M | re.S):
        call = next(node for node in ast.walk(ast.parse(cell)) if isinstance(node, ast.Call))
        assert call.args[1].value is None, "a cell as it is handed out predicts nothing"
