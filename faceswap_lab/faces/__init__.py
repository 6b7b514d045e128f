"""Faces: detect, find landmarks, align, mask, and keep as a face set."""

from faceswap_lab.base.lazy import offered

__getattr__, __dir__ = offered(
    __name__,
    {
        "alignment": "canonical_points invert scale_matrix square_box transform_points umeyama",
        "landmarks": "five_points head_pose",
        "masks": "brow_mask dilate eye_mask face_mask hull_mask mouth_mask nose_mask",
        "mtcnn_boxes": "cut_crops",
        "tracking": "FaceTracker",
    },
)
