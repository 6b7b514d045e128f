"""The end of a conversion: finished parts become a signed output, which appears at its name when it is both."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from faceswap_lab.errors import LabError
from faceswap_lab.provenance import certificates, credentials
from faceswap_lab.provenance.credentials import Facts, Ingredient
from faceswap_lab.provenance.placing import sealed
from faceswap_lab.swap import label, outputs
from faceswap_lab.swap.film import Film
from faceswap_lab.swap.parts import Parts, whole
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
        film: its target, options and model, and those who agreed.
    """
    function, agreed = film.swap_function, film.agreed
    parts = [(agreed.target, "target", Path(film.video.path)), *((one, "source", None) for one in agreed.sources)]
    return Facts(
        model=model_name(function),
        model_digest=str(getattr(function, "digest", "")),
        settings=dataclasses.asdict(film.options) | {"label": film.corner or "none"},
        ingredients=tuple(Ingredient(one.name, one.sha256, role, one.identity, path) for one, role, path in parts),
        watermark=film.marker and film.marker.ident,
    )


def _sound(film: Film, shown: Sequence[tuple[Fraction, Fraction]]) -> dict:
    """The sound that belongs to what is shown, as `video_joining.join` takes it."""
    pieces = None if whole(shown, film.video.rate, film.video.num_frames) else shown
    sound = film.video.path if film.video.has_audio else None
    return {"sound": sound, "pieces": pieces, "comment": label.comment(model_name(film.swap_function))}


def place(parts: Parts, out: Path, kind: str, film: Film, overwrite: bool, kept: Path | None) -> None:
    """Makes the output of the finished parts, signed; a stop leaves none that is not.

    Args:
        parts: all of them finished.
        out, kind: the output, and what it is, see `outputs.kind_of`.
        film: what they were made of.
        overwrite: replace an output that is there already.
        kept: a folder of swapped frames, which are signed as well, or None.

    Raises:
        LabError: when there is no frame, or the output cannot be written or signed.
    """
    if not parts.tally.frames:
        raise LabError(f"{out}: no frame was written, so there is no video. Check the time range.")
    outputs.check_place(out, film.video, overwrite)  # it may have come meanwhile
    facts = facts_of(film)
    if kept:
        credentials.sign_pictures(kept, dataclasses.replace(facts, watermark=None))  # they are kept unmarked
    if kind == "pictures":
        credentials.sign_pictures(parts.pictures, facts)
        outputs.place_pictures(parts.pictures, out)
        return
    with sealed(out, parts.folder / "unsigned", facts) as unsigned:
        if kind == "film":
            parts.join(unsigned, **_sound(film, parts.shown()))
        elif kind == "gif":
            outputs.write_gif(parts.pictures, unsigned, film.video.rate)
        else:
            outputs.place_picture(parts.pictures, unsigned)


def part_path(out: Path) -> Path:
    """Where a film lies that Ctrl-C left."""
    return out.with_name(f"{out.stem}.part{out.suffix}")


def leave_what_plays(parts: Parts, out: Path, kind: str, film: Film) -> None:
    """After Ctrl-C: what is written so far becomes a film that plays, and a sentence says so."""
    cut = parts.cut_short()
    if kind == "film":
        place = part_path(out)
        if not sum(parts.done) + cut:
            parts.remove()
            return
        with sealed(place, parts.folder / "unsigned", facts_of(film)) as unsigned:
            parts.join(unsigned, cut, **_sound(film, parts.shown(cut)))
        said = f"{sum(parts.done) + cut} of {len(film.plan)} frames play in {place}"
    else:
        said = f"what is finished lies in {parts.pictures}"
    print(f"\nStopped: {said}. Convert again in the same way to go on.")
