"""The mean of a person's aligned faces, as two benchmarks put it over a target's face."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from faceswap_lab.faces.alignment import align, alignment_matrix


def average_face(frames: Iterable[np.ndarray], points: np.ndarray, size: int = 256) -> np.ndarray:
    """The mean face, (size, size, 3) RGB float32 in [0, 1].

    Args:
        frames: (H, W, 3) uint8 RGB each. points: (T, 5, 2) five points a frame, in frame pixels; NaN: no face.
    """
    faces = [
        align(frame, alignment_matrix(five, size), size)
        for frame, five in zip(frames, points, strict=True)
        if np.isfinite(five).all()
    ]
    return (np.sum(faces, axis=0, dtype=np.float64) / (255 * len(faces))).astype(np.float32)
