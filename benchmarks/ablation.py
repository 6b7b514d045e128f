"""What is each part of the training worth? The quick autoencoder, trained with one part switched at a time.

    python benchmarks/ablation.py                    (two hours on two cores; stop it whenever you like, it goes on)
    python benchmarks/ablation.py --start warm       (what changes the network's shape is left out)
    python benchmarks/ablation.py --start gan --steps 80     (FaceSwap-GAN's own parts, its generator the warm start)
    python benchmarks/ablation.py --only warp,attention --seeds 5
    python benchmarks/ablation.py --report           (the table of what is done so far)

Every variant of `faceswap_lab.studies.ablation.VARIANTS` trains on the same faces (every fourth frame of talk_A and train_B, every
eighth of train_A, three varied copies each) for the same number of steps from the same start, swaps every sixth frame of
talk_A, and is scored against the true swap. All variants of one seed come before the next seed, so that a run that is
stopped early compares like with like. Finished trainings are kept with their settings and not done twice.

Prints a table: means over the seeds, what a part adds to structure gain and identity gain with the 95 % interval of the
paired difference over the seeds, and a verdict. **With three seeds that interval is 4.3 standard errors wide**: a part
must be worth a lot to be seen at all, and of some twenty differences one looks real by luck alone. "No difference seen" is
not "worth nothing"; and what a part is worth in a short training from a warm start that was itself made with it is not
what it is worth over forty thousand steps. As the last line one JSON object: with the part ("ours") and without
("baseline").

Expected before measuring, from nothing: Muon is worth most (0.1 of structure), then local contrast (0.05), back-translation
(0.02, and 0.03 of identity), the transferred faces (0.02); varied copies hardly anything at this length, since they make the task
harder; a warp costs; self-attention makes no difference (its gain starts at 0 and has no time to grow); a shared decoder
loses identity; the identity term adds 0.05 of identity and nothing else.

Measured from nothing, 200 steps of 8 faces of each person, three seeds, worth in structure and identity: Muon 0.118 ± 0.029 and
0.002 ± 0.019, local contrast 0.092 ± 0.049 and 0.101 ± 0.073, back-translation -0.003 ± 0.024 and 0.017 ± 0.004, light of other
frames -0.004 ± 0.028 and -0.030 ± 0.024 (it costs, so early), warp 0.005 ± 0.002 and -0.018 ± 0.064, self-attention 0.006 ± 0.037
and -0.013 ± 0.030, a shared decoder -0.017 ± 0.030 and -0.018 ± 0.064, instance norm -0.051 ± 0.062 and -0.042 ± 0.075 (lower in
all three seeds), turns 0.011 less with them, shape transfer and varied copies within their intervals. The models' gaze error is 8
to 11 degrees, against 2.7 of eyes that never move: no eyes are drawn yet. Later in a training the order is another: from 3000
steps on, 400 steps with back-translation moved swap_gain from 0.29 to 0.35 and identity_gain from 0.32 to 0.36 (one seed).

FaceSwap-GAN, 60 steps on the warm start, three seeds: the identity term 0.010 ± 0.002 and 0.042 ± 0.012, the discriminators -0.002
± 0.013 and 0.005 ± 0.009, sharpness the same with and without. One seed each: hinge instead of mixup 0.006 and -0.005, no norm in
the discriminators 0.002 and 0.000, no attention -0.008 and -0.002. Not measured: the eye and mouth term, relighting, centring,
edge, SSIM, brows, perceptual, group norm, relativistic discriminators.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import os
import sys
import time
import warnings
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np  # noqa: E402

from faceswap_lab.base import files  # noqa: E402
from faceswap_lab.course import actors, runtime  # noqa: E402
from faceswap_lab.models import faceswap_gan  # noqa: E402
from faceswap_lab.models.autoencoder import QUICK_AUGMENTATION, QUICK_LOSS, quick  # noqa: E402
from faceswap_lab.studies import ablation, ablation_effect  # noqa: E402

EVERY = {"talk_A": 4, "train_A": 8, "train_B": 4}
SCORED = 6  # every n-th frame of talk_A


def face_sets(work: Path, ready: Path | None) -> dict:
    """The actors' face sets: extracted once into the work folder, or read where they lie ready."""
    from faceswap_lab.faces.extraction import extract_faces
    from faceswap_lab.faces.faceset import FaceSet

    found = {}
    for clip in EVERY:
        if ready and (ready / clip / "faces.csv").exists():
            found[clip] = FaceSet(ready / clip)
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found[clip] = extract_faces(actors.clip(clip).path, work / "faces" / clip, every=2)
    return found


def material(sets: dict) -> ablation.Material:
    """What all trainings share, from the actors."""
    chosen = {clip: some.subset((some.table["frame"] % EVERY[clip] == 0).to_numpy()) for clip, some in sets.items()}
    target = sets["talk_A"].subset((sets["talk_A"].table["frame"] % SCORED == 0).to_numpy())
    numbers = target.table["frame"].to_numpy()
    frames, truth = (actors.clip(name).frames()[numbers] for name in ("talk_A", "truth_A_from_B"))
    return ablation.prepare(
        {"A": [chosen["talk_A"], chosen["train_A"]], "B": [chosen["train_B"]]},
        target, frames, truth, actors.clip("talk_A").points()[numbers],
    )  # fmt: skip


def key(name: str, seed: int, steps: int, start: str) -> str:
    """What a training depends on, as a file name."""
    parts = [_own(each) for each in (ablation.VARIANTS[name], QUICK_LOSS, QUICK_AUGMENTATION, quick(ablation.SIZE))]
    parts += [
        ablation.LEARNING_RATES[start],
        ablation.BATCH_SIZE,
        ablation.SIZE,
        ablation.COPIES,
        ablation.BLEND,
        EVERY,
        SCORED,
    ]
    if start == "gan":
        parts += [_own(faceswap_gan.QUICK_LOSS), _own(faceswap_gan.quick(ablation.SIZE))]
    digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:8]
    return f"{name}_{start}_{steps}_{seed}_{digest}.json"


