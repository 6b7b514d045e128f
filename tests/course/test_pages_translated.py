"""Pages, panels' texts and tables in a language whose every message is wrapped: no sentence on them stands outside the marks.

What may stand outside is data: names of files, models, people, options and columns, numbers, papers.
"""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from pseudo_language import bare, catalogues, texts, wrapped  # noqa: F401
from test_grading import CHECK, IMPORT, RIGHT_ONE, write
from test_report import run, scored  # noqa: F401

from faceswap_lab.base import files
from faceswap_lab.base.messages import english
from faceswap_lab.cli import clean, grade
from faceswap_lab.course import challenge, class_predictions, clean_up, execution, grading, report, score_cards, scoring
from faceswap_lab.faces import diagnosis, diagnosis_report, findings, first_look
from faceswap_lab.metrics import card
from faceswap_lab.metrics.measures import all_scores
from faceswap_lab.provenance import credentials, register, verification
from faceswap_lab.swap.conversion_report import ConversionReport
from faceswap_lab.swap.doctor import Cause

pytestmark = pytest.mark.usefixtures("wrapped")
NAMES = ("autoencoder", "FaceSwap-GAN", "faceswap gan", "faceswap_gan", "other", "a run", "quick", "class", "swap.mp4",
         "clip.mp4", "t.mp4", "px", "dB")  # fmt: skip


def left(shown, *data) -> list[str]:
    """Those of some texts that no translator can reach."""
    return [one for one in (bare(text, (*NAMES, *data)) for text in shown) if one]


def notes() -> list[str]:
    """What is said of scores, as scores.json keeps it: of a clip where much is wrong."""
    table = pd.DataFrame(
        {
            "brightest": [3.0] * 2,
            "from_target": [0.0] * 2,
            "different": [0, 3],
            "landmarks_known": [1, 1],
            "landmarks_found": [0, 1],
        }
    )
    points = np.full((2, 5, 2), np.nan)
    said = card._notes(table, 0, points) + card._notes(table[:1], 0, points[:1])
    said += [*scoring._NOTES[True], *scoring._NOTES[False], score_cards.told_label("top left")]
    return [
        *said,
        f"autoencoder: {said[0]}",
        english(
            "Scored from the coded videos ({models}): where the visible label stands ({corner}), the target's own pixels count.",
            corner="top left", models="other",
        ),
    ]


@pytest.fixture
def whole(run):  # noqa: F811
    """A run whose page has every part: scores with notes and doubts, a signed video, executed notebooks, settings."""
    scored(run, output=str(run / "swap.mp4"))
    made = files.read_json(run / "scores.json")
    about = score_cards._described(all_scores()["psnr"]) | {"paper": ""}
    made["scores"] = {key: report.scores.MEASURES[key] for key in ("swap_gain", "gaze_error")} | {"psnr": about}
    made["models"]["autoencoder"] |= {"psnr": 20.0, "gaze_error": 3.0}
    made |= {
        "notes": notes(),
        "untrusted": score_cards._untrusted(all_scores()) | {"psnr": "misleads, and sees none of the faults tried."},
    }
    files.write_json(run / "scores.json", made)
    facts = files.read_json(run / "run.json")
    facts |= {"device": english("CPU, cores: {count}", count=2), "versions": {"keras": "3.1"}, "place": "colab"}
    facts["clips"]["target"] = "/elsewhere/x.mp4"
    files.write_json(run / "run.json", facts)
    files.write_json(
        run / "stages" / "04_gan.json", {"done": True, "made": execution._describe({Path("a/1"), Path("a/2")})}
    )
    made_of = (
        credentials.Ingredient("t.mp4", "0" * 64, identity="Anna"),
        credentials.Ingredient("clip.mp4", "1" * 64, "source"),
    )
    credentials.sign(run / "swap.mp4", credentials.Facts(model="other", ingredients=made_of, watermark="c0ffee"))
    (run / "pictures" / "the_pyramid.png").unlink()
    return run


DATA = ("Läufe & mehr #1", "03_autoencoder", "04_gan", "300 steps", "trainedAlgorithmicMedia", "Anna", "keras", "colab")


def test_the_page_of_a_run(whole):
    page = report.write_report(whole).read_text(encoding="utf-8")
    assert "⟦What the video says of itself⟧" in page and "⟦The score card⟧" in page and "⟦valid⟧" in page
    assert "⟦it lies outside this folder, and nobody gave it" in page and "⟦2 files in a⟧" in page
    assert left(texts(page), "x.mp4", "blends", "strip frames", *DATA) == []


