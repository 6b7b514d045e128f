"""How fast a model learns: a warm-up and a clipped gradient around any optimiser and any schedule; time left.

Mixed precision is a matter of how the model is built, see `precision`.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from faceswap_lab.base.errors import LabError

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


@dataclass(frozen=True)
class Pace:
    """What is laid over the optimiser's own learning rate and gradients.

    Args:
        warmup_steps: the learning rate climbs over these first steps in a straight line, on top of whatever schedule the
            optimiser or a callback has: step n of w uses n / w of it. 0 leaves it out.
        clip_norm: each weight array's gradient is shortened to this length (Keras' `clipnorm`).
        global_clip_norm: all gradients together are shortened to this length (Keras' `global_clipnorm`); in a GAN generator
            and discriminators count together. Pascanu et al. 2013 (arXiv:1211.5063).
    """

    warmup_steps: int = 0
    clip_norm: float | None = None
    global_clip_norm: float | None = None

    def __post_init__(self):
        if self.warmup_steps < 0:
            raise LabError(f"warmup_steps={self.warmup_steps}: a number of steps, 0 or more. Give 0 for no warm-up.")
        if self.clip_norm and self.global_clip_norm:
            raise LabError("clip_norm and global_clip_norm: only one of them can hold. Give one.")


class Throttle:
    """Sits between an optimiser and its weights and multiplies every update's learning rate.

    The factor is part of the compiled step: the warm-up follows from the optimiser's own count of updates (so a resumed run
    warms up exactly as the first), the guard's factor is a constant that changes only when the step is compiled anew.
    """

    def __init__(self, optimizer, pace: Pace):
        self.optimizer = getattr(optimizer, "inner_optimizer", optimizer)
        self.warmup_steps, self.factor = pace.warmup_steps, 1.0
        earlier = getattr(self.optimizer, "_throttle", None)
        self._update = earlier._update if earlier else self.optimizer.update_step
        self.optimizer._throttle = self
        self.optimizer.update_step = self.update_step
        if pace.clip_norm or pace.global_clip_norm:
            self.optimizer.clipnorm, self.optimizer.clipvalue = pace.clip_norm, None
            self.optimizer.global_clipnorm = pace.global_clip_norm
        self._compiled = earlier._compiled if earlier else (0, 1.0, None, None)

    def recompile(self, model: keras.Model) -> None:
        """Has the step compiled anew if it was compiled with other factors or another clipping."""
        wanted = (self.warmup_steps, self.factor, self.optimizer.clipnorm, self.optimizer.global_clipnorm)
        if wanted != self._compiled and model.train_function is not None:
            model.make_train_function(force=True)
        self._compiled = wanted

    def update_step(self, gradient, variable, learning_rate):
        """The optimiser's own update, at the throttled rate."""
        if self.warmup_steps:
            done = ops.cast(self.optimizer.iterations + 1, "float32")
            learning_rate = learning_rate * ops.minimum(done / self.warmup_steps, 1.0)
        if self.factor != 1.0:
            learning_rate = learning_rate * self.factor
        self._update(gradient, variable, learning_rate)

    def rate(self, step: int) -> float:
        """The learning rate that step number `step` (from 1) was done with, given the optimiser's present one."""
        present = float(ops.convert_to_numpy(self.optimizer.learning_rate))
        return present * self.factor * (min(step / self.warmup_steps, 1.0) if self.warmup_steps else 1.0)


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
