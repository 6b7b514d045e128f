"""Dense landmarks: 468 points of a face, the contours of both eyes, the irises; and what follows from them.

The networks are MediaPipe's Face Mesh (Kartynnik et al., "Real-time facial surface geometry from monocular video on
mobile GPUs", 2019, arXiv:1907.06724) and Iris (Ablavatski et al., "Real-time pupil tracking from monocular video",
2020, arXiv:2006.11341), unchanged, in data/weights/mediapipe. Points are (x, y) in pixels of the frame,
sub-pixel. "Left" and "right" are as seen in the picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from faceswap_lab.base import machine, weights
from faceswap_lab.faces.alignment import canonical_points, invert, transform_points, umeyama

# Indices into the 468 points (MediaPipe's numbering).
FACE_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
LEFT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
RIGHT_EYE = (362, 382, 381, 380, 374, 373, 390, 249, 263, 466, 388, 387, 386, 385, 384, 398)
LEFT_BROW = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
RIGHT_BROW = (336, 296, 334, 293, 300, 276, 283, 282, 295, 285)
LIPS_OUTER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
LIPS_INNER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)
NOSE = (168, 193, 245, 188, 174, 217, 126, 142, 129, 98, 97, 2, 326, 327, 358, 371, 355, 437, 399, 412, 465, 417)
NOSE_TIP, MOUTH_LEFT, MOUTH_RIGHT = 1, 61, 291
CONTOUR_LIDS = 16  # the first points of an eye contour run around the lids; the rest follow the brow and the socket
# The lids of an eye contour run along the lower lid, then the upper, both from the temple: brought to the mesh's order.
_CONTOUR_ORDER = ((*range(9), *range(15, 8, -1)), (*range(8, -1, -1), *range(9, 16)))

_LEAST_SCORE = 0.5  # below it the crop is taken for something other than a face
_PASSES = 2  # looks at the crop; the second no longer depends on the detector's five points, which jump from frame to frame
_MESH_SIZE, _IRIS_SIZE = 192, 64
_MESH_COVERAGE = (
    0.62  # how tight the face sits in the mesh network's input: about 1.5 times the face, as it was trained
)
_EYE_MARGIN = 2.3  # side of the iris network's input over the width of the eye


@dataclass(frozen=True)
class Landmarks:
    """One face's landmarks, in pixels of the frame.

    Args:
        mesh: (468, 2) float32.
        depth: (468,) float32, on the scale of the mesh; smaller is nearer.
        score: the network's belief that this is a face, 0 to 1.
        eye_contours: (2, 71, 2) float32, the left eye first; `CONTOUR_LIDS` lid points, then brow and socket.
        irises: (2, 5, 2) float32: centre, right, top, left, bottom.
    """

    mesh: np.ndarray
    depth: np.ndarray
    score: float
    eye_contours: np.ndarray
    irises: np.ndarray

    def transformed(self, matrix: np.ndarray) -> Landmarks:
        """The same landmarks through a 2x3 similarity, for example into an aligned face."""
        matrix = np.asarray(matrix, np.float64)
        scale = np.sqrt(abs(np.linalg.det(matrix[:, :2])))
        move = [transform_points(matrix, p).astype(np.float32) for p in (self.mesh, self.eye_contours, self.irises)]
        return Landmarks(move[0], (self.depth * scale).astype(np.float32), self.score, move[1], move[2])

    def as_array(self) -> np.ndarray:
        """(620, 3) float32 for storage: mesh with depth, contours, irises (depth 0)."""
        flat = np.concatenate([self.mesh, self.eye_contours.reshape(-1, 2), self.irises.reshape(-1, 2)])
        depth = np.concatenate([self.depth, np.zeros(len(flat) - len(self.mesh), np.float32)])
        return np.column_stack([flat, depth]).astype(np.float32)

    @staticmethod
    def from_array(array: np.ndarray) -> Landmarks:
        """The inverse of `as_array`."""
        points = array[:, :2]
        return Landmarks(
            points[:468], array[:468, 2], 1.0, points[468:610].reshape(2, 71, 2), points[610:].reshape(2, 5, 2)
        )


class FaceMesh:
    """Finds the landmarks of a face whose five points are roughly known.

    Args:
        num_threads: of each network.

    Example:
        >>> points = lab.FaceDetector().detect([frame])[0].points[0]
        >>> lab.FaceMesh()(frame, points).mesh.shape
        (468, 2)
    """

    def __init__(self, num_threads: int = 2):
        self.mesh_network = machine.interpreter(weights.find("face_landmark"), num_threads)
        self.iris_network = machine.interpreter(weights.find("iris_landmark"), num_threads)

    def __call__(self, image: np.ndarray, points: np.ndarray) -> Landmarks | None:
        """Looks at one face.

        Args:
            image: (H, W, 3) uint8 RGB, the whole frame.
            points: (5, 2), the detector's points.

        Returns:
            `Landmarks`, or None when the crop does not look like a face.
        """
        place = canonical_points(_MESH_SIZE, _MESH_COVERAGE)
        place[:, 1] += _MESH_SIZE * 0.5 - place[[0, 1, 3, 4], 1].mean()  # eyes and mouth in the middle
        for _ in range(_PASSES):
            matrix = umeyama(points, place)
            crop = cv2.warpAffine(
                image, matrix, (_MESH_SIZE, _MESH_SIZE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
            )
            mesh, score = self._run_mesh(crop)
            if score < _LEAST_SCORE:
                return None
            back = invert(matrix)
            frame_mesh = transform_points(back, mesh[:, :2])
            points = mesh_points(frame_mesh)
        depth = mesh[:, 2] * np.sqrt(abs(np.linalg.det(back[:, :2])))
        eyes = [self._run_iris(image, frame_mesh, side) for side in range(2)]
        contours, irises = (np.stack([eye[part] for eye in eyes]).astype(np.float32) for part in range(2))
        return Landmarks(frame_mesh.astype(np.float32), depth.astype(np.float32), float(score), contours, irises)

    def _run_mesh(self, crop: np.ndarray) -> tuple[np.ndarray, float]:
        outputs = _run(self.mesh_network, crop)
        points, score = sorted(outputs, key=len, reverse=True)[:2]
        return points.reshape(468, 3).astype(np.float64), 1 / (1 + np.exp(-float(score[0])))

    def _run_iris(self, image: np.ndarray, mesh: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
        """Contour (71, 2) and iris (5, 2) of one eye. The network knows one eye only: the picture's right is mirrored."""
        outer, inner = (mesh[33], mesh[133]) if side == 0 else (mesh[263], mesh[362])
        left, right = (outer, inner) if side == 0 else (inner, outer)
        middle, along = (left + right) / 2, right - left
        width = max(float(np.linalg.norm(along)), 1e-6)
        scale = _IRIS_SIZE / (_EYE_MARGIN * width)
        cosine, sine = along / width
        turn = scale * np.array([[cosine, sine], [-sine, cosine]])
        if side == 1:
            turn = np.diag([-1.0, 1.0]) @ turn
        matrix = np.column_stack([turn, np.full(2, _IRIS_SIZE / 2 - 0.5) - turn @ middle])
        crop = cv2.warpAffine(
            image, matrix, (_IRIS_SIZE, _IRIS_SIZE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        contour, iris = sorted(_run(self.iris_network, crop), key=len, reverse=True)
        back = invert(matrix)
        iris = iris.reshape(5, 3)
        if side == 1:  # what the mirrored network calls right is left in the picture
            iris = iris[[0, 3, 2, 1, 4]]
        return transform_points(back, contour.reshape(71, 3)[:, :2]), transform_points(back, iris[:, :2])


def _run(interpreter, crop: np.ndarray) -> list[np.ndarray]:
    """Feeds a crop (S, S, 3) uint8 RGB as float32 in [0, 1]; returns the flattened outputs."""
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], crop[None].astype(np.float32) / 255.0)
    interpreter.invoke()
    return [interpreter.get_tensor(output["index"]).reshape(-1) for output in interpreter.get_output_details()]


