"""A video's frames, one after another: decoded by FFmpeg's libraries, or read from a folder of pictures.

A file's frames are numbered at one constant rate from its start, whatever way they are read, so that extraction and
conversion speak of the same frames, and sound stays in step with clips of variable rate. The rule is in `timing`.

Damage is told of as far as decoders mark it, and as files tell where they end, see `structure`. Bytes that changed inside a frame
of HEVC, VP8, VP9 or FFV1 decode to other colours without a mark: of 36 such files (500 spoilt ones) FFmpeg flags none, with
`err_detect` (crccheck, bitstream, buffer, explode) none either. Only FFV1's check sums showed, 13 of the 36, in FFmpeg's log and
nowhere else; what threads log is not to be told apart by file, so that it is not used. Motion JPEG and GIF have no check sums at
all; `explode` tells where bits are no code of Motion JPEG: of 90 frames each, in 25 with one changed byte, 41 with 16 zeros, 84
with 200 zeros. An archive keeps check sums of its own for all of that.
"""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

import av
import numpy as np

from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import english
from faceswap_lab.video import ffmpeg
from faceswap_lab.video.colours import Tags, ToRgb, deinterlaced
from faceswap_lab.video.pictures import animation, read_picture
from faceswap_lab.video.timing import Clock, Times

SEEK_MARGIN = 10.0  # seconds at a file's start that are decoded rather than jumped over
_AHEAD = 2.0  # seconds that a jump goes before the first wanted frame, so that filters and references are as without it
_Picture = TypeVar("_Picture")


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


