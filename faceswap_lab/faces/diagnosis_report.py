"""The diagnosis as text and as a picture: which poses and expressions the two sets hold, and what is missing."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from faceswap_lab.base.messages import _, ngettext, retold
from faceswap_lab.faces.diagnosis import NEAR_POSE, PITCHES, YAWS, Diagnosis, pose_map

COLOURS = {"A": "tab:blue", "B": "tab:orange"}
HATCHES, MARKERS = {"A": "//", "B": ""}, {"A": "^", "B": "o"}  # what the colours say, a sign says too


def describe(diagnosis: Diagnosis) -> str:
    """The diagnosis as text: a line a measure, a paragraph a finding, the difficulties."""
    rows = [("", "A", "B")]
    for label, value in (
        (_("faces (distinct)"), lambda p: f"{p.faces} ({p.distinct})"),
        (_("px between the eyes"), lambda p: f"{np.median(p.eye_distance):.0f}"),
        (_("detail, cycles a face"), lambda p: f"{np.median(p.detail):.0f}"),
        (_("luma"), lambda p: f"{np.median(p.luma):.2f}"),
        (_("yaw, pitch span"), lambda p: f"{p.span(0):.0f}, {p.span(1):.0f}"),
        (_("mouth, widest"), lambda p: f"{np.nanmax(p.mouth, initial=0):.2f}"),
        (_("main person"), lambda p: f"{(p.people == 0).mean():.0%}"),
    ):
        rows.append((label, value(diagnosis.profiles["A"]), value(diagnosis.profiles["B"])))
    lines = [f"{label:24s}{a:>12s}{b:>12s}" for label, a, b in rows]
    lines.append("")
    for one in diagnosis.findings:
        lines.append(f"{_(one.severity).upper()} ({one.about}) {retold(one.sentence)} {retold(one.advice)}")
    if not diagnosis.findings:
        lines.append(_("Nothing to remark."))
    for direction, difficulty in diagnosis.difficulty.items():
        reasons = sorted(diagnosis.penalties[direction].items(), key=lambda item: -item[1])
        named = ", ".join(f"{_(name)} {share:.2f}" for name, share in reasons if share >= 0.05)
        told = _("Difficulty of {direction}: {difficulty}").format(direction=direction, difficulty=f"{difficulty:.2f}")
        lines.append(told + (f" ({named})" if named else ""))
    return "\n".join(lines)


def draw(diagnosis: Diagnosis) -> Figure:
    """Heat maps of yaw and pitch of A, of B, and of where only one of them has been; below, light, mouth and eyes.

    Returns:
        A matplotlib figure, not shown yet; a notebook shows it when a cell ends with it.
    """
    figure = Figure(figsize=(11, 6), layout="constrained")
    upper, lower = figure.subplots(2, 3, height_ratios=[3, 2])
    maps = {name: pose_map(own.pose) for name, own in diagnosis.profiles.items()}
    extent, most = (YAWS[0], YAWS[-1], PITCHES[0], PITCHES[-1]), max(share.max() for share in maps.values())
    for axis, (name, share) in zip(upper, maps.items(), strict=False):
        shown = axis.imshow(share, origin="lower", extent=extent, vmin=0, vmax=most, cmap="viridis", aspect="auto")
        known = diagnosis.profiles[name].pose
        axis.scatter(known[:, 0], known[:, 1], s=5, c="white", edgecolors="black", linewidths=0.3)
        count = diagnosis.profiles[name].faces
        axis.set_title(f"{name}: {ngettext('{count} face', '{count} faces', count).format(count=count)}")
        _name_angles(axis)
    figure.colorbar(shown, ax=upper[0], label=_("share of the faces"), location="left")
    _draw_unknown(upper[2], diagnosis)
    for axis, (label, measure, edges) in zip(
        lower,
        (
            (_("grey inside the face (0 black, 1 white)"), "luma", np.linspace(0, 1, 26)),
            (_("mouth open (eye distances)"), "mouth", np.linspace(0, 0.6, 25)),
            (_("detail (cycles a face)"), "detail", np.arange(0, 61, 3)),
        ),
        strict=True,
    ):
        for name, own in diagnosis.profiles.items():
            values = np.clip(getattr(own, measure), edges[0], edges[-1])
            known = values[np.isfinite(values)]
            weights = np.full(len(known), 1 / len(values))
            axis.hist(known, edges, weights=weights, alpha=0.55, color=COLOURS[name], hatch=HATCHES[name], label=name)
        axis.set(xlabel=label, ylabel=_("share of the faces"))
        axis.legend(fontsize=8)
    return figure


def _name_angles(axis) -> None:
    axis.set(xlabel=_("yaw in degrees (right +)"), ylabel=_("pitch in degrees (up +)"))


def _draw_unknown(axis, diagnosis: Diagnosis) -> None:
    """Poses of one that are far from all of the other's."""
    for direction in diagnosis.known:
        target, source = direction.split("<-")
        poses = {name: own.pose[np.isfinite(own.pose[:, 0]), :2] for name, own in diagnosis.profiles.items()}
        apart = np.linalg.norm(poses[target][:, None] - poses[source][None], axis=2)
        far = apart.min(axis=1, initial=np.inf) > NEAR_POSE
        axis.scatter(*poses[target].T, s=3, c="lightgrey", zorder=1)
        label = _("{who} only: {share} ({direction})").format(
            who=target, share=f"{1 - diagnosis.known[direction]:.0%}", direction=direction
        )
        axis.scatter(*poses[target][far].T, s=16, c=COLOURS[target], marker=MARKERS[target], label=label, zorder=2)
    axis.set(xlim=(YAWS[0], YAWS[-1]), ylim=(PITCHES[0], PITCHES[-1]))
    _name_angles(axis)
    axis.set_title(
        _("poses without the other's\nwithin {degrees} degrees").format(degrees=round(NEAR_POSE)), fontsize=10
    )
    axis.legend(fontsize=8, loc="upper left")
