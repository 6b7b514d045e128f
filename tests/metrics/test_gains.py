"""The scores: the figures that are stated for the sample clip, the ends of the scales, and bad input."""

import cv2
import numpy as np
import pytest
from average_face import average_face

from faceswap_lab.base.errors import LabError
from faceswap_lab.metrics import different_pixels, face_width, local_contrast, score_clip, score_clips
from faceswap_lab.metrics.baselines import (
    Baselines,
    baseline_clips,
    blurred_truth,
    face_oval,
    shifted_truth,
    tint,
    wear,
)
from faceswap_lab.metrics.catalogue import value_of
from faceswap_lab.metrics.contrast import edge_energy
from faceswap_lab.metrics.following import against_truth
from faceswap_lab.metrics.frame_samples import measure_clips
from faceswap_lab.metrics.gains import SIGMA
from faceswap_lab.metrics.nearest_person import NearerMeasure
from faceswap_lab.metrics.recognition_features import Dlib, features


class PlainRecogniser:
    """Stands in for the evaluation network where its answer does not matter: the mean colour of nine fields of the chip."""

    def embed(self, chips, batch_size=16):
        fields = chips.reshape(len(chips), 3, 50, 3, 50, 3).mean(axis=(2, 4)).reshape(len(chips), -1) / 255
        return np.pad(fields, [(0, 0), (0, 128 - fields.shape[1])]).astype(np.float32)


@pytest.fixture(scope="module")
def clip(actor_frames):
    """Every sixth frame of the sample clip."""
    truth, points = actor_frames("truth", 6)
    return truth, actor_frames("target", 6)[0], points


@pytest.fixture(scope="module")
def baselines(clip, actor_frames):
    truth, target, points = clip
    made = baseline_clips(target, points, Baselines(average=average_face(*actor_frames("train_B", 12))), truth)
    return score_clips(made, truth, target, points)


@pytest.mark.parametrize(
    ("name", "swap", "identity", "pixel"),
    [("tint", -0.03, 0.01, None), ("blurred_truth", 0.40, None, 0.74), ("shifted_truth", 0.45, 0.81, 0.77)],
)
def test_stated_figures(baselines, name, swap, identity, pixel):
    """Within 0.05 on a sixth of the frames (0.03 on all). What is None here is not met: see benchmarks/scores.py."""
    found = baselines[name]
    for value, stated in ((found.swap_gain, swap), (found.identity_gain, identity), (found.pixel_gain, pixel)):
        assert stated is None or value == pytest.approx(stated, abs=0.05)


def test_the_lesson_of_the_three_gains(baselines):
    found = baselines["tint"]
    assert found.pixel_gain > 0.4 and found.swap_gain < 0.05 and found.identity_gain < 0.1
    found = baselines["average_face"]
    assert found.swap_gain < 0.05 and found.identity_gain < 0.3
    found = baselines["unchanged"]
    gains = {name: 0 for name in ("swap_gain", "identity_gain", "pixel_gain", "structure_gain")}
    assert found.as_json() == {**gains, "sharpness": pytest.approx(found.sharpness, abs=1e-4)}


def test_the_truth_gains_everything(clip):
    truth, target, points = clip
    found = score_clip(truth[:2], truth[:2], target[:2], points[:2])
    assert found.as_json() == {
        "swap_gain": 1, "identity_gain": 1, "pixel_gain": 1, "structure_gain": 1, "sharpness": 1
    }  # fmt: skip


def test_structure_gain_of_the_baselines(baselines):
    assert abs(baselines["tint"].structure_gain) < 0.02 and abs(baselines["tint"].swap_gain) < 0.05
    assert 0.2 < baselines["blurred_truth"].structure_gain < 0.9
    assert baselines["average_face"].structure_gain < 0.2
    assert baselines["blurred_truth"].sharpness < 0.4 < 0.8 < baselines["shifted_truth"].sharpness < 1.2


def test_structure_gain_is_the_correlation_that_numpy_finds(clip):
    truth, target, points = (x[:3] for x in clip)
    outputs = [shifted_truth(frame) for frame in truth]
    sigma, held = SIGMA * face_width(points), []
    for frames in zip(outputs, truth, target, strict=True):
        mask = different_pixels(frames[1], frames[2])
        held.append([local_contrast(f.astype(np.float32) / 255, sigma, mask.astype(np.float32))[mask] for f in frames])
    output, wanted, unchanged = (np.concatenate(some) for some in zip(*held, strict=True))
    start = np.corrcoef(unchanged, wanted)[0, 1]
    expected = (np.corrcoef(output, wanted)[0, 1] - start) / (1 - start)
    found = score_clip(outputs, truth, target, points, PlainRecogniser()).structure_gain
    assert found == pytest.approx(expected, abs=1e-3) and 0.3 < found < 1


