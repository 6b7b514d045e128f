"""Notebook 07 on the bundled clips with few faces and steps: it opens cold, trains, compares, and keeps its numbers."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from faceswap_lab.course import notebooks, runtime, stages

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    out = tmp_path_factory.mktemp("what matters") / "run"
    run = runtime.prepare("quick", 0, out)
    for role, every in (("target", 12), ("A", 42), ("B", 42)):  # sparse sets, marked as what the preset asks for
        stages.ensure_faces(run, role, every=every)
        run.mark_done(f"faces_{role}", every=1 if role == "target" else run.preset.every)
    path, copy = notebooks.all_notebooks()["07"], out / "07.ipynb"
    given = {"out": str(out), "ablation_steps": 2, "faces_each": 12, "variants": "no_contrast"}
    command = [sys.executable, "-m", "papermill", path, copy]
    for name, value in given.items():
        command += ["-p", name, value]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(ROOT)}
    result = subprocess.run([*map(str, command)], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-3000:]
    return out, json.loads(copy.read_text(encoding="utf-8"))


def outputs(notebook) -> str:
    found = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    return "".join("".join(output.get("text", [])) for output in found if output["output_type"] == "stream")


def test_two_trainings_are_compared_and_kept(executed):
    out, _ = executed
    kept = json.loads((out / "ablation.json").read_text())
    assert kept["steps"] == 2 and [row["variant"] for row in kept["results"]] == ["base", "no_contrast"]
    base, without = kept["results"]
    assert base["structure_gain"] > 0.05  # the warm start is past the average face
    assert base["structure_gain"] != without["structure_gain"]  # the part was really switched
    assert base["gaze_still"] == without["gaze_still"] > 1


def test_it_says_what_it_found(executed):
    _, notebook = executed
    text = outputs(notebook)
    assert "this order was right for" in text and "eyes that never move" in text
    assert "interval: not filled in: the reference solution is used" in text
    assert "2 trainings of 2 steps compared" in text
    pictures = sum("image/png" in o.get("data", {}) for cell in notebook["cells"] for o in cell.get("outputs", []))
    assert pictures == 4  # what is switched, what was measured, luck, the swaps
