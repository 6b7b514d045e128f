"""What does the watermark bear, what does it cost, and is it ever found where there is none?

    python benchmarks/watermark.py              (about four minutes on two idle cores)

Marks ten frames of each of four bundled clips (strength and reader were settled on clips of these people) and 21 photographs that
come with scikit-image, scikit-learn and matplotlib (`held_out`; nothing was settled on these) and does to them what
`watermark_attacks` lists: first what issue and lesson name, then harder and doubled ones. For each it prints the share
of the 40 bits that are read rightly, before decoding corrects any, how often the mark was found and how often its number was read:
from one frame, and from ten together. For five of the hardest it gives the same for 50 frames in a row. Then PSNR and SSIM of
the marked frames, milliseconds a frame to mark and to read, and how often something is found in clips without a mark
(`watermark_alarms.py` asks that of thousands of pictures).

The baseline is the plain way: one coefficient of every 8x8 block's discrete cosine transform is quantised to say a bit, by
steps that harm the picture about as little. After `pip install --no-deps invisible-watermark PyWavelets` that
library's "dwtDct" is measured as well (its learned method needs PyTorch). Neither looks for a shift or a change of size.

Writes benchmarks/results/watermark.json; the last line is one JSON object.

Expected before measuring: all numbers from one frame for every attack named but crf 23 and 28, where it takes ten; turns up to
5 degrees read, one of 10 degrees lost; WebP 50, noise, grey and contrast read; crf 32 half of the time from ten frames; crf 35
and half size with crf 28 never; a wrong number never.
"""

from __future__ import annotations

import json
import os
import sys
import time
import types
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # small matrices: threads cost more than they bring
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cv2  # noqa: E402
import held_out  # noqa: E402
import numpy as np  # noqa: E402
import watermark_attacks  # noqa: E402
from skimage.metrics import structural_similarity  # noqa: E402

from faceswap_lab.base import files  # noqa: E402
from faceswap_lab.course import actors  # noqa: E402
from faceswap_lab.provenance import watermark, watermark_pattern  # noqa: E402

CLIPS = ("truth_A_from_B", "truth_B_from_A", "train_B", "hard_A")  # two true swaps, one before a plain wall
EVERY, COUNT, SINGLE = 5, 10, 4  # frames of a clip; of these read one by one
MANY, LEFT_OUT = 50, 5  # frames in a row; of the 50 every fifth makes ten
LARGEST = 512  # px: photographs' shorter side, so that coding them takes no longer than need be
HARDEST = ("50 %, then crf 28", "crop to 80 %, then crf 28", "H.264 crf 32", "H.264 crf 35")
IDENT = "a1b2c3"
SIGNS = watermark_pattern.encoded(int(IDENT, 16))
RESULTS = Path(__file__).with_name("results") / "watermark.json"
_COEFFICIENT, _STEP = (2, 3), 41.0


def ours_marked(frames):
    marker = watermark.Marker(frames[0].shape[1::-1], IDENT)
    return [marker.apply(frame) for frame in frames]


def ours_read(frames):
    reading = watermark.read(frames)
    return (
        float((np.sign(reading.bits) == SIGNS).mean()),
        reading.ident == IDENT,
        reading.found,
        reading.ident not in ("", IDENT),
    )


