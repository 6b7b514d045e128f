"""Setting up a run: folders, clips remembered, markers, clear refusals."""

import os
import platform
import stat

import keras
import numpy as np
import pandas as pd
import pytest

from faceswap_lab.base import files, machine
from faceswap_lab.base.errors import LabError
from faceswap_lab.course import runtime, samples, stages


@pytest.fixture
def clips(tmp_path):
    """Two files that pass for clips; setting up does not open them."""
    for name in ("a ü.mp4", "b.mp4", "more.mp4"):
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def prepare(clips, out="run", **options):
    options = {"source": clips / "b.mp4", "target": clips / "a ü.mp4"} | options
    return runtime.prepare(out=clips / out, **options)


def test_setup_prints_and_seeds(clips, capsys):
    run = runtime.setup("quick", 7, clips / "run", clips / "b.mp4", clips / "a ü.mp4")
    first = np.random.rand()
    runtime.setup("quick", 7, clips / "run")
    assert np.random.rand() == first
    printed = capsys.readouterr().out
    for word in ("keras", "device", "quick", "b.mp4", str(run.out)):
        assert word in printed
    if not machine.devices():
        assert "No GPU" in printed
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        assert tf.config.optimizer.get_experimental_options()["remapping"] is False, "it fails in training, and says so"
    assert files.read_json(run.out / "run.json")["device"]


@pytest.mark.parametrize(
    ("preset", "found", "wanted", "other"),
    [
        ("quick", ["Tesla T4"], "preset = 'class' is made for it", "No GPU"),
        ("quick", [], "No GPU: preset 'quick' is made for that", "'class' is made"),
        ("class", [], "preset='quick' is made for two CPU cores", "'class' is made"),
        ("class", ["Tesla T4"], "Tesla T4", "made for it"),
    ],
)
def test_setup_proposes_the_preset_that_the_device_calls_for(clips, capsys, monkeypatch, preset, found, wanted, other):
    monkeypatch.setattr(runtime, "devices", lambda: found)
    runtime.setup(preset, 0, clips / "run", clips / "b.mp4", clips / "a ü.mp4")
    printed = capsys.readouterr().out
    assert wanted in printed and other not in printed


def test_menus_and_patience(monkeypatch):
    monkeypatch.delenv("COLAB_RELEASE_TAG", raising=False)
    monkeypatch.delenv("KAGGLE_KERNEL_RUN_TYPE", raising=False)
    assert machine.place() == "this machine"
    monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Interactive")
    assert machine.place() == "Kaggle"
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release-colab")
    assert "T4" in runtime.GPU_MENUS[machine.place()]


def test_folders(clips):
    run = prepare(clips)
    assert run.frames("A") == clips / "run" / "frames" / "A"
    assert run.faces("target").is_dir()
    assert run.previews("autoencoder") == run.models("autoencoder") / "previews"
    assert run.swap("autoencoder", "mask").name == "autoencoder_mask.mp4"
    assert run.pictures().is_dir()
    with pytest.raises(LabError, match="role 'C'.*A, B, target"):
        run.frames("C")


def test_of_a_folder_of_pictures_every_one_is_looked_at(clips, monkeypatch):
    """A person who chose twenty pictures of B meant all of them; of a film neighbours are nearly the same."""
    asked = {}

    def extract(clip, folder, every):
        asked[clip.name] = every
        (folder / "faces.csv").write_text("face,frame\n")

    monkeypatch.setattr(stages, "may_prepare", lambda path, role: ())
    monkeypatch.setattr("faceswap_lab.faces.extraction.extract_faces", extract)
    monkeypatch.setattr("faceswap_lab.faces.faceset.FaceSet", lambda folder: folder)
    (clips / "pictures").mkdir()
    for name in ("b.mp4", "pictures"):
        stages.ensure_faces(prepare(clips, f"run {name}", source=clips / name), "B")
    assert asked == {"b.mp4": 2, "pictures": 1}


def test_relative_out_lies_in_the_lab(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert runtime.resolve_out("runs/x") == runtime.ROOT / "runs" / "x"
    assert runtime.resolve_out(tmp_path) == tmp_path


def test_clips_and_roles(clips):
    run = prepare(clips)
    assert run.clip("A") == run.clip("target") == clips / "a ü.mp4"
    assert run.clip("B") == clips / "b.mp4"
    with pytest.raises(LabError, match="no true swap"):
        run.clip("truth")
    with_training = prepare(clips, "other", target_training=clips / "more.mp4")
    assert with_training.clip("A") == clips / "more.mp4"


def test_clips_are_remembered_and_not_mixed(clips):
    run = prepare(clips)
    again = runtime.prepare(out=clips / "run")
    assert again.clips == run.clips
    assert prepare(clips).clips == run.clips
    with pytest.raises(LabError, match="a run of other clips"):
        prepare(clips, source=clips / "more.mp4")
    (clips / "b.mp4").unlink()
    with pytest.raises(LabError, match="b.mp4: no such file"):
        runtime.prepare(out=clips / "run")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source": "none.mp4"}, "none.mp4: no such file"),
        ({"target": "empty.mp4"}, "empty.mp4: this file is empty"),
        ({"target": "", "truth": "more.mp4"}, "belongs to a target clip"),
        ({"preset": "fast"}, "quick, class, full"),
    ],
)
def test_bad_input(clips, change, message):
    (clips / "empty.mp4").touch()
    change = {name: clips / value if value.endswith("mp4") else value for name, value in change.items()}
    with pytest.raises(LabError, match=message):
        prepare(clips, **change)
    assert not (clips / "run").exists(), "nothing is left behind"


