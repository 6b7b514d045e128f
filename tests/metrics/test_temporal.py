"""Unrest on clips whose movement is known."""

from types import SimpleNamespace

import numpy as np
import pytest

from faceswap_lab.base.errors import LabError
from faceswap_lab.metrics import temporal

COUNT, SIDE, EYES = 12, 96, 30.0
POINTS = np.tile([[33.0, 40], [63, 40], [48, 55], [36, 70], [60, 70]], (COUNT, 1, 1))


def mesh(frame, five):
    """A landmark network for frames whose first pixel says how far the face has moved to the right."""
    return SimpleNamespace(mesh=np.tile(five.mean(axis=0) + [float(frame[0, 0, 0]), 0.0], (468, 1)))


@pytest.fixture
def scene():
    regions = np.zeros((COUNT, SIDE, SIDE), np.float32)
    regions[:, 30:80, 30:66] = 1
    return temporal.Scene(POINTS, [np.full((SIDE, SIDE, 3), 100, np.uint8) for _ in range(COUNT)], regions)


def frames_with(shifts=None, colours=None):
    frames = np.full((COUNT, SIDE, SIDE, 3), 100, np.uint8)
    if colours is not None:
        frames += np.asarray(colours, np.uint8)[:, None, None, None]
    frames[:, 0, 0] = 0 if shifts is None else np.asarray(shifts, np.uint8)[:, None]
    return list(frames)


def test_a_still_clip_has_no_unrest(scene):
    found = temporal.measure(frames_with(), scene.regions, scene, mesh)
    assert (found.jitter, found.colour, found.beyond, found.alpha) == (0, 0, 0, 0)


def test_a_steady_movement_is_no_jitter_and_a_tremble_is(scene):
    steady = temporal.measure(frames_with(shifts=np.arange(COUNT) * 3), scene.regions, scene, mesh)
    trembling = temporal.measure(frames_with(shifts=np.arange(COUNT) % 2 * 3), scene.regions, scene, mesh)
    assert steady.jitter == pytest.approx(0, abs=1e-6)
    assert trembling.jitter == pytest.approx(100 * 2 * 3 / EYES)  # there and back again: twice the step


def test_colour_that_blinks_counts_and_the_truths_own_does_not_count_as_beyond(scene):
    blinking = frames_with(colours=np.arange(COUNT) % 2 * 6)
    found = temporal.measure(blinking, scene.regions, scene, mesh)
    assert found.colour == pytest.approx(6) and found.beyond == pytest.approx(6)
    same = temporal.Scene(POINTS, blinking, scene.regions)
    assert temporal.measure(blinking, scene.regions, same, mesh).beyond == 0


def test_a_mask_that_wanders_counts_by_its_area(scene):
    masks = scene.regions.copy()
    masks[1::2] = np.roll(masks[1::2], 4, axis=2)
    found = temporal.measure(frames_with(), masks, scene, mesh)
    assert found.alpha == pytest.approx(100 * 2 * 4 / 36, rel=0.1)  # of 36 px width, 4 leave and 4 come


def test_too_short_a_clip_is_refused(scene):
    with pytest.raises(LabError, match="2 are too few"):
        temporal.measure(frames_with()[:2], scene.regions[:2], scene, mesh)
