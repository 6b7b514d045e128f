"""With pairs, without pairs, with a shared encoder: how good is the swap after equal training time?

    python benchmarks/translation.py                  (about 10 minutes on two cores)
    python benchmarks/translation.py --seconds 20     (a look)

Three quick models of 64 px learn to put B's face on A for the same number of seconds, from nothing. Seconds are
the processor's, both cores together, so that other work on the machine changes nothing; compiling does not count.

- pix2pix, from pairs: the first two thirds of talk_A beside their true swap;
- CycleGAN, without pairs: the same frames of talk_A and faces of train_A, against faces of train_B;
- the quick autoencoder, from the same faces as CycleGAN (with its own practice pictures, see `stages.practice_arrays`).

Each swaps frames of the last third of talk_A, which none has seen, by the same conversion. They are scored against the truth by
swap gain, identity gain, and structure gain (the correlation of local contrast, see benchmarks/diagnosis.py): 0 is the
unchanged target, 1 the true swap. The conversion matches the generated face's colours to the frame, so the skin tone that CycleGAN
finds counts for nothing here (notebook 10 measures it on the bare generated faces). The last line is JSON.

Expected before measuring: pix2pix far ahead in everything; CycleGAN near 0 in structure, a little above in identity (skin); the
autoencoder between the two.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import keras  # noqa: E402
import numpy as np  # noqa: E402

from benchmarks.diagnosis import face_set, structure_gain  # noqa: E402
from faceswap_lab import metrics, training  # noqa: E402
from faceswap_lab.base import files  # noqa: E402
from faceswap_lab.course import actors, pairs, runtime, stages  # noqa: E402
from faceswap_lab.models import autoencoder, cyclegan, pix2pix  # noqa: E402
from faceswap_lab.provenance.publishing import write_swapped  # noqa: E402
from faceswap_lab.swap.swapping import swap_frames  # noqa: E402

SIDE = 96  # of the training pictures; the models generate 64 px
EVERY = 9  # every n-th frame of the training clips
SCORED = 3  # every n-th held-out frame
KINDS = ("swap_gain", "identity_gain", "structure_gain")


class TimeBudget(keras.callbacks.Callback):
    """Stops after some seconds, counted from the first step's end (it compiles); the learning rate follows the clock.

    Args:
        seconds: of training.
        rate: share of the time that is spent -> learning rate.
        clock: returns seconds.
    """

    def __init__(self, seconds: float, rate: Callable[[float], float], clock: Callable[[], float]):
        super().__init__()
        self.seconds, self.rate, self.clock, self.began, self.steps = seconds, rate, clock, None, 0

    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1
        self.began = self.began or self.clock()
        spent = (self.clock() - self.began) / self.seconds
        self.model.optimizer.learning_rate.assign(self.rate(min(spent, 1.0)))
        self.model.stop_training = spent >= 1  # looked at after every epoch, which is five steps here


CLOCKS = {"processor": time.process_time, "wall": time.monotonic}


def straight(spent: float) -> float:
    """CycleGAN's and pix2pix's rate: it stays for half of the time, then falls in a straight line to 0."""
    return 1e-3 * min(1.0, 2 * (1 - spent))


def cosine(spent: float) -> float:
    """The autoencoder's rate, as in notebook 03."""
    return 1e-3 * (0.03 + 0.97 * (1 + np.cos(np.pi * spent)) / 2)


def train_for(model, faces: dict, batch: int, seconds: float, rate, beta_1: float, clock) -> int:
    """Trains a model for some seconds; returns how many steps were made."""
    batches = training.index_batches({name: len(some) for name, some in faces.items()}, batch, 0)
    budget = TimeBudget(seconds, rate, clock)
    model.compile(optimizer=keras.optimizers.Adam(rate(0.0), beta_1=beta_1))
    model.fit(batches, steps_per_epoch=5, epochs=100_000, callbacks=[budget], verbose=0)
    return budget.steps


