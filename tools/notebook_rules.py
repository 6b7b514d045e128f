"""What every notebook of the course has in common: the badge, the set-up cell, the pair of notebook and text."""

from __future__ import annotations

import ast
import posixpath
import re
import subprocess
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
COLAB = "https://colab.research.google.com"
BADGE = f"[![Open in Colab]({COLAB}/assets/colab-badge.svg)]"
NO_BADGE = f"**On Colab**: [{COLAB[8:]}]({COLAB}) > Upload: this notebook;"
HOW_TO_UPLOAD = (
    f"{NO_BADGE} then put `faceswap_lab_colab.zip` (made by `make colab`) into its Files panel, or on a Drive that is mounted "
    "there."
)
PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".mp4")
HIDDEN = ("solution", "notes")  # tags of cells that students do not get
DEFINED = re.compile(r"^(?:def (\w+)|(\w+) = )", re.M)
LINK = re.compile(r"""(\]\(|(?:src|href)=")([^)"\s]+)""")

# What is there already is used; else the lab comes from the nearest of four places. -P: the working directory's folders do
# not count as installed. Fetched under another name first, so that a fetch that is broken off leaves no half lab.
SETUP_CELL = """# @title Set up the lab: run this cell, then go on
import os
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = "{repository}"  # on GitHub; empty: no address
ARCHIVE = "faceswap_lab_colab.zip"  # the lab in one file, made by `make colab`


def call(*command):  # runs a program; where that fails, stops and says why in one sentence
    plain = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "PIP_NO_COLOR": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=plain)
    if done.returncode:
        lines = [line.strip() for line in done.stderr.strip().splitlines()] or [f"exit code {done.returncode}"]
        reasons = [line for line in lines if line.lower().startswith(("error:", "fatal:")) and "subprocess" not in line]
        retry = "Run this cell again (on Kaggle, first allow Session options > Internet: it asks for a verified phone)."
        sys.exit(f"The lab is not installed, since {' '.join(command[:4])} said: {(reasons or lines)[-1]} {retry}")


def installed():  # where a Python started now finds the lab and its packages, wherever this notebook lies; [] without a lab
    ask = "import pathlib, sys, faceswap_lab as lab; print(pathlib.Path(lab.__file__).parents[1], *sys.path, sep=chr(10))"
    return subprocess.run([sys.executable, "-P", "-c", ask], capture_output=True, text=True).stdout.splitlines()


def fetch():  # the lab's folder: around this notebook, fetched before, from the archive, or from GitHub
    here, part = Path.cwd(), Path("lab.part")
    for folder in (here, *here.parents, here / "lab"):
        if (folder / "faceswap_lab" / "__init__.py").exists() and (folder / "pyproject.toml").exists():
            return folder
    shutil.rmtree(part, ignore_errors=True)
    places = (ARCHIVE, f"drive/MyDrive/{ARCHIVE}", f"drive/MyDrive/*/{ARCHIVE}")
    archives = [found for folder in (here, Path("/content")) for place in places for found in folder.glob(place)]
    unpacked = [found.parents[1] for found in Path("/kaggle/input").rglob("faceswap_lab/__init__.py")]
    if unpacked:  # Kaggle unpacks what is added as a dataset, and lets nobody write there
        shutil.copytree(unpacked[0], part)
    elif archives:
        try:
            shutil.unpack_archive(archives[0], part)
        except (shutil.ReadError, OSError, EOFError) as error:
            sys.exit(f"{archives[0]} cannot be unpacked ({error}): wait until it is uploaded whole, or upload it again.")
    elif REPOSITORY and shutil.which("git"):
        call("git", "clone", "-q", "--depth", "1", f"https://github.com/{REPOSITORY}", str(part))
    else:
        sys.exit(f"The lab is not here: upload {ARCHIVE} (`make colab` makes it) to {here} or a mounted Drive (Kaggle: "
                 "as a dataset), then run this cell again.")
    next(part.rglob("pyproject.toml")).parent.rename("lab")
    return here / "lab"


if not installed():
    print("Installing the lab: about four minutes, once a runtime.", flush=True)
    call(sys.executable, "-m", "pip", "install", "-q", "-e", str(fetch()))
sys.path += [folder for folder in installed() if folder not in sys.path]  # this kernel may have been started before

import faceswap_lab as lab

run = lab.setup(preset, seed, out, source, target, keep=keep)"""


