"""How good is a swap? Three gains against the true swap, whose face it shows, and whether it follows the target.

A gain is 1 - error(output, truth) / error(target, truth): 0 for the untouched target, 1 for the true swap, below 0 for
something worse than doing nothing. Errors are summed over the clip before they are divided. They count only where truth
and target differ: where the mean difference of the three colours exceeds 12 of 255, more than a good video codec does.

- **swap_gain** compares local contrast (`local_contrast`), by its squared error: a tint earns nothing, a face without
  features up to 0.3.
- **identity_gain** compares what the judge (`models.identity`) sees in the face, by the L2 distance of its 128 numbers.
- **pixel_gain** compares plain colours, by their absolute error. A tint alone earns over half: never quote it alone.

Beside the three gains stand two looks at the same pixels, which no squared error gives:

- **structure_gain** compares local contrast by its correlation: a face without features earns nothing, where swap_gain
  prefers it to the wrong features.
- **sharpness** is the energy of the edges relative to the truth's: 1 is as sharp, below 1 blurred, above 1 noisy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
import pandas as pd

from faceswap_lab.errors import LabError
from faceswap_lab.models.identity import FaceRecognition, chip
from faceswap_lab.scores.clips import check_frame, check_points, face_width, together
from faceswap_lab.scores.likeness import CHIPS_AT_ONCE

DIFFERENT = 12  # of 255: mean difference over the three colours from which two pixels count as different
_GREY = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
SIGMA = 6 / 160  # of the gaussian in local contrast, per pixel of the face's width
_MEASURES = ("swap", "identity", "pixel")
_NUMBERS = (*(f"{name}_gain" for name in _MEASURES), "structure_gain", "sharpness")


@dataclass(frozen=True)
class Gains:
    """How far an output came from the target (0) to the true swap (1).

    Args:
        swap_gain, identity_gain, pixel_gain: of the whole clip. identity_gain is NaN where no frame has points.
        structure_gain: how much nearer than the target's the output's local contrast comes to the truth's, as
            correlation r over all pixels that differ: (r - r of the target) / (1 - r of the target). 0 for the unchanged
            target, 1 for the truth, below 0 for something less like the truth than the target is.
        sharpness: `edge_energy` of the output over that of the truth, over the same pixels: 0 or more, 1 is as sharp as
            the truth. Noise and a hard rim count as edges, so above 1 is no better than below.
        table: one row a frame: the three gains (NaN where truth and target do not differ, or without points), the
            errors of output and target behind them, `sharpness`, and `different`, the share of the pixels that differ.
    """

    swap_gain: float
    identity_gain: float
    pixel_gain: float
    structure_gain: float
    sharpness: float
    table: pd.DataFrame

    def as_json(self) -> dict[str, float | None]:
        """The five numbers, rounded to four decimals, for scores.json."""
        numbers = {name: getattr(self, name) for name in _NUMBERS}
        return {name: None if np.isnan(value) else round(value, 4) + 0.0 for name, value in numbers.items()}


def local_contrast(image: np.ndarray, sigma: float, mask: np.ndarray | None = None, floor: float = 0.01) -> np.ndarray:
    """Structure without light: grey, minus its gaussian mean, over its gaussian deviation.

    Args:
        image: (H, W, 3) RGB float32 in [0, 1].
        sigma: of the gaussian in pixels.
        mask: (H, W) float32 in [0, 1], which pixels mean and deviation are taken from; None is all. With it a face's
            edge against the background, which target and truth share, does not drown what lies inside.
        floor: added to the deviation, so that flat skin is not blown up into noise.

    Returns:
        (H, W) float32, about -3 to 3; meaningless where the mask has nothing near.
    """
    grey = np.asarray(image, np.float32) @ _GREY
    mask = np.ones(grey.shape, np.float32) if mask is None else mask.astype(np.float32)
    weight = cv2.GaussianBlur(mask, (0, 0), sigma) + 1e-6
    mean = cv2.GaussianBlur(grey * mask, (0, 0), sigma) / weight
    variance = cv2.GaussianBlur(grey * grey * mask, (0, 0), sigma) / weight - mean * mean
    return (grey - mean) / (np.sqrt(np.maximum(variance, 0)) + floor)


def different_pixels(truth: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Where the true swap changes something: (H, W) bool from two (H, W, 3) uint8 frames."""
    return cv2.absdiff(truth, target).astype(np.uint16).sum(axis=2) > 3 * DIFFERENT


