"""What every notebook of the course has in common: the badge, the set-up cell, the pair of notebook and text."""

from __future__ import annotations

import tomllib
from pathlib import Path

import jupytext
import nbformat

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"
KERNEL = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
BADGE_MARK = "colab.research.google.com"

# The clone is called lab: a folder faceswap_lab in the working directory would pass for the package of that name.
SETUP_CELL = """import importlib.util

if importlib.util.find_spec("faceswap_lab") is None:  # on Colab or Kaggle the lab is fetched first
    !git clone -q --depth 1 https://github.com/{repository} lab
    %cd lab
    %pip install -q -e .

from faceswap_lab import runtime, stages

run = runtime.setup(preset, seed, out, source, target, keep=keep)"""


def read_setting(root: Path = ROOT) -> dict[str, str]:
    """The one place that says where the course lives: pyproject.toml, [tool.faceswap_lab]."""
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["faceswap_lab"]


def badge_cell(name: str, setting: dict[str, str]) -> str:
    """The markdown of a notebook's Colab badge.

    Args:
        name: such as "03_autoencoder.ipynb".
        setting: `repository` ("owner/name") and `branch`.
    """
    address = f"https://{BADGE_MARK}/github/{setting['repository']}/blob/{setting['branch']}/notebooks/{name}"
    return f"[![Open in Colab](https://{BADGE_MARK}/assets/colab-badge.svg)]({address})"


def setup_cell(setting: dict[str, str]) -> str:
    """The text of the set-up cell, the same in every notebook."""
    return SETUP_CELL.format(repository=setting["repository"])


def text_path(notebook: Path) -> Path:
    """Where a notebook's text lies: notebooks/text/<name>.py."""
    return notebook.parent / "text" / f"{notebook.stem}.py"


def notebook_path(text: Path) -> Path:
    """Where a text's notebook lies."""
    return text.parent.parent / f"{text.stem}.ipynb"


def read_text(path: Path) -> nbformat.NotebookNode:
    """Reads percent text as a notebook."""
    return jupytext.reads(path.read_text(encoding="utf-8"), fmt="py:percent")


def write_text(notebook: nbformat.NotebookNode) -> str:
    """A notebook as percent text, without a header: names of tools and their versions would change in every diff."""
    copy = nbformat.from_dict(notebook)
    copy.metadata["jupytext"] = {"notebook_metadata_filter": "-all", "cell_metadata_filter": "tags,-all"}
    return jupytext.writes(copy, fmt="py:percent")


def tags(cell) -> list[str]:
    """A cell's tags."""
    return list(cell.metadata.get("tags", []))


def contents(notebook: nbformat.NotebookNode) -> list[tuple[str, str, list[str]]]:
    """What notebook and text must share: kind, text and tags of each cell."""
    return [(cell.cell_type, cell.source.rstrip(), tags(cell)) for cell in notebook.cells]


def normalise(notebook: nbformat.NotebookNode, name: str, setting: dict[str, str]) -> nbformat.NotebookNode:
    """Puts badge and set-up cell in, strips outputs, and gives cells names that do not change from run to run.

    Args:
        notebook: as read from either side.
        name: such as "03_autoencoder.ipynb".
        setting: see `read_setting`.
    """
    cells = [cell for cell in notebook.cells if not (cell.cell_type == "markdown" and BADGE_MARK in cell.source)]
    cells.insert(0, nbformat.v4.new_markdown_cell(badge_cell(name, setting)))
    marked = [index for index, cell in enumerate(cells) if "setup" in tags(cell)]
    parameters = [index for index, cell in enumerate(cells) if "parameters" in tags(cell)]
    if marked:
        cells[marked[0]].source = setup_cell(setting)
    elif parameters:
        setup = nbformat.v4.new_code_cell(setup_cell(setting), metadata={"tags": ["setup"]})
        cells.insert(parameters[0] + 1, setup)
    made = nbformat.v4.new_notebook(metadata=KERNEL)
    for index, cell in enumerate(cells):
        new = nbformat.v4.new_code_cell if cell.cell_type == "code" else nbformat.v4.new_markdown_cell
        metadata = {"tags": tags(cell)} if tags(cell) else {}
        made.cells.append(new(cell.source, metadata=metadata, id=f"cell-{index:02d}"))
    made.nbformat_minor = 5
    return made
