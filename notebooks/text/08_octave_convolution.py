# %% [markdown]
# **On Colab**: [colab.research.google.com](https://colab.research.google.com) > Upload: this notebook; then put `faceswap_lab_colab.zip` (made by `make colab`) into its Files panel, or on a Drive that is mounted there.

# %% [markdown]
# # 08 Octave convolution: half the channels at half the size
# **Goal** Split a face into low and high frequencies, build a layer that keeps both, measure what it saves.
#
# **Minutes** 20 to read, 3 on two CPU cores (quick); on a T4 not measured
#
# **Needs** the face sets of notebook 02 (made now if they are missing)
#
# **Makes** `pictures/octave_swaps.png`, `octave.csv`: step times, losses and scores of three small trainings

# %% tags=["parameters"]
preset = "quick"  # quick, class or full
seed = 0
out = "runs/sample"  # relative to the lab's folder
source = ""  # the clip of B, whose face is put in; empty = the one of the sample
target = ""  # the clip of A, whose video is changed; empty = the one of the sample
keep = ""  # "drive" on Colab: the run survives the machine; or a folder
octave_steps = 0  # 0 = half of the steps from nothing that the preset says

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
# ## The hope
# A face swapper takes long to train. One proposal, which nobody had measured on one, was to put **octave convolution** ([Chen et al., 2019](https://arxiv.org/abs/1904.05049)) in place of every convolution: less computation, less memory, and a wider view. It rests on one observation: most of a picture is smooth, and what is smooth can be kept at half the size.
#
# This notebook measures what was hoped for.

# %%
import keras
import numpy as np
from keras import ops

# %%
size = run.preset.face_size
target_faces = lab.course.ensure_faces(run, "target")
pick = np.linspace(0, len(target_faces) - 1, 8).astype(int)
inputs = target_faces.subset(pick).images(size).astype("float32") / 255

# %% [markdown]
# ## A face, low and high
# **Low**: each 2x2 block becomes its mean. **High**: what is missing when the low part is doubled again. Low is a quarter of the numbers.
#
# **Predict**: how much of the face's variation is in that quarter? Half, three quarters, nearly all?

# %% tags=["predict"]
# a number, or (low, high); how sure, in per cent
run.predict("08 variance kept", None, sure=None, unit="%")

# %%
face = ops.convert_to_tensor(inputs[:1])
low = ops.average_pool(face, 2, strides=2)
high = face - lab.models.octave.double(low)