def edge_energy(image: np.ndarray, mask: np.ndarray) -> float:
    """How much edge there is: the squared first differences of grey, down and across, summed inside a mask.

    Args:
        image: (H, W, 3) RGB float32 in [0, 1].
        mask: (H, W) bool or float32 in [0, 1]; a difference counts where both its pixels do.

    Returns:
        The sum, 0 or more. It grows with the square of contrast, not with light that is added.
    """
    grey, mask = np.asarray(image, np.float32) @ _GREY, np.asarray(mask, np.float32)
    down = np.square(np.diff(grey, axis=0)) * mask[1:] * mask[:-1]
    across = np.square(np.diff(grey, axis=1)) * mask[:, 1:] * mask[:, :-1]
    return float(down.sum(dtype=np.float64) + across.sum(dtype=np.float64))


def score_clip(
    output: Iterable[np.ndarray],
    truth: Iterable[np.ndarray],
    target: Iterable[np.ndarray],
    points: np.ndarray,
    recognition: FaceRecognition | None = None,
) -> Gains:
    """Scores a swapped clip against the true swap.

    Args:
        output, truth, target: the frames, (H, W, 3) uint8 RGB, any iterable; read once, in step, one frame at a time.
            The output must not carry the visible label.
        points: (T, 5, 2) five points of the truth's face (the target's will do), in frame pixels; NaN where there is
            none. All three faces are cut out by these, so that a shifted face is seen to be shifted.
        recognition: the judge; None makes one.

    Returns:
        `Gains`.

    Raises:
        LabError: when the clips' lengths or sizes differ, a frame is not (H, W, 3) uint8, there is no frame, no frame
            has points, or truth and target are the same.
    """
    frames = (({"output": o}, t, a) for o, t, a in together(output=output, truth=truth, target=target))
    return score_frames(frames, points, recognition)["output"]


def score_frames(
    frames: Iterable[tuple[Mapping[str, np.ndarray], np.ndarray, np.ndarray]],
    points: np.ndarray,
    recognition: FaceRecognition | None = None,
) -> dict[str, Gains]:
    """Scores several outputs of one clip in one pass.

    Args:
        frames: for each frame the outputs by name, the truth, the target.
        points, recognition: as in `score_clip`.

    Returns:
        `Gains` by the outputs' names.

    Raises:
        LabError: as `score_clip`.
    """
    points = check_points(points)
    sigma = SIGMA * face_width(points)
    rows: dict[str, list[dict]] = {}
    structure: dict[str, np.ndarray] = {}
    judge = _Judge(recognition)
    count = 0
    for index, (outputs, truth, target) in enumerate(frames):
        count = index + 1
        if count > len(points):
            raise LabError(f"points: {len(points)} rows, but the clip goes on. Give one row of five points a frame.")
        given = {"target": target, **outputs}
        for name, frame in (("truth", truth), *given.items()):
            check_frame(name, frame, truth, index)
        for name, (errors, sums) in _frame_errors(given, truth, target, sigma).items():
            rows.setdefault(name, []).append(errors)
            structure[name] = structure.get(name, 0) + sums
        if np.isfinite(points[index]).all():
            judge.add(index, {"truth": truth, **given}, points[index])
    if not count or count != len(points):
        raise LabError(f"points: {len(points)} rows for a clip of {count} frames. Give one row of five points a frame.")
    for (index, name), distance in judge.finish().items():
        rows[name][index]["identity_error"] = distance
    correlation = {name: _correlation(sums) for name, sums in structure.items()}
    return {
        name: _gains(rows[name], rows["target"], correlation[name], correlation["target"])
        for name in rows
        if name != "target"
    }


