"""Training the base: the identity term comes in late, and a stop changes nothing, with a discriminator beside it or without."""

import keras
import numpy as np
import pytest

from faceswap_lab.models.reference_swapper import SwapperConfig, build_swapper
from faceswap_lab.training import checkpoints, pace, swapper_fitting
from faceswap_lab.training.swapper_fitting import SwapperFit

FIT = SwapperFit(8, batch=4, identity=0.5, checkpoint_every=2, identity_from=0.25, adversarial=0.05)


def arrays(count=12, side=32):
    draw = np.random.default_rng(0)
    shapes = {"faces": 3, "truth": 3, "references": 10, "mask": 1}
    return {
        name: draw.integers(0, 256, (count, 4, 4, channels), np.uint8).repeat(8, 1).repeat(8, 2)
        for name, channels in shapes.items()
    }


def recogniser(truth):
    """Fixed weights: a network drawn anew would be another one after a stop."""
    inputs = keras.Input(truth.shape[1:])
    drawn = keras.initializers.RandomNormal(0, 0.1, seed=1)
    x = keras.layers.Conv2D(4, 8, 8, kernel_initializer=drawn, trainable=False, name="fixed")(inputs)
    return keras.Model(inputs, [x, keras.layers.Flatten(name="flat")(x)])


def test_the_identity_term_comes_late_and_a_stop_changes_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(swapper_fitting, "recogniser", recogniser)

    def fit(name):
        keras.utils.set_random_seed(0)
        network = build_swapper(SwapperConfig(32, 3, (8, 8, 12, 12)))
        return swapper_fitting.fit_swapper(network, arrays(), tmp_path / name, FIT, told.append).get_weights()

    def stop(path):
        raise KeyboardInterrupt

    told = []
    whole = fit("whole")
    assert [row["step"] for row in told] == [2, 4, 6]
    assert [row["identity"] > 0 for row in told] == [False, True, True]
    assert all(row["discriminator"] > 0 for row in told)
    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr(checkpoints, "after_save", [stop])
            with pytest.raises(KeyboardInterrupt):
                fit("stopped")
    assert all((one == other).all() for one, other in zip(fit("stopped"), whole, strict=True))


def test_a_single_step_trains(tmp_path):
    network = build_swapper(SwapperConfig(32, 3, (8, 8, 12, 12)))
    before = network.get_weights()
    swapper_fitting.fit_swapper(network, arrays(), tmp_path, SwapperFit(1, batch=4, identity=0.0))
    assert any((one != other).any() for one, other in zip(network.get_weights(), before, strict=True))


def test_all_terms_hold_under_mixed_precision(tmp_path):
    told = []
    with pace.precision("mixed_bfloat16"):
        network = build_swapper(SwapperConfig(32, 3, (8, 8, 12, 12)))
        fit = SwapperFit(2, batch=4, identity=0.5, checkpoint_every=1, perceptual=0.3, adversarial=0.05)
        swapper_fitting.fit_swapper(network, arrays(), tmp_path, fit, told.append)
    (found,) = told
    assert 0 < found["identity"] < 2 and 0 < found["perceptual"] < 12 and np.isfinite(found["adversarial"])
    assert all(np.isfinite(weight).all() for weight in network.get_weights())


def test_a_checkpoint_is_printed_for_people(capsys):
    swapper_fitting.print_row({"step": 15, "loss": 0.32614, "adversarial": 0.0, "l1": 0.11653})
    assert capsys.readouterr().out == "step 15: loss 0.326, l1 0.117\n"
