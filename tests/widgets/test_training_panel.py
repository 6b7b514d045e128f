"""The training's panel: its picture, its buttons, and clicks that arrive while a cell runs in a real kernel."""

import os
import sys
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import faceswap_lab
from faceswap_lab.course.report import pictures
from faceswap_lab.widgets.figures import curves
from faceswap_lab.widgets.training_panel import TrainingPanel

HERE = Path(__file__).resolve().parents[1] / "training"


def rows(count):
    return [{"step": 10 * n, "loss": 1.0 / n, "rollbacks": int(n > 3), "seconds": n} for n in range(1, count + 1)]


def test_the_panel_draws_curves_and_preview():
    panel = TrainingPanel("mine", interactive=False)
    panel.begin(Path("models/autoencoder"), 0, 100)
    preview = np.zeros((200, 100, 3), np.uint8)
    preview[..., 0] = 255
    panel.update(80, rows(8), 83.0, preview, "identity has not moved")
    assert panel.text() == "mine: step 80 of 100, loss 0.1250, 1:23 left · identity has not moved"
    picture = panel.render()
    assert picture.shape == (420, 500 + 210, 3)
    np.testing.assert_array_equal(picture[200, 650], [255, 0, 0])
    assert (picture[:, :500] < 100).any()  # there is ink
    assert panel.image.value[1:4] == b"PNG"
    panel.end(100, 100)
    assert "done" in panel.text() and panel.stop_button.disabled


@pytest.fixture
def figures(monkeypatch):
    """The matplotlib figures that are made meanwhile."""
    import matplotlib.figure

    made = []

    class Kept(matplotlib.figure.Figure):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            made.append(self)

    monkeypatch.setattr(matplotlib.figure, "Figure", Kept)
    return made


def test_no_legend_lies_over_a_curve_nor_leaves_the_picture(figures, tmp_path):
    terms = ("adversarial", "discriminators", "reconstruction")  # flat, so that they leave no corner free
    flat = [row | dict(zip(terms, (4.0, 1.0, 0.02), strict=True)) for row in rows(8)]
    panel = TrainingPanel("faceswap_gan", terms, interactive=False)
    panel.begin(Path("m"), 0, 80)
    panel.update(80, flat, 0.0, None)
    table = pd.DataFrame(flat)
    table.to_csv(tmp_path / "history.csv", index=False)
    assert pictures.loss_picture(tmp_path / "history.csv", tmp_path / "loss.png")
    curves({"warm start": table, "from nothing": table}, terms)
    figures.append(plt.gcf())
    plt.close()
    assert len(figures) == 3
    for figure in figures:
        figure.canvas.draw()
        legends = [*figure.legends, *filter(None, (axis.get_legend() for axis in figure.axes))]
        assert legends
        for box in (legend.get_window_extent() for legend in legends):
            assert not any(box.overlaps(axis.bbox) for axis in figure.axes)
            assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1
    named = {text.get_text() for axis in figures[1].axes for text in axis.get_legend().get_texts()}
    assert named == {"loss", *terms}, "a count of rollbacks is no loss"


def test_a_pause_counts_only_where_somebody_can_end_it():
    panel = TrainingPanel(interactive=False)
    panel.begin(Path("m"), 0, 10)
    panel.pause_button.click()
    assert not panel.paused
    panel.stop_button.click()
    assert panel.wants("stop") and panel.take("stop") and not panel.take("stop")


