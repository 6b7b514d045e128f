"""One pass over several outputs: every frame once, in order, what is seen in target and truth found once and shared."""

import numpy as np
import pandas as pd
import pytest

from faceswap_lab.base.errors import LabError
from faceswap_lab.metrics.catalogue import Score, gain_of, mean_of, ratio_of, value_of
from faceswap_lab.metrics.frame_samples import measure_clips

POINTS = np.tile([[30.0, 30], [60, 30], [45, 45], [33, 60], [57, 60]], (3, 1, 1))


def find_nothing(image, points):
    return None


class Difference:
    """Mean difference to truth (or target), and how often landmarks were asked for."""

    scores = (Score("apart", "apart", "mean difference", "lower", (0, 255), mean_of("apart")),)

    def __init__(self):
        self.rows = []

    def add(self, sample):
        other = sample.truth or sample.target
        sample.output.landmarks, other.landmarks, other.landmarks  # noqa: B018
        self.rows.append({"apart": np.abs(sample.output.image.astype(int) - other.image).mean(), "index": sample.index})

    def table(self):
        return pd.DataFrame(self.rows)


def clip(value, count=3, side=90):
    return [np.full((side, side, 3), value, np.uint8) for _ in range(count)]


def test_outputs_share_what_is_seen_in_the_truth():
    asked = []
    found = measure_clips(
        {"one": clip(11), "two": iter(clip(20))}, clip(0), POINTS, lambda name: [Difference()], clip(10),
        finder=lambda image, points: asked.append(int(image[0, 0, 0])),
    )  # fmt: skip
    assert {name: value_of(*pair) for name, pair in found.items()} == {"one": {"apart": 1}, "two": {"apart": 10}}
    assert asked.count(10) == 3 and asked.count(11) == 3 and asked.count(20) == 3 and 0 not in asked
    assert list(found["two"][1]["frame"]) == list(found["two"][1]["index"]) == [0, 1, 2]


def test_the_truth_may_be_an_output_too():
    found = measure_clips(
        {"truth": clip(10), "one": clip(11)}, clip(0), POINTS, lambda name: [Difference()], clip(10), find_nothing
    )
    assert {name: value_of(*pair)["apart"] for name, pair in found.items()} == {"truth": 0, "one": 1}


def test_without_points_nothing_is_looked_for():
    holes = POINTS.copy()
    holes[1] = np.nan
    asked = []
    measure_clips(
        {"one": clip(11)}, clip(0), holes, lambda name: [Difference()], finder=lambda *both: asked.append(both)
    )
    assert len(asked) == 4  # output and target of two frames


def test_bad_input_is_named():
    def run(outputs, points=POINTS, **more):
        return measure_clips(outputs, clip(0), points, lambda name: [Difference()], finder=lambda *both: None, **more)

    for outputs, more, words in (
        ({"one": clip(1, 2)}, {}, "one: ends after 2 frames"),
        ({"one": clip(1, 4)}, {}, "target: ends after 3 frames"),
        ({"one": clip(1, side=80)}, {}, "one: frame 0 is 80x80"),
        ({"target": clip(1)}, {}, "none may be called target"),
        ({"one": clip(1)}, {"points": POINTS[:2]}, "points: 2 rows"),
        ({"one": clip(1)}, {"points": POINTS * np.nan}, "no frame has five points"),
        ({"one": clip(1)}, {"truth": clip(1, 2)}, "truth: ends after 2"),
    ):
        with pytest.raises(LabError, match=words):
            run(outputs, **more)


def test_numbers_from_tables():
    table = pd.DataFrame({"error": [1.0, 2, np.nan], "start": [4.0, 2, 9]})
    assert ratio_of("error", "start")(table) == pytest.approx(0.5) and gain_of("error", "start")(
        table
    ) == pytest.approx(0.5)
    assert mean_of("error")(table) == pytest.approx(1.5)
    assert np.isnan(ratio_of("error", "none")(table)) and np.isnan(ratio_of("error", "start")(table * 0))
    assert np.isnan(mean_of("none")(table)) and np.isnan(mean_of("error")(table[2:]))


def test_which_way_is_better():
    scores = {better: Score("s", "s", "", better, (0, 2), mean_of("x")) for better in ("higher", "lower", "one")}
    assert scores["higher"].goodness(2) > scores["higher"].goodness(1)
    assert scores["lower"].goodness(1) > scores["lower"].goodness(2)
    assert scores["one"].goodness(1.1) > scores["one"].goodness(0.8) > scores["one"].goodness(1.3)
    with pytest.raises(ValueError, match="must be one of"):
        Score("s", "s", "", "more", (0, 1), mean_of("x"))
