"""Whose face, and where its features lie: `nearer_to_source` and `landmark_error` as measures of shots."""

from __future__ import annotations

import numpy as np
import pandas as pd

from faceswap_lab.errors import LabError
from faceswap_lab.scores.catalogue import Score, mean_of, ratio_of
from faceswap_lab.scores.judge import Judge
from faceswap_lab.scores.likeness import mean_distance
from faceswap_lab.scores.shots import Shot


class NearerMeasure:
    """On how many frames the judge finds the face nearer to the source person than to the target person.

    Args:
        source_faces, target_faces: the judge's numbers of both people, (N, 128) and (M, 128), see `likeness.embed_faces`; rows
            with NaN are left out. Best taken from other clips than the target.
        judge: shared by the measures of a pass; None makes one.

    Raises:
        LabError: when one of the two has no face.
    """

    SCORES = (
        Score(
            "nearer_to_source", "nearer to B",
            "Share of the frames that the recognition network finds nearer to B than to A.",
            "higher", (0, 1), mean_of("nearer_to_source"), unit="share", needs=("source",),
        ),
    )  # fmt: skip

    def __init__(self, source_faces: np.ndarray, target_faces: np.ndarray, judge: Judge | None = None):
        self.scores, self.judge, self.verdicts = self.SCORES, judge or Judge(), []
        self.people = []
        for name, faces in (("source", source_faces), ("target", target_faces)):
            self.people.append(faces[np.isfinite(faces).all(axis=1)])
            if not len(self.people[-1]):
                raise LabError(f"{name}: no face in any of its pictures. Look at the face set's contact sheet.")

    def add(self, shot: Shot) -> None:
        """Looks at a shot."""
        self.verdicts.append(self.judge.ask(shot.output))

    def table(self) -> pd.DataFrame:
        """One row a shot: `nearer_to_source` (0 or 1), and by how much, `nearer_margin` (L2 distances)."""
        margin = np.full(len(self.verdicts), np.nan)
        seen = [row for row, verdict in enumerate(self.verdicts) if verdict is not None]
        if seen:
            faces = np.stack([self.verdicts[row].numbers for row in seen])
            to_source, to_target = (mean_distance(faces, person) for person in self.people)
            margin[seen] = to_target - to_source
        return pd.DataFrame(
            {"nearer_to_source": np.where(np.isnan(margin), np.nan, margin > 0), "nearer_margin": margin}
        )


class LandmarkMeasure:
    """`landmark_error` and `landmarks_found`, frame by frame."""

    SCORES = (
        Score(
            "landmark_error", "landmark error",
            "How far eyes, nose and mouth lie from where the true swap has them, as a share of the distance between the eyes.",
            "lower", (0, np.inf), mean_of("landmark_error"), unit="share", needs=("truth",),
        ),
        Score(
            "landmarks_found", "faces found",
            "Share of the true swap's faces that are seen in the output, too; a face that is none is not in the landmark error.",
            "higher", (0, 1), ratio_of("landmarks_here", "landmarks_there"), unit="share", needs=("truth",),
        ),
    )  # fmt: skip

    def __init__(self):
        self.scores, self.rows = self.SCORES, []

    def add(self, shot: Shot) -> None:
        """Looks at a shot whose truth is known."""
        there = shot.truth.landmarks
        here = None if there is None else shot.output.landmarks
        error = np.nan
        if here is not None:
            eyes = np.linalg.norm(shot.truth.points[1] - shot.truth.points[0])
            apart = np.asarray(here.mesh, np.float64) - np.asarray(there.mesh, np.float64)
            error = np.linalg.norm(apart, axis=1).mean() / eyes
        found = {"landmarks_here": float(here is not None), "landmarks_there": float(there is not None)}
        self.rows.append({"landmark_error": error, **found})

    def table(self) -> pd.DataFrame:
        """One row a shot: `landmark_error`, and whether a face was found here and there (0 or 1)."""
        return pd.DataFrame(self.rows)
