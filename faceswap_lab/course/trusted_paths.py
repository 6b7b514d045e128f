"""Files outside a run's own folder that its JSON files name: taken only when this computer's user gave them to that run by hand.

run.json names clips and scores.json a video, anywhere on the disk, and pages show copies of them. A stranger may have written such
a file, to have a page hold a video of yours. So what is given by hand is noted in this user's own folder, under a hash of the run's
folder and the path, with the SHA-256 of its content. Without that note nothing is looked up at such a path, not even whether there
is a file. What the JSON files say of a file proves nothing: face sets, models and content credentials are passed on, and name the
SHA-256 of what they were made from.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import _, english
from faceswap_lab.course import actors, samples
from faceswap_lab.provenance.consent import user_folder
from faceswap_lab.video.fingerprints import content_hash

GIVEN = "given"  # the notes' folder
NOT_GIVEN = english("it lies outside this folder, and nobody gave it to this run on this computer")
CHANGED = english("its content is another one than when it was given")
GONE = english("it is not there any more")
LINKED = english("a link on the way there leads out of this folder")


def absolute(named: str | os.PathLike) -> Path:
    """A path as run.json keeps it, relative to the lab's folder or absolute, without `..`; nothing is looked up."""
    return Path(os.path.normpath(samples.ROOT / str(named)))


def give(folder: str | os.PathLike, path: str | os.PathLike) -> None:
    """Notes that the user gave a file, or a folder of pictures, to a run; where no note can be kept it counts as not given."""
    path = absolute(path)
    if not (_inside(folder, path) or path in _bundled()):
        with contextlib.suppress(LabError, OSError):
            files.write_text(_note(folder, path), content_hash(path))


def is_bundled(named: str | os.PathLike) -> bool:
    """Whether a clip that run.json names comes with the lab, so that it shows rendered people; the file is not touched."""
    return absolute(named) in _bundled()


def is_given(folder: str | os.PathLike, named: str) -> bool:
    """Whether a file that a JSON file in `folder` names may be looked at.

    Elsewhere than there and in the lab's own data its path is not touched to tell it.
    """
    path = absolute(named)
    return _inside(folder, path) or path in _bundled() or _note(folder, path).is_file()


def look(folder: str | os.PathLike, named: str) -> tuple[Path | None, str]:
    """The file that may be shown, of one that a JSON file in `folder` names.

    Returns:
        Its absolute path and "", or None and why it is left out: `NOT_GIVEN`, `CHANGED`, `GONE` or `LINKED`.
    """
    path = absolute(named)
    if not is_given(folder, named):
        return None, NOT_GIVEN
    if not path.exists():
        return None, GONE
    if _inside(folder, path):
        within = Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))
        return (path, "") if within else (None, LINKED)
    if path in _bundled():
        return path, ""
    with contextlib.suppress(LabError, OSError):
        if content_hash(path) == _note(folder, path).read_text(encoding="utf-8"):
            return path, ""
    return None, CHANGED


def told(role: str, named: str, why: str, remedy: str) -> str:
    """The sentence about what is left out; of its path the name alone, since pages are passed on."""
    said = _("The {role} {name} is left out: {why}. {remedy}")
    return said.format(role=_(role.replace("_", " ")), name=Path(named).name, why=_(why), remedy=remedy)


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


def _note(folder: str | os.PathLike, path: Path) -> Path:
    told = json.dumps([os.path.realpath(folder), os.fspath(path)])
    return user_folder() / GIVEN / f"{hashlib.sha256(told.encode()).hexdigest()}.txt"