def _own(options) -> dict:
    """The fields that are not as by default: a field that a later version adds does not make a result stale."""
    plain = type(options)("") if isinstance(options, ablation.Variant) else type(options)()
    found = {field.name: getattr(options, field.name) for field in dataclasses.fields(options)}
    return {name: value for name, value in found.items() if name != "part" and value != getattr(plain, name)}


def known(work: Path, names: list[str], seeds: int, steps: int, start: str) -> list[dict]:
    """The results that are kept already."""
    paths = [work / "results" / key(name, seed, steps, start) for seed in range(seeds) for name in names]
    return [files.read_json(path) for path in paths if path.exists()]


def measure(names: list[str], options) -> None:
    """Trains and scores whatever is missing, until the time is up."""
    until = time.time() + 60 * options.minutes
    work, steps, start = options.work, options.steps, options.start
    todo = [(name, seed, key(name, seed, steps, start)) for seed in range(options.seeds) for name in names]
    todo = [each for each in todo if not (work / "results" / each[2]).exists()]
    if not todo:
        return
    import keras
    from remembered import Remembered

    from faceswap_lab.models.dlib_recognition import FaceRecognition
    from faceswap_lab.provenance.publishing import write_swapped

    shared, recogniser, mesh = material(face_sets(work, options.faces)), FaceRecognition(), Remembered()
    print({person: len(faces) for person, faces in shared.faces.items()}, "faces;", len(shared.target), "frames scored")
    for name, seed, file in todo:
        if time.time() > until:
            print("time is up; run it again to go on")
            return
        keras.backend.clear_session()
        started = time.monotonic()
        model = ablation.train(ablation.VARIANTS[name], shared, steps, seed, start)
        trained = time.monotonic() - started
        made = ablation.swap(model, shared)
        row = {"variant": name, "seed": seed, **ablation.score(made, shared, recogniser, mesh), "seconds": round(trained, 1)}
        picture = np.concatenate([np.hstack([shared.target[i], made[i], shared.truth[i]])[::2, ::2] for i in (3, 12)])
        write_swapped(work / "pictures" / file.replace(".json", ".png"), picture, name)
        files.write_json(work / "results" / file, row)
        print(f"{name:20s} seed {seed}  {trained:5.0f} s  {json.dumps(row)}", flush=True)


def report(results: list[dict], steps: int, start: str) -> dict:
    """Prints the table; returns the figures."""
    import pandas as pd

    found = ablation_effect.table(results)
    begun = f"{steps} steps from {ablation_effect.BEGUN[start]}"
    print(f"\n{begun}; worth: with the part, less without it, ± 95 % interval of the paired difference")
    with pd.option_context("display.width", 250, "display.max_columns", 30, "display.float_format", "{:.3f}".format):
        print(found.to_string(index=False))
    figures = {}
    base = found[found["variant"] == "base"].iloc[0]
    for measure in ablation_effect.MEASURES:
        figures[f"ablation_base_{measure}"] = _figure(base[measure], None, begun)
    for _, row in found[found["variant"] != "base"].iterrows():
        for measure in ablation_effect.DECIDING:
            pair = (
                (row[measure], base[measure]) if ablation.VARIANTS[row["variant"]].on else (base[measure], row[measure])
            )
            unit = f"{measure} with and without {row['part']}: {row['verdict']}"
            figures[f"ablation_{row['variant']}_{measure}"] = _figure(*pair, unit)
    return figures


def _figure(ours: float, baseline: float | None, unit: str) -> dict:
    ratio = round(float(ours / baseline), 2) if baseline else None
    return {
        "ours": round(float(ours), 4),
        "baseline": baseline and round(float(baseline), 4),
        "ratio": ratio,
        "unit": unit,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--start", choices=ablation.STARTS, default="nothing")
    parser.add_argument("--only", default="", help="variants, separated by commas; the base always comes along")
    parser.add_argument("--work", type=Path, default=runtime.ROOT / "runs" / "benchmark_ablation")
    parser.add_argument(
        "--faces", type=Path, help="a folder with face sets talk_A, train_A, train_B that are there already"
    )
    parser.add_argument("--minutes", type=float, default=1e6, help="start no training after so many minutes")
    parser.add_argument("--report", action="store_true", help="train nothing: the table of what is done")
    parser.add_argument("--write", action="store_true", help="keep the numbers for notebook 07 in benchmarks/results")
    options = parser.parse_args()
    possible = ablation.variants(options.start)
    names = [name.strip() for name in options.only.split(",") if name.strip()] or possible
    if unknown := [name for name in names if name not in possible]:
        parser.error(f"no variant {', '.join(unknown)} from this start; choose from {', '.join(possible)}")
    names = ["base", *(name for name in names if name != "base")]
    files.make_folder(options.work)
    if not options.report:
        measure(names, options)
    results = known(options.work, names, options.seeds, options.steps, options.start)
    if not any(row["variant"] == "base" for row in results):
        parser.error(
            "no training of the base is done yet, so that there is nothing to compare with: leave out --report"
        )
    figures = report(results, options.steps, options.start)
    if options.write:
        facts = {"steps": options.steps, "start": options.start, "batch_size": ablation.BATCH_SIZE}
        files.write_json(
            ablation_effect.MEASURED_GAN if options.start == "gan" else ablation_effect.MEASURED, {**facts, "results": results}
        )
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
