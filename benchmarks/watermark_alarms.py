"""How often is the watermark found in pictures that carry none?

    python benchmarks/watermark_alarms.py [--pictures 3000] [--jobs 2]     (about twenty minutes on two idle cores)

Reads unmarked pictures that nothing was tuned on (`held_out`: photographs of three libraries, cut, scaled, coded again, made
noisy) and sets beside the counts what theory gives for a picture whose waves have nothing to do with the key: `certainty`.
The rate's upper bound (95 %) is exact: Clopper and Pearson, 1934.

Writes benchmarks/results/watermark_alarms.json; the last line is one JSON object.

Expected before measuring: nothing found; the guides' greatest agreement as theory has it, somewhat less often above 5 because
shifts and sizes are looked at in steps; the weight of the best pattern at most what the bound allows, as that adds up all
numbers as if they were strangers to each other.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cv2  # noqa: E402
import held_out  # noqa: E402
import numpy as np  # noqa: E402
from scipy import stats  # noqa: E402

from faceswap_lab import files  # noqa: E402
from faceswap_lab.provenance import certainty, pattern, synchronising, watermark  # noqa: E402

RESULTS = Path(__file__).with_name("results") / "watermark_alarms.json"
EVERY = 3  # of so many pictures one has the guides' agreement looked at everywhere
AGREEMENTS, WEIGHTS = (4.5, 5.0, 5.5, 6.0), (7.5, 8.0, 8.5, 9.0, watermark.NEEDED)


def judged(item: tuple[int, np.ndarray]) -> tuple[float, float, bool]:
    """The best pattern's weight; the guides' greatest agreement in the plain search, or NaN; whether a mark was found."""
    number, picture = item
    cv2.setNumThreads(1)
    reading = watermark.read(picture)
    most = np.nan
    if number % EVERY == 0:
        field = synchronising.flattened(picture)
        most = max(synchronising.agreements(field, synchronising.SHARES))
    return reading.weight, most, reading.found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=3000)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    photographs = held_out.photographs()
    pictures = enumerate(held_out.variants(list(photographs.values()), options.pictures))
    rows = []
    with multiprocessing.get_context("fork").Pool(options.jobs) as pool:
        for row in pool.imap(judged, pictures, chunksize=4):
            rows.append(row)
            if len(rows) % 250 == 0:
                print(f"{len(rows)} pictures, {sum(row[2] for row in rows)} found", flush=True)
    weights, agreements, found = map(np.array, zip(*rows, strict=True))
    agreements = agreements[np.isfinite(agreements)]
    alarms = int(found.sum())
    bound = float(stats.beta.ppf(0.95, alarms + 1, len(rows) - alarms))
    plain = len(pattern.waves().numbers[pattern.waves().guides])
    result = {
        "photographs": sorted(photographs),
        "pictures": len(rows),
        "found": alarms,
        "rate_at_most": bound,
        "rate_in_theory": certainty.false_alarms(watermark.NEEDED),
        "guides": plain,
        "agreement": {
            str(least): {"measured": float((agreements >= least).mean()), "theory": certainty.agreeing(least)}
            for least in AGREEMENTS
        },
        "weight": {
            str(least): {"measured": float((weights >= least).mean()), "theory_at_most": certainty.false_alarms(least)}
            for least in WEIGHTS
        },
        "weight_median": float(np.median(weights)),
        "weight_most": float(weights.max()),
    }
    files.write_json(RESULTS, result)
    print(f"found in {alarms} of {len(rows)} pictures: at most {bound:.1e} a picture (95 %); theory {result['rate_in_theory']:.1e}")
    for name, key in (("agreement", "theory"), ("weight", "theory_at_most")):
        for least, row in result[name].items():
            print(f"  {name} of {least:>4s} or more: measured {row['measured']:.4f}, {key.replace('_', ' ')} {row[key]:.2e}")
    print(f"  weight: median {result['weight_median']:.2f}, most {result['weight_most']:.2f}, needed {watermark.NEEDED}")
    figure = {"ours": alarms / len(rows), "baseline": 1.0, "ratio": bound}
    unit = f"false alarms a picture of {len(rows)} (baseline: 1 a picture; ratio: the rate's 95 % upper bound)"
    print(json.dumps({"watermark_false_alarms": {**figure, "unit": unit}}))


if __name__ == "__main__":
    main()
