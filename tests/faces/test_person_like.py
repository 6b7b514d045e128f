"""Whom a picture, a face set or recognition numbers mean among the people of a clip."""

import shutil

import numpy as np
import pandas as pd
import pytest

from faceswap_lab.base.errors import LabError
from faceswap_lab.course import actors
from faceswap_lab.faces import alignment, embeddings
from faceswap_lab.faces.faceset import COLUMNS, FaceSet
from faceswap_lab.faces.people import person_like
from faceswap_lab.video import open_video
from faceswap_lab.video.pictures import write_picture

COUNT = 3


def shots(name, count=COUNT):
    clip = actors.clip(name)
    points = clip.points()
    chosen = np.linspace(0, len(points) - 1, count).astype(int)
    return [frame.image for frame in open_video(clip.path).frames() if frame.index in chosen], points[chosen]


def make_set(folder, *clips):
    """A face set with the faces of one clip after the other as persons 0, 1, ..."""
    rows = []
    for person, name in enumerate(clips):
        for index, (frame, five) in enumerate(zip(*shots(name), strict=True)):
            matrix, face = alignment.alignment_matrix(five, 256), f"{index:06d}_{person}.png"
            write_picture(folder / "faces" / face, alignment.align(frame, matrix, 256))
            row = dict.fromkeys(COLUMNS, 0) | {"face": face, "source": "video.mp4", "frame": index, "person": person}
            row |= {f"m{i}{j}": matrix[i, j] for i in range(2) for j in range(3)}
            rows.append(row | {f"p{i}{axis}": five[i, j] for i in range(5) for j, axis in enumerate("xy")})
    pd.DataFrame(rows, columns=COLUMNS).to_csv(folder / "faces.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def two_people(tmp_path_factory):
    return make_set(tmp_path_factory.mktemp("two people"), "talk_A", "talk_B")


def test_a_picture_of_another_day_names_the_person(two_people, tmp_path):
    for person, name in enumerate(("train_A", "train_B")):
        picture = tmp_path / f"{name} é.png"
        write_picture(picture, shots(name)[0][1])
        assert person_like(FaceSet(two_people), picture) == person


def test_a_face_set_and_numbers_name_the_person(two_people, tmp_path):
    b = make_set(tmp_path / "b", "train_B", "stranger")
    assert person_like(FaceSet(two_people), b) == person_like(FaceSet(two_people), FaceSet(b)) == 1
    numbers = embeddings.of_set(FaceSet(b).subset([0]))
    assert person_like(FaceSet(two_people), numbers) == person_like(FaceSet(two_people), numbers[0]) == 1
    assert (two_people / embeddings.STORED).exists(), "what was computed is kept"


def test_a_stranger_is_refused_with_everybodys_distance(two_people, tmp_path):
    with pytest.raises(LabError, match=r"nobody in it is like .*person \d: 0\.[67]\d, person \d: 0\.[67]\d"):
        person_like(FaceSet(two_people), make_set(tmp_path / "c", "stranger"))


def test_two_who_are_equally_like_are_refused(tmp_path):
    twins = FaceSet(make_set(tmp_path / "twins", "talk_A", "train_A"))
    with pytest.raises(LabError, match=r"two people in it are about equally like .*person 0: 0\.\d\d"):
        person_like(twins, make_set(tmp_path / "a", "hard_A"))


def test_bad_references(two_people, tmp_path):
    faces = FaceSet(two_people)
    for numbers in (np.zeros(5), np.zeros((2, 3, 128)), np.full(128, np.nan), np.zeros((0, 128))):
        with pytest.raises(LabError, match="no recognition numbers"):
            person_like(faces, numbers)
    with pytest.raises(LabError, match="no face set lies here"):
        person_like(faces, tmp_path)
    write_picture(tmp_path / "wall.png", np.full((120, 120, 3), 128, np.uint8))
    with pytest.raises(LabError, match="wall.png: no face was found"):
        person_like(faces, tmp_path / "wall.png")
    with pytest.raises(LabError, match="nothing.png"):
        person_like(faces, tmp_path / "nothing.png")
    empty = shutil.copytree(two_people, tmp_path / "empty")
    shutil.rmtree(empty / "faces")
    with pytest.raises(LabError, match="face set is empty"):
        person_like(FaceSet(empty), faces)
