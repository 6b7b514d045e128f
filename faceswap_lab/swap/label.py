"""The visible label: whoever sees the clip is told what it is.

What it can do: tell every viewer at once, without any tool, in videos, GIFs and single pictures, on any ground, and beside the
face rather than over it. What it cannot do: stay where somebody crops it off or paints it over, be read in pictures under some
100 pixels of width, or prove anything, as anybody can write it on any clip. The watermark and the signed manifest of
`provenance` stand behind it.
"""

from __future__ import annotations

import cv2
import numpy as np

import faceswap_lab

LABEL = "AI face swap"
CORNERS = ("bottom right", "bottom left", "top right", "top left")
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_HEIGHT = 0.035  # of the picture's shorter side: small, and legible still on a phone
_LEAST_HEIGHT = 9  # px of a capital letter
_RIM = 0.09  # of a letter's height, and 2 px at least
_WIDEST = 0.6  # of the picture's width
COMMENT = "Synthetic media: face swapped with faceswap_lab"  # how the sentence in a video's metadata begins


def comment(model: str) -> str:
    """The sentence in the file's metadata, where players and archives show it."""
    return f"{COMMENT} {faceswap_lab.__version__}, model {model}"


def _measure(size: tuple[int, int]) -> tuple[float, int, int, int]:
    """Font scale, line thickness, and the text's width and height in pixels for a picture of (width, height)."""
    (width, height), _ = cv2.getTextSize(LABEL, _FONT, 1.0, 1)
    scale = max(_LEAST_HEIGHT, _HEIGHT * min(size)) / height
    scale = min(scale, _WIDEST * size[0] / width)
    thickness = max(1, round(scale * 1.2))
    (width, height), _ = cv2.getTextSize(LABEL, _FONT, scale, thickness)
    return scale, thickness, width, height


def _place(size: tuple[int, int], corner: str) -> tuple[int, int, int, int]:
    """The text's box in a corner: x0, y0, x1, y1."""
    _, _, width, height = _measure(size)
    margin = max(4, height // 2)
    x = margin if "left" in corner else size[0] - margin - width
    y = margin if "top" in corner else size[1] - margin - height
    return x, y, x + width, y + height


def farthest_corner(size: tuple[int, int], centres: np.ndarray) -> str:
    """The corner that the face never comes near, one for the whole clip so that the label stands still.

    Args:
        size: of the picture, (width, height).
        centres: (T, 2), the face's centre in each frame, pixels.

    Returns:
        One of `CORNERS`; the first where there is no face.
    """
    centres = np.asarray(centres, np.float64).reshape(-1, 2)
    if not len(centres):
        return CORNERS[0]

    def nearest(corner):
        x0, y0, x1, y1 = _place(size, corner)
        return np.linalg.norm(centres - np.clip(centres, [x0, y0], [x1, y1]), axis=1).min()

    return max(CORNERS, key=nearest)


def draw_label(image: np.ndarray, corner: str = CORNERS[0]) -> np.ndarray:
    """Writes the label, white with a dark rim so that it reads on any ground.

    Args:
        image: (H, W, 3) uint8 RGB.
        corner: one of `CORNERS`.

    Returns:
        (H, W, 3) uint8 RGB, a new array.
    """
    size = image.shape[1], image.shape[0]
    scale, thickness, _, height = _measure(size)
    x, _, _, y = _place(size, corner)
    letters = np.zeros(image.shape[:2], np.uint8)
    cv2.putText(letters, LABEL, (x, y), _FONT, scale, 255, thickness, cv2.LINE_AA)
    window = label_box(image, corner)
    letters = letters[window]
    # The rim is grown from the letters: written thicker, a text is longer too where OpenCV's font has weights.
    width = max(2, round(_RIM * height))
    rim = cv2.dilate(letters, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * width + 1, 2 * width + 1)))
    # Thin letters are nowhere quite white, and their rim shall still be black.
    rim = cv2.convertScaleAbs(rim, alpha=1.4)
    shares = [one.astype(np.float32)[..., None] / 255 for one in (rim, letters)]
    image = np.ascontiguousarray(image).copy()
    image[window] = np.rint(image[window] * (1 - shares[0]) * (1 - shares[1]) + 255 * shares[1]).astype(np.uint8)
    return image


def find_label(image: np.ndarray, target: np.ndarray) -> str | None:
    """In which corner a picture carries the label that the target does not.

    Args:
        image, target: (H, W, 3) uint8 RGB of one size.

    Returns:
        One of `CORNERS`, or None.
    """
    for corner in CORNERS:
        on_black, on_white = (draw_label(np.full_like(image, level), corner)[..., 1] for level in (0, 255))
        letters, shadow = on_black > 200, (on_white < 60) & (on_black < 60)
        if not letters.any() or not shadow.any():
            continue
        contrast, before = (float(one[letters].mean()) - float(one[shadow].mean()) for one in (image, target))
        if contrast > 80 and contrast > before + 45:
            return corner
    return None


def label_box(image: np.ndarray, corner: str) -> tuple[slice, slice]:
    """The rows and columns that the label covers in a picture, with its rim and a little room for what coding smears."""
    height, width = image.shape[:2]
    x0, y0, x1, y1 = _place((width, height), corner)
    room = 4 + (y1 - y0) // 3
    return slice(max(0, y0 - room), y1 + room), slice(max(0, x0 - room), x1 + room)
