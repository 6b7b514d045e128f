"""`fit()`: what it keeps, how it paces, guards, stops, advises."""

import os
import signal
import types

import keras
import numpy as np
import pandas as pd
import pytest
import small
from keras import ops

from faceswap_lab import training, video
from faceswap_lab.base.errors import LabError
from faceswap_lab.models import face_statistics, optimizers
from faceswap_lab.provenance import certificates
from faceswap_lab.provenance.verification import verify
from faceswap_lab.training import callbacks, early_stopping, previews, state
from faceswap_lab.video import pictures


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A training of 8 steps with everything switched on, in two halves: folder, model, history, measured steps."""
    folder, measured = tmp_path_factory.mktemp("finished"), []
    faces = {p: face_statistics.resize(some[:3], 16) for p, some in small.faces()[0].items()}

    def measure(model):
        measured.append(1)
        return {"identity": 0.5}

    options = {
        "draw_preview": lambda m: training.preview_grid(m, faces, 3),
        "held_out": training.HeldOut(measure, every=2, patience=2),
        "tensorboard": True,
    }
    small.train(small.model(), folder, 4, **options)
    model = small.model(seed=5)  # other weights and another random state: all must come from the checkpoint
    history = small.train(model, folder, 8, **options)
    return folder, model, history, measured


def test_history_and_checkpoints(finished):
    folder, _, history, _ = finished
    assert history["step"].tolist() == [2, 4, 6, 8]
    kept = pd.read_csv(folder / training.history.HISTORY)
    assert kept["learning_rate"].tolist() == [0.001] * 4 and kept["rollbacks"].tolist() == [0] * 4
    assert {"loss", "reconstruction", "seconds"} <= set(kept) and kept["seconds"].is_monotonic_increasing
    names = sorted(p.name for p in (folder / "checkpoints").iterdir())
    assert names == [f"step_{step:06d}" for step in (4, 6, 8)]


def test_a_preview_is_signed_even_when_the_certificate_has_gone(tmp_path, monkeypatch):
    """A training goes on, its history says so, and no preview lies there unsigned."""
    (tmp_path / "signing").mkdir()
    (tmp_path / "signing" / "key.pem").write_text("no key")
    monkeypatch.setenv(certificates.ENVIRONMENT, str(tmp_path / "signing"))
    session = types.SimpleNamespace(
        draw_preview=lambda model: np.zeros((8, 8, 3), np.uint8), model=None, folder=tmp_path / "model", show=None,
        board=types.SimpleNamespace(picture=lambda *given: None),
    )  # fmt: skip
    callbacks.Session.draw(session, 8)
    found = verify(tmp_path / "model" / training.previews.PREVIEWS / "step_000008.png")
    assert found.source_types == ["trainedAlgorithmicMedia"] and found.known_as == "a certificate of this process"
    (told,) = pd.read_csv(tmp_path / "model" / "events.csv")["text"]
    assert "step 8 is signed by nobody known" in told and "chain.pem: missing" in told


def test_previews_and_timelapse(finished):
    folder = finished[0]
    names = sorted(p.name for p in (folder / training.previews.PREVIEWS).glob("*.png"))
    assert names == [f"step_{step:06d}.png" for step in (0, 2, 4, 8)]
    found = verify(folder / training.previews.PREVIEWS / "step_000008.png")
    assert found.good and found.source_types == ["trainedAlgorithmicMedia"] and verify(folder / training.TIMELAPSE).good
    sheet = pictures.read_picture(folder / training.previews.PREVIEWS / "step_000008.png")
    assert sheet.shape == (8 * 64 + 6, 74 + 3 * 64, 3)
    alpha = sheet[3 * 64 + 2 : 4 * 64 - 2, 76:]
    assert (alpha == alpha[..., :1]).all()  # the mask is grey, the faces above it are not
    assert not (sheet[2:62, 76:] == sheet[2:62, 76:, :1]).all()
    frames = list(video.open_video(folder / training.TIMELAPSE).frames())
    assert len(frames) == 3 + 4  # three previews, the last one for two seconds at 2 a second
    first, last = (f.image for f in (frames[0], frames[-1]))
    assert (
        first[26, 20:, 2].min() > 180 and last[26, 20:-20, 2].max() < 120
    )  # the bar: empty at step 0, full at the end


def test_tensorboard_has_curves_and_previews(finished):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = EventAccumulator(str(finished[0] / "tensorboard"), size_guidance={"images": 0})
    board.Reload()
    assert [event.step for event in board.Scalars("loss")] == [2, 4, 6, 8]
    np.testing.assert_allclose([e.value for e in board.Scalars("loss")], finished[2]["loss"], rtol=1e-5)
    assert [event.step for event in board.Images("preview")] == [0, 2, 4, 8]
    assert board.Images("preview")[0].encoded_image_string[1:4] == b"PNG"
    assert "held_out/identity" in board.Tags()["scalars"]


def test_advice_is_given_and_survives_a_resume(finished):
    folder, _, _, measured = finished
    assert len(measured) == 4
    assert pd.read_csv(folder / training.MEASURES)["step"].tolist() == [2, 4, 6, 8]
    said = pd.read_csv(folder / training.history.EVENTS)
    advised = said[said["kind"] == "advice"]["text"].tolist()
    assert (
        len(advised) == 1 and "identity on held-out faces has not moved since step 2: stopping now loses" in advised[0]
    )


def test_advice_tells_movement_from_scatter():
    steps = list(range(100, 2100, 100))
    draw = np.random.default_rng(0)
    climbing = [{"step": s, "identity": 0.3 * s / 2000 + draw.normal(0, 0.002)} for s in steps]
    assert early_stopping.advise(climbing) == ""
    flat = [{"step": s, "identity": 0.3 * min(s, 1000) / 1000 + draw.normal(0, 0.002)} for s in steps]
    since = early_stopping.still_since(steps, [row["identity"] for row in flat], 5)
    assert since is not None and 900 <= since <= 1300
    assert "has not moved since step" in early_stopping.advise(flat)
    assert early_stopping.advise(flat[:11]) == ""
    falling = [{"step": s, "gain": 0.3 - abs(s - 1000) / 5000} for s in steps]
    assert "gain on held-out faces was best at step 1000" in early_stopping.advise(falling)
    both = [{**a, "gain": b["identity"]} for a, b in zip(flat, climbing, strict=True)]
    assert early_stopping.advise(both) == ""  # one still moves


class Poison(keras.callbacks.Callback):
    """Puts a NaN into a weight before step `at`, `times` times in all."""

    def __init__(self, at, times):
        super().__init__()
        self.at, self.times, self.step = at, times, 0

    def go_on_from(self, step):
        self.step = step

    def on_train_batch_begin(self, batch, logs=None):
        if self.step == self.at and self.times:
            self.times -= 1
            weight = self.model.encoders[0].weights[0]
            weight.assign(ops.full_like(weight, np.nan))
        self.step += 1


def test_a_nan_goes_back_to_the_last_good_state(tmp_path, capsys):
    model = small.model()
    history = small.train(model, tmp_path, 8, callbacks=(Poison(5, 2),), checkpoint_every=4)
    assert history["step"].tolist() == [2, 4, 6, 8]
    assert history["rollbacks"].tolist() == [0, 0, 2, 2]
    np.testing.assert_allclose(history["learning_rate"], [1e-3, 1e-3, 2.5e-4, 2.5e-4], rtol=1e-5)
    assert capsys.readouterr().out.count("Back to step 4") == 2
    assert (pd.read_csv(tmp_path / training.history.EVENTS)["kind"] == "rollback").sum() == 2
    assert all(np.isfinite(v).all() for v in small.arrays(model).values())
    # Up to step 4 it is the run that met no NaN; a run that resumes goes on at the lowered rate.
    again = small.train(small.model(), tmp_path, 10)
    assert again["learning_rate"].iloc[-1] == pytest.approx(2.5e-4) and again["rollbacks"].iloc[-1] == 2


def test_the_guard_gives_up_and_keeps_the_good_checkpoint(tmp_path):
    with pytest.raises(LabError, match="no number any more.*going back to step 4 did not help 3 times in a row"):
        small.train(small.model(), tmp_path, 8, callbacks=(Poison(5, 99),))
    assert training.checkpoints.steps_done(tmp_path) == 4
    assert small.train(small.model(), tmp_path, 6)["step"].tolist() == [2, 4, 6]


def test_a_nan_from_the_start_is_said_at_once(tmp_path):
    model = small.model()
    model.encoders[0].weights[0].assign(ops.full_like(model.encoders[0].weights[0], np.nan))
    with pytest.raises(LabError, match="before the first step: the loss would be no number any more"):
        small.train(model, tmp_path, 4)


def test_updates_follow_the_throttle():
    """With plain SGD and a gradient that is a constant, each step's movement is the learning rate times that constant."""
    optimizer = keras.optimizers.SGD(0.1)
    throttle = training.pace.Throttle(optimizer)
    variable = keras.Variable([1.0])
    optimizer.build([variable])
    for factor, wanted in ((1.0, 0.9), (0.5, 0.85)):
        throttle.factor = factor
        optimizer.apply([ops.ones((1,))], [variable])
        assert float(ops.convert_to_numpy(variable)[0]) == pytest.approx(wanted, rel=1e-5)
        assert throttle.rate() == pytest.approx(0.1 * factor)


