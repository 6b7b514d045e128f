"""Pictures of a score card: faces cut out, heat maps of the error with their legend, curves over time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from faceswap_lab.base import files
from faceswap_lab.base.messages import _
from faceswap_lab.course.report.pictures import GREY, style_axes
from faceswap_lab.video.pictures import resized

SIDE = 256  # px of a cut-out
REACH = 0.62  # half the cut-out's side, per `face_width`
HOTTEST = 64  # levels of 255: from this difference on a heat map is at its end
COLOURS = cv2.COLORMAP_INFERNO
MOST_CURVES = 9


def cut_out(image: np.ndarray, points: np.ndarray, width: float, side: int = SIDE) -> np.ndarray:
    """The square around a face, (side, side, 3) uint8 RGB; the frame's middle where there is no face.

    Args:
        image: (H, W, 3) uint8 RGB.
        points: (5, 2) in pixels, NaN where there is no face.
        width: of the clip's faces, see `scores.face_width`.
        side: of the result.
    """
    height, wide = image.shape[:2]
    seen = np.isfinite(points).all()
    middle = points.mean(axis=0) if seen else np.array([wide / 2, height / 2])
    half = min(REACH * width, min(height, wide) / 2) if seen else min(height, wide) / 2
    middle = np.clip(middle, half, np.array([wide, height]) - half)
    x0, y0 = np.floor(middle - half).astype(int).clip(0)
    wide = max(1, round(2 * half))
    return resized(image[y0 : y0 + wide, x0 : x0 + wide], (side, side))


def heat(image: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Where two pictures differ: black is nowhere, yellow is `HOTTEST` levels or more, mean over the three colours.

    Args:
        image, other: (H, W, 3) uint8 RGB.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    apart = cv2.absdiff(image, other).astype(np.float32).mean(axis=2)
    level = np.clip(np.round(apart * (255 / HOTTEST)), 0, 255).astype(np.uint8)
    return cv2.cvtColor(cv2.applyColorMap(level, COLOURS), cv2.COLOR_BGR2RGB)


def legend_picture(picture: Path, what: str) -> None:
    """The heat maps' colours with their levels, as a PNG without background."""
    from matplotlib.figure import Figure

    ramp = cv2.cvtColor(cv2.applyColorMap(np.arange(256, dtype=np.uint8)[None], COLOURS), cv2.COLOR_BGR2RGB)
    figure = Figure(figsize=(4.6, 0.62), dpi=130, layout="constrained")
    axes = figure.subplots()
    axes.imshow(ramp, aspect="auto", extent=(0, HOTTEST, 0, 1))
    style_axes(axes)
    axes.grid(visible=False)
    axes.set_yticks([])
    axes.set_xticks(
        [0, 16, 32, 48, HOTTEST], ["0", "16", "32", "48", _("{level} or more").format(level=HOTTEST)], fontsize=8
    )
    axes.set_title(what, color=GREY, fontsize=8, loc="left")
    with files.atomic_path(picture) as temporary:
        figure.savefig(temporary, transparent=True)


def curves_picture(
    frames: Mapping[str, pd.DataFrame],
    values: Mapping[str, Mapping[str, float | None]],
    titles: Mapping[str, str],
    picture: Path,
) -> bool:
    """Draws scores over the frames of a clip: a small chart a score, a line an output, dashed the score of the whole clip.

    Args:
        frames: output's name -> a column a score, a row a frame.
        values: output's name -> the whole clip's scores.
        titles: score's name -> heading, with its unit.
        picture: the PNG to write, on no background.

    Returns:
        False when no score varies over the frames.
    """
    from matplotlib.figure import Figure

    varies = {name for table in frames.values() for name in table if table[name].nunique() > 1}
    drawn = [name for name in titles if name in varies][:MOST_CURVES]
    if not drawn:
        return False
    columns = min(3, len(drawn))
    rows = -(-len(drawn) // columns)
    width = max(7.0, 3.5 * columns)  # inches: a single chart fills the page, too
    beside = max(1, min(4, int(width / (0.8 + 0.065 * max(map(len, frames))))))  # names in a row of the legend
    height = 2.1 * rows + 0.2 + 0.2 * -(-len(frames) // beside)
    figure = Figure(figsize=(width, height), dpi=130, layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True)
    for axes, name in zip(grid.ravel(), drawn, strict=False):
        for index, (output, table) in enumerate(frames.items()):
            if name not in table:
                continue
            colour, series = f"C{index % 10}", table[name]
            axes.plot(series.index, series, color=colour, linewidth=0.8, alpha=0.45)
            smooth = series.rolling(max(3, len(series) // 16), center=True, min_periods=1).mean()
            axes.plot(series.index, smooth, color=colour, linewidth=1.7, label=output)
            if values.get(output, {}).get(name) is not None:
                axes.axhline(values[output][name], color=colour, linewidth=0.9, linestyle="--", alpha=0.8)
        style_axes(axes)
        axes.set_title(titles[name], color=GREY, fontsize=9, loc="left")
        axes.tick_params(labelsize=8)
    for axes in grid.ravel()[len(drawn) :]:
        axes.set_visible(False)
    for axes in grid[-1]:
        axes.set_xlabel(_("frame"), color=GREY, fontsize=8)
    if len(frames) > 1:
        of_charts = [axes.get_legend_handles_labels() for axes in grid.ravel()]  # an output may have some scores only
        lines = {label: line for lines, labels in of_charts for line, label in zip(lines, labels, strict=True)}
        figure.legend(
            list(lines.values()), list(lines), frameon=False, labelcolor=GREY, fontsize=8, ncols=beside, loc="outside lower left"
        )
    with files.atomic_path(picture) as temporary:
        figure.savefig(temporary, transparent=True)
    return True


def spread_rows(count: int) -> list[int]:
    """Four rows spread evenly over a clip without its ends, the same for every output of its length."""
    return sorted({int(round(row)) for row in np.linspace(0, count - 1, 6)[1:-1]}) if count else []


def file_name(name: str) -> str:
    """An output's name as a part of a file's name."""
    return re.sub(r"[^\w.-]+", "_", name)


def picture_path(place: Path, row: int, what: str) -> Path:
    """Where the picture of a frame lies: of the target, the truth, an output, or (with _heat) its heat map."""
    return place / f"frame_{row:06d}_{file_name(what)}.jpg"
