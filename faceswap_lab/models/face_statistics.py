"""What is measured of both people's faces before a training: which masks there are, the usual light, the average, the descriptor.

Faces are {"A": (N, S, S, 3) uint8 RGB, "B": ...}; S is at least the model's size.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from keras import ops

from faceswap_lab.base import files
from faceswap_lab.models.lighting import measure_light
from faceswap_lab.models.loss_weights import MASKS
from faceswap_lab.models.losses import grey_faces

PEOPLE = ("A", "B")
AT_ONCE = 256  # faces that are measured together: as float32, all of a large set would take some gigabytes


def known_masks(masks: dict[str, np.ndarray]) -> list[str]:
    """Which of `loss_weights.MASKS` both people have; one that is empty in all faces of a person counts as missing.

    Args:
        masks: {"A": (N, S, S, M) uint8, "B": ...}: the first M of them.
    """
    found = []
    for p in PEOPLE:
        found.append(np.any(masks[p].reshape(-1, masks[p].shape[-1]), axis=0))
        files.release(masks[p])
    return [name for index, name in enumerate(MASKS) if all(index < len(f) and f[index] for f in found)]


def light_and_average(
    faces: dict[str, np.ndarray], size: int, relight: Callable | None
) -> tuple[np.ndarray, np.ndarray | None]:
    """Each person's usual light and, where `relight` is given, average face.

    Args:
        faces: see above.
        size: side that they are brought to.
        relight: takes the light out of faces (N, size, size, 3) float32 in [0, 1]; None: no averages.

    Returns:
        (2, 3) float, the geometric mean of the light, and (2, size, size, 3) float32 or None.
    """
    usual, averages = [], []
    for person in PEOPLE:
        lights, total = [], np.zeros((size, size, 3), "float32")
        for start in range(0, len(faces[person]), AT_ONCE):
            some = resize(faces[person][start : start + AT_ONCE], size)
            files.release(faces[person])
            pictures = ops.convert_to_tensor(some, "float32") / 255.0
            lights.append(ops.convert_to_numpy(measure_light(pictures))[:, 0, 0])
            for picture in ops.convert_to_numpy(relight(pictures)) if relight else ():
                total += picture
        usual.append(np.exp(np.log(np.concatenate(lights)).mean(axis=0)))
        averages.append(total / len(faces[person]))
    return np.stack(usual), np.stack(averages) if relight else None


def descriptor_directions(
    faces: dict[str, np.ndarray], size: int, relight: Callable, describe: Callable
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Each person's mean descriptor, as a direction from the middle of both: all faces share most of theirs.

    Args:
        faces: see above.
        size: side that they are brought to.
        relight: as in `light_and_average`.
        describe: grey faces (N, size, size, 3) in [0, 1] to descriptors (N, D).

    Returns:
        The middle, (1, D), and the directions of A and of B, (1, D) each.
    """
    means = []
    for person in PEOPLE:
        spread = faces[person][:: max(1, len(faces[person]) // 256)]  # a mean needs no more
        pictures = resize(spread, size).astype("float32") / 255.0
        parts = [
            describe(grey_faces(relight(ops.convert_to_tensor(pictures[i : i + 32]))))
            for i in range(0, len(pictures), 32)
        ]
        means.append(np.concatenate([ops.convert_to_numpy(ops.cast(p, "float32")) for p in parts]).mean(axis=0))
    middle = np.mean(means, axis=0, keepdims=True)
    return middle, [mean[None] - middle for mean in means]


def resize(pictures: np.ndarray, size: int) -> np.ndarray:
    """uint8 pictures (N, S, S, C) brought to (N, size, size, C) by averaging."""
    if pictures.shape[1] == size:
        return pictures
    return np.clip(
        np.round(ops.convert_to_numpy(ops.image.resize(pictures.astype("float32"), (size, size), antialias=True))),
        0,
        255,
    ).astype("uint8")
