"""What the lab settles as soon as it is imported, before other libraries look: a home to write to, and Keras' settings.

Both are handed to the processes that this one starts, so that each is said once.
"""

from __future__ import annotations

import json
import os
import stat
import sys
import tempfile
from importlib import util
from pathlib import Path

from faceswap_lab.base.errors import LabError

KERAS = {"backend": "tensorflow", "floatx": "float32", "epsilon": 1e-07, "image_data_format": "channels_last"}
BACKENDS = ("tensorflow", "jax")
_UNREADABLE = "an unreadable file"
notes: list[str] = []  # what was settled otherwise than it was found; `doctor` shows it


def settle() -> None:
    """Settles both, and says on standard error what it changed."""
    for sentence in (settle_home(), settle_keras()):
        if sentence:
            notes.append(sentence)
            print(sentence, file=sys.stderr)


def settle_home() -> str:
    """Gives a user without a home, as in a container started with --user, a folder among the temporary ones.

    Consents, certificates and the caches of Keras and matplotlib go there; all of them look for the home in HOME.

    Returns:
        A sentence about it; "" where there is a home.
    """
    home = Path(os.path.expanduser("~"))  # "~" itself where neither HOME nor the list of users tells
    usable = home.is_absolute() and home.is_dir() and os.access(home, os.W_OK | os.X_OK)
    if usable or _holds_the_labs(home):
        return ""
    place = _private_folder()
    os.environ["HOME" if os.name != "nt" else "USERPROFILE"] = str(place)
    return (
        f"{'HOME' if str(home) == '~' else home}: there is no home folder to write to. {place} is used instead, with consents and "
        "certificates, until it is cleared. Set HOME to a folder of your own to keep them."
    )


def _holds_the_labs(home: Path) -> bool:
    """Whether a home that cannot be written to has consents or certificates, which count all the same."""
    if not home.is_absolute():
        return False
    import platformdirs

    folders = platformdirs.user_data_dir("faceswap_lab", appauthor=False), platformdirs.user_config_dir("faceswap_lab")
    return any(os.path.isdir(folder) for folder in folders)


def _private_folder() -> Path:
    """A folder that is this user's alone, the same for each of the user's commands as long as nobody else took its name."""
    user = os.getuid() if hasattr(os, "getuid") else "user"
    place = Path(tempfile.gettempdir()) / f"faceswap_lab-home-{user}"
    place.mkdir(mode=0o700, exist_ok=True)
    state = os.lstat(place)
    mine = stat.S_ISDIR(state.st_mode) and (os.name == "nt" or (state.st_uid == user and not state.st_mode & 0o077))
    return place if mine else Path(tempfile.mkdtemp(prefix="faceswap_lab-home-"))


def settle_keras() -> str:
    """Lets Keras work with the lab's settings, whatever the user's keras.json says; that file stays as it is.

    The file's backend stays where it is one that the lab runs on, and KERAS_BACKEND counts more than any file.

    Returns:
        A sentence about it; "" where nothing had to be changed.
    """
    path = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras").expanduser() / "keras.json"
    found, wanted = _read_settings(path), dict(KERAS)
    backend = found.get("backend")
    if "KERAS_BACKEND" in os.environ or (backend in BACKENDS and util.find_spec(backend)):
        wanted["backend"] = found.get("backend", wanted["backend"])
    foreign = {name: value for name, value in found.items() if value != wanted.get(name, value) or name == _UNREADABLE}
    if not foreign:
        return ""
    if "keras" in sys.modules:  # it has read the file already
        import keras

        keras.config.set_floatx(KERAS["floatx"])
        keras.config.set_epsilon(KERAS["epsilon"])
        keras.config.set_image_data_format(KERAS["image_data_format"])
    else:
        os.environ["KERAS_HOME"] = str(_folder_with(wanted))
    told = ", ".join(f"{name} {value}" for name, value in foreign.items())
    used = ", ".join(f"{name} {wanted[name]}" for name in foreign if name in wanted) or "its own settings"
    return f"{path}: Keras is set to {told}, with which the lab does not work. It uses {used}; your file stays as it is."


def check_backend() -> None:
    """Refuses a backend that Keras could not import.

    Raises:
        LabError: when KERAS_BACKEND names a package that is not installed.
    """
    backend = os.environ.get("KERAS_BACKEND")
    if backend and not (backend.isidentifier() and util.find_spec(backend)):
        raise LabError(
            f"KERAS_BACKEND={backend}: no package of this name is installed. Take the variable away, or set one of "
            f"{', '.join(BACKENDS)} that is installed."
        )


def _read_settings(path: Path) -> dict:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        return {_UNREADABLE: f"({error})"}
    return found if isinstance(found, dict) else {_UNREADABLE: f"({found!r})"}


def _folder_with(settings: dict) -> Path:
    """A folder of the lab's own with a keras.json of these settings."""
    import platformdirs

    from faceswap_lab.base import files

    folder = Path(platformdirs.user_cache_dir("faceswap_lab", appauthor=False)) / f"keras-{settings['backend']}"
    try:
        files.write_json(folder / "keras.json", settings)
    except (LabError, OSError):  # a home that cannot be written to
        folder = Path(tempfile.mkdtemp(prefix="faceswap_lab-keras-"))
        files.write_json(folder / "keras.json", settings)
    return folder
