# %% [markdown]
# **On Colab**: [colab.research.google.com](https://colab.research.google.com) > Upload: this notebook; then put `faceswap_lab_colab.zip` (made by `make colab`) into its Files panel, or on a Drive that is mounted there.

# %% [markdown]
# # 07 What matters: switch a part off and see
# **Goal** Guess what each part of the training is worth, measure it, say how sure you are.
#
# **Minutes** 20 to read, 3 on two CPU cores (quick); on a T4 not measured
#
# **Needs** the face sets of notebook 02 (made now if they are missing)
#
# **Makes** `ablation.json`: your own comparison, beside the one that was measured for this lesson

# %% tags=["parameters"]
preset = "quick"  # quick, class or full
seed = 0
out = "runs/sample"  # relative to the lab's folder
source = ""  # the clip of B, whose face is put in; empty = the one of the sample
target = ""  # the clip of A, whose video is changed; empty = the one of the sample
keep = ""  # "drive" on Colab: the run survives the machine; or a folder
variants = "no_contrast"  # what to switch: one or two names of the list below, separated by commas
ablation_steps = 60  # training steps of each variant
faces_each = 60  # faces of each set to train on, at most

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
# ## Everybody's favourite part
# Every face swapper piles up terms, warps and blocks, and each paper says that its own part helps. An **ablation** asks the machine: train once with everything (the **base**), train again with **one** part switched (a **variant**), and compare. Same faces, same steps, same order of the batches.
#
# Here is what some of the parts look like.

# %%
import dataclasses

import keras
import numpy as np

from faceswap_lab.studies import ablation, ablation_effect

material = ablation.of_run(run, faces_each)
print(*(f"{person}: {material.own[person]} faces, {len(material.faces[person])} with copies" for person in "AB"), sep="\n")

# %%
some = np.linspace(0, material.own["B"] - 1, 8).astype(int)
bank = lab.models.FaceBank(material.faces["B"], material.masks["B"], material.transferred["B"])


def seen(name):
    options = dataclasses.replace(lab.models.QUICK_AUGMENTATION, **ablation.VARIANTS[name].augmentation)
    return lab.models.random_views(bank(some), ablation.SIZE, options, keras.random.SeedGenerator(4))[0]


views = {name: seen(name) for name in ("base", "warp", "no_light", "no_turns", "no_shape_transfer")}
lab.widgets.rows(views)
moved = keras.ops.convert_to_numpy(abs(views["base"] - views["no_shape_transfer"])).mean(axis=(1, 2, 3))
print("bent into A's shape in the base, counted from the left:", *(np.flatnonzero(moved > 1e-3) + 1))

# %% [markdown]
# **Look**: these are inputs, as the network sees them in one step. In *no_light* the faces keep the light of their clip. *no_shape_transfer* shows B's own face every time; in the base a coin decides for each whether it comes bent into A's shape. It is a small change: compare the jaws of the numbered ones with those of the last row.
#
# ## All that can be switched
# `no_...` takes away what the base has; the others add what it has not. Each line ends with where it can be compared from: the *warm* start (your own run below), *nothing*, or a FaceSwap-GAN on the warm start (*gan*).

# %%
for name, variant in ablation.VARIANTS.items():
    starts = [start for start in ablation.STARTS if name in ablation.variants(start)]
    print(f"{name:22s} {variant.part:44s} from {', '.join(starts)}")

# %% [markdown]
# ## Your guess
# **Predict** before you go on: which part is worth most to the swap, and which is worth nothing? Put the names into an order, best first. (Leave it at None, and the guess that the benchmark's author wrote down before measuring stands in.)

# %% tags=["predict"]
my_guess = run.predict("07 order", None, sure=None)  # such as ["no_contrast", "attention", ...]

# %%
measured = lab.read_json(ablation_effect.MEASURED)
results = measured["results"]
names = [name for name in ablation_effect.table(results)["variant"] if name not in ("base", "untrained")]
written = ["adam", "no_contrast", "no_back", "no_shape_transfer", "no_copies", "attention", "warp", "shared_decoder"]
guess = [name for name in (my_guess or written) if name in names]
print("guess:", " > ".join(ablation.VARIANTS[name].part for name in guess))

