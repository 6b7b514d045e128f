"""Training views: what the network sees and what it should answer."""

import dataclasses

import keras
import numpy as np
from keras import ops
from swap_model_parts import STILL, sets

from faceswap_lab.models.augmentation import FaceBank, random_views


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
