"""Weights of others: read right, only from the files that were tried, each beside its licence and its source."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from faceswap_lab.base import weights
from faceswap_lab.base.errors import LabError
from faceswap_lab.models.dlib_recognition import build_recognition

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))
import convert_weights  # noqa: E402


def integer(value: int) -> bytes:
    length = max(1, (value.bit_length() + 7) // 8)
    return bytes([length]) + value.to_bytes(length, "little")


def tensor(numbers: np.ndarray) -> bytes:
    return b"".join(map(integer, (2, numbers.size, 1, 1, 1))) + numbers.astype("<f4").tobytes()


def as_dlib_writes(model, kernels, biases, scales, shifts, embedding) -> bytes:
    """The network's file: kernels (filters, channels, height, width), scale and shift of each, embedding (256, 128)."""
    data = b""
    convolutions = [layer for layer in model.layers if layer.name.startswith("conv_")]
    for layer, kernel, bias, scale, shift in zip(convolutions, kernels, biases, scales, shifts, strict=True):
        stride = layer.strides[0]
        facts = (len(kernel), *layer.kernel_size, stride, stride, 0, 0)
        data += b"\x01\x05con_4" + tensor(np.concatenate([kernel.ravel(), bias])) + b"".join(map(integer, facts))
        data += b"\x01\x07affine_" + tensor(np.concatenate([scale, shift]))
    return data + b"\x01\x04fc_2" + integer(128) + integer(256) + tensor(embedding)


@pytest.fixture(scope="module")
def written():
    """A model to fill, its file, and the numbers in it."""
    model, draw = build_recognition(), np.random.default_rng(0)
    made = [layer.weights[0].shape for layer in model.layers if layer.name.startswith("conv_")]
    kernels = [draw.normal(size=(shape[3], shape[2], *shape[:2])) for shape in made]
    biases, scales, shifts = ([draw.normal(size=shape[3]) for shape in made] for _ in range(3))
    parts = kernels, biases, scales, shifts, draw.normal(size=(256, 128))
    return model, as_dlib_writes(model, *parts), parts


def test_each_number_comes_to_its_place(written):
    model, data, (kernels, biases, scales, shifts, embedding) = written
    convert_weights.fill(model, convert_weights.read_layers(data))
    for number in (0, 7, 28):
        kernel, bias = model.get_layer(f"conv_{number}").get_weights()
        _, channels, height, _ = kernels[number].shape
        wanted = kernels[number][5, channels - 2, height - 1, 0] * scales[number][5]
        assert kernel[height - 1, 0, channels - 2, 5] == pytest.approx(wanted, rel=1e-5)
        np.testing.assert_allclose(bias, biases[number] * scales[number] + shifts[number], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(model.get_layer("embedding").get_weights()[0], embedding, rtol=1e-6)


def test_another_or_a_damaged_network_is_refused(written):
    model, data, _ = written
    with pytest.raises(ValueError, match="damaged fc layer"):
        convert_weights.read_layers(data[:-4])
    with pytest.raises(ValueError, match="ends within"):
        convert_weights.read_layers(data[:9])
    layers = convert_weights.read_layers(data)
    with pytest.raises(ValueError, match="57 learnt layers"):
        convert_weights.fill(model, layers[2:])
    with pytest.raises(ValueError, match="conv_0 has another shape"):
        convert_weights.fill(model, [*layers[2:4], *layers[2:]])


def test_a_shape_that_overflows():
    """Four sides of 2^20 give 2^80 numbers, which is 0 in 64 bits: it would pass for an empty layer."""
    data = b"\x01\x05con_4" + b"".join(map(integer, (2, 1 << 20, 1 << 20, 1 << 20, 1 << 20))) + bytes(200)
    with pytest.raises(ValueError, match="a damaged con layer"):
        convert_weights.read_layers(data)


def test_only_the_files_that_were_tried_are_converted(tmp_path):
    name = convert_weights.LANDMARKS + "/face_landmark.tflite"
    with pytest.raises(LabError, match=r"face_landmark\.tflite: no such file"):
        convert_weights.checked(tmp_path, name)
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_bytes(b"another")
    with pytest.raises(LabError, match=r"face_landmark\.tflite: not the file that was tried"):
        convert_weights.checked(tmp_path, name)


@pytest.mark.parametrize("name", weights.WEIGHTS)
def test_every_weight_file_lies_beside_its_licence_and_its_source(name):
    entry, folder = weights.WEIGHTS[name], weights.locate(name).parent
    titles = {"MIT": "MIT License", "Apache-2.0": "Apache License", "CC0": "CC0 1.0 Universal"}
    assert titles[entry.licence] in (folder / "LICENSE").read_text(encoding="utf-8")[:200]
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert entry.sha256 in json.dumps(config) and {"made_by", "source", "command"} & set(config)
