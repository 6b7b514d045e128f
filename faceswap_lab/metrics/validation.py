"""Which score can be trusted where no true swap is known: what `benchmarks/score_trust.py` found, for cards and lessons.

Each score was tried on swaps whose true quality is known: how well it ranks them, and which planted faults (`metrics.distortions`)
it sees.
"""

from __future__ import annotations

from pathlib import Path

from faceswap_lab.base import files

QUALITY = "quality"  # the mean of structure_gain and identity_gain, by which scores are judged first
MEASURED = Path(__file__).with_name("validation.json")  # by `benchmarks/score_trust.py --write`


def measured() -> dict:
    """What the benchmark found, {} where its file is missing: {"trust": {score: {"verdict", "rankings", "sees"}}, ...}."""
    return files.read_json(MEASURED) if MEASURED.exists() else {}
