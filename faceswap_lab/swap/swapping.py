"""One frame's swap, step by step: cut the face out, let the model generate, match colours, blend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from faceswap_lab.base.errors import LabError
from faceswap_lab.faces import alignment
from faceswap_lab.swap import blending, cloning, colour, masks, sharpening
from faceswap_lab.swap.options import SwapOptions

FACE_SIZE = 256  # px; the square that a face set's matrices lead to
BY_ALPHA = ("alpha", "alpha+seen")  # masks whose outline is the model's own

SwapFunction = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
_nothing = partial(np.empty, 0, np.float32)


@dataclass
class Swap:
    """One face on its way through the steps; S is the model's size. Reference, colour, alpha and mask are empty until `generate`.

    What trembles from frame to frame is plain arrays here (matrix, mask, measured and wanted, change): a video averages
    them over neighbouring frames between `generate` and `finish`.

    Args:
        target: (S, S, 3) float32 RGB [0, 1], what the model sees.
        matrix: (2, 3), frame pixels to pixels of this square.
        region: (S, S) float32 [0, 1], where a face is to be put at all, with its soft edge.
        inside: (S, S) float32 [0, 1], what of the square lies in the frame.
        options: how it is put into the frame.
        under: the swap of the swap function's `base`, onto which this one is put; None: onto the frame.
        reference: (S, S, 3) float32 RGB [0, 1], what it is put onto: the target, with `under` in it.
        colour: (S, S, 3) float32 RGB [0, 1], what the model generated.
        alpha: (S, S) float32 [0, 1], how much of it the model wants to count.
        mask: (S, S) float32 [0, 1], how much of it counts.
        measured, wanted: colour statistics of the generated face and of the reference, of one shape that depends on the method
            (`colour.COLOUR`), or None where there are none: the colours then stay as they were generated.
        change: (32, 32, 3) float32, the colour change that lets the face meet the reference along the mask's rim
            (`cloning.colour_change`), for the blend "seamless" only; else None.
    """

    target: np.ndarray
    matrix: np.ndarray
    region: np.ndarray
    inside: np.ndarray
    options: SwapOptions
    under: Swap | None = None
    reference: np.ndarray = field(default_factory=_nothing)
    colour: np.ndarray = field(default_factory=_nothing)
    alpha: np.ndarray = field(default_factory=_nothing)
    mask: np.ndarray = field(default_factory=_nothing)
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
        options: mask, erode, forehead, blur, feather and coverage count here.
        mask_matrix: the matrix with which the mask was made, where that is not `matrix` (which may be smoothed since).

    Returns:
        A `Swap` without colours yet.
    """
    small = _covered(alignment.scale_matrix(matrix, size / FACE_SIZE), size, options.coverage)
    target = alignment.align(frame, small, size).astype(np.float32) / 255
    fine = max(masks.FINE, size)
    region = np.ones((fine, fine), np.float32)
    if "hull" in options.mask and face_mask is not None and face_mask.any():
        outline = face_mask.astype(np.float32) / (255 if face_mask.dtype == np.uint8 else 1)
        made = alignment.scale_matrix(matrix if mask_matrix is None else mask_matrix, outline.shape[0] / FACE_SIZE)
        shown = alignment.scale_matrix(small, fine / size)
        step = np.vstack([shown, [0, 0, 1]]) @ np.vstack([alignment.invert(made), [0, 0, 1]])
        region = np.clip(alignment.align(outline, step[:2], fine), 0, 1)
    if "rect" in options.mask:
        region = region * masks.rect(fine)
    if options.mask not in BY_ALPHA:
        region = _shaped(region, options)
    return Swap(target, small, masks.resized(region, size), masks.inside_frame(frame.shape, small, size), options)


