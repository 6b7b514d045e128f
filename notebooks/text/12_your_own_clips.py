# %% [markdown]
# **On Colab**: [colab.research.google.com](https://colab.research.google.com) > Upload: this notebook; then put `faceswap_lab_colab.zip` (made by `make colab`) into its Files panel, or on a Drive that is mounted there.

# %% [markdown]
# # 12 Your own clips
# **Goal** Bring two clips of your own, have them checked, swap, train within a budget, and share what may be shared.
#
# **Minutes** 25 to read, 15 on two CPU cores (quick, a budget of 10), 15 on a T4 (class, predicted)
#
# **Needs** two clips, and the consent of whoever they show; left empty, the rendered actors stand in
#
# **Makes** `swap/base_mask.mp4` at once, `models/autoencoder`, and `swap.mp4`, labelled and signed

# %% tags=["parameters"]
preset = "quick"  # quick, class or full
seed = 0
out = "runs/mine"  # relative to the lab's folder
source = ""  # the clip of B, whose face is put in: a video, a folder of pictures or one picture
target = ""  # the clip of A, whose video is changed
keep = ""  # "drive" on Colab: the run survives the machine; or a folder
minutes = 10.0  # of training

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
# ## 1 Two clips
# Record each person by phone or webcam: 20 seconds and more, from the front, in daylight, the head turning slowly left, right, up and down, then speaking and smiling. The button below records by the webcam; nothing is sent, the file goes to your downloads.
#
# Bring the files here: drag them into the file list of JupyterLab, or into Colab's *Files* panel. Write their paths into `source` and `target` above, as `"clips/anna.mp4"`, and run from the top. `out` is this project's folder: other clips need another one.
#
# **Keep it.** With `keep = "drive"` on Colab, or a folder that stays, each stage and each checkpoint is kept there; a new machine goes on from it.

# %%
lab.widgets.Recorder(seconds=20)

# %%
clips = {"target": run.clip("target"), "B": run.clip("B")}
print("A, who is changed:", clips["target"], "\nB, whose face comes in:", clips["B"])

# %% [markdown]
# ## 2 Consent, in three cells
# Both people are asked, each for *this* use: A's video is changed, B's face is shown. The first cell prints what has been recorded so far.

# %%
for role, path in clips.items():
    print(role, path.name, [record.identity for record in lab.provenance.Ledger.load().find(path)] or "nobody has agreed yet")

# %% [markdown]
# Ask first, then fill in the form: who is shown, who agreed, what for, until when. It takes one clip after the other: first A's, then B's. Then run the cell below it again, which stops as long as somebody's consent is missing. When a consent is taken back later, the ledger lists what was made with it.

# %%
lab.widgets.ConsentPanel([path for path in clips.values() if not lab.provenance.Ledger.load().find(path)])

# %%
for role, path in clips.items():
    for purpose in lab.provenance.PURPOSES:
        lab.provenance.Ledger.load().require(path, purpose, role)
print("written down for both:", ", ".join(lab.provenance.PURPOSES))

# %% [markdown]
# ## 3 Look, before minutes are spent
# The lab looks at some frames of each clip and names the usual faults of home-made clips, each with its remedy. A line marked *note* needs nothing from you.

# %%
from faceswap_lab.faces.first_look import first_look

looks = {role: first_look(path, run.out / "look" / role) for role, path in clips.items()}
print(*looks.values(), sep="\n\n")

# %%
for role, look in looks.items():
    lab.widgets.row([look.picture], [f"{role}: some frames, and the faces found"], height=2)

# %%
for look in looks.values():
    if look.stops:
        raise lab.LabError(f"{look.path}: nothing can be made of it, see above. Film again, and run from the top.")

