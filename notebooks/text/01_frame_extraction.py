# %% [markdown]
# **On Colab**: [colab.research.google.com](https://colab.research.google.com) > Upload: this notebook; then put `faceswap_lab_colab.zip` (made by `make colab`) into its Files panel, or on a Drive that is mounted there.

# %% [markdown]
# # 01 From a video to frames, and what gets lost
# **Goal** Read a video, take the frames you need, see what JPEG and video compression do to a face.
#
# **Minutes** 25 to read, 1 on two CPU cores or a T4
#
# **Needs** a clip with a face (the bundled one, or yours)
#
# **Makes** `frames/target`: numbered pictures and `frames.csv`

# %% tags=["parameters"]
preset = "quick"  # quick, class or full
seed = 0
out = "runs/sample"  # relative to the lab's folder
source = ""  # the clip of B, whose face is put in; empty = the one of the sample
target = ""  # the clip of A, whose video is changed; empty = the one of the sample
keep = ""  # "drive" on Colab: the run survives the machine; or a folder
every_nth = 1  # take every n-th frame of the target
start_second = 0.0
end_second = 0.0  # 0 = to the end

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
# ## What is in the file
# A video file is a container: a stream of compressed pictures, usually one of sound, and facts about both. Two of them cause trouble again and again. The **rotation** is a note ("turn me by 90 degrees when you show me"), and phones write a **variable frame rate**. The lab applies the first and brings the second to a constant rate, so that sound and picture stay together.

# %%
import cv2
import numpy as np
import pandas as pd

clip = lab.open_video(run.clip("target"))
print(f"{clip.size[0]}x{clip.size[1]} pixels, {clip.fps:g} frames a second, {clip.duration:.2f} s")
print(f"about {clip.num_frames} frames; sound: {clip.has_audio}; rotation: {clip.rotation} degrees")

# %% [markdown]
# ## Every n-th frame
# Neighbouring frames are nearly the same. To *train*, every sixth is often enough; to *convert*, every single one is needed. Frames come as a stream: however long the video, only one is in memory.
#
# **Predict**: which frame numbers come out for every fifth frame between 0.5 s and 2 s?

# %% tags=["predict"]
# a list, such as [1, 2, 3]; how sure, in per cent
run.predict("01 frame numbers", None, sure=None)

# %%
some = list(clip.frames(every=5, start=0.5, end=2.0))
print([frame.index for frame in some])
run.came("01 frame numbers", [frame.index for frame in some])
lab.widgets.row([frame.image for frame in some][:6], [f"{frame.time:.2f} s" for frame in some], height=1.8)

# %%
pairs = zip(
    clip.frames(every=1, end=1.5), clip.frames(every=1, start=1 / clip.fps, end=1.5 + 1 / clip.fps), strict=False
)
change = [float(np.abs(a.image.astype(int) - b.image).mean()) for a, b in pairs]
print(f"mean change from one frame to the next: {np.mean(change):.2f} of 255")

# %% [markdown]
# ## What JPEG does to a face
# Each row saves the same crop at another quality. **PSNR** says in decibels how near the copy $y$ is to the picture $x$; above 40 dB hardly anybody sees a difference:
#
# $$\mathrm{PSNR}=10\log_{10}\frac{255^2}{E[(x-y)^2]}$$
#
# Look at lids and lips: that is where a face loses first.

