"""Conversion: a whole video through a model, with the target's sound, in constant memory; stopped, it goes on.

    frames -> cut out -> paint in batches -> steady over time -> colour, blend, label -> code

Each arrow is a short queue and each step a thread (decoder and encoder are programs of their own), so that the slowest sets
the pace. A picture or a few seconds take the same path.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from faceswap_lab import __version__, files
from faceswap_lab.errors import LabError
from faceswap_lab.faces.faceset import FaceSet
from faceswap_lab.pictures import write_picture
from faceswap_lab.swap import label, outputs, pipeline, smoothing
from faceswap_lab.swap.conversion_report import ConversionReport, findings, measured, report_path
from faceswap_lab.swap.options import OUTPUTS, ConversionOptions, SwapOptions
from faceswap_lab.swap.pairing import FaceTrack, check_same_clip, face_track
from faceswap_lab.swap.parts import PART_FRAMES, Coding, Parts, Tally, whole
from faceswap_lab.swap.ranges import FramePlan, plan_frames
from faceswap_lab.swap.swapping import (
    Swap,
    SwapFunction,
    finish,
    measure,
    model_name,
    model_size,
    paint,
    prepare,
    swap_frame,
    swap_frames,
)
from faceswap_lab.video import Video, open_video

__all__ = [
    "OUTPUTS", "ConversionOptions", "ConversionReport", "SwapOptions", "convert", "swap_frame", "swap_frames",
]  # fmt: skip

# Times the strength for movements. A mouth that opens must not be averaged away, and light must still move with the head.
_ALPHA_STRENGTH, _COLOUR_STRENGTH, _CHANGE_STRENGTH = 2 / 3, 2 / 3, 2.0
_REACH = 2.5  # standard deviations that colour and alpha are averaged over
_QUEUE_BYTES = 48_000_000  # of frames between two steps: ten of 1080p, two of 4K
_LONGEST_QUEUE = 16
_FORMAT = 1  # of what is kept of a stopped conversion


@dataclass
class _Step:
    """One frame on its way: the picture, and its swap where it has a face (row: its place in the track)."""

    position: int
    index: int
    image: np.ndarray | None
    row: int | None = None
    swap: Swap | None = None
    swapped: np.ndarray | None = None
    shown: np.ndarray | None = None
    tally: Tally = field(default_factory=lambda: Tally(frames=1))


@dataclass(frozen=True)
class _Film:
    """What all steps need to know."""

    video: Video
    plan: FramePlan
    track: FaceTrack
    options: ConversionOptions
    swap_function: SwapFunction
    size: int
    batch_size: int
    corner: str | None
    batches: dict[int, int]  # row of the track -> number of its batch

    @property
    def depth(self) -> int:
        """Items that may wait between two steps."""
        width, height = self.video.size
        return int(np.clip(_QUEUE_BYTES // (width * height * 3), 2, _LONGEST_QUEUE))


def convert(
    video: Video | str | os.PathLike,
    faceset: FaceSet | str | os.PathLike | None,
    swap_function: SwapFunction,
    out: str | os.PathLike,
    options: ConversionOptions | None = None,
    *,
    person: int = 0,
    ranges: Sequence[tuple[float | None, float | None]] = (),
    label: bool = True,
    batch_size: int = 16,
    overwrite: bool = False,
    frames_folder: str | os.PathLike | None = None,
    faces_folder: str | os.PathLike | None = None,
    part_frames: int = PART_FRAMES,
    progress: Callable[[int, int], None] | None = None,
    **choices,
) -> ConversionReport:
    """Swaps one person's face throughout a video.

    A conversion that was stopped, however it was, goes on when it is called again with the same options, and the film has
    the same frames as if it had not been stopped. Ctrl-C leaves what is finished so far as NAME.part.mp4.

    Args:
        video: the target, a file, a picture, a folder of pictures or an opened `Video`.
        faceset: the faces found in it (made of every frame), or the set's folder. None: they are found now.
        swap_function: faces (N, S, S, 3) float32 RGB [0, 1] -> (colour (N, S, S, 3), alpha (N, S, S, 1)), both float32
            [0, 1]; with the attribute `size` = S, a `name` for the file's metadata, and a `digest` that tells it from others.
        out: what is written: a video (.mp4, .m4v, .mov), a .gif, a folder of pictures (no ending), or, of one frame, a
            picture. It appears when it is complete, and beside it NAME.conversion.json with the report.
        options: how; its fields may also be given by name (blend="seamless", smoothing="strong", ...), which count more.
        person: whose face, as in the set's column `person`.
        ranges: (start, end) in seconds, end exclusive, None for the clip's own; only these are swapped. What becomes of the
            rest is `options.rest`; dropped frames are cut out of the sound, too.
        label: write "AI face swap" in the corner farthest from the face.
        batch_size: faces that the model gets at once.
        overwrite: replace an output that is there already.
        frames_folder: also keep the swapped frames here as 000123.png, unlabelled and lossless, for the scores.
        faces_folder: where the faces go that are found now; None: a folder beside `out`, which is removed in the end.
        part_frames: frames that a stop may cost, see `parts`.
        progress: called with (frames done, frames expected).

    Returns:
        A `ConversionReport`.

    Raises:
        LabError: when an option is unknown, the set is empty or belongs to another clip, the model answers in another
            size, the output is there already or is the target, or a place cannot be written to.
    """
    began = time.perf_counter()
    options, out = _chosen(options, choices), Path(out)
    if batch_size < 1 or part_frames < 1:
        raise LabError(f"batch_size={batch_size}, part_frames={part_frames}: give 1 or more.")
    video = video if isinstance(video, Video) else open_video(video)
    kind = outputs.check_place(out, video, overwrite)
    size = model_size(swap_function)
    plan = plan_frames(video, ranges, options.rest)
    files.make_folder(out.parent)
    with _faces(video, faceset, faces_folder, out, plan) as faces:
        track = face_track(
            video, faces, person, options.strength, options.bridge, plan.swaps, options.smallest, options.live
        )
        batches = _batches(track, plan, batch_size)
        corner = _label_corner(video, track, options.live) if label else None
        film = _Film(video, plan, track, options, swap_function, size, batch_size, corner, batches)
        kept = Path(frames_folder) if frames_folder is not None else None
        if kept:
            _check_frames_folder(kept)
        picture = video.size[0] * (1 + options.output.count("+")), video.size[1]
        coding = Coding(video.rate, picture, options.crf if kind == "film" else None)
        key = {
            **{"format": _FORMAT, "version": __version__, "kind": kind, "options": dataclasses.asdict(options)},
            **{
                "video": _fingerprint(video),
                "read": _listed(plan.read),
                "inside": _listed(plan.inside),
                "person": person,
            },
            **{"faces": hashlib.sha256(faces.table.to_csv().encode()).hexdigest(), "label": corner, "size": size},
            **{"model": [model_name(swap_function), str(getattr(swap_function, "digest", ""))], "batch": batch_size},
            **{"part": part_frames, "kept": str(kept and kept.absolute())},
        }
        parts = Parts(out, key, plan, coding, part_frames, kept)
        report = ConversionReport(str(out), resumed=parts.tally.frames, options=key["options"])
        if kept:
            _clear_frames_folder(kept, parts)
        try:
            _write(film, parts, kept, progress)
            parts.finish()
            _place(parts, out, kind, film, overwrite)
        except KeyboardInterrupt:
            with contextlib.suppress(LabError):  # what is finished is kept all the same
                _leave_what_plays(parts, out, kind, film)
            raise
        except BaseException:
            parts.abandon()
            raise
        report.count(parts.tally)
        report.warnings = [*track.warnings, *findings(report, track, faces, len(plan), swap_function, options, batch_size)]
    parts.remove()
    _part_path(out).unlink(missing_ok=True)
    report.seconds = time.perf_counter() - began
    report.write(report_path(out))
    return report


def _chosen(options: ConversionOptions | None, choices: dict) -> ConversionOptions:
    known = [one.name for one in dataclasses.fields(ConversionOptions)]
    if unknown := [name for name in choices if name not in known]:
        raise LabError(f"{', '.join(unknown)}: there is no such option. Choose from: {', '.join(known)}.")
    return ConversionOptions(**{**(dataclasses.asdict(options) if options else {}), **choices})


@contextlib.contextmanager
def _faces(video: Video, given, folder, out: Path, plan: FramePlan) -> Iterator[FaceSet]:
    """The face set that was given, or the one that is made now; a stopped detection goes on where it was."""
    if given is not None:
        yield given if isinstance(given, FaceSet) else FaceSet(given)
        return
    from faceswap_lab.faces.extraction import extract_faces

    mark = hashlib.sha256(repr((_fingerprint(video), plan)).encode()).hexdigest()[:8]
    place = Path(folder) if folder is not None else out.with_name(f".{out.name}.faces-{mark}")
    if folder is None:
        for other in out.parent.glob(f".{_escaped(out.name)}.faces-*"):
            if other != place:
                shutil.rmtree(other, ignore_errors=True)
    swapped = float(plan.inside[0][0] / video.rate), float(plan.inside[-1][1] / video.rate)
    start, end = swapped if folder is None else (None, None)
    yield extract_faces(video, place, start=start, end=end)
    if folder is None:
        shutil.rmtree(place, ignore_errors=True)


def _escaped(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _fingerprint(video: Video) -> list:
    """What tells one state of a video from another."""
    states = [
        (path.name, (state := path.stat()).st_size, state.st_mtime_ns) for path in video.pictures or (video.path,)
    ]
    digest = hashlib.sha256(repr(states).encode()).hexdigest()
    return [str(Path(video.path).absolute()), digest, str(video.rate), *video.size]


def _listed(spans) -> list[list[int]]:
    return [list(span) for span in spans]


def _label_corner(video: Video, track: FaceTrack, live: bool) -> str:
    centres = smoothing.parameters(track.matrices)[:, :2]
    return label.farthest_corner(video.size, centres[:1] if live else centres)


def _check_frames_folder(folder: Path) -> None:
    files.make_folder(folder)
    if any(folder.glob("*.png")) and not (folder / outputs.MARKER).exists():
        raise LabError(f"{folder}: this folder holds other pictures. Choose another one for the swapped frames.")


def _clear_frames_folder(folder: Path, parts: Parts) -> None:
    """Marks the folder as a conversion's, and leaves only the pictures of finished parts in it."""
    files.write_text(folder / outputs.MARKER, "The swapped frames here are replaced by each conversion.\n")
    files.remove_partial(folder)
    finished = {f"{index:06d}.png" for first, stop in parts.tally.stretches for index in range(first, stop)}
    for path in folder.glob("*.png"):
        if path.name not in finished:
            path.unlink()


