"""Three wrong answers to each function of the course, as students write them, and a piece of the reason that each must hear."""

import hashlib

import numpy as np
from scipy import stats


def box_area(boxes):
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def corners(box, others):
    return np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])


def iou_signed(box, others):
    low, high = corners(box, others)
    both = (high - low)[:, 0] * (high - low)[:, 1]
    return both / (box_area(box) + box_area(others) - both)


def iou_sum(box, others):
    low, high = corners(box, others)
    both = np.maximum(high - low, 0).prod(1)
    return both / (box_area(box) + box_area(others))


def iou_pixels(box, others):
    low, high = corners(box, others)
    both = np.maximum(high - low + 1, 0).prod(1)
    one, many = (box[2:] - box[:2] + 1).prod(), (others[:, 2:] - others[:, :2] + 1).prod(1)
    return both / (one + many - both)


def overlap(box, others):
    low, high = corners(box, others)
    both = np.maximum(high - low, 0).prod(1)
    return both / (box_area(box) + box_area(others) - both)


def greedy(boxes, scores, threshold, order):
    order, kept = list(order), []
    while order:
        first = order.pop(0)
        kept.append(first)
        order = [k for k in order if overlap(boxes[first], boxes[k : k + 1])[0] <= threshold]
    return kept


def nms_all_against_all(boxes, scores, threshold):
    order = np.argsort(-scores)
    return [k for n, k in enumerate(order) if not (overlap(boxes[k], boxes[order[:n]]) > threshold).any()]


def similarity_mirror(source, target):
    p, q = source - source.mean(0), target - target.mean(0)
    u, s, vt = np.linalg.svd(q.T @ p / len(p))
    m = s.sum() / (p**2).sum(1).mean() * u @ vt
    return np.hstack([m, (target.mean(0) - m @ source.mean(0))[:, None]])


def similarity_right(source, target):
    p, q = source - source.mean(0), target - target.mean(0)
    u, s, vt = np.linalg.svd(q.T @ p / len(p))
    d = np.diag([1, np.sign(np.linalg.det(u @ vt))])
    m = np.trace(np.diag(s) @ d) / (p**2).sum(1).mean() * u @ d @ vt
    return np.hstack([m, (target.mean(0) - m @ source.mean(0))[:, None]])


def similarity_no_scale(source, target):
    m = similarity_right(source, target)[:, :2]
    m = m / np.sqrt(np.abs(np.linalg.det(m)))
    return np.hstack([m, (target.mean(0) - m @ source.mean(0))[:, None]])


def shift_of_means(source, target):
    m = similarity_right(source, target)[:, :2]
    return np.column_stack([m, target.mean(0)])


def lagging(values, reach):
    return [np.mean(values[max(0, k - reach) : k + 1], axis=0) for k in range(len(values))]


def padded(values, reach):
    around = np.pad(values, ((reach, reach), (0, 0)))
    return sum(around[k : k + len(values)] for k in range(2 * reach + 1)) / (2 * reach + 1)


def rolled(values, reach):
    return np.mean([np.roll(values, k, axis=0) for k in range(-reach, reach + 1)], axis=0)


def ssim_parts(x, y):
    return x.mean(), y.mean(), np.mean(x * y) - x.mean() * y.mean()


