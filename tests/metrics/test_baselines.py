"""What needs no learning: it works with and without a truth, from the source's pictures alone, and earns what it should."""


import numpy as np
import pytest

from faceswap_lab.faces.alignment import align, alignment_matrix
from faceswap_lab.faces.landmarks import FaceMesh
from faceswap_lab.metrics import baselines, classical_swap
from faceswap_lab.metrics.gains import different_pixels, score_clips
from faceswap_lab.models.dlib_recognition import FaceRecognition
from faceswap_lab.swap import colour


@pytest.fixture(scope="module")
def clip(actor_frames):
    truth, points = actor_frames("truth", 12)
    return truth, actor_frames("target", 12)[0], points


def faces_of(frames, points, size=256):
    """A clip's faces as pictures to wear."""
    found, finder = [], FaceMesh()
    for frame, five in zip(frames, points, strict=True):
        matrix = alignment_matrix(five, size)
        found.append((align(frame, matrix, size), finder(frame, five).transformed(matrix)))
    return classical_swap.SourceFaces._of(found, "no face")


@pytest.fixture(scope="module")
def source(actor_frames):
    return faces_of(*actor_frames("train_B", 9))


@pytest.fixture(scope="module")
def made(clip, source, actor_frames):
    truth, target, points = clip
    maker = baselines.Baselines(source, faces_of(*actor_frames("train_A", 9)))
    return [maker(*moment) for moment in zip(target, points, truth, strict=True)]


def test_gains_of_all_baselines(clip, source):
    truth, target, points = clip
    made = baselines.baseline_clips(target, points, baselines.Baselines(source), truth)
    found = score_clips(made, truth, target, points, FaceRecognition())
    assert list(found) == list(baselines.BASELINES)
    for name in ("swap_gain", "identity_gain", "pixel_gain", "structure_gain"):
        numbers = {key: getattr(gains, name) for key, gains in found.items()}
        assert max(numbers, key=numbers.get) == "truth" and numbers["truth"] == pytest.approx(1), name
        assert numbers["unchanged"] == 0, name
    assert found["colour_transfer"].swap_gain < 0.1 and abs(found["colour_transfer"].identity_gain) < 0.15
    assert found["classical_swap"].identity_gain > 0.1 and found["classical_swap"].sharpness > 0.6
    assert found["classical_swap"].identity_gain > found["colour_transfer"].identity_gain


def test_without_a_truth_and_without_a_source(clip, source):
    _, target, points = clip
    assert list(baselines.Baselines()(target[0], points[0])) == ["unchanged"]
    names = baselines.Baselines(source).names(truth=False)
    assert names == ("unchanged", "colour_transfer", "average_face", "classical_swap")


def test_clips_come_in_step_and_from_one_making(clip, source):
    truth, target, points = (part[:2] for part in clip)
    asked = []

    def frames(clip):
        for frame in clip:
            asked.append(1)
            yield frame

    maker = baselines.Baselines(average=source.mean_image())
    clips = baselines.baseline_clips(frames(target), points, maker, iter(truth))
    assert list(clips) == [name for name in baselines.BASELINES if name not in ("colour_transfer", "classical_swap")]
    for index, shown in enumerate(zip(*clips.values(), strict=True)):
        now = dict(zip(clips, shown, strict=True))
        assert len(asked) == index + 1
        np.testing.assert_array_equal(now["truth"], truth[index])
        np.testing.assert_array_equal(now["tint"], baselines.tint(target[index], truth[index]))


def test_colour_transfer_brings_the_sources_colours_and_keeps_detail(clip, source):
    _, target, points = clip
    wanted = baselines.source_colours(source)
    result = baselines.colour_transfer(target[0], points[0], wanted)
    matrix = baselines.alignment_matrix(points[0], 128)
    crops = [baselines.align(frame, matrix, 128).astype(np.float32) / 255 for frame in (target[0], result)]
    before, after = (colour.statistics(crop, baselines.face_oval(128)) for crop in crops)
    assert np.abs(after[0] - wanted[0]).max() < 0.35 * np.abs(before[0] - wanted[0]).max()
    grey = [crop[40:90, 40:90].mean(axis=2).ravel() for crop in crops]
    assert np.corrcoef(*grey)[0, 1] > 0.9  # no feature is moved
    np.testing.assert_array_equal(result[:20], target[0][:20])
    np.testing.assert_array_equal(baselines.colour_transfer(target[0], points[0] * np.nan, wanted), target[0])


