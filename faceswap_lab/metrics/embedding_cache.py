"""The judge of a whole pass: every picture is asked about once, many at a time, and only the 128 numbers are kept."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

import numpy as np

from faceswap_lab.faces.embeddings import chip
from faceswap_lab.metrics.recognition_features import CHIPS_AT_ONCE
from faceswap_lab.models.dlib_recognition import FaceRecognition

if TYPE_CHECKING:
    from faceswap_lab.metrics.frame_samples import Picture


class Verdict:
    """What the judge says of one face; worked out with others when it is first read."""

    def __init__(self, judge: Judge):
        self._judge, self._numbers = judge, None

    @property
    def numbers(self) -> np.ndarray:
        """(128,) float32."""
        if self._numbers is None:
            self._judge.finish()
        return self._numbers


class Judge:
    """Collects faces until there are enough for a batch; shared by all measures and outputs of a pass.

    Args:
        recognition: what has `embed(chips)`, (N, 150, 150, 3) uint8 RGB to (N, 128); None makes a `FaceRecognition`.
    """

    def __init__(self, recognition: FaceRecognition | None = None):
        self.recognition = recognition or FaceRecognition()
        self._waiting: list[tuple[Verdict, np.ndarray]] = []
        self._known: weakref.WeakKeyDictionary[Picture, Verdict] = weakref.WeakKeyDictionary()

    def ask(self, picture: Picture) -> Verdict | None:
        """The verdict on a picture's face; None where it has no points."""
        if not picture.has_points:
            return None
        if picture not in self._known:
            self._known[picture] = verdict = Verdict(self)
            self._waiting.append((verdict, chip(picture.image, picture.points)))
            if len(self._waiting) >= CHIPS_AT_ONCE:
                self.finish()
        return self._known[picture]

    def finish(self) -> None:
        """Looks at all that waits."""
        if self._waiting:
            numbers = self.recognition.embed(np.stack([face for _, face in self._waiting]))
            for (verdict, _), found in zip(self._waiting, numbers, strict=True):
                verdict._numbers = found
            self._waiting = []


def distance(one: Verdict | None, other: Verdict | None) -> float:
    """L2 distance of two verdicts; NaN where one is missing."""
    return float("nan") if one is None or other is None else float(np.linalg.norm(one.numbers - other.numbers))
