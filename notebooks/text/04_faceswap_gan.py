# %% [markdown]
# **On Colab**: [colab.research.google.com](https://colab.research.google.com) > Upload: this notebook; then put `faceswap_lab_colab.zip` (made by `make colab`) into its Files panel, or on a Drive that is mounted there.

# %% [markdown]
# # 04 FaceSwap-GAN: a generator against discriminators
# **Goal** Write a GAN's losses and one whole training step by hand, train FaceSwap-GAN, look at masks and raw output.
#
# **Minutes** 40 to read, 5 on two CPU cores (quick), 18 on a T4 (class, predicted)
#
# **Needs** the face sets of notebook 02 and the autoencoder of notebook 03 (without it: the warm start that ships with the lab)
#
# **Makes** `models/faceswap_gan`: weights, loss curves, previews

# %% tags=["parameters"]
preset = "quick"  # quick, class or full
seed = 0
out = "runs/sample"  # relative to the lab's folder
source = ""  # the clip of B, whose face is put in; empty = the one of the sample
target = ""  # the clip of A, whose video is changed; empty = the one of the sample
keep = ""  # "drive" on Colab: the run survives the machine; or a folder
gan_steps = 0  # 0 = as the preset says
model = ""  # quick, standard or lite; empty = as the preset says
face_size = 0  # side of the faces in pixels; 0 = as the preset says
batch_size = 0  # faces of each person in one step; 0 = as the preset says
precision = ""  # float32, mixed_float16 or mixed_bfloat16; empty = as the preset says

# %% tags=["setup"]
# @title Set up the lab: run this cell, then go on
import os
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = ""  # on GitHub; empty: no address
ARCHIVE = "faceswap_lab_colab.zip"  # the lab in one file, made by `make colab`


def call(*command):  # runs a program; where that fails, stops and says why in one sentence
    plain = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "PIP_NO_COLOR": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=plain)
    if done.returncode:
        lines = [line.strip() for line in done.stderr.strip().splitlines()] or [f"exit code {done.returncode}"]
        reasons = [line for line in lines if line.lower().startswith(("error:", "fatal:")) and "subprocess" not in line]
        retry = "Run this cell again (on Kaggle, first allow Session options > Internet: it asks for a verified phone)."
        sys.exit(f"The lab is not installed, since {' '.join(command[:4])} said: {(reasons or lines)[-1]} {retry}")


def installed():  # where a Python started now finds the lab and its packages, wherever this notebook lies; [] without a lab
    ask = "import pathlib, sys, faceswap_lab as lab; print(pathlib.Path(lab.__file__).parents[1], *sys.path, sep=chr(10))"
    return subprocess.run([sys.executable, "-P", "-c", ask], capture_output=True, text=True).stdout.splitlines()


def fetch():  # the lab's folder: around this notebook, fetched before, from the archive, or from GitHub
    here, part = Path.cwd(), Path("lab.part")
    for folder in (here, *here.parents, here / "lab"):
        if (folder / "faceswap_lab" / "__init__.py").exists() and (folder / "pyproject.toml").exists():
            return folder
    shutil.rmtree(part, ignore_errors=True)
    places = (ARCHIVE, f"drive/MyDrive/{ARCHIVE}", f"drive/MyDrive/*/{ARCHIVE}")
    archives = [found for folder in (here, Path("/content")) for place in places for found in folder.glob(place)]
    unpacked = [found.parents[1] for found in Path("/kaggle/input").rglob("faceswap_lab/__init__.py")]
    if unpacked:  # Kaggle unpacks what is added as a dataset, and lets nobody write there
        shutil.copytree(unpacked[0], part)
    elif archives:
        try:
            shutil.unpack_archive(archives[0], part)
        except (shutil.ReadError, OSError, EOFError) as error:
            sys.exit(f"{archives[0]} cannot be unpacked ({error}): wait until it is uploaded whole, or upload it again.")
    elif REPOSITORY and shutil.which("git"):
        call("git", "clone", "-q", "--depth", "1", f"https://github.com/{REPOSITORY}", str(part))
    else:
        sys.exit(f"The lab is not here: upload {ARCHIVE} (`make colab` makes it) to {here} or a mounted Drive (Kaggle: "
                 "as a dataset), then run this cell again.")
    next(part.rglob("pyproject.toml")).parent.rename("lab")
    return here / "lab"


