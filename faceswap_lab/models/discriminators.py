"""The discriminators, and the adversarial losses: who is to score what, and at what price.

An adversarial loss takes `discriminate(pictures, frozen)`, a discriminator's scores with or without a gradient to its
weights, and gives the generator's loss and the discriminator's loss. Each player's weights receive only their own gradient:
the generator's loss runs through a frozen discriminator, the discriminator's loss over pictures that are held still.
"""

from __future__ import annotations

import functools

import keras
import numpy as np
from keras import ops
from scipy.special import betaincinv

from faceswap_lab.models import layers, losses, replicas
from faceswap_lab.models.faceswap_gan_networks import GanConfig


def build_discriminator(config: GanConfig, name: str) -> keras.Model:
    """A person's discriminator: picture and bent input (N, S, S, 6) to one linear score a patch (N, 8, 8, 1) float32.

    Every layer's name begins with discriminator_: that is how `TwoRateAdam` knows whose weights they are.
    """
    inputs = keras.Input((config.size, config.size, 6))
    x = inputs
    last, side = len(config.discriminator_filters) - 1, config.size

    def down(x, filters, norm, name):
        return layers.downscale(x, filters, kernel=4, norm=norm, slope=0.2, bias=False, octave=config.octave, name=name)

    for index, filters in enumerate(config.discriminator_filters):
        x = down(x, filters, config.norm if index else None, f"discriminator_down_{index}")
        side //= 2
    x = layers.attend(x, config.octave, name=f"discriminator_attention_{last}")
    while side > 8:
        side //= 2
        x = down(x, config.discriminator_filters[-1], config.norm, f"discriminator_down_to_{side}")
        x = layers.attend(x, config.octave, name=f"discriminator_attention_at_{side}")
    scores = layers.convolution(x, 1, 4, padding="same", dtype="float32", name="discriminator_scores")
    return keras.Model(inputs, scores, name=name)


class Reading:
    """A discriminator as one step finds it: its weights, read once, for every opinion that the step asks it for.

    What a frozen discriminator says must not depend on whether its update of the same step has happened already. Read apart for
    each opinion, it did now and then: TensorFlow's graph optimiser drops the order between such a read and the update,
    when no gradient ties them together. Here the update needs the very tensors that the frozen opinion was formed with.

    Args:
        discriminator: its weights are read now.
    """

    def __init__(self, discriminator: keras.Model):
        self.discriminator = discriminator
        # A reshape reads the variable; convert_to_tensor would hand it on as it is, to be read at each use.
        self.weights = [ops.reshape(variable.value, variable.shape) for variable in discriminator.trainable_variables]

    def __call__(self, seen, frozen: bool):
        """Scores of what is seen, (N, H, W, C) to (N, h, w, 1); frozen: no gradient to the weights, no state kept."""
        weights = [ops.stop_gradient(one) for one in self.weights] if frozen else self.weights
        state = self.discriminator.non_trainable_variables
        scores, after = self.discriminator.stateless_call(weights, [v.value for v in state], seen, training=True)
        if not frozen:
            for variable, value in zip(state, after, strict=True):
                variable.assign(value)
        return scores


@functools.cache
def _beta_quantiles(alpha: float, cells: int) -> np.ndarray:
    """(cells + 1,) float32: what Beta(alpha, alpha) stays under with probability 0, 1 / cells ... 1."""
    return betaincinv(alpha, alpha, np.linspace(0, 1, cells + 1)).astype("float32")


def draw_beta(shape, alpha: float, seed, cells: int = 4096):
    """Draws from Beta(alpha, alpha), by its distribution's inverse: a uniform draw looked up in a table.

    `keras.random.beta` draws gammas, by rejection, for which XLA has no kernel on TensorFlow. The cumulative distribution
    is met at every knot of the table, and missed by less than 1 / cells between two.

    Args:
        shape: of the result.
        seed: a `keras.random.SeedGenerator`.
        cells: between the table's knots.

    Returns:
        float32 in [0, 1].
    """
    table = ops.convert_to_tensor(_beta_quantiles(alpha, cells))
    place = keras.random.uniform(shape, 0.0, float(cells), dtype="float32", seed=seed)
    below = ops.minimum(ops.cast(place, "int32"), cells - 1)
    low, high = ops.take(table, below), ops.take(table, below + 1)
    return low + (place - ops.cast(below, "float32")) * (high - low)


