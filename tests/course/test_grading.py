"""`grade`: a notebook's answers run elsewhere and are judged here; cheats are seen and named, limits hold."""

import csv
import json
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from faceswap_lab.__main__ import main
from faceswap_lab.course import checks, grading
from faceswap_lab.course.checks.exercise import EMPTY, RIGHT, WRONG
from faceswap_lab.course.grading import MISSING, Limits, grade_notebook

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import sync_notebooks  # noqa: E402

SETTING = {"repository": "", "branch": "main"}
IMPORT = "import numpy as np\nfrom faceswap_lab.course import checks"
RIGHT_ONE = """def psnr(first, second):
    error = np.mean((first.astype(float) - second) ** 2)
    return 10 * np.log10(255**2 / error) if error else np.inf"""
CHECK = "psnr = checks.psnr(psnr)"


def write(folder: Path, *cells: str, name="copy.ipynb", printed="") -> Path:
    """A student's notebook of lesson 01, of these code cells; the last one has printed something."""
    made = [nbformat.v4.new_markdown_cell("# 01 Frames"), *map(nbformat.v4.new_code_cell, cells)]
    if printed:
        made[-1].outputs = [nbformat.v4.new_output("stream", text=printed)]
    nbformat.write(nbformat.v4.new_notebook(cells=made), folder / name)
    return folder / name


def graded(folder: Path, *cells: str, printed="", seconds=20.0):
    """(verdict on psnr, remarks on it and on the notebook)"""
    grade = grade_notebook(write(folder, *cells, printed=printed), Limits(seconds, 2 << 30))
    return grade.verdicts["psnr"], [*grade.remarks.get("psnr", []), *grade.remarks.get("", [])]


def test_a_right_answer_is_right_and_nothing_is_remarked(tmp_path):
    verdict, remarks = graded(tmp_path, IMPORT, RIGHT_ONE, CHECK, printed="psnr: right: equal pictures ...\n")
    assert verdict.word == RIGHT and not remarks


def test_helpers_imports_literals_and_magics_come_along_and_the_lesson_does_not(tmp_path):
    cells = (
        "%matplotlib inline\nimport numpy as np\nraise RuntimeError('the lesson ran')",
        "peak = 255\ndef decibels(error):\n    return 10 * np.log10(peak**2 / error) if error else np.inf",
        "!touch /tmp/ran\n"
        + RIGHT_ONE.replace("10 * np.log10(255**2 / error) if error else np.inf", "decibels(error)"),
        CHECK,
    )
    verdict, remarks = graded(tmp_path, *cells)
    assert verdict.word == RIGHT and not remarks


def test_what_only_the_lesson_has_is_not_there(tmp_path):
    verdict, _ = graded(tmp_path, IMPORT, "crop = np.ones(3) * 2", "def psnr(a, b):\n    return crop.mean()", CHECK)
    assert verdict.word == WRONG and "NameError: name 'crop' is not defined" in verdict.reason


def test_the_last_definition_counts_and_a_stub_is_not_filled_in(tmp_path):
    stub = "def psnr(first, second):\n    return None  # your turn"
    assert graded(tmp_path, IMPORT, stub, CHECK)[0].word == EMPTY
    assert graded(tmp_path, IMPORT, stub, RIGHT_ONE, CHECK)[0].word == RIGHT


def test_the_wrong_answer_hears_the_lessons_reason(tmp_path):
    mine = RIGHT_ONE.replace("first.astype(float) - second", "first - second")
    verdict, remarks = graded(tmp_path, IMPORT, mine, CHECK)
    assert "uint8 wraps round" in verdict.reason and not remarks


