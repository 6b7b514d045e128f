"""Who is on a face set's pictures: the recognition network's numbers of every face, kept beside the set.

The network is dlib's, see `models.dlib_recognition`: two faces less than 0.6 apart are taken for one person. Its numbers come from
the aligned pictures, not from the frames, so that they can be had for a set whose clip is gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from faceswap_lab.base import files, untrusted
from faceswap_lab.base.errors import LabError
from faceswap_lab.faces.alignment import align, umeyama
from faceswap_lab.faces.faceset import FaceSet
from faceswap_lab.faces.options import SAME_PERSON
from faceswap_lab.models.dlib_recognition import CHIP_SIZE, FaceRecognition

STORED = "identities.npz"  # face name -> 128 numbers, beside faces.csv
SIZE = 128
MOST_KEPT = 1 << 30  # bytes of all faces' numbers: a million faces

# The five points of the mean face to which dlib aligns, as shares of the face's box: centres of the eyes, tip of the
# nose, corners of the mouth. Means of points 36-41 and 42-47, and points 30, 48 and 54, of the 68 in dlib's
# `get_face_chip_details`. The chip adds a quarter of that box on every side.
MEAN_FACE = np.array(
    [[0.225492, 0.215990], [0.754762, 0.215990], [0.490127, 0.515625], [0.254149, 0.780233], [0.726104, 0.780233]]
)
PADDING = 0.25


def chip_points(size: int = CHIP_SIZE) -> np.ndarray:
    """Where the five points lie in a face chip of `size` pixels: (5, 2) float64, (x, y) in pixels."""
    return (MEAN_FACE + PADDING) / (1 + 2 * PADDING) * size - 0.5


def chip(image: np.ndarray, points: np.ndarray, size: int = CHIP_SIZE) -> np.ndarray:
    """Cuts a face out as the recognition network wants to see it: upright, eyes level, from the forehead to below the chin.

    Args:
        image: (H, W, 3) uint8 RGB.
        points: (5, 2) float, (x, y) in pixels: left eye, right eye (as seen in the picture), nose, mouth corners.
        size: side of the chip in pixels; the network wants 150.

    Returns:
        (size, size, 3) uint8 RGB; beyond the picture its border is repeated.

    Raises:
        ValueError: when a point is not finite or all points coincide.
    """
    return align(image, umeyama(points, chip_points(size)), size)


def of_faces(
    images: Sequence[np.ndarray] | np.ndarray,
    points: Sequence[np.ndarray] | np.ndarray,
    recognition: FaceRecognition | None = None,
) -> np.ndarray:
    """The recognition network's numbers of some faces.

    Args:
        images: (N, H, W, 3) uint8 RGB, or a sequence of pictures of different sizes.
        points: (N, 5, 2), in pixels of each picture.

    Returns:
        (N, 128) float32; compare two by their L2 distance.
    """
    if not len(images):
        return np.zeros((0, SIZE), np.float32)
    chips = np.stack([chip(image, own) for image, own in zip(images, points, strict=True)])
    return (recognition or FaceRecognition()).embed(chips)


def of_set(faces: FaceSet, recognition: FaceRecognition | None = None) -> np.ndarray:
    """The recognition network's numbers of every face of a set, computed once and kept in its folder.

    Args:
        faces: the set.
        recognition: to share the network; made when None.

    Returns:
        (N, 128) float32, in the rows' order.
    """
    path = faces.folder / STORED
    known = _stored(path)
    names = faces.table["face"].tolist()
    missing = [row for row, name in enumerate(names) if name not in known]
    if missing:
        some = faces.subset(missing)
        for row, numbers in zip(missing, of_faces(some.images(), some.aligned_points(), recognition), strict=True):
            known[names[row]] = numbers
        with files.atomic_path(path) as temporary, temporary.open("wb") as stream:
            np.savez(stream, names=np.array(list(known)), numbers=np.stack(list(known.values())))
    return np.stack([known[name] for name in names]) if names else np.zeros((0, SIZE), np.float32)


def _stored(path: Path) -> dict[str, np.ndarray]:
    """What was kept; nothing, when the file is missing or damaged: it is then made again."""
    try:
        with untrusted.arrays(path, MOST_KEPT) as held:
            names, numbers = held["names"].tolist(), held["numbers"]
            return dict(zip(names, numbers, strict=True)) if numbers.shape == (len(names), SIZE) else {}
    except (OSError, ValueError, KeyError, EOFError, LabError):
        return {}


def distances(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The distance of each of (N, 128) to each of (M, 128): (N, M) float32; NaN rows stay NaN."""
    return np.linalg.norm(some[:, None] - others[None], axis=2)


def nearest(some: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Each face's distance to the person of some reference pictures: the median over them, (N,) float32."""
    return np.median(distances(some, references), axis=1)


def keep_like(
    numbers: np.ndarray,
    like: np.ndarray | None = None,
    unlike: np.ndarray | None = None,
    threshold: float = SAME_PERSON,
) -> np.ndarray:
    """Which faces pass an identity filter.

    Args:
        numbers: (N, 128) of the faces.
        like: (M, 128) of pictures of who is wanted; None or empty: everybody.
        unlike: (K, 128) of pictures of who is not; None or empty: nobody. A face near both goes to the nearer one.
        threshold: largest distance at which two faces are one person.

    Returns:
        (N,) bool.

    Raises:
        LabError: for a threshold outside (0, 2).
    """
    if not 0 < threshold < 2:
        raise LabError(f"threshold={threshold}: choose a distance between 0 and 2; 0.6 is the network's own.")
    keep = np.ones(len(numbers), bool)
    wanted = nearest(numbers, like) if like is not None and len(like) else None
    if wanted is not None:
        keep &= wanted < threshold
    if unlike is not None and len(unlike):
        other = nearest(numbers, unlike)
        keep &= ~((other < threshold) & ((wanted is None) | (other < (np.inf if wanted is None else wanted))))
    return keep


def groups(numbers: np.ndarray, threshold: float = SAME_PERSON) -> np.ndarray:
    """People among some faces: average-linkage clustering of their numbers, cut at `threshold`.

    Args:
        numbers: (N, 128) float32.

    Returns:
        (N,) int: 0 for the largest group, 1 for the next, ...
    """
    from scipy.cluster.hierarchy import fcluster, linkage

    if len(numbers) < 2:
        return np.zeros(len(numbers), int)
    label = fcluster(linkage(numbers, "average"), threshold, "distance")
    return ranked(label, np.ones(len(label)))


def ranked(labels: Sequence, sizes: np.ndarray) -> np.ndarray:
    """Labels of any kind as 0, 1, 2, ... by falling total size; ties keep the order of first appearance."""
    values, first, inverse = np.unique(np.asarray(labels), return_index=True, return_inverse=True)
    total = np.bincount(inverse, weights=np.asarray(sizes, float), minlength=len(values))
    order = np.lexsort((first, -total))
    rank = np.empty(len(values), int)
    rank[order] = np.arange(len(values))
    return rank[inverse]
