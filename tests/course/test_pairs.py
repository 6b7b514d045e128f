"""Pairs of a face and its true swap: cut at the same place, split into blocks."""

import numpy as np
import pandas as pd
import pytest

from faceswap_lab.base.errors import LabError
from faceswap_lab.course import pairs
from faceswap_lab.faces.faceset import MATRIX_COLUMNS, FaceSet


def face_set(frames, shift=0.0):
    faces = object.__new__(FaceSet)
    faces.folder = "faces/target"
    faces.table = pd.DataFrame({"frame": frames})
    faces.table[MATRIX_COLUMNS] = [1.0, 0.0, -shift, 0.0, 1.0, 0.0]
    return faces


def frame(number):
    picture = np.full((256, 256, 3), 10 * number, np.uint8)
    picture[:, 128:] += 100
    return picture


def test_each_row_is_cut_from_its_own_frame_by_its_own_matrix():
    cut = pairs.cut_alike(map(frame, range(6)), face_set([4, 1], shift=32.0), 64)
    assert cut.shape == (2, 64, 64, 3) and cut.dtype == np.uint8
    np.testing.assert_array_equal(cut[:, 30, 5], [[40] * 3, [10] * 3])
    edge = np.abs(np.diff(cut[0, 30, :, 0].astype(int))).argmax()
    assert edge in (22, 23, 24)  # (128 - 32) / 4


def test_a_clip_that_is_too_short_is_named():
    with pytest.raises(LabError, match="no frame 4"):
        pairs.cut_alike(map(frame, range(3)), face_set([1, 4]), 64)


def test_the_blocks_do_not_touch():
    first, second = pairs.split_blocks(60)
    assert list(first) == list(range(40)) and list(second) == list(range(42, 60))
    with pytest.raises(LabError, match="too few"):
        pairs.split_blocks(2)
