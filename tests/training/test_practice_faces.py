"""Practice faces: made once for a run, the same bits however they are made, and never of a face that is gone."""

import re
import signal
import time
import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from processes import forks

from faceswap_lab.base import files, untrusted
from faceswap_lab.base.errors import LabError
from faceswap_lab.course import runtime, samples, stages
from faceswap_lab.faces.faceset import COLUMNS, MATRIX_COLUMNS, FaceSet
from faceswap_lab.models import autoencoder
from faceswap_lab.models.autoencoder import FaceAutoencoder
from faceswap_lab.models.face_statistics import resize
from faceswap_lab.training import practice_faces as practice
from faceswap_lab.training import shape_transfer
from faceswap_lab.training.practice_faces import FACTS, Recipe, most_varied, practice_faces

RECIPE = Recipe(side=24, copies=2, seed=3)
ENDING = "24px_2_copies_seed_3"


def make_set(folder, count=14, seed=0):
    """A set of noise with landmarks, each face of its own colour, so that it is known again."""
    draw = np.random.default_rng(seed)
    for kind in ("faces", "masks", "landmarks"):
        (folder / kind).mkdir(parents=True)
    shape = draw.uniform(70, 190, (620, 3))
    rows = pd.DataFrame(0.0, index=range(count), columns=COLUMNS)
    rows["face"], rows["source"], rows["points_from"] = [f"{n:06d}_0.png" for n in range(count)], "clip.mp4", "mesh"
    rows["frame"], rows[["person", "track", "shot"]] = np.arange(count), 0
    rows[["yaw", "pitch", "roll"]] = draw.normal(0, 12, (count, 3))
    rows[MATRIX_COLUMNS] = [1.0, 0, 0, 0, 1, 0]
    rows.to_csv(folder / "faces.csv", index=False)
    for n, name in enumerate(rows["face"]):
        picture = np.clip(draw.normal(draw.uniform(40, 215, 3), 8, (32, 32, 3)), 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / "faces" / name), picture)
        cv2.imwrite(str(folder / "masks" / name), np.full((32, 32, 3), 255, np.uint8))
        np.save(folder / "landmarks" / f"{n:06d}_0.npy", (shape + draw.normal(0, 4, (620, 3))).astype(np.float32))
    return FaceSet(folder)


@pytest.fixture
def sets(tmp_path):
    return {
        "A": [make_set(tmp_path / "A1", 6, 1), make_set(tmp_path / "A2", 9, 2)],
        "B": [make_set(tmp_path / "B", seed=3)],
    }


def same(one, other):
    return all(np.array_equal(a[p], b[p]) for a, b in zip(one, other, strict=True) for p in "AB")


def test_found_again_they_are_those_that_were_made(sets, tmp_path, monkeypatch):
    fresh = practice_faces(sets, RECIPE, workers=1)
    assert fresh[0]["A"].shape == (45, 24, 24, 3) and fresh[1]["B"].shape == (42, 24, 24, 5)
    np.testing.assert_array_equal(fresh[0]["A"][:15], np.concatenate([some.images(24) for some in sets["A"]]))
    assert not np.array_equal(fresh[0]["A"][15], fresh[0]["A"][0]) and not np.array_equal(fresh[2]["A"], fresh[0]["A"])
    assert same(fresh, practice_faces(sets, RECIPE, workers=7))
    assert same(fresh, practice_faces(sets, RECIPE, tmp_path / "practice", workers=3))
    monkeypatch.setattr("faceswap_lab.training.practice_faces._make", None)  # nothing is made any more
    found = practice_faces(sets, RECIPE, tmp_path / "practice")
    assert same(fresh, found) and not found[0]["A"].flags.writeable


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_mapped_pages_are_let_go(tmp_path):
    def mapped():
        return int(re.search(r"RssFile:\s+(\d+)", Path("/proc/self/status").read_text())[1])

    np.save(tmp_path / "a.npy", np.ones((100, 400, 400), np.uint8))
    array = untrusted.array(tmp_path / "a.npy", mapped=True)
    before = mapped()
    assert int(array.sum()) == 16_000_000 and mapped() > before + 12_000
    files.release(array[5:, ::2])
    assert mapped() < before + 4_000 and int(array.sum()) == 16_000_000
    files.release(np.ones(3))


