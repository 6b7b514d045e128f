# %% [markdown]
# **On Colab**: [colab.research.google.com](https://colab.research.google.com) > Upload: this notebook; then put `faceswap_lab_colab.zip` (made by `make colab`) into its Files panel, or on a Drive that is mounted there.

# %% [markdown]
# # 09 Was this face swapped?
# **Goal** Look for swaps by eye, by statistics, by a network and by whose face it is; find out where each goes wrong; read what a video says of itself.
#
# **Minutes** 40 to read, 3 on two CPU cores or a T4
#
# **Needs** the videos of notebook 05 (without them: made now, by the warm start that ships with the lab if need be)
#
# **Makes** `detection.json`: what every detector was worth, where it learnt and elsewhere; `detection/`: the videos that it was tried on

# %% tags=["parameters"]
preset = "quick"  # quick, class or full
seed = 0
out = "runs/sample"  # relative to the lab's folder
source = ""  # the clip of B, whose face is put in; empty = the one of the sample
target = ""  # the clip of A, whose video is changed; empty = the one of the sample
keep = ""  # "drive" on Colab: the run survives the machine; or a folder
meso_steps = 150  # training steps of the small network
gap_frames = 4  # frames left out on each side, wherever training and test meet

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
# ## Real or swapped?
# Your target clip, what your models made of it, a swap that nobody trained (notebook 06's *classical swap*) and, with the bundled actors, the *perfect* swap. **Predict**: write down which of these eight faces are real.

# %% tags=["predict"]
# a list, such as [1, 4, 5]
run.predict("09 real faces", None, sure=None)

# %%
import itertools
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from faceswap_lab.studies import detection

functions = detection.models(run)
this = detection.target_scene(run, functions)
first = this.swaps[0]

# %%
random = np.random.default_rng(seed)
dealt = random.permutation(([detection.REAL] * 3 + list(this.swaps) * 5)[:8])
moments = random.permutation(len(this.frames))[:8]
hand = [this.crops(video, detection.FILMED).faces[row] for video, row in zip(dealt, moments, strict=True)]
lab.widgets.row(hand, [str(number) for number in range(1, 9)], height=1.5)

# %%
print(*(f"{number}: {video}" for number, video in enumerate(dealt, 1)), sep="\n")
run.came("09 real faces", {number for number, video in enumerate(dealt, 1) if video == detection.REAL})

# %% [markdown]
# How many did you get? Keep the number: it is your own detector's score.
#
# ## Three ways to fool yourself
# A detector is easily praised for something else than finding swaps:
#
# - **Leakage.** Neighbouring frames are nearly one picture. If chance deals them to training and test, the test was seen before.
# - **The coder.** If only one class went through H.264, its traces tell the classes apart.
# - **The scene.** If real and swapped faces come from different clips, the light tells.
#
# So: every moment is there in both classes, all videos go through one coder (crf 18), and *stretches* of time train (#) or test (o), with gaps between.

# %%
sides = detection.split(this.frames, gap=gap_frames)
print("".join({detection.TRAIN: "#", detection.TEST: "o"}.get(side, ".") for side in sides))
print(f"{(sides == detection.TRAIN).sum()} moments of each video to train on, {(sides == detection.TEST).sum()} to test with")

# %% [markdown]
# ## What the eye looks for
# Four signs from the guides, each as one number a face: an edge round the face, softness, dull eyes, colours that jump. The **AUC** (area under the curve of swaps caught against false alarms) is the chance that a swapped face gets a larger number $s$ than a real one, $P(s_{\mathrm{swap}}>s_{\mathrm{real}})$: 0.5 guesses, 1 errs never, below 0.5 it is *wrong*. **Predict** the best sign.

# %% tags=["predict"]
best_sign = run.predict("09 best sign", None, sure=None, choices=("seam", "blur", "eyes", "flicker"))


# %% [markdown] tags=["exercise"]
# **Exercise, a function**: the AUC from its definition: of all pairs of a swapped and an honest face, in how many has the swapped one the larger number? Equal numbers count one half.

