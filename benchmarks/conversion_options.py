"""Which settings of a swap come nearest to the truth: a search over `SwapOptions`, one field after another.

    python benchmarks/conversion_options.py [--models FOLDER ...] [--every 6] [--rounds 2] [--start JSON] [--faces FOLDER]
        [--on-base]

Both directions count (talk_A <- B and talk_B <- A). The model generates each face once; everything after that is tried anew
for each setting. Next to the gains of `metrics` stand the visibility of the mask's edge, and what was changed where nothing
should be (`seams`). What is maximised:

    mean of swap_gain, structure_gain, identity_gain - seam / 10 - spill / 2 - distance of sharpness from 0.8 to 1.2, over 4

Beside each model stands its ceiling: what the same settings leave of the truth, generated in the model's place under the
model's own alpha. And how much of the hand before the face stays in front on the hard clip. Without `--models` the shipped
warm start is taken. `--on-base` puts the faces onto the base model's swap, as a run does, instead of onto the target (its
ceiling is still that onto the target); `--rounds 0` tries the defaults alone. `--faces` keeps the face sets of the clips, or
has them already.
Prints a line for each setting that was tried, a table, and one line of JSON for whoever keeps records.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from seam_and_spill import seam_visibility, spill  # noqa: E402

from faceswap_lab import metrics, training  # noqa: E402
from faceswap_lab.base import weights  # noqa: E402
from faceswap_lab.course import actors  # noqa: E402
from faceswap_lab.faces.extraction import extract_faces  # noqa: E402
from faceswap_lab.faces.faceset import FaceSet  # noqa: E402
from faceswap_lab.metrics import contrast, face_width  # noqa: E402
from faceswap_lab.models.dlib_recognition import FaceRecognition  # noqa: E402
from faceswap_lab.swap import blending, swapping  # noqa: E402
from faceswap_lab.swap.base_swap import BaseSwap  # noqa: E402
from faceswap_lab.swap.options import BLENDS, COLOURS, ENLARGES, MASKS, SwapOptions  # noqa: E402

DIRECTIONS = {"talk_A": (0, 1), "talk_B": (1, 0)}
SOURCES = {"talk_A": "train_B", "talk_B": "train_A"}
MEASURES = ("swap_gain", "structure_gain", "identity_gain", "pixel_gain", "sharpness", "seam", "spill")
SHARP = (0.8, 1.2)
STEPS = (  # sharpening first: a model's softness would else speak for a mask that lets the target's skin through
    [{"sharpen": "none"}]
    + [{"sharpen": kind, "amount": amount} for kind in ("gaussian", "box") for amount in (0.5, 1.0, 1.5)],
    [{"erode": value} for value in (-6, -4, -2, 0, 2)],
    [{"forehead": value} for value in (0, 3, 6, 9)],
    [{"feather": value} for value in (3, 6, 8, 10)],
    [{"colour": value} for value in COLOURS],
    [{"blend": value} for value in BLENDS],
    [{"mask": value} for value in MASKS],
    [{"enlarge": value} for value in ENLARGES],
    [{"blur": value} for value in (0, 1, 2)],
    [{"coverage": value} for value in (0.9, 1.0, 1.1)],
)


class Remembering:
    """A swap function that generates the same faces only once."""

    def __init__(self, function: training.SwapFunction):
        self.function, self.size, self.base, self.known = function, function.size, function.base, {}

    def __call__(self, faces: np.ndarray):
        key = hash(faces.tobytes())
        if key not in self.known:
            self.known[key] = self.function(faces)
        return self.known[key]


class Clip:
    """One direction's frames, truth and faces, and how good an option's swaps of them are."""

    def __init__(self, name: str, function: training.SwapFunction, faces: FaceSet, every: int, recogniser: FaceRecognition):
        clip = actors.clip(name)
        rows = np.flatnonzero(faces.table["person"] == 0)[::every]
        self.indices = faces.table["frame"].to_numpy()[rows]
        self.frames, self.truth = clip.frames()[self.indices], clip.truth().frames()[self.indices]
        self.matrices = [faces.matrix(row) for row in rows]
        self.outlines = list(faces.subset(rows).masks(256, "face"))
        self.points = np.array([faces.points(row) for row in rows])
        self.function, self.recogniser = Remembering(function), recogniser

    def swapped(self, options: SwapOptions, ceiling: bool = False) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """The swapped frames, and the masks as they lie in them; `ceiling`: the truth is generated in the model's place."""
        size, places = self.function.size, list(zip(self.matrices, self.outlines, strict=True))
        if ceiling:
            swaps, truths = (
                [swapping.prepare(frame, *place, size, options) for frame, place in zip(shown, places, strict=True)]
                for shown in (self.frames, self.truth)
            )
            generated = np.stack([truth.target for truth in truths])
            swapping.generate(swaps, lambda faces: (generated, self.function(faces)[1]), options)
        else:
            swaps = [
                swapping.prepare_for(self.function, frame, *place, options)
                for frame, place in zip(self.frames, places, strict=True)
            ]
            swapping.generate(swaps, self.function, options)
        pairs = list(zip(self.frames, swaps, strict=True))
        placed = [blending.place_mask(frame.shape, swap.mask, swap.matrix) for frame, swap in pairs]
        return [swapping.finish(frame, swap, options) for frame, swap in pairs], placed

    def measured(self, options: SwapOptions, ceiling: bool = False) -> dict[str, float]:
        """Gains, sharpness, seam and spill of one setting."""
        outputs, placed = self.swapped(options, ceiling)
        found = metrics.score_clip(outputs, self.truth, self.frames, self.points, self.recogniser).as_json()
        width = face_width(self.points)
        seam = seam_visibility(zip(outputs, self.truth, placed, strict=True), width)
        return {**found, "seam": seam, "spill": spill(zip(outputs, self.truth, self.frames, strict=True))}


