"""Whatever a user can get wrong in a training: a sentence, and what was good stays good."""

import errno
import os
import resource
import shutil
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
import small
from processes import forks

from faceswap_lab import training
from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.models import autoencoder


def test_sets_of_different_size_and_batches_larger_than_them(tmp_path, capsys):
    faces, masks = small.faces(counts=(12, 3))
    model = small.model(given=(faces, masks))
    history = training.fit(
        model, tmp_path, {"A": 12, "B": 3}, 4, batch_size=5, log_every=2, checkpoint_every=2, tensorboard=False
    )
    assert np.isfinite(history["loss"]).all()
    assert "faces of B: 3 in all, 5 in a batch" in capsys.readouterr().out
    batches = [next(training.index_batches({"A": 12, "B": 3}, 5, 0, step))[0] for step in range(40)]
    assert {i for batch in batches for i in batch["B"]} == {0, 1, 2}
    assert {i for batch in batches for i in batch["A"]} == set(range(12))


def test_one_face_and_no_masks(tmp_path, capsys):
    faces, _ = small.faces(counts=(12, 1))
    model = small.model(loss=autoencoder.QUICK_LOSS)
    counts = training.set_faces(model, faces)
    said = capsys.readouterr().out
    assert "faces of B: there is only one" in said
    assert "no masks of eyes and mouth: the term eyes_and_mouth is switched off" in said
    assert "no masks of face: the term mask is switched off" in said
    history = training.fit(model, tmp_path, counts, 2, batch_size=2, log_every=2, tensorboard=False)
    assert np.isfinite(history["loss"]).all() and not {"eyes_and_mouth", "mask"} & set(history)


def test_floats_are_taken_and_what_is_no_number_is_refused():
    faces, masks = small.faces()
    model = small.model()
    as_float = {p: (pictures / 255).astype("float32") for p, pictures in faces.items()}
    assert training.set_faces(model, as_float, masks) == {"A": 12, "B": 12}
    stored = np.asarray(model.banks[0].pictures)[..., :3]
    np.testing.assert_array_equal(stored, faces["A"])
    as_float["B"][3, 0, 0, 0] = np.nan
    refused = [
        (as_float, r"faces of B: 1 pictures hold NaN or infinity \(numbers 3\)"),
        ({**faces, "A": faces["A"].astype("int64")}, "faces of A: the type is int64"),
        ({**faces, "A": faces["A"].astype("float32")}, "faces of A: values reach from .* to .*Give floats in"),
        ({**faces, "A": faces["A"][:0]}, "faces of A: there are none"),
        ({**faces, "A": faces["A"][0]}, "faces of A: the shape is"),
        ({**faces, "A": faces["A"][:, :8, :8]}, "faces of A: they are 8 px wide and the model generates 16 px"),
        ({"A": faces["A"]}, r"faces: the people are \['A'\]"),
    ]
    for bad, message in refused:
        with pytest.raises(LabError, match=message):
            training.set_faces(model, bad, masks)
    with pytest.raises(LabError, match="masks or transferred faces of A: they do not belong to these 12 faces"):
        training.set_faces(model, faces, {**masks, "A": masks["A"][:5]})
    with pytest.raises(LabError, match="batch_size=0"):
        training.fit(model, "nowhere", {"A": 12, "B": 12}, 2, batch_size=0)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    small.train(small.model(), folder, 6)
    return folder


def test_a_damaged_checkpoint_is_put_aside_and_the_one_before_is_named(trained, tmp_path, capsys):
    folder = tmp_path / "copy"
    shutil.copytree(trained, folder)
    newest = folder / "checkpoints" / "step_000006" / "state.npz"
    newest.write_bytes(newest.read_bytes()[:-100])
    (folder / "checkpoints" / "step_000004" / "state.json").unlink()
    history = small.train(small.model(), folder, 8)
    assert history["step"].tolist() == [2, 4, 6, 8]
    said = capsys.readouterr().out
    assert "step_000006: this checkpoint is damaged (its SHA-256" in said and "step_000002 is used instead" in said
    assert {p.name for p in (folder / "checkpoints").iterdir()} == {
        "damaged_step_000004", "damaged_step_000006", "step_000004", "step_000006", "step_000008",
    }  # fmt: skip


