"""Makes build/faceswap_lab_colab.zip: the lab in one file, for classes without GitHub. Run it as `make colab`.

It holds what the notebooks use, as git has it: no history, no tests, no benchmarks but their results, and of the clips only
those that a lesson shows. Every notebook's set-up cell takes it from the runtime's folder or from a mounted Drive.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NAME = "faceswap_lab_colab"
KEPT = ("faceswap_lab", "notebooks", "docs", "data", "pyproject.toml", ":(glob)*.md", "LICENSE")
# data/sample is for tests, the true swap of the hard clip for benchmarks; no lesson shows them. Texts hold the solutions.
LEFT_OUT = (":!data/sample", ":!data/actors/*hard_truth*", ":!notebooks/text")
SAME_TIME = (2020, 1, 1, 0, 0, 0)  # so that the same files make the same archive


def lab_files(root: Path) -> list[str]:
    """The files that the notebooks need, relative to the checkout, sorted; only those that git knows, so nothing private.

    Raises:
        RuntimeError: when the lab is no git checkout.
    """
    listed = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "--", *KEPT, *LEFT_OUT], capture_output=True, text=True, check=False
    )
    if listed.returncode or not listed.stdout:
        raise RuntimeError(f"{root}: git knows no files here ({listed.stderr.strip()}). Make the archive in a clone.")
    return sorted(filter(None, listed.stdout.split("\0")))


def make_archive(root: Path, archive: Path) -> Path:
    """Writes the archive in one step.

    Args:
        root: the checkout.
        archive: the .zip file; its folder is made.
    """
    archive.parent.mkdir(parents=True, exist_ok=True)
    partial = archive.with_name(f".partial-{archive.name}")
    with zipfile.ZipFile(partial, "w") as file:
        for name in lab_files(root):
            entry = zipfile.ZipInfo(f"{NAME}/{name}", SAME_TIME)
            entry.external_attr = 0o644 << 16
            file.writestr(entry, (root / name).read_bytes(), zipfile.ZIP_DEFLATED)
    os.replace(partial, archive)
    return archive


def main(arguments: list[str] | None = None) -> int:
    """Makes the archive, and says how large it is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "build" / f"{NAME}.zip")
    try:
        archive = make_archive(ROOT, parser.parse_args(arguments).out)
    except RuntimeError as error:
        parser.error(str(error))
    megabytes = archive.stat().st_size / 1e6
    print(f"{archive}: {megabytes:.0f} MB. Put it beside the notebook, or on a Drive that is mounted.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
