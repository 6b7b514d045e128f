"""Trains the warm start that the preset `quick` goes on from: data/weights/quick_autoencoder.

    python tools/train_warm_start.py --steps 12000

It sees the training clips of the two actors without the light of the target clip (`interior`), and no frame of the target
clip or of the truth. Faces are extracted into runs/warm_start; training resumes from its checkpoints after a stop. The
finished weights are stored in 16 bit.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import h5py
import keras
import numpy as np

from faceswap_lab import files, samples, stages, training, weights
from faceswap_lab.faces.extraction import extract_faces
from faceswap_lab.models import autoencoder

LEFT_OUT = "interior"  # the target clip's light


def other_lights(clip: str, faces):
    """The faces of a training clip's main person, without those in the target clip's light."""
    labels = weights.data_folder() / "sample" / f"labels_{clip}.jsonl"
    lights = {row["frame"]: row["light"] for row in map(json.loads, labels.read_text().splitlines())}
    keep = (faces.table["person"] == 0) & (faces.table["frame"].map(lights) != LEFT_OUT)
    return faces.subset(keep.to_numpy())


def to_half(path: Path) -> None:
    """Stores every float32 array of a weights file as float16, compressed."""
    with files.atomic_path(path) as temporary:
        with h5py.File(path) as source, h5py.File(temporary, "w") as target:

            def copy(name, item):
                if isinstance(item, h5py.Dataset):
                    value = item[()]
                    value = value.astype("float16") if getattr(value, "dtype", None) == np.float32 else value
                    made = target.create_dataset(name, data=value, compression="gzip" if np.ndim(value) else None)
                else:
                    made = target.require_group(name)
                for key, attribute in item.attrs.items():
                    made.attrs[key] = attribute

            source.visititems(copy)
            for key, attribute in source.attrs.items():
                target.attrs[key] = attribute


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=12000)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--copies", type=int, default=10)
    parser.add_argument("--start", type=Path, help="weights of the same shape to go on from")
    parser.add_argument("--work", type=Path, default=Path("runs/warm_start"))
    parser.add_argument("--out", type=Path, default=weights.data_folder() / "weights" / "quick_autoencoder")
    parser.add_argument("--note", default="", help="a sentence for config.json")
    options = parser.parse_args()

    keras.utils.set_random_seed(0)
    sets = {}
    for person in ("A", "B"):
        clip = samples.sample_clips()[f"train_{person}"]
        faces = extract_faces(clip, options.work / "faces" / person)
        sets[person] = [other_lights(f"train_{person}", faces)]
    faces, masks, likened = stages.practice_arrays(sets, 96, options.copies, seed=0)
    counts = {person: len(pictures) for person, pictures in faces.items()}
    print("faces", {person: len(some[0]) for person, some in sets.items()}, "with varied copies", counts)

    model = autoencoder.FaceAutoencoder(autoencoder.quick(), autoencoder.QUICK_LOSS, autoencoder.QUICK_AUGMENTATION)
    if options.start:
        training.load_weights(model, options.start)
    model.set_faces(faces, masks, likened)
    rate = keras.optimizers.schedules.CosineDecay(options.rate, options.steps, alpha=0.03)
    model.compile(optimizer=keras.optimizers.Adam(rate))
    some = {person: pictures[: counts[person] // (options.copies + 1)][::20] for person, pictures in faces.items()}
    small = {person: autoencoder.resize(pictures, 64) for person, pictures in some.items()}
    history = training.fit(
        model, options.work / "model", counts, options.steps, batch_size=8, log_every=100, preview_every=1000,
        checkpoint_every=500, paint=lambda m: training.preview_grid(m, small), tensorboard=False, verbose=2,
    )  # fmt: skip
    about = {
        "steps": options.steps,
        "batch_size": 8,
        "left_out": f"faces lit by {LEFT_OUT!r}; the target clip; the truth",
        "command": f"python tools/train_warm_start.py --steps {options.steps} --rate {options.rate}",
        "note": options.note,
        "last_row": history.iloc[-1].to_dict(),
    }
    training.save_model(model, options.out, "autoencoder", about)
    to_half(options.out / training.WEIGHTS)
    config = files.read_json(options.out / training.CONFIG)
    config["sha256"] = files.sha256(options.out / training.WEIGHTS)
    files.write_json(options.out / training.CONFIG, config)


if __name__ == "__main__":
    main()
