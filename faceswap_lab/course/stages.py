"""What one notebook needs from the one before: found in the run's folder, or made now, so that each opens cold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import _
from faceswap_lab.course.runtime import Run
from faceswap_lab.faces.sources import gather_sources, write_sources
from faceswap_lab.provenance.checks import may_prepare
from faceswap_lab.video.pictures import write_picture

COPIES = 4  # varied copies of each training face
WARM_START = "quick_autoencoder"  # a folder of data/weights
LEAST_FACES = 8  # fewer, and a model only learns its few pictures by heart


def ensure_frames(
    run: Run, role: str = "target", every: int | None = None, start: float | None = None, end: float | None = None
) -> pd.DataFrame:
    """The frames of a clip as pictures in frames/<role>; it needs the same consent as `ensure_faces`.

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

    may_prepare(run.clip(role), f"clip {role}")
    folder = run.frames(role)
    key: dict[str, Any] = {"every": run.preset.every if every is None else every, "start": start, "end": end}
    if not (run.is_done(f"frames_{role}", **key) and (folder / "frames.csv").exists()):
        video.extract_frames(run.clip(role), folder, **key)
        run.mark_done(f"frames_{role}", **key)
    return files.read_csv(folder / "frames.csv")


def ensure_faces(run: Run, role: str, every: int | None = None):
    """The face set of a clip in faces/<role>, when the ledger has the consent of whoever the clip shows.

    Args:
        run: the run.
        role: "A" or "B" (every n-th frame, as the preset says; of a folder all pictures, since somebody chose them) or "target"
            (every frame, since every one is converted).
        every: take every n-th frame instead.

    Returns:
        The `FaceSet`. Pictures that a student deleted stay deleted.

    Raises:
        LabError: when nobody's consent is written down, or it does not count any more.
    """
    from faceswap_lab.faces import extraction, faceset

    agreed, folder = may_prepare(run.clip(role), f"clip {role}"), run.faces(role)
    usual = 1 if role == "target" or run.clip(role).is_dir() else run.preset.every
    every = usual if every is None else every
    if not (run.is_done(f"faces_{role}", every=every) and (folder / "faces.csv").exists()):
        extraction.extract_faces(run.clip(role), folder, every=every)
        run.mark_done(f"faces_{role}", every=every)
    write_sources(folder, agreed)
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
    return [main_person(ensure_faces(run, role)) for role in roles]


def main_person(faces):
    """A face set without the other people that its clip shows."""
    return faces.of_person()


