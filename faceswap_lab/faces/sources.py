"""Which clips a face set was cut from and a model learnt from: sources.json in their folders, by content.

A cleaned face set or a trained model shows nothing any more of the file it came from; this is what still leads to the people
whose consent it needs.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.video.fingerprints import content_hash, content_size

SOURCES = "sources.json"
IDENTITY = re.compile(r"\w[\w-]{0,63}")  # of any alphabet; nothing that leads to another folder
RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}  # on Windows
_UNFIT = re.compile(r"[/\\\x00-\x1f]")  # in a name without the way to it
_HASH = re.compile(r"[0-9a-f]{64}")
_MOST = 10_000  # sources of one set or model: more is no list of clips


@dataclass(frozen=True)
class Source:
    """A clip, by its content.

    Args:
        name: the file's or folder's name, without the way to it.
        sha256: see `fingerprints.content_hash`.
        bytes: its size.
        identities: short names of those whom it shows, as the ledger knew them when this was written.
    """

    name: str
    sha256: str
    bytes: int
    identities: tuple[str, ...] = ()

    @property
    def identity(self) -> str:
        """Those whom it shows, as text; "" where nobody is known."""
        return ", ".join(self.identities)

    def as_json(self) -> dict:
        """As it is kept; a list of identities only where there are some."""
        kept = asdict(self) | {"identities": list(self.identities)}
        return kept if self.identities else {key: value for key, value in kept.items() if key != "identities"}

    @classmethod
    def from_json(cls, stored, path: str | os.PathLike) -> Source:
        """The source that `as_json` wrote.

        Args:
            stored: JSON, which may come from a stranger.
            path: the file it was read from, named in errors.

        Raises:
            LabError: for what is missing, unknown, or not of its kind.
        """

        def refuse(why: str):
            raise LabError(f"{path}: {why}. Mend the file, or delete it and write it anew.")

        if not isinstance(stored, dict) or not {"name", "sha256", "bytes"} <= set(stored):
            refuse("a source in it has no name, sha256 or bytes")
        if unknown := sorted(set(stored) - {"name", "sha256", "bytes", "identities"}):
            refuse(f"a source in it has the unknown field {unknown[0]!r}")
        name, digest, size = stored["name"], stored["sha256"], stored["bytes"]
        if not isinstance(name, str) or not 0 < len(name) <= 255 or _UNFIT.search(name):
            refuse(f"{str(name)[:80]!r} is no file's name")
        if not isinstance(digest, str) or not _HASH.fullmatch(digest):
            refuse(f"the sha256 of {name} is not 64 hexadecimal digits")
        if isinstance(size, bool) or not isinstance(size, int) or size < 0:
            refuse(f"the bytes of {name} are no number")
        identities = stored.get("identities", [])
        if not isinstance(identities, list) or not all(is_identity(one) for one in identities):
            refuse(f"the identities of {name} are no short names")
        return cls(name, digest, size, tuple(identities))


def is_identity(name) -> bool:
    """Whether this may be an identity's short name: letters, digits, _ and -, and a file name on every system."""
    return isinstance(name, str) and bool(IDENTITY.fullmatch(name)) and name.casefold() not in RESERVED


def source_of(path: str | os.PathLike, identities: Iterable[str] = ()) -> Source:
    """What a clip or folder of pictures is known by.

    Raises:
        LabError: when it cannot be read.
    """
    path = Path(os.path.abspath(path))
    name = _UNFIT.sub("_", os.fsencode(path.name).decode("utf-8", "replace")) or "unnamed"
    return Source(name, content_hash(path), content_size(path), tuple(identities))


def is_hash(text: str) -> bool:
    """Whether this is a SHA-256 as the lab writes them."""
    return bool(_HASH.fullmatch(text))


def merged(*groups: Iterable[Source]) -> tuple[Source, ...]:
    """All sources once each, in order of first sight; one of a known identity counts more than the same one without."""
    found: dict[str, Source] = {}
    for one in (source for group in groups for source in group):
        known = found.get(one.sha256)
        if known is None or (one.identities and not known.identities):
            found[one.sha256] = one
    return tuple(found.values())


def write_sources(folder: str | os.PathLike, sources: Iterable[Source]) -> None:
    """Writes the sources.json of a face set or a model; a file that says the same already is left alone.

    Raises:
        LabError: when the folder cannot be written to.
    """
    path, value = Path(folder) / SOURCES, {"sources": [one.as_json() for one in sources]}
    try:
        same = path.exists() and files.read_json(path) == value
    except LabError:
        same = False
    if not same:
        files.write_json(path, value)


def note_source(folder: str | os.PathLike, path: str | os.PathLike) -> None:
    """Writes the one clip that a face set is cut from, unless its sources.json names that content already.

    Raises:
        LabError: when the clip cannot be read, the sources.json is damaged, or the folder cannot be written to.
    """
    found = source_of(path)
    if not has_sources(folder) or [one.sha256 for one in read_sources(folder)] != [found.sha256]:
        write_sources(folder, [found])


def has_sources(folder: str | os.PathLike) -> bool:
    """Whether a folder says what it was made from."""
    return (Path(folder) / SOURCES).exists()


def read_sources(folder: str | os.PathLike) -> tuple[Source, ...]:
    """What a face set or a model was made from.

    Args:
        folder: the set's or the model's.

    Raises:
        LabError: when its sources.json is missing (with the command that writes it) or damaged.
    """
    path = Path(folder) / SOURCES
    if not path.exists():
        raise LabError(
            f"{folder}: nothing here says which clips this was made from ({SOURCES} is missing), so nobody's consent can be "
            f"looked up. If you know the clips, state them: python -m faceswap_lab consent sources "
            f"{shlex.quote(str(folder))} FILE ..."
        )
    stored = files.read_json(path)
    listed = stored.get("sources") if isinstance(stored, dict) else None
    if not isinstance(listed, list) or not 0 < len(listed) <= _MOST:
        raise LabError(f"{path}: this file names no sources. Delete it and run the stage that writes it.")
    return tuple(Source.from_json(one, path) for one in listed)


def gather_sources(folders: Iterable[str | os.PathLike], into: str | os.PathLike) -> tuple[Source, ...]:
    """Adds what some face sets or models were made from to what another one was.

    Args:
        folders: of the sets or models; where one of them does not say it, nothing is written, since half of the truth would
            look like the whole.
        into: the folder of what is made from them.

    Returns:
        All sources of `into`, or () where nothing was written.

    Raises:
        LabError: when a sources.json is damaged.
    """
    folders = list(folders)
    if not folders or not all(map(has_sources, folders)):
        return ()
    own = read_sources(into) if has_sources(into) else ()
    found = merged(own, *map(read_sources, folders))
    write_sources(into, found)
    return found
