"""Figures of the detection lesson: the table says what was measured, the bars are as long as the videos are many."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from faceswap_lab.metrics.bootstrap import Interval
from faceswap_lab.studies.detection.error_rates import alarms
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
        {"detector": "seam", "video": "a_model", "auc": Interval(0.5)},
    ]
    text = detection.area_table(pd.DataFrame(rows), ["detector"], "video").to_html()
    assert "a model" in text and "0.90\n(0.85\u00a0to\u00a00.95)" in text and "nan" not in text
    right, wrong = "rgba(0, 114, 178, 0.44)", "rgba(213, 94, 0, 0.44)"
    assert text.count(right) == text.count(wrong) == 1 and "0.00)" in text


def test_the_bars_are_as_long_as_the_videos_are_many(drawn):
    detection.alarms_plot({"rare": alarms(0.01, 0.9, 0.1), "half": alarms(0.5, 0.9, 0.1)})
    axis = plt.gcf().axes[0]
    assert [round(bar.get_width()) for bar in axis.patches] == [90, 10, 990, 4500, 500, 500]
    assert [text.get_text().strip() for text in axis.texts] == [
        "92% of the alarms are false",
        "10% of the alarms are false",
    ]


def test_spectra_are_drawn_beside_the_real_one(drawn):
    random = np.random.default_rng(0)
    real = random.normal(size=(5, 30))
    detection.spectra_plot({"real": real, "swap": real - 7})
    left, right = plt.gcf().axes
    assert [line.get_label() for line in left.lines] == ["real", "swap"]
    assert np.allclose(right.lines[0].get_ydata(), 0) and np.allclose(right.lines[1].get_ydata(), -7)


def test_the_hills_behind_an_auc_are_those_of_the_detector_asked_for(drawn):
    rows = [("blur", "real", 0.0), ("blur", "a_model", 1.0), ("blur", "perfect", 0.0), ("seam", "real", 9.0)]
    numbers = pd.DataFrame([{"detector": d, "video": f, "number": n} for d, f, n in rows for _ in range(5)])
    detection.distributions_plot(numbers, "blur")
    apart, alike = plt.gcf().axes
    assert [axis.get_title() for axis in (apart, alike)] == ["a model", "perfect"]
    assert max(bar.get_x() + bar.get_width() for bar in apart.patches[:24]) == 1.0  # the 9 is another detector's
    tops = [
        [int(np.argmax([bar.get_height() for bar in axis.patches[:24]])), axis.patches[24].get_xy()]
        for axis in (apart, alike)
    ]
    heights = [xy[:, 1] for _, xy in tops]
    assert tops[0][0] == tops[1][0] == 0 and heights[0][:4].max() == 0 < heights[1][:4].max()
