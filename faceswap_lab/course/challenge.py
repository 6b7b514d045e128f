"""A class's challenge: swaps of one clip, ranked against a true swap that only the teacher has.

The hidden folder is one of rendered clips, as data/actors is: a manifest with one true swap, its target, and the points of the
face. Submissions are strangers' files: whatever one of them is, it ends in a line, and the others are ranked.
"""

from __future__ import annotations

import os
import warnings
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import _
from faceswap_lab.course import actors, score_cards
from faceswap_lab.course.score_cards import clip_frames
from faceswap_lab.metrics import bootstrap
from faceswap_lab.metrics.bootstrap import Interval
from faceswap_lab.metrics.card import ScoreCard, make_cards, rounded
from faceswap_lab.metrics.catalogue import Score, ratio_of
from faceswap_lab.metrics.contrast import different_pixels
from faceswap_lab.metrics.frame_samples import FrameSample, Rows
from faceswap_lab.metrics.gains import GainMeasure
from faceswap_lab.metrics.measures import Known
from faceswap_lab.metrics.recognition_features import Recogniser
from faceswap_lab.metrics.temporal import TemporalError
from faceswap_lab.provenance import credentials, verification
from faceswap_lab.video import Video, open_video

CLIPS = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi")
SHOWN = ("swap_gain", "sharpness", "temporal_error", "identity_gain")
UNCHANGED = 0.1  # of what the truth changes: a target that was only coded again differs in 1 % at crf 23, in 9 % at 35
TOO_GOOD = 0.95  # swap gain: the truth coded again at crf 23 has 0.967, no model comes near
MOST_BYTES = 2 << 30  # of a clip of some seconds


class Changed(Rows):
    """How much of what the truth changes the output has changed, too."""

    SCORES = (
        Score(
            "changed", "changed", "Share of the pixels where truth and target differ in which the output differs from the target.",
            "higher", (0, 1), ratio_of("changed", "changeable"), "share", ("truth",),
        ),
    )  # fmt: skip
    COLUMNS = ("changed", "changeable")

    def row(self, sample: FrameSample) -> dict[str, float]:
        where = different_pixels(sample.known_truth.image, sample.target.image)
        changed = different_pixels(sample.output.image, sample.target.image) & where
        return {"changed": float(changed.sum()), "changeable": float(where.sum())}


@dataclass
class Entry:
    """What is said of one submission.

    Args:
        file: its name below the folder, as any page can show it.
        why: why it has no rank; "" where it has one.
        rank: from 1; 0 where it has none.
        marks: by what it says that it is a swap: of "label" and "credentials".
        card: its scores; None where it could not be measured.
        ahead: how much better it is in swap gain than the next one, paired frame by frame; None for the last one.
        remarks: what to look at.
        digest: SHA-256 of the file.
    """

    file: str
    why: str = ""
    rank: int = 0
    marks: tuple[str, ...] = ()
    card: ScoreCard | None = None
    ahead: Interval | None = None
    remarks: list[str] = field(default_factory=list)
    digest: str = ""

    @property
    def level(self) -> bool:
        """Whether it is not told apart from the next one in the ranking."""
        return self.ahead is not None and not self.ahead.clear

    def value(self, name: str) -> Interval:
        """One of its scores."""
        return self.card.values[name] if self.card else Interval(float("nan"))

    def facts(self) -> dict:
        """All of it, as JSON can hold it."""
        found: dict = {"file": self.file, "rank": self.rank or None, "why": self.why, "marks": list(self.marks)}
        found |= {name: _three(self.value(name)) for name in SHOWN} if self.card else {}
        found |= {"ahead_of_the_next": _three(self.ahead), "level_with_the_next": self.level} if self.ahead else {}
        return found | {"look": self.remarks}


def _three(one: Interval) -> dict[str, float | None]:
    return {"value": rounded(one.value), "low": rounded(one.low), "high": rounded(one.high)}


