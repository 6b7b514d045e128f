# %% [markdown]
# **On Colab**: [colab.research.google.com](https://colab.research.google.com) > Upload: this notebook; then put `faceswap_lab_colab.zip` (made by `make colab`) into its Files panel, or on a Drive that is mounted there.

# %% [markdown]
# # 02 Find the face, align it, mask it
# **Goal** Align faces to a fraction of a pixel, make, clean and diagnose a face set; then open up the detector and derive the alignment.
#
# **Minutes** 52 to read, 3 on two CPU cores or a T4; of the reading, part one takes 26, part two 26
#
# **Needs** two clips (the bundled ones, or yours)
#
# **Makes** `faces/A`, `faces/B`, `faces/target`: aligned faces, masks, landmarks, `faces.csv`, contact sheets; a diagnosis

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
# ## Part one: from a clip to a face set
# This lesson has two parts. **Part one** is what a swap needs: find the face, align it, mask it, and look at the face sets before anything is trained. In a class it is the lesson.
#
# **Part two** opens up what part one calls: the detector's three networks, following a face through a video, and where the best alignment comes from. It has the formulas and most of the exercises; no later lesson needs its results, so it can be the homework.

# %% [markdown]
# ## One call
# The package [`mtcnn`](https://github.com/ipazc/mtcnn) finds a face in one call: a box (left, top, width, height), how sure it is, five points. Part two opens that call up.

# %%
import time

import numpy as np
from mtcnn import MTCNN

