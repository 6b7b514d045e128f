"""The autoencoders: sizes, weights and operations as published, directions, light, and terms that lack their masks."""

import dataclasses

import keras
import numpy as np
import pytest
from keras import ops
from swap_model_parts import INDEX, SMALL, STILL, faces, sets, small_autoencoder, traces

from faceswap_lab.course import stages
from faceswap_lab.models import autoencoder, flops, loss_terms, loss_weights, mobilenet_recognition
from faceswap_lab.models.autoencoder_networks import build_decoder, build_encoder, low_memory, original, quick
from faceswap_lab.models.loss_weights import LossWeights
from faceswap_lab.models.optimizers import original_adam


def encoder_by_hand(size, filters, latent, unfolded, side, bridge):
    """Weights and multiplications of an encoder: 5x5 convolutions of stride 2, two dense layers, a 3x3 upscale."""
    weights = products = 0
    for before, after in zip((3, *filters), filters, strict=False):
        size //= 2
        weights += 25 * before * after + after
        products += 25 * before * after * size**2
    flat, wide = size**2 * filters[-1], side**2 * unfolded
    weights += (flat + 1) * latent + (latent + 1) * wide + 9 * unfolded * 4 * bridge + 4 * bridge
    return weights, products + flat * latent + latent * wide + 9 * unfolded * 4 * bridge * side**2


def decoder_by_hand(side, bridge, filters):
    weights = products = 0
    for before, after in zip((bridge, *filters), filters, strict=False):
        weights += 9 * before * 4 * after + 4 * after
        products += 9 * before * 4 * after * side**2
        side *= 2
    return weights + 25 * filters[-1] * 3 + 3, products + 25 * filters[-1] * 3 * side**2


def test_the_original_weighs_and_costs_what_it_should():
    encoder, decoder = build_encoder(original(64)), build_decoder(original(64))
    by_hand = encoder_by_hand(64, (128, 256, 512, 1024), 1024, 1024, 4, 512), decoder_by_hand(8, 512, (256, 128, 64))
    assert encoder.count_params() == by_hand[0][0] == 69_662_976
    assert decoder.count_params() == by_hand[1][0] == 6_199_747
    assert flops.forward_flops(encoder) == 2 * by_hand[0][1] and flops.forward_flops(decoder) == 2 * by_hand[1][1]
    training = flops.training_flops(encoder) + flops.training_flops(decoder)
    assert training / 1e9 == pytest.approx(11.4, abs=0.05)  # one face, forward and backward


