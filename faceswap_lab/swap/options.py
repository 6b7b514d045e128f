"""What can be chosen in a conversion: one frozen list of names and numbers, that a file can hold."""

from __future__ import annotations

import dataclasses
import inspect
import os
import re
from dataclasses import dataclass

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError, check_number

BLENDS = ("direct", "mask", "seamless", "laplacian")
COLOURS = ("none", "mean", "mean_std", "histogram", "linear", "sot")
MASKS = ("rect", "hull", "hull+rect", "alpha", "alpha+hull", "hull+seen", "alpha+seen")
SHARPENS = ("none", "box", "gaussian")
ENLARGES = ("linear", "cubic", "lanczos")
SMOOTHINGS = {"off": 0.0, "light": 1.5, "strong": 3.0}  # standard deviation in frames
OUTPUTS = ("swap", "target+swap", "target+swap+mask", "difference")
RESTS = ("keep", "drop")
SETTINGS_FILE = "conversion_settings.json"  # in a run's folder: what was chosen by eye, see `widgets.tuning`


def check_name(parameter: str, value: str, known) -> None:
    """Refuses an unknown choice by a `LabError` that lists the known ones."""
    if value not in known:
        raise LabError(f"{parameter}: there is no {value!r}. Choose one of: {', '.join(known)}.")


def descriptions(options: type) -> dict[str, str]:
    """What a dataclass's docstring, or its parents', says of each field, without pointers into the code."""
    found: dict[str, str] = {}
    for each in reversed(options.__mro__):
        listed = re.split(r"\n(?=\S)", inspect.cleandoc(each.__doc__ or "").partition("Args:\n")[2])[0]
        for names, words in re.findall(r"^    ([\w, ]+): (.*(?:\n {5,}.*)*)", listed, re.M):
            plain = re.sub(r", see `[^`]*`", "", " ".join(words.split()))
            found |= dict.fromkeys(names.split(", "), plain)
    return found


@dataclass(frozen=True)
class SwapOptions:
    """How a generated face comes into the frame.

    The defaults were found by a search against the true swap, for the quick models in both directions
    (`benchmarks/conversion_options.py`): on talk_A, FaceSwap-GAN earns a swap_gain of 0.44 with them, put onto the target, and of
    0.35 with a narrow mask overlay (erode 2, no forehead, colour "mean", nothing sharpened).

    Args:
        blend: "direct" (the whole square), "mask" (mixed by the soft mask), "seamless" (its gradients) or "laplacian" (each
            size of detail mixed over an edge of its own width).
        colour: "none" (the model's own, in a video made steady over time), or those of what the face is put onto: "mean" (the
            average colour), "mean_std" (CIE L*a*b* mean and deviation), "histogram", "linear" (the whole covariance,
            Monge-Kantorovich) or "sot" (sliced optimal transport).
        mask: "rect" (the square, drawn in), "hull" (the face's outline), "alpha" (the model's own), or two of them
            multiplied: "hull+rect", "alpha+hull"; "hull+seen" and "alpha+seen" leave out hands and other things before the
            face (`models.occlusion`).
        erode: how far the mask is drawn in, per cent of the square's side; negative lets it grow.
        forehead: how much further it is drawn in above the brows, per cent of the side: a mask that earns its width at
            cheeks and chin would put the source's hair on the target's forehead.
        blur: standard deviation of a gaussian over the mask, per cent of the side; spreads to both sides.
        feather: width of the soft edge, per cent of the side; spreads inwards only.
        sharpen: "none", "box" or "gaussian": unsharp masking of the generated face by that filter.
        amount: of the sharpening; 1 adds as much as the filter took away.
        enlarge: the filter by which the generated face is brought to the frame's scale: "linear", "cubic" or "lanczos".
        coverage: share of the trained square that the model is shown, 1 as in training. Less shows it a closer crop.

    Raises:
        LabError: for a name that there is none of, with those there are, or a number out of range.

    Example:
        >>> lab.SwapOptions(blend="seamless").blend
        'seamless'
    """

    blend: str = "laplacian"
    colour: str = "mean_std"
    mask: str = "hull+seen"
    erode: float = -3.0
    forehead: float = 7.0
    blur: float = 0.0
    feather: float = 6.0
    sharpen: str = "gaussian"
    amount: float = 0.75
    enlarge: str = "cubic"
    coverage: float = 1.0

    def __post_init__(self):
        check_name("blend", self.blend, BLENDS)
        check_name("colour", self.colour, COLOURS)
        check_name("mask", self.mask, MASKS)
        check_name("sharpen", self.sharpen, SHARPENS)
        check_name("enlarge", self.enlarge, ENLARGES)
        check_number("erode", self.erode, -25, 25, "per cent of the face's side")
        check_number("forehead", self.forehead, 0, 25, "per cent of the face's side")
        check_number("blur", self.blur, 0, 25, "per cent of the face's side")
        check_number("feather", self.feather, 0, 50, "per cent of the face's side")
        check_number("amount", self.amount, 0, 4, "a share")
        check_number("coverage", self.coverage, 0.5, 1.5, "a share of the trained square")


