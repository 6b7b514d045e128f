"""Brows, lashes and head hair as strands. Places in decimetres, as in head.py."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from . import skin
from .cast import Actor
from .head import Head, rotation

LASHES = [f"helper-{side}-eyelashes-{row}" for side in "lr" for row in "12"]


class Brows:
    """Two brows whose hairs are rooted in the skin, each in one triangle of the mesh, and move with it."""

    def __init__(self, head: Head, actor: Actor):
        random = np.random.default_rng(actor.seed + 1)
        base, quads = head.base, head.quads[skin.skin_quads(head)]
        centre = base[quads].mean(1)
        quads = quads[(centre[:, 2] > 0.9) & (centre[:, 1] > 7.2)]
        roots, ways, lengths = [], [], []
        for side in (1, -1):
            along = random.beta(1.05, 1.15, actor.brow_strands)
            x, y, height = skin.brow_shape(along)
            spread = random.normal(0, 0.45, len(along)).clip(-1.15, 1.15)
            roots.append(np.c_[side * x, y + spread * actor.brow_width * height] + skin.origin(head)[:2])
            lean = np.interp(along, [0, 0.2, 0.6, 1], [75, 42, 14, -20]) - 16 * spread
            lean = np.radians(lean + random.normal(0, 14, len(along)))
            ways.append(np.c_[side * np.cos(lean), np.sin(lean), np.zeros(len(along))])
            lengths.append(random.uniform(0.04, 0.085, len(along)) * np.interp(along, [0, 0.3, 1], [0.75, 1, 0.75]))
        roots, self.ways, self.lengths = np.concatenate(roots), np.concatenate(ways), np.concatenate(lengths)
        # the triangle that holds each root, seen from the front
        _, near = cKDTree(base[quads].mean(1)[:, :2]).query(roots, k=8)
        triangles = np.stack([quads[near][..., [0, 1, 2]], quads[near][..., [0, 2, 3]]], 2).reshape(len(roots), -1, 3)
        a, b, c = (base[triangles[..., corner]][..., :2] for corner in range(3))
        u, v, w = b - a, c - a, roots[:, None] - a
        double = u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]
        double = np.where(np.abs(double) < 1e-9, 1e-9, double)
        second = (w[..., 0] * v[..., 1] - w[..., 1] * v[..., 0]) / double
        third = (u[..., 0] * w[..., 1] - u[..., 1] * w[..., 0]) / double
        weights = np.stack([1 - second - third, second, third], -1)
        best = weights.min(-1).argmax(1)
        index = np.arange(len(roots))
        self.corners = triangles[index, best]
        self.weights = np.clip(weights[index, best], 0, 1)
        self.weights /= self.weights.sum(1, keepdims=True)
        self.radius = 0.0016 * np.linspace(1, 0.2, 5)[None] * random.uniform(0.7, 1.2, (len(roots), 1))

    def points(self, posed: np.ndarray, pose: tuple) -> np.ndarray:
        """(strands, 5, 3) for posed vertices (19158, 3) and the head's (yaw, pitch, roll)."""
        corners = posed[self.corners]
        roots = (corners * self.weights[..., None]).sum(1)
        normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
        way = self.ways @ rotation(*pose).T
        way -= (way * normal).sum(1, keepdims=True) * normal  # along the skin
        way /= np.linalg.norm(way, axis=1, keepdims=True)
        s = np.linspace(0, 1, 5)[None, :, None]
        lift = 0.003 + self.lengths[:, None, None] * (0.25 * s - 0.28 * s**2)
        return roots[:, None] + self.lengths[:, None, None] * s * way[:, None] + lift * normal[:, None]


class Beard(Brows):
    """A beard on the inner face: chin, jaw and upper lip, thinly the cheeks. Hairs hang down along the skin."""

    def __init__(self, head: Head, actor: Actor, count: int = 7000):
        random = np.random.default_rng(actor.seed + 4)
        quads = head.quads[skin.skin_quads(head)]
        triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
        places = head.base[triangles] - skin.origin(head)
        area = np.linalg.norm(np.cross(places[:, 1] - places[:, 0], places[:, 2] - places[:, 0]), axis=1)
        grows = skin.beard(places.mean(1), (head.mask["lips"][triangles].max(1) > 0.25).astype(float))
        grows = (
            grows * (head.inner_face()[triangles].min(1) > 0.5) * (head.mask["inside-mouth"][triangles].max(1) < 0.1)
        )
        chance = area * grows
        self.corners = triangles[random.choice(len(triangles), count, p=chance / chance.sum())]
        self.weights = random.dirichlet([1, 1, 1], count)
        root = (head.base[self.corners] * self.weights[..., None]).sum(1) - skin.origin(head)
        self.ways = np.c_[0.5 * root[:, 0], np.full(count, -1.0), np.full(count, 0.25)] + random.normal(
            0, 0.25, (count, 3)
        )
        self.lengths = actor.beard * random.uniform(0.6, 1.2, count)
        self.radius = 0.0016 * np.linspace(1, 0.3, 5)[None] * random.uniform(0.7, 1.2, (count, 1))


