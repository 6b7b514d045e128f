"""Which score to trust where no true swap is known? Every score, tried on swaps whose true quality is known.

    python benchmarks/score_trust.py                    (half an hour on one core; stop it whenever you like, it goes on)
    python benchmarks/score_trust.py --run runs/my_run  (with the models of a run as further swaps)
    python benchmarks/score_trust.py --report
    python benchmarks/score_trust.py --write            (keeps it for the score card and notebook 06)

The series of `faceswap_lab.metrics.distortions`, the baselines, the warm start and a run's models, in both directions: talk_A with
its true swap truth_A_from_B, and talk_B with truth_B_from_A. Scores of single frames look at every fourth frame, scores in time at
40 frames in a row (--first, --frames, --every, --stretch). Prints for each score Spearman's rho by what the true swap says (both
directions together, swaps compared within their clip only), the verdict, and from which strength it sees each fault. As the last
line JSON: each score's rho with quality ("ours") and that of retrieval, the plainest question ("baseline").

Expected before measuring: cosines and retrieval rank identity (rho 0.7) and see neither blur nor shift, trembling, cast or
square; dlib and HSE-FaceRes agree; sharpness and seams rank nothing, since the unchanged target is as sharp and as seamless as
the truth, but see their fault; jitter and flicker see theirs only. Nothing that needs no truth ranks structure.

Measured (41 swaps in each direction, 48 frames of each clip, every fourth for single frames, 24 in a row in time; the models of a
quick run): as expected, no score without a truth ranks structure. Identity is ranked by dlib's distance to the source (rho
0.79 with identity gain) and cosine to the source (0.78), less by HSE-FaceRes' (0.63); retrieval ranks it (0.61), but sees only that
three quarters of the swap are missing. The cosine to the *target* and the way to the source do not see a stranger's face, or
only a whole one. Sharpness sees blur and noise and ranks weakly. What is kept of pose, mouth and gaze rewards doing nothing, and
sees the face of another moment. Seams are seen from 5 to 10 levels on, and blur and grain are rewarded. Jitter and flicker see
trembling from 1 to 2 px and flicker from 2 per cent on, and mislead about everything else; the warp error rewards blur, that over
edges does not. Nobody sees a cast of colour, or a face 2 px off. Against the truth all rank, MS-SSIM best (0.97 with quality),
and PSNR worse among real outputs (0.63) than landmark error (0.84).
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import inspect
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
import score_ranking  # noqa: E402
from average_face import average_face  # noqa: E402
from remembered import Remembered  # noqa: E402

from faceswap_lab import metrics, training, video  # noqa: E402
from faceswap_lab.base import files, weights  # noqa: E402
from faceswap_lab.course import actors, runtime  # noqa: E402
from faceswap_lab.metrics import distortions, validation  # noqa: E402
from faceswap_lab.metrics.frame_samples import measure_clips  # noqa: E402
from faceswap_lab.models.dlib_recognition import FaceRecognition  # noqa: E402

DIRECTIONS = {
    "A<-B": ("talk_A", "truth_A_from_B", "train_A", "train_B"),
    "B<-A": ("talk_B", "truth_B_from_A", "train_B", "train_A"),
}
BLENDS = {"autoencoder": ("laplacian",), "faceswap_gan": ("laplacian", "mask", "seamless")}
BASELINE, STEADY = "retrieval_dlib", "temporal error"


def average(clip: str, every: int) -> np.ndarray:
    """The mean face of an actor's clip."""
    frames = (frame.image for frame in video.open_video(actors.clip(clip).path).frames(every=every))
    return average_face(frames, actors.clip(clip).points()[::every])


def known_clip(direction: str, options) -> distortions.KnownClip:
    """The clip of a direction, as many of its frames as are asked for."""
    target, truth, _, source = DIRECTIONS[direction]
    part = slice(options.first, options.first + options.frames)
    frames = [list(actors.clip(name).frames()[part]) for name in (target, truth)]
    worn = {"source": average(source, 8), "stranger": average("stranger", 2)}
    return distortions.KnownClip(*frames, actors.clip(target).points()[part], worn)


def face_set(clip: str, work: Path, ready: Path | None):
    """A clip's face set, made once or read where it lies ready."""
    from faceswap_lab.faces.extraction import extract_faces
    from faceswap_lab.faces.faceset import FaceSet

    if ready and (ready / clip / "faces.csv").exists():
        return FaceSet(ready / clip)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return extract_faces(actors.clip(clip).path, work / "faces" / clip)


