"""Grades a notebook: the answers run in a process of their own, one an exercise, and this one judges what came out.

Only definitions and imports that an exercise's function needs are run, never the lesson. The student's code sees the cases'
arguments and nothing else: neither the references nor the checks of this process. That is no sandbox (see docs/teaching).
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import pickle
import re
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import _, everywhere
from faceswap_lab.course import checks, notebooks
from faceswap_lab.course.checks.exercise import RIGHT, WRONG, Choice, Function, Stopped, Verdict

MISSING = "missing"
MOST_WRITTEN = 20_000_000  # bytes that an answer may write
MOST_SOURCE = 300_000  # characters of a notebook's code, ten times a lesson's; parsed it takes hundreds of times its size
# No GPU, and few threads: both reserve far more addresses than they use, and the limit of memory counts addresses.
PLAIN = {"CUDA_VISIBLE_DEVICES": "-1", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
IMPORT = "from faceswap_lab.course import checks"
OUTSIDE = re.compile(
    r"\b(faceswap_lab|open|exec|eval|__import__|importlib|inspect|sys\.modules|subprocess|ctypes|socket|__dict__|"
    r"builtins|__builtins__|globals|_getframe|runpy|pkgutil|pickle|read_text|read_bytes|fromfile|loadtxt|genfromtxt)\b"
)
ENDS = re.compile(r"\b(sys\.exit|os\._exit|os\.abort|os\.kill|quit|exit)\s*\(")


@dataclass(frozen=True)
class Limits:
    """What an answer may take: seconds, and bytes of memory."""

    seconds: float = 30
    memory: int = 4 << 30


@dataclass
class Grade:
    """What is said of a notebook.

    Args:
        path: the file.
        lesson: such as "02"; "" where it could not be read.
        verdicts: by exercise, in the lesson's order.
        remarks: what to look at, such as an edited check; by exercise, "" for the whole notebook.
    """

    path: Path
    lesson: str = ""
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    remarks: dict[str, list[str]] = field(default_factory=dict)

    @property
    def file(self) -> str:
        """The file's path as any page can show it: a name that is no UTF-8 (from an old archive) gets a mark for what is not."""
        return os.fsencode(self.path).decode("utf-8", "replace")

    def count(self, word: str) -> int:
        """How many exercises have this verdict."""
        return sum(verdict.word == word for verdict in self.verdicts.values())

    def remark(self, said: str, name: str = "") -> None:
        """Adds a remark, once."""
        some = self.remarks.setdefault(name, [])
        some += [] if said in some else [said]

    def facts(self) -> dict:
        """All of it, as JSON can hold it."""
        found = {"file": self.file, "lesson": self.lesson, "right": self.count(RIGHT), "of": len(self.verdicts)}
        one = {
            name: {"verdict": verdict.word, "reason": verdict.reason, "remarks": self.remarks.get(name, [])}
            for name, verdict in self.verdicts.items()
        }
        return {**found, "exercises": one, "remarks": self.remarks.get("", [])}


@dataclass(frozen=True)
class Cell:
    """A code cell: its text, its statements (none where it is no Python, or too long), and what its saved output says."""

    source: str
    statements: tuple[ast.stmt, ...]
    output: str


def read_cells(content: dict) -> list[Cell]:
    """A notebook's code cells; lines of IPython's own (%time, !pip) are left out."""
    cells, left = [], MOST_SOURCE
    for cell in content["cells"]:
        if cell.get("cell_type") != "code" or "setup" in notebooks.tags(cell):
            continue
        source = re.sub(r"^([ \t]*)[%!].*$", r"\1pass", notebooks.cell_source(cell), flags=re.M)
        try:
            statements = tuple(ast.parse(source).body) if len(source) <= left else ()
            left -= len(source) if statements else 0
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            statements = ()
        said = (one.get("text", "") for one in cell.get("outputs", []) if one.get("output_type") == "stream")
        cells.append(Cell(source, statements, "".join("".join(text) for text in said)))
    return cells


