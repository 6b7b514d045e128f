"""The light on a face: measured over the inner face, taken out before the encoder, put back after the decoder.

Also the soft oval under which a centred encoder sees a face. Arrays are RGB float32, faces aligned.
"""

from __future__ import annotations

import cv2
import numpy as np
from keras import ops

from faceswap_lab.base import files

MIDDLE = 0.4  # the mean that every face is brought to before it is encoded
BRIGHTEST = 1.6  # the most that a decoder can generate, on that scale


def light_window(size: int) -> np.ndarray:
    """Where the light on a face is measured: a soft ellipse over the inner face, (1, size, size, 1) float32, sum 1."""
    line = (np.arange(size) + 0.5) / size
    x, y = np.meshgrid(line, line)
    distance = np.sqrt(((x - 0.5) / 0.26) ** 2 + ((y - 0.58) / 0.32) ** 2)
    window = np.clip((1.1 - distance) / 0.2, 0, 1)
    return (window / window.sum()).astype("float32")[None, :, :, None]


def face_oval(size: int) -> np.ndarray:
    """A soft oval around the whole aligned face, (1, size, size, 1) float32: 1 on the face, 0 in the corners."""
    line = (np.arange(size) + 0.5) / size
    x, y = np.meshgrid(line, line)
    distance = np.sqrt(((x - 0.5) / 0.46) ** 2 + ((y - 0.52) / 0.52) ** 2)
    return np.clip((1.05 - distance) / 0.15, 0, 1).astype("float32")[None, :, :, None]


def measure_light(faces):
    """The mean colour over `light_window`: (N, S, S, 3) to (N, 1, 1, 3), at least 0.02."""
    return ops.maximum(ops.sum(faces * light_window(faces.shape[1]), axis=(1, 2), keepdims=True), 0.02)


def light_fields(faces: np.ndarray, masks: np.ndarray, cells: int = 8) -> np.ndarray:
    """How the light lies on each face, coarsely: its log brightness in each cell, against the average of all the faces.

    The quotient image (Shashua and Riklin-Raviv 2001) at a coarse scale: on one person's aligned faces skin, lips and
    brows cancel, and what is left is light (and a little of the expression).

    Args:
        faces: (N, S, S, 3) uint8 RGB of one person.
        masks: (N, S, S) uint8, 255 on the face; only what lies there is measured, the rest is filled from the cells around.
        cells: along one side.

    Returns:
        (N, cells, cells, 3) float32, natural logarithms; each face's mean over the face and its colours is 0.
    """
    if not len(faces):
        return np.zeros((0, cells, cells, 3), "float32")
    fields = np.empty((len(faces), cells, cells, 3), "float32")
    shares = np.empty((len(faces), cells, cells, 1), "float32")
    for index, (face, mask) in enumerate(zip(faces, masks, strict=True)):
        inside = (mask / 255.0).astype("float32")
        light = np.log(np.maximum(face, 4).astype("float32") / 255.0) * inside[..., None]
        shares[index, ..., 0] = cv2.resize(inside, (cells, cells), interpolation=cv2.INTER_AREA)
        fields[index] = cv2.resize(light, (cells, cells), interpolation=cv2.INTER_AREA)
    files.release(faces)
    files.release(masks)
    usual = fields.sum(axis=0) / np.maximum(shares.sum(axis=0), 1e-3)
    fields -= shares * usual
    mean = fields.sum(axis=(1, 2, 3), keepdims=True) / np.maximum(3 * shares.sum(axis=(1, 2, 3), keepdims=True), 1e-3)
    fields -= shares * mean
    for index in range(len(fields)):  # normalised convolution: cells off the face take their neighbours' light
        blurred = cv2.GaussianBlur(np.concatenate([fields[index], shares[index]], axis=-1), (0, 0), 0.8)
        fields[index] = blurred[..., :3] / np.maximum(blurred[..., 3:], 0.05)
    return fields
