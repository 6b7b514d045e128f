"""What a Keras model costs: floating-point operations, layer by layer, from shapes alone.

A multiplication and its addition are two operations, as machine makers count. Counted is what costs: convolutions,
dense layers, matrix products (attention); activations, norms, padding and shuffling count 0. Numbers are for one
picture. Training costs three forward passes: the backward pass does each product twice, once for the layer's input and
once for its weights.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import keras

from faceswap_lab.models.layers import SelfAttention
from faceswap_lab.models.normalization import HybridNormalization


@dataclass(frozen=True)
class LayerCost:
    """One step of a model.

    Args:
        name: of the layer.
        kind: its class, such as "Conv2D".
        shape: of its output without the batch, such as (32, 32, 128).
        weights: numbers in it.
        flops: of one forward pass of one picture.
        activations: numbers that it gives out for one picture; training keeps most of them until the way back.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    weights: int
    flops: int
    activations: int


@dataclass(frozen=True)
class Cost:
    """What a network costs for one picture; two costs add up.

    Args:
        weights: trained numbers, and those that are only kept.
        multiplications: products (each with an addition: two operations) of one forward pass.
        activations: numbers that its layers give out; times four bytes.
    """

    weights: int = 0
    multiplications: int = 0
    activations: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.weights + other.weights,
            self.multiplications + other.multiplications,
            self.activations + other.activations,
        )


def network_cost(model: keras.Model) -> Cost:
    """The cost of a functional model such as an encoder, a decoder or a discriminator, of fixed input size.

    Raises:
        ValueError: see `layer_costs`.
    """
    costs = layer_costs(model)
    return Cost(
        model.count_params(), sum(cost.flops for cost in costs) // 2, sum(cost.activations for cost in costs)
    )


def forward_flops(model: keras.Model) -> int:
    """Operations of one picture through a functional model."""
    return sum(cost.flops for cost in layer_costs(model))


def training_flops(model: keras.Model) -> int:
    """Operations of one picture forward and backward: three forward passes."""
    return 3 * forward_flops(model)


def generator_flops(model) -> int:
    """Operations to train on one face of a `FaceAutoencoder`: its encoder and its decoder, forward and backward.

    Discriminators, frozen networks, augmentation and losses are not in it.
    """
    return training_flops(model.encoders[0]) + training_flops(model.decoders[0])


def discriminator_flops(model) -> int:
    """Operations of a `FaceSwapGAN`'s discriminators for one face: both composite and raw colour are scored.

    The discriminator's own loss costs three passes of what it sees, the generator's loss as much again (forward, and backward to
    the picture: two), so that mixup costs five passes for each of the two generated pictures; the relativistic and hinge
    losses see real pictures besides.
    """
    passes = {"mixup": 3 + 2, "relativistic": 6 + 3, "hinge": 6 + 2}[model.config.adversarial]
    return 2 * passes * forward_flops(model.discriminators[0])


def step_flops(model, batch_size: int) -> int:
    """Operations of one training step of a `FaceAutoencoder` or `FaceSwapGAN`.

    Beside `generator_flops` and `discriminator_flops`, the terms that generate swaps: the swap (forward; and backward where a
    gradient goes through it), half of the faces brought back by back-translation, all of them by the cycle, and encoded
    again by the code. Not in it: frozen networks, augmentation, losses on pictures, the optimiser.

    Args:
        model: see above.
        batch_size: faces of each person.
    """
    encoder, decoder = forward_flops(model.encoders[0]), forward_flops(model.decoders[0])
    active = model.loss_weights.active()
    a_face = generator_flops(model)
    if {"identity", "code", "back_translation", "cycle"} & set(active):
        swap = decoder if len(model.encoders) == 1 else encoder + decoder
        a_face += swap * (3 if {"identity", "code", "cycle"} & set(active) else 1)
    a_face += 3 * (encoder + decoder) // 2 * ("back_translation" in active)
    a_face += 3 * (encoder + decoder) * ("cycle" in active) + 3 * encoder * ("code" in active)
    if getattr(model, "discriminators", ()):
        a_face += discriminator_flops(model)
    return 2 * batch_size * a_face


