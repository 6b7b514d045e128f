"""What a cell shows, the same from IPython 7.34 and ipywidgets 7.7 (Colab's) to today's: pictures, explained controls."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import ipywidgets as widgets

JPEG = b"\xff\xd8"  # how such a file begins


@dataclass(frozen=True)
class Picture:
    """A picture for `display`, with words for those who cannot see it; IPython 7's own `Image` takes none.

    Args:
        content: of a PNG or JPEG file, as bytes or as a widget keeps them.
        alt: what it shows.
        width: in pixels of the page; None: the picture's own.
    """

    content: bytes | memoryview
    alt: str
    width: int | None = None

    def _repr_mimebundle_(self, include=None, exclude=None) -> tuple[dict, dict]:
        content = bytes(self.content)
        kind = "image/jpeg" if content.startswith(JPEG) else "image/png"
        told = {"alt": self.alt} | ({"width": self.width} if self.width else {})
        return {kind: base64.b64encode(content).decode(), "text/plain": self.alt}, {kind: told}


def explain(control: widgets.Widget, words: str) -> None:
    """Words that appear under the mouse; before ipywidgets 8 only buttons had a `tooltip`."""
    setattr(control, "tooltip" if control.has_trait("tooltip") else "description_tooltip", words)
