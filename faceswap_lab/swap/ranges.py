"""Which frames of a video are read, and which of these are swapped."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from faceswap_lab.base.errors import LabError
from faceswap_lab.video import Frame, Video

Span = tuple[int, int]  # first frame, and the one behind the last


@dataclass(frozen=True)
class FramePlan:
    """The frames of a conversion. A frame's *position* is its place among those that are read.

    Args:
        read: what is read and written, ascending, apart from each other.
        inside: what of it is swapped, likewise.
    """

    read: tuple[Span, ...]
    inside: tuple[Span, ...]

    def __len__(self) -> int:
        return sum(stop - first for first, stop in self.read)

    def swaps(self, index: int) -> bool:
        """Whether this frame lies in a chosen range."""
        place = bisect.bisect_right(self.inside, (index, float("inf"))) - 1
        return place >= 0 and index < self.inside[place][1]

    def position(self, index: int) -> int:
        """Place of a frame (that is read) among those that are read, from 0."""
        return sum(max(0, min(index, stop) - first) for first, stop in self.read)

    def index(self, position: int) -> int:
        """The way back from `position`."""
        for first, stop in self.read:
            if position < stop - first:
                return first + position
            position -= stop - first
        return self.read[-1][1]

    def frames(self, video: Video, position: int = 0) -> Iterator[Frame]:
        """Reads the frames from a position on."""
        begin = self.index(position)
        for first, stop in self.read:
            if stop > begin:
                yield from video.frames(start=float(max(first, begin) / video.rate), end=float(stop / video.rate))


def plan_frames(
    video: Video, ranges: Iterable[tuple[float | None, float | None]] = (), rest: str = "drop"
) -> FramePlan:
    """Turns time ranges into frames.

    Args:
        video: the target.
        ranges: (start, end) in seconds, end exclusive, None for the clip's own; overlapping ones are joined. Empty: all.
        rest: frames outside: "keep" (they are read, too) or "drop".

    Raises:
        LabError: for a range that has no frame, or is none.
    """
    spans = []
    for given in ranges:
        try:
            start, end = given
            found = video.indices(start=start, end=end)
        except (TypeError, ValueError) as error:
            raise LabError(
                f"ranges: {given!r} is no time range. Give (start, end) in seconds, such as (2, 5.5)."
            ) from error
        spans.append((found.start, found.stop))
    whole = ((0, video.num_frames),)
    inside: list[Span] = []
    for first, stop in sorted(spans or whole):
        if inside and first <= inside[-1][1]:
            inside[-1] = (inside[-1][0], max(stop, inside[-1][1]))
        else:
            inside.append((first, stop))
    return FramePlan(whole if rest == "keep" else tuple(inside), tuple(inside))
