"""Every measure that a score card has: name a class in `MEASURES`, and its scores are on the card, the page and in scores.json.

A measure is a class as `frame_samples` describes, with its scores in `SCORES`. What its constructor asks for it gets by name
from what is known of a conversion (`Known`); where something that it must have is not known, or none of its scores can be
given (`Score.needs`), it is left out.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from faceswap_lab.metrics.catalogue import Score
from faceswap_lab.metrics.fidelity import Fidelity
from faceswap_lab.metrics.following import ExpressionErrors, GazeErrors, Kept, LandmarkErrors
from faceswap_lab.metrics.frame_samples import Measure
from faceswap_lab.metrics.frechet import SetDistances
from faceswap_lab.metrics.gains import GainMeasure
from faceswap_lab.metrics.identity import Identity
from faceswap_lab.metrics.nearest_person import NearerMeasure
from faceswap_lab.metrics.recognition_features import Recogniser
from faceswap_lab.metrics.seam_without_reference import Seam
from faceswap_lab.metrics.sharpness import SourceSharpness
from faceswap_lab.metrics.temporal import TemporalError
from faceswap_lab.metrics.temporal_consistency import Flicker, Jitter, TargetFlow, WarpError

# What a first look asks for; the rest takes longer.
FIRST: tuple[Any, ...] = (GainMeasure, NearerMeasure, LandmarkErrors, GazeErrors)
MEASURES: tuple[Any, ...] = (
    *FIRST, ExpressionErrors, Fidelity, TemporalError, Identity, Kept, Seam, SourceSharpness, Jitter, Flicker, WarpError,
    SetDistances,
)  # fmt: skip


@dataclass(frozen=True)
class Known:
    """What is known beside output and target.

    Args:
        truth: whether the true swap is.
        order: whether the frames are in the order of time.
        given: by the names of constructors' arguments: recogniser, source_faces, galleries, ..., see `people.known_people`
    """

    truth: bool = False
    order: bool = True
    given: Mapping[str, object] = field(default_factory=dict)

    @property
    def needs(self) -> set[str]:
        """Which of `Score.needs` are met."""
        met = {name for name, there in (("truth", self.truth), ("order", self.order)) if there}
        met |= {"source"} if "source_detail" in self.given or "source_faces" in self.given else set()
        return met | ({"gallery"} if self.given.get("galleries") else set())

    def allows(self, score: Score) -> bool:
        """Whether all that a score needs is known."""
        return set(score.needs) <= self.needs


def fitting(known: Known, measures: tuple[Any, ...] | None = None) -> tuple[Any, ...]:
    """The measures that can say something of such a conversion."""
    return tuple(
        each
        for each in (MEASURES if measures is None else measures)
        if any(map(known.allows, each.SCORES)) and not _missing(each, known)
    )


def make(known: Known, measures: tuple[type, ...] | None = None) -> list[Measure]:
    """New measures for one output; those that share a recogniser get the same one."""
    return [
        each(**{one.name: known.given[one.name] for one in _parameters(each) if one.name in known.given})
        for each in fitting(known, measures)
    ]


def shared(known: Known) -> Known:
    """The same, with one recogniser and one optical flow for all measures and outputs of a pass."""
    own = {name: make() for name, make in (("recogniser", Recogniser), ("flow", TargetFlow)) if name not in known.given}
    return Known(known.truth, known.order, {**known.given, **own})


def all_scores() -> dict[str, Score]:
    """Every score that any card may hold, by name."""
    return {score.name: score for each in MEASURES for score in each.SCORES}


def _parameters(measure: type) -> list[inspect.Parameter]:
    return list(inspect.signature(measure).parameters.values())


def _missing(measure: type, known: Known) -> list[str]:
    return [one.name for one in _parameters(measure) if one.default is one.empty and one.name not in known.given]
