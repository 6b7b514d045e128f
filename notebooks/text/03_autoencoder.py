# %% [markdown]
# **On Colab**: [colab.research.google.com](https://colab.research.google.com) > Upload: this notebook; then put `faceswap_lab_colab.zip` (made by `make colab`) into its Files panel, or on a Drive that is mounted there.

# %% [markdown]
# # 03 The autoencoder: one face in, another face out
# **Goal** Build the classic face-swapping network, train it in two forms, compare them.
#
# **Minutes** 35 to read, 8 on two CPU cores (quick), 10 on a T4 (class, predicted)
#
# **Needs** the face sets of notebook 02 (made now if they are missing)
#
# **Makes** `models/autoencoder`, `models/autoencoder_from_nothing`, `models/autoencoder_shared_decoder`: weights, loss curves, and every preview

# %% tags=["parameters"]
preset = "quick"  # quick, class or full
seed = 0
out = "runs/sample"  # relative to the lab's folder
source = ""  # the clip of B, whose face is put in; empty = the one of the sample
target = ""  # the clip of A, whose video is changed; empty = the one of the sample
keep = ""  # "drive" on Colab: the run survives the machine; or a folder
autoencoder_steps = 0  # 0 = as the preset says
scratch_steps = 0  # 0 = as the preset says
model = ""  # quick, original or low_memory; empty = as the preset says
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
# ## What goes in
# Each face comes with two companions. The **masks** say which pixels are face (red), eyes and mouth (yellow, magenta: they lie in the face), nose and brows. The **transferred** picture is the same face warped to the *other* person's shape (**shape transfer**): it looks a little like A, yet we know what B looked like before. So the network can practise the swap with the answer at hand.
#
# A clip shows few poses and few expressions, so each face also gets varied copies: turned a few degrees in depth, with the mouth of one other picture and the eyes of a second, warped into place. **Look** for copies that show how they were made.

# %%
import dataclasses
import gc

import keras
import numpy as np
from keras import layers, ops

