"""The networks that translate pictures into pictures: ResNet generator, U-Net generator, and the PatchGAN discriminator.

Inside they work on a scale of -1 to 1, as published; at their edges pictures are RGB float32 in [0, 1]. Every layer of a
discriminator is called discriminator_*, so that an optimiser with two rates knows whose weights they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import keras
from keras import ops

from faceswap_lab.models import layers

GENERATORS = ("resnet", "unet")
_START = 0.02  # standard deviation of every weight at the beginning, as published


@dataclass(frozen=True)
class TranslationConfig:
    """The shape of a model that translates one person's faces into another's.

    Args:
        size: side of the face in pixels, a multiple of 4 ("resnet") or a power of 2 ("unet").
        generator: "resnet" (CycleGAN's) or "unet" (pix2pix's).
        filters: channels at full size; the others follow.
        blocks: residual blocks of the ResNet.
        kernel: side of the ResNet's first and last convolution.
        dropout: share of activations dropped in the three innermost upscales of the U-Net, while training.
        discriminator_filters: channels of the discriminator's convolutions; all but the last halve the size.
        conditional: the discriminator sees the input beside the output.
        both_ways: a generator each from A to B and from B to A; else only from A to B.
        octave: share of low-frequency channels inside the generators (octave convolution); 0: none.
        from_input: the generator gives a change of its input instead of a whole picture, so that it begins as the
            identity (ResNet only). Not published; a few hundred steps are too few to learn to copy first.
    """

    size: int = 256
    generator: str = "resnet"
    filters: int = 64
    blocks: int = 9
    kernel: int = 7
    dropout: float = 0.5
    discriminator_filters: tuple[int, ...] = (64, 128, 256, 512)
    conditional: bool = False
    both_ways: bool = True
    octave: float = 0.0
    from_input: bool = False

    def __post_init__(self):
        if self.generator not in GENERATORS:
            raise ValueError(f"generator must be one of {GENERATORS}, got {self.generator!r}")
        if self.generator == "resnet" and (self.size % 4 or self.size < 16):
            raise ValueError(f"a ResNet generator needs a size that is a multiple of 4, at least 16, not {self.size}")
        if self.generator == "unet" and (self.size & (self.size - 1) or self.size < 16):
            raise ValueError(
                f"a U-Net halves the picture down to one pixel: give a power of 2, at least 16, not {self.size}"
            )
        if self.from_input and self.generator != "resnet":
            raise ValueError("from_input: only a ResNet generator can give a change of its input")
        if self.size < 2 ** len(self.discriminator_filters) * 2:
            raise ValueError(f"{len(self.discriminator_filters)} discriminator layers are too many for {self.size} px")
        if not 0 <= self.octave < 1:
            raise ValueError(f"octave is a share in [0, 1), got {self.octave}")
        object.__setattr__(self, "discriminator_filters", tuple(self.discriminator_filters))


def build_generator(config: TranslationConfig, name: str, seed: int = 0) -> keras.Model:
    """(N, size, size, 3) to (N, size, size, 3), both float32 RGB in [0, 1].

    Args:
        seed: of the U-Net's dropout.
    """
    inputs = keras.Input((config.size, config.size, 3))
    x = scaled = keras.layers.Rescaling(2.0, -1.0)(inputs)
    x = _resnet(x, config) if config.generator == "resnet" else _unet(x, config, seed)
    x = keras.layers.Add()([x, BeforeTanh()(scaled)]) if config.from_input else x
    x = keras.layers.Activation("tanh", dtype="float32")(x)
    return keras.Model(inputs, keras.layers.Rescaling(0.5, 0.5, dtype="float32")(x), name=name)


def build_discriminator(config: TranslationConfig, name: str) -> keras.Model:
    """PatchGAN: a score for each overlapping patch, linear, (N, s, s, 1). Four layers see patches of 70 x 70 pixels.

    The picture is (N, size, size, 3), or with the input behind it (N, size, size, 6) where the config is conditional;
    float32 in [0, 1].
    """
    inputs = keras.Input((config.size, config.size, 6 if config.conditional else 3))
    x = keras.layers.Rescaling(2.0, -1.0)(inputs)
    last = len(config.discriminator_filters) - 1
    for index, filters in enumerate(config.discriminator_filters):
        x = keras.layers.ZeroPadding2D(1)(x)
        x = _convolution(x, filters, 4, strides=1 if index == last else 2, name=f"discriminator_{index}")
        x = keras.layers.LeakyReLU(0.2)(InstanceNorm()(x) if index else x)
    x = _convolution(keras.layers.ZeroPadding2D(1)(x), 1, 4, name="discriminator_scores")
    return keras.Model(inputs, keras.layers.Activation("linear", dtype="float32")(x), name=name)


def patch_size(config: TranslationConfig) -> int:
    """The side in pixels of the patch that one of the discriminator's scores looks at."""
    strides = [2] * (len(config.discriminator_filters) - 1) + [1, 1]
    side = 1
    for stride in reversed(strides):
        side = (side - 1) * stride + 4
    return side


def _start():
    return keras.initializers.RandomNormal(stddev=_START)


def _convolution(
    x, filters: int, kernel: int, strides: int = 1, bias: bool = True, start=None, name: str | None = None
):
    """'valid': whoever calls it pads."""
    return keras.layers.Conv2D(
        filters, kernel, strides, padding="valid", use_bias=bias, kernel_initializer=start or _start(), name=name
    )(x)


