"""What a swap is judged by: a sample of its painted faces, where their features lie, and how far their structure was kept."""

from __future__ import annotations

import cv2
import numpy as np

from faceswap_lab.faces import alignment
from faceswap_lab.faces.faceset import FACE_SIZE
from faceswap_lab.swap.swapping import Swap

LIMIT = 16  # faces that are examined
_FINEST = 16  # parts of the side: the width of the blur against which local contrast is measured


class Sample:
    """A few painted faces, evenly spread over all that are added: memory stays the same for a clip of any length.

    Args:
        limit: at most so many are kept.
    """

    def __init__(self, limit: int = LIMIT):
        self.limit, self.stride, self.seen = limit, 1, 0
        self.swaps: list[Swap] = []
        self._points: list[np.ndarray | None] = []
        self._outlines: list[np.ndarray | None] = []

    def add(self, swap: Swap, points: np.ndarray | None = None, outline: np.ndarray | None = None) -> None:
        """Keeps a face, or passes it by.

        Args:
            swap: painted, see `swapping.paint`; it must not be changed afterwards.
            points: (5, 2) its five points in the pixels that `swap.matrix` begins from, or None where they are unknown.
            outline: (M, M) uint8 or float [0, 1], the face's outline in the set's aligned square, before erosion.
        """
        if self.seen % self.stride == 0:
            if len(self.swaps) == self.limit:
                self.stride *= 2
                for kept in (self.swaps, self._points, self._outlines):
                    del kept[1::2]
            if self.seen % self.stride == 0:
                self.swaps.append(swap)
                self._points.append(points)
                self._outlines.append(outline)
        self.seen += 1

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
            for swap, points in zip(self.swaps, self._points, strict=True)
            if points is not None and np.isfinite(points).all()
        ]
        return np.array(known).reshape(-1, 5, 2)

    def turns(self) -> np.ndarray:
        """(N,) degrees by which the transforms turn the faces."""
        return np.degrees([np.arctan2(swap.matrix[1, 0], swap.matrix[0, 0]) for swap in self.swaps])

    def outline_share(self) -> float:
        """Mean share of the square inside the faces' outlines; NaN when none is known."""
        known = [outline for outline in self._outlines if outline is not None and outline.any()]
        return float(np.mean([outline.mean() / max(1, outline.max()) for outline in known])) if known else np.nan


def structure_distance(painted: np.ndarray, faces: np.ndarray, regions: np.ndarray) -> np.ndarray:
    """How far the structure of painted faces lies from that of the faces.

    Args:
        painted, faces: (N, S, S, 3) float32 RGB [0, 1].
        regions: (N, S, S) float32 [0, 1], what counts.

    Returns:
        (N,) float: mean absolute difference of local contrast over the faces' own; 0 for the same, about 1 for a blur.
    """
    drawn, given = (_local_contrast(pictures) for pictures in (painted, faces))
    sums = [(np.abs(values) * regions).sum(axis=(1, 2)) for values in (drawn - given, given)]
    return sums[0] / np.maximum(sums[1], 1e-6)


def _local_contrast(pictures: np.ndarray) -> np.ndarray:
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
