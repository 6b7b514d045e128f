"""README, docs/ and the glossary: links, commands, options and names exist; every paragraph about the law names its sources."""

import argparse
import ast
import re
from pathlib import Path

import pytest

import faceswap_lab
from faceswap_lab.__main__ import build_parser

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "data" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
LAW = ROOT / "docs" / "law_and_manners.md"
STRANGERS = ROOT / "docs" / "files_from_strangers.md"
WITH_SOURCES = ("Duties to label", "Consent", "Making and spreading what hurts", "Platforms' terms")


def links(text: str) -> list[str]:
    """Targets of a page's links and pictures, without those inside code."""
    text = re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.S)
    return re.findall(r"\]\(([^)\s]+)\)|<(https?://[^>]+)>|(?:src|href)=\"([^\"]+)\"", text)


def missing(page: Path, text: str) -> list[str]:
    """Links to files that are not there, or to a heading that the page does not have."""
    lost = []
    for target in (next(filter(None, found)) for found in links(text)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        aim = (page.parent / name).resolve() if name else page
        if not aim.exists():
            lost.append(target)
        elif anchor and aim.suffix == ".md":
            heads = re.findall(r"^#+ (.+)$", aim.read_text(encoding="utf-8"), re.M)
            if anchor not in {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}:
                lost.append(target)
    return lost


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    assert not missing(page, page.read_text(encoding="utf-8"))


def test_a_link_that_leads_nowhere_is_found():
    assert missing(LAW, "[a](nowhere.md) [b](files_from_strangers.md#no-such-heading) [c](https://x.org)") == [
        "nowhere.md",
        "files_from_strangers.md#no-such-heading",
    ]


def sections(text: str) -> dict[str, str]:
    """Heading -> what stands under it."""
    parts = re.split(r"^## (.+)$", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_paragraph_of_law_names_its_sources():
    found = sections(LAW.read_text(encoding="utf-8"))
    listed = dict(re.findall(r"^(\d+)\. (.+)$", found["Sources"], re.M))
    assert list(listed) == [str(number) for number in range(1, len(listed) + 1)]
    assert all(re.search(r"<https://[^>\s]+>$", line) for line in listed.values())
    named = []
    for heading in WITH_SOURCES:
        paragraphs = [part for part in found[heading].split("\n\n") if part.strip()]
        assert len(paragraphs) >= 2
        for paragraph in paragraphs:
            own = re.findall(r"\[(\d+)\]", paragraph)
            assert own, f"{heading}: no source for {paragraph.strip()[:60]!r}"
            named += own
    assert set(named) == set(listed), "a source that is not listed, or is never named"


def test_the_page_of_law_says_when_and_what_it_is():
    text = LAW.read_text(encoding="utf-8")
    assert "November 2026" in text and "not legal advice" in text and len(text.splitlines()) <= 120
    for words in ("Before the class", "During the class", "After the class", "withdraw at any time",
                  "(EU) 2024/1689", "Article 3(60)", "Article 50(2)", "Article 50(4)", "GB 45438-2025",
                  "10 January 2023", "1 September 2025",
                  "creating deepfakes"):  # fmt: skip
        assert words in text, words


def test_bounds_in_the_text_are_those_of_the_code():
    from faceswap_lab.base import files
    from faceswap_lab.video import ffmpeg, pictures

    text = STRANGERS.read_text(encoding="utf-8")
    for words in (
        f"at most {pictures.MOST_PIXELS / 1e6:.0f} megapixels by the header",
        f"at most {ffmpeg.MOST_PIXELS >> 20} megapixels a frame",
        f"at most {files.MOST_TABLE >> 20} and {files.MOST_JSON >> 20} MB",
    ):  # fmt: skip
        assert words in text, words
    assert ffmpeg.MOST_FRAMES == 10_000_000 and "ten million frames" in text
    assert len(pictures.FORMATS) + len(pictures._BY_NAME_ALONE) == 16 and "sixteen plain formats" in text
    for path in re.findall(r"`((?:tests|tools)/[\w/]+\.py)`", text):
        assert (ROOT / path).is_file(), path


PACKAGE = ROOT / "faceswap_lab"
FOLDERS = r"(?<![\w/.])(?:\.ci|benchmarks|data|docs|faceswap_lab|notebooks|tests|tools)/[\w./*-]*"
FILES = r"\.(csv|h5|html|jpg|jsonl?|key|md|mp4|npy|npz|pem|png|py|toml|txt|yml|zip)$"
LIBRARIES = {"keras", "ops", "tf"}  # names that the pages use and that are not the lab's


def choices(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """A parser's subcommands by name."""
    found = [action.choices for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return found[0] if found else {}


COMMANDS = choices(build_parser())
NESTED = {name: choices(parser) for name, parser in COMMANDS.items()}
SCRIPTS = {path.relative_to(ROOT).as_posix(): path.read_text() for folder in ("tools", "benchmarks")
           for path in (ROOT / folder).glob("*.py")}  # fmt: skip
MAKEFILE = (ROOT / "Makefile").read_text()
ALL_OPTIONS = {option for name, parser in COMMANDS.items() for one in (parser, *NESTED[name].values())
               for option in one._option_string_actions}  # fmt: skip
ALL_OPTIONS |= set(re.findall(r"\"(--[a-z][\w-]*)\"", "".join(SCRIPTS.values())))


def code(text: str) -> list[str]:
    """A page's commands and names: its spans, and the lines of blocks that are not Python, joined and without comments."""
    blocks = re.findall(r"^```\n(.*?)^```", text, re.M | re.S)
    lines = [re.sub(r"\s+# .*", "", line) for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return lines + re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))


def unknown_options(line: str, known) -> list[str]:
    return [option for option in re.findall(r"(?<![\w-])--[a-z][\w-]*", line) if option not in known]


def wrong_command(line: str) -> list[str]:
    """What a line of code asks of the lab's commands, of make or of a script, and there is not."""
    words, called = line.split(), re.search(r"-m faceswap_lab (\S+)(.*)", line)
    if called and called[1] not in (*COMMANDS, "COMMAND"):
        return [line]
    command = called[1] if called else words[0] if words and words[0] in COMMANDS else ""
    if command in COMMANDS:
        rest = called[2] if called else line
        inner = next((one for word in rest.split() if (one := NESTED[command].get(word))), COMMANDS[command])
        return unknown_options(rest, inner._option_string_actions)
    if words[:1] == ["make"]:
        targets, variables = re.findall(r"^([\w-]+):", MAKEFILE, re.M), re.findall(r"^(\w+) \??=", MAKEFILE, re.M)
        return [word for word in re.sub(r"'.*?'", "", line).split()[1:]
                if word.partition("=")[0] not in (variables if "=" in word else targets)]  # fmt: skip
    script = next((name for name in SCRIPTS if name in line), "")
    if script:
        return [option for option in unknown_options(line, ()) if f'"{option}"' not in SCRIPTS[script]]
    return unknown_options(line, ALL_OPTIONS) if line.startswith("--") else []


def top_level(module: Path) -> set[str]:
    """The names that a module defines or imports."""
    found = set()
    for node in ast.parse(module.read_text()).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        else:
            parts = list(ast.walk(node))
            found |= {one.id for one in parts if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}
            if any(isinstance(one, ast.Call) and ast.unparse(one.func) == "offered" for one in parts):
                found |= {name for one in parts if isinstance(one, ast.Constant) for name in one.value.split()}
    return found


def exists(name: str) -> bool:
    """Whether a dotted name is a module of the lab or stands at the top level of one: `training.fit`, `swap.options`."""
    parts = name.removeprefix("faceswap_lab.").split(".")
    if len(parts) == 1 and parts[0] in ("faceswap_lab", *faceswap_lab.__all__):
        return True
    for start in (PACKAGE, *(folder for folder in PACKAGE.iterdir() if folder.is_dir())):
        for count in range(len(parts), 0, -1):
            place = start.joinpath(*parts[:count])
            module = next((one for one in (Path(f"{place}.py"), place / "__init__.py") if one.is_file()), None)
            if module:
                if count == len(parts) or parts[count] in top_level(module):
                    return True
                break
    return False


def wrong_names(text: str) -> list[str]:
    """Dotted names in spans, and what blocks of Python import and take from the lab, that are not there."""
    dotted = [re.match(r"[a-z_]+(\.\w+)+(?=\(|$)", span) for span in code(text)]
    names = [one[0] for one in dotted if one and not re.search(FILES, one[0]) and one[0].split(".")[0] not in LIBRARIES]
    for block in re.findall(r"^```python\n(.*?)^```", text, re.M | re.S):
        tree, given = ast.parse(block), {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                given |= {alias.asname: alias.name for alias in node.names if alias.name == "faceswap_lab"}
            if isinstance(node, ast.ImportFrom) and node.module.startswith("faceswap_lab"):
                given |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        names += given.values()
        modules = {short: name for short, name in given.items() if (ROOT / (name.replace(".", "/") + ".py")).is_file()
                   or (ROOT / name.replace(".", "/")).is_dir()}  # fmt: skip
        names += [f"{modules[node.value.id]}.{node.attr}" for node in ast.walk(tree)
                  if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules]  # fmt: skip
    whole = [re.sub(r"^lab(?=\.)", "faceswap_lab", name) for name in names]  # `import faceswap_lab as lab`
    return [name for name in whole if not exists(name)]


def wrong_paths(text: str) -> list[str]:
    """Paths of the repository in spans and blocks that are not there; `*` may stand for anything."""
    shown = "\n".join(code(text) + re.findall(r"^```python\n(.*?)^```", text, re.M | re.S))
    paths = [path.rstrip(".") for path in re.findall(FOLDERS, shown) if not re.search(r"/N[NA]", path)]  # NN_name, NAME
    files = [name for name in re.findall(r"^[\w*]+\.py$", shown, re.M) if not any(PACKAGE.rglob(name))]
    return files + [path for path in paths if not any(ROOT.glob(path))]


def wrong_tables(text: str) -> list[str]:
    """Options in a table that is headed "option of `command`" and that this command does not have."""
    wrong = []
    for command, table in re.findall(r"^\| option of `(\w+)`.*\n((?:\|.*\n)+)", text, re.M):
        first = "".join(row.split("|")[1] for row in table.splitlines())
        wrong += unknown_options(first, COMMANDS[command]._option_string_actions)
    return wrong


def mistakes(text: str) -> list[str]:
    """All that a page shows as code and that does not exist."""
    return sum(map(wrong_command, code(text)), []) + wrong_names(text) + wrong_paths(text) + wrong_tables(text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_options_targets_paths_and_names_exist(page):
    assert not mistakes(page.read_text(encoding="utf-8"))


WRONG = """`python -m faceswap_lab fly` `convert --wings` `consent grant --reason x` `make tea` `make lab SUGAR=1` `tools/none.py`
`--nowhere` `training.nothing` `nobody.fit` `nosuch.py` `python tools/render_actors.py --colour` and good: `make lab NAME=x`
```
.venv/bin/python -m faceswap_lab score a \\
    --tea b.mp4   # --not-this
```
```python
from faceswap_lab import training, nonsense
training.fit(), training.fly()
```
| option of `run` | |
|---|---|
| `--only`, `--blend` | |
"""


def test_what_does_not_exist_is_found():
    assert sorted(mistakes(WRONG)) == sorted([
        "python -m faceswap_lab fly", "--wings", "--reason", "tea", "SUGAR=1", "tools/none.py", "--nowhere",
        "training.nothing", "nobody.fit", "nosuch.py", "--colour", "--tea", "faceswap_lab.nonsense",
        "faceswap_lab.training.fly", "--blend",
    ])  # fmt: skip


def test_the_readme_is_short_and_leads_to_every_page():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 150
    linked = {next(filter(None, found)).partition("#")[0] for found in links(text)}
    assert {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.*")} <= linked
    assert {f"notebooks/{path.name}" for path in (ROOT / "notebooks").glob("*.ipynb")} <= linked
    assert all(f"`{command}`" in text for command in COMMANDS)


def test_every_benchmark_stands_with_the_results():
    text = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    programs = [name for name, source in SCRIPTS.items() if name.startswith("benchmarks/") and "__main__" in source]
    assert len(programs) >= 15 and not [name for name in programs if name not in text]


def test_the_files_to_read_are_an_evening():
    text = sections((ROOT / "docs" / "architecture.md").read_text(encoding="utf-8"))["Seven files to read, in order"]
    listed = re.findall(r"^\d\. `(\S+)`", text, re.M)
    assert len(listed) == 7 and sum(len((ROOT / path).read_text().splitlines()) for path in listed) < 2000


def plain(text: str) -> str:
    return re.sub(r"[_\-\s*]+", " ", text).lower()


def test_the_glossary_is_sorted_bilingual_and_true():
    """Every term, or the lab's word for it, is met in every lesson (or on the page) that the last column names."""
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in re.findall(r"^\|.*\|$", text, re.M)[2:]]
    terms = [row[0] for row in rows]
    assert len(rows) >= 60 and terms == sorted(set(terms), key=str.lower)
    lessons, wrong = {}, []
    for path in (ROOT / "notebooks" / "text").glob("[0-9][0-9]_*.py"):
        cells = path.read_text(encoding="utf-8").split("# %%")
        lessons[path.name[:2]] = plain("".join(cell for cell in cells if 'tags=["setup"]' not in cell))
    for term, chinese, meaning, own, where in rows:
        assert re.search("[\u4e00-\u9fff]", chinese), f"{term}: no Chinese term"
        assert meaning.endswith(".") and not re.search(r"\. ", meaning), f"{term}: more than one sentence"
        assert where == "-" or re.fullmatch(r"\d\d(, \d\d)*|\[\w+\]\([\w.#-]+\)", where), f"{term}: where is it met?"
        words = [re.escape(plain(word.strip())) for word in re.split("[,;()]", f"{term},{own}") if word.strip()]
        places = {number: lessons.get(number, "") for number in re.findall(r"\b\d\d\b", where)}
        for page in re.findall(r"\]\(([\w.]+)", where):
            places[page] = plain((ROOT / "docs" / page).read_text(encoding="utf-8"))
        found = re.compile(rf"\b(?:{'|'.join(words)})")
        wrong += [f"{term}: not met in {place}" for place, shown in places.items() if not found.search(shown)]
    assert not wrong, wrong


# A word that was given up -> where it stands for something else, or in what users have stored.
GIVEN_UP = {
    r"\bliken(ed|ing)?\b": r"practice_faces|_[AB]\.npy",
    r"\brungs?\b": "",
    r"\bfilms\b": r"\(videos\|films\)",
    r"\bpainters?\b": r"actors/skin",
    r"\bjudges\b(?!_)": r"judges nothing|it judges|and judges|one judges|by their earlier name",
}


@pytest.mark.parametrize("word", GIVEN_UP)
def test_words_that_were_given_up_do_not_come_back(word):
    """The glossary has the field's terms; code, messages and lessons use them."""
    folders = ("faceswap_lab", "notebooks/text", "docs", "tools", "benchmarks")
    paths = [path for folder in folders for kind in ("py", "md", "html") for path in (ROOT / folder).rglob(f"*.{kind}")]
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in paths
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(word, line, re.I) and not (GIVEN_UP[word] and re.search(GIVEN_UP[word], f"{path} {line}"))
    ]
    assert not found
