"""Conversion: a whole video through a model, with the target's sound, in constant memory; stopped, it goes on.

The frames are made in `steps`, which work at the same time, and coded in `parts`. A picture or a few seconds take
the same path.
"""

from __future__ import annotations

import contextlib
import dataclasses
import glob
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from faceswap_lab import __version__
from faceswap_lab.base import files, machine
from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import english
from faceswap_lab.base.safeguards import Agreement, safeguards
from faceswap_lab.faces.faceset import FaceSet
from faceswap_lab.faces.people import person_like
from faceswap_lab.swap import finishing, label, outputs, smoothing
from faceswap_lab.swap.conversion_report import ConversionReport, findings, report_path
from faceswap_lab.swap.options import ConversionOptions
from faceswap_lab.swap.pairing import FaceTrack, face_track
from faceswap_lab.swap.parts import PART_FRAMES, Coding, Parts
from faceswap_lab.swap.ranges import FramePlan, plan_frames
from faceswap_lab.swap.steps import Conversion, Keep, batches, finished_steps
from faceswap_lab.swap.swapping import SwapFunction, model_name, model_size
from faceswap_lab.video import Video, open_video
from faceswap_lab.video.fingerprints import content_hash
from faceswap_lab.video.pictures import warn_of_passed_over

_FORMAT = 2  # of what is kept of a stopped conversion


