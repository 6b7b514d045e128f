"""What two recognition networks see in a face, as numbers: the evaluation network (dlib's) and the trainer's (HSE-FaceRes).

The network that tells whose face a swap shows must not be the one that trained it. dlib's (`models.dlib_recognition`) trains
nothing here and evaluates; HSE-FaceRes (`models.mobilenet_recognition`) stands in the identity and perceptual losses of some
models, which learn to please it, so that its word on those is worth less. Both are asked, to see how far they disagree.
"""

from __future__ import annotations

import hashlib
import itertools
import weakref
from collections import OrderedDict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from faceswap_lab.base.errors import LabError
from faceswap_lab.faces import embeddings
from faceswap_lab.faces.alignment import align, alignment_matrix
from faceswap_lab.faces.faceset import FaceSet
from faceswap_lab.metrics.clips import check_points
from faceswap_lab.models import dlib_recognition, mobilenet_recognition

if TYPE_CHECKING:
    from faceswap_lab.metrics.frame_samples import Picture

ALIGNED = 160  # px: the tight crop of an aligned face then has 115, about what HSE-FaceRes is shown (112)
CHIPS_AT_ONCE = 24  # faces that a network is shown at a time
REMEMBERED = 4096  # faces: measures that go through a clip in step ask for the same ones soon after each other


class Network(Protocol):
    """A recognition network: cuts a face out as it likes to see it, and turns it into numbers.

    Attributes:
        name: short, for the names of scores: "dlib" or "face_res".
        title: for headings.
        numbers: how many it gives of a face.
    """

    name: str
    title: str
    numbers: int

    def cut(self, image: np.ndarray, points: np.ndarray) -> np.ndarray:
        """One face, (S, S, 3) uint8 RGB, from (H, W, 3) uint8 RGB and its five points (5, 2) in pixels."""

    def embed(self, faces: np.ndarray) -> np.ndarray:
        """(N, numbers) float32 from (N, S, S, 3) uint8 RGB, as `cut` gives them."""


class Remembering:
    """Embeds no face twice: the target's are asked for beside every output, and the unchanged target is one."""

    def __init__(self) -> None:
        self.known: OrderedDict[bytes, np.ndarray] = OrderedDict()

    def embed(self, faces: np.ndarray) -> np.ndarray:
        """(N, numbers) float32 from (N, S, S, 3) uint8 RGB."""
        keys = [hashlib.blake2b(np.ascontiguousarray(face).data, digest_size=16).digest() for face in faces]
        new = {key: row for row, key in enumerate(keys) if key not in self.known}
        if new:
            found = self.look(np.stack([faces[row] for row in new.values()]))
            self.known.update(zip(new, found, strict=True))
        result = np.stack([self.known[key] for key in keys])
        while len(self.known) > REMEMBERED:
            self.known.popitem(last=False)
        return result

    def look(self, faces: np.ndarray) -> np.ndarray:
        """What the network says of faces that it has not seen: (N, numbers) float32."""
        raise NotImplementedError


class Dlib(Remembering):
    """The evaluation network: dlib's 128 numbers, see `models.dlib_recognition`."""

    name, title, numbers = "dlib", "dlib", 128

    def __init__(self, recognition: dlib_recognition.FaceRecognition | None = None):
        super().__init__()
        self.recognition = recognition or dlib_recognition.FaceRecognition()

    def cut(self, image: np.ndarray, points: np.ndarray) -> np.ndarray:
        """A face chip, (150, 150, 3) uint8 RGB."""
        return embeddings.chip(image, points)

    def look(self, faces: np.ndarray) -> np.ndarray:
        """(N, 128) float32."""
        return self.recognition.embed(faces)


