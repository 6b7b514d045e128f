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
from faceswap_lab.swap.masks import erode, feather, radius

__all__ = [
    "BLENDS",
    "direct",
    "erode",
    "face_window",
    "feather",
    "laplacian",
    "mask_overlay",
    "place_mask",
    "put_back",
    "radius",
    "seamless",
]

_COARSEST = 0.1  # of the square's side: the largest detail that a pyramid mixes by itself
_FADE = 0.5  # the mask's value from which on a pyramid counts in full
_FILTERS = {"linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC, "lanczos": cv2.INTER_LANCZOS4}


def face_window(shape: tuple[int, ...], matrix: np.ndarray, size: int) -> tuple[slice, slice] | None:
    """The part of a frame that an aligned square reaches.

    Args:
        shape: of the frame, (H, W, ...).
        matrix: (2, 3), frame pixels to pixels of the square.
        size: side of the square.

    Returns:
        Row and column slices, or None when the square lies outside the frame altogether.
    """
    edge = np.array([-1.0, size])
    corners = np.stack(np.meshgrid(edge, edge), axis=-1).reshape(4, 2)
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
    window = face_window(frame.shape, matrix, face.shape[0])
    if window is not None:
        weight = np.clip(put_back(alpha, matrix, window, 0.0), 0, 1)[..., None]
        colour = np.clip(put_back(face, matrix, window, None, enlarge), 0, 1) * 255
        below = frame[window].astype(np.float32)
        result[window] = np.rint(below + weight * (colour - below)).astype(np.uint8)
    return result


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
    above = np.clip(put_back(face, matrix, window, None, enlarge), 0, 1) * 255
    below = frame[window].astype(np.float32)
    side = face.shape[0] / alignment.matrix_scale(matrix)  # of the square, in frame pixels
    depth = int(np.clip(np.rint(np.log2(max(side, 1) * _COARSEST)), 0, np.log2(max(1, min(weight.shape) / 2))))
    mixed = _mixed_pyramids(above, below, weight, depth)
    fade = np.clip(weight / _FADE, 0, 1)[..., None]
    fade = fade * fade * (3 - 2 * fade)
    result[window] = np.rint(np.clip(below + fade * (mixed - below), 0, 255)).astype(np.uint8)
    return result


def _mixed_pyramids(above: np.ndarray, below: np.ndarray, weight: np.ndarray, depth: int) -> np.ndarray:
    """Two pictures (h, w, 3) mixed by a weight (h, w) level by level; `depth` times halved."""
    difference, weights = [above - below], [weight]  # linear: the pyramid of the difference is that of both
    for _ in range(depth):
        difference.append(cv2.pyrDown(difference[-1]))
        weights.append(cv2.pyrDown(weights[-1]))
    mixed = difference[-1] * weights[-1][..., None]
    for level in range(depth - 1, -1, -1):
        size = difference[level].shape[1::-1]
        detail = difference[level] - cv2.pyrUp(difference[level + 1], dstsize=size)
        mixed = cv2.pyrUp(mixed, dstsize=size) + detail * weights[level][..., None]
    return below + mixed


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
