"""The scoring stage on a run with the shipped warm start: what scores.json holds, with a truth and without."""

import dataclasses
import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.course import run_settings, runtime, scoring, stages
from faceswap_lab.faces.faceset import spread_rows
from faceswap_lab.swap.base_swap import BaseSwap
from faceswap_lab.swap.options import ConversionOptions
from faceswap_lab.training import fine_tuning, practice_faces
from faceswap_lab.video.pictures import write_picture


class Brighter:
    """Stands in for a model: generates every face a little brighter."""

    size, name = 64, "brighter"

    def __call__(self, faces):
        return np.clip(faces + 0.1, 0, 1), np.ones((*faces.shape[:3], 1), np.float32)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return runtime.prepare("quick", 0, tmp_path_factory.mktemp("scored run"))


@pytest.fixture(scope="module")
def swaps(run):
    stages.ensure_faces(run, "A", every=20)
    stages.ensure_faces(run, "B", every=20)
    run_faces(run)
    generated = scoring.swap_functions(run)  # no model was trained: the warm start, put onto the base's swap
    assert list(generated) == ["warm_start"] and not (run.out / "models").exists()
    assert isinstance(generated["warm_start"].base, BaseSwap)
    return [scoring.swap_clip(run, name, f) for name, f in {**generated, "brighter": Brighter()}.items()]


def run_faces(run):
    """Marks the sparse face sets as what the preset asks for, so that the test need not look at every frame."""
    for role in ("A", "B"):
        run.mark_done(f"faces_{role}", every=run.preset.every)


def test_with_a_truth(run, swaps):
    found = scoring.score_run(run, swaps, full=False)
    assert json.loads((run.out / "scores.json").read_text()) == found
    assert found["best"] == "warm_start"
    best, brighter = found["models"]["warm_start"], found["models"]["brighter"]
    assert best["swap_gain"] > 0.1 and best["identity_gain"] > 0.2 and best["nearer_to_source"] >= 0.8
    assert best["landmark_error"] < 0.06 and best["landmarks_found"] > 0.95
    assert best["structure_gain"] > 0.1 and 0.3 < best["sharpness"] < 1.2
    unchanged = found["baselines"]["unchanged"]
    assert (
        unchanged["gaze_error"] < 5 and unchanged["gaze_error"] < best["gaze_error"] < 30
    )  # the same gaze, in A's eyes
    assert unchanged["gaze_still"] == best["gaze_still"] > 1
    assert abs(brighter["structure_gain"]) < 0.1
    assert abs(brighter["swap_gain"]) < 0.1 and abs(brighter["identity_gain"]) < 0.1
    assert brighter["nearer_to_source"] == found["baselines"]["unchanged"]["nearer_to_source"] == 0
    assert set(found["baselines"]) == {"unchanged", "tint", "average_face", "blurred_truth", "shifted_truth", "truth"}


def test_a_conversion_is_not_made_twice_but_again_for_other_options(run, swaps):
    assert swaps[1].report is not None
    assert scoring.swap_clip(run, "brighter", Brighter()).report is None
    mask = min((run.faces("target") / "masks").iterdir())
    before = mask.read_bytes()
    try:
        write_picture(mask, np.zeros((256, 256, 3), np.uint8))
        assert scoring.swap_clip(run, "brighter", Brighter()).report is not None
    finally:
        mask.write_bytes(before)
    assert scoring.swap_clip(run, "brighter", Brighter(), feather=3.0).report is not None


def test_a_fine_tuned_base_is_itself_or_left_out(run, swaps, monkeypatch, capsys):
    """Without the note of its steps the plain base would pass for it; and a set that was cleaned may be too small by now."""
    swapped = run.swap("base_fine_tuned", "mask")
    note = run.out / "models" / "base_fine_tuned" / "made_with.json"
    swapped.touch()
    try:
        assert list(scoring.swap_functions(run)) == ["warm_start"]
        for steps in ("many", None, 40):
            files.write_json(note, {"steps": steps})
            monkeypatch.setattr(fine_tuning, "LEAST_PICTURES", 1000)
            assert list(scoring.swap_functions(run)) == ["warm_start"]
        assert "Left out: base_fine_tuned (fine-tuning practises with 1000 pictures" in capsys.readouterr().out
    finally:
        swapped.unlink()
        shutil.rmtree(note.parent)


