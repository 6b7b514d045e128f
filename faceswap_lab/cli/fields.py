"""Command-line options from a frozen dataclass: names, types, defaults and words are its own."""

from __future__ import annotations

import argparse
import dataclasses
import typing

from faceswap_lab.swap.options import descriptions

METAVARS = {int: "N", float: "X", str: "TEXT"}


def add_fields(parser: argparse.ArgumentParser, options: type) -> None:
    """Adds an option for each field: `min_score` is --min-score, a switch that is on by default is --no-NAME.

    What is not given stays None, so that a file of settings, or the dataclass's default, counts; see `given_fields`.

    Args:
        parser: of the command.
        options: the dataclass; what its docstring says under "Args:" is the help.
    """
    said, types = descriptions(options), typing.get_type_hints(options)
    for one in dataclasses.fields(options):
        flag, words = one.name.replace("_", "-"), said[one.name].replace("%", "%%")
        if types[one.name] is bool:
            if one.default:
                flag, words = f"no-{flag}", f"switch this off: {words}"
            action = "store_false" if one.default else "store_true"
            parser.add_argument(f"--{flag}", dest=one.name, action=action, default=None, help=words)
            continue
        kind, count = _kind_and_count(types[one.name])
        default = " ".join(map(str, one.default)) if isinstance(one.default, tuple) else one.default
        shown = "" if default in (None, "") else f" (default: {default})"
        parser.add_argument(f"--{flag}", type=kind, nargs=count, metavar=METAVARS[kind], help=words + shown)


def given_fields(given: argparse.Namespace, options: type) -> dict[str, typing.Any]:
    """The fields that were given on the command line, by name."""
    found = {one.name: getattr(given, one.name) for one in dataclasses.fields(options)}
    return {name: value for name, value in found.items() if value is not None}


def _kind_and_count(hint: typing.Any) -> tuple[type, int | str | None]:
    """A field's type as argparse takes it: float, tuple[float, float], tuple[str, ...], or such with `| None`."""
    choices = [one for one in typing.get_args(hint) if one is not type(None)] if "|" in str(hint) else [hint]
    for one in choices:
        if typing.get_origin(one) is tuple:
            inner = typing.get_args(one)
            return inner[0], "+" if inner[-1] is ... else len(inner)
    return choices[0], None
