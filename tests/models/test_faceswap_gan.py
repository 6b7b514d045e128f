"""FaceSwap-GAN at work: games, who receives which gradient, every term's gradient, the schedule, mixed precision."""

import dataclasses

import keras
import numpy as np
import pytest
from keras import ops
from swap_model_parts import INDEX, faces, sets, small_autoencoder, small_gan

from faceswap_lab.models import autoencoder, discriminators, faceswap_gan, loss_terms, loss_weights
from faceswap_lab.models.faceswap_gan_networks import ADVERSARIAL
from faceswap_lab.models.faceswap_gan_schedule import PUBLISHED_SCHEDULE, Phase, ScheduleCallback, phase_at
from faceswap_lab.models.loss_weights import LossWeights


def tape():
    tensorflow = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("taken with TensorFlow's tape")
    return tensorflow.GradientTape(persistent=True)


@pytest.mark.parametrize("adversarial", ADVERSARIAL)
def test_each_player_receives_only_its_own_gradient(adversarial):
    gan = small_gan(adversarial=adversarial)
    with tape() as watched:
        found, discriminators_loss = gan.loss_terms(gan(INDEX))
        generator = found["adversarial"]
    discriminator_weights = [v.value for discriminator in gan.discriminators for v in discriminator.trainable_variables]
    generator_weights = [v.value for net in [*gan.encoders, *gan.decoders] for v in net.trainable_variables]
    assert all(g is None for g in watched.gradient(generator, discriminator_weights))
    assert all(g is None for g in watched.gradient(discriminators_loss, generator_weights))
    assert all(g is not None and np.isfinite(g.numpy()).all() for g in watched.gradient(discriminators_loss, discriminator_weights))
    assert (
        sum(g is not None and float(ops.max(ops.abs(g))) > 0 for g in watched.gradient(generator, generator_weights)) > 15
    )


def scored(pictures, frozen):
    """A discriminator that scores a picture by its mean: real pictures of 0.8, generated ones of 0.3."""
    return ops.mean(pictures, axis=(1, 2, 3), keepdims=True)


REAL, FAKE = (ops.convert_to_tensor(np.full((2, 4, 4, 3), value, "float32")) for value in (0.8, 0.3))


def test_the_games_by_hand():
    generator, discriminator = discriminators.relativistic(scored, REAL, FAKE)
    assert float(discriminator) == pytest.approx((0.5 - 1) ** 2)  # real should score 1 above generated, and scores 0.5 above
    assert float(generator) == pytest.approx((-0.5 - 1) ** 2)  # the generator wants it the other way round
    generator, discriminator = discriminators.hinge(scored, REAL, FAKE)
    assert (float(generator), float(discriminator)) == (pytest.approx(-0.3), pytest.approx(0.2 + 1.3))
    seed = keras.random.SeedGenerator(3)
    share = float(discriminators.draw_beta((), 0.2, keras.random.SeedGenerator(3)))
    generator, discriminator = discriminators.mixup(scored, REAL, FAKE, seed)
    assert float(generator) == pytest.approx((0.3 - 1) ** 2)  # its own generated face, taken for real
    assert float(discriminator) == pytest.approx((share * 0.8 + (1 - share) * 0.3 - share) ** 2, abs=1e-6)


def test_better_generated_faces_please_the_generator_and_not_the_discriminator():
    for adversarial_loss in discriminators.ADVERSARIAL_LOSSES.values():
        seed = keras.random.SeedGenerator(1)
        worse, better = (adversarial_loss(scored, REAL, ops.ones_like(FAKE) * value, seed) for value in (0.1, 0.7))
        assert float(better[0]) < float(worse[0])


def test_the_gradient_penalty_is_half_the_squared_gradient():
    draw = np.random.default_rng(0)
    slope = ops.convert_to_tensor(draw.normal(size=(1, 8, 8, 3)).astype("float32"))

    def linear(pictures, frozen):
        return ops.sum(pictures * slope, axis=(1, 2, 3), keepdims=True)

    many = ops.zeros((4000, 8, 8, 3))
    wanted = float(ops.sum(slope**2)) / 2
    found = float(discriminators.gradient_penalty(linear, many, keras.random.SeedGenerator(0)))
    assert found == pytest.approx(wanted, rel=0.1)  # one standard deviation is 2.2 %


