"""Frames into a file that plays everywhere: H.264, even size, the target's own sound."""

from __future__ import annotations

import contextlib
import glob
import math
import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.video import ffmpeg
from faceswap_lab.video.joining import join, refuse

SUFFIXES = (".mp4", ".m4v", ".mov")
# The encoder is what a conversion waits for. "superfast" writes files that are 1.6 times as large for one reason: it leaves out
# x264's tree of macroblocks, which spares bits where no later frame refers to them. With that tree, and the ten frames that it
# looks ahead, a 720p clip of the actors at crf 15 takes 12 ms of processor a frame ("medium" 70, "veryfast" 23), 9 % more bytes
# than "medium", and has 50.0 dB where that has 50.4, which nobody sees.
CODING = {"preset": "superfast", "x264-params": "mbtree=1:rc-lookahead=10"}
_TO_BT709: dict[str, int] = {
    "src_colorspace": Colorspace.ITU709,
    "dst_colorspace": Colorspace.ITU709,
    "src_color_range": ColorRange.JPEG,
    "dst_color_range": ColorRange.MPEG,
    "interpolation": Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP,
    "threads": 1,
}


def exact_rate(fps: float | Fraction) -> Fraction:
    """A frame rate as the fraction that it stands for: 23.976023976 is 24000/1001.

    Raises:
        LabError: when it is 0, negative, not a number, or over 1000.
    """
    if isinstance(fps, bool) or not isinstance(fps, (int, float, Fraction, np.number)) or not 0 < fps <= 1000:
        raise LabError(f"fps={fps!r}: a frame rate is a number over 0 and up to 1000. For most clips it is 25 or 30.")
    near = Fraction(fps if isinstance(fps, Fraction) else float(fps)).limit_denominator(1001)
    near_ntsc = Fraction(round(float(fps) * 1.001) * 1000, 1001)  # 23.98 and 29.97 are written for 24000/1001 and 30000/1001
    return near_ntsc if round(float(near_ntsc), 2) == round(float(fps), 2) and near.denominator != 1 else near


