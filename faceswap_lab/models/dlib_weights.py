"""Reads the tensors of a network that dlib has written to a file, without dlib.

dlib's `serialize` walks from the loss to the input and writes each layer's facts on the way back, the layer nearest the
input first. A layer that learns starts with its name, a string behind its length, and soon has its numbers: an integer
version (2), four integers for the shape, then raw little-endian float32. An integer is one byte that tells its length
and sign, and then that many bytes.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

SAME_PERSON = 0.6  # two embeddings of dlib's recognition network nearer than this are taken for one person


@dataclass(frozen=True)
class DlibLayer:
    """One learnt layer as it lies in the file.

    Attributes:
        kind: "con" (convolution), "affine" (scale and shift, a batch normalisation put to rest) or "fc".
        numbers: (n,) float32, all its parameters in one row.
        facts: for "con": filters, kernel height and width, stride down and across, padding down and across; for "fc":
            outputs, inputs; for "affine": nothing.
    """

    kind: str
    numbers: np.ndarray
    facts: tuple[int, ...]


_NAMES = re.compile(rb"\x01(?:\x05(con)_4|\x07(affine)_|\x04(fc)_2)")


def read_layers(data: bytes) -> list[DlibLayer]:
    """All layers with numbers, in the order of the file: the layer nearest the input first.

    Args:
        data: the file's content.

    Returns:
        The layers; an empty list for a file of another kind.

    Raises:
        ValueError: when the file ends within a layer or a layer does not have the form described above.
    """
    layers, position = [], 0
    while match := _NAMES.search(data, position):
        kind = next(group for group in match.groups() if group).decode()
        position, before = match.end(), ()
        if kind == "fc":
            before, position = _integers(data, position, 2)
        (version, *shape), position = _integers(data, position, 5)
        count = math.prod(shape)
        if version != 2 or min(shape) < 1 or position + 4 * count > len(data):
            raise ValueError(f"a damaged {kind} layer {match.start()} bytes into the file")
        numbers = np.frombuffer(data, "<f4", count, position)
        position += 4 * count  # jump over the numbers, so that a name cannot be found among them
        after = ()
        if kind == "con":
            after, position = _integers(data, position, 7)
        layers.append(DlibLayer(kind, numbers, (*before, *after)))
    return layers


def _integers(data: bytes, position: int, count: int) -> tuple[tuple[int, ...], int]:
    """`count` of dlib's integers from `position` on, and the position after them."""
    values = []
    for _ in range(count):
        if position >= len(data):
            raise ValueError("the file ends within a layer")
        length = data[position] & 0x7F
        value = int.from_bytes(data[position + 1 : position + 1 + length], "little")
        values.append(-value if data[position] & 0x80 else value)
        position += 1 + length
    return tuple(values), position
