"""Training: exact resume, stops at any moment, models on disk."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest

from faceswap_lab import training
from faceswap_lab.errors import LabError
from faceswap_lab.models import autoencoder

SMALL = autoencoder.AutoencoderConfig(
    16, "encoder", (8, 8, 8, 8), 3, 16, 8, (8, 8), alpha=True, relight=True, half_paint=True, centred=True
)


def small_faces(seed=0):
    draw = np.random.default_rng(seed)
    faces = {p: draw.integers(40, 220, (12, 24, 24, 3)).astype(np.uint8) for p in ("A", "B")}
    return faces, {p: np.full((12, 24, 24, 3), 255, np.uint8) for p in faces}


def small_model(seed=0):
    keras.utils.set_random_seed(seed)
    model = autoencoder.FaceAutoencoder(SMALL, autoencoder.QUICK_LOSS, autoencoder.QUICK_AUGMENTATION, seed=seed)
    model.set_faces(*small_faces())
    model.compile(optimizer=keras.optimizers.Adam(1e-3))
    return model


def train(model, folder, steps, **options):
    counts = {"A": 12, "B": 12}
    options = {"batch_size": 4, "log_every": 2, "checkpoint_every": 2, "preview_every": 4, "tensorboard": False} | options
    return training.fit(model, folder, counts, steps, **options)


def test_a_stopped_training_goes_on_exactly(tmp_path):
    straight = small_model()
    train(straight, tmp_path / "straight", 8)
    train(small_model(), tmp_path / "halves", 4)
    resumed = small_model(seed=5)  # other weights and another random state: both must come from the checkpoint
    history = train(resumed, tmp_path / "halves", 8)
    assert history["step"].tolist() == [2, 4, 6, 8]
    for one, other in zip(straight.trainable_variables, resumed.trainable_variables, strict=True):
        np.testing.assert_allclose(keras.ops.convert_to_numpy(one), keras.ops.convert_to_numpy(other), atol=2e-5)
    for one, other in zip(straight.optimizer.variables, resumed.optimizer.variables, strict=True):
        np.testing.assert_allclose(keras.ops.convert_to_numpy(one), keras.ops.convert_to_numpy(other), atol=2e-5)


def test_previews_and_history_are_kept(tmp_path):
    faces = {p: pictures[:3, ::2, ::2][:, :, :] for p, pictures in small_faces()[0].items()}
    faces = {p: autoencoder.resize(pictures, 16) for p, pictures in faces.items()}
    train(small_model(), tmp_path, 8, paint=lambda m: training.preview_grid(m, faces, 3))
    names = sorted(p.name for p in (tmp_path / "previews").glob("*.png"))
    assert names == [f"step_{step:06d}.png" for step in (0, 2, 4, 8)]
    assert len((tmp_path / "history.csv").read_text().splitlines()) == 5


def test_a_damaged_checkpoint_is_passed_over(tmp_path, capsys):
    train(small_model(), tmp_path, 6)
    newest = tmp_path / "checkpoints" / "step_000006" / training.WEIGHTS
    newest.write_bytes(newest.read_bytes()[:-100])
    history = train(small_model(), tmp_path, 8)
    assert history["step"].tolist() == [2, 4, 6, 8]
    assert "trying an older one" in capsys.readouterr().out


SCRIPT = """
import sys
sys.path[:0] = {paths!r}
import test_training as t
t.train(t.small_model(), {folder!r}, 4000)
"""


def test_kill_9_and_on(tmp_path):
    folder = tmp_path / "killed"
    script = SCRIPT.format(paths=[str(Path(__file__).parent), str(Path(__file__).parents[1])], folder=str(folder))
    process = subprocess.Popen([sys.executable, "-c", script], env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"})
    deadline = time.monotonic() + 120
    while training.steps_done(folder) < 4 and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    reached = training.steps_done(folder)
    assert reached >= 4
    history = train(small_model(), folder, reached + 4)
    assert history["step"].tolist() == list(range(2, reached + 5, 2))
    assert not list((folder / "checkpoints").glob(".partial-*"))


def saved(tmp_path):
    model = small_model()
    training.save_model(model, tmp_path / "model", "autoencoder", {"steps": 0})
    return model, tmp_path / "model"


def test_a_saved_model_paints_the_same(tmp_path):
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


def test_a_loss_that_is_no_number_stops_with_a_sentence(tmp_path):
    model = small_model()
    model.decoders[0].layers[-3].weights[0].assign(keras.ops.full_like(model.decoders[0].layers[-3].weights[0], np.nan))
    with pytest.raises(LabError, match="no number any more"):
        train(model, tmp_path, 4)
