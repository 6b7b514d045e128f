"""How long a training will take, said before its first step: counted work against a table of devices.

A step costs its arithmetic at the share of the device's peak that such layers reach, and the traffic of its activations
through the device's memory; narrow layers are held up by the second, wide ones by the first. Both counts are exact
enough; the shares are expectations. So a prediction is called one, and gives way to what the first steps took.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import keras

from faceswap_lab.base.errors import check_number
from faceswap_lab.base.machine import cpu_cores, devices
from faceswap_lab.base.messages import _, ngettext
from faceswap_lab.models import flops
from faceswap_lab.training import memory

TRAFFIC = 16  # how often a step's activations pass the memory: written, read by layer, activation and norm, both ways
STEPS_SHARE = 0.8  # of a training's time; the rest goes to the first step's compiling, previews and checkpoints
LAUNCH = 0.005  # seconds a step for starting its kernels and handing out the batch
MEASURED_AFTER = 20  # steps, or as many as there are


@dataclass(frozen=True)
class Device:
    """What is known of a device.

    Args:
        name: in messages.
        signs: parts of the names that backends give it, in lower case.
        peak16, peak32: operations a second in 16 bits (tensor cores) and in float32 as TensorFlow uses it by default
            (TF32 on NVIDIA GPUs since Ampere).
        bandwidth: bytes a second of its memory.
        share: of the peak that convolutions are expected to reach.
        bytes: of its memory, 0 where that differs.
    """

    name: str
    signs: tuple[str, ...]
    peak16: float
    peak32: float
    bandwidth: float
    share: float
    bytes: float = 0


# Peaks (dense, no sparsity) and bandwidths: NVIDIA's data sheets of T4, L4, A100 (40 GB PCIe or SXM), H100 and H200 (SXM);
# Google's page of Cloud TPU v5e. Shares: expected of convolutions of 64 to 1024 channels, and not measured here; large
# devices are harder to fill. The processor: two cores with AVX2 (32 operations a clock each, about 2.6 GHz) and a share of
# which `benchmarks/training.py` measured 57 to 78 GFLOP/s in middle and 11 to 14 in the widest layers.
DEVICES = (
    Device("a T4", ("t4",), 65e12, 8.1e12, 320e9, 0.25, 15e9),
    Device("an L4", ("l4",), 121e12, 60e12, 300e9, 0.25, 24e9),
    Device("an A100", ("a100",), 312e12, 156e12, 1555e9, 0.25, 40e9),
    Device("an H200", ("h200",), 989e12, 494e12, 4800e9, 0.2, 141e9),
    Device("an H100", ("h100",), 989e12, 494e12, 3350e9, 0.2, 80e9),
    Device("a TPU v5e", ("v5 lite", "v5e"), 197e12, 197e12, 819e9, 0.3, 16e9),
    Device("two CPU cores", (), 166e9, 166e9, 20e9, 0.35),
)


@dataclass(frozen=True)
class Prediction:
    """A training's expected time.

    Args:
        device: it holds for.
        seconds: a step.
        steps: of the training.
        flops: operations a face of the batch.
        timed: whether the training says later how long its steps take.
    """

    device: Device
    seconds: float
    steps: int
    flops: float
    timed: bool = True

    @property
    def measured_after(self) -> int:
        """After how many steps the measured speed is told instead."""
        return min(MEASURED_AFTER, self.steps)

    def __str__(self) -> str:
        said = _("about {time} on {device}, predicted from {cost:.2f} GFLOP a face")
        if self.timed:
            said = _("about {time} on {device}, predicted from {cost:.2f} GFLOP a face; measured from step {steps} on")
        time, device = in_words(self.steps * self.seconds), _(self.device.name)
        return said.format(time=time, device=device, cost=self.flops / 1e9, steps=self.measured_after)


def known(name: str) -> Device | None:
    """The device of a name such as "Tesla T4" or "NVIDIA A100-SXM4-40GB"; None for one that is not in the table."""
    words = name.lower().replace("-", " ")
    return next((one for one in DEVICES if any(f" {sign} " in f" {words} " for sign in one.signs)), None)


def this_device() -> Device | None:
    """The device that trains here."""
    found = devices()
    return known(found[0]) if found else DEVICES[-1]


def predict(model: keras.Model, batch_size: int, steps: int, device: Device | None = None) -> Prediction | None:
    """What a training is expected to take.

    Args:
        model: a `FaceAutoencoder` or `FaceSwapGAN`.
        batch_size: faces of each person.
        steps: of the whole training.
        device: None: the one here, a processor's cores counted.

    Returns:
        None where the device is not in the table or a layer's cost is unknown.
    """
    found = device or this_device()
    if found is None or not hasattr(model, "encoders"):
        return None
    try:
        work = flops.step_flops(model, batch_size)
    except ValueError:  # a layer of somebody's own
        return None
    traffic = TRAFFIC * memory.estimate(model, batch_size).activations
    seconds = _seconds(found, work, traffic, model.encoders[0].compute_dtype, alone=device is None)
    return Prediction(found, seconds, steps, work / (2 * batch_size))


def predict_network(
    network: keras.Model, batch_size: int, steps: int, device: Device | None = None
) -> Prediction | None:
    """What training one functional network is expected to take, as `predict` has it; losses and frozen networks are not in it.

    Args:
        network: such as `reference_swapper.build_swapper` makes.
    """
    found = device or this_device()
    if found is None:
        return None
    cost, dtype = flops.network_cost(network), network.compute_dtype
    work = 6 * cost.multiplications  # forward and backward, a multiplication and an addition each
    traffic = TRAFFIC * cost.activations * (4 if dtype == "float32" else 2)
    seconds = _seconds(found, work * batch_size, traffic * batch_size, dtype, alone=device is None)
    return Prediction(found, seconds, steps, work, timed=False)


def _seconds(device: Device, work: float, traffic: float, dtype: str, alone: bool) -> float:
    """Of one step: operations, bytes through the memory; `alone`: the processor here, its cores counted."""
    arithmetic = work / ((device.peak32 if dtype == "float32" else device.peak16) * device.share)
    if device is DEVICES[-1] and alone:
        arithmetic *= 2 / cpu_cores()
    return arithmetic + traffic / device.bandwidth + LAUNCH


def steps_in(minutes: float, model: keras.Model, batches: Iterator) -> int:
    """How many training steps a number of minutes has room for on this machine: eight are done, and the last five timed.

    Args:
        minutes: for the whole training, previews and checkpoints included.
        model: compiled, its face sets set; it is thrown away afterwards.
        batches: of `training.index_batches`.

    Returns:
        At least 1.

    Raises:
        LabError: when `minutes` is no time.
    """
    check_number("minutes", minutes, 0.01, 60 * 24 * 7, "minutes")
    options = {"epochs": 1, "verbose": 0, "shuffle": False}  # Keras warns where it would shuffle what has an order
    model.fit(batches, steps_per_epoch=3, **options)  # the first is compiled
    began = time.monotonic()
    model.fit(batches, steps_per_epoch=5, **options)
    return max(1, int(STEPS_SHARE * 60 * minutes * 5 / (time.monotonic() - began)))


def in_words(seconds: float) -> str:
    """Seconds as a guess is said: "20 seconds", "14 minutes", "3.5 hours"."""
    if seconds < 100:
        count = max(1, round(seconds))
        return ngettext("{count} second", "{count} seconds", count).format(count=count)
    if seconds < 100 * 60:
        return _("{count:.0f} minutes").format(count=seconds / 60)
    return _("{count:.1f} hours").format(count=seconds / 3600)
