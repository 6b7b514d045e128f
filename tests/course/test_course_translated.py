"""What the course says in a notebook, in a language whose every message is wrapped: all of it is, but for names and paths."""

import re
import sys
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from pseudo_language import bare, catalogues, wrapped  # noqa: F401
from wrong_answers import WRONG

from faceswap_lab.base import files
from faceswap_lab.course import checks, predictions, presets, recipes, report, run_settings, runtime, scoring, stages
from faceswap_lab.course.checks.exercise import Choice
from faceswap_lab.metrics.measures import all_scores
from faceswap_lab.studies import asymmetry
from faceswap_lab.training import times
from faceswap_lab.widgets.training_panel import TrainingPanel

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "training"))
import small  # noqa: E402

pytestmark = pytest.mark.usefixtures("wrapped")
FUNCTIONS = [name for name, one in checks.EXERCISES.items() if not isinstance(one, Choice)]
CHOICES = [name for name, one in checks.EXERCISES.items() if isinstance(one, Choice)]


def left_bare(printed: str, *data) -> list[str]:
    """The lines of what was printed that no translator can reach."""
    return [left for left in (bare(line, data) for line in printed.splitlines()) if left]


@pytest.fixture
def run(tmp_path):
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).write_bytes(b"x")
    return runtime.prepare(out=tmp_path / "run", source=tmp_path / "b.mp4", target=tmp_path / "a.mp4")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_verdicts_on_functions(name, capsys):
    def stops(*arguments):
        raise ValueError("oh")

    one = checks.EXERCISES[name]
    given = [one.reference, lambda *a: None, lambda *a: -123.25, lambda *a: np.zeros((3, 99)), stops, 5]
    for mine in [*given, *(wrong for wrong, _ in WRONG[name])]:
        one(mine)
    printed = capsys.readouterr().out
    assert printed.count(f"{name}: ⟦") == len(given) + len(WRONG[name]) and left_bare(printed, f"{name}: ") == []


@pytest.mark.parametrize("name", CHOICES)
def test_verdicts_on_choices(name, capsys):
    one = checks.EXERCISES[name]
    for answer in (one.reference, dict.fromkeys(one.fields), {}, dict.fromkeys(one.fields, "?")):
        one(answer)
    for field, options in one.fields.items():
        for option in options:
            one({**one.reference, field: option})
    assert left_bare(capsys.readouterr().out, f"{name}: ") == []


def test_predictions(run, capsys):
    def both(name, value, result, sure=None, unit="", **options):
        run.predict(name, value, sure, unit)
        run.came(name, result, **options)

    both("02 a", 60, 63, 80, "boxes")
    run.predict("02 a", 63, 100, "boxes")
    both("02 b", (1, 5), 7)
    both("02 c", (1, 9), 7, 80)
    both("02 d", 9, 7)
    both("02 e", 7, 7)
    both("02 f", [1, 2], [1, 3])
    both("02 g", [1, 2], {1, 3})
    both("02 h", "many", 3)
    both("02 i", "1/3", "1/2")
    run.predict("02 j", 3, 0)
    run.predict("02 k", "x", choices=("1", "2"))
    run.came("02 l", 5)
    both("02 l", 5, 5)
    (run.out / predictions.FILE).write_text((run.out / predictions.FILE).read_text()[:-9] + "}")
    printed = capsys.readouterr().out
    run.predict("02 m", 5)
    printed += capsys.readouterr().out
    both("02 m", 5, 5, 80)
    predictions.show(run.out, "02")
    printed += capsys.readouterr().out
    assert len(printed.splitlines()) > 25 and left_bare(printed) == []


@pytest.mark.parametrize("place", list(runtime.GPU_MENUS))
@pytest.mark.parametrize("preset", ["quick", "class"])
@pytest.mark.parametrize("found", [[], ["Tesla T4"]])
def test_set_up(tmp_path, run, capsys, monkeypatch, place, preset, found):
    monkeypatch.setattr(runtime, "devices", lambda: found)
    monkeypatch.setattr(runtime, "place", lambda: place)
    (tmp_path / "kept").mkdir()
    runtime.setup(preset, 0, run.out, keep=tmp_path / "kept")
    printed = capsys.readouterr().out
    data = ("keras ", f"{preset}: ", run.out, tmp_path / "kept" / "runs" / "run", *found)
    assert "⟦preset⟧" in printed and left_bare(printed, *data) == []


