"""The page that sets runs side by side: scores, which differences are clear, settings that differ, frames, videos."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from faceswap_lab.base import files, untrusted
from faceswap_lab.base.errors import LabError
from faceswap_lab.base.files import read_json_or_empty
from faceswap_lab.base.messages import _, retold
from faceswap_lab.course import trusted_paths
from faceswap_lab.course.report import pictures
from faceswap_lab.course.report.card import scored_video
from faceswap_lab.course.report.frames import file_name, picture_path
from faceswap_lab.course.report.pages import Clip, write_page
from faceswap_lab.course.report.scores import (
    MEASURES,
    best_model,
    columns,
    in_unit,
    model_title,
    score_rows,
    told_frames,
)

_HIDDEN = ("time", "sha256", "fingerprint", "minutes", "made", "done", "out", "parameters.out", "target", "source")


@dataclass(frozen=True, eq=False)
class Entry:
    """A run, or a score folder, on the page.

    Args:
        folder, name: where it is, and what it is called there.
        scores: its scores.json.
        best: the output that stands for it.
        settings: what it was made with, by dotted names.
    """

    folder: Path
    name: str
    scores: dict
    best: str
    settings: dict[str, str]

    @property
    def values(self) -> dict:
        """The best output's scores."""
        return self.scores["models"][self.best]

    @property
    def ends(self) -> dict:
        """Their intervals."""
        return self.scores.get("intervals", {}).get(self.best, {})

    def table(self) -> pd.DataFrame | None:
        """The table of its frames, or None where an older version wrote none."""
        path = self.folder / "scores" / f"{file_name(self.best)}.csv"
        try:
            return files.read_csv(path)
        except (OSError, ValueError):
            return None

    def video(self) -> Path | None:
        """The best output's video, when it may be shown, see `card.scored_video`."""
        clip = self.scores.get("clip", {})
        found = scored_video(self.folder, clip)[0] if clip.get("output") else self.folder / "swap.mp4"
        return found if found is not None and found.is_file() else None


def read_entries(folders: Sequence[str | Path]) -> list[Entry]:
    """What lies in the folders.

    Raises:
        LabError: for fewer than two, the same twice, or one without scores.
    """
    places = [Path(folder).absolute() for folder in folders]
    if len(places) < 2 or len({folder.resolve() for folder in places}) < len(places):
        raise LabError(f"{places[0] if places else 'nothing'}: give two or more different runs to compare.")
    names = [folder.name for folder in places]
    entries = []
    for folder, name in zip(places, names, strict=True):
        name = name if names.count(name) == 1 else f"{folder.parent.name}/{name}"
        path = folder / "scores.json"
        if not path.exists():
            raise LabError(
                f"{path}: no such file, so there is nothing to compare. Finish the run (notebook 05), or use the command score."
            )
        trusted_paths.refuse_links(folder)
        scores = files.read_json(path)
        best = best_model(scores) if isinstance(scores, dict) else None
        if best is None:
            raise LabError(f"{path}: there are no scores of a model in it. Score the conversion again.")
        entries.append(Entry(folder, name, scores, best, _settings(folder, best)))
    return entries


def _settings(folder: Path, best: str) -> dict[str, str]:
    kept = {"": read_json_or_empty(folder / "run.json")}
    kept[""].pop("outside", None)  # seals are no settings, and no page's business
    kept["conversion"] = read_json_or_empty(folder / "conversion_settings.json")
    if untrusted.is_plain(best):  # scores.json names it: a stranger's could lead to any config.json of this computer
        kept["model"] = read_json_or_empty(folder / "models" / best / "config.json")
        kept["training"] = read_json_or_empty(folder / "models" / best / "made_with.json")
    for path in sorted((folder / "stages").glob("[0-9][0-9]_*.json")):
        kept[path.stem] = read_json_or_empty(path).get("parameters", {})
    found: dict[str, str] = {_("best model"): best}
    for part, values in kept.items():
        found |= _flat(values, part)
    return found


