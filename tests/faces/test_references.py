"""References of the base model: which pictures of the source are looked up, and where their features go."""

import itertools

import numpy as np
import pytest

from faceswap_lab.course import actors
from faceswap_lab.faces import references
from faceswap_lab.faces.landmarks import FaceMesh
from tools import true_swaps

SIZE = 96


@pytest.fixture(scope="module")
def people():
    """Name -> faces of a bundled actor."""
    finder, found = FaceMesh(), {}
    for name in ("talk_A", "talk_B"):
        clip = actors.clip(name)
        cuts = [true_swaps.cut(*each, SIZE, finder) for each in zip(clip.frames(12), clip.points()[::12], strict=True)]
        found[name] = true_swaps.joined([cut[1] for cut in cuts if cut is not None])
    return found


def test_a_picture_carried_onto_its_own_landmarks_is_itself(people):
    face = people["talk_B"].subset([3])
    carried = references.warped(face.images, face.points, face.points[0])
    known = carried[..., 3] > 0
    assert 0.25 < known.mean() < 0.7
    assert np.abs(carried[..., :3].astype(int) - face.images[0])[known].max() <= 1
    assert (carried[~known][:, :3] == 128).all()


def test_a_picture_goes_where_the_landmarks_go(people):
    face = people["talk_B"].subset([3])
    carried = references.warped(face.images, face.points, face.points[0] + [5 / SIZE, -3 / SIZE])
    known = carried[..., 3] > 0
    moved = np.roll(face.images[0], (-3, 5), axis=(0, 1))
    assert np.abs(carried[..., :3].astype(int) - moved)[known].max() <= 1


def test_a_face_beyond_the_square_is_carried_as_far_as_it_is_seen(people):
    face = people["talk_B"].subset([3])
    carried = references.warped(face.images, face.points, face.points[0] + 0.6)
    assert carried.shape == (SIZE, SIZE, 4) and 0 < (carried[..., 3] > 0).mean() < 0.2
    assert not references.warped(face.images, face.points, face.points[0] + 3)[..., 3].any()


def test_the_same_moment_is_looked_up_again(people):
    known = people["talk_B"]
    for row in range(len(known)):
        assert references.choose(known, known.read[row], known.light[row])[0] == row


def test_mouth_and_eyes_have_look_ups_of_their_own(people):
    known = people["talk_B"]
    wide, shut = known.read[:, 2].argmax(), known.read[:, 4].argmin()
    asked = np.median(known.read, axis=0)
    asked[2], asked[4] = known.read[wide, 2], known.read[shut, 4]
    whole, mouth, eyes = references.choose(known, asked, np.median(known.light, axis=0))
    assert abs(known.read[mouth, 2] - asked[2]) <= abs(known.read[whole, 2] - asked[2])
    assert abs(known.read[eyes, 4] - asked[4]) <= abs(known.read[whole, 4] - asked[4])


def test_shut_eyes_get_shut_ones_from_another_pose_and_mouth():
    """Readings of three pictures, as measured: shut eyes in a face that looks up with its mouth open, and what B has."""
    shut = np.array([-14.9, 11.6, 0.344, 0.904, 0.020, -0.013, 0.086])
    known = np.array(
        [
            [-5.5, -21.5, 0.086, 0.894, 0.048, 0.025, 0.048],  # looks down, eyes and mouth shut
            [-16.8, 12.8, 0.328, 1.037, 0.101, -0.016, -0.081],  # as the face, but for open eyes
        ]
    )
    source = references.Person(np.zeros((2, 4, 4, 3), np.uint8), np.zeros((2, 3, 2)), known, np.zeros((2, 16)))
    assert references.choose(source, shut, np.zeros(16)).tolist() == [1, 1, 0]


def test_over_time_the_cheapest_way_through_the_pictures_is_taken():
    """Beside all ways there are: 3 pictures in 6 faces, each look-up by itself; a little change is not worth another picture."""
    draw = np.random.default_rng(0)
    known = references.Person(
        np.zeros((3, 4, 4, 3), np.uint8), np.zeros((3, 3, 2)), draw.normal(0, 1, (3, 7)) * references.STEPS, np.zeros((3, 16))
    )
    read, light = draw.normal(0, 1, (6, 7)) * references.STEPS, draw.normal(0, 0.1, (6, 16))
    chosen = references.choose_steadily(known, read, light)
    cost = references._unlikeness(known, read, light)
    nearest = [references.choose(known, *face).tolist() for face in zip(read, light, strict=True)]
    for look_up in range(3):

        def whole(way, look_up=look_up):
            return cost[range(6), way, look_up].sum() + references._STAY * np.count_nonzero(np.diff(way))

        assert whole(chosen[:, look_up]) == pytest.approx(min(map(whole, itertools.product(range(3), repeat=6))))
    assert np.count_nonzero(np.diff(chosen, axis=0)) < np.count_nonzero(np.diff(nearest, axis=0))
    assert references.choose_steadily(known, read[:1], light[:1]).tolist() == nearest[:1]


