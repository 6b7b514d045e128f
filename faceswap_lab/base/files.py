"""Files on disk, written so that a stop at any moment leaves either the old file or the new one, never half of one."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import mmap
import os
import shutil
import stat
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

from faceswap_lab.base.errors import LabError

if sys.platform == "win32":  # a type checker knows it, unlike os.name
    import msvcrt
else:
    import fcntl

# Bytes of a file that is read whole; a table takes some times that in memory.
MOST_TABLE, MOST_JSON = 512 << 20, 256 << 20
PARTIAL = ".partial-"  # marks a file still being written; a later run may remove it
LOCK = f"{PARTIAL}00000000-in-use"  # lies where a process is at work, see `claimed`


@contextlib.contextmanager
def clear_write_errors(path: str | os.PathLike) -> Iterator[None]:
    """Turns the operating system's refusals to write (disk full, read-only, no permission) into a `LabError`.

    Args:
        path: the file or folder that is being written, named in the message.

    Raises:
        LabError: for ENOSPC, EDQUOT, EFBIG (a limit of the shell or the container on a file's size, which reads as a full
            disk), EROFS, EACCES, EPERM and ENOTDIR; any other `OSError` passes unchanged.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise LabError(
                f"{path}: the disk is full. Free some space (or choose another --out folder) and run the same command "
                "again: what is finished is kept."
            ) from error
        if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise LabError(
                f"{path}: this place cannot be written to. Choose a folder of your own with --out, or change its "
                "permissions."
            ) from error
        if error.errno == errno.ENOTDIR:
            raise LabError(f"{path}: a part of this path is a file, not a folder. Choose another folder.") from error
        raise


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """Gives a temporary path beside `path` to write to, and renames it into place when the block ends well.

    Args:
        path: the file to be made; its folder is made if needed. The temporary name keeps the suffix, since writers
            choose their format by it.

    Yields:
        The temporary path. If the block raises, that file is removed and `path` is as it was.

    Raises:
        LabError: when the place cannot be written to or the disk is full.
    """
    path = Path(path)
    with clear_write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{PARTIAL}{uuid.uuid4().hex[:8]}-{path.name}")
        try:
            yield temporary
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


