"""What a cell shows on the IPython and ipywidgets that Colab has, and on today's."""

import ast
import base64
import inspect
import re
import sys
import types
import urllib.request
from pathlib import Path

import cv2
import IPython.display
import ipywidgets as widgets
import numpy as np
import pytest
import traitlets
from IPython.core.formatters import DisplayFormatter
from tuned import Generator, some_frames

import faceswap_lab
from faceswap_lab.video.pictures import coded_picture
from faceswap_lab.widgets import figures, showing, training_panel, tuning
from faceswap_lab.widgets.showing import Page, Picture, Player, explain


class Image734:
    """`IPython.display.Image` with the arguments of IPython 7.34."""

    def __init__(
        self, data=None, url=None, filename=None, format=None, embed=None, width=None, height=None,
        retina=False, unconfined=False, metadata=None,
    ):  # fmt: skip
        self.data = data


@pytest.fixture
def cell(monkeypatch):
    """What a cell displays, on IPython 7.34 with nobody watching: a list that fills."""
    shown = []

    class Handle:
        update = shown.append

    def display(*things, display_id=None):
        shown.extend(things)
        return Handle if display_id else None

    monkeypatch.setattr(IPython.display, "Image", Image734)
    monkeypatch.setattr(IPython.display, "display", display)
    monkeypatch.setattr(IPython, "get_ipython", lambda: object())
    monkeypatch.setattr(tuning, "somebody_watches", lambda: False)
    monkeypatch.setattr(training_panel, "_in_notebook", lambda: True)
    return shown


def seen(thing):
    """The PNG's pixels, RGB, and the words that stand for them, as a notebook's file keeps them."""
    data, told = DisplayFormatter().format(thing)
    assert data["text/plain"] == told["image/png"]["alt"]
    coded = np.frombuffer(base64.b64decode(data["image/png"]), np.uint8)
    return cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1], told["image/png"]


def test_a_picture_keeps_its_pixels_its_words_and_its_width():
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    pixels, told = seen(Picture(coded_picture(image, ".png"), "noise", width=60))
    np.testing.assert_array_equal(pixels, image)
    assert told == {"alt": "noise", "width": 60}
    assert DisplayFormatter().format(Picture(coded_picture(image, ".jpg"), "noise"))[1] == {
        "image/jpeg": {"alt": "noise"}
    }


def test_every_picture_of_the_notebooks_is_shown_by_ipython_7(cell, tmp_path):
    preview = np.zeros((8, 12, 3), np.uint8)
    show = figures.live_preview("autoencoder")
    show(20, preview)
    show(40, preview + 9)
    rows = "faces of A, then of B, reconstructed, swapped, and each swap's alpha"
    alts = [f"autoencoder, step {step}: {rows}" for step in (20, 40)]
    assert [seen(one)[1] for one in cell] == [{"alt": alt, "width": 24} for alt in alts]
    assert seen(cell[1])[0].max() == 9
    cell.clear()

    panel = training_panel.TrainingPanel("mine", interactive=False)
    panel.begin(Path("m"), 0, 10)
    panel.update(5, [{"step": 5, "loss": 1.0}], 9.0, preview)
    assert "mine: step 5 of 10, loss 1.0000" in seen(cell[0])[1]["alt"]
    cell.clear()

    tuning.TuningPanel(some_frames(1), Generator(), tmp_path / "settings.json", side=100)._ipython_display_()
    assert seen(cell[0])[1]["alt"] == "the swap with these settings"


def test_a_film_is_kept_in_the_notebook_and_has_words():
    data, _ = DisplayFormatter().format(Player(b"mp4 \x00", 'target & "swap"', 900))
    source = re.search(r'src="data:video/mp4;base64,([^"]+)"', data["text/html"])[1]
    assert base64.b64decode(source) == b"mp4 \x00" and data["text/plain"] == 'target & "swap"'
    assert 'aria-label="target &amp; &quot;swap&quot;"' in data["text/html"] and "controls" in data["text/html"]


def test_the_report_is_named_and_on_colab_shown(tmp_path, monkeypatch, capsys):
    page = tmp_path / "index é.html"
    page.write_text("<p>report</p>")
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "curve.png").write_bytes(b"PNG")
    asked = []
    colab, output = types.ModuleType("google.colab"), types.ModuleType("google.colab.output")
    colab.output = output
    output.serve_kernel_port_as_iframe = lambda port, path, height: asked.append(f"http://127.0.0.1:{port}{path}")
    for name, module in (("google.colab", colab), ("google.colab.output", output)):
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(showing.machine, "place", lambda: "this machine")
    Page(page)._ipython_display_()
    assert capsys.readouterr().out == f"{page}\n" and not asked
    monkeypatch.setattr(showing.machine, "place", lambda: "Colab")
    Page(page)._ipython_display_()
    with urllib.request.urlopen(asked[0], timeout=10) as answer:
        assert answer.read() == b"<p>report</p>"
    with urllib.request.urlopen(asked[0].rpartition("/")[0] + "/report/curve.png", timeout=10) as answer:
        assert answer.read() == b"PNG"
    assert capsys.readouterr() == (f"{page}\n", ""), "no line a request"


def test_no_module_shows_a_picture_past_the_helper():
    folder = Path(faceswap_lab.__file__).parent
    texts = [*folder.rglob("*.py"), *(folder.parent / "notebooks" / "text").glob("*.py")]
    assert len(texts) > 100
    for path in texts:
        used = re.findall(r"from IPython.display import .*\bImage\b", path.read_text(encoding="utf-8"))
        assert not used, path


