"""How well does `faceswap_lab.metrics.gaze` read where a face looks? Against the actors' labels, and against known changes.

    python benchmarks/gaze.py              (about a minute)

Fits the calibration on the training clips again (every third frame), also on one actor alone to see how far it depends on the
person, and prints for clips that took no part the mean angle from the labels, the same with the person's constant taken out,
Pearson's r and the slope (1 follows the whole movement) sideways and up. Then what `GazeErrors` makes of outputs whose
answer is known: the truth itself after a video codec's kind of harm, and the other actor.

As the last line one JSON object; the baseline is looking straight ahead, which talking actors nearly do.

Expected before measuring: 3 to 4 degrees from the labels, sideways and up alike; 1 degree for a slightly blurred truth.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cv2  # noqa: E402
import numpy as np  # noqa: E402

from faceswap_lab.course import actors  # noqa: E402
from faceswap_lab.faces.landmarks import FaceMesh  # noqa: E402
from faceswap_lab.metrics import gaze  # noqa: E402
from faceswap_lab.metrics.following import against_truth  # noqa: E402

UNSEEN = ("talk_A", "talk_B", "truth_A_from_B", "truth_B_from_A")


def readings(name: str, every: int, mesh: FaceMesh):
    """Readings of a clip's open-eyed, not too far turned faces, and the labels' gaze."""
    clip, found, known = actors.clip(name), [], []
    blink, pose, points, labels = (
        np.array([row.get("blink", 0) for row in clip.labels]),
        clip.pose(),
        clip.points(),
        clip.gaze(),
    )
    for index, frame in enumerate(clip.frames(every)):
        index *= every
        if blink[index] < 0.2 and abs(pose[index, 0]) < 30 and (face := mesh(frame, points[index])) is not None:
            if (reading := gaze.read_eyes(frame, face)).is_open:
                found.append(reading)
                known.append(labels[index])
    return found, np.array(known)


def features(found) -> np.ndarray:
    """(n, 5): what each reading puts in, as the rows of `gaze.CALIBRATION` have it."""
    return np.array([[1.0, *one.iris, one.darkness, one.yaw] for one in found])


def calibrate(found, known) -> np.ndarray:
    """(5, 2): the straight line from readings to degrees by least squares, as `gaze.CALIBRATION`."""
    return np.linalg.lstsq(features(found), known, rcond=None)[0]


def judge(found, known, calibration) -> dict[str, float]:
    """Error, error without the constant, r and slope of a calibration on readings."""
    seen = features(found) @ calibration
    centred = seen - (seen - known).mean(axis=0)
    r = [np.corrcoef(seen[:, i], known[:, i])[0, 1] for i in range(2)]
    slope = [np.polyfit(known[:, i], seen[:, i], 1)[0] for i in range(2)]
    error, without = (gaze.angle_between(some, known).mean() for some in (seen, centred))
    straight = gaze.angle_between(np.zeros_like(known), known).mean()
    return {"error": error, "without": without, "straight": straight, "r": r, "slope": slope}


def main() -> None:
    mesh = FaceMesh()
    train = {name: readings(name, 3, mesh) for name in ("train_A", "train_B")}
    unseen = {name: readings(name, 1, mesh) for name in UNSEEN}
    fits = {name: calibrate(*train[name]) for name in train}
    fits["both"] = calibrate(
        train["train_A"][0] + train["train_B"][0], np.concatenate([g for _, g in train.values()])
    )
    print("calibration on both training clips:\n", repr(fits["both"].round(3)))
    print("shipped:\n", repr(gaze.CALIBRATION))
    fits["shipped"] = gaze.CALIBRATION
    print(
        f"\n{'fitted on':10s}{'judged on':16s}{'error':>7s}{'- const':>9s}{'straight':>10s}   r (right, up)  slope (right, up)"
    )
    figures = {}
    for fit, calibration in fits.items():
        for name in (*train, *unseen):
            found = judge(*{**train, **unseen}[name], calibration)
            pairs = "   ".join(f"{a:6.2f}{b:6.2f}" for a, b in (found["r"], found["slope"]))
            print(f"{fit:10s}{name:16s}{found['error']:7.2f}{found['without']:9.2f}{found['straight']:10.2f}   {pairs}")
            if fit == "shipped":
                ours, baseline = found["error"], found["straight"]
                figures[f"gaze_estimator_{name}"] = _figure(
                    ours, baseline, "degrees from the labels (baseline: straight)"
                )
    clip, truth = actors.clip("talk_A"), actors.clip("truth_A_from_B")
    wanted, target, points = truth.frames(2), clip.frames(2), clip.points()[::2]
    outputs = {
        "the truth": wanted,
        "blurred by 1 px": [cv2.GaussianBlur(frame, (0, 0), 1) for frame in wanted],
        "blurred by 2 px": [cv2.GaussianBlur(frame, (0, 0), 2) for frame in wanted],
        "as JPEG of quality 70": [
            cv2.imdecode(cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 70])[1], cv2.IMREAD_COLOR)
            for frame in wanted
        ],
        "a frame late": [wanted[0], *wanted[:-1]],
        "the target, unchanged": target,
    }
    print(f"\n{'gaze_error of':24s}{'degrees':>8s}{'found':>7s}{'still':>7s}")
    for name, frames in outputs.items():
        found = against_truth(frames, wanted, points, mesh)
        error, still = found["gaze_error"], found["gaze_still"]
        print(f"{name:24s}{error:8.2f}{found['gaze_found']:7.2f}{still:7.2f}")
        if not error:
            continue
        figures[f"gaze_error_{name.replace(',', '').replace(' ', '_')}"] = _figure(
            error, still, "degrees from the truth (baseline: eyes that never move)"
        )
    print(json.dumps(figures))


def _figure(ours: float, baseline: float, unit: str) -> dict:
    return {
        "ours": round(float(ours), 2),
        "baseline": round(float(baseline), 2),
        "ratio": round(float(ours / baseline), 2),
        "unit": unit,
    }


if __name__ == "__main__":
    main()
