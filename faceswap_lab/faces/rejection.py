"""Faces taken out of a set, and brought back: their pictures move from faces/ to rejected/, nothing is deleted.

    rejected/000123_0.png   the picture of a rejected face; its row, masks and landmarks stay where they are
    rejected/log.json       the batches in which faces were rejected, and why

Where a picture lies is the truth; the log adds only order and reason. A batch is logged before its pictures move, and
stays logged until they are back, so that a stop at any moment leaves a set that can be worked on and undone.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.faces.faceset import FaceSet

FOLDER, LOG = "rejected", "log.json"


def reject(faces: FaceSet, rows, reason: str = "") -> list[str]:
    """Takes faces out of a set: moves their pictures to rejected/, as one batch that `undo` brings back.

    Args:
        faces: the set; read it anew afterwards, `FaceSet(faces.folder)`.
        rows: indices or a boolean mask over `faces.table`.
        reason: kept with the batch.

    Returns:
        The pictures' names. Those that had gone already are left out, so that running again changes nothing.

    Raises:
        LabError: when the folder cannot be written to, or the log is damaged.
    """
    rows = np.asarray(rows)
    chosen = faces.subset(rows if rows.size else rows.astype(int)).table["face"]
    pictures = faces.folder / "faces"
    names = [name for name in dict.fromkeys(chosen) if (pictures / name).exists()]
    if names:
        folder = files.make_folder(faces.folder / FOLDER)
        files.remove_partial(folder)
        batch = {"time": datetime.now(UTC).isoformat(timespec="seconds"), "reason": reason, "faces": names}
        files.write_json(folder / LOG, {"batches": [*_batches(faces.folder), batch]})
        _move(names, pictures, folder)
    return names


def undo(folder: str | Path) -> list[str]:
    """Brings back the faces that were rejected last, also after a restart; again and again, batch by batch.

    Args:
        folder: the face set's.

    Returns:
        The pictures' names; empty, when no batch is left. Pictures moved to rejected/ by hand belong to no batch.

    Raises:
        LabError: as `restore`.
    """
    held = rejected(folder)
    last = held["batch"].max() if len(held) else -1
    if last < 0:
        return []
    names = restore(folder, held.loc[held["batch"] == last, "face"])
    files.write_json(Path(folder) / FOLDER / LOG, {"batches": _batches(folder)[:last]})
    return names


def restore(folder: str | Path, names) -> list[str]:
    """Brings back some rejected faces.

    Args:
        folder: the face set's.
        names: of their pictures, such as 000123_0.png.

    Returns:
        The names.

    Raises:
        LabError: when one of them is not rejected, or there is a picture of its name in the set again.
    """
    folder, names = Path(folder), list(dict.fromkeys(names))
    held = _held(folder)
    for name in names:
        if name not in held:
            raise LabError(f"{folder / FOLDER / name}: no such rejected face. `rejected(folder)` lists them.")
        if (folder / "faces" / name).exists():
            raise LabError(f"{folder / 'faces' / name}: this face is in the set again. Remove the one in {FOLDER}/.")
    _move(names, folder / FOLDER, folder / "faces")
    return names


def rejected(folder: str | Path) -> pd.DataFrame:
    """The rejected faces of a set, in the order in which they were rejected.

    Returns:
        A table with the columns face, batch (int, from 0; -1 for a picture moved by hand), reason and time (ISO 8601).

    Raises:
        LabError: when the log is damaged.
    """
    found = {name: (name, -1, "", "") for name in sorted(_held(folder))}
    for number, batch in enumerate(_batches(folder)):
        for name in found.keys() & set(batch["faces"]):  # a face rejected twice belongs to the later batch
            found[name] = (name, number, str(batch["reason"]), str(batch["time"]))
    rows = sorted(found.values(), key=lambda row: (row[1], row[0]))
    return pd.DataFrame(rows, columns=["face", "batch", "reason", "time"])


def _held(folder: str | Path) -> set[str]:
    found = (Path(folder) / FOLDER).glob("*.png")
    return {path.name for path in found if not path.name.startswith(files.PARTIAL)}


def _batches(folder: str | Path) -> list[dict]:
    path = Path(folder) / FOLDER / LOG
    advice = f"Delete it: the pictures in {FOLDER}/ stay, and `restore` brings them back; their order is lost."
    if not path.exists():
        return []
    try:
        batches = files.read_json(path)["batches"]
        good = all({"time", "reason", "faces"} <= set(batch) and isinstance(batch["faces"], list) for batch in batches)
    except (LabError, TypeError, KeyError):
        good = False
    if not good:
        raise LabError(f"{path}: this log is damaged. {advice}")
    return batches


def _move(names: list[str], start: Path, end: Path) -> None:
    for name in names:
        with files.clear_write_errors(end / name):
            os.replace(start / name, end / name)
