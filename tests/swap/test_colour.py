"""Colour: known shifts and scalings are undone, and only the mask is looked at."""

import numpy as np
import pytest

from faceswap_lab.swap import colour, colour_distributions


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


def test_a_shift_and_a_stretch_are_undone(picture, mask):
    values = colour.to_lab(picture)
    middle = values.mean(axis=(0, 1))
    changed = colour.from_lab((values - middle) * 0.8 + middle + 0.04 * values.std())
    assert np.abs(changed - picture).mean() > 0.01
    assert np.abs(colour.COLOUR["mean_std"](changed, picture, mask) - picture).max() < 4e-3


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
    by_moments = np.abs(colour.COLOUR["mean_std"](curved, picture, mask) - picture)[inside].mean()
    assert by_curve < 0.004 < by_moments


@pytest.mark.parametrize("name", [name for name in colour.COLOUR if name != "none"])
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
    result = colour.COLOUR["mean_std"](flat, picture, mask)
    assert result[mask > 0.5].std(axis=0).max() < 0.01


def test_linear_recovers_a_linear_change_of_colours(picture, mask):
    """Monge-Kantorovich: any symmetric positive map is the one that moves colours least, so it is the one that is found."""
    mixing = np.array([[0.9, 0.12, 0.03], [0.12, 0.8, -0.05], [0.03, -0.05, 1.1]])
    changed = ((picture - 0.5) @ mixing + [0.48, 0.5, 0.52]).astype(np.float32)
    assert np.abs(changed - picture).mean() > 0.015 and changed.min() > 0 and changed.max() < 1
    assert np.abs(colour.COLOUR["linear"](picture, changed, mask) - changed).max() < 1e-3
    assert np.abs(colour.COLOUR["linear"](changed, picture, mask) - picture).max() < 1e-3


def test_linear_gives_the_whole_covariance(picture, mask):
    other = np.clip(picture[::-1, ::-1] * [0.8, 1.0, 0.6] + [0.1, 0.0, 0.2], 0, 1).astype(np.float32)
    result = colour.covariance(colour.COLOUR["linear"](picture, other, mask), mask)
    wanted = colour.covariance(other, mask)
    assert np.abs(result - wanted).max() < 1e-4 < 0.1 * np.abs(colour.covariance(picture, mask) - wanted).max()


def distance(some, others, mask, count=50):
    """Sliced Wasserstein distance inside a mask, along directions that the method does not know."""
    turns = colour_distributions.rotations(count, seed=99).reshape(-1, 3)
    weights = mask.ravel()
    along = [
        [colour_distributions.quantiles(image.reshape(-1, 3) @ turn, weights) for image in (some, others)] for turn in turns
    ]
    return np.mean([np.square(first - second).mean() for first, second in along]) ** 0.5


def test_sliced_transport_brings_two_clouds_of_colours_together(picture, mask):
    other = np.clip(np.stack([picture[..., 1] ** 2, picture[::-1, :, 0], 1 - picture[..., 2]], axis=-1), 0, 1)
    before = distance(picture, other, mask)
    after = {
        name: distance(colour.COLOUR[name](picture, other, mask), other, mask) for name in ("sot", "mean", "histogram")
    }
    assert after["sot"] < 0.1 * before and after["sot"] < 0.5 * min(after["mean"], after["histogram"])


def test_sliced_transport_takes_the_same_directions_every_time(picture, mask):
    other = np.clip(picture[::-1] * 0.8, 0, 1)
    first, second = (colour_distributions.sliced(picture, other, mask) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("name", [name for name in colour.COLOUR if name != "none"])
def test_what_was_measured_may_be_averaged(name, picture, mask):
    """Half way between two lights in the statistics is half way between them in the picture."""
    method, face = colour.COLOUR[name], np.clip(picture * 0.9, 0, 1)
    found = [method.measure(face, np.clip(picture + light, 0, 1), mask) for light in (0.0, 0.06)]
    measured, wanted = (np.mean([pair[which] for pair in found], axis=0) for which in (0, 1))
    between = method.apply(face, measured, wanted)
    exact = method(face, picture + 0.03, mask)
    apart = np.abs(method.apply(face, *found[0]) - exact)[mask > 0.5].mean()
    assert apart > 0.02 and np.abs(between - exact)[mask > 0.5].mean() < 0.05 * apart


def test_a_flat_picture_goes_to_the_median(picture, mask):
    flat = np.full_like(picture, 0.4)
    result = colour.COLOUR["histogram"](flat, picture, mask)
    kept = picture[mask > 0.99]
    assert np.abs(result[32, 32] - np.median(kept, axis=0)).max() < 0.05


def test_quantiles_weigh_their_values():
    values, weights = np.array([0.0, 1.0]), np.array([3.0, 1.0])
    found = colour_distributions.quantiles(values, weights, 101)
    assert np.all(np.diff(found) > 0) and abs(found[30]) < 1e-3 and abs(found[100] - 1) < 1e-3
    many = np.random.default_rng(0).normal(size=20000)
    found = colour_distributions.quantiles(many, np.ones(20000), 5)
    assert np.abs(found[1:4] - [-0.674, 0, 0.674]).max() < 0.03


def test_white_stays_white_and_skin_is_changed():
    skin, white = np.array([0.85, 0.65, 0.55]), np.array([0.99, 0.98, 0.97])
    face = np.stack([np.stack([skin, white])]).astype(np.float32)
    matched = np.clip(face - [0.2, 0.1, 0.1], 0, 1).astype(np.float32)
    kept = colour.keep_highlights(face, matched)
    assert np.array_equal(kept[0, 0], matched[0, 0]) and np.array_equal(kept[0, 1], face[0, 1])
