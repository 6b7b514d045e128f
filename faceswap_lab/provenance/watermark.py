"""The invisible watermark: puts a conversion's number into the pictures themselves, and reads it out again.

What it can do: what passes on a clip usually leaves it in. Its number is read out of one frame of 384 pixels as the lab writes
it, after H.264 of crf 18, scaling to 50 to 150 %, a crop to 60 %, a turn of up to 5 degrees, mirroring, JPEG 30, WebP 50, noise,
other brightness, contrast or frame rate, each by itself; and out of ten frames of a clip after crf 23, after crf 28, and after
a crop and crf 28 (`benchmarks/watermark.py` measures each). It says "made by faceswap_lab" and the conversion's number, which
its report names too. On walls it is a sixth of a level (root mean square), on skin one or two, beside strong edges no more.

What it cannot do: prove anything about a picture without it, or stand against someone who wants it gone. It is the same in
every frame and its key is public, so that it can be reckoned out or put on another clip. Out of one frame its number is read
three times in four at crf 23, once in four at crf 28, so that a video in which few frames show a swap loses it there. At crf 32
ten frames tell it in half of the videos; after halving and crf 28 they do not. Of 21 photographs 19 can be read at all (two
textures, busy all over, leave too little of it), 13 at crf 28. In small pictures it holds less, as its waves are finer there: of
videos of 256 px half are read at crf 28. A turn of 10 degrees, a stretch in one direction, a heavy crop or a video of a screen
lose it. A perfectly even ground keeps it only until it is compressed, a black one not at all. For proof there is the signed
manifest, for people the visible label.

Libraries were looked at first (November 2026): trustmark and the learned method of invisible-watermark need PyTorch beside
TensorFlow; its plain method is lost by H.264, a crop or a change of size (measured by the benchmark).

A mark counts as found when all waves together agree with the pattern of one number by 9.8 standard deviations of chance. That
limit was settled by reckoning (`certainty`), not on pictures: one without a mark passes it less than once in a million times.
`benchmarks/watermark_alarms.py` compares with photographs. Where the mark is found but another number suits nearly as well, none
is given. There is a price for looking at ten frames of a video by themselves: ten times the chance.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import english
from faceswap_lab.provenance import watermark_pattern, watermark_search
from faceswap_lab.video import Video, open_video

LEAST = 128  # px of the shorter side: below, the shortest waves are finer than pixels
NEEDED = 9.8  # of a pattern, standard deviations of chance: `watermark_certainty.false_alarms` of it is under one in a million
SURE = 0.999  # how probable a number must be, against all others, to be given
_LONGEST = 4  # times its shorter side is read of a picture, around its middle


class Marker:
    """Puts the mark on frames of one size; the same frame always comes out the same.

    Args:
        size: (width, height) in pixels, 128 or more each.
        ident: what to write, six hexadecimal digits.

    Raises:
        LabError: for another number, or a picture that is too small to carry it.
    """

    def __init__(self, size: tuple[int, int], ident: str):
        if min(size) < LEAST:
            raise LabError(
                f"watermark: a picture of {size[0]}x{size[1]} is too small for it. Give {LEAST} pixels or more to each side, or "
                "convert with watermark=False."
            )
        if not isinstance(ident, str) or not re.fullmatch(r"[0-9a-fA-F]{6}", ident):
            raise LabError(f"watermark: {ident!r} cannot be written. Give six hexadecimal digits.")
        self.size, self.ident = tuple(size), ident.lower()
        self._pattern = np.clip(watermark_pattern.drawn(size, watermark_pattern.encoded(int(ident, 16))), -3, 3)

    def apply(self, image: np.ndarray) -> np.ndarray:
        """Puts the mark on a frame: the same change to red, green and blue, more of it where much is going on.

        Args:
            image: (H, W, 3) uint8 RGB of the marker's size.

        Returns:
            (H, W, 3) uint8 RGB, a new array.

        Raises:
            LabError: for a frame of another size.
        """
        if image.shape[1::-1] != self.size:
            width, height = self.size
            raise LabError(f"watermark: this is made for {width}x{height}, not {image.shape[1]}x{image.shape[0]}.")
        grey = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
        strength = cv2.resize(watermark_pattern.strength(grey), self.size, interpolation=cv2.INTER_LINEAR)
        # By how many levels a pixel gets lighter or darker, each as bytes, which are added several times as fast as words.
        lighter, darker = (cv2.multiply(self._pattern, strength, scale=sign, dtype=cv2.CV_8U) for sign in (1, -1))
        return cv2.subtract(cv2.add(image, cv2.merge([lighter] * 3)), cv2.merge([darker] * 3))


@dataclass(frozen=True)
class Reading:
    """What was read.

    Args:
        found: whether the mark is there.
        ident: the number, six hexadecimal digits; "" when nothing was found, or the mark is too weak to be sure of its number.
        agreement: of the guide waves with the key, in standard deviations of chance at one place; 9 in a fresh mark. The best of
            all places may have 5 without one.
        bits: (40,) float64: their signs are the bits as they were read, before decoding corrects any; how far they are
            from 0 is in standard deviations of chance, too.
        frames: how many frames were looked at.
        share: of the marked picture's shorter side, how much this picture's shows: 0.8 after a crop to 80 %.
        degrees: by how much the picture was turned anticlockwise, to half a degree; 0 for less than 1.5.
        weight: how well all waves agree with the likeliest number's pattern: about 18 in a fresh mark, 7 without one; 9.8
            (`NEEDED`) are needed.
    """

    found: bool
    ident: str
    agreement: float
    bits: np.ndarray
    frames: int
    share: float
    degrees: float = 0.0
    weight: float = 0.0

    def __str__(self) -> str:
        seen = english(
            "(weight {weight:.1f} of {needed} needed, frames looked at: {count})",
            weight=self.weight, needed=NEEDED, count=self.frames,
        )  # fmt: skip
        if not self.found:
            return english("no watermark of faceswap_lab {seen}", seen=seen)
        if not self.ident:
            return english("watermark of faceswap_lab, too weak to say of which conversion {seen}", seen=seen)
        return english("watermark of faceswap_lab, conversion {number} {seen}", number=self.ident, seen=seen)


def read(frames: np.ndarray | Iterable[np.ndarray]) -> Reading:
    """Looks for the mark in a picture, or in some frames of one video together.

    Args:
        frames: (H, W, 3) uint8 RGB, or several of one size, which are flattened together: the mark stays, the rest moves on.

    Returns:
        A `Reading`.

    Raises:
        LabError: when there is no frame, or they are of several sizes.
    """
    images = [frames] if isinstance(frames, np.ndarray) and frames.ndim == 3 else list(frames)
    if not images or len({image.shape for image in images}) > 1:
        raise LabError("watermark: there are no frames here, or frames of several sizes. Read those of one clip.")
    return _searched(_flattened(images), len(images), wide=True)


def look(path: str | os.PathLike | Video, count: int = 10) -> Reading:
    """Looks for the mark in a video, a picture or a folder of pictures.

    Args:
        path: the file or folder, or an opened `Video`.
        count: frames to look at, spread over its length: first together; then, as not every frame need show a swap, each by
            itself.

    Raises:
        LabError: when it cannot be read.
    """
    video = path if isinstance(path, Video) else open_video(path)
    every = max(1, video.num_frames // max(1, count))
    images = [frame.image for frame in itertools.islice(video.frames(every), count)]
    together = read(images)
    if together.ident or len(images) == 1:
        return together
    best = together
    for image in images:
        reading = searched(image, whole=False)
        if reading.ident:
            return reading
        best = reading if reading.found and not best.found else best
    return best


def searched(image: np.ndarray, whole: bool = True) -> Reading:
    """Looks for the mark in one picture (H, W, 3) uint8 RGB: in every way, or as `look` does in the single frames of a video."""
    return _searched(_flattened([image]), 1, whole)


def _flattened(images: list[np.ndarray]) -> np.ndarray | None:
    """(H', W') float32: what to search in; None for a picture that could not be marked even before it was halved and cut."""
    height, width = images[0].shape[:2]
    shorter = min(height, width)
    if shorter < LEAST // 4:
        return None
    left, top = (max(0, (length - _LONGEST * shorter) // 2) for length in (width, height))
    return watermark_search.flattened([image[top : height - top, left : width - left] for image in images])


def _searched(field: np.ndarray | None, frames: int, wide: bool) -> Reading:
    if field is None:
        return Reading(False, "", 0.0, np.zeros(watermark_pattern.BITS), frames, 0.0)
    mirrored = np.ascontiguousarray(field[:, ::-1])
    straight: tuple[float, ...] = (0.0,)
    searches = [
        (field, watermark_search.SHARES, straight),
        (mirrored, watermark_search.SHARES, straight),
        (field, watermark_search.TURNED, watermark_search.TURNS),
        *((field, shares, straight) for shares in watermark_search.WIDER),
    ]
    readings: list[Reading] = []
    for some, shares, turns in searches if wide else searches[:1]:
        for place in watermark_search.places(some, shares, turns):
            readings.append(_judged(place, frames))
            if readings[-1].ident:
                return readings[-1]
        if any(reading.found for reading in readings):
            break
    return max(readings, key=lambda reading: reading.weight)


def _judged(place: watermark_search.Place, frames: int) -> Reading:
    number, fit, sure = watermark_pattern.likeliest(place.bits)
    weight = float(watermark_search.weight(place.agreement, fit))
    found = weight >= NEEDED
    ident = f"{number:0{watermark_pattern.IDENT_BITS // 4}x}" if found and sure >= SURE else ""
    return Reading(found, ident, place.agreement, place.bits, frames, place.share, place.degrees, weight)
