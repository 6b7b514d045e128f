"""Steadiness without a true swap: what moves as the target does is steady; blinking and trembling are seen."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from faceswap_lab.metrics.catalogue import value_of
from faceswap_lab.metrics.frame_samples import measure_clips
from faceswap_lab.metrics.temporal_consistency import (
    Flicker,
    Jitter,
    TargetFlow,
    WarpError,
    trembling,
    warp,
    warped_difference,
)

COUNT, SIDE = 6, 160
POINTS = np.tile([[60.0, 60], [100, 60], [80, 80], [65, 105], [95, 105]], (COUNT, 1, 1))
OVAL = np.array([[80 + 34 * np.cos(a), 85 + 42 * np.sin(a)] for a in np.linspace(0, 2 * np.pi, 468, endpoint=False)])


def textured(seed=0):
    random = np.random.default_rng(seed)
    grey = cv2.GaussianBlur(random.normal(0, 1, (SIDE, SIDE)).astype(np.float32), (0, 0), 3)
    return np.clip(120 + 300 * grey[..., None], 0, 255).astype(np.uint8).repeat(3, axis=2)


def moved(picture, x):
    return cv2.warpAffine(picture, np.array([[1.0, 0, x], [0, 1, 0]]), (SIDE, SIDE), borderMode=cv2.BORDER_REFLECT)


def finder(image, points):
    """Landmarks that shift as far as the first pixel says; none on a black picture."""
    return SimpleNamespace(mesh=OVAL + [float(image[0, 0, 0]) - 100, 0.0]) if image.max() else None


def marked(picture, shift=0.0):
    picture = picture.copy()
    picture[0, 0] = 100 + round(shift)
    return picture


def measured(outputs, target, points=POINTS, measures=(Jitter, Flicker, WarpError)):
    found = measure_clips(outputs, target, points, lambda name: [make() for make in measures], finder=finder)
    return {name: value_of(*pair) for name, pair in found.items()}, {name: pair[1] for name, pair in found.items()}


@pytest.fixture(scope="module")
def scene():
    """A textured face that starts, stops and turns back, in a light that changes a little; and another that moves with it."""
    places, light = (0, 2, 4, 4, 2, 2), (0, 1, 3, 2, 3, 1)
    return [
        [marked(np.clip(moved(textured(seed), x).astype(int) + up, 0, 255).astype(np.uint8), x)
         for x, up in zip(places, light, strict=True)]
        for seed in (1, 2)
    ]  # fmt: skip


def test_a_steady_movement_does_not_tremble():
    track = [np.array([[1.0, 2], [3, 4]]) + step * np.array([5.0, -1]) for step in range(3)]
    assert trembling(np.array(track))[2] == pytest.approx(0)
    assert trembling(np.array([track[0], track[1], track[0]]))[2] == pytest.approx(np.hypot(10, 2))


def test_the_unchanged_target_is_perfect_and_so_is_one_that_moves_with_it(scene):
    target, other = scene
    values, tables = measured({"unchanged": target, "other": other}, target)
    assert values["unchanged"] == {
        "jitter": 1, "jitter_beyond": 0, "flicker": 1, "flicker_beyond": 0, "warp_error": 1, "warp_error_edges": 1,
    }  # fmt: skip
    assert values["other"]["jitter"] == 1 and values["other"]["warp_error"] < 5
    assert tables["other"]["jitter_output"].isna().tolist() == [True, True] + [False] * 4
    assert tables["other"]["warp_error_output"].isna().tolist() == [True] + [False] * 5


def test_blinking_trembling_and_standing_still_are_seen(scene):
    target, other = scene
    blinking = [np.clip(frame.astype(int) + 8 * (i % 2), 0, 255).astype(np.uint8) for i, frame in enumerate(other)]
    blinking = [marked(frame, shift[0, 0, 0] - 100) for frame, shift in zip(blinking, target, strict=True)]
    trembling = [marked(moved(frame, 2 * (i % 2)), frame[0, 0, 0] - 100.0 + 2 * (i % 2)) for i, frame in enumerate(other)]
    values, _ = measured({"steady": other, "blink": blinking, "tremble": trembling, "still": [other[0]] * COUNT}, target)
    steady = values["steady"]
    assert values["blink"]["flicker_beyond"] == pytest.approx(8, abs=0.5) and steady["flicker_beyond"] < 0.5
    assert values["blink"]["jitter"] == steady["jitter"]
    assert values["tremble"]["jitter"] > 1.5 and values["tremble"]["jitter_beyond"] > 5 > steady["jitter_beyond"] == 0
    for name in ("tremble", "still"):
        assert values[name]["warp_error"] > 5 * steady["warp_error"]
        assert values[name]["warp_error_edges"] > 5 * steady["warp_error_edges"]
    assert values["still"]["jitter"] == 0


def test_blur_lowers_plain_warp_error_but_not_that_over_edges(scene):
    target, other = scene
    trembling = [moved(frame, 2 * (i % 2)) for i, frame in enumerate(other)]
    blurred = [cv2.GaussianBlur(frame, (0, 0), 4) for frame in trembling]
    values, _ = measured({"sharp": trembling, "blurred": blurred}, target, measures=(WarpError,))
    assert values["blurred"]["warp_error"] < 0.5 * values["sharp"]["warp_error"]
    assert values["blurred"]["warp_error_edges"] > 0.7 * values["sharp"]["warp_error_edges"]


def test_the_order_of_frames_matters(scene):
    target, other = scene
    shuffled = [3, 0, 5, 1, 4, 2]
    other = [np.clip(frame.astype(int) + 8 * (i % 2), 0, 255).astype(np.uint8) for i, frame in enumerate(other)]
    values, _ = measured({"other": other}, target)
    mixed, _ = measured({"other": [other[i] for i in shuffled]}, [target[i] for i in shuffled])
    assert all(values["other"][name] != mixed["other"][name] for name in ("flicker_beyond", "warp_error"))
    moving, _ = measured({"still": [other[0]] * COUNT}, target)
    mixed, _ = measured({"still": [other[0]] * COUNT}, [target[i] for i in shuffled])
    assert moving["still"]["jitter_beyond"] != mixed["still"]["jitter_beyond"]


def test_gaps_break_the_chain_and_nothing_else(scene):
    target, other = scene
    holes = POINTS.copy()
    holes[2] = np.nan
    _, tables = measured({"other": other}, target, holes)
    table = tables["other"]
    assert table["jitter_output"].notna().tolist() == [False] * 5 + [True]
    assert table["flicker_output"].notna().tolist() == table["warp_error_output"].notna().tolist()
    assert table["flicker_output"].notna().tolist() == [False, True, False, False, True, True]


def test_one_frame_a_black_output_and_a_black_target(scene):
    target, other = scene
    values, _ = measured({"other": other[:1]}, target[:1], POINTS[:1])
    assert all(np.isnan(value) for value in values["other"].values())
    black = [np.zeros_like(frame) for frame in target]
    values, _ = measured({"black": black}, target)
    assert np.isnan(values["black"]["jitter"]) and np.isnan(values["black"]["warp_error_edges"])
    assert values["black"]["flicker"] == values["black"]["warp_error"] == 0
    values, _ = measured({"other": other}, black)
    assert all(np.isnan(value) for value in values["other"].values())


def test_the_flow_is_found_once_for_all_outputs(scene, monkeypatch):
    target, other = scene
    asked = []
    real = TargetFlow._find
    monkeypatch.setattr(TargetFlow, "_find", lambda *args: asked.append(1) or real(*args))
    flow = TargetFlow()
    measure_clips({"a": target, "b": other}, target, POINTS, lambda name: [WarpError(flow)], finder=finder)
    assert len(asked) == COUNT - 1


def test_warping_along_a_known_shift():
    picture = textured()
    where = np.stack(np.meshgrid(np.arange(SIDE, dtype=np.float32) - 3, np.arange(SIDE, dtype=np.float32)), axis=-1)
    inside = np.zeros((SIDE, SIDE), bool)
    inside[20:-20, 20:-20] = True
    assert np.array_equal(warp(picture, where)[inside], moved(picture, 3)[inside])
    assert warped_difference(picture, moved(picture, 3), where, inside) == 0
    lighter = np.full_like(picture, 151)
    assert warped_difference(np.full_like(picture, 100), lighter, where, inside) == pytest.approx((51 / 255) ** 2)
