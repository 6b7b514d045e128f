"""Content credentials: a signed manifest in every output that says what it is, what it was made of, and how.

The manifest follows the C2PA specification 2 and is written by c2pa-python, with no connection to anywhere. It says

    c2pa.actions.v2         the target was opened; its face was swapped: digital source type "trained algorithmic media", by
                            which software and model, with which settings; watermarked, where it is
    c2pa.ingredient.v3      the target (parentOf) and the source's material (inputTo), by name and SHA-256, no thumbnails
    org.faceswap-lab.swap   the same facts for the lab's own command `verify`

IPTC has the finer term compositeWithTrainedAlgorithmicMedia for a picture of which a part is generated. The lab says
trainedAlgorithmicMedia: readers look for this one first, and nobody must take the face for a recorded one.

The time is the signer's own clock: without a connection there is no time-stamp authority that could confirm it.
"""

from __future__ import annotations

import io
import json
import mimetypes
import os
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from faceswap_lab import __version__
from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import english
from faceswap_lab.provenance import certificates, mp4_boxes
from faceswap_lab.video.pictures import list_pictures

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
ASSERTION = "org.faceswap-lab.swap"
SIDECAR = ".c2pa"
_SOFTWARE = {"name": "faceswap_lab", "version": __version__}
_FORMATS = {  # what holds a manifest
    ".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime", ".avi": "video/avi", ".gif": "image/gif",
    ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp", ".tif": "image/tiff",
    ".tiff": "image/tiff",
}  # fmt: skip
_REWRITTEN = (".avi", ".tif", ".tiff")  # laid out anew by signing, so that their length says nothing
_LONGEST_MANIFEST = 1 << 16  # bytes: with settings and some ingredients it has 4 to 10 thousand
_RELATIONS = {"target": "parentOf", "source": "inputTo"}


@dataclass(frozen=True)
class Ingredient:
    """Something that an output was made of.

    Args:
        name: the file's name, without its folder.
        sha256: of the file, 64 hexadecimal digits; of a folder, see `fingerprints.content_hash`.
        role: "target", whose video was changed, or "source", whose face was put in.
        identity: who it shows, as the consent ledger names them; "" when not said.
        path: where it lies now; not written into the manifest.
    """

    name: str
    sha256: str
    role: str = "target"
    identity: str = ""
    path: Path | None = None


@dataclass(frozen=True)
class Facts:
    """What a manifest says of an output.

    Args:
        title: the output's name; "" takes the file's.
        model: name of the model that made the face.
        settings: of the conversion, as JSON can hold them.
        ingredients: the target, and the sources where they are known.
        model_digest: what tells this state of the model from another; "" when there is none.
        watermark: what the invisible watermark says; None without one.
        description: of the step that made the output, in words.
    """

    title: str = ""
    model: str = ""
    settings: dict = field(default_factory=dict)
    ingredients: tuple[Ingredient, ...] = ()
    model_digest: str = ""
    watermark: str | None = None
    description: str = english("A neural network generated another person's face in the target.")


def sidecar_of(path: str | os.PathLike) -> Path:
    """Where the manifest of a file lies that cannot hold one (.bmp, .mkv): NAME.ending.c2pa."""
    path = Path(path)
    return path.with_name(path.name + SIDECAR)


def holds_manifest(path: str | os.PathLike) -> bool:
    """Whether files of this ending can hold a manifest; otherwise it goes into a sidecar."""
    return Path(path).suffix.lower() in _FORMATS


def sign(
    path: str | os.PathLike,
    facts: Facts,
    sidecar: str | os.PathLike | None = None,
    signing: certificates.Signing | None = None,
) -> None:
    """Puts signed content credentials into a file, in one step; an earlier manifest of the lab in it is replaced.

    Args:
        path: a video or a picture.
        facts: what the manifest says.
        sidecar: where the manifest goes when the file cannot hold one; None: `sidecar_of(path)`.
        signing: the certificate; None: that of `certificates.signing`.

    Raises:
        LabError: when there is no such file, it is not what its ending says, the certificate cannot be used or the place
            cannot be written to.
    """
    import c2pa

    path, signing = Path(path), signing or certificates.signing()
    if not path.is_file():
        raise LabError(f"{path}: no such file, so it cannot be signed. Make it first.")
    files.check_free_space(path, path.stat().st_size + _LONGEST_MANIFEST)
    kind = _FORMATS.get(path.suffix.lower())
    definition = _definition(path, facts, _clock())
    try:
        signer = c2pa.Signer.from_info(
            c2pa.C2paSignerInfo(signing.algorithm, signing.chain.encode(), signing.key.encode(), None)
        )
        with signer, c2pa.Context(c2pa.Settings.from_dict(_SETTINGS)) as context:
            if kind is None:
                kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
                with files.atomic_path(sidecar or sidecar_of(path)) as temporary:
                    temporary.write_bytes(_written(definition, facts, context, signer, kind, path, None))
            else:
                with files.atomic_path(path) as temporary:
                    _written(definition, facts, context, signer, kind, path, temporary)
    except c2pa.C2paError as error:
        raise LabError(
            f"{path}: it cannot be given content credentials ({error}). Is it whole, and its ending right?"
        ) from error


