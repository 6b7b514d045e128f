"""Exercises of lessons 03 and 04: codes, losses, and a GAN's adversarial losses."""

from __future__ import annotations

import numpy as np

from faceswap_lab.course.checks.exercise import choice, exercise

_draw = np.random.default_rng(3)
CODES = _draw.normal(size=(2, 16))
REAL, MADE = _draw.random((2, 2, 6, 6, 3))
MASK = (_draw.random((2, 6, 6, 1)) < 0.3).astype(float)
CHANNELS = np.arange(2 * 3 * 8.0).reshape(1, 2, 3, 8)
ON_REAL, ON_MADE = _draw.normal(0, 2, (2, 100)).astype("float32")


@exercise(
    "03",
    {"a quarter of the way": (*CODES, 0.25), "the whole way": (*CODES, 1.0), "beyond": (*CODES, 1.5)},
    {
        "that begins at the second: share 0 is the first": lambda a, b, s: b + s * (a - b),
        "that is always the middle": lambda a, b, s: (a + b) / 2,
        "first's own share is missing: it is 1 - share": lambda a, b, s: a + s * b,
        "beyond 1 the line goes on": lambda a, b, s: a + np.clip(s, 0, 1) * (b - a),
    },
    "a straight line through two codes",
)
def mix(first, second, share):
    """The code so large a share of the way from one code to another."""
    return first + share * (second - first)


@exercise(
    "03",
    {"a mask of a third of the pixels": (MADE, REAL, MASK), "a mask of all": (MADE, REAL, np.ones_like(MASK))},
    {
        "divide by the pixels that count: else a small face costs less": lambda a, b, m: (np.abs(a - b) * m).mean(),
        "the mask has one channel and the picture three: each of the three counts": lambda a, b, m: (
            (np.abs(a - b) * m).sum() / m.sum()
        ),
        "that is L2: absolute differences are wanted": lambda a, b, m: ((a - b) ** 2 * m).sum() / (3 * m.sum()),
        "positive and negative differences cancel": lambda a, b, m: ((a - b) * m).sum() / (3 * m.sum()),
    },
    "a small face and a large one cost the same",
)
def masked_l1(generated, wanted, mask):
    """The mean absolute difference of pictures (N, S, S, 3), weighted by a mask (N, S, S, 1)."""
    return (np.abs(generated - wanted) * mask).sum() / (3 * mask.sum())


