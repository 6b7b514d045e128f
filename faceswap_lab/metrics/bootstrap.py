"""How sure is a score? 95 % intervals by a bootstrap over blocks of frames, and the difference of two outputs, frame by frame.

Neighbouring frames are alike: 120 frames of a clip are far fewer than 120 independent looks. A bootstrap that draws single frames
does not know this and gives intervals that are too narrow; one that draws runs of neighbouring frames keeps what ties them
together.

- H. Künsch, "The jackknife and the bootstrap for general stationary observations", Annals of Statistics 17, 1989: blocks.
- D. Politis and J. Romano, "A circular block-resampling procedure for stationary data", 1992: the clip is closed to a ring, so
  that each frame is drawn as often as any other.
- D. Politis and H. White, "Automatic block-length selection for the dependent bootstrap", Econometric Reviews 23, 2004 (corrected
  by A. Patton, D. Politis and H. White, 2009): how long the blocks should be.
- M. Kendall, "Note on bias in the estimation of autocorrelation", Biometrika 41, 1954: the memory of a short series looks shorter.
- T. Hesterberg, "What teachers should know about the bootstrap", The American Statistician 69, 2015: with few blocks the plain
  percentiles are too narrow; they are taken further out, as Student's t is wider than the normal distribution.

What it tells is how much the score would move with other frames *of such a clip*. It knows nothing of other people, other light,
or another training of the same model: those differences are larger.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from faceswap_lab.metrics.catalogue import Score, value_of, weighted_values

LEVEL = 0.95
RESAMPLES = 2000
LEAST = 4  # blocks in a clip: with fewer there is no telling how much they differ, so that fewer frames get no interval
_USABLE = 0.5  # share of the resamples in which a score must be there


@dataclass(frozen=True)
class Interval:
    """A number and how sure it is.

    Args:
        value: of the whole clip; NaN where it cannot be given.
        low, high: ends of the interval; NaN where there is none.
    """

    value: float
    low: float = float("nan")
    high: float = float("nan")

    @property
    def is_known(self) -> bool:
        """Whether there is an interval."""
        return bool(np.isfinite([self.low, self.high]).all())

    @property
    def clear(self) -> bool:
        """For a difference: whether the interval leaves 0 out."""
        return self.is_known and (self.low > 0 or self.high < 0)


def block_length(series: np.ndarray) -> int:
    """How many neighbouring frames are drawn together.

    The length that is best for a series in which each frame remembers a share rho of the one before (AR(1)) is
    (1.5 n)^(1/3) * (2 rho / (1 - rho^2))^(2/3) for the circular bootstrap (Politis and White 2004, with the correction of 2009);
    rho is measured, on the median of the columns. Never under n^(1/3), the rule for a weak memory, nor over a quarter of the clip,
    for at least four blocks.

    Args:
        series: (T, K) numbers of each frame, one column a score; NaN where there is none.

    Returns:
        Frames, 1 or more.
    """
    series = np.asarray(series, np.float64).reshape(len(series), -1)
    count, memories = len(series), []
    for column in series.T:
        both = np.isfinite(column[1:]) & np.isfinite(column[:-1])
        centred = column - (np.nanmean(column) if np.isfinite(column).any() else 0)
        spread = np.nansum(np.square(centred))
        if both.sum() >= LEAST and spread > 1e-12 * np.nansum(np.square(column)):
            memories.append(np.sum(centred[1:][both] * centred[:-1][both]) / spread)
    rho = float(np.median(memories)) if memories else 0.0
    rho = float(np.clip(rho + (1 + 3 * rho) / count, 0, 0.97))  # what is measured on a short series is too small
    best = (1.5 * count) ** (1 / 3) * (2 * rho / (1 - rho**2)) ** (2 / 3)
    return int(np.clip(round(max(best, count ** (1 / 3))), 1, max(1, count // LEAST)))


def draw_blocks(count: int, length: int, resamples: int = RESAMPLES, seed: int = 0) -> np.ndarray:
    """How often each resample takes each frame: (resamples, count) float64 whole numbers, each row with the sum `count`.

    Blocks of `length` frames begin anywhere and run on from the clip's end to its start; the last one is cut to fit.
    """
    random = np.random.default_rng(seed)
    begins = random.integers(0, count, (resamples, -(-count // length), 1))
    rows = ((begins + np.arange(length)) % count).reshape(resamples, -1)[:, :count]
    places = rows + count * np.arange(resamples)[:, None]
    return np.bincount(places.ravel(), minlength=resamples * count).reshape(resamples, count).astype(np.float64)


def tails(blocks: float) -> tuple[float, float]:
    """Which percentiles of the resamples are the interval's ends, for so many blocks (Hesterberg's expanded percentiles)."""
    reach = stats.t.ppf((1 + LEVEL) / 2, blocks - 1) * np.sqrt(blocks / (blocks - 1))
    low = float(stats.norm.cdf(-reach))
    return 100 * low, 100 * (1 - low)


def frame_values(scores: tuple[Score, ...], table: pd.DataFrame) -> pd.DataFrame:
    """Each frame's own score: a row a frame, a column a score; NaN where one cannot be given."""
    return pd.DataFrame(weighted_values(scores, table, np.eye(len(table))), index=table.index)


