"""Fidelity: how near an output's pixels come to the true swap's, by the three measures that papers quote.

They look at the region that the true swap changes (`changed_region`) and at a band along its rim, the seam; over the whole
frame the untouched background would make every swap look excellent. Pixels are pixels of the frame: SSIM looks at 11 x 11
of them, so that numbers of clips of different size do not compare. The unchanged target gets a number too, and not a low one:
read every value beside it. And at the seam the truth blurred by 4 px may fall below it in SSIM: hair is finer than that.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from scipy import ndimage

from faceswap_lab.metrics.catalogue import Score, mean_of
from faceswap_lab.metrics.contrast import GREY, different_pixels, window_around
from faceswap_lab.metrics.frame_samples import FrameSample, Picture, Rows
from faceswap_lab.metrics.weighting import Weighted
from faceswap_lab.models.losses import SCALE_WEIGHTS

PSNR_LIMIT = 100.0  # dB: what identical pictures get, whose PSNR is infinite
SPECKLE = 0.01  # of the face's width: what is thinner than twice this is the codec's, or a strand of hair
GAP = 0.03  # of the face's width: holes and cracks up to twice this, where two skins happen to agree, belong to the region
SEAM = 0.03  # of the face's width: how far the seam's band reaches to both sides of the region's rim
_WINDOW, _SIGMA = 11, 1.5  # of the gaussian in SSIM, pixels
_C1, _C2 = 0.01**2, 0.03**2  # for pictures in [0, 1]
_MARGIN = 24  # px around the region that take part; SSIM sees 5
_COARSEST = 16  # px: how wide a head is at the coarsest scale at least; the window then still fits the inner face


def psnr(squared: float, count: float) -> float:
    """Peak signal-to-noise ratio of pictures in [0, 1]: -10 log10 of the mean squared error.

    Args:
        squared: sum of the squared differences.
        count: of how many numbers.

    Returns:
        dB, at most `PSNR_LIMIT`, which stands for "the same"; NaN for no numbers.
    """
    if not count > 0 or np.isnan(squared):
        return float("nan")
    return float(min(PSNR_LIMIT, -10 * np.log10(max(squared / count, 1e-30))))


def _smooth(picture: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(picture, (_WINDOW, _WINDOW), _SIGMA, borderType=cv2.BORDER_REFLECT)


def ssim_maps(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Structural similarity at each pixel, in a gaussian window of 11 x 11 pixels, sigma 1.5.

    Z. Wang, A. Bovik, H. Sheikh, E. Simoncelli, "Image quality assessment: from error visibility to structural similarity",
    IEEE Transactions on Image Processing 13(4), 2004.

    Args:
        first, second: (H, W) or (H, W, C) float in [0, 1]; channels are compared each by itself.

    Returns:
        SSIM, and its part that sees contrast and structure but no brightness; both of the pictures' shape, float64, -1 to 1.
    """
    x, y = (np.ascontiguousarray(picture, np.float64) for picture in (first, second))
    mean_x, mean_y = _smooth(x), _smooth(y)
    xx, yy, xy = (
        _smooth(a * b) - m * n
        for a, b, m, n in ((x, x, mean_x, mean_x), (y, y, mean_y, mean_y), (x, y, mean_x, mean_y))
    )
    structure = (2 * xy + _C2) / (xx + yy + _C2)
    return structure * (2 * mean_x * mean_y + _C1) / (mean_x**2 + mean_y**2 + _C1), structure


def scales_for(width: float) -> int:
    """How many scales MS-SSIM takes for faces of `width` pixels (`clips.face_width`): 5 from 256 px on, 4 from 128, at least 1.

    Each scale halves the picture. A face that is smaller than the window says nothing of structure any more, so small
    faces are compared at fewer scales, the same number throughout a clip.
    """
    return int(np.clip(1 + np.floor(np.log2(max(width, 1) / _COARSEST)), 1, len(SCALE_WEIGHTS)))


