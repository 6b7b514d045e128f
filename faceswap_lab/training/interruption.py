"""What may break into a training between two steps: a loss that is no number, a signal, a button."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np

# When the loss or a weight is no number any more, the training goes back to the same checkpoint so many times in a row before it
# gives up, each time with the learning rate multiplied by CUT from there on.
ROLLBACKS, CUT = 3, 0.5


class DivergedError(Exception):
    """The training cannot go on from here.

    Args:
        step: where it was noticed.
        what: the losses or the weight that are no numbers.
    """

    def __init__(self, step: int, what: str):
        super().__init__(f"{what} at step {step}")
        self.step, self.what = step, what


def broken_losses(values: dict[str, float]) -> str:
    """The names of the losses that are no numbers, "loss, eyes"; "" when all are.

    The values are means over an interval: one NaN in one step makes the mean a NaN, so looking once an interval is enough.
    """
    return ", ".join(name for name, value in values.items() if not np.isfinite(value))


class StopRequest(Exception):  # noqa: N818 - it is no error
    """Leaves Keras' loop between two steps.

    Args:
        reason: "button", "SIGINT" or "SIGTERM".
    """

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


class Panel(Protocol):
    """What a training tells and asks a panel of buttons; `widgets.training_panel` has one, and says what each does."""

    paused: bool

    def begin(self, folder: Path, step: int, total: int) -> None: ...
    def poll(self) -> None: ...
    def wants(self, wish: str) -> bool: ...
    def take(self, wish: str) -> bool: ...
    def say(self, text: str) -> None: ...
    def update(self, step: int, rows: list[dict], left: float | None, picture: np.ndarray | None, note: str) -> None: ...
    def end(self, step: int, total: int) -> None: ...


class Signals:
    """While it is open, Ctrl-C (a notebook's stop button) and SIGTERM wait for the step's end; a second Ctrl-C does not.

    In another thread than the main one, Python lets no one catch signals, and it does nothing.
    """

    def __init__(self) -> None:
        self.pending: str | None = None
        self._before: dict[int, Callable | int | None] = {}

    def __enter__(self) -> Signals:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *raised) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number, frame) -> None:
        if self.pending and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.pending = signal.Signals(number).name