@keras.saving.register_keras_serializable("faceswap_lab")
class InstanceNorm(keras.layers.Layer):
    """Each channel of each picture brought to mean 0 and deviation 1. A third faster on a CPU than Keras' group norm.

    Ulyanov et al., "Instance normalization", 2016 (arXiv:1607.08022).

    Args:
        affine: learn a scale and a shift a channel (pix2pix); CycleGAN has none.
    """

    def __init__(self, affine: bool = False, epsilon: float = 1e-5, **kwargs):
        super().__init__(**kwargs)
        self.affine, self.epsilon = affine, epsilon

    def build(self, shape):
        if self.affine:
            self.scale = self.add_weight(shape=(shape[-1],), initializer="ones", name="scale")
            self.shift = self.add_weight(shape=(shape[-1],), initializer="zeros", name="shift")
        super().build(shape)

    def call(self, x):
        wide = ops.cast(x, "float32")  # squares and sums over a picture do not fit into 16 bit
        centred = wide - ops.mean(wide, axis=(1, 2), keepdims=True)
        factor = ops.rsqrt(ops.mean(ops.square(centred), axis=(1, 2), keepdims=True) + self.epsilon)
        normal = ops.cast(centred * factor, x.dtype)
        return normal * self.scale + self.shift if self.affine else normal

    def compute_output_shape(self, shape):
        return shape

    def get_config(self):
        return {**super().get_config(), "affine": self.affine, "epsilon": self.epsilon}


@keras.saving.register_keras_serializable("faceswap_lab")
class BeforeTanh(keras.layers.Layer):
    """What a tanh turns into (nearly) the input: a picture on a scale of -1 to 1, drawn in to +-0.99, to any number."""

    def call(self, x):
        return ops.arctanh(0.99 * ops.clip(x, -1.0, 1.0))

    def compute_output_shape(self, shape):
        return shape


def _resnet(x, config: TranslationConfig):
    """c7s1-64, d128, d256, R256 x blocks, u128, u64, c7s1-3 (Zhu et al., ICCV 2017, appendix; Johnson et al. 2016)."""
    border = config.kernel // 2
    x = _convolution(layers.ReflectPad(border)(x), config.filters, config.kernel, name="stem")
    x = keras.layers.ReLU()(InstanceNorm()(x))
    x = _octave_middle(x, config) if config.octave else _plain_middle(x, config)
    start = "zeros" if config.from_input else None  # a change of nothing, to begin with
    return _convolution(layers.ReflectPad(border)(x), 3, config.kernel, start=start, name="paint")


def _plain_middle(x, config: TranslationConfig):
    for index, filters in enumerate((2 * config.filters, 4 * config.filters)):
        x = _convolution(keras.layers.ZeroPadding2D(((0, 1), (0, 1)))(x), filters, 3, strides=2, name=f"down_{index}")
        x = keras.layers.ReLU()(InstanceNorm()(x))
    for index in range(config.blocks):
        y = _convolution(layers.ReflectPad(1)(x), 4 * config.filters, 3, name=f"residual_{index}_1")
        y = keras.layers.ReLU()(InstanceNorm()(y))
        y = _convolution(layers.ReflectPad(1)(y), 4 * config.filters, 3, name=f"residual_{index}_2")
        x = keras.layers.Add()([x, InstanceNorm()(y)])
    for index, filters in enumerate((2 * config.filters, config.filters)):
        x = keras.layers.Conv2DTranspose(
            filters, 3, strides=2, padding="same", kernel_initializer=_start(), name=f"up_{index}"
        )(x)
        x = keras.layers.ReLU()(InstanceNorm()(x))
    return x


def _octave_middle(x, config: TranslationConfig):
    """The same widths from the lab's own blocks, which know high and low frequencies (`layers`, keyword octave)."""
    share = config.octave
    for index, filters in enumerate((2 * config.filters, 4 * config.filters)):
        x = layers.downscale(x, filters, norm="instance", name=f"down_{index}", octave=share)
    for index in range(config.blocks):
        x = layers.residual(x, 4 * config.filters, name=f"residual_{index}", octave=share)
    for index, filters in enumerate((2 * config.filters, config.filters)):
        x = layers.upscale(x, filters, norm="instance", name=f"up_{index}", octave=share)
    return layers.join(x)


def _unet(x, config: TranslationConfig, seed: int):
    """C64-C128-C256-C512... down to one pixel, and up again with each level's picture handed across (Isola et al. 2017).

    Dropout stands in the three innermost upscales above the bottom one. There, at one pixel, instance norm would leave
    nothing, so the bottom has none.
    """
    depth = config.size.bit_length() - 1
    widths = [config.filters * min(2**level, 8) for level in range(depth)]
    skips = []
    for level, filters in enumerate(widths):
        x = keras.layers.LeakyReLU(0.2)(x) if level else x
        inner = 0 < level < depth - 1
        if config.octave and level and x.shape[1] >= 16:
            x = layers.join(
                layers.downscale(x, filters, norm="instance", slope=0.2, name=f"down_{level}", octave=config.octave)
            )
        else:
            x = _convolution(keras.layers.ZeroPadding2D(1)(x), filters, 4, 2, bias=False, name=f"down_{level}")
            x = InstanceNorm(affine=True)(x) if inner else x
        skips.append(x)
    for level in reversed(range(depth)):
        x = keras.layers.ReLU()(x)
        filters = widths[level - 1] if level else 3
        if config.octave and level and x.shape[1] >= 8:
            x = layers.join(layers.upscale(x, filters, norm="instance", name=f"up_{level}", octave=config.octave))
        else:
            x = keras.layers.Conv2DTranspose(
                filters, 4, 2, padding="same", use_bias=not level, kernel_initializer=_start(), name=f"up_{level}"
            )(x)
            x = InstanceNorm(affine=True)(x) if level else x
        if config.dropout and depth - 5 < level < depth - 1 and level:
            x = keras.layers.Dropout(config.dropout, seed=seed + level)(x)
        x = keras.layers.Concatenate()([x, skips[level - 1]]) if level else x
    return x
