"""Faces left outside of runs: face sets, models, score cards, swapped frames, what stops left, executed notebooks, by place.

A folder may hold a user's own pictures beside the lab's. So nothing is taken by its kind of file: a place must carry the lab's own
marker (a face set's table, a model's configuration, ...), and of what lies in it only the names count that the lab gives, of faces
only those that the table lists. Everything else is named, and stays.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from faceswap_lab.base import files, safeguards
from faceswap_lab.base.errors import LabError
from faceswap_lab.base.weights import data_folder
from faceswap_lab.course import clean_up, notebooks, run_storage, samples
from faceswap_lab.faces.faceset import TABLE, read_table
from faceswap_lab.provenance import register
from faceswap_lab.provenance.consent import user_folder
from faceswap_lab.swap import label
from faceswap_lab.video import ffmpeg

PARTIAL_FILE = re.compile(rf"{re.escape(files.PARTIAL)}[0-9a-f]{{8}}(-.*)?")
PART_FILM = re.compile(r".+\.part\.(mp4|m4v|mov|mkv)", re.I)
FOOTER = "Written by faceswap_lab"
SKIPPED = {".git", "node_modules", "site-packages", "__pycache__", ".venv"}
MOST_PLACES = 200_000  # entries looked at before a folder is too large to be meant
_MOST_PAGE = 1 << 24
_OWN = re.compile(r"\d{6}_\d+\.png")  # as extraction calls a face
_ASIDE = "faces|masks|blurry|others|duplicates|rejected"
_SET = {
    "debug": r"debug/\d{6}\.jpg",
    "faces": r"faces\.csv|extraction\.json|sources\.json|merge\.json|identities\.npz|contact_sheet\.png|rejected/log\.json",
}
_MODEL = {
    "previews": r"previews/step_\d+\.png|timelapse\.(mp4|gif)",
    "logs": r"tensorboard/(.*/)?events\.out\.tfevents\.[^/]*",
    "models": r"model\.weights\.h5|(config|made_with|sources)\.json|(history|events|held_out)\.csv|"
    r"checkpoints/(damaged_)?step_\d+/[^/]*",
}
_SCORES = {
    "report": r"index\.html|report/output\.mp4",
    "scores": r"scores\.json|scores/(frame_\d{6}_[^/]*\.jpg|curves\.png|heat\.png|[^/]*\.csv)",
}
_PAGE = {"report": r"index\.html|heat\.png|frames/[^/]*_frame_\d{6}_[^/]*\.jpg|films/[^/]*\.mp4"}
_FRAMES = {"frames": rf"\d{{6}}\.png|{re.escape(safeguards.MARKER)}"}
_KEPT = {"kept": r"kept\.json|[^/]+-[0-9a-f]{16}\.zip"}
_STOPPED = {"unfinished": r".*"}


def find(folder: str | os.PathLike) -> list[clean_up.Leftovers]:
    """What the lab left in a folder and below it, a `Leftovers` for each place; nothing is changed, and no link is followed.

    Args:
        folder: a face set, a model, a score card, a run, or any folder that holds some of them.

    Raises:
        LabError: when there is no such folder, it is a link, or it holds more than `MOST_PLACES` files and folders.
    """
    folder = Path(os.path.abspath(folder))
    if folder.is_symlink():
        raise LabError(f"{folder}: this is a link to {os.readlink(folder)}. Give the folder itself.")
    if not folder.is_dir():
        raise LabError(f"{folder}: no such folder. Check the name.")
    if folder == user_folder() / register.OUTPUTS:
        return [_listed(folder, {"register": r"[0-9a-f]{16}\.json"})]
    found, loose, seen = [], clean_up.Leftovers(folder, mixed=True), 0
    waiting = [folder]
    while waiting:
        place = waiting.pop()
        if place.is_relative_to(data_folder()) or place.name in SKIPPED:  # what comes with the lab stays
            continue
        if clean_up.is_run(place):
            found.append(clean_up.find(place))
            continue
        try:
            patterns, further = _kind(place)
            inside = [] if patterns is not None else sorted(os.scandir(place), key=lambda one: one.name, reverse=True)
        except PermissionError:
            loose.others.append(place)
            continue
        if patterns is not None:
            found.append(_listed(place, patterns, _faces_in(place) if patterns is _SET else None, further))
            waiting += [place / name for name in further if (place / name).is_dir() and not (place / name).is_symlink()]
        seen += len(inside)
        if seen > MOST_PLACES:
            raise LabError(f"{folder}: more than {MOST_PLACES} files lie here. Name the folders that the lab wrote to.")
        for entry in inside:
            if entry.is_dir(follow_symlinks=False):
                waiting.append(Path(entry.path))
            elif entry.is_file(follow_symlinks=False) and (kind := _loose(Path(entry.path))):
                _add(loose, kind, Path(entry.path))
    _add_registered(loose, found)
    for one in (loose, *found):
        one.found = {kind: one.found[kind] for kind in clean_up.KINDS if kind in one.found}
    places = [one for one in found if one.found or one.others or clean_up.is_run(one.run)]
    return [loose] * bool(loose.found or loose.others) + sorted(places, key=lambda one: one.run)


def refuse_to_remove(folder: str | os.PathLike) -> None:
    """Refuses to remove from a folder that holds a home or the lab itself: too much lies there to be meant as a whole.

    Raises:
        LabError: naming it.
    """
    here = Path(os.path.realpath(folder))
    for place in (Path.home(), samples.ROOT):
        if place.resolve().is_relative_to(here):
            raise LabError(
                f"{folder}: this holds a home or the lab itself. Name the folders in it that are to be cleaned."
            )


def is_face_set(folder: Path) -> bool:
    """Whether a folder has the table of a face set, readable."""
    table = folder / TABLE
    if table.is_symlink() or not table.is_file():
        return False
    with contextlib.suppress(LabError, OSError):
        read_table(table)
        return True
    return False


def _kind(place: Path) -> tuple[dict[str, str] | None, tuple[str, ...]]:
    """What is looked for in a place of the lab's (None where it is none), and the folders in it that are looked at as well."""
    name = place.name
    if name.startswith(".") and name.endswith(".parts") and (place / "key.json").is_file():
        return _STOPPED, ()
    if name.startswith(files.PARTIAL) and {"faces", "masks"} <= {one.name for one in place.iterdir() if one.is_dir()}:
        return _STOPPED, ()
    if isinstance(_json(place / run_storage.INDEX).get("parts"), dict):
        return _KEPT, ()
    if is_face_set(place):
        return _SET, ()
    if (place / safeguards.MARKER).is_file():
        return (_STOPPED if name.startswith(".") and name.endswith(".old") else _FRAMES), ()
    config = _json(place / "config.json")
    trained = {"kind", "options", "sha256"} <= set(config) and (place / "model.weights.h5").is_file()
    if trained or ((place / "made_with.json").is_file() and (place / "checkpoints").is_dir()):
        return _MODEL, ()
    scores = _json(place / "scores.json")
    if isinstance(scores.get("models"), dict) and "clip" in scores:
        return _SCORES, ("faces",)
    if (place / "frames").is_dir() and FOOTER in _text(place / "index.html"):
        return _PAGE, ()
    return None, ()


