"""Figures of the detection lesson: spectra, AUCs as a table, the numbers behind them, false alarms, base rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy import stats

from faceswap_lab.base.messages import _
from faceswap_lab.studies.detection import error_rates, evaluation
from faceswap_lab.studies.detection.data_set import REAL as HONEST
from faceswap_lab.studies.detection.evaluation import told
from faceswap_lab.widgets import figures

REAL, SWAP = figures.BLUE, figures.ORANGE
COLOURS, LINES, MARKERS = ("black", REAL, SWAP, "#009E73", "#CC79A7", figures.YELLOW), ("-", "--", ":", "-."), "os^Dv"


def spectra_plot(spectra: Mapping[str, np.ndarray], reference: str = "real"):
    """Mean spectra of some videos, and how far each lies from the real one.

    Args:
        spectra: name -> (N, rings) decibels, from `spectrum.radial_spectrum`.
        reference: the video that the right panel takes off.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.4), layout="constrained")
    kinds = zip(spectra.items(), cycle(COLOURS), cycle(LINES), cycle((None, None, None, None, "o", "^")), strict=False)
    for (name, rows), colour, line, marker in kinds:
        waves, mean = 1 + np.arange(rows.shape[1]), rows.mean(axis=0)
        style = {"color": colour, "ls": line, "lw": 1.4, "marker": marker, "ms": 4, "markevery": 0.06}
        left.plot(waves, mean, label=name.replace("_", " "), **style)
        right.plot(waves, mean - spectra[reference].mean(axis=0), **style)
    left.set(xscale="log", xlabel=_("waves across the face"), ylabel=_("power, dB"))
    above = _("dB above {video}").format(video=reference)
    right.set(xscale="log", xlabel=_("waves across the face"), ylabel=above)
    figure.legend(fontsize=8, loc="outside lower center", ncols=6)
    words = _("mean spectra of {videos}, and beside them how far each lies from {reference}")
    figures.show(figure, words.format(videos=", ".join(spectra), reference=reference))


def area_table(areas: pd.DataFrame, rows: Sequence[str], columns: str):
    """AUCs with their intervals as a table, the cells coloured from a coin's throw (white) to sure (blue), wrong ones orange.

    Args:
        areas: from `evaluation.areas`.
        rows: the columns of it that name a row.
        columns: the one that names a column.

    Returns:
        A `pandas` Styler.
    """
    order = list(areas[columns].unique())
    tables = [
        areas.assign(auc=[show(one) for one in areas["auc"]])
        .pivot_table(index=list(rows), columns=columns, values="auc", aggfunc="first", sort=False)[order]
        .rename(lambda name: name.replace("_", " "), axis="columns")  # so that a long name may take two lines
        .rename(lambda name: name.replace("_", " "), axis="index")
        for show in (lambda one: one.value, lambda one: told(one).replace(" (", "\n(").replace("\u00a0(", "\n("))
    ]
    colours = tables[0].map(_colour)
    shown = tables[1].fillna("").style.apply(lambda _: colours, axis=None)
    return shown.set_properties(**{"white-space": "pre", "text-align": "center"})


def _colour(value: float) -> str:
    if not np.isfinite(value):
        return ""
    share = min(1.0, abs(value - 0.5) * 2)
    tint = (0, 114, 178) if value > 0.5 else (213, 94, 0)
    return f"background-color: rgba({', '.join(map(str, tint))}, {0.55 * share:.2f})"


