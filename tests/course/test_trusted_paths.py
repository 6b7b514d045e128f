"""Runs from strangers: no page, and no run that goes on, takes a file of this computer that its user did not give."""

import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import pytest
from ffmpeg_program import program

from faceswap_lab import __main__
from faceswap_lab.base import files, untrusted
from faceswap_lab.base.errors import LabError
from faceswap_lab.course import report, runtime, samples, trusted_paths
from faceswap_lab.course.report import comparison
from faceswap_lab.faces.faceset import COLUMNS, FaceSet
from faceswap_lab.provenance import consent
from faceswap_lab.swap.parts import Coding, Parts, parts_folder
from faceswap_lab.swap.ranges import FramePlan
from faceswap_lab.video.pictures import write_picture

SECRET = "the combination is 31-7-88"
SCORES = {
    "models": {"autoencoder": {"swap_gain": 0.3}},
    "baselines": {"tint": {"swap_gain": 0.0}},
    "best": "autoencoder",
}


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    """This computer's own folder."""
    monkeypatch.setenv(consent.VARIABLE, str(tmp_path / "ledger"))


@pytest.fixture
def private(tmp_path):
    """A video and a note of the user's own, which nobody gave to the lab."""
    video = tmp_path / "private" / "diary.mp4"
    video.parent.mkdir()
    pattern = ["-f", "lavfi", "-i", "testsrc=size=64x48:rate=5:duration=1", "-pix_fmt", "yuv420p"]
    subprocess.run([program(), "-loglevel", "error", *pattern, str(video)], check=True)
    files.write_text(video.parent / "secret.txt", SECRET)
    return video


def strangers_run(folder: Path, video, seal=None) -> Path:
    """A run as a stranger would write it, around a path of this computer."""
    clips = {"source": "data/sample/train_B.mp4", "target": str(video), "truth": str(video)}
    seals = {} if seal is None else {"target": seal, "truth": seal}
    files.write_json(folder / "run.json", {"preset": "quick", "seed": 0, "clips": clips, "outside": seals})
    return folder


def copies(folder: Path, video: Path) -> list[str]:
    """Where a video's content lies below a folder."""
    content = video.read_bytes()
    return [p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file() and content in p.read_bytes()]


@pytest.mark.parametrize("known", ["nothing", "hash", "wrong type", "given to another run", "given on another computer"])
def test_a_report_does_not_take_a_film_that_was_not_given(tmp_path, private, capsys, monkeypatch, known):
    """Its SHA-256 does not help: content credentials that the user passed on name it."""
    digest = files.sha256(private)
    seals = {"hash": {"sha256": digest}, "wrong type": [digest, "é"]}
    run = strangers_run(tmp_path / "theirs", private, seals.get(known))
    if known == "given to another run":
        trusted_paths.give(tmp_path / "mine", private)
    if known == "given on another computer":
        with monkeypatch.context() as patch:
            patch.setenv(consent.VARIABLE, str(tmp_path / "their_ledger"))
            trusted_paths.give(run, private)
            assert trusted_paths.look(run, str(private)) == (private, "")
    with monkeypatch.context() as patch:
        patch.setattr(trusted_paths, "content_hash", lambda path: pytest.fail(f"{path} was read"))
        assert __main__.main(["report", str(run)]) == 0
    assert copies(run, private) == []
    page, said = (run / "index.html").read_text(encoding="utf-8"), capsys.readouterr().out
    for text in (page, said):
        assert text.count("diary.mp4 is left out: it lies outside this folder, and nobody gave it") == 2
    assert str(private.parent) not in page
    assert f"report {run} --target FILE" in said and f"report {run.name} --target FILE" in page


def test_what_was_given_by_hand_is_shown_until_it_is_another_one(tmp_path, private):
    run = runtime.prepare(out=tmp_path / "run", source=samples.sample_clip("train_B").path, target=private).out
    report.write_report(run)
    assert copies(run, private) == ["report/target.mp4"] and report.left_out(run) == []
    assert runtime.prepare(out=run).clips.target == private, "and it goes on without the names"
    moved = run.rename(tmp_path / "moved")
    assert "outside this folder" in report.left_out(moved)[0]
    with pytest.raises(LabError, match="give it by hand"):
        runtime.prepare(out=moved)
    assert runtime.prepare(out=moved, source=samples.sample_clip("train_B").path, target=private).out == moved
    assert report.left_out(moved) == []
    shutil.rmtree(moved / "report")
    private.write_bytes(private.read_bytes() + b"another video")
    report.write_report(moved)
    assert copies(moved, private) == [] and "its content is another one" in report.left_out(moved)[0]
    private.unlink()
    assert "it is not there any more" in report.left_out(moved)[0]


