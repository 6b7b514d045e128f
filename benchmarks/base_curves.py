"""What is more people worth to the base model, what are more pictures of the same people, and what a larger network?

    python benchmarks/base_curves.py CAST OUT [--steps 600] [--every 2]

CAST is what tools/render_pairs.py rendered. For each row of `ROWS` a folder of links to a part of its training shots is made
in OUT, tools/train_swapper.py trains on it from nothing, and the scores on the held-out people are collected. After a stop, the
same command goes on. Six trainings of 600 steps take three quarters of an hour on two idle CPU cores, those of other widths
as long again.

Expected before measuring: at equally many shots, twice the people are worth 0.02 of swap_gain; at equally many people, four
times the shots are worth 0.02, too; half the channels cost 0.03, and half as many again are worth 0.02. Last line: JSON.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from faceswap_lab.base import files  # noqa: E402
from faceswap_lab.base.errors import LabError  # noqa: E402
from faceswap_lab.models.reference_swapper import SwapperConfig  # noqa: E402

# people, shots (None: all), and the network's channels, as a multiple of those that are shipped
ROWS = (
    (6, 114, 1),
    (12, 114, 1),
    (24, 114, 1),
    (12, 480, 1),
    (24, 480, 0.5),
    (24, 480, 1),
    (24, 480, 1.5),
    (24, None, 1),
)


def part(cast: Path, people: int, shots: int | None) -> list[Path]:
    """The labels of so many shots between so many people, whole takes where that goes: shots of one take share both."""
    labels = {path: files.read_json(path) for path in sorted((cast / "train").glob("?????.json"))}
    names = sorted({label["person"] for label in labels.values()})
    kept = set(names[:: len(names) // people][:people])
    takes: dict[str, list[Path]] = {}
    for path, label in labels.items():
        if {label["person"], label["other"]} <= kept:
            takes.setdefault(label["light"]["name"], []).append(path)
    order = np.random.default_rng(0).permutation(list(takes))
    found = [path for take in order for path in takes[take]][:shots]
    if len(kept) < people or len(found) < (shots or 1):
        raise LabError(f"{cast}: no {shots} shots of {people} people. Render more with tools/render_pairs.py.")
    return found


def linked(cast: Path, out: Path, labels: list[Path]) -> Path:
    """A folder as tools/train_swapper.py reads it, of links to the labels and what lies beside them."""
    (out / "train").mkdir(parents=True, exist_ok=True)
    for path in [beside for label in labels for beside in label.parent.glob(f"{label.stem}*")]:
        if not (out / "train" / path.name).exists():
            (out / "train" / path.name).symlink_to(path.resolve())
    if not (out / "held_out").exists():
        (out / "held_out").symlink_to((cast / "held_out").resolve())
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cast", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--every", type=int, default=2, help="score every n-th held-out shot")
    arguments = parser.parse_args()
    rows = {}
    for people, shots, width in ROWS:
        labels = part(arguments.cast, people, shots)
        name = f"{people} people, {len(labels)} shots" + (f", {width} x as wide" if width != 1 else "")
        filters = [str(round(width * each)) for each in SwapperConfig.filters]
        folder = arguments.out / name.replace(", ", "_").replace(" ", "_")
        cast = linked(arguments.cast, folder / "cast", labels)
        if not (folder / "scores.csv").exists():
            command = [sys.executable, str(ROOT / "tools/train_swapper.py"), str(cast), str(folder)]
            options = ["--steps", str(arguments.steps), "--every", str(arguments.every), "--filters", *filters]
            subprocess.run([*command, *options], check=True)
        rows[name] = pd.read_csv(folder / "scores.csv", index_col=0).loc["base, all"]
        print(pd.DataFrame(rows).T.to_string(), flush=True)
    fewest = next(iter(rows))
    figures = {
        f"swap_gain of {name}": {
            "ours": float(row["swap_gain"]),
            "baseline": float(rows[fewest]["swap_gain"]),
            "ratio": round(float(row["swap_gain"] / rows[fewest]["swap_gain"]), 3),
            "unit": "share of the way to the true swap",
        }
        for name, row in rows.items()
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    try:
        main()
    except LabError as error:
        sys.exit(str(error))
