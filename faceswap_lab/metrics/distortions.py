"""Swaps of known quality, made from the true swap: the series of distortions on which scores are tried.

At its lower end is the unchanged target, at the upper one the true swap. Between them stand blends of both, and the truth with one
fault planted at a time, in rising strength: blur, shift, noise, a cast of colour, a hard-pasted square, another moment's face,
another person's face, trembling and flickering. Outputs of trained models and baselines join them.

All faults stay inside the face (`face_region`), as a swap's would; what lies around it is the target's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import cv2
import numpy as np

from faceswap_lab.base.errors import LabError
from faceswap_lab.faces.alignment import alignment_matrix, invert
from faceswap_lab.metrics import baselines
from faceswap_lab.metrics.clips import check_frame, check_points, face_width, together
from faceswap_lab.metrics.gains import different_pixels

WIDTH = 290.0  # px; strengths in pixels are those of a face this wide (`clips.face_width`), as in the actors' clips
_SQUARE = 64  # px of the aligned square that is pasted


@dataclass(frozen=True, eq=False)
class KnownClip:
    """A clip whose true swap is known.

    Args:
        target, truth: T frames each, (H, W, 3) uint8 RGB, in the order of time.
        points: (T, 5, 2) five points of the target's face, in frame pixels.
        worn: name -> (S, S, 3) RGB float32 [0, 1], mean faces: "source", and "stranger", who is neither.
    """

    target: Sequence[np.ndarray]
    truth: Sequence[np.ndarray]
    points: np.ndarray
    worn: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self):
        points = check_points(self.points)
        count = 0
        for count, (given, wanted) in enumerate(together(target=self.target, truth=self.truth), 1):
            check_frame("target", given, wanted, count - 1)
        if count != len(points) or not count:
            raise LabError(
                f"points: {len(points)} rows for a clip of {count} frames. Give one row of five points a frame."
            )
        if not np.isfinite(points).all():
            raise LabError("points: some frames have no face. A ladder needs a stretch that has one in every frame.")

    @cached_property
    def width(self) -> float:
        """Of the clip's faces in pixels."""
        return face_width(self.points)

    @cached_property
    def regions(self) -> list[np.ndarray]:
        """`face_region` of every frame."""
        return [face_region(wanted, given, self.width) for given, wanted in zip(self.target, self.truth, strict=True)]


@dataclass(frozen=True)
class Distortion:
    """One swap of known quality.

    Args:
        name: such as blur_2.
        family: what kind of fault it is, a key of `FAMILIES`.
        strength: how much of it; 0 is none. Only those of one family can be compared by it.
        make: from a `KnownClip` to T frames, (H, W, 3) uint8 RGB.
    """

    name: str
    family: str
    strength: float
    make: Callable[[KnownClip], list[np.ndarray]] = field(repr=False, compare=False)


FAMILIES = {  # what it is, and the unit of its strength
    "too little": ("the target shows through", "share of the target"),
    "blur": ("the face is blurred", "px"),
    "shift": ("the face is out of place", "px"),
    "noise": ("grain", "levels"),
    "cast": ("the colours are off", "levels"),
    "square": ("a hard-pasted square", "levels of its edge"),
    "moment": ("the face of another moment: wrong pose and expression", "frames"),
    "identity": ("another person's face", "share"),
    "tremble": ("trembling", "px"),
    "flicker": ("flickering colours", "per cent"),
}


def face_region(truth: np.ndarray, target: np.ndarray, width: float) -> np.ndarray:
    """Where the true swap changes something, closed and with a soft rim.

    Args:
        truth, target: (H, W, 3) uint8 RGB.
        width: of the face in pixels.

    Returns:
        (H, W) float32 [0, 1].
    """
    found = different_pixels(truth, target).astype(np.float32)
    solid = (cv2.GaussianBlur(found, (0, 0), 0.04 * width) > 0.3).astype(np.uint8)
    parts, labels, sizes, _ = cv2.connectedComponentsWithStats(solid)
    if parts > 1:
        solid = (labels == 1 + int(np.argmax(sizes[1:, cv2.CC_STAT_AREA]))).astype(np.uint8)
    grown = cv2.dilate(solid, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * round(0.03 * width) + 1,) * 2))
    return cv2.GaussianBlur(grown.astype(np.float32), (0, 0), 0.015 * width)


