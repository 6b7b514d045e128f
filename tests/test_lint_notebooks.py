"""The notebooks' lint finds what it is for, and the sync makes pairs that pass it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import lint_notebooks  # noqa: E402
import notebook_rules as rules  # noqa: E402
import sync_notebooks  # noqa: E402

SETTING = {"repository": "somebody/faceswap_lab", "branch": "main"}
TEXT = """# %% [markdown]
# # Faces
# **Goal**: find. **Minutes**: 5. **Needs**: a clip. **Makes**: faces.

# %% tags=["parameters"]
preset = "quick"
seed = 0
out = "runs/sample"
source = ""
target = ""
keep = ""

# %% [markdown]
# Why.

# %%
print(run.preset)
# %time print(seed)
"""


@pytest.fixture
def pair(tmp_path):
    """A notebook that passes, made from its text."""
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "02_faces.py").write_text(TEXT)
    sync_notebooks.sync(tmp_path / "02_faces.ipynb", SETTING)
    return tmp_path / "02_faces.ipynb"


def change(pair, edit):
    """Edits the notebook by a function, and brings its text in step where that is possible."""
    notebook = nbformat.read(pair, as_version=4)
    edit(notebook)
    pair.write_text(nbformat.writes(notebook))
    rules.text_path(pair).write_text(rules.write_text(notebook))


def test_a_synced_pair_passes_and_stays(pair):
    assert lint_notebooks.lint(pair, SETTING) == []
    for side in ("newer", "text", "ipynb"):
        assert sync_notebooks.sync(pair, SETTING, side) == []
    notebook = nbformat.read(pair, as_version=4)
    assert "somebody/faceswap_lab/blob/main/notebooks/02_faces.ipynb" in notebook.cells[0].source
    assert 'REPOSITORY = "somebody/faceswap_lab"' in notebook.cells[3].source and "%time" in notebook.cells[-1].source
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)


def test_newer_side_wins_and_badges_follow_the_setting(pair):
    text = rules.text_path(pair)
    text.write_text(text.read_text() + "\n# %% [markdown]\n# More.\n")
    os.utime(pair, (1, 1))
    assert set(sync_notebooks.sync(pair, SETTING)) == {pair}
    assert nbformat.read(pair, as_version=4).cells[-1].source == "More."
    moved = {**SETTING, "repository": "other/place"}
    assert set(sync_notebooks.sync(pair, moved)) == {pair, text}
    assert "other/place" in pair.read_text() and "somebody" not in pair.read_text()


EXERCISE = """
# %% [markdown] tags=["exercise"]
# Write it.

# %% tags=["stub"]
def twice(x):
    return None


# %% tags=["solution"]
def twice(x):
    return 2 * x


# %% tags=["check"]
twice = checks.twice(twice)

# %% [markdown] tags=["notes"]
# Some add two.

