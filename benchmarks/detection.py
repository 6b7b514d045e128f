"""Batched MTCNN against the package `mtcnn` on 1280x720 frames: frames a second, agreement.

    python benchmarks/detection.py [frames]

Expected before measuring: the package spends most of its time in nine eager calls of P-Net and in resizing, once a frame;
one traced call for all levels should give 3 to 5 times the rate at the same smallest face.
"""

from __future__ import annotations

import json
import sys
import time

import cv2
import numpy as np

from faceswap_lab import samples, video
from faceswap_lab.faces.detection import FaceDetector

MIN_FACE = 20  # pixels; the package raises for 40 and more on small frames, so both run at its default


def frames_720p(count: int) -> list[np.ndarray]:
    """Frames of the sample clips, enlarged and put on a 1280x720 canvas, one or two faces each."""
    clips = samples.sample_clips()
    streams = [video.open_video(clips[name]).frames(every=7) for name in ("train_A", "train_B")]
    made = []
    for one, other in zip(*streams, strict=False):
        canvas = np.zeros((720, 1280, 3), np.uint8)
        canvas[:, :720] = cv2.resize(one.image, (720, 720), interpolation=cv2.INTER_CUBIC)
        canvas[100:612, 760:1272] = cv2.resize(other.image, (512, 512), interpolation=cv2.INTER_CUBIC)
        made.append(canvas)
    return made[:count]


def main() -> None:
    from mtcnn import MTCNN

    frames = frames_720p(int(sys.argv[1]) if len(sys.argv) > 1 else 8)
    ours, reference = FaceDetector(MIN_FACE), MTCNN()
    found = ours.detect(frames)  # the first call traces
    theirs = [reference.detect_faces(frame, min_face_size=MIN_FACE) for frame in frames]
    ratios, rates = [], []
    for _ in range(3):
        start = time.perf_counter()
        ours.detect(frames)
        middle = time.perf_counter()
        for frame in frames:
            reference.detect_faces(frame, min_face_size=MIN_FACE)
        end = time.perf_counter()
        rates.append((len(frames) / (middle - start), len(frames) / (end - middle)))
        ratios.append(rates[-1][0] / rates[-1][1])
    mine, package = np.median(rates, axis=0)
    print(f"{'':24s}{'frames/s':>10s}{'faces':>8s}")
    print(f"{'faceswap_lab, batched':24s}{mine:10.2f}{sum(len(f.chosen(f.scores > 0.9)) for f in found):8d}")
    print(f"{'mtcnn package':24s}{package:10.2f}{sum(sum(f['confidence'] > 0.9 for f in t) for t in theirs):8d}")
    figure = {"ours": round(float(mine), 2), "baseline": round(float(package), 2), "ratio": round(float(np.median(ratios)), 2)}
    print(json.dumps({"batched_vs_mtcnn_720p": {**figure, "unit": "frames/s"}}))


if __name__ == "__main__":
    main()
