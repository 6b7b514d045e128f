"""Whom a swap is about: pictures of the source, of the target person and of others, as every measure wants to have them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from faceswap_lab.base.errors import LabError
from faceswap_lab.faces.faceset import FaceSet
from faceswap_lab.metrics.baselines import Baselines
from faceswap_lab.metrics.classical_swap import SourceFaces
from faceswap_lab.metrics.identity import PICTURES, Gallery
from faceswap_lab.metrics.recognition_features import Dlib, FaceRes, Recogniser, set_features
from faceswap_lab.metrics.sharpness import set_detail
from faceswap_lab.metrics.temporal_consistency import TargetFlow

WORN = 300  # pictures of the source that the classical swap chooses from
REFERENCE = 504  # of the source's faces, at most, that are compared with as a set (`frechet`)


def known_people(
    source: FaceSet | None,
    target: FaceSet | None,
    others: Mapping[str, FaceSet] | None = None,
    avoid: Collection[str] = (),
    full: bool = True,
) -> dict[str, object]:
    """What the measures' constructors ask for, by their arguments' names (see `measures.Known.given`).

    Args:
        source: faces of the person put in; None where there are none.
        target: of the person replaced, best from another clip than the scored one; None where there are none.
        others: name -> of other people, whom the face must not be taken for.
        avoid: files of clips that are scored, see `identity.Gallery.of_sets`.
        full: False: what a first look asks for.

    Returns:
        recogniser and flow, which outputs share; with both people `source_faces` and `target_faces` for it, and the galleries
        of both networks, of the first alone without `full`. With it, also what the source's pictures are like:
        `source_detail`, and `reference`.

    Raises:
        LabError: when a picture cannot be read, or somebody has a name that is taken.
    """
    network = Dlib()
    given: dict[str, object] = {"recogniser": Recogniser(network), "flow": TargetFlow()}
    if source is None or not len(source):
        return given
    if full:
        given["source_detail"] = set_detail(source.spread(PICTURES))
        given["reference"] = set_features(source.spread(REFERENCE), network)
    if target is None or not len(target):
        return given
    others = {name: one for name, one in (others or {}).items() if len(one)}
    if taken := {"source", "target"} & set(others):
        raise LabError(f"gallery: nobody in it may be called {taken.pop()}. Give another name.")
    sets = {"source": source, "target": target, **others}
    galleries = [Gallery.of_sets(network, sets, "source", "target", avoid)]
    given["galleries"] = galleries
    if full:
        galleries.append(Gallery.of_sets(FaceRes(), sets, "source", "target", avoid))
    people = galleries[0].people
    return {**given, "source_faces": people["source"], "target_faces": people["target"]}


def known_baselines(source: FaceSet | None, target: FaceSet | None = None, full: bool = True) -> Baselines:
    """The baselines that can be made with such pictures; those that need none where a set shows no face.

    Args:
        source, target: as in `known_people`.
        full: False leaves the classical swap out, and with it the colour transfer: of the source its average face only.
    """
    found = []
    for faces in (source, target if full else None):
        try:
            found.append(None if faces is None else SourceFaces.from_set(faces, WORN))
        except LabError:  # no face in it, or no landmarks
            found.append(None)
    return Baselines(*found) if full or found[0] is None else Baselines(average=found[0].mean_image())
