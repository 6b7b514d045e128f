"""What a face set can teach: its amount, detail, light, poses, expressions and people, as numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from faceswap_lab.base.errors import LabError
from faceswap_lab.faces import curation, embeddings
from faceswap_lab.faces import landmarks as lm
from faceswap_lab.faces.faceset import FaceSet

_INNER = (slice(70, 198), slice(64, 192))  # of the 256-px face: brows to mouth, without hair and background
_SIDE = 128  # of that part, in pixels
UPPER_LIP, LOWER_LIP = 13, 14  # the inner lips' middles


@dataclass(frozen=True)
class Profile:
    """The measures of one face set of n faces.

    Args:
        name: the set's.
        faces: n. distinct: faces that are left when near-duplicates are taken for one.
        eye_distance: (n,) pixels of the frame between the eyes: how large the faces were filmed.
        detail: (n,) the frequency in cycles a face width (eyebrow to eyebrow, 128 px of the aligned face) below which
            half of the whitened spectrum lies: 13 to 20 for a sharp face, under 8 for one that is blurred or was enlarged,
            over 28 for one that is mostly noise.
        shake: (n,) how unequal the spectrum is in its directions, log10 of the strongest to the weakest eighth: under 0.9
            for a steady camera, over 1.2 for motion blur.
        luma: (n,) mean grey inside the face mask, [0, 1]. side_light: (n,) left half minus right half.
        pose: (n, 3) degrees: yaw, pitch, roll; NaN where unknown.
        mouth: (n,) distance between the inner lips, in eye distances. eyes: (n,) height of the lids over their width.
        identities: (n, 128), see `recognition`.
        people: (n,) 0 for the person with most faces, 1 for the next, ...
        sources: clip -> number of faces.
    """

    name: str
    faces: int
    distinct: int
    eye_distance: np.ndarray = field(repr=False)
    detail: np.ndarray = field(repr=False)
    shake: np.ndarray = field(repr=False)
    luma: np.ndarray = field(repr=False)
    side_light: np.ndarray = field(repr=False)
    pose: np.ndarray = field(repr=False)
    mouth: np.ndarray = field(repr=False)
    eyes: np.ndarray = field(repr=False)
    identities: np.ndarray = field(repr=False)
    people: np.ndarray = field(repr=False)
    sources: dict[str, int] = field(repr=False)

    def span(self, column: int) -> float:
        """Degrees from the 5th to the 95th percentile of yaw (0), pitch (1) or roll (2); 0 where no pose is known."""
        known = self.pose[np.isfinite(self.pose[:, column]), column]
        return float(np.subtract(*np.percentile(known, [95, 5]))) if len(known) else 0.0

    def light_range(self) -> float:
        """How different the lights are: from the 5th to the 95th percentile of grey and of side light, as one length."""
        known = np.stack([self.luma, self.side_light])[:, np.isfinite(self.luma) & np.isfinite(self.side_light)]
        return float(np.hypot(*np.subtract(*np.percentile(known, [95, 5], axis=1)))) if known.size else 0.0


def profile(faces: FaceSet) -> Profile:
    """Measures a face set.

    Raises:
        LabError: when it is empty.
    """
    if not len(faces):
        raise LabError(f"{faces.folder}: this face set is empty. Put pictures back, or extract the faces again.")
    images = faces.images()
    points, pose = faces.aligned_landmarks()
    mouth, eyes = expression(points)
    detail, shake = spectrum(images)
    light = curation.light(faces)
    numbers = embeddings.of_set(faces)
    five = np.stack([faces.points(row) for row in range(len(faces))])
    return Profile(
        name=faces.folder.name,
        faces=len(faces),
        distinct=len(faces) - int(curation.near_duplicates(faces).sum()),
        eye_distance=np.linalg.norm(five[:, 0] - five[:, 1], axis=1),
        detail=detail,
        shake=shake,
        luma=light["luma"].to_numpy(),
        side_light=light["left_minus_right"].to_numpy(),
        pose=pose,
        mouth=mouth,
        eyes=eyes,
        identities=numbers,
        people=embeddings.groups(numbers),
        sources=faces.table["source"].value_counts().to_dict(),
    )


def expression(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far mouth and eyes are open.

    Args:
        points: (n, 620, 3), from `FaceSet.aligned_landmarks`.

    Returns:
        mouth (n,): distance between the inner lips in eye distances; eyes (n,): the lids' height over their width, the mean
        of both. NaN where there are no landmarks.
    """
    mesh = points[:, :468, :2]
    between = mesh[:, list(lm.LEFT_EYE)].mean(1) - mesh[:, list(lm.RIGHT_EYE)].mean(1)
    mouth = np.linalg.norm(mesh[:, UPPER_LIP] - mesh[:, LOWER_LIP], axis=1) / np.linalg.norm(between, axis=1)
    lids = points[:, 468:610, :2].reshape(len(points), 2, 71, 2)[:, :, : lm.CONTOUR_LIDS]
    size = lids.max(axis=2) - lids.min(axis=2)
    return mouth, (size[..., 1] / size[..., 0]).mean(axis=1)


def spectrum(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How fine the detail of aligned faces is, and how unequal in its directions.

    The power spectrum of natural pictures falls with the square of the frequency (D. Field, "Relations between the statistics
    of natural images and the response properties of cortical cells", JOSA A 4(12), 1987). Multiplied by its square, and
    summed over rings, a sharp face has half of it below 13 to 20 cycles; what a blur takes away is missing above.

    Args:
        images: (n, 256, 256, 3) uint8 RGB.

    Returns:
        detail (n,), shake (n,), see `Profile`.
    """
    y, x = np.mgrid[-_SIDE // 2 : _SIDE // 2, -_SIDE // 2 : _SIDE // 2]
    radius, direction = np.hypot(y, x), (np.arctan2(y, x) / np.pi * 8 + 0.5).astype(int) % 8
    ring = radius.astype(int)
    window = np.outer(np.hanning(_SIDE), np.hanning(_SIDE))
    middle = (radius >= 6) & (radius < 14)
    detail, shake = np.empty(len(images)), np.empty(len(images))
    for index, image in enumerate(images):
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[_INNER] / 255.0
        power = np.abs(np.fft.fftshift(np.fft.fft2((grey - grey.mean()) * window))) ** 2
        # the mean over a ring times its circumference times the frequency's square
        rings = np.bincount(ring.ravel(), power.ravel()) / np.bincount(ring.ravel())
        white = rings[1 : _SIDE // 2] * np.arange(1, _SIDE // 2) ** 3
        detail[index] = np.searchsorted(np.cumsum(white), white.sum() / 2) + 1
        sides = np.bincount(direction[middle], power[middle], 8) / np.bincount(direction[middle], minlength=8)
        shake[index] = np.log10(sides.max() / max(sides.min(), 1e-12))
    return detail, shake