def test_as_many_steps_run_as_were_asked_for(tmp_path):
    """Fewer than an interval, and more than one; asked for more later, it goes on as if it had never stopped."""
    how = {"log_every": 4, "checkpoint_every": 4}
    short, longer, straight = small.model(), small.model(seed=3), small.model()
    assert small.train(short, tmp_path / "short", 3, **how)["step"].tolist() == [3]
    assert int(short.optimizer.iterations) == training.checkpoints.steps_done(tmp_path / "short") == 3
    assert small.train(longer, tmp_path / "short", 5, **how)["step"].tolist() == [3, 4, 5]
    assert small.train(straight, tmp_path / "straight", 5, **how)["step"].tolist() == [4, 5]
    for name, wanted in small.arrays(straight).items():
        np.testing.assert_array_equal(small.arrays(longer)[name], wanted, err_msg=name)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_trains_and_weights_stay_float32(tmp_path, policy):
    with training.pace.precision(policy):
        model = small.model(rate=3e-3)
    assert keras.config.dtype_policy().name == "float32"
    assert model.encoders[0].layers[1].compute_dtype == policy.removeprefix("mixed_")
    history = small.train(model, tmp_path, 24, log_every=8, checkpoint_every=8)
    assert history["loss"].iloc[-1] < history["loss"].iloc[0] and np.isfinite(history["loss"]).all()
    assert {keras.backend.standardize_dtype(v.dtype) for v in model.trainable_variables} == {"float32"}
    views = model({"A": np.arange(2), "B": np.arange(2)})
    assert keras.backend.standardize_dtype(model.compute_loss(y_pred=views).dtype) == "float32"
    scaled = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert scaled == (policy == "mixed_float16")
    with pytest.raises(LabError, match="Choose one of float32"):
        with training.pace.precision("float8"):
            pass


