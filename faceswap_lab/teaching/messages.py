"""The line of a panel that says what was done, and what went wrong."""

from __future__ import annotations

import html
from collections.abc import Callable

import ipywidgets as widgets

from faceswap_lab.errors import LabError

_RED = "#b00020"


class Telling:
    """A panel that says something in its `message`.

    Attributes:
        message: a line of text; errors are shown here, too.
    """

    message: widgets.HTML

    def _safely(self, action: Callable[[], None]) -> None:
        """An error in a widget's callback would be lost in a log: it is shown instead."""
        self._say("")
        try:
            action()
        except LabError as error:
            self._say(str(error), _RED)

    def _say(self, text: str, colour: str = "inherit") -> None:
        self.message.value = f'<div style="line-height:1.3; color:{colour}">{html.escape(text)}</div>' if text else ""
