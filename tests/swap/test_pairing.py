"""Pairing: which frames get a face, which range of the clip is meant, and what is left as it is."""

import numpy as np
import pytest

from faceswap_lab.base.errors import LabError
from faceswap_lab.course.samples import sample_clip
from faceswap_lab.swap import pairing, ranges, smoothing
from faceswap_lab.video import open_video


@pytest.fixture(scope="module")
def clip():
    return open_video(sample_clip("target").path)  # 60 frames, 20 a second


def straight(count):
    values = np.tile([100.0, 100.0, 0.0, 0.0], (count, 1))
    values[:, 0] += np.arange(count)
    return smoothing.matrices_from(values)


def test_short_gaps_are_bridged_long_and_deleted_ones_are_not():
    frames = np.array([0, 1, 2, 5, 6, 12, 13])
    matrices = straight(14)[frames]
    assert list(pairing.bridged(frames, matrices, np.array([]), 3)) == [0, 1, 2, 3, 4, 5, 6, 12, 13]
    assert list(pairing.bridged(frames, matrices, np.array([3]), 3)) == [0, 1, 2, 4, 5, 6, 12, 13]
    assert list(pairing.bridged(frames, matrices, np.array([]), 0)) == list(frames)
    assert list(pairing.bridged(frames, matrices, np.array([]), 3, shots=frames // 5)) == list(frames)  # a cut in the gap
    places = np.array([0, 1, 2, 3, 4, 5, 6, 12, 13])
    assert np.allclose(smoothing.parameters(pairing.fill(frames, matrices, places))[:, 0], 100 + places)


def test_a_live_gap_is_held_for_as_long_whatever_comes_after():
    frames = np.array([0, 1, 2, 5, 12, 13])
    assert list(pairing.bridged(frames, None, np.array([4]), 2, live=True)) == [0, 1, 2, 3, 5, 6, 7, 12, 13]


def test_ranges_become_frames(clip):
    plan = ranges.plan_frames(clip, [(2.0, None), (0.5, 1.0), (0.9, 1.25)])
    assert plan.read == plan.inside == ((10, 25), (40, 60)) and len(plan) == 35
    assert [plan.position(index) for index in (10, 24, 40, 59)] == [0, 14, 15, 34]
    assert [plan.index(position) for position in (0, 14, 15, 34)] == [10, 24, 40, 59]
    assert [frame.index for frame in plan.frames(clip, 13)] == [23, 24, *range(40, 60)]
    kept = ranges.plan_frames(clip, [(0.5, 1.0)], "keep")
    assert kept.read == ((0, 60),) and [kept.swaps(index) for index in (9, 10, 19, 20)] == [False, True, True, False]
    assert ranges.plan_frames(clip).read == ((0, 60),)


@pytest.mark.parametrize("wrong", [(5, 2), (9, None), (-1, 2), (1,), 3, ("a", "b")])
def test_a_range_that_is_none_is_refused(clip, wrong):
    with pytest.raises(LabError):
        ranges.plan_frames(clip, [wrong])
