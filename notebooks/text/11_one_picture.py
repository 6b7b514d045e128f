# %% [markdown]
# **On Colab**: [colab.research.google.com](https://colab.research.google.com) > Upload: this notebook; then put `faceswap_lab_colab.zip` (made by `make colab`) into its Files panel, or on a Drive that is mounted there.

# %% [markdown]
# # 11 One picture: a swap with no training
# **Goal** Swap with the base model, from a clip or one picture; see what a reference gives, what learning from true swaps adds, and where it breaks.
#
# **Minutes** 20 to read, 4 on two CPU cores (quick); on a T4 not measured
#
# **Needs** two clips, and their face sets (made now if they are missing)
#
# **Makes** `swap/base_mask.mp4`, `swap/one_picture.mp4`

# %% tags=["parameters"]
preset = "quick"  # quick, class or full
seed = 0
out = "runs/sample"  # relative to the lab's folder
source = ""  # the clip of B, whose face is put in; empty = the one of the sample
target = ""  # the clip of A, whose video is changed; empty = the one of the sample
fine_tune = 60  # steps of 8 on the two people; 200 serve better, and take two minutes on two CPU cores
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
# ## Learn once, swap anybody
# The models of notebooks 03 and 04 know two people and nobody else: their weights *are* A and B. One-shot swappers (FaceShifter, Li and others 2019, [arXiv:1912.13457](https://arxiv.org/abs/1912.13457); SimSwap, Chen and others 2020, [arXiv:2106.06340](https://arxiv.org/abs/2106.06340)) are trained on many people, and are *told* the source by pictures when they swap.
#
# They have no true swaps to learn from, so they trade a loss for identity against one for staying like the target. **We have true swaps**: rendered people, each moment rendered twice. So the base model is simply shown the answer. A and B, whom you see here, are *not* among the 24 people that it learnt from.

# %%
import numpy as np
import pandas as pd

faces_b = lab.course.main_person(lab.course.ensure_faces(run, "B"))
base = lab.BaseSwap.from_faces(faces_b)
print(f"{len(base.source)} pictures of B; {base.network.count_params():,} weights; faces of {base.size} px")

# %%
faces = lab.course.main_person(lab.course.ensure_faces(run, "target"))
row = len(faces) // 3
index = int(faces.table.loc[row, "frame"])
frame = next(f.image for f in lab.open_video(run.clip("target")).frames() if f.index == index)
small = faces.matrix(row, base.size)
face = lab.align(frame, small, base.size)

# %% [markdown]
# ## Step 1: look it up
# Which picture of B helps with this face of A? The one that looks the same way, under the same light. Rarely does one picture have the right mouth *and* the right eyes, so three are looked up: the nearest in all, in the mouth, in the eyes. "Near" is a weighted distance of readings:
#
# $$d(i)=\sum_k w_k\left(\frac{r_k-r_k(i)}{s_k}\right)^2$$
#
# over the target's readings $r_k$ and those of picture $i$: yaw, pitch, the mouth's opening and width, the lids, the irises, and the light; $s_k$ is what counts as one step.
#
# **Predict**: will the three be the same picture?

# %% tags=["predict"]
run.predict("11 one picture for all", None, sure=None, choices=("yes", "no"))


# %% [markdown] tags=["exercise"]
# **Exercise, a function**: the number of the nearest picture, by the distance above.

# %% tags=["stub"]
def nearest(read, readings, weights, steps):
    """Target's readings (n,), pictures' (pictures, n), weights (n,), steps (n,): a number."""
    return None  # your turn


# %% tags=["solution"]
def nearest(read, readings, weights, steps):
    """Target's readings (n,), pictures' (pictures, n), weights (n,), steps (n,): a number."""
    return int((weights * ((read - readings) / steps) ** 2).sum(axis=1).argmin())


# %% tags=["check"]
from faceswap_lab.course import checks

nearest = checks.nearest(nearest)

# %% [markdown] tags=["notes"]
# Readings come in degrees, shares and levels: without their steps the largest unit decides.

# %%
seen = lab.swap.person_of(faces.subset([row]), base.size)
chosen = lab.faces.references.choose(base.source, seen.read[0], seen.light[0])
run.came("11 one picture for all", "yes" if len(set(map(int, chosen))) == 1 else "no")
lab.widgets.row([face, *base.source.images[chosen]], ["A, the target", "nearest in all", "in the mouth", "in the eyes"])
pd.DataFrame(
    [seen.read[0], *base.source.read[chosen]], ["target", "all", "mouth", "eyes"],
    ["yaw (degrees)", "pitch (degrees)", "lips", "width", "lids", "iris right", "iris down"],
).round(2)  # fmt: skip

# %% [markdown]
# ## Step 2: bend it
# Each picture is carried, triangle by triangle, to where B's features *would* lie if B did what A does. Where is that? A's landmarks, moved by how the two faces differ in shape:
#
# $$p=p_A+(s_B-s_A)$$
#
# A person's shape $s$ is the mean difference from what an average face would show at the same pose and expression (a ridge regression: of one picture little is believed, of many pictures all).

