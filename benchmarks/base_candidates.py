"""Which network should swap people it has never seen? Two candidates, trained for equal processor time on the same true swaps.

    python benchmarks/base_candidates.py CAST [--minutes 8] [--every 2]      CAST from tools/render_pairs.py

- **Reference-guided**: the base model (`models.reference_swapper`), which sees three pictures of the source, warped.
- **Autoencoder**: one encoder, and one decoder that is told the person by an embedding (FaceRes, which does not score), the mean
  over that person's pictures; it scales and shifts each of the decoder's layers (E. Perez and others, "FiLM", AAAI 2018,
  arXiv:1709.07871).

Both answer with the composite and alpha, by the same terms, optimiser and batches, and are scored on people that neither saw,
beside the nearest reference laid over the target as it is and the truth put in the model's place.

Expected before measuring: the autoencoder has the skin's tone sooner, since an average face does for that; identity and
structure go to the references, since 24 people are too few to span all faces.

Last line: JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

import keras  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from keras import layers, ops  # noqa: E402
from train_swapper import BATCH, MEASURES, VARIANTS, Given  # noqa: E402

from faceswap_lab import metrics  # noqa: E402
from faceswap_lab.faces.alignment import canonical_points, invert, scale_matrix, transform_points  # noqa: E402
from faceswap_lab.models.mobilenet_recognition import face_descriptor  # noqa: E402
from faceswap_lab.models.optimizers import ConvolutionMuon  # noqa: E402
from faceswap_lab.models.reference_swapper import SwapperConfig, SwapperLoss, SwapperTraining, build_swapper  # noqa: E402
from faceswap_lab.swap import swapping  # noqa: E402
from faceswap_lab.swap.base_swap import PUTTING_BACK  # noqa: E402
from faceswap_lab.training.swapper_fitting import SwapperFit, varied_light  # noqa: E402
from tools import true_swaps  # noqa: E402

RATE = SwapperFit.rate
SIZE, PICTURES = 128, 24  # of the faces; of a person whose embedding is averaged
WITHOUT = {"reference-guided": "embedding", "autoencoder": "references"}  # what each does not see


def build_autoencoder(numbers: int) -> keras.Model:
    """Faces (N, S, S, 3) and embeddings (N, numbers) to composite and alpha (N, S, S, 4): 3.1 million weights."""
    faces, embedding = keras.Input((SIZE, SIZE, 3)), keras.Input((numbers,))

    def convolution(x, filters, kernel=3, strides=1):
        return layers.LeakyReLU(0.1)(layers.Conv2D(filters, kernel, strides, padding="same")(x))

    x, told = faces, layers.Dense(256, activation="relu")(embedding)
    for filters in (32, 64, 128, 192, 256):
        x = convolution(x, filters, 5 if filters == 32 else 3, 2)
    x = convolution(x, 256)
    for filters in (192, 128, 64, 32):
        x = convolution(layers.UpSampling2D()(x), filters)
        scale, shift = (layers.Reshape((1, 1, filters))(layers.Dense(filters)(told)) for _ in range(2))
        x = convolution(x * (1 + scale) + shift, filters)
    generated = layers.Conv2D(4, 5, padding="same", activation="sigmoid", name="parts")(layers.UpSampling2D()(x))
    return keras.Model([faces, embedding], generated)


class TrainingByEmbedding(SwapperTraining):
    """`SwapperTraining` whose network sees the batch's "embedding" in place of its references."""

    def call(self, batch, training=False):
        batch = {**batch, "references": ops.zeros_like(batch["mask"], "uint8")}
        embedding = batch.pop("embedding")
        batch = {name: ops.cast(value, "float32") / 255 for name, value in batch.items()}
        if training:
            batch["references"] = ops.tile(batch["references"], (1, 1, 1, 4))  # `varied_light` expects a picture
            batch = self.augment(batch, self.draw)
        generated = self.network([batch["faces"], embedding], training=training)
        return {"generated": generated, "truth": batch["truth"], "mask": batch["mask"]}


class Preparation(true_swaps.Preparation):
    """Samples that hold the source's embedding, too, about the training people's mean and of length 1."""

    def __init__(self, shots, average=None, centre=None):
        super().__init__(shots, average)
        network, self.embeddings = face_descriptor(SIZE), {}
        for name, (known, _) in self.people.items():
            rows = np.linspace(0, len(known) - 1, PICTURES).astype(int)
            self.embeddings[name] = network.predict(known.images[rows].astype(np.float32) / 255, verbose=0).mean(axis=0)
        self.centre = np.mean(list(self.embeddings.values()), axis=0) if centre is None else centre

    def sample(self, shot, mode, draw):
        made = super().sample(shot, mode, draw)
        if made is None:
            return None
        away = self.embeddings[shot.other] - self.centre
        return {**made, "embedding": (away / np.linalg.norm(away)).astype(np.float32)}


