"""The page that a run ends with: index.html beside the products, readable without a network or a server."""

from __future__ import annotations

import json
import re
import shlex
import string
from pathlib import Path

from faceswap_lab import __version__
from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.course import trusted_paths
from faceswap_lab.course.report import pictures
from faceswap_lab.course.report.card import card_lines, card_section, frame_sections, write_card_page
from faceswap_lab.course.report.comparison import comparison_lines, write_comparison
from faceswap_lab.course.report.marks import marks_section
from faceswap_lab.course.report.markup import figure, link, missing, player, players, section, text, title
from faceswap_lab.course.report.pictures import read_json_or_empty
from faceswap_lab.course.report.scores import MEASURES, best_model, number, score_section, summary

__all__ = [
    "card_lines",
    "comparison_lines",
    "left_out",
    "summary",
    "write_card_page",
    "write_comparison",
    "write_report",
]

TEMPLATE = Path(__file__).with_name("page.html")
LABEL = (
    "The face in the swapped clips was put there by a neural network; the person shown never did what they show. "
    "Say so wherever you pass them on."
)
BLENDS = {
    "direct": "direct overlay",
    "mask": "mask overlay",
    "seamless": "seamless cloning",
    "laplacian": "Laplacian pyramid",
}
COMMON = ("preset", "seed", "out", "source", "target")  # parameters that the page shows once, not for each notebook


def write_report(run_folder: str | Path) -> Path:
    """Writes index.html for a run, from what its folder holds; what is missing is named with its notebook.

    Of files outside that folder, only those are copied that this user gave to the lab, see `course.trusted_paths`.

    Args:
        run_folder: runs/<name>.

    Returns:
        The path of index.html.

    Raises:
        LabError: when the folder does not exist, cannot be written or has a link that leads out of it.
    """
    run = Path(run_folder).absolute()
    if not run.is_dir():
        raise LabError(f"{run_folder}: no such run. Make one: python -m faceswap_lab run --out {run_folder}")
    trusted_paths.refuse_links(run)
    facts = read_json_or_empty(run / "run.json")
    scores = read_json_or_empty(run / "scores.json")
    sections = [
        _clips(run, facts),
        _stills(run),
        marks_section(run),
        score_section(scores),
        card_section(scores),
        frame_sections(run, scores),
    ]
    sections += [_faces(run), _models(run), _blends(run)]
    sections += [_gallery(run), _timing(run), _settings(run, facts)]
    page = string.Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        title="A’s video with B’s face",
        subtitle=text(_subtitle(run, facts)),
        label=LABEL,
        tiles=_tiles(run, scores),
        sections="\n".join(filter(None, sections)),
        footer=f"Written by faceswap_lab {__version__}. Every picture and clip here lies in this folder.",
    )
    files.write_text(run / "index.html", page)
    return run / "index.html"


def _subtitle(run: Path, facts: dict) -> str:
    clips = {name: Path(path).name for name, path in facts.get("clips", {}).items()}
    parts = [f"Run “{run.name}”"]
    if "source" in clips and "target" in clips:
        parts.append(f"the face of {clips['source']} (B) on {clips['target']} (A)")
    parts += [f"preset {facts['preset']}"] if "preset" in facts else []
    return " · ".join(parts + [str(facts[key]) for key in ("device", "time") if key in facts])


def _tiles(run: Path, scores: dict) -> str:
    best = best_model(scores)
    values = scores["models"][best] if best else {}
    tiles = [
        (number(key, values[key]), heading) for key, (heading, _, _) in MEASURES.items() if values.get(key) is not None
    ]
    minutes = sum(marker.get("minutes", 0.0) for _, marker in _markers(run))
    tiles += [(f"{minutes:.1f} min", "all notebooks together")] if minutes else []
    cells = "".join(f"<div class='tile'><b>{text(value)}</b><span>{text(name)}</span></div>" for value, name in tiles)
    words = f"<p class='soft'>The best model here: <b>{text(title(best))}</b>.</p>" if best else ""
    return f"{words}<div class='tiles'>{cells}</div>" if tiles else ""