class FaceRes(Remembering):
    """The trainer's network: HSE-FaceRes' 1024 numbers, see `models.mobilenet_recognition`; nothing is taken off them yet."""

    name, title, numbers = "face_res", "HSE-FaceRes", 1024

    def __init__(self) -> None:
        super().__init__()
        self.model = mobilenet_recognition.face_descriptor(ALIGNED)
        self.model.jit_compile = False  # on a GPU XLA would compile it again for every number of faces

    def cut(self, image: np.ndarray, points: np.ndarray) -> np.ndarray:
        """An aligned face, (160, 160, 3) uint8 RGB."""
        return align(image, alignment_matrix(points, ALIGNED), ALIGNED)

    def look(self, faces: np.ndarray) -> np.ndarray:
        """(N, 1024) float32."""
        return self.model.predict_on_batch(faces.astype(np.float32) / 255)


class Embedding:
    """What a network sees in one face; worked out with others when it is first read."""

    def __init__(self, recogniser: Recogniser):
        self._recogniser = recogniser
        self._numbers: np.ndarray | None = None

    @property
    def numbers(self) -> np.ndarray:
        """(numbers,) float32."""
        if self._numbers is None:
            self._recogniser.finish()
            assert self._numbers is not None  # whatever was asked for waits until then
        return self._numbers


class Recogniser:
    """Asks a network about each picture once, many at a time; shared by all measures and outputs of a pass.

    Args:
        network: None makes a `Dlib`; what only embeds chips, as a `FaceRecognition`, is given to one.
    """

    def __init__(self, network: Network | dlib_recognition.FaceRecognition | None = None):
        self.network: Any = network if hasattr(network, "cut") else Dlib(network)
        self._waiting: list[tuple[Embedding, np.ndarray]] = []
        self._known: weakref.WeakKeyDictionary[Picture, Embedding] = weakref.WeakKeyDictionary()

    def ask(self, picture: Picture) -> Embedding | None:
        """The embedding of a picture's face; None where it has no points."""
        if not picture.has_points:
            return None
        if picture not in self._known:
            self._known[picture] = embedding = Embedding(self)
            self._waiting.append((embedding, self.network.cut(picture.image, picture.points)))
            if len(self._waiting) >= CHIPS_AT_ONCE:
                self.finish()
        return self._known[picture]

    def finish(self) -> None:
        """Looks at all that waits."""
        if self._waiting:
            numbers = self.network.embed(np.stack([face for _, face in self._waiting]))
            for (embedding, _), found in zip(self._waiting, numbers, strict=True):
                embedding._numbers = found
            self._waiting = []


def distance(one: Embedding | None, other: Embedding | None) -> float:
    """L2 distance of two embeddings; NaN where one is missing."""
    return float("nan") if one is None or other is None else float(np.linalg.norm(one.numbers - other.numbers))


def features(frames: Iterable[np.ndarray], points: np.ndarray, network: Network) -> np.ndarray:
    """A network's numbers for every frame's face.

    Args:
        frames: (H, W, 3) uint8 RGB each.
        points: (T, 5, 2) five points a frame, in frame pixels; NaN where there is no face.
        network: `Dlib` or `FaceRes`.

    Returns:
        (T, numbers) float32; NaN where the points are.

    Raises:
        LabError: when frames and points differ in number.
    """
    points, frames = check_points(points), iter(frames)
    found, count = np.full((len(points), network.numbers), np.nan, np.float32), 0
    while batch := list(itertools.islice(frames, CHIPS_AT_ONCE)):
        rows = np.arange(count, count + len(batch))
        count += len(batch)
        if count > len(points):
            break
        seen = [at for at, row in enumerate(rows) if np.isfinite(points[row]).all()]
        if seen:
            found[rows[seen]] = network.embed(np.stack([network.cut(batch[at], points[rows[at]]) for at in seen]))
    if count != len(points):
        raise LabError(f"points: {len(points)} rows do not fit the clip's frames. Give one row of five points a frame.")
    return found


def set_features(faces: FaceSet, network: Network) -> np.ndarray:
    """A network's numbers of every face of a set, from its aligned pictures: (N, numbers) float32.

    Raises:
        LabError: when the set is empty, or a picture cannot be read.
    """
    if not len(faces):
        raise LabError(f"{faces.folder}: no face of this set is left to compare with. Extract the faces again.")
    return features(faces.pictures(), faces.aligned_points(), network)