# %% tags=["stub"]
def auc(swapped, honest):
    """Numbers (n,) of swapped faces and (m,) of honest ones: a chance."""
    return None  # your turn


# %% tags=["solution"]
def auc(swapped, honest):
    """Numbers (n,) of swapped faces and (m,) of honest ones: a chance."""
    more, equal = swapped[:, None] > honest, swapped[:, None] == honest
    return (more + 0.5 * equal).mean()


# %% tags=["check"]
from faceswap_lab.course import checks

auc = checks.auc(auc)

# %% [markdown] tags=["notes"]
# No threshold occurs. Below 0.5 nothing is mended: a detector that is wrong has to be seen to be wrong. For many faces one sorts once and adds up ranks (Mann and Whitney).

# %%
by_eye = detection.numbers(this, {sign.name: sign for sign in detection.SIGNS}, gap=gap_frames)
signs_found = detection.areas(by_eye)
generated = signs_found[signs_found["video"].isin(list(functions))]  # by a model
means = {sign: np.mean([one.value for one in some["auc"]]) for sign, some in generated.groupby("detector")}
best = [sign for sign, mean in means.items() if mean > max(means.values()) - 0.005]  # two may be equally good
run.came("09 best sign", best_sign if best_sign in best else best[0])
lab.widgets.area_table(signs_found, ["detector"], "video")

# %%
lab.widgets.distributions_plot(by_eye, "blur")

# %% [markdown]
# **Look** behind the AUCs of *blur*: hills that lie apart give an AUC near 1, hills on top of each other 0.5. Where would you put a **threshold**, a number above which a face is accused? Each place buys caught swaps (outlined, right of it) with accused honest faces (hatched, right of it).

# %% [markdown]
# Brackets: 95 % intervals over blocks of moments (notebook 06); one without width is no proof of perfection, only of few moments. **Look**: at `quick`, faces are generated at 64 pixels and enlarged, so *blur* finds every model's swap. It does not find the classical swap, which bends real pictures, nor the perfect one. *Seam* prefers to accuse the real video: a good blend is smoother than A's own cheek.
#
# And *eyes*: with the bundled actors it accuses the **perfect** swap, which has no fault at all. Why? Keep the question.

# %% [markdown]
# ## Frequencies
# A picture is a sum of waves. How strong are the coarse ones, how strong the fine ones, in all directions together? (In decibels: 10 dB less is a tenth of the power.) Networks that enlarge while they generate get the finest wrong ([Durall et al., 2020](https://arxiv.org/abs/2003.01826)); what is generated small and enlarged afterwards, as here, lacks them.

# %%
spectra = {video: detection.radial_spectrum(this.crops(video, detection.FILMED).faces) for video in this.videos}
lab.widgets.spectra_plot(spectra)

# %% [markdown]
# **Look** at the right panel: what is missing lies where the model's own pixels end. (64 of them hold 32 waves at most; this crop shows three quarters of the face's square, so 24.) A linear classifier can read that off. One is trained on each kind of swap (rows), and tried on all (columns), on moments that it never saw. **Predict**: where are they least sure?

# %% tags=["predict"]
run.predict(
    "09 least sure", None, sure=None, choices=("on the swap they learnt from", "on swaps that are not soft", "nowhere")
)

# %%
learnt = {}
for video in this.swaps:
    taught = detection.training_crops(this, [video], gap=gap_frames)
    learnt[f"learnt from {video}"] = detection.SpectrumDetector().fit(*taught)

# %%
across = detection.areas(detection.numbers(this, learnt, gap=gap_frames))
found_by = across.assign(value=[one.value for one in across["auc"]]).groupby("video")["value"].mean()
soft, others = found_by[found_by.index.isin(list(functions))].min(), found_by[~found_by.index.isin(list(functions))].min()
run.came("09 least sure", "on swaps that are not soft" if others < soft - 0.02 else "nowhere")
lab.widgets.area_table(across, ["detector"], "video")

# %% [markdown]
# **Look** along a row: whichever swap it learnt from, the classifier finds what was generated at 64 pixels. Softness is what those share, and what it learnt. Down the last columns it is less sure, and the interval wide: a swap made in another way, or without a fault, is hardly softer than an honest video. The next model may not be, either.

