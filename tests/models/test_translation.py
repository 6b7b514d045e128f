"""CycleGAN and pix2pix: the papers' counts, who receives which gradient, the pool, what a cycle and a pair teach."""

import dataclasses
import inspect

import keras
import numpy as np
import pytest
from keras import ops
from swap_model_parts import traces

from faceswap_lab import training
from faceswap_lab.base.errors import LabError
from faceswap_lab.models import cyclegan, layers, pix2pix, translation
from faceswap_lab.models.augmentation import Augmentation
from faceswap_lab.models.face_statistics import resize
from faceswap_lab.models.translation_networks import InstanceNorm, build_discriminator, build_generator, patch_size

STILL = Augmentation(
    rotation=0, zoom=0, shift=0, flip=0, warp=0, gain=0, tint=0, slope=0, gamma=0, shape_transfer=0, input_gamma=0, fade=0
)
SMALL = {"size": 32, "filters": 4, "discriminator_filters": (4, 8)}


def pictures(count=8, side=32, seed=0):
    draw = np.random.default_rng(seed)
    smooth = draw.integers(40, 220, (count, 4, 4, 3)).astype("float32")
    return np.clip(ops.convert_to_numpy(ops.image.resize(smooth, (side, side))), 0, 255).astype(np.uint8)


def sets(side=32):
    return {"A": pictures(8, side, 1), "B": pictures(8, side, 2)}


def small_cyclegan(loss=None, **options):
    keras.utils.set_random_seed(4)
    config = dataclasses.replace(
        cyclegan.quick(32), **{**SMALL, "blocks": 1, "pool": 3, "from_input": False, **options}
    )
    model = cyclegan.CycleGAN(config, loss, seed=3)
    model.set_faces(sets())
    return model


def small_pix2pix(**options):
    keras.utils.set_random_seed(4)
    model = pix2pix.Pix2Pix(dataclasses.replace(pix2pix.quick(32), **{**SMALL, **options}), augmentation=STILL, seed=3)
    model.set_faces(sets())
    return model


def numpy(x):
    return ops.convert_to_numpy(x)


def test_the_instance_norm_holds_in_16_bit():
    """Of values whose squares 16 bit cannot hold, one gets the same as in 32 bit."""
    x = 300 * np.random.default_rng(0).normal(size=(1, 64, 64, 2)).astype("float32")
    found = numpy(InstanceNorm(dtype="mixed_float16")(x.astype("float16")))
    assert found.dtype == np.float16
    np.testing.assert_allclose(found.astype("float32"), numpy(InstanceNorm()(x)), atol=5e-3)


def test_the_published_networks_weigh_what_the_papers_do():
    config = cyclegan.published(256)
    assert build_generator(config, "g").count_params() == 11_378_179  # "resnet_9blocks", 11.38 M
    discriminator = build_discriminator(config, "c")
    assert discriminator.count_params() == 2_764_737  # 2.77 M
    assert discriminator.output_shape == (None, 30, 30, 1) and patch_size(config) == 70
    assert cyclegan.published(128).blocks == 6
    config = pix2pix.published(256)
    assert build_generator(config, "g").count_params() == 54_413_955  # "unet_256", 54.41 M
    assert build_discriminator(config, "c").input_shape == (None, 256, 256, 6)


def test_the_quick_ones_are_small():
    for room, most in ((cyclegan, 0.2e6), (pix2pix, 2e6)):
        config = room.quick(64)
        assert build_generator(config, "g").count_params() < most
        assert build_generator(config, "g").output_shape == (None, 64, 64, 3)
        assert patch_size(config) == 34 < 64


def test_a_discriminators_score_sees_one_patch_only():
    config = dataclasses.replace(cyclegan.quick(64), discriminator_filters=(4, 8, 8))
    discriminator = build_discriminator(config, "c")
    # Instance norm looks at the whole picture: the convolutions alone see patches.
    plain = keras.models.clone_model(
        discriminator, clone_function=lambda layer: keras.layers.Identity() if isinstance(layer, InstanceNorm) else layer
    )
    grey = np.full((1, 64, 64, 3), 0.5, "float32")
    before = numpy(plain(grey))
    touched = np.zeros((64, 64), bool)
    for row in range(0, 64, 2):
        spot = grey.copy()
        spot[0, row, row] = 1.0
        touched[row, row] = abs(numpy(plain(spot)) - before)[0, 7, 7, 0] > 1e-9
    seen = np.flatnonzero(touched.diagonal())
    assert 30 <= seen.max() - seen.min() + 1 <= 34