def swapped_by(folder: Path, blend: str, direction: str, known: distortions.KnownClip, faces, first: int) -> list:
    """A model's swap of every frame, each for itself: unlabelled, T times (H, W, 3) uint8 RGB."""
    from faceswap_lab.swap.swapping import swap_frames

    ways = (0, 1) if direction == "A<-B" else (1, 0)
    function = training.SwapFunction(training.load_model(folder), *ways)
    rows = {int(frame) - first: row for row, frame in enumerate(faces.table["frame"])}
    matrices, outlines = [faces.matrix(row) for row in range(len(faces))], faces.masks(256, "face")
    seen = [index for index in range(len(known.target)) if index in rows]
    made = swap_frames(
        [known.target[index] for index in seen], [matrices[rows[i]] for i in seen], [outlines[rows[i]] for i in seen],
        function, blend=blend,
    )  # fmt: skip
    found = dict(zip(seen, made, strict=True))
    return [found.get(index, frame) for index, frame in enumerate(known.target)]


def further_swaps(direction: str, known: distortions.KnownClip, options) -> dict:
    """Makers of the outputs that are no planted faults: models and, where they are there, more baselines."""
    models = {"warm start": weights.data_folder() / "weights" / "quick_autoencoder"}
    if options.run:
        models |= {
            path.name: path for path in sorted((options.run / "models").iterdir()) if (path / training.CONFIG).exists()
        }
    made = {}
    for name, folder in models.items():
        for blend in BLENDS.get(name, ("laplacian",)):
            made[f"{name}, {blend}"] = lambda folder=folder, blend=blend: swapped_by(
                folder,
                blend,
                direction,
                known,
                face_set(DIRECTIONS[direction][0], options.work, options.faces),
                options.first,
            )
    return made


def measures(direction: str) -> dict[str, tuple[str, object]]:
    """Name -> ("single" or "in time", maker) of every measure that is tried."""
    from faceswap_lab.metrics import (
        fidelity,
        following,
        identity,
        seam_without_reference,
        sharpness,
        temporal,
        temporal_consistency,
    )

    *_, target, source = DIRECTIONS[direction]
    galleries = [identity.Gallery(network, seen, source[-1], target[-1]) for network, seen in people()]
    usual = sharpness.source_detail(*_pictures(source, 12))
    found = {
        "identity": ("single", lambda: identity.Identity(galleries)),
        "seam": ("single", seam_without_reference.Seam),
        "sharpness": ("single", lambda: sharpness.SourceSharpness(usual)),
        "kept": ("single", following.Kept),
        "jitter": ("in time", temporal_consistency.Jitter),
        "flicker": ("in time", temporal_consistency.Flicker),
        "warp": ("in time", temporal_consistency.WarpError),
        "fidelity": ("single", fidelity.Fidelity),
        "landmarks": ("single", following.LandmarkErrors),
        "expression": ("single", following.ExpressionErrors),
        STEADY: ("in time", temporal.TemporalError),
    }
    return found


@functools.cache
def people() -> list[tuple]:
    """Both networks, and what each sees in pictures of A, B and the stranger."""
    from faceswap_lab.metrics import recognition_features

    clips = {name: (f"train_{name}", 12) for name in "AB"} | {"stranger": ("stranger", 2)}
    found = []
    for network in (recognition_features.Dlib(), recognition_features.FaceRes()):
        found.append((network, {name: recognition_features.features(*_pictures(*one), network) for name, one in clips.items()}))
    return found


def _pictures(clip: str, every: int):
    """Some frames of an actor's clip, one at a time, and the five points in them."""
    frames = (frame.image for frame in video.open_video(actors.clip(clip).path).frames(every=every))
    return frames, actors.clip(clip).points()[::every]


def version(measure) -> str:
    """Changes when the code of a measure does."""
    return hashlib.sha256(inspect.getsource(inspect.getmodule(type(measure))).encode()).hexdigest()[:8]