clip = lab.open_video(run.clip("target"))
frames = [f.image for f in clip.frames(every=max(1, clip.num_frames // 8))][:8]
frame = frames[0]
package = MTCNN()
for face in package.detect_faces(frame):
    print(face["box"], round(float(face["confidence"]), 3), {name: [*map(int, at)] for name, at in face["keypoints"].items()})

# %% [markdown]
# Whole pixels, one frame at a time. A face that is cut out of hundreds of frames must not jump by half a pixel, and nobody likes to wait. So the lab drives the package's *own three networks* itself: in batches, on all cores, sub-pixel. **Predict**: how many times as fast as the package is the lab, for eight frames?

# %% tags=["predict"]
# a number, or (low, high); how sure, in per cent
run.predict("02 times as fast", None, sure=None, unit="times")

# %%
order = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
ours = lab.FaceDetector(min_face_size=20, thresholds=(0.6, 0.7, 0.7))  # the package's own
detectors = {
    "mtcnn": lambda some: [[[face["keypoints"][at] for at in order] for face in package.detect_faces(f)] for f in some],
    "lab": lambda some: [found.points for found in ours.detect(some)],
}
points, seconds = {}, {}
for name, detect in detectors.items():
    detect(frames[:1])  # the first call loads
    began = time.perf_counter()
    points[name], seconds[name] = detect(frames), time.perf_counter() - began
    print(f"{name:5s} {seconds[name]:.2f} s, {sum(map(len, points[name]))} faces in {len(frames)} frames")
run.came("02 times as fast", seconds["mtcnn"] / seconds["lab"], within=0.5)
pairs = [pair for pair in zip(points["mtcnn"], points["lab"], strict=True) if len(pair[0]) == len(pair[1]) == 1]
if pairs:
    apart = np.linalg.norm([np.array(theirs[0]) - mine[0] for theirs, mine in pairs], axis=-1)
    print(f"their five points lie {apart.mean():.1f} pixels apart, at most {apart.max():.1f}")

# %% [markdown]
# ## Five points, one similarity
# A face for training must always sit at the same place. The five points (eyes, nose, mouth corners) are brought to five **canonical** points by the best **similarity**: a scale, a turn and a shift. No mirror, no shear: they would change the person. Four numbers cannot make five points fit exactly, so the best one leaves the smallest squared distances ([Umeyama, 1991](https://doi.org/10.1109/34.88573)); part two derives it.
#
# Look at the third picture: how far from their canonical places do the points stay?

# %%
detector = lab.FaceDetector(min_face_size=40)
detections = detector.detect([frame])[0]
if not len(detections):
    raise SystemExit("No face in this frame: choose another clip or a smaller min_face_size.")
box, detected = detections.boxes[0], detections.points[0]
square = lab.faces.square_box(box)
print("box, in pixels:", box.round(1), "as a square:", square.round(1))
matrix = lab.alignment_matrix(detected, 256)
aligned = lab.align(frame, matrix, 256)

# %%
marked = lab.widgets.draw_points(aligned, lab.faces.canonical_points(256), lab.widgets.YELLOW, 1, 4)
marked = lab.widgets.draw_points(marked, lab.faces.transform_points(matrix, detected), lab.widgets.RED, 1, 2.5)
boxes = lab.widgets.draw_boxes(lab.widgets.draw_boxes(frame, [box]), [(square + 0.5) * 2 - 0.5], lab.widgets.YELLOW, 1)
boxes = lab.widgets.draw_points(boxes, (detected + 0.5) * 2 - 0.5, lab.widgets.RED, 1, 8)
titles = ["box (upright), square, points", "aligned", "canonical (large), found (small)"]
lab.widgets.row([boxes, aligned, marked], titles, height=2.6)

# %% [markdown]
# ## Dense landmarks
# Five points jump by a pixel or two from frame to frame, and so would the face. A second network finds **468 points** ([Kartynnik et al., 2019](https://arxiv.org/abs/1907.06724)); two more looks give 71 points round each eye, and the irises. The alignment uses five points *read off the mesh*, which hardly depend on where the detector put its own (part two measures it). The mesh has depth, so it also tells where the head points.

# %%
mesh = lab.FaceMesh()
landmarks = mesh(frame, detected)
yaw, pitch, roll = lab.faces.head_pose(landmarks)
print(f"yaw {yaw:.0f}, pitch {pitch:.0f}, roll {roll:.0f} degrees; score {landmarks.score:.2f}")
lab.widgets.row(
    [lab.widgets.draw_landmarks(frame, landmarks, 3), lab.widgets.draw_landmarks(aligned, landmarks.transformed(matrix), 3)],
    ["in the frame", "aligned"],
    height=4,
)

# %% [markdown]
# ## Masks
# An eye mask is made in three steps: the **hull** of the lid points, **dilated** by 13 pixels (at 256), **blurred**. It tells the loss where it must not be wrong. The face mask takes the oval of the mesh, stretched to the hairline; mouth, nose and brows have theirs.

# %%
matrix = lab.alignment_matrix(lab.faces.five_points(landmarks), 256)
aligned, placed = lab.align(frame, matrix, 256), landmarks.transformed(matrix)
hull = np.maximum(*[lab.faces.hull_mask(contour[:16], 256) for contour in placed.eye_contours])
wide = lab.faces.dilate(hull, 13)
lab.widgets.row([aligned, hull, wide, lab.faces.eye_mask(placed, 256)], ["aligned", "hull", "dilated", "blurred"])
others = [lab.faces.mouth_mask, lab.faces.nose_mask, lab.faces.brow_mask, lab.faces.face_mask]
lab.widgets.row([mask(placed, 256) for mask in others], ["mouth", "nose", "brows", "face"])

# %% [markdown]
# ## The face sets
# Now for all frames: **A** (the person in the target clip), **B** (whose face is put in), and the **target** clip itself. Each face gets a picture, masks, landmarks and a row in `faces.csv`. You can stop this at any moment and run it again.

# %%
sets = {role: lab.course.ensure_faces(run, role) for role in ("A", "B", "target")}
for role, faces in sets.items():
    print(role, len(faces), "faces, sharpness", round(faces.table["sharpness"].median(), 1), "(variance of the Laplacian)")
sets["B"].table[["face", "frame", "score", "yaw", "pitch", "sharpness"]].head(3)

# %%
for role in sets:
    lab.widgets.row([lab.course.contact_sheet(run, role)], [f"some of the faces of {role}"], height=7)

# %%
shown = np.linspace(0, len(sets["B"]) - 1, 8).astype(int)
chosen = sets["B"].subset(shown)
lab.widgets.row(
    [lab.widgets.tint_masks(face, mask) for face, mask in zip(chosen.images(), chosen.masks(), strict=True)],
    height=1.4,
    title="their masks on faces of B",
)

# %% [markdown]
# ## Who is it?
# A recognition network turns a face into 128 numbers, its **embedding**; two pictures of one person lie less than about 0.6 apart. That is how a set with two people in it is taken apart, and how extraction can keep or drop a person (`like=`, `unlike=`). The actors are rendered, so they are nearer to one another than living people are.

# %%
numbers = {role: lab.faces.embeddings.of_set(faces.subset(np.arange(0, len(faces), 10))) for role, faces in sets.items()}
for one in numbers:
    row = [f"{one}-{other} {np.median(lab.faces.embeddings.distances(numbers[one], numbers[other])):.2f}" for other in numbers]
    print("   ".join(row))

# %% [markdown]
# ## The diagnosis: will this make a good swap?
# A model can only generate what it has seen. Before hours of training, a minute of looking: how many faces, how sharp, how lit; which **poses** A takes that B never does; whether somebody else is among them. Each finding has a number and a remedy, and each direction one predicted **difficulty** from 0 to 1.

# %%
diagnosis = lab.diagnose(sets["target"], sets["B"])  # A is the one whose video is changed
lab.write_json(run.out / "faces" / "diagnosis.json", diagnosis.as_json())
print(lab.faces.diagnosis_report.describe(diagnosis))

# %%
words = "poses of A, of B, and those that only one of them has; below, their light, open mouths and detail"
lab.widgets.show(lab.faces.diagnosis_report.draw(diagnosis), words)


# %% [markdown]
# Look at the third map: a blue triangle is a pose of A that B never takes, so that A<-B will be a guess there. The orange dots are the same for B<-A.

# %% [markdown] tags=["exercise"]
# **Exercise, a function**: how much of a clip will be a guess? A pose of the target is *unknown* when even the nearest pose of the source lies further than `near` degrees away; the distance of two poses is the root of $\Delta\mathrm{yaw}^2+\Delta\mathrm{pitch}^2$. The lesson goes on with yours, or with the reference.

# %% tags=["stub"]
def unknown_poses(target, source, near):
    """Poses (n, 2) and (m, 2), yaw and pitch in degrees: the share of the target's, 0 to 1, that the source does not know."""
    return None  # your turn


# %% tags=["solution"]
def unknown_poses(target, source, near):
    """Poses (n, 2) and (m, 2), yaw and pitch in degrees: the share of the target's, 0 to 1, that the source does not know."""
    apart = np.linalg.norm(target[:, None] - source[None], axis=2)
    return np.mean(apart.min(axis=1) > near)


# %% tags=["check"]
from faceswap_lab.course import checks

unknown_poses = checks.unknown_poses(unknown_poses)

# %% [markdown] tags=["notes"]
# The table of distances has a row for each pose of the target, and the minimum goes along the row. Along the columns it answers another question: how much of the source's set the swap leaves unused. Whoever compares yaw and pitch one by one finds too little missing: one picture lends its yaw, another its pitch.

# %% [markdown]
# Do many faces make poses known? Three sets of A's, asked for B's poses (the direction B<-A):

# %%
poses = {role: faces.table[["yaw", "pitch"]].dropna().to_numpy() for role, faces in sets.items()}
asked = {"the target clip": poses["target"], "A": poses["A"], "A, every tenth": poses["A"][::10]}
for name, some in asked.items():
    print(f"{name}: {len(some)} faces leave {unknown_poses(poses['B'], some, 12):.0%} of B's poses a guess")

# %% [markdown]
# On the bundled clips 26 faces from clips in which the head turns know more than 120 of one quiet take.
#
# ## Six ways to spoil a set
# The actors come with six sets of B that are bad on purpose. **Predict** what is wrong with each row before you read on.

# %% tags=["predict"]
# a list, row by row
run.predict(
    "02 six sets", None, sure=None, choices=("blurred", "in_the_dark", "low_resolution", "only_frontal", "ten_faces", "two_people")
)

# %%
import warnings

spoilt = {}
for bad in lab.course.actors.clips("failure"):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # two people in one set are warned of; here that is the point
        spoilt[bad.id] = lab.extract_faces(bad.path, run.out / "faces" / "spoilt" / bad.id)
lab.widgets.rows(
    {
        str(n): bad.subset(np.linspace(0, len(bad) - 1, 9).astype(int)).images(96)
        for n, bad in enumerate(spoilt.values(), 1)
    }
)

# %%
for number, (name, bad) in enumerate(spoilt.items(), 1):
    found = lab.diagnose(sets["target"], bad)
    named = [
        f"{one.name} ({one.number:.2g} {one.unit})"
        for one in found.findings
        if one.about == "B" and one.severity != "note"
    ]
    print(f"{number} {name:15s} difficulty {found.difficulty['A<-B']:.2f}   {', '.join(named)}")
run.came("02 six sets", list(spoilt))

# %% [markdown]
# Does the predicted difficulty come true? `benchmarks/diagnosis.py` trains on each of these sets and ranks the real gains against it: [the figures](../docs/results.md#the-diagnosis).
#
# ## Clean a set
# Blurred, wrong, half-hidden: delete the picture in `faces/B/faces`, and the face is gone, from training and from conversion. It stays gone when extraction runs again. The **browser** does it with a click: mark faces, press *reject marked*; *undo* brings them back, also tomorrow. Here on a copy:

# %%
import shutil

copy = run.out / "faces" / "copy_of_B"
shutil.rmtree(copy, ignore_errors=True)
shutil.copytree(sets["B"].folder, copy)
browser = lab.widgets.FaceBrowser(copy, by="sharpness", page_size=12)
browser

# %%
before = len(lab.FaceSet(copy))
gone = lab.faces.curation.reject(lab.FaceSet(copy), [0, 1], "only to show it")
print(before, "->", len(lab.FaceSet(copy)), "and back:", len(lab.faces.curation.undo(copy)), "faces")

# %% [markdown]
# Sorting and grouping make outliers stand together: by pose, light, sharpness, identity or similarity.

# %%
labels, names = lab.faces.curation.group(sets["B"], "pose")
sheet = lab.faces.curation.thumbnails(sets["B"], labels=labels, names=names, columns=12, cell=64, limit=12)
lab.widgets.row([sheet], ["B by pose"], height=8.5)

# %% [markdown]
# ## What went wrong?
# | what you see | why |
# |---|---|
# | crops of ears and walls | threshold too low: false detections |
# | a face that swims in its crop | whole-pixel points, or the detector's own |
# | half a face | aligned to the box, not to the points |

# %%
by_box = lab.align(frame, lab.faces.umeyama(square.reshape(2, 2), np.array([[0, 0], [255, 255]])), 256)
wrong = lab.align(frame, lab.alignment_matrix(detected[[1, 0, 2, 4, 3]], 256), 256)
lab.widgets.row([aligned, by_box, wrong], ["right", "the box, unaligned", "left and right confused"])

# %% [markdown]
# ## Part two: how it works inside
# Here a class may stop. The face sets are made, and notebook 03 can begin; of the recall questions at the end, the first four belong to part one.
#
# Part two needs part one's variables, so run it in the same session.

# %% [markdown]
# ## MTCNN: three networks, each stricter than the last
# A **cascade** ([Zhang et al., 2016](https://arxiv.org/abs/1604.02878)) looks everywhere cheaply and then ever more closely where it pays. P-Net (12x12 pixels) slides over the picture, R-Net (24x24) looks again at what P-Net proposed, O-Net (48x48) decides and finds five points. P-Net knows only one size of face, so it gets the picture at many sizes: a **pyramid**.

# %%
seen = detector.stages(frame)
print("pyramid:", [f"{level.shape[1]}x{level.shape[0]}" for level in seen.levels])

# %%
lab.widgets.row(seen.levels[:5], [f"x {scale:.2f}" for scale in seen.scales], height=1.8)
lab.widgets.row([lab.widgets.heat(level) for level in seen.maps[:5]], title="P-Net: is a face here?", height=1.8)

# %% [markdown]
# **Predict**: how many boxes will P-Net propose for one face? Then look at what is left after each stage. Between them **non-maximum suppression** keeps the surest box of each group; how it does that comes next.

# %% tags=["predict"]
# a number, or (low, high); how sure, in per cent
run.predict("02 boxes", None, sure=None, unit="boxes")

# %%
stages_seen = {
    "proposals": seen.proposals,
    "after suppression": seen.proposed,
    "R-Net": seen.refined,
    "O-Net": seen.output.boxes,
}
colours = (lab.widgets.RED, lab.widgets.YELLOW, lab.widgets.BLUE, lab.widgets.GREEN)
drawn = [lab.widgets.draw_boxes(frame, boxes, colour) for boxes, colour in zip(stages_seen.values(), colours, strict=True)]
lab.widgets.row(drawn, [f"{name}: {len(boxes)}" for name, boxes in stages_seen.items()], height=2.6)
run.came("02 boxes", len(seen.proposals))

# %% [markdown]
# **How much do two boxes agree?** Their **intersection over union**: 0 apart, 1 equal, and the same whatever their size:
#
# $$\mathrm{IoU}(a,b)=\frac{\vert a\cap b\vert}{\vert a\cup b\vert}=\frac{\vert a\cap b\vert}{\vert a\vert+\vert b\vert-\vert a\cap b\vert}$$
#
# A box is (x0, y0, x1, y1). **Predict**: a square, and the same shifted by half of its side: 1/2, 1/3 or 1/4?

# %% tags=["predict"]
run.predict("02 IoU", None, sure=None, choices=("1/2", "1/3", "1/4"))


# %% [markdown] tags=["exercise"]
# **Exercise, a function**: IoU of one box with many. Boxes that do not touch have none: mind the sign of what does not overlap. The lesson goes on with yours, or with the reference.

# %% tags=["stub"]
def iou(box, others):
    """One box (4,) against others (n, 4): (n,) in [0, 1]."""
    return None  # your turn


# %% tags=["solution"]
def iou(box, others):
    """One box (4,) against others (n, 4): (n,) in [0, 1]."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    inner = np.clip(high - low, 0, None).prod(axis=1)
    area, areas = (box[2:] - box[:2]).prod(), (others[:, 2:] - others[:, :2]).prod(axis=1)
    return inner / (area + areas - inner)


# %% tags=["check"]
iou = checks.iou(iou)

# %% [markdown] tags=["notes"]
# Without the clip, two boxes that miss each other in both directions get a positive overlap (minus times minus), in one direction a negative one.

# %%
print(iou(np.array([0, 0, 10, 10]), np.array([[0, 0, 10, 10], [5, 0, 15, 10], [10, 0, 20, 10]])).round(3))
run.came("02 IoU", "1/3")

# %% [markdown]
# **Suppression** is then greedy: (1) take the surest box that is left and keep it; (2) throw away every other box whose IoU with it is above a threshold; (3) go on until none is left. You will write it at the end.
#
# **Box regression.** A network need not only say yes or no. R-Net also answers with four numbers $r$: by what share of its sides each corner should move,
#
# $$x_0'=x_0+r_0 w \qquad y_0'=y_0+r_1 h \qquad x_1'=x_1+r_2 w \qquad y_1'=y_1+r_3 h$$
#
# As shares they mean the same for a small face and a large one.

# %%
given = seen.proposed[:, :4]
answers = detector.refinement.on_crops(lab.faces.cut_crops(frame, given, 24))
width, height = (given[:, 2:] - given[:, :2] + 1).T  # MTCNN counts both border pixels
moved = given + answers[:, :4] * np.stack([width, height, width, height], axis=1)
print("largest difference to the detector's own:", np.abs(moved - detector.refine(frame, given)[0]).max(), "pixels")
truth = seen.output.boxes[0]
print(f"mean IoU with the final box: {iou(truth, given).mean():.2f} before, {iou(truth, moved).mean():.2f} after")

# %% [markdown]
# ## Followed, not searched
# On video the face is nearly where it was. So the whole cascade looks at every 25th frame only, after a cut, or when a face is lost; in between **O-Net alone** looks around the place where the face should be now.
#
# One look of O-Net jumps by about 2 % of the face from frame to frame. The detector here takes the **mean of eight looks** around the face: half the jump, and a more honest score.
#
# **Predict**: how many times faster is following than searching?

# %% tags=["predict"]
# a number, or (low, high); how sure, in per cent
run.predict("02 following faster", None, sure=None, unit="times")

# %%
some = [f.image for f in clip.frames()][:40]
start = time.perf_counter()
searched = detector.detect(some)
middle = time.perf_counter()
tracker = lab.faces.FaceTracker(detector)
followed = [tracker(image) for image in some]
end = time.perf_counter()
print(
    f"searched {1000 * (middle - start) / len(some):.0f} ms a frame, followed {1000 * (end - middle) / len(some):.0f} ms"
)
print("frames that the whole cascade saw:", sum(one.cascade for one in followed), "of", len(some))
run.came("02 following faster", (middle - start) / (end - middle), within=0.5)

# %%
both = [
    (one.faces.points[0], other.points[0])
    for one, other in zip(followed, searched, strict=True)
    if len(one) and len(other)
]
apart = [np.linalg.norm(one - other, axis=1).mean() for one, other in both]
print(f"followed and searched points lie {np.mean(apart):.2f} px apart, at most {np.max(apart):.2f}")

# %% [markdown]
# A small frame with one large face gains little: its pyramid is small. At 1280x720 with faces from 20 pixels on, `benchmarks/detection.py` measures some ten times the rate of the `mtcnn` package for searching, and more than forty times for following.

# %% [markdown]
# ## The best similarity
# The five points are $p_i$, their canonical places $q_i$. We look for a scale $s$, a turn $R$ and a shift $t$ that make
#
# $$\frac{1}{n}\sum_i \Vert sRp_i+t-q_i\Vert^2$$
#
# as small as can be. [Umeyama (1991)](https://doi.org/10.1109/34.88573) found them in closed form. First a check: a transform we know must come back.

# %%
angle, scale, shift = np.radians(12), 1.7, np.array([31.0, -8.0])
turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
points = np.random.default_rng(seed).uniform(0, 200, (5, 2))
found = lab.faces.umeyama(points, points @ turn.T + shift)
print("largest error in the matrix:", np.abs(found - np.column_stack([turn, shift])).max())

# %% [markdown]
# **Where it comes from**, in three steps.
#
# 1. *Shift*: set the slope in $t$ to 0. Mean goes to mean: $t=\bar q-sR\bar p$. From here on all points are taken from their means.
# 2. *Turn*: what is left depends on $R$ by $-2s \mathrm{tr}(R^T\Sigma)$ with $\Sigma=\frac{1}{n}\sum_i q_i p_i^T$. Decompose $\Sigma=USV^T$: then $\mathrm{tr}(R^T\Sigma)=\mathrm{tr}(ZS)$ with $Z=V^TR^TU$, a turn or a mirror too. No entry of $Z$ exceeds 1, so the identity, $Z=1$, is best: $R=UV^T$.
# 3. *Scale*: a parabola in $s$, lowest at $s=\mathrm{tr}(S)/\sigma_p^2$, where $\sigma_p^2$ is the points' variance.

# %% [markdown]
# **One trap**: $UV^T$ may be a *mirror*, with $\det U\det V=-1$. Points that are noisy or nearly on a line do that; then the face would come back as its own reflection. The cheapest repair turns the direction that matters least, that of the *smallest* singular value: with $D=\mathrm{diag}(1,\det U\det V)$
#
# $$R=UDV^T \qquad s=\mathrm{tr}(SD)/\sigma_p^2$$
#
# **Predict**: the points below are mirrored. What will the best *similarity* be?

# %% tags=["predict"]
run.predict(
    "02 without a mirror", None, sure=None, choices=("a mirror all the same", "a turn that fits", "a turn that fits badly")
)

# %%
mirrored = points * [-1, 1]
left, singular, right = np.linalg.svd((mirrored - mirrored.mean(0)).T @ (points - points.mean(0)))
forced = lab.faces.umeyama(points, mirrored)
off = np.linalg.norm(lab.faces.transform_points(forced, points) - mirrored, axis=1).mean()
print(f"det(U) det(V) = {np.linalg.det(left) * np.linalg.det(right):.0f}, det(UV) = {np.linalg.det(left @ right):.0f}")
print(f"det(R) = {np.sign(np.linalg.det(forced[:, :2])):.0f}: a turn; the points are left {off:.0f} px apart")
run.came("02 without a mirror", "a turn that fits badly" if off > 5 else "a turn that fits")

# %% [markdown]
# ## How steady is the mesh?
# Part one read the five points off the mesh. Suppose that the detector's points are off by 1.5 pixels (one standard deviation, 20 draws). How far do the aligned picture's corners move if the noisy points are used as they are, and how far if they only tell the mesh where to look?

# %%
noise = np.random.default_rng(seed).normal(0, 1.5, (20, 5, 2))
corners = np.array([[0, 0], [255, 0], [0, 255], [255, 255]])
steady = lab.alignment_matrix(lab.faces.five_points(landmarks), 256)


def wander(other):
    moved = lab.faces.transform_points(other, lab.faces.transform_points(lab.faces.invert(steady), corners))
    return np.abs(moved - corners).mean()


by_detector = np.mean([wander(lab.alignment_matrix(lab.faces.five_points(landmarks) + n, 256)) for n in noise])
by_mesh = np.mean([wander(lab.alignment_matrix(lab.faces.five_points(mesh(frame, detected + n)), 256)) for n in noise])
print(f"points off by 1.5 px move the aligned corners by {by_detector:.1f} px, through the mesh by {by_mesh:.1f} px")


# %% [markdown]
# **Other ways**, which you will meet in other tools. *HOG* ([Dalal and Triggs, 2005](https://doi.org/10.1109/CVPR.2005.177)): count the directions of edges in small cells, slide a linear classifier over the counts; dlib's first detector, here `detector="hog"`. *Regression trees* ([Kazemi and Sullivan, 2014](https://doi.org/10.1109/CVPR.2014.241)): begin with the mean shape, let trees that compare pairs of pixels correct it ten times; dlib's 68 points, a millisecond a face. *3D face fitting* ([Zhu et al., 2016](https://arxiv.org/abs/1511.07212)): find pose and shape of a 3D head model whose projection fits; sees points that are hidden, at any turn of the head.

# %% [markdown] tags=["exercise"]
# ## Exercises
# **A function**: non-maximum suppression in the three steps above, with your `iou`. "Above a threshold" means strictly above: a box whose IoU equals the threshold stays.

# %% tags=["stub"]
def nms(boxes, scores, threshold):
    """Boxes (n, 4), scores (n,): the indices of the boxes that stay, the surest first."""
    return None  # your turn


# %% tags=["solution"]
def nms(boxes, scores, threshold):
    """Boxes (n, 4), scores (n,): the indices of the boxes that stay, the surest first."""
    kept, left = [], np.argsort(-scores)
    while len(left):
        kept.append(left[0])
        left = left[1:][iou(boxes[left[0]], boxes[left[1:]]) <= threshold]
    return np.array(kept)


# %% tags=["check"]
nms = checks.nms(nms)

# %% [markdown] tags=["notes"]
# The order decides: begin with the highest score, and let only boxes that are *kept* throw others out. `np.argsort` sorts upwards, hence the minus sign.

# %%
boxes, scores = seen.proposals[:, :4], seen.proposals[:, 4]
for threshold in (0.5, 0.7, 0.9):
    print(f"threshold {threshold}: {len(nms(boxes, scores, threshold))} of {len(boxes)} boxes of P-Net are left")

# %% [markdown] tags=["exercise"]
# **Change and explain**: add the threshold 0.2 to those above. Are there "fewer", "more" or "as many" boxes as at 0.5? And what is the danger of a low threshold: "two faces that stand close become one", "one face keeps many boxes" or "boxes become too small"?

# %% tags=["stub"]
low_threshold = {"boxes left at 0.2": None, "danger": None}  # your turn

# %% tags=["solution"]
low_threshold = {"boxes left at 0.2": "fewer", "danger": "two faces that stand close become one"}

# %% tags=["check"]
low_threshold = checks.low_threshold(low_threshold)


# %% [markdown] tags=["notes"]
# The threshold is on the *overlap*: whoever thinks of it as strictness of the detector has it backwards.

# %% [markdown] tags=["exercise"]
# **A function**: the similarity from the three steps and the trap. `np.linalg.svd(S)` gives $U$, the singular values, and $V^T$ (transposed already).

# %% tags=["stub"]
def similarity(source, target):
    """Points (n, 2) each: the (2, 3) matrix [sR t] that takes source to target."""
    return None  # your turn


# %% tags=["solution"]
def similarity(source, target):
    """Points (n, 2) each: the (2, 3) matrix [sR t] that takes source to target."""
    p, q = source - source.mean(axis=0), target - target.mean(axis=0)
    u, s, vt = np.linalg.svd(q.T @ p / len(p))
    d = np.array([1, np.linalg.det(u) * np.linalg.det(vt)])
    turn = (s * d).sum() / p.var(axis=0).sum() * u @ np.diag(d) @ vt
    return np.column_stack([turn, target.mean(axis=0) - turn @ source.mean(axis=0)])


# %% tags=["check"]
similarity = checks.similarity(similarity)

# %% [markdown] tags=["notes"]
# The sign belongs to the *last* singular value, the smallest. `alignment.umeyama` is the same in the package.

# %%
print("largest difference to the package's:", np.abs(similarity(points, mirrored) - forced).max())

# %% [markdown]
# ## Recap
# You aligned faces and made masks, three face sets and a diagnosis (part one); you watched three networks find a face, measured boxes, and derived the alignment (part two).
#
# 1. Why read the five points off the mesh?
# 2. What is an eye mask good for in training?
# 3. What happens to a face whose picture you delete?
# 4. Which poses would A<-B have to guess?
# 5. Why does P-Net need a pyramid?
# 6. Why is IoU divided by the union, and not by one of the boxes?
# 7. What may a similarity do, and what not? Where does the determinant come in?
#
# **Next**: notebook 03 trains the first model on these faces.

# %% tags=["quiz"]
lab.widgets.Answers("02")  # answer them first, then open each

# %%
run.finish("02_face_alignment", ", ".join(f"{len(faces)} faces of {role}" for role, faces in sets.items()))