def _write(film: _Film, parts: Parts, kept: Path | None, progress: Callable[[int, int], None] | None) -> None:
    """Makes and codes all frames that are not there yet."""
    total = len(film.plan)
    if parts.position >= total:
        return
    first = parts.position
    stages = [
        pipeline.each(lambda step: _cut_out(step, film)),
        lambda steps: _painted(steps, film),
        lambda steps: _steadied(steps, film.track, film.options),
        lambda steps: (step for step in steps if step.position >= first),
        pipeline.each(lambda step: _composed(step, film)),
    ]
    if kept:
        stages.append(pipeline.each(lambda step: _keep(step, kept)))
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # the steps share the cores among them already
    try:
        with contextlib.closing(pipeline.overlapped(_read(film, first), *stages, depth=film.depth)) as steps:
            for step in steps:
                parts.write(step.position, step.index, step.shown, step.tally)
                if progress:
                    progress(step.position + 1, total)
    finally:
        cv2.setNumThreads(threads)


def _read(film: _Film, first: int) -> Iterator[_Step]:
    """Frames from a position on, and as many before it as its own averages and batches need."""
    for frame in film.plan.frames(film.video, _context(film, first)):
        row = film.track.rows.get(frame.index)
        yield _Step(film.plan.position(frame.index), frame.index, frame.image, row)


