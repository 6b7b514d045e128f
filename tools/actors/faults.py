"""The faults of the failure sets: what darkness, a small picture and a shaken camera do to a frame."""

from __future__ import annotations

import cv2
import numpy as np

DARK = 0.02  # of the light, in the failure set "dark": between five and six stops
SMALL = 1 / 7  # of the size, in "low_resolution"


def dark(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A picture as a camera takes it in a dark room: DARK of the light, with the noise of few photons and of reading."""
    light = (picture / 255.0) ** 2.2 * DARK
    electrons = random.poisson(light * 4000) + random.normal(0, 3, picture.shape)
    return np.round(255 * np.clip(electrons / 4000, 0, 1) ** (1 / 2.2)).astype(np.uint8)


def low_resolution(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A picture shrunk to SMALL of its size and enlarged again."""
    size = picture.shape[1], picture.shape[0]
    small = cv2.resize(picture, None, fx=SMALL, fy=SMALL, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, size, interpolation=cv2.INTER_CUBIC)


def blurred(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A picture out of focus (Gaussian, 3 px at 384) and shaken (a line of 15 px in some direction)."""
    length, angle = 15, random.uniform(0, np.pi)
    kernel = np.zeros((length, length), np.float32)
    end = (length - 1) / 2 * np.array([np.cos(angle), np.sin(angle)])
    middle = (length - 1) / 2
    corners = np.round(np.array([middle - end, middle + end]) * 16).astype(int)
    cv2.line(kernel, tuple(map(int, corners[0])), tuple(map(int, corners[1])), 1.0, 1, cv2.LINE_AA, 4)
    return cv2.GaussianBlur(cv2.filter2D(picture, -1, kernel / kernel.sum()), (0, 0), 3)


FAULTS = {"dark": dark, "low_resolution": low_resolution, "blurred": blurred}
