"""The classical swap: a picture of the source, bent onto the target's landmarks and cloned in. It learns nothing.

For each frame the source's picture nearest in pose, expression and light is looked up. Its face is carried over triangle by
triangle from its landmarks to the target's (Delaunay's triangles, affine in each) and brought to the target's colours; what is left
of a seam goes by Poisson's equation (P. Perez, M. Gangnet, A. Blake, "Poisson image editing", SIGGRAPH 2003). So it has
the source's skin and features on the target's shape, and opens mouth and eyes as far as its pictures do.

A picture is worn until another is clearly nearer, and then faded over: nearest pictures, taken anew for each frame, flicker.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial import Delaunay

from faceswap_lab.base.errors import LabError
from faceswap_lab.faces.alignment import align, alignment_matrix
from faceswap_lab.faces.faceset import FaceSet
from faceswap_lab.faces.landmarks import LIPS_INNER, FaceMesh, Landmarks
from faceswap_lab.faces.masks import face_outline, hull_mask
from faceswap_lab.metrics.expression import read_expression
from faceswap_lab.metrics.frame_samples import Finder
from faceswap_lab.metrics.gaze import read_eyes
from faceswap_lab.swap import blending, cloning, colour, masks

# Readings and what counts as one step apart: degrees of yaw and pitch, mouth's opening and width, eyes' opening, gaze in degrees.
STEPS = np.array([6.0, 5.0, 0.04, 0.06, 0.04, 16.0])
# Of them, those that people differ in -> the percentile that stands for closed lips, for open eyes.
_OWN = {2: 5, 3: 50, 4: 50}
_LIGHT_STEP = 0.18  # of each colour's logarithm: a fifth brighter
_LIGHT_GRID = 4
STAY = 1.0  # by how many squared steps another picture must be nearer than the one that is worn
FADE = 0.6  # share of the way from the picture worn before to the new one that each frame goes
_FAINT = 0.08  # a picture that has faded to this weight goes
# The mesh inside the lips' outer edge is left out: one person's closed lips read as another's parted ones.
_INNER_LIPS = (
    *LIPS_INNER, 184, 74, 73, 72, 11, 302, 303, 304, 408, 76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306,
    183, 42, 41, 38, 12, 268, 271, 272, 407, 62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292,
)  # fmt: skip
_CARRIED = np.setdiff1d(np.arange(468), _INNER_LIPS)
_FOREHEAD = 0.5  # of the way from the mesh's upper edge to the hairline: above it pictures show hair
_SMOOTH = 0.6  # how much of the cloning's colours comes from the frames before
_INSET, _FEATHER = 2.0, 6.0  # per cent of the square


@dataclass(frozen=True, eq=False)
class SourceFaces:
    """Pictures of the person put in, and what their faces do.

    Args:
        images: (N, S, S, 3) uint8 RGB, aligned.
        shapes: (N, P, 2) float32, the landmarks that are carried over (`shape_points`), in pixels of the square.
        features: (N, F) float64, see `describe`.
    """

    images: np.ndarray
    shapes: np.ndarray
    features: np.ndarray

    def __len__(self) -> int:
        return len(self.images)

    @classmethod
    def from_set(cls, faces: FaceSet, limit: int = 600):
        """The faces of a set, evenly spread ones if there are more than `limit`.

        Raises:
            LabError: when the set has no face with landmarks.
        """
        chosen, found = faces.spread(limit), []
        for row, image in enumerate(chosen.images()):
            if (landmarks := chosen.landmarks(row)) is not None:
                found.append((image, landmarks.transformed(chosen.matrix(row))))
        return cls._of(found, f"{faces.folder}: no face of this set has landmarks")

    @classmethod
    def _of(cls, found: list[tuple[np.ndarray, Landmarks]], complaint: str):
        if not found:
            raise LabError(
                f"{complaint}, so there is no picture to take the source's face from. Look at its contact sheet."
            )
        return cls(
            np.stack([image for image, _ in found]),
            np.stack([shape_points(landmarks) for _, landmarks in found]),
            np.stack([describe(*pair) for pair in found]),
        )

    def mean_image(self) -> np.ndarray:
        """The mean face: (S, S, 3) RGB float32 in [0, 1]."""
        return (self.images.mean(axis=0) / 255).astype(np.float32)


def shape_points(aligned: Landmarks) -> np.ndarray:
    """The points that are carried over: (P, 2) float32, the mesh up to the lips' outer edge, and the forehead's lower half."""
    brow, hairline = face_outline(aligned, forehead=False), face_outline(aligned)
    return np.concatenate([aligned.mesh[_CARRIED], brow + _FOREHEAD * (hairline - brow)]).astype(np.float32)


def describe(image: np.ndarray, aligned: Landmarks) -> np.ndarray:
    """What a picture is looked up by, in steps that count alike: pose, expression, gaze, and where its light falls.

    Args:
        image: (S, S, 3) uint8 RGB, aligned.
        aligned: its landmarks.

    Returns:
        (6 + 48,) float64.
    """
    eyes = read_eyes(image, aligned)
    face = read_expression(aligned, eyes)
    gaze = eyes.direction()[0] if eyes.is_open else 0.0
    read = np.array([face.yaw, face.pitch, face.mouth, face.mouth_width, face.eyes, gaze]) / STEPS
    size = len(image)
    inner = image[size // 4 : -size // 8, size // 4 : -size // 4]
    light = cv2.resize(inner, (_LIGHT_GRID, _LIGHT_GRID), interpolation=cv2.INTER_AREA).reshape(-1, 3)
    light = np.log(np.maximum(light.astype(np.float64), 4.0))
    return np.concatenate([read, ((light - light.mean(axis=0)) / (_LIGHT_STEP * np.sqrt(light.size))).ravel()])


def own_constants(features: np.ndarray) -> np.ndarray:
    """What of the readings is a person's own: (F,) from (N, F) of faces that show what they do; lips never quite read as closed."""
    constants = np.zeros(features.shape[1])
    for column, percentile in _OWN.items():
        constants[column] = np.percentile(features[:, column], percentile)
    return constants


