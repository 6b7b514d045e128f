"""Every training step compiles under XLA, which Keras switches on by itself where it sees a GPU, and holds in 16 bit."""

import dataclasses
import gc
import types

import keras
import numpy as np
import pytest
from keras import ops
from scipy import stats
from swap_model_parts import INDEX, SMALL, sets

from faceswap_lab import training
from faceswap_lab.metrics import recognition_features
from faceswap_lab.models import (
    autoencoder,
    autoencoder_networks,
    cyclegan,
    discriminators,
    dlib_recognition,
    faceswap_gan,
    faceswap_gan_networks,
    faceswap_gan_schedule,
    loss_weights,
    optimizers,
    pix2pix,
)
from faceswap_lab.models.discriminators import build_discriminator
from faceswap_lab.models.loss_weights import LossWeights
from faceswap_lab.studies.detection import mesonet

tf = pytest.importorskip("tensorflow")

QUICK = dataclasses.replace(SMALL, size=16)
QUICK_GAN = faceswap_gan.GanConfig(
    **{**dataclasses.asdict(QUICK), "attention": True}, architecture="quick", discriminator_filters=(8,)
)
# Each of the schedule's values changes while the compiled step stays what it is.
PHASES = (
    faceswap_gan_schedule.Phase(0.0),
    faceswap_gan_schedule.Phase(0.02, perceptual=False, alpha_least=0.6, decoders_swapped=True),
    faceswap_gan_schedule.Phase(0.04, alpha_least=0.6, rate=0.5),
)
# Every term, each with a say: a term of the published weights' size beside the quick ones.
EVERY = dataclasses.replace(
    loss_weights.PUBLISHED_GAN,
    **{name: 0.1 for name in ("contrast", "contrast_coarse", "ssim", "ms_ssim", "eyes_and_mouth", "mask", "code", "identity")},
    **{name: 0.1 for name in ("back_translation", "cycle", "gradient_penalty", "nose", "brows")},
)


def recognition(outputs: str):
    """A small network of the recogniser's kinds of layers, frozen: {"taps": four feature maps, "descriptor": (N, 8)}."""
    inputs = x = keras.Input((16, 16, 3))
    taps = []
    for _ in range(4):
        x = keras.layers.DepthwiseConv2D(3, 2, padding="same", activation="relu6")(x)
        x = keras.layers.Conv2D(8, 1, padding="same", activation="relu6")(x)
        taps.append(x)
    found = {"taps": taps, "descriptor": keras.layers.GlobalAveragePooling2D()(x)}[outputs]
    network = keras.Model(inputs, found)
    network.trainable = False
    return network


def made(model, optimizer):
    model.set_faces(*sets(model.config.size, 5))
    return model, optimizer


def swapping(config, weights=loss_weights.PLAIN):
    model = autoencoder.FaceAutoencoder(config, weights, autoencoder.QUICK_AUGMENTATION)
    return made(model, lambda: keras.optimizers.Adam(1e-3))


def course_autoencoder():
    """What notebook 03 trains, small."""
    model, _ = swapping(QUICK, loss_weights.QUICK)
    schedule = keras.optimizers.schedules.CosineDecay(1e-3, 50, alpha=0.03)
    return model, lambda: optimizers.ConvolutionMuon(schedule)


def gan(config, weights, **options):
    model = faceswap_gan.FaceSwapGAN(config, weights, autoencoder.QUICK_AUGMENTATION, **options)
    return made(model, lambda: faceswap_gan.TwoRateAdam(2e-4))


def course_gan():
    """What notebook 04 trains, small, and every other term."""
    taps, descriptor = recognition("taps"), recognition("descriptor")
    return gan(QUICK_GAN, EVERY, perceptual=taps, perceptual_faces=1, recognition=descriptor)


def detector():
    """The network of notebook 09."""
    return mesonet.build_meso(), lambda: keras.optimizers.Adam(mesonet.LEARNING_RATE)


