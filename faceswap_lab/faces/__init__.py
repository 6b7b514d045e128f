"""Faces: detect, find landmarks, align, mask, and keep as a face set."""

from faceswap_lab.faces.alignment import align, alignment_matrix, canonical_points, umeyama
from faceswap_lab.faces.faceset import FaceSet

__all__ = ["FaceSet", "align", "alignment_matrix", "canonical_points", "umeyama"]
