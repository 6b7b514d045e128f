"""Is a swap as steady as the clip it was put into? Jitter, colour flicker and warp error, beside the target's own.

No true swap is needed: what the target does itself is the measure, so the unchanged target is always perfect. All look at a
frame and the one or two before it, so that the order of frames matters here. Against a true swap: `temporal`.

Measured on the first 60 frames of talk_A:

                                  jitter  jitter_beyond   flicker  flicker_beyond  warp_error  warp_error_edges
    unchanged target                1.00            0.0      1.00            0.00        1.00               1.0
    true swap                       0.96            2.8      1.16            0.55        1.66               1.8
    true swap, blurred by 2 px      0.93            2.7      1.15            0.56        0.75               3.0
    that blinks by 4 levels         0.96            2.9      6.50            4.11        2.20               2.4
    that trembles by 1 px           1.33            3.9      1.16            0.56        3.05               3.4
    autoencoder                     0.93            2.4      0.88            0.31        1.29               2.4
    GAN, four blends           0.95-1.01        2.7-3.0  0.80-0.89       0.31-0.44   1.33-1.54           2.5-2.6
    trained from nothing            0.70            3.0      0.84            0.37        1.13               4.6
    one decoder for both            0.76            3.3      0.91            0.36        1.12               5.3
    one frame, held still           0.22            3.1      1.06            1.00        8.12               7.3

All find what blinks, trembles or stands still. **Only the last column puts these swaps in order**, as much by their blur as by
their unrest. The true swap is another face, whose points and colours move otherwise, and the flow, taken from the target, fits
the target best. A picture held still
keeps 0.2 of the target's jitter: so much at least is the landmark network's. Plain warp error rewards blur.

W.-S. Lai et al., "Learning blind video temporal consistency", ECCV 2018, for the warp error; its mask of what came into sight is
that of M. Ruder et al., "Artistic style transfer for videos", GCPR 2016. The optical flow is T. Kroeger et al., "Fast optical
flow using dense inverse search", ECCV 2016, OpenCV's.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pandas as pd

from faceswap_lab.faces.landmarks import Landmarks
from faceswap_lab.faces.masks import face_outline
from faceswap_lab.metrics.catalogue import Score, mean_of, ratio_of
from faceswap_lab.metrics.contrast import edge_energy, window_around
from faceswap_lab.metrics.frame_samples import FrameSample, Picture, Rows
from faceswap_lab.metrics.weighting import Weighted

_ORDER = ("order",)


def trembling(track: np.ndarray) -> np.ndarray:
    """How far points are from moving on evenly, frame by frame: the mean length of their second differences in time.

    Args:
        track: (T, n, 2) in pixels, NaN where they are not known.

    Returns:
        (T,) pixels, 0 for any steady movement; NaN unless a frame and the two before it are known.
    """
    found = np.full(len(track), np.nan)
    found[2:] = np.linalg.norm(np.diff(track, 2, axis=0), axis=2).mean(axis=1)
    return found


def colour_changes(colours: np.ndarray) -> np.ndarray:
    """(T,) mean absolute change of (T, 3) colours from the frame before; NaN in the first, and where one is not known."""
    return np.abs(np.diff(colours, axis=0, prepend=np.full((1, 3), np.nan))).mean(axis=1)


def face_region(shape: tuple[int, ...], landmarks: Landmarks) -> np.ndarray:
    """The face without its forehead (where hair hangs): (H, W) bool."""
    region = np.zeros(shape[:2], np.uint8)
    hull = cv2.convexHull(face_outline(landmarks, forehead=False).astype(np.float32))[:, 0]
    cv2.fillConvexPoly(region, np.round(hull * 16).astype(np.int32), 1, shift=4)
    return region > 0


class Jitter:
    """How much landmarks tremble: second differences in time of 468 points, a `frame_samples.Measure`."""

    scores = SCORES = (
        Score("jitter", "jitter", "Second differences in time of the output's landmarks, over the target's own. 1 for the "
              "unchanged target; above 1 trembles more, below 1 moves less than the target does (a stiff face). Part of both is "
              "the landmark network's own noise.", "one", (0, np.inf), ratio_of("jitter_output", "jitter_target"), needs=_ORDER),
        Score("jitter_beyond", "jitter beyond the target's", "Second differences of the way between output's and target's "
              "landmarks, in per cent of the distance between the eyes: movement that the target does not have. 0 for the "
              "unchanged target; not 0 for the truth, whose face is another.", "lower", (0, np.inf), mean_of("jitter_beyond"),
              unit="%", needs=_ORDER),
    )  # fmt: skip

    def __init__(self) -> None:
        self._tracks: list[np.ndarray] = []

    def add(self, sample: FrameSample) -> None:
        """Looks at a sample; its row is NaN until three frames in a row have a face in output and target."""
        both = [one for one in (sample.output.landmarks, sample.target.landmarks) if one is not None]
        points = np.array([one.mesh for one in both], np.float64) if len(both) == 2 else np.full((2, 468, 2), np.nan)
        self._tracks.append(100 * points / (sample.width / 4))

    def table(self) -> pd.DataFrame:
        """One row a sample, per cent of the distance between the eyes: jitter_output, jitter_target, jitter_beyond."""
        mine, own = np.moveaxis(np.array(self._tracks).reshape(-1, 2, 468, 2), 1, 0)
        return pd.DataFrame({
            "jitter_output": trembling(mine), "jitter_target": trembling(own), "jitter_beyond": trembling(mine - own)
        })  # fmt: skip


class Flicker:
    """How much the face's colour changes from frame to frame: a `frame_samples.Measure`."""

    scores = SCORES = (
        Score("flicker", "colour flicker", "Change of the face's mean colour from frame to frame, over the target's own. 1 for the "
              "unchanged target; above 1 flickers, below 1 does not follow the target's light.", "one", (0, np.inf),
              ratio_of("flicker_output", "flicker_target"), needs=_ORDER),
        Score("flicker_beyond", "flicker beyond the target's", "What of that change the target does not have: the mean difference "
              "of both changes, in levels of 255. 0 for the unchanged target, near 0 for the truth.", "lower", (0, 255),
              mean_of("flicker_beyond"), "levels", _ORDER),
    )  # fmt: skip

    def __init__(self) -> None:
        self._colours: list[np.ndarray] = []

    def add(self, sample: FrameSample) -> None:
        """Looks at a sample; its row is NaN where it or the one before has no face."""
        colours = np.full((2, 3), np.nan)
        if sample.target.landmarks is not None:
            region = face_region(sample.target.image.shape, sample.target.landmarks)
            if region.any():
                colours = np.stack([one.image[region].mean(axis=0) for one in (sample.output, sample.target)])
        self._colours.append(colours)

    def table(self) -> pd.DataFrame:
        """One row a sample, levels of 255: flicker_output, flicker_target, flicker_beyond."""
        mine, own = np.moveaxis(np.array(self._colours).reshape(-1, 2, 3), 1, 0)
        return pd.DataFrame({
            "flicker_output": colour_changes(mine), "flicker_target": colour_changes(own),
            "flicker_beyond": colour_changes(mine - own),
        })  # fmt: skip


