"""Face sets looked through, cleaned, merged and packed: what is measured, what a kill leaves, what a stranger may send."""

import io
import os
import pickle
import shutil
import signal
import stat
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from faceswap_lab.base import files
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


def test_two_people_of_a_merged_set_are_told_apart(originals, tmp_path):
    merged = curation.merge(list(originals.values()), tmp_path / "both")
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
    with pytest.raises(LabError, match="both: this folder holds a face set made with another source"):
        extract_faces(samples.sample_clips()["target"], merged.folder)


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


SCRIPT = """
import shutil, sys, time
from faceswap_lab.faces import merging
copy = shutil.copyfile
merging.shutil.copyfile = lambda a, b: (time.sleep(0.02), copy(a, b))
merging.merge({sets!r}, {folder!r})
"""


def test_a_killed_merge_goes_on(originals, tmp_path):
    sets = [faces.folder for faces in originals.values()] + [originals["target"].folder]
    whole = curation.merge(sets, tmp_path / "whole")
    folder, building = tmp_path / "killed", tmp_path / f"{files.PARTIAL}killed"
    script = SCRIPT.format(sets=[str(one) for one in sets], folder=str(folder))
    process = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT)
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline and not len(list(building.glob("masks/0*"))) >= 4:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = {path: path.stat().st_mtime_ns for path in building.glob("faces/0*")}
    assert done and not folder.exists(), "nothing is there until all is"
    (building / "faces" / f"{files.PARTIAL}half.png").write_bytes(b"half a picture")
    curation.merge(sets, folder)
    assert contents(folder) == contents(whole.folder)
    for path, written in done.items():
        assert (folder / "faces" / path.name).stat().st_mtime_ns == written, "what was copied is not copied again"
    assert not building.exists()


def test_a_merge_respects_what_is_there(originals, target, tmp_path):
    sets = [target, originals["train_B"].subset([0, 1])]
    merged = curation.merge(sets, tmp_path / "merged")
    assert len(merged) == 8
    curation.reject(merged, [0])
    assert len(curation.merge(sets, merged.folder)) == 7, "a rejected face does not come back"
    with pytest.raises(LabError, match="merged: something else lies here already"):
        curation.merge([target], merged.folder)
    with pytest.raises(LabError, match="something else lies here"):
        curation.merge(sets, target.folder)
    for nothing in ([], [target.subset([])]):
        with pytest.raises(LabError, match="nothing to merge"):
            curation.merge(nothing, tmp_path / "none")
    name = target.table["face"][2]
    write_picture(target.folder / "faces" / name, target.images(128)[2])
    with pytest.raises(LabError, match=f"{name}: its size differs.*128x128 and 256x256"):
        curation.merge([target], tmp_path / "sizes")
    (target.folder / "masks" / name).unlink()
    with pytest.raises(LabError, match=f"masks.{name}: this mask is missing"):
        curation.merge([target], tmp_path / "sizes")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["merged", "target"]


def test_export_and_import_give_the_same_set(target, tmp_path):
    curation.reject(target, [2])
    faces = FaceSet(target.folder)
    path = curation.export(faces, tmp_path / "set.zip")
    back = curation.import_set(path, tmp_path / "back")
    assert back.table.equals(faces.table)
    gone = target.table["face"][2].removesuffix(".png")
    expected = {name: data for name, data in contents(target.folder).items() if gone not in name}
    found = contents(back.folder)
    for name in ("faces.csv", "rejected/log.json"):
        expected.pop(name)
    found.pop("faces.csv")
    assert found == expected
    assert curation.export(back, tmp_path / "again.zip").read_bytes() == path.read_bytes()
    with pytest.raises(LabError, match="back: something else lies here"):
        curation.import_set(path, tmp_path / "back")
    for wrong in ("set.tar", "set"):
        with pytest.raises(LabError, match="ends in .zip"):
            curation.export(faces, tmp_path / wrong)
        with pytest.raises(LabError, match="ends in .zip"):
            curation.import_set(tmp_path / wrong, tmp_path / "new")


@pytest.fixture(scope="module")
def packed(originals, tmp_path_factory):
    return curation.export(originals["target"].subset([0, 1]), tmp_path_factory.mktemp("packed") / "set.zip")


def rewritten(packed: Path, path: Path, changes: dict, extra=()) -> Path:
    """The archive with other bytes for some members (None: left out), and more members."""
    with zipfile.ZipFile(packed) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            data = changes.get(entry.filename, old.read(entry))
            if data is not None:
                new.writestr(entry, data)
        for entry, data in extra:
            new.writestr(entry, data)
    return path


