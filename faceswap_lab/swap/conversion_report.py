"""What a conversion did, in numbers and in plain sentences."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import _, english, ngettext, retold
from faceswap_lab.faces.faceset import FaceSet
from faceswap_lab.swap import blending, doctor
from faceswap_lab.swap.options import SwapOptions
from faceswap_lab.swap.pairing import CUT_OFF, MOST_OUTSIDE, FaceTrack
from faceswap_lab.swap.parts import Tally
from faceswap_lab.swap.swapping import Swap, SwapFunction


@dataclass
class ConversionReport:
    """What a conversion did.

    Args:
        output: what was written.
        frames: frames read and written.
        swapped: of these, with a face put in.
        bridged: of the swapped ones, those where the detector had missed the face: its place was reckoned from the
            frames before and after.
        left: why frames were passed through unchanged -> how many: "no face", "too small", "deleted",
            "cut off by the edge", "outside the range".
        mean_change: mean absolute difference from the target inside the face's outline, in levels of 255.
        alpha_mean: the model's mean alpha inside the outline, 0 to 1.
        seconds: wall time; of the last run, where one was stopped.
        resumed: frames that an earlier, stopped run had finished.
        options: what was asked for.
        watermark: the number in its frames, six hexadecimal digits; "" where none was put in.
        warnings: what a person should know, in plain sentences.
    """

    output: str
    frames: int = 0
    swapped: int = 0
    bridged: int = 0
    left: dict[str, int] = field(default_factory=dict)
    mean_change: float = 0.0
    alpha_mean: float = 0.0
    seconds: float = 0.0
    resumed: int = 0
    options: dict = field(default_factory=dict)
    watermark: str = ""
    warnings: list[str] = field(default_factory=list)

    @property
    def without_face(self) -> int:
        """Frames that were passed through unchanged, for whatever reason."""
        return self.frames - self.swapped

    def count(self, tally: Tally) -> None:
        """Takes over the numbers of a tally."""
        self.frames, self.swapped, self.bridged = tally.frames, tally.swapped, tally.bridged
        self.left = dict(tally.left)
        self.mean_change = tally.change / max(tally.pixels, 1e-6)
        self.alpha_mean = tally.alpha / max(tally.area, 1e-6)

    def summary(self) -> str:
        """What was done, for people: a few lines."""
        lines = [
            ngettext(
                "{output}: {swapped} of {count} frame swapped in {seconds:.1f} s",
                "{output}: {swapped} of {count} frames swapped in {seconds:.1f} s",
                self.frames,
            ).format(output=self.output, swapped=self.swapped, count=self.frames, seconds=self.seconds)
        ]
        if self.resumed:
            finished = ngettext(
                "{count} frame had been finished by an earlier run",
                "{count} frames had been finished by an earlier run",
                self.resumed,
            )
            lines.append("  " + finished.format(count=self.resumed))
        if self.bridged:
            missed = ngettext(
                "{count} of the faces had been missed by the detector, and was bridged",
                "{count} of the faces had been missed by the detector, and were bridged",
                self.bridged,
            )
            lines.append("  " + missed.format(count=self.bridged))
        if self.left:
            reasons = ", ".join(f"{_(why)} {count}" for why, count in sorted(self.left.items()))
            lines.append("  " + _("passed through unchanged: {reasons}").format(reasons=reasons))
        if self.swapped:
            inside = _("inside the face: mean change {change} of 255, mean alpha {alpha}")
            lines.append("  " + inside.format(change=f"{self.mean_change:.1f}", alpha=f"{self.alpha_mean:.2f}"))
        if self.watermark and self.swapped:
            lines.append("  " + _("watermark {number} in every swapped frame").format(number=self.watermark))
        notes = ("  " + _("note: {sentence}").format(sentence=retold(sentence)) for sentence in self.warnings)
        return "\n".join([*lines, *notes])

    def write(self, path: Path) -> None:
        """Writes all of it as JSON."""
        files.write_json(path, dataclasses.asdict(self) | {"without_face": self.without_face})


def report_path(out: Path) -> Path:
    """Where the report of an output lies: swap.mp4 has swap.conversion.json beside it."""
    return out.with_name(f"{out.stem}.conversion.json")


def measured(before: np.ndarray, after: np.ndarray, swap: Swap) -> Tally:
    """One swapped frame's numbers, over its face's outline: (H, W, 3) uint8 RGB before and after."""
    tally = Tally(frames=1, swapped=1)
    part = blending.support(swap.region)
    window = blending.face_window(before.shape, swap.matrix, swap.region.shape[0], part)
    if window is not None:
        outline = blending.put_back(swap.region, swap.matrix, window, 0.0)
        change = cv2.absdiff(after[window], before[window])
        # No product of matrices: its threads would wait busily on cores that the other steps need.
        tally.change = sum(cv2.sumElems(cv2.multiply(change, cv2.merge([outline] * 3), dtype=cv2.CV_32F))) / 3
        tally.pixels = float(outline.sum())
    tally.alpha = float((swap.region * swap.alpha).sum())
    tally.area = float(swap.region.sum())
    return tally


def findings(
    report: ConversionReport,
    track: FaceTrack,
    faceset: FaceSet,
    expected: int,
    swap_function: SwapFunction,
    options: SwapOptions,
    batch_size: int,
) -> list[str]:
    """What went wrong without being an error: sentences that say what to do.

    Args:
        report: with its numbers filled in.
        track, faceset: whose faces were swapped.
        expected: frames that the video was thought to have.
        swap_function, options, batch_size: that made it; a few faces are generated again for `doctor.examine_set`, so that a
            conversion that was stopped in between is told the same.
    """
    found: list[str] = []
    if cut := report.left.get(CUT_OFF):
        found.append(
            english(
                "Faces of which more than {share:.0%} lies outside of the frame were left as they are (frames: {count}): a model "
                "sees too little of them.",
                share=MOST_OUTSIDE, count=cut,
            )
        )  # fmt: skip
    if not report.swapped:
        why = (
            english("All its faces there are smaller than the least size: lower smallest.")
            if set(report.left) == {"too small"}
            else english("Choose another time range or person, or extract the faces again.")
        )
        nothing = english(
            "{output}: no frame was changed. The face set {folder} has no face to swap in this part of the clip.",
            output=report.output, folder=faceset.folder,
        )  # fmt: skip
        return [f"{nothing} {why}", *found]
    missing = sum(count for why, count in report.left.items() if why in ("no face", "deleted"))
    rows = [row for row in track.rows.values() if not track.bridged[row]]
    faces = track.faces.subset(track.pictures[rows])
    if len(faces):  # a range may hold bridged frames only
        seen = report.frames, report.frames - missing
        try:
            found += map(str, doctor.examine_set(faces, swap_function, options, *seen, batch_size))
        except LabError as error:  # somebody cleaned the set meanwhile: what was made is there, and is reported
            found.append(str(error))
    if track.without_outline:
        found.append(
            english(
                "Faces without an outline (the landmarks found none): {count}. There the whole soft square was used.",
                count=track.without_outline,
            )
        )
    if report.frames < expected - 1:
        found.append(
            english(
                "Only {frames} of {expected} frames could be read: the clip is damaged or cut off. What is there was "
                "converted, with its part of the sound.",
                frames=report.frames, expected=expected,
            )
        )  # fmt: skip
    return found