def test_the_gradient_penalty_of_a_real_discriminator_is_what_a_tape_finds():
    gan = small_gan(LossWeights(adversarial=0.1, gradient_penalty=1.0))
    straight = ops.convert_to_tensor(faces(1, 32).astype("float32") / 255)
    with tape() as watched:
        watched.watch(straight)
        score = ops.mean(gan.discriminate(0, straight, straight * 0 + 0.5, False))
    exact = float(ops.sum(watched.gradient(score, straight) ** 2)) / 2
    many = ops.tile(straight, (400, 1, 1, 1))
    found = discriminators.gradient_penalty(
        lambda x, frozen: gan.discriminate(0, x, x * 0 + 0.5, False), many, keras.random.SeedGenerator(0)
    )
    assert float(found) == pytest.approx(exact, rel=0.25)  # one standard deviation is 7 %
    _, with_penalty = gan.loss_terms(gan(INDEX))
    assert np.isfinite(float(with_penalty)) and "gradient_penalty" in gan.terms


def test_identity_has_the_gradient_of_finite_differences():
    keras.utils.set_random_seed(3)  # where the slope is steep: the recogniser has kinks
    gan = small_gan(LossWeights(identity=1.0))
    views, bias = loss_terms.in_float32(gan(INDEX)), gan.decoders[0].get_layer("paint").bias
    start = ops.convert_to_numpy(bias.value).copy()
    turn = np.random.default_rng(0).normal(size=start.shape).astype("float32")
    with tape() as watched:
        found = loss_terms.identity(gan, {**views})
    slope, ends = float(ops.sum(watched.gradient(found, bias.value) * turn)), []
    for sign in (1, -1):
        bias.assign(start + sign * 1e-3 * turn)
        ends.append(float(loss_terms.identity(gan, {**views})))
    assert slope == pytest.approx((ends[0] - ends[1]) / 2e-3, rel=0.15) and abs(slope) > 0.1


def test_back_translation_learns_the_way_back_and_leaves_the_way_there_alone():
    keras.utils.set_random_seed(1)
    weights = LossWeights(reconstruction=0.5, contrast=2.0, back_translation=1.0)
    gan = small_gan(weights)
    views = loss_terms.in_float32(gan({person: np.arange(4) for person in ("A", "B")}))
    _, generated = loss_terms.swapped_faces(gan, {**views})
    there = [ops.convert_to_numpy(some)[::2] for some in generated]  # as numbers: nothing can flow through them

    def by_hand():
        back = [gan.generate(gan.encode(ops.convert_to_tensor(there[1 - p]), p, 1 - p), p)[0] for p in (0, 1)]
        half = {name: ops.concatenate([x[::2] for x in ops.split(views[name], 2)]) for name in ("straight", "masks")}
        seen = {"colour": ops.concatenate(back), **half}
        return 0.5 * loss_terms.reconstruction(gan, seen) + 2.0 * loss_terms.contrast(gan, seen)

    kernels = [network.trainable_variables[0].value for network in (*gan.encoders, *gan.decoders)]
    with tape() as watched:
        found, wanted = loss_terms.back_translation(gan, {**views}), by_hand()
    assert float(found) == pytest.approx(float(wanted), rel=1e-5)
    for kernel in kernels:
        slope, same = watched.gradient(found, kernel), watched.gradient(wanted, kernel)
        np.testing.assert_allclose(slope, same, rtol=1e-3, atol=1e-6)
        assert float(ops.max(ops.abs(slope))) > 1e-5


def test_every_term_has_the_gradient_of_finite_differences():
    """Colour and alpha moved along a direction; what passes through the decoders, by moving their last bias."""
    weights = LossWeights(
        **{name: 1.0 for name in loss_terms.TERMS if name != "perceptual"}, perceptual=(0.1, 0.3, 0.1, 0.01), span=2
    )
    keras.utils.set_random_seed(1)
    gan = small_gan(weights)
    gan.alpha_least.assign(0.9)
    views = loss_terms.in_float32(gan(INDEX))
    draw = np.random.default_rng(0)
    views |= {k: ops.convert_to_tensor(draw.uniform(0.1, 0.8, views[k].shape), "float32") for k in ("colour", "alpha")}
    bias = gan.decoders[0].get_layer("paint").bias
    start = ops.convert_to_numpy(bias.value).copy()
    along = {k: draw.uniform(-0.3, 1, views[k].shape).astype("float32") for k in ("colour", "alpha")}
    turn = draw.normal(size=start.shape).astype("float32")

    def value(name, share):
        return loss_terms.TERMS[name](gan, {**views, **{k: views[k] + share * v for k, v in along.items()}})

    step = 5e-4
    for name in gan.loss_weights.active():
        if name in ("identity", "back_translation"):  # kinks, a stopped gradient: they have tests of their own
            continue
        through_decoders = name in ("code", "cycle")
        with tape() as watched:
            share = ops.convert_to_tensor(0.0)
            watched.watch(share)
            found = value(name, share)
        if name == "kernel_decay":
            kernel = gan.decoders[0].get_layer("up_0").kernel
            np.testing.assert_allclose(watched.gradient(found, kernel.value), 2 * kernel.value, rtol=1e-4)
            continue
        if through_decoders:
            slope = float(ops.sum(watched.gradient(found, bias.value) * turn))
            ends = []
            for sign in (1, -1):
                bias.assign(start + sign * 1e-4 * turn)
                ends.append(float(value(name, 0.0)))
            bias.assign(start)
            measured = (ends[0] - ends[1]) / 2e-4
        else:
            slope = float(watched.gradient(found, share))
            measured = float(value(name, step) - value(name, -step)) / (2 * step)
        assert slope == pytest.approx(measured, rel=0.1, abs=2e-3), name
        assert abs(slope) > 1e-6, name


