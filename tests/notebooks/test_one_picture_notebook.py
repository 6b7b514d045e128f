"""Notebook 11 on the small clips, cold: it swaps without training, from a clip and from one picture, and says what it found."""

import json

import pytest

from faceswap_lab import video
from faceswap_lab.course import execution, notebooks, samples

CLIPS = samples.sample_clips()


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("one_picture")
    given = {
        "out": str(folder / "run"),
        "source": str(CLIPS["train_B"]),
        "target": str(CLIPS["target"]),
        "fine_tune": 8,
    }
    execution.execute(notebooks.choose("11")[0], folder / "11.ipynb", given)
    return folder


def test_both_videos_are_there(executed):
    videos = [video.open_video(executed / "run" / "swap" / name) for name in ("base_mask.mp4", "one_picture.mp4")]
    target = video.open_video(CLIPS["target"])
    assert videos[0].num_frames == target.num_frames and 0 < videos[1].num_frames <= 2 * target.fps


def test_it_says_what_it_found(executed):
    cells = json.loads((executed / "11.ipynb").read_text(encoding="utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    said = "".join("".join(output.get("text", "")) for output in outputs)
    assert "fine-tuning: 8 steps of 8" in said
    assert "pictures of B; 944,228 weights; faces of 128 px" in said
    assert "mixture: not filled in: the reference solution is used" in said and "frames swapped" in said
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 9
