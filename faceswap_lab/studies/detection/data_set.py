"""What detectors are tried on: the same moments of a clip, real and swapped, cut out alike, coded alike, split by time.

Three mistakes make a detector look good that has learnt nothing of swaps, and each is easily made:

- **leakage**: neighbouring frames are nearly the same picture. Drawn by chance, training and test share them; here whole
  stretches of time go to one side, with a gap between.
- **the coder**: when only one class went through H.264, its traces tell the classes apart. Here both go through the same.
- **the scene**: when real and swapped faces come from different clips, light and pose tell. Here each moment is there in both.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from faceswap_lab.base.errors import LabError
from faceswap_lab.faces.alignment import align
from faceswap_lab.faces.faceset import FACE_SIZE, MASKS, FaceSet
from faceswap_lab.studies.detection.recompression import Coding, recoded

REAL = "real"
MARGIN = 32  # px of the aligned square that are left out all round: hair, neck and wall, which no swap changes
SIDE = FACE_SIZE - 2 * MARGIN
BLOCKS, GAP = 4, 4  # stretches of time, and the frames that are dropped on each side of a border between two
LEAST = 12  # moments in training and in test each: with fewer, neither says anything
TRAIN, TEST, UNUSED = "train", "test", ""


@dataclass(frozen=True)
class Crops:
    """Faces of one video, moment by moment.

    Args:
        faces: (T, S, S, 3) uint8 RGB, aligned, at about the size that they have in the video.
        points: (T, 5, 2) float64, their five points in pixels of the crop.
        skin, eyes: (T, S, S) uint8 masks, 255 inside.
        frames: (T,) int, their numbers in the video.
    """

    faces: np.ndarray
    points: np.ndarray
    skin: np.ndarray
    eyes: np.ndarray
    frames: np.ndarray

    def __len__(self) -> int:
        return len(self.faces)

    def some(self, rows: np.ndarray) -> Crops:
        """Those of some moments: indices, or a boolean mask."""
        return Crops(*(part[rows] for part in (self.faces, self.points, self.skin, self.eyes, self.frames)))


@dataclass(frozen=True)
class Scene:
    """A clip with the videos that were made of it.

    Args:
        name: for tables.
        rate: frames a second.
        videos: name -> what gives its frames in order, (H, W, 3) uint8 RGB; `REAL` is the clip itself, the others are swaps.
        faceset: the clip's faces, one a frame; a swap is cut out with the same transforms.
    """

    name: str
    rate: float
    videos: Mapping[str, Callable[[], Iterator[np.ndarray]]]
    faceset: FaceSet

    def __post_init__(self):
        if REAL not in self.videos:
            raise LabError(f"{self.name}: the real video is missing among {', '.join(self.videos) or 'nothing'}. Add it.")
        if self.faceset.table["frame"].duplicated().any():
            raise LabError(f"{self.name}: several faces in one frame. Give the faces of one person.")

    @property
    def swaps(self) -> tuple[str, ...]:
        """The names of the swapped videos."""
        return tuple(name for name in self.videos if name != REAL)

    @property
    def frames(self) -> np.ndarray:
        """(T,) int: the moments at which a face was found."""
        return self.faceset.table["frame"].to_numpy(int)

    def crops(self, video: str, coding: Coding) -> Crops:
        """A video's faces after it was coded.

        Raises:
            LabError: when there is no such video, or it ends before its last face.
        """
        if video not in self.videos:
            raise LabError(f"{self.name}: there is no video {video!r}. There are {', '.join(self.videos)}.")
        if (video, coding) not in self._known:
            self._known[video, coding] = self._cut_out(video, coding)
        return Crops(self._known[video, coding], *self._geometry, self.frames)

    @cached_property
    def _known(self) -> dict[tuple[str, Coding], np.ndarray]:
        """What was cut out before: 13 MB for 120 faces."""
        return {}

    def _cut_out(self, video: str, coding: Coding) -> np.ndarray:
        rows = {int(number): row for row, number in enumerate(self.frames)}
        frames = itertools.islice(self.videos[video](), 1 + max(rows))
        faces = np.empty((len(rows), SIDE, SIDE, 3), np.uint8)
        found = 0
        for number, frame in enumerate(recoded(frames, self.rate, coding)):
            if number in rows:
                row = rows[number]
                faces[row] = inner(align(frame, self.faceset.matrix(row), FACE_SIZE))
                found += 1
        if found != len(rows):
            raise LabError(f"{self.name}, {video}: {found} of {len(rows)} faces lie in the video. Make the swap again.")
        return faces

    @cached_property
    def _geometry(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Points, skin and eyes: the same for all videos, since a swap stays where the face was."""
        masks = inner(self.faceset.masks())
        return self.faceset.aligned_points() - MARGIN, masks[..., MASKS.index("face")], masks[..., MASKS.index("eyes")]


def inner(pictures: np.ndarray) -> np.ndarray:
    """The middle of aligned squares: (..., 256, 256[, 3]) to (..., 192, 192[, 3])."""
    colour = pictures.shape[-1] == 3
    cut = slice(MARGIN, -MARGIN)
    return pictures[..., cut, cut, :] if colour else pictures[..., cut, cut]


def split(frames: np.ndarray, blocks: int = BLOCKS, gap: int = GAP) -> np.ndarray:
    """Which moments train and which test: stretches of time in turn, with a gap wherever two meet.

    Args:
        frames: (T,) rising numbers of frames.
        blocks: how many stretches of equal length the clip is cut into.
        gap: frames that are left out on each side of a border.

    Returns:
        (T,) of `TRAIN`, `TEST` and `UNUSED`.

    Raises:
        LabError: when fewer than `LEAST` moments are left on a side, or the numbers do not rise.
    """
    frames = np.asarray(frames)
    if blocks < 2 or gap < 0:
        raise LabError(f"blocks={blocks}, gap={gap}: give two or more stretches of time and a gap of 0 or more frames.")
    if len(frames) < 2 or (np.diff(frames) <= 0).any():
        raise LabError("frames: their numbers must rise. Give one face a frame, in the order of time.")
    borders = np.linspace(frames[0], frames[-1] + 1, blocks + 1)
    place = np.searchsorted(borders, frames, side="right") - 1
    sides = np.where(place % 2 == 0, TRAIN, TEST).astype(object)
    for border in borders[1:-1]:
        sides[(frames >= border - gap) & (frames < border + gap)] = UNUSED
    for side in (TRAIN, TEST):
        if (count := int((sides == side).sum())) < LEAST:
            raise LabError(
                f"frames: {count} moments are left to {side} with, and {LEAST} are needed. Give a longer clip, or a smaller gap."
            )
    return sides


def shuffled_split(frames: np.ndarray, seed: int = 0) -> np.ndarray:
    """How it must *not* be done: half of the moments by chance, so that nearly every test frame has a neighbour in training."""
    sides = np.full(len(frames), TEST, object)
    sides[np.random.default_rng(seed).permutation(len(frames))[: len(frames) // 2]] = TRAIN
    return sides
