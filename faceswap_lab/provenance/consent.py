"""The ledger: whose consent is written down, for which files, and whether it allows what is about to be done.

The bundled actors' records lie in data/consent. A person's own lie in the folder that FACESWAP_LAB_CONSENT names (in Colab, one
on Drive), else where the system keeps a user's data. One's own record of an identity counts more than a bundled one; the
files of both count.
"""

from __future__ import annotations

import dataclasses
import datetime
import os
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.base.weights import data_folder
from faceswap_lab.faces.sources import Source, is_identity, merged, source_of
from faceswap_lab.provenance.records import PURPOSES, ConsentRecord, read_record
from faceswap_lab.video.fingerprints import content_hash

VARIABLE = "FACESWAP_LAB_CONSENT"
COMMAND = "python -m faceswap_lab consent"


def user_folder() -> Path:
    """Where a person's own records and the register of outputs lie; it need not be there yet."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_data_dir("faceswap_lab", appauthor=False)) / "consent"


def bundled_folder() -> Path:
    """Where the bundled actors' records lie."""
    return data_folder() / "consent"


class Ledger:
    """All records that count, as they are on disk now.

    Args:
        folder: one's own records; None: `user_folder`.
        bundled: the bundled ones; None: `bundled_folder`.

    Attributes:
        folder: where one's own records are written.
        records: identity -> `ConsentRecord`, sorted.
        own: the identities that have a record of one's own.

    Raises:
        LabError: naming the record that is damaged, or two whose names differ in upper and lower case only.
    """

    def __init__(self, folder: str | os.PathLike | None = None, bundled: str | os.PathLike | None = None):
        self.folder = user_folder() if folder is None else Path(folder)
        shipped = _read(bundled_folder() if bundled is None else Path(bundled))
        own = _read(self.folder)
        self.own = frozenset(own)
        for identity in shipped.keys() & own.keys():
            sources = merged(own[identity].sources, shipped[identity].sources)
            own[identity] = dataclasses.replace(own[identity], sources=sources)
        self.records: dict[str, ConsentRecord] = dict(sorted({**shipped, **own}.items()))
        folded: dict[str, str] = {}
        for identity in self.records:
            if (other := folded.setdefault(identity.casefold(), identity)) != identity:
                raise LabError(
                    f"{self.folder}: {other} and {identity} differ in upper and lower case only, which not every system tells "
                    "apart. Rename one record, file and identity."
                )

    @classmethod
    def load(cls) -> Ledger:
        """The ledger of this user on this machine."""
        return cls()

    def record(self, identity: str) -> ConsentRecord:
        """The record of an identity.

        Raises:
            LabError: when there is none.
        """
        if identity not in self.records:
            raise LabError(
                f"{identity}: the ledger has no such identity. It has: {', '.join(self.records) or 'none'}. "
                f"Write one with: {COMMAND} grant"
            )
        return self.records[identity]

    def find(self, path: str | os.PathLike) -> list[ConsentRecord]:
        """The records that name this file's content, whatever its name and place.

        Raises:
            LabError: when the file cannot be read.
        """
        return self.find_hash(content_hash(path))

    def find_hash(self, sha256: str) -> list[ConsentRecord]:
        """The records that name this content."""
        return [record for record in self.records.values() if record.names(sha256)]

    def require(self, path: str | os.PathLike, purpose: str, role: str = "clip") -> Source:
        """Stops unless everybody whom a file shows, as far as the ledger knows, allows a purpose.

        Args:
            path: a clip, a picture or a folder of pictures.
            purpose: of `records.PURPOSES`.
            role: what the file is here, for the message: "target", "clip of B".

        Returns:
            The file's `Source` with those whom it shows.

        Raises:
            LabError: when no record names the file, or one of those that do is revoked, ended, not yet granted or for another
                purpose; with the command that writes what is missing.
        """
        return self._allowed(source_of(path), purpose, f"{path}: ", role, f"--source {shlex.quote(str(path))}")

    def require_source(self, source: Source, purpose: str, what: str) -> Source:
        """The same for a clip that is known by its hash alone.

        Args:
            source: as a set's or model's sources.json names it.
            purpose: of `records.PURPOSES`.
            what: what was made from it, for the message: the set's or model's folder or name.

        Returns:
            The source, with those whom it shows.

        Raises:
            LabError: as `require`.
        """
        prefix = f"{what}: it was made from {source.name}, and for this "
        return self._allowed(source, purpose, prefix, "clip", f"--sha256 {source.sha256}")

    def _allowed(self, source: Source, purpose: str, prefix: str, role: str, given: str) -> Source:
        if purpose not in PURPOSES:
            raise LabError(f"purpose {purpose!r}: there is none of that name. Choose from {', '.join(PURPOSES)}.")
        found = self.find_hash(source.sha256)
        if not found:
            raise LabError(
                f"{prefix}nobody's consent is written down ({role}, SHA-256 {source.sha256[:12]}...). Ask whoever it shows, "
                f'then write the answer: {COMMAND} grant --identity NAME --person "WHO IS SHOWN" --granted-by "WHO AGREED" '
                f"--for {' '.join(PURPOSES)} {given}"
            )
        for record in found:
            if why := record.refusal(purpose):
                raise LabError(
                    f"{prefix}the consent of {record.person} {why} ({role}). {self._remedy(record, purpose)}"
                )
        return dataclasses.replace(source, identities=tuple(record.identity for record in found))

    def _remedy(self, record: ConsentRecord, purpose: str) -> str:
        grant = f"{COMMAND} grant --identity {record.identity}"
        if record.revoked_on:
            return f"What was taken back is not used. If the person agrees anew: {grant} --renew"
        if record.granted_on and record.granted_on > datetime.date.today():
            return f"If the clock is right, correct granted_on in {self.folder / record.identity}.json."
        if record.until and record.until < datetime.date.today():
            return f"If the person agrees anew: {grant} --renew --until DATE"
        return f"If the person agrees to that, too: {grant} --for {' '.join([*record.purposes, purpose])}"

    def grant(
        self,
        identity: str,
        sources: Sequence[str | os.PathLike | Source] = (),
        *,
        person: str | None = None,
        granted_by: str | None = None,
        purposes: Iterable[str] | None = None,
        scope: str | None = None,
        until: datetime.date | None = None,
        renew: bool = False,
    ) -> ConsentRecord:
        """Writes a consent, or adds files to one and changes what is given.

        Args:
            identity: short name.
            sources: files or folders of pictures that show the person, or `Source`s.
            person, granted_by: for a new identity; granted_by: None: the person.
            purposes: of `records.PURPOSES`; None: all for a new identity, else unchanged.
            scope: further bounds in words.
            until: last day; None: as before.
            renew: a revoked or ended consent was given anew: today, and without an end where `until` is None.

        Returns:
            The record as it is now.

        Raises:
            LabError: when something that a record needs is missing, a source cannot be read, the consent was revoked or has
                ended and is not renewed, or the folder cannot be written to.
        """
        today, known = datetime.date.today(), self.records.get(identity)
        if not is_identity(identity):
            raise LabError(
                f"identity {str(identity)[:80]!r}: this is no short name. Take letters, digits, _ and -, such as anna."
            )
        if known is None and (other := next((i for i in self.records if i.casefold() == identity.casefold()), None)):
            raise LabError(f"identity {identity}: there is {other} already. Use that, or another name.")
        found = [one if isinstance(one, Source) else source_of(one) for one in sources]
        plain = [dataclasses.replace(one, identities=()) for one in found]
        unique = None if purposes is None else tuple(dict.fromkeys(purposes))
        given: dict[str, Any] = {
            "person": person, "granted_by": granted_by, "scope": scope, "until": until, "purposes": unique
        }  # fmt: skip
        given = {name: value for name, value in given.items() if value is not None}
        if known is None:
            if not plain:
                raise LabError(f"identity {identity}: no file is given that shows the person. Add --source FILE.")
            new = {"purposes": tuple(PURPOSES), "person": "", "granted_by": person or "", **given}
            record = ConsentRecord(identity, granted_on=today, sources=merged(plain), **new)
        else:
            ended = known.until and known.until < today
            if (known.revoked_on or ended) and not renew:
                raise LabError(
                    f"identity {identity}: this consent {'was revoked' if known.revoked_on else 'ended'} on "
                    f"{known.revoked_on or known.until}. If the person agrees anew, add --renew."
                )
            if renew:
                given |= {"granted_on": today, "revoked_on": None, "reason": "", "until": until}
            record = dataclasses.replace(known, sources=merged(known.sources, plain), **given)
        return self._write(record)

    def revoke(self, identity: str, reason: str = "") -> ConsentRecord:
        """Marks a consent as taken back today; the record stays, so that nothing is made by mistake.

        Returns:
            The record as it is now. `register.outputs_of` lists what was made with it.

        Raises:
            LabError: for an unknown identity, or a folder that cannot be written to.
        """
        record = self.record(identity)
        if record.revoked_on:
            return record
        return self._write(dataclasses.replace(record, revoked_on=datetime.date.today(), reason=reason))

    def _write(self, record: ConsentRecord) -> ConsentRecord:
        writable_folder(self.folder)
        record.write(self.folder)
        self.records = dict(sorted({**self.records, record.identity: record}.items()))
        self.own |= {record.identity}
        return record


def writable_folder(folder: Path) -> Path:
    """Makes the ledger's folder.

    Raises:
        LabError: when it cannot be written to; FACESWAP_LAB_CONSENT is the remedy.
    """
    try:
        return files.make_folder(folder)
    except (LabError, OSError) as error:
        raise LabError(
            f"{folder}: the consent ledger cannot be written to. Set {VARIABLE} to a folder of your own (in Colab, one on Drive), "
            "and run again."
        ) from error


def _read(folder: Path) -> dict[str, ConsentRecord]:
    try:
        if not folder.is_dir():
            return {}
        return {path.stem: read_record(path) for path in sorted(folder.glob("*.json")) if not path.name.startswith(".")}
    except OSError as error:
        raise LabError(
            f"{folder}: the consent ledger cannot be read ({error.strerror}). Set {VARIABLE} to another folder."
        ) from error