def layer_costs(model: keras.Model) -> list[LayerCost]:
    """Every step of a functional model, in the order in which it is run; models inside are opened.

    Raises:
        ValueError: for a layer with convolution or dense weights whose cost is unknown: give it a method
            `multiplications(input_shape) -> int` (batch first in the shape; a pair of tensors gives a tuple of shapes).
    """
    costs = []
    for layer, input_shape, output_shape, activations in steps(model):
        if isinstance(layer, keras.Model):
            costs += layer_costs(layer)
        elif not isinstance(layer, keras.layers.InputLayer):
            weights = layer.count_params() if isinstance(layer, keras.Layer) else 0
            costs.append(
                LayerCost(
                    layer.name,
                    type(layer).__name__,
                    output_shape,
                    weights,
                    operation_flops(layer, input_shape, output_shape),
                    activations,
                )
            )
    return costs


def steps(model: keras.Model) -> list[tuple]:
    """(layer or operation, input shape, output shape, numbers given out) of every node of a functional model.

    Shapes are without the batch. An operation on several tensors gives a tuple of shapes, one each; of several outputs
    the first one's shape is given, and all count in the numbers.
    """
    found = []
    for depth in sorted(model._nodes_by_depth, reverse=True):
        for node in model._nodes_by_depth[depth]:
            inputs = [tuple(tensor.shape[1:]) for tensor in node.input_tensors]
            outputs = [tuple(tensor.shape[1:]) for tensor in node.output_tensors]
            numbers = sum(math.prod(shape) for shape in outputs)
            found.append((node.operation, inputs[0] if len(inputs) == 1 else tuple(inputs), outputs[0], numbers))
    return found


def operation_flops(layer, input_shape: tuple, output_shape: tuple) -> int:
    """Operations of one layer for one picture; shapes without the batch, channels last."""
    kernels = keras.layers
    if hasattr(layer, "multiplications"):  # a layer that knows its own cost
        several = isinstance(input_shape[0], tuple)
        return 2 * layer.multiplications(tuple((1, *s) for s in input_shape) if several else (1, *input_shape))
    if isinstance(layer, kernels.DepthwiseConv2D):
        return 2 * math.prod(layer.kernel_size) * math.prod(output_shape)
    if isinstance(layer, kernels.Conv2DTranspose):
        return 2 * math.prod(layer.kernel_size) * math.prod(input_shape) * output_shape[-1]
    if isinstance(layer, kernels.Conv2D):
        return 2 * math.prod(layer.kernel_size) * (input_shape[-1] // layer.groups) * math.prod(output_shape)
    if isinstance(layer, kernels.Dense):
        return 2 * input_shape[-1] * math.prod(output_shape)
    if isinstance(layer, SelfAttention):
        return attention_flops(input_shape, layer.reduction)
    if isinstance(layer, HybridNormalization):
        return 2 * (input_shape[-1] // 2) ** 2 * math.prod(input_shape[:-1])
    if type(layer).__name__ == "Matmul":
        return 2 * math.prod(output_shape) * input_shape[0][-1]
    if any(len(variable.shape) >= 2 for variable in getattr(layer, "trainable_variables", ())):
        raise ValueError(
            f"the cost of layer {layer.name} ({type(layer).__name__}) is unknown: give it a method "
            "multiplications(input_shape)"
        )
    return 0


def attention_flops(shape: tuple[int, int, int], reduction: int = 8) -> int:
    """Self-attention over (H, W, C): three 1x1 convolutions, every place with every place, and the weighted mean."""
    places, channels = shape[0] * shape[1], shape[2]
    small = max(1, channels // reduction)
    return 2 * places * channels * (2 * small + channels) + 2 * places**2 * (small + channels)
