"""Three scales of the same course: minutes on two CPU cores, one lesson on a T4, the published scale."""

from __future__ import annotations

from dataclasses import dataclass

from faceswap_lab.errors import LabError


@dataclass(frozen=True)
class Preset:
    """How much of everything: one row of the table of presets.

    Args:
        name: what `setup(preset=...)` is given.
        summary: what it is for, in one line.
        minutes: how long notebooks 01 to 06 take together on the machine that it is made for.
        every: extraction for training takes every n-th frame.
        face_size: side of the autoencoders' faces in pixels.
        batch_size: faces of each person in one training step.
        autoencoder_steps: training steps from the shipped warm start.
        scratch_steps: steps of the same network from nothing, to compare with.
        autoencoder_learning_rate: Muon's (`optimizers.ConvolutionMuon`) from the warm start, at its peak.
        scratch_learning_rate: the same from nothing.
        gan_size: side of FaceSwap-GAN's faces in pixels.
        gan_batch_size: faces of each person in one step of FaceSwap-GAN.
        gan_steps: its training steps.
        gan_learning_rate: Adam's.
        log_every: steps from one row of the loss history to the next.
        preview_every: steps from one saved preview grid to the next.
        checkpoint_every: steps from one checkpoint to the next.
        checkpoint_seconds: a checkpoint is written earlier when the last one is older than this; a disconnect loses no
            more.
    """

    name: str
    summary: str
    minutes: int
    every: int
    face_size: int
    batch_size: int
    autoencoder_steps: int
    scratch_steps: int
    autoencoder_learning_rate: float
    scratch_learning_rate: float
    gan_size: int
    gan_batch_size: int
    gan_steps: int
    gan_learning_rate: float
    log_every: int
    preview_every: int
    checkpoint_every: int
    checkpoint_seconds: float


PRESETS = {
    preset.name: preset
    for preset in (
        Preset(
            name="quick",
            summary="the whole course in minutes on two CPU cores, from warm starts",
            minutes=16,
            every=2,
            face_size=64,
            batch_size=16,
            autoencoder_steps=400,
            scratch_steps=300,
            autoencoder_learning_rate=1e-3,
            scratch_learning_rate=2.5e-3,
            gan_size=64,
            gan_batch_size=8,
            gan_steps=160,
            gan_learning_rate=2e-4,
            log_every=20,
            preview_every=100,
            checkpoint_every=100,
            checkpoint_seconds=60,
        ),
        Preset(
            name="class",
            summary="one lesson on a T4: a training notebook in at most 20 minutes",
            minutes=60,
            every=1,
            face_size=64,
            batch_size=64,
            autoencoder_steps=6000,
            scratch_steps=2000,
            autoencoder_learning_rate=1e-3,
            scratch_learning_rate=2.5e-3,
            gan_size=64,
            gan_batch_size=32,
            gan_steps=4000,
            gan_learning_rate=2e-4,
            log_every=50,
            preview_every=250,
            checkpoint_every=500,
            checkpoint_seconds=120,
        ),
        Preset(
            name="full",
            summary="the published scale: 40 000 iterations, hours on a large GPU",
            minutes=600,
            every=1,
            face_size=128,
            batch_size=64,
            autoencoder_steps=40_000,
            scratch_steps=40_000,
            autoencoder_learning_rate=1e-3,
            scratch_learning_rate=1e-3,
            gan_size=128,
            gan_batch_size=16,
            gan_steps=40_000,
            gan_learning_rate=1e-4,
            log_every=100,
            preview_every=1000,
            checkpoint_every=1000,
            checkpoint_seconds=300,
        ),
    )
}


def preset(name: str | Preset) -> Preset:
    """The preset of a name.

    Args:
        name: "quick", "class" or "full"; a `Preset` of your own passes unchanged.

    Raises:
        LabError: for a name that does not exist, listing those that do.
    """
    if isinstance(name, Preset):
        return name
    if name not in PRESETS:
        raise LabError(f"preset {name!r}: there is none of that name. Choose one of {', '.join(PRESETS)}.")
    return PRESETS[name]
