"""FaceSwap-GAN: the shared-encoder autoencoder with self-attention, a painted mask, and a critic for each person.

Written anew from a description of FaceSwap-GAN v2.2 (published figures: blocks, losses, weights, schedule). One GAN is
one ordinary Keras model here: `compute_loss` adds the painter's loss (through critics whose weights are held still) to
the critics' loss (on paintings that are held still). Each player's weights receive only their own gradient, from one
pass, so `fit()`, callbacks, checkpoints and compilation stay what they are.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import keras
from keras import ops

from faceswap_lab.models import autoencoder, layers, losses
from faceswap_lab.models.autoencoder import PEOPLE, AutoencoderConfig, FaceAutoencoder


@dataclass(frozen=True)
class GanConfig(AutoencoderConfig):
    """The shape of a FaceSwap-GAN: an `AutoencoderConfig` and what is added to it.

    Args:
        architecture: "quick" (the autoencoder's own halves, with attention put in), "lite" or "standard" (FaceSwap-GAN
            v2.2's).
        critic_filters: channels after the critic's stride-2 convolutions.
        norm: "instance", "group", "layer" or None, in the lite and standard blocks and in the critics.
        adversarial: "mixup" (mixup-LSGAN) or "relativistic" (relativistic-average LSGAN).
    """

    architecture: str = "standard"
    critic_filters: tuple[int, ...] = (64, 128, 256)
    norm: str | None = "instance"
    adversarial: str = "mixup"

    def __post_init__(self):
        super().__post_init__()
        if self.architecture not in ("quick", "lite", "standard"):
            raise ValueError(f"architecture must be 'quick', 'lite' or 'standard', got {self.architecture!r}")
        if self.adversarial not in ("mixup", "relativistic"):
            raise ValueError(f"adversarial must be 'mixup' or 'relativistic', got {self.adversarial!r}")
        if self.architecture != "quick" and self.size not in (64, 128, 256):
            raise ValueError(f"FaceSwap-GAN paints 64, 128 or 256 px, not {self.size}")
        object.__setattr__(self, "critic_filters", tuple(self.critic_filters))


def standard(size: int = 64, lite: bool = False) -> GanConfig:
    """FaceSwap-GAN v2.2 at its published size, or its lite form (narrow, nearest-neighbour upscaling)."""
    return GanConfig(
        size=size,
        architecture="lite" if lite else "standard",
        alpha=True,
        latent=(1024 if size == 64 else 2048) if lite else 1024,
    )


def quick(size: int = 64) -> GanConfig:
    """For two CPU cores: the quick autoencoder, attention at a quarter and half of its size, narrow critics."""
    shape = dataclasses.asdict(autoencoder.quick(size))
    return GanConfig(**{**shape, "attention": True}, architecture="quick", critic_filters=(24, 48, 96))


@dataclass(frozen=True)
class GanLoss:
    """Weights of the painter's loss, as published for FaceSwap-GAN v2.2 (pictures on a scale of -1 to 1).

    Args:
        adversarial: each critic's opinion, of the composite and of the raw colour.
        reconstruction: L1 of the raw colour (and of the side outputs above 64 px).
        eyes: mean of eye mask times difference. eye_gradients: the same on the first differences.
        edge: L1 of the first differences.
        perceptual: L2 between a face-recognition network's features, shallow to deep.
        alpha: mean of the painted mask. alpha_hinge: mean of max(0, m - mask), m by the schedule. alpha_variation: total
            variation of the mask.
        cycle: a face swapped there and back must be itself; off by default, as published (10 when on).
        contrast, contrast_coarse, mask, code: as in `AutoencoderLoss`; not part of FaceSwap-GAN, off by default.
    """

    adversarial: float = 0.1
    reconstruction: float = 1.0
    eyes: float = 30.0
    eye_gradients: float = 30.0
    edge: float = 0.1
    perceptual: tuple[float, ...] = (0.1, 0.3, 0.1, 0.01)
    alpha: float = 0.01
    alpha_hinge: float = 0.1
    alpha_variation: float = 0.1
    cycle: float = 0.0
    contrast: float = 0.0
    contrast_coarse: float = 0.0
    mask: float = 0.0
    code: float = 0.0


# On two CPU cores there is time for a few hundred steps only, from an autoencoder that can paint: the terms that it was
# trained with stay on, so that the critics add to what is there instead of starting a fight.
QUICK_LOSS = GanLoss(adversarial=0.02, contrast=0.3, contrast_coarse=0.3, mask=0.3)


@dataclass(frozen=True)
class Phase:
    """A stretch of the training.

    Args:
        start: where it begins, as a share of all steps.
        perceptual: whether the perceptual loss counts.
        alpha_least: m of the alpha hinge; 0 switches it off.
        rate: factor on both learning rates.
        decoders_swapped: A's decoder holds B's weights meanwhile, and the other way round.
    """

    start: float = 0.0
    perceptual: bool = True
    alpha_least: float = 0.0
    rate: float = 1.0
    decoders_swapped: bool = False


PUBLISHED_SCHEDULE = (
    Phase(0.0, perceptual=False),
    Phase(0.2),
    Phase(0.3, alpha_least=0.5),
    Phase(0.4, alpha_least=0.2),
    Phase(0.5, alpha_least=0.4),
    Phase(2 / 3, rate=0.3),
    Phase(0.8, alpha_least=0.1, rate=0.3, decoders_swapped=True),
    Phase(0.9, rate=0.1),
)
WARM_SCHEDULE = (
    Phase(0.0, alpha_least=0.2),
    Phase(0.7, alpha_least=0.2, rate=0.3),
)  # for a painter that can paint already


def build_encoder(config: GanConfig) -> keras.Model:
    """FaceSwap-GAN's encoder: (N, S, S, 3) to (N, 8, 8, 512), or (N, 8, 8, 256) for lite."""
    lite = config.architecture == "lite"
    filters = (32, 64, 128, 256, 256) if lite else (64, 128, 256, 512, 1024)
    inputs = keras.Input((config.size, config.size, 3))
    x = keras.layers.Conv2D(
        filters[0], 5, padding="same", activation="relu", kernel_initializer="he_normal", name="stem"
    )(inputs)
    for index, channels in enumerate(filters[1:]):
        x = layers.downscale(x, channels, norm=config.norm if index else None, name=f"down_{index}")
        if index in (1, 2):
            x = layers.SelfAttention(name=f"attention_{index}")(x)
    while x.shape[1] > 4:
        x = layers.downscale(x, filters[-1], norm=config.norm, name=f"down_to_{x.shape[1] // 2}")
    shape = x.shape[1:]
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(config.latent, name="latent")(x)
    x = keras.layers.Dense(shape[0] * shape[1] * shape[2], name="unfold")(x)
    x = keras.layers.Reshape(shape)(x)
    up = layers.lite_upscale if lite else layers.upscale
    return keras.Model(inputs, up(x, filters[-1] if lite else 512, norm=config.norm, name="bridge"), name="encoder")


def build_decoder(config: GanConfig, name: str) -> keras.Model:
    """FaceSwap-GAN's decoder: (N, 8, 8, C) to colour and alpha (N, S, S, 4), and side outputs (N, s, s, 3) above 64 px."""
    lite = config.architecture == "lite"
    up = layers.lite_upscale if lite else layers.upscale
    wide = (128, 64, 32) if lite else (256, 128, 64)
    inputs = keras.Input((8, 8, 256 if lite else 512))
    x = up(inputs, wide[0], norm=config.norm, name="up_0")
    x = up(x, wide[1], norm=config.norm, name="up_1")
    x = layers.SelfAttention(name="attention_1")(x)
    x = up(x, wide[2], norm=config.norm, name="up_2")
    x = layers.residual(x, wide[2], name="residual")
    x = layers.SelfAttention(name="attention_2")(x)
    sides = []
    while x.shape[1] < config.size:
        side = keras.layers.Conv2D(
            3, 5, padding="same", activation="sigmoid", dtype="float32", name=f"side_{x.shape[1]}"
        )(x)
        sides.append(side)
        x = up(x, wide[2], norm=config.norm, name=f"up_to_{2 * x.shape[1]}")
        x = keras.layers.Conv2D(wide[2], 3, padding="same", activation="relu", name=f"after_{x.shape[1]}")(x)
    # A sigmoid on [0, 1] is the published tanh on [-1, 1].
    painted = keras.layers.Conv2D(4, 5, padding="same", activation="sigmoid", dtype="float32", name="paint")(x)
    return keras.Model(inputs, [painted, *sides] if sides else painted, name=name)


def build_critic(config: GanConfig, name: str) -> keras.Model:
    """A person's critic: picture and bent input (N, S, S, 6) to one linear score a patch (N, s, s, 1).

    Every layer's name begins with critic_: that is how `TwoRateAdam` knows whose weights they are.
    """
    inputs = keras.Input((config.size, config.size, 6))
    x = inputs
    last = len(config.critic_filters) - 1
    for index, filters in enumerate(config.critic_filters):
        x = layers.downscale(
            x, filters, kernel=4, norm=config.norm if index else None, slope=0.2, name=f"critic_down_{index}"
        )
        if index == last:
            x = layers.SelfAttention(name=f"critic_attention_{index}")(x)
    while x.shape[1] > 8:
        x = layers.downscale(
            x,
            config.critic_filters[-1],
            kernel=4,
            norm=config.norm,
            slope=0.2,
            name=f"critic_down_to_{x.shape[1] // 2}",
        )
        x = layers.SelfAttention(name=f"critic_attention_at_{x.shape[1]}")(x)
    scores = keras.layers.Conv2D(1, 4, padding="same", dtype="float32", name="critic_scores")(x)
    return keras.Model(inputs, scores, name=name)


@keras.saving.register_keras_serializable("faceswap_lab")
class TwoRateAdam(keras.optimizers.Adam):
    """Adam whose critics (variables of layers named critic_*) learn `critic_factor` times as fast as the painter.

    Published: beta1 0.5, painter 1e-4, critics 2e-4.
    """

    def __init__(self, learning_rate=1e-4, beta_1=0.5, beta_2=0.999, critic_factor=2.0, **kwargs):
        super().__init__(learning_rate=learning_rate, beta_1=beta_1, beta_2=beta_2, **kwargs)
        self.critic_factor = critic_factor

    def build(self, variables):
        super().build(variables)
        self.critic_places = {place for place, variable in enumerate(variables) if "critic_" in variable.path}

    def update_step(self, gradient, variable, learning_rate):
        of_critic = self._get_variable_index(variable) in self.critic_places
        super().update_step(gradient, variable, learning_rate * (self.critic_factor if of_critic else 1.0))

    def get_config(self):
        return {**super().get_config(), "critic_factor": self.critic_factor}


class FaceSwapGAN(FaceAutoencoder):
    """FaceSwap-GAN: shared encoder, a decoder with mask and a critic for each person. Trained like `FaceAutoencoder`.

    Args:
        config: the shape.
        loss_weights: the painter's terms.
        perceptual: frozen model from faces (N, S, S, 3) in [0, 1] to a list of feature maps, shallow to deep; None
            leaves the perceptual loss out.
        perceptual_faces: faces a side and step that pass through it (it is dear on a CPU).
    """

    def __init__(
        self,
        config: GanConfig,
        loss_weights=None,
        augmentation=None,
        perceptual=None,
        perceptual_faces=8,
        seed=0,
        **kwargs,
    ):
        super().__init__(config, loss_weights or GanLoss(), augmentation, seed=seed, **kwargs)
        self.critics = [build_critic(config, f"critic_{p}") for p in PEOPLE]
        # A plain function, so that the frozen network is not saved with this model.
        self.perceptual = perceptual and (lambda faces: perceptual(faces))
        self.perceptual_faces = perceptual_faces
        self.alpha_least = self.add_weight(
            shape=(), initializer="zeros", trainable=False, autocast=False, name="alpha_least"
        )
        self.perceptual_on = self.add_weight(
            shape=(), initializer="ones", trainable=False, autocast=False, name="perceptual_on"
        )
        self.terms["critics"] = keras.metrics.Mean("critics")
        if perceptual is None:
            self.terms.pop("perceptual", None)

    def begin_with(self, autoencoder_model: FaceAutoencoder) -> int:
        """Takes over what an autoencoder has learnt: every layer of the same name and shape.

        The attention layers that only this model has start with a gain of 0, so at first it paints as the autoencoder
        does.

        Returns:
            How many layers were taken over.

        Raises:
            ValueError: when none fits.
        """
        taken = 0
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

    def build_networks(self):
        if self.config.architecture == "quick":
            return super().build_networks()
        return [build_encoder(self.config)], [build_decoder(self.config, f"decoder_{p}") for p in PEOPLE]

    def composite(self, colour, alpha, bent):
        """alpha * colour + (1 - alpha) * bent input."""
        return alpha * colour + (1 - alpha) * bent

    def judge(self, person: int, pictures, bent, frozen: bool):
        """The critic's scores for [picture, bent input]; frozen: its weights receive no gradient."""
        critic, seen = self.critics[person], ops.concatenate([pictures, bent], axis=-1)
        if not frozen:
            return critic(seen)
        held = [ops.stop_gradient(v) for v in critic.trainable_variables]
        return critic.stateless_call(held, [v.value for v in critic.non_trainable_variables], seen)[0]

    def adversarial_terms(self, person: int, real, fake, bent):
        """(painter's loss, critic's loss) for one kind of fake picture, (N, S, S, 3) each."""
        still = ops.stop_gradient(fake)
        if self.config.adversarial == "relativistic":
            for_critic = [self.judge(person, p, bent, False) for p in (real, still)]
            for_painter = [self.judge(person, p, bent, True) for p in (real, fake)]
            critic = losses.relativistic_least_squares(*for_critic, 1.0) + losses.relativistic_least_squares(
                *for_critic[::-1], -1.0
            )
            painter = losses.relativistic_least_squares(*for_painter[::-1], 1.0) + losses.relativistic_least_squares(
                *for_painter, -1.0
            )
            return painter / 2, critic / 2
        # Zhang et al., "mixup", ICLR 2018 (arXiv:1710.09412): one share a batch, near 0 or near 1.
        share = keras.random.beta((), 0.2, 0.2, seed=self.random)
        critic = losses.least_squares(self.judge(person, share * real + (1 - share) * still, bent, False), share)
        painter = losses.least_squares(self.judge(person, share * real + (1 - share) * fake, bent, True), 1 - share)
        return painter, critic

    def loss_terms(self, views) -> tuple[dict, object]:
        """Every term of the painter's loss by name, unweighted, and the critics' loss. `views`: what `call` returns."""
        weights, colour, straight, bent, alpha = (
            self.loss_weights,
            views["colour"],
            views["straight"],
            views["bent"],
            views["alpha"],
        )
        face, eyes = views["masks"][..., :1], views["masks"][..., 1:2]
        composite = self.composite(colour, alpha, bent)
        found, critics = {}, 0.0
        split = [ops.split(x, 2, axis=0) for x in (straight, bent, composite, colour)]
        if weights.adversarial:
            painter = 0.0
            for person in range(2):
                real, warped, *fakes = (halves[person] for halves in split)
                for fake in fakes:
                    mine, theirs = self.adversarial_terms(person, real, fake, warped)
                    painter, critics = painter + mine, critics + theirs
            found["adversarial"] = painter
        # Pictures are in [0, 1] here and in [-1, 1] where the weights were published: differences count double.
        if weights.reconstruction:
            found["reconstruction"] = 2 * losses.l1(colour, straight)
            for side in views.get("sides", []):
                small = ops.image.resize(straight, side.shape[1:3], antialias=True)
                found["reconstruction"] += 2 * losses.l1(side, small)
        if weights.eyes:
            found["eyes"] = 2 * ops.mean(eyes * ops.abs(colour - straight))
        if weights.eye_gradients:
            found["eye_gradients"] = 2 * losses.edge_loss(colour * eyes, straight * eyes)
        if weights.edge:
            found["edge"] = 2 * losses.edge_loss(colour, straight)
        if any(weights.perceptual) and self.perceptual is not None:
            found["perceptual"] = self.perceptual_on * self._perceptual_term(composite, straight)
        if weights.alpha:
            found["alpha"] = ops.mean(alpha)
        if weights.alpha_hinge:
            found["alpha_hinge"] = losses.alpha_hinge(alpha, self.alpha_least)
        if weights.alpha_variation:
            found["alpha_variation"] = losses.total_variation(alpha)
        if weights.cycle:
            found["cycle"] = self._cycle_term(split[0])
        fine = 0.027 * self.config.size
        where = 0.05 + 0.95 * face
        if weights.contrast:
            found["contrast"] = losses.contrast_loss(colour, straight, fine, where)
        if weights.contrast_coarse:
            found["contrast_coarse"] = losses.coarse_contrast_loss(colour, straight, fine, where)
        if weights.mask:
            found["mask"] = losses.l1(alpha, face)
        if weights.code:
            found |= self.swapped_terms(views)
        return found, critics

    def _perceptual_term(self, composite, straight):
        some = [half[: self.perceptual_faces] for x in (composite, straight) for half in ops.split(x, 2, axis=0)]
        taps = self.perceptual(ops.clip(ops.concatenate(some, axis=0), 0.0, 1.0))
        total = 0.0
        for weight, features in zip(self.loss_weights.perceptual, taps, strict=True):
            features = features / (ops.sqrt(ops.sum(features**2, axis=-1, keepdims=True)) + 1e-6)
            painted, real = ops.split(features, 2, axis=0)
            total = total + weight * ops.mean(ops.sum(ops.square(painted - ops.stop_gradient(real)), axis=-1))
        return total

    def _cycle_term(self, straight):
        total = 0.0
        for person in range(2):
            there, _ = self.paint(self.encode(straight[person], 1 - person, person), 1 - person)
            back, alpha = self.paint(self.encode(there, person, 1 - person), person)
            total = total + 2 * losses.l1(back, straight[person]) + 0.1 * ops.mean(alpha)
        return total

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        found, critics = self.loss_terms(y_pred)
        total = critics
        for term, value in found.items():
            self.terms[term].update_state(value)
            weight = 1.0 if term == "perceptual" else getattr(self.loss_weights, term)
            total = total + weight * value
        self.terms["critics"].update_state(critics)
        return total


class ScheduleCallback(keras.callbacks.Callback):
    """Applies a schedule's phases as values in the running graph: nothing is rebuilt, Adam keeps its moments.

    Args:
        phases: in order of `start`.
        steps: all steps of the training.
        learning_rate: the rate that the phases' factors apply to.
        start: the step at which this run begins (after a resume); a swap already made is not made again.
    """

    def __init__(self, phases: tuple[Phase, ...], steps: int, learning_rate: float, start: int = 0):
        super().__init__()
        self.phases, self.steps, self.learning_rate = phases, steps, learning_rate
        self.go_on_from(start)

    def go_on_from(self, step: int) -> None:
        """The next step is number `step`, counted from 0: after a resume, or when the training went back."""
        self.step = step
        self.swapped = self.phase(step - 1).decoders_swapped if step else False

    def phase(self, step: int) -> Phase:
        return [p for p in self.phases if p.start * self.steps <= step + 1e-9][-1]

    def on_train_batch_begin(self, batch, logs=None):
        now = self.phase(self.step)
        model = self.model
        model.alpha_least.assign(now.alpha_least)
        model.perceptual_on.assign(1.0 if now.perceptual else 0.0)
        model.optimizer.learning_rate.assign(self.learning_rate * now.rate)
        if now.decoders_swapped != self.swapped:
            first, second = (decoder.get_weights() for decoder in model.decoders)
            model.decoders[0].set_weights(second)
            model.decoders[1].set_weights(first)
            self.swapped = now.decoders_swapped
        self.step += 1
