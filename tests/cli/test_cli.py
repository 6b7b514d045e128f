"""The command line: what it refuses at once, how it runs notebooks, goes on after a stop, and reports errors."""

import argparse
import dataclasses
import re
import subprocess
import sys

import nbformat
import pytest

from faceswap_lab import __main__
from faceswap_lab.base import files, weights
from faceswap_lab.base.errors import LabError
from faceswap_lab.cli import fields
from faceswap_lab.course import execution, notebooks, runtime
from faceswap_lab.faces.options import Extraction
from faceswap_lab.swap.options import ConversionOptions

PARAMETERS = 'preset = "quick"\nseed = 0\nout = ""\nsource = ""\ntarget = ""\n'
FIRST = """from pathlib import Path
from faceswap_lab.course import runtime
run = runtime.prepare(preset, seed, out, source, target)
Path(out, "count.txt").open("a").write("1")"""
SECOND = """from faceswap_lab.course import runtime
from faceswap_lab.base.errors import LabError
run = runtime.prepare(preset, seed, out, source, target)
if fail == "lab":
    raise LabError("clip.mp4: no face in any frame. Use a clip that shows a face.")
if fail == "other":
    1 / 0
if fail == "killed":
    import os
    os._exit(9)
run.finish("02_second", f"{steps} steps at {rate}")"""


def write_notebook(path, parameters, code):
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}),
            nbformat.v4.new_code_cell(code),
        ],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    )
    nbformat.write(notebook, path)


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """A course of two small notebooks, two files that pass for clips, and a folder to run in."""
    folder = tmp_path / "note {books} ü"
    folder.mkdir()
    write_notebook(folder / "01_first.ipynb", PARAMETERS, FIRST)
    write_notebook(folder / "02_second.ipynb", PARAMETERS + 'steps = 5\nrate = 0.5\nfail = ""\n', SECOND)
    found = notebooks.all_notebooks(folder)
    monkeypatch.setattr(notebooks, "all_notebooks", lambda *_: found)
    monkeypatch.setattr(execution, "check_clips", lambda clips: [f"source: {clips.source.name}"])
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).write_bytes(name.encode())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(lab, *arguments):
    return __main__.main(["run", "--source", "b.mp4", "--target", "a.mp4", "--out", "out {1} ü", *arguments])


def test_run_skip_and_run_again(lab, capsys):
    out = lab / "out {1} ü"
    assert run(lab, "--set", "steps=7") == 0
    printed = capsys.readouterr().out
    assert "[1/2] 01_first" in printed and "count.txt" in printed
    assert "[2/2] 02_second" in printed and "7 steps at 0.5" in printed and "min" in printed
    assert f"Open {out}/index.html" in printed
    assert (out / "notebooks" / "02_second.ipynb").exists() and (out / "count.txt").read_text() == "1"

    assert run(lab, "--set", "steps=7") == 0
    assert capsys.readouterr().out.count("done before") == 2, "nothing changed"

    assert run(lab, "--set", "rate=1") == 0
    printed = capsys.readouterr().out
    assert printed.count("done before") == 1 and "5 steps at 1" in printed, "only the notebook that has the parameter"

    files.write_json(out / "stages" / "01_first.json", {"done": False})  # what a killed notebook leaves
    assert run(lab, "--only", "1") == 0
    assert "done before" not in capsys.readouterr().out
    assert (out / "count.txt").read_text() == "11"

    (lab / "a.mp4").write_bytes(b"another clip of that name")
    assert run(lab, "--only", "1") == 0
    assert (out / "count.txt").read_text() == "111"


