"""The conversion options of a run: those that were chosen by eye in its settings file, else the lab's defaults."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from faceswap_lab.base.messages import _
from faceswap_lab.course.runtime import Run
from faceswap_lab.swap.options import SETTINGS_FILE, ConversionOptions

DEFAULTS = ConversionOptions()


def settings_path(run: Run) -> Path:
    """Where a run keeps the conversion options that were chosen by eye, see `widgets.tuning`; there may be no file yet."""
    return run.out / SETTINGS_FILE


def settings(run: Run, swap_function=None) -> ConversionOptions:
    """The options of a run's conversions: its settings file's where there is one, else the lab's defaults.

    Args:
        swap_function: the model's; one with `putting_back`, such as the base model, is put back in that way, whatever was
            chosen for others.

    Raises:
        LabError: when the file holds no settings, or some that there are none of.
    """
    path = settings_path(run)
    found = ConversionOptions.read(path) if path.exists() else DEFAULTS
    own = getattr(swap_function, "putting_back", None)
    return dataclasses.replace(found, **dataclasses.asdict(own)) if own else found


def told_settings(run: Run) -> str:
    """A line that says where the options come from, and how they differ from the lab's defaults."""
    chosen, path = settings(run), settings_path(run)
    if not path.exists():
        return _("the lab's defaults ({file} is not there yet)").format(file=SETTINGS_FILE)
    usual, same = dataclasses.asdict(DEFAULTS), _("the same as the defaults")
    other = [f"{name}={value}" for name, value in dataclasses.asdict(chosen).items() if value != usual[name]]
    return f"{path}: {', '.join(other) or same}"