def test_the_gan_begins_where_the_autoencoder_stopped():
    begun = small_autoencoder()
    gan = small_gan()
    assert gan.begin_with(begun) > 10
    picture = faces(2, 32).astype("float32") / 255
    mine, theirs = gan.translate(picture, 0, 1)[0], begun.translate(picture, 0, 1)[0]
    np.testing.assert_allclose(ops.convert_to_numpy(mine), ops.convert_to_numpy(theirs), atol=1e-5)


def test_discriminators_learn_at_their_own_rate():
    gan = small_gan()
    gan.compile(optimizer=faceswap_gan.TwoRateAdam(1e-3, discriminator_factor=0.0), run_eagerly=True)
    discriminator, generator = gan.discriminators[0].get_weights()[0], gan.decoders[0].get_weights()[0]
    gan.train_on_batch(INDEX)
    np.testing.assert_array_equal(gan.discriminators[0].get_weights()[0], discriminator)
    assert np.abs(gan.decoders[0].get_weights()[0] - generator).max() > 1e-5


PHASES = (
    Phase(0.0, perceptual=False),
    Phase(0.5, alpha_least=0.9, rate=0.3, decoders_swapped=True),
    Phase(0.75, rate=0.1),
)


def test_the_schedule_swaps_the_decoders_once_there_and_once_back():
    gan = small_gan()
    gan.compile(optimizer=faceswap_gan.TwoRateAdam(1e-4))
    callback = ScheduleCallback(PHASES, 8, 1e-4)
    callback.set_model(gan)
    callback.on_train_begin()
    first, second = (decoder.get_weights()[0] for decoder in gan.decoders)
    seen = []
    for step in range(8):
        gan.optimizer.iterations.assign(step)
        callback.on_train_batch_begin(0)
        holds = [decoder.get_weights()[0] for decoder in gan.decoders]
        same = np.array_equal(holds[0], first) and np.array_equal(holds[1], second)
        crossed = np.array_equal(holds[0], second) and np.array_equal(holds[1], first)
        assert same != crossed
        seen.append((same, round(float(gan.alpha_least), 2), round(float(gan.optimizer.learning_rate) * 1e4, 2)))
    assert seen == [(True, 0.0, 1.0)] * 4 + [(False, 0.9, 0.3)] * 2 + [(True, 0.0, 0.1)] * 2
    gan.optimizer.iterations.assign(4)  # back to an older checkpoint's step: the phase follows from the step alone
    ScheduleCallback(PHASES, 8, 1e-4).set_model(gan)
    callback.on_train_batch_begin(0)
    assert np.array_equal(gan.decoders[0].get_weights()[0], second) and float(gan.decoders_swapped) == 1


def test_the_published_schedule():
    steps = 40_000
    seen = [
        phase_at(PUBLISHED_SCHEDULE, step, steps) for step in (0, 8_000, 12_000, 16_000, 20_000, 26_700, 32_000, 36_000)
    ]
    assert [p.perceptual for p in seen] == [False] + [True] * 7
    assert [p.alpha_least for p in seen] == [0, 0, 0.5, 0.2, 0.4, 0, 0.1, 0]
    assert [p.rate for p in seen] == [1, 1, 1, 1, 1, 0.3, 0.3, 0.1]
    assert [p.decoders_swapped for p in seen] == [False] * 6 + [True, False]
    assert phase_at(PUBLISHED_SCHEDULE, 31_999, steps).decoders_swapped is False
    with pytest.raises(ValueError, match="in order"):
        ScheduleCallback((Phase(0), Phase(0.5), Phase(0.2)), 10, 1e-4)


