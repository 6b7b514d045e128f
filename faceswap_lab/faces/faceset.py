"""A face set: a folder of aligned faces with a table, which a student cleans by deleting pictures.

    faces/000123_0.png   (256, 256, 3) aligned face of frame 123, person 0 of that frame
    masks/000123_0.png   (256, 256, 3) its masks: red = face, green = eyes, blue = mouth
    landmarks/000123_0.npy   (620, 3) float32: mesh, eye contours and irises in frame pixels, with depth
    faces.csv            one row a face
    extraction.json      what was asked for, and how far it got
    sources.json         the clips it was cut from, by content: whose consent it needs
    blurry/, others/, duplicates/, rejected/, debug/   what was put aside, and drawings, where asked for

A row counts as long as its picture exists. Extraction never makes a deleted picture again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from faceswap_lab.base import files, untrusted
from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import _, ngettext
from faceswap_lab.faces.alignment import scale_matrix, transform_points
from faceswap_lab.faces.landmarks import Landmarks
from faceswap_lab.faces.masks import REGION_MASKS
from faceswap_lab.video.pictures import read_picture, resized, tiled

FACE_SIZE = 256
MASKS = ("face", "eyes", "mouth")  # the channels of a mask picture
REGIONS = (*MASKS, *REGION_MASKS)  # and those that are drawn from the landmarks when they are asked for
TABLE, SETTINGS = "faces.csv", "extraction.json"
POINT_COLUMNS = [f"p{i}{axis}" for i in range(5) for axis in "xy"]
MATRIX_COLUMNS = [f"m{row}{column}" for row in range(2) for column in range(3)]
BOX_COLUMNS = ["x0", "y0", "x1", "y1"]
COLUMNS = [
    "face", "source", "frame", "time", "person", "track", "shot", *BOX_COLUMNS, "score", *POINT_COLUMNS, "points_from",
    *MATRIX_COLUMNS, "yaw", "pitch", "roll", "sharpness", "rotation", "frame_width", "frame_height",
]  # fmt: skip
MOST_LANDMARKS = 1 << 20  # bytes of a face's landmarks; they take some thousands


def read_table(path: Path) -> pd.DataFrame:
    """The rows of a set's table, also of faces whose picture was deleted.

    Raises:
        LabError: when it is damaged.
    """
    again = "Delete it and extract the faces again (faces that you deleted come back then)."
    try:
        table = files.read_csv(path, dtype={"face": str, "source": str})
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, ValueError) as error:
        raise LabError(f"{path}: this table is damaged ({error}). {again}") from error
    missing = [column for column in COLUMNS if column not in table]
    if missing:
        raise LabError(f"{path}: the columns {', '.join(missing[:4])} are missing. {again}")
    numbers = [column for column in COLUMNS if column not in ("face", "source", "points_from")]
    broken = [column for column in numbers if len(table) and not pd.api.types.is_numeric_dtype(table[column])]
    if broken or table[["face", "frame", "person"]].isna().any(axis=None):
        raise LabError(f"{path}: this table is damaged (column {(broken or ['face'])[0]}). {again}")
    if strange := [name for name in table["face"] if not untrusted.is_plain(name)]:
        raise LabError(
            f"{path}: {str(strange[0])[:80]!r} is no picture's name, but a way to another place. Do not use this set."
        )
    return table


def spread_rows(count: int, most: int) -> np.ndarray:
    """At most so many of `count` places, spread evenly, the first and the last among them: whole numbers, rising."""
    return np.unique(np.linspace(0, count - 1, min(most, count)).round().astype(int))


class FaceSet:
    """The faces of a folder, without those whose picture was deleted.

    Args:
        folder: made by `extract_faces`.

    Raises:
        LabError: when there is no face set, or its table is damaged.

    Example:
        >>> faces = lab.FaceSet("sets/A")
        >>> faces.images(64).shape, faces.masks(64, "face").shape
        ((8, 64, 64, 3), (8, 64, 64))
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        path = self.folder / TABLE
        if not path.exists():
            raise LabError(
                f"{self.folder}: no face set lies here ({TABLE} is missing). Extract the faces first (notebook 02)."
            )
        table = read_table(path)
        there = {entry.name for entry in (self.folder / "faces").glob("*.png")}
        self.table = table[table["face"].isin(there)].sort_values(["source", "frame", "person"]).reset_index(drop=True)

    def __len__(self) -> int:
        return len(self.table)

    def __repr__(self) -> str:
        count, sources = len(self), self.table["source"].nunique()
        faces = ngettext("{count} face", "{count} faces", count).format(count=count)
        clips = ngettext("{count} clip", "{count} clips", sources).format(count=sources)
        return f"FaceSet({str(self.folder)!r}: {_('{faces} from {clips}').format(faces=faces, clips=clips)})"

    def subset(self, rows) -> FaceSet:
        """The same set with some rows only: indices or a boolean mask over `table`."""
        other = object.__new__(FaceSet)
        other.folder = self.folder
        rows = np.asarray(rows)
        other.table = (self.table[rows] if rows.dtype == bool else self.table.iloc[rows]).reset_index(drop=True)
        return other

    def of_person(self, person: int = 0) -> FaceSet:
        """The same set with one person's faces only, as numbered in `table`; 0 takes up the most room."""
        return self.subset((self.table["person"] == person).to_numpy())

    def _load(self, kind: str, size: int) -> np.ndarray:
        pictures = np.empty((len(self), size, size, 3), np.uint8)
        for index, name in enumerate(self.table["face"]):
            pictures[index] = resized(read_picture(self.folder / kind / name), (size, size))
        return pictures

    def pictures(self) -> Iterator[np.ndarray]:
        """The faces one by one, so that a large set needs no more memory than a small one: (256, 256, 3) uint8 RGB each."""
        return (self.subset([row]).images()[0] for row in range(len(self)))

    def aligned_points(self) -> np.ndarray:
        """The five points of each face in its picture: (N, 5, 2) in pixels of the 256-px square."""
        points = [transform_points(self.matrix(row), self.points(row)) for row in range(len(self))]
        return np.array(points, np.float64).reshape(-1, 5, 2)

    def images(self, size: int = FACE_SIZE) -> np.ndarray:
        """All faces: (N, size, size, 3) uint8 RGB.

        Raises:
            LabError: naming a picture that cannot be read.
        """
        return self._load("faces", size)

    def masks(self, size: int = FACE_SIZE, kind: str | None = None) -> np.ndarray:
        """The masks, 255 inside: (N, size, size) uint8 for one kind of `REGIONS`, (N, size, size, 3) uint8 for `MASKS`.

        Raises:
            LabError: for another kind, naming a picture that cannot be read, or when a mask of nose or brows is asked
                of a set that has no landmarks.
        """
        if kind is not None and kind not in REGIONS:
            raise LabError(f"mask {kind!r}: choose one of {', '.join(REGIONS)}.")
        if kind in REGION_MASKS:
            if not self.has_landmarks():
                raise LabError(
                    f"{self.folder / 'landmarks'}: there are no landmarks to draw masks of {kind} from. Extract the faces "
                    "again."
                )
            return self._drawn_masks((kind,), size)[..., 0]
        found = self._load("masks", size)
        return found if kind is None else found[..., MASKS.index(kind)]

    def region_masks(self, size: int = FACE_SIZE) -> np.ndarray:
        """Every mask that this set has, 255 inside: (N, size, size, 5) uint8 in the order of `REGIONS`.

        A set without landmarks has the first three only. A face whose mesh was not found has empty masks of nose and
        brows.
        """
        stored = self._load("masks", size)
        if not self.has_landmarks():
            return stored
        return np.concatenate([stored, self._drawn_masks(tuple(REGION_MASKS), size)], axis=-1)

    def missing_masks(self) -> list[str]:
        """Names of the faces whose picture of masks is not there."""
        return [name for name in self.table["face"] if not (self.folder / "masks" / name).exists()]

    def has_landmarks(self) -> bool:
        """Whether the mesh found any of these faces."""
        return any((self.folder / "landmarks" / f"{Path(name).stem}.npy").exists() for name in self.table["face"])

    def _drawn_masks(self, kinds: tuple[str, ...], size: int) -> np.ndarray:
        drawn = np.zeros((len(self), size, size, len(kinds)), np.uint8)
        for row in range(len(self)):
            landmarks = self.landmarks(row)
            if landmarks is None:
                continue
            aligned = landmarks.transformed(self.matrix(row, size))
            for channel, kind in enumerate(kinds):
                drawn[row, ..., channel] = np.round(255 * REGION_MASKS[kind](aligned, size))
        return drawn

    def matrix(self, row: int, size: int = FACE_SIZE) -> np.ndarray:
        """(2, 3) float64: frame pixels to pixels of the aligned face, a square of side `size`."""
        matrix = self.table.loc[row, MATRIX_COLUMNS].to_numpy(np.float64).reshape(2, 3)
        return matrix if size == FACE_SIZE else scale_matrix(matrix, size / FACE_SIZE)

    def points(self, row: int) -> np.ndarray:
        """(5, 2) float64: the five points in frame pixels."""
        return self.table.loc[row, POINT_COLUMNS].to_numpy(np.float64).reshape(5, 2)

    def clip_points(self, count: int, person: int = 0) -> np.ndarray:
        """(count, 5, 2): the five points of a person in each frame of the set's clip; NaN where missing."""
        points = np.full((count, 5, 2), np.nan)
        for row in np.flatnonzero((self.table["person"] == person) & (self.table["frame"] < count)).tolist():
            points[self.table.loc[row, "frame"]] = self.points(row)
        return points

    def landmarks(self, row: int) -> Landmarks | None:
        """The dense landmarks in frame pixels, or None where the mesh found no face."""
        path = self.folder / "landmarks" / f"{Path(self.table.loc[row, 'face']).stem}.npy"
        if not path.exists():
            return None
        try:
            return Landmarks.from_array(untrusted.array(path, MOST_LANDMARKS))
        except (ValueError, EOFError, OSError, LabError) as error:
            raise LabError(
                f"{path}: these landmarks cannot be read ({error}). Delete the file and its face, or extract again."
            ) from error

    def aligned_landmarks(self) -> tuple[np.ndarray, np.ndarray]:
        """All landmarks in shares of the aligned square, depth last: (N, 620, 3), and poses (N, 3) in degrees; NaN if unknown."""
        points = np.full((len(self), 620, 3), np.nan)
        for row in range(len(self)):
            landmarks = self.landmarks(row)
            if landmarks is not None:
                points[row] = landmarks.transformed(self.matrix(row)).as_array()
        points[..., :2] += 0.5  # pixel centres lie at whole numbers
        return points / FACE_SIZE, self.table[["yaw", "pitch", "roll"]].to_numpy(np.float64)

    def digest(self) -> str:
        """What a model learns from this set, by content: pictures, masks, landmarks, poses. 64 hexadecimal digits."""
        found = hashlib.sha256(self.table[["face", *MATRIX_COLUMNS, "yaw", "pitch", "roll"]].to_csv().encode())
        for name in self.table["face"]:
            for part in (f"faces/{name}", f"masks/{name}", f"landmarks/{Path(name).stem}.npy"):
                path = self.folder / part
                found.update(files.sha256(path).encode() if path.exists() else b"missing")
        return found.hexdigest()

    def contact_sheet(self, columns: int = 12, cell: int = 96, limit: int = 96) -> np.ndarray:
        """Evenly spread faces in rows: (rows * cell, columns * cell, 3) uint8 RGB, white where there are none left.

        Raises:
            LabError: when the set is empty.
        """
        if not len(self):
            raise LabError(f"{self.folder}: this face set is empty, there is nothing to show. Extract the faces again.")
        return tiled(self.spread(limit).images(cell), columns, 255)

    def spread(self, most: int) -> FaceSet:
        """A subset of at most so many faces, spread evenly over the set, its first and last among them."""
        return self.subset(spread_rows(len(self), most))
