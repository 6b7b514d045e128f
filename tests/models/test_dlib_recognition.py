"""The evaluation network: the same numbers as dlib's own, and a good eye for people."""

import json
from pathlib import Path

import numpy as np
import pytest

from faceswap_lab.faces.alignment import transform_points
from faceswap_lab.faces.embeddings import MEAN_FACE, chip, chip_points
from faceswap_lab.faces.options import SAME_PERSON
from faceswap_lab.models.dlib_recognition import FaceRecognition

CASES = json.loads((Path(__file__).parents[1] / "cases" / "package_weights.json").read_text(encoding="utf-8"))

# What dlib 20.0.1 (CPU) says of the picture `numpy.random.default_rng(0).integers(0, 256, (150, 150, 3), uint8)`.
DLIB = np.array(
    [
        -0.092190, 0.084169, 0.043158, -0.011739, -0.156883, -0.066206, -0.038288, -0.111475,
        0.105235, -0.042069, 0.140603, -0.066144, -0.201057, -0.064083, -0.054399, 0.103473,
        -0.086401, -0.075104, -0.037598, -0.134088, 0.018308, 0.046432, -0.024842, 0.006090,
        -0.037123, -0.249881, -0.062166, -0.077942, 0.089649, -0.097149, -0.006472, 0.033646,
        -0.251150, -0.042250, -0.033323, 0.058702, -0.027971, -0.073734, 0.173360, -0.006264,
        -0.103190, 0.060598, 0.056574, 0.205547, 0.198124, -0.009701, -0.006249, -0.083527,
        0.143045, -0.216897, 0.014126, 0.168484, 0.099204, 0.066908, 0.032473, -0.099808,
        0.005189, 0.101877, -0.182368, 0.093449, 0.091944, -0.038652, -0.082838, -0.115614,
        0.214940, 0.090440, -0.068450, -0.111470, 0.172184, -0.207007, -0.061231, 0.080221,
        -0.079383, -0.116528, -0.270784, 0.112567, 0.387537, 0.208006, -0.133272, 0.023805,
        -0.097385, -0.012171, 0.024957, 0.029373, -0.063264, -0.049004, -0.053552, 0.055498,
        0.200863, -0.002844, 0.008223, 0.227405, 0.037040, 0.061103, -0.064161, -0.000516,
        -0.062993, -0.066430, -0.040666, -0.024205, 0.052385, -0.147646, 0.063193, 0.162641,
        -0.198766, 0.146919, -0.041677, -0.002281, 0.010667, 0.040187, 0.008947, 0.028634,
        0.133079, -0.222801, 0.258121, 0.120979, 0.004722, 0.095267, -0.008940, 0.127107,
        -0.047543, -0.057884, -0.105150, -0.114594, -0.021947, -0.029441, 0.026196, 0.085932,
    ]
)

# skimage.data.astronaut(): the five points by dlib's 68-point predictor.
ASTRONAUT = np.array([[203.167, 101.5], [246.5, 104.167], [225, 127], [201, 139], [246, 141]])


@pytest.fixture(scope="module")
def recogniser():
    return FaceRecognition()


def test_numbers_are_dlibs(recogniser):
    picture = np.random.default_rng(0).integers(0, 256, (150, 150, 3), dtype=np.uint8)
    found = recogniser.embed(picture[np.newaxis])
    assert found.shape == (1, 128) and found.dtype == np.float32
    np.testing.assert_allclose(found[0], DLIB, atol=3e-4)  # kernels are stored in 16 bit


def test_distances_are_those_of_the_package_s_weights(recogniser, actor_chips):
    found = recogniser.embed(np.concatenate([actor_chips[name][:3] for name in ("A", "B", "truth")]))
    distances = np.linalg.norm(found[:, np.newaxis] - found, axis=2)
    np.testing.assert_allclose(distances, CASES["distances"], atol=1e-3)


def test_uint8_and_float_pictures_give_the_same(recogniser, actor_chips):
    chips = actor_chips["A"][:3]
    np.testing.assert_allclose(recogniser.embed(chips), recogniser.embed(chips.astype("float32") / 255, batch_size=2), atol=1e-5)


def test_knows_people(recogniser, actor_chips):
    found = {name: recogniser.embed(chips) for name, chips in actor_chips.items()}

    def distances(x, y):
        return np.linalg.norm(found[x][:, np.newaxis] - found[y], axis=2)

    upper = np.triu_indices(8, 1)
    same = np.concatenate([distances("A", "A")[upper], distances("B", "B")[upper]])
    assert (same[:, np.newaxis] < distances("A", "B").ravel()).mean() > 0.9  # area under the curve
    assert np.median(same) < SAME_PERSON
    assert (distances("truth", "B").mean(axis=1) < distances("truth", "A").mean(axis=1)).mean() >= 0.8


def test_chip_of_a_real_portrait(recogniser):
    data = pytest.importorskip("skimage.data")
    picture = data.astronaut()
    upright = recogniser.embed(chip(picture, ASTRONAUT)[np.newaxis])
    turned = np.ascontiguousarray(np.rot90(picture, k=-1))
    points = np.column_stack([511 - ASTRONAUT[:, 1], ASTRONAUT[:, 0]])  # where a quarter turn clockwise takes them
    again = recogniser.embed(chip(turned, points)[np.newaxis])
    assert np.linalg.norm(upright - again) < 0.05
    # What dlib 20.0.1 says of its own chip of this face, made from five other points (the corners of the eyes).
    assert np.linalg.norm(upright[0, :8] - DLIB_ASTRONAUT[:8]) < 0.15


DLIB_ASTRONAUT = np.array([-0.0663, 0.0209, 0.0176, -0.0642, -0.1525, -0.0192, -0.0387, -0.1182])


def test_chip_geometry():
    points = chip_points()
    assert points.shape == (5, 2)
    np.testing.assert_allclose((points + 0.5) / 150 * 1.5 - 0.25, MEAN_FACE)
    picture = np.zeros((150, 150, 3), np.uint8)
    for x, y in np.rint(points).astype(int):
        picture[y, x] = 255
    np.testing.assert_array_equal(chip(picture, points), picture)  # a face that already lies right stays
    small = chip(picture, transform_points(np.array([[3.0, 0, 40], [0, 3, 20]]), points))
    assert small.shape == (150, 150, 3)
    with pytest.raises(ValueError, match="finite"):
        chip(picture, np.full((5, 2), np.nan))


def test_wrong_shape_is_refused(recogniser):
    assert recogniser.embed(np.zeros((0, 150, 150, 3), np.uint8)).shape == (0, 128)
    with pytest.raises(ValueError, match="150"):
        recogniser.embed(np.zeros((2, 64, 64, 3), np.uint8))
