"""What needs no learning: outputs that every model must beat, scored like a model's.

- `unchanged`: the target as it is; 0 by definition.
- `colour_transfer`: the target with the source's mean and deviation, colour by colour, over the face. It changes no feature.
- `classical_swap`: the source's pictures bent onto the target's landmarks and cloned in, see `metrics.classical_swap`.
- `tint`: the target with the truth's own mean and deviation, colour by colour, inside the pixels that differ.
- `average_face`: the source's mean face, put over the target's face with its colours.
- `truth`: the true swap; 1 by definition.
- `blurred_truth`, `shifted_truth`: rulers rather than baselines: what softness and what inexactness cost.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from operator import itemgetter

import cv2
import numpy as np

from faceswap_lab.faces.alignment import align, alignment_matrix, canonical_points
from faceswap_lab.metrics.classical_swap import ClassicalSwap, Finder, SourceFaces
from faceswap_lab.metrics.clips import check_points, together
from faceswap_lab.metrics.gains import different_pixels
from faceswap_lab.swap import blending, colour

BLUR_SIGMA = 4.0  # pixels of the frame
SHIFT = 2  # pixels of the frame
BASELINES = {  # name -> what it is; those that are made of the truth come last
    "unchanged": "the target as it was",
    "colour_transfer": "the target's face with the source's mean and deviation of each colour",
    "average_face": "the source's average face",
    "classical_swap": "the source's nearest pictures, bent onto the target's landmarks and cloned in",
    "tint": "the target, tinted with the truth's mean and deviation",
    "blurred_truth": "the truth, blurred by 4 px",
    "shifted_truth": "the truth, moved by 2 px",
    "truth": "the true swap",
}


def tint(target: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The target with the truth's mean and deviation of each colour inside the pixels that differ.

    Args:
        target, truth: (H, W, 3) uint8 RGB.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    inside = different_pixels(truth, target)
    result = target.copy()
    if inside.any():
        given, wanted = target[inside].astype(np.float32), truth[inside].astype(np.float32)
        tinted = (given - given.mean(axis=0)) / (given.std(axis=0) + 1e-6) * wanted.std(axis=0) + wanted.mean(axis=0)
        result[inside] = np.clip(np.rint(tinted), 0, 255).astype(np.uint8)
    return result


def blurred_truth(truth: np.ndarray, sigma: float = BLUR_SIGMA) -> np.ndarray:
    """The truth through a gaussian of `sigma` pixels; (H, W, 3) uint8."""
    return cv2.GaussianBlur(truth, (0, 0), sigma)


def shifted_truth(truth: np.ndarray, pixels: int = SHIFT) -> np.ndarray:
    """The truth moved to the right by whole pixels, its left border repeated; (H, W, 3) uint8."""
    return np.concatenate([np.repeat(truth[:, :1], pixels, axis=1), truth[:, :-pixels]], axis=1)


def face_oval(size: int) -> np.ndarray:
    """A soft oval over the aligned face, brows to chin: (size, size) float32 in [0, 1]."""
    eyes, mouth = canonical_points(size)[:2].mean(axis=0), canonical_points(size)[3:].mean(axis=0)
    reach = mouth[1] - eyes[1]
    y, x = np.mgrid[:size, :size]
    distance = np.hypot((x - eyes[0]) / (0.85 * reach), (y - (eyes[1] + 0.45 * reach)) / (1.1 * reach))
    return np.clip((1.05 - distance) / 0.2, 0, 1).astype(np.float32)


def wear(target: np.ndarray, points: np.ndarray, face: np.ndarray) -> np.ndarray:
    """Puts one fixed face over the target's, with the target's mean and deviation of each colour under the oval.

    Args:
        target: (H, W, 3) uint8 RGB.
        points: (5, 2) the target's five points; the frame comes back as it is where one is NaN.
        face: (S, S, 3) RGB float32 in [0, 1], such as `SourceFaces.mean_image`.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    if not np.isfinite(points).all():
        return target
    size = len(face)
    matrix, oval = alignment_matrix(points, size), face_oval(size)
    under, inside = align(target, matrix, size)[oval > 0.5].astype(np.float32) / 255, face[oval > 0.5]
    matched = (face - inside.mean(axis=0)) / (inside.std(axis=0) + 1e-6) * under.std(axis=0) + under.mean(axis=0)
    frame_size = target.shape[1::-1]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP  # the matrix goes from the frame, the result, to the face
    alpha = cv2.warpAffine(oval, matrix, frame_size, flags=flags)[..., np.newaxis]
    colour = cv2.warpAffine(np.clip(matched, 0, 1).astype(np.float32), matrix, frame_size, flags=flags)
    return np.rint(alpha * colour * 255 + (1 - alpha) * target).astype(np.uint8)