def test_edge_energy_of_known_pictures():
    step = np.zeros((8, 10, 3), np.float32)
    step[:, 5:] = 0.5  # one edge, 8 pixels long, 0.5 high
    everywhere = np.ones((8, 10), np.float32)
    assert edge_energy(step, everywhere) == pytest.approx(8 * 0.25)
    assert edge_energy(step.transpose(1, 0, 2), everywhere.T) == pytest.approx(8 * 0.25)
    assert edge_energy(step + 0.3, everywhere) == pytest.approx(8 * 0.25)  # light that is added is no edge
    assert edge_energy(step * 0.5, everywhere) == pytest.approx(8 * 0.0625)
    left = everywhere.copy()
    left[:, 5:] = 0  # the edge lies on the mask's border and does not count
    assert edge_energy(step, left) == 0


def test_sharpness_falls_with_blur_and_rises_with_noise(clip):
    truth, target, points = (x[:4] for x in clip)

    def sharpness(change):
        return score_clip([change(frame) for frame in truth], truth, target, points, PlainRecogniser())

    soft, softer = (sharpness(lambda f, s=s: cv2.GaussianBlur(f, (0, 0), s)).sharpness for s in (1, 3))
    assert 0.2 < soft < 0.8 and softer < 0.5 * soft
    noise = np.random.default_rng(0).normal(0, 6, truth[0].shape)
    noisy = sharpness(lambda f: np.clip(f + noise, 0, 255).astype(np.uint8))
    assert noisy.sharpness > 1.2
    ratio = noisy.table["sharpness"]
    assert len(ratio) == 4 and ratio.min() <= noisy.sharpness <= ratio.max()


def test_table_adds_up(baselines):
    found = baselines["blurred_truth"]
    table = found.table
    assert list(table["frame"]) == list(range(10)) and table["different"].between(0.05, 0.4).all()
    for name in ("swap", "identity", "pixel"):
        ratio = 1 - table[f"{name}_error"].sum() / table[f"{name}_error_target"].sum()
        assert ratio == pytest.approx(getattr(found, f"{name}_gain"))
        np.testing.assert_allclose(table[f"{name}_gain"], 1 - table[f"{name}_error"] / table[f"{name}_error_target"])


def test_frames_may_be_generators_and_size_does_not_matter(clip):
    truth, target, points = (x[:2] for x in clip)
    small = score_clip((blurred_truth(t) for t in truth), iter(truth), iter(target), points, PlainRecogniser())
    twice = [[cv2.resize(f, (512, 512), interpolation=cv2.INTER_CUBIC) for f in frames] for frames in (truth, target)]
    large = score_clip([blurred_truth(t, 8) for t in twice[0]], *twice, points * 2 + 0.5, PlainRecogniser())
    assert large.swap_gain == pytest.approx(small.swap_gain, abs=0.06)
    assert large.pixel_gain == pytest.approx(small.pixel_gain, abs=0.03)


def test_frames_without_points_count_for_pixels_only(clip):
    truth, target, points = (x[:3].copy() for x in clip)
    points[1] = np.nan
    found = score_clip(target, truth, target, points, PlainRecogniser())
    assert np.isnan(found.table["identity_gain"][1]) and found.table["pixel_gain"].notna().all()
    assert found.identity_gain == 0


def test_frames_that_do_not_differ_are_left_out(clip):
    truth, target, points = (x[:3].copy() for x in clip)
    target[2] = truth[2]
    found = score_clip([shifted_truth(t) for t in truth], truth, target, points, PlainRecogniser())
    two = score_clip([shifted_truth(t) for t in truth[:2]], truth[:2], target[:2], points[:2], PlainRecogniser())
    assert np.isnan(found.table["pixel_gain"][2]) and found.pixel_gain == pytest.approx(two.pixel_gain)


def test_one_frame(clip):
    truth, target, points = (x[:1] for x in clip)
    assert 0 < score_clip([tint(target[0], truth[0])], truth, target, points, PlainRecogniser()).pixel_gain < 1


