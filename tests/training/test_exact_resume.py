"""A training that was killed again and again ends with the same bits as one that never stopped."""

import random
import signal
import time

import numpy as np
import pandas as pd
import pytest
import small
from processes import forks

from faceswap_lab import training
from faceswap_lab.base import files

STEPS = 24
OPTIONS = {"log_every": 4, "checkpoint_every": 4, "checkpoint_seconds": 0.1}


def begun(kind, folder):
    """A training in a process of its own."""
    process = forks().Process(target=small.train_kind, args=(kind, str(folder), STEPS), kwargs=OPTIONS)
    process.start()
    return process


def end_of(process) -> int:
    process.join()
    return process.exitcode


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
def test_killed_at_random_moments_the_bits_are_the_same(tmp_path, kind):
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    assert end_of(begun(kind, straight)) == 0
    draw, reached = random.Random(), []
    for how in ("during a save", "anywhere", "during a save")[: 3 if kind == "autoencoder" else 2]:
        before = training.checkpoints.steps_done(killed)
        process = begun(kind, killed)
        # Somewhere behind the first new checkpoint: in a step, between two, or while a checkpoint is half-written.
        wait_for(lambda b=before: training.checkpoints.steps_done(killed) > b + 1)
        if how == "anywhere":
            time.sleep(draw.uniform(0, 0.1))
        else:
            wait_for(
                lambda: any((killed / "checkpoints").glob(f"{files.PARTIAL}*")) or training.checkpoints.steps_done(killed) == STEPS
            )
        process.kill()
        assert end_of(process) in (-signal.SIGKILL, 0)  # 0: it was faster than we were
        reached.append(training.checkpoints.steps_done(killed))
    assert reached[0] < STEPS  # at least one stop was a real one
    assert end_of(begun(kind, killed)) == 0
    wanted, found = last_state(straight), last_state(killed)
    assert wanted.keys() == found.keys() and len(wanted) > 60
    different = [key for key in wanted if not np.array_equal(wanted[key], found[key])]
    assert not different, (reached, different[:5])
    one, other = (pd.read_csv(folder / training.history.HISTORY).drop(columns="seconds") for folder in (straight, killed))
    pd.testing.assert_frame_equal(one, other, check_exact=True)
    assert one["step"].tolist() == list(range(4, STEPS + 1, 4))
    assert not list((killed / "checkpoints").glob(f"{files.PARTIAL}*"))
    assert len(list((killed / "checkpoints").glob("step_*"))) == 3
