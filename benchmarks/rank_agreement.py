"""Do two rows of numbers rank alike, and how often would chance do as well?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats


def rank_agreement(measured: Sequence[float], foretold: Sequence[float]) -> tuple[float, float]:
    """Spearman's rank correlation, and how often chance alone gives one at least as high.

    Args:
        measured, foretold: numbers in pairs; pairs with a NaN are left out.

    Returns:
        rho, and the one-sided p-value of the permutation test (all orders of up to seven pairs, 20 000 of more); both NaN for fewer
        than three pairs or without variation.
    """
    pairs = np.array([measured, foretold], np.float64)
    x, y = pairs[:, np.isfinite(pairs).all(axis=0)]
    if len(x) < 3 or not np.ptp(x) or not np.ptp(y):
        return float("nan"), float("nan")
    x, y = (stats.zscore(stats.rankdata(some)) for some in (x, y))
    found = stats.permutation_test(
        (x,), lambda some, axis: (some * y).mean(axis=axis), vectorized=True, permutation_type="pairings",
        alternative="greater", n_resamples=20_000, random_state=0,
    )  # fmt: skip
    return float(found.statistic), float(found.pvalue)
