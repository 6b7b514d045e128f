"""Training with `fit()`: previews that are kept, checkpoints that resume exactly, and a history that survives a stop.

A model's folder holds
    config.json            kind, options, version; SHA-256 of the weights
    model.weights.h5       the finished model's weights
    history.csv            one row every `log_every` steps: step, loss and its terms, seconds
    previews/step_*.png    the same faces, painted again and again
    checkpoints/step_*/    weights with the optimiser's state, and the random generators' (the newest two)
    tensorboard/           the same curves for TensorBoard
"""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from faceswap_lab import __version__, files
from faceswap_lab.errors import LabError
from faceswap_lab.models.autoencoder import AutoencoderConfig, FaceAutoencoder
from faceswap_lab.models.cyclegan import CycleGanConfig
from faceswap_lab.models.faceswap_gan import FaceSwapGAN, GanConfig
from faceswap_lab.models.pix2pix import Pix2PixConfig
from faceswap_lab.models.translation import FaceTranslator
from faceswap_lab.pictures import write_picture

WEIGHTS, CONFIG, HISTORY = "model.weights.h5", "config.json", "history.csv"
KINDS = {  # a finished model's kind: the class of its options, and what makes a painter of them
    "autoencoder": (AutoencoderConfig, FaceAutoencoder),
    "faceswap_gan": (GanConfig, lambda shape: FaceSwapGAN(shape).painter_copy()),
    "cyclegan": (CycleGanConfig, FaceTranslator),
    "pix2pix": (Pix2PixConfig, FaceTranslator),
}


def index_batches(counts: dict[str, int], batch_size: int, seed: int, start: int = 0) -> Iterator[tuple[dict]]:
    """Endless random batches of indices into the face sets; step n gives the same batch whenever it is asked.

    Args:
        counts: faces in each set, {"A": ..., "B": ...}.
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


class Checkpoints(keras.callbacks.Callback):
    """Saves everything needed to go on exactly: weights, optimiser, random generators, history."""

    def __init__(self, folder: Path, every: int, log_every: int, history: list[dict], keep: int = 2):
        super().__init__()
        self.folder, self.every, self.log_every, self.history, self.keep = folder, every, log_every, history, keep

    def on_epoch_end(self, epoch, logs=None):
        step = (epoch + 1) * self.log_every
        if step % self.every == 0:
            save_checkpoint(self.model, self.folder, step, self.history, self.keep)


def save_checkpoint(model: keras.Model, folder: Path, step: int, history: list[dict], keep: int = 2) -> Path:
    """Writes checkpoints/step_<step> under a temporary name and renames it; older ones than the newest `keep` go."""
    final = Path(folder) / f"step_{step:06d}"
    temporary = Path(folder) / f"{files.PARTIAL}{uuid.uuid4().hex[:8]}"
    with files.clear_write_errors(final):
        temporary.mkdir(parents=True, exist_ok=True)
        try:
            model.save_weights(temporary / WEIGHTS)
            random = {path: generator.tolist() for path, generator in _random_states(model).items()}
            files.write_json(
                temporary / "state.json",
                {"step": step, "random": random, "history": history, "sha256": files.sha256(temporary / WEIGHTS)},
            )
            if final.exists():
                shutil.rmtree(final)
            temporary.rename(final)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    for old in sorted(Path(folder).glob("step_*"))[:-keep]:
        shutil.rmtree(old, ignore_errors=True)
    return final


def restore_checkpoint(model: keras.Model, folder: Path) -> tuple[int, list[dict]]:
    """Loads the newest checkpoint that is whole into a compiled model.

    Returns:
        (step, history rows); (0, []) when there is none. A damaged one is passed over, with a line that says so.
    """
    for path in sorted(Path(folder).glob("step_*"), reverse=True):
        try:
            state = files.read_json(path / "state.json")
            if files.sha256(path / WEIGHTS) != state["sha256"]:
                raise LabError(f"{path / WEIGHTS}: damaged")
            if not model.optimizer.built:
                model.optimizer.build(model.trainable_variables)
            model.load_weights(path / WEIGHTS)
        except (LabError, OSError, ValueError, KeyError) as error:
            print(f"{path}: this checkpoint cannot be used ({str(error).splitlines()[0][:120]}); trying an older one.")
            continue
        for name, value in _random_variables(model).items():
            value.assign(np.asarray(state["random"][name], dtype=keras.ops.convert_to_numpy(value).dtype))
        return state["step"], state["history"]
    return 0, []


def steps_done(folder: str | Path) -> int:
    """The step of the newest checkpoint in a model's folder; 0 when there is none."""
    return max(
        (int(path.name.removeprefix("step_")) for path in (Path(folder) / "checkpoints").glob("step_*")), default=0
    )


