"""Whether an output follows: landmarks, gaze, mouth, blinks and pose, against the true swap and, without one, the target.

What is read off a face and how well: `expression`, `gaze`. The measures here collect it over a clip. A frame in which the
output shows no face that the landmark network would know is left out of all of them, and counts in `landmarks_found`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

from faceswap_lab.metrics.catalogue import Score, mean_of, ratio_of, value_of
from faceswap_lab.metrics.expression import LEAST_FRAMES, POSE, READINGS, Expression, pose_angle, read_expression
from faceswap_lab.metrics.frame_samples import Finder, FrameSample, Picture, Rows, measure_clips
from faceswap_lab.metrics.gaze import CLOSED, angle_between, still_error
from faceswap_lab.metrics.weighting import Weighted, correlation, mean_apart

_INFINITE = float("inf")
_AXES = ("right", "up")


def expression_of(picture: Picture) -> Expression | None:
    """What a picture's face does; None where none is seen."""
    if picture.landmarks is None or picture.eyes is None:
        return None
    return read_expression(picture.landmarks, picture.eyes)


class LandmarkErrors(Rows):
    """How far the output's 468 landmarks lie from the truth's: a mean over the points, as a share of the distance between the eyes.

    Columns: landmark_error, landmarks_found and landmarks_known (1 where output and truth, or the truth, show a face).
    """

    SCORES = (
        Score(
            "landmark_error", "landmark error", "How far the output's landmarks lie from the truth's, as a share of the "
            "distance between the eyes: 0 is the same place. The unchanged target's is what two people's shapes differ by.",
            "lower", (0, _INFINITE), mean_of("landmark_error"), "share", ("truth",),
        ),
        Score(
            "landmarks_found", "faces found", "Share of the truth's faces in which the output shows a face too. A frame "
            "without one is in no other error.", "higher", (0, 1),
            ratio_of("landmarks_found", "landmarks_known"), "share", ("truth",),
        ),
    )  # fmt: skip
    COLUMNS = ("landmark_error", "landmarks_found", "landmarks_known")

    def row(self, sample: FrameSample) -> dict[str, float]:
        there = sample.known_truth.landmarks
        here = None if there is None else sample.output.landmarks
        error = np.nan
        if there is not None and here is not None:
            eyes = np.linalg.norm(sample.known_truth.points[1] - sample.known_truth.points[0])
            error = float(np.linalg.norm(here.mesh.astype(np.float64) - there.mesh, axis=1).mean() / eyes)
        return dict(zip(self.COLUMNS, (error, float(here is not None), float(there is not None)), strict=True))


class GazeErrors(Rows):
    """How far the output looks past where the truth looks, in degrees. Frames in which the truth blinks are left out.

    Columns: gaze_error (degrees), gaze_truth_right, gaze_truth_up (degrees, of the truth's open eyes), gaze_read, gaze_known.
    """

    SCORES = (
        Score(
            "gaze_error", "gaze error", "Mean angle between where the output and where the truth looks, in degrees: 0 is "
            "the same. Up and down it sees a fifth of a movement only.", "lower", (0, 180),
            mean_of("gaze_error"), "deg", ("truth",),
        ),
        Score(
            "gaze_found", "open eyes found", "Share of the truth's open-eyed frames in which the output's eyes can be read too.",
            "higher", (0, 1), ratio_of("gaze_read", "gaze_known"), "share", ("truth",),
        ),
    )  # fmt: skip
    COLUMNS = ("gaze_error", "gaze_truth_right", "gaze_truth_up", "gaze_read", "gaze_known")

    def row(self, sample: FrameSample) -> dict[str, float]:
        known = sample.known_truth.eyes
        if known is None or not known.is_open:
            return {"gaze_read": 0.0, "gaze_known": 0.0}
        row = dict(zip(self.COLUMNS[1:3], known.direction(), strict=True)) | {"gaze_read": 0.0, "gaze_known": 1.0}
        seen = sample.output.eyes
        if seen is not None and seen.is_open:  # one head, one yaw: its error cancels
            directions = seen.direction(known.yaw)[None], known.direction()[None]
            row |= {"gaze_error": float(angle_between(*directions)[0]), "gaze_read": 1.0}
        return row