@exercise(
    "03",
    {"eight channels": (CHANNELS,), "noise": (_draw.normal(size=(2, 4, 4, 12)),)},
    {
        "the channels' order: (row, column, channel), so that 2 x 2 x C": lambda x: (
            x.reshape(*x.shape[:3], -1, 2, 2)
            .transpose(0, 1, 4, 2, 5, 3)
            .reshape(len(x), 2 * x.shape[1], 2 * x.shape[2], -1)
        ),
        "rows and columns of a block have changed places": lambda x: (
            x.reshape(*x.shape[:3], 2, 2, -1)
            .transpose(0, 1, 4, 2, 3, 5)
            .reshape(len(x), 2 * x.shape[1], 2 * x.shape[2], -1)
        ),
        "reshape alone tears neighbours apart: bring each block's row beside the picture's row first": lambda x: (
            x.reshape(len(x), 2 * x.shape[1], 2 * x.shape[2], -1)
        ),
        "that repeats pixels; the four come from four channels": lambda x: (
            x[..., : x.shape[3] // 4].repeat(2, 1).repeat(2, 2)
        ),
    },
    "nothing is invented: four channels become four pixels",
)
def pixel_shuffle(x):
    """(N, H, W, 4C) to (N, 2H, 2W, C); channels come in the order row, column, C, as in TensorFlow's depth_to_space."""
    count, height, width, channels = x.shape
    blocks = x.reshape(count, height, width, 2, 2, channels // 4)
    return blocks.transpose(0, 1, 3, 2, 4, 5).reshape(count, 2 * height, 2 * width, channels // 4)


no_warp = choice(
    "03",
    "no_warp",
    {
        "input and answer": {
            "show the face at one place": "",
            "are the same picture": "light, mirror and zoom still change both; look at the two rows",
            "differ more": "without the warp nothing bends the input any more",
        },
        "a swap": {
            "may keep A's outline": "",
            "becomes blurred": "the bend is what costs sharpness, so without it outputs are sharper",
            "is impossible": "the decoder is still B's own, and the code still shared",
        },
    },
    "where the input can be trusted, the decoder need not know B's shape",
)


def _hinge(real, generated):
    from keras import ops  # so that the toy GAN can train with the reference

    return -ops.mean(generated), ops.mean(ops.maximum(0.0, 1 - real)) + ops.mean(ops.maximum(0.0, 1 + generated))


@exercise(
    "04",
    {
        "scores of all sizes": (ON_REAL, ON_MADE),
        "scores that are right by a margin": (ON_REAL * 0 + 3, ON_MADE * 0 - 3),
    },
    {
        "the generator's loss comes first": lambda r, g: _hinge(r, g)[::-1],
        "the generator wants *high* scores: minus their mean": lambda r, g: (g.mean(), _hinge(r, g)[1]),
        "the generator has no hinge": lambda r, g: (np.maximum(0, 1 - g).mean(), _hinge(r, g)[1]),
        "beyond the margin there is nothing to pay: a maximum with 0": lambda r, g: (
            -g.mean(),
            (1 - r).mean() + (1 + g).mean(),
        ),
        "real counts up to 1, generated down to -1; here they are exchanged": lambda r, g: (-g.mean(), _hinge(g, r)[1]),
        "that is the margin of 0: real scores should reach 1": lambda r, g: (
            -g.mean(),
            np.maximum(0, -r).mean() + np.maximum(0, g).mean(),
        ),
    },
    "what is right by a margin costs nothing. Try toy_gan.train(hinge)",
)
def hinge(real, generated):
    """Scores (N,) of real and of generated pictures: (generator's loss, discriminator's loss)."""
    return _hinge(real, generated)


@exercise(
    "04",
    {"shares between 0 and 1": (REAL, MADE, np.array([0.2, 0.9]))},
    {
        "the share is that of the *real* picture": lambda r, g, s: (
            (1 - s)[:, None, None, None] * r + s[:, None, None, None] * g
        ),
        "one share a picture: shares[:, None, None, None] goes with four axes": lambda r, g, s: s * r + (1 - s) * g,
        "each picture has a share of its own": lambda r, g, s: s[0] * r + (1 - s[0]) * g,
        "shares are numbers between 0 and 1, and both pictures show": lambda r, g, s: np.where(
            s[:, None, None, None] > 0.5, r, g
        ),
    },
    "the discriminator is asked for the share, and cannot answer by one glance",
)
def mixup(real, generated, shares):
    """Pictures (N, S, S, 3) twice and the real ones' shares (N,): the mixtures."""
    return shares[:, None, None, None] * real + (1 - shares[:, None, None, None]) * generated


collapse = choice(
    "04",
    "collapse",
    {
        "least squares at a tenth": {
            "one place": "",
            "both places": "look at the upper row of *Both places, or one?* once more, at its end",
            "spread out": "that is what hinge does at this rate",
        },
        "hinge at a tenth": {
            "spread out": "",
            "one place": "that was least squares: here the bars between the places are as high",
            "both places": "only where the discriminator keeps up: see the row of twice the rate",
        },
        "cure": {
            "a quicker discriminator": "",
            "a larger generator": "the same generator finds both places as soon as the rates are changed",
            "another seed": "try some: each loss goes wrong in its own way again",
        },
    },
    "a discriminator that lags behind cannot say where the real numbers are",
)


@exercise(
    "08",
    {"no low channels": (0.0,), "a quarter": (0.25,), "half": (0.5,), "low channels only": (1.0,)},
    {
        "all four paths: high to low and low to high run at half the size, too": lambda a: (1 - a) ** 2 + a**2 / 4,
        "half as high *and* half as wide: a quarter of the places": lambda a: (
            (1 - a) ** 2 + (2 * a * (1 - a) + a**2) / 2
        ),
        "high to low and low to high are two paths": lambda a: (1 - a) ** 2 + (a * (1 - a) + a**2) / 4,
        "a share of the inputs *and* of the outputs: products of two shares": lambda a: (1 - a) + a / 4,
    },
    "three of the four paths work at a quarter of the places",
)
def octave_cost(alpha):
    """The products of an octave convolution whose low channels are a share alpha, as a share of the plain one's."""
    return (1 - alpha) ** 2 + (2 * alpha * (1 - alpha) + alpha**2) / 4