def look(direction: str, options) -> tuple[dict, dict[str, dict]]:
    """Every swap of a direction: its gains, and the tables of all measures; kept swap by swap, measure by measure.

    Returns:
        The scores by name, and for each swap {"gains": ..., measure: table}.
    """
    part = f"{options.first}_{options.frames}_{options.every}_{options.stretch}"
    folder = options.work / f"{direction.replace('<-', '_from_')}_{part}"
    tried = measures(direction)
    samples = {name: make() for name, (_, make) in tried.items()}
    scores_of = {score.name: score for one in samples.values() for score in one.scores}
    marks = {name: f"{name}_{version(one)}" for name, one in samples.items()}
    until = time.time() + 60 * options.minutes
    known = known_clip(direction, options)
    makers = {distortion.name: lambda distortion=distortion: distortion.make(known) for distortion in distortions.series(known)}
    makers |= further_swaps(direction, known, options)
    order = sorted(
        makers, key=lambda name: (name not in ("truth", "unchanged"), _hash(name))
    )  # a mixture, if it is stopped early
    found, recognition, finder = {}, None, Remembered()
    for name in order:
        path = folder / f"{_hash(name)}.pickle"
        kept = pickle.loads(path.read_bytes()) if path.exists() else {}
        missing = [one for one, mark in marks.items() if mark not in kept]
        if (missing or "gains" not in kept) and not options.report and time.time() < until:
            started, frames = time.monotonic(), list(makers[name]())
            some, run = slice(None, None, options.every), slice(0, options.stretch)
            if "gains" not in kept:
                recognition = recognition or FaceRecognition()
                parts = (frames, known.truth, known.target, known.points)
                kept["gains"] = metrics.score_clip(*(part[some] for part in parts), recognition).as_json()
            for kind, part in (("single", some), ("in time", run)):
                working = {one: tried[one][1]() for one in missing if tried[one][0] == kind}
                if working:
                    measure_clips(
                        {"output": frames[part]}, known.target[part], known.points[part],
                        lambda _, working=working: list(working.values()), known.truth[part], finder,
                    )  # fmt: skip
                kept |= {marks[one]: measure.table() for one, measure in working.items()}
            files.make_folder(folder)
            with files.atomic_path(path) as temporary:
                temporary.write_bytes(pickle.dumps(kept))
            print(
                f"{direction} {name:32s} {time.monotonic() - started:5.1f} s  {json.dumps(kept['gains'])}", flush=True
            )
        if "gains" in kept and all(mark in kept for mark in marks.values()):
            found[name] = {"gains": kept["gains"], **{one: kept[mark] for one, mark in marks.items()}}
    return scores_of, found


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:12]


def weigh(
    looked: dict[str, tuple[dict, dict[str, dict]]], groups: dict[str, str]
) -> tuple[list[score_ranking.Trust], pd.DataFrame]:
    """From all tables to a `Trust` of each score, and the numbers themselves, a row a direction and swap."""
    all_scores = next(iter(looked.values()))[0]
    numbers, references, fallen = {}, {}, {name: {} for name in all_scores}
    for direction, (scores_of, series) in looked.items():
        joined = {
            distortion: {
                kind: pd.concat([one[m] for m, k in groups.items() if k == kind], axis=1)
                for kind in ("single", "in time")
            }
            for distortion, one in series.items()
        }
        of_kind = {"single": [], "in time": []}
        for score in scores_of.values():
            of_kind["in time" if "order" in score.needs else "single"].append(score)
        for distortion, tables in joined.items():
            row = {score.name: score.of(tables[kind]) for kind, some in of_kind.items() for score in some}
            numbers[direction, distortion] = row
            gains = series[distortion]["gains"]
            references[direction, distortion] = {name: _value(gains[name]) for name in (*score_ranking.GAINS, "pixel_gain")}
            references[direction, distortion][score_ranking.STEADINESS] = -row["temporal_error"]
        for kind, some in of_kind.items():
            truth = joined["truth"][kind]
            planted = [name for name in joined if distortions.family_of(name) in distortions.FAMILIES]
            tables = {name: joined[name][kind] for name in planted}
            for name, fall in score_ranking.falls(some, truth, tables).items():
                fallen[name][direction] = fall
    numbers = pd.DataFrame.from_dict(numbers, orient="index")
    numbers.index = pd.MultiIndex.from_tuples(numbers.index)
    known = pd.DataFrame.from_dict(references, orient="index")
    known.index = numbers.index
    known.insert(0, score_ranking.QUALITY, score_ranking.quality(known))
    ranked = known[[score_ranking.QUALITY, *score_ranking.GAINS, score_ranking.STEADINESS]]
    found = []
    for name, score in all_scores.items():
        good = numbers[name].map(score.goodness)
        spread = [
            float(np.ptp(good[direction].dropna())) if good[direction].notna().any() else 0.0 for direction in looked
        ]
        seen = score_ranking.sights([fallen[name][direction] for direction in looked], spread)
        found.append(score_ranking.judge(score, numbers, ranked, seen))
    return found, pd.concat([known, numbers], axis=1)