class TargetFlow:
    """Where each pixel of the target's face was one frame earlier; found once for all outputs when they share this.

    Only the last pair of frames is kept.
    """

    def __init__(self) -> None:
        self._engine: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self._known: tuple[Picture, Picture] | None = None
        self._found: tuple | None = None

    def between(self, before: Picture, now: Picture, width: float) -> tuple[tuple, np.ndarray, np.ndarray] | None:
        """The flow of two frames of the target.

        Args:
            before, now: consecutive frames.
            width: of the face in pixels.

        Returns:
            The window around the face, (rows, columns) slices; (h, w, 2) float32, x and y in the window of `before` for each
            pixel of `now`; and (h, w) bool: in the face, and seen in both. None without landmarks.
        """
        if self._known is not None and self._known[0] is before and self._known[1] is now:
            return self._found
        self._known, self._found = (before, now), self._find(before, now, width)
        return self._found

    def _find(self, before: Picture, now: Picture, width: float):
        if before.landmarks is None or now.landmarks is None:
            return None
        region = face_region(now.image.shape, now.landmarks)
        if not region.any():
            return None
        margin = max(8, int(0.2 * width))
        window = window_around(region, margin)
        there, here = (
            np.ascontiguousarray(cv2.cvtColor(one.image, cv2.COLOR_RGB2GRAY)[window]) for one in (before, now)
        )
        if min(here.shape) < 24:  # the engine's coarsest picture would be smaller than its patch
            return None
        back, forth = self._engine.calc(here, there, None), self._engine.calc(there, here, None)
        where = back + np.stack(np.meshgrid(*(np.arange(n, dtype=np.float32) for n in here.shape[::-1])), axis=-1)
        again = back + warp(forth, where)  # nearly 0, unless something came into sight
        lengths = np.square(back).sum(axis=2) + np.square(warp(forth, where)).sum(axis=2)
        same = np.square(again).sum(axis=2) <= 0.01 * lengths + 0.5
        reached = (where >= 0).all(axis=2) & (where <= np.array(here.shape[::-1], np.float32) - 1).all(axis=2)
        return window, where, region[window] & same & reached


