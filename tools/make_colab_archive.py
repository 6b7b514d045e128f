"""Makes build/faceswap_lab_colab.zip: the lab in one file, for classes without GitHub. Run it as `make colab`.

It holds what the notebooks use, as git has it: no history, no tests, no benchmarks but their results, of the clips only those
that a lesson shows, and of their masks and landmarks only those that one draws. The true swaps, lossless in the repository, are
coded at 50 dB, which hardly moves a score. Every notebook's set-up cell takes the archive from the runtime's folder
or from a mounted Drive.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile
from fractions import Fraction
from pathlib import Path

import av
from av.video.reformatter import ColorRange, Colorspace, Interpolation

ROOT = Path(__file__).resolve().parents[1]
NAME = "faceswap_lab_colab"
KEPT = ("faceswap_lab", "notebooks", "docs", "data", "pyproject.toml", ":(glob)*.md", "LICENSE")
# data/sample is for tests, the true swap of the hard clip for benchmarks; no lesson shows them. Texts hold the solutions.
LEFT_OUT = (":!data/sample", ":!data/actors/*hard_truth*", ":!notebooks/text")
# Lesson 00 draws talk_A's landmarks and the mask of its truth. Asked for others, `actors` says that a clone has them.
LEFT_OUT += (":!data/actors/masks_talk_*", ":!data/actors/masks_truth_B*", ":!data/actors/*_hard_A.npz")
LEFT_OUT += (":!data/actors/landmarks_truth_*", ":!data/actors/landmarks_talk_B.npz")
ACTORS, CONSENT = "data/actors", "data/consent"
# Ten bits and full colours, since eight would lose as much as the coding. It moves gains and sharpness of three models by at
# most 0.0014. Training clips and weights are not coded again: with train_B at a good half of its bytes (46 dB), the base model
# takes other pictures of B, and its swap gain goes from 0.27 to 0.29; the recognition network with six of its ten bits of
# mantissa would spare 2 MB, and moves distances between faces by up to 0.0025.
TRUTH_CODING = {"crf": "6", "preset": "slow"}
TO_YUV = {
    "format": "yuv444p10le",
    "src_colorspace": Colorspace.ITU709,
    "dst_colorspace": Colorspace.ITU709,
    "src_color_range": ColorRange.JPEG,
    "dst_color_range": ColorRange.MPEG,
    "interpolation": Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP,
}
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


def coded_truth(path: Path) -> bytes:
    """A lossless clip without sound as a tenth of its bytes: MP4, H.264, ten bits, 4:4:4, BT.709."""
    made = io.BytesIO()
    with av.open(str(path)) as clip, av.open(made, "w", "mp4") as output:
        given = clip.streams.video[0]
        rate = Fraction(given.average_rate)
        stream = output.add_stream("libx264", rate, TRUTH_CODING)
        stream.width, stream.height, stream.pix_fmt = given.width, given.height, TO_YUV["format"]
        stream.colorspace = stream.color_primaries = stream.color_trc = stream.color_range = 1  # BT.709, 16 to 235
        stream.thread_count = 1  # the same bytes, however many cores
        for number, frame in enumerate(clip.decode(given)):
            coded = frame.reformat(**TO_YUV)
            coded.pts, coded.time_base, coded.pict_type = number, 1 / rate, 0
            output.mux(stream.encode(coded))
        output.mux(stream.encode(None))
    return made.getvalue()


def archived(root: Path, names: list[str]) -> dict[str, bytes]:
    """What goes into the archive: name -> content; truths are coded, manifest and consent records know them.

    Args:
        root: the checkout.
        names: from `lab_files`.
    """
    contents = {name: (root / name).read_bytes() for name in names}
    if f"{ACTORS}/manifest.json" not in contents:
        return contents
    manifest, new = json.loads(contents[f"{ACTORS}/manifest.json"]), {}
    for clip in manifest["clips"]:
        path = f"{ACTORS}/{clip['file']}"
        if clip["lossless"] and path in contents:
            contents[path], clip["lossless"] = coded_truth(root / path), False
            old, clip["sha256"][clip["file"]] = clip["sha256"][clip["file"]], hashlib.sha256(contents[path]).hexdigest()
            new[old] = {"sha256": clip["sha256"][clip["file"]], "bytes": len(contents[path])}
        clip["sha256"] = {  # a video that is left out is still missed; what belongs to a clip, when it is asked for
            name: sha256
            for name, sha256 in clip["sha256"].items()
            if name == clip["file"] or f"{ACTORS}/{name}" in contents
        }
    contents[f"{ACTORS}/manifest.json"] = json.dumps(manifest, indent=2).encode()
    for name in filter(lambda name: name.startswith(CONSENT), names):
        record = json.loads(contents[name])
        record["sources"] += [source | new[source["sha256"]] for source in record["sources"] if source["sha256"] in new]
        contents[name] = json.dumps(record, indent=2).encode()
    return contents


def make_archive(root: Path, archive: Path) -> Path:
    """Writes the archive in one step.

    Args:
        root: the checkout.
        archive: the .zip file; its folder is made.
    """
    archive.parent.mkdir(parents=True, exist_ok=True)
    partial = archive.with_name(f".partial-{archive.name}")
    with zipfile.ZipFile(partial, "w") as file:
        for name, content in archived(root, lab_files(root)).items():
            entry = zipfile.ZipInfo(f"{NAME}/{name}", SAME_TIME)
            entry.external_attr = 0o644 << 16
            file.writestr(entry, content, zipfile.ZIP_DEFLATED, compresslevel=9)
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
