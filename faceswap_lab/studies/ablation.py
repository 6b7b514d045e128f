"""What is each part of the training worth? Switch one off, train again, compare: an ablation.

A part's worth is the score with it less the score without it, between trainings that share everything else: the faces, the
steps, the order of the batches, the weights at the start. One seed's difference is part luck, so each training is done with
several seeds, and the differences are averaged in pairs (see `worth`).

Trainings begin with the shipped warm start, as the course's do ("warm"), or from nothing ("nothing"), which takes many times
as many steps before there is anything to compare. What changes the network's shape or what it sees (`Variant.anew`) can only
be compared from nothing. FaceSwap-GAN's own parts are compared on a FaceSwap-GAN whose generator is the warm start ("gan").
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from faceswap_lab.base.errors import LabError

STARTS = ("warm", "nothing", "gan")
LEARNING_RATES = {"warm": 1e-3, "nothing": 2.5e-3, "gan": 2e-4}  # of any optimiser
BATCH_SIZE, SIZE, COPIES = 8, 64, 3
BLEND: dict[str, Any] = {"colour": "mean", "mask": "hull", "erode": 2.0, "feather": 6.0}
# A narrow overlay: the generated face's own merits, not the blend's.
_PLAIN: dict[str, Any] = {"blend": "mask", "forehead": 0.0, "sharpen": "none"}


@dataclass(frozen=True)
class Variant:
    """The base training with one part switched.

    Args:
        part: what is switched, in words.
        on: False: the base has the part and this variant does not; True: the other way round.
        loss, augmentation, config: fields of `LossWeights`, `Augmentation`, `AutoencoderConfig` (`GanConfig`) that differ
            from the quick model's.
        optimizer: "muon" (`optimizers.ConvolutionMuon`, as the course trains) or "adam".
        copies: whether varied copies of the faces are trained on.
        anew: the warm start does not fit; the variant is compared from nothing.
        gan: whether it is a part of FaceSwap-GAN, to be compared from there only.
        trained: False leaves the model as it begins.
    """

    part: str
    on: bool = False
    loss: dict = field(default_factory=dict)
    augmentation: dict = field(default_factory=dict)
    config: dict = field(default_factory=dict)
    optimizer: str = "muon"
    copies: bool = True
    anew: bool = False
    gan: bool = False
    trained: bool = True


VARIANTS = {
    "base": Variant("nothing (the base)"),
    "untrained": Variant("the training itself", trained=False),
    "no_contrast": Variant("local contrast, both scales", loss={"contrast": 0.0, "contrast_coarse": 0.0}),
    "no_shape_transfer": Variant("transferred faces", augmentation={"shape_transfer": 0.0}),
    "no_copies": Variant("varied copies", copies=False),
    "no_eyes": Variant("eye and mouth term", loss={"eyes_and_mouth": 0.0}),
    "no_back": Variant("back-translation", loss={"back_translation": 0.0}),
    "adam": Variant("Muon instead of Adam", optimizer="adam"),
    "no_other_light": Variant("light of other frames", augmentation={"other_light": 0.0}),
    "warp": Variant("warp", on=True, augmentation={"warp": 0.022}),
    "no_light": Variant(
        "light and colour changes",
        augmentation=dict.fromkeys(("gain", "tint", "slope", "gamma", "input_gamma", "fade", "other_light"), 0.0),
    ),
    "no_turns": Variant(
        "turn, zoom, shift, mirror", augmentation=dict.fromkeys(("rotation", "zoom", "shift", "flip"), 0.0)
    ),
    "identity": Variant("identity term", on=True, loss={"identity": 0.1}),
    "attention": Variant("self-attention", on=True, config={"attention": True}),
    "code": Variant("code term", on=True, loss={"code": 0.1}),
    "ms_ssim": Variant("multi-scale SSIM", on=True, loss={"ms_ssim": 0.3}),
    "edge": Variant("edge term", on=True, loss={"edge": 1.0}),
    "brows": Variant("brow and nose terms", on=True, loss={"brows": 10.0, "nose": 3.0}),
    "perceptual": Variant("perceptual term", on=True, loss={"perceptual": (0.1, 0.3, 0.1, 0.01)}),
    "no_coarse_contrast": Variant("local contrast, coarse scale", loss={"contrast_coarse": 0.0}),
    "no_relight": Variant("relighting", config={"relight": False}, anew=True),
    "no_centring": Variant("centring on the average face", config={"centred": False}, anew=True),
    "shared_decoder": Variant("shared decoder, two encoders", on=True, config={"sharing": "decoder"}, anew=True),
    "instance_norm": Variant("instance norm", on=True, config={"block_norm": "instance"}, anew=True),
    "group_norm": Variant("group norm", on=True, config={"block_norm": "group"}, anew=True),
    "no_discriminators": Variant("discriminators", loss={"adversarial": 0.0}, gan=True),
    "no_identity": Variant("identity term", loss={"identity": 0.0}, gan=True),
    "no_attention": Variant("self-attention", config={"attention": False}, gan=True),
    "relativistic": Variant(
        "relativistic discriminators instead of mixup", on=True, config={"adversarial": "relativistic"}, gan=True
    ),
    "hinge": Variant("hinge discriminators instead of mixup", on=True, config={"adversarial": "hinge"}, gan=True),
    "no_discriminator_norm": Variant("norm in the discriminators", config={"norm": None}, gan=True),
}


def variants(start: str) -> list[str]:
    """The variants that can be compared from a start, "warm", "nothing" or "gan"."""
    if start not in STARTS:
        raise LabError(f"start: there is no {start!r}. Choose one of: {', '.join(STARTS)}.")
    return [name for name, variant in VARIANTS.items() if _fits(variant, start)]


def _fits(variant: Variant, start: str) -> bool:
    """Whether a variant can be compared from a start. What switches nothing (the base, the untrained) can from all."""
    if start == "gan":
        return variant.gan or dataclasses.replace(variant, part="", trained=True) == Variant("")
    return not variant.gan and not (variant.anew and start == "warm")


@dataclass(frozen=True)
class Material:
    """What all variants share.

    Args:
        faces, masks, transferred: {"A": (N, S, S, 3) uint8, "B": ...}, see `stages.practice_arrays`; the sets' own pictures
            first, then their copies.
        own: {"A": ..., "B": ...}: how many of them are no copies.
        target, truth: frames to swap and their true swaps, (T, H, W, 3) uint8 RGB.
        matrices, outlines, points: of the target's faces: (T, 2, 3), (T, 256, 256), (T, 5, 2).
    """

    faces: dict[str, np.ndarray]
    masks: dict[str, np.ndarray]
    transferred: dict[str, np.ndarray]
    own: dict[str, int]
    target: np.ndarray
    truth: np.ndarray
    matrices: list[np.ndarray]
    outlines: list[np.ndarray]
    points: np.ndarray


def prepare(sets: dict[str, list], target, frames: np.ndarray, truth: np.ndarray, points: np.ndarray, seed: int = 0):
    """Brings face sets and a target clip into the shape that trainings and scores need.

    Args:
        sets: {"A": [FaceSet, ...], "B": [...]} to train on.
        target: `FaceSet` of the target's frames that are scored, one row a frame.
        frames, truth: those frames and their true swaps, (T, H, W, 3) uint8 RGB.
        points: (T, 5, 2) the truth's five points.
        seed: of the varied copies.

    Returns:
        `Material`.

    Raises:
        LabError: when the numbers do not fit.
    """
    from faceswap_lab.course import stages

    if not len(target) == len(frames) == len(truth) == len(points) > 0:
        raise LabError(
            f"target: {len(target)} faces, {len(frames)} frames, {len(truth)} true swaps, {len(points)} points. Give one of "
            "each for every frame that is to be scored."
        )
    faces, masks, transferred = stages.practice_arrays(sets, SIZE * 3 // 2, COPIES, seed)
    own = {person: sum(len(some) for some in sets[person]) for person in sets}
    matrices = [target.matrix(row) for row in range(len(target))]
    return Material(faces, masks, transferred, own, frames, truth, matrices, list(target.masks(256, "face")), points)


def of_run(run, faces: int = 120, scored: int = 20) -> Material:
    """`prepare` for a run: evenly spread faces of its sets and frames of its target clip.

    Args:
        run: the run. Its face sets are made if they are missing; its target clip must have a true swap.
        faces: of each set, at most.
        scored: frames, at most.

    Raises:
        LabError: when no true swap of the target clip is known.
    """
    import itertools

    from faceswap_lab import video
    from faceswap_lab.course import stages

    if run.clips.truth is None:
        raise LabError(
            f"{run.clip('target')}: no true swap of this clip is known, and without one nothing can be compared. Open this "
            "notebook with another `out` and leave source and target empty: the actors of the sample have a true swap."
        )
    sets = {person: [some.spread(faces) for some in stages.training_faces(run, person)] for person in ("A", "B")}
    target = stages.training_faces(run, "A")[0].spread(scored)
    numbers = target.table["frame"].tolist()
    clips = {}
    for role in ("target", "truth"):
        frames = itertools.islice(video.open_video(run.clip(role)).frames(), max(numbers) + 1)
        clips[role] = np.stack([frame.image for frame in frames if frame.index in numbers])
    points = np.stack([target.points(row) for row in range(len(target))])
    return prepare(sets, target, clips["target"], clips["truth"], points, run.seed)


def train(variant: Variant, material: Material, steps: int, seed: int, start: str = "warm"):
    """Trains the quick autoencoder, or the quick FaceSwap-GAN, with one part switched.

    Args:
        variant: which; `VARIANTS` has them.
        material: from `prepare`.
        steps: of the optimiser, its rate falling along a cosine.
        seed: of new weights, the batches and every random draw; the same for all variants that are compared.
        start: "warm", "nothing" or "gan".

    Returns:
        The trained `FaceAutoencoder` or `FaceSwapGAN`.

    Raises:
        LabError: for a start that there is none of, or that the variant cannot begin with.
    """
    import keras

    from faceswap_lab import training
    from faceswap_lab.models import faceswap_gan
    from faceswap_lab.models.optimizers import ConvolutionMuon

    if start not in STARTS or not _fits(variant, start):
        raise LabError(f"start {start!r}: {variant.part} cannot be compared from there.")
    keras.utils.set_random_seed(seed)
    model = _model(variant, start, seed)
    model.set_faces(*(_chosen(some, material, variant) for some in (material.faces, material.masks, material.transferred)))
    if not variant.trained:
        return model
    counts = {person: len(some) for person, some in _chosen(material.faces, material, variant).items()}
    batches = training.index_batches(counts, BATCH_SIZE, seed)
    callbacks = []
    if start == "gan":
        optimizer = faceswap_gan.TwoRateAdam(LEARNING_RATES[start])
        callbacks = [faceswap_gan.ScheduleCallback(faceswap_gan.WARM_SCHEDULE, steps, LEARNING_RATES[start])]
    else:
        rate = keras.optimizers.schedules.CosineDecay(LEARNING_RATES[start], steps, alpha=0.03)
        optimizer = (ConvolutionMuon if variant.optimizer == "muon" else keras.optimizers.Adam)(rate)
    model.compile(optimizer=optimizer)
    model.fit(batches, steps_per_epoch=steps, epochs=1, shuffle=False, verbose=0, callbacks=callbacks)
    return model


def _model(variant: Variant, start: str, seed: int):
    """The model that a variant begins with."""
    from faceswap_lab.models import autoencoder, faceswap_gan

    home = faceswap_gan if start == "gan" else autoencoder
    model = (faceswap_gan.FaceSwapGAN if start == "gan" else autoencoder.FaceAutoencoder)(
        dataclasses.replace(home.quick(SIZE), **variant.config),
        dataclasses.replace(home.QUICK_LOSS, **variant.loss),
        dataclasses.replace(autoencoder.QUICK_AUGMENTATION, **variant.augmentation),
        seed=seed,
    )
    if start != "nothing":
        _take_over(model)
    return model


def _take_over(model) -> None:
    """Puts the warm start's weights into a model; layers that only the model has (attention) stay new."""
    from faceswap_lab.course import stages
    from faceswap_lab.models import autoencoder

    known = autoencoder.FaceAutoencoder(autoencoder.quick(SIZE))
    stages.warm_start(known)
    networks = zip([*model.encoders, *model.decoders], [*known.encoders, *known.decoders], strict=True)
    for mine, theirs in networks:
        there = {layer.name: layer for layer in theirs.layers}
        for layer in mine.layers:
            if layer.weights and layer.name in there:
                layer.set_weights(there[layer.name].get_weights())


