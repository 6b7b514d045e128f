"""How fast the models train, against the plain way of doing it, and where the time of a step goes.

    python benchmarks/training.py             (about twelve minutes on two cores; --rounds 3 for a look)
    python benchmarks/training.py --width 1   (the original's full width throughout: about half an hour)

Everything is measured in interleaved rounds in one process; a figure is the median of the rounds' ratios, and the table
gives their quartiles too. Beside the clock stands the processor's time: on a machine that others use it is steadier.

- `augmentation_vs_opencv`: samples a second of `augmentation.random_views` (compiled, look-up in the face set included)
  against a per-picture loader with OpenCV in one process that makes the same thing: turn, zoom, shift, mirror, a 5x5 grid
  bent and looked up with `remap`, the straight target, and the same light on both.
- `autoencoder_vs_plain`: images a second of a step on both people, against two Keras models that share an encoder, two
  `train_on_batch` calls and that loader. Same networks, same L1.
- `gan_vs_plain`: the same for FaceSwap-GAN. Plain: four steps (discriminator A, discriminator B, generator A, generator B), each
  with its own pass of the generator and its own optimiser, discriminators and generators on batches of their own from the loader.
- `convolution_rate_share`: floating-point operations a second of a full-width step, over what convolutions of the same
  shapes reach alone, forwards and backwards.

Expected before anything was tuned (goals in brackets): on a GPU 20 x the loader; on two CPU cores OpenCV's `remap` does
about 2000 views a second on one core, and a gather of float pixels is no faster than that, so about 1 x (20 x). Then a
plain step loses the loader's time only: 1.1 x where convolutions are heavy, 1.3 x where they are light (1.5 x). A GAN's
plain step generates twice and runs the discriminators once more: 1.5 x (1.7 x). Views: 15 % of a quick step, 2 % of a full-width
one (5 %). Full width: three quarters of the attainable rate (65 %), the rest being Adam over 82 M weights.

Measured on two CPU cores (TensorFlow 2.21, one run; the first three on an idle machine): views 1.14 x the loader (820 and
812 samples a second), the autoencoder 1.12 x, FaceSwap-GAN 1.40 x, so none of the three goals is reached on a CPU, and the
first cannot be: the loader's remap runs on the same two cores. Of a quick step the losses take 22 %, views 13 %, the optimiser
(Adam) 3 %, of a full-width step views 0.4 % and the backward pass 92 %: its widest kernels reach 11 to 14 GFLOP/s where the
middle ones reach 57 to 78. The full-width step ran at 42.6 GFLOP/s, the median of its four largest convolutions alone, forwards
and backwards, at 35.2 (121 %, with other work beside it).

Last line: JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cv2  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from keras import ops  # noqa: E402

from faceswap_lab.models import autoencoder, faceswap_gan, loss_terms  # noqa: E402
from faceswap_lab.models.augmentation import Augmentation, FaceBank, random_views  # noqa: E402
from faceswap_lab.models.discriminators import draw_beta  # noqa: E402
from faceswap_lab.models.loss_weights import LossWeights  # noqa: E402

SIZE, SIDE, COUNT, PEOPLE = 64, 96, 256, ("A", "B")
GOALS = {"augmentation_vs_opencv": 20, "autoencoder_vs_plain": 1.5, "gan_vs_plain": 1.7, "convolution_rate_share": 0.65}
GAN_LOSS = LossWeights(reconstruction=1.0, adversarial=0.1, background=1.0)
OPTIONS = Augmentation()


def face_sets(seed: int = 0):
    """Smooth random pictures: what is in them does not change the time. {"A": (COUNT, SIDE, SIDE, 3) uint8}, masks."""
    draw = np.random.default_rng(seed)
    faces = {
        p: np.stack([cv2.resize(draw.integers(0, 255, (6, 6, 3), np.uint8), (SIDE, SIDE)) for _ in range(COUNT)])
        for p in PEOPLE
    }
    return faces, {p: np.full((COUNT, SIDE, SIDE, 3), 255, np.uint8) for p in PEOPLE}


# -- the per-picture loader ------------------------------------------------------------------------------------------
def opencv_view(picture, draw, options: Augmentation = OPTIONS):
    """One random view of a picture (SIDE, SIDE, 9) uint8: face, masks, transferred face, as `random_views` makes it.

    Returns:
        warped (SIZE, SIZE, 3) and target (SIZE, SIZE, 6), float32 in [0, 1].
    """
    middle = SIDE / 2
    angle, scale = draw.uniform(-options.rotation, options.rotation), np.exp(draw.uniform(-options.zoom, options.zoom))
    turn = cv2.getRotationMatrix2D((middle, middle), angle, scale * SIZE / SIDE)
    turn[:, 2] += draw.uniform(-options.shift, options.shift, 2) * SIZE + SIZE / 2 - middle
    if draw.random() < options.flip:
        turn[0] = -turn[0]
        turn[0, 2] += SIZE - 1
    target = cv2.warpAffine(picture[..., :6], turn, (SIZE, SIZE), borderMode=cv2.BORDER_REPLICATE)
    face = picture[..., 6:] if draw.random() < options.shape_transfer else picture[..., :3]
    back = cv2.invertAffineTransform(turn).astype(np.float32)
    grid = np.linspace(0, SIZE - 1, options.warp_grid, dtype=np.float32)
    x, y = np.meshgrid(grid, grid)
    x, y = back[0, 0] * x + back[0, 1] * y + back[0, 2], back[1, 0] * x + back[1, 1] * y + back[1, 2]
    jitter = draw.normal(0, options.warp * SIDE, (2, *x.shape)).astype(np.float32)
    maps = [cv2.resize(m, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC) for m in (x + jitter[0], y + jitter[1])]
    warped = cv2.remap(face, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    gain = np.exp(draw.uniform(-options.gain, options.gain) + draw.uniform(-options.tint, options.tint, 3))
    line = np.linspace(-0.5, 0.5, SIZE, dtype=np.float32)
    slope = draw.uniform(-options.slope, options.slope, 2)
    light = np.exp(2 * slope[0] * line)[None, :, None] * np.exp(2 * slope[1] * line)[:, None, None]
    light = (light * gain).astype(np.float32)
    gamma = np.exp(draw.uniform(-options.gamma, options.gamma))
    levels = (np.arange(256) / 255).clip(1e-4)  # contrast by table, as a loader that cares for speed does it
    own = gamma * np.exp(draw.uniform(-options.input_gamma, options.input_gamma))
    warped = np.minimum((levels**own).astype(np.float32)[warped] * light, 1)
    warped += draw.uniform(0, options.fade) * (warped.mean(axis=-1, keepdims=True) - warped)
    colour = np.minimum((levels**gamma).astype(np.float32)[target[..., :3]] * light, 1)
    return warped, np.concatenate([colour, target[..., 3:].astype(np.float32) / 255], axis=-1)


def opencv_batch(stack, size: int, draw):
    """(size, SIZE, SIZE, 3) warped and (size, SIZE, SIZE, 6) target from a person's (COUNT, SIDE, SIDE, 9) stack."""
    views = [opencv_view(stack[i], draw) for i in draw.integers(0, len(stack), size)]
    return np.stack([v[0] for v in views]), np.stack([v[1] for v in views])


