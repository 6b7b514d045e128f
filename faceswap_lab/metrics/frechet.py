"""Do the swapped faces, as a set, look like the source's real faces? Frechet and kernel distance on recognition features.

Both compare two clouds of features, with no pairing. `frechet_distance` fits a gaussian to each; it is **biased**: two halves
of one set have a distance that grows as they shrink. `kernel_distance` is unbiased, and noisy. With the features of an
Inception network they are known as FID and KID; with a face network's, as here, they are neither, and no paper's numbers can
be compared. Measured on train_B against itself, N faces a side, ten draws (mean, and spread in brackets):

    N                        20              40              80              160             252        A against B, 252
    Frechet, dlib, 128 0.070 (0.007)   0.046 (0.004)   0.024 (0.002)   0.011 (0.001)   0.007 (0.001)        0.30
    Frechet, FaceRes    16.6 (1.8)      10.2 (1.0)       6.3 (0.5)       3.5 (0.3)       2.4 (0.1)          51
    kernel, dlib, 1e-3 -0.03 (0.05)     0.01 (0.03)     0.00 (0.02)     0.00 (0.01)     0.00 (0.004)        6.1

So: compare Frechet distances only between sets of one size, and trust them above `ENOUGH` faces for each number of the feature
(FaceRes has 1024); below, read the kernel distance. **Neither is a judgement of the swap alone.** The source's pictures are
of another clip, with other light and poses: on talk_A, against train_B, the truth has a Frechet distance of 0.055 and a kernel
distance of 0.5e-3, and B's own real clip talk_B 0.069 and 0.8e-3. Nothing below that is to be had, and a video's frames are not
independent: the errors given here are too small for them.

M. Heusel et al., "GANs trained by a two time-scale update rule converge to a local Nash equilibrium", NeurIPS 2017.
M. Binkowski et al., "Demystifying MMD GANs", ICLR 2018.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.linalg

from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import english
from faceswap_lab.metrics.catalogue import Score
from faceswap_lab.metrics.frame_samples import FrameSample
from faceswap_lab.metrics.recognition_features import Embedding, Recogniser
from faceswap_lab.metrics.weighting import without_interval

ENOUGH = 2  # faces for each number of the feature, in either set, from which a covariance is worth comparing
SUBSETS, SUBSET_SIZE = 50, 50  # of the kernel distance's standard error


@dataclass(frozen=True)
class SetDistance:
    """How far two sets of faces are apart.

    Args:
        frechet: the Frechet distance on these features, 0 or more.
        frechet_floor: what two halves of the *reference* set have, each of the smaller set's size where it has so many: nothing
            below it means anything. NaN where the reference has too few.
        frechet_trusted: whether both sets are large enough for the feature, see `ENOUGH`.
        kernel, kernel_error: the kernel distance, which may fall below 0, and its standard error over subsets (frames taken as
            independent).
        faces: number of faces of both sets.
    """

    frechet: float
    frechet_floor: float
    frechet_trusted: bool
    kernel: float
    kernel_error: float
    faces: tuple[int, int]

    @property
    def note(self) -> str:
        """What to keep in mind, for a reader of the number; "" where nothing."""
        if self.frechet_trusted:
            return ""
        note = english(
            "The Frechet distance of {faces} and {others} faces is biased upwards: compare it only with sets of the same size, and "
            "read the kernel distance beside it.",
            faces=self.faces[0], others=self.faces[1],
        )  # fmt: skip
        if np.isnan(self.frechet_floor):
            return note
        return f"{note} {english('Two halves of the source have {floor:.3g}.', floor=self.frechet_floor)}"


def _faces(name: str, features: np.ndarray, least: int = 2) -> np.ndarray:
    features = np.asarray(features, np.float64)
    if features.ndim != 2:
        raise LabError(
            f"{name}: the shape is {features.shape}. Give one row of features a face, shape (faces, numbers)."
        )
    features = features[np.isfinite(features).all(axis=1)]
    if len(features) < least:
        raise LabError(f"{name}: {len(features)} faces are too few for a distance between sets. Give {least} or more.")
    return features


def _two_sets(some: np.ndarray, reference: np.ndarray, least: int = 2) -> tuple[np.ndarray, np.ndarray]:
    some, reference = _faces("faces", some, least), _faces("reference", reference, least)
    if some.shape[1] != reference.shape[1]:
        raise LabError(
            f"faces: {some.shape[1]} numbers a face, the reference has {reference.shape[1]}. Use one network."
        )
    return some, reference


def gaussian_distance(mean: np.ndarray, covariance: np.ndarray, mean_b: np.ndarray, covariance_b: np.ndarray) -> float:
    """The squared Frechet distance of two gaussians: |m - m'|^2 + tr(C + C' - 2 (C C')^(1/2)).

    D. Dowson, B. Landau, "The Frechet distance between multivariate normal distributions", 1982.

    Args:
        mean, mean_b: (D,). covariance, covariance_b: (D, D), symmetric, no eigenvalue below 0; singular ones will do.

    Returns:
        0 or more.
    """
    apart = np.asarray(mean, np.float64) - mean_b
    # tr (C C')^(1/2) is the sum of the singular values of C^(1/2) C'^(1/2), which stays real where C C' is singular.
    values = scipy.linalg.svdvals(_root(covariance) @ _root(covariance_b))
    return float(max(apart @ apart + np.trace(covariance) + np.trace(covariance_b) - 2 * values.sum(), 0.0))


def _root(covariance: np.ndarray) -> np.ndarray:
    values, vectors = scipy.linalg.eigh(np.atleast_2d(covariance))
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def frechet_distance(faces: np.ndarray, reference: np.ndarray) -> float:
    """The Frechet distance between gaussians fitted to two sets of features. Biased upwards, see above.

    Args:
        faces, reference: (N, D), (M, D), from `features.features`; rows with NaN are left out.

    Returns:
        0 or more, in the squared unit of the features.

    Raises:
        LabError: for fewer than two faces, or features of unequal length.
    """
    faces, reference = _two_sets(faces, reference)
    apart = faces.mean(axis=0) - reference.mean(axis=0)
    # Of covariances X'X and Y'Y, tr (C C')^(1/2) is the sum of the singular values of X Y': exact, and quick for few faces.
    x, y = ((one - one.mean(axis=0)) / np.sqrt(len(one) - 1) for one in (faces, reference))
    values = scipy.linalg.svdvals(x @ y.T)
    return float(max(apart @ apart + np.square(x).sum() + np.square(y).sum() - 2 * values.sum(), 0.0))


def _kernel(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    return (some @ others.T / some.shape[1] + 1) ** 3


def _unbiased(faces: np.ndarray, reference: np.ndarray) -> float:
    own, theirs = _kernel(faces, faces), _kernel(reference, reference)
    n, m = len(faces), len(reference)
    within = (own.sum() - np.trace(own)) / (n * (n - 1)) + (theirs.sum() - np.trace(theirs)) / (m * (m - 1))
    return float(within - 2 * _kernel(faces, reference).mean())


def kernel_distance(
    faces: np.ndarray, reference: np.ndarray, subsets: int = SUBSETS, subset_size: int = SUBSET_SIZE, seed: int = 0
) -> tuple[float, float]:
    """The squared maximum mean discrepancy of two sets, kernel (x y / D + 1)^3, its unbiased estimate.

    Args:
        faces, reference: as in `frechet_distance`.
        subsets, subset_size: for the error: so many draws of so many faces of both sets, or of half of the smaller one.
        seed: of the draws.

    Returns:
        The estimate over all faces, 0 on average for two sets of one kind (so that it may fall below 0), and its standard
        error: the spread over the subsets, its square scaled by 1 / size to the smaller set. Repeated draws of train_A and
        train_B agree with it within two fifths; for two sets that are alike it is up to three times too large.

    Raises:
        LabError: for fewer than four faces, or features of unequal length.
    """
    faces, reference = _two_sets(faces, reference, 4)
    least = min(len(faces), len(reference))
    size = max(2, min(subset_size, least // 2))
    random = np.random.default_rng(seed)
    found = [
        _unbiased(faces[random.permutation(len(faces))[:size]], reference[random.permutation(len(reference))[:size]])
        for _ in range(subsets)
    ]
    return _unbiased(faces, reference), float(np.std(found, ddof=1) * np.sqrt(size / least))


def set_distance(faces: np.ndarray, reference: np.ndarray) -> SetDistance:
    """Both distances of swapped faces to the source's real ones, with what is known of their errors.

    Args:
        faces: (N, D) of the swapped faces. reference: (M, D) of the source's, as many and as varied as there are.

    Raises:
        LabError: for fewer than four faces, or features of unequal length.
    """
    faces, reference = _two_sets(faces, reference, 4)
    half = min(len(faces), len(reference) // 2)
    order = np.random.default_rng(0).permutation(len(reference))
    floor = frechet_distance(reference[order[:half]], reference[order[half : 2 * half]]) if half >= 2 else float("nan")
    trusted = min(len(faces), len(reference)) >= ENOUGH * faces.shape[1]
    kernel, error = kernel_distance(faces, reference)
    return SetDistance(
        frechet_distance(faces, reference), floor, trusted, kernel, error, (len(faces), len(reference))
    )  # fmt: skip


def _not_of_rows(table: pd.DataFrame) -> float:
    return float("nan")  # two sets are compared, no rows: see `SetDistances.whole`


class SetDistances:
    """Both distances of an output's faces to the source's real ones, by the evaluation network: a measure of the whole set.

    Args:
        reference: (M, 128) the evaluation network's numbers of the source's faces, many and varied.
        recogniser: shared by the measures of a pass; None makes one.
    """

    SCORES = (
        Score("frechet_dlib", "Frechet distance", "Between the swapped faces and the source's own, as two clouds of what "
              "dlib sees (so it is no FID, whose network is Inception): 0 is the same cloud. Biased upwards for few faces: compare "
              "only sets of one size. 0.06 for the bundled actors' truth (other light than the source's pictures), 0.33 for the "
              "unchanged target.", "lower", (0, np.inf),
              without_interval(_not_of_rows), needs=("source",),
              paper="Heusel et al., GANs trained by a two time-scale update rule, NeurIPS 2017"),
        Score("kernel_dlib", "kernel distance, x 1000", "The same by a kernel, without that bias and noisier: 0 is the same "
              "cloud, and chance may put it below. 0.5 for the bundled actors' truth, 6 for the unchanged target. Its interval "
              "takes frames as independent, which a video's are not: it is too narrow.", "lower", (-np.inf, np.inf),
              without_interval(_not_of_rows), needs=("source",), paper="Binkowski et al., Demystifying MMD GANs, ICLR 2018"),
    )  # fmt: skip

    def __init__(self, reference: np.ndarray, recogniser: Recogniser | None = None):
        self.scores, self.recogniser, self.reference = self.SCORES, recogniser or Recogniser(), reference
        self._embeddings: list[Embedding | None] = []

    def add(self, sample: FrameSample) -> None:
        """Looks at a sample."""
        self._embeddings.append(self.recogniser.ask(sample.output))

    def table(self) -> pd.DataFrame:
        """One row a sample, and no column."""
        return pd.DataFrame(index=range(len(self._embeddings)))

    def whole(self) -> tuple[dict[str, tuple[float, float]], str]:
        """What the set as one gives: each score with its standard error (NaN where none is known), and what to keep in mind."""
        faces = [one.numbers for one in self._embeddings if one is not None]
        reference = self.reference[np.isfinite(self.reference).all(axis=1)]
        if min(len(faces), len(reference)) < 4:
            return {}, ""
        found = set_distance(np.stack(faces), reference)
        numbers = {
            "frechet_dlib": (found.frechet, np.nan),
            "kernel_dlib": (1000 * found.kernel, 1000 * found.kernel_error),
        }
        return numbers, found.note
