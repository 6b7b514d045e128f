"""Whose face is it, without a true swap? Retrieval and closeness among a gallery, by two networks, and how far they disagree.

A gallery holds pictures of some people: the source, the target, others. Take them from other clips than the scored one: what
shares its light, hair and pose looks like it, whoever is in it.

What the numbers are on the sample data (gallery: 40 pictures each of train_A, train_B and the stranger; A's clip, B put in):

    talk_A                  retrieval  cosine_source  cosine_target  distance_source  identity_move
    (dlib / HSE-FaceRes)
    unchanged target            0 / 0  -0.34 / -0.25    0.77 / 0.72             0.66        0 / 0
    autoencoder                 1 / 1   0.52 /  0.49   -0.10 / -0.09            0.45     0.86 / 0.89
    faceswap_gan, direct        1 / 1   0.63 /  0.73   -0.31 / -0.39            0.42     1.02 / 1.31
    true swap                   1 / 1   0.71 /  0.65   -0.31 / -0.28            0.40     1.04 / 1.11
    B's own clip talk_B         1 / 1   0.62 /  0.64   -0.18 / -0.27            0.41            -

**Retrieval saturates**: even a poor swap is nearer to the source than to the others, so that it tells a swap from none, and
hardly one swap from another. The rest ranks. The GAN trained with HSE-FaceRes goes beyond the truth by that network (1.31), not
by dlib. But `judges_gap` is no proof: 0.07 for the truth, 0.14 to 0.29 for that GAN, and 0.13 to 0.15 for two autoencoders that
never met the network (one has 0.03).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from faceswap_lab.base.errors import LabError
from faceswap_lab.faces.faceset import FaceSet, spread_rows
from faceswap_lab.metrics.catalogue import Score, mean_of
from faceswap_lab.metrics.frame_samples import FrameSample
from faceswap_lab.metrics.recognition_features import Network, Recogniser, set_features
from faceswap_lab.metrics.weighting import Weighted, correlation

PICTURES = 40  # of each person in a gallery: as many of each, spread over the clip


@dataclass(frozen=True, eq=False)
class Gallery:
    """Pictures of some people, as one network sees them.

    Args:
        network: `Dlib` (the evaluation network) or `FaceRes` (the trainer's); share one among measures.
        people: name -> (N, numbers) float32 from `features.features`; rows with NaN are left out.
        source: whose face is put in; a name of `people`.
        target: whose video it is; another name of `people`.

    Raises:
        LabError: when one of the two is missing, they are the same, or somebody has no picture.
    """

    network: Network
    people: Mapping[str, np.ndarray]
    source: str
    target: str

    def __post_init__(self):
        known = {name: numbers[np.isfinite(numbers).all(axis=1)] for name, numbers in self.people.items()}
        object.__setattr__(self, "people", known)
        for role in ("source", "target"):
            if getattr(self, role) not in known:
                raise LabError(f"{role}: {getattr(self, role)!r} is not in the gallery, which has {', '.join(known)}.")
        if self.source == self.target:
            raise LabError(f"gallery: source and target are both {self.source!r}. A swap needs two people.")
        for name, numbers in known.items():
            if not len(numbers):
                raise LabError(f"gallery: no picture of {name} shows a face. Look at the face set's contact sheet.")

    @classmethod
    def of_sets(
        cls,
        network: Network,
        sets: Mapping[str, FaceSet],
        source: str,
        target: str,
        avoid: Collection[str] = (),
        pictures: int = PICTURES,
    ) -> Gallery:
        """A gallery from face sets.

        Args:
            network, source, target: as above.
            sets: name -> the faces of one person.
            avoid: files of clips that are scored; their faces are left out where the person has others.
            pictures: at most so many of each, evenly spread.

        Raises:
            LabError: as above, or when a set is empty.
        """
        people = {}
        scored = {Path(name).name for name in avoid}
        for name, faces in sets.items():
            if not len(faces):
                raise LabError(f"{faces.folder}: no face of {name} is left in this set. Extract the faces again.")
            free = ~faces.table["source"].map(lambda file: Path(str(file)).name in scored).to_numpy(bool)
            rows = np.flatnonzero(free if free.any() else ~free)
            people[name] = set_features(faces.subset(rows[spread_rows(len(rows), pictures)]), network)
        return cls(network, people, source, target)

    @property
    def centre(self) -> np.ndarray:
        """What all faces share, (numbers,): the mean of the people's means, so that nobody counts by his number of pictures."""
        return np.mean([numbers.mean(axis=0) for numbers in self.people.values()], axis=0)

    def distances(self, numbers: np.ndarray) -> np.ndarray:
        """How far faces are from everybody: the median over a person's pictures.

        dlib's numbers are compared by their L2 distance, under 0.6 for one person; HSE-FaceRes' by 1 - cosine, the gallery's
        centre taken off.

        Args:
            numbers: (T, numbers) float32; NaN where there is no face.

        Returns:
            (T, people) float64, in the order of `people`; NaN rows stay NaN.
        """
        if self.network.name == "dlib":
            each = [np.linalg.norm(numbers[:, None] - own[None], axis=2) for own in self.people.values()]
        else:
            each = [
                1 - _direction(numbers - self.centre) @ _direction(own - self.centre).T for own in self.people.values()
            ]
        return np.stack([np.median(one, axis=1) for one in each], axis=1).astype(np.float64)

    def cosines(self, numbers: np.ndarray) -> np.ndarray:
        """The cosine of faces to everybody's mean face, the gallery's centre taken off both: (T, people), -1 to 1."""
        means = np.stack([own.mean(axis=0) for own in self.people.values()])
        return (_direction(numbers - self.centre) @ _direction(means - self.centre).T).astype(np.float64)

    def move(self, numbers: np.ndarray, before: np.ndarray) -> np.ndarray:
        """How far faces went from the target person to the source person: 0 not at all, 1 the whole way; (T,).

        Args:
            numbers, before: (T, numbers) of the swapped and of the untouched frames. Light, hair and pose are in both, and
                cancel.
        """
        way = self.people[self.source].mean(axis=0) - self.people[self.target].mean(axis=0)
        length = float(way @ way)
        return (numbers - before) @ way / length if length > 0 else np.full(len(numbers), np.nan)


def _direction(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


class Identity:
    """Whose face an output shows, frame by frame, by one or more networks: a `frame_samples.Measure`.

    Args:
        galleries: one a network, the evaluation network's first; the same people, source and target in each.

    Raises:
        LabError: when the galleries are not about the same people.
    """

    SCORES: tuple[Score, ...] = ()  # set below, where the scores are

    def __init__(self, galleries: Sequence[Gallery]):
        first = galleries[0]
        for other in galleries[1:]:
            if (list(other.people), other.source, other.target) != (list(first.people), first.source, first.target):
                raise LabError("galleries: they are not about the same people. Build each from the same sets.")
        self.galleries = {gallery.network.name: gallery for gallery in galleries}
        self.scores: tuple[Score, ...] = tuple(score for name in self.galleries for score in SCORES[name])
        if {"dlib", "face_res"} <= set(self.galleries):
            self.scores += AGREEMENT
        self._recognisers = {name: Recogniser(gallery.network) for name, gallery in self.galleries.items()}
        self._seen: dict[str, list[tuple]] = {name: [] for name in self.galleries}

    def add(self, sample: FrameSample) -> None:
        """Cuts the faces out; they are looked at in batches."""
        for name, recogniser in self._recognisers.items():
            self._seen[name].append((recogniser.ask(sample.output), recogniser.ask(sample.target)))

    def features(self, network: str = "dlib", of: str = "output") -> np.ndarray:
        """What a network saw, (T, numbers) float32, NaN where there was no face: for `frechet`.

        Args:
            network: "dlib" or "face_res".
            of: "output" or "target".
        """
        seen = [pair[of == "target"] for pair in self._seen[network]]
        found = np.full((len(seen), self.galleries[network].network.numbers), np.nan, np.float32)
        for row, embedding in enumerate(seen):
            if embedding is not None:
                found[row] = embedding.numbers
        return found

    def table(self) -> pd.DataFrame:
        """One row a sample; `nearest_…` is the place of the nearest person in the gallery."""
        columns: dict[str, np.ndarray] = {}
        for name, gallery in self.galleries.items():
            output, target = self.features(name), self.features(name, "target")
            people = list(gallery.people)
            source, own = people.index(gallery.source), people.index(gallery.target)
            distances, cosines = gallery.distances(output), gallery.cosines(output)
            face = np.isfinite(output).all(axis=1)
            nearest = np.where(face, np.argmin(np.where(np.isfinite(distances), distances, np.inf), axis=1), np.nan)
            columns |= {
                f"retrieval_{name}": np.where(face, nearest == source, np.nan),
                f"nearest_{name}": nearest,
                f"distance_source_{name}": distances[:, source],
                f"distance_target_{name}": distances[:, own],
                f"cosine_source_{name}": cosines[:, source],
                f"cosine_target_{name}": cosines[:, own],
                f"identity_move_{name}": gallery.move(output, target),
            }
        if {"dlib", "face_res"} <= set(self.galleries):
            evaluation, trainer = columns["nearest_dlib"], columns["nearest_face_res"]
            columns["judges_disagree"] = np.where(np.isfinite(evaluation), evaluation != trainer, np.nan)
            columns["judges_gap"] = columns["identity_move_face_res"] - columns["identity_move_dlib"]
        return pd.DataFrame(columns)


def _margins_together(columns: np.ndarray, weights: np.ndarray) -> np.ndarray:
    evaluation, trainer = columns[:, :1] - columns[:, 1:2], columns[:, 2:3] - columns[:, 3:]
    found = correlation(evaluation, trainer, weights)
    return np.where(np.isfinite(correlation(trainer, evaluation, weights)), found, np.nan)  # either that never changes: none


_MARGINS = Weighted(
    _margins_together, [f"distance_{whom}_{name}" for name in ("dlib", "face_res") for whom in ("target", "source")]
)


def _scores(name: str, title: str, who: str) -> tuple[Score, ...]:
    """The scores that every network gives."""
    needs = ("source", "gallery")
    paper = {
        "dlib": "King, High quality face recognition with deep metric learning, 2017",
        "face_res": "Savchenko, Efficient facial representations, PeerJ CS 5:e197, 2019",
    }[name]

    def score(key: str, heading: str, meaning: str, better: str, limits: tuple[float, float], unit: str = "") -> Score:
        of: Callable = mean_of(f"{key}_{name}")
        return Score(
            f"{key}_{name}", f"{heading} ({title})", f"{meaning} {who}", better, limits, of, unit, needs, paper
        )

    infinite = (-np.inf, np.inf)
    found: tuple[Score, ...] = (
        score("retrieval", "retrieved as the source", "Share of frames whose nearest person in the gallery is the source, by the "
              "median distance to each one's pictures. 0 for the unchanged target, 1 for the truth, and also 1 for most poor "
              "swaps: it says that something was swapped, not how well. Somebody is always nearest, even to a black picture.",
              "higher", (0, 1), "share"),
        score("cosine_source", "cosine to the source", "Cosine to the source's mean face, what the gallery's people share "
              "taken off; it depends on who is in the gallery. Light and hair of the clip keep the truth itself below 1 (0.7 "
              "on the bundled actors); the unchanged target is below 0.", "higher", (-1, 1)),
        score("cosine_target", "cosine to the target", "Cosine to the target person's mean face, likewise: how much of the "
              "target is left. 0.7 to 0.8 for the unchanged target, below 0 for the truth.", "lower", (-1, 1)),
        score("identity_move", "way to the source", "How far the face went along the line from the target person's mean face "
              "to the source's, from where the untouched frame was: 0 for the unchanged target, about 1 for the truth (1.0 to "
              "1.1 on the bundled actors with forty varied pictures of each, 0.7 with six in odd light); far beyond 1 is a "
              "caricature, or a model that learnt to please this network. Leaving the target is most of the way: a stranger's face "
              "has 0.8 by dlib.",
              "one", infinite),
    )  # fmt: skip
    if name == "dlib":
        found += (
            score("distance_source", "distance to the source", "Median L2 distance to the source's pictures; under 0.6 is one "
                  "person. 0.4 for the bundled actors' truth and for the source's own other clips.", "lower", (0, 2)),
            score("distance_target", "distance to the target", "Median L2 distance to the target person's pictures; under 0.6 "
                  "the target is still recognised.", "higher", (0, 2)),
        )  # fmt: skip
    return found


_OUTSIDER = "Seen by dlib's network, which trains no model here."
_INSIDER = "Seen by HSE-FaceRes, which trains some models here: its word on those is worth less than dlib's."
SCORES = {"dlib": _scores("dlib", "dlib", _OUTSIDER), "face_res": _scores("face_res", "HSE-FaceRes", _INSIDER)}
AGREEMENT = (  # "judges": recognition networks, by their earlier name, which stands in every stored scores.json
    Score("judges_disagree", "networks disagree", "Share of frames on which dlib and HSE-FaceRes find another person nearest. 0: "
          "they agree on all. Both may be wrong together.", "lower", (0, 1), mean_of("judges_disagree"), "share",
          ("source", "gallery")),
    Score("judges_correlation", "networks' correlation", "Correlation, over the frames, of both networks' margins (distance to the "
          "target less distance to the source). 1: what one finds hard the other does too. With a swap that is even it is "
          "mostly noise: read it over swaps of all qualities.", "higher", (-1, 1), _MARGINS, "", ("source", "gallery")),
    Score("judges_gap", "networks' gap", "HSE-FaceRes' way to the source less dlib's. Near 0.1 for the bundled actors' truth. "
        "0.3 for a GAN trained with HSE-FaceRes, but 0.15 for a model that was not: a hint that the network was pleased, no proof.",
        "lower",
          (-np.inf, np.inf), mean_of("judges_gap"), "", ("source", "gallery")),
)  # fmt: skip
Identity.SCORES = (*SCORES["dlib"], *SCORES["face_res"], *AGREEMENT)
