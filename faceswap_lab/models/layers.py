"""The few layers that Keras does not have. Channels last; `keras.ops` only, so any backend runs them."""

from __future__ import annotations

import keras
from keras import ops

from faceswap_lab.models.normalization import normalization
from faceswap_lab.models.octave import OctaveConv2D, is_pair, join, split


def pixel_shuffle(x):
    """Channels into space: (N, H, W, 4C) to (N, 2H, 2W, C)."""
    height, width, channels = x.shape[1], x.shape[2], x.shape[3]
    x = ops.reshape(x, (-1, height, width, 2, 2, channels // 4))
    x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
    return ops.reshape(x, (-1, 2 * height, 2 * width, channels // 4))


@keras.saving.register_keras_serializable("faceswap_lab")
class PixelShuffle(keras.layers.Layer):
    """`pixel_shuffle` as a layer.

    Shi et al., "Real-time single image and video super-resolution", CVPR 2016 (arXiv:1609.05158).
    """

    def call(self, x):
        return pixel_shuffle(x)

    def compute_output_shape(self, shape):
        n, height, width, channels = shape
        return n, 2 * height, 2 * width, channels // 4


@keras.saving.register_keras_serializable("faceswap_lab")
class ICNR(keras.initializers.Initializer):
    """Starts a convolution before a pixel shuffle so that its sub-pixels agree: no checkerboard at step 0.

    Aitken et al., "Checkerboard artifact free sub-pixel convolution", 2017 (arXiv:1707.02937).

    Args:
        initializer: what fills one sub-pixel's kernel; FaceSwap-GAN uses N(0, 0.02).
    """

    def __init__(self, initializer="he_normal"):
        self.initializer = keras.initializers.get(initializer)

    def __call__(self, shape, dtype=None):
        *kernel, filters = shape
        one = self.initializer((*kernel, filters // 4), dtype=dtype)
        return ops.tile(one, [1] * len(kernel) + [4])

    def get_config(self):
        return {"initializer": keras.initializers.serialize(self.initializer)}


@keras.saving.register_keras_serializable("faceswap_lab")
class SelfAttention(keras.layers.Layer):
    """Lets every place look at every other: x + gain * softmax(f g^T) h, the gain starting at 0.

    Zhang et al., "Self-attention generative adversarial networks", 2018 (arXiv:1805.08318). Since the gain starts at 0,
    a trained network keeps its output when this layer is put in.

    Args:
        reduction: f and g have C / reduction channels (8 in the paper).
    """

    def __init__(self, reduction: int = 8, **kwargs):
        super().__init__(**kwargs)
        self.reduction = reduction

    def build(self, shape):
        channels = shape[-1]
        small = max(1, channels // self.reduction)
        self.query = keras.layers.Conv2D(small, 1, kernel_initializer="he_normal", name="query")
        self.key = keras.layers.Conv2D(small, 1, kernel_initializer="he_normal", name="key")
        self.value = keras.layers.Conv2D(channels, 1, kernel_initializer="he_normal", name="value")
        for layer in (self.query, self.key, self.value):
            layer.build(shape)
        self.gain = self.add_weight(shape=(), initializer="zeros", name="gain")
        super().build(shape)

    def attention(self, x):
        """The map itself: (N, H*W, H*W), each row sums to 1."""
        places = x.shape[1] * x.shape[2]
        query = ops.reshape(self.query(x), (-1, places, self.query.filters))
        key = ops.reshape(self.key(x), (-1, places, self.key.filters))
        return ops.softmax(ops.matmul(query, ops.transpose(key, (0, 2, 1))), axis=-1)

    def call(self, x):
        places, channels = x.shape[1] * x.shape[2], x.shape[3]
        value = ops.reshape(self.value(x), (-1, places, channels))
        mixed = ops.reshape(ops.matmul(self.attention(x), value), (-1, x.shape[1], x.shape[2], channels))
        return x + self.gain * mixed

    def compute_output_shape(self, shape):
        return shape

    def get_config(self):
        return {**super().get_config(), "reduction": self.reduction}


@keras.saving.register_keras_serializable("faceswap_lab")
class ReflectPad(keras.layers.Layer):
    """Mirrors `width` pixels at each border, so that a 'valid' convolution keeps the size and draws no frame."""

    def __init__(self, width: int = 1, **kwargs):
        super().__init__(**kwargs)
        self.width = width

    def call(self, x):
        w = self.width
        return ops.pad(x, [[0, 0], [w, w], [w, w], [0, 0]], mode="reflect")

    def compute_output_shape(self, shape):
        return shape[0], shape[1] + 2 * self.width, shape[2] + 2 * self.width, shape[3]

    def get_config(self):
        return {**super().get_config(), "width": self.width}


def convolution(x, filters: int, kernel: int, *, octave: float = 0.0, multiple: int = 1, **options):
    """A convolution that takes and gives what the blocks pass along: a tensor, or a pair (high, low) of octave convolution.

    Args:
        x: (N, H, W, C), or a pair of it and (N, H/2, W/2, C').
        octave: share of the output's channels at half the size. 0 gives one tensor (a plain `Conv2D` when x is one, too),
            more gives a pair.
        multiple: high and low channels are multiples of this (4 before a pixel shuffle).
        options: as of `Conv2D`; padding "reflect" mirrors the border.

    Raises:
        ValueError: when octave is not in [0, 1), or the sizes cannot be halved.
    """
    if not 0 <= octave < 1:
        raise ValueError(f"octave {octave}: the share of low frequencies must be at least 0 and less than 1")
    if not octave and not is_pair(x):
        if options.get("padding") == "reflect":
            x, options = ReflectPad(kernel // 2)(x), {**options, "padding": "valid"}
        return keras.layers.Conv2D(filters, kernel, **options)(x)
    alpha_in = x[1].shape[-1] / (x[0].shape[-1] + x[1].shape[-1]) if is_pair(x) else 0.0
    return OctaveConv2D(filters, kernel, alpha_in, octave, multiple=multiple, **options)(x)


def _each(layer, x):
    """A layer (made anew by `layer()`) on a tensor, or one on each part of a pair."""
    return tuple(layer()(part) for part in x) if is_pair(x) else layer()(x)


def _normalized(x, kind: str | None, name: str | None = None):
    if not is_pair(x):
        return normalization(kind, name)(x)
    high, low = x
    return normalization(kind, name)(high), normalization(kind, name and f"{name}_low")(low)


def downscale(
    x,
    filters: int,
    *,
    kernel: int = 3,
    norm: str | None = None,
    slope: float = 0.0,
    bias: bool | None = None,
    octave: float = 0.0,
    name: str | None = None,
):
    """Convolution of stride 2, activation, norm (in that order, as FaceSwap-GAN has it): (N, H, W, C) to (N, H/2, W/2, filters).

    Args:
        x: a tensor, or a pair (high, low): see `models.octave`. The same holds for every block below.
        slope: of the leaky ReLU; 0 is a plain ReLU.
        bias: of the convolution; None: only where no norm follows.
        octave: share of low frequencies; 0 gives a tensor, more a pair.
    """
    x = convolution(
        x,
        filters,
        kernel,
        strides=2,
        padding="same",
        use_bias=norm is None if bias is None else bias,
        kernel_initializer="he_normal",
        octave=octave,
        name=name,
    )
    x = _each(lambda: keras.layers.LeakyReLU(slope) if slope else keras.layers.ReLU(), x)
    return _normalized(x, norm, name and f"{name}_norm")


def upscale(
    x,
    filters: int,
    *,
    norm: str | None = None,
    slope: float = 0.1,
    initializer="he_normal",
    octave: float = 0.0,
    name: str | None = None,
):
    """3x3 convolution to 4 * filters, leaky ReLU, norm, pixel shuffle: (N, H, W, C) to (N, 2H, 2W, filters).

    Args:
        initializer: what `ICNR` fills each sub-pixel's kernel with.
    """
    x = convolution(
        x,
        4 * filters,
        3,
        padding="same",
        kernel_initializer=ICNR(initializer),
        octave=octave,
        multiple=4,
        name=name,
    )
    x = _each(lambda: keras.layers.LeakyReLU(slope), x)
    return _each(PixelShuffle, _normalized(x, norm, name and f"{name}_norm"))


def lite_upscale(x, filters: int, *, norm: str | None = None, octave: float = 0.0, name: str | None = None):
    """Nearest-neighbour doubling, mirrored border, 3x3 convolution, norm; no activation: a quarter of `upscale`'s weights."""
    x = _each(lambda: keras.layers.UpSampling2D(2), x)
    x = convolution(x, filters, 3, padding="reflect", kernel_initializer="he_normal", octave=octave, name=name)
    return _normalized(x, norm, name and f"{name}_norm")


def residual(x, filters: int, *, slope: float = 0.2, bias: bool = True, octave: float = 0.0, name: str | None = None):
    """Two 3x3 convolutions added to their input, leaky ReLU after each; no norm."""
    x = split(x, octave) if octave else join(x)
    y = x
    for step in (1, 2):
        y = convolution(
            y,
            filters,
            3,
            padding="same",
            use_bias=bias,
            kernel_initializer="he_normal",
            octave=octave,
            name=name and f"{name}_{step}",
        )
        y = _each(lambda: keras.layers.LeakyReLU(slope), y) if step == 1 else y
    if is_pair(x):
        y = tuple(keras.layers.Add()([before, after]) for before, after in zip(x, y, strict=True))
    else:
        y = keras.layers.Add()([x, y])
    return _each(lambda: keras.layers.LeakyReLU(slope), y)


def attend(x, octave: float = 0.0, name: str | None = None):
    """Self-attention over everything: a pair is joined before, and split again afterwards.

    Args:
        octave: share of low frequencies of what comes out; 0 gives a tensor.
    """
    x = SelfAttention(name=name)(join(x))
    return split(x, octave) if octave else x


def unet(x, filters: tuple[int, ...], slope: float = 0.1) -> list:
    """A U-Net (O. Ronneberger, P. Fischer, T. Brox, MICCAI 2015, arXiv:1505.04597).

    Args:
        x: (N, S, S, C), S a multiple of 2 ** len(filters). filters: channels at S/2, S/4 and so on. slope: of the leaky ReLU.

    Returns:
        Features from the coarsest to those at S/2, one of each size.
    """

    def convolved(x, filters, name, kernel=3, strides=1):
        # a name of its own: Keras' running numbers differ from one training to the next, and checkpoints go by names
        x = keras.layers.Conv2D(filters, kernel, strides, padding="same", kernel_initializer="he_normal", name=name)(x)
        return keras.layers.LeakyReLU(slope)(x)

    skips = []
    for level, count in enumerate(filters):
        x = convolved(x, count, f"halve_{level}", 4 if level == 0 else 3, strides=2)
        x = convolved(x, count, f"down_{level}")
        skips.append(x)
    found = [convolved(x, filters[-1], "middle")]
    for level in reversed(range(len(filters) - 1)):
        x = convolved(found[-1], filters[level], f"narrow_{level}", 1)
        x = keras.layers.UpSampling2D(interpolation="bilinear", dtype="float32")(x)  # XLA has no gradient of it in 16 bit
        found.append(convolved(keras.layers.Concatenate()([x, skips[level]]), filters[level], f"up_{level}"))
    return found
