"""Teeth and gums: fourteen rounded teeth on each arch, fitted into the mouth of an actor.

MakeHuman's helper teeth say where the arches lie; they are too plain to be looked at, so teeth are built anew. Widths and
heights are those of textbooks (Wheeler's Dental Anatomy), in decimetres.
"""

from __future__ import annotations

import numpy as np

from .head import Head, best_affine

UPPER = ((0.085, 0.105), (0.066, 0.095), (0.076, 0.105), (0.070, 0.085), (0.068, 0.082), (0.10, 0.075), (0.095, 0.07))
LOWER = ((0.053, 0.088), (0.059, 0.09), (0.069, 0.10), (0.070, 0.085), (0.071, 0.08), (0.105, 0.075), (0.10, 0.07))
DEEP = 0.075  # thickness of a tooth
ACROSS, AROUND = 10, 12


def arch(box_low: np.ndarray, box_high: np.ndarray) -> np.ndarray:
    """(200, 3) points along an arch in the plane, from the middle to the person's left: half an ellipse's outline."""
    angle = np.linspace(0, np.pi / 2, 200)
    width, depth = box_high[0] - DEEP / 2, box_high[2] - box_low[2] - DEEP / 2
    x, z = width * np.sin(angle) ** 0.9, box_high[2] - DEEP / 2 - depth * (1 - np.cos(angle) ** 0.95)
    return np.c_[x, np.zeros(200), z]


def tooth(width: float, height: float, edge: float) -> tuple[np.ndarray, np.ndarray]:
    """A rounded block about the origin: vertices (n, 3), x along the arch, y up, z outwards, and its faces (m, 4).

    Args:
        edge: +1 when the biting edge is above (lower teeth), -1 below (upper teeth); that end is thinner.
    """
    up, around = np.meshgrid(
        np.linspace(-1, 1, ACROSS), np.linspace(0, 2 * np.pi, AROUND, endpoint=False), indexing="ij"
    )
    round_end = (1 - np.abs(up) ** 5) ** 0.35
    power = 0.62  # between a cylinder's 1 and a box's 0

    def rounded(value: np.ndarray) -> np.ndarray:
        return np.sign(value) * np.abs(value) ** power

    thin = 1 - 0.45 * np.clip(up * edge, 0, 1)
    narrow = 1 - 0.16 * np.clip(-up * edge, 0, 1)  # towards the gum
    x = rounded(np.cos(around)) * width / 2 * round_end * narrow
    z = rounded(np.sin(around)) * DEEP / 2 * round_end * thin
    vertices = np.stack([x, up * height / 2, z], -1).reshape(-1, 3)
    index = np.arange(ACROSS * AROUND).reshape(ACROSS, AROUND)
    next_index = np.roll(index, -1, 1)
    faces = np.stack([index[:-1], next_index[:-1], next_index[1:], index[1:]], -1).reshape(-1, 4)
    return vertices, faces


def row_of_teeth(head: Head, vertices: np.ndarray, upper: bool, seed: int) -> dict[str, np.ndarray]:
    """One arch in the mouth of `vertices` (19158, 3).

    Returns:
        "vertices" (n, 3), "faces" (m, 4), and "gum" (n,): 1 on the gum, 0 on the teeth.
    """
    random = np.random.default_rng(seed + upper)
    helper = head.group("helper-upper-teeth" if upper else "helper-lower-teeth")
    base = head.base[helper]
    low, high = base.min(0), base.max(0)
    path = arch(low, high)
    length = np.r_[0, np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))]
    edge = low[1] - 0.012 if upper else high[1] + 0.010  # the biting edge
    sizes = UPPER if upper else LOWER
    fit = 0.97 * length[-1] / sum(width for width, _ in sizes)
    points, faces, gums, count, at = [], [], [], 0, 0.0
    for number, (width, height) in enumerate(sizes):
        width *= fit
        where = at + width / 2
        at += width
        x, z = np.interp(where, length, path[:, 0]), np.interp(where, length, path[:, 2])
        ahead = np.interp(where + 0.01, length, path[:, 0]) - x, np.interp(where + 0.01, length, path[:, 2]) - z
        along = np.array([ahead[0], 0, ahead[1]]) / np.hypot(*ahead)
        outwards = np.array([-along[2], 0, along[0]])
        for side in (1, -1):
            shape, quads = tooth(width * 1.10, height, -1 if upper else 1)
            tilt = random.normal(0, 0.035)
            shape = shape @ np.array([[np.cos(tilt), np.sin(tilt), 0], [-np.sin(tilt), np.cos(tilt), 0], [0, 0, 1]])
            middle = edge + (height / 2 if upper else -height / 2) + random.normal(0, 0.0025)
            if number == 1 and upper:
                middle += 0.006  # lateral incisors end a little higher
            placed = shape[:, :1] * along + shape[:, 2:] * outwards + shape[:, 1:2] * [0, 1, 0] + [x, middle, z]
            placed = placed + random.normal(0, 0.003) * outwards
            points.append(placed * [side, 1, 1])
            faces.append((quads if side == 1 else quads[:, ::-1]) + count)
            gums.append(np.zeros(len(shape)))
            count += len(shape)
    # the gum: a tube that follows both halves of the arch and covers the roots
    whole = np.r_[path[::-6] * [-1, 1, 1], path[::6][1:]]
    around = np.linspace(0, 2 * np.pi, AROUND, endpoint=False)
    root = edge + (0.135 if upper else -0.125)
    tangent = np.gradient(whole, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    outwards = np.c_[-tangent[:, 2], np.zeros(len(whole)), tangent[:, 0]]
    ring = np.cos(around)[None, :, None] * outwards[:, None] * 0.062
    ring = ring + np.sin(around)[None, :, None] * np.array([0, 0.058, 0])
    wave = 0.008 * np.cos(np.linspace(0, 28 * np.pi, len(whole)))[:, None, None] * np.array([0, 1, 0])
    tube = whole[:, None] + ring + wave + [0, root, 0]
    index = np.arange(tube.shape[0] * AROUND).reshape(-1, AROUND) + count
    following = np.roll(index, -1, 1)
    faces.append(np.stack([index[:-1], following[:-1], following[1:], index[1:]], -1).reshape(-1, 4))
    points.append(tube.reshape(-1, 3))
    gums.append(np.ones(tube.shape[0] * AROUND))
    placed = np.concatenate(points)
    fitted = np.c_[placed, np.ones(len(placed))] @ best_affine(base, vertices[helper])
    return {"vertices": fitted, "faces": np.concatenate(faces), "gum": np.concatenate(gums)}
