"""Conversion: a whole video through a model, frame by frame, with the target's sound, in constant memory."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faceswap_lab import files
from faceswap_lab.errors import LabError
from faceswap_lab.faces.faceset import FaceSet
from faceswap_lab.pictures import write_picture
from faceswap_lab.swap import blending, label, smoothing
from faceswap_lab.swap.conversion_report import ConversionReport, Totals, findings
from faceswap_lab.swap.evidence import Sample
from faceswap_lab.swap.pairing import FaceTrack, check_same_clip, face_track, frame_range
from faceswap_lab.swap.swapping import (
    Swap,
    SwapFunction,
    SwapOptions,
    check_name,
    finish,
    model_name,
    model_size,
    paint,
    prepare,
    swap_frame,
    swap_frames,
)
from faceswap_lab.video import Video, VideoWriter, open_video

__all__ = ["OUTPUTS", "ConversionReport", "SwapOptions", "convert", "swap_frame", "swap_frames"]

OUTPUTS = ("swap", "target+swap", "target+swap+mask")
_KEPT = "swapped_frames.txt"  # marks a folder whose pictures a conversion may replace
_COLOUR_STRENGTH = 2.0  # times the strength for movements: light changes slowly
_ALPHA_STRENGTH = 2 / 3  # a mouth that opens must not be averaged away
_REACH = 2.5  # standard deviations that colour and alpha are averaged over


@dataclass
class _Step:
    """One frame on its way: the picture, and its swap where it has a face (row: its place in the track)."""

    index: int
    image: np.ndarray | None
    row: int | None = None
    swap: Swap | None = None


def convert(
    video: Video | str | os.PathLike,
    faceset: FaceSet | str | os.PathLike,
    swap_function: SwapFunction,
    out: str | os.PathLike,
    blend: str = "mask",
    colour: str = "mean",
    mask: str = "hull",
    feather: float = 6.0,
    erode: float = 2.0,
    person: int = 0,
    smoothing: float = 1.5,
    bridge: int = 3,
    start: float | None = None,
    end: float | None = None,
    output: str = "swap",
    label: bool = True,
    crf: int = 15,
    batch_size: int = 16,
    frames_folder: str | os.PathLike | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ConversionReport:
    """Swaps one person's face throughout a video.

    Args:
        video: the target, a file, a folder of pictures or an opened `Video`.
        faceset: the faces found in it (made of every frame), or the set's folder.
        swap_function: faces (N, S, S, 3) float32 RGB [0, 1] -> (colour (N, S, S, 3), alpha (N, S, S, 1)), both float32
            [0, 1]; with the attribute `size` = S, and a `name` for the file's metadata.
        out: the video to be written; it appears when it is complete.
        blend, colour, mask, feather, erode: see `SwapOptions`.
        person: whose face, as in the set's column `person`.
        smoothing: strength of the smoothing over time, in frames (a standard deviation): of the transforms; twice that
            for colour statistics, two thirds for alpha. 0 switches it off. On the sample clip 1.5 halves the tremble
            against the labels; 3 begins to cut quick turns of the head.
        bridge: longest gap, in frames, over which a face that the detector missed is carried on between its neighbours;
            faces that were deleted from the set are never put back. 0 switches it off.
        start, end: seconds; only this part is converted, end exclusive.
        output: "swap", "target+swap" or "target+swap+mask" side by side.
        label: write "AI face swap" in the corner farthest from the face.
        crf: quality of libx264, 0 (lossless) to 51.
        batch_size: faces that the model gets at once.
        frames_folder: also keep the swapped frames here as 000123.png, unlabelled and lossless, for the scores.
        progress: called with (frames done, frames expected).

    Returns:
        A `ConversionReport`.

    Raises:
        LabError: when an option is unknown, the set is empty or belongs to another clip, the model answers in another
            size, or a place cannot be written to.
    """
    began = time.perf_counter()
    options = SwapOptions(blend, colour, mask, erode=erode, feather=feather)
    check_name("output", output, OUTPUTS)
    if batch_size < 1 or smoothing < 0 or bridge < 0:
        raise LabError(f"batch_size={batch_size}, smoothing={smoothing}, bridge={bridge}: give 1, 0 and 0 or more.")
    video = video if isinstance(video, Video) else open_video(video)
    faceset = faceset if isinstance(faceset, FaceSet) else FaceSet(faceset)
    if Path(out).absolute() == Path(video.path).absolute():
        raise LabError(f"{out}: this is the target clip itself. Choose another name for the swapped video.")
    size = model_size(swap_function)
    track = face_track(video, faceset, person, smoothing, bridge, start, end)
    report = ConversionReport(str(out), warnings=list(track.warnings))
    keep = _frame_keeper(frames_folder)
    corner = _label_corner(video, track) if label else None
    totals, sample = Totals(), Sample()
    expected = _expected_frames(video, start, end)
    sound = {"audio_from": video.path, "audio_start": start or 0.0, "audio_end": end} if video.has_audio else {}
    picture_size = video.size[0] * (1 + output.count("+")), video.size[1]
    with VideoWriter(out, video.fps, picture_size, crf=crf, comment=_comment(swap_function), **sound) as writer:
        steps = _steps(video.frames(start=start, end=end), track, size, options)
        for step in _steadied(_painted(steps, swap_function, options, batch_size), track, smoothing):
            swapped = step.image if step.swap is None else finish(step.image, step.swap, options)
            if step.swap is not None:
                totals.add(step.image, swapped, step.swap)
                sample.add(step.swap, track.points(step.row))
            keep(step.index, swapped)
            writer.write(_arranged(step, swapped, output, options, corner))
            report.frames += 1
            report.swapped += step.swap is not None
            report.bridged += step.swap is not None and bool(track.bridged[step.row])
            if progress:
                progress(report.frames, max(expected, report.frames))
    report.without_face = report.frames - report.swapped
    report.mean_change, report.alpha_mean = totals.means()
    report.seconds = time.perf_counter() - began
    report.warnings += findings(report, track, faceset, end, sample, swap_function, options)
    return report


def _comment(swap_function: SwapFunction) -> str:
    return label.comment(model_name(swap_function))


def _label_corner(video: Video, track: FaceTrack) -> str:
    return label.farthest_corner(video.size, smoothing.parameters(track.matrices)[:, :2])


def _expected_frames(video: Video, start: float | None, end: float | None) -> int:
    first, last = frame_range(video.fps, start, end)
    return max(0, int(min(last, video.num_frames)) - first)


def _frame_keeper(folder: str | os.PathLike | None) -> Callable[[int, np.ndarray], None]:
    """What becomes of the unlabelled frames: written to `folder`, or nothing."""
    if folder is None:
        return lambda index, image: None
    folder = files.make_folder(folder)
    old = sorted(folder.glob("*.png"))
    if old and not (folder / _KEPT).exists():
        raise LabError(f"{folder}: this folder holds other pictures. Choose another one for the swapped frames.")
    files.write_text(folder / _KEPT, "The swapped frames here are replaced by each conversion.\n")
    files.remove_partial(folder)
    for path in old:  # an earlier run may have gone over another part of the clip
        path.unlink()
    return lambda index, image: write_picture(folder / f"{index:06d}.png", image)


def _steps(frames: Iterable, track: FaceTrack, size: int, options: SwapOptions) -> Iterator[_Step]:
    """Frames with their faces cut out, as they come from the video."""
    for frame in frames:
        step = _Step(frame.index, frame.image, track.rows.get(frame.index))
        if step.row is not None:
            if not track.checked and not track.bridged[step.row]:
                check_same_clip(track, step.row, frame.image)
            outline = track.mask(step.row)
            step.swap = prepare(frame.image, track.matrices[step.row], outline, size, options, track.raw[step.row])
        yield step


def _painted(
    steps: Iterable[_Step], swap_function: SwapFunction, options: SwapOptions, batch_size: int
) -> Iterator[_Step]:
    """The same steps with the model's colours: faces are gathered to batches, frames stay in order."""
    waiting: list[_Step] = []

    def flush():
        paint([step.swap for step in waiting if step.swap is not None], swap_function, options, batch_size)
        yield from waiting
        waiting.clear()

    for step in steps:
        waiting.append(step)
        faces = sum(other.swap is not None for other in waiting)
        if faces == batch_size or faces == 0 or len(waiting) >= 2 * batch_size:
            yield from flush()
    yield from flush()