def test_a_checkpoint_of_another_model_names_the_keys(trained):
    shape = {**small.SHAPE, "latent": 24}
    model = autoencoder.FaceAutoencoder(autoencoder.AutoencoderConfig(**shape), autoencoder.QUICK_LOSS)
    model.set_faces(*small.faces())
    model.compile(optimizer="adam")
    missing, unknown = r"missing in model: .*latent/kernel \(8, 24\)", r"unknown in model: .*latent/kernel \(8, 16\)"
    message = f"step_000006: .*another model. {missing}.*{unknown}"
    with pytest.raises(LabError, match=message):
        small.train(model, trained, 8)
    assert training.checkpoints.steps_done(trained) == 6  # nothing was touched
    with pytest.raises(LabError, match=r"another model. missing in model: .* and \d+ more"):
        small.train(small.gan(), trained, 8)


def test_a_checkpoint_of_another_version_is_refused(trained, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(trained, folder)
    for path in (folder / "checkpoints").glob("step_*/state.json"):
        path.write_text('{"step": 6, "random": {}, "history": [], "sha256": ""}')
    with pytest.raises(LabError, match="this checkpoint has format 1 .*Delete the folder"):
        small.train(small.model(), folder, 8)


def test_other_settings_are_said(trained, tmp_path, capsys):
    folder = tmp_path / "copy"
    shutil.copytree(trained, folder)
    small.train(small.model(), folder, 8, batch_size=2)
    assert "goes on from step 6 with other settings (batch_size 4 -> 2): not the same run" in capsys.readouterr().out


def train_limited(folder, told):
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1), os.dup2(nowhere, 2)  # what is printed may go to a long file
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))  # the arrays of a checkpoint are larger
    try:
        small.train(small.model(), folder, 8)
    except LabError as error:
        told.send(str(error))


def test_a_disk_that_fills_up_during_a_save(trained, tmp_path):
    """A limit on file sizes stops the save in its middle, as a full disk does."""
    folder = tmp_path / "copy"
    shutil.copytree(trained, folder)
    heard, told = forks().Pipe(duplex=False)
    process = forks().Process(target=train_limited, args=(folder, told))
    process.start()
    told.close()
    assert "step_000008: the disk is full. Free some space" in heard.recv()
    process.join()
    assert {p.name for p in (folder / "checkpoints").iterdir()} == {f"step_{n:06d}" for n in (2, 4, 6)}
    assert small.train(small.model(), folder, 8)["step"].tolist() == [2, 4, 6, 8]


def test_a_limit_on_the_size_of_files_is_told_wherever_something_is_written(tmp_path):
    """Practice faces outgrow it before a checkpoint does; a bare "File too large" names no file and no remedy."""
    with pytest.raises(LabError, match=r"practice: the disk is full\. Free some space"):
        with files.clear_write_errors(tmp_path / "practice"):
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))


def test_a_real_full_disk(tmp_path):
    """On a file system of 300 KB, where this user may mount one."""
    small_disk = tmp_path / "disk"
    small_disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "none", str(small_disk)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this user may not mount a file system")
    try:
        with pytest.raises(LabError, match="the disk is full"):
            small.train(small.model(), small_disk, 8)
        left = list((small_disk / "checkpoints").glob("*"))
        assert left and all(p.name.startswith("step_") for p in left)
    finally:
        subprocess.run(["umount", str(small_disk)], check=True)


def test_no_permission_to_write(tmp_path, monkeypatch):
    """A user without rights; root may write everywhere, so there the refusal comes from the checkpoint's rename."""
    folder = tmp_path / "locked"
    folder.mkdir()
    if os.geteuid():
        folder.chmod(0o500)
        with pytest.raises(LabError, match="cannot be written to"):
            small.train(small.model(), folder, 2)
        folder.chmod(0o700)
        return

    def refuse(self, target):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(LabError, match="step_000000: this place cannot be written to"):
        small.train(small.model(), folder, 2)
    assert not list((folder / "checkpoints").iterdir())
