"""Checkpoints from which a training goes on exactly, written so that a stop at any moment leaves the old or the new one.

checkpoints/step_<n>/
    state.npz     every array of `state.collect`
    state.json    the step, the history so far, what the training was set to, the names of the arrays, SHA-256
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np

from faceswap_lab import __version__
from faceswap_lab.base import files, untrusted
from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import _
from faceswap_lab.training import state

FORMAT = 2
ARRAYS, FACTS = "state.npz", "state.json"
after_save: list[Callable[[Path], None]] = []  # called with each checkpoint's folder, once it is on the disk


class NotFiniteError(Exception):
    """A weight or a loss is no number any more; such a state is never saved."""


@dataclass(frozen=True)
class Restored:
    """What a checkpoint brought back.

    Args:
        step: steps done; 0 where there was no checkpoint.
        history: rows of the history.
        facts: what `save_checkpoint` was given.
        metrics: arrays of an interval that the save cut in two; {} at an interval's end.
        path: the checkpoint's folder, None where there was none.
    """

    step: int = 0
    history: list[dict] = field(default_factory=list)
    facts: dict = field(default_factory=dict)
    metrics: dict[str, np.ndarray] = field(default_factory=dict)
    path: Path | None = None


def save_checkpoint(
    model: keras.Model,
    folder: str | Path,
    step: int,
    history: list[dict],
    keep: int = 3,
    facts: dict | None = None,
    inside_interval: bool = False,
) -> Path:
    """Writes checkpoints/step_<step> under a temporary name, sends it to the disk, renames it; all but the newest `keep` go.

    Args:
        model: compiled.
        folder: the model's checkpoints folder.
        step: steps done.
        history: the rows so far.
        keep: how many checkpoints stay.
        facts: further JSON values, given back by `restore`.
        inside_interval: the metrics hold part of an interval, which a resumed run goes on with.

    Returns:
        The checkpoint's folder.

    Raises:
        NotFiniteError: when a weight is no number; nothing is written then.
        LabError: when the disk is full or the place cannot be written to; older checkpoints stay as they are.
    """
    folder = Path(folder)
    arrays, names = state.collect(model)
    if bad := state.not_finite(arrays, names):
        raise NotFiniteError(bad)
    if not inside_interval:
        arrays = {key: array for key, array in arrays.items() if not key.startswith("metrics/")}
    final = folder / f"step_{step:06d}"
    temporary = folder / f"{files.PARTIAL}{uuid.uuid4().hex[:8]}"
    with files.clear_write_errors(final):
        temporary.mkdir(parents=True, exist_ok=True)
        try:
            with open(temporary / ARRAYS, "wb") as file:
                np.savez(file, **arrays)  # type: ignore[arg-type]  # no array is called allow_pickle
                _to_disk(file)
            about = {
                "format": FORMAT,
                "version": __version__,
                "keras": keras.__version__,
                "backend": keras.backend.backend(),
                "step": step,
                "facts": facts or {},
                "names": names,
                "history": history,
                "sha256": files.sha256(temporary / ARRAYS),
            }
            with open(temporary / FACTS, "w", encoding="utf-8") as file:
                json.dump(about, file)
                _to_disk(file)
            if final.exists():
                shutil.rmtree(final)
            temporary.rename(final)
            _folder_to_disk(folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    for old in sorted(folder.glob("step_*"), key=_step)[:-keep]:
        shutil.rmtree(old, ignore_errors=True)
    for tell in after_save:
        tell(final)
    return final


def restore(model: keras.Model, folder: str | Path) -> Restored:
    """Loads the newest checkpoint that is whole into a compiled model.

    A damaged one is put aside as damaged_step_<n>, with a line that names it and the one that is used instead.

    Raises:
        LabError: when the newest whole checkpoint belongs to another model or another version of the lab, with the keys
            that differ.
    """
    passed = []
    found = Restored()
    for path in sorted(Path(folder).glob("step_*"), key=_step, reverse=True):
        try:
            about, arrays = _read(path)
        except (LabError, OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            passed.append((path, str(error).splitlines()[0][:120] if str(error) else type(error).__name__))
            continue
        _check(model, path, about)
        state.assign(model, arrays)
        metrics = {key: array for key, array in arrays.items() if key.startswith("metrics/")}
        found = Restored(about["step"], about["history"], about["facts"], metrics, path)
        break
    for path, reason in passed:
        said = _("{checkpoint}: this checkpoint is damaged ({reason}); there is none before it: training starts anew.")
        if found.path:
            said = _("{checkpoint}: this checkpoint is damaged ({reason}); {other} is used instead.")
        print(said.format(checkpoint=path, reason=reason, other=found.path and found.path.name))
        aside = path.with_name(f"damaged_{path.name}")
        shutil.rmtree(aside, ignore_errors=True)
        path.rename(aside)
    return found


def steps_done(folder: str | Path) -> int:
    """The step of the newest checkpoint in a model's folder; 0 when there is none."""
    return max((_step(path) for path in (Path(folder) / "checkpoints").glob("step_*")), default=0)


def clear_partial(folder: str | Path) -> None:
    """Removes what a killed save left behind."""
    for left in Path(folder).glob(f"{files.PARTIAL}*"):
        shutil.rmtree(left, ignore_errors=True)


def _read(path: Path) -> tuple[dict, dict[str, np.ndarray]]:
    about = files.read_json(path / FACTS)
    if about.get("format", 1) != FORMAT:
        return about, {}
    if files.sha256(path / ARRAYS) != about["sha256"]:
        raise LabError("its SHA-256 is not the one that was written")
    with untrusted.arrays(path / ARRAYS) as stored:
        return about, {key: stored[key] for key in stored.files}


def _check(model: keras.Model, path: Path, about: dict) -> None:
    if about.get("format", 1) != FORMAT:
        raise LabError(
            f"{path}: this checkpoint has format {about.get('format', 1)} (lab {about.get('version', 'an earlier one')}) and this "
            f"lab reads format {FORMAT}: missing: names, facts. Delete the folder {path.parent}, or go on with that version."
        )
    if differs := state.differences(model, about["names"]):
        raise LabError(
            f"{path}: this checkpoint (lab {about['version']}, Keras {about['keras']}) belongs to another model. "
            f"{'. '.join(differs)}. Build the model as it was, or choose another folder."
        )


def _step(path: Path) -> int:
    number = path.name.removeprefix("step_")
    return int(number) if number.isdigit() else 0


def _to_disk(file) -> None:
    file.flush()
    os.fsync(file.fileno())


def _folder_to_disk(folder: Path) -> None:
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
