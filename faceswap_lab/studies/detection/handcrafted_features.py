"""What the eye looks for, as one number a face each: an edge round the face, a blur, dull eyes, a flicker.

None of them has the video before the swap beside it, since whoever looks at a video has not either. Each is larger where a swap is
more likely, and none was trained.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from faceswap_lab.metrics.contrast import GREY, slopes_along
from faceswap_lab.metrics.sharpness import detail
from faceswap_lab.studies.detection.data_set import Crops

_DETAIL_SIZE = 128  # of `detail`'s square
_AWAY = 0.06  # of the crop: how far inside and outside of the rim the usual edges are looked for
_SOFT = 0.02  # of the crop: the rim's softness
_PORES = 0.01  # of the crop: finer edges do not count
_FINE = 1.5  # px of the gaussian that takes fine detail away


@dataclass(frozen=True)
class Sign:
    """One thing to look for, as a detector.

    Args:
        name: short, for tables.
        title: what is looked for, in words.
        look: from `Crops` to (T,) numbers, larger: more likely swapped; NaN where there is nothing to see.
    """

    name: str
    title: str
    look: Callable[[Crops], np.ndarray]

    def __call__(self, crops: Crops) -> np.ndarray:
        """(T,) the sign in each face."""
        return np.asarray(self.look(crops), np.float64)


def edge_round_face(crops: Crops) -> np.ndarray:
    """How much steeper the picture is across the face mask's rim than just inside and outside of it; (T,), 1 is nothing."""
    side = crops.faces.shape[1]
    away = max(1, round(_AWAY * side))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * away + 1, 2 * away + 1))
    found = []
    for face, mask in zip(crops.faces, crops.skin, strict=True):
        rim, inside, outside = (_edges(face, one) for one in (mask, cv2.erode(mask, disc), cv2.dilate(mask, disc)))
        found.append(2 * rim / (inside + outside) if inside + outside > 0 else np.nan)
    return np.array(found)


def _edges(face: np.ndarray, mask: np.ndarray) -> float:
    """The mean slope across a mask's rim, in levels a pixel."""
    soft = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), _SOFT * len(mask))
    steepness = np.hypot(*np.gradient(soft)).sum()
    fine = max(0.5, _PORES * len(mask))
    rise = np.stack(np.gradient(cv2.GaussianBlur(soft, (0, 0), fine)))
    steep = np.hypot(*rise)
    slopes = np.abs(slopes_along(face, rise / np.maximum(steep, 1e-9), fine))
    return float((slopes * steep).sum()) / steepness if steepness > 0 else 0.0


def softness(crops: Crops) -> np.ndarray:
    """How little fine detail the face has beside coarser detail: (T,), 0 or less, see `metrics.sharpness`."""
    return -np.array([detail(*one, _DETAIL_SIZE) for one in zip(crops.faces, crops.points, strict=True)])


def dull_eyes(crops: Crops) -> np.ndarray:
    """How little fine detail the eyes have beside the rest of the face: (T,), 0 or less. Lids, lashes and irises are all fine."""
    found = []
    for face, skin, eyes in zip(crops.faces, crops.skin, crops.eyes, strict=True):
        grey = face.astype(np.float32) @ GREY
        fine = np.abs(grey - cv2.GaussianBlur(grey, (0, 0), _FINE))
        seen, rest = eyes > 127, (skin > 127) & (eyes <= 127)
        found.append(-fine[seen].mean() / max(fine[rest].mean(), 1e-6) if seen.any() and rest.any() else np.nan)
    return np.array(found)


def flicker(crops: Crops) -> np.ndarray:
    """How far the face's mean colour leaves the straight line between the frames before and after: (T,) levels of 255.

    NaN at both ends, and wherever a neighbouring frame is missing.
    """
    means = np.array([face[skin > 127].mean(axis=0) if (skin > 127).any() else np.full(3, np.nan)
                      for face, skin in zip(crops.faces, crops.skin, strict=True)])  # fmt: skip
    found = np.full(len(crops), np.nan)
    if len(crops) > 2:
        steps = np.diff(crops.frames)
        bent = np.abs(means[1:-1] - (means[:-2] + means[2:]) / 2).mean(axis=1)
        usual = np.median(steps)
        found[1:-1] = np.where((steps[:-1] == usual) & (steps[1:] == usual), bent, np.nan)
    return found


SIGNS = (
    Sign("seam", "an edge round the face", edge_round_face),
    Sign("blur", "a soft face", softness),
    Sign("eyes", "dull eyes", dull_eyes),
    Sign("flicker", "colours that jump", flicker),
)
