"""What octave convolution is worth here: weights, products, memory, seconds a step, and the swaps it learns.

    python benchmarks/octave.py                     (about 15 minutes on two free cores; goes on where it stopped)
    python benchmarks/octave.py --steps 60 --seeds 1     (a look)

The quick autoencoder with alpha 0, 0.25 and 0.5 of its channels at half the size.

- **Counted**: weights, multiplications, activations, of the quick, the original and the FaceSwap-GAN autoencoder.
- **Timed**: one training step, the three models in turn in one process, round after round; the ratio is the median of
  the rounds' ratios, so that what else the machine does falls out; by the clock, and in processor time, which a machine
  shared with others disturbs far less. One wide layer likewise, forward and back.
- **Memory**: the peak resident memory of a process that trains, over what it held before its first step, at batch 64;
  processes in turn, medians.
- **Swaps**: trained from nothing on train_A and train_B, scored on frames of talk_A, a clip that no model has seen, against
  its true swap. At equal steps; and at equal time: as many steps as the measured ratio of step times (processor time) allows,
  so that no training runs against the clock, which the machine's other work would blur. `structure_gain` stands beside
  swap_gain, which forgives a face without features (see benchmarks/diagnosis.py). Seeds are given with their spread.

Prints tables, and as the last line JSON. Expected before measuring: the weights the same, products 0.7 and 0.5; the small
layers of the quick model save less time than products, 0.9 and 0.8; swaps at equal steps a little worse, at equal time
no better.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import numpy as np  # noqa: E402

from faceswap_lab.base import files  # noqa: E402
from faceswap_lab.course import actors, runtime  # noqa: E402

ALPHAS = (0.0, 0.25, 0.5)
BATCH = 8
EVERY = 6  # of the training clips' frames
SCORED = 6  # every n-th frame of talk_A
COPIES = 4
MEMORY_BATCH = 64
GAINS = ("swap_gain", "structure_gain", "identity_gain")


def autoencoder_of(alpha: float, seed: int = 0):
    """The quick autoencoder with a share of low frequencies, untrained."""
    import keras

    from faceswap_lab.models import autoencoder

    keras.utils.set_random_seed(seed)
    config = dataclasses.replace(autoencoder.quick(64), octave=alpha)
    return autoencoder.FaceAutoencoder(config, autoencoder.QUICK_LOSS, autoencoder.QUICK_AUGMENTATION, seed=seed)


def ready_to_train(alpha: float, steps: int, arrays, seed: int = 0):
    """Faces set, compiled with the rate that `steps` asks for."""
    import keras

    model = autoencoder_of(alpha, seed)
    model.set_faces(*arrays)
    model.compile(optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, steps, alpha=0.03)))
    return model


def random_faces(side: int = 96, count: int = 16):
    """Arrays as `stages.practice_arrays` gives, of noise: time and memory do not ask what is in a picture."""
    draw = np.random.default_rng(0)
    faces = {person: draw.integers(0, 255, (count, side, side, 3)).astype(np.uint8) for person in ("A", "B")}
    return faces, {person: np.full_like(some, 255) for person, some in faces.items()}, faces


# -- counted ------------------------------------------------------------------------------------------------------------
def counts() -> dict[str, dict[float, object]]:
    """{model: {alpha: Cost}}: one encoder and two decoders."""
    from faceswap_lab.models import autoencoder, faceswap_gan

    shapes = {
        "quick autoencoder": (autoencoder, autoencoder.quick(64)),
        "original autoencoder": (autoencoder, autoencoder.original(64)),
        "FaceSwap-GAN standard": (faceswap_gan, faceswap_gan.standard(64)),
    }
    return {
        name: {alpha: _generator_cost(room, dataclasses.replace(config, octave=alpha)) for alpha in ALPHAS}
        for name, (room, config) in shapes.items()
    }


def _generator_cost(room, config):
    import keras

    from faceswap_lab.models.flops import network_cost

    keras.backend.clear_session()
    decoder = network_cost(room.build_decoder(config, "decoder"))
    return network_cost(room.build_encoder(config)) + decoder + decoder


# -- timed --------------------------------------------------------------------------------------------------------------
def paired_seconds(actions: dict, rounds: int) -> list[dict]:
    """Runs the actions in turn.

    Returns:
        Four dictionaries by the actions' names: median seconds by the clock, the median over the rounds of their ratio to
        the first action's; then the same in processor time, of all threads together.
    """
    for action in actions.values():
        action()
        action()
    clock, processor = ({name: [] for name in actions} for _ in range(2))
    for turn in range(rounds):
        order = list(actions)[turn % len(actions) :] + list(actions)[: turn % len(actions)]
        for name in order:
            start, used = time.perf_counter(), time.process_time()
            actions[name]()
            clock[name].append(time.perf_counter() - start)
            processor[name].append(time.process_time() - used)
    found = []
    for taken in (clock, processor):
        first = taken[next(iter(actions))]
        ratios = {name: [one / base for one, base in zip(some, first, strict=True)] for name, some in taken.items()}
        found += [{name: statistics.median(some) for name, some in values.items()} for values in (taken, ratios)]
    return found


def step_seconds(rounds: int) -> list[dict]:
    """A training step of the quick model, by alpha."""
    arrays, index = random_faces(), {person: np.arange(BATCH, dtype="int32") for person in ("A", "B")}
    models = {alpha: ready_to_train(alpha, 1000, arrays) for alpha in ALPHAS}
    return paired_seconds({alpha: lambda m=model: m.train_on_batch(index) for alpha, model in models.items()}, rounds)


def layer_seconds(rounds: int, side: int = 32, channels: int = 64, batch: int = 16) -> list[dict]:
    """One wide layer within a network, forward and back, by alpha: a model of this layer alone, on noise."""
    import keras

    from faceswap_lab.models import layers

    draw, actions = np.random.default_rng(0), {}
    for alpha in ALPHAS:
        low = int(alpha * channels)
        pair = [keras.Input((side, side, channels - low)), keras.Input((side // 2, side // 2, low))][: 2 if low else 1]
        made = layers.convolution(tuple(pair) if low else pair[0], channels, 3, padding="same", octave=alpha)
        model = keras.Model(pair, made)
        model.compile("sgd", ["mse", "mse"] if low else "mse")
        x = [draw.normal(size=(batch, *i.shape[1:])).astype("float32") for i in pair]
        y = [draw.normal(size=(batch, *o.shape[1:])).astype("float32") for o in (made if low else [made])]
        actions[alpha] = lambda m=model, x=x, y=y: m.train_on_batch(x, y)
    return paired_seconds(actions, rounds)


# -- memory -------------------------------------------------------------------------------------------------------------
def training_memory(rounds: int) -> dict:
    """Peak MB over what was held before the first step, by alpha: processes in turn, medians."""
    found = {alpha: [] for alpha in ALPHAS}
    for _ in range(rounds):
        for alpha in ALPHAS:
            command = [sys.executable, __file__, "--memory-of", str(alpha)]
            printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            found[alpha].append(float(printed.split()[-1]))
    return {alpha: statistics.median(some) for alpha, some in found.items()}


def measure_memory(alpha: float) -> float:
    """In a process of its own: MB that three training steps add to the peak."""
    model = ready_to_train(alpha, 1000, random_faces())
    index = {person: np.arange(MEMORY_BATCH, dtype="int32") % 16 for person in ("A", "B")}
    model.train_on_batch({person: rows[:2] for person, rows in index.items()})  # compiling takes memory, too
    before = _resident()
    peak = _Peak()
    for _ in range(3):
        model.train_on_batch(index)
    return peak.stop() - before


def _resident() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


class _Peak:
    """The highest resident memory while it runs, looked up every few milliseconds; the system's own mark counts the start."""

    def __init__(self):
        import threading

        self.highest, self.running = _resident(), True
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def _watch(self):
        while self.running:
            self.highest = max(self.highest, _resident())
            time.sleep(0.003)

    def stop(self) -> float:
        self.running = False
        self.thread.join()
        return self.highest