@dataclass(frozen=True)
class ConversionOptions(SwapOptions):
    """How a whole video is converted: `SwapOptions`, and what belongs to time and to the video.

    Args:
        smoothing: over time: "off", "light" or "strong" (standard deviations of 0, 1.5 and 3 frames), of the transforms;
            twice that for colour statistics, two thirds for alpha.
        live: smooth by earlier frames only, as a stream must; a little lag, and nothing to wait for.
        bridge: longest gap, in frames, over which a face that the detector missed is carried on; 0 switches it off.
        smallest: px; faces whose box is lower than this in the frame are left as they are.
        output: "swap", "target+swap", "target+swap+mask" or "difference".
        rest: frames outside the chosen ranges: "keep" (unchanged) or "drop".
        crf: quality of libx264, 0 (best) to 51.
    """

    smoothing: str = "light"
    live: bool = False
    bridge: int = 3
    smallest: float = 0.0
    output: str = "swap"
    rest: str = "drop"
    crf: int = 15

    def __post_init__(self):
        super().__post_init__()
        check_name("smoothing", self.smoothing, SMOOTHINGS)
        check_name("output", self.output, OUTPUTS)
        check_name("rest", self.rest, RESTS)
        if not isinstance(self.live, bool):
            raise LabError(f"live: {self.live!r} cannot be used. Give true or false.")
        check_number("bridge", self.bridge, 0, 100, "a number of frames", whole=True)
        check_number("smallest", self.smallest, 0, 1e5, "pixels")
        check_number("crf", self.crf, 0, 51, "libx264's quality", whole=True)

    @property
    def strength(self) -> float:
        """Of the smoothing: a standard deviation in frames, 0 for none."""
        return SMOOTHINGS[self.smoothing]

    @classmethod
    def read(cls, path: str | os.PathLike, **choices) -> ConversionOptions:
        """Reads what `write` wrote; a field that the file does not name has its default.

        Args:
            path: a JSON file.
            choices: fields that count more than the file's.

        Raises:
            LabError: when the file is missing, no JSON object, or names a field or value that there is none of.
        """
        found = files.read_json(path)
        if not isinstance(found, dict):
            raise LabError(f"{path}: this is no list of settings. Delete it, or write it again with the tuning panel.")
        known = [field.name for field in dataclasses.fields(cls)]
        if unknown := [name for name in found if name not in known]:
            raise LabError(f"{path}: there is no setting {', '.join(unknown)}. Choose from: {', '.join(known)}.")
        try:
            return cls(**{**found, **choices})
        except LabError as error:
            raise LabError(f"{path}: {error}") from error

    def write(self, path: str | os.PathLike) -> None:
        """Writes all fields as JSON, whole or not at all."""
        files.write_json(path, dataclasses.asdict(self))
