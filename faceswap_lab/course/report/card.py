"""A score card on the page: the table of all scores, plain sentences, best and worst frames, heat maps, curves."""

from __future__ import annotations

from pathlib import Path

from faceswap_lab.base import files
from faceswap_lab.course import trusted_paths
from faceswap_lab.course.report import pictures
from faceswap_lab.course.report.frames import picture_path
from faceswap_lab.course.report.pages import Clip, between, in_unit, model_title, write_page
from faceswap_lab.course.report.scores import best_model, row_kind, score_rows

BETTER = {"higher": "higher", "lower": "lower", "one": "nearer to 1"}
GAINS = ("swap_gain", "identity_gain")


def write_card_page(folder: str | Path) -> Path:
    """Writes index.html of a folder that `score` wrote.

    Args:
        folder: with scores.json.

    Returns:
        The path of index.html.

    Raises:
        LabError: when there is no scores.json, or the folder cannot be written to.
    """
    folder = Path(folder).absolute()
    trusted_paths.refuse_links(folder)
    scores = files.read_json(folder / "scores.json")
    clip = scores.get("clip", {})
    words = (
        f"{model_title(scores.get('best'))} beside {clip.get('target', 'its target')}, {clip.get('frames', '?')} frames"
    )
    words += "" if clip.get("truth") else ", the true swap is not known"
    copy = folder / "report" / "output.mp4"
    output, why = scored_film(folder, clip)
    films = []
    if output is not None and pictures.playable_clip(output, copy, swapped=True):
        films.append(Clip(copy, output.name, sound=True))
    return write_page(
        folder,
        "card.html",
        subtitle=words,
        shown_tiles=tiles(scores),
        score_card=card(scores),
        baselines=baselines(scores),
        shown_frames=shown_frames(folder, scores),
        films=films,
        left_out=why,
    )


def scored_film(folder: Path, clip: dict) -> tuple[Path | None, str]:
    """The film that scores.json names, when it may be shown.

    Args:
        folder: of the scores.
        clip: what scores.json says of the clip.

    Returns:
        Its path and "", or None and the sentence that says why it is left out; None and "" where none is named.
    """
    named = clip.get("output") if isinstance(clip, dict) else None
    if not isinstance(named, str) or not named:
        return None, ""
    path, why = trusted_paths.look(folder, "output", named, clip.get("outside"))
    return path, trusted_paths.told("film", named, why, "Score it on this computer to have it here.") if why else ""


def card_lines(scores: dict) -> str:
    """The best output's scores as lines of text, with intervals, and the notes."""
    name = best_model(scores)
    values, ends, about = scores["models"][name], scores["intervals"].get(name, {}), scores["scores"]
    rows = [
        (one["title"], in_unit(values[key], one["unit"]), between(ends.get(key), one["unit"]), BETTER[one["better"]])
        for key, one in about.items()
        if values.get(key) is not None
    ]
    rows.insert(0, (str(name), "score", "95 % interval", "better"))
    wide = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, wide, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, *(f"note: {note}" for note in scores.get("notes", []))])


def tiles(scores: dict) -> list[tuple[str, str]]:
    """The first scores, large."""
    name, about = best_model(scores), scores.get("scores", {})
    values = scores["models"][name] if name else {}
    shown = [(key, one) for key, one in about.items() if values.get(key) is not None]
    return [(in_unit(values[key], one["unit"]), one["title"]) for key, one in shown[:8]]


