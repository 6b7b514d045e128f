"""What the scores look at in a picture: local contrast, edges, and where two pictures differ."""

from __future__ import annotations

import cv2
import numpy as np

DIFFERENT = 12  # of 255: mean difference over the three colours from which two pixels count as different
FLOOR = 0.01  # added to the deviation in local contrast, so that flat skin is not blown up into noise
GREY = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


def local_contrast(image: np.ndarray, sigma: float, mask: np.ndarray | None = None) -> np.ndarray:
    """Structure without light: grey, minus its gaussian mean, over its gaussian deviation.

    Args:
        image: (H, W, 3) RGB float32 in [0, 1].
        sigma: of the gaussian in pixels.
        mask: (H, W) float32 in [0, 1], which pixels mean and deviation are taken from; None is all. With it a face's
            edge against the background, which target and truth share, does not drown what lies inside.

    Returns:
        (H, W) float32, about -3 to 3; meaningless where the mask has nothing near.
    """
    grey = np.asarray(image, np.float32) @ GREY
    mask = np.ones(grey.shape, np.float32) if mask is None else mask.astype(np.float32)
    weight = cv2.GaussianBlur(mask, (0, 0), sigma) + 1e-6
    mean = cv2.GaussianBlur(grey * mask, (0, 0), sigma) / weight
    variance = cv2.GaussianBlur(grey * grey * mask, (0, 0), sigma) / weight - mean * mean
    return (grey - mean) / (np.sqrt(np.maximum(variance, 0)) + FLOOR)


def different_pixels(truth: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Where the true swap changes something: (H, W) bool from two (H, W, 3) uint8 frames."""
    return cv2.absdiff(truth, target).astype(np.uint16).sum(axis=2) > 3 * DIFFERENT


def window_around(mask: np.ndarray, margin: int) -> tuple[slice, slice]:
    """Rows and columns that hold a mask (H, W) with something in it, and a margin in pixels around it, within the picture."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    down, across = (slice(max(int(one[0]) - margin, 0), int(one[-1]) + margin + 1) for one in (rows, columns))
    return down, across


def slopes_along(image: np.ndarray, directions: np.ndarray, sigma: float) -> np.ndarray:
    """The slope of smoothed grey along a direction at each pixel.

    Args:
        image: (H, W, 3) uint8 RGB. directions: (2, H, W), down and across, of length 1 or 0. sigma: of the gaussian in pixels.

    Returns:
        (H, W) float, levels of 255 a pixel.
    """
    grey = cv2.GaussianBlur(image.astype(np.float32) @ GREY, (0, 0), sigma)
    return (np.stack(np.gradient(grey)) * directions).sum(axis=0)


def edge_energy(image: np.ndarray, mask: np.ndarray) -> float:
    """How much edge there is: the squared first differences of grey, down and across, summed inside a mask.

    Args:
        image: (H, W, 3) RGB float32 in [0, 1].
        mask: (H, W) bool or float32 in [0, 1]; a difference counts where both its pixels do.

    Returns:
        The sum, 0 or more. It grows with the square of contrast, not with light that is added.
    """
    grey, mask = np.asarray(image, np.float32) @ GREY, np.asarray(mask, np.float32)
    down = np.square(np.diff(grey, axis=0)) * mask[1:] * mask[:-1]
    across = np.square(np.diff(grey, axis=1)) * mask[:, 1:] * mask[:, :-1]
    return float(down.sum(dtype=np.float64) + across.sum(dtype=np.float64))