def hands_kept(clip: Clip, hands: np.ndarray) -> dict[str, float]:
    """How much of a hand before the face stays in front, by the kind of mask.

    Args:
        clip: of the hard clip.
        hands: (n, H, W) float32 [0, 1], the hand in the same frames.

    Returns:
        Of the hand's pixels within the face's outline, the share that changes by less than 12 of 255.
    """
    plain = SwapOptions(erode=0, feather=0)
    outlines = clip.swapped(plain)[1]
    over = [(hand > 0.5) & (outline > 0.5) for hand, outline in zip(hands, outlines, strict=True)]
    found = {}
    for mask in MASKS:
        outputs, _ = clip.swapped(SwapOptions(mask=mask))
        changes = [
            np.abs(one.astype(int) - frame).mean(axis=2) for one, frame in zip(outputs, clip.frames, strict=True)
        ]
        same = sum(int((change < contrast.DIFFERENT)[where].sum()) for change, where in zip(changes, over, strict=True))
        found[mask] = round(same / max(1, sum(int(where.sum()) for where in over)), 4)
    return found


def worth(found: dict[str, float]) -> float:
    """What the search maximises, see the top of this file."""
    gains = np.mean([found[name] for name in ("swap_gain", "structure_gain", "identity_gain")])
    apart = max(SHARP[0] - found["sharpness"], found["sharpness"] - SHARP[1], 0)
    return float(gains - found["seam"] / 10 - found["spill"] / 2 - apart / 4)


def both(clips: dict[str, Clip], options: SwapOptions, ceiling: bool = False) -> dict[str, float]:
    """The mean of both directions."""
    each = {name: clip.measured(options, ceiling) for name, clip in clips.items()}
    mean = {name: float(np.mean([found[name] for found in each.values()])) for name in MEASURES}
    return {**mean, "worth": worth(mean), "clips": each}


