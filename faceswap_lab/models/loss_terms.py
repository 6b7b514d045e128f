"""Every term of the generators' loss as a function of the views of one step; all in float32, whatever the networks use.

`views` is what a model's `call` returns: straight (the answers), bent (the inputs), colour, alpha, masks, codes and
sides; A's pictures are the first half, B's the second. A term is `term(model, views) -> scalar`, to be minimised, not
yet weighted. `compute` calls those whose weight is not 0, and no other.
"""

from __future__ import annotations

import keras
from keras import ops

from faceswap_lab.models import losses, replicas
from faceswap_lab.models.loss_weights import MASKS


def compute(model, views: dict) -> dict:
    """The terms that count, unweighted: {name: scalar}. `adversarial` and `gradient_penalty` are the discriminators' matter."""
    views = in_float32(views)
    return {name: TERMS[name](model, views) for name in model.loss_weights.active() if name in TERMS}


def in_float32(views: dict) -> dict:
    """The views with every picture and code in float32: sums over a picture overflow or drown in 16 bit."""
    return keras.tree.map_structure(lambda x: ops.cast(x, "float32"), views)


def mask_of(views: dict, name: str):
    """(N, S, S, 1): one of `MASKS`.

    Raises:
        ValueError: where the views have no such mask.
    """
    index, masks = MASKS.index(name), views["masks"]
    if index >= masks.shape[-1]:
        raise ValueError(f"these views have no mask of {name}: give the model its loss weights before its faces")
    return masks[..., index : index + 1]


def composite(views: dict):
    """Alpha * colour + (1 - alpha) * bent input."""
    return views["alpha"] * views["colour"] + (1 - views["alpha"]) * views["bent"]


def _inside(views: dict, background: float):
    return background + (1 - background) * mask_of(views, "face")


