"""The command `verify`: shows and checks the content credentials of films and pictures."""

from __future__ import annotations

import argparse
import json


def add_parser(commands) -> None:
    """Adds the command to the command line."""
    verify = commands.add_parser(
        "verify",
        help="show and check a file's content credentials: is it unchanged, who signed it, what was it made of",
        description="Checks content credentials (C2PA), without any connection. The exit code is 0 when every file is valid.",
    )
    verify.add_argument("files", nargs="+", metavar="FILE", help="films, pictures or folders of pictures")
    verify.add_argument(
        "--against", nargs="+", action="extend", default=[], metavar="FILE", help="is it made of these very files?"
    )
    verify.add_argument("--json", action="store_true", help="print what was found as JSON")


def verify_command(options: argparse.Namespace) -> int:
    """`verify`: 0 when all files are unchanged and their signers known, else 1."""
    from faceswap_lab.provenance import verification

    verdicts = [verification.verify(path, options.against) for path in verification.pictures_and_films(options.files)]
    if options.json:
        print(json.dumps([verdict.facts() for verdict in verdicts], indent=2, ensure_ascii=False))
    else:
        print("\n\n".join(verdict.text for verdict in verdicts))
    return 0 if all(verdict.good for verdict in verdicts) else 1
