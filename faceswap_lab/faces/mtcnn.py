"""Face detection: MTCNN on LiteRT, spread over the cores.

The cascade (Zhang et al. 2016, arXiv:1604.02878) has three stages. P-Net slides over an image pyramid and proposes
boxes; R-Net looks at each proposal again; O-Net decides, corrects the box and finds five points. P-Net on the finest levels
takes nearly all the time; each level of each frame is a task of its own for the cores.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import cv2
import numpy as np

from faceswap_lab.base import machine
from faceswap_lab.base.errors import LabError
from faceswap_lab.faces.mtcnn_boxes import (
    CELL,
    STRIDE,
    cell_boxes,
    corrected_boxes,
    cut_crops,
    placed_points,
    square,
    suppress,
)
from faceswap_lab.faces.mtcnn_networks import Network

_NMS_LEVEL, _NMS_ALL, _NMS_REFINED, _NMS_OUTPUT = 0.5, 0.7, 0.7, 0.7  # as in the package mtcnn
_MOST_PROPOSALS = 2000  # kept per frame; a street scene in 720p gives about 150, 200 small faces a thousand
_STRIP = 400_000  # pixels of a level that P-Net looks at in one go

# Where O-Net looks again around a face it found: shifts in sides of the box, and sizes. What it answers depends on the box it
# is given, so that one look jumps by 2 % of the face from frame to frame; the mean over eight looks hardly depends on where
# they began, and jumps half as much.
_ANGLES = np.arange(8) * np.pi / 4
_FOUR = np.array([(0.08, 0, 1), (-0.08, 0, 1), (0, 0.08, 1), (0, -0.08, 1)], np.float32)
_MOVED = 0.02  # sides of the box, between two looks
_EIGHT = np.column_stack([0.06 * np.cos(_ANGLES), 0.06 * np.sin(_ANGLES), 1 + 0.06 * (-1) ** np.arange(8)])


@dataclass(frozen=True)
class Detections:
    """The faces of one frame, the surest first.

    Args:
        boxes: (n, 4) float32: x0, y0, x1, y1 in pixels.
        scores: (n,) float32, 0 to 1: O-Net's mean belief over its looks.
        points: (n, 5, 2) float32: left eye, right eye (as seen in the picture), nose, left and right mouth corner.
    """

    boxes: np.ndarray
    scores: np.ndarray
    points: np.ndarray

    def __len__(self) -> int:
        return len(self.boxes)

    def chosen(self, keep) -> Detections:
        """Some of them, by index or by a boolean mask."""
        return Detections(self.boxes[keep], self.scores[keep], self.points[keep])

    @classmethod
    def joined(cls, parts: Iterable[Detections]) -> Detections:
        """Several groups of faces as one, in their order."""
        some = [nothing(), *parts]
        return cls(*(np.concatenate([getattr(one, name) for one in some]) for name in ("boxes", "scores", "points")))


@dataclass(frozen=True)
class CascadeStages:
    """Everything the cascade did with one frame, for looking at.

    Args:
        scales: of the pyramid's levels.
        levels: the level pictures, (h, w, 3) uint8 RGB.
        maps: P-Net's belief in a face at each cell of each level, (h', w') float32 in [0, 1].
        proposals: boxes above the threshold before any non-maximum suppression, (n, 5): x0, y0, x1, y1, score.
        proposed: what is left after it, made square, (n, 5).
        refined: after R-Net, its suppression, made square, (n, 5).
        output: after O-Net.
    """

    scales: np.ndarray
    levels: list = field(repr=False)
    maps: list = field(repr=False)
    proposals: np.ndarray = field(repr=False)
    proposed: np.ndarray = field(repr=False)
    refined: np.ndarray = field(repr=False)
    output: Detections = field(repr=False)


class FaceDetector:
    """MTCNN on batches of frames. May be shared by threads.

    Args:
        min_face_size: smallest face in pixels. The cost grows with the inverse square.
        thresholds: of P-Net, R-Net and O-Net.
        scale_factor: from one pyramid level to the next.
        workers: threads; one more than there are cores by default.

    Raises:
        LabError: when a threshold is not in (0, 1), or the sizes make no sense.

    Example:
        >>> found = lab.FaceDetector().detect([frame])[0]
        >>> found.boxes.shape, found.points.shape
        ((1, 4), (1, 5, 2))
    """

    def __init__(
        self,
        min_face_size: float = 40,
        thresholds=(0.6, 0.7, 0.7),
        scale_factor: float = 0.709,
        workers: int | None = None,
    ):
        if min_face_size < CELL:
            raise LabError(f"min_face_size={min_face_size}: MTCNN sees no face under {CELL} px. Choose {CELL} or more.")
        if len(thresholds) != 3 or not all(0 < t < 1 for t in thresholds):
            raise LabError(
                f"thresholds={thresholds}: three numbers between 0 and 1 are needed, such as (0.6, 0.7, 0.7)."
            )
        if not 0.3 < scale_factor < 0.95:
            raise LabError(f"scale_factor={scale_factor}: choose a value between 0.3 and 0.95; 0.709 halves the area.")
        self.min_face_size, self.thresholds, self.scale_factor = float(min_face_size), tuple(thresholds), scale_factor
        self.proposal, self.refinement, self.output = (Network(name) for name in ("pnet", "rnet", "onet"))
        self._last: tuple[np.ndarray, Detections] | None = None
        # one more than there are cores: while one thread waits for the interpreter's lock another one computes
        self._pool = ThreadPoolExecutor(workers or machine.cpu_cores() + 1, thread_name_prefix="faces")

    def scales(self, height: int, width: int) -> np.ndarray:
        """The pyramid's scales for a frame: from `min_face_size` down to a level that P-Net still fits in."""
        scale, found = CELL / self.min_face_size, []
        while min(height, width) * scale >= CELL:
            found.append(scale)
            scale *= self.scale_factor
        return np.array(found)

    def detect(self, images: Sequence[np.ndarray]) -> list[Detections]:
        """Finds the faces of some frames.

        Args:
            images: (H, W, 3) uint8 RGB each. Frames, and the levels of a frame, are spread over the cores.

        Returns:
            One `Detections` a frame, in order; empty where there is no face.

        Raises:
            LabError: for a picture that is not (H, W, 3) uint8.
        """
        images = check_pictures(images)
        halves = list(self._pool.map(_halves, images))
        levels = [(own, scale) for own in halves for scale in self.scales(*own[0].shape[:2])]
        # the finest level costs as much as all others together: large ones first keep every core busy
        order = sorted(range(len(levels)), key=lambda k: -(levels[k][1] ** 2) * levels[k][0][0].size)
        cells: list = [None] * len(levels)
        for k, found in zip(order, self._pool.map(lambda k: self._cells(*levels[k]), order), strict=True):
            cells[k] = found
        proposals, at = [], 0
        for image in images:
            count = len(self.scales(*image.shape[:2]))
            proposals.append(_merged(cells[at : at + count]))
            at += count
        return list(self._pool.map(self._looked_at, images, proposals))

    def detect_once(self, image: np.ndarray) -> Detections:
        """`detect` for one frame; asked again for the very same array, it remembers the answer."""
        if self._last is None or self._last[0] is not image:
            self._last = image, self.detect([image])[0]
        return self._last[1]

    # -- the three stages ------------------------------------------------------------------------------------------
    def _map(self, halves: list[np.ndarray], scale: float) -> tuple[np.ndarray, np.ndarray]:
        """A level's picture and P-Net's map of it, (h, w, 6)."""
        height, width = halves[0].shape[:2]
        near = halves[min(int(-np.log2(scale)), len(halves) - 1)] if scale < 1 else halves[0]
        level = cv2.resize(near, (int(width * scale), int(height * scale)), interpolation=cv2.INTER_LINEAR)
        # A strip of n rows of cells needs 2 n + 10 rows of pixels. Strips bound the memory, whatever the frame's size.
        cells = max(8, int(_STRIP / level.shape[1]) // STRIDE)
        strips = [
            self.proposal(level[None, STRIDE * first : STRIDE * (first + cells) + CELL - STRIDE])[0]
            for first in range(0, max(1, -(-(level.shape[0] - 2) // 2) - 4), cells)
        ]
        return level, np.concatenate(strips)

    def _cells(self, halves: list[np.ndarray], scale: float) -> np.ndarray:
        """P-Net on one level: boxes that are left after suppression, (n, 5) x0, y0, x1, y1, score."""
        boxes = cell_boxes(self._map(halves, scale)[1], scale, self.thresholds[0])
        return boxes[suppress(boxes[:, :4], boxes[:, 4], _NMS_LEVEL)]

    def refine(self, image: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """R-Net on square boxes (n, 4): corrected, still oblong boxes and their scores (n,), without suppression."""
        if not len(boxes):
            return np.zeros((0, 4), np.float32), np.zeros(0, np.float32)
        found = self.refinement.on_crops(cut_crops(image, boxes, 24))
        return corrected_boxes(boxes, found[:, :4]), found[:, 5]

    def decide(self, image: np.ndarray, boxes: np.ndarray) -> Detections:
        """O-Net on square boxes (n, 4): the faces above its threshold, after suppression."""
        if not len(boxes):
            return nothing()
        found = self.output.on_crops(cut_crops(image, boxes, 48))
        keep = found[:, 15] > self.thresholds[2]
        corrected, scores, points = (
            corrected_boxes(boxes, found[:, :4])[keep],
            found[keep, 15],
            placed_points(boxes, found)[keep],
        )
        chosen = suppress(corrected, scores, _NMS_OUTPUT, smaller=True)
        inside = np.clip(corrected[chosen], 0, [image.shape[1], image.shape[0]] * 2)
        return Detections(inside.astype(np.float32), scores[chosen], points[chosen].astype(np.float32))

    def narrow(self, image: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """R-Net on square boxes (n, 4), its threshold and its suppression: square boxes and their scores."""
        boxes, scores = self.refine(image, boxes)
        keep = scores > self.thresholds[1]
        boxes, scores = boxes[keep], scores[keep]
        chosen = suppress(boxes, scores, _NMS_REFINED)
        return square(boxes[chosen]), scores[chosen]

    def settle(self, image: np.ndarray, boxes: np.ndarray, close: bool = False) -> Detections:
        """O-Net's mean answer over eight looks around faces that are there: steadier than one look, and more honest.

        A face that lies on its side can convince O-Net once (0.98), hardly eight times (0.7).

        Args:
            image: (H, W, 3) uint8 RGB.
            boxes: (n, 4), the faces.
            close: whether the boxes come from such looks at the frame before; else they are brought near by four looks
                first. Where a face has moved by more than `_MOVED` it is looked at once more.

        Returns:
            The faces in the boxes' order.
        """
        if not len(boxes):
            return nothing()
        found = self._looks(image, boxes if close else self._looks(image, boxes, _FOUR).boxes, _EIGHT)
        if close:
            moved = np.abs((found.boxes - boxes).reshape(-1, 2, 2).mean(1)).max(1) / np.maximum(
                boxes[:, 2] - boxes[:, 0], 1
            )
            if (moved > _MOVED).any():
                found = self._looks(image, found.boxes, _EIGHT)
        inside = np.clip(found.boxes, 0, [image.shape[1], image.shape[0]] * 2).astype(np.float32)
        return Detections(inside, found.scores, found.points.astype(np.float32))

    def _looks(self, image: np.ndarray, boxes: np.ndarray, around: np.ndarray) -> Detections:
        """O-Net's mean answer over looks `around` (k, 3) the squares of some boxes (n, 4)."""
        own = square(boxes)
        side = (own[:, 2] - own[:, 0])[:, None]
        middle = (own[:, None, :2] + own[:, None, 2:]) / 2 + around[:, :2] * side[..., None]
        half = (side * around[:, 2] / 2)[..., None]
        looks = np.concatenate([middle - half, middle + half], -1).reshape(-1, 4)
        found = self.output.on_crops(cut_crops(image, looks, 48))
        shape = len(boxes), len(around)
        return Detections(
            corrected_boxes(looks, found[:, :4]).reshape(*shape, 4).mean(1),
            found[:, 15].reshape(shape).mean(1),
            placed_points(looks, found).reshape(*shape, 5, 2).mean(1),
        )

    def settle_each(self, image: np.ndarray, boxes: Sequence[np.ndarray]) -> Detections:
        """`settle` for boxes (4,) that come from the frame before, spread over the cores."""
        found = self._pool.map(lambda box: self.settle(image, np.asarray(box, np.float32)[None], close=True), boxes)
        return Detections.joined(found)

    def _looked_at(self, image: np.ndarray, proposals: np.ndarray) -> Detections:
        found = self.settle(image, self.decide(image, self.narrow(image, proposals[:, :4])[0]).boxes)
        # two boxes that were apart may have settled on one face
        return found.chosen(suppress(found.boxes, found.scores, _NMS_OUTPUT, smaller=True))

    def stages(self, image: np.ndarray) -> CascadeStages:
        """Runs the cascade on one frame and keeps what it did on the way.

        Args:
            image: (H, W, 3) uint8 RGB.
        """
        output = self.detect([image])[0]
        scales = self.scales(*image.shape[:2])
        halves = _halves(image)
        levels, maps, raw, kept = [], [], [np.zeros((0, 5), np.float32)], []
        for scale in scales:
            level, found = self._map(halves, scale)
            levels.append(level)
            maps.append(1 / (1 + np.exp(found[..., 4] - found[..., 5])))
            raw.append(cell_boxes(found, scale, self.thresholds[0]))
            kept.append(raw[-1][suppress(raw[-1][:, :4], raw[-1][:, 4], _NMS_LEVEL)])
        proposed = _merged(kept)
        refined = np.column_stack(self.narrow(image, proposed[:, :4]))
        return CascadeStages(scales, levels, maps, np.concatenate(raw), proposed, refined, output)


def check_pictures(images: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The pictures, each (H, W, 3) uint8 RGB in one piece of memory.

    Raises:
        LabError: naming the first that is something else.
    """
    for index, image in enumerate(images):
        if getattr(image, "dtype", None) != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
            raise LabError(
                f"picture {index}: (H, W, 3) uint8 RGB is needed, this one is {getattr(image, 'shape', type(image))} "
                f"{getattr(image, 'dtype', '')}. Convert it first (grey: repeat the channel; RGBA: drop the last)."
            )
    return [np.ascontiguousarray(image) for image in images]


def _halves(image: np.ndarray) -> list[np.ndarray]:
    """The frame, its half, its quarter and so on: every level is then sampled from one less than twice its size."""
    found = [image]
    while min(found[-1].shape[:2]) >= 2 * CELL:
        found.append(cv2.resize(found[-1], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
    return found


def nothing() -> Detections:
    """No face."""
    return Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 5, 2), np.float32))


def _merged(levels: list[np.ndarray]) -> np.ndarray:
    """The proposals of all levels of a frame: square boxes with scores (n, 5), the surest first."""
    some = np.concatenate([np.zeros((0, 5), np.float32), *levels])
    some = some[suppress(some[:, :4], some[:, 4], _NMS_ALL)[:_MOST_PROPOSALS]]
    return np.column_stack([square(some[:, :4]), some[:, 4]])
