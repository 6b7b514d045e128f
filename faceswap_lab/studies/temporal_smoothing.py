"""How steady a run's swaps are: its target clip converted in several ways, each measured beside the true swap.

The measures themselves are in `metrics.temporal`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from faceswap_lab import video
from faceswap_lab.base.errors import LabError
from faceswap_lab.course import scoring, stages
from faceswap_lab.course.runtime import Run
from faceswap_lab.faces.landmarks import FaceMesh
from faceswap_lab.metrics.temporal import Scene, measure
from faceswap_lab.provenance import register
from faceswap_lab.swap import blending
from faceswap_lab.swap.conversion import convert
from faceswap_lab.swap.options import ConversionOptions
from faceswap_lab.video.pictures import read_picture


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
    clip, place = video.open_video(clip), folder / "shown"
    seen = dataclasses.replace(options, output="target+swap+mask")
    bare: dict[str, Any] = {"label": False, "watermark": False, "overwrite": True}
    report = convert(clip, faces, swap_function, place, seen, ranges=[(0, frames / clip.fps)], **bare)
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
    faces = stages.main_person(stages.ensure_faces(run, "target"))
    clip, mesh = video.open_video(run.clip("target")), FaceMesh()
    frames = min(frames, clip.num_frames)
    points = faces.clip_points(frames)
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
    with register.passing_folder() as folder:
        for blend in blends:
            for smoothing in smoothings:
                options = dataclasses.replace(scoring.settings(run, swap_function), blend=blend, smoothing=smoothing)
                made, masks = frames_and_masks(run.clip("target"), faces, swap_function, options, frames, folder)
                found[f"{blend}, {smoothing}"] = measure(made, masks, scene, mesh)
    return pd.DataFrame({name: dataclasses.asdict(one) for name, one in found.items()}).T