# -- swaps --------------------------------------------------------------------------------------------------------------
def training_arrays(work: Path):
    from diagnosis import face_set

    from faceswap_lab.course import stages

    sets = {person: [face_set(f"train_{person}", EVERY, "", work)] for person in ("A", "B")}
    return stages.practice_arrays(sets, 96, COPIES, seed=0)


def gains(alpha: float, steps: int, seed: int, work: Path, arrays) -> dict[str, float]:
    """Trains from nothing and scores on the held-out clip; kept, since it takes a while."""
    path = work / "gains.json"
    known, name = files.read_json(path) if path.exists() else {}, f"alpha {alpha}, {steps} steps, seed {seed}"
    if name not in known:
        known[name] = _train_and_score(alpha, steps, seed, work, arrays())
        files.write_json(path, known)
    return known[name]


def _train_and_score(alpha, steps, seed, work: Path, arrays) -> dict[str, float]:
    from diagnosis import face_set, structure_gain

    from faceswap_lab import metrics, training
    from faceswap_lab.provenance.publishing import write_swapped
    from faceswap_lab.swap.swapping import swap_frames

    model, start = ready_to_train(alpha, steps, arrays, seed), time.perf_counter()
    batches = training.index_batches({person: len(some) for person, some in arrays[0].items()}, BATCH, seed)
    model.fit(batches, steps_per_epoch=steps, epochs=1, verbose=0)
    seconds = time.perf_counter() - start
    target = face_set("talk_A", SCORED, "", work)
    numbers = target.table["frame"].to_numpy()
    before, truth = (actors.clip(name).frames()[numbers] for name in ("talk_A", "truth_A_from_B"))
    points = actors.clip("talk_A").points()[numbers]
    matrices = [target.matrix(row) for row in range(len(target))]
    made = swap_frames(list(before), matrices, list(target.masks(256, "face")), training.SwapFunction(model))
    found = metrics.score_clip(made, truth, before, points)
    name = f"swaps_{alpha}_{steps}_{seed}.png"
    some = np.linspace(0, len(made) - 1, 5).astype(int)
    strip = np.vstack([np.hstack([x[i] for i in some]) for x in (before, made, truth)])
    write_swapped(work / name, strip, f"autoencoder, alpha {alpha}")
    structure = structure_gain(made, truth, before, points)
    return {**found.as_json(), "structure_gain": round(structure, 4), "seconds": round(seconds, 1)}