def ms_ssim(
    first: np.ndarray, second: np.ndarray, mask: np.ndarray | None = None, scales: int = 5,
    maps: tuple[np.ndarray, np.ndarray] | None = None,
) -> float:  # fmt: skip
    """Multi-scale structural similarity inside a mask; `models.losses.ms_ssim` is the same as a loss, without a mask.

    Z. Wang, E. Simoncelli, A. Bovik, "Multi-scale structural similarity for image quality assessment", Asilomar Conference on
    Signals, Systems and Computers, 2003. With fewer than its five scales, the weights of those that are left are brought to a
    sum of 1.

    Args:
        first, second: (H, W) float in [0, 1].
        mask: (H, W) bool or float in [0, 1]: each pixel counts as much as its mask, which shrinks with the pictures; None is all.
        scales: 1 to 5, see `scales_for`; the picture must not be smaller than 2 ** (scales - 1) pixels.
        maps: `ssim_maps` of the two, where they are known already.

    Returns:
        0 to 1 (structure that runs against the other's counts as 0); NaN for an empty mask.
    """
    x, y = (np.asarray(picture, np.float64) for picture in (first, second))
    weight = np.ones(x.shape) if mask is None else np.asarray(mask, np.float64)
    if not weight.sum() > 0:
        return float("nan")
    result, maps = 1.0, maps or ssim_maps(x, y)
    for scale, power in enumerate(np.array(SCALE_WEIGHTS[:scales]) / sum(SCALE_WEIGHTS[:scales])):
        if scale:
            x, y, weight = (_halved(part) for part in (x, y, weight))
            maps = ssim_maps(x, y)
        seen = maps[0 if scale == scales - 1 else 1]
        result *= max(float((seen * weight).sum() / weight.sum()), 0.0) ** power
    return result


def _halved(picture: np.ndarray) -> np.ndarray:
    """Means of 2 x 2 pixels; an odd last row or column is left out."""
    height, width = (side // 2 * 2 for side in picture.shape)
    return picture[:height, :width].reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))


def changed_region(truth: np.ndarray, target: np.ndarray, width: float) -> np.ndarray:
    """The pixels where truth and target differ, as one region: without speckle, its gaps closed and its holes filled.

    Args:
        truth, target: (H, W, 3) uint8 RGB.
        width: of the face in pixels, `clips.face_width`.

    Returns:
        (H, W) bool.
    """
    reach = int(np.ceil(GAP * width)) + 1
    found = np.pad(different_pixels(truth, target).astype(np.uint8), reach)
    for change, share in ((cv2.MORPH_OPEN, SPECKLE), (cv2.MORPH_CLOSE, GAP)):
        found = np.asarray(cv2.morphologyEx(found, change, _disc(share * width)))
    return ndimage.binary_fill_holes(found[reach:-reach, reach:-reach])


def seam_band(region: np.ndarray, width: float) -> np.ndarray:
    """The pixels along a region's rim, up to 3 % of the face's width on both sides of it: (H, W) bool.

    Args:
        region: (H, W) bool.
        width: of the face in pixels.
    """
    disc, region = _disc(SEAM * width), region.astype(np.uint8)
    return cv2.dilate(region, disc) > cv2.erode(region, disc)


def _disc(radius: float) -> np.ndarray:
    side = 2 * max(1, round(radius)) + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))


def compare_regions(
    picture: np.ndarray, truth: np.ndarray, region: np.ndarray, band: np.ndarray, scales: int = 5
) -> dict[str, float]:
    """One frame against the truth, inside the region and on its seam.

    Args:
        picture, truth: (H, W, 3) uint8 RGB.
        region, band: (H, W) bool, not empty.
        scales: of MS-SSIM.

    Returns:
        squared, numbers, ssim, ms_ssim, seam_squared, seam_numbers, seam_ssim: sums of squared differences of the three colours in
        [0, 1] with their number; means of SSIM, which looks at luma alone.
    """
    window = window_around(region | band, _MARGIN)
    region, band = region[window], band[window]
    here, there = (frame[window].astype(np.float64) / 255 for frame in (picture, truth))
    squared = np.square(here - there).sum(axis=2)
    grey = here @ GREY, there @ GREY
    maps = ssim_maps(*grey)
    structure = maps[0]
    return {
        "squared": float(squared[region].sum()),
        "numbers": 3.0 * region.sum(),
        "ssim": float(structure[region].mean()),
        "ms_ssim": ms_ssim(*grey, region, scales, maps),
        "seam_squared": float(squared[band].sum()),
        "seam_numbers": 3.0 * band.sum(),
        "seam_ssim": float(structure[band].mean()),
    }


