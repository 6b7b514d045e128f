"""Keeps the logs of TensorFlow's and LiteRT's C++ out of the lab's own lines, on the console and in notebooks."""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.machinery
import logging
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator

LEVELS = {"TF_CPP_MIN_LOG_LEVEL": "3", "GRPC_VERBOSITY": "ERROR", "GLOG_minloglevel": "2"}
# "I0000 00:00:1700000000.000000   1 port.cc:153] ...", the sentence before the first of them, and the second line of one.
LOADING = re.compile(
    rb"^[IWE]\d{4} [\d:.]+ +\d+ \w+\.\w+:\d+\] |^WARNING: All log messages before absl::|^To enable the following"
)
_one_at_a_time = threading.Lock()


def settle() -> None:
    """Sets the levels that nobody has set, and lets TensorFlow load in silence; to be called before it is loaded."""
    for name, level in LEVELS.items():
        os.environ.setdefault(name, level)
    if os.environ["TF_CPP_MIN_LOG_LEVEL"] != LEVELS["TF_CPP_MIN_LOG_LEVEL"]:
        return
    logging.getLogger("tensorflow").addFilter(_is_not_about_tracing)
    if "tensorflow" not in sys.modules:
        sys.meta_path.insert(0, _Finder())


def _is_not_about_tracing(record: logging.LogRecord) -> bool:
    """Drops the advice to call a function less often with new shapes, which is for who writes one: every network has its own."""
    return "tf.function retracing" not in str(record.msg)


@contextlib.contextmanager
def held_back(noise: re.Pattern[bytes]) -> Iterator[None]:
    """Keeps lines off standard error that libraries write past every log level; the others come when the block ends.

    For what is written below Python while something is loaded, once a process: TensorFlow 2.21 reports oneDNN and a missing
    CUDA before it looks at its level. Threads wait for each other, so that the descriptor always comes back.

    Args:
        noise: matches what is dropped, line by line.
    """
    with _one_at_a_time, tempfile.TemporaryFile() as aside:
        with contextlib.suppress(AttributeError, OSError, ValueError):  # there may be no standard error at all
            sys.stderr.flush()
        try:
            kept = os.dup(2)
        except OSError:
            yield
            return
        os.dup2(aside.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            aside.seek(0)
            for line in aside:
                if not noise.search(line):
                    os.write(2, line)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds TensorFlow as Python does, and has it loaded with its remarks held back."""

    def find_spec(self, fullname, path, target=None):
        if fullname != "tensorflow" or (spec := importlib.machinery.PathFinder.find_spec(fullname, path)) is None:
            return None
        if hasattr(spec.loader, "exec_module"):
            load = spec.loader.exec_module

            def load_silently(module):
                with held_back(LOADING):
                    load(module)

            spec.loader.exec_module = load_silently
        return spec
