"""The base model's network: what it answers, that its step compiles and holds in 16 bit, that it learns, that it is kept."""

import keras
import numpy as np
import pytest

from faceswap_lab.base.errors import LabError
from faceswap_lab.models import losses, reference_swapper
from faceswap_lab.models.discriminators import build_discriminator
from faceswap_lab.models.faceswap_gan_networks import GanConfig
from faceswap_lab.models.reference_swapper import SwapperConfig, SwapperLoss, SwapperTraining, build_swapper
from faceswap_lab.training.swapper_fitting import varied_light

tf = pytest.importorskip("tensorflow")

SMALL = SwapperConfig(size=32, references=3, filters=(8, 8, 12, 12))


def smooth(draw, *shape):
    """Pictures with something to see at several scales, uint8."""
    coarse = draw.integers(20, 236, (shape[0], 4, 4, shape[-1])).repeat(8, axis=1).repeat(8, axis=2)
    fine = draw.integers(-20, 21, (shape[0], 16, 16, shape[-1])).repeat(2, axis=1).repeat(2, axis=2)
    return (coarse + fine).clip(0, 255).astype(np.uint8)


def batch(count=6, seed=0):
    """The truth is the second reference inside a disc, the target outside."""
    draw = np.random.default_rng(seed)
    faces, pictures = smooth(draw, count, 32, 32, 3), smooth(draw, count, 32, 32, 9)
    row, column = np.mgrid[:32, :32] - 15.5
    mask = np.repeat(255 * (np.hypot(row, column) < 11)[None, ..., None], count, axis=0).astype(np.uint8)
    truth = np.where(mask > 0, pictures[..., 3:6], faces)
    return {"faces": faces, "truth": truth, "references": np.concatenate([pictures, mask], axis=-1), "mask": mask}


def training(augment=None, recogniser=None, rival=None, **terms):
    keras.utils.set_random_seed(0)
    return SwapperTraining(build_swapper(SMALL), SwapperLoss(**terms), recogniser, augment, discriminator=rival)


def test_it_answers_a_composite_and_alpha():
    held = batch(5)
    generated = reference_swapper.generate(build_swapper(SMALL), held["faces"], held["references"], batch_size=2)
    assert generated.shape == (5, 32, 32, 4) and generated.dtype == np.float32
    assert 0 <= generated.min() and generated.max() <= 1
    with pytest.raises(ValueError, match="multiple of 16"):
        build_swapper(SwapperConfig(size=40))


def test_an_alpha_that_is_sure_and_wrong_is_still_corrected():
    """As on a hand before the face: by the absolute difference a logit of 6 would have a gradient of 0.2 * 0.0025."""
    model, logits = training(), tf.constant([[6.0, -6.0]])
    mask, colour = tf.reshape([[0.0, 1.0]], (1, 1, 2, 1)), tf.fill((1, 1, 2, 3), 0.5)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        alpha = tf.reshape(tf.sigmoid(logits), (1, 1, 2, 1))
        known = {"generated": tf.concat([colour, alpha], -1), "truth": colour, "mask": mask, "nearest": colour}
        loss = model.compute_loss(y_pred=known)
    np.testing.assert_allclose(tape.gradient(loss, logits), [[0.1, -0.1]], rtol=0.02)  # the weight over two pixels


def test_mirrored_it_generates_the_mean_of_both_ways():
    keras.utils.set_random_seed(0)
    held, network = batch(3), build_swapper(SMALL)
    pictures = held["faces"], held["references"]
    once = reference_swapper.generate(network, *pictures)
    twice = reference_swapper.generate(network, *pictures, mirrored=True)
    turned = reference_swapper.generate(network, *(picture[:, :, ::-1] for picture in pictures), mirrored=True)
    np.testing.assert_allclose(twice, turned[:, :, ::-1], atol=1e-5)
    assert np.abs(twice - once).mean() > 0.005


def test_the_light_grid_and_the_blocks_lie_where_they_should():
    ramp = np.arange(4, dtype=np.float32).reshape(1, 1, 4, 1).repeat(4, axis=1)
    enlarged = keras.ops.convert_to_numpy(reference_swapper._enlarged(ramp, 16))[0, 8, :, 0]
    np.testing.assert_allclose(enlarged, np.clip((np.arange(16) + 0.5) / 4 - 0.5, 0, 3), atol=1e-6)
    parts = np.arange(2 * 2 * 4, dtype=np.float32).reshape(1, 2, 2, 4)
    blocks = keras.ops.convert_to_numpy(reference_swapper.pixel_shuffle(parts))[0, ..., 0]
    np.testing.assert_array_equal(blocks, [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]])


