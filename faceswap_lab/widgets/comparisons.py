"""Figures of trainings that are compared: what each part is worth, and how little three seeds know."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator

from faceswap_lab.base.messages import _
from faceswap_lab.studies import ablation_effect
from faceswap_lab.studies.ablation import VARIANTS
from faceswap_lab.widgets import figures

SIGNS = {
    "pays": (figures.BLUE, "^"),
    "costs": (figures.ORANGE, "v"),
    "unclear": (figures.GREY, "D"),
}  # verdict -> colour, marker


def worth_plot(results: list[dict], measures: tuple[str, ...] = ablation_effect.DECIDING):
    """What each part adds: a dot a seed, the mean and its 95 % interval, a panel a measure; the best on top.

    Args:
        results: rows with variant, seed and the measures, see `worth`.
        measures: of `ablation_effect.MEASURES`.
    """
    names = [name for name in dict.fromkeys(row["variant"] for row in results) if name != "base"]
    found = {measure: {name: ablation_effect.worth(results, name, measure) for name in names} for measure in measures}
    names.sort(key=lambda name: found[measures[0]][name].mean)
    height = 0.42 * len(names) + 1.2
    figure, axes = plt.subplots(
        1, len(measures), figsize=(4.6 * len(measures) + 1.6, height), sharey=True, squeeze=False
    )
    for axis, measure in zip(axes[0], measures, strict=True):
        limit = 1.15 * max(np.abs(ablation_effect.differences(results, name, measure)).max(initial=0.01) for name in names)
        for place, name in enumerate(names):
            one = found[measure][name]
            colour, sign = SIGNS[("pays" if one.mean > 0 else "costs") if one.is_clear else "unclear"]
            axis.plot(
                ablation_effect.differences(results, name, measure), [place] * one.seeds, "o", color=colour, alpha=0.35, ms=5
            )
            if np.isfinite(one.half_width):
                whole = np.array([one.mean - one.half_width, one.mean + one.half_width])
                ends = np.clip(whole, -limit, limit)
                axis.plot(ends, [place, place], color=colour, lw=2)
                for end, arrow in zip(ends[ends != whole], np.array(["<", ">"])[ends != whole], strict=True):
                    axis.plot([end], [place], arrow, color=colour, ms=8, clip_on=False)  # the interval goes on
            axis.plot([one.mean], [place], sign, color=colour, ms=7)
        axis.axvline(0, color="black", lw=0.8)
        axis.set_xlim(-limit, limit)
        axis.xaxis.set_major_locator(MaxNLocator(5))
        axis.set_title(_("worth in {measure}").format(measure=measure.replace("_", " ")), fontsize=10)
        axis.grid(axis="x", alpha=0.3)
    axes[0][0].set_yticks(range(len(names)), [_(VARIANTS[name].part) for name in names], fontsize=9)
    figure.tight_layout()
    means = ", ".join(f"{_(VARIANTS[name].part)} {found[measures[0]][name].mean:+.2f}" for name in reversed(names))
    words = _("worth of each part in {measure}, the best first: {means}")
    figures.show(figure, words.format(measure=measures[0].replace("_", " "), means=means))


def chance_plot(luck: np.ndarray, judged: dict[str, np.ndarray]):
    """How often a part that is worth nothing looks as if it were worth something.

    Args:
        luck: (parts, seeds) differences that are luck alone.
        judged: name of a rule -> (parts,) bool, which parts it takes for real.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 2.9), gridspec_kw={"width_ratios": [3, 2]})
    shown = luck[:20]
    for place, row in enumerate(shown):
        real = judged[next(iter(judged))][place]
        sign = ("x", figures.ORANGE) if real else ("o", figures.GREY)
        left.plot([place] * len(row), row, sign[0], color=sign[1], alpha=0.7, ms=5)
    left.axhline(0, color="black", lw=0.8)
    rule = next(iter(judged)).partition(" (")[0]
    left.set_title(_("20 parts worth nothing; x: taken for real by the {rule}").format(rule=rule), fontsize=9)
    left.set_xticks([])
    left.set_xlabel(_("one part a column, one seed a dot"), fontsize=9)
    left.set_ylabel(_("difference (standard deviations)"), fontsize=9)
    right.barh(list(judged), [100 * real.mean() for real in judged.values()], color=figures.GREY)
    right.set_xlabel(_("% of worthless parts taken for real"), fontsize=9)
    right.tick_params(labelsize=8)
    right.invert_yaxis()
    figure.tight_layout()
    shares = ", ".join(f"{name} {real.mean():.0%}" for name, real in judged.items())
    words = _("20 parts worth nothing and how they scatter; share of 1000 such parts taken for real: {shares}")
    figures.show(figure, words.format(shares=shares))
