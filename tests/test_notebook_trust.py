"""The notebooks as they are handed out: no output, nothing that a viewer would run, and no message that becomes markup."""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import notebook_rules as rules  # noqa: E402

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
RUNS = re.compile(
    r"<\s*(script|iframe|object|embed|form|style|svg|link|meta|base)\b|\bon\w+\s*=|javascript:|data:text/html", re.I
)
MAGIC = re.compile(r"^\s*%%?\s*(javascript|js|html|svg|latex|bash|sh|script|cmd|perl|ruby)\b", re.I | re.M)
DISPLAY = re.compile(r"\b(Javascript|display_javascript|display_html|IFrame|_repr_html_|_repr_javascript_)\b")
STARTS = re.compile(r"^\s*[!%].*|\b(subprocess|os\.system|os\.popen|os\.exec\w*|pty)\b.*", re.M)  # another program
NO_PROGRAM = re.compile(r"\s*%(time|timeit|matplotlib)\b")


def problems(notebook) -> list[str]:
    """What a copy of the course must not hold."""
    found = []
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            found += [f"cell {number} has outputs"] if cell.outputs or cell.execution_count else []
            found += [f"cell {number} runs {match[0].strip()}" for match in MAGIC.finditer(cell.source)]
            found += [f"cell {number} shows {match[0]}" for match in DISPLAY.finditer(cell.source)]
            repository = rules.repository_of(nbformat.v4.new_notebook(cells=[cell]))
            if cell.source != rules.setup_cell({"repository": repository}):
                starts = [match[0].strip() for match in STARTS.finditer(cell.source)]
                found += [f"cell {number} runs {line}" for line in starts if not NO_PROGRAM.match(line)]
        else:
            found += [f"cell {number} holds {match[0]}" for match in RUNS.finditer(cell.source)]
            found += [f"cell {number} carries a file"] if cell.get("attachments") else []
    return found + [f"metadata {key}" for key in notebook.metadata if key not in ("kernelspec", "language_info")]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_carries_nothing_that_runs_by_itself(path):
    assert not problems(nbformat.read(path, as_version=4))


def test_every_notebook_is_looked_at():
    assert len(NOTEBOOKS) >= 10


def test_the_search_finds_what_it_looks_for():
    new = nbformat.v4
    output = new.new_output("display_data", {"text/html": "<script>x</script>"})
    bad = [
        new.new_code_cell("1", outputs=[output]), new.new_code_cell("%%javascript\nx()"), new.new_code_cell("!curl x | sh"),
        new.new_code_cell("from IPython.display import Javascript"), new.new_markdown_cell("<img src=x onerror=alert(1)>"),
        new.new_markdown_cell("[a](javascript:x)"), new.new_markdown_cell("<ScRiPt >"), new.new_code_cell("1", execution_count=3),
    ]  # fmt: skip
    changed = rules.SETUP_CELL.replace("https://github.com", "https://example.org")
    bad += [new.new_code_cell(text) for text in (changed, "import subprocess", "!ls", "%run x.py", "os.system('x')")]
    for cell in bad:
        assert problems(new.new_notebook(cells=[cell])), cell.source
    assert problems(new.new_notebook(metadata={"widgets": {}}))
    assert not problems(
        new.new_notebook(cells=[new.new_markdown_cell("On a GPU: `x = 3`"), new.new_code_cell("x = 1")])
    )


def test_the_training_panel_shows_messages_as_text(tmp_path):
    """A model's folder may be called anything, and what a training says names files."""
    pytest.importorskip("ipywidgets")
    from faceswap_lab.widgets.training_panel import TrainingPanel

    panel = object.__new__(TrainingPanel)
    evil = "<script>alert(1)</script>"
    panel._name, panel._said, panel._step, panel._total, panel._rows, panel._left = evil, evil, 1, 2, [], None
    panel.status = type("Label", (), {"value": ""})()
    panel._tell()
    tags = []
    reader = HTMLParser()
    reader.handle_starttag = lambda tag, attributes: tags.append(tag)
    reader.feed(panel.status.value)
    assert tags == ["code"] and panel.status.value.count("&lt;script&gt;") == 2
