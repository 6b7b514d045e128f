"""A face set without networks: every face is a shift of its frame."""

import numpy as np
import pandas as pd
import pytest

from faceswap_lab.faces.faceset import BOX_COLUMNS, COLUMNS, MATRIX_COLUMNS, POINT_COLUMNS, FaceSet
from faceswap_lab.video.pictures import write_picture

POINTS = np.array([[100, 100], [160, 100], [130, 140], [105, 170], [155, 170]], float)


@pytest.fixture(scope="session")
def shifted_faces(tmp_path_factory):
    """`shifted_faces(frames)`: faces in these frames, moved 10 + frame px in x and 20 in y; left half skin, upper half eyes."""

    def make(frames) -> FaceSet:
        folder, rows = tmp_path_factory.mktemp("faces"), []
        mask = np.zeros((256, 256, 3), np.uint8)
        mask[:, :128, 0] = mask[:128, :, 1] = 255
        for frame in frames:
            name = f"{frame:06d}_0.png"
            write_picture(folder / "faces" / name, mask, quality=100)
            write_picture(folder / "masks" / name, mask, quality=100)
            matrix = dict(zip(MATRIX_COLUMNS, [1, 0, -10.0 - frame, 0, 1, -20], strict=True))
            points = dict(zip(POINT_COLUMNS, POINTS.ravel(), strict=True))
            facts = {"face": name, "source": "clip", "frame": frame, "points_from": "mesh"}
            rows.append({**dict.fromkeys([*COLUMNS, *BOX_COLUMNS], 0), **facts, **matrix, **points})
        pd.DataFrame(rows)[COLUMNS].to_csv(folder / "faces.csv", index=False)
        return FaceSet(folder)

    return make