def link(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.create_system, entry.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return entry


def stored_pickle() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    return buffer.getvalue()


def huge_header() -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f4", "fortran_order": False, "shape": (1 << 40, 3)})
    return buffer.getvalue()


def wide_picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("1", (2000, 2000)).save(buffer, "png")
    return buffer.getvalue()


HARMFUL = {
    "slip": ("is no part of a face set", {}, [("../evil.png", b"x")]),
    "slip below": ("is no part of a face set", {}, [("faces/../../evil.png", b"x")]),
    "absolute": ("is no part of a face set", {}, [("/tmp/evil.png", b"x")]),
    "backslash": ("is no part of a face set", {}, [("faces\\..\\evil.png", b"x")]),
    "program": ("is no part of a face set", {}, [("faces/run.py", b"x")]),
    "numbers": ("is no part of a face set", {}, [("identities.npz", b"x")]),
    "link": ("is a link", {}, [(link("faces/000030_0.png"), b"/etc/passwd")]),
    "bomb": ("times its packed size", {"extraction.json": b"[" + b" " * (8 << 20) + b"]"}, []),
    "too large": ("more than a face set's file", {}, [("landmarks/000030_0.npy", os.urandom(2 << 20))]),
    "pickle": ("holds no landmarks", {"landmarks/000000_0.npy": stored_pickle()}, []),
    "bare pickle": ("holds no landmarks", {"landmarks/000000_0.npy": pickle.dumps(print)}, []),
    "header": ("holds no landmarks", {"landmarks/000000_0.npy": huge_header()}, []),
    "wide": ("is no square PNG picture", {"masks/000010_0.png": wide_picture()}, []),
    "no picture": ("is no square PNG picture", {"faces/000010_0.png": b"GIF89a"}, []),
    "picture gone": ("do not name the same pictures", {"faces/000010_0.png": None}, []),
    "mask gone": ("do not name the same pictures", {"masks/000010_0.png": None}, []),
    "stray": ("belongs to no face", {}, [("landmarks/000030_0.npy", b"x")]),
    "table gone": ("faces.csv is missing", {"faces.csv": None}, []),
    "table": ("is damaged", {"faces.csv": b"a,b\n1,2\n"}, []),
    "settings": ("does not say how", {"extraction.json": b"[]"}, []),
    "sources": ("is damaged", {"sources.json": b'{"sources": [{"name": "../x", "sha256": "1", "bytes": 1}]}'}, []),
}


@pytest.mark.parametrize("case", HARMFUL)
def test_what_does_not_belong_in_a_set_is_refused(packed, tmp_path, case):
    message, changes, extra = HARMFUL[case]
    path = rewritten(packed, tmp_path / "harmful.zip", changes, extra)
    with pytest.raises(LabError, match=rf"harmful\.zip: .*{message}"):
        curation.import_set(path, tmp_path / "inner" / "set")
    assert {entry.name for entry in tmp_path.rglob("*")} <= {"harmful.zip", "inner"}


def test_limits_duplicates_and_damage(packed, tmp_path, monkeypatch):
    folder, data = tmp_path / "set", packed.read_bytes()
    with pytest.raises(LabError, match=r"set\.zip: unpacked it takes .* MB, more than"):
        curation.import_set(packed, folder, most_bytes=1000)
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = rewritten(packed, tmp_path / "twice.zip", {}, [("faces/000000_0.png", b"x")])
    with pytest.raises(LabError, match="occurs twice"):
        curation.import_set(path, folder)
    at = data.index(b"IDAT") + 500
    for number, damaged in enumerate(
        (b"", data[:-30], data[: len(data) // 2], b"no zip" * 99, data[:at] + bytes(9) + data[at + 9 :])
    ):
        path = tmp_path / f"{number}.zip"
        path.write_bytes(damaged)
        with pytest.raises(LabError, match=f"{number}.zip: this ZIP file is damaged"):
            curation.import_set(path, folder)
    # a directory that claims less than there is: the size is also counted while reading
    lying = bytearray(data)
    central = lying.index(b"PK\x01\x02", lying.index(b"PK\x01\x02"))
    size = int.from_bytes(lying[central + 24 : central + 28], "little")
    lying[central + 24 : central + 28] = (size - 10).to_bytes(4, "little")
    (tmp_path / "lying.zip").write_bytes(lying)
    with pytest.raises(LabError, match="lying.zip"):
        curation.import_set(tmp_path / "lying.zip", folder)
    with pytest.raises(LabError, match="missing.zip: no such file"):
        curation.import_set(tmp_path / "missing.zip", folder)
    monkeypatch.setattr("faceswap_lab.base.untrusted.MOST_MEMBERS", 3)
    with pytest.raises(LabError, match="more than 3"):
        curation.import_set(packed, folder)
    assert not folder.exists() and not list(tmp_path.glob(f"{files.PARTIAL}*"))
