"""A GAN of one dimension, small enough to train in seconds and to draw whole: what two networks with opposed losses do.

Goodfellow et al., "Generative adversarial nets", NeurIPS 2014 (arXiv:1406.2661).
"""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from faceswap_lab.models.discriminators import Reading
from faceswap_lab.models.optimizers import TwoRateAdam

PLACES = (-2.0, 2.0)  # where the real numbers lie, half of them at each
SPREAD = 0.3  # their standard deviation there


def real_numbers(count: int, seed: int = 0) -> np.ndarray:
    """Draws from the two modes, normal distributions, (count, 1) float32."""
    random = np.random.default_rng(seed)
    return (random.choice(PLACES, count) + random.normal(0, SPREAD, count)).astype("float32")[:, None]


class ToyGan(keras.Model):
    """Generator and discriminator of one number, trained in one pass as FaceSwap-GAN is: each gets only its own gradient.

    Args:
        adversarial_loss: (scores of real numbers, of generated ones), (N, 1) each, to (generator's, discriminator's) loss.
        width: of the two hidden layers of each network.
        seed: of weights and noise.
    """

    def __init__(self, adversarial_loss, width: int = 48, seed: int = 0):
        super().__init__()
        self.adversarial_loss, self.random = adversarial_loss, keras.random.SeedGenerator(seed)
        self.generator, self.discriminator = self._network("generator", width), self._network("discriminator_", width)
        self.built = True

    def _network(self, name: str, width: int) -> keras.Model:
        start = keras.initializers.HeNormal(self.random)
        sizes = {"1": width, "2": width, "out": 1}
        layers = [keras.layers.Dense(n, kernel_initializer=start, name=f"{name}_{part}") for part, n in sizes.items()]
        first, second, out = layers
        bend = keras.layers.LeakyReLU(0.2)
        return keras.Sequential([keras.Input((1,)), first, bend, second, bend, out], name=name)

    def call(self, real):
        return real, self.generator(keras.random.normal(ops.shape(real), seed=self.random))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        (real, generated), discriminate = y_pred, Reading(self.discriminator)
        frozen = discriminate(real, True), discriminate(generated, True)  # the discriminator's weights held still
        taught = discriminate(real, False), discriminate(ops.stop_gradient(generated), False)
        generator, discriminator = self.adversarial_loss(*frozen)[0], self.adversarial_loss(*taught)[1]
        return generator + discriminator


def train(adversarial_loss, factor: float = 2.0, steps: int = 800, looks: int = 4, seed: int = 0) -> dict[int, np.ndarray]:
    """Trains a toy GAN by `TwoRateAdam`.

    Args:
        adversarial_loss: see `ToyGan`.
        factor: how many times as fast as the generator the discriminator learns.
        steps: of 256 numbers each.
        looks: how often the generator is asked, at even distances.
        seed: of weights, noise and data.

    Returns:
        {step: 2000 generated numbers}, float32, always from the same noise.
    """
    gan, each, seen = ToyGan(adversarial_loss, seed=seed), steps // looks, {}
    gan.compile(optimizer=TwoRateAdam(2e-3, discriminator_factor=factor), steps_per_execution=each)
    noise = np.random.default_rng(seed).normal(size=(2000, 1)).astype("float32")
    real = real_numbers(256 * each, seed)
    for look in range(1, looks + 1):
        gan.fit(real, batch_size=256, shuffle=False, verbose=0)  # Keras shuffles by a seed of its own
        seen[look * each] = ops.convert_to_numpy(gan.generator(noise))[:, 0]
    return seen


def mode_shares(generated: np.ndarray) -> np.ndarray:
    """The share of generated numbers (N,) within 3 deviations of each mode: (0.5, 0.5) is perfect, 0 is a lost mode."""
    return (np.abs(generated[:, None] - np.array(PLACES)) < 3 * SPREAD).mean(axis=0)
