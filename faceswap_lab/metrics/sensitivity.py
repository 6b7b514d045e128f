"""What does a score see? Each fault of the ladder, planted in rising strength, and the least that lowers the score.

A fall counts where it is beyond what the choice of frames does to it (a paired bootstrap over blocks of frames) and large enough to
matter beside the score's whole range. A score that is blind to a fault by design (one of identity to trembling) is not bad; it
must not be read as if it saw it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from faceswap_lab.metrics import distortions
from faceswap_lab.metrics.bootstrap import draw_blocks
from faceswap_lab.metrics.catalogue import Score, weighted_values

LEAST_FALL = 0.02  # of the score's spread over the ladder: less is no fall that one would notice
FRAME_DRAWS, BLOCK = 200, 4


@dataclass(frozen=True)
class Sight:
    """What a score says of one kind of fault.

    Args:
        family: the fault, a key of `distortions.FAMILIES`.
        word: "sees", "blind", "rewards" (the fault makes the score better), "-" (not tried, or the score gives no number).
        least: the least strength from which it, and all that are stronger, are seen (or rewarded); NaN where none is.
        fall: by how much of the score's spread over the ladder the strongest fault lowers it.
    """

    family: str
    word: str
    least: float
    fall: float


def falls(
    scores: Sequence[Score], truth: pd.DataFrame, tables: Mapping[str, pd.DataFrame], draws: int = FRAME_DRAWS
) -> dict[str, dict[str, tuple[float, float, float]]]:
    """How far each score lies below the truth's own value, with a paired 95 % interval over blocks of frames.

    Args:
        scores: to look at.
        truth: the table of the true swap's frames.
        tables: rung -> the table of its frames, the same frames.
        draws: of the bootstrap.

    Returns:
        score -> rung -> (fall, low, high) in the score's own unit, above 0: worse than the truth; NaN where it gives no number.
    """
    weights = draw_blocks(len(truth), BLOCK, draws)

    def goodness(table: pd.DataFrame, weights: np.ndarray) -> np.ndarray:
        found = weighted_values(tuple(scores), table, weights)
        return np.array([[score.goodness(float(value)) for value in found[score.name]] for score in scores])

    whole = np.ones((1, len(truth)), int)
    best, drawn = goodness(truth, whole), goodness(truth, weights)
    found: dict[str, dict[str, tuple[float, float, float]]] = {score.name: {} for score in scores}
    for name, table in tables.items():
        apart, spread = best - goodness(table, whole), drawn - goodness(table, weights)
        for index, score in enumerate(scores):
            column = spread[index][np.isfinite(spread[index])]
            ends = np.percentile(column, [2.5, 97.5]) if len(column) > draws / 2 else (np.nan, np.nan)
            found[score.name][name] = float(apart[index, 0]), float(ends[0]), float(ends[1])
    return found


def sights(fallen: Sequence[Mapping[str, tuple[float, float, float]]], spread: Sequence[float]) -> dict[str, Sight]:
    """What one score says of each kind of fault, in one clip or several.

    Args:
        fallen: of each clip: rung -> (fall, low, high), from `falls`.
        spread: of each clip: largest less smallest goodness over the ladder.

    Returns:
        family -> `Sight`. A rung counts as seen where it is in every clip.
    """
    found = {}
    for family in distortions.FAMILIES:
        rungs = sorted((r for r in distortions.RUNGS if r.family == family), key=lambda r: r.strength)
        rungs = [r for r in rungs if all(r.name in one for one in fallen)]
        shares = [
            [
                np.array(one[r.name]) / wide if wide > 0 else np.full(3, np.nan)
                for one, wide in zip(fallen, spread, strict=True)
            ]
            for r in rungs
        ]
        if not rungs or not all(np.isfinite(share[0]) for clip in shares for share in clip):
            found[family] = Sight(family, "-", float("nan"), float("nan"))
            continue
        signs = [_sign(clip) for clip in shares]
        fall = float(np.mean([share[0] for share in shares[-1]]))
        if signs[-1] == 0:
            found[family] = Sight(family, "blind", float("nan"), fall)
            continue
        first = len(signs) - 1
        while first and signs[first - 1] == signs[-1]:
            first -= 1
        word = "sees" if signs[-1] > 0 else "rewards"
        found[family] = Sight(family, word, float(rungs[first].strength), fall)
    return found


def _sign(clips: Sequence[np.ndarray]) -> int:
    """1: a fall in every clip, -1: a rise in every clip, 0: neither. The arrays hold fall, low and high as shares of the spread."""
    if all(fall >= LEAST_FALL and low > 0 for fall, low, _ in clips):
        return 1
    return -1 if all(fall <= -LEAST_FALL and high < 0 for fall, _, high in clips) else 0