def test_folder_that_is_a_file(clips):
    with pytest.raises(LabError, match="a file of this name"):
        prepare(clips, "b.mp4")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_folder(clips):
    locked = clips / "locked"
    locked.mkdir(mode=stat.S_IREAD | stat.S_IEXEC)
    with pytest.raises(LabError, match="cannot be written"):
        prepare(clips, "locked/run")


def test_markers(clips):
    run = prepare(clips)
    assert not run.is_done("faces_A", every=1)
    run.mark_done("faces_A", every=1)
    assert run.is_done("faces_A", every=1)
    assert not run.is_done("faces_A", every=2)
    (run.out / "stages" / "faces_A.json").write_text("{half")
    assert not run.is_done("faces_A", every=1)
    run.finish("02_face_alignment", "3 faces")
    assert runtime.read_marker(run.out / "stages" / "02_face_alignment.json")["made"] == "3 faces"


def test_a_run_without_clips_takes_the_actors(tmp_path):
    found = samples.find_clips()
    assert (found.target.name, found.source.name) == ("talk_A.mp4", "train_B.mp4")
    assert (found.truth.name, found.target_training.name) == ("truth_A_from_B.mp4", "train_A.mp4")
    assert samples.Clips.from_json(found.as_json()) == found
    assert not any(path.startswith("/") for path in found.as_json().values())
    own = tmp_path / "me.mp4"
    own.write_bytes(b"x")
    mixed = samples.find_clips(source=own)
    assert mixed.source == own and mixed.target == found.target and mixed.truth is None
    with pytest.raises(LabError, match="Fetch the lab again"):
        samples.sample_clips(tmp_path / "manifest.json")


class FakeFaces:
    """Stands in for a FaceSet of `count` faces."""

    def __init__(self, count, value):
        self.count, self.value = count, value

    def __len__(self):
        return self.count

    def images(self, size):
        return np.full((self.count, size, size, 3), self.value, np.uint8)

    def digest(self):
        return f"{self.count} {self.value}"

    def missing_masks(self):
        return []

    def region_masks(self, size):
        return np.full((self.count, size, size, 3), self.value, np.uint8)

    def aligned_landmarks(self):
        return np.full((self.count, 620, 3), np.nan), np.full((self.count, 3), np.nan)

    @property
    def table(self):
        return pd.DataFrame({"person": np.arange(self.count) // 9})  # a tenth face is of somebody else

    def subset(self, rows):
        return FakeFaces(int(np.sum(rows)), self.value)

    def of_person(self):
        return self.subset(self.table["person"] == 0)


def test_training_arrays(clips, monkeypatch):
    sets = {"target": FakeFaces(5, 1), "A": FakeFaces(0, 2), "B": FakeFaces(12, 3)}
    monkeypatch.setattr(stages, "ensure_faces", lambda run, role: sets[role])
    run = prepare(clips, target_training=clips / "more.mp4")
    with pytest.raises(LabError, match="5 faces of A.*needs 8"):
        stages.training_arrays(run, 16)
    sets["A"] = FakeFaces(4, 2)
    faces, masks, transferred = stages.training_arrays(run, 16, copies=2)
    assert faces["B"].shape == masks["B"].shape == transferred["B"].shape == (27, 24, 24, 3)
    assert faces["A"][:9, 0, 0, 0].tolist() == [1] * 5 + [2] * 4, "the sets' own pictures come first"
    assert transferred["A"].tolist() == faces["A"].tolist(), "without landmarks nothing is bent"
    with pytest.raises(LabError, match="person 'C'"):
        stages.training_faces(run, "C")


def test_another_training_makes_a_fresh_folder(clips, capsys):
    run = prepare(clips)
    folder = stages.model_folder(run, "autoencoder", steps=10)
    (folder / "left.txt").write_text("x")
    assert (stages.model_folder(run, "autoencoder", steps=10) / "left.txt").exists()
    assert not (stages.model_folder(run, "autoencoder", steps=20) / "left.txt").exists()
    assert "done again" in capsys.readouterr().out


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told to keep what is freed")
def test_arrays_of_a_frame_take_the_place_of_freed_ones():
    resource = pytest.importorskip("resource")
    picture = np.zeros((720, 1280, 3), np.uint8)

    def faults(count=5):
        begun = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
        for _ in range(count):
            [picture.copy() for _ in range(40)]
        return (resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - begun) / count

    with machine.freed_memory_kept():
        faults(1)
        kept = faults()
    assert kept < 300  # of the 27000 pages of 40 pictures
    assert faults() > 10 * kept + 1000  # by itself glibc hands them back
