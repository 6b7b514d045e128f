"""The command `consent`: shows the ledger, writes and revokes consents, looks files up."""

from __future__ import annotations

import argparse
import os
import shlex
from pathlib import Path

from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import _, ngettext, retold
from faceswap_lab.course import clean_up, runtime
from faceswap_lab.faces.sources import (
    SOURCES,
    Source,
    has_sources,
    is_hash,
    merged,
    read_sources,
    source_of,
    write_sources,
)
from faceswap_lab.provenance import register
from faceswap_lab.provenance.consent import VARIABLE, Ledger, user_folder
from faceswap_lab.provenance.records import PURPOSES, ConsentRecord, describe, read_date


def consent_options(consent: argparse.ArgumentParser) -> None:
    """The consent ledger."""
    consent.description = (
        f"The consent ledger. Your own records lie in the folder that {VARIABLE} names, else in {user_folder()}."
    )
    actions = consent.add_subparsers(dest="action", required=True, metavar="show | grant | revoke | check | sources")
    show = actions.add_parser("show", help="all records, or one with its files and what was made with it")
    show.add_argument("identity", nargs="?", default="", help="a short name")

    grant = actions.add_parser(
        "grant",
        help="write a consent that somebody gave; or add files to one, or change what is given",
        description="Writes down what a person agreed to. Ask first: the lab keeps the answer, it does not give it.",
    )
    grant.add_argument("--identity", required=True, metavar="NAME", help="a short name, such as anna")
    grant.add_argument(
        "--source", nargs="+", action="extend", default=[], metavar="FILE", help="clips or pictures of it"
    )
    grant.add_argument(
        "--sha256", nargs="+", action="extend", default=[], metavar="HASH", help="of clips that are not at hand here"
    )
    grant.add_argument("--person", metavar="WHO", help="who is shown")
    grant.add_argument("--granted-by", metavar="WHO", help="who agreed (default: the person)")
    grant.add_argument(
        "--for", dest="purposes", nargs="+", action="extend", choices=tuple(PURPOSES), metavar="PURPOSE",
        help="; ".join(f"{name}: {said}" for name, said in PURPOSES.items()) + " (default: both)",
    )  # fmt: skip
    grant.add_argument("--scope", help="further bounds in words, such as 'in class only'")
    grant.add_argument(
        "--until", metavar="DATE", help="the last day, such as 2027-06-30 (default: until it is revoked)"
    )
    grant.add_argument(
        "--renew", action="store_true", help="the person agreed anew after the end, or after a revocation"
    )

    revoke = actions.add_parser("revoke", help="a consent was taken back: nothing is made with it any more")
    revoke.add_argument("identity", help="a short name")
    revoke.add_argument("--reason", default="", help="why, in words")

    check = actions.add_parser("check", help="whose consent a file has, and for what")
    check.add_argument("files", nargs="+", metavar="FILE", help="a clip, a picture or a folder of pictures")

    sources = actions.add_parser("sources", help="state which clips a face set or a model was made from")
    sources.add_argument("folder", help="the face set's or the model's folder")
    sources.add_argument("files", nargs="*", metavar="FILE", help="the clips; the ledger has to know them")


def consent_command(options: argparse.Namespace) -> int:
    """`consent`: one of its actions."""
    return {"show": _show, "grant": _grant, "revoke": _revoke, "check": _check, "sources": _sources}[options.action](
        options
    )


def doctor_rows(problems: list[str]) -> list[tuple[str, str]]:
    """What `doctor` says of the ledger; what is wrong is added to `problems`."""
    folder = user_folder()
    existing = next(path for path in (folder, *folder.parents) if os.path.exists(path))  # False where one may not look
    writable = existing.is_dir() and os.access(existing, os.W_OK)
    if not writable:
        said = _("{folder} cannot be written to; set {variable} to a folder of your own to write consents")
        problems.append(said.format(folder=folder, variable=VARIABLE))
    try:
        ledger = Ledger.load()
        bundled = len(ledger.records.keys() - ledger.own)
        found = _("records: {own} own, {bundled} bundled").format(own=len(ledger.own), bundled=bundled)
    except LabError as error:
        problems.append(str(error))
        found = _("damaged")
    return [(_("consent ledger"), f"{folder}, {found}, {_('can be written') if writable else _('cannot be written')}")]