def _random_variables(model) -> dict:
    """The random generators' states by their place in the model; names would carry a counter of the process."""
    found = {}
    for place, layer in enumerate(model._flatten_layers(include_self=True)):
        for index, generator in enumerate(getattr(layer, "_seed_generators", [])):
            found[f"{place}/{index}"] = generator.state
    return found


def _random_states(model) -> dict[str, np.ndarray]:
    return {name: keras.ops.convert_to_numpy(value) for name, value in _random_variables(model).items()}


class History(keras.callbacks.Callback):
    """Appends a row every epoch (= `log_every` steps) and rewrites history.csv in one step."""

    def __init__(self, path: Path, rows: list[dict], log_every: int):
        super().__init__()
        self.path, self.rows, self.log_every = path, rows, log_every
        self.before = rows[-1]["seconds"] if rows else 0.0

    def on_train_begin(self, logs=None):
        self.started = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        values = {name: round(float(value), 6) for name, value in (logs or {}).items()}
        if not all(np.isfinite(value) for value in values.values()):
            broken = [name for name, value in values.items() if not np.isfinite(value)]
            raise LabError(
                f"{self.path.parent}: the loss is no number any more ({', '.join(broken)}) at step "
                f"{(epoch + 1) * self.log_every}. Lower the learning rate and run again: training goes on from the "
                "last checkpoint."
            )
        seconds = round(self.before + time.monotonic() - self.started, 2)
        self.rows.append({"step": (epoch + 1) * self.log_every, **values, "seconds": seconds})
        write_history(self.path, self.rows)


def write_history(path: Path, rows: list[dict]) -> None:
    """Writes the rows as CSV in one step."""
    with files.atomic_path(path) as temporary:
        pd.DataFrame(rows).to_csv(temporary, index=False)


class Previews(keras.callbacks.Callback):
    """Paints one fixed batch at log-spaced steps, keeps every picture, and shows it in place in a notebook.

    Args:
        folder: previews/.
        paint: model -> (H, W, 3) uint8 RGB picture.
        every: the widest gap between two previews, in steps.
        log_every: steps an epoch.
        show: called with (step, picture), for example to redraw a notebook's output.
    """

    def __init__(self, folder: Path, paint: Callable, every: int, log_every: int, show: Callable | None = None):
        super().__init__()
        self.folder, self.paint, self.every, self.log_every, self.show = folder, paint, every, log_every, show

    def due(self, step: int) -> bool:
        """True at 1, 2, 4, 8, ... epochs and at every multiple of `every` steps."""
        epoch = step // self.log_every
        return step % self.every == 0 or (epoch & (epoch - 1)) == 0

    def on_epoch_end(self, epoch, logs=None):
        step = (epoch + 1) * self.log_every
        if self.due(step):
            self.draw(step)

    def draw(self, step: int) -> None:
        picture = self.paint(self.model)
        write_picture(self.folder / f"step_{step:06d}.png", picture)
        if self.show:
            self.show(step, picture)


