"""Single frames of a clip with their face, to try a swap on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import _
from faceswap_lab.faces.faceset import FaceSet, spread_rows
from faceswap_lab.video import Video, open_video


@dataclass(frozen=True)
class TuningFrame:
    """A frame to tune on.

    Args:
        image: (H, W, 3) uint8 RGB.
        matrix: (2, 3), frame pixels to pixels of the 256-px square (`FaceSet.matrix`).
        mask: (256, 256) uint8 outline of the face, or None.
        name: what it is called where it is shown.
    """

    image: np.ndarray
    matrix: np.ndarray
    mask: np.ndarray | None
    name: str


def choose_frames(
    video: Video | str | os.PathLike, faces: FaceSet, frames: Sequence[int] | int = 6, person: int = 0
) -> list[TuningFrame]:
    """Frames of a clip to tune on, as they are found in its face set: no smoothing over time.

    Args:
        video: the target.
        faces: its face set.
        frames: which, by number; or how many, spread evenly over those with a face.
        person: whose face, as in the set's column `person`.

    Raises:
        LabError: when the set has no face of this person, or none in a frame that was asked for.
    """
    rows = np.flatnonzero(faces.table["person"] == person)
    places = dict(zip(faces.table["frame"].to_numpy(int)[rows].tolist(), rows.tolist(), strict=True))
    if not places:
        raise LabError(f"{faces.folder}: it has no face of person {person} to tune on. Choose another person.")
    known = sorted(places)
    if isinstance(frames, int):
        frames = [known[n] for n in spread_rows(len(known), max(1, frames))]
    if missing := [frame for frame in frames if frame not in places]:
        raise LabError(
            f"{faces.folder}: it has no face in frame {missing[0]}. Choose frames from {known[0]} to {known[-1]}."
        )
    video = video if isinstance(video, Video) else open_video(video)
    images = {}
    for frame in video.frames():
        if frame.index in frames:
            images[frame.index] = frame.image
        if len(images) == len(set(frames)):
            break
    if missing := [frame for frame in frames if frame not in images]:
        raise LabError(f"{video.path}: frame {missing[0]} cannot be read. Choose an earlier one.")
    masks = faces.subset([places[frame] for frame in frames]).masks(256, "face")
    return [
        TuningFrame(images[frame], faces.matrix(places[frame]), mask, _("frame {number}").format(number=frame))
        for frame, mask in zip(frames, masks, strict=True)
    ]
