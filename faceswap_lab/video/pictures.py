"""Pictures on disk: read upright and in RGB, written in one step, listed in the order that people mean."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageCms

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import english
from faceswap_lab.video import ffmpeg

WRITTEN_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
IMAGE_SUFFIXES = WRITTEN_SUFFIXES + (
    ".jpe", ".jfif", ".jpg_large", ".mpo", ".dib", ".avif", ".jp2", ".j2k", ".jpx", ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".pcx",
    ".ico", ".sgi", ".qoi",
)  # fmt: skip
MOVING_SUFFIXES = (".gif", ".apng")  # a video when given alone, one picture in a folder of pictures
# Pillow chooses a reader by a file's content, and some of its readers start other programs (Ghostscript for EPS): only these.
FORMATS = ("PNG", "JPEG", "BMP", "DIB", "TIFF", "WEBP", "GIF", "PPM", "AVIF", "JPEG2000", "MPO", "ICO", "SGI", "QOI")
_BY_NAME_ALONE = {".tga": ("TGA",), ".pcx": ("PCX",)}  # whose first bytes say too little: a spoilt file of another kind fits
_ELSEWHERE = re.compile(r"\.(hei[cf]s?|hif|dng|cr[23w]|nef|arw|orf|rw2|raf|psd|eps|svg|pdf|dds|icns|jxl|exr|hdr)")
MOST_PIXELS = 1024**3 // 4 // 3 * 2  # 179 million, where Pillow refuses a picture by its header; it warns at half of that
ANIMATED = ("WEBP", "PNG", "GIF", "AVIF")  # formats that can move
ORIENTATION = 0x0112  # EXIF: how the camera was held; 5 to 8 lie on their side
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_90,
}  # fmt: skip
_TIFF_WIDTH, _TIFF_HEIGHT, _TIFF_BITS, _TIFF_COMPRESSION, _TIFF_COLOURS, _TIFF_BRIGHTEST = 256, 257, 258, 259, 262, 281
UNREADABLE = (Exception,)  # Pillow's readers raise whatever they stumble over in a damaged file
_SHOWN = 10  # names in a line about a folder
_told: set[tuple[Path, str]] = set()


def list_pictures(folder: str | os.PathLike) -> list[Path]:
    """The pictures of a folder by name; numbers in names count as numbers, so that 2 stands before 10.

    What else lies there, links to nothing among it, is left out: `passed_over` says what.
    """
    return sorted((entry for entry in Path(folder).iterdir() if _is_listed(entry)), key=_natural_order)


def _is_listed(entry: Path) -> bool:
    named = not entry.name.startswith(".") and entry.suffix.lower() in IMAGE_SUFFIXES + MOVING_SUFFIXES
    return named and entry.is_file()


def _natural_order(path: Path) -> list[tuple[int, str]]:
    parts = re.split(r"([0-9]+)", path.name.casefold())
    return [(int(part), part) if number % 2 else (-1, part) for number, part in enumerate(parts)] + [(-1, path.name)]


def passed_over(folder: str | os.PathLike) -> list[str]:
    """What of a folder is not read as a picture: a line for each reason, with the files' names and what to do."""
    found: dict[str, list[str]] = {}
    for entry in sorted(Path(folder).iterdir(), key=_natural_order):
        if reason := _why_not(entry):
            found.setdefault(reason, []).append(entry.name)
    lines = []
    for reason, names in found.items():
        shown = ", ".join(names[:_SHOWN])
        if len(names) > _SHOWN:
            shown = english("{names} and {count} more", names=shown, count=len(names) - _SHOWN)
        lines.append(english("{folder}: passed over: {names}: {reason}", folder=folder, names=shown, reason=reason))
    return lines


def warn_of_passed_over(path: str | os.PathLike) -> None:
    """Warns of what `passed_over` names, where a path is a folder."""
    for line in passed_over(path) if Path(path).is_dir() else ():
        warnings.warn(line, stacklevel=1)  # the same place for all callers, so that a sentence is shown once


def _why_not(entry: Path) -> str:
    """Why an entry of a folder is not read, and what to do; "" for a picture that is."""
    if entry.is_symlink() and not entry.exists():
        return english("a link to a file that is not there. Bring the file back, or remove the link.")
    if entry.is_dir():
        return english("a folder of its own. Give it by itself to use its pictures.")
    if entry.name.startswith("."):
        return english("a hidden file. Rename it to use it.")
    if not entry.is_file():
        return english("no ordinary file. Remove it.")
    if not entry.stat().st_size:
        return english("an empty file. Copy it again, or remove it.")
    if _is_listed(entry):
        return "" if picture_size(entry) else english("a damaged picture, or no picture at all. Copy it again, or remove it.")
    if _ELSEWHERE.fullmatch(entry.suffix.lower()):
        return english("a format that is not read here. Save it as JPEG or PNG.")
    if picture_size(entry):
        return english("a picture whose name does not say so. Let its name end in .jpg or .png.")
    return english("no picture.")


