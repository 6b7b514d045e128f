"""Notebook 07 on the bundled clips with few faces and steps: it opens cold, trains, compares, and keeps its numbers."""

import json

import pytest
from sparse import sparse_run

from faceswap_lab.course import execution, notebooks


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    out = tmp_path_factory.mktemp("what matters") / "run"
    sparse_run(out, target=12, A=42, B=42)
    given = {"out": str(out), "ablation_steps": 2, "faces_each": 12, "variants": "no_contrast"}
    execution.execute(notebooks.all_notebooks()["07"], copy := out / "07.ipynb", given)
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