def test_instance_norm_is_group_norm_with_a_group_a_channel():
    x = np.random.default_rng(0).normal(3, 2, (2, 5, 7, 4)).astype("float32")
    theirs = keras.layers.GroupNormalization(groups=-1, epsilon=1e-5)
    for affine in (False, True):
        np.testing.assert_allclose(numpy(InstanceNorm(affine)(x)), numpy(theirs(x)), atol=1e-4)
    assert InstanceNorm.from_config(InstanceNorm(True).get_config()).affine


def test_generating_a_change_begins_as_the_identity():
    keras.utils.set_random_seed(0)
    faces = pictures(3).astype("float32") / 255
    generator = build_generator(cyclegan.quick(32), "g")
    assert np.abs(numpy(generator(faces)) - faces).max() < 0.006  # drawn in by a hundredth
    whole = build_generator(dataclasses.replace(cyclegan.quick(32), from_input=False), "g")
    assert np.abs(numpy(whole(faces)) - faces).mean() > 0.08


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"generator": "mlp"}, "generator must be"),
        ({"size": 66}, "multiple of 4"),
        ({"generator": "unet", "size": 48}, "power of 2"),
        ({"size": 16, "discriminator_filters": (8, 8, 8, 8)}, "too many"),
        ({"octave": 1.0}, "octave"),
        ({"generator": "unet", "from_input": True}, "from_input"),
    ],
)
def test_impossible_shapes_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        cyclegan.CycleGanConfig(**options)


def test_directions_and_ranges():
    model, faces = small_cyclegan(), pictures(3).astype("float32") / 255
    there, alpha = model.translate(faces, 0, 1)
    back, _ = model.translate(there, 1, 0)
    assert there.shape == (3, 32, 32, 3) and alpha.shape == (3, 32, 32, 1)
    assert 0 <= float(ops.min(there)) and float(ops.max(there)) <= 1 and float(ops.min(alpha)) == 1
    np.testing.assert_allclose(numpy(model.translate(faces, 0, 0)[0]), numpy(back), atol=1e-6)
    assert np.abs(numpy(model.translate(faces, 1, 0)[0]) - numpy(there)).max() > 1e-4


def test_a_one_way_model_leaves_alone_what_it_cannot_translate():
    model, faces = small_pix2pix(), pictures(3).astype("float32") / 255
    for source, target in ((1, 0), (0, 0), (1, 1)):
        colour, alpha = model.translate(faces, source, target)
        np.testing.assert_array_equal(numpy(colour), faces)
        assert float(ops.max(alpha)) == 0
    assert float(ops.min(model.translate(faces, 0, 1)[1])) == 1


def test_the_preview_and_the_swap_function_take_them():
    for model in (small_cyclegan(), small_pix2pix()):
        sheet = training.preview_grid(model, sets(), 4)  # faces under 64 px are enlarged
        assert sheet.dtype == np.uint8 and sheet.shape[0] >= 8 * 64 and sheet.shape[1] >= 4 * 64
        alpha = sheet[3 * 64 : 4 * 64, -4 * 64 :]
        assert alpha.min() == 255 > sheet[3 * 64, 0].max(), "an alpha of 1 must differ from the paper"
        colour, alpha = training.SwapFunction(model, batch_size=2)(pictures(3).astype("float32") / 255)
        assert colour.shape == (3, 32, 32, 3) and alpha.shape == (3, 32, 32, 1)


def gradients(model, first_index):
    tensorflow = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("taken with TensorFlow's tape")
    with tensorflow.GradientTape(persistent=True) as tape:
        terms, discriminators = model.loss_terms(model(first_index, training=True))
        generated = sum(terms.values())
    discriminator = [v.value for network in model.discriminators for v in network.trainable_variables]
    generator = [v.value for network in model.generators for v in network.trainable_variables]
    return [tape.gradient(loss, weights) for loss in (generated, discriminators) for weights in (generator, discriminator)]


