"""One frame's swap, step by step: cut the face out, let the model paint, match colours, blend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from faceswap_lab.errors import LabError
from faceswap_lab.faces import alignment
from faceswap_lab.swap import blending, colour
from faceswap_lab.swap.options import SwapOptions

FACE_SIZE = 256  # px; the square that a face set's matrices lead to
_STATISTICS = {"mean": False, "mean_std": True}  # colour methods that are two sets of numbers, and if contrast counts

SwapFunction = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass
class Swap:
    """One face on its way through the steps; S is the model's size.

    Args:
        target: (S, S, 3) float32 RGB [0, 1], what the model sees.
        matrix: (2, 3), frame pixels to pixels of this square.
        region: (S, S) float32 [0, 1], where a face is to be put at all.
        inside: (S, S) float32 [0, 1], what of the square lies in the frame.
        colour: (S, S, 3) float32 RGB [0, 1], what the model painted.
        alpha: (S, S) float32 [0, 1], how much of it the model wants to count.
        mask: (S, S) float32 [0, 1], how much of it counts.
        measured, wanted: (2, 3) colour statistics of the painted face and of the target, or None.
        change: (S, S, 3) float32, what cloning adds to the painted face's colours, or None.
    """

    target: np.ndarray
    matrix: np.ndarray
    region: np.ndarray
    inside: np.ndarray
    colour: np.ndarray | None = None
    alpha: np.ndarray | None = None
    mask: np.ndarray | None = None
    measured: np.ndarray | None = None
    wanted: np.ndarray | None = None
    change: np.ndarray | None = None


def model_size(swap_function: SwapFunction) -> int:
    """The side of the faces that a swap function takes, in pixels.

    Raises:
        LabError: when it does not say.
    """
    size = getattr(swap_function, "size", None)
    if not isinstance(size, int | np.integer) or size < 16:
        raise LabError(f"swap_function.size: it is {size!r}. Give the side of the model's faces in pixels, 16 or more.")
    return int(size)


def prepare(
    frame: np.ndarray,
    matrix: np.ndarray,
    face_mask: np.ndarray | None,
    size: int,
    options: SwapOptions,
    mask_matrix: np.ndarray | None = None,
) -> Swap:
    """Cuts the face out of the frame, and finds where it may be put back.

    Args:
        frame: (H, W, 3) uint8 RGB.
        matrix: (2, 3), frame pixels to pixels of the 256-px square, as in a face set.
        face_mask: (M, M) uint8 or float [0, 1] outline of the face in the aligned square, or None (no outline known).
        size: S, the model's.
        options: mask, feather and erode count here.
        mask_matrix: the matrix with which the mask was made, where that is not `matrix` (which may be smoothed since).

    Returns:
        A `Swap` without colours yet.
    """
    small = alignment.scale_matrix(matrix, size / FACE_SIZE)
    target = alignment.align(frame, small, size).astype(np.float32) / 255
    inside = np.ones((size, size), np.float32)
    corners = alignment.transform_points(alignment.invert(small), [[0, 0], [size, 0], [0, size], [size, size]])
    if (corners < 0).any() or (corners > [frame.shape[1] - 1, frame.shape[0] - 1]).any():
        inside = cv2.warpAffine(np.ones(frame.shape[:2], np.float32), small, (size, size))
    if options.mask == "alpha" or face_mask is None or not face_mask.any():
        region = np.ones((size, size), np.float32)
    else:
        outline = face_mask.astype(np.float32) / (255 if face_mask.dtype == np.uint8 else 1)
        made = alignment.scale_matrix(matrix if mask_matrix is None else mask_matrix, outline.shape[0] / FACE_SIZE)
        step = np.vstack([small, [0, 0, 1]]) @ np.vstack([alignment.invert(made), [0, 0, 1]])
        region = blending.erode(np.clip(alignment.align(outline, step[:2], size), 0, 1), options.erode)
    return Swap(target, small, blending.feather(region, options.feather), inside)


def paint(swaps: Sequence[Swap], swap_function: SwapFunction, options: SwapOptions, batch_size: int = 0) -> None:
    """Lets the model paint a batch of faces, and measures their colours.

    Args:
        swaps: from `prepare`; their colour, alpha, mask and statistics are filled in.
        swap_function: faces (N, S, S, 3) float32 RGB [0, 1] -> (colour (N, S, S, 3), alpha (N, S, S, 1)), [0, 1].
        options: mask and colour count here.
        batch_size: the model is given this many at least (the last one repeated), since a batch of a new size makes
            TensorFlow trace anew, which takes longer than the faces.

    Raises:
        LabError: when the model answers in another shape, or with values that are no numbers.
    """
    if not swaps:
        return
    faces = np.stack([swap.target for swap in swaps])
    missing = max(0, batch_size - len(faces))
    if missing:
        faces = np.concatenate([faces, np.repeat(faces[-1:], missing, axis=0)])
    painted, alphas = (np.asarray(values, np.float32) for values in swap_function(faces))
    if painted.shape != faces.shape or alphas.shape != (*faces.shape[:3], 1):
        raise LabError(
            f"model {model_name(swap_function)}: for faces {faces.shape} it gave colour {painted.shape} and alpha "
            f"{alphas.shape}. It was made for another size: load it with its own configuration."
        )
    if not (np.isfinite(painted).all() and np.isfinite(alphas).all()):
        raise LabError(
            f"model {model_name(swap_function)}: it gives values that are no numbers. Its weights are damaged, or the "
            "training ran away: go back to an earlier checkpoint."
        )
    for swap, face, alpha in zip(swaps, np.clip(painted, 0, 1), np.clip(alphas[..., 0], 0, 1), strict=False):
        swap.colour, swap.alpha = face, alpha
        swap.mask = swap.region if options.mask == "hull" else swap.region * alpha
        measure(swap, options)


def measure(swap: Swap, options: SwapOptions) -> None:
    """Fills in what the colours need to know of a painted swap under its mask; again, when the mask was made steady."""
    if options.colour in _STATISTICS:
        swap.measured = colour.statistics(swap.colour, swap.mask * swap.inside)
        swap.wanted = colour.statistics(swap.target, swap.mask * swap.inside)


def model_name(swap_function: SwapFunction) -> str:
    """The name that a swap function gives itself, or "unnamed"."""
    return str(getattr(swap_function, "name", "unnamed"))


def finish(frame: np.ndarray, swap: Swap, options: SwapOptions) -> np.ndarray:
    """Matches the painted face's colours and blends it into the frame: (H, W, 3) uint8 RGB, a new array."""
    face = swap.colour
    if options.colour not in _STATISTICS:
        face = colour.COLOUR[options.colour](face, swap.target, swap.mask * swap.inside)
    elif swap.measured is not None and swap.wanted is not None:
        face = colour.transfer(face, swap.measured, swap.wanted, contrast=_STATISTICS[options.colour])
    return blending.BLENDS[options.blend](frame, face, swap.mask, swap.matrix)


