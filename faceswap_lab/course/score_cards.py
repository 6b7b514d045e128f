"""Score cards on disk: scores.json, a table of the frames of each output, pictures of the best and the worst frames.

    scores.json                    numbers, intervals, what each score means, notes
    scores/<output>.csv            one row a frame, all that the scores are made of
    scores/frame_<n>_<what>.jpg    target, truth, <output> and <output>_heat, cut out around the face
    scores/curves.png, heat.png    scores over time; the legend of the heat maps

All is written file by file in one step each, scores.json last: whoever is stopped keeps what there was.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import _, english
from faceswap_lab.course.report import frames as drawing
from faceswap_lab.metrics import bootstrap, face_width, validation
from faceswap_lab.metrics.card import ScoreCard, rounded
from faceswap_lab.metrics.catalogue import Score
from faceswap_lab.metrics.clips import together
from faceswap_lab.provenance.publishing import write_swapped
from faceswap_lab.swap import label
from faceswap_lab.video import Video, open_video
from faceswap_lab.video.pictures import write_picture

FOLDER = "scores"
UNITS = {
    "": "",
    "share": english("share"),
    "deg": english("degrees"),
    "dB": "dB",
    "levels": english("levels of 255"),
    "%": "%",
}
_JPEG = 92


def card_numbers(cards: Mapping[str, ScoreCard], best: str | None, notes: list[str], clip: dict) -> dict:
    """What scores.json holds.

    Args:
        cards: by the outputs' names, of one clip.
        best: the best model's name.
        notes: sentences about all of them.
        clip: `clip_facts`.

    Returns:
        {"models": {name: {score: number}}, "baselines": likewise, "best", "notes", "intervals": {name: {score: [low, high]}},
        "differences": {name: {score: [how much better the best one is, low, high]}}, "scores": {score: what it means},
        "frames": {name: {"best": [...], "worst": [...], "even": [...]}}, "shown": {name: {frame:
        {score: number}}}, "clip"}. None where there is no number.
    """
    result: dict = {"models": {}, "baselines": {}}
    for name, card in cards.items():
        result["models" if card.kind == "model" else "baselines"][name] = card.numbers()
    every = {score.name: score for card in cards.values() for score in card.scores}
    common = [note for note in next(iter(cards.values())).notes if all(note in card.notes for card in cards.values())]
    own = [
        f"{name}: {note}"
        for name, card in cards.items()
        for note in card.notes
        if note not in common and card.kind == "model"
    ]
    result |= {"best": best, "notes": [*notes, *common, *own]}
    result["intervals"] = {name: card.ranges() for name, card in cards.items()}
    result["differences"] = _differences(cards, best)
    result["scores"] = {name: _described(score) for name, score in every.items()}
    result["frames"], result["shown"] = {}, {}
    for name, card in cards.items():
        good, bad = card.extremes()
        result["frames"][name] = {"best": good, "worst": bad, "even": drawing.spread_rows(len(card.table))}
        own = card.frames()
        result["shown"][name] = {
            str(row): {key: rounded(value) for key, value in own.iloc[row].items()}
            for row in shown_rows(result["frames"][name])
        }
    result["untrusted"] = _untrusted(every)
    return result | {"clip": clip, "blocks": {name: card.block for name, card in cards.items()}}


def _untrusted(scores: Mapping[str, Score]) -> dict[str, str]:
    """What was measured of the scores that need no truth and do not rank swaps, see `metrics.validation`: name -> a sentence."""
    found = {}
    for name, known in validation.measured().get("trust", {}).items():
        if name not in scores or "truth" in scores[name].needs or known["verdict"].startswith("ranks"):
            continue
        rho = known["rankings"][validation.QUALITY]["rho"]
        faults = [fault for fault, sight in known["sees"].items() if sight["word"] == "sees"]
        ranks = "gives no number"
        if rho is not None:
            ranks = english("{ranks} swaps of known quality (rho {rho:+.2f})", ranks=known["verdict"], rho=rho)
        found[name] = (
            english("{ranks}; it sees {faults}.", ranks=ranks, faults=", ".join(faults))
            if faults
            else english("{ranks}, and sees none of the faults tried.", ranks=ranks)
        )
    return found


def _described(score: Score) -> dict:
    limits = [None if np.isinf(end) else end for end in score.limits]
    return {
        "title": score.title, "meaning": score.meaning, "better": score.better, "unit": score.unit, "limits": limits,
        "needs": list(score.needs), "paper": score.paper,
    }  # fmt: skip


def _differences(cards: Mapping[str, ScoreCard], best: str | None) -> dict:
    if best is None or best not in cards:
        return {}
    found = {}
    for name, card in cards.items():
        if name != best:
            both = tuple(score for score in cards[best].scores if score in card.scores)
            apart = bootstrap.differences(both, cards[best].table, card.table)
            found[name] = {
                key: [rounded(one.value), rounded(one.low), rounded(one.high)]
                for key, one in apart.items()
                if one.is_known
            }
    return found


def clip_facts(target, count: int, size: tuple[int, int], truth: bool) -> dict:
    """Which clip was scored, so that cards of the same frames are known as such: name, frames, size, truth, digest."""
    digest, path = hashlib.sha256(), Path(target)
    for one in sorted(path.iterdir()) if path.is_dir() else [path]:
        if one.is_file():
            digest.update(files.sha256(one).encode())
    return {"target": path.name, "frames": count, "size": list(size), "truth": truth, "digest": digest.hexdigest()[:16]}


Clip = Callable[[], Iterator[np.ndarray]]


def clip_frames(clip: Video | str | os.PathLike, start: float | None = None) -> Iterator[np.ndarray]:
    """The frames of a clip from `start` (seconds) on, (H, W, 3) uint8 RGB."""
    for frame in (clip if isinstance(clip, Video) else open_video(clip)).frames(start=start):
        yield frame.image


def label_corner(output: Clip, target: Clip) -> str | None:
    """Where the output carries the lab's visible label, seen in its first frame; None where it does not, or the sizes differ."""
    made, given = (next(iter(clip()), None) for clip in (output, target))
    if made is None or given is None or made.shape != given.shape:
        return None
    return label.find_label(made, given)


