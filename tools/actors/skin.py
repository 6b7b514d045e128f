"""Paints an actor's skin: colour, relief and gloss as pictures over the head's texture coordinates.

A painter's order, every layer procedural and seeded: uneven pigment, redness where blood lies near, shadows under the
eyes, lips, freckles, moles, pores, wrinkles, stubble, and a soft ground under brows and hair. No photograph is used.
Positions are those of the neutral base mesh in decimetres, with the origin between the eyes, so every actor's features sit
in the same place of the texture.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.ndimage import distance_transform_edt, map_coordinates
from scipy.spatial import cKDTree

from .head import BODY, Head

SIZE = 4096  # pixels of the square texture: about 4.4 a millimetre on the face
LATTICE = 32


@dataclass(frozen=True)
class Texels:
    """The pixels of the texture that lie on the head.

    Args:
        row, column: (n,) place in the texture. place: (n, 3) in the base mesh, origin between the eyes.
        mask: name -> (n,) weights of the head's masks. size: pixels of the square texture.
    """

    row: np.ndarray
    column: np.ndarray
    place: np.ndarray
    mask: dict[str, np.ndarray]
    size: int


def origin(head: Head) -> np.ndarray:
    """(3,) the point between the eyes in the base mesh."""
    return head.eyes.mean(0)


def skin_quads(head: Head) -> np.ndarray:
    """Numbers of the faces of head, neck and shoulders: all the skin that is rendered."""
    centre = head.base[head.quads].mean(1)
    return np.flatnonzero((head.groups == "body") & (centre[:, 1] > 4.6) & (np.abs(centre[:, 0]) < 2.6))


def texels(head: Head, size: int | None = None) -> Texels:
    """Every pixel of the texture (size x size; None: SIZE) on the skin, with its place on the base mesh."""
    size = size or SIZE
    names = list(head.mask)
    values = np.c_[head.base - origin(head), np.stack([head.mask[name] for name in names], 1)]
    rows, columns, found = [], [], []
    for number in skin_quads(head):
        corners, at = head.quads[number], head.uv[head.quads_uv[number]] * size
        for pick in ([0, 1, 2], [0, 2, 3]):
            a, b, c = at[pick]
            low = np.maximum(np.floor(at[pick].min(0)).astype(int), 0)
            high = np.minimum(np.ceil(at[pick].max(0)).astype(int), size - 1)
            x, y = np.meshgrid(np.arange(low[0], high[0] + 1), np.arange(low[1], high[1] + 1))
            double = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
            if abs(double) < 1e-9:
                continue
            px, py = x + 0.5 - a[0], y + 0.5 - a[1]
            second = (px * (c[1] - a[1]) - py * (c[0] - a[0])) / double
            third = ((b[0] - a[0]) * py - (b[1] - a[1]) * px) / double
            inside = (second >= -1e-6) & (third >= -1e-6) & (second + third <= 1 + 1e-6)
            weights = np.stack([1 - second - third, second, third], -1)[inside]
            rows.append(size - 1 - y[inside])  # texture coordinates count from the bottom
            columns.append(x[inside])
            found.append((weights @ values[corners[pick]]).astype(np.float32))
    row, column, found = np.concatenate(rows), np.concatenate(columns), np.concatenate(found)
    return Texels(row, column, found[:, :3], {name: found[:, 3 + k] for k, name in enumerate(names)}, size)


class Noise:
    """Smooth random fields over space, each with its own lattice (cubic B-splines over random values)."""

    def __init__(self, seed: int):
        self.random = np.random.default_rng(seed)

    def __call__(self, place: np.ndarray, size: float, octaves: int = 1, stretch=(1, 1, 1)) -> np.ndarray:
        """Values (n,), mean 0, deviation 1, with blots of about `size` decimetres; each octave halves it."""
        total, weight = np.zeros(len(place), np.float32), 0.0
        for octave in range(octaves):
            lattice = self.random.normal(size=(LATTICE,) * 3).astype(np.float32)
            at = place / (size / 2**octave) / np.asarray(stretch) + self.random.uniform(0, LATTICE, 3)
            share = 0.6**octave
            total += share * map_coordinates(lattice, at.T, order=2, mode="grid-wrap")
            weight += share**2
        return total / np.sqrt(weight) / 0.55  # a spline through white noise has a deviation of about 0.55


def ramp(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 below `low`, 1 above `high`, smooth between; low > high turns it round."""
    t = np.clip((values - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def blob(place: np.ndarray, centre, width) -> np.ndarray:
    """A Gaussian hill of height 1 about `centre` with deviations `width` (3,)."""
    return np.exp(-(((place - np.asarray(centre)) / np.asarray(width)) ** 2).sum(1) / 2)


def both(place: np.ndarray, centre, width) -> np.ndarray:
    """Hills on both sides of the face."""
    x, y, z = centre
    return blob(place, (x, y, z), width) + blob(place, (-x, y, z), width)


def scatter(random: np.random.Generator, place: np.ndarray, chance: np.ndarray, count: int) -> np.ndarray:
    """(count,) numbers of texels picked with odds `chance`: texels are spread about evenly over the skin."""
    edges = np.cumsum(np.clip(chance, 0, None), dtype=np.float64)
    return np.minimum(np.searchsorted(edges, random.uniform(0, edges[-1], count)), len(place) - 1)


def spots(place: np.ndarray, centres: np.ndarray, radii: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How deep each texel lies in the nearest spot: (n,) 1 in the middle to 0 outside, and that spot's number."""
    distance, number = cKDTree(centres).query(place, distance_upper_bound=float(radii.max()), workers=1)
    number = np.minimum(number, len(radii) - 1)
    return np.clip(1 - np.where(np.isfinite(distance), distance, 9) / radii[number], 0, 1), number


def scalp(place: np.ndarray, line: float = 0.0) -> np.ndarray:
    """Density of head hair, 0..1, on the base mesh: everything above a hairline given as elevation over azimuth.

    Args:
        place: (n, 3) origin between the eyes. line: degrees by which the hairline lies higher.
    """
    ray = place - np.array([0, 0.166, -0.895])  # from the middle of the skull
    ray = ray / np.linalg.norm(ray, axis=1, keepdims=True)
    azimuth = np.degrees(np.abs(np.arctan2(ray[:, 0], ray[:, 2])))
    elevation = np.degrees(np.arcsin(np.clip(ray[:, 1], -1, 1)))
    at = [0, 20, 38, 52, 64, 76, 88, 100, 112, 130, 180]
    edge = np.interp(azimuth, at, [31, 32, 30, 23, 8, -6, 2, -4, -18, -34, -42]) + line * (azimuth < 70)
    return ramp(elevation - edge, -3, 9)


def brow_shape(along: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The middle line of a brow: x (for the person's left), y and relative half height for `along` 0 (nose) to 1."""
    x = 0.3078 * (0.36 + 1.36 * along)
    y = 0.15 + 0.075 * np.sin(np.pi * (along * 0.78 + 0.10)) - 0.156 * np.clip(along - 0.62, 0, 1)
    return x, y, np.interp(along, [0, 0.12, 0.55, 1], [0.7, 1.0, 0.8, 0.15])


def brow_cover(place: np.ndarray, width: float) -> np.ndarray:
    """How much brow covers each place, 0..1."""
    along = np.linspace(0, 1, 60)
    x, y, height = brow_shape(along)
    number = np.clip(np.searchsorted(x, np.abs(place[:, 0])), 0, 59)
    away = np.abs(place[:, 1] - y[number]) / (width * height[number])
    ends = ramp(np.abs(place[:, 0]), x[0] - 0.02, x[0] + 0.05) * ramp(np.abs(place[:, 0]), x[-1] + 0.02, x[-1] - 0.06)
    return np.exp(-(away**2)) * ends * (place[:, 2] > -0.35)


def beard(place: np.ndarray, lips: np.ndarray) -> np.ndarray:
    """Where a beard grows, 0..1: jaw, chin, upper lip, and thinly the cheeks."""
    x, y, z = np.abs(place[:, 0]), place[:, 1], place[:, 2]
    edge = -0.50 - 0.20 * ramp(x, 0.5, 0.15) + 0.55 * np.clip(x - 0.42, 0, 1)
    cheek = ramp(edge - y, -0.02, 0.16) * ramp(y, -1.42, -1.18) * ramp(z, -0.62, -0.30)
    moustache = blob(place, (0, -0.545, 0.3), (0.20, 0.05, 0.25))
    return np.clip(np.maximum(cheek, 0.85 * moustache), 0, 1) * (1 - lips)


def paint(head: Head, actor, cells: Texels | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The skin of an actor.

    Args:
        head: the mesh. actor: cast.Actor. cells: `texels(head)`, when it is already there.

    Returns:
        colour: (size, size, 3) uint8 BGR, sRGB. surface: (size, size, 3) uint16 BGR: red the height (32768 = skin,
        65535 = about 0.45 mm above), green the roughness x 65535, blue 0.
    """
    cells = texels(head) if cells is None else cells
    p, mask = cells.place, cells.mask
    random, noise = np.random.default_rng(actor.seed), Noise(actor.seed + 1000)
    lips = ramp(mask["lips"] + 0.06 * noise(p, 0.03), 0.25, 0.65)
    face = ramp(mask["face"], 0.05, 0.5)

    colour = np.repeat(np.asarray(actor.skin, np.float32)[None], len(p), 0)
    pigment = 0.05 * noise(p, 0.35, 2) + 0.028 * noise(p, 0.07, 2) + 0.022 * noise(p, 0.018, 2)
    pigment -= 0.05 * blob(p, (0, 0.6, 0.2), (0.5, 0.3, 0.5))  # the forehead is paler
    colour *= np.exp(-pigment[:, None] * np.float32([0.7, 1.0, 1.25]))

    blood = both(p, (0.46, -0.36, 0.05), (0.17, 0.15, 0.3)) + 0.9 * blob(p, (0, -0.36, 0.4), (0.13, 0.12, 0.2))
    blood += 0.6 * mask["ears"] + 0.45 * blob(p, (0, -1.0, 0.25), (0.16, 0.12, 0.3)) + 0.5 * mask["eyelids"]
    blood = np.clip(blood + 0.16 * noise(p, 0.11, 3) * face, 0, 1.4) * actor.redness
    colour *= 1 - blood[:, None] * np.float32([0.04, 0.30, 0.27])
    tired = both(p, (0.27, -0.17, 0.1), (0.13, 0.05, 0.2)) + 0.7 * both(p, (0.13, 0.02, 0.1), (0.06, 0.09, 0.2))
    colour *= 1 - tired[:, None] * np.float32([0.16, 0.22, 0.17]) * (0.6 + 0.6 * actor.wrinkles)
    fold = both(p, (0.235, -0.46, 0.25), (0.035, 0.1, 0.2))
    colour *= 1 - 0.18 * actor.wrinkles * fold[:, None]

    relief = 0.10 * noise(p, 0.03, 3)
    gloss = 0.46 + 0.035 * noise(p, 0.06, 2)
    gloss -= 0.07 * (blob(p, (0, 0.45, 0.2), (0.3, 0.2, 0.4)) + blob(p, (0, -0.25, 0.4), (0.09, 0.22, 0.2)))

    # pores: pits, many on nose and cheeks, few elsewhere
    chance = 0.25 + both(p, (0.3, -0.35, 0.2), (0.2, 0.2, 0.3)) + blob(p, (0, -0.3, 0.4), (0.12, 0.2, 0.3))
    chance = chance + 0.5 * blob(p, (0, 0.5, 0.2), (0.4, 0.25, 0.4))
    picked = scatter(random, p, chance * face, 26000)
    deep, _ = spots(p, p[picked], random.uniform(0.004, 0.0085, len(picked)))
    relief -= 0.5 * deep
    colour *= 1 - 0.14 * deep[:, None]

    if actor.freckles:
        patches = ramp(noise(p, 0.14, 2), -0.6, 1.2)
        chance = (
            both(p, (0.32, -0.28, 0.2), (0.2, 0.15, 0.3)) + blob(p, (0, -0.22, 0.4), (0.14, 0.15, 0.3)) + 0.10 * face
        )
        picked = scatter(random, p, chance * patches * (1 - lips), int(1500 * actor.freckles) + 20)
        strength = random.uniform(0.15, 0.75, len(picked)) * (0.5 + 0.5 * actor.freckles)
        deep, number = spots(p, p[picked], random.gamma(4, 0.0036, len(picked)).clip(0.005, 0.03))
        amount = ramp(deep, 0, 0.7) * strength[number]
        colour *= 1 - amount[:, None] * np.float32([0.26, 0.40, 0.46])

    for x, y in actor.moles:
        near = np.flatnonzero((np.hypot(p[:, 0] - x, p[:, 1] - y) < 0.2) & (p[:, 2] > -0.6))
        if len(near):
            middle = p[near[np.hypot(p[near, 0] - x, p[near, 1] - y).argmin()]]
            amount = ramp(np.linalg.norm(p - middle, axis=1), 0.021, 0.010)
            colour *= 1 - amount[:, None] * np.float32([0.66, 0.76, 0.80])
            relief += 1.2 * amount

    if actor.wrinkles:
        wave = p[:, 1] + 0.02 * noise(p, 0.25) + 0.10 * p[:, 0] ** 2
        lines = np.exp(-(((wave - 0.40) % 0.105 - 0.05) ** 2) / (2 * 0.007**2))
        lines *= blob(p, (0, 0.55, 0.2), (0.32, 0.13, 0.5)) * ramp(noise(p, 0.22), -1.2, 0.6)
        side = np.arctan2(p[:, 1] - 0.0, np.abs(p[:, 0]) - 0.42)
        crow = np.exp(-(((side + 0.03 * noise(p, 0.1)) % 0.28 - 0.14) ** 2) / (2 * 0.035**2))
        crow *= both(p, (0.57, -0.02, -0.1), (0.05, 0.09, 0.2))
        crease = np.clip(lines + crow, 0, 1) * actor.wrinkles
        relief -= 1.5 * crease
        colour *= 1 - 0.14 * crease[:, None]

    # lips: their own colour, fine upright wrinkles, wetter
    ridge = noise(p, 0.016, 2, stretch=(1, 6, 6))
    lip = np.asarray(actor.lips, np.float32) * np.exp(-0.12 * ridge[:, None] - 0.06 * noise(p, 0.05, 2)[:, None])
    colour = colour * (1 - 0.85 * lips[:, None]) + 0.85 * lips[:, None] * lip
    relief += 0.55 * ridge * lips
    gloss -= 0.12 * lips

    if actor.makeup:
        lid = both(p, (0.31, 0.055, 0.1), (0.13, 0.05, 0.3)) * (p[:, 1] > -0.02) * (1 - 0.3 * noise(p, 0.02).clip(0, 1))
        lid = (actor.makeup * np.clip(1.3 * lid, 0, 1))[:, None]
        colour = colour * (1 - lid) + lid * np.float32(actor.lids)

    if actor.stubble:
        zone = beard(p, lips)
        colour *= 1 - actor.stubble * zone[:, None] * np.float32([0.30, 0.26, 0.20])
        picked = scatter(random, p, zone * (p[:, 1] > -1.5), int(24000 * actor.stubble))
        deep, _ = spots(p, p[picked], np.full(len(picked), 0.0055))
        hairs = (ramp(deep, 0.1, 0.7) * 0.75 * ramp(zone, 0, 0.3))[:, None]
        colour = colour * (1 - hairs) + hairs * np.float32(actor.hair.colour)
        relief += 0.5 * hairs[:, 0]

    ground = 0.24 * brow_cover(p, actor.brow_width)[:, None]
    colour = colour * (1 - ground) + ground * np.float32(actor.brows)
    ground = (0.8 * scalp(p, actor.hair.line) * (mask["ears"] < 0.1))[:, None]
    colour = colour * (1 - ground) + ground * np.float32(actor.hair.colour)

    inside = ramp(mask["inside-mouth"], 0.3, 0.7)[:, None]
    colour = colour * (1 - inside) + inside * np.float32([0.36, 0.075, 0.065])
    gloss = np.where(inside[:, 0] > 0.5, 0.3, gloss)

    srgb = np.where(colour < 0.0031308, 12.92 * colour, 1.055 * np.clip(colour, 0.0031308, 1) ** (1 / 2.4) - 0.055)
    painted = np.zeros((cells.size, cells.size, 3), np.uint8)
    painted[cells.row, cells.column] = np.clip(srgb * 255 + 0.5, 0, 255).astype(np.uint8)[:, ::-1]
    surface = np.zeros((cells.size, cells.size, 3), np.uint16)
    surface[cells.row, cells.column, 2] = np.clip(32768 + relief * 8000, 0, 65535)
    surface[cells.row, cells.column, 1] = np.clip(gloss, 0.2, 0.9) * 65535
    return _padded(painted, cells), _padded(surface, cells)


def _padded(picture: np.ndarray, cells: Texels, margin: int = 12) -> np.ndarray:
    """The picture with the colour of every island's edge spread outwards, so that no black is filtered in."""
    covered = np.zeros(picture.shape[:2], np.uint8)
    covered[cells.row, cells.column] = 1
    near = cv2.dilate(covered, np.ones((2 * margin + 1,) * 2, np.uint8)).astype(bool) & (covered == 0)
    row, column = distance_transform_edt(covered == 0, return_distances=False, return_indices=True)
    picture[near] = picture[row[near], column[near]]
    return picture


def vertex_masks(head: Head) -> dict[str, np.ndarray]:
    """The head's masks as the renderer needs them, (19158,) each: face, lips, inside-mouth."""
    soft = head.inner_face()
    return {"face": soft, "lips": head.mask["lips"], "inside": np.r_[head.mask["inside-mouth"][:BODY], soft[BODY:] * 0]}
