"""Why is A<-B better than B<-A with the same model? The diagnosis' explanations, read against trainings on lopsided sets.

One autoencoder learns both people, and its two directions still differ. The diagnosis explains that by what a face set lacks:
poses (coverage), faces (size), detail (sharpness). Each explanation predicts a sign: what A's set lacks should cost B<-A, which
has to generate A, more than A<-B. So two sets are made lopsided for each explanation, one in A and one in B, and everything else
stays as it is. `benchmarks/asymmetry.py` trains on them; this module says what came of it.

A result is a dictionary: "set" (a key of `SETS`), "seed", and for each of `DIRECTIONS` a dictionary of gains.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import _
from faceswap_lab.faces.diagnosis import DIRECTIONS

BALANCED = "balanced"
GAINS = ("structure_gain", "identity_gain", "swap_gain")
QUALITY = "quality"  # the mean of structure and identity gain: what a viewer sees first, and neither earned by a tint
MEASURED = Path(__file__).with_name("asymmetry.json")  # by `benchmarks/asymmetry.py --write`


@dataclass(frozen=True)
class Lopsided:
    """A pair of face sets, one of which lacks something.

    Args:
        person: whose set is worse, "A" or "B"; "" for neither.
        explanation: "size", "coverage", "sharpness"; "" for the balanced pair.
        meaning: what the sets are, in words.
    """

    person: str
    explanation: str
    meaning: str


SETS = {
    BALANCED: Lopsided("", "", "84 faces of each, every sixth frame of train_A and train_B"),
    "few_A": Lopsided("A", "size", "7 faces of A, spread over the clip"),
    "few_B": Lopsided("B", "size", "7 faces of B, spread over the clip"),
    "frontal_A": Lopsided("A", "coverage", "84 faces of A that look straight ahead"),
    "frontal_B": Lopsided("B", "coverage", "84 faces of B that look straight ahead"),
    "blurred_A": Lopsided("A", "sharpness", "A's 84 faces, out of focus and shaken"),
    "blurred_B": Lopsided("B", "sharpness", "B's 84 faces, out of focus and shaken"),
}
EXPLANATIONS = {
    "size": "fewer faces of a person",
    "coverage": "fewer poses of a person",
    "sharpness": "blurred faces of a person",
}


@dataclass(frozen=True)
class Effect:
    """What one explanation comes to.

    Args:
        explanation: a key of `EXPLANATIONS`.
        shift: how far the fault moves the difference A<-B minus B<-A when it lies in A rather than in B, halved: what one lopsided
            set moves it by. Above 0: as the diagnosis predicts, whoever is generated from the worse set loses more.
        half_width: of its 95 % interval, from the scatter between seeds, pooled over all sets; infinite with one seed.
        generated, shown: what the fault costs the direction that generates this person, and the one in which this person is only
            the target; quality, balanced less faulty, mean over both persons.
        predicted: the same shift in the diagnosis' difficulty.
    """

    explanation: str
    shift: float
    half_width: float
    generated: float
    shown: float
    predicted: float

    @property
    def verdict(self) -> str:
        """holds, contradicted, or not seen."""
        if abs(self.shift) <= self.half_width:
            return "not seen"
        return "holds" if self.shift * self.predicted > 0 else "contradicted"

    def sentence(self) -> str:
        """The verdict in words, with its numbers."""
        words = {
            "holds": _("{what}: The explanation holds. {numbers}"),
            "contradicted": _("{what}: The explanation is contradicted. {numbers}"),
            "not seen": _("{what}: No effect is seen beyond the scatter of the seeds. {numbers}"),
        }[self.verdict]
        numbers = _("It moves the difference between the directions by {shift:+.3f} ± {half_width:.3f} (predicted difficulty: "
                    "{predicted:+.2f}); it costs {generated:.3f} where this person is generated and {shown:.3f} where this "
                    "person is the target.")  # fmt: skip
        what = f"{_(EXPLANATIONS[self.explanation])} ({self.explanation})"
        return words.format(what=what, numbers=numbers.format(**dataclasses.asdict(self)))


def gain(row: dict, direction: str, measure: str = QUALITY) -> float:
    """One gain of a result; "quality" is the mean of structure_gain and identity_gain; NaN where it is missing."""
    if measure == QUALITY:
        return float(np.mean([gain(row, direction, one) for one in GAINS[:2]]))
    value = row[direction].get(measure)
    return float("nan") if value is None else float(value)


def difference(row: dict, measure: str = QUALITY) -> float:
    """A<-B minus B<-A of a result: above 0, B's face in A's video is the better swap."""
    return gain(row, DIRECTIONS[0], measure) - gain(row, DIRECTIONS[1], measure)


def predicted(difficulty: dict[str, float]) -> float:
    """What a diagnosis' two difficulties say of the difference A<-B minus B<-A: above 0 where B<-A is the harder one."""
    return float(difficulty[DIRECTIONS[1]] - difficulty[DIRECTIONS[0]])


