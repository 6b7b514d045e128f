"""`make slides`: what a slide shows and what is said, offline. `make class-pack`: a run of the actors, and of nobody else."""

import base64
import json
import re
import struct
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import executed  # noqa: E402
import make_class_pack  # noqa: E402
import make_site  # noqa: E402
import make_slides  # noqa: E402

V4 = nbformat.v4
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 800, 400)).decode()
PICTURE = V4.new_output("display_data", data={"image/png": PNG, "text/plain": "<Figure>"})
PANEL = V4.new_output("display_data", data={executed.WIDGET: {"model_id": "x"}, "text/plain": "VBox()"})


def test_structure_and_what_asks_is_shown_and_sentences_are_said():
    shown, said = make_slides.split_words(
        "## Masks\nAn eye mask takes three steps. It guides the loss. **Predict** its width.\n\n$$a+b$$\n\n| a | b |\n|---|---|"
    )
    assert shown == "## Masks\n\n**Predict** its width.\n\n$$a+b$$\n\n| a | b |\n|---|---|"
    assert said.startswith("An eye mask takes three steps. It guides")
    assert make_slides.split_words("## Masks\nOne sentence. Another.")[0] == "## Masks\n\nOne sentence."


def test_what_would_leave_a_slide_nearly_empty_stands_on_the_one_beside_it():
    def code(*outputs, source="draw()", tags=()):
        return V4.new_code_cell(source, outputs=list(outputs), metadata={"tags": list(tags)})

    printed = V4.new_output("stream", text="3 faces")
    cells = [
        V4.new_markdown_cell("## Faces\nHere they are."), code(PICTURE),
        V4.new_markdown_cell("**Look**: whose are they?\n\n## Masks\n**Predict** their width."), code(PICTURE),
        code(PICTURE), V4.new_markdown_cell("One word more."), code(printed, tags=["check"]), code(tags=["quiz"]),
        V4.new_markdown_cell("word " * 200), code(printed),
    ]  # fmt: skip
    made = make_slides.slides_of(V4.new_notebook(cells=cells)).cells
    kinds = [(cell.source.split("\n")[0][:10], cell.metadata.slideshow.slide_type) for cell in made]
    assert [kind for kind in kinds if kind[1] != "notes"] == [
        ("## Faces", "slide"), ("draw()", "-"), ("**Look**: ", "-"),
        ("## Masks", "slide"), ("draw()", "fragment"),  # only after the guess
        ("draw()", "subslide"), ("One word m", "-"), ("draw()", "fragment"),
        ("word word ", "subslide"), ("draw()", "subslide"),
    ]  # fmt: skip


@pytest.fixture
def run(tmp_path):
    """A run whose 01 was executed: one cell as it stands today, one that was changed since."""
    lesson = nbformat.read(ROOT / "notebooks" / "01_frame_extraction.ipynb", as_version=4)
    code = [cell for cell in lesson.cells if cell.cell_type == "code" and "setup" not in cell.metadata.get("tags", [])]
    code[3].outputs, code[4].outputs = [PICTURE, PANEL], [PICTURE]
    code[4].source += "  # an older text"
    (tmp_path / "run" / "notebooks").mkdir(parents=True)
    nbformat.write(lesson, tmp_path / "run" / "notebooks" / "01_frame_extraction.ipynb")
    return tmp_path / "run"


def test_outputs_come_from_the_cells_that_are_still_the_same(run):
    notebook = ROOT / "notebooks" / "01_frame_extraction.ipynb"
    lesson, filled = executed.with_outputs(notebook, run)
    assert filled == 1 and sum(len(cell.get("outputs", [])) for cell in lesson.cells) == 2
    assert not any(
        executed.WIDGET in output.get("data", {}) for cell in lesson.cells for output in cell.get("outputs", [])
    )
    assert executed.with_outputs(notebook, run / "nowhere")[1] == 0


