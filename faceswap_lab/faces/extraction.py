"""From a video to a face set: detect, look closely, align, mask, write. Can be stopped at any moment and run again."""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from faceswap_lab import files
from faceswap_lab.errors import LabError
from faceswap_lab.faces import alignment, masks
from faceswap_lab.faces.detection import Detections, FaceDetector
from faceswap_lab.faces.faceset import (
    BOX_COLUMNS,
    COLUMNS,
    FACE_SIZE,
    MATRIX_COLUMNS,
    POINT_COLUMNS,
    SETTINGS,
    TABLE,
    FaceSet,
    read_table,
)
from faceswap_lab.faces.landmarks import FaceMesh, Landmarks, five_points, head_pose
from faceswap_lab.pictures import write_picture

ENDS = 1 << 20  # bytes at either end of a file that tell it from another


def extract_faces(
    source,
    folder: str | Path,
    detector: FaceDetector | None = None,
    mesh: FaceMesh | None = None,
    every: int = 1,
    start: float | None = None,
    end: float | None = None,
    min_score: float = 0.9,
    min_face_size: float = 40,
    coverage: float = alignment.COVERAGE,
    batch_size: int = 8,
    progress: Callable[[int, int], None] | None = None,
) -> FaceSet:
    """Makes (or completes) the face set of a clip.

    Every batch of frames ends with the table being rewritten in one step, so a stop loses one batch at most, and a
    second run goes on behind the last finished batch. Faces deleted meanwhile stay deleted.

    Args:
        source: a video file, a folder of pictures, or an opened `Video`.
        folder: the face set's folder.
        detector, mesh: to share networks between calls; made when None.
        every: take every n-th frame.
        start, end: seconds; end is exclusive.
        min_score: the detector's least belief in a face.
        min_face_size: smallest face in frame pixels.
        coverage: how much room the face leaves, see `alignment.canonical_points`.
        batch_size: frames a batch.
        progress: called with (frames done, frames in all).

    Returns:
        The `FaceSet`.

    Raises:
        LabError: when the source cannot be read, no frame shows a face, or the folder holds a set made otherwise.
    """
    from faceswap_lab.video import Video, open_video

    video = source if isinstance(source, Video) else open_video(source)
    folder = files.make_folder(folder)
    wanted = {
        "source": str(Path(video.path).name), "clip": _fingerprint(video), "every": every, "start": start, "end": end,
        "min_score": min_score, "min_face_size": min_face_size, "coverage": coverage,
    }  # fmt: skip
    state = _state(folder, wanted)
    table = _read_rows(folder, state["last"])
    if not state["finished"]:
        detector = detector or FaceDetector(min_face_size=min_face_size)
        mesh = mesh or FaceMesh()
        for name in ("faces", "masks", "landmarks"):
            files.remove_partial(files.make_folder(folder / name))
        rows = table.to_dict("records")
        for batch in _batches(_after(video.frames(every=every, start=start, end=end), state["last"]), batch_size):
            found = detector.detect([frame.image for frame in batch])
            for frame, detections in zip(batch, found, strict=True):
                new = [
                    row
                    for number, face in enumerate(_kept(detections, min_score, min_face_size))
                    if (row := _extract_one(folder, wanted["source"], frame, number, face, mesh, coverage))
                ]
                state["with_face"] += bool(new)
                rows.extend(new)
            state["frames"] += len(batch)
            state["last"] = int(batch[-1].index)
            _write_rows(folder, rows)
            files.write_json(folder / SETTINGS, state)
            if progress:
                progress(state["frames"], max(state["frames"], -(-video.num_frames // every)))
        if rows:
            _write_rows(folder, number_people(rows))
            state["finished"] = True
            files.write_json(folder / SETTINGS, state)
    if not state["with_face"]:
        raise LabError(
            f"{video.path}: no face was found in any of {state['frames']} frames. Check the clip (does it show a face of "
            f"{min_face_size:.0f} px or more, upright?), or lower min_face_size or min_score."
        )
    found = FaceSet(folder)
    people = found.table["person"].nunique()
    if people > 1:
        counts = found.table["person"].value_counts().sort_index()
        warnings.warn(
            f"{video.path}: {people} people were found ({', '.join(f'person {p}: {n} faces' for p, n in counts.items())}). "
            "Person 0 takes up the most room; train and convert with that one, or delete the others' pictures.",
            stacklevel=2,
        )
    return found


def _fingerprint(video) -> str:
    """Tells one clip from another of the same name: a hash of its size and both ends, or of its pictures' names and sizes."""
    digest = hashlib.sha256()
    path = Path(video.path)
    if path.is_dir():
        for picture in video.pictures:
            digest.update(f"{Path(picture).name} {Path(picture).stat().st_size}\n".encode())
    else:
        size = path.stat().st_size
        digest.update(str(size).encode())
        with path.open("rb") as file:
            digest.update(file.read(ENDS))
            file.seek(max(0, size - ENDS))
            digest.update(file.read(ENDS))
    return digest.hexdigest()[:16]


def _state(folder: Path, wanted: dict) -> dict:
    """How far the set in `folder` has got; a new one begins at the start.

    Raises:
        LabError: when the folder holds a set made otherwise, or its settings cannot be used.
    """
    fresh = {"settings": wanted, "frames": 0, "with_face": 0, "last": -1, "finished": False}
    path = folder / SETTINGS
    if not path.exists():
        return fresh
    state = files.read_json(path)
    if not isinstance(state, dict) or not isinstance(state.get("settings"), dict) or set(fresh) - set(state):
        raise LabError(f"{path}: this file is damaged. Delete it and run again: the faces are then extracted anew.")
    made = {"clip": wanted["clip"]} | state["settings"]  # sets of version 0.1 do not know their clip
    changed = [key for key in wanted if made.get(key) != wanted[key]]
    if changed:
        raise LabError(
            f"{folder}: this folder holds a face set made with another {' and '.join(changed)}. Choose another "
            "folder, or delete this one to make it again."
        )
    # without its table a set cannot go on: it begins again
    return state if (folder / TABLE).exists() or not state["with_face"] else fresh


def _after(frames: Iterable, last: int) -> Iterator:
    return (frame for frame in frames if frame.index > last)


def _batches(frames: Iterable, size: int) -> Iterator[list]:
    batch = []
    for frame in frames:
        batch.append(frame)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _kept(detections: Detections, min_score: float, min_face_size: float) -> list[tuple[np.ndarray, float, np.ndarray]]:
    """The detections that count, the largest first: (box, score, points)."""
    side = np.sqrt(np.prod(np.clip(detections.boxes[:, 2:] - detections.boxes[:, :2], 0, None), axis=1))
    keep = [i for i in np.argsort(-side) if detections.scores[i] >= min_score and side[i] >= min_face_size]
    return [(detections.boxes[i], float(detections.scores[i]), detections.points[i]) for i in keep]


def look_at(image: np.ndarray, points: np.ndarray, mesh: FaceMesh, coverage: float = alignment.COVERAGE):
    """The landmarks of one face and its transform to the 256-px square.

    Args:
        image: (H, W, 3) uint8 RGB frame.
        points: (5, 2), the detector's points.

    Returns:
        (landmarks or None, five points (5, 2), 2x3 transform). Where the mesh sees no face the detector's own points
        align it: less steady, better than nothing.
    """
    landmarks = mesh(image, points)
    used = five_points(landmarks) if landmarks is not None else np.asarray(points, np.float64)
    return landmarks, used, alignment.alignment_matrix(used, FACE_SIZE, coverage)


def mask_picture(landmarks: Landmarks | None, matrix: np.ndarray) -> np.ndarray:
    """(256, 256, 3) uint8: face, eyes, mouth. Without landmarks an oval stands for the face, and the rest is empty."""
    picture = np.zeros((FACE_SIZE, FACE_SIZE, 3), np.float32)
    if landmarks is None:
        face = np.zeros((FACE_SIZE, FACE_SIZE), np.uint8)
        centre, axes = (FACE_SIZE // 2, int(FACE_SIZE * 0.54)), (int(FACE_SIZE * 0.33), int(FACE_SIZE * 0.43))
        cv2.ellipse(face, centre, axes, 0, 0, 360, 255, -1, cv2.LINE_AA)
        picture[..., 0] = face / 255.0
    else:
        aligned = landmarks.transformed(matrix)
        for channel, mask in enumerate((masks.face_mask, masks.eye_mask, masks.mouth_mask)):
            picture[..., channel] = mask(aligned, FACE_SIZE)
    return np.round(picture * 255).astype(np.uint8)


def sharpness(face: np.ndarray, mask: np.ndarray) -> float:
    """Variance of the Laplacian of the grey face inside its mask; a blurred face has little.

    Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", ICPR 2000.
    """
    edges = cv2.Laplacian(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY).astype(np.float32), cv2.CV_32F)
    inside = edges[mask > 127]
    return float(inside.var()) if len(inside) else 0.0


def _extract_one(folder: Path, source: str, frame, number: int, found, mesh: FaceMesh, coverage: float) -> dict:
    box, score, points = found
    landmarks, used, matrix = look_at(frame.image, points, mesh, coverage)
    name = f"{frame.index:06d}_{number}"
    face = alignment.align(frame.image, matrix, FACE_SIZE)
    mask = mask_picture(landmarks, matrix)
    if landmarks is not None:
        buffer = io.BytesIO()
        np.save(buffer, landmarks.as_array())
        with files.atomic_path(folder / "landmarks" / f"{name}.npy") as temporary:
            temporary.write_bytes(buffer.getvalue())
    write_picture(folder / "masks" / f"{name}.png", mask)
    write_picture(folder / "faces" / f"{name}.png", face)
    yaw, pitch, roll = head_pose(landmarks) if landmarks is not None else (np.nan,) * 3
    return {
        "face": f"{name}.png", "source": source, "frame": int(frame.index), "time": round(float(frame.time), 6),
        "person": number, **dict(zip(BOX_COLUMNS, np.round(box, 3).tolist(), strict=True)), "score": round(score, 5),
        **dict(zip(POINT_COLUMNS, np.round(used, 4).ravel().tolist(), strict=True)),
        "points_from": "mesh" if landmarks is not None else "detector",
        **dict(zip(MATRIX_COLUMNS, matrix.ravel().tolist(), strict=True)),
        "yaw": round(yaw, 2), "pitch": round(pitch, 2), "roll": round(roll, 2),
        "sharpness": round(sharpness(face, mask[..., 0]), 2),
        "frame_width": frame.image.shape[1], "frame_height": frame.image.shape[0],
    }  # fmt: skip


def _read_rows(folder: Path, last: int) -> pd.DataFrame:
    """The rows of finished batches; what a stop left behind them is made again."""
    if not (folder / TABLE).exists():
        return pd.DataFrame(columns=COLUMNS)
    table = read_table(folder / TABLE)
    return table[table["frame"] <= last]


def _write_rows(folder: Path, rows: list[dict]) -> None:
    with files.atomic_path(folder / TABLE) as temporary:
        pd.DataFrame(rows, columns=COLUMNS).to_csv(temporary, index=False)


def number_people(rows: list[dict], patience: int = 30) -> list[dict]:
    """Gives every face the number of its person: 0 for who takes up the most room over the clip.

    A face goes on the track whose last box (at most `patience` looked-at frames ago) lies nearest, if the two boxes could
    show the same face; else it starts a new track. In clips that jump, one person can end up on two tracks.
    """
    frames = np.unique([row["frame"] for row in rows])
    step = int(np.diff(frames).min()) if len(frames) > 1 else 1  # every n-th frame was looked at
    tracks: list[dict] = []
    for row in sorted(rows, key=lambda r: (r["frame"], -r["score"])):
        box = np.array([row[c] for c in BOX_COLUMNS])
        near = [t for t in tracks if 0 < row["frame"] - t["frame"] <= patience * step and _same_face(t["box"], box)]
        best = min(near, key=lambda t: np.linalg.norm(_centre(t["box"]) - _centre(box)), default=None)
        if best is None:
            best = {"area": 0.0, "rows": []}
            tracks.append(best)
        best["rows"].append(row)
        best["box"], best["frame"] = box, row["frame"]
        best["area"] += float(np.prod(box[2:] - box[:2]))
    for person, track in enumerate(sorted(tracks, key=lambda t: -t["area"])):
        for row in track["rows"]:
            row["person"] = person
    return sorted(rows, key=lambda r: (r["frame"], r["person"]))


def _centre(box: np.ndarray) -> np.ndarray:
    return (box[:2] + box[2:]) / 2


def _same_face(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether two boxes of neighbouring frames could show one face: less than a face apart, and not twice the size."""
    sides = [np.sqrt(max(np.prod(box[2:] - box[:2]), 1e-6)) for box in (first, second)]
    return max(sides) < 2 * min(sides) and np.linalg.norm(_centre(first) - _centre(second)) < 0.9 * np.mean(sides)