def warp(picture: np.ndarray, where: np.ndarray) -> np.ndarray:
    """A picture looked up at sub-pixel places, bilinear: (h, w, 2) float32 x and y; the picture's border is repeated."""
    return cv2.remap(picture, where[..., 0], where[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _error_over_edges(columns: np.ndarray, weights: np.ndarray) -> np.ndarray:
    mine, edges, own, own_edges = (weights @ np.where(np.isfinite(columns).all(axis=1)[:, None], columns, 0)).T
    known = (edges > 0) & (own > 0) & (own_edges > 0)
    mine, edges, own, own_edges = (np.where(known, each, 1) for each in (mine, edges, own, own_edges))
    return np.where(known, mine / edges / (own / own_edges), np.nan)


_EDGE_COLUMNS = [f"warp_{what}_{whose}" for whose in ("output", "target") for what in ("error", "edges")]


class WarpError(Rows):
    """Whether an output moves as the target does: its last frame, moved along the target's flow, against this one.

    Args:
        flow: shared among the outputs of a clip, so that the flow is found once; None makes one.
    """

    SCORES = (
        Score("warp_error", "warp error", "Squared difference between a frame and the one before, moved along the target's optical "
              "flow, inside the face, over the target's own. 1 for the unchanged target; 1.7 for the bundled actors' truth, and "
              "0.75 for the truth blurred by 2 px: it rewards blur, and ranks swaps only where they shake.", "lower", (0, np.inf),
              ratio_of("warp_error_output", "warp_error_target"), needs=_ORDER,
              paper="Lai et al., Learning blind video temporal consistency, ECCV 2018"),
        Score("warp_error_edges", "warp error over edges", "The same, each divided by the energy of the edges where it was "
              "measured, so that blur gains nothing. 1 for the unchanged target, 1.8 for the bundled actors' truth; 3 and more "
              "shakes or is blurred.", "lower", (0, np.inf), Weighted(_error_over_edges, _EDGE_COLUMNS), needs=_ORDER),
    )  # fmt: skip

    COLUMNS = tuple(f"warp_{what}_{whose}" for what in ("error", "edges") for whose in ("output", "target"))

    def __init__(self, flow: TargetFlow | None = None):
        super().__init__()
        self.flow = flow or TargetFlow()
        self._last: FrameSample | None = None

    def row(self, sample: FrameSample) -> dict[str, float]:
        """Mean squares of [0, 1]; nothing where it or the one before has no face."""
        last, self._last = self._last, sample
        if last is None:
            return {}
        found = self.flow.between(last.target, sample.target, sample.width)
        if found is None or not found[2].any():
            return {}
        window, where, seen = found
        pairs = (last.output, sample.output), (last.target, sample.target)
        errors = [warped_difference(was.image[window], now.image[window], where, seen) for was, now in pairs]
        edges = [edge_energy(pair[1].image[window].astype(np.float32) / 255, seen) / int(seen.sum()) for pair in pairs]
        return dict(zip(self.COLUMNS, (*errors, *edges), strict=True))


def warped_difference(before: np.ndarray, now: np.ndarray, where: np.ndarray, seen: np.ndarray) -> float:
    """Mean squared difference of two frames, one moved onto the other.

    Args:
        before, now: (h, w, 3) uint8 RGB.
        where: (h, w, 2) float32, x and y in `before` for each pixel of `now`.
        seen: (h, w) bool, where to look.

    Returns:
        Mean over pixels and colours, of values in [0, 1]: 0 where it moved just so.
    """
    apart = warp(before.astype(np.float32), where)[seen] - now[seen]
    return float(np.square(apart / 255).mean())
