"""Seams: a planted edge along the mask is seen, one elsewhere is not, and the truth itself has none."""

import numpy as np
import pytest
from seam_and_spill import seam, seam_visibility, spill

from faceswap_lab.swap import masks

WIDTH = 80.0


@pytest.fixture(scope="module")
def scene():
    random = np.random.default_rng(3)
    y, x = np.mgrid[:200, :200]
    truth = 120 + 40 * np.sin(x / 17) + 30 * np.cos(y / 23) + random.normal(0, 2, (200, 200))
    truth = np.clip(truth[..., None].repeat(3, axis=2), 0, 255).astype(np.uint8)
    mask = masks.feather((np.hypot(x - 100, y - 100) < 60).astype(np.float32), 4)
    return truth, mask


def shifted(truth, mask, levels):
    return np.clip(truth + levels * mask[..., None], 0, 255).astype(np.uint8)


def test_the_truth_has_no_seam(scene):
    truth, mask = scene
    assert seam_visibility([(truth, truth, mask)], WIDTH) == 0


def test_a_step_along_the_rim_shows_and_grows_with_its_height(scene):
    truth, mask = scene
    found = [seam_visibility([(shifted(truth, mask, levels), truth, mask)], WIDTH) for levels in (5, 20, 40)]
    assert 0 < found[0] < 0.5 < found[1] < found[2]


def test_a_wider_soft_edge_shows_less(scene):
    truth, mask = scene
    soft = masks.feather((mask > 0.5).astype(np.float32), 24)
    sharp, gradual = (seam_visibility([(shifted(truth, one, 30), truth, one)], WIDTH) for one in (mask, soft))
    assert gradual < 0.6 * sharp


def test_what_lies_away_from_the_rim_does_not_count(scene):
    truth, mask = scene
    spot = truth.copy()
    spot[90:110, 90:110] = 255
    spot[:15] = 0
    assert seam_visibility([(spot, truth, mask)], WIDTH) < 1e-3


def test_no_mask_no_answer(scene):
    truth, mask = scene
    assert np.isnan(seam_visibility([(truth, truth, np.zeros_like(mask))], WIDTH))
    assert seam(truth, truth, np.ones_like(mask), WIDTH) == (0.0, 0.0)


def test_spill_counts_only_what_should_have_been_left_alone(scene):
    target, mask = scene
    truth = shifted(target, mask, 60)
    assert spill([(target, truth, target)]) == spill([(truth, truth, target)]) == 0
    assert spill([(shifted(target, mask, 30), truth, target)]) < 0.01
    elsewhere = target.copy()
    elsewhere[:40] = target[:40] ^ 64
    assert spill([(elsewhere, truth, target)]) > 0.3
    assert np.isnan(spill([(elsewhere, target, target)]))