def swap_frames(
    frames: Sequence[np.ndarray],
    matrices: Sequence[np.ndarray],
    face_masks: Sequence[np.ndarray | None],
    swap_function: SwapFunction,
    options: SwapOptions | None = None,
    **choices,
) -> list[np.ndarray]:
    """Swaps one face in each of some frames (a preview, or pictures).

    Args:
        frames: (H, W, 3) uint8 RGB each; sizes may differ.
        matrices: (2, 3) each, frame pixels to the 256-px square (`FaceSet.matrix`).
        face_masks: (256, 256) each (`FaceSet.masks(256, "face")`), or None where there is no outline.
        swap_function: see `paint`.
        options: how, see `SwapOptions`; or give its fields by name (blend="seamless", ...).

    Returns:
        As many (H, W, 3) uint8 RGB frames, unlabelled.
    """
    options = options or SwapOptions(**choices)
    size = model_size(swap_function)
    swaps = [prepare(*each, size, options) for each in zip(frames, matrices, face_masks, strict=True)]
    paint(swaps, swap_function, options)
    return [finish(frame, swap, options) for frame, swap in zip(frames, swaps, strict=True)]


def swap_frame(
    frame: np.ndarray,
    matrix: np.ndarray,
    face_mask: np.ndarray | None,
    swap_function: SwapFunction,
    options: SwapOptions | None = None,
    **choices,
) -> np.ndarray:
    """Swaps the face in one frame; arguments as in `swap_frames`, for a single one. Returns (H, W, 3) uint8 RGB."""
    return swap_frames([frame], [matrix], [face_mask], swap_function, options, **choices)[0]
