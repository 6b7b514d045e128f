"""The archive for classes without GitHub holds all that the lessons use, and little else."""

import ast
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from faceswap_lab import metrics, video
from faceswap_lab.base.errors import LabError
from faceswap_lab.course import actors

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import make_colab_archive as archives  # noqa: E402

pytestmark = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="the archive is made of what git knows")
MEGABYTES = 60
# In a new process: open all that the lessons name, and start a run.
LOOK = """
import pathlib, sys
from faceswap_lab import video
from faceswap_lab.base import weights
from faceswap_lab.course import actors, notebooks, runtime, samples
from faceswap_lab.provenance.consent import Ledger
root = pathlib.Path(sys.argv[1])
assert samples.ROOT == root and len(notebooks.all_notebooks()) >= 11
for clip in [*map(actors.clip, sys.argv[2:]), *actors.clips("failure")]:
    actors.clip(clip.id, check=True)  # every file's SHA-256, landmarks and masks too
    Ledger.load().require(clip.path, "prepare", clip.id)
    assert next(video.open_video(clip.path).frames()).image.shape[2] == 3
found = [weights.find(name) for name in weights.WEIGHTS]
assert len(found) == 11 and all(path.is_relative_to(root) for path in found)
run = runtime.prepare("quick", 0, "runs/sample")
assert run.clip("truth").is_relative_to(root) and run.out == root / "runs" / "sample"
"""


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("colab")
    archive = archives.make_archive(ROOT, folder / "faceswap_lab_colab.zip")
    assert archive.stat().st_size < MEGABYTES * 1e6
    with zipfile.ZipFile(archive) as file:
        file.extractall(folder)
    return folder / "faceswap_lab_colab"


def clips_of_the_lessons() -> set[str]:
    """The actors' clips that notebooks and the modules behind them name."""
    texts = [*(ROOT / "notebooks" / "text").glob("*.py"), *(ROOT / "faceswap_lab").rglob("*.py")]
    named = {
        node.args[0].value
        for path in texts
        for node in ast.walk(ast.parse(re.sub(r"^(# )?[!%].*", "", path.read_text(encoding="utf-8"), flags=re.M)))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "actors.clip"
        and isinstance(node.args[0], ast.Constant)
    }
    return named | {"talk_B", "train_A", "train_B", "truth_A_from_B", "truth_B_from_A"}


def test_the_lessons_find_what_they_need(unpacked):
    clips = clips_of_the_lessons()
    assert {"talk_A", "stranger"} <= clips
    environment = os.environ | {"PYTHONPATH": str(unpacked), "FACESWAP_LAB_CONSENT": str(unpacked.parent / "consent")}
    command = [sys.executable, "-P", "-c", LOOK, str(unpacked), *sorted(clips)]
    done = subprocess.run(command, env=environment, cwd=unpacked.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_truths_are_coded_so_that_nobody_sees_it(unpacked):
    for clip in map(actors.clip, ("truth_A_from_B", "truth_B_from_A")):
        coded = video.open_video(unpacked / "data" / "actors" / clip.path.name)
        assert coded.num_frames == clip.facts["frames"] and coded.fps == clip.facts["fps"]
        first, seen = (next(one.frames()).image for one in (video.open_video(clip.path), coded))
        assert 10 * np.log10(255**2 / np.square(first.astype(float) - seen).mean()) > 48, clip.id
        target = actors.clip(clip.facts["truth_of"])
        before = next(video.open_video(target.path).frames()).image
        blend = cv2.addWeighted(before, 0.5, first, 0.5, 0)
        scores = [
            metrics.score_clip([blend], [truth], [before], target.points()[:1]).as_json() for truth in (first, seen)
        ]
        assert scores[1] == pytest.approx(scores[0], abs=0.005) and 0.2 < scores[0]["swap_gain"] < 0.9


def test_what_is_left_out_is_named_when_it_is_asked_for(unpacked):
    manifest = unpacked / "data" / "actors" / "manifest.json"
    kept = {"masks": {"truth_A_from_B"}, "landmarks": {"talk_A"}}
    for clip in filter(lambda clip: "masks" in clip.facts, actors.clips(manifest=manifest)):
        for kind, here in kept.items():
            if clip.id in here:
                assert getattr(clip, kind)()
                continue
            with pytest.raises(LabError, match=f"{kind}_{clip.id}.npz: .*missing.* a clone of the lab has it"):
                getattr(clip, kind)()
    with pytest.raises(LabError, match="hard_truth_A_from_B.mp4: .*missing.* a clone of the lab has it"):
        actors.clip("hard_truth_A_from_B", manifest=manifest)


def test_consent_is_known_for_the_clips_of_a_clone_as_well(unpacked):
    for path in (ROOT / "data" / "consent").glob("*.json"):
        ours, theirs = (
            json.loads((root / "data/consent" / path.name).read_text())["sources"] for root in (ROOT, unpacked)
        )
        assert [source for source in theirs if source in ours] == ours


def test_measured_figures_come_along(unpacked):
    measured = [path.relative_to(ROOT) for path in (ROOT / "faceswap_lab").rglob("*.json")]
    assert len(measured) >= 3 and all((unpacked / path).exists() for path in measured)


def test_links_of_the_lessons_lead_to_files_of_the_archive(unpacked):
    for page in [*(ROOT / "notebooks" / "text").glob("*.py"), *(unpacked / "docs").glob("*.md")]:
        for link in re.findall(r"\]\((\.\./[^)#\s]+)", page.read_text(encoding="utf-8")):
            assert ((unpacked / "notebooks" if page.suffix == ".py" else page.parent) / link).exists(), (
                page.name,
                link,
            )


def test_nothing_private_and_nothing_for_developers(unpacked):
    with zipfile.ZipFile(unpacked.with_suffix(".zip")) as file:
        names = {name.removeprefix("faceswap_lab_colab/") for name in file.namelist()}
    assert "pyproject.toml" in names and "notebooks/05_video_conversion.ipynb" in names
    wrong = re.compile(r"(^|/)(tests|tools|runs|\.git|__pycache__|sample)/|hard_truth|benchmarks/\w+\.py")
    assert not [name for name in names if wrong.search(name)]
    assert "docs/teaching/answers.md" in names  # the lessons fold their recall answers open from it
    solutions = re.compile(r"^notebooks/text/|^solutions/|^notes/")
    assert not [name for name in names if solutions.search(name)]
    known = subprocess.run(["git", "-C", ROOT, "ls-files"], capture_output=True, text=True, check=True).stdout
    assert names <= set(known.splitlines())


def test_the_same_files_make_the_same_archive_and_no_git_is_said(tmp_path, monkeypatch):
    def few(root):
        return ["LICENSE", "pyproject.toml"]

    monkeypatch.setattr(archives, "lab_files", few)
    first, second = (archives.make_archive(ROOT, tmp_path / name).read_bytes() for name in ("a.zip", "b.zip"))
    assert first == second
    monkeypatch.undo()
    with pytest.raises(RuntimeError, match="Make the archive in a clone"):
        archives.lab_files(tmp_path)