def _context(film: _Film, first: int) -> int:
    """The position from which frames must be read so that those from `first` on come out as in one go."""
    begin = max(0, first - _reach(film.options.strength) - 1)
    index = film.plan.index(begin)
    later = [frame for frame in film.track.rows if frame >= index and film.track.rows[frame] in film.batches]
    if later:
        batch = film.batches[film.track.rows[min(later)]]
        same = [frame for frame, row in film.track.rows.items() if film.batches.get(row) == batch]
        begin = min(begin, film.plan.position(min(same)))
    return begin


def _batches(track: FaceTrack, plan: FramePlan, batch_size: int) -> dict[int, int]:
    """Which faces are painted together, settled beforehand: so a conversion that goes on has the same batches."""
    batches, count, first, number = {}, 0, 0, -1
    for frame, row in sorted(track.rows.items()):
        position = plan.position(frame)
        if number < 0 or count == batch_size or position - first >= 2 * batch_size:
            number, count, first = number + 1, 0, position
        batches[row] = number
        count += 1
    return batches


def _cut_out(step: _Step, film: _Film) -> _Step:
    """The same step with its face cut out of the frame."""
    track = film.track
    if step.row is not None:
        if not track.checked and not track.bridged[step.row]:
            check_same_clip(track, step.row, step.image)
        outline = track.mask(step.row)
        step.swap = prepare(step.image, track.matrices[step.row], outline, film.size, film.options, track.raw[step.row])
    return step