class Challenge:
    """The hidden side of a challenge.

    Args:
        folder: with manifest.json, the true swap and its target.

    Raises:
        LabError: when it is no such folder, a file of it is altered, or it has not exactly one true swap.
    """

    def __init__(self, folder: Path):
        manifest = Path(folder) / "manifest.json"
        truths = actors.clips("truth", manifest)
        if len(truths) != 1:
            raise LabError(f"{manifest}: it lists {len(truths)} true swaps. Give the folder `hidden` of one challenge.")
        self.target = actors.clip(truths[0].facts.get("truth_of", ""), check=True, manifest=manifest)
        self.truth = actors.clip(truths[0].id, check=True, manifest=manifest)
        self.video, self.points = open_video(self.target.path), self.target.points()
        self.recogniser = Recogniser()  # it remembers the faces of target and truth, which are asked for beside every submission

    def judged(self, path: Path) -> Entry:
        """One submission; whatever is wrong with it is said in the entry."""
        entry = Entry(printable(path.name))
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            try:
                clip = clip_of(path)
                entry.digest = files.sha256(clip)
                self._measure(entry, clip)
            except Exception as error:  # whatever a stranger's file makes a decoder say is said of that file alone
                words = (
                    str(error)
                    if isinstance(error, LabError)
                    else _("it cannot be read ({kind}: {error})").format(kind=type(error).__name__, error=error)
                )
                entry.why = printable(words).replace(f"{printable(str(path))}: ", "")[:300]
        entry.remarks += dict.fromkeys(printable(str(one.message))[:200] for one in said if one.category is UserWarning)
        return entry

    def _measure(self, entry: Entry, clip: Path) -> None:
        video = self._fitting(clip)
        corner = self._corner(video)
        verdict = verification.verify(clip)
        intact = verdict.state in (verification.VALID, verification.UNKNOWN, verification.EXPIRED, verification.CLOCK)
        signed = intact and credentials.SOURCE_TYPE.rsplit("/", 1)[-1] in verdict.source_types
        entry.marks = tuple(name for name, there in (("label", corner), ("credentials", signed)) if there)
        if not signed:
            entry.remarks.append(
                _("content credentials: {state}").format(state=_(verdict.state))
                if not intact
                else _("content credentials: they do not speak of a swap")
            )
        frames = clip_frames(video)
        if corner is not None:
            frames = score_cards.uncovered(frames, clip_frames(self.video), corner)
        entry.card = make_cards(
            {"output": frames}, clip_frames(self.video), self.points, Known(given={"recogniser": self.recogniser}),
            clip_frames(self.truth.path), chosen=(GainMeasure, TemporalError, Changed),
        )["output"]  # fmt: skip
        if entry.value("changed").value < UNCHANGED:
            entry.why = _("this is the target, unchanged")
        elif not entry.marks:
            entry.why = _("nothing in it says that it is a swap: neither the lab's label nor its content credentials")
        if entry.value("swap_gain").value > TOO_GOOD:
            entry.remarks.append(
                _("it is the true swap itself, or nearer to it than any model comes: ask how it was made")
            )

    def _fitting(self, clip: Path) -> Video:
        """The submission, when it has the target's frames."""
        video, wanted = open_video(clip), self.video
        if video.num_frames != wanted.num_frames:
            raise LabError(f"it has {video.num_frames} frames, and the target has {wanted.num_frames}")
        if video.size != wanted.size:
            sizes = ["x".join(map(str, one.size)) for one in (video, wanted)]
            raise LabError(f"its frames have {sizes[0]} pixels, those of the target {sizes[1]}")
        return video

    def _corner(self, video: Video) -> str | None:
        """Where the visible label is, seen at the beginning, in the middle and at the end; None where it is not in all of them."""
        times = [number / self.video.fps for number in (0, self.video.num_frames // 2, self.video.num_frames - 1)]
        found = {
            score_cards.label_corner(partial(clip_frames, video, start), partial(clip_frames, self.video, start))
            for start in times
        }
        return found.pop() if len(found) == 1 else None


def printable(text: str) -> str:
    """A stranger's words in one line that any page can show."""
    return "".join(one if one.isprintable() else "�" for one in text)


def clip_of(path: Path) -> Path:
    """The clip of a submission: the file itself, or the only clip in its folder. No link is followed, no archive opened.

    Raises:
        LabError: when it is none.
    """
    found = [path]
    if path.is_dir() and not path.is_symlink():
        found = [Path(folder) / name for folder, _, names in os.walk(path) for name in sorted(names)]
        found = [one for one in found if one.suffix.lower() in CLIPS]
        if len(found) != 1:
            raise LabError(f"{len(found)} clips lie in this folder, and one is wanted")
    clip = found[0]
    if clip.is_symlink():
        raise LabError("this is a link, and links are not followed. Ask for the clip itself")
    if not clip.is_file() or clip.suffix.lower() not in CLIPS:
        raise LabError(f"this is no clip ({', '.join(CLIPS)}). Ask for the clip itself")
    if clip.stat().st_size > MOST_BYTES:
        raise LabError(f"it has {clip.stat().st_size / 1e9:.1f} GB, far more than such a clip needs")
    return clip


def submissions(folder: Path) -> list[Path]:
    """What was handed in: everything in the folder but hidden files, and what the lab writes beside a clip.

    Raises:
        LabError: when there is nothing.
    """
    beside = (credentials.SIDECAR, ".conversion.json")
    found = sorted(
        one for one in Path(folder).iterdir() if not one.name.startswith(".") and not one.name.endswith(beside)
    )
    if not found:
        raise LabError(f"{folder}: nothing was handed in here. Give the folder of the students' clips.")
    return found


def ranked(entries: list[Entry]) -> list[Entry]:
    """The same entries in the order of their swap gain, with their ranks, each beside the next one; then those without a rank."""
    good = sorted((one for one in entries if not one.why), key=lambda one: (-one.value("swap_gain").value, one.file))
    copies = Counter(one.digest for one in entries if one.digest)
    for place, entry in enumerate(good):
        entry.rank, entry.ahead = place + 1, None
        after = good[place + 1].card if place + 1 < len(good) else None
        if entry.card and after:
            entry.ahead = bootstrap.differences(GainMeasure.SCORES[:1], entry.card.table, after.table)["swap_gain"]
    for entry in entries:
        if copies[entry.digest] > 1:
            same = [one.file for one in entries if one.digest == entry.digest and one is not entry]
            entry.remarks.append(_("the same file as {files}").format(files=', '.join(same)[:200]))
    return good + sorted((one for one in entries if one.why), key=lambda one: one.file)


def told(entries: list[Entry]) -> str:
    """A challenge's ranking for people to read: best first, then what has no rank, and why."""
    width = max(len(entry.file) for entry in entries)
    heads = _("clip"), _("swap gain [95 % interval]"), _("sharpness"), _("temporal error"), _("identity gain")
    lines = [f"     {heads[0]:<{width}}  " + "  ".join(heads[1:])]
    for entry in entries:
        scores = ""
        if entry.card:
            gain, *others = (entry.value(name) for name in SHOWN)
            scores = f"{gain.value:9.3f} [{gain.low:.3f}, {gain.high:.3f}]"
            scores += "".join(f"{one.value:{room}.2f}" for one, room in zip(others, (13, 16, 15), strict=True))
        lines.append(f"{entry.rank or '-':>3}  {entry.file:<{width}}  {scores}".rstrip())
        lines += [f"     {_('no rank: {why}').format(why=entry.why)}"] if entry.why else []
        lines += (
            ["     " + _("level with the next one: the interval of their difference holds 0")] if entry.level else []
        )
        lines += [f"     {_('look: {remark}').format(remark=remark)}" for remark in entry.remarks]
    return "\n".join(lines)


def ranking_table(entries: list[Entry]) -> list[list]:
    """The same as rows of a table, the first one its head."""
    rows: list[list] = [
        ["rank", "file", "swap_gain", "low", "high", *SHOWN[1:], "level with the next", "why no rank", "look at"]
    ]
    for entry in entries:
        gain, *others = (entry.value(name) for name in SHOWN)
        numbers = [rounded(number) for number in (gain.value, gain.low, gain.high, *(one.value for one in others))]
        words = ["yes" if entry.level else "", entry.why, "; ".join(entry.remarks)]
        rows.append([entry.rank or "", entry.file, *numbers, *words])
    return rows
