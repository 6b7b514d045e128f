"""The base model's training data and its training, on a cast of the two bundled actors in the form of the rendered one."""

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from processes import environment, forks

from faceswap_lab.base.errors import LabError
from faceswap_lab.course import actors
from faceswap_lab.faces.alignment import FIVE
from faceswap_lab.training.swapper_fitting import varied_light
from tools import train_swapper, true_swaps

ROOT = Path(__file__).resolve().parents[1]
SIZE, EVERY = 64, 20


def write(path, picture):
    assert cv2.imwrite(str(path), picture)


@pytest.fixture(scope="module")
def cast(tmp_path_factory):
    """A folder as tools/render_pairs.py leaves it; both parts show the same two people, which is no fair test of a model."""
    folder = tmp_path_factory.mktemp("cast")
    for part in ("train", "held_out"):
        (folder / part).mkdir()
        for take, (target, true) in enumerate((("talk_A", "truth_A_from_B"), ("talk_B", "truth_B_from_A"))):
            clip, truth = actors.clip(target), actors.clip(true)
            frames = [each.frames(EVERY) for each in (clip, truth)]
            changed = np.abs(frames[0].astype(np.float32) - frames[1]).max(axis=-1) > 12  # the inner face, about
            for place in range(len(frames[0])):
                number = 100 * take + place
                label = {"shot": number, "person": target[-1], "other": "BA"[take], "light": {"name": f"light_{take}"}}
                regions = np.zeros((*changed[place].shape, 4), np.uint8)
                regions[..., 2] = cv2.medianBlur(255 * changed[place].astype(np.uint8), 9)
                for kind, pictures, each in zip(("target", "truth"), frames, (clip, truth), strict=True):
                    write(folder / part / f"{number:05d}_{kind}.png", pictures[place][..., ::-1])
                    write(folder / part / f"{number:05d}_{kind}_regions.png", regions)
                    label[kind] = dict(zip(FIVE, each.points()[EVERY * place].tolist(), strict=True))
                (folder / part / f"{number:05d}.json").write_text(json.dumps(label))
    return folder


@pytest.fixture(scope="module")
def preparation(cast):
    return true_swaps.Preparation(true_swaps.read_shots(cast / "train", SIZE))


def test_a_sample_shows_the_target_its_truth_and_the_source(preparation):
    made = preparation.samples(0, mode="all")
    count = len(preparation.shots)
    shapes = {name: array.shape for name, array in made.items()}
    assert shapes == {
        "faces": (count, SIZE, SIZE, 3), "truth": (count, SIZE, SIZE, 3),
        "references": (count, SIZE, SIZE, 10), "mask": (count, SIZE, SIZE, 1),
    }  # fmt: skip
    changed = np.abs(made["faces"].astype(int) - made["truth"]).mean(axis=-1)
    inside = made["mask"][..., 0] > 127
    assert changed[inside].mean() > 5 * changed[~inside].mean()
    assert alike(made, 0) > 0.4 > 0.2 > alike(made, 5)


def alike(made, shift):
    """How far the reference's features lie where the true swap has them: median correlation of what is finer than 4 pixels."""
    found = []
    for truth, beside, mask in zip(made["truth"], made["references"], made["mask"], strict=True):
        grey = [np.roll(beside[..., :3], shift, 0).mean(-1), truth.mean(-1)]
        seen = (mask[..., 0] > 127) & (beside[..., -1] > 0) & np.roll(beside[..., -1] > 0, shift, 0)
        inner = cv2.erode(seen.astype(np.uint8), np.ones((7, 7))) > 0
        fine = [(picture - cv2.GaussianBlur(picture, (0, 0), 4))[inner] for picture in grey]
        found.append(np.corrcoef(*fine)[0, 1])
    return np.median(found)


def test_a_source_is_known_from_its_own_pictures_only(preparation):
    draw = np.random.default_rng(0)
    for name, (known, takes) in preparation.people.items():
        assert len(preparation.known_source(name, "all", draw)) == len(known)
        assert len(preparation.known_source(name, "one", draw)) == 1
        assert len(preparation.known_source(name, "take", draw)) in np.bincount(takes)
    shot = preparation.shots[0]
    nobody = true_swaps.Preparation([one for one in preparation.shots if one.person == shot.person])
    assert nobody.sample(shot, "all", None) is None
    with pytest.raises(LabError, match="nobody who is put in has a picture"):
        nobody.samples(0)


def test_varied_samples_differ_and_are_the_same_again(preparation):
    few = true_swaps.Preparation(preparation.shots[::4])
    one, again, other = (few.samples(2, seed) for seed in (0, 0, 1))
    assert all((one[name] == again[name]).all() for name in one)
    assert any((one[name] != other[name]).any() for name in one)
    assert len(one["faces"]) == 2 * len(few.shots)


