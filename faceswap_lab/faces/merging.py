"""Several face sets made into one, which appears whole or not at all."""

from __future__ import annotations

import hashlib
import os
import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import english
from faceswap_lab.faces.archive import check_free, files_of, present, rows_as_text, whole_folder
from faceswap_lab.faces.faceset import SETTINGS, TABLE, FaceSet
from faceswap_lab.faces.sources import gather_sources
from faceswap_lab.video.pictures import picture_size

MERGE = "merge.json"


def merge(sets: Sequence[FaceSet | str | Path], folder: str | Path) -> FaceSet:
    """Makes one face set of several.

    The faces are called 00_NAME, 01_NAME, ... after the place of their set; each keeps its `source`. A stopped merge goes
    on when it is run again. A finished one is left as it is, with the faces that were rejected or deleted since. Numbers of
    persons are kept, too: person 0 of one source need not be person 0 of another (`curation.group` tells them apart).

    Args:
        sets: face sets or their folders; of a subset, its own faces only.
        folder: the new set's, which does not exist yet or is empty.

    Returns:
        The merged set.

    Raises:
        LabError: for no set or only empty ones, pictures of different sizes, a mask or picture that is missing, or a
            folder that holds something else.
    """
    given = [one if isinstance(one, FaceSet) else FaceSet(one) for one in sets]
    if not any(len(one) for one in given):
        raise LabError("sets: there is nothing to merge. Give at least one face set that has faces.")
    folder = Path(os.path.abspath(folder))
    plan = {"sets": [{"folder": one.folder.name, "faces": len(one), "digest": _digest(one)} for one in given]}
    if (folder / MERGE).exists() and _same_plan(folder / MERGE, plan):
        return FaceSet(folder)
    check_free(folder)
    _check_sizes(given)
    settings = _merged_settings(given)
    with whole_folder(folder, lambda stopped: _same_plan(stopped / MERGE, plan)) as building:
        files.write_json(building / MERGE, plan)
        tables = []
        for number, one in enumerate(given):
            table = rows_as_text(one)
            for name in table["face"].unique():
                for source in files_of(one, name):
                    target = building / source.parent.name / f"{number:02d}_{source.name}"
                    if not target.exists():
                        with present(source), files.atomic_path(target) as temporary:
                            shutil.copyfile(source, temporary)
            tables.append(table.assign(face=[f"{number:02d}_{name}" for name in table["face"]]))
        with files.atomic_path(building / TABLE) as temporary:
            pd.concat(tables, ignore_index=True).to_csv(temporary, index=False)
        files.write_json(building / SETTINGS, settings)
        gather_sources([one.folder for one in given], building)
    return FaceSet(folder)


def _same_plan(path: Path, plan: dict) -> bool:
    try:
        return [one["digest"] for one in files.read_json(path)["sets"]] == [one["digest"] for one in plan["sets"]]
    except (LabError, TypeError, KeyError):
        return False


def _digest(faces: FaceSet) -> str:
    """Tells what a set would bring into a merge: its rows, and its files' names and sizes."""
    digest = hashlib.sha256(rows_as_text(faces).to_csv(index=False).encode())
    for name in faces.table["face"].unique():
        for path in files_of(faces, name):
            with present(path):
                digest.update(f"{path.parent.name}/{path.name} {path.stat().st_size}\n".encode())
    return digest.hexdigest()[:16]


def _merged_settings(sets: Sequence[FaceSet]) -> dict:
    """What extraction.json says of a merged set: enough for `extract_faces` to see that it is none of its own."""
    states = [files.read_json(one.folder / SETTINGS) for one in sets if (one.folder / SETTINGS).exists()]
    settings = [
        state["settings"] for state in states if isinstance(state, dict) and isinstance(state.get("settings"), dict)
    ]
    coverages = sorted({str(one["coverage"]) for one in settings if "coverage" in one})
    if len(coverages) > 1:
        warnings.warn(
            english(
                "{folders}: these sets leave their faces different room (coverage {coverages}). A model learns more from "
                "faces cut alike: extract them with one coverage.",
                folders=", ".join(str(one.folder) for one in sets),
                coverages=" and ".join(coverages),
            ),
            stacklevel=3,
        )
    sources = sorted({source for one in sets for source in one.table["source"].astype(str)})
    count = sum(len(one) for one in sets)
    first = settings[0] if settings else {}
    common = {key: value for key, value in first.items() if all(one.get(key, ...) == value for one in settings)}
    own = common | {"source": sources, "clip": "merged", "of": settings}
    return {"settings": own, "frames": count, "with_face": count, "runs": 0, "last": -1, "finished": True}


def _check_sizes(sets: Sequence[FaceSet]) -> None:
    first = None
    for one in sets:
        for name in one.table["face"]:
            path = one.folder / "faces" / name
            size = picture_size(path)
            if size is None:
                raise LabError(f"{path}: this picture cannot be read. Delete it, or extract the faces again.")
            first = first or (size, path)
            if size != first[0]:
                shown = " and ".join(f"{width}x{height}" for width, height in (size, first[0]))
                raise LabError(f"{path}: its size differs from that of {first[1]} ({shown}). Extract both sets alike.")
