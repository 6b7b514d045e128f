"""Gaze: analytic cases with drawn eyes, the actors' labels, and known changes to the true swap."""

import cv2
import numpy as np
import pytest

from faceswap_lab.base.errors import LabError
from faceswap_lab.course import actors
from faceswap_lab.faces.landmarks import CONTOUR_LIDS, FaceMesh, Landmarks
from faceswap_lab.metrics import gaze
from faceswap_lab.metrics.following import against_truth

EYES = np.array([[90.0, 100.0], [160.0, 100.0]])  # middles of the drawn eyes; their distance is the unit
HALF, LID = 13.0, 5.0  # half an eye's width; half the height of its gap


def drawn_face(right=0.0, down=0.0, gap=LID, roll=0.0):
    """A frame with two drawn eyes whose irises lie (right, down) pixels off the middle, and its landmarks."""
    frame = np.full((200, 250, 3), 160, np.uint8)
    turn = np.radians(roll)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    contours, irises = np.zeros((2, 71, 2)), np.zeros((2, 5, 2))
    along = np.linspace(-HALF, HALF, 9)
    for eye, middle in enumerate(EYES):
        lower = np.stack([along, gap * (1 - (along / HALF) ** 2)], axis=1)
        upper = np.stack([along[1:-1], -gap * (1 - (along[1:-1] / HALF) ** 2)], axis=1)
        contours[eye, :CONTOUR_LIDS] = middle + np.concatenate([lower, upper])
        irises[eye] = middle + [right, down] + 5 * np.array([[0, 0], [1, 0], [0, -1], [-1, 0], [0, 1]])
        lids = np.round(contours[eye, [*range(9), *range(15, 8, -1)]] * 16).astype(np.int32)
        eyeball, gap_mask = np.full_like(frame, 240), np.zeros(frame.shape[:2], np.uint8)
        centre = tuple(np.round(irises[eye, 0] * 16).astype(int).tolist())
        cv2.circle(eyeball, centre, 5 * 16, (40, 30, 20), -1, cv2.LINE_AA, 4)
        cv2.fillPoly(gap_mask, [lids], 1, shift=4)
        frame[gap_mask > 0] = eyeball[gap_mask > 0]
    mesh = np.zeros((468, 2))
    for index, offset in ((33, (0, -HALF)), (133, (0, HALF)), (263, (1, HALF)), (362, (1, -HALF))):
        mesh[index] = EYES[offset[0]] + [offset[1], 0]
    mesh[234], mesh[454], mesh[10], mesh[168], mesh[152], mesh[164] = (
        (70, 120), (180, 120), (125, 40), (125, 100), (125, 190), (125, 150),
    )  # fmt: skip
    pivot = EYES.mean(axis=0)
    if roll:
        frame = cv2.warpAffine(frame, np.column_stack([matrix, pivot - matrix @ pivot]), frame.shape[1::-1])
    mesh, contours, irises = ((points - pivot) @ matrix.T + pivot for points in (mesh, contours, irises))
    return frame, Landmarks(mesh, np.zeros(468), 1.0, contours, irises)


@pytest.mark.parametrize("right", [-4.0, 0.0, 3.0])
def test_a_drawn_iris_is_read_where_it_was_drawn(right):
    unit = EYES[1, 0] - EYES[0, 0]
    reading = gaze.read_eyes(*drawn_face(right, 1.0))
    np.testing.assert_allclose(reading.iris, [right / unit, 1 / unit], atol=1e-6)
    assert reading.darkness == pytest.approx(right / unit, abs=0.008)  # half a pixel
    assert reading.opening == pytest.approx(LID / HALF, abs=1e-6) and reading.is_open
    assert reading.yaw == pytest.approx(0, abs=1e-6)


def test_a_tilted_head_reads_the_same():
    straight, tilted = (gaze.read_eyes(*drawn_face(3.0, 1.0, roll=roll)) for roll in (0, 20))
    np.testing.assert_allclose(tilted.iris, straight.iris, atol=1e-6)
    assert tilted.darkness == pytest.approx(straight.darkness, abs=0.004)
    assert tilted.opening == pytest.approx(straight.opening)


