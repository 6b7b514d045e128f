"""Expression: how far mouth and eyes are open, where the brows are, how the head is turned, read off landmarks.

All lengths are shares of the distance between the eyes, taken in three dimensions, so that neither a camera's distance nor a
turned head changes them. They are a person's own: the same movement opens one mouth twice as far as another. So an output is
compared with the true swap in plain numbers, but with the target, who is someone else, by whether the two rise and fall
together (`together_share`).

How well the readings follow what the actors are known to do, on talk_A, talk_B and the two true swaps, 120 frames each:
the mouth's opening correlates with the jaw's unit by 0.76 to 0.88 and with jaw and lips together by 0.82 to 0.90; its
width with smile, stretch and pucker by 0.74 to 0.89; the brows with their units by 0.56 to 0.71; the eyes' opening with
the labelled blink by 0.89 to 0.96, and tells every blink from open eyes (area under the curve 0.998 or more); yaw, pitch
and roll, once a constant of the person is out, lie 0.7 to 1.4, 0.7 to 1.2 and 0.3 to 0.5 degrees from the labels (with
the constant pitch is up to 4 degrees off). **On hard_A, with
profiles and a hand before the face, none of that holds**: blinks go unseen, yaw is 6 degrees off.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from faceswap_lab.faces.landmarks import LEFT_BROW, MOUTH_LEFT, MOUTH_RIGHT, RIGHT_BROW, Landmarks, head_pose
from faceswap_lab.metrics.gaze import EyeReading

READINGS = ("mouth", "mouth_width", "eyes", "brows")  # what `expression_kept` is the mean over
POSE = ("yaw", "pitch", "roll")
_LIPS = ((82, 87), (13, 14), (312, 317))  # the inner lips' middle thirds: upper, lower
_EYE_CORNERS = ((33, 133), (263, 362))
LEAST_FRAMES = 3  # below that nothing rises and falls


@dataclass(frozen=True)
class Expression:
    """What one face does.

    Args:
        mouth: gap between the inner lips, share of the distance between the eyes; 0.02 to 0.1 closed, 0.4 wide open.
        mouth_width: between the corners, likewise.
        eyes: height of the gap between the lids over the eye's width, mean of both eyes; below `gaze.CLOSED` they are shut.
        brows: their middles' distance from the eyes' middles, share of the distance between the eyes.
        yaw, pitch, roll: degrees, see `landmarks.head_pose`.
    """

    mouth: float
    mouth_width: float
    eyes: float
    brows: float
    yaw: float
    pitch: float
    roll: float


def read_expression(landmarks: Landmarks, eyes: EyeReading) -> Expression:
    """Measures a face.

    Args:
        landmarks: in any pixels.
        eyes: of the same face, from `gaze.read_eyes`.

    Returns:
        `Expression`.
    """
    mesh = np.column_stack([landmarks.mesh, landmarks.depth]).astype(np.float64)
    left, right = (mesh[list(corners)].mean(axis=0) for corners in _EYE_CORNERS)
    unit = max(float(np.linalg.norm(right - left)), 1e-6)
    gaps = [np.linalg.norm(mesh[upper] - mesh[lower]) for upper, lower in _LIPS]
    brows = [np.linalg.norm(mesh[list(b)].mean(axis=0) - eye) for b, eye in ((LEFT_BROW, left), (RIGHT_BROW, right))]
    return Expression(
        mouth=float(np.mean(gaps) / unit),
        mouth_width=float(np.linalg.norm(mesh[MOUTH_LEFT] - mesh[MOUTH_RIGHT]) / unit),
        eyes=eyes.opening,
        brows=float(np.mean(brows) / unit),
        **dict(zip(POSE, head_pose(landmarks), strict=True)),
    )


def pose_angle(first: np.ndarray, second: np.ndarray) -> float:
    """The angle by which one head must be turned to look like the other.

    Args:
        first, second: (3,) yaw, pitch, roll in degrees.

    Returns:
        Degrees, 0 to 180.
    """
    turns = [Rotation.from_euler("YXZ", [-yaw, -pitch, roll], degrees=True) for yaw, pitch, roll in (first, second)]
    return float(np.degrees((turns[0].inv() * turns[1]).magnitude()))
