"""Makes build/site: lessons with the outputs of one run, pages, reference, gallery, search; offline. Run it as `make site`.

Every warning of Sphinx is an error, and so is a link that leads nowhere inside of the site, or anything that a page would load
from elsewhere.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import executed
import nbformat
import notebook_rules as rules
import reference

ROOT = rules.ROOT
HERE = ROOT / "tools" / "site"
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "data/README.md")
PICTURES = (".jpg", ".png", ".gif", ".svg")
GALLERY = {  # what the videos at the top of a run show
    "side_by_side": "Target, swap and true swap, side by side",
    "to_show": "A cut to show somebody, from lesson 05",
    "swap": "The best model's swap",
}
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
NOT_RUN = "Not executed here: no run of the course had these cells as they stand. Run it yourself to see what comes."
RUN = "Outputs are those of one run on the bundled actors: {filled} of {cells} cells. Yours differ in the last digit."


def lay_out(source: Path, run: Path | None) -> dict[str, int]:
    """Writes what Sphinx reads.

    Args:
        source: an empty folder.
        run: a finished run of the actors, or None.

    Returns:
        Lesson -> cells with outputs.
    """
    for name in (*PAGES, *(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))):
        _write(source / name, _links(ROOT / name, (ROOT / name).read_text(encoding="utf-8")))
    for picture in (path for path in (ROOT / "docs").iterdir() if path.suffix in PICTURES):
        shutil.copy(picture, source / "docs" / picture.name)
    filled = {}
    for notebook in sorted(rules.NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")):
        filled[notebook.stem] = _lesson(notebook, run, source / "notebooks" / notebook.name)
    made = reference.pages()
    for room, text in made.items():
        _write(source / "reference" / f"{room}.md", text)
    listed = "\n".join(made)
    _write(source / "reference" / "index.md", f"# Reference\n\n```{{toctree}}\n:maxdepth: 1\n{listed}\n```\n")
    _write(source / "gallery.md", _gallery(run, source / "_static" / "gallery"))
    for name in ("conf.py", "index.md"):
        shutil.copy(HERE / name, source / name)
    for path in (HERE / "lab.css", executed.mathjax()):
        shutil.copy(path, source / "_static" / path.name)
    return filled


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _links(page: Path, text: str) -> str:
    """A page whose links to files that are not in the site are plain words; code stays as it is."""

    def lead(found: re.Match) -> str:
        mark, words, address = found.groups()
        path = (page.parent / address.partition("#")[0]).resolve()
        if re.match(r"[a-z]+:|#", address) or mark:
            return found[0]
        if path == page.resolve():
            return f"[{words}](#{address.partition('#')[2]})"
        inside = path.suffix in (".md", ".ipynb") and path.exists() and path.is_relative_to(ROOT)
        return found[0] if inside and "text" not in path.parts else words

    parts = re.split(r"(```.*?```)", text, flags=re.S)
    return "".join(part if part.startswith("```") else LINK.sub(lead, part) for part in parts)


def _lesson(notebook: Path, run: Path | None, to: Path) -> int:
    lesson, filled = executed.with_outputs(notebook, run)
    lesson.cells = [cell for cell in lesson.cells if not rules.is_badge(cell)]
    code = sum(cell.cell_type == "code" for cell in lesson.cells) - 1  # without the set-up cell
    said = RUN.format(filled=filled, cells=code) if filled else NOT_RUN
    for cell in lesson.cells:
        if cell.cell_type == "markdown":
            cell.source = _links(notebook, rules.relative_links(cell.source, {"repository": "", "branch": "main"}))
        elif "setup" in rules.tags(cell):
            cell.metadata["tags"] = ["hide-input"]
        elif words := _words_for(cell):
            cell.metadata["mystnb"] = {"image": {"alt": words}}
    lesson.cells.insert(1, nbformat.v4.new_markdown_cell(f"```{{note}}\n{said}\n```"))
    _write(to, nbformat.writes(lesson))
    return filled


def _words_for(cell) -> str:
    """What the pictures of a cell show, in the words that came with them (`widgets.showing.Picture`)."""
    told = [output.get("metadata", {}).get(kind, {}) for output in cell.outputs for kind in ("image/png", "image/jpeg")]
    return "; ".join(one["alt"] for one in told if one.get("alt"))


def _gallery(run: Path | None, folder: Path) -> str:
    """The page of videos and pictures, which are copied to `folder`."""
    folder.mkdir(parents=True)
    lines = [
        "# Gallery",
        "Rendered people, swapped by the lab's own models: nobody's likeness. Each video carries its label and its marks.",
    ]
    shown = ("side_by_side.mp4", "to_show.mp4", "swap.mp4")
    videos = [] if run is None else [*(run / name for name in shown), *sorted((run / "swap").glob("*.mp4"))]
    for video in filter(Path.exists, videos):
        shutil.copy(video, folder / video.name)
        model, _, blend = video.stem.rpartition("_")
        words = GALLERY.get(video.stem, f"{model.replace('_', ' ')}, {blend} blend".capitalize())
        player = f'<video controls loop playsinline preload="metadata" width="480" aria-label="{words}"'
        lines.append(f'## {words}\n\n{player} src="_static/gallery/{video.name}"></video>')
    pictures = [] if run is None else sorted((run / "pictures").glob("*.png"))
    lines += ["## Stills"] if pictures else []
    for picture in pictures:
        shutil.copy(picture, folder / picture.name)
        blends = "one frame with four blends: the target, direct, mask, seamless, laplacian"
        words = (
            blends
            if picture.stem == "blends"
            else f"frame {picture.stem[6:].lstrip('0') or '0'}: target, swap, true swap"
        )
        lines.append(f"![{words}](_static/gallery/{picture.name})")
    if len(lines) == 2:
        lines.append("There is no finished run here: `make lab` makes one, and `make site` shows it.")
    return "\n\n".join(lines) + "\n"


class _Page(HTMLParser):
    """What a page names (ids), leads to, and loads."""

    def __init__(self):
        super().__init__()
        self.ids, self.leads, self.loads = set(), [], []

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.ids |= {value for name in ("id", "name") if (value := given.get(name))}
        if tag == "a" and given.get("href"):
            self.leads.append(given["href"])
        loaded = given.get("src") or (given.get("href") if tag == "link" and given.get("rel") != "canonical" else None)
        if loaded:
            self.loads.append(loaded)


def faults(site: Path) -> list[str]:
    """Links that lead nowhere inside of a site, and what its pages would load from elsewhere."""
    read, found = {}, []
    for path in (
        path for path in site.rglob("*.html") if "_static" not in path.parts
    ):  # there lie the theme's templates
        read[path.resolve()] = page = _Page()
        page.feed(path.read_text(encoding="utf-8"))
    for path, page in read.items():
        for address in {*page.leads, *page.loads}:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                if address in page.loads and parts.scheme != "data":
                    found.append(f"{path.relative_to(site.resolve())}: loads {address}")
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists():
                found.append(f"{path.relative_to(site.resolve())}: {address} leads nowhere")
            elif parts.fragment and target in read and unquote(parts.fragment) not in read[target].ids | {"", "top"}:
                found.append(f"{path.relative_to(site.resolve())}: {address} has no such place")
    return sorted(found)


def main(arguments: list[str] | None = None) -> int:
    """Makes the site; 1 where Sphinx warned or a link is dead."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, default=ROOT / "runs" / "sample", help="a finished run of the actors")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "site")
    options = parser.parse_args(arguments)
    source = options.out.with_name(f"{options.out.name}_source")
    try:
        executed.check_run(options.run)
        for folder in (options.out, source):
            executed.empty_folder(folder)
    except executed.LabError as error:
        parser.error(str(error))
    run = options.run if (options.run / "notebooks").exists() else None
    filled = lay_out(source, run)
    for lesson, cells in filled.items():
        print(f"{lesson}: {f'{cells} cells with outputs' if cells else 'not executed'}")
    built = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", str(source), str(options.out)]
    if code := subprocess.run(built).returncode:
        return code
    found = faults(options.out)
    print(*found, sep="\n")
    pages = sum("_static" not in path.parts for path in options.out.rglob("*.html"))
    print(f"{options.out / 'index.html'}: {pages} pages, {len(found)} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
