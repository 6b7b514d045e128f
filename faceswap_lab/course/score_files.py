"""A score card for any conversion at hand: a video, a folder of pictures, or a face set, beside the target it was made from."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import english
from faceswap_lab.course import score_cards, trusted_paths
from faceswap_lab.course.report.frames import file_name
from faceswap_lab.faces.faceset import TABLE, FaceSet
from faceswap_lab.metrics import baselines, people
from faceswap_lab.metrics.card import ScoreCard, make_cards
from faceswap_lab.metrics.measures import Known
from faceswap_lab.video import open_video

MOST_FACES = 250  # of each person, that are looked for in a clip


def score_files(
    output: str | Path,
    target: str | Path,
    out: str | Path,
    truth: str | Path = "",
    source: str | Path = "",
    gallery: Mapping[str, str | Path] | None = None,
    seed: int = 0,
) -> dict:
    """Scores a conversion and writes its card into a folder.

    Args:
        output: the swap: a video, a folder of pictures, or a face set.
        target: what it was made from: of the same kind, the same frames; its faces are found, and kept in the folder.
        out: the card's folder.
        truth: the true swap, the same frames; "" where it is not known.
        source: a clip, a folder of pictures or a face set of the person put in; "" where there is none.
        gallery: names and clips of other people, likewise.
        seed: of the bootstrap.

    Returns:
        What scores.json holds, see `score_cards.card_numbers`.

    Raises:
        LabError: naming the file, for what is missing, no video, of another length or size, without a face, or where truth and
            target are the same.
    """
    output, target, out = Path(output), Path(target), Path(out)
    sets = [path for path in (output, target) if (path / TABLE).exists()]
    if sets and len(sets) < 2:
        other = target if sets[0] == output else output
        raise LabError(f"{other}: {sets[0]} is a face set, and this is none. Give two face sets, or two clips.")
    clips, points, notes = _paired_sets(output, target, truth) if sets else _clips(output, target, truth, out)
    person = None if not str(source) else _faces_of(source, out / "faces" / "source")
    own = FaceSet(target if sets else out / "faces" / "target").of_person()
    others = {name: _faces_of(clip, out / "faces" / file_name(name)) for name, clip in (gallery or {}).items()}
    given = people.known_people(person, own, others)
    if person is None:
        notes.append(english("Whose face it is was not asked: give pictures of the person put in with --source."))
    else:
        notes.append(
            english(
                "Whose face it is is judged beside the target's faces in this very clip, which share its light and hair "
                "with the swap."
            )
        )
    wanted = clips.get("truth")
    bases = people.known_baselines(person, own)
    simple = {} if sets else baselines.baseline_clips(clips["target"](), points, bases, wanted and wanted())
    name = output.stem if output.suffix and not output.is_dir() else output.name
    name = f"{name} (output)" if name in (*simple, "target", "truth") else name
    try:
        made = make_cards(
            {name: clips["output"](), **simple}, clips["target"](), points, Known(given=given), wanted and wanted(),
            simple, seed=seed,
        )  # fmt: skip
    except LabError as error:  # a file that says more, or less, of itself than it holds
        raise LabError(f"{output} beside {target}: {error}") from error
    _refuse_the_same(truth, target, made[name])
    height, width = next(iter(clips["target"]())).shape[:2]
    facts = score_cards.clip_facts(target, len(points), (width, height), wanted is not None)
    facts["output"] = str(output.absolute())
    trusted_paths.give(out, output.absolute())
    result = score_cards.card_numbers(made, name, notes, facts)
    shown = {key: clip for key, clip in clips.items() if key != "output"} | {name: clips["output"]}
    score_cards.write_cards(files.make_folder(out), made, result, shown, points)
    return result


def _clips(output: Path, target: Path, truth, out: Path) -> tuple[dict[str, score_cards.Clip], np.ndarray, list[str]]:
    """The clips of two or three videos or folders of pictures, and the target's five points."""
    from faceswap_lab.faces.extraction import extract_faces

    paths = {"output": output, "target": target} | ({"truth": Path(truth)} if str(truth) else {})
    videos = {name: open_video(path) for name, path in paths.items()}
    first = videos["target"]
    for name, video in videos.items():
        if video.size != first.size:
            sizes = ["x".join(map(str, one.size)) for one in (video, first)]
            raise LabError(
                f"{paths[name]}: its pictures have {sizes[0]} pixels, those of {target} {sizes[1]}. Make the swap at the "
                "target's size."
            )
        if video.num_frames != first.num_frames:
            raise LabError(
                f"{paths[name]}: it has {video.num_frames} frames, and {target} has {first.num_frames}. Clips to be compared must "
                "have the same frames: cut them to the same time range."
            )
    faces = extract_faces(target, out / "faces" / "target")
    points = faces.clip_points(first.num_frames)
    if not np.isfinite(points).all(axis=(1, 2)).any():
        raise LabError(
            f"{target}: no face was found in any frame, so there is nothing to score. Give a clip that shows a face."
        )
    clips: dict[str, score_cards.Clip] = {name: partial(score_cards.clip_frames, one) for name, one in videos.items()}
    corner, notes = score_cards.label_corner(clips["output"], clips["target"]), []
    if corner is not None:
        notes.append(score_cards.told_label(corner))
        bare = clips["output"]
        clips["output"] = lambda: score_cards.uncovered(bare(), clips["target"](), corner)
    return clips, points, notes