def convert(
    video: Video | str | os.PathLike,
    faceset: FaceSet | str | os.PathLike | None,
    swap_function: SwapFunction,
    out: str | os.PathLike,
    options: ConversionOptions | None = None,
    *,
    person: int = 0,
    like: str | os.PathLike | FaceSet | np.ndarray | None = None,
    ranges: Sequence[tuple[float | None, float | None]] = (),
    label: bool = True,
    watermark: bool = True,
    batch_size: int = 16,
    overwrite: bool = False,
    frames_folder: str | os.PathLike | None = None,
    faces_folder: str | os.PathLike | None = None,
    part_frames: int = PART_FRAMES,
    progress: Callable[[int, int], None] | None = None,
    ledger: Any = None,
    **choices,
) -> ConversionReport:
    """Swaps one person's face throughout a video, when the ledger has the consent of all whose faces go in.

    A conversion that was stopped, however it was, goes on when it is called again with the same options, and the video has
    the same frames as if it had not been stopped. Ctrl-C leaves what is finished so far as NAME.part.mp4.

    Args:
        video: the target, a file, a picture, a folder of pictures or an opened `Video`.
        faceset: the faces found in it (made of every frame), or the set's folder. None: they are found now.
        swap_function: faces (N, S, S, 3) float32 RGB [0, 1] -> (colour (N, S, S, 3), alpha (N, S, S, 1)), both float32
            [0, 1]; with the attribute `size` = S, a `name` for the file's metadata, a `digest` that tells it from others, and
            the `sources` that it learnt from, if any: see `training.SwapFunction`. One that wants to be put back in a way of
            its own says so in `putting_back`, `SwapOptions`; one that wants to see the target's faces first has a method
            `for_target(faces)` that gives the function to use: see `base_swap.BaseSwap`. One with a `base`, such as that, is
            put onto its swap.
        out: what is written: a video (.mp4, .m4v, .mov), a .gif, a folder of pictures (no ending), or, of one frame, a
            picture. It appears when it is complete and signed (see `provenance.credentials`), and beside it
            NAME.conversion.json with the report.
        options: how; None: as the swap function wants it. Its fields may also be given by name (blend="seamless",
            smoothing="strong", ...), which count more.
        person: whose face, as in the set's column `person`.
        like: whose face, by what it looks like; counts more than `person`. See `people.person_like`.
        ranges: (start, end) in seconds, end exclusive, None for the clip's own; only these are swapped. What becomes of the
            rest is `options.rest`; dropped frames are cut out of the sound, too.
        label: write "AI face swap" in the corner farthest from the face.
        watermark: put the conversion's number into every frame with a swap, unseen; `provenance.watermark.look` reads it.
        batch_size: faces that the model gets at once.
        overwrite: replace an output that is there already.
        frames_folder: also keep the swapped frames here as 000123.png, lossless, without label and watermark, for the scores.
        faces_folder: where the faces go that are found now; None: a folder beside `out`, which is removed in the end.
        part_frames: frames that a stop may cost, see `parts`.
        progress: called with (frames done, frames expected), first while faces are found where none were given, then while
            frames are made.
        ledger: a `provenance.consent.Ledger`; None: the user's. The target's is always asked for, and that of every clip
            behind the model. What is made is entered in its register.

    Returns:
        A `ConversionReport`.

    Raises:
        LabError: when a consent is missing, revoked or ended, an option is unknown, the set is empty or belongs to another
            clip, nobody is like `like`, the model answers in another size, the output is there already or is the target, a
            place cannot be written to, or the certificate that outputs are signed with cannot be used.

    Example:
        >>> swap = lab.BaseSwap.from_faces(lab.extract_faces(lab.clip("talk_B").path, "sets/B", end=0.4))
        >>> report = lab.convert(clip, faces, swap, "swap.mp4", ranges=[(0, 0.4)], rest="drop")
        >>> report.frames, report.swapped
        (8, 8)
    """
    began = time.perf_counter()
    options, out = _chosen(options, choices, swap_function), Path(out)
    if batch_size < 1 or part_frames < 1:
        raise LabError(f"batch_size={batch_size}, part_frames={part_frames}: give 1 or more.")
    video = video if isinstance(video, Video) else open_video(video)
    kind = outputs.check_place(out, video, overwrite)
    guards = safeguards()
    guards.check()
    size = model_size(swap_function)
    sources = getattr(swap_function, "sources", ())
    agreement = guards.may_convert(video.path, sources, model_name(swap_function), ledger)
    plan = plan_frames(video, ranges, options.rest)
    files.make_folder(out.parent)
    with (
        files.claimed(out),
        machine.noted() as noted,
        _faces(video, faceset, faces_folder, out, plan, progress) as faces,
        contextlib.ExitStack() as stack,
    ):
        warn_of_passed_over(video.path)
        person = person if like is None else person_like(faces, like)
        if for_target := getattr(swap_function, "for_target", None):
            swap_function = for_target(faces.of_person(person))
        track = face_track(
            video, faces, person, options.strength, options.bridge, plan.swaps, options.smallest, options.live
        )
        corner = _label_corner(video, track, options.live) if label else None
        kept = Path(frames_folder) if frames_folder is not None else None
        if kept:
            _check_frames_folder(kept)
            stack.enter_context(files.claimed(kept, inside=True))
        picture = video.size[0] * (1 + options.output.count("+")), video.size[1]
        coding = Coding(video.rate, picture, options.crf if kind == "video" else None)
        key = {
            "format": _FORMAT,
            "version": __version__,
            "kind": kind,
            "options": dataclasses.asdict(options),
            "video": _fingerprint(video),
            "read": _listed(plan.read),
            "inside": _listed(plan.inside),
            "person": person,
            "faces": [hashlib.sha256(faces.table.to_csv().encode()).hexdigest(), faces.digest()],  # masks change, too
            "label": corner,
            "model": [model_name(swap_function), str(getattr(swap_function, "digest", "")), size],
            "base": (base := getattr(swap_function, "base", None)) and dataclasses.asdict(base.putting_back),
            "batch": batch_size,
            "part": part_frames,
            "kept": str(kept and kept.absolute()),
        }
        marker = agreement.mark(video.size, key) if watermark else None
        key["watermark"] = marker and marker.ident
        conversion = Conversion(
            *(video, plan, track, options, swap_function, size, batch_size, corner, marker),
            batches(track, plan, batch_size),
        )
        parts = Parts(out, key, plan, coding, part_frames, kept)
        report = ConversionReport(str(out), resumed=parts.tally.frames, options=dataclasses.asdict(options))
        report.watermark = marker.ident if marker else ""
        thing = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
        told = _clear_frames_folder(kept, parts, conversion, thing, agreement) if kept else []
        try:
            _write(conversion, parts, agreement.keeper(conversion, kept) if kept else None, progress)
            parts.finish()
            told += finishing.place(parts, out, kind, conversion, overwrite, thing, agreement)
        except KeyboardInterrupt:
            with contextlib.suppress(LabError):  # what is finished is kept all the same
                finishing.leave_what_plays(parts, out, kind, conversion, thing, agreement)
            raise
        except BaseException:
            parts.abandon()
            raise
        report.count(parts.tally)
        report.warnings = [
            *dict.fromkeys([*noted, *told]),
            *(f"{video.path.name}: {remark}." for remark in (*video.remarks, *finishing.sound_remarks(conversion, kind))),
            *track.warnings,
            *([_too_small(*video.size)] if watermark and not marker else []),
            *findings(report, track, faces, len(plan), swap_function, options, batch_size),
        ]
    parts.remove()
    if (part := finishing.part_path(out)).exists():
        part.unlink()
        agreement.forget(part)
    report.seconds = time.perf_counter() - began
    report.write(report_path(out))
    return report