# %% [markdown]
# | fault | what you would see later |
# |---|---|
# | no video, or not whole | nothing, or a video that ends too soon |
# | no face; too small | frames left as they were; a soft face |
# | two people | a face that is both |
# | too short | eyes and mouth that never move |
# | dark, blurred, from the side | noise, a soft face, half a face |
# | lying on its side | a face that is turned wrongly |
# | turned by a note, uneven times | nothing: the lab sees to both |

# %% [markdown]
# ## 4 A swap at once
# The base model of notebook 11 swaps without training, in a minute or two. Expect B's tone and proportions, softly. Does it sit on the right person? Do pose and mouth follow?

# %%
swapped = lab.course.first_swap(run)
lab.Player(swapped.read_bytes(), "the target, swapped without training", 480) if swapped else None

# %% [markdown]
# ## 5 The diagnosis
# Now all frames become face sets, and the two are held against each other, as in notebook 02: what does A do that B never does? **Predict** the difficulty of A<-B, from 0 (easy) to 1 (hopeless), by the two pictures above.

# %% tags=["predict"]
# a number, or (low, high); how sure, in per cent
run.predict("12 difficulty", None, sure=None)

# %%
sets = {role: lab.course.main_person(lab.course.ensure_faces(run, role)) for role in clips}
diagnosis = lab.diagnose(sets["target"], sets["B"])
lab.write_json(run.out / "faces" / "diagnosis.json", diagnosis.as_json())
print(lab.faces.diagnosis_report.describe(diagnosis))
run.came("12 difficulty", diagnosis.difficulty["A<-B"], least=0.1)

# %%
words = "poses of A, of B, and those that only one of them has; below, their light, open mouths and detail"
lab.widgets.show(lab.faces.diagnosis_report.draw(diagnosis), words)

# %% [markdown]
# **Act on it now**: an alarm costs less here than after the training. Film what is missing, or delete bad pictures in `faces/B/faces` of the run's folder, and run this again. Each set as a sheet:

# %%
for role in clips:
    lab.widgets.row([lab.course.contact_sheet(run, role)], [f"{role}: the face set"], height=6)

# %% [markdown]
# ## 6 Train, within a budget
# How many steps fit into your `minutes` is measured: a model that is thrown away does eight steps. The number is kept, so that a stopped training goes on to the same end. Another value of `minutes` starts a new training.
#
# At `quick` the network begins from weights that know the bundled actors, and practises with the base's swaps (notebook 11): minutes give a rough swap of 64-px faces, about as near to B as the base's. A good one of other people takes `class` and a GPU.

# %%
scale = run.preset
faces, masks, transferred = lab.course.training_arrays(run, scale.face_size)
centred = lab.course.autoencoder_model(scale).config.centred
practice = lab.course.with_base_swaps(run, faces, masks, transferred, centred)
counts = {person: len(pictures) for person, pictures in practice[0].items()}


def make(steps):
    model = lab.course.autoencoder_model(scale, seed=seed)
    warm = lab.course.warm_start(model)
    lab.training.set_faces(model, *practice)
    model.compile(optimizer=lab.course.autoencoder_optimizer(scale, steps, warm))
    return model


# %%
budget = lab.course.read_marker(run.out / "budget.json")
if (budget.get("minutes"), budget.get("preset")) != (minutes, preset):
    batches = lab.training.index_batches(counts, scale.batch_size, seed)
    budget = {"minutes": minutes, "preset": preset, "steps": lab.training.times.steps_in(minutes, make(1000), batches)}
    lab.write_json(run.out / "budget.json", budget)
steps = budget["steps"]
print(f"{steps} steps in {minutes:g} min")

# %% [markdown]
# **Look** at the previews while it trains: row by row the face, its reconstruction, its swap, the swap's alpha. *Stop* keeps what there is; run the cell again and it goes on.

# %%
folder = lab.course.model_folder(run, "autoencoder", steps=steps, preset=preset, seed=seed, counts=counts)
model = make(steps)
panel = lab.widgets.TrainingPanel("autoencoder", ("loss", "reconstruction", "contrast"))
history = lab.course.train_model(run, model, folder, faces, steps, scale.batch_size, counts=counts, panel=panel)
folder = lab.save_model(model, folder, "autoencoder", {"steps": steps})