def within(changed: np.ndarray, target: np.ndarray, region: np.ndarray) -> np.ndarray:
    """`changed` inside a region, the target around it: (H, W, 3) uint8 from two such frames (any dtype) and (H, W) [0, 1]."""
    alpha = region[..., np.newaxis]
    mixed = alpha * changed.astype(np.float32) + (1 - alpha) * target.astype(np.float32)
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)


def moved(frame: np.ndarray, x: float, y: float) -> np.ndarray:
    """A frame moved by parts of pixels, its border repeated."""
    matrix = np.array([[1, 0, x], [0, 1, y]], np.float64)
    return cv2.warpAffine(frame, matrix, frame.shape[1::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def _each(change: Callable[[np.ndarray, int, float], np.ndarray]) -> Callable[[KnownClip], list[np.ndarray]]:
    """A distortion that changes the truth's face frame by frame; `change` takes truth, index, and pixels a unit of strength."""

    def make(known: KnownClip) -> list[np.ndarray]:
        frames = enumerate(zip(known.target, known.truth, known.regions, strict=True))
        unit = known.width / WIDTH
        return [within(change(wanted, index, unit), given, region) for index, (given, wanted, region) in frames]

    return make


def blend(known: KnownClip, share: float) -> list[np.ndarray]:
    """Target and truth mixed in every pixel; `share` is the target's."""
    pairs = zip(known.target, known.truth, strict=True)
    return [cv2.addWeighted(given, share, wanted, 1 - share, 0) for given, wanted in pairs]


def blurred(known: KnownClip, pixels: float) -> list[np.ndarray]:
    """The truth with a blurred face."""
    return _each(lambda wanted, index, unit: cv2.GaussianBlur(wanted, (0, 0), pixels * unit))(known)


def shifted(known: KnownClip, pixels: float) -> list[np.ndarray]:
    """The truth with the face moved to the right."""
    return _each(lambda wanted, index, unit: moved(wanted, pixels * unit, 0))(known)


def noisy(known: KnownClip, levels: float) -> list[np.ndarray]:
    """The truth with grain in the face, new in every frame."""

    def change(wanted, index, unit):
        return wanted + np.random.default_rng([1, index]).normal(0, levels, wanted.shape)

    return _each(change)(known)


def cast(known: KnownClip, levels: float) -> list[np.ndarray]:
    """The truth with a face that is too red and too little blue, softly rimmed."""
    offset = np.array([levels, 0, -levels], np.float32)
    return _each(lambda wanted, index, unit: wanted + offset)(known)


def pasted(known: KnownClip, levels: float) -> list[np.ndarray]:
    """The truth's face as a square with a hard edge, brighter than what is around it."""
    made, region = [], np.ones((_SQUARE, _SQUARE), np.float32)
    for given, wanted, points in zip(known.target, known.truth, known.points, strict=True):
        matrix = alignment_matrix(points, _SQUARE, coverage=0.8)
        placed = cv2.warpAffine(region, invert(matrix), given.shape[1::-1], flags=cv2.INTER_NEAREST)
        made.append(within(wanted + np.float32(levels), given, placed))
    return made


def trembling(known: KnownClip, pixels: float) -> list[np.ndarray]:
    """The truth with a face that is moved anew in every frame, by so many pixels (standard deviation, each way)."""

    def change(wanted, index, unit):
        return moved(wanted, *(np.random.default_rng([2, index]).normal(0, pixels * unit, 2)))

    return _each(change)(known)


def flickering(known: KnownClip, per_cent: float) -> list[np.ndarray]:
    """The truth with a face that is lighter and darker from frame to frame (standard deviation)."""

    def change(wanted, index, unit):
        return wanted * np.float32(1 + np.random.default_rng([3, index]).normal(0, per_cent / 100))

    return _each(change)(known)


def other_moment(known: KnownClip, frames: int) -> list[np.ndarray]:
    """The true face of so many frames before (at the clip's start: after), set into the place of the present one.

    The person, the colours and the place are right; pose and expression are not.
    """
    count, made = len(known.truth), []
    for index, (given, wanted) in enumerate(zip(known.target, known.truth, strict=True)):
        other = index - frames if index >= frames else min(index + frames, count - 1)
        there, here = (alignment_matrix(known.points[i], 256) for i in (other, index))
        step = np.vstack([invert(here), [0, 0, 1]]) @ np.vstack([there, [0, 0, 1]])
        late = cv2.warpAffine(
            known.truth[other], step[:2], wanted.shape[1::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        made.append(within(late, given, known.regions[index]))
    return made


def worn(known: KnownClip, who: str, share: float = 1.0) -> list[np.ndarray]:
    """The truth under somebody's mean face, `share` of it; see `baselines.wear`.

    Raises:
        LabError: when that person's mean face is not in `KnownClip.worn`.
    """
    if who not in known.worn:
        raise LabError(f"worn: there is no mean face of {who!r}. Give one.")
    made = []
    for wanted, points in zip(known.truth, known.points, strict=True):
        made.append(cv2.addWeighted(baselines.wear(wanted, points, known.worn[who]), share, wanted, 1 - share, 0))
    return made


def _family(family: str, name: str, make: Callable[[KnownClip, float], list[np.ndarray]], strengths) -> list[Distortion]:
    def at(strength: float) -> Distortion:
        return Distortion(f"{name}_{strength:g}".replace(".", "_"), family, strength, lambda known: make(known, strength))

    return [at(strength) for strength in strengths]


TRUTH = Distortion("truth", "truth", 0.0, lambda known: list(known.truth))
UNCHANGED = Distortion("unchanged", "too little", 1.0, lambda known: list(known.target))
DISTORTIONS = (
    *_family("too little", "blend", blend, (0.25, 0.5, 0.75)),
    UNCHANGED,
    *_family("blur", "blur", blurred, (1.5, 3, 6)),
    *_family("shift", "shift", shifted, (1, 2, 4)),
    *_family("noise", "noise", noisy, (4, 8, 16)),
    *_family("cast", "cast", cast, (5, 10, 20)),
    *_family("square", "square", pasted, (5, 10, 20)),
    *_family("moment", "moment", lambda known, s: other_moment(known, int(s)), (1, 3, 9)),
    *_family("identity", "stranger", lambda known, s: worn(known, "stranger", s), (0.25, 0.5, 1)),
    *_family("tremble", "tremble", trembling, (0.5, 1, 2)),
    *_family("flicker", "flicker", flickering, (2, 5, 10)),
    Distortion("tint", "baseline", 0.0, lambda known: [
        baselines.tint(*two) for two in zip(known.target, known.truth, strict=True)
    ]),
    Distortion("average_face", "baseline", 0.0, lambda known: [
        baselines.wear(frame, points, known.worn["source"]) for frame, points in zip(known.target, known.points, strict=True)
    ]),
    TRUTH,
)  # fmt: skip


def series(known: KnownClip) -> tuple[Distortion, ...]:
    """The distortions that can be made.

    Those that wear a face only where `KnownClip.worn` has it, those of another moment only where the clip is long enough.
    """

    def possible(distortion: Distortion) -> bool:
        if distortion.family == "identity":
            return "stranger" in known.worn
        if distortion.name == "average_face":
            return "source" in known.worn
        return distortion.family != "moment" or distortion.strength < len(known.truth) - 1

    return tuple(distortion for distortion in DISTORTIONS if possible(distortion))


def family_of(name: str) -> str:
    """The family of a distortion by its name; "model" for what is none of this module."""
    return next((distortion.family for distortion in DISTORTIONS if distortion.name == name), "model")
