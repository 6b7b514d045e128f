"""AUC on known data, its interval, thresholds, and the arithmetic of rare swaps."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from faceswap_lab.base.errors import LabError
from faceswap_lab.studies.detection import error_rates


def test_the_area_is_scikit_learns_and_counts_ties_half():
    random = np.random.default_rng(0)
    real, swap = random.integers(0, 6, 70).astype(float), random.integers(1, 7, 70).astype(float)
    wanted = roc_auc_score(np.repeat([0, 1], 70), np.concatenate([real, swap]))
    assert error_rates.auc(real, swap).value == pytest.approx(wanted, abs=1e-12)
    assert error_rates.auc(real, real).value == 0.5


def test_what_parts_nothing_all_or_the_wrong_way_round():
    real = np.arange(20.0)
    assert error_rates.auc(real, real + 100).value == 1.0
    assert error_rates.auc(real, real - 100).value == 0.0


def test_a_face_without_a_number_counts_in_neither_class():
    real, swap = np.array([0.0, np.nan, 2, 3, 4]), np.array([5.0, 6, np.nan, 7, 1])
    assert error_rates.auc(real, swap).value == pytest.approx(13 / 16)


def test_the_interval_holds_the_true_area_nine_times_in_ten_though_moments_remember():
    random, held, widths = np.random.default_rng(1), 0, []
    for trial in range(60):
        steps = random.normal(size=(2, 96))
        for moment in range(1, 96):  # each remembers 0.7 of the one before
            steps[:, moment] = 0.7 * steps[:, moment - 1] + np.sqrt(1 - 0.49) * steps[:, moment]
        found = error_rates.auc(steps[0], steps[1] + 1.0, resamples=400, seed=trial)
        held += found.low <= 0.760 <= found.high  # Phi(1 / sqrt(2))
        widths.append(found.high - found.low)
    assert held >= 50
    assert 0.15 < np.mean(widths) < 0.5


def test_one_class_or_unequal_moments_are_refused():
    with pytest.raises(LabError, match="swap: no face has a number"):
        error_rates.auc(np.arange(4.0), np.full(4, np.nan))
    with pytest.raises(LabError, match="one number a moment"):
        error_rates.auc(np.arange(4.0), np.arange(5.0))


def test_a_threshold_lets_the_chosen_share_of_real_faces_pass_as_alarms():
    real = np.append(np.arange(200.0), np.nan)
    limit = error_rates.threshold(real, 0.05)
    assert (real[:200] > limit).mean() == pytest.approx(0.05)
    for share, numbers in ((0.0, real), (0.05, np.array([np.nan]))):
        with pytest.raises(LabError, match="false_alarms"):
            error_rates.threshold(numbers, share)


def test_most_alarms_are_false_where_swaps_are_rare():
    found = error_rates.alarms(0.01, 0.9, 0.1, videos=10_000)
    assert (found.caught, found.missed, found.false) == pytest.approx((90, 10, 990))
    assert found.false_share == pytest.approx(990 / 1080)
    assert error_rates.alarms(0.5, 0.9, 0.1).false_share == pytest.approx(0.1)
    assert np.isnan(error_rates.alarms(0.0, 0.9, 0.0).false_share)
    with pytest.raises(LabError, match="prevalence=1.2"):
        error_rates.alarms(1.2, 0.9, 0.1)


def test_an_area_becomes_a_sensitivity_under_the_binormal_model():
    random = np.random.default_rng(2)
    real, swap = random.normal(size=200_000), random.normal(1.8124, size=200_000)  # sqrt(2) z(0.9)
    limit = np.quantile(real, 0.95)
    assert error_rates.sensitivity_at(0.9, 0.05) == pytest.approx((swap > limit).mean(), abs=0.005)
    assert error_rates.sensitivity_at(0.5, 0.05) == pytest.approx(0.05)
    with pytest.raises(LabError, match="area=1"):
        error_rates.sensitivity_at(1, 0.05)
