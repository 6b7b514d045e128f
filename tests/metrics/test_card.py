"""The score card: what every measure says, best and worst frames, and what must be said beside the numbers."""

import numpy as np
import pandas as pd
import pytest

from faceswap_lab.base.errors import LabError
from faceswap_lab.metrics import measures, score_clip
from faceswap_lab.metrics.baselines import Baselines, baseline_clips, blurred_truth
from faceswap_lab.metrics.card import make_cards
from faceswap_lab.metrics.catalogue import Score, mean_of
from faceswap_lab.metrics.gains import GainMeasure
from faceswap_lab.metrics.measures import Known
from faceswap_lab.metrics.recognition_features import Recogniser


class PlainRecogniser:
    """Stands in for the evaluation network: the mean colour of nine fields of the chip."""

    def __init__(self):
        self.asked = 0

    def embed(self, chips, batch_size=16):
        self.asked += len(chips)
        fields = chips.reshape(len(chips), 3, 50, 3, 50, 3).mean(axis=(2, 4)).reshape(len(chips), -1) / 255
        return np.pad(fields, [(0, 0), (0, 128 - fields.shape[1])]).astype(np.float32)


@pytest.fixture(scope="module")
def clip(actor_frames):
    truth, points = actor_frames("truth", 6)
    return truth, actor_frames("target", 6)[0], points


def known(**given):
    return Known(given={"recogniser": Recogniser(PlainRecogniser()), **given})


def no_face(*_):
    return None


def test_gains_on_a_card_are_those_of_score_clip(clip):
    truth, target, points = clip
    outputs = {"soft": [blurred_truth(frame) for frame in truth]}
    simple = baseline_clips(iter(target), points, Baselines(), iter(truth))
    recogniser = PlainRecogniser()
    made = make_cards(
        {**outputs, **simple},
        target,
        points,
        Known(given={"recogniser": Recogniser(recogniser)}),
        truth,
        simple,
        (GainMeasure,),
        no_face,
    )
    alone = score_clip(outputs["soft"], truth, target, points, PlainRecogniser())
    assert made["soft"].numbers() == alone.as_json()
    assert list(made) == ["soft", "unchanged", "tint", "blurred_truth", "shifted_truth", "truth"]
    assert made["blurred_truth"].kind == "baseline" and made["blurred_truth"].numbers() == made["soft"].numbers()
    assert made["unchanged"].numbers()["swap_gain"] == 0 and made["soft"].kind == "model"
    assert recogniser.asked == len(truth) * (2 + 3), "target, truth and equal outputs are looked at once"
    for name, (low, high) in made["soft"].ranges().items():
        assert low <= made["soft"].numbers()[name] <= high, name
    own = made["soft"].frames()
    np.testing.assert_allclose(own["swap_gain"], alone.table["swap_gain"])
    half = alone.table[:5]
    assert made["soft"].scores[0].of(made["soft"].table[:5]) == pytest.approx(
        1 - half["swap_error"].sum() / half["swap_error_target"].sum()
    )


def test_best_and_worst_frames(clip):
    truth, target, points = clip
    output = truth.copy()
    output[4], output[7] = target[4], blurred_truth(truth[7])
    card = make_cards({"o": output}, target, points, known(), truth, (), (GainMeasure,), no_face)["o"]
    best, worst = card.extremes(2)
    assert worst == [4, 7] and not set(best) & {4, 7}


class Brightness:
    """A measure that a reader adds: it needs pictures of others."""

    SCORES = (
        Score("bright", "bright", "mean", "higher", (0, 255), mean_of("bright"), needs=("gallery",)),
        Score("grows", "grows", "mean", "higher", (0, 255), mean_of("bright"), needs=("order",)),
    )

    def __init__(self, galleries, recogniser=None):
        self.scores, self.galleries, self.recogniser, self.rows = self.SCORES, galleries, recogniser, []

    def add(self, sample):
        self.rows.append({"bright": float(sample.output.image.mean())})

    def table(self):
        return pd.DataFrame(self.rows)


def test_a_measure_is_added_by_its_class_and_left_out_when_something_is_missing(clip):
    _, target, points = clip
    chosen = (GainMeasure, Brightness)
    assert measures.fitting(known(), chosen) == ()
    assert measures.fitting(Known(True), chosen) == (GainMeasure,)
    some = known(galleries=[1], source_faces=2)
    (made,) = measures.make(some, (Brightness,))
    assert made.galleries == [1] and made.recogniser is some.given["recogniser"]
    card = make_cards({"o": target}, target, points, some, None, (), chosen, no_face)["o"]
    assert list(card.numbers()) == ["bright", "grows"] and card.numbers()["bright"] == pytest.approx(
        target.mean(), abs=1e-3
    )
    unordered = Known(order=False, given=some.given)
    card = make_cards({"o": target}, target, points, unordered, None, (), chosen, no_face)["o"]
    assert list(card.numbers()) == ["bright"]
    names = [score.name for each in measures.MEASURES for score in each.SCORES]
    assert len(set(names)) == len(names) == len(measures.all_scores())


def test_a_score_that_speaks_of_a_unit_has_it():
    told = {"in degrees": "deg", "in levels of 255": "levels", "in per cent": "%", " dB": "dB"}
    found = {name: next((unit for words, unit in told.items() if words in score.meaning), None)
             for name, score in measures.all_scores().items()}  # fmt: skip
    assert {"gaze_error", "flicker_beyond", "jitter_beyond", "psnr"} <= {name for name, unit in found.items() if unit}
    assert not [name for name, unit in found.items() if unit and measures.all_scores()[name].unit != unit]


@pytest.mark.parametrize(
    "case", ["one frame", "no face in some", "black", "the target", "the truth", "nothing differs in some"]
)
def test_what_must_be_said(clip, case):
    truth, target, points = (x[:6].copy() for x in clip)
    output = np.array([blurred_truth(frame) for frame in truth])
    words = {
        "one frame": "One frame only", "no face in some": "No face was found in 2 of the", "black": "The output is black",
        "the target": "nothing was swapped", "the truth": "the true swap itself", "nothing differs in some": "in 1 of the frames",
    }[case]  # fmt: skip
    if case == "one frame":
        truth, target, points, output = (x[:1] for x in (truth, target, points, output))
    points[1:3] = np.nan if case == "no face in some" else points[1:3]
    if case == "nothing differs in some":
        truth[2] = target[2]
    output = {"black": output * 0, "the target": target, "the truth": truth}.get(case, output)
    card = make_cards({"o": output}, target, points, known(), truth, (), (GainMeasure,), no_face)["o"]
    assert words in " ".join(card.notes)
    numbers = card.numbers()
    assert all(value is not None for value in numbers.values())
    if case == "the target":
        assert numbers["swap_gain"] == numbers["identity_gain"] == numbers["structure_gain"] == 0
    if case == "the truth":
        assert set(numbers.values()) == {1.0}
    if case == "black":
        assert numbers["swap_gain"] < 0.3 and numbers["sharpness"] == 0
    assert bool(card.ranges()) == (case != "one frame")


def test_no_face_anywhere_and_unequal_lengths_are_refused(clip):
    truth, target, points = (x[:2] for x in clip)
    with pytest.raises(LabError, match="no frame has five points"):
        make_cards({"o": target}, target, points * np.nan, known(), truth, (), (GainMeasure,))
    with pytest.raises(LabError, match="o: ends after 1 frames"):
        make_cards({"o": target[:1]}, target, points, known(), truth, (), (GainMeasure,))