# -- measuring -------------------------------------------------------------------------------------------------------
def rounds(count: int, **functions) -> dict[str, np.ndarray]:
    """Runs the functions in turn, `count` times after one warm-up: {name: (count, 2) seconds by the clock and processor}."""
    for run in functions.values():
        run()
    found = {name: [] for name in functions}
    for number in range(count):
        order = list(functions.items())[:: 1 if number % 2 else -1]
        for name, run in order:
            clock, processor = time.perf_counter(), time.process_time()
            run()
            found[name].append((time.perf_counter() - clock, time.process_time() - processor))
    return {name: np.array(values) for name, values in found.items()}


def compare(title: str, found, images: int, ours="ours", plain="plain", unit="images/s") -> dict:
    """Prints and returns a figure: the median over the rounds of plain time over our time."""
    ratios = found[plain] / found[ours]
    ratio, low, high = np.percentile(ratios[:, 0], [50, 25, 75])
    speed = {name: images / np.median(found[name][:, 0]) for name in (ours, plain)}
    print(
        f"{title:34} {speed[ours]:9.1f} {speed[plain]:9.1f} {unit:10} ratio {ratio:5.2f} ({low:.2f} to {high:.2f}), "
        f"by processor time {np.median(ratios[:, 1]):.2f}"
    )
    return {"ours": float(speed[ours]), "baseline": float(speed[plain]), "ratio": float(ratio), "unit": unit}


