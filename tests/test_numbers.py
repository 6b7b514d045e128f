"""Numbers that cannot be: whatever the command, option or notebook parameter, a sentence names it."""

import math
import re
import sys
import types

import nbformat
import papermill
import pytest

from faceswap_lab import __main__
from faceswap_lab.base.errors import LabError
from faceswap_lab.course import notebooks, runtime
from faceswap_lab.faces.options import Extraction
from faceswap_lab.swap.options import ConversionOptions

NEEDED = {
    "run": [], "faces": ["no.mp4", "set"], "convert": ["no.mp4", "--model", "model", "--out", "out.mp4"],
    "score": ["no.mp4", "--target", "no.mp4"], "grade": ["no.ipynb"],
}  # fmt: skip
BAD = ("nan", "inf", "-inf", "1e999", "ten", "")
WRONG = {"every": "0", "start": "-1", "end": "-2", "seed": "-1", "person": "-1", "batch_size": "0", "workers": "0", "crf": "52",
         "min_face_size": "0", "min_sharpness": "-1", "bridge": "-1", "coverage": "0", "seconds": "0", "memory": "0"}  # fmt: skip


def numeric_options():
    commands = __main__.build_parser()._subparsers._group_actions[0].choices
    for command, parser in commands.items():
        for action in parser._actions:
            if action.type in (int, float):
                yield command, action.dest, action.option_strings[0], action.nargs if isinstance(action.nargs, int) else 1


def refused(command, flag, values, capsys, monkeypatch, tmp_path):
    """What is said when the command gets these values; it has to end at once, and by no traceback."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(runtime, "ROOT", tmp_path)
    try:
        status = __main__.main([command, *NEEDED[command], f"{flag}={values[0]}", *values[1:]])
    except SystemExit as left:  # argparse's own refusal
        status = left.code
    assert status in (1, 2)
    return capsys.readouterr().err.strip().splitlines()[-1]


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("command, name, flag, count", list(numeric_options()))
def test_no_numeric_option_takes_what_is_no_number(command, name, flag, count, bad, capsys, monkeypatch, tmp_path):
    if count > 1:
        return  # tried below: the others of several values stand behind the flag
    said = refused(command, flag, [bad], capsys, monkeypatch, tmp_path)
    assert name in said or flag in said


@pytest.mark.parametrize("command, name, flag, count", [one for one in numeric_options() if one[1] in WRONG])
def test_numbers_out_of_range_are_refused(command, name, flag, count, capsys, monkeypatch, tmp_path):
    if (command, name) == ("faces", "workers"):
        (tmp_path / "no.mp4").touch()
        with pytest.raises(LabError, match="workers: 0"):
            from faceswap_lab.faces.extraction import extract_faces

            extract_faces(tmp_path / "no.mp4", tmp_path / "set", workers=0)
        return
    said = refused(command, flag, [WRONG[name]], capsys, monkeypatch, tmp_path)
    assert name in said or flag in said


def test_every_number_of_the_options_is_checked():
    """In Python as on the command line, for fields that come later, too."""
    for kind in (Extraction, ConversionOptions):
        for name, field in kind.__dataclass_fields__.items():
            if isinstance(field.default, int | float) and not isinstance(field.default, bool) or name in ("start", "end"):
                for bad in (math.nan, math.inf, -1e9, "ten"):
                    with pytest.raises((LabError, TypeError), match=f"{name}|not supported between"):
                        kind(**{name: bad})
    for bad in (math.nan, math.inf):
        for given in ({"thresholds": (0.6, bad, 0.7)}, {"rotations": bad}, {"rotations": (bad, 90.0)}):
            with pytest.raises(LabError, match=next(iter(given))):
                Extraction(**given)


GIVEN = (  # what papermill was given, and what is said about it
    ({"every_nth": "ten"}, "every_nth='ten': its default is 1, so it must be of kind int"),
    ({"every_nth": 2.5}, "every_nth=2.5: its default is 1"),
    ({"every_nth": -3}, "every_nth=-3: this must be a number, 0 or more"),
    ({"start_second": math.nan}, "start_second=nan: this must be a number"),
    ({"start_second": math.inf}, "start_second=inf: this must be a number"),
    ({"seed": -1}, "seed=-1"),
    ({"every_nht": 2}, "every_nht=2: this notebook has no such parameter. It has: preset, seed, out"),
)


def first_notebook():
    """The parameters cell of notebook 01, as a list."""
    path = notebooks.choose("01")[0]
    return [cell for cell in nbformat.read(path, 4).cells if notebooks.tags(cell) == ["parameters"]]


@pytest.mark.parametrize("given, said", GIVEN)
def test_what_papermill_gives_is_held_against_the_defaults(given, said, monkeypatch):
    cells = ["", first_notebook()[0].source, "# Parameters\n" + "\n".join(f"{name} = ..." for name in given), "setup()"]
    shell = types.SimpleNamespace(user_ns={"In": cells, **given})
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    with pytest.raises(LabError, match=re.escape(said)):
        notebooks.check_given()
    cells[2:] = ["# Parameters\nevery_nth = 2", "setup()"]
    shell.user_ns |= {"every_nth": 2}
    notebooks.check_given()


@pytest.mark.parametrize("given, said", (GIVEN[0], GIVEN[-1], ({"every_nth": 3, "start_second": 1}, "")))
def test_papermill_gets_a_sentence_about_a_parameter(tmp_path, given, said):
    """In a kernel: the parameters of notebook 01, then the quick half of its set-up."""
    code = "from faceswap_lab.course import runtime\n"
    code += f"run = runtime.prepare(preset, seed, {str(tmp_path / 'run')!r}, source, target)"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    short = nbformat.v4.new_notebook(
        cells=[*first_notebook(), nbformat.v4.new_code_cell(code)], metadata={"kernelspec": kernel}
    )
    nbformat.write(short, tmp_path / "short.ipynb")
    execute = {"kernel_name": "python3", "progress_bar": False}
    if not said:
        papermill.execute_notebook(tmp_path / "short.ipynb", tmp_path / "done.ipynb", given, **execute)
        assert (tmp_path / "run" / "run.json").exists()
        return
    with pytest.raises(papermill.PapermillExecutionError) as caught:
        papermill.execute_notebook(tmp_path / "short.ipynb", tmp_path / "done.ipynb", given, **execute)
    assert caught.value.ename == "LabError" and said in caught.value.evalue


def test_settings_of_a_run_are_finite():
    chosen = notebooks.choose("01")
    assert notebooks.read_settings(["start_second=2"], chosen) == {"start_second": 2}
    for wrong in ("start_second=1e999", "every_nth=-1", "start_second=nan"):
        with pytest.raises(LabError, match=f"--set {wrong}"):
            notebooks.read_settings([wrong], chosen)


def test_every_number_of_the_command_line_is_found():
    kinds = {(command, name) for command, name, *_ in numeric_options()}
    assert {("faces", "every"), ("faces", "start"), ("convert", "crf"), ("run", "seed"), ("score", "seed")} <= kinds
