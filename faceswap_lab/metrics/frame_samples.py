"""One pass over some clips for all measures: a `FrameSample` is one moment, a measure looks at samples and keeps a row of each.

Frames stream through, so that a long clip needs no more memory than a short one; what the networks see in target and truth is
found once and shared by all outputs that are compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np
import pandas as pd

from faceswap_lab.base.errors import LabError
from faceswap_lab.faces.landmarks import FaceMesh, Landmarks
from faceswap_lab.metrics.catalogue import Score
from faceswap_lab.metrics.clips import check_frame, check_points, face_width, together
from faceswap_lab.metrics.gaze import EyeReading, read_eyes

Finder = Callable[[np.ndarray, np.ndarray], Landmarks | None]


@dataclass(eq=False)
class Picture:
    """One frame of one clip, with what is seen in it, found when first asked for.

    Args:
        image: (H, W, 3) uint8 RGB.
        points: (5, 2) float64 five points of the target's face in this frame, in pixels; NaN where there is none. They start the
            search for landmarks, the same for target, truth and output, so that a face that has moved is seen to have moved.
        finder: from image and points to landmarks, or None where no face is seen.
    """

    image: np.ndarray
    points: np.ndarray
    finder: Finder = field(repr=False)

    @property
    def has_points(self) -> bool:
        """Whether there is a face to look at."""
        return bool(np.isfinite(self.points).all())

    @cached_property
    def landmarks(self) -> Landmarks | None:
        """The face's landmarks in pixels of the frame; None where none is seen."""
        return self.finder(self.image, self.points) if self.has_points else None

    @cached_property
    def eyes(self) -> EyeReading | None:
        """What the eyes show, see `gaze.read_eyes`; None without landmarks."""
        return None if self.landmarks is None else read_eyes(self.image, self.landmarks)


@dataclass(frozen=True, eq=False)
class FrameSample:
    """One moment: an output and what it is compared with.

    Args:
        index: the frame's number, from 0.
        output: the swap.
        target: the untouched frame.
        truth: the true swap; None where it is not known.
        width: of the clip's faces in pixels, `clips.face_width`; the same for all samples of a clip.
    """

    index: int
    output: Picture
    target: Picture
    truth: Picture | None
    width: float

    @property
    def known_truth(self) -> Picture:
        """The true swap, for measures that need it; they are asked only where it is known."""
        assert self.truth is not None
        return self.truth


class Measure(Protocol):
    """What looks at samples. A measure is made anew for each output."""

    scores: tuple[Score, ...]

    def add(self, sample: FrameSample) -> None:
        """Looks at a sample; they come in the order of time, each once."""

    def table(self) -> pd.DataFrame:
        """One row a sample, by rising index, with the columns that `scores` ask for; NaN where there is nothing to say."""


class Rows:
    """A measure that looks at each sample by itself: a kind of it has `SCORES`, its table's `COLUMNS`, and each `row`."""

    SCORES: tuple[Score, ...] = ()
    COLUMNS: Sequence[str] = ()

    def __init__(self) -> None:
        self.scores = self.SCORES
        self.rows: list[dict[str, float]] = []

    def add(self, sample: FrameSample) -> None:
        """Looks at a sample, see `Measure`."""
        self.rows.append(self.row(sample))

    def row(self, sample: FrameSample) -> dict[str, float]:
        """What is read off a sample, by column; what is left out is NaN."""
        raise NotImplementedError

    def table(self) -> pd.DataFrame:
        """One row a sample, see `Measure`."""
        return pd.DataFrame(self.rows, index=range(len(self.rows)), columns=list(self.COLUMNS), dtype=np.float64)


def measure_clips(
    outputs: Mapping[str, Iterable[np.ndarray]],
    target: Iterable[np.ndarray],
    points: np.ndarray,
    measures: Callable[[str], Sequence[Measure]],
    truth: Iterable[np.ndarray] | None = None,
    finder: Finder | None = None,
    width: float | None = None,
) -> dict[str, tuple[tuple[Score, ...], pd.DataFrame]]:
    """Looks at several outputs of one clip in one pass.

    Args:
        outputs: name -> frames, (H, W, 3) uint8 RGB, any iterable, without the visible label.
        target, truth: the frames likewise; truth None where no true swap is known.
        points: (T, 5, 2) five points of the target's face a frame, in frame pixels; NaN where there is none.
        measures: makes the measures for an output, given its name.
        finder: of landmarks; None takes `FaceMesh`.
        width: see `FrameSample`; None takes `clips.face_width` of the points.

    Returns:
        For each output the scores of its measures, and one table with the columns of all, a row a frame.

    Raises:
        LabError: when lengths or sizes differ, a frame is not (H, W, 3) uint8, or there is no frame.
    """
    points, finder = check_points(points), finder or FaceMesh()
    width = face_width(points) if width is None else width
    working = {name: tuple(measures(name)) for name in outputs}
    count = 0
    for samples in _samples(outputs, target, truth, points, finder, width):
        count += 1
        for name, sample in samples.items():
            for measure in working[name]:
                measure.add(sample)
    if not count or count != len(points):
        raise LabError(f"points: {len(points)} rows for a clip of {count} frames. Give one row of five points a frame.")
    found = {}
    for name, some in working.items():
        tables = [measure.table().reset_index(drop=True) for measure in some]
        scores = tuple(score for measure in some for score in measure.scores)
        found[name] = scores, pd.concat([pd.DataFrame({"frame": np.arange(count)}), *tables], axis=1)
    return found


def _samples(outputs, target, truth, points, finder, width) -> Iterator[dict[str, FrameSample]]:
    if "target" in outputs:
        raise LabError('outputs: none may be called target. Call the untouched frames "unchanged".')
    keys = {name: "truth as an output" if name == "truth" else name for name in outputs}  # the truth may be scored too
    clips = {keys[name]: frames for name, frames in outputs.items()} | {"target": target}
    clips |= {} if truth is None else {"truth": truth}
    for index, frames in enumerate(together(**clips)):
        if index >= len(points):
            raise LabError(f"points: {len(points)} rows, but the clip goes on. Give one row of five points a frame.")
        images = dict(zip(clips, frames, strict=True))
        for name, image in images.items():
            check_frame(name, image, images["target"] if truth is None else images["truth"], index)
        known = {name: Picture(image, points[index], finder) for name, image in images.items()}
        for name in outputs:  # what is seen in the target is not looked for again in an output that is the target
            for other in ("target", "truth"):
                if other in known and np.array_equal(images[keys[name]], images[other]):
                    known[keys[name]] = known[other]
        yield {
            name: FrameSample(index, known[keys[name]], known["target"], known.get("truth"), width) for name in outputs
        }  # fmt: skip
