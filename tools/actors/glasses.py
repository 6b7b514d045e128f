"""Glasses: two rims, a bridge and two temples as tubes, made to fit a head. Decimetres, as in head.py."""

from __future__ import annotations

import numpy as np

from .head import BODY, Head

THICK = 0.022  # radius of the rims


def tube(path: np.ndarray, radius: float, closed: bool, sides: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """A tube about the path (n, 3): vertices (n * sides, 3), the quads between them."""
    count = len(path)
    along = np.roll(path, -1, 0) - np.roll(path, 1, 0)
    if not closed:
        along[0], along[-1] = path[1] - path[0], path[-1] - path[-2]
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    first = np.cross(along, np.where(np.abs(along[:, 1:2]) < 0.9, [[0, 1.0, 0]], [[0, 0, 1.0]]))
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    if closed:  # a rim lies in a plane across z: turn about that, so that the ring does not twist
        first = np.repeat([[0, 0, 1.0]], count, 0)
    second = np.cross(along, first)
    angle = np.arange(sides) * 2 * np.pi / sides
    ring = np.cos(angle)[None, :, None] * first[:, None] + np.sin(angle)[None, :, None] * second[:, None]
    a = np.arange(count if closed else count - 1)[:, None] * sides + np.arange(sides)
    b = np.arange(count if closed else count - 1)[:, None] * sides + (np.arange(sides) + 1) % sides
    quads = np.stack([a, b, (b + sides) % (count * sides), (a + sides) % (count * sides)], -1).reshape(-1, 4)
    return (path[:, None] + radius * ring).reshape(-1, 3), quads


def made(head: Head, vertices: np.ndarray, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Glasses for the head with these neutral vertices (19158, 3): vertices and quads.

    Args:
        kind: "round" or "square".
    """
    skin = vertices[:BODY]
    parts = []
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    power = 1.0 if kind == "round" else 0.45  # a superellipse
    centres = np.array([vertices[head.group(f"helper-{side}-eye")].mean(0) for side in "lr"]) - [0, 0.04, 0]
    wide, high = (0.235, 0.215) if kind == "round" else (0.27, 0.19)
    fits = min(1.0, (centres[0, 0] - 0.075) / wide)  # room for the bridge
    wide, high = wide * fits, high * fits
    x = wide * np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** power
    y = high * np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** power
    near = np.abs(skin[:, 1] - centres[0, 1]) < high + 0.03
    front = max(skin[near & (np.hypot(skin[:, 0] - c[0], skin[:, 1] - c[1]) < wide), 2].max() for c in centres) + 0.04
    beside = near & (skin[:, 2] < -0.3) & (skin[:, 2] > -0.9) & (head.mask["ears"][:BODY] < 0.05)
    skull = np.abs(skin[beside, 0]).max()
    for centre, side in zip(centres, (1, -1), strict=True):
        bow = 0.12 * ((x * side) / wide).clip(0) ** 2  # the outer half bends back a little
        parts.append(tube(np.c_[centre[0] + x, centre[1] + y, front - bow], THICK, True))
        hinge = np.array([centre[0] + side * wide, centre[1] + 0.3 * high, front - 0.12])
        temple = np.array([side * (skull + 0.01), hinge[1], -0.45])
        behind = np.array([side * (skull - 0.02), centre[1] + 0.05, -0.95])
        parts.append(
            tube(np.array([hinge, (hinge + temple) / 2 + [side * 0.05, 0, 0.05], temple, behind]), THICK, False)
        )
    across = np.linspace(-1, 1, 9)
    half = abs(centres[0, 0]) - wide
    bridge = np.c_[across * half, centres[0, 1] + 0.06 + 0.04 * (1 - across**2), front + 0.03 * (1 - across**2)]
    parts.append(tube(bridge, 0.8 * THICK, False))
    offsets = np.cumsum([0, *(len(points) for points, _ in parts[:-1])])
    quads = np.concatenate([faces + offset for (_, faces), offset in zip(parts, offsets, strict=True)])
    return np.concatenate([points for points, _ in parts]), quads
