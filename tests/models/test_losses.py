"""Loss terms on pictures: against reference implementations, and their gradients against finite differences."""

import keras
import numpy as np
import pytest
from keras import ops
from swap_model_parts import faces

from faceswap_lab.models import losses


def test_local_contrast_ignores_light_and_blur_does_not_please_it():
    picture = ops.convert_to_tensor(faces(2, 64).astype("float32") / 255)
    brighter = losses.contrast_loss(0.5 + 0.4 * picture, picture, 1.7, floor=1e-4)
    blurred = losses.contrast_loss(losses.gaussian_blur(picture, 3.0), picture, 1.7, floor=1e-4)
    assert float(brighter) < 0.02 < 0.05 < float(blurred)


def test_gaussian_blur_is_scipys():
    from scipy.ndimage import gaussian_filter

    picture = np.random.default_rng(0).random((1, 20, 24, 1)).astype("float32")
    ours = ops.convert_to_numpy(losses.gaussian_blur(ops.convert_to_tensor(picture), 2.0))[0, ..., 0]
    theirs = gaussian_filter(picture[0, ..., 0], 2.0, mode="nearest", radius=5)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_dssim_is_scikit_images_ssim():
    from skimage.metrics import structural_similarity

    first, second = faces(1, 64, 3)[0] / 255.0, faces(1, 64, 4)[0] / 255.0
    theirs, full = structural_similarity(
        first,
        second,
        channel_axis=-1,
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    pictures = [ops.convert_to_tensor(x[None].astype("float32")) for x in (first, second)]
    inside = np.zeros((1, 64, 64, 1), "float32")
    inside[:, 8:-8, 8:-8] = 1  # away from the border, where the two extend pictures differently
    assert float(losses.dssim(*pictures, mask=inside)) == pytest.approx((1 - full[8:-8, 8:-8].mean()) / 2, abs=2e-3)


@pytest.mark.parametrize(("side", "scales"), [(192, 5), (64, 3), (32, 2)])
def test_ms_ssim_is_tensorflows(side, scales):
    tensorflow = pytest.importorskip("tensorflow")
    draw = np.random.default_rng(5)
    first = faces(2, side, 3).astype("float32") / 255
    second = np.clip(first + draw.normal(0, 0.1, first.shape), 0, 1).astype("float32")
    powers = np.array(losses.SCALE_WEIGHTS[:scales])
    theirs = tensorflow.image.ssim_multiscale(first, second, 1.0, power_factors=powers / powers.sum()).numpy()
    ours = losses.ms_ssim(ops.convert_to_tensor(first), ops.convert_to_tensor(second))
    assert float(ours) == pytest.approx(theirs.mean(), abs=1e-4)
    assert float(ours) < 0.95
    assert float(losses.ms_ssim(ops.convert_to_tensor(first), ops.convert_to_tensor(first))) == pytest.approx(
        1, abs=1e-5
    )


def test_masked_edges_see_edges_inside_the_mask_only():
    flat, step = np.zeros((1, 8, 8, 1), "float32"), np.zeros((1, 8, 8, 1), "float32")
    step[:, :, 4:] = 1  # one edge, between columns 3 and 4
    left = np.zeros((1, 8, 8, 1), "float32")
    left[:, :, :4] = 1
    assert float(losses.masked_edges(step, flat, np.ones_like(flat))) == pytest.approx(8 / 56)
    assert float(losses.masked_edges(step, flat, left)) == 0  # a difference belongs to its right pixel


def test_least_squares_and_hinge_by_hand():
    real, fake = np.array([1.5, 0.5], "float32"), np.array([-0.5, 0.5], "float32")
    assert float(losses.least_squares(real, 1.0)) == pytest.approx(0.25)
    assert float(losses.hinge(real, 1.0)) == pytest.approx(0.25)  # 0 and 0.5
    assert float(losses.hinge(fake, -1.0)) == pytest.approx(1.0)  # 0.5 and 1.5
    assert float(losses.relativistic_least_squares(real, fake, 1.0)) == pytest.approx((0.5**2 + 0.5**2) / 2)


GRADIENTS = {
    "l1": losses.l1,
    "edge_loss": losses.edge_loss,
    "contrast_loss": lambda x, y: losses.contrast_loss(x, y, 1.0),
    "coarse_contrast_loss": lambda x, y: losses.coarse_contrast_loss(x, y, 1.0),
    "dssim": losses.dssim,
    "ms_ssim": losses.ms_ssim,
    "total_variation": lambda x, y: losses.total_variation(x),
    "alpha_hinge": lambda x, y: losses.alpha_hinge(x, 0.5),
    "least_squares": lambda x, y: losses.least_squares(x, 1.0),
    "relativistic_least_squares": lambda x, y: losses.relativistic_least_squares(x, y, 1.0),
    "hinge": lambda x, y: losses.hinge(x, 1.0),
    "cosine_distance": lambda x, y: losses.cosine_distance(ops.reshape(x, (2, -1)), ops.reshape(y, (2, -1))),
    "unit_features": lambda x, y: ops.mean(losses.unit_features(x)[..., 0] * y[..., 0]),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_are_those_of_finite_differences(name):
    tensorflow = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("taken with TensorFlow's tape")
    draw = np.random.default_rng(7)
    x, y, along = (draw.random((2, 16, 16, 3)).astype("float32") for _ in range(3))
    x = tensorflow.constant(x)
    with tensorflow.GradientTape() as tape:
        tape.watch(x)
        value = GRADIENTS[name](x, y)
    gradient = tape.gradient(value, x)
    along = gradient / ops.max(ops.abs(gradient)) + 0.4 * (along - 0.5)  # up the slope, and a little aside
    slope, step = float(ops.sum(gradient * along)), 2e-3
    measured = float(GRADIENTS[name](x + step * along, y) - GRADIENTS[name](x - step * along, y)) / (2 * step)
    assert slope == pytest.approx(measured, rel=0.03)
    assert slope > 1e-3


def test_empty_features_have_a_gradient():
    """A place without features, and one with next to none: what a recogniser makes of a black corner."""
    tensorflow = pytest.importorskip("tensorflow")
    features = tensorflow.constant([[[[0.0, 0.0], [1e-7, 0.0], [3.0, 4.0]]]])
    with tensorflow.GradientTape() as tape:
        tape.watch(features)
        found = losses.unit_features(features)
        value = ops.sum(found)
    assert np.abs(tape.gradient(value, features)).max() <= 100.01  # times a loss scale of 2**9: what 16 bit can hold
    np.testing.assert_allclose(found[0, 0, 2], [0.6, 0.8], atol=1e-5)