def make_folder(path: str | os.PathLike) -> Path:
    """Makes a folder (and its parents) and proves that it can be written to.

    Raises:
        LabError: when it is read-only, or a file of that name stands in the way.
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise LabError(
            f"{path}: a file of this name stands where a folder is needed. Remove it or choose another name."
        )
    with clear_write_errors(path):
        try:
            path.mkdir(parents=True, exist_ok=True)
        except FileNotFoundError as error:  # some file systems answer so instead of "not permitted"
            raise LabError(f"{path}: this folder cannot be made. Choose a folder of your own with --out.") from error
        probe = path / f"{PARTIAL}{uuid.uuid4().hex[:8]}"
        probe.touch()
        probe.unlink()
    return path


def remove_partial(folder: str | os.PathLike) -> None:
    """Removes what an earlier, killed run left half-written directly in `folder`."""
    for leftover in Path(folder).glob(f"{PARTIAL}*"):
        if not leftover.name.startswith(LOCK):
            leftover.unlink(missing_ok=True)


@contextlib.contextmanager
def claimed(path: str | os.PathLike, remedy: str = "choose another name", inside: bool = False) -> Iterator[None]:
    """Lets one process at a time work on an output. The operating system ends the claim, however the process ends.

    On a disk that knows no locks, as some network drives, nothing is claimed.

    Args:
        path: the output; the folder that it lies in is there.
        remedy: what to do but wait, for the message.
        inside: `path` is a folder in which the work is done, and the lock lies in it; else it lies beside `path`.

    Raises:
        LabError: when another process is at work there, or the place cannot be written to.
    """
    path = Path(path)
    place = path / LOCK if inside else path.with_name(f"{LOCK}-{path.name}")
    with clear_write_errors(path):
        handle = _lock(place)
    if handle is None:
        raise LabError(f"{path}: another process is at work on this now. Wait until it has finished, or {remedy}.")
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # Windows keeps an open file; the next claim takes it over
            place.unlink()
        os.close(handle)


def _lock(place: Path) -> int | None:
    """The number of an open file whose lock is ours; None when another has it."""
    while True:
        handle = os.open(place, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            if sys.platform == "win32":
                msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):
                return handle  # no locks here
            os.close(handle)
            return None
        if os.name == "nt" or (place.exists() and os.path.samestat(os.fstat(handle), os.stat(place))):
            return handle
        os.close(handle)  # whoever had it finished just now, and took the file away


def check_free_space(path: str | os.PathLike, needed: int) -> None:
    """Refuses early when the disk that holds `path` has less than `needed` bytes left.

    Raises:
        LabError: naming the folder, what is needed and what is free, in MB.
    """
    path = Path(path)
    existing = next(p for p in (path, *path.absolute().parents) if p.exists())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise LabError(
            f"{path}: {needed / 1e6:.0f} MB are needed here and {free / 1e6:.0f} MB are free. Free some space or choose "
            "another folder with --out."
        )


def write_text(path: str | os.PathLike, text: str) -> None:
    """Writes a UTF-8 text file in one step (temporary file, then rename)."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | os.PathLike, value) -> None:
    """Writes `value` as indented UTF-8 JSON in one step.

    Raises:
        LabError: when the place cannot be written to or the disk is full.

    Example:
        >>> lab.write_json("notes.json", {"faces": 8})
        >>> lab.read_json("notes.json")
        {'faces': 8}
    """
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: str | os.PathLike):
    """Reads a JSON file.

    Raises:
        LabError: when the file is missing, is not JSON, or is larger or deeper than any that the lab writes.

    Example:
        >>> lab.read_json("data/weights/quick_autoencoder/config.json")["kind"]
        'autoencoder'
    """
    try:
        check_size(path, MOST_JSON)
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise LabError(f"{path}: no such file. Run the stage that writes it first.") from error
    except (ValueError, RecursionError) as error:  # no UTF-8, no JSON, or a number of thousands of digits
        raise LabError(
            f"{path}: this is not a JSON file ({error}). Delete it and run the stage that writes it."
        ) from error


def read_json_or_empty(path: str | os.PathLike) -> dict:
    """A JSON object; {} where the file is missing, damaged or holds something else."""
    try:
        value = read_json(path)
    except (LabError, OSError):
        return {}
    return value if isinstance(value, dict) else {}


def read_csv(path: str | os.PathLike, **options):
    """A table as a `pandas.DataFrame`; the options are `pandas.read_csv`'s, and so are its errors.

    Raises:
        LabError: when it is larger than `MOST_TABLE`.
    """
    import pandas as pd

    check_size(path, MOST_TABLE)
    return pd.read_csv(path, **options)


def check_size(path: str | os.PathLike, most: int) -> None:
    """Refuses a file that is larger than `most` bytes before any of it is read, and what is no file at all.

    Raises:
        LabError: naming both sizes.
        FileNotFoundError: when it is missing.
    """
    facts = os.stat(path)
    if not stat.S_ISREG(facts.st_mode):
        raise LabError(f"{path}: this is no ordinary file, so it was not read. Give a file.")
    size = facts.st_size
    if size > most:
        raise LabError(
            f"{path}: it has {size / 1e6:.0f} MB, more than the {most / 1e6:.0f} MB that such a file may have. It was not read."
        )


def release(array) -> None:
    """Lets the memory go that the pages of a mapped array take; they are read from the disk again when they are looked at.

    Args:
        array: of numpy; one that is not mapped from a file stays as it is.
    """
    while array is not None and not hasattr(array, "madvise"):
        array = getattr(array, "base", None)
    if array is not None:
        array.madvise(mmap.MADV_DONTNEED)


def sha256(path: str | os.PathLike) -> str:
    """The SHA-256 of a file, as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