# %%
kept = ops.pad(low, ((0, 0), (0, size // 2), (0, size // 2), (0, 0)), constant_values=1.0)
lab.widgets.row(
    [face[0], kept[0], lab.models.octave.double(low)[0], ops.clip(high[0] + 0.5, 0, 1)],
    ["face", "low, as it is kept", "low, doubled", "high (grey is 0)"],
)

# %%
for factor in (2, 4, 8):
    kept = ops.average_pool(face, factor, strides=factor)
    share = float(ops.var(kept) / ops.var(face))
    print(f"1/{factor**2:<2d} of the numbers keeps {share:.1%} of the variance")
run.came("08 variance kept", 100 * float(ops.var(low) / ops.var(face)), within=0.1)

# %% [markdown]
# **Look** at the high part: lids, lips, nostrils, the edge of the face. In numbers it is almost nothing; for a swap it is what one looks at. Keep that in mind until the end.
#
# ## The layer by hand
# Inside a network, features travel as a **pair**: some channels at full size (high), the share *alpha* at half size (low). Both have to hear of each other, so one octave convolution is four convolutions:
#
# | | to high | to low |
# |---|---|---|
# | **from high** | convolve | average 2x2, convolve |
# | **from low** | convolve, double | convolve |
#
# **Predict** the two shapes that come out for 16 channels and alpha 0.25.

# %% tags=["predict"]
# [(pictures, rows, columns, channels), (...)]
run.predict("08 two shapes", None, sure=None)

# %%
draw = np.random.default_rng(seed)
high, low = (ops.convert_to_tensor(draw.normal(size=s).astype("float32")) for s in ((1, 32, 32, 12), (1, 16, 16, 4)))
layer = lab.models.OctaveConv2D(16, 3, alpha_in=0.25, alpha_out=0.25)
made_high, made_low = layer((high, low))
print("in ", high.shape, low.shape)
print("out", made_high.shape, made_low.shape)
run.came("08 two shapes", [tuple(made_high.shape), tuple(made_low.shape)])


# %% [markdown]
# By hand, with the layer's own four kernels:

# %%
def convolve(x, kernel):
    return ops.conv(x, kernel, padding="same")


my_high = convolve(high, layer.high_to_high) + lab.models.octave.double(convolve(low, layer.low_to_high))
my_low = convolve(ops.average_pool(high, 2, strides=2), layer.high_to_low) + convolve(low, layer.low_to_low)
for mine, theirs in ((my_high, made_high), (my_low, made_low)):
    print("largest difference", float(ops.max(ops.abs(mine - theirs))))

# %% [markdown]
# Nothing filters the high channels: they *may* hold smooth things too. The low ones cannot hold fine ones. That is all there is to "frequency" here.
#
# With alpha 0 only the first of the four is left: an ordinary convolution, to the last bit.

# %%
plain = keras.layers.Conv2D(16, 3, padding="same")
wanted = plain(high)
same = lab.models.OctaveConv2D(16, 3)
same.build(high.shape)
same.set_weights(plain.get_weights())
print("equal at alpha 0:", bool(ops.all(same(high) == wanted)))

# %% [markdown]
# ## What it should save
# The four kernels together have as many **weights** as the plain one. Three of them work on a quarter of the places, so there is less to **multiply**: 1 - 3/4 alpha (2 - alpha) of the plain convolution.
#
# **Predict** the share for alpha 0.5 before you run the cell.

# %% tags=["predict"]
# a number, or (low, high); how sure, in per cent
run.predict("08 share of the products", None, sure=None)

# %%
alphas = (0.0, 0.25, 0.5)
shapes = {0.0: (1, 32, 32, 64), 0.25: ((1, 32, 32, 48), (1, 16, 16, 16)), 0.5: ((1, 32, 32, 32), (1, 16, 16, 32))}
for alpha in alphas:
    layer = lab.models.OctaveConv2D(64, 3, alpha, alpha)
    layer.build(shapes[alpha])
    products = layer.multiplications(shapes[alpha])
    share = products / (32 * 32 * 9 * 64 * 64)
    print(f"alpha {alpha:<4}: {layer.count_params():,} weights, {share:.3f} of the products,", end=" ")
    print(f"by the formula {lab.models.theoretical_cost(alpha):.3f}")
run.came("08 share of the products", share, within=0.05)

# %% [markdown]
# ## Whole models
# Every model of the lab takes one argument, `octave`. Not all of it gets cheaper: the picture that comes in is one tensor, so are the code and the generated face, and the dense layers know no frequencies.

# %%
import dataclasses

import pandas as pd


def cost(config):
    """Of an encoder and two decoders, for one face."""
    decoder = lab.models.network_cost(lab.models.autoencoder.build_decoder(config))
    return dataclasses.asdict(lab.models.network_cost(lab.models.autoencoder.build_encoder(config)) + decoder + decoder)


# %%
for name, config in {"quick": lab.models.autoencoder.quick(64), "original": lab.models.autoencoder.original(64, width=0.25)}.items():
    found = pd.DataFrame({alpha: cost(dataclasses.replace(config, octave=alpha)) for alpha in alphas})
    print(f"{name}, share of the plain model\n{found.div(found[0.0], axis=0).rename_axis('alpha', axis=1).round(3)}\n")

# %% [markdown]
# **Look**: the weights stay. *Activations* are the numbers that the layers give out and training keeps until the way back: memory.
#
# ## What it does save: one layer
# Products are not seconds. Memory has to be moved, four small convolutions start more slowly than one large one, and averaging and doubling are not free.
#
# The three run **in turn**, round after round, and each round gives one ratio: what else this computer does then hits all three alike. The median of the ratios is the figure.
#
# **Predict**: will alpha 0.5 take less than half the time?

# %% tags=["predict"]
run.predict("08 under half the time", None, sure=None, choices=("yes", "no"))

# %%
import time


def training_layer(alpha):
    """One convolution of 64 channels at 32x32, forward and back."""
    parts = [keras.Input(s[1:]) for s in (shapes[alpha] if alpha else [shapes[alpha]])]
    y = lab.models.layers.convolution(tuple(parts) if alpha else parts[0], 64, 3, padding="same", octave=alpha)
    model = keras.Model(parts, y)
    model.compile("sgd", ["mse"] * len(parts))
    data = [draw.normal(size=(16, *part.shape[1:])).astype("float32") for part in parts]
    return lambda: model.train_on_batch(data, data)


# %%
def seconds(action):
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


actions = {alpha: training_layer(alpha) for alpha in alphas}

# %%
taken = pd.DataFrame([{alpha: seconds(action) for alpha, action in actions.items()} for _ in range(14)])[2:]
for alpha in alphas:
    ratio = (taken[alpha] / taken[0.0]).median()
    print(f"alpha {alpha:<4}: {taken[alpha].median() * 1e3:5.1f} ms, {ratio:.2f} of the plain layer")
run.came("08 under half the time", "yes" if ratio < 0.5 else "no")

# %% [markdown]
# ## Three trainings, in turn
# The quick autoencoder from nothing, with the same faces, the same batches and the same learning rate; only alpha differs. Each trains a few steps, then the next one's turn comes: their times can be compared, too.
#
# The rate stays constant, so that a model may be looked at after any step.

# %%
faces, masks, transferred = lab.course.training_arrays(run, size, copies=1)
counts = {person: len(pictures) for person, pictures in faces.items()}

# %%
steps = octave_steps or run.preset.scratch_steps // 2
turns = max(2, min(10, steps // 10))
print(f"{counts['A']} faces of A, {counts['B']} of B; {turns} turns of {-(-steps // turns)} steps for each alpha")


# %%
def begin(alpha):
    keras.utils.set_random_seed(seed)
    config = dataclasses.replace(lab.models.autoencoder.quick(size), octave=alpha)
    model = lab.models.FaceAutoencoder(config, lab.models.autoencoder.QUICK_LOSS, lab.models.QUICK_AUGMENTATION, seed=seed)
    model.set_faces(faces, masks, transferred)
    model.compile(optimizer=keras.optimizers.Adam(run.preset.autoencoder_learning_rate))
    return model


# %%
networks = {alpha: begin(alpha) for alpha in alphas}
batches = {alpha: lab.training.index_batches(counts, run.preset.batch_size, seed) for alpha in alphas}

# %% [markdown]
# Where the true swap is known, each is scored on the way: by the correlation of **local contrast** with the truth's, inside the face. No tint and no blur can please it (see notebook 03).

# %%
truth, inner = None, target_faces.subset(pick).masks(size, "face") > 127
if run.clips.truth:
    numbers = [int(target_faces.table["frame"].iloc[row]) for row in pick]
    frames = {f.index: f.image for f in lab.open_video(run.clips.truth).frames() if f.index in numbers}
    matrices = [target_faces.matrix(row, size) for row in pick]
    truth = [lab.align(frames[n], m, size) for n, m in zip(numbers, matrices, strict=True)]
    truth = np.stack(truth).astype("float32") / 255


# %%
def structure(pictures):
    """How alike the features are: mean correlation of local contrast with the true swap, inside the face."""
    if truth is None:
        return float("nan")
    sigma = 0.027 * size
    triples = zip(pictures, truth, inner, strict=True)
    pairs = [[lab.metrics.local_contrast(p, sigma)[m] for p in (one, true)] for one, true, m in triples]
    return float(np.mean([np.corrcoef(*pair)[0, 1] for pair in pairs]))


# %%
def swap(model):
    return ops.convert_to_numpy(model.translate(inputs, 0, 1)[0])


print(
    f"the untouched target {structure(inputs):.2f}, the truth itself {structure(truth if truth is not None else inputs):.2f}"
)

# %% [markdown]
# **Predict**: which alpha has the lowest loss after the last turn?

# %% tags=["predict"]
run.predict("08 lowest loss", None, sure=None, choices=(0, 0.25, 0.5))

# %%
rows = []
for turn in range(turns):
    for alpha, network in networks.items():
        few = -(-steps // turns)
        start = time.perf_counter()
        history = network.fit(batches[alpha], steps_per_epoch=few, epochs=1, shuffle=False, verbose=0).history
        took = time.perf_counter() - start
        row = {"alpha": alpha, "turn": turn, "step": (turn + 1) * few, "seconds": took / few}
        rows.append({**row, "loss": history["loss"][-1], "structure": structure(swap(network))})
    losses = ", ".join(f"{row['loss']:.3f} (alpha {row['alpha']})" for row in rows[-3:])
    print(f"turn {turn + 1:2d} of {turns}, step {rows[-1]['step']}: loss {losses}")
run.came("08 lowest loss", min(rows[-3:], key=lambda row: row["loss"])["alpha"])

# %% [markdown]
# ## By steps, and by seconds
# The first turn builds each model's graph, so it does not count as time. Left: what a step is worth. Right: the same against the time that the steps would take, each model at its own pace. On a busy computer even these ratios scatter: where alpha 0.25 seems slower than the plain model, run it again when nothing else runs.

# %%
log = pd.DataFrame(rows)
log.to_csv(run.out / "octave.csv", index=False)
times = log[log["turn"] > 0].pivot(index="turn", columns="alpha", values="seconds")

# %%
pace = times.div(times[0.0], axis=0).median()
base = times[0.0].median()
for alpha in alphas:
    print(f"alpha {alpha:<4}: a step takes {pace[alpha]:.2f} of the plain model's")

# %%
import matplotlib.pyplot as plt

measure = "structure" if truth is not None else "loss"
figure, axes = plt.subplots(1, 2, figsize=(9, 3), sharey=True, layout="constrained")
for (alpha, some), style in zip(log.groupby("alpha"), ("-", "--", ":"), strict=True):
    axes[0].plot(some["step"], some[measure], style, label=f"alpha {alpha}")
    axes[1].plot(some["step"] * base * pace[alpha], some[measure], style)
axes[0].set(title="by step", xlabel="step", ylabel={"structure": "structure (correlation)"}.get(measure, measure))
axes[1].set(title="by time", xlabel="seconds of training")
figure.legend(fontsize=8, loc="outside right center")
lab.widgets.show(figure, f"{measure} of three alphas, by step and by seconds")

# %% [markdown]
# ## Side by side
# All three after the same number of steps, on faces of the clip that is converted.

# %%
swaps = {f"alpha {alpha}": swap(network) for alpha, network in networks.items()}
lab.widgets.rows({"target": inputs, **swaps, **({} if truth is None else {"truth": truth})})

# %% [markdown]
# **Check**: after so few steps from nothing all three have found B's mean face and hardly a pose yet; the untouched target may still be nearer to the truth. Can you tell which row is which with the names covered? Look at the eyes first; that is where the high part was.
#
# ## What does each part hold?
# The decoder's last layer joins the pair to a picture. Take one half of the pair away and look at what is left.

# %%
network = networks[0.5]
head = network.decoders[1].get_layer("paint")  # the last layer, by its old name in the weights
front = keras.Model(network.decoders[1].inputs, head.input)
code = network.encode(network.relight(ops.convert_to_tensor(inputs))[0], 1, 0)
high, low = front(code)

# %%
pairs = {"both": (high, low), "high alone": (high, 0 * low), "low alone": (0 * high, low)}
shown = {name: ops.sigmoid(lab.models.PixelShuffle()(head(pair)))[..., :3] for name, pair in pairs.items()}
lab.widgets.rows({name: ops.clip(network.as_colour(some), 0, 1) for name, some in shown.items()})

# %% [markdown]
# **Look**: these are the decoder's own colours, before B's light is put back. Edges live in the high part; without the low part the colours drift. A picture needs both: neither alone is a face.
#
# ## What went wrong?
# | what you see | why |
# |---|---|
# | an error about odd sizes | the low part is half as large: every size on the way must be even |
# | an error about a pair | a dense layer, attention or a head wants one tensor: `layers.join` the pair before |
# | products saved, but no time | the layers are small, or the time goes elsewhere: augmentation, losses, the optimiser |

# %%
try:
    lab.models.OctaveConv2D(8, 3, alpha_out=0.5)(inputs[:, :-1])
except ValueError as error:
    print(str(error).splitlines()[0])


# %% [markdown]
# ## The answer
# `benchmarks/octave.py` measures with more care than a lesson has time for: 200 steps from nothing, scored on a clip that no model saw (one seed, two CPU cores).
#
# | alpha | weights | products | processor time a step | swap_gain | structure_gain | identity_gain |
# |---|---|---|---|---|---|---|
# | 0 | 1 | 1 | 1 | 0.14 | 0.034 | 0.23 |
# | 0.25 | 1 | 0.76 | 0.95 | 0.14 | 0.030 | 0.21 |
# | 0.5 | 1 | 0.57 | 0.85 | 0.13 | 0.011 | 0.18 |
#
# **Less computation: yes on paper, little in time.** A quarter of the products is gone at alpha 0.25, a twentieth of the time.

# %% [markdown]
# **A better swap: no.** After as many steps the features are no nearer to the truth at alpha 0.25, and farther from it at 0.5; the time saved buys 5 and 18 % more steps, and the 5 % changed nothing (structure_gain 0.026 after 210 steps). At 64 pixels there is little to halve: a pupil is two pixels wide, and that is the part one looks at.
#
# The picture may differ for large pictures and wide layers, where convolutions take nearly all the time: a single wide layer above saved far more than the whole model. One short training each, with one seed, cannot tell small differences apart: read your own curves above with the same doubt.

# %% [markdown] tags=["exercise"]
# ## Exercise
# **A function**: the cost formula. For each of the four paths, its share of the weights times its share of the places.

# %% tags=["stub"]
def octave_cost(alpha):
    """A share of low channels: the octave convolution's products, as a share of the plain one's."""
    return None  # your turn


# %% tags=["solution"]
def octave_cost(alpha):
    """A share of low channels: the octave convolution's products, as a share of the plain one's."""
    return (1 - alpha) ** 2 + (2 * alpha * (1 - alpha) + alpha**2) / 4


# %% tags=["check"]
from faceswap_lab.course import checks

octave_cost = checks.octave_cost(octave_cost)

# %% [markdown] tags=["notes"]
# All paths but high to high run at half the height and half the width: a quarter of the places.

# %%
for alpha in (0.0, 0.25, 0.5, 1.0):
    print(f"alpha {alpha}: {octave_cost(alpha):.4f}, by the package {lab.models.theoretical_cost(alpha):.4f}")

# %% [markdown]
# ## Recap
# You split a face into two frequencies, built the octave layer from four convolutions, counted its products, timed it fairly, and trained three models in turn to see what a saved product is worth.
#
# 1. Why do four kernels have as many weights as one?
# 2. Why are the three models timed in turn, and why is a ratio better than two times?
# 3. Which parts of a model cannot get cheaper by an octave layer?
# 4. What may the high channels hold? What can the low ones not hold?
# 5. When is a cheaper step no shorter way to a good swap?
#
# **Next**: notebook 09 asks whether a face was swapped.

# %% tags=["quiz"]
lab.widgets.Answers("08")  # answer them first, then open each

# %% [markdown]
# The swaps are kept for the report.

# %%
sheet = [inputs, *swaps.values(), *([] if truth is None else [truth])]
lab.write_swapped(
    run.pictures() / "octave_swaps.png", lab.widgets.as_uint8(np.vstack([np.hstack(list(some)) for some in sheet]))
)
run.finish("08_octave_convolution", f"alpha 0, 0.25, 0.5: a step at {pace[0.25]:.2f} and {pace[0.5]:.2f} of the time")
