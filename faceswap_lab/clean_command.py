"""The command `clean`: names the faces that runs leave behind, and removes them when told to."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from faceswap_lab import cleaning, runtime

SHOWN = 5  # places named for a kind, and files of the user's own


def add_parser(commands) -> None:
    """Adds the command to the command line."""
    clean = commands.add_parser(
        "clean",
        help="list the faces that runs leave behind; --remove removes them",
        description="Lists what is left of people's faces in a run, or in all runs. Nothing is removed without --remove.",
    )
    clean.add_argument("folder", nargs="?", default="", help="a run, its name under runs/, or a folder of runs (runs/)")
    clean.add_argument("--remove", action="store_true", help="remove what is listed")
    clean.add_argument(
        "--keep",
        nargs="+",
        default=[],
        choices=list(cleaning.KINDS),
        metavar="KIND",
        help=f"leave: {', '.join(cleaning.KINDS)}",
    )


def clean_command(options: argparse.Namespace) -> int:
    """`clean`: lists, then removes where that was asked for."""
    folder = runtime.ROOT / "runs"
    if options.folder:
        given = Path(options.folder).expanduser()
        named = folder / options.folder
        folder = named if not given.exists() and len(given.parts) == 1 and named.exists() else given
    total = 0
    there = bool(options.folder) or folder.is_dir()
    for run in cleaning.runs_in(folder) if there else ():
        leftovers = cleaning.find(run)
        total += len(leftovers)
        print(describe(leftovers, options.keep))
        if options.remove:
            gone = cleaning.remove(leftovers, options.keep)
            print(f"  {gone} files were removed.")
    if not options.folder:
        for path in cleaning.notebooks_with_outputs(runtime.ROOT / "notebooks"):
            print(f"{path}: its outputs hold what it showed. Clear them in Jupyter, or run: make notebooks")
    if not there:
        print(f"{folder}: there are no runs yet.")
    if not options.remove and total:
        print("Nothing was removed. The same command with --remove removes what is listed.")
    return 0


def describe(leftovers: cleaning.Leftovers, keep=()) -> str:
    """What a run holds, a line a kind: name, files, megabytes, where; then the user's own files.

    Args:
        leftovers: from `cleaning.find`.
        keep: kinds that are marked as kept.
    """
    whole = sum(leftovers.bytes(kind) for kind in leftovers.found)
    lines = [f"{leftovers.run}: {len(leftovers)} files of faces, {whole / 1e6:.1f} MB"]
    for kind, paths in leftovers.found.items():
        kept = "  (kept)" if kind in keep else ""
        lines.append(
            f"  {kind:<11}{len(paths):>7} files {leftovers.bytes(kind) / 1e6:>9.1f} MB  {cleaning.WORDS[kind]}{kept}"
        )
        if kind != "stages":
            lines.append(f"  {'':<11}{_places(leftovers, paths)}")
    for path in [path for paths in leftovers.found.values() for path in paths if path.is_symlink()][:SHOWN]:
        lines.append(f"  link       {path.relative_to(leftovers.run)}: the link goes, what it leads to is not touched")
    if leftovers.others:
        names = [str(path.relative_to(leftovers.run)) for path in leftovers.others]
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        lines.append(f"  Not made by the lab, never removed, look yourself: {', '.join(names[:SHOWN])}{more}")
    return "\n".join(lines)


def _places(leftovers: cleaning.Leftovers, paths) -> str:
    """The folders of some files, the fullest first: "faces/A (240), faces/B (12)"."""
    inside = [path.relative_to(leftovers.run) for path in paths]
    counts = Counter("/".join(path.parts[: min(2, len(path.parts) - 1)]) or path.name for path in inside)
    shown = [f"{place} ({count})" if count > 1 else place for place, count in counts.most_common(SHOWN)]
    return ", ".join(shown) + (", ..." if len(counts) > SHOWN else "")
