# %% [markdown]
# **On Colab**: [colab.research.google.com](https://colab.research.google.com) > Upload: this notebook; then put `faceswap_lab_colab.zip` (made by `make colab`) into its Files panel, or on a Drive that is mounted there.

# %% [markdown]
# # 04 FaceSwap-GAN: a critic looks over the painter's shoulder
# **Goal** Meet every part and every loss of FaceSwap-GAN, train it, look at masks and raw paintings.
#
# **Minutes** 25 to read, 4 on two CPU cores (quick), 17 on a T4 (class, predicted)
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

from faceswap_lab import runtime, stages

run = runtime.setup(preset, seed, out, source, target, keep=keep)

# %% [markdown]
# ## Why a critic
# L1 and its relatives compare pixels, and a network that is unsure paints the average of what could be there: a blur. A **critic** is a second network that learns to tell real faces from painted ones. It gives no average the benefit of the doubt: a blur is never real.
#
# FaceSwap-GAN adds three things to notebook 03: **self-attention**, a painted **mask** (alpha), and a **critic for each person**.

# %%
import dataclasses

import keras
import numpy as np
from keras import ops

from faceswap_lab import measuring, training
from faceswap_lab.models import faceswap_gan
from faceswap_lab.models.face_res import face_res
from faceswap_lab.teaching import architecture, figures
from faceswap_lab.teaching.training_panel import TrainingPanel
from faceswap_lab.training import recipes

scale = run.preset.choose(gan=model, gan_size=face_size, gan_batch_size=batch_size, precision=precision)
size = scale.gan_size
print(f"the {scale.gan} network of {size} px in {scale.precision}")
faces, masks, likened = stages.training_arrays(run, size)
counts = {person: len(pictures) for person, pictures in faces.items()}

# %% [markdown]
# ## At its published size
# The real one has an encoder that narrows to 4x4 with attention on the way, and two decoders. Too heavy for a laptop's processor, so at `quick` the painter is the lean autoencoder of notebook 03 **with attention put in**. `class` trains the same at 128 px on a GPU, `full` the published network; `model` above chooses another.

# %%
for name, config in {"standard": faceswap_gan.standard(64), "lite": faceswap_gan.standard(64, lite=True)}.items():
    encoder, decoder = faceswap_gan.build_encoder(config), faceswap_gan.build_decoder(config, "decoder")
    critic = faceswap_gan.build_critic(config, "critic")
    print(
        f"{name:9s} encoder {encoder.count_params():>11,}  decoder {decoder.count_params():>10,}  critic {critic.count_params():>9,} weights"
    )

# %%
networks = {"encoder": encoder, "decoder": decoder, "critic": critic}
drawn = architecture.draw(networks, "FaceSwap-GAN, lite, 64 px", {"decoder": 2, "critic": 2})

# %%
perceptual_net = face_res()
features = keras.Model(perceptual_net.inputs, perceptual_net.outputs[:4])


def make_gan(loss=None):
    gan = recipes.gan_model(scale, seed, features, loss)
    recipes.begin_gan(gan, run.models("autoencoder"))
    return gan


# %%
gan = make_gan(faceswap_gan.GanLoss(cycle=10.0))
gan.set_faces(*({person: some[person][:8] for person in some} for some in (faces, masks, likened)))

# %% [markdown]
# ## Self-attention
# A convolution sees its neighbourhood. Attention lets every place look at every other: the left eye can ask what the right eye does. Each row of the map sums to 1 and says where one place looks; the result is added with a **gain that starts at 0**, so a trained painter is not disturbed.
#
# **Predict**: the map below is still untrained. Will it be even, or patchy?

# %%
attention = next(layer for layer in gan.decoders[1].layers if "attention" in layer.name)
index = {person: np.arange(6) for person in ("A", "B")}
views = gan(index)
code = views["codes"][1]
inside = keras.Model(gan.decoders[1].inputs, attention.input)(code)
weights = ops.convert_to_numpy(ops.cast(attention.attention(inside), "float32"))
print("map", weights.shape, "each row sums to", weights[0, 0].sum().round(3), "gain", float(attention.gain))

