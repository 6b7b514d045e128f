"""The end of a conversion: finished parts become a signed output, which appears at its name when it is both."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from faceswap_lab.base.errors import LabError
from faceswap_lab.provenance import certificates, credentials, publishing
from faceswap_lab.provenance.credentials import Facts, Ingredient
from faceswap_lab.provenance.publishing import sealed
from faceswap_lab.provenance.register import Enter, mark_folder
from faceswap_lab.swap import label, outputs
from faceswap_lab.swap.parts import Parts, whole
from faceswap_lab.swap.steps import Film
from faceswap_lab.swap.swapping import model_name
from faceswap_lab.video.sound import recoded


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
    """The sound that belongs to what is shown, as `joining.join` takes it."""
    pieces = None if whole(shown, film.video.rate, film.video.num_frames) else shown
    sound = film.video.path if film.video.has_audio else None
    return {"sound": sound, "pieces": pieces, "comment": label.comment(model_name(film.swap_function))}


def sound_remarks(film: Film, kind: str) -> list[str]:
    """What is said of sound that a film cannot take as it is."""
    said = recoded(film.video.path) if kind == "film" and film.video.has_audio else ""
    return [said] if said else []


def keeper(film: Film, folder: Path) -> Callable[[int, np.ndarray], None]:
    """A function that keeps a swapped frame, given its index and (H, W, 3) uint8 RGB, as a signed picture 000123.png."""
    facts, signing = facts_of(film), certificates.signing()
    # They are kept unmarked. A target's own credentials are left out: each picture would check the whole target anew.
    plain = tuple(dataclasses.replace(one, path=None) for one in facts.ingredients)
    facts = dataclasses.replace(facts, watermark=None, ingredients=plain)

    def keep(index: int, picture: np.ndarray) -> None:
        publishing.write_signed(folder / f"{index:06d}.png", picture, facts, signing=signing)

    return keep


def place(parts: Parts, out: Path, kind: str, film: Film, overwrite: bool, thing: str, enter: Enter) -> list[str]:
    """Makes the output of the finished parts, signed and entered in the register; a stop leaves none that is not.

    Args:
        parts: all of them finished.
        out, kind: the output, and what it is, see `outputs.kind_of`.
        film: what they were made of.
        overwrite: replace an output that is there already.
        thing: what tells it from others, see `register.record_output`.
        enter: enters it in the register, given its name and where it lies before it has it.

    Returns:
        What `enter` answered.

    Raises:
        LabError: when there is no frame, or the output cannot be written or signed.
    """
    if not parts.tally.frames:
        raise LabError(f"{out}: no frame was written, so there is no video. Check the time range.")
    outputs.check_place(out, film.video, overwrite)  # it may have come meanwhile
    facts = facts_of(film)
    said: list[str] = []
    if kind == "pictures":
        credentials.sign_pictures(parts.pictures, facts)
        mark_folder(parts.pictures, thing)
        said += enter(out, parts.pictures)
        outputs.place_pictures(parts.pictures, out)
        return said
    with sealed(out, parts.folder / "unsigned", facts, lambda lies: said.extend(enter(out, lies))) as unsigned:
        if kind == "film":
            parts.join(unsigned, **_sound(film, parts.shown()))
        elif kind == "gif":
            outputs.write_gif(parts.pictures, unsigned, film.video.rate)
        else:
            outputs.place_picture(parts.pictures, unsigned)
    return said


def part_path(out: Path) -> Path:
    """Where a film lies that Ctrl-C left."""
    return out.with_name(f"{out.stem}.part{out.suffix}")


def leave_what_plays(parts: Parts, out: Path, kind: str, film: Film, enter: Enter) -> None:
    """After Ctrl-C: what is written so far becomes a film that plays, signed and entered, and a sentence says so."""
    cut = parts.cut_short()
    if kind == "film":
        place, told = part_path(out), []
        if not sum(parts.done) + cut:
            parts.remove()
            return
        with sealed(
            place, parts.folder / "unsigned", facts_of(film), lambda lies: told.extend(enter(place, lies))
        ) as unsigned:
            parts.join(unsigned, cut, **_sound(film, parts.shown(cut)))
        said = f"{sum(parts.done) + cut} of {len(film.plan)} frames play in {place}"
        said = "\n".join([*told, said])
    else:
        said = f"{sum(parts.done)} of {len(film.plan)} frames are finished"
    print(f"\nStopped: {said}. Convert again in the same way to go on.")