scale = run.preset.choose(autoencoder=model, face_size=face_size, batch_size=batch_size, precision=precision)
size = scale.face_size
print(f"the {scale.autoencoder} network of {size} px in {scale.precision}")
faces, masks, transferred = lab.course.training_arrays(run, size)
own = {person: len(pictures) // (lab.course.COPIES + 1) for person, pictures in faces.items()}
print(*(f"{person}: {own[person]} faces, {len(faces[person])} with copies" for person in faces), sep="\n")

# %%
some = np.linspace(0, own["B"] - 1, 8).astype(int)
copies = own["B"] + some * lab.course.COPIES
lab.widgets.rows(
    {
        "B": faces["B"][some],
        "varied copy": faces["B"][copies],
        "in A's shape": transferred["B"][some],
        "masks": masks["B"][some][..., :3],
    }
)

# %% [markdown]
# ## The idea, before any network
# An **encoder** $E$ turns a face into a short code; each person has a **decoder**, $D_A$ and $D_B$. Both pairs are trained to give back what they were shown:
#
# $$\min_{E,D_A,D_B} E_a\vert D_A(E(a))-a\vert + E_b\vert D_B(E(b))-b\vert$$
#
# ($E_a$ and $E_b$ are means over the faces $a$ of A and $b$ of B.) No term mentions a swap. The swap is a question that was never asked in training: $D_B(E(a))$. Why should it answer with B's face and A's expression? Three small autoencoders (32 px) learn from the same faces; they differ only in what the two people **share**.
#
# **Predict** for each: whose face does it generate when a face of A is to become B?

# %% tags=["predict"]
# three: one encoder and two decoders, nothing shared, everything shared
run.predict("03 three forms", None, sure=None, choices=("A", "B", "neither"))

# %%
own_faces = {person: pictures[: own[person]] for person, pictures in faces.items()}
forms = lab.studies.sharing.train(own_faces, steps=150, seed=seed)
eight = lab.studies.sharing.small_faces(own_faces["A"][np.linspace(0, own["A"] - 1, 8).astype(int)])
asked = {name: ops.convert_to_numpy(form.generate(form.encode(eight, 0), 1)) for name, form in forms.items()}
lab.widgets.rows({"A": eight, **asked})

# %%
for name, form in forms.items():
    print(f"{name:26s} {lab.studies.sharing.between_share(form, own_faces):.0%} of the codes' variance tells A from B")
run.came("03 three forms", ["B", "neither", "A"])

# %% [markdown]
# **Look**:
# - *everything shared*: one decoder generates both, so the code **must** say who it is. A comes back, and there is no way to ask for B.
# - *nothing shared*: each pair has invented a language of its own, and B's decoder cannot read A's.
# - *one encoder, two decoders*: one language, and each decoder knows the person anyhow. A code holds little; what is spent on identity is lost for pose, mouth and light. So less of it goes to identity: over three seeds 7 to 9 % of the codes' variance, against 10 to 13 % where everything is shared. **Sharing drives identity out of the code.**

# %% [markdown]
# Not all of it: nothing forbids the code to keep some, and B's decoder merely never learnt to use it. With a long code, some of A shows in the swap.

# %% [markdown]
# ## Bend the input
# The small experiment leaves something open. What decides how wide B's jaw is? If B's decoder always finds the jaw where the code says, it will generate A's outline. So the first tools **bend** (warp) the input a little and leave the answer straight, $\min E\vert D_B(E(\mathrm{bend}(b)))-b\vert$: the shape that comes in is not to be trusted, and the decoder has to know B's own. It is a denoising autoencoder ([Vincent et al., 2008](https://doi.org/10.1145/1390156.1390294)) whose noise moves pixels.
#
# All of this happens for the whole batch at once, inside the training step, on the accelerator. A loader that warps pictures on two slow CPU cores starves any GPU.

# %%
bank = lab.models.FaceBank(faces["B"], masks["B"], transferred["B"])
classic = lab.models.autoencoder.Augmentation(warp=0.03)
warped, answer = lab.models.random_views(bank(some), size, classic, keras.random.SeedGenerator(1))
lab.widgets.rows({"input": warped, "answer": answer[..., :3], "its mask": answer[..., 3:4]})

# %% [markdown]
# The bend has a price: a decoder that has to guess where the face lies gives a softer picture. Our quick model teaches the same lesson at a lower one, with the **transferred** pictures from above, which are half of its inputs: B's face in *A's* shape goes in, B's own comes out. That is exactly the bend that a swap will need, not a random one. So its warp is off. It also trains on other **light**: the difference between the light on two other frames is added to a face, input and answer alike.

# %% [markdown] tags=["exercise"]
# **Exercise, change and explain**: run the cell with `warp=0.03` again, with `warp=0.0`. Input and answer then "show the face at one place", "are the same picture" or "differ more"? And a swap "may keep A's outline", "becomes blurred" or "is impossible"?

# %% tags=["stub"]
no_warp = {"input and answer": None, "a swap": None}  # your turn

# %% tags=["solution"]
no_warp = {"input and answer": "show the face at one place", "a swap": "may keep A's outline"}

# %% tags=["check"]
from faceswap_lab.course import checks

no_warp = checks.no_warp(no_warp)

# %% [markdown] tags=["notes"]
# Zoom, turn and mirror still change both alike, so the pictures are not those of the face set; what is gone is the difference in *shape* between input and answer.

# %%
lights = lab.models.light_fields(faces["B"], masks["B"][..., 0])
options = dataclasses.replace(lab.models.QUICK_AUGMENTATION, shape_transfer=0.0)
lit = [lab.models.random_views(bank(some), size, options, keras.random.SeedGenerator(k), lights=lights)[1] for k in range(3)]
lab.widgets.rows({"B": faces["B"][some], **{f"in other light {k + 1}": view[..., :3] for k, view in enumerate(lit)}})

# %% [markdown]
# ## The encoder, layer by layer
# Each convolution with stride 2 halves the picture and widens the channels. At the end a **dense** layer squeezes everything into a short code: 1024 numbers for the 12 288 of a 64-px picture, so pixels cannot be copied. The figures 128, 256, 512, 1024 are those of the first deepfake tools.
#
# **Predict** the shape after four such layers before you run the cell.

# %% tags=["predict"]
# such as (8, 64, 64, 3): faces, rows, columns, channels
run.predict("03 shape", None, sure=None)

# %%
batch = ops.convert_to_tensor(answer[..., :3])
x = batch
for filters in (128, 256, 512, 1024):
    x = layers.LeakyReLU(0.1)(layers.Conv2D(filters, 5, strides=2, padding="same")(x))
    print(f"conv {filters:4d}", x.shape)
run.came("03 shape", tuple(x.shape))

# %%
code = layers.Dense(1024)(layers.Flatten()(x))
print("code", code.shape)
x = layers.Reshape((4, 4, 1024))(layers.Dense(4 * 4 * 1024)(code))
print("unfolded", x.shape)


# %% [markdown]
# ## The decoder, layer by layer
# To grow, a convolution makes four times the channels and **pixel shuffle** turns each group of four into a 2x2 block ([Shi et al., 2016](https://arxiv.org/abs/1609.05158)). Four such steps undo the encoder's four halvings; a last convolution gives three colours. (In the published network the first of the four still belongs to the shared half.)

# %% [markdown] tags=["exercise"]
# **Exercise, a function**: pixel shuffle with numpy: four channels become a block of 2x2 pixels. The channels come in the order row, column, colour.

# %% tags=["stub"]
def pixel_shuffle(x):
    """(N, H, W, 4C): (N, 2H, 2W, C)."""
    return None  # your turn


# %% tags=["solution"]
def pixel_shuffle(x):
    """(N, H, W, 4C): (N, 2H, 2W, C)."""
    count, height, width, channels = x.shape
    blocks = x.reshape(count, height, width, 2, 2, channels // 4)
    return blocks.transpose(0, 1, 3, 2, 4, 5).reshape(count, 2 * height, 2 * width, channels // 4)


# %% tags=["check"]
pixel_shuffle = checks.pixel_shuffle(pixel_shuffle)

# %% [markdown] tags=["notes"]
# `reshape` alone keeps the order of numbers in memory, and tears neighbours apart. The transpose brings the block's row beside the picture's row.

# %%
for filters in (512, 256, 128, 64):
    x = layers.LeakyReLU(0.1)(layers.Conv2D(4 * filters, 3, padding="same")(x))
    x = lab.models.PixelShuffle()(x)
    print(f"upscale {filters:3d}", x.shape)
print("picture", layers.Conv2D(3, 5, padding="same", activation="sigmoid")(x).shape)

# %% [markdown]
# ## Two ways to share
# | form | encoder | decoder | to swap |
# |---|---|---|---|
# | **shared encoder** | one for both | one each | encode A, decode as B |
# | **shared decoder** | one each | one for both | encode A with B's encoder |
#
# The original is far too heavy for a laptop's processor, so the lab has a smaller network, *quick*, that also takes the light out before encoding, puts it back after decoding, and generates a mask. Presets `quick` and `class` train this one, at 64 and 128 px; `full` trains the original, and so does `model = "original"` above.

# %%
for name, config in {"original": lab.models.autoencoder.original(size), "quick": lab.models.autoencoder.quick(size)}.items():
    encoder, decoder = lab.models.autoencoder.build_encoder(config), lab.models.autoencoder.build_decoder(config)
    print(f"{name:9s} encoder {encoder.count_params():>11,}  each decoder {decoder.count_params():>10,} weights")

# %%
drawn = lab.widgets.architecture.draw({"encoder": encoder, "decoder": decoder}, "The quick autoencoder", {"decoder": 2})
lab.widgets.show(drawn, "the layers of encoder and decoder in a row each: what comes out, weights, cost")


# %% [markdown]
# Each box is a layer, as high as its picture's side; under it what comes out, what it weighs and what one face costs. **Look**: where do most weights sit, and where most of the work? They are not the same boxes.

# %% [markdown]
# ## The loss, term by term
# Plain L1 is content with a grey blur. So we also compare **local contrast**: grey $g$, minus its local mean, over its local deviation, with bars for a gaussian mean over a few pixels:
#
# $$c=\frac{g-\bar g}{\sqrt{\overline{g^2}-\bar g^2}+0.02} \qquad L=E\vert c(\hat x)-c(x)\vert$$
#
# It sees brows, lids and lips, and neither a tint nor a blur can please it. Eyes and mouth are few pixels, so they get a term of their own.

# %% [markdown] tags=["exercise"]
# **Exercise, a function**: L1 that counts by a mask, so that a small face costs as much as a large one.

# %% tags=["stub"]
def masked_l1(generated, wanted, mask):
    """(N, S, S, 3) twice, mask (N, S, S, 1): the mean absolute difference over what the mask shows."""
    return None  # your turn


# %% tags=["solution"]
def masked_l1(generated, wanted, mask):
    """(N, S, S, 3) twice, mask (N, S, S, 1): the mean absolute difference over what the mask shows."""
    return (np.abs(generated - wanted) * mask).sum() / (3 * mask.sum())


# %% tags=["check"]
masked_l1 = checks.masked_l1(masked_l1)

# %% [markdown] tags=["notes"]
# The mask has one channel and the pictures three: whoever divides by `mask.sum()` gets three times the answer, whoever takes `.mean()` a loss that shrinks with the face.

# %%
first = lab.course.autoencoder_model(scale, seed=seed)
first.set_faces(*({person: some[person][:8] for person in some} for some in (faces, masks, transferred)))
views = first({person: np.arange(8) for person in ("A", "B")})
total = first.compute_loss(y_pred=views)
for term, value in first.terms.items():
    weight = getattr(first.loss_weights, term)
    print(f"{term:16s} {float(value.result()):.3f} x {weight:.1f} = {float(value.result()) * weight:.3f}")
print("total", round(float(total), 3))

# %%
blur = lab.models.gaussian_blur(batch, 2.0)
tint = batch * np.array([1.1, 1.0, 0.9], "float32")
for name, picture in {"blurred": blur, "tinted": tint}.items():
    print(
        f"{name:8s} L1 {float(lab.models.losses.l1(picture, batch)):.3f}   contrast {float(lab.models.losses.contrast_loss(picture, batch, 1.7)):.3f}"
    )

# %% [markdown]
# **Look**: in L1 both cost about the same. In contrast the tint costs almost nothing, and the blur a lot. Which of the two would you rather forgive?
#
# ## Train
# The main model goes on from a **warm start** that ships with the lab: the same network, trained for longer on the bundled people's training clips. (It is for the quick network at 64 px; any other begins from nothing and says so.) It saw neither their target clip, nor A in that clip's light, nor the truth. For comparison, two models start from nothing, with equal steps: one of each form.

# %% [markdown]
# Other people it has never met. Then the models also practise with answers from one that has learnt to swap strangers, the base (notebook 11): a face of A goes in, and the base's swap of it has to come out of B's decoder.

# %%
practice = lab.course.with_base_swaps(run, faces, masks, transferred, first.config.centred)
counts = {person: len(pictures) for person, pictures in practice[0].items()}
what = {"network": scale.autoencoder, "size": size, "batch_size": scale.batch_size, "precision": scale.precision}
what |= {"seed": seed, "counts": counts}


def train(name, sharing, steps, warm, **options):
    folder = lab.course.model_folder(run, name, steps=steps, sharing=sharing, warm=warm, **what)
    model = lab.course.autoencoder_model(scale, sharing, seed)
    warmed = warm and lab.course.warm_start(model)
    lab.training.set_faces(model, *practice)
    model.compile(optimizer=lab.course.autoencoder_optimizer(scale, steps, warmed))
    panel = lab.widgets.TrainingPanel(name, ("loss", "reconstruction", "contrast"))
    history = lab.course.train_model(run, model, folder, faces, steps, scale.batch_size, counts=counts, panel=panel, **options)
    lab.save_model(model, folder, "autoencoder", {"steps": steps, "sharing": sharing, "warm_start": bool(warmed)})
    model = lab.load_model(folder, "autoencoder", size)  # without the faces, which take a gigabyte and more
    gc.collect()
    return model, history


# %% [markdown]
# The quick models are trained by **Muon** ([Jordan et al., 2024](https://kellerjordan.github.io/posts/muon/)). Adam scales each weight's step by itself. Muon takes a whole kernel's step as a matrix $M=USV^T$ and goes by $UV^T$ instead: all singular values 1, so that no direction learns slowly. Measured on these faces, 750 steps from nothing: Muon's reconstructions are off by 0.144 in local contrast, Adam's by 0.171.
#
# And they practise the swap by **back-translation** ([Sennrich et al., 2016](https://arxiv.org/abs/1511.06709)): a face $b$ of B is generated as A, and from that picture B has to come back, $\vert D_B(E(D_A(E(b))))-b\vert$. No gradient goes through the way there. Without it, A's light eyes shine through in B's face.

# %% [markdown]
# While it trains, the panel shows curves, the newest preview and the time left. **Pause**, **Save now** and **Stop** act at the next step; run the cell again and it goes on where it was. A kernel that dies costs a minute at most: checkpoints hold weights, optimiser and random state, and what they resume is the same run, bit for bit. On Colab the whole machine goes after a while: with `keep = "drive"` in the first cell the run goes on in a new one.
#
# Losses cannot tell whether a swap gets better. So every preview also asks a face-recognition network, which never trains, how far swapped faces have come from A to B.

# %%
steps = autoencoder_steps or scale.autoencoder_steps
nothing = scratch_steps or scale.scratch_steps
print(steps, "steps for the main model;", nothing, "each for the two from nothing")
expected = lab.training.times.predict(first, scale.batch_size, steps + 2 * nothing)
print("all three trainings:", expected or "this device is not in the table of times")

# %% [markdown]
# **Mixed precision** (presets `class` and `full`): layers compute in 16 bits, which a GPU's tensor cores do several times as fast, and which halves the memory of what a step keeps for the way back ([Micikevicius et al., 2018](https://arxiv.org/abs/1710.03740)). Weights, losses and pictures stay in 32 bits, and the loss is scaled up so that small gradients do not vanish.
#
# The predicted time above counts multiplications and memory traffic, and divides by what such a device is expected to reach. After the first steps the panel shows the measured time instead. How far off was the prediction?

# %%
held_out = lab.training.HeldOut(lab.course.identity_measure(run, size))
warm_model, warm_history = train("autoencoder", "encoder", steps, warm=True, held_out=held_out)

# %% [markdown]
# The sheet has four rows for each person: the face, its reconstruction, its swap, and the swap's alpha. It was drawn at steps 0, 1x, 2x, 4x ...; every one is kept in `previews/`, and a video of them beside it. **Look** for what settles first and what last: colour, outline, eyes?

# %%
timelapse = run.models("autoencoder") / lab.training.TIMELAPSE
lab.Player(timelapse.read_bytes(), "the previews of the autoencoder, one after the other", 420)

# %%
import pandas as pd

measured = pd.read_csv(run.models("autoencoder") / lab.training.MEASURES)
print(measured.round(3).to_string(index=False))
print(lab.training.advise(measured.to_dict("records")) or "still moving, or too few looks to tell: no advice to stop")

# %%
scratch_model, scratch_history = train("autoencoder_from_nothing", "encoder", nothing, warm=False)

# %%
shared_model, shared_history = train("autoencoder_shared_decoder", "decoder", nothing, warm=False)

# %% [markdown]
# ## Compare
# The curves say how well each model reconstructs faces *it was shown*. They do not say how good a swap is: for that there is no picture to compare with while training. Look at the swaps themselves.

# %%
warmed = lab.training.read_config(run.models("autoencoder"))["warm_start"]  # else it began from nothing, too: see above
main = "warm start" if warmed else "main model"
histories = {main: warm_history, "from nothing": scratch_history, "shared decoder": shared_history}
lab.widgets.curves(histories, [term for term in ("reconstruction", "contrast") if term in warm_history])

# %%
target_faces = lab.course.ensure_faces(run, "target")
pick = np.linspace(0, len(target_faces) - 1, 8).astype(int)
inputs = target_faces.subset(pick).images(size).astype("float32") / 255
models = {main: warm_model, "from nothing": scratch_model, "shared decoder": shared_model}
swaps = {name: ops.convert_to_numpy(m.translate(inputs, 0, 1)[0]) for name, m in models.items()}
lab.widgets.rows({"target": inputs, **swaps})


# %% [markdown]
# **Check**: are mouth and eyes open where the target's are? Does the head turn? A model that has not learnt yet shows one average face, whatever goes in.

# %%
def movement(pictures):
    return float(np.abs(pictures - pictures.mean(axis=0)).mean())


for name, pictures in swaps.items():
    print(f"{name:15s} moves {movement(pictures) / movement(inputs):.2f} times as much as the target")

# %% [markdown]
# ## What went wrong?
# | what you see | why |
# |---|---|
# | the target's own face comes back | **wrong direction**: encoded A, decoded as A |
# | a smear | the face was **not aligned**: shifted by a tenth of its size |
# | a mouth that never opens | trained for too short a time: the average face |

# %%
shifted = np.roll(inputs, size // 8, axis=2)
lab.widgets.rows(
    {
        "right": swaps[main],
        "wrong direction": ops.convert_to_numpy(warm_model.translate(inputs, 0, 0)[0]),
        "not aligned": ops.convert_to_numpy(warm_model.translate(shifted, 0, 1)[0]),
    },
    height=1.1,
)


# %% [markdown] tags=["exercise"]
# ## Exercise: between two codes
# **A function**: the code part of the way between two faces' codes. Decode it as B and watch one expression turn into another.

# %% tags=["stub"]
def mix(first, second, share):
    """Two codes of one shape, and a share: the code that lies this share of the way from first to second."""
    return None  # your turn


# %% tags=["solution"]
def mix(first, second, share):
    """Two codes of one shape, and a share: the code that lies this share of the way from first to second."""
    return first + share * (second - first)


# %% tags=["check"]
mix = checks.mix(mix)

# %% [markdown] tags=["notes"]
# Also beyond 0 and 1: the line goes on, and so do the expressions, for a while.

# %%
normal, _ = warm_model.relight(ops.convert_to_tensor(inputs[[0, 3]]))
codes = ops.cast(warm_model.encode(normal, 1, 0), "float32")
line = [mix(codes[0], codes[1], float(share)) for share in np.linspace(0, 1, 8)]
colour, _ = warm_model.generate(ops.stack(line), 1)
relit = colour / lab.models.autoencoder.MIDDLE * warm_model.usual_light[1]  # B's usual light put back
lit = relit if warm_model.config.relight else colour
lab.widgets.row(list(ops.convert_to_numpy(ops.clip(lit, 0, 1))), height=1.2)

# %% [markdown]
# ## Relatives
# A **variational autoencoder** ([Kingma and Welling, 2014](https://arxiv.org/abs/1312.6114)) lets the encoder answer with a mean $\mu$ and a deviation $\sigma$, draws the code $z=\mu+\sigma\varepsilon$ with noise $\varepsilon$, and pays for every code that strays from $N(0,1)$:
#
# $$L=E\vert D(z)-x\vert^2+\beta \mathrm{KL}(N(\mu,\sigma^2) \Vert N(0,1))$$
#
# The gaps between codes are filled, so that *any* code gives a face: one can invent people. The price is blur, and a swap needs no invented people: it always has a face to encode. In the exercise you walked between two codes without that promise, and saw whether it holds.

# %% [markdown]
# ## Recap
# You saw what sharing does to a code, and pushed a batch through every layer. You trained the two forms of sharing, compared them on the same faces, and saw what a warm start is worth.
#
# 1. Why can nothing be swapped when nothing is shared? And when everything is?
# 2. What does a bent input teach the decoder? What does the quick model have instead?
# 3. Which half chooses the person in each of the two forms?
# 4. Why is a low L1 no proof of a good face?
# 5. What does the transferred picture add that warping alone cannot?
#
# **Next**: notebook 04 lets a discriminator judge the outputs.

# %% tags=["quiz"]
lab.widgets.Answers("03")  # answer them first, then open each

# %%
begun = "the warm start" if warmed else "nothing"
run.finish("03_autoencoder", f"3 autoencoders: {steps} steps from {begun}, 2 x {nothing} from nothing")
