"""Which face of a set belongs to which frame of a video, and whether the two belong together at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import english
from faceswap_lab.faces import alignment
from faceswap_lab.faces.faceset import FACE_SIZE, MATRIX_COLUMNS, TABLE, FaceSet
from faceswap_lab.swap import masks, smoothing
from faceswap_lab.video import Video

_ALIKE = 20.0  # levels of 255 by which a stored face may differ from what the frame shows; compression makes 1 to 4
# Share of a face's outline that may lie outside of the frame: there a model sees repeated border, and paints blurs without eyes.
# On talk_A, talk_B and hard_A, cropped at each side, a trained model's face on the base keeps 98 % of the structure_gain that the
# uncut face has there with up to 0.05 outside, 69 % from 0.25 on and 49 % from 0.35 on; structure is then farther from the truth
# than the target's in 16 % of the frames, before in 4 to 11 %. The base alone keeps 94, 84 and 71 %.
MOST_OUTSIDE = 0.35
CUT_OFF = "cut off by the edge"
_REMEDY = "Extract the faces of this very clip (notebook 02), or give the clip that the set was made from."


@dataclass
class FaceTrack:
    """One person's faces over a video, one a frame, in the order of time.

    Args:
        faces: their face set.
        rows: frame index -> place in this track.
        raw, matrices: (T, 2, 3) frame pixels to pixels of the 256-px square, as extracted and smoothed.
        pictures: (T,) which of the faces shows it; for a bridged frame the nearest one.
        bridged: (T,) bool, reckoned from its neighbours rather than found.
        numbers: (T,) stretches that smoothing may not cross.
        step: usual distance between frames.
        left: frame index -> why a face that is there is left as it is: "deleted", "too small" or CUT_OFF.
        warnings: what was noticed.
        without_outline: how many masks turned out to be empty.
        checked: whether a stored face was compared with its frame.
    """

    faces: FaceSet
    rows: dict[int, int]
    raw: np.ndarray
    matrices: np.ndarray
    pictures: np.ndarray
    bridged: np.ndarray
    numbers: np.ndarray
    step: int = 1
    left: dict[int, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    without_outline: int = 0
    checked: bool = False

    def mask(self, row: int) -> np.ndarray:
        """The face's outline, (256, 256) uint8, read when it is needed: memory stays the same for any length."""
        outline = self.faces.subset([self.pictures[row]]).masks(FACE_SIZE, "face")[0]
        self.without_outline += not outline.any()
        return outline


