"""Blending: nothing moves, nothing outside the mask changes, and cloning takes a planted colour away."""

import numpy as np
import pytest

from faceswap_lab.faces import alignment
from faceswap_lab.swap import blending, masks

SIZE = 256


@pytest.fixture(scope="module")
def scene(actor_frames):
    """A target frame, the true swap of it, and the transform of a `SIZE`-px face."""
    targets, points = actor_frames("target", 20, 2)
    truths, _ = actor_frames("truth", 20, 2)
    return targets[1], truths[1], alignment.alignment_matrix(points[1], SIZE)


def face_of(frame, matrix, size=SIZE):
    return alignment.align(frame, matrix, size).astype(np.float32) / 255


def oval(size=SIZE, width=0.3, height=0.36):
    y, x = (np.mgrid[:size, :size] + 0.5) / size
    return (np.hypot((x - 0.52) / width, (y - 0.52) / height) < 1).astype(np.float32)


def change(frame, result, where):
    return np.abs(result.astype(float) - frame)[where].mean()


@pytest.mark.parametrize("name", blending.BLENDS)
@pytest.mark.parametrize("size", [128, 256])
def test_a_face_put_back_onto_itself_changes_hardly_anything(scene, name, size):
    frame, _, matrix = scene
    matrix = alignment.scale_matrix(matrix, size / SIZE)
    alpha = masks.feather(oval(size), 8)
    result = blending.BLENDS[name](frame, face_of(frame, matrix, size), alpha, matrix)
    inside = blending.place_mask(frame.shape, alpha, matrix) > 0.5
    assert result.dtype == np.uint8 and result.shape == frame.shape
    assert change(frame, result, inside) < 1.5


@pytest.mark.parametrize("name", blending.BLENDS)
def test_nothing_is_shifted(scene, name):
    """The best whole-frame match between frame and result lies at no shift, to a twentieth of a pixel."""
    frame, _, matrix = scene
    alpha = masks.feather(oval(width=0.33, height=0.29), 8)
    result = blending.BLENDS[name](frame, face_of(frame, matrix), alpha, matrix)
    inside = blending.place_mask(frame.shape, alpha, matrix) > 0.9
    grey, moved = frame.mean(axis=2), result.mean(axis=2)
    down, right = np.gradient(grey)
    slopes = np.stack([right[inside], down[inside], np.ones(inside.sum())], axis=1)
    shift = np.linalg.lstsq(slopes, (grey - moved)[inside], rcond=None)[0][:2]
    assert np.abs(shift).max() < 0.05


@pytest.mark.parametrize("name", ["mask", "seamless", "laplacian"])
def test_alpha_zero_keeps_the_frame_exactly(scene, name):
    frame, truth, matrix = scene
    face = face_of(truth, matrix)
    assert np.array_equal(blending.BLENDS[name](frame, face, np.zeros((SIZE, SIZE), np.float32), matrix), frame)
    alpha = masks.feather(oval(), 8)
    result = blending.BLENDS[name](frame, face, alpha, matrix)
    outside = blending.place_mask(frame.shape, alpha, matrix) == 0
    assert np.array_equal(result[outside], frame[outside])
    assert change(frame, result, ~outside) > 5


def test_the_true_face_laid_over_gives_the_true_swap(scene):
    frame, truth, matrix = scene
    alpha = masks.feather(oval(), 8)
    result = blending.mask_overlay(frame, face_of(truth, matrix), alpha, matrix)
    inside = blending.place_mask(frame.shape, alpha, matrix) > 0.95
    assert change(truth, result, inside) < 1.5 < 0.1 * change(truth, frame, inside)


def test_seamless_takes_a_planted_colour_away(scene):
    frame, _, matrix = scene
    alpha = masks.feather(oval(), 8)
    tinted = np.clip(face_of(frame, matrix) + np.array([0.06, -0.04, -0.08], np.float32), 0, 1)
    inside = blending.place_mask(frame.shape, alpha, matrix) > 0.5
    laid_over = change(frame, blending.mask_overlay(frame, tinted, alpha, matrix), inside)
    cloned = change(frame, blending.seamless(frame, tinted, alpha, matrix), inside)
    assert laid_over > 10 and cloned < 2


@pytest.mark.parametrize("shape", [(64, 64), (65, 47), (150, 201)])
def test_pyramids_of_equal_pictures_give_the_frame_back(shape):
    frame = np.random.default_rng(5).integers(0, 256, (*shape, 3)).astype(np.uint8)
    size = max(shape)
    face = np.pad(frame, [(0, size - shape[0]), (0, size - shape[1]), (0, 0)]).astype(np.float32) / 255
    alpha = np.random.default_rng(6).random((size, size)).astype(np.float32)
    assert np.array_equal(blending.laplacian(frame, face, alpha, np.eye(2, 3)), frame)


