"""Colour: the swapped face takes on the light and the tone of the face it replaces.

Every method measures inside the mask only. Hair and background next to the face say nothing about its skin, and they
change when the head turns: statistics that include them make the face flicker. A soft mask counts as a weight.

Every method first measures, then applies what was measured (`Method`). What is measured are plain arrays: means,
deviations, covariances, quantile functions, so that a video can average them over neighbouring frames in between.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from faceswap_lab.swap import colour_distributions

_GAIN_LIMITS = (0.4, 2.5)  # contrast is never changed more than this: a flat face would turn to noise
_WHITE = (0.75, 0.95)  # of the darkest channel: from where a colour counts as light rather than skin, and altogether so
_CELLS = 16  # a side: with fewer more flicker is left, with more the mouth follows less well
_LEAST_VARIANCE = 1e-7  # of colours in [0, 1]: far below one level of 255


def to_lab(image: np.ndarray) -> np.ndarray:
    """(H, W, 3) float32 RGB [0, 1] in CIE L*a*b*, D65: L in 0..100, a and b about -128..127, float32."""
    return cv2.cvtColor(np.ascontiguousarray(image, np.float32), cv2.COLOR_RGB2Lab)


def from_lab(image: np.ndarray) -> np.ndarray:
    """The way back from `to_lab`: (H, W, 3) float32 RGB, clipped to [0, 1]."""
    return np.clip(cv2.cvtColor(np.ascontiguousarray(image, np.float32), cv2.COLOR_Lab2RGB), 0, 1)


def statistics(image: np.ndarray, mask: np.ndarray) -> np.ndarray | None:
    """Mean and standard deviation of L*, a* and b* inside a soft mask.

    Args:
        image: (S, S, 3) float32 RGB [0, 1].
        mask: (S, S) float32 [0, 1]; each pixel counts as much as its mask.

    Returns:
        (2, 3) float64, means then deviations; None when the mask is (nearly) empty.
    """
    if not colour_distributions.enough(mask):
        return None
    weights = np.asarray(mask, np.float64)
    total = weights.sum()
    values = to_lab(image)
    mean = np.einsum("yx,yxc->c", weights, values) / total
    variance = np.einsum("yx,yxc->c", weights, (values - mean) ** 2) / total
    return np.stack([mean, np.sqrt(variance)])


def transfer(face: np.ndarray, measured: np.ndarray, wanted: np.ndarray, contrast: bool = True) -> np.ndarray:
    """Moves a face from the statistics that were measured on it to those that are wanted.

    E. Reinhard et al., "Color transfer between images", IEEE Computer Graphics and Applications 21(5), 2001 (there in
    the space l-alpha-beta; CIE L*a*b* separates light from colour as well and is at hand everywhere).

    Args:
        face: (S, S, 3) float32 RGB [0, 1].
        measured, wanted: (2, 3), from `statistics`.
        contrast: match the deviations as well as the means.

    Returns:
        (S, S, 3) float32 RGB [0, 1].
    """
    gain = np.clip(wanted[1] / np.maximum(measured[1], 1e-6), *_GAIN_LIMITS) if contrast else np.ones(3)
    return from_lab((to_lab(face) - measured[0]) * gain + wanted[0])


def covariance(image: np.ndarray, mask: np.ndarray) -> np.ndarray | None:
    """Mean and covariance of the three colours inside a soft mask.

    Args:
        image: (S, S, 3) float32 RGB [0, 1].
        mask: (S, S) float32 [0, 1]; each pixel counts as much as its mask.

    Returns:
        (4, 3) float64, the mean and below it the covariance matrix, in RGB; None when the mask is (nearly) empty.
    """
    if not colour_distributions.enough(mask):
        return None
    weights = np.asarray(mask, np.float64).ravel() / np.sum(mask, dtype=np.float64)
    values = np.asarray(image, np.float64).reshape(-1, 3)
    mean = weights @ values
    apart = values - mean
    return np.vstack([mean, (apart * weights[:, None]).T @ apart])


def linear_transfer(face: np.ndarray, measured: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The linear map that gives a face another mean and covariance and moves its colours least (Monge-Kantorovich).

    F. Pitie, A. Kokaram, "The linear Monge-Kantorovitch linear colour mapping for example-based colour transfer", CVMP
    2007: T = U^-1/2 (U^1/2 V U^1/2)^1/2 U^-1/2 for covariances U and V. Unlike means and deviations of single channels
    it also carries over how the channels go together: a warm light side and a cool shaded one.

    Args:
        face: (S, S, 3) float32 RGB [0, 1].
        measured, wanted: (4, 3), from `covariance` or averages of such.

    Returns:
        (S, S, 3) float32 RGB [0, 1].
    """
    noise = _LEAST_VARIANCE * np.eye(3)
    root = _power(measured[1:] + noise, 0.5)
    back = _power(measured[1:] + noise, -0.5)
    stretch = back @ _power(root @ (wanted[1:] + noise) @ root, 0.5) @ back
    stretch = _power(stretch, 1.0, _GAIN_LIMITS)
    return np.clip((face - measured[0]) @ stretch + wanted[0], 0, 1).astype(np.float32)


