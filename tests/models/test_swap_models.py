"""Autoencoder and FaceSwap-GAN: shapes, directions, and who receives which gradient."""

import dataclasses

import keras
import numpy as np
import pytest
from keras import ops

from faceswap_lab.models import autoencoder, faceswap_gan, layers, losses
from faceswap_lab.models.augmentation import Augmentation, FaceBank, random_views
from faceswap_lab.models.loss_weights import LossWeights

STILL = Augmentation(
    rotation=0, zoom=0, shift=0, flip=0, warp=0, gain=0, tint=0, slope=0, gamma=0, liken=0, input_gamma=0, fade=0
)


def faces(count=8, side=96, seed=0):
    draw = np.random.default_rng(seed)
    smooth = draw.integers(40, 220, (count, 6, 6, 3)).astype("float32")
    pictures = ops.convert_to_numpy(ops.image.resize(smooth, (side, side), interpolation="bicubic"))
    return np.clip(pictures, 0, 255).astype(np.uint8)


def sets(side=96):
    pictures = {"A": faces(8, side, 1), "B": faces(8, side, 2)}
    masks = {p: np.zeros((8, side, side, 3), np.uint8) for p in pictures}
    for mask in masks.values():
        mask[:, side // 4 : -side // 8, side // 4 : -side // 4] = 255
    return pictures, masks


def test_views_without_augmentation_are_the_pictures():
    pictures, masks = sets(64)
    bank = FaceBank(pictures["A"], masks["A"])
    warped, target = random_views(bank(np.arange(8)), 64, STILL, keras.random.SeedGenerator(0))
    np.testing.assert_allclose(ops.convert_to_numpy(warped), pictures["A"] / 255.0, atol=1e-3)
    np.testing.assert_allclose(ops.convert_to_numpy(target[..., 3:]), masks["A"] / 255.0, atol=1e-3)


def test_a_warp_moves_the_input_only_and_has_no_shift_of_its_own():
    pictures, masks = sets(64)
    bank = FaceBank(pictures["A"], masks["A"])
    options = dataclasses.replace(STILL, warp=0.04)
    warped, target = random_views(bank(np.arange(8)), 64, options, keras.random.SeedGenerator(0))
    np.testing.assert_allclose(ops.convert_to_numpy(target[..., :3]), pictures["A"] / 255.0, atol=1e-3)
    assert float(ops.mean(ops.abs(warped - target[..., :3]))) > 0.005


def test_liken_takes_the_other_picture():
    pictures, masks = sets(64)
    bank = FaceBank(pictures["A"], masks["A"], pictures["B"])
    warped, _ = random_views(
        bank(np.arange(8)), 64, dataclasses.replace(STILL, liken=1.0), keras.random.SeedGenerator(0)
    )
    np.testing.assert_allclose(ops.convert_to_numpy(warped), pictures["B"] / 255.0, atol=1e-3)


def test_pixel_shuffle_and_icnr_start_without_checkerboard():
    x = ops.convert_to_tensor(np.random.default_rng(0).random((1, 4, 4, 8)).astype("float32"))
    conv = keras.layers.Conv2D(16, 3, padding="same", kernel_initializer=layers.ICNR("he_normal"))
    up = ops.convert_to_numpy(layers.PixelShuffle()(conv(x)))
    assert up.shape == (1, 8, 8, 4)
    np.testing.assert_allclose(up[:, ::2, ::2], up[:, 1::2, 1::2], atol=1e-6)


def test_attention_starts_as_the_identity_and_its_rows_sum_to_one():
    x = ops.convert_to_tensor(np.random.default_rng(0).random((2, 4, 4, 16)).astype("float32"))
    layer = layers.SelfAttention()
    np.testing.assert_array_equal(ops.convert_to_numpy(layer(x)), ops.convert_to_numpy(x))
    np.testing.assert_allclose(ops.convert_to_numpy(layer.attention(x)).sum(axis=-1), 1, atol=1e-5)
    again = layers.SelfAttention.from_config(layer.get_config())
    assert again.reduction == layer.reduction


def test_local_contrast_ignores_light_and_blur_does_not_please_it():
    picture = ops.convert_to_tensor(faces(2, 64).astype("float32") / 255)
    brighter = losses.contrast_loss(0.5 + 0.4 * picture, picture, 1.7, floor=1e-4)
    blurred = losses.contrast_loss(losses.gaussian_blur(picture, 3.0), picture, 1.7, floor=1e-4)
    assert float(brighter) < 0.02 < 0.05 < float(blurred)


def test_gaussian_blur_is_scipys():
    from scipy.ndimage import gaussian_filter

    picture = np.random.default_rng(0).random((1, 20, 24, 1)).astype("float32")
    ours = ops.convert_to_numpy(losses.gaussian_blur(ops.convert_to_tensor(picture), 2.0))[0, ..., 0]
    theirs = gaussian_filter(picture[0, ..., 0], 2.0, mode="nearest", radius=5)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_dssim_is_scikit_images_ssim():
    from skimage.metrics import structural_similarity

    first, second = faces(1, 64, 3)[0] / 255.0, faces(1, 64, 4)[0] / 255.0
    theirs, full = structural_similarity(
        first,
        second,
        channel_axis=-1,
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    pictures = [ops.convert_to_tensor(x[None].astype("float32")) for x in (first, second)]
    inside = np.zeros((1, 64, 64, 1), "float32")
    inside[:, 8:-8, 8:-8] = 1  # away from the border, where the two extend pictures differently
    assert float(losses.dssim(*pictures, mask=inside)) == pytest.approx((1 - full[8:-8, 8:-8].mean()) / 2, abs=2e-3)


@pytest.mark.parametrize("sharing", ["encoder", "decoder"])
def test_the_direction_of_a_swap(sharing):
    model = autoencoder.FaceAutoencoder(autoencoder.quick(64, sharing))
    model.set_faces(*sets())
    picture = faces(2, 64).astype("float32") / 255
    as_a, alpha = model.translate(picture, 0, 0)
    as_b, _ = model.translate(picture, 0, 1)
    assert as_a.shape == (2, 64, 64, 3) and alpha.shape == (2, 64, 64, 1)
    assert 0 <= float(ops.min(as_b)) and float(ops.max(as_b)) <= 1
    assert float(ops.mean(ops.abs(as_a - as_b))) > 1e-3


def test_relighting_takes_the_light_out_and_puts_it_back():
    model = autoencoder.FaceAutoencoder(autoencoder.quick(64))
    picture = ops.convert_to_tensor(faces(2, 64).astype("float32") / 255) * 0.6
    dark, light = model.relight(picture)
    bright, twice = model.relight(picture * 1.5)
    np.testing.assert_allclose(ops.convert_to_numpy(dark), ops.convert_to_numpy(bright), atol=1e-4)
    np.testing.assert_allclose(ops.convert_to_numpy(twice / light), 1.5, atol=1e-3)


def test_training_lowers_the_loss():
    model = autoencoder.FaceAutoencoder(autoencoder.quick(64), autoencoder.QUICK_LOSS, autoencoder.QUICK_AUGMENTATION)
    model.set_faces(*sets())
    model.compile(optimizer=keras.optimizers.Adam(1e-3))
    index = {p: np.arange(8) for p in ("A", "B")}
    first = model.train_on_batch(index, return_dict=True)["loss"]
    for _ in range(12):
        last = model.train_on_batch(index, return_dict=True)["loss"]
    assert float(last) < 0.9 * float(first)


def small_gan(**options):
    config = dataclasses.replace(faceswap_gan.quick(64), **options)
    gan = faceswap_gan.FaceSwapGAN(config, faceswap_gan.GanLoss(perceptual=(0, 0, 0, 0), kernel_decay=0), STILL)
    gan.set_faces(*sets())
    return gan


@pytest.mark.parametrize("adversarial", ["mixup", "relativistic"])
def test_each_player_receives_only_its_own_gradient(adversarial):
    tensorflow = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("taken with TensorFlow's tape")
    gan = small_gan(adversarial=adversarial)
    index = {p: np.arange(4) for p in ("A", "B")}
    with tensorflow.GradientTape(persistent=True) as tape:
        terms, critics = gan.loss_terms(gan(index))
        painter = terms["adversarial"]
    critic_weights = [v.value for critic in gan.critics for v in critic.trainable_variables]
    painter_weights = [v.value for net in [*gan.encoders, *gan.decoders] for v in net.trainable_variables]
    assert all(g is None for g in tape.gradient(painter, critic_weights))
    assert all(g is None for g in tape.gradient(critics, painter_weights))
    assert all(g is not None and np.isfinite(g.numpy()).all() for g in tape.gradient(critics, critic_weights))
    assert sum(g is not None and float(ops.max(ops.abs(g))) > 0 for g in tape.gradient(painter, painter_weights)) > 20


def test_the_gan_begins_where_the_autoencoder_stopped():
    begun = autoencoder.FaceAutoencoder(autoencoder.quick(64))
    begun.set_faces(*sets())
    gan = faceswap_gan.FaceSwapGAN(faceswap_gan.quick(64))
    assert gan.begin_with(begun) > 10
    picture = faces(2, 64).astype("float32") / 255
    mine, theirs = gan.translate(picture, 0, 1)[0], begun.translate(picture, 0, 1)[0]
    np.testing.assert_allclose(ops.convert_to_numpy(mine), ops.convert_to_numpy(theirs), atol=1e-5)


def test_critics_learn_at_their_own_rate():
    gan = small_gan()
    gan.compile(optimizer=faceswap_gan.TwoRateAdam(1e-3, critic_factor=0.0))
    critic, painter = gan.critics[0].get_weights()[0], gan.decoders[0].get_weights()[0]
    gan.train_on_batch({p: np.arange(4) for p in ("A", "B")})
    np.testing.assert_array_equal(gan.critics[0].get_weights()[0], critic)
    assert np.abs(gan.decoders[0].get_weights()[0] - painter).max() > 1e-5


def test_the_schedule_swaps_the_decoders_once_there_and_once_back():
    gan = small_gan()
    gan.compile(optimizer=faceswap_gan.TwoRateAdam(1e-4))
    phases = (
        faceswap_gan.Phase(0.0, perceptual=False),
        faceswap_gan.Phase(0.5, alpha_least=0.4, rate=0.3, decoders_swapped=True),
        faceswap_gan.Phase(0.75, rate=0.1),
    )
    callback = faceswap_gan.ScheduleCallback(phases, 8, 1e-4)
    callback.set_model(gan)
    callback.on_train_begin()
    first = gan.decoders[0].get_weights()[0]
    seen = []
    for step in range(8):
        gan.optimizer.iterations.assign(step)
        callback.on_train_batch_begin(0)
        same = np.array_equal(gan.decoders[0].get_weights()[0], first)
        seen.append((same, round(float(gan.alpha_least), 2), round(float(gan.optimizer.learning_rate) * 1e4, 2)))
    assert seen == [(True, 0.0, 1.0)] * 4 + [(False, 0.4, 0.3)] * 2 + [(True, 0.0, 0.1)] * 2


@pytest.mark.parametrize("lite", [False, True])
def test_the_published_shapes(lite):
    config = faceswap_gan.standard(64, lite)
    encoder, decoder = faceswap_gan.build_encoder(config), faceswap_gan.build_decoder(config, "decoder")
    assert encoder.output_shape[1:] == (8, 8, 256 if lite else 512)
    assert decoder.output_shape[1:] == (64, 64, 4)
    assert faceswap_gan.build_critic(config, "critic").output_shape[1:] == (8, 8, 1)
    large = faceswap_gan.standard(128, lite)
    shapes = [shape[1:] for shape in faceswap_gan.build_decoder(large, "decoder").output_shape]
    assert shapes == [(128, 128, 4), (64, 64, 3)]


def test_the_original_weighs_what_it_should():
    config = autoencoder.original(64)
    assert 69e6 < autoencoder.build_encoder(config).count_params() < 71e6
    assert 6.1e6 < autoencoder.build_decoder(config).count_params() < 6.3e6


def test_side_outputs_are_part_of_the_reconstruction():
    config = dataclasses.replace(faceswap_gan.standard(128, lite=True), critic_filters=(4, 4, 4))
    loss = LossWeights(span=2, background=1)
    gan = faceswap_gan.FaceSwapGAN(config, loss, STILL)
    gan.set_faces(*sets(128))
    views = gan({p: np.arange(1) for p in ("A", "B")})
    assert [side.shape[1:] for side in views["sides"]] == [(64, 64, 3)]
    whole = float(gan.loss_terms(views)[0]["reconstruction"])
    without = float(gan.loss_terms({**views, "sides": []})[0]["reconstruction"])
    assert whole > 1.5 * without > 0
