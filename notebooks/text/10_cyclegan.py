# %% [markdown]
# **On Colab**: [colab.research.google.com](https://colab.research.google.com) > Upload: this notebook; then put `faceswap_lab_colab.zip` (made by `make colab`) into its Files panel, or on a Drive that is mounted there.

# %% [markdown]
# # 10 CycleGAN: when nobody has the answer
# **Goal** Translate faces with pairs, see why there are none, and let a cycle take their place.
#
# **Minutes** 30 to read, 4 on two CPU cores (quick); on a T4 not measured
#
# **Needs** the sample clips, whose true swap is known, and their face sets (made now if they are missing)
#
# **Makes** `models/pix2pix`, `models/cyclegan`: weights, loss curves, previews

# %% tags=["parameters"]
preset = "quick"  # quick, class or full
seed = 0
out = "runs/sample"  # relative to the lab's folder
source = ""  # the clip of B, whose face is put in; empty = the one of the sample
target = ""  # the clip of A, whose video is changed; empty = the one of the sample
keep = ""  # "drive" on Colab: the run survives the machine; or a folder
pix2pix_steps = 0  # 0 = as the preset says
cyclegan_steps = 0  # 0 = as the preset says

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
# ## With pairs it is easy
# Suppose you had each of A's frames **twice**: as it was filmed, and with B's face in it. Then a swap would be homework with the answers at the back: show the network the left picture, compare what it generates with the right one.
#
# Our actors are rendered, so we do have them. Look at one column: same moment, same light, another face.

# %%
import cv2
import keras
import numpy as np
import pandas as pd
from keras import ops

