"""Weight files in data/weights: finds them, checks their SHA-256, never downloads."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from pathlib import Path

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError


@dataclass(frozen=True)
class WeightFile:
    """Where a network's numbers come from.

    Args:
        path: inside data/weights.
        sha256: of the file.
        licence, source: for the table of the `doctor` command.
    """

    path: str
    sha256: str
    licence: str
    source: str


WEIGHTS = {
    "pnet": WeightFile("mtcnn/pnet.tflite", "0d8834e8c2364f22ec57089a1ed3d2dcd071bf548ce3bd5be46e51e60c5b9d26", "MIT", "MTCNN's proposal network"),
    "rnet": WeightFile("mtcnn/rnet.tflite", "71e12815a93aa10b088586e2e6aa9d1fd0b71da4554839af3a45f449a99b4e75", "MIT", "MTCNN's refinement network"),
    "onet": WeightFile("mtcnn/onet.tflite", "661cc1f17a736d04ba903f51a6114155ec30b461d1256004ba220851c4576f3e", "MIT", "MTCNN's output network"),
    "face_landmark": WeightFile("mediapipe/face_landmark.tflite", "2efcb4f4de43c7614b80a3cc3e8a37354b3b3b40f75cce20f6f38f0f25d65493", "Apache-2.0", "MediaPipe Face Mesh, 468 points"),
    "iris_landmark": WeightFile("mediapipe/iris_landmark.tflite", "d1744d2a09c25f501d39eba4faff47e53ecca8852c5ce19bce8eeac39357521f", "Apache-2.0", "MediaPipe Iris"),
    "dlib_face_recognition": WeightFile("dlib/face_recognition.npz", "6036fe5ddd88175ebde64fa13a01a4bb09cef14a571c1eddb2900567c7775665", "CC0", "dlib's face recognition ResNet: the evaluation network"),
    "dlib_mmod": WeightFile("dlib/mmod_human_face_detector.dat", "4cb19393e2fbaf2b1609a9319ad5386618c886a6234ec1b971f3e87c85d87fe6", "CC0", "dlib's CNN face detector"),
    "face_res": WeightFile("face_res/face_res.weights.h5", "85657a98e0129ff87dd4eb8b73f4dbabf73256b43c6c400d447340ea8f1d4823", "Apache-2.0", "HSE-FaceRes: the trainer's recogniser"),
    "quick_autoencoder": WeightFile("quick_autoencoder/model.weights.h5", "4d92270aaef126884a3044d06db8162d5d0ce85360ca85e4f3d7edd55b680f7c", "CC0", "the warm start of the preset quick"),
    "base": WeightFile("base/base.npz", "f0e555d0c88f0303d8f96993433f4a13fc26a78275ef1fad2adc20db3dea5bc1", "CC0", "the base model: swaps without training"),
    "occlusion": WeightFile("occlusion/occlusion.npz", "b557d97b3d2632502e0a0030b00c473681682b97468acf626d76d19342055076", "CC0", "finds hands and other things before a face"),
}  # fmt: skip


def data_folder() -> Path:
    """The repository's data/ folder, or the one that FACESWAP_LAB_DATA names."""
    return Path(os.environ.get("FACESWAP_LAB_DATA") or Path(__file__).resolve().parents[2] / "data")


def locate(name: str) -> Path:
    """Where a weight file should lie.

    Raises:
        KeyError: for an unknown name.
    """
    return data_folder() / "weights" / WEIGHTS[name].path


@functools.cache
def find(name: str) -> Path:
    """The path of a weight file that is there and undamaged.

    Args:
        name: a key of `WEIGHTS`.

    Raises:
        LabError: when the file is missing, or not the one that the lab was tried with.
        KeyError: for an unknown name.
    """
    path = locate(name)
    remedy = "Check it out again: git checkout data/weights"
    if not path.is_file():
        raise LabError(f"{path}: these weights are missing. {remedy}")
    if files.sha256(path) != WEIGHTS[name].sha256:
        raise LabError(f"{path}: these weights are damaged, or not those of this version of the lab. {remedy}")
    return path


def report() -> list[dict]:
    """One row a weight file for `doctor`: name, licence, source, state ("ok" or what is wrong)."""
    rows = []
    for name, entry in WEIGHTS.items():
        try:
            find(name)
            state = "ok"
        except LabError as error:
            state = str(error)
        rows.append({"name": name, "licence": entry.licence, "source": entry.source, "state": state})
    return rows
