"""A model's layers as a figure: how it narrows and widens, where it attends, what it weighs and costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import FancyArrowPatch, Polygon, Rectangle

from faceswap_lab.base.messages import _
from faceswap_lab.models import flops

COLOURS = {
    "picture": "#bdbdbd",
    "convolution": "#6baed6",
    "upscale": "#74c476",
    "dense": "#fd8d3c",
    "attention": "#e34a75",
    "output": "#9e9ac8",
}
NAMES = {  # translated where they are shown
    "picture": "input",
    "convolution": "convolution",
    "upscale": "upscale (doubles the side)",
    "dense": "dense",
    "attention": "self-attention",
    "output": "output",
}
_SILENT = {
    "ReLU", "LeakyReLU", "Activation", "GroupNormalization", "BatchNormalization", "WholeImageNormalization",
    "HybridNormalization", "Reshape", "Flatten", "PixelShuffle", "UpSampling2D", "ReflectPad", "Rescaling",
    "Concatenate", "Add", "Dropout", "ZeroPadding2D",
}  # fmt: skip
_HEADS = ("side_", "colour", "alpha", "paint", "discriminator_scores")


@dataclass(frozen=True)
class Box:
    """One drawn step of a network: a layer that has a cost, and what belongs to it (activation, norm, shuffle).

    Args:
        name: of the layer.
        kind: one of `COLOURS`.
        shape: what comes out, (H, W, C) or (n,).
        weights: numbers in the layer and in what belongs to it.
        flops: of one forward pass.
        skip: the name of the box whose output is added to this one's, or "".
        branch: the name of the box that it hangs on instead of the one before, or "".
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    weights: int
    flops: int
    skip: str = ""
    branch: str = ""


def boxes(network: keras.Model) -> list[Box]:
    """The steps of a network worth a box, in order; activations, norms and shuffles are drawn with the layer before.

    Args:
        network: a functional model: an encoder, a decoder or a discriminator.
    """
    found: list[dict] = []
    owner: dict[int, int] = {}  # id of a tensor -> place of the box that it belongs to
    for node in _nodes(network):
        operation, inputs = node.operation, node.input_tensors
        outputs = node.output_tensors
        shape = tuple(outputs[0].shape[1:])
        weights = operation.count_params() if isinstance(operation, keras.Layer) else 0
        kind = type(operation).__name__
        before = [owner[id(tensor)] for tensor in inputs if id(tensor) in owner]
        if kind in _SILENT and before:
            place = max(before)
            found[place]["weights"] += weights
            found[place]["flops"] += flops.operation_flops(operation, *_shapes(inputs, outputs))
            if kind not in ("Flatten", "Concatenate", "UpSampling2D", "ReflectPad"):
                found[place]["shape"] = shape
            if kind in ("PixelShuffle",):
                found[place]["kind"] = "upscale"
            if kind == "UpSampling2D":  # drawn with the convolution that follows it
                found[place]["upsampled"] = True
            if kind == "Add":
                found[place]["skip"] = found[min(before)]["name"]
        else:
            place = len(found)
            last = max(before, default=-1)
            upsampled = last >= 0 and found[last].pop("upsampled", False)
            found.append(
                {
                    "name": "input" if kind == "InputLayer" else operation.name,
                    "kind": _kind(operation, upsampled),
                    "shape": shape,
                    "weights": weights,
                    "flops": flops.operation_flops(operation, *_shapes(inputs, outputs)),
                    "branch": found[last]["name"] if 0 <= last < place - 1 else "",
                }
            )
        for tensor in outputs:
            owner[id(tensor)] = place
    ends = {owner[id(tensor)] for tensor in network.outputs}
    for place, box in enumerate(found):
        box.pop("upsampled", None)
        if box["kind"] == "convolution" and (place in ends or box["name"].startswith(_HEADS)):
            box["kind"] = "output"
    return [Box(**box) for box in found]


def _nodes(network):
    return [node for depth in sorted(network._nodes_by_depth, reverse=True) for node in network._nodes_by_depth[depth]]


def _shapes(inputs, outputs):
    shapes = [tuple(tensor.shape[1:]) for tensor in inputs]
    return (shapes[0] if len(shapes) == 1 else tuple(shapes)), tuple(outputs[0].shape[1:])


def _kind(operation, upsampled: bool) -> str:
    kind = type(operation).__name__
    if kind == "InputLayer":
        return "picture"
    if "Attention" in kind:
        return "attention"
    if kind == "Dense":
        return "dense"
    return "upscale" if upsampled else "convolution"