class VideoWriter:
    """Writes frames to a video file, as a context manager; the file appears at its name only when all went well.

    Args:
        path: the file to make: .mp4, .m4v or .mov.
        fps: frames a second.
        size: width and height of the frames. An odd side gains one pixel, a copy of its edge: yuv420p needs even ones.
        crf: quality of libx264: 0 keeps the frames as yuv420p has them (their colours halved), 15 looks lossless, 23 is ffmpeg's
            own choice, 51 worst.
        audio_from: file whose sound goes under the frames, or None. A folder or a silent file gives no sound.
        audio_start: seconds, where the frames begin in `audio_from`.
        audio_end: seconds, where they end, exclusive; None: at its end. Sound that is not trimmed is copied packet by
            packet; trimmed sound is cut at the sample and coded again (AAC, 192 kbit/s).
        comment: text for the file's comment field.

    Raises:
        LabError: for a bad rate, size or name; when the place cannot be written to or the disk is full. Nothing is left
            at `path` then, unless a file stood there before.

    Example:
        >>> with lab.VideoWriter("short.mp4", 25, frame.shape[1::-1]) as video:
        ...     for _ in range(5):
        ...         video.write(frame)
        >>> lab.open_video("short.mp4").num_frames
        5
    """

    def __init__(
        self,
        path: str | os.PathLike,
        fps: float | Fraction,
        size: tuple[int, int],
        crf: int = 15,
        audio_from: str | os.PathLike | None = None,
        audio_start: float = 0.0,
        audio_end: float | None = None,
        comment: str | None = None,
    ):
        self.path = Path(path)
        self.rate = exact_rate(fps)
        self.size = (int(size[0]), int(size[1]))
        self.crf = crf
        self.audio_range = (float(audio_start or 0.0), audio_end)
        self.comment = comment
        self.num_frames = 0
        if self.path.suffix.lower() not in SUFFIXES:
            raise LabError(f"{path}: a video is written as {', '.join(SUFFIXES)}. Give the file such a name.")
        if min(self.size) < 2:
            raise LabError(f"{path}: frames of {self.size[0]}x{self.size[1]} pixels make no video. Check the size.")
        if not 0 <= crf <= 51:
            raise LabError(f"crf={crf}: the quality of a video goes from 0 (best) to 51 (worst). Take 15.")
        if self.audio_range[0] < 0 or (audio_end is not None and audio_end <= self.audio_range[0]):
            raise LabError(f"sound from {audio_start} to {audio_end} s: no time range. Let it end behind its start.")
        self._open = False
        self.audio_from = None
        if audio_from is not None:
            ffmpeg.check_readable(Path(audio_from))
            if Path(audio_from).is_file():
                self.audio_from = Path(audio_from)

    def __enter__(self) -> VideoWriter:
        self._context = self._opened()
        self._context.__enter__()
        return self

    def __exit__(self, *raised) -> bool | None:
        return self._context.__exit__(*raised)

    def write(self, image: np.ndarray) -> None:
        """Appends one frame.

        Args:
            image: (H, W, 3) uint8 RGB, of the writer's size.

        Raises:
            LabError: for another shape or type, or when ffmpeg stopped (disk full).
        """
        if not self._open:
            raise LabError(f"{self.path}: it is not open for writing. Say `with VideoWriter(...) as video`.")
        width, height = self.size
        if image.shape != (height, width, 3) or image.dtype != np.uint8:
            raise LabError(
                f"{self.path}: frame {self.num_frames} has shape {image.shape} and type {image.dtype}; needed is "
                f"({height}, {width}, 3) and uint8. Resize or convert it first."
            )
        if width % 2 or height % 2:
            image = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        coded = self._reformatter.reformat(frame, format="yuv420p", **_TO_BT709)
        coded.pts, coded.time_base = self.num_frames, 1 / self.rate
        self._encode(coded)
        self.num_frames += 1

    def _encode(self, frame: av.VideoFrame | None) -> None:
        try:
            for packet in self._stream.encode(frame):
                self._container.mux_one(packet)
        except av.error.FFmpegError as error:
            refuse(self.path, error)

    @contextlib.contextmanager
    def _opened(self) -> Iterator[None]:
        if self.path.is_dir():
            raise LabError(f"{self.path}: a folder has this name. Choose another one for the video.")
        files.make_folder(self.path.parent)
        for leftover in self.path.parent.glob(f"{files.PARTIAL}????????-{glob.escape(self.path.name)}"):
            leftover.unlink(missing_ok=True)  # what a killed run left of this very file
        with files.atomic_path(self.path) as temporary:
            pictures = temporary if self.audio_from is None else temporary.with_name(f"{temporary.stem}-silent.mp4")
            self._container = av.open(ffmpeg.url(pictures), "w", options={"movflags": "+faststart"})
            try:
                self._stream = self._made_stream()
                self._open = True
                yield
                self._finish(pictures, temporary)
            finally:
                self._open = False
                with contextlib.suppress(av.error.FFmpegError):
                    self._container.close()
                if pictures != temporary:
                    pictures.unlink(missing_ok=True)

    def _made_stream(self) -> av.VideoStream:
        if self.comment:
            self._container.metadata["comment"] = self.comment
        stream = self._container.add_stream("libx264", self.rate, {**CODING, "crf": str(self.crf)})
        stream.width, stream.height = (side + side % 2 for side in self.size)
        stream.pix_fmt, stream.thread_count = "yuv420p", 0  # as many threads as it likes
        stream.colorspace = stream.color_primaries = stream.color_trc = stream.color_range = 1  # BT.709, 16 to 235
        self._reformatter = VideoReformatter()
        return stream

    def _finish(self, pictures: Path, temporary: Path) -> None:
        if not self.num_frames:
            raise LabError(f"{self.path}: no frame was written, so there is no video. Check the time range.")
        self._encode(None)
        try:
            self._container.close()
        except av.error.FFmpegError as error:
            refuse(self.path, error)
        if ffmpeg.count_frames(pictures) != self.num_frames:  # a disk that fills up at the very end need not tell
            refuse(self.path, None)
        if pictures != temporary:
            start, end = self.audio_range
            pieces = None if not start and end is None else [(start, math.inf if end is None else end)]
            join([(pictures, self.num_frames)], temporary, self.rate, self.audio_from, pieces, self.comment)
