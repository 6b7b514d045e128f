"""Exercises of lessons 10 and 11: cycles, and pictures that are looked up and mixed."""

from __future__ import annotations

import numpy as np

from faceswap_lab.course.checks.exercise import choice, exercise

_draw = np.random.default_rng(10)
REAL, BACK = _draw.random((2, 3, 6, 6, 3))
MIDDLE = _draw.random((6, 8))
SHARES = _draw.random((6, 6, 4))
SHARES /= SHARES.sum(axis=-1, keepdims=True)
PICTURES = _draw.random((4, 6, 6, 3))
READ, SPREAD, WEIGHTS = (
    _draw.normal(size=(12, 5)),
    np.array([0.1, 3.0, 1.0, 0.5, 8.0]),
    np.array([1.0, 0.2, 4.0, 0.0, 2.0]),
)


@exercise(
    "10",
    {"faces that come back a little changed": (REAL, BACK), "faces that come back": (REAL, REAL)},
    {
        "pictures run from -1 to 1 in the loss, so differences count double": lambda r, b: np.abs(r - b).mean(),
        "absolute differences: brighter and darker must not cancel": lambda r, b: 2 * (r - b).mean(),
        "that is L2, which forgives small errors and so likes a blur": lambda r, b: 4 * np.square(r - b).mean(),
        "the mean, not the sum: else a large batch costs more": lambda r, b: 2 * np.abs(r - b).sum(),
        "one number is wanted, over all axes": lambda r, b: 2 * np.abs(r - b).mean((1, 2, 3)),
    },
    "how far the faces are from where they began",
)
def cycle_loss(real, there_and_back):
    """Pictures (N, S, S, 3) in [0, 1], twice: their mean absolute difference on a scale of -1 to 1."""
    return 2 * np.abs(real - there_and_back).mean()


def _coarse(picture):
    return picture.reshape(3, 2, 4, 2).mean((1, 3))


@exercise(
    "10",
    {"noise": (MIDDLE,), "a picture of blocks": (_draw.random((3, 4)).repeat(2, 0).repeat(2, 1),)},
    {
        "that is what an eye sees; what is hidden is the rest": lambda p: _coarse(p).repeat(2, 0).repeat(2, 1),
        "the picture less its blur, not the other way round": lambda p: _coarse(p).repeat(2, 0).repeat(2, 1) - p,
        "each block has a mean of its own": lambda p: p - p.mean(),
        "the block's mean, not its first pixel": lambda p: p - p[::2, ::2].repeat(2, 0).repeat(2, 1),
        "enlarge the means again: the result is as large as the picture": lambda p: p[::2, ::2] - _coarse(p),
    },
    "this is where the whisper sits, and what a blur takes away",
)
def whisper(picture):
    """A picture (H, W), even sides: what is left when each 2x2 block's mean is taken off, (H, W)."""
    height, width = picture.shape
    coarse = picture.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))
    return picture - coarse.repeat(2, axis=0).repeat(2, axis=1)


cheating_cycle = choice(
    "10",
    "cheating_cycle",
    {
        "blurred, the middle gives back": {
            "a wrong cast": "",
            "the right cast": "look at the last row: is the cast that of the first?",
            "grey": "the second network has learnt that faces have colours, so it invents some",
        },
        "so the cycle loss": {
            "says nothing of what the middle shows": "",
            "was too weak": "a stronger one would reward the whisper even more",
            "proves that the middle is right": "it was low, and what the middle *shows* was grey",
        },
    },
    "judge the middle, never the way back",
)


@exercise(
    "11",
    {"four pictures": (SHARES, PICTURES), "one picture alone": (np.eye(4)[np.full((6, 6), 2)], PICTURES)},
    {
        "each pixel has shares of its own; that is the plain mean": lambda m, p: p.mean(0),
        "shares sum to 1 already: do not divide": lambda m, p: np.einsum("hwk,khwc->hwc", m, p) / 4,
        "all four count: that is the picture with the largest share": lambda m, p: np.take_along_axis(
            p, m.argmax(-1)[None, ..., None], 0
        )[0],
        "the sum over the four is missing": lambda m, p: np.einsum("hwk,khwc->khwc", m, p),
        "a share for each pixel and picture, not one for each picture": lambda m, p: np.tensordot(m.mean((0, 1)), p, 1),
    },
    "at every pixel the four shares sum to 1",
)
def mixture(shares, pictures):
    """(S, S, 4) shares and four pictures (4, S, S, 3), floats: the mixed picture (S, S, 3)."""
    return np.einsum("hwk,khwc->hwc", shares, pictures)


def _nearest(read, readings, weights, steps, power=2):
    return int((weights * np.abs((read - readings) / steps) ** power).sum(1).argmin())


@exercise(
    "11",
    {f"target {k}": (read, READ, WEIGHTS, SPREAD) for k, read in enumerate(_draw.normal(size=(8, 5)))},
    {
        "the *nearest*: the smallest distance": lambda r, i, w, s: int((w * ((r - i) / s) ** 2).sum(1).argmax()),
        "readings have different steps: divide by them first": lambda r, i, w, s: _nearest(r, i, w, np.ones(5)),
        "what counts more has a larger weight; the weights are missing": lambda r, i, w, s: _nearest(
            r, i, np.ones(5), s
        ),
        "differences are squared: one large one is worse than two small ones": lambda r, i, w, s: _nearest(
            r, i, w, s, 1
        ),
        "the number of the picture is wanted, not its distance": lambda r, i, w, s: float(
            (w * ((r - i) / s) ** 2).sum(1).min()
        ),
    },
    "a weight of 0 makes a reading not matter at all",
)
def nearest(read, readings, weights, steps):
    """A target's readings (n,), those of pictures (pictures, n), weights (n,), steps (n,): the number of the nearest picture."""
    return _nearest(read, readings, weights, steps)


one_picture = choice(
    "11",
    "one_picture",
    {
        "with one picture the three looked up are": {
            "the same": "",
            "different": "there is nothing to choose from",
            "A's own": "A is the target; what is looked up is B",
        },
        "so what suffers most is": {
            "mouth and eyes that it does not show": "",
            "the hair": "hair stays A's in every case",
            "the light": "gain and offset relight one picture as well as many",
        },
    },
    "variety is what more pictures bring",
)
