"""What a network costs, counted from its layers: weights, multiplications, and the numbers that training has to keep."""

from __future__ import annotations

import math
from dataclasses import dataclass

import keras

from faceswap_lab.models.layers import SelfAttention
from faceswap_lab.models.octave import OctaveConv2D


@dataclass(frozen=True)
class Cost:
    """The cost of a network for one picture; two costs add up.

    Args:
        weights: trained numbers, and those that are only kept.
        multiplications: products (each with an addition) of convolutions, dense layers and attention, forward. Norms,
            activations and resizing are not counted. Training takes about three times as many, a FLOP count twice that.
        activations: numbers that the layers give out. Training keeps most of them until the way back; times four bytes.
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


def network_cost(network: keras.Model) -> Cost:
    """Counts a network of the functional kind, such as an encoder, a decoder or a critic, of fixed input size.

    Raises:
        ValueError: for a layer with a kernel that there is no rule for, so that nothing is left out in silence.
    """
    total = Cost()
    for layer in network.layers:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        if isinstance(layer, keras.Model):
            total = total + network_cost(layer)
            continue
        given, made = _shapes(layer.input), _shapes(layer.output)
        total = total + Cost(
            layer.count_params(), layer_multiplications(layer, given, made), sum(math.prod(shape[1:]) for shape in made)
        )
    return total


def layer_multiplications(layer: keras.layers.Layer, given: list[tuple], made: list[tuple]) -> int:
    """The products of one layer for one picture.

    Args:
        given, made: the shapes that go in and come out, with the batch first: one, or two for a pair.

    Raises:
        ValueError: for a layer with a kernel that there is no rule for.
    """
    if isinstance(layer, keras.layers.Wrapper):  # such as spectral normalization: its own work is left out
        layer = layer.layer
    if isinstance(layer, OctaveConv2D):
        return layer.multiplications(given[0] if len(given) == 1 else tuple(given))
    if isinstance(layer, SelfAttention):
        _, rows, columns, channels = given[0]
        places, small = rows * columns, layer.query.filters
        return places * channels * (2 * small + channels) + places**2 * (small + channels)
    if isinstance(layer, keras.layers.Conv2DTranspose):
        return math.prod(given[0][1:3]) * math.prod(layer.kernel.shape)
    if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D):
        return math.prod(made[0][1:3]) * math.prod(layer.kernel.shape)
    if isinstance(layer, keras.layers.Dense):
        return math.prod(given[0][1:-1]) * math.prod(layer.kernel.shape)
    if any(len(weight.shape) > 1 for weight in layer.weights):
        raise ValueError(f"{layer.name}: there is no rule for what a {type(layer).__name__} multiplies")
    return 0


def _shapes(tensors) -> list[tuple]:
    return [tuple(x.shape) for x in (tensors if isinstance(tensors, list | tuple) else [tensors])]
