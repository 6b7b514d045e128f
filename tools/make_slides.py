"""Makes build/slides: lessons 00 to 06 as reveal.js slides with speaker notes, offline. Run it as `make slides`.

A slide shows headings, formulas, tables, lists, what is to be predicted and looked at, short code, and the pictures of a finished
run; the sentences go into the speaker notes (press S). What would leave a slide nearly empty stands on the one before or after,
as far as it fits. Tags of a cell count more: `slide`, `notes` or `skip`.
"""

from __future__ import annotations

import argparse
import base64
import importlib.util
import math
import re
import shutil
import struct
import sys
from pathlib import Path

import executed
import nbformat
import notebook_rules as rules
from nbconvert import SlidesExporter
from traitlets.config import Config

LESSONS = ("00", "01", "02", "03", "04", "05", "06")
LEFT_OUT = {"parameters", "setup", "injected-parameters", "predict", "quiz", "skip"}
MOST_LINES = 12  # of code on a slide
FEW_WORDS = 40  # with fewer, and without a picture, a slide is nearly empty
HEIGHT = 700  # pixels of a slide, as `tools/slides` sets it and its fonts
ACTED = re.compile(r"^\W*(Predict|Look|Check|Watch|Goal|Minutes|Needs|Makes|Next)\b")
TEMPLATES = rules.ROOT / "tools" / "slides"


def split_words(text: str) -> tuple[str, str]:
    """A words cell as what a slide shows and what is said.

    Args:
        text: Markdown.

    Returns:
        (shown, said): of each paragraph without structure only the sentences that ask for something are shown, and of a cell
        without any the first sentence.
    """
    shown, said = [], []
    for block in re.split(r"\n\s*\n", text):
        if block.startswith("#"):
            heading, _, block = block.partition("\n")
            shown.append(heading)
        if not block.strip():
            continue
        if block.lstrip().startswith(("|", "- ", "1. ", "$$", "!", "<")) or re.search(r"^(\d+\.|-) ", block, re.M):
            shown.append(block)
            continue
        sentences = re.split(r"(?<=[.?!:])(?<!\*\*:)\s+(?=[A-Z*\[`(])", block)
        shown += [sentence for sentence in sentences if ACTED.match(sentence)]
        said.append(block)
    if not any(not line.startswith("#") for line in shown) and said:
        shown.append(re.split(r"(?<=[.?!])\s+(?=[A-Z*\[`(])", said[0])[0])
    return "\n\n".join(shown), "\n\n".join(said)


