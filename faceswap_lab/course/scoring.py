"""Converts a run's target clip with each of its models and says how good the swaps are: swap/*.mp4, scores.json."""

from __future__ import annotations

import dataclasses
import itertools
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from faceswap_lab import metrics, training
from faceswap_lab.base import files, weights
from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import _, english
from faceswap_lab.course import score_cards, stages
from faceswap_lab.course.run_settings import settings
from faceswap_lab.course.runtime import Run
from faceswap_lab.course.score_cards import Clip, clip_frames
from faceswap_lab.faces.faceset import FaceSet
from faceswap_lab.faces.sources import read_sources
from faceswap_lab.metrics import baselines, people
from faceswap_lab.metrics.card import ScoreCard, make_cards, rounded
from faceswap_lab.metrics.following import Kept, gaze_still
from faceswap_lab.metrics.identity import Identity
from faceswap_lab.metrics.measures import FIRST, Known
from faceswap_lab.provenance.checks import may_convert
from faceswap_lab.provenance.consent import user_folder
from faceswap_lab.provenance.register import enter
from faceswap_lab.swap import base_swap
from faceswap_lab.swap.base_swap import BaseSwap
from faceswap_lab.swap.conversion import ConversionReport, convert
from faceswap_lab.training.fine_tuning import FineTuning
from faceswap_lab.training.practice_faces import Practice, with_swaps
from faceswap_lab.video.pictures import read_picture

MODELS = ("autoencoder", "faceswap_gan", "autoencoder_from_nothing", "autoencoder_shared_decoder")
COMPARISONS = ("autoencoder_from_nothing", "autoencoder_shared_decoder")  # trained to be compared with, not to be used
MEASURES_OF_BEST = ("identity_move_dlib", "expression_kept")  # their sum, where no truth is known
WARM_START = "warm_start"  # stands in where nothing was trained


@dataclass(frozen=True)
class Swapped:
    """One model's conversion.

    Args:
        model, blend: which.
        path: the labelled video.
        frames: the folder of its unlabelled, lossless frames; None where they were not kept, see `swap_clip`.
        report: what the conversion counted; None where it was made earlier.
    """

    model: str
    blend: str
    path: Path
    frames: Path | None
    report: ConversionReport | None

    def pictures(self) -> Iterator[np.ndarray]:
        """Its frames in order, (H, W, 3) uint8 RGB: unlabelled and lossless where they were kept, else the video's."""
        return clip_frames(self.path) if self.frames is None else kept_frames(self.frames)


def base_function(run: Run, fine_tuning: int = 0) -> BaseSwap:
    """The base model with B's faces: a swap without training, or after so many steps on both people, unless they were taken before.

    Raises:
        LabError: when B's clip shows no face clearly, or too few to learn from, or a consent is missing.
    """
    faces = stages.main_person(stages.ensure_faces(run, "B"))
    if not fine_tuning:
        return BaseSwap.from_faces(faces)
    folder = files.make_folder(run.out / "models" / base_swap.TUNED)
    files.write_json(folder / "made_with.json", {"steps": fine_tuning})  # `swap_functions` asks for the same
    asked = FineTuning(run.clip("target"), folder, fine_tuning, run.seed)
    target = stages.main_person(stages.ensure_faces(run, "target"))
    return BaseSwap.from_faces(faces, fine_tuning=asked).for_target(target)


def with_base_swaps(run: Run, faces: dict, masks: dict, transferred: dict, centred: bool) -> Practice:
    """Practice faces from `stages.training_arrays`, and the base's swaps among them unless the warm start knows both people.

    Minutes of training teach a model less of strangers than the base knows of them, and more of people whom it knows already
    (docs/results.md): with those, nothing is added.

    Args:
        faces, masks, transferred: as from there.
        centred: see `practice_faces.with_swaps`.

    Returns:
        The three, as given or with further rows of B.
    """
    practice = faces, masks, transferred
    clips = [source for role in ("target", "B") for source in read_sources(run.faces(role))]
    known, shown = (
        {name for source in sources for name in source.identities} for sources in (read_sources(_warm_start()), clips)
    )
    if shown and shown <= known:
        return practice
    try:
        base = _base_below(run)
    except LabError as error:  # B's face is not clear enough for it
        print(_("Left out: {model} ({why})").format(model=base_swap.NAME, why=error))
        return practice
    practice = with_swaps(practice, stages.main_person(stages.ensure_faces(run, "target")), base, centred)
    count = len(practice[0]["B"]) - len(faces["B"])
    said = _("{count} practice faces of B are swaps by the model {model}, since the warm start does not know these people.")
    print(said.format(count=count, model=base.name))
    return practice


