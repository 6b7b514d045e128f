"""The command `convert`: a video through a model."""

from __future__ import annotations

import argparse
import dataclasses
import math
import re
import shlex
from pathlib import Path

from faceswap_lab.errors import LabError, check_number
from faceswap_lab.swap.options import (
    BLENDS,
    COLOURS,
    ENLARGES,
    MASKS,
    OUTPUTS,
    RESTS,
    SHARPENS,
    SMOOTHINGS,
    ConversionOptions,
)

DIRECTIONS = {
    "A<-B": (0, 1),
    "B<-A": (1, 0),
}  # whose video gets whose face -> whose faces come in, as whom they are painted
_HELP = {
    "blend": ", ".join(BLENDS),
    "colour": ", ".join(COLOURS),
    "mask": ", ".join(MASKS),
    "erode": "how far the mask is drawn in, per cent of the face's side; negative lets it grow",
    "forehead": "how much further the mask is drawn in above the brows, per cent",
    "blur": "blur of the mask, per cent",
    "feather": "width of the soft edge, per cent",
    "sharpen": ", ".join(SHARPENS),
    "amount": "of the sharpening",
    "enlarge": ", ".join(ENLARGES),
    "coverage": "share of the trained square that the model is shown",
    "smoothing": "over time: " + ", ".join(SMOOTHINGS),
    "live": "smooth by earlier frames only, as a stream must",
    "bridge": "longest gap, in frames, over which a missed face is carried on",
    "smallest": "px; lower faces are left as they are",
    "output": ", ".join(OUTPUTS),
    "rest": "frames outside the ranges: " + ", ".join(RESTS),
    "crf": "quality of libx264, 0 (best) to 51",
}


def add_parser(commands) -> None:
    """Adds the command to the command line."""
    convert = commands.add_parser(
        "convert",
        help="put one person's face into a video, by a trained model; goes on where it stopped",
        description="Converts a video, a folder of pictures or a picture. Run it again after a stop: what is finished is kept.",
    )
    convert.add_argument("video", help="the target: a video, a folder of pictures, or a picture")
    convert.add_argument(
        "--model", required=True, metavar="FOLDER", help="a trained model, such as runs/sample/models/autoencoder"
    )
    convert.add_argument(
        "--out", required=True, metavar="FILE", help="a video (.mp4), a .gif, a folder of pictures, or a picture"
    )
    convert.add_argument(
        "--faces", default="", metavar="FOLDER", help="the video's face set (default: the faces are found now)"
    )
    convert.add_argument(
        "--direction", default="A<-B", help='whose video gets whose face, in quotes: "A<-B" (default) or "B<-A"'
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
    for one in dataclasses.fields(ConversionOptions):
        flag, said = f"--{one.name}", _HELP.get(one.name, "")
        if isinstance(one.default, bool):
            convert.add_argument(flag, action="store_true", default=None, help=said)
        else:
            convert.add_argument(
                flag, type=type(one.default), default=None, metavar=one.name.upper(), help=f"{said} ({one.default})"
            )


def read_range(text: str) -> tuple[float | None, float | None]:
    """ "2-5.5" as (2.0, 5.5); an end that is left out is the clip's own.

    Raises:
        LabError: for what is no range.
    """
    number = r"(\d+(?:\.\d*)?|\.\d+)?"
    found = re.fullmatch(f"{number}-{number}", text.strip())
    if not found or found[1] is found[2] is None:
        raise LabError(f"--range {text}: this is no time range. Give seconds, such as 2-5.5, or 8- for all from 8 on.")
    return tuple(None if value is None else float(value) for value in found.groups())


def convert_command(options: argparse.Namespace) -> int:
    """`convert`: looks at all that is given before the model is loaded, then converts and says what was done."""
    from tqdm import tqdm

    from faceswap_lab.faces.faceset import FaceSet
    from faceswap_lab.provenance.checks import may_convert
    from faceswap_lab.provenance.sources import read_sources
    from faceswap_lab.swap import conversion, outputs
    from faceswap_lab.video import open_video

    names = [one.name for one in dataclasses.fields(ConversionOptions)]
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    chosen = ConversionOptions.read(options.settings, **given) if options.settings else ConversionOptions(**given)
    if options.direction not in DIRECTIONS:
        raise LabError(f"--direction {options.direction}: give {' or '.join(DIRECTIONS)}, in quotes.")
    for name, least in (("person", 0), ("batch_size", 1)):
        check_number(f"--{name.replace('_', '-')}", getattr(options, name), least, math.inf, "a whole number", whole=True)
    ranges = [read_range(text) for text in options.ranges]
    video, out = open_video(options.video), Path(options.out)
    outputs.check_place(out, video, options.overwrite)
    faces = FaceSet(options.faces) if options.faces else None

    from faceswap_lab import training

    training.read_config(options.model)
    may_convert(video.path, read_sources(options.model), options.model)
    source, target = DIRECTIONS[options.direction]
    model = training.load_model(options.model)
    function = training.SwapFunction(model, source, target, options.batch_size, name=Path(options.model).resolve().name)
    with tqdm(unit=" frames", smoothing=0.1) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        report = conversion.convert(
            video, faces, function, out, chosen, person=options.person, like=options.like or None, ranges=ranges,
            label=options.label,
            batch_size=options.batch_size, overwrite=options.overwrite, frames_folder=options.frames or None,
            progress=progress,
        )  # fmt: skip
    print(report.summary())
    print(f"Written: {out}, {conversion.report_path(out)}")
    print(f"Signed: python -m faceswap_lab verify {shlex.quote(str(out))} shows and checks its content credentials")
    return 0
