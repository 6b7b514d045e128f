"""Distributions of colours inside a mask, as plain arrays that a video can average over time.

A distribution of one channel is kept as its quantile function, the values below which each share of the weight lies.
The mean of two quantile functions is the distribution half way between them (their Wasserstein barycentre), where the
mean of two histograms would show both peaks at once.
"""

from __future__ import annotations

import numpy as np

LEVELS = 129  # shares at which a quantile function is kept
_RAMP = 1e-6  # over a whole quantile function, so that it rises even where all values are the same
_SLICED_LEVELS = 65
_ROTATIONS = 8
_MOST_PIXELS = 4096  # that sliced transport looks at; more say nothing new about three colours
_LEAST_WEIGHT = 1e-3  # of the square; a mask smaller than that gives no statistics worth following


def enough(mask: np.ndarray) -> bool:
    """Whether a mask, (S, S) [0, 1], holds enough of the square to measure anything in it."""
    return float(np.sum(mask)) > _LEAST_WEIGHT * np.size(mask)


def quantiles(values: np.ndarray, weights: np.ndarray, levels: int = LEVELS) -> np.ndarray:
    """The weighted quantile function of some numbers.

    Args:
        values: (N,).
        weights: (N,), not all 0.
        levels: how many evenly spaced shares from 0 to 1.

    Returns:
        (levels,) float64, rising everywhere.
    """
    kept = weights > 0
    values, weights = np.asarray(values, np.float64)[kept], np.asarray(weights, np.float64)[kept]
    order = np.argsort(values)
    below = np.cumsum(weights[order]) - weights[order] / 2
    shares = np.linspace(0, 1, levels)
    found = np.interp(shares, below / weights.sum(), values[order])
    return found + _RAMP * (shares - 0.5)  # centred: a flat picture goes to the other's median


def carried(values: np.ndarray, measured: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Takes values from one quantile function to the other; beyond its ends they move as the ends do.

    Args:
        values: any shape.
        measured, wanted: (levels,) from `quantiles`, or averages of such.

    Returns:
        Of the shape of `values`, float64.
    """
    measured = np.concatenate([[measured[0] - 1], measured, [measured[-1] + 1]])
    wanted = np.concatenate([[wanted[0] - 1], wanted, [wanted[-1] + 1]])
    return np.interp(values, measured, wanted)


def histograms(image: np.ndarray, mask: np.ndarray) -> np.ndarray | None:
    """Quantile functions of the three channels inside a soft mask.

    Args:
        image: (S, S, 3) float32 RGB [0, 1].
        mask: (S, S) float32 [0, 1]; each pixel counts as much as its mask.

    Returns:
        (3, 129) float64; None when the mask is (nearly) empty.
    """
    if not enough(mask):
        return None
    return np.stack([quantiles(image[..., channel].ravel(), mask.ravel()) for channel in range(3)])


def through_histograms(face: np.ndarray, measured: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Carries each channel from its measured to its wanted quantile function: (S, S, 3) float32 RGB [0, 1]."""
    moved = [carried(face[..., channel], measured[channel], wanted[channel]) for channel in range(3)]
    return np.clip(np.stack(moved, axis=-1), 0, 1).astype(np.float32)


def rotations(count: int = _ROTATIONS, seed: int = 0) -> np.ndarray:
    """Random sets of three orthogonal directions, the same for the same seed: (count, 3, 3), a direction a row."""
    random = np.random.default_rng(seed)
    return np.stack([np.linalg.qr(random.normal(size=(3, 3)))[0] for _ in range(count)])


def sliced(face: np.ndarray, target: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Finds how to carry one cloud of colours onto another by transports along random directions.

    F. Pitie, A. Kokaram, R. Dahyot, "N-dimensional probability density function transfer and its application to colour
    transfer", ICCV 2005; J. Rabin, G. Peyre, J. Delon, M. Bernot, "Wasserstein barycenter and its application to texture
    mixing", SSVM 2011. Each step turns the colours, and matches the distributions along the three turned axes.

    The directions are fixed by a seed, so each step asks the same of every frame, and its quantile functions may be
    averaged over time like any other statistics.

    Args:
        face, target: (S, S, 3) float32 RGB [0, 1].
        mask: (S, S) float32 [0, 1]; each pixel counts as much as its mask.

    Returns:
        Two (steps, 3, levels) float64: quantile functions of the face along each direction as it is before that step, and
        those of the target. None when the mask is (nearly) empty.
    """
    if not enough(mask):
        return None
    kept = np.flatnonzero(np.asarray(mask).ravel() > 0)
    kept = kept[:: max(1, len(kept) // _MOST_PIXELS)]
    weights = np.asarray(mask, np.float64).ravel()[kept]
    colours = np.asarray(face, np.float64).reshape(-1, 3)[kept]
    others = np.asarray(target, np.float64).reshape(-1, 3)[kept]
    measured, wanted = [], []
    for turn in rotations():
        measured.append([quantiles(values, weights, _SLICED_LEVELS) for values in turn @ colours.T])
        wanted.append([quantiles(values, weights, _SLICED_LEVELS) for values in turn @ others.T])
        colours = _turned(colours, turn, measured[-1], wanted[-1])
    return np.array(measured), np.array(wanted)


def through_slices(face: np.ndarray, measured: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Carries a face along the steps that `sliced` found: (S, S, 3) float32 RGB [0, 1]."""
    colours = np.asarray(face, np.float64).reshape(-1, 3)
    for turn, before, after in zip(rotations(len(measured)), measured, wanted, strict=True):
        colours = _turned(colours, turn, before, after)
    return np.clip(colours, 0, 1).reshape(face.shape).astype(np.float32)


def _turned(colours: np.ndarray, turn: np.ndarray, before, after) -> np.ndarray:
    """One step: (N, 3) colours, matched along the three rows of `turn`."""
    axes = zip(turn @ colours.T, before, after, strict=True)
    return np.stack([carried(*axis) for axis in axes], axis=1) @ turn