def gaze_still(table: pd.DataFrame) -> float:
    """The gaze error of eyes that never move, in degrees: what a swap has to beat. It belongs to the clip, so it is no score.

    Args:
        table: of `GazeErrors`; NaN comes back for any other, and where the truth's eyes were never read.
    """
    if "gaze_truth_right" not in table:
        return float("nan")
    return still_error(table[["gaze_truth_right", "gaze_truth_up"]].dropna().to_numpy())


def against_truth(
    output: Iterable[np.ndarray], truth: Iterable[np.ndarray], points: np.ndarray, finder: Finder | None = None
) -> dict[str, float]:
    """Whether eyes and features of an output are where the true swap has them, for a quick look.

    Args:
        output, truth: the frames, (H, W, 3) uint8 RGB.
        points: (T, 5, 2) five points of the truth's face, in frame pixels; NaN where there is none.
        finder: of landmarks; None takes `FaceMesh`.

    Returns:
        The scores of `LandmarkErrors` and `GazeErrors` by name, and `gaze_still`; NaN where nothing can be read.

    Raises:
        LabError: when lengths or sizes differ.
    """
    truth, again = itertools.tee(truth)
    scores, table = measure_clips(
        {"output": output}, again, points, lambda name: [LandmarkErrors(), GazeErrors()], truth, finder, width=1.0
    )["output"]
    return value_of(scores, table) | {"gaze_still": gaze_still(table)}


class ExpressionErrors(Rows):
    """Mouth, blinks and pose against the truth's, in plain numbers: it is the same person.

    Columns: mouth_error, blink_error, pose_error, blinks_both and blinks_either (1 where output and truth, or one of
    them, has its eyes shut).
    """

    SCORES = (
        Score(
            "mouth_error", "mouth error", "How far the gap between the lips is from the truth's, as a share of the distance "
            "between "
            "the eyes: 0 opens and closes as the truth does.", "lower", (0, _INFINITE), mean_of("mouth_error"), "share",
            ("truth",), ),
        Score(
            "blink_error", "eye opening error", "How far the gap between the lids is from the truth's, as a share of the "
            "eye's width: 0 "
            "is the same; open eyes have about 0.3.", "lower", (0, _INFINITE), mean_of("blink_error"), "share", ("truth",),
        ),
        Score(
            "blinks_reproduced", "blinks reproduced", "Frames in which the eyes of both, output and truth, are shut, over "
            "the frames in "
            "which either's are: 1 blinks when the truth does and at no other time. Not given where nobody blinks.",
            "higher", (0, 1), ratio_of("blinks_both", "blinks_either"), "share", ("truth",),
        ),
        Score(
            "pose_error", "pose error", "The angle between the output's head and the truth's, in degrees, read off "
            "landmarks: 0 is the same.", "lower", (0, 180), mean_of("pose_error"), "deg", ("truth",),
        ),
    )  # fmt: skip
    COLUMNS = ("mouth_error", "blink_error", "pose_error", "blinks_both", "blinks_either")

    def row(self, sample: FrameSample) -> dict[str, float]:
        there = expression_of(sample.known_truth)
        here = None if there is None else expression_of(sample.output)
        if there is None or here is None:
            return {}
        shut = [face.eyes < CLOSED for face in (here, there)]
        poses = [np.array([getattr(face, name) for name in POSE]) for face in (here, there)]
        return {
            "mouth_error": abs(here.mouth - there.mouth),
            "blink_error": abs(here.eyes - there.eyes),
            "pose_error": pose_angle(*poses),
            "blinks_both": float(all(shut)),
            "blinks_either": float(any(shut)),
        }


def _columns(names: tuple[str, ...]) -> list[str]:
    return [f"kept_{name}_{kind}" for kind in ("output", "target") for name in names]