def tried(clips: dict[str, Clip], options: SwapOptions, known: dict) -> dict[str, float]:
    """`both`, each setting measured and printed once."""
    if options not in known:
        known[options] = both(clips, options)
        changes = {
            field.name: getattr(options, field.name)
            for field in dataclasses.fields(options)
            if getattr(options, field.name) != field.default
        }
        print(line(json.dumps(changes), known[options]), flush=True)
    return known[options]


def line(name: str, found: dict[str, float]) -> str:
    return " ".join(f"{found[measure]:7.3f}" for measure in (*MEASURES, "worth")) + f"  {name}"


def search(clips: dict[str, Clip], rounds: int, start: SwapOptions, known: dict) -> SwapOptions:
    """Coordinate-wise: each step's best choice is kept, until a round changes nothing."""
    best = start
    for _ in range(rounds):
        before = best
        for choices in STEPS:
            several = [best, *(dataclasses.replace(best, **choice) for choice in choices)]
            best = max(several, key=lambda options: tried(clips, options, known)["worth"])
        if best == before:
            break
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    shipped = str(weights.data_folder() / "weights" / "quick_autoencoder")
    parser.add_argument("--models", nargs="+", default=[shipped], help="folders of trained models")
    parser.add_argument("--every", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--faces", help="folder of the clips' face sets; made there where they are missing")
    parser.add_argument("--on-base", action="store_true", help="put the faces onto the base model's swap")
    parser.add_argument("--start", type=json.loads, default={}, help="fields to begin with, as JSON")
    arguments = parser.parse_args()
    began, recogniser, result = time.perf_counter(), FaceRecognition(), {}
    with tempfile.TemporaryDirectory() as temporary:
        sets = {}
        for name in (*DIRECTIONS, "hard_A", *(SOURCES.values() if arguments.on_base else ())):
            folder = Path(arguments.faces or temporary) / name
            there = (folder / "faces.csv").exists()
            sets[name] = FaceSet(folder) if there else extract_faces(actors.clip(name).path, folder)
        bases = {name: BaseSwap.from_faces(sets[SOURCES[name]]) if arguments.on_base else None for name in DIRECTIONS}
        for folder in arguments.models:
            model = training.load_model(folder)
            functions = {
                name: training.SwapFunction(model, *people, base=bases[name]) for name, people in DIRECTIONS.items()
            }
            clips = {
                name: Clip(name, function, sets[name], arguments.every, recogniser)
                for name, function in functions.items()
            }
            print(f"{Path(folder).name}: {len(clips['talk_A'].frames)} frames of each clip")
            print(" ".join(f"{name.removesuffix('_gain')[:7]:>7}" for name in (*MEASURES, "worth")))
            hard = Clip("hard_A", training.SwapFunction(model), sets["hard_A"], 1, recogniser)
            hands = hands_kept(hard, actors.clip("hard_A").masks()["hand"][hard.indices])
            print("of the hand before the face stays in front: " + ", ".join(f"{k} {v:.2f}" for k, v in hands.items()))
            known: dict = {}
            tried(clips, SwapOptions(), known)
            best = search(clips, arguments.rounds, SwapOptions(**arguments.start), known)
            result[Path(folder).name] = {
                "best": dataclasses.asdict(best),
                "scores": known[best],
                "defaults": known[SwapOptions()],
                "ceiling": {"best": both(clips, best, True), "defaults": both(clips, SwapOptions(), True)},
                "hand_kept": hands,
                "tried": len(known),
            }
    for name, found in result.items():
        print(name)
        print(line("defaults", found["defaults"]))
        print(line("  their ceiling", found["ceiling"]["defaults"]))
        print(line("best: " + json.dumps(found["best"]), found["scores"]))
        print(line("  their ceiling", found["ceiling"]["best"]))
    seconds = round(time.perf_counter() - began, 1)
    print(
        json.dumps({"benchmark": "conversion_options", "models": result, "every": arguments.every, "seconds": seconds})
    )


if __name__ == "__main__":
    main()