def _chosen(pictures: dict[str, np.ndarray], material: Material, variant: Variant) -> dict[str, np.ndarray]:
    return {p: some if variant.copies else some[: material.own[p]] for p, some in pictures.items()}


def swap(model, material: Material, source: int = 0, target: int = 1) -> list[np.ndarray]:
    """The target's frames with B's face in them, as the model generates it: T times (H, W, 3) uint8 RGB.

    Args:
        source, target: whose faces the frames show and whose are put in, see `training.SwapFunction`.
    """
    from faceswap_lab import training
    from faceswap_lab.swap.swapping import swap_frames

    function = training.SwapFunction(model, source, target)
    return swap_frames(list(material.target), material.matrices, material.outlines, function, **BLEND, **_PLAIN)


def score(outputs: Sequence[np.ndarray], material: Material, recognition=None, mesh=None) -> dict[str, float | None]:
    """What swapped frames are worth: the numbers of `gains.Gains`, and the gaze error.

    Args:
        outputs: from `swap`.
        recognition, mesh: the evaluation network and the landmark finder, to be made once for many scores.
    """
    from faceswap_lab import metrics
    from faceswap_lab.metrics.card import rounded
    from faceswap_lab.metrics.following import against_truth

    gains = metrics.score_clip(outputs, material.truth, material.target, material.points, recognition).as_json()
    looks = against_truth(outputs, material.truth, material.points, mesh)
    return gains | {name: rounded(looks[name]) for name in ("gaze_error", "gaze_still")}
