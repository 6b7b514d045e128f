"""Alignment, detection, landmarks, masks, shape transfer: checked against analysis, the mtcnn package and the labels."""

import cv2
import numpy as np
import pytest

from faceswap_lab.base.errors import LabError
from faceswap_lab.course import samples
from faceswap_lab.faces import alignment, masks
from faceswap_lab.faces.landmarks import FaceMesh, five_points, head_pose
from faceswap_lab.faces.mtcnn import FaceDetector
from faceswap_lab.training import shape_transfer


def similarity(degrees, scale, shift):
    angle = np.radians(degrees)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.column_stack([turn, shift])


@pytest.mark.parametrize(("degrees", "scale"), [(0, 1), (37, 0.4), (-170, 3.2), (90, 1.0)])
def test_umeyama_recovers_a_known_transform(degrees, scale):
    points = np.random.default_rng(1).uniform(0, 400, (5, 2))
    wanted = similarity(degrees, scale, [12.5, -80.25])
    moved = alignment.transform_points(wanted, points)
    error = alignment.transform_points(alignment.umeyama(points, moved), points) - moved
    assert np.abs(error).max() < 1e-9


def test_umeyama_never_mirrors_and_refuses_nonsense():
    points = np.random.default_rng(1).uniform(0, 400, (5, 2))
    assert np.linalg.det(alignment.umeyama(points, points * [-1, 1])[:, :2]) > 0
    for bad in (np.ones((5, 2)), np.full((5, 2), np.nan)):
        with pytest.raises(ValueError, match="coincide|finite"):
            alignment.umeyama(bad, points)


def test_align_moves_a_blob_to_where_the_matrix_says():
    y, x = np.mgrid[0:200, 0:200]
    frame = np.exp(-((x - 71.3) ** 2 + (y - 118.6) ** 2) / 60).astype(np.float32)
    matrix = similarity(20, 0.6, [10, 5])
    aligned = alignment.align(frame, matrix, 128)
    v, u = np.mgrid[0:128, 0:128]
    centre = np.array([(aligned * u).sum(), (aligned * v).sum()]) / aligned.sum()
    assert np.abs(centre - alignment.transform_points(matrix, [71.3, 118.6])).max() < 0.02


def test_scaled_matrices_keep_pixel_centres():
    matrix = similarity(5, 1.3, [3, 4])
    point = np.array([40.0, 50.0])
    small, large = (alignment.transform_points(m, point) for m in (matrix, alignment.scale_matrix(matrix, 4)))
    np.testing.assert_allclose((small + 0.5) * 4 - 0.5, large, atol=1e-9)


def overlap(one, other):
    inner = np.prod(np.clip(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]), 0, None))
    return inner / (np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2]) - inner)


@pytest.fixture(scope="module")
def detector():
    return FaceDetector(min_face_size=40)


def test_it_agrees_with_the_mtcnn_package(detector, actor_frames):
    from mtcnn import MTCNN
    from skimage.data import astronaut

    pairs = [actor_frames(clip, 60) for clip in ("train_A", "train_B")]
    frames = [*pairs[0][0], *pairs[1][0], astronaut()]
    noses = [*pairs[0][1][:, 2], *pairs[1][1][:, 2], np.array([228.0, 120.0])]
    reference, overlaps, errors = MTCNN(), [], []
    for frame, found, nose in zip(frames, detector.detect(frames), noses, strict=True):
        everything = reference.detect_faces(frame)
        for face in everything:
            if min(face["box"][2:]) <= 40 or face["confidence"] <= 0.9:
                continue
            box = np.array(face["box"], float)
            box[2:] += box[:2]
            assert len(found), "a face that the package finds was missed"
            best = max(range(len(found)), key=lambda k, box=box: overlap(found.boxes[k], box))
            overlaps.append(overlap(found.boxes[best], box))
            points = np.array(list(face["keypoints"].values()), float)
            order = [
                list(face["keypoints"]).index(n) for n in ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
            ]
            points = points[order]
            off = np.linalg.norm(found.points[best] - points, axis=1).mean()
            errors.append(off / np.linalg.norm(points[0] - points[1]))
        sure = found.chosen(found.scores > 0.9)
        assert len(sure) == 1, "every frame shows one face; the package misses one of them"
        assert (sure.boxes[0, :2] < nose).all() and (nose < sure.boxes[0, 2:]).all(), "a false one"
    assert len(overlaps) >= 5
    assert np.median(overlaps) >= 0.88 and min(overlaps) > 0.6
    assert np.median(errors) <= 0.06