def test_strangers_practise_with_the_bases_swaps(run, swaps, monkeypatch, capsys):
    own = stages.training_arrays(run, 32, copies=0)
    assert scoring.with_base_swaps(run, *own, centred=True) == own, "the warm start knows both"
    read = scoring.read_sources
    known = read(scoring._warm_start())
    monkeypatch.setattr(scoring, "read_sources", lambda folder: known[:1] if "weights" in str(folder) else read(folder))
    monkeypatch.setattr(practice_faces, "MOST_SWAPS", 6)
    capsys.readouterr()
    faces, masks, transferred = scoring.with_base_swaps(run, *own, centred=False)
    assert "6 practice faces of B are swaps by the model base" in capsys.readouterr().out
    assert faces["A"] is own[0]["A"] and len(faces["B"]) == len(masks["B"]) == len(transferred["B"]) == len(own[0]["B"]) + 6
    answers, inputs = (part["B"][-6:].astype(float) for part in (faces, transferred))
    target = stages.main_person(stages.ensure_faces(run, "target"))
    assert np.array_equal(inputs, target.subset(spread_rows(len(target), 6)).images(48))
    changed = np.abs(answers - inputs).mean(axis=(0, 3))
    assert changed[16:40, 12:36].mean() > 10 > 3 > changed[:2].mean(), "the face is another's, the hair above is A's"

    monkeypatch.setattr(BaseSwap, "from_faces", refuse)
    assert scoring.with_base_swaps(run, *own, centred=True) == own
    assert "Left out: base (no face)" in capsys.readouterr().out


def refuse(*what, **options):
    raise LabError("no face")


def test_a_settings_file_counts_for_the_run(run, swaps):
    path = run_settings.settings_path(run)
    assert path.parent == run.out and run_settings.settings(run) == run_settings.DEFAULTS
    assert "the lab's defaults" in run_settings.told_settings(run)
    try:
        ConversionOptions(erode=7.0, blend="seamless").write(path)
        assert run_settings.settings(run) == ConversionOptions(erode=7.0, blend="seamless")
        assert run_settings.told_settings(run) == f"{path}: blend=seamless, erode=7.0"
        made = scoring.swap_clip(run, "brighter", Brighter())
        assert made.blend == "seamless" and made.path.name == "brighter_seamless.mp4" and made.report is not None
        assert scoring.swap_clip(run, "brighter", Brighter(), erode=7.0).report is None, (
            "the same options by another way"
        )
        path.write_text('{"erode": 99}')
        with pytest.raises(LabError, match="conversion_settings.json.*erode"):
            scoring.swap_clip(run, "brighter", Brighter())
    finally:
        path.unlink()


def test_without_a_truth(run, swaps):
    clips = type(run.clips)(run.clips.source, run.clips.target, run.clips.target_training, None)
    alone = runtime.Run(run.out, run.preset, run.seed, clips)
    swapped = scoring.Swapped("warm_start", "mask", swaps[0].path, None, None)  # read from the labelled video
    found = scoring.score_run(alone, [swapped], full=False)
    model, unchanged = found["models"]["warm_start"], found["baselines"]["unchanged"]
    assert "swap_gain" not in model and model["nearer_to_source"] >= 0.8
    assert model["identity_move_dlib"] > 0.5 and model["expression_kept"] > 0.5
    assert (unchanged["identity_move_dlib"], unchanged["expression_kept"]) == (0, 1)
    assert set(found["baselines"]) == {"unchanged", "average_face"}
    assert "No true swap" in " ".join(found["notes"])
    other = dataclasses.replace(swapped, model="other")
    labels = [note for note in scoring.score_run(alone, [swapped, other], full=False)["notes"] if "label" in note]
    assert len(labels) == 1 and "coded videos (warm_start, other)" in labels[0]  # not a note a model
    assert scoring.compare(alone, 0, {}, np.zeros((5, 2))) is None


def test_the_best_without_a_truth_is_alike_and_keeps_the_expression(run):
    """The figures of a run with two people whom no training knew: every model is nearer to B on all frames."""
    figures = {
        "autoencoder": (0.89, 0.78), "faceswap_gan": (0.80, 0.73), "base": (0.73, 0.84), "base_fine_tuned": (0.82, 0.86),
        "autoencoder_from_nothing": (0.99, 0.90), "unseen": (None, 0.99),
    }  # fmt: skip
    clips = dataclasses.replace(run.clips, truth=None)
    alone = runtime.Run(run.out, run.preset, run.seed, clips)
    cards = {
        name: SimpleNamespace(kind="model", numbers=lambda pair=pair: dict(zip(scoring.MEASURES_OF_BEST, pair, strict=True)))
        for name, pair in figures.items()
    }
    assert scoring._best(alone, cards) == "base_fine_tuned"


def test_nothing_to_score(run):
    with pytest.raises(LabError, match="nothing was converted"):
        scoring.score_run(run, [])
