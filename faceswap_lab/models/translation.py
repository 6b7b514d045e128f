"""What CycleGAN and pix2pix share: swapping with their generators, mild views, the image pool, discriminators held still.

Arrays are RGB float32 in [0, 1]; person 0 is A (the target, whose video is changed), person 1 is B (the source), as in
`autoencoder`.
"""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
from keras import ops

from faceswap_lab.models import optimizers
from faceswap_lab.models.augmentation import Augmentation, FaceBank, sample_bilinear
from faceswap_lab.models.discriminators import Reading
from faceswap_lab.models.translation_networks import TranslationConfig, build_generator

DIRECTIONS = ((0, 1), (1, 0))  # from A to B, from B to A
NAMES = ("A_to_B", "B_to_A")
# A discriminator that has learnt a set's few pictures by heart teaches nothing: they are turned, moved and lit a little.
MILD = Augmentation(
    rotation=4.0, zoom=0.04, shift=0.02, warp=0.0, gain=0.1, tint=0.02, slope=0.1, gamma=0.08, shape_transfer=0.0, input_gamma=0.0,
    fade=0.0,
)  # fmt: skip


class FaceTranslator(keras.Model):
    """A model that turns one person's faces into another's, picture to picture. By itself it generates; it does not train.

    Args:
        config: the shape.
        seed: of every random draw.
    """

    def __init__(self, config: TranslationConfig, seed: int = 0, **kwargs):
        super().__init__(**kwargs)
        self.config = config
        self.random = keras.random.SeedGenerator(seed)
        names = NAMES if config.both_ways else NAMES[:1]
        self.generators = [build_generator(config, name, seed + 100 * place) for place, name in enumerate(names)]
        self.built = True

    def generator_copy(self) -> FaceTranslator:
        """An uncompiled twin with the same generators: what is saved as the finished model, without discriminators or pool."""
        twin = FaceTranslator(self.config)
        for mine, theirs in zip(self.generators, twin.generators, strict=True):
            theirs.set_weights(mine.get_weights())
        return twin

    def translate(self, faces, source: int, target: int):
        """Generates `faces` of person `source` as person `target`.

        Equal numbers ask for a reconstruction: the way there and back. A model that only knows the way from A to B gives
        back what it cannot translate, with an alpha of 0: nothing of it counts.

        Args:
            faces: (N, S, S, 3) float32 RGB in [0, 1].

        Returns:
            colour (N, S, S, 3) in [0, 1] and alpha (N, S, S, 1): 1, or 0 for what was not translated.
        """
        faces = ops.convert_to_tensor(faces, "float32")
        route = [(source, target)] if source != target else [(source, 1 - source), (1 - source, source)]
        places = [DIRECTIONS.index(step) for step in route]
        if max(places) >= len(self.generators):
            return faces, ops.zeros_like(faces[..., :1])
        colour = faces
        for place in places:
            colour = self.generators[place](colour, training=False)
        return ops.clip(colour, 0.0, 1.0), ops.ones_like(faces[..., :1])

    def call(self, faces, training=False):
        """Generates (N, S, S, 3) faces of A as B."""
        return self.generators[0](faces, training=training)


class AdversarialTranslator(FaceTranslator):
    """A `FaceTranslator` with discriminators, trained by one `fit()` on indices into face sets.

    One step serves both players: `compute_loss` adds the generators' loss, through discriminators whose weights are held still,
    to the discriminators' loss, on generated pictures that are held still. A subclass gives `call` (the views of a batch) and
    `loss_terms` (the generators' terms by name, unweighted, and the discriminators' loss).

    Args:
        config: the shape.
        discriminators: the networks.
        loss_weights: a dataclass of the generators' terms.
        augmentation: how training faces are varied; what is about warps or the input alone does not count.
        seed: of every random draw.
    """

    def __init__(self, config: TranslationConfig, discriminators, loss_weights, augmentation=None, seed: int = 0, **kwargs):
        super().__init__(config, seed, **kwargs)
        self.discriminators = discriminators
        self.loss_weights = loss_weights
        self.augmentation = augmentation or MILD
        self.banks: list[FaceBank] | None = None
        self.terms = {
            term: keras.metrics.Mean(term) for term, weight in dataclasses.asdict(loss_weights).items() if weight
        }
        self.terms["discriminators"] = keras.metrics.Mean("discriminators")

    def compile(self, *arguments, **options):
        super().compile(*arguments, **options)
        optimizers.build(self)  # so that the first step is traced once

    def readings(self) -> list[Reading]:
        """The discriminators, their weights read now, for all opinions of one step."""
        return [Reading(discriminator) for discriminator in self.discriminators]

    def discriminate(self, place: int, seen, frozen: bool, discriminators=None):
        """A discriminator's scores for pictures; frozen: its weights receive no gradient.

        discriminators: `readings()`; within one training step all opinions need the same ones. None: read now.
        """
        return (discriminators or self.readings())[place](seen, frozen)

    def loss_terms(self, views, training: bool = True) -> tuple[dict, object]:
        raise NotImplementedError

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        found, discriminators = self.loss_terms(y_pred, training)
        self.terms["discriminators"].update_state(discriminators)
        total = discriminators
        for term, value in found.items():
            self.terms[term].update_state(value)
            total = total + getattr(self.loss_weights, term) * value
        return total