# %% [markdown]
# ## A small network
# MesoNet ([Afchar et al., 2018](https://arxiv.org/abs/1809.00888)): four convolutions, here some 12 000 weights. It sees pieces of faces of both classes, mirrored, darker, brighter, and asks: swapped? It is shown two kinds of swap: a model's, which is soft, and, with the bundled actors, the perfect one, in which there is nothing to find.

# %%
naive = detection.MesoDetector(meso_steps, seed)
taught = [first, *(video for video in this.swaps if video == detection.PERFECT)]
naive.fit(*detection.training_crops(this, taught, gap=gap_frames))
print(f"{naive.model.count_params():,} weights, loss {naive.history['loss'][-1]:.3f} after {meso_steps} steps")

# %%
networks = {"network": naive}
here = detection.numbers(this, networks, gap=gap_frames)
lab.widgets.distributions_plot(here, "network")

# %% [markdown]
# Impressive, on moments that it never saw: nearly 1.00 for what it was taught, the perfect swap included. Would you put it on the net?
#
# **Predict**: what will it say of videos that were *never* swapped? We choose its threshold so that 5 % of this clip's real faces raise an alarm, and show it the **real** video of another person and of a stranger.

# %% tags=["predict"]
# a number, or (low, high); how sure, in per cent
run.predict("09 honest videos accused", None, sure=None, unit="% of the other person's frames")

# %%
other = detection.other_scene(run, {name: function for name, function in functions.items() if name != detection.SCRATCH})
stranger = detection.real_scene(run)
elsewhere = [detection.numbers(scene, networks, gap=gap_frames) for scene in (other, stranger)]

# %%
accused = detection.false_alarms(pd.concat([here, *elsewhere]), here)
run.came("09 honest videos accused", 100 * float(accused.loc[other.name].to_numpy().max()), within=0.5)
lab.widgets.honest_plot(pd.concat([here, *elsewhere]), here, "network")

# %% [markdown]
# **Look**: it accuses people of having been themselves. In training, "real" was always A and "swapped" always looked like B. So it learnt to know **B from A**: the fourth way to fool yourself, and the answer to the question about the eyes. The perfect swap was not found out; it was recognised.
#
# ## The cure, and its limits
# Both directions: real A and real B against B on A and A on B. Now the person alone tells nothing. Beside the network stands the spectrum's classifier, taught a model's swaps of both directions: softness is all that it can learn.

# %%
lessons = [(scene, [video for video in taught if video in scene.swaps]) for scene in (this, other)]
both = detection.pooled(*(detection.training_crops(*lesson, gap=gap_frames) for lesson in lessons))
fair = detection.MesoDetector(meso_steps, seed).fit(*both)
soft = detection.pooled(*(detection.training_crops(scene, [first], gap=gap_frames) for scene in (this, other)))
networks = {"one direction": naive, "both": fair, "spectrum, both": detection.SpectrumDetector().fit(*soft)}

# %%
tried = pd.concat([detection.numbers(scene, networks, gap=gap_frames) for scene in (this, other, stranger)])
network_areas = detection.areas(tried)
lab.widgets.area_table(network_areas, ["detector", "scene"], "video")

# %%
lab.widgets.false_alarms_plot(detection.false_alarms(tried, tried[tried["scene"] == this.name]))

# %% [markdown]
# **Look** at the table, perfect swap: taught in one direction, the network is sure here and *wrong* in the other direction, where A's face is the false one (an AUC near 0). Taught both, it ranks the perfect swap above the real video in both, if not as surely, and accuses hardly anybody of the training: B's face on A's head was never among the real ones. (Empty: not made in that direction.)

# %% [markdown]
# The *stranger*, who was in neither class, is still accused more often than promised. Two people are not mankind: collections need hundreds of people, cameras and rooms, and a detector is worth what it was shown.
#
# ## Passed on
# A video that matters has been passed on: coded again, made smaller, filmed again. One more detector is taught with videos at three of the four codings, all but *half size*. **Predict**: the real video went through more hands than the swap. What do the detectors say?

