"""What a mask does wrong, beside the true swap: its edge shows, or it reaches over what a swap should leave alone.

A seam is an edge across the mask's rim that the true swap does not have. `metrics.gains` sees neither by design: it looks where
truth and target differ. The measure of the seam knows nothing of faces and looks along the rim only, so it is to be read beside the
gains: the unchanged target has no seam of its making, and a face that is blurred has fewer edges everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from faceswap_lab.metrics.contrast import different_pixels, slopes_along

_SIGMA = 0.01  # of the face's width: pores and noise are no seam


def seam(output: np.ndarray, truth: np.ndarray, mask: np.ndarray, width: float) -> tuple[float, float]:
    """Edges across the rim of a mask, of one frame.

    Both pictures are smoothed a little; then the slope of grey across the rim is taken, along the mask's own slope. Each
    pixel counts by how steep the mask is there.

    Args:
        output, truth: (H, W, 3) uint8 RGB.
        mask: (H, W) float32 [0, 1], as it was used (`blending.place_mask`).
        width: of the face in pixels.

    Returns:
        The sum of what the output's slopes have beyond the truth's, and the sum of the truth's; both 0 or more.
    """
    rise = np.stack(np.gradient(cv2.GaussianBlur(np.asarray(mask, np.float32), (0, 0), max(0.5, _SIGMA * width))))
    steep = np.hypot(*rise)
    if steep.max() <= 0:
        return 0.0, 0.0
    across = rise / np.maximum(steep, 1e-9)

    found, wanted = (np.abs(slopes_along(picture, across, max(0.5, _SIGMA * width))) for picture in (output, truth))
    beyond = np.maximum(found - wanted, 0)
    return float((beyond * steep).sum()), float((wanted * steep).sum())


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
