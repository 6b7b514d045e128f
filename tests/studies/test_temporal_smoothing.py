"""Frames and masks that unrest is measured on: those of a conversion of the talking actor."""

import dataclasses
import types

import numpy as np
import pytest

from faceswap_lab.course import actors
from faceswap_lab.faces.extraction import extract_faces
from faceswap_lab.metrics.temporal import Unrest
from faceswap_lab.provenance import register
from faceswap_lab.studies import temporal_smoothing
from faceswap_lab.swap.options import ConversionOptions


class Same:
    """A generator that gives the face back."""

    size, name = 64, "same"

    def __call__(self, faces):
        return faces, np.ones((*faces.shape[:3], 1), np.float32)


@pytest.fixture(scope="module")
def clip():
    return actors.clip("talk_A")


@pytest.fixture(scope="module")
def faces(clip, tmp_path_factory):
    return extract_faces(clip.path, tmp_path_factory.mktemp("faces"), end=0.2)


def test_frames_and_masks_are_those_of_the_conversion(clip, faces, tmp_path):
    """They leave the clip as it is, and the mask lies on the labelled face."""
    options = ConversionOptions(blend="mask", colour="none", sharpen="none", smoothing="off")
    frames, masks = temporal_smoothing.frames_and_masks(clip.path, faces, Same(), options, 4, tmp_path)
    assert len(frames) == len(masks) == 4 and masks.dtype == np.float32
    face = clip.masks()["face"][0]
    region = face > 0.5 * face.max()
    inside = masks[0] > 0.5
    overlap = (inside & region).sum() / (inside | region).sum()
    assert overlap > 0.7, overlap
    assert np.abs(frames[0].astype(int) - clip.frames()[0]).mean() < 2


def test_a_measurement_leaves_nothing_in_the_register(clip, faces, tmp_path, monkeypatch):
    """Its conversions lie in a temporary folder: they are entered as long as they are there, and no longer."""
    seen = []

    def measure(frames, *rest):
        seen.append([one.state for one in register.outputs() if one.path not in before])
        return Unrest(*[0.0] * len(dataclasses.fields(Unrest)))

    run = types.SimpleNamespace(
        out=tmp_path, clip=lambda role: clip.path, clips=types.SimpleNamespace(truth=actors.clip("truth_A_from_B").path)
    )
    monkeypatch.setattr(temporal_smoothing, "measure", measure)
    monkeypatch.setattr(temporal_smoothing, "FaceMesh", lambda: None)
    monkeypatch.setattr(temporal_smoothing.stages, "ensure_faces", lambda run, role: faces)
    before = {one.path for one in register.outputs()}
    found = temporal_smoothing.of_run(run, Same(), ["mask", "direct"], ["off"], frames=4)
    assert list(found.index) == ["truth", "mask, off", "direct, off"]
    assert [states.count(register.THERE) for states in seen[1:]] == [1, 1]
    assert {one.path for one in register.outputs()} == before
