"""Measures that a training is given to look at on faces whose swap it is never shown."""

from __future__ import annotations

import keras
import numpy as np

from faceswap_lab.course import stages
from faceswap_lab.course.runtime import Run
from faceswap_lab.faces.alignment import canonical_points
from faceswap_lab.faces.embeddings import chip
from faceswap_lab.models.dlib_recognition import FaceRecognition
from faceswap_lab.models.face_statistics import resize


def identity_measure(run: Run, size: int, count: int = 6):
    """A measure for `training.HeldOut`: how far from A to B the evaluation network sees swapped faces of the target clip.

    No swap is ever shown to the training, so there is nothing to learn by heart here; and the evaluation network is another than
    those that train.

    Args:
        run: the run.
        size: side of the model's faces.
        count: faces that are swapped at each evaluation, evenly spread over the target clip.

    Returns:
        model -> {"identity": ...}: 0 is as far from B's faces as the target's own faces are, 1 is as near as B's own faces
        are to each other.
    """
    recogniser = FaceRecognition()

    def seen(pictures):
        pictures = np.clip(np.round(np.asarray(pictures) * 255), 0, 255).astype(np.uint8)
        numbers = recogniser.embed(np.stack([chip(picture, canonical_points(picture.shape[0])) for picture in pictures]))
        return numbers.astype(np.float64)

    def spread(role, many):
        faces = stages.main_person(stages.ensure_faces(run, role))
        return faces.subset(np.unique(np.linspace(0, len(faces) - 1, many).astype(int)))

    target, source = spread("target", count), spread("B", 2 * count)
    inputs = target.images(size).astype("float32") / 255
    # B's faces are brought to the model's size and back, so that the network sees all pictures equally sharp.
    references = seen(resize(source.images(), size).astype("float32") / 255)

    def distance(numbers):
        return float(np.linalg.norm(numbers[:, None] - references[None], axis=-1).mean())

    apart = np.linalg.norm(references[:, None] - references[None], axis=-1)
    nearest = float(apart[~np.eye(len(apart), dtype=bool)].mean())
    farthest = distance(seen(inputs))

    def measure(model):
        swapped, _ = model.translate(inputs, 0, 1)
        return {"identity": (farthest - distance(seen(keras.ops.convert_to_numpy(swapped)))) / (farthest - nearest)}

    return measure
