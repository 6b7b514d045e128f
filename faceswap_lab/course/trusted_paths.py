"""Files outside a run's own folder that its JSON files name: taken only when this computer's user gave them to the lab.

run.json names clips and scores.json a film, anywhere on the disk, and pages show copies of them. A stranger may have written such
a file, to have a page hold a film of yours. A SHA-256 beside the path would not prove that you gave the film: face sets, models
and the content credentials of swapped clips name the SHA-256 of what they were made from, and are passed on. So what is given by
hand is sealed: by a keyed hash (HMAC, RFC 2104) of its role, path and content, whose key stays in this user's own folder. Without
that seal nothing is looked up at such a path, not even whether there is a file.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import os
import secrets
from pathlib import Path

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.course import actors, samples
from faceswap_lab.provenance.consent import user_folder
from faceswap_lab.video.fingerprints import content_hash

KEY = "outside.key"
_BYTES = 32
NOT_GIVEN = "it lies outside this folder, and nobody gave it to the lab on this computer"
CHANGED = "its content is another one than when it was given"
GONE = "it is not there any more"
LINKED = "a link on the way there leads out of this folder"


def absolute(named: str | os.PathLike) -> Path:
    """A path as run.json keeps it, relative to the lab's folder or absolute, without `..`; nothing is looked up."""
    return Path(os.path.normpath(samples.ROOT / str(named)))


def seal_of(role: str, path: str | os.PathLike) -> dict[str, str]:
    """What is kept beside the name of a file that the user gave.

    Args:
        role: what it was given as, such as "target".
        path: a file, or a folder of pictures.

    Returns:
        {"sha256": ..., "seal": ...}; {} where it cannot be read, or no key can be kept: it then counts as not given.
    """
    path = absolute(path)
    try:
        digest, key = content_hash(path), _key(make=True)
    except (LabError, OSError):
        return {}
    return {"sha256": digest, "seal": _seal(key, role, path, digest)} if key else {}


def is_given(folder: str | os.PathLike, role: str, named: str, kept: object) -> bool:
    """Whether a file may be looked at; a path outside the folder and the lab's own data is not touched to tell it.

    Args:
        folder: of the run, or of the scores.
        role, named: what the JSON file calls it, and where it says that it is.
        kept: what stands beside it, see `seal_of`; of any type.
    """
    path = absolute(named)
    return _inside(folder, path) or path in _bundled() or _fits(role, path, kept)


def look(folder: str | os.PathLike, role: str, named: str, kept: object) -> tuple[Path | None, str]:
    """The file that may be shown.

    Args:
        folder, role, named, kept: as for `is_given`.

    Returns:
        Its absolute path and "", or None and why it is left out: `NOT_GIVEN`, `CHANGED`, `GONE` or `LINKED`.
    """
    path = absolute(named)
    if not is_given(folder, role, named, kept):
        return None, NOT_GIVEN
    if not path.exists():
        return None, GONE
    if _inside(folder, path):
        within = Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))
        return (path, "") if within else (None, LINKED)
    if path in _bundled():
        return path, ""
    with contextlib.suppress(LabError):
        if content_hash(path) == kept["sha256"]:
            return path, ""
    return None, CHANGED


def told(role: str, named: str, why: str, remedy: str) -> str:
    """The sentence about what is left out; of its path the name alone, since pages are passed on."""
    return f"The {role.replace('_', ' ')} {Path(named).name} is left out: {why}. {remedy}"


def refuse_links(folder: str | os.PathLike) -> None:
    """Refuses a run with links that lead out of it: what is read, copied and written there would lie elsewhere.

    Raises:
        LabError: naming the first one and where it leads.
    """
    folder = os.path.abspath(folder)
    here = Path(os.path.realpath(folder))
    for place, folders, names in os.walk(folder, followlinks=False):
        for name in sorted([*folders, *names]):
            path = os.path.join(place, name)
            if os.path.islink(path) and not Path(os.path.realpath(path)).is_relative_to(here):
                raise LabError(
                    f"{path}: this is a link that leads out of {folder}, to {os.path.realpath(path)}, so nothing was read or "
                    "written here. Remove the link, or put the file itself in its place. A whole run may lie behind a link."
                )


def _inside(folder: str | os.PathLike, path: Path) -> bool:
    return path.is_relative_to(os.path.abspath(folder))


def _bundled() -> set[Path]:
    """The clips that come with the lab; none where their lists are missing."""
    found: set[Path] = set()
    for manifest in (actors.MANIFEST, samples.MANIFEST):
        with contextlib.suppress(LabError):
            found |= {Path(os.path.abspath(clip.path)) for clip in actors.clips(manifest=manifest)}
    return found


def _fits(role: str, path: Path, kept: object) -> bool:
    if not isinstance(kept, dict) or not all(isinstance(kept.get(name), str) for name in ("sha256", "seal")):
        return False
    try:
        key = _key(make=False)
    except OSError:
        return False
    return bool(key) and hmac.compare_digest(_seal(key, role, path, kept["sha256"]).encode(), kept["seal"].encode())


def _seal(key: bytes, role: str, path: Path, digest: str) -> str:
    return hmac.digest(key, json.dumps([role, os.fspath(path), digest]).encode(), "sha256").hex()


def _key(make: bool) -> bytes | None:
    """This user's key, 32 random bytes that only the user may read; None where there is none."""
    path = user_folder() / KEY
    if not path.exists():
        if not make:
            return None
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{files.PARTIAL}{secrets.token_hex(4)}-{KEY}")
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(handle, "wb") as file:
                file.write(secrets.token_bytes(_BYTES))
            try:
                os.link(temporary, path)
            except FileExistsError:  # another process was first: its key counts
                pass
            except OSError:  # a disk without hard links, such as a mounted Drive
                os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    found = path.read_bytes() if path.stat().st_size == _BYTES else b""
    return found or None