class Sends(keras.callbacks.Callback):
    """Sends this very process a signal in the middle of an interval."""

    def __init__(self, number, at):
        super().__init__()
        self.number, self.at, self.step = number, at, 0

    def go_on_from(self, step):
        self.step = step

    def on_train_batch_begin(self, batch, logs=None):
        self.step += 1
        if self.step == self.at:
            os.kill(os.getpid(), self.number)


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """A training of 8 steps that nothing stops: (model, history)."""
    model = small.model()
    return model, small.train(model, tmp_path_factory.mktemp("straight"), 8, log_every=4, checkpoint_every=4)


@pytest.mark.parametrize("number, raised", [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)])
def test_a_signal_lets_the_step_end_and_saves(tmp_path, capsys, straight, number, raised):
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(raised):
        small.train(
            small.model(), tmp_path / "stopped", 8, callbacks=(Sends(number, 3),), log_every=4, checkpoint_every=4
        )
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers
    assert "at step 3 of 8; everything is saved" in capsys.readouterr().out
    assert training.checkpoints.steps_done(tmp_path / "stopped") == 3  # in the middle of an interval of four steps
    resumed, (uninterrupted, other) = small.model(seed=3), straight
    one = small.train(resumed, tmp_path / "stopped", 8, log_every=4, checkpoint_every=4)
    pd.testing.assert_frame_equal(one.drop(columns="seconds"), other.drop(columns="seconds"), check_exact=True)
    found, wanted = small.arrays(resumed), small.arrays(uninterrupted)
    assert all(np.array_equal(found[key], wanted[key]) for key in wanted)


def test_checkpoints_by_the_clock(tmp_path):
    small.train(small.model(), tmp_path, 8, log_every=8, checkpoint_every=1000, checkpoint_seconds=0.0)
    assert sorted(p.name for p in (tmp_path / "checkpoints").iterdir()) == ["step_000006", "step_000007", "step_000008"]


def test_time_left_ignores_a_hiccup():
    clock = training.pace.Clock()
    clock._durations.extend([0.1] * 20 + [30.0])
    assert clock.left(100) == pytest.approx(10.0)
    clock.around(5.0, 100)  # previews and saves: 0.05 s a step
    assert clock.left(100) == pytest.approx(15.0)
    assert training.pace.Clock().left(100) is None
    assert [training.pace.as_time(s) for s in (None, 42, 725, 12000)] == ["?", "0:42", "12:05", "3:20:00"]


