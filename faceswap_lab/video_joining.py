"""Parts of a film into one file: pictures are copied as they are coded, sound is copied or cut to the same frames."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from faceswap_lab import ffmpeg, files
from faceswap_lab.video_writer import refuse

_LIST = "parts.ffconcat"


def join(
    parts: Sequence[tuple[Path, int]],
    out: str | os.PathLike,
    rate: Fraction,
    sound: str | os.PathLike | None = None,
    pieces: Sequence[tuple[Fraction, Fraction]] | None = None,
    comment: str | None = None,
) -> None:
    """Joins films that were coded alike, without coding their pictures again.

    Args:
        parts: files in one folder, each with its number of frames; made by `VideoWriter` with the same options.
        out: the file to be made; it appears when it is complete.
        rate: frames a second.
        sound: a file whose sound goes under the frames, or None; a file without sound gives none.
        pieces: (start, end) in seconds of what the frames show of `sound`, in order; its sound is cut at the sample, put
            together and coded (AAC, 192 kbit/s), silence where it has none. None: all of it, copied packet by packet.
        comment: text for the file's comment field.

    Raises:
        LabError: when the place cannot be written to, the disk is full or a part is damaged.
    """
    out = Path(out)
    total = sum(count for _, count in parts)
    listing = parts[0][0].with_name(_LIST)
    files.write_text(listing, "ffconcat version 1.0\n" + "".join(_entries(parts, rate)))
    metadata = ("-metadata", f"comment={comment}") if comment else ()
    with files.atomic_path(out) as temporary:
        pictures = ("-loglevel", "error", "-y", "-f", "concat", "-i", ffmpeg.url(listing))
        ending = ("-movflags", "+faststart", *metadata, ffmpeg.url(temporary))
        count = 0 if sound is None else sound_tracks(sound)
        said = ""
        for choice in _sound_choices(count, pieces):
            inputs = (*pictures, *ffmpeg.opening(sound)) if choice else pictures
            done = ffmpeg.run(*inputs, "-map", "0:v", "-c:v", "copy", *choice, *ending)
            if done.returncode == 0 and ffmpeg.count_frames(temporary) == total:
                break
            said = said or ffmpeg.complaint(done.stderr)
        else:
            refuse(out, done.stderr or "not all frames arrived on the disk")
        if count and not choice:
            warnings.warn(f"{sound}: its sound cannot be used ({said}); {out.name} is silent.", stacklevel=2)
    listing.unlink(missing_ok=True)


def _entries(parts: Sequence[tuple[Path, int]], rate: Fraction):
    """The parts' lines in ffmpeg's list; each length is the difference of rounded ends, so that rounding never adds up."""
    done = 0
    for path, count in parts:
        before, done = done, done + count
        length = round(done / rate * 1_000_000) - round(before / rate * 1_000_000)
        yield f"file '{path.name}'\nduration {length // 1_000_000}.{length % 1_000_000:06d}\n"


def sound_tracks(path: str | os.PathLike) -> int:
    """How many sound tracks a file has that can be read."""
    if not Path(path).is_file():
        return 0
    told = ffmpeg.run(
        "-loglevel", "info", *ffmpeg.opening(path), "-map", "0:a", "-t", "0.1", "-c", "copy", "-f", "null", "-"
    )
    if told.returncode:
        return 0
    return len(re.findall(r"^ *Stream #0:\d+.*?: Audio: ", told.stderr.split("Stream mapping:")[0], re.M))


def _sound_choices(count: int, pieces: Sequence[tuple[Fraction, Fraction]] | None) -> list[tuple[str, ...]]:
    """ffmpeg's options for the sound, the best first; () is silence."""
    coded = ("-c:a", "aac", "-b:a", "192k")
    if not count:
        return [()]
    if pieces is None:  # a few codecs (Windows Media) may not stand in an mp4: those are coded again
        return [("-map", "1:a", "-c:a", "copy"), ("-map", "1:a", *coded), ("-map", "1:a:0", *coded), ()]
    some = [_cut(tracks, pieces) for tracks in dict.fromkeys((count, 1))]
    return [*((*options, *coded) for options in some), ()]


def _cut(tracks: int, pieces: Sequence[tuple[Fraction, Fraction]]) -> tuple[str, ...]:
    """The filters that cut the first tracks into pieces of exact length and put these together."""
    graph, maps = [], []
    for track in range(tracks):
        split = "".join(f"[s{track}_{n}]" for n in range(len(pieces)))
        graph.append(f"[1:a:{track}]asplit={len(pieces)}{split}")
        for number, (start, end) in enumerate(pieces):
            begin, length = f"{float(start):.6f}", f"{float(end - start):.6f}"
            graph.append(
                f"[s{track}_{number}]atrim=start={begin}:end={float(end):.6f},asetpts=PTS-{begin}/TB,"
                f"aresample=async=1:first_pts=0,apad=whole_dur={length},atrim=end={length}[p{track}_{number}]"
            )
        joined = "".join(f"[p{track}_{n}]" for n in range(len(pieces)))
        graph.append(f"{joined}concat=n={len(pieces)}:v=0:a=1[t{track}]")
        maps += ["-map", f"[t{track}]"]
    return "-filter_complex", ";".join(graph), *maps
