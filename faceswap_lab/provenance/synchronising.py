"""Finds the watermark's tiles in a picture that was scaled or cut since it was marked, and reads the waves in them.

The picture is flattened first: what is smooth is taken away and what is busy is damped, so that the mark stands out of it.
Then the waves' strengths are measured for every size that the tiles may have. Where the size is right, the guide waves agree
with the key after one shift, and the correlation over all shifts (one inverse Fourier transform) has a peak.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from faceswap_lab.provenance import pattern

WORKING = 384  # px: pictures are read with their shorter side at this length
SHARES = (0.5, 1.02)  # the shorter side that is left, of the marked picture's: what is searched first
WIDER = (1.02, 2.0)  # the same where something was added to the picture, as by a second one beside it
_STEP = 0.006  # from one size of the tiles to the next
_GRID = 64  # shifts a tile along each axis
_CANDIDATES = 6  # sizes that are looked at more closely
_REACH = int(pattern.BAND[1])
_ACROSS, _DOWN = np.arange(_REACH + 1), np.arange(-_REACH, _REACH + 1)


@dataclass(frozen=True)
class Place:
    """Where the tiles lie, and what their waves say.

    Args:
        share: of the marked picture's shorter side, what this picture's shorter side shows.
        shift: (x, y), in tiles, from the picture's corner to a tile's.
        agreement: how well the guide waves agree with the key, in standard deviations of what chance gives at one place.
        bits: (40,) float64, each bit's waves summed up: their sign is the bit, their size how sure it is, in the same unit.
    """

    share: float
    shift: tuple[float, float]
    agreement: float
    bits: np.ndarray


def flattened(image: np.ndarray) -> np.ndarray:
    """What is left of a picture to look for the mark in.

    Args:
        image: (H, W, 3) uint8 RGB.

    Returns:
        (H', W') float32 of about -3 to 3, the shorter side `WORKING` px.
    """
    height, width = image.shape[:2]
    factor = WORKING / min(height, width)
    size = max(WORKING, round(width * factor)), max(WORKING, round(height * factor))
    grey = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
    if size != (width, height):
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC)
    grey = grey.astype(np.float32)
    rest = grey - cv2.GaussianBlur(grey, (0, 0), 4.0)
    spread = np.sqrt(cv2.GaussianBlur(rest * rest, (0, 0), 6.0))
    return np.clip(rest / (spread + 1.0), -2.0, 2.0)


def places(field: np.ndarray, shares: tuple[float, float]) -> list[Place]:
    """The likeliest places of the tiles in a flattened picture, the best first."""
    ladder = np.geomspace(*shares, 1 + round(np.log(shares[1] / shares[0]) / _STEP))
    seen = [(_peak(_agreements(_strengths(field, share)))[0], share) for share in ladder]
    best = sorted(seen, reverse=True)[:_CANDIDATES]
    found = [_closer(field, share) for _, share in best]
    return sorted(found, key=lambda place: -place.agreement)


def _strengths(field: np.ndarray, share: float) -> np.ndarray:
    """(K,) complex128: how strongly each wave stands in the picture, for one size of the tiles; all of about magnitude 1."""
    height, width = field.shape
    tile = min(height, width) / (pattern.TILES * share)
    half = field @ pattern.turning(_ACROSS, width, tile).conj().T
    table = pattern.turning(_DOWN, height, tile).conj() @ half
    numbers = pattern.waves().numbers
    found = table[numbers[:, 1] + _REACH, numbers[:, 0]]
    size = np.abs(found)
    # Waves of one length are about as strong in any picture: what is stronger than its like is the picture's own.
    ring = np.maximum(_RINGS @ size, 1e-6)
    return (found / np.maximum(size, ring) ).astype(np.complex128)


def _ring_means() -> np.ndarray:
    length = np.hypot(*pattern.waves().numbers.T)
    near = (np.abs(length[:, None] - length) < 0.8).astype(np.float64)
    return near / near.sum(axis=1, keepdims=True)


_RINGS = _ring_means()


def _agreements(strengths: np.ndarray) -> np.ndarray:
    """(grid, grid) float64: the guides' agreement with the key for every shift (y, x), in standard deviations of chance."""
    some = pattern.waves()
    turned = (strengths * some.phases.conj())[some.guides]
    table = np.zeros((_GRID, _GRID), np.complex128)
    across, down = some.numbers[some.guides].T
    table[down, across] = turned
    return (np.fft.ifft2(table).real * _GRID**2) / _chance(turned)


def _chance(turned: np.ndarray) -> float:
    return float(np.sqrt((np.abs(turned) ** 2).sum() / 2)) + 1e-9


def _peak(agreements: np.ndarray) -> tuple[float, tuple[float, float]]:
    y, x = np.unravel_index(int(agreements.argmax()), agreements.shape)
    return float(agreements[y, x]), (x / _GRID, y / _GRID)


def _closer(field: np.ndarray, share: float) -> Place:
    """The best place near a size, by the guides and by how decided the bits are."""
    width = _STEP
    best = None
    for _ in range(3):
        for factor in (-1, -0.5, 0, 0.5, 1):
            some = share * (1 + factor * width)
            strengths = _strengths(field, some)
            place = _shifted(strengths, some)
            if best is None or _merit(place) > _merit(best):
                best = place
        share, width = best.share, width / 2.5
    return best


def _merit(place: Place) -> float:
    return place.agreement * np.sqrt(69) + np.abs(place.bits).sum() * 0.5


def _shifted(strengths: np.ndarray, share: float) -> Place:
    _, (x, y) = _peak(_agreements(strengths))
    some = pattern.waves()
    turned = strengths * some.phases.conj()
    chance = _chance(turned[some.guides])
    fine = np.arange(-2, 3) / (4 * _GRID)
    best = -np.inf
    for dy in fine:
        for dx in fine:
            real = (turned * np.exp(2j * np.pi * (some.numbers @ [x + dx, y + dy]))).real
            value = real[some.guides].sum()
            if value > best:
                best, kept, at = value, real, (x + dx, y + dy)
    guides = some.guides
    unit = np.sqrt((np.abs(turned[~guides]) ** 2).mean() / 2) + 1e-9
    sums = np.bincount(some.bits[~guides], kept[~guides], pattern.BITS)
    counts = np.bincount(some.bits[~guides], minlength=pattern.BITS)
    return Place(share, at, best / chance, sums / (np.sqrt(counts) * unit))
