"""A run that survives its machine: what it has made is packed into a folder that stays, such as Google Drive.

The work goes on where it is fast, in the run's own folder. After each stage and each checkpoint, what changed is packed, each stage
folder into one file, since Drive is slow at many small ones:

    <keep>/runs/<run>/kept.json        the archives that count: part of the run -> file and SHA-256
    <keep>/runs/<run>/*.zip            a face set, a clip's frames, a model with its newest checkpoint, ...
    <keep>/consent, <keep>/signing     the ledger and the course's certificate
    <run>/.kept.json                   what this machine has of it, and how its files looked then

A new machine unpacks what it has not got before a stage is looked for. kept.json is written last, so that a stop at any moment
leaves the earlier archives or the new ones. Practice faces are left out: they are made again to the same bits.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import time
import zipfile
from pathlib import Path, PurePosixPath

from faceswap_lab.base import files, untrusted
from faceswap_lab.base.errors import LabError
from faceswap_lab.base.messages import _

INDEX, HERE = "kept.json", ".kept.json"
DRIVE = Path("/content/drive")
SPLIT = ("frames", "faces", "gallery", "models")  # each folder in these is a part, and so is every other folder
LOOSE = "loose files"  # the part of the files that lie directly in the run's folder
LEFT_OUT = {"practice"}
MOST_BYTES = 16 << 30  # of one part, unpacked
SHARE = 1 / 20  # of a training's time that packing its checkpoints may take
_STEP = re.compile(r"step_\d+")


def open_storage(out: Path, keep: str | os.PathLike) -> RunStorage:
    """Where a run is kept; what another machine left there is brought into its folder first.

    Args:
        out: the run's own folder, absolute.
        keep: see `keep_folder`.

    Raises:
        LabError: as `keep_folder`, or when the two are one.
    """
    folder = keep_folder(keep)
    if out.resolve().is_relative_to(folder.resolve()):
        raise LabError(
            f"{out}: it lies in {folder}, where runs are kept. Leave out as it was: the work goes on where it is fast."
        )
    storage = RunStorage(files.make_folder(out), folder / "runs" / out.name)
    storage.restore()
    return storage


def keep_folder(keep: str | os.PathLike) -> Path:
    """The folder that stays; consents and certificate lie in it from now on, unless the environment names other places.

    Args:
        keep: "drive" (Google Drive, which Colab mounts and asks for first) or a folder that is there.

    Raises:
        LabError: for "drive" outside of Colab, or when there is no such folder.
    """
    from faceswap_lab.provenance import certificates, consent

    folder = _mounted_drive() / "faceswap_lab" if keep == "drive" else Path(keep).expanduser().absolute()
    if keep != "drive" and not folder.is_dir():
        raise LabError(
            f"{keep}: no such folder, so nothing can be kept there. Mount or make it first, or leave keep empty."
        )
    mine = {consent.VARIABLE: consent.user_folder(), certificates.ENVIRONMENT: certificates.signing_folder()}
    for variable, own in mine.items():
        if not os.environ.get(variable):
            _take_along(own, folder / own.name)
            os.environ[variable] = str(files.make_folder(folder / own.name))
    return folder


def _take_along(own: Path, kept: Path) -> None:
    """Consents and certificate that are on this machine, where none are kept yet."""
    if own.is_dir() and not kept.exists():
        building = kept.with_name(f"{files.PARTIAL}{kept.name}")
        shutil.rmtree(building, ignore_errors=True)
        shutil.copytree(own, building)
        building.rename(kept)


def _mounted_drive() -> Path:
    if not (DRIVE / "MyDrive").is_dir():  # a kernel that papermill starts cannot ask, but finds what is mounted
        try:
            from google.colab import drive
        except ImportError as error:
            raise LabError(
                'keep = "drive": Google Drive can be mounted on Colab only. Name a folder that stays instead, or leave keep empty.'
            ) from error
        drive.mount(str(DRIVE))
    return DRIVE / "MyDrive"


def kept_elsewhere(out: Path) -> str:
    """Where a run was kept last, as its folder says; "" when it was not."""
    return str(files.read_json_or_empty(out / HERE).get("place", ""))


class RunStorage:
    """Where one run is kept.

    Args:
        out: the run's own folder.
        place: its folder among those that are kept.
    """

    def __init__(self, out: Path, place: Path):
        self.out, self.place = out, place
        self._rest_until = 0.0

    def restore(self) -> None:
        """Unpacks what another machine has kept since; what this one has, or has removed, stays as it is.

        Raises:
            LabError: when a run lies here already that was never kept, and would be lost.
        """
        kept, here = _read(self.place / INDEX, "file"), _read(self.out / HERE, "looks")
        if not (self.out / HERE).exists():
            if kept and self.parts():
                raise LabError(
                    f"{self.out}: a run lies here that was not kept, and {self.place} keeps another one of this name. Choose "
                    "another out=... for one of them, or remove the one that you do not need."
                )
            self._write_here({})
        missing = {part: entry for part, entry in kept.items() if _sum(here, part) != _sum(kept, part)}
        for part, entry in missing.items():
            try:
                self._unpack(part, entry)
            except LabError as error:
                said = _("{part}: what it held is made again; look again for faces that you had deleted.")
                print(f"{error}\n{said.format(part=part)}")
                continue
            here[part] = {"sha256": entry["sha256"], "looks": self._looks(self.parts().get(part, []))}
            self._write_here(here)
        if missing:
            said = _("{folder}: {count} parts of this run come from here.")
            print(said.format(folder=self.place, count=len(missing)))

    def keep(self) -> None:
        """Packs what has changed. A place that fails is named, and no reason to lose the work."""
        try:
            with files.clear_write_errors(self.place):
                self._keep()
        except (LabError, OSError) as error:
            print(_("NOT KEPT: {reason}").format(reason=error))

    def keep_checkpoint(self, _: Path) -> None:
        """`keep`, as often as takes a twentieth of the time."""
        begun = time.monotonic()
        if begun >= self._rest_until:
            self.keep()
            self._rest_until = time.monotonic() + (time.monotonic() - begun) / SHARE

    def _keep(self) -> None:
        files.make_folder(self.place)
        kept, here, parts = _read(self.place / INDEX, "file"), _read(self.out / HERE, "looks"), self.parts()
        looks = {part: self._looks(paths) for part, paths in parts.items()}
        changed = [p for p in parts if looks[p] != here.get(p, {}).get("looks") or _sum(here, p) != _sum(kept, p)]
        removed = [part for part in kept if part in here and part not in parts]
        for part in changed:
            kept[part] = self._pack(part, parts[part])
            here[part] = {"sha256": kept[part]["sha256"], "looks": looks[part]}
        for part in removed:
            del kept[part], here[part]
        if changed or removed:
            files.write_json(self.place / INDEX, {"parts": kept})
            self._write_here(here)
        files.remove_partial(self.place)
        for old in {path.name for path in self.place.glob("*.zip")} - {entry["file"] for entry in kept.values()}:
            os.truncate(self.place / old, 0)  # in Drive's bin, too, it would take its room
            (self.place / old).unlink()

    def parts(self) -> dict[str, list[Path]]:
        """The files of each part: "faces/target" -> paths, sorted. Links, half-written files and older checkpoints are left out."""
        found: dict[str, list[Path]] = {LOOSE: []}
        for place, folders, names in os.walk(self.out):
            inside = Path(place).relative_to(self.out).parts
            folders[:] = [
                name for name in sorted(folders) if not name.startswith(".") and (inside or name not in LEFT_OUT)
            ]
            if inside[-1:] == ("checkpoints",):
                folders[:] = sorted(filter(_STEP.fullmatch, folders), key=lambda name: int(name[5:]))[-1:]
            if inside in {(name,) for name in SPLIT}:
                continue  # the lab puts no file there
            part = "/".join(inside[: 2 if inside and inside[0] in SPLIT else 1]) or LOOSE
            paths = [Path(place, name) for name in sorted(names) if not name.startswith(".")]
            found.setdefault(part, []).extend(path for path in paths if path.is_file() and not path.is_symlink())
        return {part: paths for part, paths in found.items() if paths}

    def _pack(self, part: str, paths: list[Path]) -> dict[str, str]:
        """Writes an archive here, then copies it; the name tells its content, so that none is ever written over."""
        packed = self.out / f"{files.PARTIAL}kept.zip"
        try:
            with zipfile.ZipFile(packed, "w") as archive:  # nothing is compressed: pictures and weights hardly can be
                for path in paths:
                    entry = zipfile.ZipInfo(path.relative_to(self.out).as_posix())
                    entry.create_system, entry.external_attr = 3, (stat.S_IFREG | 0o644) << 16
                    with path.open("rb") as file, archive.open(entry, "w", force_zip64=True) as packing:
                        shutil.copyfileobj(file, packing, 1 << 20)
            content = files.sha256(packed)
            name = f"{re.sub('[/ ]', '_', part)}-{content[:16]}.zip"
            with files.atomic_path(self.place / name) as copy:
                shutil.copyfile(packed, copy)
        finally:
            packed.unlink(missing_ok=True)
        return {"file": name, "sha256": content}

    def _looks(self, paths: list[Path]) -> list[list]:
        """How files look without reading them: name, size, time of the last change."""
        facts = [(path, path.stat()) for path in paths]
        return [[path.relative_to(self.out).as_posix(), fact.st_size, fact.st_mtime_ns] for path, fact in facts]

    def _write_here(self, parts: dict[str, dict]) -> None:
        files.write_json(self.out / HERE, {"place": str(self.place), "parts": parts})

    def _unpack(self, part: str, entry: dict[str, str]) -> None:
        """Puts a part in the place of what is here of it, opened as a file from a stranger is.

        Raises:
            LabError: when the archive is missing, damaged, or holds what does not belong to this part.
        """
        source, building = self.place / entry["file"], self.out / f"{files.PARTIAL}kept"
        shutil.rmtree(building, ignore_errors=True)
        files.make_folder(building)
        try:
            if source.is_symlink() or not source.is_file():
                raise LabError(f"{source}: this archive is missing.")
            files.check_free_space(self.out, 2 * source.stat().st_size)
            packed = Path(shutil.copyfile(source, building / "packed.zip"))
            if files.sha256(packed) != entry["sha256"]:
                raise LabError(f"{source}: this archive is damaged.")
            with zipfile.ZipFile(packed) as opened:
                members = opened.infolist()
                untrusted.check_members(members, packed, lambda n: MOST_BYTES * _belongs(n, part), MOST_BYTES, "run")
                for member in members:
                    target = building / "new" / member.filename
                    target.parent.mkdir(parents=True, exist_ok=True)
                    untrusted.unpack_member(opened, member, target, packed)
            if part == LOOSE:
                for path in (building / "new").iterdir():
                    os.replace(path, self.out / path.name)
            else:
                shutil.rmtree(self.out / part, ignore_errors=True)
                (self.out / part).parent.mkdir(parents=True, exist_ok=True)
                (building / "new" / part).rename(self.out / part)
        except untrusted.DAMAGED_ZIP as error:
            raise LabError(f"{source}: this archive is damaged ({error}).") from error
        finally:
            shutil.rmtree(building, ignore_errors=True)


def _belongs(name: str, part: str) -> bool:
    """Whether a member's name leads into its part, and to nothing hidden."""
    names = PurePosixPath(name).parts
    plain = all(untrusted.is_plain(one) and not one.startswith(".") for one in names) and name == "/".join(names)
    return plain and (len(names) == 1 if part == LOOSE else name.startswith(f"{part}/"))


def _read(path: Path, wanted: str) -> dict[str, dict]:
    """The parts that an index names; {} where there is none, and without entries that no lab has written."""
    parts = files.read_json_or_empty(path).get("parts")
    return {
        part: entry
        for part, entry in (parts.items() if isinstance(parts, dict) else ())
        if isinstance(entry, dict) and {"sha256", wanted} <= set(entry)
        if (part == LOOSE or _belongs(f"{part}/x", part)) and untrusted.is_plain(entry.get("file", "x"))
    }


def _sum(index: dict[str, dict], part: str) -> str | None:
    return index.get(part, {}).get("sha256")
