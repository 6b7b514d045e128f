"""Finds the watermark's tiles in a picture that was scaled or cut since it was marked, and reads the waves in them.

The picture is flattened first: what is smooth is taken away, and each place counts by how strong the mark can be there and how
little else is there.
Then the waves' strengths are measured for every size that the tiles may have. Where the size is right, the guide waves agree
with the key after one shift, and the correlation over all shifts (one inverse Fourier transform) has a peak. Of all peaks that
one is right where the other waves, too, are decided. The same is looked for in the picture mirrored, and turned a little.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import scipy.fft

from faceswap_lab.provenance import watermark_pattern
from faceswap_lab.video.pictures import resized

WORKING = 384  # px: pictures are read with their shorter side at this length
SHARES = (0.5, 1.02)  # the shorter side that is left, of the marked picture's: what is searched first
WIDER = ((1.02, 1.3), (1.3, 2.0))  # the same where something was added to the picture, as by a second one beside it
TURNED = (0.84, 1.02)  # and the same in a picture that was turned
TURNS = tuple(float(d) for d in np.arange(-10, 11) * 0.55 if d)  # degrees
_STEP = 0.006  # from one size of the tiles to the next
_HALVED = 1.3  # up to this share the shortest waves have three and a half pixels at half the size
_WORTH = 7.8  # merit from which a size is looked at more closely: pictures without a mark reach 8.1, and refining adds 1 or 2
_PEAKS = 8  # shifts that are tried for each size
_GRID = 64  # shifts a tile along each axis
_CANDIDATES = 6  # sizes that are looked at more closely
_REACH = int(watermark_pattern.BAND[1])
_ACROSS, _DOWN = np.arange(_REACH + 1), np.arange(-_REACH, _REACH + 1)


@dataclass(frozen=True)
class Place:
    """Where the tiles lie, and what their waves say.

    Args:
        share: of the marked picture's shorter side, what this picture's shorter side shows.
        shift: (x, y), in tiles, from the picture's corner to a tile's.
        agreement: how well the guide waves agree with the key, in standard deviations of what chance gives at one place.
        bits: (40,) float64, each bit's waves summed up: their sign is the bit, their size how sure it is, in the same unit.
        degrees: by how much the picture was turned anticlockwise.
    """

    share: float
    shift: tuple[float, float]
    agreement: float
    bits: np.ndarray
    degrees: float = 0.0

    @property
    def merit(self) -> float:
        """All waves' agreement with the key and the 40 signs that suit them best: the most that `weight` can give."""
        return weight(self.agreement, np.abs(self.bits).sum())


def weight(agreement, bits):
    """All waves' agreement with one whole pattern, in standard deviations of chance: a quarter are guides, the others bits.

    Args:
        agreement: of the guides, as `Place` has it; a number, or an array of several places'.
        bits: likewise the sum of the 40 bits, each times the sign that it should have.
    """
    return 0.5 * agreement + np.sqrt(0.75 / watermark_pattern.BITS) * bits


def flattened(images: Sequence[np.ndarray]) -> np.ndarray:
    """What is left of a picture, or of some frames of one video together, to look for the mark in: a matched filter.

    Each place counts by how strong the mark may be there over the power of what hides it (Kay, "Fundamentals of Statistical
    Signal Processing: Detection Theory", 1998, chapter 4). In a video that power is taken once in each frame, and again in
    their sum: there the mark has stayed, while what moved or was coded otherwise in every frame has worn off.

    Args:
        images: (H, W, 3) uint8 RGB each, of one size.

    Returns:
        (H', W') float32, the shorter side `WORKING` px.
    """
    height, width = images[0].shape[:2]
    factor = WORKING / min(height, width)
    size = max(WORKING, round(width * factor)), max(WORKING, round(height * factor))
    signal = np.zeros(size[::-1], np.float32)
    power = np.zeros_like(signal)
    for image in images:
        grey = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
        grey = resized(grey, size).astype(np.float32)
        rest = grey - cv2.GaussianBlur(grey, (0, 0), 1.5)
        strength = cv2.resize(watermark_pattern.strength(grey), size, interpolation=cv2.INTER_LINEAR)
        noise = cv2.GaussianBlur(rest * rest, (0, 0), 3.0) + 1
        signal = signal + rest * strength / noise
        power = power + strength * strength / noise
    return signal * power / (cv2.GaussianBlur(signal * signal, (0, 0), 3.0) + power)