def train(kind: str, arrays: dict[str, np.ndarray], minutes: float) -> tuple[keras.Model, int]:
    """Trains one candidate for so many processor minutes; gives it and its steps."""
    keras.utils.set_random_seed(0)
    arrays = {name: array for name, array in arrays.items() if name != WITHOUT[kind]}
    if kind == "autoencoder":
        network, training = build_autoencoder(arrays["embedding"].shape[1]), TrainingByEmbedding
    else:
        network, training = build_swapper(SwapperConfig(size=SIZE)), SwapperTraining
    model = training(network, SwapperLoss(), None, varied_light)
    optimizer = ConvolutionMuon(RATE, by_adam=("light", "parts"), global_clipnorm=1.0)
    model.compile(optimizer)
    draw, step, began, share = np.random.default_rng(1), 0, time.process_time(), 0.0
    while share < 1:
        rows = draw.integers(0, len(arrays["faces"]), BATCH)
        warm = min(1, (step + 1) / 20)
        optimizer.learning_rate.assign(RATE * warm * (0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * share))))
        model.train_on_batch({name: array[rows] for name, array in arrays.items()})
        step, share = step + 1, (time.process_time() - began) / 60 / minutes
    return network, step


def score(preparation: Preparation, networks: dict[str, keras.Model], every: int) -> pd.DataFrame:
    """Gains on held-out people, all pictures of the source known."""
    judged, points = [], []
    for shot in preparation.shots[::every]:
        made = preparation.sample(shot, "all", None)
        if made is None:
            continue
        seen = made["faces"][None].astype(np.float32) / 255
        beside = {
            "reference-guided": made["references"][None].astype(np.float32) / 255,
            "autoencoder": made["embedding"][None],
        }
        answers = {name: np.array(network([seen, beside[name]]))[0].clip(0, 1) for name, network in networks.items()}
        nearest = made["references"].astype(np.float32) / 255
        answers["reference alone"] = np.concatenate([nearest[..., :3], nearest[..., -1:]], axis=-1)
        answers["ceiling"] = np.concatenate([made["truth"], made["mask"]], axis=-1).astype(np.float32) / 255
        matrix = scale_matrix(shot.matrix, swapping.FACE_SIZE / SIZE)
        swaps = {
            name: swapping.swap_frame(shot.frame, matrix, None, Given(a), PUTTING_BACK) for name, a in answers.items()
        }
        judged.append((swaps, shot.truth, shot.frame))
        points.append(transform_points(invert(shot.matrix), canonical_points(SIZE)))
    swaps, truth, target = zip(*judged, strict=True)
    outputs = {name: [one[name] for one in swaps] for name in swaps[0]}
    found = metrics.score_clips(outputs, truth, target, np.array(points))
    return pd.DataFrame({name: gains.as_json() for name, gains in found.items()}).T[list(MEASURES)].astype(float)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cast", type=Path, help="what tools/render_pairs.py rendered")
    parser.add_argument("--minutes", type=float, default=8, help="processor minutes of training each (8)")
    parser.add_argument("--every", type=int, default=2, help="score every n-th held-out shot (2)")
    options = parser.parse_args()
    learnt = Preparation(true_swaps.read_shots(options.cast / "train", SIZE))
    arrays = learnt.samples(VARIANTS)
    held_out = Preparation(true_swaps.read_shots(options.cast / "held_out", SIZE), learnt.average, learnt.centre)
    networks = {}
    for kind in WITHOUT:
        networks[kind], steps = train(kind, arrays, options.minutes)
        print(
            f"{kind}: {networks[kind].count_params():,} weights, {steps} steps of {BATCH} in {options.minutes:g} processor minutes"
        )
    table = score(held_out, networks, options.every)
    print(table.round(2).to_string())
    figures = {}
    for name in MEASURES:
        ours, baseline = table.loc["reference-guided", name], table.loc["autoencoder", name]
        figures[name] = {
            "ours": round(ours, 3),
            "baseline": round(baseline, 3),
            "ratio": round(ours / baseline, 3),
            "unit": "of the way",
        }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