def distributions_plot(numbers: pd.DataFrame, detector: str):
    """What lies behind an AUC: how a detector's numbers of real faces and of each swap's are spread, a panel a swap.

    Args:
        numbers: from `evaluation.numbers`, of one scene and coding.
        detector: one of its detectors.
    """
    mine = numbers[numbers["detector"] == detector]
    found = {row["video"]: told(row["auc"]) for row in evaluation.areas(mine).to_dict("records")}
    honest = mine[mine["video"] == HONEST]["number"]
    bins = np.histogram_bin_edges(mine["number"].dropna(), 24).tolist()
    across, down = min(3, len(found)), -(-len(found) // 3)  # more in a line would shrink the letters on a page
    size = (max(4.5, 2.6 * across + 0.4), 2.7 * down)
    figure, axes = plt.subplots(down, across, figsize=size, sharex=True, sharey=True, squeeze=False)
    for axis in axes.flat[len(found) :]:
        axis.remove()
    for axis, (video, area) in zip(axes.flat, found.items(), strict=False):
        axis.hist(honest, bins, color=REAL, alpha=0.45, hatch="//", label=_("real"))
        swaps = mine[mine["video"] == video]["number"]
        axis.hist(swaps, bins, color=SWAP, histtype="step", lw=1.8, label=_("named above"))
        axis.set_title(f"{video.replace('_', ' ')}\nAUC {area}", fontsize=9)
        axis.set_xlabel(_("{detector} (larger: more suspect)").format(detector=detector), fontsize=9)
        axis.tick_params(labelbottom=True)
    for line in axes:
        line[0].set_ylabel(_("faces"), fontsize=9)
    axes[0][0].set_ylim(top=1.4 * axes[0][0].get_ylim()[1])  # room for the legend
    axes[0][0].legend(fontsize=8, loc="upper right")
    figure.tight_layout()
    areas = ", ".join(f"{video} {area}" for video, area in found.items())
    words = _("how {detector} is spread over real faces (hatched) and over those of each swap; AUC: {areas}")
    figures.show(figure, words.format(detector=detector, areas=areas))


def honest_plot(numbers: pd.DataFrame, known: pd.DataFrame, detector: str, share: float = 0.05):
    """One detector's numbers for honest videos alone, and the threshold that was chosen on one of them.

    Args:
        numbers, known, share: as for `evaluation.false_alarms`.
        detector: one of the detectors.
    """
    honest = numbers[(numbers["video"] == HONEST) & (numbers["detector"] == detector)]
    limit = error_rates.threshold(known[(known["video"] == HONEST) & (known["detector"] == detector)]["number"], share)
    bins = np.histogram_bin_edges(honest["number"].dropna(), 32).tolist()
    figure, axis = plt.subplots(figsize=(7.5, 2.8))
    names = []
    for (scene, some), colour, line in zip(honest.groupby("scene", sort=False), COLOURS[1:], LINES, strict=False):
        accused = (some["number"].dropna() > limit).mean()
        names.append(_("{scene}: {share:.0%} accused").format(scene=scene, share=accused))
        axis.hist(some["number"], bins, histtype="step", color=colour, ls=line, lw=2, label=names[-1])
    axis.axvline(limit, color="black", lw=1)
    axis.annotate(f" {_('threshold')}", (limit, 0.92), xycoords=("data", "axes fraction"), fontsize=9)
    words = _("{detector} (larger: more suspect); right of the line: accused")
    axis.set_xlabel(words.format(detector=detector), fontsize=9)
    axis.set_ylabel(_("honest faces"), fontsize=9)
    axis.legend(fontsize=9, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)  # above: the hills may lie anywhere
    figure.tight_layout()
    words = _("the numbers of {detector} for honest videos, with its threshold; {scenes}")
    figures.show(figure, words.format(detector=detector, scenes=", ".join(names)))


def false_alarms_plot(shares: pd.DataFrame, promised: float = 0.05):
    """The share of honest faces that each detector accuses, a line a video, a sign a detector.

    Args:
        shares: from `evaluation.false_alarms`.
        promised: the share on the video that the thresholds were chosen on.
    """
    names = [place if isinstance(place, str) else ", ".join(place) for place in shares.index]
    figure, axis = plt.subplots(figsize=(7.5, 0.5 * len(shares) + 1.1))
    offsets = np.linspace(-0.2, 0.2, len(shares.columns)) if len(shares.columns) > 1 else [0]
    for offset, detector, colour, sign in zip(offsets, shares.columns, COLOURS, MARKERS, strict=False):
        places = np.arange(len(shares)) + offset
        axis.plot(100 * shares[detector], places, sign, color=colour, ms=7, label=detector, clip_on=False)
    axis.axvline(100 * promised, color="black", lw=1, ls="--")
    axis.set_yticks(range(len(shares)), names, fontsize=9)
    axis.set(xlim=(0, 100), ylim=(len(shares) - 0.5, -0.5))
    words = _("% of honest faces accused; dashed: the {promised:.0%} that were promised")
    axis.set_xlabel(words.format(promised=promised), fontsize=9)
    axis.grid(axis="both", alpha=0.3)
    axis.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.02, 1))
    figure.tight_layout()
    told_rows = [", ".join(f"{name} {share:.0%}" for name, share in row.items()) for _, row in shares.iterrows()]
    words = "; ".join(f"{name}: {row}" for name, row in zip(names, told_rows, strict=True))
    figures.show(figure, _("shares of honest faces that are accused. {shares}").format(shares=words))


def base_rates_plot(shares: Sequence[float], area: float, false_alarms: float, videos: int = 10_000):
    """What becomes of ten thousand videos where swaps are common or rare: both hills, as high as their videos are many.

    Both are normal and equally wide, as in `error_rates.sensitivity_at`.

    Args:
        shares: of the videos that are swaps, a panel each.
        area: the detector's AUC.
        false_alarms: the share of honest videos that its threshold accuses.
    """
    apart, limit = np.sqrt(2) * stats.norm.ppf(area), stats.norm.ppf(1 - false_alarms)
    x = np.linspace(-3.5, apart + 3.5, 701)
    figure, axes = plt.subplots(1, len(shares), figsize=(3.2 * len(shares), 3), sharey=True, squeeze=False)
    words = []
    for axis, share in zip(axes[0], shares, strict=True):
        found = error_rates.alarms(share, error_rates.sensitivity_at(area, false_alarms), false_alarms, videos)
        honest = (REAL, "//", "-", _("honest"), (1 - share) * videos, 0, _("{count:.0f} accused"), found.false)
        swaps = (SWAP, "..", "--", _("swaps"), share * videos, apart, _("{count:.0f} caught"), found.caught)
        for colour, hatch, line, name, count, middle, above, over in (honest, swaps):
            hill, label = count * stats.norm.pdf(x - middle), above.format(count=over)
            axis.plot(x, hill, line, color=colour, lw=1.5, label=name)
            axis.fill_between(x, hill, where=x >= limit, color=colour, alpha=0.45, hatch=hatch, label=label)
        axis.axvline(limit, color="black", lw=1)
        said = _("{share:g} of the videos swaps: {false:.0%} of the alarms are false")
        words.append(said.format(share=share, false=found.false_share))
        title = _("{percent:g}% swaps\n{false:.0%} of the alarms are false")
        axis.set_title(title.format(percent=100 * share, false=found.false_share), fontsize=9)
        axis.set_xlabel(_("number, in standard deviations"), fontsize=9)
        axis.set_ylim(0, 0.6 * videos)
        axis.legend(fontsize=8, loc="upper right")
    axes[0][0].set_ylabel(_("videos of {count:,} per standard deviation").format(count=videos), fontsize=8)
    figure.tight_layout()
    said = _("honest and swapped videos by a detector's number, with its threshold; {shares}")
    figures.show(figure, said.format(shares="; ".join(words)))