# %%
frame = some[0].image
height, width = frame.shape[:2]
crop = np.ascontiguousarray(frame[height // 4 : 3 * height // 4, width // 4 : 3 * width // 4])


# %% [markdown] tags=["exercise"]
# **Exercise, a function**: write PSNR from the formula. For two equal pictures it is infinite. The rest of the notebook measures with it; left as it is, the reference solution is used.

# %% tags=["stub"]
def psnr(first, second):
    """(H, W, 3) uint8 twice: decibels, infinite for equal pictures."""
    return None  # your turn


# %% tags=["solution"]
def psnr(first, second):
    """(H, W, 3) uint8 twice: decibels, infinite for equal pictures."""
    error = np.mean((first.astype(float) - second) ** 2)
    return 10 * np.log10(255**2 / error) if error else np.inf


# %% tags=["check"]
from faceswap_lab.course import checks

psnr = checks.psnr(psnr)

# %% [markdown] tags=["notes"]
# uint8 wraps round (3 - 5 is 254), so the difference must be taken of floats. Equal pictures give 0 below the line; numpy warns and answers `inf` by itself.

# %%
rows, copies = [], []
for name, option in {"png": [], "jpg 95": [95], "jpg 75": [75], "jpg 30": [30], "jpg 10": [10]}.items():
    options = [cv2.IMWRITE_JPEG_QUALITY, *option] if option else []
    data = cv2.imencode(".jpg" if option else ".png", crop[..., ::-1], options)[1]
    copies.append(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])
    rows.append([name, len(data), round(psnr(crop, copies[-1]), 1)])
pd.DataFrame(rows, columns=["format", "bytes", "PSNR dB"])

# %%
lab.widgets.rows(
    {
        "copy": copies,
        "error x 8": [np.clip(np.abs(crop.astype(int) - copy) * 8, 0, 255).astype(np.uint8) for copy in copies],
    },
    height=1.7,
    titles=[name for name, _, _ in rows],
)

# %% [markdown]
# ## One block, by hand
# JPEG cuts a picture into blocks $X$ of 8x8 pixels and writes each as a sum of 64 waves, from even grey to the finest stripes: the **discrete cosine transform** $F=CXC^T$ with
#
# $$C_{kn}=\sqrt{\frac{1+[k>0]}{8}} \cos\frac{\pi(2n+1)k}{16}$$
#
# $C$ is a rotation ($CC^T=1$): so far nothing is lost. Then each wave's share is divided by a step from a table $Q$ and **rounded**, $\mathrm{round}(F/Q)$. Fine waves have large steps: most of their shares become 0, and zeros cost nothing. **Predict** how many of the 64 are left at quality 30.

# %% tags=["predict"]
# a number, or (low, high); how sure, in per cent
run.predict("01 waves left", None, sure=None, unit="of 64")

# %%
k, n = np.mgrid[:8, :8]
C = np.sqrt((1 + (k > 0)) / 8) * np.cos(np.pi * (2 * n + 1) * k / 16)
top, left = (8 * (side // 16) for side in crop.shape[:2])
block = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)[top : top + 8, left : left + 8]
F = C @ (block.astype(float) - 128) @ C.T
print(F.round().astype(int))

# %%
views = {"block": block}
for quality in (75, 30, 10):
    Q = lab.studies.compression.quantisation_steps(quality)
    kept = np.round(F / Q)
    views[f"quality {quality}"] = np.clip(C.T @ (kept * Q) @ C + 128, 0, 255).round().astype(np.uint8)
    jpeg = cv2.imencode(".jpg", block, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    apart = np.abs(views[f"quality {quality}"].astype(int) - cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE)).max()
    print(f"quality {quality}: {int((kept != 0).sum())} of 64 left; at most {apart} grey level from OpenCV's JPEG")
run.came("01 waves left", int((np.round(F / lab.studies.compression.quantisation_steps(30)) != 0).sum()))

# %%
lab.widgets.row(list(views.values()), list(views), height=1.7)

# %% [markdown]
# ## Half the colours
# The eye sees light more sharply than colour. So JPEG and video do not keep R, G, B but **luma** $Y=0.299R+0.587G+0.114B$ and two differences from it, $C_b$ and $C_r$, and of those one value for each 2x2 pixels: **4:2:0**. That halves the data *before* any coder begins. **Predict**: which pixels of a face suffer most?

# %% tags=["predict"]
run.predict("01 colours halved", None, sure=None, choices=("even skin", "edges between colours", "dark places"))


# %% [markdown] tags=["exercise"]
# **Exercise, a function**: what 4:2:0 does to one colour plane: each block of 2x2 pixels becomes its mean.

# %% tags=["stub"]
def halve(plane):
    """(H, W) floats, both sides even: (H/2, W/2), the mean of each 2x2 block."""
    return None  # your turn


# %% tags=["solution"]
def halve(plane):
    """(H, W) floats, both sides even: (H/2, W/2), the mean of each 2x2 block."""
    height, width = plane.shape
    return plane.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))


# %% tags=["check"]
halve = checks.halve(halve)

# %% [markdown] tags=["notes"]
# `plane[::2, ::2]` takes one pixel of four and drops the others. Who reshapes to (H/2, W/2, 2, 2) takes neighbours of one row only.

