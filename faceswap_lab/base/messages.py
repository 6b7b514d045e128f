"""What lessons and widgets say, in the reader's language: by gettext, from the catalogues in `faceswap_lab/locale`.

English stands in the code and is said where no catalogue has a message. `make messages` collects the messages; see CONTRIBUTING.md.

    _("{count} faces in {place}").format(count=count, place=place)    never an f-string: it could not be looked up
    english("{count} faces in {place}", count=count, place=place)        in English, where a file keeps it or a program reads it
    retold(sentence)                                                  such a sentence, in the reader's language
"""

from __future__ import annotations

import functools
import gettext
import os
import re
from itertools import takewhile
from pathlib import Path

DOMAIN, FOLDER = "faceswap_lab", Path(__file__).resolve().parents[1] / "locale"
ASKED = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")  # gettext's variables; the first that is set counts
LEAST = 6  # letters of its own by which a message with values is known once they are in it
MOST = 2000  # letters that are looked at, of what a stranger may have written


def translate(message: str) -> str:
    """A message in the language that the environment asks for now, such as LANGUAGE=zh_CN; itself where there is none."""
    return _catalogue().gettext(message) if message else ""  # gettext keeps a catalogue's head under ""


def ngettext(one: str, more: str, count: int) -> str:
    """`translate` of the form that a count takes: "{count} face", "{count} faces"; other languages have other forms."""
    return _catalogue().ngettext(one, more, count)


def english(message: str, **values: object) -> str:
    """A message in English, whatever the language: for what a file keeps and a program reads. Show it by `retold`."""
    return message.format(**values)


def retold(sentences: str) -> str:
    """What `english` gave, also to a file, in the reader's language.

    Args:
        sentences: one or several, joined by spaces.

    Returns:
        Them, each in English where no catalogue has it; a value in it that is a message itself is translated as well.
    """
    if in_english() or not 0 < len(sentences) < MOST:
        return sentences
    catalogue = _catalogue()
    ends = [*(match.start() for match in re.finditer(r"(?<=[.?!:;,]) ", sentences)), len(sentences)]
    for end in reversed(ends):  # the longest beginning first
        for first in (sentences[:end], sentences[:end].rstrip(".:;,")):
            if (told := _of_catalogue(catalogue, first)) is not None:
                return told + sentences[len(first) : end + 1] + retold(sentences[end + 1 :])
    return sentences[: ends[0] + 1] + retold(sentences[ends[0] + 1 :])


def _of_catalogue(catalogue: gettext.NullTranslations, sentence: str) -> str | None:
    """One message with its values, translated; None where it is none."""
    if (plain := catalogue.gettext(sentence)) != sentence:
        return plain
    for pattern, message in _patterns(catalogue):
        if found := pattern.fullmatch(sentence):
            # the values have been rounded already
            form = re.sub(r"\{(\w+)[^}]*\}", r"{\1}", catalogue.gettext(message))
            return form.format(**{name: retold(value) for name, value in found.groupdict().items()})
    return None


@functools.cache
def _patterns(catalogue: gettext.NullTranslations) -> list[tuple[re.Pattern[str], str]]:
    """What each message with values looks like once they are in it: those with most words of their own first."""
    found = []
    for message in vars(catalogue).get("_catalog", ()):  # gettext has no other list of its messages
        # words, a name, words, ..., words
        parts = re.split(r"\{(\w+)[^}]*\}", message) if isinstance(message, str) else []
        own = sum(map(str.isalpha, "".join(parts[::2])))
        if len(parts) > 1 and own >= LEAST:
            look = re.escape(parts[0])
            for name, words in zip(parts[1::2], parts[2::2], strict=True):
                look += (f"(?P={name})" if f"(?P<{name}>" in look else f"(?P<{name}>.*?)") + re.escape(words)
            found.append((own, re.compile(look, re.DOTALL), message))
    return [(pattern, message) for own, pattern, message in sorted(found, key=lambda one: -one[0])]


def in_english() -> bool:
    """Whether no catalogue has the language that is asked for now."""
    return type(_catalogue()) is gettext.NullTranslations


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
