"""The pages under docs/ and the README: links lead somewhere, and every paragraph about the law names its sources."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "data" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
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
    from faceswap_lab import ffmpeg, files, pictures

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
