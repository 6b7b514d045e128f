"""Three small autoencoders that differ in what two people share, trained side by side: where does the person's identity go?"""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from faceswap_lab.models.face_statistics import PEOPLE, resize

SIDE, HIDDEN, CODE = 32, 128, 24  # pixels of a face's side, numbers of the hidden layers and of the code
FORMS = {"one encoder, two decoders": (1, 2), "nothing shared": (2, 2), "everything shared": (1, 1)}


@dataclass(frozen=True)
class Form:
    """One of `FORMS`: its encoders (N, 32, 32, 3) to (N, 24) and its decoders back, one for both people or one each."""

    encoders: list[keras.Model]
    decoders: list[keras.Model]

    def encode(self, faces, person: int):
        """The code (N, 24) of faces (N, 32, 32, 3) float32 in [0, 1] that show person 0 (A) or 1 (B)."""
        return self.encoders[person % len(self.encoders)](faces)

    def generate(self, code, person: int):
        """Faces (N, 32, 32, 3) in [0, 1], painted by the decoder of person 0 or 1."""
        return self.decoders[person % len(self.decoders)](code)


def small_faces(pictures: np.ndarray) -> np.ndarray:
    """Faces (N, S, S, 3) uint8 at this experiment's size: (N, 32, 32, 3) float32 in [0, 1]."""
    return resize(pictures, SIDE).astype("float32") / 255


def _encoder() -> keras.Model:
    hidden = keras.layers.Dense(HIDDEN, activation="leaky_relu")
    return keras.Sequential([keras.Input((SIDE, SIDE, 3)), keras.layers.Flatten(), hidden, keras.layers.Dense(CODE)])


def _decoder() -> keras.Model:
    hidden, out = keras.layers.Dense(HIDDEN, activation="leaky_relu"), keras.layers.Dense(SIDE * SIDE * 3, "sigmoid")
    return keras.Sequential([keras.Input((CODE,)), hidden, out, keras.layers.Reshape((SIDE, SIDE, 3))])


def train(faces: dict[str, np.ndarray], steps: int = 300, seed: int = 0) -> dict[str, Form]:
    """Trains all forms at once on the same batches, each to give back A's faces as A and B's as B, by L1.

    Args:
        faces: {"A": (N, S, S, 3) uint8 RGB, "B": ...}.
        steps: of 16 faces of each person.
        seed: of weights and batches.

    Returns:
        {name: Form}, one for each of `FORMS`.
    """
    keras.utils.set_random_seed(seed)
    forms = {
        name: Form([_encoder() for _ in range(encoders)], [_decoder() for _ in range(decoders)])
        for name, (encoders, decoders) in FORMS.items()
    }
    inputs, errors = [keras.Input((SIDE, SIDE, 3)) for _ in PEOPLE], []
    for form in forms.values():
        for person, x in enumerate(inputs):
            errors.append(ops.mean(ops.abs(form.generate(form.encode(x, person), person) - x), axis=(1, 2, 3)))
    whole = keras.Model(inputs, sum(errors))
    whole.compile(keras.optimizers.Adam(2e-3), loss=lambda _, error: error)
    rows = np.random.default_rng(seed)
    batches = [small_faces(faces[p])[rows.integers(0, len(faces[p]), 16 * steps)] for p in PEOPLE]
    whole.fit(batches, np.zeros(16 * steps), batch_size=16, verbose=0)
    return forms


def between_share(form: Form, faces: dict[str, np.ndarray]) -> float:
    """The share of the codes' variance that lies between the two people's means: 0 says nothing of the person, 1 nothing else."""
    codes = [ops.convert_to_numpy(form.encode(small_faces(faces[p]), person)) for person, p in enumerate(PEOPLE)]
    within = np.mean([code.var(axis=0).sum() for code in codes])
    between = np.square(codes[0].mean(axis=0) - codes[1].mean(axis=0)).sum() / 4
    return float(between / (between + within))