def spread(values) -> str:
    return f"{statistics.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def figure(ours, baseline, unit: str) -> dict:
    digits = 4 if abs(baseline) < 10 else 0
    ratio = round(ours / baseline, 3) if baseline else None
    return {"ours": round(ours, digits), "baseline": round(baseline, digits), "ratio": ratio, "unit": unit}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300, help="of the plain model")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=21, help="of the timings")
    parser.add_argument("--work", type=Path, default=runtime.ROOT / "runs" / "benchmark_octave")
    parser.add_argument("--memory-of", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory_of is not None:
        print(measure_memory(options.memory_of))
        return
    files.make_folder(options.work)
    figures = {}

    print(f"{'counted, share of alpha 0':26s}" + "".join(f"{f'alpha {a}':>12s}" for a in ALPHAS[1:]) + "   alpha 0")
    for model, found in counts().items():
        for part in ("weights", "multiplications", "activations"):
            plain = getattr(found[0.0], part)
            shares = {alpha: getattr(found[alpha], part) / plain for alpha in ALPHAS[1:]}
            print(
                f"{model:26s}" + "".join(f"{s:12.3f}" for s in shares.values()) + f"   {plain / 1e6:.1f} million {part}"
            )
            for alpha in shares:
                if model.startswith("quick"):
                    figures[f"octave_{part}_{alpha}"] = figure(getattr(found[alpha], part), plain, f"{part} a face")

    print(f"\n{'measured':38s}" + "".join(f"{f'alpha {a}':>12s}" for a in ALPHAS))
    pace = {}
    for name, measure, what in (
        ("step", step_seconds, "a training step of the quick model, batch 8 a side"),
        ("layer", layer_seconds, "3x3, 64 channels at 32x32, batch 16, forward and back"),
    ):
        found = kept(options.work, name, options.rounds, measure)
        pace[name] = found[3]
        for clock, (values, ratios) in (("clock", found[:2]), ("processor", found[2:])):
            print(f"{f'{name}, {clock} seconds':38s}" + "".join(f"{s:12.4f}" for s in values.values()))
            print(
                f"{'  share (median of paired ratios)':38s}" + "".join(f"{s:12.3f}" for s in ratios.values()),
                flush=True,
            )
            for alpha in ALPHAS[1:]:
                entry = figure(values[alpha], values[0.0], f"s of {clock} time, {what}; ratio: median of paired ratios")
                figures[f"octave_{name}_{clock}_{alpha}"] = {**entry, "ratio": round(ratios[alpha], 3)}
    figures |= swap_figures(options, pace["step"])
    (memory,) = kept(options.work, "memory", min(3, options.rounds), lambda rounds: [training_memory(rounds)])
    print(f"\n{f'MB that a step of {MEMORY_BATCH} adds':26s}" + "".join(f"{s:12.0f}" for s in memory.values()))
    for alpha in ALPHAS[1:]:
        unit = f"MB that a step adds at batch {MEMORY_BATCH}"
        figures[f"octave_memory_{alpha}"] = figure(memory[alpha], memory[0.0], unit)
    print(json.dumps(figures))


def kept(work: Path, name: str, rounds: int, measure) -> list[dict]:
    """What `measure(rounds)` gives, dictionaries by alpha; an earlier, stopped run's where there is one."""
    path = work / f"{name}_{rounds}.json"
    if not path.exists():
        files.write_json(path, [{str(alpha): value for alpha, value in one.items()} for one in measure(rounds)])
    return [{float(alpha): value for alpha, value in one.items()} for one in files.read_json(path)]


def swap_figures(options, step_ratios: dict) -> dict:
    """Trains and scores everything, prints the table, gives the figures."""
    loaded = []

    def arrays():
        if not loaded:
            loaded.append(training_arrays(options.work))
        return loaded[0]

    trainings = {("equal steps", alpha): options.steps for alpha in ALPHAS}
    for alpha in ALPHAS[1:]:
        # To the next ten, so that a second run with a slightly other ratio finds the training of the first.
        trainings["equal time", alpha] = round(options.steps / step_ratios[alpha] / 10) * 10
    results, figures = {}, {}
    for seed in range(options.seeds):
        for (how, alpha), steps in trainings.items():
            results.setdefault((how, alpha), []).append(gains(alpha, steps, seed, options.work, arrays))
            print(f"seed {seed}, alpha {alpha}, {steps} steps: {results[how, alpha][-1]}", file=sys.stderr, flush=True)
    print(f"\n{f'{options.seeds} seeds':28s}{'steps':>6s}" + "".join(f"{name:>26s}" for name in GAINS))
    for (how, alpha), steps in trainings.items():
        found = results[how, alpha]
        cells = "".join(f"{spread([one[name] for one in found]):>26s}" for name in GAINS)
        print(f"{f'alpha {alpha}, {how}':28s}{steps:6d}{cells}")
        for name in GAINS if alpha else ():
            ours, base = (statistics.mean(one[name] for one in some) for some in (found, results["equal steps", 0.0]))
            unit = f"{name}, mean of {options.seeds} seeds, {steps} steps for {options.steps}"
            figures[f"octave_{name}_{how.replace(' ', '_')}_{alpha}"] = figure(ours, base, unit)
    return figures


if __name__ == "__main__":
    main()