def _paired_sets(output: Path, target: Path, truth) -> tuple[dict[str, score_cards.Clip], np.ndarray, list[str]]:
    """The aligned faces of two or three sets, of the frames that all of them have, as clips; the target's points in them."""
    sets = {"output": FaceSet(output), "target": FaceSet(target)} | ({"truth": FaceSet(truth)} if str(truth) else {})
    main = {name: faces.of_person() for name, faces in sets.items()}
    shared = sorted(set.intersection(*(set(faces.table["frame"]) for faces in main.values())))
    if not shared:
        raise LabError(
            f"{output}: none of its frames is in all of {', '.join(str(s.folder) for s in sets.values())}. Give the face set of "
            "the swapped video beside that of its target."
        )
    paired = {}
    for name, faces in main.items():
        rows = faces.table.drop_duplicates("frame").reset_index().set_index("frame").loc[shared, "index"]
        paired[name] = faces.subset(rows.to_numpy())
    clips: dict[str, score_cards.Clip] = {name: faces.pictures for name, faces in paired.items()}
    points = paired["target"].aligned_points()
    notes = [
        english(
            "Face sets: each face is cut out by its own points, so that a face put back in a wrong place is not seen "
            "to be wrong."
        )
    ]
    if (left := len(main["output"]) - len(shared)) > 0:
        notes.append(
            english(
                "Faces of the output that have no partner in the other set and are left out: {left} of {faces}.",
                left=left,
                faces=len(main["output"]),
            )
        )
    return clips, points, notes


def _faces_of(source: str | Path, folder: Path) -> FaceSet:
    """The faces of a person: of a set, or found in a clip or pictures and kept in the folder."""
    from faceswap_lab.faces.extraction import extract_faces

    source = Path(source)
    if (source / TABLE).exists():
        faces = FaceSet(source)
    else:
        faces = extract_faces(source, folder, every=max(1, open_video(source).num_frames // MOST_FACES))
    faces = faces.of_person()
    if not len(faces):
        raise LabError(
            f"{source}: no face was found in it, so there is nobody to compare with. Give a clip that shows the person."
        )
    return faces


def _refuse_the_same(truth, target: Path, card: ScoreCard) -> None:
    if "different" in card.table and not card.table["different"].any():
        raise LabError(
            f"{truth}: it does not differ from {target} in any frame, so there is nothing to gain. Give the true swap, or leave "
            "--truth out."
        )
