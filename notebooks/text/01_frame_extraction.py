# %% [markdown]
# **On Colab**: [colab.research.google.com](https://colab.research.google.com) > Upload: this notebook; then put `faceswap_lab_colab.zip` (made by `make colab`) into its Files panel, or on a Drive that is mounted there.

# %% [markdown]
# # 01 From a video to frames, and what gets lost
# **Goal** Read a video, take the frames you need, see what JPEG and video compression do to a face.
#
# **Minutes** 15 to read, 1 on two CPU cores or a T4
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

from faceswap_lab import runtime, stages

run = runtime.setup(preset, seed, out, source, target, keep=keep)

# %% [markdown]
# ## What is in the file
# A video file is a container: a stream of compressed pictures, usually one of sound, and facts about both. Two of them cause trouble again and again. The **rotation** is a note ("turn me by 90 degrees when you show me"), and phones write a **variable frame rate**. The lab applies the first and brings the second to a constant rate, so that sound and picture stay together.

# %%
import cv2
import numpy as np
import pandas as pd

from faceswap_lab import video
from faceswap_lab.teaching import figures

clip = video.open_video(run.clip("target"))
print(f"{clip.size[0]}x{clip.size[1]} pixels, {clip.fps:g} frames a second, {clip.duration:.2f} s")
print("about", clip.num_frames, "frames; sound:", clip.has_audio, "; rotation:", clip.rotation)

# %% [markdown]
# ## Every n-th frame
# Neighbouring frames are nearly the same. To *train*, every sixth is often enough; to *convert*, every single one is needed. Frames come as a stream: however long the film, only one is in memory.
#
# **Predict**: which frame numbers come out for every fifth frame between 0.5 s and 2 s?

# %%
some = list(clip.frames(every=5, start=0.5, end=2.0))
print([frame.index for frame in some])
figures.row([frame.image for frame in some][:6], [f"{frame.time:.2f} s" for frame in some], height=1.8)

# %%
pairs = zip(
    clip.frames(every=1, end=1.5), clip.frames(every=1, start=1 / clip.fps, end=1.5 + 1 / clip.fps), strict=False
)
change = [float(np.abs(a.image.astype(int) - b.image).mean()) for a, b in pairs]
print(f"mean change from one frame to the next: {np.mean(change):.2f} of 255")

# %% [markdown]
# ## What JPEG does to a face
# Each row saves the same crop at another quality. **PSNR** says in decibels how near the copy is (the square of 255 over the mean squared error); above 40 dB hardly anybody sees a difference. Look at lids and lips: that is where a face loses first.

# %%
frame = some[0].image
height, width = frame.shape[:2]
crop = np.ascontiguousarray(frame[height // 4 : 3 * height // 4, width // 4 : 3 * width // 4])


def psnr(first, second):
    return 10 * np.log10(255**2 / max(np.mean((first.astype(float) - second) ** 2), 1e-9))


# %%
rows, copies = [], []
for name, option in {"png": [], "jpg 95": [95], "jpg 75": [75], "jpg 30": [30], "jpg 10": [10]}.items():
    options = [cv2.IMWRITE_JPEG_QUALITY, *option] if option else []
    data = cv2.imencode(".jpg" if option else ".png", crop[..., ::-1], options)[1]
    copies.append(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])
    rows.append([name, len(data), round(min(psnr(crop, copies[-1]), 99), 1)])
pd.DataFrame(rows, columns=["format", "bytes", "PSNR dB"])

# %%
figures.rows(
    {
        "copy": copies,
        "error x 8": [np.clip(np.abs(crop.astype(int) - copy) * 8, 0, 255).astype(np.uint8) for copy in copies],
    },
    height=1.7,
)

# %% [markdown]
# ## What a video codec does to a face
# H.264 saves space by describing *changes*. Its quality dial is **crf**: 0 loses nothing, 15 looks lossless, 23 is the default, 35 and more are for tiny files. A model trained on crushed faces paints crushed faces.

# %%
first = [frame.image for frame in clip.frames(end=0.5)]
rows, crushed = [], []
for crf in (10, 15, 23, 35, 45):
    path = run.out / "codec" / f"crf_{crf}.mp4"
    with video.VideoWriter(path, clip.fps, clip.size, crf=crf) as writer:
        for image in first:
            writer.write(image)
    back = [frame.image for frame in video.open_video(path).frames()]
    crushed.append(back[-1][height // 4 : 3 * height // 4, width // 4 : 3 * width // 4])
    rows.append(
        [crf, path.stat().st_size, round(float(np.mean([psnr(a, b) for a, b in zip(first, back, strict=True)])), 1)]
    )
pd.DataFrame(rows, columns=["crf", "bytes", "PSNR dB"])

# %%
original = first[-1][height // 4 : 3 * height // 4, width // 4 : 3 * width // 4]
errors = [np.clip(np.abs(original.astype(int) - copy) * 8, 0, 255).astype(np.uint8) for copy in crushed]
figures.rows({"crf 10 ... 45": crushed, "error x 8": errors}, height=1.7)

# %% [markdown]
# ## Write the frames, read them back
# PNG keeps every bit. The number in a file's name is the frame's number in the video, so nothing gets mixed up when some are left out.

# %%
span = {"start": start_second or None, "end": end_second or None}
table = stages.ensure_frames(run, "target", every=every_nth, **span)
print(len(table), "frames in", run.frames("target").name)
table.head(3)

# %%
worst = 0
for frame, name in zip(clip.frames(every=every_nth, **span), table["file"], strict=True):
    saved = cv2.imread(str(run.frames("target") / name))[..., ::-1]
    worst = max(worst, int(np.abs(saved.astype(int) - frame.image).max()))
print("largest difference between the video's frames and the files:", worst)


# %% [markdown]
# ## What went wrong?
# | what you see | why |
# |---|---|
# | blocks and rings around eyes | trained on a small, crushed file: look for the original |
# | the same face 600 times | every frame taken of somebody who sits still |
# | sound runs away from the lips | a variable frame rate written as if it were constant |
#
# ## Exercise
# How many frames does one get from `seconds` of video at `rate`, taking every `n`-th? Write it. Left as it is, the reference answers.

# %%
def count(seconds, rate, n):
    """Your turn."""
    return None


# %%
wanted = len(range(0, round(clip.duration * clip.fps), 7))
answer = count(clip.duration, clip.fps, 7)
print(
    "not filled in yet: it is" if answer is None else "right:" if answer == wanted else f"not yet ({answer}): it is",
    wanted,
)

# %% [markdown]
# ## Recap
# You read a clip's facts, took frames by number and by time, measured what JPEG and H.264 take from a face, and wrote frames that are exact.
#
# 1. Why does conversion need every frame, and training not?
# 2. What is a variable frame rate, and what does it do to sound?
# 3. At which crf did you first see a difference? At which PSNR?
# 4. Why is PNG worth its size here?
# 5. What is PSNR blind to?
#
# **Next**: notebook 02 finds the face in each frame.

# %%
run.finish("01_frame_extraction", f"{len(table)} frames of the target")
