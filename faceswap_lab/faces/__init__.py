"""Faces: detect, find landmarks, align, mask, and keep as a face set."""

from faceswap_lab.base.lazy import offered
from faceswap_lab.faces.alignment import align, alignment_matrix, canonical_points, umeyama
from faceswap_lab.faces.faceset import FaceSet

__all__ = ["FaceSet", "align", "alignment_matrix", "canonical_points", "umeyama"]

__getattr__, __dir__ = offered(
    __name__,
    {
        "alignment": "invert scale_matrix square_box transform_points",
        "landmarks": "five_points head_pose",
        "masks": "brow_mask dilate eye_mask face_mask hull_mask mouth_mask nose_mask",
        "mtcnn_boxes": "cut_crops",
        "tracking": "FaceTracker",
    },
)