if not installed():
    print("Installing the lab: about four minutes, once a runtime.", flush=True)
    call(sys.executable, "-m", "pip", "install", "-q", "-e", str(fetch()))
sys.path += [folder for folder in installed() if folder not in sys.path]  # this kernel may have been started before

import faceswap_lab as lab

run = lab.setup(preset, seed, out, source, target, keep=keep)

# %% [markdown]
# ## Why a discriminator
# L1 and its relatives compare pixels, and a network that is unsure generates the average of what could be there: a blur. A **discriminator** is a second network that learns to tell real faces from generated ones. To it a blur is never real.
#
# FaceSwap-GAN adds three things to notebook 03: **self-attention**, a generated **mask** (alpha), and a **discriminator for each person**. First, a GAN so small that one can see all of it.

# %%
import dataclasses

import keras
import numpy as np
from keras import ops

scale = run.preset.choose(gan=model, gan_size=face_size, gan_batch_size=batch_size, precision=precision)
size = scale.gan_size
print(f"the {scale.gan} network of {size} px in {scale.precision}")
faces, masks, transferred = lab.course.training_arrays(run, size)


# %% [markdown]
# ## A GAN of one number
# Real numbers $x$ lie around -2 and 2. A generator $G$ turns noise $z$ into numbers; a discriminator scores a number $s$ and calls it real with probability $D=\sigma(s)$. Both fight over one value ([Goodfellow et al., 2014](https://arxiv.org/abs/1406.2661)), the **minimax** game:
#
# $$\min_G \max_D E_x[\log D(x)] + E_z[\log(1-D(G(z)))]$$
#
# With $\mathrm{softplus}(s)=\log(1+e^s)$: $\log D=-\mathrm{softplus}(-s)$ and $\log(1-D)=-\mathrm{softplus}(s)$. Each function below takes scores and returns both losses, the generator's first.

# %%
def minimax(real, generated):
    discriminator = ops.mean(ops.softplus(-real)) + ops.mean(ops.softplus(generated))
    return -ops.mean(ops.softplus(generated)), discriminator


# %% [markdown]
# At first every generated number is found out: $s$ is far below 0, $\log(1-D)$ is flat there, and the generator learns nothing just when it has most to learn. The **non-saturating** loss (same paper) asks for the same by another function, $-E_z[\log D(G(z))]$, which is steep there. **Least squares** (LSGAN, [Mao et al., 2017](https://arxiv.org/abs/1611.04076)) drops the logarithm:
#
# $$L_D=E_x[(s(x)-1)^2]+E_z[s(G(z))^2] \qquad L_G=E_z[(s(G(z))-1)^2]$$

# %%
def non_saturating(real, generated):
    return ops.mean(ops.softplus(-generated)), minimax(real, generated)[1]


def least_squares(real, generated):
    return ops.mean((generated - 1) ** 2), ops.mean((real - 1) ** 2) + ops.mean(generated**2)


# %% [markdown]
# **Predict**: for a number that is found out ($s=-4$), which loss pulls hardest?

# %% tags=["predict"]
run.predict("04 pulls hardest", None, sure=None, choices=("minimax", "non_saturating", "least_squares"))

# %%
scores, nudge = np.array([-4.0, 0.0, 2.0]), 1e-3
for game in (minimax, non_saturating, least_squares):
    ends = [[float(game(scores[:1], np.array([s + step]))[0]) for step in (-nudge, nudge)] for s in scores]
    print(f"{game.__name__:15s} slope of L_G at s = -4, 0, 2:", *(f"{(b - a) / (2 * nudge):6.2f}" for a, b in ends))
run.came("04 pulls hardest", "least_squares")

