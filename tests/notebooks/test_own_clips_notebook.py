"""Notebook 12 on two clips that stand in for own ones: from consent to a signed video, within seconds of training."""

import json
from pathlib import Path

import nbformat
import pytest
from consents import consented

from faceswap_lab import video
from faceswap_lab.base.errors import LabError
from faceswap_lab.course import execution
from faceswap_lab.provenance import verification

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "notebooks" / "12_your_own_clips.ipynb"


def cut(name: str, path: Path, count: int) -> Path:
    """The first frames of a bundled clip: content that no record of the lab names."""
    clip = video.open_video(ROOT / "data" / "sample" / f"{name}.mp4")
    with video.VideoWriter(path, clip.fps, clip.size) as writer:
        for frame in clip.frames(end=count / clip.fps):
            writer.write(frame.image)
    return path


def execute(folder: Path, **parameters) -> nbformat.NotebookNode:
    executed = folder / "executed.ipynb"
    execution.execute(NOTEBOOK, executed, {"out": str(folder / "run"), "minutes": 0.02, **parameters})
    return nbformat.read(executed, as_version=4)


def test_two_clips_become_a_signed_video(tmp_path):
    clips = {"source": cut("train_B", tmp_path / "b.mp4", 60), "target": cut("target", tmp_path / "a.mp4", 24)}
    notebook = execute(tmp_path, **{role: str(consented(path)) for role, path in clips.items()})
    outputs = [one for cell in notebook.cells for one in cell.get("outputs", [])]
    said = "\n".join(one.get("text", "") for one in outputs)
    shown = [one["data"] for one in outputs if "data" in one]
    videos = [data["text/plain"] for data in shown if "data:video/mp4" in data.get("text/html", "")]
    assert len(videos) == 2 and videos[0] == "the target, swapped without training", videos
    assert "Warning:" not in said and not [data for data in shown if "Path(" in data.get("text/plain", "")]
    assert "WARNING: The clip lasts 1.2 s" in said and "written down for both: prepare, convert" in said
    run = tmp_path / "run"
    assert video.open_video(run / "swap" / "base_mask.mp4").num_frames == 24
    assert video.open_video(run / "swap.mp4").num_frames == 24
    assert verification.verify(run / "swap.mp4").state in (verification.VALID, verification.UNKNOWN)
    steps = json.loads((run / "budget.json").read_text())["steps"]
    assert 1 <= steps < 60 and (run / "models" / "autoencoder" / "model.weights.h5").exists()
    assert f"{steps} steps in 0.02 min" in said and (run / "index.html").exists()


def test_without_consent_it_stops_and_says_what_to_write(tmp_path):
    clip = cut("target", tmp_path / "unasked.mp4", 13)
    with pytest.raises(LabError, match="nobody's consent is written down"):
        execute(tmp_path, source=str(clip), target=str(clip))
