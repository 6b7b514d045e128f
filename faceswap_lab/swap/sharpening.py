"""Sharpening: what a small model and its enlargement took from the face's edges is in part given back."""

from __future__ import annotations

import cv2
import numpy as np

from faceswap_lab.swap.options import SHARPENS, check_name

_GREY = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
_RADIUS = 2.0  # per cent of the side: the filter's standard deviation


def sharpen(face: np.ndarray, kind: str, amount: float) -> np.ndarray:
    """Unsharp masking: the face, plus `amount` times what a low-pass filter takes from it.

    No detail is made up: edges that are there become steeper, and so does noise. The filter belongs to the aligned face,
    before it is enlarged: finer detail than the model's pixels is nothing that could be brought out. Only the light is
    sharpened: in each colour by itself, the faint blotches of a generated cheek become red and green spots.

    Args:
        face: (S, S, 3) float32 RGB [0, 1].
        kind: "none", "box" (the mean of a square) or "gaussian"; both as wide as a standard deviation of 2 % of the side.
        amount: 0 or more; 1 adds as much as the filter took away.

    Returns:
        (S, S, 3) float32 RGB [0, 1].

    Raises:
        LabError: for a kind that there is none of.
    """
    check_name("sharpen", kind, SHARPENS)
    face = np.ascontiguousarray(face, np.float32)
    if kind == "none" or amount == 0:
        return face
    sigma, light = face.shape[0] * _RADIUS / 100, face @ _GREY
    if kind == "gaussian":
        low = cv2.GaussianBlur(light, (0, 0), sigma)
    else:
        side = 2 * max(1, round((np.sqrt(12 * sigma**2 + 1) - 1) / 2)) + 1  # a box of n px has variance (n^2 - 1) / 12
        low = cv2.blur(light, (side, side))
    return np.clip(face + amount * (light - low)[..., None], 0, 1)