def _power(matrix: np.ndarray, exponent: float, limits: tuple[float, float] = (1e-12, np.inf)) -> np.ndarray:
    """A power of a symmetric positive matrix, its eigenvalues first brought within limits."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return (vectors * np.clip(values, *limits) ** exponent) @ vectors.T


def keep_highlights(face: np.ndarray, matched: np.ndarray) -> np.ndarray:
    """Takes the change of colours back where a face is white: clipped light has no colour that could be changed.

    A change that makes pink skin brown makes white cyan, which shows at an overexposed cheek and wherever a wide mask
    reaches a bright wall.

    Args:
        face, matched: (S, S, 3) float32 RGB [0, 1], before and after.

    Returns:
        (S, S, 3) float32 RGB [0, 1]: `matched` up to 0.75 in the darkest of the three channels, `face` from 0.95 on.
    """
    low, high = _WHITE
    counts = np.clip((high - face.min(axis=-1, keepdims=True)) / (high - low), 0, 1)
    return (face + counts * (matched - face)).astype(np.float32)


@dataclass(frozen=True)
class Method:
    """A way to match colours, in two steps, so that a video can smooth what was measured before it is applied.

    Args:
        measure: (face (S, S, 3), target (S, S, 3), mask (S, S)) -> what was measured on the face and what is wanted, two
            arrays of one shape that may be averaged over neighbouring frames; None when the mask is (nearly) empty.
        apply: (face, measured, wanted) -> (S, S, 3) float32 RGB [0, 1].
    """

    measure: Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray] | None]
    apply: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]

    def __call__(self, face: np.ndarray, target: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Both at once: the face with the target's colours; unchanged when the mask is (nearly) empty.

        Args:
            face, target: (S, S, 3) float32 RGB [0, 1], the swapped face and the frame's own, aligned alike.
            mask: (S, S) float32 [0, 1], where to measure; each pixel counts as much as its mask.

        Returns:
            (S, S, 3) float32 RGB [0, 1].
        """
        found = self.measure(face, target, mask)
        return np.asarray(face, np.float32) if found is None else self.apply(face, *found)


def _both(measure: Callable[[np.ndarray, np.ndarray], np.ndarray | None]):
    """Measures face and target each by itself."""

    def pair(face, target, mask):
        found = measure(face, mask), measure(target, mask)
        return None if any(values is None for values in found) else found

    return pair


def _distance(face, target, mask):
    """How far the face's colours lie from the target's, twice: nothing is to change, until a video averages the second."""
    if not colour_distributions.enough(mask):
        return None
    apart, inside = (to_lab(face) - to_lab(target)) * mask[..., None], np.ascontiguousarray(mask, np.float32)
    cells = [cv2.resize(each, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA) for each in (apart, inside)]
    apart, inside = (cv2.GaussianBlur(each, (0, 0), 0.7) for each in cells)
    found = apart / (inside[..., None] + 0.02)
    return found, found


def _shifted(face, measured, wanted):
    """The target's own light and movement at a steady distance: a model's colours tremble, skin and light do not."""
    change = cv2.resize((wanted - measured).astype(np.float32), face.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    return from_lab(to_lab(face) + change) if change.any() else face


COLOUR: dict[str, Method] = {
    "none": Method(_distance, _shifted),
    "mean": Method(_both(statistics), partial(transfer, contrast=False)),
    "mean_std": Method(_both(statistics), transfer),
    "histogram": Method(_both(colour_distributions.histograms), colour_distributions.through_histograms),
    "linear": Method(_both(covariance), linear_transfer),
    "sot": Method(colour_distributions.sliced, colour_distributions.through_slices),
}
match_mean = COLOUR["mean"]  # shifts a face to the target's mean colour and keeps its contrast