def _painted(steps: Iterable[_Step], film: _Film) -> Iterator[_Step]:
    """The same steps with the model's colours: faces are gathered to batches, frames stay in order."""
    waiting: list[_Step] = []

    def flush():
        swaps = [step.swap for step in waiting if step.swap is not None]
        paint(swaps, film.swap_function, film.options, film.batch_size)
        yield from waiting
        waiting.clear()

    last = {batch: row for row, batch in film.batches.items()}
    batch = None
    for step in steps:
        if step.swap is not None:
            if batch is not None and film.batches[step.row] != batch:  # the last face of that batch could not be read
                yield from flush()
            batch = film.batches[step.row]
        waiting.append(step)
        if batch is None or step.row == last[batch] or len(waiting) > 3 * film.batch_size:
            yield from flush()
            batch = None
    yield from flush()


def _reach(strength: float) -> int:
    """Frames to either side that colour and alpha are averaged over."""
    widest = max(_ALPHA_STRENGTH, _COLOUR_STRENGTH, _CHANGE_STRENGTH)
    return int(np.ceil(_REACH * widest * strength)) if strength > 0 else 0


def _steadied(steps: Iterable[_Step], track: FaceTrack, options: ConversionOptions) -> Iterator[_Step]:
    """The same steps, each with colour statistics and mask averaged over its neighbours in time."""
    before = _reach(options.strength)
    after = 0 if options.live else before
    window: deque[_Step] = deque()
    centre = 0

    def settle():
        nonlocal centre
        step = window[centre]
        own = step.swap and _averaged(step, window, track, options)
        yield dataclasses.replace(step, swap=own)
        step.image = None
        centre += 1
        if centre > before:
            window.popleft()
            centre -= 1

    for step in steps:
        window.append(step)
        if len(window) > centre + after:
            yield from settle()
    while centre < len(window):
        yield from settle()


