"""Makes docs/swap.jpg, which notebook 00 begins with, from a finished run: target, swap and truth at one moment.

    python -m faceswap_lab run --name sample
    python tools/welcome_picture.py runs/sample

The picture is labelled and signed like every output.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

from faceswap_lab import video
from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.course import runtime, side_by_side
from faceswap_lab.course.runtime import Run
from faceswap_lab.provenance import publishing

PLACE = runtime.ROOT / "docs" / "swap.jpg"


def write_still(run: Run, model: str, path: str | Path, moment: float, height: int) -> None:
    """Writes one moment of a run as a signed picture.

    Args:
        run: its swap.mp4 is shown.
        model: that made it.
        path: the picture; its suffix chooses the format.
        moment: in seconds.
        height: of each of the three, see `side_by_side.in_a_row`.

    Raises:
        LabError: when there is no swap.mp4, no such moment, or the place cannot be written to.
    """
    clip = video.open_video(run.clip("target"))
    shown = next(itertools.islice(side_by_side.moments(run, clip.duration), int(moment * clip.fps), None), None)
    if shown is None:
        raise LabError(f"moment={moment}: the clip lasts {clip.duration:.2f} s. Choose one within.")
    files.make_folder(Path(path).parent)
    publishing.write_swapped(path, side_by_side.in_a_row(shown, height), model, "A target, its swap and the true swap.", quality=88)


def main(arguments: list[str] | None = None) -> None:
    """Writes the picture of the run that is named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="the folder of a run whose notebook 05 is done")
    parser.add_argument("--moment", type=float, default=2.0, help="seconds from the clip's beginning (2)")
    parser.add_argument("--out", type=Path, default=PLACE, help="the picture (docs/swap.jpg)")
    options = parser.parse_args(arguments)
    about = files.read_json(options.run / "run.json")
    run = runtime.prepare(about["preset"], about["seed"], options.run.absolute())
    best = files.read_json(run.out / "scores.json")["best"]
    write_still(run, best, options.out, options.moment, height=300)
    print(f"{options.out}: {options.out.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
