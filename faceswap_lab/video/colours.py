"""From a decoded frame to upright RGB: matrix and range, high dynamic range, deinterlacing, rotation."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import cv2
import numpy as np
from av.filter import Graph
from av.sidedata.sidedata import SideData
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter

HDR = {16: "smpte2084", 18: "arib-std-b67"}  # PQ and HLG, by their numbers in ITU-T H.273
_BT709, _BT601, _BT2020, _UNKNOWN = 1, 5, 9, 2
_MATRICES = (_BT709, 4, _BT601, 6, 7, _BT2020, 10)
# Into planes the accurate scaler is as exact as into packed RGB, and four times as fast (it has vector code there).
_EXACT = (
    Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP
)
_WHITE = 203  # cd/m2 of an ordinary picture's white in a video of high dynamic range: ITU-R BT.2408
_OLD_WHITE = 100  # the same before that report; converters that name the transfer only (zimg's default) still count so
_KNEE, _PEAK = 0.8, 10.0  # where compression begins, and what becomes 1, in ordinary whites
_TO_BT709 = np.array(  # linear light, ITU-R BT.2087
    [[1.660491, -0.587641, -0.072850], [-0.124550, 1.132900, -0.008349], [-0.018151, -0.100579, 1.118730]], np.float32
)


@dataclass(frozen=True)
class Tags:
    """How colours are coded, by the numbers of ITU-T H.273; 2 is "not said". `range`: 0 not said, 1 16 to 235, 2 0 to 255.

    `guessed`: 709 or 601 where the matrix was not said and was chosen by the size, else 0.
    """

    matrix: int
    range: int
    transfer: int
    primaries: int
    guessed: int = 0


def tags(picture: av.VideoFrame | av.VideoCodecContext, container: Tags | None = None) -> Tags:
    """What a frame says of its colours, else its container, else what is usual: BT.709 for HD, BT.601 below, BT.2020 for HDR.

    Args:
        picture: a decoded frame, or a codec's context for what the container says.
        container: what that said; None: nothing is filled in.
    """
    said = [int(picture.colorspace), int(picture.color_range), int(picture.color_trc), int(picture.color_primaries)]
    if container is None:
        return Tags(*said)
    matrix, span, transfer, primaries = said
    matrix = matrix if matrix in _MATRICES else container.matrix
    span = span or container.range
    transfer = container.transfer if transfer in (0, _UNKNOWN) else transfer
    primaries = container.primaries if primaries in (0, _UNKNOWN) else primaries
    guessed = 0
    if matrix not in _MATRICES and (transfer in HDR or primaries == _BT2020):
        matrix = _BT2020
    elif matrix not in _MATRICES:
        guessed = 709 if picture.height > 576 or picture.width >= 1280 else 601
        matrix = _BT709 if guessed == 709 else _BT601
    return Tags(matrix, span, transfer, primaries, guessed)


def names_transfer_alone(frame: av.VideoFrame) -> bool:
    """Whether a coded picture says that it is of high dynamic range, and of its primaries nothing, whatever its container adds."""
    return int(frame.color_trc) in HDR and int(frame.color_primaries) in (0, _UNKNOWN)


def orientation(frame: av.VideoFrame) -> tuple[tuple[bool, bool, bool], int]:
    """How a frame is turned for showing: (swap axes, then mirror left-right, then upside down), and degrees clockwise."""
    for side in _side_data(frame, "DISPLAYMATRIX"):
        a, b, _, c, d = np.frombuffer(side, np.int32)[:5].tolist()
        degrees = round(math.degrees(math.atan2(b, a))) % 360
        if abs(a) < abs(b):
            return (True, c < 0, b < 0), degrees
        return (False, a < 0, d < 0), degrees
    quarters = -round(frame.rotation / 90) % 4  # where `_side_data` was refused; clockwise
    return (quarters % 2 == 1, quarters in (1, 2), quarters in (2, 3)), 90 * quarters


def _side_data(frame: av.VideoFrame, name: str) -> Iterator[memoryview]:
    """What comes with a frame under one of FFmpeg's names for such data."""
    try:
        beside: Iterable[object] = frame.side_data  # of which PyAV's stubs say that it is a dict of motion vectors
    except ValueError:  # PyAV knows not all kinds, and refuses all for one that is new to it (EXIF of Motion JPEG or TIFF)
        beside = ()
    return (memoryview(one) for one in beside if isinstance(one, SideData) and one.type.name == name)


