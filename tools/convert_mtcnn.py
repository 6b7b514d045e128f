"""Turns MTCNN's three networks, as the package `mtcnn` ships them, into `data/weights/mtcnn/`.

    python tools/convert_mtcnn.py

What changes: the numbers stay, the form is TensorFlow Lite's, which LiteRT runs several times faster on a CPU than
TensorFlow runs the Keras form, and which needs no TensorFlow. The normalisation (value - 127.5) / 128 moves into the first
kernel and bias, which is exact, since that convolution has no padding; so networks take values from 0 to 255.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"

import joblib
import keras
import numpy as np
import tensorflow as tf
from keras import layers

from faceswap_lab.base import files, weights
from faceswap_lab.base.errors import LabError

SHA256 = {
    "pnet": "ea6b0c3e685ebee3165326ad6484acc95f2ef78f1c94fbf40a55704fa989f7b5",
    "rnet": "cb00e6460f3c98b0bfafaba3c0a0ded4bdf6e62cee7174d969e8670d7e757fee",
    "onet": "94f6ea2f4cf985275ee958cdd762d17b6009348a4fb9d8c6be39ba73ffd22ca3",
}
NOTICE = (
    "MTCNN's networks by Zhang et al., 'Joint face detection and alignment using multitask cascaded convolutional networks', "
    "IEEE Signal Processing Letters 23(10), 2016, in the numbers of the package mtcnn 1.0 (Copyright Ivan de Paz Centeno, "
    "MIT licence, see LICENSE in this folder). Modified for this repository: converted to TensorFlow Lite, normalisation "
    "folded into the first layer, P-Net's outputs joined, its softmax left out."
)


def stack(x, convolutions, fully_connected):
    """Convolutions (filters, kernel, pool size, pool padding) with PReLU, then a dense layer with PReLU."""
    for filters, kernel, pool, padding in convolutions:
        x = layers.Conv2D(filters, kernel)(x)
        x = layers.PReLU(shared_axes=[1, 2])(x)
        if pool:
            x = layers.MaxPooling2D(pool, 2, padding=padding)(x)
    if fully_connected:
        x = layers.Flatten()(layers.Permute((2, 1, 3))(x))  # the weights were trained column by column
        x = layers.PReLU()(layers.Dense(fully_connected)(x))
    return x


def proposal_network() -> keras.Model:
    """P-Net: (N, H, W, 3) to (N, h, w, 6): box corrections, then the logits of no face and face."""
    inputs = keras.Input((None, None, 3))
    x = stack(inputs, [(10, 3, 2, "same"), (16, 3, None, None), (32, 3, None, None)], None)
    return keras.Model(inputs, layers.Conv2D(6, 1)(x), name="pnet")


def refinement_network() -> keras.Model:
    """R-Net: crops (N, 24, 24, 3) to (N, 6): box corrections, then the shares of no face and face."""
    inputs = keras.Input((24, 24, 3))
    x = stack(inputs, [(28, 3, 3, "same"), (48, 3, 3, "valid"), (64, 2, None, None)], 128)
    outputs = [layers.Dense(4)(x), layers.Dense(2, activation="softmax")(x)]
    return keras.Model(inputs, layers.Concatenate()(outputs), name="rnet")


def output_network() -> keras.Model:
    """O-Net: crops (N, 48, 48, 3) to (N, 16): box corrections, five x, five y, the shares of no face and face."""
    inputs = keras.Input((48, 48, 3))
    convolutions = [(32, 3, 3, "same"), (64, 3, 3, "valid"), (64, 3, 2, "same"), (128, 2, None, None)]
    x = stack(inputs, convolutions, 256)
    outputs = [layers.Dense(4)(x), layers.Dense(10)(x), layers.Dense(2, activation="softmax")(x)]
    return keras.Model(inputs, layers.Concatenate()(outputs), name="onet")


def converted(model: keras.Model, name: str) -> bytes:
    """The network with the package's numbers, as a TensorFlow Lite file's content."""
    package = Path(importlib.util.find_spec("mtcnn").origin).parent
    path = package / "assets" / "weights" / f"{name}.lz4"
    if files.sha256(path) != SHA256[name]:  # a pickle: only the file that was tried is read
        raise LabError(f"{path}: not the file of mtcnn 1.0 that was tried. Run: pip install mtcnn==1.0.0")
    numbers = joblib.load(path)
    numbers[1] = numbers[1] - numbers[0].sum((0, 1, 2)) * np.float32(127.5 / 128)
    numbers[0] = numbers[0] / np.float32(128)
    if name == "pnet":  # one convolution in place of two: narrow ones leave a processor's wide registers half empty
        numbers[-4:] = [np.concatenate([numbers[-4], numbers[-2]], -1), np.concatenate([numbers[-3], numbers[-1]])]
    model.set_weights(numbers)
    shape = (1, None, None, 3) if name == "pnet" else (None, *model.input_shape[1:])
    traced = tf.function(lambda x: model(x)).get_concrete_function(tf.TensorSpec(shape, tf.float32))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([traced])
    return converter.convert()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=weights.data_folder() / "weights" / "mtcnn")
    out = parser.parse_args().out
    made = {}
    for name, build in (("pnet", proposal_network), ("rnet", refinement_network), ("onet", output_network)):
        keras.backend.clear_session()  # layers' names are counted; with it the same file comes out each time
        with files.atomic_path(out / f"{name}.tflite") as temporary:
            temporary.write_bytes(converted(build(), name))
        made[f"{name}.tflite"] = files.sha256(out / f"{name}.tflite")
        print(name, (out / f"{name}.tflite").stat().st_size, made[f"{name}.tflite"])
    config = {"name": "MTCNN", "input": "RGB float32, 0 to 255", "sha256": made, "source": "mtcnn 1.0 (PyPI)"}
    config |= {
        "made_by": "python tools/convert_mtcnn.py",
        "tensorflow": tf.__version__,
        "licence": "MIT",
        "notice": NOTICE,
    }
    files.write_json(out / "config.json", config)


if __name__ == "__main__":
    main()
