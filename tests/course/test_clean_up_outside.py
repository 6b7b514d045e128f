"""Faces left outside of runs: found by place and kind, removed when asked for, and a user's own pictures stay."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from ffmpeg_program import program

from faceswap_lab import __main__
from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.course import clean_up, notebooks
from faceswap_lab.faces.faceset import COLUMNS
from faceswap_lab.provenance import consent, register
from faceswap_lab.swap.label import comment

SET = ["faces/000000_0.png", "faces/000001_0.png", "masks/000000_0.png", "landmarks/000000_0.npy", "blurry/000002_0.png",
       "rejected/000003_0.png", "rejected/log.json", "others/000004_1.png", "masks/000002_0.png", "extraction.json", "sources.json",
       "identities.npz", "contact_sheet.png", "faces.csv"]  # fmt: skip
MODEL = ["model.weights.h5", "config.json", "made_with.json", "history.csv", "sources.json", "checkpoints/step_000100/state.npz",
         "checkpoints/step_000100/state.json", "checkpoints/damaged_step_000050/state.npz"]  # fmt: skip
MADE = {
    "sets/B": {"faces": SET, "debug": ["debug/000000.jpg", "debug/000010.jpg"],
               "unfinished": ["faces/.partial-0123abcd-000009_0.png"]},
    "model": {"models": MODEL, "previews": ["previews/step_000100.png", "timelapse.mp4"],
              "logs": ["tensorboard/events.out.tfevents.17.host"]},
    "video.scores": {"scores": ["scores.json", "scores/frame_000003_film.jpg", "scores/curves.png", "scores/video.csv"],
                    "report": ["index.html", "report/output.mp4"]},
    "page": {"report": ["index.html", "heat.png", "frames/one_frame_000003_film.jpg", "videos/one.mp4"]},
    "kept_frames": {"frames": ["swapped_frames.txt", "000000.png", "000001.png"]},
    "drive/runs/sample": {"kept": ["faces_B-0123456789abcdef.zip", "kept.json"]},
    ".video.mp4.parts": {"unfinished": ["key.json", "part-000000.mp4", "part-000000.json", "unsigned.mp4"]},
    ".partial-C": {"unfinished": ["faces/000000_0.png", "masks/000000_0.png", "merge.json"]},
}  # fmt: skip
MINE = ["holiday.jpg", "sets/B/faces/me.png", "sets/B/faces/000009_9.png", "sets/B/portrait.jpg", "model/me.png", "faces/mama.png",
        "kept_frames/me.png", "drive/runs/sample/mine.zip",
        "video.scores/scores/mine.jpg", "page/frames/mine.jpg", "debug/000000.jpg", "video.part.mp4",
        ".partial-notes.txt", "01_mine.ipynb", "frames/000000.png", "notes.txt"]  # fmt: skip


def touch(path: Path, content: bytes = b"x" * 10) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def face_table(folder: Path, *names: str) -> None:
    rows = [dict.fromkeys(COLUMNS, "0") | {"face": name, "source": "a.mp4", "points_from": "mesh"} for name in names]
    files.write_text(
        folder / "faces.csv", "\n".join([",".join(COLUMNS), *(",".join(row.values()) for row in rows)]) + "\n"
    )


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder with something of every kind, and pictures of the user's own between."""
    monkeypatch.setenv(consent.VARIABLE, str(tmp_path / "ledger"))
    folder = tmp_path / "swaps"
    for name in MINE:
        touch(folder / name)
    for place, kinds in MADE.items():
        for name in sum(kinds.values(), []):
            touch(folder / place / name)
    face_table(folder / "sets/B", "000000_0.png", "000001_0.png", "000003_0.png")
    files.write_json(folder / "model/config.json", {"kind": "autoencoder", "options": {}, "sha256": ""})
    files.write_json(folder / "video.scores/scores.json", {"models": {}, "clip": {}})
    files.write_json(folder / "drive/runs/sample/kept.json", {"parts": {}})
    face_table(folder / "video.scores/faces/target", "000000_0.png")
    touch(folder / "video.scores/faces/target/faces/000000_0.png")
    files.write_text(folder / "page/index.html", "<footer>Written by faceswap_lab 1.0</footer>")
    return folder


def tree(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() or path.is_symlink()}


def told(found):
    return {
        one.run: {
            kind: sorted(path.relative_to(one.run).as_posix() for path in paths) for kind, paths in one.found.items()
        }
        for one in found
    }