SMALL_TRANSLATION = {"size": 16, "filters": 4, "discriminator_filters": (4, 8)}
GAN = "GAN of the course, every term"
CASES = {
    "autoencoder of the course, Muon": course_autoencoder,
    "original, two decoders": lambda: swapping(autoencoder_networks.original(16, width=0.01), loss_weights.ORIGINAL),
    "low memory, two encoders": lambda: swapping(
        autoencoder_networks.low_memory(16, "decoder", width=0.01), LossWeights(code=0.1)
    ),
    "octave": lambda: swapping(dataclasses.replace(QUICK, octave=0.25)),
    GAN: course_gan,
    "standard 64, hinge, R1": lambda: gan(
        faceswap_gan_networks.standard(64, width=0.01, adversarial="hinge", norm="hybrid"),
        LossWeights(adversarial=0.1, gradient_penalty=1, kernel_decay=1e-4),
    ),
    "lite 128, relativistic": lambda: gan(
        faceswap_gan_networks.standard(128, lite=True, width=0.01, adversarial="relativistic", norm="whole_image"),
        LossWeights(adversarial=0.1),
    ),
    "CycleGAN": lambda: made(
        cyclegan.CycleGAN(cyclegan.CycleGanConfig(**SMALL_TRANSLATION, blocks=1, kernel=5, pool=3, focus=True)),
        lambda: keras.optimizers.Adam(2e-4, beta_1=0.5),
    ),
    "pix2pix": lambda: made(
        pix2pix.Pix2Pix(pix2pix.Pix2PixConfig(**SMALL_TRANSLATION, dropout=0.2)),
        lambda: keras.optimizers.Adam(2e-4, beta_1=0.5),
    ),
    "detector of notebook 09": detector,
}
COURSE = [name for name in CASES if "of the course" in name]


class Run:
    """A model of `CASES` from its seed, that takes the same step again and again.

    Attributes:
        losses: of the steps that it has taken.
    """

    def __init__(self, name: str, policy: str = "float32", **how):
        keras.utils.set_random_seed(0)
        with training.pace.precision(policy):
            self.model, optimizer = CASES[name]()
            swaps = hasattr(self.model, "loss_weights")
            loss = None if swaps else keras.losses.BinaryCrossentropy(from_logits=True)
            self.model.compile(optimizer(), loss, **how)
        draw = np.random.default_rng(0)
        pictures = draw.random((4, 64, 64, 3), "float32"), np.float32([[0], [1], [0], [1]])
        self.batch, self.losses = (INDEX,) if swaps else pictures, []
        self.schedule = faceswap_gan.ScheduleCallback(PHASES, 50, 2e-4) if name == GAN else keras.callbacks.Callback()
        self.schedule.set_model(self.model)

    def __call__(self, steps: int) -> list[float]:
        """The losses of the first so many steps."""
        while len(self.losses) < steps:
            self.schedule.on_train_batch_begin(len(self.losses))
            self.losses.append(float(self.model.train_on_batch(*self.batch, return_dict=True)["loss"]))
        return self.losses[:steps]


@pytest.fixture(autouse=True)
def memory_back():
    """Compiled steps hold a gigabyte each."""
    yield
    keras.backend.clear_session()
    gc.collect()


def hashed(shape, seed):
    """Uniform draws in [0, 1) from a seed's two numbers, by whole numbers' arithmetic (a mix as of murmur3)."""
    seed, count = tf.cast(seed, tf.uint32), int(np.prod(shape))
    x = tf.cast(tf.range(count), tf.uint32) * 2654435761 + seed[0] * 40503 + seed[1] * 2246822519
    for shift, factor in ((16, 2246822507), (13, 3266489909), (16, 1)):
        x = tf.bitwise.bitwise_xor(x, tf.bitwise.right_shift(x, tf.constant(shift, tf.uint32))) * factor
    return tf.reshape(tf.cast(tf.bitwise.right_shift(x, tf.constant(8, tf.uint32)), tf.float32) / 2**24, shape)


@pytest.fixture
def equal_draws(monkeypatch):
    """The same draws with XLA and without: TensorFlow's own differ there from equal seeds, Philox or not."""

    def uniform(shape, seed, minval=0, maxval=1, dtype="float32"):
        return tf.cast(minval + hashed(shape, seed) * (maxval - minval), dtype)

    def normal(shape, seed, mean=0, stddev=1, dtype="float32"):
        return tf.cast(mean + stddev * tf.math.ndtri(tf.clip_by_value(hashed(shape, seed), 1e-6, 1 - 1e-6)), dtype)

    def dropout(x, rate, seed, noise_shape=None):
        return tf.where(hashed(x.shape, seed) < rate, tf.zeros_like(x), x / (1 - rate))

    monkeypatch.setattr(tf.random, "stateless_uniform", uniform)
    monkeypatch.setattr(tf.random, "stateless_normal", normal)
    monkeypatch.setattr(tf.nn.experimental, "stateless_dropout", dropout)


