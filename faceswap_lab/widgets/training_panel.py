"""A training's panel in the notebook: curves, the newest preview, the time left, and buttons that work while it runs.

A kernel runs one cell at a time, and a button's click is a message that waits until the cell has ended. So the panel looks
for such messages itself, between two steps: `Clicks` takes what has arrived from the kernel's stream, hands messages of
widgets to the widgets, and leaves everything else (the next cell, a question for completion) to the kernel, in its order.
Nothing runs nested, no thread is started. Where nobody can click (papermill, nbconvert, CI, a plain Python) there are no
buttons, a pause has no effect, and the panel is one picture that is redrawn.
"""

from __future__ import annotations

import html
import os
import time
from pathlib import Path

import cv2
import numpy as np

from faceswap_lab.base import machine
from faceswap_lab.base.messages import _
from faceswap_lab.training.pace import as_time
from faceswap_lab.video.pictures import coded_picture
from faceswap_lab.widgets.showing import Picture

SHARE = 0.01  # of the training's time that the panel's drawing may take
_FIRST = 2.0  # seconds from the first drawing to the second
_STAYS = 8.0  # seconds for which the answer to a click is not replaced by new figures' note
_ONE_CLICK = (
    0.5  # seconds: what a hand clicks within them on Pause is one click; so is what had to wait for a long step
)


