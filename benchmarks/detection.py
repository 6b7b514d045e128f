"""Face detection on 1280x720 video: the batched cascade and the tracker against the package `mtcnn`.

    python benchmarks/detection.py                (about four minutes on two cores)
    python benchmarks/detection.py --rounds 1     (a look)
    python benchmarks/detection.py --facenet /path/to/python    (a Python that has facenet-pytorch: its MTCNN as well)

The frames: two actors talking, 512 and 400 px high, before a blurred background; and, for comparison, before a busy one, in
which P-Net proposes four times as many boxes. Every detector looks for faces of
20 px and more (the package's own default), in turns, in one run; medians over the rounds. Recall is counted on other frames:
six actors' faces of 40 to 200 px a frame, where the labels say what a true face is.

Expected before measuring: P-Net on the finest level is 40 % of all arithmetic; LiteRT with 8-bit kernels runs it in 26 ms on
one core where TensorFlow needs 114, so 10 to 12 times the package's rate on two cores. A face that is followed needs twelve
looks of O-Net, 4 ms, and one frame in 24 the cascade: 40 to 80 times.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cv2  # noqa: E402
import numpy as np  # noqa: E402

from faceswap_lab.course import actors  # noqa: E402
from faceswap_lab.faces.mtcnn import FaceDetector  # noqa: E402
from faceswap_lab.faces.tracking import track_run  # noqa: E402

MIN_FACE = 20
THRESHOLDS = (0.6, 0.7, 0.7)  # the package's own
SURE, OURS = 0.9, 0.6  # least belief that counts: the package's one look; our mean of eight looks, which is stricter
RUN = 24  # frames of a run, as in extraction: the cascade looks at its first frame and the next run's
SLOW = 8  # frames that the slow ones look at in a round

FACENET = """
import sys, time, json, numpy as np, torch
from facenet_pytorch import MTCNN
frames = np.load(sys.argv[1])
found = MTCNN(min_face_size=20, thresholds=[0.6, 0.7, 0.7], keep_all=True, post_process=False, device="cpu")
found.detect(list(frames[:2]))
times = []
for _ in range(int(sys.argv[2])):
    start = time.perf_counter()
    boxes, scores = found.detect(list(frames))
    times.append((time.perf_counter() - start) / len(frames))
