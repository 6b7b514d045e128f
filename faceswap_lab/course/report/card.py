"""A score card on the page: the table of all scores, plain sentences, best and worst frames, heat maps, curves."""

from __future__ import annotations

import string
from pathlib import Path

from faceswap_lab import __version__
from faceswap_lab.base import files
from faceswap_lab.course import trusted_paths
from faceswap_lab.course.report import pictures
from faceswap_lab.course.report.frames import picture_path
from faceswap_lab.course.report.markup import figure, link, player, players, section, text, title
from faceswap_lab.course.report.scores import best_model, between, in_unit, score_rows

BETTER = {"higher": "higher", "lower": "lower", "one": "nearer to 1"}
GAINS = ("swap_gain", "identity_gain")
TEMPLATE = Path(__file__).with_name("page.html")
LABEL = "A swapped face is put there by a computer; the person shown never did what they show. Say so wherever you pass it on."


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
    words = f"{title(scores.get('best'))} beside {clip.get('target', 'its target')}, {clip.get('frames', '?')} frames"
    words += "" if clip.get("truth") else ", the true swap is not known"
    film, copy = "", folder / "report" / "output.mp4"
    output, why = scored_film(folder, clip)
    if output is not None and pictures.playable_clip(output, copy, swapped=True):
        film = section("The film", "", players([player(folder, copy, output.name, "", sound=True)]))
    elif why:
        film = section("The film", "", f"<p class='missing'>{text(why)}</p>")
    page = string.Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        title="Score card",
        subtitle=text(words),
        label=text(LABEL),
        tiles=tiles(scores),
        sections="\n".join(
            filter(None, [card_section(scores), baseline_section(scores), frame_sections(folder, scores), film])
        ),
        footer=f"Written by faceswap_lab {__version__}. Every picture here lies in this folder.",
    )
    files.write_text(folder / "index.html", page)
    return folder / "index.html"


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
    path, why = trusted_paths.look(folder, named)
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


def tiles(scores: dict) -> str:
    """The first scores, large."""
    name, about = best_model(scores), scores.get("scores", {})
    values = scores["models"][name] if name else {}
    shown = [
        (in_unit(values[key], about[key]["unit"]), about[key]["title"]) for key in about if values.get(key) is not None
    ][:8]
    cells = "".join(f"<div class='tile'><b>{text(value)}</b><span>{text(words)}</span></div>" for value, words in shown)
    return f"<div class='tiles'>{cells}</div>" if cells else ""


def sentences(scores: dict) -> list[str]:
    """What the numbers say, in plain words."""
    name, about = best_model(scores), scores.get("scores", {})
    values, ends = scores["models"][name], scores.get("intervals", {}).get(name, {})
    said = []
    if (swap := values.get("swap_gain")) is not None:
        sure = f" ({between(ends.get('swap_gain'), '')})" if ends.get("swap_gain") else ""
        said.append(
            f"From the untouched target to the true swap, {title(name)} has come {100 * swap:.0f} % of the way in structure{sure}"
            + (
                f" and {100 * values['identity_gain']:.0f} % in identity."
                if values.get("identity_gain") is not None
                else "."
            )
        )
    clear: dict[str, list[str]] = {}
    for other, apart in scores.get("differences", {}).items():
        measures = [key for key in GAINS if key in apart] or [key for key in apart if key in about][:2]
        for key in measures:
            _, low, high = apart[key]
            verdict = "clearly better" if low > 0 else "clearly worse" if high < 0 else "not clearly different"
            clear.setdefault(f"{about[key]['title']}: {verdict}", []).append(title(other))
    kind = "than" if clear else ""
    for verdict, others in clear.items():
        joined = verdict.replace("not clearly different", "no clear difference from")
        link_word = "" if "difference" in joined else f" {kind}"
        said.append(f"{joined[0].upper()}{joined[1:]}{link_word} {', '.join(others)}.")
    return said