# %%
beside = base.for_target(faces).beside(face)
warped = [beside[..., 3 * k : 3 * k + 3] for k in range(3)]
lab.widgets.row([face, *warped, beside[..., -1]], ["A", "1: all, bent", "2: mouth, bent", "3: eyes, bent", "known"])

# %% [markdown]
# **Look**: the detail is B's own, pores and all. And it is no swap yet: another light, teeth from another moment, edges where triangles end. Laid over A as it is, what do the scores say?

# %% [markdown]
# ## Step 3: let a network finish it
# A U-Net (Ronneberger and others 2015, [arXiv:1505.04597](https://arxiv.org/abs/1505.04597)) sees the target beside the three bent pictures. It does not generate skin from nothing; for each pixel it says which picture to take, how to relight it, what to add, and how much the result counts:
#
# $$y=m_0x+\sum_{k=1}^{3} m_k(e^{g_k}r_k+o_k)+c \qquad \sum_k m_k=1$$
#
# with the target $x$, the bent references $r_k$, the mixture $m$, gains $g$ and offsets $o$ (coarse: 8x8), the correction $c$.

# %%
parts = lab.models.reference_swapper.explain(base.network, face[None], beside[None])
shares = [parts["mixture"][0, ..., k] for k in range(4)]
lab.widgets.row([*shares, parts["correction"][0] + 0.5], ["share of A", "of 1 (all)", "of 2 (mouth)", "of 3 (eyes)", "added (grey is 0)"])

# %%
composite, alpha = lab.models.reference_swapper.generate(base.network, face[None], beside[None])[0, ..., :3], parts["alpha"][0]
lab.widgets.row([face, composite, alpha], ["A", "the composite", "alpha"], height=2.6)

# %% [markdown]
# The composite holds A's hair and light already, so it goes back **without** colour transfer and sharpening, where alpha says. A conversion generates twice, the second time of all pictures mirrored, and takes the mean: two guesses err less than one.
#
# ## What does each step earn?
# **Predict** the order of: one bent picture laid on as it is, the base with *one* picture of B, the base with all of them.

# %% tags=["predict"]
# a list, best first
run.predict(
    "11 order of three", None, sure=None, choices=("reference alone", "base, one picture", "base, all pictures")
)

