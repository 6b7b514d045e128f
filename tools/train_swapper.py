"""Trains the base model on rendered true swaps, and says what it earns on people it was not trained on.

    python tools/train_swapper.py CAST OUT              CAST from tools/render_pairs.py; OUT/base.npz and OUT/scores.csv
    python tools/train_swapper.py CAST OUT --steps 300  a short look
    python tools/train_swapper.py CAST OUT --begin-with BASE --steps 2000 --rate 8e-4 --perceptual 0.3 --adversarial 0.1
                                                        goes on from finished weights: sharper, no more alike (docs/results.md)
    python tools/train_swapper.py CAST OUT --score      only the table of the base that lies in OUT

After a stop, the same command goes on where it was, from at most 200 steps before. The table is made with CAST/held_out
alone, whose people are in no training: the base with all pictures of the source and with a single one, the nearest
reference laid over the target, and the ceiling, which is the truth put back in the base's place.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import keras
import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from faceswap_lab import metrics  # noqa: E402
from faceswap_lab.base import files  # noqa: E402
from faceswap_lab.base.errors import LabError  # noqa: E402
from faceswap_lab.faces.alignment import canonical_points, invert, scale_matrix, transform_points  # noqa: E402
from faceswap_lab.models import reference_swapper  # noqa: E402
from faceswap_lab.swap import swapping  # noqa: E402
from faceswap_lab.swap.base_swap import PUTTING_BACK  # noqa: E402
from faceswap_lab.training import pace, times  # noqa: E402
from faceswap_lab.training.swapper_fitting import SwapperFit, fit_swapper  # noqa: E402
from tools import true_swaps  # noqa: E402

BATCH, VARIANTS, IDENTITY_FROM = 12, 6, 0.7
FILTERS = reference_swapper.SwapperConfig.filters
TERMS = ("identity", "perceptual", "adversarial")
MEASURES = ("swap_gain", "structure_gain", "identity_gain", "pixel_gain", "sharpness")


def samples(cast: Path, out: Path, size: int, seed: int, average=None) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The training samples and the average shape of the people (unless one is given), made once and kept in OUT."""
    kept = out / f"samples_{size}.npz"
    if not kept.exists():
        preparation = true_swaps.Preparation(true_swaps.read_shots(cast / "train", size), average)
        made = preparation.samples(VARIANTS, seed)
        with files.atomic_path(kept) as temporary, temporary.open("wb") as stream:
            np.savez(stream, average=preparation.average, **made)
    with np.load(kept, allow_pickle=False) as held:
        return {name: held[name] for name in held.files if name != "average"}, held["average"]


def train(
    out: Path, arrays: dict[str, np.ndarray], fit: SwapperFit, filters: tuple[int, ...], known: keras.Model | None
) -> keras.Model:
    count = len(arrays["faces"])
    if count < fit.batch:
        raise LabError(f"{out}: {count} samples are no batch of {fit.batch}. Render more with tools/render_pairs.py.")
    keras.utils.set_random_seed(fit.seed)  # the first weights follow from it
    with pace.precision("mixed_bfloat16"):  # a third faster on processors that have it, and as good after 400 steps
        config = reference_swapper.SwapperConfig(arrays["faces"].shape[1], filters=filters)
        network = reference_swapper.build_swapper(config)
        if known:
            if known.config != network.config:
                raise LabError(f"--begin-with: a network of the shape {known.config} cannot go on as {network.config}.")
            network.set_weights(known.get_weights())
        print(times.predict_network(network, fit.batch, fit.steps) or "how long it takes on this device is not known")
        return fit_swapper(network, arrays, out, fit)