def _base_below(run: Run) -> BaseSwap:
    """The base that the faces of a run's models are put onto: fine-tuned where that has swapped, else as it ships."""
    return base_function(run, _steps_tuned(run))


def _steps_tuned(run: Run) -> int:
    """After how many steps of fine-tuning the base has swapped in this run; 0: it has not."""
    steps = files.read_json_or_empty(run.out / "models" / base_swap.TUNED / "made_with.json").get("steps")
    return steps if isinstance(steps, int) and _base_swapped(run, base_swap.TUNED) else 0


def swap_functions(run: Run) -> dict[str, training.SwapFunction | BaseSwap]:
    """The run's finished models by name, A's faces in and B's out, and the base model and its fine-tuned form where they swapped.

    The models' faces are put onto the swap of the latter, or of the base. Without any model, the warm start that ships with the
    lab stands in, with a printed sentence.

    Raises:
        LabError: when a model is damaged, or of a kind that this version does not know.
    """
    folders = {name: run.out / "models" / name for name in MODELS}
    there = [name for name in MODELS if (folders[name] / training.CONFIG).exists()]
    if not there:
        print(_("No model has been trained in this run yet: the warm start that ships with the lab stands in."))
        there, folders = [WARM_START], {WARM_START: _warm_start()}
    elif missing := [name for name in MODELS if name not in there]:
        print(_("Not trained in this run, and so left out: {models}.").format(models=", ".join(missing)))
    functions: dict = {name: training.SwapFunction(training.load_model(folders[name]), name=name) for name in there}
    if _base_swapped(run, base_swap.NAME):
        functions[base_swap.NAME] = base_function(run)
    if steps := _steps_tuned(run):
        try:
            functions[base_swap.TUNED] = base_function(run, steps)
        except LabError as error:  # such as too few pictures, once the set was cleaned: the others are there all the same
            print(_("Left out: {model} ({why})").format(model=base_swap.TUNED, why=error))
    try:
        base = functions.get(base_swap.TUNED) or functions.get(base_swap.NAME) or base_function(run)
    except LabError as error:  # B's face is not clear enough for it: the models' faces are put onto the target, as it is
        print(_("Left out: {model} ({why})").format(model=base_swap.NAME, why=error))
        return functions
    for name in there:
        functions[name].base = base
    return functions


def _base_swapped(run: Run, name: str) -> bool:
    return (run.out / "swap" / f"{name}_{base_swap.PUTTING_BACK.blend}.mp4").exists()


def _warm_start() -> Path:
    return weights.data_folder() / "weights" / "quick_autoencoder"


def swap_clip(run: Run, name: str, swap_function, blend: str = "", **options) -> Swapped:
    """Converts the target clip with one model; not again when model, faces and options are the same.

    Args:
        name: the model's.
        swap_function: see `swap_functions`.
        blend: "direct", "mask", "seamless" or "laplacian"; "" takes that of the run's settings.
        options: of `conversion.convert`, which count more than the run's `settings`.

    Where a true swap is known, the unlabelled frames are kept as pictures, since the scores want them before lossy
    coding. Without one nothing needs them, and a long clip would fill the disk.

    Returns:
        `Swapped`.

    Raises:
        LabError: as `conversion.convert`; a consent that was revoked since stops it, too.
    """
    faces = stages.ensure_faces(run, "target")
    may_convert(run.clip("target"), getattr(swap_function, "sources", ()), name)  # also of what was made before
    chosen = settings(run, swap_function)
    blend = blend or chosen.blend
    path = run.swap(name, blend)
    frames = run.out / "swap" / f"{name}_{blend}_frames" if run.clips.truth else None
    key = {"model": getattr(swap_function, "digest", name), "faces": faces.digest()}
    key |= {**dataclasses.asdict(chosen), "blend": blend, **options}
    stage = f"swap_{name}_{blend}"
    if run.is_done(stage, **key) and path.exists() and (frames is None or frames.exists()):
        return Swapped(name, blend, path, frames, None)
    options |= {"blend": blend, "overwrite": True, "frames_folder": frames}
    report = convert(run.clip("target"), faces, swap_function, path, chosen, **options)
    run.mark_done(stage, **key)
    return Swapped(name, blend, path, frames, report)


