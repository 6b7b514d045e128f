"""Whose face an output shows, and whether it moves as the true swap does: two looks at a swap that need no gain."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from faceswap_lab.base.errors import LabError
from faceswap_lab.faces.landmarks import FaceMesh
from faceswap_lab.metrics.clips import check_frame, check_points, together
from faceswap_lab.metrics.recognition_features import Dlib, features
from faceswap_lab.models.dlib_recognition import FaceRecognition


class Remembered:
    """A landmark finder that looks at no picture twice: the true swap's faces are asked for by every measure and model.

    Args:
        landmarks: from a frame and its (5, 2) points to landmarks or None; None takes `FaceMesh`.
    """

    def __init__(self, landmarks: Callable[[np.ndarray, np.ndarray], object] | None = None):
        self.landmarks, self.known = landmarks or FaceMesh(), {}

    def __call__(self, frame: np.ndarray, points: np.ndarray):
        """Args: frame (H, W, 3) uint8 RGB, points (5, 2) in its pixels. Returns: what the finder says."""
        key = hashlib.blake2b(np.ascontiguousarray(frame)).digest(), np.asarray(points, np.float64).tobytes()
        if key not in self.known:
            self.known[key] = self.landmarks(frame, points)
        return self.known[key]


def embed_faces(
    frames: Iterable[np.ndarray], points: np.ndarray, recognition: FaceRecognition | None = None
) -> np.ndarray:
    """The judge's 128 numbers for every frame's face.

    Args:
        frames: (H, W, 3) uint8 RGB each.
        points: (T, 5, 2) five points a frame, in frame pixels.

    Returns:
        (T, 128) float32; NaN where the points are.

    Raises:
        LabError: when frames and points differ in number.
    """
    return features(frames, points, Dlib(recognition))


def nearer_to_source(output: np.ndarray, source: np.ndarray, target: np.ndarray) -> float:
    """On how many frames the judge finds the swapped face nearer to the source person than to the target person.

    Args:
        output, source, target: embeddings from `embed_faces`, (T, 128), (N, 128), (M, 128); rows with NaN are left out.
            Take source and target from other pictures than the clip: the clip's own frames share light, pose and hair
            with the output, which makes any output look like the target.

    Returns:
        Share of frames in [0, 1] whose mean L2 distance to the source's embeddings is the smaller one.

    Raises:
        LabError: when one of the three has no face.
    """
    found = {"output": output, "source": source, "target": target}
    for name, embeddings in found.items():
        found[name] = embeddings[np.isfinite(embeddings).all(axis=1)]
        if not len(found[name]):
            raise LabError(f"{name}: no face in any of its pictures. Look at the face set's contact sheet.")
    to_source, to_target = (mean_distance(found["output"], found[person]) for person in ("source", "target"))
    return float((to_source < to_target).mean())


def mean_distance(faces: np.ndarray, person: np.ndarray) -> np.ndarray:
    """Mean L2 distance of each face to a person's faces: (T, 128) and (N, 128) to (T,)."""
    return np.linalg.norm(faces[:, np.newaxis] - person, axis=2).mean(axis=1)


@dataclass(frozen=True)
class LandmarkError:
    """How far the output's landmarks lie from the truth's.

    Args:
        error: mean over points and frames, as a share of the distance between the eyes (0.06 is 6 %).
        found: share of the truth's faces that were found in the output too; a face that is none is not in `error`.
        per_frame: (T,) the error of each frame; NaN where a face was not found.
    """

    error: float
    found: float
    per_frame: np.ndarray


def mesh_error(here: np.ndarray, there: np.ndarray, points: np.ndarray) -> float:
    """How far landmarks lie from others: the mean over the points, as a share of the distance between the eyes.

    Args:
        here, there: (n, 2) pixels.
        points: (5, 2) five points of the face, whose first two are the eyes.
    """
    eyes = np.linalg.norm(points[1] - points[0])
    return float(np.linalg.norm(np.asarray(here, np.float64) - np.asarray(there, np.float64), axis=1).mean() / eyes)


def landmark_error(
    output: Iterable[np.ndarray],
    truth: Iterable[np.ndarray],
    points: np.ndarray,
    landmarks: Callable[[np.ndarray, np.ndarray], object] | None = None,
) -> LandmarkError:
    """Whether eyes, mouth and head of the output are where the true swap has them.

    Args:
        output, truth: the frames, (H, W, 3) uint8 RGB.
        points: (T, 5, 2) five points of the truth's face, in frame pixels; NaN where there is none.
        landmarks: from a frame and its (5, 2) points to an (n, 2) array, or something with such a `mesh`, or None where
            it finds no face; None takes the 468 points of `faces.landmarks.FaceMesh`.

    Returns:
        `LandmarkError`.

    Raises:
        LabError: when lengths or sizes differ, or no face is found in the truth.

    Example:
        >>> points = lab.FaceDetector().detect([frame])[0].points
        >>> round(lab.landmark_error([frame], [frame], points).error, 3)
        0.0
    """
    points, landmarks = check_points(points), landmarks or FaceMesh()
    errors, faces, count = np.full(len(points), np.nan), 0, 0
    for index, (swapped, wanted) in enumerate(together(output=output, truth=truth)):
        count = index + 1
        if count > len(points):
            break
        check_frame("output", swapped, wanted, index)
        if not np.isfinite(points[index]).all() or (there := landmarks(wanted, points[index])) is None:
            continue
        faces += 1
        if (here := landmarks(swapped, points[index])) is not None:
            errors[index] = mesh_error(getattr(here, "mesh", here), getattr(there, "mesh", there), points[index])
    if count != len(points):
        raise LabError(f"points: {len(points)} rows do not fit the clip's frames. Give one row of five points a frame.")
    if not faces:
        raise LabError("truth: no face was found in any frame. Check that the clip and its points belong together.")
    found = np.isfinite(errors)
    return LandmarkError(float(errors[found].mean()) if found.any() else np.nan, float(found.sum() / faces), errors)
