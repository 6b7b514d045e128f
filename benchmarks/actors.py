"""How well the actors' labels and the world's detectors agree: MTCNN on every clip of data/actors.

    python benchmarks/actors.py            (about five minutes on two cores; --every 4 for a look)

MTCNN (Zhang et al. 2016) with the thresholds 0.6, 0.7, 0.7 looks at every frame; its box counts as found when its centre
lies within half a face's width of the labelled points' centre. Points are compared in per cent of the box' width. Prints a
table, and as the last line JSON: the share of non-profile frames found, and the mean error of the points, beside the goals
that the data set was made for (0.97 and 4 %).
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from faceswap_lab import video  # noqa: E402
from faceswap_lab.course import actors  # noqa: E402
from faceswap_lab.faces.mtcnn import FaceDetector  # noqa: E402

PROFILE = 45.0  # degrees of yaw from which a face counts as a profile
FAULTLESS = ("train", "target", "truth", "hard", "stranger")
GOALS = {"found": 0.97, "error": 4.0}


def measure(clip: actors.ActorClip, detector: FaceDetector, every: int) -> dict[str, np.ndarray]:
    """Per frame: found (bool), error (per cent of the box' width, five points), width (pixels), extra boxes."""
    rows = {"found": [], "error": [], "width": [], "extra": [], "yaw": []}
    labels, pose = clip.points(), clip.pose()
    for frame in video.open_video(clip.path).frames(every=every):
        found, points = detector.detect([frame.image])[0], labels[frame.index]
        width = found.boxes[:, 2] - found.boxes[:, 0]
        centre = found.points.mean(1)
        near = np.linalg.norm(centre - points.mean(0), axis=1) < width / 2
        rows["found"].append(near.any())
        rows["extra"].append(len(found) - near.any())
        rows["yaw"].append(pose[frame.index, 0])
        first = int(near.argmax()) if near.any() else None
        error = np.full(5, np.nan) if first is None else np.linalg.norm(found.points[first] - points, axis=1)
        rows["error"].append(100 * error / (np.nan if first is None else width[first]))
        rows["width"].append(np.nan if first is None else width[first])
    return {name: np.array(values) for name, values in rows.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1, help="look at every n-th frame")
    every = parser.parse_args().every
    detector = FaceDetector(min_face_size=60, thresholds=(0.6, 0.7, 0.7))
    print(
        f"{'clip':22}{'frames':>7}{'found':>8}{'not profile':>13}{'extra':>7}{'width':>8}{'error %':>9}   each point %"
    )
    shares, errors = [], []
    for clip in actors.clips():
        one = measure(clip, detector, every)
        front = np.abs(one["yaw"]) < PROFILE
        each = np.nanmean(one["error"], 0) if one["found"].any() else np.full(5, np.nan)
        print(
            f"{clip.id:22}{len(front):7}{one['found'].mean():8.1%}{one['found'][front].mean():13.1%}{one['extra'].sum():7}"
            f"{np.nanmedian(one['width']):8.0f}{np.nanmean(each):9.2f}   " + " ".join(f"{value:.1f}" for value in each)
        )
        if clip.facts["role"] in FAULTLESS:
            shares.append(one["found"][front])
            errors.append(one["error"][front & one["found"]].mean(1))
    share, error = float(np.concatenate(shares).mean()), float(np.concatenate(errors).mean())
    figures = {
        "mtcnn_finds_actors": {
            "ours": share,
            "baseline": GOALS["found"],
            "ratio": share / GOALS["found"],
            "unit": "share",
        },
        "mtcnn_error_on_actors": {
            "ours": error,
            "baseline": GOALS["error"],
            "ratio": error / GOALS["error"],
            "unit": "% of the box' width",
        },
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
