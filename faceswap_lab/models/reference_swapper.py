"""The base model: generates the true swap of people it has never seen, from the target's face and pictures of the source.

A U-Net (O. Ronneberger, P. Fischer, T. Brox, "U-Net: convolutional networks for biomedical image segmentation", MICCAI 2015,
arXiv:1505.04597) sees the target's face beside pictures of the source that were warped to its landmarks (`faces.references`).
It does not generate the skin but says, pixel by pixel, which of these pictures to take it from, how to relight them, and what
to add. So detail comes from the source's own pictures, few weights do, and a new person needs no training.

It is trained on rendered true swaps: the target's head, hair and light with the source's inner face. The answer is therefore
the composite, which goes back into the frame without colour transfer and without sharpening.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from keras import layers, ops

from faceswap_lab.base import files, untrusted
from faceswap_lab.base.errors import LabError
from faceswap_lab.models import discriminators, losses
from faceswap_lab.models.layers import pixel_shuffle, unet

SLOPE = 0.1  # of the leaky ReLU
MOST_BYTES, MOST_PIXELS = 1 << 28, 1024  # of a stored network, and the side of its faces
STRUCTURE_SIGMA = 1 / 38  # of the face's side, the scale at which `metrics` compare local contrast


@dataclass(frozen=True)
class SwapperConfig:
    """The shape of a base model.

    Args:
        size: side S of the faces, pixels, a multiple of 16.
        references: K, pictures of the source beside each face.
        filters: channels at S/2, S/4, S/8 and S/16; light is carried over on the grids of S/16 and S/4.
    """

    size: int = 128
    references: int = 3
    filters: tuple[int, ...] = (32, 64, 96, 128)


@dataclass(frozen=True)
class SwapperLoss:
    """Weights of the terms, all between the generated face and the true swap; a term at 0 is not computed.

    Args:
        l1: mean absolute difference, `inside` times as heavy where the face is.
        structure: local contrast at two scales, inside the face (`losses.contrast_loss`).
        edges: first differences, inside the face.
        alpha: cross-entropy of what counts of the generated face, against the rendered mask.
        identity: 1 - cosine of the descriptors of a recogniser that is not the one behind identity_gain.
        perceptual: squared distance of the unit features of the recogniser's first layers (as FaceSwap-GAN has it).
        adversarial: hinge loss of a discriminator that sees a face, put into its surroundings, beside the nearest reference.
        gradient_penalty: R1, of the discriminator.
    """

    l1: float = 1.0
    inside: float = 4.0
    structure: float = 0.3
    edges: float = 0.5
    alpha: float = 0.2
    identity: float = 0.0
    perceptual: float = 0.0
    adversarial: float = 0.0
    gradient_penalty: float = 1.0


def build_swapper(config: SwapperConfig) -> keras.Model:
    """The network, uncompiled.

    Inputs (both float32 RGB [0, 1]): faces (N, S, S, 3); references (N, S, S, 3 K + 1), the source's pictures and last
    what of them is known, [0, 1].

    Returns:
        A model that answers (N, S, S, 4): the composite, RGB [0, 1], and alpha, [0, 1].

    Raises:
        ValueError: for a size that is no multiple of 16.
    """
    if config.size % 16:
        raise ValueError(f"size {config.size}: it is halved four times, so give a multiple of 16")
    count, size = config.references, config.size
    faces = keras.Input((size, size, 3), name="faces")
    references = keras.Input((size, size, 3 * count + 1), name="references")
    x = layers.Concatenate()([faces, references])
    features = unet(x, config.filters)
    lights = [_light(features[0], count, "light"), _light(features[-2], count, "fine_light")]
    x = layers.Conv2D(config.filters[0], 3, padding="same", kernel_initializer="he_normal", name="last")(features[-1])
    x = layers.LeakyReLU(SLOPE)(x)
    parts = layers.Conv2D(4 * (count + 5), 3, padding="same", name="parts")(x)
    generated = Compose(count, name="compose")([faces, references, *lights, parts])
    network = keras.Model([faces, references], generated, name="reference_swapper")
    network.config = config
    return network


def _light(x, count: int, name: str):
    return layers.Conv2D(6 * count, 3, padding="same", kernel_initializer="zeros", name=name)(x)


@keras.saving.register_keras_serializable("faceswap_lab")
class Compose(layers.Layer):
    """Puts the generated face together: a mixture of the target and the relit references, plus a small correction.

    Args:
        count: K, references.

    Call: faces (N, S, S, 3); references (N, S, S, 3 K + 1); lights, each (N, s, s, 6 K), gains (logarithms) and offsets of each
    reference on a grid, which are summed up; parts (N, S/2, S/2, 4 (K + 5)), for each pixel of a block of four the mixture's
    logits, correction and alpha.
    Returns (N, S, S, 4) float32.
    """

    def __init__(self, count: int, **options):
        super().__init__(dtype="float32", **options)  # a mixture in 16 bit would show bands
        self.count = count

    def call(self, inputs):
        mixture, pictures, correction, alpha = self.ingredients(inputs)
        generated = correction
        for k, picture in enumerate(pictures):
            generated = generated + mixture[..., k : k + 1] * picture
        return ops.concatenate([generated, alpha], axis=-1)

    def ingredients(self, inputs):
        """The mixture's shares (N, S, S, K + 1), the K + 1 pictures mixed (target, relit references), correction and alpha."""
        faces, references, *lights, parts = inputs
        size, count = faces.shape[1], self.count
        light = sum(_enlarged(ops.cast(light, "float32"), size) for light in lights)
        parts = pixel_shuffle(parts)
        pictures = [faces]
        for k in range(count):
            gain, offset = (light[..., 6 * k + first : 6 * k + first + 3] for first in (0, 3))
            pictures.append(ops.exp(ops.clip(gain, -2.0, 2.0)) * references[..., 3 * k : 3 * k + 3] + offset)
        correction = ops.tanh(parts[..., count + 1 : count + 4])
        alpha = ops.sigmoid(parts[..., count + 4 : count + 5])
        return ops.softmax(parts[..., : count + 1], axis=-1), pictures, correction, alpha

    def compute_output_shape(self, shapes):
        return (*shapes[0][:3], 4)

    def get_config(self):
        return {**super().get_config(), "count": self.count}


