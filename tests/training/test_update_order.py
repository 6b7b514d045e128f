"""In the graph that really runs, a weight is updated after everything that reads it in the same step.

TensorFlow's optimiser of graphs may drop the order between a read and an update when no gradient ties them together. Then
a step now and then sees a weight of the next one, and two runs from one seed differ.
"""

import dataclasses
from collections import defaultdict
from graphlib import TopologicalSorter

import keras
import numpy as np
import pytest
import small

from faceswap_lab.models import cyclegan, faceswap_gan, pix2pix
from faceswap_lab.models.loss_weights import PUBLISHED_GAN

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="about TensorFlow's graphs")
TINY = {"filters": 4, "discriminator_filters": (4, 8)}


def optimised(model):
    """The largest graph of a training step, as it runs."""
    from tensorflow.python.eager import context

    context.context().enable_run_metadata()
    try:
        model.train_on_batch({name: np.array([0, 1], "int32") for name in "AB"})
        graphs = [one.post_optimization_graph for one in context.context().export_run_metadata().function_graphs]
    finally:
        context.context().disable_run_metadata()
    return max(graphs, key=lambda graph: len(graph.node))


def early_writes(graph) -> tuple[list[str], int]:
    """Names of the updates that do not wait for every read of their variable, and how many updates there are."""
    nodes = {node.name: node for node in graph.node}
    inputs = {name: [one.lstrip("^").split(":")[0] for one in node.input] for name, node in nodes.items()}
    bits, behind = (
        {name: 1 << place for place, name in enumerate(nodes)},
        {},
    )  # behind: all that must have run, as a set of bits
    for name in TopologicalSorter(inputs).static_order():
        behind[name] = 0
        for one in inputs[name]:
            behind[name] |= behind[one] | bits[one]

    def variable(name):
        name = inputs[name][0]
        while nodes[name].op == "Identity":
            name = inputs[name][0]
        return name

    reads, early, writes = defaultdict(list), [], 0
    for name, node in nodes.items():
        if node.op == "ReadVariableOp":
            reads[variable(name)].append(name)
    for name, node in nodes.items():
        if node.op in ("AssignVariableOp", "AssignAddVariableOp", "AssignSubVariableOp"):
            writes += 1
            if not all(behind[name] & bits[read] or behind[read] & bits[name] for read in reads[variable(name)]):
                early.append(name)
    return early, writes


def gan(**weights):
    loss = dataclasses.replace(small.GAN_LOSS, **weights)
    made = faceswap_gan.FaceSwapGAN(small.SMALL_GAN, loss, small.autoencoder.QUICK_AUGMENTATION)
    made.set_faces(*small.faces())
    return made


def translator(module, kind, **options):
    made = kind(dataclasses.replace(module.quick(32), **TINY, **options))
    faces = small.faces()[0]
    made.set_faces({name: faces[name].repeat(2, 1).repeat(2, 2)[:, :32, :32] for name in "AB"})
    return made


@pytest.mark.parametrize(
    "make",
    [
        lambda: gan(gradient_penalty=1.0, kernel_decay=PUBLISHED_GAN.kernel_decay),
        small.model,
        lambda: translator(cyclegan, cyclegan.CycleGAN, blocks=1, pool=3),
        lambda: translator(pix2pix, pix2pix.Pix2Pix),
    ],
    ids=["gan", "autoencoder", "cyclegan", "pix2pix"],
)
def test_updates_wait_for_every_read(make):
    model = make()
    if getattr(model, "optimizer", None) is None:
        model.compile(optimizer=faceswap_gan.TwoRateAdam(1e-3))
    early, writes = early_writes(optimised(model))
    assert writes > 20 and not early