def present(run: Run, swap: Swapped, swap_function) -> Path:
    """Copies the conversion that the run is shown by to swap.mp4, with its credentials, and enters the copy in the register.

    Args:
        swap: from `swap_clip`.
        swap_function: the one that it was made with.

    Returns:
        The copy's path.

    Raises:
        LabError: when a consent was revoked since, or the place cannot be written to.
    """
    agreed = may_convert(run.clip("target"), getattr(swap_function, "sources", ()), swap.model)
    path = run.out / "swap.mp4"
    with files.atomic_path(path) as temporary:  # a reader never meets half a file
        shutil.copyfile(swap.path, temporary)
        print(*enter(agreed, path, swap.model, {"blend": swap.blend}, user_folder(), temporary), sep="\n", end="")
    return path


def kept_frames(folder: Path) -> Iterator[np.ndarray]:
    """The unlabelled frames of a conversion, in order: (H, W, 3) uint8 RGB."""
    for path in sorted(folder.glob("*.png")):
        yield read_picture(path)


def compare(run: Run, index: int, outputs: Mapping[str, np.ndarray], points: np.ndarray) -> pd.DataFrame | None:
    """The gains of several versions of one frame, for a quick look.

    Args:
        index: the frame's number in the target clip.
        outputs: name -> (H, W, 3) uint8 RGB.
        points: (5, 2) five points of the face in frame pixels.

    Returns:
        A table with a row for each version, or None (and a printed sentence) where no true swap is known.
    """
    if run.clips.truth is None:
        print(_("No true swap is known for this clip: judge by eye."))
        return None
    target, truth = (
        next(itertools.islice(clip_frames(path), index, None)) for path in (run.clip("target"), run.clips.truth)
    )
    gains = metrics.score_clips({name: [one] for name, one in outputs.items()}, [truth], [target], points[None])
    return pd.DataFrame({name: found.as_json() for name, found in gains.items()}).T


