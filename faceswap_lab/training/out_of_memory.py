"""A device that is out of memory: recognised on every backend, and answered once with half the batch."""

from __future__ import annotations

import keras
import numpy as np

from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import _
from faceswap_lab.models.augmentation import FaceBank
from faceswap_lab.training import checkpoints
from faceswap_lab.training.history import HISTORY, add_event, write_history

SIGNS = ("resource_exhausted", "resourceexhausted", "outofmemory", "out of memory", "oom when allocating")


def said(error: BaseException | None) -> str:
    """What the backend says when its memory is full, one line; "" for any other error.

    TensorFlow raises ResourceExhaustedError, XLA an error with RESOURCE_EXHAUSTED in its text, PyTorch OutOfMemoryError.
    JAX may fail once more while Keras puts the state back, so what an error came from counts too.
    """
    while error is not None and not isinstance(error, LabError):
        lines = [type(error).__name__, *str(error).splitlines()]
        found = [line for line in lines if any(sign in line.lower() for sign in SIGNS)]
        if found:
            return found[-1].strip()[:160]  # TensorFlow's first lines name the graph, not the tensor
        error = error.__cause__ or error.__context__
    return ""


class Banks:
    """The face sets, for a step that failed: JAX hands their memory to the step, which takes them along.

    Checkpoints leave them out. On other backends they stay where they are, and nothing is copied.

    Args:
        model: its face sets set.
    """

    def __init__(self, model: keras.Model):
        banks = [layer for layer in model._flatten_layers() if isinstance(layer, FaceBank)]
        self._kept = []
        if keras.backend.backend() == "jax":
            self._kept = [(v, np.array(keras.ops.convert_to_numpy(v))) for bank in banks for v in bank.variables]

    def restore(self) -> None:
        for variable, pictures in self._kept:
            variable.assign(pictures)


def halved_before(facts: dict, settings: dict) -> dict:
    """The settings of a training that goes on; where the same batch was too large once, it is not tried again.

    Args:
        facts: of the checkpoint.
        settings: as `fit` was asked.
    """
    before = facts.get("settings", {})
    if before.get("halved_from") != settings["batch_size"]:
        return settings
    return settings | {"batch_size": before["batch_size"], "halved_from": before["halved_from"]}


def go_on_with_half(session, banks: Banks, what: str) -> None:
    """Goes back to the last saved state, to go on from there with half the batch.

    Args:
        session: of the training.
        banks: see there.
        what: from `said`.

    Raises:
        LabError: when it was halved before, cannot be halved, or nothing was saved.
    """
    settings = session.settings
    batch_size, asked = settings["batch_size"], settings.get("halved_from")
    if asked or batch_size < 2:
        was = f"{batch_size} faces of each person, already half of {asked}" if asked else "one face of each person"
        raise LabError(
            f"{session.folder}: the device is out of memory with {was} ({what}). Close what else uses it (other notebooks), "
            "or take a smaller batch_size, size or model, or precision='mixed_float16'; training goes on from the last "
            "checkpoint."
        )
    banks.restore()
    found = checkpoints.restore(session.model, session.folder / "checkpoints")
    settings |= {"batch_size": batch_size // 2, "halved_from": batch_size}
    failed = session.step
    session.take(found)
    write_history(session.folder / HISTORY, session.rows)
    session.predicted = None
    session.model.make_train_function(force=True)  # for the new shape alone
    said = _(
        "{model}: the device is out of memory with 2 x {count} faces in a step ({reason}). On from step {step} with half, "
        "2 x {half}."
    )
    facts = {"count": batch_size, "reason": what, "step": found.step, "half": batch_size // 2}
    add_event(session.folder, failed, "memory", said.format(model=session.folder.name, **facts))
