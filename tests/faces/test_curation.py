"""Face sets looked through and cleaned: what is measured, what is put aside and comes back."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from joined import joined

from faceswap_lab.base.errors import LabError
from faceswap_lab.course import samples
from faceswap_lab.faces import curation
from faceswap_lab.faces.extraction import extract_faces
from faceswap_lab.faces.faceset import FaceSet
from faceswap_lab.video.pictures import read_picture, write_picture

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """Six faces of A, and fourteen of B in her seven lights; never changed."""
    folder, clips = tmp_path_factory.mktemp("originals"), samples.sample_clips()
    every = {"target": 10, "train_B": 12}
    return {name: extract_faces(clips[name], folder / name, every=step) for name, step in every.items()}


@pytest.fixture
def target(originals, tmp_path):
    return FaceSet(shutil.copytree(originals["target"].folder, tmp_path / "target"))


def plant(faces: FaceSet, change) -> list[str]:
    """Adds a changed copy of every face; the copies' names."""
    table, names = faces.table, []
    for _, row in faces.table.iterrows():
        name = f"9{row['face'][1:]}"
        image, mask = (read_picture(faces.folder / kind / row["face"]) for kind in ("faces", "masks"))
        image = change(image)
        write_picture(faces.folder / "faces" / name, image)
        write_picture(faces.folder / "masks" / name, mask)
        edges = cv2.Laplacian(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32), cv2.CV_32F)
        measured = edges[mask[..., 0] > 127].var()
        new = row.to_dict() | {"face": name, "frame": row["frame"] + 900_000, "sharpness": measured}
        table = pd.concat([table, pd.DataFrame([new])], ignore_index=True)
        names.append(name)
    table.to_csv(faces.folder / "faces.csv", index=False)
    return names


def blurred(image):
    return cv2.GaussianBlur(image, (0, 0), 4)


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_blurred_copies_are_the_least_sharp(target):
    copies = plant(target, blurred)
    faces = FaceSet(target.folder)
    assert set(faces.table["face"].iloc[curation.sort(faces, "sharpness")[6:]]) == set(copies)
    labels, names = curation.group(faces, "sharpness")
    assert names == ["sharp", "blurry"]
    assert set(faces.table["face"][labels == 1]) == set(copies)


def test_poses_are_sorted_and_grouped_as_they_were_rendered(originals):
    faces = originals["train_B"]
    true = np.array([row["yaw"] for row in samples.sample_clip("train_B").labels])[faces.table["frame"]]
    order = curation.sort(faces, "yaw")
    assert np.corrcoef(true[order], np.arange(len(order)))[0, 1] > 0.9
    labels, names = curation.group(faces, "pose")
    for label, name in enumerate(names):
        assert (labels == label).any()
        if "left" in name:
            assert (true[labels == label] < -8).all()
        if "right" in name:
            assert (true[labels == label] > 8).all()
    unknown = faces.subset(np.arange(len(faces)))
    unknown.table.loc[order[0], ["yaw", "pitch", "roll"]] = np.nan
    assert curation.sort(unknown, "yaw")[-1] == order[0]
    labels, names = curation.group(unknown, "pose")
    assert names[labels[order[0]]] == "pose unknown"


def test_light_is_measured_in_the_face(target):
    bright = curation.light(target)
    assert (bright["luma"] > 0.3).all() and (bright["contrast"] > 0.05).all()
    half = np.where(np.arange(256) < 128, 0.3, 1.0)[None, :, None]
    copies = plant(target, lambda image: np.round(image * 0.3 * half).astype(np.uint8))
    faces = FaceSet(target.folder)
    dark = faces.table["face"].isin(copies).to_numpy()
    assert (curation.light(faces)["left_minus_right"][dark] < -0.05).all()
    assert set(curation.sort(faces, "light")[:6]) == set(np.flatnonzero(dark))
    labels, names = curation.group(faces, "light")
    assert [names[label] for label in labels[dark]] == ["dark"] * 6 and "dark" not in [
        names[label] for label in labels[~dark]
    ]


def test_similar_faces_are_neighbours(originals):
    faces = originals["train_B"]
    small = curation._small(faces)[0]
    order = curation.sort(faces, "similarity")
    assert sorted(order) == list(range(len(faces)))

    def steps(order):
        return np.sqrt(np.square(np.diff(small[order], axis=0)).mean(axis=1)).mean()

    rng = np.random.default_rng(0)
    assert steps(order) < 0.8 * np.mean([steps(rng.permutation(len(faces))) for _ in range(50)])
    labels, names = curation.group(faces, "similarity")
    assert len(names) == labels.max() + 1 <= 8 and (np.diff(np.bincount(labels)) <= 0).all()