def test_other_options_have_a_place_of_their_own(sets, tmp_path):
    kept = tmp_path / "practice"
    practice_faces(sets, RECIPE, kept)
    assert practice_faces(sets, Recipe(24, 1, 3), kept)[0]["A"].shape == (30, 24, 24, 3)
    one, other = (practice_faces(sets, Recipe(24, 2, seed), kept)[0]["A"] for seed in (3, 4))
    assert not np.array_equal(one, other)
    assert len(list(kept.glob("*"))) == 1 and len(list(kept.glob("*/*"))) == 3


@pytest.mark.parametrize("change", ["picture", "landmarks", "pose", "deleted"])
def test_a_changed_set_is_made_again(sets, tmp_path, change):
    kept, first = tmp_path / "practice", sets["A"][0]
    before = practice_faces(sets, RECIPE, kept)
    gone, was_there = first.images(24)[0], list(kept.glob("*/*/*.npy"))
    if change == "deleted":
        (first.folder / "faces" / first.table["face"][0]).unlink()
    elif change == "picture":
        cv2.imwrite(str(first.folder / "faces" / first.table["face"][0]), np.zeros((32, 32, 3), np.uint8))
    elif change == "landmarks":
        np.save(first.folder / "landmarks" / "000000_0.npy", np.full((620, 3), 100, np.float32))
    else:
        first.table.loc[0, "yaw"] += 5
    sets["A"][0] = first if change == "pose" else FaceSet(first.folder)
    after = practice_faces(sets, RECIPE, kept)
    assert not same(before, after) if change != "deleted" else len(after[0]["A"]) == 42
    assert not any(path.exists() for path in was_there), "what shows the earlier faces is removed"
    if change in ("deleted", "picture"):
        assert not (np.abs(after[0]["A"].astype(int) - gone).mean(axis=(1, 2, 3)) < 2).any()


@pytest.mark.parametrize("damage", ["bit", "short", "facts", "pickle"])
def test_what_is_damaged_is_made_again(sets, tmp_path, damage, capsys):
    whole = [
        {p: array.copy() for p, array in part.items()} for part in practice_faces(sets, RECIPE, tmp_path / "practice")
    ]
    place = next((tmp_path / "practice").glob(f"*/{ENDING}"))
    path = place / "likened_B.npy"
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    if damage == "facts":
        (place / FACTS).write_text('{"version": ')
    else:
        path.write_bytes({"bit": content, "short": content[:3000], "pickle": b"\x80\x04N."}[damage])
    assert same(whole, practice_faces(sets, RECIPE, tmp_path / "practice"))
    assert ("damaged, and made again" in capsys.readouterr().out) == (damage != "facts")


def test_a_disk_that_does_not_keep_what_is_written_is_told(sets, tmp_path, monkeypatch):
    whole = practice._write

    def write(place, *more):
        whole(place, *more)
        content = bytearray((place / "masks_A.npy").read_bytes())
        content[-100] ^= 1
        (place / "masks_A.npy").write_bytes(content)

    monkeypatch.setattr(practice, "_write", write)
    with pytest.raises(LabError, match=f"{ENDING}: what was just written there does not read back .* another folder"):
        practice_faces(sets, RECIPE, tmp_path / "practice")
    monkeypatch.undo()
    assert same(practice_faces(sets, RECIPE, tmp_path / "practice"), practice_faces(sets, RECIPE))


def make_slowly(folder):
    warp_copy = shape_transfer.warp_copy
    shape_transfer.warp_copy = lambda *what: time.sleep(0.2) or warp_copy(*what)
    sets = {"A": [FaceSet(folder / "A1"), FaceSet(folder / "A2")], "B": [FaceSet(folder / "B")]}
    practice_faces(sets, RECIPE, folder / "practice", workers=2)


def test_kill_9_and_again(sets, tmp_path):
    process = forks().Process(target=make_slowly, args=(tmp_path,))
    process.start()
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob(f"practice/*/{files.PARTIAL}*/likened_A.npy")):
        assert process.is_alive() and time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert not list(tmp_path.glob(f"practice/*/{ENDING}"))
    assert same(practice_faces(sets, RECIPE, tmp_path / "practice"), practice_faces(sets, RECIPE))
    assert not list(tmp_path.glob(f"practice/*/{files.PARTIAL}*"))


