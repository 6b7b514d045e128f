"""What happens to a clip on its way through the world, done on purpose: for measuring what a watermark bears."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np

from faceswap_lab.video import VideoWriter, open_video
from faceswap_lab.video.pictures import coded_picture

Frames = Sequence[np.ndarray]


def compressed(frames: Frames, crf: int) -> list[np.ndarray]:
    """Through H.264 of quality `crf` and back.

    Args:
        frames: (H, W, 3) uint8 RGB each, of one size.
        crf: 0 (lossless) to 51.

    Returns:
        As many frames of the same shape; odd sides are cut or filled by the writer as for any video.
    """
    height, width = frames[0].shape[:2]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "attacked.mp4"
        with VideoWriter(path, 25, (width, height), crf) as writer:
            for frame in frames:
                writer.write(frame)
        return [frame.image for frame in open_video(path).frames()]


def scaled(frames: Frames, factor: float) -> list[np.ndarray]:
    """Shrunk by averaging or enlarged by cubic interpolation; (H, W, 3) uint8 in, (H', W', 3) uint8 out."""
    height, width = frames[0].shape[:2]
    size = max(1, round(width * factor)), max(1, round(height * factor))
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return [cv2.resize(frame, size, interpolation=way) for frame in frames]


def cropped(frames: Frames, share: float, place: tuple[float, float] = (0.35, 0.8)) -> list[np.ndarray]:
    """Cut down to `share` of each side; `place` says where, 0 for left and top to 1 for right and bottom."""
    height, width = frames[0].shape[:2]
    wide, high = round(width * share), round(height * share)
    x, y = round((width - wide) * place[0]), round((height - high) * place[1])
    return [np.ascontiguousarray(frame[y : y + high, x : x + wide]) for frame in frames]


def jpeg(frames: Frames, quality: int) -> list[np.ndarray]:
    """Through JPEG and back, each frame by itself."""
    return _decoded(coded_picture(frame, ".jpg", quality) for frame in frames)


def webp(frames: Frames, quality: int) -> list[np.ndarray]:
    """Through lossy WebP and back, each frame by itself."""
    options = [cv2.IMWRITE_WEBP_QUALITY, quality]
    return _decoded(
        cv2.imencode(".webp", np.ascontiguousarray(frame[..., ::-1]), options)[1].tobytes() for frame in frames
    )


def _decoded(coded: Iterable[bytes]) -> list[np.ndarray]:
    pictures = (cv2.imdecode(np.frombuffer(one, np.uint8), cv2.IMREAD_COLOR) for one in coded)
    return [np.ascontiguousarray(picture[..., ::-1]) for picture in pictures]


def turned(frames: Frames, degrees: float) -> list[np.ndarray]:
    """Turned anticlockwise about the middle, in the same frame; what comes in at the corners is the nearest edge."""
    height, width = frames[0].shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1)
    options = {"flags": cv2.INTER_LINEAR, "borderMode": cv2.BORDER_REPLICATE}
    return [cv2.warpAffine(frame, matrix, (width, height), **options) for frame in frames]


def mirrored(frames: Frames) -> list[np.ndarray]:
    """Left and right changed."""
    return [np.ascontiguousarray(frame[:, ::-1]) for frame in frames]


def noisy(frames: Frames, levels: float, seed: int = 0) -> list[np.ndarray]:
    """Gaussian noise of so many levels (of 255) in every channel, another in each frame."""
    some = np.random.default_rng(seed)
    noise = (some.normal(0, levels, frame.shape) for frame in frames)
    return [np.clip(np.rint(frame + one), 0, 255).astype(np.uint8) for frame, one in zip(frames, noise, strict=True)]


def grey(frames: Frames) -> list[np.ndarray]:
    """Without colour; three equal channels."""
    return [cv2.cvtColor(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB) for frame in frames]


def contrasted(frames: Frames, factor: float) -> list[np.ndarray]:
    """Every level's distance from 128 times `factor`, cut off at 0 and 255."""
    return [
        cv2.LUT(frame, np.clip(np.rint(128 + factor * (np.arange(256) - 128)), 0, 255).astype(np.uint8))
        for frame in frames
    ]


def other_rate(frames: Frames) -> list[np.ndarray]:
    """Four frames of five, made by blending each with the next one, as from 25 to 20 a second."""
    times = np.arange(0, len(frames) - 1 + 1e-6, 1.25)
    pairs = ((frames[int(time)], frames[min(int(time) + 1, len(frames) - 1)], time % 1) for time in times)
    return [cv2.addWeighted(first, 1 - share, second, share, 0) for first, second, share in pairs]


def brightened(frames: Frames, factor: float) -> list[np.ndarray]:
    """Every level times `factor`, cut off at 255."""
    return [cv2.convertScaleAbs(frame, alpha=factor) for frame in frames]


ATTACKS: dict[str, Callable[[Frames], Frames]] = {
    "nothing": lambda frames: frames,
    "H.264 crf 18": lambda frames: compressed(frames, 18),
    "H.264 crf 23": lambda frames: compressed(frames, 23),
    "H.264 crf 28": lambda frames: compressed(frames, 28),
    "scaled to 50 %": lambda frames: scaled(frames, 0.5),
    "scaled to 75 %": lambda frames: scaled(frames, 0.75),
    "scaled to 150 %": lambda frames: scaled(frames, 1.5),
    "cropped to 80 %": lambda frames: cropped(frames, 0.8),
    "JPEG 70": lambda frames: jpeg(frames, 70),
    "brightness 70 %": lambda frames: brightened(frames, 0.7),
    "brightness 130 %": lambda frames: brightened(frames, 1.3),
}
HARDER: dict[str, Callable[[Frames], Frames]] = {
    "50 %, then crf 28": lambda frames: compressed(scaled(frames, 0.5), 28),
    "crop to 80 %, then 50 %": lambda frames: scaled(cropped(frames, 0.8), 0.5),
    "crop to 80 %, then crf 28": lambda frames: compressed(cropped(frames, 0.8), 28),
    "crop to 60 %": lambda frames: cropped(frames, 0.6),
    "mirrored": mirrored,
    "H.264 crf 32": lambda frames: compressed(frames, 32),
    "H.264 crf 35": lambda frames: compressed(frames, 35),
    "JPEG 30": lambda frames: jpeg(frames, 30),
    "WebP 50": lambda frames: webp(frames, 50),
    "turned by 0.5 degrees": lambda frames: turned(frames, 0.5),
    "turned by 1 degree": lambda frames: turned(frames, 1),
    "turned by 2 degrees": lambda frames: turned(frames, 2),
    "turned by 5 degrees": lambda frames: turned(frames, 5),
    "turned by 10 degrees": lambda frames: turned(frames, 10),
    "noise of 10 levels": lambda frames: noisy(frames, 10),
    "without colour": grey,
    "contrast 60 %": lambda frames: contrasted(frames, 0.6),
    "contrast 150 %": lambda frames: contrasted(frames, 1.5),
    "25 to 20 frames a second": other_rate,
    "75 %, JPEG 80, crop to 85 %": lambda frames: cropped(jpeg(scaled(frames, 0.75), 80), 0.85),
}
