"""Every network that a preset may name: built in its precision, generated in float32, kept, and loaded to convert with."""

import keras
import numpy as np
import pytest

from faceswap_lab import training
from faceswap_lab.base import files, weights
from faceswap_lab.course import presets, recipes
from faceswap_lab.models import optimizers
from faceswap_lab.training import pace

WARM = weights.data_folder() / "weights" / "quick_autoencoder"


def test_each_word_of_a_preset_is_a_network():
    assert tuple(recipes.AUTOENCODERS) == presets.WORDS["autoencoder"]
    assert tuple(recipes.GANS) == presets.WORDS["gan"]
    assert pace.PRECISIONS == presets.WORDS["precision"]
    for recipe, name in [(r, n) for some in (recipes.AUTOENCODERS, recipes.GANS) for n, r in some.items()]:
        for size in presets.SIZES.get(name, (32, 96)):
            assert recipe.shape(size).size == size
    assert recipes.gan_training(presets.preset("full"), 100)[1].phase(20).perceptual  # the published schedule


@pytest.mark.parametrize("name", ["original", "low_memory", "standard"])
def test_trained_in_sixteen_bits_and_loaded_in_thirty_two(tmp_path, name):
    gan = name == "standard"
    fields = {"gan" if gan else "autoencoder": name, "face_size": 64, "gan_size": 64, "precision": "mixed_float16"}
    build = recipes.gan_model if gan else recipes.autoencoder_model
    model = build(presets.preset("quick").choose(**fields), width=0.05)
    assert model.encoders[0].layers[1].compute_dtype == "float16" and model.encoders[0].layers[1].dtype == "float32"
    faces = np.random.default_rng(0).random((3, 64, 64, 3), dtype=np.float32)
    generated = [keras.ops.convert_to_numpy(x) for x in model.translate(faces, 0, 1)]
    training.save_model(model, tmp_path, "faceswap_gan" if gan else "autoencoder")
    assert files.read_json(tmp_path / training.CONFIG)["precision"] == "mixed_float16"
    loaded = training.SwapFunction(training.load_model(tmp_path))(faces)
    for mine, theirs, channels in zip(generated, loaded, (3, 1), strict=True):
        assert mine.dtype == theirs.dtype == np.float32 and theirs.shape == (3, 64, 64, channels)
        assert 0 < np.abs(mine - theirs).max() < 0.03 or channels == 1 and not gan  # no alpha: ones in both
    assert loaded[1].min() == 1.0 or gan


def test_a_gan_goes_on_from_an_autoencoder_of_its_shape_alone(capsys):
    quick = presets.preset("quick")
    gan = recipes.gan_model(quick)
    assert recipes.begin_gan(gan, WARM / "nowhere") == 13
    known = training.load_model(WARM)
    for mine, theirs in zip(gan.encoders[0].get_weights(), known.encoders[0].get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert gan.begun_from == str(WARM)
    assert recipes.begin_gan(recipes.gan_model(quick.choose(gan_size=32)), WARM) == 0
    said = capsys.readouterr().out
    assert (
        "quick_autoencoder (64 px) has another shape" in said
        and "quick network of 32 px: it starts from nothing" in said
    )
    # Some of the published network's layers have the shape of the first tools' by chance: none is taken.
    assert recipes.begin_gan(recipes.gan_model(quick.choose(gan="standard"), width=0.05), WARM) == 0


def test_optimisers():
    quick = presets.preset("quick")
    warm, new = (recipes.autoencoder_optimizer(quick, 100, warmed=warmed) for warmed in (True, False))
    assert isinstance(warm, optimizers.ConvolutionMuon)
    assert float(warm.learning_rate) == pytest.approx(1e-3) and float(new.learning_rate) == pytest.approx(2.5e-3)
    published = recipes.autoencoder_optimizer(quick.choose(autoencoder="original"), 100)
    assert type(published) is keras.optimizers.Adam and float(published.learning_rate) == pytest.approx(5e-5)
