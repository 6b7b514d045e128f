"""Mouth, blinks, pose and gaze: analytic readings, the actors' labels, and what known changes to a swap do to them."""

import numpy as np
import pytest

from faceswap_lab.course import actors
from faceswap_lab.faces.landmarks import FaceMesh
from faceswap_lab.metrics import expression, following, gaze, weighting
from faceswap_lab.metrics.baselines import shifted_truth
from faceswap_lab.metrics.catalogue import value_of
from faceswap_lab.metrics.frame_samples import measure_clips


@pytest.fixture(scope="module")
def talk():
    """Every eighth frame of the talking clip: truth, target, points, and what is labelled."""
    truth, target = actors.clip("truth_A_from_B"), actors.clip("talk_A")
    names, units = target.expression()
    known = {"jaw": units[::8, names.index("jawOpen")], "blink": np.array([row["blink"] for row in target.labels])[::8]}
    return truth.frames(8), target.frames(8), target.points()[::8].astype(np.float64), known, target.pose()[::8]


def all_measures(name=None):
    return [following.LandmarkErrors(), following.GazeErrors(), following.ExpressionErrors(), following.Kept()]


@pytest.fixture(scope="module")
def found(talk):
    truth, target, points, *_ = talk
    outputs = {
        "unchanged": target, "truth": truth, "shifted": [shifted_truth(frame, 4) for frame in truth],
        "late": np.roll(truth, 2, axis=0), "black": np.zeros_like(truth),
    }  # fmt: skip
    return measure_clips(outputs, target, points, all_measures, truth)


def values(found, name):
    return value_of(*found[name])


def test_the_labels_are_followed(talk):
    _, target, points, known, pose = talk
    mesh = FaceMesh()
    seen = []
    for frame, five in zip(target, points, strict=True):
        landmarks = mesh(frame, five)
        seen.append(expression.read_expression(landmarks, gaze.read_eyes(frame, landmarks)))
    mouth, eyes = np.array([face.mouth for face in seen]), np.array([face.eyes for face in seen])
    assert np.corrcoef(mouth, known["jaw"])[0, 1] > 0.7 and np.corrcoef(eyes, known["blink"])[0, 1] < -0.85
    shut = known["blink"] > 0.5
    assert shut.any() and eyes[shut].max() < gaze.CLOSED < eyes[known["blink"] < 0.1].min()
    poses = np.array([[face.yaw, face.pitch, face.roll] for face in seen])
    assert np.abs(poses - pose - (poses - pose).mean(axis=0)).mean(axis=0).max() < 2


def test_turning_and_scaling_a_face_changes_no_reading(talk):
    _, target, points, *_ = talk
    landmarks = FaceMesh()(target[0], points[0])
    angle = np.radians(20)
    matrix = np.array([[np.cos(angle), -np.sin(angle), 3], [np.sin(angle), np.cos(angle), -5]]) * [[1.7], [1.7]]
    eyes = gaze.read_eyes(target[0], landmarks)
    plain, turned = (expression.read_expression(face, eyes) for face in (landmarks, landmarks.transformed(matrix)))
    for name in ("mouth", "mouth_width", "brows"):
        assert getattr(turned, name) == pytest.approx(getattr(plain, name), rel=1e-3)
    assert turned.roll - plain.roll == pytest.approx(20, abs=0.1)


def test_pose_angle():
    assert expression.pose_angle([0, 0, 0], [12, 0, 0]) == pytest.approx(12)
    assert expression.pose_angle([30, 0, 5], [30, 0, -4]) == pytest.approx(9)
    assert expression.pose_angle([10, 5, 3], [10, 5, 3]) == pytest.approx(0, abs=1e-6)
    assert expression.pose_angle([0, 0, 0], [3, 4, 0]) == pytest.approx(5, abs=0.05)


def together_share(first, second):
    return float(weighting.correlation(first, second, np.ones((1, len(first))))[0])


def apart(first, second):
    return float(weighting.mean_apart(first - second, np.ones((1, len(first))))[0])


