"""A run that is kept elsewhere: it goes on on another machine as if it were the same one, and opens nothing that leads away."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
import types
import zipfile
from pathlib import Path

import numpy as np
import pytest

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.course import run_storage, runtime, samples
from faceswap_lab.course.run_storage import HERE, INDEX, LOOSE, RunStorage, keep_folder, open_storage

ROOT = Path(__file__).parents[2]
KEPT = {
    "run.json": "{}",
    "swap.mp4": "video",
    "faces/target/faces.csv": "table",
    "faces/target/faces/000000_0.png": "one",
    "faces/target/faces/000001_0.png": "two",
    "frames/target/000000.png": "frame",
    "models/autoencoder/made_with.json": "{}",
    "models/autoencoder/previews/step_000100.png": "preview",
    "models/autoencoder/checkpoints/step_1000000/state.npz": "newest",
    "stages/faces_target.json": "{}",
    "stages/empty.json": "",
}
NOT_KEPT = {
    "practice/ab/96px/faces_A.npy": "many",
    "models/autoencoder/checkpoints/step_999900/state.npz": "older",
    "models/autoencoder/checkpoints/.partial-12345678/state.npz": "half",
    ".partial-12345678-swap.mp4": "half",
}


def fill(folder, content):
    for name, text in content.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def tree(folder):
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name != HERE]
    return {path.relative_to(folder).as_posix(): path.read_text() for path in paths}


@pytest.fixture
def kept(tmp_path):
    """A run that one machine has kept: (its folder, where it is kept, a function that opens it on a new machine)."""
    one, place = tmp_path / "one" / "sample", tmp_path / "drive" / "runs" / "sample"
    fill(one, KEPT | NOT_KEPT)
    RunStorage(one, place).keep()

    def machine(name):
        out = files.make_folder(tmp_path / name / "sample")
        storage = RunStorage(out, place)
        storage.restore()
        return storage

    return one, place, machine


def test_a_new_machine_has_the_run(kept, capsys):
    one, place, machine = kept
    assert len(list(place.glob("*.zip"))) == 5, "files, face set, frames, model, marks"
    assert run_storage.kept_elsewhere(one) == str(place) and not run_storage.kept_elsewhere(place)
    assert tree(machine("two").out) == KEPT
    assert "5 parts of this run come from here" in capsys.readouterr().out
    before = {path: path.stat().st_mtime_ns for path in place.iterdir()}
    machine("two").keep()
    assert {path: path.stat().st_mtime_ns for path in place.iterdir()} == before, "nothing is packed twice"


def test_deleted_pictures_stay_deleted(kept):
    one, place, machine = kept
    (one / "faces/target/faces/000000_0.png").unlink()
    shutil.rmtree(one / "frames")  # as `clean` removes it
    RunStorage(one, place).restore()
    RunStorage(one, place).keep()
    gone = {"faces/target/faces/000000_0.png", "frames/target/000000.png"}
    assert set(tree(one)) == set(KEPT | NOT_KEPT) - gone
    assert tree(machine("two").out) == {name: text for name, text in KEPT.items() if name not in gone}
    archives = [path.read_bytes() for path in place.glob("*.zip")]
    assert len(archives) == 4 and not any(b"000000_0" in content or b"frame" in content for content in archives)


def test_what_another_machine_did_since_counts(kept):
    one, place, machine = kept
    two = machine("two")
    (two.out / "models/autoencoder/made_with.json").write_text('{"steps": 2}')
    (two.out / "scores.json").write_text("{}")
    two.keep()
    (one / "stages/new.json").write_text("{}")
    RunStorage(one, place).restore()
    assert tree(one)["models/autoencoder/made_with.json"] == '{"steps": 2}' and "scores.json" in tree(one)
    assert "stages/new.json" in tree(one), "what only this machine changed is not taken back"


def test_a_run_that_was_never_kept_is_not_written_over(kept, tmp_path):
    _, place, _ = kept
    fill(tmp_path / "mine" / "sample", {"run.json": "mine"})
    with pytest.raises(LabError, match="a run lies here that was not kept.*Choose another out"):
        RunStorage(tmp_path / "mine" / "sample", place).restore()
    assert tree(tmp_path / "mine" / "sample") == {"run.json": "mine"}


def test_a_stop_between_two_writes_leaves_the_earlier_run(kept, monkeypatch):
    one, place, machine = kept
    (one / "swap.mp4").write_text("another video")

    def stop(*what):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(files, "write_json", stop)
        RunStorage(one, place).keep()
    assert tree(machine("two").out) == KEPT
    RunStorage(one, place).keep()
    assert tree(machine("three").out)["swap.mp4"] == "another video"


def archive_of(place, part):
    index = json.loads((place / INDEX).read_text())
    return place / index["parts"][part]["file"]


def set_archive(place, part, path):
    index = json.loads((place / INDEX).read_text())
    index["parts"][part] = {"file": path.name, "sha256": files.sha256(path)}
    files.write_json(place / INDEX, index)


@pytest.mark.parametrize("damage", ["cut", "missing", "link"])
def test_a_damaged_archive_is_made_again(kept, damage, capsys):
    one, place, machine = kept
    path = archive_of(place, "faces/target")
    content = path.read_bytes()
    path.unlink()
    if damage == "cut":
        path.write_bytes(content[:-30])
    elif damage == "link":
        path.symlink_to(one / "run.json")
    two = machine("two")
    assert tree(two.out) == {name: text for name, text in KEPT.items() if "faces/" not in name}
    assert "faces/target: what it held is made again" in capsys.readouterr().out
    fill(two.out, {"faces/target/faces.csv": "again"})
    two.keep()
    assert tree(machine("three").out)["faces/target/faces.csv"] == "again"


@pytest.mark.parametrize(
    "name", ["../up.png", "/etc/up.png", "C:/up.png", "C:\\up.png", "faces\\target\\..\\..\\up.png", "faces/target/../../../up.png",
             "faces/target/a\n.png", "faces/other/up.png", "faces/target/.hidden", "link"],
)  # fmt: skip
def test_an_archive_leads_nowhere_else(kept, tmp_path, name, capsys):
    _, place, machine = kept
    path = place / "faces_target-strange.zip"
    with zipfile.ZipFile(path, "w") as archive:
        entry = zipfile.ZipInfo("faces/target/link.png" if name == "link" else name)
        entry.create_system = 3
        entry.external_attr = ((stat.S_IFLNK if name == "link" else stat.S_IFREG) | 0o644) << 16
        archive.writestr(entry, "/etc/passwd")
    set_archive(place, "faces/target", path)
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    two = machine("two")
    assert "Take only archives that the lab wrote" in capsys.readouterr().out
    assert tree(two.out) == {name: text for name, text in KEPT.items() if "faces/" not in name}
    assert not any(path.is_symlink() or path.name == "up.png" for path in tmp_path.rglob("*")) and before


@pytest.mark.parametrize("part", ["..", "../../up", ".hidden", "", "a//b", "faces/.."])
def test_an_index_leads_nowhere_else(kept, tmp_path, part):
    _, place, machine = kept
    inside = archive_of(place, LOOSE)
    files.write_json(place / INDEX, {"parts": {part: {"file": inside.name, "sha256": files.sha256(inside)}, "x": 3}})
    assert tree(machine("two").out) == {}
    files.write_json(place / INDEX, {"parts": {"faces/target": {"file": "../../x.zip", "sha256": "0"}}})
    assert tree(machine("three").out) == {}


def test_where_it_is_kept(tmp_path, monkeypatch):
    for variable in ("FACESWAP_LAB_CONSENT", "FACESWAP_LAB_SIGNING"):
        monkeypatch.setenv(variable, "")
    monkeypatch.setattr("platformdirs.user_data_dir", lambda *what, **how: str(tmp_path / "home"))
    monkeypatch.setattr("platformdirs.user_config_dir", lambda *what: str(tmp_path / "home"))
    fill(tmp_path / "home", {"consent/me.json": "{}"})
    with pytest.raises(LabError, match="can be mounted on Colab only. Name a folder that stays instead"):
        keep_folder("drive")
    with pytest.raises(LabError, match="no such folder.*Mount or make it first"):
        keep_folder(tmp_path / "none")
    monkeypatch.setattr(run_storage, "DRIVE", tmp_path / "drive")
    mount = types.SimpleNamespace(mount=lambda place: Path(place, "MyDrive").mkdir(parents=True))
    monkeypatch.setitem(sys.modules, "google.colab", types.SimpleNamespace(drive=mount))
    place = tmp_path / "drive" / "MyDrive" / "faceswap_lab"
    assert keep_folder("drive") == keep_folder("drive") == place
    assert os.environ["FACESWAP_LAB_CONSENT"] == str(place / "consent")
    assert tree(place / "consent") == {"me.json": "{}"}, "what was granted before is taken along"
    assert os.environ["FACESWAP_LAB_SIGNING"] == str(place / "signing") and (place / "signing").is_dir()
    with pytest.raises(LabError, match="where runs are kept"):
        open_storage(place / "runs" / "sample", "drive")


def test_a_place_that_fails_costs_no_work(kept, capsys, monkeypatch):
    one, place, _ = kept
    run = runtime.Run(one, None, 0, None, RunStorage(one, place))

    def full(*what):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    run.mark_done("faces_A", every=1)
    assert run.is_done("faces_A", every=1) and "NOT KEPT" in (said := capsys.readouterr().out) and "disk is full" in said


MACHINE = """
import json, sys
import small
from faceswap_lab.course import runtime, samples
out, keep, steps, straight = sys.argv[1:]
clips = samples.sample_clips()
run = runtime.setup("quick", 0, out, clips["train_B"], clips["target"], keep=keep)
print("begun", flush=True)
options = {"log_every": 4, "checkpoint_every": 4, "checkpoint_seconds": 1e9}
small.train(small.model(), run.models("tiny"), int(steps), **options)
run.finish("03_autoencoder", "a tiny model")
if straight:
    small.train(small.model(), straight, int(steps), **options)