def _averaged(step: _Step, window: Iterable[_Step], track: FaceTrack, options: ConversionOptions) -> Swap:
    """A copy of a step's swap made steady; the neighbours' own stay as they were measured.

    What the model paints changes its colour a little from frame to frame. Only the statistics of that very painting take the
    change out again: averaged over time they would let it through (measured on talk_A: more flicker than without smoothing).
    So they are measured anew, under the steady mask, and what they are brought to is averaged: the target's.
    """
    near = [other for other in window if other.swap and track.numbers[other.row] == track.numbers[step.row]]
    far = np.array([other.index - step.index for other in near]) / track.step
    own = dataclasses.replace(step.swap)
    if options.strength <= 0:
        return own
    own.mask = _mean(near, far, "mask", options.strength * _ALPHA_STRENGTH).clip(0, 1)
    measure(own, options)
    for name, strength in (("wanted", _COLOUR_STRENGTH), ("change", _CHANGE_STRENGTH)):
        if getattr(own, name) is not None and getattr(step.swap, name) is not None:
            setattr(own, name, _mean(near, far, name, options.strength * strength))
    return own


def _mean(near: Sequence[_Step], far: np.ndarray, name: str, strength: float) -> np.ndarray:
    """One array of the neighbours' swaps, averaged with weights that fall with their distance in time."""
    values = [getattr(other.swap, name) for other in near]
    known = np.array([value is not None for value in values])
    counts = smoothing.weights(far[known], strength)
    there = (value for value in values if value is not None)
    total = sum(weight * value for weight, value in zip(counts, there, strict=True) if weight > 1e-3)
    return (total / counts[counts > 1e-3].sum()).astype(values[int(known.argmax())].dtype)


def _composed(step: _Step, film: _Film) -> _Step:
    """The same step with its finished pictures, and its numbers."""
    if step.swap is None:
        step.swapped = step.image
        why = film.track.left.get(step.index, "no face") if film.plan.swaps(step.index) else "outside the range"
        step.tally.left = {why: 1}
    else:
        step.swapped = finish(step.image, step.swap, film.options)
        step.tally = measured(step.image, step.swapped, step.swap)
        step.tally.bridged = int(film.track.bridged[step.row])
    step.tally.stretches = [[step.index, step.index + 1]]
    step.shown = outputs.arranged(
        step.image, step.swapped, step.swap, film.options.output, film.options.blend, film.corner
    )
    step.image = step.swap = None
    return step


def _keep(step: _Step, folder: Path) -> _Step:
    write_picture(folder / f"{step.index:06d}.png", step.swapped)
    return step


def _sound(film: _Film, shown: Sequence[tuple[Fraction, Fraction]]) -> dict:
    """The sound that belongs to what is shown, as `video_joining.join` takes it."""
    pieces = None if whole(shown, film.video.rate, film.video.num_frames) else shown
    sound = film.video.path if film.video.has_audio else None
    return {"sound": sound, "pieces": pieces, "comment": label.comment(model_name(film.swap_function))}


def _place(parts: Parts, out: Path, kind: str, film: _Film, overwrite: bool) -> None:
    """Makes the output of the finished parts."""
    if not parts.tally.frames:
        raise LabError(f"{out}: no frame was written, so there is no video. Check the time range.")
    outputs.check_place(out, film.video, overwrite)  # it may have come meanwhile
    if kind == "film":
        parts.join(out, **_sound(film, parts.shown()))
    elif kind == "gif":
        outputs.write_gif(parts.pictures, out, film.video.rate)
    elif kind == "picture":
        outputs.place_picture(parts.pictures, out)
    else:
        outputs.place_pictures(parts.pictures, out)


def _part_path(out: Path) -> Path:
    return out.with_name(f"{out.stem}.part{out.suffix}")


def _leave_what_plays(parts: Parts, out: Path, kind: str, film: _Film) -> None:
    """After Ctrl-C: what is written so far becomes a film that plays, and a sentence says so."""
    cut = parts.cut_short()
    if kind == "film":
        place = _part_path(out)
        if not sum(parts.done) + cut:
            parts.remove()
            return
        parts.join(place, cut, **_sound(film, parts.shown(cut)))
        said = f"{sum(parts.done) + cut} of {len(film.plan)} frames play in {place}"
    else:
        said = f"what is finished lies in {parts.pictures}"
    print(f"\nStopped: {said}. Convert again in the same way to go on.")