class ImagePool(keras.layers.Layer):
    """Remembers generated pictures, so that a discriminator does not forget what the generator did a while ago.

    Shrivastava et al., CVPR 2017 (arXiv:1612.07828), as CycleGAN has it: while there is room, each picture is kept and
    handed on. Then one half is handed on as it is; the other takes the place of a kept picture, which is handed on in its
    stead. The pictures are weights: they are saved in a checkpoint, so a training goes on with the same ones.

    Args:
        size: how many pictures; 0 hands everything on.
        shape: (H, W, C) of a picture.
    """

    def __init__(self, size: int, shape: tuple[int, int, int], **kwargs):
        super().__init__(trainable=False, **kwargs)
        self.size = size
        first = {"trainable": False, "initializer": "zeros", "aggregation": "only_first_replica"}
        self.pictures = self.add_weight(shape=(max(size, 1), *shape), dtype="float32", name="pictures", **first)
        self.count = self.add_weight(shape=(), dtype="int32", name="count", **first)
        self.built = True

    def exchange(self, fresh, seed):
        """Args: fresh (B, H, W, C) float32, at most `size` of them. Returns: as many, fresh or remembered."""
        if not self.size:
            return fresh
        batch = ops.shape(fresh)[0]
        arrived = self.count + ops.arange(batch, dtype="int32")
        # Distinct places, so that two pictures of a batch never meet in one.
        shuffled = ops.argsort(keras.random.uniform((self.size,), seed=seed))[:batch]
        place = ops.where(self.count < self.size, arrived % self.size, ops.cast(shuffled, "int32"))
        room = ops.reshape(arrived < self.size, (-1, 1, 1, 1))
        coin = keras.random.uniform((batch, 1, 1, 1), seed=seed) < 0.5
        swapped = ops.logical_and(ops.logical_not(room), coin)
        remembered = ops.take(self.pictures, place, axis=0)
        kept = ops.where(ops.logical_or(room, swapped), fresh, remembered)
        self.pictures.assign(ops.scatter_update(self.pictures, place[:, None], kept))
        self.count.assign(ops.minimum(self.count + batch, self.size))
        return ops.where(swapped, remembered, fresh)


def mild_views(pictures, size: int, options: Augmentation, seed):
    """One random view of every picture, or of every pair that lies in one stack: turned, moved, mirrored and lit alike.

    Args:
        pictures: (B, S, S, 3k) float32 RGB in [0, 1], k pictures one behind the other.
        size: side of the views in pixels.
        options: how far to go.
        seed: a `keras.random.SeedGenerator`.

    Returns:
        (B, size, size, 3k) float32 in [0, 1].
    """
    batch, side, channels = ops.shape(pictures)[0], pictures.shape[1], pictures.shape[-1]

    def draw(shape, limit):
        return keras.random.uniform((batch, *shape), -limit, limit, seed=seed)

    line = (np.arange(size, dtype="float32") + 0.5) / size - 0.5
    u, v = (grid[None] for grid in np.meshgrid(line, line))
    angle, scale = draw((1, 1), options.rotation * np.pi / 180), ops.exp(draw((1, 1), options.zoom))
    cosine, sine = ops.cos(angle) * scale, ops.sin(angle) * scale
    mirror = ops.where(keras.random.uniform((batch, 1, 1), seed=seed) < options.flip, -1.0, 1.0)
    x = mirror * (cosine * u - sine * v + draw((1, 1), options.shift))
    y = sine * u + cosine * v + draw((1, 1), options.shift)
    seen = sample_bilinear(pictures, (x + 0.5) * side - 0.5, (y + 0.5) * side - 0.5)
    colour = ops.tile(draw((1, 1, 1), options.gain) + draw((1, 1, 3), options.tint), (1, 1, 1, channels // 3))
    slope = (2 * (draw((1, 1), options.slope) * u + draw((1, 1), options.slope) * v))[..., None]
    exponent = ops.exp(draw((1, 1, 1), options.gamma))
    return ops.clip(ops.power(ops.clip(seen, 1e-4, 1.0), exponent) * ops.exp(colour + slope), 0.0, 1.0)


@keras.saving.register_keras_serializable("faceswap_lab")
class ConstantThenLinear(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that stays, and then falls in a straight line to 0: CycleGAN's, half and half.

    Args:
        rate: at the beginning.
        steps: of the whole training; after them the rate is 0.
        constant: share of the steps before it begins to fall.
    """

    def __init__(self, rate: float = 2e-4, steps: int = 1000, constant: float = 0.5):
        self.rate, self.steps, self.constant = rate, steps, constant

    def __call__(self, step):
        done = ops.cast(step, "float32") / self.steps
        return self.rate * ops.clip((1.0 - done) / max(1.0 - self.constant, 1e-6), 0.0, 1.0)

    def get_config(self):
        return {"rate": self.rate, "steps": self.steps, "constant": self.constant}
