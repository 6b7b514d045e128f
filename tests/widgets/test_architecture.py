"""The drawn layers are the model's: shapes, weights and operations."""

import keras
import matplotlib
import matplotlib.pyplot as plt
import pytest

from faceswap_lab.models import autoencoder_networks, discriminators, faceswap_gan_networks, flops
from faceswap_lab.widgets import architecture

matplotlib.use("Agg")


def halves(config):
    rooms = faceswap_gan_networks if getattr(config, "architecture", "quick") != "quick" else autoencoder_networks
    found = {"encoder": rooms.build_encoder(config), "decoder": rooms.build_decoder(config)}
    if hasattr(config, "discriminator_filters"):
        found["discriminator"] = discriminators.build_discriminator(config, "discriminator_A")
    return found


MODELS = {
    "original": autoencoder_networks.original(64, width=0.06),
    "low memory": autoencoder_networks.low_memory(64, width=0.06),
    "quick": autoencoder_networks.quick(64),
    "quick GAN": faceswap_gan_networks.quick(64),
    "standard 128": faceswap_gan_networks.standard(128, width=0.06),
    "lite 64, hybrid": faceswap_gan_networks.standard(64, lite=True, width=0.06, norm="hybrid"),
}


@pytest.mark.parametrize("name", MODELS)
def test_the_figure_shows_the_models_own_shapes(name):
    networks = halves(MODELS[name])
    figure = architecture.draw(networks, name, {"decoder": 2})
    for axis, network in zip(figure.axes, networks.values(), strict=True):
        texts = [text.get_text() for text in axis.texts]
        found = architecture.boxes(network)
        assert sum(box.weights for box in found) == network.count_params()
        assert sum(box.flops for box in found) == flops.forward_flops(network)
        for box in found:
            layer = network.layers[0] if box.name == "input" else network.get_layer(box.name)
            shape = tuple(layer.output.shape[1:])
            if box.kind == "upscale" and shape != box.shape:  # drawn with its pixel shuffle
                shape = (2 * shape[0], 2 * shape[1], shape[2] // 4)
            if box.name == "unfold":
                side = network.output_shape[1] // 2
                assert box.shape == (side, side, layer.units // side**2)
                shape = box.shape
            if box.name == "paint" and shape != box.shape:  # the quick one's, shuffled
                shape = (2 * shape[0], 2 * shape[1], shape[2] // 4)
            if box.name == "bridge" and "lite" in name:
                assert box.kind == "upscale" and shape[0] == 8
            assert box.shape == shape, box
            assert architecture.shape_text(box.shape) in texts
    plt.close(figure)


def test_attention_skips_and_branches_are_marked():
    found = {box.name: box for box in architecture.boxes(faceswap_gan_networks.build_decoder(MODELS["standard 128"]))}
    assert found["attention_1"].kind == found["attention_2"].kind == "attention"
    assert found["residual_2"].skip == "up_2" and found["side_64"].branch == "attention_2"
    assert {name for name, box in found.items() if box.kind == "output"} == {"colour", "alpha", "side_64"}
    assert [box.kind for box in found.values()].count("upscale") == 4


def test_counts_are_short():
    assert [architecture.short(n) for n in (69_662_976, 524_000, 12)] == ["69.7 M", "524 k", "12"]


def test_operations_by_hand():
    inputs = keras.Input((8, 8, 4))
    x = keras.layers.DepthwiseConv2D(3, padding="same")(inputs)
    x = keras.layers.Conv2D(6, 3, strides=2, padding="same")(x)
    x = keras.layers.Conv2DTranspose(5, 4, strides=2, padding="same")(x)
    outputs = keras.layers.Dense(7)(keras.layers.Flatten()(x))
    inner = keras.Model(inputs, outputs)
    again = keras.Input((8, 8, 4))
    found = [cost.flops for cost in flops.layer_costs(keras.Model(again, inner(again)))]
    products = [64 * 9 * 4, 16 * 9 * 4 * 6, 16 * 16 * 6 * 5, 0, 320 * 7]
    assert found == [2 * count for count in products]
    assert flops.attention_flops((4, 4, 16)) == 2 * (16 * 16 * (2 + 2 + 16) + 16 * 16 * (2 + 16))
    lone = keras.Model(inputs, keras.layers.EinsumDense("abcd,de->abce", (8, 8, 3))(inputs))
    with pytest.raises(ValueError, match="is unknown"):
        flops.forward_flops(lone)


def test_operations_are_those_that_tensorflow_counts():
    tensorflow = pytest.importorskip("tensorflow")
    profiler = tensorflow.compat.v1.profiler
    networks = halves(faceswap_gan_networks.standard(64, lite=True, width=0.25, norm=None))
    del networks[
        "decoder"
    ]  # its softmax over 4096 x 4096 places, which we leave out, is a fifth of so narrow a network
    for network in networks.values():
        graph = tensorflow.function(lambda x, network=network: network(x)).get_concrete_function(
            tensorflow.TensorSpec((1, *network.input_shape[1:]))
        )
        options = profiler.ProfileOptionBuilder(profiler.ProfileOptionBuilder.float_operation())
        found = profiler.profile(graph.graph, options=options.with_empty_output().build()).total_float_ops
        ours = flops.forward_flops(network)
        assert ours <= found < 1.15 * ours  # theirs also counts additions of biases and activations
