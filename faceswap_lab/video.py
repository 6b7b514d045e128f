"""Video in and out: streams of frames at a constant rate, with the sound kept.

The ffmpeg program comes with the package imageio-ffmpeg. It is called with a list of arguments, never through a shell,
and files are named as `file:/absolute/path`, so that no file name is taken for an option or a protocol. Frames are
(H, W, 3) uint8 RGB; a video is never held in memory as a whole.
"""

from __future__ import annotations

import subprocess
import threading
import uuid
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np
import pandas as pd

from faceswap_lab import files
from faceswap_lab.errors import LabError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")
FOLDER_RATE = 25.0  # frames a second for a folder of pictures


@dataclass(frozen=True)
class Frame:
    """One frame: its number at the video's constant rate, its time in seconds, and the picture (H, W, 3) uint8 RGB."""

    index: int
    time: float
    image: np.ndarray


@dataclass(frozen=True)
class Video:
    """What is known of a video (or a folder of pictures), and its frames as a stream. Made by `open_video`.

    Args:
        path: the file or folder.
        fps: frames a second; a variable rate is brought to this constant one, in step with the sound.
        size: (width, height) in pixels as seen, after rotation.
        duration: seconds.
        num_frames: at `fps`; an estimate for files.
        has_audio: whether there is sound.
        rotation: degrees that the file asks to be turned by when shown (already applied to frames).
        kind: "video" or "folder".
    """

    path: Path
    fps: float
    size: tuple[int, int]
    duration: float
    num_frames: int
    has_audio: bool
    rotation: int
    kind: str

    def frames(self, every: int = 1, start: float | None = None, end: float | None = None) -> Iterator[Frame]:
        """Streams the frames whose number is a multiple of `every` and whose time lies in [start, end).

        Args:
            every: take every n-th frame.
            start, end: seconds from the beginning; None: the whole.

        Yields:
            `Frame`s in order.

        Raises:
            LabError: for a range that makes no sense, or when nothing can be decoded.

        Warns:
            UserWarning: when the file ends before it should; what is readable was used.
        """
        if int(every) != every or every < 1:
            raise LabError(f"every={every}: take every n-th frame with a whole number n of 1 or more.")
        if start is not None and start < 0 or end is not None and end <= (start or 0):
            raise LabError(f"start={start}, end={end}: the range must begin at 0 s or later and end after it begins.")
        first = 0 if not start else int(np.ceil(start * self.fps - 1e-6))
        first = -(-first // every) * every
        stop = None if end is None else int(np.ceil(end * self.fps - 1e-6))
        stream = self._picture_frames if self.kind == "folder" else self._video_frames
        return stream(int(every), first, stop)

    def _picture_frames(self, every: int, first: int, stop: int | None) -> Iterator[Frame]:
        for index, path in enumerate(pictures_in(self.path)):
            if stop is not None and index >= stop:
                return
            if index < first or index % every:
                continue
            image = _read_picture(path)
            if image is None:
                warnings.warn(f"{path}: this picture cannot be read and is skipped.", stacklevel=3)
                continue
            if (image.shape[1], image.shape[0]) != self.size:
                raise LabError(
                    f"{path}: this picture is {image.shape[1]}x{image.shape[0]}, the first one in the folder "
                    f"{self.size[0]}x{self.size[1]}. Put pictures of one size into a folder."
                )
            yield Frame(index, index / self.fps, image)

    def _video_frames(self, every: int, first: int, stop: int | None) -> Iterator[Frame]:
        wanted = f"gte(n\\,{first})*not(mod(n\\,{every}))" + (f"*lt(n\\,{stop})" if stop is not None else "")
        command = [
            *_ffmpeg("error"), "-i", _url(self.path), "-map", "0:v:0", "-an", "-sn",
            "-vf", f"fps={_rate(self.fps)},select='{wanted}',scale={self.size[0]}:{self.size[1]}",
            "-fps_mode", "passthrough",
        ]  # fmt: skip
        if stop is not None:
            command += ["-frames:v", str(max(0, -(-(stop - first) // every)))]
        command += ["-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"]
        width, height = self.size
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        complaints: list[bytes] = []
        listener = threading.Thread(target=lambda: complaints.append(process.stderr.read()), daemon=True)
        listener.start()  # a full pipe of complaints would stop the decoder
        index = first
        try:
            while True:
                data = process.stdout.read(width * height * 3)
                if len(data) < width * height * 3:
                    break
                image = np.frombuffer(data, np.uint8).reshape(height, width, 3)
                yield Frame(index, index / self.fps, image)
                index += every
        finally:
            process.stdout.close()
            process.kill()
            process.wait()
            listener.join()
        read = (index - first) // every
        expected = -(-((stop if stop is not None else self.num_frames) - first) // every)
        said = b"".join(complaints).decode(errors="replace").strip().splitlines()
        if read == 0 and first < self.num_frames:
            raise LabError(f"{self.path}: no frame could be decoded ({said[-1] if said else 'no reason given'}). Save it again as mp4.")
        if read < 0.9 * min(expected, self.num_frames // every) - 1:
            warnings.warn(
                f"{self.path}: the file is damaged or cut off; {read} of about {expected} frames could be read and are used.",
                stacklevel=3,
            )


def pictures_in(folder: Path) -> list[Path]:
    """The pictures of a folder, by name."""
    return sorted(p for p in Path(folder).iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and not p.name.startswith("."))


def open_video(path, fps: float | None = None) -> Video:
    """Looks at a video file, or at a folder of pictures.

    Args:
        path: any file that ffmpeg reads, or a folder of pictures of one size.
        fps: frames a second of a folder (`FOLDER_RATE` if None); a file has its own.

    Raises:
        LabError: when it is missing, empty, no video, or has no frame rate.
    """
    path = Path(path)
    if not path.exists():
        raise LabError(f"{path}: there is no such file or folder. Check the path.")
    return _open_folder(path, fps) if path.is_dir() else _open_file(path)


def _open_folder(path: Path, fps: float | None) -> Video:
    fps = FOLDER_RATE if fps is None else fps
    if not fps > 0:
        raise LabError(f"{path}: a frame rate of {fps} cannot be played. Give one above 0, such as fps=25.")
    pictures = pictures_in(path)
    if not pictures:
        raise LabError(f"{path}: there are no pictures in this folder ({', '.join(IMAGE_SUFFIXES)}). Give a video or another folder.")
    image = next((image for p in pictures if (image := _read_picture(p)) is not None), None)
    if image is None:
        raise LabError(f"{path}: none of the {len(pictures)} pictures can be read. Save them again as PNG.")
    size = (image.shape[1], image.shape[0])
    return Video(path, float(fps), size, len(pictures) / fps, len(pictures), False, 0, "folder")


def _open_file(path: Path) -> Video:
    if path.stat().st_size == 0:
        raise LabError(f"{path}: this file is empty. Copy or record it again.")
    # ffmpeg turns frames as the file asks; the first one shows what comes out.
    command = [*_ffmpeg("error"), "-i", _url(path), "-map", "0:v:0", "-frames:v", "1", "-f", "image2pipe", "-c:v", "ppm", "pipe:1"]
    result = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL)
    picture = cv2.imdecode(np.frombuffer(result.stdout, np.uint8), cv2.IMREAD_COLOR) if result.stdout else None
    if picture is None:
        said = result.stderr.decode(errors="replace").strip().splitlines()
        reason = said[-1].removeprefix(_url(path)).strip(": ") if said else "no picture in it"
        raise LabError(f"{path}: no video can be read from this file ({reason}). Give a video such as mp4, or save it again.")
    reader = imageio_ffmpeg.read_frames(_url(path))
    try:
        facts = next(reader)
    except (OSError, RuntimeError, StopIteration, IndexError, ValueError, AssertionError) as error:
        raise LabError(f"{path}: this file's frame rate cannot be read. Save it again as mp4.") from error
    finally:
        reader.close()
    fps, duration = float(facts.get("fps") or 0), float(facts.get("duration") or 0)
    if not 0 < fps <= 1000:
        raise LabError(f"{path}: this file states a frame rate of {fps:g}, which cannot be played. Save it again as mp4 with a rate, such as 25.")
    frames = max(1, round(duration * fps))
    size = (picture.shape[1], picture.shape[0])
    return Video(path, fps, size, duration or frames / fps, frames, bool(facts.get("audio_codec")), int(facts.get("rotate") or 0), "video")


class VideoWriter:
    """Writes frames as H.264 mp4 (libx264, yuv420p, BT.709), with the sound of another file; a context manager.

    The file appears under its name when the block ends well, and not at all otherwise.

    Args:
        path: the mp4 to be written.
        fps: frames a second.
        size: (width, height) of the frames; an odd side is padded by repeating its last line, as yuv420p needs.
        crf: constant rate factor, lower is better; 15 is visually lossless.
        audio_from: a video whose sound is kept: copied bit by bit when untrimmed, else cut (and encoded again as AAC).
        audio_start, audio_end: seconds of that sound to keep.
        comment: metadata that says what the file is.

    Raises:
        LabError: when the place cannot be written, the disk is full, or the frame rate is not above 0.
    """

    def __init__(
        self,
        path,
        fps: float,
        size: tuple[int, int],
        crf: float = 15,
        audio_from=None,
        audio_start: float = 0.0,
        audio_end: float | None = None,
        comment: str | None = None,
    ):
        if not fps > 0:
            raise LabError(f"{path}: a video cannot be written with a frame rate of {fps}. Give one above 0, such as 25.")
        self.path, self.fps, self.size, self.crf = Path(path), float(fps), tuple(size), crf
        self.audio_from, self.audio_start, self.audio_end = audio_from, audio_start or 0.0, audio_end
        self.comment = comment
        self.count = 0

    def __enter__(self) -> VideoWriter:
        files.make_folder(self.path.parent)
        files.remove_partial(self.path.parent)
        mark = f"{files.PARTIAL}{uuid.uuid4().hex[:8]}"
        self._silent = self.path.with_name(f"{mark}-silent.mp4")
        self._final = self.path.with_name(f"{mark}-final.mp4")
        self._said = self.path.with_name(f"{mark}.log")
        width, height = self.size
        command = [
            *_ffmpeg("error"), "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width + width % 2}x{height + height % 2}",
            "-r", _rate(self.fps), "-i", "pipe:0", "-vf", "scale=out_color_matrix=bt709:out_range=tv",
            "-c:v", "libx264", "-preset", "medium", "-crf", str(self.crf), "-pix_fmt", "yuv420p",
            "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", _url(self._silent),
        ]  # fmt: skip
        with files.clear_write_errors(self.path):
            self._log = open(self._said, "wb")
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=self._log)
        return self

    def write(self, image: np.ndarray) -> None:
        """Appends a frame, (H, W, 3) uint8 RGB.

        Raises:
            LabError: for another size or type, or when the encoder stopped (a full disk, say).
        """
        width, height = self.size
        if image.shape != (height, width, 3) or image.dtype != np.uint8:
            raise LabError(f"{self.path}: a frame of {image.shape} {image.dtype} does not fit a {width}x{height} video of uint8 RGB.")
        if width % 2 or height % 2:
            image = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        try:
            self._process.stdin.write(np.ascontiguousarray(image).data)
        except (BrokenPipeError, OSError) as error:
            raise self._failure() from error
        self.count += 1

    def __exit__(self, kind, error, trace) -> None:
        try:
            if kind is None:
                self._finish()
            else:
                self._process.kill()
        finally:
            if self._process.poll() is None:
                self._process.kill()
            self._process.wait()
            self._log.close()
            for left in (self._silent, self._final, self._said):
                left.unlink(missing_ok=True)

    def _finish(self) -> None:
        try:
            self._process.stdin.close()
        except OSError as error:
            raise self._failure() from error
        if self._process.wait() != 0:
            raise self._failure()
        if self.count == 0:
            raise LabError(f"{self.path}: no frame was written, so there is no video. Check the time range.")
        tags = ["-metadata", f"comment={self.comment}"] if self.comment else []
        trimmed = self.audio_start > 0 or self.audio_end is not None
        loud = self.audio_from is not None and open_video(self.audio_from).has_audio
        cut = ["-ss", f"{self.audio_start:.6f}"] if self.audio_start else []
        cut += ["-to", f"{self.audio_end:.6f}"] if self.audio_end is not None else []
        for codec in (["copy"] if not trimmed else []) + ["aac"]:  # some sound cannot stand in an mp4 as it is
            sound = [*cut, "-i", _url(self.audio_from), "-map", "0:v:0", "-map", "1:a:0", "-c:a", codec] if loud else []
            command = [*_ffmpeg("error"), "-y", "-i", _url(self._silent), *sound, "-c:v", "copy", *tags, "-movflags", "+faststart"]
            result = subprocess.run([*command, _url(self._final)], capture_output=True, stdin=subprocess.DEVNULL)
            if result.returncode == 0:
                break
        else:
            self._log.write(result.stderr)
            raise self._failure()
        with files.clear_write_errors(self.path):
            self._final.replace(self.path)

    def _failure(self) -> LabError:
        self._process.kill()
        self._process.wait()
        self._log.flush()
        said = self._said.read_text(errors="replace").strip() if self._said.exists() else ""
        if "No space left" in said or "File too large" in said or "Disk quota" in said:
            return LabError(f"{self.path}: the disk is full. Free some space and run again; the frames before this step are kept.")
        return LabError(f"{self.path}: the video could not be written ({said.splitlines()[-1] if said else 'the encoder stopped'}).")


def extract_frames(
    source,
    folder,
    every: int = 1,
    start: float | None = None,
    end: float | None = None,
    image_format: str = "png",
    quality: int = 95,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Writes the frames of a video as pictures: folder/000123.png, named by frame number, and frames.csv.

    Frames that are there already are kept, so a stopped extraction goes on.

    Args:
        source: a path or an opened `Video`.
        folder: where the pictures go.
        every, start, end: which frames, see `Video.frames`.
        image_format: "png" (lossless) or "jpg".
        quality: JPEG quality 1 to 100; ignored for PNG.
        progress: called with (frames done, frames in all).

    Returns:
        A table with columns file, index, time.

    Raises:
        LabError: for bad input, or a folder that cannot be written.
    """
    if image_format not in ("png", "jpg"):
        raise LabError(f"image_format={image_format!r}: choose 'png' or 'jpg'.")
    if not 1 <= quality <= 100:
        raise LabError(f"quality={quality}: JPEG quality runs from 1 to 100.")
    video = source if isinstance(source, Video) else open_video(source)
    folder = files.make_folder(folder)
    files.remove_partial(folder)
    options = [cv2.IMWRITE_JPEG_QUALITY, int(quality)] if image_format == "jpg" else [cv2.IMWRITE_PNG_COMPRESSION, 3]
    span = (video.duration if end is None else min(end, video.duration)) - (start or 0)
    total = max(1, round(span * video.fps / every))
    rows = []
    for frame in video.frames(every, start, end):
        name = f"{frame.index:06d}.{image_format}"
        if not (folder / name).exists():
            data = cv2.imencode(f".{image_format}", frame.image[..., ::-1], options)[1]
            with files.atomic_path(folder / name) as temporary:
                temporary.write_bytes(data.tobytes())
        rows.append({"file": name, "index": frame.index, "time": round(frame.time, 6)})
        if progress:
            progress(len(rows), max(total, len(rows)))
    table = pd.DataFrame(rows, columns=["file", "index", "time"])
    with files.atomic_path(folder / "frames.csv") as temporary:
        table.to_csv(temporary, index=False)
    return table


def _ffmpeg(level: str) -> list[str]:
    return [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-hide_banner", "-v", level]


def _url(path) -> str:
    return f"file:{Path(path).absolute()}"


def _rate(fps: float) -> str:
    """The rate as a fraction; 29.97 and its like are multiples of 1000/1001, and the difference would add up."""
    for candidate in (Fraction(round(fps * 1001 / 1000) * 1000, 1001), Fraction(round(fps * 1000), 1000)):
        if candidate > 0 and abs(float(candidate) - fps) < 0.004 and abs(fps - round(fps)) > 1e-3:
            return f"{candidate.numerator}/{candidate.denominator}"
    return f"{Fraction(fps).limit_denominator(1001)}"


def _read_picture(path: Path) -> np.ndarray | None:
    data = np.fromfile(path, np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    return None if image is None else np.ascontiguousarray(image[..., ::-1])
