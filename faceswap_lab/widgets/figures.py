"""Small figures for the notebooks: pictures in a row, loss curves, a preview that redraws itself."""

from __future__ import annotations

import io
from itertools import cycle

import cv2
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import display
from matplotlib.ticker import LogFormatter

from faceswap_lab.base import machine
from faceswap_lab.base.messages import _, ngettext
from faceswap_lab.video.pictures import coded_picture
from faceswap_lab.widgets.showing import Picture

_WIDEST = 14.0  # inches of a row: a page shrinks what is wider, and its words with it
_PAGE = 10.0  # inches that a page shows; words in wider figures are larger, so that they can be read when it has shrunk them


def as_uint8(picture) -> np.ndarray:
    """Any picture (H, W), (H, W, 1) or (H, W, 3), float in [0, 1] or uint8, as (H, W, 3) uint8 RGB."""
    picture = np.asarray(picture)
    if picture.dtype != np.uint8:
        picture = np.clip(np.round(picture * 255), 0, 255).astype(np.uint8)
    if picture.ndim == 2:
        picture = picture[..., None]
    return np.repeat(picture, 3, axis=2) if picture.shape[2] == 1 else picture


# Okabe and Ito's colours, which those who confuse red and green tell apart; with each goes a sign that needs no colour.
BLUE, ORANGE, YELLOW, GREY = "#0072B2", "#D55E00", "#E69F00", "#666666"


def show(figure, words: str) -> None:
    """Shows a matplotlib figure in a notebook, with words for those who cannot see it; elsewhere the figure stays as it is.

    Args:
        figure: of `matplotlib.pyplot`; a notebook closes it.
        words: what it shows, in a sentence.
    """
    if machine.shell() is None:
        return
    content = io.BytesIO()
    figure.savefig(content, format="png", bbox_inches="tight")
    plt.close(figure)
    display(Picture(content.getvalue(), words))


def _points(size: float, width: float) -> float:
    """A font's size in a figure that is so wide, in inches, so that the page shows it in this size."""
    return size * max(1.0, width / _PAGE)


def row(pictures, titles=(), height: float = 2.0, title: str = ""):
    """Shows pictures side by side.

    Args:
        pictures: (H, W), (H, W, 1) or (H, W, 3), float in [0, 1] or uint8 RGB.
        titles: one each, or none.
        height: of the row, in inches; wide pictures that would not fit next to each other get less.
    """
    pictures = [as_uint8(picture) for picture in pictures]
    shapes = [picture.shape[1] / picture.shape[0] for picture in pictures]
    width = min(height * sum(shapes), max(_WIDEST, height * len(pictures)))
    size, shares = (width, width / sum(shapes) + 0.4), {"width_ratios": shapes}
    figure, axes = plt.subplots(1, len(pictures), figsize=size, squeeze=False, gridspec_kw=shares)
    for axis, picture, name in zip(axes[0], pictures, [*titles, *[""] * len(pictures)], strict=False):
        shrinks = picture.shape[0] > (size[1] - 0.4) * figure.dpi  # then "nearest" would drop thin lines
        axis.imshow(picture, interpolation="antialiased" if shrinks else "nearest")
        axis.set_title(name, fontsize=_points(9, width))
        axis.axis("off")
    figure.suptitle(title, fontsize=_points(10, width))
    figure.tight_layout()
    named = ", ".join(str(name) for name in titles[: len(pictures)]) or _("without titles")
    words = ngettext("one picture: {titles}", "{count} pictures in a row: {titles}", len(pictures))
    show(figure, f"{title + ': ' if title else ''}{words.format(count=len(pictures), titles=named)}")


def rows(lines: dict, height: float = 1.2, titles=()):
    """Shows several rows of pictures of one size, each with its name at the left.

    Args:
        lines: name -> sequence of pictures.
        height: of a row, in inches.
        titles: of the columns, or none.
    """
    columns = max(len(pictures) for pictures in lines.values())
    width = height * columns + 1.2
    figure, axes = plt.subplots(len(lines), columns, figsize=(width, height * len(lines)), squeeze=False)
    for line, (name, pictures) in zip(axes, lines.items(), strict=True):
        for axis, picture in zip(line, pictures, strict=False):
            axis.imshow(as_uint8(picture), interpolation="nearest")
        for axis in line:
            axis.set_xticks([])
            axis.set_yticks([])
            axis.set_frame_on(False)
        line[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=_points(9, width))
    for axis, title in zip(axes[0], titles, strict=False):
        axis.set_title(title, fontsize=_points(9, width))
    figure.tight_layout(pad=0.2)
    words = _("{columns} columns of pictures, in rows from the top: {rows}")
    if len(titles):
        words = _("{columns} columns of pictures ({titles}), in rows from the top: {rows}")
    named, listed = (", ".join(map(str, names)) for names in (titles, lines))
    show(figure, words.format(columns=columns, titles=named, rows=listed))


