"""Does the diagnosis explain why A<-B and B<-A differ? One autoencoder for both people, trained on sets made lopsided on purpose.

    python benchmarks/asymmetry.py                 (an hour on one core; stop it whenever you like, it goes on)
    python benchmarks/asymmetry.py --report        (the table of what is done so far)
    python benchmarks/asymmetry.py --write         (keeps it for notebook 06)

Seven pairs of face sets (`faceswap_lab.studies.asymmetry.SETS`), each of which trains the quick 64-px autoencoder from nothing,
since the shipped warm start has seen all of the actors' faces: same steps, same batches, same recipe as notebook 03 (Muon, 8 faces
of each person a step, three varied copies a face), but for the back-translation, which takes half of the time and is worth nothing
that one can see in so short a training (`benchmarks/ablation.py`: -0.003 ± 0.024 of structure). The faces come from train_A and
train_B only. **Neither target clip's faces are trained on**: talk_A and talk_B are new to the model alike. The blurred sets have
the same faces, landmarks and masks, and only their pictures are spoilt; the frontal sets have as many faces as the balanced one.
So each pair differs from the balanced one in one thing. Every fifth frame of talk_A and talk_B is then swapped and scored
against the true swap.

The diagnosis is asked twice: with the two training sets, as notebook 02 asks it ("sets"), and, for each direction, with the
target clip that is really converted in place of the target's training set ("clips"). It was not changed for this.

The gains' ceilings differ between the directions (other light, other poses), so the balanced model is the reference: what counts is
how far a lopsided set moves the difference A<-B minus B<-A from the balanced model's. The true swap, blurred by 4 px and moved
by 2 px, is scored in both directions as a ruler. All sets of one seed come before the next seed.

Expected before measuring: seven faces cost the direction that generates them 0.10 of the quality (mean of structure and identity
gain) and the other direction a third of that; straight faces cost 0.03, since the talking heads turn by under 26 degrees; blur
costs nothing that one can see, since so short a training generates nothing sharp anyway, although the diagnosis counts it
highest. Signs right in five of six, a rank correlation of 0.6. The balanced model itself: A<-B better by 0.05, since talk_B
turns further and its light is not in train_B.

Measured, 200 steps, two seeds, 14 trainings; shifts of the difference with 95 % intervals. By the composite that was chosen before,
**sharpness holds** (0.062 ± 0.046), size stays within the scatter of the seeds (0.041 ± 0.046), **coverage is not seen** (-0.024 ±
0.046); signs right in three of six, rho 0.77 (p 0.05). The scatter is identity gain's, which says little of faces so early. By
structure gain **size holds** (0.070 ± 0.021), and sharpness (0.041 ± 0.021), signs right in four of six, rho 0.83 (p 0.03); by swap
gain size holds (0.082 ± 0.023) and blur is not seen (0.017 ± 0.023), since a squared error forgives it; signs right in six of six.
Coverage: the heads of these clips hardly leave the range of the straight faces. All of the cost falls on the direction that
generates the worse set: 0.069 (size) and 0.038 (sharpness) of structure there, and 0.00 where that person is only the target, so
that the diagnosis' "few faces of the target" is not confirmed. A third of the cost was expected there, and no effect of blur: both
wrong. The balanced model: 0.163 of quality A<-B and 0.129 B<-A, and by structure the other way round (0.100, 0.131), where the
diagnosis says no difference (0.00): neither is beyond the scatter by much. The rulers' ceilings differ more: a blurred truth earns
0.58 and 0.50, a shifted one 0.78 and 0.74. At 200 steps the faces are blobs: this is about how trainings begin.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import os
import shutil
import sys
import time
import warnings
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np  # noqa: E402
from rank_agreement import rank_agreement  # noqa: E402

from faceswap_lab.base import files  # noqa: E402
from faceswap_lab.course import actors, runtime  # noqa: E402
from faceswap_lab.faces.diagnosis import DIRECTIONS  # noqa: E402
from faceswap_lab.studies import ablation, asymmetry  # noqa: E402

CLIPS = ("train_A", "train_B", "talk_A", "talk_B")
FACES, FEW = 84, 7
STRAIGHT = 6.0  # degrees of yaw
RECIPE = "no_back"  # of ablation.VARIANTS
SCORED = 5  # every n-th frame of the target clips
TRUTHS = {"A<-B": ("talk_A", "truth_A_from_B"), "B<-A": ("talk_B", "truth_B_from_A")}
DIAGNOSES = ("clips", "sets")


def ready_sets(work: Path, ready: Path | None) -> dict:
    """The clips' face sets: extracted once into the work folder, or read where they lie ready."""
    from faceswap_lab.faces.extraction import extract_faces
    from faceswap_lab.faces.faceset import FaceSet

    found = {}
    for clip in CLIPS:
        if ready and (ready / clip / "faces.csv").exists():
            found[clip] = FaceSet(ready / clip)
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found[clip] = extract_faces(actors.clip(clip).path, work / "faces" / clip)
    return found


