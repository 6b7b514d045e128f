"""Reads the manifest of a file, out of it or from the sidecar beside it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from faceswap_lab.base.messages import english
from faceswap_lab.provenance import credentials

_LOOKED_THROUGH = 1 << 20  # bytes in which a damaged manifest would begin


class NoManifestError(Exception):
    """There is none, as far as can be seen."""


class BrokenManifestError(Exception):
    """There is one, and it cannot be read."""


def read_manifest(path: Path, anchors: Iterable[str]) -> dict:
    """The manifest in force of a video or a picture, validated.

    Args:
        path: the file.
        anchors: PEM of the authorities that are trusted.

    Returns:
        The manifest as crJSON has it: `assertions`, `signature`, `validationResults`, ...

    Raises:
        NoManifestError, BrokenManifestError: when there is none, or it cannot be read.
    """
    import c2pa

    sidecar, anchors = credentials.sidecar_of(path), list(anchors)
    try:
        return _opened(path, None, anchors)
    except c2pa.C2paError as error:
        missing = isinstance(error, (c2pa.C2paError.ManifestNotFound, c2pa.C2paError.NotSupported))
        if missing and sidecar.is_file():
            try:
                return _opened(path, sidecar.read_bytes(), anchors)
            except c2pa.C2paError as inner:
                raise BrokenManifestError(f"{sidecar.name}: {inner}") from inner
        if missing or not _speaks_of_one(path):
            raise NoManifestError from error
        raise BrokenManifestError(str(error)) from error


def _speaks_of_one(path: Path) -> bool:
    with open(path, "rb") as file:
        return b"c2pa" in file.read(_LOOKED_THROUGH)


def _opened(path: Path, sidecar: bytes | None, anchors: list[str]) -> dict:
    import c2pa

    settings = {
        "verify": {"verify_trust": True, "remote_manifest_fetch": False, "ocsp_fetch": False},
        "trust": {"trust_anchors": "\n".join(anchors)} if anchors else {},
    }
    kind = "application/octet-stream" if sidecar else None
    with open(path, "rb") as file, c2pa.Context(c2pa.Settings.from_dict(settings)) as context:
        with c2pa.Reader(kind, file, sidecar, context=context) as reader:
            found, label = json.loads(reader.crjson())["manifests"], json.loads(reader.json()).get("active_manifest")
    return next((one for one in found if one["label"] == label), found[0])


def is_trusted(manifest: dict) -> bool:
    """Whether its signer's authority is one of those that were given."""
    return any(one["code"] == "signingCredential.trusted" for one in manifest["validationResults"]["success"])


def known_as(path: Path, anchors: dict[str, str]) -> str:
    """Which of the known authorities a file is signed under.

    Args:
        path: a file whose manifest `is_trusted` under all of `anchors` together.
        anchors: words -> PEM.
    """
    if len(anchors) == 1:
        return next(iter(anchors))
    return next(
        (words for words, pem in anchors.items() if is_trusted(read_manifest(path, [pem]))),
        english("someone known here"),
    )
