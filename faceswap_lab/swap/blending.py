"""Blending: the aligned face goes back to its place in the frame.

Four ways: the whole square pasted (`direct`), the face laid over with a soft mask (`mask_overlay`), cloning of its
gradients (`seamless`), and mixing level by level (`laplacian`). Each places the face by the exact inverse of the
alignment, sub-pixel, mixes in float and rounds once. Only the part of the frame that the square reaches is touched.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from faceswap_lab.faces import alignment
from faceswap_lab.swap import cloning, masks

_COARSEST = 0.1  # of the square's side: the largest detail that a pyramid mixes by itself
_FADE = 0.5  # the mask's value from which on a pyramid counts in full
_FILTERS = {"linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC, "lanczos": cv2.INTER_LANCZOS4}


def face_window(
    shape: tuple[int, ...], matrix: np.ndarray, size: int, part: tuple[float, float, float, float] | None = None
) -> tuple[slice, slice] | None:
    """The part of a frame that an aligned square reaches.

    Args:
        shape: of the frame, (H, W, ...).
        matrix: (2, 3), frame pixels to pixels of the square.
        size: side of the square.
        part: of the square that counts, x0, y0, x1, y1 in its pixels; None: all of it.

    Returns:
        Row and column slices, or None when the square lies outside the frame altogether.
    """
    x0, y0, x1, y1 = part or (-1.0, -1.0, size, size)
    corners = np.array([[x0, y0], [x1, y0], [x0, y1], [x1, y1]])
    corners = alignment.transform_points(alignment.invert(matrix), corners)
    low = np.clip(np.floor(corners.min(axis=0)), 0, [shape[1], shape[0]]).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)) + 1, 0, [shape[1], shape[0]]).astype(int)
    return None if (high <= low).any() else (slice(low[1], high[1]), slice(low[0], high[0]))


def put_back(
    image: np.ndarray,
    matrix: np.ndarray,
    window: tuple[slice, slice],
    outside: float | None,
    enlarge: str = "cubic",
) -> np.ndarray:
    """Warps an aligned picture or mask back into a window of the frame.

    Args:
        image: (S, S) or (S, S, 3) float32.
        matrix: (2, 3), frame pixels to pixels of the square.
        window: from `face_window`.
        outside: value beyond the square; None repeats its border.
        enlarge: filter for a picture that becomes larger: "linear", "cubic" or "lanczos" (8 x 8 pixels).

    Returns:
        (h, w) or (h, w, 3) float32, of the window's size. Masks are always interpolated linearly (the others
        overshoot below 0); what is made smaller is averaged rather than sampled.
    """
    rows, columns = window
    back = alignment.invert(matrix)
    back[:, 2] -= [columns.start, rows.start]
    width, height = columns.stop - columns.start, rows.stop - rows.start
    shrink = min(8, max(1, int(np.floor(alignment.matrix_scale(matrix) + 0.5))))
    if shrink > 1:
        back = alignment.scale_matrix(back, shrink)
    warped = cv2.warpAffine(
        np.ascontiguousarray(image, np.float32),
        back,
        (width * shrink, height * shrink),
        flags=_FILTERS[enlarge] if image.ndim == 3 else cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE if outside is None else cv2.BORDER_CONSTANT,
        borderValue=0 if outside is None else (outside,) * 4,
    )
    return cv2.resize(warped, (width, height), interpolation=cv2.INTER_AREA) if shrink > 1 else warped


def place_mask(shape: tuple[int, ...], mask: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """A mask of the aligned square, (S, S) [0, 1], as a mask of the whole frame: (H, W) float32 [0, 1], 0 elsewhere."""
    placed = np.zeros(shape[:2], np.float32)
    window = face_window(shape, matrix, mask.shape[0])
    if window is not None:
        placed[window] = np.clip(put_back(mask, matrix, window, 0.0), 0, 1)
    return placed


def mask_overlay(
    frame: np.ndarray, face: np.ndarray, alpha: np.ndarray, matrix: np.ndarray, enlarge: str = "cubic"
) -> np.ndarray:
    """Lays a face over the frame: alpha * face + (1 - alpha) * frame.

    Args:
        frame: (H, W, 3) uint8 RGB.
        face: (S, S, 3) float32 RGB [0, 1].
        alpha: (S, S) float32 [0, 1]; 0 keeps the frame's pixels exactly.
        matrix: (2, 3), frame pixels to pixels of the S-px square.

    Returns:
        (H, W, 3) uint8 RGB, a new array.
    """
    result = frame.copy()
    window = face_window(frame.shape, matrix, face.shape[0], support(alpha))
    if window is not None:
        weight = np.clip(put_back(alpha, matrix, window, 0.0), 0, 1)
        colour = _in_window(face, matrix, window, enlarge)
        below = frame[window].astype(np.float32)
        result[window] = _added(below, cv2.subtract(colour, below, dst=colour), weight)
    return result


def support(mask: np.ndarray) -> tuple[float, float, float, float]:
    """The part of a square that a mask (S, S) reaches once it is interpolated: x0, y0, x1, y1 in its pixels."""
    x, y, width, height = cv2.boundingRect((mask > 0).astype(np.uint8))
    return x - 1.0, y - 1.0, x + width + 0.0, y + height + 0.0


def _in_window(face: np.ndarray, matrix: np.ndarray, window: tuple[slice, slice], enlarge: str) -> np.ndarray:
    """A face (S, S, 3) float32 [0, 1] in a window of the frame: (h, w, 3) float32 in levels of 255."""
    placed = put_back(face, matrix, window, None, enlarge)
    return np.multiply(np.clip(placed, 0, 1, out=placed), 255, out=placed)


def _added(below: np.ndarray, change: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Below + weight * change, rounded once: (h, w, 3) float32 twice and (h, w) to (h, w, 3) uint8. `change` is used up."""
    cv2.multiply(change, cv2.merge([weight] * 3), dst=change)  # numpy takes four times as long over an axis of three
    return cv2.add(below, change, dtype=cv2.CV_8U)