class _Judge:
    """Collects chips until there are enough for a batch, and keeps only the distances to the truth."""

    def __init__(self, recognition: FaceRecognition | None):
        self.recognition = recognition or FaceRecognition()
        self.waiting: dict[tuple[int, str], np.ndarray] = {}
        self.distances: dict[tuple[int, str], float] = {}

    def add(self, index: int, frames: Mapping[str, np.ndarray], points: np.ndarray) -> None:
        self.waiting |= {(index, name): chip(frame, points) for name, frame in frames.items()}
        if len(self.waiting) >= CHIPS_AT_ONCE:
            self.finish()

    def finish(self) -> dict[tuple[int, str], float]:
        if self.waiting:
            numbers = self.recognition.embed(np.stack(list(self.waiting.values())))
            found = dict(zip(self.waiting, numbers, strict=True))
            for (index, name), embedding in found.items():
                if name != "truth":
                    self.distances[index, name] = float(np.linalg.norm(embedding - found[index, "truth"]))
            self.waiting = {}
        return self.distances


def _frame_errors(
    given: Mapping[str, np.ndarray], truth: np.ndarray, target: np.ndarray, sigma: float
) -> dict[str, tuple[dict[str, float], np.ndarray]]:
    """Of each given frame against the truth, over the pixels that differ: errors and edges, and sums for `_correlation`."""
    mask = different_pixels(truth, target)
    empty = {"different": float(mask.mean()), "identity_error": np.nan}
    if not mask.any():
        nothing = {"swap_error": 0.0, "pixel_error": 0.0, "edges": 0.0, "edges_truth": 0.0}
        return {name: ({**empty, **nothing}, np.zeros(6)) for name in given}
    margin = int(np.ceil(4 * sigma)) + 1  # as far as the gaussian looks
    window = tuple(
        slice(max(int(found[0]) - margin, 0), int(found[-1]) + margin + 1)
        for found in (np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0)))
    )
    inside = mask[window]
    mask = inside.astype(np.float32)
    wanted = truth[window].astype(np.float32) / 255
    structure, edges = local_contrast(wanted, sigma, mask), edge_energy(wanted, mask)
    found = {}
    for name, frame in given.items():
        picture = frame[window].astype(np.float32) / 255
        contrast = local_contrast(picture, sigma, mask)
        errors = {
            "swap_error": float((np.square(contrast - structure) * mask).sum()),
            "pixel_error": float((np.abs(picture - wanted).mean(axis=2) * mask).sum()),
            "edges": edge_energy(picture, mask),
            "edges_truth": edges,
        }
        x, y = contrast[inside].astype(np.float64), structure[inside].astype(np.float64)
        sums = np.array([len(x), x.sum(), y.sum(), (x * x).sum(), (y * y).sum(), (x * y).sum()])
        found[name] = {**empty, **errors}, sums
    return found


def _correlation(sums: np.ndarray) -> float:
    """Pearson's r from count, sums of x and y, of their squares and of their product; 0 where one does not vary."""
    count, x, y, xx, yy, xy = sums
    spread = (count * xx - x * x) * (count * yy - y * y)
    return float((count * xy - x * y) / np.sqrt(spread)) if spread > 1e-9 * max(count, 1) ** 2 else 0.0


def _gains(rows: list[dict], unchanged: list[dict], correlation: float, start_correlation: float) -> Gains:
    """The clip's gains and the table of its frames, from errors and correlations of an output and of the target."""
    table, reference = pd.DataFrame(rows), pd.DataFrame(unchanged)
    if not reference["pixel_error"].sum():
        raise LabError(
            "truth: it does not differ from the target in any frame, so there is nothing to gain. Check that the right "
            "two clips were given."
        )
    gains = {}
    for name in _MEASURES:
        error, start = table[f"{name}_error"], reference[f"{name}_error"]
        table[f"{name}_error_target"] = start
        table[f"{name}_gain"] = 1 - error / start.where(start > 0)
        gains[f"{name}_gain"] = float(1 - error.sum() / start.sum()) if start.sum() > 0 else float("nan")
    edges, wanted = table.pop("edges"), table.pop("edges_truth")
    table["sharpness"] = edges / wanted.where(wanted > 0)
    gains["sharpness"] = float(edges.sum() / wanted.sum()) if wanted.sum() > 0 else float("nan")
    room = 1 - start_correlation
    gains["structure_gain"] = (correlation - start_correlation) / room if room > 1e-9 else float("nan")
    table.insert(0, "frame", np.arange(len(table)))
    return Gains(**gains, table=table)
