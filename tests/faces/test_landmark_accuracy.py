"""Landmarks, masks and alignment against the actors' labels, as bounds; benchmarks/landmarks.py measures them in full."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from faceswap_lab import video
from faceswap_lab.course import actors
from faceswap_lab.faces import alignment, masks
from faceswap_lab.faces import landmarks as lm
from faceswap_lab.swap import smoothing

SIZE = 256
# Places of the 68-point view on a contour of the labels.
# The 68 points of iBUG's 300-W (Sagonas et al., "300 faces in-the-wild challenge", ICCVW 2013), numbered as there from 0.
SIXTY_EIGHT = (
    127, 234, 93, 132, 58, 136, 149, 148, 152, 377, 378, 365, 288, 361, 323, 454, 356,  # 0-16 jaw, left to right
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300,  # 17-26 brows, left to right
    168, 197, 5, 1, 98, 97, 2, 326, 327,  # 27-30 the nose's ridge downwards, 31-35 its base from wing to wing
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,  # 36-47 eyes, each from its left corner over the top
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181,  # 48-59 outer edge of the lips, from the left over the top
    78, 81, 13, 311, 308, 402, 14, 178,  # 60-67 inner edge of the lips, likewise
)  # fmt: skip
ON_CONTOURS = {
    "left_eye": range(36, 42),
    "right_eye": range(42, 48),
    "lips_outer": range(48, 60),
    "lips_inner": range(60, 68),
}
CLIPS = ("talk_A", "talk_B")
MOVEMENTS = (("talk_A", "truth_A_from_B"), ("talk_B", "truth_B_from_A"))  # each pair moves alike, with either face


@pytest.fixture(scope="module")
def mesh():
    return lm.FaceMesh(num_threads=1)


@pytest.fixture(scope="module")
def looked(mesh):
    """Clip -> every tenth frame that is not a profile: frames, their numbers, labels (n, 5, 2), landmarks.

    The mesh starts from the labels' points, disturbed as much as a detector's are.
    """
    draw, found = np.random.default_rng(0), {}
    for name in sum(MOVEMENTS, ()):
        clip = actors.clip(name)
        points, yaw = clip.points().astype(np.float64), clip.pose()[:, 0]
        seen = [frame for frame in video.open_video(clip.path).frames(every=10) if abs(yaw[frame.index]) < 45]
        numbers = np.array([frame.index for frame in seen])
        disturbed = points[numbers] + draw.normal(0, 1.5, (len(seen), 5, 2))
        marks = [mesh(frame.image, p) for frame, p in zip(seen, disturbed, strict=True)]
        assert all(one is not None for one in marks)
        found[name] = [frame.image for frame in seen], numbers, points[numbers], marks
    return found


def per_cent(name, looked):
    """(n, 468, 2) the mesh and (n, 2017, 2) the dense labels in the face aligned by the labels, eyes 100 apart."""
    _, numbers, points, marks = looked[name]
    dense, made = actors.clip(name).landmarks().dense[numbers], []
    for p, d, one in zip(points, dense, marks, strict=True):
        matrix = alignment.alignment_matrix(p, SIZE)
        unit = np.linalg.norm(np.subtract(*alignment.transform_points(matrix, p[:2]))) / 100
        made.append([alignment.transform_points(matrix, places) / unit for places in (one.mesh, d)])
    return tuple(np.array(part) for part in zip(*made, strict=True))


@pytest.mark.parametrize("clip", CLIPS)
def test_landmarks_are_those_of_the_package_s_weights(mesh, looked, clip):
    stored = Path(__file__).parents[1] / "cases" / "package_weights.json"
    wanted = json.loads(stored.read_text(encoding="utf-8"))["landmarks"][clip]
    frames, _, points, _ = looked[clip]
    found = mesh(frames[0], points[0]).as_array()[::31, :2]  # mesh, eye contours, irises
    np.testing.assert_allclose(found, wanted, atol=0.02)


@pytest.mark.parametrize(("fitted", "tested"), [MOVEMENTS, MOVEMENTS[::-1]])
def test_the_mesh_fits_the_labels(looked, fitted, tested):
    """Partners among the dense labels and the constant offset come from the clips with the other movement."""
    pairs = [per_cent(name, looked) for name in fitted]
    ours, dense = (np.mean([pair[k].mean(axis=0) for pair in pairs], axis=0) for k in (0, 1))
    partner = np.linalg.norm(ours[:, None] - dense[None], axis=2).argmin(axis=1)
    constant = np.mean([(one - other[:, partner]).mean(axis=0) for one, other in pairs], axis=0)
    for name in tested:
        ours, dense = per_cent(name, looked)
        off = ours - dense[:, partner]
        assert np.linalg.norm(off - constant, axis=2).mean() <= 5.0  # per cent of the distance between the eyes
        assert np.linalg.norm(off - off.mean(axis=0), axis=2).mean() <= 3.5  # what moves from frame to frame


def test_tight_eye_masks_show_the_eyes(looked):
    shares, loose = [], []
    for name in CLIPS:
        _, numbers, _, marks = looked[name]
        eyes = actors.clip(name).masks()["eyes"]
        for number, one in zip(numbers, marks, strict=True):
            matrix = alignment.alignment_matrix(lm.five_points(one), SIZE)
            placed, truth = one.transformed(matrix), alignment.align(eyes[number], matrix, SIZE)
            for made, kept in (
                (masks.eye_mask(placed, SIZE, tight=True), shares),
                (masks.eye_mask(placed, SIZE), loose),
            ):
                kept.append(np.minimum(made, truth).sum() / max(np.maximum(made, truth).sum(), 1e-6))
    assert np.median(shares) >= 0.7
    assert np.median(loose) < np.median(shares)  # the mask of the losses has a margin on purpose


def test_tight_masks_lie_within_those_with_a_margin(looked):
    one = looked["talk_A"][3][0]
    placed = one.transformed(alignment.alignment_matrix(lm.five_points(one), SIZE))
    for maker in (masks.eye_mask, masks.mouth_mask, masks.nose_mask, masks.brow_mask):
        tight, wide = maker(placed, SIZE, tight=True), maker(placed, SIZE)
        assert tight.shape == wide.shape == (SIZE, SIZE) and tight.dtype == np.float32
        assert 0 < tight.sum() < wide.sum()
        assert wide[tight > 0.99].min() > 0.5


def test_the_lids_are_closed_contours_in_the_order_of_the_mesh(looked):
    for one in looked["talk_A"][3]:
        lids = lm.lids(one)
        coarse = one.mesh[[lm.LEFT_EYE, lm.RIGHT_EYE]]
        width = np.linalg.norm(coarse[:, 0] - coarse[:, 8], axis=1)
        assert lids.shape == (2, 16, 2) and lids.dtype == np.float32
        assert (np.linalg.norm(lids - coarse, axis=2).max(axis=1) < 0.25 * width).all()


def test_iris_rims_stand_on_the_side_that_they_are_named_for(looked):
    for name in CLIPS:
        for one in looked[name][3]:
            centre, right, top, left, bottom = np.moveaxis(one.irises, 1, 0)
            assert (left[:, 0] < centre[:, 0]).all() and (centre[:, 0] < right[:, 0]).all()
            assert (top[:, 1] < centre[:, 1]).all() and (centre[:, 1] < bottom[:, 1]).all()


@pytest.mark.parametrize("name", CLIPS)
def test_sixty_eight_points_lie_on_lids_and_lips(looked, name):
    assert len(set(SIXTY_EIGHT)) == 68
    _, numbers, points, marks = looked[name]
    truth = actors.clip(name).landmarks()
    for contour, places in ON_CONTOURS.items():
        away = []
        for number, p, one in zip(numbers, points, marks, strict=True):
            line = truth.contour(contour)[number].astype(np.float32)[:, None].copy()
            view = one.mesh[list(SIXTY_EIGHT)].astype(np.float32)
            assert view.shape == (68, 2) and view.dtype == np.float32
            eyes = np.linalg.norm(p[0] - p[1])
            away += [abs(cv2.pointPolygonTest(line, tuple(map(float, view[k])), True)) / eyes for k in places]
        assert np.mean(away) < 0.05, contour  # of the distance between the eyes
    view = np.mean([one.mesh[list(SIXTY_EIGHT)].astype(np.float32) for one in marks], axis=0)
    assert (np.diff(view[:17, 0]) > -2).all() and (np.diff(view[17:27, 0]) > 0).all()  # from left to right
    assert (np.diff(view[27:31, 1]) > 0).all() and (np.diff(view[31:36, 0]) > 0).all()
    assert view[8, 1] > view[:, 1].max() - 2  # the chin, of a head that may be tilted


@pytest.mark.parametrize(
    ("degrees", "scale", "shift"), [(8, 1.1, (5.3, -7.6)), (-15, 0.85, (20.4, 31.7)), (0, 1, (0.5, 0.25))]
)
def test_landmarks_move_with_the_picture(mesh, looked, degrees, scale, shift):
    frames, _, points, marks = looked["talk_A"]
    middle = np.array(frames[0].shape[1::-1]) / 2
    matrix = cv2.getRotationMatrix2D(tuple(map(float, middle)), degrees, scale)
    matrix[:, 2] += shift
    moved = cv2.warpAffine(frames[0], matrix, frames[0].shape[1::-1], flags=cv2.INTER_CUBIC)
    found = mesh(moved, alignment.transform_points(matrix, points[0]))
    wanted = marks[0].transformed(matrix)
    assert np.linalg.norm(found.mesh - wanted.mesh, axis=1).mean() < 1.0  # px; the eyes are 69 px apart
    assert np.linalg.norm(lm.five_points(found) - lm.five_points(wanted), axis=1).mean() < 0.7


def test_smoothing_steadies_a_still_head(mesh, looked):
    """One frame, moved by known parts of a pixel under fresh noise: what should rest in the aligned face hardly moves."""
    frames, _, points, marks = looked["talk_B"]
    draw, rows = np.random.default_rng(0), []
    path = 0.5 * np.stack([np.sin(np.arange(20) / 3), np.cos(np.arange(20) / 4)], axis=1)
    for shift in path:
        moved = cv2.warpAffine(
            frames[0], np.column_stack([np.eye(2), shift]), frames[0].shape[1::-1], flags=cv2.INTER_CUBIC
        )
        noisy = np.clip(np.round(moved + draw.normal(0, 4, moved.shape)), 0, 255).astype(np.uint8)
        seen = mesh(noisy, points[0] + shift + draw.normal(0, 1, (5, 2)))
        rows.append(alignment.alignment_matrix(lm.five_points(seen), SIZE))
    places = marks[0].mesh[[33, 133, 362, 263, 1]] + path[:, None]

    def jitter(matrices):
        placed = [alignment.transform_points(m, p) for m, p in zip(matrices, places, strict=True)]
        return np.linalg.norm(np.diff(placed, axis=0), axis=2).mean()

    raw, steady = jitter(rows), jitter(smoothing.smooth_matrices(np.array(rows), 1.5, size=SIZE))
    assert raw < 0.6  # px of 256
    assert steady < 0.6 * raw