# %%
side = int(weights.shape[-1] ** 0.5)
face = ops.convert_to_numpy(ops.clip(views["straight"], 0, 1))[6]
places = {"left eye": (0.45, 0.38), "mouth": (0.77, 0.5), "cheek": (0.62, 0.3)}
looks = [
    figures.attention_overlay(face, weights[0, int(y * side) * side + int(x * side)], side) for y, x in places.values()
]
figures.row([face, *looks], ["face", *places])

# %% [markdown]
# ## Mask, composite, critic
# The decoder paints colour *and* alpha. The **composite** is `alpha * colour + (1 - alpha) * input`: where the mask is 0 the input shines through. The critic sees picture and input together and scores **patches**, not the whole: one number for each region.

# %%
composite = gan.composite(views["colour"], views["alpha"], views["bent"])
layers_shown = {
    "input": views["bent"],
    "raw colour": views["colour"],
    "alpha": views["alpha"],
    "composite": composite,
    "answer": views["straight"],
}
figures.rows({name: ops.convert_to_numpy(ops.clip(x, 0, 1))[6:] for name, x in layers_shown.items()})

# %%
_, warped = ops.split(views["bent"], 2)
scores = gan.judge(1, ops.split(composite, 2)[1], warped, frozen=True)
print("patch scores", scores.shape, "mean", round(float(ops.mean(scores)), 3))

# %% [markdown]
# ## Every loss term, before training
# The table is computed on this one batch. Weights are those published for FaceSwap-GAN v2.2 (cycle is off there; it is on here so that you see it).

# %%
published = faceswap_gan.GanLoss(cycle=10.0)
gan.alpha_least.assign(0.5)
terms, critics = gan.loss_terms(views)
for term, value in terms.items():
    weight = published.weight(term)
    print(f"{term:16s} {float(value):8.4f} x {weight:5.2f} = {float(value) * weight:8.4f}")
print(f"{'critics':16s} {float(critics):8.4f}   (their own loss)")

# %% [markdown]
# - **adversarial**: mixup-LSGAN. The critic sees a mixture of real and painted and must name the share; the painter wants its paintings scored as real. (Relativistic LSGAN and hinge are the other choices.)
# - **reconstruction**, **edge**: L1 of pixels, and of their first differences.
# - **eyes**, **eyes_gradients**: inside the eye mask, weight 30: gaze makes or breaks a swap.
# - **perceptual**: distance between features of a frozen face-recognition network, at four depths.
# - **alpha**, **alpha_hinge**, **alpha_variation**: keep the mask small, but not below *m*, and smooth. **kernel_decay**: keep the kernels small.
# - **cycle**: to the other person and back again.

# %% [markdown]
# What trains below (at `quick` and `class`) has other weights: the autoencoder's own terms, the critics, and **identity**. A frozen recogniser (not the one that judges in notebook 05) looks at the *swap* itself and says how far it is from the person it should show. It sees grey pictures: in colour it was soonest pleased by an orange nose between grey cheeks. The number rose, the picture did not.

# %%
real, fake = ops.split(views["straight"], 2)[1], ops.split(composite, 2)[1]
for kind in ("mixup", "relativistic", "hinge"):
    gan.config = dataclasses.replace(gan.config, adversarial=kind)
    painter, critic = gan.adversarial_terms(1, real, fake, warped)
    print(f"{kind:13s} painter {float(painter):.3f}  critic {float(critic):.3f}")

# %% [markdown]
# ## The schedule is data
# The published training changes its mind seven times: perceptual loss on, the hinge's *m* up and down, learning rates down, and for a while **the two decoders swap weights**. The original rebuilt its graph at each change and lost the optimiser's memory. Here the values are variables in the running graph.

# %%
import pandas as pd

columns = ["start", "perceptual", "alpha_least", "rate", "decoders_swapped"]
pd.DataFrame(
    [[getattr(phase, name) for name in columns] for phase in faceswap_gan.PUBLISHED_SCHEDULE], columns=columns
).round(3)