def measure_views(sets, batch: int, count: int) -> dict:
    faces, masks = sets
    bank = FaceBank(faces["A"], masks["A"])
    draw, seed = np.random.default_rng(1), keras.random.SeedGenerator(0)
    compiled = tf.function(lambda index: random_views(bank(index), SIZE, OPTIONS, seed, people=1))
    stack = np.concatenate([faces["A"], masks["A"], faces["A"]], axis=-1)

    def ours():
        compiled(tf.constant(draw.integers(0, COUNT, 2 * batch).astype("int32")))[0].numpy()

    found = rounds(count, ours=ours, plain=lambda: opencv_batch(stack, 2 * batch, draw))
    return compare(f"views, {2 * batch} a call", found, 2 * batch, unit="samples/s")


def indices(draw, batch: int) -> dict:
    return {p: draw.integers(0, COUNT, batch).astype("int32") for p in PEOPLE}


def stacks(sets) -> dict:
    faces, masks = sets
    return {p: np.concatenate([faces[p], masks[p], faces[p]], axis=-1) for p in PEOPLE}


def our_autoencoder(sets, width: float):
    keras.utils.set_random_seed(0)
    model = autoencoder.FaceAutoencoder(autoencoder.original(SIZE, width=width), augmentation=OPTIONS)
    model.set_faces(*sets)
    model.compile(optimizer=keras.optimizers.Adam(5e-5, beta_1=0.5))
    return model


def measure_autoencoder(sets, width: float, batch: int, count: int):
    """Returns the figure, our model, and the median seconds of its step."""
    model, draw, by_person = our_autoencoder(sets, width), np.random.default_rng(2), stacks(sets)
    config, plain = model.config, []
    shared = autoencoder.build_encoder(config, "plain_encoder")
    for person in PEOPLE:
        decoder = autoencoder.build_decoder(config, f"plain_{person}")
        plain.append(keras.Model(shared.input, decoder(shared.output)))
        plain[-1].compile(optimizer=keras.optimizers.Adam(5e-5, beta_1=0.5), loss="mae")

    def baseline():
        for network, person in zip(plain, PEOPLE, strict=True):
            warped, target = opencv_batch(by_person[person], batch, draw)
            network.train_on_batch(warped, target[..., :3])

    found = rounds(count, ours=lambda: model.train_on_batch(indices(draw, batch)), plain=baseline)
    title = f"autoencoder, width {width:g}, 2 x {batch}"
    return compare(title, found, 2 * batch), model, float(np.median(found["ours"][:, 0]))


class PlainGan:
    """FaceSwap-GAN trained the usual way: four functions, each with its own pass and optimiser. Same networks, same loss."""

    def __init__(self, config, sets):
        self.model = faceswap_gan.FaceSwapGAN(config, GAN_LOSS, OPTIONS, seed=1)
        self.stacks, self.draw = stacks(sets), np.random.default_rng(3)
        encoder, decoders, discriminators = self.model.encoders[0], self.model.decoders, self.model.discriminators
        self.steps = []
        for person in range(2):
            mine = [*encoder.trainable_variables, *decoders[person].trainable_variables]
            self.steps.append((self.make(person, 1, discriminators[person].trainable_variables), 0))
            self.steps.append((self.make(person, 0, mine), 1))
        self.steps.sort(key=lambda pair: pair[1])  # discriminators first, then generators

    def make(self, person: int, player: int, variables):
        optimizer = keras.optimizers.Adam(1e-4, beta_1=0.5)
        optimizer.build(variables)

        @tf.function
        def step(warped, target):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch([v.value for v in variables])
                straight, bent = self.model.relight(target[..., :3])[0], self.model.relight(warped)[0]
                code = self.model.encode(bent, person, person)
                colour, alpha = self.model.generate(code, person)
                views = {"colour": colour, "alpha": alpha, "bent": bent}
                loss = 0.0
                for fake in (loss_terms.composite(views), colour):
                    loss += self.game(person, player, straight, fake, bent)
                if player == 0:
                    loss = 0.1 * loss + 2 * ops.mean(ops.abs(colour - straight))
            optimizer.apply(tape.gradient(loss, [v.value for v in variables]), variables)
            return loss

        return step

    def game(self, person, player, real, fake, bent):
        if player == 0:
            return ops.mean(ops.square(self.model.discriminate(person, fake, bent, True) - 1.0))
        share = draw_beta((), 0.2, self.model.random)
        mixed = share * real + (1 - share) * ops.stop_gradient(fake)
        return ops.mean(ops.square(self.model.discriminate(person, mixed, bent, False) - share))

    def __call__(self, batch: int):
        for place, (step, _) in enumerate(self.steps):
            step(*(tf.constant(x) for x in opencv_batch(self.stacks[PEOPLE[place % 2]], batch, self.draw)))


