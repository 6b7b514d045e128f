"""The autoencoders' shapes: their options, the published ones and our own, and the two halves built from them.

Every form is a chain of halvings, a dense code and a chain of doublings. `original` halves four times, whatever the
size, as the first tools did: 64 px end at 4x4, 96 px at 6x6, 128 px at 8x8, and the two dense layers around the code
grow with the square of that side. `low_memory` halves three times and unfolds the code to a sixteenth of the size, so
that both have the same decoder.
"""

from __future__ import annotations

from dataclasses import dataclass

import keras

from faceswap_lab.models import layers
from faceswap_lab.models.normalization import NORMS


@dataclass(frozen=True)
class AutoencoderConfig:
    """The shape of an autoencoder.

    Args:
        size: side of the face in pixels, a multiple of 16.
        sharing: "encoder" (one encoder, a decoder a person) or "decoder" (an encoder a person, one decoder).
        encoder_filters: channels after each stride-2 convolution.
        kernel: side of those convolutions.
        latent: length of the code between encoder and decoder.
        bridge: channels at the start of the decoding half, shared by both people.
        decoder_filters: channels after each upscale of a decoder; the last is at full size.
        slope: of the leaky ReLU.
        attention: self-attention at a quarter and at half of the size, in every decoder.
        alpha: also generate a mask (1 channel): how much of the face counts.
        relight: take each picture's own brightness and colour cast out before the encoder, put it back after the
            decoder.
        half_paint: generate at half size and shuffle pixels up (Shi et al. 2016): the last, dearest upscale falls away. (This
            name stands in every stored config.json, and the last layer's, "paint", in every file of weights: both stay.)
        centred: the encoder sees how a face differs from its own person's average face, under a soft oval that hides the
            background: two people who turn their heads differ from their averages alike.
        unfold: channels that the code is unfolded to before the bridge; 0: as many as the last convolution has. With
            another number the encoder may halve the size fewer times than the decoder doubles it.
        octave: share of the channels that are kept at half the size (octave convolution, see `models.octave`), 0 to below
            1. The code stays one tensor: the last convolution before the dense layers, and the bridge, give no pair.
        block_norm: one of `normalization.NORMS` after each convolution but the first and the output one, or None.
    """

    size: int = 64
    sharing: str = "encoder"
    encoder_filters: tuple[int, ...] = (128, 256, 512, 1024)
    kernel: int = 5
    latent: int = 1024
    bridge: int = 512
    decoder_filters: tuple[int, ...] = (256, 128, 64)
    slope: float = 0.1
    attention: bool = False
    alpha: bool = False
    relight: bool = False
    half_paint: bool = False
    centred: bool = False
    unfold: int = 0
    octave: float = 0.0
    block_norm: str | None = None

    def __post_init__(self):
        if self.sharing not in ("encoder", "decoder"):
            raise ValueError(f"sharing must be 'encoder' or 'decoder', got {self.sharing!r}")
        doublings = self.doublings
        if self.size % 2 ** max(len(self.encoder_filters), doublings):
            raise ValueError(f"size {self.size} cannot be halved {max(len(self.encoder_filters), doublings)} times")
        if doublings != len(self.encoder_filters) and not self.unfold:
            raise ValueError(
                "the decoder must double the size as often as the encoder halves it (the bridge doubles once), or "
                "unfold must say to how many channels the code is unfolded"
            )
        if not 0 <= self.octave < 1:
            raise ValueError(f"octave {self.octave}: the share of low frequencies must be at least 0 and less than 1")
        if self.block_norm is not None and self.block_norm not in NORMS:
            raise ValueError(f"block_norm must be one of {', '.join(NORMS)} or None, got {self.block_norm!r}")
        object.__setattr__(self, "encoder_filters", tuple(self.encoder_filters))
        object.__setattr__(self, "decoder_filters", tuple(self.decoder_filters))

    @property
    def doublings(self) -> int:
        """How often the decoding half doubles the size, bridge and output layer included."""
        return len(self.decoder_filters) + 1 + self.half_paint


def _widened(width: float):
    return lambda *channels: tuple(max(4, int(c * width)) for c in channels)


