"""Does the diagnosis' predicted difficulty rank the swaps that training really gives?

    python benchmarks/diagnosis.py                 (about 25 minutes on two cores; goes on where it stopped)
    python benchmarks/diagnosis.py --direction "B<-A"     (the same faults planted in A's clip)
    python benchmarks/diagnosis.py --steps 100     (a look)

Nine face sets of B, good ones and the failure sets of data/actors, each train a `quick` autoencoder with the same faces of A
from the same warm start, for the same number of steps. Each model then swaps frames of talk_A, which are scored against the
true swap: by the three gains and by `structure_gain`, the correlation of local contrast with the truth's (1 the truth, 0 the
unchanged target; see `faceswap_lab/metrics/gains.py`). It is there because swap_gain is a squared error, for which a face without
any features is better than the wrong features. The diagnosis sees the face sets only. Prints, for every set, what the
diagnosis names, the predicted difficulty of A<-B and the gains, and as the last line JSON: Spearman's rank correlation of
difficulty and gains (-1 is perfect), beside that of the plainest predictor, the number of faces.

Expected before measuring: the dark, the blurred and the low-resolution set at the bottom, the full set at the top, ten faces
and one pose between; a rank correlation of about -0.7.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np  # noqa: E402

from faceswap_lab.base import files  # noqa: E402
from faceswap_lab.course import actors, runtime  # noqa: E402

SETS = {  # direction: name: (clip, every, fault)
    "A<-B": {
        "train_B, 168 faces": ("train_B", 3, ""),
        "train_B, 50 faces": ("train_B", 10, ""),
        "talk_B": ("talk_B", 3, ""),
        "only_frontal": ("only_frontal", 1, ""),
        "in_the_dark": ("in_the_dark", 1, ""),
        "low_resolution": ("low_resolution", 1, ""),
        "ten_faces": ("ten_faces", 1, ""),
        "blurred": ("blurred", 1, ""),
        "two_people": ("two_people", 1, ""),
    },
    "B<-A": {  # the same faults planted in A's training clip; no weight was chosen by these
        "train_A, 168 faces": ("train_A", 3, ""),
        "train_A, 50 faces": ("train_A", 10, ""),
        "talk_A": ("talk_A", 3, ""),
        "frontal A": ("train_A", 1, "frontal"),
        "dark A": ("train_A", 10, "dark"),
        "low-resolution A": ("train_A", 10, "low_resolution"),
        "ten faces of A": ("train_A", 50, ""),
        "blurred A": ("train_A", 10, "blurred"),
        "A and stranger": ("train_A", 16, "two_people"),
    },
}
SCORED = 6  # every n-th frame of talk_A
COPIES = 4


def face_set(clip: str, every: int, fault: str, work: Path):
    """The face set of an actor's clip, or of its frames with a fault planted, extracted once."""
    from faceswap_lab.faces.extraction import extract_faces

    folder, source = work / "faces" / f"{clip}_{every}_{fault}".rstrip("_"), actors.clip(clip).path
    if fault:
        source, every = _planted(clip, every, fault, work), 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return extract_faces(source, folder, every=every)


def _planted(clip: str, every: int, fault: str, work: Path) -> Path:
    """A folder of a clip's frames that are spoilt as the failure sets of data/actors are."""
    from faceswap_lab.video.pictures import write_picture
    from tools.actors.faults import FAULTS

    folder, random = work / "planted" / f"{clip}_{every}_{fault}", np.random.default_rng(0)
    if not folder.exists():
        frames, yaw = actors.clip(clip).frames()[::every], np.abs(actors.clip(clip).pose()[::every, 0])
        if fault == "frontal":
            frames = frames[yaw < 9][::2][:50]
        elif fault == "two_people":
            frames = np.concatenate([frames, actors.clip("stranger").frames()[::4]])
        making = folder.with_name(f".partial-{folder.name}")
        for index, frame in enumerate(frames):
            write_picture(making / f"{index:03d}.png", FAULTS[fault](frame, random) if fault in FAULTS else frame)
        making.rename(folder)
    return folder


def gains(direction: str, name: str, work: Path, steps: int) -> dict[str, float]:
    """Trains on one set and scores the swap; kept, since it takes minutes."""
    path = work / f"gains_{direction.replace('<-', '_from_')}_{steps}.json"
    known = files.read_json(path) if path.exists() else {}
    if name not in known:
        known[name] = _train_and_score(direction, name, work, steps)
        files.write_json(path, known)
    return known[name]


