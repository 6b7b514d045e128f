"""faceswap_lab: a course that is also a working lab for video face swapping.

    import faceswap_lab as lab

gives the names below, each loaded when it is first used. Inside, an image is RGB, uint8 or float32 in [0, 1]; points are
(x, y) in pixels. The examples in the docstrings go on from these lines:

    >>> clip = lab.clip("talk_A").path
    >>> frame = next(lab.open_video(clip).frames()).image
    >>> faces = lab.extract_faces(clip, "sets/A", end=0.4)
"""

import importlib

from faceswap_lab.base import environment, log_levels

__version__ = "0.4.0"

_MODULES = {
    "LabError": "base.errors",
    "open_video": "video.frames",
    "extract_frames": "video.frames",
    "read_picture": "video.pictures",
    "write_picture": "video.pictures",
    "VideoWriter": "video.writer",
    "FaceDetector": "faces.mtcnn",
    "FaceMesh": "faces.landmarks",
    "alignment_matrix": "faces.alignment",
    "align": "faces.alignment",
    "extract_faces": "provenance.checks",
    "FaceSet": "faces.faceset",
    "diagnose": "faces.diagnosis",
    "fit": "training.fitting",
    "load_model": "training.models",
    "SwapFunction": "training.models",
    "BaseSwap": "swap.base_swap",
    "SwapOptions": "swap.options",
    "swap_frame": "swap.swapping",
    "convert": "swap.conversion",
    "score_clip": "metrics.gains",
    "clip": "course.actors",
    "setup": "course.runtime",
    "Picture": "widgets.showing",
    "Film": "widgets.showing",
}  # public name -> its module
__all__ = ["__version__", *_MODULES]  # noqa: PLE0604

log_levels.settle()
environment.settle()


def __getattr__(name: str):
    if name not in _MODULES:
        raise AttributeError(f"faceswap_lab has no {name!r}")
    found = getattr(importlib.import_module(f"faceswap_lab.{_MODULES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
