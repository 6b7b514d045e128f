"""Which score to trust where no true swap is known? Every score, tried on swaps whose true quality is known.

    python benchmarks/score_trust.py                    (half an hour on one core; stop it whenever you like, it goes on)
    python benchmarks/score_trust.py --run runs/my_run  (with the models of a run as further rungs)
    python benchmarks/score_trust.py --report
    python benchmarks/score_trust.py --write            (keeps it for the score card and notebook 06)

The rungs of `faceswap_lab.scores.ladder`, the baselines, the warm start and a run's models, in both directions: talk_A with its
true swap truth_A_from_B, and talk_B with truth_B_from_A. Scores of single frames look at every fourth frame, scores in time at 40
frames in a row. Prints for each score Spearman's rho by what the true swap says (both directions together, rungs compared
within their clip only), the verdict, and from which strength it sees each fault. As the last line JSON: each score's rho with
quality ("ours") and nearer_to_source's, the only reference-free score that the lab had before ("baseline").

Expected before measuring: cosines and retrieval rank identity (rho 0.7) and see neither blur nor shift, trembling, cast or
square; dlib and HSE-FaceRes agree; sharpness and seams rank nothing, since the unchanged target is as sharp and as seamless as
the truth, but see their fault; jitter and flicker see theirs only. Nothing that needs no truth ranks structure.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import os
import pickle
import sys
import time
import warnings
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from faceswap_lab import actors, files, runtime, scores, training, video, weights  # noqa: E402
from faceswap_lab.scores import baselines, ladder, trust  # noqa: E402
from faceswap_lab.scores.likeness import Remembered  # noqa: E402
from faceswap_lab.scores.shots import measure_clips  # noqa: E402

DIRECTIONS = {"A<-B": ("talk_A", "truth_A_from_B", "train_A", "train_B"), "B<-A": ("talk_B", "truth_B_from_A", "train_B", "train_A")}
EVERY, STRETCH = 4, slice(40, 80)
BLENDS = {"autoencoder": ("laplacian",), "faceswap_gan": ("laplacian", "mask", "seamless")}
BASELINE = "nearer_to_source"


def average(clip: str, every: int) -> np.ndarray:
    """The mean face of an actor's clip."""
    frames = (frame.image for frame in video.open_video(actors.clip(clip).path).frames(every=every))
    return baselines.average_face(frames, actors.clip(clip).points()[::every])


def known_clip(direction: str) -> ladder.KnownClip:
    """The clip of a direction, all of its frames."""
    target, truth, _, source = DIRECTIONS[direction]
    frames = [list(actors.clip(name).frames()) for name in (target, truth)]
    worn = {"source": average(source, 8), "stranger": average("stranger", 2)}
    return ladder.KnownClip(*frames, actors.clip(target).points(), worn)


def face_set(clip: str, work: Path, ready: Path | None):
    """A clip's face set, made once or read where it lies ready."""
    from faceswap_lab.faces.extraction import extract_faces
    from faceswap_lab.faces.faceset import FaceSet

    if ready and (ready / clip / "faces.csv").exists():
        return FaceSet(ready / clip)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return extract_faces(actors.clip(clip).path, work / "faces" / clip)


def swapped_by(folder: Path, blend: str, direction: str, known: ladder.KnownClip, faces) -> list[np.ndarray]:
    """A model's swap of every frame, each for itself: unlabelled, T times (H, W, 3) uint8 RGB."""
    from faceswap_lab.swap.swapping import swap_frames

    ways = (0, 1) if direction == "A<-B" else (1, 0)
    function = training.SwapFunction(training.load_model(folder), *ways)
    rows = {int(frame): row for row, frame in enumerate(faces.table["frame"])}
    matrices, outlines = [faces.matrix(row) for row in range(len(faces))], faces.masks(256, "face")
    seen = [index for index in range(len(known.target)) if index in rows]
    made = swap_frames(
        [known.target[index] for index in seen], [matrices[rows[i]] for i in seen], [outlines[rows[i]] for i in seen],
        function, blend=blend,
    )  # fmt: skip
    found = dict(zip(seen, made, strict=True))
    return [found.get(index, frame) for index, frame in enumerate(known.target)]


def further_rungs(direction: str, known: ladder.KnownClip, options) -> dict:
    """Makers of the outputs that are no planted faults: models and, where they are there, more baselines."""
    models = {"warm start": weights.data_folder() / "weights" / "quick_autoencoder"}
    if options.run:
        models |= {path.name: path for path in sorted((options.run / "models").iterdir()) if (path / training.CONFIG).exists()}
    made = {}
    for name, folder in models.items():
        for blend in BLENDS.get(name, ("laplacian",)):
            made[f"{name}, {blend}"] = lambda folder=folder, blend=blend: swapped_by(
                folder, blend, direction, known, face_set(DIRECTIONS[direction][0], options.work, options.faces)
            )
    return made


def measures(direction: str, options) -> tuple:
    """Makers of the measures: those of single frames, and those in time."""
    return (lambda name: []), (lambda name: [])


def look(direction: str, options) -> dict[str, dict]:
    """Every rung of a direction: its gains, and the tables of all measures; kept rung by rung."""
    folder = options.work / direction.replace("<-", "_from_")
    known, found, recognition, finder = None, {}, None, Remembered()
    single = in_time = None
    until = time.time() + 60 * options.minutes
    names = options.work / f"{folder.name}.json"
    if options.report:
        kept = files.read_json(names) if names.exists() else []
        return {name: _kept(folder, name) for name in kept if _path(folder, name).exists()}
    known = known_clip(direction)
    makers = {rung.name: lambda rung=rung: rung.make(known) for rung in ladder.rungs(known)}
    makers |= further_rungs(direction, known, options)
    files.write_json(names, list(makers))
    for name, make in sorted(makers.items(), key=lambda item: item[0] not in ("truth", "unchanged")):
        if _path(folder, name).exists() and not options.again:
            found[name] = _kept(folder, name)
            continue
        if time.time() > until:
            print("time is up; run it again to go on")
            break
        if single is None:
            from faceswap_lab.models.identity import FaceRecognition

            recognition = FaceRecognition()
            single, in_time = measures(direction, options)
        started, frames = time.monotonic(), list(make())
        some, run = slice(None, None, EVERY), STRETCH
        gains = scores.score_clip(frames[some], known.truth[some], known.target[some], known.points[some], recognition)
        row = {"gains": gains.as_json()}
        for kind, part, makes in (("single", some, single), ("in_time", run, in_time)):
            if not makes(name):
                row[kind] = ((), pd.DataFrame())
                continue
            outputs = {"output": frames[part]}
            truth = known.truth[part]
            row[kind] = measure_clips(outputs, known.target[part], known.points[part], lambda _: makes(name), truth, finder)["output"]
        # scores themselves hold functions that cannot be kept: they are made anew, by name
        row = {"gains": row["gains"], "single": row["single"][1], "in_time": row["in_time"][1]}
        files.make_folder(folder)
        with files.atomic_path(_path(folder, name)) as temporary:
            temporary.write_bytes(pickle.dumps(row))
        found[name] = row
        print(f"{direction} {name:32s} {time.monotonic() - started:5.1f} s  {json.dumps(row['gains'])}", flush=True)
    return found


def _path(folder: Path, name: str) -> Path:
    return folder / f"{hashlib.sha256(name.encode()).hexdigest()[:12]}.pickle"


def _kept(folder: Path, name: str) -> dict:
    return pickle.loads(_path(folder, name).read_bytes())