def test_unknown_choices_are_listed(originals):
    with pytest.raises(LabError, match="by='colour': choose one of sharpness, yaw, pitch, roll, light"):
        curation.sort(originals["target"], "colour")
    with pytest.raises(LabError, match="by='yaw': choose one of pose, light"):
        curation.group(originals["target"], "yaw")
    nobody = originals["target"].subset(np.zeros(6, bool))
    for by in curation.SORTS:
        assert curation.sort(nobody, by).shape == (0,)
    for by in curation.GROUPS:
        assert curation.group(nobody, by)[1] == []
    with pytest.raises(LabError, match="no face is left to show"):
        curation.thumbnails(nobody)


def test_two_people_of_one_set_are_told_apart(originals, tmp_path):
    merged = joined(originals.values(), tmp_path / "both")
    assert len(merged) == sum(map(len, originals.values()))
    assert set(merged.table["source"]) == {"target.mp4", "train_B.mp4"}
    np.testing.assert_array_equal(merged.images()[merged.table["source"] == "target.mp4"], originals["target"].images())
    labels, names = curation.group(merged, "identity")
    assert names == ["person 1", "person 2"]
    assert ((labels == 0) == (merged.table["source"] == "train_B.mp4")).all()
    order = curation.sort(merged, "identity")  # the median face is one of the many
    assert (labels[order] == np.sort(labels)).all()
    assert not curation.near_duplicates(merged).any()
    sheet = curation.thumbnails(merged, order, labels, names, columns=5, cell=32)
    assert sheet.shape == (3 * 32 + 2 * 32, curation.NAMES + 160, 3) and sheet.dtype == np.uint8
    written = (sheet[:, : curation.NAMES] < 128).all(axis=2).any(axis=1)
    assert written[:32].any() and written[96:128].any()  # each name stands at its group's first line of faces
    assert not written[32:96].any() and not written[128:].any()


def test_of_copies_the_sharpest_stays(target):
    assert not curation.near_duplicates(target).any()
    noise = np.random.default_rng(0)
    for change in (np.copy, lambda image: np.clip(image + noise.normal(0, 6, image.shape), 0, 255).astype(np.uint8)):
        copies = plant(target, change)
        faces = FaceSet(target.folder)
        repeats = curation.near_duplicates(faces)
        heaps = faces.table["face"].str[1:]
        assert repeats.sum() == 6 and heaps[~repeats].nunique() == 6
        kept = faces.table[~repeats].set_index(heaps[~repeats])["sharpness"]
        assert kept.sort_index().equals(faces.table.groupby(heaps)["sharpness"].max())
        for name in copies:
            (target.folder / "faces" / name).unlink()
    with pytest.raises(LabError, match="threshold=-1"):
        curation.near_duplicates(target, -1)


def test_rejected_faces_come_back_byte_for_byte(target):
    before, names = contents(target.folder), target.table["face"].tolist()
    assert curation.reject(target, [1, 3], "eyes shut") == [names[1], names[3]]
    assert curation.reject(target, [1, 3]) == [], "they had gone already"
    assert curation.reject(target, []) == []
    left = FaceSet(target.folder)
    assert len(left) == 4
    assert curation.reject(left, left.table["frame"] == 40) == [names[4]]
    listed = curation.rejected(target.folder)
    assert listed["face"].tolist() == [names[1], names[3], names[4]]
    assert listed["reason"].tolist() == ["eyes shut", "eyes shut", ""] and listed["batch"].tolist() == [0, 0, 1]
    assert curation.undo(target.folder) == [names[4]]
    assert curation.undo(target.folder) == [names[1], names[3]]
    assert curation.undo(target.folder) == []
    after = contents(target.folder)
    del after["rejected/log.json"]
    assert after == before


def test_the_pictures_place_is_the_truth(target):
    names = target.table["face"].tolist()
    curation.reject(target, [0, 1, 2])
    held = target.folder / "rejected"
    (held / names[1]).rename(target.folder / "faces" / names[1])  # a kill amid the moving leaves this
    (target.folder / "faces" / names[5]).rename(held / names[5])  # and a hand this
    assert curation.rejected(target.folder)["batch"].tolist() == [-1, 0, 0]
    shutil.copy(held / names[0], target.folder / "faces")
    with pytest.raises(LabError, match=f"{names[0]}: this face is in the set again"):
        curation.undo(target.folder)
    (target.folder / "faces" / names[0]).unlink()
    assert curation.undo(target.folder) == [names[0], names[2]]
    assert curation.undo(target.folder) == []
    assert curation.restore(target.folder, [names[5]]) == [names[5]]
    assert len(FaceSet(target.folder)) == 6
    with pytest.raises(LabError, match="no such rejected face"):
        curation.restore(target.folder, ["../faces.csv"])
    (held / "log.json").write_text('{"batches": [1]}')
    with pytest.raises(LabError, match="log.json: this log is damaged. Delete it"):
        curation.reject(target, [0])
    assert (target.folder / "faces" / names[0]).exists()