def test_closed_eyes_are_not_read():
    assert not gaze.read_eyes(*drawn_face(gap=1.0)).is_open
    assert not gaze.read_eyes(*drawn_face(gap=0.0)).is_open


def test_angle_between():
    first = np.array([[0, 0], [10, 0], [0, 5], [90, 0], [np.nan, 0]])
    second = np.array([[0, 0], [-5, 0], [0, -5], [0, 90], [0, 0]])
    np.testing.assert_allclose(gaze.angle_between(first, second), [0, 15, 10, 90, np.nan], atol=1e-9)


@pytest.fixture(scope="module")
def talk():
    """Every fourth frame: the true swap, the target, points, labelled gaze; and one mesh for all."""
    truth, target = actors.clip("truth_A_from_B"), actors.clip("talk_A")
    return truth.frames(4), target.frames(4), target.points()[::4], truth.gaze()[::4], FaceMesh()


def test_the_labels_are_met(talk):
    """The estimator's own error, on a clip that it was not calibrated on; the docstring says 2.3."""
    truth, _, points, known, mesh = talk
    readings = [gaze.read_eyes(frame, mesh(frame, five)) for frame, five in zip(truth, points, strict=True)]
    is_open = np.array([reading.is_open for reading in readings])
    assert 0.8 <= is_open.mean() < 1  # she blinks
    seen, known = np.array([reading.direction() for reading in readings])[is_open], known[is_open]
    assert gaze.angle_between(seen, known).mean() < 3
    assert np.corrcoef(seen[:, 0], known[:, 0])[0, 1] > 0.85
    assert 0.6 < np.polyfit(known[:, 0], seen[:, 0], 1)[0] < 1.2


def test_the_truth_has_no_error_and_blinks_are_left_out(talk):
    truth, _, points, known, mesh = talk
    found = against_truth(truth, truth, points, mesh)
    assert found["gaze_error"] == 0 and found["gaze_found"] == 1
    labelled = np.hypot(*(known - np.median(known, axis=0)).T).mean()
    assert 0.55 < found["gaze_still"] / labelled < 1.05  # the line follows three quarters of a movement


def test_harm_is_graded(talk):
    truth, target, points, _, mesh = talk
    blurred = [cv2.GaussianBlur(frame, (0, 0), 1) for frame in truth]
    found = [against_truth(frames, truth, points, mesh) for frames in (blurred, np.roll(truth, 4, axis=0))]
    assert 0 < found[0]["gaze_error"] < 1.5 and found[0]["gaze_found"] > 0.95
    assert found[1]["gaze_error"] > 2 * found[0]["gaze_error"]  # eyes of another moment
    assert against_truth(target, truth, points, mesh)["gaze_error"] < 5  # the same gaze, in another person's eyes


@pytest.mark.parametrize("degrees", [-10.0, 6.0])
def test_turned_eyes_are_recovered_in_degrees(degrees):
    """An eyeball's iris lies 0.225 of the distance between the eyes before its middle (from the actors' geometry)."""
    unit = EYES[1, 0] - EYES[0, 0]
    straight, turned = (gaze.read_eyes(*drawn_face(x)) for x in (0, 0.225 * unit * np.sin(np.radians(degrees))))
    right, up = turned.direction() - straight.direction()
    assert right == pytest.approx(degrees, rel=0.3) and abs(up) < 0.5


def test_bad_input_is_named(talk):
    truth, _, points, _, mesh = talk
    for output, wanted, where, words in (
        (truth[:2], truth[:3], points[:3], "output: ends after 2 frames"),
        (truth[:2], truth[:2], points[:3], "points: 3 rows"),
        (truth[:1, ::2], truth[:1], points[:1], "output: frame 0 is"),
    ):
        with pytest.raises(LabError, match=words):
            against_truth(output, wanted, where, mesh)
    nothing = against_truth(truth[:1], truth[:1], points[:1] * np.nan, mesh)
    assert all(np.isnan(value) for value in nothing.values())
