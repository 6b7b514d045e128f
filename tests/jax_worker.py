"""Trains on JAX for test_jax.py, started by it with KERAS_BACKEND=jax: prints its losses as JSON, saves models and faces."""

import json
import os
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]
os.environ["KERAS_BACKEND"] = "jax"

import distribution_worker  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402

from faceswap_lab import training  # noqa: E402
from faceswap_lab.models import autoencoder, faceswap_gan  # noqa: E402
from faceswap_lab.models.augmentation import Augmentation  # noqa: E402

COUNTS = {"A": 12, "B": 12}
OPTIONS = {"batch_size": 4, "log_every": 2, "checkpoint_every": 4, "preview_every": 100, "tensorboard": False}


def smooth_faces():
    """Faces that can be learnt: {"A": (12, 96, 96, 3) uint8}, masks."""
    draw = np.random.default_rng(0)
    faces = {}
    for person in COUNTS:
        rough = draw.integers(40, 220, (12, 6, 6, 3)).astype("float32")
        large = keras.ops.convert_to_numpy(keras.ops.image.resize(rough, (96, 96), interpolation="bilinear"))
        faces[person] = large.astype(np.uint8)
    return faces, {p: np.full((12, 96, 96, 3), 255, np.uint8) for p in faces}


def quick(kind: str):
    keras.utils.set_random_seed(0)
    still = Augmentation(rotation=0, zoom=0, shift=0, flip=0, warp=0.005, gain=0, tint=0, slope=0, gamma=0)
    if kind == "autoencoder":
        model = autoencoder.FaceAutoencoder(autoencoder.quick(64), autoencoder.QUICK_LOSS, still)
        optimizer = keras.optimizers.Adam(1e-3)
    else:
        loss = faceswap_gan.QUICK_LOSS.without(["identity"])
        model = faceswap_gan.FaceSwapGAN(faceswap_gan.quick(64), loss, still)
        optimizer = faceswap_gan.TwoRateAdam(1e-3)
    model.set_faces(*smooth_faces())
    model.compile(optimizer=optimizer)
    return model


def main() -> None:
    folder, found = Path(sys.argv[1]), {"backend": keras.backend.backend()}
    shown = keras.ops.convert_to_numpy(smooth_faces()[0]["A"][:2, ::2, ::2].astype("float32") / 255)
    shown = np.pad(shown, [(0, 0), (8, 8), (8, 8), (0, 0)], mode="edge")
    for kind in ("autoencoder", "faceswap_gan"):
        model = quick(kind)
        history = training.fit(model, folder / kind, COUNTS, 10, **OPTIONS)
        found[kind] = {name: history[name].tolist() for name in ("loss", "reconstruction")}
        training.save_model(model, folder / kind, kind)
        colour, alpha = model.translate(shown, 0, 1)
        generated = [keras.ops.convert_to_numpy(x) for x in (colour, alpha)]
        np.savez(folder / f"{kind}.npz", shown=shown, colour=generated[0], alpha=generated[1])
    weights = []
    for stops in ((8,), (4, 8)):
        for steps in stops:  # a new model each time: all it knows comes from the checkpoint
            model = distribution_worker.make("mixup")
            often = {"checkpoint_seconds": 0} if len(stops) == 2 else {}  # within an interval, too, after every step
            training.fit(model, folder / f"resume_{len(stops)}", COUNTS, steps, **OPTIONS, **often)
        weights.append([keras.ops.convert_to_numpy(v) for v in model.trainable_variables])
    found["resume"] = max(float(np.abs(a - b).max()) for a, b in zip(*weights, strict=True))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