def prepare_for(
    swap_function: SwapFunction,
    frame: np.ndarray,
    matrix: np.ndarray,
    face_mask: np.ndarray | None,
    options: SwapOptions,
    mask_matrix: np.ndarray | None = None,
) -> Swap:
    """`prepare` for a swap function, and for the `base` that it may have; arguments as there."""
    swap = prepare(frame, matrix, face_mask, model_size(swap_function), options, mask_matrix)
    if base := getattr(swap_function, "base", None):
        swap.under = prepare(frame, matrix, face_mask, model_size(base), base.putting_back, mask_matrix)
    return swap


def _covered(matrix: np.ndarray, size: int, coverage: float) -> np.ndarray:
    """The matrix of a square that shows `coverage` of the same face, about the same centre."""
    shown = matrix / coverage
    shown[:, 2] += (1 - 1 / coverage) * (size - 1) / 2
    return shown


def _shaped(mask: np.ndarray, options: SwapOptions) -> np.ndarray:
    """A mask as the options want it; their per cents are of the trained square, whatever of it is shown."""
    edges = options.blur / options.coverage, options.feather / options.coverage
    wide = masks.shaped(mask, options.erode / options.coverage, *edges)
    if options.forehead == 0:
        return wide
    narrow = masks.shaped(mask, (options.erode + options.forehead) / options.coverage, *edges)
    return wide + masks.above_brows(mask.shape[0], options.coverage) * (narrow - wide)


def generate(swaps: Sequence[Swap], swap_function: SwapFunction, options: SwapOptions, batch_size: int = 0) -> None:
    """Lets the model generate a batch of faces, and measures their colours.

    Args:
        swaps: from `prepare` or `prepare_for`; their reference, colour, alpha, mask, statistics and change are filled in.
        swap_function: faces (N, S, S, 3) float32 RGB [0, 1] -> (colour (N, S, S, 3), alpha (N, S, S, 1)), [0, 1]. One with a
            `base`, such as a `BaseSwap`, is put onto the swap that this makes, whose colours it gets.
        options: mask, colour and blend count here; erode, forehead, blur and feather shape alpha, too, where it is the
            only mask.
        batch_size: the model is given this many at least (the last one repeated), since a batch of a new size makes
            TensorFlow trace anew, which takes longer than the faces.

    Raises:
        LabError: when the model answers in another shape, or with values that are no numbers.
    """
    if not swaps:
        return
    if base := getattr(swap_function, "base", None):
        below = [swap.under for swap in swaps if swap.under is not None]
        generate(below, base, base.putting_back, batch_size)
    faces = np.stack([swap.target for swap in swaps])
    missing = max(0, batch_size - len(faces))
    if missing:
        faces = np.concatenate([faces, np.repeat(faces[-1:], missing, axis=0)])
    generated, alphas = (np.asarray(values, np.float32) for values in swap_function(faces))
    if generated.shape != faces.shape or alphas.shape != (*faces.shape[:3], 1):
        raise LabError(
            f"model {model_name(swap_function)}: for faces {faces.shape} it gave colour {generated.shape} and alpha "
            f"{alphas.shape}. It was made for another size: load it with its own configuration."
        )
    if not (np.isfinite(generated).all() and np.isfinite(alphas).all()):
        raise LabError(
            f"model {model_name(swap_function)}: it gives values that are no numbers. Its weights are damaged, or the "
            "training ran away: go back to an earlier checkpoint."
        )
    hidden = np.zeros(faces.shape[:3], np.float32)
    if "seen" in options.mask:
        from faceswap_lab.models import occlusion  # Keras loads for seconds

        hidden = occlusion.hidden(faces)
    for swap, face, alpha, before in zip(
        swaps, np.clip(generated, 0, 1), np.clip(alphas[..., 0], 0, 1), hidden, strict=False
    ):
        swap.colour, swap.alpha, swap.reference = face, alpha, put_onto(swap)
        swap.mask = swap.region
        if options.mask in BY_ALPHA:
            swap.mask = _shaped(alpha, options)
        elif "alpha" in options.mask:
            swap.mask = swap.region * alpha
        swap.mask = swap.mask * (1 - before)  # after it was widened, which would close the gaps between fingers
        measure(swap, options)


