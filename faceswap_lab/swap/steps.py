"""The steps of a conversion: a frame is read, its face cut out, generated, made steady over time, and put back.

    frames -> cut out -> generate in batches -> steady over time -> colour, blend, watermark, label

Each arrow is a short queue and each step a thread, see `pipeline`. Which frames are generated together and which are averaged is
settled by the frames' numbers alone, so that a conversion that begins in the middle makes the same pictures.
"""

from __future__ import annotations

import dataclasses
import operator
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from faceswap_lab.base.safeguards import Mark
from faceswap_lab.swap import outputs, pipeline, smoothing
from faceswap_lab.swap.conversion_report import measured
from faceswap_lab.swap.options import ConversionOptions, SwapOptions
from faceswap_lab.swap.pairing import FaceTrack, check_same_clip
from faceswap_lab.swap.parts import Tally
from faceswap_lab.swap.ranges import FramePlan
from faceswap_lab.swap.swapping import Swap, SwapFunction, finish, generate, measure, prepare_for, put_onto
from faceswap_lab.video import Video

# Times the strength for movements. A mouth that opens must not be averaged away, and light must still move with the head.
_ALPHA_STRENGTH, _COLOUR_STRENGTH, _CHANGE_STRENGTH = 2 / 3, 2 / 3, 2.0
_REACH = 2.5  # standard deviations that colour and alpha are averaged over
_QUEUE_BYTES = 48_000_000  # of frames between two steps: ten of 1080p, two of 4K
_LONGEST_QUEUE = 16


@dataclass
class Step:
    """One frame on its way: the picture, and its swap where it has a face (row: its place in the track)."""

    position: int
    index: int
    image: np.ndarray
    row: int | None = None
    swap: Swap | None = None
    swapped: np.ndarray = field(init=False)
    shown: np.ndarray = field(init=False)
    tally: Tally = field(default_factory=lambda: Tally(frames=1))


