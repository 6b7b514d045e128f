"""What a detector's numbers are worth: AUC with an interval, a threshold, and how many of its alarms are false.

The AUC is the chance that a swapped face gets the larger number than a real one: 0.5 guesses, 1 errs never, below 0.5 it is wrong
more often than a coin (J. Hanley and B. McNeil, "The meaning and use of the area under a receiver operating characteristic (ROC)
curve", Radiology 143, 1982). It says nothing of how rare swaps are; `alarms` does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from faceswap_lab.base.errors import LabError
from faceswap_lab.metrics import bootstrap
from faceswap_lab.metrics.bootstrap import Interval
from faceswap_lab.metrics.catalogue import Score
from faceswap_lab.metrics.weighting import Weighted


def _auc(columns: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The AUC of the columns real and swap, a row a moment, for many choices of rows: a moment is drawn with both its faces."""
    real, swap = columns.T
    won = np.where(swap[:, None] > real[None], 1.0, np.where(swap[:, None] == real[None], 0.5, 0.0))
    heavy = [weights * np.isfinite(column) for column in (swap, real)]
    won[~np.isfinite(swap)] = won[:, ~np.isfinite(real)] = 0
    pairs = heavy[0].sum(axis=1) * heavy[1].sum(axis=1)
    found = np.einsum("ri,ij,rj->r", heavy[0], won, heavy[1], optimize=True)
    return np.where(pairs > 0, found / np.where(pairs > 0, pairs, 1), np.nan)


AUC = Score("auc", "AUC", "Chance that a swapped face gets the larger number than a real one: 0.5 guesses, 1 errs never.", "higher",
            (0, 1), Weighted(_auc, ["real", "swap"]))  # fmt: skip


def auc(real: np.ndarray, swap: np.ndarray, resamples: int = bootstrap.RESAMPLES, seed: int = 0) -> Interval:
    """How well numbers part real faces from swapped ones, with a 95 % interval over blocks of moments.

    The interval holds for other moments of these videos. Another person, camera or coder moves the AUC further: that is tried, not
    computed. Where no draw errs, the interval has no width; with some fifty moments of one clip that is no proof of perfection.

    Args:
        real, swap: (T,) a detector's numbers for the same moments in the order of time; NaN where it gives none.

    Raises:
        LabError: when they differ in length, or one class has no number at all.
    """
    real, swap = np.asarray(real, np.float64), np.asarray(swap, np.float64)
    if real.shape != swap.shape or real.ndim != 1:
        raise LabError(f"real {real.shape}, swap {swap.shape}: give one number a moment for both, in the same order.")
    for name, column in (("real", real), ("swap", swap)):
        if not np.isfinite(column).any():
            raise LabError(f"{name}: no face has a number, so there is only one class. Give faces of both.")
    table = pd.DataFrame({"real": real, "swap": swap})
    length = bootstrap.block_length(table.to_numpy()) if len(table) >= bootstrap.LEAST else None
    return bootstrap.intervals((AUC,), table, length, resamples, seed)["auc"]


def threshold(real: np.ndarray, false_alarms: float = 0.05) -> float:
    """The number above which a face counts as swapped, so that a chosen share of known real ones does.

    Args:
        real: a detector's numbers for real faces; NaN is left out.
        false_alarms: the share of them that may lie above.
    """
    real = np.asarray(real, np.float64)
    if not 0 < false_alarms < 1 or not np.isfinite(real).any():
        raise LabError(f"false_alarms={false_alarms}: give a share between 0 and 1, and numbers of some real faces.")
    return float(np.nanquantile(real, 1 - false_alarms))


@dataclass(frozen=True)
class Alarms:
    """What a detector does to a stream of videos.

    Args:
        videos: how many are looked at.
        caught, missed: swaps with and without an alarm.
        false: real videos with one.
    """

    videos: float
    caught: float
    missed: float
    false: float

    @property
    def false_share(self) -> float:
        """The share of the alarms that are false; NaN where there is none."""
        every = self.caught + self.false
        return self.false / every if every else float("nan")


def alarms(prevalence: float, sensitivity: float, false_alarms: float, videos: float = 10_000) -> Alarms:
    """Bayes' rule in videos: what comes of so many.

    Args:
        prevalence: share of the videos that are swaps.
        sensitivity: share of the swaps that raise an alarm.
        false_alarms: share of the real videos that do.
        videos: how many.

    Raises:
        LabError: for a share outside [0, 1].
    """
    for name, share in (("prevalence", prevalence), ("sensitivity", sensitivity), ("false_alarms", false_alarms)):
        if not 0 <= share <= 1:
            raise LabError(f"{name}={share}: this is a share. Give a number from 0 to 1.")
    swaps = videos * prevalence
    return Alarms(videos, swaps * sensitivity, swaps * (1 - sensitivity), (videos - swaps) * false_alarms)


def sensitivity_at(area: float, false_alarms: float) -> float:
    """The share of swaps that is caught at a share of false alarms, if both classes' numbers are normal and spread alike.

    An AUC alone does not tell it; under that assumption (the binormal model with equal variances, W. Peterson, T. Birdsall, W. Fox,
    "The theory of signal detectability", 1954) it does: their means lie sqrt(2) z(AUC) deviations apart.

    Args:
        area: the AUC, above 0 and below 1.
        false_alarms: likewise.
    """
    for name, share in (("area", area), ("false_alarms", false_alarms)):
        if not 0 < share < 1:
            raise LabError(f"{name}={share}: give a number between 0 and 1.")
    return float(stats.norm.cdf(np.sqrt(2) * stats.norm.ppf(area) + stats.norm.ppf(false_alarms)))
