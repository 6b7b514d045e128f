"""How fast and how lean is a conversion? Against the same work done one frame after another.

    python benchmarks/conversion.py            (about five minutes on two cores; --rounds 1 for a look)

The clip: talk_A beside its mirror image, enlarged to 1280x720, 12 s with sound, made in a temporary folder; its face set comes
from the small clip. The model is the one that ships with the lab (64 px).

Sequential, as most swapping tools do it: moviepy reads a frame; one face is cut out, swapped, matched in colour; the generated face
and its mask are brought to the whole frame and mixed there; moviepy writes (libx264, the same crf, its usual preset). Ours is
`conversion.convert` with the same options and without smoothing, which the sequential version cannot do; it codes with a faster
preset (see `writer.CODING`), and so does a second sequential version, which tells how much of the gain that is. All run in
turn in one process, after a first turn that does not count; ratios are medians of the rounds' ratios.

Then each step of ours alone, fed from memory, and the whole as a share of the slowest step's rate. On a machine whose cores are
all busy that share cannot reach 1: the steps compete for them. So the work is added up, too: processor seconds a frame, of this
process and of decoder and encoder, and what share of all cores' time the conversion used.

Last: peak memory (Python and its children) of a 1080p conversion, in a process of its own, for one length and for three times
that.

Expected before measuring: two cores, and an encoder that is a program of its own in both versions, so that overlap gives less
than 2x; with batches and with mixing in the face's window only, 2x to 3x. 80 % of the slowest step is not to be had where the
steps share two cores: 50 to 60 %. 1.5 GB at 1080p.

Measured on two idle cores (two rounds): 37.7 frames/s beside 10.1, 3.74 x (goal 3), 3.8 times less processor time (46 ms a frame of
175), 2.94 x with the same coding; both cores 87 % busy, 42 % of the slowest step's rate. On another day 33.3 beside 11.4, 2.93 x.
Of 16 ms a frame less than in the first version, 10 are libx264's options and the rest mostly memory that the system need not
fill anew for every picture (`machine.freed_memory_kept`). 1.8 GB at 1080p, for 120 frames and for 360.

Last line: JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cv2  # noqa: E402
import imageio_ffmpeg  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from faceswap_lab import training  # noqa: E402
from faceswap_lab.base import weights  # noqa: E402
from faceswap_lab.course import actors  # noqa: E402
from faceswap_lab.faces import alignment  # noqa: E402
from faceswap_lab.faces.extraction import extract_faces  # noqa: E402
from faceswap_lab.faces.faceset import BOX_COLUMNS, MATRIX_COLUMNS, POINT_COLUMNS, FaceSet  # noqa: E402
from faceswap_lab.provenance.consent import VARIABLE, Ledger  # noqa: E402
from faceswap_lab.swap import conversion, conversion_report, label, outputs, pairing, swapping  # noqa: E402
from faceswap_lab.swap.options import ConversionOptions  # noqa: E402
from faceswap_lab.video import VideoWriter, open_video  # noqa: E402
from faceswap_lab.video.writer import CODING  # noqa: E402

GOALS = {"ratio": 3.0, "share": 0.8, "memory": 3.0}
SIZES = {720: (1280, 720), 1080: (1920, 1080)}
OPTIONS = ConversionOptions(blend="mask", colour="mean_std", sharpen="none", smoothing="off")
BATCH = 16


def make_clip(folder: Path, height: int, repeats: int) -> Path:
    """talk_A beside its mirror image at this height, `repeats` times over."""
    path, (width, _) = folder / f"clip_{height}_{repeats}.mp4", SIZES[height]
    graph = f"[0:v]split[a][b];[b]hflip[c];[a][c]hstack,scale=-2:{height}:flags=bicubic,crop={width}:{height}:0:0"
    given = ("-loglevel", "error", "-y", "-stream_loop", str(repeats - 1), "-i", str(actors.clip("talk_A").path))
    made = ("-filter_complex", graph, "-crf", "15", "-c:a", "aac", str(path))
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), *given, *made], check=True)
    Ledger.load().grant("actor_A", [path])
    return path


def enlarged(faces: FaceSet, height: int, repeats: int) -> FaceSet:
    """The small clip's face set as that of the large one."""
    factor, count = height / 384, len(actors.clip("talk_A").labels)
    table = faces.table[faces.table["person"] == 0].copy()
    matrices = table[MATRIX_COLUMNS].to_numpy(float).reshape(-1, 2, 3)
    large = np.array([[1 / factor, 0, 0.5 / factor - 0.5], [0, 1 / factor, 0.5 / factor - 0.5], [0, 0, 1]])
    table[MATRIX_COLUMNS] = (matrices @ large).reshape(-1, 6)
    table[[*POINT_COLUMNS, *BOX_COLUMNS]] *= factor
    table["frame_width"], table["frame_height"] = SIZES[height]
    made = faces.subset([0])
    made.table = pd.concat([table.assign(frame=table["frame"] + n * count) for n in range(repeats)], ignore_index=True)
    return made


