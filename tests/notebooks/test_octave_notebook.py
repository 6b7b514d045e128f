"""Notebook 08 opens cold on a few frames, with a true swap and without one."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from consents import consented

from faceswap_lab.course import actors, runtime
from faceswap_lab.video.pictures import write_picture

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("truth", [True, False])
def test_the_octave_notebook_opens_cold(tmp_path, truth):
    clips = {"source": "talk_B", "target": "talk_A", **({"truth": "truth_A_from_B"} if truth else {})}
    for role, name in clips.items():
        for number, frame in enumerate(actors.clip(name).frames(every=5)):
            write_picture(tmp_path / role / f"{number:03d}.png", frame)
    runtime.prepare(out=tmp_path / "run", **{role: consented(tmp_path / role) for role in clips})
    command = [sys.executable, "-m", "papermill", "notebooks/08_octave_convolution.ipynb", tmp_path / "08.ipynb"]
    parameters = ["-p", "out", tmp_path / "run", "-p", "octave_steps", "4"]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    result = subprocess.run(
        list(map(str, [*command, *parameters])), cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr[-3000:]
    log = pd.read_csv(tmp_path / "run" / "octave.csv")
    assert sorted(log["alpha"].unique()) == [0.0, 0.25, 0.5] and log["step"].max() == 4
    assert log["loss"].notna().all() and log["structure"].notna().all() == truth
    assert (tmp_path / "run" / "pictures" / "octave_swaps.png").stat().st_size > 0
