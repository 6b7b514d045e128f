"""Face detection: MTCNN in batches, one traced function for each frame size.

The cascade (Zhang et al. 2016, arXiv:1604.02878) has three stages. P-Net slides over an image pyramid and proposes
boxes; R-Net looks at each proposal again; O-Net decides, corrects the box and finds five points. Here all pyramid levels
of all frames of a batch run in one call, and so do the crops of all frames in the later stages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import tensorflow as tf

from faceswap_lab.errors import LabError
from faceswap_lab.faces import mtcnn_networks as networks

_CELL, _STRIDE = 12, 2  # P-Net sees 12 x 12 pixels, every 2 pixels
_NMS_LEVEL, _NMS_ALL, _NMS_REFINED, _NMS_OUTPUT = 0.5, 0.7, 0.7, 0.7  # as in the package mtcnn
_MOST_PROPOSALS = 400  # kept per frame; a street scene in 720p gives about 150


@dataclass(frozen=True)
class Detections:
    """The faces of one frame, the surest first.

    Args:
        boxes: (n, 4) float32: x0, y0, x1, y1 in pixels.
        scores: (n,) float32, 0 to 1.
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
    """MTCNN on batches of frames.

    Args:
        min_face_size: smallest face in pixels. The cost grows with the inverse square.
        thresholds: of P-Net, R-Net and O-Net.
        scale_factor: from one pyramid level to the next.

    Raises:
        LabError: when a threshold is not in (0, 1), or the sizes make no sense.
    """

    def __init__(self, min_face_size: float = 40, thresholds=(0.6, 0.7, 0.8), scale_factor: float = 0.709):
        if min_face_size < _CELL:
            raise LabError(
                f"min_face_size={min_face_size}: MTCNN sees no face under {_CELL} px. Choose {_CELL} or more."
            )
        if len(thresholds) != 3 or not all(0 < t < 1 for t in thresholds):
            raise LabError(
                f"thresholds={thresholds}: three numbers between 0 and 1 are needed, such as (0.6, 0.7, 0.8)."
            )
        if not 0.3 < scale_factor < 0.95:
            raise LabError(f"scale_factor={scale_factor}: choose a value between 0.3 and 0.95; 0.709 halves the area.")
        self.min_face_size, self.thresholds, self.scale_factor = float(min_face_size), tuple(thresholds), scale_factor
        self.networks = (networks.proposal_network(), networks.refinement_network(), networks.output_network())
        self._traced: dict[tuple[int, int], object] = {}

    def scales(self, height: int, width: int) -> np.ndarray:
        """The pyramid's scales for a frame: from `min_face_size` down to a level that P-Net still fits in."""
        scale, found = _CELL / self.min_face_size, []
        while min(height, width) * scale >= _CELL:
            found.append(scale)
            scale *= self.scale_factor
        return np.array(found)

    def detect(self, images: Sequence[np.ndarray]) -> list[Detections]:
        """Finds the faces of some frames.

        Args:
            images: (H, W, 3) uint8 RGB each. Frames of one size are worked on together.

        Returns:
            One `Detections` a frame, in order; empty where there is no face.

        Raises:
            LabError: for a picture that is not (H, W, 3) uint8.
        """
        for index, image in enumerate(images):
            if getattr(image, "dtype", None) != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
                raise LabError(
                    f"picture {index}: (H, W, 3) uint8 RGB is needed, this one is {getattr(image, 'shape', type(image))} "
                    f"{getattr(image, 'dtype', '')}. Convert it first (grey: repeat the channel; RGBA: drop the last)."
                )
        found: list[Detections | None] = [None] * len(images)
        groups: dict[tuple, list[int]] = {}
        for index, image in enumerate(images):
            groups.setdefault(image.shape[:2], []).append(index)
        for members in groups.values():
            stack = np.stack([images[index] for index in members])
            for index, detections in zip(members, self._detect_stack(stack), strict=True):
                found[index] = detections
        return found

    def _detect_stack(self, stack: np.ndarray) -> list[Detections]:
        frames = len(stack)
        empty = Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 5, 2), np.float32))
        if not len(self.scales(*stack.shape[1:3])):
            return [empty] * frames
        normal = _normalised(tf.constant(stack))
        boxes, _, owners = self._propose(normal)
        boxes, _, owners = self._refine(normal, boxes, owners)
        boxes, scores, points, owners = self._output(normal, boxes, owners)
        found = []
        for frame in range(frames):
            mine = owners == frame
            found.append(Detections(boxes[mine], scores[mine], points[mine]) if mine.any() else empty)
        return found

    # -- the three stages ------------------------------------------------------------------------------------------
    def _propose(self, normal):
        """P-Net on the whole pyramid: square boxes (n, 4), scores (n,), frame of each (n,)."""
        key = tuple(normal.shape[1:3])
        if key not in self._traced:
            self._traced[key] = tf.function(self._pyramid, input_signature=[tf.TensorSpec((None, *key, 3))])
        boxes, scores, owners = [], [], []
        levels = [[x.numpy() for x in level] for level in self._traced[key](normal)]
        for frame in range(len(normal)):
            kept = []
            for (regression, faces), scale in zip(levels, self.scales(*key), strict=True):
                cells = _cell_boxes(regression[frame], faces[frame, ..., 1], scale, self.thresholds[0])
                kept.append(cells[_suppress(cells[:, :4], cells[:, 4], _NMS_LEVEL)])
            some = np.concatenate(kept)
            some = some[_suppress(some[:, :4], some[:, 4], _NMS_ALL)[:_MOST_PROPOSALS]]
            boxes.append(_square(some[:, :4]))
            scores.append(some[:, 4])
            owners.append(np.full(len(some), frame))
        return np.concatenate(boxes), np.concatenate(scores), np.concatenate(owners)

    def _pyramid(self, normal):
        height, width = normal.shape[1:3]
        results = []
        for scale in self.scales(height, width):
            size = (int(height * scale), int(width * scale))
            results.append(self.networks[0](tf.image.resize(normal, size, method="area")))
        return results

    def _refine(self, normal, boxes, owners):
        if not len(boxes):
            return boxes, np.zeros(0, np.float32), owners
        regression, faces = _predict(self.networks[1], _crops(normal, boxes, owners, 24))
        keep = faces[:, 1] > self.thresholds[1]
        boxes, scores, owners = _corrected(boxes, regression)[keep], faces[keep, 1], owners[keep]
        chosen = _per_frame(boxes, scores, owners, _NMS_REFINED)
        return _square(boxes[chosen]), scores[chosen], owners[chosen]

    def _output(self, normal, boxes, owners):
        if not len(boxes):
            return boxes.astype(np.float32), np.zeros(0, np.float32), np.zeros((0, 5, 2), np.float32), owners
        regression, shape, faces = _predict(self.networks[2], _crops(normal, boxes, owners, 48))
        side = boxes[:, 2:] - boxes[:, :2] + 1
        points = np.stack([shape[:, :5], shape[:, 5:]], axis=-1) * side[:, None] + boxes[:, None, :2] - 1
        keep = faces[:, 1] > self.thresholds[2]
        boxes, scores, points, owners = _corrected(boxes, regression)[keep], faces[keep, 1], points[keep], owners[keep]
        chosen = _per_frame(boxes, scores, owners, _NMS_OUTPUT, smaller=True)
        limits = np.array([normal.shape[2], normal.shape[1]] * 2, np.float32)
        inside = np.clip(boxes[chosen], 0, limits)
        return inside.astype(np.float32), scores[chosen], points[chosen].astype(np.float32), owners[chosen]

    def stages(self, image: np.ndarray) -> CascadeStages:
        """Runs the cascade on one frame and keeps what it did on the way.

        Args:
            image: (H, W, 3) uint8 RGB.
        """
        output = self.detect([image])[0]
        normal = _normalised(tf.constant(image[None]))
        scales = self.scales(*image.shape[:2])
        levels, maps, raw = [], [], [np.zeros((0, 5), np.float32)]
        for (regression, faces), scale in zip(self._pyramid(normal) if len(scales) else [], scales, strict=True):
            size = (int(image.shape[0] * scale), int(image.shape[1] * scale))
            levels.append(np.round(tf.image.resize(image[None], size, method="area")[0].numpy()).astype(np.uint8))
            maps.append(faces[0, ..., 1].numpy())
            raw.append(_cell_boxes(regression[0].numpy(), maps[-1], scale, self.thresholds[0]))
        proposed = refined = np.zeros((0, 5), np.float32)
        if len(scales):
            boxes, scores, owners = self._propose(normal)
            proposed = np.column_stack([boxes, scores])
            boxes, scores, _ = self._refine(normal, boxes, owners)
            refined = np.column_stack([boxes, scores])
        return CascadeStages(scales, levels, maps, np.concatenate(raw), proposed, refined, output)


