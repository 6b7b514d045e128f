"""What does the base model earn on people whom it never saw, and how fast is it?

    python benchmarks/base.py [--every 2] [--rounds 3] [--look FOLDER] [--base FILE] [--fine-tune 400]

Nobody here is in the base's training. Five parts, none of which trains anything (but
`--fine-tune`, which then scores the base on clips after so many steps of practice on the two people):

- **Clips whose true swap is known**: B's face in talk_A and A's in talk_B, from all pictures of the source's training clip and
  from a single one, beside what the same pictures give without the network (the nearest one, bent and laid on), the
  baselines of the score card, and the true swap put in the base's place.
- **Skin of another tone**: by how much the mean colour of the face differs from the true swap's (levels of 255), with each
  colour transfer. A is light, B tanned.
- **What hides a face**: of the hand's pixels in hard_A within the face, the share that changes by less than 12 of 255.
- **A real photograph** (skimage.data.astronaut, in the public domain): put into talk_A, and as a still that gets B's face. The
  share of frames on which each recognition network finds the face nearer to the source than to the target.
- **Speed**: frames a second of a whole conversion at 720p, beside that of the shipped 64-px autoencoder, in turns.

Expected before measuring: structure and identity 0.3 to 0.5 from a clip and a little less from one picture; a colour transfer
makes it worse, since the composite has the true swap's tone; half of the hand; the photograph nearer to the source by the
network that trained it, less surely by the evaluation network; 10 frames a second, the mesh of each face being what takes the time.

`--look` writes pictures (target, swaps, truth at the same moments) into a folder. Last line: JSON.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import conversion as timing  # noqa: E402  (the benchmark beside this one)
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from skimage.data import astronaut  # noqa: E402

from faceswap_lab import training  # noqa: E402
from faceswap_lab.base import weights  # noqa: E402
from faceswap_lab.course import actors  # noqa: E402
from faceswap_lab.faces import alignment  # noqa: E402
from faceswap_lab.faces.extraction import extract_faces  # noqa: E402
from faceswap_lab.faces.faceset import FaceSet  # noqa: E402
from faceswap_lab.faces.sources import write_sources  # noqa: E402
from faceswap_lab.metrics import baselines, measures, people  # noqa: E402
from faceswap_lab.metrics.card import make_cards  # noqa: E402
from faceswap_lab.metrics.recognition_features import Dlib, FaceRes, features, set_features  # noqa: E402
from faceswap_lab.models import reference_swapper  # noqa: E402
from faceswap_lab.provenance.checks import may_prepare  # noqa: E402
from faceswap_lab.provenance.publishing import write_swapped  # noqa: E402
from faceswap_lab.swap import base_swap, conversion, swapping  # noqa: E402
from faceswap_lab.swap.base_swap import (
    PUTTING_BACK,  # noqa: E402
    BaseSwap,  # noqa: E402
)
from faceswap_lab.swap.options import COLOURS  # noqa: E402
from faceswap_lab.training.fine_tuning import FineTuning  # noqa: E402
from faceswap_lab.video.pictures import write_picture  # noqa: E402

PAIRS = {"talk_A": "train_B", "talk_B": "train_A"}  # target -> source
MEASURES = (
    measures.GainMeasure,
    measures.LandmarkErrors,
    measures.GazeErrors,
    measures.ExpressionErrors,
    measures.TemporalError,
)
SHOWN = (
    "swap_gain", "structure_gain", "identity_gain", "pixel_gain", "sharpness", "landmark_error", "gaze_error", "mouth_error",
    "temporal_error",
)  # fmt: skip
SAME = 12  # of 255; a pixel that changes by less is the target's


class Given:
    """A swap function that answers with what `make` gives for each face: colour and alpha."""

    name = "given"

    def __init__(self, size: int, make):
        self.size, self.make = size, make

    def __call__(self, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        made = [self.make(face) for face in faces]
        return np.stack([colour for colour, _ in made]), np.stack([alpha for _, alpha in made])


def reference_alone(base: BaseSwap) -> Given:
    """The nearest picture of the source, bent to the target's landmarks, with the base's own alpha."""

    def make(face):
        beside = base.beside(np.round(face * 255).astype(np.uint8))
        if beside is None:
            return face, np.zeros((*face.shape[:2], 1), np.float32)
        generated = reference_swapper.generate(base.network, np.round(face[None] * 255).astype(np.uint8), beside[None])[0]
        known = beside[..., -1:] > 127
        return np.where(known, beside[..., :3].astype(np.float32) / 255, face), generated[..., 3:] * known

    return Given(base.size, make)


def fine_tuned(scene: Scene) -> BaseSwap:
    """The base after FINE_TUNE steps on the scene's two people, whose true swap it does not see."""
    begun = time.perf_counter()
    asked = FineTuning(actors.clip(scene.name).path, scene.faces.folder.parent / f"tuned_{scene.name}", FINE_TUNE)
    found = BaseSwap.from_faces(scene.source, fine_tuning=asked, **NETWORK).for_target(scene.faces)
    print(f"{scene.name}: fine-tuned in {time.perf_counter() - begun:.0f} s")
    return found


