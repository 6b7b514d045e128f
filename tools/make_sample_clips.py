"""Makes the clips of data/sample/ from rendered frames.

    python tools/make_sample_clips.py FRAMES_FOLDER

FRAMES_FOLDER holds, for every picture number n of four digits:
    trainA/A_n.png, trainA/labels.jsonl     person A, to learn from
    trainB/B_n.png, trainB/labels.jsonl     person B, to learn from
    clip/A_n.png, clip/labels_A.jsonl       person A in the clip that is changed: the target
    clip/C_n.png, clip/labels_C.jsonl       the same clip with B's face on A: the truth
    clip/C_n_id.png                         classes (red, 40 x class) and the soft face mask (green) of the truth
The spoken track under the target clip needs the program espeak-ng (Debian and Ubuntu: apt install espeak-ng).
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from faceswap_lab.base import files  # noqa: E402
from faceswap_lab.base.errors import LabError  # noqa: E402

FPS = 20  # the rendered head turns by 1.6 degrees a frame: at 20 frames a second, a calm person
LICENCE = "CC0-1.0"
TALLEST_GAP = 41  # pixels between the skin above and below an open mouth, and some more
SPEECH = "I am a rendered person. This voice is synthetic."
VOICE = ["-v", "en-gb+f3", "-s", "180", "-p", "55"]  # a woman's voice; 180 words a minute fit the clip
# id, role, person, folder, prefix of the pictures, labels
CLIPS = (
    ("train_A", "train", "A", "trainA", "A", "labels.jsonl"),
    ("train_B", "train", "B", "trainB", "B", "labels.jsonl"),
    ("target", "target", "A", "clip", "A", "labels_A.jsonl"),
    ("truth", "truth", "A_with_face_of_B", "clip", "C", "labels_C.jsonl"),
)
SCALING = "bicubic+accurate_rnd+full_chroma_int"
BT709 = "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv"
ENCODE = [
    *("-vf", f"scale=out_color_matrix=bt709:out_range=tv:flags={SCALING},format=yuv420p,{BT709}"),
    *("-c:v", "libx264", "-preset", "slow", "-crf", "12", "-g", "20", "-threads", "1"),
]
MUX = ["-map_metadata", "-1", "-fflags", "+bitexact", "-movflags", "+faststart"]
MUX += ["-metadata", "comment=rendered, synthetic"]


def ffmpeg(*arguments: str, folder: Path | None = None) -> None:
    """Runs ffmpeg in `folder` and stops with its message when it fails."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-loglevel", "error", "-nostdin", "-y", *arguments]
    done = subprocess.run(command, cwd=folder, stderr=subprocess.PIPE, text=True, errors="replace")
    if done.returncode:
        raise LabError(f"{arguments[-1]}: ffmpeg could not make this file: {done.stderr.strip()}")


def speak(path: Path, seconds: float, text: str = SPEECH, voice: Sequence[str] = VOICE) -> None:
    """Writes the spoken track, a WAV of exactly `seconds`: the sentence, then silence.

    Raises:
        LabError: when espeak-ng is missing, or the sentence is longer than the clip.
    """
    if shutil.which("espeak-ng") is None:
        raise LabError("espeak-ng: this program makes the spoken track and is missing. apt install espeak-ng")
    raw = path.with_name("raw.wav")
    subprocess.run(["espeak-ng", *voice, "-w", str(raw), text], check=True)
    ffmpeg("-i", str(raw), "-af", "silenceremove=stop_periods=-1:stop_duration=0.3:stop_threshold=-50dB", str(path))
    spoken = (path.stat().st_size - 44) / 2 / 22050
    if spoken > seconds - 0.1:
        raise LabError(f"{path}: the sentence takes {spoken:.2f} s and the clip {seconds:.2f} s. Shorten it.")
    shutil.move(path, raw)
    ffmpeg("-i", str(raw), "-af", f"adelay=100,apad=whole_dur={seconds}", "-ar", "44100", "-ac", "1", str(path))


