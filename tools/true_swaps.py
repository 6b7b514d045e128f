"""The base model's training data: rendered people, and beside each picture its true swap (tools/render_pairs.py makes them).

For every shot the target's face is cut out as a face set would, and three pictures of the source are warped beside it
(`faces.references`). Each shot is prepared several times: as if the detector had erred a little, with the source known from
a clip, from all its pictures or from one only, coded as JPEG, with something held before the face: a hand of another shot,
or something flat. Light, contrast, noise and blur are drawn anew in every training step (`swapper_fitting.varied_light`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.faces import references
from faceswap_lab.faces.alignment import FIVE, align, alignment_matrix
from faceswap_lab.faces.landmarks import FaceMesh, five_points
from faceswap_lab.faces.references import Person
from faceswap_lab.training.fine_tuning import detector_error
from faceswap_lab.video.pictures import coded_picture, decoded_picture, read_picture

MODES = {"take": 0.35, "all": 0.45, "one": 0.2}  # what is known of the source -> how often
HIDDEN, BY_A_HAND = 0.4, 0.7  # of the samples, something before the face; of these, a hand
LEAST_HAND = 0.04  # of the aligned square, for a hand that is worth cutting out
_KEYS = ("images", "points", "read", "light")


@dataclass(frozen=True, eq=False)
class TrueSwap:
    """One shot.

    Args:
        number: of the shot. take: shots of one take share people and light. person, other: target's and source's name.
        frame, truth: (H, W, 3) uint8 RGB. mask: (H, W) float32 [0, 1], where the face is seen, in either.
        hand: (H, W) float32 [0, 1], where a hand is before the target.
        matrix: (2, 3), frame to the aligned square. face: the target's, a `Person` of one picture.
    """

    number: int
    take: int
    person: str
    other: str
    frame: np.ndarray
    truth: np.ndarray
    mask: np.ndarray
    hand: np.ndarray
    matrix: np.ndarray
    face: Person


def read_shots(folder: Path, size: int, finder: FaceMesh | None = None) -> list[TrueSwap]:
    """The shots of a folder of tools/render_pairs.py (train or held_out) on which the target's landmarks are found.

    Raises:
        LabError: when there is none.
    """
    finder, found = finder or FaceMesh(), []
    for path in sorted(Path(folder).glob("?????.json")):
        label = files.read_json(path)
        stem = str(path)[: -len(".json")]
        frame, truth = (read_picture(Path(f"{stem}_{kind}.png")) for kind in ("target", "truth"))
        seen = cut(frame, np.array([label["target"][name] for name in FIVE]), size, finder)
        if seen is None:
            continue
        regions = [_regions(f"{stem}_{kind}_regions.png") for kind in ("target", "truth")]
        mask = np.maximum(*(each[..., :3].max(axis=2) * (1 - each[..., 3]) for each in regions))
        # shots of a take follow each other and share their light's name
        take = int(label["light"]["name"].split("_")[1])
        found.append(
            TrueSwap(
                label["shot"], take, label["person"], label["other"], frame, truth, mask, regions[0][..., 3], *seen
            )
        )
    if not found:
        raise LabError(f"{folder}: there are no rendered shots. Make them with tools/render_pairs.py.")
    return found


def cut(frame: np.ndarray, points: np.ndarray, size: int, finder: FaceMesh) -> tuple[np.ndarray, Person] | None:
    """One face of a frame.

    Args:
        frame: (H, W, 3) uint8 RGB. points: (5, 2) roughly, in its pixels. size: S.

    Returns:
        The (2, 3) matrix to the aligned square of S pixels, and the face as a `Person` of one picture; None: no face.
    """
    landmarks = finder(frame, points)
    if landmarks is None:
        return None
    matrix = alignment_matrix(five_points(landmarks), size)
    return matrix, Person.from_faces([(align(frame, matrix, size), landmarks.transformed(matrix))])


def _regions(path: str) -> np.ndarray:
    """Where a picture shows skin of the face, eyes, mouth, and a hand before them: (H, W, 4) float32 [0, 1]."""
    try:
        with Image.open(path, formats=["PNG"]) as picture:
            regions = np.asarray(picture)
    except (OSError, SyntaxError, ValueError) as error:
        raise LabError(f"{path}: {error}. Delete the shot's .json and render again.") from error
    if regions.ndim != 3 or regions.shape[2] != 4:
        raise LabError(f"{path}: this is no picture of four regions. Delete the shot's .json and render again.")
    return regions.astype(np.float32) / 255


def people(shots: Iterable[TrueSwap]) -> dict[str, tuple[Person, np.ndarray]]:
    """Name -> all pictures of a person as target, and the take of each."""
    by_name: dict[str, list[TrueSwap]] = {}
    for shot in shots:
        by_name.setdefault(shot.person, []).append(shot)
    return {
        name: (joined([shot.face for shot in own]), np.array([shot.take for shot in own]))
        for name, own in by_name.items()
    }


def joined(faces: Sequence[Person]) -> Person:
    return Person(*(np.concatenate([getattr(face, key) for face in faces]) for key in _KEYS))


def average_shape(points: np.ndarray, read: np.ndarray) -> np.ndarray:
    """(9, P, 2): how the points of people in general follow from `shape_features`.

    Args:
        points: (N, P, 2) of many people, in shares of the aligned square. read: (N, 7).
    """
    return references.fitted_shape(references.shape_features(read), points)


class Preparation:
    """Makes training samples of shots.

    Args:
        shots: from `read_shots`. average: see `average_shape`; made from these shots when None.
    """

    def __init__(self, shots: list[TrueSwap], average: np.ndarray | None = None):
        self.shots, self.people = shots, people(shots)
        every = joined([known for known, _ in self.people.values()])
        self.average = average_shape(every.points, every.read) if average is None else average
        self.size = every.images.shape[1]
        self.hands = hands_of(shots, self.size)

    def known_source(self, name: str, mode: str, draw: np.random.Generator) -> Person:
        """What is known of a source: of one take, of all, one picture."""
        known, takes = self.people[name]
        if mode == "all":
            return known
        if mode == "take":
            return known.subset(np.flatnonzero(takes == draw.choice(takes)))
        return known.subset([draw.integers(len(known))])

    def _known(self, shot: TrueSwap, mode: str, draw: np.random.Generator | None):
        """The source's pictures, its shape and the target's; without `draw` the same each time."""
        source = self.known_source(shot.other, mode, draw or np.random.default_rng(shot.number))
        target = self.people[shot.person][0] if mode == "all" else shot.face
        return source, *(references.own_shape(each.points, each.read, self.average) for each in (source, target))

    def carried_further(self, shot: TrueSwap, mode: str, colour: np.ndarray) -> np.ndarray:
        """What a network answers to the unvaried `sample`, (S, S, 3) float32, as a conversion shows it."""
        _, source_shape, target_shape = self._known(shot, mode, None)
        move = references.shape_move(source_shape, target_shape, shot.face)
        return references.carried_further(colour, shot.face.points[0], move).clip(0, 1)

    def sample(self, shot: TrueSwap, mode: str, draw: np.random.Generator | None) -> dict[str, np.ndarray] | None:
        """One sample, see `SwapperTraining`; without `draw` nothing is varied. None: the source has no picture yet."""
        if shot.other not in self.people:
            return None
        source, source_shape, target_shape = self._known(shot, mode, draw)
        matrix, points = shot.matrix, shot.face.points[0]
        if draw is not None:
            change = detector_error(draw, self.size)
            matrix = np.vstack([change, [0, 0, 1]])[:2] @ np.vstack([matrix, [0, 0, 1]])
            points = ((points * self.size - 0.5) @ change[:, :2].T + change[:, 2] + 0.5) / self.size
            points = points + draw.normal(0, 0.003, points.shape)
        face, truth = (align(picture, matrix, self.size) for picture in (shot.frame, shot.truth))
        mask = (255 * align(shot.mask, matrix, self.size)).clip(0, 255).astype(np.uint8)
        seen = Person(face[None], points[None], shot.face.read, shot.face.light)
        beside = references.beside(source, self.average, source_shape, target_shape, seen)
        if draw is not None:
            if draw.uniform() < HIDDEN:
                by_a_hand = self.hands and draw.uniform() < BY_A_HAND
                thing = hand_before(self.hands, face, mask, draw) if by_a_hand else something_flat(self.size, draw)
                face, truth, mask = held_before(face, truth, mask, thing)
            face = coded(face, draw)
        return {"faces": face, "truth": truth, "references": beside, "mask": mask[..., None]}

    def samples(self, variants: int, seed: int = 0, mode: str | None = None) -> dict[str, np.ndarray]:
        """All shots, `variants` times each; 0: once, unvaried. Arrays of uint8, shuffled.

        Args:
            mode: of MODES; None draws.

        Raises:
            LabError: when no shot's source has a picture.
        """
        draw = np.random.default_rng(seed)
        found = []
        for _ in range(max(1, variants)):
            for shot in self.shots:
                drawn = mode or str(draw.choice(list(MODES), p=list(MODES.values())))
                if (sample := self.sample(shot, drawn, draw if variants else None)) is not None:
                    found.append(sample)
        if not found:
            raise LabError(
                "shots: nobody who is put in has a picture of their own. Render them as targets, too (tools/render_pairs.py)."
            )
        if variants:
            draw.shuffle(found)
        return {key: np.stack([sample[key] for sample in found]) for key in found[0]}


def coded(face: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """The face as a JPEG of random quality shows it, half of the time."""
    if draw.uniform() < 0.5:
        return face
    return decoded_picture(coded_picture(face, ".jpg", int(draw.integers(35, 96))))


def hands_of(shots: Sequence[TrueSwap], size: int) -> list[np.ndarray]:
    """The hands before the faces of shots: (S, S, 4) float32, RGB [0, 255] and how much of each pixel is the hand's [0, 1]."""
    cut_out = []
    for shot in shots:
        where = align(shot.hand, shot.matrix, size).astype(np.float32).clip(0, 1)
        if where.mean() > LEAST_HAND:
            cut_out.append(np.dstack([align(shot.frame, shot.matrix, size).astype(np.float32), where]))
    return cut_out


