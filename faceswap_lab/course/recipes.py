"""A preset's networks, each with the loss, the augmentation, the optimiser and the schedule that belong to it.

The quick networks train as the course teaches it; the published ones as published: plain L1 and Adam at 5e-5 for the
first tools' autoencoders, FaceSwap-GAN v2.2's losses and schedule for its own.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras

from faceswap_lab.base import weights
from faceswap_lab.base.messages import _
from faceswap_lab.course.presets import Preset
from faceswap_lab.models import autoencoder_networks, faceswap_gan_networks, faceswap_gan_schedule, loss_weights
from faceswap_lab.models.augmentation import Augmentation
from faceswap_lab.models.autoencoder import QUICK_AUGMENTATION, FaceAutoencoder
from faceswap_lab.models.autoencoder_networks import AutoencoderConfig
from faceswap_lab.models.faceswap_gan import FaceSwapGAN
from faceswap_lab.models.optimizers import ConvolutionMuon, TwoRateAdam, original_adam
from faceswap_lab.training.models import CONFIG, WEIGHTS, load_weights, read_config
from faceswap_lab.training.pace import precision


@dataclass(frozen=True)
class Recipe:
    """A network and how it trains.

    Args:
        shape: makes its options from the side of the faces in pixels.
        loss_weights, augmentation: what it trains with.
        schedule: of a FaceSwap-GAN: its phases.
    """

    shape: Callable
    loss_weights: loss_weights.LossWeights
    augmentation: Augmentation
    schedule: tuple[faceswap_gan_schedule.Phase, ...] = ()


_ORIGINAL = (loss_weights.ORIGINAL, Augmentation())
_PUBLISHED = (loss_weights.PUBLISHED_GAN, Augmentation(), faceswap_gan_schedule.PUBLISHED_SCHEDULE)
AUTOENCODERS = {
    "quick": Recipe(autoencoder_networks.quick, loss_weights.QUICK, QUICK_AUGMENTATION),
    "original": Recipe(autoencoder_networks.original, *_ORIGINAL),
    "low_memory": Recipe(autoencoder_networks.low_memory, *_ORIGINAL),
}
GANS = {
    "quick": Recipe(faceswap_gan_networks.quick, loss_weights.QUICK_GAN, QUICK_AUGMENTATION, faceswap_gan_schedule.WARM_SCHEDULE),
    "standard": Recipe(faceswap_gan_networks.standard, *_PUBLISHED),
    "lite": Recipe(functools.partial(faceswap_gan_networks.standard, lite=True), *_PUBLISHED),
}


def autoencoder_model(preset: Preset, sharing: str = "encoder", seed: int = 0, **shape) -> FaceAutoencoder:
    """The preset's autoencoder in its precision, neither compiled nor given faces.

    Args:
        preset: names network, size and precision.
        sharing: "encoder" or "decoder".
        seed: of every random draw of its training.
        shape: further arguments of the network's shape, such as `width`.
    """
    recipe = AUTOENCODERS[preset.autoencoder]
    config = recipe.shape(preset.face_size, sharing=sharing, **shape)
    with precision(preset.precision):
        return FaceAutoencoder(config, recipe.loss_weights, recipe.augmentation, seed=seed)


def autoencoder_optimizer(preset: Preset, steps: int, warmed: bool = False) -> keras.optimizers.Optimizer:
    """Muon along a cosine for the quick network, at the preset's rate; the first tools' Adam for theirs.

    Args:
        steps: of the whole training.
        warmed: whether it goes on from a warm start.
    """
    if preset.autoencoder != "quick":
        return original_adam()
    peak = preset.autoencoder_learning_rate if warmed else preset.scratch_learning_rate
    return ConvolutionMuon(keras.optimizers.schedules.CosineDecay(peak, steps, alpha=0.03))


def gan_model(preset: Preset, seed: int = 0, perceptual=None, loss=None, **shape) -> FaceSwapGAN:
    """The preset's FaceSwap-GAN in its precision, neither compiled nor given faces.

    Args:
        preset: names network, size and precision.
        seed: of every random draw of its training.
        perceptual: see `FaceSwapGAN`; None loads it when a term needs it.
        loss: other `LossWeights` than the network's own.
        shape: further options of the network's shape.
    """
    recipe = GANS[preset.gan]
    config, frozen = recipe.shape(preset.gan_size, **shape), max(1, preset.gan_batch_size // 4)
    with precision(preset.precision):
        return FaceSwapGAN(config, loss or recipe.loss_weights, recipe.augmentation, perceptual, frozen, seed=seed)


def gan_training(preset: Preset, steps: int) -> tuple[TwoRateAdam, faceswap_gan_schedule.ScheduleCallback]:
    """The optimiser and the schedule of the preset's FaceSwap-GAN for a training of `steps` steps."""
    rate, phases = preset.gan_learning_rate, GANS[preset.gan].schedule
    return TwoRateAdam(rate), faceswap_gan_schedule.ScheduleCallback(phases, steps, rate)


def begin_gan(gan: FaceSwapGAN, folder: Path) -> int:
    """Lets a FaceSwap-GAN go on from an autoencoder of its shape, else from the warm start, and says what it took over.

    The published networks have none: they are not built from the autoencoder's layers.

    Args:
        gan: not trained yet.
        folder: where a finished autoencoder may lie.

    Returns:
        How many layers were taken over; 0: it starts from nothing.
    """
    fields = {field.name: getattr(gan.config, field.name) for field in dataclasses.fields(AutoencoderConfig)}
    shape = AutoencoderConfig(**fields | {"attention": False})
    warm = weights.data_folder() / "weights" / "quick_autoencoder"
    for place in (folder, warm) if gan.config.architecture == "quick" else ():
        if not (place / CONFIG).exists():
            continue
        options = read_config(place, "autoencoder")["options"]
        if AutoencoderConfig(**options) != shape:
            said = _("The autoencoder {name} ({size} px) has another shape than this FaceSwap-GAN.")
            print(said.format(name=place.name, size=options["size"]))
            continue
        generator = FaceAutoencoder(shape)
        load_weights(generator, place / WEIGHTS)
        generator.begun_from = str(place)  # whose faces are in these weights, see `training.save_model`
        taken = gan.begin_with(generator)
        print(_("{count} layers taken over from the autoencoder {name}").format(count=taken, name=place.name))
        return taken
    said = _("No autoencoder fits the {network} network of {size} px: it starts from nothing.")
    print(said.format(network=gan.config.architecture, size=gan.config.size))
    return 0
