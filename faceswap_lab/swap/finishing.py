"""The end of a conversion: finished parts become an output, which appears at its name when it is complete and published."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import _, retold
from faceswap_lab.base.safeguards import Agreement
from faceswap_lab.swap import label, outputs
from faceswap_lab.swap.parts import Parts, whole
from faceswap_lab.swap.steps import Conversion
from faceswap_lab.swap.swapping import model_name
from faceswap_lab.video.sound import recoded


def _sound(conversion: Conversion, shown: Sequence[tuple[Fraction, Fraction]]) -> dict:
    """The sound that belongs to what is shown, as `joining.join` takes it."""
    pieces = None if whole(shown, conversion.video.rate, conversion.video.num_frames) else shown
    sound = conversion.video.path if conversion.video.has_audio else None
    return {"sound": sound, "pieces": pieces, "comment": label.comment(model_name(conversion.swap_function))}


def sound_remarks(conversion: Conversion, kind: str) -> list[str]:
    """What is said of sound that a video cannot take as it is."""
    said = recoded(conversion.video.path) if kind == "video" and conversion.video.has_audio else ""
    return [said] if said else []


def place(
    parts: Parts, out: Path, kind: str, conversion: Conversion, overwrite: bool, thing: str, agreement: Agreement
) -> list[str]:
    """Makes the output of the finished parts; a stop leaves none that is not signed and entered in the register.

    Args:
        parts: all of them finished.
        out, kind: the output, and what it is, see `outputs.kind_of`.
        conversion: what they were made of.
        overwrite: replace an output that is there already.
        thing: what tells it from other outputs of that name.
        agreement: publishes it.

    Returns:
        What is to be told the user.

    Raises:
        LabError: when there is no frame, or the output cannot be written or signed.
    """
    if not parts.tally.frames:
        raise LabError(f"{out}: no frame was written, so there is no video. Check the time range.")
    outputs.check_place(out, conversion.video, overwrite)  # it may have come meanwhile
    told: list[str] = []
    if kind == "pictures":
        told += agreement.publish_pictures(parts.pictures, out, conversion, thing)
        outputs.place_pictures(parts.pictures, out)
        return told
    with agreement.publish(out, parts.folder / "unsigned", conversion, thing, told) as unsigned:
        if kind == "video":
            parts.join(unsigned, **_sound(conversion, parts.shown()))
        elif kind == "gif":
            outputs.write_gif(parts.pictures, unsigned, conversion.video.rate)
        else:
            outputs.place_picture(parts.pictures, unsigned)
    return told


def part_path(out: Path) -> Path:
    """Where a video lies that Ctrl-C left."""
    return out.with_name(f"{out.stem}.part{out.suffix}")


def leave_what_plays(parts: Parts, out: Path, kind: str, conversion: Conversion, thing: str, agreement: Agreement) -> None:
    """After Ctrl-C: what is written so far becomes a video that plays, published like a whole one, and a sentence says so."""
    cut = parts.cut_short()
    if kind == "video":
        place = part_path(out)
        told: list[str] = []
        if not sum(parts.done) + cut:
            parts.remove()
            return
        with agreement.publish(place, parts.folder / "unsigned", conversion, thing, told) as unsigned:
            parts.join(unsigned, cut, **_sound(conversion, parts.shown(cut)))
        said = _("{place} plays {count} of the frames, of {all} in all")
        said = said.format(count=sum(parts.done) + cut, all=len(conversion.plan), place=place)
        said = "\n".join([*map(retold, told), said])
    else:
        said = _("finished frames: {count} of {all}").format(count=sum(parts.done), all=len(conversion.plan))
    print("\n" + _("Stopped: {what}. Convert again in the same way to go on.").format(what=said))