def put_back(frames, matrices, function, options=PUTTING_BACK) -> list[np.ndarray]:
    """One swapped frame each; frames without a face (no matrix) as they are."""
    return [
        frame if matrix is None else swapping.swap_frame(frame, matrix, None, function, options)
        for frame, matrix in zip(frames, matrices, strict=True)
    ]


def ceiling(truths, matrices, base: BaseSwap) -> list[Given]:
    """For each frame the truth in the base's place, with the base's alpha of the truth."""
    made = []
    for truth, matrix in zip(truths, matrices, strict=True):
        face = alignment.align(truth, alignment.scale_matrix(matrix, base.size / swapping.FACE_SIZE), base.size)
        _, alpha = base(face[None].astype(np.float32) / 255)
        made.append(Given(base.size, lambda _, face=face, alpha=alpha: (face.astype(np.float32) / 255, alpha[0])))
    return made


class Scene:
    """A target clip of the actors with its true swap, its faces, and the source's faces; every n-th frame."""

    def __init__(self, target: str, source: str, folder: Path, every: int):
        clip = actors.clip(target)
        self.name, rows = target, range(0, len(clip.labels), every)
        self.frames, self.truths = (list(one.frames(every)) for one in (clip, clip.truth()))
        self.points = clip.points()[::every].astype(np.float64)
        self.faces, self.source = (face_set(name, folder) for name in (target, source))
        known = {int(frame): row for row, frame in enumerate(self.faces.table["frame"])}
        self.matrices = [self.faces.matrix(known[k]) if k in known else None for k in rows]
        self.base = BaseSwap.from_faces(self.source, **NETWORK).for_target(self.faces)


NETWORK: dict = {}  # of --base; {} takes the one that ships
FINE_TUNE = 0  # of --fine-tune


def face_set(name: str, folder: Path) -> FaceSet:
    path = actors.clip(name).path
    found = extract_faces(path, folder / name, every=1 if name.startswith(("talk", "hard")) else 4)
    write_sources(found.folder, may_prepare(path))
    return found.subset((found.table["person"] == 0).to_numpy())


