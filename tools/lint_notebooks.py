"""Checks every notebook of the course: valid, stripped, short cells, literal parameters, badge, text in step."""

from __future__ import annotations

import argparse
import ast
import re
import statistics
import sys
from pathlib import Path

import nbformat
import notebook_rules as rules

NEEDED_PARAMETERS = ("preset", "seed", "out", "source", "target", "keep")
CARD_WORDS = ("goal", "minutes", "needs", "makes")
MEDIAN_LINES, USUAL_LINES, MOST_LINES = 6, 20, 30
MOST_WORDS = 120
MOST_MODULES = 6  # of the package, besides the package itself
WORDS_PER_CODE = (0.6, 1.7)  # words cells for each code cell
REPOSITORY = re.compile(r"""(?:github(?:usercontent)?\.com/|/github/|REPOSITORY = ")([\w.-]+/[\w.-]+)""")
FIGURE = re.compile(r"\.plot[.(]|\.subplots\(|architecture\.draw\(")
MACHINE_PATH = re.compile(r"(?<![\w.])(/home/|/root/|/tmp/|/Users/|/work/|/content/|/kaggle/|[A-Z]:\\)")


def literal_names(source: str) -> list[str]:
    """The names that a parameters cell assigns.

    Raises:
        ValueError: when it holds anything but `name = literal`.
    """
    names = []
    for statement in ast.parse(source).body:
        if not (isinstance(statement, ast.Assign) and all(isinstance(name, ast.Name) for name in statement.targets)):
            raise ValueError(f"line {statement.lineno} is not `name = literal`")
        ast.literal_eval(statement.value)
        names += [name.id for name in statement.targets]
    return names


def check_format(path: Path) -> tuple[nbformat.NotebookNode | None, list[str]]:
    """Reads a notebook and checks it against nbformat 4.5."""
    try:
        notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
        nbformat.validate(notebook)
    except Exception as error:  # nbformat has many; each means the same here
        return None, [f"not a valid notebook ({str(error).splitlines()[0]})"]
    version = (notebook.nbformat, notebook.nbformat_minor)
    return notebook, [] if version == (4, 5) else [f"nbformat {version[0]}.{version[1]}, not 4.5"]


