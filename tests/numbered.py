"""Clips whose frames carry their number, so that a test can say which frame it was given: made by PyAV in every container."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np

SIZE = (128, 96)
BITS = 8
STRIP = 20  # px: number in black and white along the top, its complement along the bottom
COUNT = 24


def picture(number: int, size: tuple[int, int] = SIZE, seed: int = 5) -> np.ndarray:
    """A frame that says its number twice, over soft colours that move: (H, W, 3) uint8 RGB."""
    width, height = size
    y, x = np.mgrid[:height, :width] / np.array([height, width]).reshape(2, 1, 1)
    phase = number * 0.11 + seed
    waves = [np.sin(2 * np.pi * (x + phase)), np.sin(2 * np.pi * (y - phase)), np.cos(2 * np.pi * (x - y + phase))]
    image = np.rint(128 + 60 * np.stack(waves, axis=-1)).astype(np.uint8)
    strip, edges = STRIP * height // SIZE[1], np.linspace(0, width, BITS + 1).astype(int)
    for bit in range(BITS):
        on = bool(number >> bit & 1)
        image[:strip, edges[bit] : edges[bit + 1]] = 235 if on else 16
        image[-strip:, edges[bit] : edges[bit + 1]] = 16 if on else 235
    return image


def read_number(image: np.ndarray) -> int | None:
    """The number that a frame says; None where number and complement disagree: no frame of ours, or one that is damaged."""
    height, width = image.shape[:2]
    grey, strip = image.mean(axis=2), STRIP * height // SIZE[1]
    middles = ((np.arange(BITS) + 0.5) * width / BITS).astype(int)
    reach, rows = max(1, width // BITS // 5), (strip // 2, height - 1 - strip // 2)
    top, bottom = ([grey[row - 3 : row + 4, m - reach : m + reach + 1].mean() for m in middles] for row in rows)
    if np.abs(np.subtract(top, bottom)).min() < 60:
        return None
    return sum(1 << bit for bit in range(BITS) if top[bit] > bottom[bit])


def numbers(frames) -> list[int | None]:
    """`read_number` of every `Frame` of a video."""
    return [read_number(frame.image) for frame in frames]


FORMATS = {"h264": "libx264", "hevc": "libx265", "vp8": "libvpx", "vp9": "libvpx-vp9", "av1": "libsvtav1"}
FORMATS |= {"mpeg4": "mpeg4", "mjpeg": "mjpeg", "prores": "prores_ks", "ffv1": "ffv1", "png": "png"}
PIXELS = {"mjpeg": "yuvj420p", "prores": "yuv422p10le", "png": "rgb24"}
QUALITY = {
    "h264": {"preset": "ultrafast", "crf": "12"},
    "hevc": {"preset": "ultrafast", "x265-params": "log-level=none:crf=14"},
    "vp8": {"crf": "6", "b": "2M", "deadline": "realtime", "cpu-used": "8"},
    "vp9": {"crf": "12", "b": "0", "deadline": "realtime", "cpu-used": "8"},
    "av1": {"preset": "12", "crf": "20", "svtav1-params": "lp=1"},
    "mpeg4": {"qscale": "2", "b": "4M"},
    "mjpeg": {"b": "8M", "qmin": "2"},
}


def write(
    path, codec: str, images=None, *, rate=25, times=None, clock=None, pixels="", options=(), container=None, sounds=0
):
    """Encodes frames into a file.

    Args:
        path: its ending chooses the container, or `container` does.
        codec: a key of `FORMATS`.
        images: (H, W, 3) or (H, W, 4) uint8 RGB; default: pictures 0 to 23.
        rate: frames a second. times: seconds of each frame instead, in the units of `clock`.
        pixels, options: as the encoder calls them.
        sounds: how many tracks of AAC (Opus in WebM) lie beside the picture.
    """
    images = [picture(n) for n in range(COUNT)] if images is None else list(images)
    clock = clock or (Fraction(1, 1000) if times is not None else 1 / Fraction(rate))
    with av.open(str(path), "w", format=container) as out:
        video = out.add_stream(FORMATS[codec], rate=Fraction(rate), options={**QUALITY.get(codec, {}), **dict(options)})
        video.height, video.width = images[0].shape[:2]
        video.pix_fmt = pixels or PIXELS.get(codec, "yuv420p")
        video.codec_context.time_base = clock
        tracks = [out.add_stream("libopus" if path.suffix == ".webm" else "aac", rate=48000) for _ in range(sounds)]
        for n, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="rgba" if image.shape[2] == 4 else "rgb24")
            frame.time_base, frame.pts = clock, round((n / Fraction(rate) if times is None else times[n]) / clock)
            out.mux(video.encode(frame))
        out.mux(video.encode())
        for track in tracks:
            for n in range(int(len(images) / rate * 50)):
                wave = np.sin(np.arange(n * 960, (n + 1) * 960) * 440 * 2 * np.pi / 48000).astype(np.float32)
                sound = av.AudioFrame.from_ndarray(np.tile(wave * 0.3, (2, 1)), format="fltp", layout="stereo")
                sound.sample_rate, sound.pts, sound.time_base = 48000, n * 960, Fraction(1, 48000)
                out.mux(track.encode(sound))
            out.mux(track.encode())
    return path


def packed(source, path, closed=True):
    """Copies MPEG-4 with B-frames as DivX and Xvid stored it: I, P and B in one packet, B, an empty one, P and B, ...

    Not `closed`: the last packet is no empty one, as where an encoder was stopped.
    """
    start, empty, b_frame = b"\0\0\1\xb6", b"\0\0\1\xb6\x50\x4f", 2
    chunks, owed = [], False
    with av.open(str(source)) as given, av.open(str(path), "w") as out:
        stream = given.streams.video[0]
        copy = out.add_stream_from_template(stream)
        for content in (bytes(packet) for packet in given.demux(stream) if packet.size):
            place = content.index(start)
            if not chunks:
                content = content[:place] + b"\0\0\1\xb2DivX503b1393p\0" + content[place:]
            if content[content.index(start) + 4] >> 6 != b_frame:
                chunks += [empty, content] if owed else [content]
                owed = False
            elif owed:
                chunks.append(content)
            else:
                chunks[-1] += content
                owed = True
        for n, chunk in enumerate([*chunks, empty] if owed and closed else chunks):
            packet = av.Packet(chunk)
            packet.stream, packet.time_base, packet.pts, packet.dts = copy, 1 / stream.average_rate, n, n
            packet.is_keyframe = n == 0
            out.mux(packet)
    return path


def woven(images) -> list[np.ndarray]:
    """Interlaced frames: the even lines of one picture and the odd lines of the next, as a camera's two fields."""
    made = []
    for first, second in zip(images[::2], images[1::2], strict=True):
        frame = first.copy()
        frame[1::2] = second[1::2]
        made.append(frame)
    return made


def combing(image: np.ndarray) -> float:
    """How much lines differ from the mean of the lines above and below them, more than lines two apart do: levels of 255."""
    grey = image.mean(axis=2)[STRIP + 2 : -STRIP - 2]
    return float(np.abs(grey[1:-1] - (grey[:-2] + grey[2:]) / 2).mean() - np.abs(grey[:-2] - grey[2:]).mean() / 2)
