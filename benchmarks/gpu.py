"""What `class` and `full` do on a GPU: steps a second beside the predicted ones, memory, scores, swaps to look at.

    python benchmarks/gpu.py faces.npz --prepare                       (anywhere: faces of the bundled actors, minutes)
    KERAS_BACKEND=jax python benchmarks/gpu.py faces.npz --out runs/gpu    (on the GPU: 9 minutes by the clock)
    python benchmarks/gpu.py faces.npz --steps 3 --size 64 --width 0.05 --batch 2     (a rehearsal on a processor)

The first call cuts out and varies the faces, which needs the packages of extraction; the second needs Keras with any of its
backends, numpy, pandas, h5py and OpenCV, no TensorFlow and no network. Each of the four trainings (autoencoder and
FaceSwap-GAN in both presets) gets an equal share of the time and begins from nothing, except that `class`'s FaceSwap-GAN
goes on from its autoencoder. OUT then holds the weights (`<preset>_<kind>/`), their histories, and swap strips: target,
swap, truth, one above the other, as a signed PNG and as arrays.

Scores are of the target clip's faces, which no training has seen with their truth, inside an oval on the face, and on a
scale where the unchanged target is 0 and the true swap 1: `pixels` from the mean absolute difference, `structure` from that of
local contrast. A training of two minutes is no finished one: they say whether it learns.

Nothing was measured on a GPU yet. Last line: JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np  # noqa: E402

from faceswap_lab.base import files  # noqa: E402
from faceswap_lab.base.errors import LabError  # noqa: E402
from faceswap_lab.course import presets  # noqa: E402

SHOWN = 8  # faces in a strip


def prepare(path: Path, size: int, faces: int) -> None:
    """Writes the training faces of the bundled actors, and faces of the target clip with their true swaps, as one .npz.

    Args:
        path: of the file.
        size: side of the model's faces in pixels.
        faces: of each face set, at most; each gets one varied copy.
    """
    from faceswap_lab.course import pairs, runtime, stages

    run = runtime.prepare("class", 0, path.with_suffix(""))

    def spread(some):
        return some.subset(np.unique(np.linspace(0, len(some) - 1, min(faces, len(some))).astype(int)))

    sets = {person: [spread(some) for some in stages.training_faces(run, person)] for person in ("A", "B")}
    names = ("faces", "masks", "transferred")
    made = stages.practice_arrays(sets, size * 3 // 2, copies=1, seed=0)
    arrays = {f"{name}_{p}": some[p] for name, some in zip(names, made, strict=True) for p in ("A", "B")}
    target, truth = pairs.true_pairs(run, size)
    some = np.linspace(0, len(target) - 1, 3 * SHOWN).astype(int)
    with files.atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **arrays, target=target[some], truth=truth[some])
    print(f"{path}: {sum(len(arrays[f'faces_{p}']) for p in 'AB')} faces, {path.stat().st_size / 1e6:.0f} MB")


class Deadline:
    """In the place of a training's panel: stops it, saved, when its time is over."""

    paused = False

    def __init__(self, seconds: float):
        self.ends = time.monotonic() + seconds

    def wants(self, wish: str) -> bool:
        return wish == "stop" and time.monotonic() > self.ends

    take = wants

    def poll(self, *_, **__) -> None:
        """Nobody clicks here, and nothing is drawn."""

    begin = say = update = end = poll


def build(preset, kind: str, out: Path, options):
    """(model, compiled; callbacks; batch size) of one of the four trainings."""
    from faceswap_lab.course import recipes

    network = preset.autoencoder if kind == "autoencoder" else preset.gan
    shape = {} if network == "quick" else {"width": options.width}
    if kind == "autoencoder":
        model = recipes.autoencoder_model(preset, **shape)
        model.compile(optimizer=recipes.autoencoder_optimizer(preset, preset.scratch_steps))
        return model, (), preset.batch_size
    model = recipes.gan_model(preset, **shape)
    recipes.begin_gan(model, out / f"{preset.name}_autoencoder")
    optimizer, schedule = recipes.gan_training(preset, preset.gan_steps)
    model.compile(optimizer=optimizer)
    return model, (schedule,), preset.gan_batch_size


def measure(preset, kind: str, data: dict, out: Path, options, seconds: float) -> dict:
    """Trains one model for a while and scores it. Returns its row of the table."""
    from faceswap_lab import training
    from faceswap_lab.training import memory, times

    begun, name = time.monotonic(), f"{preset.name}_{kind}"
    given = [{p: data[f"{what}_{p}"] for p in ("A", "B")} for what in ("faces", "masks", "transferred")]
    model, callbacks, batch_size = build(preset, kind, out, options)
    counts = training.set_faces(model, *given)
    steps = options.steps or (preset.autoencoder_steps if kind == "autoencoder" else preset.gan_steps)
    folder = out / name
    folder.mkdir(parents=True, exist_ok=True)
    panel = None if options.steps else Deadline(seconds - (time.monotonic() - begun))
    history = training.fit(
        model, folder, counts, steps, batch_size=batch_size, log_every=1 if options.steps else 10, keep=1,
        checkpoint_every=10**9, checkpoint_seconds=10**9, panel=panel, callbacks=callbacks, tensorboard=False,
    )  # fmt: skip
    if history.empty:
        raise LabError(f"{name}: its share of the time ended before 10 steps. Give more --seconds, or --only some.")
    training.save_model(model, folder, kind if kind == "autoencoder" else "faceswap_gan", {"preset": preset.name})
    shutil.rmtree(folder / "checkpoints")  # gigabytes, and nothing goes on from here
    took = np.diff(history[["step", "seconds"]].to_numpy(), axis=0)  # the first row holds the compiling
    expected = times.predict(model, batch_size, steps)
    need = memory.estimate(model, batch_size)
    row = {
        "model": name, "precision": preset.precision, "size": model.config.size, "batch_size": batch_size,
        "steps": int(history["step"].iloc[-1]), "loss": float(history["loss"].iloc[-1]),
        "steps_per_second": round(float(took[:, 0].sum() / max(took[:, 1].sum(), 1e-3)), 3) if len(took) else None,
        "predicted": round(1 / expected.seconds, 3) if expected else None,
        "compiling_seconds": round(float(history["seconds"].iloc[0]), 1),
        "memory_estimated": need.total, "memory_peak": peak_memory(), **score(model, data, out, name),
    }  # fmt: skip
    print(json.dumps(row), flush=True)
    return row