def _clips(run: Path, facts: dict) -> str:
    shown, left = [], ""
    for name, caption, words in (
        ("target", "Target", "A’s clip, as it was"),
        ("swap", "Swap", "the best model’s, with the target’s sound"),
        ("truth", "Truth", "what a perfect swap would show"),
    ):
        if name == "swap":
            clip, why = run / "swap.mp4", ""
            found = clip.exists()
        else:
            clip = run / "report" / f"{name}.mp4"
            given, why = given_clip(run, facts, name)
            found = given is not None and pictures.playable_clip(given, clip)
        if found:
            shown.append(player(run, clip, caption, words, sound=name == "swap"))
        elif name == "swap":
            shown.append(missing("The swapped clip", "05"))
        elif why:
            left += f"<p class='missing'>{text(why)}</p>"
    return section("The result", "The same moments, side by side.", players(shown) + left)


def given_clip(run: Path, facts: dict, role: str, called: str = "") -> tuple[Path | None, str]:
    """A clip that run.json names, when it may be shown.

    Args:
        run: the run's folder.
        facts: its run.json.
        role: "target" or "truth".
        called: the run, as the command line knows it; "": its name alone, since pages are passed on.

    Returns:
        Its path and "", or None and the sentence that says why it is left out; None and "" where there is none.
    """
    stored = facts.get("clips")
    named = stored.get(role) if isinstance(stored, dict) else None
    if not isinstance(named, str):
        return None, ""
    path, why = trusted_paths.look(run, named)
    command = f"python -m faceswap_lab report {shlex.quote(called or run.name)} --{role} FILE"
    remedy = f"If you know it and mean it, give it by hand: {command}"
    return path, trusted_paths.told(role, named, why, remedy) if why else ""


def left_out(run_folder: str | Path) -> list[str]:
    """The sentences about clips that the page does not show."""
    run = Path(run_folder).absolute()
    facts = read_json_or_empty(run / "run.json")
    return [why for role in ("target", "truth") if (why := given_clip(run, facts, role, str(run_folder))[1])]


def _caption(picture: Path) -> str:
    words = picture.with_suffix(".txt")
    if words.is_file():
        return words.read_text(encoding="utf-8", errors="replace").strip()
    return picture.stem.replace("_", " ")


def _pictures(run: Path, *patterns: str) -> list[Path]:
    return [path for pattern in patterns for path in sorted((run / "pictures").glob(pattern))]


def _stills(run: Path) -> str:
    strips = "".join(figure(run, path, _caption(path)) for path in _pictures(run, "strip_*.png"))
    if not strips and (run / "swap.mp4").exists():
        return ""
    body = f"<div class='wide'>{strips}</div>" if strips else missing("A strip of stills", "05")
    return section("Stills", "The same frames stopped: look at the eyes, the mouth, and the seam.", body)


def _faces(run: Path) -> str:
    body = ""
    for role, words in (("A", "A, the target person"), ("target", "A in the target clip"), ("B", "B, the source")):
        folder = run / "faces" / role
        sheet = folder / "contact_sheet.png"
        if not sheet.exists():
            sheet = run / "report" / f"faces_{role}.png"
            if not pictures.contact_sheet(folder / "faces", sheet):
                continue
        count = sum(1 for _ in (folder / "faces").glob("*.png"))
        body += figure(run, sheet, f"{words}: {count} faces", "full")
    words = "Cut out, turned upright and brought to one size. A picture deleted from faces/ is used no more."
    return section("Face sets", words, body or missing("A face set", "02"))


def _models(run: Path) -> str:
    body = ""
    for folder in sorted(path for path in (run / "models").glob("*") if path.is_dir()):
        parts = ""
        chart = run / "report" / f"{folder.name}_loss.png"
        if pictures.loss_picture(folder / "history.csv", chart):
            parts += figure(run, chart, "loss over the steps", "chart")
        parts += _previews(run, folder)
        if parts:
            body += f"<h3>{text(title(folder.name))}</h3><div class='wide'>{parts}</div>"
    words = "The losses fall, and the faces appear. Move the slider to go back in time."
    return section("Training", words, body or missing("A trained model", "03"))