"""


def test_a_killed_machine_goes_on_in_a_new_one_to_the_same_bits(tmp_path):
    drive, straight = files.make_folder(tmp_path / "drive"), tmp_path / "straight"

    def machine(name, straight=""):
        home = files.make_folder(tmp_path / name)
        paths = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "training")])
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("FACESWAP_LAB", "XDG"))}
        environment |= {"PYTHONPATH": paths, "HOME": str(home), "TF_CPP_MIN_LOG_LEVEL": "3"}
        command = [sys.executable, "-c", MACHINE, str(home / "runs" / "sample"), str(drive), "24", str(straight)]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True), home / "runs" / "sample"

    process, first = machine("one")
    assert any(line == "begun\n" for line in process.stdout)
    deadline = time.monotonic() + 900
    while not list(drive.glob("runs/sample/models_tiny-*.zip")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    reached = sorted(path.name for path in first.glob("models/tiny/checkpoints/step_*"))
    shutil.rmtree(tmp_path / "one")  # the machine is gone
    process, second = machine("two", straight)
    said = process.communicate(timeout=900)[0]
    assert process.returncode == 0 and "parts of this run come from here" in said
    assert reached[-1] < "step_000024", reached
    states = [folder / "checkpoints" / "step_000024" / "state.npz" for folder in (second / "models" / "tiny", straight)]
    with np.load(states[0]) as one, np.load(states[1]) as other:
        assert one.files == other.files and all(np.array_equal(one[key], other[key]) for key in one.files)
    history = [path.parents[2].joinpath("history.csv").read_text().splitlines() for path in states]
    assert [line.rpartition(",")[0] for line in history[0]] == [line.rpartition(",")[0] for line in history[1]]
    assert not list((second / "models/tiny/checkpoints").glob("step_000004")) and (drive / "consent").is_dir()
    third = RunStorage(files.make_folder(tmp_path / "three"), drive / "runs" / "sample")
    third.restore()
    assert runtime.read_marker(third.out / "stages" / "03_autoencoder.json")["made"] == "a tiny model"
    assert samples.Clips.from_json(files.read_json(third.out / "run.json")["clips"]).source == samples.sample_clips()["train_B"]
