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
import watermark_certainty  # noqa: E402
from scipy import stats  # noqa: E402

from faceswap_lab.base import files  # noqa: E402
from faceswap_lab.provenance import watermark, watermark_search  # noqa: E402

RESULTS = Path(__file__).with_name("results") / "watermark_alarms.json"
EVERY = 10  # of so many pictures one is searched in every way; the others as `look` searches a video's single frames
AGREEMENTS, WEIGHTS = (4.0, 4.5, 5.0, 5.5, 6.0), (7.0, 7.5, 8.0, 8.5, 9.0, watermark.NEEDED)


def judged(item: tuple[int, np.ndarray]) -> tuple[bool, bool, float, float]:
    """Whether the search was whole; whether a mark was found; the best pattern's weight; the guides' greatest agreement."""
    number, picture = item
    cv2.setNumThreads(1)
    whole = number % EVERY == 0
    reading = watermark.searched(picture, whole)
    most = (
        max(watermark_search.agreements(watermark_search.flattened([picture]), watermark_search.SHARES))
        if whole
        else np.nan
    )
    return whole, reading.found, reading.weight, most


def counted(rows: np.ndarray, whole: bool) -> dict:
    """Alarms among (N, 3) rows of found, weight and agreement; the rate's upper bound; and what theory gives."""
    found, weights, _ = rows.T
    alarms = int(found.sum())
    shares = {
        str(least): {
            "measured": float((weights >= least).mean()),
            "theory_at_most": min(1.0, watermark_certainty.false_alarms(least, 1.6, whole)),
        }
        for least in WEIGHTS
    }
    return {
        "pictures": len(rows),
        "found": alarms,
        "rate_at_most": float(stats.beta.ppf(0.95, alarms + 1, len(rows) - alarms)),
        "rate_in_theory": watermark_certainty.false_alarms(watermark.NEEDED, whole=whole),
        "weight": shares,
        "weight_median": float(np.median(weights)),
        "weight_most": float(weights.max()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=3000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    photographs = held_out.photographs()
    pictures = enumerate(held_out.variants(list(photographs.values()), options.pictures))
    rows = []
    with multiprocessing.get_context("fork").Pool(options.jobs) as pool:
        for row in pool.imap(judged, pictures, chunksize=4):
            rows.append(row)
            if len(rows) % 100 == 0 or len(rows) == options.pictures:
                result = told(rows, photographs)
                files.write_json(options.results, result)
                print(f"{len(rows)} pictures, {sum(row[1] for row in rows)} found", flush=True)
    for name in ("single", "whole"):
        some = result[name]
        print(
            f"{name} search: found in {some['found']} of {some['pictures']} pictures, at most {some['rate_at_most']:.1e} "
            f"a picture (95 %), in theory under {some['rate_in_theory']:.1e}; weight {some['weight_median']:.2f} in the middle, "
            f"{some['weight_most']:.2f} at most, {watermark.NEEDED} needed"
        )
        for least, row in some["weight"].items():
            print(
                f"  weight of {least:>4s} or more: measured {row['measured']:.4f}, theory at most {row['theory_at_most']:.1e}"
            )
    for least, row in result["agreement"].items():
        print(f"  guides' agreement of {least} or more: measured {row['measured']:.4f}, theory {row['theory']:.1e}")
    alarms = result["single"]["found"] + result["whole"]["found"]
    bound = float(stats.beta.ppf(0.95, alarms + 1, len(rows) - alarms))
    figure = {"ours": alarms / len(rows), "baseline": 1.0, "ratio": round(bound, 6)}
    unit = f"false alarms a picture of {len(rows)} (baseline: 1 a picture; ratio: the rate's 95 % upper bound)"
    print(json.dumps({"watermark_false_alarms": {**figure, "unit": unit}}))


def told(rows: list[tuple], photographs: dict) -> dict:
    """What is written: counts of both searches, and the guides' agreement beside theory."""
    rows = np.array(rows, float)
    whole = rows[:, 0] == 1
    agreements = rows[whole, 3]
    return {
        "photographs": sorted(photographs),
        "single": counted(rows[~whole, 1:], False),
        "whole": counted(rows[whole, 1:], True),
        "agreement": {
            str(least): {
                "measured": float((agreements >= least).mean()),
                "theory": min(1.0, watermark_certainty.agreeing(least, 1.6)),
            }
            for least in AGREEMENTS
        },
    }


if __name__ == "__main__":
    main()
