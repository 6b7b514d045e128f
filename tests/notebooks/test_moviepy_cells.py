"""The lessons' cuts with moviepy, of a clip that is upright only by its metadata, as phones write them."""

import contextlib
from pathlib import Path
from types import SimpleNamespace

import cv2
import ffmpeg_program
import moviepy  # noqa: F401 - on being loaded it asks for the working directory, which is gone in the tests
import nbformat
import numpy as np
import pandas as pd
import pytest

import faceswap_lab as lab
from faceswap_lab.course import samples

NOTEBOOKS = samples.ROOT / "notebooks"


def cell(notebook: str, words: str) -> str:
    (found,) = (one.source for one in nbformat.read(NOTEBOOKS / notebook, 4).cells if words in one.source)
    return found


@pytest.fixture
def phone(tmp_path):
    """A portrait clip that is stored lying, black above and white below, and an upright copy of it; the sound is longer."""
    upright, turned = tmp_path / "upright.mp4", tmp_path / "turned.mp4"
    picture = "color=white:size=64x128:rate=10:duration=1,drawbox=h=64:color=black:thickness=fill"
    made = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", "sine=duration=1.4", "-pix_fmt", "yuv420p"]
    for given in ([*made, upright], [*made, "-vf", "transpose=2", tmp_path / "lying.mp4"],
                  ["-display_rotation", "-90", "-i", tmp_path / "lying.mp4", "-c", "copy", turned]):  # fmt: skip
        done = ffmpeg_program.run("-y", *given)
        assert done.returncode == 0, done.stderr
    video = lab.open_video(turned)
    assert video.size == (64, 128) and video.rotation
    return video, upright


def halves(path: Path, time: float) -> list[bool]:
    """Whether each half, left and right, is black above and white below."""
    picture = next(lab.open_video(path).frames(start=time)).image.astype(int)
    return [half[32].mean() < 40 and half[96].mean() > 215 for half in (picture[:, :64], picture[:, 64:])]


@pytest.fixture(autouse=True)
def no_file_is_written_beside_the_notebooks(tmp_path, monkeypatch):
    """A killed lesson would leave it there: moviepy's sound on the way; so the folder that the kernel runs in is gone."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()


@pytest.fixture(autouse=True)
def no_frame_is_asked_for_that_is_not_there(recwarn):
    yield
    assert not [one for one in recwarn if "bytes wanted" in str(one.message)]


def test_slowed_and_side_by_side(phone, tmp_path):
    video, _ = phone
    (tmp_path / "codec").mkdir()
    run = SimpleNamespace(out=tmp_path, clip=lambda role: video.path)
    exec(cell("01_frame_extraction.ipynb", "slow.mp4"), {"run": run, "clip": video, "lab": lab})
    made = lab.open_video(tmp_path / "codec" / "slow.mp4")
    assert made.size == (128, 128) and made.duration == pytest.approx(2, abs=0.2)
    assert halves(made.path, 0.5) == [True, True]


def test_a_cut_to_show(phone, tmp_path):
    video, upright = phone

    @contextlib.contextmanager
    def signed_cut(run, name, model, function):
        yield tmp_path / name

    given = {
        "lab": SimpleNamespace(course=SimpleNamespace(signed_cut=signed_cut), Player=lambda *shown: None),
        "run": SimpleNamespace(out=tmp_path, clip=lambda role: video.path), "clip": video, "presented": upright,
        "faces": SimpleNamespace(table=pd.DataFrame({"yaw": [0, 30], "time": [0.1, 0.5]})),
        "best": SimpleNamespace(model="base"), "functions": {"base": None}, "np": np, "cv2": cv2,
    }  # fmt: skip
    for words in ("ImageClip, VideoFileClip, clips_array", "VideoFileClip(str(presented))"):
        exec(cell("05_video_conversion.ipynb", words), given)
    made = lab.open_video(tmp_path / "to_show.mp4")
    assert made.size == (128, 128)
    assert halves(made.path, 2.5) == [True, True]  # behind the title