def read_setting(root: Path = ROOT, remote: bool = True) -> dict[str, str]:
    """Where the course lives: pyproject.toml, [tool.faceswap_lab].

    Args:
        root: the checkout.
        remote: take the address of git's remote `origin` where pyproject.toml has none.

    Returns:
        `repository`, "owner/name" on GitHub or "" where it is not known, and `branch`.

    Raises:
        ValueError: when pyproject.toml has a placeholder there, or anything else that is no address.
    """
    setting = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["faceswap_lab"]
    if not setting["repository"]:
        return setting | {"repository": remote_repository(root) if remote else ""}
    if is_placeholder(setting["repository"]) or not re.fullmatch(r"[\w-]+/[\w.-]+", setting["repository"]):
        raise ValueError(
            f"pyproject.toml: [tool.faceswap_lab] repository is {setting['repository']!r}. Write owner/name as on GitHub, or "
            'leave it empty: repository = ""'
        )
    return setting


def is_placeholder(repository: str) -> bool:
    """True for an address that was never filled in, such as OWNER/faceswap_lab."""
    return re.sub(r"[^a-z]", "", repository.split("/")[0].lower()) in ("owner", "user", "username", "yourname", "name")


def remote_repository(root: Path) -> str:
    """The "owner/name" of a checkout's remote `origin`; "" where it has none, or one that does not lie on GitHub."""
    if not (root / ".git").exists():  # git would answer for a checkout further up
        return ""
    asked = ["git", "-C", str(root), "remote", "get-url", "origin"]
    try:
        address = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""
    found = re.fullmatch(r"(?:https?://|ssh://|)(?:[^@/]+@)?github\.com[:/]([\w-]+/[\w.-]+?)(?:\.git)?/?", address)
    return found[1] if found else ""


def badge_cell(name: str, setting: dict[str, str]) -> str:
    """The markdown of a notebook's first cell: its Colab badge; without an address, how to upload it there.

    Args:
        name: such as "03_autoencoder.ipynb".
        setting: see `read_setting`.
    """
    return f"{BADGE}({address_of(f'notebooks/{name}', setting)})" if setting["repository"] else HOW_TO_UPLOAD


def is_badge(cell) -> bool:
    """True for the cell that `badge_cell` wrote, for whatever address."""
    return cell.cell_type == "markdown" and cell.source.startswith((BADGE, NO_BADGE))


def setup_cell(setting: dict[str, str]) -> str:
    """The text of the set-up cell, the same in every notebook."""
    return SETUP_CELL.replace("{repository}", setting["repository"])


def repository_of(notebook: nbformat.NotebookNode) -> str:
    """The "owner/name" that a notebook was last written for; "" for none."""
    setups = [cell.source for cell in notebook.cells if "setup" in tags(cell)]
    found = re.search(r'^REPOSITORY = "(.*?)"', setups[0] if setups else "", re.M)
    return found[1] if found else ""


def address_of(path: str, setting: dict[str, str]) -> str:
    """Where a file of the repository opens in a browser: notebooks on Colab, pictures by themselves, the rest on GitHub.

    Args:
        path: from the repository's root, such as "docs/law_and_manners.md".
        setting: see `read_setting`; its repository is not empty.
    """
    if path.split("#")[0].endswith(PICTURES):
        return f"https://raw.githubusercontent.com/{setting['repository']}/{setting['branch']}/{path}"
    host = f"{COLAB}/github" if path.split("#")[0].endswith(".ipynb") else "https://github.com"
    return f"{host}/{setting['repository']}/blob/{setting['branch']}/{path}"


def relative_links(text: str, setting: dict[str, str]) -> str:
    """A words cell whose links to files of the repository start at notebooks/, as they work in a checkout."""

    def shorten(found: re.Match) -> str:
        before, link = found.groups()
        for path in re.findall(rf"/{re.escape(setting['branch'])}/(.+)", link) if setting["repository"] else ():
            link = posixpath.relpath(path, "notebooks") if link == address_of(path, setting) else link
        return before + link

    return LINK.sub(shorten, text)