@lru_cache(maxsize=2)  # pictures are compared by identity: outputs and measures of one sample share what is found
def sample_regions(truth: Picture, target: Picture, width: float) -> tuple[np.ndarray, np.ndarray]:
    """`changed_region` and its `seam_band` of a sample's truth and target, found once for all who ask."""
    region = changed_region(truth.image, target.image, width)
    return region, seam_band(region, width)


@lru_cache(maxsize=32)
def _compared(picture: Picture, truth: Picture, target: Picture, width: float) -> dict[str, float]:
    return compare_regions(picture.image, truth.image, *sample_regions(truth, target, width), scales_for(width))


def _psnr_of(squared: str, numbers: str):
    def of(columns: np.ndarray, weights: np.ndarray) -> np.ndarray:
        known = np.isfinite(columns).all(axis=1)
        return np.array([psnr(*sums) for sums in weights[:, known] @ columns[known]])

    return Weighted(of, [squared, numbers])


_SSIM_PAPER = (
    "Wang, Bovik, Sheikh, Simoncelli, 'Image quality assessment: from error visibility to structural similarity', 2004"
)
_MS_PAPER = "Wang, Simoncelli, Bovik, 'Multi-scale structural similarity for image quality assessment', 2003"
_NEAR = "Read it beside the unchanged target's, which is not low."


class Fidelity(Rows):
    """PSNR, SSIM and MS-SSIM of the output against the truth, inside the region that the truth changes and on its seam.

    The table's columns: psnr (of each frame), its sums psnr_squared and psnr_numbers, ssim, ms_ssim, the same with seam_ before
    them (no MS-SSIM: a band has no coarse scales), and all of these for the unchanged target with _target behind them. NaN where
    truth and target do not differ.
    """

    SCORES = (
        Score(
            "psnr", "PSNR", "Peak signal-to-noise ratio against the truth where the swap changes something, from the mean squared "
            f"error of the whole clip. {PSNR_LIMIT:.0f} dB stands for identical. {_NEAR}", "higher", (0, PSNR_LIMIT),
            _psnr_of("psnr_squared", "psnr_numbers"), "dB", ("truth",),
        ),
        Score(
            "ssim", "SSIM", "Structural similarity of luma to the truth's where the swap changes something: 1 is the "
            f"same. {_NEAR}",
            "higher", (-1, 1), mean_of("ssim"), "", ("truth",), _SSIM_PAPER,
        ),
        Score(
            "ms_ssim", "MS-SSIM", "Structural similarity at up to five scales: forgives what one scale alone would not. 1 is the "
            f"same. {_NEAR}", "higher", (0, 1), mean_of("ms_ssim"), "", ("truth",), _MS_PAPER,
        ),
        Score(
            "seam_psnr", "PSNR at the seam", "PSNR in a band along the rim of what the swap changes. The unchanged target does "
            "well there: it has no seam, only the wrong skin on one side.", "higher", (0, PSNR_LIMIT),
            _psnr_of("seam_psnr_squared", "seam_psnr_numbers"), "dB", ("truth",),
        ),
        Score(
            "seam_ssim", "SSIM at the seam", f"SSIM in the same band: 1 is the same as the truth. {_NEAR}", "higher", (-1, 1),
            mean_of("seam_ssim"), "", ("truth",), _SSIM_PAPER,
        ),
    )  # fmt: skip
    COLUMNS = tuple(
        f"{name}{ending}"
        for ending in ("", "_target")
        for name in (
            *(f"{seam}{name}" for seam in ("", "seam_") for name in ("psnr", "psnr_squared", "psnr_numbers", "ssim")),
            "ms_ssim",
        )
    )

    def row(self, sample: FrameSample) -> dict[str, float]:
        region, _ = sample_regions(sample.truth, sample.target, sample.width)
        row = {}
        for ending, picture in (("", sample.output), ("_target", sample.target)) if region.any() else ():
            found = _compared(picture, sample.truth, sample.target, sample.width)
            for seam in ("", "seam_"):
                squared, numbers = found[f"{seam}squared"], found[f"{seam}numbers"]
                row[f"{seam}psnr{ending}"] = psnr(squared, numbers)
                row[f"{seam}psnr_squared{ending}"], row[f"{seam}psnr_numbers{ending}"] = squared, numbers
                row[f"{seam}ssim{ending}"] = found[f"{seam}ssim"]
            row[f"ms_ssim{ending}"] = found["ms_ssim"]
        return row
