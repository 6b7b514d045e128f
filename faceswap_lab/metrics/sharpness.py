"""Is the swapped face as sharp as the source's own pictures? No true swap is needed.

Fine detail (what a gaussian of one pixel takes away) is compared with detail two octaves coarser, both in the aligned face at
one size. Their ratio knows neither light nor contrast, and pose changes it little; it is put over the source's own. The face
is looked at in the largest of `SIZES` that neither it nor the source's pictures must be enlarged to.

On talk_A (every eighth frame) with 84 frames of train_B, beside `gains.sharpness`, which has the truth (both are energies):

                                       sharpness   sharpness_source
    true swap                               1.00        1.1
    true swap, darkened to 0.6              0.36        1.1
    true swap, blurred by 0.5, 1, 2, 4 px   0.84, 0.57, 0.31, 0.13       0.95, 0.61, 0.24, 0.07
    GAN, autoencoder (64 px)                0.80, 0.81  0.36, 0.37
    trained from nothing                    0.58        0.21
    unchanged target                        1.21        1.1
    B's own clip talk_B                     -           1.3

Another choice of frames (the first 60, and 40 of train_B's face set) gave 1.04 for the truth, 0.21 for its blur by 2 px, and
0.29 to 0.33 for GAN and autoencoder.

So it ranks blur as the truth does, is harder on generated faces (coarse contours are edges to `gains.sharpness`, and not detail
here), and one person's pictures vary by a third: 0.8 to 1.3 is as good as 1. Noise, and a hard seam, count as detail.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import cv2
import numpy as np

from faceswap_lab.base.errors import LabError
from faceswap_lab.faces.alignment import align, alignment_matrix, matrix_scale
from faceswap_lab.faces.faceset import FaceSet
from faceswap_lab.metrics.baselines import face_oval
from faceswap_lab.metrics.catalogue import Score
from faceswap_lab.metrics.contrast import GREY
from faceswap_lab.metrics.frame_samples import FrameSample, Rows
from faceswap_lab.metrics.weighting import Weighted, median

SIZES = (128, 96, 64, 48)  # px of the aligned square
FINE, MIDDLE, COARSE = 1.0, 2.0, 4.0  # px of the gaussians
_ENLARGED = 1.1  # up to here a face counts as not enlarged


def detail(image: np.ndarray, points: np.ndarray, size: int) -> float:
    """Fine detail of a face over coarser detail.

    Args:
        image: (H, W, 3) uint8 RGB.
        points: (5, 2) five points of the face in pixels.
        size: of the aligned square in pixels.

    Returns:
        Energy of the band finer than 1 px over that between 2 and 4 px, inside the face's oval: 0 or more. NaN where the face
        has no contrast.
    """
    grey = align(image, alignment_matrix(points, size), size).astype(np.float32) @ GREY
    fine, middle, coarse = (cv2.GaussianBlur(grey, (0, 0), sigma) for sigma in (FINE, MIDDLE, COARSE))
    oval = face_oval(size)
    above, below = (float((np.square(band) * oval).sum()) for band in (grey - fine, middle - coarse))
    return above / below if below > 1e-3 * oval.sum() else float("nan")


def fitting_sizes(points: np.ndarray, scale: float = 1.0) -> list[int]:
    """The `SIZES` that a face need not be enlarged to, or the smallest, where there is none.

    Args:
        points: (5, 2) in pixels of a picture.
        scale: how much that picture was already enlarged.
    """
    return [size for size in SIZES if scale * matrix_scale(alignment_matrix(points, size)) <= _ENLARGED] or [SIZES[-1]]


def source_detail(
    frames: Iterable[np.ndarray], points: np.ndarray, scales: Sequence[float] | None = None
) -> dict[int, float]:
    """The usual `detail` of a person's pictures.

    Args:
        frames: (H, W, 3) uint8 RGB each; twenty to forty will do.
        points: (N, 5, 2); pictures with NaN are left out.
        scales: (N,) how much each picture was already enlarged; None: not at all.

    Returns:
        Size -> median detail, for the sizes that at least half of the pictures fit.

    Raises:
        LabError: when no picture shows a face with any contrast.
    """
    found: dict[int, list[float]] = {}
    count = 0
    for row, (frame, own) in enumerate(zip(frames, points, strict=True)):
        if np.isfinite(own).all():
            count += 1
            for size in fitting_sizes(own, 1.0 if scales is None else scales[row]):
                found.setdefault(size, []).append(detail(frame, own, size))
    usual = {size: float(np.nanmedian(some)) for size, some in found.items() if 2 * np.isfinite(some).sum() >= count}
    usual = {size: value for size, value in usual.items() if value > 0}
    if not usual:
        raise LabError(
            "source: none of its pictures shows a face to compare sharpness with. Look at its contact sheet."
        )
    return usual


def set_detail(faces: FaceSet) -> dict[int, float]:
    """`source_detail` of a face set, from its aligned pictures. See `FaceSet.spread` for choosing some.

    Raises:
        LabError: as above, or when a picture cannot be read.
    """
    scales = [matrix_scale(faces.matrix(row)) for row in range(len(faces))]
    return source_detail(faces.pictures(), faces.aligned_points(), scales)


_median_share = Weighted(lambda shares, weights: median(shares[:, 0], weights), ["sharpness_source"])


class SourceSharpness(Rows):
    """How much of the source's fine detail an output's faces have: a `frame_samples.Measure`.

    Args:
        source_detail: from `source_detail` or `set_detail`.
    """

    SCORES = (
        Score("sharpness_source", "sharpness beside the source", "Fine detail of the face over coarser detail, as a share of the "
              "source's own pictures'; median over the frames. 1 is as sharp, below 1 blurred, above 1 noisy; one person's "
              "pictures vary by a third, so 0.8 to 1.3 is good (1.1 for the bundled actors' truth, and for the unchanged target, "
              "which is sharp too: it says nothing of whose face it is).", "one", (0, np.inf), _median_share, needs=("source",)),
    )  # fmt: skip

    COLUMNS = ("sharpness_source",)

    def __init__(self, source_detail: Mapping[int, float]):
        super().__init__()
        if not source_detail:
            raise LabError("source: no detail is known of its pictures. Make it by source_detail.")
        self.source = dict(source_detail)

    def row(self, sample: FrameSample) -> dict[str, float]:
        """Nothing where there is no face, or no contrast in it."""
        if not sample.output.has_points:
            return {}
        known = [size for size in fitting_sizes(sample.output.points) if size in self.source]
        size = known[0] if known else min(self.source)
        return {"sharpness_source": detail(sample.output.image, sample.output.points, size) / self.source[size]}
