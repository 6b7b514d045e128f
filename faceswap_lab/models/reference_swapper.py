"""The base model: paints the true swap of people it has never seen, from the target's face and pictures of the source.

A U-Net (O. Ronneberger, P. Fischer, T. Brox, "U-Net: convolutional networks for biomedical image segmentation", MICCAI 2015,
arXiv:1505.04597) sees the target's face beside pictures of the source that were warped to its landmarks (`swap.references`).
It does not paint the skin but says how to move each of these pictures a little further (appearance flow: T. Zhou and others,
"View synthesis by appearance flow", ECCV 2016, arXiv:1605.03557), since landmarks err by two pixels and eyes are three high;
how to relight it; pixel by pixel which of them to take; and what to add. So detail comes from the source's own pictures,
few weights do, and a new person needs no training.

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

from faceswap_lab import files, untrusted
from faceswap_lab.errors import LabError
from faceswap_lab.models import losses

SLOPE = 0.1  # of the leaky ReLU
MOST_BYTES, MOST_PIXELS = 1 << 28, 1024  # of a stored network, and the side of its faces
REACH = 0.08  # of the side, the furthest that a picture is moved
STRUCTURE_SIGMA = 1 / 38  # of the face's side, the scale at which `metrics` compare local contrast


@dataclass(frozen=True)
class SwapperConfig:
    """The shape of a base model.

    Args:
        size: side S of the faces, pixels, a multiple of 16.
        references: K, pictures of the source beside each face.
        filters: channels at S/2, S/4, S/8 and S/16; pictures are moved on the grid of S/8 and relit on those of S/16
            and S/4.
        """

    size: int = 128
    references: int = 3
    filters: tuple[int, ...] = (32, 64, 96, 128)


@dataclass(frozen=True)
class SwapperLoss:
    """Weights of the terms, all between the painting and the true swap; a term at 0 is not computed.

    Args:
        l1: mean absolute difference, `inside` times as heavy where the face is.
        structure: local contrast at two scales, inside the face (`losses.contrast_loss`).
        edges: first differences, inside the face.
        energy: how strong edges are, wherever within some pixels they lie, inside the face (`losses.edge_energy_loss`).
        alpha: what counts of the painting, against the rendered mask.
        flow: hundredths of the side by which the pictures are moved wrongly, where the renderer knows.
        identity: 1 - cosine of the descriptors of `identity_network`, which is not the one behind identity_gain.
    """

    l1: float = 1.0
    inside: float = 4.0
    structure: float = 0.3
    edges: float = 0.5
    energy: float = 0.0
    alpha: float = 0.2
    flow: float = 0.2
    identity: float = 0.0


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
    skips = []
    for level, filters in enumerate(config.filters):
        x = _convolution(x, filters, 4 if level == 0 else 3, strides=2)
        x = _convolution(x, filters)
        skips.append(x)
    x = _convolution(x, config.filters[-1])
    light = _head(6 * (count + 1), "light")(x)
    x = _enlarged_beside(x, skips[2], config.filters[2])
    flow = _head(2 * (count + 1), "flow")(x)
    x = _enlarged_beside(x, skips[1], config.filters[1])
    fine_light = _head(6 * (count + 1), "fine_light")(x)
    pictures = Carry(count, name="carry")([faces, references, flow, light, fine_light])
    x = layers.UpSampling2D(interpolation="bilinear")(_convolution(x, config.filters[0], 1))
    seen = _convolution(pictures, config.filters[0], 4, strides=2)
    x = _convolution(layers.Concatenate()([x, skips[0], seen]), config.filters[0])
    x = _convolution(x, config.filters[0])
    parts = layers.Conv2D(4 * (count + 6), 3, padding="same", name="parts")(x)
    painting = Compose(count, name="compose")([faces, pictures, parts])
    network = keras.Model([faces, references], painting, name="reference_swapper")
    network.config = config
    return network


def _head(channels: int, name: str):
    """What the network says beside the painting; it begins by saying nothing."""
    return layers.Conv2D(channels, 3, padding="same", kernel_initializer="zeros", name=name)


def _enlarged_beside(x, skip, filters: int):
    """Twice the side, mixed with what the way down saw at that size."""
    x = layers.UpSampling2D(interpolation="bilinear")(_convolution(x, filters, 1))
    return _convolution(layers.Concatenate()([x, skip]), filters)


def _convolution(x, filters: int, kernel: int = 3, strides: int = 1):
    x = layers.Conv2D(filters, kernel, strides, padding="same", kernel_initializer="he_normal")(x)
    return layers.LeakyReLU(SLOPE)(x)


class _Float32(layers.Layer):
    """A layer that knows K, and computes in 32 bit: places and mixtures in 16 would jump and show bands."""

    def __init__(self, count: int, **options):
        super().__init__(**{**options, "dtype": "float32"})
        self.count = count

    def get_config(self):
        return {**super().get_config(), "count": self.count}


@keras.saving.register_keras_serializable("faceswap_lab")
class Carry(_Float32):
    """Moves and relights the target and each reference.

    Args:
        count: K, references.

    Call: faces (N, S, S, 3); references (N, S, S, 3 K + 1); flow (N, s, s, 2 K + 2), for the target and each reference how
    far right and down of a place its picture lies, before `flow_of`; light and fine light (N, s', s', 6 K + 6), gains and
    offsets, which add up. Returns (N, S, S, 3 K + 3) float32, the target first.
    """

    def call(self, inputs):
        faces, references, flow, light, fine_light = inputs
        size = faces.shape[1]
        light = _enlarged(_enlarged(light, fine_light.shape[1]) + fine_light, size)
        flow = _enlarged(size * flow_of(flow), size)
        pictures = ops.concatenate([faces, references[..., :-1]], axis=-1)
        carried = []
        for k in range(self.count + 1):
            moved = moved_by(pictures[..., 3 * k : 3 * k + 3], flow[..., 2 * k : 2 * k + 2])
            gain, offset = (light[..., 6 * k + first : 6 * k + first + 3] for first in (0, 3))
            carried.append(ops.exp(ops.clip(gain, -2.0, 2.0)) * moved + offset)
        return ops.concatenate(carried, axis=-1)

    def compute_output_shape(self, shapes):
        return (*shapes[0][:3], 3 * self.count + 3)


def flow_of(answer):
    """The network's answer as a flow in shares of the side, at most REACH."""
    return REACH * ops.tanh(answer)


