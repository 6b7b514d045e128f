"""PSNR, SSIM, MS-SSIM against scikit-image and SciPy; the region and its seam; temporal error and frames' order."""

import cv2
import numpy as np
import pytest
from scipy import ndimage
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from faceswap_lab.metrics import fidelity
from faceswap_lab.metrics.baselines import blurred_truth, shifted_truth, tint
from faceswap_lab.metrics.catalogue import value_of
from faceswap_lab.metrics.clips import face_width
from faceswap_lab.metrics.frame_samples import measure_clips
from faceswap_lab.metrics.temporal import TemporalError, change_error


@pytest.fixture(scope="module")
def clip(actor_frames):
    truth, points = actor_frames("truth", 10)
    return truth, actor_frames("target", 10)[0], points


@pytest.fixture(scope="module")
def found(clip):
    """Scores and tables of some outputs, and of all of them in another order of frames."""
    truth, target, points = clip
    outputs = {
        "unchanged": target,
        "tint": [tint(*pair) for pair in zip(target, truth, strict=True)],
        "blurred": [blurred_truth(frame) for frame in truth],
        "shifted": [shifted_truth(frame) for frame in truth],
        "half": [cv2.addWeighted(*both) for both in ((a, 0.5, b, 0.5, 0) for a, b in zip(truth, target, strict=True))],
        "truth": truth,
        "shuffled_output": truth[[3, 0, 4, 1, 5, 2]],
    }

    def run(order):
        picked = {name: [frames[i] for i in order] for name, frames in outputs.items()}
        return measure_clips(
            picked, target[order], points[order], lambda name: [fidelity.Fidelity(), TemporalError()], truth[order],
            finder=lambda *both: None,
        )  # fmt: skip

    return run(np.arange(6)), run(np.array([3, 0, 4, 1, 5, 2]))


def values(found, name):
    return value_of(*found[name])


def test_maps_are_scikit_images(clip):
    truth, target, _ = clip
    first, second = (frame.astype(np.float64) / 255 for frame in (truth[0], target[0]))
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1, "full": True}
    wanted = structural_similarity(first, second, channel_axis=2, **options)[1]
    assert np.abs(fidelity.ssim_maps(first, second)[0] - wanted).max() < 1e-4
    wanted = structural_similarity(first[..., 0], second[..., 0], **options)[1]
    assert np.abs(fidelity.ssim_maps(first[..., 0], second[..., 0])[0] - wanted).max() < 1e-4


def test_psnr_is_scikit_images(clip):
    truth, target, _ = clip
    first, second = (frame.astype(np.float64) / 255 for frame in (truth[0], target[0]))
    ours = fidelity.psnr(np.square(first - second).sum(), first.size)
    assert ours == pytest.approx(peak_signal_noise_ratio(first, second, data_range=1))
    assert fidelity.psnr(0.0, 9) == fidelity.PSNR_LIMIT and np.isnan(fidelity.psnr(0.0, 0))


def test_the_region_gets_the_whole_pictures_map(clip):
    """Cutting a window out changes no number: against scikit-image over the whole frame, meaned inside region and band."""
    truth, target, points = clip
    width = face_width(points)
    region = fidelity.changed_region(truth[0], target[0], width)
    band = fidelity.seam_band(region, width)
    ours = fidelity.compare_regions(target[0], truth[0], region, band)
    pictures = [frame.astype(np.float64) / 255 for frame in (target[0], truth[0])]
    grey = [picture @ [0.299, 0.587, 0.114] for picture in pictures]
    wanted = structural_similarity(
        *grey, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1, full=True
    )[1]
    assert ours["ssim"] == pytest.approx(wanted[region].mean(), abs=1e-4)
    assert ours["seam_ssim"] == pytest.approx(wanted[band].mean(), abs=1e-4)
    squared = np.square(pictures[0] - pictures[1])
    assert ours["squared"] / ours["numbers"] == pytest.approx(squared[region].mean())