@pytest.mark.parametrize("make", [small_cyclegan, small_pix2pix])
def test_each_player_receives_only_its_own_gradient(make):
    own_generator, generator_to_discriminator, discriminators_to_generator, own_discriminator = gradients(
        make(), {p: np.arange(3) for p in ("A", "B")}
    )
    assert all(g is None for g in [*generator_to_discriminator, *discriminators_to_generator])
    for found in (own_generator, own_discriminator):
        assert all(g is not None and np.isfinite(g.numpy()).all() for g in found)
        assert sum(float(ops.max(ops.abs(g))) > 0 for g in found) > len(found) / 2


def test_the_cycle_costs_nothing_when_both_ways_are_the_identity():
    model = small_cyclegan()
    real = [resize(sets()[p], 32).astype("float32") / 255 for p in "AB"]
    trained = model.loss_terms(model.views(real), training=False)[0]
    assert float(trained["cycle"]) > 0.1 and float(trained["identity"]) > 0.1
    same = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Identity()])
    model.generators = [same, same]
    terms = model.loss_terms(model.views(real), training=False)[0]
    assert float(terms["cycle"]) == 0 and float(terms["identity"]) == 0


def test_a_cycle_that_loses_a_constant_costs_that_constant_twice():
    model = small_cyclegan()
    darker = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Rescaling(1.0, -0.05)])
    model.generators = [darker, darker]
    terms = model.loss_terms(model.views([resize(sets()[p], 32).astype("float32") / 255 for p in "AB"]), training=False)[0]
    assert float(terms["cycle"]) == pytest.approx(2 * 2 * 0.1, abs=1e-5)  # two people, twice the scale, 0.1 lost
    assert float(terms["identity"]) == pytest.approx(2 * 2 * 0.05, abs=1e-5)


def numbered(first, count):
    return np.broadcast_to(np.arange(first, first + count, dtype="float32").reshape(-1, 1, 1, 1), (count, 2, 2, 1))


def test_the_pool_fills_first_and_then_hands_on_an_old_picture_every_other_time():
    pool, seed = translation.ImagePool(50, (2, 2, 1)), keras.random.SeedGenerator(0)
    for first in range(0, 48, 4):
        np.testing.assert_array_equal(numpy(pool.exchange(numbered(first, 4), seed)), numbered(first, 4))
    assert int(pool.count) == 48
    pool.exchange(numbered(48, 4), seed)  # two find room, two do not
    assert int(pool.count) == 50
    old, handed = 0, []
    for first in range(52, 52 + 600, 4):
        given = numpy(pool.exchange(numbered(first, 4), seed))[:, 0, 0, 0]
        old += int((given != np.arange(first, first + 4)).sum())
        handed += list(given)
    assert 0.42 < old / 600 < 0.58  # sigma is 0.02
    kept = numpy(pool.pictures)[:, 0, 0, 0]
    # Nothing is lost and nothing doubled: every picture was handed on once, or is still kept.
    assert len(set(kept)) == 50
    assert len(set(handed)) == len(handed)
    age = 652 - kept.mean()
    assert 60 < age < 160  # a kept picture is replaced after 50 / 0.5 = 100 arrivals on average


def test_a_pool_of_size_0_hands_everything_on():
    pool = translation.ImagePool(0, (2, 2, 1))
    np.testing.assert_array_equal(numpy(pool.exchange(numbered(5, 3), None)), numbered(5, 3))


def test_evaluating_leaves_the_pool_alone():
    model = small_cyclegan()
    model.compile(optimizer="adam", run_eagerly=True)
    model.test_on_batch({p: np.arange(2) for p in ("A", "B")})
    assert int(model.pools[0].count) == 0
    model.train_on_batch({p: np.arange(2) for p in ("A", "B")})
    assert [int(pool.count) for pool in model.pools] == [2, 2]


