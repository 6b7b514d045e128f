"""Finds the watermark's tiles in a picture that was scaled or cut since it was marked, and reads the waves in them.

The picture is flattened first: what is smooth is taken away and what is busy is damped, so that the mark stands out of it.
Then the waves' strengths are measured for every size that the tiles may have. Where the size is right, the guide waves agree
with the key after one shift, and the correlation over all shifts (one inverse Fourier transform) has a peak.
"""

from __future__ import annotations

from collections.abc import Iterator
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
        (H', W') float32 of about -2 to 2, the shorter side `WORKING` px.
    """
    height, width = image.shape[:2]
    factor = WORKING / min(height, width)
    size = max(WORKING, round(width * factor)), max(WORKING, round(height * factor))
    grey = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
    if size != (width, height):
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC)
    grey = grey.astype(np.float32)
    rest = grey - cv2.GaussianBlur(grey, (0, 0), 5.0)
    spread = np.sqrt(cv2.GaussianBlur(rest * rest, (0, 0), 4.0))
    return rest / (spread + 0.5) ** 1.5  # about as an optimal filter has it: busy places drown the mark


def places(field: np.ndarray, shares: tuple[float, float]) -> list[Place]:
    """The likeliest places of the tiles in a flattened picture, the best first."""
    ladder = np.geomspace(*shares, 1 + round(np.log(shares[1] / shares[0]) / _STEP))
    seen = [_peak(_agreements(one))[0] for one in _strengths(field, ladder)]
    best = ladder[np.argsort(seen)[: -_CANDIDATES - 1 : -1]]
    found = [_closer(field, share) for share in best]
    return sorted(found, key=lambda place: -_merit(place))


def _strengths(field: np.ndarray, shares: np.ndarray) -> Iterator[np.ndarray]:
    """For each size of the tiles (K,) complex64: how strongly each wave stands in the picture, of about magnitude 1."""
    numbers = pattern.waves().numbers
    for some in np.array_split(shares, max(1, len(shares) // 30)):
        across = np.stack([_turning(_ACROSS, field.shape[1], field.shape, share) for share in some]).conj()
        sides = across.view(np.float32).reshape(len(some), len(_ACROSS), -1, 2)  # real numbers: a quarter of the work
        sides = np.ascontiguousarray(sides.transpose(2, 0, 1, 3)).reshape(field.shape[1], -1)
        halves = np.ascontiguousarray(field @ sides).view(np.complex64).reshape(len(field), len(some), -1)
        for place, share in enumerate(some):
            table = _turning(_DOWN, len(field), field.shape, share).conj() @ halves[:, place]
            found = table[numbers[:, 1] + _REACH, numbers[:, 0]]
            size = np.abs(found)
            # Waves of one length are about as strong in any picture: what is stronger than its like is the picture's own.
            yield found / np.maximum(np.maximum(size, _RINGS @ size), 1e-6)


def _turning(numbers: np.ndarray, length: int, shape: tuple[int, int], share: float) -> np.ndarray:
    return pattern.turning(numbers, length, min(shape) / (pattern.TILES * share))


def _ring_means() -> np.ndarray:
    length = np.hypot(*pattern.waves().numbers.T)
    near = (np.abs(length[:, None] - length) < 0.8).astype(np.float32)
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
    """The place near a size where the guides agree best, and the bits are most decided."""
    step = _STEP / 2
    best = None
    for _ in range(2):
        near = share * (1 + step * np.arange(-2, 3))
        found = [_shifted(strengths, some) for strengths, some in zip(_strengths(field, near), near, strict=True)]
        best = max([*found, *([best] if best else [])], key=_merit)
        share, step = best.share, step / 3
    return best


def _merit(place: Place) -> float:
    return 6 * place.agreement + np.abs(place.bits).sum()


def _shifted(strengths: np.ndarray, share: float) -> Place:
    """The best place for one size: the shift is refined to a fraction of the grid."""
    some = pattern.waves()
    guides = some.guides
    turned = strengths * some.phases.conj()
    _, shift = _peak(_agreements(strengths))
    fine = np.arange(-2, 3) / (4 * _GRID)
    shifts = np.array([(shift[0] + dx, shift[1] + dy) for dy in fine for dx in fine])
    real = (turned * np.exp(2j * np.pi * (shifts @ some.numbers.T))).real
    best = int(real[:, guides].sum(axis=1).argmax())
    chance = _chance(turned[guides])
    # What was coded coarsely has lost its short waves: the guides tell how far those of each length can be believed.
    weights = np.maximum(_NEAR @ real[best][guides], 0.02)
    some_bits, count = some.bits[~guides], pattern.BITS
    sums = np.bincount(some_bits, (weights * real[best])[~guides], count)
    noise = np.bincount(some_bits, (weights**2 * np.abs(turned) ** 2)[~guides] / 2, count)
    agreement = float(real[best][guides].sum()) / chance
    return Place(float(share), tuple(map(float, shifts[best])), agreement, sums / (np.sqrt(noise) + 1e-9))


def _nearness() -> np.ndarray:
    """(K, guides) float64: each wave's average over the guides of about its length."""
    length = np.hypot(*pattern.waves().numbers.T)
    near = np.exp(-0.5 * ((length[:, None] - length[pattern.waves().guides]) / 1.2) ** 2)
    return near / near.sum(axis=1, keepdims=True)


_NEAR = _nearness()
