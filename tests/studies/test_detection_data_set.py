"""Material of the detectors: time does not leak, both classes go through one coder, bad input is named."""

import cv2
import numpy as np
import pytest

from faceswap_lab.base.errors import LabError
from faceswap_lab.studies.detection import data_set, recompression
from faceswap_lab.studies.detection.data_set import REAL, TEST, TRAIN, Scene


def test_whole_stretches_of_time_go_to_one_side_with_a_gap_between():
    frames = np.arange(120)
    sides = data_set.split(frames)
    train, test = frames[sides == TRAIN], frames[sides == TEST]
    assert len(train) == len(test) == 48
    assert np.abs(train[:, None] - test[None]).min() > 2 * data_set.GAP
    assert set(train) == {*range(26), *range(64, 86)}


def test_a_split_by_chance_leaves_nearly_every_test_frame_a_neighbour_in_training():
    frames = np.arange(120)
    sides = data_set.shuffled_split(frames)
    apart = np.abs(frames[sides == TRAIN][:, None] - frames[sides == TEST][None]).min(axis=0)
    assert (sides == TRAIN).sum() == 60 and (apart == 1).mean() > 0.6  # three in four, less luck


def test_a_split_counts_time_and_not_rows():
    frames = np.concatenate([np.arange(60), np.arange(300, 360)])  # a face that was away for a while
    sides = data_set.split(frames, blocks=2, gap=5)
    assert (sides[:60] == TRAIN).all() and (sides[60:] == TEST).all()


@pytest.mark.parametrize(
    ("frames", "options", "complaint"),
    [
        (np.arange(30), {}, "moments are left to"),
        (np.arange(120), {"gap": 25}, "5 moments are left to train with"),
        (np.arange(120)[::-1], {}, "must rise"),
        (np.arange(120), {"blocks": 1}, "blocks=1"),
        (np.arange(120), {"gap": -1}, "gap=-1"),
    ],
)
def test_a_split_that_cannot_be_is_refused(frames, options, complaint):
    with pytest.raises(LabError, match=complaint):
        data_set.split(frames, **options)


def moving(count, height=96, width=120):
    """A soft grey texture that is drawn sideways."""
    grey = cv2.GaussianBlur(np.random.default_rng(3).normal(size=(height, width)), (0, 0), 2)
    still = np.repeat(np.clip(128 + 250 * grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2)
    return [np.roll(still, 3 * number, axis=1) for number in range(count)]


def test_a_coder_gives_as_many_frames_of_the_same_size_and_loses_more_at_a_higher_crf():
    frames = moving(5, 97, 121)  # odd sides, which H.264 must grow
    lost = {}
    for crf in (10, 40):
        back = list(recompression.recoded(iter(frames), 20, recompression.Coding("", crf)))
        assert len(back) == 5 and {one.shape for one in back} == {(97, 121, 3)}
        lost[crf] = np.mean([np.abs(a.astype(float) - b).mean() for a, b in zip(frames, back, strict=True)])
    assert 0 < lost[10] < 0.5 * lost[40]


def test_half_size_loses_what_is_fine_and_keeps_what_is_coarse():
    y, x = np.mgrid[:96, :96]
    for period, kept in ((2, 0.1), (32, 0.9)):
        wave = np.rint(128 + 60 * np.cos(2 * np.pi * x / period)).astype(np.uint8)
        frame = np.repeat(wave[..., None], 3, axis=2)
        back = next(recompression.recoded([frame], 20, recompression.Coding("small", 5, 0.5)))
        share = back[20:-20, 20:-20].std() / frame[20:-20, 20:-20].std()
        assert share < kept if period == 2 else share > kept


def test_frames_that_are_not_coded_come_back_to_the_last_bit():
    frames = moving(2)
    assert all((a == b).all() for a, b in zip(frames, recompression.recoded(frames, 20, recompression.UNCODED), strict=True))


def test_a_coding_of_nothing_or_to_no_size_is_refused():
    with pytest.raises(LabError, match="none to code"):
        next(recompression.recoded([], 20, recompression.FILMED))
    with pytest.raises(LabError, match="scale=0"):
        recompression.Coding("gone", 18, 0)


@pytest.fixture(scope="module")
def faceset(shifted_faces):
    return shifted_faces((0, 1, 2, 4))


def video(level, count=5):
    frame = np.full((300, 300, 3), level, np.uint8)
    frame[20 + 32 : 40 + 32, 10 + 32 : 30 + 32] = 255 - level  # the crop's upper left corner, in frame 0
    return lambda: iter([frame] * count)


def test_both_videos_are_cut_out_with_the_same_transforms(faceset):
    scene = Scene("clip", 20, {REAL: video(60), "swap": video(200)}, faceset)
    crops = {name: scene.crops(name, recompression.UNCODED) for name in scene.videos}
    assert scene.swaps == ("swap",) and scene.frames.tolist() == [0, 1, 2, 4]
    for name, level in ((REAL, 60), ("swap", 200)):
        faces = crops[name].faces
        assert faces.shape == (4, 192, 192, 3)
        assert (faces[0, 2:18, 2:18] == 255 - level).all() and (faces[0, 25:, 25:] == level).all()
        assert (faces[3, 2:18, 20:] == level).all()  # frame 4 is shifted by four pixels
    assert crops[REAL].points[1, 0].tolist() == [100 - 11 - 32, 100 - 20 - 32]
    assert crops[REAL].skin[0, :, :90].min() == 255 and crops[REAL].skin[0, :, 100:].max() == 0
    assert crops[REAL].eyes[0, :90].min() == 255 and crops[REAL].eyes[0, 100:].max() == 0
    assert crops[REAL].some(np.array([1, 3])).frames.tolist() == [1, 4]


def test_what_a_scene_lacks_is_named(faceset):
    with pytest.raises(LabError, match="the real video is missing among swap"):
        Scene("clip", 20, {"swap": video(1)}, faceset)
    scene = Scene("clip", 20, {REAL: video(60), "short": video(60, 3)}, faceset)
    with pytest.raises(LabError, match="no video 'gan'"):
        scene.crops("gan", recompression.UNCODED)
    with pytest.raises(LabError, match="clip, short: 3 of 4 faces"):
        scene.crops("short", recompression.UNCODED)
    with pytest.raises(LabError, match="several faces in one frame"):
        Scene("clip", 20, {REAL: video(60)}, faceset.subset([0, 0, 1]))
