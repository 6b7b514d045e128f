"""Python processes of their own, for tests of what happens at import, between processes, or on the console."""

import multiprocessing
import os
import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def environment(**changes) -> dict[str, str]:
    """This process' variables with the lab of this tree; a change to None takes a variable away."""
    given = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3", **changes}
    return {name: str(value) for name, value in given.items() if value is not None}


def run_python(code: str, *arguments, before=(), cwd=ROOT, **changes) -> subprocess.CompletedProcess:
    """Runs a text to its end, `before` being what the command begins with; `changes` as in `environment`."""
    command = [*before, sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.run(
        command, cwd=cwd, env=environment(**changes), capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL
    )


def forks():
    """Starts functions of tests (`Process`, `Pipe`) by forks of one process that has loaded the lab: its seconds are paid once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["faceswap_lab.swap.conversion", "faceswap_lab.training"])
    return context
