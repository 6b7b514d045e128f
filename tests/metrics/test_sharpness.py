"""Sharpness beside the source's pictures: blur lowers it, light does not, and small faces are compared with small ones."""

import cv2
import numpy as np
import pytest

from faceswap_lab.base.errors import LabError
from faceswap_lab.course import actors
from faceswap_lab.metrics.catalogue import value_of
from faceswap_lab.metrics.frame_samples import measure_clips
from faceswap_lab.metrics.sharpness import SIZES, SourceSharpness, detail, fitting_sizes, source_detail


@pytest.fixture(scope="module")
def scene():
    clip = actors.clip("truth_A_from_B")
    return clip.frames(every=60), clip.points().astype(np.float64)[::60]


@pytest.fixture(scope="module")
def source():
    clip = actors.clip("talk_B")
    return source_detail(clip.frames(every=30), clip.points()[::30])


def scored(frames, points, source):
    found = measure_clips({"x": frames}, frames, points, lambda name: [SourceSharpness(source)], finder=lambda *both: None)
    return value_of(*found["x"])["sharpness_source"], found["x"][1]


def test_blur_lowers_it_step_by_step_and_light_does_not_change_it(scene, source):
    frames, points = scene
    plain, _ = scored(frames, points, source)
    blurred = [scored(np.stack([cv2.GaussianBlur(f, (0, 0), s) for f in frames]), points, source)[0] for s in (0.7, 1.5, 3)]
    assert 0.5 < plain < 2
    assert [plain, *blurred] == sorted([plain, *blurred])[::-1] and blurred[2] < 0.2 * plain
    assert scored((frames * 0.5).astype(np.uint8), points, source)[0] == pytest.approx(plain, rel=0.05)


def test_noise_counts_as_detail(scene, source):
    frames, points = scene
    noisy = np.clip(frames + np.random.default_rng(0).normal(0, 12, frames.shape), 0, 255).astype(np.uint8)
    assert scored(noisy, points, source)[0] > 1.2 * scored(frames, points, source)[0]


def test_a_small_face_is_compared_at_its_own_size(scene, source):
    """Half the size loses no sharpness that a picture of that size could have."""
    frames, points = scene
    assert fitting_sizes(points[0]) == list(SIZES)
    small = np.stack([cv2.resize(frame, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA) for frame in frames])
    places = (points + 0.5) / 4 - 0.5
    assert fitting_sizes(places[0])[0] < 128 and fitting_sizes(points[0], 100.0) == [48]
    assert scored(small, places, source)[0] > 0.5 > scored(small, places, {128: source[128]})[0]


def test_flat_and_missing_faces_give_nothing(scene, source):
    frames, points = scene
    assert np.isnan(detail(np.full_like(frames[0], 90), points[0], 64))
    holes = points.copy()
    holes[1] = np.nan
    value, table = scored(np.stack([frames[0], frames[1]]), holes, source)
    assert np.isnan(table["sharpness_source"][1]) and np.isfinite(value)
    assert np.isnan(scored(frames * 0, points, source)[0])
    for frames_, points_ in ((frames * 0, points), (frames, points * np.nan), ([], [])):
        with pytest.raises(LabError, match="none of its pictures"):
            source_detail(frames_, points_)
    with pytest.raises(LabError, match="source_detail"):
        SourceSharpness({})