# %% [markdown]
# In the minimax game what one wins the other loses: the generator's loss is minus a part of the discriminator's. In the other two the losses are *different functions*. At $s=2$ least squares pushes a generated number back towards 1, and **both** losses fall.
#
# ## Both places, or one?
# Nothing in these losses asks the generator for variety. One of the two discriminators below learns at a tenth of the generator's rate, one at twice its rate, as published for FaceSwap-GAN. **Predict**: with the slow one, which of the two places do the generated numbers reach?

# %% tags=["predict"]
# where a tenth of the rate leads
run.predict("04 slow discriminator", None, sure=None, choices=("both places", "one place", "no place"))

# %%
rates = {"a tenth": 0.1, "twice": 2.0}
toys = {name: lab.studies.toy_gan.train(least_squares, factor, seed=seed) for name, factor in rates.items()}
lab.widgets.histograms(toys)

# %%
for name, seen in toys.items():
    print(f"{name:8s} share of numbers at -2 and at 2:", lab.studies.toy_gan.mode_shares(list(seen.values())[-1]).round(2))
slow = lab.studies.toy_gan.mode_shares(list(toys["a tenth"].values())[-1])
run.came("04 slow discriminator", ("no place", "one place", "both places")[int((slow > 0.1).sum())])

# %% [markdown]
# **Look**: in the upper row, every number ends at one of the two places (the lower row may lose one for a while, and finds it again). While the discriminator is slow, all numbers gather where its score happens to be high. Each *is* a good forgery, so its loss does not say what is missing: **mode collapse**. In faces it would be a mouth that never opens. Try `non_saturating`, or another `seed`: a GAN's luck is part of the result. FaceSwap-GAN is safer than the toy, because L1 ties each output to its own input.

# %% [markdown]
# ## At its published size
# The real one has an encoder that narrows to 4x4 with attention on the way, and two decoders. Too heavy for a laptop's processor, so at `quick` the generator is the lean autoencoder of notebook 03 **with attention put in**. `class` trains the same at 128 px on a GPU, `full` the published network; `model` above chooses another.

# %%
for name, config in {"standard": lab.models.faceswap_gan.standard(64), "lite": lab.models.faceswap_gan.standard(64, lite=True)}.items():
    encoder, decoder = lab.models.faceswap_gan.build_encoder(config), lab.models.faceswap_gan.build_decoder(config, "decoder")
    discriminator = lab.models.faceswap_gan.build_discriminator(config, "discriminator")
    weights = [network.count_params() for network in (encoder, decoder, discriminator)]
    print(f"{name:9s} weights: encoder {weights[0]:>11,}  decoder {weights[1]:>10,}  discriminator {weights[2]:>9,}")

# %%
networks = {"encoder": encoder, "decoder": decoder, "discriminator": discriminator}
drawn = lab.widgets.architecture.draw(networks, "FaceSwap-GAN, lite, 64 px", {"decoder": 2, "discriminator": 2})
lab.widgets.show(drawn, "the layers of encoder, decoder and discriminator in a row each: what comes out, weights, cost")

# %%
perceptual_net = lab.models.face_res()
features = keras.Model(perceptual_net.inputs, perceptual_net.outputs[:4])


def make_gan(loss=None):
    gan = lab.course.gan_model(scale, seed, features, loss)
    lab.course.begin_gan(gan, run.models("autoencoder"))
    return gan


# %%
gan = make_gan(lab.models.faceswap_gan.GanLoss(cycle=10.0))
gan.set_faces(*({person: some[person][:8] for person in some} for some in (faces, masks, transferred)))

# %% [markdown]
# ## Self-attention
# A convolution sees its neighbourhood. Attention lets every place look at every other: the left eye can ask what the right eye does. At every place three 1x1 convolutions give a **query** (what do I look for), a **key** (what am I) and a **value** (what do I hand over), as rows of $Q$, $K$, $V$ ([Zhang et al., 2018](https://arxiv.org/abs/1805.08318)):
#
# $$A=\mathrm{softmax}(QK^T) \qquad y=x+\gamma AV$$
#
# Each row of $A$ sums to 1. The **gain** $\gamma$ starts at 0, so a trained generator is not disturbed.
#
# **Predict**: the map below is still untrained. Will it be even, or patchy?

