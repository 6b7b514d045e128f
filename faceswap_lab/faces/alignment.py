"""Face alignment: a similarity transform from the frame to one canonical face.

Points are (x, y) in pixels, sub-pixel, with pixel centres at whole numbers (OpenCV's convention). A transform is a 2x3
matrix M that takes frame pixels to pixels of the aligned square: `aligned = M @ (x, y, 1)`.
"""

from __future__ import annotations

import cv2
import numpy as np

# Where FaceSwap-GAN v2.2 puts the five points in its square crop, as (x, y) shares of the side:
# left eye, right eye (as seen in the picture), nose, left and right mouth corner.
FIVE = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")  # left as seen in the picture
FIVE_POINTS = np.array([[0.326, 0.313], [0.723, 0.311], [0.519, 0.552], [0.373, 0.775], [0.677, 0.776]])

_EYE_LINE = 0.312  # of the tight crop
_EYE_LINE_DROP = 0.479  # how far the eye line sinks per unit of margin: the forehead needs more room than the chin

COVERAGE = 0.72  # the crop then reaches from the hairline to below the chin


def canonical_points(size: int, coverage: float = COVERAGE) -> np.ndarray:
    """The five points of the canonical face in an aligned square of `size` pixels.

    Args:
        size: side of the square in pixels.
        coverage: share of the square that FaceSwap-GAN's tight crop (brows to lower lip) takes. 1 is that crop;
            smaller values add forehead and jaw around it.

    Returns:
        (5, 2) float64, (x, y) in pixels: left eye, right eye (as seen in the picture), nose, mouth corners.

    Raises:
        ValueError: when `coverage` is not in (0, 1].
    """
    if not 0 < coverage <= 1:
        raise ValueError(f"coverage must lie in (0, 1], got {coverage}")
    x = 0.5 + (FIVE_POINTS[:, 0] - 0.5) * coverage
    y = _EYE_LINE + _EYE_LINE_DROP * (1 - coverage) + (FIVE_POINTS[:, 1] - _EYE_LINE) * coverage
    return np.stack([x, y], axis=1) * size - 0.5