# %% tags=["predict"]
run.predict("09 worn video", None, sure=None, choices=("they accuse the real video", "they let it pass"))

# %%
three = (detection.training_crops(scene, [first], detection.CODINGS[:3], gap=gap_frames) for scene in (this, other))
networks["spectrum, three coders"] = detection.SpectrumDetector().fit(*detection.pooled(*three))
own = detection.numbers(this, networks, [detection.FILMED], [first, this.swaps[-1]], gap=gap_frames)
worn = detection.numbers(this, networks, detection.CODINGS[1:], [], gap=gap_frames)

# %%
passed = pd.concat([own, worn])
alarms_found = detection.false_alarms(passed, own)
run.came("09 worn video", "they accuse the real video" if alarms_found.to_numpy().max() > 0.25 else "they let it pass")
lab.widgets.false_alarms_plot(alarms_found)

# %%
rows = []
for real, detector, video in itertools.product([way.name for way in detection.CODINGS], networks, (first, this.swaps[-1])):
    swap, honest = (this.name, "crf 18", video), (this.name, real, detection.REAL)
    row = {"detector": detector, "swap at crf 18": video, "the real video at": real}
    rows.append({**row, "auc": detection.area(passed, detector, swap, honest)})
crossed = pd.DataFrame(rows)
lab.widgets.area_table(crossed, ["detector", "swap at crf 18"], "the real video at")

# %% [markdown]
# **Look** at the figure: the threshold that promised 5 % accuses up to all of the worn, honest faces. Half size, which no detector was shown, is accused most. In the table, soft swaps still *rank* above: an AUC chooses no threshold, and hides this. For a swap that is not soft the *spectra* turn even the rank round, and the honest video is the suspect. (The network of one direction asks whose face it is, and no codec changes that.) Nobody knows how a video will be passed on.

# %% [markdown]
# ## Whose face is it?
# Another question altogether: the video **claims** to show somebody. Is it that person? The recognition network of notebook 06 compares it with reference pictures; no swap is needed to learn from. **Predict**: for "this is A" and for "this is B", what happens with the perfect swap?

# %% tags=["predict"]
# two: "this is A", "this is B"
run.predict("09 perfect swap", None, sure=None, choices=("refuted", "believed"))

# %%
recogniser = lab.metrics.Dlib()
person = {role: lab.course.main_person(lab.course.ensure_faces(run, role)) for role in ("A", "B")}
claim_checks = [detection.ClaimCheck.of_set(role, faces, recogniser) for role, faces in person.items()]
asked = pd.concat(
    [detection.numbers(scene, {check.name: check for check in claim_checks}, gap=gap_frames) for scene in (this, other)]
)

# %%
rows = []
for video in this.swaps:
    swap, honest = (this.name, "crf 18", video), {"is it A?": this.name, "is it B?": other.name}
    rows += [{"video": video, "claim": claim, "auc": detection.area(asked, claim, swap, (scene, "crf 18", detection.REAL))}
             for claim, scene in honest.items()]  # fmt: skip
claimed = pd.DataFrame(rows)
perfect = claimed[claimed["video"] == this.swaps[-1]]["auc"]
run.came("09 perfect swap", ["refuted" if area.value > 0.75 else "believed" for area in perfect])
lab.widgets.area_table(claimed, ["claim"], "video")

# %% [markdown]
# **Look**: "this is A" is refuted for *every* swap, the perfect one too, by a network that never saw one: the face is not A's. That protects people whose **body and scene** are used. But who puts B's face into a video wants it taken for B: against real videos of B, the better the swap, the less the check can say. And it needs references, and a claim.

# %% [markdown]
# ## How rare are swaps?
# Suppose a detector with an AUC of 0.9, its threshold at $f=10$ % false alarms. If both hills are normal and equally wide, they lie $\sqrt 2 z(0.9)=1.8$ standard deviations apart ($z$: the normal distribution's inverse), and a share $c$ of the swaps is caught. What an alarm is *worth* depends on a third number, how many videos are swaps at all, the **base rate** $p$ (Bayes' rule):
#
# $$P(\mathrm{real}\mid\mathrm{alarm})=\frac{(1-p)f}{(1-p)f+pc}$$
#
# **Predict**: among videos of which 1 in 100 is a swap, how many of its alarms are false?