def _enlarged(x, size: int):
    """(N, s, s, C) to (N, size, size, C), bilinear: two small matrix products, since XLA lacks a kernel for resizing's gradient."""
    rows = _bilinear(x.shape[1], size)
    x = ops.einsum("ph,nhwc->npwc", rows, x)
    return ops.einsum("qw,npwc->npqc", rows, x)


def _bilinear(few: int, many: int) -> np.ndarray:
    place = np.clip((np.arange(many) + 0.5) * few / many - 0.5, 0, few - 1)
    return np.maximum(0, 1 - np.abs(place[:, None] - np.arange(few))).astype("float32")


class SwapperTraining(keras.Model):
    """Trains a network of `build_swapper` with `fit` on true swaps, on any backend.

    Args:
        network: what is trained.
        weights_of_loss: the terms.
        recogniser: faces (N, S, S, 3) -> a list of feature maps and last the descriptors (N, D), frozen; for the terms
            identity and perceptual only.
        augment: function of (batch, seed generator) -> batch, drawn anew in every step, or None.
        discriminator: of `discriminators.build_discriminator`, trained beside the network; for the adversarial term only.

    A batch is a dictionary of uint8 arrays: faces, truth (N, S, S, 3), references (N, S, S, 3 K + 1), mask (N, S, S, 1).
    """

    def __init__(self, network, weights_of_loss: SwapperLoss, recogniser=None, augment=None, seed: int = 0, discriminator=None):
        super().__init__()
        self.network, self.terms, self.augment = network, weights_of_loss, augment
        self.recogniser, self.discriminator = recogniser, discriminator
        self.draw = keras.random.SeedGenerator(seed)
        names = ("l1", "structure", "alpha_error", "identity", "perceptual", "adversarial", "discriminator")
        self.trackers = {name: keras.metrics.Mean(name) for name in names}

    def call(self, batch, training=False):
        batch = {name: ops.cast(value, "float32") / 255 for name, value in batch.items()}
        if training and self.augment is not None:
            batch = self.augment(batch, self.draw)
        generated = self.network([batch["faces"], batch["references"]], training=training)
        return {"generated": generated, "truth": batch["truth"], "mask": batch["mask"], "nearest": batch["references"][..., :3]}

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        del x, y, sample_weight, training
        colour, alpha = y_pred["generated"][..., :3], y_pred["generated"][..., 3:]
        truth, mask, terms = y_pred["truth"], y_pred["mask"], self.terms
        difference = ops.mean(ops.abs(colour - truth) * (1 + (terms.inside - 1) * mask))
        sigma = truth.shape[1] * STRUCTURE_SIGMA
        structure = losses.contrast_loss(colour, truth, sigma, mask)
        structure = structure + losses.coarse_contrast_loss(colour, truth, sigma, mask)
        # not the absolute difference: where alpha is sure and wrong, as on a hand, its sigmoid leaves no gradient of that
        wrong = ops.mean(ops.binary_crossentropy(mask, alpha))
        total = terms.l1 * difference + terms.structure * structure + terms.alpha * wrong
        total = total + terms.edges * losses.edge_loss(colour, truth, mask)
        found = {"l1": difference, "structure": structure, "alpha_error": wrong}
        if terms.identity or terms.perceptual:
            # every second face: the network behind it is the dearest part
            found["identity"], found["perceptual"] = self.unlike(colour[::2], truth[::2])
            total = total + terms.identity * found["identity"] + terms.perceptual * found["perceptual"]
        if terms.adversarial:
            found["adversarial"], found["discriminator"] = self.contest(truth + mask * (colour - truth), truth, y_pred["nearest"])
            total = total + terms.adversarial * found["adversarial"] + found["discriminator"]
        for name, value in found.items():
            self.trackers[name].update_state(value)
        return total

    def unlike(self, colour, truth):
        """How the recogniser tells generated faces from the truth: 1 - cosine of descriptors, squared distance of features."""
        *inner, one = self.recogniser(ops.clip(colour, 0, 1))
        *wanted, other = self.recogniser(truth)
        one, other = ops.cast(one, "float32"), ops.stop_gradient(ops.cast(other, "float32"))
        return losses.cosine_distance(one, other), sum(map(losses.feature_distance, inner, wanted))

    def contest(self, generated, truth, nearest):
        """(Generator's loss, discriminator's loss with R1) for faces in their surroundings; all pictures (N, S, S, 3) [0, 1]."""
        reading = discriminators.Reading(self.discriminator)

        def beside(*references):
            references = ops.concatenate(references, axis=0)
            return lambda pictures, frozen: reading(ops.concatenate([pictures, references], axis=-1), frozen)

        mine, theirs = discriminators.hinge(beside(nearest), truth, generated)
        penalty = discriminators.gradient_penalty(beside(nearest, nearest), truth, self.draw)
        return mine, theirs + self.terms.gradient_penalty * penalty


