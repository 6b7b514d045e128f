"""Collects what lessons and widgets say into faceswap_lab/locale, for translators. Run it as `make messages`.

    faceswap_lab.pot                                   every message, written anew from the code
    <language>/LC_MESSAGES/faceswap_lab.po             a translator's file, brought up to date
    <language>/LC_MESSAGES/faceswap_lab.mo             the same as gettext reads it

All three are kept in git: whoever installs the lab needs no compiler of messages. `--new zh_CN` begins a language.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.messages import mofile, pofile
from babel.messages.catalog import Catalog
from jinja2 import Environment

from faceswap_lab.base.messages import DOMAIN, FOLDER

PACKAGE = FOLDER.parent
HEAD = "# What lessons and widgets of faceswap_lab say; for translators, see CONTRIBUTING.md."
FORMS = {"_": 1, "ngettext": 2, "english": 1}  # a call's name: how many of its arguments are the message's forms
NEVER_NAMED = ("ngettext", "english")  # `_(name)` may say what stands in a table, these may not
# Names that are keys of what the code makes, and that it shows as well.
PENALTIES = (
    "poses", "mouth", "detail", "noise", "darkness", "one light", "other light", "few faces", "few faces of the target",
    "other people",
)  # fmt: skip


def tables() -> Iterator[tuple[str, Iterable[str]]]:
    """Words that stand in tables of the code and are translated where they are shown: the module, and its words."""
    from faceswap_lab.course import clean_up, presets, report, runtime
    from faceswap_lab.course.checks import exercise
    from faceswap_lab.course.report import scores
    from faceswap_lab.faces import diagnosis, findings, first_look
    from faceswap_lab.metrics import distortions, validation
    from faceswap_lab.metrics.measures import all_scores
    from faceswap_lab.provenance import records, verification
    from faceswap_lab.studies import ablation, asymmetry
    from faceswap_lab.swap import options, pairing
    from faceswap_lab.training import callbacks, times
    from faceswap_lab.widgets import architecture, tuning

    yield "course/checks", (text for one in exercise.EXERCISES.values() for text in one.texts())
    yield "course/checks/exercise.py", (exercise.RIGHT, exercise.EMPTY, exercise.WRONG, exercise.GOES_ON)
    yield "course/clean_up.py", clean_up.WORDS.values()
    yield "course/presets.py", (one.summary for one in presets.PRESETS.values())
    yield "course/report/__init__.py", ("preset", "seed", "device", "place", "time", "source", "target training")
    yield "course/report/__init__.py", (*report.BLENDS.values(), *report.PEOPLE.values())
    yield "course/report/scores.py", (*scores.BETTER.values(), *scores.BASELINES.values())
    yield "course/report/scores.py", (one[key] for one in scores.MEASURES.values() for key in ("title", "meaning"))
    yield "course/report/scores.py", map(scores.model_title, scores.BASELINES)
    yield "course/runtime.py", (text for pair in runtime.GPU_MENUS.items() for text in pair)
    yield "faces/findings.py", (text for pair in findings.SENTENCES.values() for text in pair)
    yield "faces/first_look.py", (first_look.WHOSE, *(text for pair in first_look.SENTENCES.values() for text in pair))
    yield "faces/diagnosis.py", (*diagnosis.SEVERITIES, "stop", *PENALTIES)
    yield "metrics", (text for score in all_scores().values() for text in (score.title, score.meaning))
    yield "metrics/distortions.py", distortions.FAMILIES
    yield "metrics/validation.json", (one["verdict"] for one in validation.measured()["trust"].values())
    yield "provenance/records.py", records.PURPOSES.values()
    yield "provenance/verification.py", (*verification.GRAVITY, verification.VALID, verification.NONE)
    yield "provenance/verification.py", ("target", "source", "truth", "video", "ingredient")
    yield "studies/ablation.py", (variant.part for variant in ablation.VARIANTS.values())
    yield "studies/asymmetry.py", asymmetry.EXPLANATIONS.values()
    yield "swap/conversion_report.py", ("no face", "too small", "deleted", pairing.CUT_OFF, "outside the range")
    yield "swap/options.py", options.descriptions(options.SwapOptions).values()
    yield "training/callbacks.py", (callbacks.COMPILING,)
    yield "training/times.py", (device.name for device in times.DEVICES)
    yield "widgets/architecture.py", architecture.NAMES.values()
    yield "widgets/tuning.py", tuning.VIEWS


def messages(code: str) -> Iterator[tuple[str, ...]]:
    """The forms of each message in a module's text, in order. A variable's message stands in one of the `tables`.

    Raises:
        RuntimeError: for a message that no catalogue could hold, such as an f-string.
    """
    calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    for call in sorted(calls, key=lambda call: call.lineno):
        forms = call.args[: FORMS.get(call.func.id, 0)]  # type: ignore[attr-defined]
        if any(isinstance(form, ast.JoinedStr | ast.BinOp) for form in forms):
            raise RuntimeError(f"line {call.lineno}: {ast.unparse(call)} is no plain text. Write _(\"{{name}}\").format(...)")
        if call.func.id in NEVER_NAMED and not all(isinstance(form, ast.Constant) for form in forms):  # type: ignore[attr-defined]
            raise RuntimeError(f"line {call.lineno}: {ast.unparse(call)} names its message. Write the message itself there.")
        if forms and all(isinstance(form, ast.Constant) for form in forms):
            yield tuple(form.value for form in forms)  # type: ignore[attr-defined]


def template_messages(page: str) -> Iterator[str | tuple[str, ...]]:
    """The messages of a template of jinja2, in order; a variable's are None and stand in one of the `tables`."""
    for _, _, text in Environment(extensions=["jinja2.ext.i18n"]).extract_translations(page):
        forms = tuple(filter(None, text)) if isinstance(text, tuple) else text
        if forms:
            yield forms


