"""Converts a run's target clip with each of its models and says how good the swaps are: swap/*.mp4, scores.json."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faceswap_lab import baselines, files, likeness, scores, stages, training, video, weights
from faceswap_lab.errors import LabError
from faceswap_lab.faces.faceset import FaceSet, read_picture
from faceswap_lab.models.identity import FaceRecognition
from faceswap_lab.runtime import Run
from faceswap_lab.swap.conversion import ConversionReport, convert

MODELS = ("autoencoder", "faceswap_gan", "autoencoder_from_nothing", "autoencoder_shared_decoder")
# Measured on the sample clip: with the model's own colours swap_gain is 0.06, since a rim shows where the source's skin
# meets the target's; with the mean moved to the target's 0.18 (identity_gain 0.32 and 0.34, pixel_gain 0.45 and 0.06).
COLOUR, MASK, ERODE, FEATHER = "mean", "hull", 2.0, 6.0
_GALLERY = 40  # pictures of each person that the judge compares with


@dataclass(frozen=True)
class Swapped:
    """One model's conversion.

    Args:
        model, blend: which.
        path: the labelled video.
        frames: the folder of its unlabelled, lossless frames.
        report: what the conversion counted; None where it was made earlier.
    """

    model: str
    blend: str
    path: Path
    frames: Path
    report: ConversionReport | None


def swap_functions(run: Run) -> dict[str, training.SwapFunction]:
    """The run's finished models by name, A's faces in and B's out.

    Without any, the warm start that ships with the lab stands in, with a printed sentence.

    Raises:
        LabError: when a model is damaged, or of a kind that this version does not know.
    """
    found = {}
    for name in MODELS:
        if (run.models(name) / training.CONFIG).exists():
            found[name] = training.SwapFunction(training.load_model(run.models(name)), name=name)
    if not found:
        print("No model has been trained in this run yet: the warm start that ships with the lab stands in.")
        folder = weights.data_folder() / "weights" / "quick_autoencoder"
        found["warm_start"] = training.SwapFunction(training.load_model(folder), name="warm_start")
    return found


def swap_clip(run: Run, name: str, swap_function, blend: str = "mask", **options) -> Swapped:
    """Converts the target clip with one model; done before with the same model, blend and options, it is not done again.

    Args:
        name: the model's.
        swap_function: see `swap_functions`.
        blend: "direct", "mask" or "seamless".
        options: of `conversion.convert`, on top of this module's defaults.

    Returns:
        `Swapped`.
    """
    faces = stages.ensure_faces(run, "target")
    chosen = {"colour": COLOUR, "mask": MASK, "erode": ERODE, "feather": FEATHER, **options}
    path, frames = run.swap(name, blend), run.out / "swap" / f"{name}_{blend}_frames"
    config = run.models(name) / training.CONFIG
    key = {"model": files.read_json(config).get("sha256") if config.exists() else name, "faces": len(faces), **chosen}
    stage = f"swap_{name}_{blend}"
    if run.is_done(stage, **key) and path.exists() and frames.exists():
        return Swapped(name, blend, path, frames, None)
    report = convert(run.clip("target"), faces, swap_function, path, blend=blend, frames_folder=frames, **chosen)
    run.mark_done(stage, **key)
    return Swapped(name, blend, path, frames, report)


def kept_frames(folder: Path) -> Iterator[np.ndarray]:
    """The unlabelled frames of a conversion, in order: (H, W, 3) uint8 RGB."""
    for path in sorted(folder.glob("*.png")):
        yield read_picture(path)


def clip_frames(path) -> Iterator[np.ndarray]:
    """The frames of a clip, (H, W, 3) uint8 RGB."""
    for frame in video.open_video(path).frames():
        yield frame.image


def clip_points(faces: FaceSet, count: int, person: int = 0) -> np.ndarray:
    """(count, 5, 2): the five points of a person in each frame of the clip that a set was made of; NaN where missing."""
    points = np.full((count, 5, 2), np.nan)
    for row in np.flatnonzero(faces.table["person"] == person):
        if faces.table.loc[row, "frame"] < count:
            points[faces.table.loc[row, "frame"]] = faces.points(row)
    return points


def _gallery(run: Run, role: str, recognition: FaceRecognition) -> np.ndarray:
    """Embeddings of some pictures of a person, from the training clip."""
    faces = stages.ensure_faces(run, role)
    faces = faces.subset((faces.table["person"] == 0).to_numpy())
    rows = np.unique(np.linspace(0, len(faces) - 1, min(_GALLERY, len(faces))).round().astype(int))
    chosen = {int(faces.table.loc[row, "frame"]): faces.points(row) for row in rows}
    frames = [f for f in video.open_video(run.clip(role)).frames() if f.index in chosen]
    return likeness.embed_faces([f.image for f in frames], np.stack([chosen[f.index] for f in frames]), recognition)


def score_run(run: Run, swaps: list[Swapped], write: bool = True) -> dict:
    """Scores the conversions, and the baselines beside them, and writes scores.json.

    Args:
        swaps: from `swap_clip`; one for each model (the first of a model counts).

    Returns:
        What is written: {"models": {name: scores}, "baselines": {name: scores}, "best": name, "notes": [...]}. Without a
        truth there are no gains, only what the judge says by itself, and a note says so.

    Raises:
        LabError: when there is no conversion.
    """
    if not swaps:
        raise LabError(
            f"{run.out}: nothing was converted, so there is nothing to score. Train a model (notebooks 03, 04)."
        )
    recognition = FaceRecognition()
    count = sum(1 for _ in kept_frames(swaps[0].frames))
    points = clip_points(stages.ensure_faces(run, "target"), count)
    people = {role: _gallery(run, role, recognition) for role in ("A", "B")}
    models: dict[str, dict] = {}
    for swap in swaps:
        if swap.model not in models:
            embedded = likeness.embed_faces(list(kept_frames(swap.frames)), points, recognition)
            models[swap.model] = {"nearer_to_source": likeness.nearer_to_source(embedded, people["B"], people["A"])}
    result = {"models": models, "baselines": {}, "notes": []}
    if run.clips.truth is None:
        result["notes"].append(
            "No true swap is known for this clip, so only the judge's opinion is given, and no gains."
        )
        result["best"] = max(models, key=lambda name: models[name]["nearer_to_source"])
    else:
        _score_against_truth(run, swaps, points, recognition, result)
    if write:
        files.write_json(run.out / "scores.json", result)
    return result


def _score_against_truth(run: Run, swaps: list[Swapped], points, recognition, result: dict) -> None:
    truth, target = run.clips.truth, run.clip("target")
    for name in result["models"]:
        folder = next(swap.frames for swap in swaps if swap.model == name)
        gains = scores.score_clip(kept_frames(folder), clip_frames(truth), clip_frames(target), points, recognition)
        moved = likeness.landmark_error(kept_frames(folder), clip_frames(truth), points)
        result["models"][name] |= {**gains.as_json(), "landmark_error": moved.error, "landmarks_found": moved.found}
    source = stages.ensure_faces(run, "B")
    rows = np.flatnonzero(source.table["person"] == 0)
    by_frame = {int(source.table.loc[row, "frame"]): source.points(row) for row in rows}
    frames = [f for f in video.open_video(run.clip("B")).frames() if f.index in by_frame]
    average = baselines.average_face([f.image for f in frames], np.stack([by_frame[f.index] for f in frames]))
    found = baselines.score_baselines(clip_frames(truth), clip_frames(target), points, average, recognition)
    result["baselines"] = {name: gains.as_json() for name, gains in found.items()}
    result["best"] = max(
        result["models"], key=lambda n: sum(result["models"][n][g] or 0 for g in ("swap_gain", "identity_gain"))
    )
    result["notes"].append(
        "0 is the unchanged target, 1 the true swap. Never read pixel_gain alone: a tint earns most of it. blurred_truth "
        "and shifted_truth are not reachable baselines but a ruler: the truth itself, blurred by 4 px or moved by 2 px."
    )