def generate(
    network: keras.Model, faces: np.ndarray, references: np.ndarray, batch_size: int = 16, mirrored: bool = False
) -> np.ndarray:
    """What the network generates.

    Args:
        network: from `build_swapper`.
        faces: (N, S, S, 3) uint8 RGB. references: (N, S, S, 3 K + 1) uint8, see `build_swapper`.
        batch_size: faces a pass.
        mirrored: also of the mirror images, and the mean of both: more alike, at twice the time.

    Returns:
        (N, S, S, 4) float32 [0, 1]: the composite, RGB, and alpha.
    """
    generated = []
    for first in range(0, len(faces), batch_size):
        some = [x[first : first + batch_size].astype(np.float32) / 255 for x in (faces, references)]
        generated.append(network.predict_on_batch(some))
    found = np.concatenate(generated).clip(0, 1)
    if mirrored:
        other = generate(network, faces[:, :, ::-1], references[:, :, ::-1], batch_size)
        found = (found + other[:, :, ::-1]) / 2
    return found


def explain(network: keras.Model, faces: np.ndarray, references: np.ndarray) -> dict[str, np.ndarray]:
    """What a generated face is made of; arguments as for `generate`.

    Returns:
        float32 arrays: mixture (N, S, S, K + 1), the shares of the target and of each reference; relit (N, K, S, S, 3), the
        references under the target's light; correction (N, S, S, 3), what is added; alpha (N, S, S).
    """
    compose = network.get_layer("compose")
    some = [x.astype(np.float32) / 255 for x in (faces, references)]
    mixture, pictures, correction, alpha = compose.ingredients(keras.Model(network.inputs, compose.input)(some))
    relit = ops.stack(pictures[1:], axis=1)
    named = {"mixture": mixture, "relit": relit, "correction": correction, "alpha": alpha[..., 0]}
    return {name: ops.convert_to_numpy(value) for name, value in named.items()}


def save(network: keras.Model, average: np.ndarray, path: str | os.PathLike) -> None:
    """Writes a network and the average shape of faces that belongs to it ((9, P, 2), see `faces.references`), in 16 bit."""
    shape = [network.config.size, network.config.references, *network.config.filters]
    weights = {f"weight_{k}": value.astype(np.float16) for k, value in enumerate(network.get_weights())}
    with files.atomic_path(Path(path)) as temporary, temporary.open("wb") as stream:
        np.savez(stream, shape=np.array(shape), average=average.astype(np.float32), **weights)


def load(path: str | os.PathLike) -> tuple[keras.Model, np.ndarray]:
    """What `save` wrote: the network, and the average shape (9, P, 2) float64.

    Raises:
        LabError: when the file is missing, damaged, or holds no such network.
    """
    try:
        with untrusted.arrays(Path(path), MOST_BYTES) as held:
            size, references, *filters = held["shape"].tolist()
            if not (16 <= size <= MOST_PIXELS and 1 <= references <= 8 and len(filters) == 4 and max(filters) <= 1024):
                raise ValueError(f"a network of shape {held['shape'].tolist()}")
            network = build_swapper(SwapperConfig(size, references, tuple(filters)))
            count = sum(name.startswith("weight_") for name in held)
            # older files know no fine light: it stays at zero, and they generate what they did
            known = [w for w in network.weights if count == len(network.weights) or "fine_light" not in w.path]
            if count != len(known):
                raise ValueError(f"{count} weights instead of {len(known)}")
            for k, weight in enumerate(known):
                weight.assign(held[f"weight_{k}"].astype(np.float32))
            return network, held["average"].astype(np.float64)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LabError(
            f"{path}: this is no base model, or it is damaged ({error}). Train one with tools/train_swapper.py."
        ) from error
