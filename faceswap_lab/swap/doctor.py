"""Why does a swap change so little, or look so wrong? A handful of faces is examined, and the cause is named with its cure.

A swap that goes wrong seldom raises an error: the target's own decoder generates the target, a model generates with an alpha of
0, or a face that was cut out by its box comes back as a blur. What tells these apart is measured here on at most 16 faces
of a clip. The measure of likeness is that of structure: the local contrast of grey, which neither a skin tone nor a lamp
changes much.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import english
from faceswap_lab.faces import alignment
from faceswap_lab.faces.faceset import FACE_SIZE, FaceSet
from faceswap_lab.swap import swapping
from faceswap_lab.swap.face_sample import Sample, coverage, structure_distance, template
from faceswap_lab.swap.options import SwapOptions
from faceswap_lab.swap.swapping import Swap, SwapFunction

LIMIT = 16  # faces that are examined
LITTLE_ALPHA = 0.05  # mean alpha inside the outline, below which a swap is hardly seen
LITTLE_CHANGE = 3.0  # levels of 255
FACELESS = 0.5  # share of a clip's frames without a face
# Mean distance of the five points from the template's, as a share of the square. The actors' face sets have a median of
# 0.014 to 0.028, faces cut out by the detector's boxes 0.053 to 0.108.
MISALIGNED = 0.04
SMALL_REGION, WORN_REGION = 0.15, 0.4  # of the square; of the face's own outline. By default about 0.35 and 0.75.
OTHER_COVERAGE = 0.1  # by how much the crop may differ from the lab's own, as a share
# A model reconstructs a face as the person that it is. How far its structure then lies from the face's, over how far that
# of the other person's decoder lies: 0.27 to 0.53 for the actors with a trained model, at most 0.73 with one of 400 steps;
# 0.88 to 0.96 for a stranger and for hands, spectacles and lights that no training showed.
UNKNOWN = 0.78


@dataclass(frozen=True)
class Cause:
    """One cause that was found.

    Args:
        name: "direction", "alpha", "alignment", "detection", "match", "region" or "change".
        sentence: what is wrong. remedy: what to do about it.
        numbers: what was measured, by name.
    """

    name: str
    sentence: str
    remedy: str
    numbers: dict[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.sentence} {self.remedy}"


def examine(
    sample: Sample,
    swap_function: SwapFunction | None = None,
    options: SwapOptions | None = None,
    frames: int = 0,
    with_face: int = 0,
) -> list[Cause]:
    """Names what is wrong with a swap.

    Args:
        sample: generated faces of the clip.
        swap_function: that generated them. Where it has a `model` with `translate(faces, source, target)`, and says its own
            `source` and `target`, the model is asked for its other directions: three passes over the sample.
        options: with which they were prepared.
        frames, with_face: of the clip, or of its part; 0 when not known.

    Returns:
        The findings, gravest first; none for a healthy swap. A cause that explains another one stands alone.
    """
    options = options or SwapOptions()
    found = _about_detection(frames, with_face)
    if not len(sample):
        return found
    found += (misaligned := _about_alignment(sample))
    found += _about_region(sample, options) + _about_alpha(sample, options)
    if not misaligned and swap_function is not None:
        found += _about_model(sample, swap_function)
    return found or _about_change(sample, options)


def examine_set(
    faces: FaceSet,
    swap_function: SwapFunction,
    options: SwapOptions | None = None,
    frames: int = 0,
    with_face: int = 0,
    batch_size: int = LIMIT,
) -> list[Cause]:
    """`examine` for a face set: before a conversion, or after one. At most `LIMIT` faces, evenly spread, are generated.

    Args:
        faces: one person's, of the target.
        swap_function, options, frames, with_face: see `examine`.
        batch_size: faces that the model gets at once.

    Raises:
        LabError: when the set is empty, or the model answers in another shape.
    """
    options = options or SwapOptions()
    if not len(faces):
        raise LabError(
            f"{faces.folder}: there is no face to examine. Choose another person, or extract the faces again."
        )
    faces = faces.spread(LIMIT)
    size, outlines = swapping.model_size(swap_function), faces.masks(FACE_SIZE, "face")
    pairs = zip(faces.images(), outlines, strict=True)
    swaps = [swapping.prepare(image, np.eye(2, 3), outline, size, options) for image, outline in pairs]
    for first in range(0, len(swaps), batch_size):
        swapping.generate(swaps[first : first + batch_size], swap_function, options, batch_size)
    five = list(faces.aligned_points())
    return examine(Sample(swaps, five, list(outlines)), swap_function, options, frames, with_face)


def _about_detection(frames: int, with_face: int) -> list[Cause]:
    missing = frames - with_face
    if missing <= FACELESS * frames:
        return []
    return [
        Cause(
            "detection",
            english(
                "The set has no face of {missing} of the frames ({frames} in all): they were passed on unchanged.",
                missing=missing,
                frames=frames,
            ),
            english(
                "Look at the contact sheet: pictures may have been deleted, the set may hold every n-th frame only "
                "(extract the target with every=1), or the faces are too small, too dark or turned too far for the "
                "detector."
            ),
            {"frames": frames, "without_face": missing},
        )
    ]


def _about_alignment(sample: Sample) -> list[Cause]:
    points = sample.points()
    if not len(points):
        return []
    distance = float(np.median(np.linalg.norm(points - template(coverage(points)), axis=2).mean(axis=1)))
    if distance <= MISALIGNED:
        return []
    boxes = np.abs(sample.turns()).max() < 0.1
    sentence = (
        english("The faces are cut out by their boxes, not aligned.")
        if boxes
        else english("The faces are not aligned: eyes, nose and mouth lie elsewhere in each.")
    )
    sentence += " " + english(
        "The five points lie {distance:.1%} of the square from where a model expects them; aligned faces 2 %.",
        distance=distance,
    )
    return [
        Cause(
            "alignment",
            sentence,
            english("Extract the target's faces again (notebook 02), and take the transforms from its face set."),
            {"distance": distance},
        )
    ]


def _about_region(sample: Sample, options: SwapOptions) -> list[Cause]:
    if options.blend == "direct":  # the whole square, whatever the mask
        return []
    share, outline = float(sample.regions().mean()), sample.outline_share() / options.coverage**2
    worn = share < WORN_REGION * outline  # False where the outline is not known
    if share >= SMALL_REGION and not worn:
        return []
    numbers = {"region": share, "outline": outline, "erode": options.erode, "feather": options.feather}
    if worn or np.isnan(outline):
        sentence = english(
            "There is little room for the generated face: erode={erode:g} and feather={feather:g} leave {share:.0%} of the square.",
            erode=options.erode, feather=options.feather, share=share,
        )  # fmt: skip
        remedy = english(
            "Choose a smaller erode (0 keeps the outline, less than 0 lets it grow) and a narrower feather."
        )
    else:
        sentence = english(
            "There is little room for the generated face: the faces' outlines hold only {outline:.0%} of the square, and so there "
            "is {share:.0%} of it.",
            outline=outline, share=share,
        )  # fmt: skip
        remedy = english(
            "Look at the set's masks: the landmarks failed, or the faces were cut out with too much room (coverage)."
        )
    return [Cause("region", sentence, remedy, numbers)]


def _about_alpha(sample: Sample, options: SwapOptions) -> list[Cause]:
    if options.blend == "direct" or "alpha" not in options.mask:  # there the model's alpha does not count
        return []
    regions = sample.regions()
    alpha = float((regions * [swap.alpha for swap in sample.swaps]).sum() / max(regions.sum(), 1e-6))
    if alpha >= LITTLE_ALPHA or regions.sum() < 1e-3:
        return []
    return [
        Cause(
            "alpha",
            english("The model's alpha is near zero (mean {alpha:.3f}), so the swap hardly shows.", alpha=alpha),
            english('Train longer, or ask for a larger alpha in training; mask="hull" shows what the model generates.'),
            {"alpha": alpha},
        )
    ]


def _about_model(sample: Sample, swap_function: SwapFunction) -> list[Cause]:
    """Whether the model knows these faces, and if it does, whether it generates them as somebody else."""
    model = getattr(swap_function, "model", None)
    source, target = (getattr(swap_function, end, -1) for end in ("source", "target"))
    if model is None or not hasattr(model, "translate") or not {source, target} <= {0, 1}:
        return []
    faces, regions = sample.faces(), sample.regions()
    regions = regions if regions.mean() > SMALL_REGION else np.ones_like(regions)

    def distance(*direction: int) -> np.ndarray | None:
        generated, alpha = (np.asarray(values) for values in model.translate(faces, *direction))
        return structure_distance(generated, faces, regions) if alpha.any() else None  # it may know one way only

    asked = () if hasattr(model, "generators") else (0, 1)
    itself = [values for person in asked if (values := distance(person, person)) is not None]
    if len(itself) == 2:
        own = int(np.median(itself, axis=1).argmin())
        strangeness = _ratio(itself[own], itself[1 - own])
        if strangeness > UNKNOWN:
            return [_unknown(sample, strangeness, float(np.median(itself[own])))]
    other = (target, source) if source != target else (source, 1 - target)
    there = structure_distance(np.stack([swap.colour for swap in sample.swaps]), faces, regions)
    back = distance(*other)
    if back is None or (closeness := _ratio(there, back)) > UNKNOWN:
        return []
    return [
        Cause(
            "direction",
            english(
                "The direction is wrong: the target is generated as itself (the reconstruction misses {there:.0%} of its "
                "structure, in the other direction {back:.0%}).",
                there=np.median(there),
                back=np.median(back),
            ),
            english(
                "Let the other decoder generate: SwapFunction(model, source={source}, target={target}), on the command line "
                '--direction "{direction}". Or exchange the clips: the target is the one that is changed.',
                source=other[0],
                target=other[1],
                direction=f"{'AB'[other[0]]}<-{'AB'[other[1]]}",
            ),
            {"closeness": closeness},
        )
    ]


def _ratio(some: np.ndarray, others: np.ndarray) -> float:
    return float(np.median(some / np.maximum(others, 1e-6)))


def _unknown(sample: Sample, strangeness: float, distance: float) -> Cause:
    points = sample.points()
    crop = coverage(points) if len(points) else alignment.COVERAGE
    numbers = {"strangeness": strangeness, "distance": distance, "coverage": crop}
    sentence = english(
        "Model and face set do not match: the model cannot reconstruct these faces (it misses {distance:.0%} of their structure "
        "as either person).",
        distance=distance,
    )
    if abs(crop / alignment.COVERAGE - 1) > OTHER_COVERAGE:
        cut = (
            english("They are cut out closer than the lab's faces are: coverage {crop:.2f} against {usual}.",
                    crop=crop, usual=alignment.COVERAGE)
            if crop > alignment.COVERAGE
            else english("They are cut out wider than the lab's faces are: coverage {crop:.2f} against {usual}.",
                         crop=crop, usual=alignment.COVERAGE)
        )  # fmt: skip
        sentence += f" {cut}"
        remedy = english(
            "Extract the target's faces with the coverage that the model was trained with; look at the option coverage."
        )
    else:
        remedy = english(
            "Train it with this clip's faces, or choose the model of these two people; one that has hardly been trained yet needs "
            "more steps."
        )
    return Cause("match", sentence, remedy, numbers)


def _about_change(sample: Sample, options: SwapOptions) -> list[Cause]:
    faces, regions = sample.faces(), sample.regions()
    generated = np.stack([_coloured(swap, options) for swap in sample.swaps])
    weights = np.stack([swap.mask for swap in sample.swaps])
    levels = float((weights * np.abs(generated - faces).mean(axis=-1)).sum() / max(regions.sum(), 1e-6) * 255)
    if levels >= LITTLE_CHANGE:
        return []
    return [
        Cause(
            "change",
            english("The faces hardly changed ({levels:.1f} of 255 levels).", levels=levels),
            english("Is the direction right (the source's decoder on the target's clip), and is the model trained?"),
            {"levels": levels},
        )
    ]


def _coloured(swap: Swap, options: SwapOptions) -> np.ndarray:
    """What was generated, (S, S, 3) float32 RGB, its mean moved to the target's unless the colours are left as they are."""
    weights = (swap.mask * swap.inside)[..., None]
    if options.colour == "none" or not weights.any():
        return swap.colour
    return swap.colour + (weights * (swap.target - swap.colour)).sum(axis=(0, 1)) / weights.sum()