def umeyama(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The similarity (rotation, scale, shift; no mirror) that takes `source` to `target` with the least squared error.

    S. Umeyama, "Least-squares estimation of transformation parameters between two point patterns", PAMI 13(4), 1991.

    Args:
        source, target: (n, 2) points, n >= 2, not all equal.

    Returns:
        (2, 3) float64 matrix.

    Raises:
        ValueError: when the shapes differ, a point is not finite, or all source points coincide.
    """
    source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
    if source.shape != target.shape or source.ndim != 2 or source.shape[1] != 2 or len(source) < 2:
        raise ValueError(f"two (n, 2) point sets of equal length are needed, got {source.shape} and {target.shape}")
    if not (np.isfinite(source).all() and np.isfinite(target).all()):
        raise ValueError("points must be finite")
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    centred_source, centred_target = source - source_mean, target - target_mean
    variance = (centred_source**2).sum() / len(source)
    if variance == 0:
        raise ValueError("all source points coincide: no scale can be found")
    left, singular, right = np.linalg.svd(centred_target.T @ centred_source / len(source))
    signs = np.array([1.0, np.sign(np.linalg.det(left) * np.linalg.det(right)) or 1.0])  # a mirror is never a face
    rotation = left @ np.diag(signs) @ right
    scale = (singular * signs).sum() / variance
    return np.column_stack([scale * rotation, target_mean - scale * rotation @ source_mean])


def alignment_matrix(
    points: np.ndarray, size: int, coverage: float = COVERAGE, level_eyes: bool = False
) -> np.ndarray:
    """The 2x3 transform that brings a face's five points to `canonical_points(size, coverage)`.

    Args:
        points: (5, 2) in frame pixels.
        level_eyes: turn the face about the middle between its eyes until they lie on one height exactly. The best fit to
            all five points leaves the eyes of a turned head up to some degrees aslant.

    Example:
        >>> points = lab.FaceDetector().detect([frame])[0].points[0]
        >>> lab.alignment_matrix(points, 256).shape
        (2, 3)
    """
    matrix = umeyama(points, canonical_points(size, coverage))
    if level_eyes:
        left, right = transform_points(matrix, np.asarray(points)[:2])
        cosine, sine = (right - left) / np.linalg.norm(right - left)
        turn = np.array([[cosine, sine], [-sine, cosine]])
        middle = (left + right) / 2
        matrix = np.column_stack([turn @ matrix[:, :2], turn @ (matrix[:, 2] - middle) + middle])
    return matrix


def align(image: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """Cuts the aligned square out of a frame.

    Args:
        image: (H, W) or (H, W, C), uint8 or float32, any channel order.
        matrix: (2, 3), frame pixels to aligned pixels.
        size: side of the aligned square in pixels.

    Returns:
        (size, size[, C]) of the image's dtype; beyond the frame its border is repeated. A face larger than the square
        is averaged down rather than sampled, so that fine texture does not turn into moire.

    Example:
        >>> points = lab.FaceDetector().detect([frame])[0].points[0]
        >>> lab.align(frame, lab.alignment_matrix(points, 64), 64).shape
        (64, 64, 3)
    """
    matrix = np.asarray(matrix, np.float64)
    shrink = int(np.floor(1 / max(matrix_scale(matrix), 1e-6)))
    if shrink >= 2:  # sample a finer square, then average: what INTER_LINEAR alone would alias
        shrink = min(shrink, 8)
        fine = scale_matrix(matrix, shrink)
        sampled = cv2.warpAffine(
            image, fine, (size * shrink, size * shrink), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return cv2.resize(sampled, (size, size), interpolation=cv2.INTER_AREA)
    interpolation = cv2.INTER_CUBIC if image.dtype == np.uint8 else cv2.INTER_LINEAR  # cubic may leave [0, 1] in floats
    return cv2.warpAffine(image, matrix, (size, size), flags=interpolation, borderMode=cv2.BORDER_REPLICATE)


def matrix_scale(matrix: np.ndarray) -> float:
    """Aligned pixels per frame pixel of a similarity."""
    return float(np.sqrt(abs(np.linalg.det(np.asarray(matrix)[:, :2]))))


def scale_matrix(matrix: np.ndarray, factor: float) -> np.ndarray:
    """The same transform onto a square whose side is `factor` times as long (pixel centres stay pixel centres)."""
    scaled = np.asarray(matrix, np.float64) * factor
    scaled[:, 2] += 0.5 * factor - 0.5
    return scaled


def invert(matrix: np.ndarray) -> np.ndarray:
    """The inverse of a 2x3 transform, as a 2x3 float64 matrix.

    Raises:
        ValueError: when the matrix has no inverse.
    """
    try:
        return np.linalg.inv(np.vstack([np.asarray(matrix, np.float64), [0, 0, 1]]))[:2]
    except np.linalg.LinAlgError as error:
        raise ValueError("this transform squeezes the face to a line or a point and cannot be inverted") from error


def transform_points(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Applies a 2x3 transform to points of shape (..., 2); returns float64 of the same shape."""
    matrix = np.asarray(matrix, np.float64)
    return np.asarray(points, np.float64) @ matrix[:, :2].T + matrix[:, 2]


def square_box(box: np.ndarray) -> np.ndarray:
    """The square of the same centre whose side is the mean of width and height.

    Args:
        box: (..., 4), x0, y0, x1, y1 in pixels.

    Returns:
        (..., 4) float64.
    """
    box = np.asarray(box, np.float64)
    centre = (box[..., :2] + box[..., 2:]) / 2
    half = (box[..., 2:] - box[..., :2]).mean(axis=-1, keepdims=True) / 2
    return np.concatenate([centre - half, centre + half], axis=-1)
