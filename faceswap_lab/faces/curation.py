"""Looking through a face set: sort it, group it, find faces that repeat others, lay it out as a sheet of thumbnails.

Nothing of that changes a file. What does is found here as well: taking faces out and bringing them back (`rejection`).
"""

from __future__ import annotations

import cv2
import numpy as np
import pandas as pd

from faceswap_lab.base.errors import LabError
from faceswap_lab.faces import embeddings
from faceswap_lab.faces.faceset import FaceSet
from faceswap_lab.faces.options import SAME_PERSON
from faceswap_lab.faces.rejection import reject, rejected, restore, undo

__all__ = ["group", "light", "near_duplicates", "reject", "rejected", "restore", "sort", "thumbnails", "undo"]

SORTS = ("sharpness", "yaw", "pitch", "roll", "light", "identity", "similarity", "time")
GROUPS = ("pose", "light", "sharpness", "identity", "similarity")
YAWS = ("far left", "left", "frontal", "right", "far right")
PITCHES = ("down", "level", "up")
YAW_EDGES, PITCH_EDGES = (-35, -15, 15, 35), (-12, 12)  # degrees
LUMAS = ("dark", "normal light", "bright")
# Of the rendered actors, faces in seven ordinary lights lie between 0.30 and 0.75, in side light from 0.23, and in the
# clip "in_the_dark" at 0.08.
DARK, BRIGHT = 0.25, 0.8
# Variance of the Laplacian: at most 12 in the clips "blurred" and "low_resolution", 20 or more in the clips to train with.
BLURRY = 16.0
# Share of the faces' contrast. Of all pairs of frames of the clips talk_A, talk_B, train_A and train_B under one light:
# the same pose (1 degree), expression (0.08) and gaze (3 degrees) give a median of 0.08 to 0.12; a pose off by 4 degrees,
# an expression off by 0.3 or a blink give more than 0.24 in 99 of 100. The same frame again gives 0.02 to 0.05 as a JPEG
# file, 0.03 with noise of 6 of 255, 0.09 moved by half a pixel.
DUPLICATE = 0.12
SMALL = 32  # side in pixels at which faces are compared: noise is averaged away, a blink is not
MEASURED = 64  # side at which light is measured
CLUSTERS = 8  # groups by similarity, at most
NAMES = 160  # width in pixels of the groups' names beside a sheet