def reconstruction(model, views):
    """L1 between colour and answer, and at each side output's scale."""
    weights, straight = model.loss_weights, views["straight"]
    where = None if weights.background == 1 else _inside(views, weights.background)
    total = losses.l1(views["colour"], straight, where)
    for side in views.get("sides", []):
        # Whole pixels' means: TensorFlow's antialiased resize has a kernel on CPUs only, and none in XLA.
        total = total + losses.l1(side, ops.average_pool(straight, straight.shape[1] // side.shape[1]))
    return weights.span * total


def contrast(model, views):
    """L1 of local contrasts at the score's scale: 6 px at a 160-px face."""
    fine = 0.027 * model.config.size
    return losses.contrast_loss(views["colour"], views["straight"], fine, _inside(views, 0.05))


def contrast_coarse(model, views):
    """`contrast` at 2.5 times the scale."""
    fine = 0.027 * model.config.size
    return losses.coarse_contrast_loss(views["colour"], views["straight"], fine, _inside(views, 0.05))


def ssim(model, views):
    """Structural dissimilarity, inside the face."""
    return losses.dssim(views["colour"], views["straight"], mask=_inside(views, 0.05))


def ms_ssim(model, views):
    """1 - MS-SSIM of the whole picture."""
    return 1 - losses.ms_ssim(views["colour"], views["straight"])


def edge(model, views):
    """L1 of the first differences."""
    return model.loss_weights.span * losses.edge_loss(views["colour"], views["straight"])


def eyes_and_mouth(model, views):
    """Mean difference inside eyes and mouth, as one region."""
    both = ops.clip(mask_of(views, "eyes") + mask_of(views, "mouth"), 0.0, 1.0)
    return model.loss_weights.span * losses.l1(views["colour"], views["straight"], both)


def _region(name):
    def term(model, views):
        difference = ops.abs(views["colour"] - views["straight"])
        return model.loss_weights.span * ops.mean(mask_of(views, name) * difference)

    return term


def eyes_gradients(model, views):
    """The eyes' first differences."""
    return model.loss_weights.span * losses.masked_edges(views["colour"], views["straight"], mask_of(views, "eyes"))


def perceptual(model, views):
    """Squared distance of normalised features at four depths; while the schedule has it off, nothing is computed."""

    def distance():
        some = [half[: model.frozen_faces] for x in (composite(views), views["straight"]) for half in ops.split(x, 2)]
        taps = model.feature_taps(ops.clip(ops.concatenate(some, axis=0), 0.0, 1.0))
        total = 0.0
        for weight, features in zip(model.loss_weights.perceptual, taps, strict=True):
            if weight:
                total = total + weight * losses.feature_distance(*ops.split(features, 2))
        return total

    if isinstance(model.perceptual_on, float | int):
        return model.perceptual_on * distance()
    return ops.cond(model.perceptual_on.value > 0, distance, lambda: ops.zeros((), "float32"))


def swapped_faces(model, views):
    """The codes that swaps are generated from and the swaps: [as A, as B] each. No picture exists to compare them with."""
    if "swapped" not in views:
        sources = ops.split(views["bent"], 2, axis=0)
        if len(model.encoders) == 1:
            codes = [views["codes"][1], views["codes"][0]]  # generated as A: B's codes; generated as B: A's codes
        else:
            codes = [model.encode(sources[1], 0, 1), model.encode(sources[0], 1, 0)]
        generated = [model.generate(code, person)[0] for person, code in enumerate(codes)]
        views["swapped"] = [ops.cast(code, "float32") for code in codes], generated
    return views["swapped"]


def identity(model, views):
    """How far the swapped faces' descriptors point away from the person they show (both centred), 0 to 2.

    The recogniser sees grey faces: in colour it was soonest pleased by an orange nose between grey cheeks.
    """
    _, generated = swapped_faces(model, views)
    shown = ops.concatenate([half[: model.frozen_faces] for half in generated], axis=0)
    found = model.descriptors_of(losses.grey_faces(shown))
    found = ops.cast(found, "float32") - model.descriptor_centre
    halves = ops.split(found, 2, axis=0)
    return sum(losses.cosine_distance(half, d) for half, d in zip(halves, model.descriptors, strict=True)) / 2


def code(model, views):
    """A swapped face encoded again against the code it was generated from, relative to the code's own size."""
    codes, generated = swapped_faces(model, views)
    again = ops.concatenate([model.encode(colour, person, person) for person, colour in enumerate(generated)], axis=0)
    wanted = ops.stop_gradient(ops.concatenate(codes, axis=0))
    size = replicas.batch_mean(ops.mean(ops.abs(wanted)))
    return ops.mean(ops.abs(ops.cast(again, "float32") - wanted)) / (size + 1e-6)


_PICTURE_TERMS = ("reconstruction", "contrast", "contrast_coarse", "eyes_and_mouth")


def back_translation(model, views):
    """The picture terms, as weighted, of faces brought back from their own swap; no gradient goes through the swap.

    A swap of B looks to the encoder much as A does, and what should come back is known: practice for the swap itself, in
    A's own colours, which bending cannot give (after back-translation between languages: Sennrich, Haddow and Birch 2016).
    Every second face is used: half the time, and the same faces however a step is shared among devices.
    """
    _, generated = swapped_faces(model, views)
    straight, masks = ([x[::2] for x in ops.split(views[name], 2, axis=0)] for name in ("straight", "masks"))
    back = []
    for person in range(2):
        there = ops.stop_gradient(generated[1 - person][::2])
        back.append(model.generate(model.encode(there, person, 1 - person), person)[0])
    seen = {"colour": back, "straight": straight, "masks": masks}
    seen = in_float32({name: ops.concatenate(some, axis=0) for name, some in seen.items()})
    weights = model.loss_weights
    return sum(weights.weight(name) * TERMS[name](model, seen) for name in _PICTURE_TERMS if name in weights.active())


def cycle(model, views):
    """There and back: L1 to the start, and 0.1 of the mean alpha, summed over both people."""
    total, straight = 0.0, ops.split(views["straight"], 2, axis=0)
    for person in range(2):
        there, _ = model.generate(model.encode(straight[person], 1 - person, person), 1 - person)
        back, alpha = model.generate(model.encode(there, person, 1 - person), person)
        total = total + model.loss_weights.span * losses.l1(back, straight[person]) + 0.1 * ops.mean(alpha)
    return total


def mask(model, views):
    """L1 between alpha and face mask."""
    return losses.l1(views["alpha"], mask_of(views, "face"))


def alpha(model, views):
    """Mean alpha: as little of the picture changed as will do."""
    return ops.mean(views["alpha"])


def alpha_hinge(model, views):
    """Pushes alpha open until it reaches the schedule's m."""
    return losses.alpha_hinge(views["alpha"], model.alpha_least)


def alpha_variation(model, views):
    """Total variation of alpha."""
    return losses.total_variation(views["alpha"])


def kernel_decay(model, views):
    """Sum of squares of the generators' block and attention kernels (not of dense layers and heads)."""
    return losses.sum_of_squares(decayed_kernels([*model.encoders, *model.decoders]))


_HEADS = ("paint", "colour", "alpha", "side_", "discriminator_scores")


def decayed_kernels(networks) -> list:
    """The convolution kernels of blocks and attention in some networks."""
    return [
        variable
        for network in networks
        for layer in network.layers
        if not layer.name.startswith(_HEADS)
        for variable in layer.trainable_variables
        if variable.name == "kernel" and len(variable.shape) == 4
    ]


TERMS = {
    "reconstruction": reconstruction,
    "contrast": contrast,
    "contrast_coarse": contrast_coarse,
    "ssim": ssim,
    "ms_ssim": ms_ssim,
    "edge": edge,
    "eyes_and_mouth": eyes_and_mouth,
    **{region: _region(region) for region in ("eyes", "nose", "brows")},
    "eyes_gradients": eyes_gradients,
    "perceptual": perceptual,
    "identity": identity,
    "mask": mask,
    "alpha": alpha,
    "alpha_hinge": alpha_hinge,
    "alpha_variation": alpha_variation,
    "code": code,
    "back_translation": back_translation,
    "cycle": cycle,
    "kernel_decay": kernel_decay,
}
