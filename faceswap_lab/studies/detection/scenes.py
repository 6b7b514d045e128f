"""A run's videos as scenes: its target clip and what its models made of it, the other direction, a stranger who was never swapped.

What is missing is made now and kept in the run's folder detection/, so that a lesson opens cold.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np

from faceswap_lab import video
from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import english
from faceswap_lab.course import actors, scoring, stages
from faceswap_lab.course.runtime import Run
from faceswap_lab.faces.extraction import extract_faces
from faceswap_lab.faces.faceset import FaceSet
from faceswap_lab.metrics import people
from faceswap_lab.provenance.checks import may_prepare
from faceswap_lab.provenance.publishing import write_swapped
from faceswap_lab.studies.detection.data_set import REAL, Scene
from faceswap_lab.studies.detection.recompression import TARGETS, recoded
from faceswap_lab.swap.conversion import convert
from faceswap_lab.training.models import SwapFunction

SCRATCH = "autoencoder_from_nothing"
MODELS = ("autoencoder", "faceswap_gan", SCRATCH, scoring.WARM_START)  # those whose swaps are looked at
CLASSICAL, PERFECT = "classical swap", "perfect swap"
MOMENTS = 240  # that are looked at, at most: a long clip's first
SECONDS = 6.0  # of the clip of the other direction

Videos = dict[str, Callable[[], Iterator[np.ndarray]]]


def models(run: Run) -> dict[str, SwapFunction]:
    """The run's models whose swaps are looked at, by name; the warm start where nothing was trained."""
    found = scoring.swap_functions(run).items()
    return {name: function for name, function in found if name in MODELS and isinstance(function, SwapFunction)}


def _folder(run: Run) -> Path:
    return run.out / "detection"


def _one_face_a_frame(faces: FaceSet) -> FaceSet:
    """The main person's first moments."""
    main = stages.main_person(faces)
    return main.subset(np.flatnonzero(~main.table["frame"].duplicated().to_numpy())[:MOMENTS])


def _pictures(folder: Path) -> Callable[[], Iterator[np.ndarray]]:
    return lambda: scoring.kept_frames(folder)


def _converted(run: Run, clip: Path, faces: FaceSet, name: str, function: SwapFunction, seconds: float | None) -> Path:
    """A swap's unlabelled, lossless frames; made again only when model, faces or options are others."""
    folder = _folder(run) / f"{clip.stem}_{name}_frames"
    key = {"model": function.digest, "faces": faces.digest(), "seconds": seconds}
    stage = f"detection_{clip.stem}_{name}"
    if not (run.is_done(stage, **key) and folder.exists()):
        out = _folder(run) / f"{clip.stem}_{name}.mp4"
        ranges = () if seconds is None else ((0.0, seconds),)
        convert(clip, faces, function, out, scoring.settings(run), ranges=ranges, frames_folder=folder, overwrite=True)
        run.mark_done(stage, **key)
    return folder


def target_scene(run: Run, functions: Mapping[str, SwapFunction]) -> Scene:
    """The target clip, with the run's swaps, the swap that learnt nothing, and the true swap where one is known.

    Args:
        functions: from `models`; beside them stands `metrics.classical_swap`'s swap, another method of making one.

    Raises:
        LabError: when the target clip shows no face.
    """
    clip = run.clip("target")
    whole = stages.ensure_faces(run, "target")
    faces = _one_face_a_frame(whole)
    videos: Videos = {REAL: lambda: scoring.clip_frames(clip)}
    for name, function in functions.items():
        kept = scoring.swap_clip(run, name, function).frames  # None where no true swap is known
        videos[name] = _pictures(kept or _converted(run, clip, whole, name, function, None))
    videos[CLASSICAL] = _pictures(_classical(run, faces))
    rate = video.open_video(clip).fps
    if run.clips.truth:
        videos[PERFECT] = _as_filmed(run.clips.truth, rate)
    return Scene("this clip", rate, videos, faces)


def _as_filmed(truth: Path, rate: float) -> Callable[[], Iterator[np.ndarray]]:
    """A true swap, which is kept without loss, brought to the coding of its target: else the coder would tell them apart."""
    return lambda: recoded(scoring.clip_frames(truth), rate, TARGETS)


def _classical(run: Run, faces: FaceSet) -> Path:
    folder, key = _folder(run) / "classical_frames", {"faces": list(faces.table["face"])}
    if run.is_done("detection_classical", **key) and folder.exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    source, person = (stages.main_person(stages.ensure_faces(run, role)) for role in ("B", "A"))
    swap = people.known_baselines(source, person).classical
    if swap is None:
        raise LabError(
            f"{run.clip('B')}: no landmarks were found in it, so that its face cannot be bent. Use another clip."
        )
    count = 1 + int(faces.table["frame"].max())
    points = faces.clip_points(count)
    for number, frame in enumerate(itertools.islice(scoring.clip_frames(run.clip("target")), count)):
        path = folder / f"{number:06d}.png"
        write_swapped(
            path, swap(frame, points[number]), CLASSICAL, english("A face bent onto another's landmarks."), quality=100
        )
    run.mark_done("detection_classical", **key)
    return folder


def other_direction(run: Run) -> tuple[Path, Path | None]:
    """The clip whose face A's is put into, and its true swap where one is known.

    For the sample it is B's talking clip, which no model was trained on; else the source's clip.
    """
    back = actors.clip("talk_B")
    truth = back.truth()
    if truth and run.clips.target == actors.clip("talk_A").path and run.clips.source == actors.clip("train_B").path:
        return back.path, truth.path
    return run.clip("B"), None


def other_scene(run: Run, functions: Mapping[str, SwapFunction]) -> Scene:
    """The other direction: B's video with A's face put in, by the same models. At most six seconds."""
    clip, truth = other_direction(run)
    may_prepare(clip, "other direction")
    opened = video.open_video(clip)
    seconds = SECONDS if opened.duration > SECONDS else None
    found = extract_faces(clip, _folder(run) / f"faces_{clip.stem}", start=None, end=seconds)
    videos: Videos = {REAL: lambda: scoring.clip_frames(clip)}
    for name, function in functions.items():
        back = SwapFunction(function.model, function.target, function.source, function.batch_size, name)
        videos[name] = _pictures(_converted(run, clip, found, name, back, seconds))
    if truth is not None:
        videos[PERFECT] = _as_filmed(truth, opened.fps)
    return Scene("other person", opened.fps, videos, _one_face_a_frame(found))


def real_scene(run: Run) -> Scene:
    """Somebody who is in none of the run's clips and was never swapped: for false alarms alone."""
    clip = actors.clip("stranger").path
    may_prepare(clip, "stranger")
    faces = _one_face_a_frame(extract_faces(clip, _folder(run) / "faces_stranger"))
    return Scene("stranger", video.open_video(clip).fps, {REAL: lambda: scoring.clip_frames(clip)}, faces)
