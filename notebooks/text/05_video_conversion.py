# %% [markdown]
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/OWNER/faceswap_lab/blob/main/notebooks/05_video_conversion.ipynb)

# %% [markdown]
# # 05 Back into the video
# **Goal** Paint every frame, match its colour, blend it in three ways, write the film with its sound, score it.
#
# **Minutes** 20 to read, 3 on two CPU cores or a T4
#
# **Needs** a model of notebook 03 or 04 (without one: the warm start that ships with the lab)
#
# **Makes** `swap.mp4`, `swap/*.mp4`, `scores.json`, strips and comparisons in `pictures/`

# %% tags=["parameters"]
preset = "quick"  # quick, class or full
seed = 0
out = "runs/sample"  # relative to the lab's folder
source = ""  # B's clip: whose face is put in; empty = the sample's
target = ""  # A's clip: whose video is changed; empty = the sample's

# %% tags=["setup"]
import importlib.util

if importlib.util.find_spec("faceswap_lab") is None:  # on Colab or Kaggle the lab is fetched first
    # !git clone -q --depth 1 https://github.com/OWNER/faceswap_lab lab
    # %cd lab
    # %pip install -q -e .

from faceswap_lab import runtime, stages

run = runtime.setup(preset, seed, out, source, target)

# %% [markdown]
# ## One frame, step by step
# **Predict.** The face is cut out of the frame with the transform that notebook 02 found, and the model paints the other person. It answers with **colour** and **alpha**.

# %%
import shutil

import numpy as np
import pandas as pd

from faceswap_lab import scoring, video
from faceswap_lab.faces import alignment
from faceswap_lab.swap import blending, colour, swapping
from faceswap_lab.teaching import figures

functions = scoring.swap_functions(run)
print("models:", ", ".join(functions))
paint = next(iter(functions.values()))
faces = stages.ensure_faces(run, "target")

# %%
clip = video.open_video(run.clip("target"))
row = len(faces) // 3
frame = next(f.image for f in clip.frames() if f.index == faces.table.loc[row, "frame"])
matrix = faces.matrix(row)
small = alignment.scale_matrix(matrix, paint.size / 256)
aligned = alignment.align(frame, small, paint.size).astype("float32") / 255
painted, alpha = (result[0] for result in paint(aligned[None]))

# %%
outline = faces.subset([row]).masks(paint.size, "face")[0] / 255
soft = blending.feather(blending.erode(outline.astype("float32"), 2), 6)
figures.row([aligned, painted, alpha, soft], ["cut out", "painted", "the model's alpha", "face mask, feathered"])

# %% [markdown]
# ## Colour
# The source's skin meets the target's neck. Left alone there is a rim; matched, it is gone, and so is the source's skin tone. Statistics are taken **inside the face only**: what the wall behind looks like is none of the face's business.
#
# **Predict**: which choice will the pixel score like best, and which the structure score?

# %%
choices = {name: match(painted, aligned, soft) for name, match in colour.COLOUR.items()}
worn = [blending.mask_overlay(frame, face, soft, small) for face in choices.values()]
figures.rows({"face": [np.clip(face, 0, 1) for face in choices.values()], "in the frame": worn}, height=2.2)
print(list(choices))

# %% [markdown]
# ## Three blends
# - **direct overlay** pastes the square: every edge shows.
# - **mask overlay** mixes by a soft mask.
# - **seamless cloning** (Poisson blending) keeps the painting's *gradients* and takes the colours from the rim. Best on a single frame, it can wander from frame to frame.

# %%
options = {"colour": scoring.COLOUR, "mask": scoring.MASK, "erode": scoring.ERODE, "feather": scoring.FEATHER}
mask = faces.subset([row]).masks(256, "face")[0]
blends = {
    blend: swapping.swap_frame(frame, matrix, mask, paint, blend=blend, **options)
    for blend in ("direct", "mask", "seamless")
}
figures.row([frame, *blends.values()], ["target", *blends], height=2.8)

# %%
from faceswap_lab.pictures import write_picture

write_picture(run.pictures() / "blends.png", np.hstack([frame, *blends.values()]))

# %% [markdown]
# ## The whole film
# The transforms are smoothed over time, forwards and backwards, to a fraction of a pixel: else the face trembles. The sound is copied, not encoded again. A **label** in a corner and a note in the file's metadata say what this is.

# %%
swaps = [scoring.swap_clip(run, name, function) for name, function in functions.items()]
for swap in swaps:
    if swap.report:
        print(
            f"{swap.model:28s} {swap.report.swapped} of {swap.report.frames} frames swapped, mean change {swap.report.mean_change:.1f} of 255"
        )
        print(*swap.report.warnings, sep="\n")