def _too_small(width: int, height: int) -> str:
    return english(
        "A picture of {width}x{height} is too small for the watermark: only the label and the file's comment say what it is.",
        width=width, height=height,
    )  # fmt: skip


def _chosen(options: ConversionOptions | None, choices: dict, swap_function: SwapFunction) -> ConversionOptions:
    known = [one.name for one in dataclasses.fields(ConversionOptions)]
    if unknown := [name for name in choices if name not in known]:
        raise LabError(f"{', '.join(unknown)}: there is no such option. Choose from: {', '.join(known)}.")
    begin = options or getattr(swap_function, "putting_back", None)
    return ConversionOptions(**{**(dataclasses.asdict(begin) if begin else {}), **choices})


@contextlib.contextmanager
def _faces(video: Video, given, folder, out: Path, plan: FramePlan, progress) -> Iterator[FaceSet]:
    """The face set that was given, or the one that is made now; a stopped detection goes on where it was."""
    if given is not None:
        yield given if isinstance(given, FaceSet) else FaceSet(given)
        return
    from faceswap_lab.faces.extraction import extract_faces

    place = Path(folder) if folder is not None else work_folder(out, "faces", video, plan)
    swapped = float(plan.inside[0][0] / video.rate), float(plan.inside[-1][1] / video.rate)
    start, end = swapped if folder is None else (None, None)
    yield extract_faces(video, place, start=start, end=end, progress=progress)
    if folder is None:
        shutil.rmtree(place, ignore_errors=True)


def work_folder(out: Path, kind: str, video: Video, *more) -> Path:
    """A hidden folder beside an output, for faces found on the way; what another clip left in such a one is removed.

    Args:
        out: the output. kind: whose faces, "faces" (the target's) or "source". video, more: what they depend on.
    """
    mark = hashlib.sha256(repr((_fingerprint(video), *more)).encode()).hexdigest()[:8]
    place = out.with_name(f".{out.name}.{kind}-{mark}")
    for other in out.parent.glob(f".{glob.escape(out.name)}.{kind}-*"):
        if other != place:
            shutil.rmtree(other, ignore_errors=True)
    return place


def _fingerprint(video: Video) -> list:
    """What tells one state of a video from another."""
    return [str(Path(video.path).absolute()), content_hash(video.path), str(video.rate), *video.size]


def _listed(spans) -> list[list[int]]:
    return [list(span) for span in spans]


def _label_corner(video: Video, track: FaceTrack, live: bool) -> str:
    centres = smoothing.parameters(track.matrices)[:, :2]
    return label.farthest_corner(video.size, centres[:1] if live else centres)


def _check_frames_folder(folder: Path) -> None:
    files.make_folder(folder)
    if any(folder.glob("*.png")) and not (folder / outputs.MARKER).exists():
        raise LabError(f"{folder}: this folder holds other pictures. Choose another one for the swapped frames.")


def _clear_frames_folder(folder: Path, parts: Parts, conversion: Conversion, thing: str, agreement: Agreement) -> list[str]:
    """Leaves only the pictures of finished parts in the folder, marks it as this conversion's and enters it in the register."""
    files.remove_partial(folder)
    finished = {f"{index:06d}.png" for first, stop in parts.tally.stretches for index in range(first, stop)}
    for path in folder.glob("*.png"):
        if path.name not in finished:
            path.unlink()
    return agreement.mark_folder(folder, conversion, thing)


def _write(conversion: Conversion, parts: Parts, keep: Keep | None, progress: Callable[[int, int], None] | None) -> None:
    """Makes and codes all frames that are not there yet."""
    total = len(conversion.plan)
    if parts.position >= total:
        return
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # the steps share the cores among them already
    try:
        with machine.freed_memory_kept(), contextlib.closing(finished_steps(conversion, parts.position, keep)) as steps:
            for step in steps:
                parts.write(step.position, step.index, step.shown, step.tally)
                if progress:
                    progress(step.position + 1, total)
    finally:
        cv2.setNumThreads(threads)
