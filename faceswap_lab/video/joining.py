"""Parts of a video into one file: pictures are copied as they are coded, sound is copied or cut to the same frames."""

from __future__ import annotations

import contextlib
import errno
import heapq
import os
import warnings
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import english
from faceswap_lab.video import ffmpeg
from faceswap_lab.video.sound import Pieces, Sound, sound_tracks

__all__ = ["join", "refuse", "sound_tracks"]
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EROFS)


def refuse(path: Path, cause: Exception | None) -> None:
    """Raises what an error of FFmpeg means, as a `LabError` about the file that was to be written."""
    number = getattr(cause, "errno", None)
    with files.clear_write_errors(path):
        if number in _FULL:
            raise OSError(errno.ENOSPC if number == errno.EFBIG else number, os.strerror(number)) from cause
    reason = getattr(cause, "strerror", None) or cause or "not all frames arrived on the disk"
    raise LabError(f"{path}: the video could not be written ({reason}). Run the command again.") from cause


def join(
    parts: Sequence[tuple[Path, int]],
    out: str | os.PathLike,
    rate: Fraction,
    sound: str | os.PathLike | None = None,
    pieces: Pieces | None = None,
    comment: str | None = None,
) -> None:
    """Joins videos that were coded alike, without coding their pictures again.

    Args:
        parts: files, each with its number of frames; made by `VideoWriter` with the same options.
        out: the file to be made; it appears when it is complete.
        rate: frames a second.
        sound: a file whose sound goes under the frames, or None; a file without sound gives none.
        pieces: (start, end) in seconds of what the frames show of `sound`, in order; its sound is cut at the sample, put
            together and coded (AAC, 192 kbit/s), silence where it has none. None: all of it, copied packet by packet, or coded
            where browsers do not play it.
        comment: text for the file's comment field.

    Raises:
        LabError: when the place cannot be written to, the disk is full or a part is damaged.
    """
    out, said = Path(out), None
    total = sum(count for _, count in parts)
    choices = ({"copy": True}, {"copy": False}) if sound is not None and sound_tracks(sound) else ()
    with files.atomic_path(out) as temporary:
        for choice in (*choices, None):  # a container may not take what is copied (opus in .mov), a decoder may fail
            try:
                _write(parts, temporary, rate, comment, choice and {"path": sound, "pieces": pieces, **choice})
            except av.error.FFmpegError as error:
                if choice is None or error.errno in _FULL:
                    refuse(out, error)
                said = said or error
                continue
            if ffmpeg.count_frames(temporary) != total:  # a disk that fills up at the very end need not tell
                refuse(out, None)
            break
        if choices and choice is None:
            silent = english("{sound}: its sound cannot be used ({why}); {name} is silent.", sound=sound, why=said, name=out.name)
            warnings.warn(silent, stacklevel=2)


def _write(
    parts: Sequence[tuple[Path, int]], path: Path, rate: Fraction, comment: str | None, sound: dict | None
) -> None:
    with contextlib.ExitStack() as stack:
        output = stack.enter_context(av.open(ffmpeg.url(path), "w", options={"movflags": "+faststart"}))
        if comment:
            output.metadata["comment"] = comment
        first = stack.enter_context(ffmpeg.opened(parts[0][0]))
        made = output.add_stream_from_template(ffmpeg.picture_stream(first, parts[0][0]))
        packets: list[Iterator[av.Packet]] = [_pictures(parts, made, rate)]
        if sound is not None:
            packets += stack.enter_context(Sound(output=output, rate=rate, **sound)).packets
        for packet in heapq.merge(*packets, key=lambda one: (one.dts or 0) * one.time_base):  # so that players need not jump
            output.mux_one(packet)


def _pictures(parts: Sequence[tuple[Path, int]], made: av.VideoStream, rate: Fraction) -> Iterator[av.Packet]:
    """The parts' packets on one clock; each part begins at its first frame's exact time, so that rounding never adds up."""
    done = 0
    for path, count in parts:
        with ffmpeg.opened(path) as container:
            for packet in ffmpeg.packets(container, ffmpeg.picture_stream(container, path)):
                offset = round(done / rate / packet.time_base)
                assert packet.pts is not None and packet.dts is not None  # what was coded here has both
                packet.pts, packet.dts, packet.stream = packet.pts + offset, packet.dts + offset, made
                yield packet
        done += count