# %% tags=["predict"]
# a number, or (low, high); how sure, in per cent
run.predict("09 false alarms", None, sure=None, unit="%")

# %%
caught = detection.sensitivity_at(0.9, 0.1)
print(f"catches {caught:.0%} of the swaps")
run.came("09 false alarms", 100 * detection.alarms(0.01, caught, 0.1).false_share, within=0.1)
lab.widgets.base_rates_plot((0.5, 0.1, 0.01), area=0.9, false_alarms=0.1)

# %% [markdown]
# **Look**: detector and threshold are the same in all three; only the hill of the swaps shrinks. At 1 % more than nine alarms in ten accuse an honest video, though nothing is wrong with the detector. An alarm is a reason to **ask**: where does the video come from, who has the original? It is never a verdict on a person.

# %% [markdown]
# ## What the video says of itself
# The other way round: instead of guessing, let whoever makes a swap **say so**. The lab's videos carry a signed manifest (who made this, of what, with what), a watermark in the pixels, a visible label and a comment. **Predict** what is left after the video was coded again, and after its middle was recorded from a screen.

# %% tags=["predict"]
# after both
run.predict("09 what is left", None, sure=None, choices=("manifest", "label", "watermark", "comment"))

# %%
video = lab.course.swap_clip(run, first, functions[first]).path
strangers = {"the real clip": run.clip("target"), **({"perfect swap": run.clips.truth} if run.clips.truth else {})}
with tempfile.TemporaryDirectory() as folder:  # the copies have lost their manifest, so none is left lying about
    said = detection.read_marks({**detection.passed_on(video, Path(folder)), **strangers})
run.came("09 what is left", "watermark")
said

# %% [markdown]
# **Look** at the columns: each mark survives something else, which is why there are several. Then at the last rows: a real video and a swap that was made *without* this lab look the same. A mark that is found says a lot: the limit of the watermark is set so that under one unmarked picture in a million passes it. **No mark says nothing**: most honest videos have none, and who means to deceive sets none.

# %% [markdown]
# ## What went wrong?
# Two of the traps, sprung on purpose. First the **coder**: one "class" is the real video, the other the *same* video, coded once more. Nothing was swapped.

# %%
clip = this.videos[detection.REAL]
again = {detection.REAL: clip, "only coded again": lambda: detection.recoded(clip(), this.rate, detection.CODINGS[2])}
trap = detection.Scene("coder", this.rate, again, this.faceset)
uncoded, options = [detection.UNCODED], {"gap": gap_frames}

# %%
fooled = detection.SpectrumDetector().fit(*detection.training_crops(trap, ["only coded again"], uncoded, **options))
lab.widgets.distributions_plot(detection.numbers(trap, {"spectrum": fooled}, uncoded, **options), "spectrum")

# %% [markdown]
# A fine "swap detector". Then **leakage**, with nothing to learn at all: real faces only, and a *coin* says which count as swapped, one throw for every eight moments. **Predict** both numbers.

# %% tags=["predict"]
# two: by stretches of time, by chance
run.predict("09 two numbers", None, sure=None)

# %%
faces = this.crops(detection.REAL, detection.FILMED)
splits = {"stretches of time": sides, "chance": detection.shuffled_split(this.frames, seed)}
leaks = {way: detection.coin_areas(faces, split, seed=seed).mean() for way, split in splits.items()}
run.came("09 two numbers", list(leaks.values()), within=0.1)
print("mean AUC of 12 coin detectors:", ", ".join(f"by {way} {area:.2f}" for way, area in leaks.items()))


# %% [markdown]
# **Look**: dealt by chance, it "detects" coins: each test face has a neighbour in training that tells its throw. Whenever a number is very good, ask first how training and test were parted.

# %% [markdown] tags=["exercise"]
# ## Exercises
# **A function**: the share of alarms that are false.

