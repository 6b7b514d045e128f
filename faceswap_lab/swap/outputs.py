"""What a conversion can write: a video, a moving GIF, a folder of pictures or one picture; and what a frame shows."""

from __future__ import annotations

import math
import os
import re
import shutil
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.filter import Graph

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.base.safeguards import MARKER, Mark
from faceswap_lab.swap import blending, label
from faceswap_lab.swap.swapping import Swap
from faceswap_lab.video import Video, ffmpeg
from faceswap_lab.video.joining import refuse
from faceswap_lab.video.pictures import WRITTEN_SUFFIXES, list_pictures, read_picture, write_picture
from faceswap_lab.video.writer import SUFFIXES

DIFFERENCE_GAIN = 4
_GIF_RATE = 50  # a GIF counts in hundredths of a second, and players show nothing faster


def kind_of(out: Path) -> str:
    """What an output is by its name's ending: "video", "gif", "picture" or "pictures" (a folder).

    Raises:
        LabError: for an ending that nothing is written as.
    """
    suffix = out.suffix.lower()
    if suffix in SUFFIXES:
        return "video"
    if suffix == ".gif":
        return "gif"
    if suffix in WRITTEN_SUFFIXES:
        return "picture"
    if suffix and re.fullmatch(r"\.[a-z0-9]{2,5}", suffix) and not out.is_dir():
        known = ", ".join((*SUFFIXES, ".gif"))
        raise LabError(
            f"{out}: nothing is written as {suffix}. Give {known}, .png for one picture, or a folder's name."
        )
    return "pictures"


def check_place(out: Path, video: Video, overwrite: bool) -> str:
    """Looks whether an output may be written, before any work is done.

    Returns:
        Its kind, see `kind_of`.

    Raises:
        LabError: when it is the target itself (by whatever name), is there already, or is something else.
    """
    inputs = {video.path, *(picture.parent for picture in video.pictures), *video.pictures}
    if any(_same(out, given) for given in inputs if given.is_dir() == out.is_dir() or not out.exists()):
        raise LabError(f"{out}: this is the target clip itself. Choose another name for the swapped video.")
    kind = kind_of(out)
    if kind == "picture" and video.num_frames != 1:
        raise LabError(
            f"{out}: {video.path} has {video.num_frames} frames, and a picture holds one. Name a folder or a video."
        )
    if kind == "pictures" and out.is_file() or kind != "pictures" and out.is_dir():
        raise LabError(f"{out}: a {'file' if out.is_file() else 'folder'} has this name. Choose another one.")
    if out.is_dir() and any(out.iterdir()):
        own = {MARKER, *(path.name for path in out.glob("[0-9]" * 6 + ".png"))}
        if not (out / MARKER).exists() or any(entry.name not in own for entry in out.iterdir()):
            raise LabError(
                f"{out}: this folder holds other pictures or files. Choose another one for the swapped frames."
            )
    if not overwrite and (out.is_file() or (out / MARKER).exists()):
        raise LabError(
            f"{out}: this is there already, and is kept. Choose another name, or say overwrite=True (--overwrite) to replace it."
        )
    return kind


def _same(one: Path, other: Path) -> bool:
    if one.exists() and other.exists():
        return os.path.samefile(one, other)
    return os.path.realpath(one) == os.path.realpath(other)


