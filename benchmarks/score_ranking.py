"""Which score can be trusted where no true swap is known? Each is tried on swaps whose true quality is known.

Two questions, since a score that does not rank may still be of use:

- **Does it rank?** Spearman's rank correlation, over a series of distortions (`metrics.distortions`), between the score and what
  the true swap says of the same swaps: structure_gain, identity_gain, swap_gain, and `QUALITY`, the mean of the first two. These
  are what a viewer sees first, a tint earns neither, and each is blind to what the other sees; swap_gain is left out of the mean
  because its squared error prefers a face without features to a slightly wrong one.
- **What does it see?** Of each fault, the least from which the score falls below the truth's own value: a fall
  counts where it is beyond what the choice of frames does to it (a paired bootstrap over blocks of frames) and large enough to
  matter beside the score's whole range. A score that is blind to a fault by design (one of identity to trembling) is not bad; it
  must not be read as if it saw it.

C. Spearman, "The proof and measurement of association between two things", American Journal of Psychology 15, 1904.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import stats

from faceswap_lab.metrics import distortions
from faceswap_lab.metrics.bootstrap import draw_blocks
from faceswap_lab.metrics.catalogue import Score, weighted_values
from faceswap_lab.metrics.validation import QUALITY

STRUCTURE, IDENTITY, STEADINESS = "structure_gain", "identity_gain", "steadiness"
GAINS = (STRUCTURE, IDENTITY, "swap_gain")
DECIDING = {STRUCTURE: "structure", IDENTITY: "identity", STEADINESS: "steadiness"}
REAL = "quality, real outputs"  # by quality, among what is no planted fault: models, baselines, blends, target, truth
RANKS = 0.6  # a score ranks where rho is at least this, and its 95 % interval lies above 0
LEAST_DISTORTIONS = 8
DRAWS = 1000
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


@dataclass(frozen=True)
class Ranking:
    """How well a score ranks by one reference.

    Args:
        rho: Spearman's rank correlation, 1 is perfect, -1 reversed; NaN where the score does not vary.
        low, high: its 95 % interval, by a bootstrap over distortions.
        distorted: how many distortions had both numbers.
    """

    rho: float
    low: float
    high: float
    distorted: int

    @property
    def ranks(self) -> bool:
        """Whether it may be trusted to rank."""
        return self.distorted >= LEAST_DISTORTIONS and self.rho >= RANKS and self.low > 0


@dataclass(frozen=True)
class Trust:
    """Everything that was found about a score: `rankings` by reference, `sights` by family, and the verdict in words."""

    name: str
    verdict: str
    rankings: dict[str, Ranking]
    sights: dict[str, Sight] = field(default_factory=dict)

    def as_json(self) -> dict:
        """For benchmarks/results."""
        rankings = {
            name: {"rho": _number(one.rho), "low": _number(one.low), "high": _number(one.high), "distortions": one.distorted}
            for name, one in self.rankings.items()
        }
        sights = {
            name: {"word": one.word, "least": _number(one.least), "fall": _number(one.fall)}
            for name, one in self.sights.items()
        }
        return {"verdict": self.verdict, "rankings": rankings, "sees": sights}


def _number(value: float) -> float | None:
    return round(float(value), 3) if np.isfinite(value) else None


def within_ranks(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Ranks within each group, ties at their mean, from -0.5 to 0.5, so that several clips can be looked at as one."""
    ranks = np.full(len(values), np.nan)
    for one in np.unique(group):
        here = (group == one) & np.isfinite(values)
        if here.sum() > 1:
            ranks[here] = (stats.rankdata(values[here]) - 1) / (here.sum() - 1) - 0.5
    return ranks


def _rho(x: np.ndarray, y: np.ndarray, group: np.ndarray) -> float:
    """Spearman's rho of numbers without NaN, ranked within their groups; NaN where one does not vary."""
    x, y = (np.nan_to_num(within_ranks(some, group)) for some in (x, y))  # 0 is the middle: who is alone in a group
    spread = np.sqrt(np.square(x).sum() * np.square(y).sum())  # the ranks of each group have mean 0
    return float((x * y).sum() / spread) if spread > 1e-12 else float("nan")


