"""The rendered actors of data/actors as arrays: frames, the true swap, masks, landmarks, pose and expression.

Points are (x, y) in pixels, sub-pixel, and the first pixel's middle is (0, 0), as everywhere in the lab. "Left" and
"right" are those of the picture. Everything comes from the geometry that was rendered, nothing from a detector.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from faceswap_lab import video
from faceswap_lab.base import files, untrusted
from faceswap_lab.base.errors import LabError
from faceswap_lab.base.weights import data_folder
from faceswap_lab.faces.alignment import FIVE

MANIFEST = data_folder() / "actors" / "manifest.json"
REGIONS = ("face", "eyes", "mouth", "hand")
STEPS = 64  # landmarks are stored in 64ths of a pixel


@dataclass(frozen=True)
class Landmarks:
    """Dense landmarks of a clip: the same places of the head in every frame and on every actor.

    Args:
        dense: (frames, n, 2) float32 pixels. visible: (frames, n) bool: not behind another part of the head (a hand
            before the face is in the masks instead).
        irises: (frames, 2, 5, 2) float32 pixels: left and right eye; centre, then the rim at the right, top, left and
            bottom.
        triangles: (m, 3) places in `dense`: the mesh over them.
        contours: name -> places in `dense`, in order: left_eye, right_eye, lips_outer, lips_inner (all closed), nose.
    """

    dense: np.ndarray
    visible: np.ndarray
    irises: np.ndarray
    triangles: np.ndarray
    contours: dict[str, np.ndarray]

    def contour(self, name: str) -> np.ndarray:
        """(frames, k, 2) float32 pixels of a contour."""
        return self.dense[:, self.contours[name]]


@dataclass(frozen=True)
class ActorClip:
    """One clip and everything that is known about it.

    Args:
        facts: its entry in the manifest: id, role, person, frames, size, fps, seed, light, licence, sha256, ...
        folder: where its files lie.
    """

    facts: dict
    folder: Path

    @property
    def id(self) -> str:
        """Its name, such as talk_A."""
        return self.facts["id"]

    @property
    def path(self) -> Path:
        """The video."""
        return self.folder / self.facts["file"]

    @cached_property
    def labels(self) -> list[dict]:
        """A dictionary a frame: five points, yaw, pitch, roll, gaze, blink, units, light, and what else is known."""
        path = self._known("labels")
        files.check_size(path, files.MOST_JSON)
        text = path.read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]

    def _known(self, kind: str) -> Path:
        if kind not in self.facts:
            raise LabError(f"{self.id}: this clip has no {kind}; clips with the role target, hard and truth have them.")
        path = self.folder / self.facts[kind]
        if not path.exists():
            raise LabError(
                f"{path}: this file is missing. The archive of `make colab` leaves out what no lesson opens; a clone of the lab "
                "has it."
            )
        return path

    def frames(self, every: int = 1) -> np.ndarray:
        """(n, H, W, 3) uint8 RGB. A training clip of 504 frames takes 220 MB: `video.open_video` reads one at a time."""
        return np.stack([frame.image for frame in video.open_video(self.path).frames(every=every)])

    def points(self) -> np.ndarray:
        """(n, 5, 2) float32 pixels: left eye, right eye (irises' middles), nose tip, left and right mouth corner."""
        return np.array([[row[name] for name in FIVE] for row in self.labels], np.float32)

    def pose(self) -> np.ndarray:
        """(n, 3) float32 degrees: yaw (+ to the picture's right), pitch (+ up), roll (+ clockwise in the picture)."""
        return np.array([[row[name] for name in ("yaw", "pitch", "roll")] for row in self.labels], np.float32)

    def gaze(self) -> np.ndarray:
        """(n, 2) float32 degrees within the head: + to the picture's right, + up."""
        return np.array([row["gaze"] for row in self.labels], np.float32)

    def expression(self) -> tuple[list[str], np.ndarray]:
        """The names of the face units that occur, and their weights (n, names) float32 in [0, 1]."""
        names = sorted({name for row in self.labels for name in row["units"]})
        return names, np.array([[row["units"].get(name, 0.0) for name in names] for row in self.labels], np.float32)

    def masks(self) -> dict[str, np.ndarray]:
        """Soft masks (n, H, W) float32 in [0, 1]: what each pixel shows.

        face: the inner face, which a swap replaces; soft towards the ears and the hairline, 0 where hair or a hand lies
        before it. eyes: the visible eyeballs. mouth: lips and what is between them. hand: the hand before the face.
        """
        with untrusted.arrays(self._known("masks")) as stored:
            return {name: mask.astype(np.float32) / 255 for name, mask in zip(REGIONS, stored["masks"], strict=True)}

    def landmarks(self) -> Landmarks:
        """Dense landmarks, irises and contours."""
        definition = files.read_json(self.folder / "landmarks.json")
        with untrusted.arrays(self._known("landmarks")) as stored:
            count = int(stored["count"])
            visible = np.unpackbits(stored["visible"], axis=1, count=count).astype(bool)
            dense, irises = (stored[name].astype(np.float32) / STEPS for name in ("dense", "irises"))
        contours = {name: np.array(places) for name, places in definition["contours"].items()}
        return Landmarks(dense, visible, irises, np.array(definition["triangles"]), contours)

    def truth(self) -> ActorClip | None:
        """The true swap of this clip, or None."""
        entries = _entries(self.folder / "manifest.json")
        found = [entry for entry in entries if entry.get("truth_of") == self.id]
        return ActorClip(found[0], self.folder) if found else None

    def check(self, contents: bool = True) -> None:
        """Looks whether every file is there and, with `contents`, has the SHA-256 that the manifest gives.

        Raises:
            LabError: naming the file that is missing or altered, the expected hash and how to get it back.
        """
        for name, expected in self.facts["sha256"].items():
            path = self.folder / name
            if not path.exists():
                state = f"this file is missing (SHA-256 {expected})"
            elif contents and (found := files.sha256(path)) != expected:
                state = f"this is not the file that came with the lab: its SHA-256 is {found}, expected {expected}"
            else:
                continue
            anew = (
                f" To make it anew: python tools/render_actors.py --clips {self.id} --pack"
                if "seed" in self.facts
                else ""
            )
            raise LabError(
                f"{path}: {state}. Get it back with: git checkout -- {path}, or fetch the lab again.{anew} "
                "The archive of `make colab` leaves out what no lesson opens; a clone of the lab has it."
            )


def _entries(manifest: Path) -> list[dict]:
    if not manifest.exists():
        raise LabError(f"{manifest}: the list of the actors' clips is missing. Fetch the lab again.")
    try:
        entries = files.read_json(manifest)["clips"]
        for entry in entries:
            entry["id"], entry["file"], entry["sha256"], entry["role"]
    except (KeyError, TypeError) as error:
        raise LabError(f"{manifest}: not the actors' manifest ({error!r}). Fetch the lab again.") from error
    return entries


def clips(role: str | None = None, manifest: str | os.PathLike = MANIFEST) -> list[ActorClip]:
    """All clips, or those of one role: train, target, truth, hard, stranger, failure.

    Raises:
        LabError: when the manifest is missing or not one.
    """
    manifest = Path(manifest)
    return [ActorClip(entry, manifest.parent) for entry in _entries(manifest) if role in (None, entry["role"])]


def clip(name: str, check: bool = False, manifest: str | os.PathLike = MANIFEST) -> ActorClip:
    """One clip by its id.

    Args:
        name: such as train_A or talk_B; `clips()` lists them.
        check: compare its files with the manifest's SHA-256.

    Raises:
        LabError: for an unknown name, a missing file or (with `check`) an altered one.

    Example:
        >>> lab.clip("talk_A").path.name
        'talk_A.mp4'
    """
    known = clips(manifest=manifest)
    found = next((one for one in known if one.id == name), None)
    if found is None:
        raise LabError(f"{name}: there is no such clip. {manifest} lists {', '.join(one.id for one in known)}.")
    found.check(contents=check)
    return found