def test_a_batch_finds_what_single_frames_find(detector, actor_frames):
    frames = [*actor_frames("target", 20)[0], np.zeros((100, 140, 3), np.uint8)]
    together = detector.detect(frames)
    for frame, found in zip(frames, together, strict=True):
        alone = detector.detect([frame])[0]
        np.testing.assert_allclose(alone.boxes, found.boxes, atol=1e-2)
        np.testing.assert_allclose(alone.points, found.points, atol=1e-2)
    assert together[-1].boxes.shape == (0, 4) and together[-1].points.shape == (0, 5, 2)


def test_two_people_and_small_pictures(detector, actor_frames):
    both = np.hstack([actor_frames("train_A", 1, 1)[0][0], actor_frames("train_B", 1, 1)[0][0]])
    found = detector.detect([both])[0]
    assert len(found) == 2 and sorted(found.boxes[:, 0] > 256) == [False, True]
    assert len(detector.detect([both[:20, :20]])[0]) == 0


@pytest.mark.parametrize(("shape", "dtype"), [((80, 80), np.uint8), ((80, 80, 3), np.float32), ((80, 80, 4), np.uint8)])
def test_other_pictures_are_refused(detector, shape, dtype):
    with pytest.raises(LabError, match="uint8 RGB is needed"):
        detector.detect([np.zeros(shape, dtype)])


def test_stages_narrow_down(detector, actor_frames):
    seen = detector.stages(actor_frames("target", 20)[0][0])
    assert len(seen.proposals) > len(seen.proposed) >= len(seen.refined) >= len(seen.output) == 1
    assert len(seen.levels) == len(seen.maps) == len(seen.scales)


@pytest.fixture(scope="module")
def looked(actor_frames):
    mesh = FaceMesh(num_threads=1)
    frames, points = actor_frames("target", 6)
    return mesh, frames, points, [mesh(frame, p) for frame, p in zip(frames, points, strict=True)]


def test_five_points_lie_on_the_labels(looked):
    _, _, points, found = looked
    off = np.stack([five_points(one) for one in found]) - points
    eyes = np.linalg.norm(points[:, 0] - points[:, 1], axis=1).mean()
    named = np.linalg.norm(off - off.mean(axis=0), axis=2).mean() / eyes  # less the constant offset between conventions
    assert named < 0.06
    assert np.linalg.norm(off, axis=2).mean() / eyes < 0.12


def test_the_mesh_hardly_depends_on_the_detector(looked):
    mesh, frames, points, found = looked
    corners = np.array([[0, 0], [255, 0], [0, 255], [255, 255]])
    draw, wander = np.random.default_rng(0), []
    for frame, p, one in zip(frames[:5], points, found, strict=False):
        steady = alignment.alignment_matrix(five_points(one), 256)
        other = alignment.alignment_matrix(five_points(mesh(frame, p + draw.normal(0, 1.5, (5, 2)))), 256)
        moved = alignment.transform_points(other, alignment.transform_points(alignment.invert(steady), corners))
        wander.append(np.abs(moved - corners).mean())
    assert np.mean(wander) < 1.2  # px of 256; the detector's own points would give about 4