def check_parameters(notebook) -> list[str]:
    """Exactly one cell tagged `parameters`, of literals, with the names that every notebook has; then the set-up."""
    marked = [index for index, cell in enumerate(notebook.cells) if "parameters" in rules.tags(cell)]
    if len(marked) != 1:
        return [f"{len(marked)} cells tagged `parameters`; exactly one is needed"]
    try:
        names = literal_names(notebook.cells[marked[0]].source)
    except (SyntaxError, ValueError) as error:
        return [f"the parameters cell must hold literals only ({error})"]
    missing = [name for name in NEEDED_PARAMETERS if name not in names]
    problems = [f"parameters missing: {', '.join(missing)}"] if missing else []
    code = [index for index, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    after = code[code.index(marked[0]) + 1 :]
    if code[0] != marked[0] or not after or "setup" not in rules.tags(notebook.cells[after[0]]):
        problems.append("the parameters cell must be the first code cell, and the set-up cell the second")
    return problems


def check_card(notebook, name: str, setting: dict[str, str]) -> list[str]:
    """Badge first, then the title card; the set-up cell word for word."""
    cells, problems = notebook.cells, []
    badges = [index for index, cell in enumerate(cells) if rules.is_badge(cell)]
    if badges != [0] or cells[0].source != rules.badge_cell(name, setting):
        problems.append("its first cell is not the badge that pyproject.toml asks for: run `make notebooks`")
    card = cells[1].source if len(cells) > 1 else ""
    lacking = [word for word in CARD_WORDS if f"**{word}" not in card.lower()]
    if not card.startswith("# ") or lacking:
        words = ", ".join(f"**{word.title()}**" for word in lacking) or "a `# ` title"
        problems.append(f"its second cell is no title card: it lacks {words}")
    setups = [cell.source for cell in cells if "setup" in rules.tags(cell)]
    if setups != [rules.setup_cell(setting)]:
        problems.append("its set-up cell is not the one that all share: run `make notebooks`")
    return problems


def check_links(path: Path, notebook, setting: dict[str, str]) -> list[str]:
    """Links to files of the repository lead to one, in the form that opens on Colab; no address is a placeholder."""
    problems = []
    for cell in notebook.cells:
        for repository in REPOSITORY.findall(cell.source):
            if rules.is_placeholder(repository):
                problems.append(f"{repository} is no address ({_start(cell)}): run `make notebooks`")
        if cell.cell_type != "markdown" or rules.is_badge(cell):
            continue
        relative = rules.relative_links(cell.source, setting)
        if rules.absolute_links(relative, setting) != cell.source:
            problems.append(f"a link that does not open on Colab ({_start(cell)}): run `make notebooks`")
        for _, link in rules.LINK.findall(relative):
            if not re.match(r"[a-z]+:|[#/]", link) and not (path.parent / link.split("#")[0]).exists():
                problems.append(f"a link to {link}, which is not there ({_start(cell)})")
    return problems


def check_cells(notebook) -> list[str]:
    """Outputs stripped; lengths; as many words cells as code cells; no paths of one machine; figures with words."""
    problems = []
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    words = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    if any(cell.outputs or cell.execution_count is not None for cell in code):
        problems.append("it holds outputs or execution counts: run `make notebooks`")
    taught = [cell for cell in code if "setup" not in rules.tags(cell)]  # the set-up cell is not the author's
    lengths = [len(cell.source.strip().splitlines()) for cell in taught] or [0]
    if statistics.median(lengths) > MEDIAN_LINES:
        problems.append(f"the median code cell has {statistics.median(lengths):g} lines; at most {MEDIAN_LINES}")
    long = sum(length >= USUAL_LINES for length in lengths)
    if long > 0.1 * len(lengths):
        problems.append(f"{long} of {len(lengths)} code cells have {USUAL_LINES} lines or more; at most one in ten")
    for cell, length in zip(taught, lengths, strict=False):
        if length > MOST_LINES and "long-ok" not in rules.tags(cell):
            problems.append(f"a code cell has {length} lines ({_start(cell)}); at most {MOST_LINES}, or tag `long-ok`")
    for cell in words[2:]:  # after badge and title card
        count = len(cell.source.split())
        if count >= MOST_WORDS:
            problems.append(f"a words cell has {count} words ({_start(cell)}); fewer than {MOST_WORDS}")
    told = [cell for cell in code if not {"predict", "quiz"} & set(rules.tags(cell))]  # these ask; they explain nothing
    if told and not WORDS_PER_CODE[0] <= len(words) / len(told) <= WORDS_PER_CODE[1]:
        problems.append(f"{len(words)} words cells for {len(told)} code cells; about as many of each")
    for cell in [*words, *taught]:
        if found := MACHINE_PATH.search(cell.source):
            problems.append(f"a path of one machine, {found[0]} ({_start(cell)})")
        if not cell.source.strip():
            problems.append("an empty cell")
    for cell in taught:
        if FIGURE.search(cell.source) and "widgets.show(" not in cell.source:
            problems.append(f"a figure without words ({_start(cell)}): show it by `lab.widgets.show(figure, words)`")
    return problems


def modules(notebook) -> set[str]:
    """What a notebook has to know of the package: the modules that it imports, and each room that it reaches as `lab.<room>`."""
    found = set()
    for cell in notebook.cells:
        for node in ast.walk(rules.parsed(cell)) if cell.cell_type == "code" else ():
            if isinstance(node, ast.Import):
                found |= {one.name for one in node.names}
            elif isinstance(node, ast.ImportFrom):
                found |= {_module(f"{node.module}.{one.name}") or f"{node.module}" for one in node.names}
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "lab":
                found.add(_module(f"faceswap_lab.{node.attr}"))
    return {name for name in found if name.startswith("faceswap_lab.")}


def _module(name: str) -> str:
    """The name, where it is a module or package of the repository; else ""."""
    place = rules.ROOT / name.replace(".", "/")
    return name if place.with_suffix(".py").is_file() or (place / "__init__.py").is_file() else ""


def check_modules(notebook) -> list[str]:
    """One name for the package, and few of its modules."""
    found = sorted(modules(notebook))
    if len(found) <= MOST_MODULES:
        return []
    return [f"it needs {len(found)} modules of the package ({', '.join(found)}); at most {MOST_MODULES} besides `lab`"]


def _start(cell) -> str:
    return repr(cell.source.strip().splitlines()[0][:50])


def check_pair(path: Path, notebook) -> list[str]:
    """The text beside the notebook has the same cells."""
    text = rules.text_path(path)
    if not text.exists():
        return [f"its text {text.name} is missing: run `make notebooks`"]
    if rules.contents(rules.student(rules.read_text(text))) != rules.contents(notebook):
        return ["notebook and text are not in step: run `make notebooks`"]
    return []


def lint(path: Path, setting: dict[str, str]) -> list[str]:
    """All problems of one notebook, one line each."""
    notebook, problems = check_format(path)
    if notebook is None:
        return problems
    problems += check_parameters(notebook) + check_card(notebook, path.name, setting) + check_modules(notebook)
    return problems + check_links(path, notebook, setting) + check_cells(notebook) + check_pair(path, notebook)


def lint_folder(folder: Path, setting: dict[str, str]) -> dict[str, list[str]]:
    """All problems of a folder of notebooks, by file name.

    Args:
        folder: where they lie.
        setting: what pyproject.toml says. Without an address there, all notebooks must have one and the same, or none: a
            clone or fork is not wrong since its badges still name the place that it came from.
    """
    first = next(iter(sorted(folder.glob("[0-9][0-9]_*.ipynb"))), None)
    notebook = check_format(first)[0] if first else None
    if not setting["repository"] and notebook:
        setting = setting | {"repository": rules.repository_of(notebook)}
    found = {path.name: lint(path, setting) for path in sorted(folder.glob("[0-9][0-9]_*.ipynb"))}
    for text in sorted(folder.glob("text/*.py")):
        if not rules.notebook_path(text).exists():
            found[f"text/{text.name}"] = ["its notebook is missing: run `make notebooks`"]
    return found


def main(arguments: list[str] | None = None) -> int:
    """Prints every problem; 1 when there is one, or no notebook at all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=rules.NOTEBOOKS)
    try:
        setting = rules.read_setting(remote=False)
    except ValueError as error:
        parser.error(str(error))
    found = lint_folder(parser.parse_args(arguments).folder, setting)
    for name, problems in found.items():
        for problem in problems:
            print(f"{name}: {problem}")
    wrong = sum(map(len, found.values()))
    print(f"{len(found)} notebooks, {wrong} problems")
    return 1 if wrong or not found else 0


if __name__ == "__main__":
    sys.exit(main())