def places(field: np.ndarray, shares: tuple[float, float], turns: tuple[float, ...] = (0.0,)) -> list[Place]:
    """The likeliest places of the tiles in a flattened picture, the best first.

    Args:
        field: (H, W) float32, see `flattened`.
        shares: the least and the largest share of the marked picture's shorter side to look for.
        turns: degrees by which the picture may have been turned, anticlockwise.
    """
    ladder = _ladder(shares)
    seen = []
    for degrees in turns:
        some = _turned_back(field, degrees, shares[1])
        near = zip(_strengths(some, ladder), ladder, strict=True)
        seen += [_read_at(strengths, _peaks(strengths), share, degrees) for strengths, share in near]
    best = sorted(seen, key=lambda place: -place.merit)[:_CANDIDATES]
    worth = [place for place in best if place.merit >= _WORTH]
    found = [_closer(field, place, shares[1], len(turns) > 1) for place in worth] or best[:1]
    return sorted(found, key=lambda place: -place.merit)


def _turned_back(field: np.ndarray, degrees: float, share: float) -> np.ndarray:
    """The field turned back, and at half the size where the mark's waves stay long enough for that: a quarter of the work."""
    if degrees:
        height, width = field.shape
        matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), -degrees, 1)
        field = cv2.warpAffine(field, matrix, (width, height), flags=cv2.INTER_CUBIC)
    return cv2.pyrDown(field) if share <= _HALVED else field