# %%
lab.widgets.curves({"your model": history}, [term for term in ("reconstruction", "contrast") if term in history])

# %% [markdown]
# ## 7 Tune by eye
# No true swap is known for your clip, so your eye decides. Go to the frame where the head is turned farthest, change one control at a time, and press **Save settings**: every conversion of this run uses them.

# %%
functions = lab.course.swap_functions(run)
frames = lab.widgets.choose_frames(lab.open_video(clips["target"]), sets["target"], 5)
lab.widgets.TuningPanel(frames, functions["autoencoder"], lab.course.settings_path(run), lab.course.DEFAULTS)

# %% [markdown]
# ## 8 Swap, and look at the numbers
# Your model's video beside the base model's. Without a truth there is no swap_gain: **nearer_to_source** says on how many frames a recognition network that took no part finds B rather than A. It tells a swap from none, not a good one from a poor one (notebook 06).

# %%
swaps = [lab.course.swap_clip(run, name, function) for name, function in functions.items()]
found = lab.course.score_run(run, swaps, full=False)
for name, row in found["models"].items():
    near = row.get("nearer_to_source")
    print(f"{name:12s} nearer_to_source: {'unknown' if near is None else f'{near:.0%} of the frames'}")

# %%
best = next(swap for swap in swaps if swap.model == found["best"])
presented = lab.course.present(run, best, functions[best.model])
print("swap.mp4 is by", best.model)
lab.Player(presented.read_bytes(), f"the target, swapped by {best.model}", 480)

# %% [markdown]
# **Watch** it three times: mouth, eyes, seam. If you disagree with the number, put the other name in place of `found["best"]` and run that cell and the ones below again.
#
# ## 9 What does it say of itself?

# %%
print(lab.provenance.verify(presented).text)
print(lab.provenance.watermark.look(presented))

# %% [markdown]
# ## 10 Share, or do not
# - **Only what was agreed to.** Consent for use in class is not consent for the internet.
# - **The marks stay in**: label, manifest, watermark. A platform may drop the manifest; say it in the caption as well.
# - **`swap.mp4` alone.** Face sets, previews and models hold the faces of two people, and the model can generate them again.
# - **Somebody takes it back?** `python -m faceswap_lab consent revoke` lists what was made; `clean` removes it.
#
# The page whose path is printed below, to be opened in a browser, holds all that this run made, for yourself.

# %%
lab.widgets.Page(lab.course.write_report(run.out))

# %% [markdown]
# ## What went wrong?
# | what you see | why |
# |---|---|
# | the video is the target | the swap sits on nobody: no face found, or *erode* far too large |
# | A's own face, only softer | the same clip was given twice: *same_person* in the diagnosis |
# | B's face, but a doll's | too few expressions in B's clip: let B speak and laugh |
# | a colour that wanders | light that changes along A's clip: try another `colour` |
# | fine in front, broken at the side | poses that B never took: the third map |

# %% [markdown]
# ## Recap
# You brought two clips, wrote the consents down, had the clips checked, swapped at once, trained within a budget, tuned, checked the marks, and decided what to share.
#
# 1. Why is a look at the clip worth more than another hour of training?
# 2. Whose clip should show more poses, A's or B's?
# 3. Why does the budget count steps once, and not minutes every time?
# 4. What does nearer_to_source tell about your swap, and what not?
# 5. What may leave your computer, and what must not?
#
# **Next**: the same pair with another minute of B, in the light that was missing.

# %% tags=["quiz"]
lab.widgets.Answers("12")  # answer them first, then open each

# %%
run.finish("12_your_own_clips", f"swap.mp4 by {best.model}, {steps} steps in a budget of {minutes:g} min")
