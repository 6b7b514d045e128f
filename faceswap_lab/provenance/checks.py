"""What is asked of the ledger before a face set is made and before a clip is converted."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from faceswap_lab.base.safeguards import safeguards
from faceswap_lab.faces.faceset import TABLE, FaceSet
from faceswap_lab.faces.options import Extraction
from faceswap_lab.faces.sources import Source, read_sources, write_sources
from faceswap_lab.provenance.consent import Ledger


@dataclass(frozen=True)
class Agreed:
    """Those who agreed to a conversion.

    Args:
        target: the clip that is changed.
        sources: the clips that the model learnt from; () for a function that learnt from none, or does not say.
    """

    target: Source
    sources: tuple[Source, ...] = ()

    @property
    def identities(self) -> tuple[str, ...]:
        """Everybody's short names, once each."""
        return tuple(sorted({name for one in (self.target, *self.sources) for name in one.identities}))


def may_prepare(path: str | os.PathLike, role: str = "clip") -> tuple[Source, ...]:
    """Stops unless a clip, or all that a face set was cut from, may be prepared: cut into faces, learnt from, measured.

    Args:
        path: a clip, a picture, a folder of pictures or a face set.
        role: what it is here, for the message.

    Returns:
        The clip's source, or the set's, with those whom they show.

    Raises:
        LabError: as `Ledger.require`, or when a face set does not say what it was cut from.
    """
    ledger = Ledger.load()
    if (Path(path) / TABLE).exists():
        return tuple(ledger.require_source(one, "prepare", str(path)) for one in read_sources(path))
    return (ledger.require(path, "prepare", role),)


def extract_faces(source, folder: str | os.PathLike, options: Extraction | None = None, **others) -> FaceSet:
    """Makes (or completes) the face set of a clip whose people agreed to that; the set says who they are.

    Args:
        source: a video file, a folder of pictures, or an opened `Video`.
        folder: the face set's folder.
        options: what is asked for; its fields may also be given by name (every=2, start=1.0, end=4.0, rotations=90, ...).
        others: those, and `workers`, `networks`, `progress` as in `faces.extraction.extract_faces`.

    Returns:
        The `FaceSet`; its pictures are (256, 256, 3) uint8 RGB.

    Raises:
        LabError: when a consent is missing, revoked or ended, the source cannot be used, no frame shows a face, the folder holds
            a set made otherwise, or an option is unknown.

    Example:
        >>> len(lab.extract_faces(clip, "sets/A", end=0.4))
        8
    """
    from faceswap_lab.faces import extraction

    agreed = safeguards().may_use(getattr(source, "path", source))
    faces = extraction.extract_faces(source, Path(folder), options, **others)
    write_sources(folder, agreed)
    return faces


def may_convert(
    target: str | os.PathLike, sources: Sequence[Source], name: str, ledger: Ledger | None = None
) -> Agreed:
    """Stops unless a clip may be changed and those whom the model learnt from may be shown.

    Args:
        target: a clip, a picture or a folder of pictures.
        sources: what the model learnt from, as its folder says.
        name: the model's, for the message.
        ledger: None: the user's.

    Raises:
        LabError: as `Ledger.require`.
    """
    ledger = ledger or Ledger.load()
    agreed = ledger.require(target, "convert", "target")
    return Agreed(agreed, tuple(ledger.require_source(one, "convert", f"model {name}") for one in sources))