def own_set(faces, folder: Path, change=None):
    """A face set of its own from some rows of another, its pictures changed; landmarks and masks stay as they are."""
    from faceswap_lab.faces.faceset import FaceSet
    from faceswap_lab.video.pictures import read_picture, write_picture

    if not (folder / "faces.csv").exists():
        making = folder.with_name(f".partial-{folder.name}")
        shutil.rmtree(making, ignore_errors=True)
        for name in faces.table["face"]:
            picture = read_picture(faces.folder / "faces" / name)
            write_picture(making / "faces" / name, picture if change is None else change(picture))
            for kind, file in (("masks", name), ("landmarks", f"{Path(name).stem}.npy")):
                (making / kind).mkdir(parents=True, exist_ok=True)
                if (faces.folder / kind / file).exists():
                    shutil.copy(faces.folder / kind / file, making / kind / file)
        faces.table.to_csv(making / "faces.csv", index=False)
        making.rename(folder)
    return FaceSet(folder)


def lopsided_sets(work: Path, ready: dict) -> dict[str, dict]:
    """For each person: the full set and the faulty ones."""
    from tools.actors.faults import blurred

    found = {}
    for person in "AB":
        all_faces = ready[f"train_{person}"]
        straight = all_faces.subset((all_faces.table["yaw"].abs() < STRAIGHT).to_numpy())
        random = np.random.default_rng(0)
        full = own_set(all_faces.spread(FACES), work / "sets" / f"full_{person}")
        found[person] = {
            "": full,
            "size": own_set(full.spread(FEW), work / "sets" / f"few_{person}"),
            "coverage": own_set(straight.spread(FACES), work / "sets" / f"frontal_{person}"),
            "sharpness": own_set(
                full, work / "sets" / f"blurred_{person}", lambda picture, random=random: blurred(picture, random)
            ),
        }
    return found


def chosen(name: str, sets: dict[str, dict]) -> dict:
    """The two face sets of a pair."""
    one = asymmetry.SETS[name]
    return {person: sets[person][one.explanation if person == one.person else ""] for person in "AB"}


def difficulties(name: str, sets: dict, targets: dict) -> dict:
    """What the diagnosis says of a pair, with the training sets and with the clips that are converted."""
    from faceswap_lab.faces.diagnosis import diagnose

    pair = chosen(name, sets)
    said = {"sets": diagnose(pair["A"], pair["B"])}
    said |= {"A<-B": diagnose(targets["A"], pair["B"]), "B<-A": diagnose(pair["A"], targets["B"])}
    found = {"sets": said["sets"].difficulty, "clips": {way: said[way].difficulty[way] for way in DIRECTIONS}}
    reasons = {
        way: {k: round(float(v), 3) for k, v in said[way].penalties[way].items() if v > 0.005} for way in DIRECTIONS
    }
    rounded = {kind: {way: round(float(value), 4) for way, value in some.items()} for kind, some in found.items()}
    return rounded | {"reasons": reasons, "faces": {person: len(some) for person, some in pair.items()}}


@functools.cache
def scored_frames(clip: str) -> np.ndarray:
    """Every n-th frame of a clip, (n, H, W, 3) uint8 RGB."""
    return actors.clip(clip).frames(every=SCORED)


