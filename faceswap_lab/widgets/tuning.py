"""Tuning by eye: every option of a frame's swap beside the picture that it makes, and a file that keeps the choice.

The model generates each shown frame once; a moved slider only composes anew what it generated. The file that "save settings"
writes is read by notebook 05, by `convert --settings` and by a run through papermill.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

import cv2
import ipywidgets as widgets
import numpy as np

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import _
from faceswap_lab.swap import blending, options, swapping
from faceswap_lab.swap.options import ConversionOptions, SwapOptions
from faceswap_lab.swap.swapping import Swap, SwapFunction
from faceswap_lab.video.pictures import coded_picture
from faceswap_lab.widgets.showing import Picture, Telling, explain
from faceswap_lab.widgets.training_panel import somebody_watches
from faceswap_lab.widgets.tuning_frames import TuningFrame

VIEWS = ("wipe", "fade", "all blends")
CHOICES = {
    "blend": options.BLENDS,
    "colour": options.COLOURS,
    "mask": options.MASKS,
    "sharpen": options.SHARPENS,
    "enlarge": options.ENLARGES,
}
RANGES = {  # least, most, step: what is sensible to try; a file's value beyond it widens the slider
    "erode": (-10.0, 20.0, 0.5),
    "forehead": (0.0, 20.0, 0.5),
    "blur": (0.0, 15.0, 0.5),
    "feather": (0.0, 30.0, 0.5),
    "amount": (0.0, 3.0, 0.05),
    "coverage": (0.7, 1.3, 0.02),
}
TOLD = options.descriptions(SwapOptions)  # what a control's tooltip says
LEAST = 380  # pixels: a narrower picture goes above the controls rather than beside them
ROOM = 0.08  # of the face's square, shown around it in the close-up
_MASK_COLOUR, _VEIL = (255, 60, 160), 0.35


class TuningPanel(Telling):
    """Shows a swap beside its options, and writes the options that are chosen to a file.

    Without a browser at the other end it does the same: set a widget's `value`, call a button's `click()`. A cell that is
    executed with nobody watching (papermill, nbconvert) shows the picture alone and goes on.

    Args:
        frames: what to look at, see `tuning_frames.choose_frames`.
        swap_function: the model as a function, as for a conversion.
        path: the settings file; what it holds is where the panel begins.
        settings: where it begins when there is no such file yet; None: the lab's defaults. Fields that belong to the video
            rather than to a frame are kept and written as they are.
        side: of the shown picture, in pixels.

    Attributes:
        widget: all of it, an ipywidgets box.
        controls: a dropdown or a slider for each option of a frame, by its name.
        frame, view, position, close_up, show_mask: what is looked at, and how.
        save_button, reset_button: the buttons; errors are shown in `message`.
        image: the picture, an ipywidgets Image.

    Raises:
        LabError: when there is no frame, or the file holds no settings.
    """

    def __init__(
        self,
        frames: Sequence[TuningFrame],
        swap_function: SwapFunction,
        path: str | os.PathLike,
        settings: ConversionOptions | None = None,
        side: int = 560,
    ):
        if not frames:
            raise LabError("frames: there is no frame to tune on. Choose at least one with a face.")
        self.frames, self.path, self.side = list(frames), Path(path), side
        self._defaults = settings or ConversionOptions()
        self._begun = ConversionOptions.read(self.path) if self.path.exists() else self._defaults
        self._swap_function = _Remembering(swap_function)
        self._quiet = False
        self._build()
        self._show()

    @property
    def settings(self) -> ConversionOptions:
        """What is chosen now; a browser's 12.000000000000004 is 12."""
        chosen = {name: control.value for name, control in self.controls.items()}
        chosen |= {name: round(value, 4) for name, value in chosen.items() if isinstance(value, float)}
        return dataclasses.replace(self._begun, **chosen)

    def save(self) -> None:
        """Writes the settings file."""
        files.make_folder(self.path.parent)
        self.settings.write(self.path)
        self._say(_("Saved to {file}. A conversion of this run now uses these settings.").format(file=self.path))

    def reset(self) -> None:
        """Puts every control back to the lab's defaults; the file stays as it is until it is saved."""
        self._quiet = True
        try:
            for name, control in self.controls.items():
                control.value = getattr(self._defaults, name)
        finally:
            self._quiet = False
        self._show()

    def render(self) -> np.ndarray:
        """The shown picture, (H, W, 3) uint8 RGB."""
        frame, chosen = self.frames[self.frame.value], self.settings
        if self.view.value == "all blends":
            swaps = {name: self._swapped(frame, dataclasses.replace(chosen, blend=name)) for name in options.BLENDS}
            return _sheet({name: self._cut(picture, frame, self.side // 2) for name, picture in swaps.items()}, 2)
        before, after = (self._cut(picture, frame, self.side) for picture in (frame.image, self._swapped(frame, chosen)))
        share = self.position.value / 100
        if self.view.value == "fade":
            return np.rint(before + share * (after.astype(np.float32) - before)).astype(np.uint8)
        edge = round(share * before.shape[1])
        picture = np.concatenate([after[:, :edge], before[:, edge:]], axis=1)
        if 0 < edge < picture.shape[1]:
            picture[:, max(0, edge - 1) : edge + 1] = 255
        if edge > 60:
            _write(picture, "swap", 8)
        if picture.shape[1] - edge > 80:
            _write(picture, "target", picture.shape[1] - 66)
        return picture

    def _ipython_display_(self) -> None:
        from IPython.display import display

        words = _("the swap with these settings")
        display(self.widget if somebody_watches() else Picture(self.image.value, words))

    # -- building ------------------------------------------------------------------------------------------------
    def _build(self) -> None:
        wide, narrow = {"width": "320px"}, {"description_width": "74px"}
        self.controls = {}
        for entry in dataclasses.fields(SwapOptions):
            value = getattr(self._begun, entry.name)
            common = {"description": entry.name, "layout": wide, "style": narrow}
            if entry.name in CHOICES:
                self.controls[entry.name] = widgets.Dropdown(options=CHOICES[entry.name], value=value, **common)
            else:
                low, high, step = RANGES.get(entry.name, (0.0, 25.0, 0.5))
                reach = {"min": min(low, value), "max": max(high, value), "step": step}
                self.controls[entry.name] = widgets.FloatSlider(
                    value=value, readout_format=".2f" if step < 0.1 else ".1f", **reach, **common
                )
            explain(self.controls[entry.name], _(TOLD[entry.name]))
        names = [(frame.name, place) for place, frame in enumerate(self.frames)]
        self.frame = widgets.Dropdown(options=names, value=0, description=_("look at"), layout=wide, style=narrow)
        views = [(_(view), view) for view in VIEWS]
        self.view = widgets.ToggleButtons(options=views, value="wipe", style={"button_width": "98px"})
        self.position = widgets.FloatSlider(
            value=50, min=0, max=100, step=1, readout=False, layout={"width": "auto"}, description=""
        )
        self.close_up = widgets.Checkbox(value=True, description=_("close-up"), indent=False, layout={"width": "150px"})
        self.show_mask = widgets.Checkbox(
            value=False, description=_("show the mask"), indent=False, layout={"width": "150px"}
        )
        self.save_button = widgets.Button(description=_("Save settings"), icon="save", button_style="primary")
        self.reset_button = widgets.Button(description=_("Lab's defaults"), icon="undo")
        self.image, self.message = widgets.Image(format="png", layout={"width": "100%", "margin": "0"}), widgets.HTML()
        parts = {
            "": [self.frame, self.view, widgets.HBox([self.close_up, self.show_mask])],
            _("Blending"): ["blend", "colour"],
            _("Mask, per cent of the face's side"): ["mask", "erode", "forehead", "blur", "feather"],
            _("The generated face"): ["sharpen", "amount", "enlarge", "coverage"],
        }
        placed = [name for names in parts.values() for name in names if isinstance(name, str)]
        parts[_("More")] = [name for name in self.controls if name not in placed]
        column = []
        for title, names in parts.items():
            shown = [self.controls[name] if isinstance(name, str) else name for name in names if self._is_there(name)]
            head = [widgets.HTML(f"<b>{title}</b>", layout={"margin": "6px 0 0 0"})] if title and shown else []
            column += [*head, *shown]
        column += [widgets.HBox([self.save_button, self.reset_button], layout={"margin": "10px 0 0 0"}), self.message]
        # In a narrow window the picture shrinks before the controls go below it, where one would not see what they do.
        flexible = {"flex": f"1 1 {min(self.side, LEAST)}px", "max_width": f"{self.side}px", "margin": "0 18px 0 0"}
        picture = widgets.VBox([self.image, self.position], layout=flexible)
        self.widget = widgets.HBox(
            [picture, widgets.VBox(column, layout={"width": "350px"})], layout={"flex_flow": "row wrap"}
        )
        self.widget.add_class("faceswap-tuning")
        for control in [*self.controls.values(), self.frame, self.view, self.position, self.close_up, self.show_mask]:
            control.observe(lambda change: self._safely(self._show), "value")
        self.save_button.on_click(lambda clicked: self._safely(self.save))
        self.reset_button.on_click(lambda clicked: self._safely(self.reset))

    def _is_there(self, name) -> bool:
        return not isinstance(name, str) or name in self.controls

    # -- drawing -------------------------------------------------------------------------------------------------
    def _show(self) -> None:
        if self._quiet:
            return
        square = self.controls["blend"].value == "direct" and self.view.value != "all blends"
        for name in ("mask", "erode", "forehead", "blur", "feather"):
            if name in self.controls:
                self.controls[name].disabled = square
        self.controls["amount"].disabled = self.controls["sharpen"].value == "none"
        self.position.disabled = self.view.value == "all blends"
        self.image.value = coded_picture(self.render(), ".png")

    def _swapped(self, frame: TuningFrame, chosen: ConversionOptions) -> np.ndarray:
        swap = swapping.prepare_for(self._swap_function, frame.image, frame.matrix, frame.mask, chosen)
        swapping.generate([swap], self._swap_function, chosen)
        swapped = swapping.finish(frame.image, swap, chosen)
        return _tinted(swapped, swap, chosen.blend) if self.show_mask.value else swapped

    def _cut(self, picture: np.ndarray, frame: TuningFrame, side: int) -> np.ndarray:
        """The face with some room around it, or the whole frame, at most `side` pixels wide."""
        if self.close_up.value:
            room = ROOM * 256
            grown = np.array([[1, 0, room], [0, 1, room]]) @ np.vstack([frame.matrix, [0, 0, 1]])
            window = blending.face_window(picture.shape, grown, round(256 + 2 * room))
            picture = picture if window is None else picture[window]
        scale = side / picture.shape[1]
        size = (side, max(1, round(picture.shape[0] * scale)))
        return cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)


class _Remembering:
    """A swap function that asks the model only for faces that it has not generated yet.

    Args:
        swap_function: the model's.
    """

    def __init__(self, swap_function: SwapFunction):
        self._function, self.size = swap_function, swapping.model_size(swap_function)
        self.name = getattr(swap_function, "name", "unnamed")
        self.base = getattr(swap_function, "base", None)
        self._known: dict[bytes, tuple[np.ndarray, np.ndarray]] = {}

    def __call__(self, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        key = faces.tobytes()
        if key not in self._known:
            self._known[key] = self._function(faces)
        return self._known[key]


def _tinted(picture: np.ndarray, swap: Swap, blend: str) -> np.ndarray:
    """A frame with a veil of colour where the mask counts."""
    mask = np.ones_like(swap.mask) if blend == "direct" else swap.mask
    weight = _VEIL * blending.place_mask(picture.shape, mask, swap.matrix)[..., None]
    return np.rint(picture + weight * (np.array(_MASK_COLOUR, np.float32) - picture)).astype(np.uint8)


def _sheet(pictures: dict[str, np.ndarray], columns: int) -> np.ndarray:
    """Pictures of one size in rows, each with its name."""
    named = [_write(picture, name, 8) for name, picture in pictures.items()]
    named += [np.full_like(named[0], 255)] * (-len(named) % columns)
    return np.vstack([np.hstack(named[first : first + columns]) for first in range(0, len(named), columns)])


def _write(picture: np.ndarray, text: str, left: int) -> np.ndarray:
    """Writes a word into a picture's upper part, white on a dark ground; OpenCV's letters are English ones."""
    (width, height), baseline = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.5, 1)
    cv2.rectangle(picture, (left - 4, 6), (left + width + 4, 14 + height), (30, 30, 30), -1)
    cv2.putText(picture, text, (left, 10 + height), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1, cv2.LINE_AA)
    return picture