def test_previews_are_due_at_log_spaced_and_every_nth_step():
    assert [s for s in range(10, 401, 10) if previews.due(s, 10, 150)] == [10, 20, 40, 80, 150, 160, 300, 320]


class OneWeight(keras.Model):
    """Learns one number: what XLA compiles in a moment."""

    config = types.SimpleNamespace(size=8)

    def __init__(self):
        super().__init__()
        self.number = self.add_weight(shape=(), initializer="ones", name="number")
        self.built = True

    def call(self, index):
        return self.number * ops.cast(index["A"], "float32")

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return ops.mean(ops.square(y_pred))


class Sayings:
    """A panel that notes what it is told, and the step it is told at."""

    paused = False

    def __init__(self):
        self.said, self.step = [], 0

    def say(self, text):
        self.said.append((self.step, text))

    def update(self, step, *_):
        self.step = step

    def begin(self, *_): ...

    def end(self, *_): ...

    def poll(self): ...

    def take(self, wish):
        return False

    wants = take


class Impatient(Sayings):
    """A panel on which Pause is clicked, then Save now, then Go on."""

    polls = 0

    def poll(self):
        self.polls += 1
        self.paused = self.polls < 4

    def take(self, wish):
        return wish == "save" and self.polls == 3


def test_save_during_a_pause_is_answered(tmp_path):
    model, panel = OneWeight(), Impatient()
    model.compile(optimizer="sgd")
    training.fit(model, tmp_path, {"A": 4, "B": 4}, 1, panel=panel, batch_size=4, tensorboard=False, progress=False)
    said = [text for _, text in panel.said]
    assert said[:2] == ["paused at step 0, saved", "paused at step 0, saved already"], said


@pytest.mark.parametrize("where", ["panel", "line", "print"])
def test_compiling_is_said_once_where_xla_is_on(tmp_path, capsys, monkeypatch, where):
    """With a GPU in sight (here pretended) Keras compiles the step by XLA: that is said before it, and gone after it."""
    how = {"batch_size": 4, "log_every": 2, "checkpoint_every": 2, "tensorboard": False, "progress": where == "line"}
    seen = {"CPU": True, "GPU": True}
    tensorflow = pytest.importorskip("tensorflow")

    def devices(kind=None):
        return [] if kind else [types.SimpleNamespace(device_type=name) for name in seen]

    monkeypatch.setattr(tensorflow.config, "list_physical_devices", devices)

    def train(name, steps, model):
        panel = Sayings() if where == "panel" else None
        training.fit(model, tmp_path / name, {"A": 4, "B": 4}, steps, panel=panel, **how)
        out, err = capsys.readouterr()
        return panel.said if panel else {"line": err, "print": out}[where]

    model = OneWeight()
    model.compile(optimizer="sgd")
    assert model.jit_compile
    said, again = train("gpu", 4, model), train("gpu", 8, model)
    if where == "panel":
        assert said == [(0, callbacks.COMPILING), (0, "")] and again == []
    else:
        assert said.count(callbacks.COMPILING) == 1 and callbacks.COMPILING not in again
        after = said.split(callbacks.COMPILING)[1]
        assert where == "line" or after == f"\r{' ' * len(callbacks.COMPILING)}\r"
    del seen["GPU"]
    plain = OneWeight()
    plain.compile(optimizer="sgd")
    assert not plain.jit_compile and callbacks.COMPILING not in str(train("cpu", 4, plain))


@pytest.mark.parametrize("kind", ["adam", "muon", "muon in 16 bit", "two rates"])
def test_a_second_training_in_one_process_knows_the_first_one_s_checkpoint(kind):
    """A notebook's cell that was stopped and run again makes its optimiser anew, and Keras counts those."""
    make = {
        "adam": keras.optimizers.Adam,
        "muon": optimizers.ConvolutionMuon,
        "muon in 16 bit": lambda: keras.optimizers.LossScaleOptimizer(optimizers.ConvolutionMuon()),
        "two rates": optimizers.TwoRateAdam,
    }[kind]

    def compiled():
        model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(2, 3, name="paint_a")], name="tiny")
        model.compile(optimizer=make(), loss="mse")
        return model

    first, second = compiled(), compiled()
    _, names = state.collect(first)
    assert state.differences(second, names) == [] and len(names["optimizer"]) >= 4
