"""Masks of an aligned face from its landmarks: eyes, mouth, nose, brows, the whole face.

All masks are (size, size) float32 in [0, 1], 1 inside. Sizes of margins are given for a 256-px face and scale with it.
Masks of single parts come with a margin and soft edges, for losses that look harder there; `tight=True` gives the part
itself, with hard (anti-aliased) edges, for measuring and for cutting out.
"""

from __future__ import annotations

import cv2
import numpy as np

from faceswap_lab.faces import landmarks as lm
from faceswap_lab.faces.landmarks import Landmarks

_REFERENCE = 256  # px; the size for which FaceSwap-GAN states its margins
_SUBPIXEL = 4  # binary digits below the pixel in OpenCV's polygon filler


def polygon_mask(points: np.ndarray, size: int) -> np.ndarray:
    """Fills a polygon with anti-aliased edges.

    Args:
        points: (n, 2), pixels; n >= 3 and finite, or the mask is empty.
        size: side of the mask.

    Returns:
        (size, size) float32 in [0, 1].
    """
    points = np.asarray(points, np.float64)
    if len(points) < 3 or not np.isfinite(points).all():
        return np.zeros((size, size), np.float32)
    fine = 4  # each pixel is a block of 4 x 4: its share inside is its value
    canvas = np.zeros((size * fine, size * fine), np.uint8)
    corners = np.round(((points + 0.5) * fine - 0.5) * 2**_SUBPIXEL)
    corners = np.clip(corners, -(2**24), 2**24).astype(np.int32)
    cv2.fillPoly(canvas, [corners], 255, shift=_SUBPIXEL)
    return cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32) / 255.0


def hull_mask(points: np.ndarray, size: int) -> np.ndarray:
    """Fills the convex hull of some points."""
    points = np.asarray(points, np.float32)
    if len(points) < 3 or not np.isfinite(points).all():
        return np.zeros((size, size), np.float32)
    return polygon_mask(cv2.convexHull(points)[:, 0], size)


def dilate(mask: np.ndarray, width: float) -> np.ndarray:
    """Grows a mask by an ellipse `width` pixels wide (at 256 px); a negative width shrinks it."""
    side = int(round(abs(width) * mask.shape[0] / _REFERENCE)) // 2 * 2 + 1
    if side <= 1:
        return mask
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return cv2.dilate(mask, kernel) if width > 0 else cv2.erode(mask, kernel)


def soften(mask: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur of `sigma` pixels (at 256 px)."""
    sigma = sigma * mask.shape[0] / _REFERENCE
    return cv2.GaussianBlur(mask, (0, 0), sigma) if sigma > 0.1 else mask


def _grown(parts, size: int, width: float, sigma: float, tight: bool) -> np.ndarray:
    mask = np.maximum.reduce([hull_mask(part, size) for part in parts])
    return mask if tight else soften(dilate(mask, width), sigma)


def eye_mask(aligned: Landmarks, size: int, tight: bool = False) -> np.ndarray:
    """Both eyes, as FaceSwap-GAN has them: hull of the lids, dilated by 13 px, blurred by a 7-px gaussian (at 256 px).

    Args:
        aligned: landmarks in pixels of the aligned face (see `Landmarks.transformed`).
        size: side of the aligned face.
        tight: no margin and no blur: what lies between the lids (`landmarks.lids`).
    """
    parts = lm.lids(aligned) if tight else [contour[: lm.CONTOUR_LIDS] for contour in aligned.eye_contours]
    return _grown(parts, size, 13, 1.4, tight)


def mouth_mask(aligned: Landmarks, size: int, tight: bool = False) -> np.ndarray:
    """The lips and what is between them; `tight` without margin and blur."""
    return _grown([aligned.mesh[list(lm.LIPS_OUTER)]], size, 13, 1.4, tight)


def nose_mask(aligned: Landmarks, size: int, tight: bool = False) -> np.ndarray:
    """The nose from its root to the wings; `tight` without margin and blur."""
    return _grown([aligned.mesh[list(lm.NOSE)]], size, 7, 1.4, tight)


def brow_mask(aligned: Landmarks, size: int, tight: bool = False) -> np.ndarray:
    """Both eyebrows; `tight` without margin and blur."""
    return _grown([aligned.mesh[list(group)] for group in (lm.LEFT_BROW, lm.RIGHT_BROW)], size, 7, 1.4, tight)


FOREHEAD = 0.55  # how far the oval's upper half is stretched: the mesh stops at mid-forehead, a face at the hairline


def face_outline(aligned: Landmarks, forehead: bool = True) -> np.ndarray:
    """The outline of the face, (36, 2) in pixels.

    Args:
        forehead: stretch the part above the eyes towards the hairline, along the face's own upward direction.
    """
    oval = aligned.mesh[list(lm.FACE_OVAL)].astype(np.float64)
    if not forehead:
        return oval
    chin, eyes = aligned.mesh[152].astype(np.float64), aligned.mesh[[33, 133, 362, 263]].mean(axis=0).astype(np.float64)
    up = (eyes - chin) / max(np.linalg.norm(eyes - chin), 1e-6)
    height = np.maximum((oval - eyes) @ up, 0.0)
    return oval + FOREHEAD * height[:, None] * up


def face_mask(aligned: Landmarks, size: int, forehead: bool = True) -> np.ndarray:
    """The whole face: outline filled, with hard (anti-aliased) edges; feather it where it is used."""
    # All points, not the oval alone: on a turned head the nose and the far eye stand out beyond it.
    return hull_mask(np.concatenate([face_outline(aligned, forehead), aligned.mesh]), size)


REGION_MASKS = {"nose": nose_mask, "brows": brow_mask}  # masks that are drawn when asked for, from a set's landmarks