def _flat(values: dict, before: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in values.items():
        name = f"{before}.{key}" if before else key
        if isinstance(value, dict):
            found |= _flat(value, name)
        elif key not in _HIDDEN or before == "clips":
            found[name] = Path(value).name if before == "clips" else str(value)
    return found


def same_frames(entries: Sequence[Entry]) -> bool:
    """Whether all were scored on the same frames, so that they can be compared frame by frame."""
    clips = [(e.scores.get("clip", {}).get("digest"), e.scores.get("clip", {}).get("frames")) for e in entries]
    return None not in clips[0] and len(set(clips)) == 1


def clear_differences(first: Entry, other: Entry, paired: bool) -> dict[str, str]:
    """Which scores tell the two apart.

    Args:
        first, other: two entries.
        paired: whether their frames are the same.

    Returns:
        Score -> "better", "worse" or "no clear difference", of the other beside the first; "" where it cannot be said.
    """
    from faceswap_lab.metrics import (  # brings the networks' library with it, which takes seconds to load
        bootstrap,
        measures,
    )

    known, keys = measures.all_scores(), [key for key in first.values if key in other.values]
    table, beside = (other.table(), first.table()) if paired else (None, None)
    if table is not None and beside is not None and len(table) == len(beside):
        asked = tuple(known[key] for key in keys if key in known)
        found = bootstrap.differences(asked, table, beside)
        return {
            key: ""
            if not one.is_known
            else ("better" if one.low > 0 else "worse")
            if one.clear
            else "no clear difference"
            for key, one in found.items()
        }
    said = {}
    for key in keys:
        one, two = first.ends.get(key), other.ends.get(key)
        if not one or not two or key not in known:
            continue
        apart = two[0] > one[1] or one[0] > two[1]
        better = known[key].goodness(other.values[key]) > known[key].goodness(first.values[key])
        said[key] = ("better" if better else "worse") if apart else "no clear difference"
    return said


def write_comparison(folders: Sequence[str | Path], out: str | Path) -> Path:
    """Writes a page that sets runs or score folders side by side; all that it shows is copied beside it.

    Args:
        folders: two or more, each with scores.json.
        out: the page's folder.

    Returns:
        The path of index.html.

    Raises:
        LabError: for a folder without scores, or a place that cannot be written to.
    """
    entries, out = read_entries(folders), files.make_folder(Path(out).absolute())
    paired = same_frames(entries)
    shown = _frames(entries, out) if paired else []
    videos, without_video = _videos(entries, out)
    return write_page(
        out,
        "comparison.html",
        entries=entries,
        pairing=told_pairing(entries),
        about=_about(entries),
        verdicts=[clear_differences(entries[0], entry, paired) if entry is not entries[0] else {} for entry in entries],
        kinds=_kinds(entries),
        frames=shown,
        videos=videos,
        without_video=without_video,
        differing=_differing(entries),
    )


def told_pairing(entries: Sequence[Entry]) -> str:
    """Whether, and how, these can be compared."""
    if same_frames(entries):
        return _(
            "All were scored on the same frames: differences are taken frame by frame, which tells more than two intervals."
        )
    clips = [e.scores.get("clip", {}) for e in entries]
    if any("digest" not in clip for clip in clips):
        old = ", ".join(e.name for e, clip in zip(entries, clips, strict=True) if "digest" not in clip)
        said = _(
            "{names}: scored by an older version, without intervals; score again to learn which differences are clear."
        )
        return said.format(names=old)
    lengths = ", ".join(
        f"{e.name}: {c['target']}, {told_frames(c['frames'])}" for e, c in zip(entries, clips, strict=True)
    )
    return _(
        "These are different clips ({lengths}): a clip may be easier than another, so that a difference need not be the swap's. "
        "A difference is called clear where the intervals do not meet."
    ).format(lengths=lengths)


def _about(entries: Sequence[Entry]) -> dict[str, dict]:
    """Title, unit and direction of every score that an entry has, in the order of the first."""
    known = {key: one for entry in reversed(entries) for key, one in entry.scores.get("scores", {}).items()}
    known |= {key: one for key, one in MEASURES.items() if key not in known}
    return {key: one for key, one in known.items() if any(entry.values.get(key) is not None for entry in entries)}


def _kinds(entries: Sequence[Entry]) -> dict[str, str]:
    """Every model and baseline: name -> "model" or "baseline", models first."""
    kinds = {name: kind for entry in entries for name, values, kind in score_rows(entry.scores)}
    return dict(sorted(kinds.items(), key=lambda row: row[1] != "model"))


def _frames(entries: Sequence[Entry], out: Path) -> list[list[tuple[Path, str]]]:
    """The pictures of the frames that all entries show, copied beside the page, with their captions."""
    shown = [set(entry.scores.get("frames", {}).get(entry.best, {}).get("even", [])) for entry in entries]
    found = []
    for row in sorted(set.intersection(*shown)):
        wanted = [(entries[0], "target", _("frame {number}, target").format(number=row))]
        for entry in entries:
            heat = _("{name}, heat map").format(name=entry.name)
            wanted += [(entry, entry.best, entry.name), (entry, f"{entry.best}_heat", heat)]
        wanted.append((entries[0], "truth", _("true swap")))
        copies = [(_copied(entry, out, row, what), words) for entry, what, words in wanted]
        found.append([(copy, words) for copy, words in copies if copy])
    if found and (legend := entries[0].folder / "scores" / "heat.png").exists():
        shutil.copyfile(legend, out / "heat.png")
    return found


def _copied(entry: Entry, out: Path, row: int, what: str) -> Path | None:
    path = picture_path(entry.folder / "scores", row, what)
    if not path.exists():
        return None
    copy = out / "frames" / f"{file_name(entry.name)}_{path.name}"
    with files.atomic_path(copy) as temporary:
        shutil.copyfile(path, temporary)
    return copy


def _videos(entries: Sequence[Entry], out: Path) -> tuple[list[Clip], list[str]]:
    """The videos, copied beside the page; and the names of the entries without one."""
    shown, without = [], []
    for entry in entries:
        video, copy = entry.video(), out / "videos" / f"{file_name(entry.name)}.mp4"
        if video is not None and pictures.playable_clip(video, copy, swapped=True):
            shown.append(Clip(copy, entry.name, model_title(entry.best)))
        else:
            without.append(entry.name)
    return shown, without


def _differing(entries: Sequence[Entry]) -> dict[str, list[str]]:
    """The settings that are not the same in all, and each entry's value."""
    keys = dict.fromkeys(key for entry in entries for key in entry.settings)
    rows = {key: [retold(entry.settings.get(key, "–")) for entry in entries] for key in keys}
    return {key: values for key, values in rows.items() if len(set(values)) > 1}


def comparison_lines(folders: Sequence[str | Path]) -> str:
    """The scores side by side as lines of text."""
    entries = read_entries(folders)
    about = _about(entries)
    rows = [("", *(entry.name for entry in entries))]
    for key, one in about.items():
        rows.append((_(one["title"]), *(in_unit(entry.values.get(key), one["unit"]) for entry in entries)))
    return "\n".join([*columns(rows), told_pairing(entries)])
