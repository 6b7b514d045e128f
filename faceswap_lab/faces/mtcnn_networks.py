"""MTCNN's three small networks, built in Keras with the weights of the package `mtcnn`.

Zhang et al., "Joint face detection and alignment using multitask cascaded convolutional networks", IEEE Signal
Processing Letters 23(10), 2016 (arXiv:1604.02878). Inputs are RGB, (value - 127.5) / 128.
"""

from __future__ import annotations

import functools

import joblib
import keras
from keras import layers

from faceswap_lab import weights
from faceswap_lab.errors import LabError


def _stack(x, convolutions, fully_connected):
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


def _load(model: keras.Model, name: str) -> keras.Model:
    path = weights.find(name)  # its SHA-256 is checked before anything in it is unpickled
    try:
        model.set_weights(joblib.load(path))
    except (ValueError, EOFError, OSError) as error:
        raise LabError(
            f"{path}: these weights do not fit the network ({error}). Run: pip install --force-reinstall mtcnn"
        ) from error
    model.trainable = False
    return model


@functools.cache
def proposal_network() -> keras.Model:
    """P-Net: a picture (N, H, W, 3) to a map of boxes (N, h, w, 4) and of faces (N, h, w, 2), a cell every 2 pixels."""
    inputs = keras.Input((None, None, 3))
    x = _stack(inputs, [(10, 3, 2, "same"), (16, 3, None, None), (32, 3, None, None)], None)
    boxes, faces = layers.Conv2D(4, 1)(x), layers.Conv2D(2, 1, activation="softmax")(x)
    return _load(keras.Model(inputs, [boxes, faces], name="pnet"), "pnet")


@functools.cache
def refinement_network() -> keras.Model:
    """R-Net: crops (N, 24, 24, 3) to box corrections (N, 4) and [no face, face] (N, 2)."""
    inputs = keras.Input((24, 24, 3))
    x = _stack(inputs, [(28, 3, 3, "same"), (48, 3, 3, "valid"), (64, 2, None, None)], 128)
    return _load(
        keras.Model(inputs, [layers.Dense(4)(x), layers.Dense(2, activation="softmax")(x)], name="rnet"), "rnet"
    )


@functools.cache
def output_network() -> keras.Model:
    """O-Net: crops (N, 48, 48, 3) to box corrections (N, 4), points (N, 10: five x, five y) and [no face, face] (N, 2)."""
    inputs = keras.Input((48, 48, 3))
    convolutions = [(32, 3, 3, "same"), (64, 3, 3, "valid"), (64, 3, 2, "same"), (128, 2, None, None)]
    x = _stack(inputs, convolutions, 256)
    outputs = [layers.Dense(4)(x), layers.Dense(10)(x), layers.Dense(2, activation="softmax")(x)]
    return _load(keras.Model(inputs, outputs, name="onet"), "onet")
