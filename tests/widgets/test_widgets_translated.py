"""Widgets in a language whose every message is wrapped: all that they show is, but for names that the test gave."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from pseudo_language import bare, catalogues, wrapped  # noqa: F401
from tuned import Generator, some_frames

from faceswap_lab.course import samples
from faceswap_lab.faces import curation
from faceswap_lab.faces.extraction import extract_faces
from faceswap_lab.models import autoencoder_networks
from faceswap_lab.provenance.consent import Ledger
from faceswap_lab.swap.options import SwapOptions
from faceswap_lab.widgets import (
    architecture,
    browser,
    comparisons,
    consent_panel,
    detection,
    figures,
    recall,
    recorder,
    training_panel,
    tuning,
    tuning_frames,
)  # fmt: skip

pytestmark = pytest.mark.usefixtures("wrapped")
TEXTS = ("description", "placeholder", "tooltip", "_options_labels")


def shown(widget) -> list[str]:
    """Every text of a widget and of those within it."""
    found = []
    for name in TEXTS:
        given = getattr(widget, name, None) or ()
        found += [given] if isinstance(given, str) else list(given)
    if type(widget).__name__ in ("HTML", "Label"):
        found.append(widget.value)
    return found + [text for child in getattr(widget, "children", ()) for text in shown(child)]


def left_bare(texts, data=()) -> list[str]:
    """What of some texts no translator can reach."""
    return [left for left in (bare(text, data) for text in texts) if left]


@pytest.fixture
def drawn(monkeypatch):
    """The texts of every figure that is shown, and the words that go with it."""
    seen = []
    monkeypatch.setattr(
        figures, "show", lambda figure, words: seen.extend([words, *(text.get_text() for text in figure.findobj(Text))])
    )
    yield seen
    plt.close("all")


def test_the_search_sees_what_is_not_wrapped():
    box = consent_panel.widgets.VBox([consent_panel.widgets.Button(description="Go on", tooltip="⟦goes⟧ on")])
    assert left_bare(shown(box)) == ["Go on", "on"]
    assert bare("⟦for ⟦case⟧ it gives 3⟧; <b>⟦no⟧</b>") == "" and bare("⟦a⟧ name.mp4", ["name.mp4"]) == ""


def test_the_face_browser(tmp_path, monkeypatch):
    faces = extract_faces(samples.sample_clips()["target"], tmp_path / "set", every=20)
    panel = browser.FaceBrowser(faces, page_size=2)
    seen, data = [], [*faces.table["face"], *curation.SORTS]
    monkeypatch.setattr("IPython.display.display", lambda picture, words: seen.extend([picture.alt, words.data]))
    panel._ipython_display_()
    for step in (panel.reject_button, panel.undo_button, panel.undo_button):
        step.click()
        seen += shown(panel.widget)
    panel.toggles[0].value = True
    for step in (panel.reject_button, panel.reject_button, panel.undo_button):
        step.click()
        seen += shown(panel.widget)
    assert any("undo" in text for text in seen) and left_bare(seen, data) == []


def test_the_consent_panel(tmp_path, monkeypatch):
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"a video")
    panel = consent_panel.ConsentPanel([clip, samples.sample_clips()["target"]], tmp_path / "ledger")
    known = Ledger(tmp_path / "ledger").records.values()
    data = [*(text for one in known for text in (one.identity, one.person[:60])), tmp_path, "anna", "Anna", "target.mp4"]
    seen = []
    monkeypatch.setattr("IPython.display.display", lambda words: seen.append(words.data))
    panel._ipython_display_()

    def grant(**values):
        for name, value in values.items():
            getattr(panel, name).value = value
        panel.grant_button.click()
        seen.extend([*shown(panel.widget), panel.message.value])

    grant()
    grant(asked=True)
    grant(identity="anna", files="")
    grant(person="Anna", files=str(clip))
    assert Ledger(tmp_path / "ledger").record("anna").person == "Anna"
    panel.choice.value = "anna"
    seen += shown(panel.choice)
    panel.revoke_button.click()
    seen.append(panel.message.value)
    grant(asked=True)
    panel.choice.value = panel._new
    seen += [panel.record.value, *shown(panel.asked)]
    names = ["prepare", "convert", ".json", "clip.mp4"]
    assert any("⟦1 file⟧" in text for text in seen) and any("⟦STOPPED: it ⟦was revoked" in text for text in seen)
    assert left_bare(seen, [*data, *names]) == []


def test_the_tuning_panel(tmp_path, monkeypatch):
    panel = tuning.TuningPanel(some_frames(1), Generator(), tmp_path / "settings.json", side=120)
    seen = shown(panel.widget)
    monkeypatch.setattr("IPython.display.display", lambda picture: seen.append(picture.alt))
    panel._ipython_display_()
    panel.save_button.click()
    seen.append(panel.message.value)
    panel.path = samples.ROOT / "pyproject.toml" / "settings.json"
    panel.save_button.click()
    assert panel.message.value.count("⟦") == 1, "an error is English, and is introduced in the reader's language"
    known = [name for names in tuning.CHOICES.values() for name in names]
    names = {control.description for control in panel.controls.values()}
    assert names == set(SwapOptions.__dataclass_fields__), "an option is called as in the settings file"
    assert left_bare([text for text in seen if text not in {*known, *names}], ["frame 0"]) == []


def test_a_frame_to_tune_on_is_named():
    faces = type("Faces", (), {"table": pd.DataFrame({"person": [], "frame": []}), "folder": "set"})
    with pytest.raises(tuning_frames.LabError, match="^set: it has no face of person 0"):  # an error stays English
        tuning_frames.choose_frames("clip.mp4", faces)


def test_the_training_panel(tmp_path, monkeypatch):
    panel, seen = training_panel.TrainingPanel("mine", interactive=False), []
    monkeypatch.setattr(figures, "logarithmic_axis", lambda axis: seen.append(axis.get_title()))
    axes = plt.matplotlib.axes.Axes
    for name in ("set_xlabel", "axvline"):
        kept = getattr(axes, name)
        monkeypatch.setattr(
            axes, name, lambda axis, *a, kept=kept, **k: (seen.extend([str(a[0]), str(k.get("label", ""))]), kept(axis, *a, **k))[1]
        )
    panel.begin(tmp_path, 0, 100)
    seen += [panel.text(), *shown(panel.widget)]
    rows = [{"step": 10 * n, "loss": 1.0 / n, "rollbacks": int(n > 3)} for n in range(1, 8)]
    panel.update(70, rows, 83.0, None)
    seen += [panel.text(), *shown(panel.widget)]
    panel.stop_button.click()
    panel.take("stop")
    panel.end(70, 100)
    seen.append(panel.text())
    panel.begin(tmp_path, 70, 100)
    panel.end(100, 100)
    panel.interactive = True
    panel.pause_button.click()
    seen += [panel.text(), panel.pause_button.description]
    assert any("back to a good state" in text for text in seen) and left_bare(seen, ["mine", "None"]) == []


def test_recorder_and_answers():
    page = recorder.Recorder(20)._repr_mimebundle_()
    script = page["text/html"].partition("<script>")[2]
    words = [text for text in script.split('"') if text.startswith("\\u27e6")]
    seen = [page["text/html"].partition("<script>")[0], page["text/plain"], repr(recall.Answers("02"))]
    assert len(words) == 3 and all(text.endswith("\\u27e7") for text in words)
    assert "*⟦Tempting⟧*" in recall.Answers("02")._repr_markdown_() and left_bare(seen) == []


def test_architecture():
    config = autoencoder_networks.quick(64)
    figure = architecture.draw({"encoder": autoencoder_networks.build_encoder(config)}, share={"encoder": 2})
    layers = {box.name for box in architecture.boxes(autoencoder_networks.build_encoder(config))}
    seen = [text.get_text() for text in figure.findobj(Text)]
    plt.close(figure)
    data = {name.replace("_", " ") for name in layers}
    assert any("weights" in text for text in seen) and left_bare([text for text in seen if text not in data]) == []


def test_figures(drawn, monkeypatch):
    picture = np.zeros((8, 8, 3))
    for count in (1, 2):
        figures.row([picture] * count)
    figures.rows({"1": [picture]})
    figures.rows({"1": [picture]}, titles=["2"])
    figures.curves({"3": pd.DataFrame({"step": [1, 2], "loss": [1.0, 0.5]})})
    figures.histograms({"4": {10: np.zeros(9)}})
    monkeypatch.setattr(figures.machine, "shell", lambda: 1)
    monkeypatch.setattr(figures, "display", lambda image, display_id: drawn.append(image.alt))
    figures.live_preview("5")(7, np.zeros((8, 8, 3), np.uint8))
    assert len(drawn) > 20 and left_bare([text for text in drawn if text not in ("step", "loss")]) == []


def test_comparisons(drawn):
    rows = [{"variant": name, "seed": seed, "structure_gain": 0.1 * seed} for name in ("base", "no_eyes") for seed in range(3)]
    comparisons.worth_plot(rows, ("structure_gain",))
    comparisons.chance_plot(np.ones((20, 3)), {"1": np.ones(20, bool)})
    assert any("eye and mouth term" in text for text in drawn) and left_bare(drawn) == []


def test_detection(drawn):
    def numbers(video, values):
        return pd.DataFrame({"scene": "5", "coding": "6", "video": video, "detector": "7", "number": values})

    table = pd.concat([numbers("real", np.arange(20.0)), numbers("8", np.arange(20.0) + 9)], ignore_index=True)
    table["frame"] = range(len(table))
    detection.spectra_plot({"1": np.ones((3, 9)), "2": np.zeros((3, 9))}, "1")
    detection.distributions_plot(table, "7")
    detection.honest_plot(table, table, "7")
    detection.false_alarms_plot(pd.DataFrame({"3": [0.05], "4": [0.5]}, index=["9"]))
    detection.base_rates_plot((0.5,), 0.9, 0.1)
    assert len(drawn) > 60 and left_bare(drawn, ["AUC", "mathdefault"]) == []