print(json.dumps([times, [int((s > 0.9).sum()) if s[0] is not None else 0 for s in scores]]))
"""


def background() -> np.ndarray:
    """A still life on rough wood, (720, 1280, 3) uint8 RGB: full of things that are no face."""
    from skimage.data import coffee

    return np.ascontiguousarray(cv2.resize(coffee(), (1280, 853), interpolation=cv2.INTER_CUBIC)[60:780])


def talking(count: int, busy: bool = False) -> np.ndarray:
    """The timed video: (count, 720, 1280, 3) uint8 RGB, two people who talk.

    Args:
        busy: before the still life; else before a blurred copy of themselves, as broadcasters widen an upright clip.
    """
    a, b = (actors.clip(name).frames()[:count] for name in ("talk_A", "talk_B"))
    made = np.empty((count, 720, 1280, 3), np.uint8)
    for canvas, one, other in zip(made, a, b, strict=True):
        wide = cv2.resize(
            cv2.GaussianBlur(np.hstack([one, other]), (0, 0), 12), (1280, 720), interpolation=cv2.INTER_LINEAR
        )
        canvas[...] = background() if busy else wide
        canvas[150:662, 90:602] = cv2.resize(one, (512, 512), interpolation=cv2.INTER_CUBIC)
        canvas[250:650, 780:1180] = cv2.resize(other, (400, 400), interpolation=cv2.INTER_CUBIC)
    return made


def crowd(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Frames for recall, (count, 720, 1280, 3), and the five points of six faces in each, (count, 6, 5, 2)."""
    clips = [actors.clip(name) for name in ("train_A", "train_B", "stranger", "talk_A", "talk_B", "hard_A")]
    frames, draw = np.repeat(background()[None], count, axis=0), np.random.default_rng(0)
    points = np.empty((count, 6, 5, 2), np.float32)
    for column, clip in enumerate(clips):
        pictures, labels = clip.frames(), clip.points()
        for index, canvas in enumerate(frames):
            row = (index * 11 + column) % len(pictures)
            height = np.linalg.norm(labels[row, :2].mean(0) - labels[row, 3:].mean(0)) * 2.4  # about the detector's box
            scale = min(draw.uniform(40, 200) * 1.25 / height, 1.0)
            side = int(384 * scale)
            x, y = (
                int(column % 3 * 420 + draw.integers(0, 420 - side)),
                int(column // 3 * 350 + draw.integers(0, 1 + max(0, 355 - side))),
            )
            part = canvas[y : y + side, x : x + side]
            small = cv2.resize(pictures[row], (side, side), interpolation=cv2.INTER_AREA)
            part[...] = small[: part.shape[0]]
            points[index, column] = (labels[row] + 0.5) * side / 384 - 0.5 + [x, y]
    return frames, points


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two boxes."""
    inner = np.prod(np.clip(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]), 0, None))
    return float(inner / (np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2]) - inner))


def truly(boxes: np.ndarray, points: np.ndarray) -> set[int]:
    """Which labelled faces (6, 5, 2) the boxes (n, 4) show: centre near the points' centre, about the right size."""
    found = set()
    for face, five in enumerate(points):
        height = np.linalg.norm(five[:2].mean(0) - five[3:].mean(0)) * 2.4
        for box in boxes:
            middle, side = (box[:2] + box[2:]) / 2, np.sqrt(np.prod(box[2:] - box[:2]))
            if np.linalg.norm(middle - five.mean(0)) < 0.45 * side and 0.5 < (box[3] - box[1]) / height < 2:
                found.add(face)
    return found


def of_package(found: list[dict]) -> tuple[np.ndarray, np.ndarray]:
    """The package's answer as boxes (n, 4) and scores (n,)."""
    boxes = np.array([face["box"] for face in found], float).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    return boxes, np.array([face["confidence"] for face in found])


def recall(detector: FaceDetector, package, count: int) -> dict[str, int]:
    """Faces of over 40 px on the crowd's frames: what the package finds, what of it we lose, and false ones of both."""
    frames, points = crowd(count)
    counts = dict.fromkeys(("labelled", "package", "lost", "ours", "package_false", "ours_false"), 0)
    for frame, own, five in zip(frames, detector.detect(list(frames)), points, strict=True):
        boxes, scores = of_package(package.detect_faces(frame, min_face_size=MIN_FACE))
        large = boxes[(scores > SURE) & (boxes[:, 3] - boxes[:, 1] > 40)]
        theirs = truly(large, five)
        own = own.chosen(own.scores > OURS)
        mine = truly(own.boxes, five)
        counts["labelled"] += len(five)
        counts["package"] += len(theirs)
        counts["lost"] += len(theirs - mine)
        counts["ours"] += len(mine)
        counts["package_false"] += sum(not truly(box[None], five) for box in boxes[scores > SURE])
        counts["ours_false"] += sum(not truly(box[None], five) for box in own.boxes)
    return counts


def agreement(followed: list, cascade: list) -> dict[str, float]:
    """The tracker's boxes and points against the full cascade's on every frame."""
    overlaps, errors, missing = [], [], 0
    for one, other in zip(followed, cascade, strict=True):
        for box, points in zip(other.boxes[other.scores > OURS], other.points[other.scores > OURS], strict=True):
            shares = [overlap(box, mine) for mine in one.faces.boxes]
            best = int(np.argmax(shares)) if shares else None
            if best is None or shares[best] < 0.3:
                missing += 1
                continue
            overlaps.append(shares[best])
            errors.append(np.linalg.norm(one.faces.points[best] - points, axis=1).mean())
    total = len(overlaps) + missing
    return {
        "faces": total,
        "box": float((np.array(overlaps) >= 0.9).sum() / total),
        "points": float((np.array(errors) <= 2).sum() / total),
        "worst": float(np.max(errors)),
    }


def where_the_time_goes(detector: FaceDetector, frame: np.ndarray) -> list[tuple[str, float, float]]:
    """(stage, milliseconds on one core, GFLOP) for one frame."""
    from faceswap_lab.faces import mtcnn as d
    from faceswap_lab.faces import mtcnn_boxes as boxes_of

    def clock(work) -> tuple[float, object]:
        times = []
        for _ in range(7):
            start = time.perf_counter()
            made = work()
            times.append(1000 * (time.perf_counter() - start))
        return float(np.median(times)), made

    rows, height, width = [], *frame.shape[:2]
    spent, halves = clock(lambda: d._halves(frame))
    rows.append(("pyramid: halves", spent, 0.0))
    resizing = networks = boxes = flops = 0.0
    kept = []
    for scale in detector.scales(height, width):
        near = halves[min(int(-np.log2(scale)), len(halves) - 1)]
        size = int(width * scale), int(height * scale)
        spent, level = clock(lambda near=near, size=size: cv2.resize(near, size, interpolation=cv2.INTER_LINEAR))
        resizing += spent
        spent, found = clock(lambda level=level: detector.proposal(level[None])[0])
        networks += spent
        spent, some = clock(lambda found=found, scale=scale: boxes_of.cell_boxes(found, scale, THRESHOLDS[0]))
        boxes += spent
        kept.append(some[boxes_of.suppress(some[:, :4], some[:, 4], 0.5)])
        w, h = size
        flops += 2 * ((h - 2) * (w - 2) * 270 + (h // 2) * (w // 2) * (1440 + 4608 + 192))
    rows += [("pyramid: levels", resizing, 0.0), ("P-Net", networks, flops / 1e9), ("P-Net: boxes", boxes, 0.0)]
    proposed = d._merged(kept)[:, :4]
    spent, (refined, _) = clock(lambda: detector.narrow(frame, proposed))
    rows.append((f"R-Net, {len(proposed)} boxes", spent, 2 * 1.53e6 * len(proposed) / 1e9))
    spent, found = clock(lambda: detector.decide(frame, refined))
    rows.append((f"O-Net, {len(refined)} boxes", spent, 2 * 12.9e6 * len(refined) / 1e9))
    spent, _ = clock(lambda: detector.settle(frame, found.boxes))
    rows.append((f"O-Net, settling {len(found)} faces", spent, 2 * 12.9e6 * 12 * len(found) / 1e9))
    return rows


def machine_rate() -> float:
    """GFLOP/s of all cores together in float32: OpenBLAS on matrices that stay in the cache."""
    one, times = np.random.default_rng(0).random((1024, 1024), np.float32), []
    for _ in range(15):
        start = time.perf_counter()
        one @ one
        times.append(time.perf_counter() - start)
    return 2 * 1024**3 / min(times) / 1e9


def others(frames: np.ndarray, facenet: str, rounds: int) -> list[tuple[str, float, int]]:
    """(name, seconds a frame, faces found) of the detectors that are installed."""
    rows = []
    try:
        from faceswap_lab.faces.detectors import DlibDetector

        for kind, some in (("hog", frames), ("cnn", frames[:1])):
            detector = DlibDetector(kind, min_face_size=80 if kind == "hog" else 40)
            start = time.perf_counter()
            found = [detector.detect([frame])[0] for frame in some]
            rows.append(
                (
                    f"dlib {kind}",
                    (time.perf_counter() - start) / len(some),
                    sum(map(len, found)) * len(frames) // len(some),
                )
            )
    except Exception as error:  # an optional detector that is not there
        print(f"dlib: not measured ({error})")
    if hasattr(cv2, "CascadeClassifier"):
        cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")
        start = time.perf_counter()
        found = sum(
            len(cascade.detectMultiScale(cv2.cvtColor(f, cv2.COLOR_RGB2GRAY), minSize=(20, 20))) for f in frames
        )
        rows.append(("OpenCV Haar cascade", (time.perf_counter() - start) / len(frames), found))
    if facenet:
        with tempfile.TemporaryDirectory() as folder:
            np.save(f"{folder}/frames.npy", frames)
            command = [facenet, "-c", FACENET, f"{folder}/frames.npy", str(rounds)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            times, faces = json.loads(done.stdout.splitlines()[-1])
            rows.append(("facenet-pytorch MTCNN", float(np.median(times)), sum(faces)))
    return rows


MEMORY = """
import sys, warnings
warnings.simplefilter("ignore")
from faceswap_lab.faces.extraction import extract_faces
extract_faces(sys.argv[1], sys.argv[2])
# not getrusage, which counts the parent's memory from before the start; Linux only
print(next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) * 1024 / 1e9)
"""


def peak_memory(frames: np.ndarray, repeats: int) -> float:
    """GB at most, of a process that makes the face set of a 720p video: `frames`, `repeats` times over."""
    from faceswap_lab.video import VideoWriter

    with tempfile.TemporaryDirectory() as folder:
        with VideoWriter(f"{folder}/clip.mp4", 20, (1280, 720)) as writer:
            for _ in range(repeats):
                for frame in frames:
                    writer.write(frame)
        command = [sys.executable, "-c", MEMORY, f"{folder}/clip.mp4", f"{folder}/set"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1])
        return float(done.stdout.splitlines()[-1])


def _busy(detector: FaceDetector, package, rounds: int) -> float:
    """The batched cascade's rate over the package's before a busy background, the median of the rounds."""
    frames, ratios = list(talking(SLOW, busy=True)), []
    for _ in range(rounds):
        start = time.perf_counter()
        detector.detect(frames)
        middle = time.perf_counter()
        for frame in frames[:3]:
            package.detect_faces(frame, min_face_size=MIN_FACE)
        ratios.append((time.perf_counter() - middle) / 3 / ((middle - start) / len(frames)))
    return float(np.median(ratios))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--crowd", type=int, default=48, help="frames for recall, six faces each")
    parser.add_argument("--facenet", default="", help="a Python in which facenet-pytorch is installed")
    options = parser.parse_args()
    from mtcnn import MTCNN

    frames = talking(96)
    detector, package = FaceDetector(MIN_FACE, THRESHOLDS), MTCNN()
    few = list(frames[:: len(frames) // SLOW][:SLOW])
    detector.detect(few)
    package.detect_faces(few[0], min_face_size=MIN_FACE)
    rates: dict[str, list[float]] = {"package": [], "batched": [], "tracked": []}
    for _ in range(options.rounds):
        start = time.perf_counter()
        for frame in few:
            package.detect_faces(frame, min_face_size=MIN_FACE)
        rates["package"].append(len(few) / (time.perf_counter() - start))
        start = time.perf_counter()
        for first in range(0, 32, SLOW):
            detector.detect(list(frames[first : first + SLOW]))
        rates["batched"].append(32 / (time.perf_counter() - start))
        stream = [*(frame.copy() for frame in frames), None]  # copies: nothing is remembered from the round before
        start = time.perf_counter()
        runs = [track_run(detector, stream[k : k + RUN], stream[k + RUN]) for k in range(0, len(frames), RUN)]
        rates["tracked"].append(len(frames) / (time.perf_counter() - start))
    followed, cascade = [one for run in runs for one in run], detector.detect(list(frames))
    agreed = agreement(followed, cascade)
    busy = _busy(detector, package, options.rounds)
    counts = recall(detector, package, options.crowd)

    base = float(np.median(rates["package"]))
    print(f"{'1280x720, two faces':34s}{'frames/s':>10s}{'ratio':>8s}{'faces':>7s}")
    theirs = [of_package(package.detect_faces(frame, min_face_size=MIN_FACE))[1] for frame in few]
    faces = {
        "package": sum(int((scores > SURE).sum()) for scores in theirs),
        "batched": sum(int((found.scores > OURS).sum()) for found in cascade[:: len(frames) // SLOW][:SLOW]),
        "tracked": sum(len(found) for found in followed[:: len(frames) // SLOW][:SLOW]),
    }
    named = {"package": "mtcnn package", "batched": "faceswap_lab, batched", "tracked": "faceswap_lab, tracked"}
    ratios = {}
    for name, text in named.items():
        ratios[name] = float(np.median(np.array(rates[name]) / np.array(rates["package"])))
        print(f"{text:34s}{np.median(rates[name]):10.2f}{ratios[name]:8.1f}{faces[name]:7d}")
    for name, seconds, found in others(np.stack(few), options.facenet, options.rounds):
        print(f"{name:34s}{1 / seconds:10.2f}{1 / seconds / base:8.1f}{found:7d}")
    print(f"{'faceswap_lab, batched, busy frames':34s}{'':10s}{busy:8.1f}")
    print(f"\n{len(few)} frames with two faces each are counted above.")
    print(
        f"Recall on {options.crowd} frames of six faces ({counts['labelled']}): the package finds {counts['package']} over 40 px, "
        f"of which we lose {counts['lost']}; we find {counts['ours']} in all. False ones: package {counts['package_false']}, "
        f"ours {counts['ours_false']}."
    )
    print(
        f"Tracked against the full cascade, {agreed['faces']} faces: box IoU >= 0.9 on {agreed['box']:.1%}, points within "
        f"2 px on {agreed['points']:.1%} (worst {agreed['worst']:.2f} px); in runs of {RUN} frames."
    )
    cores = len(os.sched_getaffinity(0))
    peak = machine_rate() / cores
    print(f"\n{'where the time goes (one core)':34s}{'ms':>8s}{'GFLOP':>8s}{'GFLOP/s':>9s}   of {peak:.0f} GFLOP/s")
    table = where_the_time_goes(detector, frames[0])
    for name, spent, work in table:
        print(
            f"{name:34s}{spent:8.2f}{work:8.2f}"
            + (f"{work / spent * 1000:9.0f}{work / spent * 1000 / peak:8.0%}" if work else "")
        )
    total, work = sum(row[1] for row in table), sum(row[2] for row in table)
    print(f"{'all':34s}{total:8.2f}{work:8.2f}{work / total * 1000:9.0f}{work / total * 1000 / peak:8.0%}")
    limit = peak * cores / work
    print(
        f"The limit on {cores} cores is {limit:.0f} frames/s; batched reaches {np.median(rates['batched']) / limit:.0%} of it."
    )
    short, long = (peak_memory(frames[:48], repeats) for repeats in (1, 6))
    print(
        f"Peak memory of an extraction with all networks: {short:.2f} GB for 48 frames of 720p, {long:.2f} GB for 288."
    )
    figures = {
        f"{name}_vs_mtcnn_720p": {
            "ours": round(float(np.median(rates[name])), 2),
            "baseline": round(base, 2),
            "ratio": round(ratios[name], 2),
            "unit": "frames/s",
        }
        for name in ("batched", "tracked")
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
