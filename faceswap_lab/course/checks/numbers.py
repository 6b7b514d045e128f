"""Exercises of lessons 06 and 07: what a number says, and how sure it is."""

from __future__ import annotations

import numpy as np

from faceswap_lab.course.checks.exercise import choice, exercise

_draw = np.random.default_rng(6)
ONE, TWO = _draw.random((2, 8, 8, 3))
INSIDE = _draw.random((8, 8)) < 0.4
WINDOW, DARKER = _draw.random((11, 11)), _draw.random((11, 11))
WORTH = np.array([0.031, 0.012, 0.024])


def _decibels(error):
    return 10 * np.log10(1 / error)


@exercise(
    "06",
    {"a mask of two pixels in five": (ONE, TWO, INSIDE), "a mask of all": (ONE, TWO, np.ones_like(INSIDE))},
    {
        "that is the mean over all pixels; what lies outside flatters every swap": lambda a, b, m: _decibels(
            np.square(a - b).mean()
        ),
        "pixels outside count as free of error here: leave them out of the mean, too": lambda a, b, m: _decibels(
            (np.square(a - b) * m[..., None]).mean()
        ),
        "the mean belongs before the logarithm": lambda a, b, m: _decibels(np.square(a - b)[m]).mean(),
        "these pictures go to 1, not to 255": lambda a, b, m: _decibels(np.square(a - b)[m].mean() / 255**2),
        "the mean of *squares*": lambda a, b, m: _decibels(np.abs(a - b)[m].mean()),
    },
    "only what the mask shows counts",
)
def masked_psnr(output, wanted, mask):
    """(H, W, 3) floats in [0, 1] twice, (H, W) bool: decibels inside the mask."""
    return _decibels(np.square(output - wanted)[mask].mean())


def _ssim(x, y, c1=1e-4, c2=9e-4, light=1, ddof=0):
    n = x.size / (x.size - ddof)
    mx, my, both = x.mean(), y.mean(), n * ((x - x.mean()) * (y - y.mean())).mean()
    pattern = (2 * both + c2) / (n * x.var() + n * y.var() + c2)
    return ((2 * mx * my + c1) / (mx**2 + my**2 + c1)) ** light * pattern


@exercise(
    "06",
    {
        "two windows of noise": (WINDOW, DARKER),
        "a window and its darker copy": (WINDOW, 0.5 * WINDOW),
        "two flat, dark windows": (np.full((11, 11), 0.01), np.full((11, 11), 0.03)),
        "a window and itself": (WINDOW, WINDOW),
    },
    {
        "c1 and c2 are missing: flat windows divide 0 by 0": lambda x, y: _ssim(x, y, 0, 0),
        "that compares the patterns; the factor of the means is missing": lambda x, y: _ssim(x, y, light=0),
        "deviations where variances belong": lambda x, y: (
            (2 * x.mean() * y.mean() + 1e-4)
            / (x.mean() ** 2 + y.mean() ** 2 + 1e-4)
            * (2 * ((x - x.mean()) * (y - y.mean())).mean() + 9e-4)
            / (x.std() + y.std() + 9e-4)
        ),
        "the covariance is of what is left after the means are taken off": lambda x, y: (
            (2 * x.mean() * y.mean() + 1e-4)
            / (x.mean() ** 2 + y.mean() ** 2 + 1e-4)
            * (2 * (x * y).mean() + 9e-4)
            / (x.var() + y.var() + 9e-4)
        ),
        "np.cov divides by n - 1 where np.var divides by n: take one of them": lambda x, y: (
            (2 * x.mean() * y.mean() + 1e-4)
            / (x.mean() ** 2 + y.mean() ** 2 + 1e-4)
            * (2 * np.cov(x.ravel(), y.ravel())[0, 1] + 9e-4)
            / (x.var() + y.var() + 9e-4)
        ),
    },
    "1 for a window and itself, and no window divides by 0",
)
def window_ssim(x, y):
    """SSIM of two windows (h, w), floats in [0, 1], all pixels counting alike: one number, with c1 = 1e-4 and c2 = 9e-4."""
    return _ssim(x, y)


ERRORS = _draw.normal(0.4, 0.1, 30)
PICKS = _draw.integers(0, 30, (200, 30))


@exercise(
    "06",
    {"200 draws of 30 frames": (ERRORS, PICKS)},
    {
        "that is where single frames lie: take the mean of each draw first": lambda e, p: np.percentile(e, [2.5, 97.5]),
        "that is where all frames drawn lie: a mean for each *row* of picks": lambda e, p: np.percentile(
            e[p], [2.5, 97.5]
        ),
        "95 % leaves 2.5 % at each end": lambda e, p: np.percentile(e[p].mean(1), [5, 95]),
        "a mean over the draws of each place is wanted by nobody: axis 1": lambda e, p: np.percentile(
            e[p].mean(0), [2.5, 97.5]
        ),
        "the extremes belong to luck: take percentiles": lambda e, p: (e[p].mean(1).min(), e[p].mean(1).max()),
        "np.percentile takes 2.5 and 97.5; np.quantile 0.025 and 0.975": lambda e, p: np.percentile(
            e[p].mean(1), [0.025, 0.975]
        ),
    },
    "the spread of means, not of frames",
)
def bootstrap_interval(errors, picks):
    """Errors (frames,), picks (draws, frames) of frame numbers: the 95 % interval (low, high) of the mean."""
    return np.percentile(errors[picks].mean(axis=1), [2.5, 97.5])