def peak_memory() -> int | None:
    """Bytes that this process has held on the device at most, where JAX says it (over all trainings so far)."""
    import keras

    if keras.backend.backend() != "jax":
        return None
    import jax

    stats = jax.devices()[0].memory_stats() or {}
    return stats.get("peak_bytes_in_use")


def score(model, data: dict, out: Path, name: str) -> dict:
    """Generates the target clip's faces as B, scores them against the truth, and writes the strips."""
    from keras import ops

    from faceswap_lab.models import losses
    from faceswap_lab.models.face_statistics import resize
    from faceswap_lab.models.lighting import face_oval
    from faceswap_lab.training import SwapFunction

    size = model.config.size
    target, truth = (resize(data[what], size).astype("float32") / 255 for what in ("target", "truth"))
    colour, alpha = SwapFunction(model)(target)
    swap, oval = alpha * colour + (1 - alpha) * target, face_oval(size)

    def gain(distance) -> float:
        changed, unchanged = (float(ops.convert_to_numpy(distance(some))) for some in (swap, target))
        return round(1 - changed / unchanged, 4)

    strip = np.concatenate([np.concatenate(list(some[:: len(some) // SHOWN]), axis=1) for some in (target, swap, truth)])
    strip = np.clip(np.round(strip * 255), 0, 255).astype(np.uint8)
    np.savez_compressed(out / f"{name}_strip.npz", strip=strip)
    try:
        from faceswap_lab.provenance.publishing import write_swapped

        write_swapped(out / f"{name}_strip.png", strip, name, "target, swap and truth")
    except ImportError as error:  # a GPU's machine need not be able to sign
        print(f"{name}: no PNG, which has to be signed ({error}); the arrays are there")
    return {
        "pixels": gain(lambda some: losses.l1(some, truth, oval)),
        "structure": gain(lambda some: losses.contrast_loss(some, truth, size / 40, oval)),
    }


def scaled(preset, options):
    """The preset at the sizes that were asked for."""
    fields = {"face_size": options.size, "gan_size": options.size, "precision": options.precision}
    fields |= {"batch_size": options.batch, "gan_batch_size": options.batch}
    return preset.choose(**fields)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faces", type=Path, help="the .npz of --prepare")
    parser.add_argument("--prepare", action="store_true", help="make it")
    parser.add_argument("--count", type=int, default=80, help="--prepare: faces of each face set, at most")
    parser.add_argument("--out", type=Path, default=Path("runs/gpu"))
    parser.add_argument("--seconds", type=float, default=540, help="for everything")
    parser.add_argument("--steps", type=int, default=0, help="of each training; 0: as many as the time allows")
    parser.add_argument("--only", nargs="*", help="such as class_autoencoder full_gan")
    parser.add_argument("--size", type=int, default=0, help="side of the faces; 0: the preset's")
    parser.add_argument("--batch", type=int, default=0, help="faces of each person; 0: the preset's")
    parser.add_argument("--width", type=float, default=1.0, help="of the published networks")
    parser.add_argument("--precision", default="", help="another than the preset's")
    options = parser.parse_args()
    if options.prepare:
        prepare(options.faces, options.size or 128, options.count)
        return

    import keras

    from faceswap_lab.base.machine import devices

    begun, rows = time.monotonic(), []
    with np.load(options.faces, allow_pickle=False) as stored:
        data = dict(stored)
    wanted = [(name, kind) for name in ("class", "full") for kind in ("autoencoder", "gan")]
    wanted = [(name, kind) for name, kind in wanted if not options.only or f"{name}_{kind}" in options.only]
    files.make_folder(options.out)
    for place, (name, kind) in enumerate(wanted):
        keras.utils.set_random_seed(0)
        seconds = (options.seconds - (time.monotonic() - begun)) / (len(wanted) - place)
        rows.append(measure(scaled(presets.preset(name), options), kind, data, options.out, options, seconds))
        keras.utils.clear_session()
    about = {"benchmark": "gpu", "device": (devices() or ["CPU"])[0], "backend": keras.backend.backend()}
    about |= {"keras": keras.__version__, "seconds": round(time.monotonic() - begun, 1), "rows": rows}
    files.write_json(options.out / "gpu.json", about)
    print(json.dumps(about))


if __name__ == "__main__":
    main()
