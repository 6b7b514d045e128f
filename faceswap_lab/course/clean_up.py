"""Faces that the lab left behind, in runs and anywhere else: found by place and kind, and removed when that is asked for.

They lie there in many forms: frames, face sets with the numbers by which a person is recognised, previews, models that can generate
them, executed notebooks with pictures inside, reports. A folder may hold a user's own pictures beside them. So nothing is taken by
its kind of file: a place must carry the lab's own marker (a run's run.json, a face set's table, a model's configuration, ...), and
of what lies in it only the names count that the lab gives, of faces outside of runs only those that the table lists. Everything
else is named and stays, as do the clips that were given. Links are never followed.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from faceswap_lab.base import files, safeguards
from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import _, ngettext
from faceswap_lab.base.weights import data_folder
from faceswap_lab.course import notebooks, run_storage, samples
from faceswap_lab.course.runtime import read_marker
from faceswap_lab.faces.faceset import TABLE, read_table
from faceswap_lab.faces.sources import SOURCES, read_sources
from faceswap_lab.provenance import register
from faceswap_lab.provenance.consent import user_folder
from faceswap_lab.swap import label
from faceswap_lab.video import ffmpeg

MARKER, SETS = "run.json", "faces"  # what makes a folder a run; where a score card keeps its face sets
# Each kind, what it is, and by which path inside a run it is found there; the first that fits counts. Marks of finished stages show
# nobody, but go with the rest, and before it, so that the course makes again what is gone.
_KINDS = (
    ("unfinished", "left half-written by a stop",
     r"(.*/)?(\.partial-[^/]*|\.[^/]+\.(parts|old|partial)|\.swap\.partial\.mp4|\.[^/]*(faces|source|fine_tuning)-[^/]*)(/.*)?"
     r"|\.(?P<cut>[^/]+)/(?P=cut)\.[^/]+"),
    ("frames", "frames of the clips", r"frames/.*|swap/[^/]*_frames/.*"),
    ("debug", "whole frames with what was found drawn on them", r"(faces|gallery)/(.*/)?debug/.*"),
    ("faces", "face sets, with landmarks and recognition numbers", r"(faces|gallery)/.*"),
    ("practice", "practice faces, made from the face sets for training", r"practice/.*"),
    ("previews", "previews of a training, moving ones too", r"models/[^/]+/(previews/.*|[^/]+\.(png|jpg|gif|mp4))"),
    ("logs", "TensorBoard's logs, with thumbnails", r"models/[^/]+/tensorboard/.*"),
    ("models", "trained models: they can generate the people they learnt", r"models/[^/]+/.*"),
    ("notebooks", "executed notebooks, with pictures inside", r"notebooks/\d\d_[^/]*\.ipynb|notebooks/\.ipynb_checkpoints/.*"),
    ("report", "the report's page and pictures", r"index\.html|(report|pictures)/.*"),
    ("scores", "pictures of the scores", r"scores/.*\.(png|jpg|jpeg|npz|mp4)"),
    ("swap", "swapped clips and frames", r"(swap|side_by_side|to_show)\.[^/]+|swap/.*|codec/.*\.mp[34]"),
    ("detection", "clips and faces of the lesson on detection", r"detection/.*"),
    ("stages", "marks of finished stages", r"stages/[^/]*\.json"),
    ("kept", "runs packed to outlive their machine", ""),
    ("register", "entries about outputs, by which a revoked consent finds them", ""),
)  # fmt: skip
WORDS = {kind: words for kind, words, pattern in _KINDS}
_RUN = {kind: pattern for kind, words, pattern in _KINDS if pattern}
KINDS = tuple(WORDS)
# What a place is known by goes last, so that a removal that was stopped can be done again.
MARKERS = ("kept.json", "index.html", safeguards.MARKER, "key.json", "scores.json", "made_with.json", "config.json",
           "model.weights.h5", "faces.csv")  # fmt: skip
SHOWING = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".mp4", ".mov", ".mkv", ".avi", ".webm", ".npz",
           ".npy", ".ipynb", ".html", ".h5", ".zip", ".pdf"}  # fmt: skip
PARTIAL_FILE = re.compile(rf"{re.escape(files.PARTIAL)}[0-9a-f]{{8}}(-.*)?")
PART_VIDEO = re.compile(r".+\.part\.(mp4|m4v|mov|mkv)", re.I)
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
    "models": r"model\.weights\.h5|base\.npz|(config|made_with|sources)\.json|(history|events|held_out)\.csv|"
    r"checkpoints/(damaged_)?step_\d+/[^/]*",
}
_SCORES = {
    "report": r"index\.html|report/output\.mp4",
    "scores": r"scores\.json|scores/(frame_\d{6}_[^/]*\.jpg|curves\.png|heat\.png|[^/]*\.csv)",
}
_PAGE = {"report": r"index\.html|heat\.png|frames/[^/]*_frame_\d{6}_[^/]*\.jpg|(videos|films)/[^/]*\.mp4"}
_FRAMES = {"frames": rf"\d{{6}}\.png|{re.escape(safeguards.MARKER)}"}
_REGISTER = {"register": r"[0-9a-f]{16}\.json"}
_KEPT = {"kept": r"kept\.json|[^/]+-[0-9a-f]{16}\.zip"}
_STOPPED = {"unfinished": r".*"}


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
    facts = {} if folder.is_symlink() else _json(folder / MARKER)
    return isinstance(facts.get("clips"), dict) and "preset" in facts


def find(folder: str | os.PathLike) -> list[Leftovers]:
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
        return [_listed(folder, _REGISTER)]
    found, loose, seen = [], Leftovers(folder, mixed=True), 0
    real, shipped = Path(os.path.realpath(folder)), os.path.realpath(data_folder())
    waiting = [folder]
    while waiting:
        place = waiting.pop()
        if (real / place.relative_to(folder)).is_relative_to(shipped) or place.name in SKIPPED:
            continue  # what comes with the lab stays, by whatever path it is named
        try:
            patterns = _kind(place)
            inside = [] if patterns is not None else sorted(os.scandir(place), key=lambda one: one.name, reverse=True)
        except PermissionError:
            loose.others.append(place)
            continue
        if patterns is not None:
            found.append(_listed(place, patterns))
            sets = place / SETS
            waiting += [sets] if patterns is _SCORES and sets.is_dir() and not sets.is_symlink() else []
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
        one.found = {kind: one.found[kind] for kind in KINDS if kind in one.found}
    places = [one for one in found if one.found or one.others or is_run(one.run)]
    return [loose] * bool(loose.found or loose.others) + sorted(places, key=lambda one: one.run)


def refuse_to_remove(folder: str | os.PathLike) -> None:
    """Refuses to remove from a folder that holds a home or the lab itself: too much lies there to be meant as a whole.

    Raises:
        LabError: naming it.
    """
    here = Path(os.path.realpath(os.path.abspath(folder)))  # as `find` takes it: `link/..` is the folder of the link
    for place in (Path.home(), samples.ROOT):
        if place.resolve().is_relative_to(here):
            raise LabError(
                f"{folder}: this holds a home or the lab itself. Name the folders in it that are to be cleaned."
            )


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
    paths = sorted([*folder.glob("*.ipynb"), *folder.glob(".ipynb_checkpoints/*.ipynb")])
    return [path for path in paths if _with_outputs(path)]


def _with_outputs(path: Path) -> dict:
    """A notebook whose cells have outputs; {} for any other, and where it is damaged, so that it cannot be said."""
    content = files.read_json_or_empty(path)
    with contextlib.suppress(AttributeError, TypeError):
        if any(cell.get("outputs") for cell in content.get("cells", [])):
            return content
    return {}


def remove(leftovers: Leftovers, keep: Collection[str] = ()) -> int:
    """Removes what `find` found in a place; may be stopped at any moment and done again.

    Args:
        leftovers: from `find`.
        keep: kinds that stay.

    Returns:
        How many files went.

    Raises:
        LabError: for an unknown kind, a run under version control, a folder that has become a link since, or one that cannot be
            written to.
    """
    if unknown := sorted(set(keep) - set(KINDS)):
        raise LabError(f"--keep {unknown[0]}: there is no such kind. Choose from {', '.join(WORDS)}.")
    if is_run(leftovers.run) and (leftovers.run / ".git").exists():
        raise LabError(f"{leftovers.run}: this run is under version control. Remove what you mean by hand.")
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
    for place, _folders, names in os.walk(run, topdown=False, followlinks=False):
        if not names:
            with contextlib.suppress(OSError):  # a folder in it stays
                os.rmdir(place)


def is_face_set(folder: Path) -> bool:
    """Whether a folder has the table of a face set, readable."""
    table = folder / TABLE
    if table.is_symlink() or not table.is_file():
        return False
    with contextlib.suppress(LabError, OSError):
        read_table(table)
        return True
    return False


def _kind(place: Path) -> dict[str, str] | None:
    """What is looked for in a place of the lab's; None where it is none."""
    name = place.name
    if is_run(place):
        return _RUN
    if name.startswith(".") and name.endswith(".parts") and (place / "key.json").is_file():
        return _STOPPED
    if name.startswith(files.PARTIAL) and {"faces", "masks"} <= {one.name for one in place.iterdir() if one.is_dir()}:
        return _STOPPED
    if isinstance(_json(place / run_storage.INDEX).get("parts"), dict):
        return _KEPT
    if is_face_set(place):
        return _SET
    if (place / safeguards.MARKER).is_file():
        return _STOPPED if name.startswith(".") and name.endswith(".old") else _FRAMES
    config = _json(place / "config.json")
    trained = {"kind", "options", "sha256"} <= set(config) and (place / "model.weights.h5").is_file()
    if trained or ((place / "made_with.json").is_file() and (place / "checkpoints").is_dir()):
        return _MODEL
    scores = _json(place / "scores.json")
    if isinstance(scores.get("models"), dict) and "clip" in scores:
        return _SCORES
    return _PAGE if (place / "frames").is_dir() and FOOTER in _text(place / "index.html") else None