def original(size: int = 64, sharing: str = "encoder", width: float = 1.0) -> AutoencoderConfig:
    """The autoencoder of the first deepfake tools: 128/256/512/1024, latent 1024, 4x4x1024, decoder 512/256/128/64.

    Trained with `optimizers.original_adam` on mean absolute error. At 64 px 69.7 million weights in the encoder (with
    the dense code and the first upscale) and 6.2 million in each decoder; 11.4 GFLOP to train on one face.

    Args:
        size: 64, 96 or 128: the code is unfolded to 4x4, 6x6 or 8x8.
        sharing: "encoder", or "decoder" (two encoders, one decoder).
        width: scales all channels and the code.
    """
    wide = _widened(width)
    latent, bridge = wide(1024, 512)
    return AutoencoderConfig(size, sharing, wide(128, 256, 512, 1024), 5, latent, bridge, wide(256, 128, 64), slope=0.1)


def low_memory(size: int = 64, sharing: str = "encoder", width: float = 1.0) -> AutoencoderConfig:
    """The low-memory variant: the encoder stops at 128/256/512, the code is half as long; the decoder is the original's.

    The widest convolution (1024 channels, 13 of the 70 million weights) falls away, and with a code of 512 numbers the
    dense layers cost 25 instead of 34 million: 48 million weights in the encoder.
    """
    wide = _widened(width)
    latent, bridge = wide(512, 512)
    return AutoencoderConfig(
        size,
        sharing,
        wide(128, 256, 512),
        5,
        latent,
        bridge,
        wide(256, 128, 64),
        slope=0.1,
        unfold=wide(1024)[0],
    )


def quick(size: int = 64, sharing: str = "encoder") -> AutoencoderConfig:
    """Our own for two CPU cores: 0.2 GFLOP to train on one 64-px face (the original: 11), with mask and relighting.

    Back-translation, which its loss has, generates every face once more and trains on half of them again: 0.34 GFLOP.
    """
    return AutoencoderConfig(
        size,
        sharing,
        (16, 32, 64, 128),
        3,
        256,
        48,
        (48, 32),
        slope=0.1,
        alpha=True,
        relight=True,
        half_paint=True,
        centred=True,
    )


def build_encoder(config: AutoencoderConfig, name: str = "encoder") -> keras.Model:
    """(N, size, size, 3) to (N, s, s, bridge), s = size / 2 ** (doublings - 1): an eighth of the size for the original."""
    inputs = keras.Input((config.size, config.size, 3))
    x = inputs
    for index, filters in enumerate(config.encoder_filters):
        octave = config.octave if index < len(config.encoder_filters) - 1 else 0.0
        norm, kernel, slope = config.block_norm if index else None, config.kernel, config.slope
        x = layers.downscale(x, filters, kernel=kernel, norm=norm, slope=slope, octave=octave, name=f"down_{index}")
    side, channels = config.size // 2**config.doublings, config.unfold or config.encoder_filters[-1]
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(config.latent, name="latent")(x)
    x = keras.layers.Dense(side * side * channels, name="unfold")(x)
    x = keras.layers.Reshape((side, side, channels))(x)
    x = layers.upscale(x, config.bridge, slope=config.slope, name="bridge")
    return keras.Model(inputs, x, name=name)


def build_decoder(config: AutoencoderConfig, name: str = "decoder") -> keras.Model:
    """(N, s, s, bridge) to colour and mask: (N, size, size, 3 or 4) float32, the mask last, all in [0, 1]."""
    side = config.size // 2 ** (config.doublings - 1)
    inputs = keras.Input((side, side, config.bridge))
    x = inputs
    for index, filters in enumerate(config.decoder_filters):
        norm, slope = config.block_norm, config.slope
        x = layers.upscale(x, filters, norm=norm, slope=slope, octave=config.octave, name=f"up_{index}")
        side *= 2
        if config.attention and side in (config.size // 4, config.size // 2):
            x = layers.attend(x, config.octave, name=f"attention_{index}")
    channels = 4 if config.alpha else 3
    if config.half_paint:
        x = layers.convolution(
            x, 4 * channels, 3, padding="same", kernel_initializer=layers.ICNR("glorot_uniform"), name="paint"
        )
        x = layers.PixelShuffle()(x)
    else:
        x = layers.convolution(x, channels, 5, padding="same", name="paint")
    x = keras.layers.Activation("sigmoid", dtype="float32")(x)  # a picture, also under mixed precision
    return keras.Model(inputs, x, name=name)