def _normalised(images):
    return (tf.cast(images, tf.float32) - 127.5) / 128.0


def _cell_boxes(regression: np.ndarray, faces: np.ndarray, scale: float, threshold: float) -> np.ndarray:
    """The boxes of P-Net's cells above the threshold, in frame pixels: (n, 5) x0, y0, x1, y1, score."""
    rows, columns = np.nonzero(faces > threshold)
    corner = np.stack([columns, rows], axis=1) * _STRIDE
    cells = np.concatenate([corner, corner + _CELL], axis=1) + regression[rows, columns] * _CELL
    return np.column_stack([cells / scale, faces[rows, columns]]).astype(np.float32)


def _suppress(boxes: np.ndarray, scores: np.ndarray, threshold: float, smaller: bool = False) -> np.ndarray:
    """Greedy non-maximum suppression: indices of the boxes that stay, the surest first.

    Args:
        smaller: measure overlap against the smaller box, so that a box within a box goes.
    """
    if not len(boxes):
        return np.zeros(0, int)
    if not smaller:
        order = np.stack([boxes[:, 1], boxes[:, 0], boxes[:, 3], boxes[:, 2]], axis=1)
        return tf.image.non_max_suppression(order, scores, len(boxes), iou_threshold=threshold).numpy()
    area = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    kept: list[int] = []
    for index in np.argsort(-scores, kind="stable"):
        overlap = [
            np.prod(
                np.clip(
                    np.minimum(boxes[index, 2:], boxes[k, 2:]) - np.maximum(boxes[index, :2], boxes[k, :2]), 0, None
                )
            )
            / max(min(area[index], area[k]), 1e-6)
            for k in kept
        ]
        if not overlap or max(overlap) <= threshold:
            kept.append(int(index))
    return np.array(kept, int)