def _train_and_score(direction: str, name: str, work: Path, steps: int) -> dict[str, float]:
    import keras

    from faceswap_lab import metrics, training
    from faceswap_lab.course import stages
    from faceswap_lab.models import autoencoder
    from faceswap_lab.provenance.publishing import write_swapped
    from faceswap_lab.swap.swapping import swap_frames

    person, other = direction.split("<-")  # whose clip is changed, whose face is put in
    clip = f"talk_{person}"
    keras.utils.set_random_seed(0)
    target = face_set(clip, 2, "", work)
    sets = {
        person: [target, face_set(f"train_{person}", 12, "", work)],
        other: [face_set(*SETS[direction][name], work)],
    }
    sets = {"A": sets["A"], "B": sets["B"]}
    faces, masks, transferred = stages.practice_arrays(sets, 96, COPIES, seed=0)
    model = autoencoder.FaceAutoencoder(
        autoencoder.quick(64), autoencoder.QUICK_LOSS, autoencoder.QUICK_AUGMENTATION, seed=0
    )
    stages.warm_start(model)
    model.set_faces(faces, masks, transferred)
    model.compile(optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, steps, alpha=0.03)))
    counts = {person: len(pictures) for person, pictures in faces.items()}
    folder = work / "models" / f"{name.replace(', ', '_').replace(' ', '_')}_{steps}"
    training.fit(model, folder, counts, steps, batch_size=8, checkpoint_every=100, tensorboard=False)
    rows = [row for row, frame in enumerate(target.table["frame"]) if frame % SCORED == 0]
    numbers = target.table["frame"].iloc[rows].to_numpy()
    before, truth = (actors.clip(name_).frames()[numbers] for name_ in (clip, f"truth_{person}_from_{other}"))
    made = swap_frames(
        list(before),
        [target.matrix(row) for row in rows],
        list(target.subset(rows).masks(256, "face")),
        training.SwapFunction(model, *((0, 1) if person == "A" else (1, 0))),
    )
    found = metrics.score_clip(made, truth, before, actors.clip(clip).points()[numbers])
    strip = np.hstack([before[3], made[3], truth[3], before[12], made[12], truth[12]])
    write_swapped(folder / "swaps.png", strip, folder.name)
    return found.as_json()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--work", type=Path, default=runtime.ROOT / "runs" / "benchmark_diagnosis")
    parser.add_argument("--direction", choices=SETS, default="A<-B")
    parser.add_argument("--gains-only", action="store_true", help="train and score, without the diagnosis")
    options = parser.parse_args()
    files.make_folder(options.work)
    direction = options.direction
    person, other = direction.split("<-")
    measured = {name: gains(direction, name, options.work, options.steps) for name in SETS[direction]}
    if options.gains_only:
        return
    from scipy.stats import spearmanr

    from faceswap_lab.faces.diagnosis import diagnose

    target = face_set(f"talk_{person}", 2, "", options.work)
    kinds = ("structure_gain", "swap_gain", "identity_gain")
    print(
        f"{f'set of {other}':20s}{'faces':>6s}{'difficulty':>11s}"
        + "".join(f"{kind:>16s}" for kind in kinds)
        + "   named"
    )
    rows = []
    for name, found in measured.items():
        sets = {person: target, other: face_set(*SETS[direction][name], options.work)}
        diagnosis = diagnose(sets["A"], sets["B"])
        named = sorted({one.name for one in diagnosis.findings if one.about == other and one.severity != "note"})
        rows.append(
            (diagnosis.profiles[other].faces, diagnosis.difficulty[direction], *(found[kind] for kind in kinds))
        )
        numbers = "".join(f"{value:16.3f}" for value in rows[-1][2:])
        print(f"{name:20s}{rows[-1][0]:6d}{rows[-1][1]:11.2f}{numbers}   {', '.join(named) or '-'}")
    faces, difficulty, *measures = np.array(rows).T
    figures = {}
    for kind, gain in zip(kinds, measures, strict=True):
        ours, baseline = spearmanr(difficulty, gain).statistic, spearmanr(-faces, gain).statistic
        figures[f"difficulty_ranks_{kind}{'' if direction == 'A<-B' else '_b_from_a'}"] = {
            "ours": round(float(ours), 3),
            "baseline": round(float(baseline), 3),
            "ratio": round(float(ours / baseline), 2) if baseline else None,
            "unit": "Spearman's rho (-1 is perfect; baseline: fewer faces)",
        }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
