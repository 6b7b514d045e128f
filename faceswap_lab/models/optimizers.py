"""Optimisers: the first tools' Adam, and one that lets critics learn at their own rate."""

from __future__ import annotations

import keras


def original_adam(learning_rate: float = 5e-5) -> keras.optimizers.Adam:
    """Adam as the first deepfake tools had it: 5e-5, beta1 0.5, beta2 0.999."""
    return keras.optimizers.Adam(learning_rate, beta_1=0.5, beta_2=0.999)


@keras.saving.register_keras_serializable("faceswap_lab")
class TwoRateAdam(keras.optimizers.Adam):
    """Adam whose critics (variables of layers named critic_*) learn `critic_factor` times as fast as the painter.

    Published: beta1 0.5, painter 1e-4, critics 2e-4.
    """

    def __init__(self, learning_rate=1e-4, beta_1=0.5, beta_2=0.999, critic_factor=2.0, **kwargs):
        super().__init__(learning_rate=learning_rate, beta_1=beta_1, beta_2=beta_2, **kwargs)
        self.critic_factor = critic_factor

    def build(self, variables):
        super().build(variables)
        self.critic_places = {place for place, variable in enumerate(variables) if "critic_" in variable.path}

    def update_step(self, gradient, variable, learning_rate):
        of_critic = self._get_variable_index(variable) in self.critic_places
        super().update_step(gradient, variable, learning_rate * (self.critic_factor if of_critic else 1.0))

    def get_config(self):
        return {**super().get_config(), "critic_factor": self.critic_factor}
