"""A video made in parts, so that a stop at any moment costs one part and the rest is never made again.

Beside the output lies a folder .NAME.parts while it is being made: key.json with everything that the result depends on, and
for each finished part its frames (part-000003.mp4, or pictures) and part-000003.json, which is written last. Another key
empties the folder. What a later run writes is the same to the last bit, since every part is coded by itself.
"""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.swap.ranges import FramePlan
from faceswap_lab.video.joining import join
from faceswap_lab.video.pictures import write_picture
from faceswap_lab.video.writer import VideoWriter

PART_FRAMES = 250  # libx264 begins anew after so many frames anyway, so that parts cost nothing
_KEY = "key.json"


@dataclass
class Tally:
    """What happened to some frames.

    Args:
        frames, swapped, bridged: how many were written; of these with a face put in; of these with its place reckoned.
        left: why the others were passed through -> how many.
        change, pixels, alpha, area: sums over the faces' outlines, see `conversion_report.measured`.
        stretches: [first, stop] of frame indices that were written, in order.
    """

    frames: int = 0
    swapped: int = 0
    bridged: int = 0
    left: dict[str, int] = field(default_factory=dict)
    change: float = 0.0
    pixels: float = 0.0
    alpha: float = 0.0
    area: float = 0.0
    stretches: list[list[int]] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Takes over another tally of later frames."""
        for name in ("frames", "swapped", "bridged", "change", "pixels", "alpha", "area"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for why, count in other.left.items():
            self.left[why] = self.left.get(why, 0) + count
        for first, stop in other.stretches:
            if self.stretches and self.stretches[-1][1] == first:
                self.stretches[-1][1] = stop
            else:
                self.stretches.append([first, stop])


@dataclass(frozen=True)
class Coding:
    """How frames are coded: the rate, the size (width, height) and libx264's quality; None for `crf` writes pictures."""

    rate: Fraction
    size: tuple[int, int]
    crf: int | None


class Parts:
    """The parts of one output.

    Args:
        out: the output.
        key: all that the result depends on, as JSON can hold it.
        plan: the frames to be written.
        coding: how.
        length: frames a part.
        kept: a folder where each frame is kept as a picture besides; a part without its pictures there is made again.

    Attributes:
        position: of the first frame that is still to be written.
        tally: of all that is finished.
    """

    def __init__(self, out: Path, key: dict, plan: FramePlan, coding: Coding, length: int, kept: Path | None = None):
        self.folder = parts_folder(out)
        self.plan, self.coding, self.length, self.kept = plan, coding, length, kept
        if self.folder.is_symlink():
            self.folder.unlink()
        if self.folder.is_dir() and not self._same(key):
            shutil.rmtree(self.folder)
        files.make_folder(self.folder)
        files.remove_partial(self.folder)
        files.write_json(self.folder / _KEY, key)
        if coding.crf is None:
            files.remove_partial(files.make_folder(self.pictures))
        self.tally = Tally()
        self.done: list[int] = []
        while (found := self._finished(len(self.done))) is not None:
            self.done.append(found.frames)
            self.tally.add(found)
        self.position = min(len(self.done) * length, len(plan))
        self._open, self._stack = Tally(), contextlib.ExitStack()
        self._writer: VideoWriter | None = None

    @property
    def pictures(self) -> Path:
        """Where frames lie that are written as pictures."""
        return self.folder / "pictures"

    def _same(self, key: dict) -> bool:
        if any(path.is_symlink() for path in self.folder.rglob("*")):  # not made by us: frames from elsewhere
            return False
        try:
            return files.read_json(self.folder / _KEY) == key
        except LabError:
            return False

    def _video(self, number: int) -> Path:
        return self.folder / f"part-{number:06d}.mp4"

    def _note(self, number: int) -> Path:
        return self.folder / f"part-{number:06d}.json"

    def _finished(self, number: int) -> Tally | None:
        """What a finished part holds; None when it is not there as it should be."""
        try:
            tally = Tally(**files.read_json(self._note(number)))
        except (LabError, TypeError):
            return None
        names = [f"{index:06d}.png" for first, stop in tally.stretches for index in range(first, stop)]
        folders = self.kept, self.pictures if self.coding.crf is None else None
        there = all((folder / name).exists() for folder in folders if folder is not None for name in names)
        video = self.coding.crf is None or not tally.frames or self._video(number).exists()
        return tally if there and video else None

    def write(self, position: int, index: int, image: np.ndarray, tally: Tally) -> None:
        """Appends a frame.

        Args:
            position, index: its place among the frames to be written, and in the video.
            image: (H, W, 3) uint8 RGB.
            tally: of this frame.
        """
        while position >= (len(self.done) + 1) * self.length:
            self._close()
        if self.coding.crf is None:
            write_picture(self.pictures / f"{index:06d}.png", image)
        else:
            if self._writer is None:
                writer = VideoWriter(self._video(len(self.done)), self.coding.rate, self.coding.size, self.coding.crf)
                self._writer = self._stack.enter_context(writer)
            self._writer.write(image)
        self._open.add(tally)

    def _close(self) -> None:
        """Finishes the part that is being written; its note comes last."""
        self._stack.close()
        files.write_json(self._note(len(self.done)), dataclasses.asdict(self._open))
        self.done.append(self._open.frames)
        self.tally.add(self._open)
        self._open, self._writer = Tally(), None

    def finish(self) -> None:
        """Finishes the last part. Frames that a damaged video did not give are missing from then on."""
        while self._open.frames or len(self.done) * self.length < len(self.plan):
            self._close()

    def cut_short(self) -> int:
        """Ends the part that is being written where it is; it plays, and it will be made again. Returns its frames."""
        if self._writer is None:
            return 0
        count = self._writer.num_frames
        try:
            self._stack.close()
        except LabError:  # the stop hit the writer itself
            return 0
        return count if self._video(len(self.done)).exists() else 0

    def abandon(self) -> None:
        """Drops the part that is being written; without a finished one, the whole folder."""
        with contextlib.suppress(_Dropped), self._stack:
            raise _Dropped
        if not self.done:
            self.remove()

    def join(self, out: Path, cut: int = 0, **sound) -> int:
        """Joins the finished parts (and one that was cut short, of `cut` frames) to a video; see `joining.join`."""
        some = [(self._video(number), count) for number, count in enumerate([*self.done, cut]) if count]
        join(some, out, self.coding.rate, **sound)
        return sum(count for _, count in some)

    def shown(self, cut: int = 0) -> list[tuple[Fraction, Fraction]]:
        """The times (start, end), in seconds, that the finished parts and `cut` frames of an open one show."""
        found = Tally()
        found.add(self.tally)
        left = cut
        for first, stop in self._open.stretches if cut else ():
            stop = min(stop, first + left)
            left -= stop - first
            found.add(Tally(stretches=[[first, stop]] if stop > first else []))
        return [(first / self.coding.rate, stop / self.coding.rate) for first, stop in found.stretches]

    def remove(self) -> None:
        """Removes the folder with all that is in it."""
        shutil.rmtree(self.folder, ignore_errors=True)


class _Dropped(Exception):
    """Makes a writer give up its file."""


def parts_folder(out: Path) -> Path:
    """Where the parts of an output lie while it is being made."""
    return out.with_name(f".{out.name}.parts")


def whole(stretches: Sequence[tuple[Fraction, Fraction]], rate: Fraction, frames: int) -> bool:
    """Whether what is shown is a video of so many frames from its start to its end."""
    return list(stretches) == [(Fraction(0), frames / rate)]
