"""The light on a face: measured over the inner face, taken out before the encoder, put back after the decoder.

Also the soft oval under which a centred encoder sees a face. Arrays are RGB float32, faces aligned.
"""

from __future__ import annotations

import numpy as np
from keras import ops

MIDDLE = 0.4  # the mean that every face is brought to before it is encoded
BRIGHTEST = 1.6  # the most that a decoder can paint, on that scale


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
