"""What a cell shows, the same from IPython 7.34 and ipywidgets 7.7 (Colab's) to today's: pictures, videos, pages, panels' words."""

from __future__ import annotations

import base64
import functools
import html
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import ipywidgets as widgets

from faceswap_lab.base import machine
from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import _

JPEG = b"\xff\xd8"  # how such a file begins


@dataclass(frozen=True)
class Picture:
    """A picture for `display`, with words for those who cannot see it; IPython 7's own `Image` takes none.

    Args:
        content: of a PNG or JPEG file, as bytes or as a widget keeps them.
        alt: what it shows.
        width: in pixels of the page; None: the picture's own.

    Example:
        >>> lab.write_picture("frame.jpg", frame)
        >>> lab.Picture(open("frame.jpg", "rb").read(), alt="the first frame").alt
        'the first frame'
    """

    content: bytes | memoryview
    alt: str
    width: int | None = None

    def _repr_mimebundle_(self, include=None, exclude=None) -> tuple[dict, dict]:
        content = bytes(self.content)
        kind = "image/jpeg" if content.startswith(JPEG) else "image/png"
        told = {"alt": self.alt} | ({"width": self.width} if self.width else {})
        return {kind: base64.b64encode(content).decode(), "text/plain": self.alt}, {kind: told}


@dataclass(frozen=True)
class Player:
    """A video for `display`, kept in the notebook: it plays in Jupyter, on Colab and in an executed copy alike.

    Args:
        content: of an MP4 file, small.
        alt: what it shows.
        width: in pixels of the page, at most.

    Example:
        >>> with lab.VideoWriter("short.mp4", 25, frame.shape[1::-1]) as video:
        ...     video.write(frame)
        >>> lab.Player(open("short.mp4", "rb").read(), alt="one frame", width=384).alt
        'one frame'
    """

    content: bytes
    alt: str
    width: int

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        source = f"data:video/mp4;base64,{base64.b64encode(self.content).decode()}"
        style = f"width:100%; max-width:{self.width}px"
        alt = html.escape(self.alt)
        player = f'<video controls loop playsinline style="{style}" aria-label="{alt}" src="{source}"></video>'
        return {"text/html": player, "text/plain": self.alt}


@dataclass(frozen=True)
class Page:
    """A page of the lab for `display`: its address, and on Colab, whose disk no browser reads, the page itself.

    Args:
        path: an HTML file; it and what it shows lie in one folder.
    """

    path: Path

    def _ipython_display_(self) -> None:
        print(self.path)
        if machine.place() == "Colab":
            try:
                from google.colab import output
            except ImportError:  # a kernel of one's own there has no page to show it in
                return
            handler = functools.partial(_Quietly, directory=str(self.path.parent))
            server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            output.serve_kernel_port_as_iframe(server.server_port, path=f"/{quote(self.path.name)}", height="800")


class _Quietly(SimpleHTTPRequestHandler):
    def log_message(self, *said) -> None:
        """Says nothing: each request would be a line in the cell."""


def explain(control: widgets.Widget, words: str) -> None:
    """Words that appear under the mouse; before ipywidgets 8 only buttons had a `tooltip`."""
    setattr(control, "tooltip" if control.has_trait("tooltip") else "description_tooltip", words)


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
            self._say(_("That did not work. {error}").format(error=f"{type(error).__name__}: {error}"), wrong=True)
            raise

    def _say(self, text: str, wrong: bool = False) -> None:
        said = f"<b>{_('Not done.')}</b> {html.escape(text)}" if wrong else html.escape(text)
        style = f"line-height:1.4; {_WRONG if wrong else ''}"
        self.message.value = f'<div style="{style}" role="status">{said}</div>' if text else ""


def give_focus(widget: widgets.DOMWidget) -> None:
    """Gives a widget the keyboard, where ipywidgets can do that (from 8.0): a button that is switched off loses it to nobody."""
    if hasattr(widget, "focus"):
        widget.focus()
