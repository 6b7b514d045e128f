"""Exercises of lesson 02: poses, boxes and the similarity."""

from __future__ import annotations

import numpy as np

from faceswap_lab.course.checks.exercise import choice, exercise

SQUARE = np.array([0.0, 0.0, 10.0, 10.0])
_draw = np.random.default_rng(2)
_corner = _draw.uniform(0, 60, (40, 2))
BOXES, SCORES = np.hstack([_corner, _corner + _draw.uniform(10, 30, (40, 2))]), _draw.permutation(40) / 40
# A chain: the first overlaps the second, the second the third, the first not the third.
CHAIN, SURE = np.array([[0.0, 0, 10, 10], [3, 0, 13, 10], [6, 0, 16, 10]]), np.array([0.9, 0.8, 0.7])

# Yaw and pitch of two pictures: one knows the yaw of (30, 20), the other its pitch, neither knows both.
ONE_EACH = np.array([[30.0, 0.0], [0.0, 20.0]])
_poses = np.random.default_rng(3)
THIRTY, TWENTY = _poses.normal(0, (20, 10), (30, 2)), _poses.normal(8, (12, 6), (20, 2))


def _apart(target, source, order=2):
    return np.linalg.norm(target[:, None] - source[None], axis=2, ord=order)


@exercise(
    "02",
    {
        "thirty poses and twenty": (THIRTY, TWENTY, 12.0),
        "twenty poses and thirty": (TWENTY, THIRTY, 12.0),
        "one picture with the yaw, another with the pitch": (np.array([[30.0, 20.0], [30, 2]]), ONE_EACH, 5.0),
        "a nearest pose just 5 degrees away, with near = 5": (np.array([[3.0, 4.0]]), np.zeros((1, 2)), 5.0),
    },
    {
        "each pose of the *target* looks for its nearest: the minimum goes along the other axis": (
            lambda t, s, near: np.mean(_apart(t, s).min(axis=0) > near)
        ),
        "one pose of the source that is near is enough: take the minimum first, then compare": (
            lambda t, s, near: np.mean(_apart(t, s) > near)
        ),
        "one pose of the source that is near is enough, however far the mean is": (
            lambda t, s, near: np.mean(_apart(t, s).mean(axis=1) > near)
        ),
        "that is the share that the source *does* know": lambda t, s, near: np.mean(_apart(t, s).min(axis=1) <= near),
        "yaw and pitch must be near in *one* picture of the source": (
            lambda t, s, near: np.mean((np.abs(t[:, None] - s[None]).min(axis=1) > near).any(axis=1))
        ),
        "the distance is the root of the squares' sum, not yaw and pitch added": (
            lambda t, s, near: np.mean(_apart(t, s, 1).min(axis=1) > near)
        ),
        "the distance is the root of the squares' sum, not the larger of the two": (
            lambda t, s, near: np.mean(_apart(t, s, np.inf).min(axis=1) > near)
        ),
        "the root is missing": lambda t, s, near: np.mean(_apart(t, s).min(axis=1) > near**0.5),
        "unknown is what lies *further* than near; at just that distance it is known": (
            lambda t, s, near: np.mean(_apart(t, s).min(axis=1) >= near)
        ),
        "a share is wanted, not how many": lambda t, s, near: np.sum(_apart(t, s).min(axis=1) > near),
    },
    "the nearest pose decides, and it has to be near in yaw and in pitch",
)
def unknown_poses(target, source, near):
    """Poses (n, 2) and (m, 2) in degrees: the share of the target's further than `near` from all of the source's."""
    return np.mean(_apart(target, source).min(axis=1) > near)


def _iou(box, others, border=0, union=1, floor=0.0):
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    inner = np.clip(high - low + border, floor, None).prod(axis=1)
    area, areas = (box[2:] - box[:2] + border).prod(), (others[:, 2:] - others[:, :2] + border).prod(axis=1)
    return inner / (area + areas - union * inner)


@exercise(
    "02",
    {
        "a box and itself": (SQUARE, SQUARE[None]),
        "boxes that do not touch": (SQUARE, np.array([[12.0, 0, 22, 10], [20, 30, 25, 35]])),
        "a shift by half a side": (SQUARE, SQUARE + [[5.0, 0, 5, 0]]),
        "a small box in a large one": (SQUARE, np.array([[2.0, 2, 4, 6]])),
    },
    {
        "the overlap can't be negative": lambda a, b: _iou(a, b, floor=-np.inf),
        "the overlap is counted twice in the union": lambda a, b: _iou(a, b, union=0),
        "these boxes end where they say: no pixel is added": lambda a, b: _iou(a, b, border=1),
        "divide by the union, not by the first box": lambda a, b: (
            _iou(a, b, union=0) * ((a[2:] - a[:2]).prod() + (b[:, 2:] - b[:, :2]).prod(1)) / (a[2:] - a[:2]).prod()
        ),
    },
    "0 apart, 1 for the same box, and the same for large and small faces",
)
def iou(box, others):
    """One box (4,) against others (n, 4), each (x0, y0, x1, y1): their intersections over unions (n,)."""
    return _iou(box, others)


