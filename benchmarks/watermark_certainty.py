"""How sure a watermark that was read can be: what a picture gives by chance that has nothing to do with the key.

The key turns every wave by an angle that no picture knows. Whatever the picture, what one place in it says is then a sum of
terms with random signs: at least as good as normal (Hoeffding, "Probability inequalities for sums of bounded random variables",
1963). A reader looks at many places, though, and takes the best. How many of them pass a level by chance follows from how fast
the sum changes along each way it is searched: shift, size and turn (Adler and Taylor, "Random Fields and Geometry", 2007,
chapter 11: at high levels the expected number of peaks is their mean Euler characteristic).
"""

from __future__ import annotations

import numpy as np

from faceswap_lab.provenance import watermark_pattern, watermark_search

LONGEST = 4.0  # times its shorter side is read of a picture: the more it shows, the more sizes can be told apart in it


def false_alarms(weight: float, longest: float = LONGEST, whole: bool = True) -> float:
    """How many patterns, of all places and numbers, reach a weight in one picture without a mark: the rate of false alarms.

    All 2**24 numbers are added up as if they were strangers to each other, so that it is an upper bound.

    Args:
        weight: in standard deviations of chance, see `watermark_search.weight`.
        longest: the picture's longer side over its shorter one.
        whole: every search counts; else the first one alone, which `watermark.look` makes in single frames.
    """
    every = np.ones(len(watermark_pattern.waves().bits), bool)
    places = _passing(weight, every, watermark_search.SHARES, longest)
    if whole:
        span = float(np.deg2rad(max(watermark_search.TURNS) - min(watermark_search.TURNS)))
        places += places  # mirrored
        places += sum(_passing(weight, every, shares, longest) for shares in watermark_search.WIDER)
        places += _passing(weight, every, watermark_search.TURNED, longest, span)
    return 2.0**watermark_pattern.IDENT_BITS * places


def agreeing(agreement: float, longest: float = 1.0, shares: tuple[float, float] = watermark_search.SHARES) -> float:
    """How many places reach an agreement of the guides by chance when these sizes are searched."""
    return _passing(agreement, watermark_pattern.waves().guides, shares, longest)


def _passing(level: float, waves: np.ndarray, shares: tuple[float, float], longest: float, span: float = 0.0) -> float:
    """Expected peaks above a level over one tile of shifts, a range of sizes and, where `span` (radians) is given, of turns."""
    across, down = (watermark_pattern.waves().numbers[waves] ** 2).mean(axis=0)
    moved = 4 * np.pi**2 * np.sqrt(across * down)  # the roughness along both shifts, a tile squared
    # A change of size or angle moves a wave by some cycles over the picture: measured from its middle, a twelfth in the square.
    sides = 4 * np.pi**2 * watermark_pattern.TILES**2 / 12
    sized = np.sqrt(sides * (across * longest**2 + down))
    if not span:
        places = moved * sized * (shares[1] - shares[0])
        return float(places * (level**2 - 1) * np.exp(-(level**2) / 2) / (2 * np.pi) ** 2)
    turned = np.sqrt(sides * (down * longest**2 + across))
    places = moved * sized * turned * (shares[1] ** 2 - shares[0] ** 2) / 2 * span
    return float(places * (level**3 - 3 * level) * np.exp(-(level**2) / 2) / (2 * np.pi) ** 2.5)
