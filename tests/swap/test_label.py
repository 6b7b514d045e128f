"""The visible label: legible on any ground and at any size, and nowhere but in its corner."""

import cv2
import numpy as np
import pytest

from faceswap_lab.swap import label


@pytest.mark.parametrize("level", [0, 128, 255])
@pytest.mark.parametrize("size", [(128, 96), (200, 640), (384, 384), (1920, 1080)])
def test_letters_stand_out_of_their_rim_on_any_ground(size, level):
    ground = np.full((size[1], size[0], 3), level, np.uint8)
    marked = label.draw_label(ground, "bottom right")
    assert marked.dtype == np.uint8 and not np.array_equal(marked, ground) and np.ptp(marked, axis=2).max() == 0
    on_black = label.draw_label(np.zeros_like(ground), "bottom right")[..., 0]
    letters = on_black > 150
    around = (cv2.dilate(letters.astype(np.uint8), np.ones((3, 3))) > 0) & (on_black == 0)
    assert marked[letters].mean() > 180
    assert marked[around].mean() < 40 and marked[around].max() < 110, "dark beside every letter, to the last one"
    rows, columns = label.label_box(ground, "bottom right")
    outside = np.ones(ground.shape[:2], bool)
    outside[rows, columns] = False
    assert np.array_equal(marked[outside], ground[outside])


def test_the_label_keeps_to_the_corner_farthest_from_the_face():
    for size in ((128, 128), (90, 300), (640, 360)):
        for corner in label.CORNERS:
            away = (0.9 if "left" in corner else 0.1) * size[0], (0.9 if "top" in corner else 0.1) * size[1]
            assert label.farthest_corner(size, np.array([away])) == corner
            marked = label.draw_label(np.zeros((size[1], size[0], 3), np.uint8), corner)
            y, x = np.nonzero(marked[..., 0] > 128)
            assert (x.mean() < size[0] / 2) == ("left" in corner) and (y.mean() < size[1] / 2) == ("top" in corner)
            assert x.min() > 0 and x.max() < size[0] - 1 and y.min() > 0 and y.max() < size[1] - 1
