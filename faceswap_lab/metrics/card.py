"""The score card of a conversion: every score with its interval, the table of its frames, and what must be said beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import pandas as pd
from scipy import stats

from faceswap_lab.base.messages import english
from faceswap_lab.metrics import bootstrap, measures
from faceswap_lab.metrics.bootstrap import Interval
from faceswap_lab.metrics.catalogue import Score
from faceswap_lab.metrics.frame_samples import Finder, measure_clips
from faceswap_lab.metrics.measures import Known

_RANKED = ("swap_gain", "identity_gain", "structure_gain")  # what makes a frame good, where the truth is known


@dataclass(frozen=True, eq=False)
class ScoreCard:
    """What is said of one output.

    Args:
        name: the output's.
        kind: "model", or "baseline" for what needs no model.
        scores: those that could be asked for.
        values: by the scores' names, see `bootstrap.Interval`.
        table: one row a frame: `frame`, and the columns of all measures.
        block: length in frames of the blocks that the intervals come from; 0 where there are none.
        notes: sentences that a reader must know.
    """

    name: str
    kind: str
    scores: tuple[Score, ...]
    values: dict[str, Interval]
    table: pd.DataFrame
    block: int = 0
    notes: tuple[str, ...] = field(default=())

    def numbers(self) -> dict[str, float | None]:
        """The scores by name, rounded to four decimals; None where one cannot be given."""
        return {name: rounded(found.value) for name, found in self.values.items()}

    def ranges(self) -> dict[str, list[float | None]]:
        """The intervals by name, [low, high], of the scores that have one."""
        return {
            name: [rounded(found.low), rounded(found.high)] for name, found in self.values.items() if found.is_known
        }

    def frames(self) -> pd.DataFrame:
        """Each frame's own scores: a column a score."""
        return bootstrap.frame_values(self.scores, self.table)

    def ranking(self) -> np.ndarray:
        """How good each frame is beside the others, 0 (worst) to 1: mean rank in the gains, or in all scores without a truth.

        NaN for frames of which nothing is known.
        """
        own = self.frames()
        good = {score.name: score.goodness(own[score.name]) for score in self.scores if own[score.name].nunique() > 1}
        if "nearer_margin" in self.table and self.table["nearer_margin"].nunique() > 1:
            good["nearer_to_source"] = self.table["nearer_margin"]  # by how much tells frames apart, yes or no does not
        chosen = [name for name in _RANKED if name in good] or list(good)
        if not chosen:
            return np.full(len(own), np.nan)
        return pd.DataFrame({name: good[name] for name in chosen}).rank(pct=True).mean(axis=1).to_numpy()

    def extremes(self, count: int = 3) -> tuple[list[int], list[int]]:
        """Rows of the best and of the worst frames, best and worst first, none within a block of another of its kind."""
        rank = self.ranking()
        known = [int(row) for row in np.argsort(-rank, kind="stable") if np.isfinite(rank[row])]
        apart = max(1, min(self.block, len(known) // (2 * count) or 1))
        best = _spread(known, apart, count)
        worst = _spread([row for row in reversed(known) if row not in best], apart, count)
        return best, worst


def make_cards(
    outputs: Mapping[str, Iterable[np.ndarray]],
    target: Iterable[np.ndarray],
    points: np.ndarray,
    known: Known,
    truth: Iterable[np.ndarray] | None = None,
    baselines: Iterable[str] = (),
    chosen: tuple[Any, ...] | None = None,
    finder: Finder | None = None,
    seed: int = 0,
) -> dict[str, ScoreCard]:
    """Scores several outputs of one clip in one pass.

    Args:
        outputs, target, points, truth, finder: as `frame_samples.measure_clips` takes them.
        known: what the measures may ask for; its `truth` is set by `truth`.
        baselines: names of the outputs that are no model's.
        chosen: the measures; None takes `measures.MEASURES`.
        seed: of the bootstrap.

    Returns:
        Name -> `ScoreCard`.

    Raises:
        LabError: as `frame_samples.measure_clips`.
    """
    known = measures.shared(Known(truth is not None, known.order, known.given))
    made: dict[str, list[Any]] = {name: [_Step(), *measures.make(known, chosen)] for name in outputs}
    found = measure_clips(outputs, target, points, made.__getitem__, truth, finder)
    cards = {}
    for name, (scores, table) in found.items():
        scores = tuple(score for score in scores if known.allows(score))
        length = bootstrap.block_length(bootstrap.frame_values(scores, table)) if len(table) >= bootstrap.LEAST else 0
        values = bootstrap.intervals(scores, table, length or None, seed=seed)
        notes = _notes(table, length, points)
        for measure in made[name]:
            if hasattr(measure, "whole"):  # a number of all faces together, which no choice of rows gives
                numbers, note = measure.whole()
                values |= {key: _with_error(*number) for key, number in numbers.items() if key in values}
                notes += [note] if note else []
        kind = "baseline" if name in set(baselines) else "model"
        cards[name] = ScoreCard(name, kind, scores, values, table, length, tuple(notes))
    return cards


def _with_error(value: float, error: float) -> Interval:
    reach = stats.norm.ppf((1 + bootstrap.LEVEL) / 2) * error
    return Interval(value, value - reach, value + reach)


class _Step:
    """What every card's notes need: how far the output is from target and truth, and how bright it is."""

    scores = SCORES = ()

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []

    def add(self, sample) -> None:
        output = sample.output.image
        apart = {
            f"from_{name}": float(cv2.absdiff(output, picture.image).mean())
            for name, picture in (("target", sample.target), ("truth", sample.truth))
            if picture is not None
        }
        self.rows.append({**apart, "brightest": float(output.max())})

    def table(self) -> pd.DataFrame:
        return pd.DataFrame(self.rows)


def _notes(table: pd.DataFrame, length: int, points: np.ndarray) -> list[str]:
    notes, count = [], len(table)
    without = int((~np.isfinite(points).all(axis=(1, 2))).sum())
    if without:
        notes.append(
            english(
                "No face was found in {without} of the target's frames ({count} in all); they count for pixels only.",
                without=without,
                count=count,
            )
        )
    if count == 1:
        notes.append(
            english("One frame only: there is no telling how sure its scores are, so that no interval is given.")
        )
    elif not length:
        notes.append(
            english(
                "{count} frames are too few to tell how sure the scores are, so that no interval is given.", count=count
            )
        )
    if (table["brightest"] < 16).all():
        notes.append(english("The output is black."))
    for name, means in (
        ("target", english("The output is the target, pixel for pixel: nothing was swapped.")),
        ("truth", english("The output is the truth, pixel for pixel: it is the true swap itself.")),
    ):
        if f"from_{name}" in table and not table[f"from_{name}"].any():
            notes.append(means)
    if "different" in table and (empty := int((table["different"] == 0).sum())):
        notes.append(
            english(
                "Truth and target are the same in {empty} of the frames ({count} in all), so that there is nothing to gain there.",
                empty=empty,
                count=count,
            )
        )
    if "landmarks_known" in table:
        lost = int((table["landmarks_known"] - table["landmarks_found"]).sum())
        if lost:
            notes.append(
                english(
                    "No face is seen where the true swap has one in {lost} of the frames ({count} in all).",
                    lost=lost,
                    count=count,
                )
            )
    return notes


def _spread(rows: list[int], apart: int, count: int) -> list[int]:
    chosen: list[int] = []
    for row in rows:
        if len(chosen) < count and all(abs(row - other) >= apart for other in chosen):
            chosen.append(row)
    return chosen


def rounded(value: float) -> float | None:
    """A number for JSON, which knows no NaN."""
    return None if not np.isfinite(value) else round(float(value), 4) + 0.0
