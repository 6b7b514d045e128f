"""Papers and formulas of the notebooks: every paper named stands in the bibliography, every formula renders everywhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks" / "text").glob("*.py"))
BIBLIOGRAPHY = ROOT / "docs" / "bibliography.md"
PAPER = re.compile(
    r"arXiv:\s?(\d{4}\.\d{5})|arxiv\.org/abs/(\d{4}\.\d{5})|doi\.org/(10\.\d{4,}/(?:\([^\s()]*\)|[^\s\"`\]()])+)", re.I
)
LINK = re.compile(
    r"\[([^\]]+?),? \(?((?:19|20)\d\d)\)?\]\((https?://(?:arxiv\.org/abs|doi\.org)/[^\s]+?)\)(?=[\s,.;:)]|$)"
)
# What GitHub's renderer refuses, or what Markdown eats before it (a backslash before punctuation).
NOT_EVERYWHERE = re.compile(r"\\operatorname|\\begin|\\newcommand|\\[,;:!{}|\\]")


def papers(text: str) -> set[str]:
    return {"".join(found).lower().rstrip(".,;:") for found in PAPER.findall(text)}


def words(path: Path) -> str:
    """The Markdown cells of a notebook's text, without code in backquotes."""
    cells = re.findall(r"^# %% \[markdown\]\n((?:#.*\n|#\n)+)", path.read_text(encoding="utf-8"), re.M)
    return re.sub(r"`[^`]*`", "", "\n\n".join(re.sub(r"^# ?", "", cell, flags=re.M) for cell in cells))


def faults(text: str) -> list[str]:
    """What of a text's formulas would not be drawn on GitHub, in Colab and in JupyterLab alike."""
    found = []
    for paragraph in re.split(r"\n\s*\n", text):
        if paragraph.count("$") % 2:
            found.append(f"an odd number of $: {paragraph[:60]}")
        for block, inline in re.findall(r"\$\$(.+?)\$\$|\$([^$]+)\$", paragraph, re.S):
            formula = block or inline
            if NOT_EVERYWHERE.search(formula) or formula.count("{") != formula.count("}"):
                found.append(formula)
            if inline and inline != inline.strip():
                found.append(f"a blank beside a $: {inline}")
    return found


def test_every_paper_named_stands_in_the_bibliography():
    listed = papers(BIBLIOGRAPHY.read_text(encoding="utf-8"))
    sources = [*NOTEBOOKS, *(ROOT / "faceswap_lab").rglob("*.py"), *(ROOT / "tools").glob("*.py"), ROOT / "README.md",
               *(page for page in (ROOT / "docs").glob("*.md") if page != BIBLIOGRAPHY)]  # fmt: skip
    missing = {path.name: lost for path in sources if (lost := papers(path.read_text(encoding="utf-8")) - listed)}
    assert not missing and len(listed) > 50


def test_a_link_names_the_authors_and_the_year_that_the_bibliography_has():
    lines = BIBLIOGRAPHY.read_text(encoding="utf-8").splitlines()
    links = [link for path in NOTEBOOKS for link in LINK.findall(words(path))]
    assert len(links) > 25
    for authors, year, address in links:
        (line,) = [line for line in lines if f"({address})" in line]
        assert authors.split()[0] in line and year in line, (authors, year, line)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem[:2])
def test_formulas_render_everywhere(path):
    assert not faults(words(path))


def test_what_does_not_render_is_found():
    assert not faults("fine: $a_1$ and\n\n$$\\frac{a}{b}$$")
    for bad in ("one $ only", "$ a$", "$a\\,b$", "$$\\operatorname{tr} A$$", "$\\frac{a}{b$"):
        assert faults(bad), bad