def _kept(*groups: tuple[str, ...]) -> Callable[[pd.DataFrame], float]:
    """The mean over groups of readings of `expression.together_share`; NaN where none can be given."""
    sizes = [len(names) for names in groups]

    def kept(tracks: np.ndarray, weights: np.ndarray) -> np.ndarray:
        parts = np.split(tracks, np.cumsum([2 * size for size in sizes])[:-1], axis=1)
        pairs = [np.split(part, 2, axis=1) for part in parts]
        found = np.stack([correlation(output, target, weights, LEAST_FRAMES) for output, target in pairs])
        given = np.isfinite(found)
        return np.where(given.any(axis=0), np.nansum(found, axis=0) / np.maximum(given.sum(axis=0), 1), np.nan)

    return Weighted(kept, [column for names in groups for column in _columns(names)])


def _apart(names: tuple[str, ...]) -> Callable[[pd.DataFrame], float]:
    def apart(tracks: np.ndarray, weights: np.ndarray) -> np.ndarray:
        output, target = np.split(tracks, 2, axis=1)
        return mean_apart(output - target, weights, LEAST_FRAMES)

    return Weighted(apart, _columns(names))


_TOGETHER = (
    "Correlation with the target's over the clip: 1 moves as the target does, 0 has nothing to do with it. How far it moves "
    "does not count, since people differ in that."
)


class Kept(Rows):
    """Whether the output keeps the target's pose, mouth, blinks, expression and gaze; no truth is needed.

    Columns: kept_<reading>_output and kept_<reading>_target for yaw, pitch, roll, the readings of `expression.READINGS`,
    and gaze right and up in degrees (of frames in which both have open eyes).
    """

    SCORES = (
        Score(
            "pose_kept", "pose kept", f"Yaw, pitch and roll. {_TOGETHER}", "higher", (-1, 1), _kept(POSE),
        ),
        Score(
            "pose_kept_error", "pose apart", "How far yaw, pitch and roll are from the target's once a constant is out (of "
            "the person, of the estimator), in degrees.", "lower", (0, _INFINITE), _apart(POSE), "deg",
        ),
        Score(
            "mouth_kept", "mouth kept", f"The gap between the lips. {_TOGETHER}", "higher", (-1, 1), _kept(("mouth",)),
        ),
        Score(
            "blink_kept", "blinks kept", f"The gap between the lids. {_TOGETHER}", "higher", (-1, 1), _kept(("eyes",)),
        ),
        Score(
            "expression_kept", "expression kept", "Mean over the mouth's opening, its width, the lids and the brows. "
            f"{_TOGETHER}", "higher", (-1, 1), _kept(*((name,) for name in READINGS)),
        ),
        Score(
            "gaze_kept", "gaze kept", f"Where the eyes look, right and up, blinks left out. {_TOGETHER}", "higher", (-1, 1),
            _kept(("right", "up")),
        ),
        Score(
            "gaze_kept_error", "gaze apart", "How far the gaze is from the target's once a constant is out, in degrees. Up "
            "and down it sees a fifth of a movement only.", "lower", (0, _INFINITE), _apart(("right", "up")), "deg",
        ),
    )  # fmt: skip
    COLUMNS = tuple(f"kept_{name}_{kind}" for name in (*POSE, *READINGS, *_AXES) for kind in ("output", "target"))

    def row(self, sample: FrameSample) -> dict[str, float]:
        found = {"target": expression_of(sample.target), "output": expression_of(sample.output)}
        if any(face is None for face in found.values()):
            return {}
        row = {
            f"kept_{name}_{kind}": getattr(face, name) for kind, face in found.items() for name in (*POSE, *READINGS)
        }
        own, mine = sample.target.eyes, sample.output.eyes
        if own is not None and mine is not None and own.is_open and mine.is_open:
            for kind, eyes in (("target", own), ("output", mine)):
                looks = eyes.direction(own.yaw)  # one head, one yaw: its error cancels
                row |= {f"kept_{axis}_{kind}": float(value) for axis, value in zip(_AXES, looks, strict=True)}
        return row