def _value(number: float | None) -> float:
    return float("nan") if number is None else number


def report(trusted: list[score_ranking.Trust], all_scores: dict, numbers: pd.DataFrame) -> dict:
    """Prints the tables; returns the figures."""
    shown = (
        "display.width",
        320,
        "display.max_columns",
        60,
        "display.max_rows",
        200,
        "display.float_format",
        "{:.2f}".format,
    )
    found = score_ranking.table(trusted)
    needs_truth = found["score"].map(lambda name: "truth" in all_scores[name].needs)
    faults = [family for family in distortions.FAMILIES if family in found]
    with pd.option_context(*shown):
        print(numbers.round(3).to_string())
        for title, some in (("without a truth", found[~needs_truth]), ("against the truth", found[needs_truth])):
            print(f"\n{title}: Spearman's rho, 95 % interval of that by quality, verdict")
            print(some.drop(columns=faults).to_string(index=False))
            print(f"\n{title}: from which strength each fault is seen")
            print(some[["score", *faults]].to_string(index=False))
    print(
        f"\nthresholds: a score ranks where rho >= {score_ranking.RANKS} and the interval lies above 0; a fault is seen where the "
        f"fall is at least {score_ranking.LEAST_FALL:.0%} of the score's spread, its 95 % interval above 0, in both directions"
    )
    base = next(one for one in trusted if one.name == BASELINE).rankings[score_ranking.QUALITY].rho
    figures = {}
    for one in trusted:
        rho = one.rankings[score_ranking.QUALITY].rho
        if np.isfinite(rho) and "truth" not in all_scores[one.name].needs:
            figures[f"trust_{one.name}"] = {
                "ours": round(rho, 3), "baseline": round(base, 3), "ratio": round(rho / base, 2) if base else None,
                "unit": f"Spearman's rho with quality: {one.verdict}",
            }  # fmt: skip
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=runtime.ROOT / "runs" / "benchmark_score_trust")
    parser.add_argument("--run", type=Path, help="a run whose models are further swaps")
    parser.add_argument("--faces", type=Path, help="a folder with face sets talk_A and talk_B that are there already")
    parser.add_argument(
        "--minutes", type=float, default=1e6, help="begin no swap after so many minutes, in each direction"
    )
    parser.add_argument("--first", type=int, default=0, help="the first frame of the clips that is looked at")
    parser.add_argument("--frames", type=int, default=120, help="how many frames")
    parser.add_argument("--every", type=int, default=4, help="scores of single frames look at every n-th of them")
    parser.add_argument("--stretch", type=int, default=40, help="scores in time look at the first so many of them")
    parser.add_argument("--report", action="store_true", help="measure nothing: the table of what is done")
    parser.add_argument("--write", action="store_true", help="keep the numbers in benchmarks/results")
    options = parser.parse_args()
    files.make_folder(options.work)
    looked = {direction: look(direction, options) for direction in DIRECTIONS}
    done = [set(series) for _, series in looked.values()]
    if not all({"truth", "unchanged"} <= some for some in done):
        parser.error("the truth and the unchanged target are not measured yet in both directions: leave out --report")
    groups = {name: kind for name, (kind, _) in measures("A<-B").items()}
    trusted, numbers = weigh(looked, groups)
    all_scores = looked["A<-B"][0]
    figures = report(trusted, all_scores, numbers)
    if options.write:
        series = {
            direction: {
                distortion: {k: _rounded(v) for k, v in row.items()}
                for distortion, row in numbers.loc[direction].to_dict("index").items()
            }
            for direction in DIRECTIONS
        }
        thresholds = {name.lower(): getattr(score_ranking, name) for name in ("RANKS", "LEAST_FALL", "LEAST_DISTORTIONS")}
        kept = {one.name: {"needs": list(all_scores[one.name].needs), **one.as_json()} for one in trusted}
        files.write_json(
            validation.MEASURED,
            {
                "frames": [options.first, options.frames, options.every, options.stretch],
                "thresholds": thresholds,
                "trust": kept,
                "distortions": series,
            },
        )
    print(json.dumps(figures))


def _rounded(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None


if __name__ == "__main__":
    main()
