"""From a video to a face set: look at runs of frames, write what they gave. Can be stopped at any moment and run again."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, fields, replace
from pathlib import Path

import numpy as np
import pandas as pd

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError, check_number
from faceswap_lab.base.messages import english
from faceswap_lab.faces import embeddings, tracking
from faceswap_lab.faces.examination import Examined, aligned_points, examine, reference_numbers, tools
from faceswap_lab.faces.faceset import COLUMNS, SETTINGS, TABLE, FaceSet, read_table
from faceswap_lab.faces.landmarks import FaceMesh
from faceswap_lab.faces.mtcnn import FaceDetector
from faceswap_lab.faces.options import Extraction
from faceswap_lab.faces.people import number_people
from faceswap_lab.faces.sources import has_sources, note_source, read_sources
from faceswap_lab.video import ffmpeg
from faceswap_lab.video.fingerprints import content_hash
from faceswap_lab.video.pictures import read_picture, warn_of_passed_over

_ENDS = 16  # digits of what clips were told apart by before version 0.5: a hash of their ends; sources.json has the whole one's
RUN_BYTES = 150_000_000  # the most that a run's frames may take
# Where faces lie that are not used; moved back into `faces` they count again.
ASIDE = ("blurry", "others", "duplicates")


def extract_faces(
    source,
    folder: str | Path,
    options: Extraction | None = None,
    *,
    workers: int = 1,
    networks: tuple[FaceDetector, FaceMesh] | None = None,
    progress: Callable[[int, int], None] | None = None,
    **changes,
) -> FaceSet:
    """Makes (or completes) the face set of a clip; whoever calls it has asked for consent, see `provenance.checks`.

    The clip is looked at in runs of frames, each begun by the whole cascade. A run ends with the table being rewritten in
    one step, so a stop loses one run at most, and a second call goes on behind the last finished run, to the same set.
    Faces deleted meanwhile stay deleted.

    Args:
        source: a video file, a folder of pictures, or an opened `Video`.
        folder: the face set's folder.
        options: what is asked for; changed by `changes`, the fields of `Extraction` by name.
        workers: processes that look at runs, by joblib: 1 stays in this one, -1 takes as many as there are cores. Inside
            `joblib.parallel_config(backend="dask")` they are those of a `dask.distributed` cluster, on whatever machines;
            this process reads the frames and writes the set. The set is the same however many there are.
        networks: a detector and a mesh to use, with one worker, in place of those that the options ask for.
        progress: called with (frames done, frames in all).

    Returns:
        The `FaceSet`.

    Raises:
        LabError: when the source or a reference picture cannot be used, no frame shows a face, the folder holds a set made
            otherwise, or an option is unknown.
    """
    from faceswap_lab.video import Video, open_video

    known = [one.name for one in fields(Extraction)]
    unknown = [name for name in changes if name not in known]
    if unknown:
        raise LabError(f"{', '.join(unknown)}: there is no such option of extraction. There are: {', '.join(known)}.")
    wanted = replace(options or Extraction(), **changes)
    if workers != -1:
        check_number("workers", workers, 1, math.inf, "-1 for all cores, or a whole number", whole=True)
    video = source if isinstance(source, Video) else open_video(source)
    warn_of_passed_over(video.path)
    with files.claimed(files.make_folder(folder), "choose another folder", inside=True):
        return _completed(video, Path(folder), wanted, workers, networks, progress)


def _completed(video, folder: Path, wanted: Extraction, workers: int, networks, progress) -> FaceSet:
    """`extract_faces` of an opened `Video`, with the folder claimed."""
    name = Path(video.path).name
    state = _state(folder, {"source": name, "clip": content_hash(video.path), **_as_json(wanted)})
    note_source(folder, video.path)
    table = _read_rows(folder, state["last"])
    if not state["finished"]:
        given = networks or tools(wanted.detector, wanted.min_face_size, wanted.thresholds, None)
        references = tuple(reference_numbers(paths, wanted, given) for paths in (wanted.like, wanted.unlike))
        files.remove_partial(folder)
        for place in ("faces", "masks", "landmarks", "debug", *ASIDE):
            if (folder / place).exists() or place in ("faces", "masks", "landmarks"):
                files.remove_partial(files.make_folder(folder / place))
        rows = table.to_dict("records")
        follow = wanted.track and video.kind == "video"
        frames = video.frames(every=wanted.every, start=wanted.start, end=wanted.end)
        frames = ((frame, shot) for frame, shot in _shots(frames, video.kind) if frame.index > state["last"])
        runs = (
            (*zip(*run, strict=True), ahead, number, name, wanted, follow, references)
            for number, (run, ahead) in enumerate(_runs(frames, video.size, wanted.run_frames), state["runs"])
        )
        total = len(video.indices(wanted.every, wanted.start, wanted.end))
        for done in _examined(runs, workers, given if workers == 1 else None):
            _write(folder, done)
            rows.extend(face.row for face in done.faces)
            state["with_face"] += len({face.row["frame"] for face in done.faces})
            state["frames"] += len(done.frames)
            state["runs"] += 1
            state["last"] = int(done.frames[-1])
            _write_rows(folder, rows)
            files.write_json(folder / SETTINGS, state)
            if progress:
                progress(state["frames"], max(state["frames"], total))
        if rows:
            _write_rows(
                folder, number_people(rows, lambda some: _identities(folder, some), by_place=video.kind == "video")
            )
            if wanted.min_difference:
                _put_duplicates_aside(folder, wanted.min_difference)
            state["finished"] = True
            files.write_json(folder / SETTINGS, state)
    if not state["with_face"]:
        raise LabError(
            f"{video.path}: no face was found in any of {state['frames']} frames. Check the clip (does it show a face of "
            f"{wanted.min_face_size:.0f} px or more, upright?), lower min_face_size or min_score, or let rotations=90 search."
        )
    found = FaceSet(folder)
    if not len(found):
        held = [
            f"{len(list((folder / place).glob('*.png')))} in {place}" for place in ASIDE if (folder / place).exists()
        ]
        warnings.warn(
            english(
                "{folder}: no face is left in this set ({why}). Move pictures back into the folder faces, or extract with "
                "milder filters into another folder.",
                folder=folder,
                why=", ".join(held) or "all were deleted",
            ),
            stacklevel=2,
        )
    people = found.table["person"].nunique()
    if people > 1:
        counts = found.table["person"].value_counts().sort_index()
        warnings.warn(
            english(
                "{path}: {people} people were found (faces of each: {who}). Person 0 takes up the most room; train and convert "
                "with that one, or delete the others' pictures.",
                path=video.path,
                people=people,
                who=", ".join(f"person {p}: {n}" for p, n in counts.items()),
            ),
            stacklevel=2,
        )
    return found


def _examined(runs: Iterable[tuple], workers: int, given: tuple | None) -> Iterator[Examined]:
    """The runs' answers in order, from this process or from joblib's workers; few runs are held at a time."""
    if workers == 1:
        yield from (examine(*run, given=given) for run in runs)
        return
    from joblib import Parallel, delayed

    # one thread a worker: there are as many workers as cores
    work = Parallel(n_jobs=workers, return_as="generator", pre_dispatch="n_jobs + 1", batch_size=1)
    yield from work(delayed(examine)(*run, threads=1) for run in runs)


def _as_json(wanted: Extraction) -> dict:
    """The options as they are kept in the set's settings; pictures by their contents, so that they may move."""
    kept = asdict(wanted)
    for name in ("like", "unlike"):
        for path in kept[name]:
            ffmpeg.check_readable(Path(path))
        kept[name] = [files.sha256(path)[:16] for path in kept[name]]
    return {key: list(value) if isinstance(value, tuple) else value for key, value in kept.items()}


