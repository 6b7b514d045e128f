"""Blending: the aligned face goes back to its place in the frame.

Three ways: the whole square pasted (`direct`), the face laid over with a soft mask (`mask_overlay`), and cloning of its
gradients (`seamless`). Each places the face by the exact inverse of the alignment, sub-pixel, mixes in float and rounds
once. Only the part of the frame that the square reaches is touched.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from faceswap_lab.faces import alignment

_CLONE_MARGIN = 3  # cv2.seamlessClone wears its mask down by so many pixels before it mixes the gradients
_CLONE_SHARE = 0.5  # of the largest alpha: the contour from which the cloned region is drawn in
_CLONE_INSET = 7.0  # per cent of the side, to stay clear of hair and background
_LEAST_ALPHA = 0.02  # a face fainter than this is not worth cloning


def radius(size: int, percent: float) -> int:
    """Per cent of the face's square, in whole pixels."""
    return int(round(size * abs(percent) / 100))


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
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    change = cv2.erode if percent > 0 else cv2.dilate
    return change(mask, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0)


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
    worn = cv2.copyMakeBorder(mask, *[reach] * 4, cv2.BORDER_CONSTANT, value=0)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    worn = cv2.erode(worn, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    soft = cv2.GaussianBlur(worn, (2 * reach + 1, 2 * reach + 1), reach / 2, borderType=cv2.BORDER_CONSTANT)
    return np.minimum(soft[reach:-reach, reach:-reach], mask)


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


def put_back(image: np.ndarray, matrix: np.ndarray, window: tuple[slice, slice], outside: float | None) -> np.ndarray:
    """Warps an aligned picture or mask back into a window of the frame.

    Args:
        image: (S, S) or (S, S, 3) float32.
        matrix: (2, 3), frame pixels to pixels of the square.
        window: from `face_window`.
        outside: value beyond the square; None repeats its border.

    Returns:
        (h, w) or (h, w, 3) float32, of the window's size. Pictures that are enlarged are interpolated by cubics,
        masks linearly (a cubic overshoots below 0); what is made smaller is averaged rather than sampled.
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
        flags=cv2.INTER_CUBIC if image.ndim == 3 else cv2.INTER_LINEAR,
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


def mask_overlay(frame: np.ndarray, face: np.ndarray, alpha: np.ndarray, matrix: np.ndarray) -> np.ndarray:
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
        colour = np.clip(put_back(face, matrix, window, None), 0, 1) * 255
        below = frame[window].astype(np.float32)
        result[window] = np.rint(below + weight * (colour - below)).astype(np.uint8)
    return result


def direct(frame: np.ndarray, face: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Pastes the whole square over the frame; arguments as in `mask_overlay`."""
    return mask_overlay(frame, face, np.ones(face.shape[:2], np.float32), matrix)


def seamless(frame: np.ndarray, face: np.ndarray, alpha: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Clones the face's gradients into the frame, so that its colour meets the frame's at the mask's edge.

    P. Perez, M. Gangnet, A. Blake, "Poisson image editing", SIGGRAPH 2003, by `cv2.seamlessClone`. That function puts
    the centre of the mask's bounding box at a whole pixel: called on the frame itself, it moves the face by up to a
    pixel and the movement changes from frame to frame, which is the flicker that this method is known for. Here it is
    called in the aligned square, where the face stands still, and only the colour change that it finds is used; the
    face is then put back sub-pixel as in `mask_overlay`.

    Whatever differs along the edge of the mask is carried into the whole face: a mask that reaches hair or a bright
    wall makes it glow. The region is therefore drawn in by 7 % of the side; where that does not help, erode the mask.

    Args:
        frame, face, alpha, matrix: as in `mask_overlay`.

    Returns:
        (H, W, 3) uint8 RGB, a new array.
    """
    return mask_overlay(frame, clone_colours(frame, face, alpha, matrix), alpha, matrix)


def clone_colours(frame: np.ndarray, face: np.ndarray, alpha: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """The face with the colours that gradient-domain cloning gives it, still in its aligned square.

    Args:
        frame, face, alpha, matrix: as in `mask_overlay`.

    Returns:
        (S, S, 3) float32 RGB [0, 1]; the face unchanged where alpha is (nearly) 0 everywhere.
    """
    size = face.shape[0]
    if alpha.max() <= _LEAST_ALPHA:
        return np.asarray(face, np.float32)
    pad = 2 * _CLONE_MARGIN + 2  # a mask that fills the square then still keeps clear of the border
    shifted = np.asarray(matrix, np.float64) + [[0, 0, pad], [0, 0, pad]]
    below = alignment.align(frame, shifted, size + 2 * pad)
    above = np.rint(np.clip(face, 0, 1) * 255).astype(np.uint8)
    above = cv2.copyMakeBorder(above, *[pad] * 4, cv2.BORDER_REPLICATE)
    mask = (alpha > _CLONE_SHARE * alpha.max()).astype(np.uint8) * 255
    inset = erode(mask, _CLONE_INSET).astype(np.uint8)
    mask = inset if inset.any() else mask
    mask = cv2.copyMakeBorder(mask, *[pad] * 4, cv2.BORDER_CONSTANT)
    mask = cv2.dilate(mask, np.ones((3, 3), np.uint8), iterations=_CLONE_MARGIN)
    left, top, width, height = cv2.boundingRect(mask)
    centre = (left + width // 2, top + height // 2)  # the very point from which it goes back to (left, top)
    cloned = cv2.seamlessClone(above, below, mask, centre, cv2.NORMAL_CLONE)
    change = (cloned.astype(np.float32) - above)[pad:-pad, pad:-pad] / 255
    return np.clip(face + change, 0, 1).astype(np.float32)


BLENDS: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]] = {
    "direct": lambda frame, face, alpha, matrix: direct(frame, face, matrix),
    "mask": mask_overlay,
    "seamless": seamless,
}