# %% tags=["stub"]
def false_share(prevalence, sensitivity, false_alarms):
    """How many videos are swaps, how many swaps are caught, how many honest videos are accused: a share."""
    return None  # your turn


# %% tags=["solution"]
def false_share(prevalence, sensitivity, false_alarms):
    """How many videos are swaps, how many swaps are caught, how many honest videos are accused: a share."""
    wrong = (1 - prevalence) * false_alarms
    return wrong / (wrong + prevalence * sensitivity)


# %% tags=["check"]
false_share = checks.false_share(false_share)


# %% [markdown] tags=["notes"]
# Count 10 000 videos: 200 swaps, 160 caught; 9800 honest ones, 980 accused; 980 / 1140 is 0.86. Most people first name the 10 %, which is the share of honest videos that are accused.

# %% [markdown] tags=["exercise"]
# **A function**: a manifest names a hash of the file's bytes. Does it agree? `hashlib.new(name, data).hexdigest()` gives the digits; the manifest says which algorithm. No hash proves nothing.

# %% tags=["stub"]
def unchanged(data, manifest):
    """Bytes, {"algorithm": such as "sha256", "hash": hexadecimal digits, large or small}: True where they agree."""
    return None  # your turn


# %% tags=["solution"]
def unchanged(data, manifest):
    """Bytes, {"algorithm": such as "sha256", "hash": hexadecimal digits, large or small}: True where they agree."""
    import hashlib

    found = hashlib.new(manifest["algorithm"], data).hexdigest()
    return found == manifest.get("hash", "").lower()


# %% tags=["check"]
unchanged = checks.unchanged(unchanged)

# %% [markdown] tags=["notes"]
# A hash without a signature proves little more than a parcel's own label: who changes the file writes a new hash. That is why the lab's manifests are signed.

# %%
import hashlib

data = b"a frame"
manifest = {"algorithm": "sha256", "hash": hashlib.sha256(data).hexdigest()}
print("as it was:", unchanged(data, manifest), "  one letter changed:", unchanged(b"a flame", manifest))

# %% [markdown] tags=["exercise"]
# **Investigate**: in the table of marks, what does a video keep that was coded again: "label and watermark", "the manifest" or "nothing"? And a video without a mark is "honest", "swapped", or says "nothing"?

# %% tags=["stub"]
marks_found = {"coded again, it keeps": None, "no mark says": None}  # your turn

# %% tags=["solution"]
marks_found = {"coded again, it keeps": "label and watermark", "no mark says": "nothing"}

# %% tags=["check"]
marks_found = checks.marks_found(marks_found)

# %% [markdown] tags=["notes"]
# Whoever answers "honest" has made deceiving as easy as not marking.

# %% [markdown]
# ## Recap
# You looked for swaps by eye, by spectra, with a network and by whose face it is; you saw every one of them fail on another method, another person or another coder; and you read what videos say of themselves.
#
# 1. Why must stretches of time, and not frames, be dealt to training and test?
# 2. How did a network find the perfect swap that has no fault?
# 3. Why does an AUC of 1.00 not tell how many honest videos are accused?
# 4. Whom does the claim check protect, and whom not?
# 5. What does a missing watermark prove?
#
# **Next**: notebook 10 leaves the autoencoder for *unpaired* pictures.

# %% tags=["quiz"]
lab.widgets.Answers("09")  # answer them first, then open each

# %%
found = {"signs": signs_found, "spectra": across, "networks": network_areas, "passed on": crossed, "claims": claimed}
kept = {name: detection.as_json(table) for name, table in found.items()}
alarmed = {" ".join(place): row for place, row in alarms_found.round(4).to_dict("index").items()}
lab.write_json(run.out / "detection.json", {**kept, "false alarms": alarmed, "marks": said.to_dict("index")})
alone = detection.area(tried, "both", (this.name, "crf 18", first), (this.name, "crf 18", detection.REAL)).value
run.finish(
    "09_provenance_and_detection",
    f"{len(this.swaps)} kinds of swap; the network finds {first} with an AUC of {alone:.2f}",
)
