"""The commands `score` and `compare`: how good a conversion is, and which of several is better."""

from __future__ import annotations

import argparse
from pathlib import Path

from faceswap_lab.base.errors import LabError, check_number
from faceswap_lab.base.messages import _


def score_options(score: argparse.ArgumentParser) -> None:
    """Scores a video, a folder of pictures or a face set beside its target, and writes a page."""
    score.add_argument("output", help="the swap: a video, a folder of pictures, or a face set; best without the label")
    score.add_argument("--target", required=True, metavar="CLIP", help="what it was made from: the same frames")
    score.add_argument("--truth", default="", metavar="CLIP", help="the true swap, where it is known: the same frames")
    score.add_argument(
        "--source", default="", metavar="CLIP", help="whose face was put in: a clip, pictures, or a face set"
    )
    score.add_argument(
        "--gallery",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=CLIP",
        help="other people, to tell the face from",
    )
    score.add_argument(
        "--out", default="", metavar="FOLDER", help="the card's folder (default: OUTPUT.scores beside it)"
    )
    score.add_argument("--seed", type=int, default=0, help="of the intervals' resamples")


def compare_options(compare: argparse.ArgumentParser) -> None:
    """Sets runs, or folders that `score` wrote, side by side."""
    compare.add_argument(
        "runs", nargs="+", metavar="RUN", help="two or more: a run (folder, or name under runs/) or a score folder"
    )
    compare.add_argument("--out", default="comparison", metavar="FOLDER", help="the page's folder (comparison)")


def read_gallery(given: list[str]) -> dict[str, str]:
    """["anna=a.mp4"] as {"anna": "a.mp4"}.

    Raises:
        LabError: for what has no name, or a name twice.
    """
    found = {}
    for text in given:
        name, sign, clip = text.partition("=")
        if not (name and sign and clip):
            raise LabError(f"--gallery {text}: give a name and a clip, such as anna=anna.mp4.")
        if name in found:
            raise LabError(f"--gallery {text}: the name {name} is there twice. Give each person another one.")
        found[name] = clip
    return found


def score_command(options: argparse.Namespace) -> int:
    """`score`: writes the card and prints its numbers."""
    from faceswap_lab.course import report
    from faceswap_lab.course.score_files import score_files
    from faceswap_lab.provenance.checks import may_prepare

    check_number("seed", options.seed, 0, 2**32 - 1, "a whole number", whole=True)
    output = Path(options.output)
    gallery = read_gallery(options.gallery)
    for path in filter(None, (options.output, options.target, options.truth, options.source, *gallery.values())):
        if not Path(path).exists():
            raise LabError(f"{path}: no such file or folder. Check the name; a path may be relative to {Path.cwd()}.")
    given = {"target": options.target, "truth": options.truth, "source": options.source, **gallery}
    for role, path in given.items():
        if path:
            may_prepare(path, role)
    out = Path(options.out) if options.out else output.absolute().with_name(f"{output.absolute().name}.scores")
    found = score_files(output, options.target, out, options.truth, options.source, gallery, options.seed)
    print(report.card_lines(found))
    print(_("Open {page}").format(page=report.write_card_page(out)))
    return 0


def compare_command(options: argparse.Namespace) -> int:
    """`compare`: writes the page."""
    from faceswap_lab.course import report, runtime

    folders = []
    for given in options.runs:
        folder = next((place for place in (Path(given), runtime.ROOT / "runs" / given) if place.is_dir()), None)
        if folder is None:
            raise LabError(f"{given}: no such run. Give the folder of a run, or one that `score` wrote.")
        folders.append(folder)
    page = report.write_comparison(folders, options.out)
    print(report.comparison_lines(folders))
    print(_("Open {page}").format(page=page))
    return 0