def score(cast: Path, network: keras.Model, average: np.ndarray, every: int) -> pd.DataFrame:
    """Gains on the held-out people, a row for each of what was put back; see the module's docstring."""
    size = network.config.size
    preparation = true_swaps.Preparation(true_swaps.read_shots(cast / "held_out", size), average)
    judged, points = [], []
    for shot in preparation.shots[::every]:
        made = {mode: preparation.sample(shot, mode, None) for mode in ("all", "one")}
        if made["all"] is None:
            continue
        answers = {}
        for mode, one in made.items():
            answer = reference_swapper.generate(network, one["faces"][None], one["references"][None], mirrored=True)[0]
            answer[..., :3] = preparation.carried_further(shot, mode, answer[..., :3])
            answers[f"base, {mode}"] = answer
        nearest = np.where(
            made["all"]["references"][..., -1:] > 0, made["all"]["references"][..., :3], made["all"]["faces"]
        )
        known = made["all"]["references"][..., -1:]
        answers["reference alone"] = np.concatenate([nearest, known], axis=-1).astype(np.float32) / 255
        truth = np.concatenate([made["all"]["truth"], made["all"]["mask"]], axis=-1)
        answers["ceiling"] = truth.astype(np.float32) / 255
        matrix = scale_matrix(shot.matrix, swapping.FACE_SIZE / size)
        swapped = {
            name: swapping.swap_frame(shot.frame, matrix, None, Given(answer), PUTTING_BACK)
            for name, answer in answers.items()
        }
        judged.append((swapped, shot.truth, shot.frame))
        points.append(transform_points(invert(shot.matrix), canonical_points(size)))
    if not judged:
        raise LabError(f"{cast / 'held_out'}: no source has pictures yet. Render more with tools/render_pairs.py.")
    swaps, truth, target = zip(*judged, strict=True)
    outputs = {name: [one[name] for one in swaps] for name in swaps[0]}
    gains = metrics.score_clips(outputs, truth, target, np.array(points))
    table = pd.DataFrame({name: found.as_json() for name, found in gains.items()}).T
    return table[[name for name in MEASURES if name in table]].astype(float).round(3)


class Given:
    """A swap function that answers with one generated face, (S, S, 4)."""

    def __init__(self, answer: np.ndarray):
        self.answer, self.size = answer, len(answer)

    def __call__(self, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.answer[None, ..., :3], self.answer[None, ..., 3:]


def _check_same(out: Path, asked: dict) -> None:
    """Notes what a training was asked for; samples and checkpoints of another one are never gone on from."""
    path = out / "made_with.json"
    if path.exists() and files.read_json(path) != asked:
        raise LabError(
            f"{path}: this folder was begun with other shots or options than {asked}. Choose an empty folder."
        )
    files.write_json(path, asked)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cast", type=Path, help="what tools/render_pairs.py rendered")
    parser.add_argument("out", type=Path, help="where the samples, the checkpoint and the model go")
    parser.add_argument("--steps", type=int, default=5000, help="of BATCH samples (5000)")
    parser.add_argument("--size", type=int, default=128, help="side of the faces, a multiple of 16 (128)")
    parser.add_argument(
        "--filters", type=int, nargs=4, default=FILTERS, help="channels, from S/2 to S/16 (32 64 96 128)"
    )
    parser.add_argument("--identity", type=float, default=0.2, help="weight of the identity term (0.2)")
    parser.add_argument("--begin-with", type=Path, metavar="BASE", help="go on from these weights, not from nothing")
    parser.add_argument("--rate", type=float, default=SwapperFit.rate, help="the highest learning rate (2.5e-3)")
    parser.add_argument("--perceptual", type=float, default=0.0, help="weight of the recogniser's first layers (0)")
    parser.add_argument("--adversarial", type=float, default=0.0, help="weight of a discriminator's opinion (0)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--score", action="store_true", help="only score the base that lies in OUT")
    parser.add_argument("--every", type=int, default=1, help="score every n-th held-out shot only")
    arguments = parser.parse_args()
    if arguments.steps < 1 or arguments.every < 1 or arguments.size < 32 or arguments.size % 16:
        raise LabError("--steps and --every: give 1 or more; --size: a multiple of 16 from 32 on.")
    out = files.make_folder(arguments.out)
    base = out / "base.npz"
    if not arguments.score:
        shots = len([*(arguments.cast / "train").glob("?????.json")])
        asked = {name: getattr(arguments, name) for name in ("steps", "rate", "seed", *TERMS)}
        first = arguments.begin_with
        known, average = reference_swapper.load(first) if first else (None, None)
        begun = first and files.sha256(first)
        _check_same(
            out, asked | {"size": arguments.size, "filters": [*arguments.filters], "shots": shots, "begun_with": begun}
        )
        arrays, average = samples(arguments.cast, out, arguments.size, arguments.seed, average)
        print(f"{len(arrays['faces'])} samples of {arguments.size} px")
        fit = SwapperFit(batch=BATCH, identity_from=IDENTITY_FROM, **asked)
        reference_swapper.save(train(out, arrays, fit, tuple(arguments.filters), known), average, base)
    table = score(arguments.cast, *reference_swapper.load(base), arguments.every)
    with files.atomic_path(out / "scores.csv") as temporary:
        table.to_csv(temporary)
    print(table.to_string())


if __name__ == "__main__":
    try:
        main()
    except LabError as error:
        sys.exit(str(error))
