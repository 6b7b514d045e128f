"""The command `convert`: a video through a model."""

from __future__ import annotations

import argparse
import math
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError, check_number
from faceswap_lab.base.messages import _
from faceswap_lab.cli import frames_bar
from faceswap_lab.cli.fields import add_fields, given_fields
from faceswap_lab.swap.options import ConversionOptions

# Whose video gets whose face -> whose faces come in, as whom they are generated.
DIRECTIONS = {"A<-B": (0, 1), "B<-A": (1, 0)}


def convert_options(convert: argparse.ArgumentParser) -> None:
    """Converts a video, a folder of pictures or a picture. Run it again after a stop: what is finished is kept."""
    convert.add_argument("video", help="the target: a video, a folder of pictures, or a picture")
    convert.add_argument("--model", metavar="FOLDER", help="a trained model, such as runs/sample/models/autoencoder")
    convert.add_argument(
        "--source", metavar="FILE",
        help="whose face comes in: a clip, a picture or a face set. No training: the base model that ships with the lab swaps. "
        "With --model, that one's faces are put onto this swap: the source's skin all over the face, instead of the target's",
    )  # fmt: skip
    convert.add_argument(
        "--fine-tune", type=int, default=0, metavar="STEPS",
        help="with --source: first train the base model on the two people, such as 400 steps: 3 to 5 minutes on two CPU "
        "cores, from 16 pictures of the source on (0: no training)",
    )  # fmt: skip
    convert.add_argument(
        "--out", required=True, metavar="FILE", help="a video (.mp4), a .gif, a folder of pictures, or a picture"
    )
    convert.add_argument(
        "--faces", default="", metavar="FOLDER", help="the video's face set (default: the faces are found now)"
    )
    convert.add_argument(
        "--direction",
        default="A<-B",
        help='of a --model: whose video gets whose face, in quotes: "A<-B" (default) or "B<-A"',
    )
    convert.add_argument("--person", type=int, default=0, help="whose face, as numbered in the face set (0)")
    convert.add_argument(
        "--like",
        default="",
        metavar="FILE",
        help="whose face, by a picture or a face set that shows it; instead of --person",
    )
    convert.add_argument(
        "--range", dest="ranges", nargs="+", action="extend", default=[], metavar="FROM-TO",
        help="seconds that are swapped, such as 2-5.5 or 8- for all from 8 on; may be several",
    )  # fmt: skip
    convert.add_argument(
        "--settings", default="", metavar="FILE", help="options from a JSON file; those given here count more"
    )
    convert.add_argument("--overwrite", action="store_true", help="replace an output that is there already")
    convert.add_argument(
        "--no-label", dest="label", action="store_false", help="do not write 'AI face swap' into a corner"
    )
    convert.add_argument(
        "--frames", default="", metavar="FOLDER", help="also keep the swapped frames as lossless pictures"
    )
    convert.add_argument("--batch-size", type=int, default=16, help="faces that the model gets at once (16)")
    add_fields(convert, ConversionOptions)


def read_range(text: str) -> tuple[float | None, float | None]:
    """Reads "2-5.5" as (2.0, 5.5); an end that is left out is the clip's own.

    Raises:
        LabError: for what is no range.
    """
    number = r"(\d+(?:\.\d*)?|\.\d+)?"
    found = re.fullmatch(f"{number}-{number}", text.strip())
    if not found or found[1] is found[2] is None:
        raise LabError(f"--range {text}: this is no time range. Give seconds, such as 2-5.5, or 8- for all from 8 on.")
    start, end = (None if value is None else float(value) for value in found.groups())
    return start, end


