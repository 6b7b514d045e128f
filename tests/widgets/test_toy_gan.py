"""The toy GAN of notebook 04: with the same game it loses a mode when its discriminator learns too slowly, and not else."""

import numpy as np
from keras import ops

from faceswap_lab.studies import toy_gan


def least_squares(real, generated):
    return ops.mean((generated - 1) ** 2), ops.mean((real - 1) ** 2) + ops.mean(generated**2)


def test_a_slow_discriminator_loses_a_mode():
    slow, fast = (toy_gan.train(least_squares, factor, steps=400, looks=2)[400] for factor in (0.1, 2.0))
    assert toy_gan.mode_shares(slow).min() < 0.01 < 0.4 < toy_gan.mode_shares(slow).max()
    assert toy_gan.mode_shares(fast).min() > 0.3


def test_shares_of_the_real_numbers():
    np.testing.assert_allclose(toy_gan.mode_shares(toy_gan.real_numbers(20_000)[:, 0]), [0.5, 0.5], atol=0.02)
    assert toy_gan.mode_shares(np.zeros(5)).tolist() == [0, 0]
