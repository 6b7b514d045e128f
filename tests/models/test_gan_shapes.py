"""FaceSwap-GAN's shapes against the published numbers, at an eighth of its width (every number scales with it)."""

import dataclasses

import keras
import numpy as np
import pytest

from faceswap_lab.models import faceswap_gan, flops, layers
from faceswap_lab.models.discriminators import build_discriminator
from faceswap_lab.models.faceswap_gan_networks import GanConfig, build_decoder, build_encoder, quick, standard
from faceswap_lab.models.loss_terms import decayed_kernels

W = 0.125  # the width at which these networks are built


def convolutions(network):
    return {
        layer.name: (layer.filters, layer.kernel_size[0], layer.strides[0], layer.use_bias)
        for layer in network.layers
        if isinstance(layer, keras.layers.Conv2D)
    }


def order(network, prefix):
    """The names of the layers between a convolution and the next, as they are run."""
    names = [type(operation).__name__ for operation, *_ in flops.steps(network)]
    places = [operation.name for operation, *_ in flops.steps(network)]
    first = places.index(prefix)
    return names[first : first + 4]


@pytest.mark.parametrize("size", [64, 128, 256])
def test_the_standard_encoder(size):
    encoder = build_encoder(standard(size, width=W))
    extra = {f"down_to_{s}": (128, 3, 2, False) for s in ((8, 4) if size == 256 else (4,) if size == 128 else ())}
    assert convolutions(encoder) == {
        "stem": (8, 5, 1, False),
        "down_0": (16, 3, 2, False),
        "down_1": (32, 3, 2, False),
        "down_2": (64, 3, 2, False),
        "down_3": (128, 3, 2, False),
        **extra,
        "bridge": (4 * 64, 3, 1, True),
    }
    attention = [layer for layer in encoder.layers if isinstance(layer, layers.SelfAttention)]
    assert [layer.input.shape[1:] for layer in attention] == [(size // 4, size // 4, 32), (size // 8, size // 8, 64)]
    assert encoder.get_layer("latent").units == 128 and encoder.get_layer("unfold").units == 16384 // 8
    assert encoder.output_shape[1:] == (8, 8, 64)
    norms = [layer.name for layer in encoder.layers if layer.name.endswith("_norm")]
    assert "down_0_norm" not in norms and {"down_1_norm", "down_2_norm", "down_3_norm", "bridge_norm"} <= set(norms)
    assert order(encoder, "down_1") == ["Conv2D", "ReLU", "GroupNormalization", "SelfAttention"]
    assert order(encoder, "bridge") == ["Conv2D", "LeakyReLU", "GroupNormalization", "PixelShuffle"]


@pytest.mark.parametrize("size", [64, 128, 256])
def test_the_standard_decoder(size):
    decoder = build_decoder(standard(size, width=W))
    beyond = [s for s in (128, 256) if s <= size]
    assert convolutions(decoder) == {
        "up_0": (4 * 32, 3, 1, True),
        "up_1": (4 * 16, 3, 1, True),
        "up_2": (4 * 8, 3, 1, True),
        "residual_1": (8, 3, 1, False),
        "residual_2": (8, 3, 1, False),
        **{f"side_{s // 2}": (3, 5, 1, True) for s in beyond},
        **{f"up_to_{s}": (4 * 8, 3, 1, True) for s in beyond},
        **{f"after_{s}": (8, 3, 1, False) for s in beyond},
        "alpha": (1, 5, 1, True),
        "colour": (3, 5, 1, True),
    }
    attention = [layer.input.shape[1:] for layer in decoder.layers if isinstance(layer, layers.SelfAttention)]
    assert attention == [(32, 32, 16), (64, 64, 8)]
    shapes = decoder.output_shape if beyond else [decoder.output_shape]
    assert [shape[1:] for shape in shapes] == [(size, size, 4), *((s // 2, s // 2, 3) for s in beyond)]
    assert decoder.get_layer("colour_tanh").activation.__name__ == "tanh"
    assert decoder.get_layer("alpha_sigmoid").activation.__name__ == "sigmoid"
    slopes = {round(float(x.negative_slope), 6) for x in decoder.layers if isinstance(x, keras.layers.LeakyReLU)}
    assert slopes == {0.2}


def test_upscalers_start_from_icnr_over_a_normal_of_002():
    kernel = build_decoder(standard(64, width=0.5)).get_layer("up_0").get_weights()[0]
    assert kernel.std() == pytest.approx(0.02, rel=0.03)
    quarter = kernel.shape[-1] // 4
    np.testing.assert_array_equal(kernel[..., :quarter], kernel[..., quarter : 2 * quarter])


def test_the_lite_form():
    for size, latent in ((64, 128), (128, 256)):
        config = standard(size, lite=True, width=W)
        encoder, decoder = build_encoder(config), build_decoder(config)
        assert [convolutions(encoder)[n][0] for n in ("stem", "down_0", "down_1", "down_2", "down_3")] == [
            8,
            8,
            16,
            32,
            32,
        ]
        assert encoder.get_layer("latent").units == latent and encoder.output_shape[1:] == (8, 8, 32)
        assert [convolutions(decoder)[n][0] for n in ("up_0", "up_1", "up_2")] == [16, 8, 8]
        assert order(decoder, "up_0") == ["Conv2D", "GroupNormalization", "UpSampling2D", "ReflectPad"]
        assert decoder.input_shape == encoder.output_shape


@pytest.mark.parametrize("size", [64, 128, 256])
def test_the_discriminator(size):
    discriminator = build_discriminator(standard(size, width=W), "discriminator_A")
    beyond = [s for s in (64, 32, 16, 8) if s < size // 8]
    assert discriminator.input_shape[1:] == (size, size, 6) and discriminator.output_shape[1:] == (8, 8, 1)
    assert convolutions(discriminator) == {
        "discriminator_down_0": (8, 4, 2, False),
        "discriminator_down_1": (16, 4, 2, False),
        "discriminator_down_2": (32, 4, 2, False),
        **{f"discriminator_down_to_{s}": (32, 4, 2, False) for s in beyond},
        "discriminator_scores": (1, 4, 1, True),
    }
    attention = [layer.input.shape[1] for layer in discriminator.layers if isinstance(layer, layers.SelfAttention)]
    assert attention == [size // 8, *beyond]
    assert order(discriminator, "discriminator_down_1")[:3] == ["Conv2D", "LeakyReLU", "GroupNormalization"]
    assert "discriminator_down_0_norm" not in [layer.name for layer in discriminator.layers]


def test_decay_falls_on_block_and_attention_kernels_only():
    config = standard(64, width=W)
    paths = {v.path for v in decayed_kernels([build_encoder(config), build_decoder(config)])}
    assert {path.split("/")[-2] for path in paths} == {
        *("stem", "down_0", "down_1", "down_2", "down_3", "bridge", "query", "key", "value"),
        *("up_0", "up_1", "up_2", "residual_1", "residual_2"),
    }
    discriminator = build_discriminator(config, "discriminator_A")
    kernels = decayed_kernels([discriminator])
    assert not any("discriminator_scores" in v.path for v in kernels) and len(kernels) == 6


def test_the_full_width_weighs():
    encoder, decoder = build_encoder(standard(64)), build_decoder(standard(64))
    kernels = 25 * 3 * 64 + 9 * (64 * 128 + 128 * 256 + 256 * 512 + 512 * 1024)
    dense = 16384 * 1024 + 1024 + 1024 * 16384 + 16384
    attention = sum(c * (c // 8) * 2 + 2 * (c // 8) + c * c + c + 1 for c in (256, 512))
    norms = 2 * (256 + 512 + 1024) + 2 * 2048
    assert encoder.count_params() == kernels + dense + attention + norms + 9 * 1024 * 2048 + 2048
    ups = sum(9 * a * 4 * b + 4 * b + 2 * 4 * b for a, b in ((512, 256), (256, 128), (128, 64)))
    attention = sum(c * (c // 8) * 2 + 2 * (c // 8) + c * c + c + 1 for c in (128, 64))
    assert decoder.count_params() == ups + attention + 2 * 9 * 64 * 64 + 25 * 64 * 4 + 4


def test_options_that_cannot_be_are_refused():
    for wrong in ({"adversarial": "wasserstein"}, {"norm": "instanze"}, {"architecture": "deep"}, {"size": 96}):
        with pytest.raises(ValueError, match=str(next(iter(wrong.values())))):
            GanConfig(**wrong)
    assert dataclasses.asdict(quick(96))["size"] == 96
    assert faceswap_gan.GanLoss(cycle=10).cycle == 10
