"""What the scores need of clips: frames in step, five points a frame, how large the face is; and clear refusals."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

import numpy as np

from faceswap_lab.base.errors import LabError
from faceswap_lab.faces.alignment import alignment_matrix, canonical_points, matrix_scale


def together(**clips: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, ...]]:
    """Clips in step, one frame of each at a time; refuses clips of unequal length by a `LabError` that names them."""
    for index, frames in enumerate(itertools.zip_longest(*clips.values())):
        ended = [name for name, frame in zip(clips, frames, strict=True) if frame is None]
        if ended:
            others = " and ".join(name for name in clips if name not in ended)
            raise LabError(
                f"{' and '.join(ended)}: ends after {index} frames, while {others} goes on. Clips to be compared "
                "must have the same frames: cut them to the same time range."
            )
        yield frames


def face_width(points: np.ndarray) -> float:
    """How large the faces of a clip are: four times the distance between the eyes as it would be seen from the front.

    That is about a head with its hair. The distance comes from fitting the canonical face to all five points, so that
    it does not shrink when the head turns.

    Args:
        points: (T, 5, 2) five points a frame, in frame pixels; frames with a NaN are left out.

    Returns:
        The median over the frames, in frame pixels.

    Raises:
        LabError: when no frame has points.
    """
    found = [p for p in np.asarray(points, np.float64) if np.isfinite(p).all()]
    if not found:
        raise LabError("points: no frame has five points. Scores need a face in at least one frame: look at faces.csv.")
    eyes = np.linalg.norm(np.subtract(*canonical_points(1)[:2]))
    return float(4 * eyes * np.median([1 / matrix_scale(alignment_matrix(p, 1)) for p in found]))


def check_points(points: np.ndarray) -> np.ndarray:
    """Five points a frame as (T, 5, 2) float64; refuses another shape by a `LabError`."""
    points = np.asarray(points, np.float64)
    if points.ndim != 3 or points.shape[1:] != (5, 2):
        raise LabError(f"points: the shape is {points.shape}. Give five points a frame, shape (frames, 5, 2).")
    return points


def check_frame(name: str, frame: np.ndarray, truth: np.ndarray, index: int) -> None:
    """Refuses, by a `LabError` that names it, a frame that is no uint8 picture or not of the truth's size."""
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
        raise LabError(f"{name}: frame {index} is {frame.dtype} {frame.shape}. Give (H, W, 3) uint8 RGB frames.")
    if frame.shape != truth.shape:
        size, wanted = (f"{f.shape[1]}x{f.shape[0]}" for f in (frame, truth))
        raise LabError(f"{name}: frame {index} is {size}, the truth is {wanted}. Make the swap at full size.")
