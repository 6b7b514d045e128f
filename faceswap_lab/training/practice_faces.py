"""Practice faces, what a model trains on: both people's faces, varied copies of them, masks, twins in the other's shape.

They are made once for a run and kept there:

    practice/<sets>/<size, copies, seed>/
        faces_A.npy, masks_A.npy, likened_A.npy, faces_B.npy, ...   (N, S, S, C) uint8
        practice.json    what they were made of, and the SHA-256 of each file

<sets> comes from the content of the face sets. A picture that is deleted changes it, and what was made of the earlier sets is
removed. The folder appears whole or not at all; what is damaged is made again.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from keras.ops import convert_to_numpy

from faceswap_lab import __version__
from faceswap_lab.base import files, untrusted
from faceswap_lab.base.errors import LabError
from faceswap_lab.base.machine import cpu_cores
from faceswap_lab.base.messages import _
from faceswap_lab.faces import profile
from faceswap_lab.faces.faceset import REGIONS, spread_rows
from faceswap_lab.models.face_statistics import light_and_average, resize
from faceswap_lab.models.lighting import measure_light
from faceswap_lab.training import shape_transfer

FACTS = "practice.json"
FOLDER = "practice"
PARTS = ("faces", "masks", "likened")  # names of files on users' disks; "likened": transferred, by its earlier name
PEOPLE = ("A", "B")
MOST_BYTES = (
    900_000_000  # of one person's practice faces: two such people and their way into a model take just under 4 GB
)
MOST_SWAPS = 300  # 20 seconds of the base on two CPU cores
_CHANNELS = 3 + len(REGIONS) + 3

Practice = tuple[dict[str, np.ndarray], dict[str, np.ndarray], dict[str, np.ndarray]]


@dataclass(frozen=True)
class Recipe:
    """How practice faces are made.

    Args:
        side: of the pictures, pixels.
        copies: varied copies of each face.
        seed: of the copies' draw.
        most_bytes: the most that one person's pictures may take; of more faces, some are chosen by variety. None: all are taken.
    """

    side: int
    copies: int
    seed: int
    most_bytes: int | None = MOST_BYTES

    def most_faces(self) -> int | None:
        """The most faces of a person that are taken."""
        if self.most_bytes is None:
            return None
        return max(1, self.most_bytes // (self.side**2 * _CHANNELS * (self.copies + 1)))


def practice_faces(sets: dict[str, list], recipe: Recipe, folder: Path | None = None, workers: int = 0) -> Practice:
    """Practice faces of two people, made now or found where an earlier call left them; the same bits either way.

    Args:
        sets: {"A": [FaceSet, ...], "B": [...]}.
        recipe: how.
        folder: where they are kept (a run's practice/); None: in memory alone.
        workers: threads; 0: one for each core.

    Returns:
        faces (N, S, S, 3, RGB), masks (N, S, S, 5: see `faceset.REGIONS`; the first three where a set has no landmarks) and
        the faces bent into the other person's shape (N, S, S, 3): {"A": uint8, "B": ...}, read-only and mapped from
        the disk where `folder` is given. The sets' own pictures come first, then the copies of the first, of the second, ...

    Raises:
        LabError: when a picture cannot be read, or the disk is full or does not keep what is written.
    """
    _say_how_many(sets, recipe)
    if folder is None:
        return _make(_chosen(sets, recipe), recipe, lambda part, person, shape: np.empty(shape, np.uint8), workers)
    place = Path(folder) / _digest(sets) / f"{recipe.side}px_{recipe.copies}_copies_seed_{recipe.seed}"
    facts = {"version": __version__, **asdict(recipe)}
    found = _read(place, facts)
    if found is None:
        _remove_others(place.parent)
        _write(place, facts, sets, recipe, workers)
        found = _read(place, facts)
        if found is None:
            raise LabError(
                f"{place}: what was just written there does not read back as it was. The disk or the mounted folder does not "
                "hold it: give the run another folder (out), and run again."
            )
    return found


def with_swaps(practice: Practice, target, swap, centred: bool) -> Practice:
    """Practice faces, and among B's some whose input is a face of A and whose answer is another model's swap of it.

    Args:
        practice: from `practice_faces`.
        target: the `FaceSet` of A; at most `MOST_SWAPS` of it are taken, evenly spread.
        swap: see `conversion.convert`; has `size`. Faces that it leaves as they are are not taken.
        centred: whether the model sees how a face differs from its person's average (`AutoencoderConfig.centred`).

    Returns:
        As `practice`, with further rows of B: they come last, and stand in memory with the others. Shape, uint8 and RGB as there.
    """
    faces, masks, _transferred = practice
    side = faces["B"].shape[1]
    target = target.subset(spread_rows(len(target), MOST_SWAPS))
    pictures = target.images(swap.size)
    colour, alpha = swap(pictures.astype(np.float32) / 255)
    rows = np.flatnonzero(alpha.max(axis=(1, 2, 3)) > 0.5)
    answers = np.round(alpha * colour * 255 + (1 - alpha) * pictures).astype(np.uint8)
    inputs = target.images(side)
    if centred:  # of what is among B's faces the model takes B's average, so B's stands here in the place of A's
        _usual, averages = light_and_average(faces, side, lambda some: some / measure_light(some))
        assert averages is not None, "it was asked for"
        lit = inputs.astype(np.float32) / 255
        lit += convert_to_numpy(measure_light(lit)) * (averages[1] - averages[0])
        inputs = np.round(lit.clip(0, 1) * 255).astype(np.uint8)
    added = resize(answers, side), _masks(target, side)[..., : masks["B"].shape[-1]], inputs
    first, second, third = (
        part | {"B": np.concatenate([part["B"], more[rows]])} for part, more in zip(practice, added, strict=True)
    )
    return first, second, third


def _digest(sets: dict[str, list]) -> str:
    """The content of both people's face sets, as 24 hexadecimal digits."""
    contents = repr([[faces.digest() for faces in sets[person]] for person in PEOPLE])
    return hashlib.sha256(contents.encode()).hexdigest()[:24]


def _read(place: Path, facts: dict) -> Practice | None:
    """What lies in a folder, mapped; None when there is nothing, it was made otherwise, or it is damaged."""
    try:
        known = files.read_json(place / FACTS)
        if {name: known.get(name) for name in facts} != facts:
            return None
        if any(files.sha256(place / _name(*key)) != known["sha256"][_name(*key)] for key in _keys()):
            print(_("{folder}: these practice faces are damaged, and made again.").format(folder=place))
            return None
        faces, masks, transferred = (
            {person: untrusted.array(place / _name(part, person), mapped=True) for person in PEOPLE} for part in PARTS
        )
        return faces, masks, transferred
    except (LabError, OSError, KeyError, TypeError, AttributeError):
        return None


def _write(place: Path, facts: dict, sets: dict[str, list], recipe: Recipe, workers: int) -> None:
    building = place.with_name(f"{files.PARTIAL}{place.name}")
    chosen = _chosen(sets, recipe)
    count = sum(len(faces) for some in chosen.values() for faces in some) * (recipe.copies + 1)
    files.check_free_space(place, count * recipe.side**2 * _CHANNELS)

    mapped: list[np.memmap] = []

    def allocate(part: str, person: str, shape: tuple[int, ...]) -> np.ndarray:
        path = building / _name(part, person)
        mapped.append(np.lib.format.open_memmap(path, "w+", np.uint8, shape))
        if hasattr(os, "posix_fallocate"):  # a full disk is an error now, not a killed process while a page is written
            with open(path, "r+b") as file:
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
        return mapped[-1]

    with files.clear_write_errors(place):
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(parents=True)
        try:
            _make(chosen, recipe, allocate, workers)
            for array in mapped:
                array.flush()
            sums = {_name(*key): files.sha256(building / _name(*key)) for key in _keys()}
            files.write_json(building / FACTS, facts | {"sha256": sums})
            shutil.rmtree(place, ignore_errors=True)
            building.rename(place)
        finally:
            shutil.rmtree(building, ignore_errors=True)


def _remove_others(kept: Path) -> None:
    """What was made of other face sets may show a face that was deleted since."""
    for other in kept.parent.glob("*"):
        if other != kept and other.is_dir() and not other.is_symlink():
            shutil.rmtree(other)


def _name(part: str, person: str) -> str:
    return f"{part}_{person}.npy"


def _keys() -> list[tuple[str, str]]:
    return [(part, person) for part in PARTS for person in PEOPLE]


def _make(sets: dict[str, list], recipe: Recipe, allocate: Callable, workers: int) -> Practice:
    """Makes them face by face, in several threads (OpenCV computes outside of Python's lock), into arrays of `allocate`."""
    own = {person: _own(some, recipe.side) for person, some in sets.items()}
    pool = ThreadPoolExecutor(workers or cpu_cores())
    try:
        made = {person: _make_person(own, person, recipe, allocate, pool) for person in PEOPLE}
    finally:
        pool.shutdown(cancel_futures=True)
    faces, masks, transferred = ({person: made[person][part] for person in PEOPLE} for part in range(len(PARTS)))
    return faces, masks, transferred


def _make_person(own: dict, person: str, recipe: Recipe, allocate: Callable, pool: ThreadPoolExecutor):
    pictures, points, pose = own[person]
    _, other_points, other_pose = own["B" if person == "A" else "A"]
    plan = shape_transfer.plan_copies(pictures, points, pose, recipe.copies, recipe.seed)
    places = np.concatenate([points, plan.points])[..., :2]
    moves = shape_transfer.shape_moves(places, np.concatenate([pose, plan.pose]), other_points[..., :2], other_pose)
    shape = (len(places), *pictures.shape[1:3])
    faces, masks, transferred = (
        allocate(part, person, (*shape, channels))
        for part, channels in zip(PARTS, (3, pictures.shape[-1] - 3, 3), strict=True)
    )

    def fill(row: int) -> None:
        copy = row - len(pictures)
        made = pictures[row] if copy < 0 else shape_transfer.warp_copy(pictures, points, plan, copy)
        faces[row], masks[row] = made[..., :3], made[..., 3:]
        transferred[row] = shape_transfer.bend_known(made[..., :3], places[row], moves[row])

    for _ in pool.map(fill, range(len(places))):
        pass
    return faces, masks, transferred


def _own(some: list, side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A person's own pictures with their masks as further channels, landmarks and poses, of all sets in a row."""
    masks = [_masks(faces, side) for faces in some]
    least = min(mask.shape[-1] for mask in masks)  # what only some of a person's sets have does not count
    pictures = np.concatenate(
        [np.concatenate([f.images(side), m[..., :least]], axis=-1) for f, m in zip(some, masks, strict=True)]
    )
    points, pose = zip(*(faces.aligned_landmarks() for faces in some), strict=True)
    return pictures, np.concatenate(points), np.concatenate(pose)


def _masks(faces, side: int) -> np.ndarray:
    """A face set's masks; where pictures of them are missing, the whole face and no features, with a line that says so."""
    lost = faces.missing_masks()
    if not lost:
        return faces.region_masks(side)
    said = _(
        "{folder}: {lost} of {count} masks are missing ({first}, ...), so none is used: the eyes get no loss of their own. "
        "Extract the faces again to have them."
    )
    print(said.format(folder=faces.folder / "masks", lost=len(lost), count=len(faces), first=lost[0]))
    return np.broadcast_to(np.array([255, 0, 0], np.uint8), (len(faces), side, side, 3))


def _chosen(sets: dict[str, list], recipe: Recipe) -> dict[str, list]:
    """The faces that are taken: all, or the most varied ones of each person."""
    most, chosen = recipe.most_faces(), {}
    for person, some in sets.items():
        if most is None or sum(map(len, some)) <= most:
            chosen[person] = some
            continue
        rows = most_varied(np.concatenate([variety(faces) for faces in some]), most)
        of_set = np.repeat(np.arange(len(some)), [len(faces) for faces in some])
        starts = np.cumsum([0, *(len(faces) for faces in some)])
        parts = [faces.subset(rows[of_set[rows] == k] - starts[k]) for k, faces in enumerate(some)]
        chosen[person] = [part for part in parts if len(part)]
    return chosen


def _say_how_many(sets: dict[str, list], recipe: Recipe) -> None:
    for person, some in sets.items():
        count, most = sum(map(len, some)), recipe.most_faces()
        if most is not None and count > most:
            said = _("{most} of {count} faces of {person} are used, chosen by variety of pose, expression and light.")
            print(said.format(most=most, count=count, person=person))


def variety(faces, at_once: int = 64) -> np.ndarray:
    """Where each face lies among all that a set could show: (N, 80) float, pose, light, mouth and eyes in one measure.

    Eight degrees, a light that differs by a quarter, a mouth that is open by a twelfth of the eyes' distance, and lids by a
    twelfth of their width, are equally far.
    """
    parts = []
    for start in range(0, len(faces), at_once):
        some = faces.subset(np.arange(start, min(start + at_once, len(faces))))
        points, pose = some.aligned_landmarks()
        open_by = np.nan_to_num(np.stack(profile.expression(points), axis=1)) * 12
        parts.append(np.concatenate([shape_transfer.pose_and_light(some.images(64), pose), open_by], axis=1))
    return np.concatenate(parts)


def most_varied(features: np.ndarray, count: int) -> np.ndarray:
    """Rows that cover the features best: farthest point sampling (Gonzalez 1985), which begins with the most usual row.

    Args:
        features: (N, D).
        count: how many, at most N.

    Returns:
        (count,) int, rising.
    """
    place = int(np.linalg.norm(features - np.median(features, axis=0), axis=1).argmin())
    chosen: list[int] = []
    nearest = np.full(len(features), np.inf)
    while len(chosen) < min(count, len(features)):
        chosen.append(place)
        nearest = np.minimum(nearest, np.linalg.norm(features - features[place], axis=1))
        nearest[place] = -1  # of faces that are all alike, each is taken once
        place = int(nearest.argmax())
    return np.sort(np.array(chosen, np.int64))
