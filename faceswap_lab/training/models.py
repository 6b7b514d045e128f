"""Finished models on disk: weights with the configuration that they belong to, and the function that a conversion calls."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import itertools
import os
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from faceswap_lab import __version__
from faceswap_lab.base import files, untrusted
from faceswap_lab.base.errors import LabError
from faceswap_lab.faces.faceset import FaceSet
from faceswap_lab.faces.sources import SOURCES, Source, gather_sources, has_sources, read_sources
from faceswap_lab.models.autoencoder import AutoencoderConfig, FaceAutoencoder
from faceswap_lab.models.cyclegan import CycleGanConfig
from faceswap_lab.models.faceswap_gan import FaceSwapGAN, GanConfig
from faceswap_lab.models.pix2pix import Pix2PixConfig
from faceswap_lab.models.translation import FaceTranslator

MOST_LAYERS, MOST_CHANNELS, MOST_WEIGHTS = 12, 16384, 1 << 30  # the published model of 128 px has 2e8 weights
BOUNDS = {"size": 512, "kernel": 15, "blocks": 64, "slope": 1, "octave": 1, "dropout": 1, "width": 4, "pool": 100_000}
WEIGHTS, CONFIG = "model.weights.h5", "config.json"
# A finished model's kind: the class of its options, and what makes a generator of them.
KINDS: dict[str, tuple[type, Callable[..., keras.Model]]] = {
    "autoencoder": (AutoencoderConfig, FaceAutoencoder),
    "faceswap_gan": (GanConfig, lambda shape: FaceSwapGAN(shape).generator_copy()),
    "cyclegan": (CycleGanConfig, FaceTranslator),
    "pix2pix": (Pix2PixConfig, FaceTranslator),
}


def save_model(model, folder: str | Path, kind: str, about: dict | None = None) -> Path:
    """Writes a finished model: config.json and model.weights.h5, without the optimiser's state.

    Args:
        model: has `config` (a dataclass) and `generator_copy()`, an uncompiled model with the same weights.
        kind: one of `KINDS`.
        about: further facts for config.json (steps, data, minutes).

    Where the model began with another one's weights (`stages.warm_start`), the clips behind those are added to what the
    folder's sources.json names; where those are not known, nothing is named, and the user is asked to state them.

    Returns:
        The folder.

    Example:
        >>> model = lab.load_model("data/weights/quick_autoencoder")
        >>> sorted(path.name for path in lab.save_model(model, "models/copy", "autoencoder").iterdir())
        ['config.json', 'model.weights.h5']
    """
    folder = files.make_folder(folder)
    begun_from = getattr(model, "begun_from", None)
    if begun_from and has_sources(folder) and not gather_sources([begun_from], folder):
        (folder / SOURCES).unlink()
    with files.atomic_path(folder / WEIGHTS) as temporary:
        model.generator_copy().save_weights(temporary)
    config = {
        "kind": kind,
        "options": dataclasses.asdict(model.config),
        "version": __version__,
        "keras": keras.__version__,
        "precision": model.dtype_policy.name,  # that it was trained in; its weights are float32 in any
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
            f"{folder}: this model generates {found_size}-px faces, not {size}-px ones. Give another folder, or train at that size."
        )
    weights = folder / WEIGHTS
    if not weights.exists() or files.sha256(weights) != expected:
        state = "damaged (its SHA-256 is not the one in config.json)" if weights.exists() else "missing"
        raise LabError(f"{weights}: the weights are {state}. Copy the file again, or train the model again.")
    return config


def load_model(folder: str | Path, kind: str | None = None, size: int | None = None):
    """A finished model, ready to generate (it cannot be trained further: its checkpoints can).

    Args:
        folder: holds config.json and model.weights.h5.
        kind, size: refuse any other.

    Returns:
        A `FaceAutoencoder` or a `FaceTranslator`; call `translate(faces, source, target)` or wrap it in a `SwapFunction`.

    Raises:
        LabError: when there is no model, it is of another kind or size, or its weights are damaged.

    Example:
        >>> model = lab.load_model("data/weights/quick_autoencoder")
        >>> model.config.size
        64
    """
    folder = Path(folder)
    config = read_config(folder, kind, size)
    # Up to version 0.4 a discriminator was called a critic.
    config["options"] = {name.replace("critic_", "discriminator_"): value for name, value in config["options"].items()}
    try:
        options, build = KINDS[config["kind"]]
        _check_options(folder / CONFIG, config["options"])
        shape = options(**config["options"])
    except (KeyError, TypeError, ValueError) as error:
        raise LabError(
            f"{folder / CONFIG}: these options do not describe a model of this version ({error}). Train it again."
        ) from error
    model = build(shape)
    load_weights(model, folder / WEIGHTS)
    model.loaded_from = os.path.abspath(folder)
    return model


def _check_options(path: Path, options: dict) -> None:
    """Refuses options that no model of this lab has, before anything is built from them: a file may come from anywhere."""

    def refuse(name: str, value, why: str):
        raise LabError(f"{path}: {name} = {str(value)[:60]} {why}. Do not use this model, or train it again.")

    for name, value in options.items():
        several = value if isinstance(value, list | tuple) else [value]
        if len(several) > MOST_LAYERS:
            refuse(name, value, f"names more than {MOST_LAYERS} layers")
        for one in several:
            if isinstance(one, str):
                if len(one) > 40:
                    refuse(name, value, "is no name of this lab")
            elif isinstance(one, bool) or one is None:
                continue
            elif not isinstance(one, int | float) or not 0 <= one <= BOUNDS.get(name, MOST_CHANNELS):
                refuse(name, value, f"is no number from 0 to {BOUNDS.get(name, MOST_CHANNELS)}")
    weights = _most_weights(options)
    if weights > MOST_WEIGHTS:
        refuse("options", f"a model of about {weights:.1e} weights", f"is larger than {MOST_WEIGHTS:.0e}")


def _most_weights(options: dict) -> float:
    """About how many weights the largest convolutions and the dense code of such a model have, from its options alone."""

    def channels(name: str) -> list[int]:
        return [max(1, int(value)) for value in options.get(name) or (1,)]

    kernel, filters = options.get("kernel", 5) ** 2, channels("encoder_filters")
    side = max(1, options.get("size", 64) // 2 ** len(filters))
    unfolded = max(filters[-1], options.get("unfold", 0), options.get("bridge", 0))
    code = 2 * side**2 * unfolded * options.get("latent", 1)
    chains = [filters, [options.get("bridge", 0), *channels("decoder_filters")], channels("discriminator_filters")]
    steps = sum(4 * kernel * a * b for chain in chains for a, b in itertools.pairwise([3, *chain]))
    wide = options.get("filters", 0) * 8  # of a translator's innermost layers
    return code + steps + wide**2 * kernel * max(1, options.get("blocks", 1))


def load_weights(model, path: str | Path) -> None:
    """Loads a finished model's weights into one of the same shape.

    Raises:
        LabError: when the file cannot be read, was written by a model of another shape, or is one that could run code.
    """
    untrusted.check_weights(path)
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
        source, target: whose faces come in (0 = A), and as whom they are generated (1 = B).
        batch_size: faces a pass.
        name: of the model, for the video's metadata.
        base: a `BaseSwap` that puts in the same person. The generated faces are put onto its swap and get that one's colours,
            the source's skin in the target's light; None: onto the target, whose colours they get.

    Example:
        >>> model = lab.load_model("data/weights/quick_autoencoder")
        >>> swap = lab.SwapFunction(model, source=0, target=1)
        >>> colour, alpha = swap(faces.images(64)[:2].astype("float32") / 255)
        >>> colour.shape, alpha.shape
        ((2, 64, 64, 3), (2, 64, 64, 1))
    """

    def __init__(
        self, model, source: int = 0, target: int = 1, batch_size: int = 16, name: str = "autoencoder", base=None
    ):  # fmt: skip
        self.name, self.base = name, base
        self.model, self.source, self.target, self.batch_size = model, source, target, batch_size
        self.size = model.config.size

    def for_target(self, faces: FaceSet) -> SwapFunction:
        """The same function, whose base knows the target's faces, see `BaseSwap.for_target`."""
        if self.base is None:
            return self
        other = copy.copy(self)
        other.base = self.base.for_target(faces)
        return other

    @property
    def digest(self) -> str:
        """Tells this model, with the weights it has now, in this direction and on this base, from any other."""
        found = hashlib.sha256(f"{self.source}{self.target}{getattr(self.base, 'digest', '')}".encode())
        for weight in self.model.weights:
            found.update(np.ascontiguousarray(keras.ops.convert_to_numpy(weight)).tobytes())
        return found.hexdigest()

    @property
    def sources(self) -> tuple[Source, ...]:
        """The clips that the model learnt from, as its folder says (one that was just trained is in none yet), and the base's.

        Raises:
            LabError: when the folder does not say it, with the command that states it.
        """
        folder = getattr(self.model, "loaded_from", None)
        learnt = () if folder is None else read_sources(folder)
        return tuple(dict.fromkeys([*learnt, *getattr(self.base, "sources", ())]))

    def __call__(self, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Args: faces (N, size, size, 3) float32 RGB in [0, 1]. Returns: colour, same shape, and alpha (N, size, size, 1)."""
        colours, alphas = [], []
        for first in range(0, len(faces), self.batch_size):
            colour, alpha = self.model.translate(faces[first : first + self.batch_size], self.source, self.target)
            colours.append(keras.ops.convert_to_numpy(colour))
            alphas.append(keras.ops.convert_to_numpy(alpha))
        return np.concatenate(colours), np.concatenate(alphas)
