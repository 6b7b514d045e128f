"""The command `clean`: names the faces that runs leave behind, and removes them when told to."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from faceswap_lab.base.messages import _, ngettext
from faceswap_lab.course import clean_up, run_storage, runtime

SHOWN = 5  # places named for a kind, and files of the user's own


def clean_options(clean: argparse.ArgumentParser) -> None:
    """Lists what is left of people's faces: in all runs, or in the places that are named.

    Nothing is removed without --remove, and nothing that the lab has not made.
    """
    clean.add_argument(
        "folders",
        nargs="*",
        metavar="PATH",
        help="a run or its name under runs/, a face set, a model, a score card, a folder that holds such things (all runs)",
    )
    clean.add_argument("--remove", action="store_true", help="remove what is listed")
    clean.add_argument(
        "--keep",
        nargs="+",
        default=[],
        choices=clean_up.KINDS,
        metavar="KIND",
        help=f"leave: {', '.join(clean_up.KINDS)}",
    )


def clean_command(options: argparse.Namespace) -> int:
    """`clean`: lists, then removes where that was asked for."""
    runs, total = runtime.ROOT / "runs", 0
    for given in options.folders or ([runs] if runs.is_dir() else []):
        folder = Path(given).expanduser()
        if not folder.exists() and len(folder.parts) == 1 and (runs / folder).exists():
            folder = runs / folder
        if options.remove:
            clean_up.refuse_to_remove(folder)
        found = clean_up.find(folder)
        for one in found:
            total += len(one)
            print(describe(one, options.keep))
            if place := run_storage.kept_elsewhere(one.run):
                print("  " + _("It is kept in {place} as well: name that folder to clean it, too.").format(place=place))
            if options.remove:
                count = clean_up.remove(one, options.keep)
                said = ngettext("{count} file was removed.", "{count} files were removed.", count)
                print("  " + said.format(count=count))
        if not found:
            print(_("{folder}: nothing that the lab made and that shows faces lies here.").format(folder=folder))
    if not options.folders:
        for path in clean_up.notebooks_with_outputs(runtime.ROOT / "notebooks"):
            print(
                _("{path}: its outputs hold what it showed. Clear them in Jupyter, or run: make notebooks").format(
                    path=path
                )
            )
        if not runs.is_dir():
            print(_("{runs}: there are no runs yet.").format(runs=runs))
    print(*clean_up.beyond(), sep="\n")
    if not options.remove and total:
        print(_("Nothing was removed. The same command with --remove removes what is listed."))
    return 0


def describe(found: clean_up.Leftovers, keep=()) -> str:
    """What a place holds, a line a kind: name, files, megabytes, where; then the user's own files.

    Args:
        found: from `clean_up.find`.
        keep: kinds that are marked as kept.
    """
    whole = sum(found.bytes(kind) for kind in found.found)
    head = ngettext("{count} file of faces, {size:.1f} MB", "{count} files of faces, {size:.1f} MB", len(found))
    lines = [f"{found.run}: {head.format(count=len(found), size=whole / 1e6)}"]
    for kind, paths in found.found.items():
        kept = f"  ({_('kept')})" if kind in keep else ""
        files = ngettext("{count:>7} file  {size:>9.1f} MB", "{count:>7} files {size:>9.1f} MB", len(paths))
        size = files.format(count=len(paths), size=found.bytes(kind) / 1e6)
        lines.append(f"  {kind:<11}{size}  {_(clean_up.WORDS[kind])}{kept}")
        if kind != "stages":
            lines.append(f"  {'':<11}{_places(found, paths)}")
    for path in [path for paths in found.found.values() for path in paths if path.is_symlink()][:SHOWN]:
        said = _("{link}: the link goes, what it leads to is not touched").format(link=path.relative_to(found.run))
        lines.append(f"  {_('link'):<11}{said}")
    if found.others:
        names = [str(path.relative_to(found.run)) for path in found.others]
        shown = ", ".join(names[:SHOWN])
        if len(names) > SHOWN:
            shown = _("{names} and {count} more").format(names=shown, count=len(names) - SHOWN)
        lines.append("  " + _("Not made by the lab, never removed, look yourself: {names}").format(names=shown))
    return "\n".join(lines)


def _places(found: clean_up.Leftovers, paths) -> str:
    """The folders of some files, the fullest first: "faces/A (240), faces/B (12)"."""
    inside = [path.relative_to(found.run) for path in paths]
    counts = Counter("/".join(path.parts[: min(2, len(path.parts) - 1)]) or path.name for path in inside)
    shown = [f"{place} ({count})" if count > 1 else place for place, count in counts.most_common(SHOWN)]
    return ", ".join(shown) + (", ..." if len(counts) > SHOWN else "")