def test_the_page_of_a_video_that_was_changed(whole):
    video = bytearray((whole / "swap.mp4").read_bytes())
    video[-1] ^= 1
    (whole / "swap.mp4").write_bytes(video)
    page = report.write_report(whole).read_text(encoding="utf-8")
    assert "⟦changed⟧" in page and "⟦The video, sound or picture was changed after it was signed" in page
    assert left(texts(page), "x.mp4", "blends", "strip frames", *DATA) == []


def test_a_run_that_has_made_nothing(tmp_path):
    page = report.write_report(tmp_path).read_text(encoding="utf-8")
    assert page.count("is not there yet") >= 6 and left(texts(page), tmp_path.name) == []


def test_the_page_of_a_score_card_and_its_lines(whole):
    page = report.write_card_page(whole).read_text(encoding="utf-8")
    assert "⟦Score card⟧" in page and left(texts(page), *DATA) == []
    made = files.read_json(whole / "scores.json")
    assert left(report.card_lines(made).splitlines()) == []


def test_the_page_that_compares_runs(whole, tmp_path):
    other = shutil.copytree(whole, tmp_path / "other")
    made = files.read_json(other / "scores.json")
    made["intervals"]["autoencoder"], made["models"]["autoencoder"]["swap_gain"] = {"swap_gain": [0.4, 0.5]}, 0.45
    files.write_json(other / "scores.json", made)
    files.write_json(other / "run.json", {"preset": "class"})
    options = (
        "preset",
        "seed",
        "device",
        "place",
        "versions.keras",
        "clips.target",
        "clips.source",
        "x.mp4",
        "versions",
        "03_autoencoder",
    )

    def page(*lines) -> list[str]:
        text = report.write_comparison([whole, other], tmp_path / "page").read_text(encoding="utf-8")
        said = report.comparison_lines([whole, other])
        assert [line for line in lines if line not in text] == []
        return left([*texts(text), *said.splitlines()], *options, *DATA)

    assert page("⟦Side by side⟧", "⟦clearly better⟧", "⟦frame 5, target⟧", "⟦All were scored on the same frames") == []
    made["clip"] |= {"digest": "another", "frames": 1}
    files.write_json(other / "scores.json", made)
    assert page("⟦These are different clips", "⟦1 frame⟧", "⟦No frames were kept") == []
    del made["clip"]["digest"]
    files.write_json(other / "scores.json", made)
    (other / "swap.mp4").unlink()
    made["clip"]["output"] = ""
    files.write_json(other / "scores.json", made)
    assert page("⟦other: scored by an older version", "⟦No video: other.⟧") == []


def test_what_verify_says_of_a_file(whole):
    anyone = verification.verify(whole / "swap.mp4")
    nothing = verification.verify(whole / "pictures" / "blends.png")
    assert "⟦valid⟧" in anyone.text and "⟦no credentials⟧" in nothing.text and anyone.state == "valid"
    names = ["faceswap_lab course certificate", "trainedAlgorithmicMedia", "c2pa.", "Anna", "0" * 64, "1" * 64]
    names += ["created", "edited", "opened", "placed", "watermarked", "unbound", whole, whole / "pictures" / "blends.png"]
    assert left([*anyone.text.splitlines(), *nothing.text.splitlines()], *names) == []


def test_the_table_of_grades(tmp_path):
    write(
        tmp_path,
        IMPORT,
        "import sys\ndef psnr(first, second):\n    sys.exit(0)",
        "psnr = checks.psnr(len)",
        printed="psnr: right",
    )
    write(tmp_path, IMPORT, RIGHT_ONE, CHECK, name="b.ipynb")
    limits = grading.Limits(20, 2 << 30)
    grades = [grading.grade_notebook(tmp_path / name, limits) for name in ("copy.ipynb", "b.ipynb")]
    said = "\n".join(map(grade.told, grades))
    assert "⟦look: " in said and "⟦its check was edited or is gone⟧" in said and "⟦missing⟧" in said
    names = [*grades[0].verdicts, "copy.ipynb", "b.ipynb", tmp_path, "sys.exit"]
    assert left(said.splitlines(), *names) == []
    assert grades[0].facts()["exercises"]["psnr"]["verdict"] == grading.WRONG, "programs read English"


