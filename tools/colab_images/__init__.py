"""The lists of this folder, read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Image:
    """One image of Colab's.

    Args:
        name: its date, such as "2026.07".
        python: its Python, such as "3.12.13".
        versions: normalised name of a package -> version.
    """

    name: str
    python: str
    versions: dict[str, str]


def plain(name: str) -> str:
    """A package's name as package indexes normalise it: PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_images(folder: Path = FOLDER) -> list[Image]:
    """All images, the newest first.

    Args:
        folder: of files DATE.txt: `# Python 3.12.13`, then one `name==version` a line.
    """
    images = []
    for path in sorted(folder.glob("*.txt"), reverse=True):
        first, *lines = path.read_text(encoding="utf-8").split("\n")
        pairs = [line.split("==") for line in lines if line]
        images.append(Image(path.stem, first.removeprefix("# Python "), {plain(name): said for name, said in pairs}))
    return images
