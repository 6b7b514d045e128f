"""What `fit` does between steps and at the end of every interval, with all that it knows in one `Session`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import _
from faceswap_lab.base.safeguards import safeguards
from faceswap_lab.training import checkpoints, early_stopping, previews, state, times
from faceswap_lab.training.history import HISTORY, MEASURES, Board, add_event, write_history
from faceswap_lab.training.interruption import DivergedError, Panel, Signals, StopRequest, broken_losses
from faceswap_lab.training.pace import Clock, Throttle, as_time

POLL_EVERY = 0.2  # seconds between two looks at the panel's buttons
COMPILING = "compiling the first step, about a minute; the steps after it are fast"


@dataclass
class Session:
    """One call of `fit`: its settings, how far it is, and what it does besides stepping. See `fit` for the settings."""

    model: keras.Model
    folder: Path
    total: int
    settings: dict
    log_every: int
    keep: int
    preview_every: int
    checkpoint_every: int
    checkpoint_seconds: float
    throttle: Throttle
    board: Board
    clock: Clock
    held_out: early_stopping.HeldOut | None = None
    draw_preview: Callable | None = None
    show: Callable | None = None
    panel: Panel | None = None
    progress: bool | None = None
    predicted: times.Prediction | None = None
    begun_at: int = 0
    signals: Signals = field(default_factory=Signals)
    step: int = 0
    rows: list[dict] = field(default_factory=list)
    facts: dict = field(default_factory=dict)
    metrics: dict = field(default_factory=dict)
    in_a_row: int = 0
    rolled_back_to: int | None = None
    picture: np.ndarray | None = None
    note: str = ""
    compiles: bool = False  # whether the next step is the one that XLA compiles
    _saved: tuple = ()
    _saved_at: float = 0.0
    _polled_at: float = 0.0
    _line: tqdm | None = None

    def take(self, found: checkpoints.Restored) -> None:
        """Takes over what a checkpoint brought back."""
        self.step, self.rows, self.metrics = found.step, list(found.history), found.metrics
        self.facts = {"rate_factor": 1.0, "rollbacks": 0, "measures": [], "settings": self.settings} | found.facts
        self.facts["measures"] = list(self.facts["measures"])
        self.facts["settings"] = self.settings
        self.throttle.factor = self.facts["rate_factor"]
        self._saved, self._saved_at = (found.step,) if found.path else (), time.monotonic()
        self.clock.hold()
        if self.panel is not None:
            self.panel.begin(self.folder, self.step, self.total)
        if self._line is None and (self.progress or (self.progress is None and sys.stderr.isatty())):
            style = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt}{postfix}"
            self._line = tqdm(total=self.total, initial=self.step, desc=self.folder.name, bar_format=style)

    def begin(self) -> None:
        """Before the first step of all: the state to fall back to, and the first preview."""
        try:
            self.save_if_new()
        except DivergedError as error:
            raise LabError(
                f"{self.folder}: {error.what} is no number, before the first step: the loss would be no number any more. "
                "Check the weights that the training begins with."
            ) from error
        self.draw(0)

    def save(self, inside: bool = False) -> None:
        """Writes a checkpoint of the present step; a state that is no number is reported, not saved."""
        if keras.backend.backend() == "jax":
            self.model.jax_state_sync()  # between two steps of an epoch, Keras has taken the values out of the variables
        try:
            checkpoints.save_checkpoint(
                self.model, self.folder / "checkpoints", self.step, self.rows, self.keep, self.facts, inside
            )
        except checkpoints.NotFiniteError as error:
            raise DivergedError(self.step, str(error)) from error
        self._saved, self._saved_at = (self.step,), time.monotonic()

    def save_if_new(self) -> None:
        """Saves unless this step is saved."""
        if self._saved != (self.step,):
            self.save(inside=bool(self.step % self.log_every))

    def draw(self, step: int) -> None:
        """Draws, keeps and shows the preview of a step, where previews are wanted."""
        if self.draw_preview is None:
            return
        self.picture = self.draw_preview(self.model)
        path = self.folder / previews.PREVIEWS / f"step_{step:06d}.png"
        try:
            safeguards().write_swapped(path, self.picture, self.folder.name, previews.SHOWN)
        except LabError as error:  # a certificate that runs out meanwhile is no reason to lose a training
            said = _("The preview of step {step} is signed by nobody known: {reason}")
            add_event(self.folder, step, "notice", said.format(step=step, reason=error))
            safeguards().write_swapped(path, self.picture, self.folder.name, previews.SHOWN, own=True)
        self.board.picture(step, "preview", self.picture)
        if self.show:
            self.show(step, self.picture)

    def make_timelapse(self) -> None:
        """Makes the timelapse, where there are previews. A video that fails is no reason to lose a training."""
        if self.draw_preview:
            try:
                previews.timelapse(self.folder)
            except LabError as error:
                add_event(self.folder, self.step, "notice", _("No timelapse: {reason}").format(reason=error))

    def close(self) -> None:
        self.board.close()
        if self.panel is not None:
            self.panel.end(self.step, self.total)
        if self._line is not None:
            self._line.close()

    # -- between two steps ---------------------------------------------------------------------------------------
    def look_around(self) -> None:
        """Signals, buttons, the clock: anything that may wait for a step's end. Raises `StopRequest`."""
        if self.signals.pending:
            raise StopRequest(self.signals.pending)
        now = time.monotonic()
        if self.panel is not None and now - self._polled_at > POLL_EVERY:
            self._polled_at = now
            self._obey(self.panel)
        if now - self._saved_at > self.checkpoint_seconds:
            self.save_if_new()
            self.clock.hold()

    def _obey(self, panel: Panel) -> None:
        panel.poll()
        if panel.take("save"):
            self.save_if_new()
            panel.say(_("saved at step {step}").format(step=self.step))
        if panel.paused:
            begun = time.monotonic()
            self.save_if_new()
            panel.say(_("paused at step {step}, saved").format(step=self.step))
            while panel.paused and not panel.wants("stop") and not self.signals.pending:
                time.sleep(0.05)
                panel.poll()
                if panel.take("save"):
                    panel.say(_("paused at step {step}, saved already").format(step=self.step))
            self.clock.pause(time.monotonic() - begun)
            self.clock.hold()
            panel.say("")
        if panel.take("stop"):
            raise StopRequest("button")

    def tell_compiling(self, begins: bool) -> None:
        """Says before the first step why nothing moves, and takes the words away after it."""
        text, self.compiles = _(COMPILING) if begins else "", begins
        if self.panel is not None:
            self.panel.say(text)
        elif self._line is not None:
            self._line.set_postfix_str(text)
        else:
            print(f"\r{text:{len(_(COMPILING))}}", end="" if begins else "\r", flush=True)

    # -- at the end of an interval -------------------------------------------------------------------------------
    def end_interval(self, logs: dict) -> None:
        """The row of the history, and whatever is due at this step."""
        self.clock.end_interval()
        begun = time.monotonic()
        values = {name: float(value) for name, value in logs.items()}
        if broken := broken_losses(values):
            raise DivergedError(self.step, broken)
        row = {"step": self.step, **{name: round(value, 6) for name, value in values.items()}}
        row["learning_rate"] = float(f"{self.throttle.rate():.6g}")
        row |= {"rollbacks": self.facts["rollbacks"], "seconds": round(self.clock.seconds(), 2)}
        self.rows.append(row)
        write_history(self.folder / HISTORY, self.rows)
        self.board.scalars(self.step, {name: row[name] for name in (*values, "learning_rate")})
        last = self.step == self.total
        drawn = self.draw_preview is not None and (last or previews.due(self.step, self.log_every, self.preview_every))
        if drawn:
            self.draw(self.step)
        self._measure()
        if self.step % self.checkpoint_every == 0:
            self.save_if_new()
        self.clock.around(time.monotonic() - begun, self.log_every)
        self.clock.hold()
        self._report(row, drawn)

    def _measure(self) -> None:
        """Evaluates the held-out measure when it is due."""
        held = self.held_out
        if held is None or (self.step % (held.every or self.preview_every) and self.step != self.total):
            return
        found = {name: round(float(value), 6) for name, value in held.measure(self.model).items()}
        measures = self.facts["measures"]
        measures.append({"step": self.step, **found})
        write_history(self.folder / MEASURES, measures)
        self.board.scalars(self.step, {f"held_out/{name}": value for name, value in found.items()})
        said = early_stopping.advise(measures, held.patience)
        if said and said != self.facts.get("advice"):
            self.facts["advice"] = said
            add_event(self.folder, self.step, "advice", f"{self.folder.name}: {said}")
        self.note = said

    def _report(self, row: dict, drawn: bool) -> None:
        left = self.clock.left(self.total - self.step)
        self._say_measured(left)
        if self._line is not None:
            said = _("loss {loss:.4f}, {time} left").format(loss=row.get("loss", float("nan")), time=as_time(left))
            self._line.set_postfix_str(said, refresh=False)
            self._line.update(self.step - self._line.n)
        if self.panel is not None:
            self.panel.update(self.step, self.rows, left, self.picture if drawn else None, self.note)

    def _say_measured(self, left: float | None) -> None:
        """Once, as soon as enough steps were seen: what they took, in the place of what was predicted."""
        seconds = self.clock.step()
        if self.predicted is None or seconds is None or self.step - self.begun_at < self.predicted.measured_after:
            return
        said = _("{model}: measured {speed:.3g} steps a second ({predicted:.3g} were predicted)")
        if left:
            said = _("{model}: measured {speed:.3g} steps a second ({predicted:.3g} were predicted), {time} left")
        time_left = times.in_words(left or 0)
        print(said.format(model=self.folder.name, speed=1 / seconds, predicted=1 / self.predicted.seconds, time=time_left))
        self.predicted = None


class Between(keras.callbacks.Callback):
    """Comes first: counts the steps and looks around before each. It asks Keras for no losses, which would make it wait."""

    def __init__(self, session: Session):
        super().__init__()
        self.session, self._running = session, False

    def on_epoch_begin(self, epoch, logs=None):
        if self.session.metrics:
            state.assign_metrics(self.model, self.session.metrics)
            self.session.metrics = {}

    def on_train_batch_begin(self, batch, logs=None):
        session = self.session
        self._count()
        session.clock.tick()
        session.look_around()
        if session.compiles:
            session.tell_compiling(begins=True)
        self._running = True

    def on_epoch_end(self, epoch, logs=None):
        self._count()

    def _count(self) -> None:
        """Counts the step that has run since the last call, if one has."""
        if self._running and self.session.compiles:
            self.session.tell_compiling(begins=False)
        self.session.step += self._running
        self._running = False


class IntervalEnd(keras.callbacks.Callback):
    """Comes last, so that what other callbacks change at an interval's end is in the checkpoint."""

    def __init__(self, session: Session):
        super().__init__()
        self.session = session

    def on_epoch_end(self, epoch, logs=None):
        self.session.end_interval(logs or {})
