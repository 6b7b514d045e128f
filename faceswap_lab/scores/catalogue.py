"""What a score is: its name, what it means, which way is better, and how a clip's number comes from its frames' numbers.

Every measure fills a table with one row a frame; a `Score` turns such a table into one number. That the number can be had from
any choice of rows is what makes a bootstrap over blocks of frames possible (`scores.bootstrap`).
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
        unit: "" (a plain number or a gain), "share" (shown in per cent), "deg", "dB", "levels" (of 255).
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


def mean_of(column: str) -> Callable[[pd.DataFrame], float]:
    """The mean of a column over the frames that have it; NaN where none does."""
    return lambda table: float(table[column].mean()) if column in table else float("nan")


def ratio_of(above: str, below: str) -> Callable[[pd.DataFrame], float]:
    """The sum of a column over the sum of another, over the frames that have both; NaN where the second is 0."""

    def ratio(table: pd.DataFrame) -> float:
        if above not in table or below not in table:
            return float("nan")
        both = table[[above, below]].dropna()
        total = both[below].sum()
        return float(both[above].sum() / total) if total > 0 else float("nan")

    return ratio


def gain_of(error: str, start: str) -> Callable[[pd.DataFrame], float]:
    """1 - the sum of the output's errors over the sum of the unchanged target's: 0 for the target, 1 for the truth."""
    ratio = ratio_of(error, start)
    return lambda table: 1 - ratio(table)


def value_of(scores: tuple[Score, ...], table: pd.DataFrame) -> dict[str, float]:
    """All scores of one table by name; NaN where one cannot be given."""
    return {score.name: float(score.of(table)) if len(table) else np.nan for score in scores}
