"""How steady is a swap in time, beside the true swap's own movement? Jitter, colour flicker and alpha flicker.

A blend that is best on one frame may wander from frame to frame. Landmarks start from given points, the same for output and
truth, so that no detector's tremble is in the figures.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from faceswap_lab import scoring, stages, video
from faceswap_lab.errors import LabError
from faceswap_lab.faces import alignment
from faceswap_lab.faces.landmarks import FaceMesh
from faceswap_lab.pictures import read_picture
from faceswap_lab.runtime import Run
from faceswap_lab.swap import blending
from faceswap_lab.swap.conversion import convert
from faceswap_lab.swap.options import ConversionOptions

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
    second = np.linalg.norm(np.diff(mesh_track(frames, scene.points, mesh), 2, axis=0), axis=2)
    inside = scene.regions > 0.9
    means = np.array([frame[here].mean(axis=0) for frame, here in zip(frames, inside, strict=True)])
    true = np.array([frame[here].mean(axis=0) for frame, here in zip(scene.truth, inside, strict=True)])
    seen = np.array([
        alignment.align(mask.astype(np.float32), alignment.alignment_matrix(five, SIDE), SIDE)
        for mask, five in zip(masks, scene.points, strict=True)
    ])  # fmt: skip
    return Unrest(
        jitter=float(100 * np.nanmean(second) / eyes),
        colour=float(np.abs(np.diff(means, axis=0)).mean()),
        beyond=float(np.abs(np.diff(means - true, axis=0)).mean()),
        alpha=100 * float(np.abs(np.diff(seen, axis=0)).sum() / seen[1:].sum()),
    )


def frames_and_masks(
    clip, faces, swap_function, options: ConversionOptions, frames: int, folder: Path
) -> tuple[list[np.ndarray], np.ndarray]:
    """Converts a clip's first frames: unlabelled swaps, T times (H, W, 3) uint8 RGB, and their masks, (T, H, W) [0, 1].

    Args:
        clip, faces, swap_function: as for `conversion.convert`.
        options: how.
        frames: how many.
        folder: where pictures may lie meanwhile.

    Raises:
        LabError: when a frame has no face, which would count as flicker.
    """
    clip = video.open_video(clip)
    seen = dataclasses.replace(options, output="target+swap+mask")
    place = folder / "shown"
    report = convert(
        clip, faces, swap_function, place, seen, label=False, overwrite=True, ranges=[(0, frames / clip.fps)]
    )
    if report.swapped != report.frames or report.frames != frames:
        raise LabError(f"{clip.path}: {report.swapped} of its first {frames} frames have a face; all are needed.")
    pictures = [np.split(read_picture(path), 3, axis=1) for path in sorted(place.glob("*.png"))]
    return [swapped for _, swapped, _ in pictures], np.array([mask[..., 0] / 255 for *_, mask in pictures], np.float32)


def of_run(
    run: Run, swap_function, blends: Sequence[str], smoothings=("off", "light"), frames: int = 60
) -> pd.DataFrame:
    """The unrest of a run's target clip for some blends, with and without smoothing; the first row is the truth's own.

    Args:
        run: the run; its target clip has a true swap.
        swap_function: the model's, see `scoring.swap_functions`.
        blends, smoothings: names, see `ConversionOptions`.
        frames: how many from the clip's start.

    Returns:
        A row each, with the fields of `Unrest`.

    Raises:
        LabError: when no true swap is known, or a frame has no face.
    """
    if run.clips.truth is None:
        raise LabError(f"{run.clip('target')}: no true swap of this clip is known, and its own unrest is what counts.")
    faces = stages.ensure_faces(run, "target")
    faces = faces.subset((faces.table["person"] == 0).to_numpy())
    clip, mesh = video.open_video(run.clip("target")), FaceMesh()
    frames = min(frames, clip.num_frames)
    points = scoring.clip_points(faces, frames)
    if not np.isfinite(points).all():
        raise LabError(
            f"{clip.path}: some of its first {frames} frames have no face; choose a clip that has one in each."
        )
    faces = faces.subset((faces.table["frame"] < frames).to_numpy())
    truth = [picture for picture, _ in zip(scoring.clip_frames(run.clips.truth), range(frames), strict=False)]
    outlines = zip(faces.masks(256, "face"), range(len(faces)), strict=True)
    regions = [blending.place_mask(truth[0].shape, mask / np.float32(255), faces.matrix(row)) for mask, row in outlines]
    scene = Scene(points, truth, np.array(regions))
    found = {"truth": measure(truth, scene.regions, scene, mesh)}
    with tempfile.TemporaryDirectory() as folder:
        for blend in blends:
            for smoothing in smoothings:
                options = dataclasses.replace(scoring.settings(run), blend=blend, smoothing=smoothing)
                made, masks = frames_and_masks(run.clip("target"), faces, swap_function, options, frames, Path(folder))
                found[f"{blend}, {smoothing}"] = measure(made, masks, scene, mesh)
    return pd.DataFrame({name: dataclasses.asdict(one) for name, one in found.items()}).T
