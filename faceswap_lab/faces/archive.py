"""Face sets packed into one file, and unpacked: the new folder appears whole or not at all.

An archive is a ZIP file with faces/*.png, masks/*.png, landmarks/*.npy, faces.csv, extraction.json and sources.json of the
faces that a set still has. Rejected faces and the recognition network's numbers stay at home. What an archive brings is checked
before it is used, since it may come from anywhere.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from faceswap_lab.base import files, untrusted
from faceswap_lab.base.errors import LabError
from faceswap_lab.faces.faceset import MATRIX_COLUMNS, POINT_COLUMNS, SETTINGS, TABLE, FaceSet, read_table
from faceswap_lab.faces.landmarks import Landmarks
from faceswap_lab.faces.sources import SOURCES, has_sources, read_sources
from faceswap_lab.video.pictures import UNREADABLE

FOLDERS = {"faces": ".png", "masks": ".png", "landmarks": ".npy"}
MEMBER = re.compile(
    r"(faces|masks)/[A-Za-z0-9_-]{1,100}\.png|landmarks/[A-Za-z0-9_-]{1,100}\.npy|faces\.csv|(extraction|sources)\.json"
)
MOST_BYTES = {".png": 4 << 20, ".npy": 1 << 20, ".csv": 512 << 20, ".json": 16 << 20}  # of one member, unpacked
MOST_IN_ALL = 8 << 30
MOST_SIDE = 1024  # pixels of a picture: more would be another kind of bomb


def export(faces: FaceSet, path: str | Path) -> Path:
    """Packs the faces that a set still has into one file; the same set always gives the same bytes.

    Args:
        faces: the set; of a subset, its own faces only.
        path: ends in .zip; an existing file is replaced in one step.

    Returns:
        The path.

    Raises:
        LabError: for another suffix, an empty set, or a mask or picture that is missing.
    """
    path = _zip_path(path)
    if not len(faces):
        raise LabError(f"{faces.folder}: this face set is empty, there is nothing to export.")
    table = rows_as_text(faces)
    with files.atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        _pack(archive, TABLE, table.to_csv(index=False).encode())
        for settings in (SETTINGS, SOURCES):
            if (faces.folder / settings).exists():
                _pack(archive, settings, (faces.folder / settings).read_bytes())
        for name in table["face"].unique():
            for source in files_of(faces, name):
                member = f"{source.parent.name}/{source.name}"
                if not MEMBER.fullmatch(member):
                    raise LabError(f"{source}: name it with letters, digits, _ and - only, here and in {TABLE}.")
                with present(source):
                    _pack(archive, member, source.read_bytes())
    return path


def import_set(path: str | Path, folder: str | Path, most_bytes: int = MOST_IN_ALL) -> FaceSet:
    """Unpacks a face set that `export` packed, after a close look at it.

    Args:
        path: the .zip file, which may come from a stranger.
        folder: the new set's, which does not exist yet or is empty.
        most_bytes: the most that it may hold, unpacked.

    Returns:
        The set.

    Raises:
        LabError: naming the file, and what in it is wrong: no ZIP file or a damaged one, a member that is no part of a
            face set (a path that leads elsewhere, a link, another kind of file), too many or too large ones, pictures,
            landmarks or a table that are not what they claim to be. The folder is then as it was.
    """
    path, folder = _zip_path(path), Path(os.path.abspath(folder))
    if not path.is_file():
        raise LabError(f"{path}: no such file. Check the name.")
    check_free(folder)
    try:
        with zipfile.ZipFile(path) as archive:
            members = _checked(archive, path, most_bytes)
            files.check_free_space(folder, sum(member.file_size for member in members))
            with whole_folder(folder) as building:
                for member in members:
                    untrusted.unpack_member(archive, member, building / member.filename, path)
                _check_contents(building, path)
    except untrusted.DAMAGED_ZIP as error:
        raise LabError(
            f"{path}: this ZIP file is damaged or no ZIP file ({error}). Fetch or export it again."
        ) from error
    return FaceSet(folder)


def rows_as_text(faces: FaceSet) -> pd.DataFrame:
    """The set's rows with every number written as it was: reading and writing numbers would change some last digits."""
    table = files.read_csv(faces.folder / TABLE, dtype=str, keep_default_na=False)
    table = table[table["face"].isin(faces.table["face"])]
    read = faces.table.drop_duplicates("face").set_index("face")
    since = {column: table["face"].map(read[column]).astype(str) for column in read if column not in table}
    return table.assign(**since)  # what sets of older versions do not have yet


def files_of(faces: FaceSet, name: str) -> list[Path]:
    """A face's picture, its mask and, where there are any, its landmarks."""
    face, mask = faces.folder / "faces" / name, faces.folder / "masks" / name
    landmarks = faces.folder / "landmarks" / f"{Path(name).stem}.npy"
    if not mask.exists():
        raise LabError(f"{mask}: this mask is missing. Extract the faces again, or delete the face of this name.")
    found = [face, mask, landmarks] if landmarks.exists() else [face, mask]
    for path in found:
        if path.is_symlink() or path.parent.is_symlink():  # a copy would hold what lies elsewhere
            raise LabError(
                f"{path}: a link leads away from here, so it was not copied. Put the file itself here, or delete it."
            )
    return found