def _per_frame(boxes, scores, owners, threshold: float, smaller: bool = False) -> np.ndarray:
    """Suppression within each frame; indices into all boxes."""
    chosen = [np.zeros(0, int)]
    for frame in np.unique(owners):
        mine = np.flatnonzero(owners == frame)
        chosen.append(mine[_suppress(boxes[mine], scores[mine], threshold, smaller)])
    return np.concatenate(chosen)


def _corrected(boxes: np.ndarray, regression: np.ndarray) -> np.ndarray:
    side = boxes[:, 2:] - boxes[:, :2] + 1
    return boxes + regression * np.tile(side, 2)


def _square(boxes: np.ndarray) -> np.ndarray:
    """The square around each box's centre with its longer side."""
    centre, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True) / 2
    return np.concatenate([centre - half, centre + half], axis=1).astype(np.float32)


def _crops(normal, boxes: np.ndarray, owners: np.ndarray, size: int):
    height, width = normal.shape[1:3]
    relative = boxes[:, [1, 0, 3, 2]] / np.array([height, width, height, width], np.float32)
    return tf.image.crop_and_resize(normal, relative, owners.astype(np.int32), (size, size))


def _predict(network, crops) -> list[np.ndarray]:
    """Runs a network on crops in slices of fixed sizes, so that few graphs are traced and memory stays bounded."""
    parts = []
    for first in range(0, len(crops), 256):
        some = crops[first : first + 256]
        room = 1 << (int(some.shape[0]) - 1).bit_length()
        padded = tf.pad(some, [[0, room - some.shape[0]], [0, 0], [0, 0], [0, 0]])
        parts.append([out.numpy()[: some.shape[0]] for out in network(padded)])
    return [np.concatenate(column) for column in zip(*parts, strict=True)]
