"""Whether a file has its end: the sizes that its outermost parts state, held against its length. No picture is decoded.

FFmpeg reads a file that breaks off to its last whole frame, of many formats without a word. Where the parts of a file say how long
they are (boxes of MP4, elements of Matroska, tags, pages, packets), one that runs beyond the end tells that there was more. A file
that breaks off exactly between two parts cannot be told from a shorter one, unless an outer part encloses both; nor can a raw
stream of HEVC, or a broadcast of it that ends with a whole packet of 188 bytes: its decoder makes up what is missing of a frame.
"""

from __future__ import annotations

import mmap
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np

from faceswap_lab.base.messages import english

NO_END = english("its end is missing")
BROKEN = english("its structure is broken")
MOST_PARTS = 3_000_000  # a live recording of 10 hours; of more, which take seconds to look at, nothing is said
TO_THE_END, NO_PART = 0, -1  # instead of a part's length
_BOXES = set(b"ftyp styp moov moof mdat mfra sidx ssix free skip wide uuid emsg prft meta udta pdin pnot PICT".split())
_FRAGMENT = re.compile(rb"moof.{4}mfhd", re.DOTALL)
_FLV_TAGS = (8, 9, 18)  # sound, picture, what is known of both
_SYNC = 0x47  # begins each packet of a transport stream
_TS_PACKETS = ((188, 188), (188, 192), (204, 204))  # bytes from a sync to its packet's end, and to the next: plain, M2TS, DVB
_HEAD = 300  # bytes that say how long a part is: at most a page of Ogg with 255 lengths in it


def fault(path: Path, container: str) -> str:
    """What is wrong with a file as a whole: `NO_END`, `BROKEN`, or "" where it is sound, or of a format that does not say.

    Args:
        path: the file.
        container: its format, as FFmpeg names it.
    """
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        if container == "gif":
            return _gif(file)
        if container == "mpegts":
            return _transport_stream(np.memmap(file, np.uint8, "r"))
        part = _PARTS.get(container.split(",")[0])
        end = _end(file, size, part) if part else size
        if end > size:
            return NO_END
        return BROKEN if part is _box and end < size and _hides_fragments(file, size, end) else ""


def _hides_fragments(file: BinaryIO, size: int, place: int) -> bool:
    """Whether fragments of an MP4 follow what is none of its boxes, and too long for another: FFmpeg passes over them then."""
    file.seek(place)
    if 8 <= int.from_bytes(file.read(4), "big") <= size - place:
        return False
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return bool(_FRAGMENT.search(content, place))


def _end(file: BinaryIO, size: int, part: Callable[[bytes], int]) -> int:
    """Where the last of a file's parts ends, by its length; where something begins that is none, if that comes first."""
    place = 0
    for _ in range(MOST_PARTS):
        if place >= size:
            return place
        file.seek(place)
        length = part(file.read(_HEAD))
        if length <= 0:
            return size if length == TO_THE_END else place
        place += length
    return size


def _box(head: bytes) -> int:
    """MP4 and QuickTime. A size of 1 stands before a long one."""
    length = int.from_bytes(head[:4], "big")
    return (int.from_bytes(head[8:16], "big") if length == 1 else length) if head[4:8] in _BOXES else NO_PART


def _element(head: bytes) -> int:
    """Matroska and WebM. What is recorded live does not say how long its outer elements are: those inside follow one by one."""
    name = 9 - head[0].bit_length()
    if name > 4 or len(head) <= name:
        return NO_PART
    width = 9 - head[name].bit_length()
    if width > 8:
        return NO_PART
    unknown = (1 << 7 * width) - 1
    length = int.from_bytes(head[name : name + width], "big") & unknown
    return name + width + (0 if length == unknown else length)


def _tag(head: bytes) -> int:
    """Flash video: a header, then tags, each with its length behind it once more."""
    if head[:3] == b"FLV":
        return int.from_bytes(head[5:9], "big") + 4
    return 15 + int.from_bytes(head[1:4], "big") if head[0] in _FLV_TAGS else NO_PART


def _riff(head: bytes) -> int:
    """AVI. Its own 8 bytes are left out, as some programs count them twice."""
    return int.from_bytes(head[4:8], "little") if head[:4] == b"RIFF" else NO_PART


def _page(head: bytes) -> int:
    """Ogg: a page's header lists the lengths of its segments."""
    count = sum(head[26:27])
    return 27 + count + sum(head[27 : 27 + count]) if head[:4] == b"OggS" else NO_PART


def _triplet(head: bytes) -> int:
    """MXF: a key of 16 bytes, a length, the value."""
    first = sum(head[16:17])
    width = first & 127 if first > 127 else 0
    length = int.from_bytes(head[17 : 17 + width], "big") if width else first
    return 17 + width + length if head[:4] == b"\x06\x0e\x2b\x34" else NO_PART


_PARTS = {"mov": _box, "matroska": _element, "flv": _tag, "avi": _riff, "ogg": _page, "mxf": _triplet}


def _transport_stream(content: np.ndarray) -> str:
    """Its packets are all of one size, behind one another; the first may be the rest of one."""
    for last, step in _TS_PACKETS:
        begins = content[(len(content) - last) % step :: step] == _SYNC
        if begins[-3:].all():
            return "" if begins.all() else BROKEN
    return NO_END


def _gif(file: BinaryIO) -> str:
    """A GIF is blocks behind one another, pictures and extensions, and a mark at its end."""
    file.seek(0)
    head = file.read(13)
    if not head.startswith(b"GIF8"):  # another picture with its name
        return ""
    flags = head[10:11] or b"\0"
    file.seek(_palette(flags[0]), os.SEEK_CUR)
    spare = True
    while kind := file.read(1):
        if kind == b";":
            return BROKEN if file.read().strip(b"\0") else ""
        if kind == b",":  # a picture: its place and size, its own colours, how wide its first codes are
            flags = file.read(9)[8:] or b"\0"
            file.seek(_palette(flags[0]) + 1, os.SEEK_CUR)
        elif kind == b"!":
            file.seek(1, os.SEEK_CUR)
        elif kind == b"\0" and spare:  # some programs end a block twice
            spare = False
            continue
        else:
            return BROKEN
        while (length := file.read(1)) not in (b"", b"\0"):
            file.seek(length[0], os.SEEK_CUR)
        spare = True
    return NO_END


def _palette(flags: int) -> int:
    """Bytes of a table of colours that may follow."""
    return 3 << (flags & 7) + 1 if flags & 128 else 0