def test_head_pose_follows_the_labels(looked):
    poses = np.array([head_pose(one) for one in looked[3]])
    rows = samples.sample_clip("target").labels[::6]
    for column, name in enumerate(("yaw", "pitch", "roll")):
        labels = np.array([row[name] for row in rows])
        assert np.corrcoef(poses[:, column], labels)[0, 1] > 0.93, name
    assert np.abs(poses[:, 0] - [row["yaw"] for row in rows]).mean() < 8


def test_a_polygon_has_its_area():
    triangle = np.array([[10.0, 10.0], [50.3, 12.7], [20.1, 44.9]])
    (ax, ay), (bx, by) = triangle[1] - triangle[0], triangle[2] - triangle[0]
    assert masks.polygon_mask(triangle, 64).sum() == pytest.approx(abs(ax * by - ay * bx) / 2, rel=0.02)
    assert masks.polygon_mask(np.full((3, 2), np.nan), 64).sum() == 0


def test_masks_cover_what_they_should(actor_frames):
    clip = samples.sample_clip("truth")
    truth = np.load(clip.folder / clip.facts["mask"])["masks"]
    mesh = FaceMesh(num_threads=1)
    shares = []
    for index, (frame, p) in enumerate(zip(*actor_frames("truth", 6), strict=True)):
        found = mesh(frame, p)
        matrix = alignment.alignment_matrix(five_points(found), 256)
        placed = found.transformed(matrix)
        mine, theirs = masks.face_mask(placed, 256), alignment.align(truth[index * 6], matrix, 256) / 255.0
        shares.append(np.minimum(mine, theirs).sum() / np.maximum(mine, theirs).sum())
        eyes = masks.eye_mask(placed, 256)
        for iris in placed.irises:
            x, y = np.round(iris[0]).astype(int)
            assert eyes[y, x] > 0.8
    assert np.mean(shares) >= 0.8


def test_bend_moves_what_it_is_told():
    y, x = np.mgrid[0:96, 0:96]
    blob = (255 * np.exp(-((x - 48) ** 2 + (y - 48) ** 2) / 50)).astype(np.uint8)[..., None].repeat(3, axis=2)
    points = np.random.default_rng(0).uniform(0.3, 0.7, (200, 2))
    np.testing.assert_array_equal(shape_transfer.bend(blob, points, np.zeros((200, 2))), blob)
    moved = shape_transfer.bend(blob, points, np.full((200, 2), [0.03, -0.02]))[..., 0].astype(float)
    centre = np.array([(moved * x).sum(), (moved * y).sum()]) / moved.sum()
    np.testing.assert_allclose(centre - 48, [0.03 * 96, -0.02 * 96], atol=0.6)


def aligned_twice(looked, size):
    """Aligned pictures, landmarks in shares of the square, and poses of the frames looked at, each twice."""
    _, frames, _, found = looked
    matrices = [alignment.alignment_matrix(five_points(one), size) for one in found]
    pictures = np.stack([alignment.align(f, m, size) for f, m in zip(frames, matrices, strict=True)] * 2)
    landmarks = np.stack([one.transformed(m).as_array() for one, m in zip(found, matrices, strict=True)] * 2) / size
    return pictures, landmarks, np.array([head_pose(one) for one in found] * 2)


def varied(images, landmarks, pose, copies, **how_far):
    """All copies: pictures, landmarks, poses."""
    plan = shape_transfer.plan_copies(images, landmarks, pose, copies, **how_far)
    made = [shape_transfer.warp_copy(images, landmarks, plan, row) for row in range(len(plan.own))]
    return np.stack(made), plan.points, plan.pose


