"""Octave convolution: what it computes, what it costs, and that every model takes it."""

import dataclasses

import keras
import numpy as np
import pytest
from keras import ops
from scipy.signal import correlate

from faceswap_lab import training
from faceswap_lab.course import stages
from faceswap_lab.models import (
    autoencoder,
    autoencoder_networks,
    cyclegan,
    faceswap_gan,
    faceswap_gan_networks,
    flops,
    layers,
    octave,
    optimizers,
    pix2pix,
)
from faceswap_lab.models.octave import OctaveConv2D


def noise(*shape, seed=0, dtype="float32"):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def plain_convolution(x, kernel, strides):
    """'same' convolution by scipy: zeros around, as many before as after, or one less before."""
    size = kernel.shape[0]
    pads = [max((-(-side // strides) - 1) * strides + size - side, 0) for side in x.shape[1:3]]
    x = np.pad(x, [(0, 0), *((pad // 2, pad - pad // 2) for pad in pads), (0, 0)])
    found = [
        sum(correlate(x[..., source], kernel[None, ..., source, target], mode="valid") for source in range(x.shape[3]))
        for target in range(kernel.shape[3])
    ]
    return np.stack(found, axis=-1)[:, ::strides, ::strides]


def reference(layer, high, low):
    """The four paths, written out."""
    s = layer.strides
    kernels = {name: ops.convert_to_numpy(getattr(layer, name)) for name in PATHS if getattr(layer, name) is not None}
    count, height, width, channels = high.shape
    averaged = high.reshape(count, height // 2, 2, width // 2, 2, channels).mean(axis=(2, 4))
    up = plain_convolution(low, kernels["low_to_high"], 1)
    if s == 1:
        up = up.repeat(2, axis=1).repeat(2, axis=2)
    made_high = plain_convolution(high, kernels["high_to_high"], s) + up
    made_low = plain_convolution(averaged, kernels["high_to_low"], s) + plain_convolution(low, kernels["low_to_low"], s)
    return made_high + ops.convert_to_numpy(layer.bias_high), made_low + ops.convert_to_numpy(layer.bias_low)


PATHS = ("high_to_high", "high_to_low", "low_to_high", "low_to_low")


@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("size", [3, 4, 5])
def test_it_computes_the_four_paths(strides, size):
    layer = OctaveConv2D(5, size, 0.5, 0.4, strides=strides, bias_initializer="random_normal")
    high, low = noise(2, 8, 12, 3), noise(2, 4, 6, 3, seed=1)
    found = layer((ops.convert_to_tensor(high), ops.convert_to_tensor(low)))
    assert [part.shape for part in found] == [
        (2, 8 // strides, 12 // strides, 3),
        (2, 4 // strides, 6 // strides, 2),
    ]
    assert found[0].shape, found[1].shape == layer.compute_output_shape((high.shape, low.shape))
    for ours, wanted in zip(found, reference(layer, high, low), strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(ours), wanted, atol=2e-5)


@pytest.mark.parametrize(("size", "strides"), [(3, 1), (5, 2), (4, 2)])
def test_without_low_frequencies_it_is_conv2d_bit_for_bit(size, strides):
    plain = keras.layers.Conv2D(6, size, strides=strides, padding="same", activation="relu")
    layer = OctaveConv2D(6, size, strides=strides, activation="relu")
    x = ops.convert_to_tensor(noise(2, 9, 11, 4))  # odd sizes are fine: nothing is halved
    wanted = plain(x)
    layer.build(x.shape)
    layer.set_weights(plain.get_weights())
    np.testing.assert_array_equal(ops.convert_to_numpy(layer(x)), ops.convert_to_numpy(wanted))


def test_with_low_frequencies_alone_it_is_a_convolution_at_half_the_size():
    low = ops.convert_to_tensor(noise(2, 4, 4, 3))
    layer, plain = OctaveConv2D(5, 3, 1.0, 1.0), keras.layers.Conv2D(5, 3, padding="same")
    wanted = plain(low)
    layer.build(low.shape)
    layer.set_weights(plain.get_weights())
    np.testing.assert_array_equal(ops.convert_to_numpy(layer(low)), ops.convert_to_numpy(wanted))
    back = OctaveConv2D(5, 3, 1.0, 0.0)
    assert back(low).shape == back.compute_output_shape(low.shape) == (2, 8, 8, 5)


def test_from_a_tensor_to_a_pair_and_back():
    x = ops.convert_to_tensor(noise(2, 8, 8, 3))
    first, last = OctaveConv2D(8, 3, 0.0, 0.25), OctaveConv2D(6, 3, 0.25, 0.0)
    pair = first(x)
    assert [part.shape for part in pair] == [(2, 8, 8, 6), (2, 4, 4, 2)]
    assert first.low_to_high is None and first.low_to_low is None
    assert last(pair).shape == (2, 8, 8, 6)
    assert last.high_to_low is None and last.low_to_low is None


@pytest.mark.parametrize("strides", [1, 2])
def test_the_gradient_is_that_of_finite_differences(strides):
    tensorflow = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("taken with TensorFlow's tape")
    keras.utils.set_random_seed(5)
    layer = OctaveConv2D(4, 3, 0.5, 0.5, strides=strides, dtype="float64")
    high, low = (tensorflow.constant(noise(2, 8, 8, 2, seed=s, dtype="float64"), "float64") for s in (1, 2))
    low = low[:, ::2, ::2]
    layer((high, low))
    wanted = [v.value for v in layer.trainable_variables]

    def loss():
        return sum(tensorflow.reduce_sum(part**3) for part in layer((high, low)))

    with tensorflow.GradientTape() as tape:
        tape.watch([high, low])
        value = loss()
    gradients = tape.gradient(value, [*wanted, high, low])
    assert len(wanted) == 6 and all(np.isfinite(g.numpy()).all() for g in gradients)
    # Relative to the gradient's own length: along a way that happens to lie across it, its part is near 0.
    step = 1e-5
    for variable, gradient in zip(layer.trainable_variables, gradients, strict=False):
        before, way = ops.convert_to_numpy(variable), noise(*variable.shape, seed=3, dtype="float64")
        around = []
        for sign in (1, -1):
            variable.assign(before + sign * step * way)
            around.append(float(loss()))
        variable.assign(before)
        wanted = float((gradient.numpy() * way).sum())
        tolerance = 1e-6 * np.linalg.norm(gradient) * np.linalg.norm(way)
        assert (around[0] - around[1]) / (2 * step) == pytest.approx(wanted, abs=tolerance)


@pytest.mark.parametrize("alpha", [0.0, 0.125, 0.25, 0.5, 0.75])
def test_weights_and_multiplications_are_the_papers(alpha):
    plain = 16 * 32 * 9 + 32
    shape = (None, 16, 16, 16)
    if alpha:
        low = octave.low_channels(16, alpha)
        shape = ((None, 16, 16, 16 - low), (None, 8, 8, low))
    for strides in (1, 2):
        layer = OctaveConv2D(32, 3, alpha, alpha, strides=strides)
        layer.build(shape)
        assert layer.count_params() == plain
        share = layer.multiplications(shape) / (16 * 16 // strides**2 * 16 * 32 * 9)
        assert share == pytest.approx(octave.theoretical_cost(alpha, strides))
    assert octave.theoretical_cost(alpha) == pytest.approx(1 - 0.75 * alpha * (2 - alpha))


def test_the_kernel_of_a_plain_layer_is_cut_and_nothing_is_lost():
    kernel = noise(3, 3, 6, 8)
    parts = octave.split_kernel(ops.convert_to_tensor(kernel), 4, 6)
    np.testing.assert_array_equal(ops.convert_to_numpy(parts["high_to_low"]), kernel[:, :, :4, 6:])
    again = ops.concatenate(
        [
            ops.concatenate([parts[f"{source}_to_{target}"] for target in ("high", "low")], 3)
            for source in ("high", "low")
        ],
        2,
    )
    np.testing.assert_array_equal(ops.convert_to_numpy(again), kernel)


def test_the_parts_start_as_one_he_normal_kernel_and_without_checkerboard():
    layer = OctaveConv2D(128, 3, 0.5, 0.5, kernel_initializer="he_normal")
    layer.build(((None, 8, 8, 64), (None, 4, 4, 64)))
    kernels = [ops.convert_to_numpy(getattr(layer, path)) for path in PATHS]
    assert np.std(np.stack(kernels)) == pytest.approx((2 / (9 * 128)) ** 0.5, rel=0.02)
    assert abs(np.corrcoef([k.ravel() for k in kernels])[np.triu_indices(4, 1)]).max() < 0.02  # no two alike
    inputs = keras.Input((8, 8, 8))
    up = keras.Model(inputs, layers.upscale(inputs, 12, octave=0.25))
    for part in up(noise(1, 8, 8, 8)):
        part = ops.convert_to_numpy(part)
        np.testing.assert_allclose(part[:, ::2, ::2], part[:, 1::2, 1::2], atol=1e-5)


def test_config_round_trip_and_saving(tmp_path):
    inputs = keras.Input((16, 16, 3))
    x = OctaveConv2D(
        8, 3, 0.0, 0.5, strides=2, multiple=4, kernel_initializer=layers.ICNR("he_normal"), kernel_regularizer="l2"
    )(inputs)
    outputs = OctaveConv2D(2, 5, 0.5, 0.0, padding="reflect", use_bias=False, activation="tanh")(x)
    model = keras.Model(inputs, outputs)
    again = OctaveConv2D.from_config(model.layers[1].get_config())
    assert again.get_config() == model.layers[1].get_config()
    assert float(sum(model.losses)) > 0
    model.save(tmp_path / "octave.keras")
    loaded, x = keras.saving.load_model(tmp_path / "octave.keras"), noise(2, 16, 16, 3)
    np.testing.assert_array_equal(ops.convert_to_numpy(loaded(x)), ops.convert_to_numpy(model(x)))


def test_mirrored_borders_draw_no_frame():
    """A kernel that averages leaves an even picture even, up to its border, in both parts."""
    layer = OctaveConv2D(4, 3, 0.5, 0.5, padding="reflect", kernel_initializer=keras.initializers.Constant(1 / 36))
    even = (ops.ones((1, 8, 8, 2)), ops.ones((1, 4, 4, 2)))
    for part in layer(even):
        np.testing.assert_allclose(ops.convert_to_numpy(part), 1.0, atol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: OctaveConv2D(4, 3, strides=3), "takes 1 or 2"),
        (lambda: OctaveConv2D(4, 3, padding="valid"), "takes one of"),
        (lambda: OctaveConv2D(4, 4, padding="reflect"), "odd kernel_size"),
        (lambda: OctaveConv2D(4, 3, alpha_in=1.5), "no share"),
        (lambda: OctaveConv2D(4, 3, alpha_out=-0.1), "no share"),
        (lambda: OctaveConv2D(4, 3, alpha_out=0.5, multiple=4), "cannot be split"),
        (
            lambda: OctaveConv2D(4, 3, 0.0, 0.5)(noise(1, 7, 8, 2)),
            "7x8 pixels: height and width must be multiples of 2",
        ),
        (lambda: OctaveConv2D(4, 3, 0.0, 0.5, strides=2)(noise(1, 6, 8, 2)), "multiples of 4"),
        (lambda: OctaveConv2D(4, 3, 0.5, 0.5)(noise(1, 8, 8, 2)), "means a pair"),
        (lambda: OctaveConv2D(4, 3)((noise(1, 8, 8, 2), noise(1, 4, 4, 2))), "means one tensor"),
        (lambda: OctaveConv2D(4, 3, 0.5)((noise(1, 8, 8, 2), noise(1, 8, 8, 2))), "half as high"),
        (lambda: OctaveConv2D(4, 3, 0.25)((noise(1, 8, 8, 2), noise(1, 4, 4, 2))), "not alpha_in"),
        (lambda: layers.downscale(noise(1, 8, 8, 2), 4, octave=1.0), "less than 1"),
        (lambda: layers.split(noise(1, 7, 7, 2), 0.5), "multiples of 2"),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("jit", [False, True])
def test_a_small_network_learns_jit_compiled_and_not(jit):
    inputs = keras.Input((16, 16, 3))
    x = layers.downscale(inputs, 8, octave=0.5, norm="instance", name="down")
    x = layers.residual(x, 8, octave=0.5, name="same")
    outputs = layers.convolution(layers.upscale(x, 8, octave=0.5, name="up"), 3, 3, padding="same", name="paint")
    model = keras.Model(inputs, outputs)
    x = noise(4, 4, 4, 3).repeat(4, axis=1).repeat(4, axis=2)
    model.compile(keras.optimizers.Adam(0.01), "mse", jit_compile=jit)
    losses = model.fit(x, x, epochs=12, batch_size=4, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]


def test_mixed_precision_computes_in_halves_and_keeps_whole_weights():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        layer = OctaveConv2D(8, 3, 0.0, 0.5)
        high, low = layer(noise(2, 8, 8, 3))
        whole = OctaveConv2D(8, 3, 0.0, 0.5, dtype="float32")
    finally:
        keras.config.set_dtype_policy("float32")
    assert {keras.backend.standardize_dtype(x.dtype) for x in (high, low)} == {"float16"}
    assert {v.dtype for v in layer.weights} == {"float32"}
    whole.build((2, 8, 8, 3))
    whole.set_weights(layer.get_weights())
    for half, full in zip((high, low), whole(noise(2, 8, 8, 3)), strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(half), ops.convert_to_numpy(full), atol=2e-2)


BLOCKS = {
    "downscale": lambda x, **o: layers.downscale(x, 16, norm="instance", name="block", **o),
    "upscale": lambda x, **o: layers.upscale(x, 16, norm="instance", name="block", **o),
    "lite_upscale": lambda x, **o: layers.lite_upscale(x, 16, norm="instance", name="block", **o),
    "residual": lambda x, **o: layers.residual(x, 16, name="block", **o),
}


@pytest.mark.parametrize("block", BLOCKS)
def test_blocks_take_tensors_and_pairs(block):
    tensor = keras.Input((8, 8, 16))
    pair = (keras.Input((8, 8, 12)), keras.Input((4, 4, 4)))
    plain = BLOCKS[block](tensor)
    side = plain.shape[1]
    for given in (tensor, pair):
        high, low = BLOCKS[block](given, octave=0.25)
        assert high.shape == (None, side, side, 12) and low.shape == (None, side // 2, side // 2, 4)
        assert layers.join((high, low)).shape == plain.shape == BLOCKS[block](given).shape
    same, other = keras.Model(tensor, plain), keras.Model(tensor, BLOCKS[block](tensor, octave=0.0))
    assert [type(a) for a in same.layers] == [type(a) for a in other.layers]
    assert not any(isinstance(layer, OctaveConv2D) for layer in same.layers)
    octaves = keras.Model(pair, BLOCKS[block](pair, octave=0.25))
    assert len([layer for layer in octaves.layers if isinstance(layer, OctaveConv2D)]) in (1, 2)


def test_join_and_split():
    high, low = noise(1, 4, 4, 3), noise(1, 2, 2, 1)
    joined = ops.convert_to_numpy(layers.join((high, low)))
    np.testing.assert_array_equal(joined[..., :3], high)
    np.testing.assert_array_equal(joined[..., 3:], low.repeat(2, 1).repeat(2, 2))
    again = layers.split(ops.convert_to_tensor(joined), 0.25)
    np.testing.assert_allclose(ops.convert_to_numpy(again[1]), low, atol=1e-6)
    assert layers.join(high) is high


def test_costs_are_counted_layer_by_layer():
    inputs = keras.Input((8, 8, 4))
    x = keras.layers.Conv2D(6, 3, strides=2, padding="same")(inputs)  # 4x4 places, 9 * 4 * 6 products each
    x = layers.SelfAttention()(x)
    x = keras.layers.Conv2DTranspose(5, 4, strides=2, padding="same")(x)
    x = keras.layers.DepthwiseConv2D(3, padding="same")(x)
    outputs = keras.layers.Dense(7)(keras.layers.Flatten()(x))
    found = flops.network_cost(keras.Model(inputs, outputs))
    attention = 16 * 6 * (2 * 1 + 6) + 16 * 16 * (1 + 6)
    assert found.multiplications == 16 * 9 * 4 * 6 + attention + 16 * 16 * 6 * 5 + 64 * 9 * 5 + 320 * 7
    assert found.activations == 16 * 6 * 2 + 64 * 5 * 3 + 7
    assert found.weights == keras.Model(inputs, outputs).count_params()
    lone = keras.Model(inputs, keras.layers.EinsumDense("abcd,de->abce", (8, 8, 3))(inputs))
    with pytest.raises(ValueError, match="unknown"):
        flops.network_cost(lone)


def test_an_octave_network_costs_what_the_paper_says():
    costs = {}
    for alpha in (0.0, 0.25, 0.5):
        pair = (keras.Input((32, 32, 64 - int(64 * alpha))), keras.Input((16, 16, int(64 * alpha))))
        x = pair if alpha else pair[0]
        for step in range(3):
            x = layers.convolution(x, 64, 3, padding="same", octave=alpha, name=f"conv_{step}")
        costs[alpha] = flops.network_cost(keras.Model(pair if alpha else pair[0], x))
    plain = costs[0.0]
    for alpha, found in costs.items():
        assert found.weights == plain.weights
        assert found.multiplications / plain.multiplications == pytest.approx(octave.theoretical_cost(alpha))
        assert found.activations / plain.activations == pytest.approx(1 - 0.75 * alpha)


AUTOENCODERS = {
    "original": autoencoder_networks.original(64, width=1 / 16),
    "low_memory": autoencoder_networks.low_memory(64, width=1 / 16),
    "quick": autoencoder_networks.quick(64),
    "shared decoder": autoencoder_networks.quick(64, "decoder"),
}
GANS = {
    "quick": faceswap_gan_networks.quick(64, discriminator_filters=(8, 12, 16)),
    "standard": faceswap_gan_networks.standard(128, width=1 / 16),
    "lite": faceswap_gan_networks.standard(64, lite=True, width=1 / 8),
}


def small_sets(side):
    draw = np.random.default_rng(0)
    faces = {p: draw.integers(0, 255, (2, side, side, 3)).astype(np.uint8) for p in ("A", "B")}
    return faces, {p: np.full_like(some, 255) for p, some in faces.items()}


def one_step(model, size, optimizer):
    """Trains one step; returns the largest change of each octave layer's first kernel."""
    model.set_faces(*small_sets(size * 3 // 2))
    model.compile(optimizer=optimizer, run_eagerly=True)
    networks = [*model.encoders, *model.decoders, *getattr(model, "discriminators", [])]
    found = [layer for network in networks for layer in network.layers if isinstance(layer, OctaveConv2D)]
    before = [layer.get_weights() for layer in found]
    loss = model.train_on_batch({p: np.arange(2) for p in ("A", "B")}, return_dict=True)["loss"]
    assert np.isfinite(float(loss))
    after = [layer.get_weights() for layer in found]
    return [max(np.abs(a - b).max() for a, b in zip(*pair, strict=True)) for pair in zip(before, after, strict=True)]


@pytest.mark.parametrize("name", AUTOENCODERS)
def test_every_autoencoder_takes_it_and_trains(name):
    config = dataclasses.replace(AUTOENCODERS[name], octave=0.25)
    model = autoencoder.FaceAutoencoder(config)
    changes = one_step(model, config.size, keras.optimizers.Adam(1e-3))
    assert len(changes) >= 3 * len(model.encoders) + 3 * len(model.decoders) and min(changes) > 1e-5
    colour, alpha = model.translate(np.full((1, 64, 64, 3), 0.5, "float32"), 0, 1)
    assert colour.shape == (1, 64, 64, 3) and alpha.shape == (1, 64, 64, 1)
    plain = autoencoder.FaceAutoencoder(dataclasses.replace(config, octave=0.0))
    assert sum(e.count_params() for e in plain.encoders) == sum(e.count_params() for e in model.encoders)
    assert not any(isinstance(layer, OctaveConv2D) for layer in [*plain.encoders[0].layers, *plain.decoders[0].layers])


@pytest.mark.parametrize("name", GANS)
def test_every_gan_with_its_discriminators_takes_it_and_trains(name):
    config = dataclasses.replace(GANS[name], octave=0.5)
    gan = faceswap_gan.FaceSwapGAN(config, faceswap_gan.GanLoss())
    changes = one_step(gan, config.size, optimizers.TwoRateAdam(1e-3))
    assert len(changes) >= 3 + 2 * 3 + 2 * 3 and min(changes) > 1e-6
    plain = faceswap_gan.FaceSwapGAN(dataclasses.replace(config, octave=0.0))
    for name in ("encoders", "decoders", "discriminators"):
        ours, theirs = (flops.network_cost(getattr(model, name)[0]) for model in (gan, plain))
        assert ours.weights == theirs.weights and ours.multiplications < theirs.multiplications


def test_a_share_that_is_none_is_refused_by_the_config():
    for octave_share in (-0.1, 1.0):
        with pytest.raises(ValueError, match="less than 1"):
            dataclasses.replace(autoencoder_networks.quick(64), octave=octave_share)


def test_an_octave_model_is_saved_and_loaded(tmp_path):
    config = dataclasses.replace(autoencoder_networks.original(64, width=1 / 16), octave=0.25)
    model = autoencoder.FaceAutoencoder(config)
    training.save_model(model, tmp_path / "octave", "autoencoder")
    loaded, faces = training.load_model(tmp_path / "octave"), noise(2, 64, 64, 3) / 8 + 0.5
    assert loaded.config == config
    for ours, theirs in zip(model.translate(faces, 0, 1), loaded.translate(faces, 0, 1), strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(ours), ops.convert_to_numpy(theirs))


def test_the_shipped_warm_start_still_loads():
    model = autoencoder.FaceAutoencoder(autoencoder_networks.quick(64))
    assert stages.warm_start(model)
    assert not stages.warm_start(
        autoencoder.FaceAutoencoder(dataclasses.replace(autoencoder_networks.quick(64), octave=0.25))
    )


@pytest.mark.parametrize("room", [cyclegan, pix2pix])
def test_picture_translation_takes_it_and_trains(room):
    # With from_input the last layer starts at 0, and nothing before it learns in the first step.
    small = {"filters": 8, "discriminator_filters": (4, 8, 8), "from_input": False}
    config = dataclasses.replace(room.quick(32, octave=0.25), **small)
    model = (cyclegan.CycleGAN if room is cyclegan else pix2pix.Pix2Pix)(config)
    model.set_faces(small_sets(32)[0])
    model.compile(optimizer=keras.optimizers.Adam(1e-3), run_eagerly=True)
    networks = model.generators
    found = [layer for network in networks for layer in network.layers if isinstance(layer, OctaveConv2D)]
    before = [layer.get_weights()[0] for layer in found]
    loss = model.train_on_batch({p: np.arange(2) for p in ("A", "B")}, return_dict=True)["loss"]
    assert np.isfinite(float(loss)) and len(found) >= 2 * len(networks)
    for layer, kernel in zip(found, before, strict=True):
        assert np.abs(layer.get_weights()[0] - kernel).max() > 1e-5
