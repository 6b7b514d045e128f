"""The command line, `python -m faceswap_lab`: run, faces, diagnose, convert, score, compare, consent, verify and others."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import warnings
from pathlib import Path

from faceswap_lab import __version__
from faceswap_lab.base import environment, files, machine
from faceswap_lab.base.errors import LabError
from faceswap_lab.cli import clean, convert, faces, grade, score, verify
from faceswap_lab.cli import consent as consent_commands
from faceswap_lab.course import execution, notebooks, presets, runtime


def build_parser() -> argparse.ArgumentParser:
    """The command line's options."""
    parser = argparse.ArgumentParser(
        prog="faceswap_lab",
        description="Two clips in, a swapped clip out: runs the course's notebooks and writes a report.",
    )
    parser.add_argument("--version", action="version", version=f"faceswap_lab {__version__}")
    names = " | ".join(COMMANDS)
    commands = parser.add_subparsers(dest="command", required=True, metavar=names)

    run = commands.add_parser(
        "run",
        help="run the notebooks in order into one folder; goes on where it stopped",
        description="Runs the notebooks in order into one folder. Run it again after a stop: what is finished is kept.",
    )
    run.add_argument("--source", default="", help="B's clip, whose face is put in (default: the bundled actor B)")
    run.add_argument("--target", default="", help="A's clip, whose video is changed (default: the bundled actor A)")
    run.add_argument("--target-training", default="", help="another clip of A, to learn from as well")
    run.add_argument("--truth", default="", help="the true swap of the target clip, to score against")
    run.add_argument("--preset", default="quick", help=f"how much of everything: {', '.join(presets.PRESETS)}")
    run.add_argument("--seed", type=int, default=0, help="of every random draw")
    run.add_argument("--only", default="", metavar="03,04", help="these notebooks only (default: 01 to 06)")
    run.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a parameter of a notebook; may be repeated"
    )
    place = run.add_mutually_exclusive_group()
    place.add_argument("--name", default="", help="the run's name: its folder is runs/NAME (default: sample, or mine)")
    place.add_argument("--out", default="", help="the run's folder, anywhere")

    faces.add_parsers(commands)
    convert.add_parser(commands)
    score.add_parsers(commands)
    consent_commands.add_parser(commands)
    verify.add_parser(commands)
    clean.add_parser(commands)
    grade.add_parser(commands)

    commands.add_parser("doctor", help="versions, devices, weights found, free disk, folders that can be written")

    report = commands.add_parser("report", help="write a run's index.html again")
    report.add_argument("run", help="the run's folder, or its name under runs/")
    for role in ("target", "truth"):
        words = f"the run's {role}, where run.json names one that was not given on this computer"
        report.add_argument(f"--{role}", default="", metavar="CLIP", help=words)
    return parser


def run_command(options: argparse.Namespace) -> int:
    """`run`: checks everything quick first, then runs the notebooks, then writes the report."""
    from faceswap_lab.course import report

    chosen = notebooks.choose(options.only)
    settings = notebooks.read_settings(options.set, chosen)
    presets.preset(options.preset)
    given = (options.source, options.target, options.target_training, options.truth)
    if options.out:
        out = Path(options.out).expanduser().absolute()
    else:
        out = runtime.ROOT / "runs" / _run_name(options.name or ("mine" if any(given) else "sample"))
    run = runtime.prepare(options.preset, options.seed, out, *given, keep=settings.get("keep", ""))
    print(f"{run.out}: preset {run.preset.name}, {run.preset.summary}")
    for line in execution.check_clips(run.clips):
        print(f"  {line}")
    with files.claimed(run.out, "give another --name or --out", inside=True):
        try:
            if any(path.name.startswith("03") for path in chosen):
                execution.first_swap(run)
            execution.run_course(run, chosen, settings)
        finally:
            page = report.write_report(run.out)
            run.keep()
    print("\n" + report.summary(run.out))
    print(f"Open {page}")
    return 0


def _run_name(name: str) -> str:
    if Path(name).name != name or name in (".", ".."):
        raise LabError(f"--name {name}: this is a path, not a name. Use --out for a folder elsewhere.")
    return name


def doctor_command(options: argparse.Namespace | None = None) -> int:
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
    rows += consent_commands.doctor_rows(problems)
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
        rows.append((f"weights {entry['name']}", f"ok, from {entry['package']}" if good else "missing or damaged"))
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


def report_command(options: argparse.Namespace) -> int:
    """`report`: writes index.html again from what lies in the run's folder."""
    from faceswap_lab.course import report

    folder = Path(options.run)
    if not folder.is_dir():
        folder = runtime.ROOT / "runs" / options.run
    if not folder.is_dir():
        existing = sorted(path.name for path in (runtime.ROOT / "runs").glob("*") if path.is_dir())
        raise LabError(f"{options.run}: no such run. There are: {', '.join(existing) or 'none yet'}.")
    for role in ("target", "truth"):
        if given := getattr(options, role):
            runtime.give_clip(folder, role, given)
    print(report.summary(folder))
    page = report.write_report(folder)
    print(*report.left_out(folder), f"Open {page}", sep="\n")
    return 0


COMMANDS = {  # what does the work of each command, and gives the exit code
    "run": run_command,
    "faces": faces.faces_command,
    "diagnose": faces.diagnose_command,
    "convert": convert.convert_command,
    "score": score.score_command,
    "compare": score.compare_command,
    "consent": consent_commands.consent_command,
    "verify": verify.verify_command,
    "clean": clean.clean_command,
    "grade": grade.grade_command,
    "doctor": doctor_command,
    "report": report_command,
}


def main(arguments: list[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: as on the command line; None takes those.

    Returns:
        The exit code: 0, or 1 when something that the user can mend went wrong; the message goes to standard error.
    """
    options = build_parser().parse_args(arguments)
    warnings.formatwarning = _sentence
    try:
        environment.check_backend()
        return COMMANDS[options.command](options)
    except LabError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. What is finished is kept: run the same command again to go on.", file=sys.stderr)
        return 130


def _sentence(message: Warning, category: type[Warning], *place, **more) -> str:
    """A warning as the console shows it: the sentence, without the line of code that gave it."""
    return f"\n{message}\n"


if __name__ == "__main__":
    sys.exit(main())