# %%
scale = {"quick": (64, 240, 360), "class": (128, 4000, 8000), "full": (256, 20_000, 100_000)}
size, *usual = scale[run.preset.name]
steps = {"pix2pix": pix2pix_steps or usual[0], "cyclegan": cyclegan_steps or usual[1]}
before, truth = lab.course.true_pairs(run, size * 3 // 2)
some = np.linspace(0, len(before) - 1, 8).astype(int)
lab.widgets.rows({"A, filmed": before[some], "true swap": truth[some]})

# %% [markdown]
# **But where would such pairs come from?** Nobody can film the same instant with another person's face. Only a renderer can, and then you need no swap. Hold that thought.
#
# For an honest test the last third of the clip is kept away, as one block: frames drawn at random would all have a twin next door in the training part.

# %%
train_rows, test_rows = lab.course.split_blocks(len(before))
print(f"{len(train_rows)} pairs to learn from, {len(test_rows)} later ones to test with")
unseen, wanted = (lab.models.resize(pictures[test_rows], size).astype("float32") / 255 for pictures in (before, truth))

# %% [markdown]
# ## pix2pix: a U-Net and a discriminator that sees both
# pix2pix is [Isola et al., 2017](https://arxiv.org/abs/1611.07004). Its **U-Net** ([Ronneberger et al., 2015](https://arxiv.org/abs/1505.04597)) shrinks the picture to a single pixel and grows it again; at each size it hands its features across (**skip connections**), so that what need not change need not be remembered. The **PatchGAN** discriminator sees input and output side by side and scores patches.
#
# **Predict** before you run: the published patch is 70 x 70 of 256 pixels. Is a score for a patch harder on blur, or on a nose in the wrong place?

# %% tags=["predict"]
run.predict("10 harder", None, sure=None, choices=("blur", "a misplaced nose"))

# %%
rooms = {"pix2pix": lab.models.pix2pix, "cyclegan": lab.models.cyclegan}
for name, room in rooms.items():
    for config in (room.published(), room.quick()):
        weights = [build(config, "x").count_params() for build in (lab.models.build_generator, lab.models.build_discriminator)]
        print(
            f"{name:9s}{config.size:4d} px  generator {weights[0]:>11,}  discriminator {weights[1]:>9,}  patch {lab.models.patch_size(config)}"
        )

# %%
make = {name: room.quick if run.preset.name == "quick" else room.published for name, room in rooms.items()}
generator = lab.models.pix2pix.Pix2Pix(make["pix2pix"](size), seed=seed)
learnt = {"A": before[train_rows], "B": truth[train_rows]}
generator.set_faces(learnt)
views = generator({"A": np.arange(4)})
print("input", views["real"][0].shape, "generated", views["fake"].shape)
run.came("10 harder", "blur")

# %% [markdown]
# The discriminator's answer is a small map, not a number: on blur it is hard, on the whole it is blind. So pix2pix adds **100 times L1**, which knows where the nose belongs. With input $a$, truth $b$, $D$ for a probability that the output is real, and $E$ for the mean over the pictures, its GAN loss is the **non-saturating** one of notebook 04:
#
# $$L_G=-E[\log D(a,G(a))]+100 E\vert G(a)-b\vert$$
#
# $$L_D=-\frac{1}{2}E[\log D(a,b)]-\frac{1}{2}E[\log(1-D(a,G(a)))]$$
#
# Each term on this batch, untrained:

# %%
terms, discriminator = generator.loss_terms(views)
for term, value in terms.items():
    print(f"{term:12s} {float(value):.3f} x {getattr(generator.loss_weights, term):.0f}")
print(f"{'discriminator':12s} {float(discriminator):.3f}   (log 2 = 0.693 is a discriminator that cannot tell)")


# %%
def train(name, model, faces, batch, rate):
    counts = {person: len(pictures) for person, pictures in faces.items()}
    folder = lab.course.model_folder(run, name, steps=steps[name], seed=seed, counts=counts, size=size)
    model.compile(optimizer=keras.optimizers.Adam(lab.models.ConstantThenLinear(rate, steps[name]), beta_1=0.5))
    show = lab.widgets.live_preview(name)
    history = lab.course.train_model(run, model, folder, faces, steps[name], batch, show=show)
    lab.save_model(model, folder, name, {"steps": steps[name]})
    return history


# %%
quick = run.preset.name == "quick"
history = train("pix2pix", generator, learnt, 4, 1e-3 if quick else 2e-4)
last = history.iloc[-1]
print(f"L1 {history['l1'].iloc[0]:.3f} at first, {last['l1']:.3f} after {int(last['step'])} steps")


# %% [markdown]
# In the sheet A's third row is the swap. pix2pix was taught one way only, so B's rows stay as they are (alpha 0).
#
# Now the test: frames from the end of the clip, which it has never seen.

# %%
def generate(model, faces, source=0, target=1):
    return ops.convert_to_numpy(model.translate(faces, source, target)[0])


outputs = {"pix2pix": generate(generator, unseen)}
show = np.linspace(0, len(unseen) - 1, 8).astype(int)
lab.widgets.rows({"A, unseen": unseen[show], "pix2pix": outputs["pix2pix"][show], "truth": wanted[show]})

# %% [markdown]
# **Look** at nose and mouth: where the head stands otherwise than in the pairs that it was taught, pix2pix shows a ghost, two faces at once. It learnt from its pairs, and only from them.

# %% [markdown]
# ## Without pairs, anything goes
# Take the truth away. What is left are two heaps: faces of A, faces of B. A discriminator can still say whether a picture *looks like B*. Is that enough?
#
# The lower row is a "translation" that shuffles the heap of B. **Predict** what a discriminator says to it.

# %% tags=["predict"]
run.predict("10 shuffled", None, sure=None, choices=("real", "generated"))

# %%
names = ("target", "A") if run.clips.target_training else ("target",)
later = set(test_rows)
heap_a = [lab.course.ensure_faces(run, name).images(size * 3 // 2) for name in names]
heap_a[0] = np.stack([face for row, face in enumerate(heap_a[0]) if row not in later])
faces = {"A": np.concatenate(heap_a), "B": lab.course.ensure_faces(run, "B").images(size * 3 // 2)}
print(f"{len(faces['A'])} faces of A, {len(faces['B'])} of B, no pairs")

# %%
shuffled = np.random.default_rng(seed).permutation(len(faces["B"]))[:8]
lab.widgets.rows({"A": faces["A"][::-1][:: len(faces["A"]) // 8][:8], "an answer": faces["B"][shuffled]})
run.came("10 shuffled", "real")

# %% [markdown]
# It says: perfect, each one is B. But go through the columns: another pose, another mouth, other lids. A discriminator asks for *some* face of B, never for *this* expression.

# %% [markdown]
# ## The cycle says what must be kept
# CycleGAN ([Zhu et al., 2017](https://arxiv.org/abs/1703.10593)) trains two generators, $G$ from A to B and $F$ from B to A, and asks: **after the way there and back you must be who you were**. Whoever throws the pose away on the first leg cannot find it again on the second.
#
# $$L_{GAN}=E[(D_B(G(a))-1)^2]+E[(D_A(F(b))-1)^2]$$
#
# $$L=L_{GAN}+10 E\vert F(G(a))-a\vert+10 E\vert G(F(b))-b\vert$$
#
# The first line is **least squares**, as in LSGAN; pairs occur nowhere.
#
# | the two generators | discriminators say | the cycle costs |
# |---|---|---|
# | change nothing | A is not B | 0 |
# | shuffle | perfect | very much |
# | swap the face, keep the rest | perfect | little |

# %%
loss = lab.models.cyclegan.QUICK_LOSS if quick else lab.models.cyclegan.CycleGanLoss()
walker = lab.models.cyclegan.CycleGAN(make["cyclegan"](size), loss, seed=seed)
walker.set_faces(faces)
real = [lab.models.resize(faces[person][:4], size).astype("float32") / 255 for person in ("A", "B")]
views = walker.views(real)
print("there", views["fake"][1].shape, "and back", views["cycled"][0].shape)

# %%
shuffle = {**views, "cycled": [np.roll(pictures, 1, axis=0) for pictures in real]}
for name, seen in {"as it starts": views, "shuffled": shuffle}.items():
    cost = walker.loss_terms(seen, training=False)[0]["cycle"]
    print(f"{name:14s} cycle {float(cost):.3f} x {loss.cycle:.0f}")

# %% [markdown]
# Even four neighbours of one clip, shuffled, cost many times as much. (The paper's factor is 10, that of `quick` 5.)
#
# Three more things help. The **identity loss**, $5E\vert G(b)-b\vert+5E\vert F(a)-a\vert$: who is B already need not change. It keeps colours; here they *must* change, so at `quick` it is off. A **pool** of 50 old pictures reminds the discriminators of what they have seen through already ([Shrivastava et al., 2017](https://arxiv.org/abs/1612.07828)). And on two cores the generator gives a *change* of its input, so it begins with the identity; the published one has to learn to copy first.

# %%
walk = train("cyclegan", walker, faces, 2 if quick else 1, 1e-3 if quick else 2e-4)
lab.widgets.curves({"CycleGAN": walk}, ("adversarial", "discriminators", "cycle"), logarithmic=False)

# %%
outputs["CycleGAN"] = generate(walker, unseen)
back = generate(walker, outputs["CycleGAN"], 1, 0)
lines = {"A, unseen": unseen, "as B": outputs["CycleGAN"], "and back": back, "truth": wanted}
lab.widgets.rows({name: pictures[show] for name, pictures in lines.items()})

# %% [markdown]
# **Look**: what changed, what did not? Compare skin, then the brows, then the width of nose and jaw. Could the first picture be made from it again? Then the cycle is content, whatever the truth says.

# %% [markdown]
# ## A cycle that cheats
# Does a low cycle loss prove that the picture in the middle *shows* what was kept? [Chu et al., 2017](https://arxiv.org/abs/1712.02950) found aerial photographs that came back from a plain street map, with every tree: the map carried them as noise that nobody sees.
#
# Small enough to watch: $G$ must make a face grey, $F$ give the colours back, and each face has a random cast that nobody can guess from grey. A pixel may be off by 4 of 255 levels before it costs anything. **Predict**: which colours will come back?

# %% tags=["predict"]
run.predict("10 colours back", None, sure=None, choices=("none", "those of skin", "each face's own cast"))

# %%
casts = np.random.default_rng(seed).uniform(0.6, 1.4, (len(faces["A"]), 1, 1, 3))
cast = np.clip(lab.studies.sharing.small_faces(faces["A"]) * casts, 0, 1).astype("float32")
secret = lab.studies.cycle_hiding.train(cast, seed=seed)
middle = ops.convert_to_numpy(secret.there(cast))
plain = ops.convert_to_numpy(lab.models.grey(cast))
blurred = np.stack([cv2.blur(picture, (2, 2))[..., None] for picture in middle])


# %% [markdown] tags=["exercise"]
# **Exercise, a function**: what an eye does not see in the middle: the picture less the mean of each 2x2 block.

# %% tags=["stub"]
def whisper(picture):
    """(H, W), both sides even: (H, W), what is left of each pixel when its block's mean is taken off."""
    return None  # your turn


# %% tags=["solution"]
def whisper(picture):
    """(H, W), both sides even: (H, W), what is left of each pixel when its block's mean is taken off."""
    height, width = picture.shape
    coarse = picture.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))
    return picture - coarse.repeat(2, axis=0).repeat(2, axis=1)


# %% tags=["check"]
from faceswap_lab.course import checks

whisper = checks.whisper(whisper)

# %% [markdown] tags=["notes"]
# The means have to be enlarged again before they can be taken off. `halve` of notebook 01 is the first half of it.

# %%
pattern = (middle - plain)[0, ..., 0]
left = np.abs(whisper(pattern)).mean() / np.abs(pattern).mean()
print(f"hidden: {255 * np.abs(pattern).mean():.1f} levels; {left:.0%} of it is finer than a block of 2x2")

# %%
ways = {"from the middle": middle, "from plain grey": plain, "from the middle, blurred": blurred}
came = {name: ops.convert_to_numpy(secret.back(picture)) for name, picture in ways.items()}
some = np.linspace(0, len(cast) - 1, 8).astype(int)
hidden = {"in": cast, "in the middle": middle, "minus grey, x 20": 0.5 + 20 * (middle - plain)}
lab.widgets.rows({name: pictures[some] for name, pictures in {**hidden, **came}.items()})

# %%
print(f"the middle is {255 * np.abs(middle - plain).mean():.1f} levels from plain grey")
for name, pictures in came.items():
    print(f"{name:28s} {255 * np.abs(pictures - cast).mean():.1f} levels from what went in")
off = [np.abs(came[name] - cast).mean() for name in ("from the middle", "from plain grey")]
run.came("10 colours back", "each face's own cast" if off[0] < 0.75 * off[1] else "those of skin")

# %% [markdown] tags=["exercise"]
# **Exercise, investigate**: when the middle is blurred, comes back "a wrong cast", "the right cast" or "grey"? So the cycle loss "says nothing of what the middle shows", "was too weak" or "proves that the middle is right"?

# %% tags=["stub"]
cheating_cycle = {
    "blurred, the middle gives back": None,
    "so the cycle loss": None,
}  # your turn

# %% tags=["solution"]
cheating_cycle = {
    "blurred, the middle gives back": "a wrong cast",
    "so the cycle loss": "says nothing of what the middle shows",
}

# %% tags=["check"]
cheating_cycle = checks.cheating_cycle(cheating_cycle)

# %% [markdown] tags=["notes"]
# "Too weak" tempts: but a stronger one rewards the whisper even more.

# %% [markdown]
# **Look**: to us the middle is grey, with a faint weave at most, but the networks whisper, that is, hide a message: the cast is told by a faint pattern, two levels high. Blur it over 2x2 pixels, which changes little for an eye, and what comes back is as wrong as from plain grey. So a low cycle loss proves nothing about what the middle *shows*. Judge the middle itself, as below, and never the way back. (In training, noise or blur between the two legs makes whispering hard.)

# %% [markdown]
# ## Colour yes, shape hardly: measured
# Two numbers on the pixels where truth and target differ. **Colour**: how far the broad colours came from the target's (0) to the truth's (1). **Structure**: take a generated face's local contrast, which no tint can move, and mix it as well as you can from the target's and the truth's: how much of the truth is in the mixture? Beside the models stands a plain tint.
#
# **Predict** CycleGAN's two numbers.

# %% tags=["predict"]
# two, from 0 (target) to 1 (truth): colour, structure
run.predict("10 CycleGAN", None, sure=None)

# %%
different = np.stack(
    [lab.metrics.different_pixels(*((x * 255).astype(np.uint8) for x in two)) for two in zip(wanted, unseen, strict=True)]
)


def broad(pictures):
    return ops.convert_to_numpy(lab.models.gaussian_blur(ops.convert_to_tensor(pictures), size / 16))[different]


def fine(pictures):
    views = zip(pictures, different.astype("float32"), strict=True)
    return np.stack([lab.metrics.local_contrast(picture, 0.04 * size, mask) for picture, mask in views])[different]


# %%
def measure(pictures):
    start, made = (np.abs(broad(x) - broad(wanted)).mean() for x in (unseen, pictures))
    parts = np.stack([fine(unseen), fine(wanted)], axis=1)
    (of_target, of_truth), *_ = np.linalg.lstsq(parts, fine(pictures), rcond=None)
    return {"colour": 1 - made / start, "structure": of_truth / (of_target + of_truth)}


# %%
means = {person: pictures.reshape(-1, 3).mean(axis=0) / 255 for person, pictures in faces.items()}
outputs["tint"] = np.clip(unseen * (means["B"] / means["A"]).astype("float32"), 0, 1)
table = pd.DataFrame({name: measure(pictures) for name, pictures in {"unchanged": unseen, **outputs}.items()}).T
run.came("10 CycleGAN", list(table.loc["CycleGAN"]), within=0.25, least=0.15)
table.round(2)

# %% [markdown]
# CycleGAN comes near B's skin without a single pair, and its structure is the target's. pix2pix was shown the answers and does move the structure, as far as its few pairs reach. Longer training buys CycleGAN better colour and texture; outlines stay, as its authors say themselves: the generator is a stack of convolutions that keeps every pixel in its place, and a changed shape makes the way back harder.
#
# ## Why FaceSwap-GAN shares an encoder
# The autoencoder of notebook 03 has no pairs either. But it squeezes **both** people through one narrow code in which only pose, expression and light fit. B's decoder knows no other face than B's: it cannot leave A's nose standing. **Predict** its structure.

# %% tags=["predict"]
# a number, or (low, high); how sure, in per cent
run.predict("10 autoencoder", None, sure=None)

# %%
side = run.preset.face_size
autoencoder = lab.course.generator_to_begin_with(run, side)
small = lab.models.resize(before[test_rows], side).astype("float32") / 255
generated = lab.models.resize((generate(autoencoder, small) * 255).astype(np.uint8), size).astype("float32") / 255
outputs["autoencoder"] = generated
run.came("10 autoencoder", measure(generated)["structure"], least=0.15)
pd.DataFrame({name: measure(pictures) for name, pictures in outputs.items()}).T.round(2)

# %%
lines = {"A, unseen": unseen, **outputs, "truth": wanted}
lab.widgets.rows({name: pictures[show] for name, pictures in lines.items()})

# %% [markdown]
# **Check**: whose nose and brows are in each row? It is blurred, yet most of its structure is the truth's. (It was trained for longer: it is the run's own, or the warm start. `benchmarks/translation.py` gives each model the same time.)
#
# ## What went wrong?
# | what you see | why |
# |---|---|
# | A comes out a little more like A | **wrong direction**: the generator from B to A |
# | a ghost beside the face | **not aligned**: pix2pix learnt where a face lies |
# | patches, wrong skin | **another light**: all its pairs came from one clip |

# %%
strange = lab.models.resize(faces["A"][-8:], size).astype("float32") / 255
lab.widgets.rows(
    {
        "wrong direction": generate(walker, unseen, 1, 0)[show],
        "not aligned": generate(generator, np.roll(unseen, size // 6, axis=2))[show],
        "another light": strange,
        "... by pix2pix": generate(generator, strange),
    }
)


# %% [markdown] tags=["exercise"]
# ## Exercise: the price of a cycle
# **A function**: how far faces are from where they began. The loss counts on a scale of -1 to 1, twice that of the pictures.

# %% tags=["stub"]
def cycle_loss(real, there_and_back):
    """(N, S, S, 3) in [0, 1] twice: one number."""
    return None  # your turn


# %% tags=["solution"]
def cycle_loss(real, there_and_back):
    """(N, S, S, 3) in [0, 1] twice: one number."""
    return 2 * np.abs(real - there_and_back).mean()


# %% tags=["check"]
cycle_loss = checks.cycle_loss(cycle_loss)

# %% [markdown] tags=["notes"]
# Differences on -1 to 1 are twice those on 0 to 1.

# %%
print(f"there and back costs {cycle_loss(unseen, back):.4f}")

# %% [markdown]
# ## Beyond
# **One-shot swappers** (FaceShifter, [Li et al., 2019](https://arxiv.org/abs/1912.13457); SimSwap, [Chen et al., 2020](https://arxiv.org/abs/2106.06340)) need no training for B: one network for all people gets B's *embedding* from a recognition network as a second input, and an identity loss asks that the output has it. What they know of B is one picture. **Diffusion** ([Ho et al., 2020](https://arxiv.org/abs/2006.11239)) has no discriminator: a network $\varepsilon_\theta$ learns to guess the noise $\varepsilon$ in a picture $x$ of which only a share $\bar a_t$ is left at step $t$, $E\Vert\varepsilon-\varepsilon_\theta(\sqrt{\bar a_t}x+\sqrt{1-\bar a_t}\varepsilon, t)\Vert^2$, and makes a picture from noise alone in many small steps, guided by what it is told. Sharp and varied, and slow: tens of passes a frame.

# %% [markdown]
# Wherever colour and texture are the difference, and no pairs exist, a cycle does well: summer to winter, photograph to painting, one dish to another (ramen to fried rice, on the same plate). Where the *shape* is the difference, as between two faces, share an encoder.

# %% [markdown]
# ## Recap
# You trained pix2pix with pairs and a CycleGAN without, saw how a cycle can cheat, and measured what each moves and leaves.
#
# 1. Where could pairs of a face swap come from, and why does that defeat the purpose?
# 2. Which GAN loss has pix2pix, which CycleGAN, and what does pix2pix's discriminator see besides?
# 3. Why must the test frames be a block?
# 4. Which generators have a cycle loss of 0 and are useless? Which have a low one and lie?
# 5. Why does a shared, narrow code change the shape where a cycle does not?
#
# **Next**: notebook 11 swaps without any training of yours, from one picture.

# %% tags=["quiz"]
lab.widgets.Answers("10")  # answer them first, then open each

# %%
run.finish("10_cyclegan", f"pix2pix {steps['pix2pix']} steps with pairs, CycleGAN {steps['cyclegan']} without")
