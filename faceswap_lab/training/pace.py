"""How fast a model learns: a throttle around any optimiser and any schedule; time left.

Mixed precision is a matter of how the model is built, see `precision`.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Iterator

import keras
import numpy as np

from faceswap_lab.base.errors import LabError

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


class Throttle:
    """Sits between an optimiser and its weights: a training that was rolled back goes on at a part of the learning rate.

    The factor is a constant of the compiled step, which is compiled anew when it changes.
    """

    def __init__(self, optimizer):
        self.optimizer = getattr(optimizer, "inner_optimizer", optimizer)
        self.factor = 1.0
        earlier = getattr(self.optimizer, "_throttle", None)
        self._update = earlier._update if earlier else self.optimizer.update_step
        self.optimizer._throttle = self
        self.optimizer.update_step = self.update_step
        self._compiled = earlier._compiled if earlier else 1.0

    def recompile(self, model: keras.Model) -> None:
        """Has the step compiled anew if it was compiled with another factor."""
        if self.factor != self._compiled and model.train_function is not None:
            model.make_train_function(force=True)
        self._compiled = self.factor

    def update_step(self, gradient, variable, learning_rate):
        """The optimiser's own update, at the throttled rate."""
        self._update(gradient, variable, learning_rate * self.factor if self.factor != 1.0 else learning_rate)

    def rate(self) -> float:
        """The learning rate that the last step was done with."""
        return self.factor * float(keras.ops.convert_to_numpy(self.optimizer.learning_rate))


@contextlib.contextmanager
def precision(name: str) -> Iterator[None]:
    """Builds models in mixed precision: layers reckon in 16 bits, weights and losses stay in 32.

    Build **and compile** inside the block; train where you like. With "mixed_float16" Keras wraps the optimiser so that
    small gradients do not vanish (Micikevicius et al. 2018, arXiv:1710.03740). On a CPU it saves memory, seldom time.

    Args:
        name: "float32", "mixed_bfloat16" (CPUs, TPUs, GPUs since Ampere) or "mixed_float16" (GPUs since Volta, T4 too).

    Raises:
        LabError: for another name.
    """
    if name not in PRECISIONS:
        raise LabError(f"precision {name!r}: there is none of that name. Choose one of {', '.join(PRECISIONS)}.")
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


class Clock:
    """Counts a training's seconds, without its pauses, and says how long the rest will take.

    Args:
        before: seconds of the runs before this one.
    """

    def __init__(self, before: float = 0.0):
        self._durations: deque[float] = deque(maxlen=200)
        self._fresh: list[float] = []  # durations of this interval
        self._extra, self._steps, self._warm = 0.0, 0, False
        self._before, self._begun = before, time.monotonic()
        self._last: float | None = None

    def tick(self) -> None:
        """Is called between two steps."""
        now = time.monotonic()
        if self._last is not None:
            self._fresh.append(now - self._last)
        self._last = now

    def hold(self) -> None:
        """The next step is not the one after the last: what lies between is no step's duration."""
        self._last = None

    def end_interval(self) -> None:
        """Is called when the interval's losses have been read: an accelerator that ran behind has caught up by then.

        Between two steps the clock sees how long it took to ask for one; only all steps of an interval together say how
        long they took. So each counts with the interval's mean, without the very first step, which was compiled.
        """
        self.tick()
        fresh = self._fresh[0 if self._warm else 1 :]
        self._warm = self._warm or bool(self._fresh)
        self._durations.extend([float(np.mean(fresh))] * len(fresh) if fresh else ())
        self._fresh = []

    def step(self) -> float | None:
        """Seconds of a step: the median, so that a hiccup does not count; None while fewer than two were seen."""
        seen = self._durations or self._fresh[0 if self._warm else 1 :]
        return float(np.median(seen)) if len(seen) >= 2 else None

    def pause(self, seconds: float) -> None:
        """Takes a pause out of the count."""
        self._begun += seconds

    def seconds(self) -> float:
        """Seconds of training so far."""
        return self._before + time.monotonic() - self._begun

    def around(self, seconds: float, steps: int) -> None:
        """Notes what previews and saves took over the last `steps` steps."""
        self._extra, self._steps = self._extra + seconds, self._steps + steps

    def left(self, steps: int) -> float | None:
        """Seconds that `steps` more steps will take: `step` and what stands around the steps; None as there."""
        if (step := self.step()) is None:
            return None
        around = self._extra / self._steps if self._steps else 0.0
        return steps * (step + around)


def as_time(seconds: float | None) -> str:
    """Seconds as people say them: "0:42", "12:05", "3:20:00"; "?" for None."""
    if seconds is None:
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