flattered = choice(
    "06",
    "flattered",
    {
        "PSNR forgives": {
            "the blur": "",
            "the darkness": "every pixel is off when a picture is darker, and all errors add up",
            "both": "compare the decibels of the two lines",
        },
        "SSIM forgives": {
            "the darkness": "",
            "the blur": "the fine pattern is what its variances and covariance see",
            "both": "compare the second numbers of the two lines",
        },
        "a report needs": {
            "both and a look": "",
            "the higher one": "whoever chooses afterwards always finds a flattering number",
            "their mean": "decibels and a share between 0 and 1 have no common unit",
        },
    },
    "each is blind to something, so each needs the other",
)


def _interval(d, factor=None, ddof=1, root=True, width=1, level=0.975):
    from scipy import stats

    n = len(d)
    t = stats.t.ppf(level, n - 1) if factor is None else factor
    return d.mean(), width * t * d.std(ddof=ddof) / (np.sqrt(n) if root else 1)


@exercise(
    "07",
    {"three seeds": (WORTH,), "ten seeds": (_draw.normal(0.01, 0.02, 10),)},
    {
        "1.96 is for many seeds: few need Student's factor": lambda d: _interval(d, 1.96),
        "the standard error is the deviation over the root of n": lambda d: _interval(d, root=False),
        "of a sample the deviation has ddof=1": lambda d: _interval(d, ddof=0),
        "*half* the width": lambda d: _interval(d, width=2),
        "the mean first, then half the width; these are the two ends": lambda d: (
            _interval(d)[0] - _interval(d)[1],
            _interval(d)[0] + _interval(d)[1],
        ),
        "2.5 % lie at each end, so ask Student for 0.975": lambda d: _interval(d, level=0.95),
    },
    "few seeds, a wide interval",
)
def interval(differences):
    """Differences (seeds,): their mean and half the width of its 95 % interval."""
    return _interval(differences)


BASE, VARIANT = {0: 0.41, 1: 0.38, 2: 0.47}, {2: 0.43, 0: 0.39, 5: 0.9}


@exercise(
    "07",
    {"seeds in another order, one of them alone": (BASE, VARIANT), "one seed": ({3: 0.2}, {3: 0.5})},
    {
        "seeds are compared with themselves: look each up by its number": lambda b, v: np.subtract(
            list(b.values())[:2], list(v.values())[:2]
        ),
        "with the part less without it: base minus variant": lambda b, v: [
            v[s] - b[s] for s in sorted(set(b) & set(v))
        ],
        "a seed that only one of them has tells luck, not worth: leave it out": lambda b, v: [
            b.get(s, 0) - v.get(s, 0) for s in sorted(set(b) | set(v))
        ],
        "one number for each seed; the mean comes later": lambda b, v: np.mean([b[s] - v[s] for s in set(b) & set(v)]),
    },
    "what a seed does to both cancels",
)
def paired(base, variant):
    """Scores by seed, {seed: score}, of the base and of the variant without a part: what it is worth, a seed each, sorted."""
    return [base[seed] - variant[seed] for seed in sorted(set(base) & set(variant))]


@exercise(
    "07",
    {"three seeds": (3,), "one seed": (1,), "eight seeds": (8,)},
    {
        "either side will do, so twice as often": lambda n: 0.5**n,
        "the first dot may lie anywhere; *the others* have to join it": lambda n: 0.5 ** (n + 1),
        "each dot halves the chance: a power, not a product": lambda n: 1 / (2 * n),
        "that is the chance that they do *not*": lambda n: 1 - 2 * 0.5**n,
    },
    "a quarter of all worthless parts at three seeds",
)
def same_side(seeds):
    """The chance that all seeds of a worthless part lie on one side of zero."""
    return 2 * 0.5**seeds


fair_trial = choice(
    "07",
    "fair_trial",
    {
        "more seeds make": {
            "the interval narrower": "",
            "the mean larger": "more seeds move the mean to where it belongs, up or down",
            "every part pay": "a worthless part stays worthless; it is only known better",
        },
        "an interval over 0 says": {
            "not known yet": "",
            "worth nothing": "it may be worth little, or cost little: both lie inside",
            "the part pays a little": "as much of it may lie below 0",
        },
    },
    "no difference seen is not: no difference",
)
