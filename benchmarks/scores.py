"""What needs no model, scored on the sample clip: the figures that every model must be read against.

    python benchmarks/scores.py

Prints a table, and one line of JSON for whoever keeps records. Two of the plan's nine figures are not met: the pixel
gain of the tint (0.62 for 0.43; with mean and deviation of the aligned square it is about 0.5, of the whole frame 0.25)
and the identity gain of the blur (0.10 for 0.17, which a blur of 3.4 instead of 4 px would have). The others agree to
about 0.03.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from average_face import average_face  # noqa: E402

from faceswap_lab.course.samples import sample_clip, sample_clips  # noqa: E402
from faceswap_lab.metrics import face_width, measures, score_clips  # noqa: E402
from faceswap_lab.metrics.baselines import Baselines, baseline_clips  # noqa: E402
from faceswap_lab.metrics.catalogue import value_of  # noqa: E402
from faceswap_lab.metrics.frame_samples import measure_clips  # noqa: E402
from faceswap_lab.metrics.recognition_features import Dlib, features  # noqa: E402
from faceswap_lab.video import open_video  # noqa: E402

STATED = {  # what the lab's plan says of the same outputs: pixel, swap, identity gain
    "tint": (0.43, -0.03, 0.01),
    "blurred_truth": (0.74, 0.40, 0.17),
    "shifted_truth": (0.77, 0.45, 0.81),
}


def main() -> None:
    clips = {name: open_video(path) for name, path in sample_clips().items()}
    points = {name: sample_clip(name).points() for name in clips}

    def frames(name: str, every: int = 1):
        return (frame.image for frame in clips[name].frames(every=every))

    start = time.perf_counter()
    average = average_face(frames("train_B"), points["train_B"])
    made = baseline_clips(frames("target"), points["truth"], Baselines(average=average), frames("truth"))
    gains = score_clips(made, frames("truth"), frames("target"), points["truth"])
    seconds = time.perf_counter() - start
    print(f"face {face_width(points['truth']):.0f} px wide, {len(points['truth'])} frames, {seconds:.1f} s")
    print(f"{'':16}{'swap gain':>11}{'identity gain':>15}{'pixel gain':>12}   stated in the plan")
    for name, found in gains.items():
        stated = "{1:.2f} / {2:.2f} / {0:.2f}".format(*STATED[name]) if name in STATED else ""
        print(f"{name:16}{found.swap_gain:11.2f}{found.identity_gain:15.2f}{found.pixel_gain:12.2f}   {stated}")

    people = [features(frames(name, 3), points[name][::3], Dlib()) for name in ("train_B", "train_A")]
    made = measure_clips(
        {"unchanged": frames("target"), "truth": frames("truth")}, frames("target"), points["truth"],
        lambda name: [measures.NearerMeasure(*people), measures.LandmarkErrors()], frames("truth"),
    )  # fmt: skip
    found = {name: value_of(*one) for name, one in made.items()}
    nearer = {"target": found["unchanged"]["nearer_to_source"], "truth": found["truth"]["nearer_to_source"]}
    moved = found["unchanged"]["landmark_error"]
    print(f"nearer to the source: target {nearer['target']:.0%}, truth {nearer['truth']:.0%} of the frames")
    print(f"landmarks of the target against the truth's: {moved:.1%} of the distance between the eyes")
    line = {"benchmark": "scores", "gains": {name: found.as_json() for name, found in gains.items()}}
    print(json.dumps(line | {"nearer_to_source": nearer, "landmark_error": moved}))


if __name__ == "__main__":
    main()