def test_on_another_computer_it_is_given_again(tmp_path, private, monkeypatch, capsys):
    run = runtime.prepare(out=tmp_path / "run", source=samples.sample_clip("train_B").path, target=private).out
    monkeypatch.setenv(consent.VARIABLE, str(tmp_path / "other_computer"))
    assert __main__.main(["report", str(run)]) == 0 and copies(run, private) == []
    assert __main__.main(["report", str(run), "--target", str(private)]) == 0
    assert copies(run, private) == ["report/target.mp4"]
    assert __main__.main(["report", str(run), "--truth", str(private)]) == 1
    assert "this run has no truth" in capsys.readouterr().err


def test_a_note_counts_for_one_folder_one_path_and_one_content(tmp_path, private):
    trusted_paths.give(tmp_path / "run", private)
    other = Path(shutil.copy(private, tmp_path / "copy.mp4"))
    assert trusted_paths.look(tmp_path / "run", str(private)) == (private, "")
    assert trusted_paths.look(tmp_path / "run2", str(private)) == (None, trusted_paths.NOT_GIVEN)
    assert trusted_paths.look(tmp_path / "run", str(other)) == (None, trusted_paths.NOT_GIVEN)
    assert not [p for p in (tmp_path / "ledger").rglob("*") if "diary" in p.name], "notes tell nobody the videos' names"
    shutil.copy(program(), private)
    assert trusted_paths.look(tmp_path / "run", str(private)) == (None, trusted_paths.CHANGED)


def test_bundled_clips_and_those_inside_need_no_note(tmp_path, private):
    inside = tmp_path / "run" / "own.mp4"
    inside.parent.mkdir()
    shutil.copy(private, inside)
    bundled = "data/sample/target.mp4"
    assert trusted_paths.look(tmp_path / "run", bundled) == (samples.ROOT / bundled, "")
    assert trusted_paths.look(tmp_path / "run", str(inside)) == (inside, "")
    for way in (f"{tmp_path}/run/../private/diary.mp4", "data/actors/../../README.md", "README.md"):
        assert trusted_paths.look(tmp_path / "run", way) == (None, trusted_paths.NOT_GIVEN)
    (tmp_path / "run" / "link.mp4").symlink_to(private)
    assert trusted_paths.look(tmp_path / "run", f"{tmp_path}/run/link.mp4") == (None, trusted_paths.LINKED)


def test_a_strangers_run_does_not_go_on_with_videos_of_this_computer(tmp_path, private):
    run = strangers_run(tmp_path / "theirs", private)
    with pytest.raises(LabError, match="diary.mp4 as its target, and it lies outside this folder, and nobody gave it"):
        runtime.prepare(out=run)
    with pytest.raises(LabError, match="diary.mp4 as its truth"):
        runtime.prepare(out=run, target=private)
    assert runtime.prepare(out=run, target=private, truth=private).clips.target == private
    assert runtime.prepare(out=run).clips.target == private
    for clips in ([], {"target": "x"}, {"source": 1, "target": 2}, {"source": "a", "target": "b", "other": "c"}):
        files.write_json(run / "run.json", {"clips": clips})
        with pytest.raises(LabError, match="does not name the run's clips"):
            runtime.prepare(out=run)


@pytest.mark.parametrize("name", ["pictures/strip_a.txt", "faces/A/faces", "swap.mp4", "report", "scores"])
def test_links_that_lead_out_are_refused_by_name(tmp_path, private, name):
    run = strangers_run(tmp_path / "theirs", "data/sample/target.mp4")
    files.write_json(run / "scores.json", SCORES)
    path = run / name
    path.parent.mkdir(parents=True, exist_ok=True)
    leads = {".txt": private.with_name("secret.txt"), ".mp4": private}.get(path.suffix, private.parent)
    path.symlink_to(leads)
    before = sorted(private.parent.iterdir())
    for write in (
        report.write_report,
        report.write_card_page,
        lambda folder: report.write_comparison([folder, tmp_path], tmp_path / "out"),
        lambda folder: runtime.prepare(out=folder),
    ):
        with pytest.raises(LabError, match=f"{path}: this is a link that leads out of {run}, to {leads}"):
            write(run)
    assert sorted(private.parent.iterdir()) == before and not (run / "index.html").exists()
    path.unlink()
    (run / "within").symlink_to("run.json")
    (tmp_path / "behind").symlink_to(run)
    report.write_report(tmp_path / "behind")