def compact_labels(path: Path) -> tuple[str, list[str]]:
    """Labels with two decimals and without what is zero.

    Args:
        path: JSON lines as the renderer writes them; points are (x, y) pixels of the picture, angles degrees.

    Returns:
        The same as compact JSON lines, and the names of the lights in the order of their first use.
    """
    lines, lights = [], {}
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        kept = {"frame": row["frame"]}
        for name in ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right", "gaze"):
            kept[name] = [round(value, 2) for value in row[name]]
        kept |= {name: round(row[name], 2) for name in ("yaw", "pitch", "roll", "blink")}
        kept["units"] = {name: round(value, 3) for name, value in row["units"].items() if round(value, 3)}
        kept["light"] = row["hdri"]
        lights[row["hdri"]] = True
        lines.append(json.dumps(kept, separators=(",", ":")))
    return "\n".join(lines) + "\n", list(lights)


def face_mask(path: Path) -> np.ndarray:
    """The soft mask of the swapped face in one frame of the truth.

    The renderer leaves eyes, brows, lashes and the open mouth out of its mask. They belong to B as well, and each has
    skin above and below it, so gaps between skin are filled; hair over the forehead has skin below only and stays out.

    Args:
        path: the picture of classes; its green channel is the soft mask.

    Returns:
        (H, W) uint8, 255 = B's face.
    """
    soft = cv2.imread(str(path))[..., 1]
    between = cv2.morphologyEx(soft, cv2.MORPH_CLOSE, np.ones((TALLEST_GAP, 1), np.uint8))
    return np.where(soft == 0, between, soft)


def make_clips(frames: Path, out: Path) -> None:
    """Makes every clip, its labels, the truth's mask and the manifest.

    Args:
        frames: the folder of rendered frames, laid out as this module's docstring says.
        out: the folder to fill, data/sample.
    """
    files.make_folder(out)
    entries = []
    for name, role, person, folder, prefix, labels in CLIPS:
        numbers = sorted(int(picture.stem.split("_")[1]) for picture in (frames / folder).glob(f"{prefix}_????.png"))
        if not numbers or numbers != list(range(len(numbers))):
            raise LabError(f"{frames / folder}: pictures {prefix}_0000.png and so on, without a gap, are needed here.")
        height, width = cv2.imread(str(frames / folder / f"{prefix}_0000.png")).shape[:2]
        seconds = len(numbers) / FPS
        with files.atomic_path(out / f"{name}.mp4") as path, tempfile.TemporaryDirectory() as temporary:
            pictures = ["-framerate", str(FPS), "-i", f"{prefix}_%04d.png"]
            sound = ["-an"]
            if role == "target":
                wav = Path(temporary) / "speech.wav"
                speak(wav, seconds)
                pictures += ["-i", str(wav)]
                sound = ["-map", "0:v", "-map", "1:a", "-c:a", "aac", "-b:a", "96k", "-t", str(seconds)]
            ffmpeg(*pictures, *ENCODE, *sound, *MUX, str(path.absolute()), folder=frames / folder)
        text, lights = compact_labels(frames / folder / labels)
        files.write_text(out / f"labels_{name}.jsonl", text)
        entry = {"id": name, "role": role, "person": person, "file": f"{name}.mp4", "labels": f"labels_{name}.jsonl"}
        entry |= {"frames": len(numbers), "size": [width, height], "fps": FPS, "duration": seconds, "lights": lights}
        entry |= {"sound": SPEECH if role == "target" else None, "licence": LICENCE}
        if role == "truth":
            masks = np.stack([face_mask(frames / folder / f"{prefix}_{n:04d}_id.png") for n in numbers])
            with files.atomic_path(out / "mask_truth.npz") as path:
                np.savez_compressed(path, masks=masks)
            entry |= {"truth_of": "target", "face_from": "train_B", "mask": "mask_truth.npz"}
        made = [entry["file"], entry["labels"], *([entry["mask"]] if "mask" in entry else [])]
        entry["sha256"] = {file: files.sha256(out / file) for file in made}
        entries.append(entry)
        print(f"{name}: {len(numbers)} frames, {sum((out / file).stat().st_size for file in made) / 1e6:.2f} MB")
    files.write_json(out / "manifest.json", {"version": 1, "clips": entries})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("frames", type=Path, help="folder of rendered frames")
    parser.add_argument("--out", type=Path, default=ROOT / "data" / "sample")
    arguments = parser.parse_args()
    try:
        make_clips(arguments.frames, arguments.out)
    except LabError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