def moved_by(pictures, flow):
    """Pictures (N, S, S, C) read at places `flow` (N, S, S, 2) pixels right and down of each pixel, bilinear, ends repeated."""
    count, size, channels = ops.shape(pictures)[0], pictures.shape[1], pictures.shape[-1]
    steps = np.arange(size, dtype="float32")
    x = ops.clip(flow[..., 0] + steps[None, None, :], 0.0, size - 1.001)
    y = ops.clip(flow[..., 1] + steps[None, :, None], 0.0, size - 1.001)
    left, top = ops.floor(x), ops.floor(y)
    right, down = (x - left)[..., None], (y - top)[..., None]
    first = ops.reshape(ops.arange(count, dtype="int32") * size**2, (-1, 1, 1))
    place = first + ops.cast(top, "int32") * size + ops.cast(left, "int32")
    flat = ops.reshape(pictures, (-1, channels))
    one, next_one, below, next_below = (ops.take(flat, place + step, axis=0) for step in (0, 1, size, size + 1))
    upper, lower = one + right * (next_one - one), below + right * (next_below - below)
    return upper + down * (lower - upper)


@keras.saving.register_keras_serializable("faceswap_lab")
class Compose(_Float32):
    """Puts the painting together: a mixture of the target and the pictures carried over, plus a small correction.

    Args:
        count: K, references.

    Call: faces (N, S, S, 3); pictures (N, S, S, 3 K + 3), from `Carry`; parts (N, S/2, S/2, 4 (K + 6)), for each pixel of a
    block of four the mixture's logits, correction and alpha. Returns (N, S, S, 4) float32.
    """

    def call(self, inputs):
        mixture, pictures, correction, alpha = self.ingredients(inputs)
        painting = correction
        for k, picture in enumerate(pictures):
            painting = painting + mixture[..., k : k + 1] * picture
        return ops.concatenate([painting, alpha], axis=-1)

    def ingredients(self, inputs):
        """The mixture's shares (N, S, S, K + 2), the K + 2 pictures mixed (target as it is, carried over), correction, alpha."""
        faces, carried, parts = inputs
        count = self.count
        parts = _blocks(parts, 2)
        pictures = [faces, *(carried[..., 3 * k : 3 * k + 3] for k in range(count + 1))]
        correction = ops.tanh(parts[..., count + 2 : count + 5])
        alpha = ops.sigmoid(parts[..., count + 5 : count + 6])
        return ops.softmax(parts[..., : count + 2], axis=-1), pictures, correction, alpha

    def compute_output_shape(self, shapes):
        return (*shapes[0][:3], 4)


