"""Brings notebooks/NN_*.ipynb and notebooks/text/NN_*.py in step: the side that was changed last wins.

Outputs are stripped, cells get stable names, and badge, links and set-up cell are written from pyproject's
[tool.faceswap_lab], or from git's remote where that names no repository.

Run it as `make notebooks` after every edit; `--from text` or `--from ipynb` chooses the side.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import nbformat
import notebook_rules as rules


def write_when_changed(path: Path, content: str) -> bool:
    """Writes a file in one step; leaves it alone, its time too, when it holds just that."""
    if path.exists() and path.read_text(encoding="utf-8") == content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".partial-{path.name}")
    temporary.write_text(content, encoding="utf-8")
    os.replace(temporary, path)
    return True


def choose_side(notebook: Path, text: Path, side: str) -> str:
    """Which side to read, "text" or "ipynb": the only one there is, the one asked for, or the one changed last."""
    if not (notebook.exists() and text.exists()):
        return "ipynb" if notebook.exists() else "text"
    if side != "newer":
        return side
    return "ipynb" if notebook.stat().st_mtime > text.stat().st_mtime else "text"


def sync(notebook: Path, setting: dict[str, str], side: str = "newer") -> list[Path]:
    """Brings one pair in step.

    Args:
        notebook: notebooks/NN_name.ipynb; it need not exist when its text does.
        setting: repository and branch, for badge and links.
        side: "newer", "text" or "ipynb".

    Returns:
        The files that changed.
    """
    text = rules.text_path(notebook)
    if choose_side(notebook, text, side) == "text":
        content = rules.read_text(text)
    else:
        content = nbformat.read(notebook, as_version=4)
    content = rules.normalise(content, notebook.name, setting)
    written = [
        (notebook, nbformat.writes(content, version=4) + "\n"),
        (text, rules.write_text(content)),
    ]
    return [path for path, new in written if write_when_changed(path, new)]


def main(arguments: list[str] | None = None) -> int:
    """Syncs all pairs, or those whose numbers are given."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("numbers", nargs="*", help="such as 03; default: all")
    parser.add_argument("--from", dest="side", choices=("newer", "text", "ipynb"), default="newer")
    parser.add_argument("--folder", type=Path, default=rules.NOTEBOOKS)
    options = parser.parse_args(arguments)
    try:
        setting = rules.read_setting()
    except ValueError as error:
        parser.error(str(error))
    found = set(options.folder.glob("[0-9][0-9]_*.ipynb"))
    found |= {rules.notebook_path(text) for text in options.folder.glob("text/[0-9][0-9]_*.py")}
    for notebook in sorted(found):
        if not options.numbers or notebook.name[:2] in options.numbers:
            changed = sync(notebook, setting, options.side)
            print(f"{notebook.name}: {', '.join(path.name for path in changed) or 'in step'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
