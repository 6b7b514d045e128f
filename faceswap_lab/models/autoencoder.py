"""The autoencoders that swap faces: what both people share goes through one half, what is personal through the other.

Two forms stand side by side. With a **shared encoder** both faces pass one encoder, and each person has a decoder: to
swap, encode A and decode as B. With a **shared decoder** each person has an encoder, and one decoder generates both.
Arrays are RGB float32 in [0, 1]; person 0 is A (the target, whose video is changed), person 1 is B (the source).
"""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from faceswap_lab.base.messages import _
from faceswap_lab.models import loss_terms, optimizers, replicas
from faceswap_lab.models.augmentation import Augmentation, FaceBank, random_views

# A lesson says `models.autoencoder.quick`: shapes and loss are offered here as well.
from faceswap_lab.models.autoencoder_networks import (  # noqa: F401
    AutoencoderConfig,
    build_decoder,
    build_encoder,
    original,
    quick,
)
from faceswap_lab.models.face_statistics import PEOPLE, descriptor_directions, known_masks, light_and_average
from faceswap_lab.models.lighting import BRIGHTEST, MIDDLE, face_oval, light_fields, measure_light
from faceswap_lab.models.loss_weights import PLAIN, mask_columns, needing_missing_masks
from faceswap_lab.models.loss_weights import QUICK as QUICK_LOSS  # noqa: F401

# Faces come aligned to a fraction of a pixel, so the quick model's are turned and shifted little and not warped: the
# decoder need not guess where the face lies, and its output is sharper. New poses and expressions come from
# `shape_transfer.plan_copies`, new light from the light on other frames.
QUICK_AUGMENTATION = Augmentation(
    rotation=1.0, zoom=0.01, shift=0.005, warp=0.0, slope=0.2, gamma=0.12, other_light=1.0
)