def hand_before(
    hands: Sequence[np.ndarray], face: np.ndarray, mask: np.ndarray, draw: np.random.Generator
) -> np.ndarray:
    """One of the hands, elsewhere, turned, and lit like the face; half of the time of the face's own tone, the hardest case."""
    hand, size = hands[draw.integers(len(hands))], len(face)
    middle = (size / 2, size / 2)
    move = cv2.getRotationMatrix2D(middle, float(draw.uniform(-60, 60)), float(draw.uniform(0.8, 1.3)))
    move[:, 2] += draw.uniform(-0.3, 0.3, 2) * size
    hand = cv2.warpAffine(hand[:, :: draw.choice([-1, 1])], move, (size, size))
    if draw.uniform() < 0.4:
        hand = _moving(hand, draw)
    mine, theirs = (x[where > 0.5].mean(axis=0) if (where > 0.5).any() else None
                    for x, where in ((hand[..., :3], hand[..., 3]), (face, mask / 255)))  # fmt: skip
    gain = np.exp(draw.normal(0, 0.25) + draw.normal(0, 0.06, 3))
    if mine is not None and theirs is not None:
        own_tone = draw.uniform() < 0.5
        gain = gain**0.5 * theirs / mine.clip(1) if own_tone else gain * theirs.mean() / mine.mean().clip(1)
    return np.dstack([(hand[..., :3] * gain.clip(0.1, 8)).clip(0, 255), hand[..., 3]]).astype(np.float32)


