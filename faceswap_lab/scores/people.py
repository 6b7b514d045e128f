"""Whom a swap is about: pictures of the source, of the target person and of others, as every measure wants to have them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from faceswap_lab.errors import LabError
from faceswap_lab.faces.faceset import FaceSet
from faceswap_lab.scores.baselines import Baselines
from faceswap_lab.scores.classical import SourceFaces
from faceswap_lab.scores.detail import set_detail
from faceswap_lab.scores.features import Dlib, FaceRes, set_features
from faceswap_lab.scores.identity import PICTURES, Gallery, spread
from faceswap_lab.scores.judge import Judge
from faceswap_lab.scores.motion import TargetFlow

WORN = 300  # pictures of the source that the classical swap chooses from


def known_people(
    source: FaceSet | None,
    target: FaceSet | None,
    others: Mapping[str, FaceSet] | None = None,
    avoid: Collection[str] = (),
    reference: int = 504,
) -> dict[str, object]:
    """What the measures' constructors ask for, by their arguments' names (see `measures.Known.given`).

    Args:
        source: faces of the person put in; None where there are none.
        target: of the person replaced, best from another clip than the scored one; None where there are none.
        others: name -> of other people, whom the face must not be taken for.
        avoid: files of clips that are scored, see `identity.Gallery.of_sets`.
        reference: at most so many of the source's faces are compared with as a set (`frechet`).

    Returns:
        judge and flow, which outputs share; with a source its detail and its faces' numbers; with both people the galleries of
        both networks and both people's numbers.

    Raises:
        LabError: when a set is empty or a picture cannot be read.
    """
    network = Dlib()
    given: dict[str, object] = {"judge": Judge(network), "flow": TargetFlow()}
    if source is None or not len(source):
        return given
    given["source_detail"] = set_detail(source.subset(spread(np.arange(len(source)), PICTURES)))
    given["reference"] = set_features(source.subset(spread(np.arange(len(source)), reference)), network)
    if target is None or not len(target):
        return given
    sets = {"source": source, "target": target, **{name: one for name, one in (others or {}).items() if len(one)}}
    if len(sets) != 2 + sum(bool(len(one)) for one in (others or {}).values()):
        raise LabError("gallery: nobody in it may be called source or target. Give another name.")
    galleries = [Gallery.of_sets(each, sets, "source", "target", avoid) for each in (network, FaceRes())]
    people = galleries[0].people
    return {
        **given,
        "galleries": galleries,
        "source_faces": people["source"],
        "target_faces": people["target"],
        "others": tuple(others or {}),
    }


def known_baselines(source: FaceSet | None, target: FaceSet | None = None) -> Baselines:
    """The baselines that can be made with such pictures; `Baselines()` alone, and nothing raised, where a set shows no face.

    Args:
        source, target: as in `known_people`.
    """
    found = []
    for faces in (source, target):
        try:
            found.append(None if faces is None else SourceFaces.from_set(faces, WORN))
        except LabError:
            found.append(None)
    return Baselines(*found)
