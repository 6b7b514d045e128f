"""The watermark's pattern: waves of middle length, fixed by a key, whose signs spell out a number.

The picture is covered with equal square tiles, four along its shorter side whatever its size, so that scaling it scales the
pattern and cutting it off leaves whole tiles over. A tile is a sum of plane waves (spread spectrum: Cox, Kilian, Leighton and
Shamoon, "Secure spread spectrum watermarking for multimedia", 1997) in the band that compression, halving and smoothing leave
alone. A quarter of the waves are always the same and show a reader where the tiles lie; each other wave carries one bit, by
its sign.

The key stands here, in the open: everybody can read the mark, and whoever sets out to can take it away or put it on.
"""

from __future__ import annotations

import binascii
import functools
import hashlib
import itertools
from dataclasses import dataclass

import cv2
import numpy as np

TILES = 4  # along the picture's shorter side
BAND = (4.0, 13.7)  # cycles a tile: 1/24 to 1/7 cycles a pixel in a picture of 384
IDENT_BITS = 24
CHECK_BITS = 16
BITS = IDENT_BITS + CHECK_BITS
_KEY = b"faceswap_lab watermark 1"
_GUIDES = 4  # one wave in so many is a guide
_LOOKED = 192  # px: the shorter side of the picture that detail is measured in, whatever the frame's
_SIDES, _LEAST = (256, 384), (0.85, 0.6)  # levels (rms), by the shorter side: finer waves lose more by coding
_BUSY, _MOST = 0.7, 2.0  # levels: more by level of detail, and at most: beside strong edges more is seen as beads
_EVEN, _KEPT = 0.5, 0.32  # level of detail of walls (skin has 1), and how much of the strength is left there
_DARK = 60.0  # level under which a change of one level is seen more easily, and is made smaller
_ROOM = np.ones((7, 7), np.uint8)


@dataclass(frozen=True)
class Waves:
    """The waves of a tile.

    Args:
        numbers: (K, 2) int64, cycles a tile along x (0 or more) and along y.
        phases: (K,) complex128 of magnitude 1.
        bits: (K,) int64, which bit a wave carries; -1 for the guides, which carry none.
    """

    numbers: np.ndarray
    phases: np.ndarray
    bits: np.ndarray

    @property
    def guides(self) -> np.ndarray:
        """(K,) bool: the waves that are always the same."""
        return self.bits < 0


@functools.cache
def waves() -> Waves:
    """The waves that the key chooses: the same ones on every machine, hence no library's random numbers."""
    reach = int(BAND[1])
    x, y = np.meshgrid(np.arange(reach + 1), np.arange(-reach, reach + 1))
    length = np.hypot(x, y)
    half = (x > 0) | (y > 0)  # the other half are the same waves
    numbers = np.stack([x, y], axis=-1)[half & (length >= BAND[0]) & (length <= BAND[1])]
    count = len(numbers)
    drawn = np.frombuffer(hashlib.shake_256(_KEY).digest(8 * count), "<u4").reshape(2, count)
    phases = np.exp(2j * np.pi * drawn[0] / 2**32)
    # Each bit's waves are spread over the whole band: sorted by length, every group of `_GUIDES` has one guide.
    order = np.lexsort((drawn[1], np.round(np.hypot(*numbers.T) * 2)))
    bits = np.full(count, -1)
    carriers = np.delete(order, np.s_[::_GUIDES])
    bits[carriers] = np.arange(len(carriers)) % BITS
    return Waves(numbers, phases, bits)


def encoded(ident: int) -> np.ndarray:
    """A number with its check sum (CRC-16) behind it, as signs.

    Args:
        ident: 0 to 2**24 - 1.

    Returns:
        (40,) float64 of -1 and 1, the highest bit first.
    """
    whole = (ident << CHECK_BITS) | _check(ident)
    return np.array([1.0 if whole >> place & 1 else -1.0 for place in reversed(range(BITS))])


