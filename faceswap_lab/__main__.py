"""The command line, `python -m faceswap_lab`: run, faces, diagnose, convert, score, compare, consent, verify and others."""

from __future__ import annotations

import argparse
import importlib
import sys
import warnings

from faceswap_lab import __version__
from faceswap_lab.base import environment, fonts
from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import _

COMMANDS = {  # name -> module of `cli` that has its NAME_options and NAME_command, and what it does
    "run": ("run", "run the notebooks in order into one folder; goes on where it stopped"),
    "faces": ("faces", "make a face set from a clip or a folder of pictures; goes on where it stopped"),
    "diagnose": ("faces", "what two face sets promise: findings, overlap, a difficulty for each direction"),
    "convert": (
        "convert",
        "put one person's face into a video, with or without a trained model; goes on where it stopped",
    ),
    "score": ("score", "a score card for a conversion: intervals, best and worst frames, heat maps, curves"),
    "compare": ("score", "a page that sets runs side by side: scores, clear differences, settings, frames, videos"),
    "consent": ("consent", "who agreed to be shown: show, grant, revoke, check a file, state a model's sources"),
    "verify": (
        "verify",
        "show and check a file's content credentials: is it unchanged, who signed it, what was it made of",
    ),
    "clean": ("clean", "list the faces that the lab left behind; --remove removes them"),
    "grade": ("grade", "check the exercises of a student's notebook, or of a folder of notebooks"),
    "doctor": ("doctor", "versions, devices, weights found, free disk, folders that can be written"),
    "report": ("run", "write a run's index.html again"),
}


def build_parser(only: str = "") -> argparse.ArgumentParser:
    """The command line's options.

    Args:
        only: the command whose options are added, "": all. Each is in a module of its own, and to load all takes a second.
    """
    parser = argparse.ArgumentParser(
        prog="faceswap_lab",
        description="Two clips in, a swapped clip out: runs the course's notebooks and writes a report.",
    )
    parser.add_argument("--version", action="version", version=f"faceswap_lab {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar=" | ".join(COMMANDS))
    for name, (module, words) in COMMANDS.items():
        command = commands.add_parser(name, help=words)
        if only in ("", name):
            add_options = getattr(importlib.import_module(f"faceswap_lab.cli.{module}"), f"{name}_options")
            command.description = add_options.__doc__
            add_options(command)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: as on the command line; None takes those.

    Returns:
        The exit code: 0, or 1 when something that the user can mend went wrong; the message goes to standard error.
    """
    given = sys.argv[1:] if arguments is None else arguments
    command = next((word for word in given if not word.startswith("-")), "none")
    warnings.formatwarning = _sentence
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a file's name that a console cannot show ends no command
            stream.reconfigure(errors="backslashreplace")
    try:
        options = build_parser(only=command).parse_args(given)
        environment.check_backend()
        fonts.choose()
        module = importlib.import_module(f"faceswap_lab.cli.{COMMANDS[command][0]}")
        return getattr(module, f"{command}_command")(options)
    except LabError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\n" + _("Stopped. What is finished is kept: run the same command again to go on."), file=sys.stderr)
        return 130


def _sentence(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    """A warning as the console shows it: the sentence, without the line of code that gave it."""
    return f"\n{message}\n"


if __name__ == "__main__":
    sys.exit(main())