def bound(statement: ast.stmt) -> list[str]:
    """The names that a statement defines which grading runs: a function, a class, an import, a lambda, a literal."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return [statement.name]
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return [(one.asname or one.name).split(".")[0] for one in statement.names]
    if isinstance(statement, ast.Assign) and (isinstance(statement.value, ast.Lambda) or _is_literal(statement.value)):
        return [target.id for target in statement.targets if isinstance(target, ast.Name)]
    return []


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return False
    return True


def needed(name: str, cells: list[Cell]) -> list[ast.stmt]:
    """The definitions that `name` needs, itself included, in the notebook's order; [] where nothing defines it."""
    statements = [statement for cell in cells for statement in cell.statements]
    last = {one: place for place, statement in enumerate(statements) for one in bound(statement)}
    taken, wanted = set(), [name]
    while wanted:
        place = last.get(wanted.pop())
        if place is not None and place not in taken:
            taken.add(place)
            wanted += [node.id for node in ast.walk(statements[place]) if isinstance(node, ast.Name)]
    return [statements[place] for place in sorted(taken)]


def lesson_of(path: Path, content: dict, cells: list[Cell]) -> str:
    """The number of the lesson that a notebook is a copy of, by its exercises and its title.

    Raises:
        LabError: when it is none of the course's.
    """
    votes: Counter[str] = Counter()
    for name, one in checks.EXERCISES.items():
        votes[one.lesson] += sum(f"checks.{name}(" in cell.source for cell in cells)
        votes[one.lesson] += any(name in bound(statement) for cell in cells for statement in cell.statements)
    for cell in content["cells"]:
        titled = re.match(r"# (\d\d) ", notebooks.cell_source(cell))
        votes.update([titled[1]] if titled and checks.of_lesson(titled[1]) else [])
    best, count = votes.most_common(1)[0]
    if not count:
        raise LabError(f"{path}: no exercise of the course is in it. Give a copy of a notebook of the course.")
    return best


def run_answer(name: str, code: str, cases: list[tuple], limits: Limits) -> list:
    """Runs a function on its cases in a fresh process, and takes what it says as data.

    Args:
        name: the function's name.
        code: the definitions.
        cases: arguments.
        limits: of the process.

    Returns:
        An answer a case, `Stopped` where none came.
    """
    bounds = {"memory": limits.memory, "seconds": max(1, round(limits.seconds)), "written": MOST_WRITTEN}
    job = pickle.dumps({"name": name, "code": code, "cases": cases, **bounds})
    command = [sys.executable, "-P", str(Path(__file__).with_name("answering.py"))]
    # What the answer left running may still write there: then the folder stays, and the grades of the others do not wait.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, tempfile.TemporaryFile() as said:
        given = {
            key: os.environ[key] for key in ("PATH", "PYTHONPATH", "SYSTEMROOT", "KERAS_BACKEND") if key in os.environ
        }
        given |= {"HOME": folder, "TMPDIR": folder, "TF_CPP_MIN_LOG_LEVEL": "3", **PLAIN}
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=given,
            start_new_session=True,
        )
        try:
            process.communicate(job, timeout=limits.seconds)
            why = _("ends its Python ({ending})").format(ending=_ending(process.returncode))
        except subprocess.TimeoutExpired:
            why = _("gives no answer in {seconds:g} s: does a loop never end?").format(seconds=limits.seconds)
        finally:
            _end(process)
        said.seek(0)
        answers = [_answer(line) for line in said.read(MOST_WRITTEN).splitlines()[: len(cases)]]
    return answers + [Stopped(why)] * (len(cases) - len(answers))


def _ending(code: int) -> str:
    if code == -getattr(signal, "SIGKILL", 9):
        return _("killed: did memory run out?")
    if code == -getattr(signal, "SIGXCPU", 24):
        return _("too much computing: does a loop never end?")
    return _("os._exit or a crash, code {code}").format(code=code)


