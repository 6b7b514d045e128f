# %% [markdown]
# **On Colab**: [colab.research.google.com](https://colab.research.google.com) > Upload: this notebook; then put `faceswap_lab_colab.zip` (made by `make colab`) into its Files panel, or on a Drive that is mounted there.

# %% [markdown]
# # 00 Welcome
# **Goal** See the whole way once, know the rules, check this machine.
#
# **Minutes** 10 to read, 1 on any machine
#
# **Needs** nothing
#
# **Makes** one picture of the five steps, and shows what comes out at the end

# %% tags=["parameters"]
preset = "quick"  # quick, class or full
seed = 0
out = "runs/sample"  # relative to the lab's folder
source = ""  # the clip of B, whose face is put in; empty = the one of the sample
target = ""  # the clip of A, whose video is changed; empty = the one of the sample
keep = ""  # "drive" on Colab: the run survives the machine; or a folder

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
# ## What comes out
# Face swapping puts the face of a **source** person (B) into a **target** clip, the video of another person (A). Below is one moment of a video that notebooks 01 to 05 make: the target, the swap, and the *true* swap.
#
# **Look** at the brows, the eyes, the nose: what has the model taken from B, and what is still missing when you compare it with the true swap?

# %%
picture = lab.course.ROOT / "docs" / "swap.jpg"
lab.Picture(picture.read_bytes(), "a target, its swap by a model, and the true swap, side by side", width=900)

# %% [markdown]
# ## Five steps
# **Look** at the last of the five pictures below. It is not a model's work but the *true* swap: these two people are rendered, so the same instant could be rendered with the other face. That is how this course can say how good a swap is, in numbers.

# %%
import numpy as np

moment = 40  # of 120 frames
target = lab.clip("talk_A")
frame, truth = (next(lab.open_video(clip.path).frames(start=moment / 20)).image for clip in (target, target.truth()))
points = target.points()[moment]
matrix = lab.alignment_matrix(points, 256)

# %%
steps = {
    "1 frame": frame,
    "2 find the face": lab.widgets.draw_points(frame, points, factor=2, radius=6),
    "3 align it": lab.align(frame, matrix, 256),
    "4 generate the other face": lab.align(truth, matrix, 256),
    "5 put it back": truth,
}
lab.widgets.row(list(steps.values()), list(steps), height=2.4)

# %% [markdown]
# ## A swap whose truth is known
# `data/actors` holds clips of three people who do not exist. The same instant was rendered with either face, in both directions.
#
# **Look** before you read on: which of the four pictures below are true swaps? What gives them away, if anything?

# %%
shown = []
for name in ("talk_B", "talk_A"):
    clip = lab.clip(name)
    for one in (clip, clip.truth()):
        shown.append(next(lab.open_video(one.path).frames(start=3.15)).image)
lab.widgets.row(shown, ["1", "2", "3", "4"], height=2.8)

# %% [markdown] tags=["exercise"]
# **Exercise, look**: what of the *source* (whose face is put in) and what of the *target* (whose video is changed) is in a swap? Compare 1 with 2, and 3 with 4. Write "source" or "target" for each. If you leave an exercise as it is, the lab's reference solution is used and the notebook goes on.

# %% tags=["stub"]
roles = {"hair": None, "voice": None, "expression": None, "nose": None}  # your turn

# %% tags=["solution"]
roles = {"hair": "target", "voice": "target", "expression": "target", "nose": "source"}

# %% tags=["check"]
from faceswap_lab.course import checks

roles = checks.roles(roles)

# %% [markdown] tags=["notes"]
# Most wrong answers give the *expression* to the source, since it is "her face". Let them cover all but the mouth of pictures 1 and 2.

# %% [markdown]
# The true swaps are pictures 2 and 4. Head, hair, body, light, movement and voice stay the target's; only the inner face becomes the source's. Below, the face mask says what is B's, and the difference says where truth and target are not the same. The points come from the rendered geometry, not from a detector: so a detector can be measured against them.

# %%
marks, mask = target.landmarks(), target.truth().masks()["face"][moment]
pointed = frame
for name in ("left_eye", "right_eye", "lips_outer", "lips_inner"):
    pointed = lab.widgets.draw_points(pointed, marks.contour(name)[moment], factor=1, radius=1.2)
difference = np.abs(truth.astype(float) - frame).mean(-1)
parts = {
    "points of lids and lips": pointed,
    "what is B's": (truth * mask[..., None]).astype(np.uint8),
    "truth minus target, x 3": np.clip(3 * difference, 0, 255).astype(np.uint8),
}
lab.widgets.row(list(parts.values()), list(parts), height=2.8)


# %% [markdown] tags=["exercise"]
# **Exercise, a function**: the mean of a picture over a mask. It tells how large the change is where B is, and where nobody is.

# %% tags=["stub"]
def mean_inside(difference, mask):
    """(H, W) numbers, (H, W) mask: the mean of the numbers where the mask is above one half."""
    return None  # your turn


# %% tags=["solution"]
def mean_inside(difference, mask):
    """(H, W) numbers, (H, W) mask: the mean of the numbers where the mask is above one half."""
    return difference[mask > 0.5].mean()


# %% tags=["check"]
mean_inside = checks.mean_inside(mean_inside)

