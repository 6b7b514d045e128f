"""Warps and light changes for a whole batch at once, inside the compiled training step.

A face set sits in memory as uint8 and travels to the accelerator once (`FaceBank`). Everything random is drawn with
`keras.random`, and everything geometric is one bilinear look-up, so the same code runs on every backend.
"""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from faceswap_lab.base import files
from faceswap_lab.models import replicas

_AT_ONCE = 256  # pictures that travel together


@dataclass(frozen=True)
class Augmentation:
    """How far a training face may stray from the one on disk. All distances are shares of the square's side.

    Args:
        rotation: largest turn, degrees.
        zoom: largest change of scale (0.05 = 5 %).
        shift: largest shift.
        flip: share of faces mirrored left to right.
        warp: standard deviation of the warp grid's jitter. The input is bent, the target is not: to undo the bend, the
            network has to know what a face looks like.
        warp_grid: points of the warp grid along one side.
        gain, tint: largest brightness factor and colour cast (log scale), put on input and target alike.
        slope: strength of a sideways light, put on input and target alike.
        gamma: largest contrast exponent (log scale), on input and target alike.
        shape_transfer: share of inputs taken from the transferred faces (in the other person's shape), where there are any:
            practice for the swap itself, since the face before the bend is the right answer.
        input_gamma, fade: contrast exponent (log scale) and largest loss of colour of the input alone: the other
            person's skin differs.
        other_light: largest share of the difference between the light on two other faces of the sets
            (`lighting.light_fields`) that is put on a face, input and target alike.
    """

    rotation: float = 10.0
    zoom: float = 0.05
    shift: float = 0.05
    flip: float = 0.5
    warp: float = 0.022
    warp_grid: int = 5
    gain: float = 0.2
    tint: float = 0.06
    slope: float = 0.25
    gamma: float = 0.15
    shape_transfer: float = 0.5
    input_gamma: float = 0.25
    fade: float = 0.6
    other_light: float = 0.0


class FaceBank(keras.layers.Layer):
    """A face set on the accelerator: pictures and masks as uint8, looked up by index. It is not saved with the model.

    Args:
        faces: (N, S, S, 3) uint8 RGB.
        masks: (N, S, S, M) uint8, 255 = inside; M masks a face (face, eyes, mouth).
        transferred: (N, S, S, 3) uint8 RGB, the faces bent into the other person's shape; None: the faces themselves.
    """

    def __init__(self, faces: np.ndarray, masks: np.ndarray, transferred: np.ndarray | None = None, **kwargs):
        super().__init__(trainable=False, **kwargs)
        transferred = faces if transferred is None else transferred
        if len(faces) != len(masks) or faces.shape[1:3] != masks.shape[1:3] or transferred.shape != faces.shape:
            raise ValueError(
                f"faces {faces.shape}, masks {masks.shape} and transferred {transferred.shape} do not belong together"
            )
        stacked = self._stacked(faces, masks, transferred)
        self.pictures = self.add_weight(
            shape=stacked.shape,
            dtype="uint8",
            initializer=lambda shape, dtype=None: stacked,
            trainable=False,
        )
        self.built = True

    def _stacked(self, *parts: np.ndarray):
        """The parts side by side on the accelerator, some pictures at a time: there is no second copy in the machine's memory."""
        stacked = []
        for start in range(0, len(parts[0]), _AT_ONCE):
            some = [part[start : start + _AT_ONCE] for part in parts]
            stacked.append(ops.convert_to_tensor(np.concatenate(some, axis=-1, dtype=np.uint8, casting="unsafe")))
            for part in parts:
                files.release(part)
        return ops.concatenate(stacked, axis=0)

    def call(self, index):
        """Args: index (B,) int. Returns: (B, S, S, 3 + M + 3) float32 in [0, 1]: face, masks, transferred face."""
        return ops.cast(ops.take(self.pictures, index, axis=0), "float32") / 255.0

    def save_own_variables(self, store):
        """The pictures lie in the face set's folder; a model file holds weights only."""

    def load_own_variables(self, store):
        pass


def _smooth_upsampling(points: int, size: int) -> np.ndarray:
    """(size, points) weights of a cubic B-spline-like interpolation from a grid line to pixels (rows sum to 1)."""
    position = np.linspace(0, points - 1, size)
    distance = np.abs(position[:, None] - np.arange(points)[None, :])
    near, far = 2 / 3 - distance**2 + distance**3 / 2, (2 - distance) ** 3 / 6
    weights = np.where(distance < 1, near, np.where(distance < 2, far, 0.0))
    return (weights / weights.sum(axis=1, keepdims=True)).astype("float32")


def sample_bilinear(images, x, y):
    """Looks pictures up at sub-pixel places; beyond the border the border is repeated.

    Args:
        images: (B, H, W, C) float32.
        x, y: (B, h, w) float32, pixel coordinates (pixel centres at whole numbers).

    Returns:
        (B, h, w, C) float32.
    """
    height, width, channels = images.shape[1], images.shape[2], images.shape[3]
    x = ops.clip(x, 0.0, width - 1.001)
    y = ops.clip(y, 0.0, height - 1.001)
    x0, y0 = ops.floor(x), ops.floor(y)
    dx, dy = (x - x0)[..., None], (y - y0)[..., None]
    batch = ops.shape(images)[0]
    flat = ops.reshape(images, (-1, channels))
    start = ops.reshape(ops.arange(batch, dtype="int32") * (height * width), (-1, 1, 1))
    corner = start + ops.cast(y0, "int32") * width + ops.cast(x0, "int32")
    left, right = ops.take(flat, corner, axis=0), ops.take(flat, corner + 1, axis=0)
    top = left + (right - left) * dx
    left, right = ops.take(flat, corner + width, axis=0), ops.take(flat, corner + width + 1, axis=0)
    bottom = left + (right - left) * dx
    return top + (bottom - top) * dy


