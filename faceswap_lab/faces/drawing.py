"""What detector, landmarks and masks found, drawn on the frame."""

from __future__ import annotations

import cv2
import numpy as np

from faceswap_lab.faces import masks
from faceswap_lab.faces.alignment import invert, transform_points

GREEN, RED, BLUE, YELLOW = (80, 255, 80), (255, 70, 60), (80, 140, 255), (255, 220, 60)
_SHIFT = 4  # binary digits below the pixel in OpenCV's drawing


def enlarge(image: np.ndarray, factor: int) -> np.ndarray:
    """An (H, W, 3) uint8 picture `factor` times as large, for drawing on."""
    return cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)


def _fixed(points: np.ndarray, factor: float) -> np.ndarray:
    return np.round(((np.asarray(points, float) + 0.5) * factor - 0.5) * 2**_SHIFT).astype(int)


def draw_boxes(image: np.ndarray, boxes: np.ndarray, colour=GREEN, factor: int = 2) -> np.ndarray:
    """Boxes (n, 4 or more) x0, y0, x1, y1 in pixels of `image`, on an enlarged copy."""
    canvas = enlarge(image, factor)
    width = max(1, min(canvas.shape[:2]) // 384)  # still seen when the picture is shown small
    for box in np.asarray(boxes)[:, :4]:
        first, last = _fixed(box[:2], factor), _fixed(box[2:], factor)
        cv2.rectangle(canvas, first.tolist(), last.tolist(), colour, width, cv2.LINE_AA, _SHIFT)
    return canvas


def draw_points(
    image: np.ndarray, points: np.ndarray, colour=GREEN, factor: int = 2, radius: float = 1.5
) -> np.ndarray:
    """Points (..., 2) in pixels of `image`, as dots at their sub-pixel places on an enlarged copy."""
    canvas = enlarge(image, factor) if factor != 1 else image.copy()
    for point in _fixed(np.asarray(points).reshape(-1, 2), factor):
        cv2.circle(canvas, point.tolist(), int(radius * 2**_SHIFT), colour, -1, cv2.LINE_AA, _SHIFT)
    return canvas


def draw_landmarks(image: np.ndarray, landmarks, factor: int = 2) -> np.ndarray:
    """The mesh (green), the eye contours (yellow; lids red) and the irises (blue) of one face."""
    canvas = draw_points(image, landmarks.mesh, GREEN, factor, 1.2)
    for contour, iris in zip(landmarks.eye_contours, landmarks.irises, strict=True):
        for points, colour in ((contour[16:], YELLOW), (contour[:16], RED), (iris, BLUE)):
            scaled = (np.asarray(points) + 0.5) * factor - 0.5
            canvas = draw_points(canvas, scaled, colour, 1, 1.2)
    return canvas


def draw_face(
    canvas: np.ndarray, box: np.ndarray, points: np.ndarray, landmarks, matrix: np.ndarray, size: int, text: str = ""
):
    """Everything known of one face, drawn into an (H, W, 3) uint8 picture: box, points, mesh, masks' outlines, a caption.

    Args:
        box: (4,) x0, y0, x1, y1. points: (5, 2). Both in pixels of the picture.
        landmarks: a `Landmarks`, or None.
        matrix: (2, 3), picture to aligned square of `size` pixels, whose frame is drawn in white.
    """
    first, last = _fixed(np.asarray(box)[:2], 1), _fixed(np.asarray(box)[2:4], 1)
    cv2.rectangle(canvas, first.tolist(), last.tolist(), GREEN, 1, cv2.LINE_AA, _SHIFT)
    back = invert(matrix)
    square = transform_points(back, np.array([[0, 0], [size, 0], [size, size], [0, size]]) - 0.5)
    cv2.polylines(canvas, [_fixed(square, 1)], True, (255, 255, 255), 1, cv2.LINE_AA, _SHIFT)
    if landmarks is not None:
        canvas[...] = draw_landmarks(canvas, landmarks, 1)
        aligned = landmarks.transformed(matrix)
        for make, colour in ((masks.face_mask, RED), (masks.eye_mask, YELLOW), (masks.mouth_mask, BLUE)):
            inside = (make(aligned, size) > 0.5).astype(np.uint8)
            for contour in cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]:
                outline = transform_points(back, contour[:, 0].astype(float))
                cv2.polylines(canvas, [_fixed(outline, 1)], True, colour, 1, cv2.LINE_AA, _SHIFT)
    canvas[...] = draw_points(canvas, points, RED, 1, 2.5)
    place = int(np.clip(box[0], 0, canvas.shape[1] - 60)), int(np.clip(box[1] - 5, 12, canvas.shape[0] - 2))
    cv2.putText(canvas, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.putText(canvas, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, GREEN, 1, cv2.LINE_AA)


def tint_masks(face: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """An aligned face (S, S, 3) uint8 with its masks (S, S, 3) uint8 laid over it: red face, green eyes, blue mouth."""
    return np.round(face * 0.55 + masks * 0.45).astype(np.uint8)


def heat(values: np.ndarray) -> np.ndarray:
    """A map (h, w) of values in [0, 1] as an (h, w, 3) uint8 RGB picture, dark blue to yellow."""
    data = np.clip(np.asarray(values) * 255, 0, 255).astype(np.uint8)
    return cv2.applyColorMap(data, cv2.COLORMAP_VIRIDIS)[..., ::-1]