def test_bad_input_is_named(clip):
    truth, target, points = (x[:3] for x in clip)
    recogniser = PlainRecogniser()
    for output, wanted, given, where, words in (
        (truth[:2], truth, target, points, "output: ends after 2 frames"),
        (truth, truth, target[:1], points, "target: ends after 1 frames"),
        (truth, truth, target, points[:2], "points: 2 rows"),
        (truth[:2], truth[:2], target[:2], points, "points: 3 rows"),
        (truth[:, ::2, ::2], truth, target, points, "output: frame 0 is 128x128"),
        (truth.astype("float32"), truth, target, points, "output: frame 0 is float32"),
        (truth, truth, truth, points, "does not differ"),
        (truth, truth, target, points * np.nan, "no frame has five points"),
        (truth, truth, target, points[:, 0], "points: the shape"),
        ([], [], [], points, "points: 3 rows for a clip of 0"),
    ):
        with pytest.raises(LabError, match=words):
            score_clip(output, wanted, given, where, recogniser)


def test_local_contrast_sees_neither_light_nor_tint():
    rng = np.random.default_rng(3)
    picture = rng.uniform(0.2, 0.7, (64, 64, 3)).astype("float32")
    plain = local_contrast(picture, 5)
    assert plain.dtype == np.float32 and abs(float(plain.mean())) < 0.05 and 0.7 < plain.std() < 1.2
    assert np.abs(local_contrast(picture * 0.8 + 0.15, 5) - plain).max() < 0.1
    mask = np.zeros((64, 64), np.float32)
    mask[16:48, 16:48] = 1
    other = picture.copy()
    other[mask == 0] = 1  # what lies outside the mask has no say
    inside = mask > 0
    found, wanted = (local_contrast(image, 5, mask)[inside] for image in (other, picture))
    np.testing.assert_allclose(found, wanted, atol=1e-3)


def test_face_width_does_not_shrink_when_the_head_turns(clip):
    _, _, points = clip
    assert 140 < face_width(points) < 175
    assert face_width(points * 2) == pytest.approx(2 * face_width(points))
    turned = points[:1] * [0.7, 1]
    assert face_width(turned) > 0.8 * face_width(points[:1])


def test_nearer_to_source(clip, actor_frames):
    truth, target, points = clip
    source, other = (features(*actor_frames(name, 20), Dlib()) for name in ("train_B", "train_A"))
    clips = {"unchanged": target, "truth": truth}
    made = measure_clips(clips, target, points, lambda name: [NearerMeasure(source, other)], finder=lambda *both: None)
    found = {name: value_of(*one)["nearer_to_source"] for name, one in made.items()}
    assert found["truth"] >= 0.8 and found["unchanged"] <= 0.2
    with pytest.raises(LabError, match="target: no face"):
        NearerMeasure(source, other * np.nan)
    holes = points[:3].copy()
    holes[1] = np.nan
    assert np.isnan(features(truth[:3], holes, Dlib(PlainRecogniser()))).any(axis=1).tolist() == [False, True, False]
    with pytest.raises(LabError, match="points: 2 rows"):
        features(truth[:3], points[:2], Dlib(PlainRecogniser()))


def test_landmark_error_of_a_shift_by_the_mesh(clip):
    truth, _, points = (x[:3] for x in clip)
    eyes = np.linalg.norm(points[:, 1] - points[:, 0], axis=1)
    found = against_truth([shifted_truth(t, 3) for t in truth], truth, points)
    assert found["landmarks_found"] == 1 and found["landmark_error"] == pytest.approx((3 / eyes).mean(), rel=0.25)
    assert against_truth(truth, truth, points)["landmark_error"] == 0
    assert np.isnan(against_truth(truth, truth * 0, points)["landmark_error"])


def test_average_face_and_wear(clip, actor_frames):
    truth, target, points = clip
    face = average_face(*actor_frames("train_B", 30), size=128)
    assert face.shape == (128, 128, 3) and face.dtype == np.float32 and 0 <= face.min() and face.max() <= 1
    worn = wear(target[0], points[0], face)
    changed = np.abs(worn.astype(int) - target[0]).sum(axis=2) > 0
    middle = np.argwhere(changed).mean(axis=0)[::-1]
    assert np.linalg.norm(middle - points[0].mean(axis=0)) < 15 and 0.03 < changed.mean() < 0.3
    np.testing.assert_array_equal(wear(target[0], points[0] * np.nan, face), target[0])
    assert face_oval(128).max() == 1 and face_oval(128)[0].max() == 0
