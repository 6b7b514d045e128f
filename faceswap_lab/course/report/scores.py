"""The scores as a table on the page and as lines in the terminal."""

from __future__ import annotations

from pathlib import Path

from faceswap_lab.course.report.pages import model_title
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


def score_table(scores: dict) -> dict:
    """The table of a run's scores, for `scores_of_run` of the templates; {} where there are none.

    A cell holds value, interval, whether it is negative, and the width of its bar in per cent.
    """
    rows, ends = score_rows(scores), scores.get("intervals", {})
    keys = [key for key in MEASURES if any(values.get(key) is not None for _, values, _ in rows)]
    return rows and {
        "heads": [MEASURES[key][0] for key in keys],
        "rows": [
            (
                row_kind(scores, name, kind),
                BASELINES.get(name, model_title(name)) if kind == "baseline" else model_title(name),
                [_cell(key, values.get(key), ends.get(name, {}).get(key)) for key in keys],
            )
            for name, values, kind in rows
        ],
        "meanings": [MEASURES[key][:2] for key in keys],
        "intervals": bool(ends),
        "notes": scores.get("notes", []),
    }


def row_kind(scores: dict, name: str, kind: str) -> str:
    """How a row of `score_rows` is marked: "best", "model" or "baseline"."""
    return "best" if kind == "model" and name == best_model(scores) else kind


def _cell(key: str, value: float | None, ends: list[float] | None) -> tuple[str | None, str, bool, int]:
    if value is None:
        return None, "", False, 0
    interval = f"{number(key, ends[0])} to {number(key, ends[1])}" if ends else ""
    return number(key, value), interval, value < 0, round(100 * min(value, 1)) if MEASURES[key][2] else 0
