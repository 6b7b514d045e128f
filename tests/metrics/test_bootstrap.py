"""Intervals by blocks of frames: where plain resampling is too sure, what is paired, and when there is none."""

import numpy as np
import pandas as pd
import pytest

from faceswap_lab.metrics import bootstrap
from faceswap_lab.metrics.catalogue import Score, gain_of, mean_of, ratio_of, value_of, weighted_values

MEAN = (Score("mean", "mean", "", "higher", (-9, 9), mean_of("x")),)


def remembering(rho, count, random):
    """A series whose every number remembers a share of the one before; its true mean is 0."""
    series = random.normal(size=count + 100)
    for index in range(1, len(series)):
        series[index] += rho * series[index - 1]
    return series[100:]


def test_blocks_cover_where_single_frames_do_not():
    """Of 300 series of 120 numbers with a memory of 0.7, the intervals that hold the true mean: stated for 95 % of them."""
    random, hits = np.random.default_rng(0), {1: 0, None: 0}
    for seed in range(300):
        table = pd.DataFrame({"x": remembering(0.7, 120, random)})
        for length in hits:
            found = bootstrap.intervals(MEAN, table, length, resamples=500, seed=seed)["mean"]
            hits[length] += found.low < 0 < found.high
    assert hits[1] / 300 < 0.75 and 0.88 < hits[None] / 300 <= 0.99


def test_block_length_follows_the_memory():
    random = np.random.default_rng(1)
    lengths = [bootstrap.block_length(remembering(rho, 200, random)[:, None]) for rho in (0, 0.6, 0.9)]
    assert lengths[0] <= 8 < lengths[1] < lengths[2] <= 50
    assert bootstrap.block_length(np.full((60, 2), np.nan)) == 4  # 60^(1/3)
    assert bootstrap.block_length(np.ones((3, 1))) == 1


def test_every_frame_is_drawn_as_often_and_a_seed_repeats():
    drawn = bootstrap.draw_blocks(50, 8, 4000, seed=3)
    assert (drawn.sum(axis=1) == 50).all()
    assert np.abs(drawn.mean(axis=0) - 1).max() < 0.1  # the clip's ends no less than its middle
    np.testing.assert_array_equal(drawn, bootstrap.draw_blocks(50, 8, 4000, seed=3))
    assert (drawn != bootstrap.draw_blocks(50, 8, 4000, seed=4)).any()
    first = bootstrap.draw_blocks(50, 50, 20)  # one block is the whole ring
    assert (first == 1).all()


def test_independent_frames_get_the_textbook_interval():
    x = np.random.default_rng(5).normal(size=400)
    found = bootstrap.intervals(MEAN, pd.DataFrame({"x": x}), length=1)["mean"]
    half = 1.96 * x.std(ddof=1) / np.sqrt(400)
    assert found.value == pytest.approx(x.mean())
    assert (found.low, found.high) == pytest.approx((x.mean() - half, x.mean() + half), abs=0.12 * half)


def test_many_choices_at_once_agree_with_one_by_one():
    random = np.random.default_rng(2)
    table = pd.DataFrame(random.uniform(1, 2, (30, 3)), columns=["a", "b", "c"])
    table.loc[3, "a"] = np.nan
    made = (mean_of("a"), ratio_of("a", "b"), gain_of("b", "c"), lambda t: float(t["c"].median()))
    scores = tuple(Score(f"s{i}", "", "", "lower", (0, 9), of) for i, of in enumerate(made))
    weights = bootstrap.draw_blocks(30, 5, 20)
    together = weighted_values(scores, table, weights)
    for row, each in enumerate(weights.astype(int)):
        alone = value_of(scores, table.iloc[np.repeat(np.arange(30), each)])
        assert {name: values[row] for name, values in together.items()} == pytest.approx(alone)


def test_a_paired_difference_sees_what_two_intervals_do_not():
    random = np.random.default_rng(4)
    easy = remembering(0.8, 100, random)  # frames that are hard for the one are hard for the other
    one, two = (pd.DataFrame({"x": easy + shift + random.normal(0, 0.05, 100)}) for shift in (0.2, 0))
    apart = [bootstrap.intervals(MEAN, table)["mean"] for table in (one, two)]
    assert apart[0].low < apart[1].high, "the intervals overlap"
    found = bootstrap.differences(MEAN, one, two)["mean"]
    assert found.clear and found.value == pytest.approx(0.2, abs=0.03) and found.low > 0.1
    lower = (Score("mean", "mean", "", "lower", (-9, 9), mean_of("x")),)
    assert bootstrap.differences(lower, one, two)["mean"].high < 0, "where lower is better, the first is worse"
    assert not bootstrap.differences(MEAN, one, one)["mean"].clear
    with pytest.raises(ValueError, match="100 and 99"):
        bootstrap.differences(MEAN, one, two[1:])


def test_no_interval_from_one_frame_or_a_score_that_is_not_there():
    for count in (1, 3):
        found = bootstrap.intervals(MEAN, pd.DataFrame({"x": np.arange(count) + 2.0}))["mean"]
        assert not found.is_known and found.value == 2 + (count - 1) / 2
    table = pd.DataFrame({"x": [np.nan] * 20})
    assert not bootstrap.intervals(MEAN, table)["mean"].is_known
    rare = table.copy()
    rare.loc[7, "x"] = 1.0  # one frame of twenty: most resamples have it in no block
    assert not bootstrap.intervals(MEAN, rare, length=1, seed=1)["mean"].low < 1
