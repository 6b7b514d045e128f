"""How fast frames are read: ours, ffmpeg through a pipe, and moviepy, on one 720p clip.

`python benchmarks/reading.py [--seconds 20] [--times 3]`. The clip is the talking actor, brought to 1280x720.
All three read every frame to the end as (H, W, 3) uint8 RGB, in turns; the quickest of the turns counts. The pipe is what
this lab read with until version 0.6: a frame rate filter and the accurate scaler in the ffmpeg program, raw frames out.
The processor's time a frame, of all processes and threads, says the same on a busy machine. How far the colours are apart
is printed, too. The last line is a JSON object.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import imageio_ffmpeg
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cv2  # noqa: E402

from faceswap_lab.course import actors  # noqa: E402
from faceswap_lab.video import VideoWriter, open_video  # noqa: E402

SIZE = (1280, 720)


def make_clip(path: Path, seconds: float) -> int:
    """Writes the actor's frames, over and over, as 720p; the number of frames."""
    frames = open_video(actors.clip("talk_A").path).frames(end=4)
    images = [cv2.resize(frame.image, SIZE, interpolation=cv2.INTER_CUBIC) for frame in frames]
    count = round(seconds * 25)
    with VideoWriter(path, 25, SIZE, crf=18) as video:
        for number in range(count):
            video.write(images[number % len(images)])
    return count


def ours(path: Path) -> Iterator[np.ndarray]:
    return (frame.image for frame in open_video(path).frames())


def pipe(path: Path) -> Iterator[np.ndarray]:
    exact = "bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"
    filters = f"fps=fps=25:start_time=0,scale={SIZE[0]}:{SIZE[1]}:flags={exact},format=rgb24"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-i", str(path), "-vf", filters]
    command += ["-f", "rawvideo", "pipe:1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        while True:
            image = np.empty((SIZE[1], SIZE[0], 3), np.uint8)
            if process.stdout.readinto(memoryview(image).cast("B")) < image.nbytes:
                return
            yield image


def moviepy(path: Path) -> Iterator[np.ndarray]:
    from moviepy.video.io.ffmpeg_reader import FFMPEG_VideoReader

    reader = FFMPEG_VideoReader(str(path))
    for _ in range(reader.n_frames if hasattr(reader, "n_frames") else reader.nframes):
        yield reader.read_frame()
    reader.close()


READERS = {"ours": ours, "pipe": pipe, "moviepy": moviepy}


def main(arguments: list[str] | None = None) -> dict:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--times", type=int, default=3)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        count = make_clip(clip, options.seconds)
        best, work = dict.fromkeys(READERS, 0.0), dict.fromkeys(READERS, float("inf"))
        for _ in range(options.times):
            for name, read in READERS.items():
                begin, before = time.perf_counter(), sum(os.times()[:4])
                read_count = sum(1 for _ in read(clip))
                best[name] = max(best[name], read_count / (time.perf_counter() - begin))
                work[name] = min(work[name], 1000 * (sum(os.times()[:4]) - before) / read_count)
                assert read_count == count or name == "moviepy", f"{name} read {read_count} of {count} frames"
        both = itertools.islice(zip(ours(clip), pipe(clip), strict=True), 0, None, max(1, count // 10))
        apart = [np.abs(one.astype(np.int16) - other) for one, other in both]
    result = {name: round(rate, 1) for name, rate in best.items()}
    result |= {
        "times_pipe": round(best["ours"] / best["pipe"], 2),
        "times_moviepy": round(best["ours"] / best["moviepy"], 2),
        "processor_ms": {name: round(spent, 2) for name, spent in work.items()},
        "mean_difference": round(float(np.mean(apart)), 3),
        "within_one_level": round(float(np.mean([(one <= 1).mean() for one in apart])), 4),
    }
    for name in READERS:
        print(f"{name:10}{best[name]:8.1f} frames/s{work[name]:8.1f} ms of processor a frame")
    print(
        f"colours: {result['mean_difference']} levels from the pipe's on average; {result['within_one_level']:.2%} within one"
    )
    figure = {"ours": result["ours"], "baseline": result["pipe"], "ratio": result["times_pipe"], "unit": "frames/s"}
    print(json.dumps({"reading_720p_vs_pipe": figure}))
    return result


if __name__ == "__main__":
    main()
