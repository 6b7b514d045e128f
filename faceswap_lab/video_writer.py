"""Frames into a file that plays everywhere: H.264, even size, the target's own sound."""

from __future__ import annotations

import contextlib
import errno
import glob
import math
import os
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from faceswap_lab import ffmpeg, files
from faceswap_lab.errors import LabError

SUFFIXES = (".mp4", ".m4v", ".mov")
# Against "medium", on a 720p clip of the actors at crf 15: a third of the time (32 ms of processor a frame, not 98), a file of
# the same size, and 50.3 dB where that has 51.0, which nobody sees. The encoder is what a conversion waits for.
PRESET = "veryfast"
BT709 = "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv"


def exact_rate(fps: float | Fraction) -> Fraction:
    """A frame rate as the fraction that it stands for: 23.976023976 is 24000/1001.

    Raises:
        LabError: when it is 0, negative, not a number, or over 1000.
    """
    if isinstance(fps, bool) or not isinstance(fps, (int, float, Fraction, np.number)) or not 0 < fps <= 1000:
        raise LabError(f"fps={fps!r}: a frame rate is a number over 0 and up to 1000. For most clips it is 25 or 30.")
    near = Fraction(fps if isinstance(fps, Fraction) else float(fps)).limit_denominator(1001)
    film = Fraction(round(float(fps) * 1.001) * 1000, 1001)  # 23.98 and 29.97 are written for 24000/1001 and 30000/1001
    return film if round(float(film), 2) == round(float(fps), 2) and near.denominator != 1 else near


def refuse(path: Path, messages: str, cause: Exception | None = None) -> None:
    """Raises what ffmpeg's messages mean, as a `LabError` about the file that was to be written."""
    with files.clear_write_errors(path):
        for text, code in (("No space left", errno.ENOSPC), ("File too large", errno.ENOSPC),
                           ("Disk quota", errno.EDQUOT), ("Permission denied", errno.EACCES),
                           ("Read-only", errno.EROFS)):  # fmt: skip
            if text in messages:
                raise OSError(code, text) from cause
    reason = ffmpeg.complaint(messages) or "ffmpeg was stopped from outside"
    raise LabError(f"{path}: the video could not be written ({reason}). Run the command again.") from cause