def test_faces_that_have_nothing_to_do_with_each_other_keep_their_own_pictures(people):
    known = people["talk_B"]
    far = [int(known.read[:, k].argmin()) for k in (0, 1)] + [int(known.read[:, k].argmax()) for k in (0, 1)]
    assert references.choose_steadily(known, known.read[far], known.light[far])[:, 0].tolist() == far


def test_a_persons_own_shape_is_found_and_one_picture_is_trusted_less(people):
    everybody = true_swaps.joined(list(people.values()))
    average = true_swaps.average_shape(everybody.points, everybody.read)
    own = people["talk_A"]
    offset = np.random.default_rng(0).normal(0, 0.01, own.points.shape[1:])
    plain = references.own_shape(own.points, own.read, average)
    moved = references.own_shape(own.points + offset, own.read, average)
    assert np.abs((moved - plain)[0] - offset).mean() < 0.1 * np.abs(offset).mean()
    one = [references.own_shape(own.points[:1] + shift, own.read[:1], average)[0] for shift in (0, offset)]
    assert 0.3 < (np.abs(one[1] - one[0]).mean() / np.abs(offset).mean()) < 0.9


def test_the_sources_shape_comes_nearer_to_the_truth(people):
    """Where the true swap's landmarks lie is foretold better than by the target's own: on people that no average knows."""
    clip, truth = actors.clip("talk_A"), actors.clip("truth_A_from_B")
    finder = FaceMesh()
    everybody = true_swaps.joined(list(people.values()))
    average = true_swaps.average_shape(everybody.points, everybody.read)
    shapes = {name: references.own_shape(each.points, each.read, average) for name, each in people.items()}
    unchanged, foretold = [], []
    for frame, true, points, true_points in zip(
        clip.frames(12), truth.frames(12), clip.points()[::12], truth.points()[::12], strict=True
    ):
        matrix, face = true_swaps.cut(frame, points, SIZE, finder)
        wanted = finder(true, true_points).transformed(matrix)
        wanted = (references.face_points(wanted) + 0.5) / SIZE
        move = np.einsum("f,fpc->pc", references.shape_features(face.read)[0, :3], shapes["talk_B"] - shapes["talk_A"])
        unchanged.append(np.linalg.norm(face.points[0] - wanted, axis=1).mean())
        foretold.append(np.linalg.norm(face.points[0] + move - wanted, axis=1).mean())
    print(np.mean(unchanged), np.mean(foretold))
    assert np.mean(foretold) < 0.9 * np.mean(unchanged)


def test_a_shut_eye_reads_as_shut():
    """The face mesh alone leaves the lids half open; pictures with open eyes would then be looked up for shut ones."""
    clip, finder = actors.clip("talk_B"), FaceMesh()
    blink, frames = np.array([row["blink"] for row in clip.labels]), clip.frames()
    shut, opened = (
        np.argsort(np.abs(clip.pose()[:, 0]) + 90 * (blink < 0.9))[:4],
        np.flatnonzero(blink < 0.05)[::40][:3],
    )
    found = [
        [true_swaps.cut(frames[k], clip.points()[k], SIZE, finder)[1].read[0, 4] for k in rows]
        for rows in (shut, opened)
    ]
    assert max(found[0]) < 0.4 * min(found[1])


def test_a_face_is_carried_three_quarters_of_the_way_further_and_fades_out(people):
    face = people["talk_B"].subset([3])
    picture, points = face.images[0].astype(np.float32) / 255, face.points[0]
    assert np.allclose(references.carried_further(picture, points, np.zeros_like(points)), picture, atol=1e-6)
    carried = references.carried_further(picture, points, np.full_like(points, 4 / SIZE))
    middle = np.round(points[:468].mean(axis=0) * SIZE).astype(int)
    inner = slice(middle[1] - 8, middle[1] + 8), slice(middle[0] - 8, middle[0] + 8)
    moved = np.roll(picture, (3, 3), axis=(0, 1))  # 0.75 of 4 pixels
    assert np.abs(carried - moved)[inner].mean() < 0.01 < 0.03 < np.abs(picture - moved)[inner].mean()
    corners = [np.ix_(rows, columns) for rows in ((0, 1), (-2, -1)) for columns in ((0, 1), (-2, -1))]
    assert max(np.abs(carried - picture)[corner].max() for corner in corners) < 0.005
