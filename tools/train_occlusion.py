"""Trains the network that finds what is before a face: data/weights/occlusion.

    python tools/train_occlusion.py CAST OUT    CAST from tools/render_pairs.py; OUT/occlusion.npz

It sees the faces of the rendered people, most of them with a hand that was cut out of another shot before them, or with
something flat. At the end it says how many of the hands' pixels it finds on CAST/held_out, whose people, lights and hands are in
no training, and how many of the face's it takes for something else. Ten minutes on two CPU cores; it does not resume.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from faceswap_lab.base import files  # noqa: E402
from faceswap_lab.base.errors import LabError  # noqa: E402
from faceswap_lab.faces.alignment import align  # noqa: E402
from faceswap_lab.models import occlusion  # noqa: E402
from faceswap_lab.training.fine_tuning import detector_error  # noqa: E402
from faceswap_lab.training.swapper_fitting import varied_light  # noqa: E402
from tools import true_swaps  # noqa: E402

BATCH, VARIANTS, RATE = 32, 4, 3e-3
HIDDEN, BY_A_HAND = 0.7, 0.75  # of the faces, something before them; of these, a hand


def practice(shots: list[true_swaps.TrueSwap], seed: int) -> dict[str, np.ndarray]:
    """Faces, and what is before them: (N, 128, 128, 3) and (N, 128, 128, 1) uint8."""
    draw, size = np.random.default_rng(seed), occlusion.SIZE
    hands = true_swaps.hands_of(shots, size)
    if not hands:
        raise LabError("CAST: no shot has a hand before a face. Render more with tools/render_pairs.py.")
    found = []
    for shot in shots * VARIANTS:
        change = detector_error(draw, size)
        matrix = change @ np.vstack([shot.matrix, [0, 0, 1]])
        face, mask, hidden = (align(x, matrix, size) for x in (shot.frame, shot.mask, shot.hand))
        if draw.uniform() < HIDDEN:
            if draw.uniform() < BY_A_HAND:
                thing = true_swaps.hand_before(hands, face, 255 * mask, draw)
            else:
                thing = true_swaps.something_flat(size, draw)
            face, _, _ = true_swaps.held_before(face, face, mask, thing)
            hidden = np.maximum(hidden, thing[..., 3])
        found.append((true_swaps.coded(face, draw), np.round(255 * hidden.clip(0, 1)).astype(np.uint8)[..., None]))
    return {name: np.stack(some) for name, some in zip(("faces", "hidden"), zip(*found, strict=True), strict=True)}


def train(arrays: dict[str, np.ndarray], steps: int, seed: int) -> keras.Model:
    keras.utils.set_random_seed(seed)
    network, draw = occlusion.build_occlusion(), keras.random.SeedGenerator(seed)
    rate = keras.optimizers.schedules.CosineDecay(RATE, steps, alpha=0.01)
    mean = max(0.5, 1 - 50 / steps)
    network.compile(
        keras.optimizers.Adam(rate, use_ema=True, ema_momentum=mean), loss="binary_crossentropy", jit_compile=True
    )
    vary = tf.function(varied_light, jit_compile=True)
    for step in range(steps):
        rows = np.random.default_rng([seed, step]).integers(0, len(arrays["faces"]), BATCH)
        faces, hidden = (arrays[name][rows].astype(np.float32) / 255 for name in ("faces", "hidden"))
        varied = vary({"faces": faces, "truth": faces, "references": faces[..., :2], "mask": hidden}, draw)
        loss = network.train_on_batch(varied["faces"], varied["mask"])
        if (step + 1) % 100 == 0:
            print(f"step {step + 1}: cross-entropy {float(loss):.4f}", flush=True)
            network.reset_metrics()
    network.optimizer.finalize_variable_values(network.trainable_variables)
    return network


def score(shots: list[true_swaps.TrueSwap], network: keras.Model) -> dict[str, float]:
    """Share of the hands' pixels that are found, and of the face's that are not."""
    faces, face, hand = (
        np.stack([align(getattr(shot, name), shot.matrix, occlusion.SIZE) for shot in shots])
        for name in ("frame", "mask", "hand")
    )
    found = network.predict(faces.astype(np.float32) / 255, batch_size=BATCH, verbose=0)[..., 0] > 0.5
    return {
        "hands found": round(float(found[hand > 0.5].mean()), 4),
        "faces taken for something": round(float(found[face > 0.5].mean()), 5),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cast", type=Path, help="what tools/render_pairs.py rendered")
    parser.add_argument("out", type=Path, help="where the network goes")
    parser.add_argument("--steps", type=int, default=2500, help=f"of {BATCH} faces (2500)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    out = files.make_folder(arguments.out)
    shots, held_out = (true_swaps.read_shots(arguments.cast / part, occlusion.SIZE) for part in ("train", "held_out"))
    network = train(practice(shots, arguments.seed), arguments.steps, arguments.seed)
    occlusion.save(network, out / "occlusion.npz")
    print(score(held_out, occlusion.load(out / "occlusion.npz")))


if __name__ == "__main__":
    try:
        main()
    except LabError as error:
        sys.exit(str(error))
