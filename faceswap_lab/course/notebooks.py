"""The course's notebooks as files: which there are, and which parameters each one takes."""

from __future__ import annotations

import ast
import hashlib
import json
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from faceswap_lab.base import files, machine
from faceswap_lab.base.errors import LabError
from faceswap_lab.course.samples import ROOT

FOLDER = ROOT / "notebooks"
COURSE = ("01", "02", "03", "04", "05", "06")  # what `run` executes when nothing else is asked for
OPTIONS = {  # parameters that every notebook has, and the option of the command line that sets each
    "preset": "--preset",
    "seed": "--seed",
    "out": "--out",
    "source": "--source",
    "target": "--target",
}


def all_notebooks(folder: Path = FOLDER) -> dict[str, Path]:
    """The course's notebooks by number.

    Args:
        folder: where NN_name.ipynb lie.

    Returns:
        {"00": .../00_welcome.ipynb, ...}, in order.

    Raises:
        LabError: when there are none, as after an installation without the repository.
    """
    found = {path.name[:2]: path for path in sorted(Path(folder).glob("*.ipynb")) if re.match(r"\d\d_", path.name)}
    if not found:
        raise LabError(
            f"{folder}: no notebooks lie here. Run from a clone of the repository, installed with `pip install -e .`."
        )
    return found


def choose(only: str | Iterable[str] = "", folder: Path = FOLDER) -> list[Path]:
    """The notebooks to run, in order.

    Args:
        only: numbers, "03,04" or a list; empty: the course, 01 to 06.
        folder: where the notebooks lie.

    Raises:
        LabError: for a number that no notebook has, listing those there are.
    """
    found = all_notebooks(folder)
    wanted = only.split(",") if isinstance(only, str) else list(only)
    wanted = [str(number).strip() for number in wanted if str(number).strip()]
    numbers = [number.zfill(2) for number in wanted] or [number for number in COURSE if number in found]
    for number in numbers:
        if number not in found:
            raise LabError(f"--only {number}: there is no notebook of that number. Choose from {', '.join(found)}.")
    return [found[number] for number in sorted(set(numbers))]


def read_notebook(path: Path) -> dict:
    """A notebook's JSON.

    Raises:
        LabError: when the file is missing or is no notebook.
    """
    content = files.read_json(path)
    if not isinstance(content, dict) or "cells" not in content:
        raise LabError(f"{path}: this is not a notebook. Fetch it again.")
    return content


def cell_source(cell: dict) -> str:
    """A cell's text; the file may keep it as one string or as lines."""
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)


def tags(cell: dict) -> list[str]:
    """A cell's tags."""
    return cell.get("metadata", {}).get("tags", [])


def literals(source: str) -> dict[str, object]:
    """The values of a cell that assigns literals only.

    Args:
        source: Python text, one `name = literal` a statement.

    Raises:
        ValueError: when it holds anything else.
    """
    found = {}
    for statement in ast.parse(source).body:
        if not (
            isinstance(statement, ast.Assign)
            and len(statement.targets) == 1
            and isinstance(statement.targets[0], ast.Name)
        ):
            raise ValueError(f"line {statement.lineno} is not `name = literal`")
        try:
            found[statement.targets[0].id] = ast.literal_eval(statement.value)
        except ValueError as error:
            raise ValueError(f"line {statement.lineno} is not a literal") from error
    return found


def parameters(path: Path) -> dict[str, object]:
    """The parameters of a notebook with their defaults, from its cell tagged `parameters`.

    Raises:
        LabError: when it has not exactly one such cell, or that cell holds more than literals.
    """
    cells = [cell for cell in read_notebook(path)["cells"] if "parameters" in tags(cell)]
    if len(cells) != 1:
        raise LabError(f"{path}: {len(cells)} cells are tagged `parameters`; exactly one must be.")
    try:
        return literals(cell_source(cells[0]))
    except (SyntaxError, ValueError) as error:
        raise LabError(f"{path}: the parameters cell must assign literals only ({error}).") from error


