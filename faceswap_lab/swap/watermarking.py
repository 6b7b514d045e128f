"""The watermark of a conversion: which number its frames carry."""

from __future__ import annotations

import hashlib
import json

from faceswap_lab.provenance.watermark import LEAST, Marker

# What the picture depends on; not how the work was cut up, nor where things were kept: the frames are the same then.
_NAMED = ("version", "options", "video", "read", "inside", "person", "faces", "model")


def ident(key: dict) -> str:
    """The number of a conversion: six hexadecimal digits of the SHA-256 of what it was made of and how.

    Args:
        key: as `parts.Parts` keeps it.
    """
    told = json.dumps({name: key[name] for name in _NAMED}, sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:6]


def marker_for(size: tuple[int, int], key: dict) -> Marker | None:
    """What marks the frames of a conversion, (width, height) large; None for pictures that are too small to be marked."""
    return Marker(size, ident(key)) if min(size) >= LEAST else None


def findings(size: tuple[int, int], wanted: bool) -> list[str]:
    """A sentence where the watermark that was wanted could not be put in."""
    if not wanted or min(size) >= LEAST:
        return []
    return [
        f"A picture of {size[0]}x{size[1]} is too small for the watermark ({LEAST} pixels a side): only the label and the "
        "file's comment say what it is."
    ]
