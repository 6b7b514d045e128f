"""Videos as they are passed on: coded anew at some quality, at some size, and read back."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faceswap_lab import video
from faceswap_lab.base.errors import LabError
from faceswap_lab.video.pictures import resized


@dataclass(frozen=True)
class Coding:
    """One way of passing a video on.

    Args:
        name: short, for tables.
        crf: of H.264, 0 (lossless) to 51; None: the frames are not coded at all.
        scale: the video's sides are made so many times as long before it is coded, and brought back after it is read.
    """

    name: str
    crf: int | None
    scale: float = 1.0

    def __post_init__(self):
        if not 0 < self.scale <= 1:
            raise LabError(f"{self.name}: scale={self.scale} is no share of a video's size. Give more than 0, up to 1.")


FILMED = Coding("crf 18", 18)  # what detectors are trained on: a video as it might be put on the net
CODINGS = (FILMED, Coding("crf 28", 28), Coding("crf 35", 35), Coding("half size", 18, 0.5))
UNCODED = Coding("not coded", None)
TARGETS = Coding("crf 8", 8)  # what the rendered actors' clips were coded with, and their true swaps were not


def recoded(frames: Iterable[np.ndarray], rate: float, coding: Coding) -> Iterator[np.ndarray]:
    """A video's frames after they went through a coder.

    Args:
        frames: (H, W, 3) uint8 RGB each, in order, all of one size.
        rate: frames a second.
        coding: how.

    Yields:
        As many frames of the same size, (H, W, 3) uint8 RGB.

    Raises:
        LabError: when there is no frame, or frames are lost on the way.
    """
    frames = iter(frames)
    first = next(frames, None)
    if first is None:
        raise LabError("frames: there is none to code. Give a clip with frames.")
    if coding.crf is None:
        yield first
        yield from frames
        return
    height, width = first.shape[:2]
    small = max(2, round(width * coding.scale)), max(2, round(height * coding.scale))
    written = read = 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "video.mp4"
        with video.VideoWriter(path, rate, small, crf=coding.crf) as writer:
            for frame in itertools.chain([first], frames):
                writer.write(resized(frame, small))
                written += 1
        for back in video.open_video(path).frames():
            read += 1
            yield resized(back.image[: small[1], : small[0]], (width, height))  # an odd side had gained a pixel
    if read != written:
        raise LabError(
            f"{coding.name}: {read} of {written} frames came back from the coder. Give a constant frame rate."
        )