class FaceAutoencoder(keras.Model):
    """Both people's faces through one model, trained with `fit()` on indices into their face sets.

    Args:
        config: the shape.
        loss_weights: a `LossWeights`; plain L1 by default.
        augmentation: how training faces are varied.
        recognition: a frozen model from faces (N, S, S, 3) in [0, 1] to descriptors (N, D), for the identity term; None
            loads the lab's own, and only when that term counts.
        seed: of every random draw.
        networks: (encoders, decoders) to use instead of new ones.
        perceptual: a frozen model from faces to a list of four feature maps, shallow to deep, for the perceptual term;
            None as with `recognition`.
        frozen_faces: faces a side and step that pass through these two (they are dear on a CPU).
    """

    alpha_least, perceptual_on = 0.0, 1.0  # a schedule makes variables of them

    def __init__(
        self,
        config: AutoencoderConfig,
        loss_weights=None,
        augmentation=None,
        recognition=None,
        seed=0,
        networks: tuple[list[keras.Model], list[keras.Model]] | None = None,
        perceptual=None,
        frozen_faces=8,
        **kwargs,
    ):
        # Pictures and the weights that belong to them (autocast=False) stay in float32 under mixed precision; the networks
        # inside follow the policy.
        super().__init__(autocast=False, **kwargs)
        self.config = config
        self.loss_weights = loss_weights or PLAIN
        self.augmentation = augmentation or Augmentation()
        # Plain functions, so that the frozen networks are not saved with this model.
        self.descriptors_of = recognition and (lambda faces: recognition(faces))
        self.feature_taps = perceptual and (lambda faces: perceptual(faces))
        self.frozen_faces = frozen_faces
        self.random = keras.random.SeedGenerator(seed)
        self.encoders, self.decoders = networks or self.build_networks()
        self.usual_light = self.add_weight(
            shape=(2, 3),
            initializer=keras.initializers.Constant(MIDDLE),
            trainable=False,
            autocast=False,
            name="usual_light",
        )
        self.oval = face_oval(config.size)
        shape = (2, config.size, config.size, 3)
        self.average = (
            self.add_weight(shape=shape, initializer="zeros", trainable=False, autocast=False, name="average")
            if config.centred
            else None
        )
        self.descriptor_centre: np.ndarray | None = None
        self.descriptors: list[np.ndarray] | None = None
        self.banks: list[FaceBank] | None = None
        self.lights = None
        self.terms = {term: keras.metrics.Mean(term) for term in self.loss_weights.active()}
        if self.loss_weights.adversarial and type(self) is FaceAutoencoder:
            raise ValueError("an autoencoder has no discriminators: the weight of the adversarial term must be 0")
        self.built = True

    def build_networks(self) -> tuple[list[keras.Model], list[keras.Model]]:
        """The encoders and the decoders: one and two, or two and one."""
        config, shared = self.config, self.config.sharing == "encoder"
        encoders = ["encoder"] if shared else [f"encoder_{p}" for p in PEOPLE]
        decoders = [f"decoder_{p}" for p in PEOPLE] if shared else ["decoder"]
        return [build_encoder(config, name) for name in encoders], [build_decoder(config, name) for name in decoders]

    def generator_copy(self) -> FaceAutoencoder:
        """An uncompiled twin with the same weights: what is saved as the finished model, without optimiser or discriminators."""
        twin = FaceAutoencoder(self.config, networks=self.build_networks())
        for mine, theirs in zip([*self.encoders, *self.decoders], [*twin.encoders, *twin.decoders], strict=True):
            theirs.set_weights(mine.get_weights())
        twin.usual_light.assign(self.usual_light)
        if twin.average is not None:
            twin.average.assign(self.average)
        return twin

    # -- generating ----------------------------------------------------------------------------------------------
    def encode(self, faces, person: int, shown: int):
        """The code of faces (N, S, S, 3) that show person `shown`, by the encoder of `person` (or the shared one)."""
        if self.average is not None:
            faces = (faces - self.average[shown]) * self.oval
        return self.encoders[person % len(self.encoders)](faces)

    def decode(self, code, person: int):
        return self.decoders[person % len(self.decoders)](code)

    def relight(self, faces):
        """Takes the light out: returns faces whose mean colour is `MIDDLE`, and the light (N, 1, 1, 3)."""
        if not self.config.relight:
            return faces, None
        light = measure_light(faces)
        return faces / light * MIDDLE, light

    def as_colour(self, generated):
        """A decoder's output in [0, 1] brought to the scale of the faces it was trained on."""
        return generated * (BRIGHTEST if self.config.relight else 1.0)

    def generate_all(self, code, person: int):
        """Colour (N, S, S, 3), on the relit scale if the model relights, alpha (N, S, S, 1), and a list of smaller colours."""
        generated = self.decode(code, person)
        generated, *sides = generated if isinstance(generated, list | tuple) else [generated]
        alpha = generated[..., 3:] if self.config.alpha else ops.ones_like(generated[..., :1])
        return self.as_colour(generated[..., :3]), alpha, [self.as_colour(side) for side in sides]

    def generate(self, code, person: int):
        """Colour (N, S, S, 3), on the relit scale if the model relights, and alpha (N, S, S, 1)."""
        return self.generate_all(code, person)[:2]

    def translate(self, faces, source: int, target: int):
        """Generates `faces` of person `source` as person `target` (equal numbers: the reconstruction).

        Args:
            faces: (N, S, S, 3) float32 RGB in [0, 1].

        Returns:
            colour (N, S, S, 3) in [0, 1] and alpha (N, S, S, 1) in [0, 1]. With relighting, the target person's usual
            colour is seen under this picture's light: light of the picture over the source person's usual light.
        """
        faces = ops.convert_to_tensor(faces, "float32")
        normal, light = self.relight(faces)
        # With a shared decoder the person is chosen by the encoder, with a shared encoder by the decoder.
        colour, alpha = self.generate(self.encode(normal, target, source), target)
        if light is not None:
            usual = self.usual_light
            colour = colour / MIDDLE * light * ops.reshape(usual[target] / usual[source], (1, 1, 1, 3))
        return ops.clip(colour, 0.0, 1.0), alpha

    # -- training ------------------------------------------------------------------------------------------------
    def compile(self, *arguments, **options):
        super().compile(*arguments, **options)
        optimizers.build(self)  # so that the first step is traced once

    def set_faces(self, faces: dict, masks: dict | None = None, transferred: dict | None = None) -> None:
        """Gives the model the two face sets to train on; terms whose masks are missing are switched off, with a line.

        Args:
            faces: {"A": (N, S, S, 3) uint8 RGB, "B": ...}, S at least the model's size (1.5 times is a good choice).
            masks: {"A": (N, S, S, M) uint8, "B": ...}: the first M of `loss_weights.MASKS`. A mask that is empty in all
                faces of a person counts as missing. None: there are none, and the whole picture is the face.
            transferred: {"A": (N, S, S, 3) uint8 RGB, "B": ...}: each person's faces bent into the other's shape
                (`training.shape_transfer`), or None.
        """
        known = [] if masks is None else known_masks(masks)
        if masks is None:
            masks = {p: np.full((*faces[p].shape[:3], 1), 255, np.uint8) for p in PEOPLE}
        self._switch_off_without_masks(known)
        used = mask_columns(self.loss_weights)  # masks that no term looks at are not warped with every face
        self.banks = [
            FaceBank(faces[p], masks[p][..., :used], transferred[p] if transferred else None, name=f"faces_{p}")
            for p in PEOPLE
        ]
        if self.augmentation.other_light:
            fields = [light_fields(faces[p], masks[p][..., 0]) for p in PEOPLE]
            self.lights = ops.convert_to_tensor(np.concatenate(fields), "float32")
        centring = None if self.average is None else (lambda pictures: self.relight(pictures)[0])
        usual, averages = light_and_average(faces, self.config.size, centring)
        self.usual_light.assign(usual)
        if self.average is not None:
            self.average.assign(averages)
        self._load_frozen_networks()
        if "identity" in self.loss_weights.active():
            found = descriptor_directions(
                faces, self.config.size, lambda some: self.relight(some)[0], self.descriptors_of
            )
            self.descriptor_centre, self.descriptors = found

    def _switch_off_without_masks(self, known) -> None:
        missing = needing_missing_masks(self.loss_weights, known)
        for term, names in missing.items():
            said = _("The face sets have no masks of {parts}: the term {term} is switched off.")
            print(said.format(parts=_(" and ").join(names), term=term))
            self.terms.pop(term)
        self.loss_weights = self.loss_weights.without(missing)

    def _load_frozen_networks(self) -> None:
        """The lab's own recogniser for the terms that look through it, where none was given; otherwise it stays on disk."""
        from faceswap_lab.models import mobilenet_recognition

        active = self.loss_weights.active()
        if "identity" in active and self.descriptors_of is None:
            describe = mobilenet_recognition.face_descriptor(self.config.size)
            self.descriptors_of = lambda faces: describe(faces)
        if "perceptual" in active and self.feature_taps is None:
            network = mobilenet_recognition.face_res()
            taps = keras.Model(network.inputs, network.outputs[:4])
            self.feature_taps = lambda faces: taps(faces)

    def call(self, index, training=False):
        """Args: index {"A": (B,), "B": (B,)} into the face sets. Returns what `compute_loss` needs, a dictionary."""
        size, options = self.config.size, self.augmentation
        pictures = ops.concatenate([bank(index[p]) for bank, p in zip(self.banks, PEOPLE, strict=True)], axis=0)
        warped, target = random_views(pictures, size, options, self.random, lights=self.lights)
        straight, _ = self.relight(target[..., :3])
        bent = self.relight(warped)[0]
        if len(self.encoders) == 1:
            seen = bent
            if self.average is not None:
                seen = (bent - ops.repeat(self.average, ops.shape(bent)[0] // 2, axis=0)) * self.oval
            codes = ops.split(self.encoders[0](seen), 2, axis=0)
        else:
            codes = [self.encode(half, person, person) for person, half in enumerate(ops.split(bent, 2, axis=0))]
        generated = [self.generate_all(code, person) for person, code in enumerate(codes)]
        return {
            "straight": straight,
            "masks": target[..., 3:],
            "codes": codes,
            "bent": bent,
            "colour": ops.concatenate([p[0] for p in generated], axis=0),
            "alpha": ops.concatenate([p[1] for p in generated], axis=0),
            "sides": [ops.concatenate(pair, axis=0) for pair in zip(*(p[2] for p in generated), strict=True)],
        }

    def loss_terms(self, views) -> tuple[dict, object]:
        """Every term that counts by name, unweighted, and what other players lose (none here). `views`: what `call` returns."""
        return loss_terms.compute(self, views), 0.0

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        found, total = self.loss_terms(y_pred)
        if "discriminators" in self.terms:
            self.terms["discriminators"].update_state(total)
        for term, value in found.items():
            self.terms[term].update_state(value)
            total = total + self.loss_weights.weight(term) * value
        return replicas.share_of(total)