def _blocks(grey: np.ndarray):
    """Each block's corner, and the bit it says."""
    height, width = (side // 8 * 8 for side in grey.shape)
    corners = [(y, x) for y in range(0, height, 8) for x in range(0, width, 8)]
    order = np.random.RandomState(7).permutation(len(corners))
    return [(*corners[block], place % watermark_pattern.BITS) for place, block in enumerate(order)]


def plain_marked(frames):
    marked = []
    for frame in frames:
        coded = cv2.cvtColor(frame, cv2.COLOR_RGB2YCrCb).astype(np.float32)
        for y, x, bit in _blocks(coded[..., 0]):
            block = cv2.dct(coded[y : y + 8, x : x + 8, 0])
            offset = _STEP / 4 if SIGNS[bit] > 0 else -_STEP / 4
            block[_COEFFICIENT] = np.round((block[_COEFFICIENT] - offset) / _STEP) * _STEP + offset
            coded[y : y + 8, x : x + 8, 0] = cv2.idct(block)
        marked.append(cv2.cvtColor(np.clip(np.rint(coded), 0, 255).astype(np.uint8), cv2.COLOR_YCrCb2RGB))
    return marked


def plain_read(frames):
    sums = np.zeros(watermark_pattern.BITS)
    for frame in frames:
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
        for y, x, bit in _blocks(grey):
            sums[bit] += np.sin(2 * np.pi * cv2.dct(grey[y : y + 8, x : x + 8])[_COEFFICIENT] / _STEP)
    accuracy = float((np.sign(sums) == SIGNS).mean())
    return accuracy, accuracy == 1, accuracy == 1, False


def library():
    """The peer's way to mark and to read, or None where it is not installed."""
    sys.modules.setdefault("torch", types.ModuleType("torch"))  # imported at once, used by its learned method alone
    try:
        from imwatermark import WatermarkDecoder, WatermarkEncoder
    except ImportError:
        return None
    encoder = WatermarkEncoder()
    encoder.set_watermark("bits", [int(sign > 0) for sign in SIGNS])

    def marked(frames):
        return [encoder.encode(frame[..., ::-1].copy(), "dwtDct")[..., ::-1].copy() for frame in frames]

    def read(frames):
        decoder = WatermarkDecoder("bits", watermark_pattern.BITS)
        if min(frames[0].shape[:2]) < 256:  # it reads nothing smaller
            return 0.5, False, False, False
        votes = sum(np.array(decoder.decode(frame[..., ::-1].copy(), "dwtDct"), float) - 0.5 for frame in frames)
        accuracy = float((np.sign(votes) == SIGNS).mean())
        return accuracy, accuracy == 1, accuracy == 1, False

    return marked, read


def noise_ratio(before, after) -> float:
    return float(10 * np.log10(255**2 / ((before.astype(float) - after) ** 2).mean()))


def judged(videos, mark, read, doings) -> dict:
    """Quality of the marked frames, and for each attack the shares of bits and of whole numbers that are read."""
    marked = {name: mark(frames) for name, frames in videos.items()}
    pairs = [pair for name in videos for pair in zip(videos[name][:SINGLE], marked[name], strict=False)]
    found = {
        "psnr": round(float(np.mean([noise_ratio(*pair) for pair in pairs])), 2),
        "psnr_least": round(min(noise_ratio(*pair) for pair in pairs), 2),
        "ssim": round(float(np.mean([structural_similarity(*pair, channel_axis=2) for pair in pairs])), 4),
        "attacks": {},
    }
    for what, attack in doings.items():
        harmed = [list(attack(frames)) for frames in marked.values()]
        row = rates([read([frame]) for frames in harmed for frame in frames[:SINGLE]], "one")
        if len(harmed[0]) > 1:
            row |= rates([read(frames) for frames in harmed], "ten")
        found["attacks"][what] = row
    return found


def rates(readings: list, name: str) -> dict:
    """Shares of bits and numbers read rightly, of marks found and of numbers read wrongly; how many were read."""
    columns = [round(float(np.mean(column)), 4) for column in zip(*readings, strict=True)]
    keys = [f"{what}_{name}" for what in ("bits", "whole", "found", "wrong")]
    return dict(zip(keys, columns, strict=True)) | {f"read_{name}": len(readings)}


def in_a_row() -> dict:
    """What one, ten and fifty frames in a row tell, where one is often too few: the mark stays where it is, the picture moves."""
    videos = {name: list(actors.clip(name).frames(1)[:MANY]) for name in CLIPS}
    small = {name: watermark_attacks.scaled(frames, 256 / 384) for name, frames in videos.items()}
    cases = {"256 px, crf 28": (small, watermark_attacks.ATTACKS["H.264 crf 28"])}
    cases |= {what: (videos, watermark_attacks.HARDER[what]) for what in HARDEST}
    found = {}
    for what, (some, attack) in cases.items():
        harmed = [attack(ours_marked(frames)) for frames in some.values()]
        row = rates([ours_read([frame]) for frames in harmed for frame in frames[:: MANY // SINGLE]], "one")
        row |= rates([ours_read(frames[start::LEFT_OUT]) for frames in harmed for start in (0, 2)], "ten")
        found[what] = row | rates([ours_read(frames) for frames in harmed], "fifty")
    return found


def times(frame) -> dict:
    """Milliseconds a frame, on one core, the least of several."""
    found = {}
    for size in ((384, 384), (1280, 720), (1920, 1080)):
        picture = cv2.resize(frame, size, interpolation=cv2.INTER_CUBIC)
        marker = watermark.Marker(size, IDENT)
        marked = marker.apply(picture)
        spent = {"mark": [], "read": [], "read_unmarked": []}
        for _ in range(15):
            began = time.perf_counter()
            marker.apply(picture)
            spent["mark"].append(time.perf_counter() - began)
        for some, name in ((marked, "read"), (picture, "read_unmarked")):
            for _ in range(3):
                began = time.perf_counter()
                watermark.read(some)
                spent[name].append(time.perf_counter() - began)
        found[f"{size[0]}x{size[1]}"] = {name: round(min(some) * 1000, 1) for name, some in spent.items()}
    return found


def false_alarms() -> dict:
    """What `look` finds in every bundled clip; none carries the mark."""
    clips = [clip.path for clip in actors.clips()]
    clips += sorted(Path(__file__).resolve().parents[1].glob("data/sample/*.mp4"))
    readings = [watermark.look(path) for path in clips]
    return {
        "clips": len(readings),
        "found": sum(reading.found for reading in readings),
        "frames": sum(reading.frames for reading in readings),
        "most_weight": round(max(reading.weight for reading in readings), 2),
    }


def _told(name: str, found: dict) -> None:
    print(f"\n{name}: PSNR {found['psnr']:.1f} dB (least {found['psnr_least']:.1f}), SSIM {found['ssim']:.4f}")
    _rows(found["attacks"], ("one", "ten"))


def _rows(rows: dict, names: tuple[str, ...]) -> None:
    """A table: for each number of frames, bits read rightly, marks found, numbers read rightly; at last, numbers read wrongly."""
    print(
        f"  {'attack':30s}"
        + "".join(f"{name + ': bits':>14s}{'found':>7s}{'number':>8s}" for name in names)
        + f"{'wrong':>7s}"
    )
    for what, row in rows.items():
        given = [name for name in names if f"bits_{name}" in row]
        cells = (f"{row[f'bits_{name}']:14.3f}{row[f'found_{name}']:7.2f}{row[f'whole_{name}']:8.2f}" for name in given)
        wrong = sum(round(row[f"wrong_{name}"] * row[f"read_{name}"]) for name in given)
        print(f"  {what:30s}" + "".join(cells) + f"{wrong:7d}", flush=True)


def photographs() -> dict:
    """One-picture videos of the held-out photographs, none larger than need be."""
    pictures = held_out.photographs()
    factors = {name: min(1.0, LARGEST / min(picture.shape[:2])) for name, picture in pictures.items()}
    return {name: watermark_attacks.scaled([picture], factors[name]) for name, picture in pictures.items()}


def main() -> None:
    cv2.setNumThreads(1)
    videos = {name: list(actors.clip(name).frames(EVERY)[:COUNT]) for name in CLIPS}
    result = {"frames": COUNT, "clips": CLIPS}
    every = watermark_attacks.ATTACKS | watermark_attacks.HARDER
    result["ours"] = judged(videos, ours_marked, ours_read, every)
    _told("this watermark, four clips of faces", result["ours"])
    stills = photographs()
    result["ours_photographs"] = judged(stills, ours_marked, ours_read, every)
    _told(f"this watermark, {len(stills)} photographs", result["ours_photographs"])
    result["in_a_row"] = in_a_row()
    print("\nframes in a row")
    _rows(result["in_a_row"], ("one", "ten", "fifty"))
    small = {name: watermark_attacks.scaled(frames, 256 / 384) for name, frames in videos.items()}
    result["ours_256"] = judged(small, ours_marked, ours_read, watermark_attacks.ATTACKS)
    _told("this watermark, pictures of 256 px", result["ours_256"])
    few = {name: videos[name][:SINGLE] for name in CLIPS[:2]}  # the others are slow, and soon judged
    result["plain"] = judged(few, plain_marked, plain_read, watermark_attacks.ATTACKS)
    _told("plain block DCT", result["plain"])
    if peer := library():
        result["dwtDct"] = judged(few, *peer, watermark_attacks.ATTACKS)
        _told("invisible-watermark, dwtDct", result["dwtDct"])
    result["milliseconds"] = times(videos[CLIPS[0]][0])
    print("\nmilliseconds a frame:")
    for size, row in result["milliseconds"].items():
        print(
            f"  {size:10s} mark {row['mark']:.1f}, read {row['read']:.0f}, read without a mark {row['read_unmarked']:.0f}"
        )
    result["false_alarms"] = false_alarms()
    told = result["false_alarms"]
    print(
        f"\nfound in {told['found']} of {told['clips']} clips without it, read together and in {told['frames']} frames by "
        f"themselves; greatest weight {told['most_weight']}, {watermark.NEEDED} needed"
    )
    files.write_json(RESULTS, result)
    ours, plain = (
        float(np.mean([result[name]["attacks"][what]["bits_one"] for what in watermark_attacks.ATTACKS if what != "nothing"]))
        for name in ("ours", "plain")
    )
    figure = {"ours": round(ours, 4), "baseline": round(plain, 4), "ratio": round(ours / plain, 3)}
    unit = "share of bits read from one frame, mean of the named attacks (baseline: plain block DCT; 0.5 is chance)"
    print(json.dumps({"watermark": {**figure, "unit": unit}}))


if __name__ == "__main__":
    main()
