"""The lessons with the outputs of one run of the course, for slides and site."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import nbformat
import notebook_rules as rules

WIDGET = "application/vnd.jupyter.widget-view+json"


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