# %% [markdown]
# ## What was measured
# `benchmarks/ablation.py` took an hour of two cores for this, so its numbers ship with the lab. A faint dot is one seed: the score *with* the part less the score *without* it. The large mark is their mean, the bar its 95 % interval (an arrow at the rim: it goes on). A triangle that points up pays, one that points down costs; a grey diamond is not sure enough to say either, or smaller than 0.01.
#
# **structure gain** asks whether brows, lids and lips are where the true swap has them; **identity gain** asks a recognition network whose face it is. Both are 0 for the untouched target and 1 for the true swap.

# %%
print(measured["steps"], "steps from", ablation_effect.BEGUN[measured["start"]])
lab.widgets.worth_plot(results)

# %%
columns = ["structure_gain", "identity_gain", "gaze_error", "sharpness", "part", "verdict"]
headings = ["structure gain", "identity gain", "gaze error (degrees)", "sharpness", "part", "the part ..."]
ablation_effect.table(results).set_index("variant")[columns].set_axis(headings, axis=1).rename_axis(None).round(3)

# %% [markdown]
# **Look**: the scores are the *variant's*: low ones where a part was taken away say that it pays. The optimiser (Muon in place of Adam), which no paper's table of losses lists, is worth most (0.12 ± 0.03 of structure); **local contrast pays** in both measures; **back-translation** pays a little in identity. The light of other frames *costs* a little. Instance norm lost in all three seeds, and still its interval reaches over 0. For the rest no difference is seen.

# %% [markdown]
# Mind what was asked: 200 steps from nothing. In a training of thousands of steps varied copies and light are what keeps faces that it never saw sharp. "No difference seen" is not "worth nothing", and what is not in the table has not been measured.

# %%
order = {name: ablation_effect.worth(results, name, "structure_gain").mean for name in guess}
pairs = [(a, b) for place, a in enumerate(guess) for b in guess[place + 1 :]]
right = sum(order[a] > order[b] for a, b in pairs)
print(f"this order was right for {right} of {len(pairs)} pairs; a coin gets {len(pairs) / 2:.0f}")
run.came("07 order", sorted(guess, key=order.get, reverse=True))

# %% [markdown]
# Do not be too proud, or too sad: among the parts with a grey diamond the order is luck.
#
# ## And a GAN's parts?
# The same for FaceSwap-GAN: 60 steps on the generator of the warm start, as notebook 04 goes on. **Predict**: which is worth more there, the discriminators or the recogniser? (That is the recognition network in the identity loss.)

# %% tags=["predict"]
run.predict("07 GAN's parts", None, sure=None, choices=("discriminators", "recogniser"))

# %%
gan_measured = lab.read_json(ablation_effect.MEASURED_GAN)
print(gan_measured["steps"], "steps from", ablation_effect.BEGUN[gan_measured["start"]])
gan_worth = [ablation_effect.worth(gan_measured["results"], name, "identity_gain").mean for name in ("no_discriminators", "no_identity")]
run.came("07 GAN's parts", ("discriminators", "recogniser")[int(np.argmax(gan_worth))])
ablation_effect.table(gan_measured["results"]).set_index("variant")[columns].set_axis(headings, axis=1).rename_axis(None).round(3)

# %% [markdown]
# The recogniser: 0.04 ± 0.01 of identity. The discriminators, which the model is named after, made no difference that three seeds can see, not even to sharpness: so few steps are nothing to a discriminator that begins untrained.

# %% [markdown]
# ## How much do three seeds know?
# Run the same training with another seed and the score moves, with nothing changed but luck. So let us invent 1000 parts that are worth **nothing**, and judge each by three seeds.
#
# **Predict**: how many of them look as if they paid, when all three dots lie on one side?

# %% tags=["predict"]
# a number, or (low, high); how sure, in per cent
run.predict("07 lucky parts", None, sure=None, unit="of 1000")


# %% [markdown] tags=["exercise"]
# **Exercise, a function**: the chance that all seeds of a worthless part fall on one side of zero, whichever. Then hold it against the bar of the plot.

# %% tags=["stub"]
def same_side(seeds):
    """A number of seeds: a chance."""
    return None  # your turn


