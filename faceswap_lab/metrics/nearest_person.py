"""Whose face it is, by the plainest question: is it nearer to the source than to the target? More: `identity`."""

from __future__ import annotations

import numpy as np
import pandas as pd

from faceswap_lab.base.errors import LabError
from faceswap_lab.metrics.catalogue import Score, mean_of
from faceswap_lab.metrics.frame_samples import FrameSample
from faceswap_lab.metrics.recognition_features import Embedding, Recogniser


def mean_distance(faces: np.ndarray, person: np.ndarray) -> np.ndarray:
    """Mean L2 distance of each face to a person's faces: (T, 128) and (N, 128) to (T,)."""
    return np.linalg.norm(faces[:, np.newaxis] - person, axis=2).mean(axis=1)


class NearerMeasure:
    """On how many frames the evaluation network finds the face nearer to the source person than to the target person.

    Args:
        source_faces, target_faces: the evaluation network's numbers of both people, (N, 128) and (M, 128), from
            `recognition_features.features`; rows with NaN are left out. Best taken from other clips than the target.
        recogniser: shared by the measures of a pass; None makes one.

    Raises:
        LabError: when one of the two has no face.
    """

    SCORES = (
        Score(
            "nearer_to_source", "frames nearer to B",
            "Share of the frames that the recognition network finds nearer to B than to A.",
            "higher", (0, 1), mean_of("nearer_to_source"), unit="share", needs=("source",),
        ),
    )  # fmt: skip

    def __init__(self, source_faces: np.ndarray, target_faces: np.ndarray, recogniser: Recogniser | None = None):
        self.scores, self.recogniser = self.SCORES, recogniser or Recogniser()
        self.embeddings: list[Embedding | None] = []
        self.people: list[np.ndarray] = []
        for name, faces in (("source", source_faces), ("target", target_faces)):
            self.people.append(faces[np.isfinite(faces).all(axis=1)])
            if not len(self.people[-1]):
                raise LabError(f"{name}: no face in any of its pictures. Look at the face set's contact sheet.")

    def add(self, sample: FrameSample) -> None:
        """Looks at a sample."""
        self.embeddings.append(self.recogniser.ask(sample.output))

    def table(self) -> pd.DataFrame:
        """One row a sample: `nearer_to_source` (0 or 1), and by how much, `nearer_margin` (L2 distances)."""
        margin = np.full(len(self.embeddings), np.nan)
        seen = {row: embedding.numbers for row, embedding in enumerate(self.embeddings) if embedding is not None}
        if seen:
            to_source, to_target = (mean_distance(np.stack(list(seen.values())), person) for person in self.people)
            margin[list(seen)] = to_target - to_source
        return pd.DataFrame(
            {"nearer_to_source": np.where(np.isnan(margin), np.nan, margin > 0), "nearer_margin": margin}
        )
