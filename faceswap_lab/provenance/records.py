"""One consent: who may be shown, what for, until when, who granted it, in which files. A small JSON file an identity."""

from __future__ import annotations

import dataclasses
import datetime
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import _, english, ngettext, retold
from faceswap_lab.faces.sources import Source, is_identity

PURPOSES = {"prepare": "face sets and training", "convert": "swapped videos and pictures"}
_TEXTS = ("person", "scope", "granted_by", "reason")
_DATES = ("granted_on", "until", "revoked_on")


@dataclass(frozen=True)
class ConsentRecord:
    """What a person agreed to, and what shows the person.

    Args:
        identity: a short name, which is the file's name, too.
        person: who is shown.
        purposes: what for: of `PURPOSES`.
        scope: further bounds, in words; the lab shows them and cannot check them.
        granted_by: who agreed: the person, or who may speak for them.
        granted_on: the day; None for the bundled actors, whom nobody had to ask.
        until: the last day on which it counts; None: until it is revoked.
        revoked_on: the day it was taken back, or None.
        reason: why it was taken back, or "".
        sources: the clips and pictures that it speaks of.
    """

    identity: str
    person: str
    purposes: tuple[str, ...]
    granted_by: str
    granted_on: datetime.date | None
    scope: str = ""
    until: datetime.date | None = None
    revoked_on: datetime.date | None = None
    reason: str = ""
    sources: tuple[Source, ...] = ()

    def __post_init__(self):
        if why := self._wrong():
            raise LabError(f"consent of {str(self.identity)[:80]!r}: {why}.")

    def _wrong(self) -> str:
        if not is_identity(self.identity):
            return "an identity is a short name of letters, digits, _ and -, such as anna; choose another one"
        for name in ("person", "granted_by"):
            if not getattr(self, name).strip():
                return f"{name} is empty; say who {'is shown' if name == 'person' else 'agreed'}"
        if not self.purposes or (unknown := [one for one in self.purposes if one not in PURPOSES]):
            given = f"there is no purpose {unknown[0]!r}" if self.purposes else "no purpose is named"
            return f"{given}; choose from {', '.join(PURPOSES)}"
        if self.until and self.granted_on and self.until < self.granted_on:
            return f"it ends on {self.until}, before it was granted on {self.granted_on}; correct the dates"
        return ""

    def names(self, sha256: str) -> bool:
        """Whether a file of this content is among its sources."""
        return any(one.sha256 == sha256 for one in self.sources)

    def refusal(self, purpose: str, today: datetime.date | None = None) -> str:
        """Why it does not allow a purpose today, in words that follow "the consent of NAME"; "" where it does.

        Args:
            purpose: of `PURPOSES`.
            today: None: what the clock says.
        """
        today = today or datetime.date.today()
        if self.revoked_on and self.reason:
            return english("was revoked on {day} ({reason})", day=self.revoked_on, reason=self.reason)
        if self.revoked_on:
            return english("was revoked on {day}", day=self.revoked_on)
        if self.granted_on and self.granted_on > today:
            return english(
                "was granted on {day}, and this computer says it is {today}: check the clock",
                day=self.granted_on, today=today,
            )  # fmt: skip
        if self.until and self.until < today:
            return english("ended on {day}", day=self.until)
        if purpose not in self.purposes:
            named = " and ".join(f"{one} ({PURPOSES[one]})" for one in self.purposes)
            return english(
                "is for {named}, not for {purpose} ({meaning})",
                named=named, purpose=purpose, meaning=PURPOSES[purpose],
            )  # fmt: skip
        return ""

    def as_json(self) -> dict:
        """As it is kept: dates as 2026-11-22, what was not said as null."""
        kept = {one.name: getattr(self, one.name) for one in dataclasses.fields(self)}
        kept |= {name: kept[name] and kept[name].isoformat() for name in _DATES}
        return kept | {"purposes": list(self.purposes), "sources": [one.as_json() for one in self.sources]}

    def write(self, folder: str | os.PathLike) -> Path:
        """Writes IDENTITY.json into a folder, and gives its path."""
        path = Path(folder) / f"{self.identity}.json"
        files.write_json(path, self.as_json())
        return path


def read_record(path: str | os.PathLike) -> ConsentRecord:
    """Reads IDENTITY.json.

    Raises:
        LabError: naming the file, for what is damaged, unknown or missing in it, a date or hash that is none, or another
            identity than the file's name.
    """
    path = Path(path)

    def refuse(why: str):
        raise LabError(f"{path}: {why}. Mend this record, or delete it and write the consent anew.")

    try:
        stored = files.read_json(path)
    except LabError as error:
        if not path.exists():
            raise
        raise LabError(
            f"{path}: this consent record is damaged ({error.__cause__}). Mend it, or delete it and write the consent anew."
        ) from error
    if not isinstance(stored, dict):
        refuse("this is no consent record")
    known = {one.name: one for one in dataclasses.fields(ConsentRecord)}
    if unknown := sorted(set(stored) - set(known)):
        refuse(f"there is no field {unknown[0]!r} in a consent record")
    if missing := [name for name, one in known.items() if name not in stored and one.default is dataclasses.MISSING]:
        refuse(f"the field {missing[0]!r} is missing")
    given: dict[str, Any] = {name: read_date(stored.get(name), f"{path}: {name}") for name in _DATES}
    for name in ("identity", *_TEXTS):
        if not isinstance(value := stored.get(name, ""), str):
            refuse(f"{name} is {value!r}, and text is wanted")
        given[name] = value
    for name in ("purposes", "sources"):
        if not isinstance(value := stored.get(name, []), list):
            refuse(f"{name} is {value!r}, and a list is wanted")
    given["purposes"] = tuple(map(str, stored["purposes"]))
    given["sources"] = tuple(Source.from_json(one, path) for one in stored.get("sources", []))
    try:
        record = ConsentRecord(**given)
    except LabError as error:
        raise LabError(f"{path}: {error}") from error
    if record.identity != path.stem:
        refuse(f"the record is of {record.identity}, and the file is called {path.stem}")
    return record


def read_date(value, what: str) -> datetime.date | None:
    """A date as ISO 8601 writes it, 2027-06-30; None stays None.

    Args:
        value: text or None.
        what: named in the error.

    Raises:
        LabError: for what is no date.
    """
    if value is None:
        return None
    try:
        if isinstance(value, str) and len(value) == 10:
            return datetime.date.fromisoformat(value)
    except ValueError:
        pass
    raise LabError(f"{what}: {value!r} is no date. Write year, month and day, such as 2027-06-30.")


def describe(record: ConsentRecord) -> list[str]:
    """A record in a few lines, for people."""
    uses = {purpose: record.refusal(purpose) for purpose in PURPOSES}
    granted = _("granted on {day} by {who}") if record.granted_on else _("granted by {who}")
    lines = [
        f"{record.identity}: {record.person}",
        "  " + _("for {purposes}").format(purposes=", ".join(f"{one} ({_(PURPOSES[one])})" for one in record.purposes)),
        "  " + granted.format(day=record.granted_on, who=record.granted_by),
        "  " + (_("until {day}").format(day=record.until) if record.until else _("until it is revoked")),
    ]
    if record.scope:
        lines.append("  " + _("scope: {scope}").format(scope=record.scope))
    refused = {why for purpose in record.purposes if (why := uses[purpose])}
    lines += ["  " + _("STOPPED: it {why}").format(why=retold(why)) for why in sorted(refused)]
    count = len(record.sources)
    return [*lines, "  " + ngettext("{count} file", "{count} files", count).format(count=count)]