def face_track(
    video: Video,
    faceset: FaceSet,
    person: int,
    strength: float,
    bridge: int = 0,
    inside: Callable[[int], bool] = lambda frame: True,
    smallest: float = 0.0,
    live: bool = False,
) -> FaceTrack:
    """Picks one person's faces for a video and smooths their transforms over time.

    Faces of which more than MOST_OUTSIDE lies outside of the frame, as smoothed over time, are left out.

    Args:
        video: the target.
        faceset: faces found in it.
        person: as in the set's column `person`.
        strength: of the smoothing, in frames; 0 leaves the transforms as they are.
        bridge: longest gap in frames to be filled, see `bridged`.
        inside: which frames are to be swapped; the others' faces are left out after smoothing, so that a part comes out as
            in the whole.
        smallest: px; faces whose box, its height smoothed over time, is lower are left out.
        live: no face knows of a later one. Gaps are then bridged by the last face before them.

    Raises:
        LabError: when the set is empty, has no such person, or was made from another clip.
    """
    if not len(faceset):
        raise LabError(f"{faceset.folder}: this face set is empty. Extract the faces again, or put pictures back.")
    faces, warnings = _of_clip(video, faceset)
    people = sorted(faces.table["person"].unique())
    if person not in people:
        raise LabError(f"{faceset.folder}: there is no person {person}. Choose one of: {', '.join(map(str, people))}.")
    faces = faces.of_person(person)
    best = faces.table.sort_values("score", ascending=False).drop_duplicates("frame").sort_values("frame")
    faces = faces.subset(best.index.to_numpy())
    frames = faces.table["frame"].to_numpy(int)
    _check_size(video, faces, frames)
    raw = faces.table[MATRIX_COLUMNS].to_numpy(np.float64).reshape(-1, 2, 3)
    if not np.isfinite(raw).all() or (np.abs(np.linalg.det(raw[:, :, :2])) < 1e-9).any():
        raise LabError(f"{faceset.folder}: its table has transforms that are no numbers. Extract the faces again.")
    step = smoothing.usual_step(frames)
    if step > 1:
        warnings.append(
            english(
                "The face set holds only one frame in {step}, and the frames between stay unchanged: the swap will flicker. "
                "Extract the target's faces with every=1.",
                step=step,
            )
        )
    deleted = _deleted(faces, person)
    shots = faces.table["shot"].to_numpy(int)
    places = bridged(frames, raw, deleted, bridge if step == 1 else 0, live, shots)
    pictures = _nearest(frames, places, live)
    found = np.isin(places, frames)
    raw, frames = (raw[pictures] if live else fill(frames, raw, places)), places
    matrices = smoothing.smooth_matrices(raw, strength, frames, live=live, shots=shots[pictures])
    numbers = smoothing.tracks(raw, frames, shots=shots[pictures])
    heights = (faces.table["y1"] - faces.table["y0"]).to_numpy(float)[pictures]
    small = _steady(heights, numbers, strength, live) < smallest
    cut = _steady(_outside(video, faces, raw, pictures), numbers, strength, live) > MOST_OUTSIDE
    rows = {int(frame): row for row, frame in enumerate(frames) if not (small | cut)[row] and inside(int(frame))}
    left = {
        int(frame): why
        for why, some in (("deleted", deleted), (CUT_OFF, frames[cut]), ("too small", frames[small]))
        for frame in some
    }
    return FaceTrack(faces, rows, raw, matrices, pictures, ~found, numbers, step, left, warnings)


def _nearest(frames: np.ndarray, places: np.ndarray, live: bool) -> np.ndarray:
    """For each place, which of the frames (T,) lies nearest to it; live: the last one that is not later."""
    after = np.searchsorted(frames, places, side="right")
    before = np.maximum(after - 1, 0)
    after = np.minimum(after, len(frames) - 1)
    return before if live else np.where(places - frames[before] <= frames[after] - places, before, after)


def _outside(video: Video, faces: FaceSet, matrices: np.ndarray, pictures: np.ndarray) -> np.ndarray:
    """Which share of each face's outline lies outside of the frame, (T,) in [0, 1]; most outlines need not be read for it."""
    shares = np.zeros(len(matrices))
    for row, matrix in enumerate(matrices):
        inside = masks.inside_frame(video.size[::-1], matrix, FACE_SIZE)
        if inside.min() < 1:
            outline = faces.subset([pictures[row]]).masks(FACE_SIZE, "face")[0].astype(np.float32)
            shares[row] = 1 - (outline * inside).sum() / outline.sum() if outline.any() else 0
    return shares


def _steady(values: np.ndarray, numbers: np.ndarray, strength: float, live: bool) -> np.ndarray:
    """A series averaged over time within each stretch, so that a face near a threshold does not come and go."""
    steady = values.copy()
    for number in np.unique(numbers):
        here = numbers == number
        steady[here] = smoothing.smooth_series(values[here], strength, degree=0, live=live)
    return steady


def _deleted(faces: FaceSet, person: int) -> np.ndarray:
    """Frames for which a face of this person was found and taken out of the set since."""
    written = files.read_csv(faces.folder / TABLE, usecols=["source", "frame", "person"], dtype={"source": str})
    here = written["source"].isin(faces.table["source"].unique()) & (written["person"] == person)
    return np.setdiff1d(written.loc[here, "frame"].to_numpy(int), faces.table["frame"].to_numpy(int))


