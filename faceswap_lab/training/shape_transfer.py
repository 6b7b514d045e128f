"""Shape transfer: warps one person's faces into the other's shape, so that a model can practise the swap with the answer known.

Nobody has pictures of B with A's pose at the same instant. But a picture of B bent into the shape of A's face, at the
same pose and expression, looks to an encoder much like A, and what decoder B should answer is known: the picture before
it was bent. Shapes come from the dense landmarks. For each person a regression tells where each landmark lies at a given
pose when expression averages out; the difference of the two persons' regressions is the bend.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.spatial import cKDTree

from faceswap_lab.faces.alignment import canonical_points, transform_points, umeyama
from faceswap_lab.faces.landmarks import (
    LEFT_BROW,
    LEFT_EYE,
    LIPS_OUTER,
    NOSE,
    RIGHT_BROW,
    RIGHT_EYE,
    mesh_points,
)
from faceswap_lab.faces.references import fitted_shape, pose_features

_EYES = [list(LEFT_EYE + LEFT_BROW), list(RIGHT_EYE + RIGHT_BROW)]
_MOUTH = [list(LIPS_OUTER)]
LEAST_KNOWN = 12  # faces with landmarks; fewer do not tell shape from expression


def shape_by_pose(landmarks: np.ndarray, pose: np.ndarray) -> np.ndarray:
    """(6, P, 2): where a person's landmarks lie, by `pose_features`.

    Args:
        landmarks: (N, P, 2), in shares of the aligned square.
        pose: (N, 3) yaw, pitch, roll in degrees.
    """
    return fitted_shape(pose_features(pose), landmarks)


def shape_difference(own: np.ndarray, other: np.ndarray, pose: np.ndarray) -> np.ndarray:
    """How far each landmark moves from one person's shape to the other's at each pose: (N, P, 2), shares of the square."""
    return np.einsum("nf,fpc->npc", pose_features(pose), other - own)


def bend(image: np.ndarray, points: np.ndarray, moves: np.ndarray, reach: float = 0.05) -> np.ndarray:
    """Moves the landmarks of an aligned face and everything around them smoothly along.

    Args:
        image: (S, S, C) uint8.
        points: (P, 2), where the landmarks lie, shares of the side.
        moves: (P, 2), how far each goes.
        reach: radius of a landmark's influence, share of the side; farther than that the picture comes to rest.

    Returns:
        (S, S, C) uint8.
    """
    size = image.shape[0]
    places = (points + moves) * size - 0.5
    column, row = np.round(places).astype(int).T
    inside = (column >= 0) & (column < size) & (row >= 0) & (row < size)
    field: np.ndarray = np.zeros((size, size, 3), np.float32)  # displacement x, y, and weight
    np.add.at(field, (row[inside], column[inside]), np.column_stack([-moves[inside] * size, np.ones(inside.sum())]))
    field = cv2.GaussianBlur(field, (0, 0), reach * size)
    rest = 0.1 * field[..., 2].max()
    shift = field[..., :2] / (field[..., 2:] + rest)
    shift = cv2.GaussianBlur(shift, (0, 0), 0.5 * reach * size)
    line = np.arange(size, dtype=np.float32)
    x, y = line + shift[..., 0], line[:, None] + shift[..., 1]
    return cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def shape_moves(
    landmarks: np.ndarray, pose: np.ndarray, other_landmarks: np.ndarray, other_pose: np.ndarray
) -> np.ndarray:
    """How far each landmark of each face moves on its way into the other person's shape.

    Args:
        landmarks, pose: (N, P, 2) in shares of the square and (N, 3) degrees of these faces.
        other_landmarks, other_pose: the same of the other person's faces, any number.

    Returns:
        (N, P, 2) shares of the square; NaN for a face whose landmarks are unknown, and for all of them when a person has
        too few known ones to tell shape from expression.
    """
    known, other_known = (np.isfinite(x).all(axis=(1, 2)) for x in (landmarks, other_landmarks))
    if known.sum() < LEAST_KNOWN or other_known.sum() < LEAST_KNOWN:
        return np.full(landmarks.shape, np.nan)
    own = shape_by_pose(landmarks[known], pose[known])
    other = shape_by_pose(other_landmarks[other_known], other_pose[other_known])
    moves = shape_difference(own, other, pose)
    moves[~known] = np.nan
    return moves


def bend_known(image: np.ndarray, points: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """`bend`, which leaves a face as it is whose `shape_moves` are unknown (NaN)."""
    return image if np.isnan(moves[0, 0]) else bend(image, points, moves)


@dataclass(frozen=True)
class Copies:
    """The copies of a person's faces before they are warped, M = faces * copies, those of one face in a row.

    Args:
        own, eyes, mouth: (M,) int, the faces that a copy, its eyes and its mouth are taken from; eyes and mouth are -1 where
            too few landmarks are known: such a copy is the face itself.
        points: (M, P, 3) landmarks of the copies.
        pose: (M, 3) degrees.
    """

    own: np.ndarray
    eyes: np.ndarray
    mouth: np.ndarray
    points: np.ndarray
    pose: np.ndarray


def plan_copies(
    images: np.ndarray,
    landmarks: np.ndarray,
    pose: np.ndarray,
    copies: int,
    seed: int = 0,
    *,
    turn: float = 8.0,
    mix: float = 0.6,
    exchange: float = 0.75,
) -> Copies:
    """New poses and expressions from few pictures: each face turned in depth, with mouth and eyes from other pictures.

    A training clip shows some hundred poses and expressions; the target clip shows others: this mouth under those eyes,
    at that pose. Turning the dense mesh by a few degrees and bending the picture along fills the gaps between the poses.
    A mouth, or a pair of eyes, of another picture of a like pose and light, bent into place, fills those between the
    expressions: no bend opens a closed mouth or shuts an eye. Warping the copies (`warp_copy`) draws nothing, so that their
    order does not matter.

    Args:
        images: (N, S, S, C) uint8 aligned faces (masks may ride along as further channels).
        landmarks: (N, P, 3) in shares of the aligned square, depth last (P >= 468).
        pose: (N, 3) degrees.
        copies: how many of each face.
        seed: of the draw.
        turn: standard deviation of yaw and pitch, degrees.
        mix: largest share of the way to another frame's expression.
        exchange: share of the copies whose mouth comes from another picture, and, drawn apart, of those whose eyes do.
    """
    draw = np.random.default_rng(seed)
    known = np.flatnonzero(np.isfinite(landmarks).all(axis=(1, 2)))
    points, poses = (np.repeat(x, copies, axis=0) for x in (landmarks, pose))
    own = np.repeat(np.arange(len(images)), copies)
    plan = Copies(own, np.full_like(own, -1), np.full_like(own, -1), points, poses)
    if len(known) < LEAST_KNOWN:
        return plan
    usual = np.einsum("nf,fpc->npc", pose_features(pose), shape_by_pose(landmarks[known][..., :2], pose[known]))
    expression = landmarks[..., :2] - usual
    upper, lower = _parts(usual[known].mean(axis=0))
    alike = _alike(images[known], pose[known])
    target = canonical_points(1000) / 1000
    for row, index in enumerate(known):
        for place in range(index * copies, (index + 1) * copies):
            others = known[draw.choice(alike[row], 2)]
            eyes, mouth = np.where(draw.random(2) < exchange, others, index)
            wanted = expression[index] + upper * (expression[eyes] - expression[index])
            wanted += lower * (expression[mouth] - expression[index])
            wanted += draw.uniform(0, mix) * (expression[draw.choice(known)] - wanted)
            shape = np.column_stack([usual[index] + wanted, landmarks[index, :, 2]])
            yaw, pitch = draw.normal(0, turn, 2)
            turned = (shape - shape[:468].mean(axis=0)) @ _turn(yaw, 0.7 * pitch).T
            flat = transform_points(umeyama(mesh_points(turned[:468, :2]), target), turned[:, :2])
            plan.eyes[place], plan.mouth[place] = eyes, mouth
            points[place] = np.column_stack([flat, turned[:, 2]])
            poses[place] = pose[index] + [yaw, 0.7 * pitch, 0]
    return plan


def warp_copy(images: np.ndarray, landmarks: np.ndarray, plan: Copies, row: int) -> np.ndarray:
    """One copy, (S, S, C) uint8; images and landmarks are those that it was planned for."""
    own, eyes, mouth, flat = plan.own[row], plan.eyes[row], plan.mouth[row], plan.points[row, :, :2]
    if eyes < 0:
        return images[own]
    bent = {k: bend(images[k], landmarks[k, :, :2], flat - landmarks[k, :, :2]) for k in {own, eyes, mouth}}
    made = bent[own]
    for donor, areas in ((eyes, _EYES), (mouth, _MOUTH)):
        for area in areas if donor != own else ():
            made = _transplanted(made, bent[donor], flat[area])
    return made


def _parts(shape: np.ndarray) -> np.ndarray:
    """(2, P, 1) float: how much each landmark of (P, 2) belongs to eyes and brows, and to mouth and jaw; the nose to neither."""
    height = shape[:, 1]
    lids, nose, lips = (height[list(part)] for part in (LEFT_EYE + RIGHT_EYE, NOSE, LIPS_OUTER))
    bridge, base = (lids.max() + nose.max()) / 2, (nose.max() + lips.min()) / 2
    soft = 0.02
    return np.stack([1 / (1 + np.exp((height - bridge) / soft)), 1 / (1 + np.exp((base - height) / soft))])[..., None]


def _alike(images: np.ndarray, pose: np.ndarray, share: float = 1 / 12, least: int = 8) -> np.ndarray:
    """(N, K) for each face the rows of the K others that are nearest to it in pose and in the light on the inner face."""
    features = pose_and_light(images, pose)
    count = min(len(images) - 1, max(least, round(share * len(images))))
    _, nearest = cKDTree(features).query(features, k=count + 1)  # each face is among its own nearest
    own_last = np.argsort(nearest == np.arange(len(images))[:, None], axis=1, kind="stable")
    return np.take_along_axis(nearest, own_last, axis=1)[:, :count]


def pose_and_light(images: np.ndarray, pose: np.ndarray) -> np.ndarray:
    """(N, 78) pose and light on the inner face, in one measure: 8 degrees and light that differs by a quarter are equally far."""
    inner = slice(images.shape[1] // 4, -images.shape[1] // 8)
    small = np.stack([cv2.resize(face[inner, inner, :3], (5, 5), interpolation=cv2.INTER_AREA) for face in images])
    light = np.log(np.maximum(small.reshape(len(small), -1), 4.0))
    return np.concatenate([np.nan_to_num(pose) / 8.0, light / (0.25 * np.sqrt(light.shape[1]))], axis=1)


def _transplanted(face: np.ndarray, donor: np.ndarray, outline: np.ndarray, margin: float = 1.3) -> np.ndarray:
    """A part of `donor` put into `face`, its colours carried over to the face's along the rim, both (S, S, C) uint8.

    Args:
        outline: (K, 2) landmarks around the part, shares of the side, the same in both pictures.
        margin: by how much their hull is enlarged.
    """
    size = face.shape[0]
    middle = outline.mean(axis=0)
    hull = cv2.convexHull((((outline - middle) * margin + middle) * size - 0.5).astype(np.float32))
    hull = np.round(hull[:, 0]).astype(np.int32)
    # nothing changes farther from the hull than 4 sigma of the soft edge; half of the spread's reach beyond is empty
    reach = int(np.ceil((4 * 0.015 + 2 * 0.06) * size)) + 2
    left, top = np.maximum(hull.min(axis=0) - reach, 0)
    right, bottom = np.minimum(hull.max(axis=0) + reach + 1, size)
    if left >= right or top >= bottom:
        return face
    box = (slice(top, bottom), slice(left, right))
    whole, face, donor = face.copy(), face[box], donor[box]
    inside = np.zeros(face.shape[:2], np.float32)
    cv2.fillConvexPoly(inside, hull - [left, top], 1.0)
    soft = cv2.GaussianBlur(inside, (0, 0), 0.015 * size)[..., None]
    rim = soft * (1 - soft)
    # what the two differ by along the rim, spread inwards: nearly Poisson blending's membrane, at a fraction of its time
    difference = (face[..., :3].astype(np.float32) - donor[..., :3]) * rim
    spread = cv2.GaussianBlur(np.concatenate([difference, rim], axis=-1), (0, 0), 0.06 * size)
    moved = donor.astype(np.float32)
    # a rim that touches hair or background must not tint the part
    moved[..., :3] += np.clip(spread[..., :3] / np.maximum(spread[..., 3:], 1e-4), -32, 32)
    whole[box] = np.clip(np.round(face + soft * (moved - face)), 0, 255).astype(np.uint8)
    return whole


def _turn(yaw: float, pitch: float) -> np.ndarray:
    """Rotation by yaw about the vertical and pitch about the horizontal axis, degrees; x right, y down, z away.

    Signs as in `landmarks.head_pose`: positive yaw turns towards the picture's right, positive pitch looks up.
    """
    a, b = np.radians(-yaw), np.radians(-pitch)
    about_y = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    return about_x @ about_y
