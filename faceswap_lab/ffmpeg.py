"""ffmpeg, run as a program: what is in a file, and what its messages mean. `video` and `video_writer` stand on this."""

from __future__ import annotations

import functools
import os
import re
import subprocess
import warnings
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg

from faceswap_lab.errors import LabError

SCALING = "bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"  # colours to within rounding, at a little time
# What a file of variable rate without a sensible rate of its own (screen recordings claim 1000) is brought to.
STANDARD_RATES = (Fraction(24000, 1001), *map(Fraction, (24, 25)), Fraction(30000, 1001), *map(Fraction, (30, 50, 60)))
# Ctrl-C goes to all programs of the terminal's group; these end when their reader or writer closes the pipe.
APART = {"process_group": 0} if os.name == "posix" else {}
_HDR = ("smpte2084", "arib-std-b67")
_WHITE = 203  # cd/m2 of an ordinary picture's white in a film of high dynamic range: ITU-R BT.2408
# What a stranger's file may be: containers that hold their pictures and their sound themselves. Left out is all that names other
# files or addresses (playlists of ffconcat, HLS, DASH, IMF, SDP; numbered pictures; scripts and menus), whatever it is called.
CONTAINERS = (
    "mov", "mp4", "m4a", "3gp", "3g2", "mj2", "matroska", "webm", "avi", "gif", "apng", "mpegts", "mpegtsraw", "mpeg", "mpegvideo",
    "flv", "live_flv", "asf", "ogg", "nut", "ivf", "mxf", "dv", "rm", "wtv", "vob", "m4v", "h263", "h264", "hevc", "vvc", "av1",
    "obu", "mjpeg", "yuv4mpegpipe", "swf", "webp_pipe", "webp_anim", "png_pipe", "jpeg_pipe", "bmp_pipe", "tiff_pipe",
    "wav", "w64", "aiff", "mp3", "aac", "ac3", "eac3", "flac", "caf", "amr", "au", "wv", "tta",
)  # fmt: skip
PROTOCOLS = "file,pipe"  # no address is opened, not even by a file that asks for it
MOST_PIXELS = 1 << 26  # a frame: twice 8K (7680x4320); ffmpeg's own limit is four times as high
MOST_FRAMES = 10_000_000  # 46 hours at 60 frames a second; more is a header that lies
SQUARE_PIXELS = f"scale=w='min(round(iw*sar),ceil({MOST_PIXELS + 1}/ih))':h=ih,setsar=1"


@dataclass(frozen=True)
class Facts:
    """What a video file holds.

    Args:
        rate: frames a second, as an exact fraction; for a variable rate, the constant rate that comes nearest.
        size: width and height in pixels after rotation, with square pixels.
        duration: seconds from the file's start to the end of the last readable frame.
        declared: seconds that the file claims to last, sound included, or None.
        has_audio: whether there is sound.
        rotation: degrees clockwise that the stored frames are turned by for showing.
        indexed: whether the file lists all its frames (mp4, mov), so that a jump into it lands where it should.
        damage: ffmpeg's complaint about a file cut off in the middle, or "".
        transfer: "smpte2084" (PQ) or "arib-std-b67" (HLG) for a film of high dynamic range, else "".
    """

    rate: Fraction
    size: tuple[int, int]
    duration: float
    declared: float | None
    has_audio: bool
    rotation: int
    indexed: bool
    damage: str
    transfer: str


def program() -> str:
    """The ffmpeg program that comes with imageio-ffmpeg (or the one that IMAGEIO_FFMPEG_EXE names).

    Raises:
        LabError: when there is none for this machine.
    """
    try:
        return imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError as error:
        raise LabError("ffmpeg: no such program was found. pip install --force-reinstall imageio-ffmpeg") from error


def url(path: str | os.PathLike) -> str:
    """The path as ffmpeg takes it for a plain file, whatever it begins with or contains (-, :, %, blanks)."""
    return "file:" + os.path.abspath(path)


def opening(path: str | os.PathLike) -> tuple[str, ...]:
    """ffmpeg's options that open a file which may come from anywhere: as a plain file, in a known container, of bounded frames.

    A playlist that is called film.mp4 would otherwise make ffmpeg read whatever files it names.
    """
    bounds = (
        "-protocol_whitelist",
        PROTOCOLS,
        "-format_whitelist",
        ",".join(CONTAINERS),
        "-max_pixels",
        str(MOST_PIXELS),
    )
    return (*bounds, "-i", url(path))


