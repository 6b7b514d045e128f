"""The first cell of every notebook: `run = setup(preset, seed)` says where we are and what the lab works with."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from faceswap_lab import __version__
from faceswap_lab.base import environment, files, fonts
from faceswap_lab.base.errors import LabError, check_number
from faceswap_lab.base.machine import cpu_cores, devices, place, table, versions
from faceswap_lab.base.messages import _, english, retold
from faceswap_lab.course import notebooks, predictions, samples, trusted_paths
from faceswap_lab.course.presets import PRESETS, Preset
from faceswap_lab.course.presets import preset as find_preset
from faceswap_lab.course.run_storage import RunStorage, open_storage

# TensorFlow switches oneDNN on by itself on some processors only; on others a training step costs a fifth less with it.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

ROOT = samples.ROOT  # the lab's own folder: notebooks/, data/, runs/
ROLES = ("A", "B", "target")
CLIPS = ("source", "target", "target_training", "truth")  # as run.json and the command line call them

GPU_MENUS = {
    "Colab": "Menu Runtime > Change runtime type > T4 GPU, then run the notebook from its top.",
    "Kaggle": "In the panel on the right: Session options > Accelerator > GPU T4 x2.",
    "this machine": "Nothing is wrong; a GPU (or Colab) would allow preset='class'.",
}


@dataclass(frozen=True)
class Run:
    """One run of the course: its settings, its clips, and where every product lies. A = target person, B = source.

    Args:
        out: the run's folder.
        preset: how much of everything.
        seed: of every random draw.
        clips: the files that it works on.
        storage: where it is kept beyond this machine, or None.
    """

    out: Path
    preset: Preset
    seed: int
    clips: samples.Clips
    storage: RunStorage | None = None

    def clip(self, role: str) -> Path:
        """The clip behind a role.

        Args:
            role: "target" (the clip that is changed), "A" (the target person's training clip; the target clip itself
                when there is no other), "B" (the source person's clip) or "truth" (the true swap of the target clip).

        Raises:
            LabError: for an unknown role, or when the run has no truth.
        """
        clips = self.clips
        training = clips.target_training or clips.target
        found = {"target": clips.target, "A": training, "B": clips.source, "truth": clips.truth}
        if role not in found:
            raise LabError(f"role {role!r}: there is none of that name. Choose one of {', '.join(found)}.")
        if (path := found[role]) is None:
            raise LabError(
                f"{self.out}: these clips have no true swap to compare with; only rendered actors have one. Give a "
                "clip of it with --truth, or leave the scores against the truth out."
            )
        return path

    def frames(self, role: str) -> Path:
        """The folder of a clip's frames, frames/<role>."""
        return files.make_folder(self.out / "frames" / _known(role))

    def faces(self, role: str) -> Path:
        """The folder of a clip's face set, faces/<role>."""
        return files.make_folder(self.out / "faces" / _known(role))

    def models(self, name: str) -> Path:
        """The folder of a model, models/<name>."""
        return files.make_folder(self.out / "models" / name)

    def previews(self, name: str) -> Path:
        """The folder of a model's previews, models/<name>/previews."""
        return files.make_folder(self.out / "models" / name / "previews")

    def pictures(self) -> Path:
        """The folder of pictures for the report."""
        return files.make_folder(self.out / "pictures")

    def swap(self, model: str, blend: str) -> Path:
        """The file of a swapped clip, swap/<model>_<blend>.mp4."""
        return files.make_folder(self.out / "swap") / f"{model}_{blend}.mp4"

    def _marker(self, stage: str) -> Path:
        return self.out / "stages" / f"{stage}.json"

    def is_done(self, stage: str, **key) -> bool:
        """True when `stage` was marked done with the same `key` (values as JSON keeps them)."""
        marker = read_marker(self._marker(stage))
        return marker.get("done", False) and marker.get("key") == key

    def mark_done(self, stage: str, **key) -> None:
        """Marks `stage` done; `key` holds what its product depends on."""
        files.write_json(self._marker(stage), {"done": True, "key": key})
        self.keep()

    def keep(self) -> None:
        """Keeps what has changed, where the run was set up with `keep`."""
        if self.storage:
            self.storage.keep()

    def finish(self, notebook: str, made: str) -> None:
        """Says in one line what a notebook made; the progress line and the report show it.

        Args:
            notebook: the notebook's name, such as "03_autoencoder".
            made: for example "180 faces of A, 176 of B".
        """
        path = self._marker(notebook)
        files.write_json(path, {**read_marker(path), "made": made})
        self.keep()
        print(f"{notebook}: {made}")
        predictions.show(self.out, notebook[:2])

    def predict(self, name: str, value=None, sure: float | None = None, unit: str = "", choices: Iterable = ()):
        """Writes a prediction down before its result is seen, see `predictions.predict`; None says nothing."""
        return predictions.predict(self.out, name, value, sure, unit, choices)

    def came(self, name: str, value, within: float | None = None, least: float = 0.0) -> None:
        """Sets what came beside what was predicted, see `predictions.came`; silent where nothing was."""
        predictions.came(self.out, name, value, within, least)


read_marker = files.read_json_or_empty  # a stage whose marker cannot be read is simply done again


def _known(role: str) -> str:
    if role not in ROLES:
        raise LabError(f"role {role!r}: there is none of that name. Choose one of {', '.join(ROLES)}.")
    return role


def resolve_out(out: str | os.PathLike) -> Path:
    """A run's folder; a relative one lies in the lab's folder, wherever the notebook was opened from."""
    out = Path(out).expanduser()
    return out if out.is_absolute() else ROOT / out


def prepare(
    preset: str | Preset = "quick",
    seed: int = 0,
    out: str | os.PathLike = "runs/sample",
    source: str | os.PathLike = "",
    target: str | os.PathLike = "",
    target_training: str | os.PathLike = "",
    truth: str | os.PathLike = "",
    keep: str | os.PathLike = "",
) -> Run:
    """The quick half of `setup`: settles preset, clips and folder, writes run.json, and loads no Keras.

    Args and Raises: as `setup`.
    """
    notebooks.check_given()
    chosen = find_preset(preset)
    check_number("seed", seed, 0, 2**32 - 1, "a whole number", whole=True)
    folder = resolve_out(out)
    trusted_paths.refuse_links(folder)
    storage = open_storage(folder, keep) if keep else None
    given = dict(zip(CLIPS, map(str, (source, target, target_training, truth)), strict=True))
    clips = _settle_clips(folder, given)
    files.make_folder(folder)
    known = read_marker(folder / "run.json")
    named = clips.as_json()
    facts = {"preset": chosen.name, "seed": seed, "clips": named, "versions": versions(), "place": place()}
    known.pop("outside", None)  # seals of version 0.4
    for role, path in named.items():
        if given[role]:
            trusted_paths.give(folder, path)
    files.write_json(folder / "run.json", {**known, **facts, "time": time.strftime("%Y-%m-%d %H:%M")})
    return Run(folder, chosen, seed, clips, storage)


def setup(
    preset: str | Preset = "quick",
    seed: int = 0,
    out: str | os.PathLike = "runs/sample",
    source: str | os.PathLike = "",
    target: str | os.PathLike = "",
    target_training: str | os.PathLike = "",
    truth: str | os.PathLike = "",
    keep: str | os.PathLike = "",
) -> Run:
    """Sets seeds, device and folders, and prints one small table; without a GPU it warns, and goes on.

    Args:
        preset: "quick", "class", "full", or a `Preset` of your own.
        seed: of Python, numpy and Keras.
        out: the run's folder; relative paths start at the lab's folder.
        source: B's clip, whose face is put in; empty: what this run has already, else the sample's.
        target: A's clip, whose video is changed; empty likewise.
        target_training: more pictures of A to learn from; optional.
        truth: the true swap of the target clip, to score against; optional.
        keep: "drive" on Colab, or a folder that stays: the run, the consents and the certificate outlive this machine there, see
            `run_storage`; empty: they do not.

    Returns:
        The `Run`; its clips are written to run.json, so that they need to be given once only.

    Raises:
        LabError: for an unknown preset, a clip that is missing, a folder that cannot be written or that holds
            a run of other clips.

    Example:
        >>> from pathlib import Path
        >>> run = lab.setup("quick", out=Path("run").resolve())
        lab ...
        >>> run.preset.name
        'quick'
    """
    environment.check_backend()
    fonts.choose()
    run = prepare(preset, seed, out, source, target, target_training, truth, keep)

    import keras  # after the checks: loading it takes seconds

    from faceswap_lab.training import checkpoints

    checkpoints.after_save[:] = [run.storage.keep_checkpoint] if run.storage else []
    keras.utils.set_random_seed(seed)
    accelerators = devices()
    device = ", ".join(accelerators) or english("CPU, cores: {count}", count=cpu_cores())
    files.write_json(run.out / "run.json", {**files.read_json(run.out / "run.json"), "device": device})
    run.keep()
    print(table(_facts(run, retold(device))))
    if said := _proposal(run.preset, accelerators):
        print(f"\n{said}")
    return run


def _settle_clips(folder: Path, given: dict[str, str]) -> samples.Clips:
    """The clips that are given (role -> path or ""), or that the run has; what a stranger's run.json names is not taken."""
    about = read_marker(folder / "run.json")
    stored = about.get("clips")
    if stored is None:
        return samples.find_clips(*given.values())
    whole = isinstance(stored, dict) and {"source", "target"} <= set(stored) <= set(CLIPS)
    if not whole or not all(isinstance(path, str) for path in stored.values()):
        raise LabError(
            f"{folder / 'run.json'}: it does not name the run's clips. Choose another folder, or delete this one."
        )
    for role, path in stored.items():
        if not given[role] and not trusted_paths.is_given(folder, path):
            raise LabError(
                f"{folder / 'run.json'}: it names {path} as its {role.replace('_', ' ')}, and {trusted_paths.NOT_GIVEN}. If you "
                f"know it and mean it, give it by hand (--{role.replace('_', '-')}, or {role}=...); else choose another folder."
            )
    kept = samples.Clips.from_json(stored)
    asked = samples.Clips(
        *(samples.existing_clip(given[role]) if given[role] else getattr(kept, role) for role in CLIPS)
    )
    if asked != kept:
        raise LabError(
            f"{folder}: this folder holds a run of other clips ({kept.target.name} with the face of "
            f"{kept.source.name}). Choose another out=... (--out or --name), or delete that folder."
        )
    for role in stored:
        samples.existing_clip(getattr(kept, role))
    return kept


def give_clip(folder: Path, role: str, path: str | os.PathLike) -> None:
    """Says by hand which file a run's clip is, where the run was made on another computer, or by someone else.

    Args:
        folder: the run's.
        role: of `CLIPS`.
        path: the clip.

    Raises:
        LabError: when there is no such clip, the run has none of this role, or run.json is damaged.
    """
    trusted_paths.refuse_links(folder)
    about = files.read_json(folder / "run.json")
    if not isinstance(about, dict) or not isinstance(about.get("clips"), dict) or role not in about["clips"]:
        raise LabError(f"{folder / 'run.json'}: this run has no {role}. Leave --{role} out.")
    found = samples.existing_clip(path)
    trusted_paths.give(folder, found)
    files.write_json(folder / "run.json", about | {"clips": about["clips"] | {role: str(found)}})


def _facts(run: Run, device: str) -> list[tuple[str, str]]:
    found = versions()
    clips = run.clips
    lab = _("{version} on {place}, Python {python}")
    keras = _("{version} on TensorFlow {tensorflow}, numpy {numpy}")
    swapped = _("{source} (B) onto {target} (A)") if clips.truth is None else _("{source} (B) onto {target} (A), true swap known")
    return [
        (_("lab"), lab.format(version=__version__, place=_(place()), python=found["Python"])),
        ("keras", keras.format(version=found["keras"], tensorflow=found["tensorflow"], numpy=found["numpy"])),
        (_("device"), device),
        (_("preset"), f"{run.preset.name}: {run.preset.told()}"),
        (_("seed"), str(run.seed)),
        (_("face of"), swapped.format(source=clips.source.name, target=clips.target.name)),
        (_("folder"), str(run.out)),
        *([(_("kept in"), str(run.storage.place))] if run.storage else []),
    ]


def _proposal(chosen: Preset, accelerators: list[str]) -> str:
    """Which preset this device calls for; "" where it is chosen already."""
    if not accelerators:
        said = _("No GPU: preset {name!r} will take many hours here; preset='quick' is made for two CPU cores.")
        if chosen.name == "quick":
            said = _("No GPU: preset {name!r} is made for that.")
        return f"{said.format(name=chosen.name)} {_(GPU_MENUS[place()])}"
    if chosen.name != "quick":
        return ""
    said = _(
        "There is a GPU, and preset = 'class' is made for it: {summary}. Change it in the cell above, and run again from there."
    )
    return said.format(summary=PRESETS["class"].told())