def short(number: float) -> str:
    """A count in three figures: 69.7 M, 524 k, 12."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number:.0f}"


def shape_text(shape: tuple[int, ...]) -> str:
    """(32, 32, 128) as 32x32x128."""
    return "\u00d7".join(str(side) for side in shape)


def draw(networks: dict[str, keras.Model], title: str = "", share: dict[str, int] | None = None):
    """Draws networks one above the other: each layer a box as high as its side, with shape, weights and cost.

    Args:
        networks: name -> functional model, in the order in which a face passes them.
        title: of the figure.
        share: how many of each network the model has, such as {"decoder": 2}; 1 where nothing is said.

    Returns:
        A `matplotlib` figure; `boxes` gives what it shows.
    """
    rows = {name: boxes(network) for name, network in networks.items()}
    longest = max(len(row) for row in rows.values())
    figure, axes = plt.subplots(
        len(rows),
        1,
        figsize=(max(9.0, 1.25 * longest + 0.6), 2.9 * len(rows) + 0.9),
        squeeze=False,
        layout="constrained",
    )
    for axis, (name, row) in zip(axes[:, 0], rows.items(), strict=True):
        count = (share or {}).get(name, 1)
        weights, cost = sum(box.weights for box in row), sum(box.flops for box in row)
        said = _("{name}: {weights} weights, {cost}FLOP a picture")
        times = f"{count} \u00d7 " if count > 1 else ""
        title_of_row = times + said.format(name=name, weights=short(weights), cost=short(cost))
        axis.set_title(title_of_row, loc="left", fontsize=12, weight="bold")
        _draw_row(axis, row, longest)
    used = {box.kind for row in rows.values() for box in row}
    handles = [Rectangle((0, 0), 1, 1, color=COLOURS[kind]) for kind in COLOURS if kind in used]
    figure.legend(
        handles,
        [_(NAMES[kind]) for kind in COLOURS if kind in used],
        loc="outside lower center",
        ncols=6,
        fontsize=10,
        frameon=False,
    )
    if title:
        figure.suptitle(title, fontsize=14, weight="bold")
    return figure


def _size(box: Box, largest: int) -> tuple[float, float]:
    """Width and height of a box: the more channels, the wider; the larger the side, the higher; a code is a slim bar."""
    if box.kind == "dense":
        return 0.14, 0.17
    return 0.16 + 0.045 * np.log2(box.shape[-1]), max(0.1, 0.96 * np.sqrt(box.shape[0] / largest))


def _draw_row(axis, row: list[Box], columns: int) -> None:
    places = {box.name: column for column, box in enumerate(row)}
    largest = max(box.shape[0] for box in row if len(box.shape) == 3 and box.kind != "dense")
    sizes = [_size(box, largest) for box in row]
    for column, (box, (wide, high)) in enumerate(zip(row, sizes, strict=True)):
        if column and not box.branch:
            before = sizes[column - 1]
            start, end = column - 1 + before[0] / 2, column - wide / 2
            corners = [(start, before[1] / 2), (end, high / 2), (end, -high / 2), (start, -before[1] / 2)]
            axis.add_patch(Polygon(corners, closed=True, color="#eeeeee", zorder=0))
        axis.add_patch(
            Rectangle(
                (column - wide / 2, -high / 2), wide, high, facecolor=COLOURS[box.kind], edgecolor="#333333", lw=0.8
            )
        )
        axis.text(column, -0.57, shape_text(box.shape), ha="center", va="top", fontsize=9.5, weight="bold")
        if box.weights:
            cost = _("{weights} weights\n{cost}FLOP").format(weights=short(box.weights), cost=short(box.flops))
            axis.text(column, -0.72, cost, ha="center", va="top", fontsize=8.5, linespacing=1.3, color="#333333")
        label = box.name.removeprefix("discriminator_").replace("_", " ")
        axis.text(column, 0.66, label, ha="center", va="bottom", fontsize=9)
        if box.skip:
            _arc(axis, places[box.skip], column, sizes)
        if box.branch:
            from_where = _("from {layer}").format(layer=box.branch.replace("_", " "))
            axis.text(column, high / 2 + 0.04, from_where, ha="center", va="bottom", fontsize=8, style="italic")
    axis.set_xlim(-0.6, columns - 0.4)
    axis.set_ylim(-1.1, 0.85)
    axis.axis("off")


def _arc(axis, start: int, end: int, sizes) -> None:
    """An arrow over what lies between, with a plus where the two are added."""
    places = [(column, sizes[column][1] / 2) for column in (start, end)]
    style: dict[str, Any] = {"arrowstyle": "-|>", "connectionstyle": "arc3,rad=-0.12", "color": "#333333", "lw": 1.3}
    axis.add_patch(FancyArrowPatch(*places, mutation_scale=11, shrinkA=1, shrinkB=1, **style))
    axis.text(end + 0.1, places[1][1] + 0.02, "+", fontsize=13, weight="bold", ha="left", va="bottom")