def test_every_place_is_known_by_its_kinds(home):
    found = told(clean_up.find(home))
    assert found.pop(home / "video.scores/faces/target") == {"faces": ["faces.csv", "faces/000000_0.png"]}
    assert found == {
        home / place: {kind: sorted(names) for kind, names in kinds.items()} for place, kinds in MADE.items()
    }
    others = {path.relative_to(home).as_posix() for one in clean_up.find(home) for path in one.others}
    assert others == {
        name for name in MINE if name.split("/")[0] in ("sets", "model", "kept_frames", "drive", "video.scores", "page")
    }


def test_what_is_removed_and_what_stays(home, capsys):
    before = tree(home)
    assert __main__.main(["clean", str(home)]) == 0
    said = capsys.readouterr().out
    assert tree(home) == before and "Nothing was removed" in said
    assert "debug            2 files       0.0 MB  whole frames with what was found drawn on them" in said
    for text in (
        "what a browser downloaded",
        "clouds",
        "every copy under another name",
        "sets/B: 17 files of faces",
        "faces/me.png",
    ):
        assert text in said
    assert __main__.main(["clean", str(home), "--remove"]) == 0
    assert tree(home) == set(MINE)
    assert (
        (home / "sets/B").is_dir() and not (home / "sets/B/masks").exists() and not (home / ".video.mp4.parts").exists()
    )
    assert __main__.main(["clean", str(home)]) == 0
    assert "nothing that the lab made and that shows faces lies here" in capsys.readouterr().out


def test_a_face_set_is_named_and_nothing_beside_it_goes(home):
    empty = home / "mine_is_empty"
    empty.mkdir()
    before = tree(home)
    assert __main__.main(["clean", str(home / "sets/B"), str(home / "model"), "--remove", "--keep", "logs"]) == 0
    gone = {f"sets/B/{name}" for name in sum(MADE["sets/B"].values(), [])}
    gone |= {f"model/{name}" for kind, names in MADE["model"].items() if kind != "logs" for name in names}
    assert before - tree(home) == gone and empty.is_dir()


