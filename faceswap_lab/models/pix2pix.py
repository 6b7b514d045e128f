"""pix2pix: translates pictures, learnt from pairs.

Isola, Zhu, Zhou and Efros, "Image-to-image translation with conditional adversarial networks", CVPR 2017
(arXiv:1611.07004). A U-Net generates, a discriminator sees input and output side by side, and L1 says how far the output is
from the truth.
"""

from __future__ import annotations

from dataclasses import dataclass

from keras import ops

from faceswap_lab.models import losses
from faceswap_lab.models.augmentation import FaceBank
from faceswap_lab.models.translation import AdversarialTranslator, mild_views
from faceswap_lab.models.translation_networks import TranslationConfig, build_discriminator


@dataclass(frozen=True)
class Pix2PixConfig(TranslationConfig):
    """The shape of a pix2pix: a `TranslationConfig` that begins as the paper's (U-Net, conditional discriminator, one way)."""

    generator: str = "unet"
    conditional: bool = True
    both_ways: bool = False


def published(size: int = 256, octave: float = 0.0) -> Pix2PixConfig:
    """The paper's: a U-Net of 64 to 512 channels down to one pixel, a discriminator that looks at 70 x 70 pixels."""
    return Pix2PixConfig(size=size, octave=octave)


def quick(size: int = 64, octave: float = 0.0) -> Pix2PixConfig:
    """For two CPU cores: a quarter of the channels, a discriminator that looks at 34 x 34 pixels."""
    return Pix2PixConfig(size=size, filters=16, dropout=0.2, discriminator_filters=(12, 24, 48), octave=octave)


@dataclass(frozen=True)
class Pix2PixLoss:
    """Weights of the generator's loss (pictures on a scale of -1 to 1), as published; a term at 0 is not computed.

    Args:
        adversarial: the discriminator's opinion, by its logarithm.
        l1: L1 between generated picture and truth.
    """

    adversarial: float = 1.0
    l1: float = 100.0


class Pix2Pix(AdversarialTranslator):
    """A generator from A to B and a conditional discriminator, trained with `fit()` on indices into pairs.

    When faces are generated, dropout is off, so that one face always gives one picture (the paper keeps it on, and sees little
    of it in the results).

    Args:
        config: the shape.
        loss_weights: the generator's terms.
        augmentation: how pairs are varied, both pictures alike; mildly by default.
        seed: of every random draw.
    """

    def __init__(self, config: Pix2PixConfig, loss_weights=None, augmentation=None, seed=0, **kwargs):
        discriminators = [build_discriminator(config, "discriminator")]
        super().__init__(config, discriminators, loss_weights or Pix2PixLoss(), augmentation, seed, **kwargs)

    def set_faces(self, faces: dict, masks: dict | None = None, transferred: dict | None = None) -> None:
        """Gives the model the pairs to train on; masks and transferred faces are not needed.

        Args:
            faces: {"A": (N, S, S, 3) uint8 RGB inputs, "B": (N, S, S, 3) what each must become}, S at least the model's
                size. Rows of one number belong together.

        Raises:
            ValueError: when there are not as many of one as of the other.
        """
        if faces["A"].shape != faces["B"].shape:
            raise ValueError(f"pairs must be as many and as large: got {faces['A'].shape} and {faces['B'].shape}")
        self.banks = [FaceBank(faces["A"], faces["B"], name="pairs")]

    def call(self, index, training=False):
        """Args: index {"A": (B,)} into the pairs ("B" does not count). Returns {"real": [inputs, truths], "fake": ...}."""
        pairs = self.banks[0](index["A"])[..., :6]
        pairs = mild_views(pairs, self.config.size, self.augmentation, self.random)
        return {
            "real": [pairs[..., :3], pairs[..., 3:]],
            "fake": self.generators[0](pairs[..., :3], training=training),
        }

    def loss_terms(self, views, training: bool = True) -> tuple[dict, object]:
        """The generator's terms by name, unweighted, and the discriminator's loss. `views`: what `call` returns."""
        weights, (inputs, truths), fake = self.loss_weights, views["real"], views["fake"]
        found, discriminators = {}, 0.0
        if weights.adversarial:
            read = self.readings()
            scores, others, hoped = (
                self.discriminate(
                    0, ops.concatenate([picture, inputs], axis=-1) if self.config.conditional else picture, frozen, read
                )
                for picture, frozen in ((truths, False), (ops.stop_gradient(fake), False), (fake, True))
            )
            found["adversarial"] = ops.mean(ops.softplus(-hoped))  # -log D, with D the logistic of the score
            discriminators = (ops.mean(ops.softplus(-scores)) + ops.mean(ops.softplus(others))) / 2
        if weights.l1:
            # Pictures are in [0, 1] here and in [-1, 1] where the weights were published: differences count double.
            found["l1"] = 2 * losses.l1(fake, truths)
        return found, discriminators
