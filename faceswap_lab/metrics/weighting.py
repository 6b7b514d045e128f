"""Numbers of many choices of a table's rows at once, for scores that are no ratio of sums: what makes a bootstrap quick.

A choice is a row of weights: how often it takes each row of the table, see `catalogue.weighted_values`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

LEAST_SPREAD = 1e-12  # sum of squared distances from the mean: what has less does not vary
_AT_ONCE = 2_000_000  # numbers that are held at a time


class Weighted:
    """A score's `of`: one number of a table, or one number for each of many choices of its rows.

    Args:
        number: from the columns (T, k) float64 and the weights (R, T) to (R,); NaN where it cannot be given.
        columns: of the table; a table that lacks one gives NaN.
    """

    def __init__(self, number: Callable[[np.ndarray, np.ndarray], np.ndarray], columns: Sequence[str]):
        self.number, self.columns = number, list(columns)

    def __call__(self, table: pd.DataFrame) -> float:
        return float(self.weighted(table, np.ones((1, len(table))))[0])

    def weighted(self, table: pd.DataFrame, weights: np.ndarray) -> np.ndarray:
        """(R,) float64, see `catalogue.weighted_values`."""
        if not set(self.columns) <= set(table):
            return np.full(len(weights), np.nan)
        return self.number(table[self.columns].to_numpy(np.float64), np.asarray(weights, np.float64))


def without_interval(of: Callable[[pd.DataFrame], float]) -> Callable[[pd.DataFrame], float]:
    """For a number that belongs to the whole clip: it is given, and no interval around it."""

    class Whole:
        def __call__(self, table):
            return of(table)

        def weighted(self, table, weights):
            return np.full(len(weights), np.nan)

    return Whole()


def correlation_of_sums(count, x, y, xx, yy, xy, *, least: float = LEAST_SPREAD) -> np.ndarray:
    """Pearson's r from counts, sums of x and y, of their squares and of their product, each (..., R); 0 where one does not vary.

    With a first axis, of k readings, it is pooled over them: each less its own mean.
    """
    count = np.asarray(count, np.float64)
    some = np.maximum(count, 1e-300)
    moved, wanted, both = (np.atleast_2d(ab - a * b / some).sum(axis=0) for a, b, ab in ((x, x, xx), (y, y, yy), (x, y, xy)))
    varies = (moved > least) & (wanted > least)
    return np.where(varies, both / np.sqrt(np.where(varies, moved * wanted, 1)), 0.0)


def correlation(first: np.ndarray, second: np.ndarray, weights: np.ndarray, least: int = 3) -> np.ndarray:
    """Pearson's r of two tracks of k readings each, less their own means, pooled over the readings.

    Args:
        first, second: (T, k); rows with a NaN are left out.
        weights: (R, T).
        least: rows that a choice must have.

    Returns:
        (R,): 0 where the first does not move; NaN where the second does not, or there are too few rows.
    """
    known = np.isfinite(first).all(axis=1) & np.isfinite(second).all(axis=1)
    weights, first, second = weights[:, known], first[known], second[known]
    count = weights.sum(axis=1)
    # Far from 0 the sums of squares would swallow the digits that count: a common shift changes no correlation.
    first, second = (x - x.mean(axis=0) if len(x) else x for x in (first, second))
    x, y, xx, yy, xy = ((weights @ one).T for one in (first, second, first**2, second**2, first * second))
    wanted = (yy - y * y / np.maximum(count, 1)).sum(axis=0)
    found = correlation_of_sums(count, x, y, xx, yy, xy)
    return np.where((wanted > LEAST_SPREAD) & (count >= least), np.clip(found, -1, 1), np.nan)


def mean_apart(difference: np.ndarray, weights: np.ndarray, least: int = 3) -> np.ndarray:
    """Mean length of a difference once its own mean is out.

    Args:
        difference: (T, k); rows with a NaN are left out.
        weights: (R, T). least: rows that a choice must have.

    Returns:
        (R,); NaN where there are too few rows.
    """
    known = np.isfinite(difference).all(axis=1)
    difference, weights = difference[known], weights[:, known]
    count, found = weights.sum(axis=1), np.full(len(weights), np.nan)
    step = max(1, _AT_ONCE // max(1, difference.size))
    for start in range(0, len(weights), step):
        some = slice(start, start + step)
        means = (weights[some] @ difference) / np.maximum(count[some, None], 1)
        lengths = np.linalg.norm(difference[None] - means[:, None], axis=2)
        found[some] = (weights[some] * lengths).sum(axis=1) / np.maximum(count[some], 1)
    return np.where(count >= least, found, np.nan)


def median(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The median of whole-number choices: (R,) from (T,), NaN left out, and weights (R, T); NaN where nothing is chosen."""
    known = np.isfinite(values)
    order = np.argsort(values[known], kind="stable")
    values, reached = values[known][order], np.cumsum(weights[:, known][:, order], axis=1)
    if not len(values):
        return np.full(len(weights), np.nan)
    count = reached[:, -1:]
    middle = [values[np.minimum((reached <= place).sum(axis=1), len(values) - 1)] for place in ((count - 1) // 2, count // 2)]
    return np.where(count[:, 0] > 0, (middle[0] + middle[1]) / 2, np.nan)