@pytest.mark.parametrize(("name", "policy"), [(COURSE[0], "float32"), *((name, "mixed_float16") for name in CASES)])
def test_a_compiled_step_does_what_the_plain_one_does(name, policy, equal_draws):
    """As on a GPU, which switches XLA and 16 bit on together; without XLA and in 32 bit a step is what the code says.

    What the first update changes in the loss tells whether it was the same: two losses differ by a percent or less.
    """
    first, second = Run(name, run_eagerly=True)(2)
    run = Run(name, policy, jit_compile=True)
    half = policy == "mixed_float16"
    if half:
        begin_with_scale(run.model.optimizer, 2**11)  # where Keras begins, 2**15, the first steps only find the scale
    compiled = run(2)
    assert compiled[0] == pytest.approx(first, rel=2e-3 if half else 1e-4)
    assert compiled[1] - compiled[0] == pytest.approx(second - first, rel=0.05 if half else 0.01)
    if half:
        check_16_bit(run.model, 2)


def begin_with_scale(optimizer, scale: float) -> None:
    """Sets where a LossScaleOptimizer begins, built already or not yet."""
    optimizer.initial_scale = scale
    if optimizer.built:
        optimizer.dynamic_scale.assign(scale)


def check_16_bit(model, steps: int) -> None:
    """Every step either counted or, its gradients not finite, halved the scale; weights are whole, layers are halves."""
    optimizer = model.optimizer
    assert isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    halved = np.log2(optimizer.initial_scale / float(optimizer.dynamic_scale))
    assert int(optimizer.iterations) == steps - halved > 0
    assert {keras.backend.standardize_dtype(v.dtype) for v in model.trainable_variables} == {"float32"}


@pytest.mark.parametrize("name", COURSE)
def test_fifty_steps_in_16_bit_learn_what_32_do(name, equal_draws):
    """Without XLA: what it compiles is tested above, and half a minute for each policy more is much."""
    whole, half = (Run(name, policy, jit_compile=False) for policy in ("float32", "mixed_float16"))
    ends = [np.mean(run(50)[-10:]) for run in (whole, half)]
    assert ends[1] == pytest.approx(ends[0], rel=0.02)
    assert ends[0] < 0.98 * np.mean(whole(10))  # it has learnt something by then
    check_16_bit(half.model, 50)


@pytest.fixture
def pretended_gpu(monkeypatch):
    """Keras sees a GPU, and switches XLA on by itself."""
    kinds = [types.SimpleNamespace(device_type=kind) for kind in ("CPU", "GPU")]
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: [] if kind else kinds)


@pytest.mark.parametrize("name", COURSE)
def test_with_a_gpu_in_sight_it_is_the_compiled_step_that_trains(name, pretended_gpu):
    assert Run(name).model.jit_compile


def test_networks_that_see_any_number_of_faces_are_not_compiled(pretended_gpu):
    models = [dlib_recognition.FaceRecognition().model, recognition_features.FaceRes().model]
    assert build_discriminator(QUICK_GAN, "discriminator").jit_compile  # any other would be
    assert not any(model.jit_compile for model in models)


def test_draws_from_beta_are_scipys_and_repeat():
    """Float32 rounds a sixtieth of this distribution to 1 exactly: there only other float32 numbers compare."""
    draws = ops.convert_to_numpy(discriminators.draw_beta((20_000,), 0.2, keras.random.SeedGenerator(3)))
    beta = stats.beta(0.2, 0.2)
    rounded = beta.rvs(size=200_000, random_state=0).astype("float32")
    assert stats.ks_2samp(draws, rounded).pvalue > 0.01
    low = draws[draws < 0.5].astype(float)
    assert len(low) == pytest.approx(10_000, abs=200)
    assert stats.kstest(low, lambda x: beta.cdf(x) / 0.5).pvalue > 0.01
    again = discriminators.draw_beta((20_000,), 0.2, keras.random.SeedGenerator(3))
    np.testing.assert_array_equal(again, draws)
    shapes = [discriminators.draw_beta(shape, 0.2, keras.random.SeedGenerator(3)).shape for shape in ((), (2, 1, 1, 1))]
    assert [tuple(shape) for shape in shapes] == [(), (2, 1, 1, 1)]
