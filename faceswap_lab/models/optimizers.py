"""Optimisers: the first tools' Adam, Muon for convolutions, and an Adam that lets discriminators learn at their own rate."""

from __future__ import annotations

import contextlib

import keras
from keras import ops


def original_adam(learning_rate: float = 5e-5) -> keras.optimizers.Adam:
    """Adam as the first deepfake tools had it: 5e-5, beta1 0.5, beta2 0.999."""
    return keras.optimizers.Adam(learning_rate, beta_1=0.5, beta_2=0.999)


@keras.saving.register_keras_serializable("faceswap_lab")
class ConvolutionMuon(keras.optimizers.Muon):
    """Muon for dense *and* convolution kernels; first layer, output layers, discriminators, biases and norms go by Adam.

    Each kernel's step is its momentum with all singular values brought near 1, so that no direction of it learns slowly.
    Keras's own Muon leaves convolutions to Adam; here a kernel (h, w, in, out) is seen as a matrix (h w in, out), as its
    author does it. On the quick autoencoder (code of 80, 750 steps from nothing, faces of both actors) the local
    contrast of reconstructed training faces was off by 0.144 with it and by 0.171 with Adam at its best rate of two, and
    that of unseen ones by 0.212 and 0.226. A step takes about 13 % more processor time.

    Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024; step size as in Liu et al., "Muon is
    scalable for LLM training", 2025 (arXiv:2502.16982), so that a rate means what it means for Adam.

    Args:
        learning_rate: for both kinds of step.
        ns_steps: Newton-Schulz iterations.
        by_adam: parts of the paths of layers that go by Adam.
        options: of `keras.optimizers.Muon`.
    """

    def __init__(self, learning_rate=2.5e-3, ns_steps=4, by_adam=("paint", "down_0", "discriminator"), **options):
        options = {"weight_decay": 0.0, "adam_weight_decay": None, "adam_beta_2": 0.99, **options}
        options.pop("exclude_layers", None)
        super().__init__(learning_rate=learning_rate, ns_steps=ns_steps, exclude_layers=list(by_adam), **options)
        self.by_adam = tuple(by_adam)

    def _should_use_adamw(self, variable):
        return len(variable.shape) not in (2, 4) or any(part in variable.path for part in self.by_adam)

    def _muon_update_step(self, gradient, variable, lr, m):
        if len(variable.shape) == 2:
            super()._muon_update_step(gradient, variable, lr, m)
            return
        self.assign_add(m, ops.add(gradient, m * (self.momentum - 1)))
        step = ops.add(gradient, self.momentum * m) if self.nesterov else m
        step = self.zeropower_via_newtonschulz5(ops.reshape(step, (-1, variable.shape[-1])), self.ns_steps)
        self.assign_sub(variable, ops.reshape(self.lr_adjust(lr * step), variable.shape))

    def zeropower_via_newtonschulz5(self, x, steps: int):
        """Keras's iteration for a matrix (m, n), by its smaller Gram matrix alone.

        Each step multiplies X by a polynomial of X X^T. The polynomials are multiplied first, as small square matrices, and the
        long X once: a kernel has at least nine times as many rows as its layer has inputs, so this is a fraction of the work.
        """
        if x.shape[-2] > x.shape[-1]:
            return ops.transpose(self.zeropower_via_newtonschulz5(ops.transpose(x), steps))
        x = x / (ops.norm(x) + 1e-7)
        gram = x @ ops.transpose(x)
        identity = product = ops.eye(x.shape[0], dtype=x.dtype)
        for _ in range(steps):
            polynomial = self.muon_a * identity + (self.muon_b * gram + self.muon_c * gram @ gram)
            gram, product = polynomial @ gram @ polynomial, polynomial @ product
        return product @ x

    def get_config(self):
        return {**super().get_config(), "by_adam": list(self.by_adam)}


@keras.saving.register_keras_serializable("faceswap_lab")
class TwoRateAdam(keras.optimizers.Adam):
    """Adam whose discriminators learn `discriminator_factor` times as fast as the generator.

    Discriminators are the variables of layers named discriminator_*. Published: beta1 0.5, generator 1e-4, discriminators 2e-4.
    """

    def __init__(self, learning_rate=1e-4, beta_1=0.5, beta_2=0.999, discriminator_factor=2.0, **kwargs):
        super().__init__(learning_rate=learning_rate, beta_1=beta_1, beta_2=beta_2, **kwargs)
        self.discriminator_factor = discriminator_factor

    def build(self, variables):
        super().build(variables)
        self.discriminator_places = {place for place, variable in enumerate(variables) if "discriminator_" in variable.path}

    def update_step(self, gradient, variable, learning_rate):
        of_discriminator = self._get_variable_index(variable) in self.discriminator_places
        super().update_step(gradient, variable, learning_rate * (self.discriminator_factor if of_discriminator else 1.0))

    def get_config(self):
        return {**super().get_config(), "discriminator_factor": self.discriminator_factor}


def build(model: keras.Model) -> None:
    """Makes the slots of a compiled model's optimiser, where the backend wants them (TensorFlow: inside the model's strategy).

    TensorFlow traces a training step twice when its first run makes them, which takes seconds.
    """
    if model.optimizer.built:
        return
    strategy = getattr(model, "distribute_strategy", None)
    with contextlib.nullcontext() if strategy is None else strategy.scope():
        model.optimizer.build(model.trainable_variables)
