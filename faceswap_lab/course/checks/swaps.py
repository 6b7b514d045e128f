"""Exercises of lesson 05: colour, overlay, steady hands, and six spoilt swaps."""

from __future__ import annotations

import numpy as np

from faceswap_lab.course.checks.exercise import choice, exercise

_draw = np.random.default_rng(5)
BELOW, ABOVE = _draw.random((2, 6, 7, 3))
ALPHA = _draw.random((6, 7))
PALE, INSIDE = 0.2 * ABOVE + 0.7, ALPHA > 0.4


@exercise(
    "05",
    {
        "a soft mask": (BELOW, ABOVE, ALPHA),
        "a mask of 1": (BELOW, ABOVE, np.ones_like(ALPHA)),
        "a mask of 0": (BELOW, ABOVE, np.zeros_like(ALPHA)),
    },
    {
        "0 keeps the frame and 1 shows the face; here it is the other way round": lambda b, a, m: (
            m[..., None] * b + (1 - m[..., None]) * a
        ),
        "alpha has two axes and a picture three: alpha[..., None] adds one": lambda b, a, m: m * a + (1 - m) * b,
        "the frame has to give way: it counts by 1 - alpha": lambda b, a, m: b + m[..., None] * a,
        "the face is there, the frame is missing": lambda b, a, m: m[..., None] * a,
        "alpha is soft: between 0 and 1 both show": lambda b, a, m: np.where(m[..., None] > 0.5, a, b),
    },
    "0 keeps the frame, 1 shows the face, and between they mix",
)
def overlay(below, above, alpha):
    """(H, W, 3) frame, (H, W, 3) face, (H, W) alpha, floats in [0, 1]: the mixture."""
    return alpha[..., None] * above + (1 - alpha[..., None]) * below


def _reinhard(face, target, inside, where=None, spread=True, turned=False):
    p, t = face[inside if where is None else where], target[inside if where is None else where]
    factor = (t.std(0) / p.std(0)) if spread else 1
    return t.mean(0) + (1 / factor if turned else factor) * (face - p.mean(0))


@exercise(
    "05",
    {"a pale face": (PALE, BELOW, INSIDE), "a face that has the target's colours": (BELOW, BELOW, INSIDE)},
    {
        "means and deviations are taken *inside the face* only": lambda p, t, m: _reinhard(p, t, m, np.ones_like(m)),
        "that moves the mean; the deviation is missing": lambda p, t, m: _reinhard(p, t, m, spread=False),
        "the target's deviation is above, the face's below": lambda p, t, m: _reinhard(p, t, m, turned=True),
        "each channel has a mean and a deviation of its own": lambda p, t, m: (
            t[m].mean() + t[m].std() / p[m].std() * (p - p[m].mean())
        ),
        "first off with the face's mean, then the factor": lambda p, t, m: (
            t[m].mean(0) + t[m].std(0) / p[m].std(0) * p - p[m].mean(0)
        ),
    },
    "what the wall behind looks like does not matter",
)
def match_mean_std(face, target, inside):
    """(H, W, 3) face and target, (H, W) bool: the face with the target's mean and deviation inside, a channel each."""
    return _reinhard(face, target, inside)


def _smooth(values, reach, ahead=None, scale=None, wrapped=False):
    count = len(values)
    rows = []
    for k in range(count):
        span = np.arange(k - reach, k + (reach if ahead is None else ahead) + 1)
        span = span % count if wrapped else span[(span >= 0) & (span < count)]
        rows.append(values[span].sum(0) / (scale or len(span)))
    return np.array(rows)


@exercise(
    "05",
    {"a trembling point": (_draw.normal(size=(9, 2)).cumsum(0), 2), "a jump": (np.repeat([[0.0], [10]], 4, 0), 1)},
    {
        "looking back only, the face lags behind": lambda v, r: _smooth(v, r, 0),
        "at both ends fewer frames are there: divide by how many": lambda v, r: _smooth(v, r, scale=2 * r + 1),
        "a video's end is not its beginning: do not wrap round": lambda v, r: _smooth(v, r, wrapped=True),
        "the frame that lies `reach` ahead counts as well": lambda v, r: _smooth(v, r, r - 1),
        "time is the first axis: mean over frames, not over x and y": lambda v, r: np.repeat(
            v.mean(1, keepdims=True), v.shape[1], 1
        ),
    },
    "looking both ways nothing lags",
)
def smooth(values, reach):
    """A track (frames, n): each frame the mean of those at most `reach` frames before or after it."""
    return _smooth(values, reach)


# The gallery of lesson 05: what may have been done to a swap, and how that shows; what would mend it; what was done to each.
CAUSES = {
    "a": ("cut out by its box", "features that sit at the wrong place, in a face of another size or turn"),
    "b": ("generated as its own person", "it is generated, and soft: but whose brows and nose are these?"),
    "c": ("hard edge of the mask", "follow the edge: does it blend, or end in a step?"),
    "d": ("transform of another frame", "everything is B's and sharp, but does it lie in its place?"),
    "e": ("colour not matched", "compare the face's skin with the neck's"),
    "f": ("alpha near zero", "it is as sharp as the target, and B lies over it, faintly"),
}
CURES = {"a": "x", "b": "z", "c": "y", "d": "w", "e": "u", "f": "v"}
GALLERY = {"1": "d", "2": "b", "3": "f", "4": "a", "5": "e", "6": "c"}


def _options(done: str) -> dict[str, str]:
    """Each pair of a cause and a cure, and what speaks against it."""
    told = {}
    for cause, (name, _) in CAUSES.items():
        for cure in CURES.values():
            fits = "" if cure == CURES[cause] else f"the cause is right, and {{answer[1]!r}} is no cure of {name!r}"
            told[cause + cure] = fits if cause == done else f"another cause: {CAUSES[done][1]}"
    return told


diagnosis = choice(
    "05", "diagnosis", {number: _options(done) for number, done in GALLERY.items()}, "cause and cure of all six"
)