def random_views(pictures, size: int, options: Augmentation, seed, people: int = 2, lights=None):
    """One random view of every face: the bent input and the straight target, under the same light.

    Args:
        pictures: (B, S, S, 3 + M + 3) float32 in [0, 1]: face, M masks, transferred face.
        size: side of the views in pixels.
        options: how far to go.
        seed: a `keras.random.SeedGenerator`.
        people: equal blocks that the pictures come in (A's, then B's). It counts where a step runs in parts
            (`replicas`): each face is varied as it would be alone.
        lights: (N, cells, cells, 3) float32, the light on N faces (`lighting.light_fields`) for `other_light`, or None.

    Returns:
        warped (B, size, size, 3) and target (B, size, size, 3 + M), float32 in [0, 1]. Both share rotation, zoom,
        shift, mirror and light; only `warped` is bent, and only its contrast and colour fade.
    """
    batch, side = ops.shape(pictures)[0] * replicas.current().count, pictures.shape[1]

    def uniform(shape, low=0.0, high=1.0):
        return replicas.own_rows(keras.random.uniform((batch, *shape), low, high, seed=seed), people)

    def draw(shape, limit):
        return uniform(shape, -limit, limit)

    line = (np.arange(size, dtype="float32") + 0.5) / size - 0.5
    grid_x, grid_y = np.meshgrid(line, line)
    angle = draw((1, 1), options.rotation * np.pi / 180)
    scale = ops.exp(draw((1, 1), options.zoom))
    mirror = ops.where(uniform((1, 1)) < options.flip, -1.0, 1.0)
    shift_x, shift_y = draw((1, 1), options.shift), draw((1, 1), options.shift)
    cosine, sine = ops.cos(angle) * scale, ops.sin(angle) * scale

    def place(u, v):
        x = mirror * (cosine * u - sine * v + shift_x)
        y = sine * u + cosine * v + shift_y
        return (x + 0.5) * side - 0.5, (y + 0.5) * side - 0.5

    target = sample_bilinear(pictures[..., :-3], *place(grid_x[None], grid_y[None]))
    points = options.warp_grid
    spread = ops.convert_to_tensor(_smooth_upsampling(points, size))
    jitter = keras.random.normal((batch, 2, points, points), stddev=options.warp, seed=seed)
    jitter = replicas.own_rows(jitter, people)
    # A bend as a whole may also be a shift, a turn or a zoom; taken out (least squares), the answer stays where it is.
    jitter = jitter - _similarity_part(jitter, points)
    bend = ops.einsum("hp,bcpq,wq->bchw", spread, jitter, spread) * 1.5  # the spline averages: 1.5 restores the spread
    practise = uniform((1, 1, 1)) < options.shape_transfer
    inputs = ops.where(practise, pictures[..., -3:], pictures[..., :3])
    warped = sample_bilinear(inputs, *place(grid_x[None] + bend[:, 0], grid_y[None] + bend[:, 1]))

    gain = ops.exp(draw((1, 1, 1), options.gain) + draw((1, 1, 3), options.tint))
    slope_x, slope_y = draw((1, 1), options.slope), draw((1, 1), options.slope)
    light = ops.exp(2 * (slope_x * grid_x[None] + slope_y * grid_y[None]))[..., None] * gain
    if lights is not None and options.other_light:
        here, there = (ops.cast(uniform(()) * lights.shape[0], "int32") for _ in range(2))
        field = ops.take(lights, there, axis=0) - ops.take(lights, here, axis=0)
        onto = ops.convert_to_tensor(_smooth_upsampling(lights.shape[1], size))
        light = light * ops.exp(
            uniform((1, 1, 1), 0.0, options.other_light) * ops.einsum("hp,bpqc,wq->bhwc", onto, field, onto)
        )
    exponent = ops.exp(draw((1, 1, 1), options.gamma))

    def lit(colour, power):
        # exp(power log x): on a CPU a third of the time of x ** power
        return ops.clip(ops.exp(power * ops.log(ops.clip(colour, 1e-4, 1.0))) * light, 0.0, 1.0)

    fade = uniform((1, 1, 1), 0.0, options.fade) if options.fade else 0.0
    warped = lit(warped, exponent * ops.exp(draw((1, 1, 1), options.input_gamma)))
    warped = warped + fade * (ops.mean(warped, axis=-1, keepdims=True) - warped)
    return warped, ops.concatenate([lit(target[..., :3], exponent), target[..., 3:]], axis=-1)


def _similarity_part(jitter, points: int):
    """The best similarity inside a field of grid displacements (B, 2, p, p): its shift, turn and zoom."""
    line = np.linspace(-1, 1, points).astype("float32")
    u, v = np.meshgrid(line, line)
    norm = float((u**2 + v**2).sum())
    mean = ops.mean(jitter, axis=(2, 3), keepdims=True)
    dx, dy = jitter[:, 0], jitter[:, 1]
    zoom = ops.sum(dx * u + dy * v, axis=(1, 2), keepdims=True) / norm
    turn = ops.sum(dy * u - dx * v, axis=(1, 2), keepdims=True) / norm
    return mean + ops.stack([zoom * u - turn * v, turn * u + zoom * v], axis=1)
