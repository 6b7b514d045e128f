"""Messages in the reader's language, and the catalogues: complete, in step with the code, with the placeholders they need."""

import ast
import re
import symtable
from pathlib import Path

import pytest
from babel.messages import pofile
from pseudo_language import TEMPLATE, catalogues, tool, wrapped, write_catalogue  # noqa: F401

from faceswap_lab.base import messages
from faceswap_lab.base.messages import _, english, ngettext, retold

PACKAGE = messages.FOLDER.parent
# What speaks in a notebook; CONTRIBUTING.md says why the rest does not.
SPEAKING = [
    *PACKAGE.glob("widgets/*.py"),
    *PACKAGE.glob("course/checks/*.py"),
    *(PACKAGE / "course" / f"{name}.py" for name in
      ("predictions", "runtime", "stages", "scoring", "recipes", "run_storage", "run_settings")),
    *PACKAGE.glob("training/*.py"),
    *PACKAGE.glob("models/*.py"),
]  # fmt: skip
SAYS = {"print", "say", "_say", "set_title", "set_xlabel", "set_ylabel", "set_postfix_str", "annotate"}
NAMES = {"AUC", "anna"}  # the same in every language
LABELS = {"description", "placeholder", "tooltip", "label", "xlabel", "ylabel", "title"}


def test_the_language_is_that_of_the_moment(catalogues, monkeypatch):  # noqa: F811
    write_catalogue(catalogues, "xx", "<{}>".format)
    monkeypatch.delenv("LANGUAGE")
    for name in messages.ASKED:
        monkeypatch.delenv(name, raising=False)
    assert _("Pause") == "Pause"
    monkeypatch.setenv("LANG", "xx_XX.UTF-8")
    assert _("Pause") == "<Pause>" and _("") == "" and _("no message of the lab") == "no message of the lab"
    forms = "{count} face rejected.", "{count} faces rejected."
    assert [ngettext(*forms, count) for count in (1, 2)] == [f"<{forms[0]}>", f"<{forms[1]}>"]
    for asked in ("en_GB", "en_US:xx", "C", "yy"):
        monkeypatch.setenv("LANGUAGE", asked)
        assert _("Pause") == "Pause", f"{asked}: English is asked for first, or nothing is known of it"
    monkeypatch.setenv("LANGUAGE", "yy:xx:en")
    assert _("Pause") == "<Pause>"
    assert messages.everywhere("right") == {"right", "<right>"}


def test_the_template_is_in_step_with_the_code():
    with TEMPLATE.open("rb") as file:
        kept = {message.id for message in pofile.read_po(file)}
    assert kept == {message.id for message in tool.collected()}, "run: make messages"


def placeholders(text: str) -> list[str]:
    """The values that a message takes: "{count:.1f} of {all}" -> all, count."""
    return sorted(re.findall(r"\{(\w+)", text))


def wrong_translations(catalog) -> list[str]:
    """What a translation lacks, or asks for, that the message has not."""
    return [
        f"{catalog.locale}: {form!r} for {message.id!r}"
        for message in catalog
        if message.id and not message.fuzzy
        for form in tool.texts_of(message.string)
        if form and set(placeholders(form)) != set(placeholders(tool.texts_of(message.id)[-1]))
    ]


def test_a_translation_has_the_values_of_its_message():
    for path in tool.languages():
        assert wrong_translations(tool.read(path)) == []
    catalog = tool.Catalog("de")
    catalog.add("{a} of {b}", "{b:.1f}: {a}")
    assert wrong_translations(catalog) == []
    catalog.add("{c} of {d}", "{c} von {e}")
    assert len(wrong_translations(catalog)) == 1


def test_compiled_catalogues_are_those_of_the_translators_files():
    assert [path.with_suffix(".po") for path in sorted(messages.FOLDER.rglob("*.mo"))] == tool.languages()
    for path in tool.languages():
        assert path.with_suffix(".mo").read_bytes() == tool.as_mo(tool.read(path)), f"{path}: run make messages"


def test_a_language_begins_and_is_brought_up_to_date(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(tool, "FOLDER", tmp_path)
    monkeypatch.setattr(tool, "collected", lambda: catalog)
    catalog = tool.Catalog("en", fuzzy=False)
    catalog.add("Pause")
    catalog.add(("{count} face", "{count} faces"))
    assert tool.main(["--new", "zh_CN"]) == 0
    assert "zh_CN: 0 of 2 translated, 0 to look at again" in capsys.readouterr().out
    path = tmp_path / "zh_CN" / "LC_MESSAGES" / "faceswap_lab.po"
    said = path.read_text(encoding="utf-8").replace('msgid "Pause"\nmsgstr ""', 'msgid "Pause"\nmsgstr "暂停"')
    path.write_text(said, encoding="utf-8")
    assert tool.main([]) == 0
    assert "zh_CN: 1 of 2 translated" in capsys.readouterr().out
    monkeypatch.setattr(messages, "FOLDER", tmp_path)
    messages._opened.cache_clear()
    monkeypatch.setenv("LANGUAGE", "zh_CN")
    assert _("Pause") == "暂停"
    messages._opened.cache_clear()
    path.write_text("msgid what is this", encoding="utf-8")
    with pytest.raises(SystemExit):
        tool.main([])
    assert "Mend the file" in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong",
    ['_(f"{count} faces")', '_("a" + name)', 'ngettext("a face", f"{n} faces", n)', "ngettext(*forms, n)", "english(said)"],
)
def test_what_no_catalogue_can_hold_is_refused(wrong):
    with pytest.raises(RuntimeError, match="line 1: .* (is no plain text|names its message)"):
        list(tool.messages(wrong))


