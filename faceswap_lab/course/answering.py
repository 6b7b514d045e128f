"""The process in which a student's answers run: told by `grading` what to run, it says what came out, and judges nothing.

Started as a script of its own. Its standard input is the job, its standard output one line of JSON a case.
"""

import copy
import io
import json
import os
import pickle
import sys
import warnings

HIDDEN = "faceswap_lab.course.checks"  # the references are not for asking


def limit(memory: int, seconds: int, written: int) -> None:
    """Bounds of this process and of all that it starts, in bytes, seconds of computing and bytes of one file."""
    try:
        import resource
    except ImportError:  # Windows has none of these
        return
    wanted = {
        resource.RLIMIT_AS: (memory, memory),
        # One thread meets the grader's own clock first. At the second bound the system kills without a reason.
        resource.RLIMIT_CPU: (seconds + 1, seconds + 2),
        resource.RLIMIT_FSIZE: (written, written),
        resource.RLIMIT_CORE: (0, 0),
    }
    for kind, bounds in wanted.items():
        try:
            resource.setrlimit(kind, bounds)
        except (ValueError, OSError):  # macOS does not know all of them
            continue


def plain(answer):
    """An answer as JSON can hold it: None, a text, or numbers."""
    if answer is None or isinstance(answer, str):
        return answer
    import numpy as np

    return np.asarray(answer, float).tolist()


def say(function, arguments: tuple) -> dict:
    """What one call gives: {"answer": ...}, or {"stopped": why}."""
    try:
        return {"answer": plain(function(*copy.deepcopy(arguments)))}
    except BaseException as error:  # sys.exit, too: it is told, and the next case is tried
        return {"stopped": f"{type(error).__name__}: {error}"[:300]}


def main() -> None:
    """Runs the job's definitions, then its function on every case."""
    job = pickle.load(sys.stdin.buffer)
    channel = os.fdopen(os.dup(1), "w")
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    sys.stdout, sys.stdin = io.StringIO(), io.StringIO()
    limit(job["memory"], job["seconds"], job["written"])
    sys.modules[HIDDEN] = None  # type: ignore[assignment]  # so that importing it fails
    warnings.simplefilter("ignore")
    kernel, stopped = {"__name__": "answer"}, None
    try:
        exec(compile(job["code"], "<answer>", "exec"), kernel)
        function = kernel[job["name"]]
    except BaseException as error:
        stopped = {"stopped": f"{type(error).__name__}: {error}"[:300]}
    for arguments in job["cases"]:
        channel.write(json.dumps(stopped or say(function, arguments)) + "\n")
        channel.flush()


if __name__ == "__main__":
    main()
