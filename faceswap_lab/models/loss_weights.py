"""How much each term of a loss counts: one list for autoencoders and FaceSwap-GAN alike, and the weights that the lab trains with.

A term at weight 0 is never computed, and a network that only it needs is never loaded. What each term does stands in
`faceswap_lab.models.loss_terms`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass

MASKS = ("face", "eyes", "mouth", "nose", "brows")  # the columns of a face set's masks, in this order
# Terms that look at a part of the face, and the masks that they need.
NEEDED_MASKS = {
    "mask": ("face",),
    "eyes_and_mouth": ("eyes", "mouth"),
    "eyes": ("eyes",),
    "eyes_gradients": ("eyes",),
    "nose": ("nose",),
    "brows": ("brows",),
}
_HOW = ("background", "span")  # fields that say how terms count, and are none themselves


@dataclass(frozen=True)
class LossWeights:
    """Weights of all terms; a term at 0 is not computed. The default is plain L1.

    Args:
        reconstruction: L1 between generated and real face, and at each side output's scale.
        contrast: L1 between local contrasts at the fine scale (features as `metrics.gains` sees them).
        contrast_coarse: the same, at 2.5 times the scale.
        ssim, ms_ssim: structural dissimilarity at one scale, at several.
        edge: L1 of the first differences in x and in y.
        eyes_and_mouth: mean difference inside eyes and mouth together.
        eyes, nose, brows: mean over the picture of that part's mask times the difference, FaceSwap-GAN's form.
        eyes_gradients: the same on the first differences.
        perceptual: distance of a face-recognition network's features at four depths, shallow to deep.
        identity: a swapped face must look to a face-recognition network like the person it shows.
        mask: L1 between the generated alpha and the face mask.
        alpha: mean of the generated alpha. alpha_hinge: mean of max(0, m - alpha), m by the schedule. alpha_variation:
            its total variation.
        code: a swapped face, encoded again, must give the code it was generated from (pose and expression kept).
        back_translation: a face swapped there, taken as it is, must be brought back to itself.
        cycle: a face swapped there and back must be itself.
        adversarial: each discriminator's opinion, of the composite and of the raw colour; needs discriminators.
        gradient_penalty: R1, on the discriminators; part of their loss, not of the generator's.
        kernel_decay: sum of squares of the convolution kernels in blocks and attention.
        background: how much a pixel outside the face counts in `reconstruction`, where one inside counts 1.
        span: the width of the range of picture values that the weights were found for: 1 for [0, 1], 2 for [-1, 1].
            Differences of colours are multiplied by it.
    """

    reconstruction: float = 1.0
    contrast: float = 0.0
    contrast_coarse: float = 0.0
    ssim: float = 0.0
    ms_ssim: float = 0.0
    edge: float = 0.0
    eyes_and_mouth: float = 0.0
    eyes: float = 0.0
    eyes_gradients: float = 0.0
    nose: float = 0.0
    brows: float = 0.0
    perceptual: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)
    identity: float = 0.0
    mask: float = 0.0
    alpha: float = 0.0
    alpha_hinge: float = 0.0
    alpha_variation: float = 0.0
    code: float = 0.0
    back_translation: float = 0.0
    cycle: float = 0.0
    adversarial: float = 0.0
    gradient_penalty: float = 0.0
    kernel_decay: float = 0.0
    background: float = 0.05
    span: float = 1.0

    def __post_init__(self):
        object.__setattr__(self, "perceptual", tuple(self.perceptual))
        if len(self.perceptual) != 4:
            raise ValueError(f"perceptual has a weight for each of four depths, got {self.perceptual!r}")
        for name in (field.name for field in dataclasses.fields(self)):
            value = getattr(self, name)
            if min(value if isinstance(value, tuple) else (value,)) < 0:
                raise ValueError(f"{name} must not be negative, got {value!r}")

    def active(self) -> tuple[str, ...]:
        """The names of the terms that count, in the order of the fields."""
        names = (field.name for field in dataclasses.fields(self) if field.name not in _HOW)
        return tuple(name for name in names if (any(self.perceptual) if name == "perceptual" else getattr(self, name)))

    def weight(self, term: str) -> float:
        """What a term's value is multiplied by; perceptual has its four weights inside."""
        return 1.0 if term == "perceptual" else getattr(self, term)

    def without(self, terms: Collection[str]) -> LossWeights:
        """The same with some terms at 0."""
        perceptual = (0.0,) * 4 if "perceptual" in terms else self.perceptual
        others = {name: 0.0 for name in terms if name != "perceptual"}
        return dataclasses.replace(self, perceptual=perceptual, **others)


def needing_missing_masks(weights: LossWeights, known) -> dict[str, tuple[str, ...]]:
    """The terms that count, but whose masks are missing, and which: {term: (mask, ...)}.

    Args:
        weights: of the terms.
        known: names of `MASKS` that the face sets have.
    """
    missing = {term: tuple(m for m in NEEDED_MASKS.get(term, ()) if m not in known) for term in weights.active()}
    return {term: masks for term, masks in missing.items() if masks}


def mask_columns(weights: LossWeights) -> int:
    """How many of `MASKS`, from the first on, the terms that count look at; at least one, the face."""
    needed = {mask for term in weights.active() for mask in NEEDED_MASKS.get(term, ())} | {"face"}
    return 1 + max(MASKS.index(mask) for mask in needed)


PLAIN = LossWeights()  # L1 inside the face, a twentieth as much outside
ORIGINAL = LossWeights(background=1.0)  # the first tools': mean absolute error of the whole picture
# What the quick autoencoder trains with.
QUICK = LossWeights(
    reconstruction=1.0, contrast=1.0, contrast_coarse=0.3, eyes_and_mouth=2.0, mask=0.1, back_translation=1.0
)
# FaceSwap-GAN v2.2, its weights found for pictures from -1 to 1. Cycle (10 when on) is off there by default.
PUBLISHED_GAN = LossWeights(
    adversarial=0.1,
    reconstruction=1.0,
    eyes=30.0,
    eyes_gradients=30.0,
    edge=0.1,
    perceptual=(0.1, 0.3, 0.1, 0.01),
    alpha=0.01,
    alpha_hinge=0.1,
    alpha_variation=0.1,
    kernel_decay=1e-4,
    background=1.0,
    span=2.0,
)
# On two CPU cores there is time for a few hundred steps only, from a trained autoencoder: the terms that it was
# trained with stay on, so that the discriminators and the recogniser add to what is there instead of starting a fight.
QUICK_GAN = dataclasses.replace(QUICK, adversarial=0.1, identity=0.1)


def published_gan(**changes) -> LossWeights:
    """`PUBLISHED_GAN` with some weights changed."""
    return dataclasses.replace(PUBLISHED_GAN, **changes)