class Old(traitlets.HasTraits):
    """A slider's words as ipywidgets 7.7.1 has them: no `tooltip` but on buttons."""

    description_tooltip = traitlets.Unicode(None, allow_none=True)


def test_words_about_a_control_are_reachable_before_ipywidgets_8_and_after(tmp_path):
    old = Old()
    explain(old, "what it does")
    assert old.description_tooltip == "what it does"
    for control in (widgets.FloatSlider(), widgets.Dropdown(), widgets.Button()):
        explain(control, "what it does")
        state = control.get_state()
        assert "what it does" in (state.get("tooltip"), state.get("description_tooltip"))
    panel = tuning.TuningPanel(some_frames(1), Generator(), tmp_path / "settings.json", side=100)
    assert set(panel.controls) == set(tuning.TOLD)
    for name, control in panel.controls.items():
        assert tuning.TOLD[name] == getattr(
            control, "tooltip" if control.has_trait("tooltip") else "description_tooltip"
        ), name


def test_words_are_given_to_controls_through_the_helper_alone():
    """`Button` and `ToggleButton` have had a `tooltip` in every version: those may take one as they are made."""
    buttons = {"Button", "ToggleButton"}
    for path in Path(inspect.getfile(showing)).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and any(word.arg == "tooltip" for word in node.keywords):
                assert ast.unparse(node.func).rpartition(".")[2] in buttons, f"{path}: line {node.lineno}"


def test_a_figure_comes_with_words_and_signs_that_need_no_colour(monkeypatch):
    """A reader's program gets a sentence, and lines differ by more than their colour."""
    import matplotlib.pyplot as plt
    import pandas as pd

    from faceswap_lab.widgets import figures

    shown = []
    monkeypatch.setattr(figures.machine, "shell", lambda: object())
    monkeypatch.setattr(figures, "display", shown.append)
    figures.row([np.zeros((8, 8, 3))] * 2, ["before", "after"])
    tables = {name: pd.DataFrame({"step": [1, 2], "loss": [2.0, end]}) for name, end in (("mine", 1.0), ("yours", 0.5))}
    seen = []
    monkeypatch.setattr(plt, "close", lambda figure: seen.append(figure))
    figures.curves(tables)
    figures.curves({"size": pd.DataFrame({"frame": [0, 1], "px": [240.0, 241.0]})}, ["px"], over="frame")
    assert seen[1].axes[0].get_xlabel() == "frame" and seen[0].axes[0].get_xlabel() == "step"
    figures.rows({"copy": [np.zeros((8, 8, 3))] * 2}, titles=["crf 0", "crf 10"])
    assert [axis.get_title() for axis in seen[2].axes] == ["crf 0", "crf 10"] and "(crf 0, crf 10)" in shown[3].alt
    assert shown[0].alt == "2 pictures in a row: before, after" and shown[0].content.startswith(b"\x89PNG")
    assert "mine 1, yours 0.5" in shown[1].alt
    assert len({line.get_linestyle() for line in seen[0].axes[0].get_lines()}) == 2
    _, told = shown[0]._repr_mimebundle_()
    assert told["image/png"]["alt"] == shown[0].alt


def test_thin_lines_are_still_seen_where_a_picture_is_shown_small(monkeypatch):
    import matplotlib.pyplot as plt

    from faceswap_lab.widgets import draw_boxes, figures

    boxed = draw_boxes(np.zeros((384, 384, 3), np.uint8), np.array([[101, 101, 301, 301]]))
    assert all((line > 200).sum() >= 2 for line in (boxed[384, 190:220, 1], boxed[590:620, 384, 1]))
    figures.row([boxed, boxed[:64, :64]])
    ways = [axis.images[0].get_interpolation() for axis in plt.gcf().axes]
    plt.close("all")
    assert ways == ["antialiased", "nearest"]


def test_a_logarithmic_axis_has_plain_numbers():
    """0.2 and 0.5 where a curve spans a factor of five; not every minor line has a label where it spans a thousand."""
    from matplotlib.figure import Figure

    from faceswap_lab.widgets import figures

    for low, high, wanted in ((0.15, 0.75, {"0.2", "0.3", "0.4", "0.6"}), (0.01, 10.0, {"0.01", "0.1", "1", "10"})):
        figure = Figure()
        axis = figure.add_subplot()
        axis.plot([0, 1], [low, high])
        figures.logarithmic_axis(axis)
        figure.draw_without_rendering()
        labels = {label.get_text() for label in axis.yaxis.get_ticklabels(which="both")} - {""}
        assert wanted <= labels and not any("10^" in label for label in labels) and len(labels) < 10, labels


def test_a_row_gives_each_picture_its_shape(monkeypatch):
    """A strip of three frames is as high as it was asked for, not as wide; seven wide pictures still fit on a page."""
    import matplotlib.pyplot as plt

    from faceswap_lab.widgets import figures

    made = []
    monkeypatch.setattr(figures, "show", lambda figure, words: made.append(figure))
    figures.row([np.zeros((10, 30, 3))], height=2)
    figures.row([np.zeros((9, 16, 3))] * 7, height=2.6)
    figures.row([np.zeros((8, 8)), np.zeros((8, 8))], height=2)
    assert [tuple(figure.get_size_inches().round(2)) for figure in made] == [(6.0, 2.4), (18.2, 1.86), (4.0, 2.4)]
    # A page ten inches wide shrinks the second by 1.82: its titles are that much larger, and can be read.
    assert [round(figure.axes[0].title.get_fontsize(), 2) for figure in made] == [9, 16.38, 9]
    for figure in made:
        plt.close(figure)