@pytest.mark.parametrize("size", [64, 96, 128])
def test_every_size_of_the_original_and_the_low_memory_form(size):
    for config, filters, side in (
        (original(size, width=0.125), (16, 32, 64, 128), size // 16),
        (low_memory(size, width=0.125), (16, 32, 64), size // 16),
    ):
        encoder, decoder = build_encoder(config), build_decoder(config)
        latent = {4: 128, 3: 64}[len(filters)]
        weights, products = encoder_by_hand(size, filters, latent, 128, side, 64)
        assert (encoder.count_params(), flops.forward_flops(encoder)) == (weights, 2 * products)
        weights, products = decoder_by_hand(2 * side, 64, (32, 16, 8))
        assert (decoder.count_params(), flops.forward_flops(decoder)) == (weights, 2 * products)
        assert encoder.get_layer("bridge").input.shape[1:] == (side, side, 128)
        assert encoder.output_shape[1:] == decoder.input_shape[1:] == (2 * side, 2 * side, 64)
        assert decoder.output_shape[1:] == (size, size, 3)


def test_the_low_memory_form_saves_what_its_text_says():
    weights, _ = encoder_by_hand(64, (128, 256, 512), 512, 1024, 4, 512)
    assert weights == 48_165_632


def test_the_sources_details():
    encoder, decoder = build_encoder(original(64, width=0.125)), build_decoder(original(64, width=0.125))
    down = encoder.get_layer("down_0")
    assert down.kernel_size == (5, 5) and down.strides == (2, 2)
    assert {round(float(x.negative_slope), 6) for x in encoder.layers if isinstance(x, keras.layers.LeakyReLU)} == {0.1}
    assert decoder.get_layer("paint").kernel_size == (5, 5) and decoder.layers[-1].activation.__name__ == "sigmoid"
    adam = original_adam()
    assert [round(float(x), 6) for x in (adam.learning_rate, adam.beta_1, adam.beta_2)] == [5e-5, 0.5, 0.999]


def test_the_originals_loss_is_the_mean_absolute_error():
    model = small_autoencoder(loss_weights.ORIGINAL, original(64, width=0.05))
    views = model(INDEX)
    difference = ops.convert_to_numpy(ops.abs(views["colour"] - views["straight"]))
    assert float(model.compute_loss(y_pred=views)) == pytest.approx(difference.mean(), rel=1e-5)


def test_shapes_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="unfold must say"):
        dataclasses.replace(original(64), encoder_filters=(128, 256, 512))
    with pytest.raises(ValueError, match="cannot be halved"):
        original(72)
    with pytest.raises(ValueError, match="sharing"):
        original(64, "both")
    with pytest.raises(ValueError, match="no discriminators"):
        autoencoder.FaceAutoencoder(SMALL, LossWeights(adversarial=0.1))
    with pytest.raises(ValueError, match="four depths"):
        LossWeights(perceptual=(1, 2))
    with pytest.raises(ValueError, match="edge must not be negative"):
        LossWeights(edge=-1)


def test_the_quick_model_generates_what_its_shipped_weights_always_generated():
    model = autoencoder.FaceAutoencoder(quick(64))
    assert stages.warm_start(model)
    noise = np.random.default_rng(0).random((2, 64, 64, 3)).astype("float32")
    colour = ops.convert_to_numpy(model.translate(noise, 0, 1)[0])
    assert colour.sum() == pytest.approx(4821.470, abs=0.2) and colour.std() == pytest.approx(0.212893, abs=1e-4)
    assert 0.1e9 < flops.generator_flops(model) < 0.2e9


@pytest.mark.parametrize("sharing", ["encoder", "decoder"])
def test_the_direction_of_a_swap(sharing):
    keras.utils.set_random_seed(0)
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


@pytest.mark.parametrize(("kind", "sharing"), [(original, "encoder"), (low_memory, "decoder")])
def test_training_lowers_the_loss(kind, sharing):
    model = small_autoencoder(loss_weights.ORIGINAL, kind(64, sharing, width=0.06))
    assert [len(model.encoders), len(model.decoders)] == ([1, 2] if sharing == "encoder" else [2, 1])
    model.compile(optimizer=keras.optimizers.Adam(3e-3), jit_compile=False)
    traced = traces(model)
    first = model.train_on_batch(INDEX, return_dict=True)["loss"]
    for _ in range(10):
        last = model.train_on_batch(INDEX, return_dict=True)["loss"]
    assert float(last) < 0.9 * float(first) and len(traced) == 1


def test_missing_masks_switch_their_terms_off_with_a_notice(capsys):
    weights = LossWeights(eyes=30, eyes_and_mouth=2, nose=3, mask=1)
    model = autoencoder.FaceAutoencoder(SMALL, weights, STILL)
    pictures, masks = sets(32, 3)
    masks["B"][..., 2] = 0  # nobody found B's mouth
    model.set_faces(pictures, masks)
    said = capsys.readouterr().out.splitlines()
    assert said == [
        "The face sets have no masks of mouth: the term eyes_and_mouth is switched off.",
        "The face sets have no masks of nose: the term nose is switched off.",
    ]
    assert model.loss_weights.active() == ("reconstruction", "eyes", "mask")
    assert set(model.loss_terms(model(INDEX))[0]) == set(model.terms) == {"reconstruction", "eyes", "mask"}
    alone = autoencoder.FaceAutoencoder(SMALL, weights, STILL)
    alone.set_faces(pictures)
    assert alone.loss_weights.active() == ("reconstruction",)
    assert np.isfinite(float(alone.compute_loss(y_pred=alone(INDEX))))


def test_masks_that_no_term_looks_at_do_not_travel():
    assert small_autoencoder(loss_weights.QUICK).banks[0].pictures.shape[-1] == 3 + 3 + 3
    assert small_autoencoder(LossWeights(brows=1)).banks[0].pictures.shape[-1] == 3 + 5 + 3


def test_a_term_at_0_is_never_called_and_its_network_stays_on_disk(monkeypatch):
    called = []

    def spy(name, term):
        return lambda *given: (called.append(name), term(*given))[1]

    monkeypatch.setattr(loss_terms, "TERMS", {name: spy(name, term) for name, term in loss_terms.TERMS.items()})

    def unread(*_, **__):
        raise AssertionError("a network was loaded that no term needs")

    monkeypatch.setattr(mobilenet_recognition, "face_res", unread)
    model = small_autoencoder(LossWeights(edge=0.1, ssim=0.2))
    model.compute_loss(y_pred=model(INDEX))
    assert called == ["reconstruction", "ssim", "edge"]
    with pytest.raises(AssertionError, match="no term needs"):
        small_autoencoder(LossWeights(identity=1))


def test_identity_asks_whether_the_swap_looks_like_the_person_it_shows():
    def thirds(faces):  # a recogniser that knows people by the brightness of three stripes
        return ops.stack([ops.mean(part, axis=(1, 2, 3)) for part in ops.split(faces[:, :30, :30], 3, axis=2)], axis=1)

    def generated(stripes):
        return ops.convert_to_tensor(
            np.pad(np.repeat(stripes, 10), (0, 2))[None, None, :, None] * np.ones((2, 32, 1, 3)), "float32"
        )

    config = dataclasses.replace(SMALL, relight=False)
    model = small_autoencoder(LossWeights(identity=1), config, recognition=thirds)
    luma = np.array([0.299, 0.587, 0.114])
    means = [
        (faces(8, 32, seed) / 255 @ luma)[:, :30, :30].reshape(8, 30, 3, 10).mean(axis=(0, 1, 3)) for seed in (1, 2)
    ]
    np.testing.assert_allclose(model.descriptors[0][0], (means[0] - means[1]) / 2, atol=5e-3)
    views = loss_terms.in_float32(model(INDEX))
    middle = (means[0] + means[1]) / 2
    as_a, as_b = (generated(middle + 0.5 * (mean - middle)) for mean in means)
    perfect = {**views, "swapped": (None, [as_a, as_b])}
    exchanged = {**views, "swapped": (None, [as_b, as_a])}
    assert float(loss_terms.identity(model, perfect)) < 0.05 and float(loss_terms.identity(model, exchanged)) > 1.9
    tinted = {
        **views,
        "swapped": (None, [x + np.array([0.0587, 0, -0.0587 * 0.299 / 0.114], "float32") for x in (as_a, as_b)]),
    }
    assert float(loss_terms.identity(model, tinted)) == pytest.approx(float(loss_terms.identity(model, perfect)), abs=1e-3)