def clip_scores(scene: Scene, look: Path | None) -> pd.DataFrame:
    one = BaseSwap.from_faces(scene.source.subset([len(scene.source) // 2]), **NETWORK).for_target(scene.faces)
    ways = {"base, all pictures": scene.base, "base, one picture": one, "reference alone": reference_alone(scene.base)}
    if FINE_TUNE:
        ways["base, fine-tuned"] = fine_tuned(scene)
    swaps = {name: put_back(scene.frames, scene.matrices, function) for name, function in ways.items()}
    places = zip(scene.frames, scene.matrices, ceiling(scene.truths, scene.matrices, scene.base), strict=True)
    swaps["truth in its place"] = [
        swapping.swap_frame(frame, at, None, make, PUTTING_BACK) for frame, at, make in places
    ]
    bases = people.known_baselines(scene.source, scene.faces, True)
    simple = baselines.baseline_clips(iter(scene.frames), scene.points, bases, iter(scene.truths))
    given = people.known_people(scene.source, scene.faces, {}, (), False)
    cards = make_cards(
        {**swaps, **simple},
        iter(scene.frames),
        scene.points,
        measures.Known(given=given),
        iter(scene.truths),
        simple,
        MEASURES,
    )
    if look:
        show(look / f"{scene.name}.png", scene, swaps)
    table = pd.DataFrame({name: card.numbers() for name, card in cards.items()}).T
    return table[[name for name in SHOWN if name in table]].astype(float)


def show(path: Path, scene: Scene, swaps: dict[str, list[np.ndarray]]) -> None:
    rows = np.linspace(0, len(scene.frames) - 1, 4).astype(int)
    lines = [np.hstack([scene.frames[k], *(made[k] for made in swaps.values()), scene.truths[k]]) for k in rows]
    write_swapped(path, np.vstack(lines), "base")


def tones(scene: Scene) -> dict[str, float]:
    """Mean colour of the inner face beside the true swap's: mean absolute difference, levels of 255, median over frames."""
    found: dict[str, list[float]] = {"unchanged": []}
    for frame, truth, matrix in zip(scene.frames[::4], scene.truths[::4], scene.matrices[::4], strict=True):
        inner = [slice(80, 200), slice(80, 176)]
        mean = {
            name: alignment.align(x, matrix, 256)[*inner].mean(axis=(0, 1))
            for name, x in (("frame", frame), ("truth", truth))
        }
        found["unchanged"].append(np.abs(mean["frame"] - mean["truth"]).mean())
        for colour in COLOURS:
            swap = swapping.swap_frame(
                frame, matrix, None, scene.base, dataclasses.replace(PUTTING_BACK, colour=colour)
            )
            changed = alignment.align(swap, matrix, 256)[*inner].mean(axis=(0, 1))
            found.setdefault(colour, []).append(np.abs(changed - mean["truth"]).mean())
    return {name: float(np.median(values)) for name, values in found.items()}


def hand_kept(folder: Path, base: BaseSwap) -> float:
    """Of the hand's pixels within the face's outline, the share that stays the target's."""
    clip, faces = actors.clip("hard_A"), face_set("hard_A", folder)
    hands, kept, over = clip.masks()["hand"], 0, 0
    frames = list(clip.frames())
    for row, outline in enumerate(faces.masks(256, "face")):
        index = int(faces.table.loc[row, "frame"])
        square = alignment.align(hands[index], faces.matrix(row), 256)
        covered = (square > 0.5) & (outline > 127)
        if covered.sum() < 50:
            continue
        swap = swapping.swap_frame(frames[index], faces.matrix(row), None, base, PUTTING_BACK)
        before, after = (alignment.align(x, faces.matrix(row), 256).astype(int) for x in (frames[index], swap))
        same = np.abs(after - before).max(axis=-1) < SAME
        kept, over = kept + (same & covered).sum(), over + covered.sum()
    return kept / over


def photograph(scene: Scene, folder: Path, look: Path | None) -> dict[str, float]:
    """Share of pictures nearer to the source than to the target, by both networks, with the photograph at either end."""
    path = folder / "astronaut.png"
    write_picture(path, astronaut())
    faces = extract_faces(path, folder / "astronaut")
    frames, matrices, points = scene.frames[::4], scene.matrices[::4], scene.points[::4]
    put_in = BaseSwap(base_swap.person_of(faces, scene.base.size), **NETWORK).for_target(scene.faces)
    swapped = put_back(frames, matrices, put_in)
    onto = BaseSwap.from_faces(scene.source, **NETWORK).for_target(faces)
    still = swapping.swap_frame(astronaut(), faces.matrix(0), None, onto, PUTTING_BACK)
    rates, five = {}, faces.points(0)[None]
    for network in (Dlib(), FaceRes()):
        portrait = features([astronaut()], five, network)
        made, before = (features(some, points, network) for some in (swapped, frames))
        b = set_features(scene.source.subset(np.linspace(0, len(scene.source) - 1, 12).astype(int)), network)
        rates[f"photograph_as_source_{network.name}"] = nearer(made, portrait, before)
        rates[f"photograph_as_target_{network.name}"] = nearer(features([still], five, network), b, portrait)
    if look:
        write_swapped(
            look / "photograph_as_source.png",
            np.hstack([astronaut()[:384, 40:424], *swapped[:: max(1, len(swapped) // 4)]]),
            "base",
        )
        write_swapped(look / "photograph_as_target.png", np.hstack([astronaut(), still]), "base")
    return rates


def nearer(made: np.ndarray, source: np.ndarray, target: np.ndarray) -> float:
    """Share of faces whose mean distance to the source's is below that to the target's; each (N, numbers)."""
    away = [np.linalg.norm(made[:, None] - others[None], axis=-1).mean(axis=1) for others in (source, target)]
    return float(np.mean(away[0] < away[1]))


def speed(folder: Path, scene: Scene, rounds: int) -> dict[str, float]:
    """Frames a second at 720p, of the base and of the 64-px autoencoder, in turns; medians, and the median of the ratios."""
    clip, faces = timing.make_clip(folder, 720, 2), timing.enlarged(scene.faces, 720, 2)
    model = training.load_model(weights.data_folder() / "weights" / "quick_autoencoder")
    functions = {"base": BaseSwap.from_faces(scene.source, **NETWORK), "autoencoder": training.SwapFunction(model)}
    rates: dict[str, list[float]] = {name: [] for name in functions}
    for turn in range(rounds + 1):
        for name, function in functions.items():
            report = conversion.convert(clip, faces, function, folder / f"{name}.mp4", overwrite=True)
            if turn:  # the first one builds and traces the networks
                rates[name].append(report.frames / report.seconds)
    ratio = np.median(np.divide(rates["base"], rates["autoencoder"]))
    return {name: float(np.median(values)) for name, values in rates.items()} | {"ratio": float(ratio)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=2, help="score every n-th frame (2)")
    parser.add_argument("--rounds", type=int, default=3, help="of the timing; 0 leaves it out (3)")
    parser.add_argument("--look", type=Path, help="a folder for pictures")
    parser.add_argument("--base", type=Path, help="another base.npz than the one that ships")
    parser.add_argument(
        "--fine-tune", type=int, default=0, help="also score it after as many steps on the two people (0)"
    )
    options = parser.parse_args()
    globals()["FINE_TUNE"] = options.fine_tune
    if options.base:
        NETWORK["network"], NETWORK["average"] = reference_swapper.load(options.base)
    if options.look:
        options.look.mkdir(parents=True, exist_ok=True)
    figures: dict[str, dict] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        scenes = [Scene(target, source, folder, options.every) for target, source in PAIRS.items()]
        tables = []
        for scene in scenes:
            tables.append(clip_scores(scene, options.look))
            print(f"{scene.name} <- {PAIRS[scene.name]}\n{tables[-1].round(3).to_string()}\n")
        for name in SHOWN:
            ours, baseline = (
                np.mean([table.loc[row, name] for table in tables]) for row in ("base, all pictures", "classical_swap")
            )
            figures[name] = figure(ours, baseline, "of the way" if name.endswith("gain") else "")
            if FINE_TUNE:
                tuned = np.mean([table.loc["base, fine-tuned", name] for table in tables])
                figures[f"{name}_fine_tuned"] = figure(tuned, ours, "")
            figures[f"{name}_one_picture"] = figure(
                np.mean([t.loc["base, one picture", name] for t in tables]), ours, ""
            )
        for scene in scenes:
            found = tones(scene)
            print(f"{scene.name}, colour off by (levels): " + ", ".join(f"{k} {v:.1f}" for k, v in found.items()))
            figures[f"tone_{scene.name}"] = figure(found["none"], found["unchanged"], "levels of 255")
        kept = hand_kept(folder, scenes[0].base)
        figures["hand_kept"] = figure(
            kept, 0.41, "of the hand's pixels"
        )  # the baseline: the face's outline as the mask
        found = photograph(scenes[0], folder, options.look)
        print(f"of the hand {kept:.0%} stays; " + ", ".join(f"{k} {v:.2f}" for k, v in found.items()))
        figures |= {name: figure(value, 0.5, "of the pictures") for name, value in found.items()}
        if options.rounds:
            rates = speed(folder, scenes[0], options.rounds)
            print(f"720p: base {rates['base']:.1f}, autoencoder {rates['autoencoder']:.1f} frames/s")
            figures["speed_720p"] = {
                **figure(rates["base"], rates["autoencoder"], "frames/s"),
                "ratio": round(rates["ratio"], 2),
            }
    print(json.dumps(figures))


def figure(ours: float, baseline: float, unit: str) -> dict:
    ratio = round(float(ours / baseline), 3) if baseline else None
    return {"ours": round(float(ours), 3), "baseline": round(float(baseline), 3), "ratio": ratio, "unit": unit}


if __name__ == "__main__":
    main()
