"""Seams without truth and mask: coding is no change, hard edges show, soft ones and those of the target do not."""

import cv2
import numpy as np
import pandas as pd
import pytest

from faceswap_lab.course import actors
from faceswap_lab.metrics.catalogue import value_of
from faceswap_lab.metrics.clips import face_width
from faceswap_lab.metrics.frame_samples import measure_clips
from faceswap_lab.metrics.seam_without_reference import Seam, edited_region, rim_edges, seam


@pytest.fixture(scope="module")
def scene():
    """Three frames of the talking actor, her true swap, points and the face's width."""
    clip = actors.clip("talk_A")
    points = clip.points().astype(np.float64)
    return clip.frames(every=50), actors.clip("truth_A_from_B").frames(every=50), points[::50], face_width(points)


def square(points, width, half=0.3):
    y, x = np.mgrid[:384, :384]
    middle = points.mean(axis=0)
    return ((abs(x - middle[0]) < half * width) & (abs(y - middle[1]) < half * width)).astype(np.float32)


def tinted(target, mask, levels):
    return np.clip(target + levels * mask[..., None], 0, 255).astype(np.uint8)


def coded(picture, quality):
    return cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 1)


def test_what_was_changed_is_found_within_pixels(scene):
    target, _, points, width = scene
    mask = square(points[0], width)
    found = edited_region(tinted(target[0], mask, 20), target[0], points[0], width)
    assert (found & (mask > 0)).sum() / (found | (mask > 0)).sum() > 0.95
    both = edited_region(coded(tinted(target[0], mask, 20), 60), target[0], points[0], width)
    assert (both & (mask > 0)).sum() / (both | (mask > 0)).sum() > 0.9


@pytest.mark.parametrize("quality", [80, 30])
def test_an_unchanged_frame_has_no_seam_however_it_is_coded(scene, quality):
    target, _, points, width = scene
    assert seam(target[0], target[0], points[0], width) == (0, 0)
    assert seam(coded(target[0], quality), target[0], points[0], width) == (0, 0)


def test_the_truth_is_near_0_and_a_hard_square_is_not(scene):
    target, truth, points, width = scene
    true = [seam(*frames, own, width) for *frames, own in zip(truth, target, points, strict=True)]
    pasted = []
    for frame, wanted, own in zip(target, truth, points, strict=True):
        mask = square(own, width, 0.22)[..., None] > 0
        pasted.append(seam(np.where(mask, wanted, frame), frame, own, width))
    (true, true_share), (hard, hard_share) = np.mean(true, axis=0), np.mean(pasted, axis=0)
    assert true < 1.5 and true_share < 0.1
    assert hard > 4 * true and hard > 4 and hard_share > 0.25


def test_a_higher_step_shows_more_and_a_softer_one_less(scene):
    target, _, points, width = scene
    mask = square(points[0], width)
    by_height = [seam(tinted(target[0], mask, levels), target[0], points[0], width)[0] for levels in (5, 15, 40)]
    by_softness = [
        seam(tinted(target[0], cv2.GaussianBlur(mask, (0, 0), sigma), 40), target[0], points[0], width)[0]
        for sigma in (1, 4, 16)
    ]
    assert by_height == sorted(by_height) and by_height[2] > 5 * by_height[0]
    assert by_softness == sorted(by_softness)[::-1] and by_softness[2] < 0.1 * by_height[2]


def test_a_step_on_a_smooth_ground_has_its_own_height():
    ground = np.full((200, 200, 3), 100, np.uint8)
    y, x = np.mgrid[:200, :200]
    disc = np.hypot(x - 100, y - 100) < 50
    mine, own = rim_edges(np.where(disc[..., None], 130, ground).astype(np.uint8), ground, disc, 120.0)
    assert mine.mean() == pytest.approx(30, rel=0.15) and own.max() == 0
    assert rim_edges(ground, ground, np.zeros((200, 200), bool), 120.0).shape == (2, 0)
    assert rim_edges(ground, ground, np.ones((200, 200), bool), 120.0).shape == (2, 0), "the frame's border is no rim"


def test_an_edge_that_the_target_has_too_is_none_of_the_swaps(scene):
    """A face made brighter up to its own outline shows less than the same on a square that cuts through the skin."""
    target, _, points, width = scene
    face = (actors.clip("talk_A").masks()["face"][0] > 0.5).astype(np.float32)
    along, through = (
        seam(tinted(target[0], mask, 15), target[0], points[0], width)[0] for mask in (face, square(points[0], width))
    )
    assert along < 0.5 * through


def test_measure_says_nothing_where_there_is_no_face_and_forgets_the_order(scene):
    target, truth, points, width = scene
    holes = points.copy()
    holes[1] = np.nan
    found = measure_clips(
        {"truth": truth, "unchanged": target}, target, holes, lambda name: [Seam()], finder=lambda *both: None
    )
    scores, table = found["truth"]
    assert np.isnan(table["seam"][1]) and table["seam"].notna().sum() == 2
    assert value_of(scores, table) == value_of(scores, table[::-1])
    assert value_of(*found["unchanged"]) == {"seam": 0, "seam_share": 0}
    assert np.isnan(value_of(scores, pd.DataFrame())["seam"])
