"""FaceSwap-GAN: the shared-encoder autoencoder with self-attention, a generated mask, and a discriminator for each person.

Written anew from a description of FaceSwap-GAN v2.2 (published figures: blocks, losses, weights, schedule). One GAN is
one ordinary Keras model here: `compute_loss` adds the generator's loss (through discriminators whose weights are held still) to
the discriminators' loss (on generated faces that are held still). Each player's weights receive only their own gradient, from one
pass, so `fit()`, callbacks, checkpoints and compilation stay what they are.
"""

from __future__ import annotations

import keras
from keras import ops

from faceswap_lab.models import loss_terms, losses
from faceswap_lab.models.autoencoder import PEOPLE, FaceAutoencoder
from faceswap_lab.models.discriminators import ADVERSARIAL_LOSSES, Reading, build_discriminator, gradient_penalty
from faceswap_lab.models.faceswap_gan_networks import GanConfig, build_decoder, build_encoder, quick, standard  # noqa: F401
from faceswap_lab.models.faceswap_gan_schedule import PUBLISHED_SCHEDULE, WARM_SCHEDULE, ScheduleCallback  # noqa: F401
from faceswap_lab.models.loss_weights import PUBLISHED_GAN, LossWeights  # noqa: F401
from faceswap_lab.models.loss_weights import QUICK_GAN as QUICK_LOSS  # noqa: F401
from faceswap_lab.models.loss_weights import published_gan as GanLoss  # noqa: F401, N813
from faceswap_lab.models.optimizers import TwoRateAdam  # noqa: F401


