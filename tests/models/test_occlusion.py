"""The network that finds what is before a face, on actors whom no training of it saw."""

import keras
import numpy as np
import pytest

from faceswap_lab.base.errors import LabError
from faceswap_lab.course import actors
from faceswap_lab.faces import alignment
from faceswap_lab.faces.alignment import align
from faceswap_lab.models import occlusion
from faceswap_lab.training import pace


def aligned(name, every, size=occlusion.SIZE):
    """Faces (N, S, S, 3) float32 [0, 1], and the masks of face and hand (N, S, S)."""
    clip = actors.clip(name)
    matrices = [alignment.alignment_matrix(points, size) for points in clip.points()[::every]]
    cut = [
        np.stack([align(x, matrix, size) for x, matrix in zip(pictures[:: every if full else 1], matrices, strict=True)])
        for pictures, full in ((clip.frames(every), False), (clip.masks()["face"], True), (clip.masks()["hand"], True))
    ]
    return cut[0].astype(np.float32) / 255, *cut[1:]


def test_a_hand_before_a_face_is_found():
    faces, face, hand = aligned("hard_A", 2)
    found = occlusion.hidden(faces)
    over = (hand > 0.5) & (hand.mean(axis=(1, 2)) > 0.02)[:, None, None]
    assert over.sum() > 5000
    assert found[over].mean() > 0.27  # measured: 0.30, of a hand that flies past in dim light


@pytest.mark.parametrize("name", ["talk_A", "talk_B"])
def test_nothing_is_found_where_nothing_is(name):
    faces, face, _ = aligned(name, 10)
    assert occlusion.hidden(faces)[face > 0.5].mean() < 0.02


def test_faces_of_another_size_are_answered_in_it():
    faces = aligned("hard_A", 20, size=64)[0]
    assert occlusion.hidden(faces).shape == faces.shape[:3]


def test_it_is_kept_in_16_bit_and_damage_is_named(tmp_path):
    network, path = occlusion.build_occlusion(), tmp_path / "o.npz"
    occlusion.save(network, path)
    faces = np.random.default_rng(0).uniform(size=(2, 128, 128, 3)).astype(np.float32)
    np.testing.assert_allclose(occlusion.load(path).predict_on_batch(faces), network.predict_on_batch(faces), atol=2e-3)
    np.savez(tmp_path / "other.npz", weight_0=np.zeros(3))
    with pytest.raises(LabError, match="other.npz: this is no occlusion network"):
        occlusion.load(tmp_path / "other.npz")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(LabError, match="o.npz: this file is damaged"):
        occlusion.load(path)


def test_its_step_compiles_holds_in_16_bit_and_learns():
    """A square that is brighter than the rest is what is before the face."""
    keras.utils.set_random_seed(0)
    faces = np.random.default_rng(0).uniform(0, 0.5, (4, 128, 128, 3)).astype(np.float32)
    faces[:, 40:80, 40:80] += 0.4
    before = np.zeros((4, 128, 128, 1), np.float32)
    before[:, 40:80, 40:80] = 1
    with pace.precision("mixed_bfloat16"):
        network = occlusion.build_occlusion()
        network.compile(keras.optimizers.Adam(3e-3), loss="binary_crossentropy", jit_compile=True)
        network.fit(faces, before, epochs=80, batch_size=4, verbose=0)
    found = network.predict_on_batch(faces)
    assert found.dtype == np.float32 and {weight.dtype for weight in network.weights} == {"float32"}
    assert found[before > 0.5].mean() > found[before < 0.5].mean() + 0.4