@dataclass
class _Harm:
    """What reading meets: the numbers of frames that are damaged, and what a decoder could not decode."""

    spoilt: set[int] = field(default_factory=set)
    failures: list[Exception] = field(default_factory=list)


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
        times, clock: a file's own times, and which of its frames stands at each number, see `timing`.
        has_audio: whether there is sound.
        rotation: degrees clockwise that a file's frames are turned by; `frames` has done it.
        kind: "video" or "folder".
        start: seconds from the file's start to frame 0; its sound is shifted by as much.
        pictures: a folder's pictures in order; numbers in their names count as numbers (2 before 10).
        indexed: whether a file can be entered in the middle; if not, frames before `start` are decoded and dropped.
        damage: what is wrong with a file that is cut off, or "".
        remarks: sentences about what reading changes (doubled, dropped, deinterlaced, resized, ...); reading adds to them.
        turn, tags: see `ffmpeg.Facts`.
        transfer: of a video of high dynamic range, see `ffmpeg.Facts`; its frames come in ordinary colours.
    """

    path: Path
    rate: Fraction
    size: tuple[int, int]
    duration: float
    num_frames: int
    times: Times = field(compare=False, repr=False)
    clock: Clock = field(compare=False, repr=False)
    has_audio: bool = False
    rotation: int = 0
    kind: str = "video"
    pictures: tuple[Path, ...] = ()
    indexed: bool = False
    damage: str = ""
    transfer: str = ""
    start: float = 0.0
    remarks: list[str] = field(default_factory=list, compare=False)
    turn: tuple[bool, bool, bool] = (False, False, False)
    tags: Tags | None = None

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
                warnings.warn(f"{error} {english('It is skipped.')}", stacklevel=3)
                continue
            if image.shape[:2] != (height, width):
                canvas = np.zeros((height, width, 3), np.uint8)
                canvas[: image.shape[0], : image.shape[1]] = image[:height, :width]
                image = canvas
            found += 1
            yield Frame(index, float(index / self.rate), image)
        if not found:
            raise LabError(f"{self.path}: none of its {len(wanted)} pictures can be read. Copy them again.")

    def remark(self, sentence: str) -> None:
        """Notes what reading changes, once."""
        if sentence not in self.remarks:
            self.remarks.append(sentence)

    def _decoded(self, wanted: range) -> Iterator[Frame]:
        """The wanted frames of a file, which `colours` or Pillow brings to RGB."""
        harm = _Harm()
        if self.tags is None:
            pictures = (numbered for numbered in enumerate(animation(self.path)))
            return self._at_ticks(wanted, pictures, np.array, harm)
        to_rgb = ToRgb(self.size, self.turn, self.tags, self.transfer)
        return self._at_ticks(wanted, self._source(wanted.start, harm), to_rgb, harm)

    def _at_ticks(
        self,
        wanted: range,
        numbered: Generator[tuple[int, _Picture], None, None],
        to_rgb: Callable[[_Picture], np.ndarray],
        harm: _Harm,
    ) -> Iterator[Frame]:
        """At each tick the frame that the clock names, or the newest before it that can be read."""
        held: tuple[int, _Picture] | None = None
        image: np.ndarray | None = None
        ticks = iter(wanted)
        tick: int | None = next(ticks)
        read, missing = 0, 0
        with contextlib.closing(numbered) as source:
            for number, frame in source:
                while tick is not None and self.clock.shown[tick] < number and held is not None:
                    missing += held[0] != self.clock.shown[tick]  # it could not be decoded
                    image = to_rgb(held[1]) if image is None else image.copy()
                    yield Frame(tick, float(tick / self.rate), image)
                    tick, read = next(ticks, None), read + 1
                held, image = (number, frame), None
                while tick is not None and self.clock.shown[tick] == number:
                    image = to_rgb(frame) if image is None else image.copy()
                    yield Frame(tick, float(tick / self.rate), image)
                    tick, read = next(ticks, None), read + 1
                if tick is None:
                    break
        self._judge(wanted, read, missing, harm)

    def _judge(self, wanted: range, read: int, missing: int, harm: _Harm) -> None:
        if not read:
            raise LabError(
                f"{self.path}: not one frame could be read ({self.damage or 'it is damaged'}). Check that it plays."
            )
        said = [self.damage] if self.damage else []
        said += (
            [english("frames that could not be decoded and show the one before: {count}", count=missing)]
            if missing
            else []
        )
        said += [english("damaged frames: {count}", count=len(harm.spoilt))] if harm.spoilt else []
        sure = self.tags is None or harm.failures  # else a video's last packet need not hold a frame
        said += [english("it ends early")] if read < len(wanted) - (not sure) and not said else []
        if said:
            warnings.warn(
                english(
                    "{path}: this file is cut off or damaged ({why}). Read and used: frame "
                    "{first} to {last}, {read} in all.",
                    path=self.path,
                    why=", ".join(said),
                    read=read,
                    first=wanted.start,
                    last=wanted[read - 1],
                ),
                stacklevel=3,
            )

    def _source(self, first: int, harm: _Harm) -> Generator[tuple[int, av.VideoFrame], None, None]:
        """The file's frames by their numbers, from at most that of tick `first` on."""
        target = int(self.clock.shown[first])
        jump = self.times.seconds[target] - _AHEAD
        if self.indexed and not self.times.counted and self.times.seconds[target] > SEEK_MARGIN:
            stamp = int(np.searchsorted(self.times.seconds, jump))
            with contextlib.closing(self._stream(int(self.times.stamps[stamp]), harm)) as source:
                begun = next(source, None)
                if begun is not None and begun[0] <= stamp:
                    yield begun
                    yield from source
                    return
        yield from self._stream(None, harm)

    def _stream(self, stamp: int | None, harm: _Harm) -> Generator[tuple[int, av.VideoFrame], None, None]:
        with ffmpeg.opened(self.path) as container:
            stream = ffmpeg.picture_stream(container, self.path)
            if stamp is not None:
                with contextlib.suppress(av.error.FFmpegError):
                    container.seek(stamp, stream=stream)
            frames = ffmpeg.picture_frames(container, stream, bool(self.damage), harm.failures)
            yield from deinterlaced(self._numbered(frames, harm))

    def _numbered(self, frames: Iterator[av.VideoFrame], harm: _Harm) -> Iterator[tuple[int, av.VideoFrame]]:
        """Decoded frames with their numbers, which rise; that of one that is damaged goes to `harm`, too."""
        last, size = -1, None
        for frame in frames:
            if self.times.counted or frame.pts is None:
                number = last + 1
            else:
                number = int(np.searchsorted(self.times.stamps, frame.pts, "right")) - 1
            if not last < number < len(self.times.stamps):
                continue
            last = number
            if frame.is_corrupt or frame.opaque == ffmpeg.CONCEALED:
                harm.spoilt.add(number)
            if size not in (None, (frame.width, frame.height)):
                self.remark(
                    english(
                        "its frames change their size on the way; all are brought to {width}x{height}",
                        width=self.size[0],
                        height=self.size[1],
                    )
                )
            if frame.interlaced_frame:
                self.remark(ffmpeg.INTERLACED)
            size = size or (frame.width, frame.height)
            yield number, frame
