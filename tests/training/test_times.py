"""Predicted times: the count behind them against one by hand, the table of devices, the sentence, and what replaces it."""

import dataclasses
import re
from types import SimpleNamespace

import pytest
import small

from faceswap_lab.course import recipes, stages
from faceswap_lab.course.presets import PRESETS
from faceswap_lab.models import autoencoder, faceswap_gan, flops, loss_weights, reference_swapper
from faceswap_lab.training import pace, times


def compiled(model):
    model.compile(optimizer="adam")
    return model


def most_faces(model, batch_size, device):
    """The largest batch that an empty device holds."""
    found = times.memory.estimate(model, batch_size)
    return dataclasses.replace(found, available=device.bytes - found.weights - found.banks).batch_that_fits


def test_the_counted_work_of_a_step():
    plain = autoencoder.FaceAutoencoder(autoencoder.quick(64))
    a_face = flops.generator_flops(plain)
    assert a_face == pytest.approx(0.197e9, rel=0.02)
    assert flops.step_flops(plain, 16) == 32 * a_face
    back = autoencoder.FaceAutoencoder(autoencoder.quick(64), loss_weights.QUICK)
    assert flops.step_flops(back, 16) / 32 == pytest.approx(0.34e9, rel=0.03)  # as `autoencoder_networks.quick` says
    gan = faceswap_gan.FaceSwapGAN(small.SMALL_GAN, small.GAN_LOSS)
    assert flops.step_flops(gan, 1) == 2 * (flops.generator_flops(gan) + flops.discriminator_flops(gan))


@pytest.mark.parametrize(
    "name, found",
    [("Tesla T4", "a T4"), ("NVIDIA A100-SXM4-40GB", "an A100"), ("NVIDIA H200", "an H200"), ("NVIDIA L4", "an L4"),
     ("NVIDIA H100 80GB HBM3", "an H100"), ("TPU v5 lite", "a TPU v5e"), ("NVIDIA L40S", None), ("Quadro T400", None)],
)  # fmt: skip
def test_devices_by_the_names_that_backends_give(name, found):
    device = times.known(name)
    assert (device and device.name) == found


def test_class_fits_into_a_lesson_on_a_t4_and_its_memory():
    """Both notebooks' trainings together in 20 minutes as predicted, at half of a T4's memory at most."""
    one, t4 = PRESETS["class"], times.known("Tesla T4")
    seconds = 0.0
    for sharing, steps in (("encoder", one.autoencoder_steps + one.scratch_steps), ("decoder", one.scratch_steps)):
        model = compiled(recipes.autoencoder_model(one, sharing))
        assert model.encoders[0].compute_dtype == "float16"
        assert model.config.size == 128 and most_faces(model, one.batch_size, t4) >= 128
        found = times.predict(model, one.batch_size, steps, t4)
        seconds += found.seconds * steps
    assert 300 < seconds < 1200
    gan = compiled(recipes.gan_model(one))
    found = times.predict(gan, one.gan_batch_size, one.gan_steps, t4)
    assert 600 < found.seconds * one.gan_steps < 1200
    assert most_faces(gan, one.gan_batch_size, t4) >= 2 * one.gan_batch_size
    # Narrow layers are held up by memory, so that twenty times the arithmetic does not give twenty times the speed.
    faster = found.seconds / times.predict(gan, 16, 1, times.known("NVIDIA H200")).seconds
    assert 4 < faster < 16
    single = dataclasses.replace(one, precision="float32")
    slower = times.predict(compiled(recipes.gan_model(single)), 16, 1, t4)
    assert slower.seconds > 1.5 * found.seconds


def test_the_prediction_is_said_and_replaced_by_the_measured_speed(tmp_path, capsys):
    made = small.model()
    small.train(made, tmp_path, 32, batch_size=2, log_every=8, checkpoint_every=32)
    said = capsys.readouterr().out
    assert (
        f"{tmp_path.name}: 32 steps of 2 x 2 faces, about 1 second on two CPU cores, predicted from 0.00 GFLOP" in said
    )
    assert said.count("steps a second") == 1 and "were predicted), " in said
    small.train(made, tmp_path, 32, batch_size=2, log_every=8)
    assert "predicted" not in capsys.readouterr().out  # nothing is left to do


def test_a_class_training_of_three_steps_says_what_was_predicted_and_what_they_took(tmp_path, capsys):
    """Three steps run, though the preset has a row every 50; each has its own, and the first one, compiled, is not measured."""
    made, (faces, _) = small.model(), small.faces()
    run = SimpleNamespace(preset=PRESETS["class"], seed=0)
    history = stages.train_model(run, made, tmp_path, faces, 3, 2, tensorboard=False)
    assert history["step"].tolist() == [1, 2, 3] and int(made.optimizer.iterations) == 3
    said = capsys.readouterr().out
    assert "3 steps of 2 x 2 faces" in said and "GFLOP a face; measured from step 3 on" in said
    assert re.search(r"measured [\d.]+ steps a second \([\d.]+ were predicted\)$", said, re.M)
    assert said.index("predicted from") < said.index("were predicted")


def test_an_interval_of_one_step_is_timed_from_the_second_on(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(pace.time, "monotonic", lambda: now[0])
    clock = pace.Clock()
    for seconds in (30.0, 2.0, 4.0):
        clock.tick()
        now[0] += seconds
        assert clock.step() is None
        clock.end_interval()
        clock.hold()
    assert clock.step() == pytest.approx(3.0)


def test_an_accelerator_that_runs_behind_is_timed_by_the_interval(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(pace.time, "monotonic", lambda: now[0])
    clock = pace.Clock()
    for _ in range(2):
        for _step in range(10):
            clock.tick()
            now[0] += 30.0 if now[0] == 0 else 0.001  # the first step is compiled, later ones are only asked for
        now[0] += 0.9  # reading the losses waits for the device
        clock.end_interval()
        clock.hold()
    assert clock.left(100) == pytest.approx(9.6, rel=0.1)


def test_words():
    assert [times.in_words(s) for s in (0.3, 42, 840, 12600)] == ["1 second", "42 seconds", "14 minutes", "3.5 hours"]


@pytest.mark.parametrize("size", [128, 256])
def test_a_functional_network_is_predicted_too(size):
    """The base model: 2.81 GFLOP to train on a face of 128 px, four times that at 256; twice the batch, twice the time."""
    network = reference_swapper.build_swapper(reference_swapper.SwapperConfig(size=size))
    t4 = times.known("Tesla T4")
    found, twice = (times.predict_network(network, batch, 1000, t4) for batch in (12, 24))
    assert found.flops == pytest.approx(2.81e9 * (size / 128) ** 2, rel=0.01) and found.steps == 1000
    assert twice.seconds - times.LAUNCH == pytest.approx(2 * (found.seconds - times.LAUNCH))
    assert found.seconds > 12 * found.flops / t4.peak32  # no device reaches its peak
