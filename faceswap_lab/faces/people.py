"""Who is who in a clip: pieces of track joined to people, by place where the time between is short, else by identity.

`person_like` then finds the one among them whom a picture shows.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from faceswap_lab.base.errors import LabError
from faceswap_lab.faces import embeddings
from faceswap_lab.faces.embeddings import distances, ranked
from faceswap_lab.faces.faceset import BOX_COLUMNS, FaceSet, spread_rows
from faceswap_lab.faces.options import SAME_PERSON

PATIENCE = 30  # looked-at frames over which a face is expected at about the same place
JOINED = 0.55  # mean distance of two tracks' numbers up to which they are one person; the network's own bound is 0.6
LOOKED_AT = 5  # faces of a track that are compared, its sharpest
# Median distances of the actors' clips: 0.34 to 0.49 within a person over light and clips, 0.61 to 0.74 between people.
CLEARLY = 0.08  # by how much nearer the person meant must be than the next
COMPARED = 12  # faces of a person, spread over the clip, that are compared with a reference


def number_people(
    rows: list[dict], identities: Callable[[list[dict]], np.ndarray] | None = None, by_place: bool = True
) -> list[dict]:
    """Gives every face the number of its person: 0 for who takes up the most room over the clip.

    Args:
        rows: of a face set, with a `track` and a `shot` each. Faces of one track are one person. A track that begins where
            another one of the same shot ended, at most `PATIENCE` looked-at frames before, goes on with it.
        identities: from some rows to their recognition numbers (n, 128). With it, tracks that are never seen in one frame
            are joined when their numbers say so, as after a cut.
        by_place: whether place and time say anything; they do not in a folder of unrelated pictures.

    Returns:
        The rows in the order of frame and person, `person` filled in.
    """
    if not rows:
        return rows
    frames = np.unique([row["frame"] for row in rows])
    step = int(np.diff(frames).min()) if len(frames) > 1 else 1  # every n-th frame was looked at
    pieces: dict[int, list[dict]] = {}
    for row in sorted(rows, key=lambda row: row["frame"]):
        pieces.setdefault(int(row["track"]), []).append(row)
    people = _joined_by_place(list(pieces.values()), PATIENCE * step) if by_place else list(pieces.values())
    if identities is not None and len(people) > 1:
        people = _joined_by_identity(people, identities)
    area = [sum(float(np.prod(_box(row)[2:] - _box(row)[:2])) for row in person) for person in people]
    for person, number in zip(people, ranked(range(len(people)), np.array(area)), strict=True):
        for row in person:
            row["person"] = int(number)
    return sorted(rows, key=lambda row: (row["frame"], row["person"]))


def _joined_by_place(pieces: list[list[dict]], reach: int) -> list[list[dict]]:
    people: list[list[dict]] = []
    for piece in sorted(pieces, key=lambda piece: (piece[0]["frame"], -piece[0]["score"])):
        first = piece[0]
        ended = [
            p
            for p in people
            if p[-1]["shot"] == first["shot"]
            and 0 < first["frame"] - p[-1]["frame"] <= reach
            and same_place(_box(p[-1]), _box(first))
        ]
        nearest = min(ended, key=lambda p: np.linalg.norm(_centre(_box(p[-1])) - _centre(_box(first))), default=None)
        if nearest is None:
            people.append(list(piece))
        else:
            nearest.extend(piece)
    return people


def _joined_by_identity(people: list[list[dict]], identities: Callable) -> list[list[dict]]:
    """Larger people first: each goes to the nearest one before it that it is never seen together with."""
    shown = [sorted(person, key=lambda row: -row["sharpness"])[:LOOKED_AT] for person in people]
    numbers = identities([row for some in shown for row in some])
    parts = np.split(numbers, np.cumsum([len(some) for some in shown])[:-1])
    joined: list[tuple[list[dict], list[np.ndarray], set[int]]] = []
    for index in sorted(range(len(people)), key=lambda k: (-len(people[k]), people[k][0]["frame"])):
        frames = {row["frame"] for row in people[index]}
        far = [
            np.inf
            if seen & frames
            else float(np.nan_to_num(distances(parts[index], np.concatenate(known)).mean(), nan=np.inf))
            for _, known, seen in joined
        ]
        if far and min(far) < JOINED:
            rows, known, seen = joined[int(np.argmin(far))]
            rows.extend(people[index])
            if len(known) < LOOKED_AT:
                known.append(parts[index])
            seen |= frames
        else:
            joined.append((list(people[index]), [parts[index]], frames))
    return [rows for rows, _, _ in joined]


def _box(row: dict) -> np.ndarray:
    return np.array([row[column] for column in BOX_COLUMNS], float)


def _centre(box: np.ndarray) -> np.ndarray:
    return (box[:2] + box[2:]) / 2


def same_place(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether two boxes of neighbouring frames could show one face: less than a face apart, and not twice the size."""
    sides = [np.sqrt(max(np.prod(box[2:] - box[:2]), 1e-6)) for box in (first, second)]
    return max(sides) < 2 * min(sides) and np.linalg.norm(_centre(first) - _centre(second)) < 0.9 * np.mean(sides)