def test_ms_ssim_in_scipys_words(clip):
    truth, target, _ = clip
    grey = [frame[..., 1].astype(np.float64) / 255 for frame in (truth[0], blurred_truth(target[0], 2))]
    mask = np.zeros((256, 256))
    mask[60:200, 70:180] = 1
    x, y, weight, wanted = *grey, mask, 1.0
    powers = np.array([0.0448, 0.2856, 0.3001]) / 0.6305
    for scale, power in enumerate(powers):
        mean = [ndimage.gaussian_filter(part, 1.5, truncate=3.5) for part in (x, y)]
        xx, yy, xy = (ndimage.gaussian_filter(part, 1.5, truncate=3.5) for part in (x * x, y * y, x * y))
        seen = (2 * (xy - mean[0] * mean[1]) + 9e-4) / (xx + yy - mean[0] ** 2 - mean[1] ** 2 + 9e-4)
        if scale == 2:
            seen = seen * (2 * mean[0] * mean[1] + 1e-4) / (mean[0] ** 2 + mean[1] ** 2 + 1e-4)
        wanted *= ((seen * weight).sum() / weight.sum()) ** power
        x, y, weight = (part.reshape(len(part) // 2, 2, -1, 2).mean(axis=(1, 3)) for part in (x, y, weight))
    assert fidelity.ms_ssim(*grey, mask, 3) == pytest.approx(wanted, abs=1e-6)
    assert np.isnan(fidelity.ms_ssim(*grey, mask * 0)) and fidelity.ms_ssim(grey[0], grey[0]) == pytest.approx(1)
    assert fidelity.ms_ssim(grey[0], 1 - grey[0]) == 0  # structure that runs backwards


def test_scales_follow_the_faces_size():
    assert [fidelity.scales_for(width) for width in (0, 20, 40, 100, 153, 300, 2000)] == [1, 1, 2, 3, 4, 5, 5]


def test_the_region_is_one_piece_and_the_band_lies_on_its_rim():
    target = np.full((200, 200, 3), 100, np.uint8)
    truth, (y, x) = target.copy(), np.mgrid[:200, :200]
    disc = np.hypot(x - 100, y - 100) < 50
    truth[disc] = 160
    truth[98:102, 98:102] = 100  # a hole
    truth[100, :80] = 100  # a crack
    truth[10, 10] = 255  # speckle
    region = fidelity.changed_region(truth, target, 100)
    assert ndimage.label(region)[1] == 1 and (region != disc).mean() < 0.005
    band = fidelity.seam_band(region, 100)
    distance = np.abs(np.hypot(x - 100, y - 100) - 50)
    assert distance[band].max() < 5 and band[distance < 2].all()
    assert not fidelity.changed_region(target, target, 100).any()


def test_the_truth_is_best_and_the_ladder_is_in_order(found):
    seen = {name: values(found[0], name) for name in found[0]}
    for score in fidelity.Fidelity.SCORES:
        best = max(seen, key=lambda name, score=score: seen[name][score.name])
        assert best == "truth" and seen["truth"][score.name] == pytest.approx(min(score.limits[1], 100)), score.name
        for name in ("shifted", "half") + (
            () if score.name == "seam_ssim" else ("blurred",)
        ):  # a blur wipes hair out there
            assert seen["unchanged"][score.name] < seen[name][score.name] < seen["truth"][score.name], (
                name,
                score.name,
            )
    assert 20 < seen["shifted"]["psnr"] < 40 and 0.6 < seen["shifted"]["ssim"] < 0.95  # two pixels are seen
    assert seen["tint"]["psnr"] > seen["unchanged"]["psnr"] + 1  # a tint alone helps PSNR, as it does pixel_gain
    assert seen["tint"]["ssim"] - seen["unchanged"]["ssim"] < 0.25 * (1 - seen["unchanged"]["ssim"])


def test_psnr_comes_from_the_clips_mean_squared_error(found, clip):
    truth, target, points = clip
    table = found[0]["unchanged"][1]
    region = np.array([fidelity.changed_region(*pair, face_width(points)) for pair in zip(truth, target, strict=True)])
    wanted = peak_signal_noise_ratio(truth[region], target[region], data_range=255)
    assert values(found[0], "unchanged")["psnr"] == pytest.approx(wanted)
    assert table["psnr"].mean() > wanted  # the mean of decibels flatters
    for name in ("psnr", "ssim", "ms_ssim", "seam_ssim"):  # the unchanged target stands beside every output
        np.testing.assert_allclose(found[0]["blurred"][1][f"{name}_target"], table[name])


def test_only_temporal_error_minds_the_order(found):
    for name in ("unchanged", "tint", "blurred", "truth"):
        before, after = (values(one, name) for one in found)
        for score in fidelity.Fidelity.SCORES:
            assert after[score.name] == pytest.approx(before[score.name]), (name, score.name)
    assert values(found[0], "blurred")["temporal_error"] != pytest.approx(
        values(found[1], "blurred")["temporal_error"], rel=1e-3
    )


def test_temporal_error_has_its_ends_and_sees_shuffled_frames(found):
    seen = {name: values(found[0], name)["temporal_error"] for name in found[0]}
    assert seen["truth"] == 0 and seen["unchanged"] == 1 and seen["half"] == pytest.approx(0.5, abs=0.03)
    assert seen["shuffled_output"] > 1 > seen["shifted"] > 0
    table = found[0]["truth"][1]
    assert np.isnan(table["temporal_error"][0]) and table["temporal_error"][1:].eq(0).all()


def test_change_error_is_the_difference_of_two_changes():
    frames = [np.full((4, 5, 3), value, np.uint8) for value in (10, 30, 100, 90)]
    region = np.zeros((4, 5), bool)
    region[1, 1:3] = True
    assert change_error(*frames, region) == 2 * (20 + 10)


def test_clips_without_a_difference_give_no_number(clip):
    truth, _, points = (part[:2] for part in clip)
    found = measure_clips(
        {"same": truth}, truth, points, lambda name: [fidelity.Fidelity(), TemporalError()], truth, lambda *both: None
    )
    assert all(np.isnan(value) for value in value_of(*found["same"]).values())
    black = np.zeros_like(truth)
    found = measure_clips(
        {"black": black}, black, points, lambda name: [fidelity.Fidelity()], truth, lambda *both: None
    )
    assert 0 < value_of(*found["black"])["psnr"] < 30
