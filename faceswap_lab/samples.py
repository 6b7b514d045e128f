"""The clips that a run works on: the user's own, or the rendered actors that come with the lab."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from faceswap_lab import files
from faceswap_lab.errors import LabError
from faceswap_lab.weights import data_folder

ROOT = Path(__file__).resolve().parents[1]
MANIFEST = data_folder() / "actors" / "manifest.json"
SAMPLES = ("train_A", "train_B", "target", "truth")


@dataclass(frozen=True)
class Clips:
    """The files (or folders of pictures) behind a run.

    Args:
        source: B's clip, whose face is put in.
        target: A's clip, whose video is changed.
        target_training: more pictures of A to learn from, or None.
        truth: the true swap of the target clip, or None.
    """

    source: Path
    target: Path
    target_training: Path | None = None
    truth: Path | None = None

    def as_json(self) -> dict[str, str]:
        """As text; a file of the lab relative to its folder, so that a run survives a move."""
        return {name: _shortened(path) for name, path in asdict(self).items() if path is not None}

    @classmethod
    def from_json(cls, stored: dict[str, str]) -> Clips:
        """The clips that `as_json` wrote."""
        return cls(**{name: ROOT / path for name, path in stored.items()})  # an absolute path stays as it is


def _shortened(path: Path) -> str:
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)


def existing_clip(path: str | os.PathLike) -> Path:
    """The absolute path of a clip or folder of pictures; a relative one is looked for here, then in the lab's folder.

    Raises:
        LabError: when there is no such file, or it is empty.
    """
    given = Path(path).expanduser()
    found = next((place for place in (given, ROOT / given) if place.exists()), None)
    if found is None:
        raise LabError(f"{path}: no such file or folder. Check the name; a path may be relative to {Path.cwd()}.")
    if found.is_file() and found.stat().st_size == 0:
        raise LabError(f"{path}: this file is empty. Copy it again.")
    return Path(os.path.abspath(found))


def sample_clips(manifest: str | os.PathLike = MANIFEST) -> dict[str, Path]:
    """The bundled clips by their id: train_A, train_B, target, truth.

    Raises:
        LabError: when the manifest or a clip that it names is missing.
    """
    manifest = Path(manifest)
    if not manifest.exists():
        raise LabError(f"{manifest}: the sample clips are missing. Fetch the lab again, or give --source and --target.")
    try:
        found = {entry["id"]: manifest.parent / entry["file"] for entry in files.read_json(manifest)["clips"]}
    except (KeyError, TypeError) as error:
        raise LabError(f"{manifest}: not the sample clips' manifest ({error}). Fetch the lab again.") from error
    for name in SAMPLES:
        if name not in found or not found[name].exists():
            raise LabError(f"{manifest}: the sample clip {name!r} is missing. Fetch the lab again, or give own clips.")
    return found


@dataclass(frozen=True)
class SampleClip:
    """A bundled clip and what is known about it.

    Args:
        id: train_A, train_B, target or truth.
        path: the video.
        labels: JSON lines, one a frame: five points (x, y) in pixels, angles in degrees, face units, the light.
        facts: the manifest's entry: role, person, frames, size, fps, duration, lights, licence, sha256, ...
        mask: npz with masks (frames, H, W) uint8 of the swapped face; the truth alone has one.
    """

    id: str
    path: Path
    labels: Path
    facts: dict
    mask: Path | None = None

    def read_labels(self) -> list[dict]:
        """One dictionary a frame."""
        return [json.loads(line) for line in self.labels.read_text(encoding="utf-8").splitlines()]


def sample_clip(name: str, check: bool = False, manifest: str | os.PathLike = MANIFEST) -> SampleClip:
    """One bundled clip with its facts.

    Args:
        name: train_A, train_B, target or truth.
        check: compare every file with the manifest's SHA-256.
        manifest: the list of clips; data/actors/manifest.json, or below the folder that FACESWAP_LAB_DATA names.

    Raises:
        LabError: for an unknown name, a missing file or a changed one.
    """
    folder = Path(manifest).parent
    known = sample_clips(manifest)
    if name not in known:
        raise LabError(f"sample clip {name!r}: there is none of that name. Choose one of {', '.join(known)}.")
    facts = next(entry for entry in files.read_json(manifest)["clips"] if entry["id"] == name)
    for file, expected in facts["sha256"].items():
        if not (folder / file).exists():
            raise LabError(f"{folder / file}: this file of the sample clips is missing. Fetch the lab again.")
        if check and files.sha256(folder / file) != expected:
            raise LabError(f"{folder / file}: this is not the file that came with the lab. Fetch the lab again.")
    mask = folder / facts["mask"] if "mask" in facts else None
    return SampleClip(name, known[name], folder / facts["labels"], facts, mask)


def find_clips(source="", target="", target_training="", truth="") -> Clips:
    """The clips of a new run; what is left empty comes from the sample.

    Args:
        source, target, target_training, truth: paths, or "".

    Raises:
        LabError: for a file that does not exist, or a training clip or truth without its target clip.
    """
    given = [existing_clip(path) if str(path) else None for path in (source, target, target_training, truth)]
    if given[1] is None and (given[2] or given[3]):
        raise LabError(f"{given[2] or given[3]}: this belongs to a target clip. Give that, too, with --target.")
    if given[0] is None or given[1] is None:
        sample = sample_clips()
        if given[1] is None:
            given[1], given[2] = sample["target"], sample["train_A"]
            given[3] = sample["truth"] if given[0] is None else None
        given[0] = given[0] or sample["train_B"]
    return Clips(*given)
