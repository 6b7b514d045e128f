"""Landmarks of frames that several outputs share, found once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np

from faceswap_lab.faces.landmarks import FaceMesh


class Remembered:
    """A landmark finder that looks at no picture twice: the true swap's faces are asked for by every measure and model.

    Args:
        landmarks: from a frame and its (5, 2) points to landmarks or None; None takes `FaceMesh`.
    """

    def __init__(self, landmarks: Callable[[np.ndarray, np.ndarray], object] | None = None):
        self.landmarks, self.known = landmarks or FaceMesh(), {}

    def __call__(self, frame: np.ndarray, points: np.ndarray):
        """Args: frame (H, W, 3) uint8 RGB, points (5, 2) in its pixels. Returns: what the finder says."""
        key = hashlib.blake2b(np.ascontiguousarray(frame)).digest(), np.asarray(points, np.float64).tobytes()
        if key not in self.known:
            self.known[key] = self.landmarks(frame, points)
        return self.known[key]