def told_label(corner: str) -> str:
    """The sentence about a label."""
    return english(
        "The output carries the visible label ({corner}): its place is scored as the target's own pixels. Better "
        "give the frames without it (convert --frames FOLDER, or --no-label).",
        corner=corner,
    )


def uncovered(output: Iterator[np.ndarray], target: Iterator[np.ndarray], corner: str) -> Iterator[np.ndarray]:
    """The output's frames with the target's pixels where the label was; lengths that differ stay different."""
    for image, given in itertools.zip_longest(output, target):
        if image is None:
            return
        if given is not None:
            box = label.label_box(image, corner)
            image = image.copy()
            image[box] = given[box]
        yield image


def write_cards(
    folder: Path, cards: Mapping[str, ScoreCard], numbers: dict, clips: Mapping[str, Clip], points: np.ndarray
) -> None:
    """Writes everything about some outputs of one clip.

    Args:
        folder: scores.json lies here, all else in its folder `scores`.
        cards: by the outputs' names.
        numbers: from `card_numbers`.
        clips: "target", "truth" (where known) and the outputs whose frames are shown -> a function that gives the frames anew.
        points: (T, 5, 2) five points of the face a frame, in frame pixels.
    """
    place = files.make_folder(folder / FOLDER)
    files.remove_partial(place)
    for name, card in cards.items():
        with files.atomic_path(place / f"{drawing.file_name(name)}.csv") as temporary:
            card.table.to_csv(temporary, index=False, float_format="%.10g")
    shown = [name for name in cards if name in clips and name not in ("target", "truth")]
    generated = {name for name in shown if cards[name].kind == "model"}
    _write_frames(place, shown, numbers["frames"], clips, points, generated)
    _write_curves(place, {name: cards[name] for name in cards if cards[name].kind == "model"} or cards)
    files.write_json(folder / "scores.json", numbers)
    wanted = {
        drawing.picture_path(place, row, name).name for name in shown for row in shown_rows(numbers["frames"][name])
    }
    for old in place.glob("frame_*.jpg"):  # of an earlier scoring
        if re.sub(r"_(heat)$", "", old.stem) + ".jpg" not in wanted and not re.search(r"_(target|truth)$", old.stem):
            old.unlink()


def shown_rows(frames: Mapping[str, list[int]]) -> list[int]:
    """The rows of an output that pictures are kept of."""
    return sorted({row for rows in frames.values() for row in rows})


def _write_frames(
    place: Path, shown: list[str], rows: dict, clips: Mapping[str, Clip], points: np.ndarray, generated: set[str]
) -> None:
    """Cut-outs of the frames that are shown; those of a model's outputs (`generated`) are signed."""
    names = [*shown, *(name for name in ("target", "truth") if name in clips)]
    wanted = {name: set(shown_rows(rows[name])) for name in shown}
    every, width = set().union(*wanted.values()), face_width(points)
    for row, frames in enumerate(together(**{name: clips[name]() for name in names})):
        if row not in every:
            continue
        images = dict(zip(names, frames, strict=True))

        def write(what, image, row=row):
            path, cut = drawing.picture_path(place, row, what), drawing.cut_out(image, points[row], width)
            if (model := what.removesuffix("_heat")) in generated:
                said = (
                    english("A cut-out of a video that was scored as a face swap.")
                    if what == model
                    else english("A map of what was changed in a frame of a video that was scored as a face swap.")
                )
                write_swapped(path, cut, model, said, _JPEG)
            else:
                write_picture(path, cut, _JPEG)

        for name in ("target", "truth"):
            if name in images:
                write(name, images[name])
        for name in shown:
            if row in wanted[name]:
                write(name, images[name])
                write(f"{name}_heat", drawing.heat(images[name], images.get("truth", images["target"])))
    known = "truth" in clips
    what = _("difference from the true swap, levels of 255") if known else _("change against the target, levels of 255")
    drawing.legend_picture(place / "heat.png", what)


def _write_curves(place: Path, cards: Mapping[str, ScoreCard]) -> None:
    frames = {name: card.frames() for name, card in cards.items()}
    scores = {score.name: score for card in cards.values() for score in card.scores}
    titles = {name: with_unit(_(s.title), s.unit) for name, s in scores.items()}
    values = {name: card.numbers() for name, card in cards.items()}
    if not drawing.curves_picture(frames, values, titles, place / "curves.png"):
        (place / "curves.png").unlink(missing_ok=True)


def with_unit(title: str, unit: str) -> str:
    """A score's title or name as it stands over numbers: "psnr (dB)"; a plain number, such as a gain, has no unit."""
    return f"{title} ({_(UNITS[unit])})" if unit else title


def read_table(folder: Path, name: str) -> pd.DataFrame:
    """The table of an output's frames.

    Raises:
        LabError: when it is missing or damaged.
    """
    path = folder / FOLDER / f"{drawing.file_name(name)}.csv"
    try:
        return files.read_csv(path)
    except (OSError, ValueError) as error:
        raise LabError(f"{path}: this table cannot be read ({error}). Score the conversion again.") from error