# %% tags=["predict"]
run.predict("04 untrained map", None, sure=None, choices=("even", "patchy"))

# %%
attention = next(layer for layer in gan.decoders[1].layers if "attention" in layer.name)
index = {person: np.arange(6) for person in ("A", "B")}
views = gan(index)
code = views["codes"][1]
inside = keras.Model(gan.decoders[1].inputs, attention.input)(code)
weights = ops.convert_to_numpy(ops.cast(attention.attention(inside), "float32"))
print("map", weights.shape, "each row sums to", weights[0, 0].sum().round(3), "gain", float(attention.gain))

# %% [markdown]
# By hand, for the first face, and with a gain of 1 for a moment so that there is something to compare:

# %%
x = ops.cast(inside[:1], "float32")
parts = (attention.query, attention.key, attention.value)
query, key, value = (ops.cast(ops.reshape(part(x), (-1, part.filters)), "float32") for part in parts)
by_hand = x + ops.reshape(ops.softmax(query @ ops.transpose(key)) @ value, x.shape)
attention.gain.assign(1.0)
by_layer = ops.cast(attention(x), "float32")
attention.gain.assign(0.0)
print("largest difference:", float(ops.max(ops.abs(by_hand - by_layer))))

# %%
side = int(weights.shape[-1] ** 0.5)
face = ops.convert_to_numpy(ops.clip(views["straight"], 0, 1))[6]
places = {"left eye": (0.45, 0.38), "mouth": (0.77, 0.5), "cheek": (0.62, 0.3)}
looks = [
    lab.widgets.attention_overlay(face, weights[0, int(y * side) * side + int(x * side)], side) for y, x in places.values()
]
lab.widgets.row([face, *looks], ["face", *places])
run.came("04 untrained map", "patchy" if weights[0].max() > 4 / side**2 else "even")

# %% [markdown]
# ## Mask, composite, discriminator
# The decoder gives colour $C$ *and* alpha $\alpha$. The **composite** is $\alpha C+(1-\alpha)X$: where the mask is 0 the input $X$ shines through. The discriminator sees picture and input together and scores **patches**, not the whole: one number for each region ([Isola et al., 2017](https://arxiv.org/abs/1611.07004)).

# %%
composite = gan.composite(views["colour"], views["alpha"], views["bent"])
layers_shown = {
    "input": views["bent"],
    "raw colour": views["colour"],
    "alpha": views["alpha"],
    "composite": composite,
    "answer": views["straight"],
}
lab.widgets.rows({name: ops.convert_to_numpy(ops.clip(x, 0, 1))[6:] for name, x in layers_shown.items()})

# %%
_, warped = ops.split(views["bent"], 2)
scores = gan.discriminate(1, ops.split(composite, 2)[1], warped, frozen=True)
print("patch scores", scores.shape, "mean", round(float(ops.mean(scores)), 3))

# %% [markdown]
# **How steep may a discriminator be?** If its score jumps between two nearly equal pictures, its gradient tells the generator nothing useful. **Spectral normalisation** ([Miyato et al., 2018](https://arxiv.org/abs/1802.05957)) divides each kernel, seen as a matrix $W$, by its largest singular value: $W/\sigma(W)$ stretches nothing. Power iteration finds $\sigma$: apply $W$ and $W^T$ in turn, and what is left is the direction that is stretched most.

# %%
kernel = ops.convert_to_numpy(gan.discriminators[1].get_layer("discriminator_down_1").kernel)
matrix = kernel.reshape(-1, kernel.shape[-1])
u = np.random.default_rng(seed).normal(size=matrix.shape[1])
for _ in range(100):
    v = matrix @ (u / np.linalg.norm(u))
    u = matrix.T @ (v / np.linalg.norm(v))