def _text(page: Path) -> str:
    with contextlib.suppress(OSError):
        if page.is_file() and not page.is_symlink() and page.stat().st_size < _MOST_PAGE:
            return page.read_text(encoding="utf-8", errors="replace")
    return ""


def _json(path: Path) -> dict:
    with contextlib.suppress(LabError, OSError):
        if path.is_file() and not path.is_symlink() and isinstance(value := files.read_json(path), dict):
            return value
    return {}


def _faces_in(folder: Path) -> Callable[[str], str | None]:
    """Tells the lab's own files of a face set by the names in its table."""
    names = set(read_table(folder / TABLE)["face"])
    stems = {Path(name).stem for name in names}

    def kind(inside: str) -> str | None:
        place, _, name = inside.partition("/")
        if re.fullmatch(_ASIDE, place) and (name in names or (place != "faces" and _OWN.fullmatch(name))):
            return "faces"  # what was put aside while the set was made has no row
        if (
            place == "landmarks"
            and name.endswith(".npy")
            and (name[:-4] in stems or _OWN.fullmatch(f"{name[:-4]}.png"))
        ):
            return "faces"
        return None

    return kind


def _listed(
    place: Path, patterns: dict[str, str], own: Callable[[str], str | None] | None = None, further: tuple[str, ...] = ()
) -> clean_up.Leftovers:
    """A place's files by kind; what may show faces and is not the lab's goes to `others`."""
    leftovers = clean_up.Leftovers(place)
    compiled = {kind: re.compile(pattern, re.S) for kind, pattern in patterns.items()}
    for path in clean_up.walk(place):
        inside = path.relative_to(place).as_posix()
        if inside.partition("/")[0] in further:
            continue
        kind = own(inside) if own else None
        kind = kind or next((name for name, pattern in compiled.items() if pattern.fullmatch(inside)), None)
        if kind is None and PARTIAL_FILE.fullmatch(path.name):
            kind = "unfinished"
        if kind is None and path.suffix.lower() in clean_up.SHOWING:
            leftovers.others.append(path)
            leftovers.sizes[path] = path.lstat().st_size
        elif kind:
            _add(leftovers, kind, path)
    return leftovers