def _blocks(x, side: int):
    """Depth to space: (N, H, W, side^2 C) to (N, side H, side W, C)."""
    height, width, channels = x.shape[1:]
    few = channels // side**2
    x = ops.reshape(x, (-1, height, width, side, side, few))
    x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
    return ops.reshape(x, (-1, side * height, side * width, few))


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
        identity_network: faces (N, S, S, 3) -> descriptors (N, D), frozen; needed for the identity term only.
        augment: function of (batch, seed generator) -> batch, drawn anew in every step, or None.

    A batch is a dictionary of uint8 arrays: faces, truth (N, S, S, 3), references (N, S, S, 3 K + 1), mask (N, S, S, 1); and,
    for the term `flow`, true_flow (N, S/8, S/8, 3 K + 3): for the target and each reference where its picture of what the
    truth shows lies, right and down, of REACH from 0 to 255, and last how surely that is known.
    """

    def __init__(self, network, weights_of_loss: SwapperLoss, identity_network=None, augment=None, seed: int = 0):
        super().__init__()
        self.network, self.terms, self.augment = network, weights_of_loss, augment
        self.identity_network = identity_network
        self.draw = keras.random.SeedGenerator(seed)
        self.trackers = {name: keras.metrics.Mean(name) for name in ("l1", "structure", "alpha_error", "flow", "identity")}
        if weights_of_loss.flow:
            self.painting_and_flow = keras.Model(network.inputs, [network.output, network.get_layer("flow").output])

    def call(self, batch, training=False):
        batch = {name: ops.cast(value, "float32") / 255 for name, value in batch.items()}
        if training and self.augment is not None:
            batch = self.augment(batch, self.draw)
        inputs, answer = [batch["faces"], batch["references"]], {name: batch[name] for name in ("truth", "mask")}
        if not self.terms.flow:
            return {**answer, "painted": self.network(inputs, training=training)}
        painted, flow = self.painting_and_flow(inputs, training=training)
        return {**answer, "painted": painted, "flow": flow_of(ops.cast(flow, "float32")), "true_flow": batch["true_flow"]}

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        del x, y, sample_weight, training
        colour, alpha = y_pred["painted"][..., :3], y_pred["painted"][..., 3:]
        truth, mask, terms = y_pred["truth"], y_pred["mask"], self.terms
        difference = ops.mean(ops.abs(colour - truth) * (1 + (terms.inside - 1) * mask))
        sigma = truth.shape[1] * STRUCTURE_SIGMA
        structure = losses.contrast_loss(colour, truth, sigma, mask)
        structure = structure + losses.coarse_contrast_loss(colour, truth, sigma, mask)
        wrong = ops.mean(ops.abs(alpha - mask))
        total = terms.l1 * difference + terms.structure * structure + terms.alpha * wrong
        total = total + terms.edges * losses.edge_loss(colour, truth, mask)
        self.trackers["l1"].update_state(difference)
        self.trackers["structure"].update_state(structure)
        self.trackers["alpha_error"].update_state(wrong)
        if terms.energy:
            total = total + terms.energy * losses.edge_energy_loss(colour, truth, sigma, mask)
        if terms.flow:
            astray = self.astray(y_pred["flow"], y_pred["true_flow"])
            self.trackers["flow"].update_state(astray)
            total = total + terms.flow * astray
        if terms.identity:
            unlike = self.unlike(colour, truth)
            self.trackers["identity"].update_state(unlike)
            total = total + terms.identity * unlike
        return total

    def astray(self, flow, true_flow):
        """How far the flow is off where it is known, per axis, in hundredths of the side."""
        pictures = flow.shape[-1] // 2
        known = ops.repeat(true_flow[..., 2 * pictures :], 2, axis=-1)
        wanted = REACH * (2 * true_flow[..., : 2 * pictures] - 1)
        return 100 * ops.sum(known * ops.abs(flow - wanted)) / (ops.sum(known) + 1e-3)

    def unlike(self, colour, truth):
        """1 - cosine between the descriptors of painting and truth, mean over the batch."""
        one, other = (self.identity_network(ops.clip(pictures, 0, 1)) for pictures in (colour, truth))
        one, other = ops.normalize(one, axis=-1), ops.stop_gradient(ops.normalize(other, axis=-1))
        return ops.mean(1 - ops.sum(one * other, axis=-1))


def paint(network: keras.Model, faces: np.ndarray, references: np.ndarray, batch_size: int = 16) -> np.ndarray:
    """What the network paints.

    Args:
        network: from `build_swapper`.
        faces: (N, S, S, 3) uint8 RGB. references: (N, S, S, 3 K + 1) uint8, see `build_swapper`.
        batch_size: faces a pass.

    Returns:
        (N, S, S, 4) float32 [0, 1]: the composite, RGB, and alpha.
    """
    painted = []
    for first in range(0, len(faces), batch_size):
        some = [x[first : first + batch_size].astype(np.float32) / 255 for x in (faces, references)]
        painted.append(ops.convert_to_numpy(network(some, training=False)))
    return np.concatenate(painted).clip(0, 1)


def explain(network: keras.Model, faces: np.ndarray, references: np.ndarray) -> dict[str, np.ndarray]:
    """What a painting is made of; arguments as for `paint`.

    Returns:
        float32 arrays: flow (N, S/8, S/8, K + 1, 2), by how many pixels of the face the target and each reference are read
        further right and down; carried (N, K + 1, S, S, 3), these pictures so moved and under the target's light;
        mixture (N, S, S, K + 2), the shares of the target as it is and of what was carried; correction (N, S, S, 3), what
        is added; alpha (N, S, S).
    """
    compose, flow = network.get_layer("compose"), network.get_layer("flow").output
    some = [x.astype(np.float32) / 255 for x in (faces, references)]
    inputs, flow = keras.Model(network.inputs, [compose.input, flow])(some)
    mixture, pictures, correction, alpha = compose.ingredients(inputs)
    flow = faces.shape[1] * flow_of(flow)
    named = {
        "flow": ops.reshape(flow, (*flow.shape[:3], -1, 2)), "carried": ops.stack(pictures[1:], axis=1), "mixture": mixture,
        "correction": correction, "alpha": alpha[..., 0],
    }  # fmt: skip
    return {name: ops.convert_to_numpy(value) for name, value in named.items()}


def save(network: keras.Model, average: np.ndarray, path: str | os.PathLike) -> None:
    """Writes a network and the average shape of faces that belongs to it ((9, P, 2), see `swap.references`), in 16 bit."""
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
            network.set_weights([held[f"weight_{k}"].astype(np.float32) for k in range(len(network.weights))])
            return network, held["average"].astype(np.float64)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LabError(
            f"{path}: this is no base model, or it is damaged ({error}). Train one with tools/train_swapper.py."
        ) from error
