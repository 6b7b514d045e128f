"""Training views: what the network sees and what it should answer."""

import dataclasses

import keras
import numpy as np
from keras import ops
from swap_model_parts import STILL, sets

from faceswap_lab.models import face_statistics
from faceswap_lab.models.augmentation import FaceBank, random_views
from faceswap_lab.models.lighting import light_fields


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


def test_shape_transfer_takes_the_other_picture():
    pictures, masks = sets(64)
    bank = FaceBank(pictures["A"], masks["A"], pictures["B"])
    warped, _ = random_views(
        bank(np.arange(8)), 64, dataclasses.replace(STILL, shape_transfer=1.0), keras.random.SeedGenerator(0)
    )
    np.testing.assert_allclose(ops.convert_to_numpy(warped), pictures["B"] / 255.0, atol=1e-3)


def test_light_fields_find_the_slope_that_each_face_was_lit_with():
    line = (np.arange(96) + 0.5) / 96
    x, y = np.meshgrid(line - 0.5, line - 0.5)
    skin = 90 + 40 * np.cos(9 * x[..., None] + np.array([0.0, 1.0, 2.0])) * np.cos(11 * y[..., None])
    slopes = np.array([-0.8, -0.2, 0.3, 0.7])  # their mean is the person's usual light
    faces = np.round(skin * np.exp(slopes[:, None, None, None] * x[..., None])).astype("uint8")
    fields = light_fields(faces, np.full(faces.shape[:3], 255, "uint8"))
    assert fields.shape == (4, 8, 8, 3)
    cells = (np.arange(8) + 0.5) / 8 - 0.5
    wanted = slopes[:, None] * cells
    np.testing.assert_allclose(fields.mean(axis=(1, 3))[:, 2:-2], wanted[:, 2:-2], atol=0.01)
    # what is off the face is not measured: a bright half that no mask covers changes nothing inside
    masks = np.zeros(faces.shape[:3], "uint8")
    masks[:, 24:72, 24:72] = 255
    lamp = faces.copy()
    lamp[:, :, :12] = 255
    np.testing.assert_array_equal(light_fields(lamp, masks)[:, 3:5, 3:5], light_fields(faces, masks)[:, 3:5, 3:5])


def test_the_light_of_other_faces_falls_on_input_and_answer_alike():
    pictures, masks = sets(64)
    grey = np.full_like(pictures["A"], 100)
    bank = FaceBank(grey, masks["A"])
    left = np.linspace(0.4, -0.4, 8, dtype="float32")[None, None, :, None] * np.ones((1, 8, 1, 3), "float32")
    lights = ops.convert_to_tensor(np.concatenate([left, np.zeros_like(left)]))
    options = dataclasses.replace(STILL, other_light=1.0)
    warped, target = (
        ops.convert_to_numpy(x)
        for x in random_views(bank(np.arange(8)), 64, options, keras.random.SeedGenerator(3), lights=lights)
    )
    np.testing.assert_allclose(warped, target[..., :3], atol=1e-5)
    share = np.log(target[:, 32, :, 0] / (100 / 255))  # along a row: a share of the slope, from -1 to 1 times
    slopes = (share[:, 4] - share[:, -5]) / (left[0, 0, 0, 0] - left[0, 0, -1, 0]) / (55 / 63)
    assert np.abs(slopes).max() <= 1.05 and np.ptp(slopes) > 0.3
    assert (np.abs(slopes) < 1e-6).any()  # both lights drawn were the same face's
    still, _ = random_views(bank(np.arange(8)), 64, STILL, keras.random.SeedGenerator(3), lights=lights)
    np.testing.assert_allclose(ops.convert_to_numpy(still), 100 / 255, atol=1e-3)


def test_usual_light_and_average_are_the_same_whatever_is_measured_at_once(monkeypatch):
    pictures, _ = sets(64)
    seen = []

    def relight(some):
        seen.append(len(some))
        return some * 0.5

    whole = face_statistics.light_and_average(pictures, 32, relight)
    plain = [(face_statistics.resize(pictures[p], 32).astype("float32") / 255 * 0.5).mean(axis=0) for p in "AB"]
    np.testing.assert_allclose(whole[1], np.stack(plain), atol=1e-6)
    monkeypatch.setattr(face_statistics, "AT_ONCE", 3)
    parts = face_statistics.light_and_average(pictures, 32, relight)
    assert max(seen[2:]) == 3 and all(np.array_equal(one, other) for one, other in zip(whole, parts, strict=True))
    assert face_statistics.light_and_average(pictures, 32, None)[1] is None