# %%
one = lab.BaseSwap.from_faces(faces_b.subset([len(faces_b) // 2])).for_target(faces)
every = base.for_target(faces)


def given(colour, counts):  # a swap function that answers with one picture
    def generate(some):
        return colour[None], counts[None, ..., None]

    generate.size = base.size
    return generate


# %%
laid = np.where(beside[..., -1:] > 0, warped[0], face).astype("float32") / 255
alone = given(laid, alpha * (beside[..., -1] / 255))
ways = {"reference alone": alone, "base, one picture": one, "base, all pictures": every}
swaps = {
    name: lab.swap_frame(frame, faces.matrix(row), None, function, base.putting_back) for name, function in ways.items()
}
lab.widgets.row([frame, *swaps.values()], ["target", *swaps], height=3)
compared = lab.course.compare(run, index, swaps, faces.points(row))
if compared is not None:
    run.came("11 order of three", list(compared["swap_gain"].sort_values(ascending=False).index))
compared

# %% [markdown]
# **Look** at *swap_gain*: *reference alone* and *base, all pictures* looked up the same pictures, so what lies between them is what the true swaps taught. *One picture* had no choice. In *identity_gain* the bare reference may win: its pores are B's. It pays for them with seams and wrong light (*sharpness*: 1 is the truth's). (Notebook 06 says how far one frame can be trusted.)
#
# ## The whole video, in one command
# In a shell it is `python -m faceswap_lab convert a.mp4 --source b.mp4 --out swapped.mp4`; `--source` may be one picture. Consent is asked for as always, of the source, too.

# %%
video = lab.course.swap_clip(run, "base", base)
if video.report:
    print(video.report.summary())

# %%
short = lab.convert(
    run.clip("target"), faces, one, run.out / "swap" / "one_picture.mp4", ranges=[(0, 2)], overwrite=True
)
lab.Player((run.out / "swap" / "base_mask.mp4").read_bytes(), "the base model, all pictures of B", 480)

# %%
lab.Player((run.out / "swap" / "one_picture.mp4").read_bytes(), "two seconds, from one picture of B", 480)

# %% [markdown]
# **Watch** the eyes when the looked-up picture changes, and the mouth when it opens wider than B's ever did.
#
# ## Practise with answers that are known
# The base has never seen these two. Can it learn them? Their true swap is not known to it. But the **reverse** has a known answer: put A's face into a picture of B, and what it showed before is right. The network learns to bring B back, from B's *other* pictures (ReliableSwap, Yuan and others 2023, [arXiv:2306.05356](https://arxiv.org/abs/2306.05356)).

# %%
sample = every.practice().sample(len(base.source) // 3, np.random.default_rng(seed))
shown = [sample["faces"], sample["references"][..., :3], sample["truth"]]
lab.widgets.row(shown, ["B with A's face: the input", "another picture of B, bent", "the answer"], height=2.4)

# %%
asked = lab.swap.FineTuning(run.clip("target"), run.out / "models" / f"base_tuned_{fine_tune}", fine_tune, seed)
tuned = lab.BaseSwap.from_faces(faces_b, fine_tuning=asked).for_target(faces)

# %%
ways = {"base": every, "fine-tuned": tuned}
swaps = {
    name: lab.swap_frame(frame, faces.matrix(row), None, function, base.putting_back) for name, function in ways.items()
}
lab.widgets.row([frame, *swaps.values()], ["target", *swaps], height=3)
lab.course.compare(run, index, swaps, faces.points(row))

# %% [markdown]
# **Look**: brows, nose and mouth come nearer to B's. Why is A's own picture never practised with, from the other side? Then the network would learn to tell *by the hair* whose face belongs there, and would give A back to A.
#
# ## Where it breaks
# Four moments, and which part gives way. Say first what you expect.

# %%
hard, five = lab.clip("hard_A").frames(), lab.clip("hard_A").points()
moments = [10, 25, 40, 55]
tried = [
    lab.swap_frame(hard[k], lab.alignment_matrix(five[k], 256), None, base, base.putting_back) for k in moments
]
lab.widgets.rows({"target": [hard[k] for k in moments], "base": tried}, height=2.4)

# %% [markdown]
# | what you see | why |
# |---|---|
# | a poor swap from one picture | it was turned, or lit from the side |
# | a profile with a doubled nose | the mesh guesses what it cannot see, and no picture of B looks that way |
# | a hand that turns to skin | what finds hands misses some in motion and dim light |
# | a soft face | the loss pays the mean of what could be there; an adversarial loss (notebook 04) would not |
# | somebody else's likeness | no picture of B shows this moment in this light; a small network cannot make up the rest |

# %% [markdown] tags=["exercise"]
# ## Exercises
# **Investigate**: with *one* picture of B, are the three that are looked up "the same", "different" or "A's own"? So what suffers most: "mouth and eyes that it does not show", "the hair" or "the light"?

# %% tags=["stub"]
one_picture = {
    "with one picture the three looked up are": None,
    "so what suffers most is": None,
}  # your turn

# %% tags=["solution"]
one_picture = {
    "with one picture the three looked up are": "the same",
    "so what suffers most is": "mouth and eyes that it does not show",
}

# %% tags=["check"]
one_picture = checks.one_picture(one_picture)


# %% [markdown] tags=["notes"]
# The light tempts: but gain and offset are the network's own, and relight one picture as well as many.

# %% [markdown] tags=["exercise"]
# **A function**: the mixture, which is the composite before the correction.

# %% tags=["stub"]
def mixture(shares, pictures):
    """(S, S, 4) shares, four pictures (4, S, S, 3), floats: the mixed picture (S, S, 3)."""
    return None  # your turn


# %% tags=["solution"]
def mixture(shares, pictures):
    """(S, S, 4) shares, four pictures (4, S, S, 3), floats: the mixed picture (S, S, 3)."""
    return np.einsum("hwk,khwc->hwc", shares, pictures)


# %% tags=["check"]
mixture = checks.mixture(mixture)

# %% [markdown] tags=["notes"]
# The shares' last axis and the pictures' first are the same four. Who sums over the wrong axis gets another shape.

# %%
pictures = np.stack([face.astype("float32") / 255, *parts["relit"][0]])
wanted = mixture(parts["mixture"][0], pictures)

# %%
assert np.allclose(parts["mixture"].sum(axis=-1), 1, atol=1e-4)
assert np.abs(np.clip(wanted + parts["correction"][0], 0, 1) - composite).max() < 1e-3
lab.widgets.row([wanted, composite], ["mixed", "with the correction"], height=2.4)

# %% [markdown]
# ## Recap
# You looked pictures up, bent them to another face's landmarks, let a network that knows neither person finish the swap, and measured each step.
#
# 1. Why can this model be shown the right answer, and those of notebooks 03 and 04 not?
# 2. What does the network do with a bent picture whose light is wrong?
# 3. Why does one picture of B earn less than a clip?
# 4. Why does the composite need no colour transfer?
# 5. Whom must its scores be measured on, and whom not?
#
# **Next**: a clip and a picture of your own, with the consent of both.

# %% tags=["quiz"]
lab.widgets.Answers("11")  # answer them first, then open each

# %%
numbers = video.report.summary().splitlines()[0] if video.report else "made before"
run.finish("11_one_picture", f"swap/base_mask.mp4 without training: {numbers}")