# %%
halved = lab.studies.compression.halved_colours(crop)
lost = np.clip(np.abs(crop.astype(int) - halved) * 30, 0, 255).astype(np.uint8)
print(f"4:2:0 alone: {psnr(crop, halved):.1f} dB, at most {np.abs(crop.astype(int) - halved).max()} levels off")
lab.widgets.row([crop, halved, lost], ["as it was", "colours halved", "error x 30"], height=2.2)
run.came("01 colours halved", "edges between colours")

# %% [markdown]
# ## What a video codec does to a face
# H.264 takes blocks apart in the same way, and saves far more by describing *changes*. Its quality setting is **crf**: 0 is called lossless, 15 looks it, 23 is the default, 35 and more are for tiny files. What the coder is given are planes of luma and colour in the format that nearly all players expect, `yuv420p`. A model trained on crushed faces generates crushed faces.

# %%
first = [frame.image for frame in clip.frames(end=0.5)]
rows, crushed = [], []
for crf in (0, 10, 15, 23, 35, 45):
    path = run.out / "codec" / f"crf_{crf}.mp4"
    with lab.VideoWriter(path, clip.fps, clip.size, crf=crf) as writer:
        for image in first:
            writer.write(image)
    back = [frame.image for frame in lab.open_video(path).frames()]
    crushed.append(back[-1][height // 4 : 3 * height // 4, width // 4 : 3 * width // 4])
    rows.append(
        [crf, path.stat().st_size, round(float(np.mean([psnr(a, b) for a, b in zip(first, back, strict=True)])), 1)]
    )
pd.DataFrame(rows, columns=["crf", "bytes", "PSNR dB"])

# %%
original = first[-1][height // 4 : 3 * height // 4, width // 4 : 3 * width // 4]
errors = [np.clip(np.abs(original.astype(int) - copy) * 8, 0, 255).astype(np.uint8) for copy in crushed]
lab.widgets.rows({"copy": crushed, "error x 8": errors}, height=1.7, titles=[f"crf {crf}" for crf, _, _ in rows])

# %%
print("largest difference at crf 0:", np.abs(original.astype(int) - crushed[0]).max(), "levels of 255")

# %% [markdown] tags=["exercise"]
# **Exercise, investigate**: what is exact at crf 0: "the planes that the coder was given", "the frames" or "nothing"? And why are the frames not: "the colours were halved before", "the cosine transform rounds" or "P and B frames guess"?

# %% tags=["stub"]
crf_zero = {"exact": None, "because": None}  # your turn

# %% tags=["solution"]
crf_zero = {"exact": "the planes that the coder was given", "because": "the colours were halved before"}

# %% tags=["check"]
crf_zero = checks.crf_zero(crf_zero)

# %% [markdown] tags=["notes"]
# The temptation is "the cosine transform rounds": that is JPEG's lossy step, and at crf 0 H.264 leaves it out. `halved` above has the same kind of error without any coder.

# %% [markdown]
# **Look** at crf 0: enormous, and still not exact. The coder keeps every luma and colour value that it was *given*, but it was given 4:2:0. So even crf 0 is not the video that you had.
#
# ## I, P and B
# An **I** frame is coded by itself, like a JPEG. A **P** frame says where each of its blocks lay in an *earlier* frame, and what has changed since. A **B** frame may look both ways, so the later one has to come first in the file. **Predict**: how many times as large as a P frame is an I frame?

# %% tags=["predict"]
# a number, or (low, high); how sure, in per cent
run.predict("01 size of an I frame", None, sure=None, unit="P frames")

# %%
kinds = lab.studies.compression.frame_kinds(run.out / "codec" / "crf_23.mp4")
print("shown:       ", "".join(kinds["kind"]))
print("in the file: ", "".join(kinds.sort_values("coded")["kind"]))
mean = kinds.groupby("kind")["bytes"].mean()
run.came("01 size of an I frame", mean["I"] / mean.get("P", np.nan), within=0.5)
kinds.groupby("kind")["bytes"].agg(["count", "mean"]).round()


# %% [markdown]
# Two consequences. To show frame 100 a player must go back to the I frame before it: jumping about in a video is slow, reading it in order is fast. And errors come in *groups*: all frames that lean on one bad frame share its fault, so ten frames of a video are not ten independent looks (notebook 06).

# %% [markdown] tags=["exercise"]
# **Exercise, a function**: which frame is on the screen at a time? A frame stays until the next one comes. Mind floats: 0.58 x 50 is 28.999...

# %% tags=["stub"]
def frame_number(seconds, fps):
    """A time in seconds, frames a second: the frame's number, the first is 0."""
    return None  # your turn


# %% tags=["solution"]
def frame_number(seconds, fps):
    """A time in seconds, frames a second: the frame's number, the first is 0."""
    return int(seconds * fps + 1e-6)


# %% tags=["check"]
frame_number = checks.frame_number(frame_number)

# %% [markdown] tags=["notes"]
# `round` jumps to the next frame half a frame too early. Who rounds 29.97 to 30 is two frames off after a minute, and sound runs away from the lips.

# %% [markdown]
# ## Write the frames, read them back
# PNG keeps every bit. The number in a file's name is the frame's number in the video, so nothing gets mixed up when some are left out.

# %%
span = {"start": start_second or None, "end": end_second or None}
table = lab.course.ensure_frames(run, "target", every=every_nth, **span)
print(len(table), "frames in", run.frames("target").name)
table.head(3)

# %%
worst = 0
for frame, name in zip(clip.frames(every=every_nth, **span), table["file"], strict=True):
    saved = cv2.imread(str(run.frames("target") / name))[..., ::-1]
    worst = max(worst, int(np.abs(saved.astype(int) - frame.image).max()))
print("largest difference between the video's frames and the files:", worst, "of 255")

# %% [markdown]
# ## Cut, slow down, put side by side
# For editing whole videos, a library takes fewer lines than loops over frames: [`moviepy`](https://zulko.github.io/moviepy/) cuts, changes speed, puts clips beside each other and keeps the sound in step. Some of its methods got other names in version 2, and Colab still has version 1; hence the helper `call`.

# %%
try:
    from moviepy import VideoFileClip, clips_array  # 2
except ImportError:
    from moviepy.editor import VideoFileClip, clips_array  # 1


def call(video, new, old, *values):
    """A method by its name in version 2, or in version 1."""
    return getattr(video, new if hasattr(video, new) else old)(*values)


with VideoFileClip(str(run.clip("target"))) as whole:
    upright = call(whole, "resized", "resize", clip.size)  # moviepy overlooks a phone's rotation, and squeezes the picture
    first = call(upright, "subclipped", "subclip", 0, min(1.0, clip.duration))
    slow = call(first, "with_speed_scaled", "speedx", 0.5)
    pair = call(clips_array([[slow, slow]]), "with_duration", "set_duration", slow.duration)
    sound = str(run.out / "codec" / "slow.mp3")  # only on the way; else moviepy puts it wherever Python was started
    pair.write_videofile(str(run.out / "codec" / "slow.mp4"), fps=whole.fps, temp_audiofile=sound, logger=None)
made = lab.open_video(run.out / "codec" / "slow.mp4")
print(f"{made.size[0]}x{made.size[1]}, {made.duration:.2f} s, sound: {made.has_audio}")

# %% [markdown]
# **Look** at the printed line: twice as wide, twice as long. The sound was slowed down, too, so it is an octave lower. moviepy trusts the file's header: with a phone's variable frame rate, read it through the lab.

# %% [markdown]
# ## What went wrong?
# | what you see | why |
# |---|---|
# | blocks and rings around eyes | trained on a small, crushed file: look for the original |
# | the same face 600 times | every frame taken of somebody who sits still |
# | sound runs away from the lips | a variable frame rate written as if it were constant |

# %% [markdown]
# ## Recap
# You read a clip's facts, took frames by number and by time, took a JPEG block and a video's frames apart, measured what compression takes from a face, wrote frames that are exact, and cut and slowed a video with moviepy.
#
# 1. Why does conversion need every frame, and training not?
# 2. What is a variable frame rate, and what does it do to sound?
# 3. What does a video lose at crf 0, and where?
# 4. Why is the cosine transform not what loses anything? What is?
# 5. Why is PNG worth its size here?
# 6. What is PSNR blind to?
#
# **Next**: notebook 02 finds the face in each frame.

# %% tags=["quiz"]
lab.widgets.Answers("01")  # answer them first, then open each

# %%
run.finish("01_frame_extraction", f"{len(table)} frames of the target")