@functools.cache
def _formats(suffix: str) -> tuple[str, ...]:
    """The readers for a name's ending: an older Pillow has not all of them."""
    Image.init()
    return tuple(name for name in _BY_NAME_ALONE.get(suffix, FORMATS) if name in Image.OPEN)


def _opened(path: Path) -> Image.Image:
    return Image.open(path, formats=_formats(path.suffix.lower()))


def _orientation(picture: Image.Image) -> int:
    """1 to 8; 1, upright, where the EXIF data do not say so, or cannot be read: a camera's strange tag spoils no picture."""
    try:
        found = int(picture.getexif().get(ORIENTATION, 1))
    except UNREADABLE:
        return 1
    return found if found in _UPRIGHT else 1


def picture_size(path: str | os.PathLike) -> tuple[int, int] | None:
    """Width and height in pixels as shown, from the header alone; None when the file is no picture."""
    if not Path(path).is_file():
        return None
    try:
        with _opened(Path(path)) as picture:
            size = picture.size
            if picture.format == "TIFF":  # where Pillow has turned the size already, and the picture when it is loaded
                size = picture.tag_v2[_TIFF_WIDTH], picture.tag_v2[_TIFF_HEIGHT]
            return size[::-1] if _orientation(picture) >= 5 else size
    except UNREADABLE:
        return None


def frame_seconds(path: str | os.PathLike) -> list[float] | None:
    """How long each frame of an animated WebP, PNG, GIF or AVIF is shown, in seconds; None when the file is one picture or none.

    Those behind a damaged frame count as well, so that their lack is told of when they are read.
    """
    found: list[float] = []
    count = 0
    with contextlib.suppress(*UNREADABLE), Image.open(path, formats=FORMATS) as picture:
        first = _first_frame(picture)
        count = (getattr(picture, "n_frames", 1) if picture.format in ANIMATED else 1) - first
        for number in range(first, first + count):
            picture.seek(number)
            picture.load()  # WebP tells how long a frame lasts when it has decoded it
            found.append((picture.info.get("duration") or 100) / 1000)
    return found + found[-1:] * (count - len(found)) if found and count > 1 else None


def _first_frame(picture: Image.Image) -> int:
    """1 where the first picture of an animated PNG is for programs that show no animations, and is no part of it."""
    return int(getattr(picture, "default_image", False))


def animation(path: str | os.PathLike) -> Iterator[np.ndarray]:
    """The frames of an animated picture one after another, upright, (H, W, 3) uint8 RGB; a damaged one ends early."""
    with contextlib.suppress(*UNREADABLE), Image.open(path, formats=FORMATS) as picture:
        turn = _UPRIGHT.get(_orientation(picture))
        for number in range(_first_frame(picture), picture.n_frames):
            picture.seek(number)
            yield _as_rgb(Path(path), picture.transpose(turn) if turn is not None else picture)


def read_picture(path: str | os.PathLike) -> np.ndarray:
    """Reads a picture, turned upright as its camera noted; of a moving one the first frame.

    What is transparent in part keeps its colours, as in a video; what is so altogether is black.
    Grey of more than 8 bits is brought to 8 by the range that the file states (TIFF's BitsPerSample and MaxSampleValue), else
    by 16 bits; by 12 when the brightest pixel lies between 1024 and 4095, as microscopes and infrared cameras write: a picture
    of 16 bits would be all but black then. Floating point counts to 1, 255 or 65535, whichever holds the brightest pixel.

    Args:
        path: the file.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        LabError: when it is missing or cannot be read.

    Warns:
        UserWarning: once a folder, when there was something transparent, a moving picture, or 12 bits were taken for 16.

    Example:
        >>> lab.write_picture("frame.jpg", frame)
        >>> lab.read_picture("frame.jpg").shape
        (384, 384, 3)
    """
    path = Path(path)
    ffmpeg.check_readable(path)
    try:
        with _opened(path) as picture:
            if getattr(picture, "n_frames", 1) > 1 and picture.format != "MPO":  # a second view of the same photograph
                moving = english(
                    "it has {count} frames, and only the first is used. Give it by itself as a GIF or a video.",
                    count=picture.n_frames,
                )
                _tell(path, moving)
            tags = getattr(picture, "tag_v2", {})
            if tags.get(_TIFF_COLOURS) == 6 and tags.get(_TIFF_COMPRESSION) == 1:  # Pillow would take them for RGB
                raise ValueError("uncompressed YCbCr colours")
            picture.load()
            turn = _UPRIGHT.get(_orientation(picture))
            upright = picture.transpose(turn) if turn is not None else picture
            if upright.mode.startswith(("I", "F")):
                return _from_deep_grey(path, np.asarray(upright, np.float64), picture)
            return _as_rgb(path, upright)
    except Image.DecompressionBombError as error:
        raise LabError(
            f"{path}: this picture has more than {MOST_PIXELS // 10**6} megapixels, or its header says so. Give a smaller copy."
        ) from error
    except UNREADABLE as error:
        known = isinstance(error, Image.UnidentifiedImageError) or not str(error)
        reason = "its content is of no format that is read here" if known else str(error).splitlines()[0]
        raise LabError(f"{path}: this picture cannot be read ({reason}). Copy it again, or remove it.") from error


