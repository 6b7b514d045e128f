"""Notebook 04 by hand and by the package, in the precision that a GPU's presets train in."""

import dataclasses
import sys
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import ops

import faceswap_lab as lab
from faceswap_lab.models import faceswap_gan_networks
from faceswap_lab.training import pace

TESTS = Path(__file__).resolve().parents[1]
sys.path.append(str(TESTS / "models"))
from swap_model_parts import SMALL_GAN, small_gan  # noqa: E402

TEXT = (TESTS.parent / "notebooks" / "text" / "04_faceswap_gan.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("policy", pace.PRECISIONS)
def test_what_is_shown_of_a_gan_runs_in_each_precision(policy, capsys, monkeypatch):
    """The cells from self-attention to the training step by hand; attention by hand is the layer's to the last digits."""
    for name in ("rows", "row"):
        monkeypatch.setattr(lab.widgets, name, lambda *pictures, **options: None)
    with pace.precision(policy):
        gan = small_gan(lab.models.faceswap_gan.GanLoss(cycle=10.0))
    names = {"lab": lab, "gan": gan, "size": SMALL_GAN.size, "seed": 0, "dataclasses": dataclasses}
    names |= {"np": np, "ops": ops, "keras": keras, "run": SimpleNamespace(predict=lambda *a, **o: None, came=lambda *a: None)}
    part = TEXT[TEXT.index("# ## Self-attention") : TEXT.index("# ## One training step, by hand")]
    for cell in part.split("\n# %%")[1:]:
        kind, _, code = cell.partition("\n")
        if "[markdown]" not in kind:
            exec(compile(code, "04_faceswap_gan", "exec"), names)
    exact = {"float32": 1e-5, "mixed_float16": 2e-3, "mixed_bfloat16": 2e-2}[policy]
    told = capsys.readouterr().out
    off = float(told.split("largest difference: ")[1].split()[0])
    assert off <= exact * float(ops.max(ops.abs(names["by_hand"])))
    assert "nan" not in told and "discriminators" in told


@pytest.mark.parametrize("shape, begun", [("quick", "the autoencoder"), ("standard", "nothing")])
def test_the_lesson_says_what_its_training_began_with(shape, begun, tmp_path):
    """At its published size nothing is taken over."""
    shape = faceswap_gan_networks.quick() if shape == "quick" else faceswap_gan_networks.standard(width=1 / 16)
    gan, told = lab.models.faceswap_gan.FaceSwapGAN(shape), []
    lab.course.begin_gan(gan, tmp_path)
    run = SimpleNamespace(finish=lambda lesson, said: told.append(said))
    exec(TEXT[TEXT.index('begun = "the autoencoder"') :], {"gan": gan, "steps": 3, "run": run})
    assert told == [f"FaceSwap-GAN, 3 steps from {begun}"]