def _nms(boxes, scores, threshold, order=None, chained=False, equal=False):
    kept, order = [], np.argsort(-scores) if order is None else order
    for k in order:
        against = boxes[order[: list(order).index(k)]] if chained else boxes[kept]
        worst = _iou(boxes[k], against).max(initial=0)
        if worst < threshold or (worst == threshold and not equal):
            kept.append(int(k))
    return np.array(kept)


@exercise(
    "02",
    {
        "forty boxes": (BOXES, SCORES, 0.3),
        "three boxes in a chain": (CHAIN, SURE, 0.5),
        "two boxes whose IoU is the threshold": (SQUARE + np.array([[0.0, 0, 0, 0], [5, 0, 5, 0]]), SURE[:2], 1 / 3),
    },
    {
        "of each heap the *surest* stays: begin with the highest score": lambda b, s, t: _nms(b, s, t, np.argsort(s)),
        "the boxes come in no order: sort them by score first": lambda b, s, t: _nms(b, s, t, np.arange(len(b))),
        "a box that was thrown away throws no other out": lambda b, s, t: _nms(b, s, t, chained=True),
        "*above* the threshold is thrown out; equal stays": lambda b, s, t: _nms(b, s, t, equal=True),
        "that is the surest box alone: go on with those that are left": lambda b, s, t: np.argsort(-s)[:1],
        "nothing is suppressed": lambda b, s, t: np.argsort(-s),
        "indices are wanted, the surest first": lambda b, s, t: np.sort(_nms(b, s, t)),
        "indices are wanted, not the boxes": lambda b, s, t: b[_nms(b, s, t)],
    },
    "each box that is left out overlaps one that you keep",
)
def nms(boxes, scores, threshold):
    """Boxes (n, 4), scores (n,): the indices of those that stay, the surest first."""
    return _nms(boxes, scores, threshold)


_angle = np.radians(12)
TURN = 1.7 * np.array([[np.cos(_angle), -np.sin(_angle)], [np.sin(_angle), np.cos(_angle)]])
POINTS = _draw.uniform(0, 200, (5, 2))


def _similarity(source, target, mirror=False, transposed=False, centred=True, scaled=True):
    p, q = source - source.mean(0), target - target.mean(0)
    u, s, vt = np.linalg.svd(q.T @ p / len(p))
    d = np.array([1.0, 1.0 if mirror else np.linalg.det(u) * np.linalg.det(vt)])
    turn = u @ np.diag(d) @ vt
    turn = turn.T if transposed else turn
    turn = turn * ((s * d).sum() / p.var(0).sum() if scaled else 1)
    return np.column_stack([turn, target.mean(0) - turn @ source.mean(0) * centred])


@exercise(
    "02",
    {
        "points that were turned, scaled and shifted": (POINTS, POINTS @ TURN.T + [31.0, -8.0]),
        "mirrored points": (POINTS, POINTS * [-1, 1] + [31.0, -8.0]),
    },
    {
        "that is a mirror. Which sign has det U det V, and where does it go?": lambda p, q: _similarity(
            p, q, mirror=True
        ),
        "that turns the other way: svd gives V transposed already": lambda p, q: _similarity(p, q, transposed=True),
        "the shift is off: mean goes to mean, after turn and scale": lambda p, q: _similarity(p, q, centred=False),
        "the scale is missing: tr(SD) over the points' variance": lambda p, q: _similarity(p, q, scaled=False),
        "it goes from source to target, not back": lambda p, q: _similarity(q, p),
    },
    "also where the points are mirrored",
)
def similarity(source, target):
    """Points (n, 2) each: the (2, 3) matrix [sR t] that takes source to target, a turn and never a mirror."""
    return _similarity(source, target)


low_threshold = choice(
    "02",
    "low_threshold",
    {
        "boxes left at 0.2": {
            "fewer": "",
            "more": "a box goes when its IoU is *above* the threshold: a low one lets more of them go",
            "as many": "count them again, with nms(boxes, scores, 0.2)",
        },
        "danger": {
            "two faces that stand close become one": "",
            "one face keeps many boxes": "that happens when the threshold is high",
            "boxes become too small": "suppression chooses boxes, it does not change them",
        },
    },
    "low merges neighbours, high leaves heaps",
)