class ToRgb:
    """Turns decoded frames of one file into RGB; frames of another size or other colours on the way are taken as they are.

    Args:
        size: width and height of all pictures, after turning.
        turn: see `orientation`.
        named: what the container says of the colours.
        transfer: of a video of high dynamic range, whose colours are made ordinary; "" takes colours as they lie.
    """

    def __init__(self, size: tuple[int, int], turn: tuple[bool, bool, bool], named: Tags, transfer: str):
        self.stored = size[::-1] if turn[0] else size
        self.turn, self.named, self.transfer = turn, named, transfer
        self._reformatter = VideoReformatter()

    def __call__(self, frame: av.VideoFrame) -> np.ndarray:
        """(H, W, 3) uint8 RGB, writeable."""
        said = tags(frame, self.named)
        full = said.range == 2 or frame.format.name.startswith(("yuvj", "gray"))
        is_hdr = bool(self.transfer)
        made = self._reformatter.reformat(
            frame,
            *self.stored,
            "gbrp12le" if is_hdr else "gbrp",
            src_colorspace=said.matrix,
            dst_colorspace=said.matrix,
            src_color_range=ColorRange.JPEG if full else ColorRange.MPEG,
            dst_color_range=ColorRange.JPEG,
            interpolation=_EXACT,
            threads=1,
        )
        image = _packed(made, np.uint16 if is_hdr else np.uint8)
        if is_hdr:
            white = _OLD_WHITE if names_transfer_alone(frame) else _WHITE
            image = _ordinary(image, self.transfer, _peak(frame), white)
        swap, mirror, upset = self.turn
        if any(self.turn):
            image = image.transpose(1, 0, 2) if swap else image
            image = np.ascontiguousarray(image[:: -1 if upset else 1, :: -1 if mirror else 1])
        return image


def _packed(frame: av.VideoFrame, kind: type) -> np.ndarray:
    """The planes G, B, R of a frame as (H, W, 3) RGB."""
    bytes_each = np.dtype(kind).itemsize
    planes: list[np.ndarray] = [
        np.frombuffer(memoryview(one), kind).reshape(frame.height, one.line_size // bytes_each)[:, : frame.width]
        for one in frame.planes
    ]
    return cv2.merge([planes[2], planes[0], planes[1]])


@functools.lru_cache(maxsize=4)
def _light(transfer: str, white: float) -> np.ndarray:
    """(4096,) float32: the light of each coded level, in ordinary whites of so many cd/m2."""
    code = np.arange(4096) / 4080  # swscale writes white as 255 * 16
    if transfer == "smpte2084":  # SMPTE ST 2084
        root = code ** (32 / 2523)
        light = np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)
        return (light ** (8192 / 1305) * 10000 / white).astype(np.float32)
    # ITU-R BT.2100; its display's gamma for 1000 cd/m2 is taken channel by channel, as zscale does
    light = np.where(code <= 0.5, code**2 / 3, (np.exp((code - 0.55991073) / 0.17883277) + 0.28466892) / 12)
    return (light**1.2 * 1000 / _WHITE).astype(np.float32)


@functools.lru_cache(maxsize=1)
def _coded() -> np.ndarray:
    """(4096,) uint8: what is shown for the square root of light (BT.1886)."""
    return np.rint(255 * np.linspace(0, 1, 4096) ** (2 / 2.4)).astype(np.uint8)