def test_phases_change_without_tracing_again_and_adam_keeps_its_moments(monkeypatch):
    """The whole schedule through one `fit`: one trace, moments untouched by a change, and the perceptual branch asleep."""
    gan = small_gan(
        LossWeights(adversarial=0.1, alpha_hinge=0.1, perceptual=(1, 0, 0, 0)), perceptual=lambda x: [x, x, x, x]
    )
    gan.compile(optimizer=faceswap_gan.TwoRateAdam(1e-4), jit_compile=False)
    traced, before_step, moments = [], [], []
    whole = type(gan).loss_terms
    monkeypatch.setattr(type(gan), "loss_terms", lambda self, views: (traced.append(1), whole(self, views))[1])

    class Watched(ScheduleCallback):
        def apply(self, now):
            before_step.append(len(traced))
            before = [ops.convert_to_numpy(v).copy() for v in self.model.optimizer.variables[2:]]
            super().apply(now)
            after = [ops.convert_to_numpy(v) for v in self.model.optimizer.variables[2:]]
            moments.append(all(np.array_equal(a, b) for a, b in zip(before, after, strict=True)) and len(after) > 40)

    batches = ((INDEX,) for _ in range(8))
    history = gan.fit(batches, steps_per_epoch=1, epochs=8, verbose=0, callbacks=[Watched(PHASES, 8, 1e-4)]).history
    assert before_step[0] == 0 and len(set(before_step[1:])) == 1 and len(traced) == before_step[1]  # all in step 1
    assert len(moments) == 8 and all(moments[1:])
    assert [value > 0 for value in history["perceptual"]] == [False] * 4 + [True] * 4
    assert [value > 0 for value in history["alpha_hinge"]] == [False] * 4 + [True] * 2 + [False] * 2


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_computes_losses_in_float32(policy):
    keras.config.set_dtype_policy(policy)
    try:
        gan = small_gan(dataclasses.replace(loss_weights.QUICK_GAN, identity=0, ms_ssim=0.1, code=0.1, cycle=1))
        views = gan(INDEX)
        assert keras.backend.standardize_dtype(views["codes"][0].dtype) == policy.removeprefix("mixed_")
        found, discriminators_loss = gan.loss_terms(views)
        kinds = {name: keras.backend.standardize_dtype(value.dtype) for name, value in found.items()}
        assert set(kinds.values()) == {"float32"}, kinds
        assert all(np.isfinite(float(value)) for value in [*found.values(), discriminators_loss])
        gan.compile(optimizer=faceswap_gan.TwoRateAdam(1e-4), run_eagerly=True)
        assert isinstance(gan.optimizer, keras.optimizers.LossScaleOptimizer) == (policy == "mixed_float16")
        before = gan.decoders[0].get_weights()[0].copy()
        assert np.isfinite(gan.train_on_batch(INDEX, return_dict=True)["loss"])
        assert np.abs(gan.decoders[0].get_weights()[0] - before).max() > 0
    finally:
        keras.config.set_dtype_policy("float32")


def test_side_outputs_are_part_of_the_reconstruction():
    config = faceswap_gan.standard(128, lite=True, width=0.05)
    gan = faceswap_gan.FaceSwapGAN(config, LossWeights(span=2, background=1), autoencoder.Augmentation())
    gan.set_faces(*sets(128))
    views = gan({p: np.arange(1) for p in ("A", "B")})
    assert [side.shape[1:] for side in views["sides"]] == [(64, 64, 3)]
    whole = float(gan.loss_terms(views)[0]["reconstruction"])
    without = float(gan.loss_terms({**views, "sides": []})[0]["reconstruction"])
    assert whole > 1.5 * without > 0


def test_eyes_weigh_by_their_share_of_the_picture():
    gan = small_gan(LossWeights(eyes=30, span=2))
    views = loss_terms.in_float32(gan(INDEX))
    eyes = loss_terms.mask_of(views, "eyes")
    off = {**views, "colour": views["straight"] + 0.1}
    assert float(loss_terms.TERMS["eyes"](gan, off)) == pytest.approx(2 * 0.1 * float(ops.mean(eyes)), rel=1e-4)
    assert float(loss_terms.TERMS["eyes_gradients"](gan, off)) == pytest.approx(0, abs=1e-6)
    with pytest.raises(ValueError, match="no mask of brows"):
        loss_terms.TERMS["brows"](gan, off)