# %% tags=["solution"]
def same_side(seeds):
    """A number of seeds: a chance."""
    return 2 * 0.5**seeds


# %% tags=["check"]
from faceswap_lab.course import checks

same_side = checks.same_side(same_side)

# %% [markdown] tags=["notes"]
# 0.5^n is the chance of *all above*; all below is as good a way to be fooled.

# %%
luck = np.random.default_rng(0).normal(0, 1, (1000, 3))
error = luck.std(axis=1, ddof=1) / np.sqrt(3)
judged = {
    "one seed, whatever it says": np.abs(luck[:, 0]) > 0,
    "mean beyond 1 standard error": np.abs(luck.mean(axis=1)) > error,
    "all three dots on one side": np.abs(np.sign(luck).sum(axis=1)) == 3,
    "95 % interval (4.3 standard errors)": np.abs(luck.mean(axis=1)) > 4.303 * error,
}
lab.widgets.chance_plot(luck, dict(reversed(judged.items())))
run.came("07 lucky parts", int(judged["all three dots on one side"].sum()))

# %% [markdown]
# With one seed every part "does something". Three dots on one side happen to a quarter of all worthless parts. The honest interval reaches 4.3 standard errors to each side at three seeds; at ten seeds it would be 2.3. That is what few seeds cost: not wrong answers, but **no** answers.
#
# And 5 % of twenty questions is one: ask often enough, and a triangle may be luck.
#
# ## Your own run
# Now the real thing, with one seed. The base and what you chose in `variants` train from the warm start, a minute each on two cores, and swap the same frames.

# %%
chosen = ["base", *(name.strip() for name in variants.split(",") if name.strip())]
mine, swaps = [], {}
for name in chosen:
    model = ablation.train(ablation.VARIANTS[name], material, ablation_steps, seed)
    swaps[name] = ablation.swap(model, material)
    scores = ablation.score(swaps[name], material)
    mine.append({"variant": name, "seed": seed, **scores})
    print(f"{name:14s} structure gain {scores['structure_gain']:.3f}  identity gain {scores['identity_gain']:.3f}")

# %%
pick = np.linspace(0, len(material.target) - 1, 7).astype(int)
shown = {"target": material.target, **swaps, "true swap": material.truth}
lab.widgets.rows(
    {name: [lab.align(frames[i], material.matrices[i], 256) for i in pick] for name, frames in shown.items()}
)

# %% [markdown]
# **Check** your eyes against the numbers. If you cannot tell the rows apart, the part is worth little *here*, whatever a paper says.

# %%
for name in chosen[1:]:
    for measure in ablation_effect.DECIDING:
        here, there = ablation_effect.worth(mine, name, measure), ablation_effect.worth(results, name, measure)
        known = f"measured {there.mean:+.3f} ± {there.half_width:.3f}" if there.seeds > 1 else "measured too seldom"
        print(f"{name:14s} {measure:15s} yours {here.mean:+.3f}   {known}")
lab.write_json(run.out / "ablation.json", {"steps": ablation_steps, "start": "warm", "results": mine})

# %% [markdown]
# Your number is **one dot**, of other faces, fewer steps and another start (the warm one) than the measured ones. Inside the interval it agrees; outside, it does not contradict yet. To know more: run this notebook again with another `seed`.
#
# ## Where the eyes look
# Gaze makes or breaks a swap, so it has a measure of its own, in degrees. It needs two numbers to be read against: what eyes that never move would get, and what the measure says of the untouched target, which looks exactly where the true swap looks. That one is the measure's own error.

# %%
looks = lab.metrics.against_truth(material.target, material.truth, material.points)
print(f"eyes that never move {looks['gaze_still']:5.1f} degrees")
print(f"the target itself    {looks['gaze_error']:5.1f} degrees")
for row in mine:
    print(f"{row['variant']:20s} {row['gaze_error'] or np.nan:5.1f} degrees")

# %% [markdown]
# **Look**: here the measure's own error is about as large as what still eyes get. So on this clip it cannot tell eyes that follow from eyes that stare; it can only tell eyes that are badly wrong. An eye generated without an iris, a dark hollow, reads as a glance anywhere. A model that is worse than eyes that never move has not drawn its eyes yet: praise no term for its gaze.