def arranged(
    image: np.ndarray,
    swapped: np.ndarray,
    swap: Swap | None,
    output: str,
    blend: str,
    corner: str | None,
    marker: Mark | None = None,
) -> np.ndarray:
    """The picture that is written.

    Args:
        image, swapped: (H, W, 3) uint8 RGB, the target's frame before and after.
        swap: the face in it, or None.
        output: "swap", "target+swap" and "target+swap+mask" (side by side), or "difference": `DIFFERENCE_GAIN` times the
            change of each channel, on mid-grey. 128 is no change, 132 one level lighter, and 32 levels reach the end.
        blend: "direct" shows a mask of the whole square.
        corner: where the label is drawn, or None.
        marker: of the watermark, or None. It goes on the picture with the swap alone: the target beside it, and a frame
            without a face to swap, are not synthetic.

    Returns:
        (H, W or 2 W or 3 W, 3) uint8 RGB.
    """
    if output == "difference":
        change = (swapped.astype(np.int16) - image) * DIFFERENCE_GAIN + 128
        swapped = np.clip(change, 0, 255).astype(np.uint8)
    if marker is not None and swap is not None:
        swapped = marker.apply(swapped)
    pictures = [swapped if corner is None else label.draw_label(swapped, corner)]
    if output.startswith("target"):
        pictures.insert(0, image)
    if output.endswith("mask"):
        counts = np.zeros(image.shape[:2], np.float32)
        if swap is not None:
            used = np.ones_like(swap.mask) if blend == "direct" else swap.mask
            counts = blending.place_mask(image.shape, used, swap.matrix)
        pictures.append(np.repeat(np.rint(counts * 255).astype(np.uint8)[..., None], 3, axis=2))
    return pictures[0] if len(pictures) == 1 else np.concatenate(pictures, axis=1)


def place_pictures(folder: Path, out: Path) -> None:
    """Puts finished pictures with their marker at an output's name: the whole folder, in place of an earlier one."""
    with files.clear_write_errors(out):
        old = out.with_name(f".{out.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        if out.exists():
            os.replace(out, old)
        os.replace(folder, out)
        shutil.rmtree(old, ignore_errors=True)


def place_picture(folder: Path, out: Path) -> None:
    """Writes the only picture of a folder at an output's name, in the format of its ending."""
    found = list_pictures(folder)
    if not found:
        raise LabError(f"{out}: no frame was written, so there is no picture. Check the target.")
    write_picture(out, read_picture(found[0]))


def write_gif(folder: Path, out: Path, rate: Fraction) -> None:
    """Makes a moving GIF of a folder's pictures, with one palette of 256 colours that fits them all.

    Args:
        folder: its pictures, in order.
        out: the file; it appears when it is complete.
        rate: frames a second; over 50, frames are left out.

    Raises:
        LabError: when there is no picture, or the place cannot be written to.
    """
    pictures = list_pictures(folder)
    if not pictures:
        raise LabError(f"{out}: no frame was written, so there is no GIF. Check the time range.")
    step = max(1, math.ceil(rate / _GIF_RATE))
    with files.atomic_path(out) as temporary:
        try:
            first = av.VideoFrame.from_ndarray(read_picture(pictures[0]), "rgb24")  # all have one size
            maker = _graph(first, ("palettegen", "stats_mode=full"))
            for picture in pictures[::step]:
                maker.vpush(av.VideoFrame.from_ndarray(read_picture(picture), "rgb24"))
            maker.vpush(None)
            _write_gif(temporary, pictures[::step], rate / step, maker.vpull())
        except av.error.FFmpegError as error:
            refuse(out, error)


def _write_gif(path: Path, pictures: list[Path], rate: Fraction, palette: av.VideoFrame) -> None:
    graph = None
    with av.open(ffmpeg.url(path), "w", options={"loop": "0"}) as output:
        stream = output.add_stream("gif", rate)
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(read_picture(picture), "rgb24")
            frame.pts, frame.time_base = number, 1 / rate
            if graph is None:
                graph = _graph(frame, ("paletteuse", "dither=sierra2_4a:diff_mode=rectangle"), palette)
                stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, "pal8"
            graph.vpush(frame, at=0)
            made = graph.vpull()
            made.pts, made.time_base = number, 1 / rate
            output.mux(stream.encode(made))
        output.mux(stream.encode(None))


def _graph(frame: av.VideoFrame, last: tuple[str, str], palette: av.VideoFrame | None = None) -> Graph:
    """A graph that takes frames like this one through a filter of libavfilter's, beside a palette where it takes one."""
    graph = Graph()
    node, sink = graph.add(*last), graph.add("buffersink")
    for number, one in enumerate((frame,) if palette is None else (frame, palette)):
        base = one.time_base or Fraction(1, 25)
        source = graph.add_buffer(
            width=one.width, height=one.height, format=one.format, name=f"in{number}", time_base=base
        )
        source.link_to(node, 0, number)
    node.link_to(sink)
    graph.configure()
    if palette is not None:
        graph.vpush(palette, at=1)
        graph.vpush(None, at=1)
    return graph