def person_like(faces: FaceSet, reference: str | os.PathLike | FaceSet | np.ndarray) -> int:
    """Which person of a face set a reference shows.

    Args:
        faces: of a clip with one or several people; the recognition numbers of the faces looked at are kept beside it.
        reference: a picture that shows one face, a face set or its folder (its person 0 counts), or recognition numbers,
            (128,) or (n, 128), see `embeddings.of_faces`.

    Returns:
        The number, as in the set's column `person`.

    Raises:
        LabError: when nobody in the set is like the reference or two people are about equally, with everybody's distance;
            when the set is empty or the reference shows no face.
    """
    if not len(faces):
        raise LabError(f"{faces.folder}: this face set is empty. Extract the faces again, or put pictures back.")
    wanted = _numbers_of(reference)
    people = sorted(int(person) for person in faces.table["person"].unique())
    away = {person: float(np.median(embeddings.nearest(_some(faces, person), wanted))) for person in people}
    order = sorted(people, key=away.__getitem__)
    told = ", ".join(f"person {person}: {away[person]:.2f}" for person in order)
    name = "the given numbers" if isinstance(reference, np.ndarray) else getattr(reference, "folder", reference)
    if not away[order[0]] < SAME_PERSON:
        raise LabError(
            f"{faces.folder}: nobody in it is like {name} (distances: {told}; one person lies below {SAME_PERSON}). Give a "
            "sharper, frontal picture of somebody in the clip, or choose the person by number."
        )
    if len(order) > 1 and away[order[1]] - away[order[0]] < CLEARLY:
        raise LabError(
            f"{faces.folder}: two people in it are about equally like {name} (distances: {told}). Give a clearer picture, or "
            "choose the person by number."
        )
    return order[0]


def _some(faces: FaceSet, person: int) -> np.ndarray:
    """(n, 128) recognition numbers of at most `COMPARED` faces of a person."""
    rows = np.flatnonzero(faces.table["person"] == person)
    return embeddings.of_set(faces.subset(rows[spread_rows(len(rows), COMPARED)]))


def _numbers_of(reference) -> np.ndarray:
    if isinstance(reference, np.ndarray):
        numbers = np.atleast_2d(reference).astype(np.float32)
        if (
            numbers.ndim != 2
            or numbers.shape[1] != embeddings.SIZE
            or not len(numbers)
            or not np.isfinite(numbers).all()
        ):
            raise LabError(
                f"like: an array {reference.shape} holds no recognition numbers. Give (128,) or (n, 128) finite numbers."
            )
        return numbers
    if isinstance(reference, FaceSet) or Path(reference).is_dir():
        known = reference if isinstance(reference, FaceSet) else FaceSet(reference)
        if not (known.table["person"] == 0).any():
            raise LabError(
                f"{known.folder}: this face set has no person 0 to compare with. Give another one, or a picture."
            )
        return _some(known, 0)
    from faceswap_lab.faces.examination import reference_numbers  # which needs the detector
    from faceswap_lab.faces.options import Extraction

    return reference_numbers([os.fspath(reference)], Extraction())
