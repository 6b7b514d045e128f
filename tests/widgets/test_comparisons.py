"""The plot of what parts are worth: an interval that leaves the plot says so."""

import matplotlib.pyplot as plt
import pytest

from faceswap_lab.widgets import comparisons


@pytest.mark.parametrize(("differences", "arrows"), [((0.1, 0.1, 0.3), [">"]), ((0.19, 0.2, 0.21), [])])
def test_an_interval_that_goes_on_beyond_the_plot_ends_in_an_arrow(monkeypatch, differences, arrows):
    monkeypatch.setattr(plt, "show", lambda: None)
    rows = [{"variant": "base", "seed": seed, "structure_gain": 0.5} for seed in range(3)]
    rows += [
        {"variant": "no_contrast", "seed": seed, "structure_gain": 0.5 - one} for seed, one in enumerate(differences)
    ]
    comparisons.worth_plot(rows, ("structure_gain",))
    axis = plt.gcf().axes[0]
    ends = [line for line in axis.lines if line.get_marker() in ("<", ">")]
    assert [line.get_marker() for line in ends] == arrows
    assert all(line.get_xdata()[0] == pytest.approx(axis.get_xlim()[1]) for line in ends)
    plt.close("all")
