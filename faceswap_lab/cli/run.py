"""The commands `run` and `report`: the notebooks in order into one folder, and its page."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError, check_number
from faceswap_lab.base.messages import _
from faceswap_lab.course import execution, notebooks, presets, runtime

FINE_TUNE = 200  # two minutes; 400 steps add nothing to the scores (docs/results.md)


def run_options(run: argparse.ArgumentParser) -> None:
    """Runs the notebooks in order into one folder. Run it again after a stop: what is finished is kept."""
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
    run.add_argument(
        "--fine-tune", type=int, default=FINE_TUNE, metavar="STEPS",
        help=f"of the base model on the two people, before the notebooks (default: {FINE_TUNE}; 0: none)",
    )  # fmt: skip
    place = run.add_mutually_exclusive_group()
    place.add_argument("--name", default="", help="the run's name: its folder is runs/NAME (default: sample, or mine)")
    place.add_argument("--out", default="", help="the run's folder, anywhere")


def report_options(report: argparse.ArgumentParser) -> None:
    """Writes a run's index.html again, from what lies in its folder."""
    report.add_argument("run", help="the run's folder, or its name under runs/")
    for role in ("target", "truth"):
        words = f"the run's {role}, where run.json names one that was not given on this computer"
        report.add_argument(f"--{role}", default="", metavar="CLIP", help=words)


def run_command(options: argparse.Namespace) -> int:
    """`run`: checks everything quick first, then runs the notebooks, then writes the report."""
    from faceswap_lab.course import report

    chosen = notebooks.choose(options.only)
    settings = notebooks.read_settings(options.set, chosen)
    presets.preset(options.preset)
    check_number("--fine-tune", options.fine_tune, 0, math.inf, "a whole number", whole=True)
    given = (options.source, options.target, options.target_training, options.truth)
    if options.out:
        out = Path(options.out).expanduser().absolute()
    else:
        out = runtime.ROOT / "runs" / _run_name(options.name or ("mine" if any(given) else "sample"))
    run = runtime.prepare(options.preset, options.seed, out, *given, keep=str(settings.get("keep", "")))
    print(f"{run.out}: {_('preset {name}').format(name=run.preset.name)}, {run.preset.told()}")
    for line in execution.check_clips(run.clips):
        print(f"  {line}")
    files.check_free_space(run.out, execution.SPACE_NEEDED)
    with files.claimed(run.out, "give another --name or --out", inside=True):
        try:
            if any(path.name.startswith("03") for path in chosen):
                for steps in sorted({0, options.fine_tune}):
                    execution.first_swap(run, steps)
            execution.run_course(run, chosen, settings)
        finally:
            page = report.write_report(run.out)
            run.keep()
    print("\n" + report.summary(run.out))
    print(_("Open {page}").format(page=page))
    return 0


def _run_name(name: str) -> str:
    if Path(name).name != name or name in (".", ".."):
        raise LabError(f"--name {name}: this is a path, not a name. Use --out for a folder elsewhere.")
    return name


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
    print(*report.left_out(folder), _("Open {page}").format(page=page), sep="\n")
    return 0
