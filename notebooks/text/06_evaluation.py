# %% [markdown]
# **On Colab**: [colab.research.google.com](https://colab.research.google.com) > Upload: this notebook; then put `faceswap_lab_colab.zip` (made by `make colab`) into its Files panel, or on a Drive that is mounted there.

# %% [markdown]
# # 06 How good is a swap?
# **Goal** Put numbers on a swap, say how sure they are, and find out which of them to trust when no true swap is known.
#
# **Minutes** 40 to read, 5 on two CPU cores or a T4
#
# **Needs** the videos of notebook 05 (without them: made now, by the warm start that ships with the lab if need be)
#
# **Makes** `scores.json` with intervals; `scores/`: a table of every frame, heat maps, curves; the score card on the report page

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
# ## One number lies
# One frame of the target, and answers to "put B's face here": a model's, three that learnt nothing, and the true swap. **Predict**: rank the answers by eye, best first, before you look at the table below them.
#
# Clips of your own have no true swap. What needs one is missing then, here and below: the gains, the tint, the rulers, whatever is said of them. What is left is *nearer_to_source*, and the appendix **without a truth**.

# %% tags=["predict"]
# a list of the names above the pictures, best first
run.predict("06 ranked by eye", None, sure=None)

# %%
import itertools

import numpy as np
import pandas as pd

swaps = [lab.course.swap_clip(run, name, function) for name, function in lab.course.swap_functions(run).items()]
print("swaps:", ", ".join(swap.model for swap in swaps))

# %%
faces = lab.course.main_person(lab.course.ensure_faces(run, "target"))
b_faces = lab.course.main_person(lab.course.ensure_faces(run, "B"))
row = len(faces) // 3
index = int(faces.table.loc[row, "frame"])


def frame_of(frames):
    return next(itertools.islice(frames, index, None))


# %%
before = frame_of(lab.course.clip_frames(run.clip("target")))
truth = frame_of(lab.course.clip_frames(run.clips.truth)) if run.clips.truth else None
made = lab.metrics.known_baselines(b_faces)(before, faces.points(row), truth)
wanted = ("tint", "classical_swap", "blurred_truth", "truth")
answers = {swaps[0].model: frame_of(swaps[0].pictures()), **{name: made[name] for name in wanted if name in made}}
lab.widgets.row([before, *answers.values()], ["target", *answers], height=2.4)

# %%
compared = lab.course.compare(run, index, answers, faces.points(row))
if compared is not None:
    run.came("06 ranked by eye", list(compared["structure_gain"].sort_values(ascending=False).index))
compared

# %% [markdown]
# **Look**: *pixel_gain* likes the tint, which has none of B's features. *identity_gain* and *structure_gain* do not. No number here is false; each answers another question. So: several numbers, baselines beside them, and pictures.
#
# ## The card
# Every score for every model and baseline, in one pass over the videos. The landmark network and two recognition networks look at each frame, so it takes a few minutes. (Notebook 05 had a first look; this is the whole.)

# %%
found = lab.course.score_run(run, swaps)
rows = {**found["models"], **found["baselines"]}
best = found["best"]
print(f"{len(found['scores'])} scores for {len(found['models'])} models and {len(found['baselines'])} baselines")
print("best model:", best)


# %%
def told(name, score):
    value, ends = rows[name].get(score), found["intervals"][name].get(score)
    if value is None:
        return ""
    number = "{:.3f}" if abs(value) < 0.1 and found["scores"][score]["unit"] == "share" else "{:.2f}"
    said = " to ".join(map(number.format, ends or ()))
    return (number.format(value) + (f" ({said})" if ends else "")).replace(" ", "\u00a0")  # stays on one line


def heading(score):
    return lab.course.score_cards.with_unit(score, found["scores"][score]["unit"])


def table(*scores, names=None):
    known = [score for score in scores if score in found["scores"]]
    if not known:
        return print("These scores need a true swap, and none is known for this clip.")
    return pd.DataFrame({heading(score): {name: told(name, score) for name in names or rows} for score in known})