def training_arrays(
    run: Run, size: int, copies: int = COPIES
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], dict[str, np.ndarray]]:
    """What a model trains on: both people's faces with new poses made from them, their masks, and all of them in the other's shape.

    They are made once for a run and kept in its practice/, see `training.practice_faces`; consent is asked for every time.

    Args:
        run: the run.
        size: side of the model's faces; the arrays are 1.5 times as large, since training turns and shifts them.
        copies: how many varied copies of each face are added, see `training.shape_transfer`; 0 adds none.

    Returns:
        Three dictionaries {"A": ..., "B": ...} of uint8: faces (N, S, S, 3, RGB), masks (N, S, S, 5: face, eyes, mouth,
        nose, brows; the first three where a set has no landmarks), and the faces bent into the other person's shape
        (N, S, S, 3). The first rows are the face sets' own pictures, in their order; of more than fit into memory, the most
        varied ones, with a line that says how many.

    Raises:
        LabError: when a person has fewer faces than `LEAST_FACES`.
    """
    from faceswap_lab.training.practice_faces import FOLDER, Recipe, practice_faces

    sets = {person: [faces for faces in training_faces(run, person) if len(faces)] for person in ("A", "B")}
    for person, role in (("A", "target"), ("B", "B")):
        count = sum(len(faces) for faces in sets[person])
        if count < LEAST_FACES:
            raise LabError(
                f"{run.clip(role)}: {count} faces of {person} were found, and a model needs {LEAST_FACES} to learn from. Give "
                "a longer or sharper clip, or put back pictures that were deleted from the run's faces folder."
            )
    return practice_faces(sets, Recipe(size * 3 // 2, copies, run.seed), run.out / FOLDER)


def preview_faces(faces: dict[str, np.ndarray], size: int) -> dict[str, np.ndarray]:
    """Evenly spread faces of both people's own pictures (no copies), for a training's preview: {"A": (7, size, size, 3)}."""
    from faceswap_lab.models.face_statistics import resize

    chosen = {}
    for person, pictures in faces.items():
        own = len(pictures) // (COPIES + 1)
        chosen[person] = resize(pictures[np.linspace(0, own - 1, 7).astype(int)], size)
    return chosen


def practice_arrays(sets: dict[str, list], side: int, copies: int, seed: int):
    """`training_arrays` for face sets that are at hand: {"A": [FaceSet, ...], "B": [...]}, all faces, pictures of `side` pixels."""
    from faceswap_lab.training.practice_faces import Recipe, practice_faces

    return practice_faces(sets, Recipe(side, copies, seed, most_bytes=None))


def warm_start(model) -> bool:
    """Loads the warm start that ships with the lab into a model of the same shape.

    Args:
        model: a `FaceAutoencoder`.

    Returns:
        Whether it was loaded; False (with a printed sentence) when the shapes differ, and the model starts from nothing.

    Raises:
        LabError: when the weights are missing or damaged.
    """
    from faceswap_lab import training
    from faceswap_lab.base import weights

    folder = weights.data_folder() / "weights" / WARM_START
    config = training.read_config(folder)
    if type(model.config)(**config["options"]) != model.config:  # options that are newer than the file: their defaults
        said = _("The warm start {name} has another shape than this model, which starts from nothing.")
        print(said.format(name=WARM_START))
        return False
    training.load_weights(model, folder / training.WEIGHTS)
    model.begun_from = str(folder)  # whose faces are in these weights, see `training.save_model`
    return True


def generator_to_begin_with(run: Run, size: int):
    """The run's autoencoder, whatever its network; where there is none, the quick one, with the warm start if that fits.

    Raises:
        LabError: when the run's does not generate faces of `size` pixels.
    """
    from faceswap_lab import training
    from faceswap_lab.models import autoencoder

    folder = run.models("autoencoder")
    if (folder / training.CONFIG).exists():
        model = training.load_model(folder, "autoencoder", size)
        model.begun_from = str(folder)
        return model
    model = autoencoder.FaceAutoencoder(autoencoder.quick(size))
    warm_start(model)
    return model


def train_model(run: Run, model, folder, faces: dict[str, np.ndarray], steps: int, batch_size: int, **options):
    """`training.fit` with the preset's intervals and a preview of both people's own faces.

    A training of few steps has a row of its history, and a look at its previews, every eighth of them.

    Args:
        model: compiled, its faces set.
        folder: the model's, see `model_folder`.
        faces: as from `training_arrays`.
        steps, batch_size: see `training.fit`; further options go there too, and `counts` where the model has further faces.

    Returns:
        The history, a `DataFrame`.
    """
    from faceswap_lab import training

    small = preview_faces(faces, model.config.size)
    counts = options.pop("counts", None) or {person: len(pictures) for person, pictures in faces.items()}
    names = ("log_every", "preview_every", "checkpoint_every", "checkpoint_seconds")
    preset = {name: getattr(run.preset, name) for name in names}
    options = preset | {"log_every": min(preset["log_every"], max(1, steps // 8))} | options
    return training.fit(
        model,
        folder,
        counts,
        steps,
        batch_size=batch_size,
        seed=run.seed,
        draw_preview=lambda m: training.preview_grid(m, small),
        **options,
    )


def model_folder(run: Run, name: str, **key):
    """A model's folder; what another training (other faces, other settings) left there is removed first.

    The clips behind the run's face sets are written into it: whoever they show is asked for when the model converts.

    Args:
        key: everything the training depends on, JSON values.

    Returns:
        The folder, a `Path`.
    """
    import shutil

    folder = run.models(name)
    made_with = folder / "made_with.json"
    if made_with.exists() and files.read_json(made_with) != key:
        print(_("{name}: faces or settings changed since the last training, which is done again.").format(name=name))
        shutil.rmtree(folder)
    if not made_with.exists():
        files.write_json(made_with, key)
    sets = [run.out / "faces" / role for role in ("target", "A", "B")]
    gather_sources([place for place in sets if (place / "faces.csv").exists()], folder)
    return run.models(name)


def gallery(run: Run) -> dict:
    """Faces of people who are in none of the run's clips, so that a swap can be told from more than two: the rendered stranger.

    Returns:
        Name -> `FaceSet`, kept in the run's folder gallery/.

    Raises:
        LabError: when the clip is missing, or the consent to show it.
    """
    from faceswap_lab.course import actors
    from faceswap_lab.faces import extraction

    clip, folder = actors.clip("stranger").path, run.out / "gallery" / "stranger"
    may_prepare(clip, "gallery")
    return {"stranger": main_person(extraction.extract_faces(clip, folder, every=2))}


def contact_sheet(run: Run, role: str):
    """Writes faces/<role>/contact_sheet.png, for the report.

    Returns:
        The sheet, (H, W, 3) uint8 RGB.
    """
    sheet = ensure_faces(run, role).contact_sheet()
    write_picture(run.faces(role) / "contact_sheet.png", sheet)
    return sheet