def untranslated(tree: ast.AST) -> list[str]:
    """Words that code says and that stand in no message: sentences that it prints, and labels."""
    found = []

    def look(node: ast.AST, wanted: str) -> None:
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("_", "ngettext", "join", "translate"):
            return
        text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
        if re.search(wanted, text) and text.strip() not in NAMES:
            found.append(f"line {node.lineno}: {text!r}")
        for child in ast.iter_child_nodes(node):
            look(child, wanted)

    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if ast.unparse(node.func).split(".")[-1] in SAYS:
                for said in node.args:
                    look(said, "[A-Za-z]{2,} ")
            for given in node.keywords:
                if given.arg in LABELS:
                    look(given.value, "[A-Za-z]{2,}")
    return found


@pytest.mark.parametrize("path", SPEAKING, ids=lambda path: "/".join(path.parts[-2:]))
def test_nothing_is_said_that_no_translator_can_reach(path: Path):
    assert untranslated(ast.parse(path.read_text(encoding="utf-8"))) == []


def test_the_search_finds_what_it_looks_for():
    for wrong in ('print(f"{count} faces are left")', 'Button(description="undo")', 'axis.set_title("a fine title")'):
        assert untranslated(ast.parse(wrong)), wrong
    assert untranslated(ast.parse('print(_("{count} faces are left").format(count=3)); Button(description=_("undo"))')) == []


class Seven:
    """A value for any place of a message, whatever its form."""

    def __format__(self, form: str) -> str:
        return "7"

    __repr__ = __str__ = lambda self: "7"


def kept() -> list[str]:
    """The messages that are kept in English, with a value in every place."""
    from faceswap_lab.faces import findings, first_look

    calls = [node for path in PACKAGE.rglob("*.py") for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    found = {node.args[0].value for node in calls if isinstance(node, ast.Call) and ast.unparse(node.func) == "english"}
    found |= {text for table in (findings.SENTENCES, first_look.SENTENCES) for pair in table.values() for text in pair if text}
    return sorted(english(text, **dict.fromkeys(placeholders(text), Seven())) for text in found)


def test_what_a_file_keeps_in_english_is_told_in_the_readers_language(wrapped, monkeypatch):  # noqa: F811
    assert len(kept()) > 150 and [text for text in kept() if retold(text) != f"⟦{text}⟧"] == []
    monkeypatch.setenv("LANGUAGE", "en")
    assert [text for text in kept() if retold(text) != text] == []


def test_sentences_that_stand_together_are_told_one_by_one(wrapped):  # noqa: F811
    black, look = "The output is black.", "Choose another time range or person, or extract the faces again."
    assert retold(f"{black} {look}") == f"⟦{black}⟧ ⟦{look}⟧"
    assert retold(f"a.mp4: {black} Nobody knows this. {look}") == f"a.mp4: ⟦{black}⟧ Nobody knows this. ⟦{look}⟧"
    assert retold("the clip a.mp4: its sound (mp2) was coded again (AAC), since browsers do not play it.").endswith("it⟧.")
    inside = english("The file is not whole: {damage}.", damage=english("its end is missing"))
    assert retold(inside) == "⟦The file is not whole: ⟦its end is missing⟧.⟧", "a value that is a message is told, too"
    assert retold("") == "" and retold("no message, 7 of {them}") == "no message, 7 of {them}"
    assert retold(black + " x" * 2000) == black + " x" * 2000, "a stranger's endless text is not searched"


def test_a_translation_may_order_the_values_otherwise_and_has_them_as_they_were_rounded(catalogues, monkeypatch):  # noqa: F811
    write_catalogue(catalogues, "xx", lambda form: "|".join(f"{{{name}}}" for name in reversed(placeholders(form))))
    monkeypatch.setenv("LANGUAGE", "xx")
    size = english("its frames change their size on the way; all are brought to {width}x{height}", width=4, height=3)
    assert retold(size) == "4|3"
    assert retold(english("The faces hardly changed ({levels:.1f} of 255 levels).", levels=1.26)) == "1.3"


def page_words(page: str) -> list[str]:
    """Words of a template that no translator can reach: between tags, read out, or given to a macro."""
    page = re.sub(r"<(style|script)\b.*?</\1>|\{#.*?#\}", "", page, flags=re.S)
    given = re.findall(r"\{[{%].*?[%}]\}", page, re.S)
    calls = [re.sub(r"n?(?:gettext|_)\((?:\"[^\"]*\"(?:, )?)+", "", one) for one in given]
    found = [text for one in calls for text in re.findall(r'"([^"]*)"', one) if re.search(r"[A-Z][a-z]+|[a-z]{2,} [a-z]", text)]
    shown = re.sub(r"\{[{%].*?[%}]\}", "", page, flags=re.S)
    read_out = " ".join(re.findall(r"(?:alt|title|aria-label)=['\"]([^'\"]*)", shown))
    return found + re.findall(r"[A-Za-z]{3,}[^<>\n]*", re.sub(r"<[^>]*>", " ", shown) + read_out)


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("course/report/templates/*.html")), ids=lambda path: path.name)
def test_a_template_says_nothing_that_no_translator_can_reach(path):
    assert page_words(path.read_text(encoding="utf-8")) == []