# %% [markdown]
# ## What went wrong?
# | what was done | what it pretends |
# |---|---|
# | a variant of seed 0 against a base of seed 1 | luck passes for worth |
# | the best of many seeds is shown | every part pays, a worthless one, too |
# | other steps, or other faces | the part is praised for the training |
# | twenty measures, one significant | that one is chance |

# %%
draws = np.random.default_rng(1).normal(0, 1, (10_000, 2, 5))
best = draws.max(axis=2)
print(f"a worthless part, five seeds each: mean difference {np.diff(draws.mean(axis=2)).mean():+.2f} standard deviations")
print(f"its best of five against one seed of the base: {(best[:, 1] - draws[:, 0, 0]).mean():+.2f} standard deviations")


# %% [markdown] tags=["exercise"]
# ## Exercises
# **A function**: what a part is worth, seed by seed: the base's score less the score of the variant without it. A seed that only one of them has is left out.

# %% tags=["stub"]
def paired(base, variant):
    """{seed: score} twice: a list of differences, in the seeds' order."""
    return None  # your turn


# %% tags=["solution"]
def paired(base, variant):
    """{seed: score} twice: a list of differences, in the seeds' order."""
    return [base[seed] - variant[seed] for seed in sorted(set(base) & set(variant))]


# %% tags=["check"]
paired = checks.paired(paired)


# %% [markdown] tags=["notes"]
# Values put beside each other in the order in which they were written compare seed 0 with seed 2: luck passes for worth.

# %% [markdown] tags=["exercise"]
# **A function**: from differences, one for each seed, to their mean and half the width of its 95 % interval. Student's factor is `stats.t.ppf(0.975, n - 1)` of `scipy`; the standard error is the deviation (with `ddof=1`) over the root of n.

# %% tags=["stub"]
def interval(differences):
    """Differences (seeds,): (mean, half width)."""
    return None  # your turn


# %% tags=["solution"]
def interval(differences):
    """Differences (seeds,): (mean, half width)."""
    from scipy import stats

    error = differences.std(ddof=1) / np.sqrt(len(differences))
    return differences.mean(), stats.t.ppf(0.975, len(differences) - 1) * error


# %% tags=["check"]
interval = checks.interval(interval)

# %% [markdown] tags=["notes"]
# 1.96 holds for many seeds; at three it is 4.3. Each half of the 5 % lies at one end, hence 0.975.

# %%
part = max(names, key=lambda name: ablation_effect.worth(results, name, "structure_gain").seeds)
mean, half_width = interval(np.array(ablation_effect.differences(results, part, "structure_gain")))
print(f"{part}: {mean:+.4f} ± {half_width:.4f}")

# %% [markdown] tags=["exercise"]
# **Investigate**: take the table of above. More seeds make "the interval narrower", "the mean larger" or "every part pay"? And an interval that reaches over 0 says "not known yet", "worth nothing" or "the part pays a little"?

# %% tags=["stub"]
fair_trial = {"more seeds make": None, "an interval over 0 says": None}  # your turn

# %% tags=["solution"]
fair_trial = {"more seeds make": "the interval narrower", "an interval over 0 says": "not known yet"}

# %% tags=["check"]
fair_trial = checks.fair_trial(fair_trial)

# %% [markdown] tags=["notes"]
# "Worth nothing" tempts most: show a wide interval over 0, and ask what would follow if its upper end were true.

# %% [markdown]
# ## Recap
# You guessed what each part is worth and compared that with what was measured. You switched a part yourself and held your one dot against an interval. You saw how many worthless parts look good in few seeds.
#
# 1. Why do base and variant share the seed?
# 2. What does "no difference seen" say, and what does it not?
# 3. Why is the interval of three seeds so much wider than that of ten?
# 4. Why can a part that pays from nothing show no worth from a warm start?
# 5. What does a gaze error of 4 degrees mean when eyes that never move get 3?
#
# **Next**: notebook 08 asks what a convolution may cost.

# %% tags=["quiz"]
lab.widgets.Answers("07")  # answer them first, then open each

# %%
run.finish("07_what_matters", f"{len(chosen)} trainings of {ablation_steps} steps compared: {', '.join(chosen)}")
