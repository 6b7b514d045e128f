"""What the page tells of the run's video as the video itself tells it: content credentials, watermark, whose faces went in."""

from __future__ import annotations

from pathlib import Path

from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import _, retold
from faceswap_lab.provenance import verification, watermark


def marks(run: Path) -> list[tuple[str, str]]:
    """Names and values about swap.mp4; [] where there is none yet.

    Args:
        run: the run's folder.
    """
    video = run / "swap.mp4"
    return [(name, value) for name, value in _rows(video) if value] if video.is_file() else []


def _rows(video: Path) -> list[tuple[str, str]]:
    try:
        verdict = verification.verify(video)
        # Looked for only where the note names one, and in few frames: where there is none, looking takes seconds.
        marked = any(action.startswith("c2pa.watermarked") for action in verdict.actions)
        mark = str(watermark.look(video, count=4)) if marked else ""
    except LabError as error:
        return [(_("credentials"), str(error))]
    made_of = [(one["role"], _told(one)) for one in verdict.ingredients]
    return [
        (_("credentials"), _(verdict.state)),
        (_("that means"), retold(" ".join(verdict.findings))),
        (_("source type"), ", ".join(verdict.source_types)),
        (_("model"), verdict.model),
        *(
            (name, ", ".join(told for one, told in made_of if one == role))
            for role, name in (("target", _("target")), ("source", _("faces from")))
        ),
        (_("watermark"), retold(mark)),
    ]


def _told(ingredient: dict) -> str:
    shown = f" ({ingredient['identity']})" if ingredient.get("identity") else ""
    return ingredient["name"] + shown