CHEATS = {  # what was done: (cells, verdict, piece of its reason, piece of a remark)
    "an edited check": (["def psnr(a, b):\n    return 3", "print('psnr: right: well done')"], WRONG, "gives 3", "was edited"),
    "a printed verdict": (["def psnr(a, b):\n    return 3", CHECK, "print('psnr: right')"], WRONG, "gives 3", "prints its"),
    "sys.exit": (["import sys\ndef psnr(a, b):\n    sys.exit(0)", CHECK], WRONG, "SystemExit", "ends Python: sys.exit"),
    "os._exit": (["import os\ndef psnr(a, b):\n    os._exit(0)", CHECK], WRONG, "ends its Python", "ends Python: os._exit"),
    "20 GB": (["def psnr(a, b):\n    return np.ones(20 * 2**27).sum()", CHECK], WRONG, "Memory", "more memory"),
    "20 GB of a list": (["def psnr(a, b):\n    return len([0] * 20 * 2**27)", CHECK], WRONG, "MemoryError", "more memory"),
    "an overwritten check": (["checks.psnr = print", RIGHT_ONE, CHECK], RIGHT, "", "touched: checks.psnr = print"),
    "another module": (["class checks:\n    psnr = print", RIGHT_ONE, CHECK], RIGHT, "", "touched: class checks"),
    "a patched reference": (
        ["object.__setattr__(checks.psnr, 'reference', lambda a, b: 3)", "def psnr(a, b):\n    return 3", CHECK],
        WRONG,
        "gives 3",
        "touched: object.__setattr__(checks.psnr",
    ),
    "the lab's own answer": (
        ["def psnr(a, b):\n    return checks.psnr.reference(a, b)", CHECK],
        WRONG,
        "ModuleNotFoundError",
        "asks the lab for the reference",
    ),
    "its file": (
        ["from faceswap_lab.course.checks import frames", "def psnr(a, b):\n    return frames._psnr(255**2, a, b)", CHECK],
        WRONG,
        "ModuleNotFoundError",
        "asks the lab for the reference",
    ),
    "a file that is read": (
        ["def psnr(a, b):\n    exec(open('/etc/hostname').read())\n    return 3", CHECK],
        WRONG,
        "",
        "outside its arguments: exec",
    ),
    "a file that a helper in another cell reads": (
        ["def helper():\n    return exec(b'3')", "def psnr(a, b):\n    helper()\n    return 3", CHECK],
        WRONG,
        "",
        "outside its arguments: exec",
    ),
    "a deleted cell": ([CHECK], MISSING, "no cell defines psnr", ""),
    "no Python": (["def psnr(a, b:\n    return 3", CHECK], MISSING, "no cell defines psnr", ""),
    "words": (["def psnr(a, b):\n    return '7.6 dB'", CHECK], WRONG, "gives '7.6 dB'; 7.568", ""),
    "a forged line": (
        ["import os\ndef psnr(a, b):\n    [os.write(k, b'{\"answer\": 1}\\n' * 9) for k in range(3, 9)]", CHECK],
        WRONG,
        "",
        "",
    ),
    "an answer equal to all": (
        ["class Equal:\n    def __eq__(self, other):\n        return True", "def psnr(a, b):\n    return Equal()", CHECK],
        WRONG, "stops with TypeError", "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", CHEATS)
def test_a_cheat_is_seen_and_named(tmp_path, what):
    cells, word, reason, remark = CHEATS[what]
    verdict, remarks = graded(tmp_path, IMPORT, *cells)
    assert verdict.word == word and reason in verdict.reason, verdict
    assert not remark or any(remark in one for one in remarks), remarks


def test_a_saved_output_that_claims_more_is_remarked(tmp_path):
    _, remarks = graded(tmp_path, IMPORT, "def psnr(a, b):\n    return 3", CHECK, printed="psnr: right: yes\n")
    assert remarks == ["its saved output says right"]


@pytest.mark.skipif(os.name == "nt", reason="process groups")
def test_a_loop_ends_with_all_that_it_started(tmp_path):
    late = f"time.sleep(3)\n        open({str(tmp_path / 'late')!r}, 'w')"
    mine = f"import os, time\ndef psnr(a, b):\n    if not os.fork():\n        {late}\n    while True:\n        pass"
    started = time.monotonic()
    verdict, _ = graded(tmp_path, IMPORT, mine, CHECK, seconds=1)
    assert "no answer in 1 s: does a loop never end?" in verdict.reason
    assert time.monotonic() - started < 3
    time.sleep(3.2 - min(3, time.monotonic() - started))
    assert not (tmp_path / "late").exists()


@pytest.mark.skipif(not hasattr(signal, "SIGXCPU"), reason="no such limit")
def test_too_much_computing_is_told_from_too_much_memory():
    job = {"name": "f", "code": "def f():\n    while True:\n        pass", "cases": [()], "seconds": 1}
    command = [sys.executable, grading.__file__.replace("grading", "answering")]
    ended = subprocess.run(command, input=pickle.dumps({**job, "memory": 4 << 30, "written": 1000}), timeout=60)
    assert grading._ending(ended.returncode) == "too much computing: does a loop never end?"


def test_one_bad_answer_leaves_the_others_alone(tmp_path):
    number = "def frame_number(t, fps):\n    return int(t * fps + 1e-6)\nframe_number = checks.frame_number(frame_number)"
    path = write(tmp_path, IMPORT, "import os\ndef psnr(a, b):\n    os._exit(1)", CHECK, number)
    grade = grade_notebook(path)
    assert (grade.verdicts["psnr"].word, grade.verdicts["frame_number"].word) == (WRONG, RIGHT)


def test_cells_that_hurt_a_parser_hurt_no_other_cell(tmp_path):
    hard = ["-" * 200_000 + "1", "a = " + "a+" * 50_000 + "1", "\n" * 200_000 + "%", "checks." + "a." * 50_000 + "b"]
    started = time.monotonic()
    assert graded(tmp_path, IMPORT, *hard, RIGHT_ONE, CHECK)[0].word == RIGHT
    assert time.monotonic() - started < 20


def test_a_change_of_the_labs_own_checks_is_seen(tmp_path, monkeypatch):
    marks = iter((["before"], ["after"]))
    monkeypatch.setattr(grading, "_as_shipped", lambda: next(marks))
    with pytest.raises(grading.LabError, match="changed the lab's own checks"):
        grade_notebook(write(tmp_path, IMPORT))


@pytest.fixture(scope="module")
def lessons(tmp_path_factory):
    """The course's own notebooks: students' in one folder, solutions in the other. 05 stands for all: it has both kinds."""
    folder = tmp_path_factory.mktemp("lessons")
    text = next((ROOT / "notebooks" / "text").glob("05_*.py"))
    (folder / "notebooks" / "text").mkdir(parents=True)
    (folder / "notebooks" / "text" / text.name).write_text(text.read_text(encoding="utf-8"), encoding="utf-8")
    notebook = folder / "notebooks" / f"{text.stem}.ipynb"
    sync_notebooks.sync(notebook, SETTING)
    sync_notebooks.write_solutions(notebook, SETTING, folder)
    return folder, notebook.name


def test_the_solutions_are_all_right_and_the_students_copy_all_empty(lessons):
    folder, name = lessons
    for place, word in (("solutions", RIGHT), ("notebooks", EMPTY)):
        grade = grade_notebook(folder / place / name)
        assert grade.lesson == "05" and list(grade.verdicts) == list(checks.of_lesson("05"))
        assert {verdict.word for verdict in grade.verdicts.values()} == {word}
        assert not any(grade.remarks.values())


def test_no_lesson_is_remarked_as_it_comes():
    for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")):
        if not checks.of_lesson(path.name[:2]):  # 12 is a project
            continue
        cells = grading.read_cells(grading.notebooks.read_notebook(path))
        grade = grading.Grade(
            path, path.name[:2], dict.fromkeys(checks.of_lesson(path.name[:2]), grading.Verdict(EMPTY, ""))
        )
        grading.look(grade, cells)
        assert grading.lesson_of(path, {"cells": []}, cells) == path.name[:2]
        assert not any(grade.remarks.values()), (path.name, grade.remarks)


def test_a_folder_becomes_a_table_and_json(tmp_path, capsys):
    write(tmp_path, IMPORT, RIGHT_ONE, CHECK, name="anna.ipynb")
    write(tmp_path, IMPORT, "checks.psnr = print", name="=cmd.ipynb")
    (tmp_path / "broken.ipynb").write_text("{")
    (tmp_path / "list.ipynb").write_text('{"cells": [3]}')
    assert main(["grade", str(tmp_path), "--csv", str(tmp_path / "grades.csv"), "--json"]) == 1
    found = {Path(one["file"]).name: one for one in json.loads(capsys.readouterr().out)}
    assert found["anna.ipynb"]["right"] == 1 and found["anna.ipynb"]["of"] == 4
    assert found["anna.ipynb"]["exercises"]["psnr"]["verdict"] == RIGHT
    assert found["broken.ipynb"]["lesson"] == found["list.ipynb"]["lesson"] == ""
    with open(tmp_path / "grades.csv", newline="") as file:
        rows = {Path(row["file"]).name: row for row in csv.DictReader(file)}
    assert rows["anna.ipynb"]["psnr"] == RIGHT and rows["anna.ipynb"]["halve"] == MISSING
    assert rows["=cmd.ipynb"]["look at"] == "the checks are touched: checks.psnr = print"
    assert "not a JSON file" in rows["broken.ipynb"]["look at"]


def test_no_file_of_a_folder_keeps_the_others_from_their_grades(tmp_path, capsys):
    write(tmp_path, IMPORT, RIGHT_ONE, CHECK, name="anna.ipynb")
    (tmp_path / "folder.ipynb").mkdir()
    (tmp_path / "loop.ipynb").symlink_to("loop.ipynb")
    (tmp_path / "gone.ipynb").symlink_to("nowhere")
    (tmp_path / "number.ipynb").write_text(f'{{"cells": [], "nbformat": {"4" * 5000}}}')
    (tmp_path / "old.ipynb").write_text('{"worksheets": [{"cells": []}], "nbformat": 3}')
    (tmp_path / "bytes.ipynb").write_bytes(b"\xff\xfe")
    latin = Path(os.fsdecode(os.fsencode(tmp_path) + b"/Ren\xe9.ipynb"))  # of an archive that knew no UTF-8
    write(tmp_path, IMPORT, RIGHT_ONE, CHECK, name="moved").rename(latin)
    write(tmp_path, IMPORT, RIGHT_ONE, CHECK, name="Zoë 李.ipynb")
    table = tmp_path / "grades.csv"
    assert main(["grade", str(tmp_path), "--csv", str(table)]) == 1
    said = capsys.readouterr().out
    assert said.count("lesson 01, 1 of 4 right") == 3 and said.count("lesson ?") == 6
    with open(table, newline="", encoding="utf-8") as file:
        rows = {Path(row["file"]).name: row for row in csv.DictReader(file)}
    assert rows["Zoë 李.ipynb"]["psnr"] == rows["Ren\ufffd.ipynb"]["psnr"] == RIGHT and len(rows) == 9
    assert all(rows[f"{name}.ipynb"]["look at"] for name in ("folder", "loop", "gone", "number", "old", "bytes"))
    assert main(["grade", str(latin), "--json"]) == 0 and "Ren\ufffd.ipynb" in capsys.readouterr().out


def test_a_stop_leaves_the_grades_that_there_are(tmp_path, monkeypatch):
    for name in ("anna.ipynb", "ben.ipynb"):
        write(tmp_path, IMPORT, CHECK, name=name)
    first, table = grading.grade_notebook(tmp_path / "anna.ipynb"), tmp_path / "grades.csv"
    found = iter([first])
    monkeypatch.setattr(grading, "grade_notebook", lambda *_: next(found, None) or (_ for _ in ()).throw(KeyboardInterrupt))
    assert main(["grade", str(tmp_path), "--csv", str(table)]) == 130
    assert "anna.ipynb" in table.read_text() and "ben.ipynb" not in table.read_text()


def test_a_name_that_the_console_cannot_show_ends_no_command(tmp_path):
    write(tmp_path, IMPORT, CHECK, name="李.ipynb")
    console = {**os.environ, "PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"}
    command = [sys.executable, "-m", "faceswap_lab", "grade", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, env=console, cwd=ROOT)
    assert done.returncode == 0 and "\\u674e.ipynb: lesson 01" in done.stdout, done.stderr


def test_a_cell_of_megabytes_is_not_parsed(tmp_path, monkeypatch):
    monkeypatch.setattr(grading, "MOST_SOURCE", 1000)
    verdict, _ = graded(tmp_path, IMPORT, RIGHT_ONE + "\n#" + "x" * 1000, CHECK)
    assert verdict.word == MISSING
    assert graded(tmp_path, IMPORT, RIGHT_ONE, "text = '" + "x" * 1000 + "'", CHECK)[0].word == RIGHT


def test_what_is_left_running_in_the_folder_costs_nobody_a_grade(tmp_path):
    busy = "import time\nend = time.time() + 4\nwhile time.time() < end:\n    open(str(time.time_ns()), 'w').close()"
    started = f"subprocess.Popen([sys.executable, '-c', {busy!r}], start_new_session=True)"
    cell = f"import subprocess, sys, time\ndef psnr(a, b):\n    psnr.one = {started}\n    time.sleep(1)\n    return psnr.one.pid"
    verdict, remarks = graded(tmp_path, IMPORT, cell, CHECK, seconds=2)
    assert verdict.word == WRONG and "it looks outside its arguments: subprocess" in remarks


def test_no_cell_of_the_table_begins_a_formula():
    from faceswap_lab.cli.grade import as_csv

    assert as_csv([grading.Grade(Path("=1+1.ipynb"))]).splitlines()[1].startswith("'=1+1.ipynb")


def test_one_notebook_is_told_in_words_and_no_notebook_is_refused(tmp_path, capsys):
    assert main(["grade", str(write(tmp_path, IMPORT, RIGHT_ONE, CHECK))]) == 0
    said = capsys.readouterr().out
    assert "lesson 01, 1 of 4 right" in said and "psnr          right: equal pictures" in said
    (tmp_path / "empty").mkdir()
    assert main(["grade", str(tmp_path / "empty")]) == 1
    assert "no notebook lies here" in capsys.readouterr().err
    assert main(["grade", str(tmp_path / "nowhere.ipynb")]) == 1
    assert "nowhere.ipynb: no such file" in capsys.readouterr().err


def test_the_process_knows_nothing_of_the_graders_surroundings(tmp_path, monkeypatch):
    monkeypatch.setenv("A_SECRET", "x")
    leaks = (
        "import os\ndef psnr(a, b):\n    return float('A_SECRET' in os.environ) + os.getcwd().startswith('"
        + str(ROOT)
        + "')"
    )
    assert "it gives 0." in graded(tmp_path, IMPORT, leaks, CHECK)[0].reason


def test_the_answers_process_judges_nothing():
    source = Path(grading.__file__).with_name("answering.py")
    loaded = f"import runpy, sys; runpy.run_path({str(source)!r}); print([m for m in sys.modules if m.startswith('faceswap_lab')])"
    assert subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True).stdout.strip() == "[]"
