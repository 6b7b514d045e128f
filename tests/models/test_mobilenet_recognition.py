"""The recogniser that helps to train: shapes, what it sees, and that a loss can learn from it."""

import json

import keras
import numpy as np
import pytest
from keras import ops

from faceswap_lab.base import files, weights
from faceswap_lab.base.errors import LabError
from faceswap_lab.models.mobilenet_recognition import build_face_res, face_descriptor, face_res, tight_crop


@pytest.fixture(scope="module")
def network():
    return face_res()


def test_outputs_have_the_promised_shapes_and_range(network, actor_chips):
    faces = actor_chips["A"][:2, 15:-7, 11:-11][:, ::2, ::2]  # 64 x 64
    outputs = [np.asarray(output) for output in network(faces / np.float32(255))]
    assert [output.shape for output in outputs] == [
        (2, 32, 32, 64), (2, 16, 16, 128), (2, 8, 8, 256), (2, 4, 4, 512), (2, 1024)
    ]  # fmt: skip
    for output in outputs:
        assert output.min() >= 0 and output.max() <= 6 and output.std() > 0.05


def test_numbers_are_those_of_the_original_graph(network):
    """Reference: the tfjs graph run as it is (BGR 0..255 minus the Caffe mean), mean of its block 12."""
    image = np.random.default_rng(0).uniform(0, 1, (1, 64, 64, 3)).astype("float32")
    descriptor = np.asarray(network(image)[-1])[0]
    np.testing.assert_allclose(descriptor[ORIGINAL_INDEX], ORIGINAL, atol=2e-4)


ORIGINAL_INDEX = slice(0, 1024, 128)
ORIGINAL = [0.39707, 0.12050, 0.00000, 1.52336, 0.03795, 1.94660, 2.23128, 0.64207]


def test_tells_the_actors_apart(actor_chips):
    chips = {name: chips[:, 22:-16, 19:-19].astype("float32") / 255 for name, chips in actor_chips.items()}
    network = keras.Model(*(lambda model: (model.input, model.output[-1]))(face_res()))
    found = {name: network.predict_on_batch(faces) for name, faces in chips.items()}
    centre = np.concatenate([found["A"], found["B"]]).mean(axis=0)
    unit = {name: (d - centre) / np.linalg.norm(d - centre, axis=1, keepdims=True) for name, d in found.items()}
    upper = np.triu_indices(len(unit["A"]), 1)
    same = np.concatenate([(unit[name] @ unit[name].T)[upper] for name in "AB"])
    other = (unit["A"] @ unit["B"].T).ravel()
    assert (same[:, np.newaxis] > other).mean() > 0.9  # area under the curve
    to_a, to_b = (unit["truth"] @ unit[name].mean(axis=0) for name in "AB")
    assert (to_b > to_a).mean() >= 0.8  # the true swap looks like B


def test_gradient_reaches_the_picture():
    model = face_descriptor(64, centre=np.full(1024, 0.3, "float32"))
    assert model.output_shape == (None, 1024) and not model.trainable_variables
    picture = keras.Variable(np.random.default_rng(1).uniform(0.2, 0.8, (1, 64, 64, 3)), trainable=True)
    probe = keras.Sequential([keras.Input((1,)), _Picture(picture), model])
    probe.compile(keras.optimizers.SGD(1.0), loss=lambda wanted, found: ops.mean(ops.square(found)))
    before = ops.convert_to_numpy(picture.value).copy()
    probe.train_on_batch(np.zeros((1, 1)), np.zeros((1, 1024)))
    step = ops.convert_to_numpy(picture.value).copy() - before
    assert np.isfinite(step).all() and np.abs(step[0, 16:50, 12:52]).max() > 0
    assert np.abs(step[0, :10]).max() == 0  # hair above the tight crop does not count


class _Picture(keras.layers.Layer):
    """A picture as the only weight: one optimiser step then shows the gradient, on any backend."""

    def __init__(self, picture):
        super().__init__()
        self.picture = picture

    def call(self, inputs):
        return self.picture + 0 * ops.reshape(inputs, (1, 1, 1, 1))


def test_tight_crop_enlarges_the_middle():
    ramp = np.broadcast_to(np.arange(64, dtype="float32")[:, np.newaxis, np.newaxis], (1, 64, 64, 1))
    rows = np.asarray(tight_crop(ramp, 46, 0.72))[0, :, 0, 0]
    np.testing.assert_allclose(np.diff(rows), 64 * 0.72 / 46, rtol=1e-3)
    assert rows[0] == pytest.approx((0.312 + 0.479 * 0.28 - 0.312 * 0.72) * 64, abs=0.5)
    np.testing.assert_allclose(np.asarray(tight_crop(ramp, 64, 1.0)), ramp, atol=1e-5)


def test_weights_file_is_the_one_described_and_small():
    path = weights.find("face_res")
    config = json.loads((path.parent / "config.json").read_text(encoding="utf-8"))
    assert path.name == config["weights"] and files.sha256(path) == config["sha256"] and path.stat().st_size < 5e6
    assert config["licence"] == "Apache-2.0" and (path.parent / "LICENSE").is_file()


def test_only_the_weights_that_ship_with_the_lab_are_loaded(tmp_path, monkeypatch):
    """A file that Keras would load, but of other numbers, gave a recogniser that was silently wrong."""
    other = tmp_path / "weights" / "face_res" / "face_res.weights.h5"
    other.parent.mkdir(parents=True)
    model = build_face_res()
    model.save_weights(other)
    monkeypatch.setenv("FACESWAP_LAB_DATA", str(tmp_path))
    weights.find.cache_clear()
    with pytest.raises(LabError, match="face_res.weights.h5: these weights are damaged, or not those of this version"):
        face_res()
    other.unlink()
    with pytest.raises(LabError, match="face_res.weights.h5: these weights are missing. Check it out again"):
        face_res()