def complaint(messages: str) -> str:
    """The first line of ffmpeg's messages that says what is wrong, without memory addresses; "" when there is none."""
    lines = [re.sub(r"^(\[[^\]]*\] )+", "", line).strip() for line in messages.splitlines()]
    lines = [line for line in lines if line and "Last message repeated" not in line]
    telling = [line for line in lines if re.search("partial file|prematurely|moov|No space|denied|Invalid data", line)]
    return (telling or lines or [""])[0].rstrip(".")


def run(*arguments: str) -> subprocess.CompletedProcess:
    """Runs ffmpeg to its end and keeps its output as text; a non-zero exit status is the caller's to judge."""
    command = [program(), "-hide_banner", "-nostdin", *arguments]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", errors="replace")


def tone_mapping(transfer: str) -> str:
    """Filters that bring a film of high dynamic range to ordinary colours (BT.709); "" where there is nothing to do.

    What an ordinary picture can show keeps its colours (a PQ or HLG copy of the actors comes back within 2 levels of 255, as it
    lies it is 12 to 17 levels off); what is brighter is compressed. Without these filters such a film looks grey, and a face
    from it is no face that a model has seen.

    Args:
        transfer: see `Facts`.
    """
    if not transfer:
        return ""
    if not _has_filter("zscale"):
        warnings.warn(
            "this ffmpeg has no zscale filter, and the film's high dynamic range cannot be brought to ordinary colours: it will "
            "look grey. Use the ffmpeg of imageio-ffmpeg.",
            stacklevel=2,
        )
        return ""
    return (
        f"zscale=t=linear:npl={_WHITE},format=gbrpf32le,zscale=p=bt709,tonemap=mobius:param=0.8:desat=0,"
        "zscale=t=bt709:m=bt709:r=tv,format=yuv444p,"
    )


@functools.lru_cache(maxsize=8)
def _has_filter(name: str) -> bool:
    return re.search(rf"^ *[.TSC]+ {name} ", run("-filters").stdout, re.M) is not None


def check_readable(path: Path) -> None:
    """Refuses what no reader could open.

    Raises:
        LabError: when there is no such file, it is empty or a device, or may not be read.
    """
    if not path.exists():
        raise LabError(f"{path}: no such file. Check the name and the folder.")
    if not (path.is_file() or path.is_dir()):  # a pipe would be waited for
        raise LabError(f"{path}: this is no ordinary file. Give a file or a folder.")
    if path.is_file() and path.stat().st_size == 0:
        raise LabError(f"{path}: this file is empty. Copy or download it again.")
    if not os.access(path, os.R_OK):
        raise LabError(f"{path}: this may not be read. Change its permissions.")