def _steadied(steps: Iterable[_Step], track: FaceTrack, strength: float) -> Iterator[_Step]:
    """The same steps, each with colour statistics and alpha averaged over its neighbours in time (both sides)."""
    reach = int(np.ceil(_REACH * _COLOUR_STRENGTH * strength)) if strength > 0 else 0
    window: deque[_Step] = deque()
    centre = 0

    def settle():
        nonlocal centre
        step = window[centre]
        own = step.swap and _averaged(step, window, track, strength)
        yield _Step(step.index, step.image, step.row, own)
        step.image = None
        centre += 1
        if centre > reach:
            window.popleft()
            centre -= 1

    for step in steps:
        window.append(step)
        if len(window) > centre + reach:
            yield from settle()
    while centre < len(window):
        yield from settle()


def _averaged(step: _Step, window: Iterable[_Step], track: FaceTrack, strength: float) -> Swap:
    """A copy of a step's swap with smoothed statistics and mask; the neighbours' own stay as they were measured."""
    near = [other for other in window if other.swap and track.numbers[other.row] == track.numbers[step.row]]
    far = np.array([other.index - step.index for other in near]) / track.step
    own = Swap(**vars(step.swap))
    by_alpha = smoothing.weights(far, strength * _ALPHA_STRENGTH)
    own.mask = sum(
        (weight * other.swap.mask for weight, other in zip(by_alpha, near, strict=True) if weight > 1e-3),
        np.zeros_like(own.mask),
    ).clip(0, 1)
    known = [other.swap.measured is not None and other.swap.wanted is not None for other in near]
    if own.measured is not None and own.wanted is not None:
        by_colour = smoothing.weights(far[known], strength * _COLOUR_STRENGTH)
        measured = [other.swap.measured for other, good in zip(near, known, strict=True) if good]
        wanted = [other.swap.wanted for other, good in zip(near, known, strict=True) if good]
        own.measured, own.wanted = (np.tensordot(by_colour, values, axes=1) for values in (measured, wanted))
    return own


def _arranged(step: _Step, swapped: np.ndarray, output: str, options: SwapOptions, corner: str | None) -> np.ndarray:
    """The picture that is written: the swap with its label, beside the target and the mask as asked for."""
    pictures = [swapped if corner is None else label.draw_label(swapped, corner)]
    if output != "swap":
        pictures.insert(0, step.image)
    if output.endswith("mask"):
        counts = np.zeros(step.image.shape[:2], np.float32)
        if step.swap is not None:
            used = np.ones_like(step.swap.mask) if options.blend == "direct" else step.swap.mask
            counts = blending.place_mask(step.image.shape, used, step.swap.matrix)
        pictures.append(np.repeat(np.rint(counts * 255).astype(np.uint8)[..., None], 3, axis=2))
    return pictures[0] if len(pictures) == 1 else np.concatenate(pictures, axis=1)