# %% [markdown]
# ## Train
# Painter and critics learn **in one pass**: the painter's loss goes through critics whose weights are held still, the critics' loss through paintings that are held still. Each player gets only its own gradient, so this is an ordinary Keras model with an ordinary `fit()`.
#
# The quick network begins where the autoencoder stopped, if that has its size; the published one begins from nothing. Two CPU cores have time for 160 steps: enough for the recogniser to pull the swap towards B (identity_gain 0.41 to 0.45, measured on the talking clip), not enough for critics that begin untrained: without them the swap is as sharp (notebook 07).

# %%
steps = gan_steps or scale.gan_steps
what = {"network": scale.gan, "size": size, "batch_size": scale.gan_batch_size, "precision": scale.precision}
what |= {"seed": seed, "counts": counts}
folder = stages.model_folder(run, "faceswap_gan", steps=steps, **what)
gan = make_gan()
training.set_faces(gan, faces, masks, likened)
optimizer, schedule = recipes.gan_training(scale, steps)
gan.compile(optimizer=optimizer)

# %%
options = {
    "callbacks": (schedule,),
    "panel": TrainingPanel("faceswap_gan", ("adversarial", "critics", "reconstruction")),
    "held_out": training.HeldOut(measuring.identity_measure(run, size)),
}
history = stages.train_model(run, gan, folder, faces, steps, scale.gan_batch_size, **options)
training.save_model(gan, folder, "faceswap_gan", {"steps": steps})

# %%
from IPython.display import Video

Video(str(folder / training.TIMELAPSE), embed=True, width=420)

# %%
figures.curves({"FaceSwap-GAN": history}, ("adversarial", "critics", "reconstruction"), logarithmic=False)

# %% [markdown]
# **Look**: both losses fall while the two find their balance; after that one's gain is the other's loss. So a GAN's curves do not tell when to stop; the previews do.
#
# ## Masks and raw output on the target
# These faces come from the clip that notebook 05 converts.

# %%
target_faces = stages.ensure_faces(run, "target")
pick = np.linspace(0, len(target_faces) - 1, 8).astype(int)

# %%
inputs = target_faces.subset(pick).images(size).astype("float32") / 255
colour, alpha = (ops.convert_to_numpy(x) for x in gan.translate(inputs, 0, 1))
figures.rows(
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
# | checkerboard, wild colours | critics far ahead of the painter: lower their rate |

# %%
figures.rows(
    {
        "right": colour * alpha + (1 - alpha) * inputs,
        "alpha near zero": colour * alpha * 0.1 + (1 - alpha * 0.1) * inputs,
        "wrong direction": ops.convert_to_numpy(gan.translate(inputs, 0, 0)[0]),
    }
)


# %% [markdown]
# ## Exercise
# Write the composite yourself. Leave it, and the reference answers.

# %%
def my_composite(colour, alpha, inputs):
    """Your turn: alpha 1 shows the painting, alpha 0 the input."""
    return None


# %%
wanted, mine = alpha * colour + (1 - alpha) * inputs, my_composite(colour, alpha, inputs)
if mine is None:
    print("not filled in yet: the reference goes on")
else:
    worst = np.unravel_index(np.abs(mine - wanted).argmax(), wanted.shape)
    print(
        "right"
        if np.abs(mine - wanted).max() < 1e-5
        else f"not yet: off by {np.abs(mine - wanted).max():.2f} at {worst[1:3]}"
    )

# %% [markdown]
# ## Recap
# You looked at an attention map, at masks and at patch scores. You computed every loss of FaceSwap-GAN on one batch, and trained painter and critics in one `fit()`.
#
# 1. Why does the attention's gain start at 0?
# 2. What does the critic see besides the picture, and why?
# 3. What happens without the alpha hinge?
# 4. Why must the critics' weights be held still in the painter's loss?
# 5. Why do a GAN's curves not say when to stop?
#
# **Next**: notebook 05 puts the faces back into the video.

# %%
run.finish("04_faceswap_gan", f"FaceSwap-GAN, {steps} steps from the autoencoder")
