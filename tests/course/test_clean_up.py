"""What a run leaves behind of faces: all of it is listed, and nothing else is ever removed."""

import os
import shutil
from pathlib import Path

import pytest

from faceswap_lab import __main__
from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.course import clean_up, runtime, samples
from faceswap_lab.provenance import consent, register

MADE = {
    "unfinished": [".partial-12345678-swap.mp4", "swap/.a_mask.mp4.parts/part-000000.mp4", "faces/B/faces/.partial-1-a.png",
                   ".swap.partial.mp4", "swap/.frames.old/000001.png", ".o.mp4.source-0123abcd/faces/000000_0.png",
                   ".o.mp4.faces-0123abcd/faces.csv", ".o.mp4.fine_tuning-0123abcd/0123abcd0123/base.npz",
                   ".to_show/to_show.mp4"],
    "frames": ["frames/target/000000.png", "frames/target/frames.csv", "swap/gan_mask_frames/000000.png"],
    "faces": ["faces/A/faces/000000_0.png", "faces/A/masks/000000_0.png", "faces/A/landmarks/000000_0.npy",
              "faces/A/faces.csv", "faces/A/identities.npz", "faces/A/rejected/000001_0.png",
              "gallery/stranger/faces/1.png"],
    "debug": ["faces/B/debug/000001.jpg", "gallery/stranger/debug/000001.jpg"],
    "practice": ["practice/0123456789abcdef01234567/96px_4_copies_seed_0/faces_A.npy"],
    "previews": ["models/autoencoder/previews/step_000100.png", "models/autoencoder/timelapse.mp4"],
    "logs": ["models/autoencoder/tensorboard/events.out.tfevents.1"],
    "models": ["models/autoencoder/model.weights.h5", "models/autoencoder/checkpoints/step_000100/state.npz"],
    "notebooks": ["notebooks/03_autoencoder.ipynb"],
    "report": ["index.html", "report/target.mp4", "pictures/strip_a.png", "pictures/strip_a.txt"],
    "scores": ["scores/frame_000001_swap.jpg", "scores/curves.png"],
    "swap": ["swap.mp4", "swap/autoencoder_mask.mp4", "codec/crf_28.mp4", "side_by_side.mp4", "to_show.mp4"],
    "detection": ["detection/cropped.mp4", "detection/faces_B/faces.csv", "detection/classical_frames/000000.png"],
    "stages": ["stages/03_autoencoder.json", "stages/faces_A.json"],
}  # fmt: skip
STAYS = [
    "run.json",
    "scores.json",
    "scores/autoencoder.csv",
    "conversion.json",
    "octave.csv",
    "mine/family.jpg",
    "notes.txt",
]


def touch(path: Path, content: bytes = b"x" * 10) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.fixture
def run(tmp_path):
    """A run with something of every kind, its clips inside, and a private folder beside it."""
    folder = tmp_path / "runs" / "mine"
    for name in [*sum(MADE.values(), []), *STAYS, "pictures/me.mp4", "frames/clip_of_pictures/1.png"]:
        touch(folder / name)
    clips = {"source": str(folder / "pictures/me.mp4"), "target": str(folder / "frames/clip_of_pictures")}
    files.write_json(folder / "run.json", {"preset": "quick", "clips": clips})
    touch(tmp_path / "private" / "photo.png")
    return folder


def tree(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() or path.is_symlink()}


def test_a_cut_with_a_name_of_its_own_is_known_by_the_register(run, tmp_path, monkeypatch):
    monkeypatch.setenv(consent.VARIABLE, str(tmp_path / "ledger"))
    cut, mine = touch(run / "slow motion.mp4"), touch(run / "holiday.mp4")
    register.record_output(cut, ["anna"], [], {"model": "m"})
    (found,) = clean_up.find(run)
    assert cut in found.found["swap"] and cut not in found.others and mine in found.others
    clean_up.remove(found)
    assert not cut.exists() and mine.exists()


def test_everything_is_found_by_kind(run):
    found = clean_up.find(run)[0]
    assert {
        kind: sorted(path.relative_to(run).as_posix() for path in paths) for kind, paths in found.found.items()
    } == {kind: sorted(names) for kind, names in MADE.items()}
    assert [path.relative_to(run).as_posix() for path in found.others] == ["mine/family.jpg"]
    assert found.bytes("faces") == 70 and len(found) == sum(map(len, MADE.values())) - 2


def test_the_list_removes_nothing_and_remove_leaves_what_is_yours(run, capsys):
    before = tree(run)
    assert __main__.main(["clean", str(run)]) == 0
    said = capsys.readouterr().out
    assert tree(run) == before and "Nothing was removed" in said
    assert "faces            7 files       0.0 MB  face sets, with landmarks and recognition numbers" in said
    assert "mine/family.jpg" in said and "frames/target (2)" in said
    assert __main__.main(["clean", str(run), "--remove"]) == 0
    said = capsys.readouterr().out
    assert said.index("face sets, with landmarks") < said.index(f"{sum(map(len, MADE.values()))} files were removed")
    assert tree(run) == {*STAYS, "pictures/me.mp4", "frames/clip_of_pictures/1.png"}
    assert not (run / "faces").exists() and (run.parent.parent / "private" / "photo.png").exists()
    assert __main__.main(["clean", str(run), "--remove"]) == 0  # and again
    assert "0 files of faces" in capsys.readouterr().out


def test_what_is_to_be_kept_is_kept(run):
    assert __main__.main(["clean", str(run), "--remove", "--keep", "swap", "models"]) == 0
    assert tree(run) >= {*MADE["swap"], *MADE["models"], *STAYS}
    assert not tree(run) & {*MADE["faces"], *MADE["stages"], *MADE["unfinished"]}
    with pytest.raises(LabError, match="--keep faecs: there is no such kind. Choose from"):
        clean_up.remove(clean_up.find(run)[0], ["faecs"])


