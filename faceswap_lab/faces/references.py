"""References of the base model: pictures of the source, warped to where its features would lie in the target's face.

For each face of the target three pictures of the source are looked up: the nearest in pose, mouth, eyes and light; the one
whose mouth is nearest, at a like pose; and the one whose eyes are. Each is carried, triangle by triangle, from its own
landmarks to the landmarks that the swap should have: the target's, moved by what the two people's faces differ in at that
pose and expression. One picture of the source is enough; more of them know more poses and expressions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial import Delaunay

from faceswap_lab.faces.landmarks import Landmarks, head_pose, shutting_lids
from faceswap_lab.faces.masks import face_outline

# What one step is in each reading: yaw, pitch (degrees); mouth's opening and width, eyes' opening (shares of the distance
# between the eyes); irises right and down (shares of an eye's width).
STEPS = np.array([6.0, 5.0, 0.04, 0.06, 0.03, 0.08, 0.06])
# How much each reading and the light count in the three look-ups. To the third the lids count most: shut eyes want shut ones,
# which people have at some other pose.
_LOOK_UPS = np.array(
    [[1, 1, 1, 1, 1, 0.5, 0.5, 1], [0.4, 0.4, 2, 2, 0.2, 0, 0, 0.5], [0.15, 0.15, 0, 0, 4, 1.5, 1.5, 0.3]]
)
# What a change from one picture to another costs (`choose_steadily`). At 3, half of the changes are left, and the temporal error
# is 1.04 and 0.98 in talk_A and talk_B instead of 1.11 and 1.08, at the same gains; at 10 and more it is no lower.
_STAY = 3.0
_LIGHT_GRID, _LIGHT_STEP = 4, 0.18  # a fifth brighter is one step
_FOREHEAD = 0.5  # of the way from the mesh's upper edge to the hairline: above it pictures show hair
_SHRINKAGE = np.array([0.7, 4.0, 4.0])  # faces' worth of doubt about what is a person's own, and how it turns with the head
_POSE_STEP = 25.0  # degrees
_RIDGE = 1e-2  # keeps a regression sensible when few poses are known
# A network that is not sure how two faces differ in shape goes only a part of the way from one to the other. On four rendered
# people that no training saw, 0.75 of the way more was best (structure_gain 0.299 without, 0.318 at 0.5, 0.320, 0.316 at 1).
_FURTHER = 0.75
_FIELD = 16  # the side of the grid on which that is computed


def face_points(aligned: Landmarks) -> np.ndarray:
    """(P, 2) float64: the mesh, both irises' middles, and the forehead's lower half, in the landmarks' pixels."""
    brow, hairline = face_outline(aligned, forehead=False), face_outline(aligned)
    return np.concatenate([aligned.mesh, aligned.irises[:, 0], brow + _FOREHEAD * (hairline - brow)]).astype(np.float64)


def readings(aligned: Landmarks) -> np.ndarray:
    """(7,) pose and expression of a face, see STEPS."""
    mesh = aligned.mesh.astype(np.float64)
    yaw, pitch, _ = head_pose(aligned)
    corners = mesh[[[33, 133], [362, 263]]]
    middles = corners.mean(axis=1)
    apart = np.linalg.norm(middles[1] - middles[0])
    wide = np.linalg.norm(corners[:, 1] - corners[:, 0], axis=1)
    lips = np.linalg.norm(mesh[[82, 13, 312]] - mesh[[87, 14, 317]], axis=1).mean() / apart
    mouth = np.linalg.norm(mesh[61] - mesh[291]) / apart
    lids = shutting_lids(aligned).astype(np.float64)
    opening = np.linalg.norm(lids[:, [3, 4, 5]] - lids[:, [13, 12, 11]], axis=2).mean() / apart
    irises = ((aligned.irises[:, 0] - middles) / wide[:, None]).mean(axis=0)
    return np.array([yaw, pitch, lips, mouth, opening, *irises])


