"""The commands `score` and `compare`, through `main`: folders and videos, face sets, and everything that can be wrong with them."""

import itertools
import json
import re
import shutil

import cv2
import numpy as np
import pytest
from consents import consented

from faceswap_lab import __main__
from faceswap_lab.base.errors import LabError
from faceswap_lab.cli import score
from faceswap_lab.course import score_files
from faceswap_lab.faces.extraction import extract_faces
from faceswap_lab.metrics import people, recognition_features
from faceswap_lab.metrics.baselines import blurred_truth
from faceswap_lab.provenance.verification import verify
from faceswap_lab.swap import label
from faceswap_lab.video.pictures import list_pictures, read_picture, write_picture
from faceswap_lab.video.writer import VideoWriter

COUNT = 8


class PlainRecogniser:
    """Stands in for the evaluation network: the mean colour of nine fields of the chip."""

    def embed(self, chips, batch_size=16):
        fields = chips.reshape(len(chips), 3, 50, 3, 50, 3).mean(axis=(2, 4)).reshape(len(chips), -1) / 255
        return np.pad(fields, [(0, 0), (0, 128 - fields.shape[1])]).astype(np.float32)


@pytest.fixture(autouse=True)
def plain_recogniser(monkeypatch):
    monkeypatch.setattr(people, "Dlib", lambda: recognition_features.Dlib(PlainRecogniser()))


def put(folder, frames):
    for index, frame in enumerate(frames):
        write_picture(folder / f"{index:06d}.png", frame)
    return folder


@pytest.fixture(scope="module")
def clips(tmp_path_factory, actor_frames):
    """Folders of the same eight frames: target, truth, soft (the truth blurred); and the target's face set."""
    place = tmp_path_factory.mktemp("clips")
    truth, target = actor_frames("truth", 3, COUNT)[0], actor_frames("target", 3, COUNT)[0]
    put(place / "target", target)
    put(place / "truth", truth)
    put(place / "soft", [blurred_truth(frame) for frame in truth])
    put(place / "harder", [blurred_truth(frame, 8) for frame in truth])
    extract_faces(place / "target", place / "set_target")
    return place


@pytest.fixture(scope="module")
def card(clips, tmp_path_factory):
    """The card of `soft`, made once."""
    out = tmp_path_factory.mktemp("cards") / "soft"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(people, "Dlib", lambda: recognition_features.Dlib(PlainRecogniser()))
        score_files.score_files(clips / "soft", clips / "target", out, clips / "truth")
    return out


def run(*arguments):
    for flag, path in itertools.pairwise(arguments):
        if flag in ("--target", "--truth", "--source") and list_pictures(path):
            consented(path)
    return __main__.main([*map(str, arguments)])


def test_a_card_is_a_folder_that_stands_alone(card):
    found = json.loads((card / "scores.json").read_text())
    assert found["best"] == "soft" and 0.2 < found["models"]["soft"]["swap_gain"] < 0.9
    assert {"unchanged", "tint", "blurred_truth"} <= set(found["baselines"])
    low, high = found["intervals"]["soft"]["swap_gain"]
    assert low <= found["models"]["soft"]["swap_gain"] <= high
    assert found["differences"]["unchanged"]["swap_gain"][1] > 0, "clearly better than the unchanged target"
    assert found["clip"]["frames"] == COUNT and found["clip"]["truth"]
    table = (card / "scores" / "soft.csv").read_text().splitlines()
    assert len(table) == COUNT + 1 and "swap_error" in table[0]
    row = found["frames"]["soft"]["worst"][0]
    for what in ("target", "truth", "soft", "soft_heat"):
        assert read_picture(card / "scores" / f"frame_{row:06d}_{what}.jpg").shape == (256, 256, 3)
    assert all(verify(card / "scores" / f"frame_{row:06d}_{what}.jpg").good for what in ("soft", "soft_heat"))
    assert verify(card / "scores" / f"frame_{row:06d}_soft_heat.jpg").model == "soft"
    assert verify(card / "scores" / f"frame_{row:06d}_truth.jpg").state == "no credentials"
    assert not list(card.rglob(".partial-*"))


def test_score_without_a_truth_and_with_a_source(clips, tmp_path, capsys):
    out = tmp_path / "o"
    given = ["score", clips / "soft", "--target", clips / "target", "--source", clips / "truth", "--out", out]
    assert run(*given) == 0
    said = capsys.readouterr().out
    assert "frames nearer to B" in said and "swap gain" not in said and "index.html" in said
    assert (out / "index.html").exists() and "from the target" in (out / "index.html").read_text()


def video(path, frames):
    with VideoWriter(path, 10, frames[0].shape[1::-1]) as writer:
        for frame in frames:
            writer.write(frame)
    return path


def test_a_labelled_film_is_scored_without_its_label(clips, card, tmp_path):
    frames = [label.draw_label(read_picture(path), "top left") for path in list_pictures(clips / "soft")]
    found = score_files.score_files(video(tmp_path / "s.mp4", frames), clips / "target", tmp_path / "o", clips / "truth")
    assert "visible label (top left)" in " ".join(found["notes"])
    plain = json.loads((card / "scores.json").read_text())["models"]["soft"]
    assert found["models"]["s"]["swap_gain"] == pytest.approx(plain["swap_gain"], abs=0.05)