def mixup(discriminate, real, fake, seed):
    """Mixup-LSGAN: the discriminator names the share of the real picture in a mixture; the generator wants its own scored 1.

    Mao et al., "Least squares GAN" (arXiv:1611.04076); Zhang et al., "mixup" (arXiv:1710.09412): one share a batch,
    drawn from Beta(0.2, 0.2), near 0 or near 1.

    Returns:
        (generator's loss, discriminator's loss).
    """
    share = draw_beta((), 0.2, seed)
    mixed = share * real + (1 - share) * ops.stop_gradient(fake)
    return losses.least_squares(discriminate(fake, True), 1.0), losses.least_squares(discriminate(mixed, False), share)


def relativistic(discriminate, real, fake, seed=None):
    """Relativistic-average LSGAN (Jolicoeur-Martineau, arXiv:1807.00734).

    Real pictures should score 1 above the mean generated one, generated ones 1 below the mean real one; the generator wants it
    the other way round.

    Returns:
        (generator's loss, discriminator's loss).
    """
    still = ops.stop_gradient(fake)

    def above(first, second):
        return (
            losses.relativistic_least_squares(first, second, 1.0)
            + losses.relativistic_least_squares(second, first, -1.0)
        ) / 2

    generator = above(discriminate(fake, True), discriminate(real, True))
    return generator, above(discriminate(real, False), discriminate(still, False))


def hinge(discriminate, real, fake, seed=None):
    """The hinge loss of Lim and Ye (arXiv:1705.02894) and SAGAN (arXiv:1805.08318).

    Returns:
        (generator's loss, discriminator's loss).
    """
    discriminator = losses.hinge(discriminate(real, False), 1.0) + losses.hinge(discriminate(ops.stop_gradient(fake), False), -1.0)
    return -ops.mean(discriminate(fake, True)), discriminator


ADVERSARIAL_LOSSES = {"mixup": mixup, "relativistic": relativistic, "hinge": hinge}


def gradient_penalty(discriminate, real, seed, step: float = 0.02):
    """R1, half the mean squared gradient of a discriminator's mean score at real pictures, without a second derivative.

    Mescheder et al., "Which training methods for GANs do actually converge?" (arXiv:1801.04406). With noise e of
    standard deviation 1 a pixel, ((D(x + step e) - D(x)) / step)^2 has the squared gradient as its mean, up to terms of
    step^2: one random direction a picture and step, as Lin et al. (arXiv:2501.08316) train with. The estimate is noisy
    (its deviation is 1.4 times its mean) and has no bias worth naming; it runs on every backend. It is a difference of
    nearly equal scores, and yet it holds in 16 bit: of a small trained discriminator float16 gave 1.005 and bfloat16 0.99 times
    what float32 does. A larger step is worse in every precision: twice too large already at 0.1.

    Args:
        discriminate: as in an adversarial loss.
        real: (N, S, S, C) float32.
        seed: a `keras.random.SeedGenerator`.
        step: of the finite difference, on the scale of the pictures.
    """
    rows, *picture = ops.shape(real)
    noise = keras.random.normal((rows * replicas.current().count, *picture), seed=seed, dtype="float32")
    noise = replicas.own_rows(noise)
    scores = discriminate(ops.concatenate([real, real + step * noise], axis=0), False)
    near, far = ops.split(ops.mean(ops.cast(scores, "float32"), axis=(1, 2, 3)), 2, axis=0)
    return ops.mean(ops.square((far - near) / step)) / 2
