"""The page that a run ends with: index.html beside the products, readable without a network or a server."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from faceswap_lab.base.errors import LabError
from faceswap_lab.base.files import read_json_or_empty
from faceswap_lab.base.messages import _, ngettext, retold
from faceswap_lab.course import trusted_paths
from faceswap_lab.course.report import pictures
from faceswap_lab.course.report.card import best_and_worst, card_lines, sentences, write_card_page
from faceswap_lab.course.report.comparison import comparison_lines, write_comparison
from faceswap_lab.course.report.marks import marks
from faceswap_lab.course.report.pages import Clip, write_page
from faceswap_lab.course.report.scores import MEASURES, model_title, scores_of_best, summary

__all__ = [
    "card_lines",
    "comparison_lines",
    "left_out",
    "summary",
    "write_card_page",
    "write_comparison",
    "write_report",
]

BLENDS = {
    "direct": "direct overlay",
    "mask": "mask overlay",
    "seamless": "seamless cloning",
    "laplacian": "Laplacian pyramid",
}
PEOPLE = {"A": "A, the target person", "target": "A in the target clip", "B": "B, the source"}
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
    clips, left = _clips(run, facts)
    tiles = scores_of_best(scores, MEASURES)
    if minutes := sum(marker.get("minutes", 0.0) for _, marker in _markers(run)):
        tiles.append((_("{minutes:.1f} min").format(minutes=minutes), _("all notebooks together")))
    return write_page(
        run,
        "run.html",
        subtitle=_subtitle(run, facts),
        scored=scores,
        tiles=tiles,
        clips=clips,
        left_out=left,
        strips=_pictures(run, "strip_*.png"),
        marks=marks(run),
        sentences=sentences(scores),
        frames=best_and_worst(run, scores),
        sheets=list(_sheets(run)),
        models=list(_models(run)),
        blends=_pictures(run, "blend*.png"),
        videos=_videos(run),
        gallery=_pictures(run, "*.png", without=("strip_*.png", "blend*.png")),
        notebooks=_notebooks(run),
        settings=_settings(run, facts),
    )


def _subtitle(run: Path, facts: dict) -> str:
    clips = {name: Path(path).name for name, path in facts.get("clips", {}).items()}
    parts = [_("Run “{name}”").format(name=run.name)]
    if "source" in clips and "target" in clips:
        parts.append(_("the face of {source} (B) on {target} (A)").format(**clips))
    parts += [_("preset {name}").format(name=facts["preset"])] if "preset" in facts else []
    return " · ".join(parts + [retold(str(facts[key])) for key in ("device", "time") if key in facts])


def _clips(run: Path, facts: dict) -> tuple[list[Clip], list[str]]:
    """Target, both swaps and truth, as far as they are there; and why others are left out."""
    shown, left = [], []
    made = {"base": run / "swap" / "base_mask.mp4", "swap": run / "swap.mp4"}
    for name, title, words in (
        ("target", _("Target"), _("A’s clip, as it was")),
        ("base", _("Before training"), _("by the base model")),
        ("swap", _("Swap"), _("the best model’s, with the target’s sound")),
        ("truth", _("Truth"), _("what a perfect swap would show")),
    ):
        if name in made:
            clip, why = made[name], ""
            found = clip.exists()
        else:
            clip = run / "report" / f"{name}.mp4"
            given, why = given_clip(run, facts, name)
            found = given is not None and pictures.playable_clip(given, clip)
        if found:
            shown.append(Clip(clip, title, words, sound=name == "swap"))
        elif why:
            left.append(why)
    return shown, left


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
    remedy = _("If you know it and mean it, give it by hand: {command}").format(command=command)
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
    frame = re.fullmatch(r"strip_(\d+)", picture.stem)
    return _("frame {number}").format(number=int(frame[1])) if frame else picture.stem.replace("_", " ")


def _pictures(run: Path, *patterns: str, without: tuple[str, ...] = ()) -> list[tuple[Path, str]]:
    """Pictures of the notebooks with their captions."""
    found = [path for pattern in patterns for path in sorted((run / "pictures").glob(pattern))]
    return [(path, _caption(path)) for path in found if not any(path.match(pattern) for pattern in without)]


def _sheets(run: Path) -> Iterable[tuple[Path, str]]:
    """Contact sheets of the face sets with their captions."""
    for role, words in PEOPLE.items():
        folder = run / "faces" / role
        sheet = folder / "contact_sheet.png"
        if not sheet.exists():
            sheet = run / "report" / f"faces_{role}.png"
            if not pictures.contact_sheet(folder / "faces", sheet):
                continue
        count = sum(1 for _ in (folder / "faces").glob("*.png"))
        yield sheet, f"{_(words)}: {ngettext('{count} face', '{count} faces', count).format(count=count)}"


def _models(run: Path) -> Iterable[tuple[str, Path | None, list[tuple[int, str]]]]:
    """Each trained model's name, loss curves and previews: (step, address), in order."""
    for folder in sorted(path for path in (run / "models").glob("*") if path.is_dir()):
        chart = run / "report" / f"{folder.name}_loss.png"
        drawn = pictures.loss_picture(folder / "history.csv", chart)
        previews = sorted(
            (int(match[1]), quote(path.relative_to(run).as_posix()))
            for path in (folder / "previews").glob("step_*.png")
            if (match := re.fullmatch(r"step_(\d+)", path.stem))
        )
        if drawn or previews:
            yield folder.name, chart if drawn else None, previews


def _videos(run: Path) -> dict[str, list[Clip]]:
    """Each model's videos, one a way of blending."""
    videos: dict[str, list[Clip]] = {}
    for path in sorted((run / "swap").glob("*.mp4")):
        model, blend = path.stem.rpartition("_")[::2]
        if blend not in BLENDS:
            model, blend = path.stem, ""
        videos.setdefault(model, []).append(Clip(path, _(BLENDS[blend]) if blend else model_title(model)))
    return videos


def _markers(run: Path) -> list[tuple[str, dict]]:
    return [(path.stem, read_json_or_empty(path)) for path in sorted((run / "stages").glob("[0-9][0-9]_*.json"))]


def _notebooks(run: Path) -> list[tuple[str, Path | None, str, str]]:
    """The executed notebooks: name, copy, minutes, what was made."""
    found = []
    for name, marker in _markers(run):
        copy = run / "notebooks" / f"{name}.ipynb"
        minutes = f"{marker['minutes']:.1f}" if "minutes" in marker else "–"
        made = retold(marker.get("made", "")) if marker.get("done", True) else _("not finished")
        found.append((name, copy if copy.exists() else None, minutes, made))
    return found


def _settings(run: Path, facts: dict) -> list[tuple[str, object]]:
    rows = {_(key): retold(str(facts[key])) for key in ("preset", "seed", "device", "place", "time") if key in facts}
    rows |= {_(name.replace("_", " ")): Path(path).name for name, path in facts.get("clips", {}).items()}
    rows[_("versions")] = ", ".join(f"{name} {version}" for name, version in facts.get("versions", {}).items())
    for name, marker in _markers(run):
        own = marker.get("parameters", {}).items()
        rows[name] = ", ".join(f"{key} = {value!r}" for key, value in own if key not in COMMON)
    return [(key, value) for key, value in rows.items() if value not in ("", None)]
