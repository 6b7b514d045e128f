"""One face set of several, for tests of sets that show two people."""

import shutil
from pathlib import Path

import pandas as pd

from faceswap_lab.faces.faceset import FaceSet


def joined(sets, folder: Path) -> FaceSet:
    tables = []
    for number, faces in enumerate(sets):
        for kind in ("faces", "masks", "landmarks"):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            for path in (faces.folder / kind).iterdir():
                shutil.copy(path, folder / kind / f"{number}_{path.name}")
        tables.append(faces.table.assign(face=[f"{number}_{name}" for name in faces.table["face"]]))
    pd.concat(tables).to_csv(folder / "faces.csv", index=False)
    return FaceSet(folder)
