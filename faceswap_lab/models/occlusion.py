"""What hides a face: a small U-Net that finds hands and other things before an aligned face.

It answers what rendered hands, and flat things, teach it (tools/train_occlusion.py), by cross-entropy. Networks for this are
called face segmentation, occlusion masks or, after DeepFaceLab, XSeg.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path

import cv2
import keras
import numpy as np
from keras import layers

from faceswap_lab.base import files, untrusted, weights
from faceswap_lab.base.errors import LabError
from faceswap_lab.models.layers import pixel_shuffle, unet

SIZE = 128  # px, the side of the faces
FILTERS = (16, 24, 32, 48)  # channels at half the side, a quarter, an eighth and a sixteenth
MOST_BYTES = 1 << 24


def build_occlusion() -> keras.Model:
    """The network, uncompiled: faces (N, 128, 128, 3) float32 RGB [0, 1] -> (N, 128, 128, 1) float32, 1 where hidden."""
    faces = keras.Input((SIZE, SIZE, 3), name="faces")
    x = unet(faces, FILTERS)[-1]
    logits = pixel_shuffle(layers.Conv2D(4, 3, padding="same", name="parts")(x))
    return keras.Model(faces, layers.Activation("sigmoid", dtype="float32", name="hidden")(logits), name="occlusion")


def hidden(faces: np.ndarray) -> np.ndarray:
    """How much of each pixel belongs to something before the face, by the network that ships with the lab.

    Args:
        faces: (N, S, S, 3) float32 RGB [0, 1], aligned as a face set has them.

    Returns:
        (N, S, S) float32 [0, 1].

    Raises:
        LabError: when the network's weights are missing or damaged.
    """
    size = faces.shape[1]
    seen = (
        faces
        if size == SIZE
        else np.stack([cv2.resize(face, (SIZE, SIZE), interpolation=cv2.INTER_AREA) for face in faces])
    )
    found = np.clip(1.25 * shipped().predict_on_batch(seen)[..., 0] - 0.125, 0, 1)  # what is all but sure is sure
    return found if size == SIZE else np.stack([cv2.resize(one, (size, size)) for one in found])


@functools.cache
def shipped() -> keras.Model:
    return load(weights.find("occlusion"))


def save(network: keras.Model, path: str | os.PathLike) -> None:
    """Writes the weights, in 16 bit."""
    held = {f"weight_{k}": value.astype(np.float16) for k, value in enumerate(network.get_weights())}
    with files.atomic_path(Path(path)) as temporary, temporary.open("wb") as stream:
        np.savez(stream, **held)


def load(path: str | os.PathLike) -> keras.Model:
    """What `save` wrote.

    Raises:
        LabError: when the file is missing, damaged, or holds no such network.
    """
    network = build_occlusion()
    try:
        with untrusted.arrays(Path(path), MOST_BYTES) as held:
            network.set_weights([held[f"weight_{k}"].astype(np.float32) for k in range(len(network.weights))])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LabError(
            f"{path}: this is no occlusion network, or it is damaged ({error}). Train one with tools/train_occlusion.py."
        ) from error
    return network
