"""Masks: lengths in per cent mean the same at every size, growth and blur go the way they should."""

import numpy as np
import pytest

from faceswap_lab.faces import alignment
from faceswap_lab.swap import masks


def disc(size=256, share=0.3):
    y, x = (np.mgrid[:size, :size] + 0.5) / size - 0.5
    return (np.hypot(x, y) < share).astype(np.float32)


def reach(mask):
    return (mask[mask.shape[0] // 2] > 0.5).sum() / mask.shape[0] / 2


@pytest.mark.parametrize("size", [64, 128, 256])
@pytest.mark.parametrize("percent", [-6, 0, 6])
def test_erosion_moves_the_edge_by_its_share_of_the_side(size, percent):
    assert reach(masks.erode(disc(size), percent)) == pytest.approx(0.3 - percent / 100, abs=0.6 / size + 0.004)


def test_blur_goes_both_ways_and_feather_only_inwards():
    hard = disc()
    blurred, feathered = masks.blur(hard, 3), masks.feather(hard, 6)
    outside, inside = hard == 0, masks.erode(hard, 8) == 1
    assert blurred[outside].max() > 0.4 and reach(blurred) == pytest.approx(reach(hard), abs=0.01)
    assert feathered[outside].max() == 0 and feathered[inside].min() > 0.999
    assert reach(feathered) < reach(hard) - 0.02


def test_the_order_is_erode_blur_feather():
    assert np.array_equal(masks.shaped(disc(), 3, 1, 4), masks.feather(masks.blur(masks.erode(disc(), 3), 1), 4))
    assert np.array_equal(masks.shaped(disc(), 0, 0, 0), disc())


def test_rect_is_the_square_drawn_in_by_a_sixteenth():
    for size in (64, 256):
        square = masks.rect(size)
        assert square.sum() == pytest.approx((size * 7 / 8) ** 2, rel=0.02)
        assert square[0].max() == 0 and square[size // 2, size // 2] == 1


def test_above_brows_is_full_at_the_forehead_and_gone_at_the_eyes():
    eyes = alignment.canonical_points(256)[:2, 1].mean()
    column = masks.above_brows(256)[:, 0]
    assert column[int(eyes) :].max() == 0 and column[: int(eyes - 0.16 * 256)].min() == 1
    assert np.all(np.diff(column) <= 0)
    closer = masks.above_brows(256, 0.5)[:, 0]  # of a crop half as wide the eyes lie further up
    moved = (closer > 0.5).sum() - (column > 0.5).sum()
    assert moved == pytest.approx((column > 0.5).sum() - 128, abs=2)


def test_inside_frame_knows_what_is_cut_off():
    matrix = np.array([[1.0, 0, 32], [0, 1, 0]])  # the square's left half lies to the left of the frame
    inside = masks.inside_frame((100, 100), matrix, 64)
    assert inside[:, :31].max() == 0 and inside[:, 33:].min() == 1
    assert masks.inside_frame((100, 100), matrix - [[0, 0, 42], [0, 0, 10]], 64).min() == 1