def scatter(results: Iterable[dict], measure: str = QUALITY) -> tuple[float, int]:
    """The standard deviation of the difference between seeds, pooled over the sets, and its degrees of freedom.

    NaN and 0 where no set has two seeds.
    """
    squares, free = 0.0, 0
    for rows in _by_set(results).values():
        some = np.array([difference(row, measure) for row in rows])
        squares += float(np.square(some - some.mean()).sum())
        free += len(some) - 1
    return (float(np.sqrt(squares / free)), free) if free else (float("nan"), 0)


def table(results: list[dict], difficulty: dict[str, dict[str, float]], measure: str = QUALITY) -> pd.DataFrame:
    """A row a set.

    Args:
        results: of the trainings.
        difficulty: set -> direction -> the diagnosis' difficulty.
        measure: "quality" or one of `GAINS`.

    Returns:
        seeds, both gains (means over the seeds), their difference, its 95 % half width from the pooled `scatter`, `moved` (the
        difference beyond the balanced model's), `predicted` (likewise, of the difficulties) and `agrees`, whether the signs of both
        are the same (None for the balanced pair).

    Raises:
        LabError: when the balanced pair was not trained.
    """
    known = _by_set(results)
    if BALANCED not in known:
        raise LabError("results: the balanced pair was not trained, and it is what the others are compared with.")
    deviation, free = scatter(results, measure)
    centre = np.mean([difference(row, measure) for row in known[BALANCED]])
    rows = []
    for name in (name for name in SETS if name in known):
        some = known[name]
        mean = float(np.mean([difference(row, measure) for row in some]))
        wide = float(stats.t.ppf(0.975, free) * deviation / np.sqrt(len(some))) if free else float("inf")
        moved = mean - centre
        foretold = predicted(difficulty[name]) - predicted(difficulty[BALANCED])
        gains = {direction: float(np.mean([gain(row, direction, measure) for row in some])) for direction in DIRECTIONS}
        agrees = None if name == BALANCED else bool(moved * foretold > 0)
        rows.append({
            "set": name, "seeds": len(some), **gains, "difference": mean, "±": wide, "moved": moved, "predicted": foretold,
            "agrees": agrees,
        })  # fmt: skip
    return pd.DataFrame(rows)


def effects(results: list[dict], difficulty: dict[str, dict[str, float]], measure: str = QUALITY) -> list[Effect]:
    """What each explanation comes to, of those whose two lopsided sets were both trained; arguments as for `table`."""
    known, found = _by_set(results), []
    deviation, free = scatter(results, measure)
    means = {
        name: {direction: float(np.mean([gain(row, direction, measure) for row in rows])) for direction in DIRECTIONS}
        for name, rows in known.items()
    }
    for explanation in EXPLANATIONS:
        names = {one.person: name for name, one in SETS.items() if one.explanation == explanation}
        if not {*names.values(), BALANCED} <= set(known):
            continue
        shift = sum(
            sign * np.mean([difference(row, measure) for row in known[names[person]]]) / 2
            for person, sign in (("A", 1), ("B", -1))
        )
        seeds = [len(known[name]) for name in names.values()]
        wide = stats.t.ppf(0.975, free) * deviation * np.sqrt(sum(1 / n for n in seeds)) / 2 if free else np.inf
        cost = {
            role: np.mean([means[BALANCED][way] - means[names[person]][way] for person, way in ways])
            for role, ways in {"generated": zip("AB", DIRECTIONS[::-1]), "shown": zip("AB", DIRECTIONS)}.items()  # noqa: B905
        }
        foretold = (predicted(difficulty[names["A"]]) - predicted(difficulty[names["B"]])) / 2
        found.append(
            Effect(explanation, float(shift), float(wide), float(cost["generated"]), float(cost["shown"]), foretold)
        )
    return found


def measured(kind: str = "clips") -> tuple[list[dict], dict[str, dict[str, float]]]:
    """What the benchmark found, for `table` and `effects`.

    Args:
        kind: which diagnosis foretells: "clips", of the clips that are converted and the source's training set, or "sets", of
            both training sets, as notebook 02 shows it.

    Returns:
        results, and set -> direction -> difficulty; both empty where the file is missing.
    """
    kept = files.read_json(MEASURED) if MEASURED.exists() else {"results": [], "diagnosis": {}}
    return kept["results"], {name: one[kind] for name, one in kept["diagnosis"].items()}


def _by_set(results: Iterable[dict]) -> dict[str, list[dict]]:
    known: dict[str, list[dict]] = {}
    for row in results:
        known.setdefault(row["set"], []).append(row)
    return known
