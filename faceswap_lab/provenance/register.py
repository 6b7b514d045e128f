"""The register of outputs: what was made, with whose face, from what, so that a revoked consent finds what it concerns.

A small JSON file an output, in the folder outputs/ of the ledger, told apart by place and content. A copy that was made
elsewhere is not seen: its content credentials speak for it.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from faceswap_lab import __version__, files
from faceswap_lab.errors import LabError
from faceswap_lab.provenance.checks import Agreed
from faceswap_lab.provenance.consent import VARIABLE, user_folder
from faceswap_lab.provenance.hashes import content_hash
from faceswap_lab.provenance.sources import Source, merged

OUTPUTS = "outputs"
THERE, REPLACED, MISSING = "there", "replaced", "moved or deleted"


@dataclass(frozen=True)
class Output:
    """One thing that was made.

    Args:
        path: where, absolute.
        sha256: of its content, see `hashes.content_hash`.
        made_on: local time.
        identities: whose faces went in.
        sources: the clips that went in: target and what the model learnt from.
        made_with: model, lab version and settings, JSON values.
    """

    path: str
    sha256: str
    made_on: str
    identities: tuple[str, ...]
    sources: tuple[Source, ...]
    made_with: dict

    @property
    def state(self) -> str:
        """`THERE`, `REPLACED` (other content lies there now) or `MISSING`."""
        if not Path(self.path).exists():
            return MISSING
        try:
            return THERE if content_hash(self.path) == self.sha256 else REPLACED
        except LabError:
            return REPLACED


def record_output(
    path: str | os.PathLike,
    identities: Iterable[str],
    sources: Iterable[Source],
    made_with: dict,
    folder: str | os.PathLike | None = None,
) -> list[str]:
    """Adds an output to the register; the output itself counts more than its entry.

    Args:
        path: what was written: a file or a folder of pictures.
        identities: whose faces went in.
        sources: the clips that went in.
        made_with: JSON values: model, settings.
        folder: the ledger's own folder; None: the user's.

    Returns:
        [], or a sentence for the user when the register could not be written.
    """
    path = Path(os.path.abspath(path))
    place = Path(folder or user_folder()) / OUTPUTS
    try:
        found = content_hash(path)
        about = Output(
            str(path), found, time.strftime("%Y-%m-%d %H:%M:%S"), tuple(sorted(set(identities))), merged(sources),
            {"lab": __version__, **made_with},
        )  # fmt: skip
        name = hashlib.sha256(f"{path} {found}".encode()).hexdigest()[:16]
        files.write_json(place / f"{name}.json", asdict(about) | {"sources": [one.as_json() for one in about.sources]})
    except (LabError, OSError):
        return [
            f"{place}: this output could not be entered in the register, so that a revoked consent will not find it. Set "
            f"{VARIABLE} to a folder that can be written to."
        ]
    return []


def enter(agreed: Agreed, path: str | os.PathLike, model: str, settings: dict, folder: str | os.PathLike) -> list[str]:
    """`record_output` of a conversion: those who agreed to it, the model's name and the options."""
    made_with = {"model": model, "settings": settings}
    return record_output(path, agreed.identities, (agreed.target, *agreed.sources), made_with, folder)


def outputs(folder: str | os.PathLike | None = None) -> list[Output]:
    """All entries, oldest first.

    Args:
        folder: the ledger's own folder; None: the user's.

    Raises:
        LabError: naming an entry that is damaged.
    """
    place = Path(folder or user_folder()) / OUTPUTS
    if not place.is_dir():
        return []
    found = [_read(path) for path in sorted(place.glob("*.json")) if not path.name.startswith(".")]
    return sorted(found, key=lambda one: (one.made_on, one.path))


def outputs_of(identity: str, folder: str | os.PathLike | None = None) -> list[Output]:
    """What was made with somebody's face, oldest first.

    Raises:
        LabError: as `outputs`.
    """
    return [one for one in outputs(folder) if identity in one.identities]


def told(found: list[Output]) -> list[str]:
    """Lines about outputs: those that are there, then those that are not where they were made."""
    lines, states = [], [(one.state, one) for one in found]
    for state in (THERE, MISSING):
        newest = {one.path: one for known, one in states if known == state}
        for path, one in newest.items():
            count = sum(known == state and other.path == path for known, other in states)
            more = f", {count} times" if count > 1 else ""
            lines.append(f"{state:16s} {one.made_on}  {path}  ({one.made_with.get('model', 'unnamed')}{more})")
    if replaced := sum(state == REPLACED for state, _ in states):
        lines.append(f"{REPLACED:16s} {replaced} earlier outputs, in whose places others lie now")
    return lines


def _read(path: Path) -> Output:
    try:
        stored = files.read_json(path)
        identities = tuple(map(str, stored["identities"]))
        sources = tuple(Source.from_json(one, path) for one in stored["sources"])
        texts = [str(stored[name]) for name in ("path", "sha256", "made_on")]
        return Output(*texts, identities, sources, dict(stored["made_with"]))
    except (LabError, KeyError, TypeError, ValueError) as error:
        raise LabError(
            f"{path}: this entry of the register is damaged. Delete it: the output that it spoke of is then not listed any more."
        ) from error