def bridged(
    frames: np.ndarray, matrices: np.ndarray, deleted: np.ndarray, longest: int, live: bool = False,
    shots: np.ndarray | None = None,
) -> np.ndarray:  # fmt: skip
    """Frame indices with short gaps closed.

    A detector that misses a face for a frame or two lets the old face flash up. Between two neighbours that agree, its
    place is known well enough.

    Args:
        frames: (T,) ascending frame indices with a face.
        matrices: (T, 2, 3) their transforms.
        deleted: frames that must stay without.
        longest: gap in frames; longer ones, and those across a jump or a cut, stay open.
        live: what comes after a gap is not known, so each one is filled for `longest` frames.
        shots: (T,) the number of each frame's shot; None: all are of one.

    Returns:
        (T + closed,) ascending.
    """
    if live:
        held = (frames[:, None] + np.arange(longest + 1)).ravel()
        held = held[held <= frames[-1]]
        return np.union1d(frames, np.setdiff1d(held, deleted)).astype(int)
    numbers = smoothing.tracks(matrices, shots=shots)
    closed = [
        frame
        for before, after, same in zip(frames[:-1], frames[1:], numbers[1:] == numbers[:-1], strict=True)
        if same and after - before - 1 <= longest
        for frame in range(before + 1, after)
    ]
    return np.union1d(frames, np.setdiff1d(closed, deleted)).astype(int)


def fill(frames: np.ndarray, matrices: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Transforms at all `places`, (P, 2, 3), interpolated between those known at `frames` (T,), (T, 2, 3)."""
    values = smoothing.parameters(matrices, FACE_SIZE)
    values[:, 3] = np.unwrap(values[:, 3])
    filled = smoothing.matrices_from(
        np.stack([np.interp(places, frames, column) for column in values.T], axis=1), FACE_SIZE
    )
    filled[np.isin(places, frames)] = matrices
    return filled


def _of_clip(video: Video, faceset: FaceSet) -> tuple[FaceSet, list[str]]:
    """The set's faces that come from this video, by its file's name."""
    name, sources = Path(video.path).name, list(faceset.table["source"].unique())
    if name in sources:
        return faceset.subset((faceset.table["source"] == name).to_numpy()), []
    if len(sources) > 1:
        raise LabError(f"{faceset.folder}: its faces come from {', '.join(sources)}, none from {name}. {_REMEDY}")
    same = english(
        "The face set was made from {source}, the clip is called {name}: taken to be the same clip.",
        source=sources[0], name=name,
    )  # fmt: skip
    return faceset, [same]


def _check_size(video: Video, faces: FaceSet, frames: np.ndarray) -> None:
    """Refuses a set whose frames are larger, smaller or later than the video's."""
    made = {(int(w), int(h)) for w, h in faces.table[["frame_width", "frame_height"]].to_numpy()}
    if made != {tuple(map(int, video.size))}:
        there = ", ".join(f"{w}x{h}" for w, h in sorted(made))
        raise LabError(
            f"{faces.folder}: its faces come from frames of {there}, {video.path} has {video.size[0]}x{video.size[1]}. "
            + _REMEDY
        )
    if frames[-1] >= video.num_frames * 1.05 + 3:  # a file's number of frames is an estimate
        raise LabError(
            f"{faces.folder}: it has a face in frame {frames[-1]}, {video.path} has {video.num_frames} frames. "
            + _REMEDY
        )


def check_same_clip(track: FaceTrack, row: int, frame: np.ndarray) -> None:
    """Compares a stored face with what the frame shows at its place.

    Args:
        track: its `checked` is set.
        row: place in the track.
        frame: (H, W, 3) uint8 RGB.

    Raises:
        LabError: when they differ by far.
    """
    stored = track.faces.subset([track.pictures[row]]).images(FACE_SIZE)[0]
    shown = alignment.align(frame, track.raw[row], FACE_SIZE)
    small = [cv2.resize(face, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32) for face in (stored, shown)]
    difference = float(np.abs(small[0] - small[1]).mean())
    if difference > _ALIKE:
        name = track.faces.table["face"].iloc[track.pictures[row]]
        raise LabError(
            f"{track.faces.folder / 'faces' / name}: the clip shows something else at this face's place (they differ "
            f"by {difference:.0f} of 255 levels). {_REMEDY}"
        )
    track.checked = True