def sign_pictures(folder: str | os.PathLike, facts: Facts) -> int:
    """Signs every picture of a folder by itself, so that each may be passed on alone.

    A target's own credentials, which a video brings along, are left out here: each picture would check the whole target anew.

    Args:
        folder: of pictures; `facts.title` is not used, each has its own name.
        facts: what the manifests say.

    Returns:
        How many there are.
    """
    signing, found = certificates.signing(), list_pictures(folder)
    named = tuple(replace(one, path=None) for one in facts.ingredients)
    for path in found:
        sign(path, replace(facts, title=path.name, ingredients=named), signing=signing)
    return len(found)


# no pictures of people in the manifest, and no connection to anywhere; what was just signed is checked by `verify`
_SETTINGS = {
    "verify": {"verify_after_sign": False, "verify_trust": False, "remote_manifest_fetch": False, "ocsp_fetch": False},
    "builder": {"thumbnail": {"enabled": False}},
}


def _written(definition: dict, facts: Facts, context, signer, kind: str, path: Path, out: Path | None) -> bytes:
    """Signs `path` into `out`, or without it for a sidecar; returns the manifest."""
    import c2pa

    builder = c2pa.Builder(definition, context)
    for number, ingredient in enumerate(facts.ingredients):
        _add(builder, number, ingredient)
    if out is None:
        builder.set_no_embed()
    with open(path, "rb") as source, open(out or os.devnull, "w+b") as target:
        return builder.sign(signer, kind, source, target)


def _add(builder, number: int, ingredient: Ingredient) -> None:
    """Adds an ingredient; one that is there and carries a manifest itself brings it along."""
    import c2pa

    said = _ingredient(number, ingredient)
    kind = _FORMATS.get(Path(ingredient.name).suffix.lower())
    if kind and ingredient.path is not None and ingredient.path.is_file():
        try:
            with open(ingredient.path, "rb") as file:
                builder.add_ingredient(said, kind, file)
            return
        except c2pa.C2paError:
            pass  # not what its ending says: named by its hash alone
    builder.add_ingredient(said, "application/octet-stream", io.BytesIO(b"\0"))


def _ingredient(number: int, ingredient: Ingredient) -> dict:
    who = f", {ingredient.identity}" if ingredient.identity else ""
    return {
        "title": ingredient.name,
        "relationship": _RELATIONS[ingredient.role],
        "label": _label(number),
        "instance_id": f"sha256:{ingredient.sha256}",
        "description": f"{ingredient.role}{who}; SHA-256 {ingredient.sha256}",
    }


def _label(number: int) -> str:
    return f"ingredient-{number}"


def _definition(path: Path, facts: Facts, now: datetime) -> dict:
    when = now.isoformat(timespec="seconds").replace("+00:00", "Z")
    targets = [n for n, one in enumerate(facts.ingredients) if one.role == "target"]
    sources = [n for n, one in enumerate(facts.ingredients) if one.role == "source"]
    swapped: dict = {
        "when": when,
        "softwareAgent": _SOFTWARE,
        "digitalSourceType": SOURCE_TYPE,
        "description": facts.description,
        "parameters": {
            "org.faceswap-lab.model": facts.model,
            "org.faceswap-lab.settings": json.dumps(facts.settings, ensure_ascii=False),
        },
    }
    if sources:
        swapped["parameters"]["ingredientIds"] = [_label(n) for n in sources]
    if targets:
        opened = {"action": "c2pa.opened", "when": when, "parameters": {"ingredientIds": [_label(targets[0])]}}
        actions = [opened, {"action": "c2pa.edited", **swapped}]
    else:
        actions = [{"action": "c2pa.created", **swapped}]
    if facts.watermark:
        actions.append(
            {
                "action": "c2pa.watermarked.unbound",
                "when": when,
                "softwareAgent": _SOFTWARE,
                "description": english("An invisible watermark says: {watermark}", watermark=facts.watermark),
            }
        )
    title = facts.title or path.name
    return {
        "claim_generator_info": [_SOFTWARE],
        "title": title,
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": actions}},
            {"label": ASSERTION, "kind": "Json", "data": _own(path, facts, title)},
        ],
    }


def _own(path: Path, facts: Facts, title: str) -> dict:
    """The lab's own assertion. The two last tell a changed file from another one, and a change that C2PA passes over."""
    return {
        "title": title,
        "model": facts.model,
        "model_digest": facts.model_digest,
        "settings": facts.settings,
        "version": __version__,
        "watermark": facts.watermark or "",
        "ingredients": [
            {"name": one.name, "sha256": one.sha256, "role": one.role, "identity": one.identity}
            for one in facts.ingredients
        ],
        "bytes": 0 if path.suffix.lower() in _REWRITTEN else path.stat().st_size,
        "loose": mp4_boxes.loose_hash(path),
    }


def _clock() -> datetime:
    return datetime.now(UTC)