print(f"power iteration {np.linalg.norm(u):.4f}, from the SVD {np.linalg.svd(matrix)[1][0]:.4f}")

# %% [markdown]
# FaceSwap-GAN v2.2 has instance norms instead; in Keras it would be `keras.layers.SpectralNormalization`. Another way, offered here as the loss weight `gradient_penalty`, punishes the slope itself, at real pictures: R1, $\frac{1}{2}E_x[\Vert\nabla D(x)\Vert^2]$ ([Mescheder et al., 2018](https://arxiv.org/abs/1801.04406)).

# %% [markdown]
# ## Every loss term, before training
# The table is computed on this one batch. Weights are those published for FaceSwap-GAN v2.2 (cycle is off there; it is on here so that you see it).

# %%
published = lab.models.faceswap_gan.GanLoss(cycle=10.0)
gan.alpha_least.assign(0.5)
terms, discriminators = gan.loss_terms(views)
for term, value in terms.items():
    weight = published.weight(term)
    print(f"{term:16s} {float(value):8.4f} x {weight:6g} = {float(value) * weight:8.4f}")
print(f"{'discriminators':16s} {float(discriminators):8.4f}   (their own loss)")

# %% [markdown]
# - **adversarial**: least squares with **mixup** ([Zhang et al., 2018](https://arxiv.org/abs/1710.09412)). The discriminator sees a mixture of real $x$ and generated $g$ and must name the share $\lambda$, drawn from $\mathrm{Beta}(0.2, 0.2)$: $L_D=(D(\lambda x+(1-\lambda)g)-\lambda)^2$, $L_G=(D(g)-1)^2$.
# - **reconstruction**, **edge**: L1 of pixels, and of their first differences.
# - **eyes**, **eyes_gradients**: inside the eye mask, weight 30: gaze makes or breaks a swap.
# - **perceptual**: distance between features of a frozen face-recognition network, at four depths.
# - **alpha**, **alpha_hinge**, **alpha_variation**: the mean of $\alpha$, of $\max(0, m-\alpha)$, and of neighbours' differences: a small mask, but not below $m$, and smooth.
# - **kernel_decay**: small kernels. **cycle**: to the other person and back again.

# %% [markdown]
# Two other adversarial losses are offered. **Relativistic average** ([Jolicoeur-Martineau, 2019](https://arxiv.org/abs/1807.00734)) asks not "is it real?" but "is it more real than the mean of the others?", with $\bar D$ for a mean score:
#
# $$L_D=\frac{1}{2}E[(D(x)-\bar D(g)-1)^2]+\frac{1}{2}E[(D(g)-\bar D(x)+1)^2]$$
#
# and for the generator with signs changed. **Hinge** ([Lim and Ye, 2017](https://arxiv.org/abs/1705.02894)) leaves alone what is right by a margin:
#
# $$L_D=E[\max(0,1-D(x))]+E[\max(0,1+D(g))] \qquad L_G=-E[D(g)]$$

# %%
real, fake = ops.split(views["straight"], 2)[1], ops.split(composite, 2)[1]
for kind in ("mixup", "relativistic", "hinge"):
    gan.config = dataclasses.replace(gan.config, adversarial=kind)
    generator, discriminator = gan.adversarial_terms(1, real, fake, warped)
    print(f"{kind:13s} generator {float(generator):.3f}  discriminator {float(discriminator):.3f}")

# %% [markdown]
# What trains below (at `quick` and `class`) has other weights: the autoencoder's own terms, the discriminators, and **identity**. A frozen recognition network (not the one that scores in notebook 05) looks at the *swap* itself: how far is its embedding from the person it should show? It sees grey pictures: in colour, an orange nose between grey cheeks was the quickest way to please it. The number rose, the picture got no better.

# %% [markdown]
# ## One training step, by hand
# The real network, with the two terms that make it a GAN: L1, and a tenth of mixup-LSGAN. First the losses. For each person the discriminator scores two pictures, the composite and the raw colour.

