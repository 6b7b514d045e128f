"""The recogniser that helps to train: HSE-FaceRes, a MobileNetV1 that was taught to tell thousands of people apart.

Its descriptor says whose face a picture shows, and its inner layers say what the face's parts look like: the two things
that an identity loss and a perceptual loss ask for. It must never evaluate the result that it helped to make; for that
there is another network, `faceswap_lab.models.dlib_recognition`.

A. Savchenko, "Efficient facial representations for age, gender and identity recognition in organizing photo albums
using multi-output ConvNet", PeerJ Computer Science 5:e197, 2019. The architecture is A. Howard et al., "MobileNets",
arXiv:1704.04861, 2017. `tools/convert_face_res.py` made the weights file; its licence lies beside it.
"""

from __future__ import annotations

import keras
import numpy as np
from keras import layers, ops

from faceswap_lab.base import untrusted, weights

CAFFE_MEAN_RGB = (123.68, 116.779, 103.939)  # the mean picture colour of the network's training set, 0..255
# One row a block: filters, stride. A block is a depthwise 3x3 convolution (with the stride) and a pointwise one. The
# original has a 13th, (1024, 1). It is left out: it is a third of the weights, it wants faces of 224 px, and at the
# sizes that a training step can afford block 12 tells actor A from the true swap better (AUC 0.98 against 0.95 at 128).
BLOCKS = (
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2),
    (512, 1), (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2),
)  # fmt: skip
TAPS = (1, 3, 5, 11)  # blocks whose output is handed out: half, quarter, eighth and sixteenth of the input's size


def build_face_res(dtype: str | None = None) -> keras.Model:
    """The network without its weights.

    Args:
        dtype: dtype of the ordinary convolutions, which hold 99 % of the numbers; the weights file has them in float16.
            None is Keras' own setting (float32, unless mixed precision was chosen), as for all other layers.

    Returns:
        Functional model: input (N, H, W, 3) RGB float32 in [0, 1]; outputs the list described at `face_res`.
    """
    image = keras.Input((None, None, 3), name="image")
    # The original wants BGR; the converted first kernel has its input channels turned round, so RGB goes straight in.
    offset = [-mean for mean in CAFFE_MEAN_RGB]
    x = layers.Rescaling(255.0, offset, name="caffe_colours")(image)
    x = layers.Conv2D(32, 3, 2, padding="same", activation="relu6", dtype=dtype, name="conv")(x)
    taps = []
    for block, (filters, stride) in enumerate(BLOCKS, start=1):
        x = layers.DepthwiseConv2D(3, stride, padding="same", activation="relu6", name=f"depthwise_{block}")(x)
        x = layers.Conv2D(filters, 1, activation="relu6", dtype=dtype, name=f"pointwise_{block}")(x)
        if block in TAPS:
            taps.append(x)
    descriptor = layers.GlobalAveragePooling2D(name="descriptor")(x)
    return keras.Model(image, [*taps, descriptor], name="face_res")


def face_res() -> keras.Model:
    """The recogniser, frozen, ready to be called inside a loss.

    Fully convolutional: it takes any size from 48 px on, faces upright and filling the picture. **Size matters**: for
    the descriptor bring faces to 112-128 px with `tight_crop`, even those of 64 px. Measured on the two actors, 64-px
    faces as they are: AUC 0.70; enlarged to 96 px 0.87, to 128 px 0.97. Against the true swap (same light, pose and
    hair), the tight crop is what counts: 0.87 without it, 0.98 with it. `face_descriptor` does both.

    On a CPU, call it from an ordinary traced function: with `jit_compile=True` XLA's depthwise convolution there is
    several times slower.

    Returns:
        Functional model with `trainable=False`. Input: (N, H, W, 3) RGB float32 in [0, 1], not yet normalised. Outputs,
        a list of five: the activations of blocks 1, 3, 5 and 11, of shapes (N, H/2, W/2, 64), (N, H/4, W/4, 128),
        (N, H/8, W/8, 256), (N, H/16, W/16, 512), each in [0, 6]; and the descriptor (N, 1024), in [0, 6], the mean of
        block 12 over the picture, to be compared by its direction (cosine).

    Raises:
        LabError: when the weights file is missing or damaged.
    """
    model, path = build_face_res(), weights.find("face_res")
    untrusted.check_weights(path)
    model.load_weights(path)
    model.trainable = False
    return model


def tight_crop(images, size: int = 112, coverage: float = 0.72):
    """Enlarges the middle of aligned faces, from the brows to the lower lip, as the descriptor likes to see them.

    Bilinear, written as two small matrix products: quick, exact to differentiate, the same on every backend.

    Args:
        images: (N, S, S, C) float32, aligned by `faces.alignment` with this `coverage`; S is fixed, any C and range.
        size: side of the result in pixels.
        coverage: share of the square that the tight crop takes, as in `faces.alignment.canonical_points`.

    Returns:
        (N, size, size, C) of the images' dtype.
    """
    top = 0.312 + 0.479 * (1 - coverage) - 0.312 * coverage  # where faces.alignment puts the tight crop's upper edge
    rows = _linear_samples(top, coverage, images.shape[1], size)
    columns = _linear_samples(0.5 - coverage / 2, coverage, images.shape[2], size)
    rows, columns = ops.cast(rows, images.dtype), ops.cast(columns, images.dtype)
    return ops.einsum("yh,xw,nhwc->nyxc", rows, columns, images)


def _linear_samples(start: float, share: float, length: int, size: int) -> np.ndarray:
    """(size, length) float32: each row linearly interpolates one of `size` samples spread over a part of a line."""
    where = (start + (np.arange(size) + 0.5) / size * share) * length - 0.5
    weights = 1 - np.abs(np.clip(where, 0, length - 1)[:, np.newaxis] - np.arange(length))
    return np.maximum(weights, 0).astype("float32")


SEEN = 112  # pixels of a face's side as the recogniser sees it; 128 is no better, 96 a quarter cheaper and a little worse


def face_descriptor(face_size: int, centre: np.ndarray | None = None, taps: int = 0) -> keras.Model:
    """`tight_crop` and the descriptor as one frozen model: what an identity loss needs.

    Args:
        face_size: side S of the aligned faces in pixels.
        centre: (1024,) what is taken off every descriptor; give the mean over both people's faces. All faces share most
            of their descriptor, and without that part cosines spread: from 0.96 (same person) against 0.93 (the other)
            to 0.33 against -0.35 on the two actors. None takes nothing off.
        taps: how many of the inner layers named in TAPS are handed out, too, for a perceptual loss.

    Returns:
        Model from (N, S, S, 3) RGB float32 in [0, 1] to (N, 1024) float32, to be compared by cosine; with taps to a list
        of their activations (see `face_res`) and the descriptor.

    Raises:
        LabError: when the weights file is missing or damaged.
    """
    network = face_res()
    describe = keras.Model(network.input, [*network.output[:taps], network.output[-1]], name="describe")
    faces = keras.Input((face_size, face_size, 3), name="faces")
    *inner, descriptor = describe(tight_crop(faces, SEEN))
    descriptor = ops.cast(descriptor, "float32")  # under mixed precision, too
    if centre is not None:
        descriptor = descriptor - np.asarray(centre, np.float32)
    model = keras.Model(faces, [*inner, descriptor] if taps else descriptor, name="face_descriptor")
    model.trainable = False
    return model
