"""Trains the warm start that the preset `quick` goes on from: data/weights/quick_autoencoder.

    python tools/train_warm_start.py            (about 40 minutes on two idle cores)

It sees the two actors' training clips, train_A and train_B, and nothing of the talking clips that the course converts or of
the true swaps; neither actor is seen in the light that he or she talks in. Faces are extracted into runs/warm_start;
training resumes from its checkpoints after a stop. The finished weights are stored in 16 bit.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import h5py
import keras
import numpy as np

from faceswap_lab import training
from faceswap_lab.base import files, weights
from faceswap_lab.course import actors, stages
from faceswap_lab.faces.extraction import extract_faces
from faceswap_lab.faces.sources import write_sources
from faceswap_lab.models import autoencoder, face_statistics, optimizers
from faceswap_lab.provenance.checks import may_prepare


def to_half(path: Path) -> None:
    """Stores every float32 array of a weights file as float16, compressed."""
    with files.atomic_path(path) as temporary, h5py.File(path) as source, h5py.File(temporary, "w") as target:

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
    parser.add_argument("--steps", type=int, default=9000)
    parser.add_argument("--rate", type=float, default=2.5e-3)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--copies", type=int, default=12)
    parser.add_argument("--start", type=Path, help="weights of the same shape to go on from")
    parser.add_argument("--work", type=Path, default=Path("runs/warm_start"))
    parser.add_argument("--out", type=Path, default=weights.data_folder() / "weights" / "quick_autoencoder")
    parser.add_argument("--note", default="", help="a sentence for config.json")
    options = parser.parse_args()

    keras.utils.set_random_seed(0)
    clips = {person: actors.clip(f"train_{person}").path for person in ("A", "B")}
    sets = {person: [extract_faces(clip, options.work / "faces" / person)] for person, clip in clips.items()}
    faces, masks, transferred = stages.practice_arrays(sets, 96, options.copies, seed=0)
    model = autoencoder.FaceAutoencoder(autoencoder.quick(), autoencoder.QUICK_LOSS, autoencoder.QUICK_AUGMENTATION)
    if options.start:
        training.load_weights(model, options.start)
    counts = training.set_faces(model, faces, masks, transferred)
    print("faces", {person: len(some[0]) for person, some in sets.items()}, "with varied copies", counts)
    rate = keras.optimizers.schedules.CosineDecay(options.rate, options.steps, alpha=0.03)
    model.compile(optimizer=optimizers.ConvolutionMuon(rate), jit_compile=True)  # on a CPU, too, XLA saves a fifth
    some = {person: pictures[: counts[person] // (options.copies + 1)][::20] for person, pictures in faces.items()}
    small = {person: face_statistics.resize(pictures, 64) for person, pictures in some.items()}
    history = training.fit(
        model, options.work / "model", counts, options.steps, batch_size=options.batch_size, log_every=100,
        preview_every=1000, checkpoint_every=500, draw_preview=lambda m: training.preview_grid(m, small), tensorboard=False,
    )  # fmt: skip
    about = {
        "steps": options.steps,
        "batch_size": options.batch_size,
        "left_out": "the talking clips, each actor in the light of his or her own, the truth",
        "command": "python tools/train_warm_start.py "
        + f"--steps {options.steps} --rate {options.rate} --batch-size {options.batch_size} --copies {options.copies}",
        "note": options.note,
        "last_row": history.iloc[-1].to_dict(),
    }
    training.save_model(model, options.out, "autoencoder", about)
    to_half(options.out / training.WEIGHTS)
    config = files.read_json(options.out / training.CONFIG)
    config["sha256"] = files.sha256(options.out / training.WEIGHTS)
    files.write_json(options.out / training.CONFIG, config)
    write_sources(options.out, [may_prepare(clip)[0] for clip in clips.values()])


if __name__ == "__main__":
    main()
