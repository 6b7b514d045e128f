"""Frequency statistics: how much of each fineness a face has, and a linear classifier on top.

- R. Durall, M. Keuper, J. Keuper, "Watch your up-convolution: CNN based generative deep neural networks are failing to reproduce
  spectral distributions", CVPR 2020 (arXiv:2003.01826): the azimuthally averaged power spectrum.
- J. Frank et al., "Leveraging frequency analysis for deep fake image recognition", ICML 2020 (arXiv:2003.08685).

A network that generates 64 pixels cannot generate what is finer than two of them, and what enlarges its picture leaves a slope of
its own. So does everything else that enlarges or smooths: a coder, a small video, a poor lens.
"""

from __future__ import annotations

import functools
import warnings

import numpy as np

from faceswap_lab.base.errors import LabError
from faceswap_lab.metrics.contrast import GREY
from faceswap_lab.studies.detection.data_set import Crops

FLOOR = 1e-3  # of a level squared: below the rounding of 8 bits, so that an empty ring has a logarithm
LEAST = 4  # faces of each class


def radial_spectrum(faces: np.ndarray) -> np.ndarray:
    """The azimuthally averaged power spectrum of grey pictures, in decibels.

    Args:
        faces: (N, S, S, 3) uint8 RGB.

    Returns:
        (N, S // 2 - 1) float64: mean power of the waves with k = 1 ... S/2 - 1 (rounded) periods across the picture, 10 log10 of
        levels squared. The mean brightness is out; a Hann window keeps the picture's borders from counting as edges.

    Raises:
        LabError: for anything but square colour pictures.
    """
    faces = np.asarray(faces)
    if faces.ndim != 4 or faces.shape[1] != faces.shape[2] or faces.shape[3] != 3 or not len(faces):
        raise LabError(f"faces: the shape is {faces.shape}. Give square colour pictures, (N, S, S, 3).")
    side = faces.shape[1]
    window, rings = _window(side), _rings(side)
    count = np.bincount(rings.ravel())[1 : side // 2]
    found = np.empty((len(faces), side // 2 - 1))
    for row, face in enumerate(faces):
        grey = face @ GREY
        power = np.square(np.abs(np.fft.fft2((grey - grey.mean()) * window))) / np.square(window).sum()
        found[row] = np.bincount(rings.ravel(), power.ravel())[1 : side // 2] / count
    return 10 * np.log10(np.maximum(found, FLOOR))


@functools.lru_cache(maxsize=4)
def _window(side: int) -> np.ndarray:
    return np.outer(np.hanning(side), np.hanning(side))


@functools.lru_cache(maxsize=4)
def _rings(side: int) -> np.ndarray:
    waves = np.fft.fftfreq(side, 1 / side)
    return np.rint(np.hypot(waves[:, None], waves[None])).astype(int)


class SpectrumDetector:
    """A linear classifier over spectra: scaled, then logistic regression.

    Args:
        regularization: scikit-learn's C; small, since there are more rings than independent moments.
    """

    name = "spectrum"

    def __init__(self, regularization: float = 0.01):
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        self.pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=regularization, max_iter=1000))

    def fit(self, real: Crops, swapped: Crops) -> SpectrumDetector:
        """Learns from faces of both classes.

        Raises:
            LabError: when there are fewer than four of either.
            ConvergenceWarning: of scikit-learn's, when the fit did not end; no other warning stops it.
        """
        from sklearn.exceptions import ConvergenceWarning

        check_classes(real.faces, swapped.faces, LEAST)
        rows = np.concatenate([radial_spectrum(one.faces) for one in (real, swapped)])
        with warnings.catch_warnings():
            warnings.simplefilter("error", ConvergenceWarning)  # a fit that does not converge is no result
            self.pipeline.fit(rows, np.repeat([0, 1], [len(real), len(swapped)]))
        return self

    @property
    def weights(self) -> np.ndarray:
        """(rings,) what each ring says for a swap, a deviation of it."""
        return self.pipeline[-1].coef_[0]

    def __call__(self, crops: Crops) -> np.ndarray:
        """(T,) larger: more likely swapped. In logits of the classes that it was trained on."""
        return self.pipeline.decision_function(radial_spectrum(crops.faces))


def check_classes(real: np.ndarray, swapped: np.ndarray, least: int) -> None:
    """Refuses, by a `LabError`, to train on a class that is missing or too small."""
    for name, faces in (("real", real), ("swapped", swapped)):
        if len(faces) < least:
            raise LabError(
                f"{name} faces: {len(faces)} to learn from, and {least} are needed. A detector learns from both classes: give more."
            )
