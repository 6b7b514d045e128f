"""What the lab finds around it: where it runs, on which device, with which versions."""

from __future__ import annotations

import contextlib
import os
import platform
import sys
from collections.abc import Iterator
from importlib import metadata, util

from faceswap_lab import __version__


def place() -> str:
    """Where this Python runs: "Colab", "Kaggle" or "this machine"."""
    if "COLAB_RELEASE_TAG" in os.environ or "google.colab" in sys.modules:
        return "Colab"
    return "Kaggle" if "KAGGLE_KERNEL_RUN_TYPE" in os.environ else "this machine"


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silences what libraries write to standard error by themselves, such as TensorFlow's search for a GPU driver."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def devices() -> list[str]:
    """The accelerators that Keras' backend sees, by name; [] on a machine with a CPU only.

    On TensorFlow the GPU's memory is set to grow as needed, so that two notebooks can share it, and the graphs' remapper is
    switched off: it fuses what a training step's gradient needs unfused, fails, and in 2.19 and 2.20 reports that past
    every log level. Faces are painted as fast without it.
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
        try:
            tf.config.experimental.set_memory_growth(gpu, True)
        except RuntimeError:  # the GPU is in use already; growth can only be set before
            pass
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