table("swap_gain", "identity_gain", "nearer_to_source", "sharpness", "temporal_error")

# %% [markdown]
# Five scores are the **core**, and a report needs no more: is the *structure* B's (swap_gain), is the *person* (identity_gain; nearer_to_source: on how many frames), is it *sharp*, does it *move* as the truth does. All others are an appendix, further down, to look things up in. A score without a unit is a ratio, a correlation or a distance of embeddings: a plain number.

# %% [markdown]
# Brackets hold 95 % intervals. **Look** at the baselines from the top: what *changes nothing*, what changes *colour only* (`colour_transfer`, `tint`), what wears *one mean face*, and the **classical swap**, which bends pictures of B onto A's landmarks with no learning at all. A model must beat all of these at once. `blurred_truth` and `shifted_truth` are rulers: the truth itself, 4 px soft or 2 px off.
#
# ## How sure is a number?
# A clip's frames are not as many independent looks: neighbours are nearly the same picture. **Predict**: how far apart must two frames be until their errors know nothing of each other?

# %% tags=["predict"]
# a number, or (low, high); how sure, in per cent
run.predict("06 independent frames", None, sure=None, unit="frames apart")

# %%
frames = lab.course.score_cards.read_table(run.out, best)
measure = next((name for name in ("swap_error", "nearer_margin") if name in frames), "frame")
errors = frames[measure].dropna().to_numpy()
lags = np.arange(min(40, len(errors) // 2))
together = [np.corrcoef(errors[: len(errors) - lag], errors[lag:])[0, 1] for lag in lags]
lab.widgets.curves({best: pd.DataFrame({"frames apart": lags, f"correlation of {measure}": together})},
               [f"correlation of {measure}"], logarithmic=False, over="frames apart")  # fmt: skip
apart = np.flatnonzero(np.array(together) < 0.05)
run.came("06 independent frames", int(lags[apart[0]]) if len(apart) else None, within=0.5)


# %% [markdown]
# Drawing single frames with replacement (the plain bootstrap) would treat them as independent. Drawing **blocks** of neighbours keeps what ties them together. On invented series with a memory like this one's, the plain interval holds the true value in a third to a half of all cases instead of 95 %; blocks come to nine in ten (`tests/metrics/test_bootstrap.py`).

# %% [markdown] tags=["exercise"]
# **Exercise, a function**: the plain bootstrap. Each row of `picks` draws as many frames as there are, with replacement. Take the mean of each draw, then the middle 95 % of the means.

# %% tags=["stub"]
def bootstrap_interval(errors, picks):
    """Errors (frames,), frame numbers (draws, frames): (low, high) of the mean's 95 % interval."""
    return None  # your turn


# %% tags=["solution"]
def bootstrap_interval(errors, picks):
    """Errors (frames,), frame numbers (draws, frames): (low, high) of the mean's 95 % interval."""
    return np.percentile(errors[picks].mean(axis=1), [2.5, 97.5])


# %% tags=["check"]
from faceswap_lab.course import checks

bootstrap_interval = checks.bootstrap_interval(bootstrap_interval)

# %% [markdown] tags=["notes"]
# Percentiles of the errors themselves say where single *frames* lie, a much wider span than that of their mean.

# %%
draws = np.random.default_rng(seed).integers(0, len(errors), (1000, len(errors)))
units = {"swap_error": "squared contrast, summed over a frame's pixels", "nearer_margin": "distance of embeddings"}
low, high = bootstrap_interval(errors, draws)
print(f"{measure}: mean {errors.mean():.4g}, {low:.4g} to {high:.4g} by single frames ({units.get(measure, 'frame')})")

# %%
scores = lab.metrics.gains.GainMeasure.SCORES if "swap_error" in frames else lab.metrics.nearest_person.NearerMeasure.SCORES
plain, blocks = (lab.metrics.bootstrap.intervals(scores, frames, length) for length in (1, None))
widths = {name: [some[name].high - some[name].low for some in (plain, blocks)] for name in plain}
pd.DataFrame(widths, index=["width, single frames", f"width, blocks of {found['blocks'][best]}"]).T.rename(heading).round(3)


# %% [markdown]
# Is one model *better* than another? Two intervals that overlap do not answer it: what makes a frame hard is hard for both, and cancels in the paired difference. Below, how much better the best model is, in each score's good direction.

# %%
def difference(name, score):
    value, low, high = found["differences"].get(name, {}).get(score, (None,) * 3)
    return "" if value is None else f"{value:+.2f} ({low:+.2f}, {high:+.2f})" + ("" if low * high > 0 else " unclear")


chosen = [
    score for score in ("swap_gain", "identity_gain", "nearer_to_source", "sharpness") if score in found["scores"]
]
pd.DataFrame({heading(score): {name: difference(name, score) for name in found["differences"]} for score in chosen})


# %% [markdown]
# The interval says how much the number would move with *other frames of this clip*. Other people, other light, another training of the same model move it further.
#
# ## Where is it wrong?
# The best and the worst frames of the best model, and a heat map of what differs from the truth (without one: of what was changed).

# %%
def shown(kind, count=3):
    pictures = {}
    for what in ("target", best, "truth", f"{best}_heat"):
        paths = [run.out / "scores" / f"frame_{row:06d}_{what}.jpg" for row in found["frames"][best][kind][:count]]
        if all(path.exists() for path in paths):
            pictures[what.replace(f"{best}_heat", "heat map")] = [lab.read_picture(path) for path in paths]
    return pictures


lab.widgets.rows(shown("best"), height=1.9)

# %%
lab.widgets.rows(shown("worst"), height=1.9)

# %% [markdown]
# **Look**: what do the worst frames share? Head turned away, mouth open, eyes shut? One mean over the clip hides it; a curve over time shows it.

# %%
curves = run.out / "scores" / "curves.png"
lab.Picture(curves.read_bytes(), "each score along the clip, a curve a model", 760) if curves.exists() else None

# %% [markdown]
# ## Which score to trust?
# So many numbers: which would *rank* swaps rightly without a truth? That can be tried where the truth is known. We build a **series of distortions**, swaps whose quality we chose, and see what every score says of each.

# %%
if run.clips.truth:
    clip = lab.metrics.distortions.KnownClip([before], [truth], faces.points(row)[None])
    names = ("unchanged", "blend_0_5", "blur_3", "shift_4", "noise_16", "cast_20", "square_20", "truth")
    steps = {distortion.name: distortion.make(clip)[0] for distortion in lab.metrics.distortions.series(clip) if distortion.name in names}
    lab.widgets.row([steps[name] for name in names], list(names), height=1.9)

# %% [markdown]
# `benchmarks/score_trust.py` made more than forty such swaps in both directions, with trembling and flickering ones, models and baselines among them. **rho** is Spearman's rank correlation with *quality*, the mean of structure_gain and identity_gain: 1 ranks as the truth does, 0 knows nothing of it.

# %%
known = lab.metrics.validation.measured().get("trust", {})
ranked = pd.DataFrame({name: {**{k: v["rho"] for k, v in one["rankings"].items()}, "verdict": one["verdict"]}
                       for name, one in known.items() if "truth" not in one["needs"]}).T  # fmt: skip
ranked.sort_values("quality", ascending=False)[["quality", "structure_gain", "identity_gain", "steadiness", "verdict"]]

# %% [markdown]
# **Look**: what asks *whose face* ranks identity, and through it some of quality. Nothing here ranks structure. Seam, flicker, pose and gaze do not rank at all: the unchanged target is perfect in each. Are they useless? No: they *see faults*.

# %%
sees = pd.DataFrame({name: {fault: one["sees"][fault]["word"] for fault in lab.metrics.distortions.FAMILIES if fault in one["sees"]}
                     for name, one in known.items() if "truth" not in one["needs"]}).T  # fmt: skip
sees.replace({"sees": "●", "blind": "", "rewards": "rewards", "-": ""})

# %% [markdown]
# A dot: the score falls when that fault grows. An empty field is blindness by design, as an eye chart says nothing of hearing. *Rewards* is a trap: the fault makes the score **better**. So for a clip without truth, report identity by the outsider, the faults that scores see, and show the video.

# %% [markdown]
# ## Why is A<-B not as good as B<-A?
# One model swaps both ways, and one way often looks better. Notebook 02's diagnosis has explanations: few faces, few poses, blurred faces of the one whose face is *generated*. We tested them by training on sets made lopsided on purpose (`benchmarks/asymmetry.py`: 14 trainings from nothing, every one scored both ways). *moved* is how far a set moves A<-B minus B<-A from the balanced pair's, *predicted* what the diagnosis says. **Predict** the signs.

# %% tags=["predict"]
# a list, for few faces of A, few of B, and so on down the table
run.predict("06 signs", None, sure=None, choices=("+", "-"))

# %%
trained, difficulty = lab.studies.asymmetry.measured()
lopsided = lab.studies.asymmetry.table(trained, difficulty).set_index("set") if trained else None
if trained:
    run.came("06 signs", ["+" if moved > 0 else "-" for moved in lopsided["moved"][1:]])
lopsided.round(3) if trained else None

# %%
for measure in ("quality", "structure_gain"):
    print(f"{measure} (a gain: 0 is the target, 1 the true swap)")
    for effect in lab.studies.asymmetry.effects(trained, difficulty, measure) if trained else ():
        print("-", effect.sentence())

# %% [markdown]
# **Look** at structure: few faces and blurred faces move the balance as foretold, and the *whole* cost falls on the direction that generates this person's face. Where this person is only the target, it costs nothing, which the diagnosis had not foreseen. Poses are not seen to matter, but the talking heads hardly turn: a weak test. Two seeds, 200 steps, faces still soft: identity among them is mostly noise.

# %% [markdown]
# ## Appendix: against the truth, in the field's own numbers
# Most papers report two numbers of pictures $x$ and $y$ in [0, 1]:
#
# $$\mathrm{PSNR}=10\log_{10}\frac{1}{E[(x-y)^2]} \qquad \mathrm{SSIM}=\frac{(2\mu_x\mu_y+c_1)(2\sigma_{xy}+c_2)}{(\mu_x^2+\mu_y^2+c_1)(\sigma_x^2+\sigma_y^2+c_2)}$$
#
# SSIM ([Wang et al., 2004](https://doi.org/10.1109/TIP.2003.819861)) takes means, variances and covariance in a small gaussian window around each pixel, and averages: are the same places light, and do they rise and fall together? $c_1=0.01^2$ and $c_2=0.03^2$ keep flat places from dividing by nothing. **Predict**: a picture is made a little darker, or blurred. Which does each number forgive?

# %% tags=["predict"]
# two: by PSNR, by SSIM
run.predict("06 forgives", None, sure=None, choices=("darker", "blurred"))


# %% [markdown] tags=["exercise"]
# **Exercise, a function**: SSIM of *one* window, all its pixels counting alike. `x.var()` divides by n; the covariance must, too.

# %% tags=["stub"]
def window_ssim(x, y):
    """(h, w) floats in [0, 1] twice: one number, with c1 = 1e-4 and c2 = 9e-4."""
    return None  # your turn


# %% tags=["solution"]
def window_ssim(x, y):
    """(h, w) floats in [0, 1] twice: one number, with c1 = 1e-4 and c2 = 9e-4."""
    mx, my, both = x.mean(), y.mean(), ((x - x.mean()) * (y - y.mean())).mean()
    return (2 * mx * my + 1e-4) * (2 * both + 9e-4) / ((mx**2 + my**2 + 1e-4) * (x.var() + y.var() + 9e-4))


# %% tags=["check"]
window_ssim = checks.window_ssim(window_ssim)

# %% [markdown] tags=["notes"]
# `np.cov` divides by n - 1 and is slightly too large beside `np.var`. The constants matter in flat windows only, where all else is 0.

# %%
import cv2


def ssim(x, y):
    def mean(picture):
        return cv2.GaussianBlur(picture, (11, 11), 1.5)

    mx, my = mean(x), mean(y)
    vx, vy, both = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
    return ((2 * mx * my + 1e-4) * (2 * both + 9e-4) / ((mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4))).mean()


# %%
x = before.astype(float) / 255
for name, y in {"darker": 0.95 * x, "blurred": cv2.GaussianBlur(x, (0, 0), 2.0)}.items():
    print(f"{name:8s} PSNR {10 * np.log10(1 / np.square(x - y).mean()):.1f} dB   SSIM {ssim(x, y):.3f}")
run.came("06 forgives", ["blurred", "darker"])

# %% [markdown] tags=["exercise"]
# **Exercise, change and explain**: change `0.95` and `2.0` above. What does PSNR forgive, what SSIM: "the blur", "the darkness" or "both"? And a report needs "both and a look", "the higher one" or "their mean"?

# %% tags=["stub"]
flattered = {"PSNR forgives": None, "SSIM forgives": None, "a report needs": None}  # your turn

# %% tags=["solution"]
flattered = {"PSNR forgives": "the blur", "SSIM forgives": "the darkness", "a report needs": "both and a look"}

# %% tags=["check"]
flattered = checks.flattered(flattered)

# %% [markdown] tags=["notes"]
# A factor moves all pixels a little, so every square counts; SSIM's first factor has two means, and a factor of 0.95 hardly touches it.

# %% [markdown]
# **Look**: PSNR forgives the blur, SSIM the darkness. Below they are measured where the swap matters: on the pixels that the true swap changes, and in a band along their edge. **Predict** the SSIM of the *unchanged* target.

# %% tags=["predict"]
# a number, or (low, high); how sure, in per cent
run.predict("06 SSIM of the target", None, sure=None)

# %%
run.came("06 SSIM of the target", rows["unchanged"].get("ssim"), within=0.1)
table("psnr", "ssim", "ms_ssim", "seam_ssim", "temporal_error")

# %% [markdown]
# The unchanged target is not at 0: the light, the head and half of the features are right already. That is why the lab's gains begin there. Does the face *do* the right thing, too?

# %%
table("landmark_error", "mouth_error", "blinks_reproduced", "pose_error", "gaze_error")

# %% [markdown]
# ## Appendix: without a truth
# For your own clip nobody knows the true swap. Then ask: **whose face** is it? Two networks answer, for a gallery of B, A and a stranger. dlib's has never trained a model here. HSE-FaceRes has: FaceSwap-GAN's identity loss asks it. **Predict** which of the two likes FaceSwap-GAN more.

# %% tags=["predict"]
run.predict("06 likes FaceSwap-GAN", None, sure=None, choices=("dlib", "HSE-FaceRes"))

# %%
gap = rows.get("faceswap_gan", {}).get("judges_gap")
run.came("06 likes FaceSwap-GAN", None if gap is None else ("HSE-FaceRes" if gap > 0 else "dlib"))
table("retrieval_dlib", "cosine_source_dlib", "identity_move_dlib", "identity_move_face_res", "judges_gap")

# %% [markdown]
# **Look**: on the bundled clips *retrieval* is 1 for every model, good or poor: it tells a swap from none and hardly more. *identity_move* goes from 0 (A) towards 1 (B). Where the network that helped to train says clearly more than the other, a model may please that network only; the gap of models that never met it shows how large it is by chance.
#
# Does the swap keep what A does, without showing a seam, a blur, a flicker?

# %%
table("pose_kept", "expression_kept", "gaze_kept", "seam", "sharpness_source", "flicker_beyond", "warp_error_edges")

# %% [markdown]
# ## Appendix: two clouds of faces
# Do the swapped faces, as a cloud of embeddings, look like B's real ones? The **Fréchet distance** fits a normal distribution to each cloud, means $m$ and covariances $C$:
#
# $$d^2=\Vert m-m'\Vert^2+\mathrm{tr}(C+C'-2(CC')^{1/2})$$
#
# With the features of an Inception network it is called **FID** ([Heusel et al., 2017](https://arxiv.org/abs/1706.08500)). Ours are a *face* network's, so it is a Fréchet distance and **no FID**: the numbers cannot be compared. **Kernel distance** ([Bińkowski et al., 2018](https://arxiv.org/abs/1801.01401): KID) fits nothing. With $k(x,y)=(x^Ty/D+1)^3$, over pairs of *different* faces:
#
# $$d^2=E[k(x,x')]+E[k(y,y')]-2E[k(x,y)]$$

# %% [markdown]
# In one dimension the Fréchet distance is $(m-m')^2+(\sigma-\sigma')^2$: how far the hills are apart, and how much wider one is. Check it, then put B's faces against *B's own*, split by chance: the answer should be 0.

# %%
one, two = (np.zeros(1), np.eye(1)), (np.array([3.0]), 4 * np.eye(1))  # mean and covariance of N(0, 1), of N(3, 2)
print(f"N(0, 1) and N(3, 2): {lab.metrics.frechet.gaussian_distance(*one, *two):.3f}, by the formula {3**2 + (2 - 1) ** 2}")

# %%
numbers = lab.metrics.set_features(b_faces, lab.metrics.Dlib())
order = np.random.default_rng(seed).permutation(len(numbers))
halves = {n: (numbers[order[:n]], numbers[order[n : 2 * n]]) for n in (8, 16, 32, 64, 126) if 2 * n <= len(numbers)}
clouds = {n: (lab.metrics.frechet.frechet_distance(*two), 1000 * lab.metrics.frechet.kernel_distance(*two)[0]) for n, two in halves.items()}
pd.DataFrame(clouds, index=["Fréchet distance", "kernel distance x 1000"]).T.rename_axis("faces in each half").round(3)

# %%
table("frechet_dlib", "kernel_dlib")


# %% [markdown]
# The fewer faces, the larger the Fréchet distance, though nothing differs: it is biased. The kernel distance stays around 0, and is noisy. Never compare a Fréchet distance of 100 faces with one of 10 000, nor an FID across papers.

# %% [markdown] tags=["exercise"]
# ## Exercise: inside the mask
# **A function**: PSNR over the masked pixels only.

# %% tags=["stub"]
def masked_psnr(output, wanted, mask):
    """(H, W, 3) floats in [0, 1] twice, (H, W) bool: decibels."""
    return None  # your turn


# %% tags=["solution"]
def masked_psnr(output, wanted, mask):
    """(H, W, 3) floats in [0, 1] twice, (H, W) bool: decibels."""
    return 10 * np.log10(1 / np.square(output - wanted)[mask].mean())


# %% tags=["check"]
masked_psnr = checks.masked_psnr(masked_psnr)

# %% [markdown] tags=["notes"]
# What lies outside the mask is the same in every swap: counted in, it flatters all of them, the more the smaller the face.

# %% [markdown]
# ## Recap
# You scored swaps against the truth and without it, put intervals around the numbers, looked at the worst frames, and asked of every score whether it ranks and what it sees.
#
# 1. Why does pixel_gain like a tint?
# 2. Why is the interval from single frames too narrow?
# 3. Why must the network that scores be none that helped to train?
# 4. Why does retrieval not tell a good swap from a poor one?
# 5. Name a score that rewards a fault. What would you read beside it?
#
# **Next**: notebook 07 asks what each part of a model is worth. To set two runs side by side: `python -m faceswap_lab compare run1 run2`.

# %% tags=["quiz"]
lab.widgets.Answers("06")  # answer them first, then open each

# %%
print("score card:", lab.course.write_report(run.out).name)
said = ", ".join(f"{score} {told(best, score)}" for score in ("swap_gain", "identity_gain") if score in found["scores"])
run.finish("06_evaluation", f"{len(found['scores'])} scores of {len(rows)} outputs; {best}: {said or 'no truth known'}")
