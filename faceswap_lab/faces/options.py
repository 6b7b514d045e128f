"""What can be asked of an extraction."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from faceswap_lab.base.errors import LabError, check_number
from faceswap_lab.faces import alignment

DETECTORS = ("mtcnn", "hog", "cnn", "all")  # see `detectors`; here, so that `--help` need not load them
SAME_PERSON = 0.6  # two embeddings of `models.dlib_recognition` nearer than this are taken for one person


@dataclass(frozen=True)
class Extraction:
    """What is asked of an extraction.

    Args:
        every: take every n-th frame.
        start, end: seconds; end is exclusive.
        detector: mtcnn, hog, cnn or all, see `detectors`.
        min_score: the detector's least belief in a face, the mean over its looks. Clear faces have 0.99, half-hidden ones
            0.6 to 0.9.
        min_face_size: smallest face in frame pixels.
        thresholds: of MTCNN's three networks.
        track: follow faces from frame to frame (MTCNN and video files only); else the detector looks at every frame.
        run_frames: frames of a run: the whole cascade looks at its first one; a stop loses one run at most.
        rotations: degrees by which a frame is turned when no face is surely found in it upright: a step (90 tries 90, 180
            and 270) or a list of angles; the angle with the surest face wins. Empty or 0: never.
        coverage: how much room the face leaves, see `alignment.canonical_points`.
        level_eyes: turn every face until its eyes lie on one height.
        min_sharpness: blurrier faces go into the folder `blurry`. 0: none.
        like, unlike: pictures of one face each: keep who looks like these, drop who looks like those. The dropped faces
            go into the folder `others`.
        identity_threshold: largest distance of recognition numbers at which two faces are one person.
        min_difference: faces that differ less from one that is kept go into the folder `duplicates`, see
            `curation.near_duplicates`. 0: none; 0.12 is usual.
        debug: keep a picture of every frame with what was found, in the folder `debug`.

    Raises:
        LabError: for a value that cannot be.
    """

    every: int = 1
    start: float | None = None
    end: float | None = None
    detector: str = "mtcnn"
    min_score: float = 0.8
    min_face_size: float = 40
    thresholds: tuple[float, float, float] = (0.6, 0.7, 0.7)
    track: bool = True
    run_frames: int = 24
    rotations: tuple[float, ...] = ()
    coverage: float = alignment.COVERAGE
    level_eyes: bool = False
    min_sharpness: float = 0
    like: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()
    identity_threshold: float = SAME_PERSON
    min_difference: float = 0
    debug: bool = False

    def __post_init__(self):
        for name in ("like", "unlike", "thresholds"):
            value = getattr(self, name)
            object.__setattr__(
                self, name, (str(value),) if isinstance(value, str) or hasattr(value, "__fspath__") else tuple(value)
            )
        for name in ("like", "unlike"):
            object.__setattr__(self, name, tuple(str(path) for path in getattr(self, name)))
        if self.detector not in DETECTORS:
            raise LabError(f"detector {self.detector!r}: choose one of {', '.join(DETECTORS)}.")
        check_number("every", self.every, 1, math.inf, "a whole number", whole=True)
        for name in ("start", "end"):
            if getattr(self, name) is not None:
                check_number(name, getattr(self, name), 0, math.inf, "seconds")
        check_number("min_face_size", self.min_face_size, 1, math.inf, "pixels")
        check_number("run_frames", self.run_frames, 1, math.inf, "a whole number of frames", whole=True)
        for name in ("min_sharpness", "min_difference"):
            check_number(name, getattr(self, name), 0, math.inf, "0 for none, or a number")
        if not 0 <= self.min_score < 1:
            raise LabError(f"min_score={self.min_score}: choose a value from 0 to below 1; 0.8 keeps sure faces only.")
        if not 0 < self.identity_threshold < 2:
            raise LabError(
                f"identity_threshold={self.identity_threshold}: choose a distance between 0 and 2; 0.6 is usual."
            )
        if not 0 < self.coverage <= 1:
            raise LabError(f"coverage={self.coverage}: choose a value above 0 and up to 1.")
        object.__setattr__(self, "rotations", _angles(self.rotations))
        for angle in self.rotations:
            check_number("rotations", angle, -360, 360, "degrees")
        for threshold in self.thresholds:
            check_number("thresholds", threshold, 0, 1, "three shares")


def _angles(given) -> tuple[float, ...]:
    if isinstance(given, int | float):
        if given and not 5 <= abs(given) <= 180:  # NaN, too
            raise LabError(f"rotations={given}: a step lies between 5 and 180 degrees; give a list for single angles.")
        return tuple(np.arange(abs(given), 360, abs(given)).tolist()) if given else ()
    return tuple(float(angle) for angle in given)
