"""Checks content credentials: is the file as it was signed, who signed it, when, and what does the manifest say?

What holds, and what does not: a valid signature proves that the file is unchanged since it was signed by whoever has the key.
A file without a manifest proves nothing: manifests are easy to remove. What is said in a manifest is the signer's word.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import _, english, retold
from faceswap_lab.provenance import certificates, credentials, mp4_boxes, reading
from faceswap_lab.provenance.authority import COURSE_NAME
from faceswap_lab.video.fingerprints import content_hash

VALID, UNKNOWN, CHANGED, OTHER = "valid", "unknown signer", "changed", "manifest of another file"
EXPIRED, CLOCK, INGREDIENT, NONE, DAMAGED = "expired", "clock wrong", "other ingredient", "no credentials", "damaged"
_NOTHING = english(
    "No content credentials: either it was never signed, or they were removed (any program that codes it anew "
    "does that). This says nothing about where the file comes from."
)
_SLACK = timedelta(minutes=5)  # clocks of two machines differ
_CONTENT = ("assertion.dataHash", "assertion.bmffHash", "assertion.boxesHash", "assertion.collectionHash")
_SIGNER = ("signingCredential.untrusted",)
_FORMS = {"title": str, "model": str, "version": str, "loose": str, "settings": dict, "bytes": int, "ingredients": list}
_TIMES = ("signingCredential.expired", "claimSignature.outsideValidity")


@dataclass
class Verdict:
    """What was found out about a file.

    Args:
        path: the file.
        state: one of the constants above; only "valid" is good.
        findings: in sentences, the gravest first.
        signer: the certificate's name; known_as: who that is here, "" when unknown.
        time: when it was signed, by the signer's clock, ISO 8601; "" when not said.
        source_types: IPTC's digital source types, the last part of each address.
        model, settings, version: as the lab's manifest has them.
        ingredients: each with name, sha256, role and identity (of another's manifest: name and role).
        actions: each as "action: description".
    """

    path: str
    state: str = NONE
    findings: list[str] = field(default_factory=list)
    signer: str = ""
    known_as: str = ""
    time: str = ""
    source_types: list[str] = field(default_factory=list)
    model: str = ""
    settings: dict = field(default_factory=dict)
    version: str = ""
    ingredients: list[dict] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether the file is unchanged and its signer known."""
        return self.state == VALID

    @property
    def text(self) -> str:
        """All of it in lines."""
        lines = [f"{self.path}: {_(self.state)}", *(f"  {retold(finding)}" for finding in self.findings)]
        signer = f"{self.signer} ({retold(self.known_as) or _('unknown here')})" if self.signer else ""
        clock = _("{time} (the signer's clock; no time stamp confirms it)").format(time=self.time)
        rows = [
            (_("signed by"), signer),
            (_("time"), clock if self.time else ""),
            (_("source type"), ", ".join(self.source_types)),
            (_("model"), self.model),
            (_("lab version"), self.version),
            (_("settings"), ", ".join(f"{name}={value}" for name, value in self.settings.items())),
        ]
        rows += [
            (_(one["role"]), " ".join(filter(None, map(one.get, ("name", "identity", "sha256")))))
            for one in self.ingredients
        ]
        rows += [(_("action"), retold(action)) for action in self.actions]
        lines += [f"  {name:<12} {value}" for name, value in rows if value]
        return "\n".join(re.sub(r"[^\S ]|[\x00-\x1f\x7f-\x9f]", "�", line) for line in lines)  # what a stranger wrote

    def facts(self) -> dict:
        """As JSON can hold it."""
        return asdict(self) | {"good": self.good}


def verify(path: str | os.PathLike, against: Sequence[str | os.PathLike] = (), now: datetime | None = None) -> Verdict:
    """Checks one file.

    Args:
        path: a video or a picture; its manifest lies in it or beside it (`credentials.sidecar_of`).
        against: files (or folders of pictures) that should be ingredients of it.
        now: UTC; None: the clock's.

    Raises:
        LabError: when there is no such file, or one of `against` is missing.
    """
    path, now = Path(path), now or datetime.now(UTC)
    if not path.is_file():
        raise LabError(f"{path}: no such file. Give a video or a picture.")
    verdict = Verdict(str(path))
    anchors = certificates.anchors()
    try:
        active = reading.read_manifest(path, anchors.values())
    except reading.NoManifestError:
        verdict.findings = [_NOTHING]
        return verdict
    except reading.BrokenManifestError as error:
        verdict.state = DAMAGED
        verdict.findings = [
            english(
                "There is a manifest, and it is damaged: it was changed after it was signed ({error}).", error=error
            )
        ]
        return verdict
    _describe(verdict, active)
    graver = [*_integrity(path, active), *_trust(verdict, active, anchors), *_time(verdict, active, now)]
    graver += _against(_own(active).get("ingredients", []), against)
    bad = sorted((one for one in graver if one[0] != VALID), key=lambda one: GRAVITY.index(one[0]))
    verdict.state = bad[0][0] if bad else VALID
    verdict.findings = [said for _state, said in bad] + [said for state, said in graver if state == VALID]
    return verdict


GRAVITY = (DAMAGED, OTHER, CHANGED, CLOCK, EXPIRED, UNKNOWN, INGREDIENT)


def pictures_and_videos(paths: Sequence[str | os.PathLike]) -> list[Path]:
    """The files meant: a folder stands for its pictures.

    Raises:
        LabError: for a folder without pictures.
    """
    from faceswap_lab.video.pictures import list_pictures

    found = []
    for path in map(Path, paths):
        some = list_pictures(path) if path.is_dir() else [path]
        if not some:
            raise LabError(f"{path}: this folder holds no pictures. Give a video, a picture or a folder of pictures.")
        found += some
    return found


def _own(active: dict) -> dict:
    """The lab's assertion, as far as it has the lab's form: a stranger may have written anything there."""
    found = active["assertions"].get(credentials.ASSERTION)
    found = found if isinstance(found, dict) else {}
    kept: dict = {name: found[name] for name, form in _FORMS.items() if isinstance(found.get(name), form)}
    names = ("name", "sha256", "role", "identity")
    listed = [one for one in kept.get("ingredients", []) if isinstance(one, dict)]
    return kept | {"ingredients": [{name: str(one.get(name, "")) for name in names} for one in listed]}


def _describe(verdict: Verdict, active: dict) -> None:
    """Fills in what the manifest says."""
    own = _own(active)
    actions = [
        action
        for name in ("c2pa.actions.v2", "c2pa.actions")
        for action in active["assertions"].get(name, {}).get("actions", [])
    ]
    certificate = active.get("signature", {}).get("certificateInfo", {})
    subject = certificate.get("subject", {})
    verdict.signer = subject.get("CN") or subject.get("O") or ""
    verdict.time = max((action["when"] for action in actions if action.get("when")), default="")
    types = [action["digitalSourceType"].rsplit("/", 1)[-1] for action in actions if action.get("digitalSourceType")]
    verdict.source_types = list(dict.fromkeys(types))
    verdict.actions = [": ".join(filter(None, (action["action"], action.get("description")))) for action in actions]
    verdict.model, verdict.settings = own.get("model", ""), own.get("settings", {})
    verdict.version = own.get("version", "")
    verdict.ingredients = own.get("ingredients") or [
        {"name": one.get("dc:title", ""), "role": one.get("relationship", "ingredient")}
        for name, one in active["assertions"].items()
        if name.startswith("c2pa.ingredient")
    ]


# -- judging: each gives (state, sentence); VALID for a sentence that is only said -----------------------------------------
def _integrity(path: Path, active: dict) -> list[tuple[str, str]]:
    found, own = [], _own(active)
    for failure in active["validationResults"]["failure"]:
        code = failure["code"]
        if code in _SIGNER or code in _TIMES:
            continue
        if code.startswith(_CONTENT):
            found.append(_changed(path, active, own))
        elif code.startswith("signingCredential"):
            found.append(
                (UNKNOWN, english("Its certificate is not one that C2PA accepts for signing ({code}).", code=code))
            )
        elif code.startswith(("claim", "assertion")):
            part = failure.get("url", "").rsplit("/", 1)[-1] or "the manifest"
            found.append(
                (
                    CHANGED,
                    english(
                        "The manifest itself was changed after it was signed: {part} ({code}).", part=part, code=code
                    ),
                )
            )
        else:
            what = failure.get("explanation") or english("It cannot be checked")
            found.append((DAMAGED, f"{what} ({code})."))
    if not found and own.get("loose", "") != (mp4_boxes.loose_hash(path) if own.get("loose") else ""):
        found.append(
            (CHANGED, english("The video's header (its file type or free space) was changed after it was signed."))
        )
    return list(dict.fromkeys(found))


def _changed(path: Path, active: dict, own: dict) -> tuple[str, str]:
    """Whether it is the file that was signed, with something changed in it, or another one."""
    exclusions = active["assertions"].get("c2pa.hash.data", {}).get("exclusions", [])
    length, signed = mp4_boxes.bare_length(path, exclusions), own.get("bytes")
    if signed and length != signed:
        name = f" “{own['title']}”" if own.get("title") else ""
        return OTHER, english(
            "This is the manifest of another file{name}: what was signed has {signed} bytes, this has {length}. Either the "
            "manifest was put here from there, or the video or picture was edited.", name=name, signed=signed, length=length,
        )  # fmt: skip
    if "c2pa.hash.data" in active["assertions"]:
        return CHANGED, english(
            "The picture or file was changed after it was signed: at least one byte is not what it was."
        )
    return CHANGED, english(
        "The video, sound or picture was changed after it was signed: at least one byte is not what it was."
    )


def _trust(verdict: Verdict, active: dict, anchors: dict[str, str]) -> list[tuple[str, str]]:
    if reading.is_trusted(active):
        verdict.known_as = reading.known_as(Path(verdict.path), anchors)
        return [(VALID, english("Signed by {signer}. That is a key, not a person.", signer=verdict.known_as))]
    sentences = [english("The signer is unknown here: whoever has any key can sign so, under any name.")]
    if verdict.signer == COURSE_NAME:
        sentences.append(
            english("It bears the course certificate's name with another key: made on another machine, or forged.")
        )
    place = certificates.signing_folder() / "known"
    sentences.append(
        english("To know this signer, get their authority.pem from themselves and put it into {place}.", place=place)
    )
    return [(UNKNOWN, " ".join(sentences))]


def _time(verdict: Verdict, active: dict, now: datetime) -> list[tuple[str, str]]:
    validity = active.get("signature", {}).get("certificateInfo", {}).get("validity", {})
    if not validity:
        return []
    starts, ends = (datetime.fromisoformat(validity[name]) for name in ("notBefore", "notAfter"))
    try:
        signed = datetime.fromisoformat(verdict.time) if verdict.time else None
    except ValueError:
        return [(CLOCK, english("The time of signing, “{time}”, is no time.", time=verdict.time))]
    if signed is not None and signed.tzinfo is None:
        signed = signed.replace(tzinfo=UTC)
    until, state, said = f"{ends:%Y-%m-%d %H:%M} UTC", CLOCK, ""
    if signed is not None and signed > now + _SLACK:
        said = english(
            "It was signed in the future ({time}): the clock there was wrong then, or is wrong here now.",
            time=verdict.time,
        )
    elif now + _SLACK < starts:
        said = english(
            "Its certificate is valid from {starts:%Y-%m-%d}, later than now: a clock is wrong, there or here.",
            starts=starts,
        )
    elif signed is not None and signed + _SLACK < starts:
        said = english(
            "It says that it was signed ({time}) before its certificate existed: the clock was wrong.",
            time=verdict.time,
        )
    elif signed is None and now > ends:
        state, said = (
            EXPIRED,
            english("Its certificate ran out on {ends:%Y-%m-%d}, and nothing says when it was signed.", ends=ends),
        )
    elif signed is not None and signed > ends:
        state, said = (
            EXPIRED,
            english(
                "It was signed ({time}) with a certificate that had run out on {until}.", time=verdict.time, until=until
            ),
        )
    elif now > ends:
        state, said = (
            VALID,
            english(
                "Its certificate ran out on {until}; it was signed before, by the signer's own clock.", until=until
            ),
        )
    return [(state, said)] if said else []


def _against(ingredients: list[dict], against: Sequence[str | os.PathLike]) -> list[tuple[str, str]]:
    found = []
    for path in map(Path, against):
        if not path.exists():
            raise LabError(f"{path}: no such file. Give what the output was made of.")
        digest = content_hash(path)
        same = [one for one in ingredients if one["sha256"] == digest]
        named = [one for one in ingredients if one["name"] == path.name]
        if same:
            found.append((VALID, english("{path} is its {role}, to the last byte.", path=path, role=same[0]["role"])))
        elif named:
            found.append(
                (
                    INGREDIENT,
                    english(
                        "{path} has the name of its {role}, and is another file.", path=path, role=named[0]["role"]
                    ),
                )
            )
        else:
            found.append((INGREDIENT, english("{path} is none of what it was made of.", path=path)))
    return found
