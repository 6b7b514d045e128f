"""How steady is a swap in time, beside the true swap's own movement? Jitter, colour and alpha flicker, and temporal error.

A blend that is best on one frame may wander from frame to frame. Landmarks start from given points, the same for output and
truth, so that no detector's tremble is in the figures. The true swap's own change (speech, a turning head, light) is known, and
so is what of it an output misses or adds, as one that flickers, lags or swims does: the temporal error.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from faceswap_lab.base.errors import LabError
from faceswap_lab.faces import alignment
from faceswap_lab.faces.landmarks import FaceMesh
from faceswap_lab.metrics.catalogue import Score, ratio_of
from faceswap_lab.metrics.fidelity import sample_regions
from faceswap_lab.metrics.frame_samples import FrameSample, Rows
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


def change_error(
    before: np.ndarray, after: np.ndarray, truth_before: np.ndarray, truth_after: np.ndarray, region: np.ndarray
) -> float:
    """How far the change between two frames lies from the truth's change between the same two.

    Args:
        before, after: the output's frames, (H, W, 3) uint8 RGB.
        truth_before, truth_after: the truth's.
        region: (H, W) bool, where to look.

    Returns:
        The absolute difference of both changes, levels of 255, mean of the three colours, summed over the region.
    """
    output, truth = (
        cv2.subtract(second, first, dtype=cv2.CV_16S)
        for first, second in ((before, after), (truth_before, truth_after))
    )
    return float(cv2.absdiff(output, truth).mean(axis=2)[region].sum())


class TemporalError(Rows):
    """`change_error` of the output over that of the unchanged target, inside the region that the truth changes in either frame.

    The table's columns: temporal_error (the sum over the region, of the change from the frame before), temporal_error_target. NaN
    in the first frame, and where truth and target do not differ.
    """

    SCORES = (
        Score(
            "temporal_error", "temporal error", "How far the change from frame to frame differs from the truth's change, as a "
            "share of the unchanged target's: 0 changes as the truth does, 1 is off by as much as doing nothing, more flickers, "
            "lags or swims.", "lower", (0, np.inf), ratio_of("temporal_error", "temporal_error_target"), "", ("truth", "order"),
        ),
    )  # fmt: skip
    COLUMNS = ("temporal_error", "temporal_error_target")

    def __init__(self) -> None:
        super().__init__()
        self.last: tuple[np.ndarray, ...] | None = None

    def row(self, sample: FrameSample) -> dict[str, float]:
        output, target, truth = sample.output.image, sample.target.image, sample.known_truth.image
        region, _ = sample_regions(sample.known_truth, sample.target, sample.width)
        last, self.last = self.last, (output, target, truth, region)
        if last is None or not (both := region | last[3]).any():
            return {}
        pairs = zip(self.COLUMNS, last[:2], (output, target), strict=True)
        return {name: change_error(before, after, last[2], truth, both) for name, before, after in pairs}