def preview_grid(model, faces: dict[str, np.ndarray], columns: int = 7) -> np.ndarray:
    """The classic sample sheet: for each face of A, then of B: the face, its own reconstruction, its swap.

    Args:
        model: has `translate(faces, source, target)`.
        faces: {"A": (n, S, S, 3) uint8 RGB, "B": ...}; the first `columns` of each are shown.

    Returns:
        (6 S, columns S, 3) uint8 RGB: three rows of A (face, as A, as B), three rows of B (face, as B, as A).
    """
    rows = []
    for person, name in enumerate(("A", "B")):
        some = faces[name][:columns].astype("float32") / 255.0
        rows.append(some)
        for target in (person, 1 - person):
            colour, _ = model.translate(some, person, target)
            rows.append(keras.ops.convert_to_numpy(colour))
    sheet = np.concatenate([np.concatenate(list(row), axis=1) for row in rows], axis=0)
    return np.clip(np.round(sheet * 255), 0, 255).astype(np.uint8)


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
    paint: Callable | None = None,
    show: Callable | None = None,
    callbacks: tuple = (),
    tensorboard: bool = True,
    verbose: int = 0,
) -> pd.DataFrame:
    """Trains a compiled model up to `steps` in all, going on from the last checkpoint in `folder`.

    Args:
        model: compiled, its face sets set; takes batches of indices.
        folder: the model's folder (see the module's text).
        counts: faces in each set, {"A": ..., "B": ...}.
        steps: the total number of steps, a multiple of `log_every` (rounded up to one).
        paint: model -> preview picture; None draws none.
        callbacks: further Keras callbacks; what they change must follow from the step alone, so that a resumed run
            is the same run.

    Returns:
        The history, one row every `log_every` steps.

    Raises:
        LabError: when the folder cannot be written, the disk is full, or the loss stops being a number.
    """
    folder = files.make_folder(folder)
    checkpoints = files.make_folder(folder / "checkpoints")
    for left in checkpoints.glob(f"{files.PARTIAL}*"):
        shutil.rmtree(left, ignore_errors=True)
    checkpoint_every = max(1, checkpoint_every // log_every) * log_every
    preview_every = max(1, preview_every // log_every) * log_every
    start, rows = restore_checkpoint(model, checkpoints)
    epochs = -(-steps // log_every)
    if start >= epochs * log_every:
        return pd.DataFrame(rows)
    history = History(folder / HISTORY, rows, log_every)
    saver = Checkpoints(checkpoints, checkpoint_every, log_every, rows)
    shown = [Previews(folder / "previews", paint, preview_every, log_every, show)] if paint else []
    board = []
    if tensorboard:
        with contextlib.suppress(ImportError):  # TensorBoard is a view of history.csv; nothing is lost without it
            board = [keras.callbacks.TensorBoard(log_dir=str(folder / "tensorboard"), write_graph=False)]
    if start == 0 and paint:
        shown[0].set_model(model)
        shown[0].draw(0)
    with files.clear_write_errors(folder):
        model.fit(
            index_batches(counts, batch_size, seed, start),
            steps_per_epoch=log_every,
            epochs=epochs,
            initial_epoch=start // log_every,
            callbacks=[history, *shown, *callbacks, saver, *board],
            shuffle=False,
            verbose=verbose,
        )
    save_checkpoint(model, checkpoints, epochs * log_every, rows)
    return pd.DataFrame(rows)


def save_model(model, folder: str | Path, kind: str, about: dict | None = None) -> Path:
    """Writes a finished model: config.json and model.weights.h5, without the optimiser's state.

    Args:
        model: has `config` (a dataclass) and `painter_copy()`, an uncompiled model with the same weights.
        kind: one of `KINDS`.
        about: further facts for config.json (steps, data, minutes).
    """
    folder = files.make_folder(folder)
    with files.atomic_path(folder / WEIGHTS) as temporary:
        model.painter_copy().save_weights(temporary)
    config = {
        "kind": kind,
        "options": dataclasses.asdict(model.config),
        "version": __version__,
        "keras": keras.__version__,
        "sha256": files.sha256(folder / WEIGHTS),
        **(about or {}),
    }
    files.write_json(folder / CONFIG, config)
    return folder


def read_config(folder: str | Path, kind: str | None = None, size: int | None = None) -> dict:
    """Reads and checks a model folder's config.json and the weights' SHA-256.

    Raises:
        LabError: when there is no model, it is of another kind or size, or its weights are damaged.
    """
    folder = Path(folder)
    if not (folder / CONFIG).exists():
        raise LabError(
            f"{folder}: no finished model lies here ({CONFIG} is missing). Train one with notebook 03 or 04."
        )
    config = files.read_json(folder / CONFIG)
    try:
        found_kind, found_size, expected = config["kind"], config["options"]["size"], config["sha256"]
    except (KeyError, TypeError) as error:
        raise LabError(
            f"{folder / CONFIG}: this is no model's configuration ({error} is missing). Train the model again."
        ) from error
    if kind and found_kind != kind:
        raise LabError(
            f"{folder}: this is a model of kind {found_kind!r}, not {kind!r}. Give another folder, or train one of that kind."
        )
    if size and found_size != size:
        raise LabError(
            f"{folder}: this model paints {found_size}-px faces, not {size}-px ones. Give another folder, or train at that size."
        )
    weights = folder / WEIGHTS
    if not weights.exists() or files.sha256(weights) != expected:
        state = "damaged (its SHA-256 is not the one in config.json)" if weights.exists() else "missing"
        raise LabError(f"{weights}: the weights are {state}. Copy the file again, or train the model again.")
    return config


def load_model(folder: str | Path, kind: str | None = None, size: int | None = None):
    """A finished model, ready to paint (it cannot be trained further: its checkpoints can).

    Args:
        folder: holds config.json and model.weights.h5.
        kind, size: refuse any other.

    Returns:
        A `FaceAutoencoder` or a `FaceTranslator`; call `translate(faces, source, target)` or wrap it in a `SwapFunction`.

    Raises:
        LabError: when there is no model, it is of another kind or size, or its weights are damaged.
    """
    folder = Path(folder)
    config = read_config(folder, kind, size)
    try:
        options, build = KINDS[config["kind"]]
        shape = options(**config["options"])
    except (KeyError, TypeError, ValueError) as error:
        raise LabError(
            f"{folder / CONFIG}: these options do not describe a model of this version ({error}). Train it again."
        ) from error
    model = build(shape)
    load_weights(model, folder / WEIGHTS)
    return model


def load_weights(model, path: str | Path) -> None:
    """Loads a finished model's weights into one of the same shape.

    Raises:
        LabError: when the file cannot be read, or was written by a model of another shape.
    """
    try:
        model.load_weights(path)
    except (OSError, ValueError, KeyError) as error:
        raise LabError(
            f"{path}: these weights do not fit this model ({str(error).splitlines()[0][:160]}). Use a model folder of the "
            "same kind and size, or train again."
        ) from error


class SwapFunction:
    """A model seen by the conversion: faces of one person in, the other person's colour and alpha out.

    Args:
        model: has `translate(faces, source, target)` and `config.size`.
        source, target: whose faces come in (0 = A), and as whom they are painted (1 = B).
        batch_size: faces a pass.
        name: of the model, for the video's metadata.
    """

    def __init__(self, model, source: int = 0, target: int = 1, batch_size: int = 16, name: str = "autoencoder"):
        self.name = name
        self.model, self.source, self.target, self.batch_size = model, source, target, batch_size
        self.size = model.config.size

    def __call__(self, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Args: faces (N, size, size, 3) float32 RGB in [0, 1]. Returns: colour, same shape, and alpha (N, size, size, 1)."""
        colours, alphas = [], []
        for first in range(0, len(faces), self.batch_size):
            colour, alpha = self.model.translate(faces[first : first + self.batch_size], self.source, self.target)
            colours.append(keras.ops.convert_to_numpy(colour))
            alphas.append(keras.ops.convert_to_numpy(alpha))
        return np.concatenate(colours), np.concatenate(alphas)
