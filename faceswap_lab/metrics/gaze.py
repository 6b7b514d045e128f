"""Where a face looks, in degrees, and how far a swap's gaze lies from the true swap's.

A direction is (right, up) in degrees within the head, as the picture shows it: + to the picture's right, + up, (0, 0) straight
out of the face. It is read off both eyes of one frame: where the iris lies between the corners of the eye, seen by the iris
network, and where the dark of the eye lies, seen in the pixels between the lids. A straight line through what two actors'
training clips are known to look at (`CALIBRATION`) turns both into degrees.

How good that is, on clips that took no part in it (`python benchmarks/gaze.py`): 2.3 to 4.1 degrees from the labels, 1.8
to 2.7 once a constant of the person is out, which cancels between a swap and the true swap. Sideways the line follows
three quarters of a movement or more. **Up and down it follows a fifth**: the iris network sees little of it, so that
errors in height are counted far too low. And whoever talks looks nearly straight ahead: eyes that never move get
`gaze_still`, which is the number to beat. Eyes that are generated without an iris, dark hollows, read as glances
anywhere: the truth blurred by 2 px has 3.6 degrees, the quick model's eyes 10 to 20.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from faceswap_lab.faces.landmarks import CONTOUR_LIDS, Landmarks, head_pose

CLOSED = 0.25  # height of the gap between the lids over the eye's width; open eyes of the actors have 0.28 or more
# Degrees right and up (columns) of 1, iris right and down, darkness right (shares of the distance between the eyes), and the
# head's yaw (degrees). Least squares over train_A and train_B, eyes open, yaw within 30 degrees: see benchmarks/gaze.py.
CALIBRATION = np.array([[2.46, -6.43], [105.5, -0.3], [97.2, -254.5], [193.2, 3.5], [-0.147, 0.001]])
_SCALE = 110  # pixels of the distance between the eyes, in the square that the dark of an eye is looked for in
_BOX = (64, 44)  # its width and height


@dataclass(frozen=True)
class EyeReading:
    """What one face's eyes show.

    Args:
        iris: (2,) how far the irises' middles lie right of and below the middle between the eye's corners, mean of both
            eyes, as a share of the distance between the eyes.
        darkness: how far right of that middle the darkest part between the lids lies, likewise.
        opening: height of the gap between the lids over the eye's width, mean of both eyes.
        yaw: of the head in degrees, see `landmarks.head_pose`.
    """

    iris: np.ndarray
    darkness: float
    opening: float
    yaw: float

    @property
    def is_open(self) -> bool:
        """Whether there is anything to read a gaze from."""
        return self.opening >= CLOSED and bool(np.isfinite(self.darkness))

    def direction(self, yaw: float | None = None) -> np.ndarray:
        """(2,) degrees right and up within the head; of a closed eye it means nothing.

        Args:
            yaw: of the head, where it is known better than from this face.
        """
        return np.array([1.0, *self.iris, self.darkness, self.yaw if yaw is None else yaw]) @ CALIBRATION


def read_eyes(frame: np.ndarray, landmarks: Landmarks) -> EyeReading:
    """Measures both eyes of a face.

    Args:
        frame: (H, W, 3) uint8 RGB.
        landmarks: of the face, in pixels of the frame.

    Returns:
        `EyeReading`.
    """
    mesh = np.column_stack([landmarks.mesh, landmarks.depth]).astype(np.float64)
    unit = np.linalg.norm(mesh[[263, 362]].mean(axis=0) - mesh[[33, 133]].mean(axis=0))  # with depth: turning keeps it
    irises, darkness, openings = [], [], []
    for contour, iris in zip(landmarks.eye_contours.astype(np.float64), landmarks.irises, strict=True):
        left, right = sorted((contour[0], contour[8]), key=lambda corner: corner[0])
        middle, along = (left + right) / 2, right - left
        width = max(np.linalg.norm(along), 1e-6)
        turn = np.array([[along[0], along[1]], [-along[1], along[0]]]) / width  # the eye's own right and down
        lids = (contour[:CONTOUR_LIDS] - middle) @ turn.T
        irises.append(turn @ (iris.mean(axis=0) - middle) / unit)
        darkness.append(_darkness(frame, middle, turn * _SCALE / unit, lids * _SCALE / unit))
        openings.append(np.ptp(lids[:, 1]) / width)
    return EyeReading(
        np.mean(irises, axis=0), float(np.mean(darkness)), float(np.mean(openings)), head_pose(landmarks)[0]
    )


def _darkness(frame: np.ndarray, middle: np.ndarray, turn: np.ndarray, lids: np.ndarray) -> float:
    """How far right of the middle the dark between the lids lies (iris, pupil), in distances between the eyes; NaN: no gap."""
    centre = (np.array(_BOX) - 1) / 2
    matrix = np.column_stack([turn, centre - turn @ middle])
    crop = cv2.warpAffine(frame, matrix, _BOX, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32)
    outline = lids[[*range(9), *range(15, 8, -1)]] + centre  # along the lower lid, back along the upper
    gap = np.zeros(grey.shape, np.uint8)
    cv2.fillPoly(gap, [np.round(outline * 16).astype(np.int32)], 1, shift=4)
    if gap.sum() < 20:
        return float("nan")
    low, high = np.percentile(grey[gap > 0], [5, 90])
    dark = np.square(np.clip((high - grey) / max(high - low, 1.0), 0, 1)) * gap
    if not dark.any():
        return 0.0
    return float((dark.sum(axis=0) @ np.arange(_BOX[0]) / dark.sum() - centre[0]) / _SCALE)


def still_error(there: np.ndarray) -> float:
    """The error of eyes that never move: mean angle in degrees between directions (n, 2) and their median; NaN for none."""
    if not len(there):
        return float("nan")
    return float(angle_between(np.broadcast_to(np.median(there, axis=0), there.shape), there).mean())


def angle_between(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The angle between two directions.

    Args:
        first, second: (n, 2) degrees right and up.

    Returns:
        (n,) degrees, 0 to 180.
    """
    turned = [np.radians(np.asarray(directions, np.float64)).T for directions in (first, second)]
    one, two = (
        np.stack([np.sin(right) * np.cos(up), np.sin(up), np.cos(right) * np.cos(up)], axis=-1) for right, up in turned
    )
    return np.degrees(np.arctan2(np.linalg.norm(np.cross(one, two), axis=-1), (one * two).sum(axis=-1)))