# %%
weights = lab.models.faceswap_gan.LossWeights(reconstruction=1.0, adversarial=0.1, background=1.0)
small = lab.models.faceswap_gan.FaceSwapGAN(lab.models.faceswap_gan.quick(size), weights, seed=seed)
small.set_faces(*({person: some[person][:8] for person in some} for some in (faces, masks, transferred)))
small.compile(optimizer=lab.models.faceswap_gan.TwoRateAdam(1e-4), run_eagerly=True)


# %%
def losses_by_hand(views):
    generator = discriminator = 0.0
    for person, D in enumerate(small.discriminators):
        real, seen, colour, alpha = (ops.split(views[x], 2)[person] for x in ("straight", "bent", "colour", "alpha"))
        for made in (alpha * colour + (1 - alpha) * seen, colour):
            share = lab.models.draw_beta((), 0.2, small.random)
            mixture = share * real + (1 - share) * made
            generator += ops.mean((D(ops.concatenate([made, seen], -1)) - 1) ** 2)
            discriminator += ops.mean((D(ops.concatenate([mixture, seen], -1)) - share) ** 2)
    return ops.mean(ops.abs(views["colour"] - views["straight"])) + 0.1 * generator, discriminator


# %% [markdown]
# The textbook's step: each loss is differentiated by its own player's weights only, and each player has its own Adam.

# %%
import tensorflow as tf

before, draws = small.get_weights(), ops.copy(small.random.state)
with tf.GradientTape(persistent=True) as tape:
    losses = losses_by_hand(small(index, training=True))
halves = [*small.encoders, *small.decoders], small.discriminators
for loss, networks, rate in zip(losses, halves, (1e-4, 2e-4), strict=True):
    variables = [variable for network in networks for variable in network.trainable_variables]
    slopes = tape.gradient(loss, [variable.value for variable in variables])
    keras.optimizers.Adam(rate, beta_1=0.5).apply(slopes, variables)

# %% [markdown]
# Then the package's own step, from the same weights and with the same random draws. It makes **one pass**: generator's and discriminators' losses are added, with the discriminators' weights held still in the first (`stop_gradient`) and the generated pictures in the second. **Predict**: how far apart are the weights afterwards?

# %% tags=["predict"]
# how far they differ
run.predict(
    "04 by hand and by package", None, sure=None, choices=("in the last digits", "by a tenth", "by all of it")
)

# %%
by_hand = small.get_weights()
small.set_weights(before)
small.random.state.assign(draws)
small.train_on_batch(index)
far = [max(np.abs(a - b).max() for a, b in zip(some, small.get_weights(), strict=True)) for some in (before, by_hand)]
print(f"a weight moved by up to {far[0]:.1e}; by hand and by package they differ by {far[1]:.1e}")
assert far[1] < 1e-3 * far[0], "the step by hand is not the package's"
run.came("04 by hand and by package", "in the last digits")

# %% [markdown]
# The same to the last digits of float32. So a GAN needs no training loop of its own: it is an ordinary Keras model with an ordinary `fit()`, and progress bars, callbacks and checkpoints come free.

# %% [markdown]
# ## The schedule is data
# The published training changes its settings seven times: perceptual loss on, the hinge's *m* up and down, learning rates down, and for a while **the two decoders swap weights**. The original rebuilt its graph at each change and lost the optimiser's memory. Here the values are variables in the running graph.

# %%
import pandas as pd

columns = ["start", "perceptual", "alpha_least", "rate", "decoders_swapped"]
pd.DataFrame(
    [[getattr(phase, name) for name in columns] for phase in lab.models.faceswap_gan.PUBLISHED_SCHEDULE], columns=columns
).round(3)

# %% [markdown]
# ## Train
# The quick network begins where the autoencoder stopped, if that has its size; the published one begins from nothing. Two CPU cores have time for 160 steps: enough for the recognition network to pull the swap towards B (identity_gain 0.41 to 0.45, measured on the bundled talking clip), not enough for discriminators that begin untrained: without them the swap is as sharp (notebook 07).

