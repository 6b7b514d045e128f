"""The base model in a conversion: swaps people that nothing was trained on, from a clip or a single picture of the source."""

from __future__ import annotations

import copy
import functools
import hashlib
import os
from pathlib import Path

import keras
import numpy as np

from faceswap_lab.base import weights
from faceswap_lab.base.errors import LabError
from faceswap_lab.base.safeguards import safeguards
from faceswap_lab.faces import references
from faceswap_lab.faces.alignment import canonical_points
from faceswap_lab.faces.extraction import extract_faces
from faceswap_lab.faces.faceset import TABLE, FaceSet, spread_rows
from faceswap_lab.faces.landmarks import FaceMesh
from faceswap_lab.faces.references import Person
from faceswap_lab.faces.sources import Source, write_sources
from faceswap_lab.models import reference_swapper
from faceswap_lab.swap.options import SwapOptions
from faceswap_lab.training.fine_tuning import FineTuning, Practice, check_pictures, fine_tune
from faceswap_lab.video import open_video

NAME, TUNED = "base", "base_fine_tuned"
REMEMBERED = 32  # batches of faces, of 4 MB each: several models' faces are put onto the same swaps
PICTURES = 150  # of a person: more of them know hardly more poses and expressions
# How a composite wants to be put back: light and edges are the target's already, and alpha says where it counts.
PUTTING_BACK = SwapOptions(
    blend="mask", colour="none", mask="alpha+seen", erode=-4.0, forehead=0.0, feather=2.0, sharpen="none", amount=0.0
)


@functools.cache
def shipped() -> tuple[keras.Model, np.ndarray]:
    """The network that ships with the lab and the average shape of faces, see `reference_swapper.load`.

    Raises:
        LabError: when the file is missing or damaged.
    """
    return reference_swapper.load(weights.find(NAME))


def person_of(faces: FaceSet, size: int) -> Person:
    """Up to PICTURES faces of a set whose landmarks are known, evenly spread, in `size` pixels; they should be one person's.

    Raises:
        LabError: when there is none.
    """
    known = [(row, found) for row in range(len(faces)) if (found := faces.landmarks(row)) is not None]
    if not known:
        raise LabError(
            f"{faces.folder}: it shows no face clearly. Give a clip or picture that shows one, larger or sharper."
        )
    rows, landmarks = zip(*(known[k] for k in spread_rows(len(known), PICTURES)), strict=True)
    places = [faces.matrix(row, size) for row in rows]
    aligned = [found.transformed(place) for found, place in zip(landmarks, places, strict=True)]
    return Person.from_faces(zip(faces.subset(rows).images(size), aligned, strict=True))


def faces_of(source: str | os.PathLike, folder: str | os.PathLike | None) -> FaceSet:
    """The faces of whoever is put in, for `BaseSwap.from_faces`: of the main person that a clip or picture shows.

    Args:
        source: a clip, a folder of pictures, one picture, or a face set's folder.
        folder: where a face set is made of it, unless it is one; a stopped extraction goes on.

    Raises:
        LabError: when consent to prepare it is missing, it cannot be read, or shows no face.
    """
    agreed = safeguards().may_use(source, "source")
    if (Path(source) / TABLE).exists():
        return FaceSet(Path(source)).of_person()
    if folder is None:
        raise LabError(f"{source}: this is no face set. Name a folder where its faces are put.")
    clip = open_video(source)
    faces = extract_faces(clip, Path(folder), every=max(1, round(len(clip.indices()) / PICTURES)))
    write_sources(folder, agreed)
    return faces.of_person()