def _as_rgb(path: Path, picture: Image.Image) -> np.ndarray:
    """(H, W, 3) uint8 RGB from any 8-bit mode of Pillow's."""
    if picture.mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        return np.array(ImageCms.profileToProfile(picture, lab, srgb, outputMode="RGB"))
    if not picture.has_transparency_data:
        return np.array(picture.convert("RGB"))
    image = np.array(picture.convert("RGBA"))
    if image[..., 3].min() < 255:
        said = english("it is transparent in parts, which keep their colours. Save it on a ground of your own to change that.")
        _tell(path, said)
    return np.where(image[..., 3:] > 0, image[..., :3], np.uint8(0))


def _from_deep_grey(path: Path, grey: np.ndarray, picture: Image.Image) -> np.ndarray:
    """(H, W, 3) uint8 RGB from (H, W) float64 of any range, see `read_picture`."""
    grey = np.nan_to_num(grey)
    brightest = float(grey.max(initial=0))
    if picture.mode == "F":
        full = next((full for full in (1, 255, 65535) if brightest <= full), brightest)
    else:
        full = next((full for full in (_stated_range(picture), 65535) if full and brightest <= full), brightest)
        if full == 65535 and 1024 <= brightest <= 4095:
            full = 4095
            said = english(
                "its brightest pixel has {level:.0f} of 65535, so it was read as 12 bits in 16.", level=brightest
            )
            _tell(path, f"{said} {english('If it is that dark, save it in 8 bits.')}")
    return np.repeat(np.clip(np.round(grey * (255 / full)), 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def _stated_range(picture: Image.Image) -> int:
    """The largest value that a TIFF file says its pixels may have; 0 where it does not say."""
    tags = getattr(picture, "tag_v2", {})
    brightest, bits = tags.get(_TIFF_BRIGHTEST, 0), tags.get(_TIFF_BITS, 0)
    brightest, bits = (value[0] if isinstance(value, tuple) else value for value in (brightest, bits))
    return int(brightest) if 255 < brightest < 65535 else 2**bits - 1 if 8 < bits < 16 else 0


def _tell(path: Path, what: str) -> None:
    """Warns once for the pictures of a folder."""
    kind = path.parent.absolute(), re.sub(r"\d+", "", what)
    if kind not in _told:
        _told.add(kind)
        others = english("Others of its kind in this folder are read likewise.")
        warnings.warn(f"{path}: {what} {others}", stacklevel=4)


def write_picture(path: str | os.PathLike, image: np.ndarray, quality: float = 95) -> None:
    """Writes a picture in one step.

    Args:
        path: the file; its suffix chooses the format.
        image: (H, W, 3) uint8 RGB.
        quality: 0 to 100. JPEG: its quality. PNG: 100 writes fastest, 0 smallest; the picture is the same.

    Raises:
        LabError: when the place cannot be written to, or the format cannot hold the picture.

    Example:
        >>> lab.write_picture("frame.png", frame)
        >>> bool((lab.read_picture("frame.png") == frame).all())
        True
    """
    path = Path(path)
    coded = coded_picture(image, path.suffix, quality)
    if not coded:
        raise LabError(f"{path}: a picture of {image.shape[1]}x{image.shape[0]} cannot be written as {path.suffix}.")
    with files.atomic_path(path) as temporary:
        temporary.write_bytes(coded)


def resized(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A picture at another size (width, height): averaged down, or enlarged by a cubic; the same picture where nothing changes."""
    if image.shape[1::-1] == tuple(size):
        return image
    shrinking = size[0] < image.shape[1]
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_CUBIC)


def tiled(pictures: Sequence[np.ndarray] | np.ndarray, columns: int, ground: int) -> np.ndarray:
    """Pictures (N, H, W, 3) uint8 in rows, as one: (rows * H, columns * W, 3); what is left over has the level `ground`."""
    height, width = pictures[0].shape[:2]
    rows = -(-len(pictures) // columns)
    sheet = np.full((rows * columns, height, width, 3), ground, np.uint8)
    sheet[: len(pictures)] = pictures
    return sheet.reshape(rows, columns, height, width, 3).swapaxes(1, 2).reshape(rows * height, columns * width, 3)


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


def decoded_picture(content: bytes) -> np.ndarray:
    """What `coded_picture` gave as a picture again: (H, W, 3) uint8 RGB."""
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None  # it comes from no file: this program has just coded it
    return image[..., ::-1]