def test_it_learns_to_take_the_right_reference():
    model = training(alpha=1.0)
    model.compile(keras.optimizers.Adam(5e-3), jit_compile=False)
    seen, other = batch(24), batch(12, seed=1)
    for _ in range(120):
        model.train_on_batch(seen)
    generated = reference_swapper.generate(model.network, other["faces"], other["references"])
    truth, mask = other["truth"] / 255, other["mask"][..., 0] > 0
    unchanged = np.abs(other["faces"] / 255 - truth)[mask].mean()
    assert np.abs(generated[..., :3] - truth)[mask].mean() < 0.35 * unchanged
    assert np.abs(generated[..., 3] - mask).mean() < 0.1


def recogniser():
    """A frozen network that tells pictures apart, in the place of a recognition network: one inner layer, a descriptor."""
    keras.utils.set_random_seed(1)
    pictures = keras.Input((32, 32, 3))
    inner = keras.layers.Conv2D(4, 5, 4)(pictures)
    network = keras.Model(pictures, [inner, keras.layers.Flatten()(inner)])
    network.trainable = False
    return network


def discriminator():
    keras.utils.set_random_seed(2)
    return build_discriminator(GanConfig(32, architecture="quick", discriminator_filters=(4, 8)), "discriminator")


def steps(count, compiled, augment, **terms):
    """The losses of some steps, of which each must move every weight."""
    model = training(augment, recogniser(), discriminator(), **terms)
    model.compile(keras.optimizers.Adam(1e-3), jit_compile=compiled)
    found = []
    for _ in range(count):
        before = model.network.get_weights()
        found.append(float(model.train_on_batch(batch(), return_dict=True)["loss"]))
        assert all((one != other).any() for one, other in zip(before, model.network.get_weights(), strict=True))
    assert np.isfinite(found).all()
    return found


EVERY_TERM = {"identity": 0.1, "perceptual": 0.3, "adversarial": 0.05}


def test_a_step_compiles_under_xla():
    """With every term, and the same first loss as without (R1 has a draw of its own); the draws compile on their own."""
    first = steps(2, True, None, gradient_penalty=0.0, **EVERY_TERM)[0]
    assert first == pytest.approx(steps(1, False, None, gradient_penalty=0.0, **EVERY_TERM)[0], rel=1e-4)
    steps(1, True, None, **EVERY_TERM)
    draw = keras.random.SeedGenerator(0)
    given = {name: array.astype(np.float32) / 255 for name, array in batch().items()}
    varied = tf.function(lambda held: varied_light(held, draw), jit_compile=True)(given)
    assert all(np.isfinite(value).all() and value.shape == given[name].shape for name, value in varied.items())


@pytest.mark.parametrize("compiled", [False, True])  # a GPU switches both on
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_a_step_holds_in_16_bit(policy, compiled):
    whole = steps(1, False, None, gradient_penalty=0.0, **EVERY_TERM)[0]
    keras.mixed_precision.set_global_policy(policy)
    try:
        assert steps(2, compiled, None, gradient_penalty=0.0, **EVERY_TERM)[0] == pytest.approx(whole, rel=0.02)
    finally:
        keras.mixed_precision.set_global_policy("float32")


def test_each_player_gets_only_its_own_gradient():
    """The network's step is the same whatever the discriminator loses; both move, the recogniser never."""
    model = training(None, recogniser(), discriminator(), adversarial=0.05, identity=0.1)
    held = {name: array.astype(np.float32) for name, array in batch().items()}

    def gradients(variables, **terms):
        with tf.GradientTape() as tape:
            found = model.contest(**pictures(model(held)))
            loss = found[terms["player"]]
        return tape.gradient(loss, [v.value for v in variables])

    def pictures(views):
        colour, truth, mask = views["generated"][..., :3], views["truth"], views["mask"]
        return {"generated": truth + mask * (colour - truth), "truth": truth, "nearest": views["nearest"]}

    rival, mine = model.discriminator.trainable_variables, model.network.trainable_variables
    assert all(one is None for one in gradients(rival, player=0)) and all(one is None for one in gradients(mine, player=1))
    assert any(one is not None for one in gradients(mine, player=0)) and all(one is not None for one in gradients(rival, player=1))


