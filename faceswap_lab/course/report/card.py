"""A score card on the page: the table of all scores, plain sentences, best and worst frames, heat maps, curves."""

from __future__ import annotations

from pathlib import Path

from faceswap_lab.base import files
from faceswap_lab.base.messages import _, retold
from faceswap_lab.course import trusted_paths
from faceswap_lab.course.report import pictures
from faceswap_lab.course.report.frames import picture_path
from faceswap_lab.course.report.pages import Clip, write_page
from faceswap_lab.course.report.scores import BETTER, best_model, between, columns, in_unit, model_title, scores_of_best

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
    copy = folder / "report" / "output.mp4"
    output, why = scored_video(folder, clip)
    videos = []
    if output is not None and pictures.playable_clip(output, copy, swapped=True):
        videos.append(Clip(copy, output.name, sound=True))
    return write_page(
        folder,
        "card.html",
        clip=clip,
        scored=scores,
        tiles=scores_of_best(scores, scores.get("scores", {}))[:8],
        sentences=sentences(scores),
        frames=best_and_worst(folder, scores),
        videos=videos,
        left_out=why,
    )


def scored_video(folder: Path, clip: dict) -> tuple[Path | None, str]:
    """The video that scores.json names, when it may be shown.

    Args:
        folder: of the scores.
        clip: what scores.json says of the clip.

    Returns:
        Its path and "", or None and the sentence that says why it is left out; None and "" where none is named.
    """
    named = clip.get("output") if isinstance(clip, dict) else None
    if not isinstance(named, str) or not named:
        return None, ""
    path, why = trusted_paths.look(folder, named)
    return path, trusted_paths.told("video", named, why, _("Score it on this computer to have it here.")) if why else ""


def card_lines(scores: dict) -> str:
    """The best output's scores as lines of text, with intervals, and the notes."""
    name = best_model(scores)
    values, ends, about = scores["models"][name], scores["intervals"].get(name, {}), scores["scores"]
    rows = [
        (_(one["title"]), in_unit(values[key], one["unit"]), between(ends.get(key), one["unit"]), _(BETTER[one["better"]]))
        for key, one in about.items()
        if values.get(key) is not None
    ]
    rows.insert(0, (str(name), _("score"), _("95 % interval"), _("better")))
    notes = (_("note: {sentence}").format(sentence=retold(note)) for note in scores.get("notes", []))
    return "\n".join([*columns(rows), *notes])


def sentences(scores: dict) -> list[str]:
    """What the numbers say, in plain words."""
    name, about = best_model(scores), scores.get("scores", {})
    if not name or not about:
        return []
    values, ends = scores["models"][name], scores.get("intervals", {}).get(name, {})
    said = []
    if (swap := values.get("swap_gain")) is not None:
        sure = f" ({between(ends.get('swap_gain'), '')})" if ends.get("swap_gain") else ""
        identity = values.get("identity_gain")
        words = _("From the untouched target to the true swap, {model} has come {swap} % of the way in structure{sure}.")
        if identity is not None:
            words = _("From the untouched target to the true swap, {model} has come {swap} % of the way in structure{sure} and "
                      "{identity} % in identity.")  # fmt: skip
        whole = {"swap": round(100 * swap), "identity": round(100 * (identity or 0))}
        said.append(words.format(model=model_title(name), sure=sure, **whole))
    clear: dict[tuple[str, str], list[str]] = {}
    for other, apart in scores.get("differences", {}).items():
        measures = [key for key in GAINS if key in apart] or [key for key in apart if key in about][:2]
        for key in measures:
            low, high = apart[key][1:]
            verdict = (
                _("{score}: clearly better than {others}.") if low > 0
                else _("{score}: clearly worse than {others}.") if high < 0
                else _("{score}: no clear difference from {others}.")
            )  # fmt: skip
            title = _(about[key]["title"])
            clear.setdefault((verdict, f"{title[:1].upper()}{title[1:]}"), []).append(model_title(other))
    return said + [words.format(score=title, others=", ".join(others)) for (words, title), others in clear.items()]


def best_and_worst(folder: Path, scores: dict) -> list[tuple[str, list[tuple[str, list[tuple[Path, str]]]]]]:
    """Best and worst frames of the best output: heading, and for each frame what is said of it and its pictures."""
    if (name := best_model(scores)) is None:
        return []
    chosen = scores.get("frames", {}).get(name, {})
    found = {key: [_frame(folder, scores, name, row) for row in rows] for key, rows in chosen.items()}
    found = {key: [(words, shown) for words, shown in rows if shown] for key, rows in found.items()}
    groups = [(_("The best frames"), found.get("best")), (_("The worst frames"), found.get("worst"))]
    if not any(rows for _, rows in groups):
        groups = [("", found.get("even"))]  # no score tells the frames apart
    return [(heading, rows) for heading, rows in groups if rows]


def _frame(folder: Path, scores: dict, name: str, row: int) -> tuple[str, list[tuple[Path, str]]]:
    """What is said of a frame; target, output, truth and heat map, as far as they are there."""
    about, own = scores.get("scores", {}), scores.get("shown", {}).get(name, {}).get(str(row), {})
    keys = dict.fromkeys([key for key in (*GAINS, *about) if own.get(key) is not None][:4])
    said = ", ".join(f"{_(about[key]['title'])} {in_unit(own[key], about[key]['unit'])}" for key in keys)
    target = _("frame {number}, target").format(number=row)
    wanted = {"target": target, name: _("output"), "truth": _("true swap"), f"{name}_heat": _("heat map")}
    shown = [(picture_path(folder / "scores", row, what), words) for what, words in wanted.items()]
    return _("Frame {number}: {scores}").format(number=row, scores=said), [(path, words) for path, words in shown if path.exists()]
