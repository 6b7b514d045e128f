"""The report page: whole, in parts, and with damaged parts."""

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import cv2
import numpy as np
import pandas as pd
import pytest
from ffmpeg_program import program
from matplotlib.figure import Figure

from faceswap_lab.base import files
from faceswap_lab.base.errors import LabError
from faceswap_lab.course import report, samples
from faceswap_lab.course.report import frames, pictures, scores
from faceswap_lab.provenance import credentials
from faceswap_lab.provenance.verification import verify
from faceswap_lab.video import open_video

SCORES = {
    "models": {
        "autoencoder": {"swap_gain": 0.31, "identity_gain": 0.42, "pixel_gain": 0.66, "nearer_to_source": 0.93},
        "faceswap_gan": {
            "swap_gain": -0.05,
            "identity_gain": 0.1,
            "pixel_gain": 0.4,
            "landmark_error": 0.041,
            "gaze_error": 4.417,
            "sharpness": 0.93,
        },  # fmt: skip
    },
    "baselines": {
        "unchanged": {"swap_gain": 0.0, "identity_gain": 0.0, "pixel_gain": 0.0},
        "tint": {"swap_gain": -0.03},
    },
}


def write_picture(path: Path, seed: int = 0, size: int = 64) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = np.random.default_rng(seed).integers(0, 255, (size, size, 3), dtype=np.uint8)
    path.write_bytes(cv2.imencode(".png", picture)[1].tobytes())