class TrainingPanel:
    """Is given to `training.fit(panel=...)`; one panel may serve several trainings, one after the other.

    Args:
        title: shown above; None: the model's folder.
        columns: the losses that are drawn.
        interactive: whether there is somebody to click; None finds it out.

    Attributes:
        paused: whether the training waits.
        pause_button, save_button, stop_button: ipywidgets buttons; `click()` works without a browser too.
        status: the line of text, an ipywidgets HTML.
        image: the picture, an ipywidgets Image.
        widget: all of it.
    """

    def __init__(self, title: str | None = None, columns=("loss",), interactive: bool | None = None):
        import ipywidgets as widgets

        self.title, self.columns = title, tuple(columns)
        self.interactive = somebody_watches() if interactive is None else interactive
        self._wishes: set[str] = set()
        self._rows: list[dict] = []
        self._preview: np.ndarray | None = None
        self._left: float | None = None  # seconds
        self._clicks = Clicks() if self.interactive else None
        self.paused, self._said, self._handle, self._shown = False, "", None, False
        self._next_drawing, self._step, self._total, self._name = 0.0, 0, 0, title or ""
        self._said_until, self._turned, self._stopped = 0.0, -_ONE_CLICK, False
        self.pause_button = widgets.Button(description=_("Pause"), icon="pause", tooltip=_("saves, then waits"))
        self.save_button = widgets.Button(description=_("Save now"), icon="save")
        self.stop_button = widgets.Button(
            description=_("Stop"), icon="stop", tooltip=_("saves, then ends; run again to go on")
        )
        self.pause_button.on_click(self._turn)
        self.save_button.on_click(lambda _: self._wishes.add("save"))
        self.stop_button.on_click(lambda _: self._wishes.add("stop"))
        # Hidden until there is a picture, or a browser shows the sign of a broken one; never stretched to the cell's width.
        hidden = {"display": "none", "max_width": "100%", "align_self": "flex-start"}
        self.status, self.image = widgets.HTML(), widgets.Image(format="png", layout=hidden)
        self.widget = widgets.VBox(
            [widgets.HBox([self.pause_button, self.save_button, self.stop_button]), self.status, self.image]
        )

    # -- what `fit` calls ----------------------------------------------------------------------------------------
    def begin(self, folder: Path, step: int, total: int) -> None:
        """A training begins, or goes on after a rollback."""
        self._name = self.title or Path(folder).name
        self._step, self._total, self._wishes, self.paused, self._stopped = step, total, set(), False, False
        self._said, self._said_until = _("the first step takes its time; a click is obeyed after it"), 0.0
        self._enable(True)
        if self.interactive and not self._shown:
            from IPython.display import display

            display(self.widget)
            self._shown = True
        self._tell()

    def poll(self) -> None:
        """Handles the clicks that have arrived; never waits."""
        if self._clicks is not None:
            self._clicks.handle()

    def wants(self, wish: str) -> bool:
        """Whether "save" or "stop" was clicked."""
        return wish in self._wishes

    def take(self, wish: str) -> bool:
        """The same, and forgets it."""
        wanted = wish in self._wishes
        self._stopped |= wanted and wish == "stop"
        self._wishes.discard(wish)
        return wanted

    def say(self, text: str) -> None:
        """Shows a few words behind the figures, for some seconds at least; "" takes them away."""
        self._said, self._said_until = text, time.monotonic() + _STAYS if text else 0.0
        self._tell()

    def update(
        self, step: int, rows: list[dict], left: float | None, picture: np.ndarray | None, note: str = ""
    ) -> None:
        """New figures; the picture is redrawn as often as `SHARE` allows, and always with a new preview."""
        self._step, self._rows, self._left = step, rows, left
        self._preview = self._preview if picture is None else picture
        if note or time.monotonic() >= self._said_until:
            self._said = note
        self._tell()
        begun = time.monotonic()
        if begun >= self._next_drawing or (picture is not None and self.interactive):
            self._draw()
            now = time.monotonic()
            # The first one loads matplotlib, perhaps for a second: that says nothing about the next.
            self._next_drawing = now + (_FIRST if self._next_drawing == 0 else (now - begun) / SHARE)

    def end(self, step: int, total: int) -> None:
        """The training ended, or stopped."""
        self._step, self._left = step, 0.0 if step >= total else None
        if self._stopped and step < total:
            self._said = _("stopped and saved; run the cell again to go on")
        elif time.monotonic() < self._said_until:
            self._said = ""  # "saved at step 24" after the last step would read as if the rest were not saved
        self._enable(False)
        self._tell()
        if self._rows:
            self._draw()

    # -- drawing -------------------------------------------------------------------------------------------------
    def text(self, with_note: bool = True) -> str:
        """The line of figures: "autoencoder: step 120 of 400, loss 0.213, 1:32 left", and the note behind it."""
        parts = [_("step {step} of {total}").format(step=self._step, total=self._total)]
        if self._rows and "loss" in self._rows[-1]:
            parts.append(_("loss {loss:.4f}").format(loss=self._rows[-1]["loss"]))
        if self._step >= self._total:
            parts.append(_("done"))
        elif self._left is not None:
            parts.append(_("{time} left").format(time=as_time(self._left)))
        return f"{self._name}: {', '.join(parts)}" + (f" · {self._said}" if self._said and with_note else "")

    def render(self) -> np.ndarray:
        """The panel's picture: curves at the left, the newest preview at the right.

        Returns:
            (H, W, 3) uint8 RGB.
        """
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        from faceswap_lab.widgets.figures import logarithmic_axis

        height = 420
        figure = Figure(figsize=(5.0, height / 100), dpi=100, layout="constrained")
        axis = figure.add_subplot()
        steps = [row["step"] for row in self._rows]
        for column in self.columns:
            values = [row.get(column, np.nan) for row in self._rows]
            axis.plot(steps, values, label=column, marker="o" if len(steps) < 25 else None, markersize=3)
        pairs = zip(self._rows, self._rows[1:], strict=False)
        back = [before["step"] for before, row in pairs if row.get("rollbacks", 0) > before.get("rollbacks", 0)]
        for number, step in enumerate(back):
            name = None if number else _("back to a good state")
            axis.axvline(step, color="tab:red", linestyle=":", linewidth=1, label=name)
        positive = [row[c] for row in self._rows for c in self.columns if row.get(c, 0) > 0]
        if positive and max(positive) > 3 * min(positive):
            logarithmic_axis(axis)
        axis.set_xlim(0, max(self._total, 1))
        axis.set_xlabel(_("step"))
        axis.set_title(self.text(with_note=False), fontsize=9, loc="left")
        axis.grid(alpha=0.3)
        if len(self.columns) > 1 or back:
            figure.legend(fontsize=8, loc="outside lower center", ncols=3)  # within the axes it would hide points
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        curves = np.asarray(canvas.buffer_rgba())[..., :3].copy()
        if self._preview is None:
            return curves
        width = round(self._preview.shape[1] * height / self._preview.shape[0])
        preview = cv2.resize(self._preview, (width, height), interpolation=cv2.INTER_AREA)
        return np.concatenate([curves, preview], axis=1)

    def _draw(self) -> None:
        coded = coded_picture(self.render(), ".png")
        self.image.value, self.image.layout.display = coded, None
        if self.interactive or not _in_notebook():
            return
        from IPython.display import display

        picture = Picture(coded, self.text())
        if self._handle is None:
            self._handle = display(picture, display_id=True)
        else:
            self._handle.update(picture)

    def _tell(self) -> None:
        self.status.value = f"<code>{html.escape(self.text())}</code>"

    def _enable(self, running: bool) -> None:
        for button in (self.pause_button, self.save_button, self.stop_button):
            button.disabled = not running
        self.pause_button.description, self.pause_button.icon = _("Pause"), "pause"

    def _turn(self, clicked) -> None:
        """The pause button; where nobody could click it again, it has no effect."""
        before, self._turned = self._turned, time.monotonic()
        if self.interactive and self._turned - before < _ONE_CLICK:
            return
        self.paused = not self.paused and self.interactive
        self.pause_button.description = _("Go on") if self.paused else _("Pause")
        self.pause_button.icon = "play" if self.paused else "pause"


