"""Pages from templates (Jinja, whatever is put in is escaped): addresses relative to the page, and values as people read them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from faceswap_lab import __version__
from faceswap_lab.base import files

TEMPLATES = Path(__file__).with_name("templates")


class Clip(NamedTuple):
    """A film on a page.

    Args:
        path: the file, in the page's folder.
        caption, words: what stands under it.
        sound: it is the one that is heard when all are played in step.
    """

    path: Path
    caption: str
    words: str = ""
    sound: bool = False


def write_page(folder: Path, template: str, **data: object) -> Path:
    """Writes a folder's index.html.

    Args:
        folder: the page's; every file that the page shows lies in it.
        template: a file of `templates/`.
        data: what the template names.

    Returns:
        The path of index.html.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "link": lambda path: quote(path.relative_to(folder).as_posix()),
        "model_title": model_title,
        "in_unit": in_unit,
        "between": between,
    }
    page = environment.get_template(template).render(version=__version__, **data)
    files.write_text(folder / "index.html", page)
    return folder / "index.html"


def model_title(name: str | None) -> str:
    """A model's folder name as words."""
    return (name or "").replace("_", " ").replace("faceswap gan", "FaceSwap-GAN")


def in_unit(value: float | None, unit: str) -> str:
    """A score as people read it, by its unit, see `metrics.catalogue.Score`."""
    if value is None:
        return "–"
    if unit == "share":
        return f"{100 * value:.1f} %"
    return {"deg": f"{value:.1f}°", "dB": f"{value:.1f} dB", "levels": f"{value:.1f}"}.get(
        unit, f"{round(value, 2) + 0:.2f}"
    )


def between(ends: list[float] | None, unit: str) -> str:
    """An interval as people read it; "" where there is none."""
    return f"{in_unit(ends[0], unit)} to {in_unit(ends[1], unit)}" if ends else ""
