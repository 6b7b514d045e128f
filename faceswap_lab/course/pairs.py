"""Pairs for a face swap: a face and its true swap, cut out alike. Only rendering can make them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from faceswap_lab.base.errors import LabError
from faceswap_lab.course import score_cards, stages
from faceswap_lab.course.runtime import Run
from faceswap_lab.faces import alignment
from faceswap_lab.faces.faceset import FaceSet

GAP = 2  # frames left out between training and test, since neighbours are nearly the same picture


def cut_alike(frames: Iterable[np.ndarray], faces: FaceSet, side: int) -> np.ndarray:
    """The squares of another clip's frames that a face set's matrices lead to.

    Args:
        frames: (H, W, 3) uint8 RGB, in order, at least as many as the set's clip has.
        faces: of the clip that the frames belong to.
        side: of the squares in pixels.

    Returns:
        (N, side, side, 3) uint8 RGB, one for each row of the set.

    Raises:
        LabError: when there are too few frames.
    """
    rows: dict[int, list[int]] = {}
    for row, frame in enumerate(faces.table["frame"]):
        rows.setdefault(int(frame), []).append(row)
    found = np.zeros((len(faces), side, side, 3), np.uint8)
    missing = set(rows)
    for index, frame in enumerate(frames):
        for row in rows.get(index, ()):
            found[row] = alignment.align(frame, faces.matrix(row, side), side)
        missing.discard(index)
    if missing:
        raise LabError(
            f"{faces.folder}: the other clip has no frame {min(missing)}. Give two clips of the same moments, or extract again."
        )
    return found


def true_pairs(run: Run, side: int) -> tuple[np.ndarray, np.ndarray]:
    """The target's faces and their true swaps, in the order of time.

    Args:
        run: the run; its clips must come with a truth, as the sample's do.
        side: of the pictures in pixels.

    Returns:
        Two (N, side, side, 3) uint8 RGB arrays, row for row the same moment.

    Raises:
        LabError: when no true swap is known.
    """
    truth = run.clip("truth")
    faces = stages.main_person(stages.ensure_faces(run, "target"))
    return faces.images(side), cut_alike(score_cards.clip_frames(truth), faces, side)


def split_blocks(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Places to train on and places to test with: two thirds at the clip's beginning and its end, with a gap between them.

    Frames drawn at random would each have a neighbour in the other part that is nearly the same picture.

    Returns:
        Two arrays of places.

    Raises:
        LabError: when there are too few.
    """
    first = int(count * (1 - 1 / 3))
    if first < 1 or first + GAP >= count:
        raise LabError(f"{count} pairs are too few to keep some of them for the test. Give a longer clip.")
    return np.arange(first), np.arange(first + GAP, count)
