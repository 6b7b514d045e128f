"""Figures of the detection lesson: spectra, a table of AUCs in colour, the alarms of ten thousand videos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from faceswap_lab.studies.detection.error_rates import Alarms
from faceswap_lab.studies.detection.evaluation import told
from faceswap_lab.widgets import figures

REAL, SWAP, MISSED = figures.BLUE, figures.ORANGE, figures.YELLOW


def spectra_plot(spectra: Mapping[str, np.ndarray], reference: str = "real"):
    """Mean spectra of some videos, and how far each lies from the real one.

    Args:
        spectra: name -> (N, rings) decibels, from `spectrum.radial_spectrum`.
        reference: the video that the right panel takes off.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3))
    for (name, rows), style in zip(spectra.items(), cycle(("-", "--", ":", "-.")), strict=False):
        waves = 1 + np.arange(rows.shape[1])
        left.plot(waves, rows.mean(axis=0), style, label=name, lw=1.2)
        right.plot(waves, rows.mean(axis=0) - spectra[reference].mean(axis=0), style, lw=1.2)
    left.set(xscale="log", xlabel="periods across the face", ylabel="dB")
    right.set(xscale="log", xlabel="periods across the face", ylabel=f"dB beyond {reference}")
    right.axhline(0, color="black", lw=0.6)
    left.legend(fontsize=7)
    figure.tight_layout()
    figures.show(figure, f"mean spectra of {', '.join(spectra)}, and beside them how far each lies from {reference}")


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
        .rename(columns=lambda name: name.replace("_", " "))  # so that a long name may take two lines
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


def distributions_plot(numbers: pd.DataFrame, detector: str, real: str = "real"):
    """What lies behind an AUC: how a detector's numbers of real faces and of each swap's are spread, a panel a swap.

    Args:
        numbers: from `evaluation.numbers`, of one scene and coding.
        detector: one of its detectors.
        real: the video that is none.
    """
    seen = {video: rows["number"] for video, rows in numbers[numbers["detector"] == detector].groupby("video", sort=False)}
    honest = seen.pop(real)
    bins = np.histogram_bin_edges(np.concatenate([honest, *seen.values()]), 24)
    figure, axes = plt.subplots(1, len(seen), figsize=(2.6 * len(seen), 2.2), sharex=True, squeeze=False)
    for axis, (video, found) in zip(axes[0], seen.items(), strict=True):
        axis.hist(honest, bins, density=True, color=REAL, alpha=0.45, hatch="//", label=real)
        axis.hist(found, bins, density=True, color=SWAP, histtype="step", lw=1.8, label="swapped")
        axis.set(title=video.replace("_", " "), yticks=[], xlabel=detector)
        axis.title.set_size(9)
    axes[0][0].legend(fontsize=7)
    figure.tight_layout()
    figures.show(
        figure, f"how {detector} is spread over real faces (hatched) and over those of each swap: {', '.join(seen)}"
    )


def alarms_plot(found: Mapping[str, Alarms]):
    """What becomes of ten thousand videos, a bar a case: swaps that are caught, swaps that are missed, false alarms.

    Args:
        found: name -> `evidence.alarms`.
    """
    figure, axis = plt.subplots(figsize=(8, 0.55 * len(found) + 1))
    for place, one in enumerate(found.values()):
        begin = 0.0
        for width, colour, hatch in ((one.caught, REAL, ""), (one.missed, MISSED, ".."), (one.false, SWAP, "//")):
            axis.barh(place, width, left=begin, color=colour, hatch=hatch, edgecolor="white")
            begin += width
        axis.text(begin, place, f" {one.false_share:.0%} of the alarms are false", va="center", fontsize=8)
    axis.set_yticks(range(len(found)), list(found), fontsize=9)
    axis.set_xlim(0, 1.45 * max(one.caught + one.missed + one.false for one in found.values()))
    axis.set_xlabel("videos: caught (plain), missed (dotted), real ones accused (hatched)", fontsize=9)
    axis.invert_yaxis()
    figure.tight_layout()
    shares = ", ".join(f"{name}: {one.false_share:.0%}" for name, one in found.items())
    figures.show(figure, f"alarms among ten thousand videos; share of them that is false, {shares}")
