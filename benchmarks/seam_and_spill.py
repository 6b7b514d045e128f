"""What a mask does wrong over a clip, beside the true swap: its edge shows, or it reaches over what a swap should leave alone.

`metrics.gains` sees neither by design: it looks where truth and target differ.
"""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from faceswap_lab.metrics.contrast import different_pixels
from faceswap_lab.metrics.seam_against_truth import seam


def seam_visibility(frames: Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]], width: float) -> float:
    """How much the masks' edges show over a clip.

    Args:
        frames: (output, truth, mask) of each frame, as `seam` takes them.
        width: of the face in pixels.

    Returns:
        What the output's slopes across the rim have beyond the truth's, over the truth's: 0 shows nowhere, 1 adds as much
        edge as the truth has there. NaN where no mask has a rim.
    """
    sums = np.array([seam(*each, width) for each in frames], np.float64).reshape(-1, 2).sum(axis=0)
    return float(sums[0] / sums[1]) if sums[1] > 0 else float("nan")


def spill(frames: Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> float:
    """How much was changed that should have been left alone: hair, neck and background.

    Args:
        frames: (output, truth, target) of each frame, (H, W, 3) uint8 RGB.

    Returns:
        The output's absolute difference from the truth, over the pixels where truth and target are the same
        (`contrast.different_pixels`), over the target's over the other pixels; what the codec alone does to the target is
        not counted. 0 for the truth and for the unchanged target. NaN where truth and target do not differ.
    """
    beyond = wanted = 0.0
    for output, truth, target in frames:
        different = different_pixels(truth, target)
        apart, given = (cv2.absdiff(picture, truth).mean(axis=2) for picture in (output, target))
        beyond += float(np.maximum(apart - given, 0)[~different].sum())
        wanted += float(given[different].sum())
    return beyond / wanted if wanted > 0 else float("nan")