def slides_of(lesson: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A lesson as a notebook of slides: cells with a `slide_type` each."""
    made = nbformat.v4.new_notebook(metadata=rules.KERNEL)
    now: list[nbformat.NotebookNode] = []  # what the slide shows so far

    def add(cell, tags: set[str]) -> None:
        kind = _kind(cell, tags, now)
        if kind in ("slide", "subslide"):
            now.clear()
        now.append(cell)
        put(cell, kind, tags)

    def put(cell, kind: str, tags: set[str]) -> None:
        cell.metadata = nbformat.from_dict({"slideshow": {"slide_type": kind}, "tags": sorted(tags)})
        made.cells.append(cell)

    for cell in lesson.cells:
        tags = set(rules.tags(cell))
        if tags & LEFT_OUT or rules.is_badge(cell) or "run.finish(" in cell.source:
            continue
        if cell.cell_type == "markdown":
            for part in re.split(r"\n(?=#+ )", cell.source):  # what comes before a heading belongs to the slide before
                shown, said = ("", part) if "notes" in tags else split_words(part)
                if shown:
                    add(nbformat.v4.new_markdown_cell(shown), tags)
                if said:
                    put(nbformat.v4.new_markdown_cell(said), "notes", tags)
        elif cell.outputs or "slide" in tags or len(cell.source.splitlines()) <= MOST_LINES:
            if len(cell.source.splitlines()) > MOST_LINES and "slide" not in tags:
                cell.source, tags = "", {"hide-code"}
            add(cell, tags)
    return made


def _kind(cell, tags: set[str], now: list) -> str:
    """A cell's `slide_type` after the cells `now` of the slide so far: a new slide, or "-" or "fragment" on this one."""
    if cell.cell_type == "markdown" and (cell.source.startswith("#") or "slide" in tags):
        return "slide"
    if "slide" in tags or not now or sum(map(_height, [*now, cell])) > HEIGHT:
        return "subslide"
    is_code = cell.cell_type == "code"
    if is_code and not cell.outputs:
        return "fragment"
    if not (_nearly_empty([cell]) or _nearly_empty(now)):
        return "subslide"
    guess_first = any("**Predict**" in one.source for one in now)
    return "fragment" if guess_first or (is_code and "check" in tags) else "-"


def _printed(cell) -> list[str]:
    """The text of a cell's outputs, a string each; pictures, videos and tables are none."""
    data = [output.get("data", {"text/plain": output.get("text", "")}) for output in cell.get("outputs", [])]
    return [one.get("text/plain", "") for one in data if set(one) == {"text/plain"}]


def _nearly_empty(cells) -> bool:
    """Whether cells have few words and no picture, formula or table."""
    if any(len(_printed(cell)) < len(cell.get("outputs", [])) or re.search(r"\$\$|!\[|\|--", cell.source) for cell in cells):
        return False
    return sum(len(text.split()) for cell in cells for text in (cell.source, *_printed(cell))) < FEW_WORDS


def _height(cell) -> int:
    """How many pixels of a slide a cell takes, roughly."""
    if cell.cell_type == "code":
        printed = sum(min(430, 20 * (text.count("\n") + 2)) for text in _printed(cell))
        pictures = [output.data for output in cell.outputs if "data" in output and set(output.data) != {"text/plain"}]
        lines = sum(math.ceil(len(line) / 105) for line in cell.source.splitlines())  # longer ones wrap
        return 21 * lines + 20 + printed + sum(map(_picture_height, pictures))
    return sum(60 * math.ceil(len(line) / 70) if line else 10 for line in cell.source.splitlines())


def _picture_height(data) -> int:
    """Of a PNG, at most as wide as a slide; of anything else the most that `tools/slides` allows."""
    if "image/png" not in data:
        return 450
    width, height = struct.unpack(">II", base64.b64decode(data["image/png"][:32])[16:24])
    return 20 + min(430, height * min(width, 1060) // width)


def write_slides(notebook: Path, run: Path | None, folder: Path) -> tuple[Path, int, int]:
    """Writes one lesson's slides.

    Returns:
        The file, the number of slides, and how many cells show what a run made.
    """
    lesson, filled = executed.with_outputs(notebook, run)
    slides = slides_of(lesson)
    settings = Config({"SlidesExporter": {"reveal_url_prefix": "reveal", "exclude_input_prompt": True}})
    settings.TagRemovePreprocessor.remove_input_tags = {"hide-code"}
    exporter = SlidesExporter(config=settings, template_name="offline", extra_template_basedirs=[str(TEMPLATES)])
    exporter.register_preprocessor("nbconvert.preprocessors.TagRemovePreprocessor", enabled=True)
    body, _ = exporter.from_notebook_node(slides, resources={"metadata": {"name": notebook.stem}})
    path = folder / f"{notebook.stem}.html"
    path.write_text(body, encoding="utf-8")
    kinds = [cell.metadata.slideshow.slide_type for cell in slides.cells]
    return path, kinds.count("slide") + kinds.count("subslide"), filled


def copy_scripts(folder: Path) -> None:
    """Copies what a browser needs for the slides, from the packages that vendor it: reveal.js, and MathJax's one file."""
    reveal = Path(importlib.util.find_spec("sphinx_revealjs").origin).parent / "_static" / "revealjs"
    for part in ("dist", "plugin/notes"):
        shutil.copytree(reveal / part, folder / part, ignore=shutil.ignore_patterns("*.map", "*.esm.js"))
    shutil.copy(reveal / "LICENSE", folder / "LICENSE")
    shutil.copy(executed.mathjax(), folder / "tex-svg.js")


def main(arguments: list[str] | None = None) -> int:
    """Makes the slides, and says what each shows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--run", type=Path, default=rules.ROOT / "runs" / "sample", help="a finished run, for its pictures"
    )
    parser.add_argument("--out", type=Path, default=rules.ROOT / "build" / "slides")
    options = parser.parse_args(arguments)
    try:
        executed.check_run(options.run)
        executed.empty_folder(options.out)
    except executed.LabError as error:
        parser.error(str(error))
    copy_scripts(options.out / "reveal")
    for notebook in sorted(rules.NOTEBOOKS.glob("*.ipynb")):
        if notebook.name[:2] in LESSONS:
            path, count, filled = write_slides(notebook, options.run, options.out)
            seen = f"{filled} cells with the run's output" if filled else "not executed: no run has it"
            print(f"{path.name}: {count} slides, {seen}, {path.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
