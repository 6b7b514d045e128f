"""The parts of JPEG and H.264 that notebook 01 takes apart do what the real coders do."""

import cv2
import numpy as np
import pytest

from faceswap_lab import video
from faceswap_lab.base.errors import LabError
from faceswap_lab.studies import compression


@pytest.mark.parametrize("quality", [10, 50, 90])
def test_a_block_by_hand_is_the_jpeg_coders_block(actor_frames, quality):
    block = cv2.cvtColor(actor_frames("target", 1, 1)[0][0], cv2.COLOR_RGB2GRAY)[60:68, 60:68]
    steps = compression.quantisation_steps(quality)
    kept = np.round(cv2.dct(block.astype(np.float64) - 128) / steps)
    by_hand = np.clip(cv2.idct(kept * steps) + 128, 0, 255)
    coded = cv2.imencode(".jpg", block, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    assert np.abs(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE) - by_hand).max() < 2.5


def test_halved_colours_keep_grey_and_blur_colour():
    grey = np.random.default_rng(0).integers(0, 256, (16, 16, 1), np.uint8).repeat(3, axis=2)
    assert np.abs(compression.halved_colours(grey).astype(int) - grey).max() <= 1
    stripes = np.zeros((16, 16, 3), np.uint8)
    stripes[:, ::2] = 255, 0, 0
    assert compression.halved_colours(stripes)[:, 1::2, 0].min() > 60  # red has run into the black between


def test_kinds_of_frames(tmp_path, actor_frames):
    frames, path = actor_frames("target", 1, 12)[0], tmp_path / "video.mp4"
    with video.VideoWriter(path, 25, frames.shape[2:0:-1], crf=23) as writer:
        for frame in frames:
            writer.write(frame)
    found = compression.frame_kinds(path)
    assert len(found) == 12 and found["kind"][0] == "I" and set(found["kind"]) == {"I", "P", "B"}
    assert found["bytes"][0] == found["bytes"].max() and found["bytes"].sum() < path.stat().st_size
    assert sorted(found["coded"]) == list(range(12)) and list(found["coded"]) != list(range(12))
    with pytest.raises(LabError, match="no such file"):
        compression.frame_kinds(tmp_path / "nothing.mp4")