def mesh_points(mesh: np.ndarray) -> np.ndarray:
    """The five points of a (468, 2) mesh, in the detector's order: eye centres, nose tip, mouth corners."""
    return np.stack(
        [
            mesh[list(LEFT_EYE)].mean(axis=0),
            mesh[list(RIGHT_EYE)].mean(axis=0),
            mesh[NOSE_TIP],
            mesh[MOUTH_LEFT],
            mesh[MOUTH_RIGHT],
        ]
    )


def five_points(landmarks: Landmarks) -> np.ndarray:
    """The five points that the alignment uses, (5, 2) float64, steadier than the detector's own."""
    return mesh_points(landmarks.mesh.astype(np.float64))


def lids(landmarks: Landmarks) -> np.ndarray:
    """The edges of the lids: the mean of what the mesh network and the eye network see.

    The two err in different ways, and their mean fits the visible eye better than either (benchmarks/landmarks.py).

    Args:
        landmarks: of one face, in any pixels.

    Returns:
        (2, 16, 2) float32, closed contours in the order of `LEFT_EYE` and `RIGHT_EYE`.
    """
    coarse = landmarks.mesh[[LEFT_EYE, RIGHT_EYE]]
    return ((shutting_lids(landmarks) + coarse) / 2).astype(np.float32)


def shutting_lids(landmarks: Landmarks) -> np.ndarray:
    """The same as the eye network alone sees them, (2, 16, 2) float32: an open eye's less exactly, but they do shut.

    On 211 rendered pictures their opening told shut eyes from open ones with an AUC of 0.99; the mesh's did with 0.49.
    """
    return landmarks.eye_contours[[[0], [1]], _CONTOUR_ORDER]


def head_pose(landmarks: Landmarks) -> tuple[float, float, float]:
    """Yaw, pitch and roll of the head in degrees, from the mesh with its depth.

    The face's own axes are read off points that expression hardly moves: the eyes' outer corners (across) and
    forehead to chin over the nose's root (down).

    Returns:
        yaw (positive: turned towards the picture's right), pitch (positive: looking up), roll (positive: turned
        clockwise in the picture).
    """
    points = np.column_stack([landmarks.mesh, landmarks.depth]).astype(np.float64)
    across = points[[263, 362, 454]].mean(axis=0) - points[[33, 133, 234]].mean(axis=0)
    down = points[[152, 164]].mean(axis=0) - points[[10, 168]].mean(axis=0)
    across /= np.linalg.norm(across)
    forward = np.cross(across, down)  # x right, y down, z away from the camera: this points away
    forward /= np.linalg.norm(forward)
    yaw = np.degrees(np.arctan2(-forward[0], forward[2]))
    pitch = np.degrees(np.arcsin(np.clip(forward[1], -1, 1)))
    roll = np.degrees(np.arctan2(across[1], across[0]))
    return float(yaw), float(pitch), float(roll)