def test_videos_of_score_cards_and_comparisons(tmp_path, private):
    for name in ("one", "two"):
        clip = {"target": "t.mp4", "frames": 1, "output": str(private), "outside": {"sha256": files.sha256(private)}}
        files.write_json(tmp_path / name / "scores.json", {**SCORES, "clip": clip})
    page = report.write_card_page(tmp_path / "one").read_text(encoding="utf-8")
    assert "The video diary.mp4 is left out" in page and copies(tmp_path / "one", private) == []
    entries = [tmp_path / "one", tmp_path / "two"]
    assert [entry.video() for entry in comparison.read_entries(entries)] == [None, None]
    trusted_paths.give(tmp_path / "one", private)
    assert "report/output.mp4" in report.write_card_page(tmp_path / "one").read_text(encoding="utf-8")
    assert [entry.video() for entry in comparison.read_entries(entries)] == [private, None]


def test_a_models_name_leads_to_no_other_settings(tmp_path):
    """config.json is the name of many programs' files, some with passwords."""
    files.write_json(tmp_path / "home" / "config.json", {"password": SECRET})
    for name, best in (("one", str(tmp_path / "home")), ("two", "../../home")):
        (tmp_path / name / "models").mkdir(parents=True)
        files.write_json(tmp_path / name / "scores.json", {"models": {best: {"swap_gain": 0.3}}, "baselines": {}})
    files.write_json(
        tmp_path / "one" / "run.json", {"preset": "quick", "outside": {"target": {"sha256": "1", "seal": "s3al"}}}
    )
    page = report.write_comparison([tmp_path / "one", tmp_path / "two"], tmp_path / "page")
    assert "s3al" not in page.read_text(encoding="utf-8") and "<td>preset</td>" in page.read_text(encoding="utf-8")
    assert SECRET not in page.read_text(encoding="utf-8")
    for name in ("a/b", "..", ".", "", "a\\b", "c:x", "a\0b", "a\nb", None, 3, "x" * 300):
        assert not untrusted.is_plain(name)
    for name in ("000012_0.png", "Ünï çode.png", "..a", "a b"):
        assert untrusted.is_plain(name)


def face_set(folder: Path, name: str = "000000_0.png") -> Path:
    for place in ("faces", "masks"):
        (folder / place).mkdir(parents=True)
    values = dict.fromkeys(COLUMNS, "0") | {"face": name, "source": "clip.mp4", "points_from": "mesh"}
    files.write_text(folder / "faces.csv", f"{','.join(values)}\n{','.join(values.values())}\n")
    return folder


def test_a_face_set_leads_nowhere_else(tmp_path, private):
    import numpy as np

    picture = np.full((16, 16, 3), 77, np.uint8)
    write_picture(tmp_path / "private" / "photo.png", picture)
    with pytest.raises(LabError, match="'../../private/photo.png' is no picture's name, but a way to another place"):
        FaceSet(face_set(tmp_path / "ways", "../../private/photo.png"))


def test_parts_of_a_film_are_not_taken_from_elsewhere(tmp_path, private):
    """A finished part that is a link would put a private video into the output."""
    out = tmp_path / "out" / "swap.mp4"
    folder, plan = parts_folder(out), FramePlan(((0, 5),), ((0, 5),))
    files.write_json(folder / "key.json", {"model": "theirs"})
    files.write_json(folder / "part-000000.json", {"frames": 5, "stretches": [[0, 5]]})
    (folder / "part-000000.mp4").symlink_to(private)
    parts = Parts(out, {"model": "theirs"}, plan, Coding(Fraction(5), (64, 48), 20), 250)
    assert parts.done == [] and parts.position == 0 and private.exists()
    parts.remove()
    folder.symlink_to(private.parent)
    Parts(out, {"model": "theirs"}, plan, Coding(Fraction(5), (64, 48), 20), 250).remove()
    assert private.exists() and private.with_name("secret.txt").exists()
