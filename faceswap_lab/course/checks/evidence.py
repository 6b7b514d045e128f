"""Exercises of lesson 09: detectors, base rates, and what a file says of itself."""

from __future__ import annotations

import hashlib

import numpy as np

from faceswap_lab.course.checks.exercise import choice, exercise

_draw = np.random.default_rng(9)
SWAPPED, HONEST = _draw.normal(1, 1, 40), _draw.normal(0, 1, 30)
VIDEO = bytes(range(200))
SEALED = {"algorithm": "sha256", "hash": hashlib.sha256(VIDEO).hexdigest()}
TURNED = bytes([*VIDEO[:100], VIDEO[100] ^ 1, *VIDEO[101:]])
SHORT = {"algorithm": "md5", "hash": hashlib.md5(VIDEO).hexdigest()}


def _auc(swapped, honest, tie=0.5):
    more, equal = swapped[:, None] > honest, swapped[:, None] == honest
    return (more + tie * equal).mean()


@exercise(
    "09",
    {
        "two hills that overlap": (SWAPPED, HONEST),
        "a detector that is always wrong": (HONEST - 9, SWAPPED),
        "a detector that says the same of all": (np.zeros(4), np.zeros(5)),
    },
    {
        "equal numbers are a coin's throw: they count one half": lambda s, h: _auc(s, h, 0),
        "equal numbers count one half, not whole": lambda s, h: _auc(s, h, 1),
        "that is the chance that the *honest* one is larger": lambda s, h: _auc(h, s),
        "a number below 0.5 is allowed: it says that the detector is wrong": lambda s, h: max(_auc(s, h), _auc(h, s)),
        "each with each: not the k-th with the k-th": lambda s, h: (
            lambda n: (s[:n] > h[:n]).mean() + 0.5 * (s[:n] == h[:n]).mean()
        )(min(len(s), len(h))),
        "that is accuracy at one threshold; the AUC has none": lambda s, h: np.mean([*(s > 0.5), *(h <= 0.5)]),
    },
    "a chance, and so without any threshold",
)
def auc(swapped, honest):
    """Numbers of swapped faces (n,) and of honest ones (m,): the chance that a swapped one has the larger."""
    return _auc(swapped, honest)


def _false(p, c, f):
    return (1 - p) * f / ((1 - p) * f + p * c)


@exercise(
    "09",
    {"1 swap in 50 videos": (0.02, 0.8, 0.1), "as many swaps as honest videos": (0.5, 0.8, 0.1)},
    {
        "that is the share of honest videos that are accused, not of accusations that are false": lambda p, c, f: f,
        "that is the share of alarms that are right": lambda p, c, f: 1 - _false(p, c, f),
        "of the alarms, not of all videos": lambda p, c, f: (1 - p) * f,
        "swaps that are missed raise no alarm: caught ones count": lambda p, c, f: (
            (1 - p) * f / ((1 - p) * f + p * (1 - c))
        ),
        "the base rate is forgotten: swaps are rare": lambda p, c, f: f / (f + c),
        "all swaps count here, and only a share of them is caught": lambda p, c, f: _false(p, 1, f),
    },
    "of the alarms, not of the videos",
)
def false_share(prevalence, sensitivity, false_alarms):
    """How many videos are swaps, how many swaps are caught, how many honest videos are accused: the false ones' share of alarms."""
    return _false(prevalence, sensitivity, false_alarms)


def _digest(data, name):
    return hashlib.new(name, data).hexdigest()


@exercise(
    "09",
    {
        "a file as it was signed": (VIDEO, SEALED),
        "a file of which one bit is turned": (TURNED, SEALED),
        "a file that was cut": (VIDEO[:-1], SEALED),
        "a hash in capital letters": (VIDEO, {**SEALED, "hash": SEALED["hash"].upper()}),
        "another algorithm in the manifest": (VIDEO, SHORT),
        "a manifest without a hash": (VIDEO, {"algorithm": "sha256"}),
    },
    {
        "without a hash nothing is proved: False": lambda d, m: (
            "hash" not in m or _digest(d, m["algorithm"]) == m["hash"].lower()
        ),
        "sha256 is not the only one: the manifest names its algorithm": lambda d, m: (
            _digest(d, "sha256") == m.get("hash", "").lower()
        ),
        "hexadecimal digits mean the same in capitals": lambda d, m: _digest(d, m["algorithm"]) == m.get("hash"),
        "a few digits that agree are no proof: compare all": lambda d, m: (
            _digest(d, m["algorithm"])[:1] == m.get("hash", "x").lower()[:1]
        ),
        "having a hash is not having the right one": lambda d, m: "hash" in m,
        "True means unchanged; here it is the other way round": lambda d, m: (
            _digest(d, m["algorithm"]) != m.get("hash", "").lower()
        ),
    },
    "one bit is enough, and no hash is no proof",
)
def unchanged(data, manifest):
    """A file's bytes, and its manifest {"algorithm": ..., "hash": hexadecimal digits}: True where they agree."""
    return _digest(data, manifest["algorithm"]) == manifest.get("hash", "").lower()


marks_found = choice(
    "09",
    "marks_found",
    {
        "coded again, it keeps": {
            "label and watermark": "",
            "the manifest": "the manifest lies beside the pixels, and the coder writes pixels alone",
            "nothing": "the label is a picture, and the watermark was made for this",
        },
        "no mark says": {
            "nothing": "",
            "honest": "who means to deceive sets no mark",
            "swapped": "most honest videos have no mark either",
        },
    },
    "a mark that is found says much, a missing one nothing",
)
