"""Conversions that kill their own process at a chosen moment."""

import os
import signal
from pathlib import Path

from test_conversion import PLAIN, Generator, conversion

from faceswap_lab.provenance import register

FRAMES = 3


def kill(*_):
    os.kill(os.getpid(), signal.SIGKILL)


def convert(target, faces, out, kept=None, **options):
    """The first frames of a clip (or a picture) through a function in a model's place."""
    ranges = () if Path(target).suffix == ".png" else [(0, FRAMES / 20)]
    return conversion.convert(
        target, faces, Generator(), out, ranges=ranges, rest="drop", frames_folder=kept, part_frames=2, **PLAIN, **options
    )


def convert_until(moment, out, **given):
    """Dies when `out` is "entered" in the register, when it is "renamed", or after all "frames"."""
    record, replace = register.record_output, os.replace

    def entered(path, *rest):
        said = record(path, *rest)
        return kill() if Path(path) == Path(out) else said

    def renamed(source, place):
        replace(source, place)
        if Path(place) == Path(out):
            kill()

    if moment == "entered":
        register.record_output = entered
    elif moment == "renamed":
        os.replace = renamed
    else:
        given["progress"] = lambda done, total: kill() if done == FRAMES else None
    convert(out=out, **given)
