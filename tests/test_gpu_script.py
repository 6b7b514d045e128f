"""The script that waits for a GPU, on a processor and on JAX, with everything hidden that a GPU's machine may lack."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

MODELS = ("full_autoencoder",)  # thin, it compiles in seconds; a FaceSwap-GAN takes JAX more than a minute on two cores
ROOT = Path(__file__).resolve().parents[1]
WITHOUT = """
import runpy, sys
for name in ("tensorflow", "mtcnn", "ai_edge_litert", "tensorboard", "moviepy", "c2pa", "papermill", "IPython"):
    sys.modules[name] = None
sys.argv = ["gpu.py", *sys.argv[1:]]
runpy.run_path("benchmarks/gpu.py", run_name="__main__")
"""


def faces(path: Path, count: int = 8, side: int = 96) -> Path:
    """Smooth random pictures in the form of `--prepare`."""
    draw = np.random.default_rng(0)

    def smooth():
        rough = draw.integers(40, 220, (count, 6, 6, 3)).astype(np.uint8)
        return np.stack([cv2.resize(picture, (side, side)) for picture in rough])

    arrays = {f"{what}_{p}": smooth() for what in ("faces", "transferred") for p in "AB"}
    masks = {f"masks_{p}": np.full((count, side, side, 5), 255, np.uint8) for p in "AB"}
    np.savez(path, **arrays, **masks, target=smooth(), truth=smooth())
    return path


def test_three_steps_without_tensorflow(tmp_path):
    pytest.importorskip("jax")
    command = [sys.executable, "-c", WITHOUT, str(faces(tmp_path / "faces.npz")), "--out", str(tmp_path / "out")]
    command += ["--steps", "3", "--size", "64", "--width", "0.02", "--batch", "1", "--only", *MODELS]
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["benchmark"] == "gpu" and found["backend"] == "jax"
    assert [row["model"] for row in found["rows"]] == list(MODELS)
    for row in found["rows"]:
        assert row["steps"] == 3 and row["precision"] == "mixed_float16" and np.isfinite(row["loss"])
        assert row["steps_per_second"] > 0 and row["predicted"] > 0 and row["structure"] < 1
        config = json.loads((tmp_path / "out" / row["model"] / "config.json").read_text())
        assert config["precision"] == "mixed_float16" and config["preset"] == "full"
        with np.load(tmp_path / "out" / f"{row['model']}_strip.npz") as kept:
            assert kept["strip"].shape == (192, 512, 3)
    assert "no PNG, which has to be signed" in done.stdout
