"""`make challenge`: people and motion from the teacher's seed; what students get speaks of neither it nor the truth."""

import importlib.util
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.course import actors, samples
from faceswap_lab.provenance.consent import Ledger

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tools import make_challenge, render_actors  # noqa: E402
from tools.actors import cast, frames, motion, people, skin  # noqa: E402
from tools.make_challenge import Plan  # noqa: E402

TOOL = ROOT / "tools" / "make_challenge.py"
SEED = 271828182845904523536028747135266249775
needs_blender = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("bpy", "anny"))), reason="Blender (bpy) and anny are not installed"
)


def test_a_seed_gives_its_people_and_no_other():
    plan, other = Plan(SEED), Plan(SEED + 1)
    assert plan.people() == Plan(SEED).people() and plan.clips() == Plan(SEED).clips()
    target, source = plan.people().values()
    known = [*map(people.person, people.PEOPLE), *map(cast.read_actor, "ABC"), *other.people().values()]
    assert target.shape != source.shape and all(
        person.shape not in [one.shape for one in known] for person in (target, source)
    )
    assert other.clips()[0].seed != plan.clips()[0].seed
    drawn = [person for seed in range(60) for person in Plan(SEED + seed).people().values()]
    assert not any(person.glasses for person in drawn)
    assert 0.35 < np.mean([person.gender > 0.5 for person in drawn]) < 0.65
    assert {person.hair.style for person in drawn} == {"long", "short"} and np.ptp(
        [person.age for person in drawn]
    ) > 0.9


def test_target_and_truth_move_alike_under_one_light():
    target, truth, source = Plan(SEED, frames=40).clips()
    assert motion.of_clip(truth) == motion.of_clip(target) and truth.lights == target.lights
    assert (target.head, target.face, truth.head, truth.face, source.face) == ("T", "T", "T", "S", "S")
    assert truth.truth_of == target.id and (target.frames, source.frames) == (40, 80)
    assert all(light in cast.read_lights() for light in (*target.lights, *source.lights))
    assert source.light_frames * len(source.lights) == source.frames


def test_a_folder_keeps_its_seed(tmp_path):
    drawn = make_challenge.begun(tmp_path, None, {"frames": 8})
    assert drawn.seed > make_challenge.GUESSED and drawn.frames == 8
    assert (
        make_challenge.begun(tmp_path, None, {}) == make_challenge.begun(tmp_path, drawn.seed, {"frames": 8}) == drawn
    )
    assert make_challenge.begun(tmp_path / "other", None, {}).seed != drawn.seed
    for seed, given in ((1, {}), (None, {"frames": 9}), (None, {"size": 64})):
        with pytest.raises(LabError, match="challenge.json: this folder was begun with another seed or size"):
            make_challenge.begun(tmp_path, seed, given)


@pytest.fixture
def hidden(tmp_path):
    """A hidden folder of the sample's clips."""
    folder, entries = files.make_folder(tmp_path / "hidden"), []
    for name, clip in (("target", "target"), ("truth", "truth"), ("source", "train_B")):
        (folder / f"{name}.mp4").write_bytes(actors.clip(clip, manifest=samples.MANIFEST).path.read_bytes())
        about = {"frames": 60, "size": [256, 256], "fps": 20, "seed": SEED}
        entry = {
            "id": name,
            "role": name,
            "file": f"{name}.mp4",
            "sha256": {f"{name}.mp4": files.sha256(folder / f"{name}.mp4")},
        }
        entries.append(entry | about)
    files.write_json(folder / "manifest.json", {"version": 2, "clips": entries})
    files.write_json(folder / "challenge.json", {"seed": SEED})
    return folder


def test_students_get_two_clips_consents_and_rules_and_nothing_else(hidden, tmp_path):
    make_challenge.pack(hidden, tmp_path / "challenge.zip")
    before = (tmp_path / "challenge.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "challenge.zip") as archive:
        contents = {name.split("/", 1)[1]: archive.read(name) for name in archive.namelist()}
        (top,) = {name.split("/")[0] for name in archive.namelist()}
    records = [f"consent/{top}_{role}.json" for role in ("target", "source")]
    assert sorted(contents) == sorted(["target.mp4", "source.mp4", "README.md", *records])
    truth = (hidden / "truth.mp4").read_bytes()
    for name, content in contents.items():
        assert (
            content != truth
            and str(SEED).encode() not in content
            and files.sha256(hidden / "truth.mp4").encode() not in content
        )
        (tmp_path / top / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / top / name).write_bytes(content)
    ledger = Ledger(tmp_path / top / "consent", bundled=tmp_path / "none")
    for role in ("target", "source"):
        for purpose in ("prepare", "convert"):
            assert ledger.require(tmp_path / top / f"{role}.mp4", purpose).identities == (f"{top}_{role}",)
    rules = contents["README.md"].decode()
    assert (
        "60 frames of 256x256 pixels, 20 a second" in rules
        and f"--target {top}/target.mp4" in rules
        and "{" not in rules
    )
    make_challenge.pack(hidden, tmp_path / "challenge.zip")
    assert (tmp_path / "challenge.zip").read_bytes() == before, "the same clips, the same archive"


def test_how_long_it_takes_is_predicted_and_what_is_there_is_not_rendered(tmp_path, monkeypatch, capsys):
    class Enough(Exception):
        pass

    def stop(clip, work, workers, command):
        raise Enough(clip.id, command[-1])

    monkeypatch.setattr(make_challenge, "render", stop)
    plan = Plan(SEED, frames=20)
    for number in range(20):
        files.write_json(tmp_path / "work" / "target" / f"{number:04d}.json", {})
    with pytest.raises(Enough, match="target"):
        make_challenge.make(plan, tmp_path, 2)
    each = make_challenge.FIXED + make_challenge.RAY * 384 * 384 * 6
    assert (
        f"60 frames, about {each:.1f} s of a core each: {-(-60 * each // 120):.0f} minutes with 2 cores"
        in capsys.readouterr().out
    )
    monkeypatch.undo()
    render_actors.render(plan.clips()[0], tmp_path / "work", 2, ["this is not run: every frame is there"])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--frames", "3"], "--frames 3: give a whole number from 8 on"),
        (["--size", "65"], "--size 65: give an even number"),
        (["--seed", "-5"], "--seed -5: give a whole number from 1 on"),
        ([], "bpy==4.2.18"),
    ],
)
def test_what_is_wrong_or_missing_is_said_before_anything_is_made(tmp_path, given, said):
    (tmp_path / "bpy.py").write_text("raise ImportError('No module named bpy')")
    done = subprocess.run(
        [sys.executable, str(TOOL), str(tmp_path / "out"), *given],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode and said in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


@needs_blender
def test_the_truth_is_the_target_with_the_sources_face(tmp_path, monkeypatch):
    monkeypatch.setattr(skin, "SIZE", 256)
    plan = Plan(SEED, frames=8, size=96, samples=1)
    for clip in plan.clips()[:2]:
        frames.render_clip(clip, tmp_path, 0, 8, actor=plan.people().__getitem__)
    target, truth = (cv2.imread(str(tmp_path / name / "0000.png")).astype(int) for name in ("target", "truth"))
    label = json.loads((tmp_path / "target" / "0000.json").read_text())
    x, y = np.array(label["nose"]).astype(int)
    apart = np.abs(target - truth).mean(axis=2)
    assert apart[y - 6 : y + 6, x - 6 : x + 6].mean() > 8 and apart[:, :20].mean() < 2 and apart[:, -16:].mean() < 3
