"""FaceSwap-GAN's schedule as data, and the callback that applies it to the running graph."""

from __future__ import annotations

from dataclasses import dataclass

import keras


@dataclass(frozen=True)
class Phase:
    """A stretch of the training.

    Args:
        start: where it begins, as a share of all steps.
        perceptual: whether the perceptual loss counts.
        alpha_least: m of the alpha hinge; 0 switches it off.
        rate: factor on both learning rates.
        decoders_swapped: A's decoder holds B's weights meanwhile, and the other way round.
    """

    start: float = 0.0
    perceptual: bool = True
    alpha_least: float = 0.0
    rate: float = 1.0
    decoders_swapped: bool = False


PUBLISHED_SCHEDULE = (
    Phase(0.0, perceptual=False),
    Phase(0.2),
    Phase(0.3, alpha_least=0.5),
    Phase(0.4, alpha_least=0.2),
    Phase(0.5, alpha_least=0.4),
    Phase(2 / 3, rate=0.3),
    Phase(0.8, alpha_least=0.1, rate=0.3, decoders_swapped=True),
    Phase(0.9, rate=0.1),
)
# For a trained generator.
WARM_SCHEDULE = (Phase(0.0, alpha_least=0.2), Phase(0.7, alpha_least=0.2, rate=0.3))


def phase_at(phases: tuple[Phase, ...], step: int, steps: int) -> Phase:
    """The phase of a step (0 is the first) in a training of `steps` steps."""
    return [phase for phase in phases if phase.start * steps <= step + 1e-9][-1]


class ScheduleCallback(keras.callbacks.Callback):
    """Applies a schedule's phases as values in the running graph: nothing is rebuilt, Adam keeps its moments.

    The phase follows from the optimiser's step count alone, and whether the decoders are swapped is kept with the
    model's weights: a training that resumes, or falls back to an older checkpoint, finds its phase by itself.

    Args:
        phases: in order of `start`, the first at 0.
        steps: all steps of the training.
        learning_rate: the rate that the phases' factors apply to.

    Raises:
        ValueError: for phases out of order, or an optimiser whose rate follows a schedule of its own.
    """

    def __init__(self, phases: tuple[Phase, ...], steps: int, learning_rate: float):
        super().__init__()
        starts = [phase.start for phase in phases]
        if not starts or starts[0] != 0 or starts != sorted(starts):
            raise ValueError(f"phases must begin at 0 and be in order, got starts {starts}")
        self.phases, self.steps, self.learning_rate = phases, steps, learning_rate

    def phase(self, step: int) -> Phase:
        return phase_at(self.phases, step, self.steps)

    def on_train_begin(self, logs=None):
        if not hasattr(self.model.optimizer.learning_rate, "assign"):
            raise ValueError("the optimiser's learning rate follows a schedule of its own: give it a number instead")

    def on_train_batch_begin(self, batch, logs=None):
        self.apply(self.phase(int(self.model.optimizer.iterations)))

    def apply(self, now: Phase) -> None:
        """Sets the values of a phase in the model."""
        model = self.model
        model.alpha_least.assign(now.alpha_least)
        model.perceptual_on.assign(1.0 if now.perceptual else 0.0)
        model.optimizer.learning_rate.assign(self.learning_rate * now.rate)
        if now.decoders_swapped != (float(model.decoders_swapped) > 0):
            model.swap_decoders()
