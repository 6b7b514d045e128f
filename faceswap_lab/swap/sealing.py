"""What the manifest of a conversion's output says."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from faceswap_lab.provenance import certificates, credentials
from faceswap_lab.provenance.credentials import Facts, Ingredient
from faceswap_lab.swap.film import Film
from faceswap_lab.swap.swapping import model_name


def check() -> None:
    """Looks for what outputs are signed with, before hours of work.

    Raises:
        LabError: when the certificate configured here cannot be used.
    """
    certificates.signing()


def facts_of(film: Film) -> Facts:
    """What the manifest of a conversion's output says.

    Args:
        film: its target, options and model. The model may have `sources`: what its second face was learned from, each with
            `name`, `sha256` and `identity`.
    """
    video, function = film.video, film.swap_function
    path = Path(video.path)
    target = Ingredient(path.name, credentials.sha256_of(path, video.pictures), "target", path=path)
    sources = [Ingredient(one.name, one.sha256, "source", one.identity) for one in getattr(function, "sources", ())]
    return Facts(
        model=model_name(function),
        model_digest=str(getattr(function, "digest", "")),
        settings=dataclasses.asdict(film.options) | {"label": film.corner or "none"},
        ingredients=(target, *sources),
    )
