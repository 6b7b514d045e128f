"""The same faces, generated again and again: numbered pictures, and a video of them."""

from __future__ import annotations

from pathlib import Path

import cv2
import keras
import numpy as np

from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import english
from faceswap_lab.base.safeguards import safeguards
from faceswap_lab.video import pictures, writer

PREVIEWS, TIMELAPSE = "previews", "timelapse.mp4"
SHOWN = english("Samples of a training: faces of two people, and these reconstructed and swapped by a neural network.")
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_PAPER, _INK = (232, 232, 232), (40, 40, 40)  # paper darker than an alpha of 1, which is white
_LEAST_CELL = 64  # smaller faces are shown enlarged
_MARGIN = 74  # px, for the rows' names


def due(step: int, log_every: int, every: int) -> bool:
    """True at 1, 2, 4, 8, ... intervals of `log_every` steps and at every multiple of `every` steps."""
    interval = step // log_every
    return step % every == 0 or (step % log_every == 0 and interval & (interval - 1) == 0)


def preview_grid(model, faces: dict[str, np.ndarray], columns: int = 7) -> np.ndarray:
    """The classic sample sheet: for each face of A, then of B: the face, its reconstruction, its swap and the swap's alpha.

    Args:
        model: has `translate(faces, source, target)`.
        faces: {"A": (n, S, S, 3) uint8 RGB, "B": ...}; the first `columns` of each are shown.

    Returns:
        (H, W, 3) uint8 RGB: eight rows of faces, each with its name at the left. Faces under 64 px are enlarged.
    """
    names, rows = [], []
    for person, name in enumerate("AB"):
        other = "BA"[person]
        some = faces[name][:columns].astype("float32") / 255.0
        again, _ = model.translate(some, person, person)
        swap, alpha = model.translate(some, person, 1 - person)
        alpha = np.repeat(keras.ops.convert_to_numpy(alpha), 3, axis=-1)
        names += [f"{name}", f"{name} as {name}", f"{name} as {other}", "alpha"]
        rows += [some, keras.ops.convert_to_numpy(again), keras.ops.convert_to_numpy(swap), alpha]
    wide = max(len(row) for row in rows)
    size = rows[0].shape[1]
    scale = -(-_LEAST_CELL // size)
    cell = size * scale
    sheet = np.full((len(rows) * cell + 6, _MARGIN + wide * cell, 3), _PAPER, np.uint8)
    for place, (name, row) in enumerate(zip(names, rows, strict=True)):
        top = place * cell + (6 if place >= len(rows) // 2 else 0)  # a thin line between the two people
        line = np.clip(np.round(np.concatenate(list(row), axis=1) * 255), 0, 255).astype(np.uint8)
        line = np.kron(line, np.ones((scale, scale, 1), np.uint8)) if scale > 1 else line
        sheet[top : top + cell, _MARGIN : _MARGIN + line.shape[1]] = line
        _write(sheet, name, (6, top + cell // 2 + 5), 0.45)
    return sheet


def stamped(picture: np.ndarray, step: int, last: int) -> np.ndarray:
    """A frame of the video: the picture under a strip with its step and a bar of how far the training was.

    Args:
        picture: (H, W, 3) uint8 RGB.
        step, last: this step and the video's last one.

    Returns:
        (H + 30 rounded up to even, W rounded up to even, 3) uint8 RGB.
    """
    height, width = (side + side % 2 for side in (picture.shape[0] + 30, picture.shape[1]))
    frame = np.full((height, width, 3), _PAPER, np.uint8)
    frame[30 : 30 + picture.shape[0], : picture.shape[1]] = picture
    _write(frame, f"step {step}", (6, 19), 0.55)
    frame[25:28, : round(width * step / max(last, 1))] = (210, 120, 30)
    return frame


def step_of(path: Path) -> int:
    """The step in a preview's name."""
    return int(path.stem.removeprefix("step_"))


def timelapse(folder: str | Path) -> Path:
    """Makes a video of a training: every kept preview, stamped with its step, the last one for two seconds; signed.

    Args:
        folder: the model's; the pictures lie in its previews/.

    Returns:
        The video's path, timelapse.mp4 in that folder, replaced in one step. It lasts about eight seconds, 2 to 12 previews each.

    Raises:
        LabError: when there are no previews, or the video cannot be written or signed.
    """
    folder = Path(folder)
    found = sorted((folder / PREVIEWS).glob("step_*.png"), key=step_of)
    if not found:
        raise LabError(f"{folder / PREVIEWS}: no preview lies here. Train with a preview first (`draw_preview=`).")
    fps = float(np.clip(round(len(found) / 8), 2, 12))
    last = step_of(found[-1])
    newest = stamped(pictures.read_picture(found[-1]), last, last)
    path = folder / TIMELAPSE
    with safeguards().publish(path, path.with_name(f".{path.name}.unsigned"), folder.name, SHOWN) as unsigned:
        with writer.VideoWriter(
            unsigned, fps, newest.shape[1::-1], crf=18, comment="previews of a training"
        ) as video:
            for picture in found[:-1]:
                frame = stamped(pictures.read_picture(picture), step_of(picture), last)
                if frame.shape == newest.shape:  # another grid, of a run with other columns, has no place in this video
                    video.write(frame)
            for _ in range(max(1, round(2 * fps))):
                video.write(newest)
    return path


def _write(image: np.ndarray, text: str, place: tuple[int, int], scale: float) -> None:
    cv2.putText(image, text, place, _FONT, scale, _INK, 1, cv2.LINE_AA)