def materials(pair: dict, targets: dict) -> dict[str, ablation.Material]:
    """What a training and its scores need, for both directions; the trained faces are the same."""
    found = {}
    for way in DIRECTIONS:
        clip, truth = TRUTHS[way]
        rows = targets[way[0]]
        numbers = rows.table["frame"].to_numpy()
        frames = [scored_frames(each)[numbers // SCORED] for each in (clip, truth)]
        points = actors.clip(clip).points()[numbers]
        if not found:
            found[way] = ablation.prepare({person: [some] for person, some in pair.items()}, rows, *frames, points)
        else:
            first = found[DIRECTIONS[0]]
            matrices = [rows.matrix(row) for row in range(len(rows))]
            found[way] = ablation.Material(
                first.faces,
                first.masks,
                first.transferred,
                first.own,
                *frames,
                matrices,
                list(rows.masks(256, "face")),
                points,
            )
    return found


def swap(model, material: ablation.Material, direction: str) -> list[np.ndarray]:
    """The target's frames with the other one's face, T times (H, W, 3) uint8 RGB."""
    return ablation.swap(model, material, *((0, 1) if direction == "A<-B" else (1, 0)))


def key(name: str, seed: int, steps: int) -> str:
    """What a training depends on, as a file name."""
    parts = [
        RECIPE,
        FACES,
        FEW,
        STRAIGHT,
        SCORED,
        ablation.COPIES,
        ablation.BATCH_SIZE,
        ablation.LEARNING_RATES["nothing"],
    ]
    return f"{name}_{steps}_{seed}_{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:8]}.json"


def known(work: Path, steps: int, seeds: int) -> list[dict]:
    """The results that are kept already."""
    paths = [work / "results" / key(name, seed, steps) for seed in range(seeds) for name in asymmetry.SETS]
    return [files.read_json(path) for path in paths if path.exists()]


def measure(options) -> None:
    """Diagnoses, trains and scores whatever is missing, until the time is up."""
    import keras

    from faceswap_lab import metrics
    from faceswap_lab.models.dlib_recognition import FaceRecognition
    from faceswap_lab.provenance.publishing import write_swapped

    until, work = time.time() + 60 * options.minutes, options.work
    ready, recogniser = ready_sets(work, options.faces), FaceRecognition()
    sets = lopsided_sets(work, ready)
    targets = {}
    for person in "AB":
        faces = ready[f"talk_{person}"]
        rows = (faces.table["frame"] % SCORED == 0).to_numpy()
        targets[person] = own_set(faces.subset(rows), work / "sets" / f"talk_{person}")
    for name in asymmetry.SETS:
        path = work / "diagnosis" / f"{name}_{key(name, 0, 0)[-13:]}"
        if not path.exists():
            files.write_json(path, difficulties(name, sets, targets))
    for seed, name in ((seed, name) for seed in range(options.seeds) for name in asymmetry.SETS):
        file = key(name, seed, options.steps)
        if (work / "results" / file).exists():
            continue
        if time.time() > until:
            print("time is up; run it again to go on")
            return
        keras.backend.clear_session()
        shared = materials(chosen(name, sets), targets)
        started = time.monotonic()
        model = ablation.train(ablation.VARIANTS[RECIPE], shared[DIRECTIONS[0]], options.steps, seed, "nothing")
        trained, row, strips = time.monotonic() - started, {"set": name, "seed": seed}, []
        for way, material in shared.items():
            made = swap(model, material, way)
            row[way] = metrics.score_clip(made, material.truth, material.target, material.points, recogniser).as_json()
            strips += [np.hstack([material.target[i], made[i], material.truth[i]])[::2, ::2] for i in (3, 12)]
        write_swapped(work / "pictures" / file.replace(".json", ".png"), np.vstack(strips), RECIPE)
        files.write_json(work / "results" / file, row | {"seconds": round(trained, 1)})
        print(f"{name:10s} seed {seed}  {trained:4.0f} s  {json.dumps(row)}", flush=True)
    rulers(work, recogniser)


def rulers(work: Path, recogniser=None) -> dict:
    """What the blurred and the shifted truth, and a tint, earn in both directions; kept."""
    from faceswap_lab.metrics import score_clips
    from faceswap_lab.metrics.baselines import Baselines, baseline_clips

    path = work / "rulers.json"
    if not path.exists():
        found = {}
        for way, (clip, truth) in TRUTHS.items():
            frames = {name: actors.clip(name).frames()[::SCORED] for name in (clip, truth)}
            points = actors.clip(clip).points()[::SCORED]
            made = baseline_clips(frames[clip], points, Baselines(), frames[truth])
            gains = score_clips(made, frames[truth], frames[clip], points, recogniser)
            found[way] = {name: one.as_json() for name, one in gains.items()}
        files.write_json(path, found)
    return files.read_json(path)


def report(results: list[dict], said: dict[str, dict], ruler: dict) -> dict:
    """Prints the tables and verdicts; returns the figures."""
    import pandas as pd

    shown = {"display.width": 220, "display.max_columns": 30, "display.float_format": "{:.3f}".format}
    figures = {}
    difficulty = {kind: {name: one[kind] for name, one in said.items()} for kind in DIAGNOSES}
    for kind in DIAGNOSES:
        for gain in (asymmetry.QUALITY, *asymmetry.GAINS):
            found = asymmetry.table(results, difficulty[kind], gain)
            lopsided = found[found["set"] != asymmetry.BALANCED]
            rho, chance = rank_agreement(lopsided["moved"], lopsided["predicted"])
            agree = int(lopsided["agrees"].sum())
            if kind == DIAGNOSES[0] or gain == asymmetry.QUALITY:
                with pd.option_context(*(part for pair in shown.items() for part in pair)):
                    print(f"\n{gain}; predicted by the diagnosis of the {kind}\n{found.to_string(index=False)}")
            print(
                f"{gain}, {kind}: signs agree in {agree} of {len(lopsided)}; Spearman's rho {rho:.2f}, p {chance:.3f}"
            )
            figures[f"asymmetry_{gain}_{kind}"] = {
                "ours": None if np.isnan(rho) else round(rho, 3), "baseline": 0, "ratio": None,
                "unit": f"Spearman's rho over {len(lopsided)} lopsided sets, p {chance:.3f}; signs agree in {agree}",
            }  # fmt: skip
    for gain in (asymmetry.QUALITY, *asymmetry.GAINS):
        print(f"\nby {gain}, beside the diagnosis of the {DIAGNOSES[0]}:")
        for effect in asymmetry.effects(results, difficulty[DIAGNOSES[0]], gain):
            print(effect.sentence())
            figures[f"asymmetry_shift_{effect.explanation}_{gain}"] = {
                "ours": round(effect.shift, 4), "baseline": 0, "ratio": None,
                "unit": f"± {effect.half_width:.3f}: {effect.embedding}",
            }  # fmt: skip
    for name in ("blurred_truth", "shifted_truth", "tint"):
        both = {
            way: round(float(np.mean([ruler[way][name][one] for one in asymmetry.GAINS[:2]])), 3) for way in DIRECTIONS
        }
        print(f"ruler, {name}: {both}")
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--work", type=Path, default=runtime.ROOT / "runs" / "benchmark_asymmetry")
    parser.add_argument("--faces", type=Path, help=f"a folder with face sets {', '.join(CLIPS)} that are there already")
    parser.add_argument("--minutes", type=float, default=1e6, help="start no training after so many minutes")
    parser.add_argument("--report", action="store_true", help="train nothing: the table of what is done")
    parser.add_argument("--write", action="store_true", help="keep the numbers for notebook 06 in benchmarks/results")
    options = parser.parse_args()
    files.make_folder(options.work)
    if not options.report:
        measure(options)
    results = known(options.work, options.steps, options.seeds)
    if not any(row["set"] == asymmetry.BALANCED for row in results):
        parser.error(
            "the balanced pair is not trained yet, so that there is nothing to compare with: leave out --report"
        )
    said = {
        name: files.read_json(options.work / "diagnosis" / f"{name}_{key(name, 0, 0)[-13:]}") for name in asymmetry.SETS
    }
    ruler = rulers(options.work)
    figures = report(results, said, ruler)
    if options.write:
        facts = {"steps": options.steps, "batch_size": ablation.BATCH_SIZE, "faces": FACES, "few": FEW}
        kept = {**facts, "rulers": ruler, "diagnosis": said, "results": results}
        files.write_json(asymmetry.MEASURED, kept)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
