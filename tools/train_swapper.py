"""Trains the base model on rendered true swaps, and says what it earns on people it was not trained on.

    python tools/train_swapper.py CAST OUT              CAST from tools/render_pairs.py; OUT/base.npz and OUT/scores.csv
    python tools/train_swapper.py CAST OUT --steps 300  a short look
    python tools/train_swapper.py CAST OUT --score      only the table of the base that lies in OUT

After a stop, the same command goes on where it was, from at most 200 steps before. The table is made with CAST/held_out
alone, whose people are in no training: the base with all pictures of the source and with a single one, the nearest
reference laid over the target, and the ceiling, which is the truth put back in the base's place.
"""

from __future__ import annotations

import argparse
import json
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
from faceswap_lab.models.mobilenet_recognition import face_descriptor  # noqa: E402
from faceswap_lab.models.optimizers import ConvolutionMuon  # noqa: E402
from faceswap_lab.swap import swapping  # noqa: E402
from faceswap_lab.swap.base_swap import PUTTING_BACK  # noqa: E402
from faceswap_lab.training import checkpoints, times, true_swaps  # noqa: E402

RATE, BATCH, VARIANTS, CHECKPOINT_EVERY = 2.5e-3, 12, 3, 200
MEASURES = ("swap_gain", "structure_gain", "identity_gain", "pixel_gain", "sharpness")


def samples(cast: Path, out: Path, size: int, seed: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The training samples and the average shape of the people, made once and kept in OUT."""
    kept = out / f"samples_{size}.npz"
    if not kept.exists():
        preparation = true_swaps.Preparation(true_swaps.read_shots(cast / "train", size))
        made = preparation.samples(VARIANTS, seed)
        with files.atomic_path(kept) as temporary, temporary.open("wb") as stream:
            np.savez(stream, average=preparation.average, **made)
    with np.load(kept, allow_pickle=False) as held:
        return {name: held[name] for name in held.files if name != "average"}, held["average"]


def identity_network(truth: np.ndarray) -> keras.Model:
    """The frozen descriptor of the identity term (not identity_gain's), centred on the faces that are to be generated."""
    size = truth.shape[1]
    some = truth[:: max(1, len(truth) // 256)].astype(np.float32) / 255
    return face_descriptor(size, centre=face_descriptor(size).predict(some, batch_size=16, verbose=0).mean(axis=0))


def train(out: Path, arrays: dict[str, np.ndarray], steps: int, seed: int, identity: float) -> keras.Model:
    """Trains with a cosine of the learning rate; what is kept of the weights is their running mean over the end.

    By Muon: after 200 steps from nothing (128 px, batches of 12), held-out people's local contrast was off by 0.294 with it
    and by 0.307 with Adam at 1e-3; Adam at 2e-3 without a bound on the gradients ran away within 1200.
    """
    count = len(arrays["faces"])
    if count < BATCH:
        raise LabError(f"{out}: {count} samples are no batch of {BATCH}. Render more with tools/render_pairs.py.")
    keras.utils.set_random_seed(seed)
    network = reference_swapper.build_swapper(reference_swapper.SwapperConfig(size=arrays["faces"].shape[1]))
    print(times.predict_network(network, BATCH, steps) or "how long it takes on this device is not known")
    terms = reference_swapper.SwapperLoss(identity=identity)
    descriptor = identity_network(arrays["truth"]) if identity else None
    model = reference_swapper.SwapperTraining(network, terms, descriptor, true_swaps.varied_light, seed)
    warm = max(1, steps // 50)
    rate = keras.optimizers.schedules.CosineDecay(RATE / 50, steps - warm, warmup_target=RATE, warmup_steps=warm, alpha=0.01)
    mean = max(0.5, 1 - 50 / steps)
    model.compile(ConvolutionMuon(rate, by_adam=("light", "parts"), global_clipnorm=1.0, use_ema=True, ema_momentum=mean))
    model({name: array[:1] for name, array in arrays.items()})
    restored = checkpoints.restore(model, out / "checkpoints")
    history, a_pass, every = restored.history, count // BATCH, min(CHECKPOINT_EVERY, max(1, steps // 4))
    for step in range(restored.step, steps):
        rows = np.random.default_rng([seed, step // a_pass]).permutation(count)[step % a_pass * BATCH :][:BATCH]
        found = model.train_on_batch({name: array[rows] for name, array in arrays.items()}, return_dict=True)
        if (step + 1) % every == 0 and step + 1 < steps:
            history.append({"step": step + 1} | {name: round(float(value), 5) for name, value in found.items()})
            print(json.dumps(history[-1]), flush=True)
            model.reset_metrics()
            checkpoints.save_checkpoint(model, out / "checkpoints", step + 1, history, keep=1)
    model.optimizer.finalize_variable_values(model.trainable_variables)
    return network


def score(cast: Path, network: keras.Model, average: np.ndarray, every: int) -> pd.DataFrame:
    """Gains on the held-out people, a row for each of what was put back; see the module's docstring."""
    size = network.config.size
    preparation = true_swaps.Preparation(true_swaps.read_shots(cast / "held_out", size), average)
    judged, points = [], []
    for shot in preparation.shots[::every]:
        made = {mode: preparation.sample(shot, mode, None) for mode in ("all", "one")}
        if made["all"] is None:
            continue
        answers = {
            f"base, {mode}": reference_swapper.generate(network, one["faces"][None], one["references"][None])[0]
            for mode, one in made.items()
        }
        nearest = np.where(made["all"]["references"][..., -1:] > 0, made["all"]["references"][..., :3], made["all"]["faces"])
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
        raise LabError(f"{path}: this folder was begun with other shots or options than {asked}. Choose an empty folder.")
    files.write_json(path, asked)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cast", type=Path, help="what tools/render_pairs.py rendered")
    parser.add_argument("out", type=Path, help="where the samples, the checkpoint and the model go")
    parser.add_argument("--steps", type=int, default=5000, help="of BATCH samples (5000)")
    parser.add_argument("--size", type=int, default=128, help="side of the faces, a multiple of 16 (128)")
    parser.add_argument("--identity", type=float, default=0.2, help="weight of the identity term (0.2)")
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
        _check_same(out, {name: getattr(arguments, name) for name in ("size", "seed", "steps", "identity")} | {"shots": shots})
        arrays, average = samples(arguments.cast, out, arguments.size, arguments.seed)
        print(f"{len(arrays['faces'])} samples of {arguments.size} px")
        reference_swapper.save(train(out, arrays, arguments.steps, arguments.seed, arguments.identity), average, base)
    table = score(arguments.cast, *reference_swapper.load(base), arguments.every)
    with files.atomic_path(out / "scores.csv") as temporary:
        table.to_csv(temporary)
    print(table.to_string())


if __name__ == "__main__":
    try:
        main()
    except LabError as error:
        sys.exit(str(error))
