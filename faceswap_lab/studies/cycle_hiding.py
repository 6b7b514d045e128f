"""A cycle that cheats: one network must make a face grey, another must give the colours back, and they whisper.

C. Chu, A. Zhmoginov, M. Sandler, "CycleGAN, a master of steganography", 2017 (arXiv:1712.02950).
"""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from faceswap_lab.models.layers import PixelShuffle
from faceswap_lab.models.losses import grey
from faceswap_lab.studies.sharing import SIDE


@dataclass(frozen=True)
class Cycle:
    """There: faces (N, 32, 32, 3) float32 in [0, 1] to grey pictures (N, 32, 32, 1). Back: those to faces in colour."""

    there: keras.Model
    back: keras.Model


def _network(channels: int, out: int, width: int = 16) -> keras.Model:
    """Works on cells of 2x2 pixels: between the four there is room for patterns that no single pixel gives away."""
    cells = keras.layers.Conv2D(width, 4, strides=2, padding="same", activation="leaky_relu")
    hidden = keras.layers.Conv2D(2 * width, 3, padding="same", activation="leaky_relu")
    made = keras.layers.Conv2D(4 * out, 3, padding="same")
    return keras.Sequential([keras.Input((SIDE, SIDE, channels)), cells, hidden, made, PixelShuffle()])


def train(faces: np.ndarray, steps: int = 250, unseen: float = 4 / 255, seed: int = 0) -> Cycle:
    """Trains both networks together: L1 of there and back, and of "there" against the plain grey picture.

    The second term stands for a discriminator that lets only grey pictures pass, and does not see small differences: large
    ones at first, since it has to learn too, in the end `unseen`.

    Args:
        faces: (N, 32, 32, 3) float32 in [0, 1].
        steps: of 16 faces.
        unseen: the difference of a pixel, in [0, 1], that costs nothing at the end.
        seed: of weights and batches.
    """
    keras.utils.set_random_seed(seed)
    inputs, coded, allowed = keras.Input((SIDE, SIDE, 3)), keras.Input((SIDE, SIDE, 1)), keras.Input((1, 1, 1))
    there = keras.Model(inputs, grey(inputs) + _network(3, 1)(inputs))
    back = keras.Model(coded, coded + _network(1, 3)(coded))
    made = there(inputs)
    seen = ops.maximum(ops.abs(made - grey(inputs)) - allowed, 0.0)
    cost = ops.mean(ops.abs(back(made) - inputs), (1, 2, 3)) + 10 * ops.mean(seen, (1, 2, 3))
    whole = keras.Model([inputs, allowed], cost)
    whole.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(4e-3, steps)), loss=lambda _, one: one)
    rows = np.random.default_rng(seed).integers(0, len(faces), 16 * steps)
    limits = np.maximum(np.geomspace(0.3, unseen / 2, steps), unseen).repeat(16).reshape(-1, 1, 1, 1)
    whole.fit([faces[rows], limits], np.zeros(16 * steps), batch_size=16, shuffle=False, verbose=0)
    return Cycle(there, back)
