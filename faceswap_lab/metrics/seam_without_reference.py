"""Does the swap's edge show? Without a true swap and without knowing the mask.

What was changed is found by comparing output and target; its rim is followed all round, and the edge across it is compared with
the edges that the target has near there, in stretches of the rim: a seam runs along the rim, texture does not.

On talk_A: seam in levels of 255, and the share of the rim that shows:

    unchanged, or coded anew at JPEG 30   0 (no rim)
    true swap                             0.7 / 0.04
    blends of one GAN                     seamless 0.3 / 0.04, mask 0.6 / 0.07, laplacian 1.3 / 0.10, direct 11.5 / 0.51
    a square, brighter by 10, 20, 40      2.1 / 0.30, 6.4 / 0.46, 18.6 / 0.63
    that of 20, edge blurred by 5, 20 px  0.8 / 0.20, 0.1 / 0
    the true swap's middle as a square    10.1 / 0.40

**What it cannot know**: a swapped head of another shape has real edges where the target has none. On talk_B the true swap
has 6.3 levels and a share of 0.17. Blur hides seams and scores 0, and so does a frame that was changed from
border to border (a black one). So it finds hard edges, and does not rank good blends.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy import ndimage
from scipy.special import erf

from faceswap_lab.metrics.catalogue import Score, mean_of
from faceswap_lab.metrics.contrast import slopes_along
from faceswap_lab.metrics.frame_samples import FrameSample, Rows

LEAST = 3.0  # levels: what differs less was not changed
_FINE, _SMOOTH = 0.004, 0.005  # of the face's width: gaussians before the difference and before slopes are taken
_REACH = 0.02  # of the width: how far from the rim an edge may lie
_FAR = 0.75  # of the width: what lies so far from the face's middle was changed by the coder alone
_STRETCHES = 90  # of the rim
_USUAL = 1.5  # an edge is none of the swap's making up to so many times the target's own near there
_SHOWS = 5.0  # levels, and twice the target's own edge


def edited_region(output: np.ndarray, target: np.ndarray, points: np.ndarray, width: float) -> np.ndarray:
    """What of a frame was changed by hand, and not by coding it again; `fidelity.changed_region` is for where the truth is known.

    Args:
        output, target: (H, W, 3) uint8 RGB.
        points: (5, 2) five points of the face: far from them, the difference is taken for the coder's.
        width: of the face in pixels.

    Returns:
        (H, W) bool: the largest piece, holes filled; empty where nothing was changed.
    """
    apart = np.abs(output.astype(np.float32) - target).mean(axis=2)
    apart = cv2.GaussianBlur(apart, (0, 0), max(0.5, _FINE * width))
    y, x = np.ogrid[: apart.shape[0], : apart.shape[1]]
    far = np.hypot(x - points[:, 0].mean(), y - points[:, 1].mean()) > _FAR * width
    coder = float(np.percentile(apart[far], 99)) if far.sum() > 100 else 0.0
    reach = max(1, round(_REACH * width))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    found = np.pad((apart > max(LEAST, 1.5 * coder)).astype(np.uint8), 2 * reach)
    found = ndimage.binary_fill_holes(cv2.morphologyEx(found, cv2.MORPH_CLOSE, disc)).astype(np.uint8)
    found = cv2.morphologyEx(found, cv2.MORPH_OPEN, disc)[2 * reach : -2 * reach, 2 * reach : -2 * reach]
    _, labels, sizes, _ = cv2.connectedComponentsWithStats(found)
    if len(sizes) < 2 or sizes[1:, cv2.CC_STAT_AREA].max() < (0.1 * width) ** 2:
        return np.zeros(apart.shape, bool)
    return labels == 1 + sizes[1:, cv2.CC_STAT_AREA].argmax()


def rim_edges(output: np.ndarray, target: np.ndarray, region: np.ndarray, width: float) -> np.ndarray:
    """How high the edges along a region's rim are.

    Args:
        output, target: (H, W, 3) uint8 RGB.
        region: (H, W) bool; its rim counts where it is not the frame's.
        width: of the face in pixels.

    Returns:
        (2, stretches) float64: the step across the rim in levels of 255, for output and target, in each stretch of the rim that
        lies in the frame. (2, 0) where the region has no rim.
    """
    if not region.any() or region.all():
        return np.zeros((2, 0))
    inside, outside = (cv2.distanceTransform(one.astype(np.uint8), cv2.DIST_L2, 5) for one in (region, ~region))
    depth = cv2.GaussianBlur(inside - outside, (0, 0), max(1.0, 0.01 * width))
    across = np.stack(np.gradient(depth))
    across /= np.maximum(np.hypot(*across), 1e-6)
    reach = max(1, round(_REACH * width))
    band = np.abs(depth) <= reach
    for edge in (np.s_[:reach], np.s_[-reach:], np.s_[:, :reach], np.s_[:, -reach:]):
        band[edge] = False
    if not band.any():
        return np.zeros((2, 0))
    rows, columns = np.nonzero(band)
    middle = np.argwhere(region).mean(axis=0)
    around = np.arctan2(rows - middle[0], columns - middle[1])
    stretch = ((around + np.pi) / (2 * np.pi) * _STRETCHES).astype(int).clip(0, _STRETCHES - 1)
    layers = 2 * reach + 1
    place = stretch * layers + (np.rint(depth[band]).astype(int) + reach).clip(0, layers - 1)
    count = np.bincount(place, minlength=_STRETCHES * layers)
    sigma = max(0.5, _SMOOTH * width)
    step = 2 / erf(1 / (np.sqrt(2) * sigma))  # height of a smoothed step over its slope, as neighbours' difference
    steps = []
    for picture in (output, target):
        slope = slopes_along(picture, across, sigma)[band]
        mean = np.bincount(place, slope, _STRETCHES * layers) / np.maximum(count, 1)
        steps.append(np.abs(mean).reshape(_STRETCHES, layers).max(axis=1) * step)
    return np.array(steps)[:, np.unique(stretch)]


def seam(output: np.ndarray, target: np.ndarray, points: np.ndarray, width: float) -> tuple[float, float]:
    """How much the swap's edge shows in one frame.

    Args:
        as in `edited_region`.

    Returns:
        The mean height of the step across the rim beyond one and a half times the target's own, in levels of 255; and the
        share of the rim with a step of five levels and twice the target's. Both 0 where nothing was changed.
    """
    mine, own = rim_edges(output, target, edited_region(output, target, points, width), width)
    if not mine.size:
        return 0.0, 0.0
    beyond, shows = np.maximum(mine - _USUAL * own, 0), mine > np.maximum(_SHOWS, 2 * own)
    return float(beyond.mean()), float(shows.mean())


class Seam(Rows):
    """The swap's edge in each frame, as `seam` sees it: a `frame_samples.Measure` that needs neither truth nor mask."""

    SCORES = (
        Score("seam", "seam", "Mean step across the edge of what was changed, beyond one and a half times the target's own edges "
              "there. 0 for the unchanged target; 0.7 for the bundled actors' truth, but 6.3 where the swapped head has another "
              "shape; 11 for a square pasted hard. Blur lowers it. It finds hard edges and does not rank good blends.",
              "lower", (0, np.inf),
              mean_of("seam"), "levels"),
        Score("seam_share", "seam that shows", "Share of the edge with a step of five levels and twice the target's own. 0 for the "
              "unchanged target, 0.04 to 0.17 for the bundled actors' truth, 0.5 for a square pasted hard.", "lower", (0, 1),
              mean_of("seam_share"), "share"),
    )  # fmt: skip

    COLUMNS = ("seam", "seam_share")

    def row(self, sample: FrameSample) -> dict[str, float]:
        if not sample.output.has_points:
            return {}
        found = seam(sample.output.image, sample.target.image, sample.output.points, sample.width)
        return dict(zip(self.COLUMNS, found, strict=True))