class Lashes:
    """Lashes grown from MakeHuman's strips of lashes, which follow the lids."""

    def __init__(self, head: Head, actor: Actor):
        random = np.random.default_rng(actor.seed + 2)
        chosen = np.isin(head.groups, LASHES)
        self.quads = head.quads[chosen]
        self.upper = np.isin(head.groups[chosen], [name for name in LASHES if name.endswith("2")])
        centre = head.base[self.quads].mean(1)
        eye = np.where(centre[:, :1] > 0, head.eyes[:1], head.eyes[1:])
        self.order = np.argsort(np.linalg.norm(head.base[self.quads] - eye[:, None], axis=2), 1)
        count = 9
        self.along = np.sort(random.uniform(0, 1, (len(self.quads), count, 1)), 1)
        feminine = 1 - actor.gender
        length = np.where(self.upper, 1.05 + 0.45 * feminine, 0.6 + 0.2 * feminine)[:, None, None, None]
        self.length = length * random.uniform(0.7, 1.15, (len(self.quads), count, 1, 1))
        self.curl = (
            random.uniform(0.1, 0.35, (len(self.quads), count, 1, 1)) * np.where(self.upper, 1, -1)[:, None, None, None]
        )
        self.radius = np.repeat(0.0019 * np.linspace(1, 0.15, 5)[None], len(self.quads) * count, 0)

    def points(self, posed: np.ndarray, pose: tuple) -> np.ndarray:
        """(strands, 5, 3) for posed vertices (19158, 3)."""
        quads, index = posed[self.quads], np.arange(len(self.quads))
        a, b, c, d = (quads[index, self.order[:, corner]] for corner in range(4))
        crossed = np.linalg.norm(c - a, axis=1) > np.linalg.norm(d - a, axis=1)
        c[crossed], d[crossed] = d[crossed].copy(), c[crossed].copy()
        root = a[:, None] + self.along * (b - a)[:, None]
        way = (c[:, None] + self.along * (d - c)[:, None]) - root
        s = np.linspace(0, 1, 5)[None, None, :, None]
        up = rotation(*pose) @ [0, 1, 0]
        size = np.linalg.norm(way, axis=2)[:, :, None, None]
        strands = root[:, :, None] + self.length * (s * way[:, :, None] + self.curl * s**2 * size * up)
        return strands.reshape(-1, 5, 3)


