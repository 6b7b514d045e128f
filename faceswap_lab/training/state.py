"""Everything that a training depends on, as arrays: weights, optimiser, random generators, running metrics.

On any backend: arrays come out through `keras.ops.convert_to_numpy` and go back through `assign`.
"""

from __future__ import annotations

import re
from collections import Counter

import keras
import numpy as np

from faceswap_lab.models import optimizers
from faceswap_lab.models.augmentation import FaceBank

PARTS = ("model", "optimizer", "random", "metrics")


def variables(model: keras.Model) -> dict[str, list]:
    """The variables of a compiled model by part, always in the same order; the face sets are left out.

    Args:
        model: compiled; its optimiser is built here if it was not.

    Returns:
        {"model": [...], "optimizer": [...], "random": [...], "metrics": [...]}.
    """
    optimizers.build(model)
    layers = list(model._flatten_layers(include_self=True))
    banks = {id(v) for layer in layers if isinstance(layer, FaceBank) for v in layer.variables}
    generators = [generator for layer in layers for generator in getattr(layer, "_seed_generators", [])]
    return {
        "model": [v for v in model.weights if id(v) not in banks],
        "optimizer": list(model.optimizer.variables),
        "random": [generator.state for generator in generators],
        "metrics": list(model.metrics_variables),
    }


def collect(model: keras.Model) -> tuple[dict[str, np.ndarray], dict[str, list[str]]]:
    """The state as arrays {"model/0000": array, ...} and the names behind them {"model": [name, ...], ...}."""
    found = variables(model)
    arrays = {
        f"{part}/{place:04d}": keras.ops.convert_to_numpy(variable)
        for part in PARTS
        for place, variable in enumerate(found[part])
    }
    return arrays, {part: [_name(v) for v in found[part]] for part in PARTS}


def assign(model: keras.Model, arrays: dict[str, np.ndarray]) -> None:
    """Puts back what `collect` gave, all but the metrics (see `assign_metrics`)."""
    found = variables(model)
    for part in PARTS[:-1]:
        for place, variable in enumerate(found[part]):
            variable.assign(arrays[f"{part}/{place:04d}"])


def assign_metrics(model: keras.Model, arrays: dict[str, np.ndarray]) -> None:
    """Puts the running means of an interval back that a save cut in two."""
    for place, variable in enumerate(model.metrics_variables):
        variable.assign(arrays[f"metrics/{place:04d}"])


def differences(model: keras.Model, names: dict[str, list[str]]) -> list[str]:
    """Which keys differ between a model and the names in a checkpoint: ["missing: ...", "unknown: ..."]; [] if none.

    The metrics are no part of the comparison: they are set anew at every interval.
    """
    found = {part: [_name(v) for v in some] for part, some in variables(model).items()}
    lines = []
    for part in PARTS[:-1]:
        given = [_plain(name) for name in names.get(part, [])]
        mine, theirs = Counter(found[part]), Counter(given)
        for word, some in (("missing", mine - theirs), ("unknown", theirs - mine)):
            if some:
                shown = sorted(some)
                more = f" and {len(shown) - 4} more" if len(shown) > 4 else ""
                lines.append(f"{word} in {part}: {'; '.join(shown[:4])}{more}")
        if not lines and found[part] != given:
            lines.append(f"another order in {part}")
    return lines


def not_finite(arrays: dict[str, np.ndarray], names: dict[str, list[str]]) -> str:
    """The name of the first array that holds a NaN or an infinity; "" when none does."""
    for key, array in arrays.items():
        # A sum is a number only if every part is, and needs no array of its own; only then is looked more closely.
        if array.dtype.kind == "f" and not np.isfinite(array.sum(dtype=np.float64)) and not np.isfinite(array).all():
            part, place = key.split("/")
            return names[part][int(place)].split(" ")[0]
    return ""


def _name(variable) -> str:
    """A variable's place and shape. Keras numbers layers without a name through the whole process: 'conv2d_7' is 'conv2d' here."""
    return f"{_plain(variable.path)} {tuple(variable.shape)}"


def _plain(path: str) -> str:
    return "/".join(_AUTOMATIC.sub(r"\1", part) for part in path.split("/"))


_AUTOMATIC = re.compile(
    r"^((?:[a-z_]*(?:adam|adamw|muon|sgd|rmsprop|optimizer)|conv2d|dense|group_normalization|seed_generator|face_autoencoder|face_swap_gan"
    r"|self_attention|functional|mean))_\d+$"
)