def test_consent_is_asked_also_when_they_are_there(tmp_path, monkeypatch):
    run = runtime.prepare(out=tmp_path / "run", **{r: str(samples.sample_clips()[c]) for r, c in COURSE.items()})
    for role in ("target", "B"):
        make_set(tmp_path / "run" / "faces" / role, seed=len(role))
        run.mark_done(f"faces_{role}", every=1 if role == "target" else run.preset.every)
    first = stages.training_arrays(run, 16)
    assert first[0]["A"].shape == (70, 24, 24, 3)

    def revoked(path, role):
        raise LabError(f"{role}: revoked")

    monkeypatch.setattr(stages, "may_prepare", revoked)
    with pytest.raises(LabError, match="revoked"):
        stages.training_arrays(run, 16)


COURSE = {"source": "train_B", "target": "target"}


def test_swaps_stand_last_among_the_faces_of_b(sets):
    made = practice_faces(sets, RECIPE)
    made[0]["B"][:, :, :12] //= 2  # one half of B's face is dark: A and B differ in their averages
    target = sets["A"][1]

    def swap(faces):  # every face but the first becomes red, inside a square
        colour, alpha = np.zeros_like(faces), np.zeros((*faces.shape[:3], 1), np.float32)
        colour[..., 0] = 1
        alpha[1:, 16:48, 16:48] = 1
        return colour, alpha

    swap.size = 64
    faces, masks, transferred = practice.with_swaps(made, target, swap, centred=False)
    count = len(made[0]["B"])
    assert [len(part["B"]) - count for part in (faces, masks, transferred)] == [8] * 3, "the face that no swap was made of"
    assert same([{p: part[p][: len(made[0][p])] for p in "AB"} for part in (faces, masks, transferred)], made)
    assert (faces["B"][count:, 12, 12] == [255, 0, 0]).all()
    straight = target.images(24)[1:]
    assert np.array_equal(transferred["B"][count:], straight), "A's own face goes in"
    assert np.abs(faces["B"][count:, :4, :4].astype(int) - straight[:, :4, :4]).max() <= 40, "noise, resized by another way"
    assert np.array_equal(masks["B"][count:], target.region_masks(24)[1:])

    model = FaceAutoencoder(autoencoder.quick(16))
    model.set_faces(*made)
    *_, inputs = practice.with_swaps(made, target, swap, centred=True)
    seen, meant = (
        model.relight(resize(some, 16).astype("float32") / 255)[0] - model.average[person]
        for some, person in ((inputs["B"][count:], 1), (straight, 0))
    )
    assert np.abs(np.asarray(seen - meant)).mean() < 0.02, "the encoder sees of it, as B's, what it will see of it as A's"
    raw = model.relight(resize(straight, 16).astype("float32") / 255)[0] - model.average[1]
    assert np.abs(np.asarray(raw - meant)).mean() > 0.04


def test_the_most_varied_faces_are_chosen():
    draw = np.random.default_rng(0)
    heaps = [draw.normal(place, 0.1, (count, 2)) for place, count in ((0, 200), (5, 20), (-5, 2))]
    features = np.concatenate([*heaps, [[0, 9]]])
    assert np.bincount(np.searchsorted([200, 220, 222], most_varied(features, 4), "right")).tolist() == [1, 1, 1, 1]
    assert most_varied(features, 500).tolist() == list(range(223))
    assert most_varied(np.ones((5, 2)), 3).tolist() == [0, 1, 2]


def test_memory_is_bounded_whatever_the_number_of_faces(tmp_path, capsys):
    recipe, peaks = Recipe(48, 1, 0, most_bytes=30 * 2 * 48 * 48 * 11), {}
    for count in (40, 200):
        many = {person: [make_set(tmp_path / f"{person}{count}", count, seed)] for seed, person in enumerate("AB")}
        practice_faces({person: [some[0].subset(np.arange(14))] for person, some in many.items()}, recipe)  # imports
        tracemalloc.start()
        faces, _, _ = practice_faces(many, recipe, tmp_path / "practice")
        peaks[count] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert {len(pictures) for pictures in faces.values()} == {60}
        assert f"30 of {count} faces of B are used, chosen by variety" in capsys.readouterr().out
    assert peaks[200] < 1.3 * peaks[40] < 20e6, peaks  # the landmarks of 200 faces alone, at once, would take 6 MB more
