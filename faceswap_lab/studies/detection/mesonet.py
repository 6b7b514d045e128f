"""A small network that looks at textures of middle size.

D. Afchar, V. Nozick, J. Yamagishi, I. Echizen, "MesoNet: a compact facial video forgery detection network", WIFS 2018
(arXiv:1809.00888).

Four blocks of convolution, batch normalisation and pooling, then a small dense head, as in its Meso-4. Two things differ: the
head looks at the mean over the face, so that the network may learn from smaller pieces than it judges, and it is trained for a
minute on a few hundred faces, where the paper had thousands of videos.
"""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np
from keras import layers

from faceswap_lab.base.errors import LabError
from faceswap_lab.studies.detection.data_set import Crops
from faceswap_lab.studies.detection.spectrum import check_classes

FILTERS = ((8, 3, 2), (8, 5, 2), (16, 5, 2), (16, 5, 4))  # of each block: filters, kernel, pooling
PIECE = 128  # px of the pieces that it learns from
STEPS, BATCH = 150, 16
LEARNING_RATE = 2e-3
LEAST = 8  # faces of each class


def build_meso() -> keras.Model:
    """The network: (N, S, S, 3) RGB float32 in [0, 1], any S of 32 or more, to (N, 1) float32 logits; above 0: swapped."""
    inputs = keras.Input((None, None, 3))
    x = inputs
    for filters, kernel, pool in FILTERS:
        x = layers.Conv2D(filters, kernel, padding="same", activation="relu")(x)
        x = layers.BatchNormalization(momentum=0.9)(x)  # few steps: the usual 0.99 would still be on its way
        x = layers.MaxPooling2D(pool)(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.3)(x)
    x = layers.LeakyReLU(0.1)(layers.Dense(16)(x))
    return keras.Model(inputs, layers.Dense(1, dtype="float32")(x), name="meso")


def batches(
    real: np.ndarray, swapped: np.ndarray, size: int, piece: int, seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Endless batches, half of each class: pieces cut at random, mirrored half of the time, a little brighter or darker.

    Args:
        real, swapped: (N, S, S, 3) uint8 RGB.
        size: faces in a batch, even.
        piece: side of the pieces in pixels.

    Yields:
        (size, piece, piece, 3) float32 in [0, 1], and (size, 1) float32: 1 for swapped.
    """
    random = np.random.default_rng(seed)
    answers = np.repeat([0.0, 1.0], size // 2).astype(np.float32)[:, None]
    room = real.shape[1] - piece + 1
    while True:
        chosen = [faces[random.integers(len(faces), size=size // 2)] for faces in (real, swapped)]
        cut = np.empty((size, piece, piece, 3), np.float32)
        for row, face in enumerate(np.concatenate(chosen)):
            y, x = random.integers(room, size=2)
            part = face[y : y + piece, x : x + piece]
            cut[row] = (part[:, ::-1] if random.random() < 0.5 else part) * (random.uniform(0.8, 1.2) / 255)
        yield np.clip(cut, 0, 1), answers


class MesoDetector:
    """The network with its training.

    Args:
        steps: of the training.
        seed: of weights and batches.
    """

    name = "meso"

    def __init__(self, steps: int = STEPS, seed: int = 0):
        if steps < 1:
            raise LabError(f"steps={steps}: give one or more.")
        self.steps, self.seed = steps, seed
        keras.utils.set_random_seed(seed)
        self.model = build_meso()

    def fit(self, real: Crops, swapped: Crops) -> MesoDetector:
        """Learns from faces of both classes.

        Raises:
            LabError: when there are fewer than eight of either.
        """
        check_classes(real.faces, swapped.faces, LEAST)
        self.model.compile(keras.optimizers.Adam(LEARNING_RATE), keras.losses.BinaryCrossentropy(from_logits=True))
        piece = min(PIECE, real.faces.shape[1])
        given = batches(real.faces, swapped.faces, BATCH, piece, self.seed)
        self.history = self.model.fit(given, steps_per_epoch=self.steps, epochs=1, shuffle=False, verbose=0).history
        return self

    def __call__(self, crops: Crops) -> np.ndarray:
        """(T,) logits, larger: more likely swapped."""
        return np.concatenate([
            self.model.predict_on_batch(crops.faces[first : first + BATCH].astype(np.float32) / 255)[:, 0]
            for first in range(0, len(crops), BATCH)
        ])  # fmt: skip