def light_of(image: np.ndarray) -> np.ndarray:
    """(16,) where the light falls on the inner face: logarithms of brightness without their mean, in steps."""
    size = len(image)
    inner = image[size // 4 : -size // 8, size // 4 : -size // 4]
    small = cv2.resize(inner, (_LIGHT_GRID, _LIGHT_GRID), interpolation=cv2.INTER_AREA).mean(axis=2).ravel()
    light = np.log(np.maximum(small, 4.0))
    return (light - light.mean()) / (_LIGHT_STEP * np.sqrt(len(light)))


def pose_features(pose: np.ndarray) -> np.ndarray:
    """(N, 2 or 3) yaw and pitch first, in degrees, to (N, 6): constant, yaw, pitch, their squares and product, about unit size."""
    yaw, pitch = np.nan_to_num(np.asarray(pose, np.float64))[:, :2].T / _POSE_STEP
    return np.stack([np.ones_like(yaw), yaw, pitch, yaw**2, pitch**2, yaw * pitch], axis=1)


def shape_features(read: np.ndarray) -> np.ndarray:
    """(N, 7) readings to (N, 9) what a face's shape is a linear function of: `pose_features`, mouth and eyes."""
    expression = (read[:, 2:5] - [0.08, 0.75, 0.12]) / (5 * STEPS[2:5])
    return np.column_stack([pose_features(read), expression])


def fitted_shape(features: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(F, P, 2): how points (N, P, 2) follow from features (N, F), a constant first; ridge regression."""
    penalty = _RIDGE * len(features) * np.diag([0.0] + [1.0] * (features.shape[1] - 1))
    solved = np.linalg.solve(features.T @ features + penalty, features.T @ points.reshape(len(points), -1))
    return solved.reshape(-1, *points.shape[1:])


def own_shape(points: np.ndarray, read: np.ndarray, average: np.ndarray) -> np.ndarray:
    """(3, P, 2): by how much a person's points differ from people in general: always, and with yaw and pitch.

    Ridge regression, so that one picture is trusted a little and many are trusted wholly.

    Args:
        points: (N, P, 2) shares of the square; N may be 1. read: (N, 7).
        average: (9, P, 2), how the points of people in general follow from `shape_features`.
    """
    features = shape_features(read)
    rest = points.reshape(len(points), -1) - features @ average.reshape(len(average), -1)
    pose = features[:, :3]
    return np.linalg.solve(pose.T @ pose + np.diag(_SHRINKAGE), pose.T @ rest).reshape(3, *points.shape[1:])


@dataclass(frozen=True, eq=False)
class Person:
    """Pictures of one person, aligned, and what the faces on them do.

    Args:
        images: (N, S, S, 3) uint8 RGB.
        points: (N, P, 2) float64, see `face_points`, in shares of the side.
        read: (N, 7) float64, see `readings`.
        light: (N, 16) float64, see `light_of`.
    """

    images: np.ndarray
    points: np.ndarray
    read: np.ndarray
    light: np.ndarray

    def __len__(self) -> int:
        return len(self.images)

    @classmethod
    def from_faces(cls, faces: Iterable[tuple[np.ndarray, Landmarks]]) -> Person:
        """Aligned pictures (S, S, 3) uint8 RGB with their landmarks in pixels of the square."""
        found = list(faces)
        images = np.stack([image for image, _ in found])
        points = np.stack([(face_points(landmarks) + 0.5) / images.shape[1] for _, landmarks in found])
        read = np.stack([readings(landmarks) for _, landmarks in found])
        return cls(images, points, read, np.stack([light_of(image) for image in images]))

    def subset(self, rows) -> Person:
        return Person(self.images[rows], self.points[rows], self.read[rows], self.light[rows])


def _unlikeness(source: Person, read: np.ndarray, light: np.ndarray) -> np.ndarray:
    """(N, M, 3) how unlike the source's M pictures are to faces that do `read` (N, 7) under `light` (N, 16), by look-up."""
    steps = np.square((source.read - read[:, None]) / STEPS)
    lights = np.square(source.light - light[:, None]).sum(axis=2, keepdims=True)
    return np.concatenate([steps, lights], axis=2) @ _LOOK_UPS.T


def choose(source: Person, read: np.ndarray, light: np.ndarray) -> np.ndarray:
    """(3,) rows of the source's pictures for a face that does `read` (7,) under `light` (16,): whole, mouth, eyes."""
    return _unlikeness(source, read[None], light[None])[0].argmin(axis=0)


def choose_steadily(source: Person, read: np.ndarray, light: np.ndarray) -> np.ndarray:
    """(N, 3) rows for N faces in time's order, as `choose`; but another picture must be worth the flicker of the change.

    The cheapest path through all pictures, by dynamic programming (A. Viterbi, 1967). Where faces have nothing to do with each
    other, the nearest pictures are too far apart for it to stay.
    """
    cost = _unlikeness(source, read, light)
    total, before = cost[0], np.zeros(cost.shape, int)
    for face, here in enumerate(cost[1:], start=1):
        change = total.min(axis=0) + _STAY < total
        before[face] = np.where(change, total.argmin(axis=0), np.arange(len(source))[:, None])
        total = np.minimum(total, total.min(axis=0) + _STAY) + here
    path = [total.argmin(axis=0)]
    for rows in before[:0:-1]:
        path.append(rows[path[-1], np.arange(len(_LOOK_UPS))])
    return np.stack(path[::-1])


def warped(images: np.ndarray, points: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Pictures carried from their points to others, triangle by triangle (Delaunay's triangles, affine in each).

    Args:
        images: (K, S, S, 3) uint8 RGB. points: (K, P, 2) theirs, in shares of the side. wanted: (P, 2) where these go.

    Returns:
        (S, S, 3 K + 1) uint8: the pictures, and last 255 where a triangle lies. Elsewhere the pictures are grey.
    """
    size = images.shape[1]
    wanted = wanted * size - 0.5
    hull = cv2.convexHull(wanted.astype(np.float32))[:, 0]
    left, top = np.clip(np.floor(hull.min(axis=0)).astype(int), 0, size - 1)
    right, bottom = np.clip(np.ceil(hull.max(axis=0)).astype(int) + 1, 1, size)
    columns, rows = np.meshgrid(np.arange(left, max(right, left + 1)), np.arange(top, max(bottom, top + 1)))
    values = np.moveaxis(points * size - 0.5, 0, 1).reshape(len(wanted), -1)
    fields = LinearNDInterpolator(Delaunay(wanted), values)(np.stack([columns, rows], axis=-1).reshape(-1, 2))
    known = np.isfinite(fields[:, 0]).reshape(columns.shape)
    fields = np.nan_to_num(fields).astype(np.float32).reshape(*columns.shape, len(images), 2)
    result = np.full((size, size, 3 * len(images) + 1), 128, np.uint8)
    result[..., -1] = 0
    box = result[top : top + len(rows), left : left + rows.shape[1]]
    for k, image in enumerate(images):
        carried = cv2.remap(image, fields[..., k, 0], fields[..., k, 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        box[..., 3 * k : 3 * k + 3][known] = carried[known]
    box[..., -1][known] = 255
    return result


def beside(
    source: Person, average: np.ndarray, source_shape: np.ndarray, target_shape: np.ndarray, face: Person,
    rows: np.ndarray | None = None,
) -> np.ndarray:
    """What the base model sees beside one face.

    Args:
        source: pictures of the person put in. average: (9, P, 2). source_shape, target_shape: (3, P, 2), see `own_shape`.
        face: the target's, a `Person` with one picture.
        rows: of the source's pictures; None: those of `choose`.

    Returns:
        (S, S, 3 K + 1) uint8, see `warped`.
    """
    rows = choose(source, face.read[0], face.light[0]) if rows is None else rows
    wanted = face.points[0] + shape_move(source_shape, target_shape, face)
    return warped(source.images[rows], source.points[rows], wanted)


def shape_move(source_shape: np.ndarray, target_shape: np.ndarray, face: Person) -> np.ndarray:
    """(P, 2) how far the source's points lie from the target's at the pose of `face`, in shares of the side; see `beside`."""
    pose = shape_features(face.read)[0, :3]
    return np.einsum("f,fpc->pc", pose, source_shape - target_shape)


def carried_further(picture: np.ndarray, points: np.ndarray, move: np.ndarray) -> np.ndarray:
    """A generated face, carried a little further the way on which its features went.

    Args:
        picture: (S, S, C) float32. points: (P, 2) the target's, in shares of the side. move: (P, 2), from `shape_move`.

    Returns:
        (S, S, C) float32. Where no features lie it is as it was.
    """
    size = len(picture)
    places = (np.arange(_FIELD) + 0.5) / _FIELD
    grid = np.stack(np.meshgrid(places, places), axis=-1)
    field = np.nan_to_num(LinearNDInterpolator(Delaunay(points + move), move)(grid)).astype(np.float32)
    field = cv2.resize(cv2.GaussianBlur(field, (0, 0), 1.0, borderType=cv2.BORDER_CONSTANT), (size, size))
    columns, rows = np.meshgrid(*(np.arange(size, dtype=np.float32),) * 2)
    across, down = np.moveaxis(_FURTHER * size * field, -1, 0)
    return cv2.remap(picture, columns - across, rows - down, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
