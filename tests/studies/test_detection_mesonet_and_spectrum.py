"""Each detector finds what it looks for when that is planted, and nothing where there is nothing."""

import warnings

import cv2
import numpy as np
import pytest

from faceswap_lab.base.errors import LabError
from faceswap_lab.faces.alignment import canonical_points
from faceswap_lab.studies.detection import error_rates, handcrafted_features, identity_check, mesonet, spectrum
from faceswap_lab.studies.detection.data_set import Crops

SIDE = 96


def crops_of(faces, frames=None):
    count, side = faces.shape[:2]
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    skin = np.where(np.hypot(x, 1.2 * y) < 0.33 * side, 255, 0).astype(np.uint8)
    eyes = np.where((np.abs(y + 0.1 * side) < 0.05 * side) & (np.abs(x) < 0.2 * side), 255, 0).astype(np.uint8)
    masks = [np.repeat(one[None], count, axis=0) for one in (skin, eyes)]
    points = np.repeat(canonical_points(side)[None], count, axis=0)
    return Crops(faces, points, *masks, np.arange(count) if frames is None else np.asarray(frames))


def textures(count, seed, side=SIDE):
    """Pictures with detail of all sizes, each another one."""
    random = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        grey = sum(
            cv2.GaussianBlur(random.normal(size=(side, side)), (0, 0), sigma) * 16 * sigma for sigma in (0.7, 2, 6)
        )
        made.append(np.repeat(np.clip(128 + grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2))
    return np.stack(made)


def blurred(faces, sigma=1.2):
    return np.stack([cv2.GaussianBlur(face, (0, 0), sigma) for face in faces])


@pytest.mark.parametrize("periods", [5, 12, 40])
def test_a_wave_lies_in_its_own_ring(periods):
    x = np.arange(SIDE)
    for angle in (0.0, 0.6):
        phase = 2 * np.pi * periods / SIDE * (np.cos(angle) * x[None] + np.sin(angle) * x[:, None])
        face = np.repeat(np.rint(128 + 60 * np.sin(phase)).astype(np.uint8)[..., None], 3, axis=2)
        found = spectrum.radial_spectrum(face[None])[0]
        assert found.shape == (SIDE // 2 - 1,) and 1 + found.argmax() == periods
        assert found.max() > 15 + np.delete(found, range(max(0, periods - 4), periods + 3)).max()


def test_the_spectrum_counts_power_and_not_brightness():
    faces = textures(3, 0)
    half = (faces.astype(float) / 2).round().astype(np.uint8)
    apart = spectrum.radial_spectrum(faces) - spectrum.radial_spectrum(half)
    assert np.median(apart) == pytest.approx(6.02, abs=0.1)  # half the amplitude: a quarter of the power
    flat = np.full((1, SIDE, SIDE, 3), 200, np.uint8)
    assert spectrum.radial_spectrum(flat).max() == pytest.approx(10 * np.log10(spectrum.FLOOR))


def test_the_spectrum_detector_finds_a_blur_that_it_learnt_and_loses_it_where_all_is_blurred():
    real, swapped = textures(24, 1), blurred(textures(24, 2), 0.6)
    detector = spectrum.SpectrumDetector().fit(crops_of(real), crops_of(swapped))
    fresh = textures(24, 3), blurred(textures(24, 4), 0.6)
    found = [detector(crops_of(faces)) for faces in fresh]
    assert error_rates.auc(*found).value > 0.95
    assert (
        detector.weights.shape == (SIDE // 2 - 1,) and detector.weights[-10:].mean() < 0
    )  # fine detail speaks for real
    softened = detector(crops_of(blurred(fresh[0], 1.2)))  # real ones, passed on by something that smooths
    assert (softened > 0).mean() > 0.9


def test_only_a_fit_that_does_not_end_is_an_error(monkeypatch):
    """scikit-learn 1.6 with scipy 1.16 warns about an option of its own at every fit, which is no fault of the fit's."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    fit = LogisticRegression.fit

    def warning(self, *given):
        warnings.warn("scipy.optimize: The `disp` and `iprint` options are deprecated", DeprecationWarning, stacklevel=2)
        return fit(self, *given)

    monkeypatch.setattr(LogisticRegression, "fit", warning)
    real, swapped = crops_of(textures(6, 1, 32)), crops_of(textures(6, 2, 32))
    with pytest.warns(DeprecationWarning, match="iprint"):
        assert np.isfinite(spectrum.SpectrumDetector().fit(real, swapped).weights).all()
    hasty = spectrum.SpectrumDetector()
    hasty.pipeline.set_params(logisticregression__max_iter=1)
    with pytest.raises(ConvergenceWarning), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        hasty.fit(real, swapped)


def test_bad_faces_and_single_classes_are_refused():
    with pytest.raises(LabError, match=r"the shape is \(2, 8, 9, 3\)"):
        spectrum.radial_spectrum(np.zeros((2, 8, 9, 3), np.uint8))
    few, none = crops_of(textures(9, 0)), crops_of(textures(9, 0)).some(np.arange(0))
    with pytest.raises(LabError, match="swapped faces: 0 to learn from"):
        spectrum.SpectrumDetector().fit(few, none)
    with pytest.raises(LabError, match="real faces: 3 to learn from, and 8"):
        mesonet.MesoDetector(1).fit(few.some(np.arange(3)), few)
    with pytest.raises(LabError, match="steps=0"):
        mesonet.MesoDetector(0)


def test_the_network_is_small_and_takes_any_size():
    model = mesonet.build_meso()
    assert model.count_params() < 30_000
    assert [model(np.zeros((2, side, side, 3), "float32")).shape for side in (64, 128)] == [(2, 1), (2, 1)]


def test_batches_hold_both_classes_and_pieces_of_their_faces():
    real, swapped = np.full((3, 40, 40, 3), 100, np.uint8), np.full((5, 40, 40, 3), 200, np.uint8)
    pictures, answers = next(mesonet.batches(real, swapped, 8, 32, 0))
    assert (
        pictures.shape == (8, 32, 32, 3)
        and pictures.dtype == np.float32
        and answers[:, 0].tolist() == [0] * 4 + [1] * 4
    )
    assert (80 / 255 <= pictures[:4]).all() and (pictures[:4] <= 120.1 / 255).all() and pictures[4:].min() >= 159 / 255


def test_the_network_learns_a_planted_checkerboard():
    y, x = np.mgrid[:64, :64]
    checks = np.where((x + y) % 2, 10, -10)[..., None]

    def swapped(seed):
        return np.clip(textures(24, seed, 64) + checks, 0, 255).astype(np.uint8)

    detector = mesonet.MesoDetector(steps=40).fit(crops_of(textures(24, 5, 64)), crops_of(swapped(6)))
    found = [detector(crops_of(faces)) for faces in (textures(24, 7, 64), swapped(8))]
    assert error_rates.auc(*found).value > 0.95


def test_an_edge_round_the_face_is_seen():
    faces = textures(6, 9)
    inside = crops_of(faces).skin[0] > 127
    pasted = faces.copy()
    pasted[:, inside] = np.clip(pasted[:, inside].astype(int) + 40, 0, 255)
    plain, edged = (handcrafted_features.edge_round_face(crops_of(one)) for one in (faces, pasted))
    assert edged.min() > plain.max() and edged.mean() > 1.5 * plain.mean()


def test_blur_and_dull_eyes_are_seen():
    faces = textures(6, 10)
    sharp, soft = (handcrafted_features.softness(crops_of(one)) for one in (faces, blurred(faces, 2)))
    assert sharp.max() < soft.min() <= 0
    dull, eyes = faces.copy(), crops_of(faces).eyes[0] > 127
    dull[:, eyes] = blurred(faces, 3)[:, eyes]
    bright, dark = (handcrafted_features.dull_eyes(crops_of(one)) for one in (faces, dull))
    assert bright.max() < 0.7 * dark.min() < 0


def test_flicker_is_what_leaves_the_straight_line_and_needs_both_neighbours():
    level = np.array([100, 104, 108, 112, 122, 120, 124])
    faces = np.broadcast_to(level[:, None, None, None], (7, SIDE, SIDE, 3)).astype(np.uint8)
    found = handcrafted_features.flicker(crops_of(faces))
    assert np.isnan(found[[0, -1]]).all() and found[1:3].tolist() == [0, 0] and found[4] == pytest.approx(6)
    gone = handcrafted_features.flicker(crops_of(faces, frames=[0, 1, 2, 9, 10, 11, 12]))
    assert np.isnan(gone[[0, 2, 3, 6]]).all() and np.isfinite(gone[[1, 4, 5]]).all()


class MeanColour:
    """Stands in for the evaluation network: the mean of each colour."""

    name, title, numbers = "mean", "mean colour", 3

    def cut(self, image, points):
        return image

    def embed(self, faces):
        return faces.mean(axis=(1, 2)).astype(np.float32) / 255


def test_a_claim_is_checked_by_the_distance_to_the_claimed_person():
    references = np.array([[0.5, 0.5, 0.5], [0.5, 0.5, 0.6], [0.5, 0.5, 0.4], [np.nan, 0, 0]], np.float32)
    check = identity_check.ClaimCheck("A", references, MeanColour())
    same, other = (np.full((4, 8, 8, 3), level, np.uint8) for level in (128, 250))
    numbers = [check(crops_of(faces)) for faces in (same, other)]
    assert check.name == "is it A?" and numbers[0].max() < 0.11 and numbers[1].min() > 0.8
    with pytest.raises(LabError, match="A: no reference picture"):
        identity_check.ClaimCheck("A", references[3:], MeanColour())
