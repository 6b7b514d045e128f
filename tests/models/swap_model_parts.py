"""Small pictures, masks and models that several tests of the swap models share."""

import dataclasses

import numpy as np
from keras import ops

from faceswap_lab.models import autoencoder_networks, faceswap_gan
from faceswap_lab.models.augmentation import Augmentation
from faceswap_lab.models.autoencoder import FaceAutoencoder
from faceswap_lab.models.loss_weights import LossWeights

STILL = Augmentation(
    rotation=0, zoom=0, shift=0, flip=0, warp=0, gain=0, tint=0, slope=0, gamma=0, shape_transfer=0, input_gamma=0, fade=0
)
# The quick shape, small enough to train a step in a moment.
SMALL = autoencoder_networks.AutoencoderConfig(
    32, "encoder", (8, 8, 8, 8), 3, 16, 8, (8, 8), alpha=True, relight=True, half_paint=True, centred=True
)
SMALL_GAN = faceswap_gan.GanConfig(
    **{**dataclasses.asdict(SMALL), "attention": True}, architecture="quick", discriminator_filters=(8, 8)
)
INDEX = {person: np.arange(2) for person in ("A", "B")}


def faces(count=8, side=96, seed=0):
    draw = np.random.default_rng(seed)
    smooth = draw.integers(40, 220, (count, 6, 6, 3)).astype("float32")
    pictures = ops.convert_to_numpy(ops.image.resize(smooth, (side, side), interpolation="bicubic"))
    return np.clip(pictures, 0, 255).astype(np.uint8)


def sets(side=96, masks=3):
    """Pictures and masks of A and B: each mask a box, none of them empty."""
    pictures = {"A": faces(8, side, 1), "B": faces(8, side, 2)}
    boxes = {p: np.zeros((8, side, side, masks), np.uint8) for p in pictures}
    for box in boxes.values():
        box[:, side // 4 : -side // 8, side // 4 : -side // 4] = 255
    return pictures, boxes


def small_autoencoder(weights=None, config=SMALL, masks=5, **options):
    model = FaceAutoencoder(config, weights, STILL, **options)
    model.set_faces(*sets(config.size, masks))
    return model


def small_gan(weights=None, masks=5, recognition=None, perceptual=None, frozen_faces=1, **config):
    weights = weights or LossWeights(adversarial=0.1)
    gan = faceswap_gan.FaceSwapGAN(
        dataclasses.replace(SMALL_GAN, **config), weights, STILL, perceptual, frozen_faces, recognition=recognition
    )
    gan.set_faces(*sets(gan.config.size, masks))
    return gan


def traces(model) -> list:
    """Gets one element more whenever the training step is traced: each time costs seconds."""
    found, step = [], model.train_step
    model.train_step = lambda data: (found.append(data), step(data))[1]
    return found
