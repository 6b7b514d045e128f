"""What the lab settles when it is imported: Keras' settings of other programs, and a user without a home."""

import json
import os
import shutil
import subprocess

import keras
import pytest
from processes import run_python

from faceswap_lab.__main__ import main
from faceswap_lab.base import environment

FOREIGN = {"backend": "torch", "floatx": "float16", "epsilon": 0.001, "image_data_format": "channels_first"}
SHOWS = """
    import faceswap_lab, keras
    print(keras.config.backend(), keras.config.floatx(), keras.config.epsilon(), keras.config.image_data_format())
"""
OURS = "tensorflow float32 1e-07 channels_last"
OURS_AS_VALUES = ("tensorflow", "float32", 1e-07, "channels_last")
# Another user, without an entry in the list of users, who may read all and write nothing of root's.
NOBODY = (
    *("setpriv", "--reuid", "12345", "--regid", "12345", "--clear-groups", "--inh-caps", "+dac_read_search"),
    *("--ambient-caps", "+dac_read_search", "--bounding-set", "-all,+dac_read_search"),
)


def settings_folder(tmp_path, content):
    (tmp_path / "keras.json").write_text(content if isinstance(content, str) else json.dumps(content))
    return {"KERAS_HOME": tmp_path, "KERAS_BACKEND": None, "XDG_CACHE_HOME": tmp_path / "cache"}


def test_keras_works_with_the_labs_settings(tmp_path):
    given = settings_folder(tmp_path, FOREIGN)
    before = (tmp_path / "keras.json").read_text()
    done = run_python(SHOWS, **given)
    assert done.stdout.split() == OURS.split(), done.stderr
    told = [line for line in done.stderr.splitlines() if str(tmp_path / "keras.json") in line]
    assert len(told) == 1 and "your file stays as it is" in told[0]
    assert "backend torch, floatx float16, epsilon 0.001, image_data_format channels_first" in told[0]
    assert (tmp_path / "keras.json").read_text() == before


@pytest.mark.parametrize(
    "content, said", (("[1]", "unreadable file"), ("{", "unreadable file"), ('{"floatx": "bfloat16"}', "floatx bfloat16"))
)
def test_a_file_that_keras_would_stumble_over(tmp_path, content, said):
    code = "import os, faceswap_lab; print(open(os.environ['KERAS_HOME'] + '/keras.json').read())"
    done = run_python(code, **settings_folder(tmp_path, content))
    assert json.loads(done.stdout) == {**FOREIGN, **dict(zip(FOREIGN, OURS_AS_VALUES, strict=True))}
    assert done.stderr.count(said) == 1


def test_a_usual_file_is_left_alone_and_not_talked_about(tmp_path):
    code = "import os, faceswap_lab; print(os.environ['KERAS_HOME'], faceswap_lab.base.environment.notes)"
    content = {"backend": "tensorflow", "floatx": "float32", "epsilon": 1e-07, "image_data_format": "channels_last"}
    for given in (content, {"backend": "tensorflow"}, {"nnx_enabled": False}):
        assert run_python(code, **settings_folder(tmp_path, given)).stdout.split() == [str(tmp_path), "[]"]


def test_keras_that_was_imported_before_is_set_as_well(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(settings_folder(tmp_path, FOREIGN)["KERAS_HOME"]))
    keras.config.set_floatx("float16")
    keras.config.set_image_data_format("channels_first")
    assert "floatx float16" in environment.settle_keras()
    assert (keras.config.floatx(), keras.config.image_data_format()) == ("float32", "channels_last")


def test_a_backend_of_the_environment_counts(tmp_path):
    code = "import os, faceswap_lab; print(os.environ['KERAS_BACKEND'], *faceswap_lab.base.environment.notes)"
    given = settings_folder(tmp_path, {"backend": "torch"}) | {"KERAS_BACKEND": "jax"}
    assert run_python(code, **given).stdout.split() == ["jax"]


def test_a_backend_that_is_not_installed_is_refused_in_a_sentence(monkeypatch, capsys):
    monkeypatch.setenv("KERAS_BACKEND", "no_such_backend")
    assert main(["doctor"]) == 1
    assert "KERAS_BACKEND=no_such_backend: no package of this name is installed." in capsys.readouterr().err


@pytest.mark.skipif(
    not shutil.which("setpriv") or subprocess.run([*NOBODY, "true"], capture_output=True).returncode,
    reason="no other user can be taken on here",
)
@pytest.mark.parametrize("home", (None, "/"))
def test_a_user_without_a_home_works_in_a_temporary_folder(tmp_path, home):
    """As in a container with --user 12345: a second command finds what the first one wrote, and each says so once."""
    os.chmod(tmp_path, 0o777)
    for parent in list(tmp_path.parents)[:3]:
        os.chmod(parent, 0o755) if parent.name.startswith("pytest-") else None
    code = """
        import sys
        from pathlib import Path
        import matplotlib, platformdirs
        from faceswap_lab.provenance import certificates
        from faceswap_lab.__main__ import main
        sys.exit(main(sys.argv[1:]) or not certificates.signing().kind == "course")
    """
    given = {"HOME": home, "TMPDIR": tmp_path, "PYTHONDONTWRITEBYTECODE": "1"}
    given |= dict.fromkeys(("FACESWAP_LAB_CONSENT", "FACESWAP_LAB_SIGNING", "XDG_CACHE_HOME", "KERAS_HOME", "MPLCONFIGDIR"))
    grant = ("consent", "grant", "--identity", "anna", "--person", "Anna", "--sha256", "0" * 64)
    for arguments in (grant, ("consent", "show", "anna")):
        done = run_python(code, *arguments, before=NOBODY, cwd="/", **given)
        assert done.returncode == 0, done.stderr
        assert "Anna" in done.stdout + done.stderr or arguments is grant
        assert done.stderr.count("there is no home folder to write to") == 1
        assert "faceswap_lab-home-12345" in done.stderr
    place = tmp_path / "faceswap_lab-home-12345"
    assert (place.stat().st_uid, place.stat().st_mode & 0o777) == (12345, 0o700)
    assert list(place.rglob("anna.json")) and list(place.rglob("signing.pem"))
