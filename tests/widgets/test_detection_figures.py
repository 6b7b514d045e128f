"""Figures of the detection lesson: what they draw is what was measured."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from faceswap_lab.metrics.bootstrap import Interval
from faceswap_lab.widgets import detection


@pytest.fixture
def drawn(monkeypatch):
    """Figures stay open to be looked at."""
    monkeypatch.setattr(plt, "show", lambda: None)
    yield
    plt.close("all")


def test_the_table_tells_intervals_and_colours_right_and_wrong():
    rows = [
        {"detector": "blur", "video": "a_model", "auc": Interval(0.9, 0.85, 0.95)},
        {"detector": "blur", "video": "perfect", "auc": Interval(0.1, 0.05, 0.2)},
        {"detector": "from_nothing", "video": "a_model", "auc": Interval(0.5)},
    ]
    text = detection.area_table(pd.DataFrame(rows), ["detector"], "video").to_html()
    assert "a model" in text and "from nothing" in text and "0.90\n(0.85\u00a0to\u00a00.95)" in text and "nan" not in text
    right, wrong = "rgba(0, 114, 178, 0.44)", "rgba(213, 94, 0, 0.44)"
    assert text.count(right) == text.count(wrong) == 1 and "0.00)" in text


def filled(axis):
    """The areas of an axis' shaded pieces, by their words: trapezoids from the x axis up to the outline."""
    found = {}
    for piece in axis.collections:
        x, y = piece.get_paths()[0].vertices.T
        found[piece.get_label().split()[1]] = 0.5 * abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))
    return found


def test_the_shaded_hills_hold_as_many_videos_as_bayes_rule_says(drawn):
    detection.base_rates_plot((0.5, 0.01), 0.9, 0.1)
    common, rare = plt.gcf().axes
    assert filled(common) == pytest.approx({"accused": 500, "caught": 3511}, rel=0.01)
    assert filled(rare) == pytest.approx({"accused": 990, "caught": 70.2}, rel=0.01)
    assert "12% of the alarms are false" in common.get_title() and "93%" in rare.get_title()


def test_spectra_are_drawn_beside_the_real_one(drawn):
    random = np.random.default_rng(0)
    real = random.normal(size=(5, 30))
    detection.spectra_plot({"real": real, "swap": real - 7})
    left, right = plt.gcf().axes
    assert [line.get_label() for line in left.lines] == ["real", "swap"]
    assert np.allclose(right.lines[0].get_ydata(), 0) and np.allclose(right.lines[1].get_ydata(), -7)


def numbered(rows):
    """A table as `evaluation.numbers` gives it, of (scene, video, detector, numbers)."""
    parts = [
        pd.DataFrame({"scene": scene, "coding": "crf 18", "video": video, "detector": detector, "number": numbers})
        for scene, video, detector, numbers in rows
    ]
    return pd.concat([part.assign(frame=range(len(part))) for part in parts], ignore_index=True)


def test_the_hills_behind_an_auc_are_those_of_the_detector_asked_for(drawn):
    zeros, ones = np.zeros(5), np.ones(5)
    hills = [("real", "blur", zeros), ("a_model", "blur", ones), ("perfect", "blur", zeros), ("real", "seam", 9 * ones)]
    detection.distributions_plot(numbered([("here", *row) for row in hills]), "blur")
    apart, alike = plt.gcf().axes
    assert apart.get_title().startswith("a model\nAUC 1.00") and alike.get_title().startswith("perfect\nAUC 0.50")
    assert max(bar.get_x() + bar.get_width() for bar in apart.patches[:24]) == 1.0  # the 9 is another detector's
    assert [bar.get_height() for bar in apart.patches[:24]] == [5] + 23 * [0]
    assert apart.patches[24].get_xy()[:4, 1].max() == 0 < alike.patches[24].get_xy()[:4, 1].max() == 5


def test_five_panels_of_hills_are_no_wider_than_a_page(drawn):
    hills = [("here", video, "blur", np.arange(5.0)) for video in ("real", "a", "b", "c", "d", "e")]
    detection.distributions_plot(numbered(hills), "blur")
    figure = plt.gcf()
    assert [axis.get_title()[0] for axis in figure.axes] == list("abcde") and figure.get_figwidth() < 9
    assert len({round(axis.get_position().y0, 2) for axis in figure.axes}) == 2


def test_honest_hills_have_one_threshold_and_each_the_share_beyond_it(drawn):
    known = numbered([("this clip", "real", "network", np.arange(100.0)), ("this clip", "a swap", "network", [200.0])])
    other = numbered([("other", "real", "network", np.arange(50.0, 150)), ("other", "real", "another", [500.0])])
    detection.honest_plot(pd.concat([known, other]), known, "network")
    axis = plt.gcf().axes[0]
    assert [text.get_text() for text in axis.get_legend().get_texts()] == [
        "this clip: 5% accused",
        "other: 55% accused",
    ]
    axis.figure.canvas.draw()
    assert axis.get_legend().get_window_extent().y0 >= axis.bbox.y1, "no hill lies under the legend"
    assert axis.lines[0].get_xdata()[0] == pytest.approx(np.quantile(np.arange(100), 0.95)) and axis.dataLim.x1 < 200


def test_shares_of_false_alarms_stand_where_they_belong(drawn):
    places = pd.MultiIndex.from_tuples([("this clip", "crf 18"), ("stranger", "half size")])
    detection.false_alarms_plot(pd.DataFrame({"one": [0.05, 1.0], "both": [0.04, 0.5]}, index=places))
    axis = plt.gcf().axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["this clip, crf 18", "stranger, half size"]
    one, both = axis.lines[:2]
    assert list(one.get_xdata()) == [5, 100] and list(both.get_xdata()) == [4, 50]
    assert one.get_marker() != both.get_marker() and np.round(one.get_ydata()).tolist() == [0, 1]