def test_a_removal_that_was_stopped_is_done_again(home, monkeypatch):
    """The table by which the faces are known goes last."""
    unlink, gone = Path.unlink, []

    def stops(self, missing_ok=False):
        if len(gone) == 12:
            raise KeyboardInterrupt
        gone.append(self.name)
        unlink(self, missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", stops)
        assert __main__.main(["clean", str(home / "sets"), "--remove"]) == 130
    assert "faces.csv" not in gone and len(set(SET) & tree(home / "sets/B")) > 1
    assert __main__.main(["clean", str(home / "sets"), "--remove"]) == 0
    assert {f"sets/{name}" for name in tree(home / "sets")} == {name for name in MINE if name.startswith("sets/")}


def test_links_lead_nowhere(home, tmp_path):
    private = tmp_path / "private"
    shutil.copytree(home / "sets/B", private)
    shutil.rmtree(home / "sets/B/masks")
    (home / "sets/B/masks").symlink_to(private / "masks")
    (home / "linked_set").symlink_to(private)
    (home / "sets/B/faces/000001_0.png").unlink()
    (home / "sets/B/faces/000001_0.png").symlink_to(private / "portrait.jpg")
    before = tree(private)
    assert __main__.main(["clean", str(home), "--remove"]) == 0
    assert tree(private) == before and (home / "linked_set").is_symlink()
    assert not (home / "sets/B/faces/000001_0.png").is_symlink()
    with pytest.raises(LabError, match="this is a link to"):
        clean_up.find(home / "linked_set")
    with pytest.raises(LabError, match="no such folder"):
        clean_up.find(home / "nothing")


def test_an_output_behind_a_link_is_another_folders(home, tmp_path, capsys):
    """It neither goes nor keeps the others from going."""
    (tmp_path / "videos").mkdir()
    (home / "videos").symlink_to(tmp_path / "videos")
    for place in (home / "videos", home):
        register.record_output(touch(place / "out.mp4", b"made"), ["anna"], [], {"model": "m"})
    assert __main__.main(["clean", str(home), "--remove"]) == 0
    assert (tmp_path / "videos" / "out.mp4").exists() and not (home / "out.mp4").exists()


def test_what_comes_with_the_lab_stays_by_whatever_path_it_is_named(home, tmp_path, monkeypatch):
    monkeypatch.setenv("FACESWAP_LAB_DATA", str(home / "model"))
    (tmp_path / "link").symlink_to(tmp_path)
    for folder in (home, tmp_path / "link" / "swaps", tmp_path / "link" / "swaps" / "model"):
        assert not [one for one in clean_up.find(folder) if one.run.name == "model"]


def test_videos_of_a_stop_notebooks_and_outputs(home, tmp_path):
    pattern = ["-f", "lavfi", "-i", "testsrc=size=32x32:rate=2:duration=1"]
    video = home / "swap.part.mp4"
    subprocess.run(
        [program(), "-loglevel", "error", *pattern, "-metadata", f"comment={comment('m')}", str(video)], check=True
    )
    subprocess.run([program(), "-loglevel", "error", "-y", *pattern, str(home / "video.part.mp4")], check=True)
    name = notebooks.all_notebooks()["03"].stem
    shown = [{"cell_type": "code", "outputs": [{"output_type": "display_data"}]}]
    executed, course = {"cells": shown, "metadata": {"papermill": {}}}, {"cells": shown, "metadata": {}}
    files.write_json(home / f"{name}.ipynb", executed)
    files.write_json(home / ".ipynb_checkpoints" / f"{name}-checkpoint.ipynb", course)
    files.write_json(home / "copy" / f"{name}.ipynb", course)  # a student's own work
    files.write_json(home / "thesis.ipynb", executed)
    output, changed = touch(home / "out.mp4", b"made"), touch(home / "changed.mp4", b"made")
    for path in (output, changed):
        register.record_output(path, ["anna"], [], {"model": "m"})
    changed.write_bytes(b"the user's own now")
    loose = clean_up.find(home)[0]
    assert told([loose]) == {
        home: {
            "unfinished": ["swap.part.mp4"],
            "notebooks": sorted([f"{name}.ipynb", f".ipynb_checkpoints/{name}-checkpoint.ipynb"]),
            "swap": ["out.mp4"],
        }
    }
    place = tmp_path / "ledger" / register.OUTPUTS
    assert any("the register names 2 outputs" in line for line in clean_up.beyond())
    assert __main__.main(["clean", str(home), "--remove"]) == 0 and len(register.outputs()) == 2
    assert __main__.main(["clean", str(place), "--remove"]) == 0 and register.outputs() == []


def test_a_home_is_listed_and_not_removed_from(home, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(home))
    assert __main__.main(["clean", str(home)]) == 0 and "sets/B" in capsys.readouterr().out
    (home / "away").symlink_to(tmp_path / "deep" / "folder")
    (tmp_path / "deep" / "folder").mkdir(parents=True)
    before = tree(home)
    assert __main__.main(["clean", str(home), "--remove"]) == 1
    assert "holds a home or the lab itself" in capsys.readouterr().err and tree(home) == before
    assert __main__.main(["clean", str(home / "away" / ".."), "--remove"]) == 1
    assert "holds a home or the lab itself" in capsys.readouterr().err and tree(home) == before
    monkeypatch.setattr(clean_up, "MOST_PLACES", 5)
    with pytest.raises(LabError, match="more than 5 files lie here"):
        clean_up.find(home)


@pytest.mark.parametrize("name", ["faces.csv", "config.json", "scores.json", "key.json", "index.html"])
def test_a_marker_that_is_none_makes_nothing_the_labs(tmp_path, name):
    """An album with a table of its own called faces.csv stays as it is."""
    album = tmp_path / ("." + "album.parts" if name == "key.json" else "album")
    for picture in ("faces/000000_0.png", "frames/1.png", "model.weights.h5", "scores/frame_000001_me.jpg"):
        touch(album / picture)
    touch(album / name, b"face,name\nme.png,me\n")
    if name == "key.json":
        (album / name).unlink()
        os.mkdir(album / name)
    assert clean_up.find(tmp_path) == []


def test_a_run_among_them_is_cleaned_as_a_run(home):
    files.write_json(home / "runs/one/run.json", {"preset": "quick", "clips": {}})
    touch(home / "runs/one/faces/A/faces/000000_0.png")
    touch(home / "runs/one/faces/A/debug/000000.jpg")
    one = next(one for one in clean_up.find(home) if one.run == home / "runs/one")
    assert {kind: len(paths) for kind, paths in one.found.items()} == {"debug": 1, "faces": 1}
    clean_up.remove(one)
    assert tree(home / "runs/one") == {"run.json"}
