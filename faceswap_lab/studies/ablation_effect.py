"""What the trainings of an ablation say together: what each part is worth, how sure that is, and a verdict.

A result is a dictionary: variant (a key of `ablation.VARIANTS`), seed, and the measures.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from faceswap_lab.studies.ablation import VARIANTS

MEASURES = ("structure_gain", "identity_gain", "swap_gain", "gaze_error", "sharpness")
DECIDING = ("structure_gain", "identity_gain")  # what the verdict is about
LEAST = 0.01  # a gain smaller than this is none that anyone would see
MEASURED = Path(__file__).with_name("ablation.json")  # by `benchmarks/ablation.py --write`
MEASURED_GAN = MEASURED.with_name("ablation_gan.json")  # the same, with `--start gan`
BEGUN = {"warm": "the warm start", "nothing": "nothing", "gan": "a FaceSwap-GAN that generates as the warm start"}


@dataclass(frozen=True)
class Worth:
    """What a part adds to one measure: with it, less without it, over the seeds that have both.

    Args:
        mean: of the differences; positive: the measure is larger with the part.
        half_width: of the 95 % interval around it, from Student's t; infinite for one seed.
        seeds: how many pairs there are.
    """

    mean: float
    half_width: float
    seeds: int

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves out 0 and the mean is large enough to matter."""
        return abs(self.mean) > max(self.half_width, LEAST)


def differences(results: Iterable[dict], name: str, measure: str) -> np.ndarray:
    """With a variant's part less without it, one number for each seed that has both, by rising seed.

    Args:
        results: rows with variant, seed and the measures.
        name: of the variant, a key of `VARIANTS`.
        measure: one of `MEASURES`. Of sharpness, the distance from 1 is compared, with its sign turned; of gaze_error the
            sign is turned: larger is better in all.
    """
    by_seed: dict[str, dict[int, float]] = {"base": {}, name: {}}
    for row in results:
        if row["variant"] in by_seed and row.get(measure) is not None:
            by_seed[row["variant"]][row["seed"]] = _larger_is_better(measure, row[measure])
    shared = sorted(set(by_seed["base"]) & set(by_seed[name]))
    sign = 1 if VARIANTS[name].on else -1
    return np.array([sign * (by_seed[name][seed] - by_seed["base"][seed]) for seed in shared])


def worth(results: Iterable[dict], name: str, measure: str) -> Worth:
    """The worth of a variant's part in one measure: mean and 95 % interval of `differences`, which see for the arguments.

    Returns:
        `Worth`; mean NaN where no seed has both.
    """
    found = differences(results, name, measure)
    if len(found) < 2:
        return Worth(float(found[0]) if len(found) else np.nan, np.inf, len(found))
    half_width = stats.t.ppf(0.975, len(found) - 1) * stats.sem(found)
    return Worth(float(found.mean()), float(half_width), len(found))


def _larger_is_better(measure: str, value: float) -> float:
    return -abs(value - 1) if measure == "sharpness" else -value if measure == "gaze_error" else value


def verdict(results: list[dict], name: str) -> str:
    """What the deciding measures say of a variant's part: pays, costs, both, or no difference seen."""
    if name == "base":
        return ""
    found = [worth(results, name, measure) for measure in DECIDING]
    ups, downs = (any(one.is_clear and one.mean * sign > 0 for one in found) for sign in (1, -1))
    if ups and downs:
        return "both"
    if not ups and not downs:
        return "no difference seen" if max(one.seeds for one in found) > 1 else "too few seeds"
    return "pays" if ups else "costs"


def table(results: list[dict]) -> pd.DataFrame:
    """A row a variant: means over the seeds, worth of its part with its interval in the deciding measures, the verdict."""
    rows = []
    for name in (known for known in VARIANTS if any(row["variant"] == known for row in results)):
        mine = [row for row in results if row["variant"] == name]
        line = {"variant": name, "part": VARIANTS[name].part, "seeds": len(mine)}
        for measure in MEASURES:
            values = [row[measure] for row in mine if row.get(measure) is not None]
            line[measure] = float(np.mean(values)) if values else np.nan
        for measure in DECIDING:
            one = worth(results, name, measure) if name != "base" else Worth(np.nan, np.nan, 0)
            line[f"worth in {measure}"], line[f"± {measure}"] = one.mean, one.half_width
        rows.append({**line, "verdict": verdict(results, name)})
    return pd.DataFrame(rows)
