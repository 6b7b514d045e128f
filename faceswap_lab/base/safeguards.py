"""The one door between the core and provenance: who may be used, and how what shows a swapped face reaches the disk.

The core (frames, faces, models, training, swap, metrics) knows no ledger, certificate or watermark. It asks `safeguards()`,
which is the lab's `provenance.safeguards` unless somebody puts another `Safeguards` into its place by `use`.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

MARKER = "swapped_frames.txt"  # in a folder of swapped frames: says of which conversion they are
_DEFAULT = "faceswap_lab.provenance.safeguards"
_chosen: list[Safeguards] = []


class Mark(Protocol):
    """A watermark: `ident` is the number that it carries."""

    ident: str

    def apply(self, picture: np.ndarray) -> np.ndarray:
        """Marks a picture, (H, W, 3) uint8 RGB."""


class Agreement(Protocol):
    """Leave to make one conversion, and the way in which its output is published. Kept for as long as the conversion runs."""

    def mark(self, size: tuple[int, int], key: dict) -> Mark | None:
        """What marks the frames, (width, height) large; None where they are too small."""

    def keeper(self, conversion: Any, folder: Path) -> Callable[[int, np.ndarray], None]:
        """A function that keeps a swapped frame, given its index and (H, W, 3) uint8 RGB, as a picture of the folder."""

    def mark_folder(self, folder: Path, conversion: Any, thing: str) -> list[str]:
        """Says in a folder of swapped frames which conversion they are of; what is to be told the user."""

    def publish(
        self, out: Path, hidden: Path, conversion: Any, thing: str, told: list[str]
    ) -> contextlib.AbstractContextManager[Path]:
        """Gives a hidden path to write an output to; afterwards it is signed, entered and put at its name, in this order.

        What is to be told the user is added to `told`.
        """

    def publish_pictures(self, folder: Path, out: Path, conversion: Any, thing: str) -> list[str]:
        """Signs and enters a folder of finished pictures, which the caller then puts at its name."""

    def forget(self, path: Path) -> None:
        """Says that the lab itself has removed an output."""


class Safeguards(Protocol):
    """What the core asks before it uses a clip, and through what it writes a swapped face."""

    def check(self) -> None:
        """Raises LabError when outputs could not be published, before hours of work."""

    def may_use(self, path: Any, role: str = "clip") -> tuple:
        """Whom a clip or face set shows and what it was cut from; LabError when it may not be cut into faces and learnt from."""

    def may_convert(self, target: Any, sources: Sequence, name: str, ledger: Any = None) -> Agreement:
        """LabError when the target may not be changed, or those whom the model learnt from may not be shown."""

    def publish(self, out: Path, hidden: Path, model: str, what: str) -> contextlib.AbstractContextManager[Path]:
        """Gives a hidden path to write a video to; afterwards it is signed and put at its name."""

    def write_swapped(self, path: Path, image: np.ndarray, model: str, what: str, own: bool = False) -> None:
        """Writes a picture that shows faces made by a model, signed; own: by a certificate of this process alone."""


def safeguards() -> Safeguards:
    return _chosen[-1] if _chosen else importlib.import_module(_DEFAULT)


@contextlib.contextmanager
def use(other: Safeguards):
    """Another implementation for a while: an institution's own ledger, or a test's."""
    _chosen.append(other)
    try:
        yield
    finally:
        _chosen.remove(other)