def card_section(scores: dict) -> str:
    """Every score of the best output: value, interval, which way is better, what it means."""
    name, about = best_model(scores), scores.get("scores", {})
    if not name or not about:
        return ""
    values, ends, doubted = (
        scores["models"][name],
        scores.get("intervals", {}).get(name, {}),
        scores.get("untrusted", {}),
    )
    rows = ""
    for key, one in about.items():
        if key not in values:
            continue
        mark = " <b class='negative' title='does not rank swaps of known quality'>†</b>" if key in doubted else ""
        paper = f" <small>{text(one['paper'])}</small>" if one.get("paper") else ""
        cells = (in_unit(values[key], one["unit"]), between(ends.get(key), one["unit"]) or "–", BETTER[one["better"]])
        numbers = "".join(f"<td class='number'>{text(cell)}</td>" for cell in cells)
        rows += f"<tr><td>{text(one['title'])}{mark}</td>{numbers}<td>{text(one['meaning'])}{paper}</td></tr>"
    heads = "".join(f"<th>{word}</th>" for word in ("score", "value", "95 % interval", "better", "what it is"))
    said = "".join(f"<p>{text(sentence)}</p>" for sentence in sentences(scores))
    notes = "".join(f"<p class='soft'>{text(note)}</p>" for note in scores.get("notes", []))
    daggers = "".join(
        f"<p class='soft'>† {text(about[key]['title'])}: {text(why)}</p>"
        for key, why in doubted.items()
        if key in about
    )
    words = f"All of {title(name)}. " + (
        "The interval is where the score would lie with other frames of such a clip; another person or another training moves it "
        "more." if ends else "No interval is given."
    )  # fmt: skip
    table = f"<div class='scroll'><table><tr>{heads}</tr>{rows}</table></div>"
    return section("The score card", words, said + table + daggers + notes)


def baseline_section(scores: dict) -> str:
    """All outputs beside each other, in the scores that every one of them has."""
    rows, about = score_rows(scores), scores.get("scores", {})
    keys = [key for key in about if sum(values.get(key) is not None for _, values, _ in rows) > 1]
    if len(rows) < 2 or not keys:
        return ""
    heads = "".join(f"<th>{text(about[key]['title'])}</th>" for key in keys)
    lines = ""
    for name, values, kind in rows:
        ends = scores.get("intervals", {}).get(name, {})
        cells = ""
        for key in keys:
            small = f"<br><small>{text(between(ends[key], about[key]['unit']))}</small>" if key in ends else ""
            cells += f"<td class='number'>{text(in_unit(values.get(key), about[key]['unit']))}{small}</td>"
        mark = "best" if kind == "model" and name == best_model(scores) else kind
        lines += f"<tr class='{mark}'><td>{text(title(name))}</td>{cells}</tr>"
    table = f"<div class='scroll'><table><tr><th></th>{heads}</tr>{lines}</table></div>"
    return section("Beside the baselines", "What needs no model, in grey, scored in the same way.", table)


def frame_sections(folder: Path, scores: dict) -> str:
    """Best and worst frames of the best output with their heat maps, and its curves over time."""
    name, place = best_model(scores), folder / "scores"
    chosen = scores.get("frames", {}).get(name, {})
    body = "".join(
        f"<h3>{heading}</h3>" + "".join(frame_row(folder, scores, name, row) for row in chosen.get(key, []))
        for key, heading in (("best", "The best frames"), ("worst", "The worst frames"))
        if any(picture_path(place, row, name).exists() for row in chosen.get(key, []))
    )
    known = scores.get("clip", {}).get("truth")
    if not body:  # no score tells the frames apart
        body = "".join(frame_row(folder, scores, name, row) for row in chosen.get("even", []))
    if body and (place / "heat.png").exists():
        body = f"<img class='legend' src='{link(folder, place / 'heat.png')}' alt='colours of the heat maps'>" + body
    words = "ordered by the gains" if known else "ordered by all scores that need no truth"
    compared = (
        "from the true swap" if known else "from the target, which is where it was changed, not where it is wrong"
    )
    frames = section("Frames", f"Cut out around the face, {words}. The heat map is the difference {compared}.", body)
    curves = ""
    if (place / "curves.png").exists():
        words = "Each frame's own score, thin; its running mean; dashed the whole clip's."
        curves = section("Over time", words, figure(folder, place / "curves.png", "scores over the frames", "chart"))
    return frames + curves


def frame_row(folder: Path, scores: dict, name: str, row: int) -> str:
    """Target, output, truth and heat map of one frame."""
    place, about = folder / "scores", scores.get("scores", {})
    own = scores.get("shown", {}).get(name, {}).get(str(row), {})
    keys = [key for key in (*GAINS, *about) if own.get(key) is not None]
    said = ", ".join(
        f"{about[key]['title']} {in_unit(own[key], about[key]['unit'])}" for key in dict.fromkeys(keys[:4])
    )
    cells = ""
    for what, words in (("target", "target"), (name, "output"), ("truth", "true swap"), (f"{name}_heat", "heat map")):
        path = picture_path(place, row, what)
        if path.exists():
            cells += figure(folder, path, f"frame {row}, {words}" if what == "target" else words)
    return f"<p class='soft'>Frame {row}: {text(said)}</p><div class='frames'>{cells}</div>" if cells else ""