def _text(page: Path) -> str:
    with contextlib.suppress(OSError):
        if page.is_file() and not page.is_symlink() and page.stat().st_size < _MOST_PAGE:
            return page.read_text(encoding="utf-8", errors="replace")
    return ""


def _json(path: Path) -> dict:
    return files.read_json_or_empty(path) if path.is_file() and not path.is_symlink() else {}


def _faces_in(folder: Path) -> Callable[[str], str | None]:
    """Tells the lab's own files of a face set by the names in its table."""
    names = set(read_table(folder / TABLE)["face"])
    stems = {Path(name).stem for name in names}

    def kind(inside: str) -> str | None:
        place, _, name = inside.partition("/")
        if re.fullmatch(_ASIDE, place) and (name in names or (place != "faces" and _OWN.fullmatch(name))):
            return "faces"  # what was put aside while the set was made has no row
        stem = name.removesuffix(".npy")
        known = place == "landmarks" and stem != name and (stem in stems or _OWN.fullmatch(f"{stem}.png"))
        return "faces" if known else None

    return kind


def _listed(place: Path, patterns: dict[str, str]) -> Leftovers:
    """A place's files by kind; what may show faces and is not the lab's goes to `others`."""
    leftovers, given = Leftovers(place), set()
    own = _faces_in(place) if patterns is _SET else lambda inside: None
    if patterns is _RUN:
        clips = read_marker(place / MARKER)["clips"]
        given = {Path(os.path.realpath(samples.ROOT / str(path))) for path in clips.values() if path}
    compiled = {kind: re.compile(pattern, re.S) for kind, pattern in patterns.items()}
    for path in walk(place):
        inside = path.relative_to(place).as_posix()
        if patterns is _SCORES and inside.startswith(f"{SETS}/"):
            continue  # a place of its own
        if given and not path.is_symlink() and not given.isdisjoint((path.resolve(), *path.resolve().parents)):
            continue  # a clip, or one of its pictures
        kind = own(inside) or next((name for name, pattern in compiled.items() if pattern.fullmatch(inside)), None)
        if kind is None and PARTIAL_FILE.fullmatch(path.name):
            kind = "unfinished"
        if kind:
            _add(leftovers, kind, path)
        elif path.suffix.lower() in SHOWING:
            leftovers.others.append(path)
            leftovers.sizes[path] = path.lstat().st_size
    return leftovers


