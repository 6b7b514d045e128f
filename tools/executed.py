"""The lessons with the outputs of one run of the course, for slides and site."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path

import nbformat
import notebook_rules as rules

sys.path.insert(0, str(rules.ROOT))
from faceswap_lab.base import files  # noqa: E402
from faceswap_lab.base.errors import LabError  # noqa: E402
from faceswap_lab.course import trusted_paths  # noqa: E402

WIDGET = "application/vnd.jupyter.widget-view+json"
MADE = ".made_by_the_lab"  # in a folder that these tools fill, and empty before they do


def check_run(run: Path) -> None:
    """Lets only a run of the bundled clips be shown to others: faces of living people are handed to nobody by a make target.

    Raises:
        LabError: when its clips do not come with the lab, it does not say which they are, or it is being written. A folder that
            is no run passes.
    """
    if not any((run / name).exists() for name in ("run.json", "notebooks", "index.html")):
        return
    about = files.read_json(run / "run.json") if (run / "run.json").exists() else {}
    clips = [path for path in dict(about.get("clips") or {}).values() if path]
    if not clips or not all(trusted_paths.is_bundled(str(path)) for path in clips):
        raise LabError(f"{run}: its clips do not ship with the lab, so that faces of people would go out. Take a run of actors.")
    if os.access(run, os.W_OK):
        with files.claimed(run, "stop it", inside=True):
            pass


def empty_folder(folder: Path) -> Path:
    """A folder to fill, without what an earlier call left there.

    Raises:
        LabError: when it holds something else.
    """
    mine = rules.ROOT / "build" in folder.resolve().parents or (folder / MADE).exists()
    if folder.exists() and not (folder.is_dir() and (mine or not any(folder.iterdir()))):
        raise LabError(f"{folder}: this holds other files, which would be lost. Name a new folder with --out.")
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MADE).touch()
    return folder


def with_outputs(notebook: Path, run: Path | None) -> tuple[nbformat.NotebookNode, int]:
    """A lesson as it stands today, with the outputs that the same cells had in a run.

    A cell that was changed since has no output here, so that text and picture always belong together.

    Args:
        notebook: notebooks/NN_name.ipynb.
        run: a run's folder, whose notebooks/ has executed copies; None: no outputs.

    Returns:
        The notebook, and how many of its code cells have outputs.
    """
    lesson = nbformat.read(notebook, as_version=4)
    copy = Path(run) / "notebooks" / notebook.name if run else None
    if copy is None or not copy.exists():
        return lesson, 0
    known = {}
    for cell in nbformat.read(copy, as_version=4).cells:
        if cell.cell_type == "code":
            known.setdefault(cell.source.strip(), [_still(output) for output in cell.outputs])
    filled = 0
    for cell in lesson.cells:
        if cell.cell_type == "code" and "setup" not in rules.tags(cell):
            cell.outputs = [output for output in known.get(cell.source.strip(), []) if output]
            filled += bool(cell.outputs)
    return lesson, filled


def _still(output) -> nbformat.NotebookNode | None:
    """An output without widgets, which need a kernel, and without warnings."""
    if output.output_type == "stream":
        return output if output.name == "stdout" else None
    if "data" in output:
        output.data.pop(WIDGET, None)
        if not set(output.data) - {"text/plain"} and output.data.get("text/plain", "<").startswith("<"):
            return None
    return output


def mathjax() -> Path:
    """The file of MathJax that draws formulas as SVG, with no fonts and nothing else to fetch."""
    package = importlib.util.find_spec("sphinx-mathjax-offline")  # its own name, with the dashes
    return Path(package.origin).parent / "static" / "mathjax" / "tex-svg.js"
