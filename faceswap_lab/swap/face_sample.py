"""What a swap is judged by: a sample of its generated faces, where their features lie, and how far their structure was kept."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from faceswap_lab.faces import alignment
from faceswap_lab.faces.faceset import FACE_SIZE
from faceswap_lab.swap.swapping import Swap

_FINEST = 16  # parts of the side: the width of the blur against which detail is measured


@dataclass
class Sample:
    """A few generated faces of one clip.

    Args:
        swaps: generated, see `swapping.generate`.
        five: of each its five points, (5, 2) in the pixels that its `matrix` begins from, or None where they are unknown.
        outlines: of each the face's outline in the set's aligned square, (M, M) uint8 or float [0, 1], before erosion, or
            None.
    """

    swaps: list[Swap] = field(default_factory=list)
    five: list[np.ndarray | None] = field(default_factory=list)
    outlines: list[np.ndarray | None] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.swaps)

    def faces(self) -> np.ndarray:
        """(N, S, S, 3) float32 RGB [0, 1]: what the model was shown."""
        return np.stack([swap.target for swap in self.swaps])

    def regions(self) -> np.ndarray:
        """(N, S, S) float32 [0, 1]: where the options let a face be put."""
        return np.stack([swap.region * swap.inside for swap in self.swaps])

    def points(self) -> np.ndarray:
        """(n, 5, 2) the five points that are known, in shares of the square that the model was shown."""
        known = [
            (alignment.transform_points(swap.matrix, points) + 0.5) / swap.target.shape[0]
            for swap, points in zip(self.swaps, self.five, strict=True)
            if points is not None and np.isfinite(points).all()
        ]
        return np.array(known).reshape(-1, 5, 2)

    def turns(self) -> np.ndarray:
        """(N,) degrees by which the transforms turn the faces."""
        return np.degrees([np.arctan2(swap.matrix[1, 0], swap.matrix[0, 0]) for swap in self.swaps])

    def outline_share(self) -> float:
        """Mean share of the square inside the faces' outlines; NaN when none is known."""
        known = [outline for outline in self.outlines if outline is not None and outline.any()]
        return float(np.mean([outline.mean() / max(1, outline.max()) for outline in known])) if known else np.nan


def structure_distance(generated: np.ndarray, faces: np.ndarray, regions: np.ndarray) -> np.ndarray:
    """How far the structure of generated faces lies from that of the faces.

    Args:
        generated, faces: (N, S, S, 3) float32 RGB [0, 1].
        regions: (N, S, S) float32 [0, 1], what counts.

    Returns:
        (N,) float: mean absolute difference of detail (grey less its blur) over the faces' own; 0 for the same, about 1 for a blur.
    """
    drawn, given = (_detail(pictures) for pictures in (generated, faces))
    sums = [(np.abs(values) * regions).sum(axis=(1, 2)) for values in (drawn - given, given)]
    return sums[0] / np.maximum(sums[1], 1e-6)


def _detail(pictures: np.ndarray) -> np.ndarray:
    grey = pictures.mean(axis=-1)
    return np.stack([face - cv2.GaussianBlur(face, (0, 0), face.shape[0] / _FINEST) for face in grey])


def coverage(points: np.ndarray) -> float:
    """The coverage with which faces were cut out, from their five points, (n, 5, 2) in shares of the square."""
    tight = template(1.0)
    spread, full = (
        np.linalg.norm(five - five.mean(axis=-2, keepdims=True), axis=-1).mean() for five in (points, tight)
    )
    return float(np.clip(spread / full, 0.05, 1.0))


def template(covered: float) -> np.ndarray:
    """(5, 2): where the five points of a face of this coverage are expected, in shares of the square."""
    return (alignment.canonical_points(FACE_SIZE, covered) + 0.5) / FACE_SIZE