def _state(folder: Path, wanted: dict) -> dict:
    """How far the set in `folder` has got; a new one begins at the start.

    Raises:
        LabError: when the folder holds a set made otherwise, or its settings cannot be used.
    """
    fresh = {"settings": wanted, "frames": 0, "with_face": 0, "runs": 0, "last": -1, "finished": False}
    path = folder / SETTINGS
    if not path.exists():
        return fresh
    state = files.read_json(path)
    if not isinstance(state, dict) or not isinstance(state.get("settings"), dict) or set(fresh) - set(state):
        raise LabError(f"{path}: this file is damaged. Delete it and run again: the faces are then extracted anew.")
    if len(str(state["settings"].get("clip", ""))) == _ENDS:
        sources = read_sources(folder) if has_sources(folder) else ()
        state["settings"]["clip"] = sources[0].sha256 if sources else wanted["clip"]
    changed = [key for key in wanted if state["settings"].get(key) != wanted[key]]
    if changed:
        raise LabError(
            f"{folder}: this folder holds a face set made with another {' and '.join(changed)}. Choose another "
            "folder, or delete this one to make it again."
        )
    # without its table a set cannot go on: it begins again
    return state if (folder / TABLE).exists() or not state["with_face"] else fresh


def _shots(frames: Iterable, kind: str) -> Iterator[tuple]:
    """Each frame with the number of its shot; a folder's pictures are all of one."""
    shot, before = 0, None
    for frame in frames:
        if kind == "video":
            now = tracking.thumbnail(frame.image)
            shot += before is not None and tracking.is_cut(before, now)
            before = now
        yield frame, shot


