"""The command `convert`, through `main`: the shipped model on the sample clip, and what it refuses."""

import json

import numpy as np
import pytest
from consents import consented

from faceswap_lab import __main__, training
from faceswap_lab.base import weights
from faceswap_lab.base.errors import LabError
from faceswap_lab.cli import convert, frames_bar
from faceswap_lab.course import samples
from faceswap_lab.swap.options import ConversionOptions
from faceswap_lab.video import open_video
from faceswap_lab.video.pictures import list_pictures, read_picture, write_picture

MODEL = weights.data_folder() / "weights" / "quick_autoencoder"
TARGET = samples.sample_clip("target").path


def run(*arguments):
    return __main__.main(["convert", *map(str, arguments)])


def test_a_clip_without_a_face_set_and_then_other_settings(tmp_path, capsys):
    """The faces are found on the way; a settings file and an option that counts more; the other direction generates otherwise."""
    out = tmp_path / "swap"
    given = [TARGET, "--model", MODEL, "--out", out, "--range", "0.5-0.7", "--range", "1.0-1.2", "--no-label"]
    assert run(*given) == 0
    told, bars = capsys.readouterr()
    assert "8 of 8 frames swapped" in told and "swap.conversion.json" in told
    assert bars.count("\n") == 2 and 0 < bars.find("| 14/14 [") < bars.find("| 8/8 [")  # finding faces, then swapping them
    assert [int(path.stem) for path in list_pictures(out)] == [10, 11, 12, 13, 20, 21, 22, 23]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["swap", "swap.conversion.json"]
    first = read_picture(out / "000020.png")
    frame = next(open_video(TARGET).frames(start=1.0)).image
    changed = np.abs(first.astype(int) - frame).mean(axis=2)
    assert 0.02 < (changed > 8).mean() < 0.5

    assert run(*given) == 1
    assert "--overwrite" in capsys.readouterr().err
    ConversionOptions(blend="direct", colour="none").write(tmp_path / "s.json")
    again = [*given, "--overwrite", "--settings", tmp_path / "s.json", "--colour", "mean_std", "--direction", "B<-A"]
    assert run(*again) == 0
    written = json.loads((tmp_path / "swap.conversion.json").read_text())
    assert written["options"]["blend"] == "direct" and written["options"]["colour"] == "mean_std"
    assert np.abs(read_picture(out / "000020.png").astype(int) - first).mean() > 0.5


def test_a_bar_appears_with_the_first_frames(capsys):
    with frames_bar() as progress:
        assert capsys.readouterr().err == ""  # what is printed until then would stand in its line
        progress(2, 4)
    assert "| 2/4 [" in capsys.readouterr().err


def test_a_picture(tmp_path, capsys):
    frame = next(open_video(TARGET).frames(start=1.0)).image
    write_picture(tmp_path / "one.png", frame)
    assert run(consented(tmp_path / "one.png"), "--model", MODEL, "--out", tmp_path / "two.png") == 0
    assert "1 of 1 frame swapped" in capsys.readouterr().out
    assert np.abs(read_picture(tmp_path / "two.png").astype(int) - frame).mean() > 1


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["--range", "5-2"], "no frame to take"),
        (["--range", "two"], "no time range"),
        (["--range", "-"], "no time range"),
        (["--direction", "A->B"], "A<-B or B<-A"),
        (["--blend", "poisson"], "direct, mask"),
        (["--faces", "nowhere"], "no face set lies here"),
        (["--settings", "nothing.json"], "no such file"),
        (["--model", "nothing"], "no finished model"),
        (["--out", "video.avi"], "nothing is written as .avi"),
        (["--out", TARGET], "target clip itself"),
    ],
)
def test_what_is_wrong_is_said_at_once_and_leaves_nothing(tmp_path, capsys, monkeypatch, given, says):
    monkeypatch.chdir(tmp_path)
    assert run(TARGET, "--model", MODEL, "--out", "o.mp4", *given) == 1
    assert says in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_ranges_as_people_write_them():
    assert convert.read_range("2-5.5") == (2, 5.5)
    assert convert.read_range("8-") == (8, None) and convert.read_range("-3") == (None, 3)
    for text in ("", "a-b", "1-2-3", "--"):
        with pytest.raises(LabError, match="--range"):
            convert.read_range(text)


def test_a_model_is_told_from_others_by_its_weights_and_direction():
    model = training.load_model(MODEL)
    one, other = training.SwapFunction(model), training.SwapFunction(model, 1, 0)
    assert one.digest == training.SwapFunction(training.load_model(MODEL)).digest != other.digest
    before = one.digest
    model.weights[0].assign(np.asarray(model.weights[0]) + 1e-3)
    assert training.SwapFunction(model).digest == one.digest != before
