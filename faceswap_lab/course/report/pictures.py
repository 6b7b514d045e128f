"""What the report page shows and no notebook has drawn yet: loss curves, contact sheets, clips that a browser plays."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import numpy as np

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import _, english
from faceswap_lab.faces.faceset import spread_rows
from faceswap_lab.provenance import credentials
from faceswap_lab.video import Video, VideoWriter, ffmpeg, open_video
from faceswap_lab.video.fingerprints import content_hash
from faceswap_lab.video.pictures import read_picture, resized, tiled, write_picture

NOT_LOSSES = ("step", "epoch", "seconds", "minutes", "learning_rate", "rollbacks")
GREY = "#8a8f96"  # readable on white and on black, since the page has both
LONGEST = 120  # seconds of a clip that the page shows, when it must be encoded again
CELL, COLUMNS, MOST_CELLS = 96, 12, 48  # of a contact sheet: pixels of a picture's side, pictures a row, pictures


def loss_picture(history: Path, picture: Path) -> bool:
    """Draws a model's history.csv.

    Args:
        history: CSV with a column `step` and one column a loss; those named val_... are dashed.
        picture: the PNG to write, on no background.

    Returns:
        False when there is nothing to draw.
    """
    from matplotlib.figure import Figure

    try:
        table = files.read_csv(history).select_dtypes("number").dropna(axis="columns", how="all")
    except (OSError, ValueError, LabError):  # missing, empty, not a table or a monstrous one
        return False
    losses = [name for name in table.columns if name not in NOT_LOSSES]
    if "step" not in table or not losses:
        return False
    whole = [name for name in losses if name in ("loss", "val_loss")]
    terms = [name for name in losses if name not in whole]
    groups = [group for group in (whole, terms) if group]
    figure = Figure(figsize=(6.2, 3.1 * len(groups)), dpi=130, layout="constrained")
    for axes, group in zip(figure.subplots(len(groups), 1, squeeze=False, sharex=True)[:, 0], groups, strict=True):
        for index, name in enumerate(group):
            style = {"linestyle": "--"} if name.startswith("val_") else {}
            marker = {"marker": "o"} if len(table) == 1 else {}
            axes.plot(table["step"], table[name], color=f"C{index % 10}", label=name, linewidth=1.6, **style, **marker)
        values = table[group].to_numpy(dtype=float)
        values = values[np.isfinite(values)]
        if len(values) and values.min() > 0 and values.max() > 20 * values.min():
            axes.set_yscale("log")
        style_axes(axes)
        above = {"loc": "lower left", "bbox_to_anchor": (0, 1)}  # within the axes curves would run through it
        axes.legend(frameon=False, labelcolor=GREY, fontsize=8, ncols=3, **above)
    figure.axes[-1].set_xlabel(_("step"), color=GREY)
    with files.atomic_path(picture) as temporary:
        figure.savefig(temporary, transparent=True)
    return True


def style_axes(axes) -> None:
    """Makes matplotlib's axes readable on white and on black."""
    axes.tick_params(colors=GREY, which="both")
    axes.grid(color=GREY, alpha=0.25)
    axes.patch.set_alpha(0)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(GREY)


def contact_sheet(folder: Path, picture: Path) -> bool:
    """Lays out the square pictures of a folder, at most 48 spread evenly, as one PNG; False when it holds none."""
    found = sorted(path for path in folder.glob("*") if path.suffix.lower() in (".png", ".jpg", ".jpeg"))
    cells = []
    for index in spread_rows(len(found), MOST_CELLS):
        with contextlib.suppress(LabError):  # a damaged picture is left out
            cells.append(resized(read_picture(found[index]), (CELL, CELL)))
    if cells:
        write_picture(picture, tiled(cells, min(COLUMNS, len(cells)), 0))
    return bool(cells)


def playable_clip(clip: Path, copy: Path, swapped: bool = False) -> bool:
    """Puts a clip beside the page in a form that a browser plays: a copy if it is one, else encoded again.

    Args:
        clip: a video file.
        copy: the .mp4 to write; left alone when it is newer than `clip`.
        swapped: faces in it were swapped; coded again, it is signed anew, with `clip` as what it was made of.

    Returns:
        False when there is no such clip, it is a folder of pictures, or it cannot be read.
    """
    if not clip.is_file():
        return False
    if copy.exists() and copy.stat().st_mtime >= clip.stat().st_mtime:
        return True
    try:
        video = open_video(clip)
        if clip.suffix.lower() in (".mp4", ".m4v") and ffmpeg.is_played(clip):
            with files.atomic_path(copy) as temporary:
                shutil.copyfile(clip, temporary)
            return True
        with files.atomic_path(copy) as temporary:
            _coded_again(video, temporary)
            if swapped:
                made_of = credentials.Ingredient(clip.name, content_hash(clip), path=clip)
                what = english("A video with swapped faces was coded again, for a browser.")
                facts = credentials.Facts(title=copy.name, ingredients=(made_of,), description=what)
                credentials.sign(temporary, facts)
    except LabError:
        return False
    return True


def _coded_again(video: Video, path: Path) -> None:
    """The first `LONGEST` seconds of a clip, the shorter side of 720 pixels at most, as browsers play them."""
    scale = min(1, 720 / min(video.size))
    width, height = (2 * max(1, round(side * scale / 2)) for side in video.size)
    end = LONGEST if video.duration > LONGEST else None
    with VideoWriter(path, video.rate, (width, height), 20, video.path if video.has_audio else None, audio_end=end) as writer:
        for frame in video.frames(end=end):
            writer.write(resized(frame.image, (width, height)))
