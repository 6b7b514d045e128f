"""The series on two frames of each actor: what was planted is there, in rising strength, inside the face."""

import functools
import itertools

import numpy as np
import pytest

from faceswap_lab import video
from faceswap_lab.base.errors import LabError
from faceswap_lab.course import actors
from faceswap_lab.metrics import distortions

COUNT = 3


@functools.cache
def known():
    clips = (video.open_video(actors.clip(name).path).frames() for name in ("talk_A", "truth_A_from_B"))
    target, truth = ([frame.image for frame in itertools.islice(clip, 20, 20 + COUNT)] for clip in clips)
    grey = np.full((64, 64, 3), 0.5, np.float32) + np.linspace(-0.2, 0.2, 64, dtype=np.float32)[:, None, None]
    return distortions.KnownClip(
        target, truth, actors.clip("talk_A").points()[20 : 20 + COUNT], {"source": grey, "stranger": grey[::-1]}
    )


@functools.cache
def made(name):
    return next(distortion for distortion in distortions.DISTORTIONS if distortion.name == name).make(known())


def apart(frames):
    return np.mean([np.abs(a.astype(int) - b).mean() for a, b in zip(frames, known().truth, strict=True)])


def test_every_distortion_gives_frames_like_the_truths():
    names = [distortion.name for distortion in distortions.series(known())]
    assert len(names) == len(set(names)) and {"unchanged", "truth", "stranger_1", "average_face"} <= set(names)
    assert "moment_9" not in names  # three frames have no moment nine frames before
    for name in ("blend_0_5", "noise_16", "moment_1", "tremble_1", "flicker_5", "square_10", "stranger_0_5", "tint"):
        frames = made(name)
        assert len(frames) == COUNT and all(f.shape == (384, 384, 3) and f.dtype == np.uint8 for f in frames)
        assert apart(frames) > 0.05
    assert apart(made("truth")) == 0
    assert all(np.array_equal(a, b) for a, b in zip(made("unchanged"), known().target, strict=True))


@pytest.mark.parametrize("family", ["too little", "blur", "shift", "noise", "cast", "square", "identity", "tremble"])
def test_a_stronger_fault_is_further_from_the_truth(family):
    of_family = (distortion for distortion in distortions.DISTORTIONS if distortion.family == family)
    series = sorted(of_family, key=lambda distortion: distortion.strength)
    distances = [apart(made(distortion.name)) for distortion in series]
    assert len(series) >= 3 and all(a < b for a, b in zip(distances, distances[1:], strict=False))


def test_faults_stay_inside_the_face():
    for name in ("blur_6", "noise_16", "cast_20", "flicker_10", "shift_4"):
        for frame, given, region in zip(made(name), known().target, known().regions, strict=True):
            assert np.array_equal(frame[region == 0], given[region == 0])
    assert 0.05 < np.mean([region.mean() for region in known().regions]) < 0.4


def test_the_region_covers_what_the_truth_changes():
    for region, given, wanted in zip(known().regions, known().target, known().truth, strict=True):
        changed = distortions.different_pixels(wanted, given)
        assert region[changed].mean() > 0.9


def test_a_shift_moves_by_its_pixels_of_the_sample():
    picture = np.zeros((40, 40, 3), np.uint8)
    picture[20, 20] = 200
    assert np.array_equal(np.argwhere(distortions.moved(picture, 4, 0)[..., 0] > 100), [[20, 24]])


def test_trembling_and_flickering_differ_from_frame_to_frame_and_repeat_exactly():
    steps = {name: np.array(made(name)).astype(int) - np.array(known().truth) for name in ("tremble_1", "flicker_10")}
    for change in steps.values():
        means = change.reshape(COUNT, -1)
        assert np.abs(np.diff(means, axis=0)).mean() > 0.1
    again = next(distortion for distortion in distortions.DISTORTIONS if distortion.name == "tremble_1").make(known())
    assert all(np.array_equal(a, b) for a, b in zip(again, made("tremble_1"), strict=True))


def test_what_is_missing_is_named():
    bare = distortions.KnownClip(known().target, known().truth, known().points)
    assert not {"stranger_1", "average_face"} & {distortion.name for distortion in distortions.series(bare)}
    with pytest.raises(LabError, match="no mean face of 'stranger'"):
        distortions.worn(bare, "stranger")
    with pytest.raises(LabError, match="points: 2 rows"):
        distortions.KnownClip(known().target, known().truth, known().points[:2])
    with pytest.raises(LabError, match="ends after 2"):
        distortions.KnownClip(known().target, known().truth[:2], known().points)
    holes = known().points.copy()
    holes[1] = np.nan
    with pytest.raises(LabError, match="no face"):
        distortions.KnownClip(known().target, known().truth, holes)


def test_families():
    assert distortions.family_of("blur_3") == "blur" and distortions.family_of("autoencoder, mask") == "model"
    assert {distortion.family for distortion in distortions.DISTORTIONS} == {*distortions.FAMILIES, "truth", "baseline"}
