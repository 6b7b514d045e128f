"""What of a file a manifest leaves out: its own bytes, and in videos the boxes that hold no picture and no sound."""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterator
from pathlib import Path

_MANIFEST = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")  # the uuid box of C2PA in ISO base media files
_VIDEOS = (b"ftyp", b"styp")
_LOOSE = (b"ftyp", b"free", b"skip", b"mfra")  # left out of C2PA's own hash of a video (c2pa.hash.bmff.v3)
_LONGEST = 1 << 20  # bytes of such a box that are looked at


def bare_length(path: str | os.PathLike, exclusions: list[dict]) -> int:
    """The length of a file without its manifest, in bytes.

    Args:
        path: the file.
        exclusions: of its c2pa.hash.data, each with `length` in bytes; [] for a video.
    """
    length = Path(path).stat().st_size - sum(one.get("length", 0) for one in exclusions)
    if not exclusions:
        with open(path, "rb") as file:
            length -= sum(size for start, size, kind in _boxes(file) if kind == b"uuid" and _is_manifest(file, start))
    return length


def loose_hash(path: str | os.PathLike) -> str:
    """SHA-256, in hexadecimal, of those boxes of a video that C2PA's hash leaves out; "" for what is no video (mp4, mov)."""
    digest, found = hashlib.sha256(), False
    with open(path, "rb") as file:
        for start, size, kind in _boxes(file):
            if kind in _LOOSE:
                found = True
                file.seek(start)
                digest.update(file.read(min(size, _LONGEST)))
    return digest.hexdigest() if found else ""


def _boxes(file) -> Iterator[tuple[int, int, bytes]]:
    """Start, size and kind of the topmost boxes of an ISO base media file (ISO/IEC 14496-12); none of another file."""
    end, start = os.fstat(file.fileno()).st_size, 0
    while start + 8 <= end:
        file.seek(start)
        size, kind = struct.unpack(">I4s", file.read(8))
        if start == 0 and kind not in _VIDEOS:
            return
        if size == 1:
            size = struct.unpack(">Q", file.read(8).ljust(8, b"\0"))[0]
        size = end - start if size == 0 else size
        if size < 8:
            return
        yield start, size, kind
        start += size


def _is_manifest(file, start: int) -> bool:
    file.seek(start + 8)
    return file.read(16) == _MANIFEST
