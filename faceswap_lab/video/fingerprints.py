"""What a file or a folder of pictures is known by, wherever it lies: the SHA-256 of its content."""

from __future__ import annotations

import functools
import hashlib
import os
from pathlib import Path

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.video.pictures import list_pictures, passed_over


def content_hash(path: str | os.PathLike) -> str:
    """The SHA-256 of a file, or of all pictures in a folder; read once a process as long as the file is not changed.

    Args:
        path: a file, or a folder of pictures. A folder's hash is that of the lines "NAME SHA-256" of its pictures in the
            order of their names, so that neither its own name nor other files in it count.

    Returns:
        64 hexadecimal digits.

    Raises:
        LabError: when there is no such file, it cannot be read, or the folder holds no picture.
    """
    path = Path(path)
    if not path.is_dir():
        return _file_hash(path)
    digest = hashlib.sha256()
    for name, picture in sorted((one.name, one) for one in _pictures(path)):
        digest.update(f"{name} {_file_hash(picture)}\n".encode())
    return digest.hexdigest()


def content_size(path: str | os.PathLike) -> int:
    """The bytes of a file, or of all pictures in a folder.

    Raises:
        LabError: as `content_hash`.
    """
    path = Path(path)
    return sum(_state(one).st_size for one in (_pictures(path) if path.is_dir() else [path]))


def _pictures(folder: Path) -> list[Path]:
    found = list_pictures(folder)
    if not found:
        why = "".join(f"\n{line}" for line in passed_over(folder))
        raise LabError(
            f"{folder}: there is no picture in this folder. Give a clip, a picture or a folder of pictures.{why}"
        )
    return found


def _state(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except OSError as error:
        raise LabError(f"{path}: no such file or folder. Check the name.") from error


def _file_hash(path: Path) -> str:
    state = _state(path)
    try:
        return _read_hash(os.path.abspath(path), state.st_size, state.st_mtime_ns)
    except OSError as error:
        raise LabError(f"{path}: this file cannot be read ({error.strerror}). Check its permissions.") from error


@functools.lru_cache(maxsize=1 << 14)
def _read_hash(path: str, size: int, changed: int) -> str:
    return files.sha256(path)