def ffmpeg(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([program(), *arguments], capture_output=True, text=True, check=False)


def make_clip(clip: Path, pattern: str, *options: str) -> None:
    ffmpeg("-loglevel", "error", "-f", "lavfi", "-i", pattern, *options, str(clip)).check_returncode()


@pytest.fixture
def run(tmp_path):
    """A whole run's folder, with names that need escaping."""
    folder = tmp_path / "Läufe & mehr #1" / "a run"
    clip = tmp_path / "clip.mp4"
    make_clip(clip, "testsrc=size=64x48:rate=5:duration=1", "-pix_fmt", "yuv420p")
    clips = {"target": str(clip), "source": str(clip)}
    files.write_json(folder / "run.json", {"preset": "quick", "seed": 3, "clips": clips})
    for role in ("A", "B", "target"):
        for index in range(3):
            write_picture(folder / "faces" / role / "faces" / f"00000{index}_0.png", index)
    for model in ("autoencoder",):
        history = "step,loss,mask,seconds\n25,0.5,0.1,1\n50,0.01,0.2,2\n"
        files.write_text(folder / "models" / model / "history.csv", history)
        for step in (2, 10, 100):
            write_picture(folder / "models" / model / "previews" / f"step_{step:06d}.png", step)
    (folder / "swap").mkdir()
    for name in ("swap.mp4", "swap/autoencoder_mask.mp4", "swap/autoencoder_direct.mp4", "swap/other.mp4"):
        shutil.copy(clip, folder / name)
    write_picture(folder / "pictures" / "strip_frames.png")
    write_picture(folder / "pictures" / "strip_0024.png")
    write_picture(folder / "pictures" / "blends.png")
    write_picture(folder / "pictures" / "the_pyramid.png")
    files.write_text(folder / "pictures" / "the_pyramid.txt", "Nine <scales> of one frame")
    files.write_json(folder / "stages" / "03_autoencoder.json", {"done": True, "minutes": 3.25, "made": "300 steps"})
    files.write_json(folder / "scores.json", SCORES)
    return folder


class Links(HTMLParser):
    """Collects what a page refers to, and checks that its tags close in order."""

    VOID = ("meta", "img", "input", "br")

    def __init__(self):
        super().__init__()
        self.found, self.open = [], []

    def handle_starttag(self, tag, attributes):
        self.found += [value for name, value in attributes if name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def read_page(page: Path) -> tuple[str, list[str]]:
    content = page.read_text(encoding="utf-8")
    links = Links()
    links.feed(content)
    assert links.open == []
    return content, links.found


def test_whole_run(run):
    page = report.write_report(run)
    content, links = read_page(page)
    assert page == run / "index.html"
    assert len(links) > 15
    for link in links:
        assert not re.match(r"[a-z]+:|/", link), "nothing outside the folder"
        assert (run / unquote(link)).is_file()
    assert "is not there yet" not in content
    assert "Nine &lt;scales&gt; of one frame" in content
    assert "<figcaption>frame 24</figcaption>" in content and "<figcaption>strip frames</figcaption>" in content
    assert "Synthetic." in content
    assert "mask overlay" in content
    assert re.search(r"<tr class='best'><td>autoencoder</td>", content)
    assert "3.2" in content and "300 steps" in content
    assert "4.4°" in content and "gaze error" in content and "sharpness" in content
    steps = re.findall(r"step_(\d{6})", content.split("data-pictures=")[1].split(">")[0])
    assert steps == ["000002", "000010", "000100"]


def test_the_page_tells_what_the_film_says_of_itself(run):
    content, _ = read_page(report.write_report(run))
    assert "What the video says of itself" in content and "<dd>no credentials</dd>" in content
    made_of = (
        credentials.Ingredient("<a>.mp4", "0" * 64, identity="anna"),
        credentials.Ingredient("b.mp4", "1" * 64, "source"),
    )
    credentials.sign(run / "swap.mp4", credentials.Facts(model="generator", ingredients=made_of, watermark="c0ffee"))
    content, _ = read_page(report.write_report(run))
    for words in (
        "<dd>valid</dd>",
        "trainedAlgorithmicMedia",
        "&lt;a&gt;.mp4 (anna)",
        "<dd>b.mp4</dd>",
        "no watermark of",
    ):
        assert words in content, words  # the video itself was not marked: that is what is said
    video = bytearray((run / "swap.mp4").read_bytes())
    video[-1] ^= 1
    (run / "swap.mp4").write_bytes(video)
    assert "<dd>changed</dd>" in read_page(report.write_report(run))[0]


def test_empty_run_names_the_notebooks(tmp_path):
    content, _ = read_page(report.write_report(tmp_path))
    for notebook in ("02", "03", "05"):
        assert f"notebook {notebook} makes it" in content


PARTS = ["faces", "models", "swap", "pictures", "stages", "scores.json", "run.json", "swap.mp4"]


@pytest.mark.parametrize("part", PARTS)
def test_any_part_may_be_missing(run, part):
    path = run / part
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    read_page(report.write_report(run))


def test_damaged_parts(run):
    files.write_text(run / "scores.json", "{half")
    files.write_text(run / "models" / "autoencoder" / "history.csv", "")
    files.write_text(run / "stages" / "03_autoencoder.json", "[]")
    (run / "faces" / "A" / "faces" / "000001_0.png").write_bytes(b"no picture")
    content, _ = read_page(report.write_report(run))
    assert "The table of scores is not there yet" in content


def test_no_such_run(tmp_path):
    with pytest.raises(LabError, match="no such run"):
        report.write_report(tmp_path / "none")


def test_summary(run):
    lines = report.summary(run).splitlines()
    assert lines[1].startswith("* autoencoder") and "0.31" in lines[1]
    assert lines[-1].startswith("  tint") and lines[-1].count("-") == 3  # one minus sign, two gaps
    files.write_json(run / "scores.json", {"models": {"a": {"swap_gain": -0.001}}})
    assert report.summary(run).splitlines()[1].split() == ["*", "a", "0.00", "-", "-"]  # no -0.00
    (run / "scores.json").unlink()
    assert report.summary(run) == ""


def test_best_model():
    assert scores.best_model(SCORES) == "autoencoder"
    assert scores.best_model({**SCORES, "best": "faceswap_gan"}) == "faceswap_gan"
    assert scores.best_model({}) is None


@pytest.mark.parametrize(
    ("size", "shown"), [("1080x1920", (720, 1280)), ("1920x1080", (1280, 720)), ("320x240", (320, 240))]
)
def test_a_clip_that_is_coded_again_is_as_sharp_upright_as_lying(tmp_path, size, shown):
    make_clip(tmp_path / "clip.mkv", f"testsrc=size={size}:rate=5:duration=0.4", "-c:v", "ffv1")
    assert pictures.playable_clip(tmp_path / "clip.mkv", tmp_path / "copy.mp4")
    assert open_video(tmp_path / "copy.mp4").size == shown


def test_playable_clip(tmp_path):
    clip, copy = tmp_path / "-odd %d: ü.mkv", tmp_path / "copy.mp4"
    make_clip(clip, "testsrc=size=63x47:rate=5:duration=1", "-c:v", "ffv1")
    assert pictures.playable_clip(clip, copy)
    facts = ffmpeg("-i", str(copy)).stderr
    assert "h264" in facts and "yuv420p" in facts and verify(copy).state == "no credentials"
    assert pictures.playable_clip(clip, tmp_path / "swap.mp4", swapped=True)
    assert verify(tmp_path / "swap.mp4", [clip]).good
    bad = tmp_path / "bad.mp4"
    bad.write_text("no video")
    assert not pictures.playable_clip(bad, tmp_path / "bad_copy.mp4")
    assert not pictures.playable_clip(tmp_path, tmp_path / "folder.mp4")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([clip.name, "bad.mp4", "copy.mp4", "swap.mp4"])


def test_sample_clip_is_found_from_a_relative_path(run):
    files.write_json(run / "run.json", {"clips": {"target": "data/sample/target.mp4"}})
    report.write_report(run)
    assert (run / "report" / "target.mp4").exists() == (samples.ROOT / "data/sample/target.mp4").exists()


def scored(folder: Path, **clip) -> None:
    """Gives a run's folder what `cards` writes: intervals, meanings, a table of frames, pictures."""
    about = {
        "swap_gain": {"title": "swap gain", "meaning": "how far", "better": "higher", "unit": "", "limits": [None, 1]},
        "gaze_error": {
            "title": "gaze error",
            "meaning": "how much",
            "better": "lower",
            "unit": "deg",
            "limits": [0, 180],
        },
    }
    rows = {"best": [3], "worst": [7], "even": [5]}
    more = {
        "best": "autoencoder",
        "scores": about,
        "intervals": {"autoencoder": {"swap_gain": [0.27, 0.36]}},
        "differences": {"tint": {"swap_gain": [0.34, 0.3, 0.4]}, "faceswap_gan": {"swap_gain": [0.36, -0.1, 0.7]}},
        "frames": {"autoencoder": rows},
        "shown": {"autoencoder": {"3": {"swap_gain": 0.5}, "7": {"swap_gain": -0.2}}},
        "untrusted": {"gaze_error": "ranks a blur above a swap"},
        "clip": {"target": "t.mp4", "frames": 9, "size": [64, 48], "truth": True, "digest": "d", **clip},
        "notes": ["One <thing> to know"],
    }
    files.write_json(folder / "scores.json", {**SCORES, **more})
    for row in (3, 5, 7):
        for what in ("target", "truth", "autoencoder", "autoencoder_heat"):
            write_picture(frames.picture_path(folder / "scores", row, what), row)
    frames.legend_picture(folder / "scores" / "heat.png", "levels")
    table = pd.DataFrame({"swap_gain": np.linspace(0, 1, 9)})
    assert frames.curves_picture(
        {"autoencoder": table},
        {"autoencoder": {"swap_gain": 0.3}},
        {"swap_gain": "swap gain"},
        folder / "scores" / "curves.png",
    )


def test_a_run_shows_its_card(run):
    scored(run)
    content, links = read_page(report.write_report(run))
    for words in (
        "0.27 to 0.36", "Swap gain: clearly better than tint.", "Swap gain: no clear difference from FaceSwap-GAN.",
        "The best frames", "The worst frames", "Frame 7: swap gain -0.20", "ranks a blur above a swap", "One &lt;thing&gt; to know",
        "colours of the heat maps", "Over time",
    ):  # fmt: skip
        assert words in content, words
    for link in links:
        assert (run / unquote(link)).is_file()
    assert "scores/frame_000003_autoencoder_heat.jpg" in links and "†" in content


def test_what_there_was_before_training_stands_beside_what_came_of_it(run):
    content, links = read_page(report.write_report(run))
    assert "Before training" not in content
    shutil.copy(run / "swap.mp4", run / "swap" / "base_mask.mp4")
    content, links = read_page(report.write_report(run))
    assert content.index("Before training") < content.index("the best model’s") and links.count("swap/base_mask.mp4") == 2


def test_a_card_has_a_page_of_its_own(run):
    scored(run, truth=False, output=str(run / "swap.mp4"))
    content, links = read_page(report.write_card_page(run))
    assert (
        "the true swap is not known" in content and "not where it is wrong" in content and "report/output.mp4" in links
    )
    assert "swap gain" in report.card_lines(files.read_json(run / "scores.json"))
    with pytest.raises(LabError, match="no such file"):
        report.write_card_page(run / "nowhere")


def test_runs_side_by_side(run, tmp_path):
    scored(run)
    other = shutil.copytree(run, tmp_path / "other")
    made = files.read_json(other / "scores.json")
    made["intervals"]["autoencoder"]["swap_gain"], made["models"]["autoencoder"]["swap_gain"] = [0.4, 0.5], 0.45
    files.write_json(other / "scores.json", made)
    files.write_json(other / "run.json", {"preset": "class", "seed": 3})
    content, links = read_page(report.write_comparison([run, other], tmp_path / "page"))
    assert "clearly better" in content and "<td>preset</td><td>quick</td><td>class</td>" in content
    assert "<td>seed</td>" not in content, "what is the same is left out"
    assert content.count("<video") == 2 and "Play all in step" in content and "frame 5, target" in content
    for link in links:
        assert (tmp_path / "page" / unquote(link)).is_file()
    made["clip"]["digest"] = "another"
    files.write_json(other / "scores.json", made)
    content, _ = read_page(report.write_comparison([run, other], tmp_path / "page"))
    assert "These are different clips" in content and "No frames were kept" in content
    files.write_json(other / "scores.json", SCORES)
    assert "older version" in report.comparison_lines([run, other])


def test_heat_and_cut_out():
    grey = np.full((80, 100, 3), 100, np.uint8)
    other = grey.copy()
    other[20:40, 30:50] += 32
    other[50:60] += 100
    found = frames.heat(other, grey)
    assert found[0, 0].max() < 10 and found[55, 5].sum() > found[30, 40].sum() > 100, "black, then hotter, then hottest"
    points = np.array([[40, 30], [60, 30], [50, 40], [43, 50], [57, 50.0]])
    part = frames.cut_out(other, points, width=50, side=62)
    assert part.shape == (62, 62, 3) and (part == 132).any() and (part == 200).any()
    assert frames.cut_out(grey, points * np.nan, 50, 32).shape == (32, 32, 3)
    assert frames.cut_out(grey, points + 60, 500, 32).shape == (32, 32, 3), "a face that reaches beyond the picture"
    assert frames.spread_rows(120) == frames.spread_rows(120) and len(frames.spread_rows(1)) == 1


EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'><b>"


class Strangers(HTMLParser):
    """Collects what a page could run: scripts, event attributes, addresses that are no files; and elements of no page of ours."""

    def __init__(self):
        super().__init__()
        self.scripts, self.harm = 0, []

    def handle_starttag(self, tag, attributes):
        self.scripts += tag == "script"
        if tag in ("iframe", "object", "embed", "form", "base", "link"):
            self.harm.append(tag)
        for name, value in attributes:
            if name.startswith("on") or (name in ("src", "href") and (value == "x" or ":" in value.split("/")[0])):
                self.harm.append(f"{name}={value}")


def assert_harmless(page: Path) -> None:
    found = Strangers()
    found.feed(page.read_text(encoding="utf-8"))
    assert found.scripts == 1 and not found.harm, found.harm  # the page's own script, and nothing else


def hostile(value):
    """Every text of a JSON value, names too, replaced or followed by markup; numbers stay."""
    if isinstance(value, dict):
        kept = ("models", "baselines", "scores", "intervals", "frames", "shown", "clip", "notes", "untrusted", "best",
                "worst", "even", "title", "meaning", "better", "unit", "limits", "truth", "digest", "output",
                "target", "differences", "swap_gain",
                "gaze_error", "identity_gain", "pixel_gain", "3", "7",
                "done", "minutes", "made", "preset", "seed", "clips", "source",
                "nearer_to_source", "landmark_error", "sharpness", "parameters", "versions", "device", "time")  # fmt: skip
        return {
            (key if key in kept else key + EVIL): (one if key in ("better", "unit") else hostile(one))
            for key, one in value.items()
        }
    if isinstance(value, list):
        return [hostile(one) for one in value]
    return value + EVIL if isinstance(value, str) else value


def test_names_and_notes_of_strangers_stay_text(run, tmp_path):
    """Report, score card and comparison of a run whose every name, note and setting is markup."""
    scored(run)
    evil = EVIL.replace("/", "\u2044")  # no file's name holds a slash
    facts = {**files.read_json(run / "run.json"), "device": "cpu", "time": "now", "versions": {"keras": "3"}}
    clip = tmp_path / f"{evil}.mp4"
    shutil.copy(run / "swap.mp4", clip)
    files.write_json(
        run / "run.json", {**hostile({**facts, "clips": {}}), "clips": {"target": str(clip), "source": str(clip)}}
    )
    scores = hostile(files.read_json(run / "scores.json"))
    files.write_json(run / "scores.json", {**scores, "clip": {**scores["clip"], "output": str(clip)}})
    marker = {"done": True, "minutes": 1.0, "made": EVIL, "parameters": {EVIL: EVIL}}
    files.write_json(run / "stages" / f"03_{evil}.json", marker)
    files.write_json(run / "models" / "autoencoder" / "config.json", {"options": {EVIL: EVIL}})
    (run / "models" / "autoencoder").rename(run / "models" / evil)
    for name in ("strip_", "blend_", ""):
        write_picture(run / "pictures" / f"{name}{evil}.png")
        files.write_text(run / "pictures" / f"{name}{evil}.txt", EVIL)
    shutil.copy(clip, run / "swap" / f"{evil}.mp4")
    other = shutil.copytree(run, tmp_path / f"other {evil}")
    files.write_json(other / "run.json", {"preset": EVIL, "seed": EVIL})
    for page in (
        report.write_report(run),
        report.write_card_page(run),
        report.write_comparison([run, other], tmp_path / "page"),
    ):
        assert_harmless(page)
        assert "&lt;script&gt;alert(1)" in page.read_text(encoding="utf-8")
    assert_harmless(report.write_report(other))


def test_the_search_for_harm_finds_it(tmp_path):
    for harm in (f"<p>{EVIL}</p>", "<a href='javascript:alert(1)'>x</a>", "<img src='a.png' onload='x()'>", "<iframe>"):
        files.write_text(tmp_path / "page.html", f"<script></script>{harm}")
        with pytest.raises(AssertionError):
            assert_harmless(tmp_path / "page.html")


def test_a_score_stands_with_its_unit():
    from faceswap_lab.course.report.scores import in_unit
    from faceswap_lab.course.score_cards import UNITS, with_unit
    from faceswap_lab.metrics.measures import all_scores

    assert [in_unit(0.25, unit) for unit in UNITS] == ["0.25", "25.0 %", "0.2°", "0.2 dB", "0.2 of 255", "0.2 %"]
    titles = {name: with_unit(name, score.unit) for name, score in all_scores().items()}  # every unit is a known one
    assert titles["psnr"] == "psnr (dB)" and titles["seam"] == "seam (levels of 255)" and titles["ssim"] == "ssim"


@pytest.mark.parametrize("charts", [1, 4])
def test_the_legend_of_the_curves_names_every_output_within_the_picture(tmp_path, monkeypatch, charts):
    """Six outputs, one of which lacks the first score; a name beyond the edge would be cut off."""
    saved = []
    draw = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda figure, *given, **more: (draw(figure, *given, **more), saved.append(figure)))
    names = ("autoencoder", "faceswap_gan", "autoencoder_from_nothing", "autoencoder_shared_decoder", "base", "base_fine_tuned")
    titles = {f"score {k}": f"score {k}" for k in range(charts)}
    tables = {name: pd.DataFrame({one: np.linspace(0, 1, 9) for one in titles}) for name in names}
    if charts > 1:
        tables["base"] = tables["base"].drop(columns="score 0")
    assert frames.curves_picture(tables, {}, titles, tmp_path / "curves.png")
    (legend,) = saved[0].legends
    place, whole = legend.get_window_extent(), saved[0].bbox
    assert sorted(text.get_text() for text in legend.get_texts()) == sorted(names)
    assert place.x0 >= 0 and place.y0 >= 0 and place.x1 <= whole.x1 and place.y1 <= whole.y1
