"""The lab's own safeguards: the consent ledger is asked, what is made is signed, marked and entered in the register.

The core reaches them through `base.safeguards` alone, whose protocols say what each of these is for.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from faceswap_lab.faces.sources import Source
from faceswap_lab.provenance import certificates, checks, credentials, publishing, register
from faceswap_lab.provenance.checks import may_prepare as may_use
from faceswap_lab.provenance.consent import Ledger
from faceswap_lab.provenance.credentials import Facts, Ingredient
from faceswap_lab.provenance.watermark import LEAST, Marker
from faceswap_lab.swap.swapping import model_name

__all__ = ["Agreement", "check", "may_convert", "may_use", "publish", "write_swapped"]

# What the picture depends on; not how the work was cut up, nor where things were kept: the frames are the same then.
_NAMED = ("version", "options", "video", "read", "inside", "person", "faces", "model")


def check() -> None:
    certificates.signing()


def ident(key: dict) -> str:
    """The number of a conversion: six hexadecimal digits of the SHA-256 of what it was made of and how.

    Args:
        key: as `parts.Parts` keeps it.
    """
    told = json.dumps({name: key[name] for name in _NAMED}, sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:6]


@dataclass(frozen=True)
class Agreement:
    """Those who agreed to a conversion, and how its output is published.

    Args:
        agreed: they. folder: the ledger's, in which the register lies.
    """

    agreed: checks.Agreed
    folder: Path

    def mark(self, size: tuple[int, int], key: dict) -> Marker | None:
        return Marker(size, ident(key)) if min(size) >= LEAST else None

    def facts(self, conversion: Any) -> Facts:
        """What the manifest of a conversion's output says; conversion: a `swap.steps.Conversion`."""
        function = conversion.swap_function
        parts = [
            (self.agreed.target, "target", Path(conversion.video.path)),
            *((one, "source", None) for one in self.agreed.sources),
        ]
        return Facts(
            model=model_name(function),
            model_digest=str(getattr(function, "digest", "")),
            settings=dataclasses.asdict(conversion.options) | {"label": conversion.corner or "none"},
            ingredients=tuple(Ingredient(one.name, one.sha256, role, one.identity, path) for one, role, path in parts),
            watermark=conversion.marker and conversion.marker.ident,
        )

    def keeper(self, conversion: Any, folder: Path) -> Callable[[int, np.ndarray], None]:
        facts, signing = self.facts(conversion), certificates.signing()
        # They are kept unmarked. A target's own credentials are left out: each picture would check the whole target anew.
        plain = tuple(dataclasses.replace(one, path=None) for one in facts.ingredients)
        facts = dataclasses.replace(facts, watermark=None, ingredients=plain)

        def keep(index: int, picture: np.ndarray) -> None:
            publishing.write_signed(folder / f"{index:06d}.png", picture, facts, signing=signing)

        return keep

    def enter(self, conversion: Any, thing: str, path: Path, lies: Path | None = None) -> list[str]:
        """Enters an output in the register; `lies`: where it is before it gets its name."""
        about = self.agreed, path, model_name(conversion.swap_function), dataclasses.asdict(conversion.options)
        return register.enter(*about, self.folder, lies, thing)

    def mark_folder(self, folder: Path, conversion: Any, thing: str) -> list[str]:
        register.mark_folder(folder, thing)
        return self.enter(conversion, thing, folder)

    @contextlib.contextmanager
    def publish(self, out: Path, hidden: Path, conversion: Any, thing: str, told: list[str]) -> Iterator[Path]:
        def enter(lies: Path) -> None:
            told.extend(self.enter(conversion, thing, out, lies))

        with publishing.sealed(out, hidden, self.facts(conversion), enter) as unsigned:
            yield unsigned

    def publish_pictures(self, folder: Path, out: Path, conversion: Any, thing: str) -> list[str]:
        credentials.sign_pictures(folder, self.facts(conversion))
        register.mark_folder(folder, thing)
        return self.enter(conversion, thing, out, folder)

    def forget(self, path: Path) -> None:
        register.forget(path, self.folder)


def may_convert(target: Any, sources: Sequence[Source], name: str, ledger: Ledger | None = None) -> Agreement:
    ledger = ledger or Ledger.load()
    return Agreement(checks.may_convert(target, sources, name, ledger), ledger.folder)


def publish(out: Path, hidden: Path, model: str, what: str) -> contextlib.AbstractContextManager[Path]:
    return publishing.sealed(out, hidden, publishing.facts(out, model, what))


def write_swapped(path: Path, image: np.ndarray, model: str, what: str, own: bool = False) -> None:
    publishing.write_swapped(path, image, model, what, signing=certificates.of_this_process() if own else None)