def _moving(hand: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """A hand (S, S, 4) as a camera shows it that moves by up to a twelfth of the side."""
    length = int(draw.integers(3, len(hand) // 12 + 1))
    path = np.zeros((length, length), np.float32)
    turn, middle = draw.uniform(0, np.pi), (length - 1) / 2
    reach = middle * np.array([np.cos(turn), np.sin(turn)])
    ends = [tuple(int(round(value)) for value in middle + sign * reach) for sign in (-1, 1)]
    cv2.line(path, *ends, 1.0)
    path /= path.sum()
    there = cv2.filter2D(hand[..., 3], -1, path)
    colour = cv2.filter2D(hand[..., :3] * hand[..., 3:], -1, path) / there.clip(1e-3)[..., None]
    return np.dstack([colour, there])


def something_flat(size: int, draw: np.random.Generator) -> np.ndarray:
    """A rotated ellipse of a random, grainy colour, as `hand_before` has it."""
    shape: np.ndarray = np.zeros((size, size), np.float32)
    middle = tuple(int(value) for value in draw.uniform(0.1 * size, 0.9 * size, 2))
    axes = tuple(int(value) for value in draw.uniform(0.06 * size, 0.25 * size, 2))
    cv2.ellipse(shape, middle, axes, float(draw.uniform(0, 180)), 0, 360, 1.0, -1)
    shape = cv2.GaussianBlur(shape, (0, 0), float(draw.uniform(0.6, 1.5)))
    grain = cv2.GaussianBlur(draw.normal(0, 60, (size, size, 3)).astype(np.float32), (0, 0), 3)
    return np.dstack([(draw.uniform(20, 235, 3) + grain).clip(0, 255), shape]).astype(np.float32)


def held_before(face, truth, mask, thing: np.ndarray):
    """Something (see `hand_before`) before face and truth, out of the mask."""
    colour, there = thing[..., :3], thing[..., 3:]
    face, truth = (np.clip(each + there * (colour - each), 0, 255).astype(np.uint8) for each in (face, truth))
    return face, truth, np.round(mask * (1 - there[..., 0])).astype(np.uint8)