def convert_command(options: argparse.Namespace) -> int:
    """`convert`: looks at all that is given before the model is loaded, then converts and says what was done."""
    from faceswap_lab.faces.faceset import FaceSet
    from faceswap_lab.swap import conversion, outputs
    from faceswap_lab.video import open_video

    given = given_fields(options, ConversionOptions)
    chosen = ConversionOptions.read(options.settings, **given) if options.settings else None
    ConversionOptions(**given)
    if not (options.model or options.source):
        raise LabError("convert: give --model FOLDER, --source FILE, or both.")
    if not options.model and options.direction != "A<-B":
        raise LabError("--direction belongs to --model: with --source the source's face comes into the video.")
    if options.direction not in DIRECTIONS:
        raise LabError(f"--direction {options.direction}: give {' or '.join(DIRECTIONS)}, in quotes.")
    if options.fine_tune and not options.source:
        raise LabError("--fine-tune belongs to --source: a --model was trained on its people before.")
    for name, least in (("person", 0), ("batch_size", 1), ("fine_tune", 0)):
        check_number(
            f"--{name.replace('_', '-')}", getattr(options, name), least, math.inf, "a whole number", whole=True
        )
    ranges = [read_range(text) for text in options.ranges]
    video, out = open_video(options.video), Path(options.out)
    outputs.check_place(out, video, options.overwrite)
    faces = FaceSet(options.faces) if options.faces else None
    function: Any = _trained(options, video) if options.model else None
    base, found = _base(options, video, out) if options.source else (None, None)
    if function is None:
        function = base
    else:
        function.base = base
    with frames_bar() as progress:
        report = conversion.convert(
            video, faces, function, out, chosen, **given, person=options.person, like=options.like or None, ranges=ranges,
            label=options.label,
            batch_size=options.batch_size, overwrite=options.overwrite, frames_folder=options.frames or None,
            progress=progress,
        )  # fmt: skip
    _remove(found)
    if tuning := getattr(base, "fine_tuning", None):
        _remove(tuning.folder)
    print(report.summary())
    print(_("Written: {files}").format(files=f"{out}, {conversion.report_path(out)}"))
    signed = _("Signed: {command} shows and checks its content credentials")
    print(signed.format(command=f"python -m faceswap_lab verify {shlex.quote(str(out))}"))
    return 0


def _trained(options: argparse.Namespace, video):
    """The swap function of --model, when all whom it learnt from agreed."""
    from faceswap_lab import training
    from faceswap_lab.faces.sources import read_sources
    from faceswap_lab.provenance.checks import may_convert

    training.read_config(options.model)
    may_convert(video.path, read_sources(options.model), options.model)
    model = training.load_model(options.model)
    name = Path(options.model).resolve().name
    return training.SwapFunction(model, *DIRECTIONS[options.direction], options.batch_size, name=name)


def _base(options: argparse.Namespace, video, out: Path):
    """The base model's swap function for --source, when whoever that shows agreed; and the folder of the faces found in it."""
    from faceswap_lab.faces.faceset import TABLE
    from faceswap_lab.provenance.checks import may_convert, may_prepare
    from faceswap_lab.swap import base_swap, conversion
    from faceswap_lab.video import open_video

    may_convert(video.path, may_prepare(options.source, "source"), options.source)
    found = None
    if not (Path(options.source) / TABLE).exists():
        found = conversion.work_folder(out, "source", open_video(options.source))
        files.make_folder(out.parent)
    try:
        faces = base_swap.faces_of(options.source, found)
        tuning = _fine_tuning(options, video, out)
        return base_swap.BaseSwap.from_faces(faces, batch_size=options.batch_size, fine_tuning=tuning), found
    except LabError:
        _remove(found)
        raise


def _fine_tuning(options: argparse.Namespace, video, out: Path):
    """What --fine-tune asks for, in a hidden folder beside the output where a stopped training goes on."""
    from faceswap_lab.swap import conversion
    from faceswap_lab.training.fine_tuning import FineTuning

    if not options.fine_tune:
        return None
    about = (options.fine_tune, options.person, options.like, options.faces, options.ranges)
    source = (str(Path(options.source).absolute()), Path(options.source).stat().st_mtime_ns)
    folder = conversion.work_folder(out, "fine_tuning", video, source, about)
    return FineTuning(video.path, folder, options.fine_tune)


def _remove(folder: Path | None) -> None:
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
