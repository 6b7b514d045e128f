"""Seamless cloning that can be kept steady over time: only a small, smooth field of colour changes wanders, and it is known.

P. Perez, M. Gangnet, A. Blake, "Poisson image editing", SIGGRAPH 2003: a face whose gradients are kept and whose colours
meet the frame's along the rim of a region is the face plus a membrane, the smoothest field that takes, along the rim, the
difference between frame and face. The usual solver works in the frame, on whole pixels: there the rim is one pixel wide, it
lies elsewhere in each frame, and whatever it runs over (a hair, a shadow) tints the whole face. That is the flicker which
this method is known for.

Here the membrane is solved for in the aligned square, where the face stands still, on a coarse grid, and its rim is a soft
band whose weight changes as gradually as the mask does. It comes out as a small array, which a video averages over
neighbouring frames before it is added to the face.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from faceswap_lab.swap import masks

GRID = 32  # the field's side: a cell is as wide as the mask's soft edge
_INSET = 5.0  # per cent of the side, to stay clear of hair and background
_SOFTNESS = 2.0  # per cent of the side: standard deviation of the band's blur
_STIFFNESS = 4.0  # how firmly the membrane is held by the rim, against its own smoothness
_OUTLIER = 0.08  # of [0, 1]: rim colours that differ by so much from the commonest difference count half
_LEAST_ALPHA = 0.02  # a face fainter than this is not worth cloning


def colour_change(
    face: np.ndarray, target: np.ndarray, alpha: np.ndarray, inside: np.ndarray | None = None
) -> np.ndarray | None:
    """The membrane: by how much the face's colours must change so that they meet the target's along the mask's rim.

    Args:
        face, target: (S, S, 3) float32 RGB [0, 1], aligned alike.
        alpha: (S, S) float32 [0, 1], the mask; its rim, drawn in by 5 % of the side, is where the two must meet.
        inside: (S, S) float32 [0, 1], what of the square lies in the frame; elsewhere the target is not known.

    Returns:
        (32, 32, 3) float32, to be added by `changed`; None where the mask is (nearly) empty.
    """
    if alpha.max() <= _LEAST_ALPHA:
        return None
    whole = masks.erode(np.clip(alpha / alpha.max(), 0, 1), _INSET)
    whole = whole if whole.max() > 0.5 else np.clip(alpha / alpha.max(), 0, 1)
    soft = masks.blur(whole, _SOFTNESS)
    rim = 4 * soft * (1 - soft) * (1 if inside is None else inside)
    difference = np.asarray(target, np.float32) - face
    weights = _coarse(rim)
    if weights.sum() < 1e-3:
        return None
    differences = _coarse(difference * rim[..., None]) / np.maximum(weights, 1e-6)[..., None]
    weights = weights * _typical(differences, weights)
    system = _smoothness() + sparse.diags(_STIFFNESS * weights.ravel() + 1e-9)
    pull = (_STIFFNESS * weights[..., None] + 1e-9) * differences
    solver = splu(system.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0, options={"SymmetricMode": True})
    field = solver.solve(pull.reshape(-1, 3))
    return field.reshape(GRID, GRID, 3).astype(np.float32)


def changed(face: np.ndarray, change: np.ndarray | None) -> np.ndarray:
    """A face with its colours changed by a field: (S, S, 3) float32 RGB [0, 1].

    Args:
        face: (S, S, 3) float32 RGB [0, 1].
        change: (G, G, 3) float32 from `colour_change`, or an average of such; None changes nothing.
    """
    if change is None:
        return np.asarray(face, np.float32)
    size = face.shape[0]
    way = cv2.INTER_CUBIC if size > change.shape[0] else cv2.INTER_AREA
    return np.clip(face + cv2.resize(np.asarray(change, np.float32), (size, size), interpolation=way), 0, 1)


def _coarse(values: np.ndarray) -> np.ndarray:
    size = max(GRID, values.shape[0] // GRID * GRID)
    if values.shape[0] != size:
        values = cv2.resize(values, (size, size), interpolation=cv2.INTER_LINEAR)
    return cv2.resize(values, (GRID, GRID), interpolation=cv2.INTER_AREA).astype(np.float64)


def _typical(differences: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """How far each cell of the rim is to be trusted, (G, G) in (0, 1]: what differs from the rest is hair or background."""
    known = weights > 0.05 * weights.max()
    apart = differences - np.median(differences[known], axis=0)
    return 1 / (1 + np.square(apart / _OUTLIER).mean(axis=-1))


@lru_cache(maxsize=1)
def _smoothness() -> sparse.csc_matrix:
    """The sum of squared differences between neighbouring cells, as a matrix over the grid; nothing is held at its border."""
    line = sparse.diags([-np.ones(GRID - 1), np.ones(GRID - 1)], [0, 1], shape=(GRID - 1, GRID))
    line, whole = line.T @ line, sparse.identity(GRID)
    return (sparse.kron(whole, line) + sparse.kron(line, whole)).tocsc()
