"""What a video says of itself: its signed manifest, its watermark, its visible label, the comment in its metadata.

Marks are no detector: whoever makes a swap sets them, and whoever passes it on may lose them. One that is found is worth much; none
found says nothing at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from faceswap_lab import video
from faceswap_lab.base.errors import LabError
from faceswap_lab.course import scoring
from faceswap_lab.provenance import verification, watermark
from faceswap_lab.swap.label import find_label
from faceswap_lab.video import ffmpeg

NOTHING = "none"
FRAMES = 12  # that the label is looked for in, at most
_COMMENT = "Synthetic media"  # how the comment begins, see `label.comment`


def read_manifest(path: Path) -> str:
    """The state of a video's signed manifest in a word; of a folder's pictures in as many as there are states."""
    states = dict.fromkeys(verification.verify(one).state for one in verification.pictures_and_videos([path]))
    return ", ".join(NOTHING if state == verification.NONE else state for state in states)


def read_watermark(path: Path) -> str:
    """Whether the lab's watermark is found."""
    return "found" if watermark.look(path).found else NOTHING


def read_label(path: Path) -> str:
    """In which corner most of some frames show the lab's visible label."""
    clip = video.open_video(path)
    every = max(1, clip.num_frames // FRAMES)
    corners = [find_label(frame.image, np.zeros_like(frame.image)) for frame in clip.frames(every=every)]
    found = pd.Series([corner for corner in corners if corner], dtype=object)
    return NOTHING if 2 * len(found) <= len(corners) else str(found.mode()[0])


def read_comment(path: Path) -> str:
    """Whether the file's metadata call it synthetic."""
    if Path(path).is_dir():
        return NOTHING
    return "found" if _COMMENT in ffmpeg.comment(path) else NOTHING


READERS: Mapping[str, Callable[[Path], str]] = {
    "manifest": read_manifest,
    "watermark": read_watermark,
    "label": read_label,
    "comment": read_comment,
}


def read_marks(videos: Mapping[str, Path]) -> pd.DataFrame:
    """Every mark of some videos.

    Args:
        videos: name -> video file.

    Returns:
        A row a video, a column a mark, in words.

    Raises:
        LabError: when a video is missing or is none.
    """
    if not videos:
        raise LabError("videos: none is given to read marks from. Name one or more video files.")
    for path in videos.values():
        ffmpeg.check_readable(Path(path))
    return pd.DataFrame(
        {name: {mark: read(Path(path)) for mark, read in READERS.items()} for name, path in videos.items()}
    ).T


def passed_on(path: Path, folder: Path) -> dict[str, Path]:
    """A video as it is usually passed on, its marks lost as they are then: the copies are not signed.

    Args:
        path: the video as it was made.
        folder: where the copies go; a temporary one, since what shows a swapped face is not left lying about unsigned.

    Returns:
        Name -> file: as made; coded again at crf 28, as a messenger does it; cropped to its middle 80 %, as from a screen that is
        recorded: only pixels go along.
    """
    clip = video.open_video(path)
    width, height = clip.size
    x, y = round(0.1 * width), round(0.1 * height)
    copies = {"as made": Path(path), "coded again": folder / "coded_again.mp4", "cropped": folder / "cropped.mp4"}
    with video.VideoWriter(copies["coded again"], clip.fps, clip.size, crf=28) as again:
        with video.VideoWriter(copies["cropped"], clip.fps, (width - 2 * x, height - 2 * y), crf=23) as cropped:
            for frame in scoring.clip_frames(path):
                again.write(frame)
                cropped.write(np.ascontiguousarray(frame[y : height - y, x : width - x]))
    return copies
