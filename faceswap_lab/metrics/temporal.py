"""How steady is a swap in time, beside the true swap's own movement? Jitter, colour flicker and alpha flicker.

A blend that is best on one frame may wander from frame to frame. Landmarks start from given points, the same for output and
truth, so that no detector's tremble is in the figures.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from faceswap_lab.base.errors import LabError
from faceswap_lab.faces import alignment
from faceswap_lab.faces.landmarks import FaceMesh
from faceswap_lab.metrics.temporal_consistency import colour_changes, trembling

SIDE = 128  # px of the aligned face, in which masks are compared


@dataclass(frozen=True)
class Scene:
    """What outputs are compared with.

    Args:
        points: (T, 5, 2) five points of the face, in frame pixels.
        truth: T true frames, (H, W, 3) uint8 RGB.
        regions: (T, H, W) float32 [0, 1], the face in each frame.
    """

    points: np.ndarray
    truth: list[np.ndarray]
    regions: np.ndarray


@dataclass(frozen=True)
class Unrest:
    """The unrest of a clip.

    Args:
        jitter: mean length of the second differences in time of the 468 mesh landmarks, per cent of the distance between
            the eyes; a steady movement has none. The truth has its own, from its expressions and from the mesh network.
        colour: mean change, from frame to frame, of the mean colour inside the face, levels of 255.
        beyond: what of that change the truth does not have: the mean difference between both changes.
        alpha: how much the placed mask changes from frame to frame, seen from the aligned face (so that the head's movement
            is out), per cent of its area. For the truth: the same of the face's region.
    """

    jitter: float
    colour: float
    beyond: float
    alpha: float


def mesh_track(frames: Iterable[np.ndarray], points: np.ndarray, mesh: FaceMesh) -> np.ndarray:
    """(T, 468, 2) landmarks in frame pixels; NaN where no face was found."""
    found = [mesh(frame, five) for frame, five in zip(frames, points, strict=True)]
    return np.array([np.full((468, 2), np.nan) if one is None else one.mesh for one in found])


def measure(frames: Sequence[np.ndarray], masks: np.ndarray, scene: Scene, mesh: FaceMesh) -> Unrest:
    """The unrest of a clip against a scene.

    Args:
        frames: T frames, (H, W, 3) uint8 RGB, unlabelled and before coding.
        masks: (T, H, W) float32 [0, 1], what of each frame the swap covers.
        scene: what it is compared with.
        mesh: the landmark network, made once.

    Raises:
        LabError: when there are fewer than three frames.
    """
    if len(frames) < 3:
        raise LabError(f"frames: {len(frames)} are too few to see a movement in. Give three or more.")
    eyes = np.linalg.norm(scene.points[:, 1] - scene.points[:, 0], axis=1).mean()
    second = trembling(mesh_track(frames, scene.points, mesh))
    inside = scene.regions > 0.9
    means = np.array([frame[here].mean(axis=0) for frame, here in zip(frames, inside, strict=True)])
    true = np.array([frame[here].mean(axis=0) for frame, here in zip(scene.truth, inside, strict=True)])
    seen = np.array([
        alignment.align(mask.astype(np.float32), alignment.alignment_matrix(five, SIDE), SIDE)
        for mask, five in zip(masks, scene.points, strict=True)
    ])  # fmt: skip
    return Unrest(
        jitter=float(100 * np.nanmean(second) / eyes),
        colour=float(np.nanmean(colour_changes(means))),
        beyond=float(np.nanmean(colour_changes(means - true))),
        alpha=100 * float(np.abs(np.diff(seen, axis=0)).sum() / seen[1:].sum()),
    )