def sequential(clip: Path, faces: FaceSet, function, out: Path, coding=(("preset", "medium"),)) -> int:
    """The same work, one frame after another; `coding` are libx264's options, by default moviepy's own."""
    from moviepy.video.io.ffmpeg_reader import FFMPEG_VideoReader
    from moviepy.video.io.ffmpeg_writer import FFMPEG_VideoWriter

    rows = {int(frame): row for row, frame in enumerate(faces.table["frame"])}
    reader = FFMPEG_VideoReader(str(clip))
    writer = FFMPEG_VideoWriter(
        str(out), reader.size, reader.fps, codec="libx264", audiofile=str(clip),
        ffmpeg_params=[part for name, value in (("crf", str(OPTIONS.crf)), *coding) for part in (f"-{name}", value)],
    )  # fmt: skip
    count = 0
    for index in range(reader.n_frames):
        frame = reader.read_frame()
        if index in rows:
            row = rows[index]
            outline = faces.subset([row]).masks(256, "face")[0]
            swap = swapping.prepare(frame, faces.matrix(row), outline, function.size, OPTIONS)
            swapping.generate([swap], function, OPTIONS)
            face = swapping.colour.transfer(swap.colour, swap.measured, swap.wanted)
            back, size = alignment.invert(swap.matrix), (frame.shape[1], frame.shape[0])
            picture = cv2.warpAffine(face, back, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
            mask = cv2.warpAffine(swap.mask, back, size)[..., None]
            mixed = mask * np.clip(picture, 0, 1) + (1 - mask) * (frame.astype(np.float32) / 255)
            frame = np.rint(mixed * 255).astype(np.uint8)
            frame = label.draw_label(frame)
        writer.write_frame(frame)
        count += 1
    writer.close()
    reader.close()
    return count


def ours(clip: Path, faces: FaceSet, function, out: Path):
    """The conversion, silent about the names of the two clips."""
    return conversion.convert(clip, faces, function, out, OPTIONS, batch_size=BATCH, overwrite=True)


def processor_seconds() -> tuple[float, float]:
    """Of this process, and of its children that ended."""
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime, children.ru_utime + children.ru_stime


def rates_alone(clip: Path, faces: FaceSet, function, folder: Path) -> dict[str, float]:
    """Frames a second of each step, with all cores to itself and its input at hand."""
    video, rates = open_video(clip), {}

    def timed(name, work, count):
        start = time.perf_counter()
        result = work()
        rates[name] = count / (time.perf_counter() - start)
        return result

    count = min(video.num_frames, 96)  # as many as fit into memory at ease
    frames = [frame.image for frame, _ in zip(video.frames(), range(count), strict=False)]
    timed("decode", lambda: sum(1 for _ in video.frames()), video.num_frames)
    track = pairing.face_track(video, faces, 0, OPTIONS.strength)
    swaps = timed(
        "cut out",
        lambda: [
            swapping.prepare(frame, track.matrices[n], track.mask(n), function.size, OPTIONS)
            for n, frame in enumerate(frames)
        ],
        count,
    )
    timed(
        "generate",
        lambda: [swapping.generate(swaps[k : k + BATCH], function, OPTIONS, BATCH) for k in range(0, count, BATCH)],
        count,
    )

    def compose():
        made = []
        for frame, swap in zip(frames, swaps, strict=True):
            swapped = swapping.finish(frame, swap, OPTIONS)
            conversion_report.measured(frame, swapped, swap)
            made.append(outputs.arranged(frame, swapped, swap, "swap", "mask", "bottom right"))
        return made

    made = timed("compose", compose, count)

    def encode():
        with VideoWriter(folder / "encoded.mp4", video.fps, video.size, crf=OPTIONS.crf) as writer:
            for frame in made:
                writer.write(frame)

    timed("encode", encode, count)
    return rates


MEMORY = """
import os, sys, threading, time
sys.path.insert(0, sys.argv[4])
peak, stop = 0, False
def resident(process):
    try:
        lines = open(f"/proc/{process}/status").read().splitlines()
        own = next((int(line.split()[1]) for line in lines if line.startswith("VmRSS")), 0)
        children = open(f"/proc/{process}/task/{process}/children").read().split()
        return own, children
    except OSError:
        return 0, []
def watch():
    global peak
    while not stop:
        waiting, total = [str(os.getpid())], 0
        for process in waiting:
            own, _ = resident(process)
            total += own
            try:
                for task in os.listdir(f"/proc/{process}/task"):
                    waiting += open(f"/proc/{process}/task/{task}/children").read().split()
            except OSError:
                pass
        peak = max(peak, total)
        time.sleep(0.02)
threading.Thread(target=watch, daemon=True).start()
sys.path.insert(0, os.path.join(sys.argv[4], "benchmarks"))
import conversion as benchmark
from pathlib import Path
faces = benchmark.enlarged(benchmark.FaceSet(sys.argv[2]), 1080, int(sys.argv[3]))
model = benchmark.training.load_model(benchmark.weights.data_folder() / "weights" / "quick_autoencoder")
report = benchmark.conversion.convert(
    sys.argv[1], faces, benchmark.training.SwapFunction(model), Path(sys.argv[1]).with_suffix(".out.mp4"), blend="mask",
    smoothing="strong",
)
stop = True
assert report.swapped > 0.98 * report.frames  # where the clip begins anew, its sound ends a frame after its picture
print(peak * 1024 / 1e9)
"""


def peak_memory(folder: Path, faces: FaceSet, repeats: int) -> float:
    """GB at most of a process that converts 1080p, and of its decoder and encoder."""
    clip = make_clip(folder, 1080, repeats)
    command = [sys.executable, "-c", MEMORY, str(clip), str(faces.folder), str(repeats), str(Path(__file__).parents[1])]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return float(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--faces", default="", help="a face set of talk_A; without it, it is made first")
    parser.add_argument("--no-memory", dest="memory", action="store_false")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ[VARIABLE] = str(folder / "consent")  # the clips made here are nobody's business afterwards
        small = FaceSet(options.faces) if options.faces else extract_faces(actors.clip("talk_A").path, folder / "faces")
        clip, faces = make_clip(folder, 720, 2), enlarged(small, 720, 2)
        model = training.load_model(weights.data_folder() / "weights" / "quick_autoencoder")
        function = training.SwapFunction(model)
        cores = len(os.sched_getaffinity(0))
        contenders = {
            "sequential": sequential,
            "sequential, our coding": lambda *given: sequential(*given, CODING.items()),
            "ours": ours,
        }
        times, used = {which: [] for which in contenders}, {which: [] for which in contenders}
        for _ in range(options.rounds + 1):
            for which, work in contenders.items():
                before, start = processor_seconds(), time.perf_counter()
                work(clip, faces, function, folder / "out.mp4")
                times[which].append(time.perf_counter() - start)
                used[which].append(np.subtract(processor_seconds(), before))
        count = open_video(clip).num_frames
        seconds = {which: np.array(some[1:]) for which, some in times.items()}
        ratios = {which: float(np.median(seconds["sequential"] / some)) for which, some in seconds.items()}
        rates = {which: float(np.median(count / some)) for which, some in seconds.items()}
        print(
            f"{'1280x720, 64-px model':24}{'frames/s':>10}{'ratio':>7}{'Python ms':>11}{'ffmpeg ms':>11}{'cores busy':>12}"
        )
        work = {}
        for which in seconds:
            python, programs = np.median(used[which][1:], axis=0) / count * 1000
            work[which] = python + programs
            busy = work[which] * rates[which] / 1000 / cores
            print(f"{which:24}{rates[which]:10.1f}{ratios[which]:7.2f}{python:11.1f}{programs:11.1f}{busy:12.0%}")
        same = float(np.median(seconds["sequential, our coding"] / seconds["ours"]))
        print(
            f"processor time: {work['sequential'] / work['ours']:.2f} times less; with the same coding {same:.2f} times the rate"
        )
        alone = rates_alone(clip, faces, function, folder)
        slowest = min(alone, key=alone.get)
        share = rates["ours"] / alone[slowest]
        print("\neach step alone, frames/s: " + ", ".join(f"{step} {rate:.0f}" for step, rate in alone.items()))
        print(f"the conversion has {share:.0%} of the rate of the slowest ({slowest})")
        memory = None
        if options.memory:
            short, memory = (peak_memory(folder, small, repeats) for repeats in (1, 3))
            print(f"peak memory at 1080p: {short:.2f} GB for 120 frames, {memory:.2f} GB for 360")
        figure = {
            "ours": round(rates["ours"], 2),
            "baseline": round(rates["sequential"], 2),
            "ratio": round(ratios["ours"], 2),
        }
        print(
            json.dumps(
                {
                    "pipelined_vs_sequential_720p": {**figure, "unit": "frames/s", "goal": GOALS["ratio"]},
                    "share_of_slowest_step": {"ours": round(share, 3), "goal": GOALS["share"], "step": slowest},
                    "peak_memory_1080p": {"ours": memory and round(memory, 2), "goal": GOALS["memory"], "unit": "GB"},
                }
            )
        )


if __name__ == "__main__":
    main()
