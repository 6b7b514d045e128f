"""Target, swap and truth at the same moments, beside each other: a small video for a notebook."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np

from faceswap_lab import video
from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import english
from faceswap_lab.course.runtime import Run
from faceswap_lab.provenance import publishing
from faceswap_lab.provenance.checks import may_convert
from faceswap_lab.provenance.consent import user_folder
from faceswap_lab.provenance.credentials import Ingredient
from faceswap_lab.provenance.register import enter
from faceswap_lab.swap import label
from faceswap_lab.video.fingerprints import content_hash
from faceswap_lab.video.pictures import resized

NAME = "side_by_side.mp4"
SIDE = 256  # the shorter one of each picture: a video of six seconds then stays under half a megabyte
SECONDS = 12.0  # of the video; a longer clip's beginning
_BAND = 26  # height of the line with the names
_CRF = 24


def in_a_row(pictures: Mapping[str, np.ndarray], side: int = SIDE) -> np.ndarray:
    """Pictures in a row, each with its name above.

    Args:
        pictures: name -> (H, W, 3) uint8 RGB, all of one size.
        side: the shorter one of each, in pixels; the longer one follows.

    Returns:
        (height + 26, sum of the widths, 3) uint8 RGB.
    """
    parts = []
    for name, picture in pictures.items():
        height, width = picture.shape[:2]
        size = tuple(2 * max(1, round(side * each / min(height, width) / 2)) for each in (width, height))
        band = np.full((_BAND, size[0], 3), 24, np.uint8)
        cv2.putText(band, name, (8, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1, cv2.LINE_AA)
        parts.append(np.concatenate([band, resized(picture, size)]))
    return np.concatenate(parts, axis=1)


def _swap_of(run: Run) -> Path:
    swap = run.out / "swap.mp4"
    if not swap.exists():
        raise LabError(f"{swap}: there is no swapped video yet. Run notebook 05 first.")
    return swap


def moments(run: Run, seconds: float = SECONDS) -> Iterator[dict[str, np.ndarray]]:
    """The frames of a run's target, of its swap.mp4 and, where it is known, of the truth, at the same moments.

    Raises:
        LabError: when the run has no swap.mp4 yet.
    """
    clips = {"target": run.clip("target"), f"swap: {label.LABEL}": _swap_of(run)} | (
        {"truth": run.clips.truth} if run.clips.truth else {}
    )
    readers = [video.open_video(path).frames(end=seconds) for path in clips.values()]
    frames = [next(reader, None) for reader in readers]
    while len(there := [frame for frame in frames if frame is not None]) == len(clips):
        newest = max(frame.index for frame in there)
        late = [frame.index < newest for frame in there]  # where another clip has a frame that cannot be read
        if not any(late):
            yield dict(zip(clips, (frame.image for frame in there), strict=True))
            late = [True] * len(there)
        frames = [
            next(reader, None) if behind else frame for reader, behind, frame in zip(readers, late, there, strict=True)
        ]


CUT = english("A swap by a neural network, cut.")  # what its content credentials say of it


@contextlib.contextmanager
def signed_cut(run: Run, name: str, model: str, swap_function, what: str = CUT) -> Iterator[Path]:
    """Gives a hidden path for a video that is cut from a run's swap.mp4; once written, it is signed and put at its name.

    Args:
        run: its swap.mp4 is shown, with the label and the watermark that it carries.
        name: the video's, such as "to_show.mp4"; it lies in the run's folder.
        model: that made the swap.
        swap_function: the model's, which knows whom it learnt from.
        what: the video shows, in words.

    Raises:
        LabError: when the name is swap.mp4 or a path, there is no swap.mp4, a consent was revoked since, or the place cannot
            be written to.
    """
    out, swap = run.out / name, _swap_of(run)
    if out == swap or Path(name).name != name:
        raise LabError(f"{name}: a cut needs a name of its own in the run's folder. Call it to_show.mp4.")
    agreed = may_convert(run.clip("target"), getattr(swap_function, "sources", ()), model)
    made_of = Ingredient("swap.mp4", content_hash(swap), path=swap)
    facts = dataclasses.replace(publishing.facts(out, model, what), ingredients=(made_of,))

    def register(lies: Path) -> None:
        print(*enter(agreed, out, model, {"shows": "swap.mp4"}, user_folder(), lies), sep="\n", end="")

    with publishing.sealed(out, run.out / f".{out.stem}", facts, register) as unsigned:
        yield unsigned


def write_side_by_side(run: Run, model: str, swap_function) -> Path:
    """Writes a run's target, swap and truth as one small video with the target's sound, signed like every output.

    Args:
        run, model, swap_function: as in `signed_cut`.

    Returns:
        The video's path.

    Raises:
        LabError: as `signed_cut`.
    """
    target = run.clip("target")
    what = english("A target and its swap by a neural network, side by side.")
    if run.clips.truth:
        what = english("A target, its swap by a neural network and the true swap, side by side.")
    with signed_cut(run, NAME, model, swap_function, what) as unsigned:
        rows = (in_a_row(pictures) for pictures in moments(run))
        first = next(rows)
        size, clip = first.shape[1::-1], video.open_video(target)
        sound, end = target if clip.has_audio else None, SECONDS if clip.duration > SECONDS else None
        said = label.comment(model)
        with video.VideoWriter(unsigned, clip.rate, size, _CRF, sound, audio_end=end, comment=said) as writer:
            for picture in itertools.chain([first], rows):
                writer.write(picture)
    return run.out / NAME