@pytest.mark.parametrize(
    ("fail", "message"),
    [
        ("lab", "clip.mp4: no face in any frame"),
        ("other", "02_second: cell 3 failed with ZeroDivisionError: division by zero"),
        ("killed", "ended from outside"),
    ],
)
def test_errors_in_a_notebook(lab, capsys, fail, message):
    assert run(lab, "--only", "02", "--set", f"fail={fail}") == 1
    captured = capsys.readouterr()
    assert message in captured.err and "02_second.ipynb" in captured.err
    assert "Traceback" not in captured.err and len(captured.err.strip().splitlines()) <= 2
    assert "stopped" in captured.out
    assert (lab / "out {1} ü" / "index.html").exists(), "the page shows what there is"
    assert runtime.read_marker(lab / "out {1} ü" / "stages" / "02_second.json")["done"] is False


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "stepz=5"], "--set stepz: no chosen notebook has a parameter.*Known: fail, rate, steps"),
        (["--set", "steps"], "not name=value"),
        (["--set", "steps=many"], "default is 5, so it must be of kind int"),
        (["--set", "steps=2.5"], "of kind int"),
        (["--set", "seed=3"], "Use --seed instead"),
        (["--only", "01", "--set", "steps=5"], "Known: none"),
        (["--only", "07"], "--only 07: there is no notebook.*01, 02"),
        (["--preset", "fast"], "Choose one of quick, class, full"),
        (["--source", "none.mp4"], "none.mp4: no such file"),
        (["--target-training", "none.mp4"], "none.mp4: no such file"),
    ],
)
def test_refused_at_once(lab, capsys, arguments, message):
    assert run(lab, *arguments) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert re.search(message, captured.err, re.DOTALL)
    assert not (lab / "out {1} ü").exists()


def test_bad_clip_is_refused_before_the_notebooks(lab, capsys, monkeypatch):
    def refuse(clips):
        raise LabError("b.mp4: this is no video.")

    monkeypatch.setattr(execution, "check_clips", refuse)
    assert run(lab) == 1
    captured = capsys.readouterr()
    assert "b.mp4: this is no video." in captured.err and "[1/2]" not in captured.out


def test_a_disk_without_room_is_refused_before_anything_slow(lab, capsys, monkeypatch):
    def slow(*given):
        raise AssertionError("the base began to swap")

    write_notebook(lab / "03_x.ipynb", "x = 1", "x")
    monkeypatch.setattr(execution, "first_swap", slow)
    monkeypatch.setattr(execution, "SPACE_NEEDED", 10**18)
    assert run(lab) == 1
    assert "MB are needed here" in capsys.readouterr().err


def test_a_long_lesson_shows_that_it_lives(lab, capsys, monkeypatch):
    monkeypatch.setattr(execution, "BEAT", 0.05)  # a kernel's start takes longer
    assert run(lab, "--only", "1") == 0
    assert re.search(r"\[1/1\] 01_first +\.+ +0\.\d min", capsys.readouterr().out)


def test_values(lab):
    chosen = notebooks.choose()
    read = notebooks.read_settings(["steps=9", "rate=2", "fail=it's fine", "fail='quoted'"], chosen)
    assert read == {"steps": 9, "rate": 2, "fail": "quoted"}
    assert notebooks.read_settings(["fail=a=b"], chosen) == {"fail": "a=b"}


def test_steps_of_fine_tuning_are_none_or_more(lab, capsys):
    assert run(lab, "--fine-tune", "-1") == 1
    assert "--fine-tune" in capsys.readouterr().err and not (lab / "out {1} ü").exists()


def test_name_is_no_path(lab, capsys):
    assert __main__.main(["run", "--source", "b.mp4", "--target", "a.mp4", "--name", "../x"]) == 1
    assert "Use --out" in capsys.readouterr().err


def test_parameters_cell_of_more_than_literals(lab):
    write_notebook(lab / "03_x.ipynb", "steps = int('3')", "1")
    with pytest.raises(LabError, match="literals only"):
        notebooks.parameters(lab / "03_x.ipynb")


def test_cleaning_a_face_set_counts(lab):
    picture = lab / "run" / "faces" / "A" / "faces" / "000000_0.png"
    files.write_text(picture, "")
    one = runtime.prepare(out=lab / "run", source=lab / "b.mp4", target=lab / "a.mp4")
    later = lab / "03_later.ipynb"
    write_notebook(later, PARAMETERS, "1")
    before = execution.run_fingerprint(one, later, {})
    assert execution.run_fingerprint(one, later, {}) == before
    picture.unlink()
    assert execution.run_fingerprint(one, later, {}) != before


