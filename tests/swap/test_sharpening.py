"""Sharpening: edges grow by the amount that was asked for, flat skin stays as it is."""

import numpy as np
import pytest

from faceswap_lab.base.errors import LabError
from faceswap_lab.metrics.contrast import edge_energy
from faceswap_lab.swap import sharpening

EVERYWHERE = np.ones((64, 64), np.float32)


@pytest.fixture
def face(actor_frames):
    frames, points = actor_frames("target", 20, 1)
    from faceswap_lab.faces import alignment

    return alignment.align(frames[0], alignment.alignment_matrix(points[0], 64), 64).astype(np.float32) / 255


@pytest.mark.parametrize("kind", ["box", "gaussian"])
def test_edges_grow_with_the_amount(face, kind):
    energies = [edge_energy(sharpening.sharpen(face, kind, amount), EVERYWHERE) for amount in (0, 0.5, 1, 2)]
    assert np.all(np.diff(energies) > 0) and energies[2] > 1.3 * energies[0]


@pytest.mark.parametrize("kind", ["box", "gaussian"])
def test_amount_is_a_multiple_of_what_the_filter_takes_away(kind):
    x = np.arange(64)
    wave = np.repeat((0.5 + 0.1 * np.sin(2 * np.pi * x / 8))[None, :, None], 64, axis=0).repeat(3, axis=2)
    once, twice = (sharpening.sharpen(wave.astype(np.float32), kind, amount) - wave for amount in (1, 2))
    assert np.abs(twice - 2 * once).max() < 1e-6
    gain = once[:, 8:-8].std() / wave[:, 8:-8].std()
    # a gaussian of 1.28 px leaves exp(-(2 pi 1.28 / 8)^2 / 2) = 0.60 of this wave; the box of 5 px (sin a 5 / 5 sin a) 0.48
    assert gain == pytest.approx({"gaussian": 0.40, "box": 0.52}[kind], abs=0.02)


@pytest.mark.parametrize("kind", ["box", "gaussian"])
def test_blotches_of_colour_are_not_sharpened(kind):
    wave = 0.1 * np.sin(2 * np.pi * np.arange(64) / 8).astype(np.float32)
    blotches = np.full((64, 64, 3), 0.5, np.float32)  # red rises where green falls: the grey stays the same
    blotches[..., 0] += wave
    blotches[..., 1] -= wave * 0.299 / 0.587
    assert np.abs(sharpening.sharpen(blotches, kind, 2) - blotches).max() < 1e-5


@pytest.mark.parametrize("kind", ["none", "box", "gaussian"])
def test_flat_skin_and_amount_zero_change_nothing(face, kind):
    flat = np.full((64, 64, 3), 0.4, np.float32)
    assert np.abs(sharpening.sharpen(flat, kind, 2) - flat).max() < 1e-6
    assert np.array_equal(sharpening.sharpen(face, kind, 0), face)
    assert np.array_equal(sharpening.sharpen(face, "none", 3), face)


def test_an_unknown_filter_is_named(face):
    with pytest.raises(LabError, match="there is no 'median'.*gaussian"):
        sharpening.sharpen(face, "median", 1)
