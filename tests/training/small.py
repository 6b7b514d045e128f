"""Models small enough that a test can train them."""

import keras
import numpy as np

from faceswap_lab import training
from faceswap_lab.models import autoencoder, faceswap_gan, faceswap_gan_schedule
from faceswap_lab.models.loss_weights import PLAIN
from faceswap_lab.models.optimizers import ConvolutionMuon

SHAPE = dict(
    size=16, sharing="encoder", encoder_filters=(8, 8, 8, 8), kernel=3, latent=16, bridge=8, decoder_filters=(8, 8),
    alpha=True, relight=True, half_paint=True, centred=True,
)  # fmt: skip
SMALL = autoencoder.AutoencoderConfig(**SHAPE)
SMALL_GAN = faceswap_gan.GanConfig(**SHAPE, attention=True, architecture="quick", discriminator_filters=(8, 8))
GAN_LOSS = faceswap_gan.GanLoss(
    eyes=0.0, eyes_gradients=0.0, kernel_decay=0.0, edge=0.0, perceptual=(0.0, 0.0, 0.0, 0.0), alpha_variation=0.0
)
PHASES = (
    faceswap_gan_schedule.Phase(0.0, alpha_least=0.3),
    faceswap_gan_schedule.Phase(0.35, alpha_least=0.2, rate=0.5, decoders_swapped=True),
    faceswap_gan_schedule.Phase(0.7, rate=0.3),
)


def faces(seed=0, counts=(12, 12)):
    draw = np.random.default_rng(seed)
    some = {p: draw.integers(40, 220, (n, 24, 24, 3)).astype(np.uint8) for p, n in zip("AB", counts, strict=True)}
    return some, {p: np.full_like(pictures, 255) for p, pictures in some.items()}


def model(seed=0, rate=1e-3, loss=PLAIN, given=None, optimizer=keras.optimizers.Adam):
    """The plain loss by itself: TensorFlow traces its step in half the time of the course's."""
    keras.utils.set_random_seed(seed)
    made = autoencoder.FaceAutoencoder(SMALL, loss, autoencoder.QUICK_AUGMENTATION, seed=seed)
    made.set_faces(*(given or faces()))
    made.compile(optimizer=optimizer(rate))
    return made


def gan(seed=0):
    keras.utils.set_random_seed(seed)
    made = faceswap_gan.FaceSwapGAN(SMALL_GAN, GAN_LOSS, autoencoder.QUICK_AUGMENTATION, seed=seed)
    made.set_faces(*faces())
    made.compile(optimizer=faceswap_gan.TwoRateAdam(1e-3))
    return made


def train(made, folder, steps, **options):
    options = {
        "batch_size": 4,
        "log_every": 2,
        "checkpoint_every": 2,
        "preview_every": 4,
        "tensorboard": False,
    } | options
    return training.fit(made, folder, {"A": 12, "B": 12}, steps, **options)


def train_kind(kind: str, folder: str, steps: int, **options):
    """What the killed process runs: a model with its schedule, from its seed or from the folder's checkpoint."""
    if kind == "gan":
        schedule = faceswap_gan.ScheduleCallback(PHASES, steps, 1e-3)
        return train(gan(), folder, steps, callbacks=(schedule,), **options)
    rate = keras.optimizers.schedules.CosineDecay(2e-4, steps, warmup_target=2e-3, warmup_steps=10)
    # As the course trains; biases and the outer layers go by Muon's Adam.
    made = model(rate=rate, loss=autoencoder.QUICK_LOSS, optimizer=ConvolutionMuon)
    return train(made, folder, steps, **options)


def arrays(made) -> dict[str, np.ndarray]:
    from faceswap_lab.training import state

    return {k: v for k, v in state.collect(made)[0].items() if not k.startswith("metrics/")}
