"""FFmpeg's libraries, through PyAV: a file of unknown origin is opened, its packets are listed on one clock, its facts told.

`video` and `video_writer` stand on this.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import logging
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import overload

import av
import av.logging

from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import english
from faceswap_lab.video import structure, timing
from faceswap_lab.video.colours import HDR, Tags, names_transfer_alone, orientation, tags

# What a stranger's file may be: containers that hold their pictures and their sound themselves. Left out is all that names other
# files or addresses (playlists of ffconcat, HLS, DASH, IMF, SDP; numbered pictures; scripts and menus), whatever it is called.
CONTAINERS = (
    "mov", "mp4", "m4a", "3gp", "3g2", "mj2", "matroska", "webm", "avi", "gif", "apng", "mpegts", "mpegtsraw", "mpeg", "mpegvideo",
    "flv", "live_flv", "asf", "ogg", "nut", "ivf", "mxf", "dv", "rm", "wtv", "vob", "m4v", "h263", "h264", "hevc", "vvc", "av1",
    "obu", "mjpeg", "yuv4mpegpipe", "swf", "webp_pipe", "png_pipe", "jpeg_pipe", "bmp_pipe", "tiff_pipe",
    "wav", "w64", "aiff", "mp3", "aac", "ac3", "eac3", "flac", "caf", "amr", "au", "wv", "tta",
)  # fmt: skip
MOST_PIXELS = 1 << 26  # a frame: twice 8K (7680x4320); ffmpeg's own limit is four times as high
MOST_FRAMES = 10_000_000  # 46 hours at 60 frames a second; more is a header that lies
OPTIONS = {"protocol_whitelist": "file", "format_whitelist": ",".join(CONTAINERS), "max_pixels": str(MOST_PIXELS)}
THREADS = min(8, os.cpu_count() or 1)  # of a decoder, each of which holds a frame
PROBED = 5  # frames that are decoded to find out what a file holds
LONGEST_GAP = 10.0  # seconds; a longer one in a broadcast is a clock that was set anew
LEAST_STEP_BACK = 0.1  # seconds; a clock goes back by so much only where a file was put together
INTERLACED = english(
    "its pictures are marked as interlaced: where both fields of one differ in time, it was made of both (deinterlaced)"
)
_BROADCASTS = {"mpegts", "mpeg", "mpegtsraw", "vob"}
_INDEXED = {"mov", "matroska"}
_SEQUENCES = {"mpeg1video", "mpeg2video"}
CONCEALED = "concealed"  # `opaque` of a frame that its decoder made up in part
_complaining = threading.Lock()
logging.getLogger("libav").addHandler(logging.NullHandler())  # or what other threads meet meanwhile would be printed


@dataclass(frozen=True)
class Facts:
    """What a video file holds.

    Args:
        rate: frames a second, as an exact fraction; for a variable rate, the constant rate that comes nearest.
        size: width and height in pixels after rotation, with square pixels.
        times: when its frames are shown, see `timing.Times`.
        declared: seconds that the file claims to last, sound included, or None.
        has_audio: whether there is sound.
        turn: how its stored frames are turned for showing, see `colours.orientation`.
        rotation: the same in degrees clockwise.
        indexed: whether the file lists its frames (mp4, mkv), so that a jump into it lands where it should.
        damage: what is wrong with a file that was cut off or damaged, or "".
        transfer: "smpte2084" (PQ) or "arib-std-b67" (HLG) for a video of high dynamic range, else "".
        tags: what the file as a whole says of its colours.
        remarks: sentences about what reading it changes.
    """

    rate: Fraction
    size: tuple[int, int]
    times: timing.Times
    declared: float | None
    has_audio: bool
    turn: tuple[bool, bool, bool]
    rotation: int
    indexed: bool
    damage: str
    transfer: str
    tags: Tags
    remarks: tuple[str, ...]


def url(path: str | os.PathLike) -> str:
    """The path as FFmpeg takes it for a plain file, whatever it begins with or contains (-, :, %, blanks)."""
    return "file:" + os.path.abspath(path)


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


@contextlib.contextmanager
def opened(path: str | os.PathLike) -> Iterator[av.container.InputContainer]:
    """Opens a file which may come from anywhere: as a plain file, in a known container, of bounded frames.

    A playlist that is called video.mp4 would otherwise make FFmpeg read whatever files it names.

    Raises:
        LabError: when it is missing, empty or nothing that FFmpeg reads.
    """
    check_readable(Path(path))
    try:
        container = av.open(url(path), options=OPTIONS, metadata_errors="replace")
    except av.error.FFmpegError as error:
        raise _unreadable(path, error) from error
    with container:
        try:
            yield container
        finally:
            # A decoder is freed under Python's lock, and waits there for its threads. One of them may be about to log an error,
            # for which it needs that lock (while `_complaints` listens, in whatever thread): flushed first, which takes no lock,
            # they have nothing left to say.
            for stream in container.streams:
                if stream.codec_context is not None:
                    stream.codec_context.flush_buffers()


def _unreadable(path: str | os.PathLike, error: Exception | None) -> LabError:
    if isinstance(error, av.error.ArgumentError):  # not on the list of containers
        return LabError(
            f"{path}: this is no video but a playlist, or another kind of file that can name further ones; none of those was read. "
            "Give the video itself."
        )
    reason = f" ({getattr(error, 'strerror', None) or error})" if error else ""
    return LabError(
        f"{path}: this is no video that can be read{reason}, or it was cut off before its index was written. Check that it plays, "
        "or copy, download or record it again."
    )


def picture_stream(container: av.container.InputContainer, path: str | os.PathLike) -> av.VideoStream:
    """The first video stream of an opened file that is no cover picture.

    Raises:
        LabError: when there is none.
    """
    for stream in _picture_streams(container):
        return stream
    if container.streams.audio:
        raise LabError(f"{path}: there is sound in this file and no picture. Give a video.")
    raise _unreadable(path, None)


def _picture_streams(container: av.container.InputContainer) -> list[av.VideoStream]:
    cover = av.stream.Disposition.attached_pic
    return [one for one in container.streams.video if one.codec_context is not None and not one.disposition & cover]


def packets(container: av.container.InputContainer, stream: av.stream.Stream) -> Iterator[av.Packet]:
    """The packets of a stream in the file's order, on one clock: where that is set back (files put together), it goes on.

    The end of a file that is cut off is its end; `is_corrupt` marks a packet that is known to be incomplete. Each packet holds
    one picture; those of a file that has them packed otherwise (DivX) have no time of showing.
    """
    shift, expected, base = 0, None, stream.time_base
    assert base is not None  # whatever is demuxed has a clock
    jumps = LONGEST_GAP / base if _BROADCASTS & set(container.format.name.split(",")) else float("inf")
    with contextlib.suppress(av.error.FFmpegError):
        for packet in timing.unpacked(container.demux(stream), stream):
            if not packet.size and packet.dts is None:
                return
            if packet.dts is not None:
                gap = 0 if expected is None else packet.dts + shift - expected
                if gap < -LEAST_STEP_BACK / base or gap > jumps:
                    shift -= gap
                expected = packet.dts + shift + (packet.duration or 0)
            if shift:
                packet.dts = None if packet.dts is None else packet.dts + shift
                packet.pts = None if packet.pts is None else packet.pts + shift
            yield packet


@overload
def decoded(
    container: av.container.InputContainer, stream: av.VideoStream, failures: list[Exception] | None = None
) -> Iterator[av.VideoFrame]: ...
@overload
def decoded(
    container: av.container.InputContainer, stream: av.AudioStream, failures: list[Exception] | None = None
) -> Iterator[av.AudioFrame]: ...
def decoded(
    container: av.container.InputContainer,
    stream: av.VideoStream | av.AudioStream,
    failures: list[Exception] | None = None,
) -> Iterator[av.frame.Frame]:
    """The frames of a stream, pictures or sound; what cannot be decoded is left out, and why goes to `failures`."""
    for packet in _fed(packets(container, stream), stream):
        try:
            frames = stream.decode(packet)
        except av.error.EOFError:
            return
        except av.error.FFmpegError as error:  # at the end, each spoilt frame that a thread still holds costs one call
            frames = _concealed(stream, packet)
            if failures is not None:
                failures.append(error)
        yield from frames


def _fed(packets: Iterator[av.Packet], stream: av.stream.Stream) -> Iterator[av.Packet | None]:
    """The packets as a decoder takes them, None where it gives all that it holds: at the end, and where the size changes.

    Decoders of MPEG-1 and MPEG-2 drop the frame that they hold back when a sequence of another size begins.
    """
    known = b""
    for packet in packets:
        head = bytes(memoryview(packet)[:7]) if stream.codec_context.name in _SEQUENCES and packet.size else b""
        if head.startswith(b"\0\0\1\xb3"):  # a sequence's header; its size follows
            if known not in (b"", head):
                yield None
                stream.codec_context.flush_buffers()
            known = head
        yield packet
    yield from itertools.repeat(None, 2 + THREADS)


def _concealed(stream: av.stream.Stream, packet: av.Packet | None) -> list[av.VideoFrame]:
    """What of a frame of Motion JPEG can be decoded where its content breaks the rules, marked by `CONCEALED`."""
    if packet is None or stream.codec_context.name != "mjpeg":
        return []
    decoder = av.VideoCodecContext.create("mjpeg", "r")
    decoder.extradata, decoder.codec_tag = stream.codec_context.extradata, stream.codec_context.codec_tag
    decoder.options = {"max_pixels": str(MOST_PIXELS)}
    with contextlib.suppress(av.error.FFmpegError):
        frames = decoder.decode(packet)
        for frame in frames:
            frame.opaque = CONCEALED
        return frames
    return []


def comment(path: str | os.PathLike) -> str:
    """The comment in a file's metadata, or ""."""
    with opened(path) as container:
        return next((text for key, text in container.metadata.items() if key.lower() == "comment"), "")


