"""Three scales of the same course: minutes on two CPU cores, one lesson on a T4, the published scale."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import _

# What a preset's words may be; the networks behind them stand in `course.recipes`, the precisions in `training.pace`.
WORDS = {
    "autoencoder": ("quick", "original", "low_memory"),
    "gan": ("quick", "standard", "lite"),
    "precision": ("float32", "mixed_bfloat16", "mixed_float16"),
}
# The sides in pixels at which a network exists; the quick ones take any multiple of 16.
SIZES = {"original": (64, 96, 128), "low_memory": (64, 96, 128), "standard": (64, 128, 256), "lite": (64, 128, 256)}


@dataclass(frozen=True)
class Preset:
    """How much of everything: one row of the table of presets.

    Args:
        name: what `setup(preset=...)` is given.
        summary: what it is for, in one line.
        minutes: how long notebooks 01 to 06 take together on the machine that it is made for.
        every: extraction for training takes every n-th frame.
        autoencoder: notebook 03's network: "quick", "original" (the first deepfake tools') or "low_memory".
        gan: notebook 04's: "quick", "standard" (FaceSwap-GAN v2.2) or "lite".
        precision: of their layers: "float32", "mixed_float16" (GPUs since Volta, the T4 too) or "mixed_bfloat16"
            (TPUs, GPUs since Ampere); weights, losses and pictures stay in float32.
        face_size: side of the autoencoders' faces in pixels.
        batch_size: faces of each person in one training step.
        autoencoder_steps: training steps from the shipped warm start.
        scratch_steps: steps of the same network from nothing, to compare with.
        autoencoder_learning_rate: Muon's (`optimizers.ConvolutionMuon`) from the warm start, at its peak, for the quick
            network (the published ones have their own rate, see `course.recipes`).
        scratch_learning_rate: the same from nothing.
        gan_size: side of FaceSwap-GAN's faces in pixels.
        gan_batch_size: faces of each person in one step of FaceSwap-GAN.
        gan_steps: its training steps.
        gan_learning_rate: Adam's.
        log_every: steps from one row of the loss history to the next.
        preview_every: steps from one saved preview grid to the next.
        checkpoint_every: steps from one checkpoint to the next.
        checkpoint_seconds: a checkpoint is written earlier when the last one is older than this; a kill loses no more,
            and neither does a machine that goes, where the run is kept (`run_storage`).
    """

    name: str
    summary: str
    minutes: int
    every: int
    autoencoder: str
    gan: str
    precision: str
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

    def __post_init__(self):
        for field, known in WORDS.items():
            if (word := getattr(self, field)) not in known:
                raise LabError(
                    f"{field} {word!r}: there is none of that name. Choose one of {', '.join(known)}, or leave it empty "
                    "for the preset's."
                )
        for field, side in (("autoencoder", self.face_size), ("gan", self.gan_size)):
            network = getattr(self, field)
            known = SIZES.get(network)
            if side not in known if known else side < 32 or side % 16:
                allowed = ", ".join(map(str, known)) if known else "multiples of 16 from 32 on"
                raise LabError(f"{field} {network!r}: it has no form for {side}-px faces. Choose one of: {allowed}.")

    def told(self) -> str:
        """The summary in the reader's language."""
        return _(self.summary)

    def choose(self, **fields) -> Preset:
        """The preset with some fields changed; what is empty ("" or 0) stays as the preset says.

        Raises:
            LabError: for a network, a precision or a size that does not exist, naming those that do.
        """
        return dataclasses.replace(self, **{name: value for name, value in fields.items() if value})


_TABLE: dict[str, tuple] = {  # a row a field, a column a preset: quick, class, full
    "summary": (
        "the whole course in minutes on two CPU cores, from warm starts",
        "128 px in mixed precision: a training notebook in at most 20 minutes on a T4, as predicted",
        "the published networks and their 40 000 iterations: hours on a large GPU",
    ),
    "minutes": (16, 60, 600),
    "every": (2, 1, 1),
    "autoencoder": ("quick", "quick", "original"),
    "gan": ("quick", "quick", "standard"),
    "precision": ("float32", "mixed_float16", "mixed_float16"),
    "face_size": (64, 128, 128),
    "batch_size": (16, 64, 64),
    "autoencoder_steps": (400, 6000, 40_000),
    "scratch_steps": (300, 2000, 40_000),
    "autoencoder_learning_rate": (1e-3, 1e-3, 1e-3),
    "scratch_learning_rate": (2.5e-3, 2.5e-3, 1e-3),
    "gan_size": (64, 128, 128),
    "gan_batch_size": (8, 16, 16),
    "gan_steps": (160, 3600, 40_000),
    "gan_learning_rate": (2e-4, 2e-4, 1e-4),
    "log_every": (20, 50, 100),
    "preview_every": (100, 250, 1000),
    "checkpoint_every": (100, 500, 1000),
    "checkpoint_seconds": (60, 120, 300),
}
PRESETS = {
    name: Preset(name=name, **{field: row[column] for field, row in _TABLE.items()})
    for column, name in enumerate(("quick", "class", "full"))
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
