"""Face sets checked before a model gets them: what cannot be trained on is said in a sentence, not in a stack trace."""

from __future__ import annotations

import numpy as np

from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import _

PEOPLE = ("A", "B")


def checked_pictures(pictures, what: str, channels: int = 3) -> np.ndarray:
    """Pictures as the models want them.

    Args:
        pictures: (N, S, S, channels), uint8, or float in [0, 1] (brought to uint8).
        what: their name in the messages, such as "faces of A".

    Returns:
        (N, S, S, channels) uint8.

    Raises:
        LabError: for no pictures, another shape, numbers that are NaN, infinite or out of range, another type.
    """
    pictures = np.asarray(pictures)
    if pictures.ndim != 4 or pictures.shape[1] != pictures.shape[2] or pictures.shape[3] != channels:
        raise LabError(
            f"{what}: the shape is {pictures.shape}, needed is (number, side, side, {channels}). Stack square pictures."
        )
    if not len(pictures):
        raise LabError(f"{what}: there are none. Extract faces first, or put back deleted ones.")
    if pictures.dtype == np.uint8:
        return pictures
    if pictures.dtype.kind != "f":
        raise LabError(f"{what}: the type is {pictures.dtype}. Give uint8 (0 to 255) or float in [0, 1].")
    bad = np.flatnonzero(~np.isfinite(pictures).all(axis=(1, 2, 3)))
    if len(bad):
        some = ", ".join(map(str, bad[:5])) + (", ..." if len(bad) > 5 else "")
        raise LabError(f"{what}: {len(bad)} pictures hold NaN or infinity (numbers {some}). Take them out of the set.")
    if pictures.min() < 0 or pictures.max() > 1.001:
        raise LabError(
            f"{what}: values reach from {pictures.min():.3g} to {pictures.max():.3g}. Give floats in [0, 1], or uint8."
        )
    return np.round(np.clip(pictures, 0, 1) * 255).astype(np.uint8)


def set_faces(model, faces: dict, masks: dict | None = None, transferred: dict | None = None) -> dict[str, int]:
    """Checks both face sets and gives them to a model, before its first step.

    Args:
        model: a `FaceAutoencoder` or what is made from it.
        faces: {"A": (N, S, S, 3) RGB uint8, or float in [0, 1], "B": ...}; the numbers of faces may differ.
        masks: {"A": (N, S, S, M): face, eyes, mouth, ..., "B": ...}; None, or masks without any feature, switches the loss
            terms off that need them.
        transferred: as faces, or None.

    Returns:
        The counts that `fit` wants, {"A": N, "B": N}.

    Raises:
        LabError: see `checked_pictures`; for a missing person or sets that do not belong together.
    """
    for name, given in (("faces", faces), ("masks", masks), ("transferred", transferred)):
        if given is not None and set(given) != set(PEOPLE):
            raise LabError(f"{name}: the people are {sorted(given)}. Give the two face sets as A and B.")
    faces = {p: checked_pictures(faces[p], f"faces of {p}") for p in PEOPLE}
    small = [p for p in PEOPLE if faces[p].shape[1] < model.config.size]
    if small:
        raise LabError(
            f"faces of {small[0]}: they are {faces[small[0]].shape[1]} px wide and the model generates {model.config.size} px. "
            "Give larger ones, or a smaller model."
        )
    if transferred is not None:
        transferred = {p: checked_pictures(transferred[p], f"transferred faces of {p}") for p in PEOPLE}
    if masks is not None:
        masks = {p: checked_pictures(masks[p], f"masks of {p}", np.shape(masks[p])[-1]) for p in PEOPLE}
    for p in PEOPLE:
        if (masks is not None and len(masks[p]) != len(faces[p])) or (
            transferred is not None and transferred[p].shape != faces[p].shape
        ):
            raise LabError(
                f"masks or transferred faces of {p}: they do not belong to these {len(faces[p])} faces. Make them anew."
            )
    for p in PEOPLE:
        if len(faces[p]) == 1:
            said = _("faces of {person}: there is only one. The model will learn this picture by heart, not the person.")
            print(said.format(person=p))
    model.set_faces(faces, masks, transferred)
    return {p: len(pictures) for p, pictures in faces.items()}


def check_batch(counts: dict[str, int], batch_size: int) -> None:
    """Refuses a batch or a set without faces; says so when a batch is larger than a set.

    Raises:
        LabError: for an empty set or a batch size under 1.
    """
    if batch_size < 1:
        raise LabError(f"batch_size={batch_size}: a step needs one face of each person at least. Give 1 or more.")
    for person, count in counts.items():
        if count < 1:
            raise LabError(f"faces of {person}: there are none. Extract faces first, or put back deleted ones.")
        if batch_size > count:
            said = _("faces of {person}: {count} in all, {batch} in a batch: some are seen several times in one step.")
            print(said.format(person=person, count=count, batch=batch_size))
