"""How good is a swap? Three gains against the true swap, whose face it shows, and whether it follows the target.

A gain is 1 - error(output, truth) / error(target, truth): 0 for the untouched target, 1 for the true swap, below 0 for
something worse than doing nothing. Errors are summed over the clip before they are divided. They count only where truth
and target differ: where the mean difference of the three colours exceeds 12 of 255, more than a good video codec does.

- **swap_gain** compares local contrast (`local_contrast`), by its squared error: a tint earns nothing, a face without
  features up to 0.3.
- **identity_gain** compares what the evaluation network (`models.dlib_recognition`) sees in the face, by the L2 distance of
  its embeddings.
- **pixel_gain** compares plain colours, by their absolute error. A tint alone earns over half: never quote it alone.

Beside the three gains stand two looks at the same pixels, which no squared error gives:

- **structure_gain** compares local contrast by its correlation: a face without features earns nothing, where swap_gain
  prefers it to the wrong features.
- **sharpness** is the energy of the edges relative to the truth's: 1 is as sharp, below 1 blurred, above 1 noisy.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from faceswap_lab.base.errors import LabError
from faceswap_lab.metrics.catalogue import Score, gain_of, ratio_of, value_of
from faceswap_lab.metrics.contrast import different_pixels, edge_energy, local_contrast, window_around
from faceswap_lab.metrics.frame_samples import FrameSample, Picture, measure_clips
from faceswap_lab.metrics.recognition_features import Recogniser, distance
from faceswap_lab.metrics.weighting import Weighted, correlation_of_sums
from faceswap_lab.models.dlib_recognition import FaceRecognition

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
            the truth. Noise and a hard seam count as edges, so above 1 is no better than below.
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


_SUMS = ("count", "x", "y", "xx", "yy", "xy")  # of Pearson's r, see `weighting.correlation_of_sums`


class _Reference:
    """What truth and target of a moment say, found once for all outputs that are compared with them."""

    def __init__(self, sample: FrameSample):
        truth, target = sample.known_truth.image, sample.target.image
        mask = different_pixels(truth, target)
        self.share, self.sigma, self.target = float(mask.mean()), SIGMA * sample.width, target
        self.window = None
        if not mask.any():
            return
        self.window = window_around(mask, int(np.ceil(4 * self.sigma)) + 1)  # as far as the gaussian looks
        self.inside = mask[self.window]
        self.mask = self.inside.astype(np.float32)
        self.wanted = truth[self.window].astype(np.float32) / 255
        self.structure = local_contrast(self.wanted, self.sigma, self.mask)
        self.edges = edge_energy(self.wanted, self.mask)

    @cached_property
    def start(self) -> dict[str, float]:
        """The errors of the unchanged target."""
        return self.errors(self.target)

    def errors(self, image: np.ndarray) -> dict[str, float]:
        """A frame against the truth, over the pixels that differ: errors, edges, and sums for the correlation."""
        if self.window is None:
            return dict.fromkeys(("swap_error", "pixel_error", "edges", *_SUMS), 0.0)
        picture = image[self.window].astype(np.float32) / 255
        contrast = local_contrast(picture, self.sigma, self.mask)
        x, y = contrast[self.inside].astype(np.float64), self.structure[self.inside].astype(np.float64)
        return {
            "swap_error": float((np.square(contrast - self.structure) * self.mask).sum()),
            "pixel_error": float((np.abs(picture - self.wanted).mean(axis=2) * self.mask).sum()),
            "edges": edge_energy(picture, self.mask),
            **dict(zip(_SUMS, (len(x), x.sum(), y.sum(), (x * x).sum(), (y * y).sum(), (x * y).sum()), strict=True)),
        }


_references: weakref.WeakKeyDictionary[Picture, _Reference] = weakref.WeakKeyDictionary()


def _reference(sample: FrameSample) -> _Reference:
    known = _references.get(sample.known_truth)
    if known is None or known.target is not sample.target.image:
        known = _references[sample.known_truth] = _Reference(sample)
    return known


def _structure_gain(sums: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The gain in correlation, over all pixels of the chosen frames: of the output's `_SUMS`, then the target's."""
    both = [(weights @ part).T for part in np.split(sums, 2, axis=1)]
    reached, start = (correlation_of_sums(*part, least=1e-6) for part in both)
    room = 1 - start
    return np.where(room > 1e-9, (reached - start) / np.where(room > 1e-9, room, 1), np.nan)


def _gain_score(name: str, title: str, meaning: str, of=None) -> Score:
    of = of or gain_of(f"{name}_error", f"{name}_error_target")
    return Score(f"{name}_gain", title, meaning, "higher", (-np.inf, 1), of, needs=("truth",))


