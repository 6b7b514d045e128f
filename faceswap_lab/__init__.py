"""faceswap_lab: a course that is also a working lab for video face swapping.

    import faceswap_lab as lab

gives the names below, each loaded when it is first used, and the rooms with what they offer: `lab.faces.head_pose`,
`lab.widgets.rows`, `lab.models.octave` ... Inside, an image is RGB, uint8 or float32 in [0, 1]; points are (x, y) in pixels.
The examples in the docstrings go on from these lines:

    >>> clip = lab.clip("talk_A").path
    >>> frame = next(lab.open_video(clip).frames()).image
    >>> faces = lab.extract_faces(clip, "sets/A", end=0.4)
"""

from faceswap_lab.base import environment, lazy, log_levels

__version__ = "0.4.0"

_NAMES = {
    "base.errors": "LabError",
    "base.files": "read_json write_json",
    "video.frames": "open_video extract_frames",
    "video.pictures": "read_picture write_picture",
    "video.writer": "VideoWriter",
    "faces.mtcnn": "FaceDetector",
    "faces.landmarks": "FaceMesh",
    "faces.alignment": "alignment_matrix align",
    "provenance.checks": "extract_faces",
    "faces.faceset": "FaceSet",
    "faces.diagnosis": "diagnose",
    "training.fitting": "fit",
    "training.models": "load_model save_model SwapFunction",
    "swap.base_swap": "BaseSwap",
    "swap.options": "SwapOptions",
    "swap.swapping": "swap_frame",
    "swap.conversion": "convert",
    "provenance.publishing": "write_swapped",
    "metrics.gains": "score_clip",
    "course.actors": "clip",
    "course.runtime": "setup",
    "widgets.showing": "Picture Player",
}  # module -> the public names that it has
__all__ = ["__version__", *" ".join(_NAMES.values()).split()]  # noqa: PLE0604
__getattr__, __dir__ = lazy.offered(__name__, _NAMES)

log_levels.settle()
environment.settle()
