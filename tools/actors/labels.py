"""What is known about every rendered frame: points, contours and visibility, from the geometry that was rendered."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from . import skin
from .head import BODY, Head
from .motion import Moment
from .scene import CAMERA_HEIGHT, DISTANCE, project, to_blender


class Landmarks:
    """Which vertices of the mesh are landmarks. The same for every actor, so that people can be compared.

    "Left" is the left of the picture (the person's right), as in MTCNN's five points.

    Attributes:
        dense: (n,) vertex numbers: the face's skin that can be seen from the front, lids and lips included.
        triangles: (m, 3) the mesh over `dense`, by place in `dense`.
        contours: name -> vertex numbers in order: left_eye and right_eye (closed, from the left corner over the upper
            lid), lips_outer and lips_inner (closed, from the left corner over the upper lip), nose (bridge to tip).
    """

    def __init__(self, head: Head):
        self.head = head
        base, body = head.base, np.arange(BODY)
        face = (head.mask["face"][:BODY] > 0.3) & (head.mask["inside-mouth"][:BODY] < 0.15)
        normals = np.zeros((len(base), 3))
        quads = head.quads[head.groups == "body"]
        corners = base[quads]
        crossed = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
        for corner in range(4):
            np.add.at(normals, quads[:, corner], crossed)
        normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12
        seen = face & (normals[:BODY, 2] > -0.25)
        for eye in head.eyes:  # the socket behind the lids is not seen
            near = np.linalg.norm(base[:BODY] - eye, axis=1)
            seen &= ~((near < 0.19) & (base[:BODY, 2] < eye[2] + 0.03))
        edges = np.concatenate([quads[:, [a, (a + 1) % 4]] for a in range(4)])
        self.contours = self._eyes() | self._lips(edges) | {"nose": self._nose()}
        self.dense = np.union1d(body[seen], np.concatenate(list(self.contours.values())))
        place = np.full(len(base), -1)
        place[self.dense] = np.arange(len(self.dense))
        inside = place[quads[(place[quads] >= 0).all(1)]]
        self.triangles = np.concatenate([inside[:, [0, 1, 2]], inside[:, [0, 2, 3]]])

    def _ring(self, vertices: np.ndarray, places: np.ndarray, count: int, outermost: bool) -> np.ndarray:
        """A closed contour: going round from the left over the top, in each of `count` directions one of `vertices`.

        Args:
            places: (n, 3) of the whole mesh, in which the ring is open enough to tell the vertices apart.
            outermost: take the farthest from the middle in each direction, else the nearest.
        """
        way = places[vertices, :2] - (places[vertices, :2].min(0) + places[vertices, :2].max(0)) / 2
        angle = (np.pi - np.arctan2(way[:, 1], way[:, 0])) % (2 * np.pi)
        bins = np.round(angle / (2 * np.pi) * count).astype(int) % count
        size = np.linalg.norm(way, axis=1) * (1 if outermost else -1)
        return np.array([vertices[bins == b][size[bins == b].argmax()] for b in range(count) if (bins == b).any()])

    def _eyes(self) -> dict[str, np.ndarray]:
        """The lids' edges: the skin's vertices at the roots of the lashes."""
        head, found = self.head, {}
        lids = np.flatnonzero(head.mask["face"][:BODY] > 0.3)
        tree = cKDTree(head.base[lids])
        for name, side, eye in (("left_eye", "r", head.eyes[1]), ("right_eye", "l", head.eyes[0])):
            roots = []
            for strip in ("2", "1"):  # upper, lower
                lash = head.group(f"helper-{side}-eyelashes-{strip}")
                away = np.linalg.norm(head.base[lash] - eye, axis=1)
                roots.append(lash[away < np.percentile(away, 34)])
            margin = np.unique(lids[tree.query(head.base[np.concatenate(roots)])[1]])
            wide = head.express(head.base, {"eyeWideLeft": 1.0, "eyeWideRight": 1.0})
            found[name] = self._ring(margin, wide, 20, False)
        return found

    def _lips(self, edges: np.ndarray) -> dict[str, np.ndarray]:
        """The lips' outer edge, and the inner edge where the mouth opens."""
        head = self.head
        open_mouth = head.express(head.base, {"jawOpen": 1.0})
        lips, deep = head.mask["lips"] > 0.4, head.mask["inside-mouth"] > 0.3
        touching = edges[deep[edges].any(1) & ~deep[edges].all(1)]
        rim = np.unique(touching)
        rim = rim[~deep[rim] & lips[rim]]
        # the mesh's loops run along the lips: of the loops counted from the rim, the one on the edge of the mask
        out = edges[~deep[edges].any(1)]
        graph = coo_matrix((np.ones(len(out)), (out[:, 0], out[:, 1])), shape=(len(head.base),) * 2)
        loop = dijkstra(graph, directed=False, indices=rim, unweighted=True, min_only=True)
        edge = min(range(1, 9), key=lambda k: abs(head.mask["lips"][loop == k].mean() - 0.5))
        return {
            "lips_outer": self._ring(np.flatnonzero(loop == edge), head.base, 24, True),
            "lips_inner": self._ring(rim, open_mouth, 16, True),
        }

    def _nose(self) -> np.ndarray:
        """Four vertices down the bridge to the tip."""
        head = self.head
        tip, top = head.base[head.nose_tip], skin.origin(head) + [0, 0.02, 0]
        middle = np.flatnonzero(np.abs(head.base[:BODY, 0]) < 1e-4)
        middle = middle[(head.mask["face"][middle] > 0.3) & (head.base[middle, 2] > 1.2)]
        return np.array([middle[np.abs(head.base[middle, 1] - y).argmin()] for y in np.linspace(top[1], tip[1], 4)])

    def definition(self) -> dict:
        """What a reader of the stored landmarks needs: names and places in `dense`, as JSON."""
        place = {int(vertex): number for number, vertex in enumerate(self.dense)}
        return {
            "dense": len(self.dense),
            "vertices": self.dense.tolist(),
            "triangles": self.triangles.tolist(),
            "contours": {name: [place[int(v)] for v in vertices] for name, vertices in self.contours.items()},
        }


def visible(person, places: np.ndarray, camera: np.ndarray) -> np.ndarray:
    """(n,) bool: whether the camera sees each place on the person's skin past the skin itself.

    Args:
        person: scene.Person, moved. places: (n, 3) decimetres. camera: (3,) decimetres.
    """
    from mathutils.bvhtree import BVHTree

    graph = person.bpy.context.evaluated_depsgraph_get()
    tree = BVHTree.FromObject(person.skin, graph)
    seen = np.zeros(len(places), bool)
    eye = to_blender(camera[None])[0]
    for number, place in enumerate(to_blender(places)):
        way = eye - place
        distance = np.linalg.norm(way)
        way /= distance
        start = place + way * 0.0006
        seen[number] = tree.ray_cast(start.tolist(), way.tolist(), float(distance))[0] is None
    return seen


def of_frame(person, moment: Moment, landmarks: Landmarks, size: int, everything: bool) -> tuple[dict, dict]:
    """Labels of the frame that `person` was moved to.

    Returns:
        A dictionary for JSON (points in pixels, x right and y down; angles in degrees), and arrays: dense (n, 2)
        float, visible (n,) bool, irises (2, 5, 2): left and right eye, each centre, right, top, left, bottom. Empty
        without `everything`.
    """
    surface = person.rendered_skin()
    head = landmarks.head

    def point(place: np.ndarray) -> list[float]:
        return [round(float(value), 2) for value in project(place, size)[0]]

    right, left = person.irises  # the person's left eye is on the picture's right
    row = {"left_eye": point(left[0]), "right_eye": point(right[0]), "nose": point(surface[head.nose_tip])}
    row |= {"mouth_left": point(surface[head.mouth_corners[1]]), "mouth_right": point(surface[head.mouth_corners[0]])}
    row |= {"yaw": moment.yaw, "pitch": moment.pitch, "roll": moment.roll, "gaze": list(moment.gaze)}
    row |= {"blink": round(moment.blink, 3), "units": {name: round(w, 3) for name, w in moment.units.items()}}
    if not everything:
        return row, {}
    camera = np.array([0, CAMERA_HEIGHT * 10, DISTANCE * 10])
    places = surface[landmarks.dense]
    irises = np.stack([project(left, size), project(right, size)])
    return row, {"dense": project(places, size), "visible": visible(person, places, camera), "irises": irises}