def sentences(scores: dict) -> list[str]:
    """What the numbers say, in plain words."""
    name, about = best_model(scores), scores.get("scores", {})
    values, ends = scores["models"][name], scores.get("intervals", {}).get(name, {})
    said = []
    if (swap := values.get("swap_gain")) is not None:
        sure = f" ({between(ends.get('swap_gain'), '')})" if ends.get("swap_gain") else ""
        identity = values.get("identity_gain")
        said.append(
            f"From the untouched target to the true swap, {model_title(name)} has come {100 * swap:.0f} % of the way in structure"
            + sure
            + ("." if identity is None else f" and {100 * identity:.0f} % in identity.")
        )
    clear: dict[str, list[str]] = {}
    for other, apart in scores.get("differences", {}).items():
        measures = [key for key in GAINS if key in apart] or [key for key in apart if key in about][:2]
        for key in measures:
            _, low, high = apart[key]
            verdict = (
                "clearly better than" if low > 0 else "clearly worse than" if high < 0 else "no clear difference from"
            )
            clear.setdefault(f"{about[key]['title']}: {verdict}", []).append(model_title(other))
    return said + [f"{words[0].upper()}{words[1:]} {', '.join(others)}." for words, others in clear.items()]


def card(scores: dict) -> dict:
    """Every score of the best output, for `card` of the templates: value, interval, which way is better; {} for none."""
    name, about = best_model(scores), scores.get("scores", {})
    if not name or not about:
        return {}
    values, ends = scores["models"][name], scores.get("intervals", {}).get(name, {})
    return {
        "name": model_title(name),
        "intervals": bool(ends),
        "sentences": sentences(scores),
        "rows": [
            (key, in_unit(values[key], one["unit"]), between(ends.get(key), one["unit"]), BETTER[one["better"]], one)
            for key, one in about.items()
            if key in values
        ],
        "doubted": {
            key: (about[key]["title"], why) for key, why in scores.get("untrusted", {}).items() if key in about
        },
        "notes": scores.get("notes", []),
    }


def baselines(scores: dict) -> dict:
    """All outputs beside each other, in the scores that more than one of them has: heads, and rows of (kind, name, cells)."""
    rows, about, ends = score_rows(scores), scores.get("scores", {}), scores.get("intervals", {})
    keys = [key for key in about if sum(values.get(key) is not None for _, values, _ in rows) > 1]
    lines = [
        (
            row_kind(scores, name, kind),
            name,
            [
                (in_unit(values.get(key), about[key]["unit"]), between(ends.get(name, {}).get(key), about[key]["unit"]))
                for key in keys
            ],
        )
        for name, values, kind in rows
    ]
    return {"heads": [about[key]["title"] for key in keys], "rows": lines if keys else []}


def shown_frames(folder: Path, scores: dict) -> dict:
    """Best and worst frames of the best output with their heat maps, and its curves over time, for `frames` of the templates."""
    name, place = best_model(scores), folder / "scores"
    chosen = scores.get("frames", {}).get(name, {})
    groups = [
        (heading, _frames(folder, scores, name, chosen.get(key, [])))
        for key, heading in (("best", "The best frames"), ("worst", "The worst frames"))
        if any(picture_path(place, row, name).exists() for row in chosen.get(key, []))
    ]
    if not groups and (even := _frames(folder, scores, name, chosen.get("even", []))):  # no score tells them apart
        groups = [("", even)]
    legend, curves = place / "heat.png", place / "curves.png"
    return {
        "groups": groups,
        "truth": scores.get("clip", {}).get("truth"),
        "legend": legend if legend.exists() else None,
        "curves": curves if curves.exists() else None,
    }


def _frames(folder: Path, scores: dict, name: str, rows: list[int]) -> list[tuple[str, list[tuple[Path, str]]]]:
    """What is said of each frame, and its pictures: target, output, truth and heat map."""
    about, found = scores.get("scores", {}), []
    for row in rows:
        own = scores.get("shown", {}).get(name, {}).get(str(row), {})
        keys = dict.fromkeys([key for key in (*GAINS, *about) if own.get(key) is not None][:4])
        said = ", ".join(f"{about[key]['title']} {in_unit(own[key], about[key]['unit'])}" for key in keys)
        pictures_of = [
            (path, words)
            for what, words in (
                ("target", f"frame {row}, target"), (name, "output"), ("truth", "true swap"), (f"{name}_heat", "heat map"),
            )
            if (path := picture_path(folder / "scores", row, what)).exists()
        ]  # fmt: skip
        if pictures_of:
            found.append((f"Frame {row}: {said}", pictures_of))
    return found