class FaceSwapGAN(FaceAutoencoder):
    """FaceSwap-GAN: shared encoder, a decoder with mask and a discriminator for each person. Trained like `FaceAutoencoder`.

    Args:
        config: the shape.
        loss_weights: a `LossWeights`; the published ones by default.
        perceptual: frozen model from faces (N, S, S, 3) in [0, 1] to a list of four feature maps, shallow to deep; None
            loads the lab's own when the term counts.
        perceptual_faces: faces a side and step that pass through frozen networks (they are dear on a CPU).
        recognition: as for `FaceAutoencoder`.
    """

    config: GanConfig

    def __init__(
        self,
        config: GanConfig,
        loss_weights=None,
        augmentation=None,
        perceptual=None,
        perceptual_faces=8,
        seed=0,
        recognition=None,
        **kwargs,
    ):
        super().__init__(
            config,
            loss_weights or PUBLISHED_GAN,
            augmentation,
            recognition,
            seed,
            perceptual=perceptual,
            frozen_faces=perceptual_faces,
            **kwargs,
        )
        self.discriminators = [build_discriminator(config, f"discriminator_{p}") for p in PEOPLE]
        for name, start in (
            ("alpha_least", 0.0),
            ("perceptual_on", 1.0),
            ("decoders_swapped", 0.0),
        ):  # set by the schedule
            start = keras.initializers.Constant(start)
            setattr(
                self, name, self.add_weight(shape=(), initializer=start, trainable=False, autocast=False, name=name)
            )
        self.terms["discriminators"] = keras.metrics.Mean("discriminators")

    def build_networks(self):
        if self.config.architecture == "quick":
            return super().build_networks()
        shared = self.config.sharing == "encoder"
        encoders = ["encoder"] if shared else [f"encoder_{p}" for p in PEOPLE]
        decoders = [f"decoder_{p}" for p in PEOPLE] if shared else ["decoder"]
        return [build_encoder(self.config, n) for n in encoders], [build_decoder(self.config, n) for n in decoders]

    def begin_with(self, autoencoder_model: FaceAutoencoder) -> int:
        """Takes over what an autoencoder has learnt: every layer of the same name and shape.

        The attention layers that only this model has start with a gain of 0, so at first it gives what the autoencoder
        does.

        Returns:
            How many layers were taken over.

        Raises:
            ValueError: when none fits.
        """
        taken, self.begun_from = 0, getattr(autoencoder_model, "begun_from", None)
        mine, theirs = [*self.encoders, *self.decoders], [*autoencoder_model.encoders, *autoencoder_model.decoders]
        for network, other in zip(mine, theirs, strict=True):
            known = {layer.name: layer for layer in other.layers if layer.weights}
            for layer in network.layers:
                source = known.get(layer.name)
                if source and [w.shape for w in source.weights] == [w.shape for w in layer.weights]:
                    layer.set_weights(source.get_weights())
                    taken += 1
        if not taken:
            raise ValueError("this autoencoder has no layer that fits: both must be of the same shape and size")
        self.usual_light.assign(autoencoder_model.usual_light)
        if self.average is not None and autoencoder_model.average is not None:
            self.average.assign(autoencoder_model.average)
        return taken

    def swap_decoders(self) -> None:
        """A's decoder takes B's weights and the other way round; the optimiser's state stays where it is."""
        if len(self.decoders) == 2:
            first, second = (decoder.get_weights() for decoder in self.decoders)
            self.decoders[0].set_weights(second)
            self.decoders[1].set_weights(first)
        self.decoders_swapped.assign(1.0 - float(self.decoders_swapped))

    def composite(self, colour, alpha, bent):
        """Alpha * colour + (1 - alpha) * bent input."""
        return loss_terms.composite({"colour": colour, "alpha": alpha, "bent": bent})

    def readings(self) -> list[Reading]:
        """Both discriminators, their weights read now, for all opinions of one step."""
        return [Reading(discriminator) for discriminator in self.discriminators]

    def discriminate(self, person: int, pictures, bent, frozen: bool, discriminators=None):
        """The discriminator's scores for [picture, bent input]; frozen: its weights receive no gradient.

        discriminators: `readings()`; within one training step all opinions need the same ones. None: read now.
        """
        return (discriminators or self.readings())[person](ops.concatenate([pictures, bent], axis=-1), frozen)

    def adversarial_terms(self, person: int, real, fake, bent, discriminators=None):
        """(generator's loss, discriminator's loss) for one kind of fake picture, (N, S, S, 3) each.

        discriminators: `readings()`.
        """
        discriminators = discriminators or self.readings()

        def discriminate(pictures, frozen):
            return self.discriminate(person, pictures, bent, frozen, discriminators)

        return ADVERSARIAL_LOSSES[self.config.adversarial](discriminate, real, fake, self.random)

    def loss_terms(self, views) -> tuple[dict, object]:
        """Every term of the generator's loss by name, unweighted, and the discriminators' loss. `views`: what `call` returns."""
        weights, views = self.loss_weights, loss_terms.in_float32(views)
        found, discriminators, read = {}, 0.0, self.readings()
        halves = [
            ops.split(x, 2, axis=0) for x in (views["straight"], views["bent"], loss_terms.composite(views), views["colour"])
        ]
        if weights.adversarial:
            generator = 0.0
            for person in range(2):
                real, bent, *fakes = (half[person] for half in halves)
                for fake in fakes:
                    mine, theirs = self.adversarial_terms(person, real, fake, bent, read)
                    generator, discriminators = generator + mine, discriminators + theirs
            found["adversarial"] = generator
            if weights.kernel_decay:
                kernels = loss_terms.decayed_kernels(self.discriminators)
                discriminators = discriminators + weights.kernel_decay * losses.sum_of_squares(kernels)
        if weights.gradient_penalty:
            found_penalty = self.gradient_penalty(halves[0], halves[1], read)
            discriminators = discriminators + weights.gradient_penalty * found_penalty
        return found | loss_terms.compute(self, views), discriminators

    def gradient_penalty(self, straight, bent, discriminators):
        """R1 of both discriminators at the real pictures, summed.

        straight, bent: [A's, B's], (N, S, S, 3) each. discriminators: `readings()`.
        """
        total = 0.0
        for person in range(2):

            def discriminate(pictures, frozen, person=person):
                return self.discriminate(person, pictures, ops.concatenate([bent[person]] * 2, axis=0), frozen, discriminators)

            total = total + gradient_penalty(discriminate, straight[person], self.random)
        if "gradient_penalty" in self.terms:
            self.terms["gradient_penalty"].update_state(total)
        return total
