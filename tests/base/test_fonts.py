"""Figures in a language whose letters matplotlib's own font lacks."""

from matplotlib import font_manager, rc_context, rcParams
from pseudo_language import catalogues, wrapped  # noqa: F401

from faceswap_lab.base import fonts


def test_english_keeps_its_font(monkeypatch):
    monkeypatch.setenv("LANGUAGE", "en")
    with rc_context():
        before = list(rcParams["font.family"])
        assert fonts.choose() == [] and rcParams["font.family"] == before


def test_an_installed_font_helps_where_the_own_one_lacks_letters(wrapped, monkeypatch):  # noqa: F811
    monkeypatch.setattr(fonts, "EAST_ASIAN", ("No Such Font", "STIXGeneral", "cmr10"))  # these come with matplotlib
    with rc_context():
        assert fonts.choose() == ["STIXGeneral"] and rcParams["font.family"] == ["DejaVu Sans", "STIXGeneral"]
        fonts.choose()
        assert rcParams["font.family"].count("STIXGeneral") == 1


def test_a_font_that_was_installed_since_is_found(wrapped, monkeypatch):  # noqa: F811
    known = font_manager.fontManager.ttflist
    (path,) = {font.fname for font in known if font.name == "cmr10"}
    monkeypatch.setattr(font_manager.fontManager, "ttflist", [font for font in known if font.name != "cmr10"])
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: [path, __file__])
    monkeypatch.setattr(fonts, "EAST_ASIAN", ("cmr10",))
    with rc_context():
        assert fonts.choose() == ["cmr10"], "and a file that is no font is passed over"


def test_where_none_is_installed_nothing_is_asked_for(wrapped, monkeypatch):  # noqa: F811
    monkeypatch.setattr(fonts, "EAST_ASIAN", ("No Such Font",))
    monkeypatch.setattr(font_manager, "findSystemFonts", list)
    with rc_context():
        assert fonts.choose() == [] and rcParams["font.family"] == ["DejaVu Sans"]