def _show(options: argparse.Namespace) -> int:
    ledger = Ledger.load()
    if options.identity:
        record = ledger.record(options.identity)
        print("\n".join(describe(record)))
        for one in record.sources:
            print(f"    {one.sha256[:12]}...  {one.bytes / 1e6:9.2f} MB  {one.name}")
        _tell_outputs(record, ledger)
    else:
        for record in ledger.records.values():
            print("\n".join(describe(record)))
        said = ngettext(
            "{count} record; your own are written to {folder}",
            "{count} records; your own are written to {folder}",
            len(ledger.records),
        )
        print(said.format(count=len(ledger.records), folder=ledger.folder))
    return 0


def _grant(options: argparse.Namespace) -> int:
    if wrong := next((given for given in options.sha256 if not is_hash(given)), None):
        raise LabError(f"--sha256 {wrong}: this is not 64 hexadecimal digits. Copy it from the message that named it.")
    until = read_date(options.until, "--until")
    ledger = Ledger.load()
    record = ledger.grant(
        options.identity,
        [*options.source, *(Source(f"clip {given[:12]}", given, 0) for given in options.sha256)],
        person=options.person,
        granted_by=options.granted_by,
        purposes=options.purposes,
        scope=options.scope,
        until=until,
        renew=options.renew,
    )
    print("\n".join(describe(record)))
    print(_("Written: {files}").format(files=f"{ledger.folder / record.identity}.json"))
    return 0


def _revoke(options: argparse.Namespace) -> int:
    ledger = Ledger.load()
    record = ledger.revoke(options.identity, options.reason)
    print("\n".join(describe(record)))
    _tell_outputs(record, ledger)
    made = [Path(one.path).parents[1] for one in register.outputs_of(record.identity, ledger.folder)]
    runs = clean_up.runs_of({one.sha256 for one in record.sources}, [runtime.ROOT / "runs", *made])
    for run in runs:
        command = f"python -m faceswap_lab clean {shlex.quote(str(run))} --remove"
        said = _("{run} has face sets or models of it: {command}").format(run=run, command=command)
        print(f"  {_('run'):<8} {said}")
    print(
        _(
            "Delete what is there, and face sets and models of these files that lie elsewhere; ask others who have copies."
        )
    )
    return 0


def _tell_outputs(record: ConsentRecord, ledger: Ledger) -> None:
    found = register.outputs_of(record.identity, ledger.folder)
    print(f"  {_('outputs'):<8} {_('{count} made with it on this machine').format(count=len(found))}")
    for line in register.told(found):
        print(f"    {line}")


def _check(options: argparse.Namespace) -> int:
    """1 when a file has no consent that counts."""
    ledger, missing = Ledger.load(), 0
    for path in options.files:
        found = ledger.find(path)
        if not found:
            print(_("{path}: nobody's consent is written down").format(path=path))
        for record in found:
            allowed = [purpose for purpose in PURPOSES if not record.refusal(purpose)]
            refused = {why for purpose in PURPOSES if (why := record.refusal(purpose)) and not allowed}
            why = "; ".join(map(retold, sorted(refused)))
            said = _("does not count: it {why}").format(why=why)
            if allowed:
                said = _("allows {purposes}").format(purposes=", ".join(allowed))
            print(f"{path}: {record.identity} ({record.person}), {said}")
        missing += not found or any(all(map(record.refusal, PURPOSES)) for record in found)
    return 1 if missing else 0


def _sources(options: argparse.Namespace) -> int:
    """Without files it prints what is known; with files it adds them to that."""
    folder = Path(options.folder)
    if not folder.is_dir():
        raise LabError(f"{folder}: no such folder. Give the folder of a face set or of a model.")
    if options.files:
        ledger = Ledger.load()
        stated = [ledger.require_source(source_of(path), "prepare", str(folder)) for path in options.files]
        known = read_sources(folder) if has_sources(folder) else ()
        write_sources(folder, merged(known, stated))
    for one in read_sources(folder):
        print(f"{one.sha256[:12]}...  {one.bytes / 1e6:9.2f} MB  {one.name}  ({one.identity or _('nobody named')})")
    if options.files:
        print(_("Written: {files}").format(files=folder / SOURCES))
    return 0
