"""Makes docs/swap.jpg, which notebook 00 begins with, from a finished run: target, swap and truth at one moment.

    python -m faceswap_lab run --name sample
    python tools/welcome_picture.py runs/sample

The picture is labelled and signed like every output.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from faceswap_lab.base import files
from faceswap_lab.course import runtime, side_by_side

PLACE = runtime.ROOT / "docs" / "swap.jpg"


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
    side_by_side.write_still(run, best, options.out, options.moment, height=300)
    print(f"{options.out}: {options.out.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