def test_the_discriminator_learns_to_tell_and_the_features_to_measure():
    """Blur costs in the perceptual term; a discriminator trained beside a network that stands still tells truth from blur."""
    model = training(None, recogniser(), discriminator(), perceptual=1.0, adversarial=1e-6)
    truth = batch(24)["truth"].astype(np.float32) / 255
    soft = keras.ops.convert_to_numpy(losses.gaussian_blur(truth, 2.0))
    apart = [float(model.unlike(pictures, truth)[1]) for pictures in (truth, (truth + soft) / 2, soft)]
    assert apart[0] == pytest.approx(0, abs=1e-6) and 0 < 2 * apart[1] < apart[2]
    optimizer = keras.optimizers.Adam(3e-3)
    for _ in range(60):
        with tf.GradientTape() as tape:
            _, theirs = model.contest(soft, truth, 0 * truth)
        found = model.discriminator.trainable_variables
        optimizer.apply(tape.gradient(theirs, [v.value for v in found]), found)
    beside = np.concatenate([truth, 0 * truth], axis=-1), np.concatenate([soft, 0 * truth], axis=-1)
    real, fake = (model.discriminator(pictures).numpy().mean(axis=(1, 2, 3)) for pictures in beside)
    assert real.min() > fake.max()


def test_it_is_kept_in_16_bit(tmp_path):
    network, average, path = build_swapper(SMALL), np.random.default_rng(0).normal(size=(9, 7, 2)), tmp_path / "base.npz"
    reference_swapper.save(network, average, path)
    assert path.stat().st_size < 2.5 * network.count_params() + 20_000
    found, kept = reference_swapper.load(path)
    np.testing.assert_allclose(kept, average, rtol=1e-6)
    held = batch(2)
    one, other = (reference_swapper.generate(model, held["faces"], held["references"]) for model in (network, found))
    np.testing.assert_allclose(one, other, atol=0.01)

    with np.load(path) as stored:  # as it was written before there was a fine light
        older = {name: stored[name] for name in ("shape", "average")}
        kept = [stored[f"weight_{k}"] for k, w in enumerate(network.weights) if "fine_light" not in w.path]
    assert len(kept) == len(network.weights) - 2
    np.savez(tmp_path / "older.npz", **older, **{f"weight_{k}": value for k, value in enumerate(kept)})
    found, _ = reference_swapper.load(tmp_path / "older.npz")
    order = [weight.path for weight in network.weights if weight.path.endswith("kernel")]
    assert order[-4:] == ["last/kernel", "light/kernel", "fine_light/kernel", "parts/kernel"]  # files go by it
    network.get_layer("fine_light").set_weights([0 * value for value in network.get_layer("fine_light").get_weights()])
    one, other = (reference_swapper.generate(model, held["faces"], held["references"]) for model in (network, found))
    np.testing.assert_allclose(one, other, atol=0.01)

    np.savez(tmp_path / "more.npz", **older, **{f"weight_{k}": value for k, value in enumerate([*kept, kept[-1]])})
    with pytest.raises(LabError, match="weights instead of"):
        reference_swapper.load(tmp_path / "more.npz")

    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(LabError, match="base.npz"):
        reference_swapper.load(path)
    np.savez(path, shape=np.array([32, 3, 8, 12, 16, 100_000]), average=average)
    with pytest.raises(LabError, match=r"no base model.*100000"):
        reference_swapper.load(path)


def test_a_generated_face_is_its_explanation_put_together():
    network = reference_swapper.build_swapper(reference_swapper.SwapperConfig(size=32))
    draw = np.random.default_rng(0)
    for layer in ("light", "fine_light", "parts"):  # as it starts, the light is 0
        weights = network.get_layer(layer)
        weights.set_weights([draw.normal(0, 0.05, w.shape).astype("float32") for w in weights.get_weights()])
    faces = draw.integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    references = draw.integers(0, 256, (2, 32, 32, 10), dtype=np.uint8)
    parts = reference_swapper.explain(network, faces, references)
    pictures = np.concatenate([faces[:, None] / 255, parts["relit"]], axis=1)
    mixed = np.einsum("nhwk,nkhwc->nhwc", parts["mixture"], pictures)
    generated = reference_swapper.generate(network, faces, references)
    assert np.abs(np.clip(mixed + parts["correction"], 0, 1) - generated[..., :3]).max() < 1e-5
    assert np.abs(parts["alpha"] - generated[..., 3]).max() < 1e-6
    assert np.abs(parts["relit"][:, 0] - references[..., :3] / 255).mean() > 0.01  # the light does count