def read_settings(assignments: Iterable[str], chosen: Iterable[Path]) -> dict[str, object]:
    """Reads `--set name=value` and holds it against the parameters that the chosen notebooks have.

    Args:
        assignments: for example ["gan_steps=50", "blend=mask"]; values are Python literals, or else plain text.
        chosen: the notebooks that will run.

    Returns:
        {name: value}.

    Raises:
        LabError: for a name that no chosen notebook has (listing those known), one that has its own option, or a
            value of another kind than the default's.
    """
    known: dict[str, object] = {}
    for path in chosen:
        for name, default in parameters(path).items():
            if name not in OPTIONS:
                known.setdefault(name, default)
    found = {}
    for assignment in assignments:
        name, equals, text = (part.strip() for part in assignment.partition("="))
        if not equals or not name.isidentifier():
            raise LabError(f"--set {assignment}: this is not name=value. Write for example --set gan_steps=50.")
        if name in OPTIONS:
            raise LabError(f"--set {name}: this has an option of its own. Use {OPTIONS[name]} instead.")
        if name not in known:
            listed = ", ".join(sorted(known)) or "none"
            raise LabError(f"--set {name}: no chosen notebook has a parameter of that name. Known: {listed}.")
        found[name] = _read_value(name, text, known[name])
    return found


def _read_value(name: str, text: str, default: object) -> object:
    if isinstance(default, str):
        quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
        return ast.literal_eval(text) if quoted else text
    try:
        value = ast.literal_eval(text)
    except (SyntaxError, ValueError):
        value = text
    check_value(f"--set {name}={text}", value, default, f"--set {name}={default!r}")
    return value


def check_value(given: str, value: object, default: Any, example: str) -> None:
    """Holds a parameter's value against its default: of the same kind, finite, and negative only where the default is.

    Args:
        given: how the user gave it, for the message.
        value: what was read from that; a whole number does for a float.
        default: the notebook's.
        example: what could be given instead.

    Raises:
        LabError: when it cannot be.
    """
    same = type(value) is type(default) or (type(default) is float and type(value) is int)
    if default is not None and not same:
        raise LabError(
            f"{given}: its default is {default!r}, so it must be of kind {type(default).__name__}. Write for example {example}."
        )
    if isinstance(value, int | float) and not (math.isfinite(value) and (value >= 0 or default is None or default < 0)):
        raise LabError(f"{given}: this must be a number, 0 or more. Write for example {example}.")


def check_given() -> None:
    """In a notebook that papermill runs: holds what it was given against the defaults of the notebook's parameters.

    Papermill writes a cell of its own behind the one tagged `parameters`; a name that no one uses it only logs.

    Raises:
        LabError: naming the parameter that the notebook has not, or whose value cannot be.
    """
    shell = machine.shell()
    run = [] if shell is None else list(shell.user_ns.get("In", ()))[1:3]
    if len(run) < 2 or not run[1].startswith("# Parameters\n"):
        return
    try:
        defaults = literals(run[0])
    except (SyntaxError, ValueError):  # a notebook of the user's own
        return
    for statement in ast.parse(run[1]).body:
        name = statement.targets[0].id
        value = shell.user_ns[name]
        if name not in defaults:
            raise LabError(f"{name}={value!r}: this notebook has no such parameter. It has: {', '.join(defaults)}.")
        check_value(f"{name}={value!r}", value, defaults[name], f"{name}={defaults[name]!r}")


def fingerprint(*parts) -> str:
    """16 hexadecimal digits that change when any part does (anything that JSON can hold)."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def text_fingerprint(path: Path) -> str:
    """The fingerprint of a notebook's cells; outputs and metadata do not count."""
    return fingerprint([(cell["cell_type"], cell_source(cell), tags(cell)) for cell in read_notebook(path)["cells"]])