def test_the_classical_swap_stays_inside_the_face_and_has_no_holes(clip, made):
    truth, target, points = clip
    for moment, wanted, given in zip(made, truth, target, strict=True):
        swapped = moment["classical_swap"]
        changed = np.abs(swapped.astype(int) - given).max(axis=2) > 3
        there = different_pixels(wanted, given)
        assert 0.4 * there.mean() < changed.mean() < 1.2 * there.mean()
        assert (changed & there).sum() > 0.85 * changed.sum()
        left, right = points[0].min(axis=0).astype(int) - 5, points[0].max(axis=0).astype(int) + 5
        inner = swapped[left[1] : right[1], left[0] : right[0]]
        assert (inner.max(axis=2) > 3).mean() > 0.99  # nothing was left black


def test_a_picture_goes_over_unchanged_onto_its_own_landmarks(source):
    image, shape = source.images[:1], source.shapes[:1]
    inside = np.zeros(image.shape[1:3], bool)
    middle = shape[0].mean(axis=0).astype(int)
    inside[middle[1] - 20 : middle[1] + 20, middle[0] - 20 : middle[0] + 20] = True
    same = classical_swap.carried_over(image, shape, np.ones(1), shape[0], inside)
    np.testing.assert_allclose(same[inside], image[0][inside] / 255, atol=1e-3)
    moved = classical_swap.carried_over(image, shape, np.ones(1), shape[0] + [3, -2], np.roll(inside, (-2, 3), (0, 1)))
    np.testing.assert_allclose(np.roll(moved, (2, -3), (0, 1))[inside], image[0][inside] / 255, atol=1e-3)


def test_the_target_among_the_pictures_is_found(clip, source):
    """A clip whose own frames are the pictures is given back: the nearest picture is the frame itself."""
    _, target, points = clip
    own = faces_of(target, points)
    swap = classical_swap.ClassicalSwap(own)
    chosen = [swap.choose(features) for features in own.features]
    assert [max(weights, key=weights.get) for weights in chosen] == list(range(len(target)))
    assert all(sum(weights.values()) == pytest.approx(1) for weights in chosen)


def test_a_picture_is_kept_until_another_is_clearly_nearer(source):
    swap = classical_swap.ClassicalSwap(source, finder=lambda *both: None)
    first = source.features[0]
    other = source.features[np.argmax(np.square(source.features - first).sum(axis=1))]
    swap.choose(first)
    way = (other - first) / np.linalg.norm(other - first)
    worn = [(swap.choose(first + reach * way), swap.worn)[1] for reach in (0.05, 0.1, 0.0)]
    assert worn == [0, 0, 0]
    swap.choose(other)
    assert swap.worn != 0 and 0 < swap.weights.get(0, 0) < 1  # and faded over
    for _ in range(5):
        swap.choose(other)
    assert list(swap.weights) == [swap.worn]


def test_colours_lose_a_cast_and_gain_no_contrast():
    random = np.random.default_rng(0)
    flat, rich = (0.5 + spread * random.normal(0, 1, (64, 64, 3)).astype(np.float32) for spread in (0.01, 0.05))
    mask = np.ones((64, 64), np.float32)
    kept = classical_swap.in_colours_of(flat, rich - 0.2, mask)
    assert kept.std() == pytest.approx(flat.std(), rel=0.3) and kept.mean() == pytest.approx(0.3, abs=0.02)
    assert classical_swap.in_colours_of(rich, flat, mask).std() < 0.02


def test_a_frame_without_a_face_stays_as_it_is(clip, source):
    _, target, points = clip
    swap = classical_swap.ClassicalSwap(source, finder=lambda *both: None)
    for frame, five in zip(target[:2], points[:2] * [[[np.nan]], [[1]]], strict=True):
        np.testing.assert_array_equal(swap(frame, five), frame)
