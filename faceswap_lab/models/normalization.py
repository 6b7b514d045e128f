"""Norms by honest names: over what each takes its mean and deviation, and how many scales it learns."""

from __future__ import annotations

import math

import keras
from keras import ops

NORMS = ("instance", "group", "layer", "whole_image", "hybrid", "batch")


@keras.saving.register_keras_serializable("faceswap_lab")
class WholeImageNormalization(keras.layers.Layer):
    """Mean and deviation over rows, columns *and* channels of each picture, with one gamma and one beta in all.

    FaceSwap-GAN calls this instance normalisation, and it is none: an instance norm looks at each channel alone.
    (x - mean) / (deviation + 1e-3) * gamma + beta.
    """

    def build(self, shape):
        self.gamma = self.add_weight(shape=(), initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=(), initializer="zeros", name="beta")
        super().build(shape)

    def call(self, x):
        wide = ops.cast(x, "float32")  # a sum over a whole picture does not fit into 16 bit
        mean = ops.mean(wide, axis=(1, 2, 3), keepdims=True)
        # The root of exactly 0 has no gradient: an even picture keeps one through the small number under it.
        deviation = ops.sqrt(ops.mean(ops.square(wide - mean), axis=(1, 2, 3), keepdims=True) + 1e-12)
        normal = (wide - mean) / (deviation + 1e-3)
        return ops.cast(normal, x.dtype) * self.gamma + self.beta

    def compute_output_shape(self, shape):
        return shape


@keras.saving.register_keras_serializable("faceswap_lab")
class HybridNormalization(keras.layers.Layer):
    """The first half of the channels through a 1x1 convolution, the rest through `WholeImageNormalization`.

    FaceSwap-GAN's "hybrid": half of the channels keep what a norm takes away, the picture's own brightness and contrast.
    """

    def build(self, shape):
        self.half = shape[-1] // 2
        self.mix = keras.layers.Conv2D(self.half, 1, kernel_initializer="he_normal", name="mix")
        self.mix.build((*shape[:-1], self.half))
        self.norm = WholeImageNormalization(name="norm")
        self.norm.build((*shape[:-1], shape[-1] - self.half))
        super().build(shape)

    def call(self, x):
        return ops.concatenate([self.mix(x[..., : self.half]), self.norm(x[..., self.half :])], axis=-1)

    def compute_output_shape(self, shape):
        return shape


def normalization(kind: str | None, name: str | None = None):
    """One of the norms a block can take.

    Args:
        kind: "instance" (each channel of each picture; Ulyanov et al., arXiv:1607.08022), "group" (16 groups of channels,
            or as many under 16 as divide them; Wu and He, arXiv:1803.08494), "layer" (rows, columns and channels of a
            picture, a gamma and beta a channel), "whole_image" and "hybrid" (FaceSwap-GAN's own, see the classes),
            "batch" (each channel over the whole batch) or None.

    Returns:
        A function that takes and returns a tensor.

    Raises:
        ValueError: for an unknown kind.
    """
    if kind is None:
        return lambda x: x
    if kind not in NORMS:
        raise ValueError(f"unknown norm {kind!r}: choose one of {', '.join(NORMS)} or None")
    if kind == "whole_image":
        return WholeImageNormalization(name=name)
    if kind == "hybrid":
        return HybridNormalization(name=name)
    if kind == "batch":
        return keras.layers.BatchNormalization(epsilon=1e-3, momentum=0.9, name=name)

    def grouped(x):
        groups = {"instance": x.shape[-1], "layer": 1, "group": math.gcd(16, x.shape[-1])}[kind]
        return keras.layers.GroupNormalization(groups=groups, epsilon=1e-3, name=name)(x)

    return grouped