def probe(path: str | os.PathLike) -> Facts:
    """Finds out what is in a video file, by decoding its first frame and listing its packets.

    Args:
        path: the file.

    Returns:
        The facts. They are remembered until the file changes.

    Raises:
        LabError: when the file is missing, empty, no video, or no frame of it can be decoded.
    """
    path = Path(path)
    check_readable(path)
    state = path.stat()
    return _probe(path.absolute(), state.st_size, state.st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _probe(path: Path, size: int, changed: int) -> Facts:
    # framecrc is ffmpeg's own table of frames: its header gives the exact rate and the size after every filter, where
    # the text meant for people rounds 24000/1001 to 23.98 and tells the size before rotation.
    first = run(*opening(path), "-map", "0:V:0", "-frames:v", "1", "-vf", SQUARE_PIXELS, "-fps_mode", "cfr",
                "-f", "framecrc", "-")  # fmt: skip
    base = re.search(r"^#tb 0: (\d+)/(\d+)", first.stdout, re.M)
    dimensions = re.search(r"^#dimensions 0: (\d+)x(\d+)", first.stdout, re.M)
    if not (base and dimensions and re.search(r"^0,", first.stdout, re.M)):
        raise _unreadable(path, first.stderr)
    if int(dimensions[1]) * int(dimensions[2]) > MOST_PIXELS:
        raise _too_large(path)
    text = first.stderr.split("Stream mapping:")[0]
    stream = re.search(r"^ *Stream #0:\d+.*?: Video: .*$", text, re.M)
    average = re.search(r" (\d+(?:\.\d+)?)(k?) fps", stream.group() if stream else "")
    rate = _sensible_rate(Fraction(int(base[2]), int(base[1])), average)
    turned = re.search(r"rotation of (-?\d+(?:\.\d+)?) degrees", text)
    declared = re.search(r"^ *Duration: (\d+):(\d+):(\d+\.\d+)", text, re.M)
    end, damage = _scan(path, rate)
    return Facts(
        rate=rate,
        size=(int(dimensions[1]), int(dimensions[2])),
        duration=end,
        declared=sum(float(part) * unit for part, unit in zip(declared.groups(), (3600, 60, 1), strict=True))
        if declared
        else None,
        has_audio=re.search(r"^ *Stream #0:\d+.*?: Audio: ", text, re.M) is not None,
        rotation=round(-float(turned[1])) % 360 if turned else 0,
        indexed=re.match(r"Input #0, mov,mp4", text) is not None,
        damage=damage,
        transfer=next((name for name in _HDR if name in (stream.group() if stream else "")), ""),
    )


def _sensible_rate(rate: Fraction, average: re.Match | None) -> Fraction:
    mean = float(average[1]) * (1000 if average[2] else 1) if average else float(rate)
    if rate > 60 and mean > 0 and rate > 1.5 * mean:
        return next((standard for standard in STANDARD_RATES if standard > mean - 0.01), rate)
    return rate


def _unreadable(path: Path, messages: str) -> LabError:
    if "Format not on whitelist" in messages:
        return LabError(
            f"{path}: this is no video but a playlist, or another kind of file that can name further ones; none of those was read. "
            "Give the film itself."
        )
    if re.search(
        r"Picture size \d+x\d+ (exceeds|is invalid)|Invalid (image|video) size|exceeds .*max_pixels", messages
    ):
        return _too_large(path)
    if "matches no streams" in messages and " Audio: " in messages:
        return LabError(f"{path}: there is sound in this file and no picture. Give a video.")
    if "moov atom not found" in messages:
        return LabError(
            f"{path}: this is no video, or one that was cut off before its index was written (moov atom not found). "
            "Copy, download or record it again."
        )
    reason = complaint(messages.split("Stream mapping:")[-1]) if "Stream mapping:" in messages else complaint(messages)
    reason = f" ({reason})" if reason and not reason.startswith(("Input #", "Stream #")) else ""
    return LabError(f"{path}: this is no video that ffmpeg can read{reason}. Check that it plays, or copy it again.")


def _too_large(path: Path) -> LabError:
    return LabError(
        f"{path}: its frames are larger than {MOST_PIXELS >> 20} megapixels, or its header says so. Give a smaller copy."
    )


def count_frames(path: str | os.PathLike) -> int:
    """The number of coded frames in a video file; nothing is decoded."""
    listing = run("-loglevel", "error", *opening(path), "-map", "0:V:0", "-c", "copy", "-f", "framecrc", "-")
    return sum(line.startswith("0,") for line in listing.stdout.splitlines())


def _scan(path: Path, rate: Fraction) -> tuple[float, str]:
    """Seconds from the file's start to the end of its last frame, and ffmpeg's complaint about a broken file."""
    command = [program(), "-hide_banner", "-nostdin", "-loglevel", "error", *opening(path), "-map", "0:V:0"]
    command += ["-c", "copy", "-f", "framecrc", "-"]
    base, end = Fraction(1), Fraction(0)
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "errors": "replace"}
    with subprocess.Popen(command, **streams) as process:
        messages = []
        for line in process.stdout:  # line by line: a long video has millions of packets
            if line.startswith("#tb 0: "):
                base = Fraction(line[7:].strip())
            elif line.startswith("0,"):
                fields = line.split(",")
                length = int(fields[3]) * base or 1 / rate
                end = max(end, int(fields[2]) * base + length)
            elif not line.startswith("#") and len(messages) < 20:
                messages.append(line)
    return float(end), complaint("".join(messages))