def _end(process: subprocess.Popen) -> None:
    """Ends a process and what it has started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except AttributeError:  # Windows
        process.kill()
    except (ProcessLookupError, PermissionError):
        pass
    process.wait()


def _answer(line: bytes) -> object:
    try:
        told = json.loads(line)
        if "stopped" not in told:
            return told["answer"]
        error = _printable(str(told["stopped"]))
        return Stopped(_("stops with {error}").format(error=error), error.partition(":")[0])
    except (ValueError, KeyError, TypeError, RecursionError):
        return Stopped(_("gives an answer that cannot be read"))


def _printable(text: str) -> str:
    return "".join(one for one in text if one.isprintable())[:200]


def grade_exercise(one: Function | Choice, cells: list[Cell], limits: Limits) -> Verdict:
    """The verdict on one exercise of a notebook."""
    statements = needed(one.name, cells)
    if not any(one.name in bound(statement) for statement in statements):
        return Verdict(MISSING, _("no cell defines {name} (or it is no Python, not a literal, or too long)").format(name=one.name))
    try:
        if isinstance(one, Choice):
            given = [each.value for each in statements if isinstance(each, ast.Assign) and one.name in bound(each)]
            answers = ast.literal_eval(given[-1] if given else "None")
        else:
            code = "\n".join(map(ast.unparse, statements))
            answers = run_answer(one.name, code, list(one.cases.values()), limits)
        return one.judge(answers)
    except (AttributeError, ValueError, TypeError, RecursionError, MemoryError) as error:
        return Verdict(WRONG, _("the answer cannot be read ({error})").format(error=type(error).__name__))


def touched(cells: list[Cell]) -> Iterator[str]:
    """Statements that name `checks` and are neither its import nor a plain call of an exercise."""
    for cell in cells:
        for statement in cell.statements:
            try:
                told = ast.unparse(statement)
            except RecursionError:
                continue
            plain = re.fullmatch(r"(?:(\w+) = )?checks\.(\w+)\((\w+)\)", told)
            fine = told == IMPORT or (plain and plain[2] == plain[3] and plain[1] in (None, plain[2]))
            if not fine:
                yield from (
                    _printable(line.strip())[:80] for line in told.splitlines() if re.search(r"\bchecks\b", line)
                )


def look(grade: Grade, cells: list[Cell]) -> None:
    """Adds what a teacher should look at: edited checks, verdicts that were printed, ends of Python, other answers' claims."""
    for told in touched(cells):
        grade.remark(_("the checks are touched: {told}").format(told=told))
    for name, verdict in grade.verdicts.items():
        asked = [cell for cell in cells if re.search(rf"\bchecks\.{name}\({name}\)", cell.source)]
        if not asked and verdict.word != MISSING:
            grade.remark(_("its check was edited or is gone"), name)
        claims = {f"{name}: {right}" for right in everywhere(RIGHT)}  # as students saw it, in whichever language
        if any(claim in cell.output for cell in cells for claim in claims) and verdict.word != RIGHT:
            grade.remark(_("its saved output says right"), name)
        if any(re.search(rf"\b{name}: *right", cell.source) for cell in cells):
            grade.remark(_("a cell prints its verdict"), name)
        own = [cell.source for cell in cells if any(name in bound(statement) for statement in cell.statements)]
        with contextlib.suppress(RecursionError):  # helpers and imports from other cells run as well
            own += map(ast.unparse, needed(name, cells))
        for source in (*own, *(cell.source for cell in asked)):
            for pattern, said in ((ENDS, _("it ends Python")), (OUTSIDE, _("it looks outside its arguments"))):
                found = pattern.search(source.replace(IMPORT, ""))
                if found:
                    grade.remark(f"{said}: {found[1]}", name)
        if "MemoryError" in verdict.reason or "Unable to allocate" in verdict.reason:
            grade.remark(_("it takes more memory than it may"), name)
        if checks.__name__ in verdict.reason:
            grade.remark(_("it asks the lab for the reference"), name)


def grade_notebook(path: Path, limits: Limits | None = None) -> Grade:
    """Grades one notebook; whatever is wrong with it is said in the grade.

    Args:
        path: a student's copy of a notebook of the course, executed or not.
        limits: of each answer.
    """
    grade = Grade(path)
    try:
        content = notebooks.read_notebook(path)
        cells = read_cells(content)
        grade.lesson = lesson_of(path, content, cells)
    except LabError as error:
        grade.remark(_printable(str(error)))
        return grade
    except OSError as error:
        said = _("{file}: this file cannot be read ({reason}). Ask for it again.")
        grade.remark(said.format(file=grade.file, reason=error.strerror))
        return grade
    except (AttributeError, KeyError, TypeError):
        grade.remark(_("{file}: this is not a notebook. Ask for it again.").format(file=grade.file))
        return grade
    before = _as_shipped()
    for name, one in checks.of_lesson(grade.lesson).items():
        grade.verdicts[name] = grade_exercise(one, cells, limits or Limits())
    if _as_shipped() != before:  # this process has them in memory; the next would read what was written
        raise LabError(
            f"{path}: it has changed the lab's own checks on this disk. Install the lab again, and look at it."
        )
    look(grade, cells)
    return grade


def _as_shipped() -> list[str]:
    folder = Path(__file__).parent
    return [files.sha256(path) for path in sorted([*folder.glob("*.py"), *folder.glob("checks/*.py")])]