# %% [markdown]
# The end.
"""


@pytest.fixture
def taught(pair):
    """A pair with an exercise: its text has the solution, its notebook has not."""
    text = rules.text_path(pair)
    text.write_text(text.read_text() + EXERCISE)
    sync_notebooks.sync(pair, SETTING, "text")
    return pair


def sources(path):
    return [cell.source for cell in nbformat.read(path, as_version=4).cells]


def test_students_get_stubs_and_the_text_keeps_solutions(taught):
    before = rules.text_path(taught).read_text()
    assert "return 2 * x" in before and "Some add two" in before
    assert "return 2 * x" not in taught.read_text() and "Some add two" not in taught.read_text()
    assert lint_notebooks.lint(taught, SETTING) == []
    for side in ("ipynb", "text", "newer"):
        assert sync_notebooks.sync(taught, SETTING, side) == []
    assert rules.text_path(taught).read_text() == before
    ids = [cell.id for cell in nbformat.read(taught, as_version=4).cells]
    assert ids == [f"cell-{k:02d}" for k in range(len(ids))]


def test_what_is_edited_in_the_notebook_leaves_solutions_where_they_belong(taught):
    notebook = nbformat.read(taught, as_version=4)
    cell = next(cell for cell in notebook.cells if "stub" in cell.metadata.get("tags", []))
    cell.source = cell.source.replace("return None", "return None  # your turn")
    place = notebook.cells.index(cell)
    notebook.cells[place - 1].source = "Write it well."
    notebook.cells.insert(place + 1, nbformat.v4.new_markdown_cell("Between stub and check."))
    notebook.cells.insert(2, nbformat.v4.new_markdown_cell("Further up."))
    taught.write_text(nbformat.writes(notebook))
    sync_notebooks.sync(taught, SETTING, "ipynb")
    text = rules.read_text(rules.text_path(taught))
    told = ["".join(rules.tags(cell)) or cell.source for cell in text.cells]
    assert told[-7:] == ["exercise", "stub", "solution", "Between stub and check.", "check", "notes", "The end."]
    assert "Further up." in told and "Write it well." in rules.text_path(taught).read_text()


def test_a_solution_is_never_lost(taught, capsys):
    notebook = nbformat.read(taught, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if "stub" not in cell.metadata.get("tags", [])]
    taught.write_text(nbformat.writes(notebook))
    before = rules.text_path(taught).read_text()
    with pytest.raises(SystemExit):
        sync_notebooks.main(["--folder", str(taught.parent), "--from", "ipynb"])
    assert "behind 'stub twice' has no place" in capsys.readouterr().err
    assert rules.text_path(taught).read_text() == before


def test_solutions_have_them_in_the_stubs_place_and_notes_are_for_teachers(taught, tmp_path):
    first, second = sync_notebooks.write_solutions(taught, SETTING, tmp_path)
    assert first == tmp_path / "solutions" / taught.name and second == tmp_path / "notes" / f"{taught.stem}.md"
    assert sources(first)[-5:] == [
        "Write it.",
        "def twice(x):\n    return 2 * x",
        "twice = checks.twice(twice)",
        "Some add two.",
        "The end.",
    ]
    assert second.read_text().endswith(
        "Write it.\n\n```python\ndef twice(x):\n    return 2 * x\n```\n\nSome add two.\n"
    )
    assert sync_notebooks.write_solutions(taught, SETTING, tmp_path) == []


WRITTEN = """[a](../docs/law.md#duties) ![b](../docs/swap.png) <img src="../docs/swap.png"> [c](03_x.ipynb)
[d](https://github.com/other/place/blob/main/docs/law.md) [e](#below) [f](../../outside.md)"""
ABSOLUTE = """[a](https://github.com/some/lab/blob/main/docs/law.md#duties) \
![b](https://raw.githubusercontent.com/some/lab/main/docs/swap.png) \
<img src="https://raw.githubusercontent.com/some/lab/main/docs/swap.png"> \
[c](https://colab.research.google.com/github/some/lab/blob/main/notebooks/03_x.ipynb)
[d](https://github.com/other/place/blob/main/docs/law.md) [e](#below) [f](../../outside.md)"""


def test_links_open_on_colab_once_there_is_an_address_and_move_with_it(pair):
    known = {"repository": "some/lab", "branch": "main"}
    assert rules.absolute_links(WRITTEN, known) == ABSOLUTE and rules.relative_links(ABSOLUTE, known) == WRITTEN
    change(pair, lambda notebook: notebook.cells.append(WORDS(WRITTEN)))
    for setting in (known, {"repository": "", "branch": "main"}, SETTING, known):
        sync_notebooks.sync(pair, setting, "ipynb")
        last = nbformat.read(pair, as_version=4).cells[-1].source
        assert last == (ABSOLUTE.replace("some/lab", setting["repository"]) if setting["repository"] else WRITTEN)
        assert sync_notebooks.sync(pair, setting, "text") == []


def test_without_an_address_there_is_no_badge_but_a_way_to_upload(pair):
    nowhere = {"repository": "", "branch": "main"}
    sync_notebooks.sync(pair, nowhere)
    first = nbformat.read(pair, as_version=4).cells[0].source
    assert "badge" not in first and "Upload" in first and "faceswap_lab_colab.zip" in first
    assert lint_notebooks.lint(pair, nowhere) == []
    sync_notebooks.sync(pair, SETTING)
    assert nbformat.read(pair, as_version=4).cells[0].source.startswith("[![Open in Colab]")
    assert lint_notebooks.lint_folder(pair.parent, nowhere) == {pair.name: []}  # a clone keeps the badges it came with


def checkout(folder, repository, remote):
    """A folder with the one setting, and a git remote where one is given."""
    table = f'[tool.faceswap_lab]\nrepository = "{repository}"\nbranch = "main"\n'
    (folder / "pyproject.toml").write_text(table)
    if remote:
        for command in (["init", "-q"], ["remote", "add", "origin", remote]):
            subprocess.run(["git", "-C", str(folder), *command], check=True)
    return folder


@pytest.mark.parametrize(
    "remote, found",
    [
        ("https://github.com/some-body/lab.two.git", "some-body/lab.two"),
        ("https://token@github.com/somebody/lab/", "somebody/lab"),
        ("git@github.com:somebody/lab.git", "somebody/lab"),
        ("ssh://git@github.com/somebody/lab", "somebody/lab"),
        ("https://example.org/somebody/lab.git", ""),  # Colab opens GitHub's files only
        ("https://github.com.example.org/somebody/lab", ""),
        ("/srv/git/lab", ""),
        ("", ""),
    ],
)
def test_the_address_is_that_of_the_remote(tmp_path, remote, found):
    assert rules.read_setting(checkout(tmp_path, "", remote))["repository"] == found


def test_the_address_in_pyproject_comes_first_and_a_placeholder_is_refused(tmp_path):
    checkout(tmp_path, "first/lab", "https://github.com/second/lab")
    assert rules.read_setting(tmp_path)["repository"] == "first/lab"
    (tmp_path / "inside").mkdir()  # a copy without git, in another's checkout
    assert rules.read_setting(checkout(tmp_path / "inside", "", ""))["repository"] == ""
    for wrong in ("OWNER/faceswap_lab", "<your-name>/lab", "https://github.com/somebody/lab", "lab"):
        with pytest.raises(ValueError, match="Write owner/name"):
            rules.read_setting(checkout(tmp_path, wrong, ""))


def test_sync_strips_outputs(pair):
    notebook = nbformat.read(pair, as_version=4)
    notebook.cells[-1].outputs = [nbformat.v4.new_output("stream", text="hello")]
    notebook.cells[-1].execution_count = 3
    notebook.metadata["papermill"] = {"duration": 1}
    pair.write_text(nbformat.writes(notebook))
    assert any("outputs" in problem for problem in lint_notebooks.lint(pair, SETTING))
    sync_notebooks.sync(pair, SETTING, "ipynb")
    assert lint_notebooks.lint(pair, SETTING) == []


CODE, WORDS = nbformat.v4.new_code_cell, nbformat.v4.new_markdown_cell
EDITS = {
    "`parameters`": lambda notebook: notebook.cells[2].metadata.clear(),
    "literals only": lambda notebook: notebook.cells[2].__setitem__("source", "seed = 1 + int('2')"),
    "parameters missing: target": lambda notebook: notebook.cells[2].__setitem__(
        "source", notebook.cells[2].source.replace('target = ""', "")
    ),
    "first code cell": lambda notebook: notebook.cells.insert(1, CODE("1")),
    "is not the badge": lambda notebook: notebook.cells.pop(0),
    "no title card": lambda notebook: notebook.cells[1].__setitem__("source", "# Faces"),
    "set-up cell is not the one": lambda notebook: notebook.cells[3].__setitem__("source", "run = 1"),
    "median": lambda notebook: notebook.cells.extend([CODE("x = 1\n" * 8), WORDS("a")] * 4),
    "one in ten": lambda notebook: notebook.cells.append(CODE("x = 1\n" * 20)),
    "31 lines": lambda notebook: notebook.cells.append(CODE("x = 1\n" * 31)),
    "a words cell has 120": lambda notebook: notebook.cells.append(WORDS("word " * 120)),
    "words cells for": lambda notebook: notebook.cells.extend([CODE("1")] * 5),
    "OWNER/faceswap_lab is no address": lambda notebook: notebook.cells.append(
        WORDS("[a](https://github.com/OWNER/faceswap_lab)")
    ),
    "does not open on Colab": lambda notebook: notebook.cells.append(WORDS("[law](../02_faces.ipynb)")),
    "nowhere.md, which is not there": lambda notebook: notebook.cells.append(
        WORDS("[a](https://github.com/somebody/faceswap_lab/blob/main/docs/nowhere.md)")
    ),
    "path of one machine": lambda notebook: notebook.cells.append(CODE("open('/home/me/a')")),
    "it needs 7 modules": lambda notebook: notebook.cells.append(
        CODE("from faceswap_lab.faces import align, masks, mtcnn\nfrom faceswap_lab.models import octave as o\n"
             "lab.models.losses.l1(lab.metrics.gains, lab.swap.prepare, lab.align)")  # faces, two of its own, ...
    ),
    "empty cell": lambda notebook: notebook.cells.append(CODE("")),
    "figure without words": lambda notebook: notebook.cells.append(CODE("table.plot(figsize=(7, 3))")),
}


@pytest.mark.parametrize("message", EDITS)
def test_each_fault_is_found(pair, message):
    change(pair, EDITS[message])
    assert any(message in problem for problem in lint_notebooks.lint(pair, SETTING))


def test_old_format(pair):
    notebook = json.loads(pair.read_text())
    for cell in notebook["cells"]:
        del cell["id"]
    pair.write_text(json.dumps({**notebook, "nbformat_minor": 4}))
    assert "nbformat 4.4, not 4.5" in lint_notebooks.lint(pair, SETTING)


def test_pair_out_of_step(pair):
    text = rules.text_path(pair)
    text.write_text(text.read_text().replace("Why.", "Because."))
    assert any("in step" in problem for problem in lint_notebooks.lint(pair, SETTING))
    text.unlink()
    assert any("is missing" in problem for problem in lint_notebooks.lint(pair, SETTING))


def test_broken_file(pair):
    pair.write_text("{")
    assert "not a valid notebook" in lint_notebooks.lint(pair, SETTING)[0]


def test_long_cell_may_be_the_lesson(pair):
    long = CODE("x = 1\n" * 31, metadata={"tags": ["long-ok"]})
    change(pair, lambda notebook: notebook.cells.extend([*[CODE("1"), WORDS("a")] * 10, long]))
    assert lint_notebooks.lint(pair, SETTING) == []


def test_command_line(pair, capsys):
    text = pair.read_text()
    pair.write_text(text.replace("somebody", "someone", 1))
    assert lint_notebooks.main([str(pair.parent)]) == 1, "the badge is of another place than the set-up cell"
    assert sync_notebooks.main(["--folder", str(pair.parent)]) == 0
    assert lint_notebooks.main([str(pair.parent)]) == 0
    pair.unlink()
    assert lint_notebooks.main([str(pair.parent)]) == 1
    assert "its notebook is missing" in capsys.readouterr().out


def test_the_course_passes():
    if not list(rules.NOTEBOOKS.glob("*.ipynb")):
        pytest.skip("no notebooks here")
    found = lint_notebooks.lint_folder(rules.NOTEBOOKS, rules.read_setting(remote=False))
    assert {name: problems for name, problems in found.items() if problems} == {}


def test_jupyterlab_with_jupytext_opens_the_students_notebook(tmp_path):
    """Jupytext, which the lab installs, is also a plugin of JupyterLab: told to pair notebook and text, it would show every
    solution of the text, and write what a student types into the text."""
    pytest.importorskip("jupyter_server")
    from jupytext import TextFileContentsManager

    for name in ("pyproject.toml", "notebooks/00_welcome.ipynb", "notebooks/text/00_welcome.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    manager = TextFileContentsManager(root_dir=str(tmp_path))
    model = manager.get("notebooks/00_welcome.ipynb")
    marked = [tag for cell in model["content"].cells for tag in cell.metadata.get("tags", ())]
    assert "stub" in marked and not {"solution", "notes"} & set(marked)
    before = (tmp_path / "notebooks/text/00_welcome.py").read_text()
    model["content"].cells[-1].source = "a student's line"
    manager.save(model, "notebooks/00_welcome.ipynb")
    assert "a student's line" in (tmp_path / "notebooks/00_welcome.ipynb").read_text()
    assert (tmp_path / "notebooks/text/00_welcome.py").read_text() == before