def absolute_links(text: str, setting: dict[str, str]) -> str:
    """A words cell whose relative links open on Colab, too; without an address they stay as they are."""

    def lengthen(found: re.Match) -> str:
        before, link = found.groups()
        path = posixpath.normpath(f"notebooks/{link}")
        inside = not re.match(r"[a-z]+:|[#/]", link) and not path.startswith("..")
        return before + (address_of(path, setting) if inside else link)

    return LINK.sub(lengthen, text) if setting["repository"] else text


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


def parsed(cell) -> ast.Module:
    """A code cell's statements, without lines of IPython's own (%time, !pip); none where it is no Python."""
    try:
        return ast.parse(re.sub(r"^([ \t]*)[%!].*$", r"\1pass", cell.source, flags=re.M))
    except SyntaxError:
        return ast.Module([], [])


def student(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook without solutions and notes: what lies in notebooks/."""
    return _only(notebook, lambda cell: not set(tags(cell)) & set(HIDDEN))


def solved(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook with each solution in the place of its stub, and the notes: what lies in solutions/."""
    return _only(notebook, lambda cell: "stub" not in tags(cell))


def _only(notebook: nbformat.NotebookNode, kept) -> nbformat.NotebookNode:
    copy = nbformat.from_dict(notebook)
    copy.cells = [cell for cell in copy.cells if kept(cell)]
    return copy


def place_of(cell) -> str:
    """What an exercise's cell is found again by: its tag, and the name that it defines or checks, or its first line."""
    tag = next((tag for tag in ("exercise", "stub", "check") if tag in tags(cell)), "")
    named = re.search(r"checks\.(\w+)\(", cell.source) if tag == "check" else DEFINED.search(cell.source)
    if tag == "exercise" or not named:
        return f"{tag} {cell.source.strip().splitlines()[:1]}" if tag else ""
    return f"{tag} {next(filter(None, named.groups()))}"


def with_hidden(notebook: nbformat.NotebookNode, text: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A student's notebook with the solutions and notes of its text, each behind the cell that it stood behind.

    Raises:
        ValueError: when that cell is gone, so that no solution is ever lost.
    """
    behind, place = {}, ""
    for cell in text.cells:
        if set(tags(cell)) & set(HIDDEN):
            behind.setdefault(place, []).append(cell)
        else:
            place = place_of(cell) or place
    whole = nbformat.from_dict(notebook)
    whole.cells = [one for cell in student(notebook).cells for one in (cell, *behind.pop(place_of(cell), ()))]
    if behind:
        raise ValueError(
            f"what the text has behind {', '.join(behind)!r} has no place, since that cell is not in the notebook. Put it back, "
            "or take its solution and notes out of the text, too; then run `make notebooks`."
        )
    return whole


def contents(notebook: nbformat.NotebookNode) -> list[tuple[str, str, list[str]]]:
    """What notebook and text must share: kind, text and tags of each cell."""
    return [(cell.cell_type, cell.source.rstrip(), tags(cell)) for cell in notebook.cells]


def normalise(notebook: nbformat.NotebookNode, name: str, setting: dict[str, str]) -> nbformat.NotebookNode:
    """Puts badge, links and set-up cell in, strips outputs, and gives cells names that do not change from run to run.

    Args:
        notebook: as read from either side.
        name: such as "03_autoencoder.ipynb".
        setting: see `read_setting`.
    """
    before = setting | {"repository": repository_of(notebook)}
    cells = [cell for cell in notebook.cells if not is_badge(cell)]
    for cell in cells:
        if cell.cell_type == "markdown":
            cell.source = absolute_links(relative_links(cell.source, before), setting)
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
        if "setup" in tags(cell):  # long, and no lesson: Colab shows its title, JupyterLab folds it
            metadata |= {"cellView": "form", "jupyter": {"source_hidden": True}}
        made.cells.append(new(cell.source, metadata=metadata, id=f"cell-{index:02d}"))
    made.nbformat_minor = 5
    return made
