"""What a conversion did, in numbers and in plain sentences."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from faceswap_lab.faces.faceset import FaceSet
from faceswap_lab.swap import blending, doctor
from faceswap_lab.swap.options import SwapOptions
from faceswap_lab.swap.pairing import FaceTrack
from faceswap_lab.swap.swapping import Swap, SwapFunction


@dataclass
class ConversionReport:
    """What a conversion did.

    Args:
        output: the video that was written.
        frames: frames read and written.
        swapped: of these, with a face put in.
        bridged: of the swapped ones, those where the detector had missed the face: its place was reckoned from the
            frames before and after.
        without_face: frames passed on unchanged since the face set has no face for them.
        mean_change: mean absolute difference from the target inside the face's outline, in levels of 255.
        alpha_mean: the model's mean alpha inside the outline, 0 to 1.
        seconds: wall time.
        warnings: what a person should know, in plain sentences.
    """

    output: str
    frames: int = 0
    swapped: int = 0
    bridged: int = 0
    without_face: int = 0
    mean_change: float = 0.0
    alpha_mean: float = 0.0
    seconds: float = 0.0
    warnings: list[str] = field(default_factory=list)


class Totals:
    """Sums for the report, over the faces' outlines."""

    def __init__(self):
        self.change = self.pixels = self.alpha = self.area = 0.0

    def add(self, before: np.ndarray, after: np.ndarray, swap: Swap) -> None:
        """Counts one frame: (H, W, 3) uint8 RGB before and after its swap."""
        window = blending.face_window(before.shape, swap.matrix, swap.region.shape[0])
        if window is not None:
            outline = blending.put_back(swap.region, swap.matrix, window, 0.0)
            change = np.abs(after[window].astype(np.float32) - before[window]).mean(axis=2)
            self.change += float((outline * change).sum())
            self.pixels += float(outline.sum())
        self.alpha += float((swap.region * swap.alpha).sum())
        self.area += float(swap.region.sum())

    def means(self) -> tuple[float, float]:
        """Mean change in levels of 255, and mean alpha, both inside the outlines."""
        return self.change / max(self.pixels, 1e-6), self.alpha / max(self.area, 1e-6)


def findings(
    report: ConversionReport,
    track: FaceTrack,
    faceset: FaceSet,
    end: float | None,
    sample: doctor.Sample | None = None,
    swap_function: SwapFunction | None = None,
    options: SwapOptions | None = None,
) -> list[str]:
    """What went wrong without being an error: sentences that say what to do.

    Args:
        report: with its numbers filled in.
        track, faceset: whose faces were swapped.
        end: seconds, where the conversion was told to stop, or None.
        sample: some of its painted faces, see `doctor.examine`, which also takes the last two.
    """
    if not report.swapped:
        return [
            f"{report.output}: no frame was changed. The face set {faceset.folder} has no face in this part of the "
            "clip: choose another time range or person, or extract the faces again."
        ]
    sample = doctor.Sample() if sample is None else sample
    found = [str(one) for one in doctor.examine(sample, swap_function, options, report.frames, report.swapped)]
    if track.without_outline:
        found.append(
            f"{track.without_outline} faces have no outline (the landmarks found none): the whole soft square was used."
        )
    beyond = len(track.rows) - report.swapped
    if beyond > 0 and end is None:
        found.append(
            f"{beyond} faces of the set lie beyond the last frame that could be read: the clip may be cut off, "
            "or the set was made from a longer one."
        )
    return found