def source_colours(source: SourceFaces) -> np.ndarray:
    """The source's usual mean and deviation of each colour over the face: medians over the pictures, (2, 3) in CIE L*a*b*."""
    oval = face_oval(source.images.shape[1])
    return np.median([colour.statistics(image.astype(np.float32) / 255, oval) for image in source.images], axis=0)


def colour_transfer(target: np.ndarray, points: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The target's face with other colours: E. Reinhard et al., "Color transfer between images", 2001, see `colour.transfer`.

    Args:
        target: (H, W, 3) uint8 RGB.
        points: (5, 2) the target's five points; the frame comes back as it is where one is NaN.
        wanted: (2, 3) mean and deviation in CIE L*a*b*, from `source_colours`.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    if not np.isfinite(points).all():
        return target
    size = 128
    matrix, oval = alignment_matrix(points, size), face_oval(size)
    measured = colour.statistics(align(target, matrix, size).astype(np.float32) / 255, oval)
    assert measured is not None  # the oval is never empty
    plain = target.astype(np.float32) / 255
    alpha = blending.place_mask(target.shape, oval, matrix)[..., np.newaxis]
    return np.rint(255 * (plain + alpha * (colour.transfer(plain, measured, wanted) - plain))).astype(np.uint8)


class Baselines:
    """Makes the baselines of a clip, one moment at a time and in order.

    Args:
        source: pictures of the person put in; without them average_face, colour_transfer and classical_swap are left out.
        target: pictures of the person replaced, for the classical swap, see `ClassicalSwap`; None does without.
        average: the source's mean face, (S, S, 3) RGB float32 in [0, 1]; None takes the mean of `source`.
        finder: of landmarks; None takes `FaceMesh`.
    """

    def __init__(
        self,
        source: SourceFaces | None = None,
        target: SourceFaces | None = None,
        average: np.ndarray | None = None,
        finder: Finder | None = None,
    ):
        self.average = source.mean_image() if average is None and source is not None else average
        self.colours = None if source is None else source_colours(source)
        self.classical = None if source is None else ClassicalSwap(source, target, finder)

    def names(self, truth: bool) -> tuple[str, ...]:
        """The baselines that there are, in the order of `BASELINES`; with or without a true swap at hand."""
        made = {"unchanged"} | ({"tint", "blurred_truth", "shifted_truth", "truth"} if truth else set())
        made |= set() if self.average is None else {"average_face"}
        made |= set() if self.classical is None else {"colour_transfer", "classical_swap"}
        return tuple(name for name in BASELINES if name in made)

    def __call__(
        self, target: np.ndarray, points: np.ndarray, truth: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """All of them for one frame.

        Args:
            target, truth: (H, W, 3) uint8 RGB; truth None where none is known.
            points: (5, 2) five points of the target's face, in frame pixels; NaN where there is none.

        Returns:
            name -> (H, W, 3) uint8 RGB, in the order of `names`.
        """
        made = {"unchanged": target}
        if self.colours is not None and self.classical is not None:
            made["colour_transfer"] = colour_transfer(target, points, self.colours)
            made["classical_swap"] = self.classical(target, points)
        if self.average is not None:
            made["average_face"] = wear(target, points, self.average)
        if truth is not None:
            made |= {"tint": tint(target, truth), "blurred_truth": blurred_truth(truth)}
            made |= {"shifted_truth": shifted_truth(truth), "truth": truth}
        return {name: made[name] for name in BASELINES if name in made}


def baseline_clips(
    target: Iterable[np.ndarray], points: np.ndarray, baselines: Baselines, truth: Iterable[np.ndarray] | None = None
) -> dict[str, Iterator[np.ndarray]]:
    """The baselines as clips, for `frame_samples.measure_clips`. They must be read in step, which it does: each frame is made once.

    Args:
        target, truth: the frames, (H, W, 3) uint8 RGB, any iterable; truth None where none is known.
        points: (T, 5, 2) five points of the target's face; frames beyond the last row are passed on without points.
        baselines: to be made.

    Returns:
        name -> frames.
    """
    points, nothing = check_points(points), np.full((5, 2), np.nan)

    def moments():
        clips = {"target": target} | ({} if truth is None else {"truth": truth})
        for index, (given, *wanted) in enumerate(together(**clips)):
            yield baselines(given, points[index] if index < len(points) else nothing, *wanted)

    names = baselines.names(truth is not None)
    copies = itertools.tee(moments(), len(names))
    return {name: map(itemgetter(name), copy) for name, copy in zip(names, copies, strict=True)}
