"""A language for tests: every message of the catalogue stands between ⟦ and ⟧. What does not, no translator can reach."""

import html
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages import pofile

from faceswap_lab.base import messages

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import messages as tool  # noqa: E402

TEMPLATE = messages.FOLDER / f"{messages.DOMAIN}.pot"


def write_catalogue(folder: Path, language: str, translated) -> None:
    """A catalogue in which each form of a message is what `translated(form)` gives."""
    with TEMPLATE.open("rb") as file:
        catalog = pofile.read_po(file, locale="de")  # like English, it has two forms
    for message in catalog:
        if message.id:
            forms = tuple(map(translated, tool.texts_of(message.id)))
            message.string = forms if isinstance(message.id, tuple) else forms[0]
    place = folder / language / "LC_MESSAGES"
    place.mkdir(parents=True)
    (place / f"{messages.DOMAIN}.mo").write_bytes(tool.as_mo(catalog))


@pytest.fixture
def catalogues(tmp_path, monkeypatch):
    """An empty folder of catalogues in the place of the lab's own."""
    monkeypatch.setattr(messages, "FOLDER", tmp_path / "locale")
    messages._opened.cache_clear()
    yield tmp_path / "locale"
    messages._opened.cache_clear()


@pytest.fixture
def wrapped(catalogues, monkeypatch):
    """The lab speaks the language in which every message is wrapped."""
    write_catalogue(catalogues, "xx", "⟦{}⟧".format)
    monkeypatch.setenv("LANGUAGE", "xx")


def bare(text: str, data=()) -> str:
    """What of a text is not wrapped and has letters in it; "" where all is.

    Args:
        text: as it is shown, HTML too.
        data: what is no message, such as names and paths that the test gave.
    """
    text = html.unescape(re.sub(r"<[^>]*>", " ", text))
    for known in sorted(map(str, data), key=len, reverse=True):
        text = text.replace(known, "")
    while "⟦" in text and (inner := re.sub("⟦[^⟦⟧]*⟧", " ", text)) != text:
        text = inner
    return text.strip() if re.search(r"[^\W\d_]{2}", text) else ""


class _Texts(HTMLParser):
    """What a page shows: each text between two tags, and what is read out or shown for a picture."""

    def __init__(self):
        super().__init__()
        self.found, self.hidden = [], False

    def handle_starttag(self, tag, attributes):
        self.hidden = tag in ("style", "script")
        self.found += [value for name, value in attributes if name in ("alt", "title", "aria-label") and value]

    def handle_endtag(self, tag):
        self.hidden = False

    def handle_data(self, data):
        if not self.hidden:
            self.found.append(data)


def texts(page: str) -> list[str]:
    """The texts of a page's HTML, one between two tags."""
    parser = _Texts()
    parser.feed(page)
    return [text for text in parser.found if text.strip()]
