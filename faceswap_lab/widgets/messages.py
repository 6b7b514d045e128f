"""The line of a panel that says what was done, and what went wrong."""

from __future__ import annotations

import html
from collections.abc import Callable

import ipywidgets as widgets

from faceswap_lab.base.errors import LabError

# A red that is readable on white is not on black, and the other way round: the text keeps the theme's colour, a bar is red.
_WRONG = "border-left:4px solid #e0392b; padding-left:8px"


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
            self._say(str(error), wrong=True)
        except Exception as error:  # a fault of ours, or of the disk: nobody reads the log in which it would end alone
            self._say(f"That did not work. {type(error).__name__}: {error}", wrong=True)
            raise

    def _say(self, text: str, wrong: bool = False) -> None:
        said = f"<b>Not done.</b> {html.escape(text)}" if wrong else html.escape(text)
        style = f"line-height:1.4; {_WRONG if wrong else ''}"
        self.message.value = f'<div style="{style}" role="status">{said}</div>' if text else ""


def give_focus(widget: widgets.DOMWidget) -> None:
    """Gives a widget the keyboard, where ipywidgets can do that (from 8.0): a button that is switched off loses it to nobody."""
    if hasattr(widget, "focus"):
        widget.focus()
