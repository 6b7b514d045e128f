"""Distances of sets of faces: against closed forms, independent computations, and their known bias."""

import itertools

import numpy as np
import pytest
import scipy.linalg

from faceswap_lab.base.errors import LabError
from faceswap_lab.metrics.frechet import frechet_distance, gaussian_distance, kernel_distance, set_distance


@pytest.fixture
def random():
    return np.random.default_rng(5)


def test_gaussians_of_one_covariance_are_as_far_apart_as_their_means():
    covariance = np.array([[2.0, 0.5], [0.5, 1.0]])
    assert gaussian_distance([0, 0], covariance, [3, 4], covariance) == pytest.approx(25)


def test_gaussians_with_diagonal_covariances_by_hand():
    """(1-2)^2 + (3-3)^2 + (sqrt 4 - sqrt 1)^2 + (sqrt 9 - sqrt 25)^2 = 1 + 1 + 4."""
    assert gaussian_distance([1, 3], np.diag([4.0, 9]), [2, 3], np.diag([1.0, 25])) == pytest.approx(6)


def test_a_flat_gaussian_is_no_trouble():
    assert gaussian_distance([0, 0], np.diag([4.0, 0]), [0, 0], np.diag([0.0, 9])) == pytest.approx(13)


def test_frechet_distance_is_that_of_scipys_matrix_root(random):
    some, others = random.normal(size=(200, 6)) @ random.normal(size=(6, 6)), random.normal(1, 2, (90, 6))
    covariances = np.cov(some.T), np.cov(others.T)
    root = scipy.linalg.sqrtm(covariances[0] @ covariances[1]).real
    wanted = np.square(some.mean(0) - others.mean(0)).sum() + np.trace(covariances[0] + covariances[1] - 2 * root)
    assert frechet_distance(some, others) == pytest.approx(wanted, rel=1e-8)
    fits = [(one.mean(axis=0), np.cov(one.T)) for one in (some, others)]
    assert gaussian_distance(*fits[0], *fits[1]) == pytest.approx(wanted, rel=1e-8)


def test_fewer_faces_than_numbers_still_give_a_distance(random):
    some, others = random.normal(size=(8, 30)), random.normal(size=(5, 30))
    fits = [(one.mean(axis=0), np.cov(one.T)) for one in (some, others)]
    assert frechet_distance(some, others) == pytest.approx(gaussian_distance(*fits[0], *fits[1]), rel=1e-6)
    assert frechet_distance(some, some) == pytest.approx(0, abs=1e-9)


def test_frechet_is_biased_and_the_kernel_distance_is_not(random):
    """Two sets of one kind: the Frechet distance shrinks as the sets grow, the kernel distance is 0 on average at any size."""
    means = {}
    for size in (20, 80):
        pairs = [random.normal(size=(2, size, 16)) for _ in range(30)]
        kernels = [kernel_distance(*pair, subsets=2)[0] for pair in pairs]
        means[size] = np.mean([frechet_distance(*pair) for pair in pairs])
        assert abs(np.mean(kernels)) < 3 * np.std(kernels) / np.sqrt(30)
    assert means[20] > 3 * means[80] > 0


def test_kernel_distance_by_hand(random):
    some, others = random.normal(size=(4, 3)), random.normal(0.5, 1, (5, 3))

    def kernel(a, b):
        return (sum(x * y for x, y in zip(a, b, strict=True)) / 3 + 1) ** 3

    def within(one):
        return np.mean([kernel(a, b) for a, b in itertools.permutations(one, 2)])

    between = np.mean([kernel(a, b) for a in some for b in others])
    assert kernel_distance(some, others)[0] == pytest.approx(within(some) + within(others) - 2 * between)


def test_the_standard_error_is_that_of_repeated_draws(random):
    found = [kernel_distance(random.normal(size=(60, 8)), random.normal(0.7, 1, (60, 8)), seed=i) for i in range(40)]
    spread = np.std([value for value, _ in found])
    assert 0.6 < np.mean([error for _, error in found]) / spread < 1.6


def test_a_set_distance_says_what_it_is_worth(random):
    small = set_distance(random.normal(size=(20, 32)), random.normal(size=(40, 32)))
    assert not small.frechet_trusted and "biased" in small.note and small.faces == (20, 40)
    assert small.frechet == pytest.approx(small.frechet_floor, rel=0.5), "of one kind: no further than its own floor"
    large = set_distance(random.normal(1, 1, (300, 8)), random.normal(size=(300, 8)))
    assert large.frechet_trusted and large.note == "" and large.frechet > 10 * large.frechet_floor
    assert large.kernel > 5 * large.kernel_error > 0


def test_frames_without_a_face_are_left_out_and_too_few_refused(random):
    some, others = random.normal(size=(20, 4)), random.normal(size=(30, 4))
    holes = np.concatenate([some, np.full((5, 4), np.nan)])
    assert frechet_distance(holes, others) == frechet_distance(some, others)
    for bad, words in (
        (np.full((9, 4), np.nan), "faces: 0 faces are too few"),
        (some[:1], "faces: 1 faces are too few"),
        (some[:, :3], "3 numbers a face, the reference has 4"),
        (some[0], r"faces: the shape is \(4,\)"),
    ):
        with pytest.raises(LabError, match=words):
            set_distance(bad, others)
