"""What one notebook needs from the one before: found in the run's folder, or made now, so that each opens cold."""

from __future__ import annotations

import numpy as np
import pandas as pd

from faceswap_lab import files
from faceswap_lab.errors import LabError
from faceswap_lab.runtime import Run


def ensure_frames(
    run: Run, role: str = "target", every: int | None = None, start: float | None = None, end: float | None = None
) -> pd.DataFrame:
    """The frames of a clip as pictures in frames/<role>.

    Args:
        run: the run.
        role: "A", "B" or "target".
        every: take every n-th frame; None: the preset's.
        start: seconds, None: the clip's start.
        end: seconds, exclusive, None: the clip's end.

    Returns:
        frames.csv: file, index, time.
    """
    from faceswap_lab import video

    folder = run.frames(role)
    key = {"every": every or run.preset.every, "start": start, "end": end}
    if not (run.is_done(f"frames_{role}", **key) and (folder / "frames.csv").exists()):
        video.extract_frames(run.clip(role), folder, **key)
        run.mark_done(f"frames_{role}", **key)
    return pd.read_csv(folder / "frames.csv")


def ensure_faces(run: Run, role: str, every: int | None = None):
    """The face set of a clip in faces/<role>.

    Args:
        run: the run.
        role: "A" or "B" (every n-th frame, as the preset says) or "target" (every frame, since every one is converted).
        every: take every n-th frame instead.

    Returns:
        The `FaceSet`. Pictures that a student deleted stay deleted.
    """
    from faceswap_lab.faces import faceset

    folder = run.faces(role)
    key = {"every": every or (1 if role == "target" else run.preset.every)}
    if not (run.is_done(f"faces_{role}", **key) and (folder / "faces.csv").exists()):
        faceset.extract_faces(run.clip(role), folder, **key)
        run.mark_done(f"faces_{role}", **key)
    return faceset.FaceSet(folder)


def training_faces(run: Run, person: str) -> list:
    """The face sets that teach a model one person.

    Args:
        run: the run.
        person: "A" (the target clip's faces, and those of the training clip where there is one) or "B".

    Returns:
        A list of one or two `FaceSet`s, of the main person of each clip where several are seen.
    """
    if person not in ("A", "B"):
        raise LabError(f"person {person!r}: there is none of that name. Choose A or B.")
    roles = ("B",) if person == "B" else ("target", "A") if run.clips.target_training else ("target",)
    return [_main_person(ensure_faces(run, role)) for role in roles]


def _main_person(faces):
    main = faces.table["person"] == 0
    return faces if main.all() else faces.subset(main)


def training_images(
    run: Run, person: str, size: int, kind: str = "face", minimum: int = 8
) -> tuple[np.ndarray, np.ndarray]:
    """All training pictures of one person, with their masks.

    Args:
        run: the run.
        person: "A" or "B".
        size: side in pixels.
        kind: which mask: "face", "eyes" or "mouth".
        minimum: the fewest faces to go on with.

    Returns:
        Faces (N, size, size, 3) uint8 RGB and masks (N, size, size) uint8.

    Raises:
        LabError: when there are fewer faces than `minimum`.
    """
    sets = [faces for faces in training_faces(run, person) if len(faces)]
    count = sum(len(faces) for faces in sets)
    if count < minimum:
        clip = run.clip("target" if person == "A" else "B")
        raise LabError(
            f"{clip}: {count} faces of {person} were found, and a model needs {minimum} to learn from. Give a longer "
            "or sharper clip, or put back pictures that were deleted from the run's faces folder."
        )
    images = np.concatenate([faces.images(size) for faces in sets])
    masks = np.concatenate([faces.masks(size, kind) for faces in sets])
    return images, masks


def contact_sheet(run: Run, role: str):
    """Writes faces/<role>/contact_sheet.png, for the report.

    Returns:
        The sheet, (H, W, 3) uint8 RGB.
    """
    import cv2

    sheet = ensure_faces(run, role).contact_sheet()
    with files.atomic_path(run.faces(role) / "contact_sheet.png") as temporary:
        cv2.imwrite(str(temporary), np.ascontiguousarray(sheet[..., ::-1]))
    return sheet
