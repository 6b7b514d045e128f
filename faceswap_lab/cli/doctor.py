"""The command `doctor`: what the lab finds on this machine."""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path

from faceswap_lab.base import environment, machine
from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import _, retold
from faceswap_lab.cli import consent
from faceswap_lab.course import execution, notebooks, runtime


def doctor_options(doctor: argparse.ArgumentParser) -> None:
    """Looks at versions, devices, weights, free disk, folders and keys. The exit code is 1 when something is missing."""


def doctor_command(options: argparse.Namespace) -> int:
    """`doctor`: what the lab finds on this machine; 1 when something that it needs is missing."""
    problems = []
    rows = [(_("place"), machine.place()), *machine.versions().items()]
    problems += [machine.python_problem()] + [
        _("{name} is missing").format(name=name) for name, version in rows if version == "missing"
    ]
    try:
        accelerators = machine.devices()
        rows.append(
            (_("device"), ", ".join(accelerators) or _("CPU, cores: {count}").format(count=machine.cpu_cores()))
        )
    except ImportError as error:
        problems.append(_("Keras cannot be imported ({error})").format(error=error))
    rows.append(("ffmpeg", _ffmpeg(problems)))
    for label, folder in ((_("runs folder"), runtime.ROOT / "runs"), (_("lab folder"), runtime.ROOT)):
        rows.append((label, _folder(folder, problems)))
    rows += _weights(problems)
    rows += consent.doctor_rows(problems)
    rows.append((_("signs with"), _certificate(problems)))
    try:
        rows.append((_("bundled clips"), str(len(_bundled()))))
    except LabError as error:
        problems.append(str(error))
    try:
        rows.append((_("notebooks"), ", ".join(notebooks.all_notebooks())))
    except LabError as error:
        problems.append(str(error))
    rows += [(_("note"), retold(sentence)) for sentence in environment.notes]
    print(machine.table([(name, value) for name, value in rows]))
    problems = [problem for problem in problems if problem]
    print(
        "\n"
        + (
            _("All is well.")
            if not problems
            else "\n".join(_("Problem: {what}").format(what=retold(one)) for one in problems)
        )
    )
    return 1 if problems else 0


def _bundled() -> dict[str, Path]:
    from faceswap_lab.course import samples

    return samples.course_clips()


def _ffmpeg(problems: list[str]) -> str:
    try:
        import av

        av.codec.Codec("libx264", "w")
        return f"FFmpeg {av.ffmpeg_version_info}, in PyAV {av.__version__}"
    except (ImportError, ValueError) as error:
        problems.append(
            _("PyAV does not run, or cannot write H.264 ({error}). Install it again: pip install 'av>=18'").format(
                error=error
            )
        )
        return _("missing")


def _folder(folder: Path, problems: list[str]) -> str:
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if not os.access(existing, os.W_OK):
        problems.append(_("{existing} cannot be written to; give --out a folder of your own").format(existing=existing))
    if free < execution.SPACE_NEEDED:
        problems.append(
            _("{existing}: only {size:.1f} GB are free").format(existing=existing, size=free / 1e9)
        )
    writable = _("can be written") if os.access(existing, os.W_OK) else _("cannot be written")
    return f"{folder}, {writable}, {_('{size:.1f} GB free').format(size=free / 1e9)}"


def _weights(problems: list[str]) -> list[tuple[str, str]]:
    from faceswap_lab.base import weights

    rows = []
    for entry in weights.report():
        good = entry["state"] == "ok"
        found = f"ok, {entry['source']} ({entry['licence']})"
        rows.append((f"weights {entry['name']}", found if good else _("missing or damaged")))
        if not good:
            problems.append(entry["state"])
    return rows


def _certificate(problems: list[str]) -> str:
    from faceswap_lab.provenance import certificates

    try:
        found = certificates.signing()
        return f"{found.name}, {_('until {day}').format(day=f'{found.ends:%Y-%m-%d}')}, {certificates.signing_folder()}"
    except LabError as error:
        problems.append(str(error))
        return _("cannot be used")
