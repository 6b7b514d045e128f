"""Finished models on disk: they generate as before, and what does not fit is refused by name."""

import json
import os
from pathlib import Path

import keras
import numpy as np
import pytest
import small

from faceswap_lab import training
from faceswap_lab.base.errors import LabError
from faceswap_lab.faces.faceset import FaceSet
from faceswap_lab.faces.sources import read_sources


def saved(tmp_path):
    model = small.model()
    training.save_model(model, tmp_path / "model", "autoencoder", {"steps": 0})
    return model, tmp_path / "model"


def test_a_saved_model_generates_the_same(tmp_path):
    model, folder = saved(tmp_path)
    faces = np.random.default_rng(1).random((3, 16, 16, 3)).astype("float32")
    function = training.SwapFunction(training.load_model(folder, "autoencoder", 16), batch_size=2)
    colour, alpha = function(faces)
    wanted, mask = model.translate(faces, 0, 1)
    np.testing.assert_allclose(colour, keras.ops.convert_to_numpy(wanted), atol=1e-6)
    np.testing.assert_allclose(alpha, keras.ops.convert_to_numpy(mask), atol=1e-6)
    assert not any("optimizer" in name for name in os.listdir(folder))


def test_models_that_do_not_fit_are_refused_by_name(tmp_path):
    _, folder = saved(tmp_path)
    with pytest.raises(LabError, match="16-px faces, not 64"):
        training.load_model(folder, size=64)
    with pytest.raises(LabError, match="kind 'autoencoder', not 'faceswap_gan'"):
        training.load_model(folder, kind="faceswap_gan")
    with pytest.raises(LabError, match="no finished model"):
        training.load_model(tmp_path / "nothing")
    weights = folder / training.WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-50])
    with pytest.raises(LabError, match=f"{weights.name}: the weights are damaged"):
        training.load_model(folder)
    config = json.loads((folder / training.CONFIG).read_text())
    (folder / training.CONFIG).write_text(json.dumps({**config, "options": {"size": 16, "unheard": 1}}))
    with pytest.raises(LabError):
        training.load_model(folder)


def test_a_model_and_a_face_set_of_version_0_4_still_load():
    """Both were written by 0.4.0, before the modules moved and a critic was called a discriminator."""
    folder = Path(__file__).parents[1] / "cases" / "written_by_0.4.0"
    assert "critic_filters" in json.loads((folder / "model" / "config.json").read_text())["options"]
    function = training.SwapFunction(training.load_model(folder / "model", "faceswap_gan", 16), batch_size=2)
    colour, alpha = function(np.random.default_rng(1).random((2, 16, 16, 3)).astype("float32"))
    assert (colour.mean(), alpha.mean()) == pytest.approx((0.9467716, 0.5061548), abs=1e-5)  # what 0.4.0 generated
    faces = FaceSet(folder / "set")
    assert len(faces) == 2 and faces.has_landmarks() and faces.images(256).shape == (2, 256, 256, 3)
    assert faces.masks(256, "face").mean() > 0.1 and [one.name for one in read_sources(faces.folder)] == ["talk_A.mp4"]
