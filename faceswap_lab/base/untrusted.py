"""Files from strangers: looked at before they are loaded, so that none of them runs code or takes more memory than it has bytes.

Weights are taken as HDF5 with nothing but numbers in it, arrays as .npy and .npz without pickled objects; what these files
claim to hold is added up from their headers first, and so is what an archive holds. Pictures, videos and tables have their bounds
where they are read: `pictures`, `ffmpeg`, `files`.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import numpy as np

from faceswap_lab.base.errors import LabError

MOST_BYTES = 8 << 30  # of all numbers in one file; a FaceSwap-GAN of 256 px with its optimiser has 1.5 GB
# Numbers may take 64 MB, or 20 times the file: trained ones hardly compress at all.
ALWAYS_FINE, MOST_RATIO = 64 << 20, 20
MOST_MEMBERS, MOST_PACKED = 300_000, 100  # files in an archive, and how many times its size they may take
MOST_OBJECTS, MOST_DEPTH = 100_000, 40  # groups and datasets in an HDF5 file, and groups within groups
SUFFIX = ".weights.h5"
HDF5 = b"\x89HDF\r\n\x1a\n"
NUMPY, ZIP = b"\x93NUMPY", (b"PK\x03\x04", b"PK\x05\x06")
# Other filters are programs that HDF5 would look for on the disk.
_FILTERS = {1: "gzip", 2: "shuffle", 3: "fletcher32", 32000: "lzf"}
_PLAIN = re.compile(r"[^/\\:\x00-\x1f]{1,255}")  # a colon names a drive or a stream on Windows
DAMAGED_ZIP = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, ValueError)
_DAMAGED = (zipfile.BadZipFile, zlib.error, NotImplementedError, ValueError, EOFError, KeyError, OSError, RuntimeError)


def is_plain(name: object) -> bool:
    """Whether a name from a file stays in its own folder, on every system, and is no way to another place."""
    return isinstance(name, str) and bool(_PLAIN.fullmatch(name)) and name.strip(". ") != ""


def kind_of(path: str | os.PathLike) -> str:
    """What a file is by its first bytes, whatever it is called: "hdf5", "npy", "zip", "pickle", "folder" or "unknown".

    Args:
        path: exists.
    """
    path = Path(path)
    if path.is_dir():
        return "folder"
    if not path.is_file():  # a pipe would be waited for
        return "unknown"
    with open(path, "rb") as file:
        first, last = file.read(4096), b""
        if file.seek(0, os.SEEK_END) and file.tell() > 0:
            file.seek(-1, os.SEEK_END)
            last = file.read(1)
    if first.startswith(HDF5):
        return "hdf5"
    if first.startswith(NUMPY):
        return "npy"
    if first.startswith(ZIP):
        return "zip"
    # Pickles of protocol 2 and later name their protocol first; older ones are lines of text. All of them end in a full stop.
    if (first[:1] == b"\x80" and first[1:2] <= b"\x05") or (
        last == b"." and first[:1] in b"(cdlti]})" and b"\n" in first
    ):
        return "pickle"
    return "unknown"


def check_weights(path: str | os.PathLike) -> int:
    """Refuses a weights file that is not HDF5 with plain numbers, or claims more of them than it can hold.

    Args:
        path: ends in .weights.h5, the one format that is loaded: it holds arrays by name and no description of layers, so that
            there is nothing in it that could run.

    Returns:
        The bytes that its numbers take in memory.

    Raises:
        LabError: naming the file and what it is: missing, a pickle, a whole model (.keras, SavedModel), an HDF5 file with objects,
            links out of the file or too many or too large numbers, a damaged one.
    """
    path = Path(path)
    if not path.exists():
        raise LabError(f"{path}: no such file. Check the name.")
    kind = kind_of(path)
    if kind == "folder":
        raise LabError(f"{path}: this is a folder (a SavedModel can bring programs along). Take only {SUFFIX} files.")
    if kind == "pickle":
        raise LabError(
            f"{path}: this is a pickle, which can run any program when it is read. It was not read. Do not use it."
        )
    if kind == "zip":
        raise LabError(
            f"{path}: this is a whole model in a ZIP file (.keras, .pt), which can bring code along. It was not read. Take only "
            f"{SUFFIX} files."
        )
    if not path.name.endswith(SUFFIX):
        raise LabError(f"{path}: weights are taken from {SUFFIX} files only. Have them written as such.")
    if kind != "hdf5":
        raise LabError(f"{path}: this is no HDF5 file, so it holds no weights. Copy it again.")
    import h5py

    try:
        with h5py.File(path, "r") as file:
            if "model_config" in file.attrs:
                _refuse(path, "it describes layers besides its weights, as whole models do, and a layer can be code")
            total = _add_up(file, path)
    except _DAMAGED as error:
        raise LabError(f"{path}: this weights file is damaged ({_first_line(error)}). Copy it again.") from error
    _check_total(path, total)
    return total


def _add_up(file, path: Path) -> int:
    """The bytes of all datasets of an HDF5 file; nothing but its headers is read."""
    import h5py

    total, seen, groups = 0, 0, [(file, 0)]
    while groups:
        group, depth = groups.pop()
        for name in group:
            seen += 1
            if seen > MOST_OBJECTS or depth > MOST_DEPTH:
                _refuse(path, f"it has more than {MOST_OBJECTS} parts, or parts within parts without an end")
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                _refuse(path, f"{name[:60]!r} is a link to another place or file")
            found = group[name]
            if isinstance(found, h5py.Group):
                groups.append((found, depth + 1))
                continue
            if not isinstance(found, h5py.Dataset) or found.dtype.kind not in "fiub" or found.dtype.hasobject:
                _refuse(path, f"{name[:60]!r} holds something else than numbers")
            if found.external or found.is_virtual:
                _refuse(path, f"{name[:60]!r} lies in another file")
            plan = found.id.get_create_plist()
            if any(plan.get_filter(index)[0] not in _FILTERS for index in range(plan.get_nfilters())):
                _refuse(path, f"{name[:60]!r} is packed in a way that is not read here")
            total += math.prod(found.shape or ()) * found.dtype.itemsize
    return total


def check_members(
    members: list[zipfile.ZipInfo], path: Path, most_of: Callable[[str], int], most_bytes: int, what: str
) -> None:
    """Refuses an archive that must not be unpacked; looks at its directory alone.

    Args:
        members: what it claims to hold.
        path: the archive.
        most_of: the most bytes that a member of some name may have; 0 for a name that does not belong there.
        most_bytes: of all members together.
        what: it should hold, for the message.

    Raises:
        LabError: naming the archive and the member.
    """

    def refuse(member: str, why: str):
        raise LabError(f"{path}: {member[:120]!r} {why}. Take only archives that the lab wrote.")

    if len(members) > MOST_MEMBERS:
        raise LabError(f"{path}: it holds {len(members)} files, more than {MOST_MEMBERS}. No run of the lab has so many.")
    seen = set()
    for member in members:
        name = member.filename
        if not most_of(name):
            refuse(name, f"is no part of a {what}")
        if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG):
            refuse(name, "is a link or a device, not a file")
        if name.casefold() in seen:
            refuse(name, "occurs twice")
        if member.flag_bits & 1 or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            refuse(name, "is encrypted, or packed in a way that is not read here")
        if member.file_size > most_of(name):
            refuse(name, f"would take {member.file_size / 1e6:.0f} MB, more than a {what}'s file ever does")
        if member.file_size > MOST_PACKED * max(member.compress_size, 1):
            refuse(name, f"would grow to more than {MOST_PACKED} times its packed size")
        seen.add(name.casefold())
    total, packed = sum(member.file_size for member in members), path.stat().st_size
    if total > most_bytes:
        raise LabError(
            f"{path}: unpacked it takes {total / 1e6:.0f} MB, more than the {most_bytes / 1e6:.0f} MB allowed."
        )
    if total > MOST_PACKED * packed:  # members that share their packed bytes
        raise LabError(f"{path}: unpacked it takes {total / packed:.0f} times its size. This is no {what}.")


def unpack_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, path: Path) -> None:
    """Writes a checked member to `target`, which does not exist yet, and no more than it claims.

    Raises:
        LabError: when it has another size.
    """
    written = 0
    with archive.open(member) as packed, target.open("xb") as file:
        while chunk := packed.read(1 << 20):
            written += len(chunk)
            if written > member.file_size:
                break
            file.write(chunk)
    if written != member.file_size:
        raise LabError(f"{path}: {member.filename!r} has not the size that it claims. Fetch or export it again.")


def array(path: str | os.PathLike, most: int = MOST_BYTES, mapped: bool = False) -> np.ndarray:
    """Reads an .npy file.

    Args:
        path: the file.
        most: the most bytes that its numbers may take.
        mapped: read-only, each part from the disk when it is looked at.

    Raises:
        LabError: when it is missing, is or holds a pickle, or is not as long as its header says.
    """
    path = Path(path)
    _check_kind(path, "npy", "one array of numbers (.npy)")
    with _damage_named(path), open(path, "rb") as file:
        _check_header(file, path, path.stat().st_size, most)
        file.seek(0)
        if mapped:
            return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
        return np.load(file, allow_pickle=False)


@contextlib.contextmanager
def arrays(path: str | os.PathLike, most: int = MOST_BYTES) -> Iterator[np.lib.npyio.NpzFile]:
    """Opens an .npz file: name -> array, each read when it is asked for.

    Args:
        path: the file.
        most: the most bytes that all its numbers may take together.

    Raises:
        LabError: when it is missing, a pickle, damaged, holds anything but arrays of numbers, or more of them than allowed.
    """
    path = Path(path)
    _check_kind(path, "zip", "arrays of numbers (.npz)")
    total = 0
    with _damage_named(path):
        with zipfile.ZipFile(path) as packed:
            for member in packed.infolist():
                if not member.filename.endswith(".npy"):
                    _refuse(path, f"{member.filename[:60]!r} in it is no array")
                with packed.open(member) as file:
                    total += _check_header(file, path, member.file_size, most)
        if total > most:
            _refuse(path, f"its arrays take {total / 1e9:.1f} GB in memory, more than the {most / 1e9:.1f} GB allowed")
    with np.load(path, allow_pickle=False) as stored:
        yield stored


def _check_header(file, path: Path, size: int, most: int) -> int:
    """The bytes of the array that begins here, when it is one of numbers and ends where its file ends."""
    version = np.lib.format.read_magic(file)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
    if read is None:
        _refuse(path, f"its version {version} of the array format is not read here")
    shape, _, dtype = read(file)
    if dtype.hasobject or dtype.kind not in "fiubcUSV":  # V: raw bytes, such as bfloat16
        _refuse(path, "it holds Python objects (a pickle), which can run any program when they are read")
    needed = math.prod(shape) * dtype.itemsize
    if needed > most or any(side < 0 for side in shape):
        _refuse(path, f"its header claims {needed / 1e9:.1f} GB, more than the {most / 1e9:.1f} GB allowed")
    if needed + file.tell() != size:
        _refuse(path, f"its header claims {needed} bytes of numbers, and {size - file.tell()} are there")
    return needed


def _check_kind(path: Path, wanted: str, words: str) -> None:
    if not path.exists():
        raise LabError(f"{path}: no such file. Check the name.")
    kind = kind_of(path)
    if kind == "pickle":
        _refuse(path, "it is a pickle, which can run any program when it is read")
    if kind != wanted:
        _refuse(path, f"it does not hold {words}")


def _check_total(path: Path, total: int) -> None:
    size = path.stat().st_size
    if total > MOST_BYTES or total > max(ALWAYS_FINE, MOST_RATIO * size):
        _refuse(path, f"it claims {total / 1e9:.1f} GB of numbers in a file of {size / 1e6:.1f} MB")


@contextlib.contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGED as error:
        raise LabError(f"{path}: this file is damaged ({_first_line(error)}). Copy it again.") from error


def _refuse(path: Path, why: str) -> NoReturn:
    raise LabError(f"{path}: {why}. It was not loaded. Take such files only from people whom you trust.")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:160]
