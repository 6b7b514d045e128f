"""Fonts of figures: matplotlib's own has no Chinese, Japanese or Korean letters, and draws boxes in their places."""

from __future__ import annotations

import contextlib

from faceswap_lab.base.messages import in_english

# By what such a font is called on Linux, Windows and macOS; Debian and Colab: apt install fonts-noto-cjk
EAST_ASIAN = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Microsoft YaHei",
    "SimHei", "PingFang SC", "PingFang HK", "Hiragino Sans GB", "Heiti TC", "Arial Unicode MS",
)  # fmt: skip


def choose() -> list[str]:
    """Lets the figures that follow take letters which their own font lacks from an installed one, in a language with a catalogue.

    Returns:
        The fonts that were added, by their names; [] in English, or where none is installed.
    """
    if in_english():
        return []
    from matplotlib import font_manager, rcParams

    manager = font_manager.fontManager
    if not any(font.name in EAST_ASIAN for font in manager.ttflist):  # its list is of the day when matplotlib first ran
        for path in set(font_manager.findSystemFonts()) - {font.fname for font in manager.ttflist}:
            with contextlib.suppress(RuntimeError):  # a file that is no font
                manager.addfont(path)
    installed = {font.name for font in manager.ttflist}
    families = rcParams["font.family"]
    added = [name for name in EAST_ASIAN if name in installed and name not in families][:1]
    own = [rcParams["font.sans-serif"][0] if family == "sans-serif" else family for family in families]
    rcParams["font.family"] = own + added  # the first that has a letter gives it
    return added
