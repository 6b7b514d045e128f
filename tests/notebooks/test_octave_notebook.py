"""Notebook 08 opens cold on a few frames with a true swap; then, with the networks that it trained, without one."""

from pathlib import Path

import nbformat
import pandas as pd
import pytest
from consents import consented

from faceswap_lab.course import actors, execution, notebooks, runtime
from faceswap_lab.video.pictures import write_picture

# Behind the last cell: the run of the cells that ask for a true swap begins again, in a folder of its own, and none is known.
WITHOUT = """import dataclasses
run = dataclasses.replace(run, clips=dataclasses.replace(run.clips, truth=None), out=run.out.with_name("without"))
run.out.mkdir()
del truth, numbers, frames, matrices"""


@pytest.fixture(scope="module")
def executed(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("octave")
    clips = {"source": "talk_B", "target": "talk_A", "truth": "truth_A_from_B"}
    for role, name in clips.items():
        for number, frame in enumerate(actors.clip(name).frames(every=5)):
            write_picture(folder / role / f"{number:03d}.png", frame)
    runtime.prepare(out=folder / "run", **{role: consented(folder / role) for role in clips})
    notebook = nbformat.read(notebooks.all_notebooks()["08"], 4)
    (first,) = (n for n, cell in enumerate(notebook.cells) if cell.source.startswith("truth, inner = None"))
    again = [WITHOUT, *(cell.source for cell in notebook.cells[first:] if cell.cell_type == "code")]
    notebook.cells += map(nbformat.v4.new_code_cell, again)
    nbformat.write(notebook, folder / "08.ipynb")
    execution.execute(folder / "08.ipynb", folder / "done.ipynb", {"out": str(folder / "run"), "octave_steps": 4})
    return folder


@pytest.mark.parametrize("truth", [True, False])
def test_the_octave_notebook_opens_cold(executed, truth):
    out = executed / ("run" if truth else "without")
    log = pd.read_csv(out / "octave.csv")
    assert sorted(log["alpha"].unique()) == [0.0, 0.25, 0.5] and log["step"].max() == 4
    assert log["loss"].notna().all() and log["structure"].notna().all() == truth
    assert (out / "pictures" / "octave_swaps.png").stat().st_size > 0