def pixel_order(x):
    n, h, w, c = x.shape
    made = np.zeros((n, 2 * h, 2 * w, c // 4))
    for i in range(2):
        for j in range(2):
            made[:, i::2, j::2] = x[..., 2 * i + j :: 4]
    return made


def pixel_columns(x):
    n, h, w, c = x.shape
    made = np.zeros((n, 2 * h, 2 * w, c // 4))
    for k in range(4):
        made[:, k % 2 :: 2, k // 2 :: 2] = x[..., k * c // 4 : (k + 1) * c // 4]
    return made


def block_means(picture):
    return (picture[::2, ::2] + picture[1::2, ::2] + picture[::2, 1::2] + picture[1::2, 1::2]) / 4


WRONG = {
    "mean_inside": [
        (lambda d, m: np.mean(np.where(m > 0.5, d, 0)), "count as 0"),
        (lambda d, m: np.average(d, weights=m), "counts whole"),
        (lambda d, m: np.sum(d[m > 0.5]), "their sum"),
    ],
    "changed_share": [
        (lambda a, b, n: np.mean(np.max(np.abs(a - b), axis=2) > n), "wraps round"),
        (lambda a, b, n: (abs(a.astype(float) - b) > n).sum() / a.size, "a pixel has three"),
        (lambda a, b, n: 1 - np.mean(np.all(abs(a.astype(int) - b) < n, axis=2)), "> and not >="),
    ],
    "psnr": [
        (lambda a, b: 20 * np.log10(255 / np.sqrt(np.square(a - b).mean())), "wraps round"),
        (lambda a, b: 10 * np.log10(255 / np.square(a.astype(float) - b).mean()), "255 is squared"),
        (lambda a, b: 20 * np.log10(255**2 / np.square(a.astype(float) - b).mean()), "root of the error"),
    ],
    "halve": [
        (lambda p: p[0::2, 0::2], "drops three"),
        (lambda p: 4 * block_means(p), "their sum"),
        (lambda p: np.mean([p[0::2], p[1::2]], axis=0), "half as high"),
    ],
    "frame_number": [
        (lambda t, f: int(np.rint(t * f)), "cut off, do not round"),
        (lambda t, f: int(np.floor(t * f + 1e-9)) + 1, "begin at 0"),
        (lambda t, f: int(t * f // 1), "28.999"),
    ],
    "unknown_poses": [
        (lambda t, s, n: np.mean([min(np.hypot(*(x - y)) for x in t) > n for y in s]), "the other axis"),
        (lambda t, s, n: sum(np.hypot(*(x - y)) > n for x in t for y in s) / (len(t) * len(s)), "take the minimum first"),
        (lambda t, s, n: len([x for x in t if not (np.hypot(*(s - x).T) <= n).any()]), "not how many"),
        (lambda t, s, n: np.mean([(np.hypot(*(s - x).T) <= n).any() for x in t]), "*does* know"),
        (lambda t, s, n: np.mean([abs(s - x).sum(1).min() > n for x in t]), "added"),
        (
            lambda t, s, n: np.mean([abs(s[:, 0] - x[0]).min() > n or abs(s[:, 1] - x[1]).min() > n for x in t]),
            "in *one* picture",
        ),
    ],
    "iou": [(iou_signed, "can't be negative"), (iou_sum, "counted twice"), (iou_pixels, "no pixel is added")],
    "nms": [
        (lambda b, s, t: greedy(b, s, t, np.argsort(s)), "highest score"),
        (lambda b, s, t: greedy(b, s, t, range(len(b))), "sort them by score"),
        (nms_all_against_all, "throws no other out"),
    ],
    "similarity": [
        (similarity_mirror, "that is a mirror"),
        (similarity_no_scale, "scale is missing"),
        (shift_of_means, "shift is off"),
    ],
    "mix": [
        (lambda a, b, s: s * a + (1 - s) * b, "begins at the second"),
        (lambda a, b, s: 0.5 * a + 0.5 * b, "always the middle"),
        (lambda a, b, s: a + b * s, "it is 1 - share"),
    ],
    "masked_l1": [
        (lambda a, b, m: np.mean(abs(a * m - b * m)), "pixels that count"),
        (lambda a, b, m: np.sum(abs(a - b) * m) / np.sum(m), "one channel"),
        (lambda a, b, m: np.sum((a - b) ** 2 * m) / (m.sum() * 3), "that is L2"),
    ],
    "pixel_shuffle": [
        (pixel_order, "channels' order"),
        (pixel_columns, "changed places"),
        (lambda x: x.reshape(x.shape[0], x.shape[1] * 2, x.shape[2] * 2, -1), "tears neighbours"),
    ],
    "hinge": [
        (lambda r, g: (np.maximum(1 - r, 0).mean() + np.maximum(1 + g, 0).mean(), -g.mean()), "comes first"),
        (lambda r, g: (np.mean(np.maximum(0, 1 - g)), np.maximum(1 - r, 0).mean() + np.maximum(1 + g, 0).mean()), "no hinge"),
        (lambda r, g: (-np.mean(g), np.mean(1 - r) + np.mean(1 + g)), "a maximum with 0"),
    ],
    "mixup": [
        (lambda r, g, s: np.stack([(1 - k) * a + k * b for a, b, k in zip(r, g, s, strict=True)]), "*real*"),
        (lambda r, g, s: g + (r - g) * s, "goes with four axes"),
        (lambda r, g, s: r * s[0] + g * (1 - s[0]), "share of its own"),
        (lambda r, g, s: np.stack([a if k > 0.5 else b for a, b, k in zip(r, g, s, strict=True)]), "both pictures show"),
    ],
    "match_mean_std": [
        (lambda p, t, m: (p - p.mean((0, 1))) / p.std((0, 1)) * t.std((0, 1)) + t.mean((0, 1)), "*inside the face*"),
        (lambda p, t, m: p + t[m].mean(0) - p[m].mean(0), "deviation is missing"),
        (lambda p, t, m: t[m].mean(0) + (p - p[m].mean(0)) * p[m].std(0) / t[m].std(0), "deviation is above"),
    ],
    "overlay": [
        (lambda b, a, m: np.stack([m * b[..., k] + (1 - m) * a[..., k] for k in range(3)], -1), "other way round"),
        (lambda b, a, m: b + a * m[:, :, None], "has to give way"),
        (lambda b, a, m: b + (a - b) * m, "alpha has two axes"),
        (lambda b, a, m: np.where(m[:, :, None] >= 0.5, a, b), "alpha is soft"),
    ],
    "smooth": [(lagging, "lags behind"), (padded, "divide by how many"), (rolled, "do not wrap")],
    "masked_psnr": [
        (lambda a, b, m: -10 * np.log10(((a - b) ** 2).mean()), "over all pixels"),
        (lambda a, b, m: -10 * np.log10((((a - b) * m[..., None]) ** 2).mean()), "free of error"),
        (lambda a, b, m: -10 * np.log10(np.abs(a[m] - b[m]).mean()), "*squares*"),
    ],
    "window_ssim": [
        (lambda x, y: (lambda a, b, c: 4 * a * b * c / ((a * a + b * b) * (x.var() + y.var())))(*ssim_parts(x, y)), "c1 and c2"),
        (lambda x, y: (2 * ssim_parts(x, y)[2] + 9e-4) / (x.var() + y.var() + 9e-4), "factor of the means"),
        (
            lambda x, y: (2 * x.mean() * y.mean() + 1e-4) / (x.mean() ** 2 + y.mean() ** 2 + 1e-4)
            * (2 * np.mean(x * y) + 9e-4) / (x.var() + y.var() + 9e-4),
            "after the means are taken off",
        ),
    ],
    "bootstrap_interval": [
        (lambda e, p: (np.quantile(e, 0.025), np.quantile(e, 0.975)), "single frames"),
        (lambda e, p: tuple(np.quantile(e[p].mean(-1), (0.05, 0.95))), "2.5 %"),
        (lambda e, p: np.quantile(e[p].mean(axis=0), (0.025, 0.975)), "axis 1"),
    ],
    "interval": [
        (lambda d: (d.mean(), 1.96 * d.std(ddof=1) / len(d) ** 0.5), "Student"),
        (lambda d: (d.mean(), stats.t.ppf(0.975, len(d) - 1) * d.std(ddof=1)), "root of n"),
        (lambda d: (d.mean(), stats.t.ppf(0.975, len(d) - 1) * d.std() / len(d) ** 0.5), "ddof=1"),
    ],
    "paired": [
        (lambda b, v: [x - y for x, y in zip(b.values(), v.values(), strict=False)][:2], "by its number"),
        (lambda b, v: [v[k] - b[k] for k in b if k in v], "base minus variant"),
        (lambda b, v: sum(b[k] - v[k] for k in b if k in v) / len([k for k in b if k in v]), "one number for each seed"),
    ],
    "same_side": [
        (lambda n: 1 / 2**n, "either side"),
        (lambda n: 1 - 0.5 ** (n - 1), "do *not*"),
        (lambda n: 0.5 / n, "a power"),
    ],
    "octave_cost": [
        (lambda a: (1 - a) ** 2 + (a / 2) ** 2, "all four paths"),
        (lambda a: 1 - a + a / 4, "products of two shares"),
        (lambda a: (1 - a) ** 2 + a * (1 - a) + a * a / 2, "a quarter of the places"),
    ],
    "auc": [
        (lambda s, h: np.mean([x > y for x in s for y in h]), "one half"),
        (lambda s, h: np.mean([x < y for x in s for y in h]) + 0.5 * np.mean([x == y for x in s for y in h]), "*honest*"),
        (lambda s, h: (lambda a: max(a, 1 - a))(np.mean([(x > y) + 0.5 * (x == y) for x in s for y in h])), "below 0.5"),
    ],
    "false_share": [
        (lambda p, c, f: f, "honest videos that are accused"),
        (lambda p, c, f: p * c / (p * c + (1 - p) * f), "alarms that are right"),
        (lambda p, c, f: f - p * f, "not of all videos"),
    ],
    "unchanged": [
        (lambda d, m: hashlib.sha256(d).hexdigest() == m.get("hash", "").lower(), "names its algorithm"),
        (lambda d, m: hashlib.new(m["algorithm"], d).hexdigest() == m.get("hash"), "in capitals"),
        (lambda d, m: "hash" not in m or hashlib.new(m["algorithm"], d).digest().hex() == m["hash"].lower(), "nothing is proved"),
    ],
    "whisper": [
        (lambda p: np.kron(block_means(p), np.ones((2, 2))), "what an eye sees"),
        (lambda p: p - p.mean(), "mean of its own"),
        (lambda p: np.kron(block_means(p), np.ones((2, 2))) - p, "not the other way round"),
    ],
    "cycle_loss": [
        (lambda r, b: abs(r - b).mean(), "count double"),
        (lambda r, b: (2 * r - 2 * b).mean(), "must not cancel"),
        (lambda r, b: ((2 * r - 2 * b) ** 2).mean(), "that is L2"),
    ],
    "mixture": [
        (lambda m, p: sum(p) / 4, "plain mean"),
        (lambda m, p: np.mean([m[..., k, None] * p[k] for k in range(4)], axis=0), "do not divide"),
        (lambda m, p: np.stack([m[..., k, None] * p[k] for k in range(4)]), "sum over the four"),
    ],
    "nearest": [
        (lambda r, i, w, s: int(np.argmax((((i - r) / s) ** 2) @ w)), "the smallest"),
        (lambda r, i, w, s: int(np.argmin((((i - r)) ** 2) @ w)), "divide by them"),
        (lambda r, i, w, s: int(np.argmin(np.linalg.norm((i - r) / s, axis=1))), "weights are missing"),
    ],
}  # fmt: skip
