"""What lessons and widgets say, in the reader's language: by gettext, from the catalogues in `faceswap_lab/locale`.

English stands in the code and is said where no catalogue has a message. `make messages` collects the messages; see CONTRIBUTING.md.

    _("{count} faces in {place}").format(count=count, place=place)    never an f-string: it could not be looked up
"""

from __future__ import annotations

import functools
import gettext
import os
from itertools import takewhile
from pathlib import Path

DOMAIN, FOLDER = "faceswap_lab", Path(__file__).resolve().parents[1] / "locale"
ASKED = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")  # gettext's variables; the first that is set counts


def translate(message: str) -> str:
    """A message in the language that the environment asks for now, such as LANGUAGE=zh_CN; itself where there is none."""
    return _catalogue().gettext(message) if message else ""  # gettext keeps a catalogue's head under ""


def ngettext(one: str, more: str, count: int) -> str:
    """`translate` of the form that a count takes: "{count} face", "{count} faces"; other languages have other forms."""
    return _catalogue().ngettext(one, more, count)


def everywhere(message: str) -> set[str]:
    """A message in English and in every language that there is, to be looked for in what somebody else was told."""
    languages = {path.parts[-3] for path in FOLDER.glob(f"*/LC_MESSAGES/{DOMAIN}.mo")}
    return {message} | {_opened(language).gettext(message) for language in languages}


def _catalogue() -> gettext.NullTranslations:
    return _opened(next(filter(None, map(os.environ.get, ASKED)), ""))


@functools.cache
def _opened(asked: str) -> gettext.NullTranslations:
    """The catalogue for "zh_CN:de"; whoever asks for English first gets it, though English has no catalogue to be found."""
    languages = takewhile(lambda language: not language.startswith(("en", "C")), asked.split(":"))
    return gettext.translation(DOMAIN, FOLDER, list(languages), fallback=True)


_ = translate