def test_the_predictions_of_a_class(tmp_path):
    told = {
        "02 boxes": {"value": 1, "sure": 80, "result": 2, "hit": True},
        "02 x": {"value": 1, "sure": None, "result": 2, "hit": False},
    }
    students = [class_predictions.guesses(told)]
    said = class_predictions.told(students)
    assert "⟦Predictions of 1 student: 1 of 2 right⟧" in said and left(said.splitlines(), "02 boxes", "02 x") == []
    assert class_predictions.facts(students)["reliability"][0]["name"] == "70 to 80 % sure", "programs read English"


def test_the_ranking_of_a_challenge():
    entries = [challenge.Entry("a.mp4", why=""), challenge.Entry("b.mp4", remarks=["⟦x⟧"])]
    assert left(challenge.told(entries).splitlines(), "a.mp4", "b.mp4") == []


def test_what_a_conversion_did():
    cause = Cause(
        "change", english("The faces hardly changed ({levels:.1f} of 255 levels).", levels=1), english("Copy it again.")
    )
    warnings = [
        str(cause),
        "clip.mp4: "
        + english("its sound ({names}) was coded again (AAC), since browsers do not play it", names="x")
        + ".",
    ]
    reasons = "no face", "too small", "deleted", "cut off by the edge", "outside the range"
    for count in (1, 8):
        made = ConversionReport("swap.mp4", count, count, count, dict.fromkeys(reasons, 2),
                                1.0, 0.5, 2.0, count, watermark="c0ffee", warnings=warnings)  # fmt: skip
        assert left(made.summary().splitlines(), "c0ffee") == [] and json.dumps(made.warnings) == json.dumps(warnings)
    assert ConversionReport("swap.mp4", 1).summary() == "⟦swap.mp4: 0 of 1 frame swapped in 0.0 s⟧"


def test_a_diagnosis_and_a_first_look():
    known = {
        "distinct": 1,
        "faces": 9,
        "pixels": 3.0,
        "pitch": 2.0,
        "clips": 2,
        "one": "A",
        "other": "B",
        "degrees": 3.0,
    }
    every = [findings.finding(name, "A", "alarm", 0.5, "", **known) for name in findings.SENTENCES]
    one = np.ones(1)
    own = SimpleNamespace(faces=1, distinct=1, eye_distance=one, detail=one, luma=one, mouth=one, people=np.zeros(1, int),
                          pose=np.ones((1, 3)), span=lambda axis: 1.0, light_range=lambda: 0.0)  # fmt: skip
    penalties = {"A<-B": dict.fromkeys(diagnosis._penalties(own, own), 0.1)}
    found = diagnosis.Diagnosis({"A": own, "B": own}, every, {"A<-B": 0.5, "B<-A": 0.5}, penalties, {"A<-B": 0.5})
    shown = [text.get_text() for text in diagnosis_report.draw(found).findobj(Text)]
    assert left([*diagnosis_report.describe(found).splitlines(), *shown], "A<-B", "B<-A") == []
    values = {
        "damage": english("its end is missing"),
        "seconds": 1.0,
        "degrees": 90,
        "rate": 25.0,
        "why": "",
        "share": 0.5,
    }
    faults = [first_look._fault(name, "stop", **values) for name in first_look.SENTENCES]
    faults.append(
        first_look.Fault(
            "dark", "warning", *(text.format(who=first_look.WHOSE, number=0.1) for text in findings.SENTENCES["dark"])
        )
    )
    facts = english(
        "{width}x{height}, {rate:.4g} frames a second, {seconds:.1f} s", width=2, height=2, rate=1.0, seconds=1.0
    )
    for one in (
        first_look.FirstLook(Path("a.mp4"), facts, tuple(faults), np.zeros(1)),
        first_look.FirstLook(Path("a.mp4"), "", (), np.zeros(1)),
    ):
        assert left(str(one).splitlines(), "a.mp4") == []


def test_what_clean_finds_and_what_the_register_knows(whole, tmp_path, monkeypatch):
    for one in clean_up.find(whole):
        names = [whole, *(f"  {kind} " for kind in clean_up.WORDS), *(path.name for path in whole.rglob("*"))]
        assert left([line for line in clean.describe(one, ["faces"]).splitlines() if "/" not in line], *names) == []
    outputs = [register.Output("/a/b.mp4", "0", "2026-01-01", ("anna",), (), {})] * 2
    assert left(register.told(outputs), "/a/b.mp4") == []
    monkeypatch.setattr(clean_up, "user_folder", lambda: tmp_path)
    place = tmp_path / register.OUTPUTS
    place.mkdir()
    (place / "one.json").write_text("{}")
    assert left(clean_up.beyond(), f"python -m faceswap_lab clean {place} --remove", "python -m faceswap_lab clean") == []
