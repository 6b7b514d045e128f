"""Colour: the swapped face takes on the light and the tone of the face it replaces.

Every method measures inside the mask only. Hair and background next to the face say nothing about its skin, and they
change when the head turns: statistics that include them make the face flicker.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

_LEAST_WEIGHT = 1e-3  # of the square; a mask smaller than that gives no statistics worth following
_GAIN_LIMITS = (0.4, 2.5)  # contrast is never changed more than this: a flat face would turn to noise
_BINS = 256


def to_space(image: np.ndarray, space: str = "lab") -> np.ndarray:
    """Takes an RGB picture to the space in which statistics are measured.

    Args:
        image: (H, W, 3) float32 RGB [0, 1].
        space: "lab" (CIE L*a*b*, D65: L in 0..100, a and b about -128..127) or "rgb" (unchanged).

    Returns:
        (H, W, 3) float32.
    """
    image = np.ascontiguousarray(image, np.float32)
    return cv2.cvtColor(image, cv2.COLOR_RGB2Lab) if space == "lab" else image


def from_space(image: np.ndarray, space: str = "lab") -> np.ndarray:
    """The way back from `to_space`: (H, W, 3) float32 RGB, clipped to [0, 1]."""
    image = np.ascontiguousarray(image, np.float32)
    return np.clip(cv2.cvtColor(image, cv2.COLOR_Lab2RGB) if space == "lab" else image, 0, 1)


def statistics(image: np.ndarray, mask: np.ndarray, space: str = "lab") -> np.ndarray | None:
    """Mean and standard deviation of each channel inside a soft mask.

    Args:
        image: (S, S, 3) float32 RGB [0, 1].
        mask: (S, S) float32 [0, 1]; each pixel counts as much as its mask.
        space: see `to_space`.

    Returns:
        (2, 3) float64, means then deviations; None when the mask is (nearly) empty.
    """
    weights = np.asarray(mask, np.float64)
    total = weights.sum()
    if total <= _LEAST_WEIGHT * weights.size:
        return None
    values = to_space(image, space)
    mean = np.einsum("yx,yxc->c", weights, values) / total
    variance = np.einsum("yx,yxc->c", weights, (values - mean) ** 2) / total
    return np.stack([mean, np.sqrt(variance)])


def transfer(
    face: np.ndarray, measured: np.ndarray, wanted: np.ndarray, space: str = "lab", contrast: bool = True
) -> np.ndarray:
    """Moves a face from the statistics that were measured on it to those that are wanted.

    Kept apart from the measuring, so that a video can smooth both sets of numbers over time first.

    Args:
        face: (S, S, 3) float32 RGB [0, 1].
        measured, wanted: (2, 3), from `statistics` in the same space.
        contrast: match the deviations as well as the means.

    Returns:
        (S, S, 3) float32 RGB [0, 1].
    """
    gain = np.clip(wanted[1] / np.maximum(measured[1], 1e-6), *_GAIN_LIMITS) if contrast else np.ones(3)
    return from_space((to_space(face, space) - measured[0]) * gain + wanted[0], space)


def none(face: np.ndarray, target: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Leaves the face's colours as the model painted them."""
    return np.asarray(face, np.float32)


def match_mean_std(face: np.ndarray, target: np.ndarray, mask: np.ndarray, space: str = "lab") -> np.ndarray:
    """Gives the face the target's mean and standard deviation in each channel.

    E. Reinhard et al., "Color transfer between images", IEEE Computer Graphics and Applications 21(5), 2001 (there in
    the space l-alpha-beta; CIE L*a*b* separates light from colour as well and is at hand everywhere).

    Args:
        face, target: (S, S, 3) float32 RGB [0, 1], the swapped face and the frame's own, aligned alike.
        mask: (S, S) float32 [0, 1], where to measure.
        space: "lab" or "rgb".

    Returns:
        (S, S, 3) float32 RGB [0, 1]; the face unchanged when the mask is empty.
    """
    return _matched(face, target, mask, space, contrast=True)


def match_mean(face: np.ndarray, target: np.ndarray, mask: np.ndarray, space: str = "lab") -> np.ndarray:
    """Shifts the face to the target's mean colour and keeps its contrast; arguments as in `match_mean_std`."""
    return _matched(face, target, mask, space, contrast=False)


def _matched(face, target, mask, space, contrast):
    measured, wanted = statistics(face, mask, space), statistics(target, mask, space)
    if measured is None or wanted is None:
        return np.asarray(face, np.float32)
    return transfer(face, measured, wanted, space, contrast)


def match_histogram(face: np.ndarray, target: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Gives each RGB channel of the face the target's distribution of values inside the mask.

    Values travel through the face's cumulative distribution and back through the target's. The distributions are
    joined linearly between 256 bins, so that smooth skin does not break into steps.

    Args:
        face, target: (S, S, 3) float32 RGB [0, 1], aligned alike.
        mask: (S, S) float32 [0, 1]; each pixel counts as much as its mask.

    Returns:
        (S, S, 3) float32 RGB [0, 1]; the face unchanged when the mask is empty.
    """
    face, weights = np.asarray(face, np.float32), np.asarray(mask, np.float64)
    if weights.sum() <= _LEAST_WEIGHT * weights.size:
        return face
    edges = np.linspace(0, 1, _BINS + 1)
    matched = [
        np.interp(
            face[..., channel],
            edges,
            np.interp(_cumulative(face[..., channel], weights), _cumulative(target[..., channel], weights), edges),
        )
        for channel in range(3)
    ]
    return np.stack(matched, axis=-1).astype(np.float32)


def _cumulative(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Share of the weight below each of the 257 bin edges, rising everywhere so that it can be read backwards."""
    counts, _ = np.histogram(values, bins=_BINS, range=(0, 1), weights=weights)
    counts = counts / counts.sum() + 1e-7  # an empty bin would leave a stretch without slope
    return np.concatenate([[0], np.cumsum(counts) / counts.sum()])


COLOUR: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]] = {
    "none": none,
    "mean": match_mean,
    "mean_std": match_mean_std,
    "histogram": match_histogram,
}
