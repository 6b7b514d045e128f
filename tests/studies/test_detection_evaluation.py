"""Trials: what trains is never tested, one video against another, alarms where the threshold was not chosen."""

import numpy as np
import pandas as pd
import pytest

from faceswap_lab.base.errors import LabError
from faceswap_lab.studies.detection import data_set, evaluation, recompression
from faceswap_lab.studies.detection.data_set import REAL, Scene

GREY = {REAL: 100, "bright": 140, "alike": 100}


def video(level, count=60):
    def frames():
        for number in range(count):
            yield np.full((300, 340, 3), level + 5 * (number % 7), np.uint8)

    return frames


@pytest.fixture(scope="module")
def scene(shifted_faces):
    videos = {name: video(level) for name, level in GREY.items()}
    return Scene("clip", 20, videos, shifted_faces(range(60)))


def brightness(crops):
    return crops.faces.mean(axis=(1, 2, 3))


def test_training_takes_the_training_moments_of_both_classes(scene):
    real, swapped = evaluation.training_crops(scene, ["bright"], [recompression.UNCODED])
    wanted = scene.frames[data_set.split(scene.frames) == data_set.TRAIN]
    assert real.frames.tolist() == swapped.frames.tolist() == wanted.tolist()
    assert (brightness(swapped) - brightness(real) == 40).all()


def test_several_swaps_and_codings_take_the_moments_in_turn(scene):
    some = [recompression.UNCODED, recompression.Coding("crf 40", 40)]
    real, swapped = evaluation.training_crops(scene, ["bright", "alike"], some)
    wanted = scene.frames[data_set.split(scene.frames) == data_set.TRAIN]
    assert len(real) == len(swapped) == len(wanted) and sorted(real.frames) == wanted.tolist()
    brighter = np.rint((brightness(swapped) - brightness(real)) / 40)
    assert abs(brighter.mean() - 0.5) < 0.1
    both = evaluation.pooled((real, swapped), (real, swapped))
    assert [len(one) for one in both] == [2 * len(real)] * 2
    with pytest.raises(LabError, match="only one class"):
        evaluation.training_crops(scene, [])


def test_only_moments_that_training_cannot_see_are_tested(scene):
    table = evaluation.numbers(scene, {"light": brightness}, [recompression.UNCODED])
    train = evaluation.training_crops(scene, ["bright"], [recompression.UNCODED])[0].frames
    assert set(table["video"]) == {REAL, "bright", "alike"} and not set(table["frame"]) & set(train)
    found = evaluation.areas(table).set_index("video")["auc"]
    assert found["bright"].value == 1.0 and found["alike"].value == 0.5
    assert evaluation.told(found["bright"]) == "1.00\u00a0(1.00\u00a0to\u00a01.00)"


def test_a_film_is_compared_with_one_of_another_scene_and_coding(scene, shifted_faces):
    other = Scene("other", 20, {REAL: video(130, 30)}, shifted_faces(range(30)))
    tables = [evaluation.numbers(scene, {"light": brightness}, [recompression.UNCODED, recompression.FILMED], ["bright"])]
    tables.append(evaluation.numbers(other, {"light": brightness}, [recompression.FILMED]))
    table = pd.concat(tables)
    own = evaluation.area(table, "light", ("clip", "crf 18", "bright"), ("other", "crf 18", REAL))
    assert 0.5 < own.value < 1  # 140 to 170 against 130 to 160
    assert evaluation.area(table, "light", ("clip", "not coded", "bright"), ("clip", "crf 18", REAL)).value == 1.0
    with pytest.raises(LabError, match=r"light: no numbers for gan \(clip, crf 18\)"):
        evaluation.area(table, "light", ("clip", "crf 18", "gan"), ("clip", "crf 18", REAL))


def test_a_threshold_of_one_film_accuses_another_real_one(scene, shifted_faces):
    stranger = Scene("stranger", 20, {REAL: video(150, 20)}, shifted_faces(range(20)))
    known = evaluation.numbers(scene, {"light": brightness}, [recompression.UNCODED], [])
    table = pd.concat([known, evaluation.numbers(stranger, {"light": brightness}, [recompression.UNCODED])])
    found = evaluation.false_alarms(table, known, share=0.2)["light"]
    assert found["stranger", "not coded"] == 1.0 and 0.0 < found["clip", "not coded"] <= 0.25  # seven levels of grey
    assert (table["scene"] == "stranger").sum() == 20  # nothing was swapped there, so that every moment tests


def test_areas_become_json(scene):
    table = evaluation.areas(evaluation.numbers(scene, {"light": brightness}, [recompression.UNCODED], ["bright"]))
    wanted = {"scene": "clip", "coding": "not coded", "video": "bright", "detector": "light"}
    assert evaluation.as_json(table) == [{**wanted, "auc": {"value": 1.0, "low": 1.0, "high": 1.0}}]


def wandering(count):
    """A video whose faces change a little from moment to moment, and forget in half a second."""
    random, grain = np.random.default_rng(4), np.zeros((64, 64))
    faces = []
    for _ in range(count):
        grain = 0.9 * grain + 0.44 * random.normal(size=grain.shape)
        faces.append(np.repeat(np.clip(128 + 30 * grain, 0, 255).astype(np.uint8)[..., None], 3, axis=2))
    masks = np.zeros((count, 64, 64), np.uint8)
    return data_set.Crops(np.stack(faces), np.zeros((count, 5, 2)), masks, masks, np.arange(count))


def test_coins_are_detected_only_where_neighbours_were_dealt_to_both_sides():
    video = wandering(120)
    honest = evaluation.coin_areas(video, data_set.split(video.frames))
    leaking = evaluation.coin_areas(video, data_set.shuffled_split(video.frames))
    assert abs(honest.mean() - 0.5) < 0.15 and leaking.mean() > 0.75
    with pytest.raises(LabError, match="too few moments"):
        evaluation.coin_areas(video.some(np.arange(6)), np.full(6, data_set.TRAIN, object))
