"""Cloning: the colour change meets the target along the rim, is smooth, and follows small changes of the mask by little."""

import numpy as np
import pytest

from faceswap_lab.faces import alignment
from faceswap_lab.swap import cloning, masks

SIZE = 64


@pytest.fixture(scope="module")
def target(actor_frames):
    frames, points = actor_frames("target", 20, 1)
    return alignment.align(frames[0], alignment.alignment_matrix(points[0], SIZE), SIZE).astype(np.float32) / 255


def oval(size=SIZE, width=0.32, height=0.38, left=0.0):
    y, x = (np.mgrid[:size, :size] + 0.5) / size
    return masks.feather((np.hypot((x - 0.5 - left) / width, (y - 0.52) / height) < 1).astype(np.float32), 6)


@pytest.mark.parametrize("size", [64, 96, 256])
def test_a_constant_difference_is_taken_away_everywhere(target, size):
    face = alignment.align(target, alignment.scale_matrix(np.eye(2, 3), size / SIZE), size)
    shift = np.array([0.05, -0.03, 0.08], np.float32)
    change = cloning.colour_change(face, face + shift, oval(size))
    assert change.shape == (cloning.GRID, cloning.GRID, 3) and change.dtype == np.float32
    assert np.abs(change - shift).max() < 1e-4
    middle = slice(size // 4, -size // 4)
    assert np.abs(cloning.changed(face, change) - np.clip(face + shift, 0, 1))[middle, middle].max() < 1e-3


def test_a_slope_of_light_along_the_rim_is_continued_inside(target):
    """A linear field is harmonic: known along the rim, it is known in the middle."""
    slope = np.linspace(-0.06, 0.06, SIZE, dtype=np.float32)[None, :, None] * np.ones((SIZE, 1, 3), np.float32)
    change = cloning.changed(np.full_like(target, 0.5), cloning.colour_change(target, target + slope, oval())) - 0.5
    inside = masks.erode(oval(), 6) > 0.5
    assert np.abs(change - slope)[inside].max() < 0.012


def test_what_the_face_shows_inside_the_rim_has_no_say(target):
    face = target.copy()
    face[28:40, 26:38] = [1, 0, 1]
    assert np.abs(cloning.colour_change(face, target, oval())).max() < 2e-3


def test_a_lock_of_hair_on_the_rim_tints_less_than_its_share(target):
    dark = target.copy()
    dark[30:40, :18] -= 0.4
    change = cloning.colour_change(target, dark, oval())
    assert np.abs(change[16, 16]).max() < 0.04
    far = cloning.colour_change(target, target - 0.4, oval())
    assert np.abs(far[16, 16] + 0.4).max() < 1e-3


def test_a_mask_that_trembles_moves_the_colours_little(target):
    """The soft rim: half a pixel to the side changes the field by a fraction of what the difference itself varies by."""
    face = np.clip(target[:, ::-1] * 0.9, 0, 1)
    before, after = (cloning.colour_change(face, target, oval(left=left)) for left in (0, 0.008))
    inside = masks.resized(oval(), cloning.GRID) > 0.5
    spread = (target - face)[oval() > 0.5].std()
    assert np.abs(after - before)[inside].mean() < 0.05 * spread


def test_the_average_of_two_fields_is_the_field_of_the_average(target):
    """What lets a video smooth it: for one mask the field is linear in the difference, while none of the rim is an outlier."""
    mask, some, others = oval(), target + 0.01, target - 0.03
    both = [cloning.colour_change(target, one, mask) for one in (some, others)]
    assert np.allclose(np.mean(both, axis=0), cloning.colour_change(target, (some + others) / 2, mask), atol=1e-5)


def test_nothing_to_hold_on_to(target):
    assert cloning.colour_change(target, target, np.zeros((SIZE, SIZE), np.float32)) is None
    assert cloning.colour_change(target, target, oval(), np.zeros((SIZE, SIZE), np.float32)) is None
    assert np.array_equal(cloning.changed(target, None), target)
    only_right = np.zeros((SIZE, SIZE), np.float32)
    only_right[:, 32:] = 1
    wrong = target + 0.05
    wrong[:, :32] = 1
    assert np.abs(cloning.colour_change(target, wrong, oval(), only_right)[16, 20] - 0.05).max() < 0.01
