"""Smoothing over time: a face that trembles by half a pixel gives a swap away more surely than any seam.

The whole clip is known before it is converted, so the filter looks backwards and forwards alike and lags by nothing.
A stream has no later frames: with `live` only earlier ones count. No filter looks across a gap in the track or across a cut.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import correlate1d

_REACH = 4  # the Gaussian window ends after so many standard deviations
# Times as wide where only one side is seen. On a face that sways by 30 px in 50 frames and trembles by half a pixel, light then
# takes a quarter of the steps from frame to frame and strong half, and neither is farther off than no smoothing; at twice the
# width, or with a line for the parabola, strong lags by pixels.
_LIVE = 1.5
_JUMP_SHIFT = 0.2  # of the square's side, between neighbouring frames
_JUMP_SCALE = 1.25  # times larger or smaller
_JUMP_ANGLE = np.radians(20)


def parameters(matrices: np.ndarray, size: int = 256) -> np.ndarray:
    """The four numbers of each similarity that make sense to average.

    The centre is that of the face, in the frame. A matrix's own last column is the shift at the frame's corner, where
    a tremble of the angle would be multiplied by the distance to the face.

    Args:
        matrices: (T, 2, 3), frame pixels to pixels of the aligned square.
        size: side of that square in pixels.

    Returns:
        (T, 4) float64: centre x, centre y (frame pixels), log of the scale, angle in radians (not unwrapped).
    """
    matrices = np.asarray(matrices, np.float64).reshape(-1, 2, 3)
    linear = matrices[:, :, :2]
    middle = np.full((2, 1), (size - 1) / 2)
    centre = np.linalg.solve(linear, middle - matrices[:, :, 2:])[..., 0]
    log_scale = 0.5 * np.log(np.abs(np.linalg.det(linear)))
    angle = np.arctan2(linear[:, 1, 0] - linear[:, 0, 1], linear[:, 0, 0] + linear[:, 1, 1])
    return np.column_stack([centre, log_scale, angle])


def matrices_from(values: np.ndarray, size: int = 256) -> np.ndarray:
    """The way back from `parameters`: (T, 4) to (T, 2, 3) float64."""
    centre, scale, angle = values[:, :2], np.exp(values[:, 2]), values[:, 3]
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    linear = np.stack([np.stack([cosine, -sine], axis=-1), np.stack([sine, cosine], axis=-1)], axis=1)
    shift = (size - 1) / 2 - np.einsum("tij,tj->ti", linear, centre)
    return np.concatenate([linear, shift[..., None]], axis=2)


def tracks(
    matrices: np.ndarray, frames: np.ndarray | None = None, size: int = 256, shots: np.ndarray | None = None
) -> np.ndarray:
    """Numbers the stretches within which smoothing may look: broken at gaps and at jumps (cuts).

    Args:
        matrices: (T, 2, 3), in the order of time.
        frames: (T,) frame indices; None for one after another. The commonest step between them counts as no gap.
        size: side of the aligned square.
        shots: (T,) the number of each frame's shot: after a cut a face at the same place may be in another light. None: all
            are of one.

    Returns:
        (T,) int, from 0, rising by one at each break. A break lies where a frame is missing, where another shot begins, or where
        from one frame to the next the face moves by more than 20 % of the square, grows by more than 25 % or turns by more than 20
        degrees.
    """
    values = parameters(matrices, size)
    if len(values) < 2:
        return np.zeros(len(values), int)
    change = np.diff(values, axis=0)
    turn = np.abs((change[:, 3] + np.pi) % (2 * np.pi) - np.pi)
    side = size / np.exp(np.minimum(values[1:, 2], values[:-1, 2]))  # of the square, in frame pixels
    broken = (
        (np.hypot(change[:, 0], change[:, 1]) > _JUMP_SHIFT * side)
        | (np.abs(change[:, 2]) > np.log(_JUMP_SCALE))
        | (turn > _JUMP_ANGLE)
    )
    if frames is not None:
        broken |= np.diff(np.asarray(frames)) > usual_step(frames)
    if shots is not None:
        broken |= np.diff(shots) != 0
    return np.concatenate([[0], np.cumsum(broken)])


def usual_step(frames: np.ndarray) -> int:
    """The commonest distance between neighbouring frame indices (1 for a set made of every frame)."""
    steps, counts = np.unique(np.diff(np.asarray(frames, int)), return_counts=True)
    return int(steps[counts.argmax()]) if len(steps) else 1


def smooth_series(values: np.ndarray, strength: float, degree: int = 2, live: bool = False) -> np.ndarray:
    """Smooths a series by a local polynomial under a Gaussian window: no lag, and no pull towards the ends.

    A plain moving average flattens the turning points of a movement and lags at both ends of the clip. Fitting a
    parabola in each window keeps both and still averages the tremble away (W. Cleveland, "Robust locally weighted
    regression", JASA 74, 1979; with equal weights it is the Savitzky-Golay filter).

    Args:
        values: (T, ...) float.
        strength: standard deviation of the window in frames; 0 leaves the values as they are.
        degree: of the polynomial; 0 is the plain weighted average.
        live: look at earlier frames only: the end of the parabola, late where a movement turns.

    Returns:
        (T, ...) float64.
    """
    values = np.asarray(values, np.float64)
    if strength <= 0 or len(values) < 2:
        return values.copy()
    if live:
        strength *= _LIVE
    else:
        degree = min(degree, len(values) - 1)
    reach = max(1, int(np.ceil(_REACH * strength)))
    offsets = np.arange(-reach, reach + 1) / strength
    window = np.exp(-0.5 * offsets**2) * (offsets <= 0 if live else 1)
    flat = values.reshape(len(values), -1)

    def moment(series, power):  # beyond the ends there is nothing, rather than a repeated value
        return correlate1d(series, window * offsets**power, axis=0, mode="constant")

    ones = np.ones(len(values))
    moments = [moment(ones, power) for power in range(2 * degree + 1)]
    left = np.stack([np.stack([moments[j + k] for k in range(degree + 1)], axis=-1) for j in range(degree + 1)], axis=1)
    right = np.stack([moment(flat, power) for power in range(degree + 1)], axis=1)
    # a weak window sees so few frames that the parabola is not determined: the faint ridge then picks the flattest one
    left = left + 1e-9 * np.eye(degree + 1)
    return np.linalg.solve(left, right)[:, 0].reshape(values.shape)


def smooth_matrices(
    matrices: np.ndarray, strength: float, frames: np.ndarray | None = None, size: int = 256, live: bool = False,
    shots: np.ndarray | None = None,
) -> np.ndarray:  # fmt: skip
    """Smooths a track of alignment transforms, sub-pixel and without lag, never across a gap or a cut.

    Args:
        matrices: (T, 2, 3), frame pixels to pixels of the aligned square, in the order of time.
        strength: standard deviation of the window in frames; 1.5 takes about half of the tremble away, 0 nothing.
        frames: (T,) frame indices; None for one after another.
        size: side of the aligned square.
        live: look at earlier frames only.
        shots: see `tracks`.

    Returns:
        (T, 2, 3) float64, similarities.
    """
    matrices = np.asarray(matrices, np.float64).reshape(-1, 2, 3)
    if strength <= 0 or len(matrices) < 2:
        return matrices.copy()
    values, number = parameters(matrices, size), tracks(matrices, frames, size, shots)
    for track in range(number[-1] + 1):
        here = number == track
        part = values[here]
        part[:, 3] = np.unwrap(part[:, 3])
        values[here] = smooth_series(part, strength, live=live)
    return matrices_from(values, size)


def weights(distances: np.ndarray, strength: float) -> np.ndarray:
    """Gaussian weights for frames at these distances (in frames) from the one wanted; they sum to 1.

    Args:
        distances: (n,), 0 among them.
        strength: standard deviation in frames; 0 counts distance 0 alone.

    Returns:
        (n,) float64.
    """
    distances = np.asarray(distances, np.float64)
    values = np.exp(-0.5 * (distances / strength) ** 2) if strength > 0 else (distances == 0).astype(float)
    return values / values.sum()