def intervals(
    scores: tuple[Score, ...],
    table: pd.DataFrame,
    length: int | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Interval]:
    """All scores of a clip with their intervals.

    Args:
        scores: of the measures that filled the table.
        table: one row a frame, in the order of time.
        length: of the blocks, in frames; None takes `block_length` of the frames' own scores.
        resamples, seed: how many times the clip is drawn anew, and from which seed.

    Returns:
        By the scores' names. Fewer than four frames have no interval, nor has a score that most resamples do not give.
    """
    values = value_of(scores, table)
    if len(table) < LEAST:
        return {name: Interval(value) for name, value in values.items()}
    length = length or block_length(frame_values(scores, table))
    drawn = weighted_values(scores, table, draw_blocks(len(table), length, resamples, seed))
    return {name: _interval(values[name], drawn[name], len(table) / length) for name in values}


def differences(scores: tuple[Score, ...], table: pd.DataFrame, other: pd.DataFrame) -> dict[str, Interval]:
    """Is the first output better than the second? The paired difference, on the same drawn frames of both.

    What makes a frame easy or hard is the same for both and cancels, so that this tells more than two separate intervals.

    Args:
        scores: of the measures that filled both tables.
        table, other: of two outputs of the same frames.

    Returns:
        By the scores' names: the difference in `Score.goodness`, above 0 where the first is better; `Interval.clear` says
        whether 0 is out of the interval.

    Raises:
        ValueError: when the tables differ in length.
    """
    if len(table) != len(other):
        raise ValueError(f"tables of {len(table)} and {len(other)} frames cannot be paired")

    def good(score, values):
        return np.asarray(score.goodness(values), np.float64)

    whole = [value_of(scores, each) for each in (table, other)]
    values = {s.name: float(good(s, whole[0][s.name]) - good(s, whole[1][s.name])) for s in scores}
    if len(table) < LEAST:
        return {name: Interval(value) for name, value in values.items()}
    length = block_length(frame_values(scores, table).to_numpy() - frame_values(scores, other).to_numpy())
    weights = draw_blocks(len(table), length)
    first, second = (weighted_values(scores, each, weights) for each in (table, other))
    return {
        s.name: _interval(values[s.name], good(s, first[s.name]) - good(s, second[s.name]), len(table) / length)
        for s in scores
    }


def _interval(value: float, drawn: np.ndarray, blocks: float) -> Interval:
    given = np.isfinite(drawn)
    drawn = drawn[given]
    if not np.isfinite(value) or given.mean() < _USABLE:
        return Interval(value)
    low, high = np.percentile(drawn, tails(blocks))
    return Interval(value, float(low), float(high))
