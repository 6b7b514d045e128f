"""A video's frames, one after another: decoded by ffmpeg, or read from a folder of pictures.

A file's frames are numbered at one constant rate from its start, whatever way they are read, so that extraction and
conversion speak of the same frames, and sound stays in step with clips of variable rate.
"""

from __future__ import annotations

import math
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from faceswap_lab import ffmpeg
from faceswap_lab.errors import LabError
from faceswap_lab.pictures import read_picture

SEEK_MARGIN = 10.0  # seconds at a file's start that are decoded rather than jumped over


@dataclass(frozen=True)
class Frame:
    """One picture of a video.

    Args:
        index: its number, counted from the video's start at the video's rate.
        time: seconds from the video's start: index / fps.
        image: (H, W, 3) uint8 RGB.
    """

    index: int
    time: float
    image: np.ndarray


@dataclass(frozen=True)
class Video:
    """What is known about a video, and the way to its frames. `video.open_video` makes it.

    Args:
        path: the file, or the folder of pictures.
        rate: frames a second, exact.
        size: width and height after rotation, in square pixels. In a folder of mixed sizes: the largest width and the
            largest height; a smaller picture lies at the top left on black, unscaled, so its points keep their places.
        duration: seconds.
        num_frames: how many frames there are; a damaged file may give fewer.
        has_audio: whether there is sound.
        rotation: degrees clockwise that a file's frames are turned by; `frames` has done it.
        kind: "video" or "folder".
        pictures: a folder's pictures in order; numbers in their names count as numbers (2 before 10).
        indexed: whether a file can be entered in the middle; if not, frames before `start` are decoded and dropped.
        damage: what is wrong with a file that is cut off, or "".
        transfer: of a film of high dynamic range, see `ffmpeg.Facts`; its frames come in ordinary colours.
    """

    path: Path
    rate: Fraction
    size: tuple[int, int]
    duration: float
    num_frames: int
    has_audio: bool = False
    rotation: int = 0
    kind: str = "video"
    pictures: tuple[Path, ...] = ()
    indexed: bool = False
    damage: str = ""
    transfer: str = ""

    @property
    def fps(self) -> float:
        """Frames a second."""
        return float(self.rate)

    def indices(self, every: int = 1, start: float | None = None, end: float | None = None) -> range:
        """The numbers of the frames that `frames` would give: the multiples of `every` within the time range.

        Raises:
            LabError: for an `every` under 1, or a time range without a frame in it.
        """
        if isinstance(every, bool) or int(every) != every or every < 1:
            raise LabError(f"every={every!r}: take every n-th frame with a whole number from 1 on.")
        first, stop = self._first(start or 0.0), self.num_frames
        if end is not None and not math.isinf(end):
            stop = min(stop, self._first(end))
        first += -first % int(every)
        if (start or 0) < 0 or first >= stop:
            raise LabError(
                f"{self.path}: no frame to take from {start or 0:g} s to {'the end' if end is None else f'{end:g} s'} "
                f"with every={every}. The clip lasts {self.duration:.2f} s and has {self.num_frames} frames."
            )
        return range(first, stop, int(every))

    def _first(self, time: float) -> int:
        """The first frame at or after `time`; a time typed with four decimals still meets the frame it means."""
        return max(0, math.ceil(float(time) * self.fps - 1e-3))

    def frames(self, every: int = 1, start: float | None = None, end: float | None = None) -> Iterator[Frame]:
        """Reads frames one after another; only one is held at a time.

        Args:
            every: take the frames whose number is a multiple of this.
            start, end: seconds from the video's start; `end` is exclusive. None: all.

        Yields:
            Frames in order. What cannot be read is left out, with a `UserWarning` that names the file.

        Raises:
            LabError: for a range without frames, or when not one frame can be read.
        """
        wanted = self.indices(every, start, end)
        return self._pictures(wanted) if self.kind == "folder" else self._decoded(wanted)

    def _pictures(self, wanted: range) -> Iterator[Frame]:
        width, height = self.size
        found = 0
        for index in wanted:
            try:
                image = read_picture(self.pictures[index])
            except LabError as error:
                warnings.warn(f"{error} It is skipped.", stacklevel=3)
                continue
            if image.shape[:2] != (height, width):
                canvas = np.zeros((height, width, 3), np.uint8)
                canvas[: image.shape[0], : image.shape[1]] = image[:height, :width]
                image = canvas
            found += 1
            yield Frame(index, float(index / self.rate), image)
        if not found:
            raise LabError(f"{self.path}: none of its {len(wanted)} pictures can be read. Copy them again.")

    def _decoded(self, wanted: range) -> Iterator[Frame]:
        width, height = self.size
        read = 0
        with (
            tempfile.TemporaryFile() as messages,
            subprocess.Popen(self._command(wanted), stdout=subprocess.PIPE, stderr=messages, **ffmpeg.APART) as process,
        ):
            try:
                while True:
                    image = np.empty((height, width, 3), np.uint8)
                    if process.stdout.readinto(memoryview(image).cast("B")) < image.nbytes:
                        break
                    index = wanted.start + read * wanted.step
                    read += 1
                    yield Frame(index, float(index / self.rate), image)
                status = process.wait()
            finally:
                process.kill()  # when the caller stops early; else it has ended already
            messages.seek(0)
            complaint = ffmpeg.complaint(messages.read(100_000).decode("utf-8", "replace")) or self.damage
        if not read:
            raise LabError(f"{self.path}: not one frame could be read ({complaint}). Check that it plays.")
        if complaint or status or read < len(wanted) - 1:
            warnings.warn(
                f"{self.path}: this file is cut off or damaged ({complaint or 'it ends early'}). {read} frames were "
                f"read (frame {wanted.start} to {index}) and are used.",
                stacklevel=2,
            )

    def _command(self, wanted: range) -> list[str]:
        # -copyts keeps the file's own clock also after a jump. The jump goes to the key frame before; the fps filter
        # then drops what lies before the first wanted frame, so a jump changes nothing but the waiting.
        begin = wanted.start / self.rate
        jump = ["-noaccurate_seek", "-ss", f"{float(begin) - 2:.6f}"] if self.indexed and begin > SEEK_MARGIN else []
        chosen = f"select=not(mod(n\\,{wanted.step}))," if wanted.step > 1 else ""
        width, height = self.size
        filters = (
            f"fps=fps={self.rate}:start_time={float(begin):.9f},{chosen}{ffmpeg.tone_mapping(self.transfer)}"
            f"scale={width}:{height}:flags={ffmpeg.SCALING},format=rgb24"
        )
        return [
            *(ffmpeg.program(), "-hide_banner", "-nostdin", "-loglevel", "error", *jump, "-copyts", "-start_at_zero"),
            *(*ffmpeg.opening(self.path), "-map", "0:V:0", "-vf", filters, "-fps_mode", "passthrough"),
            *("-frames:v", str(len(wanted)), "-f", "rawvideo", "pipe:1"),
        ]