def _ordinary(image: np.ndarray, transfer: str, peak: float, white: float) -> np.ndarray:
    """Brings a picture of high dynamic range to ordinary colours (BT.709).

    What an ordinary picture can show keeps its colours (a PQ or HLG copy of the actors comes back within 2 levels of 255, as it
    lies it is 12 to 17 levels off); what is brighter is compressed (the Moebius curve). Without this such a video looks grey,
    and a face from it is no face that a model has seen.

    Args:
        image: (H, W, 3) uint16 RGB, 0 to 4095, BT.2020.
        transfer: see `ffmpeg.Facts`.
        peak: the brightest that it shows, in ordinary whites.
        white: cd/m2 of an ordinary white (PQ; HLG counts in shares of its display's peak).

    Returns:
        (H, W, 3) uint8 RGB.
    """
    light = np.take(_light(transfer, white), image)
    light = cv2.transform(light, _TO_BT709)
    most = light.max(axis=2)
    bright = most > _KNEE
    if bright.any():
        j, values = _KNEE, most[bright]
        a = -j * j * (peak - 1) / (j * j - 2 * j + peak)
        b = (j * j - 2 * j * peak + peak) / max(peak - 1, 1e-6)
        mapped = (b * b + 2 * b * j + j * j) / (b - a) * (values + a) / (values + b)
        light[bright] *= (mapped / values)[:, None]
    root = cv2.sqrt(np.clip(light, 0, 1))
    return np.take(_coded(), np.rint(root * 4095).astype(np.uint16))


def _peak(frame: av.VideoFrame) -> float:
    """The brightest that a video says it shows, over 100 cd/m2, as ffmpeg's tonemap counts it; 10 where it does not say."""
    for side in _side_data(frame, "CONTENT_LIGHT_LEVEL"):
        if most := int(np.frombuffer(side, np.uint32)[0]):
            return most / 100
    return _PEAK


def deinterlaced(frames: Iterator[tuple[int, av.VideoFrame]]) -> Iterator[tuple[int, av.VideoFrame]]:
    """The same numbered frames; of the interlaced ones, those whose fields differ in time are made of both by libavfilter's bwdif.

    Cameras and phones mark whole pictures as interlaced, too; libavfilter's idet finds them, and they stay as sharp as they are.
    """
    fields, kind = None, None
    for number, frame in frames:
        now = (frame.format.name, frame.width, frame.height)
        if fields is not None and now != kind:
            yield from fields.pushed(None)
            fields = None
        if fields is None and frame.interlaced_frame:
            fields, kind = _Fields(frame), now
        if fields is None:
            yield number, frame
        else:
            frame.pts, frame.time_base = number, Fraction(1, 1000)
            yield from fields.pushed(frame)
    if fields is not None:
        yield from fields.pushed(None)


class _Fields:
    def __init__(self, frame: av.VideoFrame):
        self._made = _graph(frame, ("bwdif", "mode=send_frame:parity=auto:deint=interlaced"))
        # Of a frame that is marked, swscale would bring each field to RGB by itself, and blur the colours of one that is whole.
        self._judged = _graph(frame, ("idet", None), ("setfield", "prog"))
        self._whole: dict[int, av.VideoFrame] = {}

    def pushed(self, frame: av.VideoFrame | None) -> Iterator[tuple[int, av.VideoFrame]]:
        """The frames that are ready once another one, or None at the end, has come in."""
        for number, judged in _pulled(self._judged, frame):
            if judged.metadata.get("lavfi.idet.single.current_frame") == "progressive":
                self._whole[number] = judged
        for number, made in _pulled(self._made, frame):
            yield number, self._whole.pop(number, made)


def _graph(frame: av.VideoFrame, *filters: tuple[str, str | None]) -> Graph:
    graph = Graph()
    nodes = [
        graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 1000)),
        *(graph.add(name, options) for name, options in filters),
        graph.add("buffersink"),
    ]
    graph.link_nodes(*nodes).configure()
    return graph


def _pulled(graph: Graph, frame: av.VideoFrame | None) -> Iterator[tuple[int, av.VideoFrame]]:
    graph.vpush(frame)
    while True:
        try:
            made = graph.vpull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        yield round(made.time * 1000), made