# %% [markdown] tags=["notes"]
# The common mistake is `(difference * (mask > 0.5)).mean()`: it divides by the whole picture.

# %%
inside, outside = mean_inside(difference, mask), mean_inside(difference, 1.0 - mask)
print(f"mean difference inside the mask {inside:.1f} of 255, outside {outside:.2f}")


# %% [markdown] tags=["exercise"]
# **Exercise, a function, then change and explain**: the share of pixels in which *any* of the three channels differs by more than so many levels. Then change `levels` below: why does the share not fall to 0 at once, and why is it not the share of the mask?

# %% tags=["stub"]
def changed_share(first, second, levels):
    """(H, W, 3) uint8 twice, a number of levels: the share of pixels that differ by more."""
    return None  # your turn


# %% tags=["solution"]
def changed_share(first, second, levels):
    """(H, W, 3) uint8 twice, a number of levels: the share of pixels that differ by more."""
    return (np.abs(first.astype(int) - second) > levels).any(axis=-1).mean()


# %% tags=["check"]
changed_share = checks.changed_share(changed_share)

# %% [markdown] tags=["notes"]
# `first - second` wraps round in uint8. The share shrinks slowly, since B's skin is another one all over the face; it exceeds the mask at low levels, where the coder's noise counts, and stays below it at high ones, where both faces are alike.

# %%
levels = 8
print(f"{changed_share(frame, truth, levels):.1%} of the pixels changed, {(mask > 0.5).mean():.1%} are in the mask")

# %% [markdown]
# ## The notebooks
# - **01** take a video apart: frames
# - **02** find, align and mask faces: face sets
# - **03** train autoencoders: the first swap
# - **04** train FaceSwap-GAN: masks and a discriminator
# - **05** put faces back: a swapped video
# - **06** score it: which numbers to trust
# - **07** switch parts off: what each is worth
# - **08** halve channels: octaves
# - **09** look for swaps: where detectors fail
# - **10** do without pairs: CycleGAN
# - **11** swap without training: the base model
# - **12** bring your own clips: your own swap

# %% [markdown]
# Each notebook can be opened first: what is missing from earlier ones is made on the spot.

# %% [markdown]
# ## The rules
# This technique has hurt people: faces put into pornography without consent, words put into mouths. So:
#
# - **Consent.** Use your own face, or that of somebody who said yes to *this* use. No celebrities, no classmates by surprise.
# - **Say what it is.** Videos made here carry a visible label, signed content credentials and a watermark. Leave them in.
# - **Tidy up.** `python -m faceswap_lab clean` lists the faces that your runs left behind, `clean PATH` those in any other folder; `--remove` removes them.
# - The bundled people are **rendered**. Nobody's likeness is used.
#
# [Law and manners](../docs/law_and_manners.md) has duties, sources, and a checklist for teachers.

# %% [markdown]
# ## The ledger
# The lab asks before it cuts out, trains on or shows a face: every clip needs a record of who agreed to what, until when. The actors have theirs. For your own clips, ask the person, then write the answer down here (or with `python -m faceswap_lab consent grant`). When somebody takes a consent back, the ledger lists what was made with it.

# %%
lab.widgets.ConsentPanel()

# %% [markdown]
# ## Where to run it
# Colab's free tier restricts what it calls deepfakes: read its terms before you train there. Kaggle (read its terms too), your own machine, or a paid runtime are the other ways. Everything here runs on two CPU cores without any of them.

# %%
from faceswap_lab import __main__ as command_line

healthy = command_line.main(["doctor"]) == 0

# %% [markdown]
# ## Presets
# | preset | for | time for 01 to 06 |
# |---|---|---|
# | `quick` | two CPU cores; small models from a warm start | minutes |
# | `class` | one lesson on a T4 | about an hour |
# | `full` | the published scale | hours |
#
# Change `preset` in the cell near the top and run again. **Predict**: which notebook will take longest?

# %% [markdown]
# Predictions are typed: put yours in place of the first `None` of the cell below, how sure you are (in per cent) in place of the second, and run it *before* the next one. A number may be a range, `(low, high)`. At the end of a lesson stands what came, and your **calibration**: how often what you were 90 % sure of came true. The notebook that you save keeps which of them came true and how sure you were, so that a teacher can draw the class's curve. Left as they are, these cells do nothing.

# %% tags=["predict"]
run.predict("00 longest", None, sure=None, choices=("01", "02", "03", "04", "05", "06"))

# %%
print(run.preset.told())
print("autoencoder:", run.preset.autoencoder_steps, "steps; FaceSwap-GAN:", run.preset.gan_steps, "steps")
run.came("00 longest", "03" if run.preset.name == "quick" else "04")

# %% [markdown]
# ## Recap
# You saw the five steps, the rules and the machine.
#
# 1. Which parts of the target clip stay in a swap?
# 2. Why can a swap be scored here, and nowhere else?
# 3. Whose consent does a swap need?
# 4. What may Colab's free tier not be used for?
# 5. What does a preset change?
#
# **Next**: notebook 01 takes a video apart.

# %% tags=["quiz"]
lab.widgets.Answers("00")  # answer them first, then open each

# %%
run.finish("00_welcome", "the five steps in one picture")