def _add(leftovers: clean_up.Leftovers, kind: str, path: Path) -> None:
    leftovers.found.setdefault(kind, []).append(path)
    leftovers.sizes[path] = path.lstat().st_size


def _loose(path: Path) -> str | None:
    """The kind of a single file between a user's own; None where it is not the lab's for certain."""
    if PARTIAL_FILE.fullmatch(path.name):
        return "unfinished"
    if PART_FILM.fullmatch(path.name):
        with contextlib.suppress(LabError, OSError):
            return "unfinished" if label.COMMENT in ffmpeg.comment(path) else None
    if path.suffix == ".ipynb" and _is_executed(path):
        return "notebooks"
    return None


def _is_executed(path: Path) -> bool:
    """Whether this is one of the course's notebooks, executed by papermill, or Jupyter's own copy of one, with outputs."""
    number = path.name[:2]
    with contextlib.suppress(LabError, AttributeError, TypeError):
        known = notebooks.all_notebooks()
        copy = path.parent.name == ".ipynb_checkpoints"
        stem = path.stem.removesuffix("-checkpoint") if copy else path.stem
        if number not in known or known[number].stem != stem or path == known[number]:
            return False
        content = files.read_json(path)
        shown = any(cell.get("outputs") for cell in content.get("cells", []))
        return shown and (copy or "papermill" in content.get("metadata", {}))
    return False


def _add_registered(loose: clean_up.Leftovers, found: list[clean_up.Leftovers]) -> None:
    """Outputs below the folder that the register knows, with the very content that was entered."""
    known = {path for one in found for paths in one.found.values() for path in paths}
    with contextlib.suppress(LabError):
        for path in dict.fromkeys(Path(one.path) for one in register.outputs() if one.state == register.THERE):
            if path.is_relative_to(loose.run) and path.is_file() and not path.is_symlink() and path not in known:
                if not any(clean_up.is_run(above) for above in path.parents if above.is_relative_to(loose.run)):
                    _add(loose, "swap", path)


def beyond() -> Iterator[str]:
    """What no command can clean, in sentences."""
    yield "Not seen here: what a browser downloaded or saved, face sets packed as .zip and passed on, uploads and clouds (Drive,"
    yield "Colab), chats, backups, the bin, and every copy under another name. Look there, too."
    place = user_folder() / register.OUTPUTS
    count = sum(1 for _ in place.glob("*.json")) if place.is_dir() else 0
    if count:
        yield f"{place}: the register names {count} outputs, by which a revoked consent finds them. It stays, unless it is named:"
        yield f"python -m faceswap_lab clean {place} --remove"
