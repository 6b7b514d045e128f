"""The whole course on the bundled clips, as `make lab` runs it: the swap must be as good as docs/results.md says.

The two networks that begin from nothing take 100 steps instead of 300: all that is asked of them is to stay behind the warm start.
The base model is fine-tuned for 16 steps instead of 200; tests/swap asks what that is good for.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from faceswap_lab import video

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "data" / "sample"
ENVIRONMENT = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
COURSE = ("run", "--preset", "quick", "--set", "scratch_steps=100", "--fine-tune", "16", "--out")


def lab(*arguments):
    command = [sys.executable, "-m", "faceswap_lab", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "course run"  # a blank in the path
    result = lab(*COURSE, out)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return out


@pytest.fixture(scope="module")
def scores(run):
    return json.loads((run / "scores.json").read_text())


def test_everything_promised_is_there(run):
    made = ("swap.mp4", "swap/base_mask.mp4", "swap/base_fine_tuned_mask.mp4", "side_by_side.mp4", "scores.json", "index.html")
    for name in (*made, "faces/A/contact_sheet.png", "pictures/blends.png"):
        assert (run / name).stat().st_size > 0, name
    assert len(list((run / "notebooks").glob("*.ipynb"))) == 6
    assert (run / "notebooks" / "05_video_conversion.ipynb").stat().st_size < 8_000_000
    for model in ("autoencoder", "autoencoder_from_nothing", "autoencoder_shared_decoder", "faceswap_gan"):
        assert (run / "models" / model / "model.weights.h5").exists()
        assert len(list((run / "models" / model / "previews").glob("step_*.png"))) >= 3
        assert (run / "models" / model / "history.csv").read_text().startswith("step,")


def test_the_film_has_the_targets_sound_and_length(run):
    swap, target = video.open_video(run / "swap.mp4"), video.open_video(ROOT / "data" / "actors" / "talk_A.mp4")
    assert swap.has_audio and swap.num_frames == target.num_frames and swap.fps == target.fps


def test_the_swap_beats_its_bounds_and_every_baseline(scores):
    best = scores["models"][scores["best"]]
    assert best["swap_gain"] >= 0.44
    assert best["identity_gain"] >= 0.41
    assert best["pixel_gain"] >= 0.49  # put onto the base's swap it has B's skin; onto the target 0.10
    assert 0.35 <= best["sharpness"] <= 1.2 and best["gaze_error"] < 6  # soft, as the base is
    assert best["nearer_to_source"] >= 0.8
    assert best["landmark_error"] <= 0.045 and best["landmarks_found"] >= 0.95
    for name in ("unchanged", "tint", "average_face"):
        assert best["swap_gain"] > scores["baselines"][name]["swap_gain"] + 0.1, name
        assert best["identity_gain"] > scores["baselines"][name]["identity_gain"] + 0.04, name


def test_the_card_has_the_truth_on_top_and_doing_nothing_at_zero(scores):
    """Notebook 06: whatever is measured against the true swap, nothing is better than the true swap itself."""
    everything = {**scores["models"], **scores["baselines"]}
    sign = {"higher": lambda value: -value, "lower": lambda value: value, "one": lambda value: abs(value - 1)}
    against = [name for name, about in scores["scores"].items() if "truth" in about["needs"]]
    assert len(against) >= 18 and len(scores["scores"]) >= 45
    for name in against:
        bad = sign[scores["scores"][name]["better"]]
        known = {output: bad(row[name]) for output, row in everything.items() if row[name] is not None}
        assert known["truth"] == min(known.values()), name
    unchanged = scores["baselines"]["unchanged"]
    assert all(unchanged[name] == 0 for name in ("swap_gain", "identity_gain", "pixel_gain", "structure_gain", "seam"))
    assert unchanged["temporal_error"] == 1 and unchanged["retrieval_dlib"] == 0
    best = scores["models"][scores["best"]]
    for name in ("swap_gain", "identity_gain", "structure_gain"):
        low, high = scores["intervals"][scores["best"]][name]
        assert low < best[name] < high and high - low < 0.25
        assert best[name] > scores["baselines"]["classical_swap"][name] + 0.1, name
    assert best["judges_disagree"] < 0.1 and best["identity_move_dlib"] > 0.7
    assert "seam" in scores["untrusted"] and "cosine_source_dlib" not in scores["untrusted"]


def test_the_base_is_scored_as_it_is_and_fine_tuned(run, scores):
    assert len(list((run / "models" / "base_fine_tuned").glob("*/base.npz"))) == 1, "trained once, not in each notebook"
    base, tuned = (scores["models"][name] for name in ("base", "base_fine_tuned"))
    assert base["swap_gain"] > 0.3 and tuned["swap_gain"] > 0.3 and base["swap_gain"] != tuned["swap_gain"]


def test_the_warm_start_is_what_makes_the_difference(scores):
    warm, nothing = scores["models"]["autoencoder"], scores["models"]["autoencoder_from_nothing"]
    assert warm["swap_gain"] > nothing["swap_gain"] + 0.05
    assert warm["landmark_error"] < nothing["landmark_error"]


def test_a_second_run_has_nothing_left_to_do(run):
    before = (run / "swap.mp4").stat().st_mtime_ns
    result = lab(*COURSE, run)
    assert result.returncode == 0, result.stderr[-2000:]
    assert (run / "swap.mp4").stat().st_mtime_ns == before


def test_the_welcome_opens_cold(tmp_path):
    command = [sys.executable, "-m", "papermill", "notebooks/00_welcome.ipynb", tmp_path / "00.ipynb"]
    result = subprocess.run(
        [*map(str, command), "-p", "out", str(tmp_path / "run")],
        cwd=ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    executed = (tmp_path / "00.ipynb").read_text(encoding="utf-8")
    assert "image/jpeg" in executed and "absl::" not in executed


def test_the_conversion_opens_cold(tmp_path):
    """Notebook 05 alone, on small clips with their true swap, with no model in the run: the shipped warm start stands in."""
    names = {"source": "train_B", "target": "target", "target-training": "train_A", "truth": "truth"}
    clips = [word for role, name in names.items() for word in (f"--{role}", SAMPLE / f"{name}.mp4")]
    result = lab("run", "--only", "05", "--out", tmp_path / "cold", *clips)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    found = json.loads((tmp_path / "cold" / "scores.json").read_text())
    assert list(found["models"]) == ["warm_start"]
    assert found["models"]["warm_start"]["nearer_to_source"] > 0.5
    executed = (tmp_path / "cold" / "notebooks" / "05_video_conversion.ipynb").read_text(encoding="utf-8")
    assert "data:video/mp4;base64," in executed and "cold/index.html" in executed
    noises = ("FutureWarning", "remapper failed", "absl::", "port.cc", '"name": "stderr"')
    assert not [noise for noise in noises if noise in executed]


def test_the_evaluation_opens_cold_and_without_a_truth(tmp_path):
    """Notebook 06 alone on two clips of one's own: nothing trained, no true swap known."""
    out = tmp_path / "cold"
    result = lab(
        "run", "--only", "06", "--out", out, "--source", SAMPLE / "train_B.mp4", "--target", SAMPLE / "target.mp4"
    )
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    found = json.loads((out / "scores.json").read_text())
    best, unchanged = found["models"]["warm_start"], found["baselines"]["unchanged"]
    assert "swap_gain" not in best and "truth" not in found["baselines"]
    assert best["identity_move_dlib"] > 0.5 and unchanged["identity_move_dlib"] == 0
    assert best["pose_kept"] > 0.8 and unchanged["pose_kept"] == 1
    assert (out / "scores" / "curves.png").stat().st_size > 0
