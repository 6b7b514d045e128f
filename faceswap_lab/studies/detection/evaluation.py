"""Detectors tried where they were trained, and everywhere else: other models, other coders, another person."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import _
from faceswap_lab.faces.faceset import spread_rows
from faceswap_lab.metrics.bootstrap import Interval
from faceswap_lab.metrics.card import rounded
from faceswap_lab.studies.detection import error_rates
from faceswap_lab.studies.detection.data_set import GAP, REAL, TEST, TRAIN, Crops, Scene, split
from faceswap_lab.studies.detection.recompression import FILMED, Coding
from faceswap_lab.studies.detection.spectrum import LEAST, SpectrumDetector

Detector = Callable[[Crops], np.ndarray]
COLUMNS = ("scene", "coding", "video", "frame", "detector", "number")


def training_crops(
    scene: Scene,
    videos: Sequence[str],
    codings: Sequence[Coding] = (FILMED,),
    gap: int = GAP,
) -> tuple[Crops, Crops]:
    """What a detector learns from: the training moments, real and swapped, equally many.

    Args:
        videos: the swaps to learn. With several, and with several codings, the moments take them in turn.
        gap: see `data_set.split`.

    Returns:
        Real and swapped.

    Raises:
        LabError: when there is no such video, or too few moments.
    """
    if not videos:
        raise LabError("videos: none is given, so that there is only one class to learn from. Name one or more swaps.")
    rows = np.flatnonzero(split(scene.frames, gap=gap) == TRAIN)
    pairs = [(video, coding) for coding in codings for video in videos]
    real, swapped = [], []
    for place, (video, coding) in enumerate(pairs):
        own = rows[place :: len(pairs)]
        real.append(scene.crops(REAL, coding).some(own))
        swapped.append(scene.crops(video, coding).some(own))
    return _joined(real), _joined(swapped)


def pooled(*pairs: tuple[Crops, Crops]) -> tuple[Crops, Crops]:
    """Several scenes' training crops as one: real and swapped."""
    real, swapped = zip(*pairs, strict=True)
    return _joined(real), _joined(swapped)


def _joined(some: Sequence[Crops]) -> Crops:
    names = ("faces", "points", "skin", "eyes", "frames")
    return Crops(*(np.concatenate([getattr(one, name) for one in some]) for name in names))


def numbers(
    scene: Scene,
    detectors: dict[str, Detector],
    codings: Iterable[Coding] = (FILMED,),
    videos: Sequence[str] | None = None,
    gap: int = GAP,
) -> pd.DataFrame:
    """What detectors say of a scene's test moments; of all, where it shows no swap.

    Args:
        detectors: name -> a function from `Crops` to (T,) numbers.
        codings: how the videos are coded before they are looked at.
        videos: those that are looked at; None: all. The real one always is.
        gap: as in `training_crops`; the moments that training could not see are used.

    Returns:
        A table with the columns scene, coding, video, frame, detector, number.
    """
    chosen = list(dict.fromkeys([REAL, *(scene.videos if videos is None else videos)]))
    sides = split(scene.frames, gap=gap) if scene.swaps else np.full(len(scene.frames), TEST, object)
    rows, parts = np.flatnonzero(sides == TEST), []
    for coding in codings:
        for video in chosen:
            crops = scene.crops(video, coding).some(rows)
            for name, detector in detectors.items():
                found = np.asarray(detector(crops), np.float64)
                facts = {"scene": scene.name, "coding": coding.name, "video": video, "detector": name}
                parts.append(pd.DataFrame({**facts, "frame": crops.frames, "number": found}))
    return pd.concat(parts, ignore_index=True)[list(COLUMNS)]


