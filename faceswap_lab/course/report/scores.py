"""The scores as people read them, on pages and as lines in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from faceswap_lab.base.files import read_json_or_empty
from faceswap_lab.base.messages import _, ngettext

# key in scores.json -> what it is, for runs whose scores.json does not say so itself ("scores")
MEASURES = {
    "swap_gain": {
        "title": "swap gain", "better": "higher", "unit": "",
        "meaning": "How much of the way from the untouched target (0) to the true swap (1), judged by local contrast: "
        "a tint earns nothing; a face without features up to 0.3, so look, too.",
    },
    "identity_gain": {
        "title": "identity gain", "better": "higher", "unit": "",
        "meaning": "The same way, judged by the features of a face recognition network that took no part in training.",
    },
    "pixel_gain": {
        "title": "pixel gain", "better": "higher", "unit": "",
        "meaning": "The same way in plain colours. A tint alone earns much of it, so it is never read alone.",
    },
    "structure_gain": {
        "title": "structure gain", "better": "higher", "unit": "",
        "meaning": "The same way, judged by how local contrast goes along with the truth's: a face without features earns nothing.",
    },
    "nearer_to_source": {
        "title": "frames nearer to B", "better": "higher", "unit": "share",
        "meaning": "Share of the frames that the recognition network finds nearer to B than to A.",
    },
    "landmark_error": {
        "title": "landmark error", "better": "lower", "unit": "share",
        "meaning": "How far eyes, nose and mouth lie from where the true swap has them, "
        "as a share of the distance between the eyes.",
    },
    "gaze_error": {
        "title": "gaze error", "better": "lower", "unit": "deg",
        "meaning": "How far past the true swap's gaze the eyes look, in degrees; blinks are left out.",
    },
    "sharpness": {
        "title": "sharpness", "better": "one", "unit": "",
        "meaning": "Energy of the edges relative to the truth's: 1 is as sharp, less is blurred, more is noise or a seam.",
    },
}  # fmt: skip
BETTER = {"higher": "higher", "lower": "lower", "one": "nearer to 1"}
GAINS = ("swap_gain", "identity_gain", "pixel_gain")
WITHOUT_TRUTH = ("nearer_to_source", "identity_move_dlib", "expression_kept")  # shown where no true swap is known
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
    return max(worth, key=lambda name: worth[name]) if worth else None


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
    shown = (
        GAINS if any(values.get(key) is not None for name, values, kind in found for key in GAINS) else WITHOUT_TRUTH
    )
    rows: list[tuple[str, ...]] = [("", *shown)]
    for name, values, kind in found:
        star = "* " if name == best_model(scores) and kind == "model" else "  "
        rows.append((star + name, *("-" if values.get(key) is None else f"{round(values[key], 2) + 0:.2f}" for key in shown)))
    if len(rows) == 1:
        return ""
    first, wide = max(len(row[0]) for row in rows), max(13, *map(len, shown))
    return "\n".join(f"{name:<{first}}" + "".join(f"  {cell:>{wide}}" for cell in cells) for name, *cells in rows)


def model_title(name: str | None) -> str:
    """A model's folder name as words."""
    return (name or "").replace("_", " ").replace("faceswap gan", "FaceSwap-GAN")


def row_title(name: str, kind: str) -> str:
    """What a row of `score_rows` is called."""
    return BASELINES.get(name, model_title(name)) if kind == "baseline" else model_title(name)


def shared(rows: list[tuple[str, dict, str]], about: dict, least: int = 1) -> dict:
    """Those scores of `about` that so many rows have at least."""
    return {key: one for key, one in about.items() if sum(row.get(key) is not None for _, row, _ in rows) >= least}


def scores_of_best(scores: dict, about: dict) -> list[tuple[str, str]]:
    """The best model's scores and what they are called."""
    values = scores.get("models", {}).get(best_model(scores), {})
    shown = [(values[key], one) for key, one in about.items() if values.get(key) is not None]
    return [(in_unit(value, one["unit"]), one["title"]) for value, one in shown]


def in_unit(value: float | None, unit: str) -> str:
    """A score as people read it, by its unit, see `metrics.catalogue.Score`."""
    if value is None:
        return "–"
    if unit == "share":
        return f"{100 * value:.1f} %"
    levels = _("{value:.1f} of 255").format(value=value)
    told = {"deg": f"{value:.1f}°", "dB": f"{value:.1f} dB", "levels": levels, "%": f"{value:.1f} %"}
    return told.get(unit, f"{round(value, 2) + 0:.2f}")


def between(ends: list[float] | None, unit: str) -> str:
    """An interval as people read it; "" where there is none."""
    if not ends:
        return ""
    return _("{low} to {high}").format(low=in_unit(ends[0], unit), high=in_unit(ends[1], unit))


def told_frames(count: object) -> str:
    """How long a clip is, in frames; "?" where nobody wrote it down."""
    return ngettext("{count} frame", "{count} frames", count if isinstance(count, int) else 2).format(count=count)


def columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows as lines of text, each column as wide as it needs."""
    wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, wide, strict=True)).rstrip() for row in rows]
