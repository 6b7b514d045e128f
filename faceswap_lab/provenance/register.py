"""The register of outputs: what was made, with whose face, from what, so that a revoked consent finds what it concerns.

A small JSON file an output, in the folder outputs/ of the ledger, told apart by place and by what made it. It is written when
the finished output still lies under a hidden name, and the output gets its own name only then: whoever is killed in between
leaves an entry without an output, never an output without an entry. A copy that was made elsewhere is not seen: its content
credentials speak for it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from faceswap_lab import __version__
from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import _, english, ngettext
from faceswap_lab.base.safeguards import MARKER
from faceswap_lab.faces.sources import Source, merged
from faceswap_lab.provenance.checks import Agreed
from faceswap_lab.provenance.consent import VARIABLE, user_folder
from faceswap_lab.video.fingerprints import content_hash

OUTPUTS = "outputs"
THERE, REPLACED, MISSING = english("there"), english("replaced"), english("moved or deleted")


@dataclass(frozen=True)
class Output:
    """One thing that was made.

    Args:
        path: where, absolute.
        sha256: of its content, see `fingerprints.content_hash`; of a folder with a `MARKER`, that file's.
        made_on: local time.
        identities: whose faces went in.
        sources: the clips that went in: target and what the model learnt from.
        made_with: model, lab version and settings, JSON values.
        earlier: as `sha256`, when the same thing was made before: signing gives each time another content.
    """

    path: str
    sha256: str
    made_on: str
    identities: tuple[str, ...]
    sources: tuple[Source, ...]
    made_with: dict
    earlier: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        """`THERE`, `REPLACED` (other content lies there now) or `MISSING`."""
        if not Path(self.path).exists():
            return MISSING
        try:
            known = (self.sha256, *self.earlier)
            return THERE if _content(Path(self.path)) in known or content_hash(self.path) in known else REPLACED
        except LabError:
            return REPLACED


def record_output(
    path: str | os.PathLike,
    identities: Iterable[str],
    sources: Iterable[Source],
    made_with: dict,
    folder: str | os.PathLike | None = None,
    lies: str | os.PathLike | None = None,
    thing: str = "",
) -> list[str]:
    """Adds an output to the register; the output itself counts more than its entry.

    Args:
        path: the output, a file or a folder of pictures, at the name that it has or will have.
        identities: whose faces went in.
        sources: the clips that went in.
        made_with: JSON values: model, settings.
        folder: the ledger's own folder; None: the user's.
        lies: where the same content lies now, before it gets its name; None: at `path`.
        thing: what tells it from other outputs of that name; made again, the same thing has one entry. "": its content.

    Returns:
        [], or a sentence for the user when the register could not be written.
    """
    path = Path(os.path.abspath(path))
    place = Path(folder or user_folder()) / OUTPUTS
    try:
        found = _content(Path(lies or path))
        entry = place / f"{hashlib.sha256(f'{path} {thing or found}'.encode()).hexdigest()[:16]}.json"
        about = Output(
            str(path), found, time.strftime("%Y-%m-%d %H:%M:%S"), tuple(sorted(set(identities))), merged(sources),
            {"lab": __version__, **made_with}, _contents_before(entry, found),
        )  # fmt: skip
        files.write_json(entry, asdict(about) | {"sources": [one.as_json() for one in about.sources]})
    except (LabError, OSError):
        return [
            english(
                "{place}: this output could not be entered in the register, so that a revoked consent will not find it. "
                "Set {variable} to a folder that can be written to.",
                place=place,
                variable=VARIABLE,
            )
        ]
    return []


def enter(
    agreed: Agreed, path: str | os.PathLike, model: str, settings: dict, folder: str | os.PathLike, lies=None, thing=""
) -> list[str]:
    """`record_output` of a conversion: those who agreed to it, the model's name and the options."""
    made_with = {"model": model, "settings": settings}
    return record_output(path, agreed.identities, (agreed.target, *agreed.sources), made_with, folder, lies, thing)


def mark_folder(folder: Path, thing: str) -> None:
    """Writes into a folder of swapped pictures which conversion they are of, so that single ones may be removed from it."""
    files.write_text(
        folder / MARKER, f"The swapped frames here are replaced by each conversion.\nThey are of conversion {thing}.\n"
    )


def forget(path: str | os.PathLike, folder: str | os.PathLike | None = None) -> None:
    """Takes out the entries of what the lab itself has removed: `path`, and all that lay in it. Others stay as they are."""
    gone = Path(os.path.abspath(path))
    with contextlib.suppress(OSError):
        for entry in _entries(folder):
            with contextlib.suppress(LabError):
                if Path(_read(entry).path).is_relative_to(gone):
                    entry.unlink()


@contextlib.contextmanager
def passing_folder() -> Iterator[Path]:
    """A temporary folder for outputs that are looked at and removed: their entries go with it, unless the process is killed."""
    place = Path(tempfile.mkdtemp(prefix="faceswap_lab-"))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
        if not place.exists():
            forget(place)


def outputs(folder: str | os.PathLike | None = None) -> list[Output]:
    """All entries, oldest first.

    Args:
        folder: the ledger's own folder; None: the user's.

    Raises:
        LabError: naming an entry that is damaged.
    """
    return sorted(map(_read, _entries(folder)), key=lambda one: (one.made_on, one.path))


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
            more = ", " + _("{count} times").format(count=count) if count > 1 else ""
            lines.append(f"{_(state):16s} {one.made_on}  {path}  ({one.made_with.get('model', _('unnamed'))}{more})")
    if replaced := sum(state == REPLACED for state, one in states):
        earlier = ngettext(
            "{count} earlier output, in whose place another lies now",
            "{count} earlier outputs, in whose places others lie now",
            replaced,
        )
        lines.append(f"{_(REPLACED):16s} {earlier.format(count=replaced)}")
    return lines


def _entries(folder: str | os.PathLike | None) -> list[Path]:
    place = Path(folder or user_folder()) / OUTPUTS
    return [path for path in sorted(place.glob("*.json")) if not path.name.startswith(".")]


def _content(path: Path) -> str:
    """What an output is known by. A folder's pictures come and go one by one, so its marker speaks for them."""
    return content_hash(path / MARKER if (path / MARKER).is_file() else path)


def _contents_before(entry: Path, found: str) -> tuple[str, ...]:
    """What an entry's thing was known by when it was made earlier; a damaged entry is replaced."""
    try:
        known = _read(entry)
    except (LabError, OSError):
        return ()
    return tuple(one for one in dict.fromkeys((*known.earlier, known.sha256)) if one != found)


def _read(path: Path) -> Output:
    try:
        stored = files.read_json(path)
        identities = tuple(map(str, stored["identities"]))
        sources = tuple(Source.from_json(one, path) for one in stored["sources"])
        path_, sha256, made_on = (str(stored[name]) for name in ("path", "sha256", "made_on"))
        earlier = tuple(map(str, stored.get("earlier", ())))
        return Output(path_, sha256, made_on, identities, sources, dict(stored["made_with"]), earlier)
    except (LabError, KeyError, TypeError, ValueError) as error:
        raise LabError(
            f"{path}: this entry of the register is damaged. Delete it: the output that it spoke of is then not listed any more."
        ) from error
