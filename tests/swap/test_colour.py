"""Colour: known shifts and scalings are undone, and only the mask is looked at."""

import numpy as np
import pytest

from faceswap_lab.swap import colour


@pytest.fixture
def picture():
    random = np.random.default_rng(1)
    smooth = np.cumsum(np.cumsum(random.normal(size=(64, 64, 3)), axis=0), axis=1)
    smooth = (smooth - smooth.min((0, 1))) / np.ptp(smooth, axis=(0, 1))
    return (0.3 + 0.4 * smooth).astype(np.float32)


@pytest.fixture
def mask():
    y, x = np.mgrid[:64, :64]
    return np.clip(1.2 - np.hypot(x - 32, y - 32) / 20, 0, 1).astype(np.float32)


@pytest.mark.parametrize("name", colour.COLOUR)
def test_target_onto_itself_changes_nothing(name, picture, mask):
    result = colour.COLOUR[name](picture, picture, mask)
    assert result.shape == picture.shape and result.dtype == np.float32
    assert np.abs(result - picture).max() < 2e-3


@pytest.mark.parametrize("space", ["lab", "rgb"])
def test_a_shift_and_a_stretch_in_the_space_are_undone(space, picture, mask):
    values = colour.to_space(picture, space)
    middle = values.mean(axis=(0, 1))
    changed = colour.from_space((values - middle) * 0.8 + middle + 0.04 * values.std(), space)
    assert np.abs(changed - picture).mean() > 0.01
    assert np.abs(colour.match_mean_std(changed, picture, mask, space) - picture).max() < 4e-3


def test_mean_moves_the_mean_and_keeps_the_contrast(picture, mask):
    dark = picture * 0.7
    result = colour.match_mean(dark, picture, mask)
    wanted, got, before = (colour.statistics(image, mask) for image in (picture, result, dark))
    assert np.abs(got[0] - wanted[0]).max() < 0.3
    assert np.allclose(got[1], before[1], rtol=0.03)


def test_histogram_undoes_a_curve_that_mean_and_deviation_cannot(picture, mask):
    curved = picture**2.2
    inside = mask > 0.5
    by_curve = np.abs(colour.COLOUR["histogram"](curved, picture, mask) - picture)[inside].mean()
    by_moments = np.abs(colour.match_mean_std(curved, picture, mask) - picture)[inside].mean()
    assert by_curve < 0.004 < by_moments


@pytest.mark.parametrize("name", ["mean", "mean_std", "histogram"])
def test_what_lies_outside_the_mask_has_no_say(name, picture, mask):
    elsewhere = picture.copy()
    elsewhere[mask == 0] = [0.9, 0.1, 0.1]
    face = np.clip(picture * 0.8 + 0.05, 0, 1)
    inside = mask > 0
    different = colour.COLOUR[name](face, elsewhere, mask) - colour.COLOUR[name](face, picture, mask)
    assert np.abs(different[inside]).max() < 1e-6


@pytest.mark.parametrize("name", colour.COLOUR)
def test_an_empty_mask_leaves_the_face(name, picture):
    face = np.clip(picture * 0.8, 0, 1)
    assert np.array_equal(colour.COLOUR[name](face, picture, np.zeros((64, 64), np.float32)), face)


def test_a_flat_face_does_not_turn_to_noise(picture, mask):
    flat = np.full_like(picture, 0.5) + np.random.default_rng(2).normal(0, 1e-3, picture.shape).astype(np.float32)
    result = colour.match_mean_std(flat, picture, mask)
    assert result[mask > 0.5].std(axis=0).max() < 0.01
