"""Exercises of lessons 00 and 01: what a swap changes, and what a codec does to frames."""

from __future__ import annotations

import numpy as np

from faceswap_lab.course.checks.exercise import choice, exercise

_draw = np.random.default_rng(0)
DARK, LIGHT = (_draw.integers(low, low + 100, (8, 10, 3), dtype=np.uint8) for low in (20, 120))
NEAR = np.clip(DARK.astype(int) + _draw.integers(-6, 7, DARK.shape), 0, 255).astype(np.uint8)
ONE_CHANNEL = DARK + np.array([0, 0, 9], np.uint8)
EIGHT = DARK + np.uint8(8)
SLOPE, HALF = np.arange(80.0).reshape(8, 10), np.arange(80).reshape(8, 10) > 55

A, B = "target", "source"
roles = choice(
    "00",
    "roles",
    {
        "hair": {A: "", B: "only the inner face is put in: hair and head stay as they were filmed"},
        "voice": {A: "", B: "the sound is copied from the video that is changed"},
        "expression": {A: "", B: "that would be the source's own video: what the face does comes from the target"},
        "nose": {B: "", A: "then nothing was swapped: the features are what the source gives"},
    },
    "the source gives the inner face, the target all the rest",
)


@exercise(
    "00",
    {
        "a mask of whole numbers": (SLOPE, HALF.astype(float)),
        "a soft mask": (SLOPE, np.linspace(0, 1, 80).reshape(8, 10)),
    },
    {
        "masked-out pixels count as 0 here: take the mean of those inside only": lambda d, m: (d * (m > 0.5)).mean(),
        "that is the mean outside the mask": lambda d, m: d[m <= 0.5].mean(),
        "that is their sum: divide by how many there are": lambda d, m: d[m > 0.5].sum(),
        "a pixel counts where the mask is above one half, and there it counts whole": lambda d, m: (
            (d * m).sum() / m.sum()
        ),
    },
    "what lies outside neither adds to the sum nor to the count",
)
def mean_inside(difference, mask):
    """The mean of a difference (H, W) over the pixels where the mask (H, W) is above one half."""
    return difference[mask > 0.5].mean()


@exercise(
    "00",
    {
        "a frame and itself": (DARK, DARK, 8),
        "a darker and a lighter frame": (LIGHT, DARK, 60),
        "frames of which only blue differs": (DARK, ONE_CHANNEL, 8),
        "frames that differ by just the limit": (DARK, EIGHT, 8),
        "noise": (DARK, NEAR, 4),
    },
    {
        "uint8 wraps round: 3 - 5 is 254. Take signed numbers first": lambda a, b, n: (
            (np.abs(a - b) > n).any(-1).mean()
        ),
        "*more* than so many levels: > and not >=": lambda a, b, n: (np.abs(a.astype(int) - b) >= n).any(-1).mean(),
        "that counts numbers, of which a pixel has three": lambda a, b, n: (np.abs(a.astype(int) - b) > n).mean(),
        "the mean of three channels hides one that changed": lambda a, b, n: (
            np.abs(a.astype(int) - b).mean(-1) > n
        ).mean(),
    },
    "any channel is enough, and signed numbers do not wrap round",
)
def changed_share(first, second, levels):
    """The share of pixels of two frames (H, W, 3), uint8, in which any channel differs by more than so many levels."""
    return (np.abs(first.astype(int) - second) > levels).any(axis=-1).mean()


def _psnr(peak, first, second):
    return 10 * np.log10(peak / np.mean((first.astype(float) - second) ** 2))


@exercise(
    "01",
    {
        "a lighter and a darker picture": (LIGHT, DARK),
        "noise of a few levels": (DARK, NEAR),
        "two equal pictures": (DARK, DARK),
    },
    {
        "uint8 wraps round: 3 - 5 is 254. Take floats first": lambda a, b: (
            10 * np.log10(255**2 / np.mean((a - b) ** 2))
        ),
        "255 is squared as well": lambda a, b: _psnr(255, a, b),
        "these pictures go to 255, not to 1": lambda a, b: _psnr(1, a, b),
        "10 times the logarithm of base 10": lambda a, b: _psnr(255**2, a, b) * np.log(10),
        "20 belongs to the root of the error, 10 to the error itself": lambda a, b: 2 * _psnr(255**2, a, b),
        "the mean of *squares*; absolute differences are another measure": lambda a, b: (
            10 * np.log10(255**2 / np.abs(a.astype(float) - b).mean())
        ),
    },
    "equal pictures are infinitely near",
)
def psnr(first, second):
    """Decibels between two pictures (H, W, 3), uint8; infinite for equal ones."""
    error = np.mean((first.astype(float) - second) ** 2)
    return 10 * np.log10(255**2 / error) if error else np.inf


@exercise(
    "01",
    {"a slope": (SLOPE,), "noise": (DARK[..., 0].astype(float),)},
    {
        "that keeps one pixel of four and drops three: take their mean": lambda p: p[::2, ::2],
        "that is half as high and as wide as it was": lambda p: (p[::2] + p[1::2]) / 2,
        "that is their sum": lambda p: p.reshape(4, 2, 5, 2).sum((1, 3)),
        "each block is 2 high *and* 2 wide: (H/2, 2, W/2, 2)": lambda p: p.reshape(4, 5, 2, 2).mean((2, 3)),
    },
    "this is all that 4:2:0 does to a colour plane, and it cannot be undone",
)
def halve(plane):
    """A colour plane (H, W), floats, even sides: the mean of each 2x2 block, (H/2, W/2)."""
    height, width = plane.shape
    return plane.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))


@exercise(
    "01",
    {
        "a time late in a frame": (1.03, 25.0),
        "NTSC's 29.97 a second, after a minute": (60.0, 30000 / 1001),
        "the very beginning of frame 29, at 50 a second": (0.58, 50.0),
    },
    {
        "a frame is on the screen until the next one comes: cut off, do not round": lambda t, f: round(t * f),
        "numbers begin at 0": lambda t, f: int(t * f + 1e-6) + 1,
        "29.97 is not 30: after a minute that is two frames off": lambda t, f: int(t * round(f) + 1e-6),
        "0.58 x 50 is 28.999... in floats: add a millionth before you cut": lambda t, f: int(t * f),
    },
    "also where floats fall just short",
)
def frame_number(seconds, fps):
    """The number of the frame that is on the screen at a time; the first is 0."""
    return int(seconds * fps + 1e-6)


crf_zero = choice(
    "01",
    "crf_zero",
    {
        "exact": {
            "the planes that the coder was given": "",
            "the frames": "the largest difference is not 0: look again at what the loop printed",
            "nothing": "crf 0 keeps each value of luma and colour that it is *given*",
        },
        "because": {
            "the colours were halved before": "",
            "the cosine transform rounds": "at crf 0 H.264 leaves out the lossy step",
            "P and B frames guess": "what they guess wrong is coded as well",
        },
    },
    "the coder is exact, and 4:2:0 had taken its toll before it began",
)
