"""Octave convolution: part of the channels is kept at half the size, since much of a picture is smooth.

Chen et al., "Drop an Octave: reducing spatial redundancy in convolutional neural networks with octave convolution", ICCV
2019 (arXiv:1904.05049). Between two such layers a picture's features travel as a **pair** (high, low): high is (N, H, W, Ch),
low is (N, H/2, W/2, Cl), and alpha = Cl / (Ch + Cl) is the share of low frequencies. Channels last; `keras.ops` only.
"""

from __future__ import annotations

import keras
from keras import ops

PADDINGS = ("same", "reflect")


def theoretical_cost(alpha: float, strides: int = 1) -> float:
    """What an octave convolution (alpha in and out) multiplies, as a share of the plain convolution of the same weights.

    Args:
        alpha: share of low frequencies, 0 to 1.
        strides: 1, for which the paper gives 1 - 3/4 alpha (2 - alpha); or 2, where the low input already has the high
            output's size: the path from low to high costs its full share, as in the authors' code.
    """
    paths = {1: (1.0, 0.25, 0.25, 0.25), 2: (1.0, 0.25, 1.0, 0.25)}[strides]
    shares = ((1 - alpha) ** 2, alpha * (1 - alpha), alpha * (1 - alpha), alpha**2)
    return sum(cost * share for cost, share in zip(paths, shares, strict=True))


def low_channels(channels: int, alpha: float, multiple: int = 1) -> int:
    """How many of `channels` are kept at half the size: the share alpha, rounded, but some on either side if 0 < alpha < 1.

    Args:
        channels: all of them.
        alpha: the share of low frequencies, 0 to 1.
        multiple: both parts are multiples of this; a pixel shuffle by 2 needs 4.

    Raises:
        ValueError: for an alpha outside 0 to 1, or when there are too few channels to split.
    """
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha {alpha} is no share of low frequencies: give 0 (none) to 1 (all)")
    if alpha in (0, 1):
        return int(alpha) * channels
    groups, left = divmod(channels, multiple)
    if left or groups < 2:
        raise ValueError(
            f"{channels} channels cannot be split into a high and a low part, each a multiple of {multiple}"
        )
    return multiple * min(max(round(alpha * groups), 1), groups - 1)


def is_pair(x) -> bool:
    """True for features as (high, low), False for one tensor."""
    return isinstance(x, tuple | list)


def join(x):
    """A pair as one tensor, (N, H, W, Ch + Cl): the low part is doubled (nearest neighbour). A tensor comes back unchanged."""
    if not is_pair(x):
        return x
    high, low = x
    return keras.layers.Concatenate()([high, keras.layers.UpSampling2D(2)(low)])


def split(x, alpha: float):
    """A tensor as a pair: its last channels are averaged to half the size. A pair comes back unchanged.

    Raises:
        ValueError: for an odd height or width, or when there are too few channels to split.
    """
    if is_pair(x):
        return x
    high = x.shape[-1] - low_channels(x.shape[-1], alpha)
    _check_even("a tensor that is split", x.shape, 2)
    return x[..., :high], keras.layers.AveragePooling2D(2)(x[..., high:])


