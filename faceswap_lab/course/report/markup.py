"""Pieces of the page: text made safe, links relative to the page, figures, sections."""

from __future__ import annotations

import html
from pathlib import Path
from urllib.parse import quote


def text(value: object) -> str:
    """Any value as text that cannot become markup."""
    return html.escape(str(value))


def link(run: Path, path: Path) -> str:
    """A file's address relative to the page."""
    return quote(path.relative_to(run).as_posix())


def title(name: str | None) -> str:
    """A model's folder name as words."""
    return (name or "").replace("_", " ").replace("faceswap gan", "FaceSwap-GAN")


def section(heading: str, words: str, body: str) -> str:
    """A card of the page; "" when it has no body."""
    return f"<section><h2>{text(heading)}</h2><p class='soft'>{text(words)}</p>{body}</section>" if body else ""


def missing(what: str, notebook: str) -> str:
    """Says which notebook makes what is not there yet."""
    return f"<p class='missing'>{text(what)} is not there yet: notebook {text(notebook)} makes it.</p>"


def figure(run: Path, picture: Path, caption: str, kind: str = "") -> str:
    """A picture with its caption; it opens large by a click."""
    source = link(run, picture)
    image = f"<a href='{source}'><img class='{kind}' src='{source}' alt='{text(caption)}'></a>"
    return f"<figure class='{kind}'>{image}<figcaption>{text(caption)}</figcaption></figure>"


def player(run: Path, clip: Path, caption: str, words: str, sound: bool = False) -> str:
    """A clip with its caption; only one with `sound` is heard when all are played in step."""
    marks = "data-sound='yes'" if sound else ""
    video = f"<video controls loop playsinline preload='auto' {marks} src='{link(run, clip)}'></video>"
    return f"<figure>{video}<figcaption><b>{text(caption)}</b><br>{text(words)}</figcaption></figure>"


def players(clips: list[str]) -> str:
    """Players in a row; two or more get a button that starts all of them together."""
    button = "<button data-play type='button'>Play all in step</button>" if len(clips) > 1 else ""
    return f"<div>{button}<div class='row'>{''.join(clips)}</div></div>"
