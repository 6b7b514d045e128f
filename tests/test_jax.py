"""The same models on the other backend: they train on JAX, and what they learnt there is read on TensorFlow."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from faceswap_lab import training


@pytest.fixture(scope="module")
def trained_on_jax(tmp_path_factory):
    """(folder, what the worker printed)."""
    pytest.importorskip("jax")
    folder = tmp_path_factory.mktemp("jax")
    worker = Path(__file__).with_name("jax_worker.py")
    environment = {**os.environ, "KERAS_BACKEND": "jax", "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment["JAX_COMPILATION_CACHE_DIR"] = str(folder / "compiled")  # four of its models take the same step
    done = subprocess.run([sys.executable, str(worker), str(folder)], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder, json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("kind", ["autoencoder", "faceswap_gan"])
def test_the_quick_models_learn_on_jax(trained_on_jax, kind):
    found = trained_on_jax[1]
    assert found["backend"] == "jax"
    for values in found[kind].values():
        assert np.isfinite(values).all()
    assert found[kind]["reconstruction"][-1] < 0.9 * found[kind]["reconstruction"][0]


def test_a_stopped_training_goes_on_exactly_on_jax(trained_on_jax):
    assert trained_on_jax[1]["resume"] == 0.0


@pytest.mark.parametrize("kind", ["autoencoder", "faceswap_gan"])
def test_what_jax_learnt_is_generated_the_same_here(trained_on_jax, kind):
    folder = trained_on_jax[0]
    model = training.load_model(folder / kind, kind, 64)
    generated = np.load(folder / f"{kind}.npz")
    colour, alpha = model.translate(generated["shown"], 0, 1)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(colour), generated["colour"], atol=1e-4)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(alpha), generated["alpha"], atol=1e-4)