def split_kernel(kernel, high_in: int, high_out: int, multiple: int = 1) -> dict:
    """A plain convolution's kernel as the four kernels of an octave convolution: together they hold the same numbers.

    Args:
        kernel: (k, k, channels in, channels out).
        high_in, high_out: how many channels are high, in and out.
        multiple: what a pixel shuffle afterwards needs (4): its sub-pixels are kept together.

    Returns:
        {"high_to_high": ..., "high_to_low": ..., "low_to_high": ..., "low_to_low": ...}; paths without channels are left out.
    """
    rows, columns, channels_in, channels_out = kernel.shape
    groups = ops.reshape(kernel, (rows, columns, channels_in, multiple, channels_out // multiple))
    cut, found = high_out // multiple, {}
    for source, taken in (("high", groups[:, :, :high_in]), ("low", groups[:, :, high_in:])):
        for target, part in (("high", taken[..., :cut]), ("low", taken[..., cut:])):
            shape = (rows, columns, part.shape[2], multiple * part.shape[4])
            if shape[2] and shape[3]:
                found[f"{source}_to_{target}"] = ops.reshape(part, shape)
    return found


def _check_even(what: str, shape, divisor: int) -> None:
    sides = [side for side in shape[1:3] if side is not None]
    if any(side % divisor for side in sides):
        raise ValueError(
            f"{what} is {'x'.join(map(str, sides))} pixels: height and width must be multiples of {divisor}, since the low "
            "frequencies are kept at half the size. Pad or resize it, or use alpha 0 here"
        )


@keras.saving.register_keras_serializable("faceswap_lab")
class OctaveConv2D(keras.layers.Layer):
    """A convolution whose input and output keep part of their channels at half the size.

    Four convolutions: high to high, low to low, high (averaged over 2x2) to low, and low to high (doubled afterwards,
    nearest neighbour). With alpha_in = alpha_out = 0 only the first is left: exactly `keras.layers.Conv2D`. The four kernels
    have together as many weights as the plain kernel. At strides 2 the low input already has the high output's size, so
    the path from low to high has stride 1 and nothing is doubled.

    Args:
        filters: channels out, high and low together.
        kernel_size: side of the kernels.
        alpha_in: the input's share of low frequencies: 0, a tensor of full size; 1, a tensor of half the size; between,
            a pair (high, low).
        alpha_out: the output's share, likewise.
        strides: 1 or 2.
        padding: "same" (zeros, as in `Conv2D`), or "reflect" (mirrored; odd kernels, strides 1).
        activation, use_bias, kernel_initializer, bias_initializer, kernel_regularizer: as in `Conv2D`. The four kernels start
            as pieces of one plain kernel, so its fan-in is right.
        multiple: high and low channels out are multiples of this: 4 before a pixel shuffle.

    Raises:
        ValueError: for other strides or paddings, an input that is not what alpha_in says, or one of odd size.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        alpha_in: float = 0.0,
        alpha_out: float = 0.0,
        strides: int = 1,
        padding: str = "same",
        activation=None,
        use_bias: bool = True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        multiple: int = 1,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if strides not in (1, 2):
            raise ValueError(f"strides {strides}: an octave convolution takes 1 or 2")
        if padding not in PADDINGS:
            raise ValueError(f"padding {padding!r}: an octave convolution takes one of {PADDINGS}")
        if padding == "reflect" and (strides != 1 or kernel_size % 2 == 0):
            raise ValueError("padding 'reflect' needs strides 1 and an odd kernel_size")
        if not 0 <= alpha_in <= 1:
            raise ValueError(f"alpha_in {alpha_in} is no share of low frequencies: give 0 (none) to 1 (all)")
        self.filters, self.kernel_size, self.strides, self.padding = filters, kernel_size, strides, padding
        self.alpha_in, self.alpha_out, self.multiple, self.use_bias = alpha_in, alpha_out, multiple, use_bias
        self.low_filters = low_channels(filters, alpha_out, multiple)
        self.high_filters = filters - self.low_filters
        self.activation = keras.activations.get(activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)

    def build(self, input_shape):
        high, low = self._parts(input_shape, of_shapes=True)
        self._check(high, low)
        high_in, low_in = (part[-1] if part else 0 for part in (high, low))
        whole = (self.kernel_size, self.kernel_size, high_in + low_in, self.filters)

        def piece(path):
            # A plain kernel is drawn and cut: the fan-in is that of all paths into an output, and a layer that starts like
            # another one (ICNR) does so in every part. The initializer gives the same numbers at every call.
            def initialize(shape, dtype=None):
                kernel = self.kernel_initializer(whole, dtype=dtype)
                return split_kernel(kernel, high_in, self.high_filters, self.multiple)[path]

            return initialize

        for source, channels_in in (("high", high_in), ("low", low_in)):
            for target, channels_out in (("high", self.high_filters), ("low", self.low_filters)):
                path, kernel = f"{source}_to_{target}", None
                if channels_in and channels_out:
                    kernel = self.add_weight(
                        shape=(self.kernel_size, self.kernel_size, channels_in, channels_out),
                        initializer=piece(path),
                        regularizer=self.kernel_regularizer,
                        name=path,
                    )
                setattr(self, path, kernel)
        for target, count in (("high", self.high_filters), ("low", self.low_filters)):
            options = {"shape": (count,), "initializer": self.bias_initializer, "name": f"bias_{target}"}
            setattr(self, f"bias_{target}", self.add_weight(**options) if self.use_bias and count else None)
        super().build(input_shape)

    def _parts(self, x, of_shapes: bool = False):
        """(high, low) of the input (tensors, or their shapes); what is not there is None."""
        pair = is_pair(x[0]) if of_shapes else is_pair(x)
        if pair != (0 < self.alpha_in < 1):
            wanted = "a pair (high, low)" if 0 < self.alpha_in < 1 else "one tensor"
            raise ValueError(
                f"{self.name}: alpha_in {self.alpha_in} means {wanted}; {'a pair' if pair else 'a tensor'} came"
            )
        if pair:
            high, low = x
            return high, low
        return (None, x) if self.alpha_in == 1 else (x, None)

    def _check(self, high, low) -> None:
        """Raises ValueError unless the shapes of the input's parts fit one another and can be halved."""
        if high and self.low_filters:
            _check_even(f"{self.name}: the input", high, 2 * self.strides)
        if low and self.strides == 2 and self.low_filters:
            _check_even(f"{self.name}: the low input", low, 2)
        if high and low:
            sides = zip(high[1:3], low[1:3], strict=True)
            if any(None not in pair and pair[0] != 2 * pair[1] for pair in sides):
                raise ValueError(f"{self.name}: high {high} and low {low}: low must be half as high and half as wide")
            if abs(low[-1] - self.alpha_in * (high[-1] + low[-1])) >= 1:
                raise ValueError(
                    f"{self.name}: {low[-1]} of {high[-1] + low[-1]} channels are low, which is not alpha_in {self.alpha_in}"
                )

    def _convolve(self, x, kernel, strides: int):
        padding = "same"
        if self.padding == "reflect":
            width, padding = self.kernel_size // 2, "valid"
            x = ops.pad(x, [[0, 0], [width, width], [width, width], [0, 0]], mode="reflect")
        return ops.conv(x, kernel, strides=strides, padding=padding, data_format="channels_last")

    def call(self, inputs):
        high, low = self._parts(inputs)
        self._check(None if high is None else high.shape, None if low is None else low.shape)
        to_high, to_low = [], []
        if self.high_to_high is not None:
            to_high.append(self._convolve(high, self.high_to_high, self.strides))
        if self.low_to_high is not None:
            lifted = self._convolve(low, self.low_to_high, 1)
            to_high.append(double(lifted) if self.strides == 1 else lifted)
        if self.high_to_low is not None:
            averaged = ops.average_pool(high, 2, strides=2, padding="valid", data_format="channels_last")
            to_low.append(self._convolve(averaged, self.high_to_low, self.strides))
        if self.low_to_low is not None:
            to_low.append(self._convolve(low, self.low_to_low, self.strides))
        outputs = []
        for paths, bias in ((to_high, self.bias_high), (to_low, self.bias_low)):
            if paths:
                y = paths[0] if len(paths) == 1 else paths[0] + paths[1]
                outputs.append(self.activation(y if bias is None else y + bias))
        return tuple(outputs) if len(outputs) == 2 else outputs[0]

    def compute_output_shape(self, input_shape):
        high, low = self._parts(input_shape, of_shapes=True)
        self._check(high, low)
        count, *sides = high[:3] if high else (low[0], *(side and 2 * side for side in low[1:3]))
        sides = [side and -(-side // self.strides) for side in sides]
        shapes = [(count, *sides, self.high_filters)] if self.high_filters else []
        if self.low_filters:
            shapes.append((count, *(side and side // 2 for side in sides), self.low_filters))
        return tuple(shapes) if len(shapes) == 2 else shapes[0]

    def multiplications(self, input_shape) -> int:
        """How many products one picture costs, forward.

        Args:
            input_shape: (N, H, W, C), or a pair of such.
        """
        high, low = self._parts(input_shape, of_shapes=True)
        made = self.compute_output_shape(input_shape)
        made = made if is_pair(made[0]) else (made, made)
        sizes = {"high": made[0], "low": made[-1]}
        channels = {"high": high[-1] if high else 0, "low": low[-1] if low else 0}
        filters, total = {"high": self.high_filters, "low": self.low_filters}, 0
        for source in ("high", "low"):
            for target in ("high", "low"):
                if channels[source] and filters[target]:
                    # The path from low to high is computed before it is doubled.
                    _, rows, columns, _ = low if (source, target) == ("low", "high") else sizes[target]
                    total += rows * columns * self.kernel_size**2 * channels[source] * filters[target]
        return total

    def get_config(self):
        plain = ("filters", "kernel_size", "alpha_in", "alpha_out", "strides", "padding", "use_bias", "multiple")
        return {
            **super().get_config(),
            **{name: getattr(self, name) for name in plain},
            "activation": keras.activations.serialize(self.activation),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }


def double(x):
    """Nearest-neighbour doubling: (N, H, W, C) to (N, 2H, 2W, C)."""
    return ops.repeat(ops.repeat(x, 2, axis=1), 2, axis=2)
