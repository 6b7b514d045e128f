"""One training step of some small models, on the backend that KERAS_BACKEND names: prints each model's losses as JSON.

    KERAS_BACKEND=jax PYTHONPATH=. python tests/models/one_step.py "quick" "quick@mixed_float16"

`test_backends.py` runs it in a process of its own, since a process has one backend.
"""

import dataclasses
import json
import sys

import keras
import numpy as np
from swap_model_parts import INDEX, SMALL, SMALL_GAN, STILL, sets

from faceswap_lab.models import autoencoder, autoencoder_networks, faceswap_gan, faceswap_gan_networks, loss_weights
from faceswap_lab.models.loss_weights import LossWeights
from faceswap_lab.training.pace import precision

ALL = {name: 1.0 for name in ("eyes", "nose", "brows", "ssim", "ms_ssim", "code", "cycle", "mask", "alpha_hinge")}
MODELS = {
    "quick": (SMALL, loss_weights.QUICK),
    "original, two decoders": (autoencoder_networks.original(64, width=0.02), loss_weights.ORIGINAL),
    "low memory, two encoders": (autoencoder_networks.low_memory(64, "decoder", width=0.02), LossWeights(ssim=1)),
    "quick GAN, mixup": (SMALL_GAN, LossWeights(adversarial=0.1, edge=0.1, alpha_variation=0.1, alpha=0.01, **ALL)),
    "small GAN, hinge, R1": (
        dataclasses.replace(SMALL_GAN, adversarial="hinge"),
        LossWeights(adversarial=0.1, gradient_penalty=1, eyes=30),
    ),
    "standard 64, hinge, R1": (
        faceswap_gan_networks.standard(64, width=0.02, adversarial="hinge", norm="hybrid"),
        LossWeights(adversarial=0.1, gradient_penalty=1, kernel_decay=1e-4),
    ),
    "lite 128, relativistic": (
        faceswap_gan_networks.standard(128, lite=True, width=0.02, adversarial="relativistic", norm="whole_image"),
        LossWeights(adversarial=0.1, eyes=30, span=2),
    ),
}


def step(config, weights, policy: str = "float32") -> dict:
    """The first step's losses, and `moved`: the share of weights that it changed."""
    keras.utils.set_random_seed(0)
    adversarial = hasattr(config, "adversarial")
    kind = faceswap_gan.FaceSwapGAN if adversarial else autoencoder.FaceAutoencoder
    eager = keras.backend.backend() == "tensorflow"  # tracing takes longer there than one step; JAX only runs compiled
    with precision(policy):
        model = kind(config, weights, STILL)
        model.set_faces(*sets(config.size, 5))
        optimizer = faceswap_gan.TwoRateAdam(1e-3) if adversarial else keras.optimizers.Adam(1e-3)
        model.compile(optimizer=optimizer, run_eagerly=eager, jit_compile=not eager)
    if policy == "mixed_float16":  # where Keras begins, 2**15, the first steps only find the scale
        model.optimizer.initial_scale = 2**11
        model.optimizer.dynamic_scale.assign(2**11)
    # While an attention's gain is 0 its other weights receive no gradient: they are left out.
    asleep = ("query", "key", "value")
    learning = [v for v in model.trainable_variables if not any(part in v.path for part in asleep)]
    before = [keras.ops.convert_to_numpy(v).copy() for v in learning]
    logs = model.train_on_batch(INDEX, return_dict=True)
    after = [keras.ops.convert_to_numpy(v) for v in learning]
    moved = float(np.mean([np.abs(a - b).max() > 0 for a, b in zip(before, after, strict=True)]))
    return {"moved": moved, **{name: float(value) for name, value in logs.items()}}


if __name__ == "__main__":
    chosen = sys.argv[1:] or list(MODELS)
    asked = {name: name.partition("@") for name in chosen}
    found = {name: step(*MODELS[model], policy or "float32") for name, (model, _, policy) in asked.items()}
    print(json.dumps({"backend": keras.backend.backend(), **found}))