def likeliest(bits: np.ndarray) -> tuple[int, float, float]:
    """The number whose signs suit the bits best (ordered statistics decoding of order 3: Fossorier and Lin, 1995).

    Args:
        bits: (40,) float64: the sign is the bit, the size how sure it is, in standard deviations.

    Returns:
        The number; the sum of the bits, each times the sign that the number gives it; and how probable it is against all others
        that were tried, when each bit is as far from 0 as they are on average.
    """
    rows = _generator()[:, order := np.argsort(-np.abs(bits), kind="stable")].copy()
    sure: list[int] = []  # the 24 surest bits that do not follow from surer ones: any number has one choice of these
    for column in range(BITS):
        left = np.flatnonzero(rows[len(sure) :, column]).tolist()
        if len(left) and len(sure) < IDENT_BITS:
            top = len(sure)
            rows[[top, top + left[0]]] = rows[[top + left[0], top]]
            rows[(rows[:, column] == 1) & (np.arange(IDENT_BITS) != top)] ^= rows[top]
            sure.append(column)
    some, zero = bits[order], encoded(0)[order]
    guessed = ((some[sure] > 0) != (zero[sure] > 0)).astype(np.uint8)
    words = (guessed ^ _flips()) @ rows & 1
    sums = (zero * (1 - 2.0 * words)) @ some
    best = int(sums.argmax())
    apart = np.clip(np.abs(bits).mean(), 0.1, 5) * (sums - sums[best])
    signs = np.empty(BITS)
    signs[order] = zero * (1 - 2.0 * words[best])
    number = int("".join("1" if sign > 0 else "0" for sign in signs[:IDENT_BITS]), 2)
    return number, float(sums[best]), float(1 / np.exp(apart).sum())


@functools.cache
def _generator() -> np.ndarray:
    """(24, 40) uint8: which signs turn with each bit of the number."""
    return np.array([(encoded(1 << place) != encoded(0)) for place in range(IDENT_BITS)], np.uint8)


@functools.cache
def _flips() -> np.ndarray:
    """(2325, 24) uint8: none, one, two or three of 24 turned."""
    chosen = [some for count in range(4) for some in itertools.combinations(range(IDENT_BITS), count)]
    flips = np.zeros((len(chosen), IDENT_BITS), np.uint8)
    for row, some in zip(flips, chosen, strict=True):
        row[list(some)] = 1
    return flips


def _check(ident: int) -> int:
    return binascii.crc_hqx(ident.to_bytes(IDENT_BITS // 8, "big"), 0x6A5F)  # no start that makes 0 its own check


def drawn(size: tuple[int, int], signs: np.ndarray) -> np.ndarray:
    """The pattern for a whole picture.

    Args:
        size: (width, height) in pixels.
        signs: (40,), see `encoded`.

    Returns:
        (height, width) float32 of mean about 0 and mean square 1.
    """
    some = waves()
    turned = some.phases * np.where(some.guides, 1.0, signs[some.bits])
    reach = int(BAND[1])
    table = np.zeros((2 * reach + 1, reach + 1), np.complex64)
    table[some.numbers[:, 1] + reach, some.numbers[:, 0]] = turned
    tile = min(size) / TILES
    across = turning(np.arange(reach + 1), size[0], tile)
    down = turning(np.arange(-reach, reach + 1), size[1], tile)
    field = (down.T @ (table @ across)).real
    return field * np.float32(np.sqrt(2 / len(turned)))


def turning(numbers: np.ndarray, length: int, tile: float) -> np.ndarray:
    """(N, length) complex64: waves of so many cycles a tile, at the pixels' centres along one side."""
    return np.exp(2j * np.pi / tile * np.outer(numbers, np.arange(length) + 0.5)).astype(np.complex64)


def strength(grey: np.ndarray) -> np.ndarray:
    """How strong the mark may be at each place without being seen: hardly on even ground, more where texture masks it.

    The same for the picture before and after it was marked, more or less, so that a reader knows where to look.

    Args:
        grey: (H, W) uint8 or float32 in [0, 255].

    Returns:
        (h, w) float32 in levels (root mean square), the shorter side at most 192 px.
    """
    height, width = grey.shape
    least = np.float32(np.interp(min(height, width), _SIDES, _LEAST))
    factor = min(1.0, _LOOKED / min(height, width))
    while min(grey.shape) >= 2 * _LOOKED:  # means of 2x2 are many times faster than those of an odd factor
        grey = cv2.resize(grey, (grey.shape[1] // 2, grey.shape[0] // 2), interpolation=cv2.INTER_AREA)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    detail = cv2.GaussianBlur(np.abs(small - cv2.GaussianBlur(small, (0, 0), 2)), (0, 0), 1.5)
    detail = cv2.GaussianBlur(cv2.erode(detail, _ROOM), (0, 0), 1.5)  # beside a single edge is no texture
    most = least * (0.5 + 0.5 * np.minimum(small / _DARK, 1)) + _BUSY * detail
    masked = np.clip(_KEPT + (detail - _EVEN) / _EVEN, _KEPT, 1)
    return np.minimum(most * masked, _MOST).astype(np.float32)
