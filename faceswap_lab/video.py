"""Video in and out: frames with exact times from any file that ffmpeg reads or any folder of pictures, and back.

A file's frames are numbered at one constant rate from its start, whatever way they are read, so that extraction and
conversion speak of the same frames, and sound stays in step with clips of variable rate.
"""

from __future__ import annotations

import math
import os
import re
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd

from faceswap_lab import ffmpeg, files
from faceswap_lab.errors import LabError
from faceswap_lab.pictures import IMAGE_SUFFIXES, MOST_PIXELS, list_pictures, picture_size, read_picture, write_picture
from faceswap_lab.video_writer import VideoWriter, exact_rate

__all__ = ["IMAGE_SUFFIXES", "Frame", "Video", "VideoWriter", "extract_frames", "open_video", "read_picture"]

FOLDER_FPS = 25.0
SEEK_MARGIN = 10.0  # seconds at a file's start that are decoded rather than jumped over
MARKER = "frames.json"


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
    """What is known about a video, and the way to its frames. `open_video` makes it.

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


def open_video(path: str | os.PathLike, fps: float | None = None) -> Video:
    """Opens a video file, a folder of pictures, or a single picture.

    Args:
        path: any file that ffmpeg reads, or a folder of pictures (or one picture).
        fps: the rate at which frames are counted; None: the file's own, 25 for pictures.

    Returns:
        The video. Nothing stays open.

    Raises:
        LabError: when it is missing, empty or no video, or the rate is no rate.
    """
    path = Path(path)
    if path.is_dir() or path.suffix.lower() in IMAGE_SUFFIXES:
        return _open_pictures(path, exact_rate(FOLDER_FPS if fps is None else fps))
    facts = ffmpeg.probe(path)
    rate = facts.rate if fps is None else exact_rate(fps)
    if facts.duration * rate > ffmpeg.MOST_FRAMES:
        raise LabError(
            f"{path}: it claims to last {facts.duration:.0f} s at {float(rate):.6g} frames a second, which is more than "
            f"{ffmpeg.MOST_FRAMES} frames. Copy it again, or cut it."
        )
    damage = facts.damage
    if not damage and facts.declared and facts.duration < facts.declared - 0.5 and not facts.has_audio:
        damage = f"{facts.duration:.2f} s of {facts.declared:.2f} s are there"
    return Video(
        path=path,
        rate=rate,
        size=facts.size,
        duration=facts.duration,
        num_frames=max(1, math.floor(facts.duration * rate + 0.5)),
        has_audio=facts.has_audio,
        rotation=facts.rotation,
        indexed=facts.indexed,
        damage=damage,
        transfer=facts.transfer,
    )


def _open_pictures(path: Path, rate: Fraction) -> Video:
    ffmpeg.check_readable(path)
    pictures = list_pictures(path) if path.is_dir() else [path]
    if not pictures:
        raise LabError(f"{path}: there is no picture in this folder. Put {', '.join(IMAGE_SUFFIXES)} files into it.")
    sizes = [size for picture in pictures if (size := picture_size(picture))]
    if not sizes:
        raise LabError(f"{path}: none of its {len(pictures)} pictures can be read. Copy them again.")
    size = (max(width for width, _ in sizes), max(height for _, height in sizes))
    if size[0] * size[1] > MOST_PIXELS:
        raise LabError(
            f"{path}: its pictures together need frames of {size[0]}x{size[1]} pixels. Part the tall from the wide ones."
        )
    count = len(pictures)
    return Video(path, rate, size, float(count / rate), count, kind="folder", pictures=tuple(pictures))


def extract_frames(
    source: str | os.PathLike | Video,
    folder: str | os.PathLike,
    every: int = 1,
    start: float | None = None,
    end: float | None = None,
    image_format: str = "png",
    quality: int = 95,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Writes frames as pictures, folder/000123.png, and a table of them, folder/frames.csv.

    Frames that are there already are not made again, so a stopped run goes on where it was. When the folder holds
    frames of another clip, format or quality, those are replaced.

    Args:
        source: a video file, a folder of pictures, or an opened `Video`.
        folder: where to write.
        every, start, end: as in `Video.frames`.
        image_format: "png" (lossless) or "jpg".
        quality: 0 to 100. JPEG: its quality. PNG: 100 writes fastest, 0 smallest; the picture is the same.
        progress: called with (frames done, frames in all).

    Returns:
        The table: file, index, time (seconds).

    Raises:
        LabError: when the source cannot be read, the folder cannot be written to or holds pictures of someone else's.
    """
    video = source if isinstance(source, Video) else open_video(source)
    folder = Path(folder)
    if image_format not in ("png", "jpg"):
        raise LabError(f"image_format={image_format!r}: there is no such choice. Take 'png' or 'jpg'.")
    if isinstance(quality, bool) or not 0 <= quality <= 100:
        raise LabError(f"quality={quality!r}: this is a number from 0 to 100.")
    wanted = video.indices(every, start, end)
    _prepare(folder, video, image_format, quality)
    names = {index: f"{index:06d}.{image_format}" for index in wanted}
    present = {entry.name for entry in os.scandir(folder)}
    missing = [index for index in wanted if names[index] not in present]
    done = len(wanted) - len(missing)
    if missing:
        for frame in video.frames(every, float(missing[0] / video.rate), end):
            name = names[frame.index]
            if name in present:
                continue
            write_picture(folder / name, frame.image, quality)
            present.add(name)
            done += 1
            if progress:
                progress(done, len(wanted))
    elif progress:
        progress(done, len(wanted))
    rows = [(names[index], index, float(index / video.rate)) for index in wanted if names[index] in present]
    table = pd.DataFrame(rows, columns=["file", "index", "time"])
    with files.atomic_path(folder / "frames.csv") as temporary:
        table.to_csv(temporary, index=False, float_format="%.6f")
    return table


def _prepare(folder: Path, video: Video, image_format: str, quality: int) -> None:
    """Makes the folder, and empties it of frames that were made from another clip or in another quality."""
    if video.kind == "folder" and folder.exists() and video.path.exists() and folder.samefile(video.path):
        raise LabError(f"{folder}: pictures cannot be written into the folder that they are read from. Choose another.")
    files.make_folder(folder)
    files.remove_partial(folder)
    sources = video.pictures or (video.path,)
    made_from = {
        "source": video.path.name,
        "bytes": sum(path.stat().st_size for path in sources),
        "rate": str(video.rate),
        "size": list(video.size),
        "format": image_format,
        "quality": int(quality),
    }
    old = [entry for entry in folder.iterdir() if re.fullmatch(r"\d{6}\.(png|jpg)", entry.name)]
    marker = folder / MARKER
    if old and not marker.exists():
        raise LabError(f"{folder}: pictures that were not made by this lab lie here. Choose an empty folder.")
    if not marker.exists() or files.read_json(marker) != made_from:
        for entry in old:
            entry.unlink()
        files.write_json(marker, made_from)