def test_pyramids_hide_a_step_of_light_better_than_the_mask(scene):
    """A face that is lighter by the same everywhere: the same change inside, a gentler slope across the rim."""
    frame, _, matrix = scene
    alpha = masks.feather(oval(), 4)
    face = np.clip(face_of(frame, matrix) + 0.1, 0, 1)
    placed = blending.place_mask(frame.shape, alpha, matrix)
    lifts = {}
    for name in ("mask", "laplacian"):
        lift = (blending.BLENDS[name](frame, face, alpha, matrix).astype(float) - frame).mean(axis=2)
        assert lift[placed == 0].max() == 0
        lifts[name] = np.hypot(*np.gradient(lift))[(placed > 0.02) & (placed < 0.98)], lift[90:130, 110:150].mean()
    assert np.percentile(lifts["laplacian"][0], 90) < 0.85 * np.percentile(lifts["mask"][0], 90)
    assert lifts["laplacian"][1] > 0.8 * lifts["mask"][1] > 15


def test_filters_enlarge_with_rising_sharpness(scene):
    """A model of 64 px brought to 150: lanczos keeps most of the edges, linear least."""
    frame, _, matrix = scene
    small = alignment.scale_matrix(matrix, 64 / SIZE)
    window = blending.face_window(frame.shape, small, 64)
    energies, errors = {}, {}
    for enlarge in ("linear", "cubic", "lanczos"):
        placed = blending.put_back(face_of(frame, small, 64), small, window, None, enlarge)
        energies[enlarge] = np.square(np.diff(placed, axis=0)).sum()
        errors[enlarge] = np.abs(placed * 255 - frame[window])[20:-20, 20:-20].mean()
    assert energies["linear"] < 0.98 * energies["cubic"] < 0.98 * energies["lanczos"]
    assert errors["lanczos"] < errors["cubic"] < errors["linear"]


@pytest.mark.parametrize("name", blending.BLENDS)
@pytest.mark.parametrize("centre", [(0, 0), (255, 128), (10, 250), (128, 0), (-300, 50)])
def test_a_face_partly_or_wholly_outside_the_frame(scene, name, centre):
    frame, _, _ = scene
    matrix = np.array([[1.0, 0, 63.5 - centre[0]], [0, 1, 63.5 - centre[1]]])
    face = np.full((128, 128, 3), 0.5, np.float32)
    result = blending.BLENDS[name](frame, face, np.ones((128, 128), np.float32), matrix)
    assert result.shape == frame.shape
    assert np.array_equal(result, frame) == (centre[0] == -300)


@pytest.mark.parametrize("name", blending.BLENDS)
@pytest.mark.parametrize("scale", [0.3, 4.0])
def test_faces_much_larger_or_smaller_than_the_model(scene, name, scale):
    frame, _, _ = scene
    matrix = alignment.scale_matrix(np.array([[1.0, 0, -64], [0, 1, -64]]), scale)
    size = int(128 * scale)
    face = face_of(frame, matrix, size)
    result = blending.BLENDS[name](frame, face, masks.feather(np.ones((size, size), np.float32), 8), matrix)
    assert change(frame, result, slice(70, 180)) < (6 if scale < 1 else 1)


def test_feather_falls_to_zero_at_the_old_edge_and_never_grows():
    for mask in (oval(), np.ones((SIZE, SIZE), np.float32)):
        soft = masks.feather(mask, 10)
        assert (soft <= mask).all() and soft[SIZE // 2, SIZE // 2] > 0.999
        assert soft[0].max() < 0.02 and soft[:, -1].max() < 0.02
        row = soft[SIZE // 2]
        assert np.abs(np.diff(row)).max() < 0.15
    assert np.array_equal(masks.feather(oval(), 0), oval())


@pytest.mark.parametrize("size", [64, 256])
def test_erode_is_in_per_cent_of_the_face(size):
    mask = oval(size)

    def width(mask):
        return (mask[size // 2] > 0.5).sum() / size

    assert abs(width(mask) - width(masks.erode(mask, 5)) - 0.1) < 0.03
    assert abs(width(masks.erode(mask, -5)) - width(mask) - 0.1) < 0.03


@pytest.mark.parametrize("centre", [(0.5, 0.5), (0.95, 0.05)])
def test_only_what_the_mask_reaches_is_worked_on_and_it_comes_out_the_same(monkeypatch, centre):
    """A mask in one corner of the square gives what the whole square's window gives, from a window of a quarter the size."""
    generator = np.random.default_rng(3)
    frame = generator.integers(0, 256, (240, 320, 3), np.uint8)
    face = generator.random((64, 64, 3), np.float32)
    mask = np.zeros((64, 64), np.float32)
    mask[40:60, 8:30] = 0.7
    turn = 0.3 * np.array([[np.cos(0.4), -np.sin(0.4)], [np.sin(0.4), np.cos(0.4)]])
    matrix = np.column_stack([turn, 32 - turn @ (np.array(centre) * [320, 240])])
    ours = blending.mask_overlay(frame, face, mask, matrix)
    small = blending.face_window(frame.shape, matrix, 64, blending.support(mask))
    whole = blending.face_window(frame.shape, matrix, 64)
    areas = [np.prod([side.stop - side.start for side in window]) for window in (small, whole)]
    monkeypatch.setattr(blending, "support", lambda mask: None)
    plain = blending.mask_overlay(frame, face, mask, matrix)
    assert areas[0] < 0.5 * areas[1]
    assert np.abs(ours.astype(int) - plain).max() <= 1 and (ours != plain).mean() < 0.01
    assert (ours != frame).any()
