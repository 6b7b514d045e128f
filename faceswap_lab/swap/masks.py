"""Masks of a swap: how an outline is drawn in or grown, blurred, and given a soft edge.

All lengths are per cent of the square's side, so that a setting means the same for a model of 64 px and of 256 px.
"""

from __future__ import annotations

import cv2
import numpy as np

from faceswap_lab.faces import alignment

FINE = 128  # px; outlines are shaped at this size at least: 2 % of a 64-px square would be rounded to one whole pixel
_LIDS, _BROWS = 0.03, 0.12  # of the side: from the eyes' middle to the upper lids, and from there to above the brows
_RECT_INSET = 100 / 16  # per cent: what a model generates at the very border of its square is worth little


def radius(size: int, percent: float) -> int:
    """Per cent of the face's square, in whole pixels."""
    return int(round(size * abs(percent) / 100))


def _disc(reach: int) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))


def erode(mask: np.ndarray, percent: float) -> np.ndarray:
    """Shrinks a mask (or grows it, for negative values) by a share of the square's side.

    Args:
        mask: (S, S) float32 [0, 1].
        percent: of the side; 5 takes about 3 px off a 64-px mask all round.

    Returns:
        (S, S) float32 [0, 1]. Outside the square counts as 0, so that a mask that fills it is worn at its border too.
    """
    mask = np.ascontiguousarray(mask, np.float32)
    reach = radius(mask.shape[0], percent)
    if reach == 0:
        return mask
    change = cv2.erode if percent > 0 else cv2.dilate
    return change(mask, _disc(reach), borderType=cv2.BORDER_CONSTANT, borderValue=0)


def blur(mask: np.ndarray, percent: float) -> np.ndarray:
    """Softens a mask's edge to both sides by a gaussian.

    Args:
        mask: (S, S) float32 [0, 1].
        percent: standard deviation, per cent of the side.

    Returns:
        (S, S) float32 [0, 1]. Outside the square counts as 0.
    """
    mask = np.ascontiguousarray(mask, np.float32)
    sigma = mask.shape[0] * percent / 100
    return mask if sigma <= 0 else cv2.GaussianBlur(mask, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)


def feather(mask: np.ndarray, percent: float) -> np.ndarray:
    """Softens a mask's edge inwards: from 0 at the old edge to its full value `percent` of the side further in.

    Blurring alone would let the mask grow over hair and background and would leave half a mask at the border of the
    square, a visible seam. So the mask is shrunk by as much as the blur then spreads.

    Args:
        mask: (S, S) float32 [0, 1].
        percent: width of the soft edge, as a share of the square's side.

    Returns:
        (S, S) float32 [0, 1], nowhere above `mask`.
    """
    mask = np.ascontiguousarray(mask, np.float32)
    if percent <= 0:
        return mask
    reach = max(1, radius(mask.shape[0], percent / 2))
    worn = cv2.copyMakeBorder(mask, reach, reach, reach, reach, cv2.BORDER_CONSTANT, value=0)
    worn = cv2.erode(worn, _disc(reach), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    soft = cv2.GaussianBlur(worn, (2 * reach + 1, 2 * reach + 1), reach / 2, borderType=cv2.BORDER_CONSTANT)
    return np.minimum(soft[reach:-reach, reach:-reach], mask)


def rect(size: int) -> np.ndarray:
    """The square, drawn in by a sixteenth on each side: (size, size) float32, 0 or 1."""
    return erode(np.ones((size, size), np.float32), _RECT_INSET)


def shaped(mask: np.ndarray, grow: float, spread: float, edge: float) -> np.ndarray:
    """Erodes, blurs and feathers a mask, in this order.

    Args:
        mask: (S, S) float32 [0, 1].
        grow, spread, edge: see `erode`, `blur` and `feather`.

    Returns:
        (S, S) float32 [0, 1].
    """
    return feather(blur(erode(mask, grow), spread), edge)


def above_brows(size: int, coverage: float = 1.0) -> np.ndarray:
    """What of an aligned square is forehead, falling to 0 between the brows' height and the eyes'.

    Args:
        size: S, the square's side.
        coverage: share of the trained square that it shows.

    Returns:
        (S, 1) float32 [0, 1]; the same for every column, since aligned faces stand upright.
    """
    heights = ((np.arange(size) + 0.5) / size - 0.5) * coverage + 0.5
    eyes = alignment.canonical_points(1)[:2, 1].mean() + 0.5
    return np.clip((eyes - _LIDS - heights) / _BROWS, 0, 1).astype(np.float32)[:, None]


def resized(mask: np.ndarray, size: int) -> np.ndarray:
    """A mask brought to another side, averaged where that is smaller: (size, size) float32."""
    if mask.shape[0] == size:
        return np.asarray(mask, np.float32)
    way = cv2.INTER_AREA if size < mask.shape[0] else cv2.INTER_LINEAR
    return cv2.resize(np.asarray(mask, np.float32), (size, size), interpolation=way)


def inside_frame(shape: tuple[int, ...], matrix: np.ndarray, size: int) -> np.ndarray:
    """What of an aligned square lies in the frame.

    Args:
        shape: of the frame, (H, W, ...).
        matrix: (2, 3), frame pixels to pixels of the square.
        size: S, the square's side.

    Returns:
        (S, S) float32 [0, 1].
    """
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]])
    corners = alignment.transform_points(alignment.invert(matrix), corners)
    if (corners >= 0).all() and (corners <= [shape[1] - 1, shape[0] - 1]).all():
        return np.ones((size, size), np.float32)
    return cv2.warpAffine(np.ones(shape[:2], np.float32), np.asarray(matrix, np.float64), (size, size))
