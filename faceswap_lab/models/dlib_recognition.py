"""The evaluation network: dlib's face recognition network, as a plain Keras model.

It turns a face into 128 numbers; two pictures of one person lie less than 0.6 apart. No swap model is trained with it
(that is `faceswap_lab.models.mobilenet_recognition`), so what it says of a swap is an outsider's word.

D. King, "High quality face recognition with deep metric learning", blog.dlib.net, 2017: a ResNet of 29 convolutions,
after K. He et al., "Deep residual learning for image recognition", CVPR 2016; 99.4 % on LFW by its author. The weights, in the
public domain, were converted by `tools/convert_weights.py`.
"""

from __future__ import annotations

import functools

import keras
import numpy as np
from keras import layers, ops

from faceswap_lab.base import untrusted, weights

CHIP_SIZE = 150
MEAN_RGB = (122.782, 117.001, 104.298)  # of 0..255
STAGES = (32, 32, 32, -64, 64, 64, 64, -128, 128, 128, -256, 256, 256, -256)  # one residual block each; minus: halves


def build_recognition() -> keras.Model:
    """The network without its weights: (N, 150, 150, 3) RGB float32 in [0, 1] to (N, 128)."""
    image = keras.Input((CHIP_SIZE, CHIP_SIZE, 3), name="chip")
    x = layers.Rescaling(255 / 256, [-mean / 256 for mean in MEAN_RGB], name="dlib_colours")(image)
    x = layers.Conv2D(32, 7, 2, activation="relu", name="conv_0")(x)  # dlib pads only where the size is kept
    x = layers.MaxPooling2D(3, 2, name="max_pool")(x)
    for block, filters in enumerate(STAGES):
        x = _residual(x, abs(filters), filters < 0, 2 * block + 1)
    x = layers.GlobalAveragePooling2D(name="average")(x)
    return keras.Model(image, layers.Dense(128, use_bias=False, name="embedding")(x), name="face_recognition")


def _residual(x, filters: int, halve: bool, number: int):
    """Two 3x3 convolutions beside a shortcut; `halve` makes the first one's stride 2 and averages the shortcut down."""
    branch = layers.Conv2D(
        filters, 3, 2 if halve else 1, "valid" if halve else "same", activation="relu", name=f"conv_{number}"
    )(x)
    branch = layers.Conv2D(filters, 3, padding="same", name=f"conv_{number + 1}")(branch)
    shortcut = layers.AveragePooling2D(2, 2, name=f"shortcut_{number}")(x) if halve else x
    # dlib adds tensors of unequal size as if the smaller went on with zeros: more channels, and sometimes one more row.
    height, width = (max(branch.shape[axis], shortcut.shape[axis]) for axis in (1, 2))
    return ops.relu(ops.add(_grow(branch, height, width, filters), _grow(shortcut, height, width, filters)))


def _grow(x, height: int, width: int, channels: int):
    """`x` with zeros below, to the right and in further channels, up to the size asked for."""
    missing = height - x.shape[1], width - x.shape[2], channels - x.shape[3]
    return ops.pad(x, [(0, 0), *((0, more) for more in missing)]) if any(missing) else x


@functools.cache
def _load() -> keras.Model:
    model = build_recognition()
    with untrusted.arrays(weights.find("dlib_face_recognition")) as held:
        for layer in model.layers:
            layer.set_weights([held[f"{layer.name}/{variable.name}"] for variable in layer.weights])
    model.trainable = False
    model.jit_compile = False  # on a GPU XLA would compile it again for every number of faces
    return model


class FaceRecognition:
    """The network, read once a process.

    Attributes:
        model: Keras model, (N, 150, 150, 3) RGB float32 in [0, 1] to (N, 128) float32.

    Raises:
        LabError: when its weights are missing or damaged.
    """

    def __init__(self):
        self.model = _load()

    def embed(self, chips: np.ndarray, batch_size: int = 16) -> np.ndarray:
        """What the network sees in each face.

        Args:
            chips: (N, 150, 150, 3) RGB from `faces.embeddings.chip`, uint8 or float32 in [0, 1].
            batch_size: chips that go through the network at once.

        Returns:
            (N, 128) float32, to be compared by their L2 distance: under 0.6 is the same person.

        Raises:
            ValueError: for another shape.
        """
        chips = np.asarray(chips)
        if chips.ndim != 4 or chips.shape[1:] != (CHIP_SIZE, CHIP_SIZE, 3):
            raise ValueError(f"chips must have the shape (N, {CHIP_SIZE}, {CHIP_SIZE}, 3), not {chips.shape}")
        embeddings = np.empty((len(chips), 128), np.float32)
        for start in range(0, len(chips), batch_size):
            batch = chips[start : start + batch_size]
            batch = batch.astype(np.float32) / 255 if batch.dtype == np.uint8 else batch.astype(np.float32)
            embeddings[start : start + batch_size] = self.model.predict_on_batch(batch)
        return embeddings