# %%
steps = gan_steps or scale.gan_steps
gan = make_gan()
practice = lab.course.with_base_swaps(run, faces, masks, transferred, gan.config.centred)
counts = lab.training.set_faces(gan, *practice)
what = {"network": scale.gan, "size": size, "batch_size": scale.gan_batch_size, "precision": scale.precision}
what |= {"seed": seed, "counts": counts}
folder = lab.course.model_folder(run, "faceswap_gan", steps=steps, **what)
optimizer, schedule = lab.course.gan_training(scale, steps)
gan.compile(optimizer=optimizer)

# %%
options = {
    "callbacks": (schedule,),
    "panel": lab.widgets.TrainingPanel("faceswap_gan", ("adversarial", "discriminators", "reconstruction")),
    "held_out": lab.training.HeldOut(lab.course.identity_measure(run, size)),
}
history = lab.course.train_model(run, gan, folder, faces, steps, scale.gan_batch_size, counts=counts, **options)
folder = lab.save_model(gan, folder, "faceswap_gan", {"steps": steps})

# %%
timelapse = folder / lab.training.TIMELAPSE
lab.Player(timelapse.read_bytes(), "the previews of FaceSwap-GAN, one after the other", 420)

# %%
lab.widgets.curves({"FaceSwap-GAN": history}, ("adversarial", "discriminators", "reconstruction"), logarithmic=False)

# %% [markdown]
# **Look**: what would be a good value? A discriminator that cannot tell does best to answer 0.5 always. Its loss is then the variance of $\lambda$, $\frac{1}{4(2\cdot 0.2+1)}=0.18$, the generator's $(0.5-1)^2=0.25$; four pictures are scored, so the curves would lie at 0.71 and 1. Above 0.71 the discriminators are worse than that constant, since they have just begun; below it they see a difference.
#
# A loss here is measured against an opponent that changes too: both may fall, or rise, while pictures get better or worse. So a GAN's curves do not tell when to stop; the previews do.

# %%
shares = ops.convert_to_numpy(lab.models.draw_beta((100_000,), 0.2, keras.random.SeedGenerator(seed)))
cannot_tell = {"adversarial": 4 * 0.5**2, "discriminators": 4 * shares.var()}
for name, value in cannot_tell.items():
    print(f"{name:14s} {history[name].iloc[-1]:.2f}; of one that cannot tell {value:.2f}")

# %% [markdown]
# ## Masks and raw output on the target
# These faces come from the clip that notebook 05 converts.

# %%
target_faces = lab.course.ensure_faces(run, "target")
pick = np.linspace(0, len(target_faces) - 1, 8).astype(int)

# %%
inputs = target_faces.subset(pick).images(size).astype("float32") / 255
colour, alpha = (ops.convert_to_numpy(x) for x in gan.translate(inputs, 0, 1))
lab.widgets.rows(
    {"target": inputs, "raw colour": colour, "alpha": alpha, "composite": alpha * colour + (1 - alpha) * inputs}
)

# %% [markdown]
# **Check**: the mask covers the face and leaves the hair. A mask near 0 everywhere would give the target back unchanged, however good the raw colour is.

