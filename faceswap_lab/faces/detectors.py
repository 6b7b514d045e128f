"""The choice of detectors: MTCNN, dlib's two, or all of them together.

dlib's are there for comparison and for faces that MTCNN misses. `hog` (Dalal and Triggs, "Histograms of oriented gradients
for human detection", CVPR 2005, as a face detector by D. King, "Max-margin object detection", arXiv:1502.00046) sees upright
frontal faces from 80 px on; `cnn` (the same margin on a small network) sees more poses, and takes seconds a frame without a
GPU. Both give boxes only; MTCNN's O-Net then finds the five points and corrects the box, so that all faces are alike.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from faceswap_lab.base import weights
from faceswap_lab.base.errors import LabError
from faceswap_lab.faces.mtcnn import Detections, FaceDetector, check_pictures
from faceswap_lab.faces.mtcnn_boxes import suppress
from faceswap_lab.faces.options import DETECTORS

_SMALLEST = {"hog": 80, "cnn": 40}  # pixels, what dlib's detectors see without enlarging
_MOST_PIXELS = 16e6  # a frame is not enlarged beyond this
_SAME = 0.4  # overlap from which two detectors have found one face


def make_detector(
    name: str = "mtcnn", min_face_size: float = 40, thresholds=(0.6, 0.7, 0.7), workers: int | None = None
) -> FaceDetector | DlibDetector | EveryDetector:
    """A detector by its name; each has `detect(images) -> list[Detections]`.

    Args:
        name: one of `DETECTORS`.
        min_face_size: smallest face in pixels.
        thresholds: of MTCNN's three networks.
        workers: threads of MTCNN.

    Raises:
        LabError: for an unknown name, or when dlib is not installed.
    """
    if name not in DETECTORS:
        raise LabError(f"detector {name!r}: choose one of {', '.join(DETECTORS)}.")
    cascade = FaceDetector(min_face_size, thresholds, workers=workers)
    if name == "mtcnn":
        return cascade
    if name == "all":
        return EveryDetector([cascade, *(DlibDetector(kind, min_face_size, cascade) for kind in ("hog", "cnn"))])
    return DlibDetector(name, min_face_size, cascade)


class DlibDetector:
    """dlib's HOG or CNN face detector, with the five points of MTCNN's O-Net.

    Args:
        kind: hog or cnn.
        min_face_size: smallest face in pixels; frames are enlarged for faces smaller than the detector sees.
        cascade: to share its networks; made when None.

    Raises:
        LabError: when dlib is not installed.
    """

    def __init__(self, kind: str, min_face_size: float = 80, cascade: FaceDetector | None = None):
        try:
            import dlib
        except ImportError as error:
            raise LabError(f"detector {kind!r}: dlib is not installed. Run: pip install dlib-bin") from error
        self.kind, self.scale = kind, max(1.0, _SMALLEST[kind] / min_face_size)
        self.cascade = cascade or FaceDetector(min_face_size)
        if kind == "hog":
            self._run = dlib.get_frontal_face_detector()
        else:
            self._run = dlib.cnn_face_detection_model_v1(str(weights.find("dlib_mmod")))

    def _boxes(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Dlib's boxes (n, 4) in frame pixels and how sure it is of them, (n,) in [0, 1]."""
        scale = min(self.scale, np.sqrt(_MOST_PIXELS / (image.shape[0] * image.shape[1])))
        larger = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR) if scale != 1 else image
        if min(larger.shape[:2]) < 32:  # less than dlib's window
            return np.zeros((0, 4), np.float32), np.zeros(0, np.float32)
        if self.kind == "hog":
            rectangles, margins, _ = self._run.run(larger, 0, 0.0)
        else:
            found = self._run(larger, 0)
            rectangles, margins = [one.rect for one in found], [one.confidence for one in found]
        boxes = np.array([(r.left(), r.top(), r.right(), r.bottom()) for r in rectangles], np.float32).reshape(-1, 4)
        # a distance from the margin, not a share: a face at the margin counts half, one at distance 1 three quarters
        return boxes / np.float32(scale), (1 - 0.5 ** (1 + np.clip(np.array(margins, np.float32), 0, None))).astype(
            np.float32
        )

    def detect(self, images: Sequence[np.ndarray]) -> list[Detections]:
        """Finds the faces of some frames, as `FaceDetector.detect` does; a score is dlib's or O-Net's, the higher one.

        Raises:
            LabError: for a picture that is not (H, W, 3) uint8.
        """
        results = []
        for image in check_pictures(images):
            boxes, scores = self._boxes(image)
            found = self.cascade.settle(image, boxes)
            settled = found.scores > 0.5  # else O-Net does not see it, and its box would be a guess
            kept = np.where(settled[:, None], found.boxes, boxes) if len(boxes) else boxes
            merged = Detections(kept, np.maximum(scores, found.scores), found.points)
            results.append(merged.chosen(suppress(merged.boxes, merged.scores, _SAME)))
        return results


class EveryDetector:
    """Several detectors together: what one of them finds is found; of faces found twice the first detector's stays."""

    def __init__(self, detectors: Sequence):
        self.detectors = list(detectors)

    def detect(self, images: Sequence[np.ndarray]) -> list[Detections]:
        """Finds the faces of some frames, as `FaceDetector.detect` does."""
        answers = [detector.detect(images) for detector in self.detectors]
        return [_together(found) for found in zip(*answers, strict=True)]


def _together(answers: Sequence[Detections]) -> Detections:
    every = Detections.joined(answers)
    ranks = np.concatenate([np.full(len(found), rank) for rank, found in enumerate(answers)])
    # the earlier detector wins over the surer one
    kept = suppress(every.boxes, (every.scores + 1 + len(answers) - ranks).astype(np.float32), _SAME)
    return every.chosen(kept[np.argsort(-every.scores[kept], kind="stable")])
