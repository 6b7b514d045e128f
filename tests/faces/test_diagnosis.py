"""The diagnosis: each planted fault is named, good sets are left in peace, numbers follow from what is measured."""

import json
import warnings

import numpy as np
import pytest
from joined import joined

from faceswap_lab.__main__ import main
from faceswap_lab.base.errors import LabError
from faceswap_lab.course import actors
from faceswap_lab.faces import diagnosis as d
from faceswap_lab.faces import profile
from faceswap_lab.faces.diagnosis_report import draw
from faceswap_lab.faces.extraction import extract_faces
from faceswap_lab.faces.faceset import FaceSet

PLANTED = {
    "only_frontal": "frontal",
    "in_the_dark": "dark",
    "low_resolution": "low_resolution",
    "ten_faces": "few_faces",
    "blurred": "blurred",
    "two_people": "several_people",
}


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    """`sets(clip, every)`: the face set of an actor's clip, made once."""
    folder, made = tmp_path_factory.mktemp("diagnosis"), {}

    def get(clip: str, every: int) -> FaceSet:
        if (clip, every) not in made:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                made[clip, every] = extract_faces(actors.clip(clip).path, folder / f"{clip}_{every}", every=every)
        return made[clip, every]

    return get


@pytest.mark.parametrize("clip", PLANTED)
def test_the_planted_fault_is_named_and_no_other(sets, clip):
    found = d.diagnose(sets("train_A", 10), sets(clip, 1))
    grave = {one.name for one in found.findings if one.about == "B" and one.severity != "note"}
    allowed = {"noisy"} if clip == "in_the_dark" else set()  # a dark room is a noisy one
    assert PLANTED[clip] in grave and grave <= {PLANTED[clip]} | allowed
    named = next(one for one in found.findings if one.name == PLANTED[clip])
    assert named.about == "B" and named.sentence and named.advice
    good = d.diagnose(sets("train_A", 10), sets("train_B", 10))
    assert found.difficulty["A<-B"] > good.difficulty["A<-B"] + 0.05


def test_good_sets_are_left_in_peace(sets):
    for a, b in (("train_A", "train_B"), ("train_B", "train_A")):
        found = d.diagnose(sets(a, 10), sets(b, 10))
        assert found.worst() in ("", "note"), found.findings
        assert max(found.difficulty.values()) < 0.4


def test_faces_of_a_among_those_of_b(sets, tmp_path):
    mixed = joined([sets("train_B", 10), sets("talk_A", 20)], tmp_path / "mixed")
    found = d.diagnose(sets("train_A", 10), mixed)
    strays = next(one for one in found.findings if one.name == "mixed_up")
    assert strays.about == "B" and strays.severity == "alarm"
    assert strays.number == pytest.approx(len(sets("talk_A", 20)) / len(mixed), abs=0.04)


def test_the_same_person_twice(sets):
    found = d.diagnose(sets("train_A", 10), sets("talk_A", 20))
    assert [one.name for one in found.findings if one.about == "A and B"] == ["same_person"]


def test_unknown_poses_by_hand():
    target = np.array([[0, 0, 0], [10, 0, 0], [30, 0, 5], [np.nan] * 3])
    source = np.array([[0, 0, 90], [0, 11, 0]])
    assert d.unknown_poses(target, source) == pytest.approx(1 / 3)
    assert d.unknown_poses(source, target) == 0
    assert d.unknown_poses(target, source[:0]) == 1 and d.unknown_poses(target[3:], source) == 0
    shares = d.pose_map(target)
    assert shares.shape == (8, 12) and shares.sum() == pytest.approx(1)
    assert shares[4, 6] == pytest.approx(1 / 3) and shares[4, 7] == pytest.approx(1 / 3) and shares[4, 9] == pytest.approx(1 / 3)


def test_unknown_mouths_by_hand():
    assert d.unknown_mouths(np.array([0.1, 0.2, 0.5, np.nan]), np.array([0.0, 0.3])) == pytest.approx(1 / 3)


def test_detail_halves_when_a_face_is_enlarged_twofold(sets):
    import cv2

    images = sets("train_B", 10).images()[:12]
    sharp, still = profile.spectrum(images)
    smaller = [cv2.resize(image, (48, 48), interpolation=cv2.INTER_AREA) for image in images]
    enlarged = [cv2.resize(image, (256, 256), interpolation=cv2.INTER_CUBIC) for image in smaller]
    small, _ = profile.spectrum(np.stack(enlarged))
    assert np.median(sharp) > 10 and np.median(small) < 0.6 * np.median(sharp)
    kernel = np.full((1, 25), 1 / 25, np.float32)
    _, shaken = profile.spectrum(np.stack([cv2.filter2D(i, -1, kernel) for i in images]))
    assert np.median(shaken) > 1.2 > 0.9 > np.median(still)


def test_difficulty_follows_the_penalties(sets):
    found = d.diagnose(sets("train_A", 10), sets("ten_faces", 1))
    for direction in d.DIRECTIONS:
        left = np.prod([1 - value for value in found.penalties[direction].values()])
        assert found.difficulty[direction] == pytest.approx(1 - left)
        assert all(0 <= value <= 1 for value in found.penalties[direction].values())
    assert found.penalties["A<-B"]["few faces"] > 0.4


def test_the_command_writes_what_it_found(sets, tmp_path, capsys):
    a, b = sets("train_A", 10), sets("blurred", 1)
    assert main(["diagnose", str(a.folder), str(b.folder), "--out", str(tmp_path / "out")]) == 0
    text = capsys.readouterr().out
    assert "ALARM (B)" in text and "Difficulty of A<-B" in text
    written = json.loads((tmp_path / "out" / "diagnosis.json").read_text())
    assert set(written["difficulty"]) == {"A<-B", "B<-A"} and written["findings"][0]["severity"] == "alarm"
    assert (tmp_path / "out" / "diagnosis.png").stat().st_size > 20_000
    assert main(["diagnose", str(a.folder), str(tmp_path / "nowhere")]) == 1
    assert "no face set lies here" in capsys.readouterr().err


def test_the_picture_shows_both_maps(sets):
    figure = draw(d.diagnose(sets("train_A", 10), sets("only_frontal", 1)))
    titles = [axis.get_title() for axis in figure.axes]
    assert any(title.startswith("A: ") for title in titles) and any(title.startswith("B: ") for title in titles)


def test_an_empty_set_is_refused(sets, tmp_path):
    import shutil

    shutil.copytree(sets("ten_faces", 1).folder, tmp_path / "empty")
    for picture in (tmp_path / "empty" / "faces").glob("*.png"):
        picture.unlink()
    with pytest.raises(LabError, match="empty: this face set is empty"):
        d.diagnose(FaceSet(tmp_path / "empty"), sets("ten_faces", 1))


def test_the_command_makes_a_set(tmp_path, capsys):
    clip = str(actors.clip("talk_A").path)
    options = ["--every", "40", "--min-face-size", "60", "--level-eyes", "--rotations", "90", "--debug", "--min-sharpness", "1"]
    assert main(["faces", clip, str(tmp_path / "set"), *options]) == 0
    assert "3 faces, 1 person" in capsys.readouterr().out
    assert len(list((tmp_path / "set" / "debug").glob("*.jpg"))) == 3
    assert main(["faces", clip, str(tmp_path / "set"), "--every", "30"]) == 1
    assert "made with another every" in capsys.readouterr().err
    assert main(["faces", clip, str(tmp_path / "other"), "--scheduler", "tcp://127.0.0.1:1", "--every", "60"]) == 1
    assert "no cluster answers" in capsys.readouterr().err