def test_varied_faces_turn_the_way_they_say(looked):
    pictures, landmarks, pose = aligned_twice(looked, 96)
    out, points, poses = varied(pictures, landmarks, pose, 2, mix=0.0)
    assert out.shape == (40, 96, 96, 3)
    from faceswap_lab.faces.landmarks import Landmarks

    for k in range(0, 40, 7):
        seen = head_pose(Landmarks.from_array(points[k]))
        assert seen[0] - pose[k // 2, 0] == pytest.approx(poses[k, 0] - pose[k // 2, 0], abs=4)
    unknown = np.full_like(landmarks, np.nan)
    same, _, _ = varied(pictures, unknown, pose, 1)
    np.testing.assert_array_equal(same, pictures)


def test_varied_faces_take_mouth_and_eyes_from_other_pictures(looked):
    mesh = looked[0]
    pictures, landmarks, pose = aligned_twice(looked, 256)
    out, points, _ = varied(pictures, landmarks, pose, 2, turn=0.0, mix=0.0, exchange=1.0)

    def opening(marks):
        return np.linalg.norm(marks[..., 13, :2] - marks[..., 14, :2], axis=-1)

    five = [159, 386, 1, 61, 291]
    seen = np.array(
        [opening(mesh(face, p[five, :2] * 256).as_array() / 256) for face, p in zip(out, points, strict=True)]
    )
    before = np.repeat(opening(landmarks), 2)
    assert np.corrcoef(opening(points), seen)[0, 1] > 0.8  # the picture shows the mouth that the landmarks tell of
    assert np.corrcoef(before, seen)[0, 1] < 0.8  # and that is not the one it had
    forehead = np.s_[:, 20:50, 110:146]
    assert np.abs(out[forehead].astype(int) - np.repeat(pictures, 2, axis=0)[forehead]).mean() < 4
    same, _, _ = varied(pictures, landmarks, pose, 1, turn=0.0, mix=0.0, exchange=0.0)
    assert np.abs(same.astype(int) - pictures).mean() < 1


def test_shape_transfer_brings_shapes_together(actor_frames):
    mesh = FaceMesh(num_threads=1)
    people = {}
    for person in ("A", "B"):
        frames, points = actor_frames(f"train_{person}", 6)
        found = [mesh(f, p) for f, p in zip(frames, points, strict=True)]
        matrices = [alignment.alignment_matrix(five_points(one), 256) for one in found]
        pictures = np.stack([alignment.align(f, m, 256) for f, m in zip(frames, matrices, strict=True)])
        marks = np.stack([one.transformed(m).mesh for one, m in zip(found, matrices, strict=True)]) / 256
        people[person] = pictures, marks, np.array([head_pose(one) for one in found])
    moves = shape_transfer.shape_moves(*people["B"][1:], *people["A"][1:])
    transferred = [shape_transfer.bend_known(*face) for face in zip(*people["B"][:2], moves, strict=True)]
    frontal = np.flatnonzero(np.abs(people["B"][2][:, 0]) < 25)[:6]
    wanted = shape_transfer.shape_difference(
        shape_transfer.shape_by_pose(people["B"][1], people["B"][2]),
        shape_transfer.shape_by_pose(people["A"][1], people["A"][2]),
        people["B"][2],
    )
    shares = []
    for row in frontal:
        seen = mesh(transferred[row], people["B"][1][row][[159, 386, 1, 61, 291]] * 256)
        moved = seen.mesh / 256 - people["B"][1][row]
        shares.append((moved * wanted[row]).sum() / (wanted[row] ** 2).sum())
    assert 0.3 < np.mean(shares) < 1.5  # the mesh, looking at the bent pictures, sees them moved towards A's shape


def test_missing_weights_are_named(monkeypatch, tmp_path):
    from faceswap_lab.base import weights

    damaged = tmp_path / "face_landmark.tflite"
    damaged.write_bytes(b"not a network")
    weights.find.cache_clear()
    monkeypatch.setattr(weights, "locate", lambda name: damaged)
    with pytest.raises(LabError, match="damaged.*git checkout data/weights"):
        weights.find("face_landmark")
    damaged.unlink()
    with pytest.raises(LabError, match="missing.*git checkout data/weights"):
        weights.find("face_landmark")
    weights.find.cache_clear()


def test_cv2_is_there_in_the_version_the_lab_admits():
    assert int(cv2.__version__.split(".")[0]) in (4, 5)