def _ranks_of_draws(values: np.ndarray) -> np.ndarray:
    """`within_ranks` of each row of (draws, n); 0, the middle, for what is missing."""
    known = np.isfinite(values)
    count = known.sum(axis=1, keepdims=True)
    ranks = stats.rankdata(np.where(known, values, np.inf), axis=1)  # what is missing comes last
    return np.where(known & (count > 1), (ranks - 1) / np.maximum(count - 1, 1) - 0.5, 0)


def rank(
    values: Sequence[float], reference: Sequence[float], distorted: Sequence[str] | None = None,
    clips: Sequence[str] | None = None, draws: int = DRAWS, seed: int = 0,
) -> Ranking:  # fmt: skip
    """How well some numbers rank by a reference.

    Args:
        values, reference: (n,) larger is better in both (`Score.goodness`); pairs with a NaN are left out.
        distorted: (n,) which distortion each belongs to; those of one name are drawn together. None: each is its own.
        clips: (n,) which clip each belongs to; only swaps of the same clip are compared. None: all of one.
        draws: of the bootstrap. seed: of its random numbers.

    Returns:
        `Ranking`; neighbouring distortions of one fault are alike, so that the interval is rather too narrow than too wide.
    """
    x, y = np.asarray(values, np.float64), np.asarray(reference, np.float64)
    distorted = np.arange(len(x)) if distorted is None else np.asarray(distorted)
    clips = np.zeros(len(x), int) if clips is None else np.asarray(clips)
    kept = np.isfinite(x) & np.isfinite(y)
    x, y, distorted, clips = x[kept], y[kept], distorted[kept], clips[kept]
    names = np.unique(distorted)
    rho = _rho(x, y, clips) if len(x) > 2 else float("nan")
    if not np.isfinite(rho) or len(names) < 3:
        return Ranking(rho if len(names) > 2 else float("nan"), float("nan"), float("nan"), len(names))
    drawn = np.random.default_rng(seed).integers(0, len(names), (draws, len(names)))
    products = np.zeros((3, draws))
    for clip in np.unique(clips):
        pair = np.full((2, len(names)), np.nan)
        here = clips == clip
        pair[:, np.searchsorted(names, distorted[here])] = x[here], y[here]
        a, b = (_ranks_of_draws(some[drawn]) for some in pair)
        products += (a * b).sum(axis=1), np.square(a).sum(axis=1), np.square(b).sum(axis=1)
    spread = np.sqrt(products[1] * products[2])
    found = np.where(spread > 1e-12, products[0] / np.maximum(spread, 1e-12), np.nan)
    found = found[np.isfinite(found)]
    low, high = np.percentile(found, [2.5, 97.5]) if len(found) > draws / 2 else (float("nan"),) * 2
    return Ranking(rho, float(low), float(high), len(names))


def verdict(rankings: Mapping[str, Ranking]) -> str:
    """What the rankings by `QUALITY` and `DECIDING` come to, in words.

    - "ranks": by quality, structure and identity.
    - "ranks structure only", "ranks identity only", "ranks steadiness only": by this one, or two joined by "and".
    - "ranks weakly": by none as firmly as `RANKS` asks, but its interval for quality lies above 0.
    - "misleads": its interval for quality lies below 0.
    - "does not rank"; "gives no number" where it does not vary; "too few distortions".
    """
    known = [one for one in rankings.values() if np.isfinite(one.rho)]
    if not known:
        return "gives no number"
    if max(one.distorted for one in known) < LEAST_DISTORTIONS:
        return "too few distortions"
    good = [word for name, word in DECIDING.items() if name in rankings and rankings[name].ranks]
    overall = rankings[QUALITY]
    if overall.ranks and {"structure", "identity"} <= set(good):
        return "ranks"
    if good:
        return f"ranks {' and '.join(good)} only"
    if overall.low > 0:
        return "ranks weakly"
    return "misleads" if overall.high < 0 else "does not rank"