def train_models(work: Path, seconds: float, clock):
    """The three models with the steps that each had, and the target's face set with the rows held out."""
    target = face_set("talk_A", 1, "", work)
    trained, held = pairs.split_blocks(len(target))
    more = {person: face_set(f"train_{person}", EVERY, "", work) for person in ("A", "B")}
    truth = pairs.cut_alike(actors.clip("truth_A_from_B").frames(), target, SIDE)
    seen = target.subset(trained)
    heaps = {"A": np.concatenate([seen.images(SIDE), more["A"].images(SIDE)]), "B": more["B"].images(SIDE)}
    found = {}

    keras.utils.set_random_seed(0)
    model = pix2pix.Pix2Pix(pix2pix.quick(64), seed=0)
    paired = {"A": seen.images(SIDE), "B": truth[trained]}
    model.set_faces(paired)
    found["pix2pix, with pairs"] = model, train_for(model, paired, 4, seconds, straight, 0.5, clock)

    keras.utils.set_random_seed(0)
    model = cyclegan.CycleGAN(cyclegan.quick(64), cyclegan.QUICK_LOSS, seed=0)
    model.set_faces(heaps)
    found["CycleGAN, no pairs"] = model, train_for(model, heaps, 2, seconds, straight, 0.5, clock)

    keras.utils.set_random_seed(0)
    sets = {"A": [seen, more["A"]], "B": [more["B"]]}
    faces, masks, transferred = stages.practice_arrays(sets, SIDE, copies=4, seed=0)
    model = autoencoder.FaceAutoencoder(
        autoencoder.quick(64), autoencoder.QUICK_LOSS, autoencoder.QUICK_AUGMENTATION, seed=0
    )
    model.set_faces(faces, masks, transferred)
    found["autoencoder, no pairs"] = model, train_for(model, faces, 8, seconds, cosine, 0.9, clock)
    return found, target, held[::SCORED]


def score(model, target, rows, picture: Path) -> dict[str, float]:
    """The three gains of a model on rows of the target's face set; a strip of before, after and truth is kept."""
    numbers = target.table["frame"].iloc[rows].to_numpy()
    before, truth = (actors.clip(name).frames()[numbers] for name in ("talk_A", "truth_A_from_B"))
    points = actors.clip("talk_A").points()[numbers]
    matrices, masks = [target.matrix(row) for row in rows], list(target.subset(rows).masks(256, "face"))
    made = swap_frames(list(before), matrices, masks, training.SwapFunction(model))
    strip = [frame for place in (0, len(rows) // 2) for frame in (before[place], made[place], truth[place])]
    write_swapped(picture, np.hstack(strip), picture.stem)
    found = metrics.score_clip(made, truth, before, points).as_json()
    return {**found, "structure_gain": structure_gain(made, truth, before, points)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=180, help="of training, for each model")
    parser.add_argument("--clock", choices=CLOCKS, default="processor", help="wall: on a GPU")
    parser.add_argument("--work", type=Path, default=runtime.ROOT / "runs" / "benchmark_translation")
    options = parser.parse_args()
    files.make_folder(options.work)
    trained, target, rows = train_models(options.work, options.seconds, CLOCKS[options.clock])
    print(f"{'':24s}{'steps':>7s}" + "".join(f"{kind:>16s}" for kind in KINDS))
    table = {}
    for name, (model, steps) in trained.items():
        table[name] = score(model, target, rows, options.work / f"{name.split(',')[0].lower()}.png")
        print(f"{name:24s}{steps:7d}" + "".join(f"{table[name][kind]:16.3f}" for kind in KINDS))
    paired, cycle, shared = table.values()
    figures = {}
    for name, ours, baseline in (("cyclegan_vs_pix2pix", cycle, paired), ("autoencoder_vs_cyclegan", shared, cycle)):
        for kind in KINDS:
            ratio = round(ours[kind] / baseline[kind], 2) if abs(baseline[kind]) > 1e-3 else None
            figures[f"{name}_{kind}"] = {
                "ours": round(ours[kind], 3),
                "baseline": round(baseline[kind], 3),
                "ratio": ratio,
                "unit": f"gain towards the true swap after {options.seconds:g} s ({options.clock}) of training",
            }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
