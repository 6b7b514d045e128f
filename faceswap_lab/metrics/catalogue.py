"""What a score is: its name, what it means, which way is better, and how a clip's number comes from its frames' numbers.

Every measure fills a table with one row a frame; a `Score` turns such a table into one number. That the number can be had from
any choice of rows is what makes a bootstrap over blocks of frames possible (`metrics.bootstrap`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

BETTER = ("higher", "lower", "one")  # "one": nearest to 1


@dataclass(frozen=True)
class Score:
    """One score.

    Args:
        name: key in scores.json.
        title: heading of its column.
        meaning: what it is, for a reader who sees only the table: its definition and what its ends mean.
        better: "higher", "lower" or "one" (1 is best, both sides are worse).
        limits: lowest and highest possible value; infinite where there is no end.
        of: the clip's number from the table of its frames; NaN where it cannot be given. It must take any choice of the
            table's rows, also repeated ones, in any order.
        unit: "" (a plain number or a gain), "share" (shown in per cent), "deg", "dB", "levels" (of 255), "%".
        needs: what must be known: some of "truth", "source" (pictures of the person put in), "gallery" (of other people), "order"
            (frames in the order of time).
        paper: where it comes from.
    """

    name: str
    title: str
    meaning: str
    better: str
    limits: tuple[float, float]
    of: Callable[[pd.DataFrame], float] = field(repr=False, compare=False)
    unit: str = ""
    needs: tuple[str, ...] = ()
    paper: str = ""

    def __post_init__(self):
        if self.better not in BETTER:
            raise ValueError(f"{self.name}: better={self.better!r}, and must be one of {', '.join(BETTER)}")

    def goodness(self, value: float) -> float:
        """The value so that larger is always better: for ranking."""
        return {"higher": value, "lower": -value, "one": -abs(value - 1)}[self.better]


@dataclass(frozen=True)
class _Ratio:
    """The sum of one column over the sum of another, over the frames that have both; `below` None counts frames."""

    above: str
    below: str | None
    gain: bool = False

    def __call__(self, table: pd.DataFrame) -> float:
        return float(self.weighted(table, np.ones((1, len(table))))[0])

    def weighted(self, table: pd.DataFrame, weights: np.ndarray) -> np.ndarray:
        """See `weighted_values`."""
        if self.above not in table or (self.below or self.above) not in table:
            return np.full(len(weights), np.nan)
        above = table[self.above].to_numpy(np.float64)
        below = np.ones(len(table)) if self.below is None else table[self.below].to_numpy(np.float64)
        both = np.isfinite(above) & np.isfinite(below)
        sums = weights[:, both] @ np.stack([above[both], below[both]], axis=1)
        found = np.where(sums[:, 1] > 0, sums[:, 0] / np.where(sums[:, 1] > 0, sums[:, 1], 1), np.nan)
        return 1 - found if self.gain else found


def mean_of(column: str) -> Callable[[pd.DataFrame], float]:
    """The mean of a column over the frames that have it; NaN where none does."""
    return _Ratio(column, None)


def ratio_of(above: str, below: str) -> Callable[[pd.DataFrame], float]:
    """The sum of a column over the sum of another, over the frames that have both; NaN where the second is 0."""
    return _Ratio(above, below)


def gain_of(error: str, start: str) -> Callable[[pd.DataFrame], float]:
    """1 - the sum of the output's errors over the sum of the unchanged target's: 0 for the target, 1 for the truth."""
    return _Ratio(error, start, gain=True)


def weighted_values(scores: tuple[Score, ...], table: pd.DataFrame, weights: np.ndarray) -> dict[str, np.ndarray]:
    """All scores of many choices of a table's rows: what a bootstrap asks for.

    A score whose `of` has `weighted(table, weights)` (all that `mean_of`, `ratio_of` and `gain_of` make) answers for all choices
    at once; any other is asked choice by choice, some hundred times slower.

    Args:
        scores: whose numbers are wanted.
        table: T rows.
        weights: (R, T) whole numbers, how often each choice takes each row.

    Returns:
        Name -> (R,) float64; NaN where a score cannot be given.
    """
    found, slow = {}, []
    for score in scores:
        if weighted := getattr(score.of, "weighted", None):
            found[score.name] = np.asarray(weighted(table, weights), np.float64)
        else:
            slow.append(score)
    if slow:
        rows = np.arange(len(table))
        choices = (table.iloc[np.repeat(rows, each)] for each in weights.astype(int))
        numbers = np.array([[score.of(choice) for score in slow] for choice in choices], np.float64)
        found |= dict(zip((score.name for score in slow), numbers.T, strict=True))
    return {score.name: found[score.name] for score in scores}


def value_of(scores: tuple[Score, ...], table: pd.DataFrame) -> dict[str, float]:
    """All scores of one table by name; NaN where one cannot be given."""
    return {score.name: float(score.of(table)) if len(table) else np.nan for score in scores}
