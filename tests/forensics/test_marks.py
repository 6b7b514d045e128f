"""Marks of a film: what is read, what is left after the film was passed on, and that nothing found is said as such."""

import sys
from types import ModuleType, SimpleNamespace

import cv2
import numpy as np
import pytest

from faceswap_lab import video
from faceswap_lab.errors import LabError
from faceswap_lab.forensics import marks
from faceswap_lab.swap import label


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    folder = tmp_path_factory.mktemp("marks")
    grey = cv2.GaussianBlur(np.random.default_rng(0).normal(size=(240, 320)), (0, 0), 5) * 400 + 120
    plain = np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2)
    for name, frame, comment in (
        ("swap", label.draw_label(plain, "top left"), label.comment("a model")),
        ("real", plain, None),
    ):
        with video.VideoWriter(folder / f"{name}.mp4", 10, (320, 240), comment=comment) as writer:
            for _ in range(4):
                writer.write(frame)
    return folder


@pytest.fixture
def readers(monkeypatch):
    """The rooms of provenance, which believe a film that is named so."""
    for name, function in (
        ("verification", {"verify": lambda path: SimpleNamespace(state="valid" if path.stem == "swap" else "none")}),
        ("watermark", {"look": lambda path: SimpleNamespace(found=path.stem != "real")}),
    ):
        module = ModuleType(f"faceswap_lab.provenance.{name}")
        module.__dict__.update(function)
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(sys.modules, "faceswap_lab.provenance", ModuleType("faceswap_lab.provenance"))


def test_marks_are_read_and_some_are_lost_on_the_way(films, readers, tmp_path):
    copies = marks.passed_on(films / "swap.mp4", tmp_path)
    found = marks.read_marks({**copies, "real": films / "real.mp4"})
    assert found.loc["as made"].tolist() == ["valid", "found", "top left", "found"]
    assert found.loc["coded again"].tolist() == ["none", "found", "top left", "none"]
    assert found.loc["cropped"].tolist() == ["none", "found", "none", "none"]
    assert found.loc["real"].tolist() == ["none"] * 4
    assert video.open_video(copies["cropped"]).size == (256, 192)


def test_a_film_that_is_missing_or_none_is_refused(tmp_path):
    with pytest.raises(LabError, match=r"gone\.mp4"):
        marks.read_marks({"gone": tmp_path / "gone.mp4"})
    with pytest.raises(LabError, match="films: none is given"):
        marks.read_marks({})
