"""When the frames of a file are shown, and which of them stands at each tick of a constant rate: the one rule for all readers.

Files count in coarse clocks, late, with gaps, or not at all. Here a clip gets a constant rate in one place:

1. The first frame stands at tick 0, however late the picture begins; the sound keeps its step with it (`Clock.start`).
2. Tick k shows the frame nearest to it among those not shown yet that are at most 0.6 ticks away; of two as near, the earlier.
3. Where there is none, the newest frame that has begun stays (it is doubled); frames that no tick takes are dropped.

The 0.1 ticks beyond a half keep a clock that rounds to and fro from dropping one frame and doubling the next.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np

# What a file of variable rate without a sensible rate of its own (browsers' and screen recordings claim 1000) is brought to.
STANDARD_RATES = (Fraction(24000, 1001), *map(Fraction, (24, 25)), Fraction(30000, 1001), *map(Fraction, (30, 50, 60)))
REACH = 0.6  # ticks
LONGEST_PRIMING = (
    0.05  # seconds that an encoder's sound starts early; old files have all but the first frame later by that
)
_PACKED = re.compile(rb"(DivX\d+(?:b|Build)\d+)p")  # how DivX and Xvid say that packets hold a frame and its B-frame
_BEGINS = re.compile(rb"\x00\x00\x01\xb6(.)", re.DOTALL)  # a picture of MPEG-4, part 2, whose first two bits say its kind
_B_FRAME = 2
_EMPTY = 19  # bytes of a packet without a picture, at most


@dataclass(frozen=True, eq=False)
class Times:
    """When a file's frames are shown.

    Args:
        stamps: (N,) int64, rising: what the frames are stamped with, in the stream's clock; of a counted file, 0 to N - 1.
        seconds: (N,) float64: the same in seconds from the file's start.
        end: seconds from the file's start to the end of the last frame.
        counted: whether stamps tell nothing (raw streams, AVI with B-frames), so that frames are numbered as they come.
    """

    stamps: np.ndarray
    seconds: np.ndarray
    end: float
    counted: bool


@dataclass(frozen=True, eq=False)
class Clock:
    """Which frame of a file stands at each tick.

    Args:
        shown: (ticks,) int32, rising: the frame's number.
        start: seconds from the file's start to tick 0; its sound is shifted by as much.
        doubled, dropped: ticks that repeat the frame before; frames that no tick shows.
    """

    shown: np.ndarray
    start: float
    doubled: int
    dropped: int


def unpacked(packets: Iterator[av.Packet], stream: av.stream.Stream) -> Iterator[av.Packet]:
    """The same packets, one picture in each: old DivX files have a B-frame in its reference's packet, and later an empty one.

    Their times of showing are the packets', so that no frame's is right, and they are taken away. (FFmpeg's own filter for this
    loses the last B-frame of a file that does not end with an empty packet.)
    """
    if stream.codec_context.name == "mpeg4" and (first := next(packets, None)):
        packets = itertools.chain([first], packets)
        if _PACKED.search((stream.codec_context.extradata or b"") + bytes(first)):
            return _apart(packets, stream)
    return packets


def _apart(packets: Iterator[av.Packet], stream: av.stream.Stream) -> Iterator[av.Packet]:
    owed = 0  # empty packets that stand for pictures which came with an earlier one
    for packet in packets:
        content = _PACKED.sub(rb"\1\0", bytes(packet))  # or the decoder would look for further pictures in each
        begun = [(found.start(), found[1][0] >> 6) for found in _BEGINS.finditer(content)]
        bounds = [0, *(place for place, _ in begun[1:]), len(content)]
        if owed and packet.size <= _EMPTY and len(begun) == 1 and begun[0][1] != _B_FRAME:
            owed -= 1
            continue
        owed = len(bounds) - 2 or owed
        if not content:
            yield packet
        for number, (begin, end) in enumerate(itertools.pairwise(bounds)):
            one = av.Packet(end - begin)
            one.update(content[begin:end])  # given to Packet() it would lack the zeros behind it which decoders read
            one.stream, one.time_base, one.duration = stream, packet.time_base, packet.duration
            one.dts = None if packet.dts is None else packet.dts + number * (packet.duration or 0)
            one.is_keyframe, one.is_corrupt = packet.is_keyframe and not number, packet.is_corrupt
            yield one


def listed(
    container: av.container.InputContainer, stream: av.VideoStream, packets: Iterable[av.Packet]
) -> tuple[Times, bool, bool]:
    """Lists the frames of a stream by its packets; nothing is decoded.

    Args:
        container, stream: opened at the start.
        packets: the stream's, see `ffmpeg.packets`.

    Returns:
        The times, whether a packet is incomplete or the file's index names more of them, and whether it is the end that is
        incomplete: the last packet, or the one before, on which a parser may put the mark.
    """
    base = stream.time_base
    assert base is not None  # whatever is demuxed has a clock
    shown: list[int | None] = []
    decoded: list[int | None] = []
    lengths: list[int] = []
    cut_at, count = 0, 0  # the number of the last packet that is incomplete, from 1 on
    for packet in packets:
        count += 1
        cut_at = count if packet.is_corrupt else cut_at
        if not packet.size and lengths:  # the frame before stays, which Theora says by an empty packet
            lengths[-1] += packet.duration or 0
        elif not packet.is_discard:
            shown.append(packet.pts)
            decoded.append(packet.dts)
            lengths.append(packet.duration or 0)
    known = [stamp for stamp in shown if stamp is not None]
    backwards = any(later < earlier for earlier, later in zip(known, known[1:], strict=False))
    # AVI has no times of showing; what is made up for frames that refer to later ones is wrong
    made_up = container.format.name == "avi" and stream.codec_context.has_b_frames and not backwards
    counted = made_up or len(known) < 0.9 * len(
        shown
    )  # a few frames without a time are damage; more, and times tell nothing
    tick = 1 / (stream.guessed_rate or stream.average_rate or Fraction(25))
    origin = (container.start_time or 0) / av.time_base
    if counted:
        stamps = np.arange(len(shown), dtype=np.int64)
        told = made_up and None not in decoded and len(set(decoded)) == len(decoded)
        seconds = np.array(decoded, np.float64) * float(base) - origin if told else stamps * float(tick)
        last = float(tick)
    else:
        order = {}
        for stamp, length in zip(shown, lengths, strict=True):
            if stamp is not None:
                order[stamp] = length
        stamps = np.array(sorted(order), np.int64)
        seconds = stamps * float(base) - origin
        last = order[int(stamps[-1])] * float(base) or float(tick)
    end = float(seconds[-1]) + last if len(seconds) else 0.0
    cut_end = bool(cut_at) and cut_at >= count - 1
    if container.format.name == "avi" and decoded and decoded[-1] is not None:  # there, a frame that was dropped counts, too
        count = max(count, decoded[-1] + 1)
    named = len(stream.index_entries)
    if "mov" not in container.format.name:  # there, a clip that was trimmed on a phone has frames that are not shown
        named = max(named, stream.frames - 1)  # recorders of AVI may count one too many
    return Times(stamps, _primed(seconds), end, counted), bool(cut_at) or count < named, cut_end


def _primed(seconds: np.ndarray) -> np.ndarray:
    """The same times with the first one put right in a file that shifted all but the first by its sound's priming.

    Old versions of ffmpeg noticed that the sound begins before 0 when the first picture was written already.
    """
    steps = np.diff(seconds)
    if len(steps) > 3:
        usual = float(np.median(steps[1:]))
        regular = np.mean(np.abs(steps[1:] - usual) < 0.0016) > 0.9
        if regular and 0.004 < steps[0] - usual < LONGEST_PRIMING:
            seconds = seconds.copy()
            seconds[0] = seconds[1] - (seconds[-1] - seconds[1]) / (len(seconds) - 2)
    return seconds


def sensible_rate(rate: Fraction | None, times: Times) -> Fraction:
    """The rate that frames are counted at: the file's own, unless it is none, far over what it shows, or would drop frames.

    A pause makes the mean rate of a file lower than the one at which its frames come, so that the usual step counts as well.
    """
    steps = np.diff(times.seconds)
    mean = len(steps) / steps.sum() if steps.sum() > 0 else float(rate or 25)
    usual = 1 / max(float(np.median(steps)), 0.5 / mean) if len(steps) else mean
    fastest = max(mean, usual)
    enough = [one for one in STANDARD_RATES if one > 0.98 * fastest]
    chosen = min(enough, key=lambda one: abs(one - fastest), default=Fraction(round(fastest)))
    if not rate or rate <= 0 or rate > 1.5 * chosen:
        return chosen
    drops = chosen > 1.05 * rate and clock(times, rate).dropped > 0.05 * len(times.seconds)
    return chosen if drops else Fraction(rate)


def clock(times: Times, rate: Fraction) -> Clock:
    """Brings frames to a constant rate, by the rule at this module's top.

    Args:
        times: of at least one frame.
        rate: ticks a second.
    """
    first = float(times.seconds[0])
    places = (times.seconds - first) * float(rate)
    end = (times.end - first) * float(rate)
    ticks = max(1, math.ceil(end - REACH), math.ceil(places[-1] - REACH) + 1)
    if ticks == len(places) and np.abs(places - np.arange(ticks)).max() < 0.5:
        shown = np.arange(ticks, dtype=np.int32)
    else:
        shown = _nearest(places.tolist(), ticks)
    taken = len(np.unique(shown))
    return Clock(shown, first, ticks - taken, len(places) - taken)


def _nearest(places: list[float], ticks: int) -> np.ndarray:
    shown = np.zeros(ticks, np.int32)
    now = 0
    for tick in range(1, ticks):
        best, distance, other = None, REACH, now + 1
        while other < len(places) and places[other] <= tick + REACH:
            if abs(places[other] - tick) <= distance and (best is None or abs(places[other] - tick) < distance):
                best, distance = other, abs(places[other] - tick)
            elif best is None and places[other] <= tick:
                now = other
            other += 1
        now = now if best is None else best
        shown[tick] = now
    return shown
