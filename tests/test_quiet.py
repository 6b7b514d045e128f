"""A command's standard error holds the lab's own lines and nobody else's, whatever TensorFlow would say."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LEVELS = ("TF_CPP_MIN_LOG_LEVEL", "GRPC_VERBOSITY", "GLOG_minloglevel", "TF_ENABLE_ONEDNN_OPTS")


def run(*command, **settings):
    """A fresh Python with no log level of anybody's: what it says, and what it says on standard error."""
    environment = {name: value for name, value in os.environ.items() if name not in LEVELS} | settings
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, *map(str, command)], env=environment, capture_output=True, text=True, timeout=300, cwd=ROOT
    )
    return done.returncode, done.stdout, done.stderr