def test_a_hand_before_a_face_is_out_of_its_mask_and_lit_like_it(preparation):
    """The hand of one shot before the face of another: the same in target and truth, where the face then does not count."""
    shot = preparation.shots[0]
    where = np.zeros(shot.mask.shape, np.float32)
    five = shot.face.points[0].mean(axis=0)  # about the middle of the face, in shares of the aligned square
    middle = np.linalg.inv(np.vstack([shot.matrix, [0, 0, 1]])) @ [*(five * SIZE), 1]
    radius = round(0.2 * SIZE / np.linalg.norm(shot.matrix[:, 0]))
    cv2.circle(where, tuple(int(value) for value in middle[:2]), radius, 1.0, -1)
    shown = np.where(where[..., None] > 0, np.uint8([60, 120, 90]), shot.frame)
    with_hand = true_swaps.Preparation([replace(shot, frame=shown, hand=where), *preparation.shots[1:]])
    assert len(with_hand.hands) == 1 and not preparation.hands
    other = with_hand.sample(with_hand.shots[-1], "all", None)
    face, truth, mask = other["faces"], other["truth"], other["mask"][..., 0]
    draw, tones = np.random.default_rng(0), []
    for _ in range(40):
        hand = true_swaps.hand_before(with_hand.hands, face, mask, draw)
        before, true, left = true_swaps.held_before(face, truth, mask, hand)
        covered, free = hand[..., 3] > 0.99, hand[..., 3] == 0
        apart = np.abs(before.astype(int) - true)
        assert apart[covered].max(initial=0) <= 3 and left[covered].max(initial=0) <= 3
        assert (before[free] == face[free]).all() and (left[free] == mask[free]).all()
        if covered.sum() > 50:
            tones.append(hand[covered, :3].mean(axis=0))
    assert len(tones) > 30
    bright = np.array(tones).mean(axis=1) / face[mask > 127].mean()
    assert 0.8 < np.median(bright) < 1.25  # as it was cut out: 90 of 255, whatever the face's light
    green = np.array(tones)[:, 1] / np.array(tones).mean(axis=1)
    assert (green > 1.2).any() and (green < 1.05).any()  # its own tone, or the face's


def test_light_is_varied_together_and_the_mask_follows_the_mirror():
    import keras

    draw = keras.random.SeedGenerator(0)
    ramp = np.tile(np.linspace(0.2, 0.8, 32, dtype=np.float32)[None, None, :, None], (64, 32, 1, 1))
    given = {"faces": ramp.repeat(3, -1), "truth": ramp.repeat(3, -1), "references": ramp.repeat(10, -1), "mask": ramp}
    varied = {name: keras.ops.convert_to_numpy(value) for name, value in varied_light(given, draw).items()}
    mirrored = varied["mask"][:, 0, 0, 0] > 0.5
    assert 16 < mirrored.sum() < 48
    for name, value in varied.items():
        assert ((value[:, :, 0].mean(axis=(1, 2)) > value[:, :, -1].mean(axis=(1, 2))) == mirrored).all(), name
        assert 0 <= value.min() and value.max() <= 1
    # target and truth get one light; noise is the target's alone
    assert np.abs(varied["faces"] - varied["truth"]).mean() < 0.02 < np.abs(varied["truth"] - given["truth"]).mean()


def test_what_cannot_be_read_is_named(cast, tmp_path):
    with pytest.raises(LabError, match="render_pairs"):
        true_swaps.read_shots(tmp_path, SIZE)
    for path in (cast / "train").glob("00000*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "00000_truth_regions.png").write_bytes(b"no picture")
    with pytest.raises(LabError, match="00000_truth_regions.png"):
        true_swaps.read_shots(tmp_path, SIZE)


def train(*arguments):
    """What the command does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["train_swapper.py", *map(str, arguments)])
        train_swapper.main()


def test_a_killed_training_ends_with_the_same_weights_and_a_table(cast, tmp_path):
    options = ("--steps", 16, "--size", 32, "--identity", 0, "--every", 3)
    train(cast, tmp_path / "whole", *options)
    out = tmp_path / "killed"
    job = forks().Process(target=train, args=(cast, out, *options))
    job.start()
    until = time.time() + 240
    while not any(out.glob("checkpoints/step_*")) and time.time() < until:
        assert job.is_alive()
        time.sleep(0.02)
    job.kill()
    job.join()
    assert any(out.glob("checkpoints/step_*")) and not (out / "base.npz").exists()
    train(cast, out, *options)
    with np.load(tmp_path / "whole" / "base.npz") as one, np.load(out / "base.npz") as other:
        assert all((one[name] == other[name]).all() for name in one.files)
    with pytest.raises(LabError, match=r"made_with\.json"):  # samples and checkpoint belong to seed 0
        train(cast, out, *options, "--seed", 1)
    table = pd.read_csv(out / "scores.csv", index_col=0)
    assert list(table.index) == ["base, all", "base, one", "reference alone", "ceiling"]
    assert table.loc["ceiling", "structure_gain"] > 0.5 > table.loc["base, all", "structure_gain"]


def test_a_size_that_cannot_be_halved_is_refused(cast, tmp_path):
    command = [sys.executable, "tools/train_swapper.py", cast, tmp_path, "--size", "40"]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=300)
    assert done.returncode == 1 and "multiple of 16" in done.stderr