def test_together_share_is_the_correlation_and_forgets_constants_and_size():
    random = np.random.default_rng(1)
    first, noise = random.normal(0, 1, (2, 40))
    second = 0.5 * first + 0.3 * noise
    ours = together_share(first[:, None], second[:, None])
    assert ours == pytest.approx(np.corrcoef(first, second)[0, 1])
    assert together_share(3 * first[:, None] + 7, second[:, None]) == pytest.approx(ours)
    assert together_share(np.zeros((40, 1)), second[:, None]) == 0  # a face that never moves
    assert np.isnan(together_share(first[:, None], np.ones((40, 1))))
    assert np.isnan(together_share(first[:2, None], second[:2, None]))
    holes = first.copy()
    holes[5] = np.nan
    rest = np.delete(np.arange(40), 5)
    wanted = np.corrcoef(first[rest], second[rest])[0, 1]
    assert together_share(holes[:, None], second[:, None]) == pytest.approx(wanted)


def test_apart_degrees_takes_the_constant_out():
    track = np.random.default_rng(2).normal(0, 5, (30, 2))
    assert apart(track + [3, -8], track) == pytest.approx(0, abs=1e-9)
    swung = np.where(np.arange(30) % 2, 1.0, -1.0)[:, None] * [3, 4]
    assert apart(track + swung, track) == pytest.approx(5)


def test_truth_has_no_error_and_a_target_keeps_itself(found):
    truth, unchanged = values(found, "truth"), values(found, "unchanged")
    for name in ("landmark_error", "gaze_error", "mouth_error", "blink_error", "pose_error"):
        assert truth[name] == pytest.approx(0, abs=1e-5) and truth[name] < values(found, "late")[name], name
    assert truth["landmarks_found"] == truth["gaze_found"] == truth["blinks_reproduced"] == 1
    for name in ("pose_kept", "mouth_kept", "blink_kept", "expression_kept", "gaze_kept"):
        assert unchanged[name] == pytest.approx(1), name
    assert unchanged["pose_kept_error"] == pytest.approx(0) and unchanged["gaze_kept_error"] == pytest.approx(0)


def test_the_truth_keeps_what_the_target_does_though_it_is_someone_else(found):
    truth, late = values(found, "truth"), values(found, "late")
    for name, least in (("pose_kept", 0.95), ("mouth_kept", 0.7), ("blink_kept", 0.8), ("expression_kept", 0.65)):
        assert truth[name] > least and truth[name] > late[name] + 0.1, name
    assert truth["gaze_kept"] > 0.8 > late["gaze_kept"]
    assert truth["pose_kept_error"] < 3 < late["pose_kept_error"]
    assert late["blinks_reproduced"] < 0.5


def test_a_shift_is_seen_by_landmarks(found, talk):
    points = talk[2]
    eyes = np.linalg.norm(points[:, 1] - points[:, 0], axis=1)
    assert values(found, "shifted")["landmark_error"] == pytest.approx((4 / eyes).mean(), rel=0.25)


def test_a_face_that_is_none_is_in_no_error_and_is_counted(found):
    black = values(found, "black")
    assert black["landmarks_found"] == 0 and black["gaze_found"] == 0
    assert np.isnan(black["mouth_error"]) and np.isnan(black["landmark_error"]) and np.isnan(black["pose_kept"])


def test_a_quick_look_says_what_the_measures_say(found, talk):
    truth, target, points, *_ = talk
    looks, unchanged = following.against_truth(target, truth, points), values(found, "unchanged")
    assert looks.pop("gaze_still") == pytest.approx(following.gaze_still(found["unchanged"][1]))
    assert looks == pytest.approx({name: unchanged[name] for name in looks})


def test_one_frame_and_no_points(talk):
    truth, target, points, *_ = (part[:2] for part in talk[:3])
    holes = points.copy()
    holes[1] = np.nan
    found = measure_clips({"truth": truth}, target, holes, all_measures, truth)
    seen = values(found, "truth")
    assert seen["mouth_error"] == 0 and np.isnan(seen["mouth_kept"]) and np.isnan(seen["pose_kept_error"])


def test_order_does_not_matter(found):
    scores, table = found["late"]
    shuffled = table.sample(frac=1, random_state=3)
    for score in scores:
        assert score.of(shuffled) == pytest.approx(score.of(table), nan_ok=True), score.name
