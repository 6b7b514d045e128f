"""Marks of a video: what is read, what is left after the video was passed on, and that nothing found is said as such."""

import cv2
import numpy as np
import pytest

from faceswap_lab import video
from faceswap_lab.base.errors import LabError
from faceswap_lab.provenance import credentials
from faceswap_lab.provenance.publishing import write_swapped
from faceswap_lab.provenance.watermark import Marker
from faceswap_lab.studies.detection import provenance_signs
from faceswap_lab.swap import label
from faceswap_lab.video.pictures import write_picture


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """real.mp4, and swap.mp4: the same with all that a conversion puts on it."""
    folder = tmp_path_factory.mktemp("marks")
    grey = cv2.GaussianBlur(np.random.default_rng(0).normal(size=(480, 640)), (0, 0), 5) * 400 + 120
    plain = np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2)
    marked = label.draw_label(Marker((640, 480), "c0ffee").apply(plain), "top left")
    for name, frame, comment in (("swap", marked, label.comment("a model")), ("real", plain, None)):
        with video.VideoWriter(folder / f"{name}.mp4", 10, (640, 480), comment=comment) as writer:
            for _ in range(4):
                writer.write(frame)
    credentials.sign(folder / "swap.mp4", credentials.Facts(model="a model"))
    return folder


def test_marks_are_read_and_some_are_lost_on_the_way(videos, tmp_path):
    copies = provenance_signs.passed_on(videos / "swap.mp4", tmp_path)
    found = provenance_signs.read_marks({**copies, "real": videos / "real.mp4"})
    assert found.columns.tolist() == ["manifest", "watermark", "label", "comment"]
    assert found.loc["as made"].tolist() == ["valid", "found", "top left", "found"]
    assert found.loc["coded again"].tolist() == ["none", "found", "top left", "none"]
    assert found.loc["cropped"].tolist() == ["none", "found", "none", "none"]
    assert found.loc["real"].tolist() == ["none"] * 4
    assert video.open_video(copies["cropped"]).size == (512, 384)


def test_a_film_that_is_missing_or_none_is_refused(tmp_path):
    with pytest.raises(LabError, match=r"gone\.mp4"):
        provenance_signs.read_marks({"gone": tmp_path / "gone.mp4"})
    with pytest.raises(LabError, match="videos: none is given"):
        provenance_signs.read_marks({})


def test_a_folder_of_pictures_is_read_like_a_video(videos, tmp_path):
    for number, frame in enumerate(video.open_video(videos / "swap.mp4").frames()):
        write_swapped(tmp_path / "signed" / f"{number:03d}.png", frame.image, "a model")
        write_picture(tmp_path / "mixed" / f"{number:03d}.png", frame.image)
    write_swapped(tmp_path / "mixed" / "009.png", frame.image, "a model")
    found = provenance_signs.read_marks({"signed": tmp_path / "signed", "mixed": tmp_path / "mixed"})
    assert found.loc["signed"].tolist() == ["valid", "found", "top left", "none"]
    assert found.loc["mixed", "manifest"] == "none, valid"
