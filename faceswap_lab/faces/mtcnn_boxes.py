"""The geometry of MTCNN's boxes: from cells to boxes, corrected, squared, cut out, suppressed.

Boxes are (n, 4) float32, x0, y0, x1, y1 in pixels of the frame.
"""

from __future__ import annotations

import cv2
import numpy as np

CELL, STRIDE = 12, 2  # P-Net sees 12 x 12 pixels, every 2 pixels


def cell_boxes(found: np.ndarray, scale: float, threshold: float) -> np.ndarray:
    """The boxes of P-Net's cells (h, w, 6) above the threshold, in frame pixels: (n, 5) x0, y0, x1, y1, score."""
    margin = found[..., 5] - found[..., 4]
    rows, columns = np.nonzero(margin > np.log(threshold / (1 - threshold)))
    corner = np.stack([columns, rows], axis=1) * STRIDE
    cells = np.concatenate([corner, corner + CELL], axis=1) + found[rows, columns, :4] * CELL
    return np.column_stack([cells / scale, 1 / (1 + np.exp(-margin[rows, columns]))]).astype(np.float32)


def suppress(boxes: np.ndarray, scores: np.ndarray, threshold: float, smaller: bool = False) -> np.ndarray:
    """Greedy non-maximum suppression: indices of the boxes that stay, the surest first.

    Args:
        smaller: measure overlap against the smaller box, so that a box within a box goes.
    """
    if not len(boxes):
        return np.zeros(0, int)
    if not smaller:
        sides = np.column_stack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])
        return np.asarray(cv2.dnn.NMSBoxes(sides.tolist(), scores.tolist(), 0.0, threshold), int).ravel()
    area = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    low, high = np.maximum(boxes[:, None, :2], boxes[None, :, :2]), np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    inner = np.clip(high - low, 0, None).prod(axis=2)
    overlap = inner / np.maximum(np.minimum(area[:, None], area[None]), 1e-6)
    kept: list[int] = []
    for index in np.argsort(-scores, kind="stable"):
        if not (overlap[index, kept] > threshold).any():
            kept.append(int(index))
    return np.array(kept, int)


def corrected_boxes(boxes: np.ndarray, regression: np.ndarray) -> np.ndarray:
    side = boxes[:, 2:] - boxes[:, :2] + 1
    return boxes + regression * np.tile(side, 2)


def placed_points(boxes: np.ndarray, found: np.ndarray) -> np.ndarray:
    """O-Net's five points (n, 5, 2) in frame pixels."""
    side = boxes[:, 2:] - boxes[:, :2] + 1
    return np.stack([found[:, 4:9], found[:, 9:14]], axis=-1) * side[:, None] + boxes[:, None, :2] - 1


def square(boxes: np.ndarray) -> np.ndarray:
    """The square around each box's centre with its longer side."""
    centre, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True) / 2
    return np.concatenate([centre - half, centre + half], axis=1).astype(np.float32)


def cut_crops(image: np.ndarray, boxes: np.ndarray, size: int) -> np.ndarray:
    """Square boxes cut out of a frame (H, W, 3): (n, size, size, 3) uint8, grey where a box leaves the frame.

    A box' corners are the middles of the crop's corner pixels, as in the networks' training.
    """
    height, width = image.shape[:2]
    step = np.linspace(0, 1, size, dtype=np.float32)
    shrunk = boxes.astype(np.float32) * np.array([(width - 1) / width, (height - 1) / height] * 2, np.float32)
    x = shrunk[:, :1] + step * (shrunk[:, 2:3] - shrunk[:, :1])
    y = shrunk[:, 1:2] + step * (shrunk[:, 3:] - shrunk[:, 1:2])
    x, y = np.repeat(x[:, None], size, 1), np.repeat(y[:, :, None], size, 2)
    cut = []
    for first in range(0, len(boxes), 256):  # OpenCV's pictures have at most 32767 rows
        part = slice(first, first + 256)
        across, down = (one[part].reshape(-1, size) for one in (x, y))
        cut.append(
            cv2.remap(image, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(128,) * 3)
        )
    return np.concatenate(cut).reshape(-1, size, size, 3)
