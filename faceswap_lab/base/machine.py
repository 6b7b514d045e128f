"""What the lab finds around it: where it runs, on which device, with which versions."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import re
import sys
import warnings
from collections.abc import Iterator
from importlib import metadata, util

from faceswap_lab import __version__
from faceswap_lab.base import log_levels

_greeted = False
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # mallopt's names in malloc.h
_ARRAY, _ROOM = 32 << 20, 512 << 20  # bytes: what glibc still takes for an array, and may keep in each thread's heap


def shell():
    """IPython's shell where this runs in one, such as a notebook's; else None. Nothing is loaded to tell it."""
    return getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()


def place() -> str:
    """Where this Python runs: "Colab", "Kaggle" or "this machine"."""
    if "COLAB_RELEASE_TAG" in os.environ or "google.colab" in sys.modules:
        return "Colab"
    return "Kaggle" if "KAGGLE_KERNEL_RUN_TYPE" in os.environ else "this machine"


def interpreter(network: str | os.PathLike | bytes, num_threads: int = 1, shape: tuple[int, ...] | None = None):
    """A LiteRT interpreter that is ready to run; threads may ask for theirs at the same time.

    Args:
        network: a .tflite file, or its content.
        num_threads: of the interpreter.
        shape: of its first input; None: the network's own.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:  # TensorFlow brings the same class, deprecated
        from tensorflow.lite import Interpreter
    given = {"model_content": network} if isinstance(network, bytes) else {"model_path": str(network)}
    with _greeting():
        made = Interpreter(**given, num_threads=num_threads)
        if shape is not None:
            made.resize_tensor_input(made.get_input_details()[0]["index"], shape)
        made.allocate_tensors()
    return made


@contextlib.contextmanager
def _greeting() -> Iterator[None]:
    """Keeps a line off the console which LiteRT's C++ says with its first network, asking no log level before."""
    global _greeted
    held = contextlib.nullcontext() if _greeted else log_levels.held_back(re.compile(rb"XNNPACK delegate"))
    with held:
        yield
    _greeted = True


@contextlib.contextmanager
def noted() -> Iterator[list[str]]:
    """Collects what is warned of meanwhile, from all threads, each sentence once; it is shown at once as ever."""
    show, said = warnings.showwarning, []

    def note(message, category, *place, **more):
        if issubclass(category, UserWarning) and str(message) not in said:
            said.append(str(message))
        show(message, category, *place, **more)

    warnings.showwarning = note
    try:
        yield said
    finally:
        warnings.showwarning = show


@contextlib.contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Lets arrays of a frame's size take the place of freed ones meanwhile, where the C library is glibc.

    By itself it hands them back, and the system fills the next one with zeros page by page: a copy of 1280x720 in RGB took
    1.7 ms, and takes 0.2 ms so. A tenth of a conversion's processor time went there. In the end all goes back.
    """
    if platform.libc_ver()[0] != "glibc":
        yield
        return
    glibc = ctypes.CDLL(None)
    glibc.mallopt(_MMAP_THRESHOLD, _ARRAY)
    glibc.mallopt(_TRIM_THRESHOLD, _ROOM)
    try:
        yield
    finally:
        glibc.mallopt(_TRIM_THRESHOLD, 2 * _ARRAY)  # what it comes to by itself when arrays of that size were freed
        glibc.malloc_trim(0)


def devices() -> list[str]:
    """The accelerators that Keras' backend sees, by name; [] on a machine with a CPU only.

    On TensorFlow the GPU's memory is set to grow as needed, so that two notebooks can share it, and the graphs' remapper is
    switched off: it fuses what a training step's gradient needs unfused, fails, and in 2.19 and 2.20 reports that past
    every log level. Faces are generated as fast without it.
    """
    import keras

    if keras.backend.backend() == "jax":
        import jax

        return [str(device.device_kind) for device in jax.devices() if device.platform != "cpu"]
    if keras.backend.backend() != "tensorflow":
        return []
    import tensorflow as tf

    tf.config.optimizer.set_experimental_options({"remapping": False})
    found = []
    for gpu in tf.config.list_physical_devices("GPU"):
        with contextlib.suppress(RuntimeError):  # the GPU is in use already; growth can only be set before
            tf.config.experimental.set_memory_growth(gpu, True)
        found.append(tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name))
    return found


def cpu_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def versions() -> dict[str, str]:
    """The versions that matter, by name; "missing" where a package is not installed."""
    found = {"faceswap_lab": __version__, "Python": platform.python_version()}
    packages = ("tensorflow", "keras", "numpy", "opencv-python-headless", "mtcnn", "ai-edge-litert", "av")
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "missing"
    if found["opencv-python-headless"] == "missing" and util.find_spec("cv2"):
        import cv2

        found["opencv-python-headless"] = cv2.__version__  # another of OpenCV's packages brings the same cv2
    return found


def table(rows: list[tuple[str, str]]) -> str:
    """Two columns of text, the first as wide as it needs."""
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)


def python_problem() -> str:
    """Why this Python is not one that the lab is tested on; "" when it is."""
    if (3, 11) <= sys.version_info[:2] <= (3, 13):
        return ""
    return f"Python {platform.python_version()} is not one of 3.11, 3.12, 3.13"