# %% [markdown]
# ## How good is it?
# All three gains are 0 for the unchanged target and 1 for the true swap. **swap_gain** looks at structure (local contrast), **identity_gain** asks a face-recognition network that took no part in training, **pixel_gain** compares plain colours. *nearer_to_source* is the share of frames that the judge takes for B rather than A.

# %%
found = scoring.score_run(run, swaps)
table = pd.DataFrame({**found["models"], **found["baselines"]}).T
table.astype(float).round(3)

# %%
best = next(swap for swap in swaps if swap.model == found["best"])
print("best:", best.model)
print(*found["notes"], sep="\n")

# %% [markdown]
# **Look** at the tint: it changes no feature, and earns more pixel_gain than any model. The truth blurred by 4 pixels, on the other hand, loses most of its identity. One number is never enough.
#
# ## The best model, three blends

# %%
films = {
    blend: best if blend == best.blend else scoring.swap_clip(run, best.model, functions[best.model], blend)
    for blend in blends
}
shutil.copyfile(films["mask"].path, run.out / ".swap.mp4")
(run.out / ".swap.mp4").replace(run.out / "swap.mp4")
check = video.open_video(run.out / "swap.mp4")
print(f"swap.mp4: {check.num_frames} frames, {check.duration:.2f} s, sound: {check.has_audio}")

# %%
times = np.linspace(0, clip.num_frames - 1, 6).round().astype(int)
shown = {"target": [f.image for f in clip.frames() if f.index in times]}
for blend, film in films.items():
    shown[blend] = [image for index, image in enumerate(scoring.kept_frames(film.frames)) if index in times]
if run.clips.truth:
    shown["truth"] = [f.image for f in video.open_video(run.clips.truth).frames() if f.index in times]
figures.rows(shown, height=2.2)

# %%
for number, index in enumerate(times):
    strip = [shown[name][number] for name in ("target", "mask", "truth") if name in shown]
    write_picture(run.pictures() / f"strip_{index:04d}.png", np.hstack(strip))


# %% [markdown]
# ## Does it flicker?
# How much does the picture change from one frame to the next, beyond what the target's own movement explains?

# %%
def unrest(frames, base):
    pairs = [
        (a.astype(int) - b, c.astype(int) - d) for a, b, c, d in zip(frames[1:], frames, base[1:], base, strict=False)
    ]
    return float(np.mean([np.abs(x - y).mean() for x, y in pairs]))


base = [f.image for f in clip.frames()]
for blend, film in films.items():
    print(f"{blend:9s} {unrest(list(scoring.kept_frames(film.frames)), base):.2f} of 255 a frame")

# %% [markdown]
# ## What went wrong?
# | what you see | why |
# |---|---|
# | a sharp rim round the face | the mask is hard: not feathered |
# | the face floats beside the head | put back with another transform than it was cut out with |
# | nothing changes at all | wrong direction: A painted as A |

# %%
hard = (outline > 0.5).astype("float32")
askew = small + np.array([[0, 0, 6.0], [0, 0, -4.0]])
unchanged = paint.model.translate(aligned[None], 0, 0)[0][0]
wrong = {
    "hard mask": blending.mask_overlay(frame, painted, hard, small),
    "other transform": blending.mask_overlay(frame, painted, soft, askew),
    "wrong direction": blending.mask_overlay(frame, np.asarray(unchanged), soft, small),
}
figures.row(list(wrong.values()), list(wrong), height=2.8)


# %% [markdown]
# ## Exercise
# Write the overlay for one picture: `alpha` 1 shows the face, 0 the frame. Left as it is, the reference answers.

# %%
def overlay(below, above, alpha):
    """Your turn: (H, W, 3), (H, W, 3) and (H, W) floats in; the mixture out."""
    return None


# %%
wanted = soft[..., None] * painted + (1 - soft[..., None]) * aligned
mine = overlay(aligned, painted, soft)
if mine is None:
    print("not filled in yet: the reference goes on")
else:
    worst = np.unravel_index(np.abs(mine - wanted).argmax(), wanted.shape)
    print(
        "right"
        if np.abs(mine - wanted).max() < 1e-5
        else f"not yet: off by {np.abs(mine - wanted).max():.2f} at {worst[:2]}"
    )

# %% [markdown]
# ## Recap
# You painted a frame, matched its colour, compared three blends, wrote the film with its sound, and scored every model beside its baselines.
#
# 1. Why are colour statistics taken inside the face only?
# 2. Which blend looks best on one frame, and which in motion?
# 3. Why does a tint earn so much pixel_gain?
# 4. Why must the judge be another network than the one that trained?
# 5. What does the label protect, and what not?
#
# **Next**: the report page, `index.html`, shows it all in one place.

# %%
score = found["models"][best.model]
gains = ", ".join(
    f"{name} {score[name]:.2f}" for name in ("swap_gain", "identity_gain", "nearer_to_source") if name in score
)
run.finish("05_video_conversion", f"swap.mp4 by {best.model}: {gains}")