@dataclass(frozen=True)
class Conversion:
    """What all steps need to know."""

    video: Video
    plan: FramePlan
    track: FaceTrack
    options: ConversionOptions
    swap_function: SwapFunction
    size: int
    batch_size: int
    corner: str | None
    marker: Mark | None
    batches: dict[int, int]  # row of the track -> number of its batch

    @property
    def depth(self) -> int:
        """Items that may wait between two steps."""
        width, height = self.video.size
        return int(np.clip(_QUEUE_BYTES // (width * height * 3), 2, _LONGEST_QUEUE))


Keep = Callable[[int, np.ndarray], None]  # a frame's index and the swapped picture


def finished_steps(conversion: Conversion, first: int, keep: Keep | None = None) -> Generator[Step, None, None]:
    """Makes the pictures from a position on, in order; close the generator to stop.

    Args:
        conversion: what to make.
        first: position of the first frame that is wanted.
        keep: called with each frame without label and watermark, see `base.safeguards.Agreement.keeper`.

    Yields:
        Steps with `shown` and `tally`.
    """
    stages = [
        pipeline.each(lambda step: _cut_out(step, conversion)),
        lambda steps: _generated(steps, conversion),
        lambda steps: _steadied(steps, conversion.track, conversion.options),
        lambda steps: (step for step in steps if step.position >= first),
        pipeline.each(lambda step: _composed(step, conversion)),
    ]
    if keep:
        stages.append(pipeline.each(lambda step: _kept(step, keep)))
    return pipeline.overlapped(_read(conversion, first), *stages, depth=conversion.depth)


def _read(conversion: Conversion, first: int) -> Iterator[Step]:
    """Frames from a position on, and as many before it as its own averages and batches need."""
    for frame in conversion.plan.frames(conversion.video, _context(conversion, first)):
        row = conversion.track.rows.get(frame.index)
        yield Step(conversion.plan.position(frame.index), frame.index, frame.image, row)


def _context(conversion: Conversion, first: int) -> int:
    """The position from which frames must be read so that those from `first` on come out as in one go."""
    begin = max(0, first - _reach(conversion.options.strength) - 1)
    index = conversion.plan.index(begin)
    later = [frame for frame in conversion.track.rows if frame >= index and conversion.track.rows[frame] in conversion.batches]
    if later:
        batch = conversion.batches[conversion.track.rows[min(later)]]
        same = [frame for frame, row in conversion.track.rows.items() if conversion.batches.get(row) == batch]
        begin = min(begin, conversion.plan.position(min(same)))
    return begin


def batches(track: FaceTrack, plan: FramePlan, batch_size: int) -> dict[int, int]:
    """Which faces are generated together, settled beforehand: so a conversion that goes on has the same batches."""
    batches, count, first, number = {}, 0, 0, -1
    for frame, row in sorted(track.rows.items()):
        position = plan.position(frame)
        if number < 0 or count == batch_size or position - first >= 2 * batch_size:
            number, count, first = number + 1, 0, position
        batches[row] = number
        count += 1
    return batches


def _cut_out(step: Step, conversion: Conversion) -> Step:
    """The same step with its face cut out of the frame."""
    track = conversion.track
    if step.row is not None:
        if not track.checked and not track.bridged[step.row]:
            check_same_clip(track, step.row, step.image)
        outline = track.mask(step.row)
        place = track.matrices[step.row], outline, conversion.options, track.raw[step.row]
        step.swap = prepare_for(conversion.swap_function, step.image, *place)
    return step


def _generated(steps: Iterable[Step], conversion: Conversion) -> Iterator[Step]:
    """The same steps with the model's colours: faces are gathered to batches, frames stay in order."""
    waiting: list[Step] = []

    def flush():
        swaps = [step.swap for step in waiting if step.swap is not None]
        generate(swaps, conversion.swap_function, conversion.options, conversion.batch_size)
        yield from waiting
        waiting.clear()

    last = {batch: row for row, batch in conversion.batches.items()}
    batch = None
    for step in steps:
        if step.row is not None:
            if batch is not None and conversion.batches[step.row] != batch:  # the last face of that batch could not be read
                yield from flush()
            batch = conversion.batches[step.row]
        waiting.append(step)
        if batch is None or step.row == last[batch] or len(waiting) > 3 * conversion.batch_size:
            yield from flush()
            batch = None
    yield from flush()


def _reach(strength: float) -> int:
    """Frames to either side that colour and alpha are averaged over."""
    widest = max(_ALPHA_STRENGTH, _COLOUR_STRENGTH, _CHANGE_STRENGTH)
    return int(np.ceil(_REACH * widest * strength)) if strength > 0 else 0


def _steadied(steps: Iterable[Step], track: FaceTrack, options: ConversionOptions) -> Iterator[Step]:
    """The same steps, each with colour statistics and mask averaged over its neighbours in time."""
    before = _reach(options.strength)
    after = 0 if options.live else before
    window: deque[Step] = deque()
    centre = 0

    def settle():
        nonlocal centre
        step = window[centre]
        own = step.swap and _averaged(dataclasses.replace(step.swap), step, window, track, options)
        yield dataclasses.replace(step, swap=own)
        del step.image  # only its swap counts for the neighbours
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


def _averaged(own: Swap, step: Step, window: Iterable[Step], track: FaceTrack, options: ConversionOptions) -> Swap:
    """A copy of a step's swap made steady, and what it is put onto; the neighbours' own stay as they were measured."""
    near = [other for other in window if other.swap and track.numbers[other.row] == track.numbers[step.row]]
    far = np.array([other.index - step.index for other in near]) / track.step
    if options.strength <= 0:
        return own
    if own.under is not None:
        own.under = _made_steady(dataclasses.replace(own.under), near, far, own.under.options, options.strength, "under.")
        own.reference = put_onto(own)
    return _made_steady(own, near, far, options, options.strength)


def _made_steady(
    own: Swap, near: Sequence[Step], far: np.ndarray, options: SwapOptions, strength: float, where: str = ""
) -> Swap:
    """The same swap with mask and colours averaged; `where` it lies in the neighbours' swaps.

    What the model generates changes its colour a little from frame to frame. Only the statistics of that very face take the
    change out again: averaged over time they would let it through (measured on talk_A: more flicker than without smoothing).
    So they are measured anew, under the steady mask, and what they are brought to is averaged: the target's, or, with the
    model's own colours, their distance from the target's, which hardly changes and may be averaged for longer. What lies under
    is steady by then.
    """
    own.mask = _mean(near, far, f"{where}mask", strength * _ALPHA_STRENGTH).clip(0, 1)
    measure(own, options)
    longer = {"wanted": _CHANGE_STRENGTH if options.colour == "none" else _COLOUR_STRENGTH, "change": _CHANGE_STRENGTH}
    for name, times in longer.items():
        if getattr(own, name) is not None and (own.under is None or name == "change"):
            mean = _mean(near, far, f"{where}{name}", strength * times)
            setattr(own, name, getattr(own, name) if mean is None else mean)
    return own


def _mean(near: Sequence[Step], far: np.ndarray, name: str, strength: float):
    """One array of the neighbours' swaps, averaged with weights that fall with their distance in time; None where none has it."""
    values = [operator.attrgetter(name)(other.swap) for other in near]
    known = np.array([value is not None for value in values])
    if not known.any():
        return None
    counts = smoothing.weights(far[known], strength)
    there = (value for value in values if value is not None)
    total = sum(weight * value for weight, value in zip(counts, there, strict=True) if weight > 1e-3)
    return (total / counts[counts > 1e-3].sum()).astype(values[int(known.argmax())].dtype)


def _composed(step: Step, conversion: Conversion) -> Step:
    """The same step with its finished pictures, and its numbers."""
    if step.swap is None:
        step.swapped = step.image
        why = conversion.track.left.get(step.index, "no face") if conversion.plan.swaps(step.index) else "outside the range"
        step.tally.left = {why: 1}
    else:
        step.swapped = finish(step.image, step.swap, conversion.options)
        step.tally = measured(step.image, step.swapped, step.swap)
        step.tally.bridged = int(conversion.track.bridged[step.row])
    step.tally.stretches = [[step.index, step.index + 1]]
    shown = conversion.options.output, conversion.options.blend, conversion.corner, conversion.marker
    step.shown = outputs.arranged(step.image, step.swapped, step.swap, *shown)
    del step.image
    step.swap = None
    return step


def _kept(step: Step, keep: Keep) -> Step:
    keep(step.index, step.swapped)
    return step