def is_played(path: str | os.PathLike) -> bool:
    """Whether browsers play a video file's pictures: H.264 of 8 bits, 4:2:0."""
    with opened(path) as container:
        context = picture_stream(container, path).codec_context
        return context.name == "h264" and context.pix_fmt in ("yuv420p", "yuvj420p")


def count_frames(path: str | os.PathLike) -> int:
    """The number of coded frames in a video file, 0 where it is none; nothing is decoded."""
    with contextlib.suppress(LabError), opened(path) as container:
        return sum(1 for _ in packets(container, picture_stream(container, path)))
    return 0


def probe(path: str | os.PathLike) -> Facts:
    """Finds out what is in a video file, by decoding its first frames and listing its packets.

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
    with opened(path) as container:
        stream = picture_stream(container, path)
        width, height = stream.codec_context.width, stream.codec_context.height
        if width * height > MOST_PIXELS:
            raise _too_large(path)
        named = tags(stream.codec_context)  # before a frame is decoded: what the container says
        square = stream.sample_aspect_ratio or Fraction(1)
        first = list(itertools.islice(picture_frames(container, stream), PROBED))
        if not first and not width * height:
            raise LabError(
                f"{path}: its frames are larger than {MOST_PIXELS >> 20} megapixels, or it does not say how large they are. Give a "
                "smaller copy, or copy it again."
            )
        if not first:
            raise _unreadable(path, None)
        if max(first[0].width * first[0].height, width * height) * max(Fraction(1), square) > MOST_PIXELS:
            raise _too_large(path)
        colours = tags(first[0], named)
        turn, rotation = orientation(first[0])
        side = (round(first[0].width * square), first[0].height)
        transfer = HDR.get(colours.transfer, "")
        has_audio, declared = bool(container.streams.audio), container.duration
        indexed = bool(_INDEXED & set(container.format.name.split(",")))
        remarks = _remarks(first, colours, transfer)
        if (count := len(_picture_streams(container))) > 1:
            remarks = (*remarks, english("it has {count} video tracks, of which the first is used", count=count))
        broadcast = bool(_BROADCASTS & set(container.format.name.split(",")))
    with _complaints() as found, opened(path) as container:  # a short file is read to its end when it is opened
        stream = picture_stream(container, path)
        complaints = [one for one in found if one[1] == container.format.name]  # not those of decoders that look for a key frame
        found.clear()
        times, cut, cut_end = timing.listed(container, stream, packets(container, stream))
        complaints += found
        rate = timing.sensible_rate(stream.guessed_rate or stream.average_rate, times)
    fault = structure.fault(path, container.format.name)
    length = None if declared is None else declared / av.time_base
    if cut and broadcast and not cut_end:  # where broadcasts were put together, a packet is incomplete, too
        remarks, cut = (*remarks, english("a packet of it is incomplete: it was put together there, or is damaged")), False
    return Facts(
        rate=rate,
        size=side[::-1] if turn[0] else side,
        times=times,
        declared=length,
        has_audio=has_audio,
        turn=turn,
        rotation=rotation,
        indexed=indexed,
        damage=english("not all of its frames are there") if cut else fault or (structure.BROKEN if complaints else ""),
        transfer=transfer,
        tags=named,
        remarks=remarks,
    )


@contextlib.contextmanager
def _complaints() -> Iterator[list]:
    """What FFmpeg has to say of a file while its packets are listed in this thread: errors that it reports and passes over."""
    with _complaining, av.logging.Capture(local=True) as found:
        av.logging.set_level(av.logging.ERROR)
        try:
            yield found
        finally:
            av.logging.set_level(None)


def picture_frames(
    container: av.container.InputContainer, stream: av.VideoStream, damaged: bool = False, failures: list[Exception] | None = None
) -> Iterator[av.VideoFrame]:
    """The frames of a video stream by several threads; what a header claims to be too large is left out.

    Of a file that is known to be damaged, no frames are decoded side by side: those beside a spoilt one would be lost with it.
    """
    stream.thread_type, stream.thread_count = "SLICE" if damaged else "AUTO", THREADS
    # FFmpeg paints over what does not fit in a frame of Motion JPEG, and says so only when it is told to refuse it
    strict = {"err_detect": "explode"} if stream.codec_context.name == "mjpeg" else {}
    stream.codec_context.options = {"max_pixels": str(MOST_PIXELS), **strict}
    return decoded(container, stream, failures)


def _remarks(frames: list[av.VideoFrame], colours: Tags, transfer: str) -> tuple[str, ...]:
    found = []
    if any(frame.interlaced_frame for frame in frames):
        found.append(INTERLACED)
    if transfer:
        alone = names_transfer_alone(frames[0])
        found.append(
            english(
                "its high dynamic range ({transfer}) was brought to ordinary colours (only its transfer is named; BT.2020's "
                "primaries and a white of 100 cd/m2 are assumed)",
                transfer=transfer,
            )
            if alone
            else english("its high dynamic range ({transfer}) was brought to ordinary colours", transfer=transfer)
        )
    elif colours.guessed and not frames[0].format.is_rgb:
        found.append(
            english(
                "it does not say how its colours are coded: BT.{number} is assumed, as usual for this size, and named in "
                "what is written",
                number=colours.guessed,
            )
        )
    if any(part.is_alpha for part in frames[0].format.components):
        found.append(english("its transparency is not kept: the colours are taken as they are stored"))
    return tuple(found)


def _too_large(path: Path) -> LabError:
    return LabError(
        f"{path}: its frames are larger than {MOST_PIXELS >> 20} megapixels, or its header says so. Give a smaller copy."
    )
