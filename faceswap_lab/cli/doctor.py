"""The command `doctor`: what the lab finds on this machine."""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path

from faceswap_lab.base import environment, machine
from faceswap_lab.base.errors import LabError
from faceswap_lab.cli import consent
from faceswap_lab.course import execution, notebooks, runtime


def doctor_options(doctor: argparse.ArgumentParser) -> None:
    """Looks at versions, devices, weights, free disk, folders and keys. The exit code is 1 when something is missing."""


def doctor_command(options: argparse.Namespace) -> int:
    """`doctor`: what the lab finds on this machine; 1 when something that it needs is missing."""
    problems = []
    rows = [("place", machine.place()), *machine.versions().items()]
    problems += [machine.python_problem()] + [f"{name} is missing" for name, version in rows if version == "missing"]
    try:
        accelerators = machine.devices()
        rows.append(("device", ", ".join(accelerators) or f"CPU, {machine.cpu_cores()} cores (preset quick)"))
    except ImportError as error:
        problems.append(f"Keras cannot be imported ({error})")
    rows.append(("ffmpeg", _ffmpeg(problems)))
    for label, folder in (("runs folder", runtime.ROOT / "runs"), ("lab folder", runtime.ROOT)):
        rows.append((label, _folder(folder, problems)))
    rows += _weights(problems)
    rows += consent.doctor_rows(problems)
    rows.append(("signs with", _certificate(problems)))
    try:
        rows.append(("bundled clips", f"{len(_bundled())} found"))
    except LabError as error:
        problems.append(str(error))
    try:
        rows.append(("notebooks", ", ".join(notebooks.all_notebooks())))
    except LabError as error:
        problems.append(str(error))
    rows += [("note", sentence) for sentence in environment.notes]
    print(machine.table([(name, value) for name, value in rows]))
    problems = [problem for problem in problems if problem]
    print("\n" + ("All is well." if not problems else "\n".join(f"Problem: {problem}" for problem in problems)))
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
        problems.append(f"PyAV does not run, or cannot write H.264 ({error}). Install it again: pip install 'av>=18'")
        return "missing"


def _folder(folder: Path, problems: list[str]) -> str:
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if not os.access(existing, os.W_OK):
        problems.append(f"{existing} cannot be written to; give --out a folder of your own")
    if free < execution.SPACE_NEEDED:
        problems.append(f"{existing}: only {free / 1e9:.1f} GB are free")
    writable = "can be written" if os.access(existing, os.W_OK) else "cannot be written"
    return f"{folder}, {writable}, {free / 1e9:.1f} GB free"


def _weights(problems: list[str]) -> list[tuple[str, str]]:
    from faceswap_lab.base import weights

    rows = []
    for entry in weights.report():
        good = entry["state"] == "ok"
        found = f"ok, {entry['source']} ({entry['licence']})"
        rows.append((f"weights {entry['name']}", found if good else "missing or damaged"))
        if not good:
            problems.append(entry["state"])
    return rows


def _certificate(problems: list[str]) -> str:
    from faceswap_lab.provenance import certificates

    try:
        found = certificates.signing()
        return f"{found.name}, until {found.ends:%Y-%m-%d}, {certificates.signing_folder()}"
    except LabError as error:
        problems.append(str(error))
        return "cannot be used"