def score_run(run: Run, swaps: list[Swapped], full: bool = True) -> dict:
    """Scores the conversions, and the baselines beside them, and writes scores.json.

    Args:
        swaps: from `swap_clip`; one for each model (the first of a model counts).
        full: False: a first look, with the gains, landmarks and gaze only and without the classical swap: a third of the time.
            Without a truth it has whose face it is, and what the face keeps of the target's movement.

    Returns:
        What is written: {"models": {name: scores}, "baselines": {name: scores}, "best": name, "notes": [...]}, and what
        `score_cards.card_numbers` adds: intervals, differences from the best, what each score means. A score that cannot be given
        is None. Without a truth there are no gains, and a note says so.

    Raises:
        LabError: when there is no conversion, or it does not have the truth's frames.
    """
    if not swaps:
        raise LabError(
            f"{run.out}: nothing was converted, so there is nothing to score. Train a model (notebooks 03, 04)."
        )
    chosen: dict[str, Swapped] = {}
    for swap in swaps:
        chosen.setdefault(swap.model, swap)
    count = sum(1 for _ in swaps[0].pictures())
    points = stages.ensure_faces(run, "target").clip_points(count)
    notes = list(_NOTES[run.clips.truth is not None])
    source, person = _people(run, notes)
    others = stages.gallery(run) if full else {}
    given = people.known_people(source, person, others, [run.clip("target").name], full)
    corners: dict[str, list[str]] = {}
    clips: dict[str, Clip] = {name: _unlabelled(run, swap, count, corners) for name, swap in chosen.items()}
    notes += [
        english(
            "Scored from the coded videos ({models}): where the visible label stands ({corner}), the target's own pixels count.",
            corner=corner, models=", ".join(names),
        )
        for corner, names in corners.items()
    ]  # fmt: skip
    clips["target"] = lambda: itertools.islice(clip_frames(run.clip("target")), count)
    if run.clips.truth is not None:
        clips["truth"] = lambda: clip_frames(run.clip("truth"))
    wanted = clips["truth"]() if "truth" in clips else None
    bases = people.known_baselines(source, person, full)
    simple = baselines.baseline_clips(clips["target"](), points, bases, wanted)
    first = FIRST if "truth" in clips else (*FIRST, Identity, Kept)
    made = make_cards(
        {**{name: clips[name]() for name in chosen}, **simple}, clips["target"](), points, Known(given=given),
        clips["truth"]() if "truth" in clips else None, simple, None if full else first, seed=run.seed,
    )  # fmt: skip
    still = gaze_still(next(iter(made.values())).table)
    if np.isfinite(still):
        notes.append(
            english(
                "gaze_error: eyes that never move would get {still:.1f} degrees on this clip (gaze_still). Up and down "
                "the measure sees a fifth of a movement only.",
                still=still,
            )
        )
    best = _best(run, made)
    facts = score_cards.clip_facts(run.clip("target"), count, _size(clips["target"]), "truth" in clips)
    result = score_cards.card_numbers(made, best, notes, facts)
    if run.clips.truth is not None:
        for row in (*result["models"].values(), *result["baselines"].values()):
            row["gaze_still"] = rounded(still)
    score_cards.write_cards(run.out, made, result, clips, points)
    return result


_NOTES = {
    False: (
        english(
            "No true swap is known for this clip, so there are no gains, only a recognition network's opinion whose "
            "face it is."
        ),
    ),
    True: (
        english(
            "0 is the unchanged target, 1 the true swap. Never read pixel_gain alone: a tint earns most of it. "
            "blurred_truth and shifted_truth are not reachable baselines but a ruler: the truth itself, blurred by 4 "
            "px or moved by 2 px."
        ),
    ),
}


def _best(run: Run, made: Mapping[str, ScoreCard]) -> str:
    models = {name: card.numbers() for name, card in made.items() if card.kind == "model"}
    measures = MEASURES_OF_BEST if run.clips.truth is None else ("swap_gain", "identity_gain")
    # Without a truth a model that generates nonsense can look less like the target than a good one does, so the models that
    # only show what training from nothing gives are no candidates then.
    candidates = [name for name in models if name not in COMPARISONS or run.clips.truth] or list(models)
    return max(candidates, key=lambda name: sum(models[name].get(measure) or 0 for measure in measures))


def _people(run: Run, notes: list[str]) -> tuple[FaceSet, FaceSet]:
    """Faces of B and of A, who is compared with; of A from the target clip where there is no other."""
    other = "A" if run.clips.target_training else "target"
    if other == "target":
        notes.append(
            english(
                "Whose face it is is judged beside A's faces in this very clip, which share its light and hair with the "
                "swap. A second clip of A (--target-training) makes it fairer."
            )
        )
    found = []
    for role in ("B", other):
        found.append(stages.main_person(stages.ensure_faces(run, role)))
        if not len(found[-1]):
            notes.append(
                english(
                    "Whose face it is cannot be said: {clip} shows no face. Look at its contact sheet.",
                    clip=run.clip(role).name,
                )
            )
    return tuple(found)


def _unlabelled(run: Run, swap: Swapped, count: int, corners: dict[str, list[str]]) -> Clip:
    """A swap's frames; where they carry the visible label, the target's own pixels lie over it, and `corners` is told where."""
    corner = score_cards.label_corner(swap.pictures, lambda: clip_frames(run.clip("target")))
    if corner is None:
        return swap.pictures
    corners.setdefault(corner, []).append(swap.model)
    return lambda: score_cards.uncovered(swap.pictures(), itertools.islice(clip_frames(run.clip("target")), count), corner)


def _size(clip: Clip) -> tuple[int, int]:
    height, width = next(iter(clip())).shape[:2]
    return width, height
