"""Muon for convolutions: what one step does to a kernel, who goes by Adam, and that it is saved whole."""

import keras
import numpy as np
import pytest
from keras import ops

from faceswap_lab.models.optimizers import ConvolutionMuon


def network():
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Conv2D(8, 3, name="down_0"),
            keras.layers.Conv2D(16, 3, name="up_0"),
            keras.layers.Flatten(),
            keras.layers.Dense(24, name="latent"),
            keras.layers.Dense(4, name="paint"),
        ],
        name="probe",
    )


def test_one_step_brings_all_singular_values_of_a_kernel_near_one():
    model, optimizer, rate = network(), ConvolutionMuon(1e-2, ns_steps=5), 1e-2
    before = {v.path: ops.convert_to_numpy(v) for v in model.trainable_variables}
    draw = np.random.default_rng(0)
    gradients = [
        draw.normal(size=v.shape).astype("float32") * 10.0 ** draw.uniform(-3, 1) for v in model.trainable_variables
    ]
    optimizer.apply(gradients, model.trainable_variables)
    moved = {v.path: ops.convert_to_numpy(v) - before[v.path] for v in model.trainable_variables}
    for name in ("up_0", "latent"):
        step = moved[f"probe/{name}/kernel"]
        flat = step.reshape(-1, step.shape[-1])
        values = np.linalg.svd(flat, compute_uv=False) / (0.2 * rate * np.sqrt(max(flat.shape)))
        assert values.min() > 0.6 and values.max() < 1.3, (
            name
        )  # Newton-Schulz's own spread, whatever the gradient's size
    for name in ("down_0/kernel", "paint/kernel", "up_0/bias"):  # Adam's first step is the rate, everywhere
        np.testing.assert_allclose(np.abs(moved[f"probe/{name}"]), rate, rtol=0.1)


@pytest.mark.parametrize("shape", [(90, 24), (24, 90), (16, 16)])
def test_the_gram_matrix_gives_what_the_whole_iteration_gives(shape):
    """Also where singular values lie four orders of magnitude apart, whose squares single precision cannot tell from 0."""
    draw, ours = np.random.default_rng(1), ConvolutionMuon()
    matrix = (draw.normal(size=shape) * 10.0 ** -draw.uniform(0, 4, shape[1])).astype("float32")
    plain = ops.convert_to_numpy(keras.optimizers.Muon().zeropower_via_newtonschulz5(ops.convert_to_tensor(matrix), 4))
    found = ops.convert_to_numpy(ours.zeropower_via_newtonschulz5(ops.convert_to_tensor(matrix), 4))
    np.testing.assert_allclose(found, plain, atol=1e-4 * np.abs(plain).max())


def test_it_is_saved_whole():
    made = keras.optimizers.get(keras.optimizers.serialize(ConvolutionMuon(3e-3, ns_steps=3, by_adam=("paint",))))
    assert type(made) is ConvolutionMuon
    assert (made.ns_steps, made.by_adam, float(made.learning_rate)) == (3, ("paint",), pytest.approx(3e-3))
