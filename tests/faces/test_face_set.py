"""Face sets: made, stopped, cleaned, damaged."""

import shutil
import time

import cv2
import numpy as np
import pytest
from processes import forks

from faceswap_lab.base.errors import LabError
from faceswap_lab.course import samples, stages
from faceswap_lab.faces.alignment import transform_points
from faceswap_lab.faces.extraction import extract_faces
from faceswap_lab.faces.faceset import BOX_COLUMNS, FaceSet
from faceswap_lab.faces.people import number_people

EVERY = 10


def extract(folder, source=None, **options):
    return extract_faces(
        source or samples.sample_clips()["target"], folder, **{"every": EVERY, "run_frames": 2} | options
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets") / "ein Gesicht ü"
    return extract(folder)


def test_a_set_has_its_rows_pictures_and_masks(made):
    assert made.table["frame"].tolist() == [0, 10, 20, 30, 40, 50]
    assert made.images(64).shape == (6, 64, 64, 3) and made.masks(64).shape == (6, 64, 64, 3)
    assert (made.masks(64, "face") > 127).mean() > 0.25
    assert made.landmarks(0).mesh.shape == (468, 2)
    five = np.stack([made.points(row) for row in range(6)])
    labels = samples.sample_clip("target").labels[::EVERY]
    eyes = np.array([[row["left_eye"], row["right_eye"]] for row in labels])
    assert np.linalg.norm(five[:, :2] - eyes, axis=2).mean() < 4
    assert made.contact_sheet(columns=4, cell=32).shape == (64, 128, 3)


def test_masks_of_nose_and_brows_are_drawn_from_the_landmarks(made, tmp_path):
    every = made.region_masks(64)
    assert every.shape == (6, 64, 64, 5)
    np.testing.assert_array_equal(every[..., :3], made.masks(64))
    rows, columns = np.mgrid[:64, :64]

    def centre(mask):
        return np.array([(mask * axis).sum() / mask.sum() for axis in (columns, rows)])

    for row in range(6):
        face, eyes, mouth, nose, brows = (every[row, ..., channel].astype(float) for channel in range(5))
        heights = [centre(mask)[1] for mask in (brows, eyes, nose, mouth)]
        assert heights == sorted(heights) and min(np.diff(heights)) > 2  # brows over eyes over nose over mouth
        assert (nose * (face < 128)).sum() < 0.1 * nose.sum() and 0.01 < nose.mean() / 255 < 0.15
        x, y = np.round(transform_points(made.matrix(row), made.points(row))[2] / 4).astype(int)
        assert nose[y - 2 : y + 3, x - 2 : x + 3].max() > 127  # the tip, to 2 of 64 pixels
    np.testing.assert_array_equal(made.masks(64, "nose"), every[..., 3])
    shutil.copytree(made.folder, tmp_path / "old")
    shutil.rmtree(tmp_path / "old" / "landmarks")
    old = FaceSet(tmp_path / "old")
    assert old.region_masks(64).shape == (6, 64, 64, 3)
    with pytest.raises(LabError, match="no landmarks to draw masks of brows"):
        old.masks(64, "brows")
    with pytest.raises(LabError, match="mask 'ear': choose one of face, eyes, mouth, nose, brows"):
        made.masks(64, "ear")
    arrays = stages.practice_arrays({"A": [made], "B": [old]}, 48, copies=0, seed=0)
    assert arrays[1]["A"].shape == (6, 48, 48, 5) and arrays[1]["B"].shape == (6, 48, 48, 3)


def test_deleted_pictures_stay_deleted(tmp_path):
    made = extract(tmp_path / "set")
    (tmp_path / "set" / "faces" / made.table["face"][1]).unlink()
    again = extract(tmp_path / "set")
    assert len(again) == 5 and 10 not in again.table["frame"].tolist()


def test_other_settings_need_another_folder(made):
    with pytest.raises(LabError, match="every"):
        extract(made.folder, every=7)


def test_kill_9_and_on(tmp_path):
    whole = extract(tmp_path / "whole", every=2)
    for kill_at in (3, 9):
        folder = tmp_path / f"killed {kill_at}"
        process = forks().Process(target=extract, args=(folder,), kwargs={"every": 2})
        process.start()
        deadline = time.monotonic() + 120
        while process.is_alive() and time.monotonic() < deadline:
            if len(list((folder / "faces").glob("0*.png"))) >= kill_at:
                break
            time.sleep(0.005)
        process.kill()
        process.join()
        resumed = extract(folder, every=2)
        assert resumed.table.drop(columns="source").equals(whole.table.drop(columns="source"))
        np.testing.assert_array_equal(resumed.images(), whole.images())
        assert not list(folder.rglob(".partial-*"))


def test_no_face_names_the_file_and_what_to_do(tmp_path):
    (tmp_path / "walls").mkdir()
    for index in range(3):
        cv2.imwrite(str(tmp_path / "walls" / f"{index}.png"), np.full((120, 160, 3), 90 + index, np.uint8))
    with pytest.raises(LabError, match="walls: no face was found in any of 3 frames.*min_face_size"):
        extract(tmp_path / "set", tmp_path / "walls", every=1)


def test_several_people_are_told_apart(tmp_path, actor_frames):
    folder = tmp_path / "two"
    folder.mkdir()
    small, large = actor_frames("train_A", 1, 4)[0], actor_frames("train_B", 1, 4)[0]
    for index in range(4):
        left = cv2.resize(small[index], (180, 180), interpolation=cv2.INTER_AREA)
        left = np.pad(left, ((0, 76), (0, 0), (0, 0)), mode="edge")
        cv2.imwrite(str(folder / f"{index}.png"), np.hstack([left, large[index]])[..., ::-1])
    with pytest.warns(UserWarning, match="2 people were found"):
        made = extract(tmp_path / "set", folder, every=1)
    main = made.table[made.table["person"] == 0]
    assert len(main) >= 3 and (main["x0"] > 150).all(), "person 0 is the one who takes up the most room"


def test_an_unreadable_picture_is_skipped_and_named(tmp_path, actor_frames):
    folder = tmp_path / "some pictures"
    folder.mkdir()
    for index, frame in enumerate(actor_frames("train_A", 1, 3)[0]):
        cv2.imwrite(str(folder / f"{index}.png"), frame[..., ::-1])
    (folder / "1.png").write_bytes(b"no picture")
    with pytest.warns(UserWarning, match="1.png"):
        made = extract(tmp_path / "set", folder, every=1)
    assert made.table["frame"].tolist() == [0, 2]


def test_damaged_files_are_named(tmp_path):
    with pytest.raises(LabError, match="no face set lies here"):
        FaceSet(tmp_path / "nothing")
    made = extract(tmp_path / "set", every=30)
    name = made.table["face"][0]
    (made.folder / "faces" / name).write_bytes(b"")
    with pytest.raises(LabError, match=name):
        FaceSet(made.folder).images()
    (made.folder / "faces.csv").write_text("a,b\n1,2\n")
    with pytest.raises(LabError, match="faces.csv"):
        FaceSet(made.folder)


def test_another_clip_of_the_same_name_is_not_mixed_in(tmp_path):
    clips = samples.sample_clips()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        shutil.copy(clips["target" if name == "one" else "train_B"], tmp_path / name / "clip.mp4")
    made = extract(tmp_path / "set", tmp_path / "one" / "clip.mp4", every=30)
    with pytest.raises(LabError, match="set: this folder holds a face set made with another clip"):
        extract(tmp_path / "set", tmp_path / "two" / "clip.mp4", every=30)
    (tmp_path / "moved").mkdir()
    shutil.move(tmp_path / "one" / "clip.mp4", tmp_path / "moved" / "clip.mp4")
    assert len(extract(tmp_path / "set", tmp_path / "moved" / "clip.mp4", every=30)) == len(made)


def test_what_the_messages_advise_helps(tmp_path):
    made = extract(tmp_path / "set", every=30)
    table, settings = made.folder / "faces.csv", made.folder / "extraction.json"
    for damage in (
        "a,b\n1,2\n",
        table.read_text().replace(",", ";"),
        "",
        table.read_text().replace("target.mp4,0,", "target.mp4,x,"),
    ):
        table.write_text(damage)
        with pytest.raises(LabError, match="faces.csv.*Delete it and extract the faces again"):
            extract(tmp_path / "set", every=30)
        table.unlink()
        again = extract(tmp_path / "set", every=30)
        assert again.table.equals(made.table)
    for damage in ("[1, 2]", "{}", '{"settings": 3}', "no json"):
        settings.write_text(damage)
        with pytest.raises(LabError, match="extraction.json"):
            extract(tmp_path / "set", every=30)
    settings.unlink()
    assert extract(tmp_path / "set", every=30).table.equals(made.table)


def test_people_are_numbered_by_the_room_they_take():
    def row(frame, x, side):
        return {
            "frame": frame,
            "score": 1.0,
            "shot": 0,
            "track": 1000 * frame + x,
            **dict(zip(BOX_COLUMNS, (x, 0, x + side, side), strict=True)),
        }

    rows = [row(f, 10 + f, 40) for f in range(5)] + [row(f, 200 - f, 80) for f in range(1, 5)]
    numbered = number_people(rows)
    assert {r["person"] for r in numbered if r["x0"] < 100} == {1}
    assert {r["person"] for r in numbered if r["x0"] > 100} == {0}