def carried_over(
    images: np.ndarray, shapes: np.ndarray, weights: np.ndarray, shape: np.ndarray, inside: np.ndarray
) -> np.ndarray:
    """Pictures bent from their landmarks onto others, triangle by triangle, and mixed.

    Args:
        images: (K, S, S, 3) uint8 RGB.
        shapes: (K, P, 2) their landmarks in pixels.
        weights: (K,) how much of each, summing to 1.
        shape: (P, 2) where the landmarks go.
        inside: (S, S) bool, which pixels are wanted.

    Returns:
        (S, S, 3) float32 RGB [0, 1]; the mean colour of what was carried over where no triangle lies.
    """
    rows, columns = np.nonzero(inside)
    places = np.stack([columns, rows], axis=1).astype(np.float64)
    values = np.moveaxis(shapes, 0, 1).reshape(len(shape), -1).astype(np.float64)
    fields = np.clip(LinearNDInterpolator(Delaunay(shape.astype(np.float64)), values)(places), 0, len(inside) - 1)
    known = np.isfinite(fields[:, 0])
    rows, columns = rows[known], columns[known]
    field = np.zeros((*inside.shape, fields.shape[1]), np.float32)
    field[rows, columns] = fields[known]
    mixed = np.zeros((*inside.shape, 3), np.float32)
    for row, (image, weight) in enumerate(zip(images, weights, strict=True)):
        from_x, from_y = field[..., 2 * row], field[..., 2 * row + 1]
        mixed += weight / 255 * cv2.remap(image, from_x, from_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    result = np.empty_like(mixed)
    result[:] = mixed[rows, columns].mean(axis=0) if len(rows) else 0
    result[rows, columns] = mixed[rows, columns]
    return result


def in_colours_of(face: np.ndarray, target: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The face with the target's mean colour inside a mask, and no more contrast than the target has in any channel.

    A picture from a coloured light loses its cast; one from an even light gains none, as it would if contrasts were matched.

    Args:
        face, target: (S, S, 3) float32 RGB [0, 1]. mask: (S, S) float32 [0, 1].
    """
    measured, wanted = colour.statistics(face, mask), colour.statistics(target, mask)
    if measured is None or wanted is None:
        return face
    return colour.transfer(face, measured, np.stack([wanted[0], np.minimum(wanted[1], measured[1])]))


class ClassicalSwap:
    """Swaps a clip frame by frame; frames must come in order, since pictures and colours are kept steady.

    Args:
        source: pictures of the person put in.
        target: pictures of the person who is replaced, to know their closed lips and open eyes; None takes the source's.
        finder: of landmarks; None takes `FaceMesh`.
    """

    def __init__(self, source: SourceFaces, target: SourceFaces | None = None, finder: Finder | None = None):
        self.source, self.finder = source, finder or FaceMesh()
        self.features = source.features
        if target is not None:
            self.features = self.features - own_constants(source.features) + own_constants(target.features)
        self.worn: int | None = None
        self.weights: dict[int, float] = {}
        self.change: np.ndarray | None = None

    def __call__(self, frame: np.ndarray, points: np.ndarray) -> np.ndarray:
        """One frame.

        Args:
            frame: (H, W, 3) uint8 RGB.
            points: (5, 2) five points in frame pixels.

        Returns:
            (H, W, 3) uint8 RGB; the frame as it is where no face is seen.
        """
        landmarks = self.finder(frame, points) if np.isfinite(points).all() else None
        if landmarks is None:
            return frame
        size = self.source.images.shape[1]
        matrix = alignment_matrix(points, size)
        below, aligned = align(frame, matrix, size), landmarks.transformed(matrix)
        shape = shape_points(aligned)
        outline = hull_mask(shape, size)
        weights = self.choose(describe(below, aligned))
        rows = list(weights)
        shares = np.array([weights[row] for row in rows])
        face = carried_over(self.source.images[rows], self.source.shapes[rows], shares, shape, outline > 0)
        below = below.astype(np.float32) / 255
        alpha = masks.feather(masks.erode(outline, _INSET), _FEATHER)
        face = in_colours_of(face, below, alpha)
        change = cloning.colour_change(face, below, alpha, masks.inside_frame(frame.shape, matrix, size))
        if change is not None and self.change is not None:
            change = _SMOOTH * self.change + (1 - _SMOOTH) * change
        self.change = change
        return blending.mask_overlay(frame, cloning.changed(face, change), alpha, matrix)

    def choose(self, features: np.ndarray) -> dict[int, float]:
        """The pictures to wear and how much of each, from what the target's face shows (`describe`)."""
        costs = np.square(self.features - features).sum(axis=1)
        nearest = int(costs.argmin())
        if self.worn is None:
            self.weights = {nearest: 1.0}
        if self.worn is None or costs[nearest] + STAY < costs[self.worn]:
            self.worn = nearest
        faded = {row: weight * (1 - FADE) for row, weight in self.weights.items()}
        faded[self.worn] = faded.get(self.worn, 0.0) + FADE
        faded = {row: weight for row, weight in faded.items() if weight > _FAINT or row == self.worn}
        self.weights = {row: weight / sum(faded.values()) for row, weight in faded.items()}
        return self.weights