def test_slides_need_no_network_and_have_notes(run, tmp_path):
    path, count, filled = make_slides.write_slides(ROOT / "notebooks" / "01_frame_extraction.ipynb", run, tmp_path)
    page = path.read_text(encoding="utf-8")
    assert count > 10 and filled == 1 and page.count('<aside class="notes">') > 10
    loaded = re.findall(r"<(?:script|link|img|video)[^>]+(?:src|href)=\"([^\"]+)\"", page)
    assert loaded and not [address for address in loaded if re.match(r"(https?:)?//", address)]
    assert f"data:image/png;base64,{PNG}" in page and "run.predict(" not in page and "sys.exit" not in page
    assert "import mermaid" not in page and r"\sqrt{\frac{1+[k>0]}{8}}".replace(">", "&gt;") in page


@pytest.mark.parametrize("tool", [make_slides, make_site])
def test_slides_and_site_show_nobody_else_and_empty_no_folder_of_others(finished, tmp_path, tool, monkeypatch, capsys):
    monkeypatch.setattr(executed.shutil, "rmtree", lambda *_, **__: pytest.fail("it emptied a folder"))
    mine = tmp_path / "thesis"
    mine.mkdir()
    (mine / "chapter.md").write_text("mine")
    with pytest.raises(SystemExit):
        tool.main(["--run", str(finished), "--out", str(mine)])
    assert "holds other files" in capsys.readouterr().err and (mine / "chapter.md").read_text() == "mine"
    (finished / "run.json").write_text(json.dumps({"clips": {"source": "/videos/anna.mp4"}}))
    with pytest.raises(SystemExit):
        tool.main(["--run", str(finished), "--out", str(tmp_path / "new")])
    assert "faces of people" in capsys.readouterr().err and not (tmp_path / "new").exists()


@pytest.fixture
def finished(tmp_path):
    run = tmp_path / "runs" / "sample"
    for name in ("index.html", "predictions.json", "models/a/checkpoints/step_10/x", "models/a/checkpoints/step_20/x",
                 "practice/big.npz", "faces/spoilt/dark/faces/1.png", "faces/A/faces/1.png", "swap.mp4"):  # fmt: skip
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_bytes(name.encode())
    (run / "run.json").write_text(
        json.dumps({"clips": {"source": "data/actors/train_B.mp4", "target": "data/actors/talk_A.mp4"}})
    )
    return run


def test_the_pack_holds_what_is_opened_and_nobodys_predictions(finished, tmp_path):
    first = make_class_pack.make_pack(finished, tmp_path / "one" / "pack.zip").read_bytes()
    assert first == make_class_pack.make_pack(finished, tmp_path / "two" / "pack.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one" / "pack.zip") as pack:
        assert {name.removeprefix("runs/sample/") for name in pack.namelist()} == {
            "index.html", "run.json", "swap.mp4", "models/a/checkpoints/step_20/x", "faces/A/faces/1.png"}  # fmt: skip


def test_no_pack_of_a_run_that_is_being_written(finished):
    with files.claimed(finished, inside=True), pytest.raises(LabError, match="another process is at work"):
        make_class_pack.pack_files(finished)
    assert len(make_class_pack.pack_files(finished)) == 5


def test_no_pack_of_living_people_and_none_of_nothing(finished, tmp_path):
    (finished / "run.json").write_text(
        json.dumps({"clips": {"source": "/videos/anna.mp4", "target": "data/actors/talk_A.mp4"}})
    )
    with pytest.raises(LabError, match="faces of people"):
        make_class_pack.make_pack(finished, tmp_path / "packs" / "pack.zip")
    assert not (tmp_path / "packs").exists() or not list((tmp_path / "packs").iterdir())
    for own in ("data/anna.mp4", "data/actors/../../anna.mp4"):  # a video of one's own in the lab's data shows no actor
        (finished / "run.json").write_text(json.dumps({"clips": {"source": own, "target": "data/actors/talk_A.mp4"}}))
        with pytest.raises(LabError, match="faces of people"):
            make_class_pack.pack_files(finished)
    with pytest.raises(LabError, match="no finished run"):
        make_class_pack.pack_files(tmp_path)
