"""Drawings of what the detector and the landmark networks find."""

from __future__ import annotations

import cv2
import numpy as np

from faceswap_lab.faces.drawing import BLUE, GREEN, RED, YELLOW, draw_boxes, draw_landmarks, draw_points, enlarge

__all__ = [
    "BLUE",
    "GREEN",
    "RED",
    "YELLOW",
    "draw_boxes",
    "draw_landmarks",
    "draw_points",
    "enlarge",
    "heat",
    "tint_masks",
]


def tint_masks(face: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """An aligned face (S, S, 3) uint8 with its masks (S, S, 3) uint8 laid over it: red face, green eyes, blue mouth."""
    return np.round(face * 0.55 + masks * 0.45).astype(np.uint8)


def heat(values: np.ndarray) -> np.ndarray:
    """A map (h, w) of values in [0, 1] as an (h, w, 3) uint8 RGB picture, dark blue to yellow."""
    data = np.clip(np.asarray(values) * 255, 0, 255).astype(np.uint8)
    return cv2.applyColorMap(data, cv2.COLORMAP_VIRIDIS)[..., ::-1]
