"""Layers and norms: what they do to numbers, and that they can be saved."""

import keras
import numpy as np
import pytest
from keras import ops

from faceswap_lab.models import layers
from faceswap_lab.models.normalization import NORMS, HybridNormalization, WholeImageNormalization, normalization


def test_pixel_shuffle_and_icnr_start_without_checkerboard():
    x = ops.convert_to_tensor(np.random.default_rng(0).random((1, 4, 4, 8)).astype("float32"))
    conv = keras.layers.Conv2D(16, 3, padding="same", kernel_initializer=layers.ICNR("he_normal"))
    up = ops.convert_to_numpy(layers.PixelShuffle()(conv(x)))
    assert up.shape == (1, 8, 8, 4)
    np.testing.assert_allclose(up[:, ::2, ::2], up[:, 1::2, 1::2], atol=1e-6)


def test_attention_starts_as_the_identity_and_its_rows_sum_to_one():
    x = ops.convert_to_tensor(np.random.default_rng(0).random((2, 4, 4, 16)).astype("float32"))
    layer = layers.SelfAttention()
    np.testing.assert_array_equal(ops.convert_to_numpy(layer(x)), ops.convert_to_numpy(x))
    np.testing.assert_allclose(ops.convert_to_numpy(layer.attention(x)).sum(axis=-1), 1, atol=1e-5)
    again = layers.SelfAttention.from_config(layer.get_config())
    assert again.reduction == layer.reduction


def noise(*shape):
    return np.random.default_rng(0).normal(0.3, 2.0, shape).astype("float32")


def by_hand(x, axes, groups=None):
    """Mean 0, variance 1 over some axes, Keras' way: the small number under the root."""
    return (x - x.mean(axis=axes, keepdims=True)) / np.sqrt(x.var(axis=axes, keepdims=True) + 1e-3)


def grouped_by_hand(x, groups):
    n, h, w, c = x.shape
    return by_hand(x.reshape(n, h, w, groups, c // groups), (1, 2, 4)).reshape(x.shape)


def whole_by_hand(x):
    return (x - x.mean(axis=(1, 2, 3), keepdims=True)) / (x.std(axis=(1, 2, 3), keepdims=True) + 1e-3)


REFERENCES = {
    "instance": lambda x: by_hand(x, (1, 2)),
    "group": lambda x: grouped_by_hand(x, 16),
    "layer": lambda x: by_hand(x, (1, 2, 3)),
    "whole_image": whole_by_hand,
}


@pytest.mark.parametrize("kind", REFERENCES)
def test_norms_take_mean_and_deviation_over_what_they_say(kind):
    x = noise(3, 5, 4, 32) * np.arange(1, 33)
    found = ops.convert_to_numpy(normalization(kind)(ops.convert_to_tensor(x)))
    np.testing.assert_allclose(found, REFERENCES[kind](x), atol=2e-5)


def test_norms_learn_as_many_numbers_as_they_say():
    learnt = {}
    for kind in NORMS:
        inputs = keras.Input((4, 4, 32))
        learnt[kind] = sum(
            int(np.prod(v.shape)) for v in keras.Model(inputs, normalization(kind)(inputs)).trainable_variables
        )
    assert learnt == {
        "instance": 64,
        "group": 64,
        "layer": 64,
        "whole_image": 2,
        "hybrid": 16 * 16 + 16 + 2,
        "batch": 64,
    }


def test_batch_norm_takes_each_channel_over_the_batch():
    x = noise(6, 5, 4, 8) * np.arange(1, 9)
    found = ops.convert_to_numpy(normalization("batch")(ops.convert_to_tensor(x), training=True))
    np.testing.assert_allclose(found, by_hand(x, (0, 1, 2)), atol=1e-5)


def test_hybrid_mixes_half_of_the_channels_and_normalises_the_rest():
    x = noise(2, 4, 4, 8)
    layer = HybridNormalization()
    found = ops.convert_to_numpy(layer(ops.convert_to_tensor(x)))
    kernel, bias = layer.mix.get_weights()
    np.testing.assert_allclose(found[..., :4], x[..., :4] @ kernel[0, 0] + bias, atol=1e-5)
    np.testing.assert_allclose(found[..., 4:], whole_by_hand(x[..., 4:]), atol=1e-5)


def test_group_norm_fits_narrow_layers():
    x = noise(2, 4, 4, 24)  # 16 does not divide 24, 8 does
    found = ops.convert_to_numpy(normalization("group")(ops.convert_to_tensor(x)))
    np.testing.assert_allclose(found, grouped_by_hand(x, 8), atol=1e-5)


def test_an_even_picture_has_a_gradient_and_16_bit_do_not_overflow():
    layer = WholeImageNormalization(dtype="mixed_float16")
    large = ops.convert_to_numpy(layer(ops.convert_to_tensor(noise(1, 64, 64, 64) * 100)))
    assert large.dtype == np.float16 and large.astype("float32").std() == pytest.approx(1, abs=0.02)
    tensorflow = pytest.importorskip("tensorflow")
    if keras.backend.backend() == "tensorflow":
        even = tensorflow.ones((1, 4, 4, 2))
        with tensorflow.GradientTape() as tape:
            tape.watch(even)
            value = ops.sum(WholeImageNormalization()(even) ** 2)
        assert np.isfinite(tape.gradient(value, even).numpy()).all()


def test_unknown_norms_are_refused():
    with pytest.raises(ValueError, match="unknown norm 'instanze'"):
        normalization("instanze")
    x = ops.ones((1, 2, 2, 4))
    assert normalization(None)(x) is x
