"""Temporal error: does the output change from one frame to the next as the true swap does?

A swap may be good on each frame by itself and flicker, lag or swim. The true swap's own change (speech, a turning head, light) is
known, and so is what of it the output misses or adds.
"""

from __future__ import annotations

import cv2
import numpy as np

from faceswap_lab.metrics.catalogue import Score, ratio_of
from faceswap_lab.metrics.fidelity import sample_regions
from faceswap_lab.metrics.frame_samples import FrameSample, Rows


def change_error(
    before: np.ndarray, after: np.ndarray, truth_before: np.ndarray, truth_after: np.ndarray, region: np.ndarray
) -> float:
    """How far the change between two frames lies from the truth's change between the same two.

    Args:
        before, after: the output's frames, (H, W, 3) uint8 RGB.
        truth_before, truth_after: the truth's.
        region: (H, W) bool, where to look.

    Returns:
        The absolute difference of both changes, levels of 255, mean of the three colours, summed over the region.
    """
    output, truth = (
        cv2.subtract(second, first, dtype=cv2.CV_16S)
        for first, second in ((before, after), (truth_before, truth_after))
    )
    return float(cv2.absdiff(output, truth).mean(axis=2)[region].sum())


class TemporalError(Rows):
    """`change_error` of the output over that of the unchanged target, inside the region that the truth changes in either frame.

    The table's columns: temporal_error (the sum over the region, of the change from the frame before), temporal_error_target. NaN
    in the first frame, and where truth and target do not differ.
    """

    SCORES = (
        Score(
            "temporal_error", "temporal error", "How far the change from frame to frame differs from the truth's change, as a "
            "share of the unchanged target's: 0 changes as the truth does, 1 is off by as much as doing nothing, more flickers, "
            "lags or swims.", "lower", (0, np.inf), ratio_of("temporal_error", "temporal_error_target"), "", ("truth", "order"),
        ),
    )  # fmt: skip
    COLUMNS = ("temporal_error", "temporal_error_target")

    def __init__(self) -> None:
        super().__init__()
        self.last: tuple[np.ndarray, ...] | None = None

    def row(self, sample: FrameSample) -> dict[str, float]:
        output, target, truth = sample.output.image, sample.target.image, sample.known_truth.image
        region, _ = sample_regions(sample.known_truth, sample.target, sample.width)
        last, self.last = self.last, (output, target, truth, region)
        if last is None or not (both := region | last[3]).any():
            return {}
        pairs = zip(self.COLUMNS, last[:2], (output, target), strict=True)
        return {name: change_error(before, after, last[2], truth, both) for name, before, after in pairs}
