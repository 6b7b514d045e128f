"""The command `verify`: shows and checks the content credentials of videos and pictures."""

from __future__ import annotations

import argparse
import json

from faceswap_lab.base.messages import _, retold

MOST_LOOKED = 10  # files that the watermark is looked for in: where there is none that takes up to three seconds


def verify_options(verify: argparse.ArgumentParser) -> None:
    """Checks content credentials (C2PA), without any connection. The exit code is 0 when every file is valid."""
    verify.add_argument("files", nargs="+", metavar="FILE", help="videos, pictures or folders of pictures")
    verify.add_argument(
        "--against", nargs="+", action="extend", default=[], metavar="FILE", help="is it made of these very files?"
    )
    verify.add_argument("--json", action="store_true", help="print what was found as JSON")


def verify_command(options: argparse.Namespace) -> int:
    """`verify`: 0 when all files are unchanged and their signers known, else 1."""
    from faceswap_lab.provenance import verification

    verdicts = [verification.verify(path, options.against) for path in verification.pictures_and_videos(options.files)]
    looked = [_watermark(verdict) for verdict in verdicts[:MOST_LOOKED]]
    rest = ("", _("not looked for: in the first {count} files only").format(count=MOST_LOOKED))
    marks = looked + [rest] * (len(verdicts) - len(looked))
    if options.json:
        facts = [verdict.facts() | {"watermark": ident} for verdict, (ident, said) in zip(verdicts, marks, strict=True)]
        print(json.dumps(facts, indent=2, ensure_ascii=False))
    else:
        told = [
            f"{verdict.text}\n  {_('watermark'):<12} {said}"
            for verdict, (ident, said) in zip(verdicts, marks, strict=True)
        ]
        print("\n\n".join(told))
    return 0 if all(verdict.good for verdict in verdicts) else 1


def _watermark(verdict) -> tuple[str, str]:
    """What the pictures themselves carry, which outlives the manifest: the number that was read ("" for none), and a line."""
    from faceswap_lab.base.errors import LabError
    from faceswap_lab.provenance import watermark

    try:
        reading = watermark.look(verdict.path)
    except LabError as error:
        return "", _("not looked for: {why}").format(why=error)
    said = next((one for one in verdict.actions if one.startswith("c2pa.watermarked")), "")
    if reading.found and said and reading.ident not in said:
        return reading.ident, _("{reading}: another one than the manifest names").format(reading=retold(str(reading)))
    return reading.ident, retold(str(reading))
