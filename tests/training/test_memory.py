"""The memory estimate against what a real run takes, in a process of its own."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import small

from faceswap_lab import training
from faceswap_lab.models.loss_weights import QUICK
from faceswap_lab.training import memory

MEASURE = """
import json
import keras, numpy as np
import small
from faceswap_lab import training
from faceswap_lab.models import autoencoder

def kilobytes(key):
    return int(next(line for line in open("/proc/self/status") if line.startswith(key)).split()[1])

faces = {p: np.random.default_rng(0).integers(0, 255, (30, 96, 96, 3)).astype("uint8") for p in "AB"}
masks = {p: np.full_like(pictures, 255) for p, pictures in faces.items()}
model = autoencoder.FaceAutoencoder(autoencoder.quick(64), autoencoder.QUICK_LOSS, autoencoder.QUICK_AUGMENTATION)
model.set_faces(faces, masks)
model.compile(optimizer="adam")
estimate = training.memory.estimate(model, 24)
before = kilobytes("VmRSS")
model.fit(training.index_batches({"A": 30, "B": 30}, 24, 0), steps_per_epoch=2, verbose=0)
print(json.dumps([estimate.more, (kilobytes("VmHWM") - before) * 1024]))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_the_estimate_is_within_half_of_a_measured_run():
    paths = [str(Path(small.__file__).parent), str(Path(training.__file__).parents[2])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run([sys.executable, "-c", MEASURE], env=environment, text=True, capture_output=True, timeout=500)
    estimated, measured = json.loads(done.stdout.splitlines()[-1])
    assert measured / 1.5 < estimated < measured * 1.5


def test_parts_that_are_known_exactly():
    model = small.model(loss=QUICK)  # which looks at three masks
    found = memory.estimate(model, 4)
    trainable = sum(math.prod(v.shape) for v in model.trainable_variables)
    assert found.gradients == 4 * trainable and found.slots == 8 * trainable
    assert found.banks == 2 * 12 * 24 * 24 * 9
    assert memory.estimate(model, 8).activations == 2 * found.activations
    assert memory.estimate(small.gan(), 4).activations > found.activations  # the discriminators


def test_too_little_memory_is_said_with_the_batch_that_fits(monkeypatch, tmp_path, capsys):
    model = small.model()
    need = memory.estimate(model, 64)
    room = (need.more - need.activations + 21.5 * need.per_face) / 0.95
    monkeypatch.setattr(memory, "free_memory", lambda: int(room))
    tight = memory.estimate(model, 64)
    assert not tight.fits and tight.batch_that_fits == 20
    assert memory.estimate(model, 20).fits
    assert "this training needs about" in tight.warning() and tight.warning().endswith("Take batch_size=20.")
    monkeypatch.setattr(memory, "free_memory", lambda: None)
    assert memory.estimate(model, 10**9).fits  # where nobody knows, nobody is warned
    monkeypatch.setattr(memory, "free_memory", lambda: 1000)
    small.train(model, tmp_path, 2)
    assert "Take a smaller model." in capsys.readouterr().out


def test_free_memory_is_a_sensible_number():
    found = memory.free_memory()
    assert found is None or 10e6 < found < 100e12
