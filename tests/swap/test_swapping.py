"""One frame's swap: every option does what it says, from the cut-out to the last pixel."""

import dataclasses

import numpy as np
import pytest

from faceswap_lab.base.errors import LabError
from faceswap_lab.faces import alignment
from faceswap_lab.swap import blending, swapping
from faceswap_lab.swap.options import BLENDS, COLOURS, ENLARGES, MASKS, SwapOptions

SIZE = 64
# nothing sharpened, a narrow mask: a face that is given back should come back as it was
PLAIN = {"blend": "mask", "colour": "mean", "erode": 2.0, "forehead": 0.0, "sharpen": "none"}


class Generator:
    """A function in a model's place: `change` of the faces, and an alpha that is 0 in the left half."""

    name = "generator"

    def __init__(self, change=lambda faces: faces, alpha=None, size=SIZE):
        self.size, self.change, self.seen = size, change, []
        self.alpha = np.ones((size, size), np.float32) if alpha is None else alpha

    def __call__(self, faces):
        self.seen.append(faces)
        return self.change(faces), np.repeat(self.alpha[None, ..., None], len(faces), axis=0)


def half():
    alpha = np.zeros((SIZE, SIZE), np.float32)
    alpha[:, SIZE // 2 :] = 1
    return alpha


def outline(width=0.33, height=0.4):
    y, x = (np.mgrid[:256, :256] + 0.5) / 256
    return np.where(np.hypot((x - 0.5) / width, (y - 0.52) / height) < 1, 255, 0).astype(np.uint8)


@pytest.fixture(scope="module")
def scene(actor_frames):
    frames, points = actor_frames("target", 20, 2)
    return frames[1], alignment.alignment_matrix(points[1], 256)


def generated(scene, function, **choices):
    frame, matrix = scene
    options = SwapOptions(**{**PLAIN, **choices})
    swap = swapping.prepare(frame, matrix, outline(), SIZE, options)
    swapping.generate([swap], function, options)
    return swap, swapping.finish(frame, swap, options)


@pytest.mark.parametrize(
    "field, names", [("mask", MASKS), ("colour", COLOURS), ("blend", BLENDS), ("enlarge", ENLARGES)]
)
def test_the_target_s_own_face_changes_little_whatever_is_chosen(scene, field, names):
    for name in names:
        swap, result = generated(scene, Generator(), **{field: name})
        placed = blending.place_mask(scene[0].shape, swap.mask, swap.matrix) > 0.5
        # direct also shows the coarse square beyond the face
        assert np.abs(result.astype(float) - scene[0])[placed].mean() < 5, name


def test_masks_are_what_their_names_say(scene):
    found = {name: generated(scene, Generator(alpha=half()), mask=name, erode=0, feather=4)[0].mask for name in MASKS}
    area = {name: mask.mean() for name, mask in found.items()}
    assert area["rect"] > 0.65 > area["hull"] > 0.3
    assert area["alpha+hull"] == pytest.approx(area["hull"] / 2, rel=0.05)
    assert area["alpha"] == pytest.approx(0.5 * (1 - 0.04), rel=0.1)
    assert np.all(found["hull+rect"] <= found["hull"] + 1e-6) and np.all(found["hull+rect"] <= found["rect"] + 1e-6)
    assert found["rect"][32, 6] > 0.5 and found["hull"][32, 6] == 0
    assert found["alpha"][32, 20] == found["alpha+hull"][32, 20] == 0 < found["hull"][32, 20]


def test_the_hull_s_size_follows_erode_even_below_a_pixel(scene):
    areas = [generated(scene, Generator(), erode=erode)[0].mask.sum() for erode in (-4, 0, 0.8, 2, 4)]
    assert np.all(np.diff(areas) < 0)


def test_forehead_draws_in_above_the_brows_only(scene):
    plain, drawn = (generated(scene, Generator(), erode=-4, forehead=forehead)[0].mask for forehead in (0, 8))
    assert np.array_equal(plain[SIZE // 2 :], drawn[SIZE // 2 :])
    assert drawn[: SIZE // 4].sum() < 0.7 * plain[: SIZE // 4].sum()


def test_alpha_is_shaped_where_it_is_the_only_mask(scene):
    alpha = np.zeros((SIZE, SIZE), np.float32)
    alpha[16:48, 16:48] = 1
    sums = {
        erode: generated(scene, Generator(alpha=alpha), mask="alpha", erode=erode, feather=0)[0].mask.sum()
        for erode in (-5, 0, 5)
    }
    assert sums[0] == 32 * 32 and sums[5] == 26 * 26 and sums[-5] > 36 * 36
    soft = generated(scene, Generator(alpha=alpha), mask="alpha", erode=0, feather=0, blur=3)[0].mask
    assert 0.2 < soft[32, 15] < 0.5 < soft[32, 16] < 0.8


@pytest.mark.parametrize("coverage", [0.8, 0.9, 1.2])
def test_coverage_shows_a_crop_about_the_same_centre(scene, coverage):
    frame, matrix = scene
    generator = Generator(lambda faces: 1 - faces)
    swap, result = generated(scene, generator, coverage=coverage, colour="none")
    whole = swapping.prepare(frame, matrix, None, SIZE, SwapOptions(**PLAIN))
    middle = np.full((1, 2), (SIZE - 1) / 2)
    back = [alignment.transform_points(alignment.invert(one.matrix), middle) for one in (swap, whole)]
    assert np.abs(back[0] - back[1]).max() < 1e-6
    assert alignment.matrix_scale(swap.matrix) == pytest.approx(alignment.matrix_scale(whole.matrix) / coverage)
    assert np.array_equal(generator.seen[0][0], swap.target)
    # what was generated goes back to where it was seen: the negative lies exactly over the face
    inside = blending.place_mask(frame.shape, swap.mask, swap.matrix) > 0.99
    assert np.abs(255.0 - frame - result)[inside].mean() < 6
    # and the mask covers the same part of the frame
    plain = generated(scene, Generator(), colour="none")[0]
    areas = [blending.place_mask(frame.shape, one.mask, one.matrix).sum() for one in (swap, plain)]
    assert areas[0] == pytest.approx(areas[1], rel=0.06)


def test_sharpening_touches_the_face_and_not_its_mask(scene):
    frame, _ = scene
    (plain, soft), (sharp, crisp) = (
        generated(scene, Generator(), sharpen=kind, amount=1.5, colour="none") for kind in ("none", "gaussian")
    )
    assert np.array_equal(plain.mask, sharp.mask)
    inside = blending.place_mask(frame.shape, plain.mask, plain.matrix) > 0.9
    energy = [np.hypot(*np.gradient(result.mean(axis=2)))[inside].mean() for result in (soft, crisp)]
    assert energy[1] > 1.15 * energy[0]
    outside = blending.place_mask(frame.shape, plain.mask, plain.matrix) == 0
    assert np.array_equal(crisp[outside], frame[outside])


@pytest.mark.parametrize("colour", [name for name in COLOURS if name != "none"])
def test_colours_are_measured_and_may_be_replaced_before_finish(scene, colour):
    frame, matrix = scene
    options = SwapOptions(**{**PLAIN, "colour": colour})
    swap = swapping.prepare(frame, matrix, outline(), SIZE, options)
    swapping.generate([swap], Generator(lambda faces: faces * 0.7), options)
    assert swap.measured.shape == swap.wanted.shape and swap.change is None
    inside = blending.place_mask(frame.shape, swap.mask, swap.matrix) > 0.95
    matched = swapping.finish(frame, swap, options)
    assert np.abs(matched.astype(float) - frame)[inside].mean() < (10 if colour == "mean" else 6)
    unmoved = dataclasses.replace(swap, wanted=swap.measured)
    assert np.abs(swapping.finish(frame, unmoved, options) - 0.7 * frame)[inside].mean() < 6


def test_the_clone_s_change_is_an_array_that_finish_uses(scene):
    frame, matrix = scene
    options = SwapOptions(**{**PLAIN, "blend": "seamless", "colour": "none"})
    swap = swapping.prepare(frame, matrix, outline(), SIZE, options)
    swapping.generate([swap], Generator(lambda faces: np.clip(faces - 0.1, 0, 1)), options)
    inside = blending.place_mask(frame.shape, swap.mask, swap.matrix) > 0.95
    assert np.abs(swapping.finish(frame, swap, options).astype(float) - frame)[inside].mean() < 5
    without = dataclasses.replace(swap, change=np.zeros_like(swap.change))
    lift = swapping.finish(frame, swap, options).astype(float) - swapping.finish(frame, without, options)
    assert lift[inside].mean() == pytest.approx(25.5, abs=1.5) and lift[inside].std() < 2.5


@pytest.mark.parametrize("blend", [name for name in BLENDS if name != "direct"])
@pytest.mark.parametrize("colour", COLOURS)
def test_an_empty_mask_leaves_the_frame(scene, blend, colour):
    empty = np.zeros((SIZE, SIZE), np.float32)
    swap, result = generated(scene, Generator(lambda faces: 1 - faces, empty), mask="alpha", blend=blend, colour=colour)
    assert swap.measured is None and swap.change is None
    assert np.array_equal(result, scene[0])


def test_a_face_cut_by_the_border_is_measured_inside_only(scene):
    frame, matrix = scene
    cut = np.array(matrix)  # of the same face in a frame whose left 60 px are missing
    cut[:, 2] += 60 * matrix[:, 0]
    options = SwapOptions(blend="seamless", colour="linear")
    swap = swapping.prepare(frame[:, 60:], cut, outline(), SIZE, options)
    swapping.generate([swap], Generator(lambda faces: faces * 0.8), options)
    assert 0 < swap.inside.mean() < 1
    result = swapping.finish(frame[:, 60:], swap, options)
    inside = blending.place_mask(result.shape, swap.mask, swap.matrix) > 0.9
    assert np.abs(result.astype(float) - frame[:, 60:])[inside].mean() < 6


@pytest.mark.parametrize(
    "choice, says",
    [
        ({"mask": "hull*alpha"}, "alpha\\+hull"),
        ({"blend": "poisson"}, "laplacian"),
        ({"forehead": -1}, "forehead"),
        ({"coverage": 0.2}, "coverage"),
    ],
)
def test_wrong_choices_are_named(choice, says):
    with pytest.raises(LabError, match=says):
        SwapOptions(**choice)


class Brighter:
    """In a base's place: a quarter brighter in the right half, with a way of its own to be put back."""

    size, name, digest, sources = 128, "brighter", "1", ()
    putting_back = SwapOptions(
        blend="mask", colour="none", mask="alpha", erode=0, forehead=0, feather=0, sharpen="none"
    )

    def __call__(self, faces):
        alpha = np.zeros((*faces.shape[:3], 1), np.float32)
        alpha[:, :, 64:] = 1
        return np.clip(faces * 1.25, 0, 1), alpha


@pytest.mark.parametrize("coverage", [0.8, 1.0])
def test_a_face_is_put_onto_the_base_s_swap_and_gets_its_colours(scene, coverage):
    frame, matrix = scene
    below = swapping.swap_frame(frame, matrix, outline(), Brighter(), Brighter.putting_back)
    function = Generator(lambda faces: faces * 0.5)
    function.base = Brighter()
    options = SwapOptions(**{**PLAIN, "coverage": coverage})
    swap = swapping.prepare_for(function, frame, matrix, outline(), options)
    swapping.generate([swap], function, options)
    out = swapping.finish(frame, swap, options)
    assert (function.seen[0][0] == swap.target).all()  # the model sees the target, not what lies under its answer
    placed = blending.place_mask(frame.shape, swap.mask, swap.matrix)
    assert (out[placed == 0] == below[placed == 0]).all() and (below != frame).any(axis=2)[placed == 0].any()
    # its mean under the mask is the base's swap's, a tenth brighter than the target's and twice as bright as its own
    inside = placed > 0.9
    means = [picture[inside].mean() for picture in (out, below, frame)]
    assert abs(means[0] - means[1]) < 2.0 and means[1] > 1.05 * means[2]
    onto_target = swapping.swap_frame(frame, matrix, outline(), Generator(lambda faces: faces * 0.5), options)
    assert abs(onto_target[inside].mean() - means[2]) < 2.0