def test_a_stopped_training_goes_on_with_the_same_pool_and_weights(tmp_path):
    def train(folder, *stops):
        for steps in stops:
            model = small_cyclegan()
            adam = keras.optimizers.Adam(translation.ConstantThenLinear(1e-3, 4), beta_1=0.5)
            model.compile(optimizer=adam, run_eagerly=True)  # the same arithmetic, without the seconds of tracing
            options = {"batch_size": 2, "log_every": 2, "checkpoint_every": 2, "tensorboard": False}
            training.fit(model, tmp_path / folder, {"A": 8, "B": 8}, steps, **options)
        return [*model.get_weights(), *[numpy(pool.pictures) for pool in model.pools]]

    whole, resumed = train("whole", 4), train("resumed", 2, 4)
    assert len(whole) == len(resumed)
    for first, second in zip(whole, resumed, strict=True):
        np.testing.assert_array_equal(first, second)
    assert np.abs(whole[-1]).max() > 0


def psnr(generated, wanted):
    return -10 * np.log10(np.mean(np.square(generated - wanted)))


def test_pix2pix_learns_a_negative():
    inputs = pictures(16, 32, 5)
    model = pix2pix.Pix2Pix(
        dataclasses.replace(pix2pix.quick(32), filters=8, dropout=0.0, discriminator_filters=(4, 8)),
        augmentation=STILL,
        seed=1,
    )
    model.set_faces({"A": inputs, "B": 255 - inputs})
    model.compile(optimizer=keras.optimizers.Adam(2e-3, beta_1=0.5))
    traced = traces(model)
    unseen = pictures(8, 32, 6).astype("float32") / 255
    before = psnr(numpy(model.translate(unseen, 0, 1)[0]), 1 - unseen)
    model.fit(training.index_batches({"A": 16, "B": 16}, 8, 0), steps_per_epoch=150, verbose=0)
    after = psnr(numpy(model.translate(unseen, 0, 1)[0]), 1 - unseen)
    assert before < 18 and after > 22 and len(traced) == 1, (before, after)


def test_pairs_that_do_not_match_are_refused():
    with pytest.raises(ValueError, match="as many"):
        small_pix2pix().set_faces({"A": pictures(4), "B": pictures(5)})


def test_mild_views_turn_and_light_a_pair_alike():
    stack = np.concatenate([pictures(4), pictures(4)], axis=-1).astype("float32") / 255
    views = numpy(translation.mild_views(stack, 24, translation.MILD, keras.random.SeedGenerator(0)))
    assert views.shape == (4, 24, 24, 6)
    np.testing.assert_allclose(views[..., :3], views[..., 3:], atol=1e-6)
    still = numpy(translation.mild_views(stack, 32, STILL, keras.random.SeedGenerator(0)))
    np.testing.assert_allclose(still, stack, atol=1e-3)
    assert np.abs(views[0] - views[0, ::-1]).max() > 0.01


def test_the_rate_stays_and_then_falls_to_nothing():
    rate = translation.ConstantThenLinear(2e-4, 100)
    assert [round(float(rate(step)) * 1e4, 3) for step in (0, 50, 75, 100, 150)] == [2, 2, 1, 0, 0]
    again = keras.optimizers.schedules.deserialize(keras.optimizers.schedules.serialize(rate))
    assert float(again(75)) == pytest.approx(1e-4)


@pytest.mark.parametrize(("make", "kind"), [(small_cyclegan, "cyclegan"), (small_pix2pix, "pix2pix")])
def test_a_saved_model_generates_the_same(make, kind, tmp_path):
    model, faces = make(), pictures(3).astype("float32") / 255
    training.save_model(model, tmp_path / kind, kind)
    again = training.load_model(tmp_path / kind, kind, 32)
    np.testing.assert_array_equal(numpy(again.translate(faces, 0, 1)[0]), numpy(model.translate(faces, 0, 1)[0]))
    assert again.config == model.config and not hasattr(again, "discriminators")
    with pytest.raises(LabError, match="kind"):
        training.load_model(tmp_path / kind, "autoencoder")


@pytest.mark.parametrize("config", [cyclegan.quick(32, octave=0.25), pix2pix.quick(32, octave=0.25)])
def test_octave_convolution_inside_the_generators(config):
    if "octave" not in inspect.signature(layers.downscale).parameters:
        pytest.skip("the blocks in models.layers do not take octave yet")
    plain = build_generator(dataclasses.replace(config, octave=0.0), "plain")
    generator = build_generator(config, "octave")
    generated = numpy(generator(pictures(2).astype("float32") / 255))
    assert generated.shape == (2, 32, 32, 3) and np.isfinite(generated).all()
    assert generator.count_params() != plain.count_params()
