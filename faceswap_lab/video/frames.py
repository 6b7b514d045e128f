"""Video in: frames with exact times from any file that ffmpeg reads or any folder of pictures, and frames put on the disk.

How frames are read is in `video_reader`, how they are written as a video in `video_writer`.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import english
from faceswap_lab.video import ffmpeg, structure, timing
from faceswap_lab.video.pictures import (  # fmt: skip
    IMAGE_SUFFIXES,
    MOST_PIXELS,
    frame_seconds,
    list_pictures,
    picture_size,
    read_picture,
    write_picture,
)
from faceswap_lab.video.reader import Frame, Video
from faceswap_lab.video.writer import VideoWriter, exact_rate

__all__ = ["IMAGE_SUFFIXES", "Frame", "Video", "VideoWriter", "extract_frames", "open_video", "read_picture"]

FOLDER_FPS = 25.0
ANIMATED_SUFFIXES = (".webp", ".png", ".gif", ".avif")
LEAST_STEP = 16  # ms, of animated pictures: some 60 frames a second
MARKER = "frames.json"


def open_video(path: str | os.PathLike, fps: float | None = None) -> Video:
    """Opens a video file, a folder of pictures, or a single picture.

    Args:
        path: any file that ffmpeg reads, or a folder of pictures (or one picture).
        fps: the rate at which frames are counted; None: the file's own, 25 for pictures.

    Returns:
        The video. Nothing stays open.

    Raises:
        LabError: when it is missing, empty or no video, or the rate is no rate.

    Example:
        >>> video = lab.open_video(clip)
        >>> video.size, float(video.rate), next(video.frames(start=1.0)).image.shape
        ((384, 384), 20.0, (384, 384, 3))
    """
    path = Path(path)
    if path.suffix.lower() in ANIMATED_SUFFIXES and path.is_file():
        if (lengths := frame_seconds(path)) and (size := picture_size(path)):
            return _open_animation(path, lengths, size, fps)
    if path.is_dir() or path.suffix.lower() in IMAGE_SUFFIXES:
        return _open_pictures(path, exact_rate(FOLDER_FPS if fps is None else fps))
    facts = ffmpeg.probe(path)
    rate = facts.rate if fps is None else exact_rate(fps)
    _check_length(path, facts.times, rate)
    clock = timing.clock(facts.times, rate)
    damage = facts.damage
    if not damage and facts.declared and facts.times.end < facts.declared - 0.5 and not facts.has_audio:
        damage = english("{there:.2f} s of {declared:.2f} s are there", there=facts.times.end, declared=facts.declared)
    return Video(
        path=path,
        rate=rate,
        size=facts.size,
        duration=len(clock.shown) / float(rate) if clock.start else facts.times.end,
        num_frames=len(clock.shown),
        has_audio=facts.has_audio,
        rotation=facts.rotation,
        indexed=facts.indexed,
        damage=damage,
        transfer=facts.transfer,
        start=clock.start,
        remarks=[*facts.remarks, *_timing_remarks(clock, rate)],
        times=facts.times,
        clock=clock,
        turn=facts.turn,
        tags=facts.tags,
    )


def _check_length(path: Path, times: timing.Times, rate: Fraction) -> None:
    if times.end * rate > ffmpeg.MOST_FRAMES:
        raise LabError(
            f"{path}: it claims to last {times.end:.0f} s at {float(rate):.6g} frames a second, which is more than "
            f"{ffmpeg.MOST_FRAMES} frames. Copy it again, or cut it."
        )


def _timing_remarks(clock: timing.Clock, rate: Fraction) -> list[str]:
    if not (clock.doubled or clock.dropped):
        return []
    return [
        english(
            "its frames do not come at a constant rate: at {rate:.6g} a second, {doubled} are doubled and {dropped} "
            "dropped",
            rate=float(rate),
            doubled=clock.doubled,
            dropped=clock.dropped,
        )
    ]


def _open_animation(path: Path, lengths: list[float], size: tuple[int, int], fps: float | None) -> Video:
    """An animated picture, whose frames Pillow reads."""
    ends = np.cumsum(lengths)
    times = timing.Times(np.arange(len(ends)), np.r_[0.0, ends[:-1]], float(ends[-1]), True)
    common = math.gcd(*(round(1000 * length) for length in lengths))
    usual = Fraction(1000, max(1, round(1000 * float(np.median(lengths)))))
    if fps is not None:
        rate = exact_rate(fps)
    elif common >= LEAST_STEP:  # a frame that stays longer lasts so many ticks
        rate = Fraction(1000, common)
    else:
        rate = timing.sensible_rate(usual, times)
    _check_length(path, times, rate)
    clock = timing.clock(times, rate)
    remarks = _timing_remarks(clock, rate)
    damage = structure.fault(path, "gif") if path.suffix.lower() == ".gif" else ""
    return Video(path, rate, size, times.end, len(clock.shown), times, clock, damage=damage, remarks=remarks)


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
    times = timing.Times(np.arange(count), np.arange(count) / float(rate), float(count / rate), True)
    return Video(path, rate, size, times.end, count, times, timing.clock(times, rate), kind="folder", pictures=tuple(pictures))


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

    Example:
        >>> table = lab.extract_frames(clip, "frames", every=5, end=0.4)
        >>> table["file"].tolist()
        ['000000.png', '000005.png']
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
