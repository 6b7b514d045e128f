"""Faces that a run leaves behind: found by kind, counted, and removed when that is asked for.

A run's folder holds people's faces in many forms: frames, face sets with the numbers by which a person is recognised, previews,
models that can paint them, executed notebooks with pictures inside, the report. Links are never followed, and the clips that were
given stay, as does whatever the lab has not made. What lies outside of runs is looked for by `leftovers`.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from faceswap_lab.base import files, safeguards
from faceswap_lab.base.errors import LabError
from faceswap_lab.course import samples
from faceswap_lab.course.runtime import read_marker
from faceswap_lab.faces.sources import SOURCES, read_sources

MARKER = "run.json"
# What is found where, by the path inside a run; the first that fits counts. Markers of finished stages show nobody, but go with the
# rest, and before it, so that the course makes again what is gone.
KINDS = {
    "unfinished": r"(.*/)?(\.partial-[^/]*|\.[^/]+\.(parts|old|partial)|\.swap\.partial\.mp4|\.[^/]*(faces|source)-[^/]*)(/.*)?",
    "frames": r"frames/.*|swap/[^/]*_frames/.*",
    "debug": r"(faces|gallery)/(.*/)?debug/.*",
    "faces": r"(faces|gallery)/.*",
    "practice": r"practice/.*",
    "previews": r"models/[^/]+/(previews/.*|[^/]+\.(png|jpg|gif|mp4))",
    "logs": r"models/[^/]+/tensorboard/.*",
    "models": r"models/[^/]+/.*",
    "notebooks": r"notebooks/\d\d_[^/]*\.ipynb|notebooks/\.ipynb_checkpoints/.*",
    "report": r"index\.html|(report|pictures)/.*",
    "scores": r"scores/.*\.(png|jpg|jpeg|npz|mp4)",
    "swap": r"swap\.[^/]+|swap/.*|codec/.*\.mp4",
    "detection": r"detection/.*",
    "stages": r"stages/[^/]*\.json",
    "kept": r"(?!)",  # of no run, nor is the register
    "register": r"(?!)",
}
WORDS = {
    "unfinished": "left half-written by a stop",
    "frames": "frames of the clips",
    "debug": "whole frames with what was found drawn on them",
    "faces": "face sets, with landmarks and recognition numbers",
    "practice": "practice faces, made from the face sets for training",
    "previews": "previews of a training, moving ones too",
    "logs": "TensorBoard's logs, with thumbnails",
    "models": "trained models: they can paint the people they learnt",
    "notebooks": "executed notebooks, with pictures inside",
    "report": "the report's page and pictures",
    "scores": "pictures of the scores",
    "swap": "swapped clips and frames",
    "detection": "clips and faces of the lesson on detection",
    "stages": "marks of finished stages",
    "kept": "runs packed to outlive their machine",
    "register": "entries about outputs, by which a revoked consent finds them",
}
# What a place is known by goes last, so that a removal that was stopped can be done again.
MARKERS = ("kept.json", "index.html", safeguards.MARKER, "key.json", "scores.json", "made_with.json", "config.json",
           "model.weights.h5", "faces.csv")  # fmt: skip
SHOWING = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".mp4", ".mov", ".mkv", ".avi", ".webm", ".npz",
           ".npy", ".ipynb", ".html", ".h5", ".zip", ".pdf"}  # fmt: skip


@dataclass
class Leftovers:
    """What a run, or another place, still holds of faces.

    Args:
        run: the run's folder, or the other place's, absolute.
        found: kind -> paths of files and links, absolute, sorted.
        others: files that may show faces and that the lab has not made; they are named and never removed.
        sizes: bytes of each file; of a link, of the link itself.
        mixed: a user's own folder, in which empty folders stay.
    """

    run: Path
    found: dict[str, list[Path]] = field(default_factory=dict)
    others: list[Path] = field(default_factory=list)
    sizes: dict[Path, int] = field(default_factory=dict)
    mixed: bool = False

    def __len__(self) -> int:
        return sum(len(paths) for kind, paths in self.found.items() if kind != "stages")

    def bytes(self, kind: str) -> int:
        """What one kind takes on the disk."""
        return sum(self.sizes[path] for path in self.found.get(kind, ()))


def is_run(folder: Path) -> bool:
    """Whether a folder is a run of this lab: it has a marker of its own that names clips and a preset."""
    marker = folder / MARKER
    if folder.is_symlink() or marker.is_symlink() or not marker.is_file():
        return False
    facts = read_marker(marker)
    return isinstance(facts.get("clips"), dict) and "preset" in facts


def runs_in(folder: str | os.PathLike) -> list[Path]:
    """The runs that a path names: itself, or those directly inside it.

    Args:
        folder: a run's folder, or one that holds runs.

    Raises:
        LabError: when there is no such folder, it is a link, it is one that holds other things (the lab's own folder, a home), or
            there is no run in it.
    """
    folder = Path(os.path.abspath(folder))
    if folder.is_symlink():
        raise LabError(f"{folder}: this is a link to {os.readlink(folder)}. Give the folder itself.")
    if not folder.is_dir():
        raise LabError(f"{folder}: no such folder. Give a run's folder, or the one that holds the runs.")
    found = [folder] if is_run(folder) else [entry for entry in sorted(folder.iterdir()) if is_run(entry)]
    if not found:
        raise LabError(
            f"{folder}: there is no run of this lab here ({MARKER} is missing or damaged), and nothing is touched."
        )
    for run in found:
        _refuse_shared(run)
    return found


def runs_of(hashes: Collection[str], folders: Iterable[str | os.PathLike]) -> list[Path]:
    """The runs whose face sets or models were made from certain files, as their sources.json say.

    Args:
        hashes: SHA-256 of the files, see `video.fingerprints`.
        folders: runs, or folders that hold runs; what is no such thing, or is not there any more, is left out.

    Returns:
        Their folders, in order, once each.
    """
    places = [Path(os.path.abspath(folder)) for folder in folders]
    inside = [entry for place in places if place.is_dir() and not is_run(place) for entry in place.iterdir()]
    runs = {place for place in (*places, *inside) if place.is_dir() and not place.is_symlink() and is_run(place)}
    return sorted(run for run in runs if any(_names(path, hashes) for path in walk(run) if path.name == SOURCES))


def _names(path: Path, hashes: Collection[str]) -> bool:
    try:
        return any(one.sha256 in hashes for one in read_sources(path.parent))
    except LabError:  # damaged: it says nothing
        return False


def _refuse_shared(run: Path) -> None:
    """A run that was written into somebody's home or into the lab's own folder lies among other things."""
    here = run.resolve()
    for place in (Path.home(), samples.ROOT):
        if place.resolve().is_relative_to(here):
            raise LabError(
                f"{run}: a run lies here among other things, which are not to be touched. Remove it by hand."
            )
    if (run / ".git").exists():
        raise LabError(
            f"{run}: this folder is under version control, so it is no run alone. Remove what you mean by hand."
        )


def find(run: Path) -> Leftovers:
    """What a run holds of faces; nothing is changed, and no link is followed.

    Args:
        run: from `runs_in`.
    """
    leftovers = Leftovers(run)
    clips = read_marker(run / MARKER).get("clips", {})
    given = {Path(os.path.realpath(samples.ROOT / str(path))) for path in clips.values() if path}
    patterns = {kind: re.compile(pattern, re.S) for kind, pattern in KINDS.items()}
    for path in walk(run):
        inside = PurePosixPath(path.relative_to(run)).as_posix()
        if not path.is_symlink() and not given.isdisjoint((path.resolve(), *path.resolve().parents)):
            continue  # a clip, or one of its pictures
        kind = next((kind for kind, pattern in patterns.items() if pattern.fullmatch(inside)), None)
        if kind is None and path.suffix.lower() not in SHOWING:
            continue
        leftovers.sizes[path] = path.lstat().st_size
        (leftovers.others if kind is None else leftovers.found.setdefault(kind, [])).append(path)
    leftovers.found = {kind: leftovers.found[kind] for kind in KINDS if kind in leftovers.found}
    return leftovers


def walk(folder: Path) -> Iterator[Path]:
    """All files and links below a folder; a link to a folder is given as it is, without what lies behind it."""

    def refuse(error: OSError):
        raise LabError(f"{error.filename}: this folder may not be looked into. Change its permissions.") from error

    for place, folders, names in os.walk(folder, onerror=refuse, followlinks=False):
        links = [name for name in folders if os.path.islink(os.path.join(place, name))]
        folders.sort()
        yield from (Path(place, name) for name in sorted([*names, *links]))


def notebooks_with_outputs(folder: Path) -> list[Path]:
    """Notebooks that were run where they lie, so that what they showed is stored in them; Jupyter's own copies count as well."""
    found = []
    for path in sorted([*folder.glob("*.ipynb"), *folder.glob(".ipynb_checkpoints/*.ipynb")]):
        with contextlib.suppress(LabError, AttributeError, TypeError):  # damaged: it cannot be said
            if any(cell.get("outputs") for cell in files.read_json(path).get("cells", [])):
                found.append(path)
    return found


def remove(leftovers: Leftovers, keep: Collection[str] = ()) -> int:
    """Removes what `find` found; may be stopped at any moment and done again.

    Args:
        leftovers: from `find`.
        keep: kinds that stay.

    Returns:
        How many files went.

    Raises:
        LabError: for an unknown kind, a folder that has become a link since, or one that cannot be written to.
    """
    if unknown := sorted(set(keep) - set(KINDS)):
        raise LabError(f"--keep {unknown[0]}: there is no such kind. Choose from {', '.join(WORDS)}.")
    kinds = [kind for kind in ("stages", *KINDS) if kind not in keep and kind in leftovers.found]
    gone, run = 0, leftovers.run.resolve()
    for kind in dict.fromkeys(kinds):
        for path in sorted(leftovers.found[kind], key=lambda one: one.name in MARKERS and MARKERS.index(one.name) + 1):
            if not path.parent.resolve().is_relative_to(run) or leftovers.run.is_symlink():
                raise LabError(
                    f"{path}: a folder on the way there has become a link since it was listed. Run clean again."
                )
            with files.clear_write_errors(path), contextlib.suppress(FileNotFoundError):
                path.unlink()
                gone += 1
    if not leftovers.mixed:
        _remove_empty(leftovers.run)
    return gone


def _remove_empty(run: Path) -> None:
    """Removes the empty folders of a place, and the place itself, if it is no run, whose run.json stays."""
    for place, _, names in os.walk(run, topdown=False, followlinks=False):
        if not names:
            with contextlib.suppress(OSError):  # a folder in it stays
                os.rmdir(place)