class BaseSwap:
    """A swap function (see `conversion.convert`) that needs no training: it generates the source into faces of the target.

    Args:
        source: pictures of the person put in, of the network's size.
        sources: the clips behind them, whose consent a conversion asks for.
        target: pictures of the person who is replaced, to know their shape; None: each face speaks for itself.
        network, average: from `shipped`, when None.
        batch_size: faces a pass.
        fine_tuning: trains the network on the two people when `for_target` is called; None: it stays as it is.

    Example:
        >>> swap = lab.BaseSwap.from_faces(faces)
        >>> colour, alpha = swap(faces.images(swap.size)[:1].astype("float32") / 255)
        >>> colour.shape, alpha.shape
        ((1, 128, 128, 3), (1, 128, 128, 1))
    """

    name = NAME
    putting_back = PUTTING_BACK

    def __init__(
        self, source: Person, sources: tuple[Source, ...] = (), target: Person | None = None, network=None, average=None,
        batch_size: int = 16, fine_tuning: FineTuning | None = None,
    ):  # fmt: skip
        if network is None:
            network, average = shipped()
        self.network, self.average, self.batch_size, self.fine_tuning = network, average, batch_size, fine_tuning
        self.size = network.config.size
        if source.images.shape[1] != self.size:
            raise LabError(f"source: its faces have {source.images.shape[1]} px. Give them {self.size} px.")
        if fine_tuning is not None:
            check_pictures(source)
        self.source, self.sources, self.target_shape = source, tuple(sources), None
        self.source_shape = references.own_shape(source.points, source.read, average)
        if target is not None:
            self.target_shape = references.own_shape(target.points, target.read, average)
        self.finder, self.target = FaceMesh(), target
        self._remembered: dict[bytes, tuple[np.ndarray, np.ndarray]] = {}  # `for_target` hands it on

    @classmethod
    def from_faces(cls, faces: FaceSet, **options) -> BaseSwap:
        """From faces of the source, whose consent to be prepared is asked for; options as for the class.

        Raises:
            LabError: when that consent is missing, or no face has landmarks.
        """
        sources = safeguards().may_use(faces.folder, "source")
        network = options.get("network") or shipped()[0]
        return cls(person_of(faces, network.config.size), sources, **options)

    def for_target(self, faces: FaceSet) -> BaseSwap:
        """The same swap, which knows the target's shape from all its faces (of that person only); itself without landmarks.

        Raises:
            LabError: when it is to be fine-tuned and the target's consent or landmarks are missing, or its folder was begun
                with others.
        """
        if not faces.has_landmarks() and self.fine_tuning is None:
            return self
        known = person_of(faces, self.size)
        other = copy.copy(self)
        other.__dict__.pop("digest", None)
        other.target, other.target_shape = known, references.own_shape(known.points, known.read, self.average)
        if self.fine_tuning is not None:
            safeguards().may_use(self.fine_tuning.target, "target")
            other.network = fine_tune(self.network, self.average, self.source, known, self.fine_tuning)
            other.name, other.fine_tuning = TUNED, None  # asked once more, it is not trained again
        return other

    def practice(self) -> Practice:
        """What makes swaps whose answer is known, of the two people that a swap from `for_target` knows.

        Raises:
            LabError: when the target is not known, or there are too few pictures of the source.
        """
        if self.target is None:
            raise LabError(
                "practice: whose face is replaced is not known yet. Call it on what for_target(faces) gives."
            )
        return Practice(self.source, self.target, self.network, self.average)

    @functools.cached_property
    def digest(self) -> str:
        """Tells these weights, this source and this target from any others."""
        found = hashlib.sha256(self.source.images.tobytes() + self.source.points.tobytes() + self.average.tobytes())
        found.update(b"" if self.target_shape is None else self.target_shape.tobytes())
        for weight in self.network.get_weights():
            found.update(np.ascontiguousarray(weight).tobytes())
        return found.hexdigest()

    def beside(self, face: np.ndarray) -> np.ndarray | None:
        """What the network sees beside a face (S, S, 3) uint8 RGB, see `references.warped`; None where no face is seen."""
        seen = self.seen(face)
        return None if seen is None else self._beside(seen)

    def seen(self, face: np.ndarray) -> Person | None:
        """A face of the target (S, S, 3) uint8 RGB and its landmarks; None where no face is seen."""
        landmarks = self.finder(face, canonical_points(self.size))
        return None if landmarks is None else Person.from_faces([(face, landmarks)])

    def _shape(self, seen: Person) -> np.ndarray:
        if self.target_shape is not None:
            return self.target_shape
        return references.own_shape(seen.points, seen.read, self.average)

    def _beside(self, seen: Person, rows: np.ndarray | None = None) -> np.ndarray:
        return references.beside(self.source, self.average, self.source_shape, self._shape(seen), seen, rows)

    def _carried(self, colour: np.ndarray, seen: Person) -> np.ndarray:
        move = references.shape_move(self.source_shape, self._shape(seen), seen)
        return references.carried_further(colour, seen.points[0], move).clip(0, 1)

    def __call__(self, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Generates, twice: the mean with the mirror image, see `reference_swapper.generate`. The last REMEMBERED are kept.

        Args:
            faces: (N, S, S, 3) float32 RGB [0, 1], in time's order where they have one: see `references.choose_steadily`.

        Returns:
            The composite, same shape, and alpha (N, S, S, 1), both [0, 1]; alpha is 0 where no face is seen.
        """
        key = hashlib.sha256(self.digest.encode() + faces.tobytes()).digest()
        if key not in self._remembered:
            if len(self._remembered) >= REMEMBERED:
                del self._remembered[next(iter(self._remembered))]
            self._remembered[key] = self._generated(faces)
        colour, alpha = self._remembered[key]
        return colour.copy(), alpha.copy()

    def _generated(self, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        pictures = np.round(np.clip(faces, 0, 1) * 255).astype(np.uint8)
        found = {row: seen for row, picture in enumerate(pictures) if (seen := self.seen(picture)) is not None}
        colour, alpha = faces.astype(np.float32, copy=True), np.zeros((*faces.shape[:3], 1), np.float32)
        if found:
            rows = list(found)
            every = [np.concatenate([getattr(seen, name) for seen in found.values()]) for name in ("read", "light")]
            chosen = references.choose_steadily(self.source, *every)
            beside = np.stack([self._beside(seen, near) for seen, near in zip(found.values(), chosen, strict=True)])
            generated = reference_swapper.generate(self.network, pictures[rows], beside, self.batch_size, mirrored=True)
            alpha[rows] = generated[..., 3:]
            for row, one in zip(rows, generated, strict=True):
                colour[row] = self._carried(one[..., :3], found[row])
        return colour, alpha