def measure_gan(sets, batch: int, count: int) -> dict:
    config = faceswap_gan.quick(SIZE)
    model = faceswap_gan.FaceSwapGAN(config, GAN_LOSS, OPTIONS)
    model.set_faces(*sets)
    model.compile(optimizer=faceswap_gan.TwoRateAdam(1e-4))
    plain, draw = PlainGan(config, sets), np.random.default_rng(4)
    found = rounds(count, ours=lambda: model.train_on_batch(indices(draw, batch)), plain=lambda: plain(batch))
    return compare(f"FaceSwap-GAN quick, 2 x {batch}", found, 2 * batch)


# -- where the rest goes ---------------------------------------------------------------------------------------------
def network_cost(network, batch: int) -> tuple[float, list]:
    """FLOP of a forward pass of `batch` pictures through convolutions and dense layers, and the convolutions' shapes."""
    total, shapes = 0.0, []
    for layer in network.layers:
        if isinstance(layer, keras.layers.Conv2D):
            (_, height, width, channels), (_, rows, columns, filters) = layer.input.shape, layer.output.shape
            flop = 2 * batch * rows * columns * filters * channels * layer.kernel_size[0] * layer.kernel_size[1]
            shapes.append(((batch, height, width, channels), tuple(layer.kernel.shape), layer.strides[0], flop))
            total += flop
        elif isinstance(layer, keras.layers.Dense):
            total += 2 * batch * layer.kernel.shape[0] * layer.kernel.shape[1]
    return total, shapes


