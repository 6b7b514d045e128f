"""What needs no learning: outputs that every model must beat, scored like a model's.

- `unchanged`: the target as it is; 0 by definition.
- `tint`: the target with the truth's mean and deviation, colour by colour, inside the pixels that differ.
- `average_face`: the source's mean face, put over the target's face with its colours.
- `blurred_truth`, `shifted_truth`: rulers rather than baselines: what softness and what inexactness cost.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

import cv2
import numpy as np

from faceswap_lab.errors import LabError
from faceswap_lab.faces.alignment import align, alignment_matrix, canonical_points
from faceswap_lab.models.identity import FaceRecognition
from faceswap_lab.scores.clips import together
from faceswap_lab.scores.gains import Gains, different_pixels, score_frames

BLUR_SIGMA = 4.0  # pixels of the frame
SHIFT = 2  # pixels of the frame


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


def average_face(frames: Iterable[np.ndarray], points: np.ndarray, size: int = 256) -> np.ndarray:
    """The mean of a person's aligned faces.

    Args:
        frames: (H, W, 3) uint8 RGB each.
        points: (T, 5, 2) five points a frame, in frame pixels; frames with NaN are left out.
        size: side of the result in pixels.

    Returns:
        (size, size, 3) RGB float32 in [0, 1].

    Raises:
        LabError: when no frame has points, or frames and points differ in number.
    """
    total, count, seen = np.zeros((size, size, 3)), 0, 0
    for frame in frames:
        seen += 1
        if seen <= len(points) and np.isfinite(points[seen - 1]).all():
            total += align(frame, alignment_matrix(points[seen - 1], size), size)
            count += 1
    if seen != len(points):
        raise LabError(f"points: {len(points)} rows for {seen} frames. Give one row of five points a frame.")
    if not count:
        raise LabError("points: no frame has five points, so there is no face to average. Look at faces.csv.")
    return (total / (255 * count)).astype(np.float32)


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
        face: (S, S, 3) RGB float32 in [0, 1], from `average_face`.

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


def baseline_frames(
    target: Iterable[np.ndarray],
    truth: Iterable[np.ndarray] | None,
    points: np.ndarray,
    average: np.ndarray | None = None,
) -> dict[str, Iterator[np.ndarray]]:
    """Everything above as clips, for one pass with the models' outputs; the clips are to be read in step.

    Args:
        target, truth: the frames, (H, W, 3) uint8 RGB; without a truth only what does not need it is made.
        points: (T, 5, 2) five points of the face, in frame pixels; NaN where there is none.
        average: the source's `average_face`; None leaves that baseline out.

    Returns:
        Name -> frames: unchanged, tint, average_face, blurred_truth, shifted_truth.
    """
    # A copy that nobody reads would keep the whole clip, so that there are as many as are read.
    targets = iter(itertools.tee(target, 1 + (truth is not None) + (average is not None)))
    found: dict[str, Iterator[np.ndarray]] = {"unchanged": next(targets)}
    if truth is not None:
        one, two, three = itertools.tee(truth, 3)
        found["tint"] = (tint(*both) for both in zip(next(targets), one, strict=False))
    if average is not None:
        nowhere = itertools.repeat(np.full((5, 2), np.nan))
        worn = zip(next(targets), itertools.chain(np.asarray(points), nowhere), strict=False)
        found["average_face"] = (wear(frame, five, average) for frame, five in worn)
    if truth is not None:
        found |= {"blurred_truth": map(blurred_truth, two), "shifted_truth": map(shifted_truth, three)}
    return found


def score_baselines(
    truth: Iterable[np.ndarray],
    target: Iterable[np.ndarray],
    points: np.ndarray,
    average: np.ndarray | None = None,
    recognition: FaceRecognition | None = None,
) -> dict[str, Gains]:
    """The gains of everything above, in one pass.

    Args:
        truth, target: the frames, (H, W, 3) uint8 RGB, any iterable.
        points: (T, 5, 2) five points of the truth's face, in frame pixels; NaN where there is none.
        average: the source's `average_face`; None leaves that baseline out.
        recognition: the judge; None makes one.

    Returns:
        `Gains` by name: unchanged, tint, average_face, blurred_truth, shifted_truth.

    Raises:
        LabError: as `scores.score_clip`.
    """

    truth, wanted = itertools.tee(truth)
    target, given = itertools.tee(target)
    clips = baseline_frames(given, wanted, np.asarray(points), average)

    def frames():
        for wanted, given, *outputs in together(truth=truth, target=target, **clips):
            yield dict(zip(clips, outputs, strict=True)), wanted, given

    return score_frames(frames(), points, recognition)
