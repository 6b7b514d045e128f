"""What JPEG and H.264 do to a picture, in parts: the table that a block is divided by, halved colours, kinds of frames."""

from __future__ import annotations

import os

import cv2
import numpy as np
import pandas as pd
from av.video.frame import PictureType, VideoFrame

from faceswap_lab.video import ffmpeg

# How coarsely each frequency of an 8x8 block of luma is kept, rows downwards, columns to the right: ITU-T T.81 (1992), table K.1.
LUMA_STEPS = np.array([
    [16, 11, 10, 16, 24, 40, 51, 61],
    [12, 12, 14, 19, 26, 58, 60, 55],
    [14, 13, 16, 24, 40, 57, 69, 56],
    [14, 17, 22, 29, 51, 87, 80, 62],
    [18, 22, 37, 56, 68, 109, 103, 77],
    [24, 35, 55, 64, 81, 104, 113, 92],
    [49, 64, 78, 87, 103, 121, 120, 101],
    [72, 92, 95, 98, 112, 100, 103, 99],
])  # fmt: skip


def quantisation_steps(quality: int) -> np.ndarray:
    """The steps (8, 8) of a JPEG of some quality, 1 to 100, as libjpeg scales the standard's table."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return np.clip((LUMA_STEPS * scale + 50) // 100, 1, 255)


def halved_colours(picture: np.ndarray) -> np.ndarray:
    """4:2:0: a picture (H, W, 3) uint8 RGB, H and W even, after its two colour channels went through half the resolution."""
    y, *chroma = cv2.split(cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb))
    half = [cv2.resize(one, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for one in chroma]
    back = [cv2.resize(one, y.shape[::-1], interpolation=cv2.INTER_LINEAR) for one in half]
    return cv2.cvtColor(cv2.merge([y, *back]), cv2.COLOR_YCrCb2RGB)


def frame_kinds(path: str | os.PathLike) -> pd.DataFrame:
    """The frames of a video in the order of showing: `kind` (I, P or B), `bytes`, and `coded`, its place in the file.

    Raises:
        LabError: when the file is missing or no video.
    """
    with ffmpeg.opened(path) as container:
        stream = ffmpeg.picture_stream(container, path)
        packets = [packet for packet in container.demux(stream) if packet.size]
        sizes = {packet.pts: (packet.size, place) for place, packet in enumerate(packets)}
    with ffmpeg.opened(path) as container:
        stream = ffmpeg.picture_stream(container, path)
        frames = [frame for frame in container.decode(stream) if isinstance(frame, VideoFrame)]
        rows = [(PictureType(frame.pict_type).name, *sizes[frame.pts]) for frame in frames]
    return pd.DataFrame(rows, columns=["kind", "bytes", "coded"])
