"""The few layers that Keras does not have. Channels last; `keras.ops` only, so any backend runs them."""

from __future__ import annotations

import keras
from keras import ops

from faceswap_lab.models.normalization import normalization


@keras.saving.register_keras_serializable("faceswap_lab")
class PixelShuffle(keras.layers.Layer):
    """Turns channels into space: (N, H, W, 4C) becomes (N, 2H, 2W, C).

    Shi et al., "Real-time single image and video super-resolution", CVPR 2016 (arXiv:1609.05158).
    """

    def __init__(self, factor: int = 2, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x):
        height, width, channels = x.shape[1], x.shape[2], x.shape[3]
        f = self.factor
        x = ops.reshape(x, (-1, height, width, f, f, channels // (f * f)))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
        return ops.reshape(x, (-1, height * f, width * f, channels // (f * f)))

    def compute_output_shape(self, shape):
        n, height, width, channels = shape
        return n, height * self.factor, width * self.factor, channels // self.factor**2

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


@keras.saving.register_keras_serializable("faceswap_lab")
class ICNR(keras.initializers.Initializer):
    """Starts a convolution before a pixel shuffle so that its sub-pixels agree: no checkerboard at step 0.

    Aitken et al., "Checkerboard artifact free sub-pixel convolution", 2017 (arXiv:1707.02937).

    Args:
        initializer: what fills one sub-pixel's kernel; FaceSwap-GAN uses N(0, 0.02).
        factor: the shuffle's factor.
    """

    def __init__(self, initializer="he_normal", factor: int = 2):
        self.initializer = keras.initializers.get(initializer)
        self.factor = factor

    def __call__(self, shape, dtype=None):
        *kernel, filters = shape
        one = self.initializer((*kernel, filters // self.factor**2), dtype=dtype)
        return ops.tile(one, [1] * len(kernel) + [self.factor**2])

    def get_config(self):
        return {"initializer": keras.initializers.serialize(self.initializer), "factor": self.factor}


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


def downscale(
    x,
    filters: int,
    *,
    kernel: int = 3,
    norm: str | None = None,
    slope: float = 0.0,
    bias: bool | None = None,
    name: str | None = None,
):
    """Convolution of stride 2, activation, norm (in that order, as FaceSwap-GAN has it): (N, H, W, C) to (N, H/2, W/2, filters).

    Args:
        slope: of the leaky ReLU; 0 is a plain ReLU.
        bias: of the convolution; None: only where no norm follows.
    """
    x = keras.layers.Conv2D(
        filters,
        kernel,
        strides=2,
        padding="same",
        use_bias=norm is None if bias is None else bias,
        kernel_initializer="he_normal",
        name=name,
    )(x)
    x = keras.layers.LeakyReLU(slope)(x) if slope else keras.layers.ReLU()(x)
    return normalization(norm, name and f"{name}_norm")(x)


def upscale(
    x,
    filters: int,
    *,
    norm: str | None = None,
    slope: float = 0.1,
    initializer="he_normal",
    name: str | None = None,
):
    """3x3 convolution to 4 * filters, leaky ReLU, norm, pixel shuffle: (N, H, W, C) to (N, 2H, 2W, filters).

    Args:
        initializer: what `ICNR` fills each sub-pixel's kernel with.
    """
    x = keras.layers.Conv2D(4 * filters, 3, padding="same", kernel_initializer=ICNR(initializer), name=name)(x)
    x = keras.layers.LeakyReLU(slope)(x)
    return PixelShuffle()(normalization(norm, name and f"{name}_norm")(x))


def lite_upscale(x, filters: int, *, norm: str | None = None, name: str | None = None):
    """Nearest-neighbour doubling, mirrored border, 3x3 convolution, norm; no activation: a quarter of `upscale`'s weights."""
    x = ReflectPad()(keras.layers.UpSampling2D(2)(x))
    x = keras.layers.Conv2D(filters, 3, kernel_initializer="he_normal", name=name)(x)
    return normalization(norm, name and f"{name}_norm")(x)


def residual(x, filters: int, *, slope: float = 0.2, bias: bool = True, name: str | None = None):
    """Two 3x3 convolutions added to their input, leaky ReLU after each; no norm."""
    y = x
    for step in (1, 2):
        y = keras.layers.Conv2D(
            filters,
            3,
            padding="same",
            use_bias=bias,
            kernel_initializer="he_normal",
            name=name and f"{name}_{step}",
        )(y)
        y = keras.layers.LeakyReLU(slope)(y) if step == 1 else y
    return keras.layers.LeakyReLU(slope)(keras.layers.Add()([x, y]))