def test_links_lead_nowhere(run, tmp_path):
    private = tmp_path / "private"
    (run / "frames" / "out").symlink_to(private)
    (run / "faces" / "A" / "faces" / "linked.png").symlink_to(private / "photo.png")
    (run / "gallery" / "up").symlink_to("../../..")
    (run / "report" / "broken.png").symlink_to(tmp_path / "nothing")
    found = clean_up.find(run)[0]
    assert all(path.is_relative_to(run) for paths in found.found.values() for path in paths)
    assert not any("private" in str(path) or "photo" in str(path) for paths in found.found.values() for path in paths)
    clean_up.remove(found)
    assert tree(private) == {"photo.png"} and (tmp_path / "runs").is_dir()
    assert not (run / "frames" / "out").is_symlink() and not (run / "gallery").exists()


def test_a_folder_that_becomes_a_link_in_between(run, tmp_path):
    found = clean_up.find(run)[0]
    shutil.rmtree(run / "frames" / "target")
    for name in ("000000.png", "frames.csv"):
        touch(tmp_path / "private" / name)
    (run / "frames" / "target").symlink_to(tmp_path / "private")
    with pytest.raises(LabError, match="has become a link since it was listed"):
        clean_up.remove(found)
    assert tree(tmp_path / "private") == {"photo.png", "000000.png", "frames.csv"}


def test_what_is_no_run_is_not_touched(run, tmp_path):
    other = tmp_path / "runs" / "album"
    touch(other / "faces" / "me.png")
    for marker in (None, "", "[]", '{"preset": "quick"}', '{"clips": []}', "no json"):
        if marker is not None:
            touch(other / "run.json", marker.encode())
        assert clean_up.find(other) == []
    (other / "run.json").unlink()
    (other / "run.json").symlink_to(run / "run.json")
    assert [one.run for one in clean_up.find(tmp_path / "runs")] == [run]
    (run / ".git").mkdir()
    with pytest.raises(LabError, match="under version control"):
        clean_up.remove(clean_up.find(run)[0])
    assert tree(other) == {"faces/me.png", "run.json"} and tree(run) >= set(MADE["faces"])


@pytest.mark.parametrize("what", ["home", "lab"])
def test_a_run_around_a_home_or_the_lab_is_not_removed_from(run, monkeypatch, capsys, what):
    if what == "home":
        monkeypatch.setenv("HOME", str(run / "faces"))
    else:
        monkeypatch.setattr(samples, "ROOT", run)
    before = tree(run)
    assert __main__.main(["clean", str(run), "--remove"]) == 1 and tree(run) == before
    assert "holds a home or the lab itself" in capsys.readouterr().err


def test_stopped_in_the_middle_and_done_again(run, monkeypatch):
    """The marks of finished stages go first, so that a stop never leaves a mark of something that is gone."""
    unlink, gone = Path.unlink, []

    def stops(self, missing_ok=False):
        if len(gone) == 7:
            raise KeyboardInterrupt
        gone.append(self.relative_to(run).as_posix())
        unlink(self, missing_ok)

    monkeypatch.setattr(Path, "unlink", stops)
    with pytest.raises(KeyboardInterrupt):
        clean_up.remove(clean_up.find(run)[0])
    assert set(gone[:2]) == set(MADE["stages"]) and clean_up.is_run(run)
    monkeypatch.undo()
    left = clean_up.find(run)[0]
    assert clean_up.remove(left) == sum(map(len, MADE.values())) - 7
    assert tree(run) == {*STAYS, "pictures/me.mp4", "frames/clip_of_pictures/1.png"}


def test_all_runs_by_default_and_one_by_its_name(run, monkeypatch, capsys):
    second = run.parent / "other"
    shutil.copytree(run, second)
    monkeypatch.setattr(runtime, "ROOT", run.parent.parent)
    lab = run.parent.parent
    for name, outputs in (("01_shown", [{"output_type": "display_data"}]), ("02_stripped", [])):
        cells = [{"cell_type": "markdown"}, {"cell_type": "code", "outputs": outputs}]
        files.write_json(lab / "notebooks" / f"{name}.ipynb", {"cells": cells})
    touch(lab / "notebooks" / "03_damaged.ipynb")
    assert __main__.main(["clean"]) == 0
    said = capsys.readouterr().out
    assert said.count("files of faces") == 2
    assert "01_shown.ipynb: its outputs hold what it showed" in said and "02_str" not in said and "03_dam" not in said
    assert __main__.main(["clean", "other", "--remove"]) == 0
    assert not (second / "faces").exists() and (run / "faces").exists()
    monkeypatch.setattr(runtime, "ROOT", run)
    assert __main__.main(["clean"]) == 0
    assert "there are no runs yet" in capsys.readouterr().out


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to(run):
    (run / "stages").chmod(0o500)
    with pytest.raises(LabError, match="cannot be written to"):
        clean_up.remove(clean_up.find(run)[0])
    (run / "stages").chmod(0o700)


def test_a_real_run_s_folders_are_all_known(tmp_path, monkeypatch):
    """Every folder that `runtime.Run` names is one that is listed."""
    run = runtime.prepare("quick", 0, tmp_path / "run")
    made = [
        run.frames("A"),
        run.faces("B"),
        run.models("gan"),
        run.previews("gan"),
        run.pictures(),
        run.swap("gan", "mask").parent,
    ]
    for folder in made:
        touch(folder / "any.png")
    run.mark_done("faces_B")
    found = clean_up.find(run.out)[0]
    assert not found.others and len(found) == len(made) and len(found.found["stages"]) == 1
