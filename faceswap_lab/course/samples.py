"""The clips that a run works on: the user's own, or the rendered actors that come with the lab."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path

from faceswap_lab.base.errors import LabError
from faceswap_lab.base.weights import data_folder
from faceswap_lab.course import actors

ROOT = Path(__file__).resolve().parents[2]
MANIFEST = data_folder() / "sample" / "manifest.json"
SAMPLES = ("train_A", "train_B", "target", "truth")
COURSE = {"train_A": "train_A", "train_B": "train_B", "target": "talk_A", "truth": "truth_A_from_B"}  # in data/actors


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


def course_clips() -> dict[str, Path]:
    """The actors' clips that the course runs on: train_A, train_B, target (A talks), truth (the same with B's face).

    Raises:
        LabError: when the manifest or a clip that it names is missing.
    """
    return {role: actors.clip(name).path for role, name in COURSE.items()}


def sample_clips(manifest: str | os.PathLike = MANIFEST) -> dict[str, Path]:
    """The small clips of data/sample by their id: train_A, train_B, target, truth. The tests work on them.

    Raises:
        LabError: when the manifest or a clip that it names is missing.
    """
    return {name: sample_clip(name, manifest=manifest).path for name in SAMPLES}


def sample_clip(name: str, check: bool = False, manifest: str | os.PathLike = MANIFEST) -> actors.ActorClip:
    """One clip of data/sample with its labels.

    Args:
        name: train_A, train_B, target or truth.
        check: compare every file with the manifest's SHA-256.
        manifest: the list of clips; data/sample/manifest.json, or below the folder that FACESWAP_LAB_DATA names.

    Raises:
        LabError: for an unknown name, a missing file or a changed one.
    """
    return actors.clip(name, check, manifest)


def find_clips(source="", target="", target_training="", truth="") -> Clips:
    """The clips of a new run; what is left empty comes from the actors.

    Args:
        source, target, target_training, truth: paths, or "".

    Raises:
        LabError: for a file that does not exist, or a training clip or truth without its target clip.
    """
    own = [existing_clip(path) if str(path) else None for path in (source, target, target_training, truth)]
    if own[1] is None and (own[2] or own[3]):
        raise LabError(f"{own[2] or own[3]}: this belongs to a target clip. Give that, too, with --target.")
    bundled = course_clips() if None in own[:2] else {}
    face = own[0] or bundled["train_B"]
    if own[1]:
        return Clips(face, own[1], own[2], own[3])
    return Clips(face, bundled["target"], bundled["train_A"], None if own[0] else bundled["truth"])