def put_onto(swap: Swap) -> np.ndarray:
    """What a swap is put onto, its `reference`: (S, S, 3) float32 RGB [0, 1]."""
    under = swap.under
    if under is None:
        return swap.target
    put_in = under.target + under.mask[..., None] * (_coloured(under, under.options) - under.target)
    step = np.vstack([swap.matrix, [0, 0, 1]]) @ np.vstack([alignment.invert(under.matrix), [0, 0, 1]])
    return alignment.align(put_in, step[:2], len(swap.target)).clip(0, 1)


def measure(swap: Swap, options: SwapOptions) -> None:
    """Fills in what the colours need to know of a generated swap under its mask; again, when the mask was made steady."""
    found = colour.COLOUR[options.colour].measure(swap.colour, swap.reference, swap.mask * swap.inside)
    swap.measured, swap.wanted = (None, None) if found is None else found
    if options.blend == "seamless":
        swap.change = cloning.colour_change(_coloured(swap, options), swap.reference, swap.mask, swap.inside)


def _coloured(swap: Swap, options: SwapOptions) -> np.ndarray:
    """The generated face with its colours matched: (S, S, 3) float32 RGB [0, 1]."""
    if swap.measured is None or swap.wanted is None:
        return swap.colour
    matched = colour.COLOUR[options.colour].apply(swap.colour, swap.measured, swap.wanted)
    return colour.keep_highlights(swap.colour, matched)


def model_name(swap_function: SwapFunction) -> str:
    """The name that a swap function gives itself, or "unnamed", and on which base it is put."""
    name, base = str(getattr(swap_function, "name", "unnamed")), getattr(swap_function, "base", None)
    return name if base is None else f"{name} on {model_name(base)}"


def finish(frame: np.ndarray, swap: Swap, options: SwapOptions) -> np.ndarray:
    """Matches the generated face's colours, sharpens it and blends it into the frame.

    Args:
        frame: (H, W, 3) uint8 RGB, the one that `prepare` was given.
        swap: from `generate`; its mask, statistics and change may be averages over neighbouring frames by now.
        options: colour, sharpen, amount, blend and enlarge count here.

    Returns:
        (H, W, 3) uint8 RGB, a new array.
    """
    if swap.under is not None:
        frame = finish(frame, swap.under, swap.under.options)
    face = sharpening.sharpen(_coloured(swap, options), options.sharpen, options.amount)
    if options.blend == "seamless":
        face = cloning.changed(face, swap.change)
        return blending.mask_overlay(frame, face, swap.mask, swap.matrix, options.enlarge)
    return blending.BLENDS[options.blend](frame, face, swap.mask, swap.matrix, options.enlarge)


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
        swap_function: see `generate`.
        options: how, see `SwapOptions`; or give its fields by name (blend="seamless", ...).

    Returns:
        As many (H, W, 3) uint8 RGB frames, unlabelled.
    """
    options = options or SwapOptions(**choices)
    swaps = [prepare_for(swap_function, *each, options) for each in zip(frames, matrices, face_masks, strict=True)]
    generate(swaps, swap_function, options)
    return [finish(frame, swap, options) for frame, swap in zip(frames, swaps, strict=True)]


def swap_frame(
    frame: np.ndarray,
    matrix: np.ndarray,
    face_mask: np.ndarray | None,
    swap_function: SwapFunction,
    options: SwapOptions | None = None,
    **choices,
) -> np.ndarray:
    """Swaps the face in one frame; arguments as in `swap_frames`, for a single one. Returns (H, W, 3) uint8 RGB.

    Example:
        >>> swap = lab.BaseSwap.from_faces(faces)
        >>> lab.swap_frame(frame, faces.matrix(0), None, swap, swap.putting_back).shape
        (384, 384, 3)
    """
    return swap_frames([frame], [matrix], [face_mask], swap_function, options, **choices)[0]
