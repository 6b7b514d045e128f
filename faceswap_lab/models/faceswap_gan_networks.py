"""FaceSwap-GAN's shapes: options, published ones and our own, and the halves of the generator built from them.

Written anew from a description of FaceSwap-GAN v2.2. Blocks are convolution, activation, norm, in that order, without a
bias (upscalers, attention and heads have one); kernels start from He's normal distribution, sub-pixel upscalers from
ICNR over N(0, 0.02).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import keras

from faceswap_lab.models import autoencoder_networks, layers
from faceswap_lab.models.autoencoder_networks import AutoencoderConfig
from faceswap_lab.models.normalization import NORMS

ADVERSARIAL = ("mixup", "relativistic", "hinge")
_SUB_PIXEL = {"class_name": "RandomNormal", "config": {"mean": 0.0, "stddev": 0.02}}
_SLOPE = 0.2  # of the leaky ReLU in upscalers and discriminators


@dataclass(frozen=True)
class GanConfig(AutoencoderConfig):
    """The shape of a FaceSwap-GAN: an `AutoencoderConfig` and what is added to it.

    Args:
        architecture: "quick" (the autoencoder's own halves, with attention put in), "lite" or "standard" (FaceSwap-GAN
            v2.2's, whose channels `width` scales; of the autoencoder's options they use size and latent).
        discriminator_filters: channels after the discriminator's stride-2 convolutions.
        norm: one of `normalization.NORMS` or None, in the lite and standard blocks and in the discriminators.
        adversarial: "mixup" (mixup-LSGAN), "relativistic" (relativistic-average LSGAN) or "hinge".
        width: scales the channels of the lite and standard generators.
    """

    architecture: str = "standard"
    discriminator_filters: tuple[int, ...] = (64, 128, 256)
    norm: str | None = "instance"
    adversarial: str = "mixup"
    width: float = 1.0

    def __post_init__(self):
        super().__post_init__()
        if self.architecture not in ("quick", "lite", "standard"):
            raise ValueError(f"architecture must be 'quick', 'lite' or 'standard', got {self.architecture!r}")
        if self.adversarial not in ADVERSARIAL:
            raise ValueError(f"adversarial must be one of {', '.join(ADVERSARIAL)}, got {self.adversarial!r}")
        if self.norm is not None and self.norm not in NORMS:
            raise ValueError(f"norm must be one of {', '.join(NORMS)} or None, got {self.norm!r}")
        if self.architecture != "quick" and self.size not in (64, 128, 256):
            raise ValueError(f"FaceSwap-GAN generates 64, 128 or 256 px, not {self.size}")
        object.__setattr__(self, "discriminator_filters", tuple(self.discriminator_filters))

    def wide(self, *channels: int) -> tuple[int, ...]:
        """Channel counts scaled by `width`."""
        return tuple(max(8, int(count * self.width)) for count in channels)


def standard(size: int = 64, lite: bool = False, width: float = 1.0, **options) -> GanConfig:
    """FaceSwap-GAN v2.2 at its published size, or its lite form (narrow, nearest-neighbour upscaling).

    Args:
        size: 64, 128 or 256.
        width: scales all channels and the code.
        options: further fields of `GanConfig`.
    """
    latent = (1024 if size == 64 else 2048) if lite else 1024
    shape = GanConfig(size=size, architecture="lite" if lite else "standard", alpha=True, width=width, **options)
    (latent,) = shape.wide(latent)
    return dataclasses.replace(shape, latent=latent, discriminator_filters=shape.wide(*shape.discriminator_filters))


def quick(size: int = 64, **options) -> GanConfig:
    """For two CPU cores: the quick autoencoder, attention at a quarter and half of its size, narrow discriminators."""
    shape = {**dataclasses.asdict(autoencoder_networks.quick(size)), "attention": True, "architecture": "quick"}
    return GanConfig(**{**shape, "discriminator_filters": (24, 48, 96), **options})


def _up(config: GanConfig, x, filters: int, name: str, octave: float = 0.0):
    if config.architecture == "lite":
        return layers.lite_upscale(x, filters, norm=config.norm, octave=octave, name=name)
    return layers.upscale(x, filters, norm=config.norm, slope=_SLOPE, initializer=_SUB_PIXEL, octave=octave, name=name)


def build_encoder(config: GanConfig, name: str = "encoder") -> keras.Model:
    """FaceSwap-GAN's encoder: (N, S, S, 3) to (N, 8, 8, 512), or (N, 8, 8, 256) for lite."""
    lite = config.architecture == "lite"
    filters = config.wide(*((32, 64, 128, 256, 256) if lite else (64, 128, 256, 512, 1024)))
    inputs = keras.Input((config.size, config.size, 3))
    x = layers.convolution(
        inputs,
        filters[0],
        5,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        octave=config.octave,
        name="stem",
    )
    side = config.size

    def down(x, channels, name, norm=config.norm):
        # The last one stands before the dense layers and gives one tensor.
        octave = config.octave if side > 8 else 0.0
        return layers.downscale(x, channels, norm=norm, bias=False, octave=octave, name=name)

    for index, channels in enumerate(filters[1:]):
        x = down(x, channels, f"down_{index}", config.norm if index else None)
        side //= 2
        if index in (1, 2):
            x = layers.attend(x, config.octave, name=f"attention_{index}")
    while side > 4:  # none, one or two more at 64, 128 or 256 px
        x = down(x, filters[-1], f"down_to_{side // 2}")
        side //= 2
    shape = x.shape[1:]
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(config.latent, name="latent")(x)
    x = keras.layers.Dense(shape[0] * shape[1] * shape[2], name="unfold")(x)
    x = keras.layers.Reshape(shape)(x)
    (bridge,) = config.wide(256 if lite else 512)
    return keras.Model(inputs, _up(config, x, bridge, name="bridge"), name=name)