class GainMeasure:
    """The three gains, structure gain and sharpness of an output; see the top of this module.

    Args:
        recogniser: shared by the measures of a pass; None makes one.
    """

    SCORES: tuple[Score, ...] = (
        _gain_score(
            "swap", "swap gain",
            "How much of the way from the untouched target (0) to the true swap (1), judged by local contrast: "
            "a tint earns nothing; a face without features up to 0.3, so look, too.",
        ),
        _gain_score(
            "identity", "identity gain",
            "The same way, judged by the features of a face recognition network that took no part in training.",
        ),
        _gain_score(
            "pixel", "pixel gain",
            "The same way in plain colours. A tint alone earns much of it, so it is never read alone.",
        ),
        _gain_score(
            "structure", "structure gain",
            "The same way, judged by how local contrast goes along with the truth's: a face without features earns nothing.",
            Weighted(_structure_gain, [f"structure_{name}{end}" for end in ("", "_target") for name in _SUMS]),
        ),
        Score(
            "sharpness", "sharpness",
            "Energy of the edges relative to the truth's: 1 is as sharp, less is blurred, more is noise or a seam.",
            "one", (0, np.inf), ratio_of("sharpness_edges", "sharpness_edges_truth"), needs=("truth",),
        ),
    )  # fmt: skip

    def __init__(self, recogniser: Recogniser | None = None):
        self.scores, self.recogniser = self.SCORES, recogniser or Recogniser()
        self.rows: list[dict[str, float]] = []
        self.embeddings: list[tuple] = []

    def add(self, sample: FrameSample) -> None:
        """Looks at a sample whose truth is known."""
        reference = _reference(sample)
        found, start = reference.errors(sample.output.image), reference.start
        row = {"different": reference.share}
        for name in ("swap_error", "pixel_error"):
            row |= {name: found[name], f"{name}_target": start[name]}
        row |= {f"structure_{name}": found[name] for name in _SUMS}
        row |= {f"structure_{name}_target": start[name] for name in _SUMS}
        row |= {"sharpness_edges": found["edges"]}
        row |= {"sharpness_edges_truth": 0.0 if reference.window is None else reference.edges}
        self.rows.append(row)
        pictures = sample.output, sample.target, sample.known_truth
        self.embeddings.append(tuple(map(self.recogniser.ask, pictures)))

    def table(self) -> pd.DataFrame:
        """One row a sample: the errors of output and target, and what correlation and sharpness are made of.

        `different` is the share of the pixels that differ.
        """
        table = pd.DataFrame(self.rows)
        table["identity_error"] = [distance(output, truth) for output, _, truth in self.embeddings]
        table["identity_error_target"] = [distance(target, truth) for _, target, truth in self.embeddings]
        return table


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
        recognition: the evaluation network; None makes one.

    Returns:
        `Gains`.

    Raises:
        LabError: when the clips' lengths or sizes differ, a frame is not (H, W, 3) uint8, there is no frame, no frame
            has points, or truth and target are the same.

    Example:
        >>> truth = next(lab.open_video(lab.clip("truth_A_from_B").path).frames()).image
        >>> points = lab.FaceDetector().detect([frame])[0].points
        >>> [lab.score_clip([image], [truth], [frame], points).swap_gain for image in (frame, truth)]
        [0.0, 1.0]
    """
    return score_clips({"output": output}, truth, target, points, recognition)["output"]


def score_clips(
    outputs: Mapping[str, Iterable[np.ndarray]],
    truth: Iterable[np.ndarray],
    target: Iterable[np.ndarray],
    points: np.ndarray,
    recognition: FaceRecognition | None = None,
) -> dict[str, Gains]:
    """Scores several outputs of one clip in one pass: `Gains` by their names; arguments and errors as in `score_clip`."""
    recogniser = Recogniser(recognition)
    made = measure_clips(outputs, target, points, lambda name: [GainMeasure(recogniser)], truth, _no_finder)
    return {name: _gains(table) for name, (_, table) in made.items()}


def _no_finder(*_):
    """The gains need no landmarks."""


def _gains(table: pd.DataFrame) -> Gains:
    """The clip's numbers, and the table with each frame's own."""
    if not table["pixel_error_target"].sum():
        raise LabError(
            "truth: it does not differ from the target in any frame, so there is nothing to gain. Check that the right "
            "two clips were given."
        )
    numbers = value_of(GainMeasure.SCORES, table)
    for name in _MEASURES:
        start = table[f"{name}_error_target"]
        table[f"{name}_gain"] = 1 - table[f"{name}_error"] / start.where(start > 0)
    edges = table["sharpness_edges_truth"]
    table["sharpness"] = table["sharpness_edges"] / edges.where(edges > 0)
    return Gains(**numbers, table=table)