def quality(gains: pd.DataFrame) -> pd.Series:
    """The composite: the mean of structure_gain and identity_gain, row by row; NaN where one is missing."""
    return gains[[STRUCTURE, IDENTITY]].mean(axis=1, skipna=False)


def judge(
    score: Score,
    values: pd.DataFrame,
    references: pd.DataFrame,
    seen: dict[str, Sight] | None = None,
    draws: int = DRAWS,
) -> Trust:
    """All about one score.

    Args:
        score: which.
        values: its numbers, in a column of its name; a row a distortion and clip, indexed by (clip, distortion).
        references: what the true swap says, rows as in `values`: `QUALITY`, the gains, and `STEADINESS` if it is known; larger is
            better.
        seen: from `sights`.
        draws: of the bootstrap.
    """
    clips, distorted = (np.asarray(values.index.get_level_values(level)) for level in (0, 1))
    numbers = [score.goodness(float(value)) for value in values[score.name]]
    rankings = {
        name: rank(numbers, references.loc[values.index, name].to_numpy(), distorted, clips, draws) for name in references
    }
    found = verdict(rankings)
    families = [distortions.family_of(name) for name in distorted]
    real = np.array([family not in distortions.FAMILIES or family == "too little" for family in families])
    if real.any():
        reference = references.loc[values.index, QUALITY].to_numpy()
        rankings[REAL] = rank(np.array(numbers)[real], reference[real], distorted[real], clips[real], draws)
    return Trust(score.name, found, rankings, seen or {})


def table(trusted: Sequence[Trust]) -> pd.DataFrame:
    """A row a score: rho by each reference, the interval of that by quality, the verdict, and a column a fault.

    A fault's column holds the least strength that is seen, "blind", or "rewards".
    """
    rows = []
    for one in trusted:
        line = {"score": one.name, **{name: ranking.rho for name, ranking in one.rankings.items()}}
        overall = one.rankings[QUALITY]
        line |= {"low": overall.low, "high": overall.high, "verdict": one.verdict}
        for family, sight in one.sights.items():
            line[family] = f"{sight.least:g}" if sight.word == "sees" else sight.word
        rows.append(line)
    return pd.DataFrame(rows)


def falls(
    scores: Sequence[Score], truth: pd.DataFrame, tables: Mapping[str, pd.DataFrame], draws: int = FRAME_DRAWS
) -> dict[str, dict[str, tuple[float, float, float]]]:
    """How far each score lies below the truth's own value, with a paired 95 % interval over blocks of frames.

    Args:
        scores: to look at.
        truth: the table of the true swap's frames.
        tables: distortion -> the table of its frames, the same frames.
        draws: of the bootstrap.

    Returns:
        score -> distortion -> (fall, low, high) in the score's own unit, above 0: worse than the truth; NaN: no number.
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
        fallen: of each clip: distortion -> (fall, low, high), from `falls`.
        spread: of each clip: largest less smallest goodness over the ladder.

    Returns:
        family -> `Sight`. A distortion counts as seen where it is in every clip.
    """
    found = {}
    for family in distortions.FAMILIES:
        distorted = sorted((r for r in distortions.DISTORTIONS if r.family == family), key=lambda r: r.strength)
        distorted = [r for r in distorted if all(r.name in one for one in fallen)]
        shares = [
            [
                np.array(one[r.name]) / wide if wide > 0 else np.full(3, np.nan)
                for one, wide in zip(fallen, spread, strict=True)
            ]
            for r in distorted
        ]
        if not distorted or not all(np.isfinite(share[0]) for clip in shares for share in clip):
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
        found[family] = Sight(family, word, float(distorted[first].strength), fall)
    return found


def _sign(clips: Sequence[np.ndarray]) -> int:
    """1: a fall in every clip, -1: a rise in every clip, 0: neither. The arrays hold fall, low and high as shares of the spread."""
    if all(fall >= LEAST_FALL and low > 0 for fall, low, _ in clips):
        return 1
    return -1 if all(fall <= -LEAST_FALL and high < 0 for fall, _, high in clips) else 0