def test_the_search_of_templates_finds_what_it_looks_for():
    for wrong in ("<p>No setting differs.</p>", '{% call section("Scores", x) %}', "<img alt='all of it'>", '{{ x ~ "is so" }}'):
        assert page_words(wrong), wrong
    assert page_words('<p class="soft">{{ _("No setting differs.") }}</p>{{ ngettext("one x", "more x", n) }}') == []


# What else shows sentences: pages, what commands print, what files keep. Errors, options' help and labels of errors stay English.
SHOWING = [
    *(path for folder in ("cli", "course", "course/report", "swap") for path in sorted(PACKAGE.glob(f"{folder}/*.py"))),
    *(PACKAGE / f"{name}.py" for name in
      ("metrics/card", "faces/diagnosis", "faces/diagnosis_report", "faces/findings", "faces/first_look", "faces/extraction",
       "provenance/verification", "provenance/watermark", "provenance/register", "video/reader", "video/ffmpeg", "video/sound")),
]  # fmt: skip
APART = {"_", "english", "ngettext", "add_argument", "add_parser", "add_subparsers", "offered", "check_number", "claimed"}
ENGLISH = {  # parts of errors and of help, keys of tables, what is drawn by OpenCV or written into files
    "cli/consent.py", "cli/fields.py", "cli/run.py", "course/actors.py", "course/challenge.py", "course/execution.py",
    "swap/label.py", "swap/pairing.py", "provenance/register.py", "faces/first_look.py",
}  # fmt: skip


def sentences(tree: ast.AST, known=frozenset()) -> list[str]:
    """Texts of four words or more that are in no message, no docstring and no error."""
    found = []

    def look(node: ast.AST) -> None:
        if isinstance(node, ast.Raise) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            return
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func).split(".")[-1]
            if name in APART or name.endswith("Error"):
                return
        text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
        if isinstance(node, ast.JoinedStr):
            text = "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
        if text not in known and re.search(r"([A-Za-z']+[,:;]? ){3,}[A-Za-z{]", text):
            found.append(f"line {node.lineno}: {text!r}")
        for child in node.values if isinstance(node, ast.JoinedStr) else ast.iter_child_nodes(node):
            if not (isinstance(node, ast.JoinedStr) and isinstance(child, ast.Constant)):
                look(child)

    look(tree)
    return found


@pytest.fixture(scope="module")
def every_message():
    return {text for message in tool.collected() for text in tool.texts_of(message.id)}


@pytest.mark.parametrize("path", SHOWING, ids=lambda path: "/".join(path.parts[-2:]))
def test_no_sentence_that_is_shown_stands_outside_the_catalogue(path, every_message):
    left = sentences(ast.parse(path.read_text(encoding="utf-8")), every_message)
    left = [one for one in left if "python -m faceswap_lab" not in one]
    if path.relative_to(PACKAGE).as_posix() in ENGLISH:
        assert 0 < len(left) <= 3, "the exception is needed, and is small"
    else:
        assert left == []


def test_the_search_for_sentences_finds_them():
    for wrong in ('lines.append("a sentence of five words")', 'note = f"in {n} of {m} frames it is so"'):
        assert sentences(ast.parse(wrong)), wrong
    fine = 'print(_("these are four words"))\nraise LabError("these are four words")\ndef f():\n    """These are four words."""'
    assert sentences(ast.parse(fine)) == []


def test_no_function_hides_the_translator():
    """A variable called `_` makes the name the function's own: `_("...")` in it would fail, or call something else."""
    hidden = []
    for path in sorted(PACKAGE.rglob("*.py")):
        waiting = [symtable.symtable(path.read_text(encoding="utf-8"), path.name, "exec")]
        while waiting:
            scope = waiting.pop()
            waiting += scope.get_children()
            if scope.get_type() == "function" and "_" in scope.get_identifiers():
                name = scope.lookup("_")
                hidden += [f"{path.name}: {scope.get_name()}"] if name.is_local() and name.is_referenced() else []
    assert hidden == []