def _strengths(field: np.ndarray, shares: np.ndarray) -> Iterator[np.ndarray]:
    """For each size of the tiles (K,) complex64: how strongly each wave stands in the picture, of about magnitude 1."""
    numbers = watermark_pattern.waves().numbers

    def tile(share: float) -> float:
        return min(field.shape) / (watermark_pattern.TILES * share)

    for some in np.array_split(shares, max(1, len(shares) // 30)):
        across = np.stack([_turning(False, field.shape[1], tile(share)) for share in some]).conj()
        parts = across.view(np.float32).reshape(len(some), len(_ACROSS), -1, 2)  # real numbers: a quarter of the work
        sides = np.ascontiguousarray(parts.transpose(2, 0, 1, 3)).reshape(field.shape[1], -1)
        halves = np.ascontiguousarray(field @ sides).view(np.complex64).reshape(len(field), len(some), -1)
        for place, share in enumerate(some):
            table = _turning(True, len(field), tile(share)).conj() @ halves[:, place]
            found = table[numbers[:, 1] + _REACH, numbers[:, 0]]
            size = np.abs(found)
            # Waves of one length are about as strong in any picture: what is stronger than its like is the picture's own.
            yield found / np.maximum(np.maximum(size, _RINGS @ size), 1e-6)


@functools.lru_cache(maxsize=256)
def _turning(down: bool, length: int, tile: float) -> np.ndarray:
    """What `watermark_pattern.turning` gives for all waves of the band, by multiplying instead of by as many sines."""
    one = watermark_pattern.turning(np.ones(1), length, tile).astype(np.complex128)
    powers = np.cumprod(np.repeat(one, _REACH, axis=0), axis=0)
    parts = [np.ones_like(one), powers]
    return np.concatenate([powers[::-1].conj(), *parts] if down else parts).astype(np.complex64)


def _ring_means() -> np.ndarray:
    length = np.hypot(*watermark_pattern.waves().numbers.T)
    near = (np.abs(length[:, None] - length) < 0.8).astype(np.float32)
    return near / near.sum(axis=1, keepdims=True)


_RINGS = _ring_means()


def agreements(field: np.ndarray, shares: tuple[float, float]) -> list[float]:
    """For each size of the tiles, the guides' greatest agreement with the key over all shifts: to compare with chance."""
    field, guides = _turned_back(field, 0.0, shares[1]), watermark_pattern.waves().guides
    waves = _strengths(field, _ladder(shares))
    return [float(_agreement(one).max() / (np.sqrt((np.abs(one[guides]) ** 2).sum() / 2) + 1e-9)) for one in waves]


def _ladder(shares: tuple[float, float]) -> np.ndarray:
    return np.geomspace(*shares, 1 + round(np.log(shares[1] / shares[0]) / _STEP))


def _agreement(strengths: np.ndarray) -> np.ndarray:
    """(grid, grid) float32: the sum of the guides, turned as the key has them, for every shift (y, x)."""
    some = watermark_pattern.waves()
    table = np.zeros((_GRID, _GRID), np.complex64)
    across, down = some.numbers[some.guides].T
    table[down, across] = (strengths * some.phases.conj())[some.guides]
    return scipy.fft.ifft2(table).real * _GRID**2


def _peaks(strengths: np.ndarray) -> np.ndarray:
    """(P, 2) float64: the shifts (x, y), in tiles, where the guides agree with the key better than all round."""
    sums = _agreement(strengths)
    around = cv2.dilate(np.pad(sums, 1, mode="wrap"), np.ones((3, 3), np.uint8))[1:-1, 1:-1]
    tops = np.flatnonzero(sums >= around)
    tops = tops[np.argsort(sums.ravel()[tops])[-_PEAKS:]]
    return np.stack([tops % _GRID, tops // _GRID], axis=1) / _GRID


def _read_at(strengths: np.ndarray, shifts: np.ndarray, share: float, degrees: float) -> Place:
    """What the waves say at some shifts (P, 2); the place where they say it best."""
    some = watermark_pattern.waves()
    guides = some.guides
    power = np.abs(strengths) ** 2
    across, down = (
        np.exp(2j * np.pi * np.outer(one, range_)) for one, range_ in zip(shifts.T, (_ACROSS, _DOWN), strict=True)
    )
    turned = across[:, some.numbers[:, 0]] * down[:, some.numbers[:, 1] + _REACH]
    real = ((strengths * some.phases.conj()) * turned).real
    agreement = real[:, guides].sum(axis=1) / (np.sqrt(power[guides].sum() / 2) + 1e-9)
    # What was coded coarsely has lost its short waves: the guides tell how far those of each length can be believed.
    weights = np.maximum(real[:, guides] @ _NEAR.T, 0.02)
    bits = (weights * real) @ _CARRIED / (np.sqrt((weights**2 * power / 2) @ _CARRIED) + 1e-9)
    best = int(weight(agreement, np.abs(bits).sum(axis=1)).argmax())
    x, y = shifts[best].tolist()
    return Place(share, (x, y), float(agreement[best]), bits[best], degrees)


def _closer(field: np.ndarray, place: Place, most: float, turned: bool) -> Place:
    """The place near another one where the waves say the most: size, angle and shift are refined by turns."""
    step = _STEP / 2
    for angles in ((0.0,), *(((-0.25, -0.125, 0.125, 0.25),) if turned else ()), (0.0,)):
        sizes = place.share * (1 + step * np.arange(-2, 3)) if angles == (0.0,) else np.array([place.share])
        degrees, found = place.degrees, [place]
        for angle in angles:
            some = _turned_back(field, degrees + angle, most)
            for strengths, share in zip(_strengths(some, sizes), sizes, strict=True):
                rough = _read_at(strengths, _peaks(strengths), float(share), degrees + angle)
                found.append(_read_at(strengths, rough.shift + _FINE, float(share), degrees + angle))
        place = max(found, key=lambda one: one.merit)
        step = step / 3 if angles == (0.0,) else step
    return place


def _nearness() -> np.ndarray:
    """(K, guides) float64: each wave's average over the guides of about its length."""
    length = np.hypot(*watermark_pattern.waves().numbers.T)
    near = np.exp(-0.5 * ((length[:, None] - length[watermark_pattern.waves().guides]) / 1.2) ** 2)
    return near / near.sum(axis=1, keepdims=True)


_NEAR = _nearness()
# Which wave carries which bit.
_CARRIED = (watermark_pattern.waves().bits[:, None] == np.arange(watermark_pattern.BITS)).astype(np.float64)
_FINE = np.stack(np.meshgrid(np.arange(-2, 3), np.arange(-2, 3)), axis=-1).reshape(-1, 2) / (4 * _GRID)