def _runs(frames: Iterable, size: tuple[int, int], most: int) -> Iterator[tuple[list, object]]:
    """Runs of (frame, shot), each with the frame after it, or None at the end."""
    length = min(most, max(2, RUN_BYTES // (3 * size[0] * size[1])))
    frames = iter(frames)
    run = list(itertools.islice(frames, length))
    while run:
        following = list(itertools.islice(frames, length))
        yield run, following[0][0] if following else None
        run = following


def _write(folder: Path, done: Examined) -> None:
    """Puts a run's pictures on the disk."""
    for face in done.faces:
        stem = Path(face.row["face"]).stem
        parts = ("masks", ".png", face.mask), ("landmarks", ".npy", face.landmarks), (face.place, ".png", face.picture)
        for place, suffix, content in parts:
            if content:
                _write_bytes(folder / place / f"{stem}{suffix}", content)
    for index, content in done.drawings.items():
        _write_bytes(folder / "debug" / f"{index:06d}.jpg", content)


def _write_bytes(path: Path, content: bytes) -> None:
    with files.atomic_path(path) as temporary:
        temporary.write_bytes(content)


def _read_rows(folder: Path, last: int) -> pd.DataFrame:
    """The rows of finished runs; what a stop left behind them is made again."""
    if not (folder / TABLE).exists():
        return pd.DataFrame(columns=COLUMNS)
    table = read_table(folder / TABLE)
    return table[table["frame"] <= last]


def _write_rows(folder: Path, rows: list[dict]) -> None:
    with files.atomic_path(folder / TABLE) as temporary:
        pd.DataFrame(rows, columns=COLUMNS).to_csv(temporary, index=False)


def _identities(folder: Path, rows: list[dict]) -> np.ndarray:
    """The recognition numbers of some rows' faces, wherever their pictures lie; NaN where one was deleted."""
    numbers = np.full((len(rows), embeddings.SIZE), np.nan, np.float32)
    paths = [
        next((p for place in ("faces", *ASIDE) if (p := folder / place / row["face"]).exists()), None) for row in rows
    ]
    there = {index: path for index, path in enumerate(paths) if path}
    if there:
        pictures = [read_picture(path) for path in there.values()]
        numbers[list(there)] = embeddings.of_faces(pictures, [aligned_points(rows[index]) for index in there])
    return numbers


def _put_duplicates_aside(folder: Path, min_difference: float) -> None:
    """Moves near-duplicates out of the set; a second call after a stop moves what is left."""
    from faceswap_lab.faces.curation import near_duplicates

    faces = FaceSet(folder)
    aside = files.make_folder(folder / "duplicates")
    for name in faces.table["face"][near_duplicates(faces, min_difference)]:
        (folder / "faces" / name).rename(aside / name)
