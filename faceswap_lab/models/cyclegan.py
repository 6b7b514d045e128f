"""CycleGAN: translates between two sets of pictures that have no pairs.

Zhu, Park, Isola and Efros, "Unpaired image-to-image translation using cycle-consistent adversarial networks", ICCV 2017
(arXiv:1703.10593). Two generators, from A to B and from B to A, each with a discriminator; what holds them to the picture they
were given is that the way there and back must end where it began.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from keras import ops

from faceswap_lab.models import losses
from faceswap_lab.models.augmentation import FaceBank
from faceswap_lab.models.autoencoder import PEOPLE
from faceswap_lab.models.translation import AdversarialTranslator, ImagePool, mild_views
from faceswap_lab.models.translation_networks import TranslationConfig, build_discriminator


@dataclass(frozen=True)
class CycleGanConfig(TranslationConfig):
    """The shape of a CycleGAN: a `TranslationConfig`, and two options more.

    Args:
        pool: how many generated pictures of each person the discriminators are reminded of.
        focus: the discriminators see the face only, under a soft oval: hair and background tell A from B far too easily. Not
            published.
    """

    pool: int = 50
    focus: bool = False


def published(size: int = 256, octave: float = 0.0) -> CycleGanConfig:
    """The paper's: 64 channels, 9 residual blocks (6 up to 128 px), discriminators that look at 70 x 70 pixels."""
    return CycleGanConfig(size=size, blocks=9 if size > 128 else 6, octave=octave)


def quick(size: int = 64, octave: float = 0.0) -> CycleGanConfig:
    """For two CPU cores: a fifth of the channels, 3 residual blocks, patches of 34 x 34 pixels; it gives a change of its input."""
    shape = CycleGanConfig(size=size, filters=12, blocks=3, kernel=5, discriminator_filters=(12, 24, 48), octave=octave)
    return dataclasses.replace(shape, from_input=True, focus=True)


@dataclass(frozen=True)
class CycleGanLoss:
    """Weights of the generators' loss (pictures on a scale of -1 to 1), as published; a term at 0 is not computed.

    Args:
        adversarial: each discriminator's opinion, by least squares.
        cycle: L1 between a face and itself after the way there and back.
        identity: L1 between a face of B and what the generator to B makes of it, and the other way round: no need to
            change what is there already. The paper uses it where colours must be kept.
    """

    adversarial: float = 1.0
    cycle: float = 10.0
    identity: float = 5.0


# A few hundred steps from the identity. The identity term asks for colours to be kept, and of a swap the skin must change.
QUICK_LOSS = CycleGanLoss(cycle=5.0, identity=0.0)


def inner_oval(size: int) -> np.ndarray:
    """A soft oval over brows to chin of an aligned face, (1, size, size, 1) float32: 1 inside, 0 in the hair."""
    line = (np.arange(size) + 0.5) / size
    x, y = np.meshgrid(line, line)
    distance = np.sqrt(((x - 0.5) / 0.36) ** 2 + ((y - 0.56) / 0.4) ** 2)
    return np.clip((1.05 - distance) / 0.15, 0, 1).astype("float32")[None, :, :, None]


class CycleGAN(AdversarialTranslator):
    """Two generators and two discriminators, trained with `fit()` on indices into two face sets that need not match.

    Args:
        config: the shape.
        loss_weights: the generators' terms.
        augmentation: how training faces are varied, mildly by default.
        seed: of every random draw.
    """

    def __init__(self, config: CycleGanConfig, loss_weights=None, augmentation=None, seed=0, **kwargs):
        discriminators = [build_discriminator(config, f"discriminator_{person}") for person in PEOPLE]
        super().__init__(config, discriminators, loss_weights or CycleGanLoss(), augmentation, seed, **kwargs)
        shape = (config.size, config.size, 3)
        self.oval = inner_oval(config.size) if config.focus else None
        self.pools = [ImagePool(config.pool, shape, name=f"pool_{person}") for person in PEOPLE]

    def set_faces(self, faces: dict, masks: dict | None = None, transferred: dict | None = None) -> None:
        """Gives the model the two face sets to train on; masks and transferred faces are not needed.

        Args:
            faces: {"A": (N, S, S, 3) uint8 RGB, "B": (M, S, S, 3)}, S at least the model's size.
        """
        self.banks = [FaceBank(faces[p], faces[p][..., :0], name=f"faces_{p}") for p in PEOPLE]

    def call(self, index, training=False):
        """Args: index {"A": (B,), "B": (B,)} into the face sets. Returns what `loss_terms` needs, a dictionary.

        Each entry is a pair (of A, of B) of (B, S, S, 3): real faces, the other person's faces generated as this one
        (`fake`), the same brought back (`cycled`), and the person's own faces through the generator to itself
        (`identity`).
        """
        pictures = [bank(index[person])[..., :3] for bank, person in zip(self.banks, PEOPLE, strict=True)]
        real = [mild_views(some, self.config.size, self.augmentation, self.random) for some in pictures]
        return self.views(real, training)

    def views(self, real, training: bool = False) -> dict:
        """What `call` returns, for a pair of (B, S, S, 3) faces float32 in [0, 1] that are at hand."""
        to_b, to_a = self.generators
        views = {"real": real}
        if self.loss_weights.identity:  # both kinds of input in one pass: instance norm keeps them apart
            fake_b, same_b = ops.split(to_b(ops.concatenate(real, axis=0), training=training), 2, axis=0)
            fake_a, same_a = ops.split(to_a(ops.concatenate(real[::-1], axis=0), training=training), 2, axis=0)
            views["identity"] = [same_a, same_b]
        else:
            fake_b, fake_a = to_b(real[0], training=training), to_a(real[1], training=training)
        views["fake"] = [fake_a, fake_b]
        if self.loss_weights.cycle:
            views["cycled"] = [to_a(fake_b, training=training), to_b(fake_a, training=training)]
        return views

    def discriminate(self, place: int, seen, frozen: bool, discriminators=None):
        if self.oval is not None:
            seen = 0.5 + (seen - 0.5) * self.oval
        return super().discriminate(place, seen, frozen, discriminators)

    def loss_terms(self, views, training: bool = True) -> tuple[dict, object]:
        """The generators' terms by name, unweighted, and the discriminators' loss. `views`: what `call` returns."""
        weights, real = self.loss_weights, views["real"]
        found, discriminators = {}, 0.0
        if weights.adversarial:
            found["adversarial"], read = 0.0, self.readings()
            for person in range(2):
                fake = views["fake"][person]
                shown = ops.stop_gradient(fake)
                shown = self.pools[person].exchange(shown, self.random) if training else shown
                found["adversarial"] += losses.least_squares(self.discriminate(person, fake, True, read), 1.0)
                scores, others = (self.discriminate(person, some, False, read) for some in (real[person], shown))
                discriminators += (losses.least_squares(scores, 1.0) + losses.least_squares(others, 0.0)) / 2
        # Pictures are in [0, 1] here and in [-1, 1] where the weights were published: differences count double.
        for term, key in (("cycle", "cycled"), ("identity", "identity")):
            if getattr(weights, term):
                pairs = zip(views[key], real, strict=True)
                found[term] = sum(2 * losses.l1(generated, wanted) for generated, wanted in pairs)
        return found, discriminators