def _previews(run: Path, folder: Path) -> str:
    found = []
    for path in (folder / "previews").glob("step_*.png"):
        if match := re.fullmatch(r"step_(\d+)", path.stem):
            found.append((int(match[1]), link(run, path)))
    if not found:
        return ""
    found.sort()
    step, last = found[-1]
    slider = ""
    if len(found) > 1:
        latest = len(found) - 1
        choices = text(json.dumps(found))
        slider = f"<input type='range' aria-label='step' max='{latest}' value='{latest}' data-pictures='{choices}'>"
    words = f"<figcaption>step <b data-step>{step}</b>, {len(found)} previews kept</figcaption>"
    return f"<figure class='preview'><img src='{last}' alt='preview grid'>{slider}{words}</figure>"


def _blends(run: Path) -> str:
    compared = "".join(figure(run, path, _caption(path)) for path in _pictures(run, "blend*.png"))
    body = f"<div class='wide'>{compared}</div>" if compared else ""
    clips: dict[str, list[str]] = {}
    for path in sorted((run / "swap").glob("*.mp4")):
        model, _, blend = path.stem.rpartition("_")
        if blend not in BLENDS:
            model, blend = path.stem, ""
        clips.setdefault(model, []).append(player(run, path, BLENDS.get(blend, title(model)), ""))
    for model, shown in clips.items():
        body += f"<h3>{text(title(model))}</h3>{players(shown)}"
    words = (
        "Direct overlay pastes the square; the mask follows the face; seamless cloning carries the light over, too; a pyramid "
        "mixes each size of detail over an edge of its own width."
    )
    return section("Ways of blending", words, body or missing("The comparison of blends", "05"))


def _gallery(run: Path) -> str:
    elsewhere = set(_pictures(run, "strip_*.png", "blend*.png"))
    body = "".join(figure(run, path, _caption(path)) for path in _pictures(run, "*.png") if path not in elsewhere)
    return section("More pictures", "What the notebooks drew on the way.", body and f"<div class='wide'>{body}</div>")


def _markers(run: Path) -> list[tuple[str, dict]]:
    return [(path.stem, read_json_or_empty(path)) for path in sorted((run / "stages").glob("[0-9][0-9]_*.json"))]


def _timing(run: Path) -> str:
    lines = ""
    for name, marker in _markers(run):
        copy = run / "notebooks" / f"{name}.ipynb"
        label = f"<a href='{link(run, copy)}'>{text(name)}</a>" if copy.exists() else text(name)
        minutes = f"{marker['minutes']:.1f}" if "minutes" in marker else "–"
        state = marker.get("made", "") if marker.get("done", True) else "not finished"
        lines += f"<tr><td>{label}</td><td class='number'>{minutes}</td><td>{text(state)}</td></tr>"
    table = f"<div class='scroll'><table><tr><th>notebook</th><th>minutes</th><th>made</th></tr>{lines}</table></div>"
    return section("The notebooks", "Executed copies, with all that they print and draw.", table if lines else "")


def _settings(run: Path, facts: dict) -> str:
    rows = {key: facts[key] for key in ("preset", "seed", "device", "place", "time") if key in facts}
    rows |= {name.replace("_", " "): Path(path).name for name, path in facts.get("clips", {}).items()}
    rows["versions"] = ", ".join(f"{name} {version}" for name, version in facts.get("versions", {}).items())
    for name, marker in _markers(run):
        own = marker.get("parameters", {}).items()
        rows[name] = ", ".join(f"{key} = {value!r}" for key, value in own if key not in COMMON)
    shown = [(key, value) for key, value in rows.items() if value not in ("", None)]
    lines = "".join(f"<dt>{text(key)}</dt><dd>{text(value)}</dd>" for key, value in shown)
    return section("Settings", "What to give to get the same again.", f"<dl>{lines}</dl>" if lines else "")
