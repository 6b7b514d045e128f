"""Smoothing: tremble goes, movement stays, nothing leaks across a gap or a cut."""

import numpy as np
import pytest

from faceswap_lab.faces import alignment
from faceswap_lab.swap import smoothing


def moving(count=120, tremble=0.0, seed=0, period=50):
    """A face on a slow path, (T, 4) parameters, with a tremble in pixels (and its like in scale and angle)."""
    t = np.arange(count)
    wave = 2 * np.pi * t / period
    path = np.stack([300 + 30 * np.sin(wave), 200 + 0.5 * t, 0.1 * np.cos(wave), 0.2 * np.sin(wave)], axis=1)
    noise = np.random.default_rng(seed).normal(size=path.shape) * tremble * np.array([1, 1, 0.01, 0.01])
    return path, smoothing.matrices_from(path + noise)


def test_parameters_and_back():
    path, matrices = moving(tremble=1)
    assert np.allclose(smoothing.matrices_from(smoothing.parameters(matrices)), matrices)
    assert np.allclose(alignment.transform_points(matrices[3], smoothing.parameters(matrices)[3, :2]), 127.5)


def test_strength_zero_changes_nothing():
    _, matrices = moving(tremble=1)
    assert np.array_equal(smoothing.smooth_matrices(matrices, 0), matrices)


@pytest.mark.parametrize(("strength", "left"), [(1.5, 0.62), (3, 0.45)])
def test_tremble_goes_and_a_slow_wave_stays(strength, left):
    path, matrices = moving(count=400, tremble=0.5)
    error = smoothing.parameters(smoothing.smooth_matrices(matrices, strength)) - path
    before = smoothing.parameters(matrices) - path
    assert (error.std(axis=0) < left * before.std(axis=0)).all()
    steps = np.diff(error, axis=0).std(axis=0) / np.diff(before, axis=0).std(axis=0)
    assert (steps < 0.3).all()  # what the eye sees is the step from frame to frame
    path, still = moving()
    error = np.abs(smoothing.parameters(smoothing.smooth_matrices(still, strength)) - path)
    assert error[5:-5, :2].max() < 0.3 and error[:, :2].max() < 0.6  # of a wave 30 px high


def test_a_straight_path_has_no_lag_even_at_its_ends():
    path, matrices = moving(count=30)
    path[:] = path[:1]
    path[:, 0] += 4 * np.arange(30)
    smooth = smoothing.parameters(smoothing.smooth_matrices(smoothing.matrices_from(path), 3))
    assert np.abs(smooth - path).max() < 1e-3


def test_an_angle_that_passes_half_a_turn():
    path = np.tile([100.0, 100.0, 0.0, 0.0], (40, 1))
    path[:, 3] = np.linspace(np.pi - 0.4, np.pi + 0.4, 40)
    matrices = smoothing.matrices_from(path)
    assert np.abs(smoothing.smooth_matrices(matrices, 3) - matrices).max() < 1e-3


@pytest.mark.parametrize("break_by", ["cut", "gap"])
def test_neither_a_cut_nor_a_gap_is_smoothed_over(break_by):
    path = np.tile([100.0, 100.0, 0.0, 0.0], (40, 1))
    path[20:, 0] += 90 if break_by == "cut" else 20
    frames = np.arange(40) + (0 if break_by == "cut" else 5) * (np.arange(40) >= 20)
    matrices = smoothing.matrices_from(path)
    assert list(np.flatnonzero(np.diff(smoothing.tracks(matrices, frames)))) == [19]
    assert np.abs(smoothing.smooth_matrices(matrices, 3, frames) - matrices).max() < 1e-6


def test_every_nth_frame_is_no_gap():
    _, matrices = moving(count=20, period=200)
    assert smoothing.tracks(matrices, np.arange(20) * 6).max() == 0
    assert smoothing.usual_step(np.array([3])) == 1


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_short_tracks(count):
    _, matrices = moving(count=count)
    assert np.abs(smoothing.smooth_matrices(matrices, 3) - matrices).sum() < 1e-3


def test_weights_sum_to_one():
    weights = smoothing.weights(np.arange(-3, 4), 2)
    assert np.isclose(weights.sum(), 1) and weights.argmax() == 3
    assert list(smoothing.weights(np.array([-1, 0, 1]), 0)) == [0, 1, 0]


@pytest.mark.parametrize("strength", [1.5, 3])
def test_live_smoothing_knows_nothing_of_later_frames(strength):
    _, matrices = moving(count=60, tremble=0.5)
    changed = matrices.copy()
    changed[30:] = moving(count=60, tremble=5, seed=7, period=20)[1][30:]
    one, other = (smoothing.smooth_matrices(some, strength, live=True) for some in (matrices, changed))
    assert np.array_equal(one[:30], other[:30]) and not np.allclose(one[30:], other[30:])
    for stop in (1, 2, 3, 17):  # as a stream comes in: no frame changes what was said before
        assert np.allclose(smoothing.smooth_matrices(matrices[:stop], strength, live=True), one[:stop], atol=1e-9)


@pytest.mark.parametrize(("strength", "left"), [(1.5, 0.8), (3, 0.55)])
def test_live_smoothing_takes_tremble_away_and_has_no_lag_on_a_steady_way(strength, left):
    path, matrices = moving(count=400, tremble=0.5)
    error = smoothing.parameters(smoothing.smooth_matrices(matrices, strength, live=True)) - path
    before = smoothing.parameters(matrices) - path
    steps = np.diff(error, axis=0).std(axis=0) / np.diff(before, axis=0).std(axis=0)
    assert (steps < left).all() and (error.std(axis=0) < before.std(axis=0)).all()
    path[:] = path[:1]
    path[:, 0] += 4 * np.arange(400)
    smooth = smoothing.parameters(smoothing.smooth_matrices(smoothing.matrices_from(path), strength, live=True))
    assert np.abs(smooth - path).max() < 1e-3
