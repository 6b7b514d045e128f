"""A check that needs no swap to learn from: does the video show the person whom it claims to show?

S. Agarwal et al., "Protecting world leaders against deep fakes", CVPR workshops 2019, and D. Cozzolino et al., "ID-Reveal:
identity-aware deepfake video detection", ICCV 2021, ask the same of how a person moves; here a recognition network asks it of
the face alone.
"""

from __future__ import annotations

import numpy as np

from faceswap_lab.base.errors import LabError
from faceswap_lab.faces.embeddings import nearest
from faceswap_lab.faces.faceset import FaceSet
from faceswap_lab.metrics.recognition_features import Dlib, Network, features, set_features
from faceswap_lab.studies.detection.data_set import Crops

PICTURES = 40  # of the claimed person, at most


class ClaimCheck:
    """How far each face is from the person whom the video claims to show.

    Args:
        person: for the name, "is it A?".
        references: (M, 128) the recognition network's numbers of pictures that surely show that person.
        network: the recognition network; None makes one.

    Raises:
        LabError: when there is no reference.
    """

    def __init__(self, person: str, references: np.ndarray, network: Network | None = None):
        self.name = f"is it {person}?"
        self.references = references[np.isfinite(references).all(axis=1)]
        if not len(self.references):
            raise LabError(f"{person}: no reference picture shows a face, so nobody can be compared with it. Give one.")
        self.network = network or Dlib()

    @classmethod
    def of_set(cls, person: str, faces: FaceSet, network: Network | None = None) -> ClaimCheck:
        """A check against a face set, of which at most forty pictures are looked at."""
        network = network or Dlib()
        return cls(person, set_features(faces.spread(PICTURES), network), network)

    def __call__(self, crops: Crops) -> np.ndarray:
        """(T,) median distance to the references: larger, less likely that person; beyond 0.6 the network says another one."""
        return nearest(features(crops.faces, crops.points, self.network), self.references)
