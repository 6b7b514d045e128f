"""Pictures on disk: read upright and in RGB, written in one step, listed in the order that people mean."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

from faceswap_lab import ffmpeg, files
from faceswap_lab.errors import LabError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
# Pillow chooses a reader by a file's content, and some of its readers start other programs (Ghostscript for EPS): only these.
FORMATS = ("PNG", "JPEG", "BMP", "DIB", "TIFF", "WEBP", "GIF", "PPM")
MOST_PIXELS = (
    2 * Image.MAX_IMAGE_PIXELS
)  # 179 million, where Pillow refuses a picture by its header; it warns at half of that
ANIMATED = ("WEBP", "PNG", "GIF")  # formats that can move
ORIENTATION = 0x0112  # EXIF: how the camera was held; 5 to 8 lie on their side
UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)


def list_pictures(folder: str | os.PathLike) -> list[Path]:
    """The pictures of a folder by name; numbers in names count as numbers, so that 2 stands before 10."""
    entries = [entry for entry in Path(folder).iterdir() if entry.suffix.lower() in IMAGE_SUFFIXES]
    return sorted((entry for entry in entries if not entry.name.startswith(".")), key=_natural_order)


def _natural_order(path: Path) -> list[tuple[int, str]]:
    parts = re.split(r"([0-9]+)", path.name.casefold())
    return [(int(part), part) if number % 2 else (-1, part) for number, part in enumerate(parts)] + [(-1, path.name)]


def picture_size(path: str | os.PathLike) -> tuple[int, int] | None:
    """Width and height in pixels as shown, from the header alone; None when the file is no picture."""
    if not Path(path).is_file():
        return None
    try:
        with Image.open(path, formats=FORMATS) as picture:
            turned = picture.getexif().get(ORIENTATION, 1) in (5, 6, 7, 8)
            return picture.size[::-1] if turned else picture.size
    except UNREADABLE:
        return None


def frame_seconds(path: str | os.PathLike) -> list[float] | None:
    """How long each frame of an animated WebP, PNG or GIF is shown, in seconds; None when the file is one picture or none."""
    try:
        with Image.open(path, formats=FORMATS) as picture:
            count = getattr(picture, "n_frames", 1) if picture.format in ANIMATED else 1
            found = []
            for number in range(count):
                picture.seek(number)
                picture.load()  # WebP tells how long a frame lasts when it has decoded it
                found.append((picture.info.get("duration") or 100) / 1000)
    except UNREADABLE:
        return None
    return found if count > 1 else None


def animation(path: str | os.PathLike) -> Iterator[np.ndarray]:
    """The frames of an animated picture one after another, (H, W, 3) uint8 RGB; a damaged one ends early."""
    with contextlib.suppress(*UNREADABLE), Image.open(path, formats=FORMATS) as picture:
        for number in range(picture.n_frames):
            picture.seek(number)
            yield np.array(picture.convert("RGB"))


def read_picture(path: str | os.PathLike) -> np.ndarray:
    """Reads a picture, turned upright as its camera noted.

    Args:
        path: the file.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        LabError: when it is missing or cannot be read.
    """
    path = Path(path)
    ffmpeg.check_readable(path)
    try:
        with Image.open(path, formats=FORMATS) as picture:
            upright = ImageOps.exif_transpose(picture)
            if upright.mode.startswith(("I", "F")):  # 16 or 32 bits a pixel, grey, which Pillow would clip at 255
                grey = np.asarray(upright, np.float64)
                full = 65535 if upright.mode.startswith("I") else max(1.0, grey.max())
                return np.repeat(np.clip(np.round(grey * (255 / full)), 0, 255).astype(np.uint8)[..., None], 3, axis=2)
            return np.array(upright.convert("RGB"))
    except Image.DecompressionBombError as error:
        raise LabError(
            f"{path}: this picture has more than {MOST_PIXELS // 10**6} megapixels, or its header says so. Give a smaller copy."
        ) from error
    except UNREADABLE as error:
        raise LabError(f"{path}: this picture cannot be read. Copy it again, or remove it.") from error


def write_picture(path: str | os.PathLike, image: np.ndarray, quality: float = 95) -> None:
    """Writes a picture in one step.

    Args:
        path: the file; its suffix chooses the format.
        image: (H, W, 3) uint8 RGB.
        quality: 0 to 100. JPEG: its quality. PNG: 100 writes fastest, 0 smallest; the picture is the same.

    Raises:
        LabError: when the place cannot be written to, or the format cannot hold the picture.
    """
    path = Path(path)
    coded = coded_picture(image, path.suffix, quality)
    if not coded:
        raise LabError(f"{path}: a picture of {image.shape[1]}x{image.shape[0]} cannot be written as {path.suffix}.")
    with files.atomic_path(path) as temporary:
        temporary.write_bytes(coded)


def coded_picture(image: np.ndarray, suffix: str, quality: float = 95) -> bytes:
    """A picture as a file's content; b"" when the format cannot hold it.

    Args:
        image: (H, W, 3) uint8 RGB.
        suffix: .png, .jpg, ...
        quality: as in `write_picture`.
    """
    options = [cv2.IMWRITE_JPEG_QUALITY, int(quality)]
    if suffix.lower() == ".png":
        options = [cv2.IMWRITE_PNG_COMPRESSION, max(1, round(9 * (100 - quality) / 100))]
    good, coded = cv2.imencode(suffix, np.ascontiguousarray(image[..., ::-1]), options)
    return coded.tobytes() if good else b""
