"""One training process for test_distribution.py, started by it: prints its losses and weights as JSON."""

import argparse
import json
import os
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

BATCH, STEPS = 8, 3
EPSILON = 1e-3  # of Adam: large, so that a weight without gradient is not moved by the last bit of a sum


def arrays():
    """Two small face sets whose masks differ much in area: a mean of two parts' masked means is not the whole's."""
    import numpy as np

    draw = np.random.default_rng(0)
    faces = {p: draw.integers(40, 220, (12, 24, 24, 3)).astype(np.uint8) for p in ("A", "B")}
    masks = {p: np.zeros((12, 24, 24, 3), np.uint8) for p in faces}
    for mask in masks.values():
        for face in range(12):
            mask[face, : 4 + face, 2 : 6 + face] = 255
    return faces, masks


def make(kind: str):
    """A small model, compiled: "autoencoder", or a GAN with the game of that name."""
    import dataclasses

    import keras

    from faceswap_lab.models import autoencoder, faceswap_gan

    keras.utils.set_random_seed(3)
    shape = dict(
        size=16,
        encoder_filters=(8, 8, 8, 8),
        kernel=3,
        latent=16,
        bridge=8,
        decoder_filters=(8, 8),
        alpha=True,
        relight=True,
        half_paint=True,
        centred=True,
    )
    options = autoencoder.Augmentation()
    if kind == "autoencoder":
        model = autoencoder.FaceAutoencoder(
            autoencoder.AutoencoderConfig(**shape),
            dataclasses.replace(autoencoder.QUICK_LOSS, code=0.1),
            options,
        )
        optimizer = keras.optimizers.Adam(1e-3, epsilon=EPSILON)
    else:
        config = faceswap_gan.GanConfig(
            **shape, attention=True, architecture="quick", discriminator_filters=(8, 8), adversarial=kind
        )
        loss = dataclasses.replace(faceswap_gan.QUICK_LOSS, adversarial=0.5, identity=0, gradient_penalty=0.1)
        model = faceswap_gan.FaceSwapGAN(config, loss, options)
        optimizer = faceswap_gan.TwoRateAdam(1e-3, epsilon=EPSILON)
    model.set_faces(*arrays())
    # A graph is not worth XLA's time for three steps; JAX would compile every operation by itself, which takes three times as long.
    model.compile(optimizer=optimizer, jit_compile=keras.backend.backend() == "jax")
    return model


def train(model):
    """`STEPS` steps through `fit`, one an epoch. Returns the losses, all weights, and how far they moved at most."""
    import numpy as np
    from keras import ops

    from faceswap_lab import training
    from faceswap_lab.training import distribution

    batches = distribution.feed(lambda: training.index_batches({"A": 12, "B": 12}, BATCH, seed=1), model)

    def weights():
        return np.concatenate([np.ravel(ops.convert_to_numpy(v)) for v in model.trainable_variables]).astype(float)

    before = weights()
    history = model.fit(batches, steps_per_epoch=1, epochs=STEPS, shuffle=False, verbose=0).history
    return {
        "losses": {name: [float(v) for v in values] for name, values in history.items()},
        "weights": weights().tolist(),
        "moved": float(np.abs(weights() - before).max()),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("kind")
    parser.add_argument("--devices", type=int, default=1)
    parser.add_argument("--hosts", type=int, default=1)
    parser.add_argument("--host", type=int, default=0)
    parser.add_argument("--port", type=int, default=0)
    asked = parser.parse_args()
    from faceswap_lab.training import distribution

    if asked.hosts > 1:
        distribution.join_hosts(f"127.0.0.1:{asked.port}", asked.hosts, asked.host)
        result = {kind: train(make(kind)) for kind in asked.kind.split(",")}
    elif asked.devices > 1:
        import tensorflow as tf

        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * asked.devices)
        tf.config.optimizer.set_experimental_options(
            {"disable_meta_optimizer": True}
        )  # small graphs: not worth the time
        result = {}
        for kind in asked.kind.split(","):
            result[kind + "/one"] = train(make(kind))
            with distribution.over_devices([f"CPU:{n}" for n in range(asked.devices)]) as count:
                assert count == asked.devices
                model = make(kind)
            result[kind + "/all"] = train(model)
            copies = model.banks[0].pictures.value.values
            result[kind + "/banks"] = [copy.device[-5:] for copy in copies]
    else:
        result = {kind: train(make(kind)) for kind in asked.kind.split(",")}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
