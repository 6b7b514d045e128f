"""Trains a network of `models.reference_swapper` on samples of true swaps; after a stop it goes on where it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np
from keras import ops, random

from faceswap_lab.base.messages import _
from faceswap_lab.models import losses
from faceswap_lab.models.discriminators import build_discriminator
from faceswap_lab.models.faceswap_gan_networks import GanConfig
from faceswap_lab.models.mobilenet_recognition import face_descriptor
from faceswap_lab.models.optimizers import ConvolutionMuon
from faceswap_lab.models.reference_swapper import SwapperLoss, SwapperTraining
from faceswap_lab.training import checkpoints

PERCEPTUAL_TAPS = 3  # half, quarter and eighth of the size


@dataclass(frozen=True)
class SwapperFit:
    """How it is trained.

    Args:
        steps: in all, of `batch` samples.
        batch: samples a step.
        rate: the highest learning rate; warmed up, then a cosine.
        identity: weight of the identity term.
        seed: of the order of the samples and of the light that they are varied with.
        checkpoint_every: steps from one checkpoint to the next.
        identity_from: the share of the steps after which the identity term counts; it takes as long as all others together.
        perceptual, adversarial: weights of these terms, from the first step on.
    """

    steps: int
    batch: int = 12
    rate: float = 2.5e-3
    identity: float = 0.2
    seed: int = 0
    checkpoint_every: int = 200
    identity_from: float = 0.0
    perceptual: float = 0.0
    adversarial: float = 0.0


def recogniser(truth: np.ndarray) -> keras.Model:
    """First layers and descriptor of the recogniser (not identity_gain's), frozen; centred on the faces to be generated."""
    size = truth.shape[1]
    some = truth[:: max(1, len(truth) // 256)].astype(np.float32) / 255
    return face_descriptor(size, face_descriptor(size).predict(some, batch_size=16, verbose=0).mean(axis=0), PERCEPTUAL_TAPS)


def varied_light(batch: dict, draw) -> dict:
    """Mirrors, relights, blurs and roughens samples; compiles with the training step.

    Args:
        batch: as `SwapperTraining` has it, float32 [0, 1]. draw: a `keras.random.SeedGenerator`.
    """
    count = ops.shape(batch["faces"])[0]

    def normal(width, channels=1):
        return random.normal((count, 1, 1, channels), stddev=width, seed=draw)

    def chance(share):
        return ops.cast(random.uniform((count, 1, 1, 1), seed=draw) < share, "float32")

    flip = chance(0.5)
    batch = {name: value + flip * (value[:, :, ::-1] - value) for name, value in batch.items()}
    faces, truth, beside = batch["faces"], batch["truth"], batch["references"]
    gain, power = ops.exp(normal(0.08) + normal(0.05, 3)), ops.exp(normal(0.12))
    faces, truth = (ops.clip(gain * ops.clip(x, 1e-4, 1) ** power, 0, 1) for x in (faces, truth))
    known, pictures = beside[..., -1:], beside[..., :-1]
    # all pictures of the source come from one camera
    gain, power = ops.exp(normal(0.05) + normal(0.03, 3)), ops.exp(normal(0.08))
    gain = ops.tile(gain, (1, 1, 1, pictures.shape[-1] // 3))
    pictures = ops.clip(gain * ops.clip(pictures, 1e-4, 1) ** power, 0, 1)
    soft = 0.8 * chance(0.25)
    sigma = faces.shape[1] / 100
    faces, truth = (x + soft * (losses.gaussian_blur(x, sigma) - x) for x in (faces, truth))
    rough = 0.012 * ops.abs(normal(1.0))
    faces = faces + rough * random.normal(ops.shape(faces), seed=draw)
    pictures = pictures + rough * random.normal(ops.shape(pictures), seed=draw)
    return {
        "faces": ops.clip(faces, 0, 1),
        "truth": truth,
        "references": ops.concatenate([ops.clip(pictures, 0, 1), known], axis=-1),
        "mask": batch["mask"],
    }


def print_row(row: dict[str, float]) -> None:
    """Prints a checkpoint's row as people read it; a term that is switched off is 0 and left out."""
    terms = ", ".join(f"{name} {value:.3f}" for name, value in row.items() if name != "step" and value)
    print(_("step {step}: {terms}").format(step=row["step"], terms=terms))


def fit_swapper(
    network: keras.Model,
    arrays: dict[str, np.ndarray],
    folder: Path,
    fit: SwapperFit,
    tell: Callable[[dict], None] = print_row,
) -> keras.Model:
    """Trains; what is kept of the weights is their running mean over the end.

    By Muon: after 200 steps from nothing (128 px, batches of 12), held-out people's local contrast was off by 0.294 with it
    and by 0.307 with Adam at 1e-3; Adam at 2e-3 without a bound on the gradients ran away within 1200.

    Args:
        network: from `build_swapper`; its weights are changed.
        arrays: samples, see `SwapperTraining`; the same ones after a stop.
        folder: its checkpoints/ holds the state.
        fit: how.
        tell: called at each checkpoint with {"step": ..., a term: its mean since the checkpoint before, ...}.

    Returns:
        The network.
    """
    keras.utils.set_random_seed(fit.seed)
    frozen = recogniser(arrays["truth"]) if fit.identity or fit.perceptual else None
    rival = None
    if fit.adversarial:
        shape = GanConfig(network.config.size, architecture="quick", discriminator_filters=(32, 64, 128))
        rival = build_discriminator(shape, "discriminator")
    first_identity = round(fit.identity_from * fit.steps) if fit.identity else 0
    late = SwapperLoss(identity=fit.identity, perceptual=fit.perceptual, adversarial=fit.adversarial)
    terms = replace(late, identity=0.0) if first_identity else late
    model = SwapperTraining(network, terms, frozen, varied_light, fit.seed, rival)
    warm = max(1, fit.steps // 50)
    rate = keras.optimizers.schedules.CosineDecay(
        fit.rate / 50, max(1, fit.steps - warm), warmup_target=fit.rate, warmup_steps=warm, alpha=0.01
    )
    mean = max(0.5, 1 - 50 / fit.steps)
    by_adam = ("light", "parts", "discriminator")
    model.compile(ConvolutionMuon(rate, by_adam=by_adam, global_clipnorm=1.0, use_ema=True, ema_momentum=mean))
    model({name: array[:1] for name, array in arrays.items()})
    checkpoints.clear_partial(folder / "checkpoints")
    restored = checkpoints.restore(model, folder / "checkpoints")
    count = len(arrays["faces"])
    history, a_pass, every = restored.history, count // fit.batch, min(fit.checkpoint_every, max(1, fit.steps // 4))
    for step in range(restored.step, fit.steps):
        if first_identity and step >= first_identity and not model.terms.identity:
            model.terms = late
            model.train_function = None  # the step is traced anew, with one term more
        order = np.random.default_rng([fit.seed, step // a_pass]).permutation(count)
        rows = order[step % a_pass * fit.batch :][: fit.batch]
        found = model.train_on_batch({name: array[rows] for name, array in arrays.items()}, return_dict=True)
        if (step + 1) % every == 0 and step + 1 < fit.steps:
            history.append({"step": step + 1} | {name: round(float(value), 5) for name, value in found.items()})
            tell(history[-1])
            model.reset_metrics()
            checkpoints.save_checkpoint(model, folder / "checkpoints", step + 1, history, keep=1)
    model.optimizer.finalize_variable_values(model.trainable_variables)
    return network
