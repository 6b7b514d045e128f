"""The package's public face: at most 30 names, loaded when they are used, each with an example that runs."""

import ast
import contextlib
import doctest
import inspect
import subprocess
import sys
from types import ModuleType

import pytest
from consents import consented

import faceswap_lab as lab
from faceswap_lab.course.samples import ROOT
from faceswap_lab.faces.sources import read_sources

sys.path.insert(0, str(ROOT / "tools"))
import notebook_rules as rules  # noqa: E402

MISSING = object()
LESSONS = sorted((ROOT / "notebooks" / "text").glob("[0-9][0-9]_*.py"))
NAMES = [name for name in lab.__all__ if name != "__version__"]


def test_a_screenful_of_names():
    assert 20 <= len(NAMES) <= 30 and len(set(NAMES)) == len(NAMES)
    with pytest.raises(AttributeError, match="has no 'swop'"):
        lab.swop  # noqa: B018


def test_importing_the_package_loads_none_of_it():
    code = "import sys, faceswap_lab; print([n for n in ('keras', 'cv2', 'av', 'pandas', 'numpy') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A folder to work in, and what the examples go on from: the lines of the package's own docstring."""
    place = tmp_path_factory.mktemp("examples")
    (place / "data").symlink_to(ROOT / "data")
    names = {"lab": lab}
    with contextlib.chdir(place):
        run(doctest.DocTestParser().get_examples(lab.__doc__), "faceswap_lab", names)
    return place, names


def run(examples: list[doctest.Example], name: str, names: dict) -> None:
    test = doctest.DocTest(examples, {}, name, None, 0, None)
    test.globs = names  # not a copy: examples build on each other
    said: list[str] = []
    done = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=said.append, clear_globs=False)
    assert done.attempted and not done.failed, "".join(said)


def test_no_face_is_cut_out_of_a_clip_without_consent(tmp_path):
    """The tests' ledger has no record of this picture; and a set says whom it shows, for the conversions to come."""
    lab.write_picture(tmp_path / "anna.png", next(lab.open_video(lab.clip("talk_A").path).frames()).image)
    for source in (tmp_path / "anna.png", lab.open_video(tmp_path / "anna.png")):
        with pytest.raises(lab.LabError, match="consent"):
            lab.extract_faces(source, tmp_path / "set")
    assert not (tmp_path / "set").exists()
    consented(tmp_path / "anna.png")
    assert len(lab.extract_faces(tmp_path / "anna.png", tmp_path / "set")) == 1
    assert read_sources(tmp_path / "set")[0].identities == ("tested",)


@pytest.mark.parametrize("name", NAMES)
def test_the_example_runs(name, begun, monkeypatch):
    place, names = begun
    monkeypatch.chdir(place)
    examples = doctest.DocTestParser().get_examples(getattr(lab, name).__doc__)
    assert examples, f"{name} has no example"
    run(examples, name, names)


def unknown(source: str) -> list[str]:
    """What Python code takes from the package that is not there, by dotted name."""
    given, missing, tree = {"lab": lab}, [], ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "faceswap_lab":
            try:
                exec(ast.unparse(node), given)
            except ImportError as error:
                missing.append(str(error))
    for node in ast.walk(tree):
        names, place = [], node
        while isinstance(place, ast.Attribute):
            names, place = [place.attr, *names], place.value
        found = given.get(place.id) if names and isinstance(place, ast.Name) else None
        for name in names:
            if not isinstance(found, ModuleType) and not inspect.isclass(found):
                break  # what a value has is known when it runs
            found = getattr(found, name, MISSING)
        missing += [ast.unparse(node)] if found is MISSING else []
    return missing


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_what_a_lesson_takes_from_the_package_is_there(path):
    cells = [cell for cell in rules.read_text(path).cells if cell.cell_type == "code"]
    assert not unknown(ast.unparse(ast.Module([one for cell in cells for one in rules.parsed(cell).body], [])))


def test_what_is_not_there_is_found():
    code = """
from faceswap_lab.faces import masks
from faceswap_lab.faces import ears
lab.widgets.row(masks.eye_mask, masks.ear_mask, lab.faces.five_points.x, lab.metrics.gains.GainMeasure.MORE)
"""
    missing = unknown(code)
    assert "cannot import name 'ears'" in missing[0]
    assert sorted(missing[1:]) == ["lab.metrics.gains.GainMeasure.MORE", "masks.ear_mask"]
