"""`fit()`: a compiled model trained step by step, watched, saved, and resumed as if it had never stopped.

A model's folder holds
    config.json              kind, options, version; SHA-256 of the weights
    model.weights.h5         the finished model's weights
    history.csv              one row every `log_every` steps and at the end: step, loss and terms, learning rate, rollbacks, seconds
    events.csv               what happened: rollbacks, stops, advice
    held_out.csv             the measures on held-out faces
    previews/step_*.png      the same faces, generated again and again; timelapse.mp4 shows them as a video
    checkpoints/step_*/      the newest three states, see `checkpoints`
    tensorboard/             curves and previews for TensorBoard
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.base.machine import cpu_cores
from faceswap_lab.base.messages import _, ngettext
from faceswap_lab.training import checkpoints, distribution, memory, out_of_memory, previews, times
from faceswap_lab.training.callbacks import Between, IntervalEnd, Session
from faceswap_lab.training.data import check_batch
from faceswap_lab.training.early_stopping import HeldOut
from faceswap_lab.training.history import HISTORY, Board, add_event, write_history
from faceswap_lab.training.interruption import CUT, ROLLBACKS, DivergedError, Panel, Signals, StopRequest
from faceswap_lab.training.pace import Clock, Throttle


def index_batches(counts: dict[str, int], batch_size: int, seed: int, start: int = 0) -> Iterator[tuple[dict]]:
    """Endless random batches of indices into the face sets; step n gives the same batch whenever it is asked.

    Args:
        counts: faces in each set, {"A": ..., "B": ...}; each side draws from its own, so the smaller set repeats.
        batch_size: faces a side and step.
        seed: of the draw.
        start: the first step, so that a resumed run goes on with the batch after its last.

    Yields:
        A tuple of one dictionary {"A": (batch_size,) int32, "B": ...}.
    """
    step = start
    while True:
        draw = np.random.default_rng((seed, step))
        yield ({name: draw.integers(0, count, batch_size).astype("int32") for name, count in counts.items()},)
        step += 1


def _one_at_a_time(trains: Callable) -> Callable:
    """Claims the model's folder for as long as a function trains in it."""

    @functools.wraps(trains)
    def claims(model: keras.Model, folder: str | Path, *arguments, **options):
        place = files.make_folder(distribution.own_folder(folder))
        with files.claimed(place, "give another folder", inside=True):
            return trains(model, folder, *arguments, **options)

    return claims