class _PlainNumbers(LogFormatter):
    """Labels where matplotlib wants them, but 0.2 rather than 2 x 10^-1."""

    def __call__(self, x, pos=None):
        return f"{x:g}" if super().__call__(x, pos) else ""


def logarithmic_axis(axis) -> None:
    """Makes a matplotlib axis' y logarithmic, with plain numbers."""
    axis.set_yscale("log")
    for which in (axis.yaxis.set_major_formatter, axis.yaxis.set_minor_formatter):
        which(_PlainNumbers())


def curves(histories: dict, columns=("loss",), logarithmic: bool = True, over: str = "step"):
    """Draws loss curves.

    Args:
        histories: name -> table with the column `over` and the losses.
        columns: which losses, a panel each.
        over: the column to the right.
    """
    size = (max(6.5, 3.4 * len(columns)), 3)
    figure, axes = plt.subplots(1, len(columns), figsize=size, squeeze=False, layout="constrained")
    for axis, column in zip(axes[0], columns, strict=True):
        for (name, table), style in zip(histories.items(), cycle(("-", "--", ":", "-.")), strict=False):
            if column in table:
                marker = "o" if len(table) == 1 else None  # a line of one point shows nothing
                axis.plot(table[over], table[column], style, marker=marker, label=name)
        axis.set_xlabel(over)
        axis.set_title(column, fontsize=10)
        if logarithmic:
            logarithmic_axis(axis)
    figure.legend(*axes[0][0].get_legend_handles_labels(), fontsize=8, loc="outside lower center", ncols=3)
    ends = [
        f"{name} {table[column].iloc[-1]:.3g}"
        for name, table in histories.items()
        for column in columns[:1]
        if column in table
    ]
    words = _("curves of {columns} by {over}; {first} ends at: {ends}")
    show(figure, words.format(columns=", ".join(columns), over=over, first=columns[0], ends=", ".join(ends)))


def live_preview(name: str):
    """A function (step, picture) that shows a training's preview in a notebook and redraws it in place; silent elsewhere."""
    from IPython.display import display

    handle = None

    def show(step: int, picture: np.ndarray) -> None:
        nonlocal handle
        if machine.shell() is None:
            return
        words = _("{name}, step {step}: faces of A, then of B, reconstructed, swapped, and each swap's alpha")
        words = words.format(name=name, step=step)
        image = Picture(coded_picture(picture, ".png"), words, width=2 * picture.shape[1])
        if handle is None:
            handle = display(image, display_id=True)
        else:
            handle.update(image)

    return show


def attention_overlay(picture, weights, size: int) -> np.ndarray:
    """Where one place of a face looks: its row of an attention map, laid over the picture in red.

    Args:
        picture: (S, S, 3) float in [0, 1] or uint8.
        weights: (h * h,) one row of the map.
        size: h.

    Returns:
        (S, S, 3) uint8 RGB.
    """
    picture = as_uint8(picture).astype(np.float32)
    small = np.asarray(weights, np.float32).reshape(size, size)
    heat = cv2.resize(small / max(float(small.max()), 1e-12), picture.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    heat = np.clip(heat, 0, 1)[..., None]
    return np.round(picture * (1 - 0.7 * heat) + np.array([255, 60, 30], np.float32) * 0.7 * heat).astype(np.uint8)


def histograms(losses: dict[str, dict[int, np.ndarray]]) -> None:
    """Draws what each toy GAN's generator makes, a row a loss and a panel a look, over the real numbers in grey.

    Args:
        losses: name -> what `studies.toy_gan.train` gave.
    """
    from faceswap_lab.studies import toy_gan

    bins, real = np.linspace(-4, 4, 61), toy_gan.real_numbers(20_000)[:, 0]
    columns = max(map(len, losses.values()))
    figure, axes = plt.subplots(
        len(losses), columns, figsize=(2.5 * columns, 1.7 * len(losses)), sharex=True, squeeze=False
    )
    for line, (name, seen) in zip(axes, losses.items(), strict=True):
        for axis, (step, generated) in zip(line, seen.items(), strict=False):
            axis.hist(real, bins, density=True, color="#bbbbbb", label=_("real"))
            axis.hist(generated, bins, density=True, histtype="step", color="#b3372f", lw=1.5, label=_("generated"))
            axis.set(title=_("step {step}").format(step=step), yticks=[], ylim=(0, 2.2))
        line[0].set_ylabel(name, rotation=0, ha="right", va="center")
    axes[0][0].legend(fontsize=7)
    figure.tight_layout()
    ends = [
        f"{name}: {', '.join(f'{share:.0%}' for share in toy_gan.mode_shares(list(seen.values())[-1]))}"
        for name, seen in losses.items()
    ]
    words = _("what each generator makes, from first to last look; at the end the shares at -2 and at 2, {shares}")
    show(figure, words.format(shares="; ".join(ends)))