def area(table: pd.DataFrame, detector: str, swap: tuple[str, str, str], real: tuple[str, str, str]) -> Interval:
    """How well a detector parts one swapped video from one real one, which may be of another scene or coded otherwise.

    Args:
        table: from `numbers`.
        detector: its name.
        swap, real: scene, coding and video of each.

    Raises:
        LabError: when the table lacks one of them.
    """
    found = []
    for scene, coding, video in (real, swap):
        mine = (table[["detector", "scene", "coding", "video"]] == [detector, scene, coding, video]).all(axis=1)
        if not mine.any():
            raise LabError(f"{detector}: no numbers for {video} ({scene}, {coding}). Let `numbers` look at that video.")
        found.append(table[mine].sort_values("frame")["number"].to_numpy())
    count = min(map(len, found))  # videos of two scenes may have differently many moments
    return error_rates.auc(*(numbers[spread_rows(len(numbers), count)] for numbers in found))


def areas(table: pd.DataFrame) -> pd.DataFrame:
    """The AUC of every detector, for every swap, coding and scene of a table from `numbers`: against the same moments, real.

    Returns:
        A table with the columns scene, coding, video, detector, auc: an `Interval`.
    """
    rows = []
    kinds = table[["scene", "coding", "video", "detector"]].drop_duplicates()
    for scene, coding, video, detector in kinds[kinds["video"] != REAL].itertuples(index=False):
        found = area(table, detector, (scene, coding, video), (scene, coding, REAL))
        rows.append({"scene": scene, "coding": coding, "video": video, "detector": detector, "auc": found})
    return pd.DataFrame(rows)


def false_alarms(table: pd.DataFrame, known: pd.DataFrame, share: float = 0.05) -> pd.DataFrame:
    """How many real faces raise an alarm where the threshold was not chosen.

    Args:
        table: from `numbers`: real videos of any scenes and codings; the swaps in it are left out.
        known: from `numbers`: the real video on which each detector's threshold is chosen, so that `share` of it raises one.

    Returns:
        Scenes and codings by detectors: shares of alarms.
    """
    limits = known[known["video"] == REAL].groupby("detector")["number"].agg(error_rates.threshold, share)
    real = table[table["video"] == REAL]
    above = real.assign(number=(real["number"] > real["detector"].map(limits)).where(real["number"].notna()))
    return above.pivot_table("number", ["scene", "coding"], "detector", sort=False)


THROWS, TOGETHER = 12, 8  # of all coins, and moments that share a coin


def coin_areas(crops: Crops, sides: np.ndarray, seed: int = 0) -> np.ndarray:
    """What a detector reaches where there is nothing to learn: the classes are a coin's throws, one for every few moments.

    An honest split gives 0.5 on the mean. A split that deals neighbours to both sides lets the detector look the throws up.

    Args:
        crops: of one video.
        sides: (T,) as from `data_set.split` or `data_set.shuffled_split`.

    Returns:
        At most `THROWS` AUCs of the spectrum detector; throws that leave a class empty are left out.

    Raises:
        LabError: when no throw gives both classes faces enough.
    """
    random, found = np.random.default_rng(seed), []
    train, test = sides == TRAIN, sides == TEST
    for _throw in range(THROWS):
        coin = np.repeat(random.integers(2, size=-(-len(crops) // TOGETHER)), TOGETHER)[: len(crops)] == 1
        classes = [crops.some(train & side) for side in (~coin, coin)]
        if min(map(len, classes)) >= LEAST and 0 < coin[test].sum() < test.sum():
            said = SpectrumDetector(1.0).fit(*classes)(crops.some(test))
            found.append(roc_auc_score(coin[test], said))
    if not found:
        raise LabError("crops: too few moments to throw coins for. Give a longer clip.")
    return np.array(found)


def told(found: Interval) -> str:
    """An AUC in words for a table: 0.93 (0.88 to 0.97)."""
    said = _("{value:.2f} ({low:.2f} to {high:.2f})") if found.is_known else "{value:.2f}"
    return said.format(value=found.value, low=found.low, high=found.high).replace(" ", "\u00a0")  # stays on one line


def as_json(areas: pd.DataFrame) -> list[dict]:
    """Rows with a column auc as JSON holds them: value, low and high end to four digits, None where there is none."""
    parts = ("value", "low", "high")
    return [
        {**row, "auc": {part: rounded(getattr(row["auc"], part)) for part in parts}} for row in areas.to_dict("records")
    ]