def test_other_conversion_settings_count_from_notebook_05_on(lab):
    one = runtime.prepare(out=lab / "run", source=lab / "b.mp4", target=lab / "a.mp4")
    places = {name: lab / f"{name}_later.ipynb" for name in ("04", "05")}
    for path in places.values():
        write_notebook(path, PARAMETERS, "1")
    before = {name: execution.run_fingerprint(one, path, {}) for name, path in places.items()}
    files.write_text(one.out / "conversion_settings.json", '{"erode": 4}')
    after = {name: execution.run_fingerprint(one, path, {}) for name, path in places.items()}
    assert after["04"] == before["04"] and after["05"] != before["05"]


def test_report_command(lab, capsys):
    assert __main__.main(["report", "no such"]) == 1
    assert "no such run" in capsys.readouterr().err
    (lab / "somewhere").mkdir()
    assert __main__.main(["report", "somewhere"]) == 0
    assert (lab / "somewhere" / "index.html").exists()


def test_doctor(capsys):
    code = __main__.main(["doctor"])
    printed = capsys.readouterr().out
    for word in (
        "Python",
        "tensorflow",
        "device",
        "FFmpeg",
        "GB free",
        "weights",
        "bundled clips",
        "signs with",
    ):
        assert word in printed
    assert re.search(r"consent ledger.*own, 3 bundled, can be written", printed)
    assert all(row["state"] == "ok" for row in weights.report())
    assert code == 0 and "Problem" not in printed


def test_help_as_a_module_loads_no_library():
    """It would take a second or more; whole libraries load when a command needs them."""
    command = [sys.executable, "-X", "importtime", "-m", "faceswap_lab", "--help"]
    asked = subprocess.run(command, capture_output=True, text=True, cwd=runtime.ROOT, check=True)
    names = "run | faces | diagnose | convert | score | compare | consent | verify | clean | grade | doctor | report"
    assert names in " ".join(asked.stdout.split())
    loaded = {line.rpartition("|")[2].strip() for line in asked.stderr.splitlines()}
    assert "faceswap_lab.base.environment" in loaded and not loaded & {"numpy", "pandas", "cv2", "av", "keras"}


@dataclasses.dataclass(frozen=True)
class Base:
    """What is asked.

    Args:
        shape: "round" or "square",
            5 % larger, see `swap.masks`.
    """

    shape: str = "round"


@dataclasses.dataclass(frozen=True)
class Options(Base):
    """More.

    Args:
        least, most: pixels.
        angles: degrees.
        corner: of the box.
        keep: what is there.
        fast_mode: in a hurry.
    """

    least: int = 3
    most: float | None = None
    angles: float | tuple[float, ...] = ()
    corner: tuple[int, int] = (4, 5)
    keep: bool = True
    fast_mode: bool = False


def test_options_of_a_dataclass():
    parser = argparse.ArgumentParser()
    fields.add_fields(parser, Options)
    assert fields.given_fields(parser.parse_args([]), Options) == {}
    given = "--shape square --least 7 --most -0.5 --angles 90 -90 --corner 1 2 --no-keep --fast-mode".split()
    assert fields.given_fields(parser.parse_args(given), Options) == {
        "shape": "square", "least": 7, "most": -0.5, "angles": [90.0, -90.0], "corner": [1, 2], "keep": False, "fast_mode": True,
    }  # fmt: skip
    said = " ".join(parser.format_help().split())
    for words in ('"round" or "square", 5 % larger. (default: round)', "--most X pixels.",
                  "--corner N N of the box. (default: 4 5)", "--no-keep switch this off: what is there."):  # fmt: skip
        assert words in said, words
    with pytest.raises(SystemExit):
        parser.parse_args(["--least", "2.5"])


@pytest.mark.parametrize("options", [ConversionOptions, Extraction])
def test_every_field_is_described(options):
    said = fields.descriptions(options)
    assert all(said[field.name] for field in dataclasses.fields(options)) and not any(
        "see `" in one for one in said.values()
    )