# %%
inner, corner = alpha[:, size // 3 : -size // 4, size // 3 : -size // 3], alpha[:, :4, :4]
print(f"alpha inside the face {inner.mean():.2f}, in the corners {corner.mean():.2f}")

# %% [markdown]
# ## What went wrong?
# | what you see | why |
# |---|---|
# | the output is the target, previews look fine | **alpha near zero**: raise the hinge's *m* |
# | the source's reconstruction where the target should be | **wrong direction** |
# | checkerboard, wild colours | discriminators far ahead of the generator: lower their rate |
# | one mouth for every mouth | **mode collapse**: discriminators too slow, L1 too weak |

# %%
lab.widgets.rows(
    {
        "right": colour * alpha + (1 - alpha) * inputs,
        "alpha near zero": colour * alpha * 0.1 + (1 - alpha * 0.1) * inputs,
        "wrong direction": ops.convert_to_numpy(gan.translate(inputs, 0, 0)[0]),
    }
)


# %% [markdown] tags=["exercise"]
# ## Exercises
# **A function**: the **hinge** loss from above, with `ops`, so that the toy GAN can train with it.

# %% tags=["stub"]
def hinge(real, generated):
    """Scores (N,) of real and of generated pictures: (generator's loss, discriminator's loss)."""
    return None  # your turn


# %% tags=["solution"]
def hinge(real, generated):
    """Scores (N,) of real and of generated pictures: (generator's loss, discriminator's loss)."""
    discriminator = ops.mean(ops.maximum(0.0, 1 - real)) + ops.mean(ops.maximum(0.0, 1 + generated))
    return -ops.mean(generated), discriminator


# %% tags=["check"]
from faceswap_lab.course import checks

hinge = checks.hinge(hinge)

# %% [markdown] tags=["notes"]
# The generator has no hinge: it always wants higher scores. For the discriminator, what is right by a margin of 1 costs nothing and pulls at nothing.

# %%
games = {f"hinge, {factor} times": lab.studies.toy_gan.train(hinge, factor, seed=seed) for factor in (0.1, 2.0)}
lab.widgets.histograms(games)

# %% [markdown] tags=["exercise"]
# **Change and explain**: change the factors, the seed and the loss above. Where do the numbers end with *least squares* at a tenth, where with *hinge*: "one place", "both places" or "spread out"? And the cure is "a quicker discriminator", "a larger generator" or "another seed"?

# %% tags=["stub"]
collapse = {"least squares at a tenth": None, "hinge at a tenth": None, "cure": None}  # your turn

# %% tags=["solution"]
collapse = {"least squares at a tenth": "one place", "hinge at a tenth": "spread out", "cure": "a quicker discriminator"}

# %% tags=["check"]
collapse = checks.collapse(collapse)


# %% [markdown] tags=["notes"]
# A GAN's luck is part of the result (with seed 3 even twice the rate loses a place): let each student take another seed and count on the board. Least squares pulls a score back to 1, so the numbers settle where the slow discriminator's score is high; hinge has no such target and drives them on, past both places.

# %% [markdown] tags=["exercise"]
# **A function**: the mixtures that the discriminator scores. Here each picture has a share of its own; the training step above draws one for the whole batch.

# %% tags=["stub"]
def mixup(real, generated, shares):
    """Pictures (N, S, S, 3) twice, the real ones' shares (N,): the mixtures (N, S, S, 3)."""
    return None  # your turn


# %% tags=["solution"]
def mixup(real, generated, shares):
    """Pictures (N, S, S, 3) twice, the real ones' shares (N,): the mixtures (N, S, S, 3)."""
    shares = shares[:, None, None, None]
    return shares * real + (1 - shares) * generated


# %% tags=["check"]
mixup = checks.mixup(mixup)

# %% [markdown] tags=["notes"]
# (N,) against (N, S, S, 3) does not broadcast, or, where N equals 3, along the colours and without an error.

# %% [markdown]
# ## Recap
# You wrote GAN losses and saw a generator lose a mode. You computed attention, every loss of FaceSwap-GAN, and one whole training step by hand, and trained it all in one `fit()`.
#
# 1. Why does the attention's gain start at 0?
# 2. What does the discriminator see besides the picture, and why?
# 3. What happens without the alpha hinge?
# 4. Which weights must the generator's loss not change, and how is that done in one pass?
# 5. Why is "one's gain is the other's loss" true of minimax and false of least squares?
# 6. Why do a GAN's curves not say when to stop?
#
# **Next**: notebook 05 puts the faces back into the video.

# %% tags=["quiz"]
lab.widgets.Answers("04")  # answer them first, then open each

# %%
begun = "the autoencoder" if getattr(gan, "begun_from", None) else "nothing"
run.finish("04_faceswap_gan", f"FaceSwap-GAN, {steps} steps from {begun}")