class HeadHair:
    """Head hair, grown once on the neutral head; long hair turns less with the head the lower it hangs."""

    def __init__(self, head: Head, actor: Actor, vertices: np.ndarray):
        """vertices: (19158, 3) neutral vertices of the head that carries the hair."""
        random = np.random.default_rng(actor.seed + 3)
        hair, long = actor.hair, actor.hair.style == "long"
        quads = head.quads[skin.skin_quads(head)]
        centre = head.base[quads].mean(1) - skin.origin(head)
        thin = skin.scalp(centre, hair.line)
        density = thin**1.5 * (head.mask["ears"][quads].max(1) <= 0.15) * (centre[:, 1] > -1.0)
        q = vertices[quads]
        normals = np.cross(q[:, 2] - q[:, 0], q[:, 3] - q[:, 1])
        area = np.linalg.norm(normals, axis=1) / 2
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        chance = area * density
        count = hair.strands
        chosen = random.choice(len(chance), count, p=chance / chance.sum())
        a, b = random.uniform(0, 1, (2, count, 1))
        q = q[chosen]
        root = (q[:, 0] * (1 - a) + q[:, 1] * a) * (1 - b) + (q[:, 3] * (1 - a) + q[:, 2] * a) * b
        skull = np.unique(quads)
        smooth = np.zeros((len(vertices), 3))
        for corner in range(4):
            np.add.at(smooth, quads[:, corner], normals)
        smooth /= np.linalg.norm(smooth, axis=1, keepdims=True) + 1e-9
        skull = skull[head.mask["ears"][skull] < 0.05]  # hair lies on the skull and hides the ears
        tree = cKDTree(vertices[skull])
        lengths = random.uniform(*hair.length, count)
        top = vertices[skull, 1].max()
        if long:
            steps, lift, weight, stiff, part = 22, 0.12, 0.26, 0.12, 0.16
            part = part + 0.035 * np.sin(9 * root[:, 2])  # no ruler draws a parting
            side = np.sign(root[:, 0] - part)
            comb = np.c_[1.1 * side, np.full(count, -0.2), np.where(root[:, 2] > 0.5, -0.30, -0.15)]
            jitter, waves = 0.08, 0.02
        else:
            steps, lift, weight, stiff = 8, 0.05, 0.0, 0.5
            lengths *= np.interp(root[:, 1], [top - 1.6, top - 0.25], [0.35, 1.2])
            comb = np.c_[0.35 * np.sign(root[:, 0] + 0.15), np.full(count, -0.25), np.full(count, -0.35)]
            comb += np.where((root[:, 2] > 0.5)[:, None], np.array([0.5, 0.6, 0.5]), 0)
            jitter, waves = 0.2, 0.045
        comb = comb + random.normal(0, jitter, (count, 3))
        wander = random.normal(0, waves, (count, 3))
        way = normals[chosen] * stiff + comb * (1 - stiff)
        place, grown = root.copy(), [root]
        spread = 0.3 + 1.4 * ((np.arange(count) * 0.618) % 1)
        for step in range(steps):
            way = way + np.array([0, -weight, 0]) + wander * 0.6
            outwards = smooth[skull[tree.query(place)[1]]]
            into = (way * outwards).sum(1, keepdims=True)
            way = way - np.minimum(into, 0) * outwards
            if step > 1:
                way = way - 0.6 * np.maximum(into, 0) * outwards
            if long:  # keep the face free
                front = (place[:, 2] > -0.45) & (place[:, 1] < 0.75) & (np.abs(place[:, 0]) < 0.95)
                way[front, 2] -= 0.55
                way[front, 0] += 0.5 * np.sign(place[front, 0] - (part * (place[:, 1] > 0.5))[front])
            way /= np.linalg.norm(way, axis=1, keepdims=True) + 1e-9
            place = place + way * (lengths / steps)[:, None]
            near = skull[tree.query(place)[1]]
            height = ((place - vertices[near]) * smooth[near]).sum(1)
            layer = lift * spread * min(1.0, (step + 1) / 3)
            place = place + smooth[near] * np.maximum(layer - height, 0)[:, None]
            grown.append(place.copy())
        points = np.stack(grown, 1)
        # locks: strands lean towards the nearest leader, more so at the tips
        leaders = random.choice(count, max(40, count // 26), replace=False)
        lead = leaders[cKDTree(root[leaders]).query(root)[1]]
        s = np.linspace(0, 1, points.shape[1])[None, :, None]
        towards = points[lead] + (root - root[lead])[:, None] * (1 - 0.85 * s)
        pull = hair.clump * random.uniform(0.5, 1, (count, 1, 1)) * s**0.7
        pull = np.where((np.sign(root[:, 0]) == np.sign(root[lead, 0]))[:, None, None], pull, 0)
        points = points + pull * (towards - points)
        if long:
            phase = random.uniform(0, 2 * np.pi, count)[lead][:, None]
            wave = 0.028 * np.sin(2 * np.pi * 2.1 * s[..., 0] + phase) * s[..., 0]
            sideways = np.cross(points[:, -1] - points[:, 0], [0, 1, 0.3])
            sideways /= np.linalg.norm(sideways, axis=1, keepdims=True) + 1e-9
            points = points + wave[..., None] * sideways[:, None]
        if hair.curl:  # every strand winds about its own way, wider towards the tip
            turns = np.linspace(0, 1, points.shape[1])[None] * 2 * np.pi * (3.5 if long else 1.6)
            turns = turns + random.uniform(0, 2 * np.pi, (count, 1))
            coil = np.stack([np.cos(turns), np.sin(turns) * 0.6, np.sin(turns)], -1)
            points = points + hair.curl * s**0.5 * coil
        self.rest = points
        self.grey = random.uniform(0, 1, count) < hair.grey
        self.shade = random.uniform(0.55, 1.5, count)[lead] * random.uniform(0.8, 1.2, count)  # by lock and by strand
        self.radius = 0.0018 * np.linspace(1, 0.35, points.shape[1])[None] * random.uniform(0.75, 1.2, (count, 1))
        # below the jaw long hair rests on the shoulders and turns with the head only in part
        self.follow = np.clip(np.interp(points[..., 1], [-1.9, -0.9], [0.45, 1.0]), 0, 1) if long else None

    def points(self, head: Head, pivot: np.ndarray, pose: tuple) -> np.ndarray:
        """(strands, steps, 3) for the head's (yaw, pitch, roll) about `pivot`."""
        if self.follow is None:
            return (self.rest - pivot) @ rotation(*pose).T + pivot
        return head.turn(self.rest.reshape(-1, 3), self.follow.ravel(), pivot, pose).reshape(self.rest.shape)
