"""Pages from templates (Jinja, whatever is put in is escaped): addresses relative to the page, and values as people read them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from faceswap_lab import __version__
from faceswap_lab.base import files
from faceswap_lab.base.messages import ngettext, retold, translate
from faceswap_lab.course.report import scores

TEMPLATES = Path(__file__).with_name("templates")


class Clip(NamedTuple):
    """A video on a page.

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
        data: what the template names, beside `folder` and the module `scores`.

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
    environment.filters["link"] = lambda path: quote(path.relative_to(folder).as_posix())
    environment.filters |= {
        one.__name__: one for one in (scores.model_title, scores.in_unit, scores.between, scores.told_frames)
    }
    environment.filters |= {"translated": translate, "retold": retold}
    environment.globals |= {"scores": scores, "_": translate, "ngettext": ngettext}
    page = environment.get_template(template).render(version=__version__, folder=folder, **data)
    files.write_text(folder / "index.html", page)
    return folder / "index.html"