def test_what_a_run_is_doing(run, capsys, monkeypatch):
    stages.model_folder(run, "autoencoder", seed=1)
    stages.model_folder(run, "autoencoder", seed=2)
    assert stages.warm_start(small.model()) is False
    gan = type("Gan", (), {"config": small.SMALL_GAN, "begin_with": lambda self, generator: 7})()
    recipes.begin_gan(gan, run.out)
    scoring.compare(run, 0, {}, np.zeros((5, 2)))
    monkeypatch.setattr(scoring.training, "load_model", lambda *given: None)
    monkeypatch.setattr(scoring.training, "SwapFunction", lambda *given, **named: SimpleNamespace())
    monkeypatch.setattr(scoring, "base_function", lambda *given: None)
    scoring.swap_functions(run)
    (run.models("autoencoder") / "model.json").write_text("{}")
    scoring.swap_functions(run)
    said = run_settings.told_settings(run)
    printed = capsys.readouterr().out
    assert len(printed.splitlines()) >= 6 and left_bare(f"{printed}\n{said}") == []


class Clicks(keras.callbacks.Callback):
    """Clicks save at the first interval's end, and stop at the second's; notes what the panel says."""

    def __init__(self, panel):
        super().__init__()
        self.panel, self.seen = panel, []
        kept = panel.say
        panel.say = lambda text: (self.seen.append(text), kept(text))

    def on_epoch_end(self, epoch, logs=None):
        (self.panel.save_button if epoch == 0 else self.panel.stop_button).click()


def test_what_a_training_says(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("faceswap_lab.training.callbacks.POLL_EVERY", 0.0)
    panel = TrainingPanel("mine", interactive=False)
    clicks = Clicks(panel)
    small.train(small.model(), tmp_path / "mine", 8, callbacks=(clicks,), panel=panel)
    small.train(small.model(), tmp_path / "mine", 8, batch_size=5)
    printed = capsys.readouterr().out
    assert "⟦saved at step 2⟧" in clicks.seen and "everything is saved" in printed and "other settings" in printed
    assert left_bare("\n".join([printed, *clicks.seen])) == []
    assert left_bare("\n".join(map(times.in_words, (1, 20, 500, 90_000)))) == []


def test_every_preset_can_be_told(capsys):
    for one in presets.PRESETS.values():
        print(one.told())
    assert left_bare(capsys.readouterr().out) == []


def test_the_report_of_a_run_and_what_the_asymmetry_came_to(run):
    known = {"title": "PSNR", "meaning": all_scores()["psnr"].meaning, "better": "higher", "unit": "levels", "needs": []}
    one = {"swap_gain": 0.31, "identity_gain": 0.42, "psnr": 20.0}
    files.write_json(run.out / "scores.json", {
        "models": {"warm": one, "other": one}, "baselines": {"unchanged": {"swap_gain": 0.0}}, "best": "warm", "notes": [],
        "scores": {"swap_gain": report.scores.MEASURES["swap_gain"], "psnr": known}, "untrusted": {"psnr": ""},
        "intervals": {"warm": {"swap_gain": [0.3, 0.4], "psnr": [1, 2]}}, "clip": {"truth": True},
        "differences": {"other": {"swap_gain": [0.1, 0.05, 0.2]}}, "frames": {"warm": {"best": [3]}},
        "shown": {"warm": {"3": {"psnr": 20.0}}},
    })  # fmt: skip
    (run.out / "scores" / "frame_000003_warm.jpg").parent.mkdir()
    for name in ("frame_000003_warm.jpg", "frame_000003_target.jpg", "curves.png", "heat.png"):
        (run.out / "scores" / name).write_bytes(b"x")
    for name in ("models/warm/previews/step_000002.png", "faces/B/contact_sheet.png", "swap/warm_mask.mp4", "swap.mp4",
                 "pictures/strip_0003.png", "pictures/blends.png", "stages/01_frames.json"):  # fmt: skip
        (run.out / name).parent.mkdir(parents=True, exist_ok=True)
        (run.out / name).write_text("{}")
    page = report.write_report(run.out).read_text(encoding="utf-8")
    shown = re.sub(r"<style>.*?</style>|<script>.*?</script>|<dt>(?!⟦(?!source|target|versions)).*?</dd>", "", page, flags=re.S)
    shown = re.sub(r"<a href='[^']*'><img[^>]*></a>", "", shown)
    left = left_bare("\n".join(re.split(r"</?(?:p|h\d|td|th|figcaption|dt|dd|b|span|small|button|title|footer)\b[^>]*>", shown)),
                     "warm", "other", "quick", "blends", "01_frames", "px", "swap_gain", "†")  # fmt: skip
    assert "⟦The result⟧" in page and "⟦the target as it was⟧" in page and left == []
    for shift in (0.2, -0.2, 0.0):
        assert left_bare(asymmetry.Effect("size", shift, 0.1, 0.2, 0.0, 0.3).sentence(), "(size)") == []
