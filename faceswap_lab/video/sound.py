"""Sound for a video: copied packet by packet, or cut at the sample and coded as AAC where a browser would stay silent."""

from __future__ import annotations

import contextlib
import itertools
import math
import os
from collections.abc import Generator, Iterable, Iterator, Sequence
from fractions import Fraction

import av
import numpy as np

from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import english
from faceswap_lab.video import ffmpeg, timing

PLAYED = ("aac", "mp3", "opus", "flac", "ac3")  # what browsers play from an .mp4
BIT_RATE = 192_000
_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)  # that AAC has
_LAYOUTS = {1: "mono", 6: "5.1", 8: "7.1"}  # by channels; stereo for any other number
_JUMP = 0.03  # seconds that a packet's time may be off before it counts as a gap

Pieces = Sequence[tuple[Fraction | float, Fraction | float]]


def sound_tracks(path: str | os.PathLike) -> int:
    """How many sound tracks a file has that can be read."""
    try:
        with ffmpeg.opened(path) as container:
            return len(_tracks(container))
    except LabError:
        return 0


def _tracks(container: av.container.InputContainer) -> list[av.AudioStream]:
    return [one for one in container.streams.audio if one.codec_context is not None and one.codec_context.channels]


def recoded(path: str | os.PathLike) -> str:
    """A sentence about sound that is not copied as it is, or ""."""
    with ffmpeg.opened(path) as container:
        names = {_name(one) for one in _tracks(container)} - set(PLAYED)
    return (
        english(
            "its sound ({names}) was coded again (AAC), since browsers do not play it", names=", ".join(sorted(names))
        )
        if names
        else ""
    )


def _name(stream: av.AudioStream) -> str:
    return stream.codec_context.codec.canonical_name


def shift(path: str | os.PathLike, rate: Fraction) -> float:
    """Seconds from a file's start to its frame 0, see `timing.Clock`; 0 when it shows no pictures."""
    try:
        return timing.clock(ffmpeg.probe(path).times, rate).start
    except LabError:
        return 0.0


class Sound:
    """The sound of a file as packets for an output. Close it when they are written.

    Args:
        path: the file.
        output: where the tracks are added.
        pieces: (start, end) in seconds from frame 0, ascending; they are put together, with silence where there is no sound.
            None: all of it.
        rate: of the frames beside it.
        copy: whether packets are copied, where all of the sound is wanted and browsers play it.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        output: av.container.OutputContainer,
        pieces: Pieces | None,
        rate: Fraction,
        copy: bool,
    ):
        self._stack = contextlib.ExitStack()
        self.packets: list[Generator[av.Packet, None, None]] = []
        late = shift(path, rate)
        for number in range(sound_tracks(path)):
            container = self._stack.enter_context(ffmpeg.opened(path))
            stream = _tracks(container)[number]
            begin = (container.start_time or 0) / av.time_base + late
            if copy and pieces is None and _name(stream) in PLAYED:
                self.packets.append(_copied(container, stream, output.add_stream_from_template(stream), begin))
                continue
            sampled = stream.sample_rate if stream.sample_rate in _RATES else 48000
            made = output.add_stream("aac", rate=sampled)
            made.codec_context.layout = _LAYOUTS.get(stream.channels, "stereo")
            made.codec_context.bit_rate = BIT_RATE
            wanted = [(begin + start, begin + end) for start, end in pieces or [(0.0, math.inf)]]
            self.packets.append(_coded(_cut(_samples(container, stream, made), wanted, made), made))

    def __enter__(self) -> Sound:
        return self

    def __exit__(self, *raised) -> None:
        for packets in self.packets:
            packets.close()
        self._stack.close()


def _copied(container, stream, made, begin: float) -> Generator[av.Packet, None, None]:
    for packet in ffmpeg.packets(container, stream):
        if packet.pts is not None:
            back = round(begin / packet.time_base)
            packet.pts -= back
            packet.dts = packet.pts if packet.dts is None else packet.dts - back
            packet.stream = made
            yield packet


def _samples(container, stream: av.AudioStream, made) -> Iterator[tuple[int, np.ndarray]]:
    """Decoded sound: (place in samples from clock 0, (channels, N) float32)."""
    resampler = av.AudioResampler(format="fltp", layout=made.codec_context.layout, rate=made.codec_context.sample_rate)
    rate, place = made.codec_context.sample_rate, None
    for frame in ffmpeg.decoded(container, stream):
        if frame.pts is not None and frame.time_base is not None:
            told = round(frame.pts * frame.time_base * rate)
            place = told if place is None or abs(told - place) > _JUMP * rate else place
        for part in resampler.resample(frame):
            place = place or 0
            yield place, part.to_ndarray()
            place += part.samples
    for part in resampler.resample(None):
        yield place or 0, part.to_ndarray()


def _cut(blocks: Iterable[tuple[int, np.ndarray]], pieces: Pieces, made: av.AudioStream) -> Iterator[np.ndarray]:
    """The pieces of some sound one after another, each as long as it is said to be, in (channels, N) float32."""
    rate, channels = made.codec_context.sample_rate, made.codec_context.channels
    blocks = iter(blocks)
    held = next(blocks, None)
    for start, end in pieces:
        at, stop = round(start * rate), math.inf if math.isinf(end) else round(end * rate)
        while at < stop:
            while held is not None and held[0] + held[1].shape[1] <= at:
                held = next(blocks, None)
            if held is None and math.isinf(stop):
                break
            if held is None or held[0] > at:
                part = np.zeros((channels, int(min(stop, at + rate, held[0] if held else stop)) - at), np.float32)
            else:
                part = held[1][:, at - held[0] : None if math.isinf(stop) else max(0, stop - held[0])]
            at += part.shape[1]
            yield part


def _coded(blocks: Iterable[np.ndarray], made: av.AudioStream) -> Generator[av.Packet, None, None]:
    context = made.codec_context
    context.open()
    waiting, done = np.zeros((context.channels, 0), np.float32), 0
    for block in itertools.chain(blocks, (None,)):
        waiting = waiting if block is None else np.concatenate([waiting, block], axis=1)
        while waiting.shape[1] >= context.frame_size or (block is None and waiting.shape[1]):
            part, waiting = waiting[:, : context.frame_size], waiting[:, context.frame_size :]
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(part), "fltp", context.layout.name)
            frame.sample_rate, frame.pts, frame.time_base = context.sample_rate, done, Fraction(1, context.sample_rate)
            done += part.shape[1]
            yield from made.encode(frame)
    yield from made.encode(None)
