"""Loss terms as functions of pictures. All pictures (N, H, W, C) float32; all results are scalars to be minimised."""

from __future__ import annotations

import functools

import numpy as np
from keras import ops

from faceswap_lab.models import replicas

_GREY = np.array([0.299, 0.587, 0.114], dtype="float32").reshape(1, 1, 3, 1)  # ITU-R BT.601 luma


def masked_mean(values, mask, floor: float = 1e-3):
    """The mean of `values` (N, H, W, C) weighted by `mask` (N, H, W, 1); 0 where the mask is empty."""
    weight = ops.broadcast_to(mask, ops.shape(values))
    # The mask's area is the whole batch's, also where this is only a part of it: every pixel counts the same.
    return ops.sum(values * weight) / (replicas.batch_mean(ops.sum(weight)) + floor)


def l1(prediction, target, mask=None):
    """Mean absolute difference, over `mask` (N, H, W, 1) if one is given."""
    difference = ops.abs(prediction - target)
    return ops.mean(difference) if mask is None else masked_mean(difference, mask)


def edge_loss(prediction, target, mask=None):
    """L1 of the first differences in x and in y: edges in the right place, of the right strength."""
    loss = 0.0
    for axis in (1, 2):
        difference = ops.abs(_difference(prediction, axis) - _difference(target, axis))
        loss = loss + (ops.mean(difference) if mask is None else masked_mean(difference, _crop(mask, axis)))
    return loss


def masked_edges(prediction, target, mask):
    """Mean of mask times the difference of first differences, over x and y: edges inside a part of the face."""
    loss = 0.0
    for axis in (1, 2):
        difference = ops.abs(_difference(prediction, axis) - _difference(target, axis))
        loss = loss + ops.mean(_crop(mask, axis) * difference)
    return loss


def _difference(x, axis):
    return x[:, 1:] - x[:, :-1] if axis == 1 else x[:, :, 1:] - x[:, :, :-1]


def _crop(x, axis):
    return x[:, 1:] if axis == 1 else x[:, :, 1:]


@functools.cache
def gaussian_matrix(length: int, sigma: float) -> np.ndarray:
    """A gaussian blur along one axis as a (length, length) float32 matrix; the border pixel is repeated outwards.

    On a CPU a product with this small matrix is many times faster than a depthwise convolution and its gradient.
    """
    radius = max(1, int(np.ceil(2.5 * sigma)))
    offsets = np.arange(-radius, radius + 1)
    weights = np.exp(-0.5 * (offsets / sigma) ** 2)
    matrix = np.zeros((length, length), np.float64)
    for row in range(length):
        np.add.at(matrix[row], np.clip(row + offsets, 0, length - 1), weights / weights.sum())
    return matrix.astype("float32")


def gaussian_blur(x, sigma: float):
    """Gaussian mean of each channel, border repeated; (N, H, W, C) to the same shape."""
    height, width, channels = x.shape[1:]
    rows, columns = gaussian_matrix(height, sigma), gaussian_matrix(width, sigma)
    x = ops.matmul(rows, ops.reshape(x, (-1, height, width * channels)))
    x = ops.reshape(x, (-1, height, width, channels))
    if channels == 1:
        return ops.reshape(ops.matmul(ops.reshape(x, (-1, height, width)), columns.T), (-1, height, width, 1))
    return ops.einsum("wv,nhvc->nhwc", columns, x)


def grey(x):
    """RGB (N, H, W, 3) to luma (N, H, W, 1)."""
    return ops.sum(x * _GREY.reshape(1, 1, 1, 3), axis=-1, keepdims=True)


def grey_faces(pictures):
    """Pictures (N, S, S, 3) without their colours, still of three channels, clipped to [0, 1]."""
    return ops.repeat(ops.clip(grey(pictures), 0.0, 1.0), 3, axis=-1)


def local_contrast(x, sigma: float, floor: float = 0.01):
    """Grey, minus its gaussian mean, over its gaussian deviation: structure without light. (N, H, W, 3) to (N, H, W, 1).

    Args:
        floor: added to the deviation, so that flat skin is not blown up into noise.
    """
    luma = grey(x)
    mean = gaussian_blur(luma, sigma)
    variance = gaussian_blur(luma * luma, sigma) - mean * mean
    return (luma - mean) / (ops.sqrt(ops.maximum(variance, 1e-8)) + floor)


def contrast_loss(prediction, target, sigma: float, mask=None, floor: float = 0.02):
    """L1 between the local contrasts of prediction and target: what `metrics.gains` looks at, made a loss."""
    return l1(local_contrast(prediction, sigma, floor), local_contrast(target, sigma, floor), mask)


def coarse_contrast_loss(prediction, target, sigma: float, mask=None):
    """`contrast_loss` at 2.5 times the scale, computed at half size, where it costs a quarter."""
    prediction, target = (ops.average_pool(x, 2, 2) for x in (prediction, target))
    return contrast_loss(prediction, target, 1.25 * sigma, None if mask is None else ops.average_pool(mask, 2, 2))


def dssim(prediction, target, sigma: float = 1.5, mask=None):
    """(1 - SSIM) / 2 per channel with a gaussian window; values in [0, 1].

    Wang et al., "Image quality assessment: from error visibility to structural similarity", IEEE TIP 13(4), 2004.
    """
    c1, c2 = 0.01**2, 0.03**2
    both = ops.concatenate([prediction, target], axis=0)
    mean = gaussian_blur(both, sigma)
    square = gaussian_blur(both * both, sigma) - mean * mean
    mean_p, mean_t = ops.split(mean, 2, axis=0)
    var_p, var_t = ops.split(square, 2, axis=0)
    covariance = gaussian_blur(prediction * target, sigma) - mean_p * mean_t
    ssim = ((2 * mean_p * mean_t + c1) * (2 * covariance + c2)) / ((mean_p**2 + mean_t**2 + c1) * (var_p + var_t + c2))
    loss = (1 - ssim) / 2
    return ops.mean(loss) if mask is None else masked_mean(loss, mask)


SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of MS-SSIM's five scales, as published


@functools.cache
def _window_matrix(length: int, sigma: float = 1.5, taps: int = 11) -> np.ndarray:
    """Gaussian windows wholly inside a line, (length - taps + 1, length) float32."""
    weights = np.exp(-0.5 * ((np.arange(taps) - taps // 2) / sigma) ** 2)
    matrix = np.zeros((length - taps + 1, length), np.float32)
    for row in range(len(matrix)):
        matrix[row, row : row + taps] = weights / weights.sum()
    return matrix


def ms_ssim(prediction, target, scales: int | None = None):
    """Multi-scale structural similarity, mean over pictures and channels; 1 for equal pictures.

    Wang, Simoncelli and Bovik, "Multi-scale structural similarity for image quality assessment", Asilomar 2003.

    Args:
        prediction, target: (N, S, S, C) float32 in [0, 1].
        scales: 1 to 5; None: as many as an 11-pixel window fits into (5 from 176 px on, 3 at 64 px). With fewer than
            five the weights are those of the finest scales, brought to sum 1.
    """
    scales = scales or next(n for n in range(5, 0, -1) if n == 1 or min(prediction.shape[1:3]) >> (n - 1) >= 11)
    powers = np.array(SCALE_WEIGHTS[:scales]) / sum(SCALE_WEIGHTS[:scales])
    c1, c2, total = 0.01**2, 0.03**2, 1.0
    for scale, power in enumerate(powers):
        if scale:
            prediction, target = (ops.average_pool(x, 2, 2) for x in (prediction, target))
        rows, columns = (_window_matrix(length) for length in prediction.shape[1:3])

        def mean(x, rows=rows, columns=columns):
            return ops.einsum("yh,nhwc,xw->nyxc", rows, x, columns)

        mean_p, mean_t = mean(prediction), mean(target)
        variances = mean(prediction**2 + target**2) - mean_p**2 - mean_t**2
        covariance = mean(prediction * target) - mean_p * mean_t
        similar = (2 * covariance + c2) / (variances + c2)
        if scale == scales - 1:
            similar = similar * (2 * mean_p * mean_t + c1) / (mean_p**2 + mean_t**2 + c1)
        # A power of something negative is no number; the floor also keeps the gradient at 0 finite.
        total = total * ops.maximum(ops.mean(similar, axis=(1, 2)), 1e-4) ** float(power)
    return ops.mean(total)


def sum_of_squares(variables):
    """The sum of squares of some weights, for L2 regularisation."""
    return sum((ops.sum(ops.square(ops.cast(v, "float32"))) for v in variables), 0.0)


def unit_features(features):
    """Feature maps (N, H, W, C) with a vector of length 1 at every place; where there is next to nothing, shorter ones.

    Without the number under the root an empty place has no gradient, and one near it a gradient that 16 bit cannot hold.
    """
    return features * ops.rsqrt(ops.sum(features**2, axis=-1, keepdims=True) + 1e-4)


def feature_distance(features, wanted):
    """Mean over all places of the squared distance of unit feature vectors, 0 to 4; (N, H, W, C) each.

    The distance of J. Johnson et al., "Perceptual losses for real-time style transfer and super-resolution", ECCV 2016
    (arXiv:1603.08155), with vectors of one length; no gradient goes to `wanted`.
    """
    features, wanted = (unit_features(ops.cast(x, "float32")) for x in (features, wanted))
    return ops.mean(ops.sum(ops.square(features - ops.stop_gradient(wanted)), axis=-1))


def total_variation(x):
    """Mean absolute first difference, summed over both axes: the price of a ragged mask."""
    return ops.mean(ops.abs(_difference(x, 1))) + ops.mean(ops.abs(_difference(x, 2)))


def alpha_hinge(alpha, least: float):
    """mean(max(0, least - alpha)): pushes a mask that hides the swap open until it reaches `least`."""
    return ops.mean(ops.maximum(0.0, least - alpha))


def least_squares(scores, target):
    """LSGAN: the mean squared distance of a discriminator's scores from `target`.

    Mao et al., "Least squares generative adversarial networks", ICCV 2017 (arXiv:1611.04076).
    """
    return ops.mean(ops.square(scores - target))


def relativistic_least_squares(scores, others, sign: float):
    """Relativistic-average LSGAN: `scores` should lie `sign` above the mean of `others`.

    Jolicoeur-Martineau, "The relativistic discriminator", ICLR 2019 (arXiv:1807.00734).
    """
    return ops.mean(ops.square(scores - replicas.batch_mean(ops.mean(others)) - sign))


def hinge(scores, sign: float):
    """The discriminator's hinge: scores of real pictures (sign 1) should reach 1, of generated ones (sign -1) stay under -1.

    Lim and Ye, "Geometric GAN", 2017 (arXiv:1705.02894); used by SAGAN. The generator's part is minus its mean score.
    """
    return ops.mean(ops.maximum(0.0, 1.0 - sign * scores))


def cosine_distance(features, others):
    """1 - cosine between rows, averaged: (N, D) against (N, D) or (1, D)."""
    dot = ops.sum(features * others, axis=-1)
    norms = ops.sqrt(ops.sum(features**2, axis=-1) * ops.sum(others**2, axis=-1) + 1e-12)
    return ops.mean(1 - dot / norms)