class VideoWriter:
    """Writes frames to a video file, as a context manager; the file appears at its name only when all went well.

    Args:
        path: the file to make: .mp4, .m4v or .mov.
        fps: frames a second.
        size: width and height of the frames. An odd side gains one pixel, a copy of its edge: yuv420p needs even ones.
        crf: quality of libx264: 0 lossless, 15 visually lossless, 23 ffmpeg's own choice, 51 worst.
        audio_from: file whose sound goes under the frames, or None. A folder or a silent file gives no sound.
        audio_start: seconds, where the frames begin in `audio_from`.
        audio_end: seconds, where they end, exclusive; None: at its end. Sound that is not trimmed is copied packet by
            packet; trimmed sound is cut at the sample and coded again (AAC, 192 kbit/s).
        comment: text for the file's comment field.

    Raises:
        LabError: for a bad rate, size or name; when the place cannot be written to or the disk is full. Nothing is left
            at `path` then, unless a file stood there before.
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
            raise LabError(f"crf={crf}: the quality of a video goes from 0 (lossless) to 51 (worst). Take 15.")
        if self.audio_range[0] < 0 or (audio_end is not None and audio_end <= self.audio_range[0]):
            raise LabError(f"sound from {audio_start} to {audio_end} s: no time range. Let it end behind its start.")
        self.audio_from = None
        if audio_from is not None:
            ffmpeg.check_readable(Path(audio_from))
            if Path(audio_from).is_file():
                self.audio_from = Path(audio_from)
        self._process = None

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
        width, height = self.size
        if image.shape != (height, width, 3) or image.dtype != np.uint8:
            raise LabError(
                f"{self.path}: frame {self.num_frames} has shape {image.shape} and type {image.dtype}; needed is "
                f"({height}, {width}, 3) and uint8. Resize or convert it first."
            )
        if width % 2 or height % 2:
            image = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        try:
            self._process.stdin.write(np.ascontiguousarray(image).data)
        except OSError as error:  # the pipe broke: ffmpeg has stopped, and its messages say why
            self._process.wait()
            self._refuse(self._messages(), error)
        self.num_frames += 1

    @contextlib.contextmanager
    def _opened(self) -> Iterator[None]:
        if self.path.is_dir():
            raise LabError(f"{self.path}: a folder has this name. Choose another one for the video.")
        files.make_folder(self.path.parent)
        for mark in ("????????", "sound-????????"):  # what a killed run left of this very file
            for leftover in self.path.parent.glob(f"{files.PARTIAL}{mark}-{glob.escape(self.path.name)}"):
                leftover.unlink(missing_ok=True)
        with files.atomic_path(self.path) as temporary, tempfile.TemporaryFile() as self._stderr:
            self._process = subprocess.Popen(
                self._command(temporary),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=self._stderr,
                **ffmpeg.APART,
            )
            try:
                yield
                self._finish(temporary)
            finally:
                if self._process.poll() is None:
                    self._process.kill()
                with contextlib.suppress(OSError):
                    self._process.stdin.close()
                self._process.wait()

    def _command(self, temporary: Path) -> list[str]:
        width, height = (side + side % 2 for side in self.size)
        picture = f"scale=out_color_matrix=bt709:out_range=tv:flags={ffmpeg.SCALING},format=yuv420p,{BT709}"
        return [
            *(ffmpeg.program(), "-hide_banner", "-loglevel", "error", "-y", "-f", "rawvideo", "-pixel_format", "rgb24"),
            *("-video_size", f"{width}x{height}", "-framerate", str(self.rate), "-i", "pipe:0", "-vf", picture),
            *("-c:v", "libx264", "-preset", PRESET, "-crf", str(self.crf), "-movflags", "+faststart"),
            *(("-metadata", f"comment={self.comment}") if self.comment else ()),
            ffmpeg.url(temporary),
        ]

    def _messages(self) -> str:
        self._stderr.seek(0)
        return self._stderr.read(100_000).decode("utf-8", "replace")

    def _refuse(self, messages: str, cause: Exception | None = None) -> None:
        refuse(self.path, messages, cause)

    def _finish(self, temporary: Path) -> None:
        if not self.num_frames:
            raise LabError(f"{self.path}: no frame was written, so there is no video. Check the time range.")
        try:
            self._process.stdin.close()
        except OSError:
            pass  # what ffmpeg says next tells more
        if self._process.wait():
            self._refuse(self._messages())
        written = ffmpeg.count_frames(temporary)
        if written != self.num_frames:  # a disk that fills up at the very end need not fail the program
            self._refuse(self._messages() or f"{written} of {self.num_frames} frames arrived on the disk")
        if self.audio_from is not None and ffmpeg.probe(temporary) and self._has_sound():
            self._add_sound(temporary)

    def _has_sound(self) -> bool:
        return ffmpeg.run("-loglevel", "error", *ffmpeg.opening(self.audio_from), "-map", "0:a", "-t", "0.1",
                          "-c", "copy", "-f", "null", "-").returncode == 0  # fmt: skip

    def _add_sound(self, temporary: Path) -> None:
        start, end = self.audio_range
        copied = ("-map", "1:a", "-c", "copy")
        coded = ("-map", "1:a:0", "-c:v", "copy", "-c:a", "aac", "-b:a", "192k")
        if start or end is not None:
            stop = "" if end is None or math.isinf(end) else f":end={end:.6f}"
            trimmed = f"atrim=start={start:.6f}{stop},asetpts=PTS-{start:.6f}/TB"
            attempts = [(*coded, "-af", trimmed)]
        else:
            attempts = [copied, coded]  # a few codecs (Windows Media) may not stand in an mp4: those are coded again
        inputs = ("-loglevel", "error", "-y", "-i", ffmpeg.url(temporary), *ffmpeg.opening(self.audio_from))
        muxed = temporary.with_name(f"{files.PARTIAL}sound-{temporary.name.removeprefix(files.PARTIAL)}")
        try:
            for options in attempts:
                made = (*inputs, "-map", "0:v", *options, "-movflags", "+faststart", ffmpeg.url(muxed))
                done = ffmpeg.run(*made)
                if done.returncode == 0 and ffmpeg.count_frames(muxed) == self.num_frames:
                    os.replace(muxed, temporary)
                    return
                if "No space left" in done.stderr or "File too large" in done.stderr:
                    self._refuse(done.stderr)
        finally:
            muxed.unlink(missing_ok=True)
        reason = ffmpeg.complaint(done.stderr)
        warnings.warn(f"{self.audio_from}: its sound cannot be used ({reason}); {self.path} is silent.", stacklevel=2)
