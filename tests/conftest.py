"""Sample frames for all tests, and a consent ledger of their own."""

import json
import os
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

ACTORS = Path(__file__).resolve().parents[1] / "data" / "sample"
sys.path += [str(ACTORS.parents[1]), str(ACTORS.parents[1] / "benchmarks")]  # for tests of what tools and benchmarks share
# A test's step runs a few times: half of XLA's time goes into making it fast. It is read when XLA first compiles, here and in
# the processes that tests start.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true")
POINTS = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")


@pytest.fixture(scope="session", autouse=True)
def folders_of_the_tests(tmp_path_factory):
    """The tests' own ledger, course certificate and language, for the processes that they start, too; the bundled actors'
    records count as ever. See `consents`."""
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("FACESWAP_LAB_CONSENT", "FACESWAP_LAB_SIGNING"):
            patch.setenv(variable, str(tmp_path_factory.mktemp(variable[13:].lower())))
        patch.setenv("LANGUAGE", "en")  # what is compared is English, wherever the tests run
        yield


@pytest.fixture(scope="session")
def actor_frames():
    """`actor_frames(clip, every, count)`: frames (n, H, W, 3) uint8 RGB of a sample clip and their points (n, 5, 2)."""

    def read(clip: str, every: int = 1, count: int | None = None):
        lines = (ACTORS / f"labels_{clip}.jsonl").read_text(encoding="utf-8").splitlines()
        points = np.array([[row[name] for name in POINTS] for row in map(json.loads, lines)])[::every][:count]
        capture, frames = cv2.VideoCapture(str(ACTORS / f"{clip}.mp4")), []
        for index in range(every * len(points)):
            if not capture.grab():
                break
            if index % every == 0:
                frames.append(capture.retrieve()[1][..., ::-1])
        capture.release()
        assert len(frames) == len(points)
        return np.stack(frames), points

    return read


@pytest.fixture(scope="session")
def actor_chips(actor_frames):
    """Face chips, (8, 150, 150, 3) uint8 RGB, of A, of B and of the true swap (B's face on A)."""
    from faceswap_lab.faces.embeddings import chip

    chips = {}
    for name, clip, every in (("A", "train_A", 22), ("B", "train_B", 22), ("truth", "truth", 7)):
        frames, points = actor_frames(clip, every, 8)
        chips[name] = np.stack([chip(frame, p) for frame, p in zip(frames, points, strict=True)])
    return chips