def test_the_label_is_found_where_it_is(actor_frames):
    target = actor_frames("target", 20, 2)[0][1]
    for corner in label.CORNERS:
        marked = label.draw_label(target, corner)
        assert label.find_label(marked, target) == corner
        box = label.label_box(marked, corner)
        marked[box] = target[box]
        np.testing.assert_array_equal(marked, target)
    assert label.find_label(target, target) is None
    assert label.find_label(cv2.GaussianBlur(target, (0, 0), 2), target) is None


def test_face_sets(clips, tmp_path):
    extract_faces(clips / "soft", tmp_path / "set_soft")
    (tmp_path / "set_soft" / "faces" / "000002_0.png").unlink()
    found = score_files.score_files(
        tmp_path / "set_soft", clips / "set_target", tmp_path / "o", source=clips / "set_target"
    )
    assert found["clip"]["frames"] == COUNT - 1 and found["models"]["set_soft"]["nearer_to_source"] is not None
    assert "Face sets" in found["notes"][0]
    with pytest.raises(LabError, match="is a face set, and this is none"):
        score_files.score_files(tmp_path / "set_soft", clips / "target", tmp_path / "o")


@pytest.mark.parametrize(
    "case", ["length", "size", "no face", "no video", "missing", "same", "black target", "gallery"]
)
def test_what_cannot_be_scored_is_refused_by_name(clips, tmp_path, capsys, case):
    output, target, truth, more = clips / "soft", clips / "target", clips / "truth", []
    frames = [read_picture(path) for path in list_pictures(output)]
    if case == "length":
        output, says = put(tmp_path / "short", frames[:5]), "short: it has 5 frames, and .*target has 8"
    elif case == "size":
        output, says = put(tmp_path / "small", [f[::2, ::2] for f in frames]), "small: its pictures have 128x128"
    elif case in ("no face", "black target"):
        level = 0 if case == "black target" else 120
        target = put(tmp_path / "empty", [np.full_like(f, level) for f in frames])
        says = "empty: no face was found in any of 8 frames"
    elif case == "no video":
        output, says = tmp_path / "notes.mp4", "notes.mp4"
        output.write_text("no video at all")
    elif case == "missing":
        output, says = tmp_path / "nowhere.mp4", "nowhere.mp4: no such file"
    elif case == "same":
        truth, says = shutil.copytree(target, tmp_path / "copy"), "copy: it does not differ from"
    else:
        more, says = ["--gallery", "anna"], "--gallery anna: give a name and a clip"
    out = tmp_path / "o"
    assert run("score", output, "--target", target, "--truth", truth, "--out", out, *more) == 1
    said = capsys.readouterr().err
    assert re.search(says, said), said
    assert not (out / "scores.json").exists()


def test_one_frame(clips, tmp_path):
    parts = [
        put(tmp_path / name, [read_picture(list_pictures(clips / name)[0])]) for name in ("soft", "target", "truth")
    ]
    found = score_files.score_files(parts[0], parts[1], tmp_path / "o", parts[2])
    assert found["intervals"]["soft"] == {} and "One frame only" in " ".join(found["notes"])
    assert found["models"]["soft"]["swap_gain"] is not None


def test_a_stop_while_scoring_leaves_the_old_card(card, clips, tmp_path, monkeypatch):
    out = shutil.copytree(card, tmp_path / "card")
    before = (out / "scores.json").read_bytes()

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(score_files.score_cards.drawing, "curves_picture", killed)
    with pytest.raises(KeyboardInterrupt):
        score_files.score_files(clips / "harder", clips / "target", out, clips / "truth")
    assert (out / "scores.json").read_bytes() == before and not list(out.rglob(".partial-*"))
    assert (out / "scores" / "soft.csv").exists()


def test_compare(card, clips, tmp_path, capsys):
    score_files.score_files(clips / "harder", clips / "target", tmp_path / "harder", clips / "truth")
    assert run("compare", card, tmp_path / "harder", "--out", tmp_path / "page") == 0
    assert "same frames" in capsys.readouterr().out
    page = (tmp_path / "page" / "index.html").read_text()
    assert "clearly worse" in page and "heat map" in page and "No video" not in page.split("<h2>The same")[0]
    assert list((tmp_path / "page" / "frames").glob("*.jpg"))
    assert run("compare", card, card) == 1 and "two or more different" in capsys.readouterr().err
    assert run("compare", card, tmp_path) == 1 and "no such file" in capsys.readouterr().err
    other = shutil.copytree(card, tmp_path / "elsewhere")
    found = json.loads((other / "scores.json").read_text())
    found["clip"] |= {"digest": "other", "frames": 5}
    (other / "scores.json").write_text(json.dumps(found))
    assert run("compare", card, other, "--out", tmp_path / "page") == 0
    assert "different clips" in capsys.readouterr().out


def test_gallery_as_people_write_it():
    assert score.read_gallery(["a=b.mp4", "c=d=e"]) == {"a": "b.mp4", "c": "d=e"}
    for given in (["a"], ["=b"], ["a=b", "a=c"]):
        with pytest.raises(LabError, match="--gallery"):
            score.read_gallery(given)
