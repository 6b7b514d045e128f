"""The scores as a table on the page and as lines in the terminal."""

from __future__ import annotations

from pathlib import Path

from faceswap_lab.course.report.markup import missing, section, text, title
from faceswap_lab.course.report.pictures import read_json_or_empty

MEASURES = {  # key in scores.json: heading, sentence, is higher better
    "swap_gain": (
        "swap gain",
        "How much of the way from the untouched target (0) to the true swap (1), judged by local contrast: "
        "a tint earns nothing; a face without features up to 0.3, so look, too.",
        True,
    ),
    "identity_gain": (
        "identity gain",
        "The same way, judged by the features of a face recognition network that took no part in training.",
        True,
    ),
    "pixel_gain": (
        "pixel gain",
        "The same way in plain colours. A tint alone earns much of it, so it is never read alone.",
        True,
    ),
    "structure_gain": (
        "structure gain",
        "The same way, judged by how local contrast goes along with the truth's: a face without features earns nothing.",
        True,
    ),
    "nearer_to_source": (
        "nearer to B",
        "Share of the frames that the recognition network finds nearer to B than to A.",
        True,
    ),
    "landmark_error": (
        "landmark error",
        "How far eyes, nose and mouth lie from where the true swap has them, "
        "as a share of the distance between the eyes.",
        False,
    ),
    "gaze_error": (
        "gaze error",
        "How far past the true swap's gaze the eyes look, in degrees; blinks are left out.",
        False,
    ),
    "sharpness": (
        "sharpness",
        "Energy of the edges relative to the truth's: 1 is as sharp, less is blurred, more is noise or a rim.",
        False,
    ),
}
GAINS = ("swap_gain", "identity_gain", "pixel_gain")
WITHOUT_TRUTH = ("nearer_to_source", "cosine_source_dlib", "identity_move_dlib")  # shown where no true swap is known
BASELINES = {
    "unchanged": "the target as it was",
    "tint": "the target, tinted with the truth's mean and deviation",
    "colour_transfer": "the target in the source's colours",
    "average_face": "the source's average face",
    "classical_swap": "the source's pictures, bent and cloned in",
    "blurred_truth": "ruler: the true swap, blurred by 4 px",
    "shifted_truth": "ruler: the true swap, moved by 2 px",
    "truth": "the true swap",
}


def best_model(scores: dict) -> str | None:
    """The best model's name: the one that scores.json names, else the highest swap gain plus identity gain."""
    models = {name: values for name, values, kind in score_rows(scores) if kind == "model"}
    if scores.get("best") in models:
        return scores["best"]
    worth = {name: (v.get("swap_gain") or 0.0) + (v.get("identity_gain") or 0.0) for name, v in models.items()}
    return max(worth, key=worth.get) if worth else None


def score_rows(scores: dict) -> list[tuple[str, dict, str]]:
    """All rows of scores.json: name, values, and "model" or "baseline"."""
    rows = []
    for group, kind in (("models", "model"), ("baselines", "baseline")):
        entries = scores.get(group)
        if isinstance(entries, dict):
            rows += [(name, values, kind) for name, values in entries.items() if isinstance(values, dict)]
    return rows


def summary(run_folder: str | Path) -> str:
    """The gains (without a truth: whose face it is) as lines of text, models first, the best with a star; "" for none."""
    scores = read_json_or_empty(Path(run_folder) / "scores.json")
    found = score_rows(scores)
    shown = GAINS if any(values.get(key) is not None for _, values, _ in found for key in GAINS) else WITHOUT_TRUTH
    rows = [("", *shown)]
    for name, values, kind in found:
        star = "* " if name == best_model(scores) and kind == "model" else "  "
        rows.append((star + name, *("-" if values.get(key) is None else f"{values[key]:.2f}" for key in shown)))
    if len(rows) == 1:
        return ""
    first, wide = max(len(row[0]) for row in rows), max(13, *map(len, shown))
    return "\n".join(f"{name:<{first}}" + "".join(f"  {cell:>{wide}}" for cell in cells) for name, *cells in rows)


def number(key: str, value: float) -> str:
    """A measure as people read it: shares in per cent, angles in degrees, gains with two decimals."""
    if key == "nearer_to_source":
        return f"{100 * value:.0f} %"
    if key == "gaze_error":
        return f"{value:.1f}°"
    return f"{100 * value:.1f} %" if key == "landmark_error" else f"{round(value, 2) + 0:.2f}"


def in_unit(value: float | None, unit: str) -> str:
    """A score as people read it, by its unit, see `metrics.catalogue.Score`."""
    if value is None:
        return "–"
    if unit == "share":
        return f"{100 * value:.1f} %"
    return {"deg": f"{value:.1f}°", "dB": f"{value:.1f} dB", "levels": f"{value:.1f}"}.get(
        unit, f"{round(value, 2) + 0:.2f}"
    )


def between(ends: list[float] | None, unit: str) -> str:
    """An interval as people read it; "" where there is none."""
    return f"{in_unit(ends[0], unit)} to {in_unit(ends[1], unit)}" if ends else ""


def score_section(scores: dict) -> str:
    """The table: models, then baselines, the best model marked; a sentence a measure below it."""
    rows = score_rows(scores)
    if not rows:
        return section("Scores", "How good is the swap?", missing("The table of scores", "05"))
    keys = [key for key in MEASURES if any(values.get(key) is not None for _, values, _ in rows)]
    heads = "".join(f"<th>{text(MEASURES[key][0])}</th>" for key in keys)
    lines = []
    for name, values, kind in rows:
        mark = "best" if kind == "model" and name == best_model(scores) else kind
        label = BASELINES.get(name, title(name)) if kind == "baseline" else title(name)
        ends = scores.get("intervals", {}).get(name, {})
        cells = "".join(_cell(key, values.get(key), ends.get(key)) for key in keys)
        lines.append(f"<tr class='{mark}'><td>{text(label)}</td>{cells}</tr>")
    table = f"<div class='scroll'><table><tr><th></th>{heads}</tr>{''.join(lines)}</table></div>"
    words = "".join(f"<dt>{text(MEASURES[key][0])}</dt><dd>{text(MEASURES[key][1])}</dd>" for key in keys)
    notes = "".join(f"<p class='soft'>{text(note)}</p>" for note in scores.get("notes", []))
    above = "Models first; below them, in grey, the baselines, which need no model. A gain of 1 is the true swap."
    above += " Small: the 95 % interval over blocks of frames." if scores.get("intervals") else ""
    return section("Scores", above, f"{table}{notes}<dl>{words}</dl>")


def _cell(key: str, value: float | None, ends: list[float] | None = None) -> str:
    if value is None:
        return "<td class='number soft'>–</td>"
    higher_is_better = MEASURES[key][2]
    width = 100 * min(value, 1) if higher_is_better else 0
    bar = f"<div class='meter'><div class='bar' style='width:{width:.0f}%'></div></div>" if width > 0 else ""
    small = f"<br><small>{number(key, ends[0])} to {number(key, ends[1])}</small>" if ends else ""
    return f"<td class='number{' negative' if value < 0 else ''}'>{number(key, value)}{small}{bar}</td>"