def direct(frame: np.ndarray, face: np.ndarray, matrix: np.ndarray, enlarge: str = "cubic") -> np.ndarray:
    """Pastes the whole square over the frame; arguments as in `mask_overlay`."""
    return mask_overlay(frame, face, np.ones(face.shape[:2], np.float32), matrix, enlarge)


def laplacian(
    frame: np.ndarray, face: np.ndarray, alpha: np.ndarray, matrix: np.ndarray, enlarge: str = "cubic"
) -> np.ndarray:
    """Mixes each size of detail over an edge of its own width: fine detail sharply, the light of the face gradually.

    P. J. Burt, E. H. Adelson, "A multiresolution spline with application to image mosaics", ACM Transactions on Graphics
    2(4), 1983. There the mixing spreads beyond the mask as far as the coarsest level reaches. Here it fades out within
    the mask's own soft edge: the frame stays as it was wherever the mask is 0.

    Args:
        frame, face, alpha, matrix, enlarge: as in `mask_overlay`.

    Returns:
        (H, W, 3) uint8 RGB, a new array.
    """
    result = frame.copy()
    window = face_window(frame.shape, matrix, face.shape[0])
    if window is None:
        return result
    weight = np.clip(put_back(alpha, matrix, window, 0.0), 0, 1)
    change = _in_window(face, matrix, window, enlarge)
    below = frame[window].astype(np.float32)
    cv2.subtract(change, below, dst=change)
    side = face.shape[0] / alignment.matrix_scale(matrix)  # of the square, in frame pixels
    depth = int(np.clip(np.rint(np.log2(max(side, 1) * _COARSEST)), 0, np.log2(max(1, min(weight.shape) / 2))))
    mixed = _mixed_pyramids(change, weight, depth)
    fade = np.clip(weight / _FADE, 0, 1)
    result[window] = _added(below, mixed, fade * fade * (3 - 2 * fade))
    return result


def _mixed_pyramids(change: np.ndarray, weight: np.ndarray, depth: int) -> np.ndarray:
    """A difference of two pictures (h, w, 3) times a weight (h, w), level by level; `depth` times halved.

    Mixing is linear: the pyramid of the difference is that of both pictures.
    """
    difference, weights = [change], [weight]
    for _ in range(depth):
        difference.append(cv2.pyrDown(difference[-1]))
        weights.append(cv2.pyrDown(weights[-1]))
    mixed = cv2.multiply(difference[-1], cv2.merge([weights[-1]] * 3))
    for level in range(depth - 1, -1, -1):
        size = difference[level].shape[1::-1]
        detail = cv2.subtract(difference[level], cv2.pyrUp(difference[level + 1], dstsize=size))
        cv2.multiply(detail, cv2.merge([weights[level]] * 3), dst=detail)
        mixed = cv2.add(cv2.pyrUp(mixed, dstsize=size), detail, dst=detail)
    return mixed


def seamless(
    frame: np.ndarray, face: np.ndarray, alpha: np.ndarray, matrix: np.ndarray, enlarge: str = "cubic"
) -> np.ndarray:
    """Clones the face's gradients, so that its colour meets the frame's at the mask's edge, see `cloning`.

    Args:
        frame, face, alpha, matrix, enlarge: as in `mask_overlay`.

    Returns:
        (H, W, 3) uint8 RGB, a new array.
    """
    size = face.shape[0]
    below = alignment.align(frame, matrix, size).astype(np.float32) / 255
    change = cloning.colour_change(face, below, alpha, masks.inside_frame(frame.shape, matrix, size))
    return mask_overlay(frame, cloning.changed(face, change), alpha, matrix, enlarge)


BLENDS: dict[str, Callable[..., np.ndarray]] = {
    "direct": lambda frame, face, alpha, matrix, enlarge="cubic": direct(frame, face, matrix, enlarge),
    "mask": mask_overlay,
    "seamless": seamless,
    "laplacian": laplacian,
}
