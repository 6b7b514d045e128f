"""Brings notebooks/NN_*.ipynb and notebooks/text/NN_*.py in step: the side that was changed last wins.

Outputs are stripped, cells get stable names, and badge, links and set-up cell are written from pyproject's
[tool.faceswap_lab], or from git's remote where that names no repository.

The text holds each exercise whole: task, stub, solution, check, notes. The notebook is the student's, without solutions and
notes; what is edited there goes back into the text, whose solutions and notes stay where they are.

Run it as `make notebooks` after every edit; `--from text` or `--from ipynb` chooses the side. `--solutions` (`make solutions`)
writes solutions/NN_*.ipynb and notes/NN_*.md, which git does not keep: they hold nothing that the text does not.
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
        if text.exists():
            content = rules.with_hidden(content, rules.read_text(text))
    content = rules.normalise(content, notebook.name, setting)
    written = [
        (notebook, as_notebook(rules.student(content), notebook.name, setting)),
        (text, rules.write_text(content)),
    ]
    return [path for path, new in written if write_when_changed(path, new)]


def as_notebook(content: nbformat.NotebookNode, name: str, setting: dict[str, str]) -> str:
    """A notebook file's content, its cells named anew."""
    return nbformat.writes(rules.normalise(content, name, setting), version=4) + "\n"


def notes_of(content: nbformat.NotebookNode) -> str:
    """A lesson's exercises for teachers: the task, the solution, and what goes wrong in it."""
    parts = []
    for cell in content.cells:
        if "exercise" in rules.tags(cell) or "notes" in rules.tags(cell):
            parts.append(cell.source)
        elif "solution" in rules.tags(cell):
            parts.append(f"```python\n{cell.source}\n```")
    return "\n\n".join(parts) + "\n"


def write_solutions(notebook: Path, setting: dict[str, str], root: Path) -> list[Path]:
    """Writes a lesson's solutions/NN_*.ipynb and notes/NN_*.md below `root`; returns what changed."""
    content = rules.normalise(rules.read_text(rules.text_path(notebook)), notebook.name, setting)
    written = [
        (root / "solutions" / notebook.name, as_notebook(rules.solved(content), notebook.name, setting)),
        (root / "notes" / f"{notebook.stem}.md", f"# {notebook.stem}: exercises\n\n{notes_of(content)}"),
    ]
    return [path for path, new in written if write_when_changed(path, new)]


def main(arguments: list[str] | None = None) -> int:
    """Syncs all pairs, or those whose numbers are given."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("numbers", nargs="*", help="such as 03; default: all")
    parser.add_argument("--from", dest="side", choices=("newer", "text", "ipynb"), default="newer")
    parser.add_argument("--folder", type=Path, default=rules.NOTEBOOKS)
    parser.add_argument("--solutions", action="store_true", help="write solutions/ and notes/ from the texts instead")
    options = parser.parse_args(arguments)
    try:
        setting = rules.read_setting()
    except ValueError as error:
        parser.error(str(error))
    found = set(options.folder.glob("[0-9][0-9]_*.ipynb"))
    found |= {rules.notebook_path(text) for text in options.folder.glob("text/[0-9][0-9]_*.py")}
    for notebook in sorted(found):
        if not options.numbers or notebook.name[:2] in options.numbers:
            try:
                if options.solutions:
                    changed = write_solutions(notebook, setting, options.folder.parent)
                else:
                    changed = sync(notebook, setting, options.side)
            except ValueError as error:
                parser.error(f"{notebook.name}: {error}")
            print(f"{notebook.name}: {', '.join(path.name for path in changed) or 'in step'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
