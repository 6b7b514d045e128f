"""What the tests of the tuning panel share: frames of an actor, and a quick function in a model's place."""

import numpy as np

from faceswap_lab.course import actors
from faceswap_lab.faces import alignment
from faceswap_lab.widgets.tuning_frames import TuningFrame


class Generator:
    """Generates every face green, quickly, and counts how often it is asked."""

    size, name = 64, "generator"

    def __init__(self):
        self.calls = 0

    def __call__(self, faces):
        self.calls += 1
        return faces[..., [1, 0, 2]] * np.float32([0.3, 1.0, 0.3]), np.ones((*faces.shape[:3], 1), np.float32)


def some_frames(count=2):
    y, x = (np.mgrid[:256, :256] + 0.5) / 256
    oval = np.where(np.hypot((x - 0.52) / 0.36, (y - 0.54) / 0.42) < 1, 255, 0).astype(np.uint8)
    clip = actors.clip("talk_A")
    frames, points = clip.frames(every=40), clip.points()[::40]
    return [
        TuningFrame(frame, alignment.alignment_matrix(five, 256), oval, f"frame {40 * number}")
        for number, (frame, five) in enumerate(zip(frames[:count], points, strict=False))
    ]
