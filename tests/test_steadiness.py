"""Frames and masks that unrest is measured on: those of a conversion of the talking actor."""

import numpy as np

from faceswap_lab import actors, steadiness
from faceswap_lab.faces.extraction import extract_faces
from faceswap_lab.swap.options import ConversionOptions


def test_frames_and_masks_are_those_of_the_conversion(tmp_path):
    """A painter that gives the face back leaves the clip as it is, and the mask lies on the labelled face."""
    clip = actors.clip("talk_A")
    faces = extract_faces(clip.path, tmp_path / "faces", end=0.2)

    class Same:
        size, name = 64, "same"

        def __call__(self, faces):
            return faces, np.ones((*faces.shape[:3], 1), np.float32)

    options = ConversionOptions(blend="mask", colour="none", sharpen="none", smoothing="off")
    frames, masks = steadiness.frames_and_masks(clip.path, faces, Same(), options, 4, tmp_path)
    assert len(frames) == len(masks) == 4 and masks.dtype == np.float32
    face = clip.masks()["face"][0]
    region = face > 0.5 * face.max()
    inside = masks[0] > 0.5
    overlap = (inside & region).sum() / (inside | region).sum()
    assert overlap > 0.7, overlap
    assert np.abs(frames[0].astype(int) - clip.frames()[0]).mean() < 2
