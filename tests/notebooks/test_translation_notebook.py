"""Notebook 10 with a handful of steps, cold: it makes its own face set of the target, trains both models and saves them."""

import json

import pytest
from sparse import sparse_run

from faceswap_lab import training
from faceswap_lab.course import execution, notebooks


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("translation")
    sparse_run(folder / "run", A=42, B=42)
    given = {"out": str(folder / "run"), "pix2pix_steps": 20, "cyclegan_steps": 20}
    execution.execute(notebooks.choose("10")[0], folder / "10.ipynb", given)
    return folder


def printed(folder) -> str:
    cells = json.loads((folder / "10.ipynb").read_text())["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    return "".join("".join(output.get("text", "")) for output in outputs)


def test_both_models_are_saved_and_can_be_loaded(executed):
    for kind in ("pix2pix", "cyclegan"):
        folder = executed / "run" / "models" / kind
        assert training.load_model(folder, kind, 64).config.size == 64
        assert (folder / "history.csv").read_text().startswith("step,")
        assert len(list((folder / "previews").glob("step_*.png"))) >= 2


def test_it_says_what_it_found(executed):
    said = printed(executed)
    assert "80 pairs to learn from, 38 later ones" in said
    assert "11,378,179" in said and "54,413,955" in said
    assert "cycle_loss: not filled in: the reference solution is used" in said
    shuffled = [float(line.split()[2]) for line in said.splitlines() if line.startswith("shuffled")]
    start = [float(line.split()[4]) for line in said.splitlines() if line.startswith("as it starts")]
    assert shuffled and start and shuffled[0] > 3 * start[0]