def build_decoder(config: GanConfig, name: str = "decoder") -> keras.Model:
    """FaceSwap-GAN's decoder: (N, 8, 8, C) to colour and alpha (N, S, S, 4), and side outputs (N, s, s, 3) above 64 px.

    All outputs are float32 in [0, 1]. The published head is a tanh on pictures from -1 to 1, brought to [0, 1] here.
    """
    lite = config.architecture == "lite"
    (channels,) = config.wide(256 if lite else 512)
    wide = config.wide(*((128, 64, 32) if lite else (256, 128, 64)))

    octave, side = config.octave, 64

    def colour_head(x, name):
        x = layers.convolution(x, 3, 5, padding="same", name=name)
        x = keras.layers.Activation("tanh", dtype="float32", name=f"{name}_tanh")(x)
        return keras.layers.Rescaling(0.5, 0.5, dtype="float32", name=f"{name}_range")(x)

    inputs = keras.Input((8, 8, channels))
    x = _up(config, inputs, wide[0], "up_0", octave)
    x = _up(config, x, wide[1], "up_1", octave)
    x = layers.attend(x, octave, name="attention_1")
    x = _up(config, x, wide[2], "up_2", octave)
    x = layers.residual(x, wide[2], bias=False, octave=octave, name="residual")
    x = layers.attend(x, octave, name="attention_2")
    sides = []
    while side < config.size:
        sides.append(colour_head(x, f"side_{side}"))
        side *= 2
        x = _up(config, x, wide[2], f"up_to_{side}", octave)
        x = layers.convolution(
            x,
            wide[2],
            3,
            padding="same",
            use_bias=False,
            activation="relu",
            kernel_initializer="he_normal",
            octave=octave,
            name=f"after_{side}",
        )
    alpha = layers.convolution(x, 1, 5, padding="same", name="alpha")
    alpha = keras.layers.Activation("sigmoid", dtype="float32", name="alpha_sigmoid")(alpha)
    generated = keras.layers.Concatenate(dtype="float32", name="painting")([colour_head(x, "colour"), alpha])
    return keras.Model(inputs, [generated, *sides] if sides else generated, name=name)