def _add(leftovers: Leftovers, kind: str, path: Path) -> None:
    leftovers.found.setdefault(kind, []).append(path)
    leftovers.sizes[path] = path.lstat().st_size


def _loose(path: Path) -> str | None:
    """The kind of a single file between a user's own; None where it is not the lab's for certain."""
    if PARTIAL_FILE.fullmatch(path.name):
        return "unfinished"
    if PART_VIDEO.fullmatch(path.name):
        with contextlib.suppress(LabError, OSError):
            return "unfinished" if label.COMMENT in ffmpeg.comment(path) else None
    if path.suffix == ".ipynb" and _is_executed(path):
        return "notebooks"
    return None


def _is_executed(path: Path) -> bool:
    """Whether this is one of the course's notebooks, executed by papermill, or Jupyter's own copy of one, with outputs."""
    with contextlib.suppress(LabError):
        own = notebooks.all_notebooks().get(path.name[:2])
        copy = path.parent.name == ".ipynb_checkpoints"
        stem = path.stem.removesuffix("-checkpoint") if copy else path.stem
        if own and own.stem == stem and own != path and (content := _with_outputs(path)):
            return copy or "papermill" in (content.get("metadata") or {})
    return False


def _add_registered(loose: Leftovers, found: list[Leftovers]) -> None:
    """Outputs below the folder that the register knows, with the very content that was entered."""
    known = {path for one in found for paths in one.found.values() for path in paths}
    here = loose.run.resolve()
    with contextlib.suppress(LabError):
        for path in dict.fromkeys(Path(one.path) for one in register.outputs() if one.state == register.THERE):
            if not path.is_relative_to(loose.run) or path.parent.resolve() != here / path.parent.relative_to(loose.run):
                continue  # elsewhere, or behind a link
            if path.is_file() and not path.is_symlink() and path not in known:
                runs = (one for one in found if is_run(one.run) and path.is_relative_to(one.run))
                home = next(runs, loose)
                if path in home.others:
                    home.others.remove(path)
                _add(home, "swap", path)


def beyond() -> Iterator[str]:
    """What no command can clean, in sentences."""
    yield _(
        "Not seen here: what a browser downloaded or saved, face sets packed as .zip and passed on, uploads and clouds (Drive,\n"
        "Colab), chats, backups, the bin, and every copy under another name. Look there, too."
    )
    place = user_folder() / register.OUTPUTS
    count = len(list(place.glob("*.json"))) if place.is_dir() else 0
    if count:
        said = ngettext(
            "{place}: the register names {count} output, by which a revoked consent finds it. It stays, unless it is named:",
            "{place}: the register names {count} outputs, by which a revoked consent finds them. It stays, unless it is named:",
            count,
        )
        yield said.format(place=place, count=count)
        yield f"python -m faceswap_lab clean {place} --remove"
