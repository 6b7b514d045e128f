"""Makes build/faceswap_lab_run.zip: a finished run in one file, to open instead of waiting. Run it as `make class-pack`.

Unpacked into the lab's folder it is runs/NAME: its page and executed notebooks can be read at once, and a notebook that is run
finds faces, models and swaps made. Left out: what is made again in a minute (practice faces), lesson 02's copies and spoilt
sets, older checkpoints, and anybody's predictions.
"""

from __future__ import annotations

import argparse
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from executed import check_run  # noqa: E402

from faceswap_lab.base import files  # noqa: E402
from faceswap_lab.base.errors import LabError  # noqa: E402
from faceswap_lab.course import predictions  # noqa: E402
from faceswap_lab.course.run_storage import RunStorage  # noqa: E402

NAME = "faceswap_lab_run"
LEFT_OUT = ("faces/spoilt", "faces/copy_of_B", "look")
MOST_MEGABYTES = 400  # what a stick, a mail drive or a class's network takes without a thought
SAME_TIME = (2020, 1, 1, 0, 0, 0)  # so that the same files make the same archive


def pack_files(run: Path) -> list[Path]:
    """The files of a run that belong into the pack.

    Raises:
        LabError: when the folder holds no finished run, or one of clips that do not ship with the lab: faces of living people
            are handed to nobody by a make target.
    """
    about = files.read_json(run / "run.json") if (run / "run.json").exists() else {}
    if not (run / "index.html").exists() or not about:
        raise LabError(f"{run}: no finished run lies here. Make one first: make lab")
    check_run(run)
    parts = RunStorage(run, run / "nowhere").parts()
    chosen = [path for part, paths in parts.items() if part not in LEFT_OUT for path in paths]
    return sorted(path for path in chosen if not path.name.startswith(Path(predictions.FILE).stem))


def make_pack(run: Path, archive: Path) -> Path:
    """Writes the pack in one step.

    Args:
        run: the run's folder; in the archive it is runs/<its name>.
        archive: the .zip file; its folder is made.
    """
    chosen = pack_files(run)
    with files.atomic_path(archive) as partial, zipfile.ZipFile(partial, "w") as file:
        for path in chosen:
            entry = zipfile.ZipInfo(f"runs/{run.name}/{path.relative_to(run).as_posix()}", SAME_TIME)
            entry.external_attr = 0o644 << 16
            packs = zipfile.ZIP_STORED if path.suffix in (".png", ".jpg", ".mp4") else zipfile.ZIP_DEFLATED
            file.writestr(entry, path.read_bytes(), packs)
    return archive


def main(arguments: list[str] | None = None) -> int:
    """Makes the pack, and says how large it is and where to unpack it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, default=ROOT / "runs" / "sample")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / f"{NAME}.zip")
    options = parser.parse_args(arguments)
    try:
        archive = make_pack(options.run.resolve(), options.out)
    except LabError as error:
        parser.error(str(error))
    megabytes = archive.stat().st_size / 1e6
    print(
        f"{archive}: {megabytes:.0f} MB. Unpack it in the lab's folder, and open runs/{options.run.resolve().name}/index.html."
    )
    if megabytes > MOST_MEGABYTES:
        print(f"That is over {MOST_MEGABYTES} MB: pack a run of lessons 01 to 06 at `quick`.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
