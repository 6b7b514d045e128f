"""A training that was killed again and again ends with the same bits as one that never stopped."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import small

from faceswap_lab import training
from faceswap_lab.base import files

STEPS = 24
OPTIONS = {"log_every": 4, "checkpoint_every": 4, "checkpoint_seconds": 0.1}


@pytest.fixture(scope="module")
def trainer():
    """Starts a training in a process of its own; returns it as (pid, wait)."""
    paths = [str(Path(small.__file__).parent), str(Path(training.__file__).parents[2])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "TF_CPP_MIN_LOG_LEVEL": "3"}
    process = subprocess.Popen(
        [sys.executable, small.__file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout.readline() == "ready\n"

    def start(kind, folder):
        process.stdin.write(json.dumps({"kind": kind, "folder": str(folder), "steps": STEPS, **OPTIONS}) + "\n")
        process.stdin.flush()
        return int(process.stdout.readline()), lambda: int(process.stdout.readline())

    yield start
    process.stdin.close()
    process.wait()


def wait_for(condition, seconds=500):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.0005)


def last_state(folder):
    newest = max((folder / "checkpoints").glob("step_*"))
    assert newest.name == f"step_{STEPS:06d}"
    with np.load(newest / "state.npz") as stored:
        return {key: stored[key] for key in stored.files}


@pytest.mark.parametrize("kind", ["autoencoder", "gan"])
def test_killed_at_random_moments_the_bits_are_the_same(trainer, tmp_path, kind):
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    _, wait = trainer(kind, straight)
    assert wait() == 0
    draw, reached = random.Random(), []
    for how in ("during a save", "anywhere", "during a save")[: 3 if kind == "autoencoder" else 2]:
        before = training.checkpoints.steps_done(killed)
        pid, wait = trainer(kind, killed)
        # Somewhere behind the first new checkpoint: in a step, between two, or while a checkpoint is half-written.
        wait_for(lambda b=before: training.checkpoints.steps_done(killed) > b + 1)
        if how == "anywhere":
            time.sleep(draw.uniform(0, 0.1))
        else:
            wait_for(
                lambda: any((killed / "checkpoints").glob(f"{files.PARTIAL}*")) or training.checkpoints.steps_done(killed) == STEPS
            )
        os.kill(pid, signal.SIGKILL)
        assert wait() in (signal.SIGKILL, 0)  # 0: it was faster than we were
        reached.append(training.checkpoints.steps_done(killed))
    assert reached[0] < STEPS  # at least one stop was a real one
    _, wait = trainer(kind, killed)
    assert wait() == 0
    wanted, found = last_state(straight), last_state(killed)
    assert wanted.keys() == found.keys() and len(wanted) > 60
    different = [key for key in wanted if not np.array_equal(wanted[key], found[key])]
    assert not different, (reached, different[:5])
    one, other = (pd.read_csv(folder / training.history.HISTORY).drop(columns="seconds") for folder in (straight, killed))
    pd.testing.assert_frame_equal(one, other, check_exact=True)
    assert one["step"].tolist() == list(range(4, STEPS + 1, 4))
    assert not list((killed / "checkpoints").glob(f"{files.PARTIAL}*"))
    assert len(list((killed / "checkpoints").glob("step_*"))) == 3
