"""The measure on held-out faces: 0 for the target's own faces, about 1 for the source's."""

import types

import numpy as np
import pytest

from faceswap_lab.course import held_out_measures, stages
from faceswap_lab.faces import alignment


class Faces:
    """What the measure asks of a face set."""

    def __init__(self, pictures):
        self.pictures, self.table = pictures, {"person": np.zeros(len(pictures), int)}

    def __len__(self):
        return len(self.pictures)

    def subset(self, rows):
        return Faces(self.pictures[rows])

    def of_person(self):
        return self.subset(self.table["person"] == 0)

    def images(self, size=256):
        from faceswap_lab.models.face_statistics import resize

        return resize(self.pictures, size)


@pytest.fixture(scope="module")
def sets(actor_frames):
    found = {}
    for role, clip in (("target", "train_A"), ("B", "train_B")):
        frames, points = actor_frames(clip, 20, 8)
        found[role] = Faces(
            np.stack(
                [
                    alignment.align(f, alignment.alignment_matrix(p, 256), 256)
                    for f, p in zip(frames, points, strict=True)
                ]
            )
        )
    return found


def test_identity_is_nought_for_the_target_and_one_for_the_source(sets, monkeypatch):
    monkeypatch.setattr(stages, "ensure_faces", lambda run, role: sets[role])
    measure = held_out_measures.identity_measure(None, 96, count=4)

    def generates(pictures):
        return types.SimpleNamespace(translate=lambda faces, source, target: (pictures(faces), None))

    source = sets["B"].images(96)[1::2].astype("float32") / 255
    assert measure(generates(lambda faces: faces))["identity"] == pytest.approx(0.0, abs=1e-6)
    assert 0.7 < measure(generates(lambda faces: source))["identity"] < 1.5
    between = measure(generates(lambda faces: 0.5 * faces + 0.5 * source))["identity"]
    assert 0.0 < between < measure(generates(lambda faces: source))["identity"]
