"""Pictures that no threshold was settled on: photographs that come with scikit-image, scikit-learn and matplotlib."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import matplotlib
import numpy as np
import skimage
import sklearn.datasets
import watermark_attacks

from faceswap_lab.video.pictures import read_picture

FACES = ("astronaut", "grace_hopper")
_SCIENCE = (
    "astronaut brick camera cell chelsea coffee coins grass gravel hubble_deep_field ihc moon motorcycle_left motorcycle_right "
    "page retina rocket text"
)


def photographs() -> dict[str, np.ndarray]:
    """Each name's picture, (H, W, 3) uint8 RGB, the shorter side 128 to 1000; those that a release left out are missing."""
    folder = Path(skimage.__file__).parent / "data"
    paths = [path for name in _SCIENCE.split() for path in sorted(folder.glob(f"{name}.*"))]
    paths.append(Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg")
    found = {path.stem: read_picture(path) for path in paths if path.suffix in (".jpg", ".png") and path.is_file()}
    found |= {name: sklearn.datasets.load_sample_image(f"{name}.jpg") for name in ("china", "flower")}
    return {name: np.ascontiguousarray(picture[..., :3]) for name, picture in found.items()}


def variants(pictures: list[np.ndarray], count: int, seed: int = 5) -> Iterator[np.ndarray]:
    """So many unmarked pictures: random crops, mirrored, scaled, of other gamma, coded again, noisy; one in thirty all noise."""
    for number in range(count):
        some = np.random.default_rng([seed, number])
        picture = pictures[number % len(pictures)]
        height, width = picture.shape[:2]
        high, wide = (max(96, round(side * some.uniform(0.35, 1))) for side in (height, width))
        top, left = (int(some.integers(0, max(1, side - cut + 1))) for side, cut in ((height, high), (width, wide)))
        picture = np.ascontiguousarray(picture[top : top + high, left : left + wide])
        if some.random() < 0.03:
            picture = some.normal(128, some.uniform(5, 60), picture.shape).clip(0, 255).astype(np.uint8)
        if some.random() < 0.5:
            picture = np.ascontiguousarray(picture[:, ::-1])
        if some.random() < 0.7:
            (picture,) = watermark_attacks.scaled([picture], some.uniform(128, 640) / min(picture.shape[:2]))
        if some.random() < 0.5:
            levels = 255 * (np.arange(256) / 255) ** some.uniform(0.5, 2)
            picture = cv2.LUT(picture, np.rint(levels).astype(np.uint8))
        if some.random() < 0.3:
            (picture,) = watermark_attacks.noisy([picture], some.uniform(2, 15), number)
        way = some.random()
        if way < 0.5:
            (picture,) = watermark_attacks.jpeg([picture], int(some.integers(30, 96)))
        elif way < 0.7:
            (picture,) = watermark_attacks.webp([picture], int(some.integers(30, 96)))
        yield picture
