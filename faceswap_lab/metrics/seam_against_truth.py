"""What a mask does wrong: its edge shows.

A seam is an edge across the mask's rim that the true swap does not have. The gains of `metrics.gains` do not see it by design:
they look where truth and target differ. The measure of the seam knows nothing of faces and looks along the rim only, so it is to be
read beside the gains: the unchanged target has no seam of its making, and a face that is blurred has fewer edges everywhere.
"""

from __future__ import annotations

import cv2
import numpy as np

from faceswap_lab.metrics.contrast import slopes_along

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