def test_a_click_is_answered_and_the_answer_stays(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    panel = TrainingPanel("mine", interactive=True)
    monkeypatch.setattr(panel, "_shown", True)
    panel.begin(Path("m"), 0, 100)
    assert "a click is obeyed after it" in panel.text() and panel.image.layout.display == "none", "no broken picture"
    panel.update(10, rows(1), None, None)
    assert "a click is obeyed" not in panel.text() and panel.image.layout.display is None
    assert panel.image.layout.align_self == "flex-start", "at its own size, not the cell's width"
    panel.say("saved at step 10")
    panel.update(20, rows(2), None, None)
    assert "saved at step 10" in panel.text()
    clock[0] += 10
    panel.update(30, rows(3), None, None)
    assert "saved" not in panel.text()
    panel.stop_button.click()
    assert panel.take("stop")
    panel.end(30, 100)
    assert "stopped and saved; run the cell again to go on" in panel.text()
    panel.begin(Path("m"), 30, 100)
    panel.say("saved at step 90")
    panel.end(100, 100)
    assert "stopped" not in panel.text() and "saved" not in panel.text(), "all is saved at the end, not step 90 alone"


def test_a_double_click_on_pause_is_one(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    panel = TrainingPanel(interactive=True)
    panel.pause_button.click()
    clock[0] += 0.2
    panel.pause_button.click()
    assert panel.paused and panel.pause_button.description == "Go on"
    clock[0] += 1.0
    panel.pause_button.click()
    assert not panel.paused and panel.pause_button.description == "Pause"


def test_drawing_takes_a_small_share_of_the_time(monkeypatch):
    panel = TrainingPanel(interactive=False)
    panel.begin(Path("m"), 0, 1000)
    drawn = []
    monkeypatch.setattr(panel, "_draw", lambda: (drawn.append(1), time.sleep(0.01)))
    begun = time.monotonic()
    for n in range(40):
        panel.update(n, rows(3), None, None)
        time.sleep(0.005)
    assert len(drawn) <= 1 + (time.monotonic() - begun) / 1.0


def test_a_slow_first_drawing_does_not_freeze_the_curves(monkeypatch):
    clock, drawn = [100.0], []
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    panel = TrainingPanel(interactive=False)
    panel.begin(Path("m"), 0, 1000)

    def draw():
        drawn.append(clock[0])
        clock[0] += 2.0 if len(drawn) == 1 else 0.1  # matplotlib is loaded: 2 s, of which SHARE would make 200 s

    monkeypatch.setattr(panel, "_draw", draw)
    for n in range(300):
        panel.update(n, rows(3), None, None)
        clock[0] += 0.1
    assert drawn[1] - drawn[0] < 5 and drawn[2] - drawn[1] >= 10


START = f"""
import sys
sys.path[:0] = [{str(HERE)!r}]
import small
from faceswap_lab.widgets.training_panel import TrainingPanel
panel = TrainingPanel()
buttons = [panel.pause_button, panel.save_button, panel.stop_button]
print("interactive", panel.interactive, *(button.model_id for button in buttons), flush=True)
"""
TRAIN = """


import keras
class Steps(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        print("epoch", epoch, flush=True)
        {extra}
history = small.train(small.model(), {folder!r}, {steps}, panel=panel, callbacks=(Steps(),), checkpoint_every=100000)
print("cell done", flush=True)
"""


class Kernel:
    """A real kernel and what it says."""

    def __init__(self):
        from jupyter_client.manager import KernelManager

        self.manager = KernelManager()
        self.manager.kernel_spec.argv[0] = sys.executable
        paths = os.pathsep.join([str(Path(faceswap_lab.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
        without = {name: value for name, value in os.environ.items() if name != "CI"}
        self.manager.start_kernel(env={**without, "PYTHONPATH": paths, "TF_CPP_MIN_LOG_LEVEL": "3"})
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=120)
        self.said = ""

    def run(self, code, watched=True):
        return self.client.execute(code, allow_stdin=watched)

    def listen(self, until, seconds=120):
        """Reads what the kernel prints until `until(text)` holds."""
        import queue

        deadline = time.monotonic() + seconds
        while not until(self.said):
            assert time.monotonic() < deadline, self.said[-3000:]
            try:
                message = self.client.get_iopub_msg(timeout=0.2)
            except queue.Empty:
                continue
            content = message["content"]
            self.said += content.get("text", "") if message["msg_type"] == "stream" else ""
            self.said += "".join(content["traceback"]) if message["msg_type"] == "error" else ""
        return self.said

    def click(self, comm):
        data = {"method": "custom", "content": {"event": "click"}, "buffer_paths": []}
        self.client.shell_channel.send(self.client.session.msg("comm_msg", {"comm_id": comm, "data": data}))


@pytest.fixture(scope="module")
def kernel():
    made = Kernel()
    yield made
    made.client.stop_channels()
    made.manager.shutdown_kernel(now=True)


def test_clicks_arrive_while_the_cell_runs(kernel, tmp_path):
    kernel.run(START)
    line = next(
        s for s in kernel.listen(lambda said: "interactive" in said and "\n" in said).splitlines() if "interactive" in s
    )
    _, watched, pause, save, stop = line.split()
    assert watched == "True"
    kernel.run(TRAIN.format(folder=str(tmp_path), steps=1_000_000, extra=""))
    kernel.run("print('the next cell', history['step'].iloc[-1] > 0, flush=True)")  # waits, and loses nothing
    kernel.listen(lambda said: "epoch 5" in said)
    assert not list((tmp_path / "checkpoints").glob("step_0*[1-9]"))
    kernel.click(save)
    deadline = time.monotonic() + 60
    while not list((tmp_path / "checkpoints").glob("step_0*[1-9]")) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert list((tmp_path / "checkpoints").glob("step_0*[1-9]*"))
    kernel.click(pause)
    time.sleep(2.0)
    kernel.listen(lambda said: True)
    heard = ""
    while heard != kernel.said:  # everything that was printed before the pause
        heard = kernel.said
        try:
            kernel.listen(lambda said: said != heard, seconds=1.0)  # noqa: B023
        except AssertionError:
            break
    quiet = kernel.said
    with pytest.raises(AssertionError):
        kernel.listen(lambda said: said != quiet, seconds=1.5)  # paused: not one epoch more
    assert "cell done" not in kernel.said
    kernel.click(pause)
    kernel.listen(lambda said: said.count("epoch") > quiet.count("epoch") + 3)
    kernel.click(stop)
    said = kernel.listen(lambda said: "the next cell" in said)
    assert "everything is saved" in said and said.index("cell done") < said.index("the next cell True")


def test_without_anybody_it_simply_goes_on(kernel, tmp_path):
    """As papermill runs a cell: no questions allowed, so nobody is there to click."""
    kernel.said = ""
    kernel.run("panel = TrainingPanel(); print('interactive', panel.interactive, flush=True)", watched=False)
    assert "interactive False" in kernel.listen(lambda said: "interactive False" in said or "interactive True" in said)
    kernel.run(TRAIN.format(folder=str(tmp_path), steps=4, extra="panel.pause_button.click()"), watched=False)
    assert "epoch 1" in kernel.listen(lambda said: "cell done" in said)