@contextlib.contextmanager
def present(path: Path) -> Iterator[None]:
    """Says which file was deleted while it was wanted."""
    try:
        yield
    except FileNotFoundError as error:
        raise LabError(f"{path}: this file was there a moment ago. Read the face set anew and run again.") from error


def check_free(folder: Path) -> None:
    """Refuses a folder that holds something."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise LabError(f"{folder}: something else lies here already. Choose another folder, or remove this one.")


def _zip_path(path: str | Path) -> Path:
    if Path(path).suffix.lower() != ".zip":
        raise LabError(f"{path}: a packed face set is a ZIP file. Give a name that ends in .zip.")
    return Path(path)


@contextlib.contextmanager
def whole_folder(folder: Path, goes_on: Callable[[Path], bool] = lambda stopped: False) -> Iterator[Path]:
    """A folder to fill, which is renamed to `folder` when the block ends well, and removed when it raises.

    Args:
        folder: absolute; does not exist yet, or is empty.
        goes_on: whether what a killed run left (in the folder that it is given) may be used; else it is removed.
    """
    building = folder.with_name(f"{files.PARTIAL}{folder.name}")
    with files.clear_write_errors(folder):
        if building.exists() and not goes_on(building):
            shutil.rmtree(building)
        for place in (building, *(building / name for name in FOLDERS)):
            place.mkdir(parents=True, exist_ok=True)
            files.remove_partial(place)
        try:
            yield building
            if folder.exists():
                folder.rmdir()
            os.rename(building, folder)
        finally:
            shutil.rmtree(building, ignore_errors=True)


def _pack(archive: zipfile.ZipFile, member: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(member)  # dated 1980, so that the same set gives the same bytes
    entry.create_system, entry.external_attr = 3, (stat.S_IFREG | 0o644) << 16
    archive.writestr(entry, data, zipfile.ZIP_STORED if member.endswith(".png") else zipfile.ZIP_DEFLATED)


def _checked(archive: zipfile.ZipFile, path: Path, most_bytes: int) -> list[zipfile.ZipInfo]:
    """The members of a packed face set, when all of them may be unpacked."""
    members = [member for member in archive.infolist() if member.filename.rstrip("/") not in FOLDERS]

    def most_of(name: str) -> int:
        return MOST_BYTES[Path(name).suffix] if MEMBER.fullmatch(name) else 0

    untrusted.check_members(members, path, most_of, most_bytes, "face set")
    if TABLE not in {member.filename.casefold() for member in members}:
        raise LabError(f"{path}: {TABLE} is missing, so this is no face set. Export it again.")
    return members


def _check_contents(building: Path, path: Path) -> None:
    """Opens everything that was unpacked: pictures, landmarks, table and settings must be what their names say."""

    def refuse(member: str, why: str):
        raise LabError(f"{path}: {member!r} {why}. Export the set again.")

    try:
        table = read_table(building / TABLE)
        state = files.read_json(building / SETTINGS) if (building / SETTINGS).exists() else {"settings": {}}
        if has_sources(building):
            read_sources(building)
    except LabError as error:
        raise LabError(f"{path}: {TABLE}, {SETTINGS} or {SOURCES} in it is damaged. Export the set again.") from error
    if not isinstance(state, dict) or not isinstance(state.get("settings"), dict):
        refuse(SETTINGS, "does not say how the faces were extracted")
    if not np.isfinite(table[MATRIX_COLUMNS + POINT_COLUMNS].to_numpy(np.float64)).all():
        refuse(TABLE, "has transforms or points that are no numbers")
    names, sizes = sorted(table["face"]), set()
    for kind in ("faces", "masks"):
        if sorted(entry.name for entry in (building / kind).iterdir()) != names:
            refuse(kind, f"and the rows of {TABLE} do not name the same pictures")
        for name in names:
            sizes.add((kind, _png_size(building / kind / name)))
            if (kind, None) in sizes:
                refuse(f"{kind}/{name}", f"is no square PNG picture of at most {MOST_SIDE} pixels a side")
    if len(sizes) > 2:
        refuse("faces", "are of different sizes")
    for entry in (building / "landmarks").iterdir():
        if f"{entry.stem}.png" not in names:
            refuse(f"landmarks/{entry.name}", "belongs to no face")
        if not _are_landmarks(entry):
            refuse(f"landmarks/{entry.name}", "holds no landmarks")


def _png_size(path: Path) -> int | None:
    try:
        with Image.open(path, formats=["PNG"]) as picture:
            if picture.size[0] != picture.size[1] or picture.size[0] > MOST_SIDE:
                return None
            picture.load()
            return picture.size[0]
    except UNREADABLE:
        return None


def _are_landmarks(path: Path) -> bool:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)  # mapped: a header that claims too much costs nothing
        Landmarks.from_array(array)
        return array.dtype.kind == "f" and array.shape[1:] == (3,)
    except (ValueError, EOFError, OSError, TypeError, IndexError, AttributeError):
        return False