def collected() -> Catalog:
    """Every message of the package, without line numbers: the file changes when a message does, and not before."""
    catalog = Catalog(project=DOMAIN, version="", header_comment=HEAD, fuzzy=False)
    for path in sorted(PACKAGE.rglob("*.py")):
        place = path.relative_to(PACKAGE).as_posix()
        try:
            for forms in messages(path.read_text(encoding="utf-8")):
                catalog.add(forms if len(forms) > 1 else forms[0], locations=[(place, 0)])
        except RuntimeError as error:
            raise RuntimeError(f"{place}, {error}") from None
    for path in sorted((PACKAGE / "course" / "report" / "templates").glob("*.html")):
        for text in template_messages(path.read_text(encoding="utf-8")):
            catalog.add(text, locations=[(path.relative_to(PACKAGE).as_posix(), 0)])
    for place, texts in tables():
        for text in filter(None, texts):
            catalog.add(text, locations=[(place, 0)])
    for message in catalog:
        message.flags.discard("python-format")  # "90 % sure" is none
        if any("{" in text for text in texts_of(message.id)):
            message.flags.add("python-brace-format")
    return catalog


def texts_of(message: str | tuple[str, ...]) -> tuple[str, ...]:
    """A message's forms, singular and plural; one of most."""
    return message if isinstance(message, tuple) else (message,)


def as_po(catalog: Catalog) -> bytes:
    """A catalogue as its file holds it: without what would change although no message did, such as the time."""
    file = io.BytesIO()
    pofile.write_po(file, catalog, width=0, include_lineno=False)
    return re.sub(rb'"(POT-Creation-Date|Generated-By):.*\n', b"", file.getvalue())


def as_mo(catalog: Catalog) -> bytes:
    """A catalogue as gettext reads it."""
    file = io.BytesIO()
    mofile.write_mo(file, catalog)
    return file.getvalue()


def read(path: Path) -> Catalog:
    """A translator's file.

    Raises:
        RuntimeError: when it is damaged.
    """
    try:
        with path.open("rb") as file:
            return pofile.read_po(file, locale=path.parts[-3], abort_invalid=True)
    except (pofile.PoFileError, UnicodeDecodeError) as error:
        raise RuntimeError(f"{path}: {error}. Mend the file there, or take it from git again.") from error


def languages() -> list[Path]:
    """The translators' files."""
    return sorted(FOLDER.glob(f"*/LC_MESSAGES/{DOMAIN}.po"))


def begin(language: str) -> None:
    """Makes an empty file for a language, such as zh_CN."""
    path = FOLDER / language / "LC_MESSAGES" / f"{DOMAIN}.po"
    if not path.exists():
        path.parent.mkdir(parents=True)
        path.write_bytes(as_po(Catalog(Locale.parse(language), project=DOMAIN, fuzzy=False)))


def main(arguments: list[str] | None = None) -> int:
    """Writes all files, and says how far each language is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--new", metavar="LANGUAGE", help="begin a language, such as zh_CN")
    template, asked = collected(), parser.parse_args(arguments)
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{DOMAIN}.pot").write_bytes(as_po(template))
    print(f"{DOMAIN}.pot: {len(template)} messages")
    try:
        if asked.new:
            begin(asked.new)
        for path in languages():
            catalog = read(path)
            catalog.update(template)
            path.write_bytes(as_po(catalog))
            path.with_suffix(".mo").write_bytes(as_mo(catalog))
            fuzzy = sum(message.fuzzy for message in catalog if message.id)
            done = sum(bool(message.id and all(texts_of(message.string))) for message in catalog) - fuzzy
            print(f"{path.parts[-3]}: {done} of {len(template)} translated, {fuzzy} to look at again (fuzzy)")
    except (RuntimeError, ValueError, UnknownLocaleError) as error:
        parser.error(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