def somebody_watches() -> bool:
    """Whether this cell runs in a notebook whose front end can answer: not under papermill, nbconvert or CI."""
    if not _in_notebook() or os.environ.get("CI"):
        return False
    # A front end that a person sits at allows questions (`input`); those that only execute do not.
    return bool(getattr(machine.shell().kernel, "_allow_stdin", False))


def _in_notebook() -> bool:
    return getattr(machine.shell(), "kernel", None) is not None


class Clicks:
    """Hands widgets their messages while a cell runs, on ipykernel 6 and 7; elsewhere it does nothing."""

    def __init__(self):
        self._kernel = getattr(machine.shell(), "kernel", None)
        self._stream = _shell_stream(self._kernel) if self._kernel is not None else None

    def handle(self) -> None:
        """Takes every message that has arrived, handles those of widgets, leaves the rest to the kernel."""
        stream = self._stream
        if stream is None or stream.closed():
            return
        arrived: list = []
        kept = stream._recv_callback
        stream.on_recv(arrived.append, copy=False)
        try:
            stream.flush()
        finally:
            stream.on_recv(kept, copy=False)
        for frames in arrived:
            if not self._to_widget(frames):
                stream._run_callback(kept, frames)  # as if it arrived now: it waits for the cell's end, in its order

    def _to_widget(self, frames) -> bool:
        kernel, session = self._kernel, self._kernel.session
        try:
            identities, parts = session.feed_identities(frames, copy=False)
            kind = session.unpack(parts[1].bytes)["msg_type"]
        except Exception:  # not for us to judge; the kernel says what is wrong with it
            return False
        if kind not in ("comm_open", "comm_msg", "comm_close"):
            return False
        message = session.deserialize(parts, content=True, copy=False)
        try:
            kernel.shell_handlers[kind](self._stream, identities, message)
        except Exception as error:  # a widget's fault must not end a training
            kernel.log.error("a widget's message could not be handled: %s", error)
        return True


def _shell_stream(kernel):
    """The stream on which this thread gets the front end's messages; None where it cannot be told."""
    if getattr(kernel, "_supports_kernel_subshells", False) and getattr(kernel, "shell_channel_thread", None):
        pair = kernel.shell_channel_thread.manager.get_shell_channel_to_subshell_pair(None)
        return pair.to_stream
    return getattr(kernel, "shell_stream", None)