def measure_rate(model, batch: int, step_seconds: float, count: int) -> dict:
    """The share of the attainable convolution rate that a step reaches; a step costs three forward passes."""
    encoder, conv_shapes = network_cost(model.encoders[0], 2 * batch)
    decoder, more = network_cost(model.decoders[0], batch)
    flop = 3 * (encoder + 2 * decoder)
    largest = sorted([*conv_shapes, *more], key=lambda shape: -shape[3])[:4]
    speeds = []
    for shape, kernel_shape, stride, cost in largest:
        x, kernel = tf.random.normal(shape), tf.random.normal(kernel_shape)

        @tf.function
        def both_ways(x, kernel, stride=stride):
            y = tf.nn.conv2d(x, kernel, stride, "SAME")
            down = tf.raw_ops.Conv2DBackpropInput(
                input_sizes=tf.shape(x), filter=kernel, out_backprop=y, strides=[1, stride, stride, 1], padding="SAME"
            )
            up = tf.raw_ops.Conv2DBackpropFilter(
                input=x, filter_sizes=tf.shape(kernel), out_backprop=y, strides=[1, stride, stride, 1], padding="SAME"
            )
            return tf.reduce_sum(down), tf.reduce_sum(up)

        seconds = np.median(
            rounds(max(3, count // 2), one=lambda f=both_ways, a=x, k=kernel: f(a, k)[1].numpy())["one"][:, 0]
        )
        speeds.append(3 * cost / seconds / 1e9)
        print(f"  {shape} by {kernel_shape}, stride {stride}: {speeds[-1]:6.1f} GFLOP/s")
    reached, attainable = flop / step_seconds / 1e9, float(np.median(speeds))
    print(f"full-width step: {reached:.1f} of {attainable:.1f} GFLOP/s, {reached / attainable:.0%}")
    return {"ours": reached, "baseline": attainable, "ratio": reached / attainable, "unit": "GFLOP/s"}


def breakdown(model, batch: int, count: int) -> float:
    """Prints where a step's processor time goes. Returns the share of views (look-up, warp and light)."""
    draw = np.random.default_rng(5)
    index = {p: tf.constant(v) for p, v in indices(draw, batch).items()}
    variables = [v.value for v in model.trainable_variables]

    def pictures():
        return ops.concatenate([bank(index[p]) for bank, p in zip(model.banks, PEOPLE, strict=True)], axis=0)

    def views():
        return random_views(pictures(), SIZE, model.augmentation, model.random)

    seen = tf.constant(views()[0])
    codes = [tf.constant(c) for c in tf.split(model.encoders[0](seen), 2)]
    fixed = keras.tree.map_structure(tf.constant, model(index))

    def gradients():
        with tf.GradientTape() as tape:
            loss = model.compute_loss(y_pred=model(index))
        return tape.gradient(loss, variables)

    found = gradients()
    parts = {
        "look-up in the face set": pictures,
        "views (with the look-up)": views,
        "encoder, forwards": lambda: model.encoders[0](seen),
        "decoders, forwards": lambda: [model.decode(code, person) for person, code in enumerate(codes)],
        "losses, forwards": lambda: model.compute_loss(y_pred=fixed),
        "all forwards": lambda: model.compute_loss(y_pred=model(index)),
        "forwards and backwards": gradients,
        "optimiser": lambda: model.optimizer.apply(found, model.trainable_variables),
    }
    compiled = {name: tf.function(run) for name, run in parts.items()}
    times = rounds(count, step=lambda: model.train_on_batch(index), **compiled)
    spent = {name: float(np.median(values[:, 1])) for name, values in times.items()}
    spent["backwards"] = spent["forwards and backwards"] - spent["all forwards"]
    spent["per-step overhead"] = max(0.0, spent["step"] - spent["forwards and backwards"] - spent["optimiser"])
    order = [*list(parts)[:5], "backwards", "optimiser", "per-step overhead", "step"]
    for name in order:
        print(f"  {name:26} {1000 * spent[name]:9.1f} ms {spent[name] / spent['step']:6.1%}")
    return spent["views (with the look-up)"] / spent["step"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--width", type=float, default=0.25, help="of the original in autoencoder_vs_plain")
    parser.add_argument("--batch", type=int, default=16, help="faces a side")
    parser.add_argument("--full-batch", type=int, default=64, help="faces a side of the full-width step")
    asked = parser.parse_args()
    sets = face_sets()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(f"TensorFlow {tf.__version__}, {cores} cores, oneDNN {os.environ.get('TF_ENABLE_ONEDNN_OPTS', 'as built')}")
    print(f"{'':34} {'ours':>9} {'plain':>9}")
    figures = {"augmentation_vs_opencv": measure_views(sets, 64, asked.rounds)}
    figures["autoencoder_vs_plain"], _, _ = measure_autoencoder(sets, asked.width, asked.batch, asked.rounds)
    figures["gan_vs_plain"] = measure_gan(sets, asked.batch, asked.rounds)

    small = autoencoder.FaceAutoencoder(autoencoder.quick(SIZE), autoencoder.QUICK_LOSS, OPTIONS)
    small.set_faces(*sets)
    small.compile(optimizer=keras.optimizers.Adam(1e-3))
    print(f"\nquick autoencoder, 2 x {asked.batch}, processor time:")
    shares = {"quick": breakdown(small, asked.batch, asked.rounds)}
    full, few = our_autoencoder(sets, 1.0), max(2, asked.rounds // 3)
    draw = np.random.default_rng(6)
    step = rounds(few, step=lambda: full.train_on_batch(indices(draw, asked.full_batch)))["step"]
    print(f"\nthe original's full width, 2 x {asked.full_batch}, processor time:")
    shares["full width"] = breakdown(full, asked.full_batch, few)
    print()
    figures["convolution_rate_share"] = measure_rate(full, asked.full_batch, float(np.median(step[:, 0])), few)
    for name, share in shares.items():
        print(f"views take {share:.1%} of a {name} step (goal: at most 5 %)")
    for name, goal in GOALS.items():
        reached = figures[name]["ratio"]
        print(f"{name}: {reached:.2f}, goal {goal:g}: {'reached' if reached >= goal else 'not reached'}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