def light(faces: FaceSet) -> pd.DataFrame:
    """How each face is lit, measured inside its face mask.

    Returns:
        A table with a row a face, float64, NaN where the mask is empty:
        luma in [0, 1], the mean of grey as the picture stores it (Rec. 601, gamma-coded);
        contrast in [0, 0.5], the standard deviation of that grey;
        left_minus_right in [-1, 1], the mean of the left half less that of the right half, as seen in the picture.
    """
    rows = []
    for grey, mask in zip(_greys(faces, MEASURED), faces.masks(MEASURED, "face") > 127, strict=True):
        halves = [grey[:, half][mask[:, half]] for half in (slice(None, MEASURED // 2), slice(MEASURED // 2, None))]
        left, right = (half.mean() if len(half) else np.nan for half in halves)
        inside = grey[mask]
        rows.append((inside.mean(), inside.std(), left - right) if len(inside) else (np.nan,) * 3)
    return pd.DataFrame(rows, columns=["luma", "contrast", "left_minus_right"], dtype=np.float64)


def sort(faces: FaceSet, by: str) -> np.ndarray:
    """The order in which to look through a set.

    Args:
        faces: the set.
        by: sharpness (the sharpest first); yaw, pitch, roll (rising degrees); light (the darkest first); identity (who
            looks most like the set's median face first, strangers last); similarity (a chain of faces, each followed by
            the one most like it of those left, which begins with the most unusual face); time (clip, frame, person).

    Returns:
        (N,) int64 rows of the table. Faces whose value is unknown stand last; equal ones keep their order.

    Raises:
        LabError: for another `by`.
    """
    _check_choice(by, SORTS)
    if by == "time":
        table = faces.table.reset_index(drop=True)
        return table.sort_values(["source", "frame", "person"], kind="stable").index.to_numpy(np.int64)
    if by == "similarity":
        return _chain(_small(faces)[0])
    if by == "sharpness":
        values = -faces.table["sharpness"].to_numpy(np.float64)
    elif by == "light":
        values = light(faces)["luma"].to_numpy()
    elif by == "identity":
        numbers = embeddings.of_set(faces)
        values = np.linalg.norm(numbers - np.median(numbers, axis=0), axis=1) if len(numbers) else np.zeros(0)
    else:
        values = faces.table[by].to_numpy(np.float64)
    return np.argsort(values, kind="stable").astype(np.int64)  # NaN goes last


def group(faces: FaceSet, by: str) -> tuple[np.ndarray, list[str]]:
    """Splits a set into groups of a kind.

    Args:
        faces: the set.
        by: pose (bins of yaw and pitch), light (dark, normal, bright), sharpness (blurry, sharp), identity (the people
            that the recognition network tells apart) or similarity (clusters of pictures that look alike).

    Returns:
        labels: (N,) int64, places in `names`.
        names: a name for every group; there is no empty one.

    Raises:
        LabError: for another `by`.
    """
    _check_choice(by, GROUPS)
    if by == "pose":
        yaw, pitch = (faces.table[name].to_numpy(np.float64) for name in ("yaw", "pitch"))
        labels = np.digitize(yaw, YAW_EDGES) * len(PITCHES) + np.digitize(pitch, PITCH_EDGES)
        names = [f"{one}, {other}" for one in YAWS for other in PITCHES] + ["pose unknown"]
        labels[np.isnan(yaw) | np.isnan(pitch)] = len(names) - 1
    elif by == "light":
        luma = light(faces)["luma"].to_numpy()
        names = [*LUMAS, "light unknown"]
        labels = np.where(np.isnan(luma), len(LUMAS), np.digitize(luma, (DARK, BRIGHT)))
    elif by == "sharpness":
        names = ["sharp", "blurry"]
        labels = (faces.table["sharpness"].to_numpy(np.float64) < BLURRY).astype(int)
    elif by == "identity":
        labels = embeddings.groups(embeddings.of_set(faces), SAME_PERSON)
        names = [f"person {number + 1}" for number in range(labels.max(initial=-1) + 1)]
    else:
        labels = _clusters(_small(faces)[0])
        names = [f"look {number + 1}" for number in range(labels.max(initial=-1) + 1)]
    present, labels = np.unique(labels, return_inverse=True)
    return labels.astype(np.int64), [names[number] for number in present]


def near_duplicates(faces: FaceSet, threshold: float = DUPLICATE) -> np.ndarray:
    """Faces that show nothing new: each looks like another of the set, which is kept.

    The root mean square difference of two small grey pictures, where most masks of the set lie, is set against the mean
    contrast of the two, so that a dark clip is judged as a bright one is. Faces are gone through from the sharpest to
    the most blurred, and one is kept when it differs from all that were kept before: the sharpest of each heap stays.

    Args:
        faces: the set.
        threshold: a difference, as a share of contrast, below which a face is a duplicate. 0.12 drops frames in which
            neither head nor face moved; 0.25 drops small movements, too.

    Returns:
        (N,) bool, True for the faces to leave out.

    Raises:
        LabError: for a threshold below 0.
    """
    if not threshold >= 0:
        raise LabError(f"threshold={threshold}: choose 0 or more; {DUPLICATE} is the usual one.")
    small, contrast = _small(faces)
    repeats = np.zeros(len(faces), bool)
    kept: list[int] = []
    for row in sort(faces, "sharpness"):
        distance = _distances(small[kept], small[row]) / np.maximum((contrast[kept] + contrast[row]) / 2, 1 / 255)
        if (distance < threshold).any():
            repeats[row] = True
        else:
            kept.append(row)
    return repeats


def thumbnails(
    faces: FaceSet, order=None, labels=None, names=None, columns: int = 12, cell: int = 96, limit: int = 96
) -> np.ndarray:
    """A sheet of small faces, group by group, each with its name and size at the left.

    Args:
        faces: the set.
        order: rows of the table in the order to show, such as `sort` gives; None: as they stand.
        labels: (N,) int or str, the group of each row of the table, such as `group` gives; None: one group, no name.
        names: the groups' names, to which `labels` are places; None: the labels themselves.
        columns: faces in a line.
        cell: side of a face in pixels.
        limit: most faces of a group to show, spread evenly over it.

    Returns:
        (H, columns * cell, 3) uint8 RGB, white where nothing is; with labels wider by the names, `NAMES` pixels.

    Raises:
        LabError: when there is nothing to show, or a picture cannot be read.
    """
    order = np.arange(len(faces)) if order is None else np.asarray(order, np.int64)
    if not len(order):
        raise LabError(f"{faces.folder}: no face is left to show. Choose other faces, or bring rejected ones back.")
    if labels is None:
        return faces.subset(order).contact_sheet(columns, cell, limit)
    own = np.asarray(labels)[order]
    parts = []
    for label in np.unique(own):
        rows = order[own == label]
        name = str(label) if names is None else names[label]
        sheet = faces.subset(rows).contact_sheet(columns, cell, limit)
        beside = _beside((name, f"{len(rows)} face{'s' * (len(rows) != 1)}"), len(sheet), cell)
        parts.append(np.concatenate([beside, sheet], axis=1))
    return np.concatenate(parts)


def _beside(lines: tuple[str, str], height: int, cell: int) -> np.ndarray:
    """Two lines of text (height, `NAMES`, 3), at the height of the first line of faces."""
    made = np.full((height, NAMES, 3), 255, np.uint8)
    font, largest = cv2.FONT_HERSHEY_SIMPLEX, min(0.5, cell / 72)
    for text, share in zip(lines, (0.42, 0.78), strict=True):
        (long, _), _ = cv2.getTextSize(text, font, largest, 1)
        scale = largest * min(1.0, (NAMES - 10) / max(long, 1))
        cv2.putText(made, text, (4, round(cell * share)), font, scale, (0, 0, 0), 1, cv2.LINE_AA)
    return made


def _check_choice(by: str, choices: tuple[str, ...]) -> None:
    if by not in choices:
        raise LabError(f"by={by!r}: choose one of {', '.join(choices)}.")


def _greys(faces: FaceSet, size: int) -> np.ndarray:
    """(N, size, size) float32 in [0, 1]."""
    greys = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in faces.images(size)]
    return np.array(greys, np.float32).reshape(-1, size, size) / 255


def _small(faces: FaceSet) -> tuple[np.ndarray, np.ndarray]:
    """What faces are compared by: (N, P) float32 grey in [0, 1] where most masks lie, and its contrast (N,)."""
    inside = faces.masks(SMALL, "face").mean(axis=0) > 127 if len(faces) else np.ones((SMALL, SMALL), bool)
    if not inside.any():
        inside[:] = True
    small = _greys(faces, SMALL)[:, inside]
    return small, small.std(axis=1)


def _distances(some: np.ndarray, one: np.ndarray) -> np.ndarray:
    return np.sqrt(np.square(some - one).mean(axis=1))


def _chain(small: np.ndarray) -> np.ndarray:
    order, left = [], np.arange(len(small))
    if len(small):
        place = int(_distances(small, np.median(small, axis=0)).argmax())
    while len(left):
        order.append(left[place])
        left = np.delete(left, place)
        if len(left):
            place = int(_distances(small[left], small[order[-1]]).argmin())
    return np.array(order, np.int64)


def _clusters(small: np.ndarray) -> np.ndarray:
    """Ward's clusters: (N,) int, 0 for the largest."""
    from scipy.cluster.hierarchy import fcluster, linkage

    if len(small) < 2:
        return np.zeros(len(small), int)
    return embeddings.ranked(fcluster(linkage(small, "ward"), CLUSTERS, "maxclust"), np.ones(len(small)))