@_one_at_a_time
def fit(
    model: keras.Model,
    folder: str | Path,
    counts: dict[str, int],
    steps: int,
    *,
    batch_size: int = 16,
    seed: int = 0,
    log_every: int = 25,
    preview_every: int = 200,
    checkpoint_every: int = 200,
    checkpoint_seconds: float = 300.0,
    keep: int = 3,
    held_out: HeldOut | None = None,
    draw_preview: Callable | None = None,
    show: Callable | None = None,
    panel: Panel | None = None,
    callbacks: tuple = (),
    tensorboard: bool = True,
    progress: bool | None = None,
) -> pd.DataFrame:
    """Trains a compiled model up to `steps` in all, going on from the last checkpoint in `folder`.

    On a CPU a run that was stopped at any moment, by kill -9 too, ends with the same bits as one that never stopped, given
    the same number of threads. Ctrl-C (a notebook's stop button) and SIGTERM let the step end, save, and say so.

    Args:
        model: compiled, its face sets set; takes batches of indices.
        folder: the model's folder (see the module's text).
        counts: faces in each set, {"A": ..., "B": ...}, see `set_faces`.
        steps: the total number of steps.
        batch_size: faces of each person in one step.
        seed: of the order of the faces.
        log_every: steps from one row of the history to the next.
        preview_every: the widest gap between two previews, in steps.
        checkpoint_every: steps from one checkpoint to the next.
        checkpoint_seconds: a checkpoint is also written when the last one is older than this.
        keep: how many checkpoints stay.
        held_out: a measure on held-out faces, and when it advises a stop.
        draw_preview: model -> preview picture, see `preview_grid`; None draws none.
        show: called with (step, picture), for example to redraw a notebook's output.
        panel: a `widgets.training_panel.TrainingPanel`, or anything with its methods.
        callbacks: further Keras callbacks; what they change must follow from the step alone, so that a resumed run
            is the same run. One that counts steps has a method `go_on_from(step)`, which is called before a run begins.
        tensorboard: also write curves and previews for TensorBoard.
        progress: a line with the time left; None: on a terminal only.

    Returns:
        The history, one row every `log_every` steps and one at the end.

    Raises:
        LabError: when another process trains in the folder, the folder cannot be written, the disk is full, the checkpoints
            belong to another model, or the loss stops being a number again and again.
        KeyboardInterrupt, SystemExit: after Ctrl-C or SIGTERM, when the state is saved.

    Example:
        >>> from faceswap_lab import training
        >>> from faceswap_lab.course import presets, recipes, stages
        >>> pictures, masks, warped = stages.practice_arrays({"A": [faces], "B": [faces]}, side=96, copies=1, seed=0)
        >>> model = recipes.autoencoder_model(presets.preset("quick"))
        >>> counts = training.set_faces(model, pictures, masks, warped)
        >>> model.compile(optimizer=recipes.autoencoder_optimizer(presets.preset("quick"), 2))
        >>> history = lab.fit(model, "models/mine", counts, 2, batch_size=2, log_every=1)
        mine: 2 steps of 2 x 2 faces, ...
        >>> history["step"].tolist()
        [1, 2]
    """
    check_batch(counts, batch_size)
    folder = files.make_folder(distribution.own_folder(folder))
    saved = files.make_folder(folder / "checkpoints")
    checkpoints.clear_partial(saved)
    settings: dict = {
        "batch_size": batch_size,
        "seed": seed,
        "counts": dict(counts),
        "log_every": log_every,
        "cores": cpu_cores(),
    }
    found = checkpoints.restore(model, saved)
    settings = out_of_memory.halved_before(found.facts, settings)
    batch_size = settings["batch_size"]
    if warning := memory.estimate(model, batch_size).warning():
        print(warning)
    _say_what_changed(folder, found, settings)
    if found.step >= steps:
        return pd.DataFrame(found.history)
    throttle = Throttle(model.optimizer)
    session = Session(
        model=model, folder=folder, total=steps, settings=settings, log_every=log_every, keep=keep,
        preview_every=max(1, preview_every // log_every) * log_every, checkpoint_seconds=checkpoint_seconds,
        checkpoint_every=max(1, checkpoint_every // log_every) * log_every, throttle=throttle,
        held_out=held_out, draw_preview=draw_preview, show=show, panel=panel,
        board=Board(folder / "tensorboard", found.step, tensorboard),
        clock=Clock(found.history[-1]["seconds"] if found.history else 0.0), progress=progress,
    )  # fmt: skip
    session.take(found)
    session.begun_at, session.predicted = found.step, times.predict(model, batch_size, steps - found.step)
    if session.predicted:
        said = ngettext(
            "{model}: {steps} step of 2 x {count} faces, {time}",
            "{model}: {steps} steps of 2 x {count} faces, {time}",
            steps - found.step,
        )
        print(said.format(model=folder.name, steps=steps - found.step, count=batch_size, time=session.predicted))
    if found.step == 0:
        session.begin()
    try:
        with files.clear_write_errors(folder), Signals() as session.signals:
            _all_segments(session, counts, callbacks)
        return pd.DataFrame(session.rows)
    finally:
        session.close()


def _all_segments(session, counts: dict[str, int], callbacks: tuple) -> None:
    """Trains to the end, over rollbacks; each stretch is one call of Keras' `fit`."""
    reason, banks = "", out_of_memory.Banks(session.model)
    # Keras turns XLA on by itself where it sees a GPU; a step that was compiled in an earlier call is not compiled again.
    session.compiles = session.model.jit_compile and session.model.train_function is None
    while session.step < session.total and not reason:
        full = None
        try:
            session.throttle.recompile(session.model)
            _segment(session, counts, callbacks)
        except DivergedError as error:
            _roll_back(session, error)
        except StopRequest as request:
            reason = request.reason
        except Exception as error:
            full = out_of_memory.said(error)  # words only: the error itself holds on to what the step has allocated
            if not full:
                raise
        if full:
            out_of_memory.go_on_with_half(session, banks, full)
    reason = reason or session.signals.pending or ""
    session.save_if_new()
    if reason not in ("SIGINT", "SIGTERM"):
        session.make_timelapse()
    if reason:
        _say_stopped(session, reason)
    if reason == "SIGINT":
        raise KeyboardInterrupt
    if reason == "SIGTERM":
        raise SystemExit(143)


def _segment(session, counts: dict[str, int], callbacks: tuple) -> None:
    """From here to the last whole interval's end; what a save or the end of the training has cut is a stretch of its own."""
    done, log_every = session.step, session.log_every
    inside, left = done % log_every, session.total - done
    intervals = 1 if inside else max(1, left // log_every)
    for callback in callbacks:
        if hasattr(callback, "go_on_from"):
            callback.go_on_from(done)
    batch_size, seed = session.settings["batch_size"], session.settings["seed"]
    session.model.fit(
        distribution.feed(lambda: index_batches(counts, batch_size, seed, done), session.model),
        steps_per_epoch=min(log_every - inside, left),
        epochs=done // log_every + intervals,
        initial_epoch=done // log_every,
        callbacks=[Between(session), *callbacks, IntervalEnd(session)],
        shuffle=False,
        verbose=0,
    )


def _roll_back(session, error: DivergedError) -> None:
    """Goes back to the last good state with a lower learning rate.

    Raises:
        LabError: when that did not help often enough.
    """
    found = checkpoints.restore(session.model, session.folder / "checkpoints")
    if found.path is None:
        raise LabError(
            f"{session.folder}: {error.what} is no number any more at step {error.step}, and there is no state before it. "
            "Check the faces and the weights that the training begins with."
        )
    again = session.rolled_back_to == found.step
    session.in_a_row = session.in_a_row + 1 if again else 1
    session.rolled_back_to = found.step
    factor, rollbacks = session.throttle.factor, session.facts["rollbacks"] + 1
    if session.in_a_row > ROLLBACKS:
        raise LabError(
            f"{session.folder}: the loss is no number any more ({error.what}) at step {error.step}; going back to step "
            f"{found.step} did not help {ROLLBACKS} times in a row, the last time at {factor:.3g} of the learning "
            "rate. Lower the learning rate, clip the gradient (the optimiser's global_clipnorm=1.0) or check the faces; training "
            "goes on from the last checkpoint."
        )
    session.take(found)
    session.throttle.factor = session.facts["rate_factor"] = factor * CUT
    session.facts["rollbacks"] = rollbacks
    write_history(session.folder / HISTORY, session.rows)
    said = _(
        "{model}: the loss is no number any more ({losses}) at step {step}. Back to step {back}, on at {share:.3g} of the "
        "learning rate."
    )
    facts = {"losses": error.what, "step": error.step, "back": found.step, "share": session.throttle.factor}
    add_event(session.folder, error.step, "rollback", said.format(model=session.folder.name, **facts))


def _say_stopped(session, reason: str) -> None:
    said = {
        "button": _("{model}: stopped at step {step} of {total}; everything is saved."),
        "SIGINT": _("{model}: interrupted at step {step} of {total}; everything is saved."),
        "SIGTERM": _("{model}: told to end at step {step} of {total}; everything is saved."),
    }[reason].format(model=session.folder.name, step=session.step, total=session.total)
    add_event(session.folder, session.step, "stopped", f"{said} {_('Run the same again and it goes on from here.')}")


def _say_what_changed(folder: Path, found, settings: dict) -> None:
    before = found.facts.get("settings", settings)
    changed = [f"{name} {before.get(name)} -> {value}" for name, value in settings.items() if before.get(name) != value]
    if changed:
        said = _("{model}: goes on from step {step} with other settings ({changes}): not the same run.")
        print(said.format(model=folder.name, step=found.step, changes="; ".join(changed)))
    if found.path is not None:
        previews_after = [
            p for p in (folder / previews.PREVIEWS).glob("step_*.png") if previews.step_of(p) > found.step
        ]
        for path in previews_after:  # of a run that was killed behind its last checkpoint: they will be generated again
            path.unlink(missing_ok=True)
